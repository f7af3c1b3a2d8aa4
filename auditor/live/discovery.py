"""Which kinds an API server serves, and under which path: a client in, a table with the state of each group out.

Our own, because what cannot be discovered must not look like what is not there: a group whose server is down is unavailable,
and nothing else is. Aggregated discovery (one answer for all groups) first, then group by group.
Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auditor.kube import kinds
from auditor.live.client import Answer, Client, Late
from auditor.model import Unavailable

AGGREGATED: Final = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)


@dataclass(frozen=True, slots=True)
class Served:
    """One kind as this server serves it: in the version it prefers, at `path`."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The URL path of the collection, in a namespace or of the whole cluster, or of one object of it."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        where = f"/namespaces/{namespace}" if namespace else ""
        return f"{base}{where}/{self.plural}" + (f"/{name}" if name else "")


@dataclass(frozen=True, slots=True)
class Discovery:
    """What is served, and which groups could not be asked (with the reason). A kind in neither is not served."""

    kinds: Mapping[tuple[str, str], Served]
    failed: Mapping[str, str]


def discover(client: Client, groups: Iterable[str]) -> Discovery:
    """The kinds of these groups ("" is the core group). Raises `Unavailable` only where nothing answers at all."""
    found: dict[tuple[str, str], Served] = {}
    failed: dict[str, str] = {}
    wanted = frozenset(groups)
    for path, part in (("/api", wanted & {""}), ("/apis", wanted - {""})):
        if part:
            _discover_part(client, path, part, found, failed)
    return Discovery(found, failed)


def _discover_part(
    client: Client, path: str, groups: frozenset[str], found: dict[tuple[str, str], Served], failed: dict[str, str]
) -> None:
    answer = client.get(path, accept=AGGREGATED)
    body = _document(answer)
    if body.get("kind") == "APIGroupDiscoveryList":
        for group, versions in _groups(body):
            if group in groups:
                _keep(_aggregated(group, versions), found)
                if any(version.get("freshness") == "Stale" for version in versions):
                    failed[group] = "its server does not answer"
        return
    if answer.status in {401, 403}:
        _assume(groups, found, failed)
        return
    versions_of = _legacy_versions(path, body)
    for group in sorted(groups):
        if versions_of is not None and group not in versions_of:
            continue  # the server has a list of its groups, and this one is not on it
        try:
            known = versions_of[group] if versions_of is not None else _asked_versions(client, group)
            for version in known:
                _keep(_asked_kinds(client, group, version), found)
        except Late:
            raise
        except (Unavailable, _Odd) as odd:
            failed[group] = str(odd)


class _Odd(Exception):
    """An answer that is no discovery document."""


def _document(answer: Answer) -> Mapping[str, Any]:
    if answer.status != 200:
        return {}
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _groups(body: Mapping[str, Any]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    for item in _mappings(body.get("items")):
        metadata = item.get("metadata")
        name = metadata.get("name", "") if isinstance(metadata, dict) else ""
        yield str(name), list(_mappings(item.get("versions")))


def _aggregated(group: str, versions: Iterable[Mapping[str, Any]]) -> Iterator[Served]:
    for version in versions:
        for resource in _mappings(version.get("resources")):
            response = resource.get("responseKind")
            kind = response.get("kind") if isinstance(response, dict) else None
            verbs = resource.get("verbs")
            yield from _served(
                group,
                version.get("version"),
                kind,
                resource.get("resource"),
                resource.get("scope") == "Namespaced",
                verbs,
            )


def _served(
    group: str, version: object, kind: object, plural: object, namespaced: bool, verbs: object
) -> Iterator[Served]:
    if not (isinstance(version, str) and isinstance(kind, str) and isinstance(plural, str)):
        return
    if "/" not in plural and isinstance(verbs, list) and "list" in verbs:  # with a slash: a subresource
        yield Served(group, version, kind, plural, namespaced)


def _keep(served: Iterable[Served], found: dict[tuple[str, str], Served]) -> None:
    """The first version that has a kind is the one the server prefers for it."""
    for each in served:
        found.setdefault((each.group, each.kind), each)


def _legacy_versions(path: str, body: Mapping[str, Any]) -> dict[str, list[str]] | None:
    """Group -> versions, preferred first, of an APIVersions or APIGroupList; None where the answer is neither."""
    if path == "/api" and body.get("kind") == "APIVersions" and isinstance(body.get("versions"), list):
        return {"": [str(version) for version in body["versions"]]}
    if path == "/apis" and body.get("kind") == "APIGroupList":
        return {str(group.get("name")): _versions(group) for group in _mappings(body.get("groups"))}
    return None


def _versions(group: Mapping[str, Any]) -> list[str]:
    listed = [str(version.get("version")) for version in _mappings(group.get("versions"))]
    preferred = group.get("preferredVersion")
    first = preferred.get("version") if isinstance(preferred, dict) else None
    return sorted(listed, key=lambda version: version != first)


def _asked_versions(client: Client, group: str) -> list[str]:
    if not group:
        return ["v1"]
    answer = client.get(f"/apis/{group}")
    if answer.status == 404 and (answer.status_reason() == "NotFound" or answer.content_type.startswith("text/plain")):
        return []
    body = _document(answer)
    if body.get("kind") != "APIGroup":
        raise _Odd(_odd(answer))
    return _versions(body)


def _asked_kinds(client: Client, group: str, version: str) -> list[Served]:
    answer = client.get(f"/apis/{group}/{version}" if group else f"/api/{version}")
    body = _document(answer)
    if body.get("kind") != "APIResourceList":
        raise _Odd(_odd(answer))
    return [
        served
        for resource in _mappings(body.get("resources"))
        for served in _served(
            group,
            version,
            resource.get("kind"),
            resource.get("name"),
            resource.get("namespaced") is True,
            resource.get("verbs"),
        )
    ]


def _odd(answer: Answer) -> str:
    return f"discovery answered {answer.status}" if answer.status != 200 else "discovery answered with no API document"


def _assume(groups: Iterable[str], found: dict[tuple[str, str], Served], failed: dict[str, str]) -> None:
    """Where discovery is forbidden, the kinds that every cluster of a known version serves."""
    for group in groups:
        if group not in kinds.GROUPS:
            failed[group] = "discovery is forbidden"
    _keep(
        (
            Served(kind.group, kind.version, kind.kind, kind.plural, kind.namespaced)
            for kind in kinds.BUILT_IN.values()
            if kind.group in groups and kind.listable
        ),
        found,
    )


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """The mappings of a list; nothing where it is none. What a server sends is not believed to have a shape."""
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))
