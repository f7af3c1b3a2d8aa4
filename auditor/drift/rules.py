"""Rules that say which differences are not to count: as they are written in git and in the objects of Argo CD and Flux in, as
values out, with what is wrong with them. Pure.

    gitops-auditor.io/ignore-drift: "path=spec.replicas; reason=…; until=2027-12-31; by=team-x"

on an object **in git** (on the cluster it would silence whoever wrote it there), `path` as often as needed, `manager=` for
what one tool writes, and further ones as `gitops-auditor.io/ignore-drift.NAME`. Those of the settings file are like it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from auditor.drift.objects import Tracking
from auditor.drift.values import is_list, is_map
from auditor.kube.patterns import Pattern, jq, parse, pointer
from auditor.kube.selectors import matches
from auditor.model import Place, Problem, Ref, Resource, Severity, Snapshot

if TYPE_CHECKING:
    from auditor.settings import IgnoreSettings

PREFIX: Final = "gitops-auditor.io/ignore-drift"
_REMEDY: Final = 'write it as "path=spec.replicas; reason=…; until=YYYY-MM-DD; by=…"'
_PARTS: Final = frozenset({"path", "manager", "reason", "until", "by"})


@dataclass(frozen=True, slots=True)
class Rule:
    """What is not to count. Every part that is given must hold; without paths and managers it is for whole objects.

    `said`: where it stands, in words. `holder`: the one object it is for; `mark`: the tracking mark of its objects;
    `selector`: of their labels. `kinds` ("Deployment", "apps/*"), `namespaces` and `names` are globs, `managers` regular
    expressions.
    """

    said: str
    reason: str
    until: date | None = None
    paths: tuple[Pattern, ...] = ()
    managers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    selector: Mapping[str, Any] | None = None
    holder: Ref | None = None
    mark: Tracking | None = None
    place: Place | None = None

    def is_for(self, resource: Resource, mark: Tracking | None) -> bool:
        """Whether an object is meant. `mark`: that of the live object."""
        ref = resource.ref
        if self.holder is not None and self.holder != ref:
            return False
        if self.mark is not None and self.mark != mark:
            return False
        kinds = (ref.kind, f"{ref.group}/{ref.kind}")
        return (
            (not self.kinds or any(fnmatchcase(name, glob) for glob in self.kinds for name in kinds))
            and (not self.namespaces or any(fnmatchcase(ref.namespace or "", glob) for glob in self.namespaces))
            and (not self.names or any(fnmatchcase(ref.name, glob) for glob in self.names))
            and (self.selector is None or matches(self.selector, resource.labels()))
        )


def problem(
    number: int, message: str, remedy: str, place: Place | None, severity: Severity = Severity.WARNING
) -> Problem:
    """What is wrong with a rule: WVR101 it cannot be read, WVR102 it ended, WVR103 it matches nothing."""
    return Problem(f"WVR{number}", severity, message, remedy, place)


def of_settings(entries: Iterable[IgnoreSettings]) -> tuple[Rule, ...]:
    """The rules of a settings file, which has looked at them."""
    return tuple(
        Rule(
            said=f"rule {number} of the settings",
            reason=one.reason,
            until=one.until,
            paths=tuple(map(parse, one.paths)),
            managers=one.managers,
            kinds=one.kinds,
            namespaces=one.namespaces,
            names=one.names,
            selector={"matchLabels": dict(one.labels)} if one.labels else None,
        )
        for number, one in enumerate(entries, start=1)
    )


def found(desired: Snapshot, live: Snapshot) -> Iterator[Rule | Problem]:
    """The rules that stand in git, and those of the Argo CD and Flux objects of either side (git's where both have it)."""
    for resource in desired.by_ref.values():
        for key, value in resource.annotations().items():
            if key.startswith(PREFIX) and key.removeprefix(PREFIX)[:1] in ("", "."):
                yield _annotation(resource, key, str(value))
    for group, kind, read in _SOURCES:
        seen = {each.ref: each for side in (live, desired) for each in side.of_kind(group, kind)}
        for resource in seen.values():
            yield from read(resource)


def _annotation(resource: Resource, key: str, text: str) -> Rule | Problem:
    place = resource.place(("metadata", "annotations", key))
    said = f"the annotation on {resource.ref}"
    parts: dict[str, list[str]] = {}
    for piece in filter(None, map(str.strip, text.split(";"))):
        name, equals, value = (part.strip() for part in piece.partition("="))
        if not equals or name not in _PARTS:
            return problem(101, f"{said}: {piece[:40]!r} is not understood, nothing is ignored", _REMEDY, place)
        parts.setdefault(name, []).append(value)
    if lacking := [name for name in ("reason", "until", "by") if not parts.get(name)]:
        return problem(101, f"{said} says no {' and no '.join(lacking)}, nothing is ignored", _REMEDY, place)
    try:
        until = date.fromisoformat(parts["until"][0])
        patterns = tuple(map(parse, parts.get("path", ())))
        managers = tuple(each for each in parts.get("manager", ()) if re.compile(each))
    except (ValueError, re.error) as wrong:
        return problem(101, f"{said}: {wrong}, nothing is ignored", _REMEDY, place)
    return Rule(said, parts["reason"][0], until, patterns, managers, holder=resource.ref, place=place)


# --- other tools ------------------------------------------------------------------------------------------------------------


def _of_argo(resource: Resource) -> Iterator[Rule | Problem]:
    """https://argo-cd.readthedocs.io/en/stable/user-guide/diffing/#application-level-configuration"""
    said = f"ignoreDifferences of the Argo CD application {resource.ref.name}"
    entries = _at(resource.body, "spec", "ignoreDifferences")
    for number, entry in enumerate(entries if is_list(entries) else ()):
        if not is_map(entry):
            continue
        place = resource.place(("spec", "ignoreDifferences", number))
        patterns = [pointer(str(each)) for each in entry.get("jsonPointers") or ()]
        for each in entry.get("jqPathExpressions") or ():
            walked = jq(str(each))
            if walked is None:
                message = (
                    f"{said}: the jq expression {str(each)[:80]!r} does more than walk a path, and is not followed"
                )
                yield problem(101, message, "name the path with jsonPointers", place)
            else:
                patterns.append(walked)
        managers = tuple(map(re.escape, map(str, entry.get("managedFieldsManagers") or ())))
        if not patterns and not managers:
            continue
        yield Rule(
            said,
            "as Argo CD does",
            paths=tuple(patterns),
            managers=managers,
            kinds=(f"{entry.get('group') or ''}/{entry.get('kind') or '*'}",),
            namespaces=_one(entry.get("namespace")),
            names=_one(entry.get("name")),
            mark=Tracking("Argo CD application", resource.ref.name),
            place=place,
        )


def _of_helm(resource: Resource) -> Iterator[Rule | Problem]:
    """https://fluxcd.io/flux/components/helm/helmreleases/#ignore-rules"""
    entries = _at(resource.body, "spec", "driftDetection", "ignore")
    yield from _of_flux(resource, entries, "Flux HelmRelease", ("spec", "driftDetection", "ignore"))


def _of_kustomization(resource: Resource) -> Iterator[Rule | Problem]:
    """https://fluxcd.io/flux/components/kustomize/kustomizations/"""
    yield from _of_flux(resource, _at(resource.body, "spec", "ignore"), "Flux Kustomization", ("spec", "ignore"))


def _of_flux(resource: Resource, entries: Any, tool: str, path: tuple[str, ...]) -> Iterator[Rule | Problem]:
    ref = resource.ref
    for number, entry in enumerate(entries if is_list(entries) else ()):
        target = entry.get("target") if is_map(entry) else None
        target = target if is_map(target) else {}
        texts = entry.get("paths") if is_map(entry) else ()
        patterns = tuple(pointer(str(each)) for each in texts or ())
        yield Rule(
            f"the ignore rules of the {tool} {ref.name}",
            "as Flux does",
            paths=tuple(filter(None, patterns)),
            kinds=(f"{target.get('group') or '*'}/{target.get('kind') or '*'}",) if target else (),
            namespaces=_one(target.get("namespace")),
            names=_one(target.get("name")),
            selector=_labels(target.get("labelSelector")),
            mark=Tracking(tool, f"{ref.namespace or ''}/{ref.name}"),
            place=resource.place((*path, number)),
        )


_SOURCES: Final = (
    ("argoproj.io", "Application", _of_argo),
    ("helm.toolkit.fluxcd.io", "HelmRelease", _of_helm),
    ("kustomize.toolkit.fluxcd.io", "Kustomization", _of_kustomization),
)


def _labels(text: Any) -> Mapping[str, Any] | None:
    """The simple form of a label selector, `a=b,c=d`."""
    pairs = [part.strip().partition("=")[::2] for part in str(text).split(",")] if text else []
    return {"matchLabels": {name.strip(): value.lstrip("=").strip() for name, value in pairs}} if pairs else None


def _one(value: Any) -> tuple[str, ...]:
    return (str(value),) if value else ()


def _at(body: Any, *names: str) -> Any:
    for name in names:
        body = body.get(name) if is_map(body) else None
    return body
