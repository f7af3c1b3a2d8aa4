"""Causes on the real thing: commits in a real repository, hands on a real API server, and what the store then says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from auditor import memory
from auditor.compliance import choose, load_catalogue
from auditor.kube.secrets import new_key
from auditor.model import Cause, CauseKind, Certainty, Ref
from auditor.publish import text, text_memory
from auditor.publish.cause_words import move_sentences
from auditor.run import run
from auditor.settings import Settings
from auditor.store import Span, Store, open_store
from tests.controlplane.plane import Plane
from tests.desired.repositories import Made

pytestmark = [pytest.mark.component, pytest.mark.timeout(300)]

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: {namespace}
  annotations:
    note: {note!r}
spec:
  replicas: 2
  selector:
    matchLabels: {{app: web}}
  template:
    metadata:
      labels: {{app: web}}
    spec:
      containers:
      - name: web
        image: registry.example/web:{image}
        resources:
          requests: {{cpu: 10m, memory: 8Mi}}
{limits}
"""
LIMITS = "          limits: {memory: 64Mi}"


class Estate:
    """A repository, a namespace of a control plane and a store; `audit` is one run of all three."""

    def __init__(self, plane: Plane, namespace: str, folder: Path) -> None:
        self.plane, self.namespace = plane, namespace
        self.repository = Made(folder / "web.git")
        self.store: Store = open_store(f"sqlite:///{folder}/auditor.db")
        self.said: dict[str, Any] = {"note": "one", "image": "1.0", "limits": LIMITS}
        self.ref = Ref("test", "apps", "Deployment", namespace, "web")
        self.settings = {
            "cluster": {"name": "test", "live": f"context:{plane.admin.name}", "kubeconfig": plane.kubeconfig},
            "sources": [{"name": "web", "url": self.repository.path.as_uri(), "allow_local": True}],
            "cache": folder / "cache",
        }
        self.last = datetime.now(UTC)

    def manifest(self) -> str:
        return WEB.format(namespace=self.namespace, **self.said)

    def commit(self, author: str, subject: str, files: dict[str, str] | None = None, **said: Any) -> str:
        self.said |= said
        self.repository.author = author
        return self.repository.commit({"apps/web.yaml": self.manifest(), **(files or {})}, message=subject)

    def apply(self) -> None:
        self.plane.kubectl("apply", "-f", "-", stdin=self.manifest())

    def kubectl(self, *args: str) -> None:
        self.plane.kubectl("-n", self.namespace, *args)

    def audit(self, user: str = "", ignore: tuple[str, ...] = ()) -> None:
        policies = choose(load_catalogue(), (), ignore)
        settings = Settings.model_validate(self.settings)
        self.last = self.store.last_attempt("test") or self.last
        run(settings, policies=policies, key=new_key(), store=self.store, trigger="test")

    def blame(self, policy: str) -> memory.Blame:
        fingerprints = self.store.fingerprints("test", policy=policy, ref=self.ref)
        settings = Settings.model_validate(self.settings)
        (found,) = memory.blame(self.store, "test", fingerprints, settings, key=new_key(), policies=load_catalogue())
        return found

    def history(self) -> memory.Timeline:
        return memory.history(self.store, self.ref, Settings.model_validate(self.settings), key=new_key())

    def spans(self, of: str, **said: str) -> list[Span]:
        """Intervals of the Deployment, oldest first."""
        found = [s for s in self.store.history(self.ref) if s.of == of]
        return [s for s in reversed(found) if all(str(s.what[name]).endswith(value) for name, value in said.items())]


@pytest.fixture
def estate(plane: Plane, namespace: str, tmp_path: Path) -> Iterator[Estate]:
    found = Estate(plane, namespace, tmp_path)
    found.commit("Ada", "first")
    found.apply()
    found.audit()
    yield found
    found.store.close()


def test_what_was_there_when_it_was_first_looked_at_has_no_other_cause(estate: Estate) -> None:
    kinds = {s.opened_cause.kind for s in estate.store.history(estate.ref) if s.opened_cause}
    assert kinds == {CauseKind.FIRST_RUN}
    assert all(s.opened_cause for s in estate.store.history(estate.ref))
    # The store saw it only as it was; git knows who brought it.
    found = estate.blame("PROBE002")
    assert (said(found.cause).author, said(found.cause).subject) == ("Ada", "first")


def test_of_two_commits_in_one_range_the_one_that_did_it_is_named_from_git_to_the_cluster_and_back(
    estate: Estate,
) -> None:
    bo = estate.commit("Bo", "limits are for cowards", limits="")
    estate.commit("Cy", "a newer image", image="1.1")
    estate.audit()
    (pending,) = estate.spans("findings", policy="RES003")
    assert pending.what["side"] == "git"
    cause = said(pending.opened_cause)
    assert (cause.kind, cause.certainty) == (CauseKind.COMMIT, Certainty.RECORDED)
    assert (cause.revision, cause.author, cause.subject) == (bo, "Bo", "limits are for cowards")
    assert cause.place is not None
    assert (cause.place.file, cause.place.line) == ("apps/web.yaml", 17)
    by_path = {s.what["path"]: said(s.opened_cause) for s in estate.spans("drift_fields")}
    assert {path.rpartition(".")[2]: (c.kind, c.author) for path, c in by_path.items()} == {
        "memory": (CauseKind.COMMIT, "Bo"),
        "image": (CauseKind.COMMIT, "Cy"),
    }
    estate.apply()
    estate.audit()
    rolled_out = estate.spans("findings", policy="RES003")[-1]
    assert rolled_out.what["side"] == "both"
    assert (said(rolled_out.opened_cause).revision, said(rolled_out.opened_cause).detail) == (
        bo,
        "applied to the cluster",
    )
    verdict = estate.spans("verdicts", policy="RES003")[-1]
    assert (verdict.what["outcome"], said(verdict.opened_cause).revision) == ("fail", bo)
    assert said(estate.spans("workload_scores")[-1].opened_cause).revision == bo
    dee = estate.commit("Dee", "bring the limit back", limits=LIMITS, note="two")
    estate.apply()
    estate.audit()
    closed = estate.spans("findings", policy="RES003")[-1]
    assert (said(closed.closed_cause).author, said(closed.closed_cause).revision) == ("Dee", dee)
    told = text.render(text_memory.history_blocks(estate.history()), text.Look())
    # The commits of these repositories are of 2023.
    in_order = ["by Ada: first", "by Bo: limits", "by Cy: a newer image", "by Dee: bring the limit", "finding RES003"]
    assert [told.find(words) for words in in_order] == sorted(told.find(words) for words in in_order)
    assert min(told.find(words) for words in in_order) >= 0, told
    brought = text.render(text_memory.blame_blocks([estate.blame("RES003")]), text.Look())
    assert f'brought by commit {bo[:7]} by Bo, "limits are for cowards", apps/web.yaml:17' in brought
    assert f"resolved: commit {dee[:7]} by Dee" in brought


def test_of_two_hands_on_one_container_the_one_that_did_it_is_named(estate: Estate) -> None:
    removal = '[{"op": "remove", "path": "/spec/template/spec/containers/0/resources/limits"}]'
    estate.kubectl("patch", "deployment/web", "--type=json", "-p", removal)
    estate.kubectl("set", "image", "deployment/web", "web=registry.example/web:hotfix")
    estate.kubectl("create", "deployment", "stray", "--image=registry.example/stray:1.0")
    estate.audit()
    fields = {s.what["path"].rpartition(".")[2]: said(s.opened_cause) for s in estate.spans("drift_fields")}
    assert (fields["image"].kind, fields["image"].manager) == (CauseKind.HAND, "kubectl-set")
    assert fields["image"].certainty is Certainty.RECORDED
    assert fields["image"].author == "", "a person is never inferred from a manager"
    removed = next(cause for name, cause in fields.items() if name != "image")
    assert removed.certainty is not Certainty.RECORDED, "managedFields keep no trace of a removal"
    limit = said(estate.spans("findings", policy="RES003")[-1].opened_cause)
    assert limit == removed or (limit.manager, limit.certainty) == (removed.manager, removed.certainty)
    tag = [
        s
        for s in estate.spans("findings")
        if s.opened_cause and s.opened_cause.kind is CauseKind.HAND and s.what["policy"].startswith("IMG")
    ]
    assert all(said(s.opened_cause).manager == "kubectl-set" for s in tag)
    stray = Ref("test", "apps", "Deployment", estate.namespace, "stray")
    (unmanaged,) = (s for s in estate.store.history(stray) if s.of == "drift")
    made = said(unmanaged.opened_cause)
    assert (made.kind, made.manager, made.certainty) == (CauseKind.HAND, "kubectl-create", Certainty.RECORDED)
    moved = estate.store.move("test", estate.last, datetime.now(UTC), scope="namespace", name=estate.namespace)
    assert moved is not None
    assert moved.rest == 0
    assert len(moved.parts) >= 2, "the stray Deployment and the limit, at least"
    sentence = " ".join(move_sentences(moved))
    assert f"The score of namespace {estate.namespace} fell from" in sentence
    likely = "most likely kubectl-set (by hand) removed resources.limits.memory of container web of Deployment"
    assert likely in sentence, sentence
    (limits,) = (
        part for part in moved.parts if any(f.policy == "RES003" and f.ref == estate.ref for f in part.findings)
    )
    paths = [change.path.rpartition("]")[2] for _, change in limits.changes]
    assert paths == [".resources.limits.memory"], "the image, which the same hand changed, is no part of it"
    assert "kubectl-create (by hand)" in sentence
    back = sentence.partition("This would bring it back: ")[2]
    assert "set spec.template.spec.containers[name=web].resources.limits.memory of" in back
    estate.apply()
    estate.kubectl("delete", "deployment/stray")
    estate.audit()
    image = estate.spans("drift_fields", path="image")[-1]
    assert (said(image.closed_cause).kind, said(image.closed_cause).manager) == (
        CauseKind.APPLIER,
        "kubectl-client-side-apply",
    )
    (unmanaged,) = (s for s in estate.store.history(stray) if s.of == "drift")
    assert said(unmanaged.closed_cause).kind is CauseKind.UNKNOWN
    assert "deletions" in said(unmanaged.closed_cause).detail


def test_policies_waivers_and_coverage_are_causes(estate: Estate) -> None:
    estate.commit("Bo", "limits are for cowards", limits="")
    estate.apply()
    estate.audit()
    estate.audit(ignore=("RES003",))
    off = estate.spans("findings", policy="RES003")[-1]
    assert (said(off.closed_cause).kind, said(off.closed_cause).detail) == (
        CauseKind.POLICY,
        "policy RES003 switched off",
    )
    estate.audit()
    on = estate.spans("findings", policy="RES003")[-1]
    assert said(on.opened_cause).detail == "policy RES003 switched on"
    waiver = '"\n    gitops-auditor.io/waive.RES003: "reason=later; until=2999-01-01; by=shop'
    estate.said["note"] = "three"
    text = estate.manifest().replace("note: 'three'", f'note: "three{waiver}"')
    estate.repository.author = "Cy"
    estate.repository.commit({"apps/web.yaml": text}, message="not now")
    estate.audit()
    waived = estate.spans("verdicts", policy="RES003")[-1]
    assert waived.what["outcome"] == "waived"
    cause = said(waived.opened_cause)
    assert (cause.kind, cause.author, cause.subject) == (CauseKind.WAIVER, "Cy", "not now")
    assert "begins" in cause.detail
    stranger = estate.plane.new_user()
    estate.plane.allow(stranger, namespace=estate.namespace, resources="services,configmaps")
    cluster = estate.settings["cluster"]
    assert isinstance(cluster, dict)
    estate.settings["cluster"] = {**cluster, "live": f"context:{stranger.name}", "kubeconfig": stranger.kubeconfig}
    estate.audit()
    blind = estate.spans("verdicts", policy="RES003")[-1]
    assert blind.what["outcome"] == "unknown"
    assert said(blind.opened_cause).kind is CauseKind.COVERAGE
    assert f"Deployment in {estate.namespace}: listed → denied" in said(blind.opened_cause).detail


def said(cause: Cause | None) -> Cause:
    assert cause is not None
    return cause
