"""Which games a brand may play: the nine of this plugin and what other plugins offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid

if TYPE_CHECKING:
    from scrm_core.api import Brand

POINT = "interaction-games.games"
NAMES = ("kind", "title", "mechanics", "draws", "Settings", "actions", "page", "view")


def games(brand: Brand) -> dict[str, Any]:
    """An instance of each game by its kind; a game of the plugin's own is never replaced by another's."""
    from ..games import GAMES

    found: dict[str, Any] = {}
    for game in (*GAMES, *(value for _, value in brand.extensions(POINT))):
        found.setdefault(game.kind, game())
    return found


def game(brand: Brand, kind: str) -> Any:
    """The game of a kind; raises Invalid(field="game") for one that no enabled plugin offers."""
    known = games(brand)
    found = known.get(kind)
    if found is None:
        raise Invalid(f"game: no enabled plugin offers {kind!r}; there are {', '.join(sorted(known))}", field="game")
    return found


def problems(brand: Brand) -> list[str]:
    """Games offered by plugins that cannot be played: two of one kind, or a name missing."""
    found = []
    kinds: set[str] = set()
    from ..games import GAMES

    for owner, offered in [("interaction-games", each) for each in GAMES] + brand.extensions(POINT):
        missing = [name for name in NAMES if not hasattr(offered, name)]
        if missing:
            found.append(f"plugin {owner!r}: game {offered!r} lacks {', '.join(missing)}")
            continue
        if offered.kind in kinds:
            found.append(f"plugin {owner!r}: a game of kind {offered.kind!r} is there already; kinds are unique")
        kinds.add(offered.kind)
    return found
