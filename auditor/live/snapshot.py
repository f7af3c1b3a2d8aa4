"""The live side of an audit: settings and what is wanted in, a `Snapshot` with the state of every cell out.

Nothing but GET, and at most one list for each kind (and its pages), unless the server refuses to list a kind in the whole
cluster: then one for each namespace that is wanted. Secrets are not asked for unless a setting says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from auditor.kube import kinds, secrets
from auditor.live.client import Answer, Client, Late
from auditor.live.discovery import Discovery, Served, discover
from auditor.live.lister import Listing, Reading, list_objects, read_by_name
from auditor.live.login import is_api_server, log_in
from auditor.logs import logger
from auditor.model import Cell, CellState, Problem, Ref, Resource, Severity, Snapshot, Source, Unavailable
from auditor.settings import ClusterSettings

log = logger()

NAMESPACE: Final = ("", "Namespace")
SECRET: Final = ("", "Secret")

NOT_VERIFIED: Final = "SRC302"
CLOCKS_DIFFER: Final = "SRC303"
NAMESPACES_DENIED: Final = "SRC304"

SKEW_SECONDS: Final = 30.0
"""Between our clock and the server's, from which ages and "since when" are off by enough to say so."""

_LATE_KINDS: Final = frozenset(
    {("", "Pod"), ("apps", "ReplicaSet"), ("", "Event"), ("discovery.k8s.io", "EndpointSlice")}
)
"""Kinds with many objects, read last: should the deadline come, it costs these."""

SYSTEM_EXCLUDED: Final = "system namespaces are read only by the setting cluster.system_namespaces"
SECRETS_EXCLUDED: Final = "Secrets are read only by the setting cluster.read_secrets"

Confirmed = Literal["found", "gone", "unknown"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be read: kinds as (group, kind), and namespaces (None: every one, but the system's only by a setting).

    Namespaces themselves are always read where that is allowed, because their labels name teams; they count only where wanted.
    """

    kinds: frozenset[tuple[str, str]]
    namespaces: frozenset[str] | None = None


def fetch(cluster: ClusterSettings, wanted: Wanted, *, name: str, key: secrets.Key, deadline: float) -> Snapshot:
    """Reads an API server (`in-cluster`, `context:NAME`) by `deadline`, on the monotonic clock.

    What was not read by then is UNAVAILABLE ("deadline"). Raises `Misuse` for a wrong kubeconfig or context, and
    `Unavailable("cluster", …)` where the server cannot be reached, is not trusted, or does not accept us.
    """
    assert is_api_server(cluster.live), cluster.live
    login = log_in(cluster)
    client = Client(login, timeout_seconds=cluster.timeout_seconds, deadline=deadline)
    try:
        version, problems = _greet(client)
        if not login.verified:
            message = f"the certificate of {login.server} is not verified: the kubeconfig sets insecure-skip-tls-verify"
            problems.append(Problem(NOT_VERIFIED, Severity.WARNING, message, "set certificate-authority instead"))
        asked = (wanted.kinds | {NAMESPACE}) - (frozenset() if cluster.read_secrets else {SECRET})
        served = discover(client, {group for group, _ in asked})
        collected = _Collected(client, served, cluster, wanted, name, key)
        collected.read(asked)
        log.debug("cluster read", requests=client.requests, objects=len(collected.resources))
    finally:
        login.pool.clear()
    if SECRET in wanted.kinds and not cluster.read_secrets:
        collected.cells.append(Cell(*SECRET, None, CellState.EXCLUDED, SECRETS_EXCLUDED))
    return Snapshot(
        resources=tuple(collected.resources),
        problems=(*problems, *collected.problems),
        cells=tuple(collected.cells),
        sources=(Source(name, fetched_at=datetime.now(UTC)),),
        otherwise=CellState.EXCLUDED,
        version=version,
    )


def confirm(cluster: ClusterSettings, refs: Iterable[Ref], *, deadline: float) -> Mapping[Ref, Confirmed]:
    """Asks for each object by name, once. "gone" only where the API server itself says that it is not there."""
    answers: dict[Ref, Confirmed] = dict.fromkeys(refs, "unknown")
    asked = [ref for ref in answers if cluster.read_secrets or (ref.group, ref.kind) != SECRET]
    if not asked:
        return answers
    try:
        login = log_in(cluster)
        client = Client(login, timeout_seconds=cluster.timeout_seconds, deadline=deadline)
        try:
            served = discover(client, {ref.group for ref in asked}).kinds
            for ref in asked:
                kind = served.get((ref.group, ref.kind))
                if kind and kind.namespaced == (ref.namespace is not None):
                    answers[ref] = _confirmed(client, kind, ref)
        finally:
            login.pool.clear()
    except Unavailable as broken:
        log.warning("missing objects could not be confirmed", reason=broken.message)
    return answers


def _confirmed(client: Client, served: Served, ref: Ref) -> Confirmed:
    try:
        answer = client.get(served.path(ref.namespace, ref.name))
    except Late:
        raise
    except Unavailable:
        return "unknown"
    if answer.status == 200:
        return "found" if _is_object(answer, ref) else "unknown"
    said = answer.status_object()
    details = said.get("details")
    if answer.status == 404 and said.get("reason") == "NotFound" and isinstance(details, dict):
        # A kind that is not served is a 404 too, but one that names no object.
        return "gone" if details.get("name") == ref.name or details.get("kind") == "namespaces" else "unknown"
    return "unknown"


def _is_object(answer: Answer, ref: Ref) -> bool:
    try:
        body = answer.json()
    except ValueError:
        return False
    metadata = body.get("metadata") if isinstance(body, dict) else None
    return isinstance(metadata, dict) and metadata.get("name") == ref.name


def _greet(client: Client) -> tuple[str, list[Problem]]:
    """The version of the server, and what is to be said of its clock. Raises `Unavailable` for what is no API server."""
    server, who = client.login.server, client.login.who
    answer = client.get("/version")
    if answer.status == 401:
        remedy = (
            "give it a token or certificate that is valid"
            if who.startswith("context")
            else "see that the token is of this cluster"
        )
        raise Unavailable("cluster", f"{server} does not accept the credentials of {who}", remedy=remedy, reason="auth")
    version = ""
    if answer.status == 200:
        try:
            body = answer.json()
        except ValueError:
            body = None
        found = body.get("gitVersion") if isinstance(body, dict) else None
        version = found if isinstance(found, str) else ""
    if not version and not (answer.status == 403 and answer.status_reason()):
        kind = answer.content_type.partition(";")[0] or "no content"
        raise Unavailable(
            "cluster",
            f"{server} is no Kubernetes API server: it answered {answer.status} with {kind}",
            remedy="correct the address; a proxy or a login page may stand before it",
        )
    return version, _skew(answer)


def _skew(answer: Answer) -> list[Problem]:
    if answer.date is None:
        return []
    seconds = (datetime.now(UTC) - answer.date).total_seconds()
    if abs(seconds) <= SKEW_SECONDS:
        return []
    which = "ahead of" if seconds > 0 else "behind"
    message = f"our clock is {abs(seconds):.0f} s {which} that of the API server: ages are off by as much"
    return [Problem(CLOCKS_DIFFER, Severity.INFO, message, "keep both clocks in step (NTP)")]


class _Collected:
    """One reading of one cluster: the namespaces first, then kind by kind, each with its cells."""

    def __init__(
        self, client: Client, served: Discovery, cluster: ClusterSettings, wanted: Wanted, name: str, key: secrets.Key
    ) -> None:
        self._client, self._served, self._wanted = client, served, wanted
        self._system = cluster.system_namespaces
        self._reading = Reading(name, key, cluster.page_size, self._keeps)
        self._existing: frozenset[str] | None = None
        """Namespaces that there are, where they could be listed."""
        self.resources: list[Resource] = []
        self.problems: list[Problem] = []
        self.cells: list[Cell] = []

    def read(self, asked: Iterable[tuple[str, str]]) -> None:
        self._read_namespaces()
        for group, kind in sorted(set(asked) - {NAMESPACE}, key=lambda each: (each in _LATE_KINDS, each)):
            found = self._served.kinds.get((group, kind))
            if found:
                self._read_kind(found)
            elif group in self._served.failed:
                self.cells.append(Cell(group, kind, None, CellState.UNAVAILABLE, self._served.failed[group]))
            else:
                self.cells.append(Cell(group, kind, None, CellState.ABSENT, "not served by this API server"))

    def _keeps(self, namespace: str | None) -> bool:
        if namespace is None:
            return True
        if self._wanted.namespaces is not None:
            return namespace in self._wanted.namespaces
        return self._system or namespace not in kinds.SYSTEM_NAMESPACES

    def _targets(self) -> tuple[str, ...]:
        """Namespaces that are wanted, as far as they are known."""
        known = self._wanted.namespaces if self._wanted.namespaces is not None else self._existing or frozenset()
        return tuple(sorted(name for name in known if self._keeps(name)))

    def _read_namespaces(self) -> None:
        served = self._served.kinds.get(NAMESPACE)
        if served is None:
            reason = self._served.failed.get("", "not served by this API server")
            listing = Listing(CellState.UNAVAILABLE, reason)
        else:
            listing = list_objects(self._client, served, self._reading)
            if listing.state is CellState.LISTED:
                self._existing = frozenset(resource.ref.name for resource in listing.resources)
            elif listing.state is CellState.DENIED:
                listing = self._namespaces_by_name(served)
        self._take(listing)
        if NAMESPACE in self._wanted.kinds or listing.state is CellState.LISTED:
            cell = Cell(*NAMESPACE, None, listing.state, listing.reason, len(listing.resources))
        else:  # their labels only add a team's name: no statement rests on them, so coverage does not suffer
            cell = Cell(*NAMESPACE, None, CellState.EXCLUDED, f"not wanted, and not readable: {listing.reason}")
        self.cells.append(cell)
        if self._existing is None and self._wanted.namespaces is None:
            message = f"which namespaces there are cannot be told: {listing.reason}"
            self.problems.append(
                Problem(NAMESPACES_DENIED, Severity.WARNING, message, "name them in cluster.namespaces")
            )

    def _namespaces_by_name(self, served: Served) -> Listing:
        """Whoever may not list Namespaces may still `get` their own: a Role in a namespace can grant that.

        Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#request-verb-resource
        """
        found: list[Resource] = []
        problems: list[Problem] = []
        worst = Listing(CellState.LISTED, "by name: listing them is forbidden")
        for name in self._targets():
            listing = read_by_name(self._client, served, self._reading, name)
            found += listing.resources
            problems += listing.problems
            if listing.state is not CellState.LISTED:
                worst = listing
        if worst.state is CellState.LISTED and self._targets():
            self._existing = frozenset(resource.ref.name for resource in found)
        elif worst.state is CellState.LISTED:
            worst = Listing(CellState.DENIED, "forbidden")
        return Listing(worst.state, worst.reason, tuple(found), tuple(problems))

    def _read_kind(self, served: Served) -> None:
        group, kind, targets = served.group, served.kind, self._targets()
        everywhere = self._wanted.namespaces is None
        if served.namespaced and not everywhere and len(targets) < 2:
            for namespace in targets:  # one namespace is one list either way, and needs fewer rights
                self._read_namespace(served, namespace)
            return
        listing = list_objects(self._client, served, self._reading)
        self._take(listing)
        if not served.namespaced or everywhere:
            self.cells.append(Cell(group, kind, None, listing.state, listing.reason, len(listing.resources)))
        if not served.namespaced:
            return
        if listing.state is CellState.DENIED:
            for namespace in targets:
                self._read_namespace(served, namespace)
            return
        count = Counter(resource.ref.namespace for resource in listing.resources)
        for namespace in targets:
            self.cells.append(Cell(group, kind, namespace, listing.state, listing.reason, count[namespace]))
        if everywhere and not self._system and listing.state is CellState.LISTED:
            for namespace in sorted(kinds.SYSTEM_NAMESPACES & (self._existing or kinds.SYSTEM_NAMESPACES)):
                self.cells.append(Cell(group, kind, namespace, CellState.EXCLUDED, SYSTEM_EXCLUDED))

    def _read_namespace(self, served: Served, namespace: str) -> None:
        if self._existing is not None and namespace not in self._existing:
            # Asking would be answered with 403 under a Role, which is gone with its namespace, and with nothing otherwise.
            listing = Listing(CellState.LISTED, "there is no such namespace")
        else:
            listing = list_objects(self._client, served, self._reading, namespace=namespace)
        self._take(listing)
        objects = len(listing.resources)
        self.cells.append(Cell(served.group, served.kind, namespace, listing.state, listing.reason, objects))

    def _take(self, listing: Listing) -> None:
        self.resources += listing.resources
        self.problems += listing.problems
