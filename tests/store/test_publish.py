"""What a publication writes, and what it refuses."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from auditor.model import (
    Audit,
    NotCompared,
    Outcome,
    Owner,
    Place,
    Problem,
    Score,
    Scores,
    Sealed,
    Severity,
    Unavailable,
)
from auditor.store import Store
from auditor.store.facts import FACTS, metadata
from tests.store.estates import (
    CLUSTER,
    audit,
    change,
    drift,
    estate,
    failing,
    finding,
    minutes,
    owner,
    ref,
    verdict,
)

Publish = Callable[[Audit], int]


def rows(store: Store) -> dict[str, int]:
    """How many rows each table has."""
    with store.engine.connect() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def content(store: Store) -> dict[str, list[Any]]:
    """All rows of all intervals, without the ids that only count."""
    found = {}
    with store.engine.connect() as connection:
        for name, fact in FACTS.items():
            columns = [c for c in fact.table.c if c.name != "id"]
            found[name] = sorted(map(tuple, connection.execute(select(*columns)).all()), key=repr)
    return found


# What is refused


def test_a_run_that_never_began_is_not_published(store: Store) -> None:
    with pytest.raises(Unavailable, match="knows no run 77"):
        store.publish(77, audit(minutes(0)))


def test_a_run_older_than_the_last_published_one_is_refused(store: Store) -> None:
    older = store.begin(CLUSTER, "schedule", minutes(0))
    newer = store.begin(CLUSTER, "schedule", minutes(1))
    store.publish(newer, audit(minutes(1)))
    with pytest.raises(Unavailable, match="older") as broken:
        store.publish(older, audit(minutes(0), drift=(drift(ref()),)))
    assert (broken.value.stage, broken.value.reason) == ("store", "superseded")
    assert store.latest(CLUSTER).audit.drift == ()  # type: ignore[union-attr]


def test_an_older_run_of_another_cluster_is_not_refused(store: Store) -> None:
    elsewhere = store.begin("other", "schedule", minutes(0))
    store.publish(store.begin(CLUSTER, "schedule", minutes(1)), audit(minutes(1)))
    store.publish(elsewhere, audit(minutes(2), cluster="other"))
    assert store.clusters() == ("other", CLUSTER)


def test_who_was_given_up_for_dead_cannot_publish(store: Store) -> None:
    run = store.begin(CLUSTER, "schedule", minutes(0))
    assert store.close_interrupted(CLUSTER) == (run,)
    assert store.close_interrupted(CLUSTER) == ()
    with pytest.raises(Unavailable, match="given up"):
        store.publish(run, audit(minutes(0)))
    found = store.run(run)
    assert found is not None
    assert (found.status, found.reason) == ("interrupted", "the process ended before the run did")


def test_an_audit_of_another_cluster_is_a_mistake(store: Store) -> None:
    run = store.begin("other", "schedule", minutes(0))
    with pytest.raises(ValueError, match="of the cluster 'other'"):
        store.publish(run, audit(minutes(0)))


def test_a_moment_without_time_zone_is_a_mistake(store: Store) -> None:
    run = store.begin(CLUSTER, "schedule", minutes(0))
    with pytest.raises(ValueError, match="time zone"):
        store.publish(run, audit(minutes(0).replace(tzinfo=None)))
    assert store.latest(CLUSTER) is None


# Readers


def test_nobody_sees_a_run_before_it_is_published(store: Store, publish: Publish) -> None:
    assert store.latest(CLUSTER) is None
    publish(audit(minutes(0), drift=(drift(ref()),)))
    store.begin(CLUSTER, "schedule", minutes(5))
    failed = store.begin(CLUSTER, "schedule", minutes(6))
    store.fail(failed, "git did not answer", minutes(7))
    latest = store.latest(CLUSTER)
    assert latest is not None
    assert latest.run.at == minutes(0)
    assert [(r.status, r.reason) for r in store.runs(CLUSTER)] == [
        ("failed", "git did not answer"),
        ("running", ""),
        ("published", ""),
    ]
    assert store.last_attempt(CLUSTER) == minutes(6)
    assert store.run_counts(CLUSTER) == {("schedule", s): 1 for s in ("failed", "running", "published")}


def test_a_failed_run_cannot_undo_a_published_one(store: Store) -> None:
    run = store.begin(CLUSTER, "manual", minutes(0))
    store.publish(run, audit(minutes(0)), phases={"fetch": 0.5}, finished=minutes(1))
    store.fail(run, "too late")
    found = store.run(run)
    assert found is not None
    assert (found.status, found.reason, found.phases, found.finished) == ("published", "", {"fetch": 0.5}, minutes(1))
    assert found.sources == audit(minutes(0)).sources


def test_before_the_first_run_everything_is_empty(store: Store) -> None:
    past = store.past("nobody")
    assert (past.seen, past.last_run_at, past.windows) == (frozenset(), None, {})
    assert store.latest("nobody") is None
    assert store.scores("nobody") is None
    assert store.last_attempt("nobody") is None
    assert store.reports_since("nobody", 7) is None
    assert store.runs("nobody") == ()
    assert store.history(ref()) == ()
    assert store.changes("nobody", minutes(0), minutes(9)).findings_opened == ()
    assert store.score_points("nobody", minutes(0), minutes(9)) == ()
    assert store.blindness("nobody", minutes(0), minutes(9)) == ()
    assert store.close_interrupted("nobody") == ()


# Intervals


def test_an_unchanged_run_adds_one_row(store: Store, publish: Publish) -> None:
    publish(estate(40, 3))
    before = rows(store)
    for n in range(1, 4):
        publish(estate(40, 3, minutes(n)))
    after = rows(store)
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {"runs": 3}


def test_publishing_a_run_again_changes_nothing(store: Store) -> None:
    run = store.begin(CLUSTER, "schedule", minutes(0))
    store.publish(run, estate(10, 3))
    before, counted = content(store), rows(store)
    assert store.publish(run, estate(10, 3, broken=9)).rows == 0
    assert (content(store), rows(store)) == (before, counted)


def test_the_order_of_an_audit_makes_no_difference(store: Store, publish: Publish, rng: random.Random) -> None:
    twice = failing(ref(), message="one"), failing(ref(), message="two")  # claim one identity: no order may decide
    said = estate(10, 3)
    said = replace(
        said,
        verdicts=(*said.verdicts, *twice),
        not_compared=(NotCompared(ref(), "b"), NotCompared(ref(), "a")),
        problems=tuple(Problem("MAN001", Severity.ERROR, "same", place=Place("s", "f", n)) for n in range(3)),
        drift=(*said.drift, drift(ref(), change("a", 1, 2), change("a", 3, 4))),
    )
    publish(said)
    for _ in range(3):
        mixed = {
            name: tuple(rng.sample(getattr(said, name), len(getattr(said, name))))
            for name in ("verdicts", "drift", "not_compared", "problems")
        }
        run = store.begin(CLUSTER, "schedule", said.at)
        assert store.publish(run, replace(said, **mixed)).rows == 0


def test_a_new_value_is_a_new_interval_of_the_same_finding(store: Store, publish: Publish) -> None:
    publish(audit(minutes(0), verdicts=(failing(ref(), message="limit 1Gi"),)))
    publish(audit(minutes(5), verdicts=(failing(ref(), message="limit 2Gi"),)))
    publish(audit(minutes(9), verdicts=(verdict(ref(), Outcome.PASS),)))
    fingerprint = finding(ref()).fingerprint
    spans = store.finding_history(CLUSTER, fingerprint)
    assert [(s.what["message"], s.opened, s.closed, s.since, s.replaced) for s in spans] == [
        ("limit 2Gi", minutes(5), minutes(9), minutes(0), False),
        ("limit 1Gi", minutes(0), minutes(5), minutes(0), True),
    ]


def test_a_finding_that_comes_back_keeps_its_identity_and_begins_anew(store: Store, publish: Publish) -> None:
    for n, verdicts in enumerate([(failing(ref()),), (verdict(ref(), Outcome.PASS),), (failing(ref()),)]):
        publish(audit(minutes(n), verdicts=verdicts))
    spans = store.finding_history(CLUSTER, finding(ref()).fingerprint)
    assert [(s.since, s.closed) for s in spans] == [(minutes(2), None), (minutes(0), minutes(1))]
    latest = store.latest(CLUSTER)
    assert latest is not None
    assert list(latest.finding_since.values()) == [minutes(2)]


def test_a_new_owner_is_a_new_interval_of_the_same_field(store: Store, publish: Publish) -> None:
    for n, who in enumerate(["kubectl-edit", "helm"]):
        publish(audit(minutes(n), drift=(drift(ref(), change(owner=owner(who))),)))
    spans = [s for s in store.history(ref()) if s.of == "drift_fields"]
    assert [(s.what["owner_manager"], s.since, s.replaced) for s in spans] == [
        ("helm", minutes(0), False),
        ("kubectl-edit", minutes(0), True),
    ]


def test_of_one_owner_and_value_the_earliest_time_is_kept(store: Store, publish: Publish) -> None:
    # A manager's time moves whenever it writes anything; the field was written at the earliest of them or before.
    for n in range(3):
        publish(audit(minutes(n), drift=(drift(ref(), change(owner=owner(at=minutes(n - 100)))),)))
    publish(audit(minutes(3), drift=(drift(ref(), change(live=9, owner=owner(at=minutes(2)))),)))
    times = [s.what["owner_time"] for s in store.history(ref()) if s.of == "drift_fields"]
    assert times == [minutes(2), minutes(-100)]


def test_places_and_remedies_follow_without_a_new_interval(store: Store, publish: Publish) -> None:
    def said(n: int) -> Audit:
        place = Place("shop", "moved.yaml" if n else "apps/web.yaml", 7 + n, 3)
        problem = Problem("MAN001", Severity.ERROR, "bad", f"mend {n}", Place("shop", "x.yaml", n + 1))
        return audit(
            minutes(n),
            verdicts=(failing(ref(), place=place, remedy=f"mend {n}"),),
            drift=(drift(ref(), change(place=place), place=place),),
            problems=(problem,),
        )

    for n in range(2):
        publish(said(n))
    assert {len(store.finding_history(CLUSTER, finding(ref()).fingerprint)), rows(store)["problems"]} == {1}
    latest = store.latest(CLUSTER)
    assert latest is not None
    assert latest.audit.verdicts == said(1).verdicts
    assert latest.audit.problems == said(1).problems
    assert latest.audit.drift[0].place == latest.audit.drift[0].changes[0].place == said(1).drift[0].place


def test_a_verdict_begins_anew_with_its_outcome_and_not_with_its_reason(store: Store, publish: Publish) -> None:
    story = [(Outcome.UNKNOWN, "a"), (Outcome.UNKNOWN, "b"), (Outcome.PASS, "")]
    for n, (outcome, reason) in enumerate(story):
        publish(audit(minutes(n), verdicts=(verdict(ref(), outcome, reason=reason),)))
    spans = [s for s in store.history(ref()) if s.of == "verdicts"]
    assert [(s.what["outcome"], s.since) for s in spans] == [
        ("pass", minutes(2)),
        ("unknown", minutes(0)),
        ("unknown", minutes(0)),
    ]


def test_an_object_is_the_same_with_and_without_cluster_in_its_ref(store: Store, publish: Publish) -> None:
    of = ref()._replace(cluster="")
    publish(audit(minutes(0), verdicts=(failing(of),), seen=frozenset({of})))
    publish(audit(minutes(1), verdicts=(failing(ref()),), seen=frozenset({ref()})))
    assert store.past(CLUSTER).seen == {ref()}
    assert rows(store)["objects"] == 1


def test_a_score_of_nothing_stays_nothing(store: Store, publish: Publish) -> None:
    nothing = Score(None, None, 0, None)
    publish(audit(minutes(0), scores=Scores(1, nothing, {"shop": nothing})))
    scores = store.scores(CLUSTER)
    assert scores is not None
    assert scores.cluster == scores.namespaces["shop"] == nothing


def test_hostile_text_is_stored_and_told_apart(store: Store, publish: Publish) -> None:
    long = "x" * 100_000
    names = ["\0", "\ud800", "a" * 5000 + "1", "a" * 5000 + "2", "💥" * 400, "'; DROP TABLE runs; --", "%s", "a\tb\\N"]
    verdicts = tuple(failing(ref(name), path=long + name, message=long) for name in names)
    problems = tuple(Problem(long, Severity.ERROR, long, place=Place(long, name, 1)) for name in names)
    said = audit(minutes(0), verdicts=verdicts, problems=problems, seen=frozenset(map(ref, names)))
    publish(said)
    assert rows(store)["objects"] == len(names)
    assert rows(store)["problems"] == len(names)
    run = store.begin(CLUSTER, "schedule", minutes(1))
    assert store.publish(run, replace(said, at=minutes(1))).rows == 0


def test_values_come_back_as_json_and_large_ones_are_cut(store: Store, publish: Publish) -> None:
    whole = {"big": 2**70, "text": "ä\0\ud800", "none": None, "deep": [[{}]], "number": 1.5, "": True}
    long = "y" * 100_000
    changes = (change("a", whole, None), change("b", long + "1", long + "2"))
    publish(audit(minutes(0), drift=(drift(ref(), *changes),)))
    latest = store.latest(CLUSTER)
    assert latest is not None
    first, second = latest.audit.drift[0].changes
    assert (first.desired, first.live) == (whole, None)
    assert second.desired["begins"] == "y" * 1000
    assert second.desired["bytes"] > 100_000
    assert second.desired != second.live


def test_sealed_values_are_redacted_and_compare_with_nothing(store: Store, publish: Publish) -> None:
    canary, mark = "hunter2-canary", "0123456789abcdef"
    sealed = Sealed("key", mark, frozenset({"token"}))
    nested = {"stringData": {"password": sealed}, "list": [sealed]}
    publish(audit(minutes(0), drift=(drift(ref(kind="Secret"), change("data.a", sealed, nested)),)))
    latest = store.latest(CLUSTER)
    assert latest is not None
    found = latest.audit.drift[0].changes[0]
    assert isinstance(found.desired, Sealed)
    assert isinstance(found.live["stringData"]["password"], Sealed)
    assert found.desired.same_as(found.live["list"][0]) is None
    said = repr([list(map(tuple, content(store)["drift_fields"]))])
    assert "redacted" in said
    assert mark not in said
    assert canary not in said


def test_what_is_no_json_is_not_written_out(store: Store, publish: Publish) -> None:
    class Odd:
        def __str__(self) -> str:
            return "hunter2-canary"

        __repr__ = __str__

    publish(audit(minutes(0), drift=(drift(ref(), change("a", {"x": Odd()}, Odd())),)))
    assert "canary" not in repr(content(store))


def test_the_audit_that_went_in_comes_out(store: Store, publish: Publish) -> None:
    pending = failing(ref("api"), "POD002", pending=True)
    helm = Owner("helm", "Apply", "scale", None, owner().owner_class, owner().certainty)
    cluster_wide = ref("admin", None, "ClusterRole", "rbac.authorization.k8s.io")
    said = audit(
        minutes(0),
        verdicts=(
            pending._replace(concerns=(), scored=False),
            failing(ref()),
            verdict(cluster_wide, Outcome.WAIVED, finding(cluster_wide, place=None), concerns=(ref("api"), ref())),
        ),
        drift=(drift(ref(), change(place=None), change("spec.x", None, [], owner=helm, words="+x")),),
        problems=(
            Problem("SRC001", Severity.WARNING, "slow", ref=ref()),
            Problem("WVR001", Severity.INFO, "old", "mend"),
        ),
        not_compared=(NotCompared(ref("db"), "encrypted"),),
        seen=frozenset({ref(), cluster_wide}),
    )
    publish(said)
    latest = store.latest(CLUSTER)
    assert latest is not None
    found = latest.audit
    assert sorted(found.verdicts, key=repr) == sorted(said.verdicts, key=repr)
    assert found.drift[0].window is not None
    assert found.drift[0].window.before == minutes(0)
    bare = replace(found.drift[0], window=None, changes=tuple(replace(c, window=None) for c in found.drift[0].changes))
    assert bare == said.drift[0]
    assert set(found.problems) == set(said.problems)
    assert replace(found, verdicts=(), drift=(), problems=()) == replace(said, verdicts=(), drift=(), problems=())
    assert latest.stale == frozenset()


def test_the_counts_of_a_publication_are_of_what_began_and_ended(store: Store) -> None:
    def written(n: int, *verdicts: Any) -> tuple[int, int]:
        run = store.begin(CLUSTER, "schedule", minutes(n))
        found = store.publish(run, audit(minutes(n), verdicts=verdicts))
        return found.opened.get("findings", 0), found.resolved.get("findings", 0)

    assert written(0, failing(ref()), failing(ref("api"))) == (2, 0)
    assert written(1, failing(ref(), message="else"), failing(ref("api"))) == (0, 0)
    assert written(2, failing(ref(), message="else"), failing(ref("db"))) == (1, 1)
