"""Tables of the plugin: callbacks, who has whom, what the client shares, tags, welcomes, full syncs."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, Tag


class WecomCallback(BrandModel):
    """A callback, once per ``key``, which is made of every field that it has.

    ``state``: new (waits for the worker), done, kept (of a kind that nobody here
    knows) or refused (``note`` says why). ``body`` is the decrypted XML; it and
    ``external`` are empty where the person was erased. ``at`` is WeCom's time.
    """

    id = pw.BigAutoField()
    key = pw.TextField()
    event = pw.TextField()
    change = pw.TextField()
    external = pw.TextField()
    body = pw.TextField()
    state = pw.TextField()
    note = pw.TextField(default="")
    at = InstantField()
    received_at = InstantField()

    class Meta:
        table_name = "wecom_callback"


class WecomNamed(BrandModel):
    """Somebody whom a callback names besides the customer whom it is about, by their id (``external``).

    It may be an external user id, a unionid or an openid. A callback that waits (state new) has no rows yet.
    """

    id = pw.BigAutoField()
    callback = pw.ForeignKeyField(WecomCallback, on_delete="CASCADE")
    external = pw.TextField()

    class Meta:
        table_name = "wecom_named"


class WecomFollow(BrandModel):
    """A member of staff (``staff``, their userid) and a customer (``external``): the relation of the pair.

    ``state``: half (the customer added, the member has not added back), active or
    lost. ``since`` is when it began, null where only its end was told;
    ``lost_by``: customer (流失), staff, transfer, or sync (found missing).
    ``source`` is the State that it came with (渠道参数). ``tags`` are ids of the
    corporation's tags that the member has given in WeCom, ``pushed`` those of them
    that came from here (JSON). ``welcomed_at`` is when the beginning was greeted,
    ``seen`` the full sync that saw it last. ``link`` is the acquisition link that it
    came through (0: none that is known), ``spoke`` 1 once WeCom told that the customer wrote.
    ``unsure`` is 1 while the add waits for what WeCom says of it: a lead, or a hand-over; ``told`` is the number of
    the last time that WeCom was told its tags, see :meth:`.labels.Labels.place`.
    ``disputed`` is 1 while the member's S-level value in WeCom is not the contact's.
    """

    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    external = pw.TextField()
    staff = pw.TextField()
    state = pw.TextField()
    source = pw.TextField(default="")
    since = InstantField(null=True)
    lost_at = InstantField(null=True)
    lost_by = pw.TextField(default="")
    tags = pw.TextField(default="[]")
    pushed = pw.TextField(default="[]")
    welcomed_at = InstantField(null=True)
    seen = pw.BigIntegerField(default=0)
    link = pw.BigIntegerField(default=0)
    spoke = pw.BigIntegerField(default=0)
    unsure = pw.BigIntegerField(default=0)
    told = pw.BigIntegerField(default=0)
    disputed = pw.BigIntegerField(default=0)

    class Meta:
        table_name = "wecom_follow"


class WecomToken(BrandModel):
    """The access token of an application (``app``: a hash of it and its secret), see :mod:`.client.tokens`.

    ``lease`` says who fetches a new one until ``lease_until``; ``refusal`` is why
    WeCom gave none, which is believed until ``refused_until``.
    """

    id = pw.BigAutoField()
    app = pw.TextField()
    token = pw.TextField()
    expires_at = InstantField()
    lease = pw.TextField()
    lease_until = InstantField()
    refused_until = InstantField()
    refusal = pw.TextField()

    class Meta:
        table_name = "wecom_token"


class WecomApi(BrandModel):
    """How often an API was called in a minute and an hour (counted from the epoch), and until when it is left alone."""

    id = pw.BigAutoField()
    api = pw.TextField()
    minute = pw.BigIntegerField()
    minute_calls = pw.BigIntegerField()
    hour = pw.BigIntegerField()
    hour_calls = pw.BigIntegerField()
    blocked_until = InstantField()
    strikes = pw.BigIntegerField()

    class Meta:
        table_name = "wecom_api"


class WecomTask(BrandModel):
    """What WeCom has to be asked or told, see :mod:`.tasks`; ``asked`` counts how often it was wanted."""

    id = pw.BigAutoField()
    kind = pw.TextField()
    ref = pw.TextField()
    asked = pw.BigIntegerField()
    due_at = InstantField()
    lease_until = InstantField()
    attempts = pw.BigIntegerField()
    error = pw.TextField()

    class Meta:
        table_name = "wecom_task"


class WecomTag(BrandModel):
    """A tag of the corporation (企业标签) by WeCom's ids, and the brand's tag that it is."""

    id = pw.BigAutoField()
    key = pw.TextField()
    name = pw.TextField()
    group_key = pw.TextField()
    group_name = pw.TextField()
    tag = pw.ForeignKeyField(Tag)

    class Meta:
        table_name = "wecom_tag"


class WecomMark(BrandModel):
    """A tag that a relation is to have in WeCom (``wanted`` 1) or to lose (0); gone once it is so.

    ``key`` is WeCom's id, or ``tag:`` and the id of a brand's tag that WeCom does not have yet.
    """

    id = pw.BigAutoField()
    follow = pw.ForeignKeyField(WecomFollow, on_delete="CASCADE")
    key = pw.TextField()
    wanted = pw.BigIntegerField()

    class Meta:
        table_name = "wecom_mark"


class WecomWelcome(BrandModel):
    """What is said to who comes through a channel (empty: any), in the variant for an audience (empty: everybody).

    ``note`` is what WeCom refuses of it, empty for nothing.
    """

    id = pw.BigAutoField()
    channel = pw.TextField()
    audience = pw.TextField()
    content = pw.TextField()
    actor = pw.TextField()
    at = InstantField()
    note = pw.TextField(default="")

    class Meta:
        table_name = "wecom_welcome"


class WecomSync(BrandModel):
    """A full sync: running (one at most), done or stopped. ``error`` is what its last turn ended with."""

    id = pw.BigAutoField()
    state = pw.TextField()
    started_at = InstantField()
    finished_at = InstantField(null=True)
    waits_until = InstantField()
    error = pw.TextField()

    class Meta:
        table_name = "wecom_sync"


class WecomStretch(BrandModel):
    """One member's part of a sync; ``cursor`` is that of the next page, ``error`` why they were passed over."""

    id = pw.BigAutoField()
    sync = pw.ForeignKeyField(WecomSync)
    staff = pw.TextField()
    cursor = pw.TextField()
    pages = pw.BigIntegerField()
    customers = pw.BigIntegerField()
    done = pw.BigIntegerField()
    error = pw.TextField(default="")

    class Meta:
        table_name = "wecom_stretch"


class WecomSend(BrandModel):
    """A group send (企业群发): what is said to whom; its run is outreach's."""

    id = pw.BigAutoField()
    code = pw.TextField()
    content = pw.TextField()
    expression = pw.TextField()
    actor = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "wecom_send"


class WecomErrand(BrandModel):
    """A task that WeCom made for staff; ``next_at`` is when its results are asked for, null once they are complete."""

    id = pw.BigAutoField()
    msgid = pw.TextField()
    customers = pw.BigIntegerField()
    made_at = InstantField()
    next_at = InstantField(null=True)
    error = pw.TextField()

    class Meta:
        table_name = "wecom_errand"


class WecomLink(BrandModel):
    """An acquisition link (获客链接), see :mod:`.links`; ``code`` is the brand's name for it, ``link_id`` WeCom's.

    ``staff`` and ``departments`` answer it (JSON); ``state_told`` is the
    ``customer_channel`` of its own address. ``asked_at`` is when WeCom was asked to
    make it, ``next_at`` when the job looks at it again (null: not by itself).
    ``cursor`` and ``read_at`` are of the customers read from WeCom, ``counted_at`` is when they were last read to
    the end. ``activity`` is what
    people come for, from ``starts_at`` to before ``ends_at``; a link of another plugin has none here.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    name = pw.TextField()
    staff = pw.TextField()
    departments = pw.TextField()
    skip_verify = pw.BigIntegerField()
    state_told = pw.TextField()
    state = pw.TextField()
    paused = pw.BigIntegerField()
    note = pw.TextField()
    link_id = pw.TextField(null=True)
    url = pw.TextField()
    actor = pw.TextField()
    at = InstantField()
    asked_at = InstantField()
    next_at = InstantField(null=True)
    cursor = pw.TextField()
    read_at = InstantField(null=True)
    activity = pw.TextField(default="")
    starts_at = InstantField(null=True)
    ends_at = InstantField(null=True)
    counted_at = InstantField(null=True)

    class Meta:
        table_name = "wecom_link"


class WecomLinkQuota(BrandModel):
    """How many customers links may still bring, as WeCom told it at ``at`` (one row)."""

    id = pw.BigAutoField()
    total = pw.BigIntegerField()
    balance = pw.BigIntegerField()
    at = InstantField()

    class Meta:
        table_name = "wecom_link_quota"


class WecomInvite(BrandModel):
    """An invitation (获客链接邀请): what is said, and by which link people come; its run is outreach's."""

    id = pw.BigAutoField()
    code = pw.TextField()
    link = pw.TextField()
    text = pw.TextField()
    channel = pw.TextField()
    expression = pw.TextField()
    actor = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "wecom_invite"


class WecomArchive(BrandModel):
    """How far the chat archive was read (one row): ``seq`` is the last record that was taken, see :mod:`.archive`."""

    id = pw.BigAutoField()
    seq = pw.BigIntegerField()
    lease_until = InstantField()
    error = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "wecom_archive"


class WecomUnread(BrandModel):
    """A record of the archive that could not be read: its number and why, nothing of what it says."""

    id = pw.BigAutoField()
    seq = pw.BigIntegerField()
    note = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "wecom_unread"


class WecomSettling(BrandModel):
    """The corporation's tags ``keys`` (JSON) changed: relations up to the id ``place`` have been looked at."""

    id = pw.BigAutoField()
    keys = pw.TextField()
    place = pw.BigIntegerField()

    class Meta:
        table_name = "wecom_settling"


class WecomFile(BrandModel):
    """A file for messages, once by ``digest`` (SHA-256); ``data`` is its bytes in base64."""

    id = pw.BigAutoField()
    digest = pw.TextField()
    kind = pw.TextField()
    name = pw.TextField()
    size = pw.BigIntegerField()
    data = pw.TextField()
    actor = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "wecom_file"


class WecomMedia(BrandModel):
    """The id of a file in WeCom, for a ``scene`` (message or moment), good ``until`` then."""

    id = pw.BigAutoField()
    digest = pw.TextField()
    scene = pw.TextField()
    media_id = pw.TextField()
    until = InstantField()

    class Meta:
        table_name = "wecom_media"


MODELS = (
    WecomCallback, WecomNamed, WecomFollow, WecomToken, WecomApi, WecomTask, WecomTag, WecomMark, WecomWelcome,
    WecomSync, WecomStretch, WecomSend, WecomErrand, WecomLink, WecomLinkQuota, WecomInvite, WecomArchive,
    WecomUnread, WecomSettling, WecomFile, WecomMedia,
)  # fmt: skip
