"""The counter (到店核销): a clerk scans a coupon, sees what it is, and redeems it on a ticket; a manager may undo it.

What a scan finds is an answer, not an error: wrong codes must stay counted, and
an error would take the count back with its transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scrm_core.api import CartLine, Conflict, Forbidden, Invalid, clean_text, execute, mask, transactional

from ..claims.views import CouponView
from ..claims.voiding import lock_batch
from ..rules import Policy, Quote, elsewhere, normalise_code, quote
from ..rules.units import Exchange
from .basket import check_lines
from .guessing import Guesses
from .holds import Holds
from .offers import Buyer, Choice, Offers, batches_by_id, choice_of, find_coupon, standing, unknown
from .redeeming import Redeeming, RedemptionIn, RedemptionView, record, redemption, redemptions
from .reserving import gifts_of, take_budget, take_gifts
from .reversing import Reversing, gone
from .stores import ClerkView, Stores, StoreView
from .tokens import PREFIX, Tokens
from .words import Words

if TYPE_CHECKING:
    from scrm_core.api import Brand

MINUTE_MS = 60_000
TICKET_LINE = "ticket"


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan found. ``usable``: it can be redeemed here and now; else ``reason`` and ``message`` say why not.

    ``owner`` and ``phone`` are masked. ``first`` is the redemption that used the
    coupon: when, in which shop, by whom. ``locked_until`` is an instant.
    """

    usable: bool
    reason: str
    message: str
    coupon: CouponView | None = None
    rule: str = ""
    terms: str = ""
    sku: str = ""
    owner: str = ""
    phone: str = ""
    stores: tuple[str, ...] = ()
    first: RedemptionView | None = None
    locked_until: int | None = None


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a press on the button did: ``redeemed`` with its redemption, or the scan that says why not.

    ``replayed``: the same ticket was redeemed with this coupon before, and this is its answer.
    """

    redeemed: bool
    scan: Scan
    redemption: RedemptionView | None = None
    payable_minor: int | None = None
    replayed: bool = False


class _Taken(Exception):
    """Somebody else was quicker; everything of this redemption is rolled back."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Counter:
    """The counters of one brand's shops; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any], policy: Policy) -> None:
        self.brand = brand
        self.settings = settings
        self.policy = policy
        self.words = Words(brand)
        self.offers = Offers(brand, self.words)
        self.stores = Stores(brand, settings)
        self.tokens = Tokens(brand, settings)
        self.guesses = Guesses(brand, settings)
        self.holds = Holds(brand, settings)
        self.redeeming = Redeeming(brand, settings)
        self.reversing = Reversing(brand, settings)

    @transactional
    def scan(
        self, text: str, *, store: str, terminal: str = "", network: str = "", language: str | None = None
    ) -> Scan:
        """What a token from a QR code, a printed code or a typed one is, for a shop. Wrong codes are counted.

        Raises NotFound or Conflict for a shop that is unknown or closed.
        """
        shop = self.stores.store(store)
        return self._scan(text, shop, _subjects(terminal, network), language)

    def _scan(self, text: str, shop: StoreView, subjects: list[str], language: str | None) -> Scan:
        until = self.guesses.locked_until(subjects)
        if until is not None:
            message = self.words.refusal("locked", {"until": self.words.time(until)}, language)
            return Scan(False, "locked", message, locked_until=until)
        text = text.strip()[:500]
        coupon, in_time = self._named(text)
        if coupon is not None and not in_time:
            return Scan(False, "token_expired", self.words.refusal("token_expired", None, language))
        if coupon is None:
            self.guesses.failed(subjects)
            reason = "unknown" if text.startswith(PREFIX) else unknown(text).reason
            return Scan(False, reason, self.words.refusal(reason, None, language))
        return self._seen(coupon, shop, language)

    def _named(self, text: str) -> tuple[CouponView | None, bool]:
        """(coupon, in time) of a token or code, of whoever and in whatever state."""
        if text.startswith(PREFIX):
            return self.tokens.read(text)
        coupon = find_coupon(text)
        # An id inside addresses is no code that a clerk may redeem by.
        return (coupon if coupon is not None and normalise_code(text) == coupon.code else None), True

    def _seen(self, coupon: CouponView, shop: StoreView, language: str | None) -> Scan:
        now = self.brand.now()
        choice = choice_of(batches_by_id([coupon.batch_id])[coupon.batch_id], coupon)
        owner, phone = self._owner(coupon)
        rule = choice.offer.rule
        scan = Scan(
            True,
            "",
            "",
            coupon,
            self.words.rule(rule, language),
            choice.batch.terms,
            rule.sku if isinstance(rule, Exchange) else "",
            owner,
            phone,
            choice.offer.scope.stores,
        )
        reason = standing(coupon, now) or ("void" if coupon.contact_id is None else None)
        if reason == "used":
            first = redemptions("r.coupon_id = ? AND r.reverses_id IS NULL", coupon.id)
            return replace(
                scan,
                usable=False,
                reason="used",
                message=self._first(first[0] if first else None, language),
                first=first[0] if first else None,
            )
        unmet = elsewhere(choice.offer, self.settings["counter_channel"], shop.code) if reason is None else None
        if unmet is not None:
            message = self.words.unmet(unmet, language)
            return replace(scan, usable=False, reason=unmet.reason, message=message)
        if reason is None:
            reason = Buyer(self.brand, coupon.contact_id).barred(choice.offer.scope)
        if reason is not None:
            message = self.words.refusal(reason, self.offers.facts(coupon), language)
            return replace(scan, usable=False, reason=reason, message=message)
        return scan

    def _first(self, first: RedemptionView | None, language: str | None) -> str:
        if first is None:
            return self.words.refusal("used", None, language)
        chinese = (language or self.words.language) == "zh"
        where = (
            first.store_name
            or first.store
            or (f"订单 {first.order_number}" if chinese else f"order {first.order_number}")
        )
        when = self.words.time(first.at)
        by = first.clerk_name or first.clerk or ""
        if chinese:
            undone = "，后已撤销；如券已退还，请顾客出示新的券码" if first.reversed_by else ""
            return f"这张券已于{when}在{where}核销" + (f"，经手人{by}" if by else "") + undone
        undone = ", and undone since; if it came back, the customer has a new code for it" if first.reversed_by else ""
        return f"the coupon was redeemed at {when} in {where}" + (f" by {by}" if by else "") + undone

    def _owner(self, coupon: CouponView) -> tuple[str, str]:
        """Name and phone of the owner, masked."""
        if coupon.contact_id is None:
            return "", ""
        contact = self.brand.contacts.get_by_id(self.brand.contacts.survivor(coupon.contact_id))
        phones = [each.value for each in self.brand.contacts.identities(contact.id) if each.kind == "phone"]
        return mask("name", contact.name) or "", (mask("phone", phones[0]) or "") if phones else ""

    # Redeeming -----------------------------------------------------------------

    @transactional
    def redeem_in_store(
        self,
        text: str,
        *,
        store: str,
        clerk: str,
        terminal: str,
        ticket: str,
        amount_minor: int,
        lines: Sequence[CartLine] = (),
        order_number: str = "",
        network: str = "",
        device: str = "",
        language: str | None = None,
    ) -> Redeemed:
        """Redeem a coupon on a ticket of a till, once: a second press answers the first.

        ``amount_minor`` is what the eligible goods of the ticket cost; a till that
        knows its lines gives them, and the coupon's scope is then held to them.
        One coupon per ticket. ``order_number`` is the order's of the setting
        ``counter_source``: its refund takes the redemption back. What cannot be redeemed is told in the answer;
        raises Invalid, NotFound, Conflict and Forbidden for a ticket, shop, till
        or clerk that cannot be, and Conflict (``order_gone``) for an order that went back.
        """
        shop = self.stores.store(store)
        person = self.stores.at_work(clerk, shop)
        till = self.stores.terminal(terminal, shop)
        ticket = clean_text(ticket, field="ticket", max_length=100)
        if not ticket:
            raise Invalid("ticket: the number of the till's ticket", field="ticket")
        if type(amount_minor) is not int or not 0 <= amount_minor <= 2**53:
            raise Invalid("amount_minor: what the goods cost, in minor units", field="amount_minor")
        order_number = clean_text(order_number, field="order_number", max_length=100)
        if lines:
            check_lines(lines)
            if sum(line.amount_minor for line in lines) != amount_minor:
                raise Invalid("amount_minor: is not the sum of the lines", field="amount_minor")
        before = self._of_ticket(till.id, ticket)
        named = None if before is None else self._named(text.strip()[:500])[0]
        if before is not None and named is not None and named.id == before.coupon_id:
            # Before anything is looked at that may have changed since: the token's minute, the lock, the coupon.
            return self._again(before, named, self._seen(named, shop, language), language)
        scan = self._scan(text, shop, _subjects(terminal, network), language)
        coupon = scan.coupon
        if before is not None:
            return self._again(before, coupon, scan, language)
        if not scan.usable or coupon is None:
            return Redeemed(False, scan)
        if coupon.contact_id is not None and person.contact_id is not None:
            survivor = self.brand.contacts.survivor
            if survivor(coupon.contact_id) == survivor(person.contact_id):
                raise Forbidden("a clerk does not redeem a coupon of their own", code="own_coupon")
        source = self.settings["counter_source"] if order_number else "store"
        if order_number and gone(source, order_number):
            raise Conflict(f"order {order_number!r} was refunded or closed", code="order_gone")
        choice = choice_of(batches_by_id([coupon.batch_id])[coupon.batch_id], coupon)
        quoted = self._quote(
            choice, lines or (self._ticket_line(choice, amount_minor),), shop, given=bool(lines)
        )
        if not quoted.applied:
            unmet = quoted.refused[0].unmet
            refused = replace(scan, usable=False, reason=unmet.reason, message=self.words.unmet(unmet, language))
            return Redeemed(False, refused)
        applied = quoted.applied[0]
        items = sum(line.qty for line in lines) or 1
        entry = self._entry(coupon, shop, person, amount_minor, applied.discount_minor, applied.shares, items)
        entry = replace(
            entry, source=source, order_number=order_number, terminal_id=till.id, ticket=ticket,
            device=clean_text(device, field="device", max_length=100),
        )  # fmt: skip
        try:
            with self.brand.transaction():
                uid = self._take(entry, coupon, choice)
        except _Taken as quicker:
            return self._lost(quicker.reason, till.id, ticket, coupon, shop, language)
        self.redeeming.tell("redeemed", uid)
        return Redeemed(True, scan, redemption(uid), amount_minor - applied.discount_minor)

    def _quote(self, choice: Choice, lines: Sequence[CartLine], shop: StoreView, *, given: bool) -> Quote:
        offer = choice.offer
        if not given:
            # The clerk has entered what the eligible goods cost; there are no lines to hold a scope to.
            offer = replace(offer, scope=replace(offer.scope, skus=(), categories=(), exclude_special=False))
        channel = self.settings["counter_channel"]
        return quote(lines, [offer], channel=channel, store=shop.code, policy=self.policy)

    @staticmethod
    def _ticket_line(choice: Choice, amount_minor: int) -> CartLine:
        rule = choice.offer.rule
        sku = rule.sku if isinstance(rule, Exchange) and rule.sku else TICKET_LINE
        return CartLine(TICKET_LINE, sku, 1, amount_minor)

    def _entry(
        self,
        coupon: CouponView,
        shop: StoreView,
        person: ClerkView,
        amount_minor: int,
        discount_minor: int,
        shares: tuple[int, ...],
        items: int,
    ) -> RedemptionIn:
        now = self.brand.now()
        return RedemptionIn(
            coupon.id, coupon.uid, coupon.batch_id, coupon.contact_id, now, self.brand.day(now), amount_minor,
            discount_minor, 0, items, shares, store_id=shop.id, clerk_id=person.id,
            actor=f"clerk:{person.code}",
        )  # fmt: skip

    def _take(self, entry: RedemptionIn, coupon: CouponView, choice: Choice) -> str:
        """Use the coupon: exactly one of all who try gets through. Raises _Taken."""
        lock_batch(coupon.batch_id)
        if coupon.state == "held":
            row = execute("SELECT hold_id FROM coupon_threshold_coupon WHERE id = ?", (coupon.id,)).fetchone()
            if row[0] is not None:
                self.holds.end(row[0], "expired", entry.at)
        written = record(entry)
        if written is None:
            raise _Taken("used")
        (reserved,) = execute(
            "SELECT reserved_minor FROM coupon_threshold_coupon WHERE id = ?", (coupon.id,)
        ).fetchone()
        try:
            take_budget(entry.batch_id, entry.discount_minor - reserved)
            take_gifts(gifts_of([choice]))
        except Conflict as gone:
            raise _Taken(gone.code) from None
        used = execute(
            "UPDATE coupon_threshold_coupon SET state = 'used', reserved_minor = ?, ended_at = ? "
            "WHERE id = ? AND state = 'claimed' AND reserved_minor = ?",
            (entry.discount_minor, entry.at, coupon.id, reserved),
        ).rowcount
        if not used:
            raise _Taken("used")
        return written[1]

    def _lost(
        self, reason: str, terminal_id: int, ticket: str, coupon: CouponView, shop: StoreView, language: str | None
    ) -> Redeemed:
        before = self._of_ticket(terminal_id, ticket)
        scan = self._seen(find_coupon(coupon.uid) or coupon, shop, language)
        if before is not None:
            return self._again(before, coupon, scan, language)
        if scan.usable:
            told = reason if reason in ("budget", "gift_out_of_stock") else "coupon_reserved"
            scan = replace(scan, usable=False, reason=told, message=self.words.refusal(told, None, language))
        return Redeemed(False, scan)

    @staticmethod
    def _of_ticket(terminal_id: int, ticket: str) -> RedemptionView | None:
        found = redemptions("r.terminal_id = ? AND r.ticket = ? AND r.reverses_id IS NULL", terminal_id, ticket)
        return found[0] if found else None

    def _again(self, before: RedemptionView, coupon: CouponView | None, scan: Scan, language: str | None) -> Redeemed:
        """The answer of a ticket that has redeemed a coupon: the first one's again, or that it was another coupon."""
        if coupon is not None and coupon.id == before.coupon_id and before.reversed_by is not None:
            message = self.words.refusal("undone", {"at": self.words.time(before.reversed_at)}, language)
            return Redeemed(False, replace(scan, usable=False, reason="undone", message=message, first=before))
        if coupon is not None and coupon.id == before.coupon_id:
            return Redeemed(True, scan, before, before.amount_minor - before.discount_minor, replayed=True)
        if coupon is None:
            return Redeemed(False, scan)
        message = self.words.refusal("ticket_used", None, language)
        return Redeemed(False, replace(scan, usable=False, reason="ticket_used", message=message, first=before))

    @transactional
    def undo(self, uid: str, *, store: str, manager: str, reason: str) -> RedemptionView:
        """Undo a redemption in a shop, by a manager of it, within ``undo_minutes``; the coupon is good again at once.

        A second call answers the first reversal. Raises NotFound, Invalid
        without a reason, Forbidden for a clerk who is no manager, and Conflict
        (``too_late``) when the time is over or it was not redeemed in this shop.
        """
        shop = self.stores.store(store)
        person = self.stores.at_work(manager, shop)
        if person.role != "manager":
            raise Forbidden("only a manager undoes a redemption", code="not_manager")
        entry = redemption(uid)
        if entry.store != shop.code:
            raise Conflict("the coupon was not redeemed in this shop", code="other_store")
        late = entry.at + self.settings["undo_minutes"] * MINUTE_MS <= self.brand.now()
        if entry.reversed_by is None and late:
            raise Conflict(f"a redemption can be undone for {self.settings['undo_minutes']} minutes", code="too_late")
        return self.reversing.reverse(uid, reason=reason, actor=f"clerk:{person.code}", undo=True)


def _subjects(terminal: str, network: str) -> list[str]:
    return [
        *([f"terminal:{terminal[:100]}"] if terminal else []),
        *([f"network:{network[:100]}"] if network else []),
    ]
