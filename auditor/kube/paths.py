"""Paths as a person would type them: raw positions in a body in, `spec.containers[name=web].env[name=A].value` out, and back.

List elements are named by the keys of the shipped table (`kube.schema`), so that a path, and the fingerprint made of it,
stays the same when another element is put in front. A position stands only where the schema has no key, or where keys are
missing or repeated.

    metadata.annotations["a.b/c"]              a key that a dot, slash or bracket would break
    ports[containerPort=53,protocol=UDP]       a list keyed by several fields
    rules[0].verbs                             a list without keys
    metadata.finalizers[=a/b]                  a member of a set
    env(order)                                 the order of a list, alone
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import orjson

from auditor.kube import schema
from auditor.model import Body, RawPath


@dataclass(frozen=True, slots=True)
class Element:
    """The element of a keyed list: its key fields and their values as text, in the order of the schema."""

    keys: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a set."""

    value: str


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list, alone."""


Step: TypeAlias = str | int | Element | Member | Order
"""A field or map key, a position, an element, a set's member, or the order of a list."""

FieldStep: TypeAlias = tuple[str, Any]
"""One step of managedFields: ("f", field), ("k", {(key, text), …}), ("v", text) or ("i", position)."""

_BARE: Final = re.compile(r"[^\s.\[\]()\"/=,]+")
_PLAIN_VALUE: Final = re.compile(r"[^\s\[\]\",=\\](?:[^\[\]\",=\\\x00-\x1f]*[^\s\[\]\",=\\])?")
_NAMED: Final = re.compile(r"([^\[\]\",=]+)=")


def text_of(value: Any) -> str:
    """A scalar as a key shows it: true, 53, web."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _quoted(text: str) -> str:
    return orjson.dumps(text.encode("utf-8", "replace").decode()).decode()


def _value(text: str) -> str:
    return text if _PLAIN_VALUE.fullmatch(text) else _quoted(text)


def quote(key: str) -> str:
    """A map key as a piece of a path, without a dot before it: `app`, or `["a.b/c"]` where it needs that."""
    return key if _BARE.fullmatch(key) else f"[{_quoted(key)}]"


def append(path: str, step: Step) -> str:
    """The path one step further down."""
    if isinstance(step, str):
        piece = quote(step)
        return piece if not path else path + piece if piece[0] == "[" else f"{path}.{piece}"
    if isinstance(step, int):
        return f"{path}[{step}]"
    if isinstance(step, Element):
        return f"{path}[{','.join(f'{name}={_value(value)}' for name, value in step.keys)}]"
    if isinstance(step, Member):
        return f"{path}[={_value(step.value)}]"
    return f"{path}(order)"


def render(steps: tuple[Step, ...]) -> str:
    path = ""
    for step in steps:
        path = append(path, step)
    return path


def element(key: tuple[tuple[str, Any], ...]) -> Element:
    """The step for a key as `schema.key_of` gives it."""
    return Element(tuple((name, text_of(value)) for name, value in key))


def steps_of(group: str, kind: str, body: Body, path: RawPath) -> tuple[Step, ...]:
    """The steps of a raw path. Parts of it that the body does not have are taken as they are."""
    node = schema.node_of(group, kind, body)
    value: Any = body
    steps: list[Step] = []
    for part in path:
        if isinstance(part, int):
            is_list = isinstance(value, list | tuple)
            steps.append(_position(node, value if is_list else (), part))
            value = value[part] if is_list and -len(value) <= part < len(value) else None
            node = node.items if node is not None and node.kind == "list" else None
        else:
            steps.append(part)
            value = value.get(part) if isinstance(value, Mapping) else None
            node = schema.child_of(node, part, value)
    return tuple(steps)


def _position(node: schema.Node | None, elements: Sequence[Any], position: int) -> Step:
    if node is not None and node.kind == "list" and 0 <= position < len(elements):
        keys = schema.keys_of(node, elements)
        if keys is not None:
            return element(keys[position])
        if node.list_type == "set" and not isinstance(elements[position], Mapping | list | tuple):
            texts = [text_of(member) for member in elements]
            if len(set(texts)) == len(texts):
                return Member(texts[position])
    return position


def keyed(group: str, kind: str, body: Body, path: RawPath) -> str:
    """The path of a finding or a change, by keys instead of positions: what fingerprints and people use."""
    return render(steps_of(group, kind, body, path))


def parse(text: str) -> tuple[Step, ...]:
    """The steps of a written path; ValueError names the place where it cannot be read. The inverse of `render`."""
    steps: list[Step] = []
    at = 0
    while at < len(text):
        if text[at] == "[":
            step, at = _bracket(text, at + 1)
            steps.append(step)
        elif text.startswith("(order)", at) and at + 7 == len(text) and steps:
            steps.append(Order())
            at += 7
        else:
            if steps:
                if text[at] != ".":
                    raise _unreadable(text, at)
                at += 1
            found = _BARE.match(text, at)
            if found is None:
                raise _unreadable(text, at)
            steps.append(found[0])
            at = found.end()
    return tuple(steps)


def _unreadable(text: str, at: int) -> ValueError:
    return ValueError(f"cannot read the path {text!r} from character {at + 1} on")


def _bracket(text: str, at: int) -> tuple[Step, int]:
    """What stands in one pair of brackets that opened before `at`, and where the text goes on."""
    step: Step
    if text.startswith('"', at):
        step, at = _string(text, at)
    elif text.startswith("=", at):
        member, at = _key_value(text, at + 1)
        step = Member(member)
    elif (digits := re.compile(r"[0-9]+(?=\])").match(text, at)) is not None:
        step, at = int(digits[0]), digits.end()
    else:
        keys = []
        while True:
            name = _NAMED.match(text, at)
            if name is None:
                raise _unreadable(text, at)
            value, at = _key_value(text, name.end())
            keys.append((name[1], value))
            if not text.startswith(",", at):
                break
            at += 1
        step = Element(tuple(keys))
    if not text.startswith("]", at):
        raise _unreadable(text, at)
    return step, at + 1


def _key_value(text: str, at: int) -> tuple[str, int]:
    if text.startswith('"', at):
        return _string(text, at)
    found = _PLAIN_VALUE.match(text, at)
    if found is None:
        raise _unreadable(text, at)
    return found[0], found.end()


def _string(text: str, at: int) -> tuple[str, int]:
    found = re.compile(r'"(?:[^"\\]|\\.)*"').match(text, at)
    if found is None:
        raise _unreadable(text, at)
    try:
        value = orjson.loads(found[0])
    except orjson.JSONDecodeError as error:
        raise _unreadable(text, at) from error
    return str(value), found.end()


def field_step(step: Step) -> FieldStep | None:
    """A step as managedFields has it; None for an order, which nobody owns."""
    if isinstance(step, str):
        return ("f", step)
    if isinstance(step, int):
        return ("i", step)
    if isinstance(step, Element):
        return ("k", frozenset(step.keys))
    if isinstance(step, Member):
        return ("v", step.value)
    return None


def field_steps(path: str | tuple[Step, ...]) -> tuple[FieldStep, ...]:
    """A path as managedFields (FieldsV1) goes down to it. https://github.com/kubernetes-sigs/structured-merge-diff"""
    found = (field_step(step) for step in (parse(path) if isinstance(path, str) else path))
    return tuple(step for step in found if step is not None)


def read_field_step(key: str) -> FieldStep | None:
    """A key of FieldsV1 (`f:spec`, `k:{"name":"web"}`, `v:"x"`, `i:0`); None for "." and for what nobody can read.

    Never raises: other people's tools write these. Values are compared as text, as `1` and `"1"` are one key.
    """
    form, colon, rest = key.partition(":")
    if not colon:
        return None
    if form == "f":
        return ("f", rest)
    if form == "i":
        return ("i", int(rest)) if re.fullmatch(r"[0-9]{1,9}", rest, re.ASCII) else None
    if form not in ("k", "v"):
        return None
    try:
        value = orjson.loads(rest)
    except orjson.JSONDecodeError:
        return None
    if form == "v":
        return None if isinstance(value, dict | list) else ("v", text_of(value))
    if not isinstance(value, dict) or not value:
        return None
    return ("k", frozenset((name, text_of(part)) for name, part in value.items()))
