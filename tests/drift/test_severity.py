"""Dangerous is what widens a privilege, runs another image, or stops the work; the rest is not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from auditor.model import Severity
from tests.drift.sides import cluster, drift, entry, git, tracked

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
POD = ("spec", "template", "spec")
WEB = (*POD, "containers", 0)
BASE: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"a": "b"}},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}, "annotations": {"a": "b"}},
            "spec": {
                "serviceAccountName": "app",
                "automountServiceAccountToken": False,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 1000,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [
                    {
                        "name": "web",
                        "image": "web:1",
                        "args": ["a"],
                        "resources": {"limits": {"memory": "1Gi"}},
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]},
                        },
                    }
                ],
            },
        },
    },
}
GONE = object()


def put(base: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    body = copy.deepcopy(base)
    holder: Any = body
    for step in path[:-1]:
        holder = holder[step] if isinstance(step, int) else holder.setdefault(step, {})
    if value is GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return body


def judged(
    wanted: dict[str, Any], actual: dict[str, Any], manager: str = "kubectl-edit", operation: str = "Update"
) -> Severity:
    """Everything that only live has was written by the manager."""
    actual = put(actual, ("metadata", "managedFields"), [entry(manager, tracked(actual), operation)])
    (found,) = drift(git(json.dumps(wanted)), cluster(actual)).drift
    assert found.severity is max((change.severity for change in found.changes), key=lambda each: each.rank)
    return found.severity


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("spec", "replicas"), 0, ERROR),
        (("spec", "replicas"), 9, WARNING),
        (("spec", "paused"), True, WARNING),
        ((*WEB, "image"), "web:2", ERROR),
        ((*WEB, "args"), ["b"], WARNING),
        ((*WEB, "resources"), GONE, WARNING),
        ((*WEB, "livenessProbe"), {"tcpSocket": {"port": 80}}, WARNING),
        ((*WEB, "securityContext", "privileged"), True, ERROR),
        ((*WEB, "securityContext", "privileged"), False, WARNING),
        ((*WEB, "securityContext", "allowPrivilegeEscalation"), GONE, ERROR),
        ((*WEB, "securityContext", "allowPrivilegeEscalation"), True, ERROR),
        ((*WEB, "securityContext", "readOnlyRootFilesystem"), False, ERROR),
        ((*WEB, "securityContext"), GONE, ERROR),
        ((*WEB, "securityContext", "capabilities", "add"), ["CHOWN", "SYS_ADMIN"], ERROR),
        ((*WEB, "securityContext", "capabilities", "add"), GONE, WARNING),
        ((*WEB, "securityContext", "capabilities", "drop"), ["KILL"], ERROR),
        ((*WEB, "securityContext", "capabilities"), GONE, ERROR),
        ((*POD, "securityContext", "runAsUser"), 0, ERROR),
        ((*POD, "securityContext", "runAsUser"), 1001, WARNING),
        ((*POD, "securityContext", "runAsNonRoot"), GONE, ERROR),
        ((*POD, "securityContext", "seccompProfile", "type"), "Unconfined", ERROR),
        ((*POD, "securityContext", "seccompProfile"), GONE, ERROR),
        ((*WEB, "securityContext", "runAsNonRoot"), False, WARNING),  # git never asked for it here
        ((*POD, "hostNetwork"), True, ERROR),
        ((*POD, "hostPID"), True, ERROR),
        ((*POD, "serviceAccountName"), "admin", ERROR),
        ((*POD, "automountServiceAccountToken"), True, ERROR),
        ((*POD, "volumes"), [{"name": "x", "hostPath": {"path": "/"}}], ERROR),
        ((*POD, "volumes"), [{"name": "x", "emptyDir": {}}], WARNING),
        ((*POD, "nodeSelector"), {"a": "b"}, WARNING),
        ((*POD, "initContainers"), [{"name": "x", "image": "x"}], ERROR),
        (("metadata", "labels", "x"), "y", INFO),
        (("metadata", "labels", "a"), "c", INFO),
        (("spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"), "now", INFO),
        (("spec", "template", "metadata", "labels", "x"), "y", WARNING),
    ],
)
def test_a_change_by_hand_is_as_bad_as_what_it_allows(path: tuple[Any, ...], value: Any, expected: Severity) -> None:
    assert judged(BASE, put(BASE, path, value)) is expected


@pytest.mark.parametrize(
    ("path", "weak"),
    [
        ((*WEB, "securityContext", "privileged"), True),
        ((*POD, "hostNetwork"), True),
        ((*POD, "securityContext", "runAsUser"), 0),
    ],
)
def test_what_became_stricter_than_git_is_not_dangerous(path: tuple[Any, ...], weak: Any) -> None:
    weaker = put(BASE, path, weak)
    assert judged(weaker, put(weaker, path, GONE)) is WARNING


def test_another_image_of_an_applier_is_no_hand() -> None:
    assert judged(BASE, put(BASE, (*WEB, "image"), "web:2"), "argocd-controller", "Apply") is WARNING


def test_an_image_whose_writer_is_not_known_counts_as_a_hand() -> None:
    (found,) = drift(git(json.dumps(BASE)), cluster(put(BASE, (*WEB, "image"), "web:2"))).drift
    assert found.severity is ERROR


def test_a_container_that_is_gone_is_no_privilege() -> None:
    sidecar = {"name": "log", "image": "log", "securityContext": {"allowPrivilegeEscalation": False}}
    wanted = put(BASE, (*POD, "containers"), [*BASE["spec"]["template"]["spec"]["containers"], sidecar])
    assert judged(wanted, BASE) is WARNING


def test_what_a_stranger_added_is_worth_a_note() -> None:
    assert judged(BASE, put(BASE, (*POD, "nodeSelector"), {"a": "b"}), "some-operator") is INFO
    assert judged(BASE, put(BASE, (*POD, "hostNetwork"), True), "some-operator") is ERROR


RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "r", "namespace": "shop"},
    "rules": [RULE],
}
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "r", "namespace": "shop"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
    "subjects": [{"kind": "ServiceAccount", "name": "a"}, {"kind": "ServiceAccount", "name": "b"}],
}
EVE = {"kind": "User", "name": "eve", "apiGroup": "rbac.authorization.k8s.io"}


@pytest.mark.parametrize(
    ("base", "path", "value", "expected"),
    [
        (ROLE, ("rules", 0, "verbs"), ["get", "list", "*"], ERROR),
        (ROLE, ("rules", 0, "verbs"), ["get"], WARNING),
        (ROLE, ("rules", 0, "resources"), ["secrets"], ERROR),
        (ROLE, ("rules", 0, "resourceNames"), ["one"], WARNING),
        (put(ROLE, ("rules", 0, "resourceNames"), ["one"]), ("rules", 0, "resourceNames"), GONE, ERROR),
        (put(ROLE, ("rules", 0, "resourceNames"), ["one"]), ("rules", 0, "resourceNames"), ["one", "two"], ERROR),
        (ROLE, ("rules",), [RULE, RULE | {"resources": ["secrets"]}], ERROR),
        (put(ROLE, ("rules",), [RULE, RULE | {"resources": ["secrets"]}]), ("rules",), [RULE], WARNING),
        (BINDING, ("subjects",), [*BINDING["subjects"], EVE], ERROR),  # type: ignore[misc]
        (BINDING, ("subjects",), [EVE, EVE], ERROR),
        (BINDING, ("subjects",), BINDING["subjects"][:1], WARNING),  # type: ignore[index]
        (BINDING, ("roleRef", "name"), "admin", ERROR),
    ],
)
def test_permissions_are_dangerous_where_they_are_wider(
    base: dict[str, Any], path: tuple[Any, ...], value: Any, expected: Severity
) -> None:
    assert judged(base, put(base, path, value)) is expected


POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "p", "namespace": "shop"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 1}, {"port": 2}]}]},
}
NAMESPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "shop", "labels": {"pod-security.kubernetes.io/enforce": "baseline"}},
}
ACCOUNT = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {"name": "app", "namespace": "shop", "annotations": {"a": "b", "eks.amazonaws.com/role-arn": "reader"}},
}
ENFORCE = ("metadata", "labels", "pod-security.kubernetes.io/enforce")


@pytest.mark.parametrize(
    ("base", "path", "value", "expected"),
    [
        (POLICY, ("spec", "ingress"), [{"ports": [{"port": 1}, {"port": 2}, {"port": 3}]}], ERROR),
        (POLICY, ("spec", "ingress"), [{"ports": [{"port": 1}]}], WARNING),
        (POLICY, ("spec", "ingress"), [{}], ERROR),
        (POLICY, ("spec", "podSelector"), {"matchLabels": {"a": "b"}}, ERROR),
        (ACCOUNT, ("metadata", "annotations", "eks.amazonaws.com/role-arn"), "admin", ERROR),
        (ACCOUNT, ("metadata", "annotations", "a"), "admin", INFO),
        (NAMESPACE, ENFORCE, "privileged", ERROR),
        (NAMESPACE, ENFORCE, "restricted", WARNING),
        (NAMESPACE, ENFORCE, GONE, ERROR),
    ],
)
def test_walls_are_dangerous_where_they_are_lower(
    base: dict[str, Any], path: tuple[Any, ...], value: Any, expected: Severity
) -> None:
    assert judged(base, put(base, path, value)) is expected


@pytest.mark.parametrize(
    ("api", "kind", "expected"),
    [
        ("apps/v1", "Deployment", ERROR),
        ("networking.k8s.io/v1", "NetworkPolicy", ERROR),
        ("v1", "Service", WARNING),
        ("v1", "ConfigMap", WARNING),
    ],
)
def test_a_missing_object_is_as_bad_as_what_no_longer_happens(api: str, kind: str, expected: Severity) -> None:
    text = json.dumps({"apiVersion": api, "kind": kind, "metadata": {"name": "x", "namespace": "shop"}})
    (found,) = drift(git(text), cluster()).drift
    assert found.severity is expected
