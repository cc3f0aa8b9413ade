"""Customers as WeCom tells them: names, unionids, who has them, tags; one by one and a page at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from scrm_core.api import IdentityIn, Invalid, LeadIn, ScrmError, Veto, execute, fetch_in, insert_rows

from . import rolls, tasks
from .follows import ASSIGNED, SLACK_MS, SUPPRESSED, Follows, began, is_history, lead_fields, pair, reference_of
from .labels import Labels
from .models import WecomFollow
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .client.answers import Chat, Customer, FollowInfo

_COLUMNS = ("contact_id", "external", "staff", "state", "source", "since", "lost_by", "tags", "pushed", "seen")


class Raced(Exception):
    """Somebody else has written a relation of the page at this very moment: the page is to be written anew."""


def identities_of(customer: Customer, openid: str = "", corp: str = "") -> tuple[IdentityIn, ...]:
    """External user id and, where WeCom tells it, unionid: the bridge to mini programs and official accounts.

    ``openid`` is the customer's at the corporation ``corp``, whose pages and payments know them by it.
    """
    found = [IdentityIn.of("external_userid", customer.external)]
    for kind, value, where in (("unionid", customer.unionid, ""), ("openid", openid, corp)):
        if value:
            with suppress(Invalid):
                found.append(IdentityIn.of(kind, value, where))
    return tuple(found)


class People:
    """Writes what WeCom tells of one brand's customers, in the open transaction."""

    def __init__(self, brand: Brand, follows: Follows, labels: Labels) -> None:
        self.brand = brand
        self.follows = follows
        self.labels = labels

    def take(self, customer: Customer, place: int, openid: str = "", corp: str = "") -> None:
        """A customer with everybody who has them. Raises Veto (``suppressed``) for an erased person.

        ``place`` is that of :meth:`.labels.Labels.place` before WeCom was asked.
        """
        now = self.brand.now()
        person = self.brand.contacts.resolve(
            identities_of(customer, openid, corp), at=now, origin=NAME, name=customer.name
        )
        for info in customer.follows:
            self._shown(customer.external, info, now)
            known = pair(customer.external, info.staff)
            if known is not None and known.state != "lost":
                self._note(known.id, customer.external, info.tags, place)
                if self.labels.unknown(info.tags):
                    tasks.want(self.brand, tasks.TAGS)
        self.follows.settle(customer.external)
        self.labels.settle(person.contact_id)

    def _shown(self, external: str, info: FollowInfo, now: int) -> None:
        """WeCom shows that a member has a customer: news, an add that nobody told of, or what is known."""
        known = pair(external, info.staff)
        if known is not None and info.since <= 0:
            return  # without its beginning nothing can be told from what is known
        at = began(info.since, now)
        if known is not None and known.state == "lost":
            self.follows.shown(external, info.staff, at)
        self.follows.added(
            external, info.staff, at, source=info.state, history=is_history(at, now), way=info.add_way
        )

    def _note(self, follow_id: int, external: str, tags: Sequence[str], place: int) -> None:
        """A relation's tags as WeCom told them, unless it was told others meanwhile: then it is asked once more."""
        if self.labels.told_since(follow_id, place):
            tasks.want(self.brand, tasks.CUSTOMER, external)
        else:
            self.labels.note(follow_id, tags)

    def take_page(self, staff: str, customers: Sequence[Customer], sync_id: int, place: int) -> None:
        """A page of a member's customers: leads, relations and tags in few statements; ``place`` as in :meth:`take`.

        Who came within a day is news, as their callback would have been; older ones are history. Raises Raced.
        """
        now = self.brand.now()
        by_id = {customer.external: customer for customer in customers}
        known = {
            row[0]: row[1:]
            for row in fetch_in(
                "SELECT external, state, since, unsure FROM wecom_follow WHERE staff = ? AND external IN ({in})",
                sorted(by_id),
                (staff,),
            )
        }
        self._capture(staff, [customer for external, customer in by_id.items() if external not in known], now)
        standing = [by_id[external] for external in by_id if external in known]
        if standing:
            self.brand.contacts.resolve_many(
                [identities_of(customer) for customer in standing], at=[now] * len(standing), origin=NAME,
                names=[customer.name for customer in standing],
            )  # fmt: skip
        for customer in standing:
            (info,) = customer.follows
            state, since, unsure = known[customer.external]
            if state != "active" or unsure or began(info.since, now) > since + SLACK_MS:
                self._shown(customer.external, replace(info, staff=staff), now)
        self._mark(staff, by_id, sync_id, place)

    def _capture(self, staff: str, customers: Sequence[Customer], now: int) -> None:
        """Customers whom the member was not known to have; who was handed over by a colleague is no lead."""
        came = [customer for customer in customers if customer.follows[0].add_way != ASSIGNED]
        leads = []
        for customer in came:
            (info,) = customer.follows
            at = began(info.since, now)
            leads.append(
                LeadIn(
                    source=NAME, reference=reference_of(customer.external, staff, at),
                    identities=identities_of(customer), at=at, state=info.state, name=customer.name,
                    fields=lead_fields(staff, found=at < now - SLACK_MS), backfill=is_history(at, now),
                )
            )  # fmt: skip
        rows = []
        for customer, lead, answer in zip(came, leads, self.brand.contacts.capture_leads(leads), strict=True):
            contact_id = self._contact_of(customer, lead, answer)
            if contact_id is not None:
                rows.append((contact_id, customer.external, staff, "active", lead.state, lead.at, "", "[]", "[]", 0))
        rows += self._handed_over(staff, [each for each in customers if each.follows[0].add_way == ASSIGNED], now)
        made = insert_rows(WecomFollow, _COLUMNS, rows, on_conflict="ON CONFLICT (external, staff) DO NOTHING")
        if made < len(rows):
            raise Raced
        for _, external, _, _, _, at, *_ in rows:
            if not is_history(at, now):
                self.follows.told(external, staff, at)

    def _handed_over(self, staff: str, customers: Sequence[Customer], now: int) -> list[tuple[object, ...]]:
        if not customers:
            return []
        people = self.brand.contacts.resolve_many(
            [identities_of(customer) for customer in customers], at=[now] * len(customers), origin=NAME,
            names=[customer.name for customer in customers],
        )  # fmt: skip
        return [
            (person.contact_id, customer.external, staff, "active", customer.follows[0].state,
             began(customer.follows[0].since, now), "", "[]", "[]", 0)
            for customer, person in zip(customers, people, strict=True)
            if person is not None
        ]  # fmt: skip

    def _contact_of(self, customer: Customer, lead: LeadIn, answer: object) -> int | None:
        if not isinstance(answer, ScrmError):
            return int(answer.contact_id)  # type: ignore[attr-defined]
        if isinstance(answer, Veto) and answer.code != SUPPRESSED:
            return self.brand.contacts.resolve(lead.identities, at=lead.at, origin=NAME, name=lead.name).contact_id
        return None

    def _mark(self, staff: str, by_id: dict[str, Customer], sync_id: int, place: int) -> None:
        """Note that the sync saw these relations, and their tags."""
        rows = fetch_in(
            "SELECT id, external, contact_id, tags FROM wecom_follow "
            "WHERE staff = ? AND state <> 'lost' AND external IN ({in})",
            sorted(by_id),
            (staff,),
        )
        keys: set[str] = set()
        for follow_id, external, contact_id, tags in rows:
            wanted = by_id[external].follows[0].tags
            keys.update(wanted)
            execute("UPDATE wecom_follow SET seen = ? WHERE id = ?", (sync_id, follow_id))
            if sorted(set(wanted)) != json.loads(tags):
                self._note(follow_id, external, wanted, place)
                self.labels.settle(contact_id)
        if self.labels.unknown(keys):
            tasks.want(self.brand, tasks.TAGS)

    # Chat groups --------------------------------------------------------------

    def take_chat(self, chat: Chat) -> None:
        """A chat group as it is now: who is in it, who is not any more."""
        now, groups = self.brand.now(), self.brand.groups
        groups.upsert(chat.id, chat.name, chat.owner, NAME)
        rolls.note_read(chat.id)
        rows = [(IdentityIn.of("external_userid", member.external),) for member in chat.members]
        at = [min(member.joined * 1_000, now) if member.joined > 0 else now for member in chat.members]
        found = self.brand.contacts.resolve_many(rows, at=at, origin=NAME) if rows else []
        present = {person.contact_id: when for person, when in zip(found, at, strict=True) if person is not None}
        for contact_id in sorted(_members(chat.id) - present.keys()):
            groups.leave(chat.id, contact_id, at=now)
        for contact_id, when in sorted(present.items()):
            groups.join(chat.id, contact_id, at=when, source=NAME)

    def dismiss_chat(self, chat_id: str, at: int) -> None:
        """A chat group is no more: everybody has left it."""
        self.brand.groups.upsert(chat_id, source=NAME)
        rolls.note_gone(chat_id)
        for contact_id in sorted(_members(chat_id)):
            self.brand.groups.leave(chat_id, contact_id, at=at)

    def chat_is_gone(self, chat_id: str) -> None:
        """WeCom has no such chat group (any more): if it was ours it is dismissed."""
        if execute("SELECT 1 FROM chat_group WHERE code = ? AND source = ?", (chat_id, NAME)).fetchone() is not None:
            self.dismiss_chat(chat_id, self.brand.now())
        else:
            rolls.note_gone(chat_id)


def _members(chat_id: str) -> set[int]:
    rows = execute(
        "SELECT m.contact_id FROM group_member m JOIN chat_group g ON g.id = m.group_id "
        "WHERE g.code = ? AND m.left_at IS NULL",
        (chat_id,),
    ).fetchall()
    return {row[0] for row in rows}
