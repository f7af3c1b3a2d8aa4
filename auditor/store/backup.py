"""A copy of a whole database in one file, and back.

In: an engine and a file. Out: a SQLite database of the same revision that holds every row as of one moment, from SQLite and
PostgreSQL alike; so a copy of one can be restored to the other. Runs go on meanwhile: the copy is read in one transaction.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, case, func, literal, select

from auditor.model import Misuse
from auditor.store import migrate
from auditor.store.connection import connect, is_sqlite, reading, unavailable, writing
from auditor.store.facts import metadata
from auditor.store.keys import insert_rows
from auditor.store.tables import runs

BATCH: Final = 10_000


def backup(engine: Engine, file: Path) -> int:
    """Write a copy to a file, which appears when it is whole; bytes written. Raises `Unavailable`, `Misuse` for a file that
    cannot be written or is there already."""
    if file.exists():
        raise Misuse(
            f"{file}: there is a file already", remedy="name a file that is not there; old copies are yours to remove"
        )
    with _beside(file) as made:
        target = connect(f"sqlite:///{made}")
        try:
            migrate.upgrade(target)
            with reading(engine) as source, writing(target) as sink:
                _copy(source, sink)
            with target.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            target.dispose()
        with made.open("rb") as written:
            os.fsync(written.fileno())
        os.link(made, file)  # fails where somebody else has made the file meanwhile
    return file.stat().st_size


def restore(engine: Engine, file: Path) -> int:
    """Read a copy into a database that holds no run; how many runs it has. A copy of an older version is brought to this one first,
    the file itself stays as it is. Raises `Unavailable`, `Misuse` for a file that is no copy."""
    if not file.is_file():
        raise Misuse(f"{file}: there is no such file", remedy="name a file that `auditor db backup` wrote")
    with tempfile.TemporaryDirectory(prefix="auditor-restore-") as folder:
        copy = Path(shutil.copy(file, folder))
        source = connect(f"sqlite:///{copy}")
        try:
            if migrate.current(source) is None:
                raise Misuse(f"{file}: is no copy of a store", remedy="name a file that `auditor db backup` wrote")
            migrate.upgrade(source)
            migrate.upgrade(engine)
            with reading(source) as rows, writing(engine) as sink:
                if sink.execute(select(runs.c.id).limit(1)).first() is not None:
                    raise unavailable(
                        engine, "other", "holds runs already: a copy is restored to an empty one only", "name another"
                    )
                _copy(rows, sink)
                return sink.execute(select(func.count()).select_from(runs)).scalar_one()
        finally:
            source.dispose()


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """A new file in the same folder, so that it can take the name of the other; its traces go."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{file.name}.", dir=file.parent))
    except OSError as error:
        raise Misuse(f"{file}: {error.strerror}", remedy="name a file in a folder that can be written") from None
    try:
        yield folder / "copy.db"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Connection, sink: Connection) -> None:
    # In the order of references; leaders go before runs, which the triggers compare with them.
    tables = sorted(metadata.sorted_tables, key=lambda table: table.name not in ("clusters", "leaders"))
    for table in tables:
        names = [column.name for column in table.columns]
        for rows in source.execute(_all(table).execution_options(yield_per=BATCH)).partitions():
            insert_rows(sink, table, names, [tuple(row) for row in rows])
        if not is_sqlite(sink) and "id" in table.c:  # the next row must not take a number that was copied
            top = select(func.max(table.c.id)).scalar_subquery()
            sink.execute(select(func.setval(func.pg_get_serial_sequence(table.name, "id"), func.coalesce(top, 1))))


def _all(table: Table) -> Any:
    """Every row; runs that had not ended when the copy was taken never will in it."""
    columns: list[Any] = list(table.columns)
    if table is runs:
        running = table.c.status == "running"
        said = {
            "status": "interrupted",
            "reason": "the copy was taken before the run ended",
            "finished": runs.c.started,
        }
        columns = [
            case((running, said[c.name] if c.name == "finished" else literal(said[c.name])), else_=c).label(c.name)
            if c.name in said
            else c
            for c in columns
        ]
    return select(*columns).order_by(*table.primary_key.columns)
