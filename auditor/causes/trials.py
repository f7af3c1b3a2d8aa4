"""Which of several changes brought a finding: each is undone, and the policy asked again. Pure.

A policy may name a whole container where one field of it is at fault, and a commit may have touched three others: that a change
fits the path proves nothing. A finding that is there with the change and is not without it does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from auditor.causes.commits import GitSide, put, steps_of
from auditor.causes.evidence import Commit, Evidence
from auditor.compliance import fingerprints
from auditor.drift.bodies import value_at
from auditor.kube.schema import node_of
from auditor.kube.surroundings import Surroundings
from auditor.model import Policy, Ref, Resource, Side


class Trials:
    """The policies of a run, to be asked about states that it did not see."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._policies = {policy.id: policy for policy in evidence.policies}
        self._around: dict[Side, Surroundings] = {}
        self._known: dict[tuple[str, Ref, int], frozenset[str] | None] = {}

    def commits(self, policy: str, fingerprint: str, ref: Ref, git: GitSide) -> tuple[Commit, ...] | None:
        """The commits between the runs with which the finding came or went, newest first; None where no rule can tell."""
        resource = git.now(ref) or (self._evidence.live.by_ref.get(ref) if self._evidence.live else None)
        found = []
        for commit, after, before in git.states(ref):
            with_it, without = (self._has(policy, fingerprint, resource, ref, body) for body in (after, before))
            if with_it is None or without is None:
                return None
            if with_it != without:
                found.append(commit)
        return tuple(found)

    def undone(self, policy: str, fingerprint: str, ref: Ref, path: str, value: Any) -> bool | None:
        """Whether the finding would come or go if the live object had this value at the path; None where no rule can tell."""
        live = self._evidence.live.by_ref.get(ref) if self._evidence.live else None
        if live is None:
            return None
        other = put(live.body, steps_of(path), node_of(ref.group, ref.kind, live.body), value)
        rule = self._policies.get(policy)
        now = self._has(policy, fingerprint, live, ref, live.body, Side.LIVE)
        then = self._asked(rule, live, other, Side.LIVE) if rule is not None else None
        return None if now is None or then is None else now != (fingerprint in then)

    def in_git(self, ref: Ref, path: str) -> Any:
        """What git says at a path; MISSING where it says nothing."""
        resource = self._evidence.desired.by_ref.get(ref) if self._evidence.desired else None
        body = resource.body if resource else {}
        return value_at(body, steps_of(path), node_of(ref.group, ref.kind, body))

    def _has(
        self, policy: str, fingerprint: str, like: Resource | None, ref: Ref, body: Any, side: Side = Side.GIT
    ) -> bool | None:
        if body is None:
            return False  # nothing is wrong with what is not there
        rule = self._policies.get(policy)
        if rule is None or like is None:
            return None
        key = (
            policy,
            ref,
            id(body),
        )  # bodies of the evidence live as long as it does, so where they lie is who they are
        if key not in self._known:
            self._known[key] = self._asked(rule, like, body, side)
        found = self._known[key]
        return None if found is None else fingerprint in found

    def _asked(self, rule: Policy, like: Resource, body: Any, side: Side) -> frozenset[str] | None:
        resource = replace(like, body=body, api_version=str(body.get("apiVersion") or like.api_version), locate=None)
        return fingerprints(rule, resource, self._surroundings(side))

    def _surroundings(self, side: Side) -> Surroundings:
        if side not in self._around:
            self._around[side] = Surroundings(self._evidence.desired, self._evidence.live, prefer=side)
        return self._around[side]
