"""Keeping a group alive (群内活动): templates per industry, and what an activation did to the next week's active rate.

A template says what to do in the group; an activation is one use of it, in one
group on one day. Its effect is told for the people who were in the group when
that day began:

* active: whoever opened a link of ours, wrote to us or took part in an
  interaction within the seven days. What people say inside the group is not
  known here.
* before: the seven days up to the activation's day; after: the seven days
  behind it. The day itself counts in neither, so the activation is not its own
  effect. After is None until its last day is over.

Plugins add templates: ``extensions = {"interaction-games.activations": (row, ...)}``
with the fields of :class:`Template`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from scrm_core.api import Column, Conflict, Invalid, ReportTable, clean_text, day_start, execute, transactional

from .modes import NAME
from .value import share

if TYPE_CHECKING:
    from scrm_core.api import Brand

POINT = f"{NAME}.activations"
WEEK = 7
MOST_DAY = 3_652_000
MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class Template:
    """What to do in a group. ``industry`` is empty where it fits all; ``kind`` is the content log's kind."""

    code: str
    industry: str
    title: str
    kind: str
    steps: tuple[str, ...]
    source: str = NAME


# The practice: good content, irregular coupons, free-order draws and small games keep a group alive.
TEMPLATES: tuple[Template, ...] = (
    Template(
        "tea-brewing", "tea", "Tea brewing 泡茶种草", "interaction",
        ("Show one tea and how to brew it, step by step", "Ask members for pictures of their cups", "Award the best"),
    ),
    Template(
        "baby-questions", "mother-and-baby", "Questions answered 育儿问答", "interaction",
        ("Collect questions in the morning", "An adviser answers in the evening", "Award a good question"),
    ),
    Template(
        "beauty-looks", "beauty", "Looks of the week 妆容打卡", "interaction",
        ("Show one look", "Members post theirs", "The group's favourite gets a sample"),
    ),
    Template(
        "snack-tasting", "food", "Tasting 新品试吃", "interaction",
        ("Announce the tasting and its places", "Testers report in the group", "Offer the tasted product"),
    ),
    Template("surprise-coupon", "", "A coupon at no fixed time 不定期红包券", "care", ("Give one that ends today",)),
    Template("free-order", "", "Free-order draw 免单抽奖", "interaction", ("Publish odds", "Draw", "Show who won")),
    Template("small-game", "", "A small game 小游戏", "interaction", ("Announce the prize", "Play", "Award at once")),
)  # fmt: skip

COLUMNS = (
    Column("code", "Activation 活动"),
    Column("group", "Group 社群"),
    Column("template", "Template 模板"),
    Column("day", "Day 日期"),
    Column("members", "Members 群成员", "count"),
    Column("active_before", "Active in the week before 前一周活跃", "count"),
    Column("rate_before", "Active rate before 前一周活跃率", "rate"),
    Column("active_after", "Active in the week after 后一周活跃", "count"),
    Column("rate_after", "Active rate after 后一周活跃率", "rate"),
    Column("change", "Change 变化", "rate"),
)

_MEMBERS = (
    "SELECT DISTINCT m.contact_id FROM group_member m JOIN chat_group g ON g.id = m.group_id "
    "JOIN contact c ON c.id = m.contact_id AND c.state = 'active' "
    "WHERE g.code = ? AND m.joined_at <= ? AND (m.left_at IS NULL OR m.left_at > ?)"
)
_ACTIVE = f"""
SELECT count(*) FROM ({_MEMBERS}) p WHERE
  EXISTS (SELECT 1 FROM visit v WHERE v.contact_id = p.contact_id AND v.bot = 0 AND v.at >= ? AND v.at < ?)
  OR EXISTS (SELECT 1 FROM message_in i WHERE i.contact_id = p.contact_id AND i.at >= ? AND i.at < ?)
  OR EXISTS (SELECT 1 FROM interaction_games_participation t
             WHERE t.contact_id = p.contact_id AND t.at >= ? AND t.at < ?)
"""


@dataclass(frozen=True, slots=True)
class ActivationView:
    """One use of a template; ``day`` is ``date.toordinal()`` in the brand's zone."""

    id: int
    code: str
    template: str
    group: str
    day: int
    actor: str


class Activations:
    """The group activations of one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def templates(self, industry: str | None = None) -> list[Template]:
        """Templates, those of other plugins too; of an industry, with those that fit all, when given."""
        rows = [*TEMPLATES, *(_read(name, row) for name, row in self.brand.extensions(POINT))]
        return [row for row in rows if industry is None or row.industry in ("", industry)]

    @transactional
    def add(self, code: str, template: str, group: str, day: int, *, actor: str) -> ActivationView:
        """Note that a template was used in a group on a day, once per code.

        Raises Invalid naming the field, NotFound for an unknown group, Conflict when the code is another's.
        """
        code = clean_text(code, field="code", max_length=100)
        actor = clean_text(actor, field="actor", max_length=200)
        if not code:
            raise Invalid("an activation needs a code", field="code")
        if not actor:
            raise Invalid("say who did it", field="actor")
        known = [row.code for row in self.templates()]
        if template not in known:
            raise Invalid(f"template is one of {', '.join(known)}, not {template!r}", field="template")
        if type(day) is not int or not WEEK < day <= MOST_DAY:
            raise Invalid("day is a calendar day", field="day")
        group = self.brand.groups.get(group).code
        execute(
            "INSERT INTO interaction_games_activation (code, template, group_code, day, actor, at) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (code) DO NOTHING",
            (code, template, group, day, actor, self.brand.now()),
        )
        (found,) = self._rows("WHERE code = ?", (code,))
        if (found.template, found.group, found.day) != (template, group, day):
            raise Conflict(f"the code {code!r} is another activation's", code="key_used")
        return found

    def effects(self, group: str | None = None, *, limit: int = MOST_ROWS) -> ReportTable:
        """Each activation with the active rates of the weeks before and after it, the latest first."""
        where, params = ("WHERE group_code = ? ", (group,)) if group is not None else ("", ())
        rows = self._rows(f"{where}ORDER BY day DESC, id DESC LIMIT ?", (*params, min(limit, MOST_ROWS)))
        return ReportTable(COLUMNS, [self._effect(row) for row in rows])

    def _effect(self, row: ActivationView) -> dict[str, Any]:
        zone = self.brand.zone
        begins = day_start(row.day, zone)
        at_begin = (row.group, begins, begins)
        (members,) = execute(f"SELECT count(*) FROM ({_MEMBERS}) p", at_begin).fetchone()
        before = self._active(at_begin, day_start(row.day - WEEK, zone), begins)
        end = day_start(row.day + 1 + WEEK, zone)
        after = None
        if self.brand.now() >= end:
            after = self._active(at_begin, day_start(row.day + 1, zone), end)
        return {
            "code": row.code,
            "group": row.group,
            "template": row.template,
            "day": date.fromordinal(row.day).isoformat(),
            "members": members,
            "active_before": before,
            "rate_before": share(before, members),
            "active_after": after,
            "rate_after": share(after, members) if after is not None else None,
            "change": share(after - before, members) if after is not None else None,
        }

    @staticmethod
    def _active(at_begin: tuple[str, int, int], first: int, end: int) -> int:
        return int(execute(_ACTIVE, (*at_begin, *(first, end) * 3)).fetchone()[0])

    @staticmethod
    def _rows(tail: str, params: tuple[Any, ...]) -> list[ActivationView]:
        rows = execute(
            f"SELECT id, code, template, group_code, day, actor FROM interaction_games_activation {tail}", params
        ).fetchall()
        return [ActivationView(*row) for row in rows]


def _read(plugin: str, row: Mapping[str, Any]) -> Template:
    try:
        return Template(
            str(row["code"]), str(row.get("industry", "")), str(row["title"]), str(row["kind"]),
            tuple(str(step) for step in row["steps"]), plugin,
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as exc:
        raise Invalid(
            f"plugin {plugin!r} offers an activation without code, title, kind and steps: {exc}", field="template"
        ) from exc
