"""Requests are bounded whatever the server does: slow, torn, refusing, or not an API server at all."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from auditor import live
from auditor.kube.secrets import new_key
from auditor.live.client import ATTEMPTS, Client, Late, TooLarge
from auditor.live.login import log_in
from auditor.model import CellState, Ref, Snapshot, Unavailable
from auditor.settings import ClusterSettings
from tests.live.faulty import Faulty, Reply, at, status, within

CONFIG_MAPS = "/api/v1/configmaps"
WANTED = live.Wanted(frozenset({("", "ConfigMap"), ("apps", "Deployment")}), frozenset({"a", "b"}))


@pytest.fixture
def server() -> Iterator[Faulty]:
    with Faulty() as running:
        yield running


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.live.client.FIRST_WAIT", 0.02)


def fetch(cluster: ClusterSettings, wanted: live.Wanted = WANTED, seconds: float = 30) -> Snapshot:
    return live.fetch(cluster, wanted, name="c", key=new_key(), deadline=time.monotonic() + seconds)


def client(server: Faulty, folder: Path, *, seconds: float = 30, timeout: float = 10) -> tuple[Client, list[float]]:
    """A client whose pauses are recorded and not waited for."""
    waits: list[float] = []
    login = log_in(server.settings(folder))
    return Client(login, timeout_seconds=timeout, deadline=time.monotonic() + seconds, pause=waits.append), waits


# --- what is no answer -------------------------------------------------------------------------------------------------


def test_an_address_where_nobody_listens(tmp_path: Path, server: Faulty) -> None:
    cluster = server.settings(tmp_path)
    server.__exit__()
    with pytest.raises(Unavailable, match=rf"nobody listens at http://127.0.0.1:{server.port}") as told:
        fetch(cluster)
    assert (told.value.stage, told.value.reason) == ("cluster", "network")


def test_a_host_that_is_not_known(tmp_path: Path, server: Faulty) -> None:
    cluster = server.settings(tmp_path)
    assert cluster.kubeconfig is not None
    cluster.kubeconfig.write_text(cluster.kubeconfig.read_text().replace("127.0.0.1", "no-such-host.invalid"))
    with pytest.raises(Unavailable, match=r"the host of http://no-such-host\.invalid:.* is not known"):
        fetch(cluster)


def test_a_server_that_never_answers_costs_its_timeout_and_is_tried_twice(tmp_path: Path, server: Faulty) -> None:
    server.faults = [at("/version", Reply(wait=30))]
    with within(6), pytest.raises(Unavailable, match=r"did not answer within 0\.5 s") as told:
        fetch(server.settings(tmp_path, timeout_seconds=0.5))
    assert told.value.reason == "timeout"
    assert len(server.seen) == 2


def test_a_body_that_drips_is_given_up_at_the_timeout(tmp_path: Path, server: Faulty) -> None:
    server.faults = [at("/version", Reply(body=b" " * 1000, drip=0.05))]
    with within(6), pytest.raises(Unavailable, match="did not answer within"):
        fetch(server.settings(tmp_path, timeout_seconds=0.5))


@pytest.mark.parametrize("chunked", [False, True])
def test_a_drip_ends_at_the_deadline_also_when_each_request_might_take_longer(
    tmp_path: Path, server: Faulty, chunked: bool
) -> None:
    server.add("ConfigMap", "a", "one")
    server.faults = [at(CONFIG_MAPS, Reply(body=b" " * 10_000, drip=0.05, chunked=chunked))]
    with within(8):
        snapshot = fetch(server.settings(tmp_path), seconds=2)
    assert {cell.reason for cell in snapshot.cells if cell.kind == "ConfigMap"} == {"deadline"}
    assert {cell.state for cell in snapshot.cells if cell.kind == "ConfigMap"} == {CellState.UNAVAILABLE}


def test_a_body_that_stalls_after_a_while_ends_at_the_deadline_and_not_a_whole_timeout_later(
    tmp_path: Path, server: Faulty
) -> None:
    server.faults = [at("/version", Reply(body=b" " * 1000, drip=0.1, stall=26))]
    with within(5), pytest.raises(Late):
        client(server, tmp_path, seconds=3)[0].get("/version")


def test_what_is_not_read_by_the_deadline_is_unavailable_and_what_was_read_stands(
    tmp_path: Path, server: Faulty
) -> None:
    server.add("ConfigMap", "a", "one")
    server.faults = [at("/apis/apps/v1/deployments", Reply(wait=20))]
    with within(8):
        snapshot = fetch(server.settings(tmp_path), seconds=1.5)
    assert [str(resource.ref) for resource in snapshot.resources] == ["ConfigMap a/one"]
    assert {(cell.kind, cell.state, cell.reason) for cell in snapshot.cells if cell.kind != "Namespace"} == {
        ("ConfigMap", CellState.LISTED, ""),
        ("Deployment", CellState.UNAVAILABLE, "deadline"),
    }


def test_a_page_sent_half_is_asked_for_again(tmp_path: Path, server: Faulty) -> None:
    server.add("ConfigMap", "a", *(f"n{n}" for n in range(50)))
    healthy = server._healthy(CONFIG_MAPS, {})
    for chunked in (False, True):
        server.faults = [
            at(
                CONFIG_MAPS,
                Reply(body=healthy.body, cut=500, chunked=chunked),
                times=len(server.lists("configmaps")) + 1,
            )
        ]
        assert len(fetch(server.settings(tmp_path)).of_kind("", "ConfigMap")) == 50


def test_a_page_that_is_always_sent_half_is_no_list(tmp_path: Path, server: Faulty) -> None:
    server.add("ConfigMap", "a", *(f"n{n}" for n in range(50)))
    healthy = server._healthy(CONFIG_MAPS, {})
    server.faults = [at(CONFIG_MAPS, Reply(body=healthy.body, cut=500))]
    snapshot = fetch(server.settings(tmp_path))
    assert snapshot.of_kind("", "ConfigMap") == ()
    assert snapshot.cell("", "ConfigMap", "a").state is CellState.UNAVAILABLE
    assert "broke off" in snapshot.cell("", "ConfigMap", "a").reason


def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    tmp_path: Path, server: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditor.live.client.LARGEST", 100_000)
    server.faults = [at("/version", Reply(body=b" " * 10_000_000))]
    with pytest.raises(TooLarge):
        client(server, tmp_path)[0].get("/version")


# --- retries -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(tmp_path: Path, server: Faulty, code: int) -> None:
    server.faults = [at("/version", status(code, "Whatever"), times=2)]
    sender, waits = client(server, tmp_path)
    assert sender.get("/version").status == 200
    assert len(waits) == 2
    assert all(0 < wait < 2 for wait in waits)


def test_retry_after_is_honoured(tmp_path: Path, server: Faulty) -> None:
    server.faults = [at("/version", Reply(429, headers={"Retry-After": "3"}), times=1)]
    sender, waits = client(server, tmp_path)
    assert sender.get("/version").status == 200
    assert waits == [3]


@pytest.mark.parametrize(("after", "left"), [("61", 7200), ("25", 20)])
def test_a_retry_after_beyond_a_minute_or_beyond_the_deadline_is_not_waited_for(
    tmp_path: Path, server: Faulty, after: str, left: float
) -> None:
    server.faults = [at("/version", Reply(429, headers={"Retry-After": after}))]
    sender, waits = client(server, tmp_path, seconds=left)
    assert sender.get("/version").status == 429
    assert waits == []


def test_tries_are_counted(tmp_path: Path, server: Faulty) -> None:
    server.faults = [at("/version", status(503, "Unavailable"))]
    assert client(server, tmp_path)[0].get("/version").status == 503
    assert len(server.seen) == ATTEMPTS


@pytest.mark.parametrize("code", [400, 403, 404, 405, 410, 422])
def test_a_refusal_is_not_tried_again(tmp_path: Path, server: Faulty, code: int) -> None:
    server.faults = [at("/version", status(code, "Whatever"))]
    assert client(server, tmp_path)[0].get("/version").status == code
    assert len(server.seen) == 1


def test_a_401_renews_the_token_once(tmp_path: Path, server: Faulty) -> None:
    cluster = server.settings(tmp_path)
    login = log_in(cluster)
    server.settings(tmp_path, token="token-b")

    def refuses_the_old(_: dict[str, str], __: int) -> Reply | None:
        return status(401, "Unauthorized") if server.seen[-1].headers["Authorization"] == "Bearer token-a" else None

    server.faults = [at("/version", refuses_the_old)]
    sender = Client(login, timeout_seconds=5, deadline=time.monotonic() + 20)
    assert sender.get("/version").status == 200
    assert [seen.headers["Authorization"] for seen in server.seen] == ["Bearer token-a", "Bearer token-b"]


def test_a_credential_that_is_refused_is_told_and_asked_about_twice_only(tmp_path: Path, server: Faulty) -> None:
    server.faults = [at("/version", status(401, "Unauthorized"))]
    with pytest.raises(Unavailable, match="does not accept the credentials of context faulty") as told:
        fetch(server.settings(tmp_path, token="canary-token"))
    assert told.value.reason == "auth"
    assert "canary" not in f"{told.value.message}{told.value.remedy}"
    assert len(server.seen) == 2


def test_a_server_that_dies_in_the_middle_is_not_asked_for_every_kind(tmp_path: Path, server: Faulty) -> None:
    def breaks(path: str, _: dict[str, str], __: int) -> Reply | None:
        return Reply(body=b" " * 9, cut=1) if (path.endswith("s") and path != "/apis") or len(server.seen) > 4 else None

    server.faults = [breaks]
    sender, _waits = client(server, tmp_path)
    for number in range(20):
        with pytest.raises(Unavailable):
            sender.get(f"/api/v1/kind{number}s")
    assert sender.requests <= 3 * ATTEMPTS + 17  # one look for each further kind, and no more


# --- what is no API server ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<!doctype html><title>Sign in</title>", "text/html; charset=utf-8"),
        Reply(200, b"", ""),
        Reply(200, b"{}", "application/json"),
        Reply(200, b"[1]", "application/json"),
        Reply(200, b'{"gitVersion": 7}', "application/json"),
        Reply(200, b'{"gitVersion": "v1', "application/json"),
        Reply(403, b"<html>Forbidden", "text/html"),
        Reply(404, b"nothing here", "text/plain"),
        Reply(400, b"Client sent an HTTP request to an HTTPS server.\n", "text/plain"),
    ],
)
def test_what_is_no_api_server_is_told_as_such(tmp_path: Path, server: Faulty, reply: Reply) -> None:
    server.faults = [at("/version", reply)]
    with pytest.raises(Unavailable, match=f"is no Kubernetes API server: it answered {reply.status}") as told:
        fetch(server.settings(tmp_path))
    assert "proxy or a login page" in told.value.remedy


def test_a_redirect_is_not_followed_with_the_token(tmp_path: Path, server: Faulty) -> None:
    with Faulty() as elsewhere:
        server.faults = [at("/version", Reply(302, headers={"Location": f"{elsewhere.url}/version"}))]
        with pytest.raises(Unavailable, match="it answered 302"):
            fetch(server.settings(tmp_path))
        assert elsewhere.seen == []


def test_a_proxy_of_the_environment_is_not_given_the_token(
    tmp_path: Path, server: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Faulty() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        fetch(server.settings(tmp_path))
        assert proxy.seen == []


def test_a_server_that_does_not_speak_tls(tmp_path: Path, server: Faulty) -> None:
    server.scheme = "https"
    with pytest.raises(Unavailable, match=r"does not speak TLS as expected|broke off"):
        fetch(server.settings(tmp_path))


@pytest.mark.parametrize(("days", "words"), [(-1, "certificate has expired"), (1, "self.signed certificate")])
def test_a_certificate_that_is_expired_or_not_trusted(tmp_path: Path, days: int, words: str) -> None:
    certificate, key = _certificate(tmp_path, days)
    server = Faulty()
    server.speak_tls(certificate, key)
    with server:
        cluster = server.settings(tmp_path)
        if days < 0:
            _trust(cluster, certificate)
        with pytest.raises(Unavailable, match=f"the certificate of {server.url} is not trusted: {words}") as told:
            fetch(cluster)
    assert told.value.remedy
    assert server.seen == []


def test_an_authority_without_key_identifiers_is_trusted_as_kubectl_does(tmp_path: Path) -> None:
    """Those of EKS are such, and from Python 3.13 on they are refused by default."""
    for name in ("authority", "server"):
        (tmp_path / name).mkdir()
    authority, signs = _certificate(tmp_path / "authority", 1)
    certificate, key = _certificate(tmp_path / "server", 1, signed_by=(authority, signs))
    server = Faulty()
    server.speak_tls(certificate, key)
    with server:
        cluster = server.settings(tmp_path)
        _trust(cluster, authority)
        assert fetch(cluster).version == "v1.36.3"


def test_without_an_authority_in_the_kubeconfig_those_of_the_system_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = _certificate(tmp_path, 1)
    server = Faulty()
    server.speak_tls(certificate, key)
    with server:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert fetch(server.settings(tmp_path)).version == "v1.36.3"


def test_a_client_certificate_of_the_kubeconfig_is_shown_to_the_server(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path, 1)
    server = Faulty()
    server.speak_tls(certificate, key, clients=certificate)
    with server:
        cluster = server.settings(tmp_path)
        _trust(cluster, certificate)
        with pytest.raises(Unavailable, match=r"does not speak TLS as expected|broke off"):
            fetch(cluster)
        assert cluster.kubeconfig is not None
        text = cluster.kubeconfig.read_text()
        shown = f'"client-certificate": "{certificate}", "client-key": "{key}"'
        cluster.kubeconfig.write_text(text.replace('"token": "token-a"', shown))
        assert fetch(cluster).version == "v1.36.3"
    assert all("Authorization" not in seen.headers for seen in server.seen)


def test_a_certificate_that_nobody_verifies_is_a_problem_of_the_run(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path, 1)
    server = Faulty()
    server.speak_tls(certificate, key)
    with server:
        cluster = server.settings(tmp_path)
        _trust(cluster, certificate)
        assert fetch(cluster).problems == ()
        assert cluster.kubeconfig is not None
        text = cluster.kubeconfig.read_text()
        cluster.kubeconfig.write_text(text.replace('"certificate-authority"', '"insecure-skip-tls-verify": true, "x"'))
        problems = fetch(cluster).problems
    assert [problem.code for problem in problems] == ["SRC302"]


@pytest.mark.parametrize(
    ("date", "codes"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", ["SRC303"]),
        ("Fri, 31 Dec 2100 00:00:00 GMT", ["SRC303"]),
        ("soon", []),
        ("1 Jan 2030 1:1:1 -0000", []),
    ],
)
def test_clocks_that_differ_are_told(tmp_path: Path, server: Faulty, date: str, codes: list[str]) -> None:
    healthy = server._healthy("/version", {})
    assert fetch(server.settings(tmp_path)).problems == ()
    server.faults = [at("/version", Reply(body=healthy.body, headers={"Date": date}))]
    assert [problem.code for problem in fetch(server.settings(tmp_path)).problems] == codes


# --- confirmation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (Reply(body={"kind": "ConfigMap", "metadata": {"name": "x"}}), "found"),
        (Reply(body={"kind": "ConfigMap", "metadata": {"name": "y"}}), "unknown"),
        (Reply(200, b"<html>Sign in", "text/html"), "unknown"),
        (Reply(200, b"", "application/json"), "unknown"),
        (Reply(200, b"[]", "application/json"), "unknown"),
        (status(404, "NotFound", name="x", kind="configmaps"), "gone"),
        (status(404, "NotFound", name="a", kind="namespaces"), "gone"),
        (status(404, "NotFound"), "unknown"),
        (status(404, "NotFound", name="y", kind="configmaps"), "unknown"),
        (Reply(404, b"404 page not found", "text/plain"), "unknown"),
        (Reply(404, b"<html>", "text/html"), "unknown"),
        (Reply(404, b'{"reason": "NotFound"}', "application/json"), "unknown"),
        (status(403, "Forbidden", name="x"), "unknown"),
        (status(401, "Unauthorized"), "unknown"),
        (status(410, "Gone", name="x"), "unknown"),
        (status(500, "InternalError"), "unknown"),
        (Reply(body=b" " * 99, cut=3), "unknown"),
    ],
)
def test_gone_is_only_what_the_api_server_says_of_this_object(
    tmp_path: Path, server: Faulty, reply: Reply, word: str
) -> None:
    server.faults = [at("/api/v1/namespaces/a/configmaps/x", reply)]
    refs = [Ref("c", "", "ConfigMap", "a", name) for name in ("x", "z")]
    answers = live.confirm(server.settings(tmp_path), refs, deadline=time.monotonic() + 20)
    assert list(answers.values()) == [word, "gone"]  # one broken answer does not spoil the next


# --- always ------------------------------------------------------------------------------------------------------------


def test_nothing_but_get_is_ever_sent(tmp_path: Path, server: Faulty) -> None:
    server.add("ConfigMap", "a", "one")
    cluster = server.settings(tmp_path)
    snapshot = fetch(cluster)
    live.confirm(cluster, snapshot.by_ref, deadline=time.monotonic() + 10)
    assert {seen.method for seen in server.seen} == {"GET"}
    assert {seen.headers["User-Agent"] for seen in server.seen} == {"gitops-auditor"}


def test_after_the_deadline_nothing_is_sent(tmp_path: Path, server: Faulty) -> None:
    with pytest.raises(Late):
        client(server, tmp_path, seconds=-1)[0].get("/version")
    assert server.seen == []


def test_connections_are_used_again_and_closed_at_the_end(tmp_path: Path, server: Faulty) -> None:
    before = threading.active_count()
    fetch(server.settings(tmp_path))
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


def _trust(cluster: ClusterSettings, certificate: Path) -> None:
    assert cluster.kubeconfig is not None
    text = cluster.kubeconfig.read_text()
    cluster.kubeconfig.write_text(text.replace('{"server"', f'{{"certificate-authority": "{certificate}", "server"'))


def _certificate(folder: Path, days: int, signed_by: tuple[Path, Path] | None = None) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that ends in `days`, and its key: of an authority without identifiers, or signed by one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])
    issuer, signer = name, key
    if signed_by:
        issuer = x509.load_pem_x509_certificate(signed_by[0].read_bytes()).subject
        signer = serialization.load_pem_private_key(signed_by[1].read_bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=9))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=signed_by is None, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    (folder / "crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    (folder / "key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return folder / "crt", folder / "key"
