"""Tables of red packets: the budget and its entries, prepared packets and their shares, payouts and their steps."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, MinorField


class RedPacketBudget(BrandModel):
    """The money that red packets may cost (预算): one row; the table refuses ``used_minor`` above ``total_minor``."""

    id = pw.BigAutoField()
    total_minor = MinorField()
    used_minor = MinorField()

    class Meta:
        table_name = "red_packet_budget"


class RedPacketEntry(BrandModel):
    """Append-only, once per ``key``: what came to the budget (above 0) or was taken from it.

    ``kind`` is fund (by hand), take (a packet was prepared or issued) or return.
    The sum of all entries is what is left.
    """

    id = pw.BigAutoField()
    kind = pw.TextField()
    amount_minor = MinorField()
    key = pw.TextField()
    reason = pw.TextField(default="")
    actor = pw.TextField(default="")
    at = InstantField()

    class Meta:
        table_name = "red_packet_entry"


class RedPacketPacket(BrandModel):
    """A prepared packet (拼手气红包): ``total_minor`` split among ``people``, of whom ``handed`` have got their share.

    ``state`` is open or closed; closing returns the shares that nobody got to
    the budget (``returned_minor``).
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    title = pw.TextField(default="")
    total_minor = MinorField()
    people = pw.BigIntegerField()
    handed = pw.BigIntegerField(default=0)
    state = pw.TextField()
    expires_at = InstantField()
    returned_minor = MinorField(default=0)
    actor = pw.TextField(default="")
    created_at = InstantField()
    closed_at = InstantField(null=True)

    class Meta:
        table_name = "red_packet_packet"


class RedPacketShare(BrandModel):
    """What the person who comes at ``place`` (0 is the first) gets of a prepared packet."""

    id = pw.BigAutoField()
    packet = pw.ForeignKeyField(RedPacketPacket)
    place = pw.BigIntegerField()
    amount_minor = MinorField()

    class Meta:
        table_name = "red_packet_share"


class RedPacketPayout(BrandModel):
    """Money owed to one person: ``state`` due, sending, paid, failed, unknown or canceled.

    ``number`` is the unique transfer number of the current attempt; a failed one
    that is tried again gets a new number. ``reason`` says why a due one waits or
    what was last heard. ``via`` is file or wechat once somebody was asked to pay;
    ``lease_until`` stands while a call to the gateway goes on. Whose it is stands
    in :class:`RedPacketPayee`, so that the money's ledger outlives the person's data.
    """

    id = pw.BigAutoField()
    number = pw.TextField()
    grant_key = pw.TextField()
    packet = pw.ForeignKeyField(RedPacketPacket, null=True)
    place = pw.BigIntegerField(null=True)
    amount_minor = MinorField()
    state = pw.TextField()
    reason = pw.TextField(default="")
    detail = pw.TextField(default="")
    via = pw.TextField(default="")
    file = pw.TextField(default="")
    reference = pw.TextField(default="")
    package = pw.TextField(default="")
    attempts = pw.BigIntegerField(default=0)
    lease_until = InstantField(null=True)
    next_at = InstantField()
    created_at = InstantField()
    day = pw.BigIntegerField()
    sent_at = InstantField(null=True)
    settled_at = InstantField(null=True)
    settled_day = pw.BigIntegerField(null=True)

    class Meta:
        table_name = "red_packet_payout"


class RedPacketPayee(BrandModel):
    """Who gets a payout, and the account (openid) that the current attempt went to; once per packet and person."""

    id = pw.BigAutoField()
    payout = pw.ForeignKeyField(RedPacketPayout)
    packet = pw.ForeignKeyField(RedPacketPacket, null=True)
    contact = pw.ForeignKeyField(Contact)
    account = pw.TextField(default="")

    class Meta:
        table_name = "red_packet_payee"


class RedPacketStep(BrandModel):
    """Append-only: what happened to a payout, under which number, and by whom."""

    id = pw.BigAutoField()
    payout = pw.ForeignKeyField(RedPacketPayout)
    number = pw.TextField()
    state = pw.TextField()
    reason = pw.TextField(default="")
    detail = pw.TextField(default="")
    actor = pw.TextField(default="")
    at = InstantField()

    class Meta:
        table_name = "red_packet_step"


MODELS = (
    RedPacketBudget,
    RedPacketEntry,
    RedPacketPacket,
    RedPacketShare,
    RedPacketPayout,
    RedPacketPayee,
    RedPacketStep,
)
