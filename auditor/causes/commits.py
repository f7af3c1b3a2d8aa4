"""Which commit changed a field: the states that commits gave an object in, the commit out.

A path is followed by its keys, not by lines: a field that moved with its file was not changed, one that was removed was.
"""

from __future__ import annotations

from typing import Any

from auditor.causes.evidence import Commit, Evidence
from auditor.drift.bodies import value_at
from auditor.drift.values import MISSING, is_list, is_map
from auditor.kube.paths import Element, Member, Step, element, parse, text_of
from auditor.kube.schema import Node, child_of, key_of, node_of
from auditor.model import Cause, CauseKind, Certainty, Place, RawPath, Ref, Resource


class GitSide:
    """The commits between two runs, and what each made of the objects."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._commits = {commit.revision: commit for commit in evidence.commits}
        self._by_namespace: dict[str | None, dict[str, Commit]] = {}
        for ref, states in evidence.earlier.items():
            for state in states:
                if (commit := self._commits.get(state.until)) is not None:
                    self._by_namespace.setdefault(ref.namespace, {})[commit.revision] = commit

    def now(self, ref: Ref) -> Resource | None:
        return self._evidence.desired.by_ref.get(ref) if self._evidence.desired else None

    def changed(self, ref: Ref, path: str) -> tuple[Commit, ...]:
        """The commits between the runs that changed the object at that path ("": anywhere), newest first."""
        steps = steps_of(path)
        return tuple(
            commit
            for commit, after, before in self.states(ref)
            if _seen(after, steps, ref) != _seen(before, steps, ref)
        )

    def states(self, ref: Ref) -> tuple[tuple[Commit, Any, Any], ...]:
        """Each commit between the runs that changed the object, newest first, with its body after and before (None: not there)."""
        resource = self.now(ref)
        after = resource.body if resource else None
        found = []
        for state in self._evidence.earlier.get(ref, ()):
            commit = self._commits.get(state.until)
            if commit is None:
                break
            found.append((commit, after, state.body))
            after = state.body
        return tuple(found)

    def cause(self, ref: Ref, path: str) -> Cause | None:
        """The commit that changed the object at that path. Where several did, most likely the last of them."""
        found = self.changed(ref, path)
        if not found:
            return None
        certainty = Certainty.RECORDED if len(found) == 1 else Certainty.LIKELY
        return self.told(found[0], certainty, self.place(ref, path))

    def near(self, ref: Ref) -> Cause | None:
        """The commit that most likely did it, where only one can have: it changed the object elsewhere, or its file, or alone
        among those between the runs changed objects of its namespace, which rules look at too."""
        resource = self.now(ref)
        file = resource.origin.file if resource and resource.origin else ""
        of_file = [commit for commit in self._evidence.commits if file and file in commit.files]
        of_namespace = {**self._by_namespace.get(ref.namespace, {}), **self._by_namespace.get(None, {})}
        for found in (self.changed(ref, ""), of_file, tuple(of_namespace.values())):
            if len(found) == 1:
                return self.told(found[0], Certainty.LIKELY, self.place(ref, ""))
            if found:
                return None
        return None

    def of_file(self, source: str, file: str) -> tuple[Commit, ...]:
        return tuple(c for c in self._evidence.commits if file in c.files and source in ("", c.source))

    def told(self, commit: Commit, certainty: Certainty, place: Place | None) -> Cause:
        return Cause(
            CauseKind.COMMIT,
            certainty,
            revision=commit.revision,
            author=commit.author,
            subject=commit.subject,
            at=commit.at,
            place=place,
        )

    def place(self, ref: Ref, path: str) -> Place | None:
        """Where the path, or its nearest written parent, stands in git now."""
        resource = self.now(ref)
        return resource.place(written(resource, path)) if resource else None


def steps_of(path: str) -> tuple[Step, ...]:
    """The steps of a stored path; none for one that was cut off because it is too long."""
    try:
        return parse(path)
    except ValueError:
        return ()


def _seen(body: Any, steps: tuple[Step, ...], ref: Ref) -> tuple[Any, int]:
    """The value at the path, and how many of its steps are written: a new container without limits differs from none."""
    if body is None:
        return MISSING, -1
    node = node_of(ref.group, ref.kind, body)
    value = value_at(body, steps, node)
    if value is not MISSING:
        return value, len(steps)
    depth = next((n for n in range(len(steps) - 1, 0, -1) if value_at(body, steps[:n], node) is not MISSING), 0)
    return MISSING, depth


def written(resource: Resource, path: str) -> RawPath:
    """The raw path of a keyed one, as far as the object has it."""
    raw: list[str | int] = []
    value: Any = resource.body
    node: Node | None = node_of(resource.ref.group, resource.ref.kind, resource.body)
    for step in steps_of(path):
        if isinstance(step, str):
            if not is_map(value) or step not in value:
                break
            node, value = child_of(node, step, value[step]), value[step]
            raw.append(step)
            continue
        at = _position(value, step, node)
        if at is None:
            break
        node, value = (node.items if node is not None and node.kind == "list" else None), value[at]
        raw.append(at)
    return tuple(raw)


def put(body: Any, steps: tuple[Step, ...], node: Node | None, new: Any) -> Any:
    """A copy of a body with another value at the path; MISSING takes away what is there."""
    if not steps:
        return new
    step, rest = steps[0], steps[1:]
    if isinstance(step, str):
        fields = dict(body) if is_map(body) else {}
        below = put(fields.get(step, MISSING), rest, child_of(node, step, fields.get(step)), new)
        fields.pop(step, None)
        return fields if below is MISSING else {**fields, step: below}
    elements = list(body) if is_list(body) else []
    at = _position(elements, step, node)
    if at is None:
        return elements if rest or new is MISSING else [*elements, new]
    items = node.items if node is not None and node.kind == "list" else None
    below = put(elements[at], rest, items, new)
    return [*elements[:at], *(() if below is MISSING else (below,)), *elements[at + 1 :]]


def _position(value: Any, step: Step, node: Node | None) -> int | None:
    if not is_list(value):
        return None
    if isinstance(step, int):
        return step if step < len(value) else None
    items = node.items if node is not None and node.kind == "list" else None
    keys = node.list_keys if node is not None else ()
    for at, each in enumerate(value):
        if isinstance(step, Element) and (key := key_of(items, keys, each)) and element(key) == step:
            return at
        if isinstance(step, Member) and not is_map(each) and text_of(each) == step.value:
            return at
    return None
