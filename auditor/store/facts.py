"""The tables of intervals, and what of them makes an interval.

What a run learns is kept as intervals: a row says that something held from one run until another, so that an unchanged run
adds one row (its own) and any moment can be shown as it was. A `Fact` names, for one table, the columns that identify a thing,
those whose change begins a new interval, and those that only accompany it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, Integer, Table, Text, false, text

from auditor.store.tables import Id, Moment
from auditor.store.tables import metadata as metadata  # whoever takes it from here has all tables in it


@dataclass(frozen=True, slots=True)
class Fact:
    """One table of intervals.

    `key` identifies a thing; `values` begin a new interval when they change; `loose` is brought up to date in place (where
    something is written, how to mend it); `once` is written when an interval begins, and `sticky` when an episode does.
    An episode is a chain of intervals of one thing without a gap: "since when" is its beginning. `breaks`: those of `values`
    whose change ends it all the same.
    """

    table: Table
    key: tuple[str, ...]
    values: tuple[str, ...]
    loose: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    sticky: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that a fact says, in the order that rows have them."""
        return self.key + self.values + self.loose + self.once + self.sticky


FACTS: Final[dict[str, Fact]] = {}


def _fact(
    name: str,
    *columns: Column[Any],
    key: tuple[str, ...],
    values: tuple[str, ...] = (),
    loose: tuple[str, ...] = (),
    once: tuple[str, ...] = (),
    sticky: tuple[str, ...] = (),
    breaks: tuple[str, ...] = (),
) -> Fact:
    table = Table(
        name,
        metadata,
        Column("id", Id, primary_key=True),
        Column("cluster_id", Id, ForeignKey("clusters.id"), nullable=False),
        *columns,
        Column("opened_run", Id, ForeignKey("runs.id"), nullable=False),
        # The run that began the episode: earlier than opened_run where a value or owner changed since. Retention keeps that run.
        Column("since_run", Id, nullable=False),
        Column("closed_run", Id, ForeignKey("runs.id")),
        # Closed because the next interval of the same episode or thing began in the same run; false: it is over.
        Column("replaced", Boolean, nullable=False, server_default=false()),
        # Of `causes`: the number within opened_run and closed_run; NULL where that run recorded none.
        Column("opened_cause", Integer),
        Column("closed_cause", Integer),
        # Of one thing, one interval is open at most; and the open ones of a cluster are found at once.
        Index(
            f"uq_{name}_open",
            "cluster_id",
            *key,
            unique=True,
            sqlite_where=text("closed_run IS NULL"),
            postgresql_where=text("closed_run IS NULL"),
        ),
        Index(None, "opened_run"),
        Index(None, "closed_run"),
    )
    if "object_id" in table.c:
        Index(f"ix_{name}_object_id", table.c.object_id)
    found = Fact(table, key, values, loose, once, sticky, breaks)
    FACTS[name] = found
    return found


def _object() -> Column[Any]:
    return Column("object_id", Id, ForeignKey("objects.id"), nullable=False)


def _text(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Text, nullable=null)


PLACE: Final = ("place_source", "place_file", "place_line", "place_column")


def _place() -> tuple[Column[Any], ...]:
    return (
        _text("place_source", null=True),
        _text("place_file", null=True),
        Column("place_line", Integer),
        Column("place_column", Integer),
    )


WINDOW: Final = ("window_after", "window_before")


def _window() -> tuple[Column[Any], ...]:
    return (Column("window_after", Moment), Column("window_before", Moment))


VERDICTS: Final = _fact(
    "verdicts",
    _object(),
    _text("policy"),
    _text("outcome"),
    _text("severity"),
    _text("reason"),
    _text("concerns"),  # "self", or the ids of the objects it counts for
    Column("scored", Boolean, nullable=False),
    key=("object_id", "policy"),
    values=("outcome", "severity", "reason", "concerns", "scored"),
    breaks=("outcome",),
)

FINDINGS: Final = _fact(
    "findings",
    _text("fingerprint"),
    _object(),
    _text("policy"),
    _text("path"),
    _text("side"),
    _text("severity"),
    Column("pending", Boolean, nullable=False),
    _text("message"),
    _text("remedy"),
    *_place(),
    key=("fingerprint",),
    values=("object_id", "policy", "path", "side", "severity", "pending", "message"),
    loose=("remedy", *PLACE),
)

DRIFT: Final = _fact(
    "drift",
    _object(),
    _text("kind"),
    _text("direction"),
    _text("severity"),
    _text("reason"),
    *_place(),
    *_window(),
    key=("object_id", "kind"),
    values=("direction", "severity", "reason"),
    loose=PLACE,
    sticky=WINDOW,
)

DRIFT_FIELDS: Final = _fact(
    "drift_fields",
    _object(),
    _text("kind"),
    _text("path"),
    Column("n", Integer, nullable=False),  # 0; counts on where one path occurs twice
    _text("change"),
    _text("desired", null=True),  # JSON, bounded; NULL where absent
    _text("live", null=True),
    _text("severity"),
    _text("direction"),
    _text("words"),
    _text("owner_manager", null=True),
    _text("owner_operation", null=True),
    _text("owner_subresource", null=True),
    _text("owner_class", null=True),
    _text("owner_certainty", null=True),
    Column("owner_time", Moment),
    *_place(),
    *_window(),
    key=("object_id", "kind", "path", "n"),
    values=(
        "change", "desired", "live", "severity", "direction", "words",
        "owner_manager", "owner_operation", "owner_subresource", "owner_class", "owner_certainty",
    ),
    loose=PLACE,
    # The server moves a manager's time whenever that manager writes anything: of one value, the first time seen is the closest bound.
    once=("owner_time",),
    sticky=WINDOW,
)  # fmt: skip

NOT_COMPARED: Final = _fact(
    "not_compared",
    _object(),
    _text("path"),  # "" for the object as a whole
    Column("n", Integer, nullable=False),  # 0; counts on where there are several reasons
    _text("reason"),
    key=("object_id", "path", "n"),
    values=("reason",),
)

CELLS: Final = _fact(
    "cells",
    _text("grp"),
    _text("kind"),
    _text("namespace"),
    _text("state"),
    _text("reason"),
    Column("objects", Integer, nullable=False),
    key=("grp", "kind", "namespace"),
    values=("state", "reason", "objects"),
    breaks=("state",),
)

PROBLEMS: Final = _fact(
    "problems",
    _text("fingerprint"),
    Column("object_id", Id, ForeignKey("objects.id")),
    _text("code"),
    _text("severity"),
    _text("message"),
    _text("remedy"),
    *_place(),
    key=("fingerprint",),
    values=("object_id", "code", "severity", "message"),
    loose=("remedy", *PLACE),
)

_SCORE: Final = ("score", "minimum", "workloads", "unknown_ratio")


def _score() -> tuple[Column[Any], ...]:
    return (
        Column("score", Double),
        Column("minimum", Double),
        Column("workloads", Integer, nullable=False),
        Column("unknown_ratio", Double),
    )


SCORES: Final = _fact("scores", _text("scope"), _text("name"), *_score(), key=("scope", "name"), values=_SCORE)
WORKLOAD_SCORES: Final = _fact("workload_scores", _object(), *_score(), key=("object_id",), values=_SCORE)
TEAMS: Final = _fact("teams", _text("namespace"), _text("team"), key=("namespace",), values=("team",))
SEEN: Final = _fact("seen", _object(), key=("object_id",))

# What the audit itself was made under: kind "policy", "setting" or "auditor", a name, and a word that changes when it does.
CONDITIONS: Final = _fact(
    "conditions", _text("kind"), _text("name"), _text("value"), key=("kind", "name"), values=("value",)
)

WAIVERS: Final = _fact(
    "waivers",
    _text("fingerprint"),
    Column(
        "object_id", Id, ForeignKey("objects.id")
    ),  # who carries the annotation; NULL for an entry of a waivers file
    *(_text(name) for name in ("policy", "kind", "namespace", "name", "container", "reason", "until", "by", "state")),
    *_place(),
    key=("fingerprint",),
    values=("object_id", "policy", "kind", "namespace", "name", "container", "reason", "until", "by", "state"),
    loose=PLACE,
)
