"""From a documented generator function to a Policy: the decorator that every `policies/<name>/policy.py` uses."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from auditor.kube.workloads import hook_of
from auditor.model import Answer, Judges, NotApplicable, Policy, Resource, Rule, Scope, Severity


def policy(
    *,
    id: str,
    practice: int,
    severity: Severity,
    kinds: tuple[str, ...],
    remedy: str,
    judges: Judges = Judges.RUNNING,
    reads: tuple[str, ...] = (),
    enabled: bool = True,
    version: int = 1,
    skips_hooks: bool = False,
    scope: Scope | None = None,
    since: str = "0.1.0",
) -> Callable[[Rule], Policy]:
    """Make a Policy: its name is the function's with hyphens, its title the docstring's first line, its rationale the rest.

    `kinds` and `reads` are names as `kinds.called` gives them. `skips_hooks`: objects that Helm or Argo CD run as hooks are
    outside the rule (they come and go by design). `scope`: without it, a policy that reads other kinds sees objects beside each
    other, and one that reads none sees one alone. Raises ValueError for a function without title and rationale.
    """

    def made(rule: Rule) -> Policy:
        title, _, rationale = inspect.cleandoc(rule.__doc__ or "").partition("\n")
        if not title.strip() or not rationale.strip():
            raise ValueError(f"{rule.__name__}: a policy needs a docstring with a title, an empty line and a rationale")
        return Policy(
            id=id,
            name=rule.__name__.replace("_", "-"),
            practice=practice,
            severity=severity,
            kinds=kinds,
            judges=judges,
            title=title.strip(),
            rationale=rationale.strip(),
            remedy=remedy,
            rule=_without_hooks(rule) if skips_hooks else rule,
            reads=reads,
            enabled=enabled,
            version=version,
            scope=scope or (Scope.OBJECTS if reads else Scope.OBJECT),
            since=since,
        )

    return made


def _without_hooks(rule: Rule) -> Rule:
    @functools.wraps(rule)
    def asked(resource: Resource, around: Any) -> Answer:
        hook = hook_of(resource)
        if hook:
            return NotApplicable(f"a hook ({hook}) comes and goes by design")
        return (yield from rule(resource, around))

    return asked
