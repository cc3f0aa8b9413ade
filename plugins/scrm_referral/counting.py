"""Who counts: relations are bound at the first qualified touch, qualify when every gate is passed, and stop counting.

A step counts at the time of its event, whatever the order in which events come.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Invalid,
    NotFound,
    clean_text,
    execute,
    folded,
    insert_rows,
    new_uid,
    standing,
    transactional,
)

from . import campaigns as rows
from . import relations, screening
from .campaigns import Campaign, Campaigns, Inviter
from .definition import DAY_MS, HOUR_MS
from .models import ReferralPack
from .people import named, speakable
from .relations import Relation, Step
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand, ContactMerged, OrderPaid, PluginEvent, RefundMade

    from .rungs import Rungs

_GATE_OF = {"order": "first_order", "member": "member", "lead": "added"}


class Counting:
    """Binds and counts invitees of one brand; hooks, routes and the job call it inside ``with brand:``."""

    def __init__(self, brand: Brand, campaigns: Campaigns, rungs: Rungs) -> None:
        self.brand = brand
        self.campaigns = campaigns
        self.rungs = rungs

    # Binding ---------------------------------------------------------------------

    @transactional
    def touch(self, code: str, contact_id: int, kind: str, *, at: int | None = None) -> dict[str, str]:
        """Somebody came by a personal code: ``click`` makes a candidate, ``opened`` and ``added`` lock the relation.

        Answers ``state`` (candidate, locked, held, qualified, void, refused) and ``reason``.
        Raises NotFound for an unknown code.
        """
        inviter = rows.by_code(code)
        if inviter is None:
            raise NotFound("nobody has this personal code")
        campaign = self.campaigns.by_id(inviter.campaign_id)
        now = self.brand.now() if at is None else at
        person = standing(contact_id)
        if not campaign.runs(now) or inviter.state != "accepted":
            return {"state": "refused", "reason": "not_open"}
        if kind == "click":
            execute(
                "INSERT INTO referral_candidate (inviter_id, contact_id, at) VALUES (?, ?, ?)",
                (inviter.id, person, now),
            )
            return {"state": "candidate", "reason": ""}
        return self._bind(campaign, inviter, person, now, kind)

    def _bind(self, campaign: Campaign, inviter: Inviter, person: int, at: int, source: str) -> dict[str, str]:
        """Lock a person to an inviter, once per campaign; whoever is no new person is noted as void."""
        # Circles are only seen with everybody else's relations in view: one at a time per campaign.
        rows.hold(campaign.id)
        bound = relations.of_person(campaign.id, person)
        if bound:
            word = "" if bound[0].inviter_id == inviter.id else "invited_already"
            return {"state": bound[0].state if not word else "refused", "reason": word or bound[0].reason}
        if inviter.contact_id == person:
            return {"state": "refused", "reason": "self"}
        if inviter.contact_id is not None and relations.leads_to(campaign.id, inviter.contact_id, person):
            return {"state": "refused", "reason": "circle"}
        made = campaign.definition
        first = relations.candidate(campaign.id, person, at, made.attribution_days * DAY_MS)
        since = (first[1] if first else at) - made.fresh_hours * HOUR_MS
        new = relations.is_new(person, since)
        day = self.brand.day(at)
        (today,) = execute(
            "SELECT count(*) FROM referral_relation WHERE inviter_id = ? AND bound_day = ?", (inviter.id, day)
        ).fetchone()
        over = made.per_day is not None and today >= made.per_day
        (relation_id,) = execute(
            "INSERT INTO referral_relation (uid, campaign_id, inviter_id, contact_id, state, reason, source, staff, "
            "bound_at, bound_day, since, score, signals, cleared, refunds, over_cap) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '[]', 0, 0, ?) RETURNING id",
            (
                new_uid(self.brand.now()), campaign.id, inviter.id, person, "locked" if new else "void",
                "" if new else "not_new", source, inviter.staff, at, day, since, int(over),
            ),
        ).fetchone()  # fmt: skip
        if new:
            self._tell("locked", campaign, inviter, person)
            self.look(campaign, relations.get(relation_id), at)
        found = relations.get(relation_id)
        return {"state": found.state, "reason": found.reason}

    # What people did ---------------------------------------------------------------

    def take_lead(self, contact_id: int, at: int, event_id: int, link: str) -> None:
        """Somebody was added: through a personal code it is the inviter's, else whose invitation they opened."""
        inviter = rows.by_code(link) if link else None
        if inviter is not None:
            campaign = self.campaigns.by_id(inviter.campaign_id)
            if campaign.runs(at) and inviter.state == "accepted":
                self._bind(campaign, inviter, standing(contact_id), at, "added")
        self.advance(contact_id, at, event_id, "lead")

    def take_order(self, event: OrderPaid) -> None:
        """An order was paid."""
        if event.contact_id is not None:
            self.advance(event.contact_id, event.at, event.event_id, "order")

    def take_event(self, event: PluginEvent) -> None:
        """A plugin's event may be the claim of a newcomer pack."""
        if event.contact_id is None:
            return
        hit = False
        for campaign in self.campaigns.published():
            if relations.steps_of_event(campaign.definition, event.name, event.fields, event.plugin):
                row = (campaign.id, standing(event.contact_id), event.at, event.event_id)
                insert_rows(
                    ReferralPack, ("campaign_id", "contact_id", "at", "event_id"), [row],
                    on_conflict="ON CONFLICT (campaign_id, event_id) DO NOTHING",
                )  # fmt: skip
                hit = True
        if hit:
            self.advance(event.contact_id, event.at, event.event_id, "pack")

    def advance(self, contact_id: int, at: int, event_id: int, what: str) -> None:
        """Something happened to a person: it may be the touch that locks a candidate, and a gate passed."""
        person = standing(contact_id)
        for campaign in self.campaigns.published():
            if at >= campaign.definition.steps_until:
                continue
            if not relations.of_person(campaign.id, person) and campaign.runs(at):
                window = campaign.definition.attribution_days * DAY_MS
                found = relations.candidate(campaign.id, person, at, window)
                if found is not None and found[0].state == "accepted":
                    self._bind(campaign, found[0], person, at, what)
            bound = relations.of_person(campaign.id, person)
            if bound and bound[0].state == "locked":
                self.look(campaign, bound[0], at, (_GATE_OF.get(what, ""), event_id))

    def look(self, campaign: Campaign, relation: Relation, at: int, told: tuple[str, int] = ("", 0)) -> bool:
        """Note the gates that were passed; True when that made the invitee count. ``told``: gate and event id."""
        if relation.contact_id is None or relation.state != "locked":
            return False
        made = campaign.definition
        passed = relations.steps(relation.id)
        for gate in made.gates:
            if gate.name in passed:
                continue
            step = relations.evidence(self.brand, gate, relation, at)
            if step is not None and step.at < made.steps_until:
                if gate.name == told[0]:
                    step = Step(step.at, step.evidence, told[1])
                relations.add_step(relation.id, gate.name, step)
                passed[gate.name] = step
        if any(gate.name not in passed for gate in made.gates):
            return False
        why = relations.obstacle(relation)
        if why:
            self._void(relation, why)
            return False
        return self._complete(campaign, relation, passed)

    def _complete(self, campaign: Campaign, relation: Relation, passed: dict[str, Step]) -> bool:
        made = campaign.definition
        # Two events of one inviter's invitees at the same moment: the count is taken with the campaign held.
        rows.hold(campaign.id)
        signals = screening.screen(self.brand, campaign, relation)
        score = sum(each["weight"] for each in signals)
        held = score >= made.hold and not relation.cleared
        at = max(passed[gate.name].at for gate in made.gates)
        order = passed.get("first_order")
        until = (order.at if order else at) + made.refund_days * DAY_MS
        state = "held" if held else "qualified"
        changed = execute(
            "UPDATE referral_relation SET state = ?, reason = ?, score = ?, signals = ?, qualified_at = ?, "
            "qualified_day = ?, reversible_until = ? WHERE id = ? AND state = 'locked'",
            (
                state, "score" if held else "", score, json.dumps(signals, ensure_ascii=False), at,
                None if held else self.brand.day(at), until, relation.id,
            ),
        ).rowcount  # fmt: skip
        if not changed:
            return False
        inviter = rows.by_id(relation.inviter_id)
        self._tell("held" if held else "qualified", campaign, inviter, relation.contact_id)
        if not held:
            self.rungs.reconcile(campaign, inviter)
        return not held

    # What does not count any more ------------------------------------------------

    def take_refund(self, event: RefundMade) -> None:
        """The order that proved a gate went back within its window: the invitee counts no more until another comes."""
        for relation in relations.of_order(event.source, event.number):
            if relation.state == "void":
                continue
            campaign = self.campaigns.by_id(relation.campaign_id)
            gate, step = campaign.definition.gate("first_order"), relations.steps(relation.id)["first_order"]
            if gate is None or relations.order_holds(relation, gate, step):
                continue
            if relation.reversible_until is not None and event.at >= relation.reversible_until:
                continue
            relations.drop_steps(relation.id, "first_order")
            self._uncount(campaign, relation, "locked", "refunded")
            self.look(campaign, relations.get(relation.id), event.at)

    def take_merge(self, event: ContactMerged) -> None:
        """Two contacts became one person, or two again: who cannot be an invitee any more does not count."""
        for campaign in self.campaigns.published():
            rows.hold(campaign.id)
            people = {standing(each) for each in (event.winner_id, event.loser_id)}
            for person in sorted(people):
                for relation in reversed(relations.of_person(campaign.id, person)):
                    self._reconsider(campaign, relation, event.at)
                for inviter in rows.of_person(campaign.id, person):
                    for relation in relations.select("WHERE r.inviter_id = ? ORDER BY r.id", (inviter.id,)):
                        self._reconsider(campaign, relation, event.at)
                for inviter in rows.of_person(campaign.id, person)[:1]:
                    self.rungs.reconcile(campaign, inviter)

    def _reconsider(self, campaign: Campaign, relation: Relation, at: int) -> None:
        why = relations.obstacle(relation)
        if why and relation.state in ("locked", "held"):
            self._void(relation, why)
        elif why and relation.state == "qualified":
            assert relation.qualified_at is not None and relation.reversible_until is not None
            window = campaign.definition.refund_days * DAY_MS
            if at < max(relation.reversible_until, relation.qualified_at + window):
                relations.drop_steps(relation.id)
                self._uncount(campaign, relation, "void", why)
        elif not why and relation.state == "void" and relation.reason in ("self", "twice", "circle", "not_new"):
            execute("UPDATE referral_relation SET state = 'locked', reason = '' WHERE id = ?", (relation.id,))
            self.look(campaign, relations.get(relation.id), at)
        elif not why:
            self._recheck(campaign, relation, at, "merged")

    def _recheck(self, campaign: Campaign, relation: Relation, at: int, reason: str) -> bool:
        """Drop proofs that are the person's no more, and look again; True when an invitee counts no more for it."""
        if relation.state == "void" or relation.contact_id is None:
            return False
        passed = relations.steps(relation.id)
        gone = [name for name, step in passed.items() if not relations.holds(campaign.definition, relation, name, step)]
        for name in gone:
            relations.drop_steps(relation.id, name)
        if gone:
            self._uncount(campaign, relation, "locked", reason)
        self.look(campaign, relations.get(relation.id), at)
        return bool(gone)

    def _uncount(self, campaign: Campaign, relation: Relation, state: str, reason: str) -> None:
        rows.hold(campaign.id)
        execute(
            "UPDATE referral_relation SET state = ?, reason = ?, qualified_at = NULL, qualified_day = NULL, "
            "reversible_until = NULL, refunds = refunds + ? WHERE id = ?",
            (state, reason, int(reason == "refunded"), relation.id),
        )
        if relation.state == "qualified":
            inviter = rows.by_id(relation.inviter_id)
            self._tell("revoked", campaign, inviter, relation.contact_id)
            self.rungs.reconcile(campaign, inviter)

    @staticmethod
    def _void(relation: Relation, reason: str) -> None:
        execute("UPDATE referral_relation SET state = 'void', reason = ? WHERE id = ?", (reason, relation.id))
        relations.drop_steps(relation.id)

    # People who look ---------------------------------------------------------------

    @transactional
    def review(self, uid: str, verdict: str, *, reason: str, actor: str) -> Relation:
        """A person lets a held invitee count, or refuses them with a reason that stays on record.

        Raises NotFound, Conflict for one who is not held, Invalid without a reason.
        """
        found = relations.select("WHERE r.uid = ?", (uid,)) if speakable(uid) else []
        if not found:
            raise NotFound(f"no invitee {uid!r}")
        relation, actor = found[0], named(actor)
        reason = clean_text(reason, field="reason", max_length=500)
        if not reason:
            raise Invalid("reason: say why; it stays on record", field="reason")
        state, word = ("locked", "") if verdict == "approve" else ("void", "refused")
        changed = execute(
            "UPDATE referral_relation SET state = ?, reason = ?, cleared = 1 WHERE id = ? AND state = 'held'",
            (state, word, relation.id),
        ).rowcount
        if not changed:
            raise Conflict(f"the invitee is {relation.state}; only who is held is reviewed", code="state")
        execute(
            "INSERT INTO referral_review (relation_id, verdict, reason, actor, person, at) VALUES (?, ?, ?, ?, ?, ?)",
            (relation.id, "approved" if verdict == "approve" else "refused", reason, actor, folded(actor),
             self.brand.now()),
        )  # fmt: skip
        campaign = self.campaigns.by_id(relation.campaign_id)
        self.look(campaign, relations.get(relation.id), self.brand.now())
        return relations.get(relation.id)

    def settle(self) -> int:
        """The job: gates passed without an event of ours (groups, segments, late imports); how many now count."""
        done = 0
        for campaign in self.campaigns.published():
            made, after = campaign.definition, 0
            if self.brand.now() >= made.steps_until + made.refund_days * DAY_MS:
                continue
            while found := relations.unfinished(campaign.id, after):
                after = found[-1].id
                done += sum(self._look_again(campaign, relation.id) for relation in found)
            self._settle_proofs(campaign)
        return done

    def _settle_proofs(self, campaign: Campaign) -> None:
        """Orders are closed without a refund that anybody tells of: look while invitees can be revoked."""
        after, now = 0, self.brand.now()
        while found := relations.reversible(campaign.id, now, after):
            after = found[-1].id
            for relation in found:
                self._check_again(campaign, relation.id)

    @transactional
    def _check_again(self, campaign: Campaign, relation_id: int) -> None:
        rows.hold(campaign.id)
        self._recheck(campaign, relations.get(relation_id), self.brand.now(), "order closed")

    @transactional
    def _look_again(self, campaign: Campaign, relation_id: int) -> bool:
        return self.look(campaign, relations.get(relation_id), self.brand.now())

    def forget(self, contact_ids: Sequence[int]) -> None:
        """Part an erased person from what stays: counts and amounts; a place they held goes to who waits."""
        for contact_id in contact_ids:
            for campaign in self.campaigns.all():
                rows.hold(campaign.id)
                for inviter in rows.of_person(campaign.id, contact_id):
                    self.campaigns.give_up(campaign, inviter)
                    self.rungs.withdraw_all(inviter, "erased")
            execute(
                "UPDATE referral_step SET evidence = 'erased', event_id = NULL WHERE relation_id IN "
                "(SELECT id FROM referral_relation WHERE contact_id = ?)",
                (contact_id,),
            )
            execute(
                "UPDATE referral_relation SET contact_id = NULL, signals = '[]' WHERE contact_id = ?", (contact_id,)
            )
            execute("UPDATE referral_inviter SET contact_id = NULL WHERE contact_id = ?", (contact_id,))

    def _tell(self, name: str, campaign: Campaign, inviter: Inviter, friend: int | None) -> None:
        fields: dict[str, Any] = {"campaign": campaign.code, "friend": friend or 0}
        self.brand.emit(NAME, name, inviter.contact_id, fields)
