"""Tables of number packs: the pack, its numbers, and every row that was dropped."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, JSONField


class Pack(BrandModel):
    """A number pack (号码包): one list of numbers, each of them once.

    ``state``: importing (a file, not read to its end yet), open (takes rows
    over HTTP), sealing (its numbers are being matched with contacts) or sealed,
    which is final. ``rows`` counts the rows read so far and is what an
    interrupted import goes on behind; ``rows`` = ``accepted`` + the sum of
    ``dropped``, which counts rows by reason. ``digest`` is the SHA-256 of the
    file, empty for an open pack, and ``columns`` the mapping that was asked
    for. ``content`` is a keyed hash of the numbers at sealing, ``matched`` how
    many of them belonged to a contact then. ``undated`` rows had a time that
    could not be read.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    state = pw.TextField()
    file = pw.TextField(default="")
    digest = pw.TextField(default="")
    columns = JSONField()
    foreign_allowed = pw.BigIntegerField(default=0)
    rows = pw.BigIntegerField(default=0)
    accepted = pw.BigIntegerField(default=0)
    dropped = JSONField()
    undated = pw.BigIntegerField(default=0)
    matched = pw.BigIntegerField(default=0)
    content = pw.TextField(default="")
    created_at = InstantField()
    created_by = pw.TextField()
    sealed_at = InstantField(null=True)
    sealed_by = pw.TextField(default="")

    class Meta:
        table_name = "sms_pack"


class PackNumber(BrandModel):
    """A number of a pack, with what its row said: the row on ``line`` stands for the person.

    ``contact`` is set when the pack is sealed and the number is known then.
    """

    id = pw.BigAutoField()
    pack = pw.ForeignKeyField(Pack)
    address = pw.TextField()
    contact = pw.ForeignKeyField(Contact, null=True)
    line = pw.BigIntegerField()
    name = pw.TextField(default="")
    ordered_at = InstantField(null=True)
    order_number = pw.TextField(default="")

    class Meta:
        table_name = "sms_number"


class PackDropped(BrandModel):
    """A row that is not in its pack: ``reason`` is a key of ``reasons.REASONS``, ``shown`` the masked number.

    ``number`` is the number that stands for the person instead, for duplicates.
    """

    id = pw.BigAutoField()
    pack = pw.ForeignKeyField(Pack)
    line = pw.BigIntegerField()
    reason = pw.TextField()
    shown = pw.TextField(default="")
    number = pw.ForeignKeyField(PackNumber, null=True, on_delete="SET NULL")

    class Meta:
        table_name = "sms_dropped"


PACK_MODELS = (Pack, PackNumber, PackDropped)
