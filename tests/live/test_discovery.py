"""What is served is told group by group: a group that cannot be asked is unavailable, and no other is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.live.client import Client
from auditor.live.discovery import Discovery, Served, discover
from auditor.live.login import log_in
from tests.live.faulty import Faulty, Reply, aggregated, at, status

GROUPS = ("", "apps", "example.com", "not.served")
CONFIG_MAP = Served("", "v1", "ConfigMap", "configmaps", True)
DEPLOYMENT = Served("apps", "v1", "Deployment", "deployments", True)
WIDGET = Served("example.com", "v1", "Widget", "widgets", True)
ALL = {("", "ConfigMap"): CONFIG_MAP, ("apps", "Deployment"): DEPLOYMENT, ("example.com", "Widget"): WIDGET}


@pytest.fixture
def server() -> Iterator[Faulty]:
    with Faulty() as running:
        yield running


@contextmanager
def client_of(server: Faulty, folder: Path) -> Iterator[Client]:
    login = log_in(server.settings(folder))
    yield Client(login, timeout_seconds=10, deadline=time.monotonic() + 60, pause=lambda _: None)
    login.pool.clear()


def discovered(server: Faulty, folder: Path, groups: tuple[str, ...] = GROUPS) -> Discovery:
    with client_of(server, folder) as client:
        return discover(client, groups)


def legacy(server: Faulty) -> None:
    """A server from before aggregated discovery."""
    resources = {
        "/api/v1": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True, "verbs": ["list"]}],
        "/apis/apps/v1": [
            {"name": "deployments/odd", "kind": "Deployment", "namespaced": True, "verbs": ["list"]},
            {"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": ["get", "list"]},
            {"name": "deployments/scale", "kind": "Scale", "namespaced": True, "verbs": ["get"]},
        ],
        "/apis/example.com/v1": [{"name": "widgets", "kind": "Widget", "namespaced": True, "verbs": ["list"]}],
        "/apis/example.com/v2": [{"name": "gadgets", "kind": "Gadget", "namespaced": False, "verbs": ["list"]}],
    }
    server.faults += [
        at("/api", Reply(body={"kind": "APIVersions", "versions": ["v1"]})),
        at(
            "/apis",
            Reply(body={"kind": "APIGroupList", "groups": [_group("apps", "v1"), _group("example.com", "v1", "v2")]}),
        ),
        at("/apis/apps", Reply(body={"kind": "APIGroup"} | _group("apps", "v1"))),
        at("/apis/example.com", Reply(body={"kind": "APIGroup"} | _group("example.com", "v1", "v2"))),
        *(at(path, Reply(body={"kind": "APIResourceList", "resources": found})) for path, found in resources.items()),
    ]


def _group(name: str, *versions: str) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[-1]}


GADGET = Served("example.com", "v2", "Gadget", "gadgets", False)


@pytest.mark.parametrize(
    "reply",
    [
        status(503, "ServiceUnavailable"),
        Reply(200, b"", "application/json"),
        Reply(200, b"<html>", "text/html"),
        Reply(200, b"{}", "application/json"),
        Reply(200, b'"text"', "application/json"),
        Reply(body=b" " * 100, cut=5),
    ],
)
def test_a_group_that_fails_fails_alone(tmp_path: Path, server: Faulty, reply: Reply) -> None:
    server.faults = [at("/apis/example.com/v1", reply)]
    legacy(server)
    found = discovered(server, tmp_path)
    assert found.kinds == {
        ("", "ConfigMap"): CONFIG_MAP,
        ("apps", "Deployment"): DEPLOYMENT,
        ("example.com", "Gadget"): GADGET,  # of the group's other version, which was read before
    }
    assert set(found.failed) == {"example.com"}


@pytest.mark.parametrize(
    "reply", [status(503, "ServiceUnavailable"), Reply(200, b"", ""), Reply(200, b"<html>", "text/html")]
)
def test_without_a_list_of_groups_each_group_is_asked_for_by_name(tmp_path: Path, server: Faulty, reply: Reply) -> None:
    server.faults = [at("/apis", reply)]
    legacy(server)
    found = discovered(server, tmp_path)
    assert found.kinds == ALL | {("example.com", "Gadget"): GADGET}
    assert found.failed == {}


def test_a_group_whose_server_is_down_is_stale_and_only_what_is_not_known_of_it_is_unavailable(
    tmp_path: Path, server: Faulty
) -> None:
    document = aggregated(["/apis/apps/v1", "/apis/example.com/v1"])
    document["items"][1]["versions"][0] |= {"freshness": "Stale", "resources": []}
    server.faults = [at("/apis", Reply(body=document))]
    found = discovered(server, tmp_path)
    assert found.kinds == {("", "ConfigMap"): CONFIG_MAP, ("apps", "Deployment"): DEPLOYMENT}
    assert found.failed == {"example.com": "its server does not answer"}


def test_a_group_that_is_not_served_is_neither_found_nor_failed(tmp_path: Path, server: Faulty) -> None:
    assert discovered(server, tmp_path) == Discovery(ALL, {})
    assert [seen.path for seen in server.seen] == ["/api", "/apis"]


def test_an_older_server_is_asked_only_for_the_groups_that_are_wanted(tmp_path: Path, server: Faulty) -> None:
    legacy(server)
    assert discovered(server, tmp_path, ("apps", "not.served")).kinds == {("apps", "Deployment"): DEPLOYMENT}
    assert [seen.path for seen in server.seen] == ["/apis", "/apis/apps/v1"]


def test_the_version_that_the_server_prefers_is_taken(tmp_path: Path, server: Faulty) -> None:
    document = aggregated(["/apis/apps/v1", "/apis/apps/v1"])
    versions = document["items"][0]["versions"] + document["items"][1]["versions"]
    versions[0] = json.loads(json.dumps(versions[0]).replace('"v1"', '"v2"'))
    document["items"] = [{"metadata": {"name": "apps"}, "versions": versions}]
    server.faults = [at("/apis", Reply(body=document))]
    assert discovered(server, tmp_path).kinds["apps", "Deployment"].version == "v2"


def test_where_discovery_is_forbidden_the_built_in_kinds_are_assumed(tmp_path: Path, server: Faulty) -> None:
    server.faults = [at("/api", status(403, "Forbidden")), at("/apis", status(403, "Forbidden"))]
    found = discovered(server, tmp_path)
    assert found.kinds["", "ConfigMap"] == CONFIG_MAP
    assert found.kinds["apps", "Deployment"] == DEPLOYMENT
    assert found.failed == {"example.com": "discovery is forbidden", "not.served": "discovery is forbidden"}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["apps", "v1", "Stale", "APIGroupDiscoveryList", "APIGroupList", "list"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["kind", "items", "metadata", "name", "versions", "version", "resources", "resource", "responseKind", "verbs", "groups", "freshness", "preferredVersion"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=15,
)  # fmt: skip


def test_whatever_json_a_server_sends_discovery_does_not_fail_on_it(tmp_path: Path, server: Faulty) -> None:
    with client_of(server, tmp_path) as client:

        @given(
            body=_json, kind=st.sampled_from(["APIGroupDiscoveryList", "APIGroupList", "APIVersions", "APIGroup", None])
        )
        def holds(body: Any, kind: str | None) -> None:
            if isinstance(body, dict) and kind:
                body = {**body, "kind": kind}
            reply = Reply(body=json.dumps(body).encode())
            server.faults = [at(path, reply) for path in ("/apis", "/api", "/apis/apps", "/apis/apps/v1")]
            assert set(discover(client, ("", "apps")).failed) <= {"", "apps"}

        holds()
