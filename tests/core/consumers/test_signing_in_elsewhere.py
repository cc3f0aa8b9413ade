"""Signing in elsewhere: the state is signed, of this browser, fresh, and used once."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from consumer_scene import Shop, person
from signing import PAGE, fields

from scrm_core.api import Plugin, PluginError, SignIn, VerifiedIdentity
from scrm_core.services.contacts import IdentityIn

AGREED = {"next": "/p/acme/shop/private", "language": "zh"}


def press(browser, name="elsewhere", **more):
    """Send the join page's form to a sign-in."""
    form = fields(browser.get("/p/acme/-/join"), "/-/with/", **AGREED)
    return browser.post(f"/p/acme/-/with/{name}", data={**form, **more})


def leave(browser, brand, **more):
    """Press the button; returns the state that travels with the browser."""
    with brand:
        privacy, _ = brand.consumers.texts("zh")
    page = press(browser, **{"privacy": privacy.version, **more})
    assert page.status_code == 200, page.text
    address = page.text.partition('http-equiv="refresh" content="0; url=')[2].partition('">')[0].replace("&amp;", "&")
    query = parse_qs(urlsplit(address).query)
    assert query["back"] == ["http://127.0.0.1:8000/p/acme/-/back/elsewhere"]
    return query["state"][0]


def come_back(browser, state, code="good"):
    return browser.get("/p/acme/-/back/elsewhere", query_string={"state": state, "code": code}, headers=PAGE)


@pytest.fixture(autouse=True)
def accounts(shop):
    Shop.accounts = {
        "good": [VerifiedIdentity("openid", "o-1", "wx1"), VerifiedIdentity("unionid", "u-1")],
        "other": [VerifiedIdentity("openid", "o-2", "wx1")],
    }


def test_a_stranger_joins_and_a_known_account_is_found(acme, browser, new_browser):
    state = leave(browser, acme)
    assert state.isalnum() and len(state) <= 128
    done = come_back(browser, state)
    assert (done.status_code, done.headers["Location"]) == (303, "/p/acme/shop/private")
    seen = browser.get("/p/acme/shop/look").json
    assert (seen["via"], seen["strong"]) == ("elsewhere", True)
    with acme:
        held = {(i.kind, i.namespace, i.value, i.verified) for i in acme.contacts.identities(seen["contact"])}
        assert held == {("openid", "wx1", "o-1", True), ("unionid", "", "u-1", True)}
        assert [c.purpose for c in acme.consent.history(seen["contact"])] == ["privacy"]
        known = acme.contacts.resolve([IdentityIn("openid", "o-2", "wx1")], at=acme.now(), origin="test").contact_id
    other = new_browser()
    come_back(other, leave(other, acme), "other")
    assert other.get("/p/acme/shop/private").json["contact"] == known


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_state_is_refused_when_it_is_forged_foreign_old_or_used(acme, browser, new_browser, clock):
    state = leave(browser, acme)
    for bad in ("", "x", state[:-1] + ("0" if state[-1] != "0" else "1"), "0" * 108, state + "0"):
        assert come_back(browser, bad).status_code == 403
    # The address of somebody's own sign-in, sent to another person, signs nobody in (login CSRF).
    victim = new_browser()
    leave(victim, acme)
    refused = come_back(victim, state)
    assert refused.status_code == 403 and "登录没有完成" in refused.text
    assert come_back(browser, state).status_code == 303
    again = come_back(browser, state)
    assert again.status_code == 303 and again.headers["Location"] == "/p/acme/shop/private"  # reloaded
    browser.delete_cookie("scrm_session", domain="localhost", path="/p/acme/")
    assert come_back(browser, state).status_code == 410  # but it signs nobody in a second time
    late = leave(browser, acme)
    clock.advance(seconds=600)
    assert come_back(browser, late).status_code == 410
    first = leave(browser, acme)
    leave(browser, acme)
    assert come_back(browser, first).status_code == 410  # begun again meanwhile


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_nobody_comes_in_without_an_identity_or_consent(acme, browser):
    assert come_back(browser, leave(browser, acme), "refused").status_code == 403
    for wrong in ({}, {"privacy": "x", "language": "fr"}):
        assert press(browser, **wrong).status_code == 422
    assert press(browser, "nowhere", privacy="1").status_code == 404
    assert come_back(browser, leave(browser, acme, privacy="old words")).status_code == 409
    assert browser.get("/p/acme/shop/look").json["contact"] is None


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_nobody_consents_by_following_a_link(acme, browser):
    with acme:
        privacy, marketing = acme.consumers.texts("zh")
    query = {**AGREED, "privacy": privacy.version, "marketing": marketing.version}
    assert browser.get("/p/acme/-/with/elsewhere", query_string=query).status_code == 405
    assert browser.post("/p/acme/-/with/elsewhere", data=query).status_code == 403
    with acme:
        assert acme.contacts.page() == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_join_page_offers_what_works_in_this_browser(acme, browser):
    assert "使用Elsewhere登录" in browser.get("/p/acme/-/join").text
    assert "Elsewhere" not in browser.get("/p/acme/-/join", headers={"User-Agent": "NoElsewhere"}).text
    person(acme, "13800138000")


def test_a_plugin_names_methods_that_it_has():
    with pytest.raises(PluginError, match="sign_ins"):

        class Lacking(Plugin):
            name = "lacking"
            version, summary, requires_core = "1", "s", ">=0.1"
            sign_ins = {"there": SignIn("There", "begin", "finish")}

    with pytest.raises(PluginError, match="must match"):

        class Odd(Plugin):
            name = "odd"
            version, summary, requires_core = "1", "s", ">=0.1"
            sign_ins = {"../x": SignIn("There", "check", "check")}
