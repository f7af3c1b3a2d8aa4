"""Every kind of the API server, every field that it publishes written at least once, untouched: nothing has drifted.

`everything.json` holds bodies that `tests.drift.everything` found a server to take. Each is written in one way in `make test`'s
bigger sister, in all ways, and in all spellings, in `make soak`.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from auditor.kube.kinds import scope, split_api_version
from auditor.kube.secrets import seal
from auditor.model import Resource, Snapshot
from tests.controlplane.plane import Plane
from tests.drift.edits.hands import Wire
from tests.drift.edits.types import QUANTITY, Types, is_map, list_keys
from tests.drift.everything import FOUND
from tests.drift.sides import KEY, cluster, drift, thawed

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
APPLY = "application/apply-patch+yaml"


def corpus() -> dict[str, Any]:
    return dict(json.loads(FOUND.read_text()))


def test_at_most_one_field_in_twenty_of_a_kind_was_refused() -> None:
    """What a server refuses can be on no cluster; the names are in the file."""
    kinds = corpus()["kinds"]
    assert len(kinds) > 55
    assert sum(kind["fields"] for kind in kinds.values()) > 2_000
    many = {name: len(kind["refused"]) for name, kind in kinds.items() if len(kind["refused"]) > kind["fields"] / 20}
    assert set(many) <= MORE_REFUSED, many


MORE_REFUSED = {
    *("storage.k8s.io/v1/VolumeAttachment",),  # of a whole volume it takes what CSI can be
    *("apiextensions.k8s.io/v1/CustomResourceDefinition",),  # half of JSON Schema is not structural
    *("certificates.k8s.io/v1/CertificateSigningRequest", "v1/Node", "v1/ServiceAccount"),  # the server knows better
    *("coordination.k8s.io/v1/Lease", "storage.k8s.io/v1/CSIDriver", "apps/v1/StatefulSet"),  # features that are off
    *("resource.k8s.io/v1/ResourceClaim", "resource.k8s.io/v1/ResourceClaimTemplate", "v1/PersistentVolumeClaim"),
    *("v1/Pod", "batch/v1/Job", "batch/v1/CronJob", "autoscaling/v2/HorizontalPodAutoscaler"),  # one excludes another
    *("networking.k8s.io/v1/IngressClass", "rbac.authorization.k8s.io/v1/Role", "events.k8s.io/v1/Event"),
    *("flowcontrol.apiserver.k8s.io/v1/FlowSchema", "flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration"),
    *(f"admissionregistration.k8s.io/v1/{kind}AdmissionPolicyBinding" for kind in ("Mutating", "Validating")),
    *("node.k8s.io/v1/RuntimeClass",),
}
"""Kinds of which more was refused or dropped in silence, and why."""


# --- ways to write it ---------------------------------------------------------------------------------------------------------


def server_side(manager: str) -> Callable[[Wire, dict[str, Any]], tuple[int, Any]]:
    def apply(wire: Wire, body: dict[str, Any]) -> tuple[int, Any]:
        return wire.call("PATCH", f"{wire.url(body)}?fieldManager={manager}&force=true&dryRun=All", body, content=APPLY)  # type: ignore[no-any-return]

    return apply


def client_side(wire: Wire, body: dict[str, Any]) -> tuple[int, Any]:
    """What `kubectl apply` sends for an object that is not there yet."""
    about = body["metadata"]
    noted = {
        **body,
        "metadata": {**about, "annotations": {**about.get("annotations", {}), LAST_APPLIED: json.dumps(body)}},
    }
    url = f"{wire.url(body, name=False)}?fieldManager=kubectl-client-side-apply&dryRun=All"
    return wire.call("POST", url, noted)  # type: ignore[no-any-return]


def created(manager: str) -> Callable[[Wire, dict[str, Any]], tuple[int, Any]]:
    def create(wire: Wire, body: dict[str, Any]) -> tuple[int, Any]:
        return wire.call("POST", f"{wire.url(body, name=False)}?fieldManager={manager}&dryRun=All", body)  # type: ignore[no-any-return]

    return create


WAYS = {
    "flux": server_side("kustomize-controller"),
    "argo-cd": server_side("argocd-controller"),
    "kubectl apply": client_side,
    "kubectl create": created("kubectl-create"),
    "helm": created("helm"),
}


# --- other words for the same -----------------------------------------------------------------------------------------------


def respelt(body: dict[str, Any], types: Types, rng: random.Random) -> dict[str, Any]:
    """Amounts in other units, keyed lists in another order, explicit nulls and zeros where nothing was written."""
    made = copy.deepcopy(body)
    for name, value in list(made.items()):
        if name not in ("apiVersion", "kind", "metadata"):
            made[name] = _respelt(value, types.field(types.of(body), name), types, rng)
    return made


def _respelt(value: Any, schema: Any, types: Types, rng: random.Random) -> Any:
    if schema is None:
        return value
    if schema.get("named") == QUANTITY and value in _SPELLINGS:
        return rng.choice(_SPELLINGS[value])
    if isinstance(value, list):
        made = [_respelt(each, types.items(schema), types, rng) for each in value]
        if list_keys(schema) and schema.get("x-kubernetes-patch-merge-key") != "name":
            made.reverse()
        return made
    if isinstance(value, dict):
        found = {name: _respelt(inner, types.field(schema, name), types, rng) for name, inner in value.items()}
        absent = [name for name in schema.get("properties", {}) if name not in value]
        if not is_map(schema) and absent and rng.random() < 0.5:
            found[rng.choice(absent)] = None
        return found
    return value


_SPELLINGS = {
    "1": [1, "1000m", "1.0", "1e0"],
    "2": [2, "2000m"],
    "1Gi": ["1024Mi", "1.0Gi", "1073741824"],
    "2Gi": ["2048Mi"],
    "100m": ["0.1", 0.1],
    "0": [0],
}


# --- nothing has drifted --------------------------------------------------------------------------------------------------------


def bodies(namespace: str) -> Iterator[dict[str, Any]]:
    for body in corpus()["bodies"]:
        group, _ = split_api_version(body["apiVersion"])
        if scope(group, body["kind"], ()) is not False:
            body["metadata"]["namespace"] = namespace
        for name in {"involvedObject", "regarding"} & set(body):
            body[name]["namespace"] = namespace
        yield body


def told(wire: Wire, body: dict[str, Any], way: str) -> tuple[int, list[str]]:
    """How the server answered, and what is said of the object right after."""
    status, answer = WAYS[way](wire, body)
    if status not in (200, 201):
        return status, []
    actual = cluster(answer)
    (ref,) = actual.by_ref
    found = drift(Snapshot((Resource(ref, body["apiVersion"], seal(thawed(body), KEY)),)), actual)
    assert found.not_compared == (), (body["kind"], found.not_compared)
    return status, [f"{change.change} {change.path}" for each in found.drift for change in each.changes]


@pytest.mark.component
@pytest.mark.parametrize("way", sorted(WAYS))
def test_nothing_that_was_written_untouched_has_drifted(plane: Plane, namespace: str, way: str) -> None:
    wire = Wire(plane)
    wrong, written = [], 0
    for number, body in enumerate(bodies(namespace)):
        status, lines = told(wire, body, way)
        written += status in (200, 201)
        wrong += [f"{body['kind']} {number}: {line}" for line in lines]
    wire.close()
    assert wrong == []
    assert written > 0.95 * number


@pytest.mark.component
def test_other_words_for_the_same_are_no_drift(plane: Plane, namespace: str, rng: random.Random) -> None:
    wire = Wire(plane)
    types = Types(wire.call("GET", "/openapi/v2")[1]["definitions"])
    wrong, written = [], 0
    for number, body in enumerate(bodies(namespace)):
        way = rng.choice(sorted(WAYS))
        status, lines = told(wire, respelt(body, types, rng), way)
        written += status in (200, 201)
        wrong += [f"{body['kind']} {number} by {way}: {line}" for line in lines]
    wire.close()
    assert wrong == []
    assert written > 0.8 * number
