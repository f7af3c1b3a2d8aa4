"""`auditor check` as a linter: what it says of which namespace and severity, exit codes, terminals, and the score explained."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.cli import example, run

Capture = pytest.CaptureFixture[bytes]
EXAMPLE = str(example.HERE / "commits/1")
AUDITOR = Path(sys.executable).parent / "auditor"


def checked(capture: Capture, *more: str) -> tuple[int, dict[str, object]]:
    code = run(["check", EXAMPLE, "-o", "json", *more])
    return code, json.loads(capture.readouterr().out)


def open_(form: dict[str, object]) -> list[tuple[str, str]]:
    """(namespace, severity) of each finding that counts."""
    verdicts = form["verdicts"]
    assert isinstance(verdicts, list)
    return [
        (one["ref"]["namespace"] or one["ref"]["name"], finding["severity"])
        for one in verdicts
        if one["outcome"] == "fail"
        for finding in one["findings"]
    ]


def test_a_namespace_is_chosen_after_judging_with_a_score_of_its_own(capfdbinary: Capture) -> None:
    _, whole = checked(capfdbinary)
    code, data = checked(capfdbinary, "-n", "data")
    assert open_(data) == [one for one in open_(whole) if one[0] == "data"] != []
    assert code == 0  # its findings are warnings and less
    scores = {form["scores"]["cluster"]["score"] for form in (whole, data)}  # type: ignore[index]
    assert len(scores) == 2


def test_what_is_less_severe_is_left_out_and_the_score_stays(capfdbinary: Capture) -> None:
    _, whole = checked(capfdbinary)
    code, errors = checked(capfdbinary, "--severity", "error")
    assert [severity for _, severity in open_(errors)] == ["error", "error"]
    assert code == 1
    assert errors["scores"] == whole["scores"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ((), 1),
        (("--ignore", "POD001,HIST001"), 0),
        (("--ignore", "POD001,HIST001", "--fail-on", "warning"), 1),
        (("--fail-on", "never"), 0),
        (("--select", "NOPE001"), 2),
        (("--severity", "fatal"), 2),
        (("-o", "xml"), 2),
        (("nowhere",), 2),
    ],
)
def test_the_exit_code_is_what_a_pipeline_goes_by(more: tuple[str, ...], code: int, capfdbinary: Capture) -> None:
    assert run(["check", EXAMPLE, *more]) == code
    assert bool(capfdbinary.readouterr().out) is (code != 2)


def test_the_score_is_explained_by_members_that_make_it(capfdbinary: Capture) -> None:
    _, form = checked(capfdbinary, "--explain-score")
    why, scores = form["explained"], form["scores"]
    assert isinstance(why, dict)
    assert isinstance(scores, dict)
    assert why["score"] == pytest.approx(scores["cluster"]["score"])
    assert why["weights"] == {"error": 5, "warning": 2, "info": 0}
    of_ref = {(one["ref"]["kind"], one["ref"]["name"]): one["score"] for one in scores["workloads"]}
    for one in why["members"]:
        assert one["score"] == pytest.approx(100 * one["passed"] / (one["passed"] + one["failed"]))
        if one["ref"]:
            assert one["score"] == pytest.approx(of_ref[one["ref"]["kind"], one["ref"]["name"]])
    assert why["gains"][0]["points"] > 0


def on_a_terminal(columns: int, **environ: str) -> str:
    """What a check prints on a terminal of that width."""
    ours, theirs = pty.openpty()
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERM": "xterm", "COLUMNS": str(columns), **environ}
    with subprocess.Popen([AUDITOR, "check", EXAMPLE], stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            said += chunk
            if not chunk:
                break
        process.wait(60)
    os.close(ours)
    return said.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [60, 100])
def test_on_a_terminal_lines_fit_and_are_in_colour(columns: int) -> None:
    said = on_a_terminal(columns)
    assert "\x1b[" in said
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said)
    # a line of a manifest is shown whole, so that it can be copied
    text = [line for line in plain.splitlines() if not re.match(r" +\d* \| ", line)]
    assert max(map(len, text)) <= columns
    assert "By practice" in plain


def test_no_color_is_respected() -> None:
    said = on_a_terminal(100, NO_COLOR="1")
    assert re.search(r"\x1b\[[0-9;]*m", said) is None
    assert "2 errors" in said
