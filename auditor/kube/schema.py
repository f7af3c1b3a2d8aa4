"""The types of Kubernetes' own kinds: a group, version and kind in, a `Node` to walk down a body with out.

The table `data/schema.json` is generated from one Kubernetes version's OpenAPI and Go types (`tests/generate/schema.py`)
and shipped, so list keys, and with them every path and fingerprint, do not depend on the cluster at hand. It is read on
first use (about 2 ms) and unfolded where it is walked. Kinds it does not have are compared by structure: their node is None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

_DATA: Final = Path(__file__).parent / "data" / "schema.json"
_LETTERS: Final = {
    "s": "string",
    "i": "integer",
    "n": "number",
    "b": "boolean",
    "q": "quantity",
    "x": "int-or-string",
    "a": "any",
}


class Node:
    """The type of one value. Equal types of one definition are one object: compare with `is`.

    `kind`: object, map, list, string, integer, number, boolean, quantity, int-or-string or any.
    `name`: of an object's definition ("core.v1.Container"), else "".
    `items`: the type of a list's elements or of a map's values.
    `list_type`: map, set or atomic for a list; `list_keys`: the fields that tell the elements of a "map" list apart.
    `atomic`: a map or an object that is written as a whole and owned as a whole.
    `required`: fields an object must have.
    """

    __slots__ = ("_children", "_definition", "atomic", "items", "kind", "list_keys", "list_type", "name", "required")

    kind: str
    name: str
    atomic: bool
    items: Node | None
    list_type: str | None
    list_keys: tuple[str, ...]
    required: tuple[str, ...]

    def __init__(self, kind: str, *, definition: Mapping[str, Any] | None = None, atomic: bool = False) -> None:
        self.kind, self.atomic = kind, atomic
        self._definition: Mapping[str, Any] = definition or {}
        self._children: dict[str, Node | None] = {}
        self.name = self._definition.get("n", "")
        self.required = tuple(self._definition.get("r", ()))
        self.items, self.list_type, self.list_keys = None, None, ()

    def child(self, name: str) -> Node | None:
        """The type of a field of an object, or of a value of a map; None where the type has no such field."""
        if self.kind == "map":
            return self.items
        try:
            return self._children[name]
        except KeyError:
            spec = self._definition.get("f", {}).get(name)
            found = self._children[name] = None if spec is None else _node(spec)
            return found

    def fields(self) -> tuple[str, ...]:
        """The fields of an object, by name."""
        return tuple(self._definition.get("f", ()))

    def keeps_zero(self, name: str) -> bool:
        """Whether false, 0, "" or {} in this field is a value: the server keeps it apart from absence.

        A field that is no pointer in Kubernetes' Go types cannot (`hostNetwork: false`); one that is can
        (`allowPrivilegeEscalation: false`).
        """
        return name in self._definition.get("p", ())

    def defaults(self, name: str) -> tuple[Any, ...]:
        """What the server may put into this field where it was not written; {} where it makes the struct itself."""
        return tuple(self._definition.get("d", {}).get(name, ()))

    def __repr__(self) -> str:
        return f"<{self.name or self.kind}>"


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = orjson.loads(_DATA.read_bytes())
    return table


@cache
def _scalar(letter: str) -> Node:
    return Node(_LETTERS[letter])


@cache
def _definition(number: int, atomic: bool) -> Node:
    return Node("object", definition=_table()["definitions"][number], atomic=atomic)


def _node(spec: Any) -> Node:
    if isinstance(spec, str):
        return _scalar(spec)
    if isinstance(spec, int):
        return _definition(spec, False)
    form, inner, *rest = spec
    if form == "A":
        return _definition(inner, True)
    made = Node("list" if form == "l" else "map", atomic=form == "M")
    made.items = _node(inner)
    if form == "l":
        made.list_type, made.list_keys = rest[0], tuple(rest[1:])
    return made


def kubernetes_version() -> str:
    """The version the table was generated from, such as "v1.36.3"."""
    version: str = _table()["kubernetes"]
    return version


@cache
def node(group: str, version: str | None, kind: str) -> Node | None:
    """The type of a kind; None for kinds that Kubernetes itself does not serve.

    Without a version, or with one that is not in the table (an old beta), the version a server prefers.
    """
    versions = _table()["kinds"].get(f"{group}/{kind}")
    if versions is None:
        return None
    return _definition(next((number for known, number in versions if known == version), versions[0][1]), False)


@cache
def anything() -> Node:
    """The type of a value that nothing is known of."""
    return _scalar("a")


@cache
def custom() -> Node:
    """The type of a kind that is not in the table: its metadata is known, and of the rest only where it is usually written."""
    known = node("", "v1", "ConfigMap")
    assert known is not None, "the shipped table has ConfigMaps"
    fields = {name: known._definition["f"][name] for name in ("apiVersion", "kind", "metadata")}
    usual = ("spec", "status", "data", "items", "rules", "parameters", "template", "sops")
    return Node("object", definition={"f": {**fields, **dict.fromkeys(usual, "a")}})


def node_of(group: str, kind: str, body: Mapping[str, Any]) -> Node | None:
    """The type of a body, by the version it names itself."""
    version = body.get("apiVersion")
    return node(group, version.rpartition("/")[2] if isinstance(version, str) else None, kind)


@cache
def template_node() -> Node:
    """The type of a Pod template."""
    deployment = node("apps", "v1", "Deployment")
    spec = deployment and deployment.child("spec")
    template = spec and spec.child("template")
    assert template is not None, "the shipped table has Deployments"
    return template


def child_of(parent: Node | None, name: str, value: Any) -> Node | None:
    """The type of field `name`, whose value is at hand, below `parent` (None: structure alone).

    Custom resources embed Pod templates (Argo Rollouts, Knative): a `template` with `spec.containers` is walked as one.
    """
    if parent is not None and parent.kind in ("object", "map"):
        return parent.child(name)
    if name == "template" and isinstance(value, Mapping):
        spec = value.get("spec")
        if isinstance(spec, Mapping) and isinstance(spec.get("containers"), list | tuple):
            return template_node()
    return None


def key_of(items: Node | None, keys: tuple[str, ...], element: Any) -> tuple[tuple[str, Any], ...] | None:
    """The key of one element of a keyed list, with the server's default where a part is not written (`protocol: TCP`).

    None where a part is missing or is no scalar.
    """
    if not isinstance(element, Mapping):
        return None
    parts = []
    for name in keys:
        value = element.get(name)
        if value is None and items is not None:
            value = next(iter(items.defaults(name)), None)
        if value is None or isinstance(value, Mapping | list | tuple):
            return None
        parts.append((name, value))
    return tuple(parts)


def keys_of(node: Node, elements: Sequence[Any]) -> tuple[tuple[tuple[str, Any], ...], ...] | None:
    """The keys of all elements of a keyed list; None where one has none or two have the same: positions must do then."""
    if not node.list_keys:
        return None
    found = []
    for element in elements:
        key = key_of(node.items, node.list_keys, element)
        if key is None:
            return None
        found.append(key)
    return tuple(found) if len(set(found)) == len(found) else None
