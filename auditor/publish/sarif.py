"""SARIF 2.1.0, as GitHub's code scanning and other viewers take it: a `Listed` in, one JSON document out.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. What viewers ask beyond the schema: `results` is there when
nothing was found, every result has a line of a file below the repository's root, `partialFingerprints` make it the same result
in the next run, waivers are `suppressions`, and there are at most 25,000 results (the worst are kept).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from auditor import __version__
from auditor.model import Policy, Severity
from auditor.publish.encoding import dumps
from auditor.publish.foreign import visible
from auditor.publish.jsonform import moment
from auditor.publish.listed import Item, Listed

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST: Final = 25_000
_LEVELS: Final[Mapping[Severity, str]] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
}
_PAGE: Final = re.compile(r"https://kubernetes\.io/[^\s,;)]+")
_STATES: Final = {"open": "new", "known": "unchanged"}


def document(listed: Listed, *, compared: bool = False) -> bytes:
    """The document. `compared`: a baseline was given, so each result also says whether it is new."""
    rules: dict[str, dict[str, Any]] = {policy.id: _rule(policy) for policy in listed.policies}
    items = listed.items
    for item in items:
        if item.code not in rules:
            rules[item.code] = _rule_of_problem(item)
    index = {rule: number for number, rule in enumerate(rules)}
    if left := len(items) - MOST:
        items = tuple(sorted(items, key=lambda item: (item.status != "open", -item.severity.rank)))[:MOST]
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "gitops-auditor",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": list(rules.values()),
            }
        },
        "invocations": [{"executionSuccessful": True, "endTimeUtc": moment(listed.audit.at), **_left_out(left)}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(listed, item, index, compared=compared) for item in items],
    }
    return dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=True)


def _left_out(left: int) -> Mapping[str, Any]:
    if left <= 0:
        return {}
    said = f"{left:,} results are left out: viewers take {MOST:,}; the worst were kept"
    return {"toolExecutionNotifications": [{"level": "warning", "message": {"text": said}}]}


def _rule(policy: Policy) -> dict[str, Any]:
    why = " ".join(policy.rationale.split())
    page = _PAGE.search(why)
    return {
        "id": policy.id,
        "name": "".join(word.capitalize() for word in policy.name.split("-")),
        "shortDescription": {"text": policy.title.rstrip(".")},
        "fullDescription": {"text": f"{policy.title} {why}"},
        "help": {
            "text": f"{why}\n\nMend: {policy.remedy}.",
            "markdown": f"{why}\n\n**Mend:** {policy.remedy}.\n\n`auditor explain {policy.id}` shows examples.",
        },
        **({"helpUri": page[0].rstrip(".")} if page else {}),
        "defaultConfiguration": {"level": _LEVELS[policy.severity]},
        "properties": {"tags": ["kubernetes", policy.name], "problem.severity": _severity(policy.severity)},
    }


def _rule_of_problem(item: Item) -> dict[str, Any]:
    """Problems have no catalogue: what is said of all of one code is what their code's letters mean."""
    what = {"MAN": "manifest", "SRC": "source", "WVR": "waiver"}.get(item.code[:3], "input")
    said = f"A {what} that cannot be taken as it is"
    return {
        "id": item.code,
        "shortDescription": {"text": said},
        "help": {"text": f"{said}; each result says why and what to do."},
        "defaultConfiguration": {"level": _LEVELS[item.severity]},
        "properties": {"tags": ["kubernetes", what], "problem.severity": _severity(item.severity)},
    }


def _severity(severity: Severity) -> str:
    """In GitHub's word."""
    return "recommendation" if severity is Severity.INFO else severity.value


def _result(listed: Listed, item: Item, index: Mapping[str, int], *, compared: bool) -> dict[str, Any]:
    said = f"{visible(item.message)}. Mend: {visible(item.remedy)}." if item.remedy else f"{visible(item.message)}."
    result: dict[str, Any] = {
        "ruleId": item.code,
        "ruleIndex": index[item.code],
        "level": _LEVELS[item.severity],
        "message": {"text": said},
        "locations": [_location(listed, item)],
        "partialFingerprints": {"auditorFinding/v1": item.fingerprint},
    }
    if item.status == "waived":
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": visible(item.reason)}]
    elif compared:
        result["baselineState"] = _STATES[item.status]
    return result


def _location(listed: Listed, item: Item) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if item.place:
        file = listed.file(item.place)
        artifact = {"uri": quote(file, safe="/", errors="surrogateescape")}
        if file.startswith("/"):
            artifact["uri"] = f"file://{artifact['uri']}"
        else:
            artifact["uriBaseId"] = "%SRCROOT%"
        region = {"startLine": max(item.place.line, 1), "startColumn": max(item.place.column, 1)}
        found["physicalLocation"] = {"artifactLocation": artifact, "region": region}
    if item.ref:
        name = "/".join(part for part in (item.ref.namespace, item.ref.kind, item.ref.name) if part)
        path = f"/{item.path}" if item.path else ""
        found["logicalLocations"] = [{"fullyQualifiedName": visible(name + path), "kind": "resource"}]
    return found
