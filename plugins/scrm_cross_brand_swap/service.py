"""The plugin's service: profiles and fit, and what becomes of a partner's message."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable
from typing import Any

from scrm_core.api import Conflict, NotFound, PartnerMessage, execute, transactional

from .amending import Amending, shown
from .book import MS_PER_DAY, NAME, Book, Deal, Refuse
from .deals import Deals
from .fit import Fit, Profile, judge, rounded
from .ledger import Ledger
from .overlap import Overlaps
from .statement import printable
from .terms import KINDS, digest, written

__all__ = ["NAME", "Swaps"]

_ROLES = ("brand", "channel")


class _Rehearsed(Exception):
    """Takes back what a dry run made."""


class Swaps(Book):
    """Swaps of one brand; use it inside ``with brand:``."""

    @property
    def contracts(self) -> Deals:
        """Offers, counter-offers, acceptance."""
        return Deals(self.brand, self.settings)

    @property
    def ledger(self) -> Ledger:
        """Who came, what counts."""
        return Ledger(self.brand, self.settings)

    @property
    def settling(self) -> Amending:
        """The end of deals, and the way out of a dispute."""
        return Amending(self.brand, self.settings)

    @property
    def overlaps(self) -> Overlaps:
        """Estimates of shared audiences."""
        return Overlaps(self.brand, self.settings)

    # Profiles ------------------------------------------------------------------

    def profile(self) -> Profile:
        """What this brand tells partners of itself: its settings, and its audience with 2 significant digits."""
        (size,) = execute("SELECT count(*) FROM contact WHERE state = 'active'").fetchone()
        settings = self.settings
        return Profile(
            settings["role"], tuple(sorted(settings["categories"])), rounded(int(size)), settings["repeat_days"]
        )

    @transactional
    def send_profile(self, partner: str, *, actor: str) -> None:
        """Tell a partner this brand's profile, unless it was told the same last."""
        body = self.profile().told()
        said = digest(written(body))
        before = execute(
            "SELECT digest FROM cross_brand_swap_step WHERE partner = ? AND by = 'us' AND act = 'profile' ORDER BY id",
            (partner,),
        ).fetchall()
        if not before or before[-1][0] != said:
            message = {**body, "at": self.brand.now()}
            self.brand.partners.send(partner, "swap.profile", message, key=f"profile:{len(before) + 1}")
            self.note("", partner, "us", "profile", digest=said, actor=actor)

    def fit(self, partner: str, kind: str) -> Fit:
        """Whether a partner fits for a swap of ``kind``; raises NotFound before its profile came."""
        if kind not in KINDS:
            raise NotFound(f"no kind {kind!r}; there are {', '.join(KINDS)}")
        row = execute("SELECT body FROM cross_brand_swap_profile WHERE partner = ?", (partner,)).fetchone()
        if row is None:
            raise NotFound(
                f"partner {partner!r} has not told its profile yet; ask it to, by `scrm cross-brand-swap profile` there"
            )
        own, other = self.profile(), _profile(json.loads(row[0]))
        fit, people = judge(own, other, kind, self.settings), self.overlaps.last(partner)
        share = people * 10_000 // min(own.size, other.size) if people and own.size and other.size else None
        return dataclasses.replace(fit, overlap=people, overlap_bp=share)

    @transactional
    def offer(
        self, partner: str, terms: dict[str, Any], *, target: str, words: str = "", despite: str = "", actor: str
    ) -> Deal:
        """Offer a deal to a partner that fits, or ``despite`` what speaks against it, for a reason that is kept.

        Raises what :meth:`.deals.Deals.offer` and :meth:`fit` raise, and Conflict naming what speaks against it.
        """
        against = self._against(partner, str(terms.get("kind")), despite)
        deal = self.contracts.offer(partner, terms, target=target, words=words, actor=actor)
        return self._noted(deal, "offered", against, despite, actor)

    @transactional
    def counter(
        self, code: str, terms: dict[str, Any], *, target: str = "", words: str = "", despite: str = "", actor: str
    ) -> Deal:
        """Answer with another proposal, as :meth:`.deals.Deals.counter`; the partner must fit as in :meth:`offer`."""
        against = self._against(self.deal(code).partner, str(terms.get("kind")), despite)
        deal = self.contracts.counter(code, terms, target=target, words=words, actor=actor)
        return self._noted(deal, "countered", against, despite, actor)

    @transactional
    def accept(self, code: str, *, target: str = "", words: str = "", despite: str = "", actor: str) -> Deal:
        """Accept a proposal, as :meth:`.deals.Deals.accept`; the partner must fit as in :meth:`offer`."""
        before = self.deal(code)
        against = self._against(before.partner, before.terms["kind"], despite)
        deal = self.contracts.accept(code, target=target, words=words, actor=actor)
        return self._noted(deal, "accepted", against, despite, actor)

    def _against(self, partner: str, kind: str, despite: str) -> str:
        against = "; ".join(self.fit(partner, kind).against)
        if against and not despite:
            raise Conflict(f"partner {partner!r} does not fit: {against}", code="no_fit")
        return against

    def _noted(self, deal: Deal, act: str, against: str, despite: str, actor: str) -> Deal:
        if against:
            self.note(deal.code, deal.partner, "us", f"{act} although {against}: {despite}"[:1_000], actor=actor)
        return deal

    # Messages ------------------------------------------------------------------

    def take(self, event: PartnerMessage) -> None:
        """A partner's message; what is out of order, late, altered or foreign is refused and written down."""
        takers: dict[str, Callable[[PartnerMessage], None]] = {
            "swap.profile": self._take_profile,
            "swap.offer": self.contracts.take_offer,
            "swap.counter": self.contracts.take_counter,
            "swap.accept": self.contracts.take_accept,
            "swap.confirm": self.contracts.take_confirm,
            "swap.decline": self.contracts.take_decline,
            "swap.link": self.contracts.take_link,
            "swap.counts": self._take_counts,
            "swap.settle": self.settling.take_settle,
            "swap.settled": self.settling.take_settled,
            "swap.dispute": self.settling.take_dispute,
            "swap.amend": self.settling.take_amend,
            "swap.signed": self.settling.take_signed,
            "swap.refused": self._take_refused,
            "swap.overlap.ask": self.overlaps.take_ask,
            "swap.overlap.answer": self.overlaps.take_sketch,
            "swap.overlap.sketch": self.overlaps.take_sketch,
        }
        taker = takers.get(event.kind)
        if not event.kind.startswith("swap.") or event.partner not in self.brand.partners.names():
            return  # another plugin's, or of a partner that is none any more
        try:
            if taker is None:
                raise Refuse("this version knows no such message")
            taker(event)
        except Refuse as exc:
            code = event.body.get("deal")
            deal = code if isinstance(code, str) and len(code) <= 60 else ""
            act = event.kind.removeprefix("swap.")
            self.note(deal, event.partner, "them", act, message=event.id, refused=str(exc))
            if event.kind != "swap.refused":
                run = event.body.get("run")
                run = run if isinstance(run, str) and len(run) <= 64 else ""
                body = {"kind": act, "deal": deal, "run": run, "reason": printable(str(exc)[:500])}
                self.brand.partners.send(event.partner, "swap.refused", body, key=f"refused:{event.id}")

    def _take_counts(self, event: PartnerMessage) -> None:
        self.ledger.take_counts(event)
        self.settling.propose(self.deal_of(event))

    def _take_refused(self, event: PartnerMessage) -> None:
        """The partner refused a message of this brand: the reason is kept, and a run that waited for it ends."""
        kind, code, run, reason = (event.body.get(name) for name in ("kind", "deal", "run", "reason"))
        if not all(isinstance(each, str) for each in (kind, code, run, reason)) or len(kind + code) > 200:
            raise Refuse("a refusal names a kind, a deal or a run, and a reason")
        self.note(code, event.partner, "them", f"refused {kind}", message=event.id, refused=str(reason))
        self.overlaps.end_refused(event.partner, run, printable(reason[:500]))

    def _take_profile(self, event: PartnerMessage) -> None:
        body, at = _profile(event.body).told(), event.body.get("at")
        if type(at) is not int or at > event.at + MS_PER_DAY:
            raise Refuse("a profile has the instant in which it was told")
        row = execute(
            "SELECT body FROM cross_brand_swap_profile WHERE partner = ?", (event.partner,)
        ).fetchone()
        if row is not None and at < json.loads(row[0])["at"]:
            raise Refuse("out of order: a later profile was told already")
        body["at"] = at
        execute(
            "INSERT INTO cross_brand_swap_profile (partner, body, at) VALUES (?, ?, ?) "
            "ON CONFLICT (partner) DO UPDATE SET body = excluded.body, at = excluded.at",
            (event.partner, json.dumps(body, ensure_ascii=False), event.at),
        )
        self.note("", event.partner, "them", "profile", message=event.id)

    # Upkeep and views -----------------------------------------------------------

    def upkeep(self) -> None:
        """The job: count who stayed, tell totals that changed, close and settle deals, compute overlaps."""
        self.contracts.end_lapsed()
        self.ledger.take_back_closed()
        self.ledger.count_kept()
        for deal in self.deals(state="agreed"):
            with self.brand.transaction():
                if self.ledger.lock(deal).state == "agreed":
                    self.ledger.tell(deal.code)
        self.settling.close_due()
        self.overlaps.compute_due()

    def view(self, deal: Deal) -> dict[str, Any]:
        """A deal as JSON: terms, state, and its ledger as it stands."""
        return {
            "deal": deal.code,
            "partner": deal.partner,
            "side": deal.side,
            "state": deal.state,
            "turn": deal.turn,
            "version": deal.version,
            "digest": deal.digest,
            "answer_until": self.shown(deal.answer_until),
            "terms": json.loads(deal.text),
            "received": deal.received,
            "given": deal.given,
            "stopped_in": not deal.open_in,
            "stopped_out": not deal.open_out,
            "brought": self.ledger.brought(deal),
            "told": deal.told.get("totals"),
            "shown": deal.shown,
            "reason": deal.reason,
            "amends": shown(deal),
        }

    def dry_run(
        self, partner: str, terms: dict[str, Any], *, target: str, words: str = "", despite: str = ""
    ) -> dict[str, Any]:
        """What an offer would say, when it runs, and what speaks against the partner; nothing is written or sent.

        Raises what :meth:`offer` raises: it is made, and taken back.
        """
        with contextlib.suppress(_Rehearsed), self.brand.transaction():
            deal = self.offer(partner, terms, target=target, words=words, despite=despite, actor=NAME)
            raise _Rehearsed
        fit = self.fit(partner, deal.terms["kind"])
        return {
            "text": deal.text,
            "digest": deal.digest,
            "runs": self.period(deal),
            "fits": fit.fits,
            "against": list(fit.against),
        }


def _profile(body: dict[str, Any]) -> Profile:
    """A profile out of a message; raises Refuse for one that is none."""
    role, categories, size, repeat = (body.get(name) for name in ("role", "categories", "size", "repeat_days"))
    good = (
        role in _ROLES
        and isinstance(categories, list)
        and len(categories) <= 100
        and all(isinstance(each, str) and 0 < len(each) <= 200 for each in categories)
        and type(size) is int
        and 0 <= size <= 10**10
        and type(repeat) is int
        and 0 <= repeat <= 36_500
    )
    if not good:
        raise Refuse("a profile has a role, categories, a size and repeat_days")
    return Profile(str(role), tuple(categories), size, repeat)  # type: ignore[arg-type]
