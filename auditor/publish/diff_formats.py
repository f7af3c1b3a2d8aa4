"""`auditor diff` in other forms: JSON and YAML for programs, Markdown for a comment on a change, unified for whoever reads patches.

All of them are made of the JSON form, in which what is secret is gone already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from auditor.model import Audit
from auditor.publish import jsonform
from auditor.publish.encoding import dumps
from auditor.publish.foreign import visible
from auditor.publish.hunks import hunks

FORMS: Final = ("json", "yaml", "markdown", "unified")
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>#|~@!&])")
_ROWS: Final = 200
"""Rows of the Markdown tables: a comment on GitHub ends at 65,536 characters."""
_SHORT: Final = 120
_LINES: Final = 2_000
"""Lines of one value that are written out."""


def rendered(form: str, audit: Audit, *, context: int = 3) -> bytes:
    """`form`: one of FORMS; `context`: unchanged lines around a change within a text. Bytes, with a line end."""
    said = jsonform.diff_form(audit)
    if form == "json":
        return dumps(said)
    if form == "yaml":
        from auditor.manifests.dumping import dumped
        from auditor.publish.encoding import plain

        return _encoded(dumped(plain(said)))
    lines = _markdown(said) if form == "markdown" else _unified(said, context)
    return _encoded("".join(f"{line}\n" for line in lines))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


# --- unified -------------------------------------------------------------------------------------------------------------------


def _unified(said: Mapping[str, Any], context: int) -> Iterator[str]:
    """One file for each object, one hunk for each field; in a long text one for each place that differs."""
    for drift in said["drift"]:
        name = _named(drift["ref"])
        wanted = _where(drift["place"]) or name
        yield f"--- git  {'/dev/null' if drift['kind'] in ('unmanaged', 'orphaned') else wanted}"
        yield f"+++ live {'/dev/null' if drift['kind'] == 'missing' else name}"
        if not drift["changes"]:
            yield f"@@ {drift['kind']} @@ {visible(drift['reason'])}".rstrip()
        for change in drift["changes"]:
            yield from _change(change, context)
    for one in said["ignored"]:
        yield f"# ignored: {_named(one['ref'])} {visible(one['path'])}: {visible(one['reason'])}"


def _change(change: Mapping[str, Any], context: int) -> Iterator[str]:
    head = " ".join(filter(None, (_where(change["place"]), _who(change["owner"]))))
    desired, live = change["desired"], change["live"]
    yield f"@@ {visible(change['path'])} @@ {head}".rstrip()
    if isinstance(desired, str) and isinstance(live, str) and "\n" in desired + live and desired != live:
        found = hunks(desired, live, context)
        yield from (line[:1] + visible(line[1:]) for line in found[:_LINES])
        if len(found) > _LINES:
            yield f"… {len(found) - _LINES:,} more lines"
        return
    for sign, value in (("-", desired), ("+", live)):
        if value is not None:
            yield from (f"{sign}{line}" for line in _written(value))


def _written(value: Any) -> list[str]:
    """A value as YAML, in lines; what is redacted stays so, and what is long is cut, with its length."""
    if _is_redacted(value):
        return ["(redacted)"]
    from auditor.manifests.dumping import dumped

    lines = dumped(value).removesuffix("\n").removesuffix("\n...").split("\n")
    shown = [visible(_cut(line)) for line in lines[:_LINES]]
    return [*shown, f"… {len(lines) - _LINES:,} more lines"] if len(lines) > _LINES else shown


def _cut(text: str, most: int = 400) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


# --- Markdown ------------------------------------------------------------------------------------------------------------------


def _markdown(said: Mapping[str, Any]) -> Iterator[str]:
    """A heading with the count, a table for each object, at most 200 rows; what waits to be applied comes last."""
    standing = [drift for drift in said["drift"] if not drift["pending"]]
    waiting = [drift for drift in said["drift"] if drift["pending"]]
    yield f"### auditor diff: {_count(len(standing), 'object')} drifted" if standing else "### auditor diff: no drift"
    room = _ROWS
    for drift in (*standing, *waiting):
        if room <= 0:
            yield ""
            yield "… and more: `auditor diff` shows all."
            break
        mark = ", git is ahead" if drift["pending"] else ""
        yield ""
        yield f"**{_inert(_named(drift['ref']))}**: {drift['kind']}{mark}{_reason(drift)}"
        if drift["changes"]:
            yield ""
            yield "| field | git | live | who | where |"
            yield "|---|---|---|---|---|"
        for change in drift["changes"][:room]:
            cells = (
                *(_inert(change["path"]), _value(change["desired"]), _value(change["live"])),
                *(_inert(_who(change["owner"])), _inert(_where(change["place"]))),
            )
            yield f"| {' | '.join(cells)} |"
        room -= len(drift["changes"]) + 1
    if said["ignored"]:
        yield ""
    for one in said["ignored"][: max(room, 0)]:
        yield f"- ignored: {_inert(_named(one['ref']))} {_inert(one['path'])}: {_inert(one['reason'])}"
    for count, words in (
        (len(said["not_compared"]), "could not be compared"),
        (said["ignored_by_rules"], "ignored by rules"),
    ):
        if count:
            yield ""
            yield f"{count:,} {words}."


def _reason(drift: Mapping[str, Any]) -> str:
    said = "; ".join(filter(None, (drift["reason"], _where(drift["place"]) if not drift["changes"] else "")))
    return f" ({_inert(said)})" if said else ""


def _value(value: Any) -> str:
    if value is None:
        return "(not set)"
    if _is_redacted(value):
        return "(redacted)"
    if isinstance(value, str):
        lines = value.count("\n") + 1
        if lines > 1:
            return f"text of {lines:,} lines, {len(value):,} characters"
    text = value if isinstance(value, str) and value else dumps(value).decode().strip()
    return _inert(text[:_SHORT] + (f"… ({len(text):,} characters)" if len(text) > _SHORT else ""))


def _inert(text: str) -> str:
    """Nothing in it is markup, a link or a mention."""
    return _MARKUP.sub(r"\\\1", visible(text)).replace("\n", " ")


# --- words -----------------------------------------------------------------------------------------------------------------------


def _is_redacted(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("redacted") is True


def _named(ref: Mapping[str, Any]) -> str:
    return visible(
        f"{ref['kind']} {ref['namespace']}/{ref['name']}" if ref["namespace"] else f"{ref['kind']} {ref['name']}"
    )


def _where(place: Mapping[str, Any] | None) -> str:
    return visible(f"{place['file']}:{place['line']}") if place else ""


def _who(owner: Mapping[str, Any] | None) -> str:
    if owner is None:
        return ""
    sure = {"recorded": "", "likely": "likely ", "unknown": "perhaps "}[owner["certainty"]]
    via = f"/{owner['subresource']}" if owner["subresource"] else ""
    at = f" {owner['time']}" if owner["time"] and not sure else ""
    return visible(f"{sure}{owner['manager']}{via}{at}")


def _count(number: int, one: str) -> str:
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"
