"""The catalogue of policies, and one of them in full, for a terminal. In: policies and their manifests. Out: blocks."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.kube.workloads import ANYTHING, CUSTOM, TEMPLATED
from auditor.model import Judges, Policy
from auditor.publish import words
from auditor.publish.blocks import BLANK, Block, Span, Table, line, title
from auditor.publish.foreign import visible, visible_lines
from auditor.publish.text_drift import SEVERITY_STYLES

_KINDS = {
    TEMPLATED: "everything with a Pod template",
    CUSTOM: "custom kinds with a Pod template",
    ANYTHING: "every object",
}
_JUDGES = {
    Judges.RUNNING: "what runs on the cluster, and what git says beside it",
    Judges.DECLARED: "what git declares",
}


def policies_blocks(policies: Sequence[Policy]) -> list[Block]:
    """`auditor policies`: by practice, then id."""
    found: list[Block] = []
    for practice in sorted({policy.practice for policy in policies}):
        name = words.PRACTICES.get(practice, "Others")
        found.append(title(f"{practice} {name}" if practice else name))
        rows = tuple(
            (
                Span(policy.id, "strong"),
                Span(policy.name),
                Span(
                    policy.severity.value if policy.enabled else "off",
                    SEVERITY_STYLES[policy.severity] if policy.enabled else "muted",
                ),
                Span(policy.scope.value, "muted"),
                Span(_kinds(policy), "muted"),
                Span(visible(policy.title)),
            )
            for policy in sorted(policies, key=lambda policy: policy.id)
            if policy.practice == practice
        )
        found.append(Table(("id", "name", "severity", "sees", "asked of", "what is so"), rows))
    off = sum(not policy.enabled for policy in policies)
    said = words.plural(len(policies), "policy", "policies") + (
        f", {off:,} of them off: --select switches one on" if off else ""
    )
    return [*found, *([BLANK] if found else []), line(Span(said, "strong"))]


def _kinds(policy: Policy) -> str:
    """What a policy is asked about, in a table's few words."""
    if ANYTHING in policy.kinds:
        return "all"
    if TEMPLATED in policy.kinds:
        return "Pod templates"
    first, *others = policy.kinds
    return first.partition(".")[0] + (f" +{len(others)}" if others else "")


def explain_blocks(
    policy: Policy,
    bad: str,
    good: str,
    waiver: str,
    fails: Sequence[str] = (),
    passes: Sequence[str] = (),
    frameworks: Sequence[str] = (),
) -> list[Block]:
    """`auditor explain`: what is wanted, why, what fails and passes, with the manifests, how to mend and how to waive it.

    `fails` and `passes`: what is said of each object of the manifests; `frameworks`: the controls it bears on.
    """
    found: list[Block] = [
        line([Span(f"{policy.id} {policy.name}", "title"), f"  {visible(policy.title)}"]),
        BLANK,
        _row("severity", policy.severity.value + ("" if policy.enabled else "; off until --select names it")),
        _row("practice", f"{policy.practice} {words.PRACTICES.get(policy.practice, '')}".strip()),
        _row("asked of", ", ".join(_KINDS.get(kind, kind) for kind in policy.kinds)),
        _row("judges", _JUDGES[policy.judges]),
    ]
    if policy.reads:
        found.append(_row("reads", ", ".join(policy.reads)))
    found.append(_row("since", policy.since))
    for named in frameworks:
        found.append(_row("maps to", named))  # noqa: PERF401
    found += [title("Why"), *_prose(policy.rationale)]
    found += [title("What to do"), line(visible(policy.remedy), 2)]
    for name, said, manifest in (("Fails", fails, bad), ("Passes", passes, good)):
        if manifest.strip():
            found.append(title(name))
            found += [line(f"- {visible(one)}", 2, 2) for one in said] + ([BLANK] if said else [])
            found += [line(text, 2, whole=True) for text in visible_lines(manifest.rstrip()).split("\n")]
    if waiver:
        found += [
            title("How to waive it"),
            line("Annotate the object in git, with a reason, an end and an owner; it stays visible as waived:", 2),
            *(line(text, 4, whole=True) for text in visible_lines(waiver.rstrip()).split("\n")),
        ]
    return found


def _prose(text: str) -> list[Block]:
    """Paragraphs apart by blank lines, each filled anew; lines that are indented stay as they are."""
    found: list[Block] = []
    for n, paragraph in enumerate(visible_lines(text.strip()).split("\n\n")):
        found += [BLANK] if n else []
        if any(row.startswith((" ", "- ", "* ")) for row in paragraph.split("\n")):
            found += [line(row, 2, 2) for row in paragraph.split("\n")]
        else:
            found.append(line(" ".join(paragraph.split()), 2))
    return found


def _row(name: str, said: str) -> Block:
    return line([Span(f"{name:<10}", "muted"), said], 2, 10)
