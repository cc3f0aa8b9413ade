"""Campaigns: made as a draft, published, closed; and people who sign up for a limited number of places (报名限额)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Invalid,
    NotFound,
    execute,
    fetch_in,
    insert_rows,
    page_size,
    standing,
    transactional,
)

from .definition import (
    Definition,
    body_of,
    from_json,
    issuer_problems,
    problems,
    read,
    shortages,
    stored_other,
    unissued,
)
from .inviters import Inviter, by_id, hold, of_person, selected
from .models import ReferralStock
from .people import named, speakable
from .schemas import MOST, NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

_CAMPAIGN = (
    "SELECT id, code, state, definition, quota, accepted, applied, budget_minor, spent_minor, salt, created_at, "
    "published_at, closed_at, ladders_at FROM referral_campaign "
)

_STANDING = ("accepted", "waiting", "left")
"""What a person is who has several rows after a merge: the first of these."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it stands; ``quota`` and ``budget_minor`` may have been raised since it was defined."""

    id: int
    code: str
    state: str
    definition: Definition
    quota: int | None
    accepted: int
    applied: int
    budget_minor: int | None
    spent_minor: int
    salt: str
    created_at: int
    published_at: int | None
    closed_at: int | None
    ladders_at: int | None

    def began_at(self) -> int:
        """The instant from which on people sign up and are bound."""
        return max(self.definition.starts_at or 0, self.published_at or 0)

    def runs(self, at: int) -> bool:
        """Whether people sign up and are bound at an instant."""
        if self.state == "draft" or at < self.began_at():
            return False
        return at < self.definition.ends_at and (self.closed_at is None or at < self.closed_at)


class Campaigns:
    """One brand's campaigns; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    # Life ---------------------------------------------------------------------

    @transactional
    def create(self, body: Any, *, actor: str) -> Campaign:
        """Make a draft; the same definition again answers the first.

        Raises Invalid naming the field, Conflict (``taken``) for a code that has another definition.
        """
        made, text = read(self.brand, body)
        name = named(actor)
        row = execute(
            "INSERT INTO referral_campaign (code, state, definition, quota, accepted, seated, applied, budget_minor, "
            "spent_minor, salt, actor, created_at) VALUES (?, 'draft', ?, ?, 0, 0, 0, ?, 0, ?, ?, ?) "
            "ON CONFLICT (code) DO NOTHING",
            (made.code, text, made.quota, made.budget_minor, secrets.token_hex(16), name, self.brand.now()),
        )
        if not row.rowcount and stored_other(made.code, text):
            raise Conflict(f"a campaign {made.code!r} exists with another definition", code="taken")
        campaign = self.get(made.code)
        if row.rowcount:
            _stock(campaign.id, made)
            self._note(name, "create", made.code)
        return campaign

    def body(self, campaign: Campaign) -> dict[str, Any]:
        """The definition of a campaign as :meth:`create` takes it, with what was raised since it was written."""
        (text,) = execute("SELECT definition FROM referral_campaign WHERE id = ?", (campaign.id,)).fetchone()
        found, stocks = body_of(self.brand, campaign.definition, text), self.stocks(campaign)
        for rung in found["ladder"]:
            rung["stock"] = stocks.get(rung["invites"], (None, 0))[0]
        return {**found, "quota": campaign.quota, "budget_minor": campaign.budget_minor}

    @transactional
    def change(self, code: str, changes: Any, *, actor: str) -> Campaign:
        """Change members of a draft's definition; what is not named stays.

        Raises Invalid naming the field at fault, and Conflict once the campaign was published: people read its rules.
        """
        name, campaign = named(actor), self.held(code)
        if campaign.state != "draft":
            raise Conflict(f"campaign {code!r} is {campaign.state}; only a draft is changed", code="state")
        if not isinstance(changes, dict):
            raise Invalid("an object of changes is expected")
        if changes.get("code", code) != code:
            raise Invalid(f"code: a campaign keeps its code {code!r}", field="code")
        before = self.body(campaign)
        made, text = read(self.brand, {**before, **changes})
        execute(
            "UPDATE referral_campaign SET definition = ?, quota = ?, budget_minor = ? WHERE id = ?",
            (text, made.quota, made.budget_minor, campaign.id),
        )
        execute("DELETE FROM referral_stock WHERE campaign_id = ?", (campaign.id,))
        _stock(campaign.id, made)
        campaign = self.get(code)
        after = self.body(campaign)
        changed = sorted(member for member in after if after[member] != before[member])
        if changed:
            self._note(name, "change", code, {"changed": changed})
        return campaign

    def _note(self, actor: str, what: str, code: str, detail: dict[str, Any] | None = None) -> None:
        self.brand.audit.note(actor, f"referral_campaign.{what}", f"referral_campaign:{code}", detail)

    @transactional
    def publish(self, code: str, *, actor: str, confirm: bool = False) -> Campaign:
        """Open a draft; raises Conflict for another state and Invalid (``problems``) for what dry-run tells.

        Unless ``confirm`` is given, Conflict (``shortage``) when an issuer has not enough for the ladder now.
        """
        # Held before it is looked at: what is published is what was checked.
        name, campaign = named(actor), self.held(code)
        found = list(problems(self.brand, self.settings, campaign.definition))
        if found:
            raise Invalid("; ".join(told.en for told in found), field="problems")
        lacking = [] if confirm else shortages(self.brand, campaign.definition)
        if lacking:
            raise Conflict(f"{'; '.join(lacking)}; or confirm that rewards may have to wait", code="shortage")
        changed = execute(
            "UPDATE referral_campaign SET state = 'open', published_at = ? WHERE code = ? AND state = 'draft'",
            (self.brand.now(), code),
        ).rowcount
        if not changed:
            raise Conflict(f"campaign {code!r} is {campaign.state}; only a draft is published", code="state")
        self.brand.channels.ensure(f"referral-{code}", campaign.definition.title, "referral")
        self._note(name, "publish", code)
        return self.get(code)

    @transactional
    def close(self, code: str, *, actor: str) -> Campaign:
        """Take no more sign-ups and invitees; steps, audits and refunds go on. Raises Conflict for a draft."""
        name = named(actor)
        changed = execute(
            "UPDATE referral_campaign SET state = 'closed', closed_at = ? WHERE code = ? AND state = 'open'",
            (self.brand.now(), code),
        ).rowcount
        campaign = self.get(code)
        if not changed and campaign.state == "draft":
            raise Conflict(f"campaign {code!r} is a draft; it was never open", code="state")
        if changed:
            self._note(name, "close", code)
        return campaign

    def get(self, code: str) -> Campaign:
        """The campaign with this code; raises NotFound."""
        found = self._rows("WHERE code = ?", (code,)) if speakable(code) else []
        if not found:
            raise NotFound(f"no campaign {code!r}")
        return found[0]

    def held(self, code: str) -> Campaign:
        """The campaign with this code, which nobody else changes until the transaction ends; raises NotFound."""
        hold(self.get(code).id)
        return self.get(code)

    def by_id(self, campaign_id: int) -> Campaign:
        """The campaign with this id."""
        return self._rows("WHERE id = ?", (campaign_id,))[0]

    def by_ids(self, campaign_ids: Iterable[int]) -> dict[int, Campaign]:
        """The campaigns with these ids."""
        found = fetch_in(f"{_CAMPAIGN}WHERE id IN ({{in}})", sorted(set(campaign_ids)))
        return {each.id: each for each in self._read(found)}

    def count_running(self) -> int:
        """How many campaigns are open and take sign-ups now."""
        return len(self._running())

    def all(self) -> list[Campaign]:
        """Every campaign, oldest first."""
        return self._rows("ORDER BY id", ())

    def page(self, *, before: int = 0, limit: int = 50) -> list[Campaign]:
        """Campaigns, newest first; ``before`` is the last id of the page before."""
        page_size(limit, 1_000)
        where, params = ("WHERE id < ? ", (before,)) if before else ("", ())
        return self._rows(f"{where}ORDER BY id DESC LIMIT ?", (*params, limit))

    def published(self) -> list[Campaign]:
        """Campaigns that are open or were."""
        return self._rows("WHERE state <> 'draft' ORDER BY id", ())

    @classmethod
    def _rows(cls, where: str, params: tuple[Any, ...]) -> list[Campaign]:
        return cls._read(execute(_CAMPAIGN + where, params).fetchall())

    @staticmethod
    def _read(rows: list[tuple[Any, ...]]) -> list[Campaign]:
        return [Campaign(*row[:3], from_json(row[3]), *row[4:]) for row in rows]

    def unissuable(self) -> list[str]:
        """Rewards of running campaigns that no plugin issues as the brand is configured."""
        return [
            f"campaign {campaign.code!r}: {sentence}; or close the campaign first "
            f"(scrm referral close {self.brand.id} {campaign.code} --as NAME)"
            for campaign in self._running()
            for sentence in unissued(self.brand, campaign.definition)
        ]

    def doubtful(self) -> list[str]:
        """Rewards of running campaigns that their issuer would refuse now, as of a batch that was closed.

        What is approved meanwhile waits and says so in the queue; it is granted once it can be.
        """
        return [
            f"campaign {campaign.code!r}: {told.en}; rewards of it wait: let it be issued again, or close the "
            f"campaign (scrm referral close {self.brand.id} {campaign.code} --as NAME)"
            for campaign in self._running()
            if not list(unissued(self.brand, campaign.definition))
            for told in issuer_problems(self.brand, campaign.definition)
        ]

    def _running(self) -> list[Campaign]:
        now = self.brand.now()
        return [each for each in self.published() if each.state == "open" and now < each.definition.ends_at]

    # Signing up -----------------------------------------------------------------

    @transactional
    def sign_up(self, code: str, contact_id: int) -> Inviter:
        """Take a place, or one on the wait-list when all are taken; the same person again gets what they have.

        Whether a place is free is one conditional UPDATE. Raises Conflict while the
        campaign does not run (``not_open``), and for whoever left it (``left``).
        """
        campaign = self.get(code)
        now = self.brand.now()
        if not campaign.runs(now):
            raise Conflict(f"campaign {code!r} takes no sign-ups now", code="not_open")
        # Held until the end: who leaves meanwhile sees this wait, or this sees the place that became free.
        hold(campaign.id)
        contact_id = self.brand.contacts.survivor(contact_id)
        known = sorted(of_person(campaign.id, contact_id), key=lambda each: _STANDING.index(each.state))
        if known:
            if known[0].state == "left":
                raise Conflict("whoever left a campaign does not sign up again", code="left")
            return known[0]
        execute("UPDATE referral_campaign SET applied = applied + 1 WHERE id = ?", (campaign.id,))
        (inviter_id,) = execute(
            "INSERT INTO referral_inviter (campaign_id, contact_id, state, staff, applied_at, version) "
            "VALUES (?, ?, 'waiting', '', ?, 0) RETURNING id",
            (campaign.id, contact_id, now),
        ).fetchone()
        self._seat(campaign, inviter_id)
        return by_id(inviter_id)

    @transactional
    def leave(self, code: str, contact_id: int) -> list[Inviter]:
        """Give one's place up; whoever waits longest gets it and is returned. Raises NotFound for a stranger.

        What the leaver's invitees have earned so far stays; nothing more becomes due unless the
        campaign counts on after leaving (``count_after_leaving``).
        """
        campaign = self.held(code)
        mine = of_person(campaign.id, standing(contact_id))
        if not mine:
            raise NotFound("this person has not signed up")
        promoted: list[Inviter] = []
        for each in mine:
            promoted += self.give_up(campaign, each)
        return promoted

    def give_up(self, campaign: Campaign, inviter: Inviter) -> list[Inviter]:
        """Mark somebody as left and seat those who wait; call it with the campaign held."""
        if inviter.state == "left":
            return []
        execute("UPDATE referral_inviter SET state = 'left', left_at = ? WHERE id = ?", (self.brand.now(), inviter.id))
        if inviter.code:
            self.brand.links.disable(inviter.code)
        if inviter.state != "accepted":
            return []
        execute("UPDATE referral_campaign SET accepted = accepted - 1 WHERE id = ?", (campaign.id,))
        return self._promote(campaign)

    @transactional
    def enlarge(self, code: str, quota: int, *, actor: str) -> list[Inviter]:
        """Raise the number of places; returns who came off the wait-list. Raises Invalid for fewer places."""
        name, campaign = named(actor), self.held(code)
        if campaign.quota is None or not _whole(quota, campaign.quota):
            words = "is no limit" if campaign.quota is None else f"are {campaign.quota}"
            raise Invalid(f"quota: places are only added; there {words}", field="quota")
        execute("UPDATE referral_campaign SET quota = ? WHERE id = ?", (quota, campaign.id))
        self._note(name, "enlarge", code, {"quota": quota})
        return self._promote(campaign)

    @transactional
    def fund(self, code: str, budget_minor: int, *, actor: str) -> Campaign:
        """Raise the budget, in minor units; what waits for money is granted by the job. Raises Invalid for less."""
        name, campaign = named(actor), self.held(code)
        if campaign.budget_minor is None or not _whole(budget_minor, campaign.budget_minor):
            words = "no limit" if campaign.budget_minor is None else f"{campaign.budget_minor}"
            raise Invalid(f"budget_minor: a budget is only raised; it is {words}", field="budget_minor")
        execute("UPDATE referral_campaign SET budget_minor = ? WHERE id = ?", (budget_minor, campaign.id))
        self._note(name, "fund", code, {"budget_minor": budget_minor})
        return self.get(code)

    @transactional
    def restock(self, code: str, invites: int, stock: int, *, actor: str) -> dict[int, tuple[int, int]]:
        """Raise the stock of the rung for ``invites``; answers :meth:`stocks`. Raises Invalid for less."""
        name, campaign = named(actor), self.held(code)
        there = self.stocks(campaign).get(invites)
        if there is None:
            raise Invalid(f"invites: no rung for {invites} has a stock", field="invites")
        if not _whole(stock, there[0]):
            raise Invalid(f"stock: it is only raised; there are {there[0]}", field="stock")
        execute(
            "UPDATE referral_stock SET stock = ? WHERE campaign_id = ? AND invites = ?", (stock, campaign.id, invites)
        )
        self._note(name, "restock", code, {"invites": invites, "stock": stock})
        return self.stocks(campaign)

    @staticmethod
    def stocks(campaign: Campaign) -> dict[int, tuple[int, int]]:
        """(stock, taken) of every rung that has a stock, by its invites."""
        found = execute("SELECT invites, stock, taken FROM referral_stock WHERE campaign_id = ?", (campaign.id,))
        return {row[0]: (row[1], row[2]) for row in found.fetchall()}

    def _promote(self, campaign: Campaign) -> list[Inviter]:
        """Seat those who wait, in order, while the campaign runs; who has a place as another contact needs none."""
        promoted: list[Inviter] = []
        after = 0
        while campaign.runs(self.brand.now()):
            found = selected(
                "WHERE campaign_id = ? AND state = 'waiting' AND id > ? ORDER BY id LIMIT 1", (campaign.id, after)
            )
            if not found:
                break
            after, contact_id = found[0].id, found[0].contact_id
            if contact_id is None or any(each.state == "accepted" for each in of_person(campaign.id, contact_id)):
                continue
            if not self._seat(campaign, after):
                break
            promoted.append(by_id(after))
            self.brand.emit(NAME, "promoted", promoted[-1].contact_id, {"campaign": campaign.code})
        return promoted

    def settle(self) -> None:
        """Give out places of people who were erased while the plugin was switched off: nobody told of them."""
        for campaign in self.published():
            if campaign.runs(self.brand.now()) and campaign.accepted != self._seated(campaign):
                self._recount(campaign)

    @transactional
    def _recount(self, campaign: Campaign) -> None:
        hold(campaign.id)
        execute("UPDATE referral_campaign SET accepted = ? WHERE id = ?", (self._seated(campaign), campaign.id))
        self._promote(campaign)

    @staticmethod
    def _seated(campaign: Campaign) -> int:
        (count,) = execute(
            "SELECT count(*) FROM referral_inviter WHERE campaign_id = ? AND state = 'accepted'", (campaign.id,)
        ).fetchone()
        return int(count)

    def _seat(self, campaign: Campaign, inviter_id: int) -> bool:
        """Give a place if one is free, with a link of one's own and the next of the staff; False when all are taken."""
        row = execute(
            "UPDATE referral_campaign SET accepted = accepted + 1, seated = seated + 1 WHERE id = ? "
            "AND (quota IS NULL OR accepted < quota) RETURNING seated",
            (campaign.id,),
        ).fetchone()
        if row is None:
            return False
        made = campaign.definition
        staff = made.staff[(row[0] - 1) % len(made.staff)] if made.staff else ""
        target = made.target_url or f"{base(self.brand)}/p/{self.brand.id}/{NAME}/c/{campaign.code}?by={{code}}"
        link = self.brand.links.create_many(f"referral-{campaign.code}", target, 1, owner=NAME, campaign=campaign.code)[
            0
        ]
        execute(
            "UPDATE referral_inviter SET state = 'accepted', code = ?, staff = ?, accepted_at = ? WHERE id = ?",
            (link.code, staff, self.brand.now(), inviter_id),
        )
        return True

    def inviters(self, code: str, *, after: int = 0, limit: int = 100) -> list[Inviter]:
        """Who signed up, in order, those who wait among them."""
        page_size(limit, 1_000)
        return selected("WHERE campaign_id = ? AND id > ? ORDER BY id LIMIT ?", (self.get(code).id, after, limit))

    def link(self, inviter: Inviter) -> str:
        """The personal short link of somebody accepted, or an empty text."""
        return f"{base(self.brand)}/l/{inviter.code}" if inviter.state == "accepted" else ""


def base(brand: Brand) -> str:
    """What addresses of the installation begin with."""
    return brand.installation.config.base_url.rstrip("/")


def _stock(campaign_id: int, made: Definition) -> None:
    insert_rows(
        ReferralStock, ("campaign_id", "invites", "stock", "taken"),
        [(campaign_id, rung.invites, rung.stock, 0) for rung in made.ladder if rung.stock is not None],
    )  # fmt: skip


def _whole(value: Any, least: int) -> bool:
    return type(value) is int and least <= value <= MOST
