"""The types that a running API server publishes: /openapi/v2 in, and what is below a field, out.

Independent of the shipped table: tests hold the one against the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auditor.kube.kinds import split_api_version

QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


@dataclass(frozen=True)
class Types:
    definitions: dict[str, Any]

    def of(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """The schema of an object; None where the server publishes none."""
        group, version = split_api_version(body["apiVersion"])
        wanted = {"group": group, "version": version, "kind": body["kind"]}
        for schema in self.definitions.values():
            if wanted in schema.get("x-kubernetes-group-version-kind", ()):
                return dict(schema)
        return None

    def resolved(self, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        """With a reference followed; what is said beside it (`x-kubernetes-map-type`) stays."""
        if schema is None or "$ref" not in schema:
            return schema
        name = schema["$ref"].removeprefix("#/definitions/")
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return {**self.definitions[name], **rest, "named": name}

    def field(self, schema: dict[str, Any] | None, name: str) -> dict[str, Any] | None:
        """The type of a field of a struct, or of a value of a map."""
        if schema is None:
            return None
        found = schema.get("properties", {}).get(name)
        return self.resolved(found if found is not None else schema.get("additionalProperties"))

    def items(self, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if schema is None else self.resolved(schema.get("items"))


def is_map(schema: dict[str, Any] | None, name: str = "") -> bool:
    """A map whose keys people choose; where no type is known its name tells."""
    if schema is None or (schema.get("type") == "object" and not schema.get("properties")):
        known = isinstance((schema or {}).get("additionalProperties"), dict)
        return known or name in ("labels", "annotations", "data", "limits", "requests", "matchLabels", "nodeSelector")
    return False


def list_keys(schema: dict[str, Any] | None) -> tuple[str, ...]:
    """The fields that tell the elements of a list apart; none where it is written as a whole, or a set."""
    if schema is None:
        return ()
    if keys := schema.get("x-kubernetes-list-map-keys"):
        return tuple(keys)
    merged = "merge" in schema.get("x-kubernetes-patch-strategy", "") and "x-kubernetes-list-type" not in schema
    return (schema["x-kubernetes-patch-merge-key"],) if merged and "x-kubernetes-patch-merge-key" in schema else ()


def is_set(schema: dict[str, Any] | None) -> bool:
    if schema is None:
        return False
    merged = "merge" in schema.get("x-kubernetes-patch-strategy", "") and "x-kubernetes-patch-merge-key" not in schema
    return schema.get("x-kubernetes-list-type") == "set" or (merged and "x-kubernetes-list-type" not in schema)
