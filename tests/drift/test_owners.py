"""Who wrote a field: as the server recorded it, and no better than that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.drift.owners import class_of, likely_remover, owners_of, owns, pick, recorded, writers
from auditor.kube.paths import field_steps
from auditor.model import Certainty, OwnerClass
from tests.drift.sides import entry, live, owned

WEB = "spec.template.spec.containers[name=web]"


def resource(*entries: Any) -> Any:
    return live({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "managedFields": list(entries)}})


@pytest.mark.parametrize(
    ("manager", "operation", "subresource", "expected"),
    [
        ("kubectl-edit", "Update", "", OwnerClass.HUMAN),
        ("kubectl", "Update", "scale", OwnerClass.HUMAN),
        ("kubectl", "Apply", "", OwnerClass.GITOPS),
        ("kubectl-client-side-apply", "Update", "", OwnerClass.GITOPS),
        ("Mozilla", "Update", "", OwnerClass.HUMAN),
        ("k9s", "Update", "", OwnerClass.HUMAN),
        ("argocd-controller", "Apply", "", OwnerClass.GITOPS),
        ("helm", "Update", "", OwnerClass.GITOPS),
        ("kube-controller-manager", "Update", "scale", OwnerClass.CONTROLLER),
        ("cainjector", "Update", "", OwnerClass.CONTROLLER),
        ("some-operator", "Update", "status", OwnerClass.CONTROLLER),
        ("some-operator", "Update", "", OwnerClass.UNKNOWN),
        ("OpenAPI-Generator", "Update", "", OwnerClass.UNKNOWN),
        ("kubectl-edit-my-own", "Update", "", OwnerClass.UNKNOWN),
        ("not-helm", "Update", "", OwnerClass.UNKNOWN),
        ("", "", "", OwnerClass.UNKNOWN),
    ],
)
def test_the_class_is_that_of_manager_operation_and_subresource(
    manager: str, operation: str, subresource: str, expected: OwnerClass
) -> None:
    assert class_of(manager, operation, subresource) is expected


def test_a_source_may_name_further_appliers() -> None:
    assert class_of("deploy-bot", "Update", "", ("deploy-.*",)) is OwnerClass.GITOPS
    assert class_of("deploy-bot", "Update", "", ("deploy",)) is OwnerClass.UNKNOWN


@pytest.mark.parametrize("other", ["argocd-controller", "kustomize-controller", "helm"])
def test_kubectl_apply_is_a_hand_where_another_applier_looks_after_the_object(other: str) -> None:
    fields = owned("data a")
    found = writers(resource(entry("kubectl", fields, "Apply"), entry(other, fields, "Apply")))
    assert [each.owner_class for each in found] == [OwnerClass.HUMAN, OwnerClass.GITOPS]
    alone = writers(resource(entry("kubectl", fields, "Apply"), entry("some-operator", fields)))
    assert alone[0].owner_class is OwnerClass.GITOPS
    told = writers(resource(entry("kubectl", fields, "Apply"), entry(other, fields, "Apply")), ("kubectl",))
    assert told[0].owner_class is OwnerClass.GITOPS, "where the source says that kubectl applies it"


@pytest.mark.parametrize(
    ("fields", "path", "expected"),
    [
        (owned('spec template spec containers k:{"name":"web"} image'), f"{WEB}.image", True),
        (owned('spec template spec containers k:{"name":"web"} image'), f"{WEB}.args", False),
        (owned('spec template spec containers k:{"name":"web"} image'), WEB, True),
        (owned('spec template spec containers k:{"name":"log"} image'), f"{WEB}.image", False),
        (owned('spec template spec containers k:{"name":"web"} args'), f"{WEB}.args[1]", True),
        (
            owned('spec ports k:{"port":80,"protocol":"TCP"} targetPort'),
            "spec.ports[port=80,protocol=TCP].targetPort",
            True,
        ),
        (
            owned('spec ports k:{"port":80,"protocol":"UDP"} targetPort'),
            "spec.ports[port=80,protocol=TCP].targetPort",
            False,
        ),
        (owned('metadata finalizers v:"a/b"'), "metadata.finalizers[=a/b]", True),
        (owned("metadata labels app"), "metadata.labels.other", False),
        (owned("rules"), "rules[0].verbs", True),
        ({"f:spec": 3}, "spec.a", False),
        ({"f:spec": None}, "spec", False),
        ({}, "spec", False),
    ],
)
def test_a_path_is_owned_itself_by_what_is_below_or_by_a_whole_above(
    fields: dict[str, Any], path: str, expected: bool
) -> None:
    assert owns(fields, field_steps(path)) is expected


def test_entries_that_cannot_be_read_are_passed_over() -> None:
    good = entry("kubectl-edit", owned("data a"))
    odd = [
        None,
        1,
        {},
        {"manager": 5, "fieldsV1": {}},
        {"manager": "x", "fieldsV1": []},
        good | {"time": "yesterday", "operation": 3},
    ]
    found = writers(resource(*odd, good))
    assert [(each.manager, each.operation, each.time) for each in found] == [
        ("kubectl-edit", "", None),
        ("kubectl-edit", "Update", datetime(2026, 8, 22, 10, 2, tzinfo=UTC)),
    ]
    assert (
        writers(live({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "managedFields": "no"}})) == ()
    )


TREES = st.recursive(
    st.just({}) | st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from(
            [".", "f:spec", "f:", "k:", 'k:{"name":"web"}', "k:{", "v:1", "i:0", "i:x", "r:Hello", "", "k:[1]"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=15,
)


@given(TREES, st.sampled_from(["spec", "spec[name=web]", "spec[0]", "spec[=1]", "spec.spec.spec"]))
def test_no_tree_of_fields_makes_it_raise(tree: Any, path: str) -> None:
    found = writers(resource({"manager": "m", "operation": "Update", "fieldsV1": tree}))
    owners_of(found, field_steps(path))


def test_a_person_is_named_before_a_stranger_a_controller_and_an_applier_and_then_the_newest() -> None:
    fields = owned("data a")
    found = writers(
        resource(
            entry("helm", fields, time="2026-08-22T12:00:00Z"),
            entry("kube-controller-manager", fields, time="2026-08-22T11:00:00Z"),
            entry("some-operator", fields, time="2026-08-22T10:30:00Z"),
            entry("kubectl-edit", fields, time="2026-08-22T09:00:00Z"),
            entry("kubectl-patch", fields, time="2026-08-22T10:00:00Z"),
            entry("kubectl", fields, subresource="scale", time=""),
        )
    )
    named = pick(found)
    assert named is not None
    assert named.manager == "kubectl-patch"
    assert pick(()) is None


def test_what_the_server_had_no_record_of_is_not_called_recorded() -> None:
    (early,) = writers(resource(entry("before-first-apply", owned("data a"))))
    owner = recorded([early])
    assert owner is not None
    assert owner.certainty is Certainty.UNKNOWN


def test_who_removed_something_is_only_likely_and_only_a_hand_that_wrote_since() -> None:
    found = writers(
        resource(
            entry("helm", owned("data a")),
            entry("kubectl-edit", owned("data b")),
            entry("kubectl", owned("spec replicas"), subresource="scale"),
        )
    )
    owner = likely_remover(found, None)
    assert owner is not None
    assert (owner.manager, owner.certainty) == ("kubectl-edit", Certainty.LIKELY)
    assert likely_remover(found, datetime(2026, 8, 22, 11, tzinfo=UTC)) is None, "it was still there then"
    assert likely_remover(found[:1], None) is None
