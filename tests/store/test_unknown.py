"""What could not be read is neither resolved nor passed, and new drift is dated back to when its object was last seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from auditor.model import Audit, CellState, Coverage, NotCompared, Outcome, Window
from auditor.store import State, Store
from tests.store.estates import CLUSTER, audit, cell, change, denied, drift, failing, finding, minutes, ref, verdict

Publish = Callable[[Audit], int]


def coverage(*cells: object) -> Coverage:
    return Coverage(0.5, cells)  # type: ignore[arg-type]


@pytest.fixture
def latest(store: Store) -> Callable[[], State]:
    def found() -> State:
        state = store.latest(CLUSTER)
        assert state is not None
        return state

    return found


BAD = {"verdicts": (failing(ref()),), "drift": (drift(ref(), change()),), "seen": frozenset({ref()})}


@pytest.mark.parametrize("state", [CellState.DENIED, CellState.UNAVAILABLE])
def test_what_cannot_be_read_is_unknown_and_stays_open(
    publish: Publish, latest: Callable[[], State], state: CellState
) -> None:
    publish(audit(minutes(0), **BAD))
    publish(audit(minutes(5), coverage=coverage(cell(state, reason="list denied"))))
    found = latest()
    (one,) = found.audit.verdicts
    assert (one.outcome, one.reason) == (Outcome.UNKNOWN, f"Deployment in shop: {state} (list denied)")
    assert one.findings == failing(ref()).findings
    assert [d.ref for d in found.audit.drift] == [ref()]
    assert found.audit.seen == {ref()}
    assert found.stale == {ref(), finding(ref()).fingerprint}
    assert found.finding_since == {finding(ref()).fingerprint: minutes(0)}


def test_a_pass_that_cannot_be_confirmed_is_no_pass(publish: Publish, latest: Callable[[], State]) -> None:
    publish(audit(minutes(0), verdicts=(verdict(ref(), Outcome.PASS),)))
    publish(audit(minutes(5), coverage=coverage(denied())))
    assert [v.outcome for v in latest().audit.verdicts] == [Outcome.UNKNOWN]


def test_a_denied_kind_hides_all_its_namespaces(publish: Publish, latest: Callable[[], State]) -> None:
    publish(audit(minutes(0), **BAD))
    publish(audit(minutes(5), coverage=coverage(denied(namespace=None))))
    assert len(latest().audit.drift) == 1


def test_the_cell_of_the_namespace_counts_before_that_of_the_kind(
    publish: Publish, latest: Callable[[], State]
) -> None:
    publish(audit(minutes(0), **BAD))
    publish(audit(minutes(5), coverage=coverage(denied(namespace=None), cell())))
    assert latest().audit.drift == ()


@pytest.mark.parametrize("state", [CellState.LISTED, CellState.ABSENT, CellState.EXCLUDED, None])
def test_what_was_looked_for_or_is_not_asked_about_any_more_closes(
    publish: Publish, latest: Callable[[], State], state: CellState | None
) -> None:
    publish(audit(minutes(0), **BAD))
    publish(audit(minutes(5), coverage=coverage(*([cell(state)] if state else []))))
    found = latest().audit
    assert (found.verdicts, found.drift, found.seen) == ((), (), frozenset())


def test_what_stayed_open_unseen_closes_when_it_is_looked_for_again(
    publish: Publish, latest: Callable[[], State]
) -> None:
    # The second and the third run say the same about findings, namely nothing; only what they could read differs.
    publish(audit(minutes(0), **BAD))
    publish(audit(minutes(5), coverage=coverage(denied())))
    publish(audit(minutes(9)))
    found = latest()
    assert (found.audit.verdicts, found.audit.drift, found.audit.seen) == ((), (), frozenset())


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.BROKEN])
def test_a_verdict_that_cannot_be_given_resolves_no_finding(
    publish: Publish, latest: Callable[[], State], outcome: Outcome
) -> None:
    publish(audit(minutes(0), verdicts=(failing(ref()),)))
    publish(audit(minutes(5), verdicts=(verdict(ref(), outcome, reason="no Services could be read"),)))
    (one,) = latest().audit.verdicts
    assert (one.outcome, len(one.findings)) == (outcome, 1)


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.FAIL, Outcome.WAIVED])
def test_a_verdict_that_is_given_does(publish: Publish, latest: Callable[[], State], outcome: Outcome) -> None:
    publish(audit(minutes(0), verdicts=(failing(ref()),)))
    publish(audit(minutes(5), verdicts=(verdict(ref(), outcome),), coverage=coverage(denied())))
    (one,) = latest().audit.verdicts
    assert (one.outcome, one.findings) == (outcome, ())


def test_drift_that_could_not_be_compared_stays(publish: Publish, latest: Callable[[], State]) -> None:
    publish(audit(minutes(0), drift=(drift(ref(), change()),)))
    publish(audit(minutes(5), not_compared=(NotCompared(ref(), "encrypted"),)))
    found = latest()
    assert [len(d.changes) for d in found.audit.drift] == [1]
    assert found.stale == {ref()}


def test_drift_that_was_compared_in_part_keeps_what_was_not(publish: Publish, latest: Callable[[], State]) -> None:
    publish(audit(minutes(0), drift=(drift(ref(), change("a"), change("b"), change("bc")),)))
    hidden = (NotCompared(ref(), "encrypted", "b"),)
    publish(audit(minutes(5), drift=(drift(ref(), change("a")),), not_compared=hidden))
    assert [c.path for c in latest().audit.drift[0].changes] == ["a", "b"]
    publish(audit(minutes(6), not_compared=hidden))
    assert [c.path for c in latest().audit.drift[0].changes] == ["b"]
    assert latest().stale == {ref()}
    publish(audit(minutes(7)))
    assert latest().audit.drift == ()


def test_a_field_that_can_never_be_compared_keeps_no_other_drift_open(
    publish: Publish, latest: Callable[[], State]
) -> None:
    hidden = (NotCompared(ref(), "encrypted by SOPS", "data.password"),)
    publish(audit(minutes(0), drift=(drift(ref(), change("metadata.labels.a")),), not_compared=hidden))
    publish(audit(minutes(5), not_compared=hidden))
    assert latest().audit.drift == ()


def test_a_field_that_becomes_comparable_and_drifts_is_dated_back(
    publish: Publish, latest: Callable[[], State]
) -> None:
    publish(audit(minutes(0)))
    publish(audit(minutes(5), not_compared=(NotCompared(ref(), "encrypted", "data"),)))
    publish(audit(minutes(9), drift=(drift(ref(), change("data.x"), change("spec")),)))
    windows = {c.path: c.window for c in latest().audit.drift[0].changes}
    assert windows == {"data.x": Window(minutes(0), minutes(9)), "spec": Window(minutes(5), minutes(9))}


def test_a_policy_that_is_switched_off_has_no_verdicts_even_where_nothing_can_be_read(store: Store) -> None:
    from auditor.model import Judges, Policy, Severity

    def policy(name: str) -> Policy:
        return Policy(name, name, 0, Severity.ERROR, (), Judges.RUNNING, "", "", "", rule=lambda *_: iter(()))  # type: ignore[arg-type,return-value]

    verdicts = (failing(ref(), "POD001"), failing(ref(), "POD002"))
    store.publish(store.begin(CLUSTER, "manual", minutes(0)), audit(minutes(0), verdicts=verdicts))
    run = store.begin(CLUSTER, "manual", minutes(5))
    store.publish(run, audit(minutes(5), coverage=coverage(denied())), judged=[policy("POD001")])
    state = store.latest(CLUSTER)
    assert state is not None
    assert [(v.policy, len(v.findings)) for v in state.audit.verdicts] == [("POD001", 1)]
    assert state.run.policy_set


def test_new_drift_began_after_the_run_before(publish: Publish, latest: Callable[[], State]) -> None:
    publish(audit(minutes(0)))
    publish(audit(minutes(5)))
    publish(audit(minutes(9), drift=(drift(ref(), change()),)))
    found = latest().audit.drift[0]
    assert found.window == found.changes[0].window == Window(minutes(5), minutes(9))


def test_drift_of_the_first_run_has_no_beginning(store: Store, publish: Publish) -> None:
    publish(audit(minutes(0), drift=(drift(ref(), change()),)))
    publish(audit(minutes(5), drift=(drift(ref(), change(live=0)),)))
    assert store.past(CLUSTER).windows == {
        (ref(), ""): Window(None, minutes(0)),
        (ref(), "spec.replicas"): Window(None, minutes(0)),
    }


def test_drift_found_after_a_time_of_blindness_began_somewhere_in_it(
    publish: Publish, latest: Callable[[], State]
) -> None:
    publish(audit(minutes(0)))
    publish(audit(minutes(5), coverage=coverage(denied())))
    publish(audit(minutes(6), coverage=coverage(cell(CellState.UNAVAILABLE))))
    publish(audit(minutes(7), not_compared=(NotCompared(ref(), "no schema"),)))
    publish(audit(minutes(8), not_compared=(NotCompared(ref(), "another reason"),)))
    publish(audit(minutes(9), drift=(drift(ref(), change()), drift(ref("cfg", kind="ConfigMap", group=""), change()))))
    by_ref = {d.ref: d.window for d in latest().audit.drift}
    assert by_ref[ref()] == Window(minutes(0), minutes(9))
    assert by_ref[ref("cfg", kind="ConfigMap", group="")] == Window(minutes(8), minutes(9))


def test_blindness_since_the_first_run_leaves_the_beginning_open(publish: Publish, latest: Callable[[], State]) -> None:
    publish(audit(minutes(0), coverage=coverage(denied())))
    publish(audit(minutes(9), drift=(drift(ref(), change()),)))
    assert latest().audit.drift[0].window == Window(None, minutes(9))
