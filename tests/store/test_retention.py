"""Old history goes; what stands, and what dates it, stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, func, select

from auditor.model import Audit, Coverage, Outcome, Score, Scores, Unavailable
from auditor.store import Keep, Store, invariants, open_store, retention
from auditor.store.connection import writing
from auditor.store.facts import FACTS
from auditor.store.tables import objects
from tests.store.estates import CLUSTER, audit, cell, change, drift, estate, failing, finding, minutes, ref, verdict
from tests.store.test_kill import SIZE, numbered, whole

Publish = Callable[[Audit], int]
LATER = minutes(60 * 24 * 365)


def names(store: Store) -> set[str]:
    with store.engine.connect() as connection:
        return set(connection.execute(select(objects.c.name)).scalars())


def test_an_empty_store_has_nothing_to_prune(store: Store) -> None:
    assert store.prune(LATER) == 0


def test_the_last_published_run_stays_whatever_its_age(store: Store, publish: Publish) -> None:
    publish(audit(minutes(0)))
    publish(audit(minutes(1), drift=(drift(ref(), change()),)))
    store.fail(store.begin(CLUSTER, "schedule", minutes(2)), "no network")
    before = store.latest(CLUSTER)
    assert store.prune(LATER) == 0  # the run at 0 dates the score
    assert store.latest(CLUSTER) == before
    assert [r.status for r in store.runs(CLUSTER)] == ["failed", "published", "published"]


def test_a_cluster_that_was_never_published_is_pruned_too(store: Store) -> None:
    store.fail(store.begin(CLUSTER, "schedule", minutes(0)), "no network")
    running = store.begin(CLUSTER, "schedule", minutes(1))
    assert store.prune(LATER) == 1
    assert [r.id for r in store.runs(CLUSTER)] == [running]


def test_what_is_open_stays_with_the_run_that_dates_it(store: Store, publish: Publish) -> None:
    def said(n: int) -> Audit:
        # Everything has another value since 5, so that only "since when" still leads to the run at 0.
        old = n < 5
        found = finding(ref(), message="old" if old else "new")
        return audit(
            minutes(n),
            verdicts=(verdict(ref(), Outcome.FAIL, found, reason="old" if old else "new"),),
            coverage=Coverage(1.0, (cell(objects=1 if old else 2),)),
            scores=Scores(1, Score(80.0 if old else 70.0, None, 2, 0.0)),
        )

    for n in (0, 5, 10, 15, 20):
        publish(said(n))
    before = store.latest(CLUSTER)
    assert store.prune(minutes(20)) == 4 + 2  # four old values, and the runs at 10 and 15 that nothing refers to
    assert store.latest(CLUSTER) == before
    assert [r.started for r in store.runs(CLUSTER)] == [minutes(20), minutes(5), minutes(0)]
    assert [s.since for s in store.finding_history(CLUSTER, finding(ref()).fingerprint)] == [minutes(0)]


def test_a_state_of_which_parts_are_gone_is_not_shown(store: Store, publish: Publish) -> None:
    publish(audit(minutes(0), verdicts=(failing(ref()),), drift=(drift(ref(), change()),)))
    publish(audit(minutes(5), verdicts=(verdict(ref(), Outcome.PASS),), drift=(drift(ref(), change()),)))
    publish(audit(minutes(9), verdicts=(verdict(ref(), Outcome.PASS),), drift=(drift(ref(), change()),)))
    kept = store.state(CLUSTER, minutes(9))
    store.prune(minutes(9))
    for n in (0, 5, 8):
        assert store.state(CLUSTER, minutes(n)) is None
        assert store.scores(CLUSTER, minutes(n)) is None
    assert store.state(CLUSTER, minutes(9)) == kept
    first = store.reports_since(CLUSTER, 10_000)
    assert first == minutes(0)


def test_objects_of_which_nothing_is_known_go(store: Store, publish: Publish) -> None:
    gone, concerned, seen = ref("gone"), ref("concerned"), ref("seen")
    publish(audit(minutes(0), verdicts=(failing(gone), failing(ref())), seen=frozenset({seen, gone})))
    publish(audit(minutes(5), verdicts=(verdict(ref(), Outcome.PASS, concerns=(concerned,)),), seen=frozenset({seen})))
    publish(audit(minutes(9), verdicts=(verdict(ref(), Outcome.PASS, concerns=(concerned,)),), seen=frozenset({seen})))
    store.prune(minutes(9))
    assert names(store) == {"web", "concerned", "seen"}
    publish(audit(minutes(10), verdicts=(failing(gone),)))
    latest = store.latest(CLUSTER)
    assert latest is not None
    assert [v.ref for v in latest.audit.verdicts] == [gone]


def test_other_clusters_keep_their_history(store: Store, publish: Publish) -> None:
    store.publish(
        store.begin("other", "manual", minutes(0)), audit(minutes(0), cluster="other", verdicts=(failing(ref()),))
    )
    publish(audit(minutes(1)))
    store.publish(store.begin("other", "manual", minutes(2)), audit(minutes(2), cluster="other"))
    store.prune(minutes(1))
    assert store.state("other", minutes(0)) is None
    assert store.state("other", minutes(2)) is not None
    assert store.state(CLUSTER, minutes(1)) is not None


def test_many_rows_go_in_several_steps(store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    publish(audit(minutes(0), verdicts=tuple(failing(ref(f"app-{n}")) for n in range(10))))
    publish(audit(minutes(5)))
    publish(audit(minutes(9)))
    # Ten verdicts, ten findings, ten objects and the run at 0; what ended at 5 is over before 9, the run at 5 too.
    gone = store.prune(minutes(9))
    assert gone >= 31
    assert names(store) == set()
    assert store.prune(minutes(9) - timedelta(seconds=1)) == 0


def tables(store: Store) -> dict[str, int]:
    with store.engine.connect() as connection:
        return {
            name: connection.execute(
                select(func.count()).select_from(fact.table).where(~fact.table.c.closed_run.is_(None))
            ).scalar_one()
            for name, fact in FACTS.items()
        }


def test_scores_stay_longer_than_the_rest(store: Store, publish: Publish) -> None:
    for n in range(1, 8):
        publish(numbered(n))
    points = store.score_points(CLUSTER, minutes(0), minutes(9))
    assert len(points) == 7
    store.prune(Keep(details=minutes(6), scores=minutes(3)))
    assert store.state(CLUSTER, minutes(4)) is None
    state = store.state(CLUSTER, minutes(6))
    assert state is not None
    assert whole(state) == 6
    assert [point.at for point in store.score_points(CLUSTER, minutes(3), minutes(9))] == [
        p.at for p in points if p.at >= minutes(3)
    ]
    assert store.score_points(CLUSTER, minutes(3), minutes(4)), "a period whose states are gone has its scores"
    assert invariants.broken(store.engine) == ()
    store.prune(Keep(details=minutes(6), scores=minutes(6)))
    assert invariants.broken(store.engine) == ()
    assert store.prune(Keep(details=minutes(6), scores=minutes(6))) == 0


def test_scores_never_go_before_what_a_state_needs(store: Store, publish: Publish) -> None:
    for n in range(1, 8):
        publish(numbered(n))
    store.prune(Keep(details=minutes(3), scores=minutes(7)))
    for n in range(3, 8):
        state = store.state(CLUSTER, minutes(n))
        assert state is not None
        assert whole(state) == n


def test_no_more_than_so_many_ended_rows_stay(store: Store, publish: Publish) -> None:
    for n in range(1, 8):
        publish(numbered(n))
    assert max(tables(store).values()) == 6 * SIZE
    store.prune(Keep(details=minutes(0), rows=2 * SIZE))
    left = tables(store)
    assert max(left.values()) <= 2 * SIZE
    assert left["findings"] == 2 * SIZE
    assert store.state(CLUSTER, minutes(3)) is None
    for n in (6, 7):
        state = store.state(CLUSTER, minutes(n))
        assert state is not None
        assert whole(state) == n
    assert invariants.broken(store.engine) == ()


def test_a_number_of_rows_takes_nothing_that_the_next_reports_need(store: Store, publish: Publish) -> None:
    for n in range(1, 8):
        publish(numbered(n))
    store.prune(Keep(details=minutes(0), rows=1, at_least=minutes(4)))
    for n in range(4, 8):
        state = store.state(CLUSTER, minutes(n))
        assert state is not None
        assert whole(state) == n
    assert store.prune(Keep(details=minutes(0), rows=1, at_least=minutes(0))) == 0
    assert store.latest(CLUSTER) is not None


def test_reports_that_were_made_go_and_those_that_wait_stay(store: Store) -> None:
    for period in ("old", "waiting", "new"):
        assert store.claim_report("c", period, minutes(0))
    store.report_made("c", "old", minutes(0))
    store.report_made("c", "new", minutes(9))
    assert store.prune(Keep(minutes(5))) == 1
    assert {report.period for report in store.reports("c")} == {"waiting", "new"}


def test_the_space_of_what_went_is_returned(tmp_path: Path) -> None:
    path = tmp_path / "auditor.db"
    store = open_store(f"sqlite:///{path}")
    for n in range(6):
        number = store.begin(CLUSTER, "schedule", minutes(n))
        # Every second estate says everything otherwise.
        store.publish(number, estate(200, 5, minutes(n)) if n % 2 else audit(minutes(n)))
    store.give_back()
    before = path.stat().st_size
    with store.engine.connect() as reader:  # a reader in the midst of its work
        reader.exec_driver_sql("SELECT count(*) FROM runs").all()
        assert store.prune(minutes(5)) > 1000
    store.give_back()
    assert path.stat().st_size < before * 0.6
    assert path.with_name("auditor.db-wal").stat().st_size == 0
    assert invariants.broken(store.engine) == ()
    store.close()


@pytest.mark.component
def test_the_space_of_what_went_at_the_end_of_a_table_is_returned(postgres_url: str) -> None:
    store = open_store(postgres_url)
    for n in range(6):
        number = store.begin(CLUSTER, "schedule", minutes(n))
        store.publish(number, estate(200, 5, minutes(n)) if n in (1, 3) else audit(minutes(n)))

    def size() -> int:
        with store.engine.connect() as connection:
            return int(connection.exec_driver_sql("SELECT pg_relation_size('verdicts')").scalar_one())

    before = size()
    store.prune(minutes(6))
    store.give_back()
    assert size() < before / 2
    store.close()


def test_runs_are_published_while_history_goes(store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two steps another run is published; nothing of it is lost, and no object that it needs."""
    monkeypatch.setattr(retention, "BATCH", 7)
    for n in range(1, 6):
        publish(numbered(n))
    publish(audit(minutes(6)))  # everything has ended; its objects are free to go
    publish(audit(minutes(7)))
    turn, busy = 7, False

    @contextmanager
    def interrupted(engine: Engine) -> Iterator[Connection]:
        nonlocal turn, busy
        if not busy and turn < 40:
            busy, turn = True, turn + 1
            publish(numbered(turn) if turn % 3 else audit(minutes(turn)))
            busy = False
        with writing(engine) as connection:
            yield connection

    monkeypatch.setattr(retention, "writing", interrupted)
    store.prune(minutes(7))
    assert turn > 20
    assert invariants.broken(store.engine) == ()
    for n in (turn - 1, turn):
        state = store.state(CLUSTER, minutes(n))
        assert state is not None
        assert len(state.audit.verdicts) == (SIZE if n % 3 else 0)


def test_whenever_pruning_ends_no_chain_of_intervals_has_a_hole(
    store: Store, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 5)
    for n in range(1, 6):
        publish(numbered(n))
    with writing(store.engine) as connection:  # rows lie in no order that anybody can rely on
        c = FACTS["findings"].table.c
        values = {"remedy": "moved to the end of the table"}
        connection.execute(FACTS["findings"].table.update().where(c.opened_run == 1).values(values))
    steps = 0

    @contextmanager
    def killed(engine: Engine) -> Iterator[Connection]:
        nonlocal steps
        steps += 1
        if steps % 8 == 0:
            raise Unavailable("store", "killed")
        with writing(engine) as connection:
            yield connection

    monkeypatch.setattr(retention, "writing", killed)
    for _ in range(5):
        with suppress(Unavailable):
            store.prune(minutes(5))
        assert invariants.broken(store.engine) == ()
