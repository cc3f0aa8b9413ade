"""Group-buy (拼单): teams that come together by paying, in time, or are paid back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Forbidden,
    Invalid,
    OrderPaid,
    RefundMade,
    code_picture,
    execute,
    standing,
    surfaces,
)

from . import payments, teams
from .certain import unknown_prizes
from .goods import give_back, pieces_left, take_piece
from .handing import hand
from .seats import Decision, TeamRules, ending, obstacle, settle_payment
from .shop import moment, price, shop_link, shop_problems
from .social_schemas import GroupBuySettings
from .social_words import GROUPBUY
from .teams import SeatView, TeamView

if TYPE_CHECKING:
    from ..engine.turns import Desk, Turn

_MS_PER_MINUTE = 60_000
_MS_PER_HOUR = 3_600_000
_MS_PER_DAY = 86_400_000


class GroupBuy:
    """Ask for a seat, pay for it in the shop, and be a team when the last seat is paid.

    A seat is taken by the payment, never by the click: of two who pay for the
    last one, one has it and the other leads a new team or is paid back, as
    published. A team that is not full in time is paid back or, where the rules
    said so, completed with virtual members.
    """

    kind = "groupbuy"
    title = {"zh": "拼单", "en": "Group-buy"}
    mechanics = frozenset({"grouping"})
    draws = False
    Settings = GroupBuySettings
    actions = {"lead": "lead", "join": "join", "leave": "leave"}
    page = "games_groupbuy.html"
    refusals = GROUPBUY

    def check(self, campaign: Any) -> Iterable[str]:
        """Problems that refuse publishing: unknown prizes, unclear rules, a leader's reward where it is forbidden."""
        settings = campaign.settings
        yield from shop_problems(settings["shop_url"])
        if not campaign.rules.strip():
            yield "rules: a group-buy states price, team size, time limit and refund in its rules"
        if settings["leader_prize"]:
            yield from unknown_prizes(campaign, [settings["leader_prize"]])
            reason = surfaces.refusal("inviting", campaign.surface)
            if reason is not None:
                yield f"settings.leader_prize: {reason}"

    def view(self, turn: Turn) -> dict[str, Any]:
        """The terms, the team the page was opened for (``team``) and the player's own; writes nothing."""
        settings = turn.settings
        asked = turn.data.get("team", "")
        team = teams.find(turn.campaign.id, asked) if asked else None
        own = teams.of_person(turn.campaign.id, turn.contact_id) if turn.contact_id is not None else []
        pending = teams.pending(turn.campaign.id, turn.contact_id) if turn.contact_id is not None else None
        if pending is not None and turn.now >= pending.until:
            pending = None
        return {
            "now": turn.now,
            "goods": settings["goods"],
            "price_minor": settings["price_minor"],
            "single_minor": settings["single_minor"],
            "price": price(turn.brand, settings["price_minor"]),
            "single": price(turn.brand, settings["single_minor"]),
            "size": settings["size"],
            "hours": settings["hours"],
            "seat_minutes": settings["seat_minutes"],
            "new_only": settings["new_only"],
            "otherwise": settings["otherwise"],
            "simulate_from": settings["simulate_from"],
            "stock_left": pieces_left(turn.campaign.id, settings["stock"]),
            "team": _shown(turn, team) if team is not None else None,
            "own": [_shown(turn, each) for each in own],
            "open": [_shown(turn, each) for each in teams.joinable(turn.campaign.id, turn.now, turn.contact_id)],
            "seat": _ticket(turn, pending) if pending is not None else None,
        }

    def lead(self, turn: Turn) -> dict[str, Any]:
        """Ask for the first seat of a new team; it opens when the seat is paid. Raises Conflict when sold out."""
        return self._seat(turn, None)

    def join(self, turn: Turn) -> dict[str, Any]:
        """Ask for a seat of somebody's team (``team`` in the data): time to pay, not the seat itself.

        Raises NotFound for an unknown team, Conflict for one that is full, over
        or one's own, Forbidden where only new customers may join.
        """
        team = teams.known(turn.campaign.id, turn.data.get("team", ""))
        assert turn.contact_id is not None
        why = obstacle(
            team.now,
            paid_at=turn.now,
            new_customer=teams.is_new_customer(turn.contact_id),
            member=teams.is_member(team.id, turn.contact_id),
            rules=_rules(turn.settings),
        )
        if why == "not_new":
            raise Forbidden("only new customers join others' teams; you may lead one of your own", code=why)
        if why:
            raise Conflict(_REFUSALS[why], code=why)
        return self._seat(turn, team)

    def leave(self, turn: Turn) -> dict[str, Any]:
        """Give up a seat that was not paid."""
        assert turn.contact_id is not None
        gone = teams.expire_pending(turn.campaign.id, contact_id=turn.contact_id, reason="left")
        if not gone:
            raise Conflict("you have no seat that waits for its payment", code="no_seat")
        return {"left": True}

    def _seat(self, turn: Turn, team: TeamView | None) -> dict[str, Any]:
        settings = turn.settings
        assert turn.contact_id is not None
        waiting = teams.pending(turn.campaign.id, turn.contact_id)
        if waiting and turn.now < waiting.until and waiting.team_id == (team.id if team else None):
            # A second tab: the same seat, for which a payment may be on its way.
            return _ticket(turn, waiting)
        if pieces_left(turn.campaign.id, settings["stock"]) == 0:
            raise Conflict("it is sold out", code="goods_gone")
        # Asking for another team replaces the seat that waits, so that one person never waits in two teams.
        teams.expire_pending(turn.campaign.id, contact_id=turn.contact_id, reason="replaced")
        seat = teams.add_pending(
            turn.campaign.id,
            team,
            turn.contact_id,
            settings["price_minor"],
            turn.now,
            turn.now + settings["seat_minutes"] * _MS_PER_MINUTE,
        )
        if seat is None:
            raise Conflict("you have just asked for another seat", code="seat_pending")
        turn.emit("played", {"campaign": turn.campaign.code, "game": self.kind})
        return _ticket(turn, seat)

    # Payments ------------------------------------------------------------------

    def on_order(self, desk: Desk, event: OrderPaid) -> None:
        """An order with the goods at the team's price pays for the buyer's waiting seat."""
        if event.contact_id is None or payments.of_order(event.source, event.number) is not None:
            return
        seat = teams.awaiting(desk.campaign.id, standing(event.contact_id), event.at)
        if seat is None:
            return
        sku = desk.settings["sku"]
        if any((line.sku, line.qty, line.paid_minor) == (sku, 1, seat.price_minor) for line in event.lines):
            self.pay(desk, seat.uid, payments.Paid(event.source, event.number, seat.price_minor, event.at))

    def pay(self, desk: Desk, uid: str, paid: payments.Paid) -> dict[str, Any]:
        """An order paid for a seat, in the open transaction: it is taken, a new team begins, or money is due back.

        The same order told again changes nothing. Raises NotFound for an unknown
        seat and Invalid (``amount_minor``) for another amount than its price.
        """
        seat = teams.seat(desk.campaign.id, uid)
        if paid.amount_minor != seat.price_minor:
            raise Invalid(
                f"the seat costs {seat.price_minor} minor units, not {paid.amount_minor}", field="amount_minor"
            )
        payment = payments.record(desk.brand, desk.campaign.id, "seat", uid, paid)
        if payment is not None:
            self._settle(desk, seat, payment, paid)
        return _outcome(desk, uid)

    def _settle(self, desk: Desk, seat: SeatView, payment: payments.PaymentView, paid: payments.Paid) -> None:
        rules = _rules(desk.settings)
        if seat.state not in ("pending", "expired") or not teams.claim_payment(seat.id, paid.at):
            self._refund(desk, seat, payment, "paid_already", keep_seat=True)
            return
        late = paid.at >= seat.until
        decision = Decision("new_team") if seat.team_id is None else self._decide(seat, paid, rules)
        if late:
            decision = settle_payment("", late=True, rules=rules)
        if decision.act == "refund":
            self._refund(desk, seat, payment, decision.reason)
            return
        if not take_piece(desk.campaign.id, desk.settings["stock"]):
            self._refund(desk, seat, payment, "goods_gone")
            return
        team_id = seat.team_id
        if decision.act == "take":
            assert team_id is not None
            if not teams.take_seat(team_id, paid.at):
                # Somebody else's payment was first: the last-seat race is decided by this update alone.
                decision = settle_payment("team_full", late=False, rules=rules)
        if decision.act == "refund":
            give_back(desk.campaign.id, desk.settings["stock"])
            self._refund(desk, seat, payment, decision.reason)
            return
        if decision.act == "new_team":
            team_id = teams.open_team(
                desk.campaign.id,
                desk.settings["size"],
                paid.at,
                min(paid.at + desk.settings["hours"] * _MS_PER_HOUR, desk.campaign.ends_at),
                rewarded=bool(desk.settings["leader_prize"]),
            )
        assert team_id is not None
        teams.seat_paid(seat.id, team_id, leader=decision.act == "new_team", reason=decision.reason)
        execute("UPDATE interaction_games_payment SET team_id = ? WHERE id = ?", (team_id, payment.id))
        desk.brand.emit(
            "interaction-games", "seat-paid", seat.contact_id,
            {"campaign": desk.campaign.code, "team": teams.by_id(team_id).uid, "seat": seat.uid},
        )  # fmt: skip

    def _decide(self, seat: SeatView, paid: payments.Paid, rules: TeamRules) -> Decision:
        assert seat.team_id is not None
        why = obstacle(
            teams.by_id(seat.team_id).now,
            paid_at=paid.at,
            new_customer=teams.is_new_customer(seat.contact_id, but=(paid.source, paid.number)),
            member=teams.is_member(seat.team_id, seat.contact_id),
            rules=rules,
        )
        return settle_payment(why, late=False, rules=rules)

    def _refund(
        self, desk: Desk, seat: SeatView, payment: payments.PaymentView, reason: str, *, keep_seat: bool = False
    ) -> None:
        if not keep_seat:
            execute(
                "UPDATE interaction_games_seat SET state = 'refund', reason = ? WHERE id = ?", (reason, seat.id)
            )
        payments.owe_refund(desk.brand, payment, reason, seat.contact_id, desk.campaign.code)

    def on_refund(self, desk: Desk, event: RefundMade) -> None:
        """The shop paid a whole order back: its seat is free again while the team is open, a full team stays."""
        payment = payments.of_order(event.source, event.number)
        if payment is None or payment.campaign_id != desk.campaign.id or not event.full:
            return
        was = payment.state
        if payments.refunded_by_shop(desk.brand, payment) and was == "paid":
            freed = teams.free_seat(payment.thing_uid)
            give_back(desk.campaign.id, desk.settings["stock"], freed)

    # Ends ----------------------------------------------------------------------

    def settle(self, desk: Desk) -> int:
        """Periodic: unpaid seats expire, teams out of time end, full ones settle, leaders are rewarded; how many."""
        done = len(teams.expire_pending(desk.campaign.id, before=desk.now, reason="unpaid"))
        window = desk.now - desk.settings["refund_days"] * _MS_PER_DAY
        # One after the other: a team completed by the first step is settled by the second.
        done += self._each(desk, self._end, teams.ending(desk.campaign.id, desk.now))
        done += self._each(desk, self._close, teams.in_state(desk.campaign.id, "full"))
        return done + self._each(desk, self._reward, teams.rewarding(desk.campaign.id, window))

    @staticmethod
    def _each(desk: Desk, work: Callable[[Desk, TeamView], int], found: Iterable[TeamView]) -> int:
        done = 0
        for team in found:
            with desk.brand.transaction():
                done += work(desk, team)
        return done

    def _end(self, desk: Desk, team: TeamView) -> int:
        how = ending(team.now, desk.now, _rules(desk.settings))
        if how == "simulated":
            return teams.complete(team.id, desk.now)
        if how == "failed" and teams.fail(team.id):
            paid = payments.of_team(team.id)
            people = teams.people(team.id)
            for payment in paid:
                payments.owe_refund(
                    desk.brand, payment, "team_failed", people.get(payment.thing_uid), desk.campaign.code
                )
            execute(
                "UPDATE interaction_games_seat SET state = 'refund', reason = 'team_failed' "
                "WHERE team_id = ? AND state = 'paid'",
                (team.id,),
            )
            give_back(desk.campaign.id, desk.settings["stock"], len(paid))
            return 1
        return 0

    def _close(self, desk: Desk, team: TeamView) -> int:
        """A full team is settled: from now on its orders count as sales (see orders.md, waiting for a group)."""
        if not teams.settle(team.id, desk.now):
            return 0
        for uid, contact_id in teams.people(team.id).items():
            desk.brand.emit(
                "interaction-games", "team-settled", contact_id,
                {"campaign": desk.campaign.code, "team": team.uid, "seat": uid, "members": team.taken},
            )  # fmt: skip
        return 1

    def _reward(self, desk: Desk, team: TeamView) -> int:
        leader = teams.leader(team.id)
        if leader is None:
            return teams.leader_reward(team.id, "lost")
        key = f"team:{team.uid}:leader"
        handed = hand(desk, leader, desk.settings["leader_prize"], key, "group-buy leader 拼单团长")
        return teams.leader_reward(team.id, "paid" if handed else "sold_out")


_REFUSALS = {
    "member_already": "you have a seat in this team already",
    "team_ended": "this team's time is over",
    "team_full": "this team is full",
}


def _rules(settings: Any) -> TeamRules:
    return TeamRules(settings["new_only"], settings["otherwise"], settings["simulate_from"])


def _ticket(turn: Turn, seat: SeatView) -> dict[str, Any]:
    return {
        "ticket": seat.uid,
        "price_minor": seat.price_minor,
        "price": price(turn.brand, seat.price_minor),
        "held_until": seat.until,
        "until": moment(turn.brand, seat.until),
        "sku": turn.settings["sku"],
        "team": teams.by_id(seat.team_id).uid if seat.team_id is not None else "",
        "shop_url": shop_link(turn.settings["shop_url"], seat.uid),
    }


def _outcome(desk: Desk, uid: str) -> dict[str, Any]:
    seat = teams.seat(desk.campaign.id, uid)
    team = teams.by_id(seat.team_id) if seat.team_id is not None and seat.state == "paid" else None
    return {
        "ticket": uid,
        "state": seat.state,
        "reason": seat.reason,
        "team": team.uid if team else "",
        "leader": bool(seat.leader),
        "team_state": team.state if team else "",
    }


def _shown(turn: Turn, team: TeamView) -> dict[str, Any]:
    members = teams.members(team.id)
    over = team.state == "open" and turn.now >= team.expires_at
    mine = any(contact_id == turn.contact_id for contact_id, _ in members)
    return {
        "uid": team.uid,
        "url": turn.url(f"?team={team.uid}"),
        "state": "ended" if over else team.state,
        "size": team.size,
        "taken": team.taken,
        "virtual": team.virtual_seats,
        "left": team.size - team.taken - team.virtual_seats,
        "expires_at": team.expires_at,
        "ends": moment(turn.brand, team.expires_at),
        "members": [{"name": turn.shown_name(contact_id), "leader": leader} for contact_id, leader in members],
        "mine": mine,
        "qr": (
            code_picture(turn.url(f"?team={team.uid}"), extra="games")
            if mine and team.state == "open" and not over
            else ""
        ),
    }
