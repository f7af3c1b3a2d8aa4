"""Reports fall due once for each time on the clock of their zone, whatever that clock does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.daemon.due import cron_trigger, last_due
from auditor.model import Misuse
from auditor.settings import ReportSettings

EARLIEST, LATEST = (datetime.fromisoformat(f"{year}-01-01T00:00") for year in (2012, 2030))
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia")


def report(cron: str, zone: str = "Europe/Berlin", days: int = 7) -> ReportSettings:
    return ReportSettings(cron=cron, timezone=zone, days=days)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (report("0 6 * *"), "has 4 fields"),
        (report("61 6 * * 1"), "61"),
        (report("0 6 * * mo"), "mo"),
        (report("0 6 * * 1", "Europe/Berlim"), "no such time zone: 'Europe/Berlim'"),
        (report("0 6 * * 1", "../../etc/passwd"), "no such time zone"),
    ],
)
def test_what_is_no_schedule_is_said(settings: ReportSettings, said: str) -> None:
    with pytest.raises(Misuse, match=said) as wrong:
        cron_trigger(settings)
    assert wrong.value.remedy


@pytest.mark.parametrize(
    ("cron", "weekday"), [("0 6 * * 0", 6), ("0 6 * * 7", 6), ("0 6 * * 1", 0), ("0 6 * * 5", 4), ("0 6 * * sat", 5)]
)
def test_weekdays_are_counted_as_cron_counts_them(cron: str, weekday: int) -> None:
    due = last_due(report(cron), at("2026-11-01T00:00Z"), at("2026-11-20T00:00Z"))
    assert due is not None
    assert (due.weekday(), due.hour) == (weekday, 5)  # in UTC; 06:00 in Berlin


def test_nothing_is_due_before_the_first_time_or_at_the_edges() -> None:
    weekly = report("0 6 * * 1")
    monday = at("2026-11-16T05:00Z")  # 06:00 in Berlin
    assert last_due(weekly, monday, monday + timedelta(days=6)) is None
    assert last_due(weekly, monday - timedelta(seconds=1), monday - timedelta(microseconds=1)) is None
    assert last_due(weekly, monday - timedelta(seconds=1), monday) == monday


def test_several_missed_ones_are_one() -> None:
    assert last_due(report("* * * * *"), at("2026-10-01T00:00Z"), at("2026-11-20T10:20:30Z")) == at("2026-11-20T10:20Z")


def test_a_time_that_comes_twice_counts_once_and_the_first_time() -> None:
    nightly = report("30 2 * * *")
    first, second = at("2026-10-25T00:30Z"), at("2026-10-25T01:30Z")
    before = first - timedelta(hours=1)
    assert last_due(nightly, before, first) == first
    assert last_due(nightly, before, second + timedelta(hours=3)) == first
    assert last_due(nightly, first, second + timedelta(hours=3)) is None


def test_a_time_that_does_not_come_is_made_up_for_an_hour_later() -> None:
    nightly = report("30 2 * * *")
    made_up = at("2026-03-29T01:30Z")  # 03:30 in Berlin
    assert last_due(nightly, made_up - timedelta(hours=5), made_up + timedelta(hours=5)) == made_up


@pytest.mark.parametrize(("zone", "cron"), list(zip(ZONES, ["30 2 * * *", "0 0 * * *"] * 3, strict=True)))
def test_over_a_year_there_is_one_for_each_day(zone: str, cron: str) -> None:
    """Looked at every twelve hours, as a daemon that is asleep most of the time would."""
    now, end = at("2025-12-30T12:00Z"), at("2027-01-02T12:00Z")
    seen: list[datetime] = []
    since = now
    while now < end:
        now += timedelta(hours=12)
        due = last_due(report(cron, zone, 1), since, now)
        if due is not None:
            seen.append(due)
            since = due
    days = [moment.astimezone(ZoneInfo(zone)).date() for moment in seen]
    assert days == sorted(set(days)), "one for each day, in their order"
    assert {date(2026, 1, 1) + timedelta(days=n) for n in range(365)} <= set(days)


@given(
    zone=st.sampled_from(ZONES),
    cron=st.sampled_from(["30 2 * * 0", "15 * * * *", "0 6 * * 1", "30 1 1 * *", "*/30 1-3 * * *"]),
    start=st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC)),
    hours=st.floats(0.01, 24 * 50),
)
def test_what_is_due_lies_between_the_two_moments_and_the_next_does_not_repeat_it(
    zone: str, cron: str, start: datetime, hours: float
) -> None:
    now = start + timedelta(hours=hours)
    due = last_due(report(cron, zone, 31), start, now)
    assert due is None or start < due.astimezone(UTC) <= now
    if due is not None:
        assert last_due(report(cron, zone, 31), due, now) is None
