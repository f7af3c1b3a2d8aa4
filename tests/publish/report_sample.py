"""Report data made by hand: a week with everything, one with nothing, and ones in which every text is hostile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from auditor.model import Cell, CellState, Score
from auditor.publish.report_data import Opened, ReportData, Unread
from tests.publish import sample

UNTIL = sample.AT + timedelta(minutes=10)
SINCE = UNTIL - timedelta(days=7)
THEN = replace(
    sample.AUDIT.scores,
    cluster=Score(80.2, 30.0, 3, 0.0),
    namespaces={"checkout": Score(65.0, 30.0, 2, 0.0), "gone": Score(50.0, 50.0, 1, 0.0)},
    teams={"team-cart": Score(65.0, 30.0, 2, 0.0)},
)
_OPENED = sample.VERDICTS[0].findings[0]
_RESOLVED = replace(sample.VERDICTS[0].findings[1], fingerprint="f" * 32, message="container cart had no memory limit")
DATA = ReportData(
    cluster="prod-eu",
    since=SINCE,
    until=UNTIL,
    zone=ZoneInfo("Europe/Berlin"),
    audit=sample.AUDIT,
    then=THEN,
    published=2009,
    failed=7,
    failures=("the API server did not answer",),
    opened=(Opened(_OPENED, UNTIL - timedelta(days=2)), Opened(sample.DRIFT[0], UNTIL - timedelta(minutes=10))),
    resolved=(Opened(_RESOLVED, SINCE - timedelta(days=3), UNTIL - timedelta(days=1)),),
    finding_since={f"{3:032x}": SINCE - timedelta(days=8), f"{1:032x}": UNTIL - timedelta(days=2)},
    unread=(
        Unread(Cell("apps", "Deployment", "vault", CellState.DENIED, "list is forbidden"), SINCE + timedelta(days=1)),
    ),
    gaps=((SINCE + timedelta(days=3), SINCE + timedelta(days=3, hours=5)),),
    revisions={"shop": ("a81f3c0" + "0" * 33, "3f2c1ab4d5e6f708192a3b4c5d6e7f8091a2b3c4")},
)
NO_RUNS = replace(DATA, published=0, opened=(), resolved=(), unread=(), gaps=(), revisions={})
NEVER = ReportData("prod-eu", SINCE, UNTIL)
FIRST = replace(DATA, then=None)
EMPTY = ReportData("empty", SINCE, UNTIL, audit=sample.NOTHING, published=3)


def hostile(nasty: str) -> ReportData:
    """One text in every field that others write."""
    audit = sample.hostile(nasty)
    finding = audit.verdicts[0].findings[0]
    cell = Cell(nasty, nasty, nasty, CellState.DENIED, nasty)
    return replace(
        DATA,
        cluster=nasty,
        audit=audit,
        then=audit.scores,
        failures=(nasty,),
        opened=(Opened(finding, SINCE), Opened(audit.drift[0], SINCE)),
        resolved=(Opened(finding, SINCE, UNTIL),),
        finding_since={finding.fingerprint: SINCE},
        unread=(Unread(cell, SINCE, UNTIL),),
        revisions={nasty: (nasty, "b")},
    )


def large(count: int) -> ReportData:
    """A period in which everything is many."""
    audit = sample.many(count)
    opened = tuple(Opened(verdict.findings[0], SINCE + timedelta(days=1)) for verdict in audit.verdicts)
    since = {one.what.fingerprint: SINCE for one in opened if hasattr(one.what, "fingerprint")}
    return replace(DATA, audit=audit, then=audit.scores, opened=opened, resolved=opened, finding_since=since)
