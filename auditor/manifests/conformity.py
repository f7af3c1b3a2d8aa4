"""Whether a body fits the schema of its kind: fields that do not exist and values of another type (MAN004).

The schema is the shipped one; kinds and versions that are not in it are not judged. Enumerations, ranges and quantities are
not looked at. No value is quoted: this also runs on Secrets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any, Final

from auditor.kube import kinds, schema, secrets
from auditor.kube.nearest import nearest
from auditor.kube.removed import removed
from auditor.manifests.budget import MOST_TOLD
from auditor.manifests.parts import Fault, called
from auditor.model import RawPath

_WANTED: Final = {
    "object": "a map",
    "map": "a map",
    "list": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "quantity": "a quantity",
    "int-or-string": "a number or text",
}
# Fields that take more than their type says: JSON schemas within CustomResourceDefinitions.
_FREE: Final = ("JSONSchemaProps",)
# Definitions whose required fields the API server really misses (of others it takes the zero value).
_STRICT: Final = {
    "core.v1.PodSpec", "core.v1.Container", "core.v1.EnvVar", "core.v1.Volume", "core.v1.VolumeMount", "apps.v1.DaemonSetSpec",
    "apps.v1.DeploymentSpec", "apps.v1.ReplicaSetSpec", "apps.v1.StatefulSetSpec", "batch.v1.JobSpec", "batch.v1.CronJobSpec",
    "autoscaling.v2.HorizontalPodAutoscalerSpec", "autoscaling.v1.HorizontalPodAutoscalerSpec",
}  # fmt: skip
# Kinds that built-in groups served once: which version still serves them is another question (MAN006).
_FORMER: Final = {"PodSecurityPolicy", "PodPreset", "ScheduledJob", "ThirdPartyResource", "Scale", "Eviction", "Status", "TokenRequest", "DeleteOptions"}  # fmt: skip


def node_of(api_version: str, kind: str) -> schema.Node | None:
    """The schema of exactly this version of a kind; None where the shipped table has none."""
    group, version = kinds.split_api_version(api_version)
    known = kinds.known(group, kind)
    if known is None:
        return None
    found, preferred = schema.node(group, version, kind), schema.node(group, known.version, kind)
    return found if version == known.version or found is not preferred else None


def faults(body: Mapping[str, Any], api_version: str, kind: str) -> Iterator[Fault]:
    """What this module has to say of a body, at most `budget.MOST_TOLD` faults."""
    return islice(_faults(body, api_version, kind), MOST_TOLD)


def _faults(body: Mapping[str, Any], api_version: str, kind: str) -> Iterator[Fault]:
    node = node_of(api_version, kind)
    if node is not None:
        yield from misfits(body, node)
    elif fault := _removed(api_version, kind) or unknown_kind(api_version, kind):
        yield fault
    else:
        any_kind = schema.node("", "v1", "ConfigMap")  # metadata is the same for all
        if any_kind is not None and isinstance(body.get("metadata"), Mapping):
            yield from misfits({"metadata": body["metadata"]}, any_kind)


def _removed(api_version: str, kind: str) -> Fault | None:
    """A version that the API server does not serve any more; what it replaced is not judged by the schema of what replaced it."""
    gone = removed(api_version, kind)
    if gone is None:
        return None
    message = f"{api_version} {kind} is not served since Kubernetes {gone.release}"
    remedy = (
        f"write apiVersion: {gone.instead}, and see what changed with it" if gone.instead else "nothing replaces it"
    )
    return Fault(("apiVersion",), message, remedy, code="MAN006")


def unknown_kind(api_version: str, kind: str) -> Fault | None:
    """A kind that no version of a built-in group ever had; other groups are for their CustomResourceDefinitions to tell."""
    group, version = kinds.split_api_version(api_version)
    groups = _groups()
    if kinds.known(group, kind) or kind in _FORMER or kind.endswith("List"):
        return None
    homes = sorted(known.group for known in kinds.BUILT_IN.values() if known.kind == kind)
    if group not in groups:
        if "." in group or group == "extensions":
            return None
        close = nearest(group, groups - {""}) if group else None
        return Fault(
            ("apiVersion",),
            f"there is no group {group[:60]!r}",
            f"write {close}/{version}" if close else "name the group of the kind",
            code="MAN004",
        )
    if homes:
        known = kinds.BUILT_IN[(homes[0], kind)]
        return Fault(
            ("apiVersion",),
            f"{api_version[:60]} has no kind {kind[:60]}",
            f"write apiVersion: {homes[0] + '/' if homes[0] else ''}{known.version}",
            code="MAN004",
        )
    close = nearest(kind, {known.kind for known in kinds.BUILT_IN.values() if known.group == group})
    return Fault(
        ("kind",),
        f"{api_version[:60]} has no kind {kind[:60]}",
        f"write {close}" if close else "mend the kind",
        code="MAN004",
    )


@cache
def _groups() -> frozenset[str]:
    return frozenset(known.group for known in kinds.BUILT_IN.values())


def misfits(body: Mapping[str, Any], node: schema.Node) -> Iterator[Fault]:
    """Every value that does not fit, in the order of the document. Unknown fields of a Secret are not named: one may be a value."""
    unnamed = secrets.is_secret(body)
    if all(
        _conforms(value, child)
        for key, value in body.items()
        if key != "status" and (child := node.child(key)) is not None
    ) and (body.keys() <= set(node.fields())):
        return  # as nearly all do: without paths it is found out three times as fast
    waiting: list[tuple[RawPath, Any, schema.Node]] = [((), body, node)]
    while waiting:
        path, value, here = waiting.pop()
        if value is None:
            continue
        if path == ("metadata",) and not isinstance(value, Mapping):
            continue  # that is MAN005's
        if not _fits(value, here):
            if "sops" in body and isinstance(value, str) and value.startswith("ENC["):
                continue  # encrypted: its type is not to be seen
            kind = "integer" if here.kind == "int-or-string" and isinstance(value, str) else here.kind
            what, wanted = called(value), _WANTED.get(kind, kind)
            remedy = "write it without quotes" if kind != here.kind else f"write {wanted}"
            if here.kind == "string" and not isinstance(value, Mapping | list):
                remedy = "put it in quotes"
            elif here.kind == "list":
                remedy = "begin each element with a dash"
            yield Fault(path, f"{_name(path)} is {what}, not {wanted}", remedy, code="MAN004", wanted=kind)
            continue
        below: list[tuple[RawPath, Any, schema.Node]] = []
        if isinstance(value, Mapping):
            fields = here.fields() if here.kind == "object" else ()
            meant: set[str | None] = set()
            free = here.kind == "any" or (here.kind == "object" and not fields) or here.name.endswith(_FREE)
            for key, each in () if free else value.items():
                child = here.child(key)
                if child is not None:
                    if not (path == () and key == "status"):
                        below.append(((*path, key), each, child))
                elif not (path == () and key.lower() in _ROOT):  # those are MAN005's
                    close = _meant(key, fields)
                    meant.add(close)
                    said = "this" if unnamed and not close else key[:60]
                    yield Fault(
                        (*path, key),
                        f"{said} is not a field of {_name(path) or 'this kind'}",
                        f"did you mean {close}?" if close else "remove it, or move it to where it belongs",
                        code="MAN004",
                        instead_of=close or "",
                    )
            if here.name in _STRICT:
                for name in here.required:
                    if (
                        value.get(name) is None
                        and name not in meant
                        and not ("generateName" in value and name == "name")
                    ):
                        yield Fault((*path, name), f"{name} is missing in {_name(path)}", f"add {name}", code="MAN004")
        elif isinstance(value, list) and here.items is not None:
            below = [((*path, index), each, here.items) for index, each in enumerate(value)]
        waiting.extend(reversed(below))


def _meant(key: str, fields: tuple[str, ...]) -> str | None:
    letters = sorted(key)
    return next((field for field in fields if sorted(field) == letters), None) or nearest(key, fields)


def _conforms(value: Any, node: schema.Node) -> bool:
    """Whether `misfits` would have nothing to say; False where it may have. Bodies are at most `budget.DEEPEST` levels deep."""
    kind = node.kind
    if value is None or (kind == "string" and value.__class__ is str):
        return True
    if kind == "object" and value.__class__ is dict:
        for key, each in value.items():
            child = node.child(key)
            if child is None or not _conforms(each, child):
                return False
        return node.name not in _STRICT or all(value.get(name) is not None for name in node.required)
    if node.items is not None and kind == "map" and value.__class__ is dict:
        items = node.items
        return all(_conforms(each, items) for each in value.values())
    if node.items is not None and kind == "list" and value.__class__ is list:
        items = node.items
        return all(_conforms(each, items) for each in value)
    return _fits(value, node) and not isinstance(value, Mapping | list)


_ROOT: Final = {"apiversion", "kind", "metadata", "spec", "data", "status", "stringdata", "binarydata", "sops"}


def _fits(value: Any, node: schema.Node) -> bool:
    kind = node.kind
    if kind == "any" or (kind == "object" and not node.fields()):
        return True
    if node.name.endswith(_FREE):
        return isinstance(value, Mapping | bool | list)
    if kind in ("object", "map"):
        return isinstance(value, Mapping)
    if kind == "list":
        return isinstance(value, list)
    if kind == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool | Mapping | list):
        return False
    if kind == "int-or-string" and isinstance(
        value, str
    ):  # names have a letter and percentages their sign; numbers are no text
        return not value.isdigit() and value.isascii()
    if kind == "string":
        return isinstance(value, str)
    if kind == "integer":
        return isinstance(value, int)
    if kind == "number":
        return isinstance(value, int | float)
    return isinstance(value, str | int | float)


def _name(path: RawPath) -> str:
    """The end of a path, as people say it: `containers[0].ports`."""
    said = ""
    for step in path[-3:]:
        said += f"[{step}]" if isinstance(step, int) else f".{step[:60]}"
    return said.lstrip(".")
