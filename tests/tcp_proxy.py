"""A TCP proxy that misbehaves on command: it drops, delays, resets, refuses.

In: the address of a server, TCP or a Unix socket. Out: a port on 127.0.0.1. `stall` keeps every connection open and passes
nothing on, in neither direction, as a network that drops packets does; `reset` ends them all with RST.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

Mode = Literal["pass", "stall", "refuse"]


class Proxy:
    """Threads, one for each connection. `delay`: seconds before a piece is passed on, in each direction."""

    def __init__(self, target: tuple[str, int] | Path) -> None:
        self.target = target
        self.mode: Mode = "pass"
        self.delay = 0.0
        self.limit: int | None = None
        """Bytes from the client until all connections are reset."""
        self.ended = threading.Event()
        self.pairs: set[tuple[socket.socket, socket.socket]] = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, mode: Mode, delay: float = 0.0) -> None:
        self.mode, self.delay = mode, delay

    def reset(self) -> None:
        """End all connections with RST, on both sides."""
        for pair in list(self.pairs):
            for end in pair:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.pairs.discard(pair)
            _end(pair)

    def close(self) -> None:
        self.ended.set()
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self.listener.close()
        self.reset()

    def _accept(self) -> None:
        while not self.ended.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.mode == "refuse":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        family = socket.AF_UNIX if isinstance(self.target, Path) else socket.AF_INET
        server = socket.socket(family, socket.SOCK_STREAM)
        try:
            server.connect(str(self.target) if isinstance(self.target, Path) else self.target)
        except OSError:
            client.close()
            server.close()
            return
        pair = (client, server)
        self.pairs.add(pair)
        other = {client: server, server: client}
        try:
            while not self.ended.is_set():
                ready, _, _ = select.select(pair, [], [], 0.05)
                for end in ready:
                    piece = end.recv(65536)
                    if self.delay:
                        time.sleep(self.delay)
                    while self.mode == "stall" and not self.ended.is_set() and pair in self.pairs:
                        time.sleep(0.02)  # the end of a connection does not get through either
                    if not piece:
                        return
                    if self.limit is not None and end is client:
                        self.limit -= len(piece)
                        if self.limit < 0:
                            self.limit = None
                            self.reset()
                    other[end].sendall(piece)
        except (OSError, ValueError):
            pass
        finally:
            self.pairs.discard(pair)
            _end(pair)


def _end(pair: tuple[socket.socket, socket.socket]) -> None:
    for end in pair:
        with contextlib.suppress(OSError):
            end.close()


@contextmanager
def proxied(target: tuple[str, int] | Path) -> Iterator[Proxy]:
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
