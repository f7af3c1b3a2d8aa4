"""How a cluster is reached: every wrong kubeconfig is told in words of ours, and no credential is in them."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from auditor.live import login
from auditor.live.login import TokenFile, log_in
from auditor.model import Misuse, Unavailable
from auditor.settings import ClusterSettings

CANARY = "canary-5d41402abc4b"


def kubeconfig(folder: Path, **changes: Any) -> ClusterSettings:
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": CANARY}}],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("production", "staging")],
        "current-context": "staging",
    }
    path = folder / "config"
    path.write_text(json.dumps(config | changes))
    return ClusterSettings(live="context:production", kubeconfig=path)


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match=r"there is no kubeconfig: \S+/nowhere is not there") as told:
        log_in(ClusterSettings(live="context:x", kubeconfig=tmp_path / "nowhere"))
    assert "--kubeconfig" in told.value.remedy


def test_an_unknown_context_is_told_with_those_that_are_near(tmp_path: Path) -> None:
    cluster = kubeconfig(tmp_path).model_copy(update={"live": "context:prodution"})
    with pytest.raises(Misuse, match="has no context prodution") as told:
        log_in(cluster)
    assert told.value.remedy == "it has production"


def test_without_a_name_the_current_context_counts(tmp_path: Path) -> None:
    cluster = kubeconfig(tmp_path).model_copy(update={"live": "context:"})
    assert log_in(cluster).who == "context staging"
    with pytest.raises(Misuse, match="has no current context"):
        log_in(kubeconfig(tmp_path, **{"current-context": ""}).model_copy(update={"live": "context:"}))


@pytest.mark.parametrize("text", ["", "[", "just words", "- a\n- b\n", "{contexts: 7}", "{contexts: [{}]}", "\x00"])
def test_a_file_that_is_no_kubeconfig_is_told_as_such(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(Misuse, match="is no kubeconfig"):
        log_in(ClusterSettings(live="context:x", kubeconfig=tmp_path / "config"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clusters": []}, "names the cluster 'c', which .* does not define"),
        ({"users": []}, "names the user 'u', which .* does not define"),
        ({"clusters": [{"name": "c", "cluster": {}}]}, "names no address|cannot be used"),
        ({"clusters": [{"name": "c", "cluster": {"server": "not a url"}}]}, "names no address"),
        ({"clusters": [{"name": "c", "cluster": {"server": "https://h:port"}}]}, "names no address"),
        (
            {"clusters": [{"name": "c", "cluster": {"server": "https://h", "certificate-authority": "/no/ca.crt"}}]},
            "/no/ca.crt cannot be read",
        ),
        ({"users": [{"name": "u", "user": {"token": f"{CANARY}\nX-Evil: 1"}}]}, "is no token"),
        ({"users": [{"name": "u", "user": {"tokenFile": "/no/token"}}]}, "/no/token cannot be read"),
        ({"users": [{"name": "u", "user": {"auth-provider": {"name": "gcp", "token": CANARY}}}]}, "cannot be used"),
    ],
)
def test_a_wrong_entry_is_told_without_the_token_that_stands_beside_it(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises((Misuse, Unavailable), match=words) as told:
        log_in(kubeconfig(tmp_path, **changes)).authorization(False)
    assert CANARY not in f"{told.value.message} {told.value.remedy} {told.value!r} {told.value.__cause__!r}"


def test_a_credential_plugin_that_fails_is_told_and_what_it_printed_is_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    script = f"import sys; print({CANARY!r}, file=sys.stderr); sys.exit(1)"
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": ["-c", script]}
    with pytest.raises(Unavailable, match="the credential plugin of context production") as told:
        log_in(kubeconfig(tmp_path, users=[{"name": "u", "user": {"exec": plugin}}]))
    assert told.value.reason == "auth"
    printed = capfd.readouterr()
    assert CANARY not in told.value.message + printed.out + printed.err + caplog.text


def test_a_credential_plugin_gives_the_token_and_is_asked_again_after_a_401(tmp_path: Path) -> None:
    counter = tmp_path / "count"
    script = (
        "import json, pathlib; p = pathlib.Path('" + str(counter) + "'); n = len(p.read_text()) if p.exists() else 0; "
        "p.write_text('x' * (n + 1)); print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', "
        "'kind': 'ExecCredential', 'status': {'token': f'made-{n}'}}))"
    )
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": ["-c", script]}
    way = log_in(kubeconfig(tmp_path, users=[{"name": "u", "user": {"exec": plugin}}]))
    assert [way.authorization(again) for again in (False, False, True)] == [
        "Bearer made-0",
        "Bearer made-0",
        "Bearer made-1",
    ]


def test_a_token_file_is_stripped_and_read_again_after_a_401(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first\n")
    way = log_in(kubeconfig(tmp_path, users=[{"name": "u", "user": {"tokenFile": "token"}}]))
    assert way.authorization(False) == "Bearer first"
    (tmp_path / "token").write_text("second\n")
    assert way.authorization(True) == "Bearer second"


def test_a_kubeconfig_is_never_written_back(tmp_path: Path) -> None:
    cluster = kubeconfig(tmp_path)
    assert cluster.kubeconfig is not None
    cluster.kubeconfig.chmod(0o400)
    before = cluster.kubeconfig.read_bytes(), cluster.kubeconfig.stat().st_mtime_ns
    log_in(cluster).authorization(True)
    assert (cluster.kubeconfig.read_bytes(), cluster.kubeconfig.stat().st_mtime_ns) == before


def test_a_proxy_of_the_environment_does_not_count_and_one_of_the_kubeconfig_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    assert log_in(kubeconfig(tmp_path)).pool.proxy is None
    named = {"server": "https://127.0.0.1:1", "proxy-url": "http://127.0.0.1:3129"}
    proxy = log_in(kubeconfig(tmp_path, clusters=[{"name": "c", "cluster": named}])).pool.proxy
    assert proxy is not None
    assert proxy.port == 3129


def test_credentials_in_the_address_are_neither_shown_nor_sent(tmp_path: Path) -> None:
    address = {"server": f"https://admin:{CANARY}@127.0.0.1:6443/k8s/clusters/c-1/"}
    assert (
        log_in(kubeconfig(tmp_path, clusters=[{"name": "c", "cluster": address}])).server
        == "https://127.0.0.1:6443/k8s/clusters/c-1"
    )


def test_several_files_of_kubeconfig_are_merged_as_kubectl_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    first = kubeconfig(one, contexts=[{"name": "first", "context": {"cluster": "c", "user": "u"}}]).kubeconfig
    second = kubeconfig(two).kubeconfig
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path / 'not-there'}:{second}")
    assert log_in(ClusterSettings(live="context:first")).who == "context first"
    assert log_in(ClusterSettings(live="context:production")).who == "context production"


def test_outside_a_pod_in_cluster_is_a_misuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(Misuse, match="this is not a Pod of a cluster") as told:
        log_in(ClusterSettings())
    assert "context:NAME" in told.value.remedy


def test_a_pod_without_a_mounted_token_is_told_what_to_mount(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(login, "SERVICE_ACCOUNT", tmp_path)
    with pytest.raises(Unavailable, match=r"no ServiceAccount token is mounted") as told:
        log_in(ClusterSettings())
    assert "automountServiceAccountToken" in told.value.remedy
    (tmp_path / "ca.crt").write_text("")
    way = log_in(ClusterSettings())
    assert way.server == "https://[fd00::1]:443"
    with pytest.raises(Unavailable, match="holds no token"):
        way.authorization(False)


def test_the_token_of_a_pod_is_read_again_after_a_minute_and_at_once_after_a_401(tmp_path: Path) -> None:
    now = [1000.0]
    path = tmp_path / "token"
    path.write_text("a\n")
    token = TokenFile(path, clock=lambda: now[0])
    assert token(False) == "Bearer a"
    path.write_text("b\n")
    now[0] += 59
    assert token(False) == "Bearer a"
    now[0] += 1
    assert token(False) == "Bearer b"
    path.write_text("c")
    assert token(True) == "Bearer c"


@pytest.mark.parametrize("content", ["", "\n", None])
def test_while_the_token_file_is_empty_or_away_the_last_good_token_counts(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "token"
    path.write_text("good")
    token = TokenFile(path)
    token(False)
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert token(True) == "Bearer good"


def test_logging_in_sends_nothing(tmp_path: Path) -> None:
    began = time.monotonic()
    log_in(kubeconfig(tmp_path))  # nobody listens there
    assert time.monotonic() - began < 5
