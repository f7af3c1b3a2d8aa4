"""What the Kustomize base promises, read from its files: nobody gets more than a look, and the Pod is a restricted one."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
import yaml

import auditor
from auditor.settings import Settings
from tests.deploy.base import BASE, NAMESPACE, Object, container, files, one, pod

OBJECTS = files()
DEPLOYMENT = one(OBJECTS, "Deployment")
RULES = one(OBJECTS, "ClusterRole")["rules"]

TEAM = "gitops-auditor.io/team"


def named(each: Object) -> str:
    return f"{each['kind']}/{each['metadata']['name']}"


def settings_text() -> str:
    text: str = one(OBJECTS, "ConfigMap")["data"]["settings.yaml"]
    return text


def test_no_verb_changes_anything() -> None:
    assert {verb for rule in RULES for verb in rule["verbs"]} == {"get", "list"}


def test_no_rule_reaches_secrets() -> None:
    assert not [rule for rule in RULES if "secrets" in rule["resources"]]


def test_no_rule_has_a_wildcard_or_a_subresource() -> None:
    words = [word for rule in RULES for part in ("apiGroups", "resources", "verbs") for word in rule[part]]
    assert not [word for word in words if "*" in word or "/" in word]


def test_no_rule_reaches_beyond_the_interface_of_objects() -> None:
    assert not [rule for rule in RULES if rule.keys() - {"apiGroups", "resources", "verbs"}]


def test_no_kind_is_named_twice() -> None:
    cells = [(group, plural) for rule in RULES for group in rule["apiGroups"] for plural in rule["resources"]]
    assert sorted(cells) == sorted(set(cells))


def test_the_one_binding_gives_the_reader_role_to_the_one_account() -> None:
    bindings = [each for each in OBJECTS if each["kind"].endswith("Binding")]
    assert [each["roleRef"]["name"] for each in bindings] == [one(OBJECTS, "ClusterRole")["metadata"]["name"]]
    account = one(OBJECTS, "ServiceAccount")["metadata"]
    assert bindings[0]["subjects"] == [
        {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    ]
    assert pod(DEPLOYMENT)["serviceAccountName"] == account["name"]


def test_nothing_but_the_pod_of_the_deployment_gets_a_token() -> None:
    assert one(OBJECTS, "ServiceAccount")["automountServiceAccountToken"] is False
    assert pod(DEPLOYMENT)["automountServiceAccountToken"] is True


def test_no_secret_is_shipped() -> None:
    assert not [each for each in OBJECTS if each["kind"] == "Secret"]


# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
def test_the_pod_is_restricted() -> None:
    spec, main = pod(DEPLOYMENT), container(DEPLOYMENT)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["runAsGroup"] == 65532
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert main["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert {source for volume in spec["volumes"] for source in volume.keys() - {"name"}} <= {
        "configMap",
        "emptyDir",
        "persistentVolumeClaim",
        "secret",
    }


def test_its_namespace_refuses_pods_that_are_not_restricted() -> None:
    labels = one(OBJECTS, "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_what_is_not_meant_to_be_written_is_mounted_read_only() -> None:
    read_only = {mount["name"] for mount in container(DEPLOYMENT)["volumeMounts"] if mount.get("readOnly")}
    given = {each["name"] for each in pod(DEPLOYMENT)["volumes"] if {"configMap", "secret"} & each.keys()}
    assert read_only == given


def test_there_is_one_replica_and_never_two_at_once_because_sqlite_has_one_writer() -> None:
    assert "sqlite" in settings_text()
    assert DEPLOYMENT["spec"]["replicas"] == 1
    assert DEPLOYMENT["spec"]["strategy"] == {"type": "Recreate"}
    assert not [each for each in OBJECTS if each["kind"] == "HorizontalPodAutoscaler"]


def test_the_image_has_the_tag_of_this_version_and_so_have_the_labels() -> None:
    assert container(DEPLOYMENT)["image"].rpartition(":")[2] == auditor.__version__
    labels = DEPLOYMENT["metadata"]["labels"], DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    assert {each["app.kubernetes.io/version"] for each in labels} == {auditor.__version__}


def test_probes_ask_alive_for_a_restart_and_ready_for_traffic() -> None:
    main = container(DEPLOYMENT)
    paths = {name: main[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert {main[name]["httpGet"]["port"] for name in paths} == {"http"}
    assert all(main[name]["timeoutSeconds"] <= main[name]["periodSeconds"] for name in paths)


def test_requests_and_limits_are_there() -> None:
    resources = container(DEPLOYMENT)["resources"]
    assert {"cpu", "memory"} <= resources["requests"].keys()
    assert {"cpu", "memory"} <= resources["limits"].keys()


def test_service_and_network_policy_select_the_pod_and_name_its_port() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"].items()
    service, policy = one(OBJECTS, "Service")["spec"], one(OBJECTS, "NetworkPolicy")["spec"]
    assert service["selector"].items() <= labels
    assert policy["podSelector"]["matchLabels"].items() <= labels
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"].items() <= labels
    assert [port["name"] for port in service["ports"]] == ["http"]
    (port,) = container(DEPLOYMENT)["ports"]
    assert port["name"] == service["ports"][0]["targetPort"] == policy["ingress"][0]["ports"][0]["port"]
    assert port["containerPort"] == Settings.model_validate(yaml.safe_load(settings_text())).web.port


def test_names_the_api_server_and_git_can_be_reached_and_nothing_else() -> None:
    policy = one(OBJECTS, "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    ports = {(port["port"], port["protocol"]) for rule in policy["egress"] for port in rule["ports"]}
    assert ports == {(53, "UDP"), (53, "TCP"), (443, "TCP"), (6443, "TCP"), (22, "TCP")}


@pytest.mark.parametrize("each", OBJECTS, ids=named)
def test_every_object_has_its_namespace_its_name_label_and_a_team(each: Object) -> None:
    metadata = each["metadata"]
    cluster_scoped = each["kind"] in {"Namespace", "ClusterRole", "ClusterRoleBinding"}
    assert metadata.get("namespace") == (None if cluster_scoped else NAMESPACE)
    assert metadata["labels"]["app.kubernetes.io/name"] == "gitops-auditor"
    assert metadata["labels"][TEAM]


def test_settings_are_valid() -> None:
    settings = Settings.model_validate(yaml.safe_load(settings_text()))
    assert settings.cluster.live == "in-cluster"
    assert settings.cluster.read_secrets is False


def test_the_source_shown_in_comments_is_valid_and_its_files_come_from_the_optional_secret() -> None:
    shown = re.sub(r"^sources: \[\]\n", "sources:\n", settings_text(), flags=re.MULTILINE)
    settings = Settings.model_validate(yaml.safe_load(re.sub(r"^# (?=[- ])", "", shown, flags=re.MULTILINE)))
    (source,) = settings.sources
    assert source.kind == "git"
    (mount,) = [each for each in container(DEPLOYMENT)["volumeMounts"] if each["name"] == "git"]
    (secret,) = [each["secret"] for each in pod(DEPLOYMENT)["volumes"] if each["name"] == "git"]
    assert secret["optional"] is True
    wanted = [source.ssh.private_key_file, source.ssh.known_hosts_file]
    assert [path and str(path.parent) for path in wanted] == [mount["mountPath"]] * 2


def test_everything_that_is_written_is_written_to_a_volume() -> None:
    settings = Settings.model_validate(yaml.safe_load(settings_text()))
    writable = [PurePosixPath(m["mountPath"]) for m in container(DEPLOYMENT)["volumeMounts"] if not m.get("readOnly")]
    database = PurePosixPath(settings.store.url.removeprefix("sqlite:///"))
    assert settings.report.folder is not None
    for path in (database, settings.cache, settings.report.folder, PurePosixPath("/tmp/any")):
        assert [folder for folder in writable if path == folder or folder in path.parents], path


def test_the_file_that_the_command_names_is_the_mounted_one() -> None:
    command, option, path = container(DEPLOYMENT)["args"]
    assert (command, option) == ("serve", "--settings")
    (mount,) = [each for each in container(DEPLOYMENT)["volumeMounts"] if each["name"] == "settings"]
    (volume,) = [each for each in pod(DEPLOYMENT)["volumes"] if each["name"] == "settings"]
    config = one(OBJECTS, "ConfigMap")
    assert volume["configMap"] == {"name": config["metadata"]["name"]}
    assert path == f"{mount['mountPath']}/{next(iter(config['data']))}"


def test_every_file_of_the_base_is_part_of_it() -> None:
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted(path.name for path in BASE.iterdir() if path.name != "kustomization.yaml")
