"""Which outcome a rule gives: pass where the question arises and the answer is good, not-applicable where it does not arise,
unknown where a fact is missing; and what a live view changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from auditor.compliance import choose, judge, load_catalogue
from auditor.model import Cell, CellState, Outcome, Severity, Snapshot, Verdict
from tests.compliance.manifests import cluster, deployment, git, service

CATALOGUE = load_catalogue()
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
PASS, FAIL, NONE, UNKNOWN = Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE, Outcome.UNKNOWN


def verdict(
    id: str, desired: Snapshot | None, live: Snapshot | None = None, kind: str = "Deployment", name: str = "web"
) -> Verdict:
    found = [
        one
        for one in judge(choose(CATALOGUE, [id], ()), desired, live, at=AT)
        if (one.ref.kind, one.ref.name) == (kind, name)
    ]
    assert len(found) == 1, found
    return found[0]


def outcome(id: str, desired: str, live: str | None = None, kind: str = "Deployment", name: str = "web") -> Outcome:
    return verdict(id, git(desired), None if live is None else cluster(live), kind, name).outcome


def a(kind: str, name: str, *, api: str = "v1", namespace: str = "shop", more: str = "", meta: str = "") -> str:
    return f"---\napiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}{meta}}}\n{more}"


def pod(name: str = "web", *, meta: str = "", spec: str = "", status: str = "") -> str:
    held = f"status: {{{status}}}\n" if status else ""
    return a("Pod", name, meta=meta, more=f"spec: {{containers: [{{name: web, image: 'web:1.0.0'}}]{spec}}}\n{held}")


def scaler(name: str = "web", *, more: str = "") -> str:
    target = "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}"
    return a(
        "HorizontalPodAutoscaler",
        name,
        api="autoscaling/v2",
        more=f"spec: {{{target}, minReplicas: 2, maxReplicas: 9{more}}}\n",
    )


WEB, SVC = deployment(), service()
OFF = deployment(spec="replicas: 0")
NO_SPACE = WEB.replace("  namespace: shop\n", "")
CLAIM = "      volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]\n"
PVC = a("PersistentVolumeClaim", "data", more="spec: {accessModes: [ReadWriteOnce]}\n")
REFERS = deployment(more="envFrom: [{secretRef: {name: db}}]")
REFERS_MAP = deployment(more="envFrom: [{configMapRef: {name: db}}]")
PROBES = "livenessProbe: {tcpSocket: {port: 1}%s}, readinessProbe: {tcpSocket: {port: 1}}"


@pytest.mark.parametrize(
    ("id", "manifest", "expected"),
    [
        ("POD003", WEB, PASS),
        ("POD004", WEB, NONE),
        ("POD004", deployment(spec="replicas: 2"), PASS),
        ("CTL003", WEB, NONE),
        ("CTL003", WEB + CLAIM, PASS),  # one replica: what is not known does not matter
        ("CTL003", deployment(spec="replicas: 2") + CLAIM, UNKNOWN),
        ("CTL003", deployment(spec="replicas: 2") + CLAIM + PVC, FAIL),
        ("CTL003", WEB + CLAIM + PVC + scaler(), FAIL),
        ("CTL003b", WEB + CLAIM, UNKNOWN),
        ("CTL003b", WEB + CLAIM + PVC, FAIL),
        ("CTL003b", deployment(spec="strategy: {type: Recreate}") + CLAIM + PVC, PASS),
        ("CTL006", WEB, PASS),
        ("INIT001", WEB, NONE),
        ("ORD001", WEB, NONE),
        ("ORD001", deployment(more="args: ['$(DB_SERVICE_HOST)']") + service("db"), PASS),
        ("ORD001", deployment(more="args: ['$(DB_SERVICE_HOST)'], envFrom: [{configMapRef: {name: x}}]".replace(", envFrom", "\n          envFrom")), UNKNOWN),
        ("HIST001", WEB, PASS),
        ("HIST002", WEB, UNKNOWN),  # needs what runs
        ("HIST005", deployment(spec="revisionHistoryLimit: 0"), NONE),
        ("HIST006", WEB, PASS),
        ("HIST007", WEB, PASS),
        ("CFG001", WEB, NONE),
        ("CFG001", REFERS_MAP, FAIL),
        ("CFG001", REFERS, UNKNOWN),  # Secrets rightly are not in git
        ("CFG001", REFERS + a("Secret", "db", namespace="other"), FAIL),
        ("CFG001", REFERS + a("Secret", "db2"), FAIL),  # a near miss in the same namespace
        ("CFG001", REFERS + a("Secret", "unlike"), UNKNOWN),
        ("CFG001", REFERS + a("Secret", "db"), PASS),
        ("CFG001", REFERS.replace("name: db}", "name: db, optional: true}"), PASS),
        ("CFG001", NO_SPACE.replace("1.0.0", "1.0.0\n          envFrom: [{configMapRef: {name: x}}]"), FAIL),
        ("CFG001", NO_SPACE.replace("1.0.0", "1.0.0\n          envFrom: [{configMapRef: {name: x}}]") + a("ConfigMap", "x"), UNKNOWN),
        ("CFG002", REFERS_MAP, NONE),
        ("CFG002", deployment(more="env: [{name: A, valueFrom: {configMapKeyRef: {name: x, key: y}}}]"), NONE),
        ("CFG003", WEB, NONE),
        ("CFG003", deployment(more="env: [{name: A, value: b}]"), PASS),
        ("CFG007", WEB, NONE),
        ("CFG009", WEB, NONE),
        ("PROBE001", WEB, NONE),  # no Service selects it
        ("PROBE001", WEB + SVC, FAIL),
        ("PROBE001", OFF + SVC, NONE),
        ("PROBE001", OFF + SVC + scaler(), FAIL),
        ("PROBE001", WEB + service(more="clusterIP: None\n  publishNotReadyAddresses: true"), NONE),
        ("PROBE001", WEB + service(more="clusterIP: None"), FAIL),
        ("PROBE001", deployment(more="readinessProbe: {tcpSocket: {port: 80}}") + SVC, PASS),
        ("PROBE001", NO_SPACE + SVC, UNKNOWN),
        ("PROBE002", OFF, NONE),
        ("PROBE002", WEB, FAIL),
        ("PROBE003", WEB, NONE),
        ("PROBE004", deployment(more="livenessProbe: {tcpSocket: {port: 9}}"), NONE),
        ("RES001", WEB, FAIL),
        ("RES001", NO_SPACE, FAIL),  # no LimitRange anywhere could change it
        ("RES001", NO_SPACE + a("LimitRange", "x", more="spec: {limits: [{type: Container, min: {memory: 1Mi}}]}\n"), UNKNOWN),
        ("RES001", WEB + a("LimitRange", "x", more="spec: {limits: [{type: Container, min: {memory: 1Mi}}]}\n"), PASS),
        ("RES001", WEB + a("LimitRange", "x", more="spec: {limits: [{type: Pod, min: {memory: 1Mi}}]}\n"), FAIL),
        ("RES003", WEB + a("LimitRange", "x", more="spec: {limits: [{type: Container, min: {memory: 1Mi}}]}\n"), FAIL),
        ("RES001", deployment(more="resources: {requests: {memory: 0}}"), PASS),
        ("RES005", WEB, NONE),
        ("RES006", WEB, NONE),
        ("RES006", deployment(more="resources: {requests: {memory: 0}}"), FAIL),
        ("NS001", WEB, PASS),
        ("NS001", NO_SPACE, UNKNOWN),
        ("NS002", WEB, PASS),
        ("NS003", NO_SPACE, NONE),
        ("HPA002", WEB, NONE),
        ("HPA002", WEB + scaler(), NONE),
        ("HPA002", deployment(spec="replicas: 3"), NONE),
        ("HPA002", deployment(spec="replicas: 3") + scaler(), FAIL),
        ("HPA007", WEB + SVC, NONE),
        ("HPA007", deployment(spec="replicas: 2"), NONE),
        ("HPA007", deployment(spec="replicas: 2") + SVC, FAIL),
        ("HPA007", deployment(spec="replicas: 2") + SVC + scaler(), PASS),
        ("HPA007", deployment(spec="replicas: 2") + CLAIM + SVC, NONE),
        ("LBL001", WEB, PASS),
        ("LBL004", WEB, UNKNOWN),
        ("IMG001", WEB, PASS),
        ("IMG001", WEB.replace("web:1.0.0", "web:${TAG}"), UNKNOWN),
        ("IMG002", WEB, NONE),
    ],
)  # fmt: skip
def test_a_deployment_in_git_alone(id: str, manifest: str, expected: Outcome) -> None:
    assert outcome(id, manifest) is expected


@pytest.mark.parametrize(
    ("id", "manifest", "kind", "expected"),
    [
        ("POD001", pod(), "Pod", FAIL),
        ("POD001", pod(meta=", annotations: {argocd.argoproj.io/hook: PreSync}"), "Pod", NONE),
        ("POD001", pod(meta=", annotations: {kubernetes.io/config.mirror: x}"), "Pod", NONE),
        ("POD001", pod(meta=", ownerReferences: [{kind: Node, name: n}]"), "Pod", NONE),
        ("SVC001", SVC, "Service", FAIL),
        ("SVC001", WEB + SVC, "Service", PASS),
        ("SVC001", SVC + a("Database", "web", api="example.com/v1", more="spec: {labels: {app: web}}\n"), "Service", UNKNOWN),
        ("SVC001", SVC + pod(meta=", labels: {app: web}", status="phase: Succeeded"), "Service", FAIL),
        ("SVC001", service(selector="{app: web, job-name: x}") + WEB, "Service", PASS),
        ("SVC001", service(selector="{job-name: x}"), "Service", NONE),
        ("SVC001", NO_SPACE + SVC, "Service", UNKNOWN),
        ("SVC002", WEB + SVC, "Service", NONE),
        ("HPA001", scaler(), "HorizontalPodAutoscaler", FAIL),
        ("HPA001", WEB + scaler(), "HorizontalPodAutoscaler", PASS),
        ("HPA001", NO_SPACE + scaler(), "HorizontalPodAutoscaler", UNKNOWN),
        ("HPA001", scaler().replace("apps/v1, kind: Deployment", "argoproj.io/v1alpha1, kind: Rollout"), "HorizontalPodAutoscaler", UNKNOWN),
        ("HPA003", scaler(), "HorizontalPodAutoscaler", UNKNOWN),
        ("HPA003", WEB + scaler(), "HorizontalPodAutoscaler", FAIL),  # cpu by default
        ("HPA003", WEB + scaler(more=", metrics: [{type: External}]"), "HorizontalPodAutoscaler", NONE),
        ("HPA004", WEB + SVC + scaler(), "HorizontalPodAutoscaler", PASS),
        ("HPA005", WEB + scaler(), "HorizontalPodAutoscaler", NONE),
        ("HPA005", WEB + scaler() + scaler("other"), "HorizontalPodAutoscaler", FAIL),
        ("HPA008", WEB + scaler(), "HorizontalPodAutoscaler", UNKNOWN),
    ],
)  # fmt: skip
def test_other_objects_in_git_alone(id: str, manifest: str, kind: str, expected: Outcome) -> None:
    assert outcome(id, manifest, kind=kind) is expected


def test_what_is_in_no_file_weighs_one_less_than_what_is_not_in_the_cluster_either() -> None:
    files = verdict("CFG001", git(REFERS_MAP))
    both = verdict("CFG001", git(REFERS_MAP), cluster(REFERS_MAP))
    assert (files.severity, both.severity) == (Severity.WARNING, Severity.ERROR)
    assert "is not in these files" in files.findings[0].message
    assert "is neither in git nor in the cluster" in both.findings[0].message


def test_a_secret_on_the_cluster_exists_and_one_that_is_being_deleted_does_not() -> None:
    assert outcome("CFG001", REFERS, REFERS + a("Secret", "db")) is PASS
    going = a("Secret", "db", meta=", deletionTimestamp: '2026-05-01T00:00:00Z'")
    assert outcome("CFG001", REFERS, REFERS + going) is FAIL
    assert outcome("CFG001", REFERS, REFERS) is FAIL


def test_a_secret_that_may_not_be_read_is_there_if_a_pod_runs_with_it() -> None:
    secrets = [Cell("", "Secret", None, CellState.EXCLUDED)]
    refers = ", envFrom: [{secretRef: {name: db}}]"
    running = pod("web-1", status="containerStatuses: [{name: web, started: true}]").replace(
        "'web:1.0.0'", f"'web:1.0.0'{refers}"
    )
    waiting = running.replace("started: true", "started: false, state: {waiting: {reason: CreateContainerConfigError}}")
    assert verdict("CFG001", git(REFERS), cluster(REFERS, secrets)).outcome is UNKNOWN
    assert verdict("CFG001", git(REFERS), cluster(REFERS + waiting, secrets)).outcome is UNKNOWN
    assert verdict("CFG001", git(REFERS), cluster(REFERS + running, secrets)).outcome is PASS


def test_a_provider_stands_for_its_secret_only_if_it_makes_it() -> None:
    external = a("ExternalSecret", "x", api="external-secrets.io/v1", more="spec: {target: {name: db%s}}\n")
    assert outcome("CFG001", REFERS + external.replace("%s", "")) is PASS
    assert outcome("CFG001", REFERS + external.replace("%s", ", creationPolicy: Merge")) is UNKNOWN
    named = a("ExternalSecret", "db", api="external-secrets.io/v1", more="spec: {target: {name: other}}\n")
    assert outcome("CFG001", REFERS + named) is FAIL


def test_replicas_that_somebody_set_by_hand_count_for_what_runs() -> None:
    by_hand = deployment(spec="replicas: 3")
    assert outcome("HPA007", WEB + SVC, by_hand + SVC) is FAIL
    assert outcome("HPA007", by_hand + SVC, WEB + SVC) is NONE


def test_argo_that_leaves_replicas_alone_ends_the_fight() -> None:
    fought = deployment(spec="replicas: 3") + scaler()
    entry = "ignoreDifferences: [{group: apps, kind: Deployment, jsonPointers: [/spec/replicas]%s}]"
    application = a(
        "Application", "shop", api="argoproj.io/v1alpha1", namespace="argocd",
        more=f"spec: {{destination: {{namespace: shop}}, syncPolicy: {{syncOptions: [RespectIgnoreDifferences=true]}}, {entry}}}\n",
    )  # fmt: skip
    assert outcome("HPA002", fought + application.replace("%s", "")) is PASS
    assert outcome("HPA002", fought + application.replace("%s", ", name: other")) is FAIL
    assert outcome("HPA002", fought + application.replace("%s", "").replace("Respect", "Apply")) is FAIL
    assert (
        outcome("HPA002", fought + application.replace("%s", "").replace("{namespace: shop}", "{namespace: data}"))
        is FAIL
    )


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ("", FAIL),  # the same patience
        (", failureThreshold: 4", PASS),
        (", failureThreshold: 6, periodSeconds: 5", FAIL),
        (", failureThreshold: 1", FAIL),
    ],
)
def test_liveness_must_be_laxer_than_readiness(probe: str, expected: Outcome) -> None:
    said = PROBES.replace("%s", probe).replace(", readinessProbe", "\n          readinessProbe")
    assert outcome("PROBE003", deployment(more=said)) is expected


def test_a_kind_that_is_not_built_in_is_judged_by_its_template_and_by_nothing_else() -> None:
    rollout = WEB.replace("apps/v1", "argoproj.io/v1alpha1").replace("kind: Deployment", "kind: Rollout")
    asked = {one.policy for one in judge(CATALOGUE, git(rollout + SVC), None) if one.ref.kind == "Rollout"}
    assert {"RES001", "PROBE001", "PROBE002", "IMG001", "CFG001", "POD003"} <= asked
    assert not {"HPA007", "HIST001", "CTL006", "LBL001"} & asked
    assert outcome("PROBE001", rollout + SVC, kind="Rollout") is FAIL
    assert outcome("SVC001", rollout + SVC, kind="Service") is PASS


def test_the_namespace_that_a_tool_sets_is_the_one_that_counts() -> None:
    argo = a(
        "Application",
        "x",
        api="argoproj.io/v1alpha1",
        namespace="argocd",
        more="spec: {destination: {namespace: %s}, source: {path: apps/web}}\n",
    )
    flux = a(
        "Kustomization",
        "x",
        api="kustomize.toolkit.fluxcd.io/v1",
        namespace="flux",
        more="spec: {targetNamespace: %s, path: ./apps/web}\n",
    )

    def judged(workload: str, tool: str) -> Outcome:
        side = git(tool)
        placed = git(workload).resources[0]
        assert placed.origin is not None
        moved = type(placed)(
            placed.ref, placed.api_version, placed.body, type(placed.origin)("git", "repo/apps/web/web.yaml", 1)
        )
        return verdict("NS001", Snapshot((*side.resources, moved))).outcome

    explicit = WEB.replace("namespace: shop", "namespace: default")
    assert judged(NO_SPACE, argo.replace("%s", "shop")) is PASS
    assert judged(NO_SPACE, argo.replace("%s", "default")) is FAIL
    assert judged(explicit, argo.replace("%s", "shop")) is FAIL  # it fills in what is absent, and no more
    assert judged(explicit, flux.replace("%s", "shop")) is PASS  # it replaces
    assert judged(NO_SPACE, argo.replace("%s", "shop").replace("apps/web", "apps/other")) is UNKNOWN


def test_the_order_in_a_file_counts_only_where_the_file_is_applied_as_it_is() -> None:
    side = git(WEB + SVC)
    assert verdict("ORD002", side).outcome is FAIL
    assert verdict("ORD002", git(SVC + WEB)).outcome is PASS
    workload, service_ = side.resources
    place = workload.place()
    assert place
    rendered = replace(workload, trace=lambda path: place)
    assert verdict("ORD002", Snapshot((rendered, service_))).outcome is NONE
    tracked = deployment().replace(
        "  name: web\n", "  name: web\n  annotations: {argocd.argoproj.io/tracking-id: x}\n", 1
    )
    assert verdict("ORD002", side, cluster(tracked)).outcome is NONE  # the marks are on what runs
    root = a("Application", "shop", api="argoproj.io/v1alpha1", namespace="argocd", more="spec: {source: {path: .}}\n")
    assert outcome("ORD002", WEB + SVC + root) is NONE


def test_a_rule_about_time_does_not_guess_the_time() -> None:
    paused = (
        deployment(spec="paused: true")
        + "status: {conditions: [{type: Progressing, reason: DeploymentPaused, lastUpdateTime: '2026-05-01T00:00:00Z'}]}\n"
    )
    (without,) = judge(choose(CATALOGUE, ["HIST002b"], ()), None, cluster(paused))
    assert without.outcome is UNKNOWN
    assert verdict("HIST002b", None, cluster(paused)).outcome is FAIL


def test_an_init_container_that_waits_is_stuck_only_after_ten_minutes() -> None:
    workload = WEB + "      initContainers: [{name: wait, image: wait:1.0.0}]\n"
    status = "startTime: '2026-06-01T%s:00Z', initContainerStatuses: [{name: wait, imageID: x, state: {running: {}}}]"
    owner = ", labels: {pod-template-hash: abc}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-abc, controller: true}]"
    late, early = (
        workload + pod("web-abc-1", meta=owner, status=status.replace("%s", hour)) for hour in ("11:00", "11:55")
    )
    assert outcome("INIT005", workload, late) is FAIL
    assert outcome("INIT005", workload, early) is PASS
    assert outcome("INIT005", workload, WEB) is NONE
