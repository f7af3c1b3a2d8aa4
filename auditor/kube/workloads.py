"""Where the Pod template of each kind is, and what is in it: a Resource in, Template and Containers out.

The one place where the nestings of Pod, Deployment and CronJob are written. Kinds that are not built in (Rollout, CloneSet,
Knative Service) are read like a Deployment when they hold `spec.template.spec.containers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from auditor.kube.fields import EMPTY, at, mapping, sequence, text, whole
from auditor.kube.kinds import called, known
from auditor.model import RawPath, Ref, Resource

TEMPLATED: Final = "*"
"""In `Policy.kinds`: everything with a Pod template, bare Pods and kinds that are not built in among it."""

CUSTOM: Final = "*custom"
"""In `Policy.kinds`: kinds that are not built in and hold a Pod template."""

ANYTHING: Final = "**"
"""In `Policy.kinds`: every object there is."""

WORKLOADS: Final = (
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "Pod",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
)
"""The built-in kinds that run Pods."""

LONG_RUNNING: Final = ("DaemonSet", "Deployment", "ReplicaSet", "ReplicationController", "StatefulSet")
"""Those of them whose Pods are meant to stay."""

HOOKS: Final = ("helm.sh/hook", "argocd.argoproj.io/hook")
"""Annotations by which Helm and Argo CD run an object once, apart from the rest."""

_POD: Final[RawPath] = ("spec",)
_TEMPLATE: Final[RawPath] = ("spec", "template", "spec")
_PATHS: Final[Mapping[str, RawPath]] = {
    **dict.fromkeys(WORKLOADS, _TEMPLATE),
    "Pod": _POD,
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A Pod template. `path` leads to the Pod *spec*; labels and annotations are those its Pods will carry."""

    path: RawPath
    spec: Mapping[str, Any]
    labels: Mapping[str, Any]
    annotations: Mapping[str, Any]

    @property
    def metadata_path(self) -> RawPath:
        return (*self.path[:-1], "metadata")


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a template. `role`: "app", "init", "sidecar" (an init container that restarts always) or "ephemeral"."""

    path: RawPath
    body: Mapping[str, Any]
    role: str
    name: str

    def __str__(self) -> str:
        return (
            f"container {self.name or self.path[-1]}"
            if self.role in ("app", "sidecar")
            else f"{self.role} container {self.name or self.path[-1]}"
        )


def is_workload(of: Ref | Resource) -> bool:
    """Whether it runs Pods: by its kind, and for a Resource of a kind that is not built in by its Pod template."""
    ref = of.ref if isinstance(of, Resource) else of
    if called(ref.group, ref.kind) in _PATHS:
        return True
    return isinstance(of, Resource) and template(of) is not None


# Each of many rules asks for the same few things of one object before the next object's turn: a short memory spares most of it.
_MEMORY: Final = 64


@lru_cache(maxsize=_MEMORY)
def template(resource: Resource) -> Template | None:
    """The Pod template, or None for kinds that have none (or where it cannot be found)."""
    ref, body = resource.ref, resource.body
    path = _PATHS.get(called(ref.group, ref.kind))
    if path is None:
        if known(ref.group, ref.kind) or not sequence(at(body, *_TEMPLATE, "containers")):
            return None
        path = _TEMPLATE
    holder: Any = body
    for step in path[:-1]:
        holder = mapping(holder).get(str(step))
    holder = mapping(holder)
    spec = holder.get("spec")
    if not isinstance(spec, Mapping):
        return None
    metadata = mapping(holder.get("metadata"))
    return Template(path, spec, mapping(metadata.get("labels")), mapping(metadata.get("annotations")))


_LISTS: Final = (("initContainers", "init"), ("containers", "app"), ("ephemeralContainers", "ephemeral"))


def containers(of: Resource | Template, *roles: str) -> tuple[Container, ...]:
    """The containers of the template, of the roles named or all: init containers and sidecars first, as they start."""
    found = of if isinstance(of, Template) else template(of)
    if found is None:
        return ()
    every = _containers(found)
    return tuple(one for one in every if one.role in roles) if roles else every


@lru_cache(maxsize=_MEMORY)
def _containers(found: Template) -> tuple[Container, ...]:
    every: list[Container] = []
    for key, usual in _LISTS:
        for index, body in enumerate(sequence(found.spec.get(key))):
            if not isinstance(body, Mapping):
                continue
            role = "sidecar" if usual == "init" and body.get("restartPolicy") == "Always" else usual
            every.append(Container((*found.path, key, index), body, role, text(body.get("name"))))
    return tuple(every)


def images_of(resource: Resource) -> Iterator[tuple[RawPath, str, str]]:
    """(path, reference as written, who names it) of every image: of containers, and of volumes that are images."""
    for container in containers(resource):
        yield (*container.path, "image"), text(container.body.get("image")), str(container)
    found = template(resource)
    for index, volume in enumerate(sequence(found.spec.get("volumes")) if found else ()):
        reference = at(volume, "image", "reference")
        if found and isinstance(reference, str):
            yield (*found.path, "volumes", index, "image", "reference"), reference, f"volume {at(volume, 'name')}"


def controller_of(resource: Resource) -> Mapping[str, Any] | None:
    """The owner reference with `controller: true`, if any: what made the object, and will remake it."""
    for owner in sequence(resource.metadata.get("ownerReferences")):
        if isinstance(owner, Mapping) and owner.get("controller") is True:
            return owner
    return None


def owners(resource: Resource) -> tuple[Mapping[str, Any], ...]:
    """All owner references, controllers or not."""
    return tuple(owner for owner in sequence(resource.metadata.get("ownerReferences")) if isinstance(owner, Mapping))


def is_terminating(resource: Resource) -> bool:
    return bool(resource.metadata.get("deletionTimestamp"))


def is_finished(pod: Resource) -> bool:
    """Whether the Pod has run to its end; nothing adopts or selects it any more."""
    return at(pod.body, "status", "phase") in ("Succeeded", "Failed")


def hook_of(resource: Resource) -> str | None:
    """The hook annotation the object carries (`helm.sh/hook`), or None."""
    annotations = resource.annotations()
    return next((hook for hook in HOOKS if hook in annotations), None) if annotations is not EMPTY else None


def replicas(resource: Resource) -> int:
    """`spec.replicas`; absent means 1, as the API defaults it."""
    written = whole(at(resource.body, "spec", "replicas"))
    return 1 if written is None else written
