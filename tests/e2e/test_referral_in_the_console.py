"""The audit queue of referral in a real browser, worked through by two people, one at a desk and one with a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from phones import PHONE
from served import Premises, make, serving
from test_console_in_a_browser import EVIL, WORD, desks_at

from scrm_core.clock import MS_PER_DAY, iso
from scrm_core.delivery import Delivery
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.orders import OrderIn

BRAND = """[brand]
id = "acme"
name = "Acme 母婴"
timezone = "Asia/Shanghai"
currency = "CNY"
[plugins.console]
[plugins.coupon-threshold]
[plugins.referral]
"""
AT = "b/acme/x/referral/"


def _friend(brand: Any, nth: int, name: str, code: str = "") -> int:
    phone = IdentityIn.of("phone", f"+86138{nth:04d}{nth * 7:04d}", "")
    lead = LeadIn("wecom", (phone,), brand.now(), reference=f"friend-{nth}", state=code, name=name)
    return int(brand.contacts.capture_lead(lead).contact_id)


def _buys(brand: Any, nth: int, contact: int) -> None:
    phone = IdentityIn.of("phone", f"+86138{nth:04d}{nth * 7:04d}", "")
    brand.membership.join(contact, f"M{nth}", at=brand.now(), source="test")
    brand.orders.upsert(OrderIn("shop", f"A{nth}", "paid", brand.now(), 9_900, buyer=(phone,)))


def _fill(brand: Any) -> None:
    """Two inviters: one reached a rung that one person approves and one that two do, the other has a friend who is held."""
    referrals = brand.plugins["referral"].referrals
    coupons = brand.plugins["coupon-threshold"].coupons
    for sku in ("soap", "robe"):
        batch = {"code": sku, "title": sku, "rule": {"kind": "exchange", "sku": sku}, "validity": {"kind": "natural", "days": 30}}
        coupons.batches.create({**batch, "limits": {"per_person": 5}})
        coupons.batches.open(sku)
    ladder = [{"invites": 1, "item": "soap", "value_minor": 1_000}, {"invites": 2, "item": "robe", "value_minor": 6_000, "title": "浴袍"}]
    ends = iso(brand.now() + 60 * MS_PER_DAY, brand.zone)
    made = {"code": "spring", "title": "春日老带新", "surface": "mini_program", "ends_at": ends, "observation_days": 0, "quota": 20, "ladder": ladder}
    referrals.campaigns.create(made, actor="mia")
    referrals.campaigns.publish("spring", actor="mia")
    inviters = [_friend(brand, nth, name) for nth, name in ((1, "陈晨"), (2, EVIL))]
    codes = [referrals.campaigns.sign_up("spring", each).code for each in inviters]
    for nth, name in ((3, "李雷"), (4, "韩梅梅")):
        _buys(brand, nth, _friend(brand, nth, name, codes[0]))
    suspect = _friend(brand, 5, "王小明", codes[1])
    for who in (inviters[1], suspect):
        for kind in ("device", "payer"):
            referrals.add_trait("spring", who, kind, "the same")
    _buys(brand, 5, suspect)
    Delivery(brand).drain()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    root = tmp_path_factory.mktemp("referral") / "shop"
    house = Premises(*make(root, {"acme": BRAND}))
    for name, role in {"mia": "owner", "omar": "operator"}.items():
        house.installation.users.create(name, WORD)
        house.installation.users.set_role(name, "acme", role)
    with house.brand as brand:
        _fill(brand)
    with serving(root, house.base):
        yield house
    house.installation.close()


@pytest.fixture
def desks(browser: Any, office: Premises) -> Iterator[Any]:
    yield from desks_at(browser, office.base)


def test_two_people_work_through_the_audit_queue_at_a_desk_and_with_a_phone(office, desks):
    desk = desks()
    hand = desks(viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, locale="zh-CN", color_scheme="dark")
    mia, omar = desk.sign_in("mia", f"{AT}audit"), hand.sign_in("omar", f"{AT}audit")
    assert mia.locator("[data-reward]").count() == 2
    desk.shoot("referral-audit")
    hand.shoot("referral-audit-phone-zh-dark")
    for box in mia.locator("[name=uid]").all():
        box.check()
    mia.click("button[value=approve]")
    mia.wait_for_selector("[data-done]")
    assert "2 approved" in mia.inner_text("[data-done]") and "approved by 1 of 2 persons" in mia.inner_text("main")
    assert mia.locator("[name=uid]").count() == 0 and mia.locator("[data-mine]").count() == 1
    desk.shoot("referral-audit-waits-for-another")

    # The phone still shows both: what mia has granted is told, and nothing was done.
    for box in omar.locator("[name=uid]").all():
        box.check()
    omar.fill("[name=reason]", "查无此人")
    omar.tap("button[value=refuse]")
    omar.wait_for_selector("[data-refused]")
    assert "已有人处理" in omar.inner_text("[data-refused]") and omar.input_value("[name=reason]") == "查无此人"
    hand.shoot("referral-audit-phone-told")
    hand.open(f"{AT}audit")
    omar.tap("text=查看好友与凭证")
    omar.wait_for_selector("[data-invitee]")
    assert omar.locator("[data-invitee]").count() == 2 and "首单 · order shop A3" in omar.inner_text("main")
    hand.shoot("referral-reward-phone")
    omar.tap("button[value=approve]")
    omar.wait_for_selector("[data-done]")

    desk.open(f"{AT}invitees")
    assert "same device" in mia.inner_text("[data-signal=same_device]") and mia.title() != "owned"
    desk.shoot("referral-invitees")
    mia.check("[name=uid]")
    mia.fill("[name=reason]", "one phone, one payer")
    mia.click("button[value=refuse]")
    mia.wait_for_selector("[data-done]")
    hand.open(f"{AT}invitees?campaign=spring&state=void")
    assert "one phone, one payer" in omar.inner_text("main")
    hand.shoot("referral-invitees-phone")
    hand.open(f"{AT}campaign?code=spring")
    hand.shoot("referral-campaign-phone")
    desk.open(f"{AT}campaign?code=spring")
    assert mia.inner_text("[data-figure=qualified]") == "2"
    desk.shoot("referral-campaign")
    desk.open(f"{AT}campaigns")
    desk.shoot("referral-campaigns")
    desk.open("b/acme/x/coupon-threshold/batch?code=soap")
    desk.shoot("coupons-batch")
    hand.open("b/acme/x/coupon-threshold/batch?code=soap")
    hand.shoot("coupons-batch-phone")
    with office.brand as brand:
        states = {due.item: due.state for due in brand.plugins["referral"].referrals.rungs.queue(state="granted")}
    assert states == {"soap": "granted", "robe": "granted"}
