"""Finds, installs or builds the real components that tests run against: `python -m tests.install`.

As root on Debian it installs packages; everywhere it builds the control plane from Go modules. It says what it could not
find and how to get it; in CI that is a failure, elsewhere the tests that need it skip and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests import sarif_schema

PACKAGES: dict[str, tuple[str, ...]] = {
    # Debian package: programs that show it is there
    "openssh-server": ("/usr/sbin/sshd",),
    "faketime": ("faketime",),
    "git": ("git",),
    "pgbouncer": ("/usr/sbin/pgbouncer",),
    "postgresql": ("/usr/lib/postgresql/*/bin/initdb",),
    "prometheus": ("prometheus", "promtool"),
    "chromium": ("chromium",),
    "buildah": ("buildah",),
    "mmdebstrap": ("mmdebstrap",),
}


def there(program: str) -> bool:
    if program.startswith("/"):
        return bool(list(Path("/").glob(program[1:])))
    return shutil.which(program) is not None


def missing() -> list[str]:
    return [package for package, programs in PACKAGES.items() if not all(map(there, programs))]


def main() -> int:
    wanted = missing()
    if wanted and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing {', '.join(wanted)}")
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        # Nothing that is installed for tests may start by itself: a policy of the packaging system, for this call alone.
        policy = Path("/usr/sbin/policy-rc.d")
        ours = not policy.exists()
        if ours:
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        try:
            subprocess.run(["apt-get", "update", "-qq"], check=False, env=quiet)
            subprocess.run(
                ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted],
                check=False,
                env=quiet,
                stdout=subprocess.DEVNULL,
            )
        finally:
            if ours:
                policy.unlink()
    left = missing()
    for package in left:
        print(f"not found: {', '.join(PACKAGES[package])}. mend: apt-get install {package}", file=sys.stderr)
    try:
        sarif_schema.schema()
    except BaseException as missing_schema:  # what ends a test says what is missing, and how to get it
        print(f"not found: {missing_schema}", file=sys.stderr)
        left.append("sarif")
    plane = subprocess.run([sys.executable, "-m", "tests.controlplane.build"], check=False).returncode
    helm = subprocess.run([sys.executable, "-m", "tests.helm"], check=False).returncode
    return 1 if (left or plane or helm) and os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
