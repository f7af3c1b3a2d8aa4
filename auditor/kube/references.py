"""What a Pod template refers to by name: a Resource in, its references to ConfigMaps, Secrets and claims out, with their paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from auditor.kube.fields import mapping, sequence, text
from auditor.kube.workloads import Container, Template, containers, template
from auditor.model import RawPath, Resource


@dataclass(frozen=True, slots=True)
class Reference:
    """One use of a ConfigMap, Secret or PersistentVolumeClaim.

    `path` leads to the field that holds the name. `how`: "env", "envFrom", "volume", "pull" (imagePullSecrets) or "claim".
    `keys` are (key, path) that must be in it. `container` is the one that uses it; None for volumes and pull secrets.
    """

    kind: str
    name: str
    path: RawPath
    how: str
    optional: bool = False
    keys: tuple[tuple[str, RawPath], ...] = ()
    container: Container | None = None


@lru_cache(maxsize=64)  # several rules ask it of one object in turn
def references(resource: Resource) -> tuple[Reference, ...]:
    """Every reference of the Pod template, in the order it is written; nameless ones (the API refuses them) left out."""
    found = template(resource)
    return tuple(_references(found)) if found else ()


def _references(found: Template) -> Iterator[Reference]:
    for container in containers(found):
        yield from _of_container(container)
    yield from _of_volumes(found)
    for index, item in enumerate(sequence(found.spec.get("imagePullSecrets"))):
        name = text(mapping(item).get("name"))
        if name:
            yield Reference("Secret", name, (*found.path, "imagePullSecrets", index, "name"), "pull")


_ENV: Final = (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret"))
_ENV_FROM: Final = (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))


def _of_container(container: Container) -> Iterator[Reference]:
    for index, item in enumerate(sequence(container.body.get("env"))):
        source = mapping(mapping(item).get("valueFrom"))
        for field, kind in _ENV:
            ref = mapping(source.get(field))
            if name := text(ref.get("name")):
                path = (*container.path, "env", index, "valueFrom", field)
                key = text(ref.get("key"))
                keys = ((key, (*path, "key")),) if key else ()
                yield Reference(kind, name, (*path, "name"), "env", ref.get("optional") is True, keys, container)
    for index, item in enumerate(sequence(container.body.get("envFrom"))):
        for field, kind in _ENV_FROM:
            ref = mapping(mapping(item).get(field))
            if name := text(ref.get("name")):
                path = (*container.path, "envFrom", index, field, "name")
                yield Reference(kind, name, path, "envFrom", ref.get("optional") is True, (), container)


# Volumes that name a Secret to reach their storage: the field of the volume, and where in it the name is.
_STORAGE: Final = (
    ("azureFile", ("secretName",)),
    ("csi", ("nodePublishSecretRef", "name")),
    ("rbd", ("secretRef", "name")),
    ("cephfs", ("secretRef", "name")),
    ("iscsi", ("secretRef", "name")),
    ("flexVolume", ("secretRef", "name")),
    ("scaleIO", ("secretRef", "name")),
    ("storageos", ("secretRef", "name")),
)


def _of_volumes(found: Template) -> Iterator[Reference]:
    for index, item in enumerate(sequence(found.spec.get("volumes"))):
        volume = mapping(item)
        path = (*found.path, "volumes", index)
        yield from _of_source(volume, path, "secretName")
        for at, source in enumerate(sequence(mapping(volume.get("projected")).get("sources"))):
            yield from _of_source(mapping(source), (*path, "projected", "sources", at), "name")
        if claim := text(mapping(volume.get("persistentVolumeClaim")).get("claimName")):
            yield Reference("PersistentVolumeClaim", claim, (*path, "persistentVolumeClaim", "claimName"), "claim")
        for field, steps in _STORAGE:
            holder: Any = volume.get(field)
            for step in steps:
                holder = mapping(holder).get(step)
            if name := text(holder):
                yield Reference("Secret", name, (*path, field, *steps), "volume")


def _of_source(holder: Mapping[str, Any], path: RawPath, name_of_secret: str) -> Iterator[Reference]:
    for field, kind, name_field in (("configMap", "ConfigMap", "name"), ("secret", "Secret", name_of_secret)):
        source = mapping(holder.get(field))
        if name := text(source.get(name_field)):
            keys = tuple(
                (key, (*path, field, "items", at, "key"))
                for at, item in enumerate(sequence(source.get("items")))
                if (key := text(mapping(item).get("key")))
            )
            yield Reference(kind, name, (*path, field, name_field), "volume", source.get("optional") is True, keys)
