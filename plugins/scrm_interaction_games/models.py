"""Tables of the engine: campaigns, their prizes, who played, tickets, draws, what they were answered."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, JSONField, MinorField


class Campaign(BrandModel):
    """A game with prizes for a time (活动), [``starts_at``, ``ends_at``).

    ``state``: draft, published, paused, ended or revealed; whether a published
    one is waiting, running or over is a matter of the clock. ``definition`` is
    what the brand wrote, without prizes; ``settings`` is the game's own part
    of it. ``spent_minor`` counts prizes granted, held and reserved and never
    passes ``budget_minor`` (null: no budget). ``draws`` counts draws that cost
    a chance where all draws together are limited. ``version`` moves whenever the definition changes.
    ``ruleset`` is the whole of its rules as they were published, in one canonical text, and
    ``rules_hash`` the text's SHA-256. ``moves`` numbers, from 1, everything that took from stock,
    budget or a limit of prizes, or gave back. The seed of its draws lies in a table of its own, so
    that nothing that reads a campaign can show it.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    game = pw.TextField()
    title = pw.TextField()
    surface = pw.TextField()
    state = pw.TextField()
    starts_at = InstantField(null=True)
    ends_at = InstantField()
    rules = pw.TextField(default="")
    organiser = pw.TextField(default="")
    organiser_contact = pw.TextField(default="")
    settings = JSONField()
    definition = JSONField()
    total_weight = pw.BigIntegerField(default=0)
    budget_minor = MinorField(null=True)
    spent_minor = MinorField(default=0)
    draws = pw.BigIntegerField(default=0)
    commitment = pw.TextField(default="")
    table_hash = pw.TextField(default="")
    ruleset = pw.TextField(default="")
    rules_hash = pw.TextField(default="")
    moves = pw.BigIntegerField(default=0)
    version = pw.BigIntegerField(default=1)
    created_by = pw.TextField(default="")
    created_at = InstantField()
    published_at = InstantField(null=True)
    ended_at = InstantField(null=True)
    revealed_at = InstantField(null=True)

    class Meta:
        table_name = "interaction_games_campaign"


class Seed(BrandModel):
    """The server seed of a campaign's draws, as 64 hexadecimal digits: secret until the reveal."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(Campaign)
    seed = pw.TextField()

    class Meta:
        table_name = "interaction_games_seed"


class Prize(BrandModel):
    """A prize (奖品) of a campaign; ``place`` is its place in the cumulative table, from 0.

    ``kind`` is a reward kind, or ``none`` for the explicit "no prize".
    ``value_minor`` is the value of one win (all of ``quantity``), in minor
    units. ``stock_left`` null means without limit; the table refuses less than 0.
    """

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(Campaign)
    code = pw.TextField()
    place = pw.BigIntegerField()
    title = pw.TextField()
    kind = pw.TextField()
    item = pw.TextField(default="")
    quantity = pw.BigIntegerField(default=1)
    value_minor = MinorField(default=0)
    weight = pw.BigIntegerField(default=0)
    stock_total = pw.BigIntegerField(null=True)
    stock_left = pw.BigIntegerField(null=True)
    per_person = pw.BigIntegerField(null=True)
    per_day = pw.BigIntegerField(null=True)
    release = pw.TextField(default="all")
    review = pw.BigIntegerField(default=0)
    fallback = pw.TextField(default="")
    grade = pw.TextField(default="")
    claim_days = pw.BigIntegerField(null=True)

    class Meta:
        table_name = "interaction_games_prize"


class PrizeDay(BrandModel):
    """How often a prize was given on a brand-local day."""

    id = pw.BigAutoField()
    prize = pw.ForeignKeyField(Prize)
    day = pw.BigIntegerField()
    taken = pw.BigIntegerField()

    class Meta:
        table_name = "interaction_games_prize_day"


class Move(BrandModel):
    """What moved stock or budget of a campaign besides draws and awards, which carry their own number.

    ``what``: returned (a win that was taken back or a reservation that ended),
    reserved, stock or budget (added, ``amount``), or erased: the draw or award of
    a person who was erased, of which this is all that is left. ``draw`` is the uid
    of the draw that was returned or erased; ``day`` the brand-local day on which
    the win had been taken.
    """

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(Campaign)
    move = pw.BigIntegerField()
    what = pw.TextField()
    prize = pw.ForeignKeyField(Prize, null=True)
    amount = pw.BigIntegerField(default=1)
    day = pw.BigIntegerField()
    draw = pw.TextField(default="")
    at = InstantField()

    class Meta:
        table_name = "interaction_games_move"


class Player(BrandModel):
    """A person in a campaign: one row, which every write of theirs locks first.

    ``uid`` names the person in the draws' proofs; it stays with the row when
    contacts merge. ``n`` is the number of the last draw. ``draws`` and
    ``day_draws`` (of brand-local day ``day``) count draws that cost a chance;
    ``misses`` counts draws since the last win of the guaranteed grade.
    ``last_win_at`` is kept where a win is followed by a cool-down.
    """

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(Campaign)
    contact = pw.ForeignKeyField(Contact)
    uid = pw.TextField()
    n = pw.BigIntegerField(default=0)
    draws = pw.BigIntegerField(default=0)
    day = pw.BigIntegerField(default=0)
    day_draws = pw.BigIntegerField(default=0)
    misses = pw.BigIntegerField(default=0)
    last_win_at = InstantField(null=True)
    first_at = InstantField()

    class Meta:
        table_name = "interaction_games_player"


class Ticket(BrandModel):
    """An entry of the ledger of chances (抽奖机会); append-only but for ``remaining``.

    ``delta`` is +n for chances given, -1 for one spent, -n for chances revoked
    or expired. ``remaining`` counts what of a positive entry is still there;
    ``lot_id`` is the positive entry that a negative one draws on. The balance
    is the sum of all entries that have not expired.
    """

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(Campaign)
    contact = pw.ForeignKeyField(Contact)
    delta = pw.BigIntegerField()
    remaining = pw.BigIntegerField(default=0)
    lot_id = pw.BigIntegerField(null=True)
    source = pw.TextField()
    key = pw.TextField()
    actor = pw.TextField(default="")
    expires_at = InstantField(null=True)
    at = InstantField()
    day = pw.BigIntegerField()

    class Meta:
        table_name = "interaction_games_ticket"


class Draw(BrandModel):
    """A draw (抽奖), or the award of a certain prize: append-only but for its state.

    ``kind``: draw or award. A draw is number ``n`` of player ``player``; its
    number ``x`` follows from the campaign's seed, so anybody can check it after
    the reveal. ``picked`` is the prize that x points to, ``prize`` the one
    that was given and ``why`` what came between them: sold_out, paced, budget,
    per_day, per_person, cool_down, refused, refused_person, guarantee, fallback, substitute, or nothing.
    ``refused`` are the prizes that their issuers refused at that moment, ``code:refused`` or
    ``code:refused_person`` each, and ``error`` is what the last one said.
    ``counted`` is 0 when the chance was given back. ``move`` is its number among the
    campaign's moves of stock and budget; null when it asked for nothing that is limited.

    ``state``: none, won (to be granted), held (under review), granted, failed
    (granting failed too often) or void. ``deadline`` is when a prize that has to be
    claimed is forfeited. ``score`` and ``signals`` are what the screening said.
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    campaign = pw.ForeignKeyField(Campaign)
    contact = pw.ForeignKeyField(Contact)
    player = pw.TextField()
    kind = pw.TextField()
    n = pw.BigIntegerField(null=True)
    key = pw.TextField()
    client_seed = pw.TextField(default="")
    x = pw.BigIntegerField(null=True)
    picked = pw.TextField(default="")
    prize = pw.ForeignKeyField(Prize, null=True)
    why = pw.TextField(default="")
    state = pw.TextField()
    counted = pw.BigIntegerField(default=1)
    move = pw.BigIntegerField(null=True)
    value_minor = MinorField(default=0)
    reason = pw.TextField(default="")
    reward = pw.TextField(default="")
    error = pw.TextField(default="")
    attempts = pw.BigIntegerField(default=0)
    retry_at = InstantField(null=True)
    deadline = InstantField(null=True)
    claimed_at = InstantField(null=True)
    address = pw.TextField(default="")
    device = pw.TextField(default="")
    network = pw.TextField(default="")
    score = pw.BigIntegerField(default=0)
    signals = JSONField(null=True)
    at = InstantField()
    day = pw.BigIntegerField()
    refused = pw.TextField(null=True)

    class Meta:
        table_name = "interaction_games_draw"


class Review(BrandModel):
    """A person's word on a held prize: approved or rejected, with reason; one per draw and person.

    ``actor`` is the name as it was given, ``person`` what tells the person from
    others: two spellings of one name are one person.
    """

    id = pw.BigAutoField()
    draw = pw.ForeignKeyField(Draw)
    verdict = pw.TextField()
    reason = pw.TextField()
    actor = pw.TextField()
    person = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "interaction_games_review"


class Reservation(BrandModel):
    """Stock and budget of a prize kept for a person until ``until``; ``state``: open, used or released."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(Campaign)
    contact = pw.ForeignKeyField(Contact)
    prize = pw.ForeignKeyField(Prize)
    key = pw.TextField()
    state = pw.TextField()
    until = InstantField()
    at = InstantField()

    class Meta:
        table_name = "interaction_games_reservation"


class Act(BrandModel):
    """What a person did, once per key, and what it was answered: a repeated request gets the first answer."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(Campaign)
    contact = pw.ForeignKeyField(Contact)
    key = pw.TextField()
    action = pw.TextField()
    answer = JSONField(null=True)
    at = InstantField()

    class Meta:
        table_name = "interaction_games_act"


class CampaignLog(BrandModel):
    """Append-only: who did what to a campaign, when and why."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(Campaign)
    what = pw.TextField()
    actor = pw.TextField()
    reason = pw.TextField(default="")
    detail = JSONField()
    at = InstantField()

    class Meta:
        table_name = "interaction_games_log"


ENGINE_MODELS = (
    Campaign, Seed, Prize, PrizeDay, Move, Player, Ticket, Draw, Review, Reservation, Act, CampaignLog,
)  # fmt: skip
