"""Values that are credentials, by their form: a text in, what it is out; never the text itself.

Names that say so are told by `credentials.is_sensitive`; facts about values that are sealed by `credentials.facts_of`.
"""

from __future__ import annotations

import re
from typing import Final

_PRIVATE_KEY: Final = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
_AWS_KEY: Final = re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b")
_TOKEN: Final = re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*")
_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/@:]{0,200}:([^\s/@]{1,200})@", re.IGNORECASE)
_REFERENCE: Final = r"(?:\$\([^()]+\)|\$\{[^{}]+\}|\{\{.+\}\}|%\([^()]+\)s|<[^<>]+>)"
_REFERENCES: Final = re.compile(rf"{_REFERENCE}+", re.DOTALL)
_PATH: Final = re.compile(r"(?:\.{0,2}/|~/|file:)[\w./-]*")
# Where a value is kept, for something that fetches it when the container starts or before: Vault, 1Password, vals, clouds.
_KEPT_ELSEWHERE: Final = re.compile(
    r"(?:vault|op|bao|awssm|awsssm|ssm|gcpsm|gsm|akv|azurekv|azkv|doppler|keyring|sops|secretref|ref\+[a-z0-9]+|secretref\+[a-z0-9]+)"
    r":[^\s@]+|arn:aws[\w-]*:(?:secretsmanager|ssm):\S+|projects/[^/\s]+/secrets/\S+"
)
# `TLS_SECRET`, `PULL_SECRET`: the name of an object, where the value is one.
_OBJECT: Final = re.compile(
    r"(?:^|[_.-])(?:ca|cert|certificate|cert_?tls|image_?pull|pull|tls)[_.-]secret$", re.IGNORECASE
)
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_SWITCHES: Final = frozenset({"true", "false", "yes", "no", "on", "off"})
_LONGEST: Final = 1 << 20


def is_reference(value: str) -> bool:
    """Whether the text only stands for a value that comes from elsewhere: `$(VAR)`, `${VAR}`, `{{ … }}`, `<password>`."""
    return bool(_REFERENCES.fullmatch(value.strip()))


def form_of(value: str) -> str | None:
    """What kind of credential the text holds, anywhere in it; None for none. Certificates and public keys are none."""
    value = value[:_LONGEST]
    if _PRIVATE_KEY.search(value):
        return "a private key"
    if _AWS_KEY.search(value):
        return "an AWS access key"
    if _TOKEN.search(value):
        return "a JSON web token"
    if any(not is_reference(password[1]) for password in _URL.finditer(value)):
        return "a URL with a password"
    return None


def is_harmless(name: str, value: str) -> bool:
    """Whether a text under a name that sounds like a credential is surely none: empty, a reference, a switch, a path, the place
    where a store keeps it, or the name of a Secret.

    A number is harmless only under a name that ends in TOKEN (a count of them); under PASSWORD it is somebody's password.
    """
    value = value.strip()
    if not value or is_reference(value) or value.lower() in _SWITCHES or _PATH.fullmatch(value):
        return True
    if _KEPT_ELSEWHERE.fullmatch(value) or (_OBJECT.search(name) and _NAME.fullmatch(value)):
        return True
    if "-----BEGIN " in value:  # what is not a private key is public
        return not _PRIVATE_KEY.search(value)
    return value.replace(".", "", 1).isdigit() and name.lower().endswith("token")
