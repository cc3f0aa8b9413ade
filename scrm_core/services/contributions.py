"""What plugins contributed (插件贡献): orders put down to the plugin that reached the buyer last before they paid.

Counting reads every order of these days with what reached its buyer. Those of a small brand are counted when somebody
asks; of a large one (:data:`LIVE`) the job keeps the whole count with its instant, which every answer tells
(``as_of``). Nothing is added up on the way: a refund, a merge, a late order or an erasure is in the next count.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..clock import MS_PER_DAY, day_start
from ..db import transactional
from ..db.bulk import execute
from ..errors import PluginError

if TYPE_CHECKING:
    from ..brands import Brand

DAYS = 28
"""Days of the brand whose orders count, today included."""

LIVE = 20_000
"""No more orders in these days are counted when asked for."""
EVERY_SECONDS = 600
"""So often those of a large brand are counted: two to four seconds for 200,000 orders."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """Valid orders of :data:`DAYS` days put down to a plugin; the empty name has those put down to none.

    Of ``orders``, ``links``, ``messages`` and ``rewards`` say by which act of the plugin the buyer was reached.
    ``revenue`` is paid less refunded, in minor units. All are None where the plugin is off and reached nobody who
    bought: off is not zero. ``as_of`` is the instant of the count, the same for all plugins.
    """

    as_of: int
    plugin: str
    on: bool
    buyers: int | None = None
    orders: int | None = None
    links: int | None = None
    messages: int | None = None
    rewards: int | None = None
    revenue: int | None = None


# Each order once: of all acts on its buyer within the window before it was paid, the last one. What names no
# plugin, such as a link made by hand, is no act of a plugin. Joins are crossed so that SQLite begins at the few
# orders of these days, and not at all visits or rewards that there are.
_LAST = """
WITH bought AS (
  SELECT id, contact_id, paid_at, paid_minor - refund_minor AS net FROM orders
  WHERE paid_at >= ? AND valid = 1 AND contact_id IS NOT NULL
), reached AS (
  SELECT b.id, b.contact_id, b.net, t.at, 'link' AS way,
    CASE WHEN l.owner <> '' THEN l.owner WHEN c.kind IN ({names}) THEN c.kind ELSE '' END AS plugin
  FROM bought b CROSS JOIN touch t LEFT JOIN link l ON l.id = t.link_id LEFT JOIN channel c ON c.id = t.channel_id
  WHERE t.contact_id = b.contact_id AND t.at < b.paid_at AND t.at >= b.paid_at - ?
  UNION ALL
  SELECT b.id, b.contact_id, b.net, v.at, 'link', l.owner
  FROM bought b CROSS JOIN visit v JOIN link l ON l.id = v.link_id
  WHERE v.contact_id = b.contact_id AND v.at < b.paid_at AND v.at >= b.paid_at - ? AND v.bot = 0
  UNION ALL
  SELECT b.id, b.contact_id, b.net, m.sent_at, 'message', r.owner
  FROM bought b CROSS JOIN message m JOIN outreach_run r ON r.id = m.run_id
  WHERE m.contact_id = b.contact_id AND m.sent_at < b.paid_at AND m.sent_at >= b.paid_at - ?
    AND m.state IN ('sent', 'delivered')
  UNION ALL
  SELECT b.id, b.contact_id, b.net, w.at, 'reward', CASE WHEN w.actor IN ({names}) THEN w.actor ELSE w.issuer END
  FROM bought b CROSS JOIN reward w LEFT JOIN reward back ON back.reverses_id = w.id
  WHERE w.contact_id = b.contact_id AND w.at < b.paid_at AND w.at >= b.paid_at - ? AND w.quantity > 0
    AND back.id IS NULL
), ranked AS (
  SELECT contact_id, net, way, plugin, row_number() OVER (PARTITION BY id ORDER BY at DESC, plugin, way) AS place
  FROM reached WHERE plugin <> ''
)
SELECT plugin, count(DISTINCT contact_id), count(*), count(CASE WHEN way = 'link' THEN 1 END),
  count(CASE WHEN way = 'message' THEN 1 END), count(CASE WHEN way = 'reward' THEN 1 END), sum(net)
FROM ranked WHERE place = 1 GROUP BY plugin
"""


@dataclass(frozen=True, slots=True)
class _Count:
    """A count: ``by`` are figures of plugins in the order of :class:`Contribution`, the others those of all orders."""

    at: int
    by: dict[str, list[int]]
    orders: int
    revenue: int


def contributions(brand: Brand) -> list[Contribution]:
    """Plugins ranked by the net revenue put down to them; then those that are off; last what no plugin brought.

    An order belongs to the plugin that reached its buyer last before the payment, within the days of
    ``[attribution] window_days``: by a link of its own (or a channel of its kind), a message that was sent, or a
    reward that stands. A reward belongs to the plugin that had it granted, where it says so as ``actor``, else to
    the one that issues its kind. So no order counts twice. Plugins that are on and feed no panel are left out
    unless something is put down to them. Where more than :data:`LIVE` orders are of these days, they are as the job
    counted them last, unless that is three turns ago, or other plugins or another window were known.
    """
    kept = _kept(brand) if _large(brand) else None
    if kept is None or not 0 <= brand.now() - kept.at <= _OLD_MS:
        kept = _counted(brand)
    at = kept.at
    found = {name: Contribution(at, name, name in brand.plugins, *figures) for name, figures in kept.by.items()}
    for name in _known(brand):
        on = brand.plugins.get(name)
        if name not in found and (on.panel if on is not None else _panel_of(brand, name)):
            found[name] = Contribution(at, name, on is not None, *([0] * 6 if on is not None else []))
    ranked = sorted(found.values(), key=lambda each: (each.revenue is None, -(each.revenue or 0), each.plugin))
    # What is left when the orders of plugins are taken out, so that all together are all.
    orders = kept.orders - sum(each.orders or 0 for each in ranked)
    revenue = kept.revenue - sum(each.revenue or 0 for each in ranked)
    return [*ranked, Contribution(at, "", True, orders=orders, revenue=revenue)]


def keep(brand: Brand) -> bool:
    """The job: count a large brand's, outside a transaction, so that nobody waits for it; False for a small one."""
    large = _large(brand)
    if large:
        _write(_known(brand), brand.config.attribution_days, _counted(brand))
    return large


def _known(brand: Brand) -> list[str]:
    return sorted({*brand.installation.loader.candidates(), *brand.plugins})


def _start(brand: Brand) -> int:
    return day_start(brand.day(brand.now()) - DAYS + 1, brand.zone)


def _large(brand: Brand) -> bool:
    sql = "SELECT count(*) FROM (SELECT 1 FROM orders WHERE paid_at >= ? LIMIT ?) t"
    return bool(execute(sql, (_start(brand), LIVE + 1)).fetchone()[0] > LIVE)


def _counted(brand: Brand) -> _Count:
    """The count of this moment."""
    now, start, known = brand.now(), _start(brand), _known(brand)
    window = brand.config.attribution_days * MS_PER_DAY
    rows = execute(
        _LAST.format(names=", ".join("?" * len(known))),
        (start, *known, window, window, window, *known, window),
    ).fetchall()
    orders, revenue = execute(
        "SELECT count(*), coalesce(sum(paid_minor - refund_minor), 0) FROM orders WHERE paid_at >= ? AND valid = 1",
        (start,),
    ).fetchone()
    return _Count(now, {name: [int(each) for each in figures] for name, *figures in rows}, int(orders), int(revenue))


_KEPT = "contributions"
_OLD_MS = 3_000 * EVERY_SECONDS
"""A count that is older than three turns of the job is told no more."""


@transactional
def _write(known: list[str], days: int, count: _Count) -> None:
    # The instant stands first, in as many digits always: of two that count at once, the later count stays. One so far
    # ahead is of a clock that was put back since, and would stay for as long.
    kept = json.dumps([known, days, count.by, count.orders, count.revenue])
    execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value "
        "WHERE meta.value <= excluded.value OR meta.value > ?",
        (_KEPT, f"{count.at:015} {kept}", f"{count.at + _OLD_MS:015}"),
    )


def _kept(brand: Brand) -> _Count | None:
    """What the job counted last, by the plugins and the window of now."""
    row = execute("SELECT value FROM meta WHERE key = ?", (_KEPT,)).fetchone()
    if row is None:
        return None
    at, _, kept = row[0].partition(" ")
    known, days, *figures = json.loads(kept)
    if (known, days) != (_known(brand), brand.config.attribution_days):
        return None
    return _Count(int(at), *figures)


def _panel_of(brand: Brand, name: str) -> str:
    """The panel that an installed plugin would feed; none where it cannot be loaded, which the page of plugins says."""
    try:
        return brand.installation.loader.load(name).panel
    except PluginError:
        return ""
