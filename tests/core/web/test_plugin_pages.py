"""Public pages of plugins: open to everybody, gone when the plugin is off, closed to other brands."""

from __future__ import annotations

import flask
import pytest

from scrm_core.api import Invalid, Plugin, current_brand, current_plugin
from scrm_core.web import create_app

pages = flask.Blueprint("pages", __name__)


@pages.get("/hello/<code>")
def hello(code):
    return f"<h1>{current_brand().id} {code}</h1>", 200, {"Content-Type": "text/html; charset=utf-8"}


@pages.post("/tag")
def tag():
    brand = current_brand()
    current_plugin(Open)
    brand.tags.define("pages", flask.request.form["name"], kind="system")
    if flask.request.form["name"] == "bad":
        raise Invalid("not this one", field="name")
    return {"tags": 1}


@pages.post("/raw")
def raw():
    return {"bytes": len(flask.request.get_data())}


@pages.get("/boom")
def boom():
    raise SystemExit(3)


class Open(Plugin):
    name = "open"
    version = "1"
    summary = "Has public pages"
    requires_core = ">=0.1.0.dev0"
    pages = pages


@pytest.fixture
def app(new_installation):
    return create_app(new_installation(plugins=(Open,), acme="\n[plugins.open]\n"))


@pytest.fixture
def browser(app):
    return app.test_client()


def test_a_page_needs_no_key_and_is_guarded_by_its_policy(browser):
    answer = browser.get("/p/acme/open/hello/x1")
    assert (answer.status_code, answer.text) == (200, "<h1>acme x1</h1>")
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/p/moonco/open/hello/x", "/p/nobody/open/hello/x", "/p/acme/closed/hello/x", "/p/acme/open/none"]
)
def test_what_is_off_or_unknown_answers_alike(browser, path):
    answer = browser.get(path)
    assert answer.status_code == 404
    assert answer.json["detail"] == "there is nothing at this address"


def test_a_person_is_told_on_a_page(browser):
    answer = browser.get("/p/moonco/open/hello/x", headers={"Accept": "text/html"})
    assert answer.status_code == 404 and "There is nothing here" in answer.text


def test_a_post_is_one_transaction(browser, app):
    assert browser.post("/p/acme/open/tag", data={"name": "good"}).json == {"tags": 1}
    refused = browser.post("/p/acme/open/tag", data={"name": "bad"})
    assert (refused.status_code, refused.json["field"]) == (422, "name")
    brand = app.extensions["scrm"].brand("acme")
    with brand:
        assert [tag.name for tag in brand.tags.all(group="pages")] == ["good"]


def test_a_body_over_the_limit_is_refused(browser):
    assert browser.post("/p/acme/open/raw", data=b"x" * 10).json == {"bytes": 10}
    assert browser.post("/p/acme/open/raw", data=b"x" * 1_000_001).status_code == 413


def test_a_failing_page_does_not_end_the_server(browser):
    answer = browser.get("/p/acme/open/boom")
    assert answer.status_code == 500 and "SystemExit" not in answer.text


def test_other_methods_are_refused(browser):
    assert browser.delete("/p/acme/open/hello/x").status_code == 405
