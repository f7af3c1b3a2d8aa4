"""The syntax of names of objects: a kind and a name in, the reason why the API refuses it out.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#names, and for kinds that differ the validation of
Kubernetes 1.36.
"""

from __future__ import annotations

import re
from typing import Final

from auditor.kube.kinds import GROUPS

_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_RBAC: Final = "rbac.authorization.k8s.io"
_OWN_SYNTAX: Final = frozenset({"ClusterTrustBundle", "IPAddress"})
_LONGEST: Final = {"CronJob": 52, "Namespace": 63, "Service": 63}
"""A CronJob's Jobs add 11 characters to its name; a Namespace and a Service are labels in DNS."""


def name_fault(group: str, kind: str, name: str) -> str | None:
    """Why the API refuses an object of a built-in kind by its name; None where it takes it, and for kinds not known here."""
    if not name or group not in GROUPS or kind in _OWN_SYNTAX:
        return None
    if group == _RBAC:
        return "it holds a slash or a percent sign" if re.search(r"[/%]", name) or name in (".", "..") else None
    most = _LONGEST.get(kind, 253)
    if len(name) > most:
        return f"it has {len(name)} characters, and {most} are allowed"
    if kind in ("Namespace", "Service") and not group:
        return (
            None if _LABEL.fullmatch(name) else "only lower-case letters, digits and - are allowed, not - at its ends"
        )
    if _SUBDOMAIN.fullmatch(name):
        return None
    return "only lower-case letters, digits, - and . are allowed, and a letter or digit stands at its ends and beside every dot"
