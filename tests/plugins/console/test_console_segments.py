"""Segments in the console: counted, put together, kept, renamed, forgotten; two operators at once; who may what."""

from __future__ import annotations

import re
from html import unescape

import pytest
from console_scene import EVIL, ROOT

from scrm_core.services import audit


def kept(brand):
    with brand:
        return {each.name: each.expression for each in brand.segments.list()}


def acts(brand):
    with brand:
        return [(each.actor, each.action, each.detail) for each in audit.page() if each.action.startswith("segment.")]


def typed(text):
    return unescape(re.search(r"<textarea[^>]*>([^<]*)</textarea>", text)[1])


def test_an_expression_is_counted_with_its_first_members_and_a_way_to_all_of_them(browser, people):
    otto = browser("otto")
    otto.get("b/acme/segments")
    found = otto.post("b/acme/segments/check", expression="orders >= 2").text
    assert 'data-count="1"' in found and "1 contacts match" in found and ">Ada<" in found and "李博" not in found
    assert f'href="{ROOT}b/acme/contacts?segment=orders+%3E%3D+2"' in found
    part = otto.post("b/acme/segments/found", expression="orders >= 1")
    assert 'data-count="3"' in part.text and "<html" not in part.text
    assert "<script>" not in part.text and "&lt;script&gt;" in part.text


def test_an_analyst_counts_and_sees_nobody_and_a_clerk_has_no_such_page(browser, people):
    ana = browser("ana")
    ana.get("b/acme/segments")
    found = ana.post("b/acme/segments/check", expression="orders >= 1").text
    assert 'data-count="3"' in found and "Ada" not in found and "contacts?segment" not in found
    assert "segments/save" not in found
    assert ana.post("b/acme/segments/save", name="x", expression="orders >= 1").status_code == 403
    cleo = browser("cleo")
    cleo.get("b/acme/contacts")
    assert cleo.post("b/acme/segments/check", expression="orders >= 1").status_code == 403


@pytest.mark.parametrize(
    ("text", "before", "marked"),
    [("ordres >= 2", "", "o"), ("orders >= 2 and phone > 3", "orders &gt;= 2 and ", "p"), ("orders >=", "orders &gt;=", "␣")],
)
@pytest.mark.cases_on_sqlite
def test_what_is_wrong_with_an_expression_is_marked_at_its_place_and_what_was_typed_stays(browser, text, before, marked):
    otto = browser("otto")
    otto.get("b/acme/segments")
    answer = otto.post("b/acme/segments/check", expression=text, name="typed name")
    assert answer.status_code == 422
    assert f"{before}<mark>{marked}</mark>" in answer.text and 'aria-invalid="true"' in answer.text
    assert typed(answer.text) == text and 'value="typed name"' in answer.text
    assert otto.post("b/acme/segments/save", expression=text, name="typed name").status_code == 422


def test_a_segment_is_kept_changed_renamed_and_forgotten_and_the_audit_says_by_whom(browser, people, brands):
    otto = browser("otto")
    otto.get("b/acme/segments")
    done = otto.post("b/acme/segments/save", name="回头客", expression='orders >= 2 and phone = "13800138000"')
    assert done.location == f"{ROOT}b/acme/segments?done=saved&name=%E5%9B%9E%E5%A4%B4%E5%AE%A2"
    page = otto.get(done.location).text
    assert "The segment is saved." in page and "回头客" in page and 'data-count="1"' in page
    otto.post("b/acme/segments/save", known="1", name="回头客", expression="orders >= 3", seen='orders >= 2 and phone = "13800138000"')
    assert kept(brands[0]) == {"回头客": "orders >= 3"}
    assert otto.post("b/acme/segments/rename", name="回头客", to="Regulars").status_code == 303
    assert otto.get("b/acme/contacts").text.count(">Regulars<") == 1
    assert otto.post("b/acme/segments/delete", name="Regulars").status_code == 303
    assert otto.post("b/acme/segments/delete", name="Regulars").status_code == 404
    assert kept(brands[0]) == kept(brands[1]) == {}
    masked = 'orders >= 2 and phone = "138****8000"'
    assert acts(brands[0]) == [
        ("user:otto", "segment.delete", {"name": "Regulars", "before": "orders >= 3", "after": None}),
        ("user:otto", "segment.rename", {"before": "回头客", "after": "Regulars"}),
        ("user:otto", "segment.save", {"name": "回头客", "before": masked, "after": "orders >= 3"}),
        ("user:otto", "segment.save", {"name": "回头客", "before": None, "after": masked}),
    ]
    assert acts(brands[1]) == []


def test_the_second_of_two_operators_is_told_and_overwrites_only_what_was_shown(browser, people, brands):
    otto, mia = browser("otto"), browser("mia")
    for each in (otto, mia):
        each.get("b/acme/segments")
    otto.post("b/acme/segments/save", name="vip", expression="orders >= 5")
    second = mia.post("b/acme/segments/save", name="vip", expression="orders >= 9")
    assert second.status_code == 409
    assert "Somebody changed this" in second.text and "orders &gt;= 5" in second.text and typed(second.text) == "orders >= 9"
    assert kept(brands[0]) == {"vip": "orders >= 5"}
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', second.text))
    assert unescape(form["seen"]) == "orders >= 5"
    assert mia.post("b/acme/segments/save", name="vip", expression="orders >= 9", seen="orders >= 5").status_code == 303
    assert kept(brands[0]) == {"vip": "orders >= 9"}


def test_a_name_that_is_taken_or_empty_is_told_at_its_place(browser, brands):
    otto = browser("otto")
    otto.get("b/acme/segments")
    for name in ("one", "two"):
        otto.post("b/acme/segments/save", name=name, expression="orders >= 1")
    taken = otto.post("b/acme/segments/rename", name="one", to="two")
    assert taken.status_code == 409 and "This name is taken." in taken.text
    empty = otto.post("b/acme/segments/save", name="  ", expression="orders >= 1")
    assert empty.status_code == 422 and re.search(r'name="name"[^>]*aria-invalid', empty.text)
    assert sorted(kept(brands[0])) == ["one", "two"]
    assert otto.get("b/acme/segments", name="three").status_code == 404
    assert EVIL not in otto.post("b/acme/segments/save", name=EVIL, expression="orders >= 1").text
    assert "<script>alert" not in otto.get("b/acme/segments", name=EVIL).text


def condition(otto, text, **parts):
    return typed(otto.post("b/acme/segments/check", add="1", expression=text, **{"join": "and", "key": "", "value": "", **parts}).text)


def test_a_condition_is_put_together_without_knowing_the_language(browser):
    otto = browser("otto")
    otto.get("b/acme/segments")
    one = condition(otto, "", field="orders", operator=">=", value="2")
    assert one == "orders >= 2"
    two = condition(otto, one, field="tag", key="life cycle", operator="=", value='a "b" \\')
    assert two == 'orders >= 2 and tag."life cycle" = "a \\"b\\" \\\\"'
    three = condition(otto, two, join="or", field="unionid", operator="has")
    assert three.endswith(" or has unionid")
    assert condition(otto, "orders = 1 or orders = 3", field="money", operator=">", value="9.50") == "(orders = 1 or orders = 3) and money > 9.50"
    assert condition(otto, "orders = 1", field="nonsense", operator="=", value="1") == "orders = 1"
    assert condition(otto, "orders = 1", field="orders", operator="; drop", value="1") == "orders = 1"


def test_the_page_asks_few_queries_with_many_segments(browser, people, brands, asked):
    with brands[0] as acme:
        for nth in range(40):
            acme.segments.save(f"s{nth}", f"orders >= {nth}")
    otto = browser("otto")
    asked.clear()
    assert otto.get("b/acme/segments", name="s1").text.count("</tr>") >= 40
    assert 2 <= len(asked) <= 15
