"""What may come off a cart: the coupons its customer chose, and the promotions that need none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import Cart, execute, fetch_in

from ..batches.codes import import_problem
from ..batches.service import Batch, batch_of
from ..claims.views import SELECT, CouponView
from ..models import Batch as BatchModel
from ..rules import Offer, Rule, Scope, is_code, normalise_code, read_rule, read_scope
from ..rules.codes import ALPHABET, RANDOM_CHARS
from ..rules.units import Exchange, GiftRule
from .words import Words

if TYPE_CHECKING:
    from scrm_core.api import Brand

STACKABLE = "*"
"""The stacking group of batches of which one order may use several coupons."""
PROMOTION = "promotion:"
_BATCH = (
    f"SELECT {', '.join(field.column_name for field in BatchModel._meta.sorted_fields)} FROM coupon_threshold_batch"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """An offer with where it comes from: a coupon, or (``coupon`` None) an automatic promotion of a batch.

    ``asked`` is the code that the customer gave for it.
    """

    offer: Offer
    batch: Batch
    coupon: CouponView | None = None
    asked: str = ""

    @property
    def gift(self) -> GiftRule | None:
        """Its rule, if that gives a gift out of a limited stock."""
        rule = self.offer.rule
        return rule if isinstance(rule, GiftRule) and rule.stock is not None else None


@dataclass(frozen=True, slots=True)
class Denied:
    """A code that gives no offer: ``reason`` is a word of :data:`..carts.words.REFUSALS`."""

    asked: str
    reason: str
    facts: dict[str, str]


def choice_of(batch: Batch, coupon: CouponView | None, asked: str = "") -> Choice:
    """The offer that a coupon, or an automatic batch, makes."""
    rule: Rule = read_rule(batch.rule)
    scope = replace(read_scope(batch.scope), channels=tuple(batch.channels), stores=tuple(batch.stores))
    # Coupons of one batch exclude each other, and the promotion of that batch excludes them.
    group = batch.stack_group or f"batch:{batch.code}:{'' if coupon is None else coupon.sku}"
    if coupon is None:
        name, ends = PROMOTION + batch.code, batch.valid_to
    else:
        name, ends = coupon.uid, coupon.valid_to
        # A holder of coupons may never be left without its own choice: automatic is for promotions alone.
        scope = replace(scope, automatic=False)
        if isinstance(rule, Exchange) and coupon.sku:
            rule = replace(rule, sku=coupon.sku)
    offer = Offer(
        name,
        rule,
        scope,
        step=batch.step,
        group="" if group == STACKABLE else group,
        exclusive=bool(batch.exclusive),
        basis=batch.basis,
        payer=batch.payer,
        expires_at=ends,
        title=batch.title,
    )
    return Choice(offer, batch, coupon, asked)


def kept_offer(offer: Offer) -> dict[str, Any]:
    """An offer as a hold and a sale keep it: refunds go by the terms of the day of the order."""
    scope = {**offer.scope.as_dict(), "channels": list(offer.scope.channels), "stores": list(offer.scope.stores)}
    return {
        "id": offer.id, "rule": offer.rule.as_dict(), "scope": scope, "step": offer.step, "group": offer.group,
        "exclusive": offer.exclusive, "basis": offer.basis, "expires_at": offer.expires_at,
    }  # fmt: skip


def offer_kept(kept: dict[str, Any]) -> Offer:
    """The offer of what :func:`kept_offer` made."""
    lines = dict(kept["scope"])
    channels, stores = tuple(lines.pop("channels")), tuple(lines.pop("stores"))
    scope = replace(read_scope(lines), channels=channels, stores=stores)
    return Offer(**{**kept, "rule": read_rule(kept["rule"]), "scope": scope})


class Offers:
    """Finds the offers of carts of one brand; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, words: Words) -> None:
        self.brand = brand
        self.words = words

    def of_cart(self, cart: Cart) -> tuple[list[Choice], list[Denied]]:
        """The promotions and chosen coupons that may apply, and the codes that do not, each with its reason.

        A text that cannot be a code of this plugin is not answered.
        """
        choices = self.promotions(cart.at)
        denied: list[Denied] = []
        seen: set[int] = set()
        owner = None if cart.contact_id is None else self.brand.contacts.survivor(cart.contact_id)
        wanted: list[tuple[str, CouponView]] = []
        for asked in dict.fromkeys(cart.codes):
            coupon = find_coupon(asked)
            if coupon is None and not could_be_ours(asked):
                continue  # points, a gift card: another plugin's to answer
            problem = unknown(asked) if coupon is None else self.unusable(coupon, cart.at, owner, asked)
            if problem is not None:
                denied.append(problem)
            elif coupon is not None and coupon.id not in seen:
                seen.add(coupon.id)
                wanted.append((asked, coupon))
        batches = batches_by_id([coupon.batch_id for _, coupon in wanted])
        choices += [choice_of(batches[coupon.batch_id], coupon, asked) for asked, coupon in wanted]
        kept = []
        buyer = Buyer(self.brand, owner)
        for choice in choices:
            reason = buyer.barred(choice.offer.scope)
            if reason is None and (choice.coupon is not None or buyer.may_use(choice.batch)):
                kept.append(choice)
            elif choice.coupon is not None:
                denied.append(Denied(choice.asked, reason, {}))
        return kept, denied

    def promotions(self, at: int) -> list[Choice]:
        """Every automatic promotion that runs at an instant."""
        rows = execute(
            f"{_BATCH} WHERE state = 'open' AND scope LIKE ? AND (valid_from IS NULL OR valid_from <= ?) "
            "AND (valid_to IS NULL OR valid_to > ?) ORDER BY id",
            ('%"automatic":true%', at, at),
        ).fetchall()
        return [choice_of(batch_of(row), None) for row in rows]

    def unusable(self, coupon: CouponView, at: int, owner: int | None, asked: str) -> Denied | None:
        """Why a coupon cannot be used then by that person, or None; a stranger learns only that it is not theirs."""
        if owner is None or coupon.contact_id is None or self.brand.contacts.survivor(coupon.contact_id) != owner:
            return Denied(asked, "nobody" if owner is None else "foreign", {})
        reason = standing(coupon, at)
        return None if reason is None else Denied(asked, reason, self.facts(coupon))

    def facts(self, coupon: CouponView) -> dict[str, str]:
        """The times that a refusal of a coupon tells."""
        return {
            "valid_from": self.words.time(coupon.valid_from),
            "valid_to": self.words.time(coupon.valid_to),
            "held_until": self.words.time(coupon.held_until),
        }


class Buyer:
    """The customer of a cart, or nobody known, as offers ask about them; looked up when first asked."""

    def __init__(self, brand: Brand, contact_id: int | None) -> None:
        self.brand = brand
        self.contact_id = contact_id

    def barred(self, scope: Scope) -> str | None:
        """Why an offer of this scope is not for them, or None: ``first_order`` or ``tags``."""
        if scope.first_order and self.has_ordered:
            return "first_order"
        return "tags" if scope.tags and self.tags.isdisjoint(scope.tags) else None

    def may_use(self, batch: Batch) -> bool:
        """Whether a promotion with a limit per person is still open to them; to nobody known it is not."""
        if batch.per_person is None:
            return True
        return self.contact_id is not None and len(uses_of(batch.id, self.contact_id)) < batch.per_person

    @cached_property
    def has_ordered(self) -> bool:
        """Whether they have a valid order in any channel: paid, not closed, not refunded in full."""
        if self.contact_id is None:
            return False
        sql = "SELECT 1 FROM orders WHERE contact_id = ? AND valid = 1"
        return execute(sql, (self.contact_id,)).fetchone() is not None

    @cached_property
    def tags(self) -> frozenset[tuple[str, str]]:
        """What they carry now, as (group, tag)."""
        if self.contact_id is None:
            return frozenset()
        return frozenset((tag.group, tag.name) for tag in self.brand.tags.of(self.contact_id))


def uses_of(batch_id: int, contact_id: int) -> set[int]:
    """The numbers of a person's uses of a promotion, in checkouts in flight too; what was taken back has none."""
    rows = execute(
        "SELECT nth FROM coupon_threshold_coupon WHERE batch_id = ? AND contact_id = ? AND nth > 0",
        (batch_id, contact_id),
    ).fetchall()
    return {int(row[0]) for row in rows}


def standing(coupon: CouponView, at: int) -> str | None:
    """Why a coupon cannot be used at an instant: used, held, void, expired or early; None when it can."""
    if coupon.state == "held" and coupon.held_until is not None and coupon.held_until > at:
        return "held"
    if coupon.state in ("used", "void", "expired"):
        return coupon.state
    if coupon.valid_to is not None and coupon.valid_to <= at:
        return "expired"
    return "early" if coupon.valid_from > at else None


def find_coupon(asked: str) -> CouponView | None:
    """The coupon that a code or uid names, as people write it, or None."""
    text = asked.strip()
    row = execute(f"{SELECT}WHERE c.code = ? OR c.uid = ?", (normalise_code(text), text)).fetchone()
    return None if row is None else CouponView(*row)


def could_be_ours(asked: str) -> bool:
    """Whether a text has the shape of a coupon's code or uid; whatever has not belongs to another plugin."""
    return import_problem(normalise_code(asked)) is None


def unknown(asked: str) -> Denied:
    """A code of nobody: mistyped when it is one of ours but for its check character."""
    code = normalise_code(asked)
    ours = len(code) == RANDOM_CHARS + 1 and set(code) <= set(ALPHABET)
    return Denied(asked, "mistyped" if ours and not is_code(code) else "unknown", {})


def batches_by_id(ids: list[int]) -> dict[int, Batch]:
    """Batches by their ids."""
    rows = fetch_in(f"{_BATCH} WHERE id IN ({{in}})", sorted(set(ids))) if ids else []
    return {batch.id: batch for batch in map(batch_of, rows)}
