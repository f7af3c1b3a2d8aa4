"""Files of manifests as text, before anyone parsed them: what both kinds of source hand over, and the limits on it.

In: names and bytes. Out: `File`, `Gathered`, and the `Problem`s that sources make (codes SRC…).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from auditor.model import Place, Problem, Severity

TEXT_BYTES: Final = 1 << 30
"""What a reading process takes at most, whatever the settings permit."""
LISTED: Final = 1_000_000
"""Most names of a tree that are listed for renderers."""
LINK_HOPS: Final = 8
SUFFIXES: Final = (".yaml", ".yml", ".json")

NO_MANIFESTS: Final = "SRC101"
TWICE: Final = "SRC102"
TOO_LARGE: Final = "SRC103"
LINK: Final = "SRC104"
SUBMODULE: Final = "SRC105"
LFS: Final = "SRC106"
UNREADABLE: Final = "SRC107"
READER: Final = "SRC108"


@dataclass(frozen=True, slots=True)
class File:
    """One file: the name that people open, its text, and the id of its blob where git holds it."""

    name: str
    text: bytes = field(repr=False)
    blob: str | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """The files of a source in the order of their names, and what was wrong with those that are not among them."""

    files: tuple[File, ...] = ()
    problems: tuple[Problem, ...] = ()
    renderable: bool = False
    """There is a kustomization or a chart among what was found."""


RENDERABLE: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization", "Chart.yaml")
"""Names of the files that make a folder one that is rendered."""


def is_renderable(name: str) -> bool:
    """Whether the path is that of a kustomization or a chart."""
    return name.rpartition("/")[2] in RENDERABLE


def is_manifest(name: str) -> bool:
    """Whether the name ends as manifests do; kubectl looks at the same three endings."""
    return name.endswith(SUFFIXES)


def printable(name: str) -> str:
    """The name with every byte that is not UTF-8, and every control character, as %XX.

    Names come from outside: they go to terminals, metrics and databases, which fail on lone surrogates or obey escapes.
    """
    if name.isprintable():
        return name
    return "".join(
        letter
        if letter.isprintable()
        else "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogateescape"))
        for letter in name
    )


def problem(
    code: str,
    message: str,
    *,
    source: str,
    file: str,
    remedy: str = "",
    severity: Severity = Severity.ERROR,
    line: int = 1,
) -> Problem:
    """A problem with a file as a whole."""
    return Problem(code, severity, message, remedy, Place(source, file, line))


def too_large(name: str, size: int, limit: int, *, source: str) -> Problem:
    return problem(
        TOO_LARGE,
        f"{name} has {size / (1 << 20):.1f} MiB; files of more than {limit >> 20} MiB are not read",
        remedy="split the file, or raise limits.file_mib of this source",
        source=source,
        file=name,
    )


_LFS = re.compile(rb"version https://git-lfs\.github\.com/spec/v\d")


def lfs_pointer(file: File, *, source: str) -> Problem | None:
    """A problem where the text is a Git LFS pointer: the manifest itself is not in the repository."""
    if len(file.text) > 1024 or not _LFS.match(file.text):
        return None
    return problem(
        LFS,
        f"{file.name} is a Git LFS pointer: its content is not in the repository",
        remedy="store manifests in git itself: git lfs migrate export",
        source=source,
        file=file.name,
    )


def no_manifests(where: str, *, source: str, instead: Mapping[str, int] = MappingProxyType({})) -> Problem:
    """`instead`: how many documents of what kind there were."""
    found = ", ".join(f"{count} × {what}" for what, count in sorted(instead.items()))
    return problem(
        NO_MANIFESTS,
        f"no manifests found in {where}" + (f" ({found})" if found else ""),
        remedy="name the folder that holds .yaml, .yml or .json files of Kubernetes objects",
        severity=Severity.WARNING,
        source=source,
        file=where,
    )


def charts(files: Iterable[File]) -> tuple[str, ...]:
    """Names of the Helm charts' own files among these."""
    return tuple(file.name for file in files if file.name.endswith("Chart.yaml"))


def near(name: str, names: Iterable[str]) -> str:
    """A remedy that lists the names closest to one that does not exist; "" where there are none at all."""
    from difflib import get_close_matches  # the reading process imports this module and never needs it

    known = sorted(set(names))
    close = get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    return f"there {'are' if len(known) > 1 else 'is'} {', '.join(known[:5])}" if known else ""
