"""A brand with referral: people, personal codes, a shop, and the brand's own product vouchers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scrm_core.brands import Brand
from scrm_core.clock import ManualClock
from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.orders import OrderIn, RefundIn
from scrm_coupon_threshold.service import Coupons, coupons_of
from scrm_referral.service import Referrals, referrals_of

DAY = 86_400_000
HOUR = 3_600_000
TABLES = "\n[plugins.coupon-threshold]\n[plugins.referral]\n"


def rung(invites: int, item: str, value: int, **more: Any) -> dict[str, Any]:
    return {"invites": invites, "item": item, "value_minor": value, **more}


class Scene:
    """Acts on one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, deliver: Callable[[Brand], None]) -> None:
        self.brand = brand
        self._deliver = deliver
        self._people = 0
        self._orders = 0

    @property
    def clock(self) -> ManualClock:
        clock = self.brand.clock
        assert isinstance(clock, ManualClock)
        return clock

    @property
    def referrals(self) -> Referrals:
        return referrals_of(self.brand)

    @property
    def coupons(self) -> Coupons:
        return coupons_of(self.brand)

    def deliver(self) -> None:
        self._deliver(self.brand)
        assert execute("SELECT count(*) FROM parked").fetchone()[0] == 0

    def days(self, count: float) -> None:
        """Let days go by."""
        self.clock.set(self.brand.now() + int(count * DAY))

    # Campaigns ---------------------------------------------------------------------

    def vouchers(self, *skus: str) -> None:
        """An open batch of product vouchers for each SKU."""
        for sku in skus:
            batch = {
                "code": sku, "title": sku, "rule": {"kind": "exchange", "sku": sku, "qty": 1},
                "validity": {"kind": "natural", "days": 365}, "limits": {"per_person": 5},
            }  # fmt: skip
            self.coupons.batches.create(batch)
            self.coupons.batches.open(sku)

    def definition(self, code: str = "spring", **more: Any) -> dict[str, Any]:
        """The ladder of practice on a mini program; ``more`` replaces members."""
        from scrm_core.clock import iso

        return {
            "code": code,
            "title": "老带新",
            "surface": "mini_program",
            "ends_at": iso(self.brand.now() + 60 * DAY, self.brand.zone),
            "staff": ["li", "wang"],
            "observation_days": 0,
            **more,
        }

    def campaign(self, code: str = "spring", **more: Any) -> str:
        """A campaign that runs now, with open batches for its vouchers."""
        made = self.referrals.campaigns.create(self.definition(code, **more), actor="mia")
        known = {row[0] for row in execute("SELECT code FROM coupon_threshold_batch").fetchall()}
        items = {each.item for each in made.definition.ladder if each.kind == "product-voucher"}
        self.vouchers(*sorted(items - known))
        self.referrals.campaigns.publish(code, actor="mia")
        return code

    # People ------------------------------------------------------------------------

    def person(self, *, phone: str = "", state: str = "", known: bool = False) -> int:
        """A new friend, who came by a personal code when ``state`` is one; ``known``: a buyer, no friend yet."""
        self._people += 1
        # Spread over prefixes: nobody shares seven digits with anybody by chance.
        phone = phone or f"+86138{self._people:04d}{self._people * 7:04d}"
        who = (IdentityIn.of("phone", phone, ""),)
        if known:
            return int(self.brand.contacts.resolve(who, at=self.brand.now(), origin="test").contact_id)
        lead = LeadIn("wecom", who, self.brand.now(), reference=f"{phone} {self.brand.now()}", state=state)
        return int(self.brand.contacts.capture_lead(lead).contact_id)

    def inviter(self, campaign: str = "spring") -> tuple[int, str]:
        """(contact, personal code) of somebody who has signed up."""
        contact = self.person()
        found = self.referrals.campaigns.sign_up(campaign, contact)
        assert found.code
        return contact, found.code

    def join(self, contact: int) -> None:
        self.brand.membership.join(contact, f"M{contact}", at=self.brand.now(), source="test")

    def order(self, contact: int, paid: int = 9_900, *, number: str = "", at: int | None = None) -> str:
        self._orders += 1
        number = number or f"A{self._orders}"
        phones = [i for i in self.brand.contacts.identities(contact) if i.kind == "phone"]
        buyer = (IdentityIn.of("phone", phones[0].value, ""),)
        self.brand.orders.upsert(
            OrderIn("shop", number, "paid", self.brand.now() if at is None else at, paid, buyer=buyer)
        )
        return number

    def refund(self, number: str, amount: int = 9_900) -> None:
        self.brand.orders.refund(RefundIn("shop", number, f"R-{number}", amount, self.brand.now(), ""))

    def customer(self, code: str) -> tuple[int, str]:
        """(contact, order) of an invitee who passes every gate; nobody's first order comes within a minute."""
        contact = self.person(state=code)
        self.clock.set(self.brand.now() + HOUR)
        self.join(contact)
        return contact, self.order(contact)

    def customers(self, code: str, count: int) -> list[tuple[int, str]]:
        found = [self.customer(code) for _ in range(count)]
        self.deliver()
        return found

    # What came of it -----------------------------------------------------------------

    def rungs(self, state: str = "due") -> list[tuple[int, str]]:
        """(invites, uid) of rewards in a state."""
        return [(due.invites, due.uid) for due in self.referrals.rungs.queue(state=state)]

    def approve(self, uid: str, *actors: str) -> str:
        for actor in actors or ("li", "wang"):
            if self.referrals.rungs.get(uid).state == "due":
                self.referrals.rungs.review(uid, "approve", reason="", actor=actor)
        return self.referrals.rungs.get(uid).state

    def states(self, campaign: str = "spring") -> dict[str, int]:
        """Invitees by state."""
        sql = (
            "SELECT r.state, count(*) FROM referral_relation r JOIN referral_campaign c ON c.id = r.campaign_id "
            "WHERE c.code = ? GROUP BY r.state"
        )
        return dict(execute(sql, (campaign,)).fetchall())

    def relation(self, contact: int) -> dict[str, Any]:
        from scrm_referral import relations
        from scrm_referral.views import invitee_view

        found = relations.select("WHERE r.contact_id = ? ORDER BY r.id", (contact,))
        return invitee_view(found[0], self.brand) if found else {}

    def vouchers_of(self, contact: int) -> list[tuple[str, str]]:
        """(SKU, state) of the vouchers a person has."""
        rows = execute(
            "SELECT b.code, c.state FROM coupon_threshold_coupon c JOIN coupon_threshold_batch b ON b.id = c.batch_id "
            "WHERE c.contact_id = ? ORDER BY c.id",
            (contact,),
        ).fetchall()
        return [tuple(row) for row in rows]
