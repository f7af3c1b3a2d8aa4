"""Paths read as people type them, and come back as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.paths import (
    Element,
    Member,
    Order,
    Step,
    append,
    field_steps,
    keyed,
    parse,
    quote,
    read_field_step,
    render,
)
from auditor.model import RawPath

POD = {
    "initContainers": [{"name": "wait"}],
    "containers": [
        {"name": "log"},
        {
            "name": "web",
            "env": [{"name": "A", "value": "1"}],
            "args": ["-v"],
            "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}],
            "volumeMounts": [{"mountPath": "/etc/x", "name": "x"}],
        },
        {"name": "twice", "env": [{"name": "A"}, {"name": "A"}], "volumeMounts": [{"name": "x"}]},
    ],
    "tolerations": [{"key": "a"}],
}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "annotations": {"a.b/c": "x"}, "finalizers": ["a/b"]},
    "spec": {"template": {"spec": POD}},
}
ROLLOUT = DEPLOYMENT | {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}
T: RawPath = ("spec", "template", "spec")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("metadata", "annotations", "a.b/c"), 'metadata.annotations["a.b/c"]'),
        (("metadata", "finalizers", 0), "metadata.finalizers[=a/b]"),
        ((*T, "containers", 1, "image"), "spec.template.spec.containers[name=web].image"),
        ((*T, "containers", 1, "env", 0, "value"), "spec.template.spec.containers[name=web].env[name=A].value"),
        ((*T, "containers", 1, "args", 0), "spec.template.spec.containers[name=web].args[0]"),
        (
            (*T, "containers", 1, "ports", 1),
            "spec.template.spec.containers[name=web].ports[containerPort=53,protocol=TCP]",
        ),
        (
            (*T, "containers", 1, "volumeMounts", 0),
            "spec.template.spec.containers[name=web].volumeMounts[mountPath=/etc/x]",
        ),
        ((*T, "containers", 2, "env", 1), "spec.template.spec.containers[name=twice].env[1]"),
        ((*T, "containers", 2, "volumeMounts", 0), "spec.template.spec.containers[name=twice].volumeMounts[0]"),
        ((*T, "containers", 7, "image"), "spec.template.spec.containers[7].image"),
        ((*T, "tolerations", 0, "key"), "spec.template.spec.tolerations[0].key"),
        (("no", 1, "such"), "no[1].such"),
    ],
)
def test_elements_are_named_by_their_keys(path: RawPath, text: str) -> None:
    assert keyed("apps", "Deployment", DEPLOYMENT, path) == text


def test_the_template_of_a_custom_resource_is_walked_as_one() -> None:
    path = (*T, "containers", 1, "image")
    assert keyed("argoproj.io", "Rollout", ROLLOUT, path) == "spec.template.spec.containers[name=web].image"


def test_lists_of_a_custom_resource_have_positions() -> None:
    widget = {"apiVersion": "example.org/v1", "kind": "Widget", "spec": {"list": [{"name": "a"}]}}
    assert keyed("example.org", "Widget", widget, ("spec", "list", 0, "name")) == "spec.list[0].name"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("app", "app"),
        ("a-b_c", "a-b_c"),
        ("", '[""]'),
        ("a b", '["a b"]'),
        ('q"', '["q\\""]'),
        ("(order)", '["(order)"]'),
    ],
)
def test_a_key_is_quoted_where_it_must_be(key: str, text: str) -> None:
    assert quote(key) == text


def test_a_path_may_begin_with_a_quoted_key() -> None:
    assert append("", "a.b") == '["a.b"]'
    assert append("data", "a.b") == 'data["a.b"]'


@pytest.mark.parametrize(
    "text",
    [
        ".a",
        "a.",
        "a..b",
        "a[",
        "a[]",
        "a[x]",
        "a[x=",
        "a[x=1",
        "a[x=1]b",
        "a[1",
        'a["b]',
        "(order)",
        "a(order)b",
        "a(b)",
        'a["\\q"]',
    ],
)
def test_what_is_no_path_is_refused_with_the_place(text: str) -> None:
    with pytest.raises(ValueError, match="from character"):
        parse(text)


KEYS = st.text(st.characters(codec="utf-8"), max_size=8)
STEPS = st.one_of(
    KEYS,
    st.integers(0, 10**6),
    st.lists(st.tuples(st.from_regex(r"[a-zA-Z]{1,5}", fullmatch=True), KEYS), min_size=1, max_size=3).map(
        lambda pairs: Element(tuple(pairs))
    ),
    KEYS.map(Member),
)


@given(st.lists(STEPS, max_size=6), st.booleans())
def test_a_rendered_path_parses_to_the_same_steps(steps: list[Step], order: bool) -> None:
    whole = (*steps, Order()) if steps and order else tuple(steps)
    assert parse(render(whole)) == whole


@given(st.text(alphabet='ab.[]"=,()0\\ order', max_size=20))
def test_any_text_is_a_path_or_a_value_error(text: str) -> None:
    try:
        steps = parse(text)
    except ValueError:
        return
    assert parse(render(steps)) == steps


def test_a_path_becomes_the_steps_of_managed_fields() -> None:
    path = "spec.ports[port=80,protocol=TCP].targetPort"
    key = read_field_step('k:{"port":80,"protocol":"TCP"}')
    assert field_steps(path) == (("f", "spec"), ("f", "ports"), key, ("f", "targetPort"))
    assert field_steps("metadata.finalizers[=a/b]")[-1] == read_field_step('v:"a/b"')
    assert field_steps("spec.rules[0]")[-1] == read_field_step("i:0")
    assert field_steps("spec.env(order)")[-1] == read_field_step("f:env")


@pytest.mark.parametrize(
    "key", ["", ".", "no-colon", "r:Hello", "i:1.23", "i:-1", "k:invalid json", "k:[]", "k:{}", "v:{", "v:[1]"]
)
def test_unreadable_keys_of_managed_fields_are_passed_over(key: str) -> None:
    assert read_field_step(key) is None


@given(st.text(max_size=30), st.sampled_from(["", "f:", "k:", "v:", "i:", "k:{"]))
def test_reading_managed_fields_never_raises(text: str, form: str) -> None:
    read_field_step(form + text)
