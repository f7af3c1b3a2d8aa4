"""The questions of a year against the story that they are asked about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from statistics import fmean

import pytest

from auditor.model import Audit, Coverage, Finding, NotCompared
from auditor.store import Store
from tests.store.estates import CLUSTER, audit, cell, change, denied, drift, failing, minutes, owner, ref
from tests.store.year import Story

Publish = Callable[[Audit], int]


@pytest.fixture
def told(store: Store) -> Story:
    """Sixty runs of an estate."""
    story = Story(workloads=12, policies=3, per_hour=36, seed=7)
    for number in range(60):
        if number:
            story.step()
        said = story.whole()
        store.publish(store.begin(CLUSTER, "schedule", said.at), said, evidence=story.evidence(said.drift))
    return story


def test_every_question_says_what_its_long_way_says(store: Store, told: Story) -> None:
    for first, last in ((-5, 295), (50, 200), (200, 295), (100, 100)):
        since, until = minutes(first), minutes(last)
        found = store.changes(CLUSTER, since, until)
        opened = [e for e in found.findings_opened if isinstance(e.what, Finding)]
        resolved = [e for e in found.findings_resolved if isinstance(e.what, Finding) and e.until]
        assert store.opened_and_resolved(CLUSTER, since, until) == (len(opened), len(resolved))
        ages: dict[tuple[str, str], list[float]] = {}
        for e in resolved:
            assert e.until is not None
            assert isinstance(e.what, Finding)
            ages.setdefault((e.ref.namespace or "", e.what.severity), []).append((e.until - e.since).total_seconds())
        assert {(r.namespace, r.severity): (r.count, r.mean) for r in store.time_to_resolve(CLUSTER, since, until)} == {
            key: (len(every), timedelta(seconds=round(fmean(every)))) for key, every in ages.items()
        }
        turns = Counter(
            e.ref
            for e in (*found.findings_opened, *found.findings_resolved, *found.fields_opened, *found.fields_resolved)
        )
        assert {n.ref: n.turns for n in store.noisiest(CLUSTER, since, until, most=99)} == turns
        assert [n.turns for n in store.noisiest(CLUSTER, since, until, most=3)] == sorted(turns.values())[::-1][:3]
        tools = Counter(e.what.owner.manager for e in found.fields_opened if getattr(e.what, "owner", None))  # type: ignore[union-attr]
        assert {d.manager: d.fields for d in store.drifters(CLUSTER, since, until)} == tools
    assert len(tools := store.drifters(CLUSTER, minutes(-5), minutes(295))) > 1, "one tool would prove nothing"
    assert tools[0].fields >= tools[-1].fields


def test_the_oldest_is_the_one_that_was_open_longest(store: Store, publish: Publish) -> None:
    assert store.oldest_open(CLUSTER) is None
    publish(audit(minutes(0), verdicts=(failing(ref("a")),)))
    publish(audit(minutes(5), verdicts=(failing(ref("a")), failing(ref("b")))))
    publish(audit(minutes(9), verdicts=(failing(ref("b")),)))
    found = store.oldest_open(CLUSTER)
    assert found is not None
    assert found[1:] == (ref("b"), minutes(5))


def test_what_was_known_of_an_object_and_how_complete(store: Store, publish: Publish) -> None:
    blind, seen = Coverage(0.0, (denied(),)), Coverage(1.0, (cell(),))
    assert store.known(ref(), minutes(0)) is None
    publish(audit(minutes(0), coverage=seen, seen=frozenset({ref()}), verdicts=(failing(ref()),)))
    publish(audit(minutes(5), coverage=blind))
    publish(audit(minutes(9), coverage=seen, seen=frozenset({ref()}), not_compared=(NotCompared(ref(), "a hook"),)))
    publish(audit(minutes(12), coverage=seen, drift=(drift(ref(), change(owner=owner("k9s"))),)))
    assert store.known(ref("stranger"), minutes(5)) is None
    assert store.known(ref(), minutes(-1)) is None
    first, second, third, last = (store.known(ref(), minutes(n)) for n in (4, 5, 9, 99))
    assert first is not None
    assert (first.readable, first.compared, first.seen, first.findings, first.age) == (
        True,
        True,
        True,
        1,
        timedelta(minutes=4),
    )
    assert second is not None
    assert (second.readable, second.seen) == (False, True), "what could not be read is still there, as far as is known"
    assert third is not None
    assert (third.readable, third.compared) == (True, False)
    assert last is not None
    assert (last.seen, last.fields, last.age) == (False, 1, timedelta(minutes=87))
