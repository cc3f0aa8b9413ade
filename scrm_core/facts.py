"""What happened, as frozen values: one class per ``on_*`` hook and per inline hook.

Every fact is ids and values, never a live row. Times (``at``, ``paid_at``) are
instants: integer milliseconds since the epoch, UTC. Money (``*_minor``) is
integer minor units of the brand's currency. Adding a field is compatible.

Facts of ``on_*`` hooks begin with the same four fields: ``event_id`` (unique
and stable per brand: use it as an idempotency key), ``at`` (when it happened),
``backfill`` (written by an import of history) and ``contact_id``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fact:
    """The fields every event fact has."""

    event_id: int
    at: int
    backfill: bool
    contact_id: int | None


@dataclass(frozen=True, slots=True)
class LeadCaptured(Fact):
    """A person became a lead (加好友、留资) through a channel.

    ``lead`` identifies this lead (``source`` + the caller's reference);
    ``is_new`` is true for the contact's first lead by the order of arrival;
    ``state`` is the raw state or code that came with the lead, ``channel`` and
    ``link`` what it resolved to; ``fields`` are further texts given with it,
    for example a card's serial.
    """

    lead: str = ""
    source: str = ""
    is_new: bool = False
    state: str = ""
    channel: str = ""
    link: str = ""
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TagAdded(Fact):
    """A contact got a tag it did not have. ``origin``: synced, manual or auto."""

    tag_id: int = 0
    group: str = ""
    tag: str = ""
    origin: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class TagRemoved(Fact):
    """A contact lost a tag (also when an S-level value was replaced)."""

    tag_id: int = 0
    group: str = ""
    tag: str = ""
    origin: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class OrderLineFact:
    """A line of an order; ``gift`` lines are not goods."""

    sku: str
    qty: int
    paid_minor: int
    gift: bool = False


@dataclass(frozen=True, slots=True)
class OrderPaid(Fact):
    """An order was paid, seen for the first time as such; ``at`` is the time of payment.

    ``contact_id`` is None while the buyer is unknown. ``zero`` orders
    (``paid_minor`` 0) are delivered too; a plugin decides whether they count.
    """

    order_id: int = 0
    source: str = ""
    number: str = ""
    platform: str = ""
    paid_minor: int = 0
    items: int = 0
    lines: tuple[OrderLineFact, ...] = ()


@dataclass(frozen=True, slots=True)
class RefundMade(Fact):
    """Money went back for an order. ``total_minor`` is the order's refunds so far."""

    order_id: int = 0
    source: str = ""
    number: str = ""
    refund: str = ""
    amount_minor: int = 0
    total_minor: int = 0
    full: bool = False


@dataclass(frozen=True, slots=True)
class LinkVisited(Fact):
    """A person (not a bot) opened a short link or scanned its code."""

    visit_id: int = 0
    link_id: int = 0
    code: str = ""
    channel: str = ""
    variant: str = ""
    owner: str = ""
    campaign: str = ""
    visitor: str = ""


@dataclass(frozen=True, slots=True)
class MessageStatus(Fact):
    """A message came to an end, or nobody can say whether it was sent (``unknown``).

    ``message`` is its uid; ``run`` the code of its run and ``owner`` the plugin the run
    belongs to; ``status`` delivered, failed, expired or unknown; ``code`` the gateway's.
    """

    message: str = ""
    message_id: int = 0
    owner: str = ""
    run: str = ""
    channel: str = ""
    kind: str = ""
    status: str = ""
    code: str = ""
    reason: str = ""
    arm: str = ""


@dataclass(frozen=True, slots=True)
class MessageReceived(Fact):
    """Somebody wrote to the brand; ``answers`` is the uid of the last message sent to them, or empty."""

    message_in_id: int = 0
    channel: str = ""
    to: str = ""
    text: str = ""
    answers: str = ""


@dataclass(frozen=True, slots=True)
class ContactMerged(Fact):
    """Two contacts turned out to be one person, or (``undone``) turned out not to be.

    ``contact_id`` is the contact that stays (the winner).
    """

    merge_id: int = 0
    winner_id: int = 0
    loser_id: int = 0
    undone: bool = False


@dataclass(frozen=True, slots=True)
class MemberJoined(Fact):
    """A contact became a member (入会). ``identity`` is the member's number or status, ``source`` where it joined."""

    identity: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class PluginEvent(Fact):
    """A plugin told what happened in its own field; ``fields`` are the values it documents.

    ``plugin`` is the name of the plugin that told it, ``name`` the event's, for example ``checked-in``.
    """

    plugin: str = ""
    name: str = ""
    fields: dict[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartnerMessage(Fact):
    """A brand that is a partner of this one sent a message; ``at`` is when it came.

    ``partner`` is its name in this brand's file, ``kind`` what its sender calls it, for
    example ``swap.offer``, ``body`` a JSON object, ``id`` the message's own: a message
    that is sent again keeps it and is told once.
    """

    partner: str = ""
    kind: str = ""
    id: str = ""
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeadDraft:
    """A lead about to be written; ``identities`` are (kind, namespace, value)."""

    at: int
    source: str
    state: str
    identities: tuple[tuple[str, str, str], ...]
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """An order about to be written for the first time."""

    source: str
    number: str
    platform: str
    status: str
    paid_at: int | None
    paid_minor: int
    contact_id: int | None


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """A message about to be sent, as its recipient will see it; ``parts`` is how many it is billed as."""

    channel: str
    kind: str
    owner: str
    run: str
    contact_id: int | None
    address: str
    body: str
    parts: int


@dataclass(frozen=True, slots=True)
class MetricsQuery:
    """Days [first_day, last_day] in the brand's zone, as ``date.toordinal()``."""

    first_day: int
    last_day: int


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One value of a declared metric for one day and dimension (for example a channel code)."""

    metric: str
    day: int
    value: int
    dimension: str = ""


@dataclass(frozen=True, slots=True)
class PersonQuery:
    """The contact whose personal data is asked for, with all contacts merged into it."""

    contact_id: int
    contact_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """The order of which somebody asks what came of it."""

    order_id: int


@dataclass(frozen=True, slots=True)
class OrderEffect:
    """Something that a plugin did because of an order, or took back: shown beside the order, never computed with.

    ``title`` says it in both languages, as titles of columns do. ``amount`` is what came (above 0) or
    went (below), in ``unit``: money (minor units), points or count; None where
    nothing is counted. ``detail`` is a name of one's own, such as a tag or a reason.
    """

    at: int
    title: str
    amount: int | None = None
    unit: str = "count"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ExperimentQuery:
    """The experiment, one that the plugin owns, of which somebody asks what its arms brought."""

    name: str


@dataclass(frozen=True, slots=True)
class ExperimentMeasure:
    """One thing by which arms are compared: counts alone, from which the core tells shares and whether one won.

    ``title`` says it in both languages, as titles of columns do. ``counts`` is (arm, people it is a share of, those
    who did it) for each arm. ``met`` is how many met each arm, in that order, to be held against the
    planned ratio; empty where the people of ``counts`` are those.
    """

    title: str
    counts: tuple[tuple[str, int, int], ...]
    met: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RewardItem:
    """What an issuer knows of an item: how people call it, and why nobody gets another (``ended``), or nothing."""

    title: str = ""
    ended: str = ""


@dataclass(frozen=True, slots=True)
class RewardOrder:
    """A reward to issue: what ``grant_key`` is unique for, whom it goes to, which one of its kind and how many.

    ``item`` says which one: a coupon's batch, a SKU; empty where a kind has only one. A
    grant goes to an active contact, who is not merged or erased until the transaction ends.
    """

    reward_id: int
    kind: str
    contact_id: int
    quantity: int
    grant_key: str
    reason: str
    at: int
    issued: dict[str, Any] | None = None
    item: str = ""


# Event type in the log -> (fact class, hook that receives it).
EVENT_TYPES: dict[str, tuple[type[Fact], str]] = {
    "lead.captured": (LeadCaptured, "on_lead"),
    "tag.added": (TagAdded, "on_tag"),
    "tag.removed": (TagRemoved, "on_untag"),
    "order.paid": (OrderPaid, "on_order"),
    "order.refunded": (RefundMade, "on_refund"),
    "link.visited": (LinkVisited, "on_visit"),
    "message.status": (MessageStatus, "on_message_status"),
    "message.received": (MessageReceived, "on_message_in"),
    "contact.merged": (ContactMerged, "on_contact_merged"),
    "member.joined": (MemberJoined, "on_member"),
    "plugin.event": (PluginEvent, "on_event"),
    "partner.message": (PartnerMessage, "on_partner_message"),
}
