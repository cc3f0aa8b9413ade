"""A plugin with pages for customers, the gateway that records their codes, and browsers to open them with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import flask
from flask import Blueprint

from scrm_core.api import (
    Conflict,
    NotFound,
    OutMessage,
    Plugin,
    Sender,
    SendResult,
    SignIn,
    VerifiedIdentity,
    consumer,
    consumer_answer,
    consumer_language,
    consumer_page,
    consumer_refusals,
    current_brand,
    current_plugin,
    device,
    execute,
    need_consumer,
    network,
)
from scrm_core.services.contacts import IdentityIn

pages = Blueprint("shop", __name__)
consumer_refusals(pages, {"sold_out": {"zh": "已抢光", "en": "All gone"}})


class Counter:
    """A gateway that keeps what it is given."""

    def __init__(self) -> None:
        self.batch = 10
        self.sent: list[OutMessage] = []

    def send(self, messages: Sequence[OutMessage]) -> list[SendResult]:
        self.sent += messages
        return [SendResult.accepted(f"ref-{message.uid}") for message in messages]


GATEWAYS: dict[str, Counter] = {}


class Shop(Plugin):
    """A page for everybody, a form for those who are known, and a sign-in elsewhere."""

    name = "shop"
    version = "1"
    summary = "Test plugin with pages for customers"
    requires_core = ">=0.1.0.dev0"
    pages = pages
    senders = {"counter": Sender("sms", "Counter", "counter")}
    sign_ins = {"elsewhere": SignIn("Elsewhere", "leave_for", "came_from", "is_offered")}
    extensions = {"consumer.me": (("room", {"zh": "我的房间", "en": "My room"}),)}
    accounts: dict[str, list[VerifiedIdentity]] = {}

    def counter(self) -> Counter:
        return GATEWAYS.setdefault(self.brand.id, Counter())

    def is_offered(self, agent: str) -> bool:
        return "NoElsewhere" not in agent

    def leave_for(self, return_address: str, state: str) -> str:
        return f"https://elsewhere.example/authorize?back={return_address}&state={state}"

    def came_from(self, args: dict[str, str]) -> list[VerifiedIdentity]:
        return self.accounts.get(args.get("code", ""), [])


@pages.get("/look")
def look() -> Any:
    found = consumer()
    return {
        "contact": found and found.contact_id,
        "via": found and found.via,
        "strong": found and found.strong,
        "lang": consumer_language(),
        "device": device(),
        "network": network(),
    }


@pages.get("/room")
def room() -> Any:
    from pathlib import Path

    return consumer_page(str(Path(__file__).with_name("room.html")))


@pages.get("/private")
def private() -> Any:
    return {"contact": need_consumer().contact_id}


@pages.post("/take")
def take() -> Any:
    """Count the takings of the customer, whoever the form says it is."""
    person = need_consumer()
    current_plugin(Shop)
    if flask.request.form.get("want") == "nothing":
        raise Conflict("there is none left", code="sold_out")
    key = f"taken-{person.contact_id}"
    execute(
        "INSERT INTO meta (key, value) VALUES (?, '1') ON CONFLICT (key) DO UPDATE SET "
        "value = CAST(CAST(meta.value AS INTEGER) + 1 AS TEXT)",
        (key,),
    )
    (count,) = execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return consumer_answer({"taken": int(count)}, f"{current_brand().consumers.root}shop/room")


@pages.get("/hall")
def hall() -> Any:
    """A page with two forms, which a script sends."""
    from pathlib import Path

    return consumer_page(str(Path(__file__).with_name("hall.html")))


@pages.get("/lost/<code>")
def lost(code: str) -> Any:
    """What a plugin says of a code that it does not know, in words for developers."""
    consumer()
    raise NotFound(f"no raffle {code!r}")


@pages.get("/aborted")
def aborted() -> Any:
    flask.abort(404)


@pages.post("/wave")
def wave() -> Any:
    need_consumer()
    return consumer_answer({"waved": True}, f"{current_brand().consumers.root}shop/room")


@pages.post("/callback")
def callback() -> Any:
    """What another service calls: it has no form of ours and is nobody."""
    return {"bytes": len(flask.request.get_data())}


def taken(brand: Any, contact_id: int) -> int:
    """How often a contact's form had an effect."""
    with brand:
        row = execute("SELECT value FROM meta WHERE key = ?", (f"taken-{contact_id}",)).fetchone()
    return 0 if row is None else int(row[0])


def person(brand: Any, phone: str = "", name: str = "") -> int:
    """A contact with a phone, or with an openid alone."""
    with brand:
        identity = (
            IdentityIn.of("phone", phone, region=brand.config.phone_region)
            if phone
            else IdentityIn("openid", f"o-{name}", "wx1")
        )
        return brand.contacts.resolve([identity], at=brand.now(), origin="test", name=name).contact_id


def sent_code(brand: Any) -> str:
    """Have the outreach send what waits, and read the code out of the last message."""
    with brand:
        brand.outreach.drain()
    return re.search(r"\d{6}", GATEWAYS[brand.id].sent[-1].body).group()
