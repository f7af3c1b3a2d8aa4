"""Files in, resources out, with the parsing done in processes that may die of it.

In: `File`s and what `manifests.reader.read` needs. Out: one `Read` for each, in order. A file that kills its reader, or is
too much for the limits, becomes a `Problem`; all others are read. Raises `Unavailable` at the deadline.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import orjson

import auditor
from auditor.desired import confine
from auditor.desired.files import READER, File, printable, problem
from auditor.kube.secrets import Key
from auditor.logs import logger
from auditor.model import Unavailable

if TYPE_CHECKING:
    from auditor.desired.records import Read

PARALLEL_FILES: Final = 100
PARALLEL_BYTES: Final = 256 << 10
"""Beyond either, two processes share the work."""
STARTING: Final = 60.0
"""Seconds that a process may take to start, on a machine that has much to do."""
DEATHS: Final = 20
"""Processes that may die of one source; after so many, what is left is not read."""

# -I shuts out the environment, the current folder and the user's site-packages; where we are is said instead.
_START: Final = "import sys; sys.path[:0] = [sys.argv[1]] * (sys.argv[1] not in sys.path); from auditor.desired.reader import main; main()"


# the environment is not passed on, so what it says of bytecode is said anew
_NO_BYTECODE: Final = ("-B",) if sys.dont_write_bytecode else ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost: bytes of memory, seconds of computing, seconds without an answer, bytes of the answer (aliases
    can unfold a small file into a large one). Each MiB of a file gives it one more second of both."""

    memory: int = 1 << 30
    seconds: int = 10
    patience: float = 30
    answer: int = 256 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What is the same for all files of a source."""

    source: str
    cluster: str
    namespace: str | None
    key: Key = field(repr=False)
    charts: tuple[str, ...] = ()
    """Names of the `Chart.yaml` files of the source: what stands beside one is a chart's, not a manifest."""
    limits: Limits = Limits()
    mend: bool = False
    """Whether files are to be put right instead of read: what is left of them is what is wrong even then."""


def read(files: Sequence[File], request: Request, *, deadline: float) -> list[Read]:
    """What each file holds. `deadline` in monotonic seconds."""
    return [read for read, _ in read_lines(files, request, deadline=deadline)]


def read_lines(files: Sequence[File], request: Request, *, deadline: float) -> list[tuple[Read, bytes]]:
    """The same, each with the line that `records.decode` understands, for keeping."""
    total = sum(len(file.text) for file in files)
    if len(files) < 2 or (len(files) <= PARALLEL_FILES and total <= PARALLEL_BYTES):
        return _read_all(files, request, deadline)
    from concurrent.futures import ThreadPoolExecutor

    first, second = _halves(files, total)
    with ThreadPoolExecutor(1, "reading") as other:
        rest = other.submit(_read_all, second, request, deadline)
        return _read_all(first, request, deadline) + rest.result()


def _halves(files: Sequence[File], total: int) -> tuple[Sequence[File], Sequence[File]]:
    """Two parts of about the same number of bytes, in order."""
    so_far = 0
    for index, file in enumerate(files):
        so_far += len(file.text)
        if so_far * 2 >= total:
            return files[: index + 1], files[index + 1 :]
    return files, ()


def _read_all(files: Sequence[File], request: Request, deadline: float) -> list[tuple[Read, bytes]]:
    done: list[tuple[Read, bytes]] = []
    deaths = 0
    while len(done) < len(files):
        if deaths >= DEATHS:
            why = "was not read: too many files of this source killed their reader"
            done += [(_refused(file, request, why), b"") for file in files[len(done) :]]
            break
        rest = files[len(done) :]
        with _Reader(rest, request) as process:
            from auditor.desired import records  # noqa: F401 - loaded while the process starts

            for line in process.answers(deadline):
                done.append((_understood(line, files[len(done)], request), line))
                if len(done) == len(files):
                    break
            else:
                done.append((_refused(files[len(done)], request, process.cause()), b""))
                deaths += 1
    return done


def _understood(line: bytes, file: File, request: Request) -> Read:
    try:
        if line.startswith(b'{"failed":'):
            where = printable(orjson.loads(line)["failed"])
            return _refused(file, request, f"could not be read: our own code failed ({where})")
        from auditor.desired.records import decode

        return decode(line, source=request.source, file=file.name, text=file.text)
    except (ValueError, TypeError, AttributeError):
        return _refused(file, request, "could not be read: the answer of its reader makes no sense")


def _refused(file: File, request: Request, why: str) -> Read:
    remedy = "see what is special about this file; split it if it is large"
    said = problem(READER, f"{file.name} {why}", remedy=remedy, source=request.source, file=file.name)
    from auditor.desired.records import Read

    return Read((), (said,), keepable=False)


class _Reader:
    """One process, from its start to its end."""

    def __init__(self, files: Sequence[File], request: Request) -> None:
        self._files, self._request = files, request
        self._largest = max((len(file.text) for file in files), default=0) >> 20
        self._why = ""
        self._greeted = False

    def __enter__(self) -> _Reader:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                *_NO_BYTECODE,
                "-X",
                "utf8",
                "-c",
                _START,
                str(Path(auditor.__file__).parent.parent),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
        assert self._process.stdin
        self._feeder = threading.Thread(
            target=_feed, args=(self._process.stdin, self._files, self._request), name="feeding"
        )
        self._feeder.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()
        self._feeder.join()

    def answers(self, deadline: float) -> Iterator[bytes]:
        """One line for each file, as long as the process lives and stays within bounds."""
        assert self._process.stdout
        handle = self._process.stdout.fileno()
        limits = self._request.limits
        pending = bytearray()
        last = time.monotonic()
        with selectors.DefaultSelector() as streams:
            streams.register(handle, selectors.EVENT_READ)
            while True:
                now = time.monotonic()
                if now >= deadline:
                    raise Unavailable(
                        "git",
                        f"the manifests of {self._request.source} could not be read in time",
                        remedy="give the run more time: audit.deadline_seconds",
                        reason="timeout",
                    )
                patience = limits.patience + self._largest if self._greeted else STARTING
                if now >= last + patience:
                    self._why = f"kept its reader busy for more than {patience:.0f} seconds (limits.seconds)"
                    return
                if not streams.select(min(deadline - now, last + patience - now)):
                    continue
                chunk = os.read(handle, 1 << 20)
                if not chunk:
                    if not self._greeted:
                        raise self._no_start()
                    return
                if b"\n" in chunk:
                    last = time.monotonic()
                    *lines, pending = (pending + chunk).split(b"\n")
                    yield from self._after_greeting(lines)
                else:
                    pending += chunk
                if len(pending) > limits.answer:
                    self._why = f"unfolds to more than {limits.answer >> 20} MiB (limits.answer_mib)"
                    return

    def _after_greeting(self, lines: Sequence[bytearray]) -> Iterator[bytes]:
        for line in lines:
            if self._greeted:
                yield bytes(line)
            else:
                self._greeted = True
                if not orjson.loads(line)["confined"]:
                    _warn()

    def _no_start(self) -> Unavailable:
        status = self._process.wait()
        return Unavailable(
            "git",
            f"the process that reads manifests does not start: {_end_of(status)}",
            remedy="see what `python -I -c 'import auditor.desired.reader'` says; memory limits below 1 GiB are one cause",
        )

    def cause(self) -> str:
        """What became of the process, as the end of a sentence that begins with the name of the file."""
        if self._why:
            return self._why
        status, limits = self._process.wait(), self._request.limits
        if status == -signal.SIGXCPU:
            return f"needs more than {limits.seconds} seconds to read (limits.cpu_seconds)"
        if status == confine.NO_MEMORY:
            return f"needs more than {limits.memory >> 20} MiB of memory to read (limits.memory_mib)"
        return f"killed its reader ({_end_of(status)})"


def _end_of(status: int) -> str:
    """How a process ended, in words."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _feed(stream: IO[bytes], files: Sequence[File], request: Request) -> None:
    """Writes the whole request. The process may be gone at any moment: then nobody is left to tell."""
    try:
        with stream:
            key = [request.key.id, request.key.secret.hex()]
            head = {
                "mend": request.mend,
                "source": request.source,
                "cluster": request.cluster,
                "namespace": request.namespace,
                "charts": request.charts,
                "memory": request.limits.memory,
                "seconds": request.limits.seconds,
                "key": key,
            }
            stream.write(orjson.dumps(head) + b"\n")
            for file in files:
                stream.write(orjson.dumps({"file": file.name, "bytes": len(file.text)}) + b"\n")
                stream.write(file.text)
    except (BrokenPipeError, ConnectionResetError):
        return


@cache
def _warn() -> None:
    """Once for the life of this process."""
    logger().warning("this kernel takes no system-call filter; manifests are read under resource limits alone")
