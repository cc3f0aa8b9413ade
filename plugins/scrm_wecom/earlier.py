"""What WeCom tells of a pair behind what came later: adds and losses from before what is known.

An add from before is a lead of its own all the same, with its own time and State, and the
loss behind it is told: as if they had come in their order. What stands now does not change.
What came so far is read from the callbacks that are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from . import callbacks, tasks
from .follows import CUSTOMER, STAFF, SYNC, TRANSFER, Follow, is_another, is_elsewhere, pair

if TYPE_CHECKING:
    from .callbacks import Callback
    from .follows import Follows

EARLIER, KNOWN = "an earlier one than the one that is known", "known"
"""What is noted of an add from before, and of what was no news; of a loss that was told nothing is noted."""

BY_TRANSFER = "DELETE_BY_TRANSFER"
_HALF = "add_half_external_contact"
_FULL = "add_external_contact"
_ADDS = frozenset({_FULL, _HALF})
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

    def added(self, known: Follow | None, at: int, source: str, *, half: bool) -> bool:
        """Tell of an add of a pair (None: of a new one), if it is from before: true where it was.

        A half add whose end nobody told is a part of the add that is known: staff have added back since.
        """
        if known is None or known.since is None:
            return False
        if at > known.since:
            return self._between(known, at, source, half=half)
        losses = _losses(known, at) if at < known.since else []
        if at == known.since:
            return False
        if not losses and half and _was_added_back(known, at, source):
            return True
        part = half and not is_elsewhere(source, known.source)
        if not losses and (part or not is_another(known, at, source)):
            return False
        if not half and self._adds_back(known, at, source):
            return True
        ended = (losses[0].at, by_whom(losses[0].change, losses[0].fields())) if losses else None
        self.follows.told_late(known, at, source, half=half, ended=ended)
        if ended is not None:
            self._tell_loss(known, losses)
        return True

    def _between(self, known: Follow, at: int, source: str, *, half: bool) -> bool:
        """An add behind the beginning that is known and before the end that is: the end is its own.

        The beginning before it ended too, when a loss between tells it or shortly before this one. Adding back
        after a half add is no other beginning.
        """
        assert known.since is not None
        if known.state != "lost" or known.lost_at is None or at > known.lost_at:
            return False
        told = [each for each in _told(known) if known.since <= each.at < at]
        losses = [each for each in told if each.change in _LOSSES]
        adds = {each.change for each in told if each.change in _ADDS}
        back = not half and adds == {_HALF} and not is_elsewhere(source, known.source)
        if not losses and (back or not is_another(known, at, source)):
            return False
        if not self.follows.ended_later(known, at, source, half=half):
            return False
        if losses:
            self._tell_loss(known, losses)
        else:
            self.follows.lost_late(known, at - 1, SYNC)
        return True

    def _not_one(self, known: Follow, half: Callback, back: Callback, at: int, by: str) -> bool:
        """A half add has ended before what was taken for its adding back, if it was: each is a lead of its own."""
        source = half.fields().get("State", "")
        told = half.note == EARLIER
        if is_elsewhere(source, known.source) and not told:
            return False  # that they are two was seen by their States, and the end was told then
        if half.id > back.id and not told:
            self.follows.told_late(known, half.at, source, half=True, ended=(at, by))
        elif not told:
            self.follows.begins_behind(known)
        self.follows.lost_late(known, at, by)
        return True

    def _adds_back(self, known: Follow, at: int, source: str) -> bool:
        """Whether an add from before is the end of a half add that was told: the same lead."""
        before = [each for each in _told(known) if each.at <= at]
        if not before or before[-1].change != _HALF:
            return False
        return not is_elsewhere(source, before[-1].fields().get("State", ""))

    def _tell_loss(self, known: Follow, losses: list[Callback]) -> None:
        """The first of these ended it: tell it, unless one of them was told."""
        if all(loss.note == KNOWN for loss in losses):
            self.follows.lost_late(known, losses[0].at, by_whom(losses[0].change, losses[0].fields()))
            callbacks.settle(losses[0].id, "done")

    def ended(self, made: Follow) -> None:
        """What begins anew may be over: its end was told before it, and was no news then."""
        assert made.since is not None
        for loss in _told(made):
            if loss.change in _LOSSES and loss.at >= made.since and loss.note == KNOWN:
                self.follows.lost(made.external, made.staff, loss.at, by_whom(loss.change, loss.fields()))
                callbacks.settle(loss.id, "done")
                return

    def lost(self, external: str, staff: str, at: int, by: str) -> bool:
        """Tell of the loss behind an add that was told as an earlier one; false where it is none, or was told."""
        known = pair(external, staff)
        if known is None or known.since is None or at >= known.since:
            return False
        told = _told(known)
        came = [each for each in told if each.change in _ADDS and each.at <= at]
        between = [each for each in told if came and came[-1].at <= each.at <= known.since and each is not came[-1]]
        if came and came[-1].change == _HALF and [each.change for each in between] == [_FULL]:
            return self._not_one(known, came[-1], between[0], at, by)
        # Behind an add that came in its order the loss was told with the next add, if not before.
        if not came or came[-1].note != EARLIER or any(loss.note != KNOWN for loss in _losses(known, came[-1].at)):
            return False
        self.follows.lost_late(known, at, by)
        return True


def _was_added_back(known: Follow, at: int, source: str) -> bool:
    """Whether the end of a half add was told as an add from before: the same lead."""
    assert known.since is not None
    behind = next((each for each in _told(known) if each.change in _ADDS and each.at > at), None)
    if behind is None or behind.change != _FULL or behind.at >= known.since:
        return False
    return not is_elsewhere(source, behind.fields().get("State", ""))


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
