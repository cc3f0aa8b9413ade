"""Invite friends (拉好友): an invitee counts when the configured gates are passed with evidence, never for a share."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    ContactMerged,
    Forbidden,
    MemberJoined,
    NotFound,
    OrderPaid,
    PluginEvent,
    Poster,
    RefundMade,
    consumer_language,
    draw_poster,
    standing,
)

from . import invitations
from .certain import state_of, unknown_prizes
from .handing import hand, take_back
from .invitations import GATE_ORDER, InviterView, RelationView
from .ladder import Rung, lost, next_rung, owed
from .social_schemas import InviteSettings, rungs_of
from .social_words import INVITE

if TYPE_CHECKING:
    from ..engine.turns import Desk, Turn

_MS_PER_HOUR = 3_600_000
_MS_PER_DAY = 86_400_000


class Invite:
    """A personal code, new people who come with it, and a ladder of rewards for those who became customers.

    An invitee has one inviter per campaign, locked when they first accept as a
    new person. One level only: whoever invited the inviter gets nothing.
    Nothing depends on the act of sharing.
    """

    kind = "invite"
    title = {"zh": "拉好友", "en": "Invite friends"}
    mechanics = frozenset({"inviting"})
    draws = False
    Settings = InviteSettings
    actions = {"start": "start", "accept": "accept"}
    page = "games_invite.html"
    refusals = INVITE

    def check(self, campaign: Any) -> Iterable[str]:
        """Problems that refuse publishing: every rung's reward is a prize of the campaign."""
        yield from unknown_prizes(campaign, [rung.prize for rung in rungs_of(campaign.settings)])

    def view(self, turn: Turn) -> dict[str, Any]:
        """Own code, invitees and rungs, and the invitation that brought one here (``by``); writes nothing."""
        settings = turn.settings
        inviter = invitations.of_person(turn.campaign.id, turn.contact_id) if turn.contact_id is not None else None
        titles = {prize.code: prize.title for prize in turn.campaign.prizes}
        qualified = inviter.qualified if inviter else 0
        paid = invitations.rungs_paid(inviter.id) if inviter else {}
        ahead = next_rung(rungs_of(settings), qualified)
        return {
            "gates": settings["gates"],
            "mode": settings["mode"],
            "refund_days": settings["refund_days"],
            "code": inviter.code if inviter else "",
            "url": turn.url(f"?by={inviter.code}") if inviter else "",
            "qualified": qualified,
            "next": ahead.invites - qualified if ahead else 0,
            "rungs": [
                {
                    "invites": rung.invites,
                    "prize": rung.prize,
                    "title": titles.get(rung.prize, rung.prize),
                    "state": self._rung_state(turn, inviter, rung, paid),
                }
                for rung in rungs_of(settings)
            ],
            "invitees": [
                {
                    "name": turn.shown_name(each.contact_id),
                    "state": each.state,
                    "passed": sorted(invitations.steps(each.id), key=GATE_ORDER.index),
                }
                for each in (invitations.invitees(inviter.id) if inviter else [])
            ],
            "invitation": self._invitation(turn),
            "poster": _poster(turn, inviter) if inviter and turn.data.get("poster") else "",
        }

    @staticmethod
    def _rung_state(turn: Turn, inviter: InviterView | None, rung: Rung, paid: dict[int, str]) -> str:
        """What became of a rung: open, granted, won (on its way), held (in review), void, revoked, lost, sold_out."""
        state = paid.get(rung.invites, "open")
        if inviter is None or state != "granted":
            return state
        return state_of(turn, _rung_key(rung, invitations.rung_nth(inviter.id, rung.invites))) or state

    def _invitation(self, turn: Turn) -> dict[str, Any] | None:
        bound = invitations.relation_of(turn.campaign.id, turn.contact_id) if turn.contact_id is not None else None
        code = turn.data.get("by", "")
        inviter = invitations.by_code(turn.campaign.id, code) if code else None
        if inviter is None and bound is not None:
            inviter = invitations.inviter(bound.inviter_id)
        if inviter is None:
            return None
        return {
            "code": inviter.code,
            "name": turn.shown_name(inviter.contact_id),
            "mine": inviter.contact_id == turn.contact_id,
            "accepted": bound is not None and bound.inviter_id == inviter.id,
            "other": bound is not None and bound.inviter_id != inviter.id,
        }

    def start(self, turn: Turn) -> dict[str, Any]:
        """Get one's personal code; the same one each time."""
        assert turn.contact_id is not None
        inviter = invitations.enrol(turn.campaign.id, turn.contact_id, turn.now)
        turn.emit("played", {"campaign": turn.campaign.code, "game": self.kind})
        return {"code": inviter.code, "url": turn.url(f"?by={inviter.code}")}

    def accept(self, turn: Turn) -> dict[str, Any]:
        """Say by whose code (``by`` in the data) one came; this locks the relation for the campaign.

        Raises NotFound for an unknown code, Forbidden for one's own and for
        somebody who is a customer already, Conflict when somebody else was
        first, for a circle, and when the inviter's day is full.
        """
        assert turn.contact_id is not None
        inviter = invitations.by_code(turn.campaign.id, turn.data.get("by", ""))
        if inviter is None:
            raise NotFound("this invitation does not exist; ask your friend for the code again")
        if inviter.contact_id == turn.contact_id:
            raise Forbidden("nobody invites themselves", code="own_code")
        # Circles are only seen with everybody else's acceptance in view: one at a time per campaign.
        invitations.hold_campaign(turn.campaign.id)
        bound = invitations.relation_of(turn.campaign.id, turn.contact_id)
        if bound is not None and bound.inviter_id == inviter.id:
            return {"accepted": True, "state": bound.state}
        if bound is not None:
            raise Conflict("somebody else invited you first, and that stays", code="invited_already")
        if not invitations.is_new(turn.contact_id, turn.now - _fresh(turn)):
            raise Forbidden("invitations are for people who are no customers yet", code="not_new")
        if invitations.leads_to(turn.campaign.id, inviter.contact_id, turn.contact_id):
            raise Conflict("you invited this person yourself, straight or through others", code="invite_circle")
        relation = invitations.bind(
            turn.campaign.id, inviter.id, turn.contact_id, turn.now,
            day_began=invitations.day_began(turn.brand, turn.now), per_day=turn.settings["per_day"],
        )  # fmt: skip
        if relation is None:
            raise Conflict("your friend's invitations of today are used up; come back tomorrow", code="invites_used_up")
        turn.emit("played", {"campaign": turn.campaign.code, "game": self.kind})
        self._look(turn, relation)
        return {"accepted": True, "state": invitations.relation(relation.id).state}

    # Gates ---------------------------------------------------------------------

    def on_order(self, desk: Desk, event: OrderPaid) -> None:
        """An order may be the invitee's first."""
        self._look_at(desk, event.contact_id)

    def on_member(self, desk: Desk, event: MemberJoined) -> None:
        """The invitee became a member."""
        self._look_at(desk, event.contact_id)

    def on_event(self, desk: Desk, event: PluginEvent) -> None:
        """A plugin told of a claimed pack: where it is the campaign's, that passes its gate."""
        pack = desk.settings["pack"]
        if pack is None or event.contact_id is None or (event.plugin, event.name) != (pack["plugin"], pack["event"]):
            return
        if str(event.fields.get(pack["field"], "")) != pack["value"]:
            return
        step = invitations.Step(event.at, f"{event.plugin} {event.name} {pack['value']}")
        invitations.note_pack(desk.campaign.id, event.contact_id, step)
        self._look_at(desk, event.contact_id)

    def settle(self, desk: Desk) -> int:
        """Periodic: gates passed without an event of ours, and the ladders that are paid at the end; how many."""
        done = 0
        after = 0
        while found := invitations.waiting(
            desk.campaign.id, desk.settings["gates"], fresh_ms=_fresh(desk), until=_until(desk), after=after
        ):
            after = found[-1].id
            for relation in found:
                with desk.brand.transaction():
                    done += self._look(desk, relation)
        over = desk.campaign.ends_at + (desk.settings["grace_days"] + desk.settings["refund_days"]) * _MS_PER_DAY
        if desk.settings["mode"] == "highest" and desk.now >= over:
            for inviter in invitations.unpaid_inviters(desk.campaign.id):
                with desk.brand.transaction():
                    done += self._pay(desk, inviter, owed(rungs_of(desk.settings), inviter.qualified, "highest"))
        return done

    def _look_at(self, desk: Desk, contact_id: int | None) -> None:
        relation = invitations.relation_of(desk.campaign.id, standing(contact_id)) if contact_id is not None else None
        if relation is not None and relation.state == "locked":
            self._look(desk, relation)

    def _look(self, desk: Turn | Desk, relation: RelationView) -> int:
        """Note the gates that were passed, in whatever order; 1 when that made the invitee count."""
        person, since = standing(relation.contact_id), relation.bound_at - _fresh(desk)
        passed = invitations.steps(relation.id)
        for gate in desk.settings["gates"]:
            if gate in passed:
                continue
            step = invitations.evidence(gate, relation.campaign_id, person)
            if step is not None and step.at < since:
                # What became known meanwhile: they were no new person when they accepted.
                invitations.void(relation.id, "not_new")
                return 0
            if step is not None and step.at < _until(desk):
                invitations.add_step(relation.id, gate, step)
                passed[gate] = step
        if any(gate not in passed for gate in desk.settings["gates"]):
            return 0
        why = invitations.obstacle(relation, since)
        if why:
            invitations.void(relation.id, why)
            return 0
        at = max(passed[gate].at for gate in desk.settings["gates"])
        refundable = at
        if "first_order" in passed:
            refundable = passed["first_order"].at + desk.settings["refund_days"] * _MS_PER_DAY
        if not invitations.qualify(relation.id, at, refundable):
            return 0
        qualified = invitations.count(relation.inviter_id, 1)
        inviter = invitations.inviter(relation.inviter_id)
        self._tell(desk, "invited", inviter, relation)
        if desk.settings["mode"] == "cumulative":
            self._pay(desk, inviter, owed(rungs_of(desk.settings), qualified, "cumulative"))
        return 1

    def on_contact_merged(self, desk: Desk, event: ContactMerged) -> None:
        """Two contacts became one person, or two again: whoever cannot be an invitee any more counts no more.

        What counted is taken back within ``refund_days``.
        """
        people = dict.fromkeys(standing(each) for each in (event.winner_id, event.loser_id))
        for person in people:
            for relation in reversed(invitations.relations_of(desk.campaign.id, person)):
                self._reconsider(desk, relation, event.at)

    def _reconsider(self, desk: Desk, relation: RelationView, at: int) -> None:
        why = invitations.obstacle(relation, relation.bound_at - _fresh(desk))
        if why and invitations.void(relation.id, why):
            return
        if why and invitations.revoke(relation.id, why, at, desk.settings["refund_days"] * _MS_PER_DAY):
            self._uncount(desk, relation, "merged")
            return
        if not why and relation.state == "void":
            invitations.reopen(relation.id)
        if not why and relation.state != "qualified":
            self._look(desk, relation)

    @staticmethod
    def _tell(desk: Turn | Desk, name: str, inviter: InviterView, relation: RelationView) -> None:
        """Tell all plugins that a friend counts, or does no more; ``friend`` is the contact's id."""
        desk.brand.emit(
            "interaction-games", name, inviter.contact_id,
            {"campaign": desk.campaign.code, "qualified": inviter.qualified, "friend": relation.contact_id},
        )  # fmt: skip

    # Ladder --------------------------------------------------------------------

    def _pay(self, place: Turn | Desk, inviter: InviterView, rungs: Iterable[Rung]) -> int:
        paid = 0
        for rung in rungs:
            nth = invitations.take_rung(inviter.id, rung, place.now)
            if nth is None:
                continue
            key, why = _rung_key(rung, nth), f"invited 拉好友 {rung.invites}"
            if hand(place, inviter.contact_id, rung.prize, key, why):
                paid += 1
            else:
                invitations.rung_state(inviter.id, rung.invites, "sold_out")
        return paid

    def on_refund(self, desk: Desk, event: RefundMade) -> None:
        """The first order went back within the window: the invitee counts no more until another order comes."""
        if not event.full:
            return
        relation = invitations.of_order(desk.campaign.id, event.source, event.number)
        if relation is None:
            return
        was = invitations.withdraw(relation, event.at)
        if was == "qualified":
            self._uncount(desk, relation, "refunded")

    def _uncount(self, desk: Desk, relation: RelationView, why: str) -> None:
        """An invitee counts no more: rungs that are reached no longer go back."""
        qualified = invitations.count(relation.inviter_id, -1)
        inviter = invitations.inviter(relation.inviter_id)
        self._tell(desk, "invite-revoked", inviter, relation)
        paid = {at for at, state in invitations.rungs_paid(inviter.id).items() if state == "granted"}
        for rung in lost(rungs_of(desk.settings), qualified, paid):
            self._take_back(desk, inviter, rung, _REASONS[why])

    @staticmethod
    def _take_back(desk: Desk, inviter: InviterView, rung: Rung, reason: str) -> None:
        key = _rung_key(rung, invitations.rung_nth(inviter.id, rung.invites))
        back = take_back(desk, inviter.contact_id, key, reason, "interaction-games")
        invitations.rung_state(inviter.id, rung.invites, "revoked" if back else "lost")


_REASONS = {
    "refunded": "an invitee's first order was refunded",
    "merged": "an invitee turned out to be no new person of their own",
}


def _rung_key(rung: Rung, nth: int) -> str:
    return f"rung:{rung.invites}:{nth}"


def _fresh(desk: Turn | Desk) -> int:
    """How long before accepting a new person may have come, in milliseconds."""
    return int(desk.settings["fresh_hours"]) * _MS_PER_HOUR


def _until(desk: Turn | Desk) -> int:
    """The instant from which on gates count no more."""
    return int(desk.campaign.ends_at + desk.settings["grace_days"] * _MS_PER_DAY)


def _poster(turn: Turn, inviter: InviterView) -> str:
    """The person's poster as an address that holds the picture itself; raises what :func:`draw_poster` raises."""
    poster = Poster(
        url=turn.url(f"?by={inviter.code}"),
        brand=turn.brand.config.consumer.title or turn.brand.name,
        title=turn.campaign.title,
        line=turn.settings["poster"],
        person=turn.shown_name(inviter.contact_id),
        scan=_SCAN[consumer_language()],
        colour=turn.brand.config.consumer.colour,
        extra="games",
    )
    return "data:image/png;base64," + base64.b64encode(draw_poster(poster)).decode("ascii")


_SCAN = {"zh": "微信扫一扫", "en": "Scan with WeChat or a camera"}
