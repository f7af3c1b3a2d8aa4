"""One whole run for a terminal: an Audit in, blocks out, from what was audited to one line of summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo

from auditor.model import Audit, Outcome, Policy, Severity, Side
from auditor.publish import tally, text_drift, words
from auditor.publish.blocks import BLANK, Block, Span, Style, Table, hidden, line, title
from auditor.publish.foreign import shorten, visible
from auditor.publish.text_drift import SEVERITY_STYLES

_POLICIES, _EXAMPLES, _NAMESPACES, _PROBLEMS = 8, 3, 10, 10


def blocks(audit: Audit, policies: Sequence[Policy], *, whole: bool, see_all: str, zone: tzinfo = UTC) -> list[Block]:
    """`auditor audit`: the parts in the order in which they are asked for."""
    live = f"{words.plural(len(audit.seen), 'object')} seen" if audit.seen else ""
    found = text_drift.head(audit, zone, live)
    found += text_drift.sections(audit, whole=whole, see_all=see_all, zone=zone)
    found += _findings(audit, {policy.id: policy for policy in policies}, whole=whole, see_all=see_all)
    found += _scores(audit, whole=whole, see_all=see_all)
    found += _gaps(audit, whole=whole, see_all=see_all)
    found += [BLANK, line(Span(summary(audit), "strong"))]
    if worst := next(iter(tally.open_findings(audit.verdicts)), None):
        found.append(line(Span(f"What a policy wants, and why: auditor explain {worst.finding.policy}", "muted")))
    return found


def summary(audit: Audit) -> str:
    """One line: score, drift, findings, coverage."""
    return f"{score_words(audit)} · {text_drift.summary(audit)} · {counted(audit)}"


def score_words(audit: Audit) -> str:
    score = audit.scores.cluster
    if score.score is None:
        return "no score: nothing could be judged" if audit.verdicts else "no score: there is nothing to judge"
    lowest = f", lowest {words.number(score.minimum)}" if score.minimum is not None else ""
    return f"score {words.number(score.score)} of 100 over {words.plural(score.workloads, 'workload')}{lowest}"


def counted(audit: Audit) -> str:
    """`1 error, 2 warnings`; `no finding` where there is none."""
    return severity_counts(tally.severities(tally.open_findings(audit.verdicts)))


def severity_counts(found: Mapping[Severity, int]) -> str:
    """Worst first; `info` has no plural."""
    said = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.INFO: "info"}
    counts = [words.plural(count, severity.value, said[severity]) for severity, count in found.items() if count]
    return ", ".join(counts) or "no finding"


def _findings(audit: Audit, policies: Mapping[str, Policy], *, whole: bool, see_all: str) -> list[Block]:
    open_ = tally.open_findings(audit.verdicts)
    if not open_:
        if not any(verdict.outcome is Outcome.PASS for verdict in audit.verdicts):
            return []
        passed = len(tally.with_outcome(audit.verdicts, Outcome.PASS))
        return [title("Findings: none"), line(f"{words.plural(passed, 'verdict')} given, all pass.", 2)]
    objects = len({one.finding.ref for one in open_})
    found: list[Block] = [title(f"Findings: {counted(audit)} in {words.plural(objects, 'object')}, worst first")]
    groups: dict[tuple[str, Severity], list[tally.Open]] = {}
    for one in open_:
        groups.setdefault((one.finding.policy, one.finding.severity), []).append(one)
    ordered = sorted(groups.items(), key=lambda item: (-item[0][1].rank, -len(item[1]), item[0][0]))
    shown = ordered if whole else ordered[:_POLICIES]
    for n, ((policy, severity), group) in enumerate(shown):
        head: list[str | Span] = [
            Span(f"{words.SEVERITY_GLYPHS[severity]} {severity.value} ", SEVERITY_STYLES[severity]),
            Span(f"{policy} {visible(group[0].verdict.name)}", "strong"),
        ]
        if policy in policies:
            head.append(f"  {policies[policy].title}")
        found += ([BLANK] if n else []) + [line(head, 2, 2)]
        examples = group if whole else group[:_EXAMPLES]
        for one in examples:
            where = f"{visible(str(one.finding.place))}  " if one.finding.place else ""
            note = "  (only on the cluster)" if one.finding.side is Side.LIVE and audit.sources else ""
            place: list[Span | str] = [Span(where, "muted"), words.object_words(one.finding.ref), Span(note, "muted")]
            found += [line(place, 6, 2), line(visible(one.finding.message), 8, 2)]
        found += hidden(len(group) - len(examples), "finding", see_all)
        remedies = dict.fromkeys(one.finding.remedy for one in examples if one.finding.remedy)
        found += [line([Span("→ ", "ok"), visible(remedy)], 6, 2) for remedy in remedies]
    hidden_policies = ordered[len(shown) :]
    if hidden_policies:
        rest = sum(len(group) for _, group in hidden_policies)
        more = f"… {words.plural(rest, 'more finding')} of {words.plural(len(hidden_policies), 'policy', 'policies')}"
        found += [BLANK, line(Span(f"{more}: {see_all} shows all", "muted"), 2)]
    if pending := len(tally.pending_findings(audit.verdicts)):
        found += [BLANK, line(f"{words.plural(pending, 'finding')} only in git, not running yet: not counted.", 2)]
    return found


def _scores(audit: Audit, *, whole: bool, see_all: str) -> list[Block]:
    ordered = tally.worst_namespaces(audit.scores)
    if not ordered:
        return []
    shown = ordered if whole else ordered[:_NAMESPACES]
    rows = []
    for name, score in shown:
        style: Style = "unknown" if score.score is None else ""
        rows.append(
            (
                Span(shorten(name) or "(cluster)"),
                Span(shorten(tally.team(audit.scores, name), 40), "muted"),
                Span(words.score_words(score.score), style),
                Span(words.number(score.minimum) if score.minimum is not None else "?", style),
                Span(f"{score.workloads:,}"),
            )
        )
    heads = ("namespace", "team", "score", "lowest", "workloads")
    table = Table(heads, tuple(rows), frozenset({"score", "lowest", "workloads"}))
    return [title("Score by namespace, worst first"), table, *hidden(len(ordered) - len(shown), "namespace", see_all)]


def _gaps(audit: Audit, *, whole: bool, see_all: str) -> list[Block]:
    found = text_drift.not_known(audit, whole=whole, see_all=see_all)
    unsure: list[Block] = []
    for outcome, said in (
        (Outcome.UNKNOWN, "unknown, for want of data"),
        (Outcome.BROKEN, "not given: the check broke"),
    ):
        verdicts = tally.with_outcome(audit.verdicts, outcome)
        if verdicts:
            first = verdicts[0]
            example = f"{first.policy} of {words.object_words(first.ref)}: {visible(first.reason)}"
            unsure.append(
                line([Span("? ", "unknown"), f"{words.plural(len(verdicts), 'verdict')} {said}; {example}"], 2, 2)
            )
    if unsure and not found:
        found = [title("Not known")]
    found += unsure
    if waived := len(tally.with_outcome(audit.verdicts, Outcome.WAIVED)):
        found.append(line([Span("⬠ ", "waived"), f"{words.plural(waived, 'verdict')} waived"], 2, 2))
    if audit.problems:
        shown = audit.problems if whole else audit.problems[:_PROBLEMS]
        found.append(title(f"Problems: {words.plural(len(audit.problems), 'fault')} in what was read"))
        for problem in shown:
            found += problem_blocks(
                problem.code, problem.severity, problem.message, problem.remedy, str(problem.place or "")
            )
        found += hidden(len(audit.problems) - len(shown), "problem", see_all)
    return found


def problem_blocks(code: str, severity: Severity, message: str, remedy: str, where: str) -> list[Block]:
    """One problem: place, code, message; under it what to do."""
    head = [Span(f"{words.SEVERITY_GLYPHS[severity]} ", SEVERITY_STYLES[severity]), Span(f"{code} ", "strong")]
    place = [Span(f"{visible(where)}  ", "muted")] if where else []
    found: list[Block] = [line([*head, *place, visible(message)], 2, 2)]
    if remedy:
        found.append(line([Span("→ ", "ok"), visible(remedy)], 6, 2))
    return found
