"""Modes of interaction (三种互动), and who took part in which.

``game``: mini-program games 小程序游戏; ``native``: interact, reward, cash in
within WeCom 原生互动; ``community``: consumer to consumer 社区互动. Every award
and campaign has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import Invalid, PluginEvent, execute

if TYPE_CHECKING:
    from scrm_core.api import Brand

NAME = "interaction-games"
MODES = {
    "game": "Mini-program games 小程序游戏",
    "native": "Native interaction 原生互动",
    "community": "Community 社区互动",
}

# Events of this plugin by which a person takes part; one without a mode of its own is a game's.
PLAYED = frozenset({"played", "checked-in", "invited", "member-gift", "answered"})


def checked_mode(mode: str) -> str:
    """The mode; raises Invalid for an unknown one."""
    if mode not in MODES:
        raise Invalid(f"mode is one of {', '.join(MODES)}, not {mode!r}", field="mode")
    return mode


def took_part(brand: Brand, contact_id: int, mode: str, at: int) -> None:
    """Note that a person took part in a mode; the first time of each brand-local day stays."""
    execute(
        "INSERT INTO interaction_games_participation (contact_id, mode, day, at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (contact_id, mode, day) DO UPDATE SET at = excluded.at "
        "WHERE excluded.at < interaction_games_participation.at",
        (contact_id, mode, brand.day(at), at),
    )


def take_event(brand: Brand, event: PluginEvent) -> None:
    """Hear an event of this plugin: whoever played took part in the mode it names, or in ``game``."""
    if event.plugin != NAME or event.name not in PLAYED:
        return
    mode = str(event.fields.get("mode") or "game")
    contact_id = brand.contacts.present(event.contact_id)
    if contact_id is None:
        return  # nobody, or erased meanwhile
    took_part(brand, contact_id, mode if mode in MODES else "game", event.at)
