"""The words for values, times, numbers and causes, the same in terminal, report and pages.

In: model values. Out: short English for people, with foreign text made visible. One concept, one word: `docs/architecture.md`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from auditor import model
from auditor.model import Certainty, ChangeKind, Direction, DriftKind, Outcome, OwnerClass, Severity
from auditor.publish.foreign import shorten, visible
from auditor.publish.jsonform import plain

PRACTICES: Final[Mapping[int, str]] = {
    0: "General",
    1: "No bare Pods",
    2: "The right controller",
    3: "Init containers",
    4: "Services before workloads",
    5: "History to roll back to",
    6: "ConfigMaps and Secrets",
    7: "Probes",
    8: "Requests and limits",
    9: "Namespaces",
    10: "Autoscaling",
}
"""The ten practices, by number; 0 is for what cuts across them."""

OUTCOME_WORDS: Final[Mapping[Outcome, str]] = {
    Outcome.PASS: "pass",
    Outcome.FAIL: "fail",
    Outcome.NOT_APPLICABLE: "not applicable",
    Outcome.UNKNOWN: "unknown",
    Outcome.WAIVED: "waived",
    Outcome.BROKEN: "check broke",
}
OUTCOME_GLYPHS: Final[Mapping[Outcome, str]] = {
    Outcome.PASS: "✓",
    Outcome.FAIL: "✕",
    Outcome.NOT_APPLICABLE: "–",
    Outcome.UNKNOWN: "?",
    Outcome.WAIVED: "⬠",
    Outcome.BROKEN: "!",
}
SEVERITY_GLYPHS: Final[Mapping[Severity, str]] = {Severity.ERROR: "⬢", Severity.WARNING: "△", Severity.INFO: "i"}
DANGEROUS: Final = "▲"
"""Glyph of drift of severity error."""

DIRECTION_WORDS: Final[Mapping[Direction, str]] = {
    Direction.LIVE_CHANGED: "live was changed",
    Direction.GIT_AHEAD: "git is ahead",
    Direction.BOTH: "both were changed",
    Direction.UNKNOWN: "",
}
OWNER_WORDS: Final[Mapping[OwnerClass, str]] = {
    OwnerClass.HUMAN: "by hand",
    OwnerClass.GITOPS: "GitOps",
    OwnerClass.CONTROLLER: "a controller",
    OwnerClass.UNKNOWN: "not a known tool",
}
_KIND_WORDS: Final[Mapping[DriftKind, str]] = {
    DriftKind.MODIFIED: "differs from git",
    DriftKind.MISSING: "is in git and not on the cluster",
    DriftKind.UNMANAGED: "runs and is in no source",
    DriftKind.ORPHANED: "left git and still runs",
}
_CUT: Final = {"truncated", "bytes", "digest", "begins"}  # a long value, as the store keeps it
# What YAML 1.1, or Go's reading of it, takes for something else than a string when it stands without quotes
_NOT_PLAIN: Final = re.compile(
    r"(?i)[-+.]?[0-9][0-9_.eE+\-:T]*|0x[0-9a-f_]+|0[ob][0-7_]+|[-+]?\.(inf|nan)|~|null|true|false|yes|no|on|off|y|n"
    r"|[-?:](\s.*)?|[,\[\]{}#&*!|>'\"%@`\s].*|.*(:\s|\s#|:$|\s$).*"
)


def plural(count: int, one: str, many: str = "") -> str:
    """`no finding`, `1 finding`, `1,204 findings`."""
    return f"{'no' if count == 0 else f'{count:,}'} {one if count in (0, 1) else many or one + 's'}"


def number(value: float) -> str:
    """A score or a percentage cut down to whole: 100 means all, 0 means none (0.4 is shown as 1, for it is not none)."""
    return "1" if 0 < value < 1 else str(int(value))


def score_words(score: float | None) -> str:
    return "not judged" if score is None else number(score)


def percent(ratio: float | None) -> str:
    """`97 %` with a no-break space; `?` where nothing is known."""
    return "?" if ratio is None else f"{number(ratio * 100)}\u00a0%"


def when(at: datetime, zone: tzinfo = UTC, *, now: datetime | None = None, seconds: bool = False) -> str:
    """`Tue 17 Nov 14:02 UTC`; with the year where it is not that of `now`. A time without zone is UTC."""
    local = _aware(at).astimezone(zone)
    year = f" {local.year}" if now is None or _aware(now).astimezone(zone).year != local.year else ""
    return (
        f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M:%S}"[: None if seconds else -3]
        + f" {zone_name(local, zone)}"
    )


def zone_name(at: datetime, zone: tzinfo) -> str:
    """The IANA name of a zone (CET is not one zone), `UTC`, or its offset."""
    key = getattr(zone, "key", None)
    return str(key) if key else ("UTC" if not at.utcoffset() else f"{at:%z}")


def age(span: timedelta) -> str:
    """One unit, cut down: `3 min`, `5 h`, `9 days`, `6 weeks`."""
    seconds = max(0, int(span.total_seconds()))
    for unit, name, until in ((1, "s", 60), (60, "min", 3600), (3600, "h", 86400 * 2), (86400, "days", 86400 * 28)):
        if seconds < until:
            return f"{seconds // unit}\u00a0{name}"
    return f"{seconds // (86400 * 7)}\u00a0weeks"


def object_words(ref: model.Ref) -> str:
    """`Deployment checkout/cart-api`, visible; as long as it is."""
    return visible(str(ref))


def kubectl_kind(ref: model.Ref) -> str:
    """`deployment.apps`, as kubectl takes it; core kinds without a dot."""
    return f"{ref.kind.lower()}.{ref.group}" if ref.group else ref.kind.lower()


def unread_words(cells: Sequence[model.Cell]) -> tuple[str, str]:
    """(what could not be read, how and why) of cells that are alike (`tally.alike`)."""
    first = cells[0]
    reason = f": {visible(first.reason)}" if first.reason else ""
    if len(cells) == 1:
        where = f" in {shorten(first.namespace, 60)}" if first.namespace else ""
        return f"{shorten(first.kind, 60)}{where}", f"{first.state.value}{reason}"
    kinds = list(dict.fromkeys(shorten(cell.kind, 60) for cell in cells))
    namespaces = len({cell.namespace for cell in cells if cell.namespace})
    where = f", in {plural(namespaces, 'namespace')}" if namespaces else ""
    more = f" and {len(kinds) - 6:,} more kinds" if len(kinds) > 6 else ""
    return f"{plural(len(cells), 'list')}{where}", f"{first.state.value}{reason} ({', '.join(kinds[:6])}{more})"


def value_words(value: Any) -> str:
    """As YAML writes it, on one line: `"1"` and `1` differ, absent is `(not set)`, and a secret is `redacted`."""
    if value is None:
        return "(not set)"
    if isinstance(value, model.Sealed):
        return "redacted"
    if isinstance(value, str):
        return visible(_scalar(value))
    if isinstance(value, Mapping) and value.get("truncated") is True and set(value) == _CUT:
        return f"{visible(str(value['begins']))}… ({value['bytes']:,} bytes in all)"
    if isinstance(value, (Mapping, list, tuple)):
        return visible(_flow(value))
    return visible(json.dumps(value, default=str))


def sides(change: model.Change) -> tuple[str, str]:
    """(git, live) of a change, in words; for secrets also whether the two differ."""
    desired, live = change.desired, change.live
    if isinstance(desired, model.Sealed) and isinstance(live, model.Sealed):
        # marks of a store compare with nothing, but a change was only recorded where they differed
        return "redacted", "redacted, the same value" if desired.same_as(live) else "redacted, another value"
    return value_words(desired), value_words(live)


def drift_words(drift: model.Drift) -> str:
    """`differs from git in 3 fields, live was changed`."""
    text = _KIND_WORDS[drift.kind]
    if drift.kind is DriftKind.MODIFIED and drift.changes:
        text += f" in {plural(len(drift.changes), 'field')}"
    direction = DIRECTION_WORDS[drift.direction]
    return f"{text}, {direction}" if direction and drift.kind is DriftKind.MODIFIED else text


def who(change: model.Change, zone: tzinfo = UTC, *, now: datetime | None = None) -> str:
    """Which tool wrote the live value, when, and how sure that is. Never a person: managedFields name tools."""
    owner, window = change.owner, change.window
    between = since(window, zone, now=now) if window else ""
    if owner is None or (not owner.manager and owner.owner_class is OwnerClass.UNKNOWN):
        return f"{between}; by whom is not recorded" if between else "not recorded"
    tool = f"{visible(owner.manager, 120) or 'a tool without a name'} ({OWNER_WORDS[owner.owner_class]})"
    if owner.subresource:
        tool += f" through /{visible(owner.subresource, 60)}"
    if owner.certainty is not Certainty.RECORDED:
        tool = f"most likely {tool}" if owner.certainty is Certainty.LIKELY else f"perhaps {tool}"
    if change.change is ChangeKind.MISSING:
        # managedFields keep no trace of a removal, so the time of an entry says nothing of this field
        return f"{tool}, removed {between}" if between else tool
    if owner.time:
        return f"{tool}, at or before {when(owner.time, zone, now=now, seconds=True)}"
    return f"{tool}, {between}" if between else tool


def since(window: model.Window, zone: tzinfo = UTC, *, now: datetime | None = None) -> str:
    """`between 14:00 and Tue 17 Nov 14:05 UTC`; where no run came before, only that it was there then."""
    before = when(window.before, zone, now=now)
    if window.after is None:
        return f"before {before}, when it was first looked at"
    after, end = _aware(window.after).astimezone(zone), _aware(window.before).astimezone(zone)
    start = f"{after:%H:%M}" if after.date() == end.date() else when(after, zone, now=now)
    return f"between {start} and {before}"


def revision_words(source: model.Source) -> str:
    """`main 3f2c1ab`; a short commit, visible."""
    revision = source.revision or ""
    short = revision[:7] if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", revision) else revision
    return " ".join(visible(part, 120) for part in (source.branch or "", short) if part)


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _scalar(text: str) -> str:
    quoted = not text or "\n" in text or _NOT_PLAIN.fullmatch(text)
    return json.dumps(text, ensure_ascii=False) if quoted else text


def _flow(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False, default=str).replace('{"redacted": true}', "redacted")
