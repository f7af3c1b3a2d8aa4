"""Whole objects: missing only where it can be known, undeclared only where it stands for itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.model import Cell, CellState, DriftKind, Earlier, Past, Ref, Severity
from tests.drift.sides import changes, cluster, drift, entry, git, owned

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: shop}\n"
JOB = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, namespace: shop}\nspec: {ttlSecondsAfterFinished: 60}\n"
J = Ref("", "batch", "Job", "shop", "j")
RAN = datetime(2026, 8, 22, 9, 58, tzinfo=UTC)
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def thing(
    kind: str = "ConfigMap", name: str = "other", namespace: str | None = "shop", api: str = "v1", **metadata: Any
) -> dict[str, Any]:
    where = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name} | where | metadata}


OURS = thing(name="c")


def kinds(found: Any) -> dict[str, DriftKind]:
    return {each.ref.name: each.kind for each in found.drift}


def test_what_git_has_and_the_cluster_has_not_is_missing_with_its_place() -> None:
    (found,) = drift(git(CONFIG), cluster()).drift
    assert found.kind is DriftKind.MISSING
    assert found.place is not None
    assert found.place.line == 1
    assert found.changes == ()


@pytest.mark.parametrize("state", [CellState.DENIED, CellState.UNAVAILABLE, CellState.ABSENT, CellState.EXCLUDED])
def test_what_could_not_be_listed_is_not_missing(state: CellState) -> None:
    found = drift(git(CONFIG), cluster(cells=[Cell("", "ConfigMap", "shop", state, "forbidden")]))
    assert found.drift == ()
    assert [(each.ref.name, each.reason) for each in found.not_compared] == [
        ("c", f"ConfigMap in shop: {state} (forbidden)")
    ]


def test_of_a_plain_list_a_kind_that_does_not_occur_is_not_missing() -> None:
    found = drift(git(CONFIG), cluster(otherwise=CellState.UNAVAILABLE))
    assert found.drift == ()
    assert len(found.not_compared) == 1


def test_an_object_without_a_namespace_is_not_looked_for_in_a_guessed_one() -> None:
    found = drift(
        git("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"), cluster(thing(name="c", namespace="default"))
    )
    assert found.drift == ()
    assert "namespace" in found.not_compared[0].reason


@pytest.mark.parametrize(
    ("past", "missing"),
    [(Past(), False), (Past(last_run_at=RAN, seen=frozenset({J})), False), (Past(last_run_at=RAN), True)],
)
def test_a_job_that_removes_itself_is_missing_only_where_it_was_never_seen(past: Past, missing: bool) -> None:
    found = drift(git(JOB), cluster(), past)
    assert bool(found.drift) is missing
    assert bool(found.not_compared) is not missing


@pytest.mark.parametrize(
    "metadata",
    ["{name: h, namespace: shop, annotations: {helm.sh/hook: pre-install}}", "{generateName: x-, namespace: shop}"],
)
def test_hooks_and_generated_names_are_not_compared(metadata: str) -> None:
    found = drift(
        git(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\n"),
        cluster(thing(name="h") | {"data": {"a": "b"}}, OURS),
    )
    assert DriftKind.MISSING not in kinds(found).values()
    assert DriftKind.MODIFIED not in kinds(found).values()


def test_what_is_being_deleted_is_missing_already_and_says_what_it_waits_for() -> None:
    (found,) = drift(
        git(CONFIG), cluster(thing(name="c", deletionTimestamp="2026-08-22T10:00:00Z", finalizers=["a/b"]))
    ).drift
    assert found.kind is DriftKind.MISSING
    assert found.reason == "terminating since 2026-08-22T10:00:00Z, waiting for a/b"


def test_a_namespace_on_a_cluster_scoped_kind_is_passed_over() -> None:
    role = (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r, namespace: shop}\nrules: []\n"
    )
    assert changes(drift(git(role), cluster(thing("ClusterRole", "r", None, "rbac.authorization.k8s.io/v1")))) == set()


def test_an_object_is_found_under_the_group_its_kind_moved_to() -> None:
    old = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: i, namespace: shop}\n"
    assert changes(drift(git(old), cluster(thing("Ingress", "i", api="networking.k8s.io/v1")))) == set()


@pytest.mark.parametrize(
    "body",
    [
        thing("ConfigMap", "kube-root-ca.crt"),
        thing("ServiceAccount", "default"),
        thing("Endpoints", "web"),
        thing("EndpointSlice", "web-x", api="discovery.k8s.io/v1"),
        thing("Event", "e"),
        thing("Lease", "l", api="coordination.k8s.io/v1"),
        thing("Pod", "p", ownerReferences=[{"kind": "ReplicaSet", "name": "r", "uid": "u", "controller": True}]),
        thing("Secret", "t") | {"type": "kubernetes.io/service-account-token"},
        thing("Secret", "sh.helm.release.v1.web.v3") | {"type": "helm.sh/release.v1"},
        thing(managedFields=[entry("kube-controller-manager", owned("data a"))]),
        thing(deletionTimestamp="2026-08-22T10:00:00Z"),
        thing(namespace="elsewhere"),
        thing(namespace="kube-system"),
        thing("ClusterRole", "r", None, "rbac.authorization.k8s.io/v1"),
        thing(labels={"helm.toolkit.fluxcd.io/name": "another"}),
    ],
    ids=lambda body: f"{body['kind']} {body['metadata']['name']}",
)
def test_children_and_what_every_namespace_has_are_nobodys_drift(body: dict[str, Any]) -> None:
    ours = OURS | {"metadata": OURS["metadata"] | {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}}
    assert drift(git(CONFIG), cluster(ours, body)).drift == ()


def test_system_namespaces_are_left_alone_even_where_git_has_something_in_them() -> None:
    text = CONFIG.replace("shop", "kube-system")
    assert (
        drift(git(text), cluster(thing(name="c", namespace="kube-system"), thing(namespace="kube-system"))).drift == ()
    )


def test_the_claims_of_a_stateful_set_are_its_children() -> None:
    db = thing("StatefulSet", "db", api="apps/v1") | {
        "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}
    }
    claims = [thing("PersistentVolumeClaim", name) for name in ("data-db-0", "data-db-x", "data-other-0")]
    found = drift(git(CONFIG), cluster(OURS, db, *claims))
    assert kinds(found) == dict.fromkeys(("db", "data-db-x", "data-other-0"), DriftKind.UNMANAGED)


def test_what_git_never_had_in_a_namespace_of_its_own_is_unmanaged() -> None:
    found = drift(git(CONFIG), cluster(OURS, thing(), thing("RoleBinding", "rb", api="rbac.authorization.k8s.io/v1")))
    assert {each.ref.name: (each.kind, each.severity) for each in found.drift} == {
        "other": (DriftKind.UNMANAGED, Severity.INFO),
        "rb": (DriftKind.UNMANAGED, Severity.ERROR),
    }


def test_what_an_earlier_commit_had_is_orphaned_wherever_it_lives() -> None:
    past = Past(
        earlier={
            Ref("", "", "ConfigMap", "gone", "other"): (Earlier("c2", None), Earlier("c1", {"data": {}})),
            Ref("", "", "ConfigMap", "shop", "new"): (Earlier("c1", None),),
        }
    )
    found = drift(git(CONFIG), cluster(OURS, thing(namespace="gone"), thing(name="new")), past)
    assert kinds(found) == {"other": DriftKind.ORPHANED, "new": DriftKind.UNMANAGED}
    assert "c1" in found.drift[0].reason


ARGO = "argocd.argoproj.io/tracking-id"


@pytest.mark.parametrize(
    ("ours", "other", "expected"),
    [
        ({}, {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, DriftKind.ORPHANED),
        (
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}},
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}},
            DriftKind.ORPHANED,
        ),
        (
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}},
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "bank"}},
            None,
        ),
        ({}, {"annotations": {ARGO: "app:/ConfigMap:shop/other"}}, DriftKind.ORPHANED),
        (
            {"annotations": {ARGO: "app:/ConfigMap:shop/c"}},
            {"annotations": {ARGO: "app:/ConfigMap:shop/other"}},
            DriftKind.ORPHANED,
        ),
        ({"annotations": {ARGO: "app:/ConfigMap:shop/c"}}, {"annotations": {ARGO: "bank:/ConfigMap:shop/other"}}, None),
        # a copied mark names another object
        ({}, {"annotations": {ARGO: "app:/ConfigMap:shop/c"}}, DriftKind.UNMANAGED),
        ({}, {"annotations": {ARGO: "app:apps/Deployment:shop/other"}}, DriftKind.UNMANAGED),
        ({}, {"annotations": {ARGO: "nonsense"}}, DriftKind.UNMANAGED),
        ({}, {"annotations": {LAST_APPLIED: "{}"}}, DriftKind.ORPHANED),
        (
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}},
            {"annotations": {LAST_APPLIED: "{}"}},
            DriftKind.UNMANAGED,
        ),
        (
            {"annotations": {"meta.helm.sh/release-name": "web"}},
            {"annotations": {"meta.helm.sh/release-name": "web"}},
            DriftKind.ORPHANED,
        ),
        ({}, {"annotations": {"meta.helm.sh/release-name": "redis"}}, DriftKind.UNMANAGED),
    ],
)
def test_a_mark_of_ours_makes_an_orphan_and_that_of_another_source_nothing(
    ours: dict[str, Any], other: dict[str, Any], expected: DriftKind | None
) -> None:
    found = drift(git(CONFIG), cluster(thing(name="c", **ours), thing(**other)))
    assert kinds(found) == ({"other": expected} if expected else {})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("argocd.argoproj.io/sync-options", "Validate=false,Prune=false"),
        ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
        ("helm.sh/resource-policy", "keep"),
    ],
)
def test_an_orphan_that_asks_to_be_kept_alarms_nobody(key: str, value: str) -> None:
    body = thing(
        "Deployment",
        "other",
        api="apps/v1",
        annotations={key: value},
        labels={"kustomize.toolkit.fluxcd.io/name": "shop"},
    )
    (found,) = drift(git(CONFIG), cluster(OURS, body)).drift
    assert (found.kind, found.severity) == (DriftKind.ORPHANED, Severity.INFO)
    assert found.reason.endswith("kept on purpose")
