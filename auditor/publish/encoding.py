"""JSON values to bytes: whatever a manifest may hold in, UTF-8 out, and never what is sealed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from auditor import model
from auditor.publish.foreign import encodable

REDACTED: Final = {"redacted": True}
_DEEPEST: Final = 200  # orjson gives up at 254; manifests are budgeted far below


def dumps(form: object, *, indent: bool = False) -> bytes:
    """One JSON document and a line feed, UTF-8. Takes what orjson refuses: integers beyond 64 bits, lone surrogates (written out
    as `%FF` or `\\\\ud800`), `Sealed`, and values nested deeper than any reader would follow (cut, and said)."""
    # orjson would print a dataclass by itself, `Sealed` with its mark too: pass them through to `_default`
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATACLASS | (orjson.OPT_INDENT_2 if indent else 0)
    try:
        return orjson.dumps(form, default=_default, option=options)
    except orjson.JSONEncodeError:
        return orjson.dumps(_encodable(form, 0), default=_default, option=options | orjson.OPT_NON_STR_KEYS)


def plain(value: Any) -> Any:
    """A JSON value without `Sealed`: redacted where a secret stood."""
    if isinstance(value, model.Sealed):
        return dict(REDACTED)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def _default(value: object) -> object:
    if isinstance(value, model.Sealed):
        return REDACTED
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def _encodable(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -(2**63) <= value < 2**64 else orjson.Fragment(str(value))
    if depth > _DEEPEST and isinstance(value, (Mapping, list, tuple)):
        return {"cut": f"nested deeper than {_DEEPEST}"}
    if isinstance(value, Mapping):
        return {encodable(str(key)): _encodable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encodable(item, depth + 1) for item in value]
    return value
