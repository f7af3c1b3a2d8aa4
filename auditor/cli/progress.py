"""That long work goes on, shown on stderr, on a terminal only, and only once it has taken a while."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

AFTER = 1.0
"""Seconds of work before anything is shown."""


@contextmanager
def shown(
    what: str, *, stream: TextIO | None = None, after: float = AFTER, environ: Mapping[str, str] | None = None
) -> Iterator[None]:
    """A bar and the seconds it takes, while the work within is done; nothing of it is left behind."""
    stream = sys.stderr if stream is None else stream
    environ = os.environ if environ is None else environ
    if not stream.isatty() or environ.get("TERM") == "dumb":
        yield
        return
    over = threading.Event()
    beside = threading.Thread(
        target=_show, args=(what, stream, after, over, bool(environ.get("NO_COLOR"))), daemon=True
    )
    beside.start()
    try:
        yield
    finally:
        over.set()
        beside.join()


def _show(what: str, stream: TextIO, after: float, over: threading.Event, plain: bool) -> None:
    if over.wait(after):
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(file=stream, force_terminal=True, no_color=plain)
    with Progress(
        TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn(), console=console, transient=True
    ) as progress:
        progress.add_task(what, total=None)
        over.wait()
