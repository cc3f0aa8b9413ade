"""What the framework itself keeps: events, cursors, parked events, jobs, keys, imports."""

from __future__ import annotations

import peewee as pw

from ..db import BrandModel, InstantField, JSONField


class Meta(BrandModel):
    """Small facts about this database: its salt, its brand id, whether it is paused."""

    key = pw.TextField(primary_key=True)
    value = pw.TextField()


class Event(BrandModel):
    """The brand's event log. On PostgreSQL a column ``xid`` orders it by transaction."""

    id = pw.BigAutoField()
    type = pw.TextField()
    contact_id = pw.BigIntegerField(null=True)
    at = InstantField()
    recorded_at = InstantField()
    backfill = pw.BigIntegerField(default=0)
    data = JSONField()


class EventDay(BrandModel):
    """How many events of a brand-local day and type retention has removed from the log."""

    day = pw.BigIntegerField()
    type = pw.TextField()
    count = pw.BigIntegerField()

    class Meta:
        table_name = "event_day"
        primary_key = pw.CompositeKey("day", "type")


class PluginCursor(BrandModel):
    """How far a plugin has come. ``xid`` is text and 0 on SQLite. ``state``: active or paused."""

    plugin = pw.TextField(primary_key=True)
    xid = pw.TextField(default="0")
    event_id = pw.BigIntegerField(default=0)
    state = pw.TextField(default="active")
    reason = pw.TextField(default="")
    failures = pw.BigIntegerField(default=0)
    lease_owner = pw.TextField(default="")
    lease_until = InstantField(default=0)
    updated_at = InstantField()


class Parked(BrandModel):
    """An event that a plugin could not handle. ``state``: retry (due at ``next_at``) or held."""

    id = pw.BigAutoField()
    plugin = pw.TextField()
    event_id = pw.BigIntegerField()
    attempts = pw.BigIntegerField(default=0)
    state = pw.TextField()
    next_at = InstantField()
    error = pw.TextField()
    traceback = pw.TextField(default="")
    created_at = InstantField()
    updated_at = InstantField()


class JobRun(BrandModel):
    """One run of a periodic job: unique per (plugin, job, slot)."""

    id = pw.BigAutoField()
    plugin = pw.TextField()
    job = pw.TextField()
    slot = InstantField()
    state = pw.TextField()  # running | done | failed
    attempts = pw.BigIntegerField(default=1)
    lease_until = InstantField()
    started_at = InstantField()
    finished_at = InstantField(null=True)
    error = pw.TextField(default="")
    owner = pw.TextField(default="")


class ImportRun(BrandModel):
    """Progress of one file import: ``position`` rows are committed, ``consumed`` of ``size`` bytes of ``name`` read."""

    id = pw.BigAutoField()
    kind = pw.TextField()
    source = pw.TextField()
    digest = pw.TextField()
    state = pw.TextField()  # running | done
    position = pw.BigIntegerField(default=0)
    counts = JSONField()
    started_at = InstantField()
    updated_at = InstantField()
    name = pw.TextField(default="")
    size = pw.BigIntegerField(default=0)
    consumed = pw.BigIntegerField(default=0)


class ImportReject(BrandModel):
    """A row that an import refused: its line in the file, the column and why, without phone numbers."""

    run = pw.ForeignKeyField(ImportRun)
    line = pw.BigIntegerField()
    heading = pw.TextField()
    reason = pw.TextField()

    class Meta:
        table_name = "import_reject"
        primary_key = pw.CompositeKey("run", "line")


class ImportFile(BrandModel):
    """A file that somebody sent in from a page, what it is to be read as, and how far it is."""

    id = pw.BigAutoField()
    name = pw.TextField()
    kind = pw.TextField()
    mapping = pw.TextField()
    source = pw.TextField()
    backfill = pw.BigIntegerField()
    size = pw.BigIntegerField()
    consumed = pw.BigIntegerField()
    actor = pw.TextField()
    state = pw.TextField()  # coming | checking | checked | waiting | running | done | failed
    counts = JSONField()
    error = pw.TextField()
    created_at = InstantField()
    updated_at = InstantField()
    reader = pw.TextField(default="")
    held_until = InstantField(default=0)
    failures = pw.BigIntegerField(default=0)

    class Meta:
        table_name = "import_file"


class ImportFilePart(BrandModel):
    """A piece of such a file in base64; gone when the file was read."""

    file = pw.ForeignKeyField(ImportFile)
    nth = pw.BigIntegerField()
    data = pw.TextField()

    class Meta:
        table_name = "import_file_part"
        primary_key = pw.CompositeKey("file", "nth")


class JobRequest(BrandModel):
    """A run of a job that somebody asked for; gone when it was made."""

    plugin = pw.TextField()
    job = pw.TextField()
    at = InstantField()
    actor = pw.TextField()

    class Meta:
        table_name = "job_request"
        primary_key = pw.CompositeKey("plugin", "job")


class ApiKey(BrandModel):
    """A bearer key: the public id, a hash of the secret, its scopes."""

    id = pw.BigAutoField()
    key_id = pw.TextField()
    digest = pw.TextField()
    name = pw.TextField(default="")
    scopes = JSONField()
    created_at = InstantField()
    revoked_at = InstantField(null=True)


class Idempotency(BrandModel):
    """The first answer to a request that carried an Idempotency-Key."""

    key_id = pw.TextField()
    key = pw.TextField()
    request_digest = pw.TextField()
    status = pw.BigIntegerField(null=True)
    body = pw.TextField(null=True)
    at = InstantField()

    class Meta:
        primary_key = pw.CompositeKey("key_id", "key")


class Audit(BrandModel):
    """Who did what to which thing. Ids, never personal values."""

    id = pw.BigAutoField()
    at = InstantField()
    actor = pw.TextField()
    action = pw.TextField()
    target = pw.TextField(default="")
    detail = JSONField(null=True)


class PartnerOut(BrandModel):
    """A message to a partner: waiting, sending, delivered or dead. Its text is forgotten when it is delivered."""

    id = pw.BigAutoField()
    uid = pw.TextField(unique=True)
    partner = pw.TextField()
    kind = pw.TextField()
    key = pw.TextField()
    digest = pw.TextField()
    text = pw.TextField(null=True)
    state = pw.TextField(default="waiting")
    attempts = pw.BigIntegerField(default=0)
    next_at = InstantField()
    error = pw.TextField(default="")
    created_at = InstantField()
    settled_at = InstantField(null=True)

    class Meta:
        table_name = "partner_out"


class PartnerIn(BrandModel):
    """A partner's message that was taken: what a repetition is known by. What it says is in the event log."""

    partner = pw.TextField()
    uid = pw.TextField()
    kind = pw.TextField()
    digest = pw.TextField()
    received_at = InstantField()

    class Meta:
        table_name = "partner_in"
        primary_key = pw.CompositeKey("partner", "uid")
