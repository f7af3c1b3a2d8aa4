"""What is kept of Pods and ReplicaSets that a controller made: a whole object in, the part that an audit uses out.

There are many of them, git does not declare them, and their templates are judged at the workload that owns them. Everything
else stays whole, with managedFields: who owns a field is told from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from auditor.kube.workloads import controller_of
from auditor.model import Body, Resource

PROJECTED: Final = frozenset({("", "Pod"), ("apps", "ReplicaSet")})

_METADATA: Final = (
    "name", "namespace", "uid", "labels", "ownerReferences", "creationTimestamp", "deletionTimestamp", "generation",
)  # fmt: skip
_ANNOTATIONS: Final = ("gitops-auditor.io/", "deployment.kubernetes.io/")
"""Prefixes of the annotations kept: ours, and the revision that a Deployment numbers its ReplicaSets by."""
_CONTAINER: Final = ("name", "image", "ports", "restartPolicy")
_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")
_POD_SPEC: Final = ("nodeName", "serviceAccountName", "restartPolicy", "hostNetwork")
_POD_STATUS: Final = (
    "phase", "reason", "message", "conditions", "containerStatuses", "initContainerStatuses", "startTime",
)  # fmt: skip
_REPLICA_SET_SPEC: Final = ("replicas", "selector", "minReadySeconds")


def projected(resource: Resource) -> Resource:
    """The same object with less in it, where a controller made it; else the object itself."""
    kind = (resource.ref.group, resource.ref.kind)
    if kind not in PROJECTED or controller_of(resource) is None:
        return resource
    spec = resource.body.get("spec")
    spec = spec if isinstance(spec, Mapping) else {}
    body: dict[str, Any] = {
        "apiVersion": resource.api_version,
        "kind": resource.ref.kind,
        "metadata": _metadata(resource.metadata),
    }
    if resource.ref.kind == "Pod":
        body["spec"] = _some(spec, _POD_SPEC) | {
            field: [_some(container, _CONTAINER) for container in found if isinstance(container, Mapping)]
            for field in _CONTAINERS
            if isinstance(found := spec.get(field), list)
        }
        body["status"] = _some(resource.body.get("status"), _POD_STATUS)
    else:
        body["spec"] = _some(spec, _REPLICA_SET_SPEC)
        body["status"] = resource.body.get("status") or {}
    return Resource(resource.ref, resource.api_version, body, resource.origin, resource.locate)


def _metadata(whole: Mapping[str, Any]) -> Body:
    kept = _some(whole, _METADATA)
    annotations = whole.get("annotations")
    if isinstance(annotations, Mapping):
        ours = {key: value for key, value in annotations.items() if key.startswith(_ANNOTATIONS)}
        if ours:
            kept["annotations"] = ours
    return kept


def _some(whole: object, fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: whole[field] for field in fields if field in whole} if isinstance(whole, Mapping) else {}
