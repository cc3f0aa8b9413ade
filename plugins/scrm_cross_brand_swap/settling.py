"""Closing a deal: the last totals, a statement that both sides recompute, and both sides' hash of it."""

from __future__ import annotations

import json
from typing import Any

from scrm_core.api import Conflict, Invalid, PartnerMessage, execute, transactional

from .book import MS_PER_DAY, Book, Deal, Refuse
from .ledger import Ledger
from .statement import DIRECTIONS, difference, printable, smaller, statement, unsound
from .terms import digest, read, written


class Settling(Book):
    """The end of a brand's deals."""

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self.brand, self.settings)

    def close_due(self) -> int:
        """Close deals whose time is over and tell the last totals; side a then sends the statement.

        What nobody answers for a day is told again. Deals with a partner that the file names no more wait for it.
        """
        count = 0
        for deal in self.deals(state="agreed"):
            if self.brand.now() >= deal.closes_at and self.names(deal):
                self._close(deal)
                count += 1
        for deal in self.deals(state="settling"):
            if not self.names(deal):
                continue
            if self.propose(deal):
                count += 1
            elif self.brand.now() >= deal.sent_at + MS_PER_DAY:
                self._again(deal.code)
                count += 1
        return count

    @transactional
    def _close(self, deal: Deal) -> None:
        # The last totals are those of the moment in which counting ends.
        done = execute(
            "UPDATE cross_brand_swap_deal SET state = 'settling' WHERE id = ? AND state = 'agreed'", (deal.id,)
        )
        if done.rowcount == 1:
            self._ledger.tell(deal.code, final=True)
            self.note(deal.code, deal.partner, "us", "close")

    @transactional
    def propose(self, deal: Deal) -> bool:
        """Send the statement, once both have told their last totals; False when that is not due here."""
        if deal.side != "a" or deal.state != "settling" or deal.statement or not deal.told.get("final"):
            return False
        text = written(self.ours(deal))
        done = execute(
            "UPDATE cross_brand_swap_deal SET statement = ? WHERE id = ? AND state = 'settling' AND statement = ''",
            (text, deal.id),
        )
        if done.rowcount == 1:
            self._send(deal, text)
        return bool(done.rowcount == 1)

    def _send(self, deal: Deal, text: str) -> None:
        self.send(deal, "settle", {"text": text, "digest": digest(text)}, f"{deal.code}:{digest(text)[:16]}:{deal.seq}")
        self.note(deal.code, deal.partner, "us", "settle", digest=digest(text))

    @transactional
    def _again(self, code: str) -> None:
        deal = self.lock(self.deal(code))
        if deal.state == "settling" and self.brand.now() >= deal.sent_at + MS_PER_DAY:
            self._ledger.tell_again(deal)
            if deal.statement:
                self._send(self.deal(code), deal.statement)

    def ours(self, deal: Deal) -> dict[str, Any]:
        """The statement as this side computes it; raises Conflict before the partner has told anything."""
        if not deal.told:
            raise Conflict(f"the partner has told nothing of deal {deal.code!r} yet", code="nothing_told")
        own, told = self._last(deal), deal.told["totals"]
        ours = {**told, "shown": own["shown"]}  # what this brand showed and the partner received
        theirs = {**own, "shown": told["shown"]}
        lines = dict(zip(DIRECTIONS, (ours, theirs) if deal.side == "a" else (theirs, ours), strict=True))
        return statement(deal.code, deal.digest, deal.unit, lines)

    def _last(self, deal: Deal) -> dict[str, int]:
        """Totals as they were told last: once a deal is closed they stand."""
        if deal.state != "agreed" and deal.sent:
            totals: dict[str, int] = json.loads(deal.sent)["totals"]
            return totals
        return {"shown": deal.shown, **self._ledger.brought(deal)}

    def take_settle(self, event: PartnerMessage) -> None:
        """The partner sends its statement: it is signed, or disputed by the line that differs.

        Counters that differ by 5% at most are settled at the smaller one, as is the
        practice of the field: what is signed then is that statement, and the partner
        is sent it. One that comes again is answered again.
        """
        deal = self.deal_of(event)
        text = event.body.get("text")
        ended = deal.state in ("settled", "disputed")
        if deal.side != "b" or not (ended or (deal.state == "settling" and deal.told.get("final"))):
            raise Refuse(f"out of order: the deal is {deal.state}")
        if not isinstance(text, str) or event.body.get("digest") != digest(text):
            raise Refuse("altered: the hash is not the statement's")
        if deal.state == "settled" and self._signed(deal, text) != deal.statement:
            raise Refuse("out of order: another statement is signed")
        if not ended:
            deal = self._judge(deal, event, text)
        if deal.state == "settled":
            act, said, signed = "settled", {"text": deal.statement}, digest(deal.statement)
        else:
            act, said, signed = "dispute", {"line": deal.reason}, digest(text)
        self.send(deal, act, {"digest": digest(text), **said}, f"{deal.code}:{event.id}")
        self.note(deal.code, deal.partner, "us", act, digest=signed)

    def _judge(self, deal: Deal, event: PartnerMessage, text: str) -> Deal:
        signed = self._signed(deal, text)
        wrong = ""
        if signed is None:
            try:
                theirs = read(text)
            except Invalid as exc:
                raise Refuse(f"the statement is refused: {exc}") from None
            wrong = difference(self.ours(deal), theirs) or "the text is not the one text of the statement"
        self._settled(deal, "settled" if signed else "disputed", signed or "", wrong)
        self.note(
            deal.code, deal.partner, "them", "settle", digest=digest(signed or text), message=event.id, refused=wrong
        )
        return self.deal(deal.code)

    def _signed(self, deal: Deal, text: str) -> str | None:
        """The statement that both sign, given the partner's: at the smaller counters; None if too far apart."""
        return _at_smaller(deal, self.ours(deal), text)

    def take_settled(self, event: PartnerMessage) -> None:
        """The partner signed the statement that this brand sent."""
        text = event.body.get("text")
        if self.deal_of(event).state == "settled" and text == self.deal_of(event).statement:
            return  # answered again
        deal = self._sent(event, "settling")
        if not isinstance(text, str) or (
            text != deal.statement and _at_smaller(deal, json.loads(deal.statement), text) != text
        ):
            raise Refuse("the partner signed another statement: neither ours nor one at counters smaller by 5% at most")
        self._settled(deal, "settled", text, "")
        self.note(deal.code, deal.partner, "them", "settled", digest=digest(text), message=event.id)

    def take_dispute(self, event: PartnerMessage) -> None:
        """The partner does not sign: its line is kept as the reason."""
        deal = self._sent(event, "disputed")
        if deal.state == "settling":
            self._settled(deal, "disputed", deal.statement, printable(str(event.body.get("line", ""))[:500]))
            self.note(deal.code, deal.partner, "them", "dispute", digest=digest(deal.statement), message=event.id)

    def _sent(self, event: PartnerMessage, after: str) -> Deal:
        """The deal whose statement an answer is about: one that waits for it, or had the same answer before."""
        deal = self.deal_of(event)
        if deal.side != "a" or deal.state not in ("settling", after) or not deal.statement:
            raise Refuse(f"out of order: the deal is {deal.state}")
        if event.body.get("digest") != digest(deal.statement):
            raise Refuse("altered: the hash is not that of the statement")
        return deal

    def _settled(self, deal: Deal, state: str, text: str, reason: str) -> None:
        execute(
            "UPDATE cross_brand_swap_deal SET state = ?, statement = ?, reason = ? WHERE id = ? AND state = ?",
            (state, text, reason, deal.id, deal.state),
        )


def _at_smaller(deal: Deal, ours: dict[str, Any], text: str) -> str | None:
    """Ours and the partner's statement at the smaller counter of each line.

    None when they are more than 5% apart, or when the partner's cannot be, or does not add up in itself.
    """
    try:
        theirs = read(text)
    except Invalid:
        return None
    lines = smaller(ours["lines"], theirs.get("lines")) if isinstance(theirs, dict) else None
    if lines is None or unsound(theirs["lines"]):
        return None
    if text != written(statement(deal.code, deal.digest, deal.unit, theirs["lines"])):
        return None
    return written(statement(deal.code, deal.digest, deal.unit, lines))
