"""Work on a list in several processes at once: items in, results out, in order, the same as without it.

Each process but this one is a copy (fork), so nothing needs to be handed to it; what it finds comes back as a pickle over a pipe
that nobody else can write to. Only a process with one thread can be copied safely: with more, all is done here.
"""

from __future__ import annotations

import gc
import os
import pickle
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

LEAST: Final = 1000
"""Items for which a copy is worth its start (about 20 ms)."""


def portioned(
    items: Sequence[Item], do: Callable[[Sequence[Item]], list[Result]], *, processes: int = 1
) -> list[Result]:
    """`do(items)`, with the items shared among at most so many processes. `do` must give the results of its items in order,
    whatever the other portions are. A copy that dies costs time and nothing else: its portion is done here."""
    portions = min(processes, len(items) // LEAST) if hasattr(os, "fork") and threading.active_count() == 1 else 1
    if portions < 2:
        return do(items)
    size = -(-len(items) // portions)
    first, *others = (items[start : start + size] for start in range(0, len(items), size))
    gc.freeze()  # a collection in a copy would touch, and so copy, every page
    copies = [_Copy(each, do) for each in others]
    gc.unfreeze()
    results = do(first)
    for copy in copies:
        results += copy.results()
    return results


class _Copy:
    """A copy of this process that does one portion."""

    def __init__(self, items: Sequence[Any], do: Callable[[Sequence[Any]], list[Any]]) -> None:
        self._do, self._items = do, items
        self._answer, question = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:  # pragma: no cover - in the copy
            _work(items, do, question)
        os.close(question)

    def results(self) -> list[Any]:
        with open(self._answer, "rb") as answer:
            data = answer.read()
        _, status = os.waitpid(self._pid, 0)
        return self._do(self._items) if status else list(pickle.loads(data))  # noqa: S301 - of our own copy, over our own pipe


def _work(items: Sequence[Any], do: Callable[[Sequence[Any]], list[Any]], answer: int) -> None:
    """In the copy: ends it, whatever happens, without what this process does when it ends (files to flush, locks to free)."""
    status = 1
    try:
        with open(answer, "wb") as stream:
            stream.write(pickle.dumps(do(items), pickle.HIGHEST_PROTOCOL))
        status = 0
    finally:
        os._exit(status)
