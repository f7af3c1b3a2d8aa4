"""The app: a function that gives the published State in, a Starlette application out. It never audits, and asks nothing of anyone.

GET and HEAD only. Pages live under `/c/{cluster}`; `?format=json` gives the same as JSON with the shapes of the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auditor.logs import logger
from auditor.model import Unavailable
from auditor.publish.metrics import CONTENT_TYPE, exposition
from auditor.publish.state import State
from auditor.web.pages import Site
from auditor.web.rendering import SECURITY_HEADERS, json, page, plain, static_files
from auditor.web.status import status_form

log = logger()


def application(
    state: Callable[[], State],
    *,
    healthy: Callable[[], bool] = lambda: True,
    zone: tzinfo = UTC,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Starlette:
    """`state` gives what was published last, and may raise `Unavailable`; `healthy`: whether the process still works."""
    site = Site(state, zone, now)

    def metrics(request: Request) -> Response:
        return plain(request, exposition(state()), CONTENT_TYPE)

    def healthz(request: Request) -> Response:
        return plain(request, b"ok\n") if healthy() else plain(request, b"the schedule stands still\n", status=503)

    def readyz(request: Request) -> Response:
        trouble = state().trouble
        return plain(request, b"ready\n") if not trouble else plain(request, f"{trouble}\n".encode(), status=503)

    def status(request: Request) -> Response:
        return json(request, status_form(state(), now(), site.view))

    def static(request: Request) -> Response:
        found = static_files().get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return Response(found[1], media_type=found[0], headers={"Cache-Control": "public, max-age=31536000, immutable"})

    routes = [
        Route("/", site.home),
        Route("/c/{cluster}", site.overview),
        Route("/c/{cluster}/ns", site.namespaces),
        Route("/c/{cluster}/ns/{namespace}", site.namespace),
        Route("/c/{cluster}/ns/{namespace}/{kind}/{name}", site.object),
        Route("/c/{cluster}/cluster/{kind}/{name}", site.object),
        Route("/c/{cluster}/drift", site.drift),
        Route("/c/{cluster}/findings", site.findings),
        Route("/c/{cluster}/unknown", site.unknown),
        Route("/policies", site.policies),
        Route("/policies/{policy}", site.policy),
        Route("/api/v1/status", status),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        Route("/static/{name}", static),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(_SecurityHeaders)],
        exception_handlers={HTTPException: _refused, Unavailable: _unavailable, 500: _broken},
    )


class _SecurityHeaders:
    """Sets the headers that keep a page from doing anything but being read, on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        await self._app(scope, receive, guarded)


_TITLES = {
    400: "This address asks for what there is not",
    404: "There is no such page",
    405: "Only reading is possible here",
}


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    if status == 303 and error.headers:
        return RedirectResponse(error.headers["Location"], status)
    message = error.detail if status in (400, 404) and error.detail != "Not Found" else ""
    return page(
        request, "error.html", status, title=_TITLES.get(status, "This cannot be shown"), message=message, remedy=""
    )


def _unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, Unavailable)
    log.error("a page could not be shown", path=request.url.path, reason=error.message, remedy=error.remedy)
    message = f"The {error.stage} did not answer. Nothing is lost; runs continue."
    return page(request, "error.html", 503, title="This cannot be shown now", message=message, remedy=error.remedy)


def _broken(request: Request, error: Exception) -> Response:
    log.error("a page failed by a fault of the auditor's own", path=request.url.path, fault=type(error).__name__)
    message = "This is a fault of the auditor's own; its log says more."
    return page(request, "error.html", 500, title="This page failed", message=message, remedy="")
