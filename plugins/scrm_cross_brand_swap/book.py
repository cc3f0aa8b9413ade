"""What the parts of the plugin share: a deal's row, the log of steps, and the refusal of a message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scrm_core.api import Brand, Conflict, NotFound, PartnerMessage, execute, from_instant

from .statement import printable
from .terms import Terms

NAME = "cross-brand-swap"
MS_PER_DAY = 86_400_000

_COLUMNS = (
    "id", "code", "partner", "side", "state", "turn", "version", "text", "digest", "answer_until", "unit", "quota",
    "imbalance", "from_at", "until_at", "target", "link", "words", "show_url", "show_words", "clicks", "shown",
    "received", "given", "open_in", "open_out", "seq", "sent_at", "told_seq", "told", "sent", "statement", "reason",
    "amends",
)  # fmt: skip
SELECT = f"SELECT {', '.join(_COLUMNS)} FROM cross_brand_swap_deal "


class Refuse(Exception):
    """A partner's message that is not taken; the reason goes to the log of steps."""


@dataclass(frozen=True, slots=True)
class Deal:
    """A row of the deals as read; see :class:`.models.SwapDeal`."""

    id: int
    code: str
    partner: str
    side: str
    state: str
    turn: str
    version: int
    text: str
    digest: str
    answer_until: int
    unit: str
    quota: int
    imbalance: int
    from_at: int
    until_at: int
    target: str
    link: str
    words: str
    show_url: str
    show_words: str
    clicks: int
    shown: int
    received: int
    given: int
    open_in: int
    open_out: int
    seq: int
    sent_at: int
    told_seq: int
    told_text: str | None
    sent: str
    statement: str
    reason: str
    amends: str

    @property
    def terms(self) -> dict[str, Any]:
        """The agreed terms as a value."""
        loaded: dict[str, Any] = Terms().load(json.loads(self.text))
        return loaded

    @property
    def told(self) -> dict[str, Any]:
        """What the partner told last of what came to it; empty before the first telling."""
        told: dict[str, Any] = json.loads(self.told_text) if self.told_text else {}
        return told

    @property
    def amended(self) -> dict[str, Any]:
        """The statement that stands in a dispute: ``by`` us or them, ``round``, ``text``; empty for none."""
        amended: dict[str, Any] = json.loads(self.amends) if self.amends else {}
        return amended

    @property
    def closes_at(self) -> int:
        """When nothing can count any more: the end, the window of attribution, and the days in which it may be lost.

        A first order has a window of its own, from the arrival on.
        """
        terms = self.terms
        windows = 2 if self.unit == "first_order" else 1
        return self.until_at + (windows * int(terms["window_days"]) + int(terms["keep_days"])) * MS_PER_DAY


class Book:
    """A brand's deals and steps; the parts of the plugin inherit it."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    def deal(self, code: str) -> Deal:
        """The deal with this code; raises NotFound."""
        row = execute(SELECT + "WHERE code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no deal {code!r}")
        return Deal(*row)

    def deal_of(self, event: PartnerMessage) -> Deal:
        """The deal that a partner's message is about; one of another partner is as missing as any."""
        code = event.body.get("deal")
        row = None
        if isinstance(code, str):
            row = execute(SELECT + "WHERE code = ? AND partner = ?", (code, event.partner)).fetchone()
        if row is None:
            raise Refuse("no such deal with this partner")
        return Deal(*row)

    def lock(self, deal: Deal) -> Deal:
        """The deal as it is now, under its row's lock: a deal is locked before its arrivals, everywhere."""
        execute("UPDATE cross_brand_swap_deal SET seq = seq WHERE id = ?", (deal.id,))
        return self.deal(deal.code)

    def deals(self, *, state: str | None = None) -> list[Deal]:
        """Every deal, oldest first; of one state when given."""
        where, params = ("WHERE state = ? ", (state,)) if state else ("", ())
        return [Deal(*row) for row in execute(f"{SELECT}{where}ORDER BY id", params).fetchall()]

    def newest(self, *, before: int = 0, limit: int = 50) -> list[Deal]:
        """Deals, newest first; ``before`` is the last id of the page before."""
        where, params = ("WHERE id < ? ", (before,)) if before else ("", ())
        rows = execute(f"{SELECT}{where}ORDER BY id DESC LIMIT ?", (*params, limit)).fetchall()
        return [Deal(*row) for row in rows]

    def names(self, deal: Deal) -> bool:
        """Whether the brand's file still names the deal's partner: no message goes to another."""
        return deal.partner in self.brand.partners.names()

    def send(self, deal: Deal, kind: str, body: dict[str, Any], key: str) -> str:
        """Queue a message about a deal for its partner."""
        return self.brand.partners.send(deal.partner, f"swap.{kind}", {"deal": deal.code, **body}, key=f"{kind}:{key}")

    def note(
        self, deal: str, partner: str, by: str, act: str, *, version: int = 0, digest: str = "", message: str = "",
        actor: str = "", refused: str = "",
    ) -> None:  # fmt: skip
        """Write a step down."""
        execute(
            "INSERT INTO cross_brand_swap_step (deal, partner, by, act, version, digest, message, actor, refused, at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (deal, partner, by, act, version, digest, message, actor, printable(refused[:500]), self.brand.now()),
        )

    def steps(self, deal: str = "", *, refused: bool = False, limit: int = 200) -> list[dict[str, Any]]:
        """What was done about a deal (or any), newest first; ``refused`` shows what was refused alone."""
        where = ["1 = 1", *(["deal = ?"] if deal else []), *(["refused <> ''"] if refused else [])]
        rows = execute(
            "SELECT at, deal, partner, by, act, version, digest, actor, refused FROM cross_brand_swap_step "
            f"WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?",
            [*([deal] if deal else []), limit],
        ).fetchall()
        names = ("at", "deal", "partner", "by", "act", "version", "digest", "actor", "refused")
        return [{**dict(zip(names, row, strict=True)), "at": self.shown(row[0])} for row in rows]

    def shown(self, instant: int) -> str:
        """An instant as people read it, in the brand's zone."""
        return from_instant(instant, self.brand.zone).isoformat(timespec="minutes")

    def period(self, deal: Deal) -> str:
        """When a deal runs, in the brand's zone."""
        return f"from {self.shown(deal.from_at)} until {self.shown(deal.until_at)}"


def changed(cursor: Any, deal: str) -> None:
    """Raise Conflict unless a conditional update changed its one row."""
    if cursor.rowcount != 1:
        raise Conflict(f"deal {deal!r} has moved on meanwhile", code="deal_moved")
