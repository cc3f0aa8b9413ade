"""From the first sign-in to a finished package-card campaign, and to an SMS plan that is tried, sent and halted, in a real browser."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from phones import PHONE
from served import Premises, make, serving
from test_console_in_a_browser import WORD, desks_at

from scrm_core.services.consent import ConsentIn
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.orders import LineIn, OrderIn

PEOPLE = 60
BRAND = """[brand]
id = "acme"
name = "Acme 母婴"
timezone = "Asia/Shanghai"
currency = "CNY"
[plugins.console]
[plugins.package-card]
departments = ["客服"]
[plugins.sms]
sender = "console"
signature = "示例旗舰店"
seed_numbers = ["+8613900000001"]
two_persons_above = 3
canary_minimum = 10000
pace = 30
[outreach]
quiet_hours = "none"
"""
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ROWS = "手机号,姓名\n" + "".join(f"138000000{nth:02},王\n" for nth in range(PEOPLE)) + "13800000001,王\n021-61234567,固定\n"
MATERIAL = {
    "product_picture": "https://cdn.example.com/cream.png", "mini_program_cover": "cover.png", "banner": "banner.png",
    "product_title": "面霜老客福利", "scan_reply": "欢迎，点此领试用装", "group_invitation": "进老客群",
}  # fmt: skip
DESIGN = {
    "layout": "码在右侧", "benefit": "扫码领试用装", "copy_zh": "加好友，进老客群。", "copy_en": "Add us and join the group.",
    "structure": "标题、利益、入口", "acquire_entry": "企业微信活码", "group_channel": "老客福利群",
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    root = tmp_path_factory.mktemp("campaigns") / "shop"
    house = Premises(*make(root, {"acme": BRAND}))
    for name in ("otto", "pia"):
        house.installation.users.create(name, WORD)
        house.installation.users.set_role(name, "acme", "operator")
    with house.brand as acme:
        acme.channels.ensure("sms-may", "五月短信")
        for nth in range(PEOPLE):
            phone = (IdentityIn.of("phone", f"+86138000000{nth:02}"),)
            agreed = (ConsentIn("marketing_sms"),) if nth else ()
            acme.contacts.capture_lead(
                LeadIn(source="form", reference=str(nth), identities=phone, at=acme.now(), consents=agreed)
            )
        for nth in range(30):
            acme.orders.upsert(
                OrderIn(
                    source="tmall", number=f"T{nth}", status="completed", paid_at=acme.now() - (nth + 1) * 80_000_000,
                    paid_minor=15_000, platform="tmall",
                    lines=(LineIn(sku="A", title="", qty=1, paid_minor=15_000, gift=False),),
                )  # fmt: skip
            )
    with serving(root, house.base):
        yield house
    house.installation.close()


@pytest.fixture
def desks(browser: Any, shop: Premises) -> Iterator[Any]:
    yield from desks_at(browser, shop.base)


def fill(page: Any, **values: str) -> None:
    for name, text in values.items():
        field = page.locator(f"main form [name='{name}']:visible").first
        if field.evaluate("e => e.tagName") == "SELECT":
            field.select_option(text)
        else:
            field.fill(text)


def act(page: Any, name: str) -> None:
    """Press the button of an act and wait for what comes of it."""
    with page.expect_navigation():
        page.locator(f"main button[name=act][value='{name}']:visible").first.click()
    assert page.locator("[data-refused]").count() == 0, page.locator("[data-refused]").all_inner_texts()


def go(page: Any, to: str) -> None:
    act(page, "advance")
    assert page.get_attribute("main [data-step]", "data-step") == to


def test_a_package_card_campaign_from_the_first_sign_in_to_its_figures(shop, desks):
    desk, second = desks(), desks()
    page = desk.sign_in("otto", "b/acme/")
    desk.choose("Package cards")
    desk.shoot("console-cards-none")
    fill(page, code="SEP", name="九月卡", source="tmall", first_day="2026-01-01", last_day="2030-12-31")
    act(page, "create")
    desk.shoot("console-cards-goal")
    fill(page, primary="acquire")
    act(page, "goal")
    go(page, "policy")
    fill(page, kind="physical", name="试用装", product="面霜", price="150.00", cost="87.00", hook_cost="99")
    with page.expect_navigation():
        page.click("button[value=hook]")
    assert "the hook is refused" in page.inner_text("[data-refused]") and page.input_value("[name=hook_cost]") == "99"
    desk.shoot("console-cards-hook-refused")
    fill(page, hook_cost="3.00")
    act(page, "hook")
    fill(page, channels="wecom")
    act(page, "channels")
    fill(page, **{f"item-{item}": text for item, text in MATERIAL.items()})
    act(page, "material")
    desk.shoot("console-cards-policy")
    go(page, "test")
    act(page, "trial")
    for arm in "AB":
        fill(page, arm=arm, channel="wecom", target=f"https://example.com/{arm}")
        act(page, "trial-link")
    with page.expect_download() as download:
        page.click("[data-links] a[download] >> nth=0")
    assert download.value.suggested_filename.startswith("SEP-")
    act(page, "count")
    assert "too few cards shipped" in page.inner_text("[data-verdict]")
    page.locator("form:has(button[value=winner]) [name=reason]").fill("the season begins")
    act(page, "winner")
    desk.shoot("console-cards-test")
    go(page, "design")
    fill(page, width_mm="90", height_mm="54", colours="#C8102E", **DESIGN)
    act(page, "design")
    desk.shoot("console-cards-design")
    go(page, "print")
    page.set_input_files("[name=file]", {"name": "校样.png", "mimeType": "image/png", "buffer": PNG})
    act(page, "proof")
    assert page.evaluate("document.querySelector('main img').naturalWidth") == 1
    desk.shoot("console-cards-proof")
    other = second.sign_in("pia", "b/acme/x/package-card/campaign?id=SEP")
    act(other, "approve")
    assert other.inner_text("[data-approved]") == "Approved by pia"
    page.reload()
    assert page.locator("[data-suggested]").count() == 1
    page.locator("form:has(button[value=order]) [name=quantity]").fill("500")
    fill(page, printer="华印")
    act(page, "order")
    form = page.locator("form:has(button[value=batch])")
    form.locator("[name=printed]").fill("500")
    form.locator("[name=unit_cost]").fill("0.12")
    form.locator("[name=arm]").select_option("A")
    form.locator("[name=channel]").select_option("wecom")
    form.locator("[name=target]").fill("https://example.com/add")
    act(page, "batch")
    desk.shoot("console-cards-print")
    go(page, "launch")
    form = page.locator("form:has(button[value=receive])")
    form.locator("[name=quantity]").fill("500")
    act(page, "receive")
    act(page, "arrival")
    fill(page, faq="问：怎么领？\n答：扫码加好友。", sop="1. 看")
    act(page, "texts")
    page.click("[data-department] summary")
    act(page, "acknowledge")
    desk.shoot("console-cards-launch")
    act(page, "launch")
    go(page, "monitor")
    assert page.evaluate("document.querySelector('[data-chart]').naturalWidth") > 100
    desk.shoot("console-cards-monitor")
    page.click("text=All campaigns")
    assert "monitoring" in page.inner_text("[data-campaign=SEP]")
    desk.shoot("console-cards-list")
    hand = desks(viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, locale="zh-CN", color_scheme="dark")
    hand.sign_in("otto", "b/acme/x/package-card/campaigns")
    hand.shoot("console-cards-phone-list")
    for step in ("goal", "policy", "test", "design", "print", "launch", "monitor"):
        hand.open(f"b/acme/x/package-card/campaign?id=SEP&step={step}")
        hand.shoot(f"console-cards-phone-{step}")


def test_an_sms_plan_from_the_first_sign_in_to_its_dry_run_and_a_halt_while_it_is_sent(shop, desks):
    desk, second = desks(), desks()
    page = desk.sign_in("otto", "b/acme/")
    desk.choose("SMS plans")
    page.click("main >> text=Number packs")
    fill(page, code="BUYERS")
    page.set_input_files("[name=file]", {"name": "buyers.csv", "mimeType": "text/csv", "buffer": ROWS.encode()})
    act(page, "import")
    assert page.inner_text("[data-accepted]") == str(PEOPLE) and page.locator("[data-dropped] tbody tr").count() == 2
    desk.shoot("console-sms-pack")
    desk.open("b/acme/x/sms/plans")
    fill(page, code="MAY", name="五月新客")
    act(page, "create")
    act(page, "goal")
    fill(page, segment="lead_at >= 2000-01-01")
    page.wait_for_selector("#counted [data-count]")
    assert page.get_attribute("#counted [data-count]", "data-count") == str(PEOPLE)
    desk.shoot("console-sms-audience")
    fill(page, segment="", pack="BUYERS")
    act(page, "audience")
    fill(page, offer="满 99 减 30", hook="coupon", product="纸尿裤 S", cost="5", margin="12", claimants="3", budget="1000")
    act(page, "policy")
    act(page, "pack")
    fill(page, title="新客见面礼", activity="五月新客券", starts_at="2026-01-01T00:00", ends_at="2036-01-01T00:00", text="添加顾问",
         welcome="您好", button="添加顾问", target="https://work.weixin.qq.com/ca/x?s={state}")  # fmt: skip
    act(page, "landing")
    fill(page, channel="sms-may")
    desk.shoot("console-sms-path")
    act(page, "path")
    for place, words in enumerate(("官方链接", "点这里")):
        page.locator("[name=body]").nth(place).fill(f"{words} {{link}} 亲爱的{{name}}，新客券30元待领取 拒收请回复R")
    page.wait_for_selector("#preview-2 [data-parts]")
    desk.shoot("console-sms-copy")
    act(page, "copy")
    act(page, "test")
    for _ in range(100):
        if page.locator("[data-tested]").count():
            break
        page.wait_for_timeout(300)
        page.reload()
    assert page.locator("[data-tested]").count() == 1
    desk.shoot("console-sms-test")
    page.click("main .chips a:has-text('Dry run')")
    assert (page.inner_text("[data-would-send]"), page.inner_text("[data-kept-back]")) == (str(PEOPLE - 1), "1")
    assert "never agreed" in page.inner_text("[data-reason=no_consent]") and page.locator("[data-samples] tbody tr").count() == 5
    desk.shoot("console-sms-dry-run")
    page.click("main .chips a:has-text('Approval')")
    with page.expect_navigation():
        page.click("button[value=approve]")
    assert "second person" in page.inner_text("[data-refused]")
    other = second.sign_in("pia", "b/acme/x/sms/plan?id=MAY")
    act(other, "approve")
    desk.open("b/acme/x/sms/plan?id=MAY&step=schedule")
    act(page, "now")
    assert page.get_attribute("main [data-step]", "data-step") == "sending"
    # The page asks by itself: nothing is reloaded here.
    for _ in range(200):
        if int(page.inner_text("[data-over]")) > 1:
            break
        page.wait_for_timeout(300)
    assert int(page.inner_text("[data-over]")) > 1
    page.reload()
    assert int(page.inner_text("[data-over]")) < PEOPLE
    desk.shoot("console-sms-sending")
    fill(page, reason="wrong price")
    act(page, "halt")
    assert page.get_attribute("[data-run]", "data-run") == "paused" and "wrong price" in page.inner_text("[data-why]")
    desk.shoot("console-sms-halted")
    with shop.brand as acme:
        plans = acme.plugins["sms"].plans
        assert plans.history("MAY")[-1].actor == "user:otto"
        assert plans.get("MAY").counts[("queued", "")] > 0
    hand = desks(viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, locale="zh-CN", color_scheme="dark")
    hand.sign_in("otto", "b/acme/x/sms/plans")
    hand.shoot("console-sms-phone-list")
    for step in ("goal", "audience", "policy", "pack", "path", "copy", "test", "approval", "schedule", "dry-run", "sending", "results"):
        hand.open(f"b/acme/x/sms/plan?id=MAY&step={step}")
        hand.shoot(f"console-sms-phone-{step}")
    hand.open("b/acme/x/sms/pack?id=BUYERS")
    hand.shoot("console-sms-phone-pack")
