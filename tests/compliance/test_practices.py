"""Every practice and every basic of the notes this project comes from is judged by a rule, or the page says why by none."""

from __future__ import annotations

import re
from pathlib import Path

from auditor.compliance import load_catalogue
from auditor.compliance.frameworks import FRAMEWORKS, touched

ROOT = Path(__file__).parent.parent
NOTES = (ROOT / "cases" / "seed" / "k8s-notes.md").read_text().splitlines()
PAGE = (ROOT.parent / "docs" / "policies.md").read_text()
CATALOGUE = load_catalogue()

# Lines of the notes (first, last), and the words of the page that answer them.
ANSWERED = (
    (1, 1, "# Policies"),
    (5, 5, "| 1. No bare Pods |"),
    (6, 6, "| 2. The right controller"),
    (7, 7, "| 3. Init containers"),
    (8, 8, "| 4. Services start before"),
    (9, 9, "| 5. A history of Deployments"),
    (10, 10, "| 6. Configuration in ConfigMaps"),
    (11, 11, "| 7. Readiness and liveness"),
    (12, 12, "| 8. Requests and limits"),
    (13, 13, "| 9. Namespaces"),
    (14, 14, "| 10. Autoscaling"),
    (16, 18, "**The control plane and the nodes**"),
    (20, 22, "**Labels and selectors**"),
    (24, 26, "**Pods by themselves, and Pods of a controller**"),
    (27, 27, "**ReplicationController**: CTL002"),
    (28, 28, "**ReplicaSet**: CTL001"),
    (29, 32, "**Deployment**"),
    (33, 33, "**StatefulSet**"),
    (34, 35, "**Custom resources and operators**"),
    (36, 36, "**Helm** charts"),
    (37, 37, "**DaemonSet**"),
    (38, 38, "**Job and CronJob**"),
    (40, 40, "| 2. The right controller"),
    (41, 41, "| 10. Autoscaling"),
    (43, 45, "**Services** between Pods and their clients"),
    (47, 56, "**Networks**"),
    (57, 70, "**The five parts of a manifest**"),
    (71, 74, "**Asking the cluster**"),
    (75, 77, "**Writing YAML where the API takes JSON**"),
    (78, 83, "**Container image and pull policy**"),
    (84, 86, "**Command and args**"),
    (87, 91, "**Labels and selectors**"),
    (92, 96, "with\n  equality or sets"),
    (97, 97, "**nodeSelector**"),
    (98, 98, "**nodeName**"),
    (99, 100, "**Annotations** select nothing"),
    (101, 103, "**Life of a Pod**"),
    (104, 105, "**restartPolicy**"),
    (106, 107, "**Kinds of probes**"),
    (147, 148, "**ReplicaSet**: CTL001"),
    (149, 150, "**Labels and selectors**"),
    (178, 187, "**Deployment**: rollout HIST002"),
    (214, 223, "**DaemonSet**: HPA009, HIST007"),
    (274, 275, "**Asking the cluster**"),
)


def spoken() -> set[int]:
    """The lines of the notes that say something; the manifests among them are read by other tests."""
    found, fenced = set(), False
    for number, line in enumerate(NOTES, 1):
        if line.startswith("```"):
            fenced = not fenced
        elif line.strip() and not fenced:
            found.add(number)
    return found | {number for number, line in enumerate(NOTES, 1) if re.match(r"\d+\.  ", line)}


def test_every_line_of_the_notes_is_answered_by_the_page() -> None:
    answered = {line for first, last, _ in ANSWERED for line in range(first, last + 1)}
    assert len(spoken()) > 100
    assert spoken() - answered == set()
    assert [words for _, _, words in ANSWERED if words not in PAGE] == []


def test_the_page_names_every_policy_of_a_practice_and_none_that_is_not() -> None:
    table = PAGE.partition("## What each practice is judged by")[2].partition("\n## ")[0]
    ids = [policy.id for policy in CATALOGUE]
    for practice in range(1, 11):
        (row,) = (line for line in table.splitlines() if line.startswith(f"| {practice}. "))
        named: set[str] = set()
        for first, last in re.findall(r"([A-Z]+\d{3})(?: to [A-Z]+(\d{3}))?", row):
            prefix, number = first[:-3], int(first[-3:])
            named |= {f"{prefix}{one:03}" for one in range(number, int(last or number) + 1)}
        own = {policy.id.rstrip("b") for policy in CATALOGUE if policy.practice == practice}
        assert own <= named, practice
        assert named <= set(ids), practice


def test_ids_that_the_page_names_exist() -> None:
    assert set(re.findall(r"\b(?!MAN|SRC|WVR)[A-Z]{2,5}\d{3}b?\b", PAGE)) - {policy.id for policy in CATALOGUE} == set()


def test_the_mapping_to_frameworks_names_policies_that_exist_and_says_its_edition() -> None:
    ids = {policy.id for policy in CATALOGUE}
    for framework in FRAMEWORKS:
        assert any(letter.isdigit() for letter in framework.edition)
        assert set(framework.policies) <= ids
    by_id = {policy.id: policy for policy in CATALOGUE}
    assert next(one.controls for one in touched(by_id["NS001"])) == ("5.7.4",)
    assert {one.framework for one in touched(by_id["POD001"])} == {"SOC 2 Trust Services Criteria"}
    assert "A mapping, not a certification" in PAGE
