"""What the checklist lets happen to a brand: one of each thing that plugins can hear of."""

from __future__ import annotations

from typing import Any

from .. import eventlog
from ..outreach.types import SendResult
from .outbox import Outbox
from .shop import Shop

PHONE, NAME, OTHER_PHONE = "+8613999990001", "Zhao Checklist", "+8613999990002"


def play(shop: Shop) -> list[Any]:
    """One of each thing that plugins can hear of, for two people and somebody unknown; returns the two."""
    people = [shop.lead(phone=PHONE, name=NAME, note="hello"), shop.lead(phone=OTHER_PHONE)]
    for person in people:
        first, second = (shop.order(person, paid, skus=("A", "B")) for paid in (20_000, 5_000))
        shop.order(person, 30_000)
        shop.refund(first, 1_000)
        shop.refund(second)
        shop.tag(person, "interest", "tea")
        shop.untag(person, "interest", "tea")
        shop.tag(person, "interest", "cups")
        shop.member(person)
        shop.message_in(person, "hello")
        shop.visit(shop.link())
        shop.event(Outbox.name, "checked", person)
        shop.clock.advance(hours=1)
    shop.refund(shop.order(None, 20_000, skus=("A",)))
    shop.event(Outbox.name, "checked", None)
    _write_to(shop, people)
    _hear_of_a_partner(shop)
    return people


def _write_to(shop: Shop, people: list[Any]) -> None:
    """The brand writes to both; one message arrives, the other does not."""
    answers = shop.plugin(Outbox.name).captured.answers
    with shop as brand:
        run = brand.outreach.open_run(
            "checklist", owner=Outbox.name, channel="sms", kind="notice", sender=Outbox.name, standing=True
        )
        brand.outreach.release(run.id, 10_000)
        brand.outreach.start(run.id)
        for person, answer in zip(people, (SendResult.delivered(), SendResult.refused("checked")), strict=True):
            brand.outreach.queue_body(run.id, shop._phone(person), "hello", contact_id=person.id)
            answers[:] = [answer]
            brand.outreach.drain()
    answers.clear()  # of a message that a guard kept back


def _hear_of_a_partner(shop: Shop) -> None:
    """A partner sends a message of a kind that no plugin knows."""
    with shop as brand, brand.transaction():
        now = brand.now()
        told = {"partner": "checklist", "kind": "checklist.greeting", "id": "checklist-1", "body": {}}
        eventlog.append([eventlog.NewEvent("partner.message", None, now, told)], recorded_at=now)
