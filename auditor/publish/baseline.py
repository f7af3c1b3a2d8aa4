"""A baseline: what a check said on the day it began to count, so that from then on only what is new or worse fails.

In and out: a `Listed` <-> the text of a file that is kept in git and reviewed: JSON, one finding a line, in an order that does
not depend on the run. An entry is a fingerprint and the severity it had; what else stands there is for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson

from auditor.model import Misuse, Severity
from auditor.publish.encoding import dumps
from auditor.publish.foreign import visible
from auditor.publish.listed import Item, Listed

VERSION: Final = 1
_REMEDY: Final = "make it anew: auditor baseline create"


def text(listed: Listed) -> bytes:
    """The file for everything that is open, or known already."""
    entries = sorted((_entry(item) for item in listed.items if item.status != "waived"), key=_order)
    lines = b",\n".join(dumps(entry).strip() for entry in entries)
    return b'{"version": %d, "findings": [\n%s\n]}\n' % (VERSION, lines)


def ratcheted(before: Mapping[str, Severity], listed: Listed) -> tuple[bytes, int]:
    """The file without what is gone, at the severities of now where those are less; and how many entries went or sank.

    Nothing is added and nothing gets worse: what is new stays new.
    """
    now = {item.fingerprint: item for item in listed.items if item.status != "waived"}
    kept = {mark: now[mark] for mark in before if mark in now}
    sunk = sum(item.severity.rank < before[mark].rank for mark, item in kept.items())
    entries = []
    for mark, item in kept.items():
        entry = _entry(item)
        entry["severity"] = min(item.severity, before[mark], key=lambda one: one.rank).value
        entries.append(entry)
    lines = b",\n".join(dumps(entry).strip() for entry in sorted(entries, key=_order))
    return b'{"version": %d, "findings": [\n%s\n]}\n' % (VERSION, lines), len(before) - len(kept) + sunk


def read(data: bytes, file: str) -> Mapping[str, Severity]:
    """Fingerprint -> severity. Raises `Misuse`, with the line where it can be told, for what is no baseline of this version."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Misuse(f"{file}:{error.lineno}: this is no JSON, so no baseline", remedy=_REMEDY) from None
    if not isinstance(found, dict) or found.get("version") != VERSION or not isinstance(found.get("findings"), list):
        raise Misuse(f"{file}: this is no baseline of version {VERSION}", remedy=_REMEDY)
    known: dict[str, Severity] = {}
    for number, entry in enumerate(found["findings"], 1):
        try:
            known[str(entry["fingerprint"])] = Severity(entry["severity"])
        except (TypeError, KeyError, ValueError):
            raise Misuse(f"{file}: entry {number} has no fingerprint and severity", remedy=_REMEDY) from None
    return known


def _entry(item: Item) -> dict[str, str]:
    return {
        "fingerprint": item.fingerprint,
        "policy": item.code,
        "severity": item.severity.value,
        "object": visible(str(item.ref or "")),
        "path": visible(item.path),
    }


def _order(entry: Mapping[str, str]) -> tuple[str, ...]:
    return (entry["object"], entry["policy"], entry["path"], entry["fingerprint"])
