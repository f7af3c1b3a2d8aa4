"""How bad a difference is: by what it lets happen, not by its size. Pure.

*error* is what pages call dangerous: privilege widened, a security field removed, an image changed by hand, scaled to zero,
RBAC, NetworkPolicy or admission widened. *info* is what has no effect on what runs: labels, annotations, a restart.
Everything else is a *warning*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from auditor.drift.counts import Counted
from auditor.drift.tree import Difference
from auditor.drift.values import is_list, is_map, same_value
from auditor.kube.paths import Step
from auditor.kube.workloads import LONG_RUNNING
from auditor.model import ChangeKind, OwnerClass, Ref, Severity

_RBAC: Final = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})
_ADMISSION: Final = frozenset(
    {
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
    }
)
# By these a ServiceAccount is somebody in the cloud around the cluster.
_CLOUD_ROLES: Final = frozenset(
    {"eks.amazonaws.com/role-arn", "iam.gke.io/gcp-service-account", "azure.workload.identity/client-id"}
)
_LEVELS: Final = {"privileged": 0, "baseline": 1, "restricted": 2}


def _is(weak: Any) -> Callable[[Any, Any], bool]:
    return lambda _, live: bool(live == weak and type(live) is type(weak))


def _is_not(strong: Any) -> Callable[[Any, Any], bool]:
    """Weaker where git had the strong value, and live has not."""
    return lambda desired, live: bool(desired == strong and live != strong)


def _gains(desired: Any, live: Any) -> bool:
    return not _texts(live) <= _texts(desired)


def _loses(desired: Any, live: Any) -> bool:
    return not _texts(desired) <= _texts(live)


def _texts(value: Any) -> frozenset[str]:
    return frozenset(str(each).upper() for each in value) if is_list(value) else frozenset()


# Fields of Pods and containers by what makes them weaker: https://kubernetes.io/docs/concepts/security/pod-security-standards/
_SECURITY: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "privileged": _is(True),
    "hostNetwork": _is(True),
    "hostPID": _is(True),
    "hostIPC": _is(True),
    "hostProcess": _is(True),
    "shareProcessNamespace": _is(True),
    "allowPrivilegeEscalation": lambda desired, live: live is True or (desired is False and live is not False),
    "runAsNonRoot": _is_not(True),
    "readOnlyRootFilesystem": _is_not(True),
    "automountServiceAccountToken": _is_not(False),
    "hostUsers": _is_not(False),
    "runAsUser": lambda desired, live: live == 0 or (live is None and bool(desired)),
    "runAsGroup": lambda desired, live: live == 0 or (live is None and bool(desired)),
    "procMount": _is("Unmasked"),
    "hostPath": lambda desired, live: live is not None and live != desired,
    "serviceAccountName": lambda desired, live: live != desired,
}


def of_change(ref: Ref, difference: Difference, counted: Counted) -> Severity:
    """The severity of one change of an object that both sides have."""
    steps, change = difference.spot.steps, counted.change
    desired = None if difference.form == "extra" else difference.desired
    live = None if difference.form == "missing" else difference.live
    names = tuple(step for step in steps if isinstance(step, str))
    if names[:1] == ("metadata",) or names[-3:-1] == ("metadata", "annotations"):
        return _of_metadata(ref, names, desired, live)
    if names == ("spec", "replicas"):
        return Severity.ERROR if live == 0 and desired != 0 else Severity.WARNING
    if ref.kind in _RBAC and _rbac_widened(names, desired, live):
        return Severity.ERROR
    if ref.kind == "NetworkPolicy" and not _fewer(desired, live):
        return Severity.ERROR
    if ref.kind in _ADMISSION:
        return Severity.ERROR
    by_hand = counted.owner is None or counted.owner.owner_class is not OwnerClass.GITOPS
    if any(_is_dangerous(path, before, after, by_hand) for path, before, after in _fields(names, steps, desired, live)):
        return Severity.ERROR
    stranger = counted.owner is not None and counted.owner.owner_class is OwnerClass.UNKNOWN
    return Severity.INFO if change is ChangeKind.ADDED and stranger else Severity.WARNING


def _of_metadata(ref: Ref, names: tuple[str, ...], desired: Any, live: Any) -> Severity:
    if ref.kind == "Namespace" and names[-1] == "pod-security.kubernetes.io/enforce":
        before, after = (_LEVELS.get(str(value), 0) for value in (desired, live))
        return Severity.ERROR if after < before else Severity.WARNING
    if ref.kind == "ServiceAccount" and names[-1] in _CLOUD_ROLES:
        return Severity.ERROR
    return (
        Severity.WARNING
        if names[:2] in (("metadata", "finalizers"), ("metadata", "ownerReferences"))
        else Severity.INFO
    )


def _rbac_widened(names: tuple[str, ...], desired: Any, live: Any) -> bool:
    """Whether live allows what git does not: https://kubernetes.io/docs/reference/access-authn-authz/rbac/"""
    last = names[-1]
    if last == "resourceNames":  # none means all
        return not live or (bool(desired) and _gains(desired, live))
    if last in ("verbs", "resources", "apiGroups", "nonResourceURLs"):
        return _gains(desired, live)
    if last in ("rules", "subjects") and is_list(live):
        return any(not _among(each, desired) for each in live)
    return live is not None


def _fewer(desired: Any, live: Any) -> bool:
    """Whether a list of what is allowed has lost entries and kept some (an empty list would allow everything)."""
    return (
        is_list(desired)
        and is_list(live)
        and 0 < len(live) < len(desired)
        and all(_among(each, desired) for each in live)
    )


def _among(value: Any, others: Any) -> bool:
    return is_list(others) and any(same_value(value, other) for other in others)


def _is_dangerous(path: tuple[str, ...], desired: Any, live: Any, by_hand: bool) -> bool:
    last = path[-1]
    if last == "image":
        return by_hand and live is not None and path[-2:-1] != ("volumes",)
    if last in _SECURITY:
        return _SECURITY[last](desired, live)
    if path[-2:] == ("capabilities", "add"):
        return _gains(desired, live)
    if path[-2:] == ("capabilities", "drop"):
        return _loses(desired, live)
    if path[-2:] in (("seccompProfile", "type"), ("appArmorProfile", "type")):
        return bool(live == "Unconfined" or (live is None and desired not in (None, "Unconfined")))
    return False


_CONTEXTS: Final = ("containers", "initContainers", "ephemeralContainers")


def _fields(
    names: tuple[str, ...], steps: tuple[Step, ...], desired: Any, live: Any
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Every field in a change with its value on both sides; a struct or list element that is told as a whole is opened.

    A container that live lacks takes nothing with it that would protect the others: it is not opened.
    """
    if live is None and names[-1] in _CONTEXTS and not isinstance(steps[-1], str):
        return
    yield names, desired, live
    if is_map(desired) or is_map(live):
        left, right = (value if is_map(value) else {} for value in (desired, live))
        for key in {**left, **right}:
            if not same_value(left.get(key), right.get(key)):
                yield from _fields((*names, key), (*steps, key), left.get(key), right.get(key))
    elif is_list(live) and any(is_map(each) for each in live):
        for each in live:
            if is_map(each) and not _among(each, desired):
                yield from _fields(names, steps, None, each)


def of_object(ref: Ref, *, missing: bool) -> Severity:
    """The severity of an object that is missing (what it did no longer happens), or that git does not have."""
    if missing:
        gone = ref.kind in LONG_RUNNING or ref.kind == "NetworkPolicy" or ref.kind in _ADMISSION
        return Severity.ERROR if gone else Severity.WARNING
    if ref.kind in ("RoleBinding", "ClusterRoleBinding"):
        return Severity.ERROR
    if (
        ref.kind
        in (*LONG_RUNNING, "Pod", "CronJob", "Job", "Role", "ClusterRole", "NetworkPolicy", "Service", "Ingress")
        or ref.kind in _ADMISSION
    ):
        return Severity.WARNING
    return Severity.INFO
