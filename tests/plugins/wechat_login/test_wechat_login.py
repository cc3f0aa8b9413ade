"""Signing in with WeChat and WeCom: whom the other service names, and nobody else."""

from __future__ import annotations

import logging
from urllib.parse import parse_qs, urlsplit

import pytest
from signing import fields

from scrm_core.errors import ConfigError
from scrm_core.services.contacts import IdentityIn
from scrm_core.web import create_app

PAGE = {"Accept": "text/html"}
IN_WECHAT = {"User-Agent": "Mozilla/5.0 (iPhone) MicroMessenger/8.0.50"}


@pytest.fixture
def installation(shop):
    return shop()


@pytest.fixture
def acme(installation):
    return installation.brand("acme")


@pytest.fixture
def browser(installation):
    return create_app(installation).test_client()


def leave(browser, brand, name):
    """Press the button of a sign-in; returns the address of the authorisation page."""
    join = browser.get("/p/acme/-/join", headers=IN_WECHAT)
    action = f'/p/acme/-/with/{name}'
    assert f'formaction="{action}"' in join.text and join.text.count('name="privacy"') == 1
    with brand:
        privacy, _ = brand.consumers.texts("zh")
    form = fields(join, "/-/with/", privacy=privacy.version)
    assert form["next"] == "/p/acme/-/me" and set(form) == {"csrf", "back", "next", "language", "privacy"}
    page = browser.post(action, data=form, headers=IN_WECHAT)
    return page.text.partition('content="0; url=')[2].partition('">')[0].replace("&amp;", "&")


def come_back(browser, brand, name, code):
    state = parse_qs(urlsplit(leave(browser, brand, name)).query)["state"][0]
    return browser.get(f"/p/acme/-/back/{name}", query_string={"code": code, "state": state}, headers=PAGE)


def identities(brand, kind, value, namespace=""):
    """All identities of the contact that has one."""
    with brand:
        found = brand.contacts.find(kind, value, namespace)
        return found and {(i.kind, i.namespace, i.value, i.verified) for i in brand.contacts.identities(found.id)}


def test_an_official_account_names_openid_and_unionid(acme, browser, wechat):
    wechat.codes["c1"] = {"openid": "oABC", "unionid": "uABC"}
    address = leave(browser, acme, "wechat")
    assert address.startswith("https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx123&redirect_uri=http%3A%2F%2F")
    assert address.endswith("#wechat_redirect") and "response_type=code&scope=snsapi_base&state=" in address
    done = come_back(browser, acme, "wechat", "c1")
    assert (done.status_code, done.headers["Location"]) == (303, "/p/acme/-/me")
    assert "退出登录" in browser.get("/p/acme/-/me").text
    assert identities(acme, "openid", "oABC", "wx123") == {
        ("openid", "wx123", "oABC", True),
        ("unionid", "", "uABC", True),
    }
    (asked,) = wechat.asked
    assert asked[1] == {"appid": "wx123", "secret": "s3cret", "code": "c1", "grant_type": "authorization_code"}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_log_of_everything_holds_no_secret(acme, browser, wechat, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("httpx"), "level", logging.NOTSET)  # as in a process that starts
    wechat.codes["c1"] = {"openid": "oABC", "unionid": "uABC"}
    with caplog.at_level(logging.INFO):
        assert come_back(browser, acme, "wechat", "c1").status_code == 303
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_unionid_that_is_known_is_the_same_person(acme, browser, wechat):
    with acme:
        known = acme.contacts.resolve([IdentityIn("unionid", "uABC")], at=acme.now(), origin="test").contact_id
    wechat.codes["c1"] = {"openid": "oABC", "unionid": "uABC"}
    come_back(browser, acme, "wechat", "c1")
    with acme:
        assert acme.contacts.find("openid", "oABC", "wx123").id == known


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_userinfo_is_asked_for_the_unionid_when_the_scope_allows(shop, wechat):
    installation = shop('scope = "snsapi_userinfo"\n')
    acme, browser = installation.brand("acme"), create_app(installation).test_client()
    wechat.codes["c1"] = {"openid": "oABC", "hidden_unionid": "uABC"}
    come_back(browser, acme, "wechat", "c1")
    assert ("unionid", "", "uABC", True) in identities(acme, "openid", "oABC", "wx123")
    wechat.codes["c2"] = {"openid": "oNEW"}  # the account is bound to no open platform: there is no unionid
    come_back(browser, acme, "wechat", "c2")
    assert ("openid", "wx123", "oNEW", True) in identities(acme, "openid", "oNEW", "wx123")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_wecom_names_the_external_contact_and_never_staff(acme, browser, wechat):
    wechat.codes["c1"] = {"external_userid": "wmABC", "openid": "oWW"}
    assert "agentid=1000002#wechat_redirect" in leave(browser, acme, "wecom")
    assert come_back(browser, acme, "wecom", "c1").status_code == 303
    assert identities(acme, "external_userid", "wmABC") == {
        ("external_userid", "", "wmABC", True),
        ("openid", "ww123", "oWW", True),
    }
    browser.delete_cookie("scrm_session", domain="localhost", path="/p/acme/")
    wechat.codes["c2"] = {"openid": "oOTHER"}
    assert come_back(browser, acme, "wecom", "c2").status_code == 303
    browser.delete_cookie("scrm_session", domain="localhost", path="/p/acme/")
    wechat.codes["c3"] = {"userid": "zhangsan", "user_ticket": "T"}
    staff = come_back(browser, acme, "wecom", "c3")
    assert staff.status_code == 403 and "员工账号不能登录" in staff.text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_wecom_s_token_is_kept_and_renewed(acme, browser, wechat, clock):
    def sign_in(code):
        wechat.codes[code] = {"external_userid": f"wm{code}"}
        browser.delete_cookie("scrm_session", domain="localhost", path="/p/acme/")
        return come_back(browser, acme, "wecom", code).status_code

    assert [sign_in("a"), sign_in("b")] == [303, 303] and wechat.tokens == 1
    wechat.valid_token = "revoked elsewhere"
    assert sign_in("c") == 303 and wechat.tokens == 2
    clock.advance(seconds=7_200 - 120)
    assert sign_in("d") == 303 and wechat.tokens == 3


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ["wechat", "wecom"])
def test_a_code_that_is_invalid_used_or_missing_signs_nobody_in(acme, browser, wechat, name, caplog):
    wechat.codes["c1"] = {"openid": "oABC"}
    for code in ("wrong", ""):  # 40029
        refused = come_back(browser, acme, name, code)
        assert refused.status_code == 403 and "没有确认您的身份" in refused.text
    assert come_back(browser, acme, name, "c1").status_code == 303
    browser.delete_cookie("scrm_session", domain="localhost", path="/p/acme/")
    assert come_back(browser, acme, name, "c1").status_code == 403  # 40163
    assert "您还没有登录" in browser.get("/p/acme/-/me").text
    assert "s3cret" not in caplog.text and "c0rp" not in caplog.text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("status", "raw"),
    [
        (200, b"not json"), (200, b"[]"), (200, b'{"errcode": 0}'), (200, b'{"openid": 7}'), (500, b"{}"), (302, b"{}"),
        (200, b'{"errcode": -1, "errmsg": "system error"}'), (200, b'{"errcode": 40125, "errmsg": "invalid appsecret"}'),
        (200, b'{"errcode": "boom"}'), (200, b'{"errcode": [1]}'), (200, b'{"errcode": true}'), (200, b'{"errcode": 1.5}'),
        (200, b'{"openid": "' + b"x" * 300 + b'"}'),
    ],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_the_other_service_s_failure(acme, browser, wechat, status, raw, caplog):
    wechat.raw, wechat.status = raw, status
    with caplog.at_level(logging.WARNING):
        failed = come_back(browser, acme, "wechat", "c1")
    assert failed.status_code == 502 and "对方服务没有回应" in failed.text
    assert len(wechat.asked) == 1  # no redirect is followed
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_server_that_is_away_is_told_and_the_next_try_works(acme, browser, wechat):
    wechat.codes["c1"] = {"openid": "oABC"}
    port = wechat.url
    acme.plugins["wechat-login"].wechat._remote._base = "http://127.0.0.1:9"
    assert come_back(browser, acme, "wechat", "c1").status_code == 502
    acme.plugins["wechat-login"].wechat._remote._base = port
    assert come_back(browser, acme, "wechat", "c1").status_code == 303


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_snapshot_user_is_nobody(acme, browser, wechat):
    wechat.codes["c1"] = {"openid": "oVIRTUAL", "is_snapshotuser": 1}
    assert come_back(browser, acme, "wechat", "c1").status_code == 403
    assert identities(acme, "openid", "oVIRTUAL", "wx123") is None


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_buttons_are_there_where_they_work(installation, browser):
    assert "微信" not in browser.get("/p/acme/-/join").text
    inside = browser.get("/p/acme/-/join", headers=IN_WECHAT).text
    assert "使用微信 WeChat登录" in inside and "使用企业微信 WeCom登录" in inside
    assert "WeChat" not in browser.get("/p/moonco/-/join", headers=IN_WECHAT).text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("", "give appid and secret, corp_id and corp_secret, or all four"),
        ('appid = "wx1"', "appid and secret go together"),
        ('corp_secret = "x"\nappid = "wx1"\nsecret = "y"', "corp_id and corp_secret go together"),
        ('appid = "wx1"\nsecret = "y"\nscope = "all"', "scope"),
        ('appid = "wx1"\nsecret = "y"\nwechat_api = "ftp://x"', "must be http(s)://"),
        ('appid = "wx1"\nsecret = "y"\napp = 1', "unknown key"),
    ],
)
def test_settings_that_cannot_work_are_refused(new_installation, settings, problem):
    with pytest.raises(ConfigError) as error:
        new_installation(acme=f"\n[plugins.wechat-login]\n{settings}\n").brand("acme")
    assert problem in str(error.value) and '"y"' not in str(error.value)
