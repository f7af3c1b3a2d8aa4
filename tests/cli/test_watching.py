"""`--watch` judges again after a change; a progress bar is shown on a terminal only, and only for long work."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.cli import progress, watching
from auditor.model import Misuse

AUDITOR = Path(sys.executable).parent / "auditor"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: import, namespace: shop}\nspec: {containers: [{name: a, image: 'b:1'}]}\n"


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """A process begun from here takes Ctrl-C, also where these tests run in the background, and ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_change_is_judged_and_ctrl_c_ends_it(tmp_path: Path, ctrl_c: None) -> None:
    (tmp_path / "a.yaml").write_text("kind: [")
    command = [AUDITOR, "check", tmp_path, "--watch", "--select", "POD001", "-o", "csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        try:
            assert process.stderr.readline().startswith("watching")
            (tmp_path / "a.yaml").write_text(POD)
            assert process.stderr.readline().startswith("watching")
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
        finally:
            process.kill()
        said = process.stdout.read()
    assert [line.split(",")[2] for line in said.splitlines()[1::2]] == ["MAN001", "POD001"]


def test_new_files_and_files_that_go_are_changes(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    before = watching.stamps([str(tmp_path)])
    (tmp_path / "sub/a.yaml").write_text("a")
    after = watching.stamps([str(tmp_path)])
    assert before != after
    os.utime(tmp_path / "sub/a.yaml", (time.time() + 5, time.time() + 5))
    assert watching.stamps([str(tmp_path)]) != after
    (tmp_path / "sub/a.yaml").unlink()
    assert str(tmp_path / "sub/a.yaml") not in watching.stamps([str(tmp_path)])


def test_standard_input_cannot_be_watched() -> None:
    with pytest.raises(Misuse, match="standard input"):
        watching.again(lambda: 0, ["-"])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "after", "environ", "seen"),
    [
        (Terminal(), 0.0, {}, True),
        (Terminal(), 60.0, {}, False),
        (Terminal(), 0.0, {"TERM": "dumb"}, False),
        (io.StringIO(), 0.0, {}, False),
    ],
)
def test_a_bar_is_shown_on_a_terminal_for_long_work_only(
    stream: io.StringIO, after: float, environ: dict[str, str], seen: bool
) -> None:
    with progress.shown("reading manifests", stream=stream, after=after, environ=environ):
        time.sleep(0.5)
    assert ("reading manifests" in stream.getvalue()) is seen


def test_a_bar_ends_with_what_it_was_shown_for() -> None:
    with pytest.raises(ValueError, match="broken"), progress.shown("x", stream=Terminal(), after=0, environ={}):
        raise ValueError("broken")
