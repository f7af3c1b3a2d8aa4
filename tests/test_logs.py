"""Log lines: on stderr, in the form for their reader, and never with what a local variable held."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

CANARY = "canary-9f2c"
FAILING = f"""
from auditor import logs
logs.later("warning")
def failing():
    secret = "{CANARY}"
    raise ValueError("what went wrong")
try:
    failing()
except ValueError:
    logs.logger().exception("it broke", object="Secret shop/db")
logs.logger().info("not to be seen")
"""


def test_a_line_is_json_off_a_terminal_and_holds_no_local_variable() -> None:
    done = subprocess.run([sys.executable, "-c", FAILING], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    said = json.loads(line)
    assert (said["event"], said["object"], said["level"]) == ("it broke", "Secret shop/db", "error")
    assert said["exception"][0]["exc_value"] == "what went wrong"
    assert CANARY not in line.replace(f'secret = "{CANARY}"', "")


def test_a_line_for_people_holds_no_local_variable() -> None:
    above, below = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", FAILING], stderr=below, stdout=subprocess.DEVNULL) as process:
        os.close(below)
        shown = b""
        try:
            while read := os.read(above, 4096):
                shown += read
        except OSError:  # the other end was closed
            pass
    os.close(above)
    assert process.returncode == 0
    assert b"it broke" in shown
    assert b"what went wrong" in shown
    assert CANARY.encode() not in shown
    assert b"not to be seen" not in shown


def test_the_logging_library_is_not_loaded_by_what_logs_nothing() -> None:
    program = "from auditor import logs; logs.later('warning'); import auditor.audit, auditor.desired.sandbox, sys; print('structlog' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_every_level_can_be_set(level: str) -> None:
    program = f"from auditor import logs; logs.configure({level!r}); logs.logger().error('seen')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stderr)["event"] == "seen"
