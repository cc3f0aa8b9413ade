"""Whether a partner fits (选伙伴): no direct competitor, audiences of like size, and the repeat condition of a channel.

Source: playbook F11 and F12. A category is a path such as ``baby/diapers``; two
brands that sell in one and the same category compete, brands of sister
categories may be the best partners there are (milk powder and diapers).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scrm_core.api import folded

MINIMUM = 1_000
"""Audiences and overlaps below this are not told."""


def rounded(number: int) -> int:
    """A number to 2 significant digits, halves up; below :data:`MINIMUM` it is 0, which says "too few to tell"."""
    if number < MINIMUM:
        return 0
    step = 10 ** (len(str(number)) - 2)
    return (number + step // 2) // step * step


@dataclass(frozen=True, slots=True)
class Profile:
    """What a brand tells of itself: never of a person. ``size`` is rounded; ``repeat_days`` 0 is unknown."""

    role: str
    categories: tuple[str, ...]
    size: int
    repeat_days: int

    def told(self) -> dict[str, Any]:
        """The body of the message that carries it."""
        return {
            "role": self.role,
            "categories": list(self.categories),
            "size": self.size,
            "repeat_days": self.repeat_days,
        }


@dataclass(frozen=True, slots=True)
class Fit:
    """``fits`` is true when nothing speaks against the swap; ``against`` says what does, a sentence each.

    ``ratio_bp`` is the larger audience by the smaller one in basis points, None while one is unknown.
    ``overlap`` is how many people both have by the last estimate, ``overlap_bp`` its share of the smaller
    audience (人群重合度): the more the better, practice names no least; None before there is one.
    """

    fits: bool
    against: tuple[str, ...]
    ratio_bp: int | None
    overlap: int | None = None
    overlap_bp: int | None = None


def judge(own: Profile, other: Profile, kind: str, settings: Mapping[str, Any]) -> Fit:
    """Whether brands fit for a swap of ``kind``; ``settings`` are the plugin's."""
    against = []
    pairs = [(ours, theirs) for ours in own.categories for theirs in other.categories]
    shared = sorted({theirs for ours, theirs in pairs if _within(ours, theirs) or _within(theirs, ours)})
    if shared:
        against.append(f"direct competitor: both sell {', '.join(shared)}")
    barred = [each for each in other.categories if any(_within(each, no) for no in settings["barred_categories"])]
    if barred:
        against.append(f"barred category: {', '.join(barred)}")
    ratio = None
    if own.size and other.size:
        ratio = max(own.size, other.size) * 10_000 // min(own.size, other.size)
        if ratio > settings["size_ratio_bp"]:
            most = settings["size_ratio_bp"] / 10_000
            against.append(f"audiences differ {ratio / 10_000:.1f} times; {most:.1f} at most")
    else:
        against.append(f"an audience is below {MINIMUM:,} people")
    if kind == "channel":
        against += _repeat(own, other, settings)
    return Fit(not against, tuple(against), ratio)


def _within(category: str, other: str) -> bool:
    """Whether a category is another one or a part of it: ``Baby/Diapers/ Premium`` is within ``baby/diapers``."""
    path, above = ([folded(part) for part in each.split("/") if folded(part)] for each in (category, other))
    return path[: len(above)] == above and bool(above)


def _repeat(own: Profile, other: Profile, settings: Mapping[str, Any]) -> list[str]:
    """Brand x channel: the brand is bought again soon, the channel has the people and is not (practice)."""
    roles = {own.role: own, other.role: other}
    if set(roles) != {"brand", "channel"}:
        return ["brand x channel needs a brand on one side and a channel on the other"]
    brand, channel = roles["brand"], roles["channel"]
    against = []
    if not 0 < brand.repeat_days <= settings["brand_repeat_days"]:
        against.append(f"the brand is not bought again within {settings['brand_repeat_days']} days")
    if channel.repeat_days < settings["channel_repeat_days"]:
        against.append(f"the channel is bought again within {settings['channel_repeat_days']} days")
    return against
