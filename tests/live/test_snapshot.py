"""The live side as a real API server gives it: what may be read is read, all else is said to be unknown, and nothing is ever written."""

from __future__ import annotations

import itertools
import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor import live
from auditor.kube import kinds, secrets
from auditor.live import lister, login
from auditor.live.client import Client
from auditor.live.discovery import discover
from auditor.model import CellState, Ref, Sealed, Snapshot, Unavailable
from auditor.settings import ClusterSettings
from tests.controlplane.plane import Plane, User

pytestmark = pytest.mark.component

POD_TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "web", "image": "nginx:1.29"}]},
}
CONFIG_MAP, DEPLOYMENT, POD, REPLICA_SET = (
    ("", "ConfigMap"),
    ("apps", "Deployment"),
    ("", "Pod"),
    ("apps", "ReplicaSet"),
)
NAMESPACE, SECRET, CLUSTER_ROLE = ("", "Namespace"), ("", "Secret"), ("rbac.authorization.k8s.io", "ClusterRole")
KEY = secrets.new_key()


def settings(user: User, **more: Any) -> ClusterSettings:
    return ClusterSettings(live=f"context:{user.name}", kubeconfig=user.kubeconfig, **more)


def fetch(
    user: User, wanted: set[tuple[str, str]], namespaces: set[str] | None, *, seconds: float = 60, **more: Any
) -> Snapshot:
    want = live.Wanted(frozenset(wanted), None if namespaces is None else frozenset(namespaces))
    return live.fetch(settings(user, **more), want, name="c", key=KEY, deadline=time.monotonic() + seconds)


def states(snapshot: Snapshot) -> dict[tuple[str, str | None], tuple[str, int]]:
    return {(cell.kind, cell.namespace): (cell.state.value, cell.objects) for cell in snapshot.cells}


def config_maps(plane: Plane, namespace: str, *names: str) -> None:
    for name in names:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": "v"}}
        assert plane.api("POST", f"/api/v1/namespaces/{namespace}/configmaps", body).code == 201


def deployment(plane: Plane, namespace: str, name: str = "web", replicas: int = 0) -> None:
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": POD_TEMPLATE}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}
    assert plane.api("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", body).code == 201


def until(true: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def other(plane: Plane) -> Iterator[str]:
    """A second namespace."""
    name = plane.new_namespace(f"test-{time.monotonic_ns()}")
    yield name
    plane.api("DELETE", f"/api/v1/namespaces/{name}")


# --- what may not be read ----------------------------------------------------------------------------------------------


def test_for_every_set_of_denied_cells_coverage_is_the_truth_and_nothing_that_runs_is_lost(
    plane: Plane, namespace: str, other: str
) -> None:
    """All 64 ways to allow three kinds in two namespaces."""
    places = {"configmaps": CONFIG_MAP, "deployments.apps": DEPLOYMENT, "services": ("", "Service")}
    cells = list(itertools.product((namespace, other), places))
    for each in (namespace, other):
        config_maps(plane, each, "one")
        deployment(plane, each)
    for allowed in itertools.chain.from_iterable(itertools.combinations(cells, n) for n in range(7)):
        user = plane.new_user()
        for each in (namespace, other):
            if plurals := [plural for place, plural in allowed if place == each]:
                plane.allow(user, namespace=each, resources=",".join(plurals))
        snapshot = fetch(user, set(places.values()), {namespace, other})
        for place, plural in cells:
            cell = snapshot.cell(*places[plural], place)
            found = {r.ref.name for r in snapshot.of_kind(*places[plural]) if r.ref.namespace == place}
            if (place, plural) in allowed:
                assert cell.state is CellState.LISTED
                assert found == {"configmaps": {"one", "kube-root-ca.crt"}, "deployments.apps": {"web"}}.get(
                    plural, set()
                )
                assert cell.objects == len(found)
            else:
                assert (cell.state, cell.reason, found) == (CellState.DENIED, "forbidden", set())


def test_a_token_for_two_namespaces_and_nothing_else_gives_a_full_audit_of_these_two(
    plane: Plane, namespace: str, other: str
) -> None:
    user = plane.new_user()
    for each in (namespace, other):
        plane.allow(user, namespace=each, resources="*.*")
        config_maps(plane, each, "one", "two")
    snapshot = fetch(user, {CONFIG_MAP, DEPLOYMENT, NAMESPACE}, {namespace, other})
    assert states(snapshot) == {
        ("Namespace", None): ("listed", 2),
        ("ConfigMap", namespace): ("listed", 3),
        ("ConfigMap", other): ("listed", 3),
        ("Deployment", namespace): ("listed", 0),
        ("Deployment", other): ("listed", 0),
    }
    assert {resource.ref.name for resource in snapshot.of_kind(*NAMESPACE)} == {namespace, other}
    assert snapshot.problems == ()


def test_namespaces_that_may_not_be_read_narrow_coverage_only_where_they_are_wanted(
    plane: Plane, namespace: str
) -> None:
    user = plane.new_user()
    plane.allow(user, namespace=namespace, resources="configmaps")
    assert states(fetch(user, {CONFIG_MAP}, {namespace}))["Namespace", None][0] == "excluded"
    assert states(fetch(user, {CONFIG_MAP, NAMESPACE}, {namespace}))["Namespace", None][0] == "denied"


def test_one_namespace_is_asked_for_directly(plane: Plane, namespace: str) -> None:
    user = plane.new_user()
    plane.allow(user, namespace=namespace, resources="*.*")
    fetch(user, {CONFIG_MAP, DEPLOYMENT}, {namespace})
    assert [request.uri for request in plane.requests(user) if request.code == 403] == ["/api/v1/namespaces?limit=500"]


def test_without_names_and_without_the_right_to_list_them_nothing_is_known_and_that_is_said(
    plane: Plane, namespace: str
) -> None:
    user = plane.new_user()
    plane.allow(user, namespace=namespace, resources="*.*")
    snapshot = fetch(user, {CONFIG_MAP}, None)
    assert states(snapshot)["ConfigMap", None] == ("denied", 0)
    assert [(problem.code, problem.remedy) for problem in snapshot.problems] == [
        ("SRC304", "name them in cluster.namespaces")
    ]


def test_a_namespace_that_is_gone_is_known_to_be_gone_only_by_whoever_may_list_namespaces(
    plane: Plane, namespace: str
) -> None:
    user, better = plane.new_user(), plane.new_user()
    for each in (user, better):
        plane.allow(each, namespace=namespace, resources="*.*")
    plane.allow(better, namespace=None, resources="namespaces")
    wanted = {namespace, "was-here-once"}
    assert fetch(user, {CONFIG_MAP}, wanted).cell(*CONFIG_MAP, "was-here-once").state is CellState.DENIED
    cell = fetch(better, {CONFIG_MAP}, wanted).cell(*CONFIG_MAP, "was-here-once")
    assert (cell.state, cell.reason) == (CellState.LISTED, "there is no such namespace")


def test_secrets_are_never_asked_for_unless_a_setting_says_so(plane: Plane, namespace: str) -> None:
    canary = "canary-1b6453892473"
    plane.kubectl("-n", namespace, "create", "secret", "generic", "s", f"--from-literal=password={canary}")
    user = plane.new_user()
    plane.allow(user, namespace=None, resources="*.*")
    wanted = {SECRET, CONFIG_MAP}
    for namespaces in (None, {namespace}, {namespace, "default"}):
        snapshot = fetch(user, wanted, namespaces)
        assert snapshot.cell(*SECRET, namespace).state is CellState.EXCLUDED
        assert snapshot.of_kind(*SECRET) == ()
    ref = Ref("c", "", "Secret", namespace, "gone")
    assert live.confirm(settings(user), [ref], deadline=time.monotonic() + 20) == {ref: "unknown"}
    assert [request.uri for request in plane.requests(user) if "secrets" in request.uri] == []

    snapshot = fetch(user, wanted, {namespace}, read_secrets=True)
    (secret,) = snapshot.of_kind(*SECRET)
    assert isinstance(secret.body["data"]["password"], Sealed)
    assert canary not in repr(snapshot)
    assert canary.encode() not in live.write_dump(snapshot)
    assert [request.uri for request in plane.requests(user) if "secrets" in request.uri] != []


def test_system_namespaces_are_read_by_name_or_by_a_setting(plane: Plane) -> None:
    user = plane.new_user()
    plane.allow(user, namespace=None, resources="*.*")

    def read(namespaces: set[str] | None, **more: Any) -> tuple[str, bool]:
        snapshot = fetch(user, {CONFIG_MAP}, namespaces, **more)
        assert ("default" in {r.ref.namespace for r in snapshot.of_kind(*CONFIG_MAP)}) == (namespaces is None)
        found = any(resource.ref.namespace == "kube-system" for resource in snapshot.of_kind(*CONFIG_MAP))
        return snapshot.cell(*CONFIG_MAP, "kube-system").state.value, found

    assert read(None) == ("excluded", False)
    assert read(None, system_namespaces=True) == ("listed", True)
    assert read({"kube-system"}) == ("listed", True)


# --- what is not there, or breaks --------------------------------------------------------------------------------------


def test_a_kind_that_is_not_served_is_absent(plane: Plane, namespace: str) -> None:
    snapshot = fetch(plane.admin, {("argoproj.io", "Rollout"), ("apps", "Nonsense"), CONFIG_MAP}, {namespace})
    assert states(snapshot)["Rollout", None] == ("absent", 0)
    assert states(snapshot)["Nonsense", None] == ("absent", 0)
    assert states(snapshot)["ConfigMap", namespace] == ("listed", 1)


def test_an_aggregated_api_that_is_down_is_unavailable_and_all_else_is_as_before(plane: Plane, namespace: str) -> None:
    config_maps(plane, namespace, "one")
    wanted = {CONFIG_MAP, DEPLOYMENT, ("down.example.com", "PodMetrics")}
    healthy = fetch(plane.admin, wanted, {namespace})
    assert healthy.cell("down.example.com", "PodMetrics", namespace).state is CellState.ABSENT
    name = "v1beta1.down.example.com"
    service = {"name": "nobody", "namespace": namespace}
    spec = {
        "group": "down.example.com",
        "version": "v1beta1",
        "service": service,
        "insecureSkipTLSVerify": True,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
    }
    body = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name}, "spec": spec}
    path = "/apis/apiregistration.k8s.io/v1/apiservices"
    assert plane.api("POST", path, body).code == 201
    try:
        until(lambda: "down.example.com" in plane.kubectl("get", "--raw", "/apis"))
        until(
            lambda: (
                fetch(plane.admin, wanted, {namespace}).cell("down.example.com", "PodMetrics", namespace).state
                is CellState.UNAVAILABLE
            )
        )
        snapshot = fetch(plane.admin, wanted, {namespace})
    finally:
        plane.api("DELETE", f"{path}/{name}")
    assert snapshot.cell("down.example.com", "PodMetrics", namespace).reason == "its server does not answer"
    assert snapshot.cell(*CONFIG_MAP, namespace) == healthy.cell(*CONFIG_MAP, namespace)
    for kind in (CONFIG_MAP, DEPLOYMENT):
        assert {r.ref: r.body for r in snapshot.of_kind(*kind)} == {r.ref: r.body for r in healthy.of_kind(*kind)}


def crd(plane: Plane, group: str, kind: str = "Widget") -> Iterator[None]:
    plural = f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    spec = {
        "group": group,
        "scope": "Namespaced",
        "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"Many{kind}List"},
        "versions": [
            {"name": "v1alpha1", "served": True, "storage": False, "schema": schema},
            {"name": "v1", "served": True, "storage": True, "schema": schema},
        ],
    }
    metadata = {"name": f"{plural}.{group}"}
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": spec,
    }
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert plane.api("POST", path, body).code == 201
    until(lambda: plane.api("GET", f"/apis/{group}/v1/{plural}").code == 200)
    until(lambda: group in plane.kubectl("get", "--raw", "/apis"))
    yield
    plane.api("DELETE", f"{path}/{plural}.{group}")


def test_custom_resources_are_read_in_the_version_the_server_prefers(plane: Plane, namespace: str) -> None:
    group = f"{namespace}.example.com"
    for _ in crd(plane, group):
        body = {
            "apiVersion": f"{group}/v1",
            "kind": "Widget",
            "metadata": {"name": "w"},
            "spec": {"size": 3, "future": [1]},
        }
        assert plane.api("POST", f"/apis/{group}/v1/namespaces/{namespace}/widgets", body).code == 201
        snapshot = fetch(plane.admin, {(group, "Widget")}, {namespace})
        (widget,) = snapshot.of_kind(group, "Widget")
        assert widget.api_version == f"{group}/v1"
        assert widget.body["spec"] == {"size": 3, "future": [1]}
        assert widget.metadata["managedFields"]


def test_a_definition_that_is_deleted_between_discovery_and_list_is_absent(
    plane: Plane, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = f"{namespace}.example.com"
    definition = crd(plane, group)
    next(definition)
    served = discover(_client(plane), {group}).kinds[group, "Widget"]
    next(definition, None)
    until(lambda: plane.api("GET", f"/apis/{group}/v1/widgets").code == 404)
    found = lister.list_objects(_client(plane), served, lister.Reading("c", KEY, 500, lambda _: True))
    assert (found.state, found.reason) == (CellState.ABSENT, "not served any more")


@pytest.mark.parametrize("compacted", [False, True])
def test_the_api_server_restarts_in_the_middle_of_a_list(own_plane: Plane, compacted: bool) -> None:
    """Where etcd was compacted meanwhile, the restarted server answers 410 for the continue token, and the list begins anew."""
    namespace = own_plane.new_namespace(f"restart-{compacted}".lower())
    names = {f"n{number:02}" for number in range(12)}
    config_maps(own_plane, namespace, *names)
    client = _client(own_plane)
    served = discover(client, {""}).kinds[CONFIG_MAP]
    restarted = False

    def keeps(_: str | None) -> bool:
        nonlocal restarted
        if not restarted:
            restarted = True
            if compacted:
                config_maps(own_plane, namespace, "late")
                _compact(own_plane)
            own_plane.stop_api_server()
            own_plane.start_api_server()
        return True

    before = len(own_plane.requests())
    found = lister.list_objects(client, served, lister.Reading("c", KEY, 5, keeps), namespace=namespace)
    client.login.pool.clear()
    assert found.state is CellState.LISTED
    assert len(found.resources) == len({resource.ref for resource in found.resources})
    assert {resource.ref.name for resource in found.resources} == names | {"kube-root-ca.crt"} | (
        {"late"} if compacted else set()
    )
    codes = [request.code for request in own_plane.requests()[before:] if "/configmaps?limit=5" in request.uri]
    assert (410 in codes) is compacted


def test_an_outage_is_no_empty_cluster(own_plane: Plane) -> None:
    own_plane.new_namespace("outage")
    config_maps(own_plane, "outage", "one")
    before = fetch(own_plane.admin, {CONFIG_MAP}, {"outage"})
    ref = Ref("c", "", "ConfigMap", "outage", "one")
    own_plane.stop_api_server()
    with pytest.raises(Unavailable, match="nobody listens at https://127"):
        fetch(own_plane.admin, {CONFIG_MAP}, {"outage"})
    assert live.confirm(settings(own_plane.admin), [ref], deadline=time.monotonic() + 20) == {ref: "unknown"}
    own_plane.start_api_server()
    after = fetch(own_plane.admin, {CONFIG_MAP}, {"outage"})
    assert {r.ref: r.body for r in after.resources} == {r.ref: r.body for r in before.resources}


# --- who asks ----------------------------------------------------------------------------------------------------------


def test_a_token_that_the_server_does_not_know_is_refused(plane: Plane, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(json.dumps(plane.kubeconfig_of("stranger", "no-such-token")))
    with pytest.raises(Unavailable, match="does not accept the credentials of context stranger") as told:
        fetch(User("stranger", "", path), {CONFIG_MAP}, {"default"})
    assert told.value.reason == "auth"


def test_a_server_that_another_authority_signed_is_not_trusted(plane: Plane, tmp_path: Path) -> None:
    import certifi

    path = tmp_path / "config"
    path.write_text(
        json.dumps(plane.kubeconfig_of("x", plane.admin.token, **{"certificate-authority": certifi.where()}))
    )
    with pytest.raises(Unavailable, match=r"the certificate of https://127\S+ is not trusted: self-signed") as told:
        fetch(User("x", "", path), {CONFIG_MAP}, {"default"})
    assert "certificate-authority" in told.value.remedy


def test_from_within_a_pod_a_rotated_token_is_read_again(
    plane: Plane, namespace: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(plane.port))
    monkeypatch.setattr(login, "SERVICE_ACCOUNT", tmp_path)
    (tmp_path / "ca.crt").write_bytes(plane.ca_file.read_bytes())
    config_maps(plane, namespace, *(f"n{number}" for number in range(4)))
    account = plane.service_account(namespace, "auditor")
    plane.allow(account, namespace=namespace, resources="configmaps")
    token = tmp_path / "token"
    token.write_text(account.token + "\n")
    want = live.Wanted(frozenset({CONFIG_MAP}), frozenset({namespace}))
    rotated: list[str] = []

    class Slow(Client):
        """The token becomes invalid between two pages, as when its ServiceAccount is made anew."""

        def get(self, path: str, *args: Any, **kwargs: Any) -> Any:
            if "configmaps" in path and "continue" in (args[0] if args else {}) and not rotated:
                plane.api("DELETE", f"/api/v1/namespaces/{namespace}/serviceaccounts/auditor")
                until(lambda: plane.api("GET", "/api", user=account).code == 401)
                rotated.append(plane.service_account(namespace, "auditor").token)
                token.write_text(rotated[0] + "\n")
            return super().get(path, *args, **kwargs)

    monkeypatch.setattr("auditor.live.snapshot.Client", Slow)
    in_cluster = ClusterSettings(page_size=2)
    snapshot = live.fetch(in_cluster, want, name="c", key=KEY, deadline=time.monotonic() + 60)
    assert rotated
    assert states(snapshot)["ConfigMap", namespace] == ("listed", 5)


def test_only_get_and_list_reach_the_server(plane: Plane, namespace: str) -> None:
    user = plane.new_user()
    plane.allow(user, namespace=None, verbs="*", resources="*.*")
    snapshot = fetch(user, set(kinds.BUILT_IN), None, read_secrets=True)
    live.confirm(settings(user, read_secrets=True), snapshot.by_ref, deadline=time.monotonic() + 60)
    requests = plane.requests(user)
    assert {request.verb for request in requests} == {"get", "list"}
    assert {request.agent for request in requests} == {"gitops-auditor"}


# --- how much is asked -------------------------------------------------------------------------------------------------


def test_one_list_for_each_kind_and_one_for_each_namespace_after_a_refusal(
    plane: Plane, namespace: str, other: str
) -> None:
    wanted = {CONFIG_MAP, DEPLOYMENT, POD, REPLICA_SET, ("", "Service"), CLUSTER_ROLE}
    many = {namespace, other, "default"}

    def lists(user: User) -> list[str]:
        fetch(user, wanted, many)
        return [request.uri for request in plane.requests(user) if request.verb == "list"]

    mighty = plane.new_user()
    plane.allow(mighty, namespace=None, resources="*.*")
    asked = lists(mighty)
    assert len(asked) == len(set(asked)) == len(wanted) + 1  # and the namespaces

    narrow = plane.new_user()
    plane.allow(
        narrow,
        namespace=None,
        resources="namespaces,pods,services,clusterroles.rbac.authorization.k8s.io,deployments.apps,replicasets.apps",
    )
    plane.allow(narrow, namespace=namespace, resources="configmaps")
    asked = lists(narrow)
    assert len(asked) == len(set(asked)) == len(wanted) + 1 + len(many)


def test_the_size_of_pages_changes_nothing(plane: Plane, namespace: str) -> None:
    config_maps(plane, namespace, *(f"n{number:02}" for number in range(10)))
    small, large = (
        {r.ref: r.body for r in fetch(plane.admin, {CONFIG_MAP, CLUSTER_ROLE}, {namespace}, page_size=size).resources}
        for size in (3, 500)
    )
    small, large = ({ref: body for ref, body in side.items() if ref.kind != "Namespace"} for side in (small, large))
    assert small == large
    assert len(small) > 70


def test_what_kubectl_sees_is_what_we_see(plane: Plane, namespace: str) -> None:
    deployment(plane, namespace, replicas=2)
    until(lambda: plane.kubectl("-n", namespace, "get", "pods", "-o", "name").count("pod/") == 2)
    config_maps(plane, namespace, "a", "b")
    ours = fetch(plane.admin, {CONFIG_MAP, DEPLOYMENT, POD, REPLICA_SET, ("", "ServiceAccount")}, {namespace})
    shown = plane.kubectl(
        "-n",
        namespace,
        "get",
        "configmaps,deployments,pods,replicasets,serviceaccounts",
        "-o",
        "json",
        "--show-managed-fields",
    )
    theirs: Mapping[tuple[str, str], Any] = {(i["kind"], i["metadata"]["name"]): i for i in json.loads(shown)["items"]}
    assert {(r.ref.kind, r.ref.name) for r in ours.resources} - {("Namespace", namespace)} - {
        (r.ref.kind, r.ref.name) for r in ours.of_kind(*NAMESPACE)
    } == set(theirs)
    for resource in ours.resources:
        if resource.ref.kind in {"ConfigMap", "ServiceAccount"}:
            assert resource.body == theirs[resource.ref.kind, resource.ref.name]
    assert ours.version == plane.api("GET", "/version").body["gitVersion"]
    assert ours.sources[0].name == "c"
    assert ours.sources[0].fetched_at is not None


def test_pods_and_replica_sets_of_a_controller_are_projected_and_others_stay_whole(
    plane: Plane, namespace: str
) -> None:
    deployment(plane, namespace, replicas=1)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bare", "annotations": {"a": "b"}},
        "spec": POD_TEMPLATE["spec"],
    }
    assert plane.api("POST", f"/api/v1/namespaces/{namespace}/pods", pod).code == 201
    until(lambda: plane.kubectl("-n", namespace, "get", "pods", "-o", "name").count("pod/") == 2)
    snapshot = fetch(plane.admin, {POD, REPLICA_SET, DEPLOYMENT}, {namespace})
    bare = next(r for r in snapshot.of_kind(*POD) if r.ref.name == "bare")
    owned = next(r for r in snapshot.of_kind(*POD) if r.ref.name != "bare")
    (replica_set,) = snapshot.of_kind(*REPLICA_SET)
    assert bare.metadata["managedFields"]
    assert bare.body["spec"]["volumes"]  # the token that ServiceAccount admission adds
    assert "managedFields" not in owned.metadata
    assert owned.labels()["app"] == "web"
    assert owned.body["spec"]["containers"] == [{"name": "web", "image": "nginx:1.29"}]
    assert owned.body["status"]["phase"] == "Pending"
    assert replica_set.annotations()["deployment.kubernetes.io/revision"] == "1"
    assert replica_set.body["spec"].keys() == {"replicas", "selector"}
    assert snapshot.of_kind(*DEPLOYMENT)[0].metadata["managedFields"]


# --- confirmation ------------------------------------------------------------------------------------------------------


def test_missing_is_confirmed_only_by_the_servers_own_word(plane: Plane, namespace: str) -> None:
    config_maps(plane, namespace, "there")
    narrow = plane.new_user()
    plane.allow(narrow, namespace=namespace, resources="configmaps")

    def ref(kind: str, place: str | None, name: str, group: str = "") -> Ref:
        return Ref("c", group, kind, place, name)

    wanted = [
        ref("ConfigMap", namespace, "there"),
        ref("ConfigMap", namespace, "not-there"),
        ref("ConfigMap", "no-such-namespace", "x"),
        ref("Deployment", namespace, "x", "apps"),
        ref("Widget", namespace, "x", "not.served"),
        ref("ConfigMap", None, "there"),
        ref("Namespace", None, "no-such-namespace"),
    ]
    asked = live.confirm(settings(narrow), wanted, deadline=time.monotonic() + 20)
    assert list(asked.values()) == ["found", "gone", "unknown", "unknown", "unknown", "unknown", "unknown"]
    asked = live.confirm(settings(plane.admin), wanted, deadline=time.monotonic() + 20)
    assert list(asked.values()) == ["found", "gone", "gone", "gone", "unknown", "unknown", "gone"]


def test_after_the_deadline_nothing_is_confirmed(plane: Plane, namespace: str) -> None:
    ref = Ref("c", "", "ConfigMap", namespace, "x")
    assert live.confirm(settings(plane.admin), [ref], deadline=time.monotonic() - 1) == {ref: "unknown"}


def _client(plane: Plane) -> Client:
    """As the administrator."""
    return Client(login.log_in(settings(plane.admin)), timeout_seconds=30, deadline=time.monotonic() + 60)


def _compact(plane: Plane) -> None:
    """By etcd's own HTTP gateway."""

    def call(path: str, body: Mapping[str, Any]) -> Any:
        request = urllib.request.Request(plane.etcd + path, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    revision = call("/v3/kv/range", {"key": "YQ=="})["header"]["revision"]
    call("/v3/kv/compaction", {"revision": revision, "physical": True})
