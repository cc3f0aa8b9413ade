"""Offer, counter-offer, acceptance by both: each step is a partner message that names the hash of the deal's text.

::

    open (them to answer) --counter--> open (us to answer) --accept--> accepted --confirm--> agreed
           |                                  |
           +------------- decline ------------+--> declined

An acceptance binds when the side that proposed confirms it: a withdrawal and an
acceptance that cross on the way end in ``declined`` on both sides.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

from scrm_core.api import Conflict, Invalid, PartnerMessage, clean_text, execute, new_uid, safe_target, transactional

from .book import MS_PER_DAY, NAME, Book, Deal, Refuse, changed
from .schemas import MOST_ANSWER_DAYS
from .statement import printable
from .terms import canonical, digest, read

_MOVE = "UPDATE cross_brand_swap_deal SET {} WHERE id = ? AND state = ? AND turn = ? AND version = ?"


class Deals(Book):
    """The state machine of a brand's deals."""

    # What this brand does ------------------------------------------------------

    @transactional
    def offer(self, partner: str, terms: dict[str, Any], *, target: str, words: str = "", actor: str) -> Deal:
        """Offer a deal to a partner. ``target`` is where people who come from the partner are led.

        Raises NotFound for an unknown partner, Invalid for bad terms, Conflict for a code that is taken.
        """
        text = self._future(terms)
        code = json.loads(text)["deal"]
        until = self.brand.now() + self.settings["answer_days"] * MS_PER_DAY
        self._insert(partner, "a", "them", text, until, target=safe_target(target), words=_words(words))
        deal = self.deal(code)
        self._propose(deal, "offer", "", until, actor)
        return deal

    @transactional
    def counter(self, code: str, terms: dict[str, Any], *, target: str = "", words: str = "", actor: str) -> Deal:
        """Answer the partner's proposal with another one; ``target`` as in :meth:`offer`, once.

        Raises Conflict unless it is this brand's turn, in time.
        """
        deal = self._ours(code)
        self._lead_to(deal, target, words)
        text = self._future({**terms, "deal": code})
        if text == deal.text:
            raise Invalid("these are the terms that were proposed; accept them instead", field="terms")
        until = self.brand.now() + self.settings["answer_days"] * MS_PER_DAY
        self._replace(deal, "us", "them", text, until)
        moved = self.deal(code)
        self._propose(moved, "counter", deal.digest, until, actor)
        return moved

    @transactional
    def accept(self, code: str, *, target: str = "", words: str = "", actor: str) -> Deal:
        """Accept the partner's proposal; it binds when the partner confirms. ``target`` as in :meth:`offer`."""
        deal = self._ours(code)
        if self.brand.now() >= deal.until_at:
            raise Conflict(f"the time of deal {code!r} is over; answer with a later `until_at`", code="deal_late")
        self._lead_to(deal, target, words)
        move = _MOVE.format("state = 'accepted', turn = 'them'")
        changed(execute(move, (deal.id, "open", "us", deal.version)), code)
        self.send(deal, "accept", {"version": deal.version, "digest": deal.digest}, f"{code}:{deal.version}")
        self.note(code, deal.partner, "us", "accept", version=deal.version, digest=deal.digest, actor=actor)
        return self.deal(code)

    @transactional
    def decline(self, code: str, *, reason: str, actor: str) -> Deal:
        """Decline the partner's proposal, or withdraw one's own while it is open."""
        deal = self.deal(code)
        if deal.state != "open":
            raise Conflict(f"deal {code!r} is {deal.state}; only an open proposal is declined", code="deal_state")
        reason = clean_text(reason, field="reason", max_length=500)
        self._end(deal, reason)
        if self.names(deal):
            body = {"version": deal.version, "digest": deal.digest, "reason": reason}
            self.send(deal, "decline", body, f"{code}:{deal.version}")
        self.note(code, deal.partner, "us", "decline", version=deal.version, digest=deal.digest, actor=actor)
        return self.deal(code)

    def end_lapsed(self) -> None:
        """The job: withdraw this brand's proposals that nobody answered in time, so that no side waits for ever."""
        for deal in self.deals(state="open"):
            if deal.turn == "them" and self.brand.now() > deal.answer_until and self.names(deal):
                with contextlib.suppress(Conflict):  # answered or withdrawn at this moment
                    self.decline(deal.code, reason="the proposal has lapsed", actor=NAME)

    @transactional
    def tell_link(self, code: str, *, words: str | None = None, actor: str) -> Deal:
        """Tell the partner the tracked link again, as after the installation moved, or with other ``words``.

        Raises Conflict unless the deal is agreed.
        """
        deal = self.lock(self.deal(code))
        if deal.state != "agreed":
            raise Conflict(f"deal {code!r} is {deal.state}; a link is told while it is agreed", code="deal_state")
        if words is not None:
            execute("UPDATE cross_brand_swap_deal SET words = ? WHERE id = ?", (_words(words), deal.id))
        self._send_link(self.deal(code), new_uid(self.brand.now()), actor)
        return self.deal(code)

    # What the partner does -----------------------------------------------------

    def take_offer(self, event: PartnerMessage) -> None:
        """A partner offers a deal."""
        text, until = self._proposal(event)
        code = json.loads(text)["deal"]
        if event.body.get("version") != 1:
            raise Refuse("an offer is version 1")
        if execute("SELECT 1 FROM cross_brand_swap_deal WHERE code = ?", (code,)).fetchone() is not None:
            raise Refuse("a deal of this code exists")
        self._insert(event.partner, "b", "us", text, until)
        self.note(code, event.partner, "them", "offer", version=1, digest=digest(text), message=event.id)

    def take_counter(self, event: PartnerMessage) -> None:
        """The partner answers with terms of its own."""
        deal = self.deal_of(event)
        self._in_time(deal, event, "open", "them")
        text, until = self._proposal(event)
        if event.body.get("answers") != deal.digest or event.body.get("version") != deal.version + 1:
            raise Refuse("it does not answer the proposal that stands")
        self._replace(deal, "them", "us", text, until)
        self._taken(deal, event, deal.version + 1, digest(text))

    def take_accept(self, event: PartnerMessage) -> None:
        """The partner accepts what this brand proposed: confirm, and make the link."""
        deal = self.deal_of(event)
        self._in_time(deal, event, "open", "them")
        self._same(deal, event)
        self._agree(deal)
        self._taken(deal, event, deal.version, deal.digest)
        self.send(deal, "confirm", {"version": deal.version, "digest": deal.digest}, f"{deal.code}:{deal.version}")
        self.note(deal.code, deal.partner, "us", "confirm", version=deal.version, digest=deal.digest, actor=NAME)
        self._make_link(deal)

    def take_confirm(self, event: PartnerMessage) -> None:
        """The partner confirms what this brand accepted: both have agreed."""
        deal = self.deal_of(event)
        if deal.state != "accepted":
            raise Refuse(f"out of order: the deal is {deal.state}")
        self._same(deal, event)
        self._agree(deal)
        self._taken(deal, event, deal.version, deal.digest)
        self._make_link(deal)

    def take_decline(self, event: PartnerMessage) -> None:
        """The partner declines or withdraws; also when this brand's acceptance is on its way."""
        deal = self.deal_of(event)
        if deal.state not in ("open", "accepted"):
            raise Refuse(f"out of order: the deal is {deal.state}")
        if not self._crossed(deal, event):
            self._same(deal, event)
        self._end(deal, printable(str(event.body.get("reason", ""))[:500]))
        self._taken(deal, event, deal.version, deal.digest)

    def take_link(self, event: PartnerMessage) -> None:
        """The partner says what to show: the address of its tracked link, and words with it."""
        deal = self.deal_of(event)
        if deal.state not in ("accepted", "agreed"):  # the confirmation before it may be lost, and come again
            raise Refuse(f"out of order: the deal is {deal.state}")
        try:
            url = safe_target(event.body.get("url"))  # type: ignore[arg-type]
            words = _words(event.body.get("words", ""))
        except Invalid as exc:
            raise Refuse(f"the link is refused: {exc}") from None
        execute(
            "UPDATE cross_brand_swap_deal SET show_url = ?, show_words = ? WHERE id = ?", (url, words, deal.id)
        )
        self._taken(deal, event, deal.version, deal.digest)

    # Shared ----------------------------------------------------------------------

    def _insert(
        self, partner: str, side: str, turn: str, text: str, until: int, *, target: str = "", words: str = ""
    ) -> None:
        terms = json.loads(text)
        made = execute(
            "INSERT INTO cross_brand_swap_deal (code, partner, side, state, turn, version, text, digest, answer_until, "
            "unit, quota, imbalance, from_at, until_at, target, link, words, show_url, show_words, clicks, shown, "
            "received, given, open_in, open_out, seq, sent_at, told_seq, sent, statement, reason, created_at) "
            "VALUES (?, ?, ?, 'open', ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, '', '', 0, 0, 0, 0, 1, 1, 0, 0, 0, '', "
            "'', '', ?) ON CONFLICT (code) DO NOTHING",
            (
                terms["deal"], partner, side, turn, text, digest(text), until, terms["unit"], terms["quota"],
                terms["imbalance"], terms["from_at"], terms["until_at"], target, words, self.brand.now(),
            ),
        )  # fmt: skip
        if made.rowcount != 1:
            raise Conflict(f"a deal {terms['deal']!r} exists", code="deal_exists")

    def _replace(self, deal: Deal, before: str, after: str, text: str, until: int) -> None:
        terms = json.loads(text)
        changed(
            execute(
                _MOVE.format(
                    "turn = ?, version = version + 1, text = ?, digest = ?, answer_until = ?, unit = ?, quota = ?, "
                    "imbalance = ?, from_at = ?, until_at = ?"
                ),
                (
                    after, text, digest(text), until, terms["unit"], terms["quota"], terms["imbalance"],
                    terms["from_at"], terms["until_at"], deal.id, "open", before, deal.version,
                ),
            ),
            deal.code,
        )  # fmt: skip

    def _lead_to(self, deal: Deal, target: str, words: str) -> None:
        """Keep where this brand leads people, and its words; a link is made of them when both have agreed."""
        target = safe_target(target) if target else deal.target
        if not target:
            raise Invalid("name where people who come from the partner are led", field="target")
        execute(
            "UPDATE cross_brand_swap_deal SET target = ?, words = ? WHERE id = ?",
            (target, _words(words) or deal.words, deal.id),
        )

    def _agree(self, deal: Deal) -> None:
        move = _MOVE.format("state = 'agreed', turn = ''")
        changed(execute(move, (deal.id, deal.state, "them", deal.version)), deal.code)

    def _propose(self, deal: Deal, act: str, answers: str, until: int, actor: str) -> None:
        body = {"version": deal.version, "text": deal.text, "digest": deal.digest, "until": until, "answers": answers}
        self.send(deal, act, body, f"{deal.code}:{deal.version}")
        self.note(deal.code, deal.partner, "us", act, version=deal.version, digest=deal.digest, actor=actor)

    def _future(self, terms: dict[str, Any]) -> str:
        """The one text of terms that this brand proposes; raises Invalid also for a deal whose time is over."""
        text = canonical(terms)
        until = json.loads(text)["until_at"]
        if until <= self.brand.now():
            raise Invalid(
                f"until_at: the time of the deal is over, it ends {self.shown(until)}; instants are epoch milliseconds",
                field="until_at",
            )
        return text

    def _proposal(self, event: PartnerMessage) -> tuple[str, int]:
        """The text of an offer or counter-offer, checked to be the one text of its terms, and until when it stands."""
        text, until = event.body.get("text"), event.body.get("until")
        if not isinstance(text, str) or len(text) > 10_000 or type(until) is not int:
            raise Refuse("a proposal has a text and an instant")
        if event.body.get("digest") != digest(text):
            raise Refuse("altered: the hash is not the text's")
        try:
            terms = read(text)
            same = canonical(terms) == text and terms["deal"] == event.body.get("deal")
        except Invalid as exc:
            raise Refuse(f"the terms are refused: {exc}") from None
        if not same:
            raise Refuse("altered: the text is not the one text of its terms")
        if until <= event.at:
            raise Refuse("late: the proposal has lapsed")
        if terms["until_at"] <= event.at:
            raise Refuse("late: the time of the deal is over")
        if until > event.at + (MOST_ANSWER_DAYS + 1) * MS_PER_DAY:  # a day for clocks and for the way
            raise Refuse(f"a proposal stands for {MOST_ANSWER_DAYS} days at most")
        return text, until

    def _ours(self, code: str) -> Deal:
        deal = self.deal(code)
        if (deal.state, deal.turn) != ("open", "us"):
            raise Conflict(f"deal {code!r} is {deal.state}, and not this brand's to answer", code="deal_state")
        if self.brand.now() > deal.answer_until:
            raise Conflict(f"the proposal of deal {code!r} has lapsed", code="deal_late")
        return deal

    def _in_time(self, deal: Deal, event: PartnerMessage, state: str, turn: str) -> None:
        if (deal.state, deal.turn) != (state, turn):
            raise Refuse(f"out of order: the deal is {deal.state}")
        if event.at > deal.answer_until:
            raise Refuse("late: the proposal has lapsed")

    def _same(self, deal: Deal, event: PartnerMessage) -> None:
        if event.body.get("version") != deal.version:
            raise Refuse("out of order: another version of the deal stands")
        if event.body.get("digest") != deal.digest:
            raise Refuse("altered: the hash is not that of the deal's text")

    def _crossed(self, deal: Deal, event: PartnerMessage) -> bool:
        """Whether the partner withdrew the proposal that this brand's counter-offer, not yet there, answers."""
        before = event.body.get("version")
        if deal.turn != "them" or before != deal.version - 1:
            return False
        row = execute(
            "SELECT digest FROM cross_brand_swap_step WHERE deal = ? AND partner = ? AND by = 'them' AND version = ? "
            "AND refused = '' ORDER BY id LIMIT 1",
            (deal.code, deal.partner, before),
        ).fetchone()
        if row is None or event.body.get("digest") != row[0]:
            raise Refuse("altered: the hash is not that of the deal's text")
        return True

    def _end(self, deal: Deal, reason: str) -> None:
        set_to = "state = 'declined', turn = '', reason = ?"
        changed(execute(_MOVE.format(set_to), (reason, deal.id, deal.state, deal.turn, deal.version)), deal.code)

    def _taken(self, deal: Deal, event: PartnerMessage, version: int, text_digest: str) -> None:
        act = event.kind.removeprefix("swap.")
        self.note(deal.code, deal.partner, "them", act, version=version, digest=text_digest, message=event.id)

    def _make_link(self, deal: Deal) -> None:
        """The tracked link that the partner shows: whoever comes by it came from the partner."""
        channel = self.brand.channels.ensure(f"swap-{deal.partner}", f"Swap with {deal.partner}", "swap")
        link = self.brand.links.create(
            channel.code, deal.target, owner=NAME, campaign=deal.code, expires_at=deal.until_at
        )
        execute("UPDATE cross_brand_swap_deal SET link = ? WHERE id = ?", (link.code, deal.id))
        self._send_link(self.deal(deal.code), link.code, NAME)

    def _send_link(self, deal: Deal, key: str, actor: str) -> None:
        url = f"{self.brand.installation.config.base_url}{self.brand.links.get(deal.link).path}"
        self.send(deal, "link", {"url": url, "words": deal.words}, f"{deal.code}:{key}")
        self.note(deal.code, deal.partner, "us", "link", actor=actor)


def _words(value: Any) -> str:
    return clean_text(value, field="words", max_length=500)
