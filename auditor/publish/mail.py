"""A report by mail: settings and ReportData in, one message out, delivered over SMTP with a verified certificate.

The Message-ID is that of the cluster and the period, so that a report that is sent again after a failure is known as the same.
"""

from __future__ import annotations

import hashlib
import re
import smtplib
import ssl
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from auditor.logs import logger
from auditor.model import Unavailable
from auditor.publish import report
from auditor.publish.foreign import visible
from auditor.publish.report_data import ReportData
from auditor.settings import MailSettings

TIMEOUT_SECONDS: Final = 30.0
_HERE: Final = ("localhost", "127.0.0.1", "::1")

log = logger()


def message(settings: MailSettings, data: ReportData) -> EmailMessage:
    """Text and HTML of one report. No text of others reaches a header but as visible characters. Raises `Unavailable`."""
    made = EmailMessage(policy=SMTP)
    try:
        sender = _address(settings.sender)
        made["From"] = sender
        made["To"] = [_address(one) for one in settings.recipients]
    except (ValueError, IndexError, MessageError) as error:  # which of them depends on Python's version
        raise Unavailable("mail", f"report.mail: {error}", remedy="write addresses as name@example.org") from None
    domain = sender.domain or "localhost"
    made["Subject"] = report.subject(data)
    made["Date"] = format_datetime(datetime.now(UTC))
    made["Message-ID"] = f"<{_identity(data)}@{domain}>"
    made["List-Id"] = f"<{_slug(data.cluster)}.reports.{domain}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(report.text(data).encode("utf-8", "replace").decode())
    made.add_alternative(report.mail_html(data).encode("utf-8", "replace").decode(), subtype="html")
    return made


def send(settings: MailSettings, data: ReportData) -> None:
    """Deliver one report to all recipients. Raises `Unavailable` where none of them got it; refused ones are logged."""
    made = message(settings, data)
    where = f"{settings.host}:{settings.port}"
    if settings.security == "none" and settings.host not in _HERE:
        raise Unavailable(
            "mail", f"mail to {where} would not be encrypted", remedy="set report.mail.security to starttls or tls"
        )
    try:
        password = _password(settings)
        context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
        with _connection(settings, context) as smtp:
            if settings.security == "starttls":
                smtp.starttls(context=context)
            if settings.username:
                smtp.login(settings.username, password)
            refused = smtp.send_message(made)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or "TLS failed"
        remedy = "set report.mail.ca_file to the authority that signed the server's certificate"
        raise Unavailable("mail", f"{where}: {reason}", remedy=remedy, reason="auth") from None
    except smtplib.SMTPAuthenticationError as error:
        # never the server's words here: it may repeat what it was given
        message_ = f"{where} refused the user name or the password ({error.smtp_code})"
        raise Unavailable(
            "mail", message_, remedy="set report.mail.username and password_file", reason="auth"
        ) from None
    except (smtplib.SMTPException, OSError, UnicodeError, ValueError) as error:
        # smtplib wraps a read that took too long
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            message_ = f"{where} did not answer within {TIMEOUT_SECONDS:g} s"
            raise Unavailable("mail", message_, remedy="see report.mail in the settings", reason="timeout") from None
        raise Unavailable(
            "mail", f"{where}: {_said(error)}", remedy="see report.mail in the settings", reason="network"
        ) from None
    if refused:
        log.warning("some recipients were refused", recipients=sorted(refused), host=where)


def _connection(settings: MailSettings, context: ssl.SSLContext) -> smtplib.SMTP:
    if settings.security == "tls":
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=TIMEOUT_SECONDS, context=context)
    return smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_SECONDS)


def _password(settings: MailSettings) -> str:
    """From its file, read anew for each report, else from the settings."""
    if settings.password_file is not None:
        return settings.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    return settings.password.get_secret_value() if settings.password else ""


def _address(written: str) -> Address:
    found = re.fullmatch(r"\s*(?:(?P<name>[^<>]*?)\s*<(?P<spec>[^<>\s]+)>|(?P<bare>[^<>\s]+))\s*", written)
    if found is None or not (spec := found["spec"] or found["bare"]).isascii() or "@" not in spec:
        raise ValueError(f"not a mail address: {visible(written, 100)}")
    return Address(display_name=(found["name"] or "").strip('" '), addr_spec=spec)


def _identity(data: ReportData) -> str:
    parts = (
        data.cluster.encode("utf-8", "surrogatepass"),
        data.since.isoformat().encode(),
        data.until.isoformat().encode(),
    )
    return "report." + hashlib.blake2b(b"\0".join(parts), digest_size=16).hexdigest()


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:60].strip("-") or "cluster"


def _said(error: Exception) -> str:
    """What went wrong, without what was sent."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"every recipient was refused: {', '.join(visible(one, 100) for one in sorted(error.recipients))}"
    if isinstance(error, smtplib.SMTPResponseException):
        text = (
            error.smtp_error.decode("utf-8", "replace")
            if isinstance(error.smtp_error, bytes)
            else str(error.smtp_error)
        )
        return f"{error.smtp_code} {visible(text, 200)}"
    if isinstance(error, OSError) and error.strerror:
        return f"{visible(str(error.filename))}: {error.strerror}" if error.filename else error.strerror
    return visible(str(error), 200) or type(error).__name__
