"""Values that nobody may see, planted in both sides: no output, no record, no file and no message has them.

Secrets with permission to read them (the dump holds them), variables and keys named like credentials, former values in
last-applied annotations.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CANARIES = [f"canary-{n}-7f3d9b21" for n in range(8)]
GIT = f"""
apiVersion: v1
kind: Secret
metadata: {{name: login, namespace: shop}}
stringData: {{password: {CANARIES[0]}}}
data: {{token: {base64.b64encode(CANARIES[1].encode()).decode()}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  replicas: 3
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - name: web
        image: web:1
        env: [{{name: DB_PASSWORD, value: {CANARIES[2]}}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings, namespace: shop}}
data: {{api_token: {CANARIES[3]}, level: info}}
"""


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def live() -> str:
    applied = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "login"},
        "data": {"old": encoded(CANARIES[4])},
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "login",
            "namespace": "shop",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(applied)},
        },
        "data": {"password": encoded(CANARIES[5]), "token": encoded(CANARIES[1]), "extra": encoded(CANARIES[4])},
    }
    container = {"name": "web", "image": "web:2", "env": [{"name": "DB_PASSWORD", "value": CANARIES[6]}]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "replicas": 5,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        },
    }
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "shop"},
        "data": {"api_token": CANARIES[7], "level": "debug"},
    }
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [secret, deployment, settings]})


@pytest.fixture
def sides(tmp_path: Path) -> Path:
    (tmp_path / "git").mkdir()
    (tmp_path / "git" / "shop.yaml").write_text(GIT)
    (tmp_path / "live.json").write_text(live())
    return tmp_path


def said(folder: Path, *arguments: str) -> str:
    """Everything that a command prints, in both streams."""
    command = [
        sys.executable,
        "-m",
        "auditor",
        *arguments,
        "--desired",
        "git",
        "--live",
        "live.json",
        "--live-complete",
    ]
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "NO_COLOR": "1",
    }
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1, 4), done.stderr
    return done.stdout + done.stderr


def none_of_them(text: str) -> None:
    for canary in CANARIES:
        for form in (canary, encoded(canary), encoded(canary).rstrip("="), canary.encode().hex(), canary[::-1]):
            assert form not in text, canary


@pytest.mark.parametrize("form", ["text", "json", "yaml", "markdown", "unified"])
def test_no_form_of_a_difference_tells_a_secret_and_all_say_that_it_differs(sides: Path, form: str) -> None:
    found = said(sides, "diff", "-o", form, "--show-ignored", "--debug")
    none_of_them(found)
    plain = found.replace("\\", "")
    for path in ("data.password", "data.extra", "env[name=DB_PASSWORD]", "data.api_token", "data.level"):
        assert path in plain, path
    assert "data.token" not in plain, "it is the same on both sides"
    assert "debug" in found
    assert "redacted" in found


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_file_of_a_store_has_a_secret(sides: Path, form: str) -> None:
    none_of_them(said(sides, "audit", "-o", form, "--database", "sqlite:///audit.db", "--debug"))
    none_of_them(said(sides, "audit", "-o", form, "--database", "sqlite:///audit.db"))
    files = [path for path in sides.rglob("*") if path.is_file() and path.name not in ("shop.yaml", "live.json")]
    assert any(path.name == "audit.db" for path in files)
    for path in files:
        none_of_them(path.read_bytes().decode("latin-1"))


def test_a_dump_has_no_secret(sides: Path) -> None:
    none_of_them(said(sides, "dump"))


def test_a_fault_in_the_middle_of_a_comparison_tells_no_secret(sides: Path) -> None:
    """Whatever breaks: what the interpreter writes of it names no value."""
    broken = (
        "import sys\n"
        "from auditor.drift import compare\n"
        "def fail(want, have, node):\n"
        "    raise RuntimeError(f'{want!r} is not {have!r}')\n"
        "sys.modules['auditor.drift.compare'].differences = fail\n"
        "from auditor.__main__ import main\n"
        "sys.argv = ['auditor', 'diff', '--desired', 'git', '--live', 'live.json', '--live-complete', '--debug']\n"
        "main()\n"
    )
    environ = {"PATH": os.environ["PATH"], "HOME": str(sides), "XDG_CACHE_HOME": str(sides / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", broken], cwd=sides, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "RuntimeError" in done.stderr
    assert "<sealed>" in done.stderr
    for canary in CANARIES[:2] + CANARIES[4:6]:
        assert canary not in done.stdout + done.stderr
        assert encoded(canary) not in done.stdout + done.stderr
