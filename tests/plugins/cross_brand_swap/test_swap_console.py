"""Swaps in the console: proposed, countered, accepted, withdrawn and settled by people of two brands; roles, names, queries."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from staff_desk import EVIL, asks_the_same, desks, refusal, statements, turned
from swap_scene import ACME, DAY, MOONCO, Swap

from scrm_console import Console
from scrm_core.clock import from_instant
from scrm_core.installation import Installation
from scrm_cross_brand_swap import CrossBrandSwap

AT = "b/acme/x/cross-brand-swap/"
THERE = "b/moonco/x/cross-brand-swap/"


@pytest.fixture
def house(new_installation: Callable[..., Installation]) -> Installation:
    console = "\n[plugins.console]\n"
    return new_installation(plugins=(Console, CrossBrandSwap), acme=ACME + console, moonco=MOONCO + console)


@pytest.fixture
def desk(house: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    return desks(house, monkeypatch)


@pytest.fixture
def swap(house: Installation, desk: Any, deliver: Any, clock: Any) -> Swap:
    made = Swap(house, deliver, clock)
    made.meet()
    return made


def form(swap: Swap, **more: Any) -> dict[str, Any]:
    now, zone = swap.clock.now(), swap.a.brand.zone
    times = {"from_at": f"{from_instant(now + DAY, zone):%Y-%m-%dT%H:%M}", "until_at": f"{from_instant(now + 30 * DAY, zone):%Y-%m-%dT%H:%M}"}
    return {
        "act": "propose", "partner": "moonco", "deal": "spring", "kind": "traffic", "unit": "add", "quota": "100", "imbalance": "20",
        "window_days": "7", "keep_days": "7", "note": EVIL, "target": "https://acme.example/welcome", **times, **more,
    }  # fmt: skip


def test_a_deal_is_proposed_countered_and_accepted_by_people_of_both_brands(swap, desk):
    mia, luna = desk("mia"), desk("luna")
    text = mia.get(f"{AT}deals").text
    assert 'data-partner="moonco"' in text and "fits" in text
    refused = mia.post(f"{AT}deals", **form(swap, quota="many"))
    assert refused.status_code == 422 and 'name="quota" autocomplete="off" value="many"' in refused.text
    assert mia.post(f"{AT}deals", **form(swap, target="javascript:alert(1)")).status_code == 422
    assert mia.post(f"{AT}deals", **form(swap)).location.endswith("deal?code=spring&done=proposed")
    assert mia.post(f"{AT}deals", **form(swap)).status_code == 409
    swap.settle_down()
    page = f"{THERE}deal?code=spring"
    assert 'value="accept"' in luna.get(page).text
    counter = {**form(swap, act="counter", quota="50", target="https://moon.example/welcome"), "note": "fewer"}
    assert luna.press(page, **counter).location.endswith("done=countered")
    swap.settle_down()
    mine = f"{AT}deal?code=spring"
    assert "50" in mia.get(mine).text
    assert mia.press(mine, "accept").status_code == 303
    swap.settle_down()
    assert (swap.a.state(), swap.b.state()) == ("agreed", "agreed")
    text = mia.get(mine).text
    assert "user:mia" in text and 'value="accept"' not in text and "data-imbalance>0 / 20<" in text


def test_the_second_of_two_is_told_and_a_proposal_is_withdrawn(swap, desk):
    swap.offer()
    mia, otto = desk("mia"), desk("otto")
    page = f"{AT}deal?code=spring"
    seen = re.search(r'name="seen" value="([^"]+)"', mia.get(page).text)[1]
    otto.get(page)
    assert mia.post(page, act="withdraw", reason="no longer", seen=seen).status_code == 303
    late = otto.post(page, act="withdraw", reason="typed by otto", seen=seen)
    assert late.status_code == 409 and "the deal has moved on" in refusal(late)
    swap.settle_down()
    assert (swap.a.state(), swap.b.state()) == ("declined", "declined")


def test_a_deal_is_not_answered_by_a_form_that_does_not_say_what_its_page_showed(swap, desk):
    swap.offer()
    mia, luna = desk("mia"), desk("luna")
    mia.get(f"{AT}deals"), luna.get(f"{THERE}deals")
    counter = form(swap, act="counter", quota="50", target="https://moon.example/welcome")
    for browser, page, typed in (
        (mia, AT, {"act": "withdraw", "reason": "no longer"}), (luna, THERE, {"act": "accept"}), (luna, THERE, counter),
    ):  # fmt: skip
        answer = browser.post(f"{page}deal?code=spring", **typed)
        assert answer.status_code == 409 and "the deal has moved on" in refusal(answer), typed
    assert (swap.a.state(), swap.b.state()) == ("open", "open")


def test_arrivals_stand_in_the_ledger_with_the_imbalance_that_stops_it(swap, desk):
    swap.offer(imbalance=1, quota=10)
    swap.accept()
    with swap.a.brand:
        code = swap.a.swaps.deal("spring").link
    swap.a.lead("ann", state=code)
    swap.settle_down()
    swap.upkeep()
    text = desk("mia").get(f"{AT}deal?code=spring").text
    assert "data-received>1<" in text and "data-imbalance>-1 / 1<" in text and "data-stopped" in text
    assert "stopped" in desk("mia").get(f"{AT}deals").text


def test_only_roles_that_include_it_see_and_act_and_no_other_brand_sees_anything(swap, desk):
    swap.offer()
    for name in ("cleo", "ana"):
        browser = desk(name)
        for page in (f"{AT}deals", f"{AT}deal?code=spring"):
            assert browser.get(page).status_code == 403, (name, page)
        browser.get("b/acme/")
        assert browser.post(f"{AT}deal?code=spring", act="withdraw", reason="x").status_code == 403
    assert "Deals that run" in desk("ana").get("b/acme/").text
    luna = desk("luna")
    assert luna.get(f"{AT}deals").status_code == 404
    assert luna.post(f"{AT}deal?code=spring", act="withdraw", reason="x").status_code == 404
    assert swap.a.state() == "open"


def test_what_partners_write_runs_nowhere(swap, desk):
    swap.offer(note=EVIL)
    for browser, page in ((desk("mia", "zh"), AT), (desk("luna"), THERE)):
        text = browser.get(f"{page}deal?code=spring").text
        assert "&lt;script&gt;alert(1)" in text and "<script>alert" not in text and "<img src=x" not in text
    assert "我方 · 发起 ·" in desk("mia", "zh").get(f"{AT}deal?code=spring").text
    assert "伙伴 · 发起" in desk("luna", "zh").get(f"{THERE}deal?code=spring").text
    for path in ("deal?code=%0a", "deals?before=x", "deal"):
        assert desk("mia").get(AT + path).status_code in (400, 404), path


def test_pages_ask_as_many_queries_with_three_hundred_deals_as_with_ten(swap, desk, monkeypatch):
    asked, mia = statements(swap.a.brand, monkeypatch), desk("mia")
    pages = (f"{AT}deals", f"{AT}deal?code=d0", "b/acme/")

    def fill(count: int) -> None:
        with swap.a.brand, swap.a.brand.transaction():
            for nth in range(len(swap.a.swaps.newest(limit=300)), count):
                swap.a.swaps.offer("moonco", swap.terms(deal=f"d{nth}"), target="https://acme.example/w", actor="anna")

    asks_the_same(mia, asked, pages, fill)
    first, _ = turned(mia, AT, "deals", "data-deal")
    assert len(first) == 30
