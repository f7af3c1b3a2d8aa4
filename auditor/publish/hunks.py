"""Where two long texts differ: git's and live's in, the lines of a unified diff out, in linear time for texts of any length."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

MOST: Final = 4_000
"""Lines between the first and the last difference that are compared; beyond that only these two are shown."""
WIDE: Final = 240
"""Characters of one line that are shown."""


def hunks(desired: str, live: str, context: int = 3) -> list[str]:
    """`@@ -git +live @@` with removed, added and `context` unchanged lines; what is cut is said with its length."""
    want, have = desired.split("\n"), live.split("\n")
    shorter = min(len(want), len(have))
    head = next((at for at in range(shorter) if want[at] != have[at]), shorter)
    most = shorter - head
    tail = next((at for at in range(most) if want[-1 - at] != have[-1 - at]), most)
    before, after = want[head : len(want) - tail], have[head : len(have) - tail]
    if len(before) + len(after) > MOST:
        return [
            *_hunk(head, head, want[max(head - context, 0) : head], before[:1], after[:1], ()),
            f"… {len(before):,} lines of git and {len(after):,} live from here on; the last that differ:",
            *_hunk(
                len(want) - tail - 1,
                len(have) - tail - 1,
                (),
                before[-1:],
                after[-1:],
                want[len(want) - tail :][:context],
            ),
        ]
    start = max(head - context, 0)
    end = min(tail, context)
    left, right = want[start : len(want) - tail + end], have[start : len(have) - tail + end]
    found: list[str] = []
    for group in SequenceMatcher(None, left, right, autojunk=False).get_grouped_opcodes(context):
        first, last = group[0], group[-1]
        found.append(f"@@ -{_span(start + first[1], start + last[2])} +{_span(start + first[3], start + last[4])} @@")
        for tag, a, b, c, d in group:
            if tag == "equal":
                found += [f" {_cut(line)}" for line in left[a:b]]
            else:
                found += [f"-{_cut(line)}" for line in left[a:b]]
                found += [f"+{_cut(line)}" for line in right[c:d]]
    return found


def _hunk(
    a: int, b: int, lead: Sequence[str], gone: Sequence[str], come: Sequence[str], trail: Sequence[str]
) -> list[str]:
    return [
        f"@@ -{a + 1 - len(lead)} +{b + 1 - len(lead)} @@",
        *(f" {_cut(line)}" for line in lead),
        *(f"-{_cut(line)}" for line in gone),
        *(f"+{_cut(line)}" for line in come),
        *(f" {_cut(line)}" for line in trail),
    ]


def _span(start: int, stop: int) -> str:
    return f"{start + 1}" if stop - start == 1 else f"{start + (stop > start)},{stop - start}"


def _cut(line: str) -> str:
    return line if len(line) <= WIDE else f"{line[:WIDE]}… ({len(line):,} characters)"
