from __future__ import annotations

from collections.abc import Iterator

from auditor.kube.destinations import destination
from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.kinds import GROUPS
from auditor.kube.policy import policy
from auditor.kube.references import references
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import ANYTHING, template
from auditor.model import Answer, Fault, Judges, NotApplicable, Resource, Scope, Severity, Unreadable

WAVE, HOOK = "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/hook"
PHASES = {"PreSync": -1, "Sync": 0, "PostSync": 1}
FLUX = ("kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io")


@policy(
    id="ORD003",
    practice=4,
    severity=Severity.ERROR,
    kinds=(ANYTHING,),
    remedy="give what is needed an earlier wave than what needs it",
    judges=Judges.DECLARED,
    scope=Scope.OBJECTS,
)
def sync_wave_inversion(resource: Resource, around: Surroundings) -> Answer:
    """What is needed first is applied first.

    Argo CD goes from wave to wave only when everything in the last one is healthy. A workload that waits for a Secret of a later wave
    never is, and the sync hangs. https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/
    """
    if resource.ref.group in FLUX:
        return (yield from _flux(resource, around))
    if not around.once("waves", lambda: _any_wave(around)):
        return NotApplicable("neither it nor what it needs has a wave")
    own = _order(resource)
    asked = False
    for needed, severity in _needs(resource, around):
        theirs = _order(needed)
        if own is None or theirs is None or (not _is_marked(resource) and not _is_marked(needed)):
            continue
        mine, other = destination(resource, around), destination(needed, around)
        if mine and other and mine.said_by.ref != other.said_by.ref:
            continue  # waves of two applications have nothing to do with each other
        asked = True
        if theirs > own:
            message = f"{needed.ref} comes in {_shown(theirs)}, and is needed in {_shown(own)}"
            path = ("metadata", "annotations", WAVE if WAVE in resource.annotations() else HOOK)
            yield Fault(path, message, severity, subject=f"{needed.ref.kind}/{needed.ref.name}")
    return None if asked else NotApplicable("neither it nor what it needs has a wave")


def _any_wave(around: Surroundings) -> bool:
    return any(_is_marked(one) for side in (around.desired, around.live) if side for one in side.resources)


def _order(resource: Resource) -> tuple[int, int] | None:
    """(phase, wave) in which Argo CD applies the object; None for hooks of other kinds."""
    marks = resource.annotations()
    phases = [PHASES[one] for one in text(marks.get(HOOK)).replace(" ", "").split(",") if one in PHASES]
    if HOOK in marks and not phases:
        return None
    try:
        return min(phases, default=0), int(str(marks.get(WAVE, 0)))
    except ValueError:
        return None


def _is_marked(resource: Resource) -> bool:
    return WAVE in resource.annotations() or HOOK in resource.annotations()


def _shown(order: tuple[int, int]) -> str:
    phase = next(name for name, number in PHASES.items() if number == order[0])
    return f"wave {order[1]}" + (f" of {phase}" if order[0] else "")


def _needs(resource: Resource, around: Surroundings) -> Iterator[tuple[Resource, Severity]]:
    """What must be there before the object, as far as git holds it."""
    wanted: list[tuple[str, str, Resource | None, Severity]] = []
    if resource.ref.namespace:
        wanted.append(("Namespace", resource.ref.namespace, None, Severity.ERROR))
    if resource.ref.group not in GROUPS:
        plural = around.once("definitions", lambda: _definitions(around)).get((resource.ref.group, resource.ref.kind))
        if plural:
            wanted.append(("CustomResourceDefinition", plural, None, Severity.ERROR))
    found = template(resource)
    if found:
        wanted += [
            (one.kind, one.name, resource, Severity.ERROR)
            for one in references(resource)
            if not one.optional and one.how != "pull"
        ]
        if account := text(found.spec.get("serviceAccountName")):
            wanted.append(("ServiceAccount", account, resource, Severity.ERROR))
        if service := text(at(resource.body, "spec", "serviceName")):
            wanted.append(("Service", service, resource, Severity.WARNING))
    for kind, name, where, severity in dict.fromkeys(wanted):
        try:
            needed = around.find(kind, where, name)
        except Unreadable:
            continue
        if needed and needed.origin:
            yield needed, severity


def _definitions(around: Surroundings) -> dict[tuple[str, str], str]:
    found = {}
    for definition in around.every("CustomResourceDefinition"):
        spec = mapping(definition.body.get("spec"))
        found[text(spec.get("group")), text(at(spec, "names", "kind"))] = definition.ref.name
    return found


def _flux(resource: Resource, around: Surroundings) -> Answer:
    """`dependsOn` of a Kustomization or HelmRelease: what it names is there, and the chain does not come back."""
    kind = f"{resource.ref.kind}.{resource.ref.group}"
    entries = sequence(at(resource.body, "spec", "dependsOn"))
    if not entries:
        return NotApplicable("it depends on nothing")
    for index, entry in enumerate(entries):
        path = ("spec", "dependsOn", index)
        name, namespace = text(at(entry, "name")), text(at(entry, "namespace"))
        needed = around.find(kind, namespace or resource, name)
        if needed is None:
            severity, where = around.absence(Severity.ERROR)
            yield Fault(path, f"{resource.ref.kind} {name}, on which it depends, {where}", severity, subject=name)
        elif _leads_back(needed, resource, around, kind):
            yield Fault(path, f"{resource.ref.kind} {name} depends on it in turn", subject=name)
    return None


def _leads_back(start: Resource, goal: Resource, around: Surroundings, kind: str) -> bool:
    seen, waiting = set(), [start]
    while waiting:
        one = waiting.pop()
        if one.ref == goal.ref:
            return True
        if one.ref in seen:
            continue
        seen.add(one.ref)
        for entry in sequence(at(one.body, "spec", "dependsOn")):
            needed = around.find(kind, text(at(entry, "namespace")) or one, text(at(entry, "name")))
            waiting += [needed] if needed else []
    return False
