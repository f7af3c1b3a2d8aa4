"""Waivers as people write them: an annotation of an object, or an entry of a waivers file, in; a `Waiver`, or what is wrong, out.

An annotation: `gitops-auditor.io/waive.POD001: "reason=…; until=2027-12-31; by=team-x"`, with `container=web` where only one
container is meant. A waivers file is called `waivers.yaml` (or `.yml`) and lies in a source, beside the manifests:

    waivers:
    - policy: POD001
      namespace: shop-*       # globs; kind, namespace and name, at least one of them; container where one is meant
      kind: Pod
      reason: moves to a Job in July
      owner: team-x
      until: 2027-12-31
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from auditor.model import Place, Problem, Ref, Resource, Severity, Waiver

PREFIX: Final = "gitops-auditor.io/waive."
_ID: Final = re.compile(r"[A-Z]{2,10}[0-9]{3}[a-z]?")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PARTS: Final = ("reason", "until", "by", "container", "ref")
_REMEDY: Final = 'write it as "reason=…; until=YYYY-MM-DD; by=…"'
_GLOBS: Final = ("kind", "namespace", "name")
_KEYS: Final = ("policy", *_GLOBS, "container", "reason", "owner", "until", "ref")
_FILE_REMEDY: Final = "give policy, reason, owner, until: YYYY-MM-DD, and whom it is for: namespace, kind or name"


def of_object(resource: Resource) -> Iterator[Waiver | Problem]:
    """The waivers among the annotations of an object."""
    for key, value in resource.annotations().items():
        if isinstance(key, str) and key.startswith(PREFIX):
            yield _annotation(resource, key, value)


def of_file(document: Resource) -> Iterator[Waiver | Problem]:
    """The waivers of one document of a waivers file."""
    entries = document.body.get("waivers")
    unknown = [key for key in document.body if key != "waivers"]
    if unknown or not isinstance(entries, list):
        what = f"{str(unknown[0])[:40]!r} is not understood" if unknown else "waivers: is no list"
        place = document.place((unknown[0],) if unknown else ("waivers",))
        yield _fault(f"{document.ref.name}: {what}", "a waivers file is a list under waivers:", place, None)
        return
    for index, entry in enumerate(entries):
        yield _entry(document, index, entry)


def _annotation(resource: Resource, key: str, value: object) -> Waiver | Problem:
    policy = key.removeprefix(PREFIX)
    what = f"waiver of {policy} on {resource.ref}"
    place = resource.place(("metadata", "annotations", key))

    def fault(message: str, remedy: str = _REMEDY) -> Problem:
        return _fault(message, remedy, place, resource.ref)

    if not _ID.fullmatch(policy):
        return fault(f"{what}: {policy!r} is no policy id", "name the id, such as POD001")
    parts: dict[str, str] = {}
    for piece in str(value).split(";"):
        name, equals, said = (part.strip() for part in piece.partition("="))
        if piece.strip() and (not equals or name not in _PARTS):
            return fault(f"{what}: {piece.strip()[:40]!r} is not understood")
        if name and name in parts:
            return fault(f"{what} says {name} twice")
        parts[name] = said
    lacking = [name for name in ("reason", "until", "by") if not parts.get(name)]
    if lacking:
        return fault(f"{what} says no {' and no '.join(lacking)}")
    until = _day(parts["until"])
    if until is None:
        return fault(f"{what}: until={parts['until'][:40]!r} is no day")
    container = parts.get("container", "")
    return Waiver(policy, parts["reason"], parts["by"], until, place, holder=resource.ref, container=container)


def _entry(document: Resource, index: int, entry: Any) -> Waiver | Problem:
    what = f"waiver {index + 1} of {document.ref.name}"

    def fault(message: str, key: str = "", remedy: str = _FILE_REMEDY) -> Problem:
        path = ("waivers", index, key) if key else ("waivers", index)
        return _fault(f"{what}{message}", remedy, document.place(path), None)

    if not isinstance(entry, Mapping):
        return fault(" is no map")
    said: dict[str, str] = {}
    for key, value in entry.items():
        if key not in _KEYS:
            return fault(f": {str(key)[:40]!r} is not understood", str(key))
        if isinstance(value, bool) or not isinstance(value, str | int | None):  # `owner: y` is true
            return fault(f": {key} is no text", key, "put it in quotes")
        said[key] = "" if value is None else str(value).strip()
    lacking = [key for key in ("policy", "reason", "owner", "until") if not said.get(key)]
    if lacking:
        return fault(f" says no {' and no '.join(lacking)}")
    if not any(said.get(key) for key in _GLOBS):
        return fault(' is for everything: it says neither namespace nor kind nor name ("*" means all of them)')
    if not _ID.fullmatch(said["policy"]):
        return fault(f": {said['policy'][:40]!r} is no policy id", "policy", "name the id, such as POD001")
    until = _day(said["until"])
    if until is None:
        return fault(f": until: {said['until'][:40]!r} is no day", "until")
    return Waiver(
        policy=said["policy"],
        reason=said["reason"],
        by=said["owner"],
        until=until,
        place=document.place(("waivers", index, "policy")),
        kind=said.get("kind", ""),
        namespace=said.get("namespace", ""),
        name=said.get("name", ""),
        container=said.get("container", ""),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def _fault(message: str, remedy: str, place: Place | None, ref: Ref | None) -> Problem:
    return Problem("WVR001", Severity.WARNING, message, remedy, place, ref)
