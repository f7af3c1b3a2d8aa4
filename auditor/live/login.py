"""How to reach an API server and who we are there: settings in, `Login` out.

The official client reads kubeconfig files, runs credential plugins and sets up TLS; its connection pool is what we send
requests with. It never writes a kubeconfig back, and a proxy counts only where the kubeconfig names one: a proxy variable in
the environment must not carry the token elsewhere. None of the client's own messages is passed on, because some of them hold
the user's entry with its token.
"""

from __future__ import annotations

import difflib
import logging
import os
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from auditor.model import Misuse, Unavailable
from auditor.settings import ClusterSettings

if TYPE_CHECKING:
    import urllib3
    from kubernetes.client import Configuration

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a Pod finds its token and the cluster's authority.
Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/"""

REREAD_SECONDS: Final = 60.0
"""A token file is read again after this time, as client-go does: tokens of Pods rotate."""

IN_CLUSTER: Final = "in-cluster"
CONTEXT: Final = "context:"

_SENDABLE = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")


@dataclass(frozen=True, slots=True)
class Login:
    """An API server and a way in.

    `server` is its address without credentials. `authorization(again)` gives the value of the Authorization header (None: a
    client certificate, or nobody), freshly read when `again`: a 401 may only mean that the token was rotated.
    """

    server: str
    pool: urllib3.PoolManager
    authorization: Callable[[bool], str | None]
    who: str
    """Words for messages: "context prod", "the Pod's ServiceAccount"."""
    verified: bool = True
    """False where the kubeconfig switches off the check of the server's certificate."""


def is_api_server(live: str) -> bool:
    """Whether `cluster.live` names an API server; else it is a file or folder of objects."""
    return live == IN_CLUSTER or live.startswith(CONTEXT)


def log_in(cluster: ClusterSettings) -> Login:
    """Reads the credentials; sends nothing (a credential plugin may). Raises `Misuse` and `Unavailable("cluster", …)`."""
    if cluster.live == IN_CLUSTER:
        return _in_cluster()
    return _by_context(cluster.live.removeprefix(CONTEXT), cluster.kubeconfig)


def _in_cluster() -> Login:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise Misuse(
            "this is not a Pod of a cluster: KUBERNETES_SERVICE_HOST is not set",
            remedy="name a context of your kubeconfig: --live context:NAME",
        )
    authority = SERVICE_ACCOUNT / "ca.crt"
    if not authority.is_file():
        raise Unavailable(
            "cluster",
            f"{authority} is not there: no ServiceAccount token is mounted into this Pod",
            remedy="set automountServiceAccountToken: true, or mount a projected token",
            reason="auth",
        )
    configuration = _empty_configuration()
    configuration.host = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    configuration.ssl_ca_cert = str(authority)
    return _login(configuration, TokenFile(SERVICE_ACCOUNT / "token"), "the Pod's ServiceAccount")


class TokenFile:
    """The bearer token of a file: stripped, read again every minute and on demand; while the file is empty or away, the last good one."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._token, self._read_at = "", -REREAD_SECONDS

    def __call__(self, again: bool) -> str:
        """`Bearer …`. Raises `Unavailable` where there never was a token."""
        if again or not self._token or self._clock() - self._read_at >= REREAD_SECONDS:
            try:
                read = self._path.read_text(encoding="utf-8", errors="replace").strip()
            except OSError:
                read = ""
            if read:
                self._token, self._read_at = read, self._clock()
        if not self._token:
            raise Unavailable(
                "cluster",
                f"{self._path} holds no token",
                remedy="mount a projected ServiceAccount token",
                reason="auth",
            )
        return f"Bearer {self._token}"


def kubeconfig_paths(chosen: Path | None) -> tuple[Path, ...]:
    """The kubeconfig files that count, as kubectl finds them: the one chosen, else `$KUBECONFIG` (several), else the home's."""
    if chosen:
        return (chosen.expanduser(),)
    listed = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return tuple(Path(part).expanduser() for part in listed) or (Path.home() / ".kube" / "config",)


def _by_context(name: str, chosen: Path | None) -> Login:
    from kubernetes.config import ConfigException, kube_config

    library: Any = kube_config  # it has no types
    paths = [path for path in kubeconfig_paths(chosen) if path.is_file()]
    if not paths:
        looked = ", ".join(map(str, kubeconfig_paths(chosen)))
        raise Misuse(
            f"there is no kubeconfig: {looked} is not there", remedy="name one with --kubeconfig or cluster.kubeconfig"
        )
    where = ", ".join(map(str, paths))
    # The library fails in these ways, and in no tidier ones, on what is no kubeconfig.
    broken = (ConfigException, library.yaml.YAMLError, OSError, ValueError, KeyError, TypeError, AttributeError)

    def read() -> Any:
        return library.KubeConfigMerger(os.pathsep.join(map(str, paths))).config

    try:
        merged = read()
        document: Mapping[str, Any] = merged.value
        contexts = {node.value["name"]: node.value.get("context") for node in document["contexts"]}
        clusters = {node.value["name"] for node in document["clusters"]}
        users = {node.value["name"]: node.value.get("user") or {} for node in document["users"]}
        name = name or document.get("current-context") or ""
    except broken:
        raise Misuse(f"{where} is no kubeconfig", remedy="see that `kubectl config view` can read it") from None
    context = _chosen_context(name, contexts, where)
    if context.get("cluster") not in clusters:
        raise Misuse(f"context {name} names the cluster {context.get('cluster')!r}, which {where} does not define")
    if context.get("user") and context["user"] not in users:
        raise Misuse(f"context {name} names the user {context['user']!r}, which {where} does not define")
    user = users.get(context.get("user"), {})

    def load(document: Any) -> Configuration:
        configuration = _empty_configuration()
        try:
            with _unsaid():
                # Not `load_kube_config`, which would write the file back when a token was renewed.
                library.KubeConfigLoader(document, active_context=name, config_base_path=None).load_and_set(
                    configuration
                )
        except broken as error:
            raise _cannot_log_in(name, where, error) from None
        if _plugin_of(user) and "BearerToken" not in configuration.api_key and not configuration.cert_file:
            raise Unavailable(
                "cluster",
                f"the credential plugin of context {name} ({_plugin_of(user)}) gave no credential",
                remedy=f"run `kubectl --context {name} auth whoami` to see what it says",
                reason="auth",
            )
        return configuration

    held = [load(merged)]

    def authorization(again: bool) -> str | None:
        if again:
            held[0] = load(read())
        try:
            with _unsaid():
                value = held[0].get_api_key_with_prefix(
                    "BearerToken"
                )  # runs a plugin again when what it gave has expired
        except broken as error:
            raise _cannot_log_in(name, where, error) from None
        return str(value).strip() if value else None

    return _login(held[0], authorization, f"context {name}")


def _chosen_context(name: str, contexts: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    if not name:
        raise Misuse(f"{where} has no current context", remedy="name one: --live context:NAME")
    if name not in contexts:
        near = difflib.get_close_matches(name, contexts, n=3) or sorted(contexts)[:5]
        remedy = f"it has {', '.join(near)}" if near else "it has none: see `kubectl config get-contexts`"
        raise Misuse(f"{where} has no context {name}", remedy=remedy)
    found = contexts[name]
    if not isinstance(found, Mapping):
        raise Misuse(f"context {name} of {where} is empty")
    return found


def _plugin_of(user: Mapping[str, Any]) -> str:
    plugin = user.get("exec")
    return os.path.basename(str(plugin.get("command", ""))) if isinstance(plugin, Mapping) else ""


def _cannot_log_in(name: str, where: str, error: Exception) -> Unavailable:
    """Only a path is taken from the library's message, where it says that a file is not there."""
    missing = re.fullmatch(r"File does not exist: (\S+)", str(error))
    path = error.filename if isinstance(error, OSError) and error.filename else missing.group(1) if missing else ""
    what = f"{path} cannot be read" if path else f"its entry in {where} is not complete"
    return Unavailable(
        "cluster",
        f"context {name} cannot be used: {what}",
        remedy=f"see `kubectl --context {name} auth whoami`",
        reason="auth",
    )


def _empty_configuration() -> Configuration:
    from kubernetes.client import Configuration

    return Configuration(proxy="", no_proxy="")  # not None, which would mean: as the environment says


def _login(configuration: Configuration, authorization: Callable[[bool], str | None], who: str) -> Login:
    import urllib3
    from kubernetes.client.rest import RESTClientObject

    if not configuration.verify_ssl:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # it is a problem of the run instead
    try:
        address = urlsplit(configuration.host)
        port = address.port
    except ValueError:
        address, port = urlsplit(""), None
    if address.scheme not in {"https", "http"} or not address.hostname:
        raise Misuse(f"{who} names no address of an API server", remedy="write it as server: https://HOST:PORT")
    host = f"[{address.hostname}]" if ":" in address.hostname else address.hostname
    pool = RESTClientObject(configuration).pool_manager
    pool.connection_pool_kw["ssl_context"] = _tls(configuration)
    return Login(
        server=f"{address.scheme}://{host}" + (f":{port}" if port else "") + address.path.rstrip("/"),
        pool=pool,
        authorization=lambda again: _sendable(authorization(again), who),
        who=who,
        verified=bool(configuration.verify_ssl) or address.scheme == "http",
    )


def _tls(configuration: Configuration) -> ssl.SSLContext:
    """As the library would verify, but not stricter than kubectl: from Python 3.13 certificates are held to the letter of
    RFC 5280, and the authorities of many clusters are not such. https://github.com/kubernetes-client/python/issues/2394
    """
    import urllib3

    required = ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE
    flags = ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context = urllib3.util.create_urllib3_context(cert_reqs=required, verify_flags=flags)
    if not configuration.ssl_ca_cert:
        context.load_default_certs()  # the system's, which the library adds only to a context of its own
    return context


def _sendable(value: str | None, who: str) -> str | None:
    """A header that cannot be sent would come back inside an exception's message."""
    if value is not None and not _SENDABLE.fullmatch(value):
        raise Unavailable(
            "cluster", f"the token of {who} is no token", remedy="it must be one line of text", reason="auth"
        )
    return value


@contextmanager
def _unsaid() -> Iterator[None]:
    """The library logs, on the root logger, what a credential plugin printed when it failed."""

    def keep(record: logging.LogRecord) -> bool:
        return os.path.basename(record.pathname) != "kube_config.py"

    root = logging.getLogger()
    root.addFilter(keep)
    try:
        yield
    finally:
        root.removeFilter(keep)
