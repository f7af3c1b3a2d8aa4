"""Real components for tests: where a program is, or why a test that needs it does not run.

In: the name of a program. Out: its path. A missing one fails the test where CI is set, and skips it elsewhere, with the reason.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

_BESIDES = ("/usr/sbin", "/sbin", "/usr/local/sbin")
"""Where servers are kept; the PATH of an ordinary user leaves these out."""


def need(program: str, *, remedy: str) -> str:
    """The path of a program. `remedy`: the command that installs it."""
    found = shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", ""), *_BESIDES)))
    if found is None:
        missing(f"{program} is not installed", remedy=remedy)
    return found


def missing(reason: str, *, remedy: str) -> NoReturn:
    """Ends the test: as failed in CI, where every component has to be there, as skipped elsewhere."""
    text = f"{reason}; {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)
