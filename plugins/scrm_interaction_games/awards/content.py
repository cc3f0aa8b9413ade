"""The content log (内容记录): what was shown, by kind and day; the share of interaction in it is watched.

Kinds follow the practice of 3:3:3:1 in a group: marketing, member interaction,
care and welfare, daily. Interaction should be more than 30% of all content.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import Conflict, Invalid, clean_text, execute, transactional

from .modes import checked_mode

if TYPE_CHECKING:
    from scrm_core.api import Brand

KINDS = {"marketing": "营销", "interaction": "互动", "care": "关怀", "daily": "日常"}
INTERACTION = "interaction"
MOST_DAY = 3_652_059  # 9999-12-31


@dataclass(frozen=True, slots=True)
class ContentView:
    """A piece of content; ``day`` is ``date.toordinal()`` in the brand's zone."""

    id: int
    key: str
    day: int
    kind: str
    mode: str
    title: str
    actor: str


@dataclass(frozen=True, slots=True)
class Mix:
    """How much content of a period there was, by kind and, for interaction, by mode."""

    by_kind: dict[str, int]
    by_mode: dict[str, int]

    @property
    def total(self) -> int:
        """All content."""
        return sum(self.by_kind.values())

    @property
    def interaction(self) -> int:
        """Interaction of every mode."""
        return self.by_kind.get(INTERACTION, 0)

    def warns(self, share_bp: int) -> bool:
        """Whether interaction is at or below a share in basis points; no content warns of nothing."""
        return self.total > 0 and self.interaction * 10_000 <= share_bp * self.total


class ContentLog:
    """The content of one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def add(self, key: str, day: int, kind: str, *, mode: str = "", title: str = "", actor: str = "") -> ContentView:
        """Note a piece of content, once per key; an interaction names its mode, other kinds have none.

        Raises Invalid naming the field, Conflict when the key was another content's.
        """
        key = clean_text(key, field="key", max_length=200)
        if not key:
            raise Invalid("give a key: it names the content, and counts once", field="key")
        if kind not in KINDS:
            raise Invalid(f"kind is one of {', '.join(KINDS)}, not {kind!r}", field="kind")
        if kind == INTERACTION:
            checked_mode(mode)
        elif mode:
            raise Invalid(f"only interaction has a mode, {kind} has none", field="mode")
        if type(day) is not int or not 1 <= day <= MOST_DAY:
            raise Invalid("day is a calendar day", field="day")
        title = clean_text(title, field="title", max_length=200)
        actor = clean_text(actor, field="actor", max_length=200)
        execute(
            "INSERT INTO interaction_games_content (key, day, kind, mode, title, actor, at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
            (key, day, kind, mode, title, actor, self.brand.now()),
        )
        row = execute(
            "SELECT id, key, day, kind, mode, title, actor FROM interaction_games_content WHERE key = ?", (key,)
        ).fetchone()
        found = ContentView(*row)
        if (found.day, found.kind, found.mode) != (day, kind, mode):
            raise Conflict(f"the key {key!r} names other content", code="key_used")
        return found

    def mix(self, first_day: int, last_day: int) -> Mix:
        """The content of the brand-local days [first_day, last_day]."""
        by_kind: dict[str, int] = {}
        by_mode: dict[str, int] = {}
        for kind, mode, count in execute(
            "SELECT kind, mode, count(*) FROM interaction_games_content WHERE day BETWEEN ? AND ? "
            "GROUP BY kind, mode ORDER BY kind, mode",
            (first_day, last_day),
        ).fetchall():
            by_kind[kind] = by_kind.get(kind, 0) + int(count)
            if kind == INTERACTION:
                by_mode[mode] = int(count)
        return Mix(by_kind, by_mode)
