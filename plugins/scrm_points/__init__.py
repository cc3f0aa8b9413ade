"""Points 积分: an append-only ledger that orders fill and refunds reverse."""

from __future__ import annotations

from scrm_core.api import Plugin


class Points(Plugin):
    """Points 积分: an append-only ledger that orders fill and refunds reverse."""

    name = "points"
    version = "0.1.0"
    summary = "Points 积分: an append-only ledger that orders fill and refunds reverse"
    requires_core = ">=0.1.0.dev0,<1"
