"""When reports fall due.

In: the settings of the report, and two moments. Out: the last moment between them at which a report fell due. The five fields are
read on the clock of the report's time zone, and each time on that clock counts once: 02:30 on the day it comes twice is the first
of the two, on the day it does not come it is the moment an hour later (crontab(5) leaves both open).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from auditor.model import Misuse
from auditor.settings import ReportSettings

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


def cron_trigger(report: ReportSettings) -> CronTrigger:
    """The trigger of a report, for times on the clock of its zone (given as if they were UTC: APScheduler returns to a time that has
    passed where a clock is set back). Raises `Misuse` for an expression or a time zone that is none.

    APScheduler counts weekdays from Monday as 0, cron from Sunday as 0 (crontab(5)): digits become names first.
    """
    fields = report.cron.split()
    if len(fields) != 5:
        raise Misuse(
            f"report.cron: {report.cron!r} has {len(fields)} fields", remedy="give five: minute hour day month weekday"
        )
    fields[4] = re.sub(r"(?<![/\d])[0-7](?!\d)", lambda day: _DAYS[int(day[0])], fields[4])
    zone_of(report)
    try:
        return CronTrigger(
            minute=fields[0], hour=fields[1], day=fields[2], month=fields[3], day_of_week=fields[4], timezone=UTC
        )
    except ValueError as error:
        raise Misuse(f"report.cron: {report.cron!r}: {error}", remedy="see crontab(5)") from None


def zone_of(report: ReportSettings) -> ZoneInfo:
    """The time zone of a report. Raises `Misuse`."""
    try:
        return ZoneInfo(report.timezone)
    except (KeyError, ValueError, OSError):
        raise Misuse(
            f"report.timezone: no such time zone: {report.timezone!r}", remedy="use a name such as Europe/Berlin"
        ) from None


def last_due(report: ReportSettings, since: datetime, now: datetime) -> datetime | None:
    """The last moment (UTC) after `since`, and not after `now`, at which a report fell due: several missed ones are one."""
    trigger, zone = cron_trigger(report), zone_of(report)
    # A report covers days; looking back further than two of its periods would only find ones that are superseded. Most fall due
    # within the shorter ones of these spans, so that a report of every minute is not looked for through two months of minutes.
    for days in (0.1, 2, 16, 2 * max(report.days, 31)):
        start = max(since, now - timedelta(days=days))
        found = _last(trigger, zone, start, now)
        if found is not None or start == since:
            return found
    return None


def _last(trigger: CronTrigger, zone: ZoneInfo, since: datetime, now: datetime) -> datetime | None:
    # Wider on the clock than in time: clocks are set by an hour or two.
    begin, end = (moment.astimezone(zone).replace(tzinfo=UTC, fold=0) for moment in (since - _WIDER, now + _WIDER))
    due = None
    fires = trigger.get_next_fire_time(None, begin)
    while fires is not None and fires <= end:
        moment = fires.replace(tzinfo=zone).astimezone(UTC)
        if since < moment <= now and (due is None or moment > due):
            due = moment
        fires = trigger.get_next_fire_time(None, fires + timedelta(seconds=1))
    return due


_WIDER = timedelta(hours=3)
