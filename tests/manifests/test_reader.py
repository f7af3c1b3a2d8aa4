"""Manifests become resources with a name, a namespace and places; what is no manifest is told from one that is broken."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from auditor.kube import object_names
from auditor.kube.kinds import BUILT_IN
from auditor.kube.secrets import new_key
from auditor.manifests import Read, classify, read, read_many
from auditor.model import Problem, Severity
from tests.controlplane.plane import Plane

KEY = new_key()


def reading(text: str | bytes, **how: Any) -> Read:
    data = text.encode() if isinstance(text, str) else text
    return read(data, **{"source": "s", "file": "f.yaml", "cluster": "c", "namespace": None, "key": KEY} | how)


def problems(text: str, **how: Any) -> list[tuple[str, int, Severity]]:
    return [(p.code, p.place.line if p.place else 0, p.severity) for p in reading(text, **how).problems]


POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers: []\n"
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kind: Pod\nmetadata: {name: x}\nspec: {containers: []}\n", [("MAN005", 1, ERROR)]),
        ("# x\napiVersion: v1\nmetadata: {name: x}\n", [("MAN005", 2, ERROR)]),
        ("apiVersion: v1\nkind: Pod\nspec: {containers: []}\n", [("MAN005", 1, ERROR)]),
        ("apiVersion: v1\nkind: Pod\nmetadata:\nspec: {containers: []}\n", [("MAN005", 3, ERROR)]),
        ("apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {}\nspec: {containers: []}\n", [("MAN005", 3, ERROR)]),
        ("apiVersion: v1\nkind: Pod\nmetadata:\n  name:\nspec: {containers: []}\n", [("MAN005", 4, ERROR)]),
        ("apiVersion: v1\nkind: Pod\nmetadata: web\nspec: {containers: []}\n", [("MAN005", 3, ERROR)]),
        ("apiVersion: v1\nkind: Pod\nmetadata:\n  generateName: x-\nspec: {containers: []}\n", [("MAN005", 4, ERROR)]),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n", [("MAN005", 1, ERROR)]),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n", [("MAN005", 4, ERROR)]),
        ("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nSpec: {}\n", [("MAN005", 4, ERROR)]),
        ("apiversion: v1\nKind: Pod\nMetadata: {name: x}\nspec: {}\n", [("MAN005", 1, ERROR), ("MAN005", 2, ERROR), ("MAN005", 3, ERROR), ("MAN004", 4, ERROR)]),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: 123}\nspec: {containers: []}\n", [("MAN004", 3, ERROR)]),
        ("apiVersion: 1\nkind: Pod\nmetadata: {name: x}\nspec: {}\n", [("MAN005", 1, ERROR)]),
        (POD + "status:\n  phase: Running\n", [("MAN005", 7, WARNING)]),
        (POD.replace("  name: web", "  name: web\n  uid: x\n  creationTimestamp: '2024-01-01T00:00:00Z'"), [("MAN005", 5, INFO)]),
        ("a: 1\na: 2\n", [("MAN002", 2, ERROR)]),
        (POD + "a: [\n", [("MAN001", 7, ERROR), ("MAN004", 7, ERROR)]),
        (POD.replace("  name", "\tname"), [("MAN003", 4, ERROR)]),
        (POD + "...\nx: 1\n", [("MAN001", 8, WARNING)]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_line(text: str, found: list[tuple[str, int, Severity]]) -> None:
    assert problems(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: x}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n",
        "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: x}\n",
        POD + "status: {}\n",
        POD + "status:\n",
        POD + "status: {loadBalancer: {}, conditions: [], acceptedNames: {kind: '', plural: ''}}\n",
        POD.replace("  name: web", "  name: web\n  creationTimestamp: null"),
        "apiVersion: v1\nkind: List\nitems: []\nmetadata: {resourceVersion: ''}\n",
        "apiVersion: v1\nkind: List\nitems:\n",
    ],
)
def test_what_is_right_is_no_problem(text: str) -> None:
    assert reading(text).problems == ()


def test_objects_from_a_cluster_may_have_a_status() -> None:
    text = POD.replace("  name: web", "  name: web\n  uid: x") + "status:\n  phase: Running\n"
    assert reading(text, declared=False).problems == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("replicas: 2\nimage: {}\n", "no manifest"),
        ("- a\n- b\n", "no manifest"),
        ("just text\n", "no manifest"),
        ("apiVersion: 1\ndatasources: []\n", "no manifest"),
        ("kind: pipeline\ntype: docker\n", "no manifest"),
        ("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n", "kustomization"),
        ("apiVersion: v1\nkind: Config\nclusters: []\nusers: []\n", "configuration of a tool"),
        ("apiVersion: skaffold/v4beta11\nkind: Config\n", "configuration of a tool"),
    ],
)
def test_what_is_no_manifest_is_skipped_and_counted(text: str, reason: str) -> None:
    found = reading(text)
    assert (found.resources, found.problems) == ((), ())
    assert [skipped.reason for skipped in found.skipped] == [reason]


@pytest.mark.parametrize(
    ("file", "siblings", "what"),
    [
        ("a/kustomization.yaml", (), "kustomization"),
        ("kustomization.yml", (), "kustomization"),
        ("chart/Chart.yaml", (), "helm chart"),
        ("chart/values.yaml", ("chart/Chart.yaml",), "helm chart"),
        ("chart/values.yaml", ("Chart.yaml",), None),
        ("chart/templates/a/b.yaml", ("chart/Chart.yaml",), "helm template"),
        ("templates/b.yaml", ("Chart.yaml",), "helm template"),
        ("templates/b.yaml", (), None),
        ("chart/crds/b.yaml", ("chart/Chart.yaml",), None),
        ("values.yaml", (), None),
        ("web.yaml", ("Chart.yaml",), None),
    ],
)
def test_files_are_classified_by_name(file: str, siblings: tuple[str, ...], what: str | None) -> None:
    assert classify(file, siblings) == what


def test_templates_of_a_chart_are_not_parsed_but_duplicates_in_its_values_are_told() -> None:
    siblings = ("c/Chart.yaml", "c/values.yaml", "c/templates/x.yaml")
    assert reading("{{ if .x }}\n", file="c/templates/x.yaml", siblings=siblings).problems == ()
    assert [p.code for p in reading("a: 1\na: 2\n", file="c/values.yaml", siblings=siblings).problems] == ["MAN002"]


def test_a_template_elsewhere_is_told_as_one() -> None:
    (problem,) = reading("kind: {{ .Values.kind }}\nmetadata:\n  name: {{ .x }}-y\n").problems
    assert "render" in problem.remedy


def refs(text: str, namespace: str | None = None) -> list[str]:
    return [str(resource.ref) for resource in reading(text, namespace=namespace).resources]


def test_namespaces_are_what_is_written_else_what_the_source_sets_and_never_guessed() -> None:
    assert refs(POD) == ["Pod web"]
    assert refs(POD, "shop") == ["Pod shop/web"]
    assert refs(POD.replace("name: web", "name: web\n  namespace: own"), "shop") == ["Pod own/web"]
    assert refs(POD.replace("name: web", "name: web\n  namespace: ''"), "shop") == ["Pod shop/web"]
    assert refs("apiVersion: v1\nkind: Namespace\nmetadata: {name: x, namespace: y}\n", "shop") == ["Namespace x"]
    assert refs("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: x}\n", "shop") == [
        "ClusterRole x"
    ]
    assert refs("apiVersion: e.com/v1\nkind: Thing\nmetadata: {name: x}\n", "shop") == ["Thing shop/x"]
    assert refs("apiVersion: e.com/v1\nkind: ClusterThing\nmetadata: {name: x}\n", "shop") == ["ClusterThing x"]


def test_groups_come_from_the_api_version() -> None:
    found = reading("apiVersion: e.com/v1\nkind: Thing\nmetadata: {name: x}\n---\n" + POD).resources
    assert [(r.ref.group, r.api_version, r.ref.cluster) for r in found] == [("e.com", "e.com/v1", "c"), ("", "v1", "c")]


LIST = """\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: a}
  data:
    k: v
- apiVersion: v1
  kind: ConfigMapList
  items:
  - metadata:
      name: b
    data: {k: w}
- kind: ConfigMap
  metadata: {name: c}
- nothing
"""


def test_lists_are_expanded_and_their_items_keep_their_places() -> None:
    found = reading(LIST)
    assert [str(r.ref) for r in found.resources] == ["ConfigMap a", "ConfigMap b"]
    a, b = found.resources
    assert (a.origin and a.origin.line, b.origin and b.origin.line) == (4, 12)
    assert str(a.place(("data", "k"))) == "f.yaml:8"
    assert str(b.place(("data", "k"))) == "f.yaml:14"
    assert str(b.place(("metadata", "labels"))) == "f.yaml:12"
    assert (b.api_version, b.body["kind"]) == ("v1", "ConfigMap")
    assert found.problems[0].message == "apiVersion is missing"
    assert {p.place.line for p in found.problems if p.place} == {15, 17}


def test_without_places_the_document_is_the_place() -> None:
    a, b = reading(LIST, places=False).resources
    assert str(a.place(("data", "k"))) == "f.yaml:4"
    assert b.locate is None


def test_json_files_are_read() -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"y": "no"}}
    (resource,) = reading(json.dumps(body, indent=2)).resources
    assert resource.body == body
    assert str(resource.place(("data", "y"))) == "f.yaml:8"


def test_one_bad_document_does_not_hide_the_others() -> None:
    text = POD + "---\na: [\n---\n" + POD.replace("web", "two") + "---\nkind: 5\n---\n" + POD.replace("web", "three")
    assert refs(text) == ["Pod web", "Pod two", "Pod three"]


def test_many_files_are_read_as_each_alone() -> None:
    files = [(f"{n}.yaml", POD.replace("web", f"web-{n}").encode()) for n in range(3)] + [("bad.yaml", b"a: [")]
    together = read_many(files, source="s", cluster="c", namespace="n", key=KEY)
    alone = [reading(text, file=name, namespace="n") for name, text in files]
    assert [r.ref for r in together.resources] == [r.ref for each in alone for r in each.resources]
    assert together.problems == tuple(p for each in alone for p in each.problems)


def test_a_problem_names_the_object_where_it_is_known() -> None:
    (problem,) = reading(POD + "status: {phase: Running}\n").problems
    assert isinstance(problem, Problem)
    assert str(problem.ref) == "Pod web"
    assert problem.place
    assert (problem.place.source, problem.place.file, problem.place.column) == ("s", "f.yaml", 1)


def test_a_body_is_not_changed_by_reading_it_again() -> None:
    (resource,) = reading(POD).resources
    before = copy.deepcopy(resource.body)
    resource.place(("spec",))
    assert resource.body == before


SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  password: C4NARY-value\n"


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        SECRET.replace("stringData", "data"),
        SECRET.replace("Secret", "secret"),
        SECRET.replace("  password: ", "  password: [") + "  ]\n",
        SECRET.replace("stringData:\n  password", "password"),
        SECRET + "  password: other\n",
        SECRET.replace("C4NARY-value", "'C4NARY-value"),
        SECRET.replace("C4NARY-value", "*C4NARY-value"),
        SECRET.replace("C4NARY-value", "!C4NARY!value x"),
        SECRET.replace("C4NARY-value", "a: C4NARY-value"),
        SECRET.replace("  password: C4NARY-value", "  password C4NARY-value\n  x: y"),
        SECRET.replace(
            "metadata: {name: x}", "metadata: {name: x, other: C4NARY-value, annotations: {a: C4NARY-value}}"
        ),
        SECRET.replace("stringData:\n", "stringData:\n\t"),
        "apiVersion: v1\nkind: List\nitems:\n- " + SECRET.replace("\n", "\n  "),
        "apiVersion: v1\nkind: SecretList\nitems:\n- metadata: {name: x}\n  data: {password: C4NARY-value}\n- C4NARY-value\n",
        json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": {"p": "C4NARY-value"}}),
        "Kind: Secret\napiVersion: v1\nmetadata: {name: x}\ndata: {p: C4NARY-value}\n",
        "kind: Secret\nmetadata: {name: x}\ndata: {p: C4NARY-value}\n",
    ],
)
def test_no_secret_value_leaves_the_reader(text: str) -> None:
    found = reading(text)
    assert "C4NARY-value" not in repr(found.problems) + repr(found.skipped) + repr(
        [dict(r.body) for r in found.resources]
    )
    for resource in found.resources:
        assert "C4NARY" not in repr(vars_of(resource.locate))


def vars_of(value: Any, seen: tuple[int, ...] = ()) -> Any:
    """Everything that can be reached from a locator."""
    if id(value) in seen or value is None:
        return None
    slots = [getattr(value, name, None) for name in getattr(type(value), "__slots__", ())]
    return value if not slots or isinstance(value, tuple) else [vars_of(each, (*seen, id(value))) for each in slots]


def test_a_secret_still_has_its_places() -> None:
    (resource,) = reading(SECRET).resources
    assert str(resource.place(("stringData", "password"))) == "f.yaml:5"


def test_names_that_the_api_server_refuses_are_told() -> None:
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n"
    assert [problems(config.format(name)) for name in ("web.x-1", "a" * 253)] == [[], []]
    assert [problems(config.format(name)) for name in ("Web_App", "a/b", "-a", "a" * 254)] == [
        [("MAN007", 4, ERROR)]
    ] * 4
    assert problems(config.format("a\n  namespace: a.b")) == [("MAN007", 5, ERROR)]
    assert problems("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: b}\n") == [("MAN007", 3, INFO)]
    role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: 'system:a'}\n"
    assert problems(role) == []


@pytest.mark.component
def test_names_are_refused_as_the_api_server_refuses_them(plane: Plane) -> None:
    for kind in BUILT_IN.values():
        version = f"{kind.group}/{kind.version}" if kind.group else kind.version
        folder = ("/apis/" if kind.group else "/api/") + version + ("/namespaces/default" if kind.namespaced else "")
        for name in ("Web_App", "a.b", "a/b", "1a", "a" * 64, "a" * 260, "a:b", "a%b"):
            why = object_names.refused(kind.group, kind.kind, name)
            body = {"apiVersion": version, "kind": kind.kind, "metadata": {"name": name}}
            answer = plane.api("POST", f"{folder}/{kind.plural}?dryRun=All", body)
            if why is not None:
                assert answer.code == 422, (kind, name)
                assert "metadata.name" in str(answer.body), (kind, name)


def test_what_sops_encrypted_has_no_type() -> None:
    text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  replicas: ENC[AES256_GCM,data:x,type:int]\n  selector: {matchLabels: {a: b}}\n  template: {spec: {containers: [{name: a, image: x}]}}\n"
    assert problems(text + "sops: {mac: x}\n") == []
    assert problems(text) == [("MAN004", 5, ERROR)]
