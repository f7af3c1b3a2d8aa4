"""What looks like a credential: the bytes of a value in, facts about them out; a name in, yes or no out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_PRIVATE: Final = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
_PUBLIC: Final = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*(?:CERTIFICATE|PUBLIC KEY|CERTIFICATE REQUEST|X509 CRL)-----")
_TOKEN: Final = re.compile(
    rb"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"
    rb"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"
    rb"|\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}|\bxox[abposr]-[\w-]{10,}|\bsk_live_\w{16,}"
)
_PLACEHOLDER: Final = re.compile(
    rb"(?:change[-_ ]?(?:me|it|this)|replace[-_ ]?(?:me|this)|todo|fixme|tbd|placeholder|dummy|example|redacted|your[-_ ][\w -]{1,40}|x{3,}|\*{3,}|\.{3,}"
    rb"|<[^<>]{1,200}>|\$\{[^{}]{1,200}\}|\$\([^()]{1,200}\)|\{\{.{1,200}\}\}|%\([^()]{1,200}\)s|ENC\[.*\]|<path:.*>)\s*",
    re.IGNORECASE | re.DOTALL,
)


def facts_of(data: bytes) -> Iterator[str]:
    """Of `model.Sealed.facts`, those that the bytes tell: empty, placeholder, pem-private, pem-public, token."""
    head = data[:65536]
    if not data or _holds_no_login(head):
        yield "empty"
    if _PLACEHOLDER.fullmatch(head.strip()):
        yield "placeholder"
    if _PRIVATE.search(head):
        yield "pem-private"
    elif _PUBLIC.search(head):
        yield "pem-public"
    if _TOKEN.search(head):
        yield "token"


def _holds_no_login(data: bytes) -> bool:
    """Whether it is a configuration of registries that leaves the logins to a helper: `{"auths": {"ghcr.io": {}}}`."""
    held = data.strip()
    return held == b"{}" or (held[:1] == b"{" and b'"auths"' in held and not _LOGIN.search(held))


_LOGIN: Final = re.compile(rb'"(?:auth|password|identitytoken|registrytoken)"\s*:\s*"[^"]')
_LAST: Final = {
    "password",
    "passwd",
    "pass",
    "pwd",
    "passphrase",
    "passwords",
    "secret",
    "token",
    "apikey",
    "credentials",
}
_BEFORE_KEY: Final = {"api", "access", "secret", "private", "encryption", "signing", "master"}
_FUSED: Final = {
    "pgpassword",
    "pgpass",
    "mysqlpwd",
    "rediscliauth",
    "privatekey",
    "secretkey",
    "accesskey",
    "authtoken",
    "accesstoken",
    "clientsecret",
}
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SPLIT: Final = re.compile(r"[^A-Za-z0-9]+")


def is_sensitive(name: str) -> bool:
    """Whether the name of an environment variable or of a configuration key says that its value is a credential.

    Its last word is one of a short list, or KEY after API, ACCESS, SECRET and the like; words end at `_`, `-`, `.` and where
    camel case begins another. MAX_TOKENS, DB_PASSWORD_FILE and AUTH_URL are none.
    """
    words = [word.lower() for word in _SPLIT.split(_CAMEL.sub("_", name)) if word]
    if not words:
        return False
    return (
        words[-1] in _LAST
        or words[-1] in _FUSED
        or "".join(words) in _FUSED
        or (words[-1] == "key" and len(words) > 1 and words[-2] in _BEFORE_KEY)
    )
