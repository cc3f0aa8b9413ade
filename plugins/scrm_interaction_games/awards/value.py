"""What each mode of interaction is worth (互动价值): conversion, phones captured, share of content.

Of the people who took part in a mode within the period:

* people: distinct persons; t0 is when each first took part in the period.
* ordered: those with a valid order paid in (t0, t0 + N days of 24 hours].
* conversion: ordered / people.
* phones: those whose first phone became known from the beginning of the
  brand-local day on which they first took part *ever* until N days after it.
  The day counts from its beginning, because signing in comes before playing.
* content: interaction of this mode in the content log; content share: of all
  content of the period.

N is ``value_days``. Whatever is divided by nothing is None: unknown, not zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Column, Invalid, ReportTable, day_start, execute

from .content import ContentLog, Mix
from .modes import MODES

if TYPE_CHECKING:
    from scrm_core.api import Brand

DAY_MS = 86_400_000
REPORT_DAYS = 30
MOST_PERIOD = 3_660

COLUMNS = (
    Column("mode", "Mode 互动方式"),
    Column("people", "People who took part 参与人数", "count"),
    Column("ordered", "Ordered within the days 下单人数", "count"),
    Column("conversion", "Conversion 转化率", "rate"),
    Column("phones", "Phones captured 新增手机号", "count"),
    Column("content", "Interaction content 互动内容", "count"),
    Column("content_share", "Share of content 内容占比", "rate"),
    Column("warning", "Warning 提示"),
)


@dataclass(frozen=True, slots=True)
class ModeValue:
    """The figures of a mode; ``conversion`` and ``content_share`` are fractions of 4 places, or None."""

    mode: str
    people: int
    ordered: int
    conversion: float | None
    phones: int
    content: int
    content_share: float | None


def share(part: int, whole: int) -> float | None:
    """A fraction rounded to 4 places; None of nothing."""
    return round(part / whole, 4) if whole else None


class Value:
    """The value report of one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any], content: ContentLog) -> None:
        self.brand = brand
        self.days: int = settings["value_days"]
        self.share_bp: int = settings["interaction_share_bp"]
        self.content = content

    def figures(self, first_day: int, last_day: int) -> list[ModeValue]:
        """One row per mode for the brand-local days [first_day, last_day]; raises Invalid for no period."""
        if not 1 <= first_day <= last_day or last_day - first_day > MOST_PERIOD:
            raise Invalid(
                "the period's first day is not behind its last, and it is ten years at most", field="first_day"
            )
        mix = self.content.mix(first_day, last_day)
        return [self._of(mode, first_day, last_day, mix) for mode in MODES]

    def table(self, first_day: int | None = None, last_day: int | None = None) -> ReportTable:
        """The report: a row per mode, and one over all with the content's warning; default: the last 30 days."""
        last = self.brand.day(self.brand.now()) if last_day is None else last_day
        first = last - REPORT_DAYS + 1 if first_day is None else first_day
        rows = [self._row(MODES[each.mode], each) for each in self.figures(first, last)]
        mix = self.content.mix(first, last)
        people, ordered = self._conversion(None, first, last)
        whole = ModeValue(
            "all", people, ordered, share(ordered, people), self._phones(None, first, last), mix.interaction,
            share(mix.interaction, mix.total),
        )  # fmt: skip
        rows.append(self._row("All 合计", whole) | {"warning": self.warning(mix)})
        return ReportTable(COLUMNS, rows)

    def warning(self, mix: Mix) -> str:
        """What is wrong with the content's mix, or empty."""
        if not mix.warns(self.share_bp):
            return ""
        return f"interaction is {self.share_bp / 100:g}% of content or less 互动占比过低"

    def _of(self, mode: str, first_day: int, last_day: int, mix: Mix) -> ModeValue:
        people, ordered = self._conversion(mode, first_day, last_day)
        content = mix.by_mode.get(mode, 0)
        return ModeValue(
            mode, people, ordered, share(ordered, people), self._phones(mode, first_day, last_day), content,
            share(content, mix.total),
        )  # fmt: skip

    def _conversion(self, mode: str | None, first_day: int, last_day: int) -> tuple[int, int]:
        only, params = _only(mode)
        people, ordered = execute(
            "WITH part AS (SELECT p.contact_id, min(p.at) AS at FROM interaction_games_participation p "
            "JOIN contact c ON c.id = p.contact_id AND c.state = 'active' "
            f"WHERE p.day BETWEEN ? AND ? {only} GROUP BY p.contact_id) "
            "SELECT count(*), coalesce(sum(CASE WHEN EXISTS (SELECT 1 FROM orders o "
            "WHERE o.contact_id = part.contact_id AND o.valid = 1 AND o.paid_at > part.at "
            "AND o.paid_at <= part.at + ?) THEN 1 ELSE 0 END), 0) FROM part",
            (first_day, last_day, *params, self.days * DAY_MS),
        ).fetchone()
        return int(people), int(ordered)

    def _phones(self, mode: str | None, first_day: int, last_day: int) -> int:
        only, params = _only(mode)
        rows = execute(
            "SELECT p.contact_id, min(p.at), min(p.day), (SELECT min(i.created_at) FROM identity i "
            "WHERE i.contact_id = p.contact_id AND i.kind = 'phone') "
            "FROM interaction_games_participation p JOIN contact c ON c.id = p.contact_id AND c.state = 'active' "
            f"WHERE p.day <= ? {only} GROUP BY p.contact_id HAVING min(p.day) >= ?",
            (last_day, *params, first_day),
        ).fetchall()
        window = self.days * DAY_MS
        return sum(
            known is not None and day_start(day, self.brand.zone) <= known <= at + window for _, at, day, known in rows
        )

    @staticmethod
    def _row(title: str, value: ModeValue) -> dict[str, Any]:
        return {
            "mode": title,
            "people": value.people,
            "ordered": value.ordered,
            "conversion": value.conversion,
            "phones": value.phones,
            "content": value.content,
            "content_share": value.content_share,
            "warning": "",
        }


def _only(mode: str | None) -> tuple[str, tuple[str, ...]]:
    return ("", ()) if mode is None else ("AND p.mode = ?", (mode,))
