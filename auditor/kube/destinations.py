"""Where a GitOps tool puts an object that names no namespace: the object and the tools' own objects in, a namespace out.

Argo CD's destination fills in what is absent; Flux's `targetNamespace` replaces what is written. A tool's object is taken to
deploy a file when its path is a folder above that file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.surroundings import Surroundings
from auditor.model import Resource


@dataclass(frozen=True, slots=True)
class Destination:
    """A namespace that a tool sets, whether it replaces a written one, and which object says so."""

    namespace: str
    replaces: bool
    said_by: Resource


def destination(resource: Resource, around: Surroundings) -> Destination | None:
    """Where a tool puts the object, or None where no object of a tool says so. Raises nothing."""
    if resource.origin is None:
        return None
    by_folder = around.once("destinations", lambda: dict(_by_folder(around)))
    if not by_folder:
        return None
    folders = resource.origin.file.split("/")[:-1]
    ends = range(len(folders), 0, -1)
    spans = ("/".join(folders[start:end]) for end in ends for start in range(end))
    return next((by_folder[span] for span in spans if span in by_folder), None)


def applier(resource: Resource, around: Surroundings) -> Resource | None:
    """The object of a tool that applies the file of this one, if any, whether or not it names a namespace. Raises nothing."""
    if resource.origin is None:
        return None
    by_folder = around.once("appliers", lambda: dict(_applied(around)))
    folders = resource.origin.file.split("/")[:-1] if by_folder else []
    spans = ("/".join(folders[start:end]) for end in range(len(folders), 0, -1) for start in range(end))
    return by_folder.get("") or next((by_folder[span] for span in spans if span in by_folder), None)


def creates_namespace(name: str, around: Surroundings) -> Resource | None:
    """The object of a tool that is told to create the namespace, if any: everything in it may rely on that. Raises nothing."""
    return around.once("created-namespaces", lambda: dict(_created(around))).get(name)


def _by_folder(around: Surroundings) -> Iterator[tuple[str, Destination]]:
    for tool in around.every("Application.argoproj.io"):
        spec = mapping(tool.body.get("spec"))
        namespace = text(at(spec, "destination", "namespace"))
        for source in (spec.get("source"), *sequence(spec.get("sources"))):
            if namespace and (folder := _folder(at(source, "path"))):
                yield folder, Destination(namespace, False, tool)
    for tool in around.every("Kustomization.kustomize.toolkit.fluxcd.io"):
        namespace = text(at(tool.body, "spec", "targetNamespace"))
        if namespace and (folder := _folder(at(tool.body, "spec", "path"))):
            yield folder, Destination(namespace, True, tool)


def _applied(around: Surroundings) -> Iterator[tuple[str, Resource]]:
    """(folder, tool) of every path that a tool applies; "" for a repository as a whole."""
    for tool in around.every("Application.argoproj.io"):
        spec = mapping(tool.body.get("spec"))
        for source in (spec.get("source"), *sequence(spec.get("sources"))):
            if isinstance(path := at(source, "path"), str):
                yield _folder(path), tool
    for tool in around.every("Kustomization.kustomize.toolkit.fluxcd.io"):
        yield _folder(at(tool.body, "spec", "path")), tool


def _created(around: Surroundings) -> Iterator[tuple[str, Resource]]:
    for tool in around.every("Application.argoproj.io"):
        options = sequence(at(tool.body, "spec", "syncPolicy", "syncOptions"))
        if "CreateNamespace=true" in options:
            yield text(at(tool.body, "spec", "destination", "namespace")), tool
    for tool in around.every("HelmRelease.helm.toolkit.fluxcd.io"):
        spec = mapping(tool.body.get("spec"))
        if at(spec, "install", "createNamespace") is True:
            yield text(spec.get("targetNamespace")) or tool.ref.namespace or "", tool


def _folder(path: object) -> str:
    folder = text(path).removeprefix("./").strip("/")
    return "" if folder == "." else folder
