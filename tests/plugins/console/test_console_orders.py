"""Orders in the console: filtered, found by number, paged, one of them with what came of it; two brands, roles, queries."""

from __future__ import annotations

import re

from console_scene import EVIL, ROOT, sell

from scrm_core.api import IdentityIn, OrderIn, execute
from scrm_core.db import current_handle
from scrm_core.services.import_runs import refresh_statistics


def numbers(text):
    return re.findall(r'/orders/\w+">([^<]+)</a>', text)


def uid(brand, number):
    with brand:
        return brand.orders.by_number("shop", number).uid


def test_orders_are_listed_latest_payment_first_and_filtered_by_status_shop_and_day_of_payment(browser, people, brands):
    otto = browser("otto")
    assert numbers(otto.get("b/acme/orders").text) == ["N2", "N3", "N1", "N4"]
    sell(brands[0], "+8613800138001", "N5", "2025-12-31T11:00", 100, "closed")
    sell(brands[0], "+8613800138001", "N6", "2025-12-31T11:00", 100, "unpaid")
    assert numbers(otto.get("b/acme/orders", status="closed").text) == ["N5"]
    assert numbers(otto.get("b/acme/orders", status="unpaid").text) == ["N6"]
    assert numbers(otto.get("b/acme/orders", source="shop").text) == ["N5", "N2", "N3", "N1", "N4", "N6"], "unpaid ones last"
    assert numbers(otto.get("b/acme/orders", source="other").text) == []
    days = {"from": "2025-12-31", "to": "2025-12-31"}
    assert numbers(otto.get("b/acme/orders", **days).text) == ["N5", "N2", "N3"], "00:10 in Shanghai is that day's"
    wrong = otto.get("b/acme/orders", **{"from": "31.12.2025", "to": ""})
    assert wrong.status_code == 422 and "written like 2026-01-31" in wrong.text and 'value="31.12.2025"' in wrong.text


def test_an_order_is_found_by_its_number_which_stands_in_no_address(browser, people, brands):
    otto = browser("otto")
    otto.get("b/acme/orders")
    assert otto.post("b/acme/orders", number=" N2 ").location == f"{ROOT}b/acme/orders/{uid(brands[0], 'N2')}"
    nothing = otto.post("b/acme/orders", number="M1")
    assert nothing.status_code == 200 and numbers(nothing.text) == [], "another brand's"
    assert otto.post("b/acme/orders", number="").location == f"{ROOT}b/acme/orders"


def test_an_order_shows_lines_history_and_what_plugins_did_for_it_and_took_back(browser, people, brands):
    otto = browser("otto")
    text = otto.get(f"b/acme/orders/{uid(brands[0], 'N2')}").text
    for words in ("N2", "Ada", "¥20.50", "¥0.50", "¥20.00", "-¥0.50", "2025-12-31 10:00", "2025-12-31 12:00", "completed"):
        assert words in text, words
    assert "<dt>Items</dt><dd>1</dd>" in text
    assert "Stamps 印花" in text and "+5" in text and "Voucher" in text and "-¥2.50" in text
    assert EVIL not in text and "<script>alert" not in text
    failed = otto.get(f"b/acme/orders/{uid(brands[0], 'N3')}")
    assert failed.status_code == 200 and "The plugin tea-room failed" in failed.text and "no stamps" not in failed.text
    assert f"{ROOT}b/acme/orders/{uid(brands[0], 'N2')}" in otto.get(f"b/acme/contacts/{people['ada'].uid}").text


def test_pages_of_orders_follow_one_another_without_gap_or_repetition_and_keep_the_filter(browser, people, brands):
    for nth in range(120):
        # Written in another order than paid, many at one moment, and some not paid at all.
        status = "unpaid" if nth % 6 == 5 else "paid"
        sell(brands[0], "+8613800138000", f"P{nth:03}", f"2025-12-{29 - nth % 3}T10:00", 100, status)
    paid = [f"P{nth:03}" for day in range(3) for nth in reversed(range(120)) if nth % 3 == day and nth % 6 != 5]
    unpaid = [f"P{nth:03}" for nth in reversed(range(120)) if nth % 6 == 5]
    otto = browser("otto")
    assert all_pages(otto, "b/acme/orders?status=paid") == paid
    assert all_pages(otto, "b/acme/orders?status=unpaid") == unpaid
    assert all_pages(otto, "b/acme/orders") == ["N2", "N3", "N1", *paid, "N4", *unpaid]


def all_pages(visitor, path):
    seen, address = [], ROOT + path
    while address:
        text = visitor.get(address).text
        seen += numbers(text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        address = following[1].replace("&amp;", "&") if following else ""
    return seen


def test_lists_of_orders_and_names_read_as_much_as_they_show_however_many_there_are(people, brands):
    (acme, _), many = brands, 4_000
    with acme:
        rows = [
            OrderIn(source="shop", number=f"Q{nth}", status="paid", paid_at=acme.now() - nth % 50, paid_minor=1, lines=())
            for nth in range(many)
        ]
        for start in range(0, len(rows), 1_000):
            acme.orders.upsert_many(rows[start : start + 1_000])
        acme.contacts.resolve_many(
            [[IdentityIn.of("unionid", f"u{nth}")] for nth in range(many)],
            at=[acme.now()] * many, origin="test", names=[f"赵{nth}" for nth in range(many)],
        )  # fmt: skip
        refresh_statistics()
        view, cursor = "SELECT id FROM orders o WHERE ", (acme.now() - 20, 2**40)
        assert uses_index(
            view + "o.paid_at <= ? AND (o.paid_at, o.id) < (?, ?) ORDER BY o.paid_at DESC, o.id DESC LIMIT 51",
            (cursor[0], *cursor), "orders_paid",
        )  # fmt: skip
        assert [each.name for each in acme.contacts.named("赵39", 3)] == ["赵39", "赵390", "赵3900"]
        name = "lower(c.name)" if acme.handle.engine == "sqlite" else 'lower(c.name) COLLATE "C"'
        assert uses_index(
            f"SELECT c.id FROM contact c WHERE c.name <> '' AND {name} >= lower(CAST(? AS TEXT)) "
            f"AND {name} < lower(CAST(? AS TEXT)) ORDER BY {name}, c.id LIMIT 51",
            ("赵39", "赵39\U0010ffff"), "contact_name",
        )  # fmt: skip


def uses_index(sql, params, index):
    """Whether the database answers by this index, and sorts nothing on SQLite."""
    sqlite = current_handle().engine == "sqlite"
    plan = "\n".join(str(row) for row in execute(("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + sql, params).fetchall())
    return index in plan and "TEMP B-TREE" not in plan and "Seq Scan" not in plan


def test_another_brands_order_is_not_there_and_a_role_without_orders_has_no_page(browser, people, brands):
    foreign = uid(brands[1], "M1")
    otto, ana = browser("otto"), browser("ana")
    assert otto.get(f"b/acme/orders/{foreign}").status_code == otto.get(f"b/acme/orders/{'0' * 26}").status_code == 404
    assert ana.get("b/acme/orders").status_code == ana.get(f"b/acme/orders/{uid(brands[0], 'N1')}").status_code == 403
    cleo = browser("cleo")
    assert "Ada" in cleo.get("b/acme/orders").text


def test_orders_ask_few_queries_however_many_there_are(browser, people, brands, asked):
    for nth in range(60):
        sell(brands[0], "+8613800138000", f"P{nth:02}", "2025-12-29T10:00", 100)
    otto = browser("otto")
    for page in ("orders", f"orders/{uid(brands[0], 'P01')}"):
        asked.clear()
        assert otto.get(f"b/acme/{page}").status_code == 200
        assert 2 <= len(asked) <= 15, page
