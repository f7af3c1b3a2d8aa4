"""The tools by which an edit reaches the server: an object before and after in, the writer that the server then records out.

kubectl itself where it does more than send a request; the same requests, byte for byte, where it does not, since a process
for each of thousands of edits would take longer than the edits.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import ssl
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditor.kube.kinds import split_api_version
from tests.controlplane.plane import Plane
from tests.drift.edits.types import Types, list_keys

MERGE, STRATEGIC, JSON_PATCH, APPLY = (
    f"application/{form}"
    for form in ("merge-patch+json", "strategic-merge-patch+json", "json-patch+json", "apply-patch+yaml")
)


@dataclass(frozen=True)
class Hand:
    """Who the server will say it was. `person`: a human's tool; `controller`: one that is known to be none."""

    manager: str
    operation: str = "Update"
    subresource: str = ""
    kind: str = "human"


@dataclass
class Wire:
    """One connection to the server that is kept open."""

    plane: Plane
    plurals: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)
    _open: http.client.HTTPSConnection | None = None

    def call(
        self, method: str, url: str, body: Any = None, *, agent: str = "", content: str = "", token: str = ""
    ) -> Any:
        """(status, parsed answer)."""
        if self._open is None:
            context = ssl.create_default_context(cafile=str(self.plane.ca_file))
            self._open = http.client.HTTPSConnection("127.0.0.1", self.plane.port, timeout=30, context=context)
        headers = {
            "Authorization": f"Bearer {token or self.plane.admin.token}",
            "Content-Type": content or "application/json",
            "Accept": "application/json",
            "User-Agent": agent or "auditor-tests/1",
        }
        self._open.request(method, url, None if body is None else json.dumps(body), headers)
        response = self._open.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text[:1] == b"{" else text.decode()

    def close(self) -> None:
        if self._open is not None:
            self._open.close()

    def url(self, body: dict[str, Any], *, name: bool = True) -> str:
        """Where an object lives, by the server's own discovery."""
        group, version = split_api_version(body["apiVersion"])
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        if (root, body["kind"]) not in self.plurals:
            _, found = self.call("GET", root)
            for each in found["resources"]:
                if "/" not in each["name"]:
                    self.plurals[root, each["kind"]] = (each["name"], each["namespaced"])
        plural, namespaced = self.plurals[root, body["kind"]]
        where = f"/namespaces/{body['metadata']['namespace']}" if namespaced else ""
        return f"{root}{where}/{plural}" + (f"/{body['metadata']['name']}" if name else "")

    def get(self, body: dict[str, Any]) -> dict[str, Any]:
        """The object as it is now."""
        status, found = self.call("GET", self.url(body))
        assert status == 200, found
        return dict(found)

    def value_of(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """What the server would make of a new object; None where it would refuse it."""
        fresh = {**body, "metadata": {**body["metadata"], "name": body["metadata"]["name"] + "-x"}}
        status, found = self.call("POST", self.url(body, name=False) + "?dryRun=All", fresh)
        return dict(found) if status == 201 else None

    def put(self, body: dict[str, Any], options: str = "", **more: str) -> tuple[int, Any]:
        """An update, whatever the object has become since."""
        for _ in range(5):
            status, now = self.call("GET", self.url(body))
            if status != 200:
                break
            sent = {**body, "metadata": {**body["metadata"], "resourceVersion": now["metadata"]["resourceVersion"]}}
            sent["metadata"].pop("managedFields", None)
            status, answer = self.call("PUT", self.url(body) + options, sent, **more)
            if status != 409:
                return status, answer
        return status, now


Edit = tuple[dict[str, Any], dict[str, Any]]
"""An object before and after."""


def merge_patch(before: Any, after: Any) -> Any:
    """https://www.rfc-editor.org/rfc/rfc7386"""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        if name not in before or before[name] != value:
            both = isinstance(value, dict) and isinstance(before.get(name), dict)
            patch[name] = merge_patch(before[name], value) if both else value
    return patch


def json_patch(before: Any, after: Any, at: str = "") -> list[dict[str, Any]]:
    """https://www.rfc-editor.org/rfc/rfc6902, in which lists are replaced."""
    found = [{"op": "remove", "path": f"{at}/{_pointer(name)}"} for name in before if name not in after]
    for name, value in after.items():
        path = f"{at}/{_pointer(name)}"
        if name not in before:
            found.append({"op": "add", "path": path, "value": value})
        elif isinstance(value, dict) and isinstance(before[name], dict):
            found.extend(json_patch(before[name], value, path))
        elif before[name] != value:
            found.append({"op": "replace", "path": path, "value": value})
    return found


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


_MERGED: dict[str, Any] = {"merge": list, "merge,retainKeys": (list, dict), "retainKeys": dict}
"""What such a patch merges and does not replace."""


class Inexpressible(Exception):
    """This kind of patch cannot say it."""


def strategic_patch(before: Any, after: Any, schema: Any, types: Types, *, apply: bool = False) -> Any:
    """What kubectl sends for built-in kinds; `apply`: the part that a server-side apply by another hand would state.

    https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
    """
    patch: dict[str, Any] = {}
    for name in before:
        if name not in after:
            if apply:
                raise Inexpressible
            patch[name] = None
    for name, value in after.items():
        if name in before and before[name] == value:
            continue
        old, inner = before.get(name), types.field(schema, name)
        keys = list_keys(inner)
        if isinstance(value, dict) and isinstance(old, dict):
            whole = apply and (inner or {}).get("x-kubernetes-map-type") == "atomic"
            patch[name] = value if whole else strategic_patch(old, value, inner, types, apply=apply)
        elif isinstance(value, list) and isinstance(old, list) and keys:
            patch[name] = _strategic_list(old, value, keys, inner, types, apply)
        elif not apply and isinstance(value, _MERGED.get(str((inner or {}).get("x-kubernetes-patch-strategy")), ())):
            raise Inexpressible
        else:
            patch[name] = value
    return patch


def _strategic_list(old: Any, new: Any, keys: tuple[str, ...], schema: Any, types: Types, apply: bool) -> Any:
    by = (schema or {}).get("x-kubernetes-patch-merge-key", keys[0])
    used = keys if apply else (by,)

    def key(each: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(each.get(part) for part in used)

    was, now = ({key(each): each for each in side} for side in (old, new))
    if len(was) != len(old) or len(now) != len(new) or [k for k in was if k in now] != [k for k in now if k in was]:
        raise Inexpressible
    found = []
    for each, value in now.items():
        named = dict(zip(used, each, strict=True))
        if each not in was:
            found.append(value)
        elif was[each] != value:
            found.append({**strategic_patch(was[each], value, types.items(schema), types, apply=apply), **named})
    gone = [dict(zip(used, each, strict=True)) for each in was if each not in now]
    if gone and apply:
        raise Inexpressible
    return [*found, *({"$patch": "delete", **each} for each in gone)]


def essence(body: dict[str, Any]) -> dict[str, Any]:
    """What an edit may touch."""
    kept = {name: value for name, value in body.items() if name not in ("status", "metadata", "apiVersion", "kind")}
    about = {name: body["metadata"].get(name) or {} for name in ("labels", "annotations")}
    return kept | {"metadata": about | {"finalizers": body["metadata"].get("finalizers") or []}}


def _named(body: dict[str, Any]) -> dict[str, Any]:
    about = {name: body["metadata"][name] for name in ("name", "namespace") if name in body["metadata"]}
    return {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": about}


# --- single edits ------------------------------------------------------------------------------------------------------------


def patched(wire: Wire, types: Types, edit: Edit, content: str, **who: str) -> int:
    before, after = map(essence, edit)
    body: Any
    if content == JSON_PATCH:
        body = json_patch({**before, "metadata": edit[0]["metadata"]}, {**after, "metadata": edit[1]["metadata"]})
    elif content == STRATEGIC:
        body = strategic_patch(before, after, types.of(edit[1]), types)
    else:
        body = merge_patch(before, after)
    manager = who.pop("manager", "")
    status, _ = wire.call(
        "PATCH", wire.url(edit[0]) + (f"?fieldManager={manager}" if manager else ""), body, content=content, **who
    )
    return int(status)


def applied(wire: Wire, types: Types, edit: Edit, manager: str) -> int:
    body = strategic_patch(*map(essence, edit), types.of(edit[1]), types, apply=True)
    named = _named(edit[0])
    body = {**body, **named, "metadata": {**body.get("metadata", {}), **named["metadata"]}}
    url = f"{wire.url(edit[0])}?fieldManager={manager}&force=true"
    status, _ = wire.call("PATCH", url, body, content=APPLY)
    return int(status)


Single = Callable[[Wire, Types, Edit], int]
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"

SINGLE: dict[Hand, list[Single]] = {
    Hand("kubectl-patch"): [
        lambda wire, types, edit: patched(wire, types, edit, MERGE, manager="kubectl-patch"),
        lambda wire, types, edit: patched(wire, types, edit, STRATEGIC, manager="kubectl-patch"),
        lambda wire, types, edit: patched(wire, types, edit, JSON_PATCH, manager="kubectl-patch"),
    ],
    Hand("Mozilla"): [lambda wire, types, edit: patched(wire, types, edit, MERGE, agent=CHROME)],
    Hand("k9s"): [lambda wire, types, edit: wire.put(edit[1], agent="k9s/v0.50.6 (linux/amd64)")[0]],
    Hand("someone", "Apply", kind="unknown"): [lambda wire, types, edit: applied(wire, types, edit, "someone")],
    Hand("kubectl", "Apply"): [lambda wire, types, edit: applied(wire, types, edit, "kubectl")],
    Hand("kube-controller-manager", kind="controller"): [
        lambda wire, types, edit: patched(wire, types, edit, MERGE, agent="kube-controller-manager/v1.36.3")
    ],
}
OPERATOR = Hand("widget-operator", kind="unknown")
"""A controller nobody knows, with a service account of its own."""


# --- kubectl, several objects at once --------------------------------------------------------------------------------------

EDITOR = """
import json, sys
path = sys.argv[1]
wanted = json.load(open({prepared!r}))
body = json.load(open(path))
for item in body["items"] if body["kind"] == "List" else [body]:
    after = wanted[item["kind"] + "/" + item["metadata"]["name"]]
    about = after.pop("metadata")
    for name in [name for name in item if name not in ("apiVersion", "kind", "metadata", "status")]:
        del item[name]
    item.update(after)
    for name, value in about.items():
        item["metadata"].pop(name, None)
        if value:
            item["metadata"][name] = value
json.dump(body, open(path, "w"))
"""


def names(wire: Wire, bodies: Sequence[dict[str, Any]]) -> list[str]:
    """As kubectl takes them: `deployments.apps/web`."""
    found = []
    for body in bodies:
        group, _ = split_api_version(body["apiVersion"])
        plural = wire.url(body, name=False).rpartition("/")[2]
        found.append(f"{plural}.{group}".rstrip(".") + f"/{body['metadata']['name']}")
    return found


def edit_all(wire: Wire, namespace: str, edits: Sequence[Edit], folder: Path) -> None:
    """`kubectl edit` of all of them in one file, by an editor that is a program."""
    prepared, editor = folder / "prepared.json", folder / "editor.py"
    key = {f"{after['kind']}/{after['metadata']['name']}": essence(after) for _, after in edits}
    prepared.write_text(json.dumps(key))
    editor.write_text(EDITOR.format(prepared=str(prepared)))
    named = names(wire, [before for before, _ in edits])
    kubectl(wire.plane, namespace, "edit", "-o", "json", *named, KUBE_EDITOR=f"{sys.executable} {editor}")


def replace_all(plane: Plane, namespace: str, edits: Sequence[Edit], folder: Path) -> None:
    """`kubectl replace` of all of them."""
    items = []
    for _, after in edits:
        about = {
            key: value for key, value in after["metadata"].items() if key not in ("resourceVersion", "managedFields")
        }
        items.append({**after, "metadata": about})
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    kubectl(plane, namespace, "replace", "-f", "-", stdin=given)


def kubectl(plane: Plane, namespace: str, *arguments: str, stdin: str = "", **environment: str) -> None:
    """Whatever it says: what reached the server is seen there."""
    folder = plane.folder
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "KUBECACHEDIR": str(folder / "kubectl-cache"),
        **environment,
    }
    command = [plane.programs["kubectl"], "--kubeconfig", plane.admin.kubeconfig, "-n", namespace, *arguments]
    done = subprocess.run(command, input=stdin.encode(), capture_output=True, env=env, timeout=120, check=False)
    if done.returncode and os.environ.get("EDITS_LOUD"):
        print(arguments[:3], done.stderr.decode()[:1500])


# --- kubectl commands of their own -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Command:
    """One kubectl command that makes an edit of its own, of objects of some kinds."""

    hand: Hand
    kinds: frozenset[str]
    arguments: Callable[[random.Random], tuple[str, ...]]


_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
COMMANDS = (
    Command(
        Hand("kubectl", subresource="scale"),
        frozenset({"Deployment", "StatefulSet"}),
        lambda rng: ("scale", f"--replicas={rng.choice((0, 3, 4, 7))}"),
    ),
    Command(
        Hand("kubectl-label"),
        frozenset(),
        lambda rng: ("label", "--overwrite", f"team={rng.choice(('shop', 'pay'))}", "app.kubernetes.io/name=other"),
    ),
    Command(
        Hand("kubectl-annotate"), frozenset(), lambda rng: ("annotate", "--overwrite", f"a.b/c=d{rng.randint(1, 99)}")
    ),
    Command(Hand("kubectl-set"), _WORKLOADS, lambda rng: ("set", "image", f"*=image:{rng.randint(2, 99)}")),
    Command(Hand("kubectl-set"), _WORKLOADS, lambda rng: ("set", "env", f"EMPTY=x{rng.randint(1, 99)}", "NODE-")),
    Command(Hand("kubectl-set"), _WORKLOADS, lambda rng: ("set", "resources", "--limits=cpu=3,memory=3Gi")),
    Command(Hand("kubectl-set"), _WORKLOADS, lambda rng: ("set", "serviceaccount", "default")),
    Command(Hand("kubectl-rollout"), _WORKLOADS, lambda rng: ("rollout", "restart")),
)
