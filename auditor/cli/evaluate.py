"""`diff`, `audit`, `dump`: one evaluation each, printed, with its exit code."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor import logs
from auditor.cli import app, differences, options
from auditor.model import Audit, CellState, Misuse, Outcome, Severity, Snapshot

if TYPE_CHECKING:
    from auditor.kube.secrets import Key
    from auditor.settings import Settings


@app.command()
@options.spread
def diff(
    *,
    sides: options.Sides,
    at: options.At = None,
    show_ignored: options.ShowIgnored = False,
    allow_incomplete: options.Incomplete = False,
    printing: differences.Printing,
) -> int:
    """Compare what git says with what runs: drift only."""
    from auditor.kube.secrets import new_key
    from auditor.run import run

    quiet_logs(printing.debug)
    result = run(
        with_cache(options.load_settings(sides.settings, sides.flags())),
        policies=options.chosen((), ()),
        key=new_key(),
        at=options.moment(at),
        ignored=show_ignored,
        drift_only=True,
    ).audit
    printing.show(result)
    return incomplete(result, allow_incomplete) or (1 if drifted(result) else 0)


@app.command()
@options.spread
def audit(
    *,
    sides: options.Sides,
    judging: options.Judging,
    at: options.At = None,
    show_ignored: options.ShowIgnored = False,
    allow_incomplete: options.Incomplete = False,
    explain_score: options.ExplainScore = False,
    database: options.Database = None,
    printing: options.Printing,
) -> int:
    """One whole run: drift, verdicts, score.

    It is stored when --database is given, or when the settings file names a store.
    """
    from auditor.kube.secrets import new_key
    from auditor.publish import jsonform, text
    from auditor.run import run
    from auditor.store import opened

    quiet_logs(printing.debug)
    chosen = options.load_settings(sides.settings, sides.flags(), judging.flags(), options.stored(database))
    policies = options.chosen(chosen.audit.select, chosen.audit.ignore)
    stored = database is not None or (sides.settings is not None and "store" in chosen.model_fields_set)
    with opened(chosen.store if stored else None) as store:
        result = run(
            with_cache(chosen),
            policies=policies,
            key=new_key(),
            store=store,
            at=options.moment(at),
            ignored=show_ignored,
        ).audit
    form, shown = jsonform.audit_form, text.audit_text
    if explain_score:
        from auditor.compliance import explained

        why = explained(result.verdicts, policies)
        printing.show(
            lambda: {**form(result), "explained": jsonform.explained_form(why)},
            lambda look: f"{shown(result, policies, look)}\n{text.score_text(why, look)}",
        )
    else:
        printing.show(lambda: form(result), lambda look: shown(result, policies, look))
    found = drifted(result) or reaches(result, chosen.audit.fail_on)
    return incomplete(result, allow_incomplete) or (1 if found else 0)


@app.command()
@options.spread
def dump(
    *,
    sides: options.Sides,
    file: Annotated[str, typer.Option("--file", "-f", metavar="FILE", help="Where to write; - is stdout.")] = "-",
    debug: options.Debug = False,
) -> int:
    """Write the live side into a file, without secret values.

    To audit elsewhere (`--live FILE`), or to attach to an issue.
    """
    from auditor.audit import wanted
    from auditor.kube.secrets import new_key
    from auditor.live import write_dump
    from auditor.run import read_desired, read_live

    quiet_logs(debug)
    chosen = with_cache(options.load_settings(sides.settings, sides.flags()))
    key, deadline = new_key(), time.monotonic() + chosen.audit.deadline_seconds
    side = read_desired(chosen, key=key, deadline=deadline) if chosen.sources else None
    want = wanted(side, options.chosen((), ()), chosen.cluster.namespaces)
    data = write_dump(read_live(chosen, want, key=key, deadline=deadline))
    if file == "-":
        options.write(data)
    else:
        Path(file).write_bytes(data)
    return 0


def desired_side(settings: Settings, paths: list[str] | None, *, key: Key, deadline: float) -> Snapshot:
    """What paths on disk say, or, where none is given, the sources of the settings. Raises `Misuse` for both at once."""
    if not paths:
        from auditor.run import read_desired

        return read_desired(with_cache(settings), key=key, deadline=deadline)
    if settings.sources:
        raise Misuse("both PATH and --desired (or sources of the settings) are given", remedy="give one of them")
    return folders(paths, deadline=deadline, key=key)


def folders(paths: list[str], *, deadline: float, key: Key) -> Snapshot:
    """The desired side from paths on disk."""
    import os

    from auditor import desired
    from auditor.settings import FolderSource

    files = [path for path in paths if os.path.isfile(path)] if len(paths) > 1 else []
    sides = [desired.read_files(files, key=key, deadline=deadline)] if files else []
    sides += [
        desired.fetch(FolderSource(path=path), cluster="", key=key, cache=None, deadline=deadline)
        for path in paths
        if path not in files
    ]
    return desired.combine(sides)


def with_cache(settings: Settings) -> Settings:
    """Commands that are run by hand keep their cache with the user, not in the folder they happen to stand in."""
    import os

    if "cache" in settings.model_fields_set:
        return settings
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return settings.model_copy(update={"cache": home / "gitops-auditor"})


def quiet_logs(debug: bool) -> None:
    """By hand, only what went wrong is logged, on stderr."""
    logs.later("debug" if debug else "warning")


def reaches(result: Audit, fail_on: str) -> bool:
    """Whether a finding that counts, or a problem, is at least this severe. Pending and waived ones do not count."""
    if fail_on == "never":
        return False
    least = Severity(fail_on).rank
    return any(problem.severity.rank >= least for problem in result.problems) or any(
        finding.severity.rank >= least
        for verdict in result.verdicts
        if verdict.outcome is Outcome.FAIL
        for finding in verdict.findings
        if not finding.pending
    )


def drifted(result: Audit) -> bool:
    """Whether there is drift that counts: git being ahead alone is not."""
    return any(not drift.pending for drift in result.drift)


def incomplete(result: Audit, allowed: bool) -> int:
    """4 where a wanted cell could not be read, unless that is allowed."""
    unread = any(cell.state in (CellState.DENIED, CellState.UNAVAILABLE) for cell in result.coverage.cells)
    return 4 if unread and not allowed else 0
