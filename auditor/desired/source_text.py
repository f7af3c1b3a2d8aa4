"""What a person types as a source, read once and strictly: nothing in it can become an option or a command of git.

In: `-`, a path, `https://host/path.git@REVISION//FOLDER`, `ssh://git@host:22/r.git@main//apps`,
`git@host:org/r.git@main//apps`, `file:///r.git@main`. Out: a `GitSource` or a `FolderSource`. Raises `Misuse`.

The checks also guard sources that were written in a settings file: `check` is asked before every use of one.
git obeys `ext::sh -c …`, `--upload-pack=…` and hosts that begin with a dash (CVE-2017-1000117, CVE-2022-24439).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from auditor.model import Misuse
from auditor.settings import FolderSource, GitSource

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_HELPER: Final = re.compile(r"[A-Za-z0-9]+::")
_SCP: Final = re.compile(r"(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>[^:]*)")
_LIKE_SCP: Final = re.compile(r"[^/:]+@[^/:]*:")
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+")
_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ENCODED_CONTROL: Final = re.compile(r"%(0[0-9a-f]|1[0-9a-f]|7f)", re.IGNORECASE)
# https://git-scm.com/docs/git-check-ref-format, with what it allows but nobody needs (braces, quotes) left in.
_NOT_IN_REVISIONS: Final = re.compile(r"[ ~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|\.$|/$|^/|^\.|^@$")
COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def parse_source(text: str, *, allow_local: bool = True) -> GitSource | FolderSource:
    """The source that a text names. `allow_local`: whether `file://` is permitted; who types it on a command line permits it.

    The revision stands after the last `@` (after `.git@` where the URL has it), the folder after `//`. Without a
    revision it is `main`. Raises `Misuse` for whatever is not a path or one of the forms above.
    """
    if not text:
        raise Misuse("the source is empty", remedy="name a folder, a file, - or a git URL")
    _refuse_controls(text, "the source")
    if text == "-":
        return FolderSource.model_validate({"path": "-"})
    if text.startswith("-"):
        raise Misuse(f"the source {text} begins with a dash", remedy=f"write ./{text} for a file of that name")
    if _HELPER.match(text):
        raise Misuse(f"{text.split('::')[0]}:: is no kind of source: such URLs run commands", remedy=_FORMS)
    if _SCHEME.match(text):
        scheme, _, rest = text.partition("://")
        authority, slash, path = rest.partition("/")
        repository, revision, folder = _parts(slash + path)
        url = f"{scheme.lower()}://{authority}{repository}"
    elif _LIKE_SCP.match(text):
        host, _, path = text.partition(":")
        repository, revision, folder = _parts(path)
        url = f"{host}:{repository}"
    else:
        return FolderSource.model_validate({"path": text})
    check_url(url, allow_local=allow_local)
    check_folder(folder)
    if revision is not None:
        check_revision(revision)
    fields = {"url": url, "folder": folder, "allow_local": url.startswith("file:")}
    return GitSource.model_validate(fields | ({"revision": revision} if revision is not None else {}))


def text_of(source: GitSource | FolderSource) -> str:
    """The text that `parse_source` reads as this source; for messages. It never carries a credential."""
    if isinstance(source, FolderSource):
        return source.path
    return f"{source.url}@{source.revision}" + (f"//{source.folder}" if source.folder else "")


def source_name(source: GitSource | FolderSource) -> str:
    """The short name: as set, else the last part of the URL or path; `stdin` for standard input."""
    if source.name:
        return source.name
    if isinstance(source, FolderSource):
        return "stdin" if source.path == "-" else source.path.rstrip("/").rpartition("/")[2] or source.path
    last = re.split(r"[/:]", source.url.rstrip("/"))[-1]
    return last.removesuffix(".git") or source.url


def check(source: GitSource) -> None:
    """Raises `Misuse` unless URL, revision and folder are safe to use."""
    check_url(source.url, allow_local=source.allow_local)
    check_revision(source.revision)
    check_folder(source.folder)


def check_url(url: str, *, allow_local: bool) -> None:
    """Raises `Misuse` unless it is an https, ssh, scp-like or (where permitted) file URL without any credential."""
    _refuse_controls(url, "the URL")
    if _HELPER.match(url):
        raise Misuse(f"{url.split('::')[0]}:: is no kind of source: such URLs run commands", remedy=_FORMS)
    if not _SCHEME.match(url):
        found = _SCP.fullmatch(url)
        if found is None:
            raise Misuse("the URL is neither https, ssh nor user@host:path", remedy=_FORMS)
        _check_path(found["path"])
        return
    parts = _split(url)
    if parts.scheme not in ("https", "ssh", "file"):
        if parts.scheme == "http":
            raise Misuse("the URL is http: what is fetched could be changed on its way", remedy="use https or ssh")
        raise Misuse(f"{parts.scheme}:// is no kind of source", remedy=_FORMS)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise Misuse(
            "the URL has a query or a fragment; git knows neither",
            remedy="leave out what follows ? or #; give tokens in a file",
        )
    if parts.scheme == "file":
        if not allow_local:
            raise Misuse(
                "the URL is file://, which is not permitted here", remedy="set allow_local: true for this source"
            )
        if parts.netloc:
            raise Misuse("the file:// URL names a host", remedy="write file:/// and an absolute path")
    else:
        _check_authority(parts)
    _check_path(parts.path)


def check_revision(revision: str) -> None:
    """Raises `Misuse` unless it can be a branch, a tag, a full ref name or a commit."""
    _refuse_controls(revision, "the revision")
    if not revision or revision.startswith("-") or _NOT_IN_REVISIONS.search(revision):
        raise Misuse(
            f"{revision!r} cannot be a branch, a tag or a commit",
            remedy="name a branch such as main, a tag, or a commit of 40 digits",
        )


def check_folder(folder: str) -> None:
    """Raises `Misuse` unless it is a path within a repository."""
    _refuse_controls(folder, "the folder")
    steps = folder.split("/")
    if folder and (folder.startswith(("-", "/")) or any(step in ("", ".", "..") for step in steps)):
        raise Misuse(
            f"{folder!r} is no folder of a repository",
            remedy="write it from the top of the repository, such as clusters/production",
        )


_FORMS: Final = "use https://HOST/PATH.git@REVISION//FOLDER, ssh://USER@HOST/PATH.git@REVISION//FOLDER or USER@HOST:PATH.git@REVISION//FOLDER"


def _parts(path: str) -> tuple[str, str | None, str]:
    """`/org/r.git@main//apps` -> (`/org/r.git`, `main`, `apps`); a revision of None is none."""
    start = len(path) - len(path.lstrip("/")) if path.startswith("/") else 0
    repository, _, folder = path[start:].partition("//")
    repository = path[:start] + repository
    before, at, after = repository.partition(".git@")
    if at:
        return before + ".git", after, folder.rstrip("/")
    before, at, after = repository.rpartition("@")
    # an @ that begins a path segment belongs to it: /@scope/repository
    if at and before and not before.endswith("/"):
        return before, after, folder.rstrip("/")
    return repository.rstrip("/") if len(repository) > 1 else repository, None, folder.rstrip("/")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise Misuse("the URL cannot be read", remedy=_FORMS) from error


def _check_authority(parts: SplitResult) -> None:
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Misuse(
            "the port of the URL is no number from 1 to 65535", remedy="correct the port, or leave it out"
        ) from error
    if parts.password is not None or (parts.scheme == "https" and "@" in parts.netloc):
        # the text is not repeated: it holds a credential
        raise Misuse(
            "the URL carries a credential",
            remedy="leave it out of the URL; give https.token_file or ssh.private_key_file",
        )
    if not host or not _HOST.fullmatch(host) or port == 0:
        raise Misuse("the URL names no host", remedy=_FORMS)
    if _is_link_local(host):
        raise Misuse(
            f"{host} is an address that only this machine's own network answers", remedy="name the host of a git server"
        )
    if parts.scheme == "ssh" and parts.username is not None and not _USER.fullmatch(parts.username):
        raise Misuse("the user of the ssh URL is no user name", remedy="write ssh://git@HOST/PATH")


def _is_link_local(host: str) -> bool:
    """Where clouds give out credentials to whoever asks from within: 169.254.169.254, fe80::…; in any spelling."""
    try:
        found = ipaddress.ip_address(host)
        return (getattr(found, "ipv4_mapped", None) or found).is_link_local
    except ValueError:
        packed = host.rstrip(".").isdigit() and int(host.rstrip(".")) >> 16 == 0xA9FE  # an address as one number
        return packed or host.rstrip(".").lower().endswith("metadata.google.internal")


def _check_path(path: str) -> None:
    steps = path.split("/")
    if not path.strip("/") or path.startswith("-") or ".." in steps or any(step.startswith("-") for step in steps[:2]):
        raise Misuse("the URL names no repository", remedy=_FORMS)
    if _ENCODED_CONTROL.search(path):
        raise Misuse("the URL has an encoded control character", remedy="write the path of the repository plainly")


def _refuse_controls(text: str, what: str) -> None:
    if not text.isprintable():
        at = next(index for index, letter in enumerate(text) if not letter.isprintable())
        # the text is not repeated: it may hold a credential
        raise Misuse(
            f"{what} has a control or invisible character, its {at + 1}th", remedy="type it anew instead of pasting it"
        )
