"""A list is whole, or it is no list: pages, expiry, torn and odd answers. What cannot be read is never "not there"."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.secrets import new_key
from auditor.live.client import Client
from auditor.live.discovery import Served
from auditor.live.lister import Listing, Reading, list_objects
from auditor.live.login import log_in
from auditor.model import CellState, Sealed
from tests.live.faulty import Faulty, Reply, at, status

CONFIG_MAPS = "/api/v1/configmaps"
CONFIG_MAP = Served("", "v1", "ConfigMap", "configmaps", True)
WIDGET = Served("example.com", "v1", "Widget", "widgets", True)


@pytest.fixture
def server() -> Iterator[Faulty]:
    with Faulty() as running:
        yield running


READING = Reading("c", new_key(), 10, lambda _: True)


@contextmanager
def client_of(server: Faulty, folder: Path) -> Iterator[Client]:
    login = log_in(server.settings(folder))
    yield Client(login, timeout_seconds=10, deadline=time.monotonic() + 60, pause=lambda _: None)
    login.pool.clear()


def listing(
    server: Faulty, folder: Path, served: Served = CONFIG_MAP, *, namespace: str | None = None, page_size: int = 10
) -> Listing:
    with client_of(server, folder) as client:
        return list_objects(client, served, replace(READING, page_size=page_size), namespace=namespace)


def names(found: Listing) -> list[str]:
    return [resource.ref.name for resource in found.resources]


def page(items: Any, **changes: Any) -> Reply:
    return Reply(body={"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {}, "items": items} | changes)


# --- what is no list ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "state", "reason"),
    [
        (Reply(200, b"<html>Sign in</html>", "text/html"), "unavailable", "not from the Kubernetes API"),
        (Reply(200, b"", "application/json"), "unavailable", "empty"),
        (Reply(200, b"", ""), "unavailable", "not from the Kubernetes API"),
        (Reply(200, b"{", "application/json"), "unavailable", "not JSON"),
        (Reply(200, b"[]", "application/json"), "unavailable", "no list of ConfigMap"),
        (page([], kind="Table"), "unavailable", "no list of ConfigMap"),
        (page([], kind="PartialObjectMetadataList"), "unavailable", "no list of ConfigMap"),
        (page([], kind=None), "unavailable", "no list of ConfigMap"),
        (page([], apiVersion="v2"), "unavailable", "not of version v1"),
        (page({}), "unavailable", "no list of ConfigMap"),
        (page([], metadata=[]), "unavailable", "no list of ConfigMap"),
        (page([], metadata={"continue": 7}), "unavailable", "token is no text"),
        (status(403, "Forbidden"), "denied", "forbidden"),
        (Reply(403, b"<html>Blocked by policy", "text/html"), "unavailable", "answered 403"),
        (status(404, "NotFound"), "absent", "not served any more"),
        (Reply(404, b"404 page not found\n", "text/plain; charset=utf-8"), "absent", "not served any more"),
        (Reply(404, b"<html>Not here", "text/html"), "unavailable", "answered 404"),
        (status(401, "Unauthorized"), "unavailable", "credentials are not accepted any more"),
        (status(429, "TooManyRequests"), "unavailable", "throttled"),
        (status(500, "InternalError"), "unavailable", r"answered 500 \(InternalError\)"),
        (status(503, "<script>"), "unavailable", "answered 503$"),
        (status(405, "MethodNotAllowed"), "unavailable", "answered 405"),
        (Reply(302, headers={"Location": "/"}), "unavailable", "answered 302"),
    ],
)
def test_what_is_no_list_gives_a_state_and_no_objects(
    tmp_path: Path, server: Faulty, reply: Reply, state: str, reason: str
) -> None:
    server.add("ConfigMap", "a", *(f"n{n}" for n in range(15)))
    for number in (1, 2):  # on the first page and in the middle
        server.faults = [
            at(CONFIG_MAPS, lambda query, _, n=number: reply if ("continue" in query) == (n == 2) else None)
        ]
        found = listing(server, tmp_path)
        assert found.state == state
        assert re.search(reason, found.reason), found.reason
        assert found.resources == ()


def test_no_items_at_all_is_an_empty_list(tmp_path: Path, server: Faulty) -> None:
    for items in ([], None):
        server.faults = [at(CONFIG_MAPS, page(items))]
        assert listing(server, tmp_path) == Listing(CellState.LISTED)


def test_a_list_whose_token_never_changes_is_given_up(tmp_path: Path, server: Faulty) -> None:
    server.faults = [at(CONFIG_MAPS, page([], metadata={"continue": "abc"}))]
    found = listing(server, tmp_path)
    assert (found.state, found.reason) == (
        CellState.UNAVAILABLE,
        "the list does not go on: the same continue token again",
    )
    assert len(server.seen) == 2


# --- pages -------------------------------------------------------------------------------------------------------------


def test_for_any_split_and_any_expiry_each_object_comes_once_or_the_cell_says_so(
    tmp_path: Path, server: Faulty
) -> None:
    with client_of(server, tmp_path) as client:

        @given(
            sizes=st.lists(st.integers(0, 4), min_size=1, max_size=8),
            expired=st.sets(st.integers(1, 12)),
            broken=st.sets(st.integers(1, 12)),
        )
        def holds(sizes: list[int], expired: set[int], broken: set[int]) -> None:
            """`sizes` objects a page, also none; the n-th request of the list is answered 410 or 503."""
            starts = [sum(sizes[:n]) for n in range(len(sizes) + 1)]
            everything = [{"metadata": {"name": f"n{n}", "namespace": "a"}} for n in range(starts[-1])]
            count = 0

            def serve(query: dict[str, str], _: int) -> Reply:
                nonlocal count
                count += 1
                if count in expired:
                    return status(410, "Expired")
                if count in broken:
                    return status(503, "Unavailable")
                if "limit" not in query:
                    return page(everything)
                number = int(query.get("continue", "t0")[1:])
                more = {"continue": f"t{number + 1}"} if number + 1 < len(sizes) else {}
                return page(everything[starts[number] : starts[number + 1]], metadata=more)

            server.faults = [at(CONFIG_MAPS, serve)]
            found = list_objects(client, CONFIG_MAP, READING)
            if found.state is CellState.LISTED:
                assert names(found) == [item["metadata"]["name"] for item in everything]
            else:
                assert (found.state, found.resources) == (CellState.UNAVAILABLE, ())
                assert len(expired) >= 4 or len(broken) >= 3

        holds()


def test_after_two_restarts_an_expiring_list_is_asked_for_without_pages(tmp_path: Path, server: Faulty) -> None:
    server.add("ConfigMap", "a", *(f"n{n}" for n in range(25)))
    server.faults = [at(CONFIG_MAPS, lambda query, _: status(410, "Expired") if "continue" in query else None)]
    assert len(names(listing(server, tmp_path))) == 25
    assert [("limit" in seen.query, "continue" in seen.query) for seen in server.seen] == [
        (True, False), (True, True), (True, False), (True, True), (True, False), (True, True), (False, False),
    ]  # fmt: skip


def test_a_list_that_always_expires_is_unavailable(tmp_path: Path, server: Faulty) -> None:
    server.faults = [at(CONFIG_MAPS, status(410, "Expired"))]
    assert listing(server, tmp_path).reason == "the list expired while it was being read"
    assert len(server.seen) == 4


def test_a_page_that_is_too_large_is_asked_for_in_parts(
    tmp_path: Path, server: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("ConfigMap", "a", *(f"n{n}" for n in range(40)))
    server.objects["ConfigMap", "a"][17]["data"] = {"k": "v" * 3000}
    monkeypatch.setattr("auditor.live.client.LARGEST", 3500)
    found = listing(server, tmp_path, page_size=40)
    assert (found.state, names(found)) == (CellState.LISTED, [f"n{n}" for n in range(40)])


def test_one_object_that_is_too_large_makes_its_kind_unavailable(
    tmp_path: Path, server: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("ConfigMap", "a", "big")
    server.objects["ConfigMap", "a"][0]["data"] = {"k": "v" * 5000}
    monkeypatch.setattr("auditor.live.client.LARGEST", 3500)
    assert listing(server, tmp_path).reason == "one object is too large to be read"


# --- odd objects -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        None, 7, "text", [], {}, {"metadata": None}, {"metadata": {}}, {"metadata": {"name": ""}}, {"metadata": {"name": 7}},
        {"metadata": {"name": "x"}}, {"metadata": {"name": "x", "namespace": ""}}, {"metadata": {"name": "x", "namespace": 7}},
        {"metadata": {"name": "x", "namespace": "a"}, "kind": "Secret"}, {"metadata": {"name": "x", "namespace": "a"}, "apiVersion": "v2"},
    ],
)  # fmt: skip
def test_an_odd_object_is_one_problem_and_its_neighbours_stand(tmp_path: Path, server: Faulty, odd: Any) -> None:
    server.add("ConfigMap", "a", "before")
    server.objects["ConfigMap", "a"].append(odd)
    server.add("ConfigMap", "a", "after")
    found = listing(server, tmp_path)
    assert (found.state, names(found)) == (CellState.LISTED, ["before", "after"])
    assert [problem.code for problem in found.problems] == ["SRC301"]
    assert "kubectl get configmaps" in found.problems[0].remedy


@pytest.mark.parametrize("bad", ["deep", "utf8"])
def test_an_object_that_cannot_be_decoded_costs_itself_alone(tmp_path: Path, server: Faulty, bad: str) -> None:
    server.add("Widget", "a", *(f"n{n}" for n in range(30)))
    server.objects["Widget", "a"][17]["spec"] = "BAD"
    broken = b'"' + b"\xff\xfe" + b'"' if bad == "utf8" else b"[" * 3000 + b"]" * 3000

    def spoil(query: dict[str, str], _: int) -> Reply:
        healthy = server._healthy("/apis/example.com/v1/widgets", query)
        return Reply(body=json.dumps(healthy.body).encode().replace(b'"BAD"', broken))

    server.faults = [at("/apis/example.com/v1/widgets", spoil)]
    found = listing(server, tmp_path, WIDGET, page_size=30)
    assert found.state is CellState.LISTED
    assert names(found) == [f"n{n}" for n in range(30) if n != 17]
    assert [problem.code for problem in found.problems] == ["SRC301"]


def test_a_custom_object_that_nests_too_deep_to_be_walked_is_left_out(tmp_path: Path, server: Faulty) -> None:
    server.add("Widget", "a", "flat", "deep", "last")
    nested: Any = "end"
    for _ in range(150):
        nested = {"a": [nested]}
    server.objects["Widget", "a"][1]["spec"] = nested
    found = listing(server, tmp_path, WIDGET)
    assert names(found) == ["flat", "last"]
    assert "nested deeper than 100 levels" in found.problems[0].message
    assert found.problems[0].ref is not None


def test_an_object_of_another_namespace_than_the_one_asked_for_is_not_believed(tmp_path: Path, server: Faulty) -> None:
    item = {"metadata": {"name": "x", "namespace": "b"}}
    server.faults = [at("/api/v1/namespaces/a/configmaps", page([item]))]
    found = listing(server, tmp_path, namespace="a")
    assert found.resources == ()
    assert "not of the namespace that was asked for" in found.problems[0].message


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "apiVersion", "metadata", "items", "name", "namespace", "continue", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def test_whatever_json_comes_there_is_a_state_and_no_exception(tmp_path: Path, server: Faulty) -> None:
    with client_of(server, tmp_path) as client:

        @given(body=_json, own=st.booleans())
        def holds(body: Any, own: bool) -> None:
            if own and isinstance(body, dict):
                body = {"kind": "ConfigMapList", "apiVersion": "v1", "items": [body], "metadata": {}}
            server.faults = [at(CONFIG_MAPS, Reply(body=json.dumps(body).encode()))]
            assert list_objects(client, CONFIG_MAP, READING).state in CellState

        holds()


# --- what is kept ------------------------------------------------------------------------------------------------------


def test_objects_get_kind_and_version_from_their_list_and_stay_whole(tmp_path: Path, server: Faulty) -> None:
    item = {
        "metadata": {"name": "x", "namespace": "a", "managedFields": [{"manager": "m"}]},
        "data": {"k": "v"},
        "future": 1,
    }
    server.objects["ConfigMap", "a"] = [item]
    (resource,) = listing(server, tmp_path).resources
    assert resource.body == {"apiVersion": "v1", "kind": "ConfigMap", **item}
    assert resource.origin is None
    assert str(resource.ref) == "ConfigMap a/x"


def test_secret_values_are_sealed_before_the_list_is_given_out(tmp_path: Path, server: Faulty) -> None:
    secret = Served("", "v1", "Secret", "secrets", True)
    item = {"metadata": {"name": "x", "namespace": "a"}, "type": "Opaque", "data": {"password": "Y2FuYXJ5"}}
    server.faults = [at("/api/v1/secrets", page([item], kind="SecretList"))]
    (resource,) = listing(server, tmp_path, secret).resources
    assert isinstance(resource.body["data"]["password"], Sealed)
    assert "Y2FuYXJ5" not in repr(resource.body)
