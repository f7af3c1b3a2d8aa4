"""What deploy/README.md shows. Nothing in, its text and its blocks out."""

from __future__ import annotations

import re
from typing import Final

from tests.deploy.base import DEPLOY

README: Final = (DEPLOY / "README.md").read_text()


def shown(word: str) -> str:
    """The text of the one YAML block that has this word."""
    (text,) = [block for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if word in block]
    return text
