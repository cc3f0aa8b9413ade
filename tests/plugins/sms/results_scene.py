"""A scene in which recipients click, add the brand and order."""

from __future__ import annotations

from sms_scene import Bench, Scene, configured

from scrm_core.clock import MS_PER_DAY
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.orders import OrderIn, RefundIn
from scrm_sms import Sms
from scrm_sms.results.service import Results

__all__ = ["Bench", "Sms", "Stage", "configured"]


class Stage(Scene):
    """What :class:`Scene` does, and what recipients do after it."""

    @property
    def results(self) -> Results:
        found: Results = self.brand.plugins["sms"].results
        return found

    def phone(self, place: int) -> str:
        """The number of the person made in this place by :meth:`people`."""
        return f"+86138{place:08d}"

    def link_of(self, phone: str) -> str:
        """The code of the short link that a number was sent."""
        (message,) = [each for each in self.gateway.of("marketing") if each.address == phone]
        return message.body.split("/l/")[1].split()[0]

    def adds(self, phone: str, *, state: str = "", at: int | None = None, reference: str = "") -> int:
        """Somebody with this number adds the brand in WeCom; the state is what their way in carried."""
        moment = self.brand.now() if at is None else at
        return int(
            self.brand.contacts.capture_lead(
                LeadIn(
                    source="wecom",
                    reference=reference or f"{phone} {moment}",
                    identities=(IdentityIn.of("phone", phone, ""),),
                    at=moment,
                    state=state,
                )
            ).contact_id
        )

    def orders(self, number: str, phone: str, paid: int, *, days: float = 1) -> None:
        """Somebody pays so many days from now."""
        self.brand.orders.upsert(
            OrderIn(
                source="shop",
                number=number,
                status="completed",
                paid_at=self.brand.now() + int(days * MS_PER_DAY),
                paid_minor=paid,
                buyer=(IdentityIn.of("phone", phone, ""),),
                platform="tmall",
            )
        )

    def refund(self, number: str, amount: int) -> None:
        """Money goes back."""
        self.brand.orders.refund(
            RefundIn(
                source="shop", order_number=number, number=f"R {number}", amount_minor=amount, at=self.brand.now(),
                reason="",
            )
        )  # fmt: skip

    def row(self, code: str = "MAY") -> dict[str, object]:
        """The plan's row in the report of all plans."""
        return next(dict(row) for row in self.brand.reports.run("sms").rows if row["plan"] == code)

    def strangers(self, count: int, *, first: int = 0) -> list[str]:
        """Buyers who agreed to messages and are no friends yet; returns their numbers."""
        numbers = [self.phone(place) for place in range(first, first + count)]
        for phone in numbers:
            self.orders(f"first {phone}", phone, 100, days=-10)
            contact = self.brand.contacts.find("phone", phone)
            self.brand.consent.record(contact.id, "marketing_sms", granted=True, source="test")
        return numbers
