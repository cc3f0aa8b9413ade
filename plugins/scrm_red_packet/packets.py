"""Prepared packets (拼手气红包): split when they are made, handed out by index, the rest returned when they expire.

The shares lie there before the first person comes. Taking one is one
conditional UPDATE of the packet's count, which names the place; a person has
one share of a packet at most, which a UNIQUE constraint holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, clean_text, execute, insert_rows, page_size, transactional

from .budget import MOST_ROWS, Budget, who, whole_minor
from .models import RedPacketPacket, RedPacketShare
from .payouts import Payouts
from .schemas import MOST_HOURS, MOST_PEOPLE
from .split import split_within

if TYPE_CHECKING:
    from scrm_core.api import Brand

HOUR_MS = 3_600_000
_VIEW = (
    "SELECT id, code, title, total_minor, people, handed, state, expires_at, returned_minor, actor, created_at, "
    "closed_at FROM red_packet_packet "
)


@dataclass(frozen=True, slots=True)
class PacketView:
    """A prepared packet: ``handed`` of ``people`` shares are taken; ``returned_minor`` went back when it closed."""

    id: int
    code: str
    title: str
    total_minor: int
    people: int
    handed: int
    state: str
    expires_at: int
    returned_minor: int
    actor: str
    created_at: int
    closed_at: int | None


class Packets:
    """One brand's prepared packets; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any], budget: Budget, payouts: Payouts) -> None:
        self.brand = brand
        self.settings = settings
        self.budget = budget
        self.payouts = payouts

    @transactional
    def prepare(
        self, code: str, total_minor: int, people: int, *, title: str = "", hours: int | None = None, actor: str
    ) -> PacketView:
        """Split ``total_minor`` among ``people`` and set the money aside, once per code.

        The same code with the same numbers answers the packet there is. Raises
        Invalid for amounts out of the settings' bounds, Conflict for a code that
        was used for something else (``code_used``) or a budget that is too small (``budget``).
        """
        code, title = clean_text(code, field="code", max_length=60), clean_text(title, field="title", max_length=200)
        if not code:
            raise Invalid("give a code: rewards name the packet by it", field="code")
        whole_minor(total_minor, "total_minor")
        if type(people) is not int or not 1 <= people <= MOST_PEOPLE:
            raise Invalid(f"people is a whole number from 1 to {MOST_PEOPLE}", field="people")
        hours = self.settings["expire_hours"] if hours is None else hours
        if type(hours) is not int or not 1 <= hours <= MOST_HOURS:
            raise Invalid(f"hours is a whole number from 1 to {MOST_HOURS}", field="hours")
        shares = split_within(total_minor, people, self.settings["min_minor"], self.settings["max_minor"])
        now = self.brand.now()
        row = (code, title, total_minor, people, 0, "open", now + hours * HOUR_MS, 0, who(actor), now)
        columns = (
            "code", "title", "total_minor", "people", "handed", "state", "expires_at", "returned_minor", "actor",
            "created_at",
        )  # fmt: skip
        made = insert_rows(RedPacketPacket, columns, [row], on_conflict="ON CONFLICT (code) DO NOTHING")
        packet = self.get(code)
        if (packet.total_minor, packet.people, packet.title) != (total_minor, people, title):
            raise Conflict(f"the code {code!r} was used for another packet", code="code_used")
        if made:
            self.budget.take(total_minor, f"packet:{packet.id}")
            insert_rows(
                RedPacketShare,
                ("packet_id", "place", "amount_minor"),
                [(packet.id, place, share) for place, share in enumerate(shares)],
            )
        return packet

    def hand_out(self, code: str, contact_id: int, grant_key: str) -> tuple[str, int]:
        """Give the person the next share, in the open transaction: (the payout's number, minor units).

        Raises NotFound for an unknown code, Conflict with code ``sold_out``,
        ``expired`` or ``already_has_one``; the caller rolls back.
        """
        packet = self.get(code)
        row = execute(
            "UPDATE red_packet_packet SET handed = handed + 1 WHERE id = ? AND state = 'open' AND expires_at > ? "
            "AND handed < people RETURNING handed",
            (packet.id, self.brand.now()),
        ).fetchone()
        if row is None:
            raise self._refusal(code, packet, contact_id)
        place = int(row[0]) - 1
        (amount,) = execute(
            "SELECT amount_minor FROM red_packet_share WHERE packet_id = ? AND place = ?", (packet.id, place)
        ).fetchone()
        return self.payouts.owe(contact_id, int(amount), grant_key, packet.id, place), int(amount)

    def _refusal(self, code: str, packet: PacketView, contact_id: int) -> Conflict:
        has = execute(
            "SELECT 1 FROM red_packet_payee WHERE packet_id = ? AND contact_id = ?", (packet.id, contact_id)
        ).fetchone()
        if has:
            return Conflict("this person has a share of the packet already", code="already_has_one")
        packet = self.get(code)
        if packet.state == "closed" or packet.expires_at <= self.brand.now():
            return Conflict(f"red packet {code!r} has expired", code="expired")
        return Conflict(f"all {packet.people} shares of red packet {code!r} are taken", code="sold_out")

    # Ending -------------------------------------------------------------------

    @transactional
    def close(self, code: str, *, actor: str) -> PacketView:
        """End a packet now; what nobody got returns to the budget. Closing it again changes nothing."""
        who(actor)
        self._close(self.get(code), "closed by " + who(actor))
        return self.get(code)

    def expire(self) -> int:
        """Close the packets whose time is over; returns how many."""
        rows = execute(
            _VIEW + "WHERE state = 'open' AND expires_at <= ? ORDER BY expires_at LIMIT ?",
            (self.brand.now(), MOST_ROWS),
        ).fetchall()
        return sum(self._close(PacketView(*row), "expired") for row in rows)

    @transactional
    def _close(self, packet: PacketView, reason: str) -> bool:
        closed = execute(
            "UPDATE red_packet_packet SET state = 'closed', closed_at = ? WHERE id = ? AND state = 'open'",
            (self.brand.now(), packet.id),
        ).rowcount
        if not closed:
            return False
        # The packet's row is ours until the commit: nobody takes a share between counting and returning.
        (rest,) = execute(
            "SELECT coalesce(sum(s.amount_minor), 0) FROM red_packet_share s JOIN red_packet_packet k "
            "ON k.id = s.packet_id WHERE k.id = ? AND s.place >= k.handed",
            (packet.id,),
        ).fetchone()
        execute("UPDATE red_packet_packet SET returned_minor = ? WHERE id = ?", (int(rest), packet.id))
        self.budget.give_back(int(rest), f"packet:{packet.id}:rest", reason)
        return True

    # Reading ------------------------------------------------------------------

    def get(self, code: str) -> PacketView:
        """The packet with this code; raises NotFound."""
        row = execute(_VIEW + "WHERE code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no red packet {code!r}")
        return PacketView(*row)

    def page(self, *, after: int = 0, limit: int = 50) -> list[PacketView]:
        """Packets with ids above ``after``, oldest first, at most ``limit``."""
        page_size(limit, MOST_ROWS)
        rows = execute(_VIEW + "WHERE id > ? ORDER BY id LIMIT ?", (after, limit)).fetchall()
        return [PacketView(*row) for row in rows]
