"""Coupons as customers see them: what a batch offers them now, and in which drawer each of their coupons lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import NotFound, from_instant

from ..batches.codes import HANDED_OUT
from ..batches.service import Batch
from ..carts.offers import choice_of
from ..carts.redeeming import redemptions
from ..carts.words import Words
from ..claims.views import CouponView
from ..rules import read_rule, shown_code
from .words import TASKS, WORDS

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from ..gates.service import Progress
    from ..service import Coupons

DRAWERS = ("usable", "early", "held", "used", "expired", "void")
SOON_MS = 3 * 86_400_000
_PAGE = 100
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Offered:
    """A batch before a visitor or a person. ``state``: open, or why nothing can be claimed now.

    ``owned`` are the uids of the person's coupons of it that may still be used
    or are used, newest first; ``may_claim`` says that pressing the button should work,
    ``by_code`` that it takes a code that was handed out. ``had`` counts all that
    the person ever had of it: it names the next one, so that two tabs ask for the same.
    """

    batch: Batch
    state: str
    steps: list[dict[str, Any]]
    need: str
    met: bool
    owned: list[str]
    may_claim: bool
    by_code: bool
    had: int


class Sights:
    """What the pages of one brand show; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, coupons: Coupons, language: str) -> None:
        self.brand = brand
        self.coupons = coupons
        self.language = language
        self.words = Words(brand)
        self.own = WORDS[language]

    # Batches -----------------------------------------------------------------

    def offered(self, code: str, contact_id: int | None) -> Offered:
        """A batch as it stands before somebody. Raises NotFound, also for a draft and for a promotion."""
        batch = self.coupons.batches.get(code)
        if batch.state == "draft" or batch.scope.get("automatic"):
            raise NotFound("there is nothing at this address")
        mine = [] if contact_id is None else [c for c in self.all_of(contact_id) if c.batch_id == batch.id]
        owned = [c.uid for c in reversed(mine) if c.state in ("claimed", "held", "used")]
        progress = None if contact_id is None else self.coupons.gates.progress(contact_id, batch)
        met = batch.gate_rule is None or (progress is not None and progress.met)
        state = self._state(batch, len([c for c in mine if c.nth > 0]))
        steps = self._steps(batch, progress)
        need = "all" if batch.gate_rule is None else batch.gate_rule.need
        may_claim, by_code = state == "open" and met, batch.codes == HANDED_OUT
        return Offered(batch, state, steps, need, met, owned, may_claim, by_code, len(mine))

    def _state(self, batch: Batch, has: int) -> str:
        now = self.brand.now()
        if batch.state == "closed" or any(end is not None and end <= now for end in (batch.claim_to, batch.valid_to)):
            return "closed"
        if batch.per_person is not None and has >= batch.per_person:
            return "limit"
        if batch.state == "paused":
            return "paused"
        if batch.state != "open" or (batch.claim_from is not None and batch.claim_from > now):
            return "not_open"
        return "sold_out" if batch.stock_left is not None and batch.stock_left <= 0 else "open"

    def _steps(self, batch: Batch, progress: Progress | None) -> list[dict[str, Any]]:
        gate = batch.gate_rule
        if gate is None:
            return []
        done = [0] * len(gate.tasks) if progress is None else [step.done for step in progress.steps]
        return [
            {
                "title": TASKS[task.task][self.language].format(task.times),
                "done": count,
                "needed": task.times,
                "met": count >= task.times,
            }
            for task, count in zip(gate.tasks, done, strict=True)
        ]

    def facts(self, batch: Batch, coupon: CouponView | None = None) -> list[tuple[str, str]]:
        """(name, value) of what a person should know of a batch, or of their coupon of it."""
        found = [(self.own["validity"], self.span(coupon) if coupon else self._validity(batch))]
        if batch.stores:
            names = {store.code: store.name or store.code for store in self.coupons.carts.stores.stores()}
            found.append((self.own["stores"], "、".join(names.get(code, code) for code in batch.stores)))
        if batch.channels:
            found.append((self.own["channels"], "、".join(batch.channels)))
        if coupon is None and batch.per_person is not None:
            found.append((self.own["per_person"], self.own["per_person_n"].format(batch.per_person)))
        if coupon is None and batch.claim_to is not None:
            found.append((self.own["claim_until"], self.words.time(batch.claim_to)))
        return found

    def rule(self, batch: Batch, coupon: CouponView | None = None) -> str:
        """What it gives, in one line."""
        rule = read_rule(batch.rule) if coupon is None else choice_of(batch, coupon).offer.rule
        return self.words.rule(rule, self.language)

    def _validity(self, batch: Batch) -> str:
        if batch.valid_days is not None:
            return self.own[f"days_{batch.validity}"].format(batch.valid_days)
        return self._between(batch.valid_from, batch.valid_to)

    def span(self, coupon: CouponView) -> str:
        """When a coupon is good."""
        return self._between(coupon.valid_from, coupon.valid_to)

    def _between(self, start: int | None, end: int | None) -> str:
        if end is None:
            return self.own["always"]
        # Until midnight is until the end of the day before, as people say it.
        last = from_instant(end - 1, self.brand.zone).strftime("%Y-%m-%d %H:%M").removesuffix(" 23:59")
        if start is None or start <= self.brand.now():
            return self.own["until"].format(last)
        first = from_instant(start, self.brand.zone).strftime("%Y-%m-%d %H:%M").removesuffix(" 00:00")
        return self.own["from_to"].format(first, last)

    # Coupons -----------------------------------------------------------------

    def all_of(self, contact_id: int) -> list[CouponView]:
        """A person's coupons, oldest first; the first thousand."""
        found: list[CouponView] = []
        while len(found) < _MOST:
            page = self.coupons.claims.of(contact_id, after=found[-1].id if found else 0, limit=_PAGE)
            found += page
            if len(page) < _PAGE:
                break
        return found

    def drawer(self, coupon: CouponView) -> str:
        """Where a coupon lies now: by its state, and by the clock where the job has not come by yet."""
        now = self.brand.now()
        if coupon.state not in ("claimed", "held"):
            return coupon.state
        if coupon.valid_to is not None and coupon.valid_to <= now:
            return "expired"
        if coupon.state == "held" and (coupon.held_until is None or coupon.held_until > now):
            return "held"
        return "early" if coupon.valid_from > now else "usable"

    def drawers(self, contact_id: int) -> list[tuple[str, list[dict[str, Any]]]]:
        """A person's coupons by drawer, those that end first at the top; empty drawers are left out."""
        found: dict[str, list[CouponView]] = {}
        mine = self.all_of(contact_id)
        given_back = {coupon.returns for coupon in mine}
        for coupon in mine:
            # A used coupon that was given back goes on as the new one.
            if coupon.uid not in given_back:
                found.setdefault(self.drawer(coupon), []).append(coupon)
        return [
            (drawer, [self._item(each, drawer) for each in sorted(found[drawer], key=_end)])
            for drawer in DRAWERS
            if drawer in found
        ]

    def _item(self, coupon: CouponView, drawer: str) -> dict[str, Any]:
        batch = self.coupons.batches.get(coupon.batch)
        ends = coupon.valid_to is not None and coupon.valid_to - self.brand.now() <= SOON_MS
        return {
            "uid": coupon.uid,
            "title": coupon.title,
            "rule": self.rule(batch, coupon),
            "span": self.span(coupon),
            "soon": drawer == "usable" and ends,
        }

    def owned(self, uid: str, contact_id: int) -> CouponView:
        """A coupon of this person; somebody else's answers like none. Raises NotFound."""
        coupon = self.coupons.claims.get(uid)
        if coupon.contact_id is None or self.brand.contacts.survivor(coupon.contact_id) != contact_id:
            raise NotFound("no such coupon")
        return coupon

    def used(self, coupon: CouponView) -> str:
        """When and where a coupon was used."""
        found = redemptions("r.coupon_id = ? AND r.reverses_id IS NULL", coupon.id)
        if not found:
            return self.own["used"]
        if found[-1].reversed_by:
            return self.own["given_back"]
        where = found[-1].store_name or found[-1].store or found[-1].order_number
        words = self.own["used_at"] if where else self.own["used_on"]
        return words.format(when=self.words.time(found[-1].at), where=where)


def shown(coupon: CouponView) -> str:
    """The printed code."""
    return shown_code(coupon.code)


def _end(coupon: CouponView) -> tuple[int, int]:
    return (2**62 if coupon.valid_to is None else coupon.valid_to, coupon.id)
