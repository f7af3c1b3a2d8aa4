"""The words for causes and for what moved a score: rows of the store in, sentences out. Nothing is said that a row does not say.

What managedFields cannot prove is "most likely"; a person is named by a commit alone; what nobody knows is "not known".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import zip_longest

from auditor.model import Cause, CauseKind, Certainty, Change, ChangeKind, Finding, OwnerClass, Ref
from auditor.publish import words
from auditor.publish.foreign import shorten, visible
from auditor.store import Move, Part

_CLASSES = {
    CauseKind.HAND: OwnerClass.HUMAN,
    CauseKind.CONTROLLER: OwnerClass.CONTROLLER,
    CauseKind.APPLIER: OwnerClass.GITOPS,
    CauseKind.TOOL: OwnerClass.UNKNOWN,
}
_LEAVES = frozenset(
    {"limits", "requests", "securityContext", "capabilities", "data", "labels", "annotations", "selector"}
)


def cause_words(cause: Cause | None, zone: tzinfo = UTC, *, now: datetime | None = None) -> str:
    """One cause in full: `commit 3f2c1ab by Bo, "drop the limit", apps/web.yaml:17`."""
    if cause is None:
        return "not recorded"
    said = _who(cause)
    if cause.kind is CauseKind.COMMIT:
        said += f", {visible(str(cause.place))}" if cause.place else ""
        said += f", {_applied(cause)}" if cause.detail else ""
    elif cause.kind in _CLASSES:
        if cause.detail:
            said += f", {visible(cause.detail)}"
        if cause.at and cause.certainty is Certainty.RECORDED:
            said += f", at or before {words.when(cause.at, zone, now=now, seconds=True)}"
        elif cause.window:
            said += f", {words.since(cause.window, zone, now=now)}"
    elif cause.kind is CauseKind.UNKNOWN:
        said += f": {visible(cause.detail)}" if cause.detail else ""
        said += f"; {words.since(cause.window, zone, now=now)}" if cause.window else ""
    return f"most likely {said}" if cause.certainty is Certainty.LIKELY else said


def who_words(cause: Cause | None) -> str:
    """One cause in short: who or what, without when and where."""
    said = "a cause that is not recorded" if cause is None else _who(cause)
    return f"most likely {said}" if cause and cause.certainty is Certainty.LIKELY else said


def _who(cause: Cause) -> str:
    kind = cause.kind
    if kind is CauseKind.COMMIT:
        subject = f', "{shorten(cause.subject, 72)}"' if cause.subject else ""
        return f"commit {cause.revision[:7]} by {shorten(cause.author, 60) or 'nobody'}{subject}"
    if kind in _CLASSES:
        through = f" through /{shorten(cause.subresource, 40)}" if cause.subresource else ""
        if not cause.manager:
            return words.OWNER_WORDS[_CLASSES[kind]]
        return f"{shorten(cause.manager, 80)} ({words.OWNER_WORDS[_CLASSES[kind]]}){through}"
    if kind in (CauseKind.POLICY, CauseKind.SETTINGS, CauseKind.AUDITOR, CauseKind.COVERAGE):
        heads = {CauseKind.COVERAGE: "coverage: ", CauseKind.AUDITOR: "the auditor itself: "}
        return heads.get(kind, "") + shorten(cause.detail, 300)
    if kind is CauseKind.WAIVER:
        commit = f", by commit {cause.revision[:7]} of {shorten(cause.author, 60)}" if cause.revision else ""
        return f"a waiver {shorten(cause.detail, 200)}{commit}"
    if kind is CauseKind.FIRST_RUN:
        return "it was so when it was first looked at"
    return "several causes at once" if kind is CauseKind.SEVERAL else "not known"


def _applied(cause: Cause) -> str:
    return f"{visible(cause.detail)} by {shorten(cause.manager, 80)}" if cause.manager else visible(cause.detail)


# Scores


def move_sentences(move: Move, zone: tzinfo = UTC, *, most: int = 10) -> tuple[str, ...]:
    """What moved a score, the sentence first, then one for each part where there are several, then what is left over."""
    whose = "the cluster" if move.scope == "cluster" else f"{move.scope} {shorten(move.name, 60)}"
    before, after = (None if score is None else score.score for score in (move.before, move.after))
    if before is None or after is None:
        end = f"it is {words.number(after)} now" if after is not None else "there is none now"
        start = f"it was {words.number(before)}" if before is not None else "there was none before"
        return (f"The score of {whose}: {start}, {end}.",)
    if before == after:
        return (f"The score of {whose} is {_points(after)}, as before.",)
    turn = "fell" if after < before else "rose"
    head = f"The score of {whose} {turn} from {_points(before)} to {_points(after)}"
    parts = move.parts
    if len(parts) == 1 and not move.rest:
        return (f"{head} {_on(parts[0].at, zone)} because {_deed(parts[0])}.", *_back(parts))
    times = f" between {words.when(move.since, zone)} and {words.when(move.until, zone)}"
    if not parts:
        return (f"{head}{times}; no cause on record explains it.",)
    said = [f"{head}{times}, by {words.plural(len(parts), 'cause')} in this order:"]
    said += [f"{_signed(part.points)} {_on(part.at, zone)}: {_deed(part)}." for part in parts[:most]]
    if len(parts) > most:
        said.append(f"{_signed(sum(part.points for part in parts[most:]))} by {len(parts) - most:,} more.")
    if move.rest:
        said.append(f"{_signed(move.rest)} is left over: no verdict on record explains it.")
    return (*said, *_back(parts))


def _points(value: float) -> str:
    """A score so that a difference of tenths shows."""
    return f"{value:.1f}".removesuffix(".0")


def _signed(points: float) -> str:
    return f"{'+' if points > 0 else '−'}{abs(points):.1f}"


def _on(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    return f"on {local:%A} {local.day} {local:%b} {local:%H:%M} {words.zone_name(local, zone)}"


def _deed(part: Part) -> str:
    """`kubectl-edit (by hand) removed resources.limits.memory of container web of Deployment shop/web`."""
    unknown = part.cause is None or part.cause.kind is CauseKind.UNKNOWN
    by = "" if unknown else f"{who_words(part.cause)}: "
    tail = "; by whom or what is not known" if unknown else ""
    if part.changes:
        done = _listed(change_words(ref, change) for ref, change in part.changes)
        return f"somebody {done}{tail}" if unknown else f"{who_words(part.cause)} {done}"
    if part.undone:
        fields = (f"{shorten(change.path, 120)} of {words.object_words(ref)}" for ref, change in part.undone)
        return f"{by}back as git says: {_listed(fields)}{tail}"
    found = [f for f in part.findings if not f.pending] or list(part.findings)
    if found:
        return f"{by}{_listed(finding_words(finding) for finding in found)}{tail}"
    if part.gone:
        over = (f"{finding.policy} {words.object_words(finding.ref)}" for finding in part.gone)
        return f"{by}no longer {_listed(over)}{tail}"
    turned = (
        f"{policy} {words.object_words(ref)}: {old or 'not asked'} → {new or 'not asked'}"
        for ref, policy, old, new in part.turned
    )
    return f"{by}{_listed(turned)}{tail}"


def change_words(ref: Ref, change: Change) -> str:
    """`removed resources.limits.memory of container web of Deployment shop/web`."""
    verbs = {
        ChangeKind.MISSING: "removed",
        ChangeKind.ADDED: "added",
        ChangeKind.REMOVED_IN_GIT: "kept",
        ChangeKind.CHANGED: "changed",
    }
    head, inside, rest = change.path.rpartition("ontainers[name=")
    field, holder = change.path, ""
    if inside and "]." in rest:
        name, _, field = rest.partition("].")
        init = "init " if head.endswith("initC") else "ephemeral " if head.endswith("ephemeralC") else ""
        holder = f" of {init}container {shorten(name, 60)}"
    value = ""
    if change.change is ChangeKind.CHANGED:
        git, live = words.sides(change)
        value = f" from {shorten(git, 60)} to {shorten(live, 60)}"
    return f"{verbs[change.change]} {shorten(field, 120)}{holder} of {words.object_words(ref)}{value}"


def _listed(said: Iterable[str], most: int = 3) -> str:
    every = list(dict.fromkeys(said))
    more = f", and {len(every) - most:,} more" if len(every) > most else ""
    return "; ".join(every[:most]) + more


def _back(parts: Sequence[Part]) -> tuple[str, ...]:
    """What would bring back the points that were lost, from the same rows: of each part one way, before the next of any.
    Not what was brought back since."""
    ways: list[list[str]] = []
    for n, part in enumerate(parts):
        later = parts[n + 1 :]
        gone = {finding.fingerprint for one in later for finding in one.gone}
        undone = {(ref, change.path) for one in later for ref, change in one.undone}
        if part.points < 0:
            ways.append(list(_ways(part, gone, undone)))
    said = [way for turn in zip_longest(*ways) for way in turn if way is not None]
    return (f"This would bring it back: {_listed(said, 5)}.",) if said else ()


def _ways(part: Part, gone: Collection[str], undone: Collection[tuple[Ref, str]]) -> Iterable[str]:
    for ref, change in part.changes:
        place = f" ({visible(str(change.place))})" if change.place else ""
        path, of = shorten(change.path, 160), words.object_words(ref)
        if (ref, change.path) in undone:
            continue
        if change.change is ChangeKind.ADDED:
            yield f"remove {path} from {of}, git does not have it"
        else:
            yield f"set {path} of {of} to {shorten(words.sides(change)[0], 80)} again, as git says{place}"
    for finding in () if part.changes else part.findings:
        if finding.fingerprint not in gone:
            place = f" ({visible(str(finding.place))})" if finding.place else ""
            yield f"{visible(finding.remedy)} in {words.object_words(finding.ref)}{place}"


def finding_words(finding: Finding) -> str:
    """`RES003 Deployment shop/web: container web has no memory limit`."""
    return f"{finding.policy} {words.object_words(finding.ref)}: {visible(finding.message)}"
