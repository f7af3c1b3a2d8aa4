"""What counts as drift, and what does not: appliers, autoscalers, controllers, defaults, secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditor.kube.secrets import key_of
from auditor.model import Cell, CellState, Certainty, Sealed
from tests.drift.sides import changes, cluster, drift, entry, git, owned, tracked

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1"}]}
"""
HPA = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 1,
        "maxReplicas": 9,
    },
}
KEDA = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"scaleTargetRef": {"name": "web"}},
}
SCALED = owned("spec replicas")


def deployment(replicas: int, *entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "managedFields": list(entries)},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "nginx:1"}]},
            },
        },
    }


def only(body: dict[str, Any]) -> set[tuple[str, str]]:
    return {("unmanaged", "(object)")} if body else set()


@pytest.mark.parametrize(
    ("replicas", "entries", "others", "told"),
    [
        (7, [], [], True),
        (7, [], [HPA], False),
        (7, [], [KEDA], False),
        (0, [], [HPA], True),
        (0, [], [KEDA], False),
        (0, [], [HPA | {"spec": HPA["spec"] | {"minReplicas": 0}}], False),  # type: ignore[operator]
        (7, [entry("kube-controller-manager", SCALED, subresource="scale", time="")], [HPA], False),
        (7, [entry("kube-controller-manager", SCALED, subresource="scale", time="")], [], True),
        (7, [entry("kubectl", SCALED, subresource="scale", time="")], [HPA], True),
        (7, [entry("some-operator", SCALED)], [HPA], True),
        (7, [entry("kustomize-controller", SCALED, "Apply")], [HPA], True),
        (7, [], [HPA | {"metadata": {"name": "web", "namespace": "other"}}], True),
    ],
)
def test_replicas_are_no_drift_where_an_autoscaler_wrote_them(
    replicas: int, entries: list[dict[str, Any]], others: list[dict[str, Any]], told: bool
) -> None:
    found = drift(git(DEPLOYMENT), cluster(deployment(replicas, *entries), *others))
    assert changes(found) - {("unmanaged", "(object)")} == ({("changed", "spec.replicas")} if told else set())


def test_a_scale_by_the_controller_manager_is_an_autoscalers_where_autoscalers_could_not_be_read() -> None:
    scaled = deployment(7, entry("kube-controller-manager", SCALED, subresource="scale", time=""))
    hidden = [Cell("autoscaling", "HorizontalPodAutoscaler", "shop", CellState.DENIED, "forbidden")]
    assert changes(drift(git(DEPLOYMENT), cluster(scaled, cells=hidden))) == set()
    assert changes(drift(git(DEPLOYMENT), cluster(deployment(7), cells=hidden))) == {("changed", "spec.replicas")}, (
        "unknown is no pass"
    )


def test_an_autoscaler_that_is_only_in_git_explains_replicas_too() -> None:
    both = git(DEPLOYMENT + "---\n" + json.dumps(HPA))
    assert changes(drift(both, cluster(deployment(7)))) == {("missing", "(object)")}, "the autoscaler itself"


WEBHOOK = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: hook}
webhooks:
- name: a.example.org
  clientConfig: {url: "https://x", CA}
  admissionReviewVersions: [v1]
  sideEffects: None
"""
CA = owned('webhooks k:{"name":"a.example.org"} clientConfig caBundle')


@pytest.mark.parametrize(
    ("ours", "entries", "told"),
    [
        ("", [], None),
        ("", [entry("cainjector", CA)], None),
        ("", [entry("elastic-operator", CA)], None),
        ("", [entry("kubectl-edit", CA)], "added"),
        ("caBundle: Cg==", [entry("elastic-operator", CA)], None),
        ("caBundle: b3Vycw==", [entry("cainjector", CA)], None),
        ("caBundle: b3Vycw==", [entry("elastic-operator", CA)], "changed"),
        ("caBundle: Cg==", [entry("kubectl-edit", CA)], "changed"),
        ("caBundle: b3Vycw==", [entry("argocd-controller", CA, "Apply")], "changed"),
    ],
)
def test_a_certificate_bundle_is_no_drift_where_a_controller_injects_it(
    ours: str, entries: list[dict[str, Any]], told: str | None
) -> None:
    body = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "hook", "managedFields": entries},
        "webhooks": [
            {
                "name": "a.example.org",
                "clientConfig": {"url": "https://x", "caBundle": "dGhlaXJz"},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
            }
        ],
    }
    found = drift(git(WEBHOOK.replace(", CA", f", {ours}" if ours else "")), cluster(body))
    path = "webhooks[name=a.example.org].clientConfig.caBundle"
    assert changes(found) == ({(told, path)} if told else set())


WIDGET = "apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: one, namespace: shop}\nspec: {a: 1, flag: false, gone: 0}\n"


def widget(spec: dict[str, Any], *entries: dict[str, Any]) -> dict[str, Any]:
    metadata = {
        "name": "one",
        "namespace": "shop",
        "creationTimestamp": "2026-08-22T10:02:00Z",
        "managedFields": list(entries),
    }
    return {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": metadata, "spec": spec}


def fields(*names: str) -> dict[str, Any]:
    return {"f:spec": {f"f:{name}": {} for name in names}}


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([entry("kustomize-controller", fields("a", "flag", "gone"), "Apply")], set()),
        ([entry("kustomize-controller", fields("a", "flag"), "Apply")], {("missing", "spec.gone")}),
        ([entry("kubectl-client-side-apply", fields("a"))], {("missing", "spec.flag"), ("missing", "spec.gone")}),
        ([], {("missing", "spec.flag"), ("missing", "spec.gone")}),
    ],
)
def test_a_zero_that_the_server_dropped_is_told_by_its_owner_where_no_type_tells(
    entries: list[dict[str, Any]], told: set[Any]
) -> None:
    assert changes(drift(git(WIDGET), cluster(widget({"a": 1}, *entries)))) == told


def test_what_came_with_the_creation_of_a_custom_resource_may_be_defaults() -> None:
    spec = {"a": 1, "flag": False, "gone": 0, "size": 3}
    created = entry("kubectl-create", fields("a", "flag", "gone", "size"))
    later = created | {"time": "2026-08-22T10:05:00Z"}
    assert changes(drift(git(WIDGET), cluster(widget(spec, created)))) == set()
    assert changes(drift(git(WIDGET), cluster(widget(spec, later)))) == {("added", "spec.size")}


@pytest.mark.parametrize(
    ("manager", "operation", "told"),
    [
        ("kubectl-edit", "Update", "added"),
        ("some-script", "Update", "added"),
        ("kustomize-controller", "Apply", "removed-in-git"),
        ("helm", "Update", "removed-in-git"),
        ("kube-controller-manager", "Update", None),
        ("before-first-apply", "Update", None),
        (None, "", None),
    ],
)
def test_a_field_that_only_live_has_counts_by_its_owner(manager: str | None, operation: str, told: str | None) -> None:
    body = deployment(3, *([entry(manager, owned("spec template spec nodeSelector"), operation)] if manager else []))
    body["spec"]["template"]["spec"]["nodeSelector"] = {"pool": "a"}
    found = drift(git(DEPLOYMENT), cluster(body), ignored=True)
    path = "spec.template.spec.nodeSelector.pool"
    assert changes(found) == ({(told, path)} if told else set())
    assert [each.path for each in found.ignored] == ([] if told else [path])


def test_a_default_is_no_drift_whoever_wrote_it() -> None:
    body = deployment(3, entry("kubectl-edit", owned("spec revisionHistoryLimit")))
    body["spec"]["revisionHistoryLimit"] = 10
    assert changes(drift(git(DEPLOYMENT), cluster(body))) == set()


def test_nothing_is_listed_as_ignored_unless_asked() -> None:
    body = deployment(3)
    body["metadata"]["labels"] = {"injected": "x"}
    assert drift(git(DEPLOYMENT), cluster(body)).ignored == ()
    assert len(drift(git(DEPLOYMENT), cluster(body), ignored=True).ignored) == 1


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def config(applied: dict[str, str], *entries: dict[str, Any]) -> dict[str, Any]:
    note = json.dumps(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": applied}
    )
    metadata = {"name": "c", "namespace": "shop", "annotations": {LAST_APPLIED: note}, "managedFields": list(entries)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1", "b": "2"}}


CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: shop}\ndata: {a: '1'}\n"


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([], "removed-in-git"),
        (
            [
                entry(
                    "kubectl-client-side-apply",
                    owned("data b") | {"f:metadata": {"f:annotations": {f"f:{LAST_APPLIED}": {}}}},
                )
            ],
            "removed-in-git",
        ),
        # another applier looks after it: the note is old, or a hand's
        ([entry("kustomize-controller", owned("data a"), "Apply")], None),
        ([entry("kustomize-controller", owned("data a"), "Apply"), entry("kubectl-edit", owned("data b"))], "added"),
    ],
)
def test_the_last_applied_annotation_tells_what_git_had_where_its_applier_keeps_it(
    entries: list[dict[str, Any]], told: str | None
) -> None:
    found = drift(git(CONFIG), cluster(config({"a": "1", "b": "2"}, *entries)), ignored=True)
    assert changes(found) == ({(told, "data.b")} if told else set())
    assert [each.path for each in found.ignored] == ([] if told else ["data.b"]), (
        "the annotation itself is nobody's news"
    )


@pytest.mark.parametrize("note", ["", "{", "[]", "null", '{"data": 3}', '{"metadata": []}'])
def test_a_broken_annotation_tells_nothing(note: str) -> None:
    body = config({})
    body["metadata"]["annotations"][LAST_APPLIED] = note
    assert changes(drift(git(CONFIG), cluster(body))) == set()


SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\nstringData: {p: hunter2}\n"


def secret(value: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "shop"},
        "type": "Opaque",
        "data": {"p": value},
    }


def test_a_secret_value_that_differs_is_told_and_never_shown() -> None:
    found = drift(git(SECRET), cluster(secret("b3RoZXI=")))
    ((change,),) = [each.changes for each in found.drift]
    assert (change.path, change.change.value) == ("data.p", "changed")
    assert isinstance(change.desired, Sealed)
    assert isinstance(change.live, Sealed)
    assert change.place is not None
    assert change.place.line == 4, "where stringData is written"
    assert "hunter2" not in repr(found)
    assert change.words == ""


def test_secrets_sealed_under_another_key_cannot_be_compared() -> None:
    found = drift(git(SECRET), cluster(secret("b3RoZXI="), key=key_of(b"another key of another run")))
    assert found.drift == ()
    assert ["data.p" in each.reason for each in found.not_compared] == [True]


def test_an_encrypted_secret_is_not_compared_and_its_keys_are() -> None:
    text = SECRET.replace("hunter2", "'ENC[AES256_GCM,data:x]', more: 'ENC[AES256_GCM,data:y]'")
    found = drift(git(text), cluster(secret("b3RoZXI=")))
    assert changes(found) == {("missing", "data.more")}
    assert len(found.not_compared) == 1


@pytest.mark.parametrize(
    ("name", "shown"), [("DB_PASSWORD", False), ("API_KEY", False), ("LEVEL", True), ("MAX_TOKENS", True)]
)
def test_a_variable_named_like_a_credential_keeps_its_value_to_itself(name: str, shown: bool) -> None:
    text = DEPLOYMENT.replace('"nginx:1"}', f'"nginx:1", env: [{{name: {name}, value: canary-a}}]}}')
    body = deployment(3)
    containers = body["spec"]["template"]["spec"]["containers"]
    containers[0]["env"] = [{"name": name, "value": "canary-b"}]
    found = drift(git(text), cluster(body))
    ((change,),) = [each.changes for each in found.drift]
    assert change.path.endswith(f"env[name={name}].value")
    assert ("canary" in repr(found)) is shown
    assert change.desired != change.live, "that it differs is still said"


def test_a_container_that_is_added_whole_hides_its_credentials() -> None:
    body = deployment(3, entry("kubectl-edit", owned('spec template spec containers k:{"name":"x"} name')))
    extra = {"name": "x", "image": "x", "env": [{"name": "TOKEN", "value": "canary"}, {"name": "A", "value": "plain"}]}
    body["spec"]["template"]["spec"]["containers"].append(extra)
    found = drift(git(DEPLOYMENT), cluster(body))
    assert changes(found) == {("added", "spec.template.spec.containers[name=x]")}
    assert "canary" not in repr(found)
    assert "plain" in repr(found)


def test_credentials_in_configuration_and_custom_resources_are_hidden() -> None:
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "shop"},
        "data": {"a": "1", "db.password": "canary"},
    }
    text = CONFIG.replace("a: '1'", "a: '1', db.password: canary-too")
    assert "canary" not in repr(drift(git(text), cluster(config_map)))
    hidden = widget(
        {"a": 1, "flag": False, "gone": 0, "db": {"password": "canary", "port": 2**70}},
        entry("kubectl-edit", owned("spec db"), time=""),
    )
    found = drift(git(WIDGET), cluster(hidden))
    assert changes(found) == {("added", "spec.db")}
    assert "canary" not in repr(found)


def test_a_removal_names_a_likely_hand_and_no_more() -> None:
    body = deployment(3, entry("kubectl-edit", owned("metadata labels x")))
    text = DEPLOYMENT.replace('image: "nginx:1"', 'image: "nginx:1", workingDir: /srv')
    ((change,),) = [each.changes for each in drift(git(text), cluster(body)).drift]
    assert change.change.value == "missing"
    assert change.owner is not None
    assert (change.owner.manager, change.owner.certainty) == ("kubectl-edit", Certainty.LIKELY)


def test_an_old_autoscaler_is_compared_with_what_the_server_made_of_it() -> None:
    old = """
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 9
  targetCPUUtilizationPercentage: SHARE
"""
    target = {"type": "Utilization", "averageUtilization": 60}
    body = HPA | {
        "spec": HPA["spec"] | {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]}
    }  # type: ignore[operator]
    assert changes(drift(git(old.replace("SHARE", "60")), cluster(body))) == set()
    assert changes(drift(git(old.replace("SHARE", "70")), cluster(body))) == {
        ("changed", "spec.metrics[0].resource.target.averageUtilization")
    }


def test_a_struct_that_was_applied_empty_does_not_own_what_others_put_into_it() -> None:
    text = DEPLOYMENT.replace("spec: {containers", "spec: {securityContext: {}, containers")
    body = deployment(3, entry("kustomize-controller", owned("spec template spec securityContext"), "Apply"))
    body["spec"]["template"]["spec"]["securityContext"] = {"seccompProfile": {"type": "RuntimeDefault"}}
    assert changes(drift(git(text), cluster(body))) == set()
    more = (
        "apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: one, namespace: shop}\nspec: {a: {}, b: [{c: 1}]}\n"
    )
    custom = widget({"a": {"x": 1}, "b": [{"c": 1, "d": 2}]}, entry("kustomize-controller", fields("a", "b"), "Apply"))
    assert changes(drift(git(more), cluster(custom))) == set()


@pytest.mark.parametrize(
    ("field", "live"),
    [
        ("args: [null]", {"args": [""]}),
        ("resources: {requests: {cpu: null}}", {"resources": {"requests": {"cpu": "0"}}}),
    ],
)
def test_a_null_that_the_server_keeps_is_what_is_empty(field: str, live: dict[str, Any]) -> None:
    body = deployment(3, entry("kubectl-create", {"f:spec": {}}))
    body["spec"]["template"]["spec"]["containers"][0] |= live
    assert changes(drift(git(DEPLOYMENT.replace('"nginx:1"', f'"nginx:1", {field}')), cluster(body))) == set()


def test_a_field_that_its_type_does_not_have_is_not_compared() -> None:
    found = drift(git(DEPLOYMENT.replace("replicas: 3", "replicas: 3\n  replica: 4")), cluster(deployment(3)))
    assert found.drift == ()
    assert [each.reason for each in found.not_compared] == [
        "spec.replica: Kubernetes v1.36.3 has no such field, and the server has dropped it"
    ]


def test_a_replication_controller_takes_labels_and_selector_from_its_template() -> None:
    text = """
apiVersion: v1
kind: ReplicationController
metadata: {name: rc, namespace: shop}
spec: {template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: "a:1"}]}}}
"""
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": "rc", "namespace": "shop", "labels": {"a": "b"}},
        "spec": {"replicas": 1, "selector": {"a": "b"}, "template": template},
    }
    body["metadata"]["managedFields"] = [entry("kubectl-create", tracked(body))]
    assert changes(drift(git(text), cluster(body))) == set()


@pytest.mark.parametrize(
    ("manager", "told"), [("some-operator", set()), ("kubectl-edit", {("added", "metadata.finalizers[=a.b/c]")})]
)
def test_a_finalizer_is_a_controllers_unless_a_hand_put_it_there(manager: str, told: set[Any]) -> None:
    body = deployment(3, entry(manager, owned('metadata finalizers v:"a.b/c"')))
    body["metadata"]["finalizers"] = ["a.b/c"]
    assert changes(drift(git(DEPLOYMENT), cluster(body))) == told


@pytest.mark.parametrize(
    ("manager", "told"),
    [
        ("argocd-controller", set()),
        ("kustomize-controller", {("removed-in-git", 'metadata.labels["app.kubernetes.io/instance"]')}),
    ],
)
def test_the_label_by_which_argo_marks_its_objects_is_no_drift(manager: str, told: set[Any]) -> None:
    body = deployment(3, entry(manager, owned("metadata labels app.kubernetes.io/instance"), "Apply"))
    body["metadata"]["labels"] = {"app.kubernetes.io/instance": "shop"}
    assert changes(drift(git(DEPLOYMENT), cluster(body))) == told


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ("resources: {limits: {cpu: 1000m}}", {"resources": {"limits": {"cpu": "1"}}}, set()),
        (
            "resources: {limits: {cpu: 1000m}}",
            {"resources": {"limits": {"cpu": "2"}}},
            {("changed", "spec.resources.limits.cpu")},
        ),
        ("share: {cpu: 1000m}", {"share": {"cpu": "1"}}, {("changed", "spec.share.cpu")}),
        ("x: {a: 1}", {"x": "a"}, {("changed", "spec.x")}),
        ("x: a", {"x": {"a": 1}}, {("changed", "spec.x")}),
        ("x: [a]", {"x": {"a": 1}}, {("changed", "spec.x")}),
    ],
)
def test_where_no_type_is_known_structure_tells_and_amounts_only_of_resources(
    ours: str, theirs: dict[str, Any], told: set[Any]
) -> None:
    text = f"apiVersion: example.org/v1\nkind: Widget\nmetadata: {{name: one, namespace: shop}}\nspec: {{{ours}}}\n"
    assert changes(drift(git(text), cluster(widget(theirs)))) == told
