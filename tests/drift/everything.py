"""Objects in which every field that a running API server publishes is written at least once: its types in, bodies out.

Nothing here knows what a field means. A body that the server takes grows field by field, each sent as a dry run, with the
values that its type and its name suggest until one is taken; what fits nowhere beside the rest stands in an element or in a
body of its own; what is refused everywhere is counted. `everything.json` beside this file holds what was found:

    CONTROLPLANE=<folder> .venv/bin/python -m tests.drift.everything
"""

from __future__ import annotations

import copy
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from tests.drift.edits.hands import Wire
from tests.drift.edits.types import QUANTITY, Types, is_map, list_keys
from tests.drift.seeds import SEEDS, STARTS, TEXTS, WHOLE, certificate

FOUND = File(__file__).with_suffix(".json")

Path = tuple[str, ...]
"""Of a field: names, `[]` for any element of a list, `{}` for any value of a map."""

SERVERS = {
    *("uid", "resourceVersion", "managedFields", "selfLink", "creationTimestamp", "generation", "deletionTimestamp"),
    *("deletionGracePeriodSeconds", "generateName", "ownerReferences", "namespace", "name"),
}
"""Parts of an object's own metadata that are not people's."""


@dataclass
class Search:
    """What was written so far of one kind: a body that grows field by field, and what could not be put into it."""

    wire: Wire
    types: Types
    api_version: str
    kind: str
    namespace: str | None
    known: dict[str, list[Any]] = field(default_factory=dict)
    """Bodies of structs that were worked out in another kind, by their definition: Pod specs."""
    body: dict[str, Any] = field(default_factory=dict)
    written: set[Path] = field(default_factory=set)
    complaints: dict[Path, str] = field(default_factory=dict)
    requests: int = 0
    number: int = 0
    answer: Any = None

    def begin(self, seed: dict[str, Any]) -> None:
        """A body with no more than it must have."""
        body = copy.deepcopy(seed)
        metadata = {"name": f"{self.kind.lower()}-x", **body.get("metadata", {})}
        if self.namespace:
            metadata["namespace"] = self.namespace
        self.body = {"apiVersion": self.api_version, "kind": self.kind, **body, "metadata": metadata}

    def seeds(self) -> list[dict[str, Any]]:
        """Those of the kind; where it holds a Pod template, first with all that was worked out for Pods."""
        found = SEEDS.get(self.kind, [{}])
        if self.kind == "Pod" or not self.known:
            return found
        rich = []
        for spec in self.known["io.k8s.api.core.v1.PodSpec"][:2]:
            for seed in found:
                body = copy.deepcopy(seed)
                holder = _template(body)
                if holder is not None:
                    holder["spec"] = {
                        **copy.deepcopy(spec),
                        **{k: v for k, v in holder["spec"].items() if k != "containers"},
                    }
                    rich.append(body)
        return [*rich, *found]

    @property
    def schema(self) -> dict[str, Any]:
        found = self.types.of({"apiVersion": self.api_version, "kind": self.kind})
        assert found is not None
        return found

    def taken(self) -> bool:
        """Whether the server would take the body as it stands; what it says of others is remembered."""
        self.requests += 1
        url = self.wire.url(self.body, name=False) + "?dryRun=All&fieldValidation=Strict&fieldManager=kubectl-create"
        status, answer = self.wire.call("POST", url, self.body)
        self.answer = answer
        return bool(status == 201)

    # --- growing ------------------------------------------------------------------------------------------------------------

    def found(self) -> Iterator[dict[str, Any]]:
        """Bodies that together write every field that can be written."""
        seeds = self.seeds()
        self.written.add(("metadata",))
        for seed in seeds:
            self.begin(seed)
            if not self.taken():
                self.complaints[()] = str(self.answer.get("message") if isinstance(self.answer, dict) else self.answer)[
                    :300
                ]
                print("    seed:", self.complaints[()])
                continue
            for _ in range(2):
                self.grow(self.body, self.schema, ())
            yield copy.deepcopy(self.body)
        for seed in seeds:
            tried: set[Path] = set()
            for path in sorted(self.paths() - self.written):
                if path in self.written or any(path[:length] in tried for length in range(len(path))):
                    continue
                self.begin(seed)
                if self.led(self.body, self.schema, path, ()):
                    yield copy.deepcopy(self.body)
                else:
                    tried.add(path)

    def led(self, holder: Any, schema: Any, rest: Path, path: Path) -> bool:
        """One field that nothing else stands beside, and then what goes into it."""
        name = rest[0]
        if name == "[]":
            return bool(holder) and self.led(holder[-1], self.types.items(schema), rest[1:], (*path, name))
        inner, here = self.types.field(schema, name), (*path, name)
        if name in holder and len(rest) > 1:
            if self.led(holder[name], inner, rest[1:], here):
                return True
            if not isinstance(holder[name], dict) or here == ("metadata",):
                return False
        done = self.put(holder, name, inner, here) if len(rest) == 1 else self.only(holder, name, inner, rest[1:], here)
        if done:
            self.descend(holder[name], inner, here)
        return done

    def only(self, holder: Any, name: str, schema: Any, rest: Path, path: Path) -> bool:
        """A struct with what it must have and this one field."""
        before, had = copy.deepcopy(holder.get(name)), name in holder
        for value in self.chains(schema, rest, path):
            holder[name] = value
            if self.taken():
                self.mark(value, schema, path)
                return True
        if had:
            holder[name] = before
        else:
            del holder[name]
        return False

    def chains(self, schema: Any, rest: Path, path: Path) -> Iterator[Any]:
        if not rest:
            yield from self.values(schema, path)
            return
        if rest[0] == "[]":
            yield from ([each] for each in self.chains(self.types.items(schema), rest[1:], (*path, "[]")))
            return
        least = {
            name: self.made(self.types.field(schema, name), (*path, name), False, 1)
            for name in schema.get("required", ())
            if schema.get("properties")
        }
        for begun in ({}, *(start for start in STARTS.get(path[-1], ()) if isinstance(start, dict))):
            for value in self.chains(self.types.field(schema, rest[0]), rest[1:], (*path, rest[0])):
                yield {**least, **copy.deepcopy(begun), rest[0]: value}

    def grow(self, holder: dict[str, Any], schema: Any, path: Path) -> None:
        for name in schema.get("properties", {}):
            here = (*path, name)
            if passed_over(here):
                continue
            inner = self.types.field(schema, name)
            if name in holder or self.put(holder, name, inner, here):
                self.written.add(here)
                self.descend(holder[name], inner, here)

    def descend(self, value: Any, schema: Any, path: Path) -> None:
        if path[-1] in WHOLE or schema is None or self.elsewhere(schema):
            return
        if isinstance(value, dict) and schema.get("properties"):
            self.grow(value, schema, path)
        items = self.types.items(schema)
        if isinstance(value, list) and items and items.get("properties"):
            self.elements(value, items, (*path, "[]"), list_keys(schema))

    def elements(self, value: list[Any], items: Any, path: Path, keys: tuple[str, ...]) -> None:
        if not all(isinstance(each, dict) for each in value):
            return
        for each in list(value):
            self.grow(each, items, path)
        for name in items["properties"]:  # members of unions stand in an element of their own
            here = (*path, name)
            if here in self.written or passed_over(here):
                continue
            fresh = {key: self.fresh(items, key, value[0].get(key)) for key in (*items.get("required", ()), *keys)}
            value.append({key: each for key, each in fresh.items() if each is not None and key != name})
            if self.put(value[-1], name, self.types.field(items, name), here):
                self.written.add(here)
                self.descend(value[-1][name], self.types.field(items, name), here)
            else:
                value.pop()

    def fresh(self, items: Any, key: str, value: Any) -> Any:
        """A key like this one, and not this one."""
        self.number += 1
        if isinstance(value, str) and not self.types.field(items, key).get("enum"):
            return f"{value}{self.number}"
        return value + self.number if isinstance(value, int) and not isinstance(value, bool) else copy.deepcopy(value)

    def put(self, holder: dict[str, Any], name: str, schema: Any, path: Path) -> bool:
        """Write a field with some value that the server takes."""
        before = copy.deepcopy(holder.get(name)), name in holder
        for value in self.values(schema, path):
            holder[name] = value
            if self.taken():
                self.mark(value, schema, path)
                return True
            self.complaints[path] = str(self.answer.get("message") if isinstance(self.answer, dict) else self.answer)[
                :300
            ]
        for value in self.advised(schema):
            holder[name] = value
            if self.taken():
                self.mark(value, schema, path)
                return True
        if before[1]:
            holder[name] = before[0]
        else:
            del holder[name]
        return False

    def mark(self, value: Any, schema: Any, path: Path) -> None:
        """All that this value writes."""
        self.written.add(path)
        if path[-1] in WHOLE or schema is None:
            return
        if isinstance(value, dict) and schema.get("properties"):
            for name, inner in value.items():
                self.mark(inner, self.types.field(schema, name), (*path, name))
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, dict):
                    for name, inner in each.items():
                        self.mark(inner, self.types.field(self.types.items(schema), name), (*path, "[]", name))

    def advised(self, schema: Any) -> list[Any]:
        """What the last complaint says would be taken."""
        message = self.answer.get("message", "") if isinstance(self.answer, dict) else ""
        if schema is None or schema.get("type") != "string" or "supported values:" not in message:
            return []
        return re.findall(r'"([^"]*)"', message.partition("supported values:")[2])

    # --- values -------------------------------------------------------------------------------------------------------------

    def values(self, schema: Any, path: Path) -> Iterator[Any]:
        if schema is None:
            return
        if path[-1] in WHOLE:
            yield copy.deepcopy(WHOLE[path[-1]])
            return
        for start in STARTS.get(path[-1], ()):
            if isinstance(start, list) == (schema.get("type") == "array"):
                yield copy.deepcopy(start)
        if schema.get("type") == "array" or schema.get("properties") or is_map(schema):
            for everything in (True, False):
                value = self.made(schema, path, everything, 0)
                yield value
            if schema.get("type") == "array" and not (self.types.items(schema) or {}).get("properties"):
                for each in self.choices(self.types.items(schema) or {}, path)[1:8]:
                    yield [each]
            if is_map(schema):
                for each in self.choices(self.types.field(schema, "x") or {}, path)[1:8]:
                    yield {"app": each}
            return
        yield from self.choices(schema, path)[:16]

    def made(self, schema: Any, path: Path, everything: bool, depth: int) -> Any:
        """A value: with all fields, or with those only that it must have."""
        if path[-1] in WHOLE:
            return copy.deepcopy(WHOLE[path[-1]])
        if schema.get("type") == "array":
            return [self.made(self.types.items(schema), (*path, "[]"), everything, depth + 1)]
        for start in STARTS.get(path[-1], ()):
            if isinstance(start, list) == (schema.get("type") == "array"):
                return copy.deepcopy(start)
        if schema.get("properties"):
            names = [
                name
                for name in schema["properties"]
                if name in schema.get("required", ()) or (everything and depth < 5 and not passed_over((*path, name)))
            ]
            return {
                name: self.made(self.types.field(schema, name), (*path, name), everything, depth + 1) for name in names
            }
        if is_map(schema):
            return {
                "app": self.made(
                    self.types.field(schema, "x") or {"type": "string"}, (*path, "{}"), everything, depth + 1
                )
            }
        return self.choices(schema, path)[0]

    def choices(self, schema: Any, path: Path) -> list[Any]:
        self.number += 1
        found = self._choices(schema, [name for name in path if name not in ("[]", "{}")][-1])
        return [each.replace("#", str(self.number)) if isinstance(each, str) else each for each in found]

    def _choices(self, schema: Any, name: str) -> list[Any]:
        if schema.get("enum"):
            return list(schema["enum"])
        if schema.get("named") == QUANTITY:
            return ["1", "1Gi", "100m", "0"]
        if schema.get("format") == "int-or-string":
            return [1, "50%", "http", 8080, 0]
        if schema.get("type") == "boolean":
            return [True, False]
        if schema.get("type") in ("integer", "number"):
            return [1, 8080, 30, 0, 100, 3600, 1000, 30001, 2, 10, 256]
        if name in ("caBundle", "trustBundle") and schema.get("format") == "byte":
            return [certificate(), ""]
        if schema.get("format") == "byte":
            return ["aGVsbG8=", ""]
        if schema.get("format") == "date-time":
            return ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000Z"]
        if schema.get("type") == "object" or "type" not in schema:
            return [{}, {"a": "b"}, "x", 1]
        rest = ["x#", "x", "example.org/x", "/x", "10.0.0.1", "1", "0 1 * * *", "true", ".x", "X", "", "a.example.org"]
        return [*TEXTS.get(name, ()), *rest]

    def kept(self, body: dict[str, Any]) -> dict[str, Any]:
        """What the server keeps of a body: features that are off, and what it knows better, are refused in silence."""
        for _ in range(4):
            self.body = copy.deepcopy(body)
            if not self.taken():
                return {}
            if not _prune(body, self.answer, True):
                return body
        return {}

    # --- what there is -------------------------------------------------------------------------------------------------------

    def paths(self) -> set[Path]:
        """Every field of the kind that people write."""
        return set(self._paths(self.schema, ()))

    def _paths(self, schema: Any, path: Path) -> Iterator[Path]:
        for name in schema.get("properties", {}):
            here = (*path, name)
            if passed_over(here):
                continue
            yield here
            inner = self.types.field(schema, name)
            while inner is not None and inner.get("type") == "array":
                inner = self.types.items(inner)
                here = (*here, "[]")
            if inner is not None and inner.get("properties") and name not in WHOLE and not self.elsewhere(inner):
                yield from self._paths(inner, here)

    def elsewhere(self, schema: Any) -> bool:
        """Whether the fields of this type are worked out in another kind: what a Pod is made of is one type everywhere."""
        return self.kind != "Pod" and schema.get("named") == "io.k8s.api.core.v1.PodSpec"


def _prune(body: Any, answer: Any, top: bool = False) -> bool:
    """Take out what the answer has not, or has otherwise where it is a text that nobody spells in two ways."""
    changed = False
    if isinstance(body, dict) and isinstance(answer, dict):
        for name, value in list(body.items()):
            if top and name in ("apiVersion", "kind"):
                continue
            if value in (None, "", 0, False) or value == [] or value == {}:
                continue
            gone = name not in answer and name != "stringData"
            if gone or (name in _ITS_OWN and value != answer[name]):
                del body[name]
                changed = True
            elif name in answer:
                changed |= _prune(value, answer[name])
    elif isinstance(body, list) and isinstance(answer, list) and len(body) <= len(answer):  # admission appends
        for one, other in zip(list(body), answer, strict=False):
            was = bool(one)
            changed |= _prune(one, other)
            if was and one == {}:
                body[:] = [each for each in body if each is not one]
    return changed


_ITS_OWN = frozenset({"username", "groups", "uid", "extra", "timeAdded", "kind"})
"""Fields in which the server writes who asks, and when."""


def _paths_in(body: Any, path: Path = ()) -> set[Path]:
    found: set[Path] = set()
    if isinstance(body, dict):
        for name, value in body.items():
            found |= {(*path, name)} | _paths_in(value, (*path, name))
    elif isinstance(body, list):
        for each in body:
            found |= _paths_in(each, (*path, "[]"))
    return found


def _template(body: dict[str, Any]) -> dict[str, Any] | None:
    """The Pod template of a seed."""
    for name in ("spec", "jobTemplate", "spec", "template"):
        if isinstance(body.get("template"), dict):
            break
        if isinstance(body.get(name), dict):
            body = body[name]
    found = body.get("template")
    return found if isinstance(found, dict) and "spec" in found else None


def passed_over(path: Path) -> bool:
    """The server's own fields, and schemas within schemas within schemas."""
    if path == ("spec", "ephemeralContainers"):  # only ever written through a subresource
        return True
    if path[0] in ("apiVersion", "kind", "status") or (path[-2:-1] == ("metadata",) and path[-1] in SERVERS):
        return True
    names = ("properties", "not", "items", "allOf", "anyOf", "oneOf", "additionalProperties", "additionalItems")
    return (
        sum(path.count(name) for name in (*names, "definitions", "patternProperties", "dependencies")) > 1
        and "openAPIV3Schema" in path
    )


def kinds(wire: Wire) -> Iterator[tuple[str, str, bool]]:
    """(apiVersion, kind, whether it is namespaced) of all that can be made and listed, in every version."""
    groups = [("v1", "/api/v1")]
    _, found = wire.call("GET", "/apis")
    for group in found["groups"]:
        groups += [(each["groupVersion"], f"/apis/{each['groupVersion']}") for each in group["versions"]]
    for version, url in groups:
        for each in wire.call("GET", url)[1]["resources"]:
            if "/" not in each["name"] and {"create", "list"} <= set(each["verbs"]) and "example.org" not in version:
                yield version, each["kind"], each["namespaced"]


def main() -> int:
    from tests.controlplane.plane import attach

    plane = attach(File(os.environ["CONTROLPLANE"]))
    wire = Wire(plane)
    namespace = "everything"
    wire.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    _, openapi = wire.call("GET", "/openapi/v2")
    types = Types(openapi["definitions"])
    out: list[dict[str, Any]] = []
    counts = {}
    known: dict[str, list[Any]] = {}
    for version, kind, namespaced in sorted(kinds(wire), key=lambda each: each[1] != "Pod"):
        if sys.argv[1:] and kind not in sys.argv[1:]:
            continue
        search = Search(wire, types, version, kind, namespace if namespaced else None, known)
        paths, bodies = search.paths(), [search.kept(body) for body in search.found()]
        bodies = [body for body in bodies if body]
        refused = paths - set().union(*(_paths_in(body) for body in bodies))
        if kind == "Pod":
            known["io.k8s.api.core.v1.PodSpec"] = [body["spec"] for body in bodies]
        for body in bodies:
            body["metadata"].pop("namespace", None)
        out += bodies
        counts[f"{version}/{kind}"] = {"fields": len(paths), "refused": sorted(".".join(each) for each in refused)}
        print(
            f"{version} {kind}: {len(paths)} fields, {len(refused)} refused, {len(bodies)} bodies, {search.requests} requests",
            flush=True,
        )
        for path in sorted(refused):
            print("   ", ".".join(path), "|", search.complaints.get(path, search.complaints.get((), ""))[:250])
    if sys.argv[1:]:  # the others stay as they are
        before = json.loads(FOUND.read_text())
        out = [*(body for body in before["bodies"] if body["kind"] not in sys.argv[1:]), *out]
        counts = {**before["kinds"], **counts}
    if out:
        found = {"kubernetes": wire.call("GET", "/version")[1]["gitVersion"], "kinds": counts, "bodies": out}
        FOUND.write_text(json.dumps(found, separators=(",", ":"), sort_keys=True) + "\n")
    wire.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
