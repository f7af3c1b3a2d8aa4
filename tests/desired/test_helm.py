"""Helm charts, rendered by the real helm: what they declare, where it is written, and what they may not do."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from auditor import desired
from auditor.drift import compare
from auditor.kube.secrets import Key
from auditor.model import Past, Problem, Resource, Sealed, Severity, Snapshot
from auditor.settings import GitSource, HelmSettings, RenderSettings
from tests import helm
from tests.desired.repositories import Made, config_map

pytestmark = pytest.mark.component

Render = Callable[..., Snapshot]


@pytest.fixture
def render(made: Made, key: Key, cache: Path) -> Render:
    """The snapshot of a commit of these files, read from git with the real helm."""
    program = helm.find()

    def rendered(files: Mapping[str, str | bytes], /, *, namespace: str | None = "shop", **chosen: Any) -> Snapshot:
        made.commit(files)
        settings = RenderSettings(helm=HelmSettings(program=program, **chosen))
        source = GitSource.model_validate(
            {"url": made.path.as_uri(), "allow_local": True, "namespace": namespace, "render": settings}
        )
        return desired.fetch(source, cluster="test", key=key, cache=cache, deadline=time.monotonic() + 60)

    return rendered


def names(snapshot: Snapshot) -> list[str]:
    return sorted(str(resource.ref) for resource in snapshot.resources)


def errors(snapshot: Snapshot) -> list[Problem]:
    return [problem for problem in snapshot.problems if problem.severity is Severity.ERROR]


TEMPLATE = """\
{{- if .Values.enabled }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-web
  labels:
    {{- include "web.labels" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
          {{- with .Values.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
{{- end }}
"""
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n",
    "chart/values.yaml": "enabled: true\nreplicas: 2\nimage:\n  repository: example.com/web\n  tag: '1'\nresources: {}\n",
    "chart/values-prod.yaml": "# production\nreplicas: 5\n",
    "chart/templates/_helpers.tpl": '{{- define "web.labels" -}}\ntier: front\n{{- end }}\n',
    "chart/templates/deployment.yaml": TEMPLATE,
    "chart/templates/job.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: hook\n  annotations: {helm.sh/hook: pre-install}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: 'a:1'}]}}}\n",
    "plain.yaml": config_map("plain"),
}


def test_a_chart_is_what_helm_makes_of_it(render: Render) -> None:
    snapshot = render(CHART, values_files=("values-prod.yaml",), release="prod")
    assert snapshot.problems == ()
    assert names(snapshot) == ["ConfigMap shop/plain", "Deployment shop/prod-web"]
    (deployment,) = [each for each in snapshot.resources if each.ref.kind == "Deployment"]
    assert deployment.body["spec"]["replicas"] == 5
    assert snapshot.sources[0].tools == (f"helm {helm.version()}",)
    assert [(root.folder, root.renderer, root.objects) for root in snapshot.sources[0].roots] == [
        (".", "plain", 1),
        ("chart", "helm", 1),
    ]
    container = ("spec", "template", "spec", "containers", 0)
    places = {
        (): "chart/templates/deployment.yaml:2",
        ("metadata", "name"): "chart/templates/deployment.yaml:5",
        ("spec", "replicas"): "chart/values-prod.yaml:2",
        (*container, "name"): "chart/templates/deployment.yaml:17",
        (*container, "image"): "chart/values.yaml:5",
        (*container, "livenessProbe"): "chart/templates/deployment.yaml:17",
    }
    assert {path: str(deployment.place(path)) for path in places} == places


@pytest.mark.parametrize(
    ("files", "chosen", "words"),
    [
        ({"chart/templates/deployment.yaml": "{{ .Values.none.of.it }}\n"}, {}, "nil pointer evaluating"),
        ({"chart/templates/deployment.yaml": "{{ if }}\n"}, {}, "missing value for if"),
        ({"chart/Chart.yaml": "apiVersion: v2\nname: web\n"}, {}, "version"),
        ({"chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies: [{name: redis, version: '1', repository: 'https://localhost:1'}]\n"}, {}, "a chart that it depends on is not in its folder charts"),
        ({}, {"values_files": ("none.yaml",)}, "its values file none.yaml is not there"),
        ({}, {"values_files": ("../../../etc/passwd",)}, "its values file ../../../etc/passwd leads out of what may be read"),
        ({"chart/templates/deployment.yaml": "{{ range until 1000000000 }}x{{ end }}"}, {}, "it needs more than"),
        ({"chart/templates/a.yaml": "{{ range until 100000000 }}{{ printf \"%1000d\" . | sha256sum }}{{ end }}"}, {}, "it needs more than"),
        ({"chart/templates/a.yaml": '{{- define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}'}, {}, ""),
    ],
)  # fmt: skip
def test_a_chart_that_fails_is_said_and_the_rest_stands(
    render: Render, files: Mapping[str, str], chosen: Mapping[str, Any], words: str
) -> None:
    snapshot = render({**CHART, **files}, **chosen)
    assert names(snapshot) == ["ConfigMap shop/plain"]
    (problem,) = errors(snapshot)
    assert problem.place is not None
    assert problem.place.file == "chart/Chart.yaml"
    assert words in problem.message
    assert len(problem.message) < 600
    assert "auditor-render" not in problem.message


def test_templates_reach_neither_network_nor_files_nor_a_cluster(render: Render) -> None:
    template = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: reach}
data:
  host: {{ getHostByName "localhost" | quote }}
  look: {{ lookup "v1" "Secret" "kube-system" "" | toJson | quote }}
  file: {{ .Files.Get "../../../../etc/passwd" | quote }}
  root: {{ .Files.Get "/etc/passwd" | quote }}
  link: {{ .Files.Get "passwd" | quote }}
"""
    snapshot = render({**CHART, "chart/templates/reach.yaml": template, "chart/passwd": "-> /etc/passwd"})
    (found,) = [each for each in snapshot.resources if each.ref.name == "reach"]
    assert found.body["data"] == {"host": "", "look": "{}", "file": "", "root": "", "link": ""}


def test_a_library_chart_declares_nothing_and_is_no_fault(render: Render) -> None:
    files = {**CHART, "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\ntype: library\n"}
    snapshot = render(files)
    assert names(snapshot) == ["ConfigMap shop/plain"]
    assert [problem.severity for problem in snapshot.problems] == [Severity.INFO]


def test_subcharts_are_part_of_their_chart(render: Render) -> None:
    files = {
        **CHART,
        "chart/charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 0.1.0\n",
        "chart/charts/sub/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: sub\n",
    }
    snapshot = render(files)
    assert snapshot.problems == ()
    (sub,) = [each for each in snapshot.resources if each.ref.name == "sub"]
    assert str(sub.place(("metadata", "name"))) == "chart/charts/sub/templates/a.yaml:4"
    assert len(snapshot.sources[0].roots) == 2


def test_without_helm_a_chart_is_said_and_never_read_as_it_stands(
    made: Made, key: Key, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    static = {**CHART, "chart/templates/deployment.yaml": config_map("static")}
    made.commit(static)
    source = GitSource.model_validate({"url": made.path.as_uri(), "allow_local": True})
    snapshot = desired.fetch(source, cluster="test", key=key, cache=cache, deadline=time.monotonic() + 30)
    assert names(snapshot) == ["ConfigMap shop/plain"]
    (problem,) = snapshot.problems
    assert problem.message == "chart/Chart.yaml is not rendered: helm is not installed"
    assert "install helm" in problem.remedy


def test_what_is_rendered_otherwise_each_time_is_compared_to_nothing(render: Render) -> None:
    secret = """\
apiVersion: v1
kind: Secret
metadata: {name: made}
data:
  fixed: eA==
  password: {{ randAlphaNum 12 | b64enc }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: noted
  annotations:
    at: {{ now | date "15:04:05.000000000" | quote }}
data: {a: b}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: once-{{ randAlpha 8 | lower }}
"""
    snapshot = render({**CHART, "chart/templates/secret.yaml": secret})
    assert names(snapshot) == [
        "ConfigMap shop/noted",
        "ConfigMap shop/plain",
        "Deployment shop/chart-web",
        "Secret shop/made",
    ]
    said = {problem.message.partition(";")[0]: str(problem.place) for problem in snapshot.problems}
    assert {place.rpartition(":")[0] for place in said.values()} == {"chart/templates/secret.yaml"}
    assert [message for message in said if "once-" not in message] == [
        "Secret shop/made is rendered otherwise each time, first at data.password",
        "ConfigMap shop/noted is rendered otherwise each time, first at metadata.annotations.at",
    ]
    live = []
    for each in snapshot.resources:
        body = dict(each.body)
        if each.ref.name == "noted":
            body["metadata"] = {**body["metadata"], "annotations": {"at": "earlier"}}
        if each.ref.name == "made":
            body["data"] = {**body["data"], "password": Sealed(body["data"]["fixed"].key_id, "another mark")}
        live.append(Resource(each.ref, each.api_version, body))
    compared = compare(snapshot, Snapshot(resources=tuple(live)), past=Past(), at=datetime.now(UTC))
    assert [drift for drift in compared.drift if drift.ref.name in ("made", "noted")] == []
    assert {each.ref.name for each in compared.not_compared} >= {"made", "noted"}


def test_the_name_of_a_charts_folder_is_no_option(render: Render) -> None:
    files = {f"--post-renderer=x/{name.partition('/')[2]}": text for name, text in CHART.items() if "/" in name}
    snapshot = render(files)
    assert names(snapshot) == ["Deployment shop/post-renderer-x-web"]
    assert snapshot.problems == ()
