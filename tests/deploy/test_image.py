"""The image: built, and run as the Deployment runs it, against a real API server, with nothing but what a Pod is given."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import auditor
from tests.controlplane import build
from tests.controlplane.plane import Plane, Request, User
from tests.controlplane.processes import free_ports
from tests.deploy.base import BASE, NAMESPACE, container, files, one, pod
from tests.deploy.readme import shown
from tests.gitservers import SshServer, ssh_server
from tests.image import UID, Container, Image, Mount, built, projected, run, started, volume
from tests.prometheus import check_metrics

pytestmark = pytest.mark.component

OBJECTS = files()
DEPLOYMENT = one(OBJECTS, "Deployment")
TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    with built() as found:
        yield found


def in_shell(image: Image, script: str) -> str:
    """What a shell in the image prints, errors included; how it ended is not judged."""
    done = run(Container(image, ["-c", script], entrypoint=["sh"]), check=False)
    return done.stdout + done.stderr


def test_nobody_can_write_to_the_root(image: Image) -> None:
    assert "Read-only file system" in in_shell(image, "touch /opt/auditor/x /tmp/x /var/lib/auditor/x")


def test_the_user_owns_nothing_but_where_volumes_are_mounted(image: Image) -> None:
    find = [
        "find",
        ".",
        "-xdev",
        "(",
        "-uid",
        str(UID),
        "-o",
        "-perm",
        "-0002",
        ")",
        "!",
        "-type",
        "l",
        "!",
        "-path",
        "./proc/*",
    ]
    found = subprocess.run(
        [*find, "!", "-path", "./dev*"], cwd=image.root, capture_output=True, text=True, check=True
    ).stdout
    mounted = {mount["mountPath"] for mount in container(DEPLOYMENT)["volumeMounts"] if not mount.get("readOnly")}
    assert {line.removeprefix(".") for line in found.splitlines()} - {"/run/lock", "/var/tmp"} == mounted


def test_the_user_is_the_one_of_the_deployment_and_has_no_capability(image: Image) -> None:
    security = pod(DEPLOYMENT)["securityContext"]
    assert image.config["User"] == f"{security['runAsUser']}:{security['runAsGroup']}" == f"{UID}:{UID}"
    said = in_shell(image, "id; grep -E 'Cap(Eff|Prm|Bnd)|NoNewPrivs' /proc/self/status")
    assert said.startswith(f"uid={UID}(auditor) gid={UID}")
    assert re.findall(r"Cap\w+:\s+(\w+)", said) == ["0" * 16] * 3
    assert "NoNewPrivs:\t1" in said


def test_ssh_knows_the_user_and_git_is_there(image: Image) -> None:
    # without an entry in /etc/passwd it says "No user exists for uid 65532" and does nothing
    (port,) = free_ports(1)
    assert "Connection refused" in in_shell(image, f"ssh -o BatchMode=yes -p {port} git@127.0.0.1")
    assert in_shell(image, "git --version").startswith("git version 2.")


def test_nothing_that_builds_is_left_in_it(image: Image) -> None:
    assert not (image.root / "source").exists()
    assert not (image.root / "opt" / "build").exists()
    assert not list((image.root / "opt" / "auditor").glob("lib/*/site-packages/pip*"))
    assert not list((image.root / "var" / "lib" / "apt" / "lists").iterdir())


def test_its_configuration_says_what_it_is_and_nothing_of_where_it_was_built(image: Image) -> None:
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in image.config["Labels"].items()}
    assert (labels["title"], labels["version"], labels["licenses"]) == (
        "gitops-auditor",
        auditor.__version__,
        "Apache-2.0",
    )
    assert image.config["Entrypoint"] == ["auditor"]
    assert set(image.environment) == {"PATH", "HOME", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}


def test_it_has_the_commands(image: Image) -> None:
    said = run(Container(image, ["--help"])).stdout
    assert {"serve", "audit", "check", "diff"} <= set(said.split())


def test_the_demo_runs_on_a_root_that_nobody_can_write(image: Image, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    demo = Container(image, ["demo", "--once"], [Mount(volume(tmp_path / "tmp"), "/tmp")])
    said = run(demo).stdout
    assert "drift" in said
    assert not list((tmp_path / "tmp").iterdir())


def test_the_policies_and_their_manifests_are_in_it(image: Image) -> None:
    assert "POD001" in run(Container(image, ["policies"])).stdout
    assert "kind: Pod" in run(Container(image, ["explain", "POD001"])).stdout


@dataclass(frozen=True)
class Site:
    """What the kubelet would give the Deployment's container: its mounts, its environment, the port that it serves."""

    container: Container
    port: int


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """A git server that gives out the base itself, to who has the key."""
    folder: Path = tmp_path_factory.mktemp("git")
    shutil.copytree(BASE, folder / "work")
    git = ["git", "-C", str(folder / "work"), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for args in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "base"]):
        subprocess.run([*git, *args], check=True, capture_output=True)
    subprocess.run([*git, "clone", "-q", "--bare", ".", str(folder / "served" / "manifests.git")], check=True)
    with ssh_server(folder / "sshd", folder / "served") as server:
        yield server


@pytest.fixture(scope="module")
def site(
    image: Image, installed: Plane, account: User, git: SshServer, tmp_path_factory: pytest.TempPathFactory
) -> Site:
    """The Deployment's volumes as folders: its settings as the README shows them, the Secret for git, the token."""
    folder: Path = tmp_path_factory.mktemp("site")
    (port,) = free_ports(1)
    settings = yaml.safe_load(shown("store:"))
    (source,) = settings["sources"]
    source |= {"url": git.url("manifests.git"), "folder": ""}
    settings["web"] = {"host": "127.0.0.1", "port": port}
    settings["cluster"]["namespaces"] = [NAMESPACE]
    secret = {"ssh-privatekey": git.key.read_text(), "known_hosts": git.known_hosts.read_text()}
    sources: dict[str, Callable[[Path], Path]] = {
        "configMap": lambda at: projected(at, {"settings.yaml": yaml.safe_dump(settings)}),
        "secret": lambda at: projected(at, secret, mode=0o400),
        "persistentVolumeClaim": volume,
        "emptyDir": volume,
    }
    mounts = []
    for each in container(DEPLOYMENT)["volumeMounts"]:
        (kind,) = [set(v) - {"name"} for v in pod(DEPLOYMENT)["volumes"] if v["name"] == each["name"]]
        made = sources[kind.pop()](folder / each["name"])
        mounts.append(Mount(made, each["mountPath"], bool(each.get("readOnly"))))
    token = {"token": account.token, "ca.crt": installed.ca_file.read_text(), "namespace": NAMESPACE}
    mounts.append(Mount(projected(folder / "token", token), TOKENS, True))
    env = {each["name"]: each["value"] for each in container(DEPLOYMENT).get("env", [])}
    env |= {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(installed.port)}
    return Site(Container(image, container(DEPLOYMENT)["args"], mounts, env), port)


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()


def until(port: int, path: str, wanted: Callable[[int, bytes], bool], log: Path, seconds: float = 60) -> bytes:
    """The first answer that is wanted."""
    deadline = time.monotonic() + seconds
    while not wanted(*(answer := get(port, path))):
        assert time.monotonic() < deadline, f"{path}: {answer[0]}\n{log.read_text()[-3000:]}"
        time.sleep(0.2)
    return answer[1]


@dataclass(frozen=True)
class Served:
    """What was seen of the daemon while it ran, twice on the same volumes."""

    metrics: bytes
    probes: dict[str, int]
    seconds_to_end: float
    log: str
    again: bytes
    asked: tuple[Request, ...]
    """Of the API server, by its account, meanwhile."""


@pytest.fixture(scope="module")
def served(site: Site, installed: Plane, account: User, tmp_path_factory: pytest.TempPathFactory) -> Served:
    log: Path = tmp_path_factory.mktemp("log") / "auditor.log"

    def published(status: int, body: bytes) -> bool:
        return b"auditor_run_last_success_timestamp_seconds{" in body

    main = container(DEPLOYMENT)
    before = len(installed.requests(account))
    with started(site.container, log) as pid:
        metrics = until(site.port, "/metrics", published, log)
        probes = {main[name]["httpGet"]["path"]: 0 for name in ("startupProbe", "livenessProbe", "readinessProbe")}
        probes = {path: get(site.port, path)[0] for path in probes}
        began = time.monotonic()
        assert Path(f"/proc/{pid}").exists()
    seconds = time.monotonic() - began
    text = log.read_text()
    log.unlink()
    with started(site.container, log):
        again = until(site.port, "/metrics", published, log)
    return Served(metrics, probes, seconds, text, again, installed.requests(account)[before:])


def test_it_serves_as_the_deployment_runs_it_and_the_probes_are_answered(served: Served) -> None:
    assert served.probes == {"/healthz": 200, "/readyz": 200}


def test_its_metrics_are_well_formed_and_say_that_everything_could_be_read(served: Served) -> None:
    assert check_metrics(served.metrics) == ""
    text = served.metrics.decode()
    assert re.search(r'^auditor_coverage_ratio\{cluster="production"\} 1\.0$', text, re.MULTILINE)
    assert "auditor_collect_denied{" not in text
    assert re.search(rf'^auditor_namespace_score_ratio\{{.*namespace="{NAMESPACE}"', text, re.MULTILINE)


def test_what_was_applied_from_git_has_not_drifted(served: Served) -> None:
    found = re.findall(r"^auditor_drift_objects\{.*\} (\S+)$", served.metrics.decode(), re.MULTILINE)
    assert found
    assert set(found) == {"0.0"}


def test_it_ends_within_the_grace_period_and_starts_again_on_the_same_volumes(served: Served) -> None:
    assert served.seconds_to_end < pod(DEPLOYMENT)["terminationGracePeriodSeconds"]
    assert check_metrics(served.again) == ""


def test_its_log_is_lines_of_json_without_its_token(served: Served, account: User) -> None:
    assert [json.loads(line) for line in served.log.splitlines()]
    assert account.token not in served.log
    assert "PRIVATE KEY" not in served.log


def test_it_asked_the_api_server_to_get_and_list_and_for_nothing_else(served: Served) -> None:
    assert len([request for request in served.asked if request.verb == "list"]) > 10
    assert {request.verb for request in served.asked} == {"get", "list"}
    assert not [request for request in served.asked if "/secrets" in request.uri or request.code >= 400]


def audit(site: Site) -> tuple[int, dict[str, Any]]:
    """One run by the command line with the daemon's settings, in the container: its exit code, and what it says."""
    args = ["audit", "--settings", "/etc/auditor/settings.yaml", "-o", "json"]
    done = run(replace(site.container, args=args), check=False)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


def test_the_base_on_a_cluster_has_no_finding_and_no_drift(site: Site, served: Served) -> None:
    code, found = audit(site)
    assert found["drift"] == []
    assert found["problems"] == []
    (source,) = found["sources"]
    assert source["tools"] == [f"kubectl {build.version()}, kustomize v5.8.1"], "the base was rendered in the container"
    ours = [
        verdict for verdict in found["verdicts"] if NAMESPACE in (verdict["ref"]["namespace"], verdict["ref"]["name"])
    ]
    assert {verdict["outcome"] for verdict in ours} == {"pass", "not-applicable"}
    assert found["coverage"]["ratio"] == 1
    assert found["not_compared"] == []
    assert code == 0


def test_a_hand_on_the_cluster_is_seen_from_within(site: Site, served: Served, installed: Plane) -> None:
    installed.kubectl("-n", NAMESPACE, "set", "image", "deployment/gitops-auditor", "auditor=gitops-auditor:0.0.9")
    try:
        code, found = audit(site)
    finally:
        installed.kubectl("apply", "-k", str(BASE))
    assert code == 1
    (drift,) = found["drift"]
    (change,) = drift["changes"]
    assert (change["desired"], change["live"]) == ("gitops-auditor:0.1.0", "gitops-auditor:0.0.9")
    assert (change["owner"]["manager"], change["owner"]["class"]) == ("kubectl-set", "human")
