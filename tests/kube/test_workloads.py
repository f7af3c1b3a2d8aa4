"""Where Pod templates are, and what is in them; also in objects that are not what they should be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.references import references
from auditor.kube.workloads import containers, controller_of, hook_of, is_workload, replicas, template
from auditor.model import Ref, Resource


def resource(api_version: str, kind: str, body: Any) -> Resource:
    return Resource(Ref("", api_version.rpartition("/")[0], kind, "shop", "x"), api_version, body)


SPEC = {"containers": [{"name": "web"}]}
HOLDER = {"metadata": {"labels": {"app": "web"}}, "spec": SPEC}


@pytest.mark.parametrize(
    ("api_version", "kind", "body", "path"),
    [
        ("v1", "Pod", HOLDER, ("spec",)),
        ("apps/v1", "Deployment", {"spec": {"template": HOLDER}}, ("spec", "template", "spec")),
        ("extensions/v1beta1", "Deployment", {"spec": {"template": HOLDER}}, ("spec", "template", "spec")),
        ("v1", "ReplicationController", {"spec": {"template": HOLDER}}, ("spec", "template", "spec")),
        ("batch/v1", "CronJob", {"spec": {"jobTemplate": {"spec": {"template": HOLDER}}}}, ("spec", "jobTemplate", "spec", "template", "spec")),
        ("argoproj.io/v1alpha1", "Rollout", {"spec": {"template": HOLDER}}, ("spec", "template", "spec")),
        ("serving.knative.dev/v1", "Service", {"spec": {"template": HOLDER}}, ("spec", "template", "spec")),
    ],
)  # fmt: skip
def test_the_template_of_each_kind_is_found(api_version: str, kind: str, body: Any, path: tuple[str, ...]) -> None:
    found = template(resource(api_version, kind, body))
    assert found is not None
    assert (found.path, found.labels) == (path, {"app": "web"})
    assert is_workload(resource(api_version, kind, body))


@pytest.mark.parametrize(
    ("api_version", "kind", "body"),
    [
        ("v1", "Service", {"spec": {"template": HOLDER}}),
        ("v1", "ConfigMap", {"data": {}}),
        ("apps/v1", "Deployment", {}),
        ("apps/v1", "Deployment", {"spec": None}),
        ("apps/v1", "Deployment", {"spec": {"template": "text"}}),
        ("apps/v1", "Deployment", {"spec": {"template": {"spec": ["no"]}}}),
        ("argoproj.io/v1alpha1", "Rollout", {"spec": {"workloadRef": {"kind": "Deployment"}}}),
        ("example.com/v1", "Thing", {"spec": {"template": {"spec": {"containers": []}}}}),
    ],
)
def test_what_has_no_template_has_none(api_version: str, kind: str, body: Any) -> None:
    assert template(resource(api_version, kind, body)) is None
    assert list(containers(resource(api_version, kind, body))) == []


def test_containers_have_roles() -> None:
    pod = resource(
        "v1",
        "Pod",
        {
            "spec": {
                "containers": [{"name": "web"}, None, "odd", {}],
                "initContainers": [
                    {"name": "setup"},
                    {"name": "proxy", "restartPolicy": "Always"},
                    {"name": "again", "restartPolicy": "OnFailure"},
                ],
                "ephemeralContainers": [{"name": "debug"}],
            }
        },
    )
    assert [(one.role, one.name, one.path[-1], str(one)) for one in containers(pod)] == [
        ("init", "setup", 0, "init container setup"),
        ("sidecar", "proxy", 1, "container proxy"),
        ("init", "again", 2, "init container again"),
        ("app", "web", 0, "container web"),
        ("app", "", 3, "container 3"),
        ("ephemeral", "debug", 0, "ephemeral container debug"),
    ]
    assert [one.name for one in containers(pod, "app", "sidecar")] == ["proxy", "web", ""]


def test_a_controller_is_the_owner_that_says_so() -> None:
    owners = [{"kind": "A"}, {"kind": "B", "controller": False}, {"kind": "C", "controller": True}]
    assert controller_of(resource("v1", "Pod", {"metadata": {"ownerReferences": owners[:2]}})) is None
    assert controller_of(resource("v1", "Pod", {"metadata": {"ownerReferences": owners}})) == owners[2]
    assert controller_of(resource("v1", "Pod", {"metadata": {"ownerReferences": "odd"}})) is None


def test_hooks_are_told_by_their_annotation() -> None:
    assert hook_of(resource("v1", "Pod", {"metadata": {"annotations": {"helm.sh/hook-weight": "1"}}})) is None
    assert hook_of(resource("v1", "Pod", {"metadata": {"annotations": {"helm.sh/hook": "test"}}})) == "helm.sh/hook"


@pytest.mark.parametrize(
    ("spec", "number"), [({}, 1), ({"replicas": 0}, 0), ({"replicas": 3.0}, 3), ({"replicas": True}, 1), (None, 1)]
)
def test_absent_replicas_are_one(spec: Any, number: int) -> None:
    assert replicas(resource("apps/v1", "Deployment", {"spec": spec})) == number


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "spec",
                    "template",
                    "containers",
                    "initContainers",
                    "env",
                    "envFrom",
                    "volumes",
                    "name",
                    "metadata",
                    "valueFrom",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@given(json)
def test_no_shape_of_a_body_breaks_the_reading_of_it(body: Any) -> None:
    for kind in ("Pod", "Deployment", "CronJob", "Thing"):
        group = {"Pod": "v1", "CronJob": "batch/v1", "Deployment": "apps/v1"}.get(kind, "example.com/v1")
        one = resource(group, kind, body if isinstance(body, dict) else {"spec": body})
        for container in containers(one):
            value: Any = one.body
            for step in container.path:
                value = value[step]
            assert value is container.body
        references(one)
