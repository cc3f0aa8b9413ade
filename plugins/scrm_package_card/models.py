"""Tables of package cards: campaigns, print batches and their stock, shipped cards, leads."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, MinorField, Order


class CardCampaign(BrandModel):
    """A card campaign (包裹卡活动): one card design that travels with the orders of one source.

    With ``automatic`` 1 a card ships with every paid order of ``source`` whose
    brand-local day lies in [``first_day``, ``last_day``]; null leaves that end
    open. With 0 only the warehouse's files ship cards. ``recall_days`` and
    ``contribution_days`` are days of 24 hours. With ``stocked`` 1 cards ship
    from the stock of the campaign's print batches, and never without one.
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
    stocked = pw.BigIntegerField(default=0)

    class Meta:
        table_name = "package_card_campaign"


class PrintBatch(BrandModel):
    """A print batch (印刷批次): one printed card, kept in stock like any item; ``code`` is its SKU.

    ``kind``: notice 通知, brand 品牌, marketing 营销 or hot-topic 热点. ``arm``
    is the variant of an A/B test or empty, ``channel`` the channel of its links.
    With ``unique_cards`` 1 each card has its own serial and link; otherwise all
    share ``link`` (a short link's code, null when the card has none of ours).
    ``received``, ``shipped``, ``adjusted`` (signed) and ``remaining`` are
    maintained with the moves; the table refuses a remainder below 0.
    ``received_day`` is the brand-local day of the first delivery.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    campaign = pw.ForeignKeyField(CardCampaign)
    name = pw.TextField(default="")
    kind = pw.TextField()
    arm = pw.TextField(default="")
    channel = pw.TextField(default="")
    unique_cards = pw.BigIntegerField(default=0)
    printed = pw.BigIntegerField()
    unit_cost_minor = MinorField()
    link = pw.TextField(null=True)
    received = pw.BigIntegerField(default=0)
    shipped = pw.BigIntegerField(default=0)
    adjusted = pw.BigIntegerField(default=0)
    remaining = pw.BigIntegerField(default=0)
    received_day = pw.BigIntegerField(null=True)
    created_at = InstantField()

    class Meta:
        table_name = "package_card_batch"


class UniqueCard(BrandModel):
    """A card with its own serial and link; ``number`` counts from 1 within the batch.

    ``claimed_at`` is set once, by the first person who came with the card while
    no parcel was known for it.
    """

    id = pw.BigAutoField()
    batch = pw.ForeignKeyField(PrintBatch)
    number = pw.BigIntegerField()
    serial = pw.TextField()
    link = pw.TextField()
    claimed_at = InstantField(null=True)

    class Meta:
        table_name = "package_card_card"


class StockMove(BrandModel):
    """Append-only: why the stock of a batch changed, by how many cards (signed), once per ``key``."""

    id = pw.BigAutoField()
    batch = pw.ForeignKeyField(PrintBatch)
    kind = pw.TextField()
    quantity = pw.BigIntegerField()
    key = pw.TextField()
    reason = pw.TextField(default="")
    actor = pw.TextField(default="")
    at = InstantField()
    recorded_at = InstantField()

    class Meta:
        table_name = "package_card_move"


class CardMiss(BrandModel):
    """An order that left without a card because none was left (缺卡)."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(CardCampaign)
    source = pw.TextField()
    order_number = pw.TextField()
    arm = pw.TextField(default="")
    at = InstantField()
    day = pw.BigIntegerField()

    class Meta:
        table_name = "package_card_miss"


class CardSpend(BrandModel):
    """Append-only: what a campaign cost besides its cards, once per ``key``; hook gifts above all."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(CardCampaign)
    batch = pw.ForeignKeyField(PrintBatch, null=True)
    what = pw.TextField()
    quantity = pw.BigIntegerField()
    unit_minor = MinorField()
    key = pw.TextField()
    actor = pw.TextField(default="")
    at = InstantField()

    class Meta:
        table_name = "package_card_spend"


class CardShipment(BrandModel):
    """A card that left the warehouse with an order; ``day`` is the brand-local day of ``shipped_at``.

    ``order`` is null while the order is unknown here. ``claimed_at`` is set
    once, by the first valid claim of the serial, and never again. ``batch``,
    ``channel`` and ``arm`` are those of the print batch it came from, if any.
    ``signed_at`` is when the parcel was signed for, where the warehouse told.
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
    batch = pw.ForeignKeyField(PrintBatch, null=True)
    channel = pw.TextField(default="")
    arm = pw.TextField(default="")
    signed_at = InstantField(null=True)

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
    batch = pw.ForeignKeyField(PrintBatch, null=True)
    channel = pw.TextField(default="")
    arm = pw.TextField(default="")

    class Meta:
        table_name = "package_card_lead"


MODELS = (CardCampaign, PrintBatch, UniqueCard, StockMove, CardMiss, CardSpend, CardShipment, CardLead)
