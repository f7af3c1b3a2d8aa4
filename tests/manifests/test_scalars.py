"""Scalars mean what they mean to kubectl."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.manifests import scalars


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("int", "1.5"),
        ("int", "x"),
        ("int", "2024-01-01"),
        ("bool", "1"),
        ("bool", "oN"),
        ("null", "0"),
        ("float", "x"),
        ("float", "18446744073709551615"),
        ("timestamp", "12:30:45"),
        ("timestamp", "2024-13-01"),
        ("binary", "aGVsbG8"),
        ("binary", "aGV8="),
        ("binary", "a*=="),
    ],
)
def test_a_tag_that_does_not_fit_is_refused(tag: str, text: str) -> None:
    with pytest.raises(scalars.Unacceptable):
        scalars.tagged(scalars.TAG + tag, text)


@pytest.mark.parametrize("key", [None, 2**63, -(2**63) - 1, [1], {"a": 1}])
def test_what_cannot_be_a_key_is_refused(key: Any) -> None:
    with pytest.raises(scalars.Unacceptable):
        scalars.key_text(key)


@pytest.mark.parametrize(
    "text",
    ["yEs", "oN", "tRUE", "nULL", "1:30", "190:20:30", "2024-01-01", "1234e567", "-1e400", "0x", "0b2", "_1", "._1", ".5_", ".e5", "+", "-", "1e", "1_e_", "=", "٣", "0xFFFFFFFFFFFFFFFFF", "1.2.3", "1,000", "infinity", "nan"],
)  # fmt: skip
def test_what_only_looks_like_something_is_text(text: str) -> None:
    assert scalars.plain(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("y", True), ("Y", True), ("on", True), ("ON", True), ("n", False), ("Off", False), ("~", None), ("", None), ("Null", None),
        ("0644", 420), ("0o644", 420), ("0O17", 15), ("-0644", -420), ("0x1F", 31), ("-0b11", -3), ("0b-101", -5), ("1_000", 1000), ("+12", 12),
        ("08", 8), ("09.5", 9.5), ("1e3", 1000), ("7e2", 700), (".5", 0.5), (".1_0", 0.1), ("1.", 1), ("685.230_15e+03", 685230.15), ("-0.0", 0),
        ("9223372036854775807", 2**63 - 1), ("18446744073709551615", 2**64 - 1), ("-9223372036854775809", float(-(2**63) - 1)), ("1e21", 1e21),
    ],
)  # fmt: skip
def test_numbers_booleans_and_null(text: str, value: Any) -> None:
    found = scalars.plain(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("text", [".inf", "-.Inf", "+.INF", ".nan", ".NaN"])
def test_what_json_cannot_say_comes_back_as_a_float(text: str) -> None:
    assert not math.isfinite(scalars.plain(text))


@pytest.mark.parametrize(
    ("written", "key"),
    [("1.5", "1.5"), ("1e6", "1e+06"), ("1e3", "1000"), ("123456789.0", "1.2345679e+08"), ("0.00001", "1e-05"), ("1e39", ".inf"), ("0x10", "16"), ("yes", "true"), ("-0.0", "-0"), (".nan", ".nan"), ("3.14159265358979", "3.1415927")],
)  # fmt: skip
def test_keys_become_text_as_go_words_them(written: str, key: str) -> None:
    assert scalars.key_text(scalars.resolve(written)) == key


@pytest.mark.parametrize(
    ("tag", "text", "value"),
    [("str", "123", "123"), ("int", "0x10", 16), ("float", "3", 3.0), ("bool", "no", False), ("null", "~", None), ("timestamp", "2024-01-01", "2024-01-01"), ("binary", "aGVs\nbG8=", "hello"), ("set", "5", "5")],
)  # fmt: skip
def test_tags(tag: str, text: str, value: Any) -> None:
    found = scalars.tagged(scalars.TAG + tag, text)
    assert (type(found), found) == (type(value), value)


@given(st.integers(-(2**63), 2**64 - 1))
def test_every_integer_of_64_bits_is_read_exactly(number: int) -> None:
    assert scalars.plain(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_exactly(number: float) -> None:
    assert float(scalars.plain(repr(number))) == number


def test_a_million_digits_cost_nothing() -> None:
    assert scalars.plain("9" * 1_000_000) == "9" * 1_000_000  # beyond the range of a float: text
    assert scalars.plain("0x" + "f" * 1_000_000).startswith("0x")
    assert scalars.plain("0" * 1_000_000) == 0
