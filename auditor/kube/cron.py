"""How often a CronJob runs: its schedule in, the shortest time between two runs out.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

_MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_RANGES: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_DAYS: Final = {name: str(number) for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_MONTHS: Final = {
    name: str(number)
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
DAY: Final = 24 * 60


def shortest_gap(schedule: str) -> int:
    """Seconds between the two runs that are closest to each other. Raises ValueError for what is no schedule.

    Days of the month are taken to follow each other where two of them do; months do not matter.
    """
    said = schedule.strip()
    if said.startswith(("TZ=", "CRON_TZ=")):
        said = said.partition(" ")[2].strip()
    fields = _MACROS.get(said.lower(), said).split()
    if len(fields) != 5:
        raise ValueError("a schedule has five fields")
    minutes, hours, days, _, weekdays = (
        _numbers(field, *bounds, names)
        for field, bounds, names in zip(fields, _RANGES, ({}, {}, {}, _MONTHS, _DAYS), strict=True)
    )
    times = sorted(hour * 60 + minute for hour in hours for minute in minutes)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    on = {day % 7 for day in weekdays}
    apart = _days_apart(sorted(on), 7) if fields[4] != "*" else 1
    if fields[2] != "*" and fields[4] == "*":
        apart = _days_apart(sorted(days), 31) if len(days) > 1 else 28
    gaps.append(times[0] + apart * DAY - times[-1])
    return min(gaps) * 60


def _days_apart(days: list[int], cycle: int) -> int:
    return min([later - earlier for earlier, later in pairwise(days)] + [days[0] + cycle - days[-1]])


def _numbers(field: str, least: int, most: int, names: dict[str, str]) -> set[int]:
    found: set[int] = set()
    for part in field.lower().split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        if first in ("*", "?"):
            start, end = least, most
        else:
            start = int(names.get(first[:3], first))
            end = int(names.get(last[:3], last)) if dash else most if slash else start
        if not least <= start <= end <= most or (slash and int(step) < 1):
            raise ValueError(f"{part!r} is out of range")
        found |= set(range(start, end + 1, int(step) if slash else 1))
    return found
