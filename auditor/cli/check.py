"""`check`: manifests on disk against the policies, as a linter does it: for a laptop, a commit hook, a pipeline."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import app, options
from auditor.cli.evaluate import quiet_logs
from auditor.cli.named import manifests_at, top_of
from auditor.model import Audit, Place, Policy, Severity, Snapshot

if TYPE_CHECKING:
    from auditor.publish.listed import Listed


class CheckOutput(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    GITHUB = "github"
    GITLAB = "gitlab"
    CSV = "csv"


Form = Annotated[CheckOutput, typer.Option("--output", "-o", help="How to print the result.")]
Least = Annotated[Severity, typer.Option("--severity", help="Leave out what is less severe.")]
Namespaces = Annotated[
    list[str] | None,
    typer.Option("--namespace", "-n", metavar="NAME", help="Say only what concerns this namespace. Repeatable."),
]

Baseline = Annotated[
    Path | None,
    typer.Option(
        "--baseline", metavar="FILE", help="Fail only for what is not in it, or worse; see `auditor baseline`."
    ),
]


AsPatch = Annotated[
    bool,
    typer.Option(
        "--diff", help="Print a patch instead, for what has one right mend; `git apply --unidiff-zero` takes it."
    ),
]
Write = Annotated[
    bool, typer.Option("--write", help="Mend that in the files below the paths that are named, and judge what is left.")
]

Watch = Annotated[bool, typer.Option("--watch", help="Judge again whenever a file changes, until Ctrl-C.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a check was asked to do."""

    judging: options.Judging
    severity: Severity
    namespaces: tuple[str, ...]
    baseline: Path | None
    as_patch: bool
    write: bool
    explain_score: bool
    at: str | None
    output: CheckOutput
    show_all: bool


@app.command()
@options.spread
def check(
    *,
    paths: options.Paths,
    judging: options.Judging,
    severity: Least = Severity.INFO,
    namespace: Namespaces = None,
    baseline: Baseline = None,
    as_patch: AsPatch = False,
    write: Write = False,
    explain_score: options.ExplainScore = False,
    watch: Watch = False,
    at: options.At = None,
    output: Form = CheckOutput.TEXT,
    show_all: options.All = False,
    debug: options.Debug = False,
) -> int:
    """Judge manifests on disk by the policies.

    No cluster, no git, no database is needed.
    """
    asked = Asked(
        judging, severity, tuple(namespace or ()), baseline, as_patch, write, explain_score, at, output, show_all
    )
    quiet_logs(debug)
    if watch:
        from auditor.cli import watching

        return watching.again(lambda: checked(paths, asked), paths)
    return checked(paths, asked)


def checked(paths: Sequence[str], asked: Asked) -> int:
    """One check, printed; its exit code."""
    from concurrent.futures import ThreadPoolExecutor

    from auditor.cli import progress
    from auditor.kube.secrets import new_key

    judging, output = asked.judging, asked.output
    # The processes that read are started first; what judges is loaded while they work.
    with ThreadPoolExecutor(1, "reading") as aside, progress.shown("reading manifests"):
        reading = aside.submit(manifests_at, paths, deadline=time.monotonic() + 600, key=new_key())
        import auditor.audit
        import auditor.publish.listed
        import auditor.settings  # noqa: F401

        policies = options.chosen(options.names(judging.select), options.names(judging.ignore))
        desired = reading.result()
    with progress.shown(f"judging {len(desired.resources):,} objects"):
        at = options.moment(asked.at) or datetime.now(UTC)
        result = judged(desired, policies, asked.namespaces, asked.severity, at)
    known = None
    if asked.baseline is not None:
        from auditor.cli.baseline import known as read_baseline

        known = read_baseline(asked.baseline)
    said = list_of(result, desired, policies, judging.fail_on or options.FailOn.ERROR, output, known)
    if asked.as_patch or asked.write:
        from auditor.cli import mend
        from auditor.publish.patch import patches

        found = patches(said.items, desired, mend.text_of)
        if not asked.write:
            mend.show(found, from_top(os.getcwd()))
            return 1 if said.failed else 0
        mend.write(found)
        desired = manifests_at(paths, deadline=time.monotonic() + 600, key=new_key())
        result = judged(desired, policies, asked.namespaces, asked.severity, result.at)
        said = list_of(result, desired, policies, judging.fail_on or options.FailOn.ERROR, output, known)
    why = None
    if asked.explain_score:
        from auditor.compliance import explained

        why = explained(result.verdicts, policies, desired)
    if output is CheckOutput.TEXT:
        from auditor.publish import text

        look = options.look(asked.show_all)
        options.say(text.check_text(said, look, written_line) + (f"\n{text.score_text(why, look)}" if why else ""))
    else:
        from auditor.publish.formats import rendered

        options.write_as_is(rendered(output.value, said, compared=known is not None, why=why))
    return 1 if said.failed else 0


def judged(
    desired: Snapshot, policies: Sequence[Policy], namespaces: Sequence[str], least: Severity, at: datetime
) -> Audit:
    """What the policies say of the manifests; of some namespaces, or from a severity on, where that was asked for.

    All of it is judged even so: what stands in one namespace may be needed in another.
    """
    from auditor.audit import audit
    from auditor.settings import AuditSettings

    teams = AuditSettings().team_labels
    result = audit(desired, None, policies=policies, at=at, team_labels=teams, processes=options.processors())
    if not namespaces and least is Severity.INFO:
        return result
    from auditor.compliance import score
    from auditor.publish.tally import namespace_of

    chosen = [v for v in result.verdicts if not namespaces or namespace_of(v.ref) in namespaces]
    verdicts = tuple(
        verdict._replace(
            findings=tuple(one for one in verdict.findings if one.severity.rank >= least.rank),
            waived=tuple(one for one in verdict.waived if one.severity.rank >= least.rank),
        )
        for verdict in chosen
    )
    problems = tuple(
        one
        for one in result.problems
        if one.severity.rank >= least.rank
        and (one.ref is None or not namespaces or namespace_of(one.ref) in namespaces)
    )
    scores = score(chosen, desired, None, team_labels=teams)
    return replace(result, verdicts=verdicts, problems=problems, scores=scores)


def list_of(
    result: Audit,
    desired: Snapshot,
    policies: Sequence[Policy],
    fail_on: options.FailOn,
    output: CheckOutput,
    known: Mapping[str, Severity] | None = None,
) -> Listed:
    """The result as one list; for other programs, files are named from the top of the repository."""
    from auditor.publish.listed import first_places, listed

    least = None if fail_on is options.FailOn.NEVER else Severity(fail_on.value)
    if output in (CheckOutput.TEXT, CheckOutput.JSON):
        return listed(result, policies, known=known, fail_on=least)
    return listed(
        result, policies, known=known, fail_on=least, file=from_top(os.getcwd()), beside=first_places(desired)
    )


def from_top(here: str) -> Callable[[Place], str]:
    """Names of files from the top of the repository that `here` is in, else from `here`; what is outside of it as a whole path."""
    top = top_of(here)

    def named(place: Place) -> str:
        if place.file.startswith("<"):
            return "stdin"
        whole = os.path.normpath(os.path.join(here, place.file))
        return os.path.relpath(whole, top) if whole.startswith(top.rstrip("/") + "/") else whole

    return named


def written_line(place: Place) -> str | None:
    """The line of a file on disk that a finding points at; None where it cannot be shown."""
    import linecache

    linecache.checkcache(place.file)  # it may have changed since it was read last
    return linecache.getline(place.file, place.line).rstrip("\r\n") or None
