"""Amounts: read exactly or refused, shared without losing a unit."""


import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_core.errors import Invalid
from scrm_core.values.money import format_minor, parse_minor, show_minor


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("19.99", 1999),  # int(float("19.99") * 100) is 1998
        ("200.07", 20007),
        ("188.0", 18800),
        ("0", 0),
        ("￥1,234.50", 123450),
        ("¥ 1,234,567.8", 123456780),
        ("　１２．３４　", 1234),
        ("-5", -500),
        ("￥-0.05", -5),
        ("−3.10", -310),
        ("90071992547409.92", 2**53),
    ],
)
def test_amounts_as_platforms_write_them(text, minor):
    assert parse_minor(text) == minor


@pytest.mark.parametrize("text", ["", " ", "　", "\t"])
def test_an_empty_amount_is_unknown_not_zero(text):
    assert parse_minor(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "1.234",
        "1.990",
        "NaN",
        "nan",
        "inf",
        "-Infinity",
        "1e5",
        "1E+18",
        "1,5",
        "12,34.5",
        "1.2.3",
        "--5",
        "-¥-5",
        "abc",
        ".",
        "1.",
        ".5",
        "１２a",
        "١٢",
        "1²",
        "0x10",
        "1_000",
        "90071992547409.93",
        "9" * 4000,
        "5元5",
    ],
)
def test_what_is_not_an_exact_amount_is_refused(text):
    with pytest.raises(Invalid):
        parse_minor(text)


def test_decimals_follow_the_currency():
    assert parse_minor("100", 0) == 100
    assert parse_minor("1.234", 3) == 1234
    with pytest.raises(Invalid, match="1 decimals"):
        parse_minor("100.5", 0)


def test_only_text_is_an_amount():
    with pytest.raises(Invalid, match="float"):
        parse_minor(19.99)  # type: ignore[arg-type]


@given(st.integers(-(2**53), 2**53), st.sampled_from([0, 2, 3]))
def test_written_amounts_read_back(minor, exponent):
    assert parse_minor(format_minor(minor, exponent), exponent) == minor


def test_amounts_are_written_with_all_decimals():
    assert format_minor(-5) == "-0.05"
    assert format_minor(123450) == "1234.50"
    assert format_minor(7, 0) == "7"


def test_a_mean_is_written_with_two_digits_more():
    assert format_minor(187.67) == "1.8767"
    assert format_minor(-2.5, 0) == "-2.50"


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (3990, "CNY", "¥39.90"),
        (-5, "USD", "-$0.05"),
        (120, "JPY", "¥120"),
        (1234567, "HKD", "HK$12,345.67"),
        (1200, "SGD", "SGD 12.00"),
        (-1500, "KWD", "-KWD 1.500"),
        (1234567, "JPY", "¥1,234,567"),
        (-100000, "CNY", "-¥1,000.00"),
        (187.67, "USD", "$1.8767"),
        (-123456.7, "CNY", "-¥1,234.5670"),
        (12.5, "JPY", "¥12.50"),
    ],
)
def test_amounts_for_people_name_their_currency(minor, currency, shown):
    assert show_minor(minor, currency) == shown
