"""One git command on a bare repository, through GitPython, with an end: a deadline that kills all of it, and caps on output.

In: fixed arguments, an `Access`, a deadline. Out: `Said`: exit status, output, messages. Raises `Unavailable` on timeout.

GitPython's own ways are not enough: `clone_from` ignores `kill_after_timeout`, and what it kills it finds by name of parent,
one at a time. Here git leads a session of its own, so that ssh and its other children end with it.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from auditor.desired.access import Access
from auditor.model import Unavailable

if TYPE_CHECKING:
    from git import Git

MESSAGES: Final = 64 << 10
"""Bytes of what git says on its error stream that are kept: a server can talk without end there."""
DISK: Final = 2 << 30
"""Largest file that git may write, in bytes: a pack beyond it is refused instead of filling the disk."""

_NOT_FOUND: Final = 127
"""Exit status of a shell that does not find its command."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one command gave. `cut`: there was more output than allowed, and the command was ended."""

    status: int
    output: bytes = field(repr=False)
    messages: str
    cut: bool = False


def run(
    arguments: Sequence[str],
    *,
    at: Path,
    access: Access,
    deadline: float,
    limit: int = 1 << 20,
    given: BinaryIO | None = None,
    lock: int | None = None,
) -> Said:
    """Runs git with these arguments on the bare repository `at`, for at most until `deadline` (monotonic seconds).

    `limit`: most bytes of output; `given`: a file that is its standard input; `lock`: a file descriptor that git holds as well,
    so that what is locked by it stays so while git lives, even if we are killed. What git says is scrubbed of credentials.
    """
    wrapper = _git(at).execute(
        _command(at, arguments, access),
        given,
        as_process=True,
        env=access.environment,
        start_new_session=True,
        pass_fds=() if lock is None else (lock,),
    )
    process = wrapper.proc
    assert process is not None
    assert process.stdout
    assert process.stderr
    output, messages, cut = bytearray(), bytearray(), False
    try:
        with selectors.DefaultSelector() as streams:
            streams.register(process.stdout, selectors.EVENT_READ, output)
            streams.register(process.stderr, selectors.EVENT_READ, messages)
            while streams.get_map() and not cut:
                left = deadline - time.monotonic()
                ready = streams.select(left) if left > 0 else []
                if not ready and time.monotonic() >= deadline:
                    raise _too_long(arguments[0])
                for key, _ in ready:
                    chunk = os.read(key.fd, 1 << 16)
                    if not chunk:
                        streams.unregister(key.fileobj)
                    elif key.data is output:
                        output += chunk
                        cut = len(output) > limit
                    else:
                        messages += chunk[: MESSAGES - len(messages)]
        if not cut:
            _wait(process, deadline, arguments[0])
    finally:
        _end(process)
    if process.returncode == _NOT_FOUND:
        raise _not_installed()
    return Said(process.returncode, bytes(output), access.scrub(messages.decode("utf-8", "replace")), cut)


def _command(at: Path, arguments: Sequence[str], access: Access) -> list[str]:
    """git below `env`, which takes away what GitPython would let through, and below a limit on the size of files.

    Only names of variables are arguments here, never values: those can be seen by everybody on the machine.
    """
    unset = [part for name in access.removed for part in ("-u", name)]
    return [
        "env",
        *unset,
        "sh",
        "-c",
        'ulimit -f "$1" 2>/dev/null; ulimit -c 0; shift; exec git "$@"',
        "sh",
        str(DISK // 512),
        f"--git-dir={at}",
        *arguments,
    ]


def _git(at: Path) -> Git:
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    try:
        from git import Git  # 0.2 s: paid only where there is a git source
    except ImportError as error:  # it runs git while it is imported
        raise _not_installed() from error
    return Git(at)


def _not_installed() -> Unavailable:
    return Unavailable(
        "git", "git is not installed, or does not run", remedy="install git, and see what `git version` says"
    )


def _wait(process: subprocess.Popen[bytes], deadline: float, command: str) -> None:
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise _too_long(command) from None


def _too_long(command: str) -> Unavailable:
    remedy = "see whether the server answers, or set a longer timeout_seconds"
    return Unavailable("git", f"git {command} took too long and was ended", remedy=remedy, reason="timeout")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the whole session where git still runs: politely, so that it removes its temporary files, then for good."""
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        patience = time.monotonic() + 1
        # not reaped yet, so that its number stays taken while the group is signalled again
        while (
            time.monotonic() < patience
            and os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        ):
            time.sleep(0.02)
        _signal(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


def _signal(group: int, sign: signal.Signals) -> None:
    try:
        os.killpg(group, sign)
    except (ProcessLookupError, PermissionError):
        return
