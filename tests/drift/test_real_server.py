"""A real API server: what was applied untouched has not drifted, and what a hand changes is told exactly.

`varied.yaml` holds objects of some forty kinds, written in as many ways as people write them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.drift import Comparison
from auditor.manifests.reader import read
from auditor.model import OwnerClass, Snapshot, Source
from tests.controlplane.plane import Plane
from tests.drift.sides import KEY, changes, cluster, drift, live

pytestmark = pytest.mark.component

VARIED = (Path(__file__).parent / "varied.yaml").read_text()
WAYS = {
    "client-side": ("apply",),
    "server-side": ("apply", "--server-side"),
    "flux": ("apply", "--server-side", "--field-manager=kustomize-controller"),
    "create": ("create",),
    "helm": ("create", "--field-manager=helm"),
}
KINDS = {"deploy": "kind: Deployment", "cm": "kind: ConfigMap", "secret": "kind: Secret", "role": "kind: Role"}
APPS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      hostNetwork: false
      containers:
      - name: web
        image: nginx:1.27
        args: [serve]
        env: [{name: A, value: "1"}]
        securityContext: {allowPrivilegeEscalation: false}
        volumeMounts: [{name: tmp, mountPath: /tmp}]
      - {name: log, image: "fluentd:1"}
      volumes: [{name: tmp, emptyDir: {}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: free}
spec:
  selector: {matchLabels: {app: free}}
  template:
    metadata: {labels: {app: free}}
    spec:
      containers: [{name: free, image: "free:1"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, list]}]
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {password: hunter2}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {team: shop}}
data: {level: info}
"""


@dataclass(frozen=True)
class Applied:
    """A namespace of the real server in which some text was applied."""

    plane: Plane
    namespace: str
    text: str
    way: tuple[str, ...]

    def desired(self) -> Snapshot:
        found = read(self.text.encode(), source="shop", file="shop.yaml", cluster="", namespace=self.namespace, key=KEY)
        return Snapshot(found.resources, sources=(Source("shop"),))

    def bodies(self) -> list[dict[str, Any]]:
        """Every desired object as it is live, in the versions a server prefers."""
        wanted = set(self.desired().by_ref)
        found = []
        for where in ((), ("-n", self.namespace)):
            kinds = {f"{ref.kind}.{ref.group}".rstrip(".") for ref in wanted if bool(ref.namespace) is bool(where)}
            if kinds:
                text = self.plane.kubectl("get", ",".join(sorted(kinds)), *where, "-o", "json", "--show-managed-fields")
                found.extend(json.loads(text)["items"])
        return [body for body in found if live(body).ref in wanted]

    def compare(self, **options: Any) -> Comparison:
        return drift(self.desired(), cluster(*self.bodies()), **options)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.plane.kubectl("-n", self.namespace, *arguments, stdin=stdin)


def applied(plane: Plane, text: str, way: tuple[str, ...], namespace: str) -> Applied:
    whole = text.replace("NS", namespace)
    documents = whole.split("\n---\n")
    custom = [each for each in documents if ".example.org/v1\nkind:" in each]
    plane.kubectl(
        "-n", namespace, *way, "-f", "-", stdin="\n---\n".join(each for each in documents if each not in custom)
    )
    if custom:
        name = f"crd/widgets.{namespace}.example.org"
        plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", name)
        _until_served(plane, namespace)
        plane.kubectl("-n", namespace, *way, "-f", "-", stdin="\n---\n".join(custom))
    return Applied(plane, namespace, whole, way)


def _until_served(plane: Plane, namespace: str) -> None:
    deadline = time.monotonic() + 30
    while plane.api("GET", f"/apis/{namespace}.example.org/v1/namespaces/{namespace}/widgets").code != 200:
        assert time.monotonic() < deadline, "the custom resource is not served"
        time.sleep(0.2)


@pytest.mark.parametrize("way", sorted(WAYS))
def test_what_was_applied_untouched_has_not_drifted(plane: Plane, namespace: str, way: str) -> None:
    here = applied(plane, VARIED, WAYS[way], namespace)
    try:
        found = here.compare(ignored=True)
        assert changes(found) == set()
        assert found.not_compared == ()
        assert len(here.bodies()) == len(here.desired().by_ref) > 40
        assert found.ignored, "the server adds much by itself"
    finally:
        _remove_cluster_scoped(here)


def _remove_cluster_scoped(here: Applied) -> None:
    for ref in here.desired().by_ref:
        if ref.namespace is None:
            here.plane.kubectl(
                "delete", f"{ref.kind}.{ref.group}".rstrip("."), ref.name, "--wait=false", "--ignore-not-found"
            )


@pytest.fixture(scope="module", params=["client-side", "flux"])
def edited(request: pytest.FixtureRequest, plane: Plane) -> Iterator[Applied]:
    """Five objects, applied in two ways; each test changes one and puts it back."""
    namespace = plane.new_namespace(f"edited-{os.urandom(4).hex()}")
    yield applied(plane, APPS, WAYS[request.param], namespace)
    plane.api("DELETE", f"/api/v1/namespaces/{namespace}")


WEB = "spec.template.spec.containers[name=web]"
PATCH = ("patch", "deploy/web", "--type=strategic", "-p")


@pytest.mark.parametrize(
    ("command", "expected", "manager"),
    [
        (("set", "image", "deploy/web", "web=nginx:1.28"), {("changed", f"{WEB}.image")}, "kubectl-set"),
        (("scale", "deploy/web", "--replicas=5"), {("changed", "spec.replicas")}, "kubectl"),
        (
            ("scale", "deploy/web", "--replicas=0"),
            {("changed", "spec.replicas")},
            None,
        ),  # a scale to nothing owns nothing
        (
            ("scale", "deploy/free", "--replicas=3"),
            {("added", "spec.replicas")},
            "kubectl, unless nobody owned the default",
        ),
        (("set", "env", "deploy/web", "-c=web", "DEBUG=1"), {("added", f"{WEB}.env[name=DEBUG]")}, "kubectl-set"),
        (("set", "env", "deploy/web", "-c=web", "A=2"), {("changed", f"{WEB}.env[name=A].value")}, "kubectl-set"),
        (("set", "env", "deploy/web", "-c=web", "A-"), {("missing", f"{WEB}.env[name=A]")}, None),
        (("label", "cm/settings", "x=y"), {("added", "metadata.labels.x")}, "kubectl-label"),
        (("label", "cm/settings", "team-"), {("missing", "metadata.labels.team")}, None),
        (("annotate", "cm/settings", "a.b/c=d"), {("added", 'metadata.annotations["a.b/c"]')}, "kubectl-annotate"),
        (
            ("rollout", "restart", "deploy/web"),
            {("added", 'spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"]')},
            "kubectl-rollout",
        ),
        (("patch", "cm/settings", "-p", '{"data":{"level":"debug"}}'), {("changed", "data.level")}, "kubectl-patch"),
        (("patch", "cm/settings", "-p", '{"data":{"more":"x"}}'), {("added", "data.more")}, "kubectl-patch"),
        (
            ("patch", "secret/login", "-p", '{"stringData":{"password":"other"}}'),
            {("changed", "data.password")},
            "kubectl-patch",
        ),
        (
            (
                *PATCH,
                '{"spec":{"template":{"spec":{"containers":[{"name":"web","securityContext":{"allowPrivilegeEscalation":null}}]}}}}',
            ),
            {("missing", f"{WEB}.securityContext.allowPrivilegeEscalation")},
            None,
        ),
        (
            (*PATCH, '{"spec":{"template":{"spec":{"hostNetwork":true}}}}'),
            {("changed", "spec.template.spec.hostNetwork")},
            "kubectl-patch",
        ),
        (
            (*PATCH, '{"spec":{"template":{"spec":{"containers":[{"name":"web","args":["serve","-v"]}]}}}}'),
            {("changed", f"{WEB}.args")},
            "kubectl-patch",
        ),
        (
            (*PATCH, '{"spec":{"template":{"spec":{"containers":[{"name":"log","$patch":"delete"}]}}}}'),
            {("missing", "spec.template.spec.containers[name=log]")},
            None,
        ),
        (
            (*PATCH, '{"spec":{"template":{"spec":{"containers":[{"name":"debug","image":"busybox"}]}}}}'),
            {("added", "spec.template.spec.containers[name=debug]")},
            "kubectl-patch",
        ),
        (
            (
                *PATCH,
                '{"spec":{"template":{"spec":{"volumes":[{"name":"tmp","emptyDir":null,"hostPath":{"path":"/"}}]}}}}',
            ),
            {
                ("missing", "spec.template.spec.volumes[name=tmp].emptyDir"),
                ("added", "spec.template.spec.volumes[name=tmp].hostPath"),
            },
            "kubectl-patch",
        ),
        (
            (*PATCH, '{"spec":{"template":{"spec":{"tolerations":[{"operator":"Exists"}]}}}}'),
            {("added", "spec.template.spec.tolerations")},
            "kubectl-patch",
        ),
        ((*PATCH, '{"spec":{"paused":true}}'), {("added", "spec.paused")}, "kubectl-patch"),
        (
            (*PATCH, '{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}'),
            {("added", "spec.strategy")},
            "kubectl-patch",
        ),
        (
            ("patch", "role/reader", "--type=json", "-p", '[{"op":"add","path":"/rules/0/verbs/-","value":"*"}]'),
            {("changed", "rules[0].verbs")},
            "kubectl-patch",
        ),
        (
            (
                "patch",
                "role/reader",
                "--type=json",
                "-p",
                '[{"op":"replace","path":"/rules/0/verbs","value":["list","get"]}]',
            ),
            set(),
            None,
        ),
    ],
    ids=lambda value: " ".join(value[:3])[:60] if isinstance(value, tuple) else "",
)
def test_what_a_hand_changes_is_told_exactly(
    edited: Applied, command: tuple[str, ...], expected: set[tuple[str, str]], manager: str | None
) -> None:
    kind, name = next(each for each in command if "/" in each).split("/")
    try:
        edited.kubectl(*command)
        found = edited.compare()
        assert changes(found) == expected
        if manager and "," in manager:
            manager = manager.partition(",")[0] if edited.way == WAYS["client-side"] else None
        owners = [change.owner for each in found.drift for change in each.changes]
        assert {owner.manager if owner else None for owner in owners} == ({manager} if expected else set())
        assert all(owner is None or owner.owner_class is OwnerClass.HUMAN for owner in owners)
        assert "other" not in repr(found)
        assert "hunter2" not in repr(found)
    finally:
        _put_back(edited, kind, name)


def _put_back(edited: Applied, kind: str, name: str) -> None:
    """The object as it was, with the ownership it had."""
    edited.kubectl("delete", kind, name, "--wait=true")
    text = next(each for each in edited.text.split("---") if f"name: {name}" in each and KINDS[kind] in each)
    edited.kubectl(*edited.way, "-f", "-", stdin=text)
