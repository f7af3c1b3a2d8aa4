"""The types of custom resources: the CustomResourceDefinitions of a snapshot in, a `Node` to walk down a body with out.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
Used where two objects are compared. Paths and fingerprints of findings come from the shipped table alone, as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from auditor.kube import schema
from auditor.kube.schema import Node
from auditor.model import Resource

GROUP, KIND = "apiextensions.k8s.io", "CustomResourceDefinition"
_SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})
_UNKNOWN: Final = "x-kubernetes-preserve-unknown-fields"


class CustomNode(Node):
    """A type as a CustomResourceDefinition says it.

    `open`: keeps fields that the schema does not name; a closed one drops them. Zeros are kept as they are written: there
    is no Go type behind it.
    """

    __slots__ = ("_schema", "open")

    def __init__(self, kind: str, said: Mapping[str, Any]) -> None:
        super().__init__(kind, atomic=said.get("x-kubernetes-map-type") == "atomic")
        self._schema = said
        self.open = bool(said.get(_UNKNOWN))
        self.required = tuple(said.get("required") or ())
        if kind == "map":
            self.items = node_of(said["additionalProperties"])
        if kind == "list":
            self.items = node_of(said.get("items"))
            self.list_type = said.get("x-kubernetes-list-type") or "atomic"
            self.list_keys = tuple(said.get("x-kubernetes-list-map-keys") or ()) if self.list_type == "map" else ()

    def child(self, name: str) -> Node | None:
        """The type of a field; that of a Pod template where it holds one. None where nothing is said of it."""
        if self.kind == "map":
            return self.items
        if name not in self._children:
            said = _fields(self._schema).get(name)
            self._children[name] = schema.template_node() if name == "template" and _holds_pods(said) else node_of(said)
        return self._children[name]

    def fields(self) -> tuple[str, ...]:
        return tuple(_fields(self._schema))

    def keeps_zero(self, name: str) -> bool:
        return True

    def defaults(self, name: str) -> tuple[Any, ...]:
        """https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting"""
        said = _fields(self._schema).get(name)
        if not isinstance(said, Mapping) or said.get("default") is None:
            return ()
        value = said["default"]
        return (value, {}) if isinstance(value, Mapping) else (value,)


def _fields(said: Any) -> Mapping[str, Any]:
    found = said.get("properties") if isinstance(said, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _holds_pods(said: Any) -> bool:
    return "containers" in _fields(_fields(said).get("spec"))


def node_of(said: Any) -> Node | None:
    """The type that one piece of a structural schema says; None where it leaves open what it is."""
    if not isinstance(said, Mapping):
        return None
    kind = said.get("type")
    if said.get("x-kubernetes-int-or-string"):
        # as generators write the type of an amount: https://book.kubebuilder.io/reference/markers/crd-validation
        return CustomNode("quantity" if "KMGTPE" in str(said.get("pattern", "")) else "int-or-string", said)
    if kind in _SCALARS:
        return CustomNode(str(kind), said)
    if kind == "array":
        return CustomNode("list", said)
    if kind == "object" and _fields(said):
        return CustomNode("object", said)
    if kind == "object" and isinstance(said.get("additionalProperties"), Mapping):
        return CustomNode("map", said)
    return None


def types(definitions: Iterable[Resource]) -> dict[tuple[str, str, str], Node]:
    """(group, version, kind) of every version that the definitions describe, and its type; later ones win."""
    found: dict[tuple[str, str, str], Node] = {}
    for resource in definitions:
        spec = resource.body.get("spec")
        names = spec.get("names") if isinstance(spec, Mapping) else None
        versions = spec.get("versions") if isinstance(spec, Mapping) else None
        if not isinstance(spec, Mapping) or not isinstance(names, Mapping) or not isinstance(versions, list | tuple):
            continue
        for version in versions:
            said = version.get("schema") if isinstance(version, Mapping) else None
            root = said.get("openAPIV3Schema") if isinstance(said, Mapping) else None
            if isinstance(root, Mapping) and _fields(root):
                named = (str(spec.get("group")), str(version.get("name")), str(names.get("kind")))
                found[named] = CustomNode("object", _rooted(root))
    return found


def _rooted(root: Mapping[str, Any]) -> Mapping[str, Any]:
    """What every object has is not said in its schema; `metadata` is a free one here, for its keys are told by name."""
    about = {name: {"type": "object", "additionalProperties": {"type": "string"}} for name in ("labels", "annotations")}
    lists = {
        "finalizers": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "ownerReferences": {
            "type": "array",
            "items": {"type": "object", _UNKNOWN: True, "properties": {"uid": {"type": "string"}}},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["uid"],
        },
    }
    metadata = {"type": "object", _UNKNOWN: True, "properties": {**about, **lists}}
    return {**root, "properties": {**root["properties"], "metadata": metadata}}
