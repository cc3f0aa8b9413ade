"""What the plugin does in one brand."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import PersonQuery, fetch_in, iso, transactional

from . import callbacks
from .callbacks import Inbox
from .changes import Changes

if TYPE_CHECKING:
    from scrm_core.api import Brand

DAY_MS = 86_400_000


class Wecom:
    """One brand's dealings with its corporation in WeCom."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    @cached_property
    def inbox(self) -> Inbox:
        """What WeCom calls back; only where ``callback_token`` is set."""
        return Inbox(self.brand, self.settings)

    @cached_property
    def changes(self) -> Changes:
        """What callbacks do."""
        return Changes(self.brand)

    def tidy(self) -> int:
        """Remove callbacks that are older than the setting says, page by page; returns how many."""
        before, removed = self.brand.now() - self.settings["keep_callbacks_days"] * DAY_MS, 0
        while page := self._forget(before):
            removed += page
        return removed

    @transactional
    def _forget(self, before: int) -> int:
        return callbacks.forget(before)

    # People -------------------------------------------------------------------

    def personal(self, query: PersonQuery) -> list[dict[str, Any]]:
        """The callbacks about a person; their relations are told by the foreign key."""
        rows = fetch_in(
            "SELECT event, change, body, received_at FROM wecom_callback WHERE external IN ({in}) ORDER BY id",
            externals_of(query),
        )
        return [
            {"event": event, "change": change, "body": body, "received_at": iso(at, self.brand.zone)}
            for event, change, body, at in rows
        ]

    @transactional
    def erase(self, query: PersonQuery) -> None:
        """Take the person out of the callbacks."""
        callbacks.blank(externals_of(query))


def externals_of(query: PersonQuery) -> list[str]:
    """The external user ids that a person has or had."""
    ids = list(query.contact_ids)
    rows = fetch_in("SELECT value FROM identity WHERE kind = 'external_userid' AND contact_id IN ({in})", ids)
    rows += fetch_in("SELECT external FROM wecom_follow WHERE contact_id IN ({in})", ids)
    return sorted({row[0] for row in rows})
