"""Making and deleting acquisition links (获客链接): what the job does, a link at a time.

A making whose answer was lost is looked up in WeCom's list, where the name ends with
our number: found it is taken over, and made again only when it is certainly not there.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scrm_core.api import execute, transactional

from .client.codes import AWAY, BUSY, CROWDED, LATER, UNCERTAIN, Limited, WecomError
from .links import COLUMNS, AcquisitionLink, link_of

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .client.answers import LinkInfo
    from .client.api import Api

SOON_MS, LEASE_MS, ROUND = 60_000, 120_000, 20
SKEW_S = 300
"""How far WeCom's clock may be behind ours when it dates a link that we had made."""

NO_SUCH = frozenset({40058, 40063})
_URL = re.compile(r"https?://[!-\[\]-~]{4,190}\Z")


class LinkMaking:
    """Makes, looks up and deletes links of one brand; use it outside transactions."""

    def __init__(self, brand: Brand, api: Api) -> None:
        self.brand = brand
        self._api = api

    def run(self) -> int:
        """Make, look up and delete what waits; returns how many links moved on."""
        rows = execute(
            f"SELECT {COLUMNS} FROM wecom_link WHERE next_at <= ? ORDER BY next_at, id LIMIT ?",
            (self.brand.now(), ROUND),
        ).fetchall()
        return sum(self._settle(link_of(row)) for row in rows)

    def settle_now(self, link: AcquisitionLink) -> int:
        """Do what one link waits for, if it is due; as :meth:`run`."""
        row = execute(
            f"SELECT {COLUMNS} FROM wecom_link WHERE id = ? AND next_at <= ?", (link.id, self.brand.now())
        ).fetchone()
        return self._settle(link_of(row)) if row is not None else 0

    def _settle(self, link: AcquisitionLink) -> int:
        if link.state == "waiting":
            return self._make(link)
        if link.state in ("making", "unknown"):
            return self._look_up(link)
        return self._remove(link) if link.state == "deleting" else 0

    def _make(self, link: AcquisitionLink) -> int:
        now = self.brand.now()
        if not self._move(link, "waiting", "making", next_at=now + LEASE_MS, asked_at=now):
            return 0
        link = replace(link, asked_at=now)
        try:
            made = self._api.make_link(link.told_name, link.staff, link.departments, link.skip_verify)
        except WecomError as error:
            if isinstance(error, Limited) or error.kind in (AWAY, CROWDED, LATER):
                later = error.until if isinstance(error, Limited) else now + SOON_MS
                self._move(link, "making", "waiting", note=str(error), next_at=later)
            elif error.kind in (UNCERTAIN, BUSY):
                self._move(link, "making", "unknown", note=str(error), next_at=now + LEASE_MS)
            else:
                self._move(link, "making", "failed", note=str(error))
            return 0
        return self._is_made(link, "making", made)

    def _is_made(self, link: AcquisitionLink, old: str, made: LinkInfo) -> int:
        if not _URL.match(made.url) or not urlsplit(made.url).hostname:
            return self._move(link, old, "failed", note="WeCom answered no address for it", link_id=made.id)
        return self._move(link, old, "live", link_id=made.id, url=made.url)

    def _look_up(self, link: AcquisitionLink) -> int:
        """What became of a making without an answer: every link of WeCom's list that is none of ours is looked at."""
        now = self.brand.now()
        try:
            ours = {row[0] for row in execute("SELECT link_id FROM wecom_link WHERE link_id IS NOT NULL").fetchall()}
            found = [
                info
                for info in (self._api.link(each) for each in self._api.links() if each not in ours)
                if info.name == link.told_name and info.created >= link.asked_at // 1_000 - SKEW_S
            ]
        except WecomError as error:
            later = error.until if isinstance(error, Limited) else now + SOON_MS
            return self._move(link, link.state, "unknown", note=str(error), next_at=later)
        if len(found) == 1:
            return self._is_made(link, link.state, found[0])
        if found:
            return self._move(link, link.state, "failed", note=f"WeCom has several links called {link.told_name!r}")
        return self._move(link, link.state, "waiting", note="it was not made; it is made now", next_at=now)

    def _remove(self, link: AcquisitionLink) -> int:
        assert link.link_id is not None
        try:
            self._api.remove_link(link.link_id)
        except WecomError as error:
            if error.errcode not in NO_SUCH:
                later = error.until if isinstance(error, Limited) else self.brand.now() + SOON_MS
                self._move(link, "deleting", "deleting", note=str(error), next_at=later)
                return 0
        return self._move(link, "deleting", "deleted")

    @transactional
    def _move(self, link: AcquisitionLink, old: str, new: str, *, next_at: int | None = None, **more: Any) -> int:
        columns = {"state": new, "next_at": next_at, "note": "", **more}
        columns["note"] = str(columns["note"])[:500]
        names = ", ".join(f"{name} = ?" for name in columns)
        changed = execute(
            f"UPDATE wecom_link SET {names} WHERE id = ? AND state = ? AND asked_at = ?",
            (*columns.values(), link.id, old, link.asked_at),
        )
        return int(changed.rowcount)
