from __future__ import annotations

from auditor.audit import Wanted, coverage
from auditor.model import Cell, CellState, Snapshot

VOLUMES, ROLES, PODS = ("", "PersistentVolume"), ("rbac.authorization.k8s.io", "ClusterRole"), ("", "Pod")


def live(*cells: Cell) -> Snapshot:
    return Snapshot(cells=cells, otherwise=CellState.LISTED)


def test_a_denied_kind_lowers_coverage_in_the_namespaces_where_it_is_wanted() -> None:
    seen = coverage(live(Cell("", "Pod", "b", CellState.DENIED)), Wanted(frozenset({PODS}), frozenset({"a", "b"})))
    assert seen.ratio == 0.5


def test_of_cluster_scoped_kinds_only_those_in_git_count() -> None:
    denied = live(*(Cell(group, kind, None, CellState.DENIED) for group, kind in (VOLUMES, ROLES)))
    want = Wanted(frozenset({VOLUMES, ROLES, PODS}), frozenset({"a"}))
    assert coverage(denied, want).ratio == 1.0
    assert coverage(denied, want, held=[ROLES]).ratio == 0.5


def test_absent_and_excluded_kinds_count_in_neither() -> None:
    cells = [Cell("", "Pod", "a", CellState.ABSENT), Cell("", "Pod", "b", CellState.EXCLUDED)]
    seen = coverage(live(*cells), Wanted(frozenset({PODS}), frozenset({"a", "b"})))
    assert seen.ratio is None
    assert len(seen.cells) == 2
