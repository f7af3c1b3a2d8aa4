"""Long texts are told by what differs in them, and never at length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.drift.words import words
from auditor.model import Sealed


@pytest.mark.parametrize(
    ("a", "b"), [("a", "b"), ("a\n", "b"), (1, 2), (None, "a\nb"), (["a"], ["b"]), ("a\nb", "a\nb")]
)
def test_short_values_and_what_is_no_text_need_no_words(a: object, b: object) -> None:
    assert words(a, b) == ""


def test_nothing_is_told_of_what_is_sealed() -> None:
    assert words(Sealed("k", "1"), Sealed("k", "2")) == ""


def test_lines_are_told_as_a_unified_diff() -> None:
    told = words("one\ntwo\nthree\nfour\n", "one\n2\nthree\nfour\n")
    assert told.splitlines()[0].startswith("@@")
    assert "-two" in told.splitlines()
    assert "+2" in told.splitlines()
    assert not told.startswith("---")


def test_lines_that_look_like_dashes_are_kept() -> None:
    assert "--- a" in words("x\ny\n-- a\nz\n", "x\ny\nz\n").splitlines()


def test_one_long_line_is_told_by_its_middle() -> None:
    assert words("x" * 200 + "1" + "y" * 50, "x" * 200 + "2" + "y" * 50) == "character 201:\n-1\n+2"


def test_a_huge_text_is_told_by_the_first_and_the_last_line_that_differ() -> None:
    one = ["same"] * 40_000
    other = list(one)
    other[10], other[30_000] = "first", "last"
    assert words("\n".join(one), "\n".join(other)) == "line 11:\n-same\n+first\nline 30001:\n-same\n+last"
    assert words("\n".join(one), "\n".join([*one, "more"])).endswith("40000 lines in git, 40001 live")


def test_a_huge_line_is_clipped() -> None:
    assert len(words("a\n" + "x" * 100_000, "a\n" + "y" * 100_000)) < 1_000
    assert len(words("x" * 5_000, "y" * 5_000)) < 1_000


TEXTS = st.text(alphabet="ab\n", max_size=300)


@given(TEXTS, TEXTS)
def test_texts_that_differ_and_are_long_always_get_words(a: str, b: str) -> None:
    told = words(a, b)
    long = max(len(a), len(b)) > 120 or "\n" in a.strip() + b.strip()
    assert bool(told) is (a != b and long)
