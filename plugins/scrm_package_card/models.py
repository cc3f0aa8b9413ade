"""Tables of package cards: campaigns, the cards that were shipped, the leads they brought."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, Order


class CardCampaign(BrandModel):
    """A card campaign (包裹卡活动): one card design that travels with the orders of one source.

    With ``automatic`` 1 a card ships with every paid order of ``source`` whose
    brand-local day lies in [``first_day``, ``last_day``]; null leaves that end
    open. With 0 only the warehouse's files ship cards. ``recall_days`` and
    ``contribution_days`` are days of 24 hours.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    name = pw.TextField(default="")
    source = pw.TextField()
    automatic = pw.BigIntegerField(default=1)
    first_day = pw.BigIntegerField(null=True)
    last_day = pw.BigIntegerField(null=True)
    recall_days = pw.BigIntegerField()
    contribution_days = pw.BigIntegerField()
    created_at = InstantField()

    class Meta:
        table_name = "package_card_campaign"


class CardShipment(BrandModel):
    """A card that left the warehouse with an order; ``day`` is the brand-local day of ``shipped_at``.

    ``order`` is null while the order is unknown here. ``claimed_at`` is set
    once, by the first valid claim of the serial, and never again.
    """

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(CardCampaign)
    serial = pw.TextField()
    source = pw.TextField()
    order_number = pw.TextField()
    order = pw.ForeignKeyField(Order, null=True)
    shipped_at = InstantField()
    day = pw.BigIntegerField()
    claimed_at = InstantField(null=True)

    class Meta:
        table_name = "package_card_shipment"


class CardLead(BrandModel):
    """A lead that named a card's serial or came through a card's link.

    ``state``: waiting (no card with this serial has shipped yet), attributed,
    outside (not within the recall window) or repeat (somebody else claimed the
    card first). ``method`` says what leads from the lead to the campaign: card
    serial or card link. ``matched`` is 1 once the card's order led to its buyer.
    """

    id = pw.BigAutoField()
    lead = pw.TextField()
    contact = pw.ForeignKeyField(Contact)
    campaign = pw.ForeignKeyField(CardCampaign, null=True)
    shipment = pw.ForeignKeyField(CardShipment, null=True)
    serial = pw.TextField(default="")
    method = pw.TextField()
    state = pw.TextField()
    matched = pw.BigIntegerField(default=0)
    at = InstantField()
    day = pw.BigIntegerField()

    class Meta:
        table_name = "package_card_lead"


MODELS = (CardCampaign, CardShipment, CardLead)
