"""Red packets (红包): issued as rewards, fixed or out of prepared packets, and paid to people."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Invalid,
    NotFound,
    PersonQuery,
    RewardOrder,
    RewardWanted,
    Veto,
    execute,
    iso,
    show_minor,
    transactional,
)

from .budget import Budget
from .files import Files
from .packets import Packets
from .paying import Paying
from .payouts import Payouts
from .wechat import WechatTransfers

if TYPE_CHECKING:
    from scrm_core.api import Brand

NAME = "red-packet"
KIND = "red-packet"


class RedPackets:
    """One brand's red packets; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings
        self.budget = Budget(brand)
        self.payouts = Payouts(brand, self.budget, gateway=settings["wechat"] is not None)
        self.packets = Packets(brand, settings, self.budget, self.payouts)
        self.files = Files(brand, self.payouts)

    @cached_property
    def paying(self) -> Paying:
        """What talks to the gateway, if one is configured."""
        table = self.settings["wechat"]
        gateway = WechatTransfers(table, self.brand.now) if table is not None else None
        return Paying(self.brand, self.payouts, gateway, table["appid"] if table is not None else "")

    def problems(self) -> list[str]:
        """What keeps the gateway from working for this brand, a sentence each."""
        table = self.settings["wechat"]
        if table is None:
            return []
        problem = WechatTransfers(table, self.brand.now).problem()
        found = [problem] if problem else []
        if self.brand.currency != "CNY":
            found.append(f"WeChat Pay transfers CNY, the brand's currency is {self.brand.currency}: pay by file")
        return found

    # Rewards ------------------------------------------------------------------

    def verify(self, item: str) -> None:
        """Whether such a reward could be issued; raises Invalid for a packet that is unknown or has ended."""
        if not item:
            return
        try:
            packet = self.packets.get(item)
        except NotFound:
            raise Invalid(f"no red packet {item!r} is prepared", field="item") from None
        if packet.state != "open" or packet.expires_at <= self.brand.now():
            raise Invalid(f"red packet {item!r} has expired", field="item")

    def worth(self, item: str, quantity: int) -> int | None:
        """The fixed amount, or the largest share of a prepared packet; None for one that is unknown."""
        if not item:
            return quantity
        (most,) = execute(
            "SELECT max(s.amount_minor) FROM red_packet_share s JOIN red_packet_packet k ON k.id = s.packet_id "
            "WHERE k.code = ?",
            (item,),
        ).fetchone()
        return None if most is None else int(most)

    def shortage(self, wanted: Sequence[RewardWanted], most_minor: int | None) -> str:
        """Why not all of these could be issued now; else empty. They cost ``most_minor`` at most, if given."""
        fixed = [each for each in wanted if not each.item]
        found = [told for each in fixed if (told := self._out_of_bounds(each.quantity))]
        needs = sum(each.quantity * each.least for each in fixed)
        needs = needs if most_minor is None else min(needs, most_minor)
        left = self.budget.view().left_minor
        if needs > left:
            currency = self.brand.currency
            found.append(
                f"red packets cost {show_minor(needs, currency)} and their budget has {show_minor(left, currency)} "
                "left: put money in with `scrm red-packet fund`"
            )
        shares: dict[str, int] = {}
        for each in wanted:
            if each.item:
                shares[each.item] = shares.get(each.item, 0) + each.least
        for item, count in shares.items():
            packet = self.packets.get(item)
            left = packet.people - packet.handed
            if count > left:
                found.append(f"red packet {item!r} has {left} shares left, {count} are planned")
        return "; ".join(found)

    def _out_of_bounds(self, amount_minor: int) -> str:
        """Why no packet holds this amount; empty when one may."""
        least, most = self.settings["min_minor"], self.settings["max_minor"]
        if least <= amount_minor <= most:
            return ""
        return (
            f"a packet holds {least} to {most} minor units, not {amount_minor}; settings min_minor and max_minor say so"
        )

    def issue(self, order: RewardOrder) -> dict[str, Any]:
        """Owe the person a fixed amount (``quantity`` minor units) or the next share of a prepared packet.

        Every refusal is a Veto: ``amount``, ``budget``, ``no_packet``, ``sold_out``, ``expired``, ``already_has_one``.
        """
        contact_id = self.brand.contacts.survivor(order.contact_id)
        try:
            if order.item:
                if order.quantity != 1:
                    raise Veto("a reward names one share of a prepared packet: quantity 1", "amount", status=422)
                number, amount = self.packets.hand_out(order.item, contact_id, order.grant_key)
            else:
                number, amount = self._fixed(order, contact_id), order.quantity
        except NotFound as exc:
            raise Veto(exc.message, "no_packet", status=422) from None
        except Conflict as exc:
            raise Veto(exc.message, exc.code, personal=exc.code == "already_has_one") from None
        return {"payout": number, "amount_minor": amount}

    def _fixed(self, order: RewardOrder, contact_id: int) -> str:
        problem = self._out_of_bounds(order.quantity)
        if problem:
            raise Veto(problem, "amount", status=422)
        self.budget.take(order.quantity, f"reward:{order.grant_key}")
        return self.payouts.owe(contact_id, order.quantity, order.grant_key)

    def take_back(self, order: RewardOrder) -> None:
        """Cancel what :meth:`issue` owed; what is paid, or being paid, is a Veto."""
        self.payouts.cancel(order.grant_key)

    # Upkeep -------------------------------------------------------------------

    def settle(self) -> str:
        """What the job does: close expired packets, then ask about payouts and pay those that are due."""
        closed, dropped = self.packets.expire(), self.payouts.drop_ownerless()
        told = self.paying.run()
        return f"{closed} packets closed, {dropped} payouts dropped, {told.asked} asked for, {told.sent} sent"

    # Reading ------------------------------------------------------------------

    @transactional
    def differences(self) -> list[str]:
        """Where the ledgers do not add up, a sentence each; an empty list is as it should be."""
        budget = self.budget.view()
        (entries,) = execute("SELECT coalesce(sum(amount_minor), 0) FROM red_packet_entry").fetchone()
        (owed,) = execute(
            "SELECT coalesce(sum(amount_minor), 0) FROM red_packet_payout WHERE state <> 'canceled'"
        ).fetchone()
        (waiting,) = execute(
            "SELECT coalesce(sum(s.amount_minor), 0) FROM red_packet_share s JOIN red_packet_packet k "
            "ON k.id = s.packet_id WHERE k.state = 'open' AND s.place >= k.handed"
        ).fetchone()
        uneven = execute(
            "SELECT k.code, k.total_minor, coalesce(sum(s.amount_minor), 0) FROM red_packet_packet k "
            "LEFT JOIN red_packet_share s ON s.packet_id = k.id GROUP BY k.id, k.code, k.total_minor "
            "HAVING coalesce(sum(s.amount_minor), 0) <> k.total_minor ORDER BY k.id"
        ).fetchall()
        found = [f"the shares of packet {code} sum to {int(got)}, not {total}" for code, total, got in uneven]
        if budget.left_minor != int(entries):
            found.append(f"the budget has {budget.left_minor} left, its entries sum to {int(entries)}")
        if budget.used_minor != int(owed) + int(waiting):
            found.append(
                f"the budget has {budget.used_minor} used, but {int(owed)} are owed or paid and {int(waiting)} lie in "
                "open packets"
            )
        return found

    def personal(self, query: PersonQuery) -> list[dict[str, Any]]:
        """What a person gets to see of their payouts, as JSON values."""
        return [
            {
                "number": payout.number,
                "amount_minor": payout.amount_minor,
                "state": payout.state,
                "packet": payout.packet,
                "at": iso(payout.created_at, self.brand.zone),
                "settled_at": iso(payout.settled_at, self.brand.zone),
            }
            for payout in self.payouts.of_people(query.contact_ids)
        ]
