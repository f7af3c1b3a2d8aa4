"""Which side moved: git-ahead only with proof, unknown where nothing proves it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.model import Direction, Earlier, Past, Ref, Severity, Window
from tests.drift.sides import AT, cluster, drift, entry, git, owned

WEB = Ref("", "apps", "Deployment", "shop", "web")
CONFIG = Ref("", "", "ConfigMap", "shop", "c")
EARLIER_RUN = datetime(2026, 8, 22, 9, 58, tzinfo=UTC)
FLUX = "kustomize-controller"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def body(image: str | None = "web:1", replicas: int | None = None, **metadata: Any) -> dict[str, Any]:
    container = {"name": "web"} | ({"image": image} if image else {})
    spec: dict[str, Any] = {"selector": {"matchLabels": {"app": "web"}}} | ({"replicas": replicas} if replicas else {})
    spec["template"] = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"} | metadata,
        "spec": spec,
    }


def owner(
    manager: str, operation: str = "Update", path: str = 'spec template spec containers k:{"name":"web"} image'
) -> dict[str, Any]:
    return entry(manager, owned(path), operation)


def directed(
    wanted: dict[str, Any],
    actual: dict[str, Any],
    *entries: dict[str, Any],
    earlier: dict[str, Any] | None = None,
    history: bool = True,
) -> Direction:
    actual["metadata"]["managedFields"] = list(entries)
    known = (
        {WEB: (Earlier("c1", earlier, "c2"),)} if earlier else {CONFIG: (Earlier("c1", None, "c2"),)} if history else {}
    )
    (found,) = drift(git(json.dumps(wanted)), cluster(actual), Past(earlier=known)).drift
    return found.direction


@pytest.mark.parametrize(
    ("manager", "operation", "expected"),
    [
        (FLUX, "Apply", Direction.GIT_AHEAD),
        ("helm", "Update", Direction.GIT_AHEAD),
        ("kubectl", "Apply", Direction.GIT_AHEAD),
        ("kubectl-edit", "Update", Direction.LIVE_CHANGED),
        ("some-script", "Update", Direction.LIVE_CHANGED),
        ("kube-controller-manager", "Update", Direction.LIVE_CHANGED),
    ],
)
def test_live_as_an_earlier_commit_had_it_is_git_ahead_only_where_an_applier_wrote_it(
    manager: str, operation: str, expected: Direction
) -> None:
    """A hand that puts the old value back is live-changed."""
    assert directed(body("web:2"), body("web:1"), owner(manager, operation), earlier=body("web:1")) is expected


def test_nobody_owns_it_so_nothing_is_proved() -> None:
    assert directed(body("web:2"), body("web:1"), earlier=body("web:1")) is Direction.UNKNOWN


def test_an_applier_wrote_what_no_commit_that_we_know_had() -> None:
    assert directed(body("web:3"), body("web:1"), owner(FLUX, "Apply"), earlier=body("web:2")) is Direction.UNKNOWN
    assert directed(body("web:3"), body("web:1"), owner(FLUX, "Apply")) is Direction.UNKNOWN


def test_an_applier_that_still_agrees_with_live_outweighs_older_owners() -> None:
    owners = (owner(FLUX, "Apply"), owner("kubectl-client-side-apply"))
    assert directed(body("web:2"), body("web:1"), *owners, earlier=body("web:1")) is Direction.GIT_AHEAD


def test_a_hand_with_apply_is_a_hand_where_flux_looks_after_the_object() -> None:
    owners = (owner(FLUX, "Apply", "spec selector"), owner("kubectl", "Apply"))
    assert directed(body("web:2"), body("web:1"), *owners, earlier=body("web:1")) is Direction.LIVE_CHANGED


@pytest.mark.parametrize(
    ("applied", "live", "earlier", "owners", "expected"),
    [
        ("web:1", "web:1", "web:1", [], Direction.GIT_AHEAD),  # the newer commit was never applied
        ("web:2", "web:1", "web:1", [], Direction.LIVE_CHANGED),  # it was, and then a hand put the old value back
        ("web:1", "web:9", "web:1", [], Direction.BOTH),  # neither applied nor left alone
        ("web:2", "web:9", "web:1", [], Direction.LIVE_CHANGED),
        ("web:1", "web:9", None, [], Direction.LIVE_CHANGED),
        ("web:1", "web:1", None, [], Direction.UNKNOWN),
        ("web:9", "web:9", "web:1", [owner("kubectl-edit")], Direction.LIVE_CHANGED),
    ],
)
def test_the_last_applied_annotation_proves_what_was_applied(
    applied: str, live: str, earlier: str | None, owners: list[dict[str, Any]], expected: Direction
) -> None:
    actual = body(live, annotations={LAST_APPLIED: json.dumps(body(applied))})
    keeper = owner("kubectl-client-side-apply", "Update", f"metadata annotations f:{LAST_APPLIED}")
    assert directed(body("web:2"), actual, keeper, *owners, earlier=body(earlier) if earlier else None) is expected


def test_what_git_removed_and_an_applier_still_owns_is_git_ahead() -> None:
    path = owner(FLUX, "Apply", "spec replicas")
    assert directed(body(), body(replicas=3), path, earlier=body(replicas=3)) is Direction.GIT_AHEAD
    assert directed(body(), body(replicas=3), path, earlier=body(replicas=2)) is Direction.UNKNOWN


def test_what_live_lacks_was_removed_where_git_always_had_it() -> None:
    live = body()
    del live["spec"]["template"]["spec"]["containers"][0]["image"]
    assert directed(body(), live) is Direction.LIVE_CHANGED
    assert directed(body(), live, history=False) is Direction.UNKNOWN, "no history was read"
    assert directed(body(), live, earlier=body(None)) is Direction.UNKNOWN, "nothing tells whether it was applied"


def test_what_live_lacks_is_pending_where_the_same_commit_is_pending_beside_it() -> None:
    wanted, live, before = body("web:2", replicas=3), body("web:1"), body("web:1")
    assert directed(wanted, live, owner(FLUX, "Apply"), earlier=before) is Direction.GIT_AHEAD
    assert directed(wanted, live, owner("kubectl-edit"), earlier=before) is Direction.LIVE_CHANGED


def test_changes_of_which_the_commit_is_not_known_tell_nothing_of_each_other() -> None:
    wanted, live, before = body("web:2", replicas=3), body("web:1"), body("web:1")
    del live["spec"]["template"]["spec"]["containers"][0]["image"]
    live["metadata"]["labels"] = {"pending": "yes"}
    live["metadata"]["managedFields"] = [owner(FLUX, "Apply", "metadata labels pending")]
    before["metadata"]["labels"] = {"pending": "yes"}
    before["spec"]["template"]["spec"]["containers"][0].pop("image")
    for until, expected in (("c2", Direction.GIT_AHEAD), ("", Direction.UNKNOWN)):
        past = Past(earlier={WEB: (Earlier("c1", before, until),)})
        ((label, image),) = [
            sorted(each.changes, key=lambda change: change.path)
            for each in drift(git(json.dumps(wanted | {"spec": body("web:2")["spec"]})), cluster(live), past).drift
        ]
        assert label.direction is Direction.GIT_AHEAD
        assert image.direction is expected


def test_an_object_of_which_a_part_is_pending_and_a_part_was_changed_by_hand_is_both() -> None:
    wanted, live, before = body("web:2", replicas=3), body("web:1", replicas=5), body("web:1", replicas=2)
    hands = (owner(FLUX, "Apply"), owner("kubectl-edit", path="spec replicas"))
    assert directed(wanted, live, *hands, earlier=before) is Direction.BOTH


def test_a_pending_object_does_not_count_and_alarms_nobody() -> None:
    live = body("web:1", managedFields=[owner(FLUX, "Apply")])
    (found,) = drift(
        git(json.dumps(body("web:2"))), cluster(live), Past(earlier={WEB: (Earlier("c1", body("web:1"), "c2"),)})
    ).drift
    assert found.pending
    assert found.severity is Severity.INFO


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        (Past(), Direction.UNKNOWN),
        (Past(seen=frozenset({WEB}), last_run_at=EARLIER_RUN), Direction.LIVE_CHANGED),
        (Past(last_run_at=EARLIER_RUN), Direction.UNKNOWN),
        (Past(earlier={WEB: (Earlier("c1", None, "c2"),)}), Direction.UNKNOWN),
        (Past(earlier={WEB: (Earlier("c1", None, "c2"),)}, last_run_at=EARLIER_RUN), Direction.GIT_AHEAD),
        (
            Past(earlier={WEB: (Earlier("c1", None, "c2"),)}, last_run_at=EARLIER_RUN, seen=frozenset({WEB})),
            Direction.LIVE_CHANGED,
        ),
        (Past(earlier={WEB: (Earlier("c1", body(), "c2"),)}, last_run_at=EARLIER_RUN), Direction.UNKNOWN),
    ],
)
def test_a_missing_object_is_git_ahead_only_where_it_is_new_and_was_never_seen(past: Past, expected: Direction) -> None:
    (found,) = drift(git(json.dumps(body())), cluster(), past).drift
    assert found.direction is expected


def test_a_missing_object_is_pending_where_its_commit_is_pending_in_another() -> None:
    config = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: shop}\n"
    live = body("web:1", managedFields=[owner(FLUX, "Apply")])
    past = Past(earlier={WEB: (Earlier("c1", body("web:1"), "c2"),), CONFIG: (Earlier("c1", None, "c2"),)})
    found = {
        each.ref: each.direction
        for each in drift(git(json.dumps(body("web:2")) + "\n" + config), cluster(live), past).drift
    }
    assert found == {WEB: Direction.GIT_AHEAD, CONFIG: Direction.GIT_AHEAD}
    other = Past(earlier={WEB: (Earlier("c1", body("web:1"), "c2"),), CONFIG: (Earlier("c1", None, "c1.5"),)})
    found = {
        each.ref: each.direction
        for each in drift(git(json.dumps(body("web:2")) + "\n" + config), cluster(live), other).drift
    }
    assert found[CONFIG] is Direction.UNKNOWN


def test_the_window_is_that_of_the_open_change_else_since_the_last_run() -> None:
    path = "spec.template.spec.containers[name=web].image"
    opened = Window(datetime(2026, 8, 20, tzinfo=UTC), datetime(2026, 8, 21, tzinfo=UTC))
    known = Past(last_run_at=EARLIER_RUN, windows={(WEB, path): opened})
    ((first,),) = [each.changes for each in drift(git(json.dumps(body("web:2"))), cluster(body()), known).drift]
    assert first.window == opened
    ((first,),) = [
        each.changes
        for each in drift(git(json.dumps(body("web:2"))), cluster(body()), Past(last_run_at=EARLIER_RUN)).drift
    ]
    assert first.window == Window(EARLIER_RUN, AT)
    (found,) = drift(git(json.dumps(body())), cluster()).drift
    assert found.window == Window(None, AT)


def test_an_element_that_an_applier_put_there_and_git_dropped_is_git_ahead() -> None:
    key = 'spec template spec containers k:{"name":"log"}'
    before, live = body(), body()
    for each in (before, live):
        each["spec"]["template"]["spec"]["containers"].append({"name": "log", "image": "log:1"})
    live["spec"]["template"]["spec"]["containers"][1]["imagePullPolicy"] = "IfNotPresent"
    kept = entry(FLUX, owned(f"{key} name"), "Apply")
    assert directed(body(), live, kept, earlier=before) is Direction.GIT_AHEAD, (
        "what the server added to it means nothing"
    )
    other = body()
    other["spec"]["template"]["spec"]["containers"].append({"name": "log", "image": "log:0"})
    assert directed(body(), live, kept, earlier=other) is Direction.UNKNOWN
