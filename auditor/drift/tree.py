"""Two bodies walked side by side, with their type in hand: every place where they say different things comes out. Pure.

Whether a difference counts, and whose it is, is not decided here. What the server would do to git's side (defaults, zero
values, another order of a keyed list) is no difference. Struct and element count as one; maps are told key by key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from auditor.drift.defaults import element_leaves, is_default, leaves
from auditor.drift.values import MISSING, SCALARS, absent, is_list, is_map, same_value
from auditor.kube.paths import Element, FieldStep, Member, Order, Step, element, field_step, text_of
from auditor.kube.schema import Node, child_of, key_of, keys_of
from auditor.model import RawPath

LONGEST_PAIRING: Final = 200
"""Elements of a list whose order means nothing are paired by trying; longer ones are compared by position."""

# Lists that the API calls atomic although their order (and repetition) means nothing: unions, and sets of words.
UNORDERED: Final = frozenset(
    {
        # https://kubernetes.io/docs/reference/access-authn-authz/rbac/: permissions are purely additive
        *(
            ("rbac.v1.PolicyRule", name)
            for name in ("apiGroups", "nonResourceURLs", "resourceNames", "resources", "verbs")
        ),
        *((f"rbac.v1.{kind}", "rules") for kind in ("ClusterRole", "Role")),
        *((f"rbac.v1.{kind}", "subjects") for kind in ("ClusterRoleBinding", "RoleBinding")),
        # converted through an annotation and back: https://github.com/kubernetes/kubernetes/issues/74099
        ("autoscaling.v2.HorizontalPodAutoscalerSpec", "metrics"),
        # the endpoints controller sorts them: pkg/api/v1/endpoints/util.go
        ("core.v1.Endpoints", "subsets"),
        *(("core.v1.EndpointSubset", name) for name in ("addresses", "notReadyAddresses", "ports")),
        ("core.v1.PodSpec", "tolerations"),
        *((f"core.v1.{kind}Spec", "accessModes") for kind in ("PersistentVolume", "PersistentVolumeClaim")),
        *(("core.v1.Capabilities", name) for name in ("add", "drop")),
        *(("core.v1.ServiceSpec", name) for name in ("externalIPs", "loadBalancerSourceRanges")),
        # https://kubernetes.io/docs/concepts/services-networking/network-policies/: policies and their parts are additive
        *(("networking.v1.NetworkPolicySpec", name) for name in ("egress", "ingress", "policyTypes")),
        *(("networking.v1.NetworkPolicyIngressRule", name) for name in ("from", "ports")),
        *(("networking.v1.NetworkPolicyEgressRule", name) for name in ("to", "ports")),
        *((f"admissionregistration.v1.{kind}", "rules") for kind in ("MutatingWebhook", "ValidatingWebhook")),
        *(
            (f"admissionregistration.v1.{kind}", name)
            for kind in ("RuleWithOperations", "NamedRuleWithOperations")
            for name in ("apiGroups", "apiVersions", "operations", "resources")
        ),
        ("meta.v1.LabelSelectorRequirement", "values"),
    }
)


ALIASES: Final = {("core.v1.PodSpec", "serviceAccountName"): "serviceAccount"}
"""Fields that the server fills from an older name of theirs: pkg/apis/core/v1/conversion.go."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the walk stands: as people write it, as managedFields has it, and as it is written in git.

    `parent` and `name`: the type around it, and the field of it that leads here. `in_list`: below a list or struct that is
    written as a whole.
    """

    steps: tuple[Step, ...] = ()
    fields: tuple[FieldStep, ...] = ()
    raw: RawPath = ()
    parent: Node | None = None
    name: str = ""
    in_list: bool = False

    def field(self, parent: Node | None, name: str) -> Spot:
        return Spot((*self.steps, name), (*self.fields, ("f", name)), (*self.raw, name), parent, name, self.in_list)

    def element(self, step: Step, field: FieldStep | None, position: int | None) -> Spot:
        raw = self.raw if position is None else (*self.raw, position)
        fields = (*self.fields, field or ("i", position or 0))
        return Spot((*self.steps, step), fields, raw, self.parent, self.name, self.in_list)

    def whole(self) -> Spot:
        return Spot(self.steps, self.fields, self.raw, self.parent, self.name, True)


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the sides differ.

    `form`: "changed", "missing" (git has it), "extra" (only live has it), "order", or "sealed" (nobody can tell).
    `leaves`: of an extra, all in it that is no default. `unsaid`: git wrote null in its place.
    """

    form: str
    spot: Spot
    desired: Any
    live: Any
    leaves: tuple[tuple[FieldStep, ...], ...] = ()
    unsaid: bool = False


def differences(desired: Mapping[str, Any], live: Mapping[str, Any], node: Node | None) -> tuple[Difference, ...]:
    """Every difference of two comparable parts (`normalise.pair`), in the order of git's side."""
    return tuple(_struct(desired, live, node, Spot(), live))


# Everywhere below: `want` is git's value, `have` is live's, `body` the whole live body (some defaults depend on it).


def _struct(
    want: Mapping[str, Any], have: Mapping[str, Any], node: Node | None, at: Spot, body: Mapping[str, Any]
) -> Iterator[Difference]:
    for name, wanted in want.items():
        present = have.get(name, MISSING)
        kind = type(wanted)
        if kind is type(present) and kind in SCALARS and wanted == present:
            continue
        if absent(node, name, wanted):
            yield from _unsaid(name, wanted, present, have, node, at, body)
        elif present is MISSING or present is None:
            if not is_default(node, name, wanted, want, body):
                yield from _missing(name, wanted, node, at)
        else:
            yield from _value(wanted, present, child_of(node, name, wanted), at.field(node, name), body)
    for name in have:
        if name not in want:
            yield from _extra(name, have, node, at, body, want)


def _unsaid(
    name: str, wanted: Any, present: Any, have: Mapping[str, Any], node: Node | None, at: Spot, body: Mapping[str, Any]
) -> Iterator[Difference]:
    """Git wrote a null, an empty value, or a zero that says no more than nothing."""
    in_map = node is not None and node.kind == "map"
    if present is MISSING or (wanted is None and in_map and same_value(None, present, node.items if node else None)):
        return  # in a map, null is kept as what is empty: "" or 0
    if is_map(wanted) and is_map(present):
        yield from _struct(wanted, present, child_of(node, name, present), at.field(node, name), body)
    elif wanted is None or is_list(wanted) or (is_map(wanted) and (node is not None or absent(node, name, present))):
        yield from (replace(each, unsaid=wanted is None) for each in _extra(name, have, node, at, body, {}))
    elif not absent(node, name, present) and not is_default(node, name, present, have, body):
        yield Difference("changed", at.field(node, name), wanted, present)


def _value(want: Any, have: Any, node: Node | None, at: Spot, body: Mapping[str, Any]) -> Iterator[Difference]:
    if is_map(want) and is_map(have):
        whole = node is not None and node.atomic and node.kind == "object"
        yield from _struct(want, have, node, at.whole() if whole else at, body)
    elif is_list(want) and is_list(have):
        yield from _list(want, have, node, at, body)
    else:
        # the server rounds lists of resources to milli, and no other amount (SetDefaults_ResourceList)
        in_map = at.parent is not None and at.parent.kind == "map"
        amount = (at.parent is None or not at.parent.name) and at.steps[-3:-1] in (
            ("resources", "limits"),
            ("resources", "requests"),
        )
        same = same_value(want, have, node, amount=amount, exact=not in_map and not amount)
        if not same:
            yield Difference("changed" if same is False else "sealed", at, want, have)


# --- what one side has alone ---------------------------------------------------------------------------------------------


def _missing(name: str, wanted: Any, parent: Node | None, at: Spot) -> Iterator[Difference]:
    here, node = at.field(parent, name), child_of(parent, name, wanted)
    if is_map(wanted) and _is_free(node, name):
        for key, value in wanted.items():
            if not absent(node, key, value):
                yield Difference("missing", here.field(node, key), value, None)
        return
    keys = keys_of(node, wanted) if node is not None and is_list(wanted) else None
    if keys is not None:
        for position, step in enumerate(map(element, keys)):
            yield Difference("missing", here.element(step, field_step(step), position), wanted[position], None)
    elif node is not None and node.list_type == "set" and is_list(wanted):
        yield from _set(wanted, (), here)
    else:
        yield Difference("missing", here, wanted, None)


def _extra(
    name: str,
    have: Mapping[str, Any],
    parent: Node | None,
    at: Spot,
    body: Mapping[str, Any],
    want: Mapping[str, Any],
) -> Iterator[Difference]:
    present = have[name]
    if absent(parent, name, present) or is_default(parent, name, present, have, body, want):
        return
    if parent is not None and ALIASES.get((parent.name, name)) in want:
        return
    here, node = at.field(parent, name), child_of(parent, name, present)
    if is_map(present) and _is_free(node, name):
        for key, value in present.items():
            if value is not None and not is_default(parent, name, {key: value}, have, body, want):
                spot = here.field(node, key)
                yield Difference("extra", spot, None, value, (spot.fields,))
        return
    if is_list(present) and node is not None and node.kind == "list":
        keys = keys_of(node, present)
        if keys is not None:
            for step, value in zip(map(element, keys), present, strict=True):
                yield _extra_element(node, value, step, here, body)
            return
        if node.list_type == "set":
            yield from _set((), present, here)
            return
    found = tuple((*at.fields, *leaf) for leaf in leaves(parent, name, present, have, body, want))
    if found:
        yield Difference("extra", here, None, present, found)


def _extra_element(node: Node, present: Any, step: Element, at: Spot, body: Mapping[str, Any]) -> Difference:
    found = tuple((*at.fields, *leaf) for leaf in element_leaves(node, present, body))
    return Difference("extra", at.element(step, field_step(step), None), None, present, found)


# --- lists ---------------------------------------------------------------------------------------------------------------


def _list(
    want: Sequence[Any], have: Sequence[Any], node: Node | None, at: Spot, body: Mapping[str, Any]
) -> Iterator[Difference]:
    scalars = all(not is_map(each) and not is_list(each) for each in (*want, *have))
    if node is not None and node.kind == "list":
        wanted, present = keys_of(node, want), keys_of(node, have)
        if wanted is not None and present is not None:
            # keys as text: a manifest may write a port as 80 and as "80"
            left, right = ({element(key): position for position, key in enumerate(keys)} for keys in (wanted, present))
            yield from _keyed(want, have, left, right, node, at, body)
            return
        if node.list_type == "set" and scalars:
            yield from _set(want, have, at)
            return
    unordered = at.parent is not None and (at.parent.name, at.name) in UNORDERED
    items = node.items if node is not None and node.kind == "list" else None
    if scalars:
        if not _same_scalars(want, have, items, unordered):
            yield Difference("changed", at.whole(), list(want), list(have))
    elif len(want) != len(have):
        yield Difference("changed", at.whole(), list(want), list(have))
    else:
        yield from _elements(want, have, node, at.whole(), body, unordered and len(want) <= LONGEST_PAIRING)


def _keyed(
    want: Sequence[Any],
    have: Sequence[Any],
    left: Mapping[Element, int],
    right: Mapping[Element, int],
    node: Node,
    at: Spot,
    body: Mapping[str, Any],
) -> Iterator[Difference]:
    for step, position in left.items():
        spot = at.element(step, field_step(step), position)
        if step in right:
            yield from _struct(want[position], have[right[step]], node.items, spot, body)
        else:
            yield Difference("missing", spot, want[position], None)
    for step, position in right.items():
        if step not in left:
            yield _extra_element(node, have[position], step, at, body)
    # Init containers run in their order; a variable sees only those before it:
    # https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    if at.name == "initContainers" or (at.name == "env" and _refers((*want, *have))):
        before = [step.keys[0][1] for step in left if step in right]
        after = [step.keys[0][1] for step in right if step in left]
        if before != after:
            spot = Spot((*at.steps, Order()), at.fields, at.raw, at.parent, at.name, at.in_list)
            yield Difference("order", spot, before, after)


def _set(want: Sequence[Any], have: Sequence[Any], at: Spot) -> Iterator[Difference]:
    wanted, present = ({text_of(each): each for each in side} for side in (want, have))
    for position, (text, value) in enumerate(wanted.items()):
        if text not in present:
            yield Difference("missing", at.element(Member(text), ("v", text), position), value, None)
    for text, value in present.items():
        if text not in wanted:
            spot = at.element(Member(text), ("v", text), None)
            yield Difference("extra", spot, None, value, (spot.fields,))


def _elements(
    want: Sequence[Any], have: Sequence[Any], node: Node | None, at: Spot, body: Mapping[str, Any], unordered: bool
) -> Iterator[Difference]:
    """Elements of a list that is written as a whole, by position; where order means nothing, equals are paired first."""
    items = node.items if node is not None and node.kind == "list" else None
    keys = node.list_keys if node is not None else ()

    def between(left: int, right: int) -> Iterator[Difference]:
        key = key_of(items, keys, want[left]) if keys else None
        spot = at.element(left, field_step(element(key)) if key else None, left)
        return _value(want[left], have[right], items, spot, body)

    pairs: Iterable[tuple[int, int]] = ((position, position) for position in range(len(want)))
    if unordered:
        pairs = _paired(len(want), lambda left, right: next(between(left, right), None) is None)
    for left, right in pairs:
        yield from between(left, right)


def _paired(count: int, equal: Callable[[int, int], bool]) -> Iterator[tuple[int, int]]:
    """Each left with a right that equals it; what is left over in the order it stands in."""
    free = list(range(count))
    rest = []
    for left in range(count):
        right = next((right for right in ([left] if left in free else []) + free if equal(left, right)), None)
        if right is None:
            rest.append(left)
        else:
            free.remove(right)
    yield from zip(rest, free, strict=True)


def _same_scalars(want: Sequence[Any], have: Sequence[Any], items: Node | None, unordered: bool) -> bool:
    if unordered:
        return {text_of(each) for each in want} == {text_of(each) for each in have}
    return len(want) == len(have) and all(same_value(x, y, items) for x, y in zip(want, have, strict=True))


def _refers(elements: Iterable[Any]) -> bool:
    return any(is_map(each) and isinstance(each.get("value"), str) and "$(" in each["value"] for each in elements)


_FREE: Final = frozenset(
    {"labels", "annotations", "data", "binaryData", "stringData", "matchLabels", "nodeSelector", "limits", "requests"}
)


def _is_free(node: Node | None, name: str) -> bool:
    """Whether this is a map whose keys people choose; in kinds whose type is not known its name must tell."""
    return node.kind == "map" if node is not None else name in _FREE
