"""The endpoints of the platform, each a function of a call; importing this package fills the table.

Every function names the section of ``wecom`` (and the page of the platform's
documentation there) whose rules it follows.
"""

from __future__ import annotations

from . import (
    acquisition,
    agreements,
    contact_ways,
    customers,
    directory,
    group_sends,
    groups,
    media,
    moments,
    tags,
    transfers,
    welcome,
)
from .call import ENDPOINTS, Call, Endpoint

__all__ = [
    "ENDPOINTS", "Call", "Endpoint", "acquisition", "agreements", "contact_ways", "customers", "directory",
    "group_sends", "groups", "media", "moments", "tags", "transfers", "welcome",
]  # fmt: skip
