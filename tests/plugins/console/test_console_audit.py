"""The audit log in the console: who did what with before and after, filtered, paged, as a file that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import re

from console_scene import EVIL, ROOT


def save(visitor, name, expression, seen=""):
    visitor.get("b/acme/segments")
    known = {"known": "1"} if seen else {}
    assert visitor.post("b/acme/segments/save", name=name, expression=expression, seen=seen, **known).status_code == 303


def actions(text):
    return re.findall(r'<td class="code">(\w+\.\w+)</td>', text)


def test_an_act_is_shown_with_who_what_before_and_after_and_found_by_each(browser, people, brands, clock):
    otto = browser("otto")
    save(otto, "vip", "orders >= 2")
    clock.advance(days=1)
    mia = browser("mia")
    save(mia, "vip", "orders >= 3", "orders >= 2")
    mia.post("b/acme/segments/delete", name="vip")
    text = mia.get("b/acme/audit").text
    assert actions(text) == ["segment.delete", "segment.save", "segment.save"]
    assert "<del>orders &gt;= 2</del>" in text and "<ins>orders &gt;= 3</ins>" in text and "user:mia" in text
    assert actions(mia.get("b/acme/audit", actor="user:otto").text) == ["segment.save"]
    assert actions(mia.get("b/acme/audit", action="segment.delete").text) == ["segment.delete"]
    assert len(actions(mia.get("b/acme/audit", action="segment").text)) == 3
    assert actions(mia.get("b/acme/audit", action="seg").text) == []
    assert actions(mia.get("b/acme/audit", **{"from": "2025-12-31", "to": "2025-12-31"}).text) == ["segment.save"]
    assert mia.get("b/acme/audit", **{"from": "yesterday"}).status_code == 422
    assert actions(browser("luna").get("b/moonco/audit").text) == []


def test_the_log_is_exported_with_guarded_cells_and_the_export_is_noted(browser, people, brands):
    otto = browser("otto")
    save(otto, "=HYPERLINK(A1)", "orders >= 2")
    with brands[0] as acme:
        acme.events.pause("tea-room", "=1+1", actor="@evil")
    otto.get("b/acme/audit")
    answer = otto.post("b/acme/audit.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit-acme.csv"'
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert rows[0] == ["at", "actor", "action", "target", "detail"]
    assert [row[1:3] for row in rows[1:]] == [
        ["user:otto", "audit.export"], ["'@evil", "plugin.pause"], ["user:otto", "segment.save"],
    ]  # fmt: skip
    only = otto.post("b/acme/audit.csv", action="plugin", actor="@evil")
    assert len(list(csv.reader(io.StringIO(only.text)))) == 2
    assert otto.get("b/acme/audit.csv").status_code == 405


def test_pages_of_the_log_follow_one_another_and_keep_the_filter(browser, brands, asked):
    with brands[0] as acme:
        for nth in range(120):
            acme.events.pause("tea-room", f"{nth} {EVIL}", actor="user:otto")
    otto, seen, address = browser("otto"), 0, f"{ROOT}b/acme/audit?actor=user%3Aotto"
    while address:
        asked.clear()
        text = otto.get(address).text
        assert len(asked) <= 12 and "<script>alert" not in text
        seen += len(actions(text))
        following = re.search(r'rel="next" href="([^"]+)"', text)
        address = following[1].replace("&amp;", "&") if following else ""
    assert seen == 120


def test_the_log_is_for_those_whose_role_includes_it(browser):
    for name in ("cleo", "ana"):
        visitor = browser(name)
        assert visitor.get("b/acme/audit").status_code == visitor.post("b/acme/audit.csv").status_code == 403
