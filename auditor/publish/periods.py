"""Periods that people name: a week in words in, its two moments out."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from auditor.model import Misuse


def of_week(text: str, zone: str, now: datetime) -> tuple[datetime, datetime]:
    """From Monday to Monday, midnight in the zone, of an ISO week (`2026-W47`), this one or the last. Raises `Misuse`."""
    local = now.astimezone(ZoneInfo(zone))
    monday = (local - timedelta(days=local.weekday())).date()
    if text == "last":
        monday -= timedelta(days=7)
    elif text != "this":
        try:
            monday = datetime.strptime(f"{text}-1", "%G-W%V-%u").date()  # noqa: DTZ007 - a day, not a moment
        except ValueError:
            raise Misuse(f"{text!r} is no week", remedy="write it as 2026-W47, this or last") from None
    first, last = (
        datetime.combine(day, datetime.min.time(), ZoneInfo(zone)) for day in (monday, monday + timedelta(days=7))
    )
    return first, min(last, now)
