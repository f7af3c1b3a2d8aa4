"""Secrets without their values: a body goes in, and comes out with a `Sealed` wherever a value stood.

One function, `seal`, below both doors: manifests and the API server. It fails closed: what it does not know of a Secret it
seals, and what it cannot take apart it removes. `to_json` and `from_json` carry such bodies between our own processes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from auditor.kube.credentials import facts_of, is_sensitive
from auditor.model import Body, Sealed

__all__ = [
    "LAST_APPLIED",
    "Key",
    "from_json",
    "is_secret",
    "is_sensitive",
    "key_of",
    "mark",
    "new_key",
    "seal",
    "to_json",
]

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

# Of a Secret, the only fields that hold no value. https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1/
_OPEN: Final = {"apiVersion", "kind", "type", "immutable"}
_VALUES: Final = {"data", "stringData"}
_OPEN_METADATA: Final = {
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "selfLink",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
}
# Annotations in which other tools keep the whole object as it was applied.
_COPIES: Final = re.compile(r"last-applied|(^|/)original|objectset\.rio\.cattle\.io/applied|last-configuration")


@dataclass(frozen=True, slots=True)
class Key:
    """What marks are made with. Marks under the same `id` can be compared."""

    id: str
    secret: bytes = field(repr=False)


def new_key() -> Key:
    """A key for the life of this process."""
    return key_of(secrets.token_bytes(32))


def key_of(secret: bytes) -> Key:
    """The key of a key file: the same bytes give the same id, which tells nothing about them. ValueError under 16 bytes."""
    if len(secret) < 16:
        raise ValueError("a key has at least 16 bytes")
    return Key(hmac.new(secret, b"id", hashlib.sha256).hexdigest()[:12], secret)


def is_secret(body: Body) -> bool:
    """Whether values of this body are to be sealed. Spelling and group are not looked at closely: better one too many."""
    kind, form = body.get("kind"), body.get("type")
    if isinstance(kind, str) and kind.strip().lower() == "secret":
        return True
    return "stringData" in body or (
        isinstance(form, str) and form.startswith(("Opaque", "kubernetes.io/")) and "data" in body
    )


def seal(body: Body, key: Key) -> Body:
    """The body with every value of a Secret sealed; a List of Secrets too. All other bodies come back as they are.

    Of a Secret stay: its names, its type, its labels, short annotations that repeat none of its values, the names of its keys,
    and of the last applied configuration what was named in it.
    """
    kind = body.get("kind")
    if is_secret(body):
        return _sealed(body, key)
    if isinstance(kind, str) and kind.lower() in ("list", "secretlist") and isinstance(body.get("items"), list):
        typed = kind.lower() == "secretlist"
        items = [
            (_sealed(each, key) if typed else seal(each, key))
            if isinstance(each, Mapping)
            else (mark(each, key) if typed else each)
            for each in body["items"]
        ]
        return {**body, "items": items}
    return body


def _sealed(body: Body, key: Key) -> Body:
    metadata = body.get("metadata")
    plain: tuple[str, ...] = ()
    if isinstance(metadata, Mapping) and metadata.get("annotations"):
        plain = tuple(
            {text for name in body if name not in _OPEN and name != "metadata" for text in _texts(body[name])}
        )
    result: dict[str, Any] = {}
    for name, value in body.items():
        if name in _OPEN and _is_short(value):
            result[name] = value
        elif name == "metadata" and isinstance(value, Mapping):
            result[name] = _metadata(value, plain, key)
        elif name in _VALUES and isinstance(value, Mapping):
            result[name] = {entry: mark(each, key, encoded=name == "data") for entry, each in value.items()}
        elif name in _VALUES and value is None:
            result[name] = None
        elif name in ("sops", *_VALUES) or not isinstance(value, Mapping):
            result[name] = mark(value, key)
        else:  # a misspelt or misplaced part keeps the names of its fields, so that it can be told
            result[name] = {entry: mark(each, key) for entry, each in value.items()}
    return result


def _is_short(value: Any) -> bool:
    return value is None or isinstance(value, bool | int) or (isinstance(value, str) and len(value) <= 253)


def _metadata(metadata: Mapping[str, Any], plain: tuple[str, ...], key: Key) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in metadata.items():
        if name in _OPEN_METADATA and _is_short(value):
            result[name] = value
        elif value is None:
            result[name] = None
        elif name == "labels" and isinstance(value, Mapping):
            result[name] = {entry: each if _is_short(each) else mark(each, key) for entry, each in value.items()}
        elif name == "annotations" and isinstance(value, Mapping):
            result[name] = {
                entry: shown
                for entry, each in value.items()
                if (shown := _annotation(entry, each, plain, key)) is not None
            }
        elif name == "finalizers" and isinstance(value, list):
            result[name] = [each if _is_short(each) else mark(each, key) for each in value]
        elif name == "ownerReferences" and isinstance(value, list):
            result[name] = [_flat(each, key) for each in value]
        elif name == "managedFields" and isinstance(value, list):
            result[name] = [_managed(each, key) for each in value]
        else:
            result[name] = mark(value, key)
    return result


_OWNER: Final = {"apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"}
_MANAGED: Final = {"manager", "operation", "apiVersion", "time", "fieldsType", "subresource"}


def _flat(value: Any, key: Key) -> Any:
    if not isinstance(value, Mapping):
        return mark(value, key)
    return {name: each if name in _OWNER and _is_short(each) else mark(each, key) for name, each in value.items()}


def _managed(value: Any, key: Key) -> Any:
    if not isinstance(value, Mapping):
        return mark(value, key)
    return {
        name: _field_names(each)
        if name == "fieldsV1"
        else each
        if name in _MANAGED and _is_short(each)
        else mark(each, key)
        for name, each in value.items()
    }


def _field_names(value: Any) -> Any:
    """The names in a fieldsV1 and nothing else: `v:` and `k:` carry values of lists."""
    if not isinstance(value, Mapping):
        return {}
    return {
        name: _field_names(each)
        for name, each in value.items()
        if name == "." or name.startswith("f:") or (name.startswith("k:") and '"uid"' in name and len(name) < 60)
    }


def _annotation(name: str, value: Any, plain: tuple[str, ...], key: Key) -> Any:
    """What stays of an annotation; None: nothing."""
    if name == LAST_APPLIED:
        return _reduced(value)
    if not isinstance(value, str):
        return None if value is None else mark(value, key)
    if (
        len(value) > 512
        or value.lstrip()[:1] in ("{", "[")
        or _COPIES.search(name)
        or any(text in value for text in plain)
    ):
        return mark(value, key)
    return value


def _reduced(value: Any) -> str | None:
    """The last applied configuration with the names of fields alone; None where it cannot be taken apart."""
    if not isinstance(value, str):
        return None
    try:
        applied = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(applied, dict):
        return None
    kept: dict[str, Any] = {}
    for name, each in applied.items():
        if name in _OPEN and _is_short(each):
            kept[name] = each
        elif name == "metadata" and isinstance(each, dict):
            kept[name] = {
                entry: field if entry in ("name", "namespace") and _is_short(field) else _names(field)
                for entry, field in each.items()
            }
        else:
            kept[name] = _names(each)
    return orjson.dumps(kept).decode()


def _names(value: Any) -> Any:
    return dict.fromkeys(value) if isinstance(value, dict) else None


def _texts(value: Any, deepest: int = 100) -> Iterator[str]:
    """Every value below this one as a text that an annotation might repeat: as written, and decoded. Short ones tell nothing."""
    if isinstance(value, str):
        if len(value) >= 6:
            yield value.strip()
            yield base64.b64encode(value.strip().encode("utf-8", "surrogatepass")).decode().rstrip("=")
        decoded = _decoded(value)
        if decoded and len(decoded) >= 6:
            yield decoded.decode("utf-8", "replace").strip()
    elif isinstance(value, Mapping) and deepest:
        for each in value.values():
            yield from _texts(each, deepest - 1)
    elif isinstance(value, list) and deepest:
        for each in value:
            yield from _texts(each, deepest - 1)
    elif isinstance(value, int | float) and not isinstance(value, bool) and len(str(value)) >= 6:
        yield str(value)


# --- one value ---------------------------------------------------------------------------------------------------------


def mark(value: Any, key: Key, *, encoded: bool = False) -> Sealed:
    """Seal one value. `encoded`: it stands under `data`, in base64, and its mark is that of the bytes it encodes."""
    if isinstance(value, Sealed):
        return value
    facts: set[str] = set()
    if value is None or value == "":
        data = b""
    elif not isinstance(value, str):
        try:
            data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=_wide)
        except orjson.JSONEncodeError:  # an integer beyond 64 bits
            data = json.dumps(value, sort_keys=True, default=_wide).encode()
        facts.add("invalid")
    else:
        data = value.encode("utf-8", "surrogatepass")
        if _ENCRYPTED.match(value):
            facts.add("encrypted")
        elif encoded:
            decoded = _decoded(value)
            if decoded is None:
                facts.add("invalid")
            else:
                data = decoded
    facts.update(facts_of(data))
    return Sealed(key.id, hmac.new(key.secret, data, hashlib.sha256).hexdigest()[:32], frozenset(facts))


def _wide(value: Any) -> Any:
    return str(value)


def _decoded(value: str) -> bytes | None:
    """base64 as Go's encoding/json reads a []byte: line breaks are passed over, padding is required."""
    digits = value.replace("\n", "").replace("\r", "")
    try:
        data = base64.b64decode(digits, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if len(digits) % 4 == 0 else None


_ENCRYPTED: Final = re.compile(r"\s*ENC\[")

# --- between our own processes -------------------------------------------------------------------------------------------

_SEALED: Final = "\0sealed"  # no key of a manifest has a NUL: readers refuse it


def to_json(value: Any) -> bytes:
    """JSON of a body, or of anything built of bodies. TypeError for what is neither JSON nor Sealed."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_PASSTHROUGH_DATACLASS)


def _default(value: Any) -> Any:
    if isinstance(value, Sealed):
        return {_SEALED: [value.key_id, value.mark, sorted(value.facts)]}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def from_json(data: bytes) -> Any:
    """What `to_json` was given. ValueError where it is not from there."""
    value = orjson.loads(data)
    return _revived(value) if b"\\u0000sealed" in data else value


def _revived(value: Any) -> Any:
    if isinstance(value, list):
        return [_revived(each) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and _SEALED in value:
        key_id, made, facts = value[_SEALED]
        return Sealed(key_id, made, frozenset(facts))
    return {name: _revived(each) for name, each in value.items()}
