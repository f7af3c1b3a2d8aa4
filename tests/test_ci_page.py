"""docs/ci.md: every line of it is run, as it is written, over manifests like those it speaks of."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/ci.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"^(?P<line>.*?)\s*# exit (?P<code>\d)$")

WEB = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  revisionHistoryLimit: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: "registry.example/web:1.4.2"}
"""
LEGACY = """apiVersion: v1
kind: Pod
metadata: {name: legacy-import, namespace: shop}
spec:
  containers:
    - {name: import, image: "registry.example/import:1.4.2"}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository as the page supposes it."""
    subprocess.run(["git", "init", "--quiet"], check=True, cwd=tmp_path)
    for name, text in (
        ("apps/web.yaml", WEB),
        ("apps/legacy.yaml", LEGACY),
        ("base/web.yaml", WEB.replace("web", "base")),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def sh(line: str, folder: Path) -> int:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", line],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return done.returncode


def lines_of(block: str) -> list[tuple[str, int]]:
    """(line, exit code) of each line of a shell block."""
    found = []
    for line in block.splitlines():
        marked = EXIT.match(line)
        found.append((marked["line"], int(marked["code"])) if marked else (line, 0))
    return found


@pytest.mark.parametrize(
    "block", [text for kind, text in BLOCKS if kind == "sh"], ids=lambda text: text.split("\n")[0][:50]
)
def test_each_line_of_shell_does_what_the_page_says(block: str, repository: Path) -> None:
    for line, code in lines_of(block):
        assert sh(line, repository) == code, line


def snippets() -> list[tuple[str, Any]]:
    return [(text, yaml.safe_load(text)) for kind, text in BLOCKS if kind == "yaml"]


def test_the_waivers_of_the_page_waive(repository: Path) -> None:
    (annotation,) = (
        form["metadata"]["annotations"] for _, form in snippets() if isinstance(form, dict) and "metadata" in form
    )
    (file,) = (text for text, form in snippets() if isinstance(form, dict) and "waivers" in form)
    check = "auditor check apps --select POD001 --at 2027-07-01"
    assert sh(check, repository) == 1
    (repository / "apps/waivers.yaml").write_text(file)
    assert sh(check, repository) == 0
    (repository / "apps/waivers.yaml").unlink()
    (repository / "apps/legacy.yaml").write_text(
        yaml.safe_dump(
            yaml.safe_load(LEGACY) | {"metadata": {"name": "a", "namespace": "b", "annotations": annotation}}
        )
    )
    assert sh(check, repository) == 0
    assert sh("auditor waivers apps --at 2027-07-01", repository) == 0


def test_each_line_of_the_pipelines_is_run_in_their_order(repository: Path) -> None:
    (github,) = (form["jobs"]["check"]["steps"] for _, form in snippets() if isinstance(form, dict) and "jobs" in form)
    (gitlab,) = (
        form["manifests"]["script"] for _, form in snippets() if isinstance(form, dict) and "manifests" in form
    )
    for lines, made in (
        ([step["run"] for step in github if "run" in step], ["auditor.sarif"]),
        (gitlab, ["gl-code-quality-report.json", "auditor.xml"]),
    ):
        ours = [line for line in lines if line.startswith("auditor ")]
        assert [sh(line, repository) for line in ours] == [0] * (len(ours) - 1) + [1]
        assert all((repository / name).stat().st_size > 100 for name in made)


def test_the_commit_hook_of_the_page_is_one_that_we_define(repository: Path) -> None:
    hooks = {one["id"]: one for one in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    assert set(hooks) == {"auditor-check", "auditor-check-all"}
    (used,) = (
        one for _, form in snippets() if isinstance(form, dict) and "repos" in form for one in form["repos"][0]["hooks"]
    )
    hook = hooks[used["id"]]
    assert hook["pass_filenames"] is False
    assert sh(" ".join([hook["entry"], *used["args"]]), repository) == 1
    (repository / "apps/legacy.yaml").unlink()
    assert sh(" ".join([hook["entry"], *used["args"]]), repository) == 0
    files = "apps/web.yaml base/web.yaml"
    assert sh(f"{hooks['auditor-check']['entry']} {files}", repository) == 0
