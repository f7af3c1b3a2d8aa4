"""Audits made by hand: one of everything that can be said, one of nothing, and one in which every text is hostile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from auditor.kube.workloads import TEMPLATED
from auditor.model import (
    Audit,
    Cell,
    CellState,
    Certainty,
    Change,
    ChangeKind,
    Coverage,
    Direction,
    Drift,
    DriftKind,
    Finding,
    Judges,
    NotCompared,
    Origin,
    Outcome,
    Owner,
    OwnerClass,
    Place,
    Policy,
    Problem,
    Ref,
    Resource,
    Score,
    Scores,
    Sealed,
    Severity,
    Side,
    Snapshot,
    Source,
    Verdict,
    Window,
)

AT = datetime(2026, 11, 17, 14, 5, 7, tzinfo=UTC)
CANARY = "canary-3f9a1c-do-not-print"
"""Stands where a secret value would; no output may hold it."""
SECRET = Sealed("key-1", CANARY)
CLUSTER = "prod-eu"
API = Ref(CLUSTER, "apps", "Deployment", "checkout", "cart-api")
WORKER = Ref(CLUSTER, "apps", "Deployment", "checkout", "cart-worker")
LEDGER = Ref(CLUSTER, "apps", "StatefulSet", "payments", "ledger")
HPA = Ref(CLUSTER, "autoscaling", "HorizontalPodAutoscaler", "checkout", "cart-api")
STRAY = Ref(CLUSTER, "", "ConfigMap", "checkout", "debug-notes")
TOKEN = Ref(CLUSTER, "", "Secret", "checkout", "cart-db")
VAULT = Ref(CLUSTER, "apps", "Deployment", "vault", "vault")
HAND = Owner("kubectl-edit", "Update", "", AT - timedelta(minutes=3), OwnerClass.HUMAN, Certainty.RECORDED)
WINDOW = Window(AT - timedelta(minutes=5), AT)


def _nothing(resource: object, around: object):  # type: ignore[no-untyped-def]
    yield from ()


POLICIES = (
    Policy(
        "POD001",
        "bare-pod",
        1,
        Severity.ERROR,
        ("Pod",),
        Judges.RUNNING,
        "A Pod is run by a controller.",
        "A Pod that nothing owns is not started again when its node dies.",
        "put the Pod template into a Deployment",
        _nothing,
    ),
    Policy(
        "PRB001",
        "readiness-missing",
        7,
        Severity.ERROR,
        (TEMPLATED,),
        Judges.RUNNING,
        "Every container behind a Service has a readiness probe.",
        "Without one, traffic reaches a container that is not ready yet.",
        "add a readinessProbe",
        _nothing,
    ),
    Policy(
        "RES002",
        "memory-limit-missing",
        8,
        Severity.WARNING,
        (TEMPLATED,),
        Judges.RUNNING,
        "Every container has a memory limit.",
        "One container without a limit can take the memory of its whole node.",
        "set resources.limits.memory",
        _nothing,
        version=2,
    ),
    Policy(
        "CFG003",
        "secret-in-plain-text",
        6,
        Severity.ERROR,
        (TEMPLATED,),
        Judges.DECLARED,
        "No credential stands in plain text.",
        "Whoever reads the repository reads it too.",
        "move the value into a Secret and refer to it",
        _nothing,
        enabled=False,
    ),
)


def place(line: int, file: str = "deploy/checkout/cart-api.yaml", column: int = 9) -> Place:
    return Place("shop", file, line, column)


def finding(policy: str, ref: Ref, n: int, **over: object) -> Finding:
    made = Finding(
        policy,
        ref,
        f"{n:032x}",
        Side.BOTH,
        Severity.WARNING,
        "spec.template.spec.containers[name=api].resources.limits.memory",
        "container api has no memory limit",
        "set resources.limits.memory",
        place(36),
    )
    return replace(made, **over)  # type: ignore[arg-type]


def verdict(policy: str, ref: Ref, outcome: Outcome, **over: object) -> Verdict:
    known = {one.id: one for one in POLICIES}[policy]
    return Verdict(policy, known.name, ref, outcome, known.severity, concerns=(ref,))._replace(**over)  # type: ignore[arg-type]


def change(path: str, desired: object, live: object, **over: object) -> Change:
    made = Change(
        path, ChangeKind.CHANGED, desired, live, Severity.WARNING, place(31), HAND, WINDOW, Direction.LIVE_CHANGED
    )
    return replace(made, **over)  # type: ignore[arg-type]


CONTAINER = "spec.template.spec.containers[name=api]"
DRIFT = (
    Drift(
        API,
        DriftKind.MODIFIED,
        Direction.LIVE_CHANGED,
        Severity.ERROR,
        (
            change(
                f"{CONTAINER}.image",
                "registry.example/shop/cart-api:1.4.2",
                "registry.example/dbg/cart-api:1.4.3",
                severity=Severity.ERROR,
            ),
            change(
                f"{CONTAINER}.resources.limits.memory",
                "512Mi",
                None,
                change=ChangeKind.MISSING,
                place=place(39),
                owner=replace(HAND, certainty=Certainty.LIKELY, time=None),
            ),
            change(f"{CONTAINER}.env[name=ADMIN_TOKEN].value", SECRET, Sealed("key-1", CANARY + "2"), place=place(58)),
            change("metadata.labels.debug", None, "true", change=ChangeKind.ADDED, place=None, severity=Severity.INFO),
        ),
        place=place(1),
        window=WINDOW,
    ),
    Drift(
        LEDGER,
        DriftKind.MISSING,
        Direction.UNKNOWN,
        Severity.ERROR,
        place=place(1, "deploy/payments/ledger.yaml", 1),
        reason="git declares it, the cluster does not have it",
        window=Window(None, AT),
    ),
    Drift(STRAY, DriftKind.UNMANAGED, Direction.UNKNOWN, Severity.INFO, reason="no source declares it", window=WINDOW),
    Drift(
        TOKEN,
        DriftKind.MODIFIED,
        Direction.LIVE_CHANGED,
        Severity.ERROR,
        (change("data.password", SECRET, Sealed("key-1", "other"), severity=Severity.ERROR, owner=None),),
        window=WINDOW,
    ),
    Drift(
        HPA,
        DriftKind.MODIFIED,
        Direction.GIT_AHEAD,
        Severity.WARNING,
        (change("spec.maxReplicas", 8, 6, owner=None, direction=Direction.GIT_AHEAD, place=place(12)),),
        place=place(1),
    ),
)

VERDICTS = (
    verdict(
        "RES002",
        API,
        Outcome.FAIL,
        findings=(
            finding("RES002", API, 1, side=Side.LIVE),
            finding(
                "RES002",
                API,
                2,
                path="spec.template.spec.containers[name=envoy].resources.limits.memory",
                message="container envoy has no memory limit",
                place=place(52),
            ),
        ),
    ),
    verdict(
        "PRB001",
        API,
        Outcome.FAIL,
        findings=(
            finding(
                "PRB001",
                API,
                3,
                severity=Severity.ERROR,
                path=f"{CONTAINER}.readinessProbe",
                message="container api is behind Service cart and has no readiness probe",
                remedy="add a readinessProbe",
                place=place(30),
            ),
        ),
    ),
    verdict("RES002", WORKER, Outcome.PASS),
    verdict("PRB001", WORKER, Outcome.NOT_APPLICABLE, reason="no Service selects it"),
    verdict("PRB001", LEDGER, Outcome.WAIVED, reason="legacy protocol; until 2026-12-31, by team-pay"),
    verdict(
        "RES002",
        HPA,
        Outcome.FAIL,
        scored=False,
        findings=(finding("RES002", HPA, 4, pending=True, side=Side.GIT, message="only in git"),),
    ),
    verdict("RES002", VAULT, Outcome.UNKNOWN, reason="cannot read Deployment in vault: denied"),
    verdict("POD001", LEDGER, Outcome.BROKEN, reason="KeyError in the check"),
)

AUDIT = Audit(
    at=AT,
    cluster=CLUSTER,
    sources=(
        Source(
            "shop",
            "3f2c1ab4d5e6f708192a3b4c5d6e7f8091a2b3c4",
            AT - timedelta(minutes=1),
            AT - timedelta(hours=3),
            "main",
        ),
    ),
    coverage=Coverage(
        0.97,
        (
            Cell("apps", "Deployment", "checkout", CellState.LISTED, objects=2),
            Cell("apps", "StatefulSet", "payments", CellState.LISTED, objects=0),
            Cell("apps", "Deployment", "vault", CellState.DENIED, "list is forbidden"),
            Cell("", "Secret", None, CellState.EXCLUDED, "not asked for, by setting"),
        ),
    ),
    problems=(
        Problem(
            "MAN004",
            Severity.ERROR,
            'duplicate key "image"',
            "remove one of them",
            place(14, "deploy/search/indexer.yaml", 5),
        ),
        Problem("WVR002", Severity.WARNING, "waiver for PRB001 ends on 2026-11-30", "renew it or mend the finding"),
    ),
    verdicts=VERDICTS,
    drift=DRIFT,
    not_compared=(NotCompared(VAULT, "cannot read Deployment in vault: denied"),),
    scores=Scores(
        1,
        Score(78.4, 31.0, 3, 0.125),
        namespaces={
            "checkout": Score(61.0, 31.0, 2, 0.0),
            "payments": Score(100.0, 100.0, 1, 0.0),
            "vault": Score(None, None, 0, 1.0),
        },
        teams={"team-cart": Score(61.0, 31.0, 2, 0.0), "unowned": Score(100.0, 100.0, 1, 0.5)},
        workloads={
            API: Score(31.0, 31.0, 1, 0.0),
            WORKER: Score(91.0, 91.0, 1, 0.0),
            LEDGER: Score(100.0, 100.0, 1, 0.0),
            VAULT: Score(None, None, 1, 1.0),
        },
        team_of={"checkout": "team-cart", "payments": "unowned", "vault": "unowned"},
    ),
    seen=frozenset({API, WORKER, STRAY}),
)
"""One of everything."""

NOTHING = Audit(AT, "empty", (), Coverage(None), (), (), (), (), Scores(1, Score(None, None, 0, None)))
"""A run that found nothing to judge."""

NASTY = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}",
    "javascript:alert(1)",
    "a" * 253,
    "b" * 10_000,
    "gnp\u202etxt.exe",
    "zero\u200bwidth",
    "nul\x00byte",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "lone\udcffbyte \ud800",
    "two\nlines\r\nBcc: x@example.org",
    "pipe | `tick` *star* _under_ [link](javascript:x) <b>",
    "=cmd|' /C calc'!A0",
    "[bold red]markup[/]",
    "日本語の名前 🚀",
    "",
)


def hostile(nasty: str) -> Audit:
    """The whole sample with one text in every field that others write."""
    ref = Ref(nasty, "apps", "Deployment", nasty, nasty)
    where = Place(nasty, nasty, 3, 2)
    who = Owner(nasty, nasty, nasty, AT, OwnerClass.HUMAN, Certainty.LIKELY)
    found = finding("RES002", ref, 7, path=nasty, message=nasty, remedy=nasty, place=where)
    one = change(nasty, nasty, {nasty: [nasty]}, place=where, owner=who, words=nasty)
    return replace(
        AUDIT,
        cluster=nasty,
        sources=(Source(nasty, nasty, AT, AT, nasty),),
        coverage=Coverage(0.5, (Cell(nasty, nasty, nasty, CellState.DENIED, nasty),)),
        problems=(Problem("MAN001", Severity.ERROR, nasty, nasty, where, ref),),
        verdicts=(
            verdict("RES002", ref, Outcome.FAIL, reason=nasty, findings=(found,)),
            verdict("PRB001", ref, Outcome.UNKNOWN, reason=nasty),
        ),
        drift=(
            Drift(ref, DriftKind.MODIFIED, Direction.LIVE_CHANGED, Severity.ERROR, (one,), nasty, where, WINDOW),
            Drift(ref._replace(name=nasty + "2"), DriftKind.UNMANAGED, Direction.UNKNOWN, Severity.INFO, reason=nasty),
        ),
        not_compared=(NotCompared(ref, nasty),),
        scores=Scores(
            1,
            Score(10.0, 10.0, 1, 0.5),
            {nasty: Score(10.0, 10.0, 1, 0.5)},
            {nasty: Score(10.0, 10.0, 1, 0.5)},
            {ref: Score(10.0, 10.0, 1, 0.5)},
            {nasty: nasty},
        ),
        seen=frozenset({ref}),
    )


def many(count: int) -> Audit:
    """`count` workloads, each with one failing verdict and one changed field, over 10 namespaces."""
    refs = [Ref(CLUSTER, "apps", "Deployment", f"ns-{n % 10}", f"app-{n}") for n in range(count)]
    score = Score(50.0, 50.0, 1, 0.0)
    return replace(
        AUDIT,
        verdicts=tuple(
            verdict("RES002", ref, Outcome.FAIL, findings=(finding("RES002", ref, n),)) for n, ref in enumerate(refs)
        ),
        drift=tuple(
            Drift(ref, DriftKind.MODIFIED, Direction.LIVE_CHANGED, Severity.WARNING, (change("spec.replicas", 1, 2),))
            for ref in refs
        ),
        scores=Scores(
            1,
            Score(50.0, 50.0, count, 0.0),
            {f"ns-{n}": Score(50.0, 50.0, count // 10, 0.0) for n in range(10)},
            {"unowned": Score(50.0, 50.0, count, 0.0)},
            dict.fromkeys(refs, score),
            {f"ns-{n}": "unowned" for n in range(10)},
        ),
    )


def resource(ref: Ref, body: dict[str, object], line: int = 1) -> Resource:
    return Resource(ref, "v1", body, Origin("shop", "deploy/a.yaml", line))


SNAPSHOT = Snapshot(
    resources=(
        resource(API, {"kind": "Deployment", "metadata": {"name": "cart-api"}, "spec": {"replicas": 2}}),
        resource(TOKEN, {"kind": "Secret", "data": {"password": SECRET}, "stringData": {"unsealed": CANARY}}, 30),
    ),
    problems=AUDIT.problems[:1],
    sources=AUDIT.sources,
)
