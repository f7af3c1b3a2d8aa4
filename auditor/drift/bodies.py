"""One value out of a body by its keyed path: how the same place is found in another body (last applied, an earlier commit).

Positions differ between bodies; keys do not.
"""

from __future__ import annotations

from typing import Any

from auditor.drift.values import MISSING, is_list, is_map
from auditor.kube.paths import Element, Member, Order, Step, element, text_of
from auditor.kube.schema import Node, child_of, key_of


def value_at(body: Any, steps: tuple[Step, ...], node: Node | None) -> Any:
    """The value at the path, or MISSING. For the order of a list: the first keys of its elements, in order."""
    value = body
    for step in steps:
        if isinstance(step, str):
            if not is_map(value) or step not in value:
                return MISSING
            node, value = child_of(node, step, value[step]), value[step]
            continue
        if not is_list(value):
            return MISSING
        items = node.items if node is not None and node.kind == "list" else None
        keys = node.list_keys if node is not None else ()
        if isinstance(step, int):
            value = value[step] if step < len(value) else MISSING
        elif isinstance(step, Element):
            value = next(
                (each for each in value if (key := key_of(items, keys, each)) and element(key) == step), MISSING
            )
        elif isinstance(step, Member):
            value = next((each for each in value if not is_map(each) and text_of(each) == step.value), MISSING)
        elif isinstance(step, Order):
            value = [text_of(key[0][1]) for each in value if (key := key_of(items, keys, each))]
        if value is MISSING:
            return MISSING
        node = items
    return value
