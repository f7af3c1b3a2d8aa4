"""The server: where it listens, how it ends, and what strangers cannot do to it."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator

import pytest

from auditor.model import Misuse
from auditor.web import Server, server
from tests.web import pages


@pytest.fixture
def running() -> Iterator[Server]:
    made = Server(pages.app(pages.STATE), "127.0.0.1", 0)
    made.start()
    yield made
    made.stop()


def test_a_port_that_is_taken_is_said_with_the_mend(running: Server) -> None:
    with pytest.raises(Misuse, match=f"cannot listen on 127.0.0.1:{running.port}: ") as raised:
        Server(pages.app(pages.STATE), "127.0.0.1", running.port)
    assert "web.port" in raised.value.remedy


def test_a_host_that_is_none_is_said() -> None:
    with pytest.raises(Misuse, match=r"cannot listen on no\.such\.host\.invalid:80"):
        Server(pages.app(pages.STATE), "no.such.host.invalid", 80)


def test_a_free_port_is_taken_where_that_is_allowed(running: Server) -> None:
    other = Server(pages.app(pages.STATE), "127.0.0.1", running.port, free_if_taken=True)
    assert other.port != running.port
    other.stop()


def test_it_answers_where_it_says_and_no_more_after_the_end() -> None:
    made = Server(pages.app(pages.STATE), "127.0.0.1", 0)
    made.start()
    with urllib.request.urlopen(f"{made.address}/healthz", timeout=5) as response:
        assert response.read() == b"ok\n"
        assert "server" not in {name.lower() for name in response.headers}
    made.stop()
    made.stop()
    assert "web" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", made.port), timeout=1)


def test_a_head_that_never_ends_is_cut_off(running: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", running.port), timeout=5) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        began = time.monotonic()
        try:
            answer = slow.recv(10)
        except ConnectionResetError:
            answer = b""
        assert answer == b""
        assert time.monotonic() - began < 3


def test_a_head_that_is_too_large_is_refused(running: Server) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=5) as large:
        large.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000)
        try:
            answer = large.recv(100)
        except ConnectionResetError:
            answer = b""
        assert answer in (b"",) or b" 400 " in answer or b" 431 " in answer


def test_many_half_open_connections_do_not_keep_health_from_answering(running: Server) -> None:
    slow = []
    try:
        for _ in range(300):
            slow.append(socket.create_connection(("127.0.0.1", running.port), timeout=5))
            slow[-1].sendall(b"GET / HTTP/1.1\r\n")
        began = time.monotonic()
        with urllib.request.urlopen(f"{running.address}/healthz", timeout=5) as response:
            assert response.status == 200
        assert time.monotonic() - began < 1
    finally:
        for one in slow:
            one.close()
