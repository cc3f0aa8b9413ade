"""Referral (老带新) of one brand: what routes, commands, pages and hooks call."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, NotFound, PersonQuery, execute, iso, mask, standing, transactional

from . import inviters as rows
from . import relations, screening
from .campaigns import Campaigns
from .counting import Counting
from .definition import dry_run
from .figures import keep
from .inviters import Inviter
from .rungs import SHOWN, Rungs
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand


class Referrals:
    """One brand's referral; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    @cached_property
    def campaigns(self) -> Campaigns:
        """Campaigns and sign-ups."""
        return Campaigns(self.brand, self.settings)

    @cached_property
    def rungs(self) -> Rungs:
        """The ladder: due, audited, granted, taken back."""
        return Rungs(self.brand, self.campaigns)

    @cached_property
    def counting(self) -> Counting:
        """Invitees: bound, counted, held, void."""
        return Counting(self.brand, self.campaigns, self.rungs)

    def dry_run(self, body: Any, *, changes: str = "") -> dict[str, Any]:
        """What a definition would publish and cost; writes nothing.

        ``changes`` is the code of the draft that it is to rewrite: of any other the code is free, or that is told.
        """
        return dry_run(self.brand, self.settings, body, changes=changes)

    @transactional
    def add_trait(self, code: str, contact_id: int, kind: str, value: str) -> None:
        """Note the device, network, address or payer that somebody was seen with, as a keyed hash."""
        campaign = self.campaigns.get(code)
        screening.add_trait(campaign, self.brand.contacts.survivor(contact_id), kind, value, self.brand.now())

    def accepted(self, code: str, contact_id: int) -> Inviter:
        """The accepted inviter that a person is; raises NotFound for a stranger, Conflict for who waits or left."""
        found = rows.of_person(self.campaigns.get(code).id, standing(contact_id))
        if not found:
            raise NotFound("this person has not signed up")
        for each in found:
            if each.state == "accepted":
                return each
        words = "left this campaign" if found[0].state == "left" else "waits for a place"
        raise Conflict(f"this person {words} and has no code", code=found[0].state)

    def progress(self, code: str, contact_id: int) -> dict[str, Any]:
        """What a person reached: their place, link, latest hundred invitees (names masked) and rungs."""
        campaign = self.campaigns.get(code)
        mine = rows.of_person(campaign.id, standing(contact_id))
        if not mine:
            return {"state": "none", "link": "", "code": "", "qualified": 0, "waiting": 0, "invitees": [], "rungs": []}
        ids = [each.id for each in mine]
        people, qualified = [], 0
        for each in ids:
            people += relations.select(
                "WHERE r.inviter_id = ? ORDER BY r.bound_day DESC, r.id DESC LIMIT ?", (each, SHOWN)
            )
            sql = "SELECT count(*) FROM referral_relation WHERE inviter_id = ? AND state = 'qualified'"
            qualified += execute(sql, (each,)).fetchone()[0]
        people.sort(key=lambda each: -each.id)
        reached = {due.invites: due.state for each in mine for due in self.rungs.live([each])}
        first = next((each for each in mine if each.state == "accepted"), mine[0])
        ahead = 0
        if first.state == "waiting":
            (ahead,) = execute(
                "SELECT count(*) FROM referral_inviter WHERE campaign_id = ? AND state = 'waiting' AND id <= ?",
                (campaign.id, first.id),
            ).fetchone()
        return {
            "state": first.state,
            "link": self.campaigns.link(first),
            "code": (first.code or "") if first.state == "accepted" else "",
            "staff": first.staff,
            "waiting": ahead,
            "qualified": qualified,
            "invitees": [
                {"name": self._name(each.contact_id), "state": each.state, "passed": sorted(relations.steps(each.id))}
                for each in people[:SHOWN]
            ],
            "rungs": [
                {"invites": rung.invites, "title": rung.title or rung.item, "state": reached.get(rung.invites, "open")}
                for rung in campaign.definition.ladder
            ],
        }

    @staticmethod
    def _name(contact_id: int | None) -> str:
        row = execute("SELECT name FROM contact WHERE id = ?", (contact_id,)).fetchone()
        return (mask("name", row[0]) or "") if row is not None and row[0] else ""

    def settle(self) -> tuple[int, int]:
        """The job: (invitees who now count, rewards granted)."""
        self.campaigns.settle()
        counted = self.counting.settle()  # before anything is granted: what does not count any more is not paid
        granted = self.rungs.settle()
        for campaign in self.campaigns.published():
            keep(self.brand, campaign)
        return counted, granted

    def personal(self, query: PersonQuery) -> dict[str, Any]:
        """What referral holds about a person beside rows that name them: others in it are masked."""
        steps, rungs = [], []
        for campaign in self.campaigns.all():
            for relation in relations.of_person(campaign.id, query.contact_id):
                inviter = rows.by_id(relation.inviter_id)
                steps.append(
                    {
                        "campaign": campaign.code,
                        "invited_by": self._name(inviter.contact_id),
                        "steps": {
                            gate: {"at": iso(step.at, self.brand.zone), "evidence": step.evidence}
                            for gate, step in relations.steps(relation.id).items()
                        },
                    }
                )
            for inviter in rows.of_person(campaign.id, query.contact_id):
                rungs += [
                    {"campaign": campaign.code, "invites": due.invites, "state": due.state, "item": due.item}
                    for due in self.rungs.live([inviter])
                ]
        return {"invitations": steps, "rewards": rungs}


def referrals_of(brand: Brand) -> Referrals:
    """The service of a brand; raises NotFound when the plugin is switched off."""
    return Referrals(brand, brand.plugin(NAME).settings)
