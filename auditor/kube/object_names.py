"""Names that the API server takes: a kind and a name in, what is wrong with the name out.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/. Which kind takes which form was asked of an
API server of Kubernetes 1.36, and the test asks it again.
"""

from __future__ import annotations

import re
from typing import Final

from auditor.kube import kinds

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_LABELS: Final = {("", "Service"), ("", "Namespace"), ("apps", "StatefulSet")}
_FREE: Final = {
    ("", "Event"), ("policy", "PodDisruptionBudget"), ("rbac.authorization.k8s.io", "Role"), ("rbac.authorization.k8s.io", "RoleBinding"),
    ("rbac.authorization.k8s.io", "ClusterRole"), ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
}  # fmt: skip
# Kinds whose names have rules of their own, or that a server need not serve.
_OWN: Final = {
    ("", "ComponentStatus"), ("apiextensions.k8s.io", "CustomResourceDefinition"), ("apiregistration.k8s.io", "APIService"),
    ("networking.k8s.io", "IPAddress"), ("certificates.k8s.io", "CertificateSigningRequest"),
}  # fmt: skip
_LONGEST: Final = {("batch", "CronJob"): 52}


def refused(group: str, kind: str, name: str) -> str | None:
    """Why the API server refuses this name of a built-in kind, as the end of a sentence; None where it does not, or is not known."""
    known = kinds.known(group, kind)
    if (
        known is None
        or not known.listable
        or (group, kind) in _OWN
        or "beta" in known.version
        or "alpha" in known.version
    ):
        return None
    if (group, kind) in _FREE:
        return "has a / or a %" if "/" in name or "%" in name or name in (".", "..") else None
    label = (group, kind) in _LABELS
    most = _LONGEST.get((group, kind), 63 if label else 253)
    if len(name) > most:
        return f"is longer than {most} characters"
    return None if (_LABEL if label else _SUBDOMAIN).fullmatch(name) else _wanted(label)


def refused_namespace(name: str) -> str | None:
    """The same for the name of a namespace."""
    if len(name) > 63:
        return "is longer than 63 characters"
    return None if _LABEL.fullmatch(name) else _wanted(True)


def _wanted(label: bool) -> str:
    return f"is not made of lower-case letters, digits and -{'' if label else ' or .'}, with a letter or digit at both ends"
