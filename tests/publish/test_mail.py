"""Mail: over TLS that is verified, with headers nobody else can write, to a real SMTP server."""

from __future__ import annotations

import datetime
import email
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from auditor.model import Unavailable
from auditor.publish import mail
from auditor.settings import MailSettings
from tests.publish import report_sample as weeks
from tests.publish import sample

PASSWORD = "canary-password-71c"


class Inbox:
    """Keeps what arrives; refuses who is told to be refused."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.sessions: list[Session] = []

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if address.startswith("refused"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        self.sessions.append(session)
        return "250 OK"

    def messages(self) -> list[EmailMessage]:
        parsed = [email.message_from_bytes(one.content or b"", policy=default) for one in self.envelopes]  # type: ignore[arg-type]
        return [one for one in parsed if isinstance(one, EmailMessage)]


def certificate(folder: Path, host: str) -> ssl.SSLContext:
    """A server's context with a certificate of an authority whose own is `folder/ca.pem`."""
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])

    def made(name: x509.Name, public: Any, extensions: list[tuple[Any, bool]]) -> x509.Certificate:
        builder = x509.CertificateBuilder(ca_name, name, public, x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(
            now + datetime.timedelta(days=1)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(ca_key, hashes.SHA256())

    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    skid = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = made(ca_name, ca_key.public_key(), [(x509.BasicConstraints(True, 0), True), (usage, True), (skid, False)])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    akid = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    names = x509.SubjectAlternativeName([alternative])
    own = made(x509.Name([]), key.public_key(), [(names, True), (akid, False)])
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "server.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()) + own.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data == LoginPassword(b"auditor", PASSWORD.encode())
    return AuthResult(success=right, handled=False, message=None if right else f"535 5.7.8 you sent {PASSWORD}")


def serve(inbox: Inbox, **over: Any) -> Controller:
    """On a free port of 127.0.0.1."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Controller(inbox, hostname="127.0.0.1", port=port, **over)
    made.start()
    return made


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def server(inbox: Inbox, tmp_path: Path) -> Iterator[Controller]:
    context = certificate(tmp_path, "127.0.0.1")
    made = serve(inbox, tls_context=context, require_starttls=True, auth_required=True, authenticator=_authenticate)
    yield made
    made.stop()


def settings(port: int, tmp_path: Path, **over: Any) -> MailSettings:
    made: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "username": "auditor",
        "password": SecretStr(PASSWORD),
        "ca_file": tmp_path / "ca.pem",
        "sender": "Auditor <auditor@example.org>",
        "recipients": ("team@example.org", "refused@example.org"),
    }
    return MailSettings.model_validate(made | over)


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(
    server: Controller, inbox: Inbox, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable, match=r"self-signed|unable to get") as raised:
        mail.send(settings(server.port, tmp_path, ca_file=None), weeks.DATA)
    assert (raised.value.stage, raised.value.reason) == ("mail", "auth")
    assert "ca_file" in raised.value.remedy
    assert inbox.envelopes == []


def test_a_certificate_for_another_host_is_refused(inbox: Inbox, tmp_path: Path) -> None:
    made = serve(inbox, tls_context=certificate(tmp_path, "mail.example.org"), require_starttls=True)
    try:
        with pytest.raises(Unavailable, match="IP address mismatch"):
            mail.send(settings(made.port, tmp_path, username=""), weeks.DATA)
    finally:
        made.stop()
    assert inbox.envelopes == []


def test_without_starttls_nothing_is_sent(inbox: Inbox, tmp_path: Path) -> None:
    certificate(tmp_path, "127.0.0.1")
    made = serve(inbox)
    try:
        with pytest.raises(Unavailable, match="STARTTLS"):
            mail.send(settings(made.port, tmp_path), weeks.DATA)
    finally:
        made.stop()
    assert inbox.envelopes == []


def test_a_wrong_password_is_said_and_never_repeated(server: Controller, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="refused the user name or the password \\(535\\)") as raised:
        mail.send(settings(server.port, tmp_path, password=SecretStr("wrong-" + PASSWORD)), weeks.DATA)
    assert PASSWORD not in f"{raised.value} {raised.value.remedy}"
    assert raised.value.reason == "auth"


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    certificate(tmp_path, "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port}: Connection refused"):
            mail.send(settings(port, tmp_path), weeks.DATA)


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate(tmp_path, "127.0.0.1")
    monkeypatch.setattr(mail, "TIMEOUT_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(Unavailable, match="did not answer within") as raised:
            mail.send(settings(silent.getsockname()[1], tmp_path), weeks.DATA)
    assert raised.value.reason == "timeout"


def test_no_mail_goes_in_the_clear_to_another_host(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="would not be encrypted"):
        mail.send(settings(25, tmp_path, host="mail.example.org", security="none"), weeks.DATA)


def test_a_password_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="gone: No such file"):
        mail.send(settings(25, tmp_path, password_file=tmp_path / "gone"), weeks.DATA)


@pytest.mark.parametrize("address", ["", "nobody", "a@b\r\nBcc: c@d", "a@b, c@d", "ä@example.org", "<>", "a@"])
def test_an_address_that_is_none_is_said(address: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"report\.mail: "):
        mail.message(settings(25, tmp_path, recipients=(address,)), weeks.DATA)


def test_every_recipient_refused_is_a_failure(inbox: Inbox, server: Controller, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"every recipient was refused: refused@example\.org"):
        mail.send(settings(server.port, tmp_path, recipients=("refused@example.org",)), weeks.DATA)


def test_a_report_arrives_over_starttls_with_a_login(inbox: Inbox, server: Controller, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    mail.send(settings(server.port, tmp_path, password=None, password_file=tmp_path / "password"), weeks.DATA)
    (envelope,), (session,), (message,) = inbox.envelopes, inbox.sessions, inbox.messages()
    assert session.ssl is not None
    assert session.authenticated
    assert envelope.rcpt_tos == ["team@example.org"]
    assert message["Subject"] == "prod-eu, 10 Nov to 17 Nov: 78 of 100, down 2"
    assert message["List-Id"] == "<prod-eu.reports.example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"
    text, html = (part.get_content() for part in message.iter_parts())
    assert "The score is 78 of 100, down 2" in " ".join(text.split())
    assert "<h2" in html
    assert sample.CANARY not in text + html


def test_a_report_arrives_over_tls(inbox: Inbox, tmp_path: Path) -> None:
    made = serve(inbox, ssl_context=certificate(tmp_path, "127.0.0.1"))
    try:
        mail.send(settings(made.port, tmp_path, username="", security="tls"), weeks.DATA)
    finally:
        made.stop()
    assert len(inbox.envelopes) == 1


def test_the_same_report_has_the_same_message_id_and_another_has_not(tmp_path: Path) -> None:
    chosen = settings(25, tmp_path)
    one, again = mail.message(chosen, weeks.DATA), mail.message(chosen, replace(weeks.DATA, published=1))
    other = mail.message(chosen, replace(weeks.DATA, until=weeks.UNTIL + datetime.timedelta(days=7)))
    assert one["Message-ID"] == again["Message-ID"] != other["Message-ID"]


@pytest.mark.parametrize("nasty", sample.NASTY)
def test_nobodys_text_makes_a_header(nasty: str, tmp_path: Path) -> None:
    made = mail.message(settings(25, tmp_path), weeks.hostile(nasty))
    raw = made.as_bytes()
    read = email.message_from_bytes(raw, policy=default)
    names = sorted(name.lower() for name in read)
    assert names == sorted(
        ["from", "to", "subject", "date", "message-id", "list-id", "auto-submitted", "mime-version", "content-type"]
    )
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
