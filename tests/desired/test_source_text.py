"""What a person types as a source, and what must never get through."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.desired.source_text import check, parse_source, source_name, text_of
from auditor.model import Misuse
from auditor.settings import FolderSource, GitSource

HOSTILE = [
    "",
    "--upload-pack=touch /tmp/x",
    "-oProxyCommand=x",
    "ext::sh -c touch% /tmp/x",
    "fd::17/foo",
    "a::b",
    "http://git.example.com/r.git",
    "HTTP://git.example.com/r.git",
    "git://git.example.com/r.git",
    "ftp://git.example.com/r.git",
    "javascript://x/y",
    "https://",
    "https:///r.git",
    "https://git.example.com",
    "https://git.example.com/",
    "https://-oProxyCommand=x/r.git",
    "ssh://-oProxyCommand=x/r.git",
    "ssh://%2DoProxyCommand=x/r.git",
    "ssh://git@-oProxyCommand=x/r.git",
    "ssh://-l@host/r.git",
    "ssh://git@host:0/r.git",
    "ssh://git@host:70000/r.git",
    "ssh://git@host:x/r.git",
    "ssh://git@host/-upload",
    "ssh://git@host/%0ar.git",
    "ssh://git@host/r%00.git",
    "git@host:-r.git",
    "git@host:",
    "git@-host:r.git",
    "https://git.example.com/../r.git",
    "https://git.example.com/r.git?access_token=canary",
    "https://git.example.com/r.git#canary",
    "https://canary@git.example.com/r.git",
    "https://me:canary@git.example.com/r.git",
    "ssh://git:canary@git.example.com/r.git",
    "https://git.example.com/r.git@--upload-pack=x",
    "https://git.example.com/r.git@a..b",
    "https://git.example.com/r.git@a b",
    "https://git.example.com/r.git@a^b",
    "https://git.example.com/r.git@a:b",
    "https://git.example.com/r.git@x.lock",
    "https://git.example.com/r.git@",
    "https://git.example.com/r.git@main//../etc",
    "https://git.example.com/r.git@main//-x",
    "https://git.example.com/r.git@main//a//b",
    "https://git.example.com/r.git@main//./a",
    "https://git.example.com/r.git\n--upload-pack=x",
    "https://git.example.com/r\x00.git",
    "https://git.example.com/\u202er.git",
    "file://host/r.git",
    "file:///../r.git",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_could_be_an_option_a_command_or_a_leak_is_refused(text: str) -> None:
    with pytest.raises(Misuse) as refused:
        parse_source(text)
    assert refused.value.message
    assert "canary" not in refused.value.message + refused.value.remedy


@pytest.mark.parametrize("text", [text for text in HOSTILE if "://" in text and "@" not in text.split("/", 3)[-1]])
def test_the_same_urls_are_refused_from_a_settings_file(text: str) -> None:
    with pytest.raises(Misuse):
        check(GitSource.model_validate({"url": text, "allow_local": True}))


def test_a_local_repository_is_refused_unless_it_is_permitted() -> None:
    with pytest.raises(Misuse, match="not permitted"):
        parse_source("file:///srv/r.git", allow_local=False)
    with pytest.raises(Misuse, match="not permitted"):
        check(GitSource.model_validate({"url": "file:///srv/r.git"}))


@pytest.mark.parametrize(
    ("text", "url", "revision", "folder", "name"),
    [
        ("https://h/path.git@v1//a/b", "https://h/path.git", "v1", "a/b", "path"),
        ("https://h/path.git", "https://h/path.git", "main", "", "path"),
        ("https://h:8443/path", "https://h:8443/path", "main", "", "path"),
        ("https://h/path/", "https://h/path", "main", "", "path"),
        ("https://h/path@dev//x/", "https://h/path", "dev", "x", "path"),
        ("https://h/@scope/path", "https://h/@scope/path", "main", "", "path"),
        ("https://h/@scope/path@dev", "https://h/@scope/path", "dev", "", "path"),
        ("https://h/path.git@feature/x@y//a@b", "https://h/path.git", "feature/x@y", "a@b", "path"),
        ("HTTPS://h/path.git", "https://h/path.git", "main", "", "path"),
        ("https://[::1]:1/path.git", "https://[::1]:1/path.git", "main", "", "path"),
        ("ssh://git@host:22/r.git@main//apps", "ssh://git@host:22/r.git", "main", "apps", "r"),
        ("ssh://host/~me/r.git", "ssh://host/~me/r.git", "main", "", "r"),
        ("git@host:org/r.git@main//apps", "git@host:org/r.git", "main", "apps", "r"),
        ("git@host:/abs/r.git", "git@host:/abs/r.git", "main", "", "r"),
        ("git@host:r", "git@host:r", "main", "", "r"),
        ("file:///srv/r.git@main//apps", "file:///srv/r.git", "main", "apps", "r"),
        ("file:///srv/r@" + "a" * 40, "file:///srv/r", "a" * 40, "", "r"),
    ],
)
def test_a_git_source_has_its_url_revision_and_folder(
    text: str, url: str, revision: str, folder: str, name: str
) -> None:
    source = parse_source(text)
    assert isinstance(source, GitSource)
    assert (source.url, source.revision, source.folder) == (url, revision, folder)
    assert source.allow_local == url.startswith("file:")
    assert source_name(source) == name
    check(source)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("-", "stdin"),
        ("apps", "apps"),
        ("./a/b.yaml", "b.yaml"),
        ("/a/b/", "b"),
        ("a@b", "a@b"),
        ("/", "/"),
        (".", "."),
    ],
)
def test_everything_else_is_a_path(text: str, name: str) -> None:
    source = parse_source(text)
    assert source == FolderSource.model_validate({"path": text})
    assert source_name(source) == name


_WORD = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=8)
_PATH = st.lists(_WORD, min_size=1, max_size=3).map("/".join)
_URLS = st.one_of(
    st.builds("https://{}/{}".format, _WORD.filter(lambda w: "_" not in w), _PATH),
    st.builds("ssh://git@{}:{}/{}.git".format, _WORD.filter(lambda w: "_" not in w), st.integers(1, 65535), _PATH),
    st.builds("git@{}:{}.git".format, _WORD.filter(lambda w: "_" not in w), _PATH),
    st.builds("file:///{}".format, _PATH),
)


@given(
    url=_URLS,
    revision=st.builds("{}{}".format, _PATH, st.sampled_from(["", "-1", ".2", "+x"])),
    folder=st.one_of(st.just(""), _PATH),
)
def test_a_source_written_as_text_is_read_back_as_it_was(url: str, revision: str, folder: str) -> None:
    source = GitSource.model_validate(
        {"url": url, "revision": revision, "folder": folder, "allow_local": url.startswith("file:")}
    )
    assert parse_source(text_of(source)) == source


_PIECES = st.sampled_from(
    [
        "-",
        "--",
        "https://",
        "ssh://",
        "file://",
        "ext::",
        "git@",
        "host",
        ":",
        "/",
        "//",
        "@",
        "..",
        "%0a",
        "?",
        "#",
        " ",
        "\n",
        "-oX=y",
        "main",
        "a:b@",
        "[",
        "]",
        "::",
        "~",
        "\x1b",
        "é",
    ]
)


@given(st.one_of(st.text(max_size=40), st.lists(_PIECES, max_size=12).map("".join)))
@example("https://[/r.git")
@example("https://[::1/r.git@main")
def test_no_text_gives_a_url_that_git_could_take_for_anything_else(text: str) -> None:
    try:
        source = parse_source(text)
    except Misuse:
        return
    if isinstance(source, FolderSource):
        assert source.path == text
        assert text == "-" or not text.startswith("-")
        return
    check(source)
    for word in (source.url, source.revision, source.folder):
        assert not word.startswith("-")
        assert word.isprintable()
    assert source.url.startswith(("https://", "ssh://", "file:///")) or source.url.partition(":")[0].count("@") == 1
    host = source.url.partition("://")[2] or source.url.partition("@")[2]
    assert not host.startswith("-")
    assert ".." not in source.folder.split("/")
