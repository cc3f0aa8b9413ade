"""A KOC's pages in a real browser at a phone's size: personal link, brief, photo, label, review, code, earnings."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import zxingcpp
from phones import shoot
from PIL import Image
from served import Premises, make, serving

from scrm_core.services.contacts import IdentityIn
from scrm_koc.schemas import TaskBody

BRAND = """[brand]
id = "acme"
name = "Acme 母婴"
timezone = "Asia/Shanghai"
currency = "CNY"
[plugins.koc]
refund_days = 0
"""
TASK = {
    "code": "serum", "kind": "seeding", "title": "精华试用",
    "brief": "用满两周，写下真实感受，优点缺点都可以写。\n请附一张近照。", "due_on": "2099-12-31", "fee_minor": 5_000,
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    root = tmp_path_factory.mktemp("koc") / "shop"
    house = Premises(*make(root, {"acme": BRAND}))
    with serving(root, house.base):
        yield house
    house.installation.close()


@pytest.fixture
def phone(phones: Any, shop: Premises) -> Any:
    return partial(phones, shop.base)


def photo() -> bytes:
    """A photo as a telephone takes it: more bytes than a form takes."""
    picture = Image.effect_noise((2_400, 1_800), 40).convert("RGB")
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95)
    assert len(file.getvalue()) > 1_000_000
    return file.getvalue()


def koc_of(shop: Premises, number: str, code: str) -> tuple[Any, str, str]:
    """A KOC with a phone on file: the service, the one-person link, and the uid of their work."""
    with shop.brand as brand:
        identity = IdentityIn.of("phone", number)
        contact = brand.contacts.resolve([identity], at=brand.now(), origin="test", name="安妮").contact_id
        koc = brand.plugins["koc"].koc
        koc.members.enrol(int(contact), "https://shop.example/serum", code=code, actor="mia")
        koc.tasks.create(TaskBody().load({**TASK, "code": f"serum-{code}"}), actor="mia")
        (uid,) = koc.tasks.invite(f"serum-{code}", [code], actor="mia")
        return koc, koc.sign_in_link(code), str(uid)


def test_a_koc_does_a_task_on_her_phone_and_sees_what_became_of_it(shop, phone):
    koc, link, uid = koc_of(shop, "13800138000", "ANNI")
    mine = phone()
    page = mine.open(link)
    page.fill("[name=digits]", "8000")
    page.locator("main form button").tap()
    page.wait_for_url("**/koc/mine")
    shoot(page, "koc-mine")
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(page.locator("[data-qr]").screenshot())).convert("L"))
    assert found.text == page.locator("#address").input_value()
    page.locator(f"a[href$='/w/{uid}']").tap()
    page.locator("[data-state=invited]").wait_for()
    assert page.locator("[data-label]").inner_text() == "广告"
    shoot(page, "koc-task")
    page.locator("form[action$='/accept'] button").dblclick()
    page.locator("[data-state=accepted]").wait_for()
    page.set_input_files(
        "input[type=file]", {"name": "IMG_1.jpg", "mimeType": "image/jpeg", "buffer": photo()}
    )
    page.locator("[data-picture] button:not([disabled])").wait_for()
    page.locator("[data-picture] button").tap()
    shown = page.locator(".koc-pictures img")
    shown.wait_for()
    assert shown.evaluate("e => e.decode().then(() => [e.naturalWidth, e.naturalHeight])") == [1_600, 1_200]
    page.fill("[name=text]", "用了两周，保湿够用。https://shop.example/serum")
    page.locator("[data-submit] button").tap()
    page.locator("[role=alert]").wait_for()
    assert "「广告」" in page.inner_text("[role=alert]")
    shoot(page, "koc-label-missing")
    page.fill("[name=text]", "#广告 " + page.input_value("[name=text]"))
    page.locator("[data-submit] button").tap()
    page.locator("[data-state=submitted]").wait_for()
    shoot(page, "koc-submitted")
    with shop.brand:
        work = koc.works.get(uid)
        (handed,) = koc.works.submissions(work.id)
        assert (handed.sells, len(handed.images)) == (True, 1)
        koc.works.move(uid, "approve", actor="mia", quality=5, digest=handed.digest)
    page.reload()
    page.fill("[name=link]", "https://social.example/p/1")
    page.locator("[data-publish] button").tap()
    page.locator("[data-state=published]").wait_for()
    with shop.brand:
        koc.works.move(uid, "verify", actor="mia")
    page.goto(f"{shop.base}/p/acme/koc/money")
    assert page.locator("#unsettled").inner_text() == "¥50.00"
    assert page.locator("[data-entry=fee]").count() == 1
    shoot(page, "koc-money")
    # The link that was forwarded hands nobody her page.
    friend = phone().open(link)
    assert "此链接已经使用过" in friend.inner_text("h1")


def test_without_a_script_a_picture_a_text_and_a_large_photo_are_answered_in_words(shop, phone):
    koc, link, uid = koc_of(shop, "13800138001", "BEAT")
    page = phone(java_script_enabled=False).open(link)
    page.fill("[name=digits]", "8001")
    page.locator("main form button").tap()
    page.wait_for_url("**/koc/mine")
    page.goto(f"{shop.base}/p/acme/koc/w/{uid}?lang=en")
    page.locator("form[action$='/accept'] button").tap()
    page.locator("[data-state=accepted]").wait_for()
    page.set_input_files("input[type=file]", {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    page.locator("[data-picture] button").tap()
    page.locator("text=too large").first.wait_for()
    page.goto(f"{shop.base}/p/acme/koc/w/{uid}")
    small = io.BytesIO()
    Image.new("RGB", (80, 60), "#557733").save(small, "PNG")
    page.set_input_files("input[type=file]", {"name": "x.png", "mimeType": "image/png", "buffer": small.getvalue()})
    page.locator("[data-picture] button").tap()
    page.locator(".koc-pictures img").wait_for()
    page.fill("[name=text]", "Two weeks of it, and no link at all")
    page.locator("[data-submit] button").tap()
    page.locator("[data-state=submitted]").wait_for()
    shoot(page, "koc-plain-en", language="en")
    with shop.brand:
        assert len(koc.works.submissions(koc.works.get(uid).id)[0].images) == 1
