"""Records the live state of the built-in example from a real API server: `python -m tests.record_example`.

The second commit is applied (one half by `kubectl apply`, the other by `kubectl apply --server-side`), then people work on it
by hand; the third commit is never applied. Writes `auditor/cli/example/live.json`.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from auditor.cli import example
from tests.controlplane.plane import Plane, start_plane


def apply(plane: Plane, folder: Path) -> None:
    """Applies a commit of the example: namespaces, then shop by the client, data by the server."""
    plane.kubectl("apply", "-f", str(folder / "apps/namespaces.yaml"))
    wait_for(plane, "shop", "serviceaccount/default")
    wait_for(plane, "data", "serviceaccount/default")
    plane.kubectl("apply", "-f", str(folder / "apps/shop"))
    plane.kubectl("apply", "--server-side", "-f", str(folder / "apps/data"))


def wait_for(plane: Plane, namespace: str, what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if plane.kubectl("-n", namespace, "get", what, "--ignore-not-found", "-o", "name"):
            return
        time.sleep(0.1)
    raise TimeoutError(f"{what} did not appear in {namespace}")


def settled(plane: Plane, seconds: float = 30) -> None:
    """Waits until the controllers have made what the example's workloads need: ReplicaSets, Pods, EndpointSlices."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pods = plane.kubectl("get", "pods", "-A", "-o", "name").split()
        slices = plane.kubectl("get", "endpointslices", "-A", "-o", "name").split()
        if len(pods) >= 7 and len(slices) >= 4:
            return
        time.sleep(0.2)
    raise TimeoutError("the controllers did not make the Pods in time")


def work_by_hand(plane: Plane, scratch: Path) -> None:
    """What people do on a bad night: an image, an environment variable, a scale, a limit, a deletion, an addition."""
    plane.kubectl("-n", "shop", "set", "image", "deployment/worker", "worker=registry.shop.example/worker:2.9.0-hotfix")
    editor = scratch / "editor"
    editor.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "lines = file.read_text().splitlines(keepends=True)\n"
        "at = next(i for i, line in enumerate(lines) if line.strip() == '- env:') + 1\n"
        "indent = lines[at][: lines[at].index('-')]\n"
        "lines.insert(at, f\"{indent}- name: DEBUG\\n{indent}  value: '1'\\n\")\n"
        "file.write_text(''.join(lines))\n"
    )
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    done = subprocess.run(
        [plane.programs["kubectl"], "--kubeconfig", plane.kubeconfig, "-n", "shop", "edit", "deployment/api"],
        env={**os.environ, "KUBE_EDITOR": str(editor)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "edited" in done.stdout, done.stdout + done.stderr
    plane.kubectl("-n", "shop", "scale", "deployment/api", "--replicas=5")
    removal = '[{"op": "remove", "path": "/spec/template/spec/containers/0/resources/limits/memory"}]'
    plane.kubectl("-n", "shop", "patch", "deployment/worker", "--type=json", "-p", removal)
    plane.kubectl("-n", "data", "delete", "service/db-read")
    plane.kubectl("-n", "shop", "create", "deployment", "load-test", "--image=registry.shop.example/load:1.0")


def main() -> int:
    plane = start_plane()
    try:
        with tempfile.TemporaryDirectory() as folder:
            scratch = Path(folder)
            apply(plane, example.HERE / "commits/2")
            settled(plane)
            work_by_hand(plane, scratch)
            wait_for(plane, "shop", "deployment/load-test")
            time.sleep(3)
            repository = example.repository(scratch / "shop.git")
            command = [Path(sys.executable).parent / "auditor", "dump", "--live", f"context:{plane.admin.name}"]
            command += ["--kubeconfig", plane.kubeconfig, "--cluster", "demo", "--file", example.LIVE]
            settings = scratch / "settings.yaml"
            settings.write_text(f"sources:\n- url: file://{repository}\n  folder: apps\n  allow_local: true\n")
            subprocess.run([*command, "--settings", settings], check=True)
    finally:
        plane.stop()
    print(f"{example.LIVE}: {example.LIVE.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
