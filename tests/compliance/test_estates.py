"""Two estates in the manner of large public installs: every finding on them is marked where it is, and there is no other.

A mark is `# expect: ID severity part of the message` on the line. Each was read, and is one that an expert would sign; what is
not marked is as much the point: operators' Pods, hooks, Secrets that are rightly in no file, roles in `default`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.compliance import judge, load_catalogue
from auditor.kube.secrets import new_key
from auditor.manifests import read_many
from auditor.model import Outcome, Snapshot

ESTATES = Path(__file__).parent.parent / "cases" / "estates"
AT = datetime(2026, 6, 1, tzinfo=UTC)
MARK = re.compile(r"# expect: (\w+) (error|warning|info) (.*?)\s*(?=# expect: |$)")
POLICIES = tuple(policy for policy in load_catalogue() if policy.enabled)


def files(name: str) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in sorted((ESTATES / name).glob("*.yaml"))]


def estate(texts: list[tuple[str, bytes]]) -> Snapshot:
    said = read_many(texts, source="estate", cluster="", namespace=None, key=new_key())
    return Snapshot(said.resources, said.problems)


@pytest.mark.parametrize("name", ["monitoring", "shop"])
def test_what_is_said_of_an_estate_is_what_is_marked(name: str) -> None:
    texts = files(name)
    side = estate(texts)
    assert len(side.by_ref) >= 60
    assert side.problems == ()
    verdicts = judge(POLICIES, side, None, at=AT)
    assert [verdict for verdict in verdicts if verdict.outcome is Outcome.BROKEN] == []
    silent = (Outcome.PASS, Outcome.FAIL)
    assert [verdict for verdict in verdicts if verdict.outcome not in silent and not verdict.reason] == []
    said = sorted(
        (finding.place.file, finding.place.line, finding.policy, str(finding.severity), finding.message)
        for verdict in verdicts
        for finding in verdict.findings
        if finding.place
    )
    marked = sorted(
        (file, number, *mark)
        for file, text in texts
        for number, line in enumerate(text.decode().splitlines(), 1)
        for mark in MARK.findall(line)
    )
    assert [one[:4] for one in said] == [one[:4] for one in marked]
    for found, mark in zip(said, marked, strict=True):
        assert found[4].startswith(mark[4]), (found, mark)
