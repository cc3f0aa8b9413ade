"""The way out of a dispute: a person offers a statement to sign, the other side's signs it or answers with another.

One such statement stands at a time, and whoever did not make it answers: so both
sides cannot sign two. Where both made one at once, side a's stands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scrm_core.api import Conflict, Invalid, PartnerMessage, execute, transactional

from .book import Deal, Refuse
from .settling import Settling
from .statement import COLUMNS, DIRECTIONS, statement, unsound
from .terms import digest, read, written

_MOST = 2**53


class Amending(Settling):
    """Counter-statements of disputed deals, and their signatures."""

    @transactional
    def amend(self, code: str, lines: Mapping[str, Any] | None = None, *, actor: str) -> Deal:
        """Send the partner a statement that this side would sign: of these lines, else of its own books.

        Raises Invalid for lines that are none or cannot be, and Conflict for a deal
        that is not disputed (``deal_state``) or whose partner has to answer (``turn``).
        """
        deal = self._disputed(code)
        before = deal.amended
        if before and before["by"] == "us":
            raise Conflict(f"the partner has not answered the statement of deal {code!r} yet", code="turn")
        wanted = self.ours(deal)["lines"] if lines is None else lines
        problem = _wrong(wanted) or unsound(wanted)
        if problem:
            raise Invalid(f"lines: {problem}", field="lines")
        text = written(statement(deal.code, deal.digest, deal.unit, wanted))
        turn = before.get("round", 0) + 1
        self._stands(deal, {"by": "us", "round": turn, "text": text})
        body = {"text": text, "digest": digest(text), "round": turn}
        self.send(deal, "amend", body, f"{deal.code}:{turn}:{digest(text)[:16]}")
        self.note(code, deal.partner, "us", "amend", version=turn, digest=digest(text), actor=actor)
        return self.deal(code)

    @transactional
    def sign(self, code: str, said: str, *, actor: str) -> Deal:
        """Sign the partner's statement with the hash ``said``: both are settled on it.

        Raises Conflict for a deal that is not disputed (``deal_state``) or where no such statement stands (``turn``).
        """
        deal = self._disputed(code)
        stands = deal.amended
        if not stands or stands["by"] != "them" or digest(stands["text"]) != said:
            raise Conflict(f"no statement of the partner's with this hash stands in deal {code!r}", code="turn")
        self._settled(deal, "settled", stands["text"], "")
        self.send(deal, "signed", {"digest": said, "round": stands["round"]}, f"{deal.code}:{said[:16]}")
        self.note(code, deal.partner, "us", "sign", version=stands["round"], digest=said, actor=actor)
        return self.deal(code)

    def take_amend(self, event: PartnerMessage) -> None:
        """The partner offers a statement: it stands until a person answers."""
        deal = self.lock(self.deal_of(event))
        text, turn = event.body.get("text"), event.body.get("round")
        stands = deal.amended
        if deal.state != "disputed":
            raise Refuse(f"out of order: the deal is {deal.state}")
        if not isinstance(text, str) or event.body.get("digest") != digest(text) or type(turn) is not int:
            raise Refuse("altered: the hash is not the statement's")
        if stands == {"by": "them", "round": turn, "text": text}:
            return  # told again
        crossed = bool(stands) and stands["by"] == "us" and turn == stands["round"]
        if crossed and deal.side == "a":
            raise Refuse("both sent a statement at once: that of the side that offered the deal stands")
        mine = not stands or stands["by"] == "us"
        if not crossed and not (mine and turn == stands.get("round", 0) + 1):
            raise Refuse("out of order: another statement stands")
        self._check(deal, text)
        self._stands(deal, {"by": "them", "round": turn, "text": text})
        self.note(
            deal.code, deal.partner, "them", "amend", version=turn, digest=digest(text), message=event.id
        )

    def take_signed(self, event: PartnerMessage) -> None:
        """The partner signed the statement that stands: this brand's own."""
        deal = self.lock(self.deal_of(event))
        said, turn, stands = event.body.get("digest"), event.body.get("round"), deal.amended
        own = bool(stands) and (stands["by"], stands["round"], digest(stands["text"])) == ("us", turn, said)
        if deal.state == "settled" and own:
            return  # told again
        if deal.state != "disputed" or not own:
            raise Refuse("out of order: no such statement of ours stands")
        self._settled(deal, "settled", stands["text"], "")
        self.note(deal.code, deal.partner, "them", "sign", version=turn, digest=str(said), message=event.id)

    def _disputed(self, code: str) -> Deal:
        deal = self.lock(self.deal(code))
        if deal.state != "disputed":
            raise Conflict(f"deal {code!r} is {deal.state}; only a disputed one is settled by hand", code="deal_state")
        return deal

    @staticmethod
    def _stands(deal: Deal, amended: dict[str, Any]) -> None:
        execute("UPDATE cross_brand_swap_deal SET amends = ? WHERE id = ?", (written(amended), deal.id))

    @staticmethod
    def _check(deal: Deal, text: str) -> None:
        """Whether a text is the one text of a statement of this deal that can be; raises Refuse."""
        try:
            theirs = read(text)
        except Invalid as exc:
            raise Refuse(f"the statement is refused: {exc}") from None
        lines = theirs.get("lines") if isinstance(theirs, dict) else None
        problem = _wrong(lines) or unsound(lines)  # type: ignore[arg-type]
        if problem:
            raise Refuse(f"the statement is refused: {problem}")
        if text != written(statement(deal.code, deal.digest, deal.unit, lines)):  # type: ignore[arg-type]
            raise Refuse("the statement is refused: it is not the deal's, or does not add up")


def shown(deal: Deal) -> dict[str, Any] | None:
    """The statement that stands in a dispute, as JSON: whose, its hash to sign by, and its lines."""
    stands = deal.amended
    if not stands:
        return None
    loaded = json.loads(stands["text"])
    return {
        "by": stands["by"], "round": stands["round"], "digest": digest(stands["text"]), "lines": loaded["lines"],
        "balance": loaded["balance"],
    }  # fmt: skip


def _wrong(lines: Any) -> str:
    """What is wrong with the shape of lines; empty when each counter is a whole number of people."""
    if not isinstance(lines, Mapping) or set(lines) != set(DIRECTIONS):
        return f"they have the directions {' and '.join(DIRECTIONS)}"
    for direction, counters in lines.items():
        if not isinstance(counters, Mapping) or set(counters) != set(COLUMNS):
            return f"{direction} has {', '.join(COLUMNS)}"
        if any(type(each) is not int or not 0 <= each <= _MOST for each in counters.values()):
            return f"{direction} has whole numbers, not below 0"
    return ""
