"""Customers as WeCom tells them: names, unionids, who has them, tags; one by one and a page at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from scrm_core.api import IdentityIn, Invalid, LeadIn, ScrmError, Veto, execute, fetch_in, insert_rows

from . import tasks
from .follows import SUPPRESSED, Follows, pair
from .labels import Labels
from .models import WecomFollow
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .client.answers import Chat, Customer

NEWS_MS = 86_400_000
"""A relation that began before this and of which no callback told is history: nobody is rewarded for it now."""

_COLUMNS = ("contact_id", "external", "staff", "state", "source", "since", "lost_by", "tags", "pushed", "seen")


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

    def take(self, customer: Customer, openid: str = "", corp: str = "") -> None:
        """A customer with everybody who has them. Raises Veto (``suppressed``) for an erased person."""
        now = self.brand.now()
        person = self.brand.contacts.resolve(
            identities_of(customer, openid, corp), at=now, origin=NAME, name=customer.name
        )
        for info in customer.follows:
            at = min(info.since * 1_000, now) if info.since > 0 else now
            self.follows.added(customer.external, info.staff, at, source=info.state, history=now - at > NEWS_MS)
            known = pair(customer.external, info.staff)
            if known is not None and known.state != "lost":
                self.labels.note(known.id, info.tags)
                if self.labels.unknown(info.tags):
                    tasks.want(self.brand, tasks.TAGS)
        self.labels.settle(person.contact_id)

    def take_page(self, staff: str, customers: Sequence[Customer], sync_id: int) -> None:
        """A page of a member's customers, as history: leads, relations and tags in few statements."""
        now = self.brand.now()
        by_id = {customer.external: customer for customer in customers}
        known = {
            row[0]: row[1:]
            for row in fetch_in(
                "SELECT external, id, state, lost_at, contact_id, tags FROM wecom_follow "
                "WHERE staff = ? AND external IN ({in})",
                sorted(by_id),
                (staff,),
            )
        }
        new = [customer for external, customer in by_id.items() if external not in known]
        self._capture(staff, new, now)
        standing = [by_id[external] for external in by_id if external in known]
        if standing:
            self.brand.contacts.resolve_many(
                [identities_of(customer) for customer in standing], at=[now] * len(standing), origin=NAME,
                names=[customer.name for customer in standing],
            )  # fmt: skip
        for customer in standing:
            (info,) = customer.follows
            since = min(info.since * 1_000, now)
            if known[customer.external][1] == "half":
                self.follows.added(customer.external, staff, since or now, source=info.state, history=True)
            elif known[customer.external][1] == "lost" and since > known[customer.external][2]:
                self.follows.added(customer.external, staff, since, source=info.state, history=True)
        self._mark(staff, by_id, sync_id)

    def _capture(self, staff: str, customers: Sequence[Customer], now: int) -> None:
        if not customers:
            return
        leads = []
        for customer in customers:
            (info,) = customer.follows
            at = min(info.since * 1_000, now) if info.since > 0 else now
            leads.append(
                LeadIn(
                    source=NAME, reference=f"{staff}/{customer.external}/{at // 1_000}",
                    identities=identities_of(customer), at=at, state=info.state, name=customer.name,
                    fields={"staff": staff}, backfill=True,
                )
            )  # fmt: skip
        rows = []
        for customer, lead, answer in zip(customers, leads, self.brand.contacts.capture_leads(leads), strict=True):
            contact_id = self._contact_of(customer, lead, answer)
            if contact_id is not None:
                rows.append((contact_id, customer.external, staff, "active", lead.state, lead.at, "", "[]", "[]", 0))
        insert_rows(WecomFollow, _COLUMNS, rows, on_conflict="ON CONFLICT (external, staff) DO NOTHING")

    def _contact_of(self, customer: Customer, lead: LeadIn, answer: object) -> int | None:
        if not isinstance(answer, ScrmError):
            return int(answer.contact_id)  # type: ignore[attr-defined]
        if isinstance(answer, Veto) and answer.code != SUPPRESSED:
            return self.brand.contacts.resolve(lead.identities, at=lead.at, origin=NAME, name=lead.name).contact_id
        return None

    def _mark(self, staff: str, by_id: dict[str, Customer], sync_id: int) -> None:
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
                self.labels.note(follow_id, wanted)
                self.labels.settle(contact_id)
        if self.labels.unknown(keys):
            tasks.want(self.brand, tasks.TAGS)

    # Chat groups --------------------------------------------------------------

    def take_chat(self, chat: Chat) -> None:
        """A chat group as it is now: who is in it, who is not any more."""
        now, groups = self.brand.now(), self.brand.groups
        groups.upsert(chat.id, chat.name, chat.owner, NAME)
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
        for contact_id in sorted(_members(chat_id)):
            self.brand.groups.leave(chat_id, contact_id, at=at)


def _members(chat_id: str) -> set[int]:
    rows = execute(
        "SELECT m.contact_id FROM group_member m JOIN chat_group g ON g.id = m.group_id "
        "WHERE g.code = ? AND m.left_at IS NULL",
        (chat_id,),
    ).fetchall()
    return {row[0] for row in rows}
