"""The brand-routed database: a brand is a database, a query outside a brand raises.

``brand_db`` is the one peewee database object that every model is bound to. It
resolves to the database of the brand entered with :func:`in_brand` and never
to anything else.
"""

from .base import BrandModel, InstantField, JSONField, MinorField
from .group import group_of
from .router import BrandHandle, brand_db, current_handle, in_brand, leaving_none_open, transactional
from .unit import Unit, buffered, current_unit, delivery_transaction

__all__ = [
    "BrandHandle",
    "BrandModel",
    "InstantField",
    "JSONField",
    "MinorField",
    "Unit",
    "brand_db",
    "buffered",
    "current_handle",
    "current_unit",
    "delivery_transaction",
    "group_of",
    "in_brand",
    "leaving_none_open",
    "transactional",
]
