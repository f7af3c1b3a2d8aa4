"""Amounts are what the API server makes of them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.quantities import milli, parse, same


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1e",
        "1mi",
        "1KI",
        "1 Gi",
        "1e5m",
        "1+5",
        "1GiB",
        "0x10",
        "1,5",
        "--1",
        "1.2.3",
        "NaN",
        "inf",
        "１",
        "1e99999999",
    ],
)
def test_what_the_server_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantity"):
        parse(text)


@pytest.mark.parametrize("value", [True, None, [], {}])
def test_what_is_neither_text_nor_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        parse(value)  # type: ignore[arg-type]


def test_an_amount_too_long_to_be_one_is_refused_and_not_repeated_whole() -> None:
    with pytest.raises(ValueError, match="quantity") as caught:
        parse("1" * 100_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1Gi", 2**30),
        ("1.5Gi", 1536 * 2**20),
        ("512M", 512_000_000),
        ("512m", Decimal("0.512")),
        ("1e3", 1000),
        ("1E3", 1000),
        ("12E", 12 * 10**18),
        ("-1k", -1000),
        (".5", Decimal("0.5")),
        ("1.G", 10**9),
        ("+0", 0),
        (" 5 ", 5),
        (3, 3),
        (0.1, Decimal("0.1")),
        (1e22, 10**22),
        ("0.1n", Decimal("1e-9")),
        ("-0.1n", Decimal("-1e-9")),
        ("100Ei", 2**63 - 1),
    ],
)
def test_amounts_are_exact(text: str | int | float, amount: int | Decimal) -> None:
    assert parse(text) == amount


@pytest.mark.parametrize(("a", "b"), [("1G", "1Gi"), ("512M", "512m"), ("1", "1001m"), ("abc", "abd"), ("abc", 0)])
def test_different_amounts_are_not_the_same(a: str | int, b: str | int) -> None:
    assert not same(a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [("1000m", 1), ("1024Mi", "1Gi"), ("0.1m", "1m"), ("12000m", "12"), (0.5, "500m"), ("1e3", "1k"), ("abc", "abc")],
)
def test_one_amount_written_in_two_ways_is_the_same(a: str | float, b: str | float) -> None:
    assert same(a, b)


@given(st.integers(-(10**12), 10**12), st.sampled_from(["n", "u", "m", "", "k", "M", "G", "Ki", "Mi", "e3", "E-2"]))
def test_rounding_up_to_milli_never_shrinks_an_amount(number: int, suffix: str) -> None:
    amount = parse(f"{number}{suffix}")
    assert abs(milli(amount)) >= abs(amount)
    assert abs(milli(amount) - amount) < Decimal("0.001")


@given(st.text(alphabet="0123456789.+-eEinumkKMGTP ", max_size=12))
def test_any_text_is_an_amount_or_a_value_error(text: str) -> None:
    try:
        amount = parse(text)
    except ValueError:
        return
    assert amount.is_finite()
