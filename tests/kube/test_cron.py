"""Schedules of CronJobs: the shortest time between two runs."""

from __future__ import annotations

import pytest

from auditor.kube.cron import shortest_gap

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@pytest.mark.parametrize(
    "schedule", ["", "* * * *", "60 * * * *", "* * * * mon-foo", "*/0 * * * *", "a * * * *", "5-1 * * * *", "@every 5m"]
)
def test_what_is_no_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        shortest_gap(schedule)


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("* * * * *", MINUTE),
        ("*/5 * * * *", 5 * MINUTE),
        ("0 * * * *", HOUR),
        ("@hourly", HOUR),
        ("0 2 * * *", DAY),
        ("0 8,9 * * 1-5", HOUR),
        ("0 8 * * MON-FRI", DAY),
        ("0 8 * * mon,thu", 3 * DAY),
        ("0 8 * * 0,6", DAY),  # Saturday, then Sunday
        ("0 8 * * 7", 7 * DAY),
        ("@weekly", 7 * DAY),
        ("50 23 * * *", DAY),
        ("0,58 23,0 * * *", 2 * MINUTE),  # 23:58, then 0:00
        ("0 0 1,15 * *", 14 * DAY),
        ("CRON_TZ=Europe/Berlin 0 6 * * *", DAY),
        ("10-20/5 3 * jan *", 5 * MINUTE),
    ],
)
def test_the_shortest_gap_is_found(schedule: str, seconds: int) -> None:
    assert shortest_gap(schedule) == seconds
