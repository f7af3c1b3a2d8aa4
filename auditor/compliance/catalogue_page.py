"""The catalogue as a page: policies in, Markdown out. `docs/policies.md` is this text; nobody writes it by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from auditor.compliance.frameworks import FRAMEWORKS, touched
from auditor.compliance.lessons import Compare, lessons
from auditor.kube.workloads import ANYTHING, CUSTOM, TEMPLATED
from auditor.model import Judges, Outcome, Policy, Scope

PRACTICES: Final = {
    1: "No bare Pods",
    2: "The right controller",
    3: "Init containers initialise the application",
    4: "Services start before the workloads that use them",
    5: "History to roll back to",
    6: "Configuration in ConfigMaps and Secrets",
    7: "Readiness and liveness probes",
    8: "Requests and limits",
    9: "Namespaces that bound",
    10: "Autoscaling of stateless workloads",
    0: "Across all practices",
}
"""The ten practices, and what cuts across them."""

SCOPES: Final = {Scope.OBJECT: "one object", Scope.OBJECTS: "objects together", Scope.RUNS: "what runs"}
"""What a policy has to see."""

_JUDGES: Final = {Judges.RUNNING: "what runs, and git beside it", Judges.DECLARED: "what git declares"}


def catalogue_markdown(policies: Sequence[Policy], compare: Compare, covered: str = "") -> str:
    """One section for each practice, one for each policy: what it wants, why, what fails, what passes, a bad and a good manifest.

    `compare` gives the drift that some manifests show; `covered` is the part about what each practice is judged by.
    """
    lines = [
        "# Policies",
        "",
        "Generated from `policies/`; change a policy there, and this page with `make docs`.",
        "",
        "| id | name | severity | sees | it wants |",
        "|---|---|---|---|---|",
        *(
            f"| [{p.id}](#{p.id.lower()}-{p.name}) | {p.name} | {p.severity if p.enabled else 'off'} | {SCOPES[p.scope]} | {p.title} |"
            for p in policies
        ),
        "",
        *([covered, ""] if covered else []),
    ]
    for practice, title in PRACTICES.items():
        held = [policy for policy in policies if policy.practice == practice]
        if held:
            lines += [f"## {practice}. {title}" if practice else f"## {title}", ""]
        for policy in held:
            lines += _section(policy, compare)
    lines += _frameworks(policies)
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(policy: Policy, compare: Compare) -> list[str]:
    good, bad = lessons(policy, compare)
    kinds = ", ".join(
        {
            TEMPLATED: "anything with a Pod template",
            CUSTOM: "custom kinds with a Pod template",
            ANYTHING: "everything",
        }.get(kind, kind)
        for kind in policy.kinds
    )
    return [
        f"### {policy.id} {policy.name}",
        "",
        f"**{policy.title}**",
        "",
        policy.rationale,
        "",
        f"Remedy: {policy.remedy}.",
        "",
        f"Severity: {policy.severity}. Asked about: {kinds}. Judges {_JUDGES[policy.judges]}; sees {SCOPES[policy.scope]}."
        + ("" if policy.enabled else f" Off by default: `--select {policy.id}` switches it on.")
        + f" Since {policy.since}.",
        "",
        f'Waive it, in git: `gitops-auditor.io/waive.{policy.id}: "reason=…; until=YYYY-MM-DD; by=…"`.',
        "",
        "Fails:",
        "",
        *(f"- line {one.line}, {one.ref}: {_literal(one.words)}" for one in bad.said if one.outcome is Outcome.FAIL),
        "",
        "```yaml",
        bad.text.rstrip("\n"),
        "```",
        "",
        "Does not:",
        "",
        *(f"- {one.ref}: {one.outcome}{f' ({_literal(one.words)})' if one.words else ''}" for one in good.said),
        "",
        "```yaml",
        good.text.rstrip("\n"),
        "```",
        "",
    ]


def _literal(words: str) -> str:
    """Words in which nothing is Markdown."""
    return re.sub(r"([\\`*_<>\[\]$|])", r"\\\1", words)


def _frameworks(policies: Sequence[Policy]) -> list[str]:
    lines = [
        "## Frameworks",
        "",
        "Where policies touch what frameworks ask for. A mapping, not a certification: a policy that passes says something about a",
        "control, and never that it is met.",
        "",
        "| policy | " + " | ".join(f"{one.name}, {one.edition}" for one in FRAMEWORKS) + " |",
        "|---|" + "---|" * len(FRAMEWORKS),
    ]
    for policy in policies:
        found = {one.framework: ", ".join(one.controls) for one in touched(policy)}
        if found:
            lines.append(f"| {policy.id} | " + " | ".join(found.get(one.name, "–") for one in FRAMEWORKS) + " |")
    return lines
