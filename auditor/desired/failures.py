"""What git says when it fails -> one sentence, what to do, and a word for metrics.

In: what a command said, and its source. Out: `Unavailable("git", …)`. The sentences of git and ssh below were each seen from
the real programs (tests/desired/test_repository.py makes them fail in every one of these ways).
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from auditor.desired.files import near
from auditor.desired.git_process import Said
from auditor.model import Unavailable
from auditor.settings import GitSource

# (what was said, reason, sentence, remedy); the first that matches holds
_KNOWN: Final = (
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed", "host_key",
     "{host} shows another host key than the known one", "find out why it changed; if it is right, replace the key in {known_hosts}"),
    (r"Host key verification failed|No \S+ host key is known", "host_key",
     "the host key of {host} is not known", "add it to {known_hosts}: compare what ssh-keyscan {host_argument} prints with what the host's owner says"),
    (r"UNPROTECTED PRIVATE KEY FILE|bad permissions", "auth", "the private key can be read by others, so ssh refuses it", "chmod 600 {key}"),
    (r"Load key .*(error in libcrypto|invalid format)", "auth", "the private key file holds no private key", "put an OpenSSH private key into {key}"),
    (r"Permission denied|Too many authentication failures", "auth", "{host} does not accept the ssh key", "add the public half of {key} to the repository as a key that may read"),
    (r"could not read Username|could not read Password|terminal prompts disabled", "auth",
     "{host} {wants}", "give a token that may read this repository as https.token_file"),
    (r"Authentication failed|HTTP Basic: Access denied|returned error: 401", "auth", "{host} does not accept the token", "give a token that may read this repository as https.token_file"),
    (r"returned error: 403", "auth", "{host} forbids reading this repository", "give the token the right to read it"),
    (r"returned error: 429", "network", "{host} says that there are too many requests", "ask less often: schedule.every_minutes"),
    (r"returned error: 30\d|unable to update url base from redirection|redirect", "not_found",
     "{host} redirects this URL elsewhere; redirects are not followed, as they could take the credential along", "write the URL it redirects to"),
    (r"error (reading|setting|adding).*(CA|certificate)|error while reading file", "auth", "the file of certificate authorities cannot be used", "put PEM certificates into {ca_file}"),
    (r"certificate", "network", "the TLS certificate of {host} is not trusted", "name the authority that signed it as https.ca_file; see that it is valid today, and for this host"),
    (r"gnutls|SSL|TLS", "network", "{host} does not speak TLS as it should", "see whether the port is that of https"),
    (r"Could not resolve host|Name or service not known|Temporary failure in name resolution|nodename nor servname", "network",
     "the host {host} is not known", "correct the URL, or see to DNS"),
    (r"timed out|Timeout|transfer closed|Operation too slow|not responding", "timeout", "{host} does not answer in time", "see whether the server is up and reachable from here"),
    (r"Connection refused|Failed to connect|Couldn't connect|Connection reset|No route to host|Network is unreachable|Connection closed|kex_exchange_identification|Could not read from remote repository.*Connection",
     "network", "{host} cannot be reached", "see whether the server is up and reachable from here"),
    (r"returned error: 5\d\d", "network", "{host} answers with an error of its own", "see to the server, or try again later"),
    (r"Could not find remote ref|couldn't find remote ref", "not_found", "there is no {revision} in {where}", "name a branch, a tag or a commit that exists"),
    (r"detected dubious ownership", "auth", "the repository belongs to another user", "run as its owner, or use https or ssh"),
    (r"repository .* not found|returned error: 404|does not appear to be a git repository|does not exist|not a git repository|Repository not found|access denied or repository not exported",
     "not_found", "there is no repository at {where}", "correct the URL; servers say the same where the credential may not read it"),
    (r"No space left on device|Disk quota exceeded|File size limit exceeded|signal 25", "other", "there is no room for the repository", "give the cache more room, or name a smaller repository"),
    (r"fsck|hasDot|fullPathname|hasDotdot|hasDotgit|badTree|in tree|index-pack failed|unpack-objects", "other",
     "the repository is refused: its objects are not sound", "run git fsck on it; names such as .. or .git in a tree are an attack"),
    (r"unexpected disconnect|early EOF|hung up unexpectedly|Empty reply|RPC failed", "network", "{host} broke off while it answered", "try again; see to the server"),
)  # fmt: skip


def explain(said: Said, source: GitSource) -> Unavailable:
    """The failure in words. What git said itself is added only where it is not understood, scrubbed and on one line."""
    words = {
        "host": _host(source),
        "host_argument": _host_argument(source),
        "where": source.url,
        "revision": source.revision,
        "wants": "does not accept the token"
        if source.https.token or source.https.token_file
        else "asks for credentials, and there are none",
        "ca_file": str(source.https.ca_file or "the system's store"),
        "known_hosts": str(source.ssh.known_hosts_file or "~/.ssh/known_hosts"),
        "key": str(source.ssh.private_key_file or "the key of this user"),
    }
    for pattern, reason, sentence, remedy in _KNOWN:
        if re.search(pattern, _anonymous(said.messages, source), re.IGNORECASE | re.DOTALL):
            return Unavailable("git", sentence.format(**words), remedy=remedy.format(**words), reason=reason)
    return Unavailable(
        "git", f"git failed on {source.url}: {_last(said)}", remedy="try the same with git itself", reason="other"
    )


def _last(said: Said) -> str:
    """What git said last, on one line."""
    lines = [line.removeprefix("fatal: ").strip() for line in said.messages.splitlines() if line.strip()]
    return "; ".join(lines[-2:])[:500] or f"exit status {said.status}"


def _anonymous(messages: str, source: GitSource) -> str:
    """The messages without names of ours and theirs: a host called ssl.example.com is no fault of TLS."""
    for name in filter(None, (source.url, _host(source))):
        messages = messages.replace(name, "…")
    return re.sub(r"'[^'\n]*'|\"[^\"\n]*\"|(?<!\S)/\S+", "…", messages)


def no_such_ref(said: Said) -> bool:
    """Whether the server answered, but does not have the branch."""
    return bool(re.search(r"couldn't find remote ref", said.messages, re.IGNORECASE))


def not_advertised(said: Said) -> bool:
    """Whether the server gives commits only by the name of a branch or tag (or has no such commit)."""
    return bool(re.search(r"unadvertised object|not our ref|couldn't find remote ref", said.messages, re.IGNORECASE))


class Damaged(Unavailable):
    """The copy in the cache cannot be read. Fetching anew mends it."""


def damaged(said: Said, source: GitSource) -> Damaged:
    """A command on our own copy failed."""
    return Damaged(
        "git",
        f"the copy of {source.url} in the cache cannot be read: {_last(said)}",
        remedy="remove the folder git in the cache; it is fetched anew",
        reason="other",
    )


def no_revision(source: GitSource, names: Iterable[str]) -> Unavailable:
    """No such branch, tag or commit; with the names that are near."""
    short = [name.split("/", 2)[2] for name in names]
    revision = source.revision
    if re.fullmatch(r"[0-9a-f]{7,39}", revision):
        return Unavailable(
            "git",
            f"there is no branch or tag {revision} in {source.url}",
            remedy="write all 40 digits of a commit",
            reason="not_found",
        )
    if not short and not re.fullmatch(r"[0-9a-f]{40,64}", revision):
        return Unavailable(
            "git", f"the repository at {source.url} is empty", remedy="push a first commit", reason="not_found"
        )
    what = "commit" if not short else "branch or tag"
    return Unavailable(
        "git",
        f"there is no {what} {revision} in {source.url}",
        remedy=near(revision, short) or "name a commit that a branch of this repository holds",
        reason="not_found",
    )


def unwritable(path: Path, error: OSError) -> Unavailable:
    """The cache cannot be written."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return Unavailable(
        "git",
        f"the cache {path} cannot be written: {(error.strerror or 'error').lower()}",
        remedy="give it more room" if full else "name a folder that the auditor may write as cache:",
        reason="full" if full else "other",
    )


def _host(source: GitSource) -> str:
    if "://" not in source.url:
        return source.url.partition("@")[2].partition(":")[0]
    return urlsplit(source.url).hostname or "this machine"


def _host_argument(source: GitSource) -> str:
    port = urlsplit(source.url).port if "://" in source.url else None
    return f"-p {port} {_host(source)}" if port else _host(source)
