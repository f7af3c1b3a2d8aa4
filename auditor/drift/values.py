"""Single values of the two sides: whether they are there at all, and whether they are the same. Pure.

Absent is: not written, null, an empty list, an empty map, an empty struct, and a zero that the server cannot tell from
absence. What remains is compared as the type says: amounts as amounts, ports as text, whole floats as integers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeGuard

from auditor.kube.paths import text_of
from auditor.kube.quantities import parse, same
from auditor.kube.schema import Node, child_of
from auditor.model import Sealed


class Missing(Enum):
    """Stands for a value that is not written."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING

MEANINGFUL: Final = frozenset(
    {"emptyDir", "podSelector", "namespaceSelector", "objectSelector", "selector", "scaleUp", "scaleDown"}
)
"""Fields whose empty struct says something, in kinds whose type is not known. For the others the type tells."""


# What kubectl reads as true or false, and Kustomize as a text. In a field for texts only the second can have been applied,
# so git and live agree where live has such a text. https://yaml.org/type/bool.html
_SPELLINGS: Final = {
    truth: frozenset(spelling for word in words.split() for spelling in (word, word.title(), word.upper()))
    for truth, words in ((True, "y yes on true"), (False, "n no off false"))
}


SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def is_map(value: Any) -> TypeGuard[Mapping[str, Any]]:
    kind = type(value)  # isinstance against an ABC is slow, and most values are scalars
    return kind is dict or (kind not in SCALARS and kind is not list and isinstance(value, Mapping))


def is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    kind = type(value)
    return kind is list or kind is tuple


def absent(parent: Node | None, name: str, value: Any) -> bool:
    """Whether this value of field `name` of a struct (or of an entry of a map) says nothing.

    Zero values: a field that is no pointer in Kubernetes' Go types is left out by the server when it is zero
    (https://pkg.go.dev/encoding/json, `omitempty`), so there false and absence are one; a pointer keeps them apart.
    """
    if value is None or value is MISSING:
        return True
    if value and value != "0" and type(value) in SCALARS:
        return False
    known = parent is not None and parent.kind == "object"
    if is_list(value):
        return not value
    if is_map(value):
        child = child_of(parent, name, value)
        if not _says_nothing(child, value):
            return False
        if parent is not None and known:
            return not parent.keeps_zero(name) or (child is not None and child.kind == "map")
        return name not in MEANINGFUL
    if parent is None or not known or parent.keeps_zero(name):
        return False
    child = parent.child(name)
    return child is not None and is_zero(value, child)


def _says_nothing(node: Node | None, value: Mapping[str, Any]) -> bool:
    if node is not None and node.kind == "map":
        return not value
    return all(absent(node, name, inner) for name, inner in value.items())


def is_zero(value: Any, node: Node) -> bool:
    """Whether this is the value that Go gives a field of this type where nothing, or null, was written."""
    kind = node.kind
    if kind == "boolean":
        return value is False
    if kind == "string":
        return bool(value == "")
    if kind == "quantity":
        return value in ("0", 0)
    return kind in ("integer", "number", "int-or-string") and type(value) in (int, float) and value == 0


def same_value(a: Any, b: Any, node: Node | None = None, *, amount: bool = False, exact: bool = False) -> bool | None:
    """Whether two values are one, where neither is a struct of its own type; None where that cannot be known.

    `amount`: compare as quantities although no type says so. `exact`: amounts are not rounded to milli here.
    """
    if isinstance(a, Sealed) or isinstance(b, Sealed):
        return _same_sealed(a, b)
    if is_map(a) and is_map(b):
        return a.keys() == b.keys() and all(same_value(a[key], b[key]) for key in a)
    if is_list(a) and is_list(b):
        items = node.items if node is not None and node.kind == "list" else None
        return len(a) == len(b) and all(same_value(x, y, items) for x, y in zip(a, b, strict=True))
    if type(a) is type(b) and a == b:
        return True
    if a is None and node is not None:
        return is_zero(b, node)
    kind = node.kind if node is not None else "quantity" if amount else "any"
    if kind == "quantity":
        return _same_amount(a, b, exact)
    if kind == "int-or-string":
        return _is_scalar(a) and _is_scalar(b) and text_of(_whole(a)) == text_of(_whole(b))
    if type(a) in (int, float) and type(b) in (int, float):
        return bool(a == b)
    if kind == "string" and isinstance(a, bool) and isinstance(b, str):
        return b in _SPELLINGS[a]
    return False


def _same_sealed(a: Any, b: Any) -> bool | None:
    if isinstance(a, Sealed) and isinstance(b, Sealed):
        return a.same_as(b)
    sealed, other = (a, b) if isinstance(a, Sealed) else (b, a)
    if other is None or other == "":
        return "empty" in sealed.facts
    return None  # one side was sealed and the other was not: nothing can be said


def _same_amount(a: Any, b: Any, exact: bool) -> bool:
    if isinstance(a, bool) or isinstance(b, bool) or not _is_scalar(a) or not _is_scalar(b):
        return False
    if not exact:
        return same(a, b)
    try:
        return parse(a) == parse(b)
    except ValueError:
        return False


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
