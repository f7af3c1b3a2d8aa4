"""How git may reach one source: its whole environment, and what must never be repeated.

In: a `GitSource`. Out: `Access`: environment variables for git, and `scrub` for what git said. Raises `Unavailable` where a
file with a credential cannot be read. Credentials go by environment and file, never by argument or URL; they are bound to
the host of the URL, and redirects are not followed (CVE-2026-45625, CVE-2020-5260: a repointed URL took the token with it).
"""

from __future__ import annotations

import base64
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from auditor.model import Unavailable
from auditor.settings import GitSource

_INHERITED: Final = (
    "PATH",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
    "ALL_PROXY",
    "all_proxy",
)
"""All that git inherits from us. Everything else (GIT_*, our own secrets, the pod's variables) is taken away."""

# https://git-scm.com/docs/git-fsck#_fsck_messages: slips in the author lines of old commits. They harm nobody, and
# repositories that have them could not be fetched at all.
_HARMLESS: Final = [
    "badDate",
    "badDateOverflow",
    "badEmail",
    "badName",
    "badTimezone",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
    "missingTaggerEntry",
]

_CONFIG: Final[Mapping[str, str]] = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "core.symlinks": "false",
    "core.pager": "cat",
    "core.bigFileThreshold": "16m",
    "credential.helper": "",
    "fetch.fsckObjects": "true",
    "transfer.fsckObjects": "true",
    **{f"fetch.fsck.{slip}": "ignore" for slip in _HARMLESS},
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "transfer.bundleURI": "false",
    "gc.auto": "0",
    "gc.autoDetach": "false",
    "maintenance.auto": "false",
    "http.sslVerify": "true",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "log.showSignature": "false",
    "protocol.version": "2",
    "protocol.allow": "never",
    "protocol.ext.allow": "never",
}


@dataclass(frozen=True, slots=True)
class Access:
    """`environment` for git, the names to take away from what it would inherit, and the `secrets` it holds."""

    environment: Mapping[str, str] = field(repr=False)
    removed: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def scrub(self, text: str) -> str:
        """The text without any known credential, in each form it can take, and without control characters."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return re.sub(r"[^\S\n]|[^\n\x20-\x7e\xa0-\U0010ffff]", " ", text)


def access(source: GitSource) -> Access:
    """What git needs for this source. Token and certificate files are read anew each time, so that rotation works."""
    parts = urlsplit(source.url) if "://" in source.url else None
    protocol = parts.scheme if parts else "ssh"
    config = dict(_CONFIG)
    config[f"protocol.{protocol}.allow"] = "always"
    secrets: tuple[str, ...] = ()
    if protocol == "https" and parts:
        token = _token(source)
        if token:
            basic = base64.b64encode(f"{source.https.username}:{token}".encode()).decode()
            config[f"http.https://{parts.netloc}/.extraHeader"] = f"Authorization: Basic {basic}"
            secrets = tuple({token, basic, quote(token, safe=""), base64.b64encode(token.encode()).decode()})
        if source.https.ca_file:
            config["http.sslCAInfo"] = str(_existing(source.https.ca_file, "the certificate authorities").absolute())
    environment = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_ALLOW_PROTOCOL": protocol,
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_TEMPLATE_DIR": "",
        "GIT_SSH_COMMAND": _ssh(source),
        "GIT_SSH_VARIANT": "ssh",
        "HOME": "/dev/null",
        "LC_ALL": "C",
        "LANGUAGE": "C",
        "GIT_CONFIG_COUNT": str(len(config)),
    }
    for index, (name, value) in enumerate(config.items()):
        environment[f"GIT_CONFIG_KEY_{index}"] = name
        environment[f"GIT_CONFIG_VALUE_{index}"] = value
    removed = tuple(sorted(name for name in os.environ if name not in _INHERITED and name not in environment))
    return Access(environment, removed, secrets)


def _token(source: GitSource) -> str:
    token = source.https.token.get_secret_value() if source.https.token else ""
    if source.https.token_file:
        path = _existing(source.https.token_file, "the token")
        try:
            token = path.read_text("utf-8").strip()
        except UnicodeDecodeError as error:
            raise Unavailable(
                "git", f"the token file {path} is not text", remedy="write the token alone into it", reason="auth"
            ) from error
        if not token:
            raise Unavailable("git", f"the token file {path} is empty", remedy="write the token into it", reason="auth")
    if not token.isprintable():
        raise Unavailable(
            "git", "the token has a control character", remedy="write the token alone, on one line", reason="auth"
        )
    return token


def _existing(path: Path, what: str) -> Path:
    try:
        path.open("rb").close()
    except OSError as error:
        raise Unavailable(
            "git",
            f"the file for {what}, {path}, cannot be read: {(error.strerror or 'error').lower()}",
            remedy="correct the path, or let the auditor read the file",
            reason="auth",
        ) from error
    return path


def _ssh(source: GitSource) -> str:
    """ssh that asks nobody, trusts only known hosts, forwards nothing and gives up in time.

    Without files of its own it uses the identities, agent and known hosts of whoever runs us; their configuration never.
    """
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "ConnectTimeout": "10",
        "ConnectionAttempts": "1",
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": "3",
        "ClearAllForwardings": "yes",
        "ForwardAgent": "no",
        "PermitLocalCommand": "no",
        "ControlMaster": "no",
        "ControlPath": "none",
        "RequestTTY": "no",
    }
    if source.ssh.known_hosts_file:
        # a space separates files in this option
        known = str(_existing(source.ssh.known_hosts_file, "the known hosts").absolute()).replace("%", "%%")
        options["UserKnownHostsFile"] = f'"{known}"'
        options["GlobalKnownHostsFile"] = "/dev/null"
    command = ["ssh", "-F", "/dev/null"]
    if source.ssh.private_key_file:
        key = str(_existing(source.ssh.private_key_file, "the private key").absolute()).replace("%", "%%")
        options |= {"IdentitiesOnly": "yes", "IdentityAgent": "none", "IdentityFile": f'"{key}"'}
    for name, value in options.items():
        command += ["-o", f"{name}={value}"]
    return shlex.join(command)
