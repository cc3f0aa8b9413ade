"""Which games a brand may play: the nine of this plugin and what other plugins offer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid

if TYPE_CHECKING:
    from scrm_core.api import Brand

POINT = "interaction-games.games"
NAMES = ("kind", "title", "mechanics", "draws", "Settings", "actions", "page", "view")

log = logging.getLogger("scrm.plugin.interaction-games")
_logged: set[tuple[str, str]] = set()


def games(brand: Brand) -> dict[str, Any]:
    """An instance of each game by its kind; a game of the plugin's own is never replaced by another's.

    One that cannot be made is left out, and the log says so once: it must not stop the others.
    """
    found: dict[str, Any] = {}
    for owner, offered in _offered(brand):
        made, why = _make(offered)
        if made is not None:
            found.setdefault(made.kind, made)
        elif (brand.id, why) not in _logged:
            _logged.add((brand.id, why))
            log.error("plugin %s: %s", owner, why)
    return found


def game(brand: Brand, kind: str) -> Any:
    """The game of a kind; raises Invalid(field="game") for one that no enabled plugin offers."""
    known = games(brand)
    found = known.get(kind)
    if found is None:
        broken = [why for _, offered in _offered(brand) for made, why in (_make(offered),) if made is None]
        also = "".join(f"; {why}" for why in broken)
        raise Invalid(
            f"game: no enabled plugin offers {kind!r}; there are {', '.join(sorted(known))}{also}", field="game"
        )
    return found


def problems(brand: Brand) -> list[str]:
    """Games offered by plugins that cannot be played: two of one kind, a name missing, or one that cannot be made."""
    found = []
    kinds: set[str] = set()
    for owner, offered in _offered(brand):
        made, why = _make(offered)
        if made is None:
            found.append(f"plugin {owner!r}: {why}")
            continue
        if made.kind in kinds:
            found.append(f"plugin {owner!r}: a game of kind {made.kind!r} is there already; kinds are unique")
        kinds.add(made.kind)
    return found


def _offered(brand: Brand) -> Iterator[tuple[str, Any]]:
    from ..games import GAMES

    yield from (("interaction-games", each) for each in GAMES)
    yield from brand.extensions(POINT)


def _make(offered: Any) -> tuple[Any, str]:
    """An instance, or None and why there is none."""
    missing = [name for name in NAMES if not hasattr(offered, name)]
    if missing:
        return None, f"game {offered!r} lacks {', '.join(missing)}"
    try:
        return offered(), ""
    except Exception as exc:  # noqa: BLE001  a third party's constructor may raise anything
        return None, f"game {offered.kind!r} cannot be made: {type(exc).__name__}: {exc}"
