"""`check`, `diff`, `audit`, `manifests`, `dump`: one evaluation each, printed, with its exit code."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import app, options
from auditor.model import Audit, CellState, Misuse, Outcome, Place, Severity, Snapshot

if TYPE_CHECKING:
    from auditor.kube.secrets import Key
    from auditor.settings import Settings

Paths = Annotated[list[str], typer.Argument(metavar="PATH", help="Files, folders, or - for standard input.")]


@app.command()
def check(
    paths: Paths,
    select: options.Select = None,
    ignore: options.Ignore = None,
    fail_on: options.Fail = None,
    at: options.At = None,
    output: options.Form = options.Output.TEXT,
    show_all: options.All = False,
    debug: options.Debug = False,
) -> int:
    """Judge manifests on disk by the policies.

    No cluster, no git, no database is needed.
    """
    from auditor.audit import audit
    from auditor.kube.secrets import new_key
    from auditor.publish import jsonform, text
    from auditor.settings import AuditSettings

    quiet_logs(debug)
    policies = options.chosen(options.names(select), options.names(ignore))
    desired = folders(paths, deadline=time.monotonic() + 600, key=new_key())
    result = audit(
        desired,
        None,
        policies=policies,
        at=options.moment(at) or datetime.now(UTC),
        team_labels=AuditSettings().team_labels,
    )
    if output is options.Output.JSON:
        options.write(jsonform.dumps(jsonform.check_form(result)))
    else:
        options.say(text.check_text(result, policies, options.look(show_all), written_line))
    return 1 if reaches(result, (fail_on or options.FailOn.ERROR).value) else 0


@app.command()
def diff(
    desired: options.Desired = None,
    live: options.Live = None,
    live_complete: options.LiveComplete = False,
    cluster: options.Cluster = None,
    kubeconfig: options.Kubeconfig = None,
    namespace: options.Namespaces = None,
    at: options.At = None,
    show_ignored: options.ShowIgnored = False,
    allow_incomplete: options.Incomplete = False,
    settings: options.SettingsFile = None,
    output: options.Form = options.Output.TEXT,
    show_all: options.All = False,
    debug: options.Debug = False,
) -> int:
    """Compare what git says with what runs: drift only."""
    from auditor.kube.secrets import new_key
    from auditor.publish import jsonform, text
    from auditor.run import run

    quiet_logs(debug)
    chosen = options.sources_settings(
        settings,
        desired=desired,
        live=live,
        complete=live_complete,
        cluster=cluster,
        kubeconfig=kubeconfig,
        namespaces=namespace,
    )
    result = run(
        with_cache(chosen),
        policies=options.chosen((), ()),
        key=new_key(),
        at=options.moment(at),
        ignored=show_ignored,
        drift_only=True,
    ).audit
    if output is options.Output.JSON:
        options.write(jsonform.dumps(jsonform.diff_form(result)))
    else:
        options.say(text.diff_text(result, options.look(show_all)))
    return incomplete(result, allow_incomplete) or (1 if drifted(result) else 0)


@app.command()
def audit(
    desired: options.Desired = None,
    live: options.Live = None,
    live_complete: options.LiveComplete = False,
    cluster: options.Cluster = None,
    kubeconfig: options.Kubeconfig = None,
    namespace: options.Namespaces = None,
    select: options.Select = None,
    ignore: options.Ignore = None,
    fail_on: options.Fail = None,
    at: options.At = None,
    show_ignored: options.ShowIgnored = False,
    allow_incomplete: options.Incomplete = False,
    database: options.Database = None,
    settings: options.SettingsFile = None,
    output: options.Form = options.Output.TEXT,
    show_all: options.All = False,
    debug: options.Debug = False,
) -> int:
    """One whole run: drift, verdicts, score.

    It is stored when --database is given, or when the settings file names a store.
    """
    from auditor.kube.secrets import new_key
    from auditor.publish import jsonform, text
    from auditor.run import run
    from auditor.store import opened

    quiet_logs(debug)
    chosen = options.sources_settings(
        settings,
        desired=desired,
        live=live,
        complete=live_complete,
        cluster=cluster,
        kubeconfig=kubeconfig,
        namespaces=namespace,
        select=select,
        ignore=ignore,
        fail_on=fail_on,
        database=database,
    )
    policies = options.chosen(chosen.audit.select, chosen.audit.ignore)
    stored = database is not None or (settings is not None and "store" in chosen.model_fields_set)
    with opened(chosen.store if stored else None) as store:
        result = run(
            with_cache(chosen),
            policies=policies,
            key=new_key(),
            store=store,
            at=options.moment(at),
            ignored=show_ignored,
        ).audit
    if output is options.Output.JSON:
        options.write(jsonform.dumps(jsonform.audit_form(result)))
    else:
        options.say(text.audit_text(result, policies, options.look(show_all)))
    found = drifted(result) or reaches(result, chosen.audit.fail_on)
    return incomplete(result, allow_incomplete) or (1 if found else 0)


@app.command()
def manifests(
    paths: Annotated[list[str] | None, typer.Argument(metavar="PATH", help="Files, folders, or -.")] = None,
    desired: options.Desired = None,
    settings: options.SettingsFile = None,
    output: options.Form = options.Output.TEXT,
    show_all: options.All = False,
    debug: options.Debug = False,
) -> int:
    """Show the desired side as it was read.

    Every object with file and line, and every problem.
    """
    from auditor.kube.secrets import new_key
    from auditor.publish import jsonform, text

    quiet_logs(debug)
    deadline = time.monotonic() + 600
    if paths and desired:
        raise Misuse("both PATH and --desired are given", remedy="give one of them")
    if paths:
        snapshot = folders(paths, deadline=deadline, key=new_key())
    else:
        from auditor.run import read_desired

        chosen = with_cache(options.sources_settings(settings, desired=desired))
        snapshot = read_desired(chosen, key=new_key(), deadline=deadline)
    if output is options.Output.JSON:
        options.write(jsonform.dumps(jsonform.manifests_form(snapshot)))
    else:
        options.say(text.manifests_text(snapshot, options.look(show_all)))
    return 1 if any(problem.severity is not Severity.INFO for problem in snapshot.problems) else 0


@app.command()
def dump(
    live: options.Live = None,
    file: Annotated[str, typer.Option("--file", "-f", metavar="FILE", help="Where to write; - is stdout.")] = "-",
    cluster: options.Cluster = None,
    kubeconfig: options.Kubeconfig = None,
    namespace: options.Namespaces = None,
    desired: options.Desired = None,
    settings: options.SettingsFile = None,
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
    chosen = with_cache(
        options.sources_settings(
            settings, desired=desired, live=live, cluster=cluster, kubeconfig=kubeconfig, namespaces=namespace
        )
    )
    key, deadline = new_key(), time.monotonic() + chosen.audit.deadline_seconds
    side = read_desired(chosen, key=key, deadline=deadline) if chosen.sources else None
    want = wanted(side, options.chosen((), ()), chosen.cluster.namespaces)
    data = write_dump(read_live(chosen, want, key=key, deadline=deadline))
    if file == "-":
        options.write(data)
    else:
        Path(file).write_bytes(data)
    return 0


def folders(paths: list[str], *, deadline: float, key: Key) -> Snapshot:
    """The desired side from paths on disk."""
    from auditor import desired
    from auditor.settings import FolderSource

    sources = [FolderSource(path=path) for path in paths]
    return desired.combine([desired.fetch(s, cluster="", key=key, cache=None, deadline=deadline) for s in sources])


def written_line(place: Place) -> str | None:
    """The line of a file on disk that a finding points at; None where it cannot be shown."""
    import linecache

    return linecache.getline(place.file, place.line).rstrip("\r\n") or None


def with_cache(settings: Settings) -> Settings:
    """Commands that are run by hand keep their cache with the user, not in the folder they happen to stand in."""
    import os

    if "cache" in settings.model_fields_set:
        return settings
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return settings.model_copy(update={"cache": home / "gitops-auditor"})


def quiet_logs(debug: bool) -> None:
    """By hand, only what went wrong is logged, on stderr."""
    from auditor.cli.logs import configure

    configure("debug" if debug else "warning")


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
