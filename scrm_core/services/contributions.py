"""What plugins contributed (插件贡献): orders put down to the plugin that reached the buyer last before they paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..clock import MS_PER_DAY, day_start
from ..db.bulk import execute
from ..errors import PluginError

if TYPE_CHECKING:
    from ..brands import Brand

DAYS = 28
"""Days of the brand whose orders count, today included."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """Valid orders of :data:`DAYS` days put down to a plugin; the empty name has those put down to none.

    Of ``orders``, ``links``, ``messages`` and ``rewards`` say by which act of the plugin the buyer was reached.
    ``revenue`` is paid less refunded, in minor units. All are None where the plugin is off and reached nobody who
    bought: off is not zero.
    """

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


def contributions(brand: Brand) -> list[Contribution]:
    """Plugins ranked by the net revenue put down to them; then those that are off; last what no plugin brought.

    An order belongs to the plugin that reached its buyer last before the payment, within the days of
    ``[attribution] window_days``: by a link of its own (or a channel of its kind), a message that was sent, or a
    reward that stands. A reward belongs to the plugin that had it granted, where it says so as ``actor``, else to
    the one that issues its kind. So no order counts twice. Plugins that are on and feed no panel are left out
    unless something is put down to them.
    """
    start = day_start(brand.day(brand.now()) - DAYS + 1, brand.zone)
    known = sorted({*brand.installation.loader.candidates(), *brand.plugins})
    window = brand.config.attribution_days * MS_PER_DAY
    rows = execute(
        _LAST.format(names=", ".join("?" * len(known))),
        (start, *known, window, window, window, *known, window),
    ).fetchall()
    found = {name: Contribution(name, name in brand.plugins, *map(int, figures)) for name, *figures in rows}
    for name in known:
        on = brand.plugins.get(name)
        if name not in found and (on.panel if on is not None else _panel_of(brand, name)):
            found[name] = Contribution(name, on is not None, *([0] * 6 if on is not None else []))
    ranked = sorted(found.values(), key=lambda each: (each.revenue is None, -(each.revenue or 0), each.plugin))
    return [*ranked, _without(start, ranked)]


def _panel_of(brand: Brand, name: str) -> str:
    """The panel that an installed plugin would feed; none where it cannot be loaded, which the page of plugins says."""
    try:
        return brand.installation.loader.load(name).panel
    except PluginError:
        return ""


def _without(start: int, ranked: list[Contribution]) -> Contribution:
    """The orders that are left when those of plugins are taken out, so that all together are all."""
    orders, revenue = execute(
        "SELECT count(*), coalesce(sum(paid_minor - refund_minor), 0) FROM orders WHERE paid_at >= ? AND valid = 1",
        (start,),
    ).fetchone()
    rest = int(orders) - sum(each.orders or 0 for each in ranked)
    return Contribution("", True, orders=rest, revenue=int(revenue) - sum(each.revenue or 0 for each in ranked))
