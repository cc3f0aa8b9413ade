"""What people look at and do about events: the log, parked ones, and how each plugin fares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import eventlog
from ..db import transactional
from ..db.router import STATE
from ..eventlog import LoggedEvent
from ..limits import LIMITS
from ..services import audit
from .cursors import pause_plugin, read_cursors, resume_plugin
from .parking import ParkedView, discard, parked_counts, parked_events, retry_now

if TYPE_CHECKING:
    from ..brands import Brand


@dataclass(frozen=True, slots=True)
class PluginHealth:
    """An enabled plugin: ``state`` is active, paused or passive (it listens to no events).

    ``waiting`` counts events that it was not handed yet, ``parked`` those that it could not handle.
    """

    name: str
    version: str
    summary: str
    state: str
    reason: str
    waiting: int
    parked: int


class Events:
    """The event log of a brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand

    def newest(self, limit: int = LIMITS.page_rows, *, before: int | None = None) -> list[LoggedEvent]:
        """The newest events, newest first; ``before`` is an event's id to page on from."""
        return eventlog.tail(limit, before=before)

    def parked(self, plugin: str | None = None, limit: int = LIMITS.page_rows) -> list[ParkedView]:
        """Events that a plugin could not handle, oldest first."""
        return parked_events(plugin, limit)

    def parked_count(self) -> int:
        """How many events wait for another try or a person."""
        return sum(parked_counts().values())

    @transactional
    def retry(self, plugin: str, event_ids: Iterable[int], *, actor: str = "operator") -> int:
        """Hand parked events to a plugin again at the worker's next look, held ones too; returns how many."""
        chosen = sorted(set(event_ids))
        done = retry_now(self._brand, plugin, chosen)
        if done:
            detail = {"events": chosen[:100], "done": done}
            audit.record(self._brand, actor, "events.retry", f"plugin:{plugin}", detail)
            STATE.appended = True  # the commit wakes the worker, as one of new events does
        return done

    @transactional
    def discard(self, plugin: str, event_ids: Iterable[int], *, actor: str = "operator") -> int:
        """Give parked events up for good: the plugin will never see them; returns how many."""
        chosen = sorted(set(event_ids))
        done = discard(plugin, chosen)
        if done:
            detail = {"events": chosen[:100], "done": done}
            audit.record(self._brand, actor, "events.discard", f"plugin:{plugin}", detail)
        return done

    @transactional
    def pause(self, plugin: str, reason: str, *, actor: str = "operator") -> None:
        """Hand out no events to a plugin; they wait. Raises NotFound for one that receives none."""
        pause_plugin(self._brand, plugin, reason)
        audit.record(self._brand, actor, "plugin.pause", f"plugin:{plugin}", {"reason": reason[:200]})

    @transactional
    def resume(self, plugin: str, *, actor: str = "operator") -> None:
        """Hand out events again, from where the plugin stood. Raises NotFound for one that receives none."""
        resume_plugin(self._brand, plugin)
        audit.record(self._brand, actor, "plugin.resume", f"plugin:{plugin}")
        STATE.appended = True  # the commit wakes the worker

    def plugins(self) -> list[PluginHealth]:
        """How each enabled plugin fares, in the order of the brand's file."""
        cursors = {cursor.plugin: cursor for cursor in read_cursors()}
        parked = parked_counts()
        found = []
        for name, plugin in self._brand.plugins.items():
            cursor = cursors.get(name)
            found.append(
                PluginHealth(
                    name,
                    plugin.version,
                    plugin.summary,
                    cursor.state if cursor is not None else "passive",
                    cursor.reason if cursor is not None else "",
                    eventlog.lag(cursor.position) if cursor is not None else 0,
                    parked.get(name, 0),
                )
            )
        return found
