"""What kind of object a broken manifest was meant to be: its text in, the likely kinds with their schemas out."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from auditor.kube import kinds, schema
from auditor.kube.nearest import nearest
from auditor.manifests import conformity

_SAID: Final = re.compile(
    r"^[\"']?(?P<key>apiVersion|kind)[\"']?[ \u00a0\u3000]*[:\uff1a]?[ \t\u00a0\u3000]*[\"'\u201c\u2018]?(?P<value>[\w./-]+)",
    re.MULTILINE | re.IGNORECASE,
)
_BEGINS: Final = re.compile(r"^[\"']?([A-Za-z]\w*)[\"']?[ \u00a0\u3000]*[:\uff1a]")
_RULER: Final = re.compile(r"^(--|- - -|[\u2013\u2014\uff0d]{1,3})[ ]*$")


class Head(NamedTuple):
    """One kind that may be meant. `api_version` and `kind` are as they should be written."""

    api_version: str
    kind: str
    node: schema.Node


def heads(text: str) -> list[Head]:
    """The kinds that a document may be meant to be of; none where nothing tells."""
    said = {match["key"].lower(): match["value"] for match in reversed(list(_SAID.finditer(text)))}
    api_version, kind = said.get("apiversion"), said.get("kind")
    if api_version and kind:
        found = _head(api_version, kind)
        return [found] if found else []
    if kind:
        homes = [known for known in kinds.BUILT_IN.values() if known.kind == kind and known.listable]
        return [head for known in homes if (head := _of(known))]
    if api_version:
        group = kinds.split_api_version(api_version)[0]
        of_group = [known for known in kinds.BUILT_IN.values() if known.group == group and known.listable]
        return [head for known in of_group if (head := _of(known)) and head.api_version == api_version]
    return []


def _head(api_version: str, kind: str) -> Head | None:
    node = conformity.node_of(api_version, kind)
    if node is not None:
        return Head(api_version, kind, node)
    group, _ = kinds.split_api_version(api_version)
    homes = [known for known in kinds.BUILT_IN.values() if known.kind == kind]
    known = next((home for home in homes if home.group == group), homes[0] if homes else None)
    if known is None:
        near = nearest(kind, {each.kind for each in kinds.BUILT_IN.values() if each.group == group})
        known = kinds.known(group, near) if near else None
    if known is None or ("." in group and group not in kinds.GROUPS):
        return Head(api_version, kind, schema.custom())
    return _of(known)


def _of(known: kinds.Kind) -> Head | None:
    node = schema.node(known.group, known.version, known.kind)
    api_version = f"{known.group}/{known.version}" if known.group else known.version
    return None if node is None else Head(api_version, known.kind, node)


class Part(NamedTuple):
    """A part of a text that is a document of its own. `first` counts from 0; `ruler`: the line meant as --- above it, if there is one."""

    first: int
    text: str
    ruler: int | None = None


def parts(text: str) -> list[Part]:
    """The documents in a text without a line ---: one begins where apiVersion or kind stand for the second time."""
    written = text.split("\n")
    found: list[Part] = []
    seen: set[str] = set()
    begin, ruler, last_ruler = 0, None, None
    for number, line in enumerate(written):
        if _RULER.match(line.rstrip()):
            last_ruler = number
            continue
        match = _BEGINS.match(line)
        if not match:
            continue
        key = match[1].lower()
        if key in seen and key in ("apiversion", "kind") and {"apiversion", "kind"} < seen:
            start = (
                last_ruler
                if last_ruler is not None and last_ruler >= begin and _blank(written, last_ruler + 1, number)
                else number
            )
            found.append(Part(begin, "\n".join(written[begin:start]), ruler))
            ruler = start if start != number else None
            begin, seen = (start + 1 if ruler is not None else number), set()
        seen.add(key)
    return [*found, Part(begin, "\n".join(written[begin:]), ruler)]


def _blank(written: list[str], start: int, end: int) -> bool:
    return all(not line.strip() or line.lstrip().startswith("#") for line in written[start:end])
