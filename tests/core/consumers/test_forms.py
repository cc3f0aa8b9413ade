"""Forms: only a page of this browser can send one, and the same one never acts twice."""

from __future__ import annotations

import pytest
from consumer_scene import person, taken
from signing import PAGE, SCRIPT, fields, sign_in

ROOM, TAKE = "/p/acme/shop/room", "/p/acme/shop/take"


@pytest.fixture
def contact(acme, browser):
    contact = person(acme, "13800138000")
    sign_in(browser, acme, contact)
    return contact


def test_a_form_sent_again_gets_the_first_answer_and_does_nothing(acme, browser, contact):
    form = fields(browser.get(ROOM))
    first, second = (browser.post(TAKE, data=form, headers=SCRIPT) for _ in range(2))
    assert first.json == second.json == {"taken": 1, "back": ROOM}
    assert "Idempotent-Replayed" not in first.headers and second.headers["Idempotent-Replayed"] == "true"
    # Two tabs are two forms; each acts once, whatever is pressed how often.
    one, two = fields(browser.get(ROOM)), fields(browser.get(ROOM))
    for form in (one, two, one, two, two):
        browser.post(TAKE, data=form)
    assert taken(acme, contact) == 3
    answer = browser.post(TAKE, data=one)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/p/acme/shop/room")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_refused_form_did_nothing_and_may_be_sent_again(acme, browser, contact):
    form = fields(browser.get(ROOM))
    refused = browser.post(TAKE, data={**form, "want": "nothing"}, headers=SCRIPT)
    assert (refused.status_code, refused.json["code"], refused.json["detail"]) == (409, "sold_out", "已抢光")
    shown = browser.post(TAKE, data={**form, "want": "nothing"}, headers=PAGE)
    assert shown.status_code == 409 and "已抢光" in shown.text and f'href="{ROOM}"' in shown.text
    english = browser.post(f"{TAKE}?lang=en", data={**form, "want": "nothing"}, headers=SCRIPT)
    assert english.json["detail"] == "All gone"
    assert browser.post(TAKE, data=form, headers=SCRIPT).json["taken"] == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_form_of_another_site_or_browser_has_no_person(acme, browser, new_browser, contact):
    form = fields(browser.get(ROOM))
    other = new_browser()
    sign_in(other, acme, person(acme, "13900139000"))
    for bad in ({}, {"csrf": ""}, {"csrf": "0" * 32}, {**form, "csrf": fields(other.get(ROOM))["csrf"]}):
        refused = browser.post(TAKE, data=bad, headers=SCRIPT)
        assert (refused.status_code, refused.json["code"]) == (403, "csrf")
    assert other.post(TAKE, data=form).status_code == 403  # a stolen form is worth nothing elsewhere
    assert taken(acme, contact) == 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_same_once_of_two_people_are_two(acme, browser, new_browser, contact):
    form = fields(browser.get(ROOM))
    browser.post(TAKE, data=form)
    second = person(acme, "13900139000")
    sign_in(browser, acme, second)  # another person at the same browser, with the old page still open
    assert browser.post(TAKE, data=form, headers=SCRIPT).json["taken"] == 1
    assert (taken(acme, contact), taken(acme, second)) == (1, 1)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_who_acts_is_never_read_from_the_form(acme, browser, contact):
    victim = person(acme, "13900139000")
    form = fields(browser.get(ROOM), contact=str(victim), contact_id=str(victim), session="x")
    browser.post(TAKE, data=form)
    assert (taken(acme, contact), taken(acme, victim)) == (1, 0)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_visitor_looks_and_is_shown_the_way_in_before_acting(acme, browser):
    assert browser.get(ROOM).status_code == 200
    sent = browser.get("/p/acme/shop/private?a=1&b=%E4%B8%AD")
    assert sent.status_code == 303
    assert sent.headers["Location"] == "/p/acme/-/join?next=%2Fp%2Facme%2Fshop%2Fprivate%3Fa%3D1%26b%3D%25E4%25B8%25AD"
    form = fields(browser.get(ROOM))
    acted = browser.post(TAKE, data=form)
    # After a form the person comes back to the page that it was on: nothing is done on the way.
    assert acted.headers["Location"] == "/p/acme/-/join?next=%2Fp%2Facme%2Fshop%2Froom"
    asked = browser.post(TAKE, data=form, headers=SCRIPT)
    assert (asked.status_code, asked.json["code"]) == (401, "sign_in_needed")
    assert asked.json["join"] == acted.headers["Location"]
    assert browser.post("/p/acme/shop/callback", data=b"raw").json == {"bytes": 3}  # a service's call is no form


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/", "//evil.example/p/acme/", "/p/moonco/shop/room", "/p/acme/../moonco/x", "javascript:alert(1)",
        "/p/acme/%2e%2e/moonco/shop", "/p/acme/\\evil.example", "/p/acme//evil.example", "/p/acme/%5c%5cevil",
        "/p/acme/x\r\nSet-Cookie:a=b", "/p/acme/%0d%0aX", "https:/p/acme/", "/p/acme@evil.example/", "",
    ],
)  # fmt: skip
def test_nobody_is_sent_out_of_the_brand_s_pages(acme, browser, place):
    page = browser.get("/p/acme/-/join", query_string={"next": place})
    assert fields(page)["next"] == "/p/acme/-/me"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_language_is_the_brand_s_until_it_is_chosen_and_is_kept(acme, moonco, browser):
    assert 'lang="zh-CN"' in browser.get(ROOM).text
    assert 'lang="en"' in browser.get("/p/moonco/shop/room").text
    switched = browser.get(f"{ROOM}?x=1&lang=en")
    assert '<html lang="en">' in switched.text and 'href="/p/acme/shop/room?x=1&amp;lang=zh"' in switched.text
    assert browser.get("/p/acme/shop/look").json["lang"] == "en"
    assert browser.get("/p/acme/shop/look?lang=fr").json["lang"] == "en"
    assert '<html lang="zh-CN">' in browser.get(f"{ROOM}?lang=zh").text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_page_runs_no_foreign_code_and_loads_nothing_from_elsewhere(acme, browser):
    import re

    page = browser.get(ROOM)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    addresses = re.findall(r'(?:src|href|action)="([^"]+)"', page.text)
    assert len(addresses) >= 6 and all(a.startswith(("/p/acme/", "/static/", "data:,", "#")) for a in addresses)
    assert not re.search(r"<[^>]+\s(?:style|on\w+)=", page.text) and "<script>" not in page.text
    static = [a for a in addresses if a.startswith("/static/")]
    files = [browser.get(a) for a in static]
    assert len(files) == 2 and sum(len(f.data) for f in files) < 30_000
    assert all("max-age=31536000" in f.headers["Cache-Control"] for f in files)
    theme = browser.get("/p/acme/-/theme.css")
    assert theme.mimetype == "text/css" and "--brand:#0b6e4f;--on-brand:#ffffff" in theme.text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('colour = "red"', '[consumer] colour: found \'red\'; must be a colour such as "#0b6e4f"'),
        ('logo = "../secret.toml"', "[consumer] logo"),
        ("session_days = 0", "[consumer] session_days"),
        ('colr = "#000000"', "did you mean 'colour'?"),
    ],
)
def test_a_mistake_in_the_brand_file_is_named(new_installation, table, problem):
    from scrm_core.errors import ConfigError

    with pytest.raises(ConfigError) as error:
        new_installation(acme=f"\n[consumer]\n{table}\n").brand("acme")
    assert problem in str(error.value)


def test_one_form_pressed_from_eight_threads_at_once_acts_once(acme, app, browser, contact):
    from concurrent.futures import ThreadPoolExecutor

    form = fields(browser.get(ROOM))
    cookies = [(name, browser.get_cookie(name, path="/p/acme/").value) for name in ("scrm_session", "scrm_device")]

    def press(_):
        other = app.test_client()
        for name, value in cookies:
            other.set_cookie(name, value, domain="localhost", path="/p/acme/")
        return other.post(TAKE, data=form, headers=SCRIPT).json

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(press, range(8)))
    assert [each["taken"] for each in answers] == [1] * 8
    assert taken(acme, contact) == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_form_with_the_once_of_another_form_is_refused_in_words_for_customers(acme, browser, contact):
    form = fields(browser.get(ROOM))
    browser.post("/p/acme/shop/wave", data=form)
    refused = browser.post(TAKE, data=form, headers=SCRIPT)
    assert (refused.status_code, refused.json["code"]) == (422, "idempotency_mismatch")
    assert refused.json["detail"] == "此页面上已经做过别的操作，请再试一次。"
    assert "Something else was done on this page" in browser.post(f"{TAKE}?lang=en", data=form, headers=PAGE).text
    assert taken(acme, contact) == 0
