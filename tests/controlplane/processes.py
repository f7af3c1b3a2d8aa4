"""The programs of one control plane: started, watched, ended by process id.

In: binaries and a folder to work in. Out: running processes that end with us, whatever ends us.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class NotStarted(Exception):
    """A program ended while it was starting, or was not ready in time. The message carries the end of its log."""


def free_ports(count: int) -> tuple[int, ...]:
    """Loopback ports that nobody listens on now, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return tuple(each.getsockname()[1] for each in sockets)


def start(command: Sequence[str | Path], log: Path) -> subprocess.Popen[bytes]:
    """Start a program whose output goes to `log`; the kernel ends it when we die without stopping it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            start_new_session=True,  # Ctrl-C is ours to handle
            preexec_fn=_die_with_parent,  # nothing but a system call runs in the child
        )


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def stop(process: subprocess.Popen[bytes], seconds: float = 10) -> None:
    """End a process and wait for it; kill it when it does not end in `seconds`."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    """Wait until `ready`. Raises `NotStarted` when the process ends before or takes longer."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise NotStarted(f"{log.stem} ended with {process.returncode}\n{_end_of(log)}")
        if time.monotonic() > deadline:
            raise NotStarted(f"{log.stem} was not ready in {seconds:.0f} s\n{_end_of(log)}")
        time.sleep(0.05)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
