"""Text is clean or refused; an exported cell starts no formula and reads back the same."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_core.errors import Invalid
from scrm_core.values.text import clean_text, csv_cell, csv_value


@pytest.mark.parametrize("value", ["a\0b", "\x07", "\ud800", "x\udfffy", "\x85mid\x85dle", "a\tb", "a\nb", "\x7f"])
def test_characters_no_database_likes_are_refused(value):
    with pytest.raises(Invalid) as caught:
        clean_text(value, field="name")
    assert caught.value.field == "name"


@pytest.mark.parametrize("value", [None, 1, b"x", ["x"], 1.5, True])
def test_only_text_is_text(value):
    with pytest.raises(Invalid, match="text is expected"):
        clean_text(value)


def test_length_is_counted_in_characters():
    assert clean_text("宝" * 5, max_length=5) == "宝" * 5
    with pytest.raises(Invalid, match="at most 5 characters are allowed, not 6"):
        clean_text("宝" * 6, max_length=5)


def test_ordinary_text_stays_as_it_is():
    for text in ("王小明", "👨‍👩‍👧", "a\u3000b", "{{7*7}}", "<b>", "'; drop table", "é"):
        assert clean_text(text) == text
    assert clean_text("  a  ") == "a"
    assert clean_text("a\r\n\tb", multiline=True) == "a\r\n\tb"


DANGEROUS = ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "＝1", " =1", '"=1', "'=1", "﹦1", "－2", "\n+3"]


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_text_cell_starts_a_formula(text):
    cell = csv_cell(text)
    assert cell.startswith("'")
    assert csv_value(cell) == text


@given(st.text() | st.text("='\"+-@\t\r\n ＝ax", max_size=8))
def test_export_then_import_is_the_identity(text):
    file = io.StringIO(newline="")
    csv.writer(file).writerow([csv_cell(text), "end"])
    (row,) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert csv_value(row[0]) == text
    assert row[1] == "end"


@given(st.text(max_size=8))
def test_harmless_text_is_not_touched(text):
    stripped = text.lstrip(" \t\r\n\v\f\x1c\x1d\x1e\x1f\x85\xa0'\"")
    if text == stripped and not text.startswith(tuple("=+-@＝＋－＠﹦﹢﹣﹫")) and not text[:1].isspace():
        assert csv_cell(text) == text


def test_typed_columns_stay_usable():
    assert csv_cell("+8613800138000", "phone") == "+8613800138000"
    assert csv_cell("-12.50", "number") == "-12.50"
    assert csv_cell(-1250) == "-1250"
    assert csv_cell(None) == ""
    assert csv_cell("+cmd|' /C calc'!A0", "phone").startswith("'")
    assert csv_cell("-1+1", "number").startswith("'")
