"""Lines of manifests as they may be shown: what may be a credential is masked, and it fails closed. Lines in, lines out.

Of a document that holds a Secret, only the words of the format itself are shown; of others, all but what is named or looks
like a credential. Documents are told apart by their lines, as they may not be readable.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from auditor.kube.credentials import facts_of, is_sensitive

MASK: Final = "\u2026"
_SECRET: Final = re.compile(
    r"kind\W*Secret|stringData|kubernetes\.io/(tls|dockerc|basic-auth|ssh-auth|service-account-token)", re.IGNORECASE
)
_ENTRY: Final = re.compile(
    r"(?P<lead>\s*(?:-\s*)*)(?P<key>[\w.$/-]+|\"[^\"]*\"|'[^']*')(?P<sign>\s*[:\uff1a]\s*)(?P<value>.*)"
)
_LEAD: Final = re.compile(r"\s*(?:-\s*)*")
_SHOWN: Final = frozenset({"apiVersion", "kind", "name", "namespace", "type", "immutable"})
_STRUCTURE: Final = _SHOWN | {"metadata", "labels", "annotations", "data", "stringData", "items", "spec"}
_NAME: Final = re.compile(r"[\w./-]{1,253}")


def masked(lines: Sequence[str]) -> list[str]:
    """The lines of one file. What is masked in one of two texts that are alike is masked in the other."""
    found: list[str] = []
    begin = 0
    for number in range(len(lines) + 1):
        if number == len(lines) or (lines[number].startswith("---") and number > begin):
            document = lines[begin:number]
            secret = any(_SECRET.search(line) for line in document)
            found += [_of_secret(line) for line in document] if secret else _of_other(document)
            begin = number
    return found


def _of_secret(line: str) -> str:
    if not line.strip() or line.startswith(("---", "...")):
        return line[:3] if line.strip() else line
    match = _ENTRY.fullmatch(line.rstrip())
    if not match:
        lead = _LEAD.match(line)
        return (lead[0] if lead else "") + MASK
    key = match["key"]
    said = match["lead"] + (key if key in _STRUCTURE else MASK) + match["sign"].rstrip()
    if not match["value"]:
        return said
    plain = key in _SHOWN and _NAME.fullmatch(match["value"].strip("\"'"))
    return said + (" " if match["sign"][-1:] == " " else "") + (match["value"] if plain else MASK)


def _of_other(lines: Sequence[str]) -> list[str]:
    found: list[str] = []
    named = ""
    for line in lines:
        match = _ENTRY.fullmatch(line.rstrip())
        hidden = "token" in (facts := set(facts_of(line.encode("utf-8", "replace")))) or "pem-private" in facts
        if match:
            key, value = match["key"].strip("\"'"), match["value"].strip("\"'")
            hidden = hidden or bool(value and (is_sensitive(key) or (key == "value" and is_sensitive(named))))
            named = value if key == "name" else named
        if not hidden:
            found.append(line)
        elif match:
            found.append(match["lead"] + match["key"] + match["sign"] + MASK)
        else:
            lead = _LEAD.match(line)
            found.append((lead[0] if lead else "") + MASK)
    return found
