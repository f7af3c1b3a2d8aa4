"""Judging in several processes gives what judging in one gives. Each case runs in a process of its own: only one with a single
thread is ever copied, and the test runner has more."""

from __future__ import annotations

import subprocess
import sys

from auditor.compliance.portions import LEAST, portioned

PROGRAM = """
import os, sys, threading
from auditor.compliance import portions
from auditor.compliance.portions import LEAST, portioned
here = os.getpid()
forked = []
os.register_at_fork(before=lambda: forked.append(1))
def squares(items):
    return [(item * item, os.getpid() == here) for item in items]
"""


def said(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + program], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def test_results_come_in_the_order_of_the_items_from_several_processes() -> None:
    told = said(
        "found = portioned(range(3 * LEAST + 7), squares, processes=3)\n"
        "print([square for square, _ in found] == [n * n for n in range(3 * LEAST + 7)], len(forked), sum(ours for _, ours in found))"
    )
    assert told == ["True", "2", str(-(-(3 * LEAST + 7) // 3))]


def test_what_a_copy_does_not_bring_back_is_done_here() -> None:
    told = said(
        "def fragile(items):\n"
        "    if os.getpid() != here: os.kill(os.getpid(), 9)\n"
        "    return squares(items)\n"
        "found = portioned(range(2 * LEAST), fragile, processes=2)\n"
        "print(len(found), len(forked), all(ours for _, ours in found))"
    )
    assert told == [str(2 * LEAST), "1", "True"]


def test_a_failure_in_a_portion_is_told_as_if_there_were_no_portions() -> None:
    told = said(
        "def failing(items):\n"
        "    if items[-1] == 2 * LEAST - 1: raise KeyError('seen')\n"
        "    return squares(items)\n"
        "try: portioned(range(2 * LEAST), failing, processes=2)\n"
        "except KeyError as error: print(error.args[0], len(forked))"
    )
    assert told == ["seen", "1"]


def test_few_items_one_process_or_a_second_thread_mean_no_copy() -> None:
    told = said(
        "portioned(range(2 * LEAST - 1), squares, processes=2)\n"
        "portioned(range(9 * LEAST), squares)\n"
        "stop = threading.Event()\n"
        "threading.Thread(target=stop.wait).start()\n"
        "portioned(range(9 * LEAST), squares, processes=2)\n"
        "stop.set()\n"
        "print(len(forked))"
    )
    assert told == ["0"]


def test_the_verdicts_are_the_same() -> None:
    told = said(
        "from datetime import UTC, datetime\n"
        "from auditor.compliance import judge, load_catalogue\n"
        "from auditor.model import Origin, Ref, Resource, Snapshot\n"
        "portions.LEAST = 10\n"
        "def pod(n):\n"
        "    ref = Ref('', '', 'Pod', f'ns-{n % 7}', f'web-{n:03}')\n"
        "    body = {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': ref.name, 'namespace': ref.namespace}, 'spec': {'containers': [{'name': 'web', 'image': 'web'}]}}\n"
        "    return Resource(ref, 'v1', body, Origin('s', f'{n}.yaml', 1))\n"
        "side = Snapshot(tuple(pod(n) for n in range(40)))\n"
        "at = datetime(2026, 1, 1, tzinfo=UTC)\n"
        "alone, shared = (judge(load_catalogue(), side, None, at=at, processes=n) for n in (1, 4))\n"
        "print(alone == shared, len(forked), sum(len(one.findings) for one in shared) > 40)"
    )
    assert told == ["True", "3", "True"]


def test_nothing_gives_nothing() -> None:
    assert portioned([], lambda items: list(items), processes=8) == []
    assert portioned(range(LEAST), list, processes=8) == list(range(LEAST))
