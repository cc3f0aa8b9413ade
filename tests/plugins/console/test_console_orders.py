"""Orders in the console: filtered, found by number, paged, one of them with what came of it; two brands, roles, queries."""

from __future__ import annotations

import re

from console_scene import EVIL, ROOT, sell


def numbers(text):
    return re.findall(r'/orders/\w+">([^<]+)</a>', text)


def uid(brand, number):
    with brand:
        return brand.orders.by_number("shop", number).uid


def test_orders_are_listed_last_written_first_and_filtered_by_status_shop_and_day_of_payment(browser, people, brands):
    otto = browser("otto")
    assert numbers(otto.get("b/acme/orders").text) == ["N4", "N3", "N2", "N1"]
    sell(brands[0], "+8613800138001", "N5", "2025-12-31T11:00", 100, "closed")
    assert numbers(otto.get("b/acme/orders", status="closed").text) == ["N5"]
    assert numbers(otto.get("b/acme/orders", source="shop").text) == ["N5", "N4", "N3", "N2", "N1"]
    assert numbers(otto.get("b/acme/orders", source="other").text) == []
    days = {"from": "2025-12-31", "to": "2025-12-31"}
    assert numbers(otto.get("b/acme/orders", **days).text) == ["N5", "N3", "N2"], "00:10 in Shanghai is that day's"
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
    for nth in range(60):
        sell(brands[0], "+8613800138000", f"P{nth:02}", "2025-12-29T10:00", 100, "paid")
    otto, seen, address = browser("otto"), [], f"{ROOT}b/acme/orders?status=paid"
    while address:
        text = otto.get(address).text
        seen += numbers(text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        address = following[1].replace("&amp;", "&") if following else ""
    assert seen == [f"P{nth:02}" for nth in reversed(range(60))]


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
