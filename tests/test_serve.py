"""`auditor serve` as it runs for weeks: a schedule, an outage, SIGTERM, a second start; pages, metrics, the report by mail."""

from __future__ import annotations

import email
import email.policy
import json
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from auditor.cli import example
from auditor.store import opened
from tests.controlplane.fixtures import started
from tests.gitservers import free_port, make_certificates
from tests.record_example import apply, settled

pytestmark = [pytest.mark.component, pytest.mark.timeout(420)]
AUDITOR = Path(sys.executable).parent / "auditor"


class Inbox:
    """An SMTP server's handler that keeps what it was given."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        return "250 OK"


@contextmanager
def smtp(folder: Path) -> Iterator[tuple[Inbox, int, Path]]:
    """(what arrived, port, the CA to trust) of a server that demands STARTTLS and a login."""
    folder.mkdir()
    authority, certificate, key = make_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def login(server: object, session: object, envelope: object, mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=(data.login, data.password) == (b"auditor", b"mail-canary-77c1"))

    inbox, port = Inbox(), free_port()
    controller = Controller(
        inbox,
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=login,
    )
    controller.start()
    try:
        yield inbox, port, authority
    finally:
        controller.stop()


@contextmanager
def serving(settings: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as written:
        process = subprocess.Popen([AUDITOR, "serve", "--settings", settings], stdout=written, stderr=written)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(10)


def fetched(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def until(what: Callable[[], bool], seconds: float, why: str, log: Path) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"{why}\n{log.read_text()[-3000:]}"
        time.sleep(0.3)


def value(metrics: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", metrics, re.M)
    return float(found[1]) if found else float("nan")


def test_a_daemon_lives_through_commits_outages_and_restarts(tmp_path: Path) -> None:
    log, port, store = tmp_path / "log", free_port(), tmp_path / "auditor.db"
    base = f"http://127.0.0.1:{port}"
    repository = example.repository(tmp_path / "shop.git", upto=2)
    with started() as plane, smtp(tmp_path / "smtp") as (inbox, smtp_port, authority):
        token = plane.admin.token
        apply(plane, example.HERE / "commits/2")
        settled(plane)
        password = tmp_path / "password"
        password.write_text("mail-canary-77c1\n")
        settings = tmp_path / "settings.yaml"
        chosen: dict[str, Any] = {
            "sources": [{"name": "shop", "url": f"file://{repository}", "folder": "apps", "allow_local": True}],
            "cluster": {"name": "test", "live": "context:admin", "kubeconfig": str(plane.kubeconfig)},
            "store": {"url": f"sqlite:///{store}"},
            "schedule": {"every_minutes": 0.05},
            "web": {"port": port},
            "cache": str(tmp_path / "cache"),
            "report": {
                "cron": "* * * * *",
                "timezone": "Europe/Berlin",
                "folder": str(tmp_path / "reports"),
                "mail": {
                    "host": "127.0.0.1",
                    "port": smtp_port,
                    "username": "auditor",
                    "password_file": str(password),
                    "ca_file": str(authority),
                    "sender": "auditor@shop.example",
                    "recipients": ["sre@shop.example"],
                },
            },
        }
        settings.write_text(json.dumps(chosen))
        with serving(settings, log) as process:
            until(lambda: fetched(f"{base}/readyz")[0] == 200, 60, "it never became ready", log)
            assert fetched(f"{base}/healthz")[0] == 200
            until(lambda: "shop" in fetched(f"{base}/")[1], 90, "the first run did not show up", log)
            missing = 'auditor_drift_objects{cluster="test",namespace="data",severity="warning",team="platform",type="missing"}'
            assert value(fetched(f"{base}/metrics")[1], missing) != 1
            plane.kubectl("-n", "data", "delete", "service/db-read")
            until(lambda: value(fetched(f"{base}/metrics")[1], missing) == 1, 60, "the deletion was not seen", log)
            example.repository(tmp_path / "three.git")
            push = ["git", f"--git-dir={tmp_path / 'three.git'}", "push", "--quiet", str(repository), "main"]
            subprocess.run(push, check=True)
            until(lambda: published_revisions(store) == 2, 60, "the new commit was not seen", log)

            plane.stop_api_server()
            until(
                lambda: [run.status for run in runs(store)[:2]] == ["failed", "failed"], 90, "no two failed runs", log
            )
            assert runs(store)[0].reason
            metrics = fetched(f"{base}/metrics")[1]
            assert value(metrics, missing) == 1, "an outage neither fixes nor loses anything"
            assert fetched(f"{base}/healthz")[0] == 200
            plane.start_api_server()
            until(lambda: runs(store)[0].status == "published", 90, "it did not recover", log)

            until(lambda: bool(inbox.mails), 90, "no report came by mail", log)
            until(lambda: any((tmp_path / "reports").glob("*.md")), 5, "no report was written", log)
            process.send_signal(signal.SIGTERM)
            before = time.monotonic()
            assert process.wait(15) == 0, log.read_text()[-3000:]
            assert time.monotonic() - before < 10
        known, mails = len(runs(store)), list(inbox.mails)
        open_drift = drift_rows(store)
        chosen["report"]["cron"] = "0 6 1 1 *"
        settings.write_text(json.dumps(chosen))
        with serving(settings, log):
            until(
                lambda: len(runs(store)) > known and runs(store)[0].status == "published",
                60,
                "no run after the restart",
                log,
            )
            assert drift_rows(store) == open_drift, "a restart must not double rows"
        assert inbox.mails == mails
    periods = [email.message_from_bytes(mail, policy=email.policy.default)["Message-ID"] for mail in mails]
    assert len(set(periods)) == len(periods)
    message = email.message_from_bytes(mails[0], policy=email.policy.default)
    assert {part.get_content_type() for part in message.walk()} >= {"text/plain", "text/html"}
    text = log.read_text()
    assert "Traceback" not in text
    for canary in ("mail-canary-77c1", token):
        assert canary not in text
        assert canary.encode() not in store.read_bytes()


def test_sigterm_during_a_run_ends_in_time_and_leaves_the_store_whole(tmp_path: Path) -> None:
    log, store = tmp_path / "log", tmp_path / "auditor.db"
    repository = example.repository(tmp_path / "shop.git", upto=2)
    settings = tmp_path / "settings.yaml"
    with started() as plane:
        apply(plane, example.HERE / "commits/2")
        chosen = {
            "sources": [{"name": "shop", "url": f"file://{repository}", "folder": "apps", "allow_local": True}],
            "cluster": {"name": "test", "live": "context:admin", "kubeconfig": str(plane.kubeconfig)},
            "store": {"url": f"sqlite:///{store}"},
            "schedule": {"every_minutes": 0.02},
            "web": {"port": 0},
            "cache": str(tmp_path / "cache"),
        }
        settings.write_text(json.dumps(chosen))
        server = plane.processes["kube-apiserver"]
        with serving(settings, log) as process:
            until(lambda: store.exists() and "run finished" in log.read_text(), 60, "no run", log)
            server.send_signal(signal.SIGSTOP)
            try:
                before = {run.id for run in runs(store) if run.status == "published"}
                until(lambda: runs(store)[0].status == "running", 30, "no run that waits", log)
                time.sleep(2)
                assert runs(store)[0].status == "running", "the server is stopped: the run must be waiting for it"
                sent = time.monotonic()
                process.send_signal(signal.SIGTERM)
                assert process.wait(20) == 0, log.read_text()[-2000:]
                assert time.monotonic() - sent < 10
            finally:
                server.send_signal(signal.SIGCONT)
        assert runs(store)[0].status == "interrupted"
        assert {run.id for run in runs(store) if run.status == "published"} >= before
        assert "Traceback" not in log.read_text()


def runs(store: Path) -> Any:
    with opened(f"sqlite:///{store}") as db:
        assert db is not None
        return db.runs("test", limit=500)


def published_revisions(store: Path) -> int:
    return len({run.sources[0].revision for run in runs(store) if run.status == "published"})


def drift_rows(store: Path) -> int:
    """Open drift intervals."""
    with opened(f"sqlite:///{store}") as db:
        assert db is not None
        latest = db.latest("test")
        assert latest is not None
        return len(latest.audit.drift)
