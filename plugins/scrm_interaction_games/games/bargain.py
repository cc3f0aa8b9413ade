"""Bargain (砍价): friends cut a price down, each once, along a list of cuts that was fixed at the opening."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Forbidden, Invalid, NotFound, OrderPaid, RefundMade, code_picture, execute, standing

from . import bargains, payments
from .bargains import BargainView
from .cuts import split_cuts
from .goods import give_back, pieces_left, take_piece
from .persons import same_person
from .shop import moment, price, shop_link, shop_problems
from .social_schemas import BargainSettings
from .social_words import BARGAIN
from .teams import is_new_customer

if TYPE_CHECKING:
    from ..engine.turns import Desk, Turn

_MS_PER_MINUTE = 60_000


class Bargain:
    """Open a bargain, have friends cut the price, buy at any time at the price it has then.

    The owner's own cut comes with the opening; the k-th helper gets cut k. A
    bargain that nobody ordered from is closed at its end and its cuts are void.
    """

    kind = "bargain"
    title = {"zh": "砍价", "en": "Bargain"}
    mechanics = frozenset({"cutting_price", "helping"})
    draws = False
    Settings = BargainSettings
    actions = {"open": "open", "help": "help", "buy": "buy"}
    page = "games_bargain.html"
    refusals = BARGAIN

    def check(self, campaign: Any) -> Iterable[str]:
        """Problems that refuse publishing; the settings themselves hold the arithmetic."""
        return shop_problems(campaign.settings["shop_url"])

    def view(self, turn: Turn) -> dict[str, Any]:
        """The bargain the page was opened for (``bargain`` in the data), or the visitor's own; writes nothing."""
        own = _own(turn)
        asked = turn.data.get("bargain", "")
        # Without a script the helper comes back to the page without the bargain in its address.
        shown = bargains.find(turn.campaign.id, asked) if asked else own or _helped_last(turn)
        settings = turn.settings
        answer = {
            "now": turn.now,
            "goods": settings["goods"],
            "list_minor": settings["list_minor"],
            "floor_minor": settings["floor_minor"],
            "list": price(turn.brand, settings["list_minor"]),
            "floor": price(turn.brand, settings["floor_minor"]),
            "helpers": settings["helpers"],
            "hours": settings["hours"],
            "newcomers": settings["newcomers"],
            "newcomer_minor": settings["newcomer_minor"],
            "newcomer": price(turn.brand, settings["newcomer_minor"]),
            "stock_left": pieces_left(turn.campaign.id, settings["stock"]),
            "own": own.uid if own else "",
            "own_running": own is not None and own.state in ("open", "ordered") and turn.now < own.expires_at,
            "may_open": turn.contact_id is not None and _may_open(turn, own),
            "bargain": None,
        }
        if shown is not None:
            answer["bargain"] = _shown(turn, shown)
        return answer

    def open(self, turn: Turn) -> dict[str, Any]:
        """Open the player's bargain: all cuts are drawn now, and the owner's is made. Raises Conflict."""
        own = _own(turn)
        if own is not None and own.state in ("open", "ordered"):
            raise Conflict("your bargain is still running", code="bargain_running")
        settings = turn.settings
        nth = (own.nth if own else 0) + 1
        if nth > settings["per_person"]:
            raise Conflict(f"everybody has {settings['per_person']} bargains in this campaign", code="bargain_limit")
        if pieces_left(turn.campaign.id, settings["stock"]) == 0:
            raise Conflict("it is sold out", code="goods_gone")
        cuts = split_cuts(settings["list_minor"] - settings["floor_minor"], settings["helpers"] + 1)
        uid = secrets.token_hex(8)
        lowest = settings["floor_minor"] - settings["newcomers"] * settings["newcomer_minor"]
        ends = min(turn.now + settings["hours"] * 60 * _MS_PER_MINUTE, turn.campaign.ends_at)
        made = execute(
            "INSERT INTO interaction_games_bargain (uid, campaign_id, contact_id, nth, list_minor, floor_minor, cuts, "
            "applied, cut_minor, state, opened_at, expires_at, bonuses_left) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, 'open', ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            (uid, turn.campaign.id, turn.contact_id, nth, settings["list_minor"], lowest,
             json.dumps(cuts), cuts[0], turn.now, ends, settings["newcomers"]),
        )  # fmt: skip
        if made.rowcount != 1:
            raise Conflict("your bargain is still running", code="bargain_running")
        turn.emit("played", {"campaign": turn.campaign.code, "game": self.kind})
        return {"bargain": uid, "cut_minor": cuts[0], "price_minor": settings["list_minor"] - cuts[0]}

    def help(self, turn: Turn) -> dict[str, Any]:
        """Cut a friend's price once: the next cut of the list, and from the newcomers' pool if one is a new customer.

        Raises Forbidden for the owner, Conflict for a second help, a bargain
        that is over, ordered or at its floor, and when the day's helps are used up.
        """
        bargain = _known(turn)
        if same_person(bargain.contact_id, turn.contact_id):
            raise Forbidden("nobody helps with their own bargain", code="own_bargain")
        # The row is locked by this update, so helpers who come together get cuts one after the other.
        row = execute(
            "UPDATE interaction_games_bargain SET applied = applied + 1 WHERE id = ? AND state = 'open' "
            "AND expires_at > ? AND applied <= ? RETURNING applied, cuts",
            (bargain.id, turn.now, len(bargain.cuts) - 1),
        ).fetchone()
        if row is None:
            _refuse_help(turn, bargain)
        k = row[0] - 1
        minor = json.loads(row[1])[k]
        bonus = _take_bonus(turn, bargain)
        helped = execute(
            "INSERT INTO interaction_games_bargain_cut (bargain_id, contact_id, k, minor, bonus_minor, at, day) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (bargain.id, turn.contact_id, k, minor, bonus, turn.now, turn.day),
        )
        if helped.rowcount != 1:
            raise Conflict("you have helped with this bargain already", code="helped_already")
        _count_help(turn)
        execute(
            "UPDATE interaction_games_bargain SET cut_minor = cut_minor + ? WHERE id = ?", (minor + bonus, bargain.id)
        )
        turn.emit("played", {"campaign": turn.campaign.code, "game": self.kind})
        after = bargains.by_id(bargain.id)
        return {
            "cut_minor": minor + bonus,
            "bonus_minor": bonus,
            "cut": price(turn.brand, minor + bonus),
            "price_minor": after.price_minor,
            "price": price(turn.brand, after.price_minor),
            "helpers_left": len(after.cuts) - after.applied,
        }

    def buy(self, turn: Turn) -> dict[str, Any]:
        """Hold the price and one piece for the owner's order; the answer's ``ticket`` is the order's reference.

        Asked again while held, it answers the same. Raises Conflict when sold out or over.
        """
        bargain = _known(turn) if turn.data.get("bargain") else _own(turn)
        if bargain is None:
            raise NotFound("you have no bargain here; open one first")
        if not same_person(bargain.contact_id, turn.contact_id):
            raise Forbidden("only its owner buys at a bargain's price", code="not_owner")
        settings = turn.settings
        if bargain.state == "ordered" and bargain.held_until is not None and turn.now < bargain.held_until:
            return _order(turn, bargain)
        until = turn.now + settings["hold_minutes"] * _MS_PER_MINUTE
        if not bargains.hold(bargain.id, turn.now, until):
            code = {"bought": "bought_already", "ordered": "hold_lapsed"}.get(bargain.state, "bargain_over")
            raise Conflict("this bargain is over", code=code)
        if not take_piece(turn.campaign.id, settings["stock"]):
            raise Conflict("it is sold out", code="goods_gone")
        return _order(turn, bargains.by_id(bargain.id))

    def forget(self, desk: Desk, contact_ids: Sequence[int]) -> None:
        """Before people are erased: the pieces that are held for their orders are there again."""
        held = bargains.drop_holds(desk.campaign.id, contact_ids)
        give_back(desk.campaign.id, desk.settings["stock"], held)

    def settle(self, desk: Desk) -> int:
        """Periodic: holds that nobody paid lapse, bargains whose time is over are closed. Returns how many."""
        with desk.brand.transaction():
            lapsed = execute(
                "UPDATE interaction_games_bargain SET state = 'open', held_until = NULL "
                "WHERE campaign_id = ? AND state = 'ordered' AND held_until <= ?",
                (desk.campaign.id, desk.now),
            ).rowcount
            give_back(desk.campaign.id, desk.settings["stock"], lapsed)
        closed = execute(
            "UPDATE interaction_games_bargain SET state = 'closed' "
            "WHERE campaign_id = ? AND state = 'open' AND expires_at <= ?",
            (desk.campaign.id, desk.now),
        ).rowcount
        return int(lapsed + closed)

    def on_order(self, desk: Desk, event: OrderPaid) -> None:
        """An order of the owner with the goods at the bargain's price buys it, whenever it is heard of."""
        if event.contact_id is None or payments.of_order(event.source, event.number) is not None:
            return
        prices = {line.paid_minor for line in event.lines if (line.sku, line.qty) == (desk.settings["sku"], 1)} - {0}
        late = None
        for bargain in bargains.of_person(desk.campaign.id, standing(event.contact_id)):
            if bargain.state == "bought" or event.at < bargain.opened_at:
                continue
            for minor in prices:
                why = bargains.too_late(bargain, minor, event.at)
                paid = payments.Paid(event.source, event.number, minor, event.at)
                if why == "":
                    self.pay(desk, bargain.uid, paid)
                    return
                if why == "hold_lapsed":
                    late = late or (bargain.uid, paid)
        if late is not None:
            # It was ordered here, at the price that was held: the money is told to be due.
            self.pay(desk, *late)

    def on_refund(self, desk: Desk, event: RefundMade) -> None:
        """The shop paid an order back: its payment is off the list, and the piece it had is there again."""
        payment = payments.of_order(event.source, event.number)
        if payment is None or payment.campaign_id != desk.campaign.id or not event.full:
            return
        sold = payment.state == "paid"
        if payments.refunded_by_shop(desk.brand, payment) and sold and bargains.paid_back(payment.thing_uid):
            give_back(desk.campaign.id, desk.settings["stock"])

    def pay(self, desk: Desk, uid: str, paid: payments.Paid) -> dict[str, Any]:
        """An order paid for a bargain, in the open transaction: it is bought, or the money is due back.

        What counts is when it was paid, not when it is told: within a hold the
        price that was held, until the bargain's end the price that it has. The
        same order told again changes nothing. Raises NotFound for an unknown
        bargain, Invalid (``amount_minor``) for an amount that never was its price.
        """
        bargain = bargains.find(desk.campaign.id, uid)
        if bargain is None:
            raise NotFound(f"no bargain {uid!r}")
        payment = payments.record(desk.brand, desk.campaign.id, "bargain", uid, paid)
        if payment is None:
            return {"ticket": uid, "state": bargains.by_id(bargain.id).state}
        why = self._bought(desk, bargain, paid)
        if why:
            payments.owe_refund(desk.brand, payment, why, bargain.contact_id, desk.campaign.code)
            return {"ticket": uid, "state": "refund_due", "reason": why}
        desk.brand.emit(
            "interaction-games", "bought", bargain.contact_id,
            {"campaign": desk.campaign.code, "game": self.kind, "ticket": uid, "amount_minor": paid.amount_minor},
        )  # fmt: skip
        return {"ticket": uid, "state": "bought"}

    def _bought(self, desk: Desk, bargain: BargainView, paid: payments.Paid) -> str:
        """Mark a bargain bought; the reason why it cannot be, or an empty text."""
        why = bargains.too_late(bargain, paid.amount_minor, paid.at)
        if why is None:
            raise Invalid(
                f"the bargain's price is {bargain.price_minor} minor units, not {paid.amount_minor}",
                field="amount_minor",
            )
        if why or bargains.buy_held(bargain.id, paid.amount_minor, paid.at):
            return why
        # No piece is held any more, but the price stands: whoever paid it in time gets it while there is one.
        was = bargains.buy_fresh(bargain.id, paid.amount_minor, paid.at)
        if not was:
            return "bought_already"
        if not take_piece(desk.campaign.id, desk.settings["stock"]):
            bargains.not_bought(bargain.id, was)
            return "goods_gone"
        return ""


def _own(turn: Turn) -> BargainView | None:
    """The player's bargain that runs in the campaign, else their latest."""
    found = bargains.of_person(turn.campaign.id, turn.contact_id) if turn.contact_id is not None else []
    return found[0] if found else None


def _helped_last(turn: Turn) -> BargainView | None:
    return bargains.helped_last(turn.campaign.id, turn.contact_id) if turn.contact_id is not None else None


def _known(turn: Turn) -> BargainView:
    found = bargains.find(turn.campaign.id, turn.data.get("bargain", ""))
    if found is None:
        raise NotFound("this bargain does not exist; ask your friend for the code again")
    return found


def _may_open(turn: Turn, own: BargainView | None) -> bool:
    if own is None:
        return True
    return own.state not in ("open", "ordered") and own.nth < turn.settings["per_person"]


def _count_help(turn: Turn) -> None:
    most = turn.settings["helps_per_day"]
    if most is None:
        return
    counted = execute(
        "INSERT INTO interaction_games_helper_day (campaign_id, contact_id, day, used) "
        "SELECT CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), 1 WHERE 1 <= CAST(? AS BIGINT) "
        "ON CONFLICT (campaign_id, contact_id, day) "
        "DO UPDATE SET used = interaction_games_helper_day.used + 1 WHERE interaction_games_helper_day.used < ?",
        (turn.campaign.id, turn.contact_id, turn.day, most, most),
    )
    if counted.rowcount != 1:
        raise Conflict(f"one person helps {most} bargains a day; come back tomorrow", code="helps_used_up")


def _take_bonus(turn: Turn, bargain: BargainView) -> int:
    """What a new customer's help cuts besides: one of the bargain's few bonuses; 0 for others and when all are used."""
    if not turn.settings["newcomers"] or not is_new_customer(turn.person(None)):
        return 0
    taken = execute(
        "UPDATE interaction_games_bargain SET bonuses_left = bonuses_left - 1 WHERE id = ? AND bonuses_left > 0",
        (bargain.id,),
    ).rowcount
    return int(turn.settings["newcomer_minor"]) if taken == 1 else 0


def _refuse_help(turn: Turn, bargain: BargainView) -> None:
    now = bargains.by_id(bargain.id)
    helped = execute(
        "SELECT 1 FROM interaction_games_bargain_cut WHERE bargain_id = ? AND contact_id = ?",
        (bargain.id, turn.contact_id),
    ).fetchone()
    if helped is not None:
        raise Conflict("you have helped with this bargain already", code="helped_already")
    if now.state == "ordered":
        raise Conflict("your friend is placing the order just now", code="ordered")
    if now.state == "open" and turn.now < now.expires_at:
        raise Conflict("the price is at its lowest already", code="at_floor")
    raise Conflict("this bargain is over", code="bargain_over")


def _order(turn: Turn, bargain: BargainView) -> dict[str, Any]:
    return {
        "ticket": bargain.uid,
        "price_minor": bargain.price_minor,
        "price": price(turn.brand, bargain.price_minor),
        "held_until": bargain.held_until,
        "until": moment(turn.brand, bargain.held_until),
        "sku": turn.settings["sku"],
        "shop_url": shop_link(turn.settings["shop_url"], bargain.uid),
    }


def _shown(turn: Turn, bargain: BargainView) -> dict[str, Any]:
    rows = execute(
        "SELECT contact_id, minor + bonus_minor FROM interaction_games_bargain_cut WHERE bargain_id = ? ORDER BY k",
        (bargain.id,),
    ).fetchall()
    mine = same_person(bargain.contact_id, turn.contact_id)
    state = bargain.state
    floor = bargain.list_minor - sum(bargain.cuts)  # without what newcomers may cut besides
    if state == "open" and turn.now >= bargain.expires_at:
        state = "closed"
    held = state == "ordered" and bargain.held_until is not None and turn.now < bargain.held_until
    return {
        "uid": bargain.uid,
        "url": turn.url(f"?bargain={bargain.uid}"),
        "qr": code_picture(turn.url(f"?bargain={bargain.uid}"), extra="games") if mine and state == "open" else "",
        "mine": mine,
        "owner": turn.shown_name(bargain.contact_id),
        "state": state,
        "list_minor": bargain.list_minor,
        "floor_minor": floor,
        "price_minor": bargain.price_minor,
        "price": price(turn.brand, bargain.price_minor),
        "list": price(turn.brand, bargain.list_minor),
        "floor": price(turn.brand, floor),
        "cut_minor": bargain.cut_minor,
        "cut": price(turn.brand, bargain.cut_minor),
        "first_cut": price(turn.brand, bargain.cuts[0]),
        "helped": len(rows),
        "helpers_left": len(bargain.cuts) - bargain.applied,
        "expires_at": bargain.expires_at,
        "ends": moment(turn.brand, bargain.expires_at),
        "helpers": [
            {"name": turn.shown_name(contact_id), "cut_minor": minor, "cut": price(turn.brand, minor)}
            for contact_id, minor in rows
        ],
        "helped_by_me": any(contact_id == turn.contact_id for contact_id, _ in rows),
        "order": _order(turn, bargain) if mine and held else None,
    }
