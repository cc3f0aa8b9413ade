"""Joining by a phone code: limits, tries, one answer for everybody, and consents with the words that were shown."""

from __future__ import annotations

import hashlib

import pytest
from consumer_scene import GATEWAYS, Counter, person, sent_code, taken
from signing import PAGE, fields, sign_in

from scrm_core.api import SendResult
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict

JOIN, CODE = "/p/acme/-/join", "/p/acme/-/code"
PHONE = "13800138000"


def ask(browser, phone=PHONE, *, place="/p/acme/shop/private", marketing=False, address="203.0.113.7", page=None):
    """Fill in the join page; returns the answer."""
    page = page or browser.get(JOIN, query_string={"next": place})
    form = fields(page, "/-/join", phone=phone, privacy=box(page, "privacy"))
    if marketing:
        form["marketing"] = box(page, "marketing")
    return browser.post(JOIN, data=form, headers=PAGE, environ_base={"REMOTE_ADDR": address})


def box(page, name):
    """The value of a box on the join page, which must not be ticked beforehand."""
    tag = page.text.partition(f'<input type="checkbox" name="{name}"')[2].partition(">")[0]
    assert "checked" not in tag
    return tag.partition('value="')[2].partition('"')[0]


def enter(browser, code):
    return browser.post(CODE, data=fields(browser.get(CODE), "/-/code", code=code), headers=PAGE)


def wrong(code):
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_a_stranger_becomes_a_member_whose_consent_holds_the_words(acme, browser, clock):
    page = browser.get(JOIN, query_string={"next": "/p/acme/shop/private"})
    assert ask(browser, page=page).headers["Location"] == CODE
    assert "+86 138****8000" in browser.get(CODE).text
    done = enter(browser, sent_code(acme))
    assert (done.status_code, done.headers["Location"]) == (303, "/p/acme/shop/private")
    contact = browser.get("/p/acme/shop/private").json["contact"]
    with acme:
        (phone,) = acme.contacts.identities(contact)
        assert (phone.kind, phone.value, phone.verified) == ("phone", "+8613800138000", True)
        assert acme.membership.current(contact).source == "consumer"
        (consent,) = acme.consent.history(contact)
        assert acme.contacts.get_by_id(contact).lead_at == clock.now()
    assert (consent.purpose, consent.granted, consent.source) == ("privacy", True, "consumer")
    text = consent.evidence["text"]
    assert consent.text_version == hashlib.sha256(text.encode()).hexdigest()
    label, _, body = text.partition("\n\n")
    assert label in page.text and body in page.text and "Acme 母婴" in label
    assert (consent.evidence["language"], consent.evidence["page"]) == ("zh", "/p/acme/shop/private")
    seen = browser.get("/p/acme/shop/look").json
    assert (seen["via"], seen["strong"]) == ("phone-code", True)


def test_the_marketing_consent_is_free_and_only_given_when_ticked(acme, moonco, browser, new_browser):
    ask(browser, marketing=True)
    enter(browser, sent_code(acme))
    contact = browser.get("/p/acme/shop/private").json["contact"]
    with acme:
        assert acme.consent.state(contact, "marketing_sms") and acme.consent.state(contact, "privacy")
        marketing = next(each for each in acme.consent.history(contact) if each.purpose == "marketing_sms")
        assert "优惠短信" in marketing.evidence["text"]
    # A brand without membership makes none, in its own language; who is known is found, whatever is typed.
    known = person(moonco, "2125550123")
    other = new_browser()
    page = other.get("/p/moonco/-/join")
    form = fields(page, "/-/join", phone="(212) 555-0123", privacy=box(page, "privacy"))
    assert other.post("/p/moonco/-/join", data=form).status_code == 303
    form = fields(other.get("/p/moonco/-/code"), "/-/code", code=sent_code(moonco))
    assert other.post("/p/moonco/-/code", data=form).headers["Location"] == "/p/moonco/-/me"
    assert other.get("/p/moonco/shop/private").json["contact"] == known
    with moonco:
        assert moonco.membership.current(known) is None
        assert not moonco.consent.state(known, "marketing_sms")
        assert moonco.consent.history(known)[0].evidence["language"] == "en"


def test_a_code_ends_after_five_tries_after_use_and_after_five_minutes(acme, browser, clock):
    ask(browser)
    code = sent_code(acme)
    for left in (4, 3, 2, 1):
        assert f"还可以再试 {left} 次" in enter(browser, wrong(code)).text
    assert "验证码已失效" in enter(browser, "abc").text
    form = fields(browser.get("/p/acme/shop/room"), code=code)
    assert browser.post(CODE, data=form).status_code == 410
    clock.advance(seconds=60)
    ask(browser)
    code = sent_code(acme)
    clock.advance(seconds=300)
    assert enter(browser, code).status_code == 410
    ask(browser)
    code = sent_code(acme)
    form = fields(browser.get(CODE), "/-/code", code=code)
    assert browser.post(CODE, data=form).status_code == 303
    assert browser.post(CODE, data=form).headers["Idempotent-Replayed"] == "true"  # a double tap
    assert enter(browser, code).status_code == 410  # another time
    assert browser.get("/p/acme/shop/look").json["contact"] is not None


def test_a_code_is_worth_nothing_in_another_browser_or_for_another_phone(acme, browser, new_browser):
    ask(browser)
    code = sent_code(acme)
    thief = new_browser()
    ask(thief, "13900139000", address="198.51.100.1")
    refused = enter(thief, code)
    assert "还可以再试" in refused.text or refused.status_code == 410
    cookie = browser.get_cookie("scrm_code", path="/p/acme/").value
    thief.set_cookie("scrm_code", cookie, domain="localhost", path="/p/acme/")
    assert enter(thief, code).status_code == 410
    assert thief.get("/p/acme/shop/look").json["contact"] is None
    assert enter(browser, code).status_code == 303


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_known_and_unknown_numbers_get_the_same_answer(acme, browser, new_browser):
    person(acme, PHONE, name="王小明")
    known, unknown = browser, new_browser()
    first = ask(known, PHONE)
    second = ask(unknown, "13900139000", address="198.51.100.1")
    assert (first.status_code, first.headers["Location"]) == (second.status_code, second.headers["Location"])
    texts = [each.get(CODE).text.replace(shown, "") for each, shown in ((known, "138****8000"), (unknown, "139****9000"))]
    import re

    assert re.sub(r"[0-9a-f]{32}", "", texts[0]) == re.sub(r"[0-9a-f]{32}", "", texts[1])


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_codes_to_a_phone_and_from_a_network_are_limited(acme, new_browser, clock):
    assert ask(new_browser()).status_code == 303
    soon = ask(new_browser())
    assert soon.status_code == 429 and "操作太频繁" in soon.text
    answers = []
    for _ in range(5):
        clock.advance(seconds=60)
        answers.append(ask(new_browser()).status_code)
    assert answers == [303] * 4 + [429]  # five in an hour
    clock.advance(hours=1)
    for _ in range(5):
        assert ask(new_browser()).status_code == 303
        clock.advance(seconds=60)
    clock.advance(hours=1)
    assert ask(new_browser()).status_code == 429  # ten in a day
    with acme:
        acme.outreach.drain()
    assert len(GATEWAYS["acme"].sent) == 0 or all(m.kind == "notice" for m in GATEWAYS["acme"].sent)
    # Thirty in an hour from one network, whatever the phone: a neighbour in the same /24 counts too.
    statuses = [
        ask(new_browser(), f"139001{n:05}", address=f"192.0.2.{n}").status_code for n in range(31)
    ]
    assert statuses == [303] * 30 + [429]
    assert ask(new_browser(), "13700137000", address="198.51.100.9").status_code == 303


def test_several_codes_on_one_day_reach_one_person(acme, browser, clock):
    person(acme, PHONE)
    for n in range(1, 4):
        ask(browser)
        code = sent_code(acme)
        assert len(GATEWAYS["acme"].sent) == n
        clock.advance(seconds=60)
    assert enter(browser, code).status_code == 303
    message = GATEWAYS["acme"].sent[-1]
    assert message.kind == "notice" and message.params == {"code": code} and message.address == "+8613800138000"
    # Days later the runs of former days are closed: the outreach has nothing more to look at.
    clock.advance(days=3)
    ask(browser)
    sent_code(acme)
    with acme:
        assert [run.state for run in acme.outreach.runs()].count("running") == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_neither_phone_nor_code_is_kept_beside_the_message(acme, browser):
    ask(browser)
    code = sent_code(acme)
    with acme:
        rows = execute("SELECT * FROM consumer_code").fetchall() + execute("SELECT * FROM consumer_count").fetchall()
        rows += execute("SELECT key_id, key, body FROM idempotency").fetchall()
    assert rows and code not in str(rows) and "13800138000" not in str(rows)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_bad_numbers_missing_consent_and_changed_words_are_refused(acme, shop, browser, new_browser):
    page = browser.get(JOIN)
    for phone in ("", "123", "02161234589", "not a phone", "1" * 400):
        answer = browser.post(JOIN, data=fields(page, "/-/join", phone=phone, privacy=box(page, "privacy")), headers=PAGE)
        assert answer.status_code == 200 and "请输入正确的手机号" in answer.text, phone
    refused = browser.post(JOIN, data=fields(page, "/-/join", phone=PHONE), headers=PAGE)
    assert refused.status_code == 422 and "请先阅读并同意隐私说明" in refused.text
    assert browser.post(JOIN, data=fields(page, "/-/join", phone=PHONE, privacy="1", csrf="0")).status_code == 403
    assert GATEWAYS.get("acme") is None
    ask(browser)
    code = sent_code(acme)
    path = acme.config.path
    path.write_text(path.read_text("utf-8").replace("[consumer]", '[consumer]\nprivacy_zh = "新的说明"'), "utf-8")
    changed = enter(browser, code)
    assert changed.status_code == 409 and "请重新阅读并同意" in changed.text
    assert "新的说明" in browser.get(JOIN).text
    assert browser.get("/p/acme/shop/look").json["contact"] is None


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_an_erased_person_is_not_brought_back(acme, browser, new_browser, clock):
    contact = person(acme, PHONE)
    with acme:
        acme.privacy.erase(contact, actor="test")
    assert ask(browser).status_code == 303  # the answer says nothing about who was here
    with acme:
        acme.outreach.drain()
    assert GATEWAYS.get("acme") is None or GATEWAYS["acme"].sent == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_without_a_sender_there_is_no_code_and_the_page_says_so(new_installation):
    from scrm_core.web import create_app

    client = create_app(new_installation()).test_client()
    page = client.get(JOIN)
    assert page.status_code == 200 and "暂未开通登录方式" in page.text and "<form" not in page.text
    me = client.get("/p/acme/-/me")
    assert "您还没有登录" in me.text


def test_a_person_known_without_a_phone_keeps_what_they_have_when_they_add_one(acme, browser):
    from scrm_core.services.contacts import IdentityIn

    with acme:
        openid = IdentityIn("openid", "o-1", "wx1", verified=True)
        contact = acme.contacts.resolve([openid], at=acme.now(), origin="test").contact_id
    sign_in(browser, acme, contact, via="wechat")
    ask(browser)
    enter(browser, sent_code(acme))
    assert browser.get("/p/acme/shop/private").json["contact"] == contact
    with acme:
        assert {each.kind for each in acme.contacts.identities(contact)} == {"openid", "phone"}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_two_people_at_one_telephone_stay_two(acme, browser):
    owner = person(acme, "13900139000")
    sign_in(browser, acme, owner)
    ask(browser)
    enter(browser, sent_code(acme))
    assert browser.get("/p/acme/shop/private").json["contact"] != owner


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_signing_out_takes_a_form_and_ends_the_session(acme, browser):
    contact = person(acme, PHONE, name="王小明")
    sign_in(browser, acme, contact)
    page = browser.get("/p/acme/-/me")
    assert "王**" in page.text and "138****8000" in page.text
    assert '<a class="item" href="/p/acme/shop/room"><span class="grow">我的房间</span>' in page.text
    assert browser.post("/p/acme/-/leave").status_code == 403
    cookie = browser.get_cookie("scrm_session", path="/p/acme/").value
    assert browser.post("/p/acme/-/leave", data=fields(page)).headers["Location"] == "/p/acme/-/me"
    assert browser.get("/p/acme/shop/look").json["contact"] is None
    browser.set_cookie("scrm_session", cookie, domain="localhost", path="/p/acme/")
    assert browser.get("/p/acme/shop/look").json["contact"] is None  # a copied cookie is over too
    assert taken(acme, contact) == 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_sms_console_sender_brings_a_code(new_installation):
    from scrm_core.web import create_app

    installation = new_installation(acme='\n[consumer]\ncode_sender = "console"\n[plugins.sms]\n')
    client = create_app(installation).test_client()
    acme = installation.brand("acme")
    assert ask(client).status_code == 303
    with acme:
        acme.outreach.drain()
        body, state = execute("SELECT body, state FROM message").fetchone()
    assert "验证码" in body and state in ("sent", "delivered")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_page_names_the_form_of_a_number_of_the_brand_s_region(acme, moonco, browser):
    chinese = browser.get(JOIN).text
    assert 'placeholder="13800138000"' in chinese and "请加国家代码，例如 +12025550188" in chinese
    page = browser.get("/p/moonco/-/join")
    assert 'placeholder="2025550188"' in page.text
    form = fields(page, "/-/join", phone="12", privacy=box(page, "privacy"))
    refused = browser.post("/p/moonco/-/join", data=form, headers=PAGE).text
    assert "Please enter a mobile number. For example 2025550188; a number of another country" in refused
    assert "+8613800138000" in refused
    for region in ("CN", "US", "GB", "SG"):
        from scrm_core.services.contacts import IdentityIn
        from scrm_core.values.identities import example_mobile, is_mobile

        assert all(is_mobile(IdentityIn.of("phone", each, region=region).value) for each in example_mobile(region))


def test_codes_go_on_after_their_sender_was_switched_off_and_on_again(shop, acme, new_browser, clock):
    ask(new_browser())
    sent_code(acme)
    file = shop.config.brands_dir / "acme.toml"
    before = file.read_text("utf-8")
    file.write_text(before.replace("[plugins.shop]", "[plugins.shop]\nenabled = false"), "utf-8")
    without = shop.brand("acme")
    with without:
        without.outreach.drain()
    # Nobody can bring a code: the page does not ask for a phone, and a form that was open is told so.
    browser = new_browser()
    page = browser.get(JOIN)
    assert 'name="phone"' not in page.text and page.status_code == 200
    with without, pytest.raises(Conflict) as refused:
        without.consumers.send_code(PHONE, uid="a" * 32, device="d", network="", language="zh")
    assert refused.value.code == "no_codes"
    file.write_text(before, "utf-8")
    again = shop.brand("acme")
    clock.advance(seconds=61)
    browser = new_browser()
    ask(browser, "13800138001")
    assert enter(browser, sent_code(again)).status_code == 303
    assert [message.address for message in GATEWAYS["acme"].sent] == ["+8613800138000", "+8613800138001"]


def test_codes_go_on_after_the_gateway_had_refused_one_for_all(acme, new_browser, clock):
    gateway = GATEWAYS.setdefault("acme", Counter())
    gateway.send = lambda messages: [SendResult.refused("403", "wrong password", halt=True) for _ in messages]
    ask(new_browser())
    with acme:
        acme.outreach.drain()
        assert [run.state for run in acme.outreach.runs()] == ["paused"]
    del gateway.send
    # Whoever asks next has a code, and the one who asked before may ask again.
    browser = new_browser()
    ask(browser, "13800138001")
    assert enter(browser, sent_code(acme)).status_code == 303
    clock.advance(seconds=61)
    browser = new_browser()
    ask(browser)
    assert enter(browser, sent_code(acme)).status_code == 303
    assert [message.address for message in gateway.sent] == ["+8613800138001", "+8613800138000"]
