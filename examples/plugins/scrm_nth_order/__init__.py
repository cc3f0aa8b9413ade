"""A coupon on the third order of a tagged customer; what an order earned goes back with it."""

from __future__ import annotations

from collections.abc import Iterator

from marshmallow import Schema, fields, validate

from scrm_core.api import (
    Conflict,
    Contact,
    ContactMerged,
    ContactTag,
    Invalid,
    Job,
    OrderPaid,
    OrderView,
    Plugin,
    RefundMade,
    TagAdded,
    Veto,
    execute,
    hookimpl,
    transactional,
)

from .models import Gift
from .routes import READ, blueprint

# An order is closed in the weeks after it was paid: older gifts are not looked at again.
CLOSED_MS = 60 * 86_400_000
PAGE = 200

_WRITE = """
INSERT INTO nth_order_gift (contact_id, order_id, grant_key, state, why, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (grant_key) DO UPDATE SET contact_id = excluded.contact_id, state = excluded.state, why = excluded.why,
  at = excluded.at
"""


class Settings(Schema):
    """The keys of ``[plugins.nth-order]`` in a brand's file."""

    tag = fields.String(
        required=True,
        validate=validate.Regexp(r"^[^/]+/[^/]+\Z", error="is written GROUP/TAG"),
        metadata={"description": "whom it is for: people with this tag, written GROUP/TAG"},
    )
    number = fields.Integer(
        strict=True,
        load_default=3,
        validate=validate.Range(1, 1_000),
        metadata={"description": "which valid order of a person, by time of payment, earns the coupon"},
    )
    batch = fields.String(
        required=True,
        validate=validate.Length(1, 200),
        metadata={"description": "code of the batch of coupons"},
    )
    late = fields.Boolean(
        load_default=True,
        metadata={"description": "true: who gets the tag after that order gets the coupon then; false: never"},
    )


class NthOrder(Plugin):
    """Everything ends in :meth:`settle`, which compares what a person has with what they should have now."""

    name = "nth-order"
    version = "1.0"
    summary = "A coupon on the third order of a tagged customer"
    requires_core = ">=0.1.0.dev0,<1"
    Settings = Settings
    models = (Gift,)
    migrations = "migrations"
    blueprint = blueprint
    permissions = {READ: "list who got a coupon"}
    jobs = (Job("recheck", 86_400, "recheck"),)

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        self.settle(event.contact_id)

    @hookimpl
    def on_refund(self, event: RefundMade) -> None:
        self.settle(event.contact_id)

    @hookimpl
    def on_tag(self, event: TagAdded) -> None:
        if f"{event.group}/{event.tag}" == self.settings["tag"]:
            self.settle(event.contact_id)

    @hookimpl
    def on_contact_merged(self, event: ContactMerged) -> None:
        self.settle(event.winner_id)
        self.settle(event.loser_id)

    def brand_warnings(self) -> list[str]:
        """What would be refused on the day; tag and batch may be made later."""
        missing_tags = self.brand.tags.unknown([self.settings["tag"]])
        said = [f"the tag {tag!r} is not defined: nobody has it" for tag in missing_tags]
        try:
            self.brand.rewards.check("coupon", self.settings["batch"])
        except (Conflict, Invalid) as missing:
            said.append(str(missing))
        return said

    def recheck(self) -> None:
        """The job: what no event tells. An order was closed, a buyer became known, a batch has stock again."""
        for contact_id in self._doubtful():
            self.settle(contact_id)

    def _doubtful(self) -> Iterator[int]:
        """Whose gift may have to go back, and who may have one to get; some of them twice."""
        since, after = self.brand.now() - CLOSED_MS, 0
        while rows := execute(
            "SELECT id, contact_id FROM nth_order_gift WHERE state IN ('given', 'refused') AND at >= ? AND id > ? "
            "ORDER BY id LIMIT ?",
            (since, after, PAGE),
        ).fetchall():
            yield from (row[1] for row in rows)
            after = rows[-1][0]
        tag = self.brand.tags.find(*self.settings["tag"].split("/"))
        given, after = Gift.select(Gift.contact).where(Gift.state << ("given", "kept")), 0
        while rows := list(
            ContactTag.select(ContactTag.contact)
            .join(Contact)
            .where(
                (ContactTag.tag == tag) & (Contact.orders >= self.settings["number"]) & (ContactTag.contact > after)
                & ContactTag.contact.not_in(given)
            )
            .order_by(ContactTag.contact)
            .limit(PAGE)
            .tuples()
        ):  # fmt: skip
            yield from (row[0] for row in rows)
            after = rows[-1][0]

    @transactional
    def settle(self, contact_id: int | None) -> None:
        """Give a person the coupon that they have earned as their orders are now, or take back what they have not."""
        contact = self.brand.contacts.present(contact_id)
        if contact is None:  # nobody knows the buyer, or the person was erased meanwhile
            return
        paid = [order for order in reversed(self.brand.orders.of_contact(contact)) if order.valid]
        gifts = list(Gift.select().where(Gift.contact == contact).order_by(Gift.id))
        order = paid[self.settings["number"] - 1] if len(paid) >= self.settings["number"] else None
        for gift in gifts:
            if gift.state == "given" and order is None:
                self._take_back(gift)
            elif gift.state == "refused" and (order is None or gift.order_id != order.order_id):
                self._write(gift, "taken-back", "another order counts")
        if order is None or any(gift.state in ("given", "kept") for gift in gifts):
            return
        if self._tagged_in_time(contact, order):
            before = sum(gift.order_id == order.order_id and gift.state == "taken-back" for gift in gifts)
            self._give(contact, order, f"nth-order:{order.order_id}:{before}")

    def _tagged_in_time(self, contact: int, order: OrderView) -> bool:
        tags = {f"{tag.group}/{tag.name}": tag.at for tag in self.brand.tags.of(contact)}
        since = tags.get(self.settings["tag"])
        return since is not None and (self.settings["late"] or since <= (order.paid_at or 0))

    def _give(self, contact: int, order: OrderView, key: str) -> None:
        state, why = "given", ""
        try:
            self.brand.rewards.grant(
                "coupon", contact, grant_key=key, item=self.settings["batch"], reason=f"order {order.number}",
                actor=self.name,
            )  # fmt: skip
        except (Veto, Conflict) as refused:  # sold out, or nobody issues coupons: the job tries again
            state, why = "refused", str(refused)[:200]
        execute(_WRITE, (contact, order.order_id, key, state, why, self.brand.now()))

    def _take_back(self, gift: Gift) -> None:
        try:
            self.brand.rewards.reverse(gift.grant_key, reason="fewer orders count", actor=self.name)
        except Veto as refused:  # it was used
            self._write(gift, "kept", str(refused)[:200])
        except Conflict as off:  # coupons are switched off: the job tries again
            self.log.warning("a coupon is not taken back: %s", off)
        else:
            self._write(gift, "taken-back", "fewer orders count")

    @staticmethod
    def _write(gift: Gift, state: str, why: str) -> None:
        Gift.update(state=state, why=why).where(Gift.id == gift.id).execute()
