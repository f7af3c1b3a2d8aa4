"""Runs `make test` on Python 3.13 in `.venv313`, where there is one: `python -m tests.on_313`.

Elsewhere it says so and how to get it; in CI its absence is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def interpreter() -> str | None:
    """A Python 3.13 on PATH, or one of pyenv's."""
    candidates = ["python3.13", *map(str, sorted((Path.home() / ".pyenv/versions").glob("3.13.*/bin/python3.13")))]
    for candidate in candidates:
        try:
            found = subprocess.run(
                [candidate, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True
            )
        except OSError:
            continue
        if found.stdout.strip() == "(3, 13)":
            return candidate
    return None


def main() -> int:
    python = interpreter()
    if python is None:
        print(
            "Python 3.13 was not found, so the tests ran on this Python alone. mend: pyenv install 3.13",
            file=sys.stderr,
        )
        return 1 if os.environ.get("CI") else 0
    print("tests on Python 3.13")
    return subprocess.run(
        ["make", "--no-print-directory", "test", f"PYTHON={python}", "VENV=.venv313"], cwd=ROOT
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
