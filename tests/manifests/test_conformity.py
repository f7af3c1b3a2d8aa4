"""Fields that do not exist and values of another type are told; nothing is said of what the API server takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from auditor.kube.removed import REMOVED
from auditor.kube.secrets import new_key
from auditor.manifests import conformity, read
from auditor.manifests.documents import documents
from tests.controlplane.plane import Plane

ROOT = Path(__file__).parent.parent.parent

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx
        env:
        - name: A
          value: "1"
        ports:
        - containerPort: 80
"""


def said(text: str) -> list[tuple[str, int, str]]:
    found = read(text.encode(), source="s", file="f", cluster="", namespace=None, key=new_key())
    return [(p.code, p.place.line if p.place else 0, p.message) for p in found.problems]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("replicas: 2", "replicas: two", 5, "spec.replicas is text, not a whole number"),
        ("replicas: 2", "replicas: '2'", 5, "spec.replicas is text, not a whole number"),
        ("replicas: 2", "replicas: 2.5", 5, "spec.replicas is a number, not a whole number"),
        ("replicas: 2", "replicas: yes", 5, "spec.replicas is a boolean, not a whole number"),
        ("replicas: 2", "replica: 2", 5, "replica is not a field of spec"),
        ("value: \"1\"", "value: 1", 15, "env[0].value is a number, not text"),
        ("value: \"1\"", "value: yes", 15, "env[0].value is a boolean, not text"),
        ("image: nginx", "imgae: nginx", 12, "imgae is not a field of spec.containers[0]"),
        ("containerPort: 80", "containerPort: http", 17, "ports[0].containerPort is text, not a whole number"),
        ("labels: {app: web}", "labels: {app: 1}", 8, "metadata.labels.app is a number, not text"),
        ("labels: {app: web}", "labels: [app]", 8, "template.metadata.labels is a list, not a map"),
        ("  selector: {matchLabels: {app: web}}\n", "", 4, "selector is missing in spec"),
        ("      - name: web\n        image", "      - image", 11, "name is missing in spec.containers[0]"),
        ("apps/v1", "app/v1", 1, "there is no group 'app'"),
        ("apps/v1", "v1", 1, "v1 has no kind Deployment"),
        ("kind: Deployment", "kind: Deploymnet", 2, "apps/v1 has no kind Deploymnet"),
        ("metadata: {name: web}", "metadata: {name: web, spec: {}}", 3, "spec is not a field of metadata"),
        ("metadata: {name: web}", "metadata: {nmae: web}", 3, "nmae is not a field of metadata"),
    ],
)  # fmt: skip
def test_a_misfit_is_one_problem_at_its_line(old: str, new: str, line: int, message: str) -> None:
    assert old in DEPLOYMENT
    assert said(DEPLOYMENT.replace(old, new)) == [("MAN004", line, message)]


def test_containers_left_empty_are_told() -> None:
    text = DEPLOYMENT[: DEPLOYMENT.index("      - name: web")]
    assert said(text) == [("MAN004", 10, "containers is missing in spec.template.spec")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("replicas: 2", "replicas: 2.0"),
        ("replicas: 2", "replicas:"),
        ("image: nginx", "image: nginx\n        resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 0.5}}"),
        ("image: nginx", "image: nginx\n        livenessProbe: {httpGet: {port: http}}\n        readinessProbe: {httpGet: {port: 80}}"),
        ("apps/v1", "example.com/v1"),
        ("kind: Deployment\n", "kind: Deployment\nsops: {mac: x}\n"),
    ],
)  # fmt: skip
def test_what_the_server_takes_is_no_problem(old: str, new: str) -> None:
    assert said(DEPLOYMENT.replace(old, new)) == []


def test_versions_that_are_no_longer_served_are_not_judged_by_others() -> None:
    text = "apiVersion: autoscaling/v2beta1\nkind: HorizontalPodAutoscaler\nmetadata: {name: x}\nspec:\n  scaleTargetRef: {kind: D, name: x}\n  maxReplicas: 2\n  metrics: [{type: Resource, resource: {name: cpu, targetAverageUtilization: 50}}]\n"
    assert said(text) == [
        ("MAN006", 1, "autoscaling/v2beta1 HorizontalPodAutoscaler is not served since Kubernetes 1.25")
    ]
    assert [line for _, line, _ in said(text.replace("v2beta1", "v2"))] == [7]


def test_a_version_that_was_removed_is_told_with_what_replaces_it() -> None:
    found = read(
        DEPLOYMENT.replace("apps/v1", "extensions/v1beta1").encode(),
        source="s",
        file="f",
        cluster="",
        namespace=None,
        key=new_key(),
    )
    assert [(p.code, p.remedy) for p in found.problems] == [
        ("MAN006", "write apiVersion: apps/v1, and see what changed with it")
    ]
    assert len(found.resources) == 1
    assert (
        said("apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: x}\nspec: {}\n")[0][0] == "MAN006"
    )
    assert said("apiVersion: cert-manager.io/v1beta1\nkind: Certificate\nmetadata: {name: x}\nspec: {}\n") == []


@pytest.mark.component
def test_the_api_server_serves_none_of_the_versions_that_were_removed_and_all_that_replace_them(plane: Plane) -> None:
    served: dict[str, set[str]] = {}
    for api_version in {version for version, _ in REMOVED} | {
        gone.instead for gone in REMOVED.values() if gone.instead
    }:
        answer = plane.api("GET", f"/apis/{api_version}")
        served[api_version] = {each["kind"] for each in answer.body["resources"]} if answer.code == 200 else set()
    for (api_version, kind), gone in REMOVED.items():
        assert kind not in served[api_version], (api_version, kind)
        assert not gone.instead or kind in served[gone.instead], (gone.instead, kind)


def test_schemas_within_definitions_are_left_alone() -> None:
    text = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: as.a.io}
spec:
  group: a.io
  scope: Namespaced
  names: {kind: A, plural: as}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        additionalProperties: true
        properties: {a: {type: array, items: {type: string}, x-future: 1}}
"""
    assert said(text) == []


def test_metadata_of_any_kind_is_looked_at() -> None:
    text = "apiVersion: e.com/v1\nkind: T\nmetadata:\n  name: x\n  annotations:\n    a: true\n"
    assert said(text) == [("MAN004", 6, "metadata.annotations.a is a boolean, not text")]


def bodies() -> list[tuple[str, dict[str, Any]]]:
    files = [
        *ROOT.glob("policies/*/*.yaml"),
        *ROOT.glob("auditor/cli/example/**/*.yaml"),
        *ROOT.glob("deploy/**/*.yaml"),
    ]
    # what these are about is what policies make of objects that no API server takes whole
    odd = {"probe_port_undefined", "stale_replicasets"}
    files = [file for file in files if "templates" not in file.parts and file.parent.name not in odd]
    found = [(file.name, document) for file in files for document in documents(file.read_bytes()) if document.readable]
    return [
        (name, each.value)
        for name, each in found
        if isinstance(each.value, dict) and isinstance(each.value.get("kind"), str)
    ]


def test_the_manifests_of_this_project_fit() -> None:
    checked = [(name, body) for name, body in bodies() if isinstance(body.get("apiVersion"), str)]
    assert len(checked) > 50
    faults = [
        (name, fault.path, fault.message)
        for name, body in checked
        for fault in conformity.faults(body, body["apiVersion"], body["kind"])
    ]
    assert faults == []


def test_no_value_is_quoted() -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {p: 1234567890}\nstringData: [C4NARY]\ntype: {a: C4NARY}\nC4NARY: x\n"
    found = said(secret)
    assert len(found) == 4
    assert "1234567890" not in repr(found)
    assert "C4NARY" not in repr(found)


def test_what_is_told_of_one_document_is_limited() -> None:
    for text in (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers: []\n"
        + "".join(f"  a{n}: 1\n" for n in range(3000)),
        "a: 1\n" * 3000,
    ):
        assert len(said(text)) == 100
