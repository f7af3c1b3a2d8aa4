"""Many edits of one audit: objects that were applied in, what the product told wrongly of their edits out."""

from __future__ import annotations

import copy
import json
import random
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from auditor.kube.paths import render
from auditor.manifests.reader import read
from auditor.model import Change, Drift, Ref, Sealed, Snapshot, Source
from tests.controlplane.plane import Plane
from tests.drift.edits import hands
from tests.drift.edits.draw import edited
from tests.drift.edits.expected import NOTHING, Told, comparable, expected, owners
from tests.drift.edits.hands import Hand, Inexpressible, Wire
from tests.drift.edits.types import Types
from tests.drift.sides import KEY, cluster, drift, live, thawed
from tests.drift.test_real_server import applied

VARIED = (Path(__file__).parent.parent / "varied.yaml").read_text()
WAYS = {
    "client-side": ("apply",),
    "flux": ("apply", "--server-side", "--field-manager=kustomize-controller", "--force-conflicts"),
}


@dataclass(frozen=True)
class Made:
    """One edit that the server took."""

    words: str
    hand: Hand
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def ref(self) -> Ref:
        return live(self.after).ref


@dataclass
class Round:
    plane: Plane
    namespace: str
    way: str
    folder: Path
    wire: Wire
    types: Types
    text: str
    raw: dict[Ref, dict[str, Any]]
    """Git's manifests, Secrets unsealed."""
    operator: str = ""
    kinds_edited: bool = False
    """Whether the type of the custom resources is edited in this audit: they are left out of it then."""
    refused: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    """Edits by the tool that made them."""
    told: int = 0
    """Changes that were told, each looked at."""

    # --- edits ----------------------------------------------------------------------------------------------------------------

    def edit(self, count: int, rng: random.Random) -> list[Made]:
        """Up to so many edits, each of another object, by whatever hand."""
        self.kinds_edited = rng.random() < 0.3
        bodies = {ref: self.wire.get(body) for ref, body in self._live_names()}
        if not self.kinds_edited:
            bodies = {ref: body for ref, body in bodies.items() if ref.kind != "CustomResourceDefinition"}
        chosen = rng.sample(sorted(bodies, key=lambda ref: ref.key), min(count, len(bodies)))
        plans: dict[Any, list[tuple[Ref, hands.Edit, str]]] = {}
        for ref in chosen:
            plan, edit, words = self._plan(bodies[ref], rng)
            if plan is not None:
                plans.setdefault(plan, []).append((ref, edit, words))
        who: dict[Ref, tuple[Hand, str]] = {}
        for plan, edits in plans.items():
            hand = self._carry(plan, edits, rng)
            who.update({ref: (hand, words) for ref, _, words in edits})
        made = []
        for ref, (hand, words) in who.items():
            after = self.wire.get(bodies[ref])
            if comparable(after) == comparable(bodies[ref]):
                self.refused += 1
                continue
            made.append(Made(words, hand, bodies[ref], after))
            self.counts[hand.manager] = self.counts.get(hand.manager, 0) + 1
        return made

    def _live_names(self) -> list[tuple[Ref, dict[str, Any]]]:
        return [
            (ref, body)
            for ref, body in self.raw.items()
            if body["apiVersion"] != "autoscaling/v1" and (self.kinds_edited is False or ref.kind != "Widget")
        ]

    def _plan(self, body: dict[str, Any], rng: random.Random) -> tuple[Any, hands.Edit, str]:
        if rng.random() < 0.2:
            command = rng.choice([each for each in hands.COMMANDS if not each.kinds or body["kind"] in each.kinds])
            return command, (body, body), f"{body['kind']} {command.hand.manager}"
        plan = rng.choice(["edit", "replace", hands.OPERATOR, *hands.SINGLE])
        for _ in range(12):
            words, after = edited(body, self.types, rng)
            if words and self._accepted(body, after):
                return plan, (body, after), f"{body['kind']} {words}"
        return None, (body, body), ""

    def _accepted(self, body: dict[str, Any], after: dict[str, Any]) -> bool:
        """Whether the server would take it, and it would change something."""
        status, answer = self.wire.put(after, "?dryRun=All")
        return status == 200 and comparable(answer) != comparable(body)

    def _carry(self, plan: Any, edits: list[tuple[Ref, hands.Edit, str]], rng: random.Random) -> Hand:
        pairs = [edit for _, edit, _ in edits]
        if plan == "edit":
            hands.edit_all(self.wire, self.namespace, pairs, self.folder)
            return Hand("kubectl-edit")
        if plan == "replace":
            hands.replace_all(self.plane, self.namespace, pairs, self.folder)
            return Hand("kubectl-replace")
        if isinstance(plan, hands.Command):
            verb, *rest = plan.arguments(rng)
            first = [verb, rest.pop(0)] if verb in ("set", "rollout") else [verb]
            hands.kubectl(
                self.plane, self.namespace, *first, *hands.names(self.wire, [pair[0] for pair in pairs]), *rest
            )
            return plan.hand
        for pair in pairs:
            try:
                if plan is hands.OPERATOR:
                    agent = "widget-operator/v1.2 (linux/amd64)"
                    hands.patched(self.wire, self.types, pair, hands.MERGE, agent=agent, token=self.operator)
                else:
                    rng.choice(hands.SINGLE[plan])(self.wire, self.types, pair)
            except Inexpressible:
                self.refused += 1
        assert isinstance(plan, Hand)
        return plan

    # --- what is told ---------------------------------------------------------------------------------------------------------

    def desired(self) -> Snapshot:
        found = read(self.text.encode(), source="shop", file="shop.yaml", cluster="", namespace=self.namespace, key=KEY)
        return Snapshot(found.resources, sources=(Source("shop"),))

    def audit(self) -> dict[Ref, Drift]:
        bodies = [self.wire.get(body) for _, body in self._live_names()]
        refs = {live(body).ref for body in bodies}
        wanted = self.desired()
        some = Snapshot(tuple(each for each in wanted.resources if each.ref in refs), sources=wanted.sources)
        found = drift(some, cluster(*bodies))
        return {each.ref: each for each in found.drift}

    def told_otherwise(self, made: list[Made]) -> list[str]:
        """What was told wrongly, a line each."""
        found = self.audit()
        wrong = []
        for each in made:
            told = found.pop(each.ref, None)
            lines = self._judged(each, () if told is None else told.changes)
            wrong += [f"{each.words} by {each.hand.manager} ({self.way}): {line}" for line in lines]
        for ref, drifted in found.items():
            wrong += [f"{ref} was not edited ({self.way}): {[change.path for change in drifted.changes]}"]
        return wrong

    def _judged(self, made: Made, changes: tuple[Change, ...]) -> list[str]:
        wrong = []
        managed = made.after["metadata"].get("managedFields", [])
        given = {change.path: change for change in changes}
        for told in expected(self.raw[made.ref], made.before, made.after, self.types):
            path = render(told.steps)
            entries = owners(managed, told.owned)
            mine = [entry for entry in entries if _is(entry, made.hand)]
            change = given.pop(path, None)
            if change is None:
                if self._must(told, made, mine):
                    wrong.append(f"{path} is not told ({'/'.join(told.change)}), live {told.live!r}")
                continue
            self.told += 1
            if change.change.value not in told.change:
                wrong.append(f"{path} is told as {change.change.value}, not {told.change}")
            if not _same(change.live, told, path):
                wrong.append(f"{path}: live is told as {change.live!r}, not {told.live!r}")
            wrong += self._owner(path, change, told, made, entries, mine)
        wrong += [f"{path} is told ({change.change.value}), and was not edited" for path, change in given.items()]
        return wrong

    def _must(self, told: Told, made: Made, mine: list[dict[str, Any]]) -> bool:
        if "missing" in told.change or told.change == ("changed",):
            return True
        if "changed" not in told.change and (not mine or made.hand.kind == "controller"):
            return False
        if told.steps[-1] == "serviceAccount" or (told.steps[1:2] == ("finalizers",) and made.hand.kind != "human"):
            return False  # an alias; what operators put there, whatever they are called
        return not self._follows(told, made)

    def _follows(self, told: Told, made: Made) -> bool:
        """Whether the server itself adds this to what git has, once what git declares is changed as it was."""
        body = copy.deepcopy(self.raw[made.ref])
        for each in expected(self.raw[made.ref], made.before, made.after, self.types):
            if each.steps != told.steps and each.live is not None:
                _set(body, each.steps, each.live)
        found: Any = self.wire.value_of(body)
        return bool(_got(found, told.steps) == told.live)

    def _owner(
        self,
        path: str,
        change: Change,
        told: Told,
        made: Made,
        entries: list[dict[str, Any]],
        mine: list[dict[str, Any]],
    ) -> list[str]:
        owner = change.owner
        if "missing" in told.change and change.change.value == "missing":
            sure = owner is not None and owner.certainty.value == "recorded"
            return [f"{path}: a removal is said to be recorded of {owner}"] if sure else []
        if not entries:
            return [] if owner is None else [f"{path}: nobody owns it, and {owner} is told"]
        if owner is None:
            return [f"{path}: {[entry['manager'] for entry in entries]} own it, and nobody is told"]
        told_as = (owner.manager, owner.operation, owner.subresource, owner.time)
        possible = [
            (e["manager"], e["operation"], e.get("subresource", ""), _time(e.get("time"))) for e in (mine or entries)
        ]
        if told_as not in possible:
            return [f"{path}: {told_as} is told, not {possible}"]
        if owner.certainty.value != "recorded":
            return [f"{path}: the certainty is {owner.certainty}"]
        kind = made.hand.kind
        alone = not any(entry["manager"] == "kustomize-controller" for entry in made.after["metadata"]["managedFields"])
        if mine and alone and made.hand == Hand("kubectl", "Apply"):
            kind = "gitops"  # hands have taken every field, and nothing tells any more who looks after the object
        return [] if not mine or owner.owner_class.value == kind else [f"{path}: the class is {owner.owner_class}"]

    # --- and back ----------------------------------------------------------------------------------------------------------

    def undo(self, made: list[Made]) -> list[str]:
        """All as it was, by a hand; what is told all the same."""
        bodies = [each.before for each in made]
        for again in (False, True):  # what one edit did to a type stands in the way of the next object
            bodies = [body for body in bodies if not self._put_back(body, again)]
        return [
            f"{ref} was put back ({self.way}), and is told: "
            + str([(change.change.value, change.path, change.desired, change.live) for change in each.changes])
            + f" after {[m.words + ' by ' + m.hand.manager for m in made if m.ref == ref]}"
            for ref, each in self.audit().items()
        ]

    def _put_back(self, body: dict[str, Any], again: bool) -> bool:
        if self.wire.put(copy.deepcopy(body), "?fieldManager=kubectl-replace")[0] == 200:
            return True
        if again:
            self._make_anew(body)
        return False

    def _make_anew(self, body: dict[str, Any]) -> None:
        """What cannot be put back: immutable, or only ever growing."""
        url = self.wire.url(body)
        none = {"metadata": {"finalizers": None}}
        self.wire.call("PATCH", url, none, content=hands.MERGE)
        self.wire.call("DELETE", f"{url}?gracePeriodSeconds=0&propagationPolicy=Background")
        while (found := self.wire.call("GET", url))[0] == 200:
            if found[1]["metadata"].get("finalizers"):
                self.wire.call("PATCH", url, none, content=hands.MERGE)
        git = json.dumps(self.raw[live(body).ref])
        deadline = time.monotonic() + 10
        while self.wire.call("GET", url)[0] != 200:
            assert time.monotonic() < deadline, f"{url} cannot be made anew"
            hands.kubectl(self.plane, self.namespace, *WAYS[self.way], "-f", "-", stdin=git)

    def end(self) -> None:
        for ref, body in self.raw.items():
            if ref.namespace is None:
                self.wire.call("DELETE", self.wire.url(body))
        self.plane.api("DELETE", f"/api/v1/namespaces/{self.namespace}")
        self.plane.api("DELETE", f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{self.namespace}")
        self.wire.close()


def _set(body: Any, steps: tuple[Any, ...], value: Any) -> None:
    """Where the way there is written in git; keyed elements are not followed."""
    for step in steps[:-1]:
        if isinstance(body, dict) and isinstance(step, str):
            body = body.setdefault(step, {})
        elif isinstance(body, list) and isinstance(step, int) and step < len(body):
            body = body[step]
        else:
            return
    if isinstance(body, dict) and isinstance(steps[-1], str):
        body[steps[-1]] = value


def _got(body: Any, steps: tuple[Any, ...]) -> Any:
    for step in steps:
        if isinstance(body, dict) and isinstance(step, str):
            body = body.get(step)
        elif isinstance(body, list) and isinstance(step, int) and step < len(body):
            body = body[step]
        else:
            return NOTHING
    return body


def _is(entry: dict[str, Any], hand: Hand) -> bool:
    return (entry["manager"], entry["operation"], entry.get("subresource", "")) == (
        hand.manager,
        hand.operation,
        hand.subresource,
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _same(value: Any, told: Told, path: str) -> bool:
    if told.live is NOTHING or isinstance(value, Sealed) or "<sealed>" in repr(value):
        return True
    if told.live is None:
        return value is None
    return bool(thawed(value) == told.live)


def begin(plane: Plane, namespace: str, way: str, folder: Path) -> Round:
    """Everything of `varied.yaml`, applied."""
    applied(plane, VARIED, WAYS[way], namespace)
    text = VARIED.replace("NS", namespace)
    plain = read(text.encode(), source="", file="", cluster="", namespace=namespace, key=KEY)
    raw = {each.ref: thawed(each.body) for each in plain.resources}
    for ref, body in raw.items():
        body["metadata"]["namespace"] = ref.namespace
        if ref.namespace is None:
            del body["metadata"]["namespace"]
    wire = Wire(plane)
    _, openapi = wire.call("GET", "/openapi/v2")
    here = Round(plane, namespace, way, folder, wire, Types(openapi["definitions"]), text, raw)
    user = plane.service_account(namespace, "operator")
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": namespace}],
    }
    plane.api("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    here.operator = user.token
    return here
