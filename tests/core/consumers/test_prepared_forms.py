"""``@prepared_by``: what is slow is done before the POST's transaction, with the address's arguments, and acts never twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from consumer_scene import Shop, person, taken
from flask import Blueprint
from signing import SCRIPT, fields, sign_in

from scrm_core.api import (
    Conflict,
    Plugin,
    consumer_answer,
    consumer_refusals,
    execute,
    need_consumer,
    prepared_by,
)
from scrm_core.web import create_app

pages = Blueprint("studio", __name__)
consumer_refusals(pages, {"blurred": {"zh": "照片太模糊", "en": "The picture is blurred"}})
ROOM, TAKE = "/p/acme/shop/room", "/p/acme/shop/take"


def develop(frame: int, ink: str) -> str:
    """Slow work: ``Studio.meanwhile`` is what else happens in that time."""
    asked = need_consumer()
    Studio.prepared.append((asked.contact_id, frame, ink))
    Studio.meanwhile()
    return f"{ink} picture of {asked.contact_id}"


@pages.post("/frames/<int:frame>/<ink>")
@prepared_by(develop)
def hang(frame: int, ink: str, prepared: str) -> Any:
    """Hang a picture up, once for each form."""
    need_consumer()
    key = f"frame-{frame}"
    execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = meta.value || '+' || ?",
        (key, prepared, prepared),
    )
    return consumer_answer({"hung": prepared}, ROOM)


class Studio(Plugin):
    """A page that prepares its forms."""

    name = "studio"
    version = "1"
    summary = "Test plugin whose form is prepared"
    requires_core = ">=0.1.0.dev0"
    pages = pages
    prepared: list[tuple[int, int, str]] = []
    meanwhile: Callable[[], None] = staticmethod(lambda: None)


@pytest.fixture
def shop(new_installation):
    Studio.prepared, Studio.meanwhile = [], staticmethod(lambda: None)
    tables = "\n[plugins.shop]\n[plugins.studio]\n"
    return new_installation(plugins=(Shop, Studio), acme=tables, moonco=tables)


@pytest.fixture
def contact(acme, browser):
    contact = person(acme, "13800138000")
    sign_in(browser, acme, contact)
    return contact


def hung(brand: Any, frame: int) -> str | None:
    with brand:
        row = execute("SELECT value FROM meta WHERE key = ?", (f"frame-{frame}",)).fetchone()
    return None if row is None else str(row[0])


def test_what_is_prepared_reaches_the_view_with_the_arguments_of_the_address(acme, moonco, browser, contact):
    form = fields(browser.get(ROOM))
    answer = browser.post("/p/acme/studio/frames/7/sepia", data=form, headers=SCRIPT)
    assert answer.json == {"hung": f"sepia picture of {contact}", "back": ROOM}
    assert Studio.prepared == [(contact, 7, "sepia")]
    assert hung(acme, 7) == f"sepia picture of {contact}" and hung(moonco, 7) is None


def test_nobody_else_waits_while_a_form_is_prepared(acme, shop, browser, contact):
    other = create_app(shop).test_client()
    bo = person(acme, "13900139000")
    sign_in(other, acme, bo)
    theirs = fields(other.get(ROOM))
    seen: list[int] = []

    def somebody_else() -> None:
        # In the transaction of the first form this would wait for its end, and for ever.
        thread = threading.Thread(target=lambda: seen.append(other.post(TAKE, data=theirs, headers=SCRIPT).status_code))
        thread.start()
        thread.join(30)

    Studio.meanwhile = staticmethod(somebody_else)
    answer = browser.post("/p/acme/studio/frames/1/ink", data=fields(browser.get(ROOM)), headers=SCRIPT)
    assert (answer.status_code, seen, taken(acme, bo)) == (200, [200], 1)


def test_a_form_that_is_sent_again_prepares_again_and_acts_once(acme, browser, contact):
    form = fields(browser.get(ROOM))
    first, second = (browser.post("/p/acme/studio/frames/2/ink", data=form, headers=SCRIPT) for _ in range(2))
    assert first.json == second.json and second.headers["Idempotent-Replayed"] == "true"
    assert len(Studio.prepared) == 2 and hung(acme, 2) == f"ink picture of {contact}"


def test_what_the_preparation_refuses_is_the_answer_and_the_form_may_be_sent_again(acme, browser, contact):
    form = fields(browser.get(ROOM))

    def blurred() -> None:
        raise Conflict("the picture cannot be read", code="blurred")

    Studio.meanwhile = staticmethod(blurred)
    refused = browser.post("/p/acme/studio/frames/3/ink", data=form, headers=SCRIPT)
    assert (refused.status_code, refused.json["code"], refused.json["detail"]) == (409, "blurred", "照片太模糊")
    assert hung(acme, 3) is None
    Studio.meanwhile = staticmethod(lambda: None)
    assert browser.post("/p/acme/studio/frames/3/ink", data=form, headers=SCRIPT).status_code == 200
    assert hung(acme, 3) == f"ink picture of {contact}"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_form_of_nobodys_and_a_forged_one_prepare_nothing(acme, browser, new_browser, contact):
    form = fields(browser.get(ROOM))
    forged = browser.post("/p/acme/studio/frames/4/ink", data={**form, "csrf": "0" * 32}, headers=SCRIPT)
    stranger = new_browser().post("/p/acme/studio/frames/4/ink", data={}, headers=SCRIPT)
    assert (forged.status_code, forged.json["code"]) == (403, "csrf")
    assert stranger.status_code in (401, 403)
    assert Studio.prepared == [] and hung(acme, 4) is None
