"""What deploy/README.md shows is what works: its settings, its overlay, its role, its ServiceMonitor, its commands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import auditor
from auditor.publish.metric_table import BY_NAME
from auditor.settings import Settings
from tests.controlplane.plane import Plane
from tests.deploy.base import BASE, DEPLOY, NAMESPACE, container, files, one, pod
from tests.deploy.readme import README, shown

OBJECTS = files()


def test_the_settings_are_valid_and_write_where_the_base_writes() -> None:
    settings = Settings.model_validate(yaml.safe_load(shown("store:")))
    base = Settings.model_validate(yaml.safe_load(one(OBJECTS, "ConfigMap")["data"]["settings.yaml"]))
    assert [source.kind for source in settings.sources] == ["git"]
    assert (settings.store, settings.cache, settings.report, settings.web) == (
        base.store,
        base.cache,
        base.report,
        base.web,
    )


def test_the_secret_of_git_has_the_name_and_the_files_that_the_base_mounts_and_the_settings_name() -> None:
    (volume,) = [each for each in pod(one(OBJECTS, "Deployment"))["volumes"] if each["name"] == "git"]
    assert f"create secret generic {volume['secret']['secretName']}" in README
    (mount,) = [each for each in container(one(OBJECTS, "Deployment"))["volumeMounts"] if each["name"] == "git"]
    named = set(re.findall(rf"{mount['mountPath']}/([\w-]+)", README))
    given = set(re.findall(r"--from-file=([\w-]+)=", README))
    assert named == given == {"ssh-privatekey", "known_hosts", "token"}


def test_the_role_that_is_added_only_looks_and_is_bound_to_the_account() -> None:
    role, binding = yaml.safe_load_all(shown("gitops-auditor-extra"))
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list"}
    assert binding["subjects"] == one(OBJECTS, "ClusterRoleBinding")["subjects"]


def test_the_service_monitor_selects_the_service_and_keeps_the_label() -> None:
    monitor = yaml.safe_load(shown("ServiceMonitor"))["spec"]
    service = one(OBJECTS, "Service")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert endpoint["honorLabels"] is True


def test_versions_ports_and_metrics_are_the_real_ones() -> None:
    assert set(re.findall(r"gitops-auditor:(\d[\w.]*)", README)) == {auditor.__version__}
    assert f"8080:{one(OBJECTS, 'Service')['spec']['ports'][0]['port']}" in README
    ports = {port["port"] for rule in one(OBJECTS, "NetworkPolicy")["spec"]["egress"] for port in rule["ports"]}
    (said,) = re.findall(r"lets out ([^.]*)\.", README)
    assert set(map(int, re.findall(r"\d+", said))) == ports
    assert set(re.findall(r"auditor_\w+", README)) <= BY_NAME.keys()


def test_every_file_it_names_is_there() -> None:
    named = re.findall(r"`((?:deploy|docs|base|grafana)/[\w./-]*)`", README) + re.findall(r"`(\w+\.json)`", README)
    for name in named:
        places = [DEPLOY.parent / name, DEPLOY / name, DEPLOY / "grafana" / name]
        assert any(place.exists() for place in places), name


@pytest.mark.component
def test_the_overlay_renders_with_its_image_and_its_settings(plane: Plane, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text(shown("kind: Kustomization"))
    (tmp_path / "settings.yaml").write_text(shown("store:"))
    (tmp_path / "base").mkdir()
    for path in BASE.iterdir():
        (tmp_path / "base" / path.name).write_text(path.read_text())
    rendered: list[Mapping[str, Any]] = list(yaml.safe_load_all(plane.kubectl("kustomize", str(tmp_path))))
    objects = tuple(rendered)
    assert sorted(each["kind"] for each in objects) == sorted(each["kind"] for each in OBJECTS)
    assert (
        container(one(objects, "Deployment"))["image"]
        == f"registry.example.com/platform/gitops-auditor:{auditor.__version__}"
    )
    config = one(objects, "ConfigMap")
    assert config["data"] == {"settings.yaml": shown("store:")}
    assert config["metadata"]["namespace"] == NAMESPACE
    assert {"name": config["metadata"]["name"]} in [
        each.get("configMap") for each in pod(one(objects, "Deployment"))["volumes"]
    ]
