"""One random edit: a live body and its type in, the body as a hand would leave it out."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.drift.edits.types import QUANTITY, Types, is_map

WORDS = ("alpha", "bravo", "carol", "delta", "echo")
ABOUT = ("labels", "annotations", "finalizers")
"""What of metadata is edited: an owner reference would hand the object to the garbage collector."""
SERVERS = ("pod-template-hash", "controller-uid", "batch.kubernetes.io", "kubernetes.io/metadata.name", "last-applied")


@dataclass(frozen=True)
class Spot:
    """One value of a body: what holds it, under which key, of what type, and the names on the way to it."""

    holder: Any
    key: Any
    schema: dict[str, Any] | None
    path: tuple[Any, ...]

    @property
    def value(self) -> Any:
        return self.holder[self.key]


def spots(body: dict[str, Any], types: Types) -> Iterator[Spot]:
    """Every value of the parts that people write, lists and structs too."""
    root = types.of(body)
    for name in body:
        if name in ("apiVersion", "kind", "status"):
            continue
        if name == "metadata":
            about = types.field(root, name)
            for part in ABOUT:
                if part in body[name]:
                    yield from _below(body[name], part, types.field(about, part), (name, part), types)
        else:
            yield from _below(body, name, types.field(root, name), (name,), types)


def _below(holder: Any, key: Any, schema: Any, path: tuple[Any, ...], types: Types) -> Iterator[Spot]:
    if any(isinstance(part, str) and mark in part for part in path for mark in SERVERS):
        return
    yield Spot(holder, key, schema, path)
    value = holder[key]
    if isinstance(value, dict):
        for name in value:
            yield from _below(value, name, types.field(schema, name), (*path, name), types)
    elif isinstance(value, list):
        for position in range(len(value)):
            yield from _below(value, position, types.items(schema), (*path, position), types)


KINDS = ("set", "set", "set", "remove", "add field", "add field", "add key", "add element", "reorder", "replace")


def edited(body: dict[str, Any], types: Types, rng: random.Random) -> tuple[str, dict[str, Any]]:
    """What was done, in words, and a new body. Nothing says that a server takes it."""
    after = copy.deepcopy(body)
    after["metadata"].setdefault("labels", {})
    after["metadata"].setdefault("annotations", {})
    kind = rng.choice(KINDS)
    found = [spot for spot in spots(after, types) if _fits(kind, spot)]
    if not found:
        return "", after
    spot = rng.choice(found)
    _do(kind, spot, types, rng)
    return f"{kind} {'.'.join(map(str, spot.path))}", after


def _fits(kind: str, spot: Spot) -> bool:
    value = spot.value
    match kind:
        case "set":
            return not isinstance(value, dict | list)
        case "remove":
            return len(spot.path) > 1
        case "add field":
            return isinstance(value, dict) and not is_map(spot.schema, str(spot.key))
        case "add key":
            return isinstance(value, dict) and is_map(spot.schema, str(spot.key))
        case "reorder":
            return isinstance(value, list) and len(value) > 1
        case "add element":
            return isinstance(value, list)
        case _:
            return isinstance(value, dict | list) and len(spot.path) > 1


def _do(kind: str, spot: Spot, types: Types, rng: random.Random) -> None:
    value, schema = spot.value, spot.schema
    match kind:
        case "set":
            spot.holder[spot.key] = other(value, schema, spot.key, rng)
        case "remove":
            del spot.holder[spot.key]
        case "add field":
            absent = [name for name in (schema or {}).get("properties", {}) if name not in value]
            if absent:
                name = rng.choice(absent)
                value[name] = made(types.field(schema, name), name, types, rng)
        case "add key":
            value[
                f"{rng.choice(WORDS)}.example.org/{rng.choice(WORDS)}" if rng.random() < 0.4 else rng.choice(WORDS)
            ] = made(types.field(schema, "x"), str(spot.key), types, rng)
        case "add element":
            fresh = copy.deepcopy(rng.choice(value)) if value and rng.random() < 0.7 else None
            if isinstance(fresh, dict):
                for name, inner in list(fresh.items()):
                    if not isinstance(inner, dict | list):
                        fresh[name] = other(inner, types.field(types.items(schema), name), name, rng)
            elif fresh is not None:
                fresh = other(fresh, types.items(schema), spot.key, rng)
            else:
                fresh = made(types.items(schema), str(spot.key), types, rng)
            value.insert(rng.randint(0, len(value)), fresh)
        case "reorder":
            rng.shuffle(value)
        case "replace":
            spot.holder[spot.key] = made(schema, str(spot.key), types, rng)


def other(value: Any, schema: dict[str, Any] | None, name: Any, rng: random.Random) -> Any:
    """Another value of the same type."""
    if schema is not None and schema.get("enum"):
        return rng.choice(schema["enum"])
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((value + 1, max(value - 1, 0), value * 2, 0, value + 7))
    if isinstance(value, float):
        return value + 1
    if isinstance(value, str) and schema is not None and schema.get("named") == QUANTITY:
        return rng.choice(("1", "3", "250m", "4Gi", "100Mi", "0", "7"))
    if isinstance(value, str) and schema is not None and schema.get("format") == "byte":
        return rng.choice(("aGVsbG8=", "d29ybGQ=", ""))
    if isinstance(value, str):
        return rng.choice((value + "x", rng.choice(WORDS), value[:-1] or "y", ""))
    return rng.choice(WORDS)


def made(schema: dict[str, Any] | None, name: str, types: Types, rng: random.Random, depth: int = 0) -> Any:
    """A value of a type; required fields of structs, and some of the others."""
    if schema is None:
        return rng.choice(WORDS)
    if schema.get("enum"):
        return rng.choice(schema["enum"])
    if schema.get("named") == QUANTITY:
        return rng.choice(("1", "250m", "1Gi"))
    if schema.get("format") == "int-or-string":
        return rng.choice((1, 8080, "25%", "http"))
    match schema.get("type"):
        case "string":
            return {"byte": "aGVsbG8=", "date-time": "2026-01-01T00:00:00Z"}.get(
                schema.get("format", ""), _text(name, rng)
            )
        case "integer":
            return rng.choice((0, 1, 2, 30, 1000, 8080))
        case "number":
            return 1.5
        case "boolean":
            return rng.random() < 0.6
        case "array":
            return [made(types.items(schema), name, types, rng, depth + 1) for _ in range(rng.choice((0, 1, 1, 2)))]
    if is_map(schema):
        return {rng.choice(WORDS): made(types.field(schema, "x"), name, types, rng, depth + 1)}
    if depth > 4:
        return {}
    fields = schema.get("properties", {})
    chosen = set(schema.get("required", ())) | {each for each in fields if rng.random() < 1.2 / (len(fields) + 1)}
    return {each: made(types.field(schema, each), each, types, rng, depth + 1) for each in sorted(chosen)}


def _text(name: str, rng: random.Random) -> str:
    known = {
        "image": ("busybox:1", "nginx"),
        "path": ("/x", "/y/z", "x"),
        "mountPath": ("/mnt/x", "/mnt/y"),
        "ip": ("10.9.8.7",),
        "cidr": ("10.9.0.0/16",),
        "fieldPath": ("metadata.name", "spec.nodeName"),
        "topologyKey": ("kubernetes.io/hostname",),
        "apiGroup": ("example.org", "rbac.authorization.k8s.io"),
        "operator": ("Exists", "In", "Equal"),
        "effect": ("NoSchedule",),
    }
    return rng.choice(known.get(name, WORDS))
