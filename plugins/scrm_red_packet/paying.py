"""Paying through the gateway: claimed in one transaction, called outside any, settled in another.

Nothing is sent twice: a payout is claimed by one conditional UPDATE before the
call, and a call whose outcome is not certain leaves it ``unknown``. From there it
leads on only by asking for its number: WeChat says that it was paid, failed or
goes on, or that it knows no such transfer. In the last case it is sent again
under the *same* number, to the same account, so that even a first request that
arrives late is paid once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import NotFound, execute, transactional

from .payouts import NO_GATEWAY, NO_OPENID, PayoutView
from .wechat import SIGN_ERROR, SILENT, Told, WechatTransfers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrm_core.api import Brand

    from .payouts import Payouts

LEASE_MS = 120_000
PATIENCE_MS = 300_000
"""A transfer that WeChat does not know, of a call without an answer, is sent again after this."""

SOON_MS = 60_000
LATER_MS = 600_000
LONGEST_MS = 3_600_000
ROUND = 200
ROUND_MS = 120_000
_MOST_SILENT = 3
"""Calls without an answer after which the gateway is left alone until the next time."""

INTERRUPTED, VANISHED = "interrupted", "vanished"
TRANSIENT = frozenset(
    {
        SIGN_ERROR,
        "NOT_ENOUGH",
        "FREQUENCY_LIMITED",
        "FREQUENCY_LIMIT_EXCEED",
        "RATELIMIT_EXCEEDED",
        "RATELIMIT_EXCEED",
    }
)
"""Refusals that pass: the keys are put right, the account is filled, the pace is slower."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one run did."""

    asked: int = 0
    sent: int = 0


class Paying:
    """One brand's dealings with its gateway, which is None where payouts go by file; run it outside transactions."""

    def __init__(self, brand: Brand, payouts: Payouts, gateway: WechatTransfers | None, appid: str) -> None:
        self.brand = brand
        self.payouts = payouts
        self.gateway = gateway
        self.appid = appid

    def run(self) -> Round:
        """Give up calls that were cut off, ask about what is not certain, pay what is due."""
        self._give_up()
        if self.gateway is None:
            self._wait_for_gateway()
            return Round()
        until = self.brand.now() + ROUND_MS
        return Round(self._ask_all(self.gateway, until), self._pay_all(self.gateway, until))

    def _due(self, where: str, params: Sequence[int]) -> list[PayoutView]:
        rows = execute(
            f"SELECT id FROM red_packet_payout WHERE {where} AND next_at <= ? ORDER BY next_at, id LIMIT ?",
            (*params, self.brand.now(), ROUND),
        ).fetchall()
        return [self.payouts.by_id(payout_id) for (payout_id,) in rows]

    @transactional
    def _give_up(self) -> None:
        """Payouts whose worker died in the call, or was stopped there, are unknown."""
        now = self.brand.now()
        over = " AND via = 'wechat' AND lease_until IS NOT NULL AND lease_until < ?"
        for payout in self._due(f"state = 'sending'{over}", (now,)):
            self.payouts.move(
                payout, "unknown", of=("sending",), reason=INTERRUPTED, next_at=now, guard=(over, (now,))
            )

    @transactional
    def _wait_for_gateway(self) -> None:
        execute("UPDATE red_packet_payout SET reason = ? WHERE state = 'due' AND reason <> ?", (NO_GATEWAY, NO_GATEWAY))

    # Asking -------------------------------------------------------------------

    def _ask_all(self, gateway: WechatTransfers, until: int) -> int:
        asked = silent = 0
        for payout in self._due(
            "via = 'wechat' AND (state = 'unknown' OR (state = 'sending' AND lease_until IS NULL))", ()
        ):
            if silent == _MOST_SILENT or self.brand.now() >= until:
                break
            if self._take_question(payout):
                told = gateway.ask(payout.number, payout.amount_minor)
                self._settle_question(payout, told)
                silent = silent + 1 if told.kind in ("silent", "unsent") else 0
                asked += 1
        return asked

    @transactional
    def _take_question(self, payout: PayoutView) -> bool:
        """Whether this process asks: of several one does."""
        now = self.brand.now()
        taken = execute(
            "UPDATE red_packet_payout SET next_at = ? WHERE id = ? AND number = ? AND attempts = ? AND state = ? "
            "AND next_at <= ?",
            (now + SOON_MS, payout.id, payout.number, payout.attempts, payout.state, now),
        ).rowcount
        return bool(taken)

    @transactional
    def _settle_question(self, payout: PayoutView, told: Told) -> None:
        now = self.brand.now()
        age = now - (payout.sent_at or now)
        later = now + min(LONGEST_MS, max(SOON_MS, age))
        if told.kind in ("paid", "failed", "pending"):
            self._settle(payout, told, next_at=later)
        elif told.kind != "missing":
            execute("UPDATE red_packet_payout SET next_at = ?, detail = ? WHERE id = ? AND number = ? AND state = ?",
                    (later, f"{told.code} {told.detail}".strip(), payout.id, payout.number, payout.state))  # fmt: skip
        elif payout.reference:
            # It was there once: sending it again might pay it twice.
            if payout.reason != VANISHED:
                self.payouts.move(payout, "unknown", of=("sending", "unknown"), reason=VANISHED, next_at=later)
            else:
                execute("UPDATE red_packet_payout SET next_at = ? WHERE id = ?", (later, payout.id))
        elif payout.reason in TRANSIENT:
            self.payouts.move(payout, "due", of=("unknown",), reason=payout.reason, next_at=now + SOON_MS)
        elif payout.reason not in SILENT and payout.reason != INTERRUPTED:
            self.payouts.move(payout, "failed", of=("unknown",), reason=payout.reason, detail=payout.detail)
        elif age >= PATIENCE_MS:
            self.payouts.move(payout, "due", of=("unknown",), reason="not_found", next_at=now)

    # Paying -------------------------------------------------------------------

    def _pay_all(self, gateway: WechatTransfers, until: int) -> int:
        sent = silent = 0
        for waiting in self._due("state = 'due'", ()):
            if silent == _MOST_SILENT or self.brand.now() >= until:
                break
            claimed = self._claim(waiting)
            if claimed is None:
                continue
            payout, account = claimed
            told = gateway.pay(payout.number, account, payout.amount_minor)
            self._settle_call(payout, told)
            silent = silent + 1 if told.kind in ("silent", "unsent") else 0
            sent += told.kind != "unsent"
            if told.kind == "refused" and told.code in TRANSIENT:
                break
        return sent

    @transactional
    def _claim(self, payout: PayoutView) -> tuple[PayoutView, str] | None:
        """The payout, now ``sending`` under a lease, and the account it goes to; None when it is not ours to send."""
        now = self.brand.now()
        if payout.contact_id is None:
            return None
        account = self._account(payout)
        if not account:
            execute(
                "UPDATE red_packet_payout SET reason = ?, next_at = ? WHERE id = ? AND number = ? AND state = 'due'",
                (NO_OPENID, now + LATER_MS, payout.id, payout.number),
            )
            return None
        columns: dict[str, Any] = {
            "via": "wechat", "reason": "", "detail": "", "attempts": payout.attempts + 1,
            "lease_until": now + LEASE_MS, "sent_at": now, "next_at": now,
        }  # fmt: skip
        if not self.payouts.move(payout, "sending", of=("due",), guard=(" AND next_at <= ?", (now,)), **columns):
            return None
        execute("UPDATE red_packet_payee SET account = ? WHERE payout_id = ?", (account, payout.id))
        return self.payouts.by_id(payout.id), account

    def _account(self, payout: PayoutView) -> str:
        """The openid the number was sent to before, or the person's for the gateway's app, verified ones first."""
        (used,) = execute("SELECT account FROM red_packet_payee WHERE payout_id = ?", (payout.id,)).fetchone() or ("",)
        if used or payout.contact_id is None:
            return str(used)
        try:
            contact_id = self.brand.contacts.survivor(payout.contact_id)
        except NotFound:
            return ""
        found = [
            (identity.verified, identity.created_at, identity.value)
            for identity in self.brand.contacts.identities(contact_id)
            if identity.kind == "openid" and identity.namespace == self.appid
        ]
        return max(found)[2] if found else ""

    @transactional
    def _settle_call(self, payout: PayoutView, told: Told) -> None:
        now = self.brand.now()
        if told.kind in ("paid", "failed", "pending"):
            self._settle(payout, told, next_at=now + SOON_MS)
        elif told.kind == "unsent":
            self.payouts.move(
                payout, "due", of=("sending",), reason=told.code, detail=told.detail, next_at=now + SOON_MS
            )
        else:
            self.payouts.move(
                payout, "unknown", of=("sending", "unknown"), reason=told.code, detail=told.detail, next_at=now
            )

    def _settle(self, payout: PayoutView, told: Told, *, next_at: int) -> None:
        state = "sending" if told.kind == "pending" else told.kind
        reference, package = told.reference or payout.reference, told.package or payout.package
        if state == payout.state and (told.code, reference, package) == (
            payout.reason, payout.reference, payout.package,
        ):  # fmt: skip
            execute("UPDATE red_packet_payout SET next_at = ? WHERE id = ?", (next_at, payout.id))
            return
        self.payouts.move(
            payout,
            state,
            of=("sending", "unknown"),
            reason=told.code,
            detail=told.detail,
            reference=reference,
            package=package if state == "sending" else "",
            next_at=next_at,
        )
