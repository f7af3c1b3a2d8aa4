"""What the random edits on a real API server taught: each rule in small, with what is near it and must be told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.drift.sides import changes, cluster, drift, entry, git, owned

PODS = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "nginx:1.27"}]}}


def told(text: str, body: dict[str, Any], *entries: dict[str, Any], more: str = "") -> set[tuple[str, str]]:
    metadata = body.get("metadata", {})
    kind, version = (
        next(line.split(": ")[1] for line in text.splitlines() if line.startswith(key))
        for key in ("kind", "apiVersion")
    )
    whole = {
        "apiVersion": version,
        "kind": kind,
        **body,
        "metadata": {"name": "web", "namespace": "shop", "uid": "u-1", "managedFields": list(entries), **metadata},
    }
    found = drift(git("\n---\n".join((text, more)) if more else text), cluster(whole))
    return {change for change in changes(found) if change != ("missing", "(object)")}


def manifest(api: str, kind: str, *rest: str) -> str:
    return "\n".join((f"apiVersion: {api}", f"kind: {kind}", "metadata: {name: web, namespace: shop}", *rest))


# --- the server's own choices, though a hand owns them -------------------------------------------------------------------

CLAIM = manifest("v1", "PersistentVolumeClaim", "spec: {accessModes: [ReadWriteOnce]}")


@pytest.mark.parametrize(
    ("finalizer", "counts"),
    [("kubernetes.io/pvc-protection", False), ("kubernetes.io/pvc-protectio", True), ("example.org/mine", True)],
)
def test_a_finalizer_that_the_server_put_there_is_no_drift_whoever_stated_it(finalizer: str, counts: bool) -> None:
    body = {"metadata": {"finalizers": [finalizer]}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    hand = entry("kubectl", owned(f'metadata finalizers v:"{finalizer}"'), "Apply")
    flux = entry("kustomize-controller", owned("spec"), "Apply")
    expected = {("added", f"metadata.finalizers[={finalizer}]")} if counts else set()
    assert told(CLAIM, body, flux, hand) == expected


SERVICE = manifest("v1", "Service", "spec:", "  type: NodePort", "  ports: [{port: 80}]")
NODE_PORT = {"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80, "nodePort": 30080}]}
PORT = 'k:{"port":80,"protocol":"TCP"}'


def test_a_node_port_counts_where_a_hand_wrote_it_and_not_where_it_came_with_a_port() -> None:
    alone = entry("kubectl-edit", owned(f"spec ports {PORT} nodePort"))
    assert told(SERVICE, {"spec": NODE_PORT}, alone) == {("added", "spec.ports[port=80,protocol=TCP].nodePort")}
    whole = {
        "f:spec": {"f:ports": {PORT: {".": {}, "f:nodePort": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}}}}
    }
    assert told(SERVICE, {"spec": NODE_PORT}, entry("kubectl-edit", whole)) == set()


@pytest.mark.parametrize(
    ("field", "value", "counts"),
    [
        ("clusterIP", "10.0.0.7", False),
        ("clusterIPs", ["10.0.0.7"], False),
        ("ipFamilies", ["IPv4"], False),
        ("healthCheckNodePort", 30000, False),
        ("ipFamilyPolicy", "SingleStack", False),
        ("ipFamilyPolicy", "PreferDualStack", True),
        ("externalTrafficPolicy", "Local", True),
    ],
)
def test_what_the_server_allocates_to_a_service_is_no_drift_though_a_hand_sent_it_back(
    field: str, value: Any, counts: bool
) -> None:
    body = {"spec": {"type": "NodePort", "ports": [{"port": 80}], field: value}}
    expected = {("added", f"spec.{field}")} if counts else set()
    assert told(SERVICE, body, entry("kubectl-replace", owned(f"spec {field}"))) == expected


DEFAULTED = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
NOT_READY, UNREACHABLE = ({"key": f"node.kubernetes.io/{key}", **DEFAULTED} for key in ("not-ready", "unreachable"))
POD = manifest("v1", "Pod", "spec:", "  containers: [{name: web, image: 'nginx:1.27'}]")


@pytest.mark.parametrize(
    ("declared", "live", "expected"),
    [
        ("", [UNREACHABLE, NOT_READY], set()),
        ("", [NOT_READY | {"tolerationSeconds": 301}, UNREACHABLE], {("added", "spec.tolerations")}),
        ("", [{"operator": "Exists"}], {("added", "spec.tolerations")}),
        ("[{key: spot, operator: Exists}]", [{"key": "spot", "operator": "Exists"}, NOT_READY, UNREACHABLE], set()),
        ("[{key: spot, operator: Exists}]", [NOT_READY, UNREACHABLE], {("changed", "spec.tolerations")}),
        (
            "[{key: spot, operator: Exists}]",
            [{"key": "spot", "operator": "Equal"}, NOT_READY],
            {("changed", "spec.tolerations[0].operator")},
        ),
        (
            "[{key: spot, operator: Exists}]",
            [{"key": "spot", "operator": "Exists"}, {"operator": "Exists"}, NOT_READY],
            {("changed", "spec.tolerations")},
        ),
    ],
)
def test_tolerations_that_admission_gives_a_pod_are_no_drift(
    declared: str, live: list[dict[str, Any]], expected: set[tuple[str, str]]
) -> None:
    text = POD + (f"\n  tolerations: {declared}" if declared else "")
    spec = {"containers": [{"name": "web", "image": "nginx:1.27"}], "tolerations": live}
    assert told(text, {"spec": spec}, entry("kubectl-edit", owned("spec tolerations"))) == expected


def test_a_template_is_given_no_tolerations_so_there_they_count() -> None:
    text = manifest("v1", "PodTemplate", "template:", "  spec: {containers: [{name: web, image: 'nginx:1.27'}]}")
    spec = {"containers": [{"name": "web", "image": "nginx:1.27"}], "tolerations": [NOT_READY, UNREACHABLE]}
    hand = entry("kubectl-edit", owned("template spec tolerations"))
    assert told(text, {"template": {"spec": spec}}, hand) == {("added", "template.spec.tolerations")}


# --- what depends on its neighbours is worked out from git's ------------------------------------------------------------


def deployment(container: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "web", **container}], **spec}}}}


def deployed(container: str, more: str = "") -> str:
    lines = ("spec:", "  template:", "    spec:", f"      containers: [{container}]")
    return manifest("apps/v1", "Deployment", *lines, *([f"      {more}"] if more else []))


WEB = "spec.template.spec.containers[name=web]"
POLICY = entry("kubectl-replace", owned('spec template spec containers k:{"name":"web"} imagePullPolicy'))


@pytest.mark.parametrize(
    ("image", "policy", "expected"),
    [
        ("nginx:1.27", "IfNotPresent", set()),
        ("nginx:1.27", "Always", {("added", f"{WEB}.imagePullPolicy")}),
        ("nginx:latest", "IfNotPresent", {("changed", f"{WEB}.image")}),
        ("nginx:latest", "Always", {("changed", f"{WEB}.image"), ("added", f"{WEB}.imagePullPolicy")}),
    ],
)
def test_a_pull_policy_is_that_of_the_image_in_git(image: str, policy: str, expected: set[tuple[str, str]]) -> None:
    body = deployment({"image": image, "imagePullPolicy": policy})
    assert told(deployed("{name: web, image: 'nginx:1.27'}"), body, POLICY) == expected


def test_limits_that_live_has_of_maxima_that_git_has_are_no_drift_when_those_are_taken_away() -> None:
    text = manifest("v1", "LimitRange", "spec:", "  limits: [{type: Container, max: {cpu: 2, memory: 2Gi}}]")
    item = {"type": "Container", "max": {"cpu": "2"}, "default": {"cpu": "2", "memory": "2Gi"}}
    item["defaultRequest"] = {"cpu": "1", "memory": "2Gi"}
    expected = {("missing", "spec.limits[0].max.memory"), ("added", "spec.limits[0].defaultRequest.cpu")}
    assert told(text, {"spec": {"limits": [item]}}, entry("kubectl-edit", owned("spec limits"))) == expected


@pytest.mark.parametrize(
    ("rules", "value", "counts"),
    [
        ("", "TerminatingOrFailed", False),
        ("", "Failed", True),
        ("podFailurePolicy: {rules: [{action: Ignore}]}", "Failed", False),
    ],
)
def test_when_pods_of_a_job_are_replaced_depends_on_what_becomes_of_failed_ones(
    rules: str, value: str, counts: bool
) -> None:
    text = manifest("batch/v1", "Job", "spec:", "  template: {spec: {containers: [{name: web, image: web}]}}")
    text += f"\n  {rules}" if rules else ""
    spec = {"template": {"spec": {"containers": [{"name": "web", "image": "web"}]}}, "podReplacementPolicy": value}
    if rules:
        spec["podFailurePolicy"] = {"rules": [{"action": "Ignore"}]}
    hand = entry("kubectl-patch", owned("spec podReplacementPolicy"))
    assert told(text, {"spec": spec}, hand) == ({("added", "spec.podReplacementPolicy")} if counts else set())


@pytest.mark.parametrize(
    ("side", "field", "value", "counts"),
    [
        ("scaleUp", "stabilizationWindowSeconds", 0, False),
        ("scaleUp", "stabilizationWindowSeconds", 300, True),
        ("scaleDown", "stabilizationWindowSeconds", 0, True),
        ("scaleDown", "policies", [{"type": "Percent", "value": 100, "periodSeconds": 15}], False),
        ("scaleUp", "policies", [{"type": "Percent", "value": 100, "periodSeconds": 15}], True),
    ],
)
def test_scaling_up_and_scaling_down_have_defaults_of_their_own(
    side: str, field: str, value: Any, counts: bool
) -> None:
    behavior = f"  behavior: {{{side}: {{selectPolicy: Min}}}}"
    target = "  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}"
    text = manifest("autoscaling/v2", "HorizontalPodAutoscaler", "spec:", "  maxReplicas: 3", target, behavior)
    spec = {
        "maxReplicas": 3,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "behavior": {side: {"selectPolicy": "Min", field: value}},
    }
    hand = entry("k9s", owned(f"spec behavior {side} {field}"))
    assert told(text, {"spec": spec}, hand) == ({("added", f"spec.behavior.{side}.{field}")} if counts else set())


ACCOUNT = entry("kubectl-set", owned("spec template spec serviceAccountName"))


def test_a_service_account_given_by_hand_is_told_and_its_older_name_is_not() -> None:
    body = deployment({"image": "nginx:1.27"}, serviceAccountName="admin", serviceAccount="admin")
    path = "spec.template.spec.serviceAccount"
    assert told(deployed("{name: web, image: 'nginx:1.27'}"), body, ACCOUNT) == {("added", f"{path}Name")}
    older = deployed("{name: web, image: 'nginx:1.27'}", "serviceAccount: admin")
    assert told(older, body, ACCOUNT) == set()
    assert told(older.replace("admin", "app"), body, ACCOUNT) == {("changed", path)}


# --- labels that come from a template ----------------------------------------------------------------------------------

HAND = entry(
    "kubectl-edit", {"f:metadata": {"f:labels": {f"f:{key}": {} for key in ("app", "job-name", "controller-uid")}}}
)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"app": "web", "job-name": "web", "controller-uid": "u-1"}, set()),
        ({"app": "other"}, {("added", "metadata.labels.app")}),
        ({"job-name": "other"}, {("added", "metadata.labels.job-name")}),
        ({"controller-uid": "u-2"}, {("added", "metadata.labels.controller-uid")}),
        ({}, set()),
    ],
)
def test_a_job_has_the_labels_of_its_template(labels: dict[str, str], expected: set[tuple[str, str]]) -> None:
    template = "  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: 'nginx:1.27'}]}}"
    body = {"metadata": {"labels": labels}, "spec": {"template": PODS}}
    assert told(manifest("batch/v1", "Job", "spec:", template), body, HAND) == expected


@pytest.mark.parametrize(
    ("labels", "selector", "expected"),
    [
        ({"app": "web"}, {"app": "web"}, set()),
        ({"app": "other"}, {"app": "web"}, {("added", "metadata.labels.app")}),
        ({"app": "web"}, {"app": "other"}, {("added", "spec.selector.app")}),
    ],
)
def test_a_replication_controller_has_labels_and_selector_of_its_template(
    labels: dict[str, str], selector: dict[str, str], expected: set[tuple[str, str]]
) -> None:
    template = "  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: 'nginx:1.27'}]}}"
    body = {"metadata": {"labels": labels}, "spec": {"template": PODS, "selector": selector}}
    text = manifest("v1", "ReplicationController", "spec:", template)
    assert told(text, body, HAND, entry("kubectl-edit", owned("spec selector app"))) == expected


# --- aggregated roles ----------------------------------------------------------------------------------------------------

AGGREGATION = {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}
RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}]
IN_GIT = "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}"


@pytest.mark.parametrize(
    ("declared", "body", "expected"),
    [
        ((IN_GIT,), {"aggregationRule": AGGREGATION, "rules": RULES}, set()),
        (
            (IN_GIT, "rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]"),
            {"aggregationRule": AGGREGATION, "rules": RULES},
            set(),
        ),
        ((IN_GIT,), {"rules": RULES}, {("missing", "aggregationRule")}),
        (("rules: []",), {"rules": RULES}, {("added", "rules")}),
        (("rules: []",), {"aggregationRule": AGGREGATION, "rules": RULES}, {("added", "aggregationRule")}),
    ],
)
def test_the_rules_of_a_role_that_either_side_aggregates_are_the_control_planes(
    declared: tuple[str, ...], body: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    text = manifest("rbac.authorization.k8s.io/v1", "ClusterRole", *declared).replace(", namespace: shop", "")
    hands = (
        entry("kubectl-edit", owned("rules")),
        entry("kubectl-edit", owned("aggregationRule clusterRoleSelectors")),
    )
    assert told(text, {**body, "metadata": {"namespace": None}}, *hands) == expected


# --- lists as a whole, kinds that are not Kubernetes' own -----------------------------------------------------------------


def test_a_list_that_git_declares_as_a_whole_counts_though_a_controller_wrote_it() -> None:
    text = manifest("rbac.authorization.k8s.io/v1", "ClusterRole", IN_GIT).replace(", namespace: shop", "")
    selectors = [{"matchLabels": {"a": "b", "c": "d"}}]
    body = {"aggregationRule": {"clusterRoleSelectors": selectors}, "metadata": {"namespace": None}}
    hand = entry("kube-controller-manager", owned("aggregationRule clusterRoleSelectors"))
    assert told(text, body, hand) == {("added", "aggregationRule.clusterRoleSelectors[0].matchLabels.c")}


WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {type: integer, default: 3}
              mode: {type: object, default: {}, properties: {fast: {type: boolean, default: true}}}
              memory: {x-kubernetes-int-or-string: true, pattern: "^[0-9]+([KMGTPE]i)?$"}
              port: {x-kubernetes-int-or-string: true}
              list: {type: array, items: {type: object, properties: {a: {type: integer}, b: {type: boolean, default: true}}}}
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items: {type: object, properties: {name: {type: string}, x: {type: integer}}}
              words: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""


@pytest.mark.parametrize(
    ("declared", "live", "expected"),
    [
        ({}, {"size": 3, "mode": {"fast": True}}, set()),
        ({}, {"size": 4}, {("added", "spec.size")}),
        ({}, {"mode": {"fast": False}}, {("added", "spec.mode")}),
        ({"size": 0}, {}, {("missing", "spec.size")}),
        ({"memory": "1024Mi"}, {"memory": "1Gi"}, set()),
        ({"port": 80}, {"port": "80"}, set()),
        ({"port": "1024Mi"}, {"port": "1Gi"}, {("changed", "spec.port")}),
        ({"list": [{"a": 1}]}, {"list": [{"a": 1, "b": True}]}, set()),
        ({"list": [{"a": 1}]}, {"list": [{"a": 1, "b": False}]}, {("added", "spec.list[0].b")}),
        ({"parts": [{"name": "a"}, {"name": "b"}]}, {"parts": [{"name": "b"}, {"name": "a"}]}, set()),
        ({"parts": [{"name": "a"}]}, {"parts": [{"name": "b"}, {"name": "a"}]}, {("added", "spec.parts[name=b]")}),
        ({"words": ["a", "b"]}, {"words": ["b", "a", "c"]}, {("added", "spec.words[=c]")}),
        ({"free": {"x": 1}}, {"free": {"x": 2}}, {("changed", "spec.free.x")}),
        ({"free": {"x": {}}}, {"free": {"x": "y"}}, {("changed", "spec.free.x")}),
        ({"free": {"x": 1}}, {"free": {}}, {("missing", "spec.free.x")}),
        ({"misspelt": 1}, {}, set()),
    ],
)
def test_a_custom_resource_is_compared_as_its_definition_says(
    declared: dict[str, Any], live: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    text = manifest("example.org/v1", "Widget", f"spec: {declared!r}".replace("'", '"').replace("True", "true"))
    owner = entry("kubectl-edit", {"f:spec": {}}) if not live else entry("kubectl-edit", _all(live))
    assert told(text, {"spec": live}, owner, more=WIDGETS) == expected


def _all(live: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: {} for name in ("f:size", "f:mode", "f:memory", "f:port", "f:list")}
    for each in live.get("parts", ()):
        fields.setdefault("f:parts", {})[f'k:{{"name":"{each["name"]}"}}'] = {".": {}, "f:name": {}}
    for each in live.get("words", ()):
        fields.setdefault("f:words", {})[f'v:"{each}"'] = {}
    return {"f:spec": {**fields, "f:mode": {"f:fast": {}}, "f:free": {"f:x": {}}}}


# --- whose hand a plain kubectl is -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "person"),
    [
        ({}, False),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, True),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "app:apps/Deployment:shop/web"}}, True),
        ({"labels": {"team": "shop"}}, False),
    ],
)
def test_kubectl_apply_is_a_hand_on_what_carries_the_mark_of_an_applier(metadata: dict[str, Any], person: bool) -> None:
    body = deployment({"image": "nginx:2"})
    whole = {"apiVersion": "apps/v1", "kind": "Deployment", **body}
    whole["metadata"] = {
        "name": "web",
        "namespace": "shop",
        "managedFields": [entry("kubectl", owned('spec template spec containers k:{"name":"web"} image'), "Apply")],
        **metadata,
    }
    (found,) = drift(git(deployed("{name: web, image: 'nginx:1.27'}")), cluster(whole)).drift
    (change,) = found.changes
    assert change.owner is not None
    assert (change.owner.owner_class.value == "human") is person


# --- what the server does with what was written ------------------------------------------------------------------------


LEASE = manifest("coordination.k8s.io/v1", "Lease", "spec: {holderIdentity: me, strategy: OldestEmulationVersion}")


def test_a_field_that_the_server_drops_though_its_applier_owns_it_is_not_compared_and_one_that_a_hand_took_is() -> None:
    body = {"spec": {"holderIdentity": "me"}}
    flux = entry("kustomize-controller", {"f:spec": {"f:holderIdentity": {}, "f:strategy": {}}}, "Apply")
    assert told(LEASE, body, flux) == set()
    whole = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "web", "namespace": "shop", "managedFields": [flux]},
        **body,
    }
    (one,) = drift(git(LEASE), cluster(whole)).not_compared
    assert one.path == "spec.strategy"
    assert "does not keep it" in one.reason
    taken = entry("kustomize-controller", {"f:spec": {"f:holderIdentity": {}}}, "Apply")
    assert told(LEASE, body, taken) == {("missing", "spec.strategy")}
    sent = entry("kustomize-controller", {"f:spec": {"f:holderIdentity": {}, "f:strategy": {}}})
    assert told(LEASE, body, sent) == {("missing", "spec.strategy")}


@pytest.mark.parametrize(
    ("who", "operation", "counts"),
    [("kustomize-controller", "Apply", False), ("helm", "Update", False), ("kubectl-edit", "Update", True)],
)
def test_a_null_that_an_applier_owns_leaves_the_field_to_the_server(who: str, operation: str, counts: bool) -> None:
    text = POD + "\n  priorityClassName: null"
    spec = {"containers": [{"name": "web", "image": "nginx:1.27"}], "priorityClassName": "high"}
    found = told(text, {"spec": spec}, entry(who, owned("spec priorityClassName"), operation))
    assert found == ({("added", "spec.priorityClassName")} if counts else set())


@pytest.mark.parametrize(
    ("field", "live", "who", "counts"),
    [
        ("clusterIP", "10.0.0.7", "kustomize-controller", False),
        ("clusterIP", "10.0.0.7", "kubectl-create", False),
        ("externalName", "example.org", "kubectl-edit", True),
        ("externalName", "example.org", "kustomize-controller", False),
    ],
)
def test_an_empty_text_that_the_server_filled_in_is_no_drift(field: str, live: str, who: str, counts: bool) -> None:
    text = f'{SERVICE}\n  {field}: ""'
    body = {"spec": {"type": "NodePort", "ports": [{"port": 80}], field: live}}
    expected = {("changed", f"spec.{field}")} if counts else set()
    assert told(text, body, entry(who, owned(f"spec {field}"))) == expected


def test_what_the_control_plane_adds_to_namespaces_nodes_and_jobs_is_no_drift() -> None:
    space = "apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\nspec: {finalizers: [example.org/x]}"
    nowhere = {"namespace": None}
    kept = {"spec": {"finalizers": ["example.org/x", "kubernetes"]}, "metadata": nowhere}
    assert told(space, kept) == set()
    gone = {"spec": {"finalizers": ["kubernetes"]}, "metadata": nowhere}
    assert told(space, gone) == {("changed", "spec.finalizers")}
    node = "apiVersion: v1\nkind: Node\nmetadata: {name: web}\nspec: {taints: [{key: a, effect: NoSchedule}]}"
    unready = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    own = {"key": "a", "effect": "NoSchedule"}
    assert told(node, {"spec": {"taints": [own, unready]}, "metadata": nowhere}) == set()
    assert told(node, {"spec": {"taints": [unready]}, "metadata": nowhere}) == {("changed", "spec.taints")}
    job = manifest("batch/v1", "Job", "spec: {selector: {}, template: {spec: {containers: [{name: web, image: web}]}}}")
    template = {"spec": {"containers": [{"name": "web", "image": "web"}]}}
    flux = entry("kustomize-controller", owned("spec selector"), "Apply")
    for uid, expected in (
        ("u-1", set()),
        ("u-2", {("removed-in-git", 'spec.selector.matchLabels["batch.kubernetes.io/controller-uid"]')}),
    ):
        selector = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
        assert told(job, {"spec": {"selector": selector, "template": template}}, flux) == expected


def test_an_empty_list_in_git_that_another_applier_filled_is_told() -> None:
    rules = "rules: [{apiGroups: [apps], resources: [deployments], verbs: [get], resourceNames: []}]"
    text = manifest("rbac.authorization.k8s.io/v1", "Role", rules)
    rule = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"], "resourceNames": ["carol"]}
    found = told(text, {"rules": [rule]}, entry("kubectl", owned("rules"), "Apply"))
    assert found == {("removed-in-git", "rules[0].resourceNames")}
