"""Everything a plugin may import from the framework, and nothing else.

Names listed in ``__all__`` are public: they change with a changelog entry.
Models are for foreign keys and reading; only services write core tables.
"""

from .brands import Brand, current_brand, current_plugin
from .cli.output import json_option
from .cli.session import Session as CommandSession
from .clock import day_start, from_instant, iso, local_instant, to_instant
from .db import BrandModel, InstantField, JSONField, MinorField, buffered, transactional
from .db.bulk import execute, fetch_in, insert_model_rows, insert_rows
from .errors import Conflict, Forbidden, Invalid, NotFound, PluginError, ScrmError, Veto
from .facts import (
    ContactMerged,
    LeadCaptured,
    LeadDraft,
    LinkVisited,
    MetricsQuery,
    MetricValue,
    OrderDraft,
    OrderLineFact,
    OrderPaid,
    PersonQuery,
    RefundMade,
    RewardOrder,
    TagAdded,
    TagRemoved,
)
from .hooks import hookimpl
from .intake.csvfile import CsvFile
from .intake.csvfile import Reject as CsvReject
from .models import Channel, Contact, ContactTag, Link, Order, OrderLine, Product, Tag, Visit
from .plugin import Column, Job, Metric, Plugin, Report, ReportTable, SegmentField, permission

__all__ = [
    "Brand",
    "BrandModel",
    "Channel",
    "Column",
    "CommandSession",
    "Conflict",
    "Contact",
    "ContactMerged",
    "ContactTag",
    "CsvFile",
    "CsvReject",
    "Forbidden",
    "InstantField",
    "Invalid",
    "JSONField",
    "Job",
    "LeadCaptured",
    "LeadDraft",
    "Link",
    "LinkVisited",
    "Metric",
    "MetricValue",
    "MetricsQuery",
    "MinorField",
    "NotFound",
    "Order",
    "OrderDraft",
    "OrderLine",
    "OrderLineFact",
    "OrderPaid",
    "PersonQuery",
    "Plugin",
    "PluginError",
    "Product",
    "RefundMade",
    "Report",
    "ReportTable",
    "RewardOrder",
    "ScrmError",
    "SegmentField",
    "Tag",
    "TagAdded",
    "TagRemoved",
    "Veto",
    "Visit",
    "buffered",
    "current_brand",
    "current_plugin",
    "day_start",
    "execute",
    "fetch_in",
    "from_instant",
    "hookimpl",
    "insert_model_rows",
    "insert_rows",
    "iso",
    "json_option",
    "local_instant",
    "permission",
    "to_instant",
    "transactional",
]
