"""What the manifests beside a policy teach: a policy in, its good and bad manifest and what is said of each object out.

Nothing is written twice: what fails and what passes is found by judging the manifests, so that a page cannot say what the rule
does not do. A line `# side: live` begins what a cluster says; a first line `# registries: …` is that setting.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from auditor.compliance.catalogue import examples
from auditor.compliance.judge import judge
from auditor.kube.secrets import new_key
from auditor.manifests import read
from auditor.model import Drift, Given, Outcome, Policy, Ref, Snapshot

MOMENT: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""When the manifests are judged: those that tell of time count from it."""

Compare: TypeAlias = Callable[[Snapshot, Snapshot], Mapping[Ref, Drift]]
"""Both sides in, the drift of each object out: what rules about drift are told."""

_LISTED: Final = "# registries: "
_MARK: Final = re.compile(r"# expect: \w+ ?")


@dataclass(frozen=True, slots=True)
class Said:
    """What the policy says of one object: `words` are the message of a fault, or why it does not apply; "" for a pass."""

    ref: Ref
    outcome: Outcome
    words: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Lesson:
    """A manifest as people read it (what fails is marked on its line), and what is said of each object in it."""

    text: str
    said: tuple[Said, ...]


def lessons(policy: Policy, compare: Compare) -> tuple[Lesson, Lesson]:
    """The good and the bad manifest of a policy."""
    good, bad = (Lesson(_shown(text), tuple(_said(policy, text, compare))) for text in examples(policy))
    return good, bad


def sides(text: str) -> tuple[Snapshot | None, Snapshot | None]:
    """What git and what the cluster say in a manifest; lines keep their numbers. Without `# side:` all of it is git."""
    lines: dict[str, list[str]] = {"git": [], "live": []}
    side = "git"
    for line in text.splitlines():
        side = line.removeprefix("# side: ") if line.startswith("# side: ") else side
        for name, held in lines.items():
            held.append(line if name == side else "")
    key = new_key()
    read_sides = (
        read("\n".join(lines[name]).encode(), source="", file="", cluster="", namespace=None, key=key) for name in lines
    )
    desired, live = (Snapshot(one.resources) if one.resources else None for one in read_sides)
    return desired, live


def _said(policy: Policy, text: str, compare: Compare) -> Iterator[Said]:
    desired, live = sides(text)
    drift = compare(desired, live) if desired and live else None
    listed = text.removeprefix(_LISTED).partition("\n")[0].split(", ") if text.startswith(_LISTED) else ()
    for verdict in judge([policy], desired, live, at=MOMENT, given=Given(drift, tuple(listed))):
        for finding in verdict.findings:
            yield Said(verdict.ref, Outcome.FAIL, finding.message, finding.place.line if finding.place else None)
        if not verdict.findings:
            yield Said(verdict.ref, verdict.outcome, verdict.reason, None)


def _shown(text: str) -> str:
    return _MARK.sub("# <- ", text).replace("# side: live", "# On the cluster:").replace("# side: git", "# In git:")
