"""All files that a source could refer to, by name, before any is read: a commit's tree, or the folders on disk around a path.

In: names. Out: a `Tree`, and where a path in it leads once links are followed. Nothing is followed out of it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from auditor.desired.files import LINK_HOPS

KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""What `kustomize build` looks for in a folder."""
CHART: Final = "Chart.yaml"


@dataclass(frozen=True, slots=True)
class Tree:
    """`files`: path from the top -> id of its content; `links`: path -> what the link says; `folder` is the source's own, ""
    for the top. `read` gives the texts of files that are not too large, `shown` the name that people open."""

    folder: str
    files: Mapping[str, str] = field(repr=False)
    links: Mapping[str, str] = field(repr=False)
    folders: Collection[str] = field(repr=False)
    read: Callable[[Collection[str]], Mapping[str, bytes]] = field(repr=False)
    shown: Callable[[str], str] = field(repr=False)

    def below(self, folder: str) -> Iterator[str]:
        """Files and links in a folder and in those below it."""
        start = f"{folder}/" if folder else ""
        for names in (self.files, self.links):
            yield from (name for name in names if name.startswith(start))

    def within(self, name: str) -> bool:
        """Whether a path is the source's own."""
        return not self.folder or name == self.folder or name.startswith(f"{self.folder}/")


@dataclass(frozen=True, slots=True)
class Led:
    """Where a path leads: `name` is None where it leaves the tree; `links` are those that were followed, to be kept as links."""

    name: str | None
    links: tuple[str, ...] = ()


def led(tree: Tree, path: str) -> Led:
    """The path with every link in it followed."""
    links: list[str] = []
    rest = path.split("/") if path else []
    at = ""
    while rest:
        step = rest.pop(0)
        if step in ("", "."):
            continue
        if step == "..":
            if not at:
                return Led(None, tuple(links))
            at = posixpath.dirname(at)
            continue
        here = f"{at}/{step}" if at else step
        target = tree.links.get(here)
        if target is None:
            at = here
            continue
        if target.startswith("/") or not target or len(links) >= LINK_HOPS:
            return Led(None, (*links, here))
        links.append(here)
        rest = [*target.split("/"), *rest]
    return Led(at, tuple(links))


def joined(folder: str, path: str) -> str:
    """A path as written in a file of `folder`, from the top of the tree; it may still lead out."""
    return f"{folder}/{path}" if folder else path


def parents(name: str) -> Iterator[str]:
    """The folders that a path is in, the nearest first; the top is ""."""
    while name:
        name = posixpath.dirname(name)
        yield name


def folders_of(names: Collection[str]) -> frozenset[str]:
    """Every folder that holds one of these."""
    found: set[str] = {""}
    for name in names:
        for parent in parents(name):
            if parent in found:
                break
            found.add(parent)
    return frozenset(found)
