"""Timelines, what began and ended in a period, scores over time, and blindness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from auditor.model import Audit, CellState, Coverage, Drift, DriftKind, Outcome, Score, Scores
from auditor.store import Store
from tests.store.estates import CLUSTER, audit, cell, change, denied, drift, failing, minutes, owner, ref, verdict

Publish = Callable[[Audit], int]
PASS = verdict(ref(), Outcome.PASS)


@pytest.fixture
def story(publish: Publish) -> None:
    """Web fails from 0 to 20 and from 40; its replicas drift from 10 to 30, and its image from 20 to 30."""
    replicas, image = change(), change("spec.image", "a", "b", owner=owner("helm"))
    publish(audit(minutes(0), verdicts=(failing(ref()),)))
    publish(audit(minutes(10), verdicts=(failing(ref(), message="worse"),), drift=(drift(ref(), replicas),)))
    publish(audit(minutes(20), verdicts=(PASS,), drift=(drift(ref(), replicas, image),)))
    publish(audit(minutes(30), verdicts=(PASS,)))
    publish(audit(minutes(40), verdicts=(failing(ref()),)))


def told(episodes: Any) -> list[tuple[Any, Any]]:
    return [(e.since, e.until) for e in episodes]


@pytest.mark.usefixtures("story")
def test_a_period_without_runs_has_no_changes(store: Store) -> None:
    for since, until in ((-9, -1), (1, 9), (41, 99), (9, 1)):
        found = store.changes(CLUSTER, minutes(since), minutes(until))
        assert not any(
            getattr(found, name) for name in ("findings_opened", "findings_resolved", "drift_opened", "fields_opened")
        )


@pytest.mark.usefixtures("story")
def test_a_period_begins_after_its_start_and_holds_its_end(store: Store) -> None:
    assert told(store.changes(CLUSTER, minutes(0), minutes(20)).findings_opened) == []
    assert told(store.changes(CLUSTER, minutes(-1), minutes(0)).findings_opened) == [(minutes(0), None)]
    assert told(store.changes(CLUSTER, minutes(10), minutes(20)).findings_resolved) == [(minutes(0), minutes(20))]
    assert told(store.changes(CLUSTER, minutes(20), minutes(40)).findings_resolved) == []


@pytest.mark.usefixtures("story")
def test_what_opened_and_ended_in_a_period_is_in_both(store: Store) -> None:
    found = store.changes(CLUSTER, minutes(-1), minutes(40))
    assert told(found.findings_opened) == [(minutes(0), minutes(20)), (minutes(40), None)]
    assert told(found.findings_resolved) == [(minutes(0), minutes(20))]
    assert [e.what.message for e in found.findings_resolved] == ["worse"]  # type: ignore[union-attr]
    assert told(found.drift_opened) == told(found.drift_resolved) == [(minutes(10), minutes(30))]
    assert told(found.fields_opened) == [(minutes(10), minutes(30)), (minutes(20), minutes(30))]
    assert [e.opened_cause and e.opened_cause.kind for e in found.findings_opened] == ["first-run", "unknown"]
    assert [e.closed_cause and e.closed_cause.kind for e in found.findings_opened] == ["unknown", None]


@pytest.mark.usefixtures("story")
def test_a_period_is_told_the_same_whenever_it_is_asked_about(store: Store) -> None:
    found = store.changes(CLUSTER, minutes(0), minutes(10))
    assert told(found.drift_opened) == [(minutes(10), None)]
    (one,) = found.drift_opened
    assert isinstance(one.what, Drift)
    assert [c.path for c in one.what.changes] == ["spec.replicas"]


@pytest.mark.usefixtures("story")
def test_drift_that_ended_is_told_as_it_last_was(store: Store) -> None:
    (one,) = store.changes(CLUSTER, minutes(20), minutes(30)).drift_resolved
    assert isinstance(one.what, Drift)
    assert sorted(c.path for c in one.what.changes) == ["spec.image", "spec.replicas"]


@pytest.mark.usefixtures("story")
def test_a_field_can_begin_while_its_object_drifts_already(store: Store) -> None:
    found = store.changes(CLUSTER, minutes(10), minutes(20))
    assert found.drift_opened == ()
    assert [(e.ref, e.what.path, e.what.owner.manager) for e in found.fields_opened] == [(ref(), "spec.image", "helm")]  # type: ignore[union-attr]


def test_an_object_that_goes_missing_ends_one_drift_and_begins_another(store: Store, publish: Publish) -> None:
    publish(audit(minutes(0), drift=(drift(ref(), change()),)))
    publish(audit(minutes(5), drift=(drift(ref(), kind=DriftKind.MISSING),)))
    found = store.changes(CLUSTER, minutes(0), minutes(5))
    assert [e.what.kind for e in found.drift_opened] == [DriftKind.MISSING]  # type: ignore[union-attr]
    assert [e.what.kind for e in found.drift_resolved] == [DriftKind.MODIFIED]  # type: ignore[union-attr]


@pytest.mark.usefixtures("story")
def test_a_timeline_is_newest_first_and_can_be_cut(store: Store) -> None:
    whole = store.history(ref())
    assert [s.opened for s in whole] == sorted((s.opened for s in whole), reverse=True)
    assert {s.of for s in whole} == {"verdicts", "findings", "drift", "drift_fields"}
    assert store.history(ref(), limit=2) == whole[:2]
    assert all(s.closed is None or s.closed > s.opened for s in whole)


def test_histories_of_two_clusters_do_not_mix(store: Store, publish: Publish) -> None:
    publish(audit(minutes(0), verdicts=(failing(ref()),)))
    store.publish(store.begin("other", "manual", minutes(1)), audit(minutes(1), cluster="other"))
    found = store.latest("other")
    assert found is not None
    assert found.audit.verdicts == ()
    assert store.changes("other", minutes(-9), minutes(9)).findings_opened == ()
    assert len(store.past(CLUSTER).seen) == 0
    assert store.finding_history("other", failing(ref()).findings[0].fingerprint) == ()


def test_score_points_say_what_held_what_changed_and_what_ended(store: Store, publish: Publish) -> None:
    def scored(n: int, **namespaces: float) -> None:
        scores = Scores(
            1, Score(50.0, 1.0, 2, 0.0), {ns: Score(value, value, 1, 0.0) for ns, value in namespaces.items()}
        )
        publish(audit(minutes(n), scores=scores))

    scored(0, shop=80.0)
    scored(5, shop=80.0)
    scored(10, shop=60.0)
    scored(20)
    points = store.score_points(CLUSTER, minutes(7), minutes(99), scope="namespace", name="shop")
    assert [(p.at, p.score.score) for p in points] == [(minutes(7), 80.0), (minutes(10), 60.0), (minutes(20), None)]
    assert [(p.at, p.score.score) for p in store.score_points(CLUSTER, minutes(0), minutes(9))] == [(minutes(0), 50.0)]
    before, after = store.scores(CLUSTER, minutes(9)), store.scores(CLUSTER, minutes(10))
    assert before is not None
    assert after is not None
    assert (before.namespaces["shop"].score, after.namespaces["shop"].score) == (80.0, 60.0)
    assert store.scores(CLUSTER, minutes(-1)) is None


def test_blindness_lasts_over_reasons_and_ends(store: Store, publish: Publish) -> None:
    vault = cell(namespace="vault")
    publish(audit(minutes(0), coverage=Coverage(1.0, (vault,))))
    for n, reason in ((5, "timeout"), (6, "refused")):
        blind = cell(CellState.UNAVAILABLE, "vault", reason=reason)
        publish(audit(minutes(n), coverage=Coverage(0.5, (blind, denied()))))
    publish(audit(minutes(9), coverage=Coverage(0.5, (vault, denied()))))
    found = {b.cell.namespace: b for b in store.blindness(CLUSTER, minutes(0), minutes(9))}
    assert (found["vault"].since, found["vault"].until, found["vault"].cell.reason) == (
        minutes(5),
        minutes(9),
        "refused",
    )
    assert (found["shop"].since, found["shop"].until) == (minutes(5), None)
    latest = store.latest(CLUSTER)
    assert latest is not None
    assert latest.cell_since["apps", "Deployment", "shop"] == minutes(5)
    assert store.blindness(CLUSTER, minutes(-9), minutes(0)) == ()
