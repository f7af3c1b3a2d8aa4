"""The table of kinds, and scope from definitions."""

from __future__ import annotations

import pytest

from auditor.kube.kinds import BUILT_IN, called, known, of_name, scope, split_api_version
from auditor.model import Ref, Resource, Snapshot


def definition(group: str, kind: str, where: str) -> Resource:
    ref = Ref("", "apiextensions.k8s.io", "CustomResourceDefinition", None, f"{kind.lower()}s.{group}")
    return Resource(ref, "apiextensions.k8s.io/v1", {"spec": {"group": group, "names": {"kind": kind}, "scope": where}})


def test_a_kind_that_kubernetes_does_not_serve_is_not_known() -> None:
    assert known("apps", "Deploymnt") is None
    assert known("", "Deployment") is None
    assert of_name("Rollout.example.com") == ()
    assert of_name("Nothing") == ()


def test_a_kind_is_known_with_its_plural_scope_and_version() -> None:
    found = known("networking.k8s.io", "Ingress")
    assert found is not None
    assert (found.plural, found.namespaced, found.version) == ("ingresses", True, "v1")
    assert not BUILT_IN["", "Namespace"].namespaced
    assert BUILT_IN["autoscaling", "HorizontalPodAutoscaler"].version == "v2"
    assert BUILT_IN["storage.k8s.io", "VolumeAttributesClass"].version == "v1"


@pytest.mark.parametrize(
    ("text", "parts"), [("v1", ("", "v1")), ("apps/v1", ("apps", "v1")), ("a.b/c/v1", ("a.b/c", "v1")), ("", ("", ""))]
)
def test_an_api_version_is_split_at_its_last_slash(text: str, parts: tuple[str, str]) -> None:
    assert split_api_version(text) == parts


def test_names_of_kinds_go_there_and_back() -> None:
    for group, kind in BUILT_IN:
        assert [(one.group, one.kind) for one in of_name(called(group, kind))] == [(group, kind)]


def test_of_two_kinds_with_one_name_the_core_groups_has_the_bare_one() -> None:
    assert called("", "Event") == "Event"
    assert called("events.k8s.io", "Event") == "Event.events.k8s.io"
    assert called("serving.knative.dev", "Service") == "Service.serving.knative.dev"


def test_kinds_in_groups_of_long_ago_are_called_as_today() -> None:
    assert called("extensions", "Deployment") == "Deployment"
    assert scope("extensions", "Ingress") is True


def test_scope_comes_from_the_tables_or_from_a_definition_else_it_is_unknown() -> None:
    side = Snapshot((definition("example.com", "Wide", "Cluster"), definition("example.com", "Narrow", "Namespaced")))
    assert scope("", "Node") is False
    assert scope("keda.sh", "ScaledObject") is True
    assert scope("example.com", "Wide", (None, side)) is False
    assert scope("example.com", "Narrow", (side,)) is True
    assert scope("example.org", "Wide", (side,)) is None
