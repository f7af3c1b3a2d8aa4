"""Which parts of a source are rendered, by what, and what each needs: names and references in, `Plan`s with their files out.

Every file of the source belongs to exactly one part: the folders that kustomize or Helm answer for, or the plain manifests that
are left. A kustomization that another one uses is part of that one; of nested folders the outermost counts, as it is what the
tool that applies them would be pointed at.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from auditor.desired.files import is_manifest, printable, problem
from auditor.desired.trees import CHART, KUSTOMIZATIONS, Led, Tree, joined, led, parents
from auditor.model import Problem, Severity

KUSTOMIZE: Final = "kustomize"
HELM: Final = "helm"

REMOTE: Final = "SRC402"
UNUSED: Final = "SRC403"
OUTSIDE: Final = "SRC404"

ROUNDS: Final = 20
"""How often what was found may lead to more that has to be looked at."""
_REMOTE: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://|[^/@\s]+@[^/:\s]+:|(gh|git|file|s3|hg)::?|[^/\s]+\.[a-z]{2,}(:\d+)?/[^\s]*", re.I
)


@dataclass(frozen=True, slots=True)
class Scan:
    """What one kustomization says, as `scanning` tells it."""

    kind: str = ""
    paths: tuple[tuple[str, int, str], ...] = ()
    ask: str = ""
    instead: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A folder that is rendered as a whole. `file` is its kustomization or chart, by its name in the tree; `chain` are the
    kustomizations that it uses, itself first, or a chart's values files; `files` and `links` are all that it needs. `refused`: why it is not rendered."""

    folder: str
    renderer: str
    file: str
    files: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    refused: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Division:
    """`roots`, the folders that they answer for, and what is to be said of files in these that nothing uses."""

    roots: tuple[Plan, ...] = ()
    owned: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    scans: Mapping[str, Scan] = field(default_factory=dict, repr=False)

    def owner(self, name: str) -> str | None:
        """The rendered folder that a file belongs to; None for a plain one."""
        return next((folder for folder in parents(name) if folder in self.owned), None)


def divided(
    tree: Tree, *, source: str, scan: Callable[[Sequence[str]], Mapping[str, Scan]], values: Sequence[str] = ()
) -> Division:
    """The source's rendered parts. `scan` reads kustomizations and configurations of generators, by name; `values` are the values
    files of charts, as the settings name them."""
    mine = {folder: name for folder, name in _kustomizations(tree).items() if tree.within(folder)}
    charts = _outermost([posixpath.dirname(name) for name in tree.files if posixpath.basename(name) == CHART])
    charts = [folder for folder in charts if tree.within(folder) and not _inside(folder, mine)]
    inner = {folder: name for folder, name in mine.items() if not _inside(folder, charts)}
    scans, used = _scanned(tree, inner, scan)
    referred = {folder for found in used.values() for folder in found}
    candidates = [folder for folder in inner if folder not in referred and scans[inner[folder]].kind != "Component"]
    roots = [_root(tree, folder, scans, source) for folder in _outermost(candidates)]
    reached = {name for root in roots for name in root.chain}
    for folder in sorted(inner):  # what only uses itself in a circle is used by nobody: kustomize says so
        lone = inner[folder] not in reached and folder in referred and scans[inner[folder]].kind != "Component"
        if lone and not _inside(folder, [root.folder for root in roots]):
            roots.append(_root(tree, folder, scans, source))
            reached.update(roots[-1].chain)
    roots += [_chart(tree, folder, values, source) for folder in charts]
    owned = _outermost([*inner, *charts])
    problems = _unused(tree, roots, owned, source)
    return Division(tuple(sorted(roots, key=lambda root: root.folder)), tuple(owned), tuple(problems), scans)


def _kustomizations(tree: Tree) -> dict[str, str]:
    """The kustomization of each folder that has one; of several names the first that kustomize would take."""
    found: dict[str, str] = {}
    for known in reversed(KUSTOMIZATIONS):
        for names in (tree.files, tree.links):
            found.update({posixpath.dirname(name): name for name in names if posixpath.basename(name) == known})
    return found


def _outermost(folders: Sequence[str]) -> list[str]:
    known = set(folders)
    return sorted(folder for folder in known if not any(parent in known for parent in parents(folder)))


def _inside(folder: str, others: Mapping[str, str] | Sequence[str]) -> bool:
    return any(parent in others for parent in parents(folder))


def _scanned(
    tree: Tree, kustomizations: Mapping[str, str], scan: Callable[[Sequence[str]], Mapping[str, Scan]]
) -> tuple[dict[str, Scan], dict[str, set[str]]]:
    """Every kustomization that these lead to, and the folders with kustomizations that each uses."""
    every = _kustomizations(tree)
    scans: dict[str, Scan] = {}
    used: dict[str, set[str]] = {}
    waiting = set(kustomizations.values())
    for _ in range(ROUNDS):
        waiting -= scans.keys()
        if not waiting:
            break
        scans.update(scan(sorted(waiting)))
        following: set[str] = set()
        for name in waiting:
            folder = posixpath.dirname(name)
            for text, _line, field_ in scans.get(name, Scan()).paths:
                to = led(tree, joined(folder, text)).name
                if to is not None and to in every and to != folder:
                    used.setdefault(folder, set()).add(to)
                    following.add(every[to])
                elif to in tree.files and field_ in ("generators", "transformers", "validators"):
                    following.add(str(to))
        waiting = following
    for name in kustomizations.values():
        scans.setdefault(name, Scan())
    return scans, used


def _root(tree: Tree, folder: str, scans: Mapping[str, Scan], source: str) -> Plan:
    """A kustomization with all that it needs, found by going from one to the next."""
    every = _kustomizations(tree)
    files: dict[str, None] = {}
    links: dict[str, None] = {}
    refused: list[Problem] = []
    chain: list[str] = []
    waiting = [every[folder]]
    while waiting:
        name = waiting.pop(0)
        if name in chain:
            continue
        chain.append(name)
        here = posixpath.dirname(name)
        own = led(tree, name)
        links.update(dict.fromkeys(own.links))
        if own.name in tree.files:
            files[str(own.name)] = None
        # a second name is refused by kustomize itself
        files.update(
            dict.fromkeys(each for each in (joined(here, known) for known in KUSTOMIZATIONS) if each in tree.files)
        )
        for text, line, field_ in scans.get(name, Scan()).paths:
            to = led(tree, joined(here, text))
            found = _needed(tree, to, every)
            if found is None:
                fault = _fault(tree, name, text, line, field_, to, source)
                if fault is not None:
                    refused.append(fault)
                continue
            links.update(dict.fromkeys(to.links))
            files.update(dict.fromkeys(found))
            waiting += [every[str(to.name)]] if to.name in every else [each for each in found if each in scans]
    return Plan(folder, KUSTOMIZE, every[folder], tuple(files), tuple(links), tuple(chain), tuple(refused))


def _needed(tree: Tree, to: Led, every: Mapping[str, str]) -> list[str] | None:
    """The files that a reference stands for; None where there is nothing of that name."""
    if to.name is None:
        return None
    if to.name in tree.files:
        return [to.name]
    if to.name in every:
        return []
    return [] if to.name in tree.folders else None


def _fault(tree: Tree, name: str, text: str, line: int, field_: str, to: Led, source: str) -> Problem | None:
    """What is wrong with a reference that is not to be left to kustomize: it leads elsewhere."""
    if field_ not in _PATH_FIELDS:
        return None
    shown = tree.shown(name)
    first = text.split("/")[0]
    if _REMOTE.match(text) and joined(posixpath.dirname(name), first) not in tree.folders:
        return problem(
            REMOTE,
            f"{shown} takes {_address(text)} from the network; what renders it here may not reach it",
            remedy="keep a copy of it in the repository",
            source=source,
            file=shown,
            line=line,
        )
    if to.name is None or text.startswith("/"):
        return problem(
            OUTSIDE,
            f"{shown} leads out of what may be read, to {printable(text)}",
            remedy="put what it uses into the repository, or name the folder that holds both",
            source=source,
            file=shown,
            line=line,
        )
    return None


def _address(text: str) -> str:
    """What a reference names, without what may be a credential."""
    return printable(re.sub(r"[^/@\s]*@", "", text).partition("?")[0])[:200]


def _chart(tree: Tree, folder: str, values: Sequence[str], source: str) -> Plan:
    """A chart with all of its folder, and the values files that are named for it."""
    file = joined(folder, CHART)
    files, links = _all_of(tree, folder)
    refused = []
    more: list[str] = []
    for name in values:
        to = led(tree, joined(folder, name))
        if to.name in tree.files:
            more.append(str(to.name))
            continue
        what = "leads out of what may be read" if to.name is None else "is not there"
        refused.append(
            problem(
                OUTSIDE,
                f"{tree.shown(file)} is not rendered: its values file {printable(name)} {what}",
                remedy="correct render.helm.values_files: paths are written from the chart's folder",
                source=source,
                file=tree.shown(file),
            )
        )
    every = tuple(dict.fromkeys((*files, *more)))
    return Plan(folder, HELM, file, every, links, tuple(more), tuple(refused))


def _all_of(tree: Tree, folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every file of a folder, and every link that stays in it."""
    inside = list(tree.below(folder))
    start = f"{folder}/" if folder else ""
    links = [name for name in inside if name in tree.links and f"{led(tree, name).name or ''}/".startswith(start)]
    return tuple(name for name in inside if name in tree.files), tuple(links)


def _unused(tree: Tree, roots: Sequence[Plan], owned: Sequence[str], source: str) -> list[Problem]:
    """What lies in a rendered folder and ends as manifests do, but nothing that is rendered uses."""
    used = {name for root in roots for name in (*root.files, *root.links)}
    found = []
    for folder in owned:
        left = sorted(name for name in tree.below(folder) if is_manifest(name) and name not in used)
        if left:
            inner = [name for name in left if posixpath.basename(name) in KUSTOMIZATIONS]
            shown = [printable(tree.shown(name)) for name in (inner or left)]
            more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
            by = next((root.file for root in roots if root.folder == folder), None)
            found.append(
                problem(
                    UNUSED,
                    f"{', '.join(shown[:3])}{more}: not used by {tree.shown(by) if by else 'any kustomization'}, so not applied",
                    remedy="list it there, remove it, or name its folder as a source of its own if something else applies it",
                    severity=Severity.WARNING if inner else Severity.INFO,
                    source=source,
                    file=shown[0],
                )
            )
    return found


_PATH_FIELDS: Final = frozenset(
    {
        "resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators",
        "patchesStrategicMerge", "patches", "patchesJson6902", "openapi", "configMapGenerator", "secretGenerator",
    }
)  # fmt: skip
