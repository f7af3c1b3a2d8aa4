"""Words that were probably meant: a suggestion may be loose, what decides a verdict may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.nearest import misspelt, nearest


@pytest.mark.parametrize(
    ("word", "candidates", "meant"),
    [
        ("grpc", ["grcp"], "grcp"),  # two letters swapped
        ("db", ["db2"], "db2"),
        ("grafana-dashboard-node", ["grafana-dashboard-nodes"], "grafana-dashboard-nodes"),
        ("payment-credentials", ["payment-credentails", "payments"], "payment-credentails"),
        ("argocd-redis", ["argocd-secret"], None),  # they share how they begin, and no more
        ("kafka-1-tls", ["kafka-2-tls"], None),  # a number apart, on purpose
        ("web", ["web"], None),
        ("web", [], None),
    ],
)
def test_only_a_slip_of_the_hand_decides(word: str, candidates: list[str], meant: str | None) -> None:
    assert misspelt(word, candidates) == meant


@given(st.text("abc-", min_size=8, max_size=14), st.lists(st.text("abc-", min_size=1, max_size=14), max_size=5))
def test_what_decides_is_also_what_is_suggested_whatever_the_order(word: str, candidates: list[str]) -> None:
    found = misspelt(word, candidates)
    assert found in (None, nearest(word, candidates))
    assert misspelt(word, candidates[::-1]) == found
