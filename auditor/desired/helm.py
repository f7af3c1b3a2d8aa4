"""One Helm chart, rendered by `helm template` and read: a `Part` in, its `Read` and the version of the tool out.

helm runs confined as kubectl does (`confine.become`), on a private copy of the chart: no network, so no dependency is fetched, no
host name looked up and no cluster asked; no plugin, no post-renderer, no hook. Without a helm at hand a chart is a problem that says
so: its templates are never read as they stand.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from auditor.desired import outcome, tool, workspace
from auditor.desired.files import printable, problem
from auditor.desired.records import Read
from auditor.desired.sandbox import Request
from auditor.desired.trees import Tree
from auditor.model import Problem
from auditor.settings import RenderSettings

if TYPE_CHECKING:
    from auditor.desired.rendering import Part

NOT_RENDERED: Final = "SRC401"
NO_TOOL: Final = "SRC406"


def rendered(
    part: Part, tree: Tree, request: Request, settings: RenderSettings, *, cache: Path | None, deadline: float
) -> tuple[Read, str]:
    """What the chart declares. The second is the tool's version, "" where there is none."""
    shown = printable(tree.shown(part.plan.file))
    program = str(settings.helm.program or shutil.which("helm") or "")
    known = version(program, deadline=deadline) if program else ""
    if not known:
        why = f"{program} does not run" if program else "helm is not installed"
        remedy = "install helm, or name it as render.helm.program of this source; or commit what helm template prints"
        return _failed(f"{shown} is not rendered: {why}", remedy, shown, request, NO_TOOL), ""
    asked = (settings.helm.release, settings.helm.kube_version, *settings.helm.api_versions)
    key = outcome.key_of(part, tree, request, "\0".join((known, *asked)))
    kept = outcome.kept(cache, key)
    if kept is not None:
        return outcome.decoded(kept, tree, request), known
    bounds = tool.Bounds(settings.memory_mib << 20, settings.cpu_seconds, settings.seconds, settings.output_mib << 20)
    try:
        with workspace.written(part.files, part.links) as top:
            arguments = _arguments(part, top, request, settings)
            job = tool.Job(program, arguments, readable=(top,), at=top, bounds=bounds)
            done = tool.run(job, deadline=deadline)
            again = tool.run(job, deadline=deadline).output if not done.status and _unsteady(part) else b""
    except ValueError as error:
        return _failed(f"{shown} is not rendered: {error}", "rename the file", shown, request), known
    if done.status or done.limit or not done.confined:
        return Read((), (outcome.explained(done, part, tree, top, request, settings),), keepable=False), known
    line = outcome.read(done.output, part, tree, request, strip=False, again=again, deadline=deadline)
    if isinstance(line, Problem):
        return Read((), (line,), keepable=False), known
    outcome.keep(cache, key, line)
    return outcome.decoded(line, tree, request), known


def _arguments(part: Part, top: str, request: Request, settings: RenderSettings) -> tuple[str, ...]:
    """Fixed words, names that were checked, and paths of the private copy. Hooks are no part of what stays on a cluster."""
    chosen = settings.helm
    return (
        "template",
        chosen.release or _release(posixpath.basename(part.plan.folder)),
        posixpath.join(top, part.plan.folder) if part.plan.folder else top,
        f"--namespace={request.namespace or 'default'}",
        "--include-crds",
        "--no-hooks",
        *(f"--values={posixpath.join(top, name)}" for name in part.plan.chain),
        *((f"--kube-version={chosen.kube_version}",) if chosen.kube_version else ()),
        *(f"--api-versions={name}" for name in chosen.api_versions),
    )


def _release(folder: str) -> str:
    """A release's name from that of a folder, which comes from the repository: never an option, and one that helm takes."""
    return re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-")[:53].strip("-") or "chart"


# Functions whose result is another each time: https://masterminds.github.io/sprig/ ; what is packed is not looked into.
_EACH_TIME_ANOTHER: Final = re.compile(
    rb"\b(rand\w+|uuidv4|gen(CA|PrivateKey|SelfSignedCert|SignedCert)\w*|now|ago|bcrypt|htpasswd|encryptAES|shuffle)\b"
)


def _unsteady(part: Part) -> bool:
    """Whether the chart may render differently each time, so that it has to be rendered twice."""
    return any(name.endswith((".tgz", ".gz")) or _EACH_TIME_ANOTHER.search(text) for name, text in part.files.items())


def version(program: str, *, deadline: float) -> str:
    """The version of helm; "" where it does not run. Asked once for each program."""
    try:
        at = (program, Path(program).stat().st_mtime)
    except OSError:
        return ""
    if at not in _VERSIONS:
        done = tool.run(tool.Job(program, ("version", "--template={{.Version}}")), deadline=deadline)
        if not done.confined:
            tool.warn_unconfined()
        if done.status or not done.output.startswith(b"v"):
            return ""
        _VERSIONS[at] = f"helm {printable(done.output.decode('utf-8', 'replace').strip())}"
    return _VERSIONS[at]


_VERSIONS: Final[dict[tuple[str, float], str]] = {}


def _failed(message: str, remedy: str, shown: str, request: Request, code: str = NOT_RENDERED) -> Read:
    said = problem(code, message, remedy=remedy, source=request.source, file=shown)
    return Read((), (said,), keepable=False)
