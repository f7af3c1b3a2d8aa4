"""The parts of a source that are rendered: a `Tree` in, what each part declares out, as if it had been written down.

Two steps, as the first needs the repository and the second must not keep it: `prepared` finds the parts and reads all that they
need, `rendered` runs the renderer on each. What cannot be rendered is a `Problem`, and the other parts stand.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson

from auditor.desired import helm, kustomize, outcome, roots, tool
from auditor.desired.files import File, Gathered, printable, problem
from auditor.desired.records import Read
from auditor.desired.roots import Division, Plan, Scan
from auditor.desired.sandbox import Request
from auditor.desired.trees import Tree
from auditor.model import Place, Problem, Root, Severity
from auditor.settings import RenderSettings

NOT_RENDERED: Final = "SRC401"
LIMIT: Final = "SRC405"
PART_BYTES: Final = 256 << 20
"""Most text that one renderer is given."""

_SCAN: Final = "from auditor.desired.scanning import main; main()"


@dataclass(frozen=True, slots=True)
class Prepared:
    """`plain`: what is left of the gathered files; `parts`: each plan with the texts of its files, and what its links say."""

    plain: tuple[File, ...] = ()
    parts: tuple[Part, ...] = ()
    problems: tuple[Problem, ...] = ()
    tree: Tree | None = field(default=None, repr=False)
    division: Division = field(default=Division(), repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """A plan, and all that its renderer is given."""

    plan: Plan
    files: Mapping[str, bytes] = field(repr=False)
    links: Mapping[str, str] = field(repr=False)


def prepared(tree: Tree, gathered: Gathered, settings: RenderSettings, *, source: str, deadline: float) -> Prepared:
    """The source's parts, with everything they need read."""

    def scan(names: Sequence[str]) -> Mapping[str, Scan]:
        return _scan(tree, names, source=source, problems=problems, deadline=deadline)

    problems: list[Problem] = []
    division = roots.divided(tree, source=source, scan=scan, values=settings.helm.values_files)
    owned = {tree.shown(folder) for folder in division.owned}
    plain = tuple(file for file in gathered.files if "" not in division.owned and not _below(file.name, owned))
    parts: list[Part] = []
    for plan in division.roots:
        problems += plan.refused
        if len(plan.files) > settings.files:
            problems.append(
                _over(
                    tree,
                    plan,
                    f"needs {len(plan.files):,} files; the limit is {settings.files:,}",
                    "render.files",
                    source,
                )
            )
        elif not plan.refused:
            texts = tree.read(plan.files)
            unread = [name for name in plan.files if name not in texts]
            size = sum(map(len, texts.values()))
            if size > PART_BYTES:
                problems.append(_over(tree, plan, f"needs more than {PART_BYTES >> 20} MiB of files", "", source))
            elif unread:
                problems.append(_unread(tree, plan, unread[0], source))
            else:
                parts.append(Part(plan, texts, {name: tree.links[name] for name in plan.links}))
    return Prepared(plain, tuple(parts), (*problems, *division.problems), tree, division)


def rendered(
    given: Prepared, request: Request, settings: RenderSettings, *, cache: Path | None, deadline: float
) -> tuple[list[Read], tuple[Root, ...]]:
    """What each part declares, and what it was rendered by."""
    tree = given.tree
    if tree is None or not given.parts:
        return [], ()

    def one(part: Part) -> tuple[Read, str]:
        if part.plan.renderer == roots.HELM:
            return helm.rendered(part, tree, request, settings, cache=cache, deadline=deadline)
        return kustomize.rendered(part, tree, given.division.scans, request, settings, cache=cache, deadline=deadline)

    with ThreadPoolExecutor(2, "rendering") as pool:
        found = list(pool.map(one, given.parts))
    outcome.forget(cache)
    taken: set[str] = set()
    told = []
    for part, (read, version) in zip(given.parts, found, strict=True):
        names = tuple(sorted(printable(tree.shown(name)) for name in part.files if name not in taken))
        taken.update(part.files)
        folder = printable(tree.shown(part.plan.folder)) or "."
        told.append(Root(folder, part.plan.renderer, version, names, len(read.resources)))
    return [read for read, _ in found], tuple(told)


def _below(name: str, folders: set[str]) -> bool:
    while name:
        name = posixpath.dirname(name) if name not in ("/", ".") else ""
        if name in folders:
            return True
    return False


def _scan(
    tree: Tree, names: Sequence[str], *, source: str, problems: list[Problem], deadline: float
) -> dict[str, Scan]:
    texts = tree.read(names)
    asked = [name for name in names if name in texts]
    head = orjson.dumps([[printable(tree.shown(name)), len(texts[name])] for name in asked])
    given = b"".join((head, b"\n", *(texts[name] for name in asked)))
    done = tool.run(tool.Job(code=_SCAN, given=given), deadline=deadline)
    scans: dict[str, Scan] = {}
    for name, line in zip(asked, done.output.splitlines(), strict=False):
        said = orjson.loads(line)
        paths = tuple((text, number, field_) for text, number, field_ in said["paths"])
        scans[name] = Scan(said["kind"], paths, said["ask"], said["instead"])
        shown = printable(tree.shown(name))
        problems += [
            Problem(code, Severity.WARNING, message, remedy, Place(source, shown, number, column))
            for code, number, column, message, remedy in said["slips"]
        ]
    for name in asked:
        if name not in scans:
            shown = printable(tree.shown(name))
            problems.append(
                problem(NOT_RENDERED, f"{shown} could not be read: its reader was ended", source=source, file=shown)
            )
            break
    return scans


def _over(tree: Tree, plan: Plan, what: str, setting: str, source: str) -> Problem:
    shown = printable(tree.shown(plan.file))
    remedy = f"split it, or raise {setting} of this source" if setting else "split it"
    return problem(LIMIT, f"{shown} is not rendered: it {what}", remedy=remedy, source=source, file=shown)


def _unread(tree: Tree, plan: Plan, name: str, source: str) -> Problem:
    shown = printable(tree.shown(plan.file))
    return problem(
        NOT_RENDERED,
        f"{shown} is not rendered: {printable(tree.shown(name))}, which it uses, is too large or cannot be read",
        remedy="see to that file",
        severity=Severity.ERROR,
        source=source,
        file=shown,
    )
