"""Everything that is wrong with one object as its kind's schema and the API server's first checks see it: a body in, faults out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from auditor.manifests import conformity, parts
from auditor.manifests.parts import Fault

_TYPOGRAPHIC: Final = re.compile(rb":[ ]+\xe2\x80[\x98\x99\x9c-\x9e]")


def is_odd(text: bytes) -> bool:
    """Whether a document (UTF-8), although it can be read, has a value in typographic quotes."""
    return not text.isascii() and _TYPOGRAPHIC.search(text) is not None


def faults_of(body: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with a body, each fault once: a field that was meant by another one is not missing as well."""
    api_version, kind = body.get("apiVersion"), body.get("kind")
    group = api_version.rpartition("/")[0] if isinstance(api_version, str) else ""
    found = list(parts.missing(body, group))
    if isinstance(api_version, str) and isinstance(kind, str):
        found += conformity.faults(body, api_version, kind)
    meant = {(*fault.path[:-1], fault.instead_of) for fault in found if fault.instead_of}
    found = [fault for fault in found if fault.path not in meant]
    return [*found, *parts.misspelt(body), *parts.not_declared(body), *parts.refused_names(body, group)]
