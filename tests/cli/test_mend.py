"""`check --diff` and `--write`: a patch that git applies, and files that are written only where they were named."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from auditor.cli import run

Capture = pytest.CaptureFixture[bytes]
BAD = """# ours
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  # history
  revisionHistoryLimit: 0 # none
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: "registry.example/web:1.4.2"}
"""
GOOD = BAD.replace("  revisionHistoryLimit: 0 # none\n", "")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "apps").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after"), [(BAD, GOOD), (BAD.rstrip(), GOOD.rstrip()), (f"{BAD}---\n{BAD}", f"{GOOD}---\n{BAD}")]
)
def test_git_applies_the_patch(before: str, after: str, repository: Path, capfdbinary: Capture) -> None:
    file = repository / "apps/web.yaml"
    if "---" in before:
        before, after = (
            before.replace("name: web, n", "name: api, n", 1),
            after.replace("name: web, n", "name: api, n", 1),
        )
        after = after.replace("  revisionHistoryLimit: 0 # none\n", "")
    file.write_text(before)
    os.chdir("apps")
    code = run(["check", "web.yaml", "--diff", "--select", "HIST001"])
    patch = capfdbinary.readouterr().out
    assert (code, file.read_text()) == (1, before)
    assert patch.startswith(b"--- a/apps/web.yaml\n+++ b/apps/web.yaml\n")
    subprocess.run(["git", "apply", "--unidiff-zero", "-"], input=patch, check=True, cwd=repository)
    assert file.read_text() == after


def test_without_a_mend_the_patch_is_empty(repository: Path, capfdbinary: Capture) -> None:
    (repository / "web.yaml").write_text(BAD)
    assert run(["check", "web.yaml", "--diff", "--ignore", "HIST001", "--fail-on", "never"]) == 0
    assert capfdbinary.readouterr().out == b""


def test_write_mends_what_was_named_and_nothing_else(repository: Path, capfdbinary: Capture) -> None:
    named, beside, outside = repository / "apps/web.yaml", repository / "beside.yaml", repository / "real.txt"
    for file, name in ((named, "web"), (beside, "beside"), (outside, "linked")):
        file.write_text(BAD.replace("name: web, n", f"name: {name}, n"))
    named.chmod(0o640)
    (repository / "apps/link.yaml").symlink_to(outside)
    code = run(["check", "apps", "--write", "--select", "HIST001"])
    said = capfdbinary.readouterr()
    assert named.read_text() == GOOD
    assert named.stat().st_mode & 0o777 == 0o640
    assert "revisionHistoryLimit" in beside.read_text()
    assert "revisionHistoryLimit" in outside.read_text()
    assert sorted(path.name for path in (repository / "apps").iterdir()) == ["link.yaml", "web.yaml"]
    assert "mended apps/web.yaml: 1" in said.err.decode()
    assert (code, "no finding in 1 object" in said.out.decode()) == (0, True)


def test_what_is_waived_is_not_mended(repository: Path, capfdbinary: Capture) -> None:
    waiver = '{gitops-auditor.io/waive.HIST001: "reason=a; until=2099-01-01; by=x"}'
    text = BAD.replace("namespace: shop}", f"namespace: shop, annotations: {waiver}}}")
    (repository / "web.yaml").write_text(text)
    assert run(["check", "web.yaml", "--write", "--select", "HIST001"]) == 0
    assert (repository / "web.yaml").read_text() == text


ENV = (
    BAD.replace("  # history", "  # its password is canary-3")
    .replace('web:1.4.2"}\n', 'web:1.4.2"\n')
    .replace("- {name: web, image", "- name: web\n          image")
    + """          env:
            - {name: LEVEL, value: canary-1}
            - name: LEVEL
              value: canary-2
"""
)


def test_what_may_be_a_credential_is_in_no_patch_and_is_mended_all_the_same(
    repository: Path, capfdbinary: Capture
) -> None:
    (repository / "web.yaml").write_text(ENV)
    assert run(["check", "web.yaml", "--diff", "--select", "HIST001,CFG007"]) == 1
    said = capfdbinary.readouterr()
    assert b"-  revisionHistoryLimit: 0 # none" in said.out
    assert b"canary" not in said.out + said.err
    assert b"1 more can be mended" in said.err
    subprocess.run(["git", "apply", "--unidiff-zero", "-"], input=said.out, check=True, cwd=repository)
    assert run(["check", "web.yaml", "--write", "--select", "HIST001,CFG007"]) == 0
    left = (repository / "web.yaml").read_text()
    assert ("canary-1" in left, "canary-2" in left, "revisionHistoryLimit" in left) == (False, True, False)
