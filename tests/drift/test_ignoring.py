"""Rules that say what is not to count: where they stand, what they cover, and that nothing is ignored in silence."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from auditor.drift import Comparison
from auditor.drift.rules import of_settings
from auditor.kube.paths import parse as steps_of
from auditor.kube.patterns import covers, is_in, jq, parse, pointer
from auditor.model import Misuse
from auditor.settings import IgnoreSettings, load
from tests.drift.sides import changes, cluster, drift, entry, git, owned

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels: {team: pay}%s
spec:
  replicas: 3
  template:
    spec:
      containers:
      - {name: web, image: "web:1", args: [a]}
      - {name: log, image: "log:1"}
"""
PLAIN = WEB % ""


def body(**metadata: Any) -> dict[str, Any]:
    containers = [{"name": "web", "image": "web:2", "args": ["b"]}, {"name": "log", "image": "log:2"}]
    web = 'k:{"name":"web"}'
    hands = [
        entry("kubectl-set", owned(f"spec template spec containers {web} image")),
        entry("rollouts", owned(f"spec template spec containers {web} args")),
    ]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"team": "pay"}, "managedFields": hands, **metadata},
        "spec": {"replicas": 5, "template": {"spec": {"containers": containers}}},
    }


IMAGE = ("changed", "spec.template.spec.containers[name=web].image")
LOG = ("changed", "spec.template.spec.containers[name=log].image")
ARGS = ("changed", "spec.template.spec.containers[name=web].args")
REPLICAS = ("changed", "spec.replicas")
ALL = {IMAGE, LOG, ARGS, REPLICAS}


def by(*entries: dict[str, Any], text: str = PLAIN, **options: Any) -> Comparison:
    rules = of_settings(IgnoreSettings(reason="as agreed", **one) for one in entries)
    return drift(git(text), cluster(body()), rules=rules, **options)


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ({"paths": ("spec.replicas",)}, ALL - {REPLICAS}),
        ({"paths": ("/spec/replicas",)}, ALL - {REPLICAS}),
        ({"paths": ("spec.template.spec.containers[name=web].image",)}, ALL - {IMAGE}),
        ({"paths": ("spec.template.spec.containers[name=l*]",)}, ALL - {LOG}),
        ({"paths": ("spec.template.spec.containers[*].image",)}, {ARGS, REPLICAS}),
        ({"paths": ("/spec/template/spec/containers/1/image",)}, ALL - {LOG}),
        ({"paths": ("spec.template",)}, {REPLICAS}),
        ({"paths": ("spec.template.spec.containers[name=web].image.tag",)}, ALL),
        ({"paths": ("spec.templat",)}, ALL),
        ({"managers": ("rollouts",)}, ALL - {ARGS}),
        ({"managers": ("roll",)}, ALL),
        ({"managers": ("kubectl-.*",), "paths": ("spec.template.spec.containers[*].image",)}, ALL - {IMAGE}),
        ({"paths": ("spec.replicas",), "kinds": ("StatefulSet",)}, ALL),
        ({"paths": ("spec.replicas",), "kinds": ("apps/*",)}, ALL - {REPLICAS}),
        ({"paths": ("spec.replicas",), "namespaces": ("sho?",)}, ALL - {REPLICAS}),
        ({"paths": ("spec.replicas",), "namespaces": ("pay",)}, ALL),
        ({"paths": ("spec.replicas",), "names": ("w*",)}, ALL - {REPLICAS}),
        ({"paths": ("spec.replicas",), "names": ("b*",)}, ALL),
        ({"paths": ("spec.replicas",), "labels": {"team": "pay"}}, ALL - {REPLICAS}),
        ({"paths": ("spec.replicas",), "labels": {"team": "shop"}}, ALL),
        ({"paths": ("spec.replicas",), "until": date(2026, 8, 22)}, ALL - {REPLICAS}),
        ({"paths": ("spec.replicas",), "until": date(2026, 8, 21)}, ALL),
    ],
)
def test_a_rule_of_the_settings_covers_what_it_names_and_nothing_else(
    rule: dict[str, Any], left: set[tuple[str, str]]
) -> None:
    found = by(rule)
    assert changes(found) == left
    assert found.silenced == len(ALL) - len(left)
    assert found.ignored == ()
    listed = by(rule, ignored=True).ignored
    assert {each.path for each in listed} >= {path for _, path in ALL - left}


def test_what_is_ignored_is_listed_with_both_values_and_the_reason() -> None:
    (one,) = by({"paths": ("spec.replicas",), "until": date(2027, 1, 1)}, ignored=True).ignored
    assert (one.path, one.desired, one.live) == ("spec.replicas", 3, 5)
    assert one.reason == "rule 1 of the settings says so: as agreed, until 2027-01-01"


def test_an_object_without_drift_that_counts_is_in_sync() -> None:
    assert by({"paths": ("spec",)}).drift == ()


@pytest.mark.parametrize("side", ["missing", "unmanaged"])
def test_a_rule_without_paths_covers_whole_objects(side: str) -> None:
    text = PLAIN if side == "missing" else "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: shop}"
    extra = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "shop"}}
    actual = cluster(extra) if side == "missing" else cluster(extra, body())
    both = text + ("\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: shop}" * (side == "missing"))
    assert changes(drift(git(both), actual)) == {(side, "(object)")}
    rules = of_settings([IgnoreSettings(reason="x", kinds=("Deployment",))])
    found = drift(git(both), actual, rules=rules, ignored=True)
    assert (changes(found), found.silenced) == (set(), 1)
    assert found.ignored[-1].path == ""
    narrow = of_settings([IgnoreSettings(reason="x", kinds=("Deployment",), paths=("spec",))])
    assert changes(drift(git(both), actual, rules=narrow)) == {(side, "(object)")}


# --- rules that are not right -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"paths": ("spec.nothing",)}, ["WVR103"]),
        ({"paths": ("spec.template.spec.containers[name=gone].image",)}, ["WVR103"]),
        ({"paths": ("spec.replicas",), "names": ("gone",)}, ["WVR103"]),
        ({"managers": ("nobody",)}, ["WVR103"]),
        ({"paths": ("spec.template.spec.containers[name=web].name",)}, []),  # nothing to ignore now, but it is there
        ({"paths": ("spec.replicas",)}, []),
        ({"paths": ("spec.replicas",), "until": date(2026, 8, 21)}, ["WVR102"]),
    ],
)
def test_a_rule_that_ended_or_matches_nothing_is_a_problem(rule: dict[str, Any], said: list[str]) -> None:
    found = by(rule).problems
    assert [each.code for each in found] == said
    assert all("rule 1 of the settings" in each.message and each.remedy for each in found)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{paths: [spec.replicas]}", "settings.yaml:3: drift.ignore.0.reason: is required"),
        ("{reason: '', paths: [spec.replicas]}", "settings.yaml:3: drift.ignore.0.reason"),
        ("{reason: x, paths: ['spec..a']}", "settings.yaml:3: drift.ignore.0.paths: value error, cannot read the path"),
        ("{reason: x, paths: ['a[b]']}", "names no element"),
        ("{reason: x, managers: ['(']}", "is no regular expression"),
        ("{reason: x, path: [a]}", "did you mean paths?"),
        ("{reason: x, until: never}", "drift.ignore.0.until"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused_with_its_line(line: str, said: str) -> None:
    with pytest.raises(Misuse) as refused:
        load(f"drift:\n  ignore:\n  - {line}\n".encode())
    assert said in refused.value.message


# --- annotations -----------------------------------------------------------------------------------------------------------


def annotated(*values: str) -> str:
    lines = [f"    gitops-auditor.io/ignore-drift.r{n}: '{value}'" for n, value in enumerate(values)]
    return WEB % ("\n  annotations:\n" + "\n".join(lines))


AGREED = "reason=as agreed; until=2027-01-01; by=pay"


@pytest.mark.parametrize(
    ("values", "left", "problems"),
    [
        ([f"path=spec.replicas; {AGREED}"], ALL - {REPLICAS}, []),
        ([f"path=spec.replicas; path=spec.template.spec.containers[name=web]; {AGREED}"], {LOG}, []),
        ([f"manager=rollouts; {AGREED}"], ALL - {ARGS}, []),
        ([f"path=spec.replicas; {AGREED}", f"path=spec.gone; {AGREED}"], ALL - {REPLICAS}, ["WVR103"]),
        (["path=spec.replicas; reason=x; until=2026-08-21; by=pay"], ALL, ["WVR102"]),
        (["path=spec.replicas; reason=x; by=pay"], ALL, ["WVR101"]),
        (["path=spec.replicas; until=2027-01-01; by=pay"], ALL, ["WVR101"]),
        (["path=spec.replicas; reason=x; until=2027-01-01"], ALL, ["WVR101"]),
        ([f"paths=spec.replicas; {AGREED}"], ALL, ["WVR101"]),
        ([f"path=spec..replicas; {AGREED}"], ALL, ["WVR101"]),
        ([f"path=spec.replicas; {AGREED}".replace("2027-01-01", "soon")], ALL, ["WVR101"]),
        ([f"manager=(; {AGREED}"], ALL, ["WVR101"]),
    ],
)
def test_an_annotation_in_git_is_a_rule_with_reason_owner_and_end(
    values: list[str], left: set[tuple[str, str]], problems: list[str]
) -> None:
    live = body(annotations={f"gitops-auditor.io/ignore-drift.r{n}": value for n, value in enumerate(values)})
    found = drift(git(annotated(*values)), cluster(live))
    assert changes(found) == left
    assert [each.code for each in found.problems] == problems
    assert all(each.place is not None and each.place.line > 6 for each in found.problems)


def test_an_annotation_on_the_cluster_silences_nothing() -> None:
    live = body(annotations={"gitops-auditor.io/ignore-drift": f"path=spec; {AGREED}"})
    assert changes(drift(git(PLAIN), cluster(live))) >= ALL


def test_an_annotation_is_for_its_own_object() -> None:
    other = PLAIN.replace("name: web\n  namespace", "name: other\n  namespace")
    live = body()
    live["metadata"] |= {"name": "other"}
    found = drift(git(annotated(f"path=spec; {AGREED}") + "\n---\n" + other), cluster(body(), live))
    assert {each.ref.name for each in found.drift if each.changes[0].path != "metadata.annotations"} >= {"other"}
    assert REPLICAS in changes(found)


# --- Argo CD and Flux ----------------------------------------------------------------------------------------------------

ARGO = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  ignoreDifferences:
  - %s
"""
HELM = """
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shop, namespace: flux}
spec:
  driftDetection:
    mode: warn
    ignore:
    - %s
"""
ARGOS = {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}}
FLUX = {"labels": {"team": "pay", "helm.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/namespace": "flux"}}


@pytest.mark.parametrize(
    ("source", "rule", "left"),
    [
        (ARGO, "{group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}", ALL - {REPLICAS}),
        (ARGO, "{group: apps, kind: StatefulSet, jsonPointers: [/spec/replicas]}", ALL),
        (ARGO, "{group: apps, kind: Deployment, name: other, jsonPointers: [/spec/replicas]}", ALL),
        (ARGO, "{group: '*', kind: '*', jsonPointers: [/spec/replicas]}", ALL - {REPLICAS}),
        (ARGO, "{group: apps, kind: Deployment, managedFieldsManagers: [rollouts]}", ALL - {ARGS}),
        (
            ARGO,
            "{group: apps, kind: Deployment, jqPathExpressions: ['.spec.template.spec.containers[] | select(.name == \"web\") | .image']}",
            ALL - {IMAGE},
        ),
        (
            ARGO,
            "{group: apps, kind: Deployment, jqPathExpressions: ['.spec.template.spec.containers[].image']}",
            {ARGS, REPLICAS},
        ),
        (HELM, "{paths: [/spec/replicas]}", ALL - {REPLICAS}),
        (HELM, "{paths: [/spec/replicas], target: {kind: Deployment}}", ALL - {REPLICAS}),
        (HELM, "{paths: [/spec/replicas], target: {kind: Job}}", ALL),
        (HELM, "{paths: [/spec/replicas], target: {labelSelector: team=pay}}", ALL - {REPLICAS}),
        (HELM, "{paths: [/spec/replicas], target: {labelSelector: team=shop}}", ALL),
    ],
)
@pytest.mark.parametrize("side", ["git", "live"])
def test_what_argo_cd_and_flux_ignore_of_their_objects_is_ignored(
    source: str, rule: str, left: set[tuple[str, str]], side: str
) -> None:
    text = source % rule
    marked = body(**(ARGOS if source is ARGO else FLUX))
    (tool,) = git(text).resources
    actual = cluster(marked, {**tool.body, "metadata": {**tool.body["metadata"]}})
    desired = git(PLAIN + "\n---\n" + text if side == "git" else PLAIN)
    assert {each for each in changes(drift(desired, actual)) if "spec" in each[1]} == left
    stranger = cluster(body(), *(each.body for each in actual.resources[1:]))
    assert {each for each in changes(drift(desired, stranger)) if "spec" in each[1]} == ALL


def test_a_jq_expression_that_does_more_than_walk_is_a_problem() -> None:
    text = ARGO % "{group: apps, kind: Deployment, jqPathExpressions: ['.spec | to_entries | map(.key)']}"
    found = drift(git(PLAIN + "\n---\n" + text), cluster(body(**ARGOS)))
    assert "WVR101" in [each.code for each in found.problems]
    assert changes(found) >= ALL


# --- patterns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", True),
        ("a.b.c", "a.b", False),
        ("a.*", "a.b", True),
        ("a[*]", "a.b", True),
        ("a[*].c", "a.b.d", False),
        ('metadata.annotations["x.y/*"]', 'metadata.annotations["x.y/z"]', True),
        ('metadata.annotations["x.y/z"]', 'metadata.annotations["x.y/zz"]', False),
        ("ports[containerPort=53]", "ports[containerPort=53,protocol=UDP].name", True),
        ("ports[containerPort=53,protocol=TCP]", "ports[containerPort=53,protocol=UDP]", False),
        ("ports[name=x]", "ports[containerPort=53,protocol=UDP]", False),
        ("finalizers[=a/*]", "finalizers[=a/b]", True),
        ("finalizers[=a/*]", "finalizers[=b/a]", False),
        ("rules[1].verbs", "rules[1].verbs", True),
        ("rules[1].verbs", "rules[0].verbs", False),
        ("rules[*].verbs", "rules[0].verbs", True),
        ("env", "env(order)", True),
    ],
)
def test_a_pattern_covers_a_place_and_all_below_it(pattern: str, path: str, covered: bool) -> None:
    assert covers(parse(pattern), steps_of(path), ()) is covered


@pytest.mark.parametrize("text", ["", " ", "a..b", "a[b]", "a]b", "a[", 'a["x', "a[=x", "a[n=]"])
def test_a_path_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"path|element"):
        parse(text)


def test_a_pointer_is_read_as_it_is_escaped_and_nothing_in_it_is_a_glob() -> None:
    assert covers(pointer("/a/b~1c/d~0e"), ("a", "b/c", "d~e"), ())
    assert not covers(pointer("/a/*"), ("a", "b"), ())
    assert covers(pointer("/a/*"), ("a", "*"), ())


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (".spec.replicas", "spec.replicas"),
        ('.metadata.annotations["a.b/c"]', 'metadata.annotations["a.b/c"]'),
        ('.metadata.annotations."a.b/c"', 'metadata.annotations["a.b/c"]'),
        (".a[].b", "a[name=x].b"),
        (".a[]?.b", "a[name=x].b"),
        ('.a[] | select(.name == "x") | .b', "a[name=x].b"),
        (".a[1].b", "a[1].b"),
    ],
)
def test_a_jq_expression_that_walks_is_a_pattern(text: str, path: str) -> None:
    pattern = jq(text)
    assert pattern is not None
    assert covers(pattern, steps_of(path), ())


@pytest.mark.parametrize("text", ["", "del(.a)", ".a | length", ".a[] | select(.b > 1)", ". as $x | .a", "select(.a)"])
def test_a_jq_expression_that_does_more_is_none(text: str) -> None:
    assert jq(text) is None


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("a.b[name=x].c", True),
        ("a.b[name=y].c", False),
        ("a.b[0]", True),
        ("a.b[3]", False),
        ("a[*]", True),
        ("a.e[=q]", True),
        ("a.e[=r]", False),
        ("z", False),
    ],
)
def test_it_can_be_told_whether_a_place_is_there(text: str, there: bool) -> None:
    assert is_in(parse(text), {"a": {"b": [{"name": "x", "c": 1}], "e": ["q"]}}) is there
