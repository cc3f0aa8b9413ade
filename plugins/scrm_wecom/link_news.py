"""What acquisition links bring (获客链接的客户) and may still bring: WeCom's callbacks, its lists, and what was bought.

Callbacks are hints that may be lost, so the job reads each link's customers once
a day, a page a transaction, and goes on at the page where it was cut off. A pair
that nobody told of is read like any other customer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import Invalid, execute, iso, transactional

from . import tasks
from .client.calls import log
from .client.codes import CALL, DATA, SHAPE, Limited, WecomError
from .links import OWN

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .callbacks import Callback
    from .client.answers import LinkCustomer, LinkQuota
    from .client.api import Api
    from .links import Links

EVENT = "customer_acquisition"
HOUR_MS, DAY_MS, PAGES = 3_600_000, 86_400_000, 20
LOW = 10
"""A balance below one part in so many of what was bought is told as a warning."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How many customers links may still bring, as WeCom told it at ``at``."""

    total: int
    balance: int
    at: int


def quota() -> Quota | None:
    """What was read last; None before."""
    row = execute("SELECT total, balance, at FROM wecom_link_quota ORDER BY id LIMIT 1").fetchone()
    return None if row is None else Quota(*row)


def brought(link_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Per link: relations that began through it as far as they were read, and of how many the customer has written."""
    if not link_ids:
        return {}
    marks = ", ".join("?" * len(link_ids))
    rows = execute(
        f"SELECT link, count(*), sum(spoke) FROM wecom_follow WHERE link > 0 AND link IN ({marks}) GROUP BY link",
        tuple(link_ids),
    ).fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}


class LinkNews:
    """News of one brand's links."""

    def __init__(self, brand: Brand, links: Links) -> None:
        self.brand = brand
        self._links = links

    # Callbacks ----------------------------------------------------------------

    def told(self, found: Callback, fields: Mapping[str, str]) -> str:
        """A callback of ``customer_acquisition`` (dev:97299), in the open transaction; returns its note."""
        if found.change in ("link_unavailable", "delete_link"):
            return self._ended(found.change, fields.get("LinkId", ""))
        if found.change in ("balance_low", "balance_exhausted"):
            execute("UPDATE wecom_link_quota SET at = 0")  # old enough to be read anew at once
            return ""
        if found.change == "customer_start_chat":
            external, staff = fields.get("ExternalUserID", ""), fields.get("UserID", "")
            execute("UPDATE wecom_follow SET spoke = 1 WHERE external = ? AND staff = ?", (external, staff))
            return ""
        return fields.get("State", "")[:200]  # friend_request: the member has not accepted yet

    @staticmethod
    def _ended(change: str, link_id: str) -> str:
        if not link_id:
            raise Invalid("the callback names no LinkId", field="LinkId")
        state, note = (
            ("deleted", "deleted in WeCom's console; make it anew, or delete it here too") if change == "delete_link"
            else ("broken", "WeCom took it out of use; see its members and the console's 获客助手")
        )  # fmt: skip
        changed = execute(
            "UPDATE wecom_link SET state = ?, note = ?, next_at = NULL "
            "WHERE link_id = ? AND state IN ('live', 'broken')",
            (state, note, link_id),
        )
        return "" if changed.rowcount else "no link of ours"

    # The job ------------------------------------------------------------------

    def run(self, api: Api) -> int:
        """Read what is left of what was bought and whom links brought; returns how many customers were read.

        Use it outside transactions. Raises WecomError for the quota alone.
        """
        links = execute(
            "SELECT id, link_id, cursor FROM wecom_link WHERE state IN ('live', 'broken') "
            "AND (read_at IS NULL OR read_at <= ? OR cursor <> '') ORDER BY coalesce(read_at, 0), id LIMIT ?",
            (self.brand.now() - DAY_MS, PAGES),
        ).fetchall()
        self._read_quota(api)
        left, read = PAGES, 0
        for link, link_id, cursor in links:
            while left:
                left -= 1
                try:
                    page = api.link_customers(link_id, cursor)
                except WecomError as error:
                    if not self._links.is_gone(api, link_id, error):
                        self._give_up(link, error)
                    break
                self._take(link, page.customers, page.cursor)
                read, cursor = read + len(page.customers), page.cursor
                if not cursor:
                    break
        return read

    def _read_quota(self, api: Api) -> None:
        known, now = quota(), self.brand.now()
        if known is not None and known.at > now - HOUR_MS:
            return
        if execute("SELECT 1 FROM wecom_link WHERE state = 'live' LIMIT 1").fetchone() is not None:
            self._keep_quota(api.link_quota())

    @transactional
    def _keep_quota(self, told: LinkQuota) -> None:
        execute(
            "INSERT INTO wecom_link_quota (id, total, balance, at) VALUES (1, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
            "SET total = excluded.total, balance = excluded.balance, at = excluded.at",
            (told.total, told.balance, self.brand.now()),
        )

    @transactional
    def _take(self, link: int, customers: Sequence[LinkCustomer], cursor: str) -> None:
        for customer in customers:
            known = execute(
                "UPDATE wecom_follow SET link = ?, spoke = CASE WHEN ? = 1 THEN 1 ELSE spoke END "
                "WHERE external = ? AND staff = ?",
                (link, int(customer.spoke), customer.external, customer.staff),
            )
            if not known.rowcount:
                tasks.want(self.brand, tasks.CUSTOMER, customer.external)
        now = self.brand.now()
        execute(
            "UPDATE wecom_link SET cursor = ?, read_at = ?, counted_at = CASE WHEN ? = '' THEN ? ELSE counted_at END "
            "WHERE id = ?",
            (cursor, now, cursor, now, link),
        )

    @transactional
    def _give_up(self, link: int, error: WecomError) -> None:
        """Go on later at the same page; one that leads no further begins anew tomorrow."""
        log.warning("whom a link brought is read later: %s", error)
        if not isinstance(error, Limited) and error.kind in (CALL, DATA, SHAPE):
            execute("UPDATE wecom_link SET cursor = '', read_at = ? WHERE id = ?", (self.brand.now(), link))

    def warnings(self) -> Iterator[str]:
        """Links that somebody has to look at, and what was bought being nearly used up."""
        for code, state, note in execute(
            "SELECT code, state, note FROM wecom_link WHERE state IN ('failed', 'broken') OR "
            "(state IN ('waiting', 'deleted') AND note <> '') ORDER BY id LIMIT 20"
        ).fetchall():
            yield f"acquisition link {code!r} is {state}: {note}"
        for (code,) in execute(
            "SELECT code FROM wecom_link WHERE starts_at IS NULL AND code NOT LIKE ? "
            "AND state NOT IN ('deleting', 'deleted') ORDER BY id LIMIT 20",
            (f"{OWN}%",),
        ).fetchall():
            yield (
                f"acquisition link {code!r} has no activity, and nothing ends it: a bare add is taken down; "
                "name one by `scrm wecom link activity`"
            )
        left = quota()
        if left is not None and left.balance * LOW < left.total:
            told = iso(left.at, self.brand.zone)
            yield f"acquisition links may bring {left.balance} more customers of {left.total} bought ({told})"
