"""GET requests to one API server, each bounded in time and size: a path in, the raw answer out.

Our own retry, because the library's has no deadline and honours any Retry-After; our own reading, because its timeouts are per
read and a server that drips one byte a second never trips them. Nothing but GET is ever sent.
"""

from __future__ import annotations

import random
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from auditor.live.login import Login
from auditor.manifests.documents import uncollected
from auditor.model import Unavailable

ATTEMPTS: Final = 3
"""Tries of one request."""
FIRST_WAIT: Final = 0.5
"""Seconds before the second try; each further one waits twice as long."""
LONGEST_WAIT: Final = 60.0
"""Seconds that a Retry-After is honoured; a longer one gives the cell up."""
CONNECT_SECONDS: Final = 10.0
LARGEST: Final = 128 * 1024 * 1024
"""Bytes of one answer. A page of 500 objects of the largest size etcd takes (1.5 MiB) can be more: the lister then asks for fewer."""
GIVE_UP_AFTER: Final = 3
"""Requests in a row without any answer, after which the server is asked whether it is there at all."""

_RETRIED: Final = frozenset({429, 500, 502, 503, 504})
_PIECE: Final = 1 << 18


class TooLarge(Unavailable):
    """An answer of more than `LARGEST` bytes."""

    def __init__(self) -> None:
        super().__init__("cluster", f"an answer is larger than {LARGEST >> 20} MiB", remedy="lower cluster.page_size")


class Late(Unavailable):
    """The deadline of the whole run has passed."""

    def __init__(self) -> None:
        super().__init__(
            "cluster", "the deadline of this run has passed", remedy="raise audit.deadline_seconds", reason="timeout"
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. `retry_after` in seconds, None where it did not say; `date` is the server's clock."""

    status: int
    content_type: str
    body: bytes
    retry_after: float | None = None
    date: datetime | None = None

    def json(self) -> Any:
        """The body as JSON values. Raises `ValueError` for what is not JSON by its type or by its text, strictly."""
        if self.content_type.partition(";")[0].strip().lower() != "application/json":
            raise ValueError(f"not JSON but {self.content_type.partition(';')[0].strip() or 'nothing named'}")
        with uncollected():
            return orjson.loads(self.body)

    def status_reason(self) -> str:
        """The `reason` of a Kubernetes Status ("NotFound", "Forbidden"); "" where the body is none, as from a proxy."""
        return str(self.status_object().get("reason") or "")

    def status_object(self) -> Mapping[str, Any]:
        try:
            found = self.json()
        except ValueError:
            return {}
        return found if isinstance(found, dict) and found.get("kind") == "Status" else {}


class Client:
    """One API server during one run. Not for several threads."""

    def __init__(
        self, login: Login, *, timeout_seconds: float, deadline: float, pause: Callable[[float], None] = time.sleep
    ) -> None:
        """`deadline` is on the monotonic clock; `timeout_seconds` bounds one request, all of it; `pause` waits between tries."""
        self.login, self.deadline = login, deadline
        self._pause = pause
        self._timeout = timeout_seconds
        self._unanswered = 0
        self.requests = 0
        """Requests sent so far."""

    def get(
        self, path: str, query: Mapping[str, str | int] | None = None, *, accept: str = "application/json"
    ) -> Answer:
        """The answer, whatever its status, after at most `ATTEMPTS` tries and one renewal of the token.

        Raises `Unavailable("cluster", …)` where there is none; of its kinds, `Late` after the deadline, and `TooLarge`.
        """
        if self._unanswered >= GIVE_UP_AFTER:
            self._see_whether_it_is_there()
        url = self.login.server + path + (f"?{urlencode(query)}" if query else "")
        renewed = False
        attempt = 1
        while True:
            wait = FIRST_WAIT * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, hides nothing
            try:
                answer = self._once(url, accept, again=renewed)
            except _NoAnswer as failed:
                if attempt >= failed.tries or time.monotonic() + wait > self.deadline:
                    self._unanswered += 1
                    raise failed.told from None
            else:
                self._unanswered = 0
                if answer.status == 401 and not renewed:
                    renewed = True
                    continue
                if answer.status not in _RETRIED or attempt == ATTEMPTS:
                    return answer
                if answer.retry_after is not None:
                    wait = answer.retry_after
                if wait > LONGEST_WAIT or time.monotonic() + wait > self.deadline:
                    return answer
            self._pause(wait)
            attempt += 1

    def _see_whether_it_is_there(self) -> None:
        """A dead server is not asked for every kind in turn. Raises `Unavailable`."""
        try:
            self._once(self.login.server + "/version", "application/json", seconds=5)
        except _NoAnswer as failed:
            raise failed.told from None
        self._unanswered = 0

    def _once(self, url: str, accept: str, *, again: bool = False, seconds: float | None = None) -> Answer:
        import urllib3

        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Late
        allowed = min(seconds or self._timeout, left)
        ends = time.monotonic() + allowed
        headers = {"Accept": accept, "User-Agent": "gitops-auditor"}
        if credential := self.login.authorization(again):
            headers["Authorization"] = credential
        timeout = urllib3.Timeout(connect=min(CONNECT_SECONDS, allowed), read=allowed)
        self.requests += 1
        try:
            response = self.login.pool.request(
                "GET", url, headers=headers, timeout=timeout, retries=False, redirect=False, preload_content=False
            )
            try:
                body = _read(response, ends)
            except BaseException:
                response.close()
                raise
            response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if time.monotonic() >= self.deadline:
                raise Late from None
            raise _explained(error, self.login, allowed) from None
        said = response.headers
        return Answer(
            response.status,
            said.get("Content-Type", ""),
            body,
            _seconds(said.get("Retry-After")),
            _date(said.get("Date")),
        )


def _read(response: Any, ends: float) -> bytes:
    """The whole body by `ends`, however slowly it drips; `socket.timeout` after it."""
    pieces: list[bytes] = []
    size = 0
    while True:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the body is not complete")
        connection = response.connection
        if connection is not None and isinstance(connection.sock, socket.socket):
            connection.sock.settimeout(left)
        piece = response.read1(_PIECE, decode_content=False)
        if not piece:
            return b"".join(pieces)
        size += len(piece)
        if size > LARGEST:
            raise TooLarge
        pieces.append(piece)


class _NoAnswer(Exception):
    """A request without an answer: what to say of it, and how often to try such a one."""

    def __init__(self, told: Unavailable, tries: int) -> None:
        super().__init__(told.message)
        self.told, self.tries = told, tries


def _explained(error: Exception, login: Login, seconds: float) -> _NoAnswer:
    """The library's errors, sorted by what a person can do about them."""
    import urllib3.exceptions as wrong

    causes = list(_causes(error))

    def told(message: str, remedy: str, reason: str, tries: int) -> _NoAnswer:
        return _NoAnswer(Unavailable("cluster", message, remedy=remedy, reason=reason), tries)

    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cause.verify_message or "it cannot be verified"
            remedy = (
                "renew the certificate of the API server" if "expired" in why else
                "correct certificate-authority of the cluster in the kubeconfig" if login.who.startswith("context") else
                "see that the ServiceAccount's ca.crt is that of this cluster"
            )  # fmt: skip
            return told(f"the certificate of {login.server} is not trusted: {why}", remedy, "network", 1)
    for cause in causes:
        if isinstance(cause, wrong.NameResolutionError | socket.gaierror):
            return told(
                f"the host of {login.server} is not known",
                "correct the server's address, or see to DNS",
                "network",
                ATTEMPTS,
            )
        if isinstance(cause, ConnectionRefusedError):
            return told(
                f"nobody listens at {login.server}",
                "see whether the API server is up and the address is right",
                "network",
                ATTEMPTS,
            )
        if isinstance(cause, ssl.SSLError):
            return told(
                f"{login.server} does not speak TLS as expected",
                "see that the address is that of the API server, and that the client certificate and its key belong together",
                "network",
                1,
            )
    if any(isinstance(cause, wrong.ProxyError) for cause in causes):
        return told(
            f"the proxy to {login.server} does not let us through",
            "correct proxy-url in the kubeconfig",
            "network",
            ATTEMPTS,
        )
    if any(isinstance(cause, wrong.TimeoutError | TimeoutError) for cause in causes):
        return told(
            f"{login.server} did not answer within {seconds:.3g} s",
            "see to its load, or raise cluster.timeout_seconds",
            "timeout",
            2,
        )
    if any(isinstance(cause, wrong.ProtocolError | ConnectionError) for cause in causes):
        return told(
            f"{login.server} broke off while it answered",
            "try again; see to the API server and what stands before it",
            "network",
            ATTEMPTS,
        )
    return told(
        f"{login.server} cannot be reached",
        "see whether the API server is up and the address is right",
        "network",
        ATTEMPTS,
    )


def _causes(error: BaseException) -> list[BaseException]:
    """An error and what it wraps: as cause, as context, or as the library does, as `reason` or as an argument."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and each not in found:
            found.append(each)
            waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
    return found


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds; API servers send no dates there."""
    return float(text) if text and text.isascii() and text.isdigit() else None


def _date(text: str | None) -> datetime | None:
    """The Date header; None where it is none, or names no time zone."""
    try:
        found = parsedate_to_datetime(text) if text else None
    except (TypeError, ValueError):
        return None
    return found if found and found.tzinfo else None
