"""Every policy's folder: good says nothing, bad says exactly what is marked, on the line that is marked.

A mark is a comment on the guilty line: `# expect: POD001 nothing to recreate it` (policy, then a part of the message). What
follows a line `# side: live` is what a cluster says, until `# side: git`. A first line `# registries: …` is that setting.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from auditor.compliance import choose, examples, judge, load_catalogue
from auditor.drift import compare
from auditor.kube.kinds import ADD_ONS, BUILT_IN
from auditor.kube.secrets import new_key
from auditor.manifests import read
from auditor.model import Finding, Given, Misuse, Outcome, Policy, Snapshot

CATALOGUE = load_catalogue()
KEY = new_key()
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
LISTED = "# registries: "
MARK = re.compile(r"# expect: (\w+) ?(.*?)\s*(?=# expect: |$)")

each_policy = pytest.mark.parametrize("policy", CATALOGUE, ids=lambda policy: f"{policy.id}-{policy.name}")


def frozen(value: Any) -> Any:
    """A body that cannot be changed, to prove that rules do not."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: frozen(item) for key, item in value.items()})
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


def snapshot(text: str) -> Snapshot:
    said = read(text.encode(), source="test", file="file.yaml", cluster="", namespace=None, key=KEY)
    return Snapshot(tuple(replace(one, body=frozen(one.body)) for one in said.resources), said.problems)


def sides(text: str) -> dict[str, Snapshot]:
    """What each side says, by "git" and "live"; lines keep their numbers. Without any `# side:` all of it is git."""
    texts: dict[str, list[str]] = {"git": [], "live": []}
    side = "git"
    for line in text.splitlines():
        side = line.removeprefix("# side: ") if line.startswith("# side: ") else side
        for name, lines in texts.items():
            lines.append(line if name == side else "")
    found = {name: snapshot("\n".join(lines)) for name, lines in texts.items()}
    return {name: one for name, one in found.items() if one.resources}


def findings(policy: Policy, text: str) -> list[Finding]:
    held = sides(text)
    desired, live = held.get("git"), held.get("live")
    drift = {one.ref: one for one in compare(desired, live, at=AT).drift} if desired and live else None
    listed = text.removeprefix(LISTED).partition("\n")[0].split(", ") if text.startswith(LISTED) else ()
    verdicts = judge([policy], desired, live, at=AT, given=Given(drift, tuple(listed)))
    assert [verdict.reason for verdict in verdicts if verdict.outcome is Outcome.BROKEN] == []
    return [finding for verdict in verdicts for finding in verdict.findings]


def marks(text: str) -> list[tuple[int, str, str]]:
    return [(number, id, part) for number, line in enumerate(text.splitlines(), 1) for id, part in MARK.findall(line)]


@each_policy
def test_good_manifests_are_silent(policy: Policy) -> None:
    good, _ = examples(policy)
    assert [(f.place, f.message) for f in findings(policy, good)] == []


@each_policy
def test_bad_manifests_say_exactly_what_is_marked(policy: Policy) -> None:
    _, bad = examples(policy)
    said = sorted((f.place.line if f.place else 0, f.policy, f.message) for f in findings(policy, bad))
    expected = sorted(marks(bad))
    assert expected, "bad.yaml marks nothing"
    assert [(line, id) for line, id, _ in said] == [(line, id) for line, id, _ in expected], said
    for line, id, part in expected:
        assert any((line, id) == (at, by) and part in message for at, by, message in said), (line, id, part, said)


@each_policy
def test_a_policy_says_what_it_wants_why_and_what_to_do(policy: Policy) -> None:
    assert re.fullmatch(r"[A-Z]{2,5}\d{3}[a-z]?", policy.id)
    assert policy.title.endswith(".")
    assert len(policy.rationale) > 40
    assert policy.remedy
    assert not policy.remedy.endswith(".")
    assert policy.remedy[0].islower() or policy.remedy.startswith("`")


@each_policy
def test_messages_are_lower_case_and_have_no_full_stop(policy: Policy) -> None:
    _, bad = examples(policy)
    for finding in findings(policy, bad):
        assert not finding.message.endswith("."), finding.message
        first = finding.message.split()[0]
        assert (
            first[0].islower()
            or first[0] in "$`"
            or first in {*KIND_WORDS, "ScalingActive"}
            or first.isupper()
            or first.isdigit()
        ), finding.message


KIND_WORDS = {kind for _, kind in (*BUILT_IN, *ADD_ONS)}


@pytest.mark.parametrize("practice", range(1, 11))
def test_every_practice_has_a_policy_that_is_on(practice: int) -> None:
    assert [policy.id for policy in CATALOGUE if policy.practice == practice and policy.enabled]


def test_ids_are_asked_for_in_any_case_and_by_name() -> None:
    assert choose(CATALOGUE, ["pod001"], ()) == choose(CATALOGUE, ["bare-pod"], ())
    assert [policy.id for policy in choose(CATALOGUE, ["POD001", "HIST001"], ["bare-pod"])] == ["HIST001"]


def test_what_is_off_is_chosen_only_by_name() -> None:
    off = [policy.id for policy in CATALOGUE if not policy.enabled]
    assert off
    assert not {policy.id for policy in choose(CATALOGUE, (), ())} & set(off)
    assert [policy.id for policy in choose(CATALOGUE, off[:1], ())] == off[:1]


def test_an_unknown_policy_is_a_misuse_with_what_was_probably_meant() -> None:
    with pytest.raises(Misuse, match="did you mean bare-pod"):
        choose(CATALOGUE, ["bare-pods"], ())


RULE = '''
from auditor.kube.policy import policy
from auditor.model import Severity

@policy(id="XYZ001", practice=1, severity=Severity.INFO, kinds=("ConfigMap",), remedy="fill it")
def empty_map(resource, around):
    """A ConfigMap holds something.

    An empty one is a mistake or a leftover, and nobody can tell which.
    """
    if not resource.body.get("data"):
        yield Fault(("kind",), "ConfigMap holds nothing")

from auditor.model import Fault
'''


def test_a_policy_of_ones_own_is_another_folder_in_another_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "house_rules" / "empty_map"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder):
        (package / "__init__.py").write_text("")
    (folder / "policy.py").write_text(RULE)
    (folder / "good.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n")
    (folder / "bad.yaml").write_text("apiVersion: v1\nkind: ConfigMap # expect: XYZ001\nmetadata: {name: a}\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        (found,) = load_catalogue("house_rules")
        assert (found.id, found.name, found.title) == ("XYZ001", "empty-map", "A ConfigMap holds something.")
        good, bad = examples(found)
        assert findings(found, good) == []
        assert [finding.place.line for finding in findings(found, bad) if finding.place] == [2]
    finally:
        for name in [name for name in sys.modules if name.startswith("house_rules")]:
            del sys.modules[name]


def test_a_folder_whose_function_is_called_otherwise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "odd_rules" / "another_name"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder):
        (package / "__init__.py").write_text("")
    (folder / "policy.py").write_text(RULE)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="holds no policy another_name"):
        load_catalogue("odd_rules")
