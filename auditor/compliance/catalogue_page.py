"""The catalogue as a page: policies in, Markdown out. `docs/policies.md` is this text; nobody writes it by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditor.compliance.catalogue import examples
from auditor.model import Judges, Policy

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

_JUDGES: Final = {Judges.RUNNING: "what runs, and git beside it", Judges.DECLARED: "what git declares"}


def catalogue_markdown(policies: Sequence[Policy]) -> str:
    """One section for each practice, one for each policy: what it wants, why, a bad and a good manifest."""
    lines = [
        "# Policies",
        "",
        "Generated from `policies/`; change a policy there, and this page with `make docs`.",
        "",
        "| id | name | severity | it wants |",
        "|---|---|---|---|",
        *(f"| [{p.id}](#{p.id.lower()}-{p.name}) | {p.name} | {p.severity} | {p.title} |" for p in policies),
        "",
    ]
    for practice, title in PRACTICES.items():
        held = [policy for policy in policies if policy.practice == practice]
        if held:
            lines += [f"## {practice}. {title}" if practice else f"## {title}", ""]
        for policy in held:
            lines += _section(policy)
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(policy: Policy) -> list[str]:
    good, bad = examples(policy)
    kinds = ", ".join(
        "anything with a Pod template" if k == "*" else "custom kinds with a Pod template" if k == "*custom" else k
        for k in policy.kinds
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
        f"Severity: {policy.severity}. Asked about: {kinds}. Judges {_JUDGES[policy.judges]}."
        + ("" if policy.enabled else f" Off by default: `--select {policy.id}` switches it on."),
        "",
        f'Waive it, in git: `gitops-auditor.io/waive.{policy.id}: "reason=…; until=YYYY-MM-DD; by=…"`.',
        "",
        "Bad:",
        "",
        "```yaml",
        bad.rstrip("\n"),
        "```",
        "",
        "Good:",
        "",
        "```yaml",
        good.rstrip("\n"),
        "```",
        "",
    ]
