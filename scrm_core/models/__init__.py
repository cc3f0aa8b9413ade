"""Core tables. Only ``scrm_core.services``, ``eventlog`` and ``delivery`` write them.

The tables are created by ``scrm_core/migrations``; a test holds both equal.
Every integer is 64-bit, flags are 0 or 1, text has no length in the database
(limits are checked where text comes in).
"""

from .contacts import (
    ChatGroup,
    Consent,
    Contact,
    ContactMerge,
    Erasure,
    GroupMember,
    Identity,
    Membership,
    Suppression,
    Touch,
)
from .engine import (
    ApiKey,
    Audit,
    Event,
    Idempotency,
    ImportRun,
    JobRun,
    Meta,
    Parked,
    PluginCursor,
)
from .marketing import (
    Channel,
    Experiment,
    Exposure,
    Link,
    MetricDay,
    Outcome,
    Reward,
    Segment,
    Visit,
)
from .orders import Order, OrderLine, Product, ProductAttribute, Refund
from .tags import ContactTag, Tag, TagGroup, TagRetirement

CORE_MODELS = (
    Meta,
    Contact,
    Identity,
    ContactMerge,
    Consent,
    Suppression,
    Erasure,
    Touch,
    TagGroup,
    Tag,
    ContactTag,
    TagRetirement,
    Product,
    ProductAttribute,
    Order,
    OrderLine,
    Refund,
    ChatGroup,
    GroupMember,
    Membership,
    Channel,
    Link,
    Visit,
    Reward,
    Segment,
    Experiment,
    Exposure,
    Outcome,
    MetricDay,
    ApiKey,
    Idempotency,
    Audit,
    Event,
    PluginCursor,
    Parked,
    JobRun,
    ImportRun,
)

__all__ = [model.__name__ for model in CORE_MODELS] + ["CORE_MODELS"]
