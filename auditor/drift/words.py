"""A difference within a long text, worded: two texts in, a unified diff out. The only importer of DeepDiff.

DeepDiff is slow and has traps, so it is given nothing but two texts that are known to differ: no dictionaries whose `__`
keys it would skip, no lists whose repetitions it would lose.
"""

from __future__ import annotations

from typing import Any, Final

SHORT: Final = 120
"""Up to this many characters on one line, both values stand beside each other and need no words."""
LONG: Final = 64 * 1024
"""Beyond this many characters only the first and the last line that differ are told."""


def words(desired: Any, live: Any) -> str:
    """How `live` differs from `desired`; empty for values that are short, or no texts."""
    if not isinstance(desired, str) or not isinstance(live, str) or desired == live:
        return ""
    if max(len(desired), len(live)) <= SHORT and "\n" not in desired.strip() + live.strip():
        return ""
    if max(len(desired), len(live)) > LONG:
        return _ends(desired, live)
    if "\n" not in desired.strip() + live.strip():
        return _within(desired, live)
    return _unified(desired, live) or _ends(desired, live)


def _unified(desired: str, live: str) -> str:
    from deepdiff import DeepDiff  # imported late: it costs 0.2 s, and most comparisons have no long text

    found = DeepDiff(
        desired, live, view="tree", ignore_private_variables=False, threshold_to_diff_deeper=0, ignore_order=False
    )
    for changes in found.values():
        for change in changes:
            lines = str(change.additional.get("diff", "")).split("\n")
            return "\n".join(lines[2:])  # after the names of the two files, which have none
    return ""


def _within(desired: str, live: str) -> str:
    """One long line each: what differs between the same beginning and the same end."""
    start = next(
        (at for at, (a, b) in enumerate(zip(desired, live, strict=False)) if a != b), min(len(desired), len(live))
    )
    most = min(len(desired), len(live)) - start
    end = next((at for at in range(most) if desired[-1 - at] != live[-1 - at]), most)
    return f"character {start + 1}:\n-{_clip(desired[start : len(desired) - end])}\n+{_clip(live[start : len(live) - end])}"


def _ends(desired: str, live: str) -> str:
    """The first line that differs, and the last one, counted in git's text."""
    want, have = desired.split("\n"), live.split("\n")
    shorter = min(len(want), len(have))
    first = next((at for at in range(shorter) if want[at] != have[at]), shorter)
    last = next((at for at in range(shorter - first) if want[-1 - at] != have[-1 - at]), shorter - first)
    told = [_line(first, want, have, first)]
    if len(want) - 1 - last > first:
        told.append(_line(len(want) - 1 - last, want, have, len(have) - 1 - last))
    if len(want) != len(have):
        told.append(f"{len(want)} lines in git, {len(have)} live")
    return "\n".join(told)


def _line(at: int, want: list[str], have: list[str], other: int) -> str:
    text = f"line {at + 1}:"
    if at < len(want):
        text += f"\n-{_clip(want[at])}"
    if 0 <= other < len(have):
        text += f"\n+{_clip(have[other])}"
    return text


def _clip(text: str, most: int = 400) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"
