"""Everything a plugin may import from the framework, and nothing else.

Names listed in ``__all__`` are public: they change with a changelog entry.
Models are for foreign keys and reading; only services write core tables.
``surfaces`` is a module: what platforms forbid on which surface.
"""

from typing import Any

from .brands import Brand, current_actor, current_brand, current_plugin
from .carts import Cart, CartDiscount, CartLine, CartRefusal
from .cli.options import actor_option, of_brand, paged
from .cli.output import json_option
from .cli.people import find_contact
from .cli.session import Session as CommandSession
from .clock import day_start, from_instant, iso, local_instant, month_starts, to_instant, whole_days
from .consumers import Consumer, SignInNeeded, VerifiedIdentity
from .db import BrandModel, InstantField, JSONField, MinorField, buffered, transactional
from .db.bulk import execute, fetch_in, insert_model_rows, insert_returning, insert_rows
from .db.faults import is_fault
from .errors import (
    ConfigError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    PluginError,
    ScrmError,
    TooMany,
    Unauthorized,
    Veto,
)
from .facts import (
    ContactMerged,
    ExperimentMeasure,
    ExperimentQuery,
    LeadCaptured,
    LeadDraft,
    LinkVisited,
    MemberJoined,
    MessageDraft,
    MessageReceived,
    MessageStatus,
    MetricsQuery,
    MetricValue,
    OrderDraft,
    OrderEffect,
    OrderLineFact,
    OrderPaid,
    OrderQuery,
    PartnerMessage,
    PersonQuery,
    PluginEvent,
    RefundMade,
    RewardItem,
    RewardOrder,
    TagAdded,
    TagRemoved,
)
from .hooks import hookimpl
from .intake.csvfile import CsvFile, normalise_header
from .intake.csvfile import Reject as CsvReject
from .intake.dates import date_reader
from .intake.loading import load_body
from .intake.sent_files import PIECE_BYTES as IMPORT_PIECE_BYTES
from .intake.sent_files import SentFile
from .intake.sent_files import mappings as import_mappings
from .limits import LIMITS as _LIMITS
from .models import Channel, Contact, ContactTag, Link, Order, OrderLine, Product, Tag, Visit
from .outreach.types import (
    DispatchOutcome,
    Gateway,
    Inbound,
    MessageBatch,
    MessageView,
    OutMessage,
    QueueOutcome,
    Recipient,
    Rendered,
    RunView,
    SendResult,
    Skipped,
)
from .outreach.words import NOT_SENT
from .plugin import (
    Job,
    Metric,
    Plugin,
    SegmentField,
    Sender,
    SignIn,
    contended,
    permission,
    prepared_by,
)
from .services.channels import ChannelView
from .services.consent import ConsentIn, ConsentView
from .services.contacts import ContactView, IdentityView, MergeView, TouchView
from .services.experiments import ExperimentView
from .services.groups import GroupView, StayView
from .services.leads import LeadIn
from .services.links import LinkView
from .services.membership import MembershipView
from .services.order_types import LineIn, OrderFilter, OrderIn, OrderView, RefundIn
from .services.products import ProductIn, ProductView
from .services.resolving import IdentityIn
from .services.rewards import REWARD_COLUMNS, RewardFilter, RewardView, RewardWanted
from .services.survivors import SAME_PEOPLE, standing
from .services.tag_types import GroupInfo, TagInfo, TagView
from .shown import (
    MENU_GROUPS,
    PANELS,
    Chart,
    Column,
    ConsoleAct,
    ConsolePart,
    ConsoleTemplate,
    Report,
    ReportTable,
)
from .stats import ComparedArm, Interval, ShareTest, compare_arms, sample_ratio, sample_size, wilson
from .values import surfaces
from .values.figures import show_figure
from .values.identities import is_mobile, is_virtual_mobile, normalise_phone
from .values.instants import read_instant
from .values.masking import mask, scrub
from .values.money import exponent_of, format_minor, parse_minor, show_minor
from .values.paging import cut_page, next_after, page_size
from .values.posters import Poster, code_file, code_picture, draw_poster
from .values.shares import allocate
from .values.targets import safe_target
from .values.text import clean_text, csv_cell, folded
from .values.uids import new_uid
from .web.asking import query_number
from .web.console_forms import (
    at_field,
    refusal_in,
    seen_of,
    typed_money,
    typed_percent,
    typed_time,
    worded_by,
)
from .web.console_parts import contained as console_part
from .web.console_parts import perform as console_act
from .web.console_query import ConsoleDone, ConsoleFile, ConsoleQuery
from .web.consumer import (
    consumer,
    consumer_answer,
    consumer_language,
    consumer_page,
    consumer_refusals,
    device,
    need_consumer,
    network,
)
from .web.staff import KeptForm, StaffVisit, any_role, for_visitors, own_transactions, staff_visit

MOST_UPLOAD_BYTES = _LIMITS.upload_bytes
"""The largest file that a page takes."""

__all__ = [
    "IMPORT_PIECE_BYTES",
    "MENU_GROUPS",
    "MOST_UPLOAD_BYTES",
    "NOT_SENT",
    "PANELS",
    "REWARD_COLUMNS",
    "SAME_PEOPLE",
    "Brand",
    "BrandModel",
    "Cart",
    "CartDiscount",
    "CartLine",
    "CartRefusal",
    "Channel",
    "ChannelView",
    "Chart",
    "Column",
    "CommandSession",
    "ComparedArm",
    "ConfigError",
    "Conflict",
    "ConsentIn",
    "ConsentView",
    "ConsoleAct",
    "ConsoleDone",
    "ConsoleFile",
    "ConsolePart",
    "ConsoleQuery",
    "ConsoleTemplate",
    "Consumer",
    "Contact",
    "ContactMerged",
    "ContactTag",
    "ContactView",
    "CsvFile",
    "CsvReject",
    "DispatchOutcome",
    "ExperimentMeasure",
    "ExperimentQuery",
    "ExperimentView",
    "Forbidden",
    "Gateway",
    "GroupInfo",
    "GroupView",
    "IdentityIn",
    "IdentityView",
    "Inbound",
    "InstantField",
    "Interval",
    "Invalid",
    "JSONField",
    "Job",
    "KeptForm",
    "LeadCaptured",
    "LeadDraft",
    "LeadIn",
    "LineIn",
    "Link",
    "LinkView",
    "LinkVisited",
    "MemberJoined",
    "MembershipView",
    "MergeView",
    "MessageBatch",
    "MessageDraft",
    "MessageReceived",
    "MessageStatus",
    "MessageView",
    "Metric",
    "MetricValue",
    "MetricsQuery",
    "MinorField",
    "NotFound",
    "Order",
    "OrderDraft",
    "OrderEffect",
    "OrderFilter",
    "OrderIn",
    "OrderLine",
    "OrderLineFact",
    "OrderPaid",
    "OrderQuery",
    "OrderView",
    "OutMessage",
    "PartnerMessage",
    "PersonQuery",
    "Plugin",
    "PluginError",
    "PluginEvent",
    "Poster",
    "Product",
    "ProductIn",
    "ProductView",
    "QueueOutcome",
    "Recipient",
    "RefundIn",
    "RefundMade",
    "Rendered",
    "Report",
    "ReportTable",
    "RewardFilter",
    "RewardItem",
    "RewardOrder",
    "RewardView",
    "RewardWanted",
    "RunView",
    "ScrmError",
    "SegmentField",
    "SendResult",
    "Sender",
    "SentFile",
    "ShareTest",
    "SignIn",
    "SignInNeeded",
    "Skipped",
    "StaffVisit",
    "StayView",
    "Tag",
    "TagAdded",
    "TagInfo",
    "TagRemoved",
    "TagView",
    "TooMany",
    "TouchView",
    "Unauthorized",
    "VerifiedIdentity",
    "Veto",
    "Visit",
    "actor_option",
    "allocate",
    "any_role",
    "at_field",
    "buffered",
    "clean_text",
    "code_file",
    "code_picture",
    "compare_arms",
    "console_act",
    "console_part",
    "consumer",
    "consumer_answer",
    "consumer_language",
    "consumer_page",
    "consumer_refusals",
    "contended",
    "csv_cell",
    "current_actor",
    "current_brand",
    "current_plugin",
    "cut_page",
    "date_reader",
    "day_start",
    "device",
    "draw_poster",
    "execute",
    "exponent_of",
    "fetch_in",
    "find_contact",
    "folded",
    "for_visitors",
    "format_minor",
    "from_instant",
    "hookimpl",
    "import_mappings",
    "insert_model_rows",
    "insert_returning",
    "insert_rows",
    "is_fault",
    "is_mobile",
    "is_virtual_mobile",
    "iso",
    "json_option",
    "load_body",
    "local_instant",
    "mask",
    "month_starts",
    "need_consumer",
    "network",
    "new_uid",
    "next_after",
    "normalise_header",
    "normalise_phone",
    "of_brand",
    "own_transactions",
    "page_size",
    "paged",
    "parse_minor",
    "permission",
    "prepared_by",
    "query_number",
    "read_instant",
    "refusal_in",
    "safe_target",
    "sample_ratio",
    "sample_size",
    "scrub",
    "seen_of",
    "show_figure",
    "show_minor",
    "staff_visit",
    "standing",
    "surfaces",
    "to_instant",
    "transactional",
    "typed_money",
    "typed_percent",
    "typed_time",
    "whole_days",
    "wilson",
    "worded_by",
]


def __getattr__(name: str) -> Any:
    """Names that are still there for a while; each use is a warning (:mod:`scrm_core.deprecations`)."""
    from .deprecations import named

    return named(name)
