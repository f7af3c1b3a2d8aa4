from __future__ import annotations

from datetime import UTC, datetime

from auditor.drift import compare
from auditor.model import DriftKind, Place, Problem, Ref, Resource, Severity, Snapshot

AT = datetime(2026, 11, 22, tzinfo=UTC)


def config(name: str) -> Resource:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}}
    return Resource(Ref("", "", "ConfigMap", "shop", name), "v1", body)


def test_nothing_is_called_unmanaged_while_a_manifest_could_not_be_read() -> None:
    live = Snapshot(resources=(config("a"), config("b")))
    broken = Problem("MAN001", Severity.ERROR, "unclosed quote", place=Place("shop", "b.yaml", 7))
    whole = compare(Snapshot(resources=(config("a"),)), live, at=AT)
    assert [(drift.ref.name, drift.kind) for drift in whole.drift] == [("b", DriftKind.UNMANAGED)]
    partly = compare(Snapshot(resources=(config("a"),), problems=(broken,)), live, at=AT)
    assert partly.drift == ()
    (unsaid,) = partly.not_compared
    assert unsaid.ref.name == "b"
    assert "b.yaml:7" in unsaid.reason
