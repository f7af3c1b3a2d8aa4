"""Each report is made once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from auditor.model import Audit
from auditor.store import Store
from auditor.store.reports import GIVEN_UP, RETRY
from tests.store.estates import CLUSTER, audit

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def test_a_report_is_claimed_once(store: Store) -> None:
    assert store.claim_report(CLUSTER, "2026-W47", NOW)
    assert not store.claim_report(CLUSTER, "2026-W47", NOW)
    assert store.claim_report(CLUSTER, "2026-W48", NOW)
    assert store.claim_report("other", "2026-W47", NOW)


def test_of_several_claims_at_once_one_holds(store: Store) -> None:
    with ThreadPoolExecutor(6) as pool:
        held = list(pool.map(lambda _: store.claim_report(CLUSTER, "2026-W47"), range(12)))
    assert held.count(True) == 1


def test_a_report_that_was_made_is_never_claimed_again(store: Store) -> None:
    assert store.claim_report(CLUSTER, "2026-W47", NOW)
    store.report_made(CLUSTER, "2026-W47", NOW)
    assert not store.claim_report(CLUSTER, "2026-W47", NOW + timedelta(days=400))
    assert [(r.period, r.state, r.changed) for r in store.reports(CLUSTER)] == [("2026-W47", "made", NOW)]


def test_a_report_that_failed_is_tried_again_after_a_while(store: Store) -> None:
    assert store.claim_report(CLUSTER, "2026-W47", NOW)
    store.release_report(CLUSTER, "2026-W47", "the mail server did not answer", NOW)
    assert not store.claim_report(CLUSTER, "2026-W47", NOW + RETRY / 2)
    assert [r.detail for r in store.reports(CLUSTER)] == ["the mail server did not answer"]
    assert store.claim_report(CLUSTER, "2026-W47", NOW + RETRY)


def test_the_claim_of_a_process_that_died_ends(store: Store) -> None:
    assert store.claim_report(CLUSTER, "2026-W47", NOW)
    assert not store.claim_report(CLUSTER, "2026-W47", NOW + GIVEN_UP / 2)
    assert store.claim_report(CLUSTER, "2026-W47", NOW + GIVEN_UP)


def test_reports_fall_due_from_the_first_run_on(store: Store, publish: Callable[[Audit], int]) -> None:
    store.fail(store.begin(CLUSTER, "startup", datetime.now(UTC)), "git did not answer")
    assert store.reports_since(CLUSTER, 7) is None
    first = datetime.now(UTC) - timedelta(days=3)
    publish(audit(first))
    publish(audit(datetime.now(UTC)))
    assert store.reports_since(CLUSTER, 7) == first
    old = store.reports_since(CLUSTER, 1)
    assert old is not None
    assert old > first
