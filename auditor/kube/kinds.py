"""The kinds that Kubernetes itself serves: (group, kind) in, plural, scope and preferred version out.

The table is that of Kubernetes 1.36, read from its `api/openapi-spec/swagger.json`. Kinds of other groups are told by their
CustomResourceDefinition, where a snapshot holds one (`scope`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from auditor.model import Snapshot

SYSTEM_NAMESPACES: Final = frozenset({"kube-system", "kube-public", "kube-node-lease"})
"""Namespaces that every cluster has and that belong to the platform."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind as the API server serves it. `version` is the most stable one; `listable` is False for requests such as Binding."""

    group: str
    kind: str
    plural: str
    namespaced: bool
    version: str
    listable: bool = True


# group, preferred version, namespaced, listable, "Kind/plural …"
_TABLE: Final = (
    (
        "",
        "v1",
        True,
        True,
        "ConfigMap/configmaps Endpoints/endpoints Event/events LimitRange/limitranges PersistentVolumeClaim/persistentvolumeclaims Pod/pods PodTemplate/podtemplates ReplicationController/replicationcontrollers ResourceQuota/resourcequotas Secret/secrets Service/services ServiceAccount/serviceaccounts",
    ),
    ("", "v1", True, False, "Binding/bindings"),
    (
        "",
        "v1",
        False,
        True,
        "ComponentStatus/componentstatuses Namespace/namespaces Node/nodes PersistentVolume/persistentvolumes",
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        False,
        True,
        "MutatingAdmissionPolicy/mutatingadmissionpolicies MutatingAdmissionPolicyBinding/mutatingadmissionpolicybindings MutatingWebhookConfiguration/mutatingwebhookconfigurations ValidatingAdmissionPolicy/validatingadmissionpolicies ValidatingAdmissionPolicyBinding/validatingadmissionpolicybindings ValidatingWebhookConfiguration/validatingwebhookconfigurations",
    ),
    ("apiextensions.k8s.io", "v1", False, True, "CustomResourceDefinition/customresourcedefinitions"),
    ("apiregistration.k8s.io", "v1", False, True, "APIService/apiservices"),
    (
        "apps",
        "v1",
        True,
        True,
        "ControllerRevision/controllerrevisions DaemonSet/daemonsets Deployment/deployments ReplicaSet/replicasets StatefulSet/statefulsets",
    ),
    ("authentication.k8s.io", "v1", False, False, "SelfSubjectReview/selfsubjectreviews TokenReview/tokenreviews"),
    ("authorization.k8s.io", "v1", True, False, "LocalSubjectAccessReview/localsubjectaccessreviews"),
    (
        "authorization.k8s.io",
        "v1",
        False,
        False,
        "SelfSubjectAccessReview/selfsubjectaccessreviews SelfSubjectRulesReview/selfsubjectrulesreviews SubjectAccessReview/subjectaccessreviews",
    ),
    ("autoscaling", "v2", True, True, "HorizontalPodAutoscaler/horizontalpodautoscalers"),
    ("batch", "v1", True, True, "CronJob/cronjobs Job/jobs"),
    ("certificates.k8s.io", "v1beta1", True, True, "PodCertificateRequest/podcertificaterequests"),
    ("certificates.k8s.io", "v1", False, True, "CertificateSigningRequest/certificatesigningrequests"),
    ("certificates.k8s.io", "v1beta1", False, True, "ClusterTrustBundle/clustertrustbundles"),
    ("coordination.k8s.io", "v1", True, True, "Lease/leases"),
    ("coordination.k8s.io", "v1beta1", True, True, "LeaseCandidate/leasecandidates"),
    ("discovery.k8s.io", "v1", True, True, "EndpointSlice/endpointslices"),
    ("events.k8s.io", "v1", True, True, "Event/events"),
    (
        "flowcontrol.apiserver.k8s.io",
        "v1",
        False,
        True,
        "FlowSchema/flowschemas PriorityLevelConfiguration/prioritylevelconfigurations",
    ),
    ("internal.apiserver.k8s.io", "v1alpha1", False, True, "StorageVersion/storageversions"),
    ("networking.k8s.io", "v1", True, True, "Ingress/ingresses NetworkPolicy/networkpolicies"),
    (
        "networking.k8s.io",
        "v1",
        False,
        True,
        "IPAddress/ipaddresses IngressClass/ingressclasses ServiceCIDR/servicecidrs",
    ),
    ("node.k8s.io", "v1", False, True, "RuntimeClass/runtimeclasses"),
    ("policy", "v1", True, True, "PodDisruptionBudget/poddisruptionbudgets"),
    ("rbac.authorization.k8s.io", "v1", True, True, "Role/roles RoleBinding/rolebindings"),
    ("rbac.authorization.k8s.io", "v1", False, True, "ClusterRole/clusterroles ClusterRoleBinding/clusterrolebindings"),
    ("resource.k8s.io", "v1", True, True, "ResourceClaim/resourceclaims ResourceClaimTemplate/resourceclaimtemplates"),
    ("resource.k8s.io", "v1", False, True, "DeviceClass/deviceclasses ResourceSlice/resourceslices"),
    ("resource.k8s.io", "v1beta2", False, True, "DeviceTaintRule/devicetaintrules"),
    ("resource.k8s.io", "v1alpha3", False, True, "ResourcePoolStatusRequest/resourcepoolstatusrequests"),
    ("scheduling.k8s.io", "v1alpha2", True, True, "PodGroup/podgroups Workload/workloads"),
    ("scheduling.k8s.io", "v1", False, True, "PriorityClass/priorityclasses"),
    ("storage.k8s.io", "v1", True, True, "CSIStorageCapacity/csistoragecapacities"),
    (
        "storage.k8s.io",
        "v1",
        False,
        True,
        "CSIDriver/csidrivers CSINode/csinodes StorageClass/storageclasses VolumeAttachment/volumeattachments VolumeAttributesClass/volumeattributesclasses",
    ),
    ("storagemigration.k8s.io", "v1beta1", False, True, "StorageVersionMigration/storageversionmigrations"),
)

BUILT_IN: Final[Mapping[tuple[str, str], Kind]] = MappingProxyType(
    {
        (group, kind): Kind(group, kind, plural, namespaced, version, listable)
        for group, version, namespaced, listable, names in _TABLE
        for kind, plural in (name.split("/") for name in names.split())
    }
)
"""Every kind of Kubernetes 1.36, by (group, kind)."""

# Kinds of widespread add-ons that policies look at: providers of Secrets, autoscalers, network policies, GitOps tools.
_ADD_ONS: Final = (
    ("argoproj.io", "v1alpha1", True, "Application/applications Rollout/rollouts"),
    ("autoscaling.k8s.io", "v1", True, "VerticalPodAutoscaler/verticalpodautoscalers"),
    ("bitnami.com", "v1alpha1", True, "SealedSecret/sealedsecrets"),
    ("cert-manager.io", "v1", True, "Certificate/certificates"),
    ("cilium.io", "v2", True, "CiliumNetworkPolicy/ciliumnetworkpolicies"),
    ("cilium.io", "v2", False, "CiliumClusterwideNetworkPolicy/ciliumclusterwidenetworkpolicies"),
    ("crd.projectcalico.org", "v1", True, "NetworkPolicy/networkpolicies"),
    ("crd.projectcalico.org", "v1", False, "GlobalNetworkPolicy/globalnetworkpolicies"),
    ("external-secrets.io", "v1", True, "ExternalSecret/externalsecrets"),
    ("external-secrets.io", "v1", False, "ClusterExternalSecret/clusterexternalsecrets"),
    ("helm.toolkit.fluxcd.io", "v2", True, "HelmRelease/helmreleases"),
    ("keda.sh", "v1alpha1", True, "ScaledJob/scaledjobs ScaledObject/scaledobjects"),
    ("kustomize.toolkit.fluxcd.io", "v1", True, "Kustomization/kustomizations"),
    (
        "policy.networking.k8s.io",
        "v1alpha1",
        False,
        "AdminNetworkPolicy/adminnetworkpolicies BaselineAdminNetworkPolicy/baselineadminnetworkpolicies",
    ),
    ("projectcalico.org", "v3", True, "NetworkPolicy/networkpolicies"),
    ("projectcalico.org", "v3", False, "GlobalNetworkPolicy/globalnetworkpolicies"),
    ("secrets-store.csi.x-k8s.io", "v1", True, "SecretProviderClass/secretproviderclasses"),
)

ADD_ONS: Final[Mapping[tuple[str, str], Kind]] = MappingProxyType(
    {
        (group, kind): Kind(group, kind, plural, namespaced, version)
        for group, version, namespaced, names in _ADD_ONS
        for kind, plural in (name.split("/") for name in names.split())
    }
)
"""Kinds of add-ons that policies name; a cluster may well not serve them."""

# The core group comes first in the table, so a bare name means its kind.
_BY_NAME: Final[Mapping[str, Kind]] = {kind.kind: kind for kind in reversed(tuple(BUILT_IN.values()))}

_FORMER: Final = frozenset({"extensions"})
"""Groups that served today's kinds in versions long removed; manifests with them are still about."""

GROUPS: Final = frozenset(group for group, _ in BUILT_IN)
"""The API groups of Kubernetes itself; "" is the core group."""


def split_api_version(api_version: str) -> tuple[str, str]:
    """`apps/v1` -> ("apps", "v1"); `v1` -> ("", "v1")."""
    group, _, version = api_version.rpartition("/")
    return group, version


def known(group: str, kind: str) -> Kind | None:
    """The built-in kind, or None for anything that Kubernetes 1.36 does not serve by itself."""
    return BUILT_IN.get((group, kind))


def called(group: str, kind: str) -> str:
    """The name that `Policy.kinds` uses: `Deployment` for built-in kinds, also under the groups they had before, else `Rollout.argoproj.io`.

    Where two built-in groups serve one name (Event), the core group has the bare one.
    """
    if group in _FORMER and kind in _BY_NAME:
        return kind
    first = _BY_NAME.get(kind)
    return kind if first and first.group == group else f"{kind}.{group}"


def of_name(name: str) -> tuple[Kind, ...]:
    """The kinds that a policy means by `Deployment` or `ScaledObject.keda.sh`: built-in, or of the add-ons known here; () for others."""
    kind, _, group = name.partition(".")
    if not group:
        return (_BY_NAME[name],) if name in _BY_NAME else ()
    found = BUILT_IN.get((group, kind)) or ADD_ONS.get((group, kind))
    return (found,) if found else ()


def scope(group: str, kind: str, snapshots: Iterable[Snapshot | None] = ()) -> bool | None:
    """Whether objects of the kind live in namespaces: from the tables, else from a CustomResourceDefinition in the snapshots.

    None where neither knows it. Source: apiextensions.k8s.io/v1 `spec.scope`.
    """
    found = BUILT_IN.get((group, kind)) or ADD_ONS.get((group, kind))
    if found:
        return found.namespaced
    if group in _FORMER and kind in _BY_NAME:
        return _BY_NAME[kind].namespaced
    for snapshot in snapshots:
        for definition in snapshot.of_kind("apiextensions.k8s.io", "CustomResourceDefinition") if snapshot else ():
            spec = definition.body.get("spec")
            if not isinstance(spec, Mapping) or spec.get("group") != group:
                continue
            names = spec.get("names")
            if isinstance(names, Mapping) and names.get("kind") == kind:
                return spec.get("scope") != "Cluster"
    return None
