"""What a run changes: the rows that it says and those that stand open in, turns of intervals out; and those into the tables.

A turn is one interval that begins, one that ends, or both where the next of the same thing begins as the last one ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from auditor.store import keys
from auditor.store.facts import FACTS, Fact
from auditor.store.rows import Row, Rows
from auditor.store.unknown import Open


class Standing(dict[str, Mapping[Row, Open]]):
    """What is open of each fact, by key; read when it is first asked for."""

    def __init__(self, connection: Connection, cluster_id: int) -> None:
        super().__init__()
        self.connection, self.cluster_id = connection, cluster_id

    def __missing__(self, name: str) -> Mapping[Row, Open]:
        fact = FACTS[name]
        c = fact.table.c
        columns = [c[column] for column in fact.columns]
        query = select(c.id, c.since_run, c.opened_run, c.opened_cause, *columns).where(
            c.cluster_id == self.cluster_id, c.closed_run.is_(None)
        )
        end = 4 + len(fact.key)
        self[name] = found = {
            tuple(row[4:end]): Open(row[0], row[1], tuple(row[4:]), row[2], row[3])
            for row in self.connection.execute(query).all()
        }
        return found


@dataclass(frozen=True, slots=True)
class Turn:
    """`before`: the interval that ends; `after`: the row of the one that begins; `since`: the run that its episode began with,
    None for this one."""

    before: Open | None
    after: Row | None
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one fact. `touch`: ids of intervals, with the columns that only accompany them. `kept`: whether something stays that
    was not wanted."""

    turns: list[Turn]
    touch: list[tuple[int, Row]]
    kept: bool

    @property
    def opened(self) -> int:
        """How many episodes begin."""
        return sum(turn.after is not None and turn.since is None for turn in self.turns)

    @property
    def resolved(self) -> int:
        """How many episodes end with nothing in their place."""
        return sum(turn.after is None for turn in self.turns)

    @property
    def rows(self) -> int:
        """How many rows are written."""
        return len(self.touch) + sum((turn.before is not None) + (turn.after is not None) for turn in self.turns)


def difference(
    fact: Fact, standing: Mapping[Row, Open], wanted: Rows, keep: Callable[[Row], bool] | None
) -> Difference:
    """What makes the rows that stand those that are wanted. `keep`: whether one stays that is not."""
    turns: list[Turn] = []
    touch: list[tuple[int, Row]] = []
    kept = False
    width = len(fact.key) + len(fact.values)
    loose = slice(width, width + len(fact.loose))
    sticky = len(fact.columns) - len(fact.sticky)
    breaks = [len(fact.key) + fact.values.index(name) for name in fact.breaks]
    for key, found in standing.items():
        row = wanted.get(key)
        if row is None:
            if keep is not None and keep(found.row):
                kept = True
            else:
                turns.append(Turn(found, None))
        elif row[:width] != found.row[:width]:
            same = all(row[n] == found.row[n] for n in breaks)
            after = row[:sticky] + found.row[sticky:] if same else row
            turns.append(Turn(found, after, found.since if same else None))
        elif row[loose] != found.row[loose]:
            touch.append((found.id, row[loose]))
    turns.extend(Turn(None, row) for key, row in wanted.items() if key not in standing)
    return Difference(turns, touch, kept)


def apply(
    connection: Connection, fact: Fact, step: Difference, causes: Iterator[int], cluster_id: int, run: int
) -> None:
    """Write one fact's difference; `causes` gives the number of each turn's cause, in order."""
    table = fact.table
    numbered = list(zip(step.turns, causes, strict=False))
    ends = [
        {"key": turn.before.id, "over": turn.after is not None, "why": why} for turn, why in numbered if turn.before
    ]
    if ends:
        close = update(table).where(table.c.id == bindparam("key"))
        values = {"closed_run": run, "replaced": bindparam("over"), "closed_cause": bindparam("why")}
        connection.execute(close.values(values), ends)
    if step.touch:
        follow = (
            update(table).where(table.c.id == bindparam("key")).values({n: bindparam("to_" + n) for n in fact.loose})
        )
        names = ["to_" + name for name in fact.loose]
        connection.execute(follow, [{"key": key, **dict(zip(names, row, strict=True))} for key, row in step.touch])
    columns = ("cluster_id", "opened_run", "since_run", "opened_cause", *fact.columns)
    begun = [
        (cluster_id, run, run if turn.since is None else turn.since, why, *turn.after)
        for turn, why in numbered
        if turn.after is not None
    ]
    if begun:
        # Sorted by key, neighbours in the index are neighbours in the file; and the same audit always writes the same rows.
        begun.sort(key=lambda row: row[4 : 4 + len(fact.key)])
        keys.insert_rows(connection, table, columns, begun)
