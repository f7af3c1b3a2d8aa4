"""Fetching from real servers: what is brought, and what is said when it cannot be."""

from __future__ import annotations

import base64
import fcntl
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from auditor import desired
from auditor.desired import git_process, repository
from auditor.kube.secrets import Key
from auditor.model import Misuse, Ref, Unavailable
from auditor.settings import GitSource
from tests.desired.conftest import TOKEN, Fetch
from tests.desired.repositories import Made, config_map
from tests.gitservers import HttpsServer, SshServer, known_host, make_certificates

pytestmark = pytest.mark.component  # git itself

SPELLINGS = (
    TOKEN,
    quote(TOKEN, safe=""),
    *(base64.b64encode(text.encode()).decode() for text in (TOKEN, f"git:{TOKEN}")),
)


def fails(fetch: Fetch, source: GitSource) -> Unavailable:
    """The failure of a fetch, which carries no credential."""
    with pytest.raises(Unavailable) as raised:
        fetch(source)
    error = raised.value
    told = repr(error) + error.message + error.remedy + repr(error.__context__) + repr(error.__cause__)
    assert error.stage == "git"
    assert error.remedy
    assert error.message[0].islower() or error.message.startswith(("127.0.0.1", "localhost"))
    assert not any(spelling in told for spelling in SPELLINGS)
    assert "PRIVATE KEY-----" not in told
    return error


def names(snapshot: object) -> list[str]:
    return sorted(resource.ref.name for resource in snapshot.resources)  # type: ignore[attr-defined]


def changed(source: GitSource, **more: object) -> GitSource:
    return GitSource.model_validate(source.model_dump() | more)


# --- any transport: here by path ----------------------------------------------------------------------------------------


def test_a_branch_that_is_not_there_is_told_with_those_that_are_near(
    made: Made, local: GitSource, fetch: Fetch
) -> None:
    made.commit({"a.yaml": config_map("a")}, branch="release/1.2")
    error = fails(fetch, changed(local, revision="relase/1.2"))
    assert (error.reason, error.remedy) == ("not_found", "did you mean release/1.2?")
    assert "no branch or tag relase/1.2" in error.message
    assert fails(fetch, changed(local, revision="abcdef1")).remedy == "write all 40 digits of a commit"
    assert fails(fetch, changed(local, revision="refs/heads/nope")).reason == "not_found"
    assert fails(fetch, changed(local, revision="1" * 40)).reason == "not_found"


def test_an_empty_repository_a_missing_one_and_a_missing_folder_are_told_apart(
    tmp_path: Path, local: GitSource, fetch: Fetch
) -> None:
    empty = Made(tmp_path / "empty.git")
    assert "is empty" in fails(fetch, changed(local, url=empty.path.as_uri())).message
    error = fails(fetch, changed(local, url=(tmp_path / "nowhere.git").as_uri()))
    assert (error.reason, "no repository" in error.message) == ("not_found", True)
    error = fails(fetch, changed(local, folder="app"))
    assert (error.reason, error.remedy) == ("not_found", "did you mean apps?")
    assert fails(fetch, changed(local, folder="apps/web.yaml")).reason == "not_found"


def test_an_unsafe_source_never_reaches_git(local: GitSource, fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_process, "run", None)
    for more in (
        {"url": "--upload-pack=touch x"},
        {"url": "ext::sh -c x"},
        {"revision": "--upload-pack=x"},
        {"folder": "../x"},
        {"allow_local": False},
    ):
        with pytest.raises(Misuse):
            fetch(changed(local, **more))


def test_what_is_fetched_is_told_with_commit_and_times(made: Made, local: GitSource, fetch: Fetch) -> None:
    snapshot = fetch(changed(local, folder="apps", namespace="n"))
    (said,) = snapshot.sources
    assert (said.name, said.revision, said.branch) == ("r", made.git("rev-parse", "main"), "main")
    assert said.commit_at is not None
    assert said.commit_at.timestamp() == 1_700_000_060
    assert said.fetched_at is not None
    (resource,) = snapshot.resources
    assert str(resource.place(("data", "a"))) == "apps/web.yaml:7"
    assert resource.ref.cluster == "test"


def test_tags_commits_and_full_names_are_followed_like_branches(made: Made, local: GitSource, fetch: Fetch) -> None:
    first = made.git("rev-parse", "main")
    made.git("tag", "light", "main")
    made.git("tag", "-a", "-m", "x", "heavy", "main")
    made.git("tag", "main", "main")
    made.commit({"b.yaml": config_map("b")})
    for revision in ("light", "heavy", first, "refs/tags/heavy", "refs/tags/main"):
        (said,) = fetch(changed(local, revision=revision)).sources
        assert said.revision == first
    assert fetch(changed(local, revision="main")).sources[0].revision == made.git("rev-parse", "refs/heads/main")
    made.git("tag", "-f", "light", "refs/heads/main")
    assert names(fetch(changed(local, revision="light"))) == ["b"]
    blob = made.blob("x")
    made.git("tag", "blob", blob)
    assert "no commit" in fails(fetch, changed(local, revision="blob")).message


def test_a_rewritten_branch_is_followed(made: Made, local: GitSource, fetch: Fetch) -> None:
    for number in range(4):
        made.commit({f"{number}.yaml": config_map(f"n{number}")}, parent=None if number % 2 else "branch")
        snapshot = fetch(local)
        assert names(snapshot) == [f"n{number}"]
        assert snapshot.sources[0].revision == made.git("rev-parse", "main")


def test_a_branch_or_repository_that_vanished_is_a_failure_and_nothing_old_is_served(
    made: Made, local: GitSource, fetch: Fetch
) -> None:
    made.commit({"x.yaml": config_map("x")}, branch="other")
    fetch(local)
    made.git("update-ref", "-d", "refs/heads/main")
    error = fails(fetch, local)
    assert (error.reason, error.remedy) == ("not_found", "there is other")
    shutil.rmtree(made.path)
    assert fails(fetch, local).reason == "not_found"


def test_a_damaged_copy_is_fetched_anew(made: Made, local: GitSource, fetch: Fetch, cache: Path) -> None:
    for number in range(30):
        made.commit({f"apps/{n}.yaml": config_map(f"m{n}", str(number)) for n in range(3)})
    fetch(local)
    (copy,) = cache.glob("git/*/bare.git")

    def cut(pattern: str) -> None:
        for path in copy.glob(pattern):
            path.chmod(0o600)
            os.truncate(path, 5)

    damages = [
        lambda: shutil.rmtree(copy / "objects"),
        lambda: (copy / "HEAD").unlink(),
        lambda: (copy / "refs/auditor/head").write_text("garbage\n"),
        lambda: (copy / "refs/auditor/head").write_text("1" * 40 + "\n"),
        lambda: (copy / "config").write_text("[core\n"),
        lambda: cut("objects/pack/*.pack"),
        lambda: cut("objects/pack/*.idx"),
        lambda: cut("objects/??/*"),
    ]
    for damage in damages:
        damage()
        assert names(fetch(local)) == ["m0", "m1", "m2"]
    made.commit({"apps/new.yaml": config_map("new")})
    assert names(fetch(local)) == ["new"]


def test_what_a_killed_fetch_left_is_swept(made: Made, local: GitSource, fetch: Fetch, cache: Path) -> None:
    fetch(local)
    (copy,) = cache.glob("git/*/bare.git")
    left = [
        "objects/pack/tmp_pack_abc",
        "objects/pack/tmp_idx_abc",
        "refs/auditor/head.lock",
        "packed-refs.lock",
        "config.lock",
        "shallow.lock",
    ]
    for name in left:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(b"x" * 1000)
    made.commit({"b.yaml": config_map("b")})
    assert names(fetch(local)) == ["b"]
    assert not [name for name in left if (copy / name).exists()]


def test_a_repository_in_use_is_waited_for_until_the_deadline(
    local: GitSource, fetch: Fetch, cache: Path, key: Key
) -> None:
    fetch(local)
    (place,) = cache.glob("git/*/lock")
    with place.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="another run") as raised:
            desired.fetch(local, cluster="", key=key, cache=cache, deadline=time.monotonic() + 0.3)
        assert raised.value.reason == "timeout"
        timer = threading.Timer(0.3, fcntl.flock, (lock, fcntl.LOCK_UN))
        timer.start()
        assert names(fetch(local)) == ["web"]
        timer.join()


def test_many_small_fetches_are_packed(
    made: Made, local: GitSource, fetch: Fetch, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "PACKS", 0)
    for number in range(3):
        made.commit({f"{number}.yaml": config_map(f"n{number}")})
        fetch(local)
    (copy,) = cache.glob("git/*/bare.git")
    assert len(list(copy.glob("objects/pack/*.pack"))) == 1
    assert list(copy.glob("objects/??/*")) == []
    assert names(fetch(local)) == ["n2"]


def test_tidying_that_does_not_end_is_not_waited_for(
    made: Made, local: GitSource, fetch: Fetch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(repository, "PACKS", 0)
    fetch(local)
    real = shutil.which("git")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(f'#!/bin/sh\ncase "$*" in *" gc "*) exec sleep 60;; esac\nexec {real} "$@"\n')
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    made.commit({"new.yaml": config_map("new")})
    assert names(fetch(changed(local, timeout_seconds=10))) == ["new"]


def test_a_cache_that_cannot_be_written_is_said(local: GitSource, key: Key, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written") as raised:
        desired.fetch(local, cluster="", key=key, cache=tmp_path / "file", deadline=time.monotonic() + 10)
    assert "cache" in raised.value.remedy
    with pytest.raises(Unavailable, match="no cache"):
        desired.fetch(local, cluster="", key=key, cache=None, deadline=time.monotonic() + 10)


def test_a_pack_that_would_fill_the_disk_is_refused(
    made: Made, local: GitSource, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_process, "DISK", 1 << 20)
    made.commit({"large.bin": os.urandom(3 << 20), "a.yaml": config_map("a")})
    error = fails(fetch, local)
    assert "no room" in error.message


# --- ssh ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def by_ssh(ssh: SshServer, request: pytest.FixtureRequest) -> GitSource:
    repository = Made(ssh.root / f"{request.node.name}.git")
    repository.commit({"apps/web.yaml": config_map("web")})
    return GitSource.model_validate(
        {
            "url": ssh.url(repository.path.name),
            "ssh": {"private_key_file": ssh.key, "known_hosts_file": ssh.known_hosts},
            "timeout_seconds": 20,
        }
    )


def test_a_repository_is_read_by_ssh(by_ssh: GitSource, fetch: Fetch, ssh: SshServer) -> None:
    assert names(fetch(by_ssh)) == ["web"]
    assert names(fetch(changed(by_ssh, revision="refs/heads/main"))) == ["web"]
    assert fails(fetch, changed(by_ssh, revision="mian")).remedy == "did you mean main?"
    assert fails(fetch, changed(by_ssh, url=ssh.url("nowhere.git"))).reason == "not_found"


def test_keys_that_ssh_does_not_take_are_told_apart(
    by_ssh: GitSource, fetch: Fetch, ssh: SshServer, tmp_path: Path
) -> None:
    def with_key(path: Path) -> Unavailable:
        return fails(fetch, changed(by_ssh, ssh={"private_key_file": path, "known_hosts_file": ssh.known_hosts}))

    error = with_key(ssh.stranger)
    assert (error.reason, "does not accept the ssh key" in error.message) == ("auth", True)
    no_key = tmp_path / "no key"
    no_key.write_text("canary, no key")
    no_key.chmod(0o600)
    assert "holds no private key" in with_key(no_key).message
    readable = tmp_path / "readable"
    shutil.copy(ssh.key, readable)
    readable.chmod(0o644)
    error = with_key(readable)
    assert (error.remedy, error.reason) == (f"chmod 600 {readable}", "auth")
    error = with_key(tmp_path / "nowhere")
    assert (error.reason, "cannot be read" in error.message) == ("auth", True)


def test_a_host_whose_key_is_unknown_or_changed_is_refused(
    by_ssh: GitSource, fetch: Fetch, ssh: SshServer, tmp_path: Path
) -> None:
    known = tmp_path / "known hosts"
    known.write_text("")
    source = changed(by_ssh, ssh={"private_key_file": ssh.key, "known_hosts_file": known})
    error = fails(fetch, source)
    assert (error.reason, "is not known" in error.message) == ("host_key", True)
    assert f"ssh-keyscan -p {ssh.port} 127.0.0.1" in error.remedy
    known.write_text(known_host(ssh.stranger, ssh.port))
    error = fails(fetch, source)
    assert (error.reason, "another host key" in error.message) == ("host_key", True)
    known.write_text(known_host(ssh.folder / "host", ssh.port))
    assert names(fetch(source)) == ["web"]


def test_an_sshd_that_is_stopped_is_given_up(by_ssh: GitSource, fetch: Fetch, ssh: SshServer) -> None:
    os.kill(ssh.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert fails(fetch, changed(by_ssh, timeout_seconds=2)).reason == "timeout"
        assert time.monotonic() - begun < 6
    finally:
        os.kill(ssh.pid, signal.SIGCONT)
    assert names(fetch(by_ssh)) == ["web"]


def test_an_ssh_configuration_of_ours_or_the_user_is_not_read(
    by_ssh: GitSource, fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text(f"Host *\n  ProxyCommand touch {tmp_path / 'ran'}\n")
    (tmp_path / ".gitconfig").write_text(
        f'[core]\n  sshCommand = touch {tmp_path / "ran"}\n[url "ext::touch "]\n  insteadOf = ssh://\n'
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {tmp_path / 'ran'}")
    monkeypatch.setenv("GIT_SSH", "/nowhere")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.sshCommand'='false'")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_EXEC_PATH", "/nowhere")
    assert names(fetch(by_ssh)) == ["web"]
    assert not (tmp_path / "ran").exists()


def test_hosts_that_are_not_there_are_told_apart(fetch: Fetch) -> None:
    for scheme in ("https", "ssh"):
        source = GitSource.model_validate({"url": f"{scheme}://no-such-host.invalid/certificate/ssl.git"})
        error = fails(fetch, source)
        assert (error.reason, error.message) == ("network", "the host no-such-host.invalid is not known")
        error = fails(fetch, changed(source, url=f"{scheme}://127.0.0.1:9/r.git"))
        assert (error.reason, "cannot be reached" in error.message) == ("network", True)


# --- https -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def by_https(https: HttpsServer, made: Made, tmp_path: Path) -> GitSource:
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    return GitSource.model_validate(
        {
            "url": https.url(made.path.name),
            "https": {"token_file": token, "ca_file": https.ca_file},
            "timeout_seconds": 20,
        }
    )


def test_a_repository_is_read_by_https_with_a_token(by_https: GitSource, fetch: Fetch, https: HttpsServer) -> None:
    assert names(fetch(by_https)) == ["web"]
    assert names(fetch(changed(by_https, https={"token": TOKEN, "ca_file": https.ca_file}))) == ["web"]
    assert set(https.authorizations) == {"Basic " + base64.b64encode(f"git:{TOKEN}".encode()).decode()}
    assert fails(fetch, changed(by_https, url=https.url("certificate.git"))).reason == "not_found"
    https.token = None
    assert names(fetch(changed(by_https, https={"ca_file": https.ca_file}))) == ["web"]


def test_a_token_that_is_wrong_or_missing_or_was_changed_is_said(
    by_https: GitSource, fetch: Fetch, https: HttpsServer
) -> None:
    error = fails(fetch, changed(by_https, https={"token": TOKEN + "x", "ca_file": https.ca_file}))
    assert (error.reason, "does not accept the token" in error.message) == ("auth", True)
    error = fails(fetch, changed(by_https, https={"ca_file": https.ca_file}))
    assert (error.reason, "there are none" in error.message) == ("auth", True)
    assert names(fetch(by_https)) == ["web"]
    https.token = "another"
    assert fails(fetch, by_https).reason == "auth"
    assert by_https.https.token_file is not None
    by_https.https.token_file.write_text("another")
    assert names(fetch(by_https)) == ["web"]


def test_token_files_that_cannot_be_used_are_said(fetch: Fetch, tmp_path: Path) -> None:
    token = tmp_path / "token"
    source = GitSource.model_validate({"url": "https://127.0.0.1:9/r.git", "https": {"token_file": token}})
    assert "cannot be read" in fails(fetch, source).message
    for content, said in ((b"", "is empty"), (b"\xff\xfe", "is not text"), (b"two\nlines", "control character")):
        token.write_bytes(content)
        assert said in fails(fetch, source).message


def test_a_server_whose_certificate_is_not_trusted_gets_no_credential(
    by_https: GitSource, fetch: Fetch, https: HttpsServer, tmp_path: Path
) -> None:
    error = fails(fetch, changed(by_https, https={"token": TOKEN}))
    assert "certificate of 127.0.0.1 is not trusted" in error.message
    (tmp_path / "other").mkdir()
    other, _, _ = make_certificates(tmp_path / "other")
    assert "not trusted" in fails(fetch, changed(by_https, https={"token": TOKEN, "ca_file": other})).message
    (tmp_path / "bad.pem").write_text("nothing")
    assert fails(fetch, changed(by_https, https={"token": TOKEN, "ca_file": tmp_path / "bad.pem"})).message
    assert https.authorizations == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (301, "not_found"),
        (302, "not_found"),
        (307, "not_found"),
        (403, "auth"),
        (404, "not_found"),
        (429, "network"),
        (500, "network"),
        (503, "network"),
    ],
)
def test_what_the_server_answers_is_told(
    status: int, reason: str, by_https: GitSource, fetch: Fetch, https: HttpsServer
) -> None:
    https.status = status
    assert fails(fetch, by_https).reason == reason


def test_a_redirect_does_not_take_the_credential_along(
    by_https: GitSource, fetch: Fetch, https: HttpsServer, tmp_path: Path
) -> None:
    from tests.gitservers import https_server

    with https_server(tmp_path / "elsewhere", https.root, token=None) as elsewhere:
        https.status, https.location = 302, elsewhere.url("r.git/info/refs?service=git-upload-pack")
        both = tmp_path / "both.pem"
        both.write_bytes(https.ca_file.read_bytes() + elsewhere.ca_file.read_bytes())
        source = changed(by_https, https={"token": TOKEN, "ca_file": both})
        assert "redirects" in fails(fetch, source).message
        assert https.authorizations
        assert elsewhere.seen == []


def test_a_server_that_says_nothing_is_given_up_and_no_credential_is_to_be_seen_meanwhile(
    by_https: GitSource, fetch: Fetch, https: HttpsServer
) -> None:
    https.silent = True
    arguments: list[bytes] = []

    def look() -> None:
        while not https.seen:
            time.sleep(0.02)
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                arguments.append(process.read_bytes())
            except OSError:
                continue

    looking = threading.Thread(target=look)
    looking.start()
    begun = time.monotonic()
    assert fails(fetch, changed(by_https, timeout_seconds=3)).reason == "timeout"
    assert time.monotonic() - begun < 7
    looking.join()
    assert any(b"remote-https" in line for line in arguments)
    assert not any(spelling.encode() in line for line in arguments for spelling in SPELLINGS)


def test_a_fetch_that_takes_too_long_ends_with_all_its_children(
    by_https: GitSource, fetch: Fetch, https: HttpsServer
) -> None:
    https.silent = True
    begun = time.monotonic()
    assert fails(fetch, changed(by_https, timeout_seconds=1)).reason == "timeout"
    assert time.monotonic() - begun < 8
    end = time.monotonic() + 3
    url = by_https.url.encode()

    def left() -> list[Path]:
        found = []
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if url in process.read_bytes():
                    found.append(process)
            except OSError:
                continue
        return found

    while left() and time.monotonic() < end:
        time.sleep(0.05)
    assert left() == []
    https.silent = False
    assert names(fetch(by_https)) == ["web"]


def test_a_fetch_that_outlives_a_killed_auditor_is_waited_for(
    by_https: GitSource, fetch: Fetch, https: HttpsServer, cache: Path, key: Key
) -> None:
    https.silent = True
    code = """
import sys, time
from pathlib import Path
from auditor import desired
from auditor.kube.secrets import new_key
from auditor.settings import GitSource
source = GitSource.model_validate_json(sys.stdin.read())
desired.fetch(source, cluster="", key=new_key(), cache=Path(sys.argv[1]), deadline=time.monotonic() + 60)
"""
    given = GitSource.model_dump_json(by_https)
    with subprocess.Popen([sys.executable, "-c", code, str(cache)], stdin=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        other.stdin.write(given)
        other.stdin.close()
        end = time.monotonic() + 30
        while not https.seen and time.monotonic() < end:
            time.sleep(0.02)
        other.kill()
    with pytest.raises(Unavailable, match="another run"):
        desired.fetch(by_https, cluster="", key=key, cache=cache, deadline=time.monotonic() + 0.5)
    https.silent = False
    https.released.set()
    assert names(fetch(by_https)) == ["web"]


@pytest.mark.parametrize("kills", [pytest.param(6), pytest.param(200, marks=pytest.mark.soak)])
def test_an_auditor_killed_at_any_moment_leaves_nothing_that_hinders_the_next(
    kills: int, made: Made, local: GitSource, fetch: Fetch, cache: Path, rng: random.Random
) -> None:
    code = """
import sys, time
from pathlib import Path
from auditor import desired
from auditor.kube.secrets import new_key
from auditor.settings import GitSource
source = GitSource.model_validate_json(sys.argv[2])
print("begun", flush=True)
while True:
    desired.fetch(source, cluster="", key=new_key(), cache=Path(sys.argv[1]), deadline=time.monotonic() + 60)
"""
    for number in range(kills):
        made.commit(
            {f"{n}.yaml": config_map(f"m{n}", str(number)) for n in range(20)} | {"x.bin": rng.randbytes(300_000)}
        )
        arguments = [sys.executable, "-c", code, str(cache), local.model_dump_json()]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            other.stdout.readline()
            time.sleep(rng.uniform(0, 0.6))
            other.kill()
        snapshot = fetch(local)
        assert snapshot.by_ref[Ref("test", "", "ConfigMap", "shop", "m7")].body["data"] == {"a": str(number)}
        assert snapshot.problems == ()
        left = [path for pattern in ("**/tmp_*", "**/*.lock", "**/.new-*") for path in cache.glob(pattern)]
        assert [path for path in left if path.name[:4] != ".new"] == []


def test_no_file_in_the_cache_holds_a_credential(by_https: GitSource, fetch: Fetch, cache: Path) -> None:
    fetch(by_https)
    for path in cache.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(spelling.encode() in content for spelling in SPELLINGS)
