"""One-person links: looking changes nothing, forwarding hands nothing over, and they work once."""

from __future__ import annotations

import pytest
from consumer_scene import person
from signing import PAGE, fields, sign_in

from scrm_core.clock import SystemClock
from scrm_core.db.bulk import execute
from scrm_core.errors import Invalid, NotFound


def path_of(link):
    assert link.startswith("http://127.0.0.1:8000/p/acme/-/i/")
    return link.removeprefix("http://127.0.0.1:8000")


def make(brand, contact, path="shop/private", **more):
    with brand:
        return path_of(brand.consumers.link(contact, path, **more))


def answer(browser, link, digits="8000"):
    return browser.post(link, data=fields(browser.get(link), "/i/", digits=digits))


def test_the_owner_is_signed_in_once_and_whoever_gets_it_forwarded_is_a_visitor(acme, browser, new_browser):
    contact = person(acme, "13800138000", name="王小明")
    link = make(acme, contact)
    for _ in range(3):  # a messenger draws its preview, a scanner looks, the person opens
        shown = new_browser().get(link)
        assert shown.status_code == 200
    assert "王**" in shown.text and "138****" in shown.text and "8000" not in shown.text.replace("127.0.0.1:8000", "")
    assert "小明" not in shown.text
    done = answer(browser, link)
    assert (done.status_code, done.headers["Location"]) == (303, "/p/acme/shop/private")
    assert browser.get("/p/acme/shop/private").json == {"contact": contact}
    assert browser.get("/p/acme/shop/look").json["strong"] is False
    assert browser.get(link).headers["Location"] == "/p/acme/shop/private"  # the owner's own browser goes on
    friend = new_browser()
    page = friend.get(link)
    assert "此链接已经使用过" in page.text and "/p/acme/-/join?next=" in page.text and "<form" not in page.text
    assert "王" not in page.text
    form = fields(friend.get("/p/acme/shop/room"), digits="8000")
    assert friend.post(link, data=form).status_code == 410  # even with the right digits
    assert friend.get("/p/acme/shop/look").json["contact"] is None


def test_five_wrong_answers_end_a_link(acme, browser):
    contact = person(acme, "13800138000")
    link = make(acme, contact)
    left = [4, 3, 2, 1]
    for count in left:
        wrong = answer(browser, link, "1234")
        assert wrong.status_code == 200 and f"还可以再试 {count} 次" in wrong.text
    assert "此链接已失效" in answer(browser, link, "1234").text
    form = fields(browser.get("/p/acme/shop/room"), digits="8000")
    refused = browser.post(link, data=form, headers=PAGE)
    assert refused.status_code == 410 and "请联系我们获取新链接" in refused.text
    assert browser.get("/p/acme/shop/look").json["contact"] is None


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_fifth_answer_may_be_the_right_one(acme, browser):
    link = make(acme, person(acme, "13800138000"))
    for _ in range(4):
        answer(browser, link, "1234")
    assert answer(browser, link).status_code == 303


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_double_tap_is_one_answer(acme, browser):
    link = make(acme, person(acme, "13800138000"))
    wrong = fields(browser.get(link), "/i/", digits="1234")
    first, second = browser.post(link, data=wrong), browser.post(link, data=wrong)
    assert "还可以再试 4 次" in first.text and "还可以再试 4 次" in second.text
    right = fields(browser.get(link), "/i/", digits="8000")
    one = browser.post(link, data=right)
    browser.delete_cookie("scrm_session", domain="localhost", path="/p/acme/")  # the first answer never arrived
    two = browser.post(link, data=right)
    assert one.headers["Location"] == two.headers["Location"] == "/p/acme/shop/private"
    assert browser.get("/p/acme/shop/private").status_code == 200


def test_whoever_goes_back_and_corrects_an_answer_is_heard_and_a_double_tap_is_not(acme, browser):
    link = make(acme, person(acme, "13800138000"))
    form = fields(browser.get(link), "/i/", digits="1234")
    for _ in range(2):
        assert "还可以再试 4 次" in browser.post(link, data=form).text
    for _ in range(2):
        assert "还可以再试 3 次" in browser.post(link, data={**form, "digits": "4321"}).text
    # Back to the page as the browser kept it, with its old once: the right digits are looked at.
    right = {**form, "digits": "8000"}
    for _ in range(2):
        assert browser.post(link, data=right).headers["Location"] == "/p/acme/shop/private"
    # What has had its effect stays: the same form answers as it did, whatever is written into it.
    assert browser.post(link, data=form).headers["Location"] == "/p/acme/shop/private"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_without_a_phone_the_first_who_presses_has_it(acme, browser, new_browser):
    contact = person(acme, name="lee")
    link = make(acme, contact)
    second = new_browser()
    form, later = fields(browser.get(link), "/i/"), fields(second.get(link), "/i/")
    assert 'name="digits"' not in browser.get(link).text
    assert browser.post(link, data=form).status_code == 303
    assert second.post(link, data=later).status_code == 410
    assert browser.get("/p/acme/shop/private").json == {"contact": contact}
    assert second.get("/p/acme/shop/look").json["contact"] is None


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_link_expires_follows_a_merge_and_goes_with_its_person(acme, new_browser, clock):
    winner, loser = person(acme, "13900139000"), person(acme, "13800138000")
    link, late = make(acme, loser), make(acme, loser, hours=1)
    clock.advance(hours=1)
    assert "此链接已失效" in new_browser().get(late).text
    with acme:
        acme.contacts.merge(winner, loser, actor="test", reason="same person")
    browser = new_browser()
    assert answer(browser, link, "9000").status_code == 303
    assert browser.get("/p/acme/shop/private").json == {"contact": winner}
    again = make(acme, winner)
    with acme:
        acme.privacy.erase(winner, actor="test")
    assert new_browser().get(again).status_code == 404


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_link_leads_only_to_a_page_of_its_brand(acme, moonco, browser):
    contact = person(acme, "13800138000")
    with acme:
        for path in ("../moonco/shop", "https://evil.example/", "x/%2e%2e/y", "a b"):
            with pytest.raises(Invalid) as error:
                acme.consumers.link(contact, path)
            assert error.value.field == "path"
        for hours in (0, -1, 8_761, 1.5):
            with pytest.raises(Invalid) as error:
                acme.consumers.link(contact, "shop/room", hours=hours)
            assert error.value.field == "hours"
        with pytest.raises(NotFound):
            acme.consumers.link(contact + 1_000, "shop/room")
        whole = acme.consumers.link(contact, "/p/acme/shop/private?a=1")
    assert answer(browser, path_of(whole)).headers["Location"] == "/p/acme/shop/private?a=1"
    # Another brand has no such link, and a mistyped one is nothing.
    assert browser.get(path_of(whole).replace("/p/acme/", "/p/moonco/")).status_code == 404
    assert browser.get(path_of(whole)[:-1]).status_code == 404


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_link_needs_a_form_of_its_own_page(acme, browser, new_browser):
    link = make(acme, person(acme, "13800138000"))
    assert browser.post(link, data={"digits": "8000"}).status_code == 403
    sign_in(new_browser(), acme, person(acme, "13900139000"))
    assert answer(browser, link).status_code == 303


def test_of_browsers_that_answer_at_the_same_moment_one_is_the_owner(shop, acme, together, clock):
    clock.set(SystemClock().now())  # the other processes have the real one
    contact = person(acme, "13800138000")
    with acme:
        token = acme.consumers.link(contact, "shop/room").rpartition("/")[2]
    source = f"""
from scrm_core.errors import Gone

def run(brand, worker):
    try:
        _, person = brand.consumers.use_link({token!r}, "8000", device=str(worker))
    except Gone as refused:
        return refused.code
    return "in" if person is not None else "wrong"
"""
    answers = together(shop_without_plugins(shop), source, 4)
    assert sorted(answers) == ["in", *["link_used"] * 3]
    with acme:
        assert acme.consumers.sign_out_everywhere(contact) == 1


def shop_without_plugins(installation):
    """The same project for processes that do not know the test's plugin."""
    for file in installation.config.brands_dir.glob("*.toml"):
        file.write_text(file.read_text("utf-8").replace("[plugins.shop]\n", ""), "utf-8")
    return installation


def test_links_that_a_browser_opened_become_the_visits_of_whoever_signs_in(acme, moonco, new_browser, clock):
    codes, agent = {}, {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148"}
    for brand in (acme, moonco):
        with brand:
            brand.channels.ensure("card", "Card", "card")
            codes[brand.id] = brand.links.create("card", "https://shop.example/").code
    browser, stranger = new_browser(), new_browser()
    for each in (browser, stranger):
        for code in codes.values():
            assert each.get(f"/l/{code}", headers=agent).status_code == 302
    clock.advance(hours=1)
    contact = person(acme, "13800138000")
    assert answer(browser, make(acme, contact), "8000").status_code == 303
    with acme:
        # The other browser's visit stays nobody's, and so does everything at the other brand.
        assert execute("SELECT contact_id FROM visit ORDER BY id").fetchall() == [(contact,), (None,)]
    with moonco:
        assert execute("SELECT contact_id FROM visit").fetchall() == [(None,), (None,)]
