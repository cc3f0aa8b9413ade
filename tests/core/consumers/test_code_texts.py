"""The text of a code: it begins with the signature that SMS platforms want, and a refused one is told of."""

from __future__ import annotations

import logging
import re

import pytest
from consumer_scene import GATEWAYS, Shop, sent_code
from signing import PAGE, fields

from scrm_core.api import Veto, hookimpl
from scrm_core.cli.demo import demo_brands
from scrm_core.consumers.signature import signature_of
from scrm_core.db.bulk import execute
from scrm_core.values.masking import scrub
from scrm_core.web import create_app

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def ask(client, brand, phone, language):
    page = client.get(f"/p/{brand}/-/join?lang={language}")
    privacy = re.search(r'name="privacy" value="(\w+)"', page.text).group(1)
    form = fields(page, "/-/join", phone=phone, privacy=privacy)
    assert client.post(f"/p/{brand}/-/join", data=form, headers=PAGE).status_code == 303


def test_the_demo_s_codes_are_printed_in_both_languages(new_installation, caplog):
    demo = next(each for each in demo_brands() if each.id == "demo")
    installation = new_installation(demo=demo.text())
    brand, app = installation.brand("demo"), create_app(installation)
    with caplog.at_level(logging.INFO):
        for phone, language in (("(202) 555-0188", "en"), ("+8613800138000", "zh")):
            ask(app.test_client(), "demo", phone, language)
            with brand:
                brand.outreach.drain()
    with brand:
        assert execute("SELECT state, reason FROM message").fetchall() == [("delivered", "")] * 2
    # As the terminal shows it: the log leaves out whatever looks like a person's number.
    printed = [scrub(r.getMessage()) for r in caplog.records if r.getMessage().startswith("SMS to ")]
    assert len(printed) == 2
    assert re.search(r": 【Demo Music】Your code is \d{6}\.", printed[0])
    assert re.search(r": 【Demo Music】您的验证码是 \d{6}，", printed[1])


class Strict(Shop):
    @hookimpl
    def check_message(self, draft):
        raise Veto("there is no signature", code="signature")


def test_a_code_that_a_guard_refuses_is_a_warning_with_the_reason(new_installation, caplog):
    GATEWAYS.clear()
    brand_file = '\n[consumer]\ncode_sender = "counter"\n[plugins.shop]\n'
    installation = new_installation(plugins=(Strict,), acme=brand_file)
    acme = installation.brand("acme")
    ask(create_app(installation).test_client(), "acme", "13800138000", "zh")
    with acme:
        acme.outreach.drain()
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "brand acme" in warning and "there is no signature (signature)" in warning and "13800138000" not in warning
    assert not GATEWAYS["acme"].sent


def test_a_code_of_another_sender_has_the_signature_too(moonco, browser):
    ask(browser, "moonco", "(212) 555-0123", "en")
    code = sent_code(moonco)
    body = GATEWAYS["moonco"].sent[0].body
    assert re.match(r"【[^【】]{2,16}】Your code is ", body) and code in body


@pytest.mark.parametrize(
    ("names", "signature"),
    [
        (("Demo Music", "Long"), "Demo Music"),
        (("", "Demo (package cards on)", "demo"), "Demo"),
        (("Acme - everything for mothers",), "Acme"),
        (("A bookshop for everybody",), "A bookshop for"),
        (("小鹿母婴（上海）有限公司浦东新区旗舰店",), "小鹿母婴"),
        (("上海小鹿母婴用品有限公司浦东新区旗舰店",), "上海小鹿母婴用品有限公司浦东新区"),
        (("【小鹿】{母婴}",), "小鹿 母婴"),
        (("鹿", "鹿鹿"), "鹿鹿"),
        (("", "X", "x"), "SMS"),
    ],
)
def test_the_signature_is_the_title_or_what_fits_of_the_name(engine, names, signature):
    assert signature_of(*names) == signature
