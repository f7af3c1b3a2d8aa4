"""Text and JSON values as they are stored: bounded, storable in both databases, and never secret.

In: strings and JSON values as repositories and clusters have them. Out: text. PostgreSQL refuses NUL, neither database takes
half a surrogate pair, and an index takes no long rows; hostile manifests hold all three.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from auditor.model import Sealed

NAME_LIMIT: Final = 500
"""Bytes of a name, kind, group, namespace or policy. Kubernetes allows 253."""
PATH_LIMIT: Final = 1_500
"""Bytes of a path or of a reason that identifies something."""
TEXT_LIMIT: Final = 16_000
"""Bytes of any other text."""
VALUE_LIMIT: Final = 4_096
"""Bytes of JSON of one side of a change."""
_HEAD: Final = 1_000
_REDACTED: Final = {"redacted": True}


def clean(text: str, limit: int = TEXT_LIMIT) -> str:
    """The text without NUL and half surrogate pairs, of at most `limit` bytes; what is cut off is replaced by a digest of the
    whole, so that two long texts stay two."""
    if text.isascii() and len(text) <= limit and "\0" not in text:
        return text
    data = text.replace("\0", "�").encode("utf-8", "replace")
    if len(data) > limit:
        mark = "…" + hashlib.blake2b(data, digest_size=8).hexdigest()
        return data[: limit - 20].decode("utf-8", "ignore") + mark
    return data.decode()


def digest(*parts: str) -> str:
    """32 hexadecimal characters that stand for the parts, in their order."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        found.update(len(data).to_bytes(8, "big") + data)
    return found.hexdigest()


def value_text(value: Any) -> str | None:
    """A JSON value as text, None for None. Sealed values become `{"redacted": true}`, wherever they stand: no mark is stored,
    since its key ends with the process. More than `VALUE_LIMIT` bytes become their beginning, their size and a digest."""
    if value is None:
        return None
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)
    if len(text) <= VALUE_LIMIT:
        return text
    begins = value if isinstance(value, str) else text
    short = {"truncated": True, "bytes": len(text), "digest": digest(text), "begins": begins[:_HEAD]}
    return json.dumps(short, sort_keys=True, separators=(",", ":"))


def value_of(text: str | None, *, side: str) -> Any:
    """The JSON value that `value_text` wrote; what was sealed is `Sealed` again, and compares with nothing (`None`)."""
    return None if text is None else json.loads(text, object_hook=lambda found: _sealed(found, side))


def _sealed(found: dict[str, Any], side: str) -> Any:
    # Another key id on each side: marks under different keys compare as unknown.
    return Sealed(f"not stored ({side})", "") if found == _REDACTED else found


def _plain(value: Any) -> Any:
    if isinstance(value, Sealed):
        return _REDACTED
    if isinstance(value, Mapping):
        return dict(value)
    # Nothing else comes out of JSON. What is not known is not shown: it might be secret.
    return _REDACTED
