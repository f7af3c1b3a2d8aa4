"""Where each field of a rendered object is written: rendered objects and the files they were made of in, places out.

A field leads to the outermost patch that says its value, else to the manifest that does, else to the line of a kustomization
that sets such fields (an image's tag, a namespace, replicas, labels, a generator's entry), else to the manifest's field that was
changed on its way. What cannot be told leads to its nearest parent, at last to the first line of the object.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from auditor.desired.files import is_manifest
from auditor.kube import kinds, paths
from auditor.manifests.budget import Budget
from auditor.manifests.documents import documents
from auditor.manifests.places import Places, Written
from auditor.model import Body, RawPath

At = tuple[str, int, int]
"""File (by its name in the tree), line, column."""


@dataclass(frozen=True, slots=True)
class Text:
    """One document of a file: its value, and where its parts are written."""

    file: str
    value: Any = field(repr=False)
    places: Places = field(repr=False)
    fields: dict[Any, RawPath] = field(default_factory=dict, repr=False)
    """Its paths, by keys instead of positions; filled when first asked for."""

    def at(self, path: RawPath) -> At:
        line, column = self.places(path) or (1, 1)
        return self.file, line, column


@dataclass(frozen=True, slots=True)
class Texts:
    """Everything an object may have come from: manifests and patches by (kind, name), and the kustomizations, outermost first."""

    objects: Mapping[tuple[str, str], Sequence[Text]] = field(repr=False)
    kustomizations: Sequence[Text] = field(repr=False)
    files: frozenset[str]


def texts(files: Mapping[str, bytes], chain: Sequence[str]) -> Texts:
    """`files` by their names in the tree; `chain`: the kustomizations, outermost first."""
    objects: dict[tuple[str, str], list[Text]] = {}
    kustomizations: list[Text] = []
    order = {posixpath.dirname(name): index for index, name in enumerate(chain)}
    nearest = sorted(files, key=lambda name: order.get(_home(name, order), len(order)))
    for name in nearest:
        if not is_manifest(name) and name not in chain:
            continue
        for document in documents(files[name], Budget()):
            written = Written(document.text, document.first)
            for prefix, value in _objects(document.value, ()):
                text = Text(name, value, Places(written, prefix))
                if name in chain:
                    kustomizations.append(text)
                else:
                    objects.setdefault(_named(value), []).append(text)
    kustomizations.sort(key=lambda text: list(chain).index(text.file))
    return Texts(objects, kustomizations, frozenset(files))


def _home(name: str, order: Mapping[str, int]) -> str:
    """The folder of the kustomization that a file is below."""
    folder = posixpath.dirname(name)
    while folder and folder not in order:
        folder = posixpath.dirname(folder)
    return folder


def _objects(value: Any, prefix: RawPath) -> Iterator[tuple[RawPath, Mapping[str, Any]]]:
    if not isinstance(value, dict):
        return
    items = value.get("items")
    if str(value.get("kind", "")).endswith("List") and isinstance(items, list):
        for index, item in enumerate(items):
            yield from _objects(item, (*prefix, "items", index))
    else:
        yield prefix, value


def _named(value: Mapping[str, Any]) -> tuple[str, str]:
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return str(value.get("kind", "")), str(name or "")


def origin_of(
    body: Body, origin: str | None, configured: str | None, all_texts: Texts
) -> tuple[Text | None, list[Text]]:
    """The manifest that an object was (None for what was generated), and the patches that may have changed it, outermost first.

    `origin`: the file that kustomize names; `configured`: the kustomization whose generator made it.
    """
    kind, name = _named(body)
    of_kind = [(found, each) for (k, found), each in all_texts.objects.items() if k == kind and found and found in name]
    candidates = [text for _, each in sorted(of_kind, key=lambda pair: -len(pair[0])) for text in each]
    manifest = next((text for text in candidates if text.file == origin), None)
    patches = [text for text in candidates if text is not manifest and text.value.get("kind") == kind]
    if manifest is not None:
        own = _named(manifest.value)[1]
        patches = [text for text in patches if _named(text.value)[1] == own or _named(text.value)[1] == name]
    elif configured is None and origin is None:
        return None, patches
    return manifest, patches


def places(
    body: Body, manifest: Text | None, patches: Sequence[Text], configured: str | None, all_texts: Texts
) -> Iterator[tuple[RawPath, At]]:
    """The place of every path of an object that can be told."""
    kind = str(body.get("kind", ""))
    group = kinds.split_api_version(str(body.get("apiVersion", "")))[0]
    for path, value in walked(body, ()):
        steps = paths.steps_of(group, kind, body, path)
        found = _written(steps, value, group, kind, patches)
        if found is None and manifest is not None:
            found = _written(steps, value, group, kind, (manifest,))
        if found is None and not isinstance(value, Mapping | list):
            found = _set_by(path, value, body, all_texts)
        if found is None and configured is not None:
            found = _generated(path, body, configured, all_texts)
        if found is None and manifest is not None:
            raw = _fields(manifest, group, kind).get(steps)
            found = manifest.at(raw) if raw is not None else None
        if found is not None:
            yield path, found


def walked(value: Any, path: RawPath) -> Iterator[tuple[RawPath, Any]]:
    """Every path of a body with its value, parents first."""
    yield path, value
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from walked(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from walked(each, (*path, index))


def _fields(text: Text, group: str, kind: str) -> dict[Any, RawPath]:
    if not text.fields:
        for path, _ in walked(text.value, ()):
            text.fields[paths.steps_of(group, kind, text.value, path)] = path
    return text.fields


def _written(steps: Any, value: Any, group: str, kind: str, among: Sequence[Text]) -> At | None:
    """Where one of these says exactly this value; of a map or a list, that it is there at all is enough in a manifest."""
    for text in among:
        raw = _fields(text, group, kind).get(steps)
        if raw is None or not raw:
            continue
        said = _value(text.value, raw)
        if said == value and isinstance(said, bool) == isinstance(value, bool):
            return text.at(raw)
    return None


def _value(body: Any, path: RawPath) -> Any:
    for step in path:
        body = body[step]
    return body


_LABELS: Final = ("labels", "matchLabels", "selector")


def _set_by(path: RawPath, value: Any, body: Body, all_texts: Texts) -> At | None:
    """The line of a kustomization that sets such a field to this value."""
    last = path[-1] if path else ""
    parent = path[-2] if len(path) > 1 else ""
    for text in all_texts.kustomizations:
        said = text.value
        if not isinstance(said, dict):
            continue
        found: RawPath | None = None
        if last == "namespace" and said.get("namespace") == value:
            found = ("namespace",)
        elif last == "image":
            found = _image(said, str(value))
        elif path == ("spec", "replicas"):
            found = _replicas(said, value, _named(body)[1])
        elif parent in _LABELS or parent == "annotations":
            found = _pair(said, str(last), value, labels=parent != "annotations")
        found = found or _operation(said, path, value)
        if found is not None:
            return text.at(found)
    return None


def _image(said: Mapping[str, Any], value: str) -> RawPath | None:
    name = value.partition("@")[0]
    name = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    for index, entry in enumerate(_list(said, "images")):
        if isinstance(entry, dict) and str(entry.get("newName") or entry.get("name")) == name:
            for key in ("digest", "newTag", "newName"):
                if key in entry:
                    return ("images", index, key)
    return None


def _replicas(said: Mapping[str, Any], value: Any, name: str) -> RawPath | None:
    for index, entry in enumerate(_list(said, "replicas")):
        if isinstance(entry, dict) and entry.get("count") == value and str(entry.get("name", "")) in name:
            return ("replicas", index, "count")
    return None


def _pair(said: Mapping[str, Any], key: str, value: Any, *, labels: bool) -> RawPath | None:
    common = said.get("commonLabels" if labels else "commonAnnotations")
    if isinstance(common, dict) and key in common and common[key] == value:
        return ("commonLabels" if labels else "commonAnnotations", key)
    for index, entry in enumerate(_list(said, "labels") if labels else ()):
        pairs = entry.get("pairs") if isinstance(entry, dict) else None
        if isinstance(pairs, dict) and key in pairs and pairs[key] == value:
            return ("labels", index, "pairs", key)
    return None


def _operation(said: Mapping[str, Any], path: RawPath, value: Any) -> RawPath | None:
    """A JSON patch (RFC 6902) in the kustomization itself that sets this path to this value."""
    if not path:
        return None
    pointer = "/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in path)
    for name in ("patches", "patchesJson6902"):
        for index, entry in enumerate(_list(said, name)):
            patch = entry.get("patch") if isinstance(entry, dict) else None
            if not isinstance(patch, str) or pointer.rpartition("/")[2] not in patch:
                continue
            for document in documents(patch.encode(), Budget()):
                operations = document.value if isinstance(document.value, list) else [document.value]
                for operation in operations:
                    if isinstance(operation, dict) and _says(operation, path, pointer, value):
                        return (name, index, "patch")
    return None


def _says(said: Mapping[str, Any], path: RawPath, pointer: str, value: Any) -> bool:
    """Whether an operation sets this path, or a strategic patch says this value."""
    if "op" in said:
        return said.get("path") == pointer and said.get("value") == value
    here: Any = said
    for step in path:
        here = here.get(step) if isinstance(here, dict) else None
    return bool(here == value)


def _generated(path: RawPath, body: Body, configured: str, all_texts: Texts) -> At | None:
    """The entry of a generator, or the literal in it, or the file, that gives a key of a ConfigMap or Secret."""
    name = _named(body)[1]
    for text in all_texts.kustomizations:
        if text.file != configured or not isinstance(text.value, dict):
            continue
        for list_name in ("configMapGenerator", "secretGenerator"):
            for index, entry in enumerate(_list(text.value, list_name)):
                if not isinstance(entry, dict) or not entry.get("name") or str(entry["name"]) not in name:
                    continue
                if len(path) == 2 and path[0] in ("data", "binaryData", "stringData"):
                    return _datum(str(path[1]), text, (list_name, index), entry, all_texts)
                if not path:
                    return text.at((list_name, index))
    return (configured, 1, 1) if not path else None


def _datum(key: str, text: Text, at: RawPath, entry: Mapping[str, Any], all_texts: Texts) -> At:
    for index, literal in enumerate(_list(entry, "literals")):
        if str(literal).partition("=")[0] == key:
            return text.at((*at, "literals", index))
    for index, said in enumerate(_list(entry, "files")):
        given, equals, path = str(said).partition("=")
        path = path if equals else given
        if (given if equals else posixpath.basename(path)) == key:
            file = posixpath.normpath(posixpath.join(posixpath.dirname(text.file), path))
            return (file, 1, 1) if file in all_texts.files else text.at((*at, "files", index))
    return text.at(at)


def _list(value: Mapping[str, Any], key: str) -> Sequence[Any]:
    found = value.get(key)
    return found if isinstance(found, list) else ()
