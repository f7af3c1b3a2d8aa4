"""`auditor diff` in other forms: what is said in one is said in all, and no secret in any."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.manifests import load_mapping
from auditor.manifests.dumping import dumped
from auditor.model import Audit, Change, ChangeKind, Severity
from auditor.publish import text
from auditor.publish.diff_formats import FORMS, rendered
from auditor.publish.hunks import hunks
from tests.publish import sample

BIG = "\n".join(f"line {n}" for n in range(10_000))


def said(form: str, audit: Audit = sample.AUDIT, **options: Any) -> str:
    return rendered(form, audit, **options).decode()


def changed(desired: Any, live: Any, path: str = "data.script") -> Audit:
    change = Change(path, ChangeKind.CHANGED, desired, live, Severity.WARNING, owner=sample.HAND, words="x")
    one = next(each for each in sample.AUDIT.drift if each.changes)
    return replace(sample.AUDIT, drift=(replace(one, ref=sample.STRAY, changes=(change,)),))


@pytest.mark.parametrize("form", FORMS)
def test_every_object_that_drifted_is_in_every_form_and_no_secret(form: str) -> None:
    found = said(form)
    for drift in sample.AUDIT.drift:
        assert drift.ref.name in found.replace("\\", "")
    assert sample.CANARY not in found
    assert "key-1" not in found


def test_yaml_and_json_say_the_same() -> None:
    read, _ = load_mapping(said("yaml").encode(), "diff.yaml")
    assert read == json.loads(said("json"))


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text(st.characters(exclude_categories=["Cs", "Cc"]))
        | st.sampled_from(
            [
                "y",
                "no",
                "on",
                "010",
                "1e3",
                "1_0",
                "0x1",
                "2026-01-01",
                "12:30",
                "=",
                "~",
                "a: b",
                "- a",
                "a\nb",
                "a \n b\n",
                "null",
                "",
            ]
        ),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=4), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_yaml_reads_back_as_what_was_written(value: Any) -> None:
    read, _ = load_mapping(dumped({"value": value}).encode(), "x.yaml")
    assert read == {"value": value}


def test_a_unified_difference_names_both_sides_the_line_in_git_and_the_hand() -> None:
    audit = changed(3, 5, "spec.replicas")
    place = next(each.place for one in sample.AUDIT.drift for each in one.changes if each.place)
    (one,) = audit.drift
    found = said(
        "unified", replace(audit, drift=(replace(one, place=place, changes=(replace(one.changes[0], place=place),)),))
    )
    assert found.splitlines() == [
        f"--- git  {place.file}:{place.line}",
        "+++ live ConfigMap checkout/debug-notes",
        f"@@ spec.replicas @@ {place.file}:{place.line} kubectl-edit 2026-11-17T14:02:07Z",
        "-3",
        "+5",
    ]


@pytest.mark.parametrize("form", ["text", "unified"])
def test_a_text_of_ten_thousand_lines_is_told_by_hunks(form: str) -> None:
    live = BIG.replace("line 17\n", "line 17 and more\n").replace("line 9000\n", "")
    audit = changed(BIG, live)
    found = text.diff_text(audit, text.Look(whole=True)) if form == "text" else said(form, audit)
    assert "line 17 and more" in found
    assert "line 9000" in found
    assert "line 14" in found
    assert "line 13\n" not in found
    assert len(found) < 4_000


@pytest.mark.parametrize(
    ("context", "there", "gone"), [(0, "line 17", "line 16"), (1, "line 16", "line 15"), (5, "line 12", "line 11\n")]
)
def test_as_many_lines_as_asked_stand_around_a_change(context: int, there: str, gone: str) -> None:
    live = BIG.replace("line 17\n", "other\n")
    found = said("unified", changed(BIG, live), context=context)
    assert there in found
    assert gone not in found
    shown = text.diff_text(changed(BIG, live), text.Look(whole=True), context=context)
    assert there in shown
    assert gone not in shown


def test_what_is_long_or_another_text_altogether_is_cut_with_its_length() -> None:
    other = "\n".join(f"row {n}" for n in range(10_000))
    found = said("unified", changed(BIG, other))
    assert "10,000 lines of git and 10,000 live" in found
    assert len(found) < 4_000
    wide = said("unified", changed("a" * 5_000, "b" * 5_000))
    assert "characters)" in wide
    assert len(wide) < 2_000
    assert "text of 10,000 lines" in said("markdown", changed(BIG, other))


@pytest.mark.parametrize("form", ["markdown", "unified"])
def test_what_is_hostile_is_inert(form: str) -> None:
    found = said(form, changed("<script>|x` @all ![a](b)", "\x1b[31m\u202e\nred"))
    assert "\x1b" not in found
    assert "\u202e" not in found
    if form == "markdown":
        assert "<script>" not in found
        assert "\\|x" in found


def test_a_comment_fits() -> None:
    one = next(each for each in sample.AUDIT.drift if each.changes)
    many = tuple(
        replace(
            one, ref=one.ref._replace(name=f"n{n}") if hasattr(one.ref, "_replace") else replace(one.ref, name=f"n{n}")
        )
        for n in range(2_000)
    )
    found = said("markdown", replace(sample.AUDIT, drift=many))
    assert len(found) < 65_536
    assert "and more" in found


def test_what_rules_ignore_is_counted() -> None:
    quiet = replace(sample.AUDIT, silenced=3)
    assert "3 differences ignored by rules" in text.diff_text(quiet)
    assert "3 ignored by rules" in said("markdown", quiet)
    assert json.loads(said("json", quiet))["ignored_by_rules"] == 3


# --- hunks ---------------------------------------------------------------------------------------------------------------------


def patched(desired: str, found: list[str]) -> str:
    """What a patch makes of a text."""
    want, out, at = desired.split("\n"), [], 0
    for line in found:
        if line.startswith("@@"):
            first, _, count = line.split()[1][1:].partition(",")
            start = int(first) - (0 if count == "0" else 1)
            out += want[at:start]
            at = start
        elif line.startswith("-"):
            at += 1
        else:
            out.append(line[1:])
            at += line.startswith(" ")
    return "\n".join([*out, *want[at:]])


@given(st.lists(st.sampled_from("abc"), max_size=30), st.lists(st.sampled_from("abc"), max_size=30), st.integers(0, 4))
def test_hunks_make_live_of_git(desired: list[str], live: list[str], context: int) -> None:
    want, have = "\n".join(desired), "\n".join(live)
    assert patched(want, hunks(want, have, context)) == have


def test_few_changes_far_apart_in_a_long_text_take_little_time() -> None:
    rng = random.Random(1)
    lines = BIG.split("\n")
    for at in rng.sample(range(3_000, 4_500), 20):
        lines[at] += " changed"
    found = hunks(BIG, "\n".join(lines), 2)
    assert sum(line.startswith("+") for line in found) == 20
