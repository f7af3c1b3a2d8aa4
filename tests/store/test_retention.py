"""Old history goes; what stands, and what dates it, stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from auditor.model import Audit, Coverage, Outcome, Score, Scores
from auditor.store import Store, retention
from auditor.store.tables import objects
from tests.store.estates import CLUSTER, audit, cell, change, drift, failing, finding, minutes, ref, verdict

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
