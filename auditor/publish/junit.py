"""JUnit XML: a `Listed` in, one document out, as Jenkins, GitLab and GitHub's report actions read it.

A test suite for each policy, a test case for each object it was asked about: failed where a finding reaches `--fail-on`, skipped
where it is waived, known by the baseline or unknown, an error where the check itself broke. Problems are a suite of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from xml.etree import ElementTree

from auditor.model import Outcome, Ref, Verdict
from auditor.publish.foreign import visible
from auditor.publish.jsonform import moment
from auditor.publish.listed import Item, Listed

_COUNTS = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def document(listed: Listed) -> bytes:
    """The document, UTF-8, with its declaration."""
    items: dict[tuple[str, Ref | None], list[Item]] = defaultdict(list)
    for item in listed.items:
        items[item.code, item.ref].append(item)
    verdicts: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in listed.audit.verdicts:
        if verdict.outcome is not Outcome.NOT_APPLICABLE:
            verdicts[verdict.policy].append(verdict)
    top = ElementTree.Element("testsuites", name="auditor check")
    for policy in listed.policies:
        if asked := verdicts.get(policy.id):
            suite = _suite(top, f"{policy.id} {policy.name}", listed)
            for verdict in asked:
                _case(suite, listed, verdict, items.get((policy.id, verdict.ref), ()))
            _count(suite)
    known = {policy.id for policy in listed.policies}
    problems = [item for item in listed.items if item.code not in known]
    if problems:
        suite = _suite(top, "problems in what was read", listed)
        for item in problems:
            case = ElementTree.SubElement(suite, "testcase", classname=item.code, name=_line(listed, item))
            _say(
                case, "error" if listed.fails(item.severity) and item.status == "open" else "system-out", [item], listed
            )
        _count(suite)
    for name in ("tests", *_COUNTS.values()):
        top.set(name, str(sum(int(suite.get(name, "0")) for suite in top)))
    ElementTree.indent(top)
    return bytes(ElementTree.tostring(top, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suite(top: ElementTree.Element, name: str, listed: Listed) -> ElementTree.Element:
    return ElementTree.SubElement(
        top, "testsuite", name=name, timestamp=moment(listed.audit.at).split(".")[0].rstrip("Z")
    )


def _case(suite: ElementTree.Element, listed: Listed, verdict: Verdict, items: Sequence[Item]) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=f"{verdict.policy} {verdict.name}", name=visible(str(verdict.ref))
    )
    if items and items[0].place:
        case.set("file", visible(listed.file(items[0].place)))
        case.set("line", str(items[0].place.line))
    open_ = [item for item in items if item.status == "open"]
    failing = [item for item in open_ if listed.fails(item.severity)]
    if failing:
        _say(case, "failure", failing, listed)
    elif verdict.outcome is Outcome.BROKEN:
        ElementTree.SubElement(case, "error", message=visible(verdict.reason))
    elif open_:
        _say(case, "system-out", open_, listed)
    elif verdict.outcome is Outcome.UNKNOWN:
        ElementTree.SubElement(case, "skipped", message=visible(f"unknown: {verdict.reason}"))
    elif items:
        why = f"waived: {items[0].reason}" if items[0].status == "waived" else "known: it is in the baseline"
        ElementTree.SubElement(case, "skipped", message=visible(why))


def _say(case: ElementTree.Element, tag: str, items: Iterable[Item], listed: Listed) -> None:
    items = list(items)
    lines = [f"{_line(listed, item)}" + (f"\nmend: {visible(item.remedy)}" if item.remedy else "") for item in items]
    said = ElementTree.SubElement(case, tag)
    if tag != "system-out":
        said.set("message", visible(items[0].message))
        said.set("type", items[0].severity.value)
    said.text = "\n".join(lines)


def _line(listed: Listed, item: Item) -> str:
    where = f"{visible(listed.file(item.place))}:{item.place.line}: " if item.place else ""
    return f"{where}{item.severity.value}: {visible(item.message)}"


def _count(suite: ElementTree.Element) -> None:
    counts: Mapping[str, int] = {name: len(suite.findall(f"testcase/{tag}")) for tag, name in _COUNTS.items()}
    suite.set("tests", str(len(suite.findall("testcase"))))
    for name, count in counts.items():
        suite.set(name, str(count))
