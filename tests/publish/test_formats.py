"""A check in the words of other programs: each format read back as those programs read it, with manifests by hostile hands."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import jsonschema
import pytest
from markdown_it import MarkdownIt

from auditor.audit import audit
from auditor.compliance import choose, load_catalogue
from auditor.kube.secrets import new_key
from auditor.manifests import read_many
from auditor.model import Outcome, Severity, Snapshot
from auditor.publish import sarif
from auditor.publish.formats import rendered
from auditor.publish.listed import Listed, first_places, listed
from tests import sarif_schema

AT = datetime(2026, 6, 30, 12, tzinfo=UTC)
POLICIES = choose(load_catalogue(), ("POD001", "RES001", "NS004", "HIST004"), ())
FORMS = ("json", "sarif", "junit", "markdown", "github", "gitlab", "csv")

POD = """apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: shop
spec:
  containers:
    - {{name: web, image: "registry.example/web:1.0.0"}}
    - {{name: log, image: "registry.example/log:1.0.0"}}
"""
WAIVED = POD.format(name="old").replace(
    "  namespace: shop\n",
    '  namespace: shop\n  annotations: {gitops-auditor.io/waive.POD001: "reason=a; until=2027-01-01; by=x"}\n',
)
HOSTILE = (
    "a::error file=x::b",
    "]]></failure><x>",
    "line\\nbreak ::error::",
    "=HYPERLINK(1)",
    "| a | b |",
    "@everyone <img src=x>",
    "\\x07\\u202Ea\\uFFFE",
    "%0A::warning::x,y:z",
    "`code` [a](javascript:x)",
)


def check(*texts: str, fail_on: Severity | None = Severity.ERROR) -> Listed:
    files = [(f"apps/über & co/{number}.yaml", text.encode()) for number, text in enumerate(texts)]
    said = read_many(files, source="git", cluster="", namespace=None, key=new_key())
    side = Snapshot(said.resources, said.problems)
    result = audit(side, None, policies=POLICIES, at=AT)
    return listed(result, POLICIES, fail_on=fail_on, beside=first_places(side))


CLEAN = check("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n")
SOME = check(
    POD.format(name="web"), WAIVED, "kind: [", "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: shop}\n"
)
NASTY = check(*(POD.format(name=f'"{name}"') for name in HOSTILE))


def results(given: Listed, **more: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(rendered("sarif", given, **more))["runs"][0]["results"]
    return found


# SARIF


@pytest.mark.component
@pytest.mark.parametrize("given", [CLEAN, SOME, NASTY], ids=["clean", "some", "nasty"])
def test_sarif_is_valid_against_its_schema(given: Listed) -> None:
    schema = sarif_schema.schema()
    validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    for compared in (False, True):
        document = json.loads(rendered("sarif", given, compared=compared))
        assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)] == []
    broken = json.loads(rendered("sarif", given))
    broken["runs"][0]["tool"]["driver"].pop("name")
    assert list(validator.iter_errors(broken))


def test_sarif_of_a_clean_check_has_an_empty_list_and_the_rules() -> None:
    run = json.loads(rendered("sarif", CLEAN))["runs"][0]
    assert run["results"] == []
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [policy.id for policy in POLICIES]
    assert all(rule["help"]["text"] and rule["shortDescription"]["text"] for rule in run["tool"]["driver"]["rules"])


@pytest.mark.parametrize("given", [SOME, NASTY], ids=["some", "nasty"])
def test_every_sarif_result_has_a_line_of_a_file_in_the_repository_and_a_fingerprint_of_its_own(given: Listed) -> None:
    found = results(given)
    assert len(found) == len(given.items) > 0
    for one in found:
        (location,) = one["locations"]
        where = location["physicalLocation"]
        assert where["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
        assert re.fullmatch(r"[\w./%-]+", where["artifactLocation"]["uri"])
        assert re.fullmatch(r"apps/über & co/\d\.yaml", unquote(where["artifactLocation"]["uri"]))
        assert where["region"]["startLine"] >= 1
        assert where["region"]["startColumn"] >= 1
    marks = Counter(one["partialFingerprints"]["auditorFinding/v1"] for one in found)
    assert set(marks.values()) == {1}
    run = json.loads(rendered("sarif", given))["runs"][0]
    assert all(run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"] for one in found)


def test_what_is_waived_is_suppressed_with_its_reason_and_the_rest_is_not() -> None:
    suppressed = [one for one in results(SOME) if "suppressions" in one]
    assert [(one["ruleId"], one["suppressions"][0]["justification"]) for one in suppressed] == [
        ("POD001", "a (until 2027-01-01, by x)")
    ]


def test_what_a_baseline_knows_is_unchanged_and_the_rest_new() -> None:
    first, *_ = SOME.open
    again = listed(SOME.audit, POLICIES, known={first.fingerprint: first.severity})
    states = {
        one["partialFingerprints"]["auditorFinding/v1"]: one.get("baselineState")
        for one in results(again, compared=True)
    }
    assert states.pop(first.fingerprint) == "unchanged"
    assert Counter(states.values()) == {"new": len(SOME.open) - 1, None: 1}


def test_of_too_many_results_the_worst_are_kept_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MOST", 3)
    run = json.loads(rendered("sarif", NASTY))["runs"][0]
    assert [one["level"] for one in run["results"]] == ["error"] * 3
    (said,) = run["invocations"][0]["toolExecutionNotifications"]
    assert said["message"]["text"].startswith(f"{len(NASTY.items) - 3} results are left out")


# JUnit


@pytest.mark.parametrize("given", [CLEAN, SOME, NASTY], ids=["clean", "some", "nasty"])
def test_junit_counts_what_it_holds(given: Listed) -> None:
    top = ElementTree.fromstring(rendered("junit", given))
    assert top.tag == "testsuites"
    for suite in (top, *top.findall("testsuite")):
        assert int(suite.get("tests", "")) == len(list(suite.iter("testcase")))
        for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.get(name, "")) == len(list(suite.iter(tag)))
    failed = {case.get("name") for case in top.iter("testcase") if case.find("failure") is not None}
    assert bool(failed) is given.failed or given is SOME
    passed = sum(verdict.outcome is Outcome.PASS for verdict in given.audit.verdicts)
    assert sum(len(case) == 0 for case in top.iter("testcase")) == passed


@pytest.mark.parametrize(("fail_on", "tag"), [(Severity.WARNING, "failure"), (Severity.ERROR, "system-out")])
def test_in_junit_only_what_makes_exit_1_is_a_failure(fail_on: Severity, tag: str) -> None:
    top = ElementTree.fromstring(rendered("junit", check(POD.format(name="web"), fail_on=fail_on)))
    (case,) = (case for case in top.iter("testcase") if (case.get("classname") or "").startswith("RES001"))
    assert [child.tag for child in case] == [tag]
    assert case.findtext(tag, "").count("container") == 2
    assert (case.get("file"), case.get("line")) == ("apps/über & co/0.yaml", "8")


def test_in_junit_a_waived_object_is_skipped_with_the_reason() -> None:
    top = ElementTree.fromstring(rendered("junit", SOME))
    (said,) = (
        case.find("skipped")
        for case in top.iter("testcase")
        if case.get("name") == "Pod shop/old" and (case.get("classname") or "").startswith("POD001")
    )
    assert said is not None
    assert said.get("message") == "waived: a (until 2027-01-01, by x)"


# GitHub and GitLab

COMMAND = re.compile(r"::(error|warning|notice) file=([^:,]+),line=(\d+),col=(\d+),title=([^:,]+)::([^\r\n]*)")


@pytest.mark.parametrize("given", [SOME, NASTY], ids=["some", "nasty"])
def test_each_workflow_command_is_one_line_that_nothing_foreign_can_end(given: Listed) -> None:
    lines = rendered("github", given).decode().splitlines()
    assert len(lines) == len(given.open)
    for line, item in zip(lines, given.open, strict=True):
        found = COMMAND.fullmatch(line)
        assert found, line
        assert item.place
        assert (unquote(found[2]), found[3]) == (item.place.file, str(item.place.line))
        assert found[5].split()[0] == item.code


def test_a_file_name_cannot_end_a_command() -> None:
    given = listed(NASTY.audit, POLICIES, file=lambda place: "a:b,c=d::error::%0A.yaml")
    lines = [line for line in rendered("github", given).decode().splitlines() if "file=" in line]
    assert len(lines) > 20
    for line in lines:
        found = COMMAND.fullmatch(line)
        assert found, line
        assert unquote(found[2]) == "a:b,c=d::error::%0A.yaml"


def test_a_clean_check_says_nothing_to_github_and_an_empty_list_to_gitlab() -> None:
    assert rendered("github", CLEAN) == b""
    assert json.loads(rendered("gitlab", CLEAN)) == []


@pytest.mark.parametrize("given", [SOME, NASTY], ids=["some", "nasty"])
def test_a_code_quality_report_has_what_gitlab_asks_for(given: Listed) -> None:
    found = json.loads(rendered("gitlab", given))
    assert len(found) == len(given.open) > 0
    for one in found:
        assert one.keys() == {"description", "check_name", "fingerprint", "severity", "location"}
        assert one["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert one["location"]["path"].startswith("apps/")
        assert one["location"]["lines"]["begin"] >= 1
    assert len({one["fingerprint"] for one in found}) == len(found)


# Tables


def test_a_markdown_comment_is_one_table_without_anything_live_in_it() -> None:
    said = rendered("markdown", NASTY).decode()
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(said)
    kinds = Counter(token.type for token in tokens)
    assert (kinds["table_open"], kinds["tr_open"]) == (1, 1 + len(NASTY.open))
    inner = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in inner} <= {"text", "text_special", "html_inline"}
    assert {child.content for child in inner if child.type == "html_inline"} <= {"<!-- -->"}
    assert not re.search(r"@\w", said)
    assert "### auditor check: 18 errors, 18 warnings" in said


def test_csv_has_a_row_for_each_item_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(rendered("csv", NASTY).decode(), newline="")))
    assert len(rows) == len(NASTY.items)
    assert not [cell for row in rows for cell in row.values() if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert Counter(row["policy"] for row in rows if row["status"] == "open")["POD001"] == len(HOSTILE)
    waived = [row for row in csv.DictReader(io.StringIO(rendered("csv", SOME).decode())) if row["status"] == "waived"]
    assert [(row["policy"], row["name"], row["reason"]) for row in waived] == [
        ("POD001", "old", "a (until 2027-01-01, by x)")
    ]


@pytest.mark.parametrize("form", sorted({*FORMS} - {"json"}))  # JSON is data: names as they are
def test_every_format_is_utf_8_without_a_control_character(form: str) -> None:
    said = rendered(form, NASTY).decode("utf-8")
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202e]", said)
