"""`report`, `db`, `config`: what is read from the store and the settings, and the care of both."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from auditor.cli import app, options
from auditor.cli.evaluate import quiet_logs

db = typer.Typer(help="Care for the store.", no_args_is_help=True)
config = typer.Typer(help="Check and show settings.", no_args_is_help=True)
app.add_typer(db, name="db")
app.add_typer(config, name="config")


class ReportForm(StrEnum):
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


@app.command()
def report(
    since: Annotated[
        str, typer.Option("--since", metavar="AGE", help="How far back: 7d, 24h, or a time (RFC 3339).")
    ] = "7d",
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Its end; default: now.")] = None,
    week: Annotated[
        str | None,
        typer.Option("--week", metavar="WEEK", help="A whole week instead, Monday to Monday: 2026-W47, this or last."),
    ] = None,
    output: Annotated[ReportForm, typer.Option("--output", "-o", help="How to print it.")] = ReportForm.MARKDOWN,
    cluster: options.Cluster = None,
    database: options.Database = None,
    settings: options.SettingsFile = None,
    debug: options.Debug = False,
) -> int:
    """What changed in a period, from the store.

    Score then and now and why, opened and resolved findings with their causes, drift with who, coverage and gaps.
    """
    from auditor.publish import jsonform
    from auditor.publish import report as reports
    from auditor.publish.gathered import gather
    from auditor.publish.periods import of_week
    from auditor.publish.report_form import report_form
    from auditor.run import cluster_name
    from auditor.store import opened

    quiet_logs(debug)
    chosen = options.load_settings(settings, options.stored(database, cluster))
    end = options.moment(until) or datetime.now(UTC)
    begin = ago(since, end)
    if week is not None:
        begin, end = of_week(week, chosen.report.timezone, datetime.now(UTC))
    with opened(chosen.store) as store:
        assert store is not None
        data = gather(store, cluster_name(chosen.cluster), begin, end, zone=chosen.report.timezone)
    if output is ReportForm.JSON:
        options.write(jsonform.dumps(report_form(data)))
        return 0
    rendered = reports.html(data) if output is ReportForm.HTML else reports.markdown(data)
    options.write(rendered.encode("utf-8", "replace"))
    return 0


def ago(text: str, end: datetime) -> datetime:
    """The start of a period from `7d`, `24h`, `90m` or a time. Raises `Misuse`."""
    found = re.fullmatch(r"(\d+)([dhmw])", text)
    if found is None:
        start = options.moment(text)
        assert start is not None
        return start
    unit = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}[found[2]]
    return end - timedelta(**{unit: int(found[1])})


@db.command()
def upgrade(
    database: options.Database = None, settings: options.SettingsFile = None, debug: options.Debug = False
) -> int:
    """Bring the store to this version; safe to start from several places at once."""
    from auditor.store import upgrade as migrate

    quiet_logs(debug)
    print(migrate(options.load_settings(settings, options.stored(database)).store))
    return 0


@db.command()
def current(
    database: options.Database = None, settings: options.SettingsFile = None, debug: options.Debug = False
) -> int:
    """Say which version the store has, and which this program needs."""
    from auditor.store import current as version

    quiet_logs(debug)
    print(version(options.load_settings(settings, options.stored(database)).store))
    return 0


@db.command()
def check(
    database: options.Database = None, settings: options.SettingsFile = None, debug: options.Debug = False
) -> int:
    """Say what is wrong with the store, if anything is; exit 1 if so. Changes nothing."""
    from auditor.store import broken

    quiet_logs(debug)
    found = broken(options.load_settings(settings, options.stored(database)).store)
    for sentence in found:
        print(sentence)
    if not found:
        print("every run in the store is whole")
    return 1 if found else 0


@db.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy; there must be no such file yet.")],
    database: options.Database = None,
    settings: options.SettingsFile = None,
    debug: options.Debug = False,
) -> int:
    """Copy the whole store into a file, as of one moment.

    Runs go on meanwhile. The copy is a SQLite database, also of a store on PostgreSQL, and can be restored to either.
    """
    from auditor.store import opened

    quiet_logs(debug)
    with opened(options.load_settings(settings, options.stored(database)).store) as store:
        assert store is not None
        print(f"{file}: {store.backup(file):,} bytes")
    return 0


@db.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that `auditor db backup` made.")],
    database: options.Database = None,
    settings: options.SettingsFile = None,
    debug: options.Debug = False,
) -> int:
    """Bring a copy back, to a store that holds no runs.

    To replace a store, name another database, and remove the old one yourself.
    """
    from auditor.store import opened

    quiet_logs(debug)
    with opened(options.load_settings(settings, options.stored(database)).store) as store:
        assert store is not None
        runs = store.restore(file)
        print(f"restored {runs} run{'s' * (runs != 1)} from {file}")
    return 0


@db.command()
def prune(
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="AGE", help="Such as 90d. [default: as the settings say, 400d]"),
    ] = None,
    rows: Annotated[
        int | None, typer.Option("--rows", min=0, help="Ended rows of each kind to keep; 0: any number.")
    ] = None,
    database: options.Database = None,
    settings: options.SettingsFile = None,
    debug: options.Debug = False,
) -> int:
    """Remove history that ended before an age; what is open, and the last good run, stay.

    `auditor serve` does so by itself every hour. Scores are kept longer, as the settings say. The space is returned.
    """
    from auditor.store import Keep, opened

    quiet_logs(debug)
    chosen = options.load_settings(settings, options.stored(database)).store
    now = datetime.now(UTC)
    before = ago(older_than, now) if older_than else now - timedelta(days=chosen.keep_days)
    scores = None if older_than else now - timedelta(days=max(chosen.keep_scores_days, chosen.keep_days))
    with opened(chosen) as store:
        assert store is not None
        gone = store.prune(Keep(before, scores, rows=chosen.keep_rows if rows is None else rows))
        store.give_back()
        print(f"removed {gone} rows")
    return 0


@config.command("check")
def config_check(file: Annotated[Path, typer.Argument(metavar="FILE", help="Settings file.")]) -> int:
    """Say whether a settings file is right; exit 2 with every fault if it is not."""
    from auditor.daemon.due import cron_trigger

    chosen = options.load_settings(file)
    cron_trigger(chosen.report)
    options.chosen(chosen.audit.select, chosen.audit.ignore)
    print(f"{file}: {len(chosen.sources)} source{'s' * (len(chosen.sources) != 1)}, no fault")
    return 0


@config.command("print")
def config_print(settings: options.SettingsFile = None) -> int:
    """Show the settings as they come out of file, environment and defaults; secrets are masked."""
    options.write(options.load_settings(settings).model_dump_json(indent=2).encode())
    return 0


@config.command("schema")
def config_schema() -> int:
    """Print the JSON Schema of the settings file."""
    import orjson

    from auditor.settings import Settings

    options.write(orjson.dumps(Settings.model_json_schema(), option=orjson.OPT_INDENT_2))
    return 0
