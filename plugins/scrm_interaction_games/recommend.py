"""Which game for which goal (北极星): the practice's table as data, and why a brand cannot use an option.

Plugins add rows of their own: ``extensions = {"interaction-games.recommendations": (row, ...)}``,
where a row is a mapping with the fields of :class:`Advice` (``goal``, ``game``,
``role``, and ``prizes`` if it needs other kinds of prizes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, surfaces

from .engine import registry
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

POINT = f"{NAME}.recommendations"
ROLES = ("main", "assist")

GOALS: dict[str, dict[str, str]] = {
    "new-friends": {"zh": "新增好友", "en": "more new friends"},
    "new-members": {"zh": "新增会员", "en": "more new members"},
    "fewer-lost-friends": {"zh": "降低好友流失", "en": "fewer lost friends"},
    "member-order-share": {"zh": "会员下单占比", "en": "a larger share of members who order"},
}

ANY_PRIZE = ("coupon", "points", "product-voucher", "red-packet", "benefit-card", "custom")


@dataclass(frozen=True, slots=True)
class Advice:
    """A row of the table: a game that serves a goal as its ``main`` or ``assist`` game.

    ``prizes`` are reward kinds of which it needs at least one; empty for a game
    that needs no prize. ``source`` is the plugin that the row came from.
    """

    goal: str
    game: str
    role: str
    prizes: tuple[str, ...] = ANY_PRIZE
    source: str = NAME


# The practice's table of games by north-star metric.
TABLE: tuple[Advice, ...] = (
    Advice("new-friends", "invite", "main"),
    Advice("new-friends", "joingift", "assist"),
    Advice("new-members", "bargain", "main", ()),
    Advice("new-members", "groupbuy", "main", ()),
    Advice("new-members", "joingift", "assist"),
    Advice("fewer-lost-friends", "nurture", "main"),
    Advice("fewer-lost-friends", "checkin", "assist"),
    Advice("member-order-share", "wheel", "main"),
    Advice("member-order-share", "egg", "main"),
    Advice("member-order-share", "grab", "main"),
    Advice("member-order-share", "joingift", "assist"),
)


@dataclass(frozen=True, slots=True)
class Option:
    """A recommended game for this brand. ``problems`` say why it cannot be used as things are; empty when it can.

    ``surfaces`` are those of the asked ones on which it may run, ``refusals``
    why not on the others.
    """

    game: str
    title: dict[str, str]
    role: str
    source: str
    surfaces: tuple[str, ...]
    refusals: dict[str, tuple[str, ...]]
    problems: tuple[str, ...]

    @property
    def usable(self) -> bool:
        return not self.problems


def recommend(brand: Brand, goal: str, *, on: tuple[str, ...] = ()) -> list[Option]:
    """The main and assisting games for a goal, main ones first, in the table's order; use it inside ``with brand:``.

    ``on`` are the surfaces that the brand has (all when empty): an option that
    may run on none of them is marked, and so is one whose game no enabled
    plugin offers or for whose prizes none issues a kind. Raises Invalid
    (``goal``) for a goal without rows and (``surface``) for an unknown surface.
    """
    rows = _rows(brand)
    if not any(row.goal == goal for row in rows):
        known = ", ".join(dict.fromkeys(row.goal for row in rows))
        raise Invalid(f"goal: no games are recommended for {goal!r}; goals are {known}", field="goal")
    games = registry.games(brand)
    issued = brand.rewards.kinds()
    asked = on or tuple(surfaces.SURFACES)
    chosen = [row for role in ROLES for row in rows if (row.goal, row.role) == (goal, role)]
    return [_option(row, games.get(row.game), issued, asked) for row in chosen]


def goals(brand: Brand) -> dict[str, dict[str, str]]:
    """Every goal that has rows, with its title in both languages; one that a plugin added is called by its name."""
    named = dict.fromkeys(row.goal for row in _rows(brand))
    return {goal: GOALS.get(goal, {"zh": goal, "en": goal}) for goal in named}


def problems(brand: Brand) -> list[str]:
    """Rows of other plugins that cannot be read, a sentence each."""
    found = []
    for owner, value in brand.extensions(POINT):
        try:
            _row(owner, value)
        except Invalid as error:
            found.append(error.message)
    return found


def _rows(brand: Brand) -> list[Advice]:
    own: dict[tuple[str, str], Advice] = {(row.goal, row.game): row for row in TABLE}
    for owner, value in brand.extensions(POINT):
        row = _row(owner, value)
        own.setdefault((row.goal, row.game), row)
    return list(own.values())


def _row(owner: str, value: Any) -> Advice:
    if not isinstance(value, Mapping):
        raise Invalid(f"plugin {owner!r}: a recommendation is a mapping with goal, game and role, not {value!r}")
    unknown = set(value) - {"goal", "game", "role", "prizes"}
    missing = {"goal", "game", "role"} - set(value)
    if unknown or missing or value["role"] not in ROLES:
        raise Invalid(
            f"plugin {owner!r}: a recommendation has goal, game, role ({' or '.join(ROLES)}) and perhaps prizes, "
            f"not {dict(value)!r}"
        )
    return Advice(value["goal"], value["game"], value["role"], tuple(value.get("prizes", ANY_PRIZE)), owner)


def _option(row: Advice, game: Any, issued: Mapping[str, str], asked: tuple[str, ...]) -> Option:
    if game is None:
        title = {"zh": row.game, "en": row.game}
        absent = f"no enabled plugin offers the game {row.game!r}"
        return Option(row.game, title, row.role, row.source, (), {}, (absent,))
    refused = {surface: tuple(surfaces.refusals(game.mechanics, surface)) for surface in asked}
    allowed = tuple(surface for surface, reasons in refused.items() if not reasons)
    found: list[str] = []
    if not allowed:
        found += dict.fromkeys(reason for reasons in refused.values() for reason in reasons)
    if row.prizes and not any(kind in issued for kind in row.prizes):
        found.append(
            f"no enabled plugin issues a prize for it: switch on one that issues {', '.join(row.prizes)}"
        )
    refusals = {surface: reasons for surface, reasons in refused.items() if reasons}
    return Option(row.game, dict(game.title), row.role, row.source, allowed, refusals, tuple(found))
