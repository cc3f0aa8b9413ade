"""Interaction games 互动游戏: one engine, verifiable draws, nine games."""

from __future__ import annotations

from scrm_core.api import Plugin


class InteractionGames(Plugin):
    """Interaction games 互动游戏: one engine, verifiable draws, nine games."""

    name = "interaction-games"
    version = "0.1.0"
    summary = "Interaction games 互动游戏: one engine, verifiable draws, nine games"
    requires_core = ">=0.1.0.dev0,<1"
