"""`--watch`: work done again whenever a file below the paths changes, until Ctrl-C."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from auditor.model import Misuse

EVERY = 0.5
"""Seconds between two looks. Asking again works on every file system, also where a container has mounted one."""


def again(work: Callable[[], int], paths: Sequence[str]) -> int:
    """Does the work at once and after each change; never returns but by Ctrl-C. What is wrong for a moment is said, and survived."""
    if "-" in paths:
        raise Misuse("--watch cannot read standard input again", remedy="name files or folders")
    while True:
        before = stamps(paths)
        try:
            work()
        except Misuse as error:
            print(f"auditor: {error.message}", file=sys.stderr)
        print("watching; Ctrl-C ends it", file=sys.stderr, flush=True)
        while stamps(paths) == before:
            time.sleep(EVERY)
        if sys.stdout.isatty():
            print("\x1b[2J\x1b[H", end="")


def stamps(paths: Sequence[str]) -> Mapping[str, tuple[int, int]]:
    """When each file was changed last, and its size."""
    found: dict[str, tuple[int, int]] = {}
    for name in _files(paths):
        try:
            status = os.stat(name)
        except OSError:
            continue
        found[name] = (status.st_mtime_ns, status.st_size)
    return found


def _files(paths: Sequence[str]) -> Iterator[str]:
    from auditor.cli.named import matching

    for pattern in paths:
        for path in matching(pattern):
            yield path
            for folder, folders, names in os.walk(path):
                folders[:] = [name for name in folders if name != ".git"]
                yield from (os.path.join(folder, name) for name in names)
