"""The rules by which a change gets its cause.

What is certain goes first: a policy that was not on before, a commit that changed the very field, the owner of a field that the
server recorded. What only fits (a setting changed, one commit touched the neighbourhood) is likely. The rest is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import orjson

from auditor.causes.commits import GitSide
from auditor.causes.evidence import Event, Evidence
from auditor.causes.trials import Trials
from auditor.causes.writers import LiveSide, by, one_of, related
from auditor.drift.values import MISSING
from auditor.exemptions import PREFIX
from auditor.kube.paths import append
from auditor.model import (
    Cause,
    CauseKind,
    CellState,
    Certainty,
    Direction,
    DriftKind,
    Finding,
    Outcome,
    Owner,
    OwnerClass,
    Ref,
    Side,
    WaiverState,
    Window,
)

_UNREAD = (CellState.DENIED.value, CellState.UNAVAILABLE.value)
_DELETED = "the cluster keeps no record of deletions"


def explain(events: Sequence[Event], evidence: Evidence, window: Window) -> list[Cause]:
    """The cause of each event, in their order. `window`: from the last published run to this one."""
    if window.after is None:
        return [Cause(CauseKind.FIRST_RUN, window=window)] * len(events)
    return _Explanation(events, evidence, window).causes()


def brought(finding: Finding, evidence: Evidence) -> Cause | None:
    """The commit, of all in the evidence, that made git have a finding: the last one without which it would not be there."""
    git = GitSide(evidence)
    commits = Trials(evidence).commits(finding.policy, finding.fingerprint, finding.ref, git)
    if commits:
        return git.told(commits[0], Certainty.RECORDED, git.place(finding.ref, finding.path))
    return git.cause(finding.ref, finding.path) if commits is None else None


class _Explanation:
    """One run's events, each explained after those that it may rest on: a verdict after its findings, a score after both."""

    def __init__(self, events: Sequence[Event], evidence: Evidence, window: Window) -> None:
        self.events, self.evidence, self.window = events, evidence, window
        self.git, self.live, self.trials = GitSide(evidence), LiveSide(evidence, window), Trials(evidence)
        self.found: dict[int, Cause] = {}
        self.by_of: dict[str, list[int]] = {}
        for n, event in enumerate(events):
            self.by_of.setdefault(event.of, []).append(n)
        conditions = list(self._of("conditions"))
        self.policies = {e.said("name"): e for e in conditions if e.said("kind") == "policy"}
        self.settings = [e for e in conditions if e.said("kind") == "setting" and e.before and e.after]
        self.program = [e for e in conditions if e.said("kind") == "auditor" and e.before and e.after]
        self.cells = {(e.said("grp"), e.said("kind"), e.said("namespace")): e for e in self._of("cells")}
        rewritten = ", ".join(sorted(evidence.rewritten))
        said = f"the history of {rewritten} was rewritten, or its last audited commit is gone" if rewritten else ""
        self.unknown = Cause(CauseKind.UNKNOWN, Certainty.UNKNOWN, said, window=window)

    def causes(self) -> list[Cause]:
        self._explain("conditions", self.condition)
        self._explain("cells", self.cell)
        self._explain("waivers", self.waiver)
        self._explain("drift_fields", self.field)
        fields = self._causes_by("drift_fields", lambda e: [(e.ref, e.said("kind"))])
        self._explain("drift", lambda e: self.drift(e, fields.get((e.ref, e.said("kind")), ())))
        self._explain("findings", self.finding)
        findings = self._causes_by("findings", lambda e: [(e.ref, e.said("policy"))])
        self._explain("verdicts", lambda e: self.verdict(e, findings.get((e.ref, e.said("policy")), ())))
        workloads = self._causes_by("verdicts", lambda e: list(e.concerns))
        self._explain("workload_scores", lambda e: self.score(e, workloads.get(e.ref, ())))
        spaces = self._causes_by("verdicts", lambda e: {r.namespace or "" for r in (*e.concerns, e.ref) if r})
        everything = [self.found[n] for n in self.by_of.get("verdicts", ())]
        self._explain(
            "scores",
            lambda e: self.score(e, spaces.get(e.said("name"), ()) if e.said("scope") == "namespace" else everything),
        )
        self._explain("seen", self.seen)
        self._explain("problems", self.problem)
        for of in self.by_of:
            self._explain(of, lambda e: self.around(e.ref, e.said("path") or ""))
        return [self.found[n] for n in range(len(self.events))]

    def _of(self, of: str) -> Iterable[Event]:
        return (self.events[n] for n in self.by_of.get(of, ()))

    def _explain(self, of: str, rule: Callable[[Event], Cause | None]) -> None:
        for n in self.by_of.get(of, ()):
            if n not in self.found:
                self.found[n] = rule(self.events[n]) or self.unknown

    def _causes_by(self, of: str, keys: Callable[[Event], Iterable[object]]) -> dict[object, list[Cause]]:
        found: dict[object, list[Cause]] = {}
        for n in self.by_of.get(of, ()):
            for key in keys(self.events[n]):
                found.setdefault(key, []).append(self.found[n])
        return found

    # What the audit was made under

    def condition(self, event: Event) -> Cause:
        kinds = {"policy": CauseKind.POLICY, "setting": CauseKind.SETTINGS}
        return Cause(kinds.get(event.said("kind"), CauseKind.AUDITOR), detail=_moved(event), window=self.window)

    def cell(self, event: Event) -> Cause | None:
        if self.settings and (event.before is None or event.after is None):
            return self._settings()
        if event.before is None and len(self.evidence.commits) == 1:
            return self.git.told(self.evidence.commits[0], Certainty.LIKELY, None)
        return None

    def waiver(self, event: Event) -> Cause | None:
        """A waiver is written in git, so a commit begins, changes and ends it; or its last day passes."""
        policy, file = event.said("policy"), event.said("place_file")
        commit = None
        if event.ref is not None:
            commit = self.git.cause(event.ref, append("metadata.annotations", f"{PREFIX}{policy}"))
        elif file and len(commits := self.git.of_file(event.said("place_source") or "", file)) == 1:
            commit = self.git.told(commits[0], Certainty.LIKELY, None)
        found = replace(commit, kind=CauseKind.WAIVER) if commit else Cause(CauseKind.WAIVER, window=self.window)
        detail = f"of {policy}: {event.said('reason')}, until {event.said('until')}, by {event.said('by')}"
        words = "begins" if event.before is None else "ended" if event.after is None else "changed"
        if event.before and event.after and event.before["state"] != event.after["state"]:
            words = (
                "ended on its last day" if event.after["state"] == WaiverState.EXPIRED else f"is {event.after['state']}"
            )
        return replace(found, detail=f"{words}, {detail}")

    def waived(self, event: Event) -> Cause | None:
        """The waiver that began or ended and is for this verdict: on the object, on its Namespace, or in a waivers file."""
        ref = event.ref
        assert ref is not None
        holders = {ref, Ref(ref.cluster, "", "Namespace", None, ref.namespace or "")}
        found = []
        for n in self.by_of.get("waivers", ()):
            waiver = self.events[n]
            states = [row["state"] for row in (waiver.before, waiver.after) if row]
            ended = WaiverState.EXPIRED in states[1:]
            if waiver.said("policy") != event.said("policy") or (
                len(states) == 2 and len(set(states)) == 2 and not ended
            ):
                continue
            own = waiver.ref in holders
            patterns = (("kind", ref.kind), ("namespace", ref.namespace or ""), ("name", ref.name))
            listed = waiver.ref is None and all(fnmatchcase(is_, waiver.said(of) or "*") for of, is_ in patterns)
            if own or listed:
                found.append(self.found[n])
        return one_of(found)

    # Drift

    def field(self, event: Event) -> Cause | None:
        """One field: the commit that moved git, or whoever wrote the live value; a direction says which of the two moved."""
        ref, path = event.ref, event.said("path")
        assert ref is not None
        before, after = event.before, event.after
        if after is None:
            assert before is not None
            commit = self.git.cause(ref, path)
            if commit is not None and commit.certainty is Certainty.RECORDED:
                return commit
            if before["direction"] == Direction.GIT_AHEAD and _is_commit(event.brought):
                return self._applied(event.brought, ref, path)
            if self.evidence.live is not None and not self.live.is_there(ref):
                return replace(self.unknown, detail=_DELETED)
            return self.live.wrote(ref, path) or commit or self._changed_conditions()
        if after["direction"] == Direction.GIT_AHEAD or (before and before["desired"] != after["desired"]):
            if (commit := self.git.cause(ref, path)) is not None:
                return commit
            if before and _is_commit(event.brought):
                return event.brought
        if before and before["desired"] == after["desired"] and before["live"] == after["live"]:
            return self._changed_conditions() or self._owner(after)
        return self._owner(after) or self.git.cause(ref, path) or self._changed_conditions()

    def drift(self, event: Event, fields: Sequence[Cause]) -> Cause | None:
        ref, kind = event.ref, event.said("kind")
        assert ref is not None
        if kind == DriftKind.MODIFIED:
            return one_of(fields) or self.git.cause(ref, "") or self._changed_conditions()
        commit = self.git.cause(ref, "")
        came = (
            kind == DriftKind.UNMANAGED if event.after is not None else kind == DriftKind.MISSING and self.git.now(ref)
        )
        if commit is None and came:
            commit = self.live.made(ref)
        deleted = (kind == DriftKind.MISSING) == (event.after is not None)
        return commit or self._changed_conditions() or (replace(self.unknown, detail=_DELETED) if deleted else None)

    def _owner(self, row: object) -> Cause | None:
        """The owner that a row of `drift_fields` names."""
        assert isinstance(row, dict)
        if row["owner_class"] is None:
            return None
        owner = Owner(
            row["owner_manager"],
            row["owner_operation"],
            row["owner_subresource"],
            row["owner_time"],
            OwnerClass(row["owner_class"]),
            Certainty(row["owner_certainty"]),
        )
        window = Window(row["window_after"], row["window_before"]) if row["window_before"] else self.window
        return by(owner, window)

    def _applied(self, commit: Cause | None, ref: Ref, path: str) -> Cause | None:
        """An earlier commit that has reached the cluster now, and through what."""
        assert commit is not None
        wrote = self.live.wrote(ref, path)
        applier = wrote.manager if wrote and wrote.kind is CauseKind.APPLIER else ""
        return replace(commit, detail="applied to the cluster", manager=applier, window=self.window)

    # Findings and verdicts

    def finding(self, event: Event) -> Cause | None:
        ref, path, policy = event.ref, event.said("path"), self.policies.get(event.said("policy"))
        assert ref is not None
        if policy is not None and (policy.before is None or policy.after is None):
            return self.condition(policy)
        old = Side(event.before["side"]) if event.before else None
        new = Side(event.after["side"]) if event.after else None
        if _is_commit(event.brought) and (old, new) in _ROLLED_OUT:
            return self._applied(event.brought, ref, path)
        if (old, new) in _ON_THE_CLUSTER:
            return self.on_cluster(event) or self._changed_conditions()
        commits = self.trials.commits(event.said("policy"), event.said("fingerprint"), ref, self.git)
        if commits:
            certainty = Certainty.RECORDED if len(commits) == 1 else Certainty.LIKELY
            return self.git.told(commits[0], certainty, self.git.place(ref, path))
        commit = self.git.cause(ref, path) if commits is None else None
        if commit is not None and commit.certainty is Certainty.RECORDED:
            return commit
        if policy is not None:
            return replace(self.condition(policy), certainty=Certainty.LIKELY)
        if {old, new} == {Side.LIVE} and (found := self.on_cluster(event)) is not None:
            return found
        return self._coverage(ref) or commit or self._changed_conditions() or self.git.near(ref)

    def on_cluster(self, event: Event) -> Cause | None:
        """Who changed the object on the cluster so that the finding came or went: of what drifts, or drifted, around its path, the
        change without which it would be otherwise; else the owner of the path itself."""
        ref, path = event.ref, event.said("path")
        assert ref is not None
        tried: list[tuple[bool | None, Cause | None]] = []
        about = event.said("policy"), event.said("fingerprint"), ref
        for change in self.live.drifted(ref, path):
            if change.direction is not Direction.GIT_AHEAD:
                found = by(change.owner, change.window or self.window)
                found = replace(found, place=change.place) if found else None
                tried.append((self.trials.undone(*about, change.path, self.trials.in_git(ref, change.path)), found))
        for n in self.by_of.get("drift_fields", ()):
            gone = self.events[n]
            if gone.ref == ref and gone.after is None and gone.before and related(path, gone.before["path"]):
                was = gone.before["live"]
                value = MISSING if was is None else orjson.loads(was)
                whole = was is None or not any(mark in was for mark in ('"truncated":true', '"redacted":true'))
                decides = self.trials.undone(*about, gone.before["path"], value) if whole else None
                tried.append((decides, self.found[n]))
        if any(decides is not None for decides, _ in tried):
            tried = [(decides, found) for decides, found in tried if decides]
        if tried:
            return one_of(found for _, found in tried)
        drift = self.live.drift_of(ref)
        if drift is not None and drift.kind in (DriftKind.UNMANAGED, DriftKind.ORPHANED):
            return self.live.made(ref) or self.live.wrote(ref, path)
        if self.evidence.live is not None and not self.live.is_there(ref):
            return self._coverage(ref) or self.git.cause(ref, "") or replace(self.unknown, detail=_DELETED)
        return self.live.wrote(ref, path)

    def verdict(self, event: Event, findings: Sequence[Cause]) -> Cause | None:
        ref, policy = event.ref, self.policies.get(event.said("policy"))
        assert ref is not None
        if policy is not None and (policy.before is None or policy.after is None):
            return self.condition(policy)
        outcomes = {row["outcome"] for row in (event.before, event.after) if row}
        if Outcome.UNKNOWN in outcomes and (found := self._coverage(ref, _reasons(event))) is not None:
            return found
        if Outcome.WAIVED in outcomes and (found := self.waived(event)) is not None:
            return found
        if (found := one_of(findings)) is not None:
            return found
        if policy is not None:
            return replace(self.condition(policy), certainty=Certainty.LIKELY)
        return self._coverage(ref, _reasons(event)) or self.around(ref, "")

    # The rest

    def score(self, event: Event, verdicts: Iterable[Cause]) -> Cause | None:
        if any(e.said("name") == "score" for e in self.program):
            return self._program()
        return one_of(verdicts) or self._changed_conditions()

    def seen(self, event: Event) -> Cause | None:
        assert event.ref is not None
        if event.after is None:
            return self._coverage(event.ref) or replace(self.unknown, detail=_DELETED)
        return self._coverage(event.ref) or self.live.made(event.ref)

    def problem(self, event: Event) -> Cause | None:
        source, file = event.said("place_source"), event.said("place_file")
        commits = self.git.of_file(source or "", file) if file else ()
        if commits:
            certainty = Certainty.RECORDED if len(commits) == 1 else Certainty.LIKELY
            return self.git.told(commits[0], certainty, None)
        if event.said("code") == "WVR002" and event.after is not None:
            return Cause(CauseKind.WAIVER, detail="its last day has passed", window=self.window)
        return self.around(event.ref, "")

    def around(self, ref: Ref | None, path: str) -> Cause | None:
        """What fits where nothing is certain: the object elsewhere, its neighbours, then what the audit was made under."""
        if ref is None:
            return self._changed_conditions()
        return (
            self.git.cause(ref, path)
            or one_of(by(c.owner, c.window or self.window) for c in self.live.drifted(ref, path))
            or self._coverage(ref)
            or self.live.wrote(ref, path)
            or self._changed_conditions()
            or self.git.near(ref)
        )

    def _coverage(self, ref: Ref, reasons: str = "") -> Cause | None:
        """The change of the cell that the object is in, or of one that a rule asked for and names in its reason."""
        own = [self.cells.get((ref.group, ref.kind, name)) for name in (ref.namespace or "", "")]
        named = [
            e for e in self.cells.values() if f"{e.said('kind')} in " in reasons or f"{e.said('kind')}: " in reasons
        ]
        for event in (*own, *named):
            if event is None or event.before is None or event.after is None:
                continue
            old, new = event.before["state"], event.after["state"]
            if old != new and (old in _UNREAD) != (new in _UNREAD):
                where = f" in {event.said('namespace')}" if event.said("namespace") else ""
                said = f"{event.said('kind')}{where}: {old} → {new}"
                return Cause(CauseKind.COVERAGE, detail=said, window=self.window)
        return None

    def _changed_conditions(self) -> Cause | None:
        """What else changed: the rules, the settings, the program. It fits; nothing proves it."""
        return self._settings() or self._program()

    def _settings(self) -> Cause | None:
        if not self.settings:
            return None
        said = "; ".join(_moved(event) for event in self.settings)
        return Cause(CauseKind.SETTINGS, Certainty.LIKELY, said, window=self.window)

    def _program(self) -> Cause | None:
        if not self.program:
            return None
        said = "; ".join(_moved(event) for event in self.program)
        return Cause(CauseKind.AUDITOR, Certainty.LIKELY, said, window=self.window)


_ROLLED_OUT = frozenset({(Side.GIT, Side.BOTH), (Side.LIVE, None), (Side.LIVE, Side.LIVE)})
"""Sides of a finding before and after, where what a commit did is followed by the cluster."""
_ON_THE_CLUSTER = frozenset({(None, Side.LIVE), (Side.LIVE, None), (Side.BOTH, Side.GIT), (Side.GIT, Side.BOTH)})


def _is_commit(cause: Cause | None) -> bool:
    return cause is not None and cause.kind is CauseKind.COMMIT


def _moved(event: Event) -> str:
    """`policy POD001 switched on`, `setting cluster.namespaces: a → b`."""
    name = f"{event.said('kind')} {event.said('name')}"
    if event.before is None or event.after is None:
        return f"{name} {'switched off' if event.after is None else 'switched on'}"
    return f"{name}: {event.before['value']} → {event.after['value']}"


def _reasons(event: Event) -> str:
    return " ".join(str(row["reason"]) for row in (event.before, event.after) if row)
