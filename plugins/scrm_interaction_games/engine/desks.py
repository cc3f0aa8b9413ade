"""Games at work without a person: what they hear of the brand's events, and their periodic work.

Each game works alone: what one of them fails in is rolled back, logged and
noted in its campaign's log, and the others go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scrm_core.api import is_fault

from .turns import NAME, Desk, Engine

if TYPE_CHECKING:
    from .definition import CampaignView

log = logging.getLogger(f"scrm.plugin.{NAME}")

DAY_MS = 86_400_000
SETTLED_DAYS = 60
"""Games settle a campaign's loose ends for sixty days after its end, and longer where its settings promise more."""
PROMISED_DAYS = ("grace_days", "refund_days", "keep_days")
"""Settings of games with these names are days after the end in which something is still owed."""


class Desks:
    """The desks of a brand's published campaigns; use it inside ``with brand:``."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.brand = engine.brand

    def open(self, hook: str = "") -> list[tuple[Any, Desk]]:
        """Each game that may still owe something, with its desk: of games that implement ``hook`` when given."""
        now = self.brand.now()
        return [(game, desk) for game, desk in self.all(hook) if open_until(desk.campaign) >= now]

    def all(self, hook: str = "") -> list[tuple[Any, Desk]]:
        """The same of every campaign that was ever published."""
        now = self.brand.now()
        found = []
        for campaign in self.engine.campaigns.list(states=("published", "paused", "ended", "revealed")):
            game = self.engine.games.get(campaign.game)
            if game is not None and (not hook or hasattr(game, hook)):
                found.append((game, Desk(self.engine, campaign, now)))
        return found

    def hear(self, hook: str, event: Any) -> None:
        """Tell an event to the games of all campaigns that listen to it.

        Contacts that were merged meanwhile are followed. What an erased person did
        is told to nobody, but for refunds, which are told without the person: the
        money went back all the same.
        """
        desks = self.open(hook)
        if not desks:
            return
        with self.brand.transaction():
            if hook != "on_contact_merged" and event.contact_id is not None:
                person = self.brand.contacts.present(event.contact_id)
                if person is None and hook != "on_refund":
                    return
                event = replace(event, contact_id=person)
            for game, desk in desks:
                self._hear(game, desk, hook, event)

    def _hear(self, game: Any, desk: Desk, hook: str, event: Any) -> None:
        def work() -> None:
            with self.brand.transaction():
                getattr(game, hook)(desk, event)

        failed = self._alone(game, desk, hook, work)
        if failed is not None:
            self.engine.campaigns.note(
                desk.campaign.id, "failed", NAME, type(failed).__name__,
                detail={"hook": hook, "event": event.event_id},
            )  # fmt: skip

    def settle(self) -> tuple[int, int, int]:
        """Expired reservations and the games' own periodic work: (released, settled, failed)."""
        released = settled = failed = 0
        for game, desk in self.open():
            released += self.engine.draws(desk.campaign, desk.now).release_expired()
            done = self._settle(game, desk)
            settled += done or 0
            failed += done is None
        return released, settled, failed

    def _settle(self, game: Any, desk: Desk) -> int | None:
        """How much a game settled; None when it failed."""
        if not hasattr(game, "settle"):
            return 0
        done: list[int] = []
        self._alone(game, desk, "settle", lambda: done.append(int(game.settle(desk) or 0)))
        return done[0] if done else None

    def _alone(self, game: Any, desk: Desk, what: str, work: Callable[[], Any]) -> Exception | None:
        """Let one game work; returns what it failed with. A fault of the database is nobody's failure and passes."""
        try:
            work()
        except Exception as exc:
            if is_fault(exc):
                raise
            log.exception("campaign %s: the game %s failed in %s", desk.campaign.code, game.kind, what)
            return exc
        return None


def open_until(campaign: CampaignView) -> int:
    """Until when a campaign's game is told events and settled, in milliseconds."""
    promised = sum(int(campaign.settings.get(name) or 0) for name in PROMISED_DAYS)
    return campaign.ends_at + (SETTLED_DAYS + promised) * DAY_MS
