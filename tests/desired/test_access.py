"""What git is given, and what it is not."""

from __future__ import annotations

import base64
import os
import shlex
from pathlib import Path
from urllib.parse import quote

import git  # noqa: F401 - it runs git when it is first imported, which has to be the real one
import pytest

from auditor.desired import git_process
from auditor.desired.access import access
from auditor.desired.git_process import run
from auditor.model import Unavailable
from auditor.settings import GitSource

TOKEN = "canary token/+&"


def of(url: str, **more: object) -> GitSource:
    return GitSource.model_validate({"url": url, "allow_local": True, **more})


def config(environment: object) -> dict[str, str]:
    assert isinstance(environment, dict)
    return {
        environment[f"GIT_CONFIG_KEY_{n}"]: environment[f"GIT_CONFIG_VALUE_{n}"]
        for n in range(int(environment["GIT_CONFIG_COUNT"]))
    }


@pytest.mark.parametrize(
    ("url", "protocol"),
    [("https://h/r.git", "https"), ("ssh://h/r.git", "ssh"), ("git@h:r.git", "ssh"), ("file:///r.git", "file")],
)
def test_one_protocol_is_allowed_and_no_other(url: str, protocol: str) -> None:
    given = access(of(url))
    assert given.environment["GIT_ALLOW_PROTOCOL"] == protocol
    allowed = {
        name for name, value in config(given.environment).items() if name.startswith("protocol.") and value == "always"
    }
    assert allowed == {f"protocol.{protocol}.allow"}
    assert config(given.environment)["protocol.allow"] == "never"


def test_what_git_inherits_from_us_is_a_short_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "GIT_DIR",
        "GIT_SSH",
        "GIT_TRACE_CURL",
        "GIT_CONFIG_PARAMETERS",
        "GIT_SSL_NO_VERIFY",
        "GIT_PROXY_COMMAND",
        "AUDITOR_TOKEN",
        "XDG_CONFIG_HOME",
        "ODD NAME",
    ):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("https_proxy", "http://proxy:1")
    (tmp_path / "git").write_text("#!/bin/sh\nenv -0\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    given = access(of("https://h/r.git"))
    said = run(("version",), at=tmp_path, access=given, deadline=git_process.time.monotonic() + 10)
    seen = dict(line.split("=", 1) for line in said.output.decode().split("\0") if "=" in line)
    unexpected = (
        set(seen)
        - set(given.environment)
        - {
            "PATH",
            "TMPDIR",
            "SSH_AUTH_SOCK",
            "https_proxy",
            "no_proxy",
            "NO_PROXY",
            "HTTPS_PROXY",
            "PWD",
            "GIT_PYTHON_REFRESH",
            "OLDPWD",
            "SHLVL",
            "_",
        }
    )
    assert unexpected == set()
    assert "canary" not in said.output.decode()
    assert seen["https_proxy"] == "http://proxy:1"
    assert seen["HOME"] == "/dev/null"


def test_a_token_is_bound_to_its_host_and_stands_nowhere_else() -> None:
    given = access(of("https://h:8443/r.git", https={"token": TOKEN, "username": "me"}))
    basic = base64.b64encode(f"me:{TOKEN}".encode()).decode()
    assert {name: value for name, value in config(given.environment).items() if basic in value} == {
        "http.https://h:8443/.extraHeader": f"Authorization: Basic {basic}"
    }
    assert not any(TOKEN in value for value in given.environment.values())
    assert config(given.environment)["http.followRedirects"] == "false"
    assert TOKEN not in repr(given)
    assert basic not in repr(given)


def test_a_token_is_not_given_to_ssh() -> None:
    given = access(of("ssh://h/r.git", https={"token": TOKEN}))
    assert not any("Authorization" in value for value in given.environment.values())


@pytest.mark.parametrize(
    "form",
    [
        TOKEN,
        quote(TOKEN, safe=""),
        base64.b64encode(TOKEN.encode()).decode(),
        base64.b64encode(f"git:{TOKEN}".encode()).decode(),
    ],
)
def test_what_git_says_is_scrubbed_of_the_token_in_each_form_and_of_escapes(form: str) -> None:
    given = access(of("https://h/r.git", https={"token": TOKEN}))
    assert given.scrub(f"fatal: \x1b[31m{form}\x07 at\tx\r\nremote: \x9bé") == "fatal:  [31m***  at x \nremote:  é"


def test_ssh_asks_nobody_trusts_known_hosts_alone_and_ends_in_time(tmp_path: Path) -> None:
    key, hosts = tmp_path / "the key", tmp_path / "100%h"
    key.write_text("x")
    hosts.write_text("x")
    given = access(of("ssh://h/r.git", ssh={"private_key_file": key, "known_hosts_file": hosts}))
    words = shlex.split(given.environment["GIT_SSH_COMMAND"])
    options = {word.partition("=")[0]: word.partition("=")[2] for word in words[4::2]}
    assert words[:3] == ["ssh", "-F", "/dev/null"]
    assert options["StrictHostKeyChecking"] == "yes"
    assert options["BatchMode"] == "yes"
    assert options["UserKnownHostsFile"] == f'"{tmp_path}/100%%h"'
    assert options["GlobalKnownHostsFile"] == "/dev/null"
    assert options["IdentityFile"] == f'"{key}"'
    assert options["IdentityAgent"] == "none"
    assert int(options["ConnectTimeout"]) <= 10


def test_files_that_are_not_there_are_said_before_git_is_asked(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    for more in ({"ssh": {"private_key_file": nowhere}}, {"ssh": {"known_hosts_file": nowhere}}):
        with pytest.raises(Unavailable, match="cannot be read: no such file"):
            access(of("ssh://h/r.git", **more))
    for more in ({"https": {"token_file": nowhere}}, {"https": {"ca_file": nowhere}}):
        with pytest.raises(Unavailable, match="cannot be read: no such file"):
            access(of("https://h/r.git", **more))


def test_git_that_talks_without_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\nyes error >&2 & yes output\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    begun = git_process.time.monotonic()
    said = run(("log",), at=tmp_path, access=access(of("file:///r")), deadline=begun + 20, limit=1 << 20)
    assert said.cut
    assert len(said.messages) <= git_process.MESSAGES
    assert git_process.time.monotonic() - begun < 10


def test_git_that_does_not_end_is_ended_even_if_it_ignores_the_first_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\ntrap '' TERM\necho $$\nwhile :; do sleep 1; done\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    begun = git_process.time.monotonic()
    with pytest.raises(Unavailable) as raised:
        run(("fetch",), at=tmp_path, access=access(of("file:///r")), deadline=begun + 1)
    assert raised.value.reason == "timeout"
    assert git_process.time.monotonic() - begun < 6


def test_a_machine_without_git_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("env", "sh"):
        (tmp_path / program).symlink_to(f"/usr/bin/{program}")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="git is not installed"):
        run(("fetch",), at=tmp_path, access=access(of("file:///r")), deadline=git_process.time.monotonic() + 5)
