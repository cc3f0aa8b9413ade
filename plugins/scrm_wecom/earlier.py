"""What WeCom tells of a pair behind what came later: an add and a loss from before the beginning that is known.

They change nothing of what stands now. The add is a lead of its own all the same, with
its own time and State, and the loss behind it is told: as if they had come in their
order. What came so far is read from the callbacks that are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from . import callbacks, tasks
from .follows import CUSTOMER, STAFF, TRANSFER, Follow, is_another, pair

if TYPE_CHECKING:
    from .callbacks import Callback
    from .follows import Follows

EARLIER, KNOWN = "an earlier one than the one that is known", "known"
"""What is noted of an add from before, and of what was no news; of a loss that was told nothing is noted."""

BY_TRANSFER = "DELETE_BY_TRANSFER"
_ADDS = frozenset({"add_external_contact", "add_half_external_contact"})
_LOSSES = frozenset({"del_external_contact", "del_follow_user"})


def by_whom(change: str, fields: Mapping[str, str]) -> str:
    """Who ended a relation, as the callback of a loss says it."""
    if change == "del_follow_user":
        return CUSTOMER
    return TRANSFER if fields.get("Source") == BY_TRANSFER else STAFF


class Earlier:
    """Adds and losses from before of one brand, in the open transaction."""

    def __init__(self, follows: Follows) -> None:
        self.follows = follows

    def added(self, external: str, staff: str, at: int, source: str, *, half: bool) -> bool:
        """Tell of an add, if it is from before: true where it was.

        A half add whose end nobody told is a part of the add that is known: staff have added back since.
        """
        known = pair(external, staff)
        if known is None or known.since is None or at >= known.since:
            return False
        losses = _losses(known, at)
        if not losses and (half or not is_another(known, at, source)):
            return False
        ended = (losses[0].at, by_whom(losses[0].change, losses[0].fields())) if losses else None
        self.follows.told_late(known, at, source, half=half, ended=ended)
        if ended is not None and all(loss.note == KNOWN for loss in losses):
            self.follows.lost_late(known, *ended)
            callbacks.settle(losses[0].id, "done")
        return True

    def lost(self, external: str, staff: str, at: int, by: str) -> bool:
        """Tell of the loss behind an add that was told as an earlier one; false where it is none, or was told."""
        known = pair(external, staff)
        if known is None or known.since is None or at >= known.since:
            return False
        came = [each for each in _told(known) if each.change in _ADDS and each.at <= at]
        # Behind an add that came in its order the loss was told with the next add, if not before.
        if not came or came[-1].note != EARLIER or any(loss.note != KNOWN for loss in _losses(known, came[-1].at)):
            return False
        self.follows.lost_late(known, at, by)
        return True


def _losses(known: Follow, at: int) -> list[Callback]:
    """The losses that ended what began at ``at``, before the next beginning; the first is the one that did."""
    assert known.since is not None
    told = _told(known)
    until = min([each.at for each in told if each.change in _ADDS and each.at > at], default=known.since)
    return [each for each in told if each.change in _LOSSES and at <= each.at < min(until, known.since)]


def _told(known: Follow) -> list[Callback]:
    """What WeCom has told of a pair so far, by its own time."""
    every = (callbacks.Callback(*row) for row in callbacks.about([known.external], callbacks.COLUMNS))
    of_pair = [
        each for each in every
        if each.state == "done" and each.event == tasks.CONTACT_EVENT and each.change in _ADDS | _LOSSES
        and each.fields().get("UserID") == known.staff
    ]  # fmt: skip
    return sorted(of_pair, key=lambda each: (each.at, each.id))
