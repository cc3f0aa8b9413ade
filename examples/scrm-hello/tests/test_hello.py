"""What the plugin does, through the doors that a brand uses. The fixture ``scrm_app`` comes with scrm."""

from __future__ import annotations

from scrm_core.testing import assert_plugin_ok
from scrm_hello import Hello


def greeted(shop):
    rows = shop.client("hello:read").get("plugins/hello/greetings").json["greetings"]
    return [(row["contact"], row["text"]) for row in rows]


def test_a_new_lead_is_greeted_once_and_only_in_its_own_brand(scrm_app):
    app = scrm_app(Hello, settings={"text": "Hello"})
    ada = app.brand.lead(phone="+8613800000001")
    app.brand.lead(phone="+8613800000001")  # the same person comes again
    app.brand.deliver_twice()
    assert greeted(app.brand) == [(ada.uid, "Hello")]
    assert greeted(app.second_brand) == []


def test_an_old_greeting_is_forgotten(scrm_app):
    app = scrm_app(Hello, settings={"keep_days": 7})
    app.brand.lead()
    app.brand.deliver()
    app.clock.advance(days=6)
    young = app.brand.lead()
    app.brand.deliver()
    app.clock.advance(days=2)
    assert "hello/forget" in app.brand.run_jobs()
    assert greeted(app.brand) == [(young.uid, "Welcome")]


def test_the_plugin_meets_the_checklist():
    assert_plugin_ok(Hello)
