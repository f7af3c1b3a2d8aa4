"""What must be told of an edit: git's manifest and the live object before and after in, paths with values and owners out.

Knows the types that the server publishes, and nothing of the product but how a path is written down. Before the edit
nothing had drifted, so what the edit changed is what must be told: at its path where git declares it, else at the first step
that git does not have, and there only if managedFields say that the hand owns it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from auditor.kube.paths import Element, Member, Order, Step
from tests.drift.edits.types import Types, is_map, is_set, list_keys

NOTHING = object()
# Lists in which order means nothing, though the API writes them as a whole: unions, and sets of words.
ORDERLESS = {
    *("rules", "subjects", "verbs", "resources", "apiGroups", "nonResourceURLs", "resourceNames", "subsets"),
    *("metrics", "tolerations", "accessModes", "drop", "add", "externalIPs", "loadBalancerSourceRanges", "operations"),
    *(
        "ingress",
        "egress",
        "from",
        "to",
        "policyTypes",
        "values",
        "apiVersions",
        "addresses",
        "notReadyAddresses",
        "ports",
    ),
}


@dataclass(frozen=True)
class Told:
    """`change`: the kinds it may be called. `owned`: the path as managedFields writes it."""

    change: tuple[str, ...]
    steps: tuple[Step, ...]
    owned: tuple[str, ...]
    live: Any


@dataclass(frozen=True)
class At:
    steps: tuple[Step, ...] = ()
    owned: tuple[str, ...] = ()
    name: str = ""

    def field(self, name: str) -> At:
        return At((*self.steps, name), (*self.owned, f"f:{name}"), name)

    def element(self, step: Step, owned: str) -> At:
        return At((*self.steps, step), (*self.owned, owned), self.name)


def comparable(body: dict[str, Any]) -> dict[str, Any]:
    """The parts that people write."""
    kept = {name: value for name, value in body.items() if name not in ("apiVersion", "kind", "status", "metadata")}
    about = {
        name: body["metadata"][name]
        for name in ("labels", "annotations", "finalizers", "ownerReferences")
        if body.get("metadata", {}).get(name)
    }
    notes = {
        key: value
        for key, value in (about.get("annotations") or {}).items()
        if not key.startswith(
            ("kubectl.kubernetes.io/last-applied", "deployment.kubernetes.io/", "deprecated.daemonset")
        )
    }
    return kept | {"metadata": about | {"annotations": notes} if "annotations" in about else about}


def expected(git: dict[str, Any], before: dict[str, Any], after: dict[str, Any], types: Types) -> list[Told]:
    """All that may be told; whoever asks keeps of what git does not declare only what the hand owns."""
    wanted = comparable(git)
    if git["kind"] == "Secret":
        wanted["data"] = {**(wanted.get("data") or {}), **(wanted.pop("stringData", None) or {})}
    root = types.of(after)
    if after["kind"] == "ClusterRole" and after.get("aggregationRule"):
        before, after = ({**side, "rules": None} for side in (before, after))  # the control plane fills them in
    found = list(_struct(wanted, comparable(before), comparable(after), root, At(), types))
    if after["kind"] == "Pod":  # whose list admission adds to: it may be told as a whole
        found = list({told.steps: told for told in map(_tolerations(after), found)}.values())
    return [told for told in found if told.steps[-1] != "creationTimestamp"]


def _tolerations(pod: dict[str, Any]) -> Callable[[Told], Told]:
    path = ("spec", "tolerations")
    live = pod["spec"].get("tolerations")

    def whole(told: Told) -> Told:
        if told.steps[:2] != path:
            return told
        change = told.change if told.change == ("added", "removed-in-git") else (*told.change, "changed")
        return Told(change, path, told.owned[:2], live)

    return whole


def _struct(git: Any, before: Any, after: Any, schema: Any, at: At, types: Types) -> Iterator[Told]:
    for name in {**before, **after}:
        yield from _value(
            git.get(name, NOTHING) if isinstance(git, dict) else NOTHING,
            before.get(name, NOTHING),
            after.get(name, NOTHING),
            types.field(schema, name),
            at.field(name),
            types,
        )


def _value(git: Any, before: Any, after: Any, schema: Any, at: At, types: Types) -> Iterator[Told]:
    before, after = (NOTHING if side is None else side for side in (before, after))
    if before == after and type(before) is type(after):
        return
    declared = git is not NOTHING and git is not None and git != []
    if after is NOTHING:
        if declared and not (schema is None and git in ({}, "", False, 0)):  # of no type, an empty value says nothing
            yield from _whole("missing", git, schema, at, types)
        return
    if not declared:
        if at.name in ORDERLESS and isinstance(before, list) and sorted(map(repr, before)) == sorted(map(repr, after)):
            return
        known = before if before is not NOTHING else ([] if isinstance(after, list) else {})
        if is_map(schema, at.name) and isinstance(known, dict) and isinstance(after, dict):
            for key, value in after.items():
                if known.get(key, NOTHING) != value:
                    yield Told(("added", "removed-in-git"), at.field(key).steps, at.field(key).owned, value)
        elif isinstance(after, list) and isinstance(known, list) and (list_keys(schema) or is_set(schema)):
            yield from _list([], known, after, schema, at, types)
        else:
            yield Told(("added", "removed-in-git"), at.steps, at.owned, after)
        return
    if before is NOTHING:
        if isinstance(git, dict) and isinstance(after, dict):
            yield from _struct(git, {}, after, schema, at, types)
        else:
            yield Told(("changed",), at.steps, at.owned, after)  # git wrote a zero that the server keeps as nothing
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _struct(git, before, after, schema, at, types)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list(git, before, after, schema, at, types)
    else:
        yield Told(("changed",), at.steps, at.owned, after)


def _whole(change: str, value: Any, schema: Any, at: At, types: Types) -> Iterator[Told]:
    """All of what git has at a place: maps by key, keyed lists and sets by element."""
    if is_map(schema, at.name) and isinstance(value, dict):
        for key, inner in value.items():
            if inner is not None:
                yield Told((change,), at.field(key).steps, at.field(key).owned, None)
    elif isinstance(value, list) and (keys := list_keys(schema)):
        for each in value:
            step, owned = _key(each, keys)
            yield Told((change,), at.element(step, owned).steps, at.element(step, owned).owned, None)
    elif isinstance(value, list) and is_set(schema):
        for each in value:
            yield Told((change,), at.element(Member(str(each)), "v:").steps, at.owned, None)
    else:
        yield Told((change,), at.steps, at.owned, None)


def _key(element: dict[str, Any], keys: tuple[str, ...]) -> tuple[Element, str]:
    values = {key: element.get(key, "TCP" if key == "protocol" else "") for key in keys}
    text = json.dumps(dict(sorted(values.items())), separators=(",", ":"))
    return Element(tuple((key, str(value)) for key, value in values.items())), f"k:{text}"


def _list(git: Any, before: list[Any], after: list[Any], schema: Any, at: At, types: Types) -> Iterator[Told]:
    keys = list_keys(schema)
    if keys and all(isinstance(each, dict) for each in (*before, *after)):
        yield from _keyed(git, before, after, keys, schema, at, types)
        return
    if is_set(schema):
        for each in git or ():
            if each in before and each not in after:
                yield Told(("missing",), at.element(Member(str(each)), "").steps, at.owned, None)
        for each in after:
            if each not in before:
                here = at.element(Member(str(each)), f"v:{json.dumps(each)}")
                yield Told(("added", "removed-in-git"), here.steps, here.owned, each)
        return
    if at.name in ORDERLESS and sorted(map(repr, before)) == sorted(map(repr, after)):
        return
    objects = [each for each in (*before, *after) if isinstance(each, dict | list)]
    if not objects or len(before) != len(after):
        if objects or at.name not in ORDERLESS or set(map(repr, before)) != set(map(repr, after)):
            yield Told(("changed",), at.steps, at.owned, after)
        return
    for position, (one, other) in enumerate(zip(before, after, strict=True)):
        wanted = git[position] if position < len(git) else NOTHING
        here = At((*at.steps, position), at.owned, at.name)
        for each in _value(wanted, one, other, types.items(schema), here, types):
            yield Told(("changed", *each.change), each.steps, at.owned, each.live)


def _keyed(git: Any, before: Any, after: Any, keys: Any, schema: Any, at: At, types: Types) -> Iterator[Told]:
    wanted = {_key(each, keys)[0]: each for each in git or ()}
    old = {_key(each, keys)[0]: each for each in before}
    new = {_key(each, keys)[0]: each for each in after}
    for step, each in {**old, **new}.items():
        here = at.element(step, _key(each, keys)[1])
        if step not in new:
            if step in wanted:
                yield Told(("missing",), here.steps, here.owned, None)
        elif step not in old and step not in wanted:
            yield Told(("added", "removed-in-git"), here.steps, here.owned, new[step])
        elif step not in wanted:
            if old[step] != new[step]:
                yield Told(("added", "removed-in-git"), here.steps, here.owned, new[step])
        else:
            yield from _struct(wanted[step], old.get(step, {}), new[step], types.items(schema), here, types)
    refers = any("$(" in str(each.get("value")) for each in (*before, *after))
    ordered = at.name == "initContainers" or (at.name == "env" and refers)
    if ordered and [step for step in wanted if step in new] != [step for step in new if step in wanted]:
        yield Told(("changed",), (*at.steps, Order()), at.owned, NOTHING)


# --- who -------------------------------------------------------------------------------------------------------------------


def owners(managed: list[dict[str, Any]], owned: tuple[str, ...]) -> list[dict[str, Any]]:
    """The entries that hold a path: itself, something below, or a leaf above that stands for all of it."""
    return [entry for entry in managed if _holds(entry.get("fieldsV1") or {}, owned)]


def _holds(fields: dict[str, Any], owned: tuple[str, ...]) -> bool:
    at = fields
    for depth, step in enumerate(owned):
        if depth and not at:
            return True
        found = next((name for name in at if name == step or _same_key(name, step)), None)
        if found is None:
            return False
        at = at[found]
    return True


def _same_key(name: str, step: str) -> bool:
    if name[:2] != "k:" or step[:2] != "k:":
        return False
    left, right = ({key: str(value) for key, value in json.loads(text[2:]).items()} for text in (name, step))
    return left == right
