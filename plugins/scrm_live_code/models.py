"""Tables of the plugin: staff, codes, who sits at which code, what each took a day, and who was sent to whom."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Channel, Contact, InstantField


class LiveCodePersona(BrandModel):
    """A persona (人设): ``kind`` of account, and ``profile``, the texts of its checklist by item (JSON)."""

    id = pw.BigAutoField()
    code = pw.TextField(unique=True)
    name = pw.TextField()
    kind = pw.TextField()
    profile = pw.TextField()
    actor = pw.TextField()

    class Meta:
        table_name = "live_code_persona"


class LiveCodeStaff(BrandModel):
    """A member of staff who receives people: ``userid`` (in WeCom theirs), and what their own QR code says.

    ``daily_cap`` is how many people a day they take over all codes; ``left_at`` is when they left.
    """

    id = pw.BigAutoField()
    userid = pw.TextField(unique=True)
    name = pw.TextField()
    address = pw.TextField()
    daily_cap = pw.BigIntegerField(constraints=[pw.Check("daily_cap >= 0")])
    left_at = InstantField(null=True)
    actor = pw.TextField()
    persona = pw.ForeignKeyField(LiveCodePersona, null=True)

    class Meta:
        table_name = "live_code_staff"


class LiveCode(BrandModel):
    """The code of a channel, one to one: ``link`` is the short link that is printed, and never changes.

    ``state``: draft, live or paused (``note`` says why). ``activity`` is what people
    come for, from ``starts_at`` to before ``ends_at``.
    """

    id = pw.BigAutoField()
    channel = pw.ForeignKeyField(Channel, unique=True)
    link = pw.TextField(unique=True)
    title = pw.TextField()
    activity = pw.TextField()
    starts_at = InstantField(null=True)
    ends_at = InstantField(null=True)
    state = pw.TextField()
    note = pw.TextField()
    place = pw.TextField(default="")
    store = pw.TextField(default="")
    sharer_role = pw.TextField(default="")
    sharer = pw.TextField(default="")
    actor = pw.TextField()
    created_at = InstantField()

    class Meta:
        table_name = "live_code_code"


class LiveCodeAsk(BrandModel):
    """Somebody was asked by their phone: actively by ``staff``, or passively by a link; see :mod:`.asks`."""

    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    mode = pw.TextField()
    code = pw.ForeignKeyField(LiveCode)
    staff = pw.TextField()
    day = pw.BigIntegerField()
    at = InstantField()
    added_at = InstantField(null=True)
    actor = pw.TextField()

    class Meta:
        table_name = "live_code_ask"
        indexes = ((("contact", "mode", "code", "day"), True), (("at",), False))


class LiveCodeSeat(BrandModel):
    """A member of staff at a code: ``role`` is main or backup, ``hours`` the rota as text (empty: always)."""

    id = pw.BigAutoField()
    code = pw.ForeignKeyField(LiveCode)
    staff = pw.ForeignKeyField(LiveCodeStaff)
    role = pw.TextField()
    hours = pw.TextField()

    class Meta:
        table_name = "live_code_seat"
        indexes = ((("code", "staff"), True),)


class LiveCodeLoad(BrandModel):
    """How many people a member of staff took on a day of the brand's zone (``date.toordinal()``)."""

    id = pw.BigAutoField()
    staff = pw.ForeignKeyField(LiveCodeStaff)
    day = pw.BigIntegerField()
    taken = pw.BigIntegerField(constraints=[pw.Check("taken >= 0")])

    class Meta:
        table_name = "live_code_load"
        indexes = ((("staff", "day"), True),)


class LiveCodeNetwork(BrandModel):
    """How many places browsers of a network (a keyed hash) took on a day; kept for two days."""

    id = pw.BigAutoField()
    network = pw.TextField()
    day = pw.BigIntegerField()
    taken = pw.BigIntegerField(constraints=[pw.Check("taken >= 0")])

    class Meta:
        table_name = "live_code_network"
        indexes = ((("network", "day"), True), (("day",), False))


class LiveCodePlace(BrandModel):
    """Who was sent to whom by a code: a browser (a keyed hash), and the contact where one was signed in."""

    id = pw.BigAutoField()
    code = pw.ForeignKeyField(LiveCode)
    visitor = pw.TextField()
    contact = pw.ForeignKeyField(Contact, null=True)
    staff = pw.ForeignKeyField(LiveCodeStaff, null=True)
    role = pw.TextField()
    at = InstantField()
    day = pw.BigIntegerField()
    persona = pw.ForeignKeyField(LiveCodePersona, null=True)

    class Meta:
        table_name = "live_code_place"
        indexes = ((("code", "visitor"), True), (("visitor",), False))


class LiveCodePeak(BrandModel):
    """How many people a code's peak day is expected to bring."""

    id = pw.BigAutoField()
    code = pw.ForeignKeyField(LiveCode, unique=True)
    people = pw.BigIntegerField(constraints=[pw.Check("people > 0")])
    actor = pw.TextField()

    class Meta:
        table_name = "live_code_peak"


class LiveCodeAdd(BrandModel):
    """Somebody came by a code, once per lead; ``staff`` is who they added, where that was told.

    ``at`` is when they asked for it; the other instants are the first of their kind
    since (see :mod:`.reception`), and ``ended_by`` who ended it. ``found_at`` is when an
    add was written down that nobody had told of: its times are not known.
    """

    id = pw.BigAutoField()
    lead = pw.TextField(unique=True)
    code = pw.ForeignKeyField(LiveCode)
    contact = pw.ForeignKeyField(Contact)
    staff = pw.ForeignKeyField(LiveCodeStaff, null=True)
    at = InstantField()
    day = pw.BigIntegerField()
    approved_at = InstantField(null=True)
    spoke_at = InstantField(null=True)
    replied_at = InstantField(null=True)
    tagged_at = InstantField(null=True)
    ordered_at = InstantField(null=True)
    muted_at = InstantField(null=True)
    handed_at = InstantField(null=True)
    found_at = InstantField(null=True)
    ended_at = InstantField(null=True)
    ended_by = pw.TextField(default="")
    persona = pw.ForeignKeyField(LiveCodePersona, null=True)

    class Meta:
        table_name = "live_code_add"
        indexes = ((("at",), False),)


class LiveCodeWay(BrandModel):
    """A code's contact way, or (``kind`` link) acquisition link: who made it (a plugin), and its id there.

    ``qr`` is the address that it has, ``users`` who answers it (JSON), as last told.

    ``state``: wanted, making (nobody knows yet), made or failed; ``note`` is what was refused last.
    """

    id = pw.BigAutoField()
    code = pw.ForeignKeyField(LiveCode, index=False)
    kind = pw.TextField(default="way")
    maker = pw.TextField()
    config_id = pw.TextField()
    qr = pw.TextField()
    users = pw.TextField()
    state = pw.TextField()
    note = pw.TextField()
    actor = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "live_code_way"
        indexes = ((("code", "kind"), True),)


class LiveCodeExposure(BrandModel):
    """How many people of a day were shown a persona elsewhere than by a code's page."""

    id = pw.BigAutoField()
    persona = pw.ForeignKeyField(LiveCodePersona)
    day = pw.BigIntegerField()
    people = pw.BigIntegerField(constraints=[pw.Check("people >= 0")])

    class Meta:
        table_name = "live_code_exposure"
        indexes = ((("persona", "day"), True),)


MODELS = (
    LiveCodePersona, LiveCodeExposure, LiveCodeStaff,
    LiveCode, LiveCodeAsk, LiveCodeSeat, LiveCodeLoad, LiveCodeNetwork, LiveCodePlace, LiveCodePeak, LiveCodeAdd,
    LiveCodeWay,
)  # fmt: skip
