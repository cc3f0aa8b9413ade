"""Whom a browser speaks for: only a signed session of this brand says so, and it follows its person."""

from __future__ import annotations

import pytest
from consumer_scene import person
from signing import sign_in

LOOK = "/p/acme/shop/look"


def signed(brand, value):
    with brand:
        return brand.consumers.seals.sign("session", value)


def set_session(browser, brand, text):
    browser.set_cookie("scrm_session", text, domain="localhost", path=f"/p/{brand.id}/")


def test_a_visitor_is_nobody_and_a_signed_session_is_its_contact(acme, browser):
    assert browser.get(LOOK).json["contact"] is None
    contact = person(acme, "13800138000")
    sign_in(browser, acme, contact)
    seen = browser.get(LOOK).json
    assert (seen["contact"], seen["via"], seen["strong"]) == (contact, "phone-code", True)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_forged_and_foreign_sessions_are_nobody(acme, moonco, new_browser):
    contact, stranger = person(acme, "13800138000"), person(moonco, "2125550123")
    browser = new_browser()
    session = sign_in(browser, acme, contact).session
    own = signed(acme, session)
    # Not its last character: some of that one's bits say nothing.
    sealed, _, proof = own.rpartition(".")
    forged = f"{sealed}.{'B' if proof[0] == 'A' else 'A'}{proof[1:]}"
    for text in (session, own[:-2], forged, signed(acme, 7), signed(moonco, session), "x" * 3_900):
        other = new_browser()
        set_session(other, acme, text)
        assert other.get(LOOK).json["contact"] is None, text
    # A cookie that is good at another brand, and a number that is somebody here.
    foreign = sign_in(new_browser(), moonco, stranger).session
    set_session(browser, acme, signed(moonco, foreign))
    assert browser.get(LOOK).json["contact"] is None
    # Signed by this brand, but for another purpose.
    with acme:
        set_session(browser, acme, acme.consumers.seals.sign("device", session))
    assert browser.get(LOOK).json["contact"] is None


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_session_expires_and_can_be_ended_here_or_everywhere(acme, new_browser, clock):
    contact = person(acme, "13800138000")
    one, two, three = new_browser(), new_browser(), new_browser()
    for each in (one, two):
        sign_in(each, acme, contact)
    with acme:
        session = sign_in(three, acme, contact).session
        assert acme.consumers.sign_out(session) and not acme.consumers.sign_out(session)
    assert three.get(LOOK).json["contact"] is None
    assert one.get(LOOK).json["contact"] == contact
    with acme:
        assert acme.consumers.sign_out_everywhere(contact) == 2
    assert [each.get(LOOK).json["contact"] for each in (one, two)] == [None, None]
    sign_in(one, acme, contact)
    clock.advance(days=30, ms=-1)
    assert one.get(LOOK).json["contact"] == contact
    clock.advance(ms=1)
    assert one.get(LOOK).json["contact"] is None


def test_a_merge_is_followed_and_undone_and_an_erased_person_is_signed_out(acme, new_browser):
    winner, loser = person(acme, "13800138000"), person(acme, "13900139000")
    browser, other = new_browser(), new_browser()
    sign_in(browser, acme, loser)
    sign_in(other, acme, winner)
    with acme:
        merge = acme.contacts.merge(winner, loser, actor="test", reason="same person")
    assert browser.get(LOOK).json["contact"] == winner
    with acme:
        acme.contacts.undo_merge(merge, actor="test")
    assert browser.get(LOOK).json["contact"] == loser
    with acme:
        acme.privacy.erase(loser, actor="test")
    assert browser.get(LOOK).json["contact"] is None
    assert other.get(LOOK).json["contact"] == winner
    assert browser.get("/p/acme/shop/private").status_code == 303


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_cookies_are_for_this_brand_s_pages_and_for_no_script(acme, browser):
    page = browser.get("/p/acme/-/join")
    cookies = page.headers.getlist("Set-Cookie")
    assert len(cookies) == 1 and cookies[0].startswith("scrm_device=")
    for word in ("HttpOnly", "SameSite=Lax", "Path=/p/acme/"):
        assert word in cookies[0]
    assert page.headers["Cache-Control"] == "no-store"
    assert browser.get("/p/acme/-/join").headers.getlist("Set-Cookie") == []  # it has one now
    assert browser.get("/p/moonco/-/join").headers.getlist("Set-Cookie")  # of the other brand it has none


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_device_and_a_network_are_hashes_that_differ_by_brand(acme, browser, new_browser):
    def look(client, brand="acme", address="203.0.113.7"):
        seen = client.get(f"/p/{brand}/shop/look", environ_base={"REMOTE_ADDR": address}).json
        return seen["device"], seen["network"]

    device, network = look(browser)
    assert look(browser) == (device, network)
    assert len(device) == len(network) == 32 and "203" not in network
    assert look(browser, address="203.0.113.99") == (device, network)  # the same /24
    assert look(browser, address="203.0.114.7")[1] != network
    assert look(browser, address="2001:db8:1:2::1")[1] == look(browser, address="2001:db8:1:ffff::9")[1]
    assert look(new_browser())[0] != device
    assert look(browser, brand="moonco")[1] != network


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_old_sessions_links_and_codes_are_forgotten(acme, browser, clock):
    contact = person(acme, "13800138000")
    sign_in(browser, acme, contact)
    with acme:
        acme.consumers.link(contact, "shop/room")
        assert acme.consumers.forget_old() == 0
        clock.advance(days=61)
        assert acme.consumers.forget_old() == 2
