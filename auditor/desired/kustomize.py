"""One kustomization, rendered by `kubectl kustomize` and read: a `Part` in, its `Read` and the version of the tool out.

kubectl is the renderer that people apply with. It runs confined (`confine.become`) on a private copy of just the files that the
kustomization uses: without network, remote bases, exec plugins, KRM functions or Helm charts. Failures are problems, in the
tool's words, trimmed; what could be a secret's value is left out of them.
"""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from auditor.desired import outcome, scanning, tool, workspace
from auditor.desired.files import printable, problem
from auditor.desired.records import Read
from auditor.desired.roots import Plan, Scan
from auditor.desired.sandbox import Request
from auditor.desired.trees import Tree
from auditor.model import Problem
from auditor.settings import RenderSettings

if TYPE_CHECKING:
    from auditor.desired.rendering import Part

NOT_RENDERED: Final = "SRC401"
NO_TOOL: Final = "SRC406"


def rendered(
    part: Part,
    tree: Tree,
    scans: Mapping[str, Scan],
    request: Request,
    settings: RenderSettings,
    *,
    cache: Path | None,
    deadline: float,
) -> tuple[Read, str]:
    """What the part declares. The second is the tool's version, "" where there is none."""
    shown = printable(tree.shown(part.plan.file))
    program = str(settings.kubectl or shutil.which("kubectl") or "")
    known = version(program, deadline=deadline) if program else ""
    if not known:
        why = f"{program} does not run" if program else "kubectl is not installed"
        remedy = "install kubectl, or name it as render.kubectl of this source"
        return _failed(f"{shown} is not rendered: {why}", remedy, shown, request, NO_TOOL), ""
    key = outcome.key_of(part, tree, request, known)
    kept = outcome.kept(cache, key)
    if kept is not None:
        return outcome.decoded(kept, tree, request), known
    files, links, folder = _asking(part, scans)
    bounds = tool.Bounds(settings.memory_mib << 20, settings.cpu_seconds, settings.seconds, settings.output_mib << 20)
    try:
        with workspace.written(files, links) as top:
            place = posixpath.join(top, folder) if folder else top
            job = tool.Job(program, ("kustomize", place), readable=(top,), at=top, bounds=bounds)
            done = tool.run(job, deadline=deadline)
    except ValueError as error:
        return _failed(f"{shown} is not rendered: {error}", "rename the file", shown, request), known
    if done.status or done.limit or not done.confined:
        return Read((), (outcome.explained(done, part, tree, top, request, settings),), keepable=False), known
    strip = scans.get(part.plan.file, Scan()).ask in ("append", "instead")
    line = outcome.read(done.output, part, tree, request, strip=strip, deadline=deadline)
    if isinstance(line, Problem):
        return Read((), (line,), keepable=False), known
    outcome.keep(cache, key, line)
    return outcome.decoded(line, tree, request), known


def version(program: str, *, deadline: float) -> str:
    """The versions of kubectl and of the kustomize in it; "" where it does not run. Asked once for each program."""
    try:
        at = (program, Path(program).stat().st_mtime)
    except OSError:
        return ""
    if at not in _VERSIONS:
        done = tool.run(tool.Job(program, ("version", "--client", "-o", "json")), deadline=deadline)
        if not done.confined:
            tool.warn_unconfined()
        try:
            said = orjson.loads(done.output)
            _VERSIONS[at] = f"kubectl {said['clientVersion']['gitVersion']}, kustomize {said['kustomizeVersion']}"
        except (ValueError, KeyError, TypeError):
            return ""
    return _VERSIONS[at]


_VERSIONS: Final[dict[tuple[str, float], str]] = {}


def _asking(part: Part, scans: Mapping[str, Scan]) -> tuple[Mapping[str, bytes], Mapping[str, str], str]:
    """The files with kustomize asked, in the outermost kustomization, to tell which file each object came from."""
    plan: Plan = part.plan
    scan = scans.get(plan.file, Scan())
    files = dict(part.files)
    if plan.file in files and scan.ask == "append":
        files[plan.file] += b"\n" + scanning.ASK
    elif plan.file in files and scan.ask == "instead" and scan.instead is not None:
        files[plan.file] = scan.instead.encode()
    return files, part.links, plan.folder


def _failed(message: str, remedy: str, shown: str, request: Request, code: str = NOT_RENDERED) -> Read:
    said = problem(code, message, remedy=remedy, source=request.source, file=shown)
    return Read((), (said,), keepable=False)
