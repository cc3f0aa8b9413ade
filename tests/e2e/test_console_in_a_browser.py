"""The console in a real browser: signing in, looking, handing out an event again; roles, brands, hostile names; desktop and phone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from phones import PHONE, faults
from PIL import Image
from run_scene import wait
from served import Premises, make, serving

from scrm_core.clock import MS_PER_DAY
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.orders import LineIn, OrderIn

DESKTOP = {"width": 1280, "height": 800}
WORD = "correct horse battery"
EVIL = """<script>document.title='owned'</script><img src=x onerror="document.title='owned'">"""
BRAND = """[brand]
id = "{id}"
name = "{name}"
timezone = "Asia/Shanghai"
currency = "CNY"
[plugins.console]
[plugins.points]
[plugins.tea-room]
"""
TEA_ROOM = '''
from pathlib import Path

from scrm_core.api import Column, ConsolePart, LeadCaptured, Plugin, ReportTable, hookimpl


class TeaRoom(Plugin):
    name = "tea-room"
    version = "1.0"
    summary = "Pours tea"
    requires_core = ">=0.1.0.dev0"
    console_pages = {"broken": ConsolePart("broken", {"en": "Broken", "zh": "坏了"}, "reports:read")}
    console_cards = {
        "today": ConsolePart("today", {"en": "Tea today", "zh": "今日茶饮"}, "reports:read"),
        "broken": ConsolePart("broken", {"en": "Broken", "zh": "坏了"}, "reports:read"),
    }

    @hookimpl
    def on_lead(self, event: LeadCaptured) -> None:
        if Path(__file__).with_name("no-water").exists():
            raise ValueError("there is no water for " + self.brand.contacts.get_by_id(event.contact_id).name)

    def today(self) -> ReportTable:
        columns = (Column("cups", "Cups", "count"), Column("money", "Money", "money"))
        return ReportTable(columns, [{"cups": 128, "money": 256_000}])

    def broken(self) -> ReportTable:
        raise ZeroDivisionError
'''


def capture(brand: Any, nth: int, name: str) -> None:
    identity = IdentityIn.of("phone", f"+86138001380{nth:02}")
    at = brand.now() - (nth % 27) * MS_PER_DAY
    with brand:
        brand.contacts.capture_lead(LeadIn(source="shop", reference=str(nth), identities=(identity,), at=at, name=name))


def parked(brand: Any) -> int:
    with brand:
        return int(brand.events.parked_count())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    root = tmp_path_factory.mktemp("console") / "shop"
    package = root / "plugins" / "scrm_tea_room"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(TEA_ROOM, "utf-8")
    brands = {"acme": "Acme 母婴", "moonco": "Moon Co", "starco": "Star Co"}
    house = Premises(*make(root, {each: BRAND.format(id=each, name=name) for each, name in brands.items()}, 'plugins_dir = "plugins"\n'))
    users = house.installation.users
    for name, roles in {"mia": {"acme": "owner", "moonco": "operator"}, "cleo": {"acme": "clerk"}}.items():
        users.create(name, WORD)
        for brand, role in roles.items():
            users.set_role(name, brand, role)
    acme = house.brand
    for nth, name in enumerate(["陈晨", "Ada Lovelace", EVIL, "李雷", "韩梅梅", "", "王小明"] * 6):
        capture(acme, nth, name)
        with acme:
            for number in range(nth % 4):
                at = acme.now() - ((nth * 3 + number) % 27) * MS_PER_DAY
                acme.orders.upsert(
                    OrderIn(
                        source="shop", number=f"N{nth}-{number}", status="completed", paid_at=at, paid_minor=1_990 * (nth + 1),
                        buyer=(IdentityIn.of("phone", f"+86138001380{nth:02}"),), platform="tmall",
                        lines=(LineIn(sku="A", title="", qty=1, paid_minor=1_990 * (nth + 1), gift=False),),
                    )  # fmt: skip
                )
    with acme:
        acme.channels.create("stall", "摊位 Stall")
        for nth in range(3):
            link = acme.links.create("stall", f"https://shop.example/{nth}", campaign=EVIL)
            acme.links.visit(link.code, at=acme.now(), visitor=f"v{nth}", agent="Mozilla/5.0")
        for nth, person in enumerate(acme.contacts.page(limit=5)):
            acme.rewards.grant("points", person.id, grant_key=f"g{nth}", quantity=100 + nth, reason=EVIL, actor="user:mia")
        arms = acme.experiments.expose_many(acme.experiments.create("海报 A/B", {"A": 5_000, "B": 5_000}, minimum=20).name, list(map(str, range(90))))
        for nth, arm in enumerate(arms):
            if arm == "B" or nth % 5 == 0:
                acme.experiments.record("海报 A/B", str(nth), "added 加粉", at=acme.now())
    capture(house.installation.brand("starco"), 1, "Nobody of ours")
    with serving(root, house.base):
        yield house
    house.installation.close()


class Desk:
    """A browser of one person at the console, which notes what it asks for and complains of."""

    def __init__(self, browser: Any, base: str, **options: Any) -> None:
        self.base = base
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.context = browser.new_context(**{"viewport": DESKTOP, "locale": "en-GB", **options})
        self.context.set_default_timeout(120_000)
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda problem: self.complaints.append(str(problem.error)))
        self.page = self.context.new_page()

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def open(self, path: str) -> Any:
        self.page.goto(f"{self.base}/staff/console/{path}")
        return self.page

    def choose(self, line: str) -> None:
        """Go on by a line of the menu; what is closed around it is opened first."""
        for around in (".all", f"[data-group]:has(a:text('{line}'))"):
            closed = self.page.locator(f"nav.side {around}:not([open]) > summary:visible")
            if closed.count():
                closed.click()
        self.page.click(f"nav.side a:text('{line}')")

    def sign_in(self, name: str, path: str = "") -> Any:
        page = self.open(path)
        page.wait_for_url("**/sign-in*")
        page.fill("[name=name]", name)
        page.fill("[name=password]", WORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "sign-in" not in url)
        return page

    def keep(self, name: str) -> None:
        """Keep a picture of the page, with its style, where a folder is named for that."""
        self.page.wait_for_load_state("load")
        kept = os.environ.get("SCRM_TEST_ARTEFACTS")
        if kept:
            Path(kept).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(kept) / f"{name}.png", full_page=True)

    def shoot(self, name: str) -> None:
        """Check the page, and keep a picture of it."""
        self.keep(name)
        width = self.page.viewport_size["width"]
        assert self.page.evaluate("document.documentElement.scrollWidth") <= width, name
        if width == PHONE["width"]:
            # What is announced at once stands in the page that was loaded, and not in a region that a script fills.
            assert [each for each in faults(self.page) if each != "no region for results"] == [], name

    def close(self) -> None:
        self.context.close()
        assert self.complaints == []
        assert [url for url in self.asked if not url.startswith((f"{self.base}/staff/console", "data:"))] == []


def desks_at(browser: Any, base: str) -> Iterator[Any]:
    """A function that makes desks at a served console; all are closed at the end."""
    made: list[Desk] = []

    def make_one(**options: Any) -> Desk:
        made.append(Desk(browser, base, **options))
        return made[-1]

    yield make_one
    for each in made:
        each.close()


@pytest.fixture
def desks(browser: Any, shop: Premises) -> Iterator[Any]:
    yield from desks_at(browser, shop.base)


def phone(desks: Any, **options: Any) -> Desk:
    made: Desk = desks(viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, **options)
    return made


def test_an_owner_signs_in_looks_at_a_person_and_hands_an_event_out_again(shop, desks):
    desk = desks()
    page = desk.open("b/acme/")
    desk.shoot("console-sign-in")
    page = desk.sign_in("mia", "b/acme/")
    assert page.inner_text("[data-people]") == "42"
    assert page.locator("[data-series=orders] rect:not(.floor)").count() == 28
    assert page.locator("[data-card=tea-room]").count() == 2
    assert "128" in page.inner_text("[data-card=tea-room] >> nth=0")
    assert "failed" in page.inner_text("[data-card=tea-room] >> nth=1")
    assert "off" in page.inner_text("[data-plugin=package-card]")
    desk.shoot("console-overview")
    desk.choose("Contacts")
    desk.shoot("console-contacts")
    page.fill("[name=segment]", "orders >= 2")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-count]")
    assert int(page.get_attribute("[data-count]", "data-count")) == page.locator("table.people tbody tr").count() == 20
    page.fill("[name=q]", "138 0013 8003")
    page.keyboard.press("Enter")
    page.wait_for_url("**/contacts/*")
    assert page.inner_text("h1") == "李雷" and "13800138003" not in page.content()
    desk.shoot("console-contact")

    stopped = Path(shop.installation.config.root, "plugins", "scrm_tea_room", "no-water")
    stopped.touch()
    capture(shop.brand, 60, EVIL)
    wait(lambda: parked(shop.brand), "the plugin was not handed the event")
    desk.choose("Events")
    assert "there is no water" in page.inner_text("[data-plugin=tea-room]")
    desk.shoot("console-events")
    stopped.unlink()
    page.click("[data-plugin=tea-room] button")
    page.wait_for_selector("text=1 events are tried again now")
    wait(lambda: not parked(shop.brand), "the event was not handed out again")
    page.reload()
    assert "No event is parked" in page.inner_text("main")
    desk.choose("Plugins")
    desk.shoot("console-plugins")
    desk.choose("Users")
    assert "cleo" in page.inner_text("main")
    desk.shoot("console-users")
    desk.choose("Broken")
    assert "failed" in page.inner_text("main [role=alert]")
    page.click("header .right summary")
    page.click("text=Sign out everywhere")
    page.wait_for_url("**/sign-in")
    assert desk.open("b/acme/").url.endswith("/sign-in?next=%2Fstaff%2Fconsole%2Fb%2Facme%2F")


SHOT = ("segments", "orders", "rewards", "experiments", "links", "imports", "events", "jobs", "plugins", "settings/points", "keys", "users", "audit")


def test_the_house_is_run_in_a_browser(shop, desks):
    desk = desks()
    page = desk.sign_in("mia", "b/acme/segments")
    page.fill("[name=expression]", "orders >= 2 or ordres = 1")
    page.wait_for_selector("#found mark")
    assert page.inner_text("#found mark") == "o" and "did you mean orders?" in page.inner_text("#problem")
    page.fill("[name=expression]", "orders >= 2")
    page.wait_for_selector("#found [data-count]")
    assert page.get_attribute("#found [data-count]", "data-count") == "20"
    page.click("text=Put a condition together")
    page.select_option("[name=field]", "money")
    page.select_option("[name=operator]", ">")
    page.fill("[name=value]", "100.00")
    page.click("text=Add the condition")
    assert page.input_value("[name=expression]") == "orders >= 2 and money > 100.00"
    page.fill("[name=name]", "好客户")
    page.click("text=Save")
    page.wait_for_selector("text=The segment is saved.")
    for name in SHOT:
        desk.open(f"b/acme/{name}")
        desk.shoot(f"console-{name.replace('/', '-')}")
    desk.open("b/acme/orders")
    page.click("table a >> nth=0")
    page.wait_for_selector("#effects")
    desk.shoot("console-order")
    desk.open("b/acme/settings/points")
    page.fill("[id=i-earn_points]", "0.5")
    page.click("text=Preview the change")
    page.wait_for_selector("#problems")
    desk.shoot("console-settings-wrong")
    page.fill("[id=i-earn_points]", "3")
    page.click("text=Preview the change")
    page.click("text=Write it to the brand's file")
    page.wait_for_selector("text=Written to the brand's file")
    assert shop.installation.brand("acme").plugins["points"].settings["earn_points"] == 3
    desk.open("b/acme/keys")
    page.fill("[name=name]", "the shop")
    page.check("[name=scope][value='*']")
    page.click("main button:has-text('Make a key')")
    assert page.inner_text("[data-key]").startswith("scrm_acme.")
    desk.shoot("console-key-made")
    page.reload()
    page.wait_for_selector("text=A key was made since")
    desk.open("b/acme/jobs")
    page.click("[data-job='core/metrics'] button")
    page.wait_for_selector("[data-job='core/metrics'] >> text=asked for by user:mia")
    with page.expect_download() as download:
        desk.open("b/acme/audit")
        page.click("text=Export as CSV")
    assert "job.ask" in Path(download.value.path()).read_text("utf-8")


def test_the_house_on_a_phone_in_chinese_and_in_the_dark(shop, desks):
    hand = phone(desks, locale="zh-CN", color_scheme="dark")
    hand.sign_in("mia", "b/acme/segments")
    for name in SHOT:
        hand.open(f"b/acme/{name}")
        hand.shoot(f"console-phone-{name.replace('/', '-')}")
    hand.page.goto(f"{shop.base}/staff/console/b/acme/orders")
    hand.page.tap("table a >> nth=0")
    hand.page.wait_for_selector("#effects")
    hand.shoot("console-phone-order")


def worked(page: Any, brand: Any, state: str) -> None:
    """A worker has read the file, and the page, which was left alone, says so."""
    with brand:
        brand.sent_files.work(seconds=120)
    page.wait_for_selector(f"[data-state={state}]")


@pytest.mark.parametrize("device", ["desktop", pytest.param("phone", marks=pytest.mark.wide)])
def test_a_file_is_sent_in_tried_and_imported_while_the_page_is_reloaded(shop, desks, tmp_path, device):
    desk = desks() if device == "desktop" else phone(desks, locale="zh-CN", color_scheme="dark")
    page = desk.sign_in("mia", "b/acme/imports")
    rows = "".join(f"{device},I{nth:05},completed,100,2025-12-30T10:00:00+08:00,{'x' * 150}\n" for nth in range(5_000))
    file = tmp_path / "订单 large.csv"
    file.write_text(f"source,number,status,paid_minor,paid_at,name\n{rows}{device},bad,nonsense,1,,\n", "utf-8")
    assert 900_000 < file.stat().st_size < 1_800_000, "two pieces"
    page.set_input_files("[name=file]", tmp_path / "订单 large.csv")
    page.click("[data-pieces] button")
    page.wait_for_url("**/imports/file/*")
    page.reload()
    worked(page, shop.brand, "checked")
    assert page.inner_text("[data-count=created] dd") == "5,000" and page.inner_text("[data-count=rejected] dd") == "1"
    assert page.locator("main img, main script").count() == 0
    desk.shoot(f"console-{device}-file-tried")
    page.click("form[action$=start] button >> nth=0")
    page.wait_for_selector("[data-state=waiting], [data-state=running], [data-state=done]")
    page.reload()
    worked(page, shop.brand, "done")
    assert page.inner_text("[data-count=created] dd") == "5,000"
    desk.shoot(f"console-{device}-file-done")
    desk.open("b/acme/imports")
    assert "订单 large.csv" in page.inner_text("main") and "5,001" in page.inner_text("main")
    (tmp_path / "sheet.csv").write_bytes(b"PK\x03\x04" + bytes(100))
    page.set_input_files("[name=file]", tmp_path / "sheet.csv")
    page.click("[data-pieces] button")
    page.wait_for_selector("#told:not(.hidden)")
    assert "xlsx" in page.inner_text("#told")


def test_a_link_is_made_and_its_qr_code_is_downloaded_and_read(shop, desks, tmp_path):
    desk = desks()
    page = desk.sign_in("mia", "b/acme/links?channel=stall")
    assert page.title() != "owned"
    page.click("summary:has-text('Make a link')")
    page.fill("form[action$=create] [name=target]", "https://shop.example/spring")
    page.click("form[action$=create] button")
    page.wait_for_selector("text=The link is made.")
    code = page.inner_text("h1").rpartition("/")[2]
    page.wait_for_load_state("load")
    assert page.evaluate("document.querySelector('img.qr').naturalWidth") > 0
    desk.shoot("console-link")
    with page.expect_download() as download:
        page.click("text=Download PNG")
    kept = tmp_path / download.value.suggested_filename
    download.value.save_as(kept)
    (found,) = zxingcpp.read_barcodes(Image.open(kept).convert("L"))
    assert (kept.name, found.text) == (f"{code}.png", f"{shop.base}/l/{code}")
    page.click("summary:has-text('End the link')")
    page.click("form[action$=disable] button")
    page.wait_for_selector("text=The link is ended.")


def test_the_same_on_a_phone_in_chinese_and_in_the_dark(shop, desks):
    hand = phone(desks, locale="zh-CN", color_scheme="dark")
    page = hand.open("")
    hand.shoot("console-phone-sign-in")
    page = hand.sign_in("mia")
    hand.shoot("console-phone-brands")
    page.tap("text=Acme 母婴")
    page.wait_for_selector("[data-people]")
    hand.shoot("console-phone-overview")
    hand.choose("客户")
    page.wait_for_selector("table.people")
    hand.shoot("console-phone-contacts")
    page.tap("table.people a >> nth=8")
    page.wait_for_url("**/contacts/*")
    hand.shoot("console-phone-contact")
    hand.choose("事件")
    page.wait_for_selector("#log")
    hand.shoot("console-phone-events")
    page.tap("header .brand summary")
    page.tap("text=Moon Co")
    page.wait_for_selector("[data-people]")
    assert page.inner_text("[data-people]") == "0"


@pytest.mark.parametrize("scripts", [True, pytest.param(False, marks=pytest.mark.wide)], ids=["scripts", "no scripts"])
def test_the_menu_is_closed_on_a_phone_and_beside_the_page_on_a_desk(shop, desks, scripts):
    hand = phone(desks, locale="zh-CN", java_script_enabled=scripts)
    page = hand.sign_in("mia", "b/acme/orders")
    assert page.is_hidden("[aria-current]") and page.inner_text(".all > summary") == "菜单 · 客户"
    page.tap(".all > summary")
    assert page.inner_text("[aria-current=page]") == "订单" and page.is_hidden("nav.side a >> text=插件")
    page.tap("[data-group=house] > summary")
    page.tap("nav.side a >> text=插件")
    page.wait_for_url("**/plugins")
    assert page.is_hidden("nav.side a")
    wide = desks(java_script_enabled=scripts)
    page = wide.sign_in("mia", "b/acme/orders")
    assert page.is_visible("[aria-current]") and page.is_hidden(".all > summary")
    named = page.locator("nav.side").aria_snapshot()
    for line in ('navigation "Menu"', 'heading "People"', 'list "People"', 'link "Orders"'):
        assert line in named, named
    page.click("[data-group=house] > summary")
    page.click("nav.side a >> text=Jobs")
    page.click("[data-group=people] > summary")
    page.click("nav.side a >> text=Segments")
    assert page.is_visible("nav.side a >> text=Jobs") == scripts, "opened groups stay open in a tab, where a script can keep them"


def test_a_clerk_sees_contacts_alone_and_nobody_sees_a_brand_of_others(shop, desks):
    desk = desks()
    page = desk.sign_in("cleo")
    assert page.locator("nav.side a").all_inner_texts() == ["Contacts", "Orders", "Rewards"]
    for path, status in (("b/acme/", 403), ("b/acme/events", 403), ("b/acme/users", 403), ("b/starco/contacts", 404), ("b/nosuch/contacts", 404)):
        answer = page.goto(f"{shop.base}/staff/console/{path}")
        assert answer.status == status, path
        assert "Nobody of ours" not in page.content()
    desk.shoot("console-refused")
    page.click("main a")
    page.wait_for_url(re.compile("/staff/console/"))


def test_what_somebody_is_called_runs_nowhere(shop, desks):
    desk = desks()
    page = desk.sign_in("mia", "b/acme/contacts")
    with shop.brand as brand:
        (evil, *_) = [each for each in brand.contacts.page() if each.name == EVIL]
    for path in ("b/acme/contacts", f"b/acme/contacts/{evil.uid}", "b/acme/events", "b/acme/"):
        desk.open(path)
        assert page.title() != "owned", path
        assert page.locator("main img, main script").count() == 0
    desk.open("b/acme/contacts")
    page.fill("[name=q]", EVIL)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Found")
    assert page.input_value("[name=q]") == EVIL and page.title() != "owned"
    page.fill("[name=segment]", f'tag = "{EVIL}" x')
    page.keyboard.press("Enter")
    page.wait_for_selector("#problem")
    assert page.title() != "owned"


def test_the_console_is_used_by_keyboard_alone(shop, desks):
    page = desks().sign_in("mia", "b/acme/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    page.focus("[data-group=people] summary")
    page.keyboard.press("Enter")
    page.focus("nav.side a[href$='/contacts']")
    page.keyboard.press("Enter")
    page.wait_for_selector("table.people")
    page.focus("header .right summary")
    page.keyboard.press("Enter")
    assert page.is_visible("text=Sign out everywhere")
