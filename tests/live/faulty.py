"""A small API server that fails on command, for what a real one cannot be made to do: `Faulty`, with its objects and its faults.

It serves ConfigMaps, Deployments and Widgets (example.com/v1, a custom kind) in pages, with aggregated discovery. A fault is a
function that is asked before the healthy answer: (path, query, number of this path's request, from 1) -> Reply or None.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from auditor.settings import ClusterSettings

KINDS = {
    "/api/v1": ("", "v1", "ConfigMap", "configmaps"),
    "/apis/apps/v1": ("apps", "v1", "Deployment", "deployments"),
    "/apis/example.com/v1": ("example.com", "v1", "Widget", "widgets"),
}


@dataclass(frozen=True)
class Reply:
    """`cut`: bytes of the body that are sent before the connection breaks; `drip`: seconds between bytes; `stall`: bytes after
    which no more come; `wait`: seconds before anything."""

    status: int = 200
    body: bytes | dict[str, Any] = b""
    content: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: float = 0
    stall: int | None = None
    wait: float = 0
    chunked: bool = False


Fault = Callable[[str, dict[str, str], int], Reply | None]


def status(code: int, reason: str, **details: Any) -> Reply:
    """A Kubernetes Status."""
    return Reply(
        code,
        {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "details": details},
    )


@dataclass
class Seen:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


class Faulty:
    """The server. `objects[(kind, namespace)]` are items of lists; `seen` is every request that came."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self.objects: dict[tuple[str, str], list[Any]] = {}
        self.faults = list(faults)
        self.seen: list[Seen] = []
        self._counts: Counter[str] = Counter()
        self._stopping = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each answer waits for a delayed acknowledgement

            def handle_one_request(self) -> None:
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    super().handle_one_request()
                    return
                self.close_connection = True

            def do_GET(self) -> None:
                server._serve(self)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_CONNECT = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_port
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self.scheme = "http"

    def speak_tls(self, certificate: Path, key: Path, *, clients: Path | None = None) -> None:
        """`clients`: only those with a certificate of this authority are let in."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "https"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def add(self, kind: str, namespace: str, *names: str) -> None:
        listed = self.objects.setdefault((kind, namespace), [])
        listed += [{"metadata": {"name": name, "namespace": namespace}} for name in names]

    def lists(self, plural: str) -> list[Seen]:
        """Requests for lists of one kind, so far."""
        return [seen for seen in self.seen if seen.path.endswith(f"/{plural}")]

    def settings(self, folder: Path, *, token: str = "token-a", **more: Any) -> ClusterSettings:
        """A kubeconfig for this server in `folder`, and the settings that name it."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "faulty", "cluster": {"server": self.url}}],
            "users": [{"name": "tester", "user": {"token": token}}],
            "contexts": [{"name": "faulty", "context": {"cluster": "faulty", "user": "tester"}}],
            "current-context": "faulty",
        }
        path = folder / "kubeconfig"
        path.write_text(json.dumps(config))
        return ClusterSettings(**({"live": "context:faulty", "kubeconfig": path} | more))

    def __enter__(self) -> Faulty:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._http.shutdown()
        self._thread.join(5)
        self._http.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        address = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        self._counts[address.path] += 1
        self.seen.append(Seen(handler.command, address.path, query, dict(handler.headers)))
        for fault in self.faults:
            reply = fault(address.path, query, self._counts[address.path])
            if reply is not None:
                break
        else:
            reply = self._healthy(address.path, query)
        self._send(handler, reply)

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self._stopping.wait(reply.wait)
        handler.send_response_only(reply.status)
        if "Date" not in reply.headers:
            handler.send_header("Date", handler.date_time_string())
        if reply.content:
            handler.send_header("Content-Type", reply.content)
        handler.send_header(
            *(("Transfer-Encoding", "chunked") if reply.chunked else ("Content-Length", str(len(body))))
        )
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if reply.chunked:
            body = b"".join(b"%x\r\n%s\r\n" % (1, bytes([each])) for each in body) + b"0\r\n\r\n"
        if reply.drip:
            for number, each in enumerate(body):
                if self._stopping.wait(600 if number == reply.stall else reply.drip):
                    break
                handler.wfile.write(bytes([each]))
                handler.wfile.flush()
        else:
            handler.wfile.write(body[: reply.cut])
        if reply.cut is not None:
            handler.wfile.flush()
            handler.close_connection = True

    def _healthy(self, path: str, query: dict[str, str]) -> Reply:
        if path == "/version":
            return Reply(body={"major": "1", "minor": "36", "gitVersion": "v1.36.3"})
        if path in {"/api", "/apis"}:
            return Reply(body=aggregated([base for base in KINDS if base.startswith(path + "/")]))
        for base, (group, version, kind, plural) in KINDS.items():
            if path.startswith(base + "/"):
                *where, last = path.removeprefix(base + "/").split("/")
                namespace = where[1] if where[:1] == ["namespaces"] else None
                if last == plural:
                    return self._list(kind, f"{group}/{version}" if group else version, namespace, query)
                return status(404, "NotFound", name=last, group=group, kind=plural)
        return Reply(404, b"404 page not found\n", "text/plain; charset=utf-8")

    def _list(self, kind: str, api_version: str, namespace: str | None, query: dict[str, str]) -> Reply:
        items = [
            item
            for (each, where), listed in sorted(self.objects.items())
            if each == kind and namespace in {None, where}
            for item in listed
        ]
        start = int(base64.urlsafe_b64decode(query["continue"])) if "continue" in query else 0
        end = start + int(query["limit"]) if "limit" in query else len(items)
        metadata = {"resourceVersion": "7"}
        if end < len(items):
            metadata["continue"] = base64.urlsafe_b64encode(str(end).encode()).decode()
        return Reply(
            body={"kind": f"{kind}List", "apiVersion": api_version, "metadata": metadata, "items": items[start:end]}
        )


def aggregated(bases: list[str]) -> dict[str, Any]:
    items = []
    for base in bases:
        group, version, kind, plural = KINDS[base]
        resource = {
            "resource": plural,
            "responseKind": {"group": group, "version": version, "kind": kind},
            "scope": "Namespaced",
            "verbs": ["get", "list"],
        }
        items.append(
            {
                "metadata": {"name": group},
                "versions": [{"version": version, "resources": [resource], "freshness": "Current"}],
            }
        )
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def at(path: str, reply: Reply | Callable[[dict[str, str], int], Reply | None], *, times: int | None = None) -> Fault:
    """A fault of one path: always, or only for its first `times` requests."""

    def fault(asked: str, query: dict[str, str], number: int) -> Reply | None:
        if asked != path or (times is not None and number > times):
            return None
        return reply if isinstance(reply, Reply) else reply(query, number)

    return fault


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fails when the block takes longer than `seconds`, which must leave room for a slow machine."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < seconds, f"took {took:.1f} s"
