"""Pages for staff of a plugin: signing in, brands, permissions, forms, addresses to go on to; nothing of a console."""

from __future__ import annotations

import re
from urllib.parse import quote

import flask
import pytest

from scrm_core.api import (
    Plugin,
    ScrmError,
    Veto,
    any_role,
    current_actor,
    current_brand,
    for_visitors,
    own_transactions,
    permission,
    staff_visit,
)
from scrm_core.errors import PluginError
from scrm_core.plugin import Plugin as Base
from scrm_core.web import create_app
from scrm_core.web.staff_pages import staff_pages_of

WORD = "correct horse battery"
ROOT = "/staff/desk/"


def desk_pages() -> flask.Blueprint:
    pages = flask.Blueprint("desk", __name__)

    def form(action, more=""):
        visit = staff_visit()
        return f'<form method="post" action="{action}"><input type="hidden" name="csrf" value="{visit.csrf}">{more}</form>'

    @pages.get("/sign-in")
    @for_visitors
    def sign_in():
        kept = staff_visit().kept
        return form("sign-in", "" if kept is None else f"kept {kept.text}")

    @pages.post("/sign-in")
    @for_visitors
    def sign_in_post():
        visit = staff_visit()
        visit.sign_in(flask.request.form["name"], flask.request.form["password"])
        if visit.kept is not None:
            return form(visit.kept.action, f"go on with {visit.kept.fields}")
        return flask.redirect(visit.safe_next(flask.request.form.get("next", "")), 303)

    @pages.get("/")
    def index():
        return " ".join(brand.id for brand in staff_visit().brands()) + form("out")

    @pages.post("/out")
    def out():
        staff_visit().sign_out(everywhere="everywhere" in flask.request.form)
        return flask.redirect(flask.url_for("desk.sign_in"), 303)

    @pages.get("/b/<brand>/people")
    @permission("contacts:read")
    def people():
        return f"{current_brand().id} {current_actor()} {flask.url_for('desk.people')} {staff_visit().place}" + form("x")

    @pages.post("/b/<brand>/long")
    @own_transactions
    @permission("contacts:write")
    def long():
        current_brand().tags.define("desk", "made", plan="a test")
        return "half", 409

    @pages.get("/b/<brand>/anybody")
    @any_role
    def anybody():
        staff_visit().demand("reports:read")
        return "figures"

    @pages.post("/b/<brand>/people")
    @permission("contacts:write")
    def add():
        current_brand().tags.define("desk", "made", plan="a test")
        if "refuse" in flask.request.form:
            raise Veto("not today")
        if "break" in flask.request.form:
            raise ZeroDivisionError
        return "made"

    @pages.app_errorhandler(ScrmError)
    def refused(error):
        return f"refused {error.code}", error.status

    return pages


class Desk(Plugin):
    name = "desk"
    version = "1.0"
    summary = "Pages for staff"
    requires_core = ">=0.1.0.dev0"
    staff_pages = desk_pages()


class Browser:
    """A browser of one person."""

    def __init__(self, app) -> None:
        self.client = app.test_client()
        self.csrf = ""

    def get(self, path, **kwargs):
        answer = self.client.get(path, headers={"Accept": "text/html"}, **kwargs)
        found = re.search(r'name="csrf" value="(\w+)"', answer.text)
        self.csrf = found[1] if found else self.csrf
        return answer

    def post(self, path, headers=None, **form):
        return self.client.post(path, data={"csrf": self.csrf, **form}, headers={"Accept": "text/html", **(headers or {})})

    def sign_in(self, name, password=WORD, **form):
        self.get(f"{ROOT}sign-in")
        return self.post(f"{ROOT}sign-in", name=name, password=password, **form)

    @property
    def session(self):
        cookie = self.client.get_cookie("scrm_staff", path="/staff/")
        return cookie.value if cookie else None


@pytest.fixture
def house(new_installation, monkeypatch):
    installation = new_installation(plugins=(Desk,), acme="[plugins.desk]\n", moonco="[plugins.desk]\n")
    monkeypatch.setattr("scrm_core.users.passwords._METHOD", "scrypt:1024:8:1")
    monkeypatch.setattr("scrm_core.users.passwords._NOBODY", "scrypt:1024:8:1$0000000000000000$" + "0" * 128)
    for name, roles in {
        "mia": {"acme": "owner", "moonco": "analyst"}, "cleo": {"acme": "clerk"}, "ana": {"acme": "analyst"}, "new": {},
    }.items():  # fmt: skip
        installation.users.create(name, WORD)
        for brand, role in roles.items():
            installation.users.set_role(name, brand, role)
    return installation


@pytest.fixture
def app(house):
    return create_app(house)


@pytest.fixture
def browser(app):
    return Browser(app)


def test_who_is_not_signed_in_is_sent_to_sign_in_and_comes_back(browser):
    away = browser.get(f"{ROOT}b/acme/people?q=%E6%9D%8E&lang=en")
    assert away.status_code == 303
    back = f"{ROOT}b/acme/people?q=%E6%9D%8E"
    assert away.location == f"{ROOT}sign-in?next={quote(back, safe='')}"
    assert browser.sign_in("mia", next=back).location == back
    assert browser.get(back).text.startswith(f"acme user:mia {ROOT}b/acme/people {back}")
    assert browser.client.get(f"{ROOT}b/acme/people", headers={"Accept": "application/json"}).status_code == 200


def test_a_script_that_is_not_signed_in_is_told_so(browser):
    answer = browser.client.get(f"{ROOT}b/acme/people", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.text) == (401, "refused sign_in_needed")


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example", "/staff/desk//evil.example", "/staff/desk/../../p/x",
        "/staff/desk/%2e%2e/x", "/staff/desk/%5cx", "/staff/desk/\r\nX: y", "/staff/desk/%0d%0ax", "/staff/deskx/", "javascript:x", "/l/abc",
        "/staff/desk/\tx", "/staff/desk@evil.example/", "", "/staff/desk/" + "a" * 1_100,
    ],
)  # fmt: skip
@pytest.mark.cases_on_sqlite
def test_signing_in_sends_nobody_anywhere_else(browser, place):
    assert browser.sign_in("mia", next=place).location == ROOT


def test_a_brand_without_a_role_and_one_that_never_was_are_answered_alike(browser, house):
    browser.sign_in("cleo")
    answers = {
        (found.status_code, found.text)
        for brand in ("moonco", "nosuch", "..", "ACME", "acme%00", "x" * 300)
        for found in (browser.get(f"{ROOT}b/{brand}/people"),)
    }
    assert answers == {(404, "refused not_found")}
    browser.get(f"{ROOT}b/acme/people")
    assert browser.post(f"{ROOT}b/moonco/people").status_code == 404
    house.users.set_role("cleo", "acme", None)
    assert browser.get(f"{ROOT}b/acme/people").status_code == 404


def test_a_brand_that_switches_the_plugin_off_is_gone_and_without_any_brand_the_pages_are(browser, house):
    browser.sign_in("mia")
    assert browser.get(ROOT).text.startswith("acme moonco<")
    (house.config.brands_dir / "moonco.toml").write_text(
        (house.config.brands_dir / "moonco.toml").read_text("utf-8").replace("[plugins.desk]", "[plugins.desk]\nenabled = false")
    )
    assert browser.get(ROOT).text.startswith("acme<")
    assert browser.get(f"{ROOT}b/moonco/anybody").status_code == 404
    assert browser.get("/staff/other/").status_code == 404
    assert browser.get("/staff/desk").text.startswith("acme<")


def test_a_role_includes_the_permission_of_the_page_or_the_answer_is_403(browser, app):
    browser.sign_in("cleo")
    assert browser.get(f"{ROOT}b/acme/people").status_code == 200
    assert browser.get(f"{ROOT}b/acme/anybody").status_code == 403
    refused = browser.post(f"{ROOT}b/acme/people")
    assert (refused.status_code, refused.text) == (403, "refused role")
    ana = Browser(app)
    ana.sign_in("ana")
    assert ana.get(f"{ROOT}b/acme/people").status_code == 403
    assert ana.get(f"{ROOT}b/acme/anybody").text == "figures"
    nobody = Browser(app)
    nobody.sign_in("new")
    assert nobody.get(ROOT).status_code == 200
    assert nobody.get(f"{ROOT}b/acme/anybody").status_code == 404


def groups(house):
    with house.brand("acme") as brand:
        return [group.name for group in brand.tags.groups()]


def test_a_form_without_the_browsers_own_token_does_nothing(browser, app, house):
    browser.sign_in("mia")
    browser.get(f"{ROOT}b/acme/people")
    good, strange = browser.csrf, Browser(app)
    strange.get(f"{ROOT}sign-in")
    for token in ("", "0" * 64, strange.csrf, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")):
        browser.csrf = token
        refused = browser.post(f"{ROOT}b/acme/people")
        assert (refused.status_code, refused.text) == (403, "refused csrf")
    browser.csrf = good
    assert browser.post(f"{ROOT}b/acme/people", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.post(f"{ROOT}b/acme/people", headers={"Sec-Fetch-Site": "same-site"}).status_code == 403
    assert groups(house) == []
    assert browser.post(f"{ROOT}b/acme/people", headers={"Sec-Fetch-Site": "same-origin"}).text == "made"
    assert groups(house) == ["desk"]


def test_signing_in_needs_a_token_too_so_nobody_is_signed_in_as_somebody_else(browser, app):
    strange = Browser(app)
    strange.get(f"{ROOT}sign-in")
    browser.get(f"{ROOT}sign-in")
    browser.csrf = strange.csrf
    assert browser.post(f"{ROOT}sign-in", name="mia", password=WORD).status_code == 403
    assert browser.session is None


def test_a_session_is_a_new_one_at_each_sign_in_and_the_one_before_is_over(browser, house):
    browser.client.set_cookie("scrm_staff", "ab" * 32, path="/staff/")
    browser.sign_in("cleo")
    first = browser.session
    assert first != "ab" * 32, "a planted one is not taken over"
    browser.sign_in("mia")
    assert browser.session not in (first, None)
    assert house.users.session(first) is None
    assert house.users.session(browser.session).name == "mia"


def test_a_session_that_was_signed_out_is_dead_for_whoever_copied_it(browser, app, house):
    browser.sign_in("mia")
    copied = browser.session
    other = Browser(app)
    other.sign_in("mia")
    browser.get(ROOT)
    assert browser.post(f"{ROOT}out").location == f"{ROOT}sign-in"
    assert (browser.session, house.users.session(copied)) == (None, None)
    assert other.get(ROOT).status_code == 200
    browser.sign_in("mia")
    browser.get(ROOT)
    browser.post(f"{ROOT}out", everywhere="1")
    assert other.get(ROOT).status_code == 303


def test_a_form_whose_session_is_over_does_nothing_and_is_kept_until_somebody_signed_in(browser, house, clock):
    browser.sign_in("mia")
    browser.get(f"{ROOT}b/acme/people")
    clock.advance(hours=13)
    over = browser.post(f"{ROOT}b/acme/people", name="小雅", password="a word that no page should hold")
    assert over.status_code == 401
    kept = over.text.partition("kept ")[2].removesuffix("</form>")
    assert kept == '["/staff/desk/b/acme/people", ["name", "小雅"]]'
    assert browser.sign_in("mia", "wrong wrong wrong", kept=kept).status_code == 401
    again = browser.sign_in("mia", kept=kept)
    assert again.status_code == 200 and "go on with (('name', '小雅'),)" in again.text
    assert groups(house) == []
    browser.csrf = re.search(r'name="csrf" value="(\w+)"', again.text)[1]
    assert browser.post(f"{ROOT}b/acme/people").text == "made", "its page carries the new session's token"


def test_nothing_is_kept_of_a_form_that_another_site_could_have_sent(browser, house, clock):
    browser.sign_in("mia")
    browser.get(f"{ROOT}b/acme/people")
    clock.advance(hours=13)
    back = f"{ROOT}b/acme/people"
    forged = '["/staff/desk/b/acme/people", ["name", "x"]]'
    for csrf, site in ((browser.csrf, "cross-site"), (browser.csrf, "same-site"), ("0" * 64, None)):
        headers = {"Sec-Fetch-Site": site} if site else {}
        sent = {"csrf": csrf, "name": "x", "kept": forged, "back": back}
        answer = browser.client.post(back, data=sent, headers=headers)
        assert answer.location == f"{ROOT}sign-in?next={quote(back, safe='')}", site
    own = browser.post(back, back="https://evil.example/", kept='["/staff/desk/elsewhere", ["name", "x"]]')
    assert (own.status_code, '["/staff/desk/b/acme/people", ["back"' in own.text) == (401, True), "where it was sent to, nowhere else"
    browser.get(f"{ROOT}sign-in")
    for elsewhere in ('["https://evil.example/", ["a", "b"]]', '["/p/acme/x", ["a", "b"]]', "[", "[1]", '{"a": 1}', "[" * 9_999):
        answer = browser.sign_in("mia", kept=elsewhere)
        assert answer.location == ROOT, elsewhere


def test_a_view_with_transactions_of_its_own_keeps_what_it_did_before_it_refused(browser, house):
    browser.sign_in("mia")
    browser.get(f"{ROOT}b/acme/people")
    assert browser.post(f"{ROOT}b/acme/long").status_code == 409
    assert groups(house) == ["desk"]


def test_an_address_without_its_slash_and_one_for_another_method_are_refused_here(browser):
    browser.sign_in("mia")
    assert browser.get(f"{ROOT}b/acme/people/").status_code == 404
    browser.get(ROOT)
    assert browser.post(f"{ROOT}b/acme/anybody").status_code == 405


def test_an_act_that_is_refused_or_breaks_is_undone_and_told_without_its_insides(browser, house, caplog):
    browser.sign_in("mia")
    browser.get(f"{ROOT}b/acme/people")
    assert browser.post(f"{ROOT}b/acme/people", refuse="1").status_code == 409
    broken = browser.post(f"{ROOT}b/acme/people", **{"break": "1"})
    assert (broken.status_code, broken.text) == (500, "refused plugin")
    assert "ZeroDivisionError" in caplog.text
    assert groups(house) == []


def test_wrong_passwords_are_refused_and_too_many_tries_too(browser):
    for _ in range(5):
        refused = browser.sign_in("mia", "wrong wrong wrong")
        assert (refused.status_code, refused.text) == (401, "refused sign_in")
    assert browser.sign_in("mia").status_code == 429
    elsewhere = browser.client.post(
        f"{ROOT}sign-in", data={"csrf": browser.csrf, "name": "mia", "password": WORD}, headers={"X-Forwarded-For": "198.51.100.9"}
    )
    assert elsewhere.status_code == 303


def test_cookies_are_for_these_pages_alone_and_nothing_is_cached(browser, house):
    page = browser.get(f"{ROOT}sign-in?lang=en")
    done = browser.sign_in("mia")
    kept = [*page.headers.getlist("Set-Cookie"), *done.headers.getlist("Set-Cookie")]
    assert {cookie.partition("=")[0] for cookie in kept} == {"scrm_staff", "scrm_staff_form", "scrm_staff_lang"}
    for cookie in kept:
        assert ("Path=/staff/" in cookie and "HttpOnly" in cookie) or "Max-Age=0" in cookie
        assert "SameSite=Lax" in cookie or "Max-Age=0" in cookie
        assert "Secure" not in cookie
    for answer in (page, browser.get(f"{ROOT}b/acme/people"), browser.get(f"{ROOT}b/nosuch/people")):
        assert answer.headers["Cache-Control"] == "no-store"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy


def test_cookies_are_for_https_alone_where_the_installation_is(house):
    project = house.config.root / "scrm.toml"
    project.write_text(project.read_text("utf-8") + 'base_url = "https://crm.example/tools"\n', "utf-8")
    from scrm_core.installation import Installation

    opened = Installation.open(house.config.root, clock=house.clock, plugins=(Desk,), engine=house.engine)
    browser = Browser(create_app(opened))
    away = browser.get(f"{ROOT}b/acme/people")
    assert away.location.startswith("/tools/staff/desk/sign-in?next=%2Ftools%2Fstaff%2Fdesk%2Fb")
    (cookie,) = browser.get(f"{ROOT}sign-in").headers.getlist("Set-Cookie")
    assert "Secure" in cookie and "Path=/tools/staff/" in cookie


def made(rules):
    pages = flask.Blueprint("bad", __name__)
    rules(pages)
    return type("Bad", (Base,), {"name": "bad", "version": "1", "summary": "x", "requires_core": ">=0.1.0.dev0", "staff_pages": pages})


def with_entry(pages):
    @pages.get("/sign-in")
    @for_visitors
    def sign_in():
        return ""


@pytest.mark.parametrize(
    ("rule", "mark", "told"),
    [
        ("/b/<brand>/x", None, 'names no permission; add @permission(\'bad:read\') below the route, or @any_role'),
        ("/b/<brand>/x", for_visitors, "names no permission"),
        ("/b/<brand>/x", permission("bad:read"), 'needs \'bad:read\', which `permissions` does not declare; write permissions = {"bad:read"'),
        ("/x", permission("contacts:read"), "is a page of no brand, where no role counts; put <brand> into its address"),
        ("/x/<number>", None, "gives its view (number), which takes ()"),
    ],
)
def test_a_page_that_does_not_say_for_whom_it_is_stops_the_start_with_one_line(rule, mark, told):
    def rules(pages):
        with_entry(pages)
        view = (mark or (lambda f: f))(lambda: "")
        view.__name__ = "x"
        pages.get(rule)(view)

    with pytest.raises(PluginError) as refused:
        staff_pages_of(made(rules))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_pages_for_staff_need_a_page_to_sign_in_on():
    with pytest.raises(PluginError, match="write a view called sign_in, marked with @for_visitors"):
        staff_pages_of(made(lambda pages: None))
