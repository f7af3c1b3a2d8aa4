"""A value as YAML: plain JSON values in, a text out that reads back as the same, here and by kubectl."""

from __future__ import annotations

import re
from typing import Any, Final

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9 ./()-]*[A-Za-z0-9)]")
_NO_TEXT: Final = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])


def dumped(value: Any) -> str:
    """Block style, keys in their order. A text is quoted unless nobody can take it for something else."""
    import yaml

    class Dumper(yaml.CSafeDumper):  # type: ignore[misc]
        """Without anchors: what is said twice is written twice."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, data: str) -> Any:
        plain = _WORD.fullmatch(data) and data.lower() not in _NO_TEXT
        style = None if plain else "|" if "\n" in data else '"'  # where a block cannot say it, it is quoted
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, text)
    return str(yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=4096))
