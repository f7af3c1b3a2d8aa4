"""What rules may ask of other objects: both sides together, never an answer from what could not be read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from auditor.kube.surroundings import Surroundings, Unplaced
from auditor.model import Cell, CellState, Ref, Resource, Severity, Side, Snapshot, Unreadable
from tests.compliance.manifests import cluster, deployment, git, service


def a(kind: str, name: str, namespace: str | None = "shop", *, api: str = "v1", more: str = "") -> str:
    where = f", namespace: {namespace}" if namespace else ""
    return f"---\napiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}{where}}}\n{more}"


def scaler(name: str, target: str, namespace: str = "shop", *, kind: str = "Deployment", api: str = "apps/v1") -> str:
    return a(
        "HorizontalPodAutoscaler",
        name,
        namespace,
        api="autoscaling/v2",
        more=f"spec: {{scaleTargetRef: {{apiVersion: {api}, kind: {kind}, name: {target}}}, maxReplicas: 4}}\n",
    )


def one(side: Snapshot, kind: str, name: str = "web") -> Resource:
    (found,) = (resource for resource in side.resources if resource.ref.kind == kind and resource.ref.name == name)
    return found


def names(found: Sequence[Resource]) -> list[str]:
    return [f"{resource.ref.kind}/{resource.ref.name}" for resource in found]


def denied(kind: str, group: str = "", namespace: str | None = "shop") -> Cell:
    return Cell(group, kind, namespace, CellState.DENIED, "403")


@pytest.mark.parametrize("state", [CellState.DENIED, CellState.UNAVAILABLE, CellState.EXCLUDED])
def test_what_could_not_be_read_is_never_answered_with_none(state: CellState) -> None:
    around = Surroundings(git(deployment()), cluster("", [Cell("", "Secret", "shop", state)]))
    with pytest.raises(Unreadable, match="Secret in shop"):
        around.find("Secret", "shop", "db")
    with pytest.raises(Unreadable):
        around.of_kind("Secret", namespace="shop")
    assert around.find("Secret", "other", "db") is None


def test_what_git_holds_is_found_though_the_cluster_could_not_be_read() -> None:
    around = Surroundings(git(a("Secret", "db")), cluster("", [denied("Secret")]))
    found = around.find("Secret", "shop", "db")
    assert found is not None
    assert around.side_of(found.ref) is Side.GIT


def test_a_kind_that_one_namespace_denies_is_not_told_for_all_of_them() -> None:
    around = Surroundings(
        None,
        cluster(a("ConfigMap", "x", "other"), [denied("ConfigMap"), Cell("", "ConfigMap", "other", CellState.LISTED)]),
    )
    assert names(around.of_kind("ConfigMap", namespace="other")) == ["ConfigMap/x"]
    with pytest.raises(Unreadable):
        around.of_kind("ConfigMap")


def test_of_a_plain_list_what_does_not_occur_is_unreadable_but_for_add_ons_that_nothing_speaks_of() -> None:
    text = deployment()
    around = Surroundings(None, cluster(text, otherwise=CellState.UNAVAILABLE))
    with pytest.raises(Unreadable):
        around.of_kind("Service", namespace="shop")
    assert around.of_kind("ScaledObject.keda.sh", namespace="shop") == ()
    more = text + a("ScaledJob", "x", api="keda.sh/v1alpha1")
    with pytest.raises(Unreadable):
        Surroundings(None, cluster(more, otherwise=CellState.UNAVAILABLE)).of_kind(
            "ScaledObject.keda.sh", namespace="shop"
        )


def test_both_sides_are_asked_and_the_preferred_one_says_what_it_is() -> None:
    mine, running = (
        git(a("ConfigMap", "x", more="data: {a: git}\n") + a("ConfigMap", "g")),
        cluster(a("ConfigMap", "x", more="data: {a: live}\n") + a("ConfigMap", "l")),
    )
    for prefer, value in ((Side.LIVE, "live"), (Side.GIT, "git")):
        around = Surroundings(mine, running, prefer=prefer)
        assert sorted(names(around.of_kind("ConfigMap"))) == ["ConfigMap/g", "ConfigMap/l", "ConfigMap/x"]
        found = around.find("ConfigMap", "shop", "x")
        assert found is not None
        assert found.body["data"] == {"a": value}
        assert around.side_of(found.ref) is Side.BOTH
    assert around.side_of(Ref("", "", "ConfigMap", "shop", "nowhere")) is None


def test_what_is_nowhere_weighs_less_where_only_files_were_looked_at() -> None:
    files, both, live = Surroundings(git(""), None), Surroundings(git(""), cluster("")), Surroundings(None, cluster(""))
    assert files.absence(Severity.ERROR) == (Severity.WARNING, "is not in these files")
    assert files.absence(Severity.WARNING)[0] is Severity.INFO
    assert both.absence(Severity.ERROR) == (Severity.ERROR, "is neither in git nor in the cluster")
    assert live.absence(Severity.ERROR) == (Severity.ERROR, "is not in the cluster")
    assert (files.has_live, both.has_live) == (False, True)


def test_objects_of_one_source_that_name_no_namespace_belong_together() -> None:
    text = deployment().replace("  namespace: shop\n", "") + service().replace("  namespace: shop\n", "")
    side = git(text)
    assert names(Surroundings(side, None).services_selecting(one(side, "Deployment"))) == ["Service/web"]
    other = git(service().replace("  namespace: shop\n", ""), source="elsewhere")
    apart = Snapshot((one(side, "Deployment"), one(other, "Service")))
    with pytest.raises(Unplaced, match="Service web"):
        Surroundings(apart, None).services_selecting(one(side, "Deployment"))


def test_where_one_of_two_names_no_namespace_the_answer_is_unknown_only_if_it_could_change() -> None:
    side = git(deployment().replace("  namespace: shop\n", "") + service() + a("Secret", "db"))
    workload, around = one(side, "Deployment"), Surroundings(side, None)
    with pytest.raises(Unplaced):
        around.services_selecting(workload)
    with pytest.raises(Unplaced, match="Secret db"):
        around.find("Secret", workload, "db")
    assert around.find("Secret", workload, "another") is None
    with pytest.raises(Unplaced):
        around.selected_by(one(side, "Service"))


def test_a_service_selects_by_its_whole_selector_in_its_namespace() -> None:
    side = git(
        deployment()
        + deployment("api", labels="{app: api, tier: back}")
        + deployment("away", namespace="data")
        + service()
        + service("back", selector="{tier: back}")
        + service("none", selector="{app: web, tier: back}")
        + service("outside", more="type: ExternalName")
    )
    around = Surroundings(side, None)
    assert names(around.selected_by(one(side, "Service"))) == ["Deployment/web"]
    assert names(around.selected_by(one(side, "Service", "back"))) == ["Deployment/api"]
    assert around.selected_by(one(side, "Service", "none")) == ()
    assert around.selected_by(one(side, "Service", "outside")) == ()
    assert names(around.services_selecting(one(side, "Deployment"))) == ["Service/web"]
    assert names(around.services_selecting(one(side, "Deployment", "api"))) == ["Service/back"]


def test_that_nothing_is_selected_is_said_only_when_all_workloads_could_be_read() -> None:
    side = git(service("loose", selector="{app: nothing}"))
    assert Surroundings(side, cluster("")).selected_by(one(side, "Service", "loose")) == ()
    with pytest.raises(Unreadable, match="StatefulSet"):
        Surroundings(side, cluster("", [denied("StatefulSet", "apps")])).selected_by(one(side, "Service", "loose"))


def test_autoscalers_are_found_by_kind_name_and_namespace() -> None:
    side = git(
        deployment()
        + deployment("other")
        + scaler("right", "web")
        + scaler("away", "web", "data")
        + scaler("set", "web", kind="StatefulSet")
        + a("ScaledObject", "keda", api="keda.sh/v1alpha1", more="spec: {scaleTargetRef: {name: web}}\n")
        + scaler("keda-hpa", "web").replace(
            "name: keda-hpa,", "name: keda-hpa, ownerReferences: [{kind: ScaledObject, name: keda}],"
        )
    )
    around = Surroundings(side, None)
    assert sorted(names(around.autoscalers_of(one(side, "Deployment")))) == [
        "HorizontalPodAutoscaler/right",
        "ScaledObject/keda",
    ]
    assert around.autoscalers_of(one(side, "Deployment", "other").ref) == ()
    assert names(around.sharing_target(one(side, "HorizontalPodAutoscaler", "right"))) == ["ScaledObject/keda"]
    unread = Surroundings(side, cluster("", [denied("HorizontalPodAutoscaler", "autoscaling")]))
    with pytest.raises(Unreadable):
        unread.autoscalers_of(one(side, "Deployment", "other"))
    assert len(unread.autoscalers_of(one(side, "Deployment"))) == 2


def test_a_verdict_counts_for_the_workloads_that_the_object_serves() -> None:
    budget = "spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}\n"
    side = git(
        deployment(more="envFrom: [{configMapRef: {name: settings}}]")
        + service()
        + scaler("web", "web")
        + a("ConfigMap", "settings")
        + a("ConfigMap", "unused")
        + a("PodDisruptionBudget", "web", api="policy/v1", more=budget)
        + a("ServiceAccount", "web")
        + scaler("nothing", "gone")
    )
    around = Surroundings(side, None)
    served = [one(side, "Deployment").ref]
    for kind, name in (
        ("Deployment", "web"),
        ("Service", "web"),
        ("HorizontalPodAutoscaler", "web"),
        ("ConfigMap", "settings"),
        ("PodDisruptionBudget", "web"),
    ):
        assert list(around.concerns(one(side, kind, name))) == served, kind
    for kind, name in (("ConfigMap", "unused"), ("ServiceAccount", "web"), ("HorizontalPodAutoscaler", "nothing")):
        assert around.concerns(one(side, kind, name)) == ()


def test_references_to_a_config_map_are_found_wherever_they_stand() -> None:
    volume = "      volumes: [{name: v, projected: {sources: [{configMap: {name: settings}}]}}]\n"
    side = git(
        deployment()
        + volume
        + deployment("api", more="env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: a}}}]")
    )
    around = Surroundings(side, None)
    assert sorted(names(around.references_to("ConfigMap", "shop", "settings"))) == ["Deployment/api", "Deployment/web"]
    assert around.references_to("ConfigMap", "data", "settings") == ()
    assert around.references_to("Secret", "shop", "settings") == ()


def test_the_kinds_of_a_workload_that_a_controller_made_are_not_its_workloads() -> None:
    owned = a("Pod", "web-1", more="spec: {containers: [{name: web}]}\n").replace(
        "namespace: shop}",
        "namespace: shop, labels: {app: web}, ownerReferences: [{kind: ReplicaSet, name: web-1, controller: true}]}",
    )
    side = cluster(deployment() + owned + service())
    around = Surroundings(None, side)
    assert names(around.workloads_in("shop")) == ["Deployment/web"]
    assert names(around.selected_by(one(side, "Service"))) == ["Pod/web-1", "Deployment/web"] or names(
        around.selected_by(one(side, "Service"))
    ) == ["Deployment/web", "Pod/web-1"]
    assert around.concerns(one(side, "Service")) == (one(side, "Deployment").ref,)


def test_what_is_built_once_is_not_built_again() -> None:
    around, built = Surroundings(git(""), None), []
    for _ in range(2):
        assert around.once("list", lambda: built.append(1) or len(built)) == 1
