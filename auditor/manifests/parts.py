"""The parts that every manifest has: apiVersion, kind, metadata with a name, and no status; and names that are refused. A body in, mistakes out (MAN005, MAN007).

https://kubernetes.io/docs/concepts/overview/working-with-objects/#required-fields
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from auditor.kube import kinds, object_names
from auditor.model import RawPath, Severity

_SPELLING: Final = {
    name.lower(): name
    for name in ("apiVersion", "kind", "metadata", "spec", "data", "status", "stringData", "binaryData")
}
_RIGHT: Final = frozenset(_SPELLING.values())
# Kinds whose spec the API server does not do without: an object of them without one is refused.
_NEED_SPEC: Final = {
    ("", "Pod"),
    ("", "ReplicationController"),
    ("", "Service"),
    ("", "PersistentVolume"),
    ("", "PersistentVolumeClaim"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("apps", "ReplicaSet"),
    ("batch", "Job"),
    ("batch", "CronJob"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("networking.k8s.io", "Ingress"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("storage.k8s.io", "CSIDriver"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
}
_SERVER_OWNED: Final = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
)


class Fault(NamedTuple):
    """`path` is what is wrong, or what is missing. `wanted`: the type that a value should have."""

    path: RawPath
    message: str
    remedy: str
    severity: Severity = Severity.ERROR
    code: str = "MAN005"
    wanted: str = ""
    instead_of: str = ""
    """The field that was probably meant by one that does not exist: it is not missing then."""


def misspelt(body: Mapping[str, Any]) -> Iterator[Fault]:
    """Parts whose name is written in the wrong case: the API server takes them for unknown fields."""
    if body.keys() <= _RIGHT:
        return
    for key in body:
        right = _SPELLING.get(key.lower())
        if right and right != key and right not in body:
            yield Fault((key,), f"{key} is not a field: it is written {right}", f"write {right}", instead_of=right)


def missing(body: Mapping[str, Any], group: str) -> Iterator[Fault]:
    """Parts that are not there, or are no text where text is wanted."""
    api_version, kind, metadata = body.get("apiVersion"), body.get("kind"), body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    needs_spec = isinstance(kind, str) and (group, kind) in _NEED_SPEC and body.get("spec") is None
    if (
        api_version
        and kind
        and name
        and not needs_spec
        and all(isinstance(part, str) for part in (api_version, kind, name))
    ):
        return  # as nearly all are
    found = {key.lower() for key in body}
    for name in ("apiVersion", "kind"):
        value = body.get(name)
        if name.lower() not in found or (name in body and value in (None, "")):
            yield Fault((name,), f"{name} is missing", f"add {name}")
        elif name in body and not isinstance(value, str):
            yield Fault((name,), f"{name} is {called(value)}, not text", "put it in quotes")
    if "metadata" not in found or ("metadata" in body and metadata is None):
        yield Fault(("metadata",), "metadata is missing: an object has a name", "add metadata with a name")
    elif "metadata" in body:
        if not isinstance(metadata, Mapping):
            yield Fault(("metadata",), f"metadata is {called(metadata)}, not a map", "write name: below it, indented")
        else:
            yield from _name(metadata)
    if (
        isinstance(kind, str)
        and (group, kind) in _NEED_SPEC
        and body.get("spec") is None
        and "spec" not in (found - set(body))
    ):
        yield Fault(("spec",), f"spec is missing: a {kind} says there what it is to be", "add spec")


def _name(metadata: Mapping[str, Any]) -> Iterator[Fault]:
    name = metadata.get("name")
    if name is None or name == "":
        if metadata.get("generateName"):
            yield Fault(
                ("metadata", "generateName"),
                "metadata has generateName and no name: it can be created, but not applied",
                "give it a name",
            )
        else:
            yield Fault(("metadata", "name"), "metadata.name is missing", "add name under metadata")


def not_declared(body: Mapping[str, Any]) -> Iterator[Fault]:
    """What only the server writes: status, and the fields of metadata that it owns."""
    status = body.get("status")
    if _holds_something(status):
        yield Fault(
            ("status",),
            "status is written by the cluster and does not belong in git",
            "remove status",
            Severity.WARNING,
        )
    metadata = body.get("metadata")
    if isinstance(metadata, Mapping):
        owned = [name for name in _SERVER_OWNED if metadata.get(name) is not None]
        if owned:
            what = ", ".join(owned)
            yield Fault(
                ("metadata", owned[0]),
                f"the server sets {what} itself; in git it has no effect or hinders",
                f"remove {what}",
                Severity.INFO,
            )


def _holds_something(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_something(each) for each in value.values())
    if isinstance(value, list):
        return any(_holds_something(each) for each in value)
    return value is not None and value != ""


def called(value: Any) -> str:
    """What a value is, in words, without the value."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a map" if isinstance(value, Mapping) else "null"


def refused_names(body: Mapping[str, Any], group: str) -> Iterator[Fault]:
    """A name or a namespace that the API server refuses, and a namespace where none belongs (MAN007)."""
    metadata, kind = body.get("metadata"), body.get("kind")
    if not isinstance(metadata, Mapping) or not isinstance(kind, str):
        return
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if isinstance(name, str) and name and (why := object_names.refused(group, kind, name)):
        yield Fault(
            ("metadata", "name"), f"the API server refuses this name: it {why}", "write another name", code="MAN007"
        )
    if not isinstance(namespace, str) or not namespace:
        return
    if kinds.scope(group, kind) is False:
        message = f"a {kind} lives in no namespace: this one has no effect"
        yield Fault(("metadata", "namespace"), message, "remove namespace", Severity.INFO, code="MAN007")
    elif why := object_names.refused_namespace(namespace):
        message = f"the API server refuses this namespace: its name {why}"
        yield Fault(("metadata", "namespace"), message, "write the name of a namespace", code="MAN007")
