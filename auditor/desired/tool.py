"""One program on what a repository holds, with an end: kubectl, Helm, or our own code in a process of its own.

In: a `Job`. Out: `Done`: its status, what it printed, what it complained of, and which limit it met. The process is confined
before it sees a byte, has no environment and leads a session of its own, so that all of it can be ended.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Final

import auditor
from auditor.desired import confine
from auditor.logs import logger
from auditor.model import Unavailable

MESSAGES: Final = 64 << 10
"""Bytes of complaints that are kept."""

# -I shuts out the environment, the current folder and the user's site-packages; where we are is said instead.
_OURS: Final = "import sys; sys.path[:0] = [sys.argv[1]] * (sys.argv[1] not in sys.path); "
_NO_BYTECODE: Final = ("-B",) if sys.dont_write_bytecode else ()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one process may cost: bytes of address space, seconds of computing and by the clock, bytes of output."""

    memory: int = 1 << 30
    seconds: int = 30
    patience: float = 60
    output: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """What to run: `arguments` of `program`, or `code` of ours (an import and a call). `given` is its standard input, and
    `readable` are the only folders that a program may read, where the kernel sees to it."""

    program: str = ""
    arguments: tuple[str, ...] = ()
    code: str = ""
    given: bytes = field(default=b"", repr=False)
    readable: tuple[str, ...] = ()
    at: str = "/"
    bounds: Bounds = Bounds()


@dataclass(frozen=True, slots=True)
class Done:
    """`limit` names the bound that was met ("" for none): computing, time, output, memory."""

    status: int
    output: bytes = field(repr=False)
    messages: str = ""
    limit: str = ""
    confined: bool = True


def run(job: Job, *, deadline: float) -> Done:
    """Runs it to its end, or to a bound. `deadline` in monotonic seconds; raises `Unavailable` there."""
    process = subprocess.Popen(
        _command(job),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
        cwd=job.at,
        start_new_session=True,
    )
    assert process.stdin
    feeder = threading.Thread(target=_feed, args=(process.stdin, job.given), name="feeding")
    feeder.start()
    try:
        output, messages, limit = _collected(process, job.bounds, deadline)
    finally:
        if process.poll() is None:
            _kill(process.pid)
        process.wait()
        feeder.join()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
    status = process.returncode
    if not limit and status in (-signal.SIGXCPU, -signal.SIGKILL):
        limit = "computing"
    if not limit and (status == confine.NO_MEMORY or (status and _out_of_memory(messages))):
        limit = "memory"
    return Done(status, output, messages.decode("utf-8", "replace"), limit, status != confine.NO_FILTER)


def ours(text: str) -> str:
    """Code of ours as an argument of the interpreter."""
    return _OURS + text


def _command(job: Job) -> list[str]:
    start = [sys.executable, "-I", *_NO_BYTECODE, "-X", "utf8", "-c"]
    here = str(Path(auditor.__file__).parent.parent)
    if job.code:
        return [*start, ours(job.code), here, str(job.bounds.memory), str(job.bounds.seconds)]
    readable = os.pathsep.join(job.readable)
    bounds = (str(job.bounds.memory), str(job.bounds.seconds))
    return [*start, ours(_BECOME), here, *bounds, readable, job.program, *job.arguments]


_BECOME: Final = (
    "from auditor.desired.confine import become; "
    "become(sys.argv[5], sys.argv[6:], memory=int(sys.argv[2]), seconds=int(sys.argv[3]), readable=sys.argv[4].split(':'))"
)


def _collected(process: subprocess.Popen[bytes], bounds: Bounds, deadline: float) -> tuple[bytes, bytes, str]:
    assert process.stdout
    assert process.stderr
    output, messages = bytearray(), bytearray()
    ends = time.monotonic() + bounds.patience
    with selectors.DefaultSelector() as streams:
        streams.register(process.stdout, selectors.EVENT_READ, output)
        streams.register(process.stderr, selectors.EVENT_READ, messages)
        while streams.get_map():
            now = time.monotonic()
            if now >= deadline:
                raise _too_late()
            if now >= ends:
                return bytes(output), bytes(messages), "time"
            for key, _ in streams.select(min(deadline, ends) - now):
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    streams.unregister(key.fileobj)
                elif key.data is output:
                    output += chunk
                    if len(output) > bounds.output:
                        return b"", bytes(messages), "output"
                else:
                    messages += chunk[: MESSAGES - len(messages)]
    try:
        process.wait(max(0.1, min(deadline, ends) - time.monotonic()))
    except subprocess.TimeoutExpired:
        return bytes(output), bytes(messages), "time"
    return bytes(output), bytes(messages), ""


def _out_of_memory(messages: bytes) -> bool:
    """What a Go runtime and a Python interpreter say at the end of their address space."""
    return any(
        said in messages for said in (b"out of memory", b"cannot allocate memory", b"MemoryError", b"failed to reserve")
    )


def _too_late() -> Unavailable:
    return Unavailable(
        "git",
        "the manifests could not be rendered in time",
        remedy="give the run more time: audit.deadline_seconds",
        reason="timeout",
    )


def _feed(stream: IO[bytes], given: bytes) -> None:
    try:
        with stream:
            stream.write(given)
    except (BrokenPipeError, ConnectionResetError):
        return


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


@cache
def warn_unconfined() -> None:
    """Once for the life of this process."""
    logger().warning("this kernel takes no system-call filter; nothing is rendered")
