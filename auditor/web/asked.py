"""What a request asks for: its parameters, which page of a list, which findings. In: a request. Out: plain values, or a refusal."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from auditor.model import Severity, Verdict
from auditor.publish import tally
from auditor.publish.foreign import shorten
from auditor.web import urls
from auditor.web.view import View

_V = TypeVar("_V")
ROWS: Final = 50


def query(request: Request, *allowed: str) -> Mapping[str, str]:
    """The parameters; any but the allowed ones is refused by name, so that a slip of the pen is no empty list."""
    unknown = [name for name in request.query_params if name not in allowed]
    if unknown:
        raise HTTPException(400, f"There is no parameter {unknown[0]!r} here, only {', '.join(allowed)}.")
    if request.query_params.get("format", "html") not in ("html", "json"):
        raise HTTPException(400, "format is html or json")
    return request.query_params


def paged(request: Request, found: Sequence[_V], query: Mapping[str, str]) -> dict[str, Any]:
    """The rows of one page, which of how many they are, and the addresses of its neighbours."""
    text = query.get("page", "1")
    last = max(1, -(-len(found) // ROWS))
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= last:
        raise HTTPException(400, f"page is a number from 1 to {last}")
    number = int(text)
    start = (number - 1) * ROWS
    rest = {key: value for key, value in query.items() if key != "page"}

    def address(n: int) -> str | None:
        return urls.with_query(request.url.path, **rest, page=n if n > 1 else None) if 1 <= n <= last else None

    return {
        "rows": found[start : start + ROWS],
        "first": start + 1 if found else 0,
        "last": min(start + ROWS, len(found)),
        "total": len(found),
        "previous": address(number - 1),
        "next": address(number + 1),
        "json": urls.with_query(request.url.path, **rest, format="json"),
    }


def not_found(what: str, name: str, known: Sequence[str]) -> HTTPException:
    """The refusal, with the closest of the names that there are."""
    # anybody may ask for anything: the search is bounded
    near = difflib.get_close_matches(name[:80], [one[:80] for one in dict.fromkeys(known)][:500], 3)
    closest = f" Closest: {', '.join(shorten(one) for one in near)}." if near else ""
    return HTTPException(404, f"There is no {what} {shorten(name)!r} in what was read last.{closest}")


def chosen(seen: View, wanted: Mapping[str, str]) -> Sequence[tally.Open]:
    """The open findings that have all of the wanted policy, namespace and severity, worst first."""
    found: Sequence[tally.Open] = seen.findings
    if "policy" in wanted:
        found = next((row.findings for row in seen.policies if row.id == wanted["policy"]), ())
    if "namespace" in wanted:
        name = wanted["namespace"]
        if found is seen.findings:
            found = seen.findings_in.get(name or None, ())
        else:
            found = [one for one in found if (tally.namespace_of(one.finding.ref) or "") == name]
    if "severity" in wanted:
        severity = Severity(wanted["severity"])
        found = [one for one in found if one.finding.severity is severity]
    return found


def verdicts_with(found: Sequence[tally.Open]) -> list[Verdict]:
    """Each verdict once."""
    by_id = {id(one.verdict): one.verdict for one in found}
    return list(by_id.values())
