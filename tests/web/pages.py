"""Asks an app for pages without a socket, and makes the states that pages are tested in."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import anyio
import httpx
from starlette.applications import Starlette

from auditor.model import Coverage, Score
from auditor.publish.state import ClusterState, Failure, State, Then
from auditor.web import application
from tests.publish import sample

LATER = sample.AT + timedelta(minutes=4)
CLUSTER = ClusterState(
    "prod-eu",
    sample.AUDIT,
    sample.AT,
    sample.AT,
    next_at=sample.AT + timedelta(minutes=5),
    since={f"{1:032x}": sample.AT - timedelta(days=9)},
    earlier=Then(
        sample.AT - timedelta(days=7),
        replace(
            sample.AUDIT.scores,
            cluster=Score(80.2, 30.0, 3, 0.0),
            namespaces={"checkout": Score(65.0, 30.0, 2, 0.0)},
        ),
    ),
)
STATE = State(clusters=(CLUSTER,), policies=sample.POLICIES, version="1.0")
EMPTY = replace(STATE, clusters=(ClusterState("empty", sample.NOTHING),))
NEVER = replace(STATE, clusters=(ClusterState("prod-eu", next_at=sample.AT + timedelta(minutes=5)),))
FAILED = replace(
    STATE,
    clusters=(
        replace(CLUSTER, failure=Failure(sample.AT, "cluster", "the API server did not answer", "check the network")),
    ),
)
GOOD = replace(
    STATE,
    clusters=(
        replace(
            CLUSTER,
            audit=replace(
                sample.AUDIT,
                drift=(),
                verdicts=sample.VERDICTS[2:4],
                problems=(),
                not_compared=(),
                coverage=Coverage(1.0, sample.AUDIT.coverage.cells[:1]),
            ),
        ),
    ),
)
FLEET = replace(STATE, clusters=(CLUSTER, ClusterState("staging"), EMPTY.clusters[0]))


def hostile(nasty: str) -> State:
    """One text in every field that others write."""
    audit = sample.hostile(nasty)
    failure = Failure(sample.AT, "git", nasty, nasty)
    cluster = ClusterState(audit.cluster, audit, sample.AT, sample.AT, failure)
    return replace(STATE, clusters=(cluster,), repositories={nasty: nasty})


def app(state: State | Callable[[], State], now: datetime = LATER, **over: Any) -> Starlette:
    return application(state if callable(state) else lambda: state, now=lambda: now, **over)


def client(of: Starlette) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(of, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://auditor", follow_redirects=True)


def get(of: Starlette, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """The answer, redirects followed."""

    async def ask() -> httpx.Response:
        async with client(of) as asking:
            return await asking.request(method, path, headers=headers)

    return anyio.run(ask)


def links(text: str, page: str) -> list[str]:
    """Addresses on this host that a page links to."""
    found = [html.unescape(one) for one in re.findall(r'href="([^"]*)"', text)]
    whole = [page.partition("?")[0] + one if one.startswith("?") else one for one in found]
    return [one.partition("#")[0] for one in whole if one.startswith("/")]


def crawl(of: Starlette, most: int = 200) -> dict[str, httpx.Response]:
    """Every page that can be reached from the first."""

    async def ask() -> dict[str, httpx.Response]:
        seen: dict[str, httpx.Response] = {}
        todo = ["/", "/api/v1/status"]
        async with client(of) as asking:
            while todo and len(seen) < most:
                path = todo.pop()
                if path not in seen:
                    seen[path] = await asking.get(path)
                    if seen[path].headers["content-type"].startswith("text/html"):
                        todo += links(seen[path].text, path)
        return seen

    return anyio.run(ask)


def words(response: httpx.Response) -> str:
    """The text of a page as it is read: no tags, one blank between words."""
    body = response.text.partition("<main")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())
