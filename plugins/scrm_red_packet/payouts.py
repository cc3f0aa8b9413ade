"""The ledger of payouts (付款台账): what is owed to whom, and every step from due to paid.

A payout is ``due`` until somebody is asked to pay it: the finance department by
a file, or the gateway. From then on it is ``sending`` until it is known to be
``paid`` or ``failed``; one whose call was cut off, or of which nothing clear was
heard, is ``unknown`` until it was asked for by its number or a person says what
became of it. Every change is one conditional UPDATE, so that of two who decide
at once one does, and leaves a step.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Invalid,
    NotFound,
    Veto,
    clean_text,
    execute,
    insert_rows,
    page_size,
    transactional,
)

from .budget import MOST_ROWS, Budget, who
from .models import RedPacketPayee, RedPacketPayout, RedPacketStep

if TYPE_CHECKING:
    from scrm_core.api import Brand

STATES = ("due", "sending", "paid", "failed", "unknown", "canceled")
NO_GATEWAY, NO_OPENID, ERASED = "no_gateway", "no_openid", "erased"

_VIEW = (
    "SELECT p.id, p.number, y.contact_id, k.code, p.amount_minor, p.state, p.reason, p.detail, p.via, p.file, "
    "p.reference, p.package, p.attempts, p.grant_key, p.created_at, p.sent_at, p.settled_at "
    "FROM red_packet_payout p LEFT JOIN red_packet_payee y ON y.payout_id = p.id "
    "LEFT JOIN red_packet_packet k ON k.id = p.packet_id "
)


@dataclass(frozen=True, slots=True)
class PayoutView:
    """Money owed to one person; ``contact_id`` is None once the person was erased.

    ``number`` is the transfer number of the current attempt, ``reference`` what
    the payer calls it. ``reason`` says why it waits or what was last heard of
    it; ``package`` is what a mini program needs to let the person confirm the receipt.
    """

    id: int
    number: str
    contact_id: int | None
    packet: str | None
    amount_minor: int
    state: str
    reason: str
    detail: str
    via: str
    file: str
    reference: str
    package: str
    attempts: int
    grant_key: str
    created_at: int
    sent_at: int | None
    settled_at: int | None


@dataclass(frozen=True, slots=True)
class StepView:
    """What happened to a payout."""

    number: str
    state: str
    reason: str
    detail: str
    actor: str
    at: int


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a person says became of a payout: ``result`` paid or failed, the payer's reference, or why not."""

    number: str
    result: str
    reference: str = ""
    reason: str = ""


def new_number() -> str:
    """A transfer number: 30 letters and digits, as payers accept them (WeChat: 32 at most)."""
    return "rp" + secrets.token_hex(14)


class Payouts:
    """One brand's payouts; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, budget: Budget, *, gateway: bool) -> None:
        self.brand = brand
        self.budget = budget
        self._waits = "" if gateway else NO_GATEWAY
        # A gateway that took a payout says what becomes of it, unless it is configured no more.
        self._not_at_it = f" AND NOT (state = 'sending' AND via = 'wechat'{'' if gateway else ' AND lease_until > 0'})"

    # Owing --------------------------------------------------------------------

    def owe(
        self, contact_id: int, amount_minor: int, grant_key: str, packet_id: int | None = None, place: int | None = None
    ) -> str:
        """Note in the open transaction that the person is owed money; returns the payout's number.

        Raises Conflict (``already_has_one``) when the person has a share of the packet.
        """
        now = self.brand.now()
        row = {
            "number": new_number(),
            "grant_key": grant_key,
            "packet_id": packet_id,
            "place": place,
            "amount_minor": amount_minor,
            "state": "due",
            "reason": self._waits,
            "detail": "",
            "via": "",
            "file": "",
            "reference": "",
            "package": "",
            "attempts": 0,
            "next_at": now,
            "created_at": now,
            "day": self.brand.day(now),
        }
        insert_rows(RedPacketPayout, tuple(row), [tuple(row.values())])
        (payout_id,) = execute("SELECT id FROM red_packet_payout WHERE number = ?", (row["number"],)).fetchone()
        mine = insert_rows(
            RedPacketPayee,
            ("payout_id", "packet_id", "contact_id", "account"),
            [(payout_id, packet_id, contact_id, "")],
            on_conflict="ON CONFLICT (packet_id, contact_id) DO NOTHING",
        )
        if not mine:
            raise Conflict("this person has a share of the packet already", code="already_has_one")
        self.step(payout_id, str(row["number"]), "due", reason=self._waits)
        return str(row["number"])

    def step(
        self, payout_id: int, number: str, state: str, *, reason: str = "", detail: str = "", actor: str = ""
    ) -> None:
        """Write down what happened to a payout."""
        insert_rows(
            RedPacketStep,
            ("payout_id", "number", "state", "reason", "detail", "actor", "at"),
            [(payout_id, number, state, reason, detail, actor, self.brand.now())],
        )

    def move(
        self,
        payout: PayoutView,
        state: str,
        *,
        of: Sequence[str],
        actor: str = "",
        guard: tuple[str, tuple[Any, ...]] = ("", ()),
        **columns: Any,
    ) -> bool:
        """Bring a payout from one of the states ``of`` to ``state`` and set columns; False when it is elsewhere by now.

        The attempt must still be the one that was looked at: same number, same
        count. ``guard`` is more SQL that must hold.
        """
        sets = {"state": state, "lease_until": None, **columns}
        if state in ("paid", "failed", "canceled"):
            sets["settled_at"] = self.brand.now()
            sets["settled_day"] = self.brand.day(self.brand.now())
        names = ", ".join(f"{name} = ?" for name in sets)
        marks = ", ".join("?" * len(of))
        changed = execute(
            f"UPDATE red_packet_payout SET {names} WHERE id = ? AND number = ? AND attempts = ? "
            f"AND state IN ({marks}){guard[0]}",
            (*sets.values(), payout.id, payout.number, payout.attempts, *of, *guard[1]),
        ).rowcount
        if changed:
            self.step(
                payout.id,
                str(sets.get("number", payout.number)),
                state,
                reason=str(sets.get("reason", payout.reason)),
                detail=str(sets.get("detail", "")),
                actor=actor,
            )
        return bool(changed)

    # Taking back --------------------------------------------------------------

    def cancel(self, grant_key: str, reason: str = "") -> None:
        """Cancel what a reward owed, in the open transaction; its money returns to the budget.

        A payout that is paid, or that somebody was asked to pay, is a Veto.
        """
        row = execute(_VIEW + "WHERE p.grant_key = ?", (grant_key,)).fetchone()
        if row is None:
            raise Veto("nothing is known of this reward's payout", "no_payout")
        payout = PayoutView(*row)
        if self.move(payout, "canceled", of=("due", "failed"), reason=reason or "reversed"):
            self.budget.give_back(payout.amount_minor, f"payout:{payout.id}", "canceled")
            return
        state = self._state(payout.id)
        if state == "canceled":
            return
        if state == "paid":
            raise Veto(f"{payout.amount_minor} minor units were paid already; money does not come back", "paid")
        raise Veto(f"payout {payout.number} is {state}: wait until it is known whether it was paid", "being_paid")

    def _state(self, payout_id: int) -> str:
        (state,) = execute("SELECT state FROM red_packet_payout WHERE id = ?", (payout_id,)).fetchone()
        return str(state)

    @transactional
    def cancel_by_number(self, number: str, *, reason: str, actor: str) -> PayoutView:
        """Take the reward behind a payout back: the reward's ledger and this one say the same."""
        reason = clean_text(reason, field="reason", max_length=500)
        if not reason:
            raise Invalid("say why", field="reason")
        payout = self.get(number)
        self.brand.rewards.reverse(payout.grant_key, reason=reason, actor=who(actor))
        return self.get(number)

    @transactional
    def drop_ownerless(self) -> int:
        """Cancel what is owed to people who were erased; returns how many."""
        rows = execute(
            _VIEW + "WHERE p.state IN ('due', 'failed') AND y.id IS NULL ORDER BY p.id LIMIT ?", (MOST_ROWS,)
        ).fetchall()
        return sum(self._drop(PayoutView(*row)) for row in rows)

    def drop(self, contact_ids: Sequence[int]) -> None:
        """Cancel what is owed to people who are being erased, and forget what was said about their payouts."""
        marks = ", ".join("?" * len(contact_ids))
        theirs = f"(SELECT payout_id FROM red_packet_payee WHERE contact_id IN ({marks}))"
        for row in execute(
            _VIEW + f"WHERE p.state IN ('due', 'failed') AND p.id IN {theirs} ORDER BY p.id", tuple(contact_ids)
        ).fetchall():
            self._drop(PayoutView(*row))
        execute(f"UPDATE red_packet_payout SET detail = '', package = '' WHERE id IN {theirs}", tuple(contact_ids))
        execute(f"UPDATE red_packet_step SET detail = '' WHERE payout_id IN {theirs}", tuple(contact_ids))

    def _drop(self, payout: PayoutView) -> bool:
        moved = self.move(payout, "canceled", of=("due", "failed"), reason=ERASED)
        if moved:
            self.budget.give_back(payout.amount_minor, f"payout:{payout.id}", ERASED)
        return moved

    # What people say ----------------------------------------------------------

    @transactional
    def confirm(self, said: Confirmation, *, actor: str) -> PayoutView:
        """Note that a payout was paid (by hand or from a file) or could not be; the same again changes nothing.

        Paid: one that is due, in a file, or unknown. Failed: one that is in a
        file, or unknown; it needs a reason. Raises Conflict when the gateway is at
        it, or when something else is known already.
        """
        actor = who(actor)
        reference = clean_text(said.reference, field="reference", max_length=200)
        reason = clean_text(said.reason, field="reason", max_length=500)
        if said.result not in ("paid", "failed"):
            raise Invalid(f"result is paid or failed, not {said.result!r}", field="result")
        if said.result == "failed" and not reason:
            raise Invalid("say why it could not be paid", field="reason")
        payout = self.get(said.number)
        if payout.state == said.result and payout.number == said.number:
            return payout
        of = ("due", "sending", "unknown") if said.result == "paid" else ("sending", "unknown")
        heard = {"reason": "confirmed", "reference": reference} if said.result == "paid" else {"reason": "refused"}
        via = payout.via or "hand"
        if not self.move(
            payout, said.result, of=of, actor=actor, detail=reason, via=via, **heard,
            guard=(self._not_at_it, ()),
        ):  # fmt: skip
            now = self.get(said.number)
            by = " by the gateway, which says what becomes of it" if now.via == "wechat" else ""
            raise Conflict(f"payout {said.number} is {now.state}{by}", code="state")
        return self.get(said.number)

    @transactional
    def retry(self, number: str, *, actor: str) -> PayoutView:
        """Make a failed payout due again, under a new number: payers refuse to use one twice."""
        actor, payout = who(actor), self.get(number)
        fresh = new_number()
        columns: dict[str, Any] = {
            "number": fresh, "reason": self._waits, "detail": "", "via": "", "file": "", "reference": "",
            "package": "", "attempts": 0, "next_at": self.brand.now(), "settled_at": None, "settled_day": None,
        }  # fmt: skip
        if not self.move(payout, "due", of=("failed",), actor=actor, **columns):
            raise Conflict(f"payout {number} is {payout.state}; only a failed one is tried again", code="state")
        execute("UPDATE red_packet_payee SET account = '' WHERE payout_id = ?", (payout.id,))
        return self.get(fresh)

    # Reading ------------------------------------------------------------------

    def get(self, number: str) -> PayoutView:
        """The payout with this number; raises NotFound."""
        row = execute(_VIEW + "WHERE p.number = ?", (number,)).fetchone()
        if row is None:
            raise NotFound(f"no payout {number!r}")
        return PayoutView(*row)

    def by_id(self, payout_id: int) -> PayoutView:
        """The payout with this id."""
        return PayoutView(*execute(_VIEW + "WHERE p.id = ?", (payout_id,)).fetchone())

    def page(
        self, *, state: str | None = None, contact_id: int | None = None, file: str | None = None, after: int = 0,
        limit: int = 50,
    ) -> list[PayoutView]:  # fmt: skip
        """Payouts with ids above ``after``, oldest first, at most ``limit``; of one state, person or file if given."""
        page_size(limit, MOST_ROWS)
        if state is not None and state not in STATES:
            raise Invalid(f"state is one of {', '.join(STATES)}, not {state!r}", field="state")
        where = ["p.id > ?"]
        params: list[Any] = [after]
        for column, value in (("p.state", state), ("y.contact_id", contact_id), ("p.file", file)):
            if value is not None:
                where.append(f"{column} = ?")
                params.append(value)
        rows = execute(f"{_VIEW}WHERE {' AND '.join(where)} ORDER BY p.id LIMIT ?", (*params, limit)).fetchall()
        return [PayoutView(*row) for row in rows]

    def steps(self, payout_id: int) -> list[StepView]:
        """What happened to a payout, oldest first."""
        rows = execute(
            "SELECT number, state, reason, detail, actor, at FROM red_packet_step WHERE payout_id = ? ORDER BY id",
            (payout_id,),
        ).fetchall()
        return [StepView(*row) for row in rows]

    def of_people(self, contact_ids: Sequence[int]) -> list[PayoutView]:
        """Every payout of these contacts, oldest first."""
        marks = ", ".join("?" * len(contact_ids))
        rows = execute(f"{_VIEW}WHERE y.contact_id IN ({marks}) ORDER BY p.id", tuple(contact_ids)).fetchall()
        return [PayoutView(*row) for row in rows]
