"""Both sides of a comparison, for tests: manifests as text and live objects as JSON in, snapshots out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from auditor.drift import Comparison, compare
from auditor.kube import schema
from auditor.kube.kinds import split_api_version
from auditor.kube.secrets import Key, key_of, seal
from auditor.manifests.reader import read
from auditor.model import Cell, CellState, Past, Ref, Resource, Snapshot, Source

AT = datetime(2026, 8, 22, 10, 3, tzinfo=UTC)
KEY = key_of(b"a key for tests only")


def git(text: str, *, source: str = "shop", key: Key = KEY, appliers: tuple[str, ...] = ()) -> Snapshot:
    """The desired side: YAML as a repository has it."""
    found = read(text.encode(), source=source, file="shop.yaml", cluster="", namespace=None, key=key)
    return Snapshot(found.resources, found.problems, sources=(Source(source, appliers=appliers),))


def cluster(
    *bodies: Mapping[str, Any], cells: Iterable[Cell] = (), otherwise: CellState = CellState.LISTED, key: Key = KEY
) -> Snapshot:
    """The live side: objects as the API server gives them, deep-frozen, so that nothing can be changed in place."""
    return Snapshot(tuple(live(body, key) for body in bodies), cells=tuple(cells), otherwise=otherwise)


def live(body: Mapping[str, Any], key: Key = KEY) -> Resource:
    group, _ = split_api_version(body["apiVersion"])
    metadata = body["metadata"]
    ref = Ref("", group, body["kind"], metadata.get("namespace"), metadata["name"])
    return Resource(ref, body["apiVersion"], frozen(seal(body, key)))


def frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return MappingProxyType({key: frozen(inner) for key, inner in value.items()})
    if isinstance(value, list):
        return tuple(frozen(each) for each in value)
    return value


def thawed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: thawed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [thawed(each) for each in value]
    return value


def entry(
    manager: str,
    fields: Mapping[str, Any],
    operation: str = "Update",
    subresource: str = "",
    time: str = "2026-08-22T10:02:00Z",
) -> dict[str, Any]:
    """One entry of managedFields."""
    made = {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": dict(fields),
    }
    if time:
        made["time"] = time
    return made | ({"subresource": subresource} if subresource else {})


def owned(path: str) -> dict[str, Any]:
    """The fieldsV1 of one path, its steps written apart by spaces: `spec template k:{"name":"web"} image`."""
    fields: dict[str, Any] = {}
    for step in reversed(path.split(" ")):
        fields = {step if step[1:2] == ":" else f"f:{step}": fields}
    return fields


def tracked(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fieldsV1 of who wrote all of a body, as the server tracks it."""
    group, _ = split_api_version(body["apiVersion"])
    node = schema.node_of(group, body["kind"], body)
    kept = {key: value for key, value in body.items() if key not in ("apiVersion", "kind", "metadata")}
    labels = {"metadata": {"labels": body["metadata"]["labels"]}} if body["metadata"].get("labels") else {}
    return _fields(kept | labels, node)


def _fields(value: Any, node: schema.Node | None) -> dict[str, Any]:
    if node is not None and (node.atomic or node.list_type == "atomic"):
        return {}
    if isinstance(value, dict):
        return {f"f:{key}": _fields(inner, schema.child_of(node, key, inner)) for key, inner in value.items()}
    keys = schema.keys_of(node, value) if isinstance(value, list) and node is not None else None
    if keys is None or node is None:
        return {}
    named = (f"k:{json.dumps(dict(key), separators=(',', ':'), sort_keys=True)}" for key in keys)
    return {name: {".": {}, **_fields(each, node.items)} for name, each in zip(named, value, strict=True)}


def drift(desired: Snapshot, actual: Snapshot, past: Past | None = None, **options: Any) -> Comparison:
    return compare(desired, actual, past=past or Past(), at=AT, **options)


def changes(found: Comparison) -> set[tuple[str, str]]:
    """(kind of change, path) of all changes; whole objects as (drift kind, "(object)")."""
    told = {(change.change.value, change.path) for each in found.drift for change in each.changes}
    return told | {(each.kind.value, "(object)") for each in found.drift if not each.changes}


def items(text: str) -> list[Any]:
    body = json.loads(text)
    return list(body["items"]) if body["kind"] == "List" else [body]
