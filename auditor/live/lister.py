"""All objects of one kind, in one namespace or everywhere: a served kind in, objects with the state of the reading out.

The only place that knows of pages. What is torn, odd or not a list at all never passes for "there is none"; one odd object
costs itself and not its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auditor.kube import kinds, secrets
from auditor.live.client import Answer, Client, Late, TooLarge
from auditor.live.discovery import Served
from auditor.live.projection import projected
from auditor.model import CellState, Problem, Ref, Resource, Severity, Unavailable

ODD_OBJECT: Final = "SRC301"

RESTARTS: Final = 2
"""Times that a list is begun anew when its continue token expires in the middle; then it is asked for without pages."""
DEEPEST: Final = 100
"""Levels of one object. Schemas bound the built-in kinds; custom resources may nest until code that walks them fails."""
SHRINK: Final = 8
"""By which a page is made smaller when it is too large, or when one object in it keeps all of it from being read."""

_CONTINUE = re.compile(rb'"continue"\s*:\s*"([A-Za-z0-9_\-=]+)"')
_NO_LISTS: Final = frozenset({"PartialObjectMetadataList", "Table"})


@dataclass(frozen=True, slots=True)
class Listing:
    """What came of it. `resources` is empty unless LISTED: half a list is no list."""

    state: CellState
    reason: str = ""
    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """How objects are read: for which cluster, under which key values are sealed, in pages of how many, and which are kept."""

    cluster: str
    key: secrets.Key
    page_size: int
    keeps: Callable[[str | None], bool]
    """By namespace; None for cluster-scoped objects."""


class _Stopped(Exception):
    def __init__(self, state: CellState, reason: str) -> None:
        super().__init__(reason)
        self.state, self.reason = state, reason


class _Expired(Exception):
    """The server has forgotten the moment that this list shows (410)."""


def list_objects(client: Client, served: Served, reading: Reading, *, namespace: str | None = None) -> Listing:
    """One consistent list, in as many pages as it takes. Raises nothing: what went wrong is the state."""
    for attempt in range(RESTARTS + 2):
        limit = reading.page_size if attempt <= RESTARTS else None
        try:
            return _read(client, served, reading, namespace, limit)
        except _Expired:
            continue
        except _Stopped as stopped:
            return Listing(stopped.state, stopped.reason)
        except Late:
            return Listing(CellState.UNAVAILABLE, "deadline")
        except Unavailable as broken:
            return Listing(CellState.UNAVAILABLE, broken.message)
    return Listing(CellState.UNAVAILABLE, "the list expired while it was being read")


def read_by_name(client: Client, served: Served, reading: Reading, name: str) -> Listing:
    """One cluster-scoped object as a list of one, or of none where the API server says that it is not there."""
    try:
        answer = client.get(served.path(None, name))
        if answer.status == 404 and answer.status_reason() == "NotFound":
            return Listing(CellState.LISTED)
        if answer.status != 200:
            raise _refused(answer)
        found = _resource(answer.json(), served, reading, None)
    except (_Expired, _Stopped) as stopped:
        state = stopped.state if isinstance(stopped, _Stopped) else CellState.UNAVAILABLE
        return Listing(state, str(stopped))
    except Late:
        return Listing(CellState.UNAVAILABLE, "deadline")
    except Unavailable as broken:
        return Listing(CellState.UNAVAILABLE, broken.message)
    except ValueError:
        return Listing(CellState.UNAVAILABLE, "the answer is not from the Kubernetes API")
    if isinstance(found, Problem):
        return Listing(CellState.UNAVAILABLE, found.message)
    return Listing(CellState.LISTED, "", (found,) if found else ())


def _read(client: Client, served: Served, reading: Reading, namespace: str | None, page_size: int | None) -> Listing:
    resources: list[Resource] = []
    problems: list[Problem] = []
    token, limit = "", page_size
    while True:
        query: dict[str, str | int] = {"limit": limit} if limit else {}
        if token:
            query["continue"] = token
        try:
            answer = client.get(served.path(namespace), query)
            items, following = _page(answer, served)
        except (TooLarge, _Undecodable) as unreadable:
            if limit is None or limit > 1:
                limit = max(1, (limit or reading.page_size) // SHRINK)
                continue
            following = _following(unreadable)
            items = []
            problems.append(_odd(served, None, reading, str(unreadable)))
        for item in items:
            found = _resource(item, served, reading, namespace)
            if isinstance(found, Problem):
                problems.append(found)
            elif found is not None:
                resources.append(found)
        if not following:
            return Listing(CellState.LISTED, "", tuple(resources), tuple(problems))
        if following == token:
            raise _Stopped(CellState.UNAVAILABLE, "the list does not go on: the same continue token again")
        token = following
        limit = min(page_size, limit * SHRINK) if page_size and limit else page_size


class _Undecodable(Exception):
    """A whole answer, of JSON by its type, that cannot be decoded: too deep, or not UTF-8."""

    def __init__(self, body: bytes) -> None:
        super().__init__("it is not valid JSON, or nested too deeply")
        self.body = body


def _following(unreadable: TooLarge | _Undecodable) -> str:
    """The continue token of a page of one object that cannot be decoded: metadata stands before the items."""
    if isinstance(unreadable, TooLarge):
        raise _Stopped(CellState.UNAVAILABLE, "one object is too large to be read")
    head, _, _ = unreadable.body.partition(b'"items"')
    if not unreadable.body.rstrip().endswith(b"}") or b'"metadata"' not in head:
        raise _Stopped(CellState.UNAVAILABLE, "the answer is not JSON")
    token = _CONTINUE.search(head)
    return token.group(1).decode() if token else ""


def _page(answer: Answer, served: Served) -> tuple[list[Any], str]:
    """The items of one page and the token of the next. Raises `_Stopped`, `_Expired`, `_Undecodable`."""
    if answer.status != 200:
        raise _refused(answer)
    if not answer.content_type.lower().startswith("application/json"):
        raise _Stopped(CellState.UNAVAILABLE, "the answer is not from the Kubernetes API")
    if not answer.body.strip():
        raise _Stopped(CellState.UNAVAILABLE, "the answer is empty")
    try:
        body = answer.json()
    except ValueError:
        raise _Undecodable(answer.body) from None
    kind = body.get("kind") if isinstance(body, dict) else None
    if not isinstance(kind, str) or not kind.endswith("List") or kind in _NO_LISTS:
        raise _Stopped(CellState.UNAVAILABLE, f"the answer is no list of {served.kind}")
    if body.get("apiVersion") != served.api_version:
        raise _Stopped(CellState.UNAVAILABLE, f"the answer is not of version {served.api_version}")
    items = body.get("items")
    metadata = body.get("metadata")
    if not isinstance(items, list | None) or not isinstance(metadata, dict | None):
        raise _Stopped(CellState.UNAVAILABLE, f"the answer is no list of {served.kind}")
    following = (metadata or {}).get("continue") or ""
    if not isinstance(following, str):
        raise _Stopped(CellState.UNAVAILABLE, "the list cannot be continued: its token is no text")
    return items or [], following


def _refused(answer: Answer) -> Exception:
    reason = answer.status_reason()
    if answer.status == 410:
        return _Expired()
    if answer.status == 403 and reason:
        return _Stopped(CellState.DENIED, "forbidden")
    if answer.status == 404 and (reason or answer.body.strip() == b"404 page not found"):
        return _Stopped(CellState.ABSENT, "not served any more")
    words = {401: "the credentials are not accepted any more", 429: "throttled"}
    named = f" ({reason})" if reason.isalnum() else ""
    return _Stopped(
        CellState.UNAVAILABLE, words.get(answer.status) or f"the API server answered {answer.status}{named}"
    )


def _resource(item: object, served: Served, reading: Reading, asked: str | None) -> Resource | Problem | None:
    """One object; None where nobody wants it; a Problem where it is odd."""
    if not isinstance(item, dict) or not isinstance(metadata := item.get("metadata"), dict):
        return _odd(served, None, reading, "it has no metadata")
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not isinstance(name, str) or not name:
        return _odd(served, None, reading, "it has no name")
    if served.namespaced and (not isinstance(namespace, str) or not namespace):
        return _odd(served, None, reading, f"{name} names no namespace")
    place = namespace if served.namespaced else None
    if asked is not None and place != asked:
        return _odd(served, None, reading, f"{name} is not of the namespace that was asked for, {asked}")
    if not reading.keeps(place):
        return None
    ref = Ref(reading.cluster, served.group, served.kind, place, name)
    if item.get("kind", served.kind) != served.kind or item.get("apiVersion", served.api_version) != served.api_version:
        return _odd(served, ref, reading, "it calls itself another kind or version than its list")
    if kinds.known(served.group, served.kind) is None and _deeper_than(item, DEEPEST):
        return _odd(served, ref, reading, f"it is nested deeper than {DEEPEST} levels")
    body = {"apiVersion": served.api_version, "kind": served.kind, **item}
    return projected(Resource(ref, served.api_version, secrets.seal(body, reading.key)))


def _odd(served: Served, ref: Ref | None, reading: Reading, why: str) -> Problem:
    what = str(ref) if ref else f"an object of kind {served.kind}"
    remedy = f"look at it with `kubectl get {served.plural}{'.' * bool(served.group)}{served.group} -A -o json`"
    return Problem(
        ODD_OBJECT,
        Severity.WARNING,
        f"{what} of cluster {reading.cluster or '?'} cannot be read: {why}",
        remedy,
        ref=ref,
    )


def _deeper_than(value: object, levels: int) -> bool:
    row: list[object] = [value]
    for _ in range(levels):
        inner: list[object] = []
        for each in row:
            if isinstance(each, Mapping):
                inner += each.values()
            elif isinstance(each, list):
                inner += each
        row = [each for each in inner if isinstance(each, Mapping | list)]
        if not row:
            return False
    return True
