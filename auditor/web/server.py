"""Serves an app in a thread: start, the address it got, a clean stop. The only user of uvicorn.

Limits are for strangers: a request's head has 10 seconds and 16 KiB, a connection a minute; a slow one costs no thread.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from auditor.model import Misuse

HEAD_SECONDS: Final = 10.0
CONNECTION_SECONDS: Final = 60.0
HEAD_BYTES: Final = 16 * 1024
CONNECTIONS: Final = 2000


class _Bounded(H11Protocol):
    """HTTP/1.1 with an end: uvicorn has no limit on how long a head may take (as slowloris knows)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            transport.abort()
            return
        self._timers = (
            self.loop.call_later(HEAD_SECONDS, self._end, True),
            self.loop.call_later(CONNECTION_SECONDS, self._end, False),
        )

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in getattr(self, "_timers", ()):
            timer.cancel()
        super().connection_lost(exc)

    def _end(self, only_without_request: bool) -> None:
        if not (only_without_request and self.cycle is not None):
            self.transport.abort()


class Server:
    """`start()` returns when it answers; `address` is where; `stop()` returns when all is closed.

    Port 0 takes a free one; `free_if_taken` does so where the port is in use. Raises `Misuse` where it cannot listen.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, *, free_if_taken: bool = False) -> None:
        self._socket = _listen(host, port, free_if_taken)
        bound = self._socket.getsockname()
        name = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        self.port: int = bound[1]
        self.address = f"http://{name}:{self.port}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=_Bounded,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=3,
                h11_max_incomplete_event_size=HEAD_BYTES,
            )
        )
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(0.01)

    def stop(self) -> None:
        """Ends it; requests in hand have three seconds. May be called twice, and before `start`."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(10)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _listen(host: str, port: int, free_if_taken: bool) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return _bound(family, address)
    except OSError as error:
        if free_if_taken and port:
            return _listen(host, 0, False)
        message = f"cannot listen on {host}:{port}: {error.strerror or error}"
        raise Misuse(
            message, remedy="set web.host and web.port to an address of this machine and a port that is free"
        ) from None


def _bound(family: int, address: Any) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(512)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
