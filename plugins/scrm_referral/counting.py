"""Who counts: relations are bound at the first qualified touch, qualify when every gate is passed, and stop counting.

A step counts at the time of its event, whatever the order in which events come.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

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

from . import inviters as rows
from . import relations, screening
from .campaigns import Campaign, Campaigns
from .definition import DAY_MS, HOUR_MS
from .figures import keep_figures
from .inviters import Inviter
from .models import ReferralPack
from .people import named, speakable
from .relations import Relation, Step
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand, ContactMerged, MemberJoined, OrderPaid, PluginEvent, RefundMade

    from .rungs import Rungs

CLICK_MS = 60_000
_GATE_OF = {"order": "first_order", "member": "member", "lead": "added"}


@dataclass(frozen=True, slots=True)
class Told:
    """An event that may be the proof of a gate: a lead, an order, a membership, a pack."""

    what: str
    at: int
    event_id: int
    order_id: int | None = None

    def proves(self, gate: str, step: Step) -> bool:
        """Whether a step is what this event tells of, not another one of the same kind."""
        return gate == _GATE_OF.get(self.what) and (step.at, step.order_id) == (self.at, self.order_id)


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
        if not campaign.runs(now) or not inviter.stood(now):
            return {"state": "refused", "reason": "not_open"}
        if kind == "click":
            # Clicked again at once, a page loaded twice: one click.
            execute(
                "INSERT INTO referral_candidate (inviter_id, contact_id, at) SELECT CAST(? AS BIGINT), "
                "CAST(? AS BIGINT), CAST(? AS BIGINT) WHERE NOT EXISTS (SELECT 1 FROM referral_candidate "
                "WHERE inviter_id = ? AND contact_id = ? AND at > ?)",
                (inviter.id, person, now, inviter.id, person, now - CLICK_MS),
            )
            return {"state": "candidate", "reason": ""}
        return self._bind(campaign, inviter, person, now, kind)

    def _bind(
        self, campaign: Campaign, inviter: Inviter, person: int, at: int, source: str, told: Told | None = None
    ) -> dict[str, str]:
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
        new = relations.is_new(campaign, person, since)
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
            self.look(campaign, relation_id, at, told)
        found = relations.get(relation_id)
        return {"state": found.state, "reason": found.reason}

    # What people did ---------------------------------------------------------------

    def take_lead(self, contact_id: int, at: int, event_id: int, link: str) -> None:
        """Somebody was added: through a personal code it is the inviter's, else whose invitation they opened."""
        inviter = rows.by_code(link) if link else None
        told = Told("lead", at, event_id)
        if inviter is not None:
            campaign = self.campaigns.by_id(inviter.campaign_id)
            if campaign.runs(at) and inviter.stood(at):
                self._bind(campaign, inviter, standing(contact_id), at, "added", told)
        self.advance(contact_id, told)

    def take_member(self, event: MemberJoined) -> None:
        """Somebody became a member."""
        if event.contact_id is not None:
            self.advance(event.contact_id, Told("member", event.at, event.event_id))

    def take_order(self, event: OrderPaid) -> None:
        """An order was paid."""
        if event.contact_id is not None:
            self.advance(event.contact_id, Told("order", event.at, event.event_id, event.order_id))

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
            self.advance(event.contact_id, Told("pack", event.at, event.event_id))

    def advance(self, contact_id: int, told: Told) -> None:
        """Something happened to a person: it may be the touch that locks a candidate, and a gate passed."""
        person, at = standing(contact_id), told.at
        for campaign in self.campaigns.published():
            if at >= campaign.definition.steps_until:
                continue
            bound = relations.of_person(campaign.id, person)
            if bound and bound[0].state == "locked":
                self.look(campaign, bound[0].id, at, told)
            elif not bound and campaign.runs(at):
                window = campaign.definition.attribution_days * DAY_MS
                found = relations.candidate(campaign.id, person, at, window)
                if found is not None:
                    self._bind(campaign, found[0], person, at, told.what, told)

    def look(self, campaign: Campaign, relation_id: int, at: int, told: Told | None = None) -> bool:
        """Note the gates that were passed; True when that made the invitee count."""
        # Deliveries, reviewers and the job look at the same moment: what each reads, it reads with the campaign held.
        rows.hold(campaign.id)
        relation = relations.get(relation_id)
        if relation.contact_id is None or relation.state != "locked":
            return False
        made = campaign.definition
        passed = relations.steps(relation.id)
        for gate in made.gates:
            if gate.name in passed:
                continue
            step = relations.evidence(self.brand, campaign, gate, relation, at)
            if step is not None and step.at < made.steps_until:
                if told is not None and told.proves(gate.name, step):
                    step = replace(step, event_id=told.event_id)
                relations.add_step(relation.id, gate.name, step)
                passed[gate.name] = step
        if any(gate.name not in passed for gate in made.gates):
            return False
        why = relations.obstacle(campaign, relation)
        if why:
            self._void(relation, why)
            return False
        return self._complete(campaign, relation, passed)

    def _complete(self, campaign: Campaign, relation: Relation, passed: dict[str, Step]) -> bool:
        made = campaign.definition
        signals = screening.screen(self.brand, campaign, relation)
        score = sum(each["weight"] for each in signals)
        held = score >= made.hold and not relation.cleared
        at = max(passed[gate.name].at for gate in made.gates)
        order = passed.get("first_order")
        until = (order.at if order else at) + made.refund_days * DAY_MS
        state = "held" if held else "qualified"
        execute(
            "UPDATE referral_relation SET state = ?, reason = ?, score = ?, signals = ?, qualified_at = ?, "
            "qualified_day = ?, reversible_until = ? WHERE id = ?",
            (
                state, "score" if held else "", score, json.dumps(signals, ensure_ascii=False), at,
                None if held else self.brand.day(at), until, relation.id,
            ),
        )  # fmt: skip
        inviter = rows.by_id(relation.inviter_id)
        self._tell("held" if held else "qualified", campaign, inviter, relation.contact_id, order)
        if not held:
            self.rungs.reconcile(campaign, inviter)
        return not held

    # What does not count any more ------------------------------------------------

    def take_refund(self, event: RefundMade) -> None:
        """The order that proved a gate went back within its window: the invitee counts no more until another comes."""
        for relation_id in relations.of_order(event.order_id):
            campaign = self.campaigns.by_id(relations.get(relation_id).campaign_id)
            rows.hold(campaign.id)
            relation = relations.get(relation_id)
            if relation.reversible_until is None or event.at < relation.reversible_until:
                self._recheck(campaign, relation, event.at, "refunded", ("first_order",))

    def take_merge(self, event: ContactMerged) -> None:
        """Two contacts became one person, or two again: who cannot be an invitee any more does not count."""
        for campaign in self.campaigns.published():
            rows.hold(campaign.id)
            for person in sorted({standing(each) for each in (event.winner_id, event.loser_id)}):
                for relation in reversed(relations.of_person(campaign.id, person)):
                    self._reconsider(campaign, relation, event.at)
                mine = rows.of_person(campaign.id, person)
                if not mine:
                    continue
                ids = [each.id for each in mine]
                for relation in self._of_inviter(campaign, person, ids):
                    self._reconsider(campaign, relation, event.at)
                self.rungs.reconcile(campaign, mine[0])

    @staticmethod
    def _of_inviter(campaign: Campaign, person: int, ids: list[int]) -> list[Relation]:
        """Invitees for whom it matters who their inviter is: those void for it, and those the inviter descends from."""
        found = []
        for inviter_id in ids:
            where = "WHERE r.inviter_id = ? AND r.state = 'void' AND r.reason IN ('self', 'circle') ORDER BY r.id"
            found += relations.select(where, (inviter_id,))
        for above in relations.ancestors(campaign.id, person):
            found += [each for each in relations.of_person(campaign.id, above) if each.inviter_id in ids]
        return found

    def _reconsider(self, campaign: Campaign, relation: Relation, at: int) -> None:
        if relation.contact_id is None:
            return
        why = relations.obstacle(campaign, relation)
        if why and relation.state in ("locked", "held"):
            self._void(relation, why)
        elif why and relation.state == "qualified":
            assert relation.qualified_at is not None and relation.reversible_until is not None
            window = campaign.definition.refund_days * DAY_MS
            if at < max(relation.reversible_until, relation.qualified_at + window):
                order = relations.steps(relation.id).get("first_order")
                relations.drop_steps(relation.id)
                self._uncount(campaign, relation, "void", why, order)
                self.rungs.reconcile(campaign, rows.by_id(relation.inviter_id))
        elif not why and relation.state == "void" and relation.reason in ("self", "twice", "circle", "not_new"):
            execute("UPDATE referral_relation SET state = 'locked', reason = '' WHERE id = ?", (relation.id,))
            self.look(campaign, relation.id, at)
        elif not why:
            self._recheck(campaign, relation, at, "merged")

    def _recheck(
        self, campaign: Campaign, relation: Relation, at: int, reason: str, gates: Sequence[str] = ()
    ) -> None:
        """Drop proofs that prove nothing any more, and look for others; ``gates``: of these alone.

        Somebody who had ordered again counts on with the other order: the ladder is compared after both.
        """
        if relation.state == "void":
            return
        made, passed = campaign.definition, relations.steps(relation.id)
        gone = [
            name for name, step in passed.items()
            if (not gates or name in gates) and not relations.holds(made, relation, name, step)
        ]  # fmt: skip
        for name in gone:
            relations.drop_steps(relation.id, name)
        if gone:
            self._uncount(campaign, relation, "locked", reason, passed.get("first_order"))
        self.look(campaign, relation.id, at)
        if gone and relation.state == "qualified":
            self.rungs.reconcile(campaign, rows.by_id(relation.inviter_id))

    def _uncount(self, campaign: Campaign, relation: Relation, state: str, reason: str, order: Step | None) -> None:
        """Let an invitee count no more; the caller compares the ladder afterwards."""
        execute(
            "UPDATE referral_relation SET state = ?, reason = ?, qualified_at = NULL, qualified_day = NULL, "
            "reversible_until = NULL, refunds = refunds + ? WHERE id = ?",
            (state, reason, int(reason == "refunded"), relation.id),
        )
        if relation.state == "qualified":
            self._tell("revoked", campaign, rows.by_id(relation.inviter_id), relation.contact_id, order)

    @staticmethod
    def _void(relation: Relation, reason: str) -> None:
        execute("UPDATE referral_relation SET state = 'void', reason = ? WHERE id = ?", (reason, relation.id))
        relations.drop_steps(relation.id)

    # People who look ---------------------------------------------------------------

    @staticmethod
    def get(uid: str) -> Relation:
        """The invitee with this uid; raises NotFound."""
        found = relations.select("WHERE r.uid = ?", (uid,)) if speakable(uid) else []
        if not found:
            raise NotFound(f"no invitee {uid!r}")
        return found[0]

    @transactional
    def review(self, uid: str, verdict: str, *, reason: str, actor: str) -> Relation:
        """A person lets a held invitee count, or refuses one, held or not, with a reason that stays on record.

        Who counts is refused as long as their order's refund would revoke. Raises
        NotFound, Conflict for one who is not held, is void or final, Invalid without a reason.
        """
        relation, actor = self.get(uid), named(actor)
        reason = clean_text(reason, field="reason", max_length=500)
        if not reason:
            raise Invalid("reason: say why; it stays on record", field="reason")
        rows.hold(relation.campaign_id)
        relation = relations.get(relation.id)
        if verdict == "approve" and relation.state != "held":
            raise Conflict(f"the invitee is {relation.state}; only who is held is approved", code="state")
        final = relation.reversible_until is not None and self.brand.now() >= relation.reversible_until
        if relation.state == "void" or (relation.state == "qualified" and final):
            word = "void" if relation.state == "void" else "final: the days of a refund are over"
            raise Conflict(f"the invitee is {word}; nothing is left to refuse", code="state")
        execute(
            "INSERT INTO referral_review (relation_id, verdict, reason, actor, person, at) VALUES (?, ?, ?, ?, ?, ?)",
            (relation.id, "approved" if verdict == "approve" else "refused", reason, actor, folded(actor),
             self.brand.now()),
        )  # fmt: skip
        campaign = self.campaigns.by_id(relation.campaign_id)
        state, word = ("locked", "") if verdict == "approve" else ("void", "refused")
        order = relations.steps(relation.id).get("first_order")
        self._uncount(campaign, relation, state, word, order)
        execute("UPDATE referral_relation SET cleared = 1 WHERE id = ?", (relation.id,))
        if verdict == "approve":
            self.look(campaign, relation.id, self.brand.now())
        elif relation.state == "qualified":
            self.rungs.reconcile(campaign, rows.by_id(relation.inviter_id))
        return relations.get(relation.id)

    def settle(self) -> int:
        """The job: gates passed without an event of ours (groups, segments, late imports); how many now count."""
        done = 0
        for campaign in self.campaigns.published():
            made, now, after = campaign.definition, self.brand.now(), 0
            if now >= made.steps_until + made.refund_days * DAY_MS:
                continue
            while found := relations.unfinished(self.brand, campaign, now, after):
                after = found[-1].id
                done += sum(self._look_again(campaign, relation.id) for relation in found)
            # Orders are closed without a refund that anybody tells of.
            last = (now + 1, 0)
            while found := relations.failed(made, campaign.id, last):
                last = (found[-1].reversible_until or 0, found[-1].id)
                for relation in found:
                    self._check_again(campaign, relation.id)
        return done

    @transactional
    def _check_again(self, campaign: Campaign, relation_id: int) -> None:
        rows.hold(campaign.id)
        self._recheck(campaign, relations.get(relation_id), self.brand.now(), "order closed", ("first_order",))

    @transactional
    def _look_again(self, campaign: Campaign, relation_id: int) -> bool:
        return self.look(campaign, relation_id, self.brand.now())

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
            for relation in relations.select("WHERE r.contact_id = ?", (contact_id,)):
                keep_figures(self.campaigns.by_id(relation.campaign_id), relation)
            execute(
                "UPDATE referral_relation SET contact_id = NULL, signals = '[]' WHERE contact_id = ?", (contact_id,)
            )
            execute("UPDATE referral_inviter SET contact_id = NULL WHERE contact_id = ?", (contact_id,))

    def _tell(
        self, name: str, campaign: Campaign, inviter: Inviter, friend: int | None, order: Step | None = None
    ) -> None:
        """Tell an event of the inviter; ``order``: the first order that it is about, where that is a gate."""
        fields: dict[str, str | int] = {"campaign": campaign.code, "friend": friend or 0}
        if order is not None and order.order_id is not None:
            fields["order_id"] = order.order_id
        self.brand.emit(NAME, name, inviter.contact_id, fields)
