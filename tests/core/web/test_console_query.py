"""Fields of addresses and forms of the console: read one way, refused by their name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from scrm_core.api import Conflict, ConsoleQuery, Invalid, NotFound, cut_page
from scrm_core.clock import iso


def form(**fields: str) -> ConsoleQuery:
    return ConsoleQuery(form=fields, many={name: [value] for name, value in fields.items()})


def test_what_is_typed_is_read_in_the_brands_money_days_and_clock(brand):
    asked = form(n=" 12 ", off="-3", price="1,234.50", share="5.25 %", day="2026-03-01", at="2026-03-01T09:30", zulu="2026-03-01T09:30+00:00")
    with brand:
        assert (asked.whole("n"), asked.whole("off"), asked.money("price"), asked.percent("share")) == (12, -3, 123_450, 525)
        assert asked.day("day") == date(2026, 3, 1)
        assert iso(asked.instant("at"), brand.zone) == "2026-03-01T09:30:00+08:00"
        assert iso(asked.instant("zulu"), brand.zone) == "2026-03-01T17:30:00+08:00"
    assert form(a=" one\r\ntwo ").text("a") == "one\ntwo"
    assert form(a="one, two\r\n\r\n三，四、").lines("a") == ["one", "two", "三", "四"]


def test_a_field_shows_what_was_typed_into_the_form_that_was_refused_and_into_no_other():
    refused = form(act="texts", department="shop", faq="new & long")
    assert refused.typed("texts", "faq", "old", department="shop") == "new & long"
    assert refused.typed("texts", "faq", "old", department="store") == refused.typed("back", "faq", "old") == "old"
    assert (refused.typed("texts", "sop", "old"), form().typed("texts", "faq")) == ("", "")


@pytest.mark.parametrize("name", ["whole", "money", "percent", "day"])
def test_an_empty_field_is_what_the_page_says_or_refused_by_its_name(brand, name):
    with brand:
        assert getattr(form(), name)("x", empty=None) is None
        with pytest.raises(Invalid) as refused:
            getattr(form(x=" "), name)("x")
    assert refused.value.field == "x" and refused.value.message.startswith("x: ")


@pytest.mark.parametrize(
    ("name", "text"),
    [("whole", "1.5"), ("whole", "１２"), ("whole", "9" * 16), ("money", "1.234"), ("percent", "many"), ("day", "1 March"), ("instant", ""), ("instant", "9999-12-31T23:59-12:00")],
)
def test_what_is_none_of_its_kind_is_refused_by_its_name(brand, name, text):
    with brand, pytest.raises(Invalid) as refused:
        getattr(form(x=text), name)("x")
    assert refused.value.field == "x" and refused.value.message.startswith("x: ")


def test_a_place_in_a_list_and_a_thing_of_the_address_are_there_or_nothing_is():
    asked = ConsoleQuery(args={"after": "17", "code": "may 五月"})
    assert (asked.position("after"), asked.position("before"), asked.asked("code"), asked.asked("none")) == (17, 0, "may 五月", "")
    for wrong in ("x", "-1", "9" * 16, "1\n"):
        with pytest.raises(NotFound):
            ConsoleQuery(args={"after": wrong}).position("after")
    for wrong in ("a\x00b", "x" * 201):
        with pytest.raises(NotFound):
            ConsoleQuery(args={"code": wrong}).asked("code")
        with pytest.raises(NotFound):
            form(code=wrong).chosen("code")


def test_boxes_are_told_once_each_and_a_reason_is_needed():
    assert ConsoleQuery(many={"uid": ["b", "a", "b"]}).ticked("uid", 3) == ["a", "b"]
    for many in ({}, {"uid": ["a", "b", "c", "d"]}):
        with pytest.raises(Invalid, match="no more than 3"):
            ConsoleQuery(many=many).ticked("uid", 3)
    assert form(reason=" late ").reason() == "late"
    with pytest.raises(Invalid, match="say why"):
        form(reason=" ").reason()


def test_the_second_of_two_people_is_told():
    form(seen="open|3").expect("open|3", "somebody changed it")
    with pytest.raises(Conflict, match="somebody changed it") as told:
        form(seen="open|3").expect("open|4", "somebody changed it")
    assert told.value.code == "changed"


@pytest.mark.parametrize("seen", ["open|3", ""])
def test_a_form_that_leaves_out_what_was_seen_is_refused_and_not_believed(seen):
    with pytest.raises(Conflict, match="somebody changed it") as told:
        form(name="x").expect(seen, "somebody changed it")
    assert told.value.code == "changed"


@dataclass
class Row:
    id: int


def test_a_page_says_where_the_next_one_begins_only_if_there_is_one():
    rows = [Row(5), Row(4), Row(3)]
    assert cut_page(rows, 2) == (rows[:2], 4)
    assert cut_page(rows, 3) == (rows, None)
    assert cut_page([], 3) == ([], None)
    assert cut_page([{"id": 2}, {"id": 1}], 1, lambda row: row["id"]) == ([{"id": 2}], 2)
