"""The rules (优惠规则) that take an amount off: cash, thresholds, ladders, percent, shipping, points.

Each class reads itself from JSON, writes itself back and says what it takes off
a basket. ``min_minor`` thresholds are compared with >= on exact minor units.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from scrm_core.api import Invalid

from .arithmetic import FULL_BP, half_up
from .basket import Basket, Effect, Unmet
from .fields import Fields
from .percent import discount_bp

MOST_STEPS = 20
MOST_TIMES = 10_000


class Rule(ABC):
    """What every rule has. ``kind`` is its name in JSON, ``step`` where it usually belongs in the pipeline.

    ``rank`` orders offers of one step: fixed amounts before percents.
    """

    kind: ClassVar[str]
    step: ClassVar[str] = "shop"
    rank: ClassVar[int] = 0

    @classmethod
    @abstractmethod
    def read(cls, given: Fields) -> Rule:
        """The rule of a JSON object; raises Invalid naming the field."""

    @abstractmethod
    def as_dict(self) -> dict[str, Any]:
        """The JSON that ``read_rule`` reads."""

    @abstractmethod
    def effect(self, basket: Basket) -> Effect | Unmet:
        """What it takes off the basket, or why it does not apply."""


def below(basket: Basket, min_minor: int) -> Unmet | None:
    """The refusal of a basket below the threshold."""
    if basket.threshold_minor >= min_minor:
        return None
    missing = min_minor - basket.threshold_minor
    return Unmet("threshold", {"min_minor": min_minor, "missing_minor": missing})


def read_rate(given: Fields) -> int:
    """The discount in basis points, from ``rate_bp`` or a percent text ``zhe``; exactly one of the two."""
    if given.has("zhe") == given.has("rate_bp"):
        field = given.name("rate_bp")
        raise Invalid(f"{field}: give either rate_bp (1200 is 12 % off) or zhe (such as 88折)", field=field)
    if given.has("zhe"):
        rate = discount_bp(given.text("zhe"), given.name("zhe"))
        if rate == 0:
            raise Invalid(f"{given.name('zhe')}: this percent text takes nothing off", field=given.name("zhe"))
        return rate
    return int(given.whole("rate_bp", 1, FULL_BP))


@dataclass(frozen=True, slots=True)
class Cash(Rule):
    """No threshold (无门槛立减): ``off_minor`` off, no change given."""

    off_minor: int
    kind = "cash"

    @classmethod
    def read(cls, given: Fields) -> Cash:
        return cls(given.whole("off_minor", 1))

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "off_minor": self.off_minor}

    def effect(self, basket: Basket) -> Effect | Unmet:
        return Effect(min(self.off_minor, basket.base_minor))


@dataclass(frozen=True, slots=True)
class Threshold(Rule):
    """满减: ``off_minor`` off from ``min_minor`` on."""

    min_minor: int
    off_minor: int
    kind = "threshold"

    @classmethod
    def read(cls, given: Fields) -> Threshold:
        rule = cls(given.whole("min_minor", 1), given.whole("off_minor", 1))
        _not_above(rule.off_minor, rule.min_minor, given.name("off_minor"))
        return rule

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "min_minor": self.min_minor, "off_minor": self.off_minor}

    def effect(self, basket: Basket) -> Effect | Unmet:
        return below(basket, self.min_minor) or Effect(min(self.off_minor, basket.base_minor))


@dataclass(frozen=True, slots=True)
class Ladder(Rule):
    """阶梯满减: the amount of the highest step reached, once; steps do not add up."""

    steps: tuple[tuple[int, int], ...]
    kind = "ladder"

    @classmethod
    def read(cls, given: Fields) -> Ladder:
        steps: list[tuple[int, int]] = []
        for item in given.objects("steps", MOST_STEPS):
            least, off = item.whole("min_minor", 1), item.whole("off_minor", 1)
            item.done()
            _not_above(off, least, item.name("off_minor"))
            if steps and least <= steps[-1][0]:
                raise _not_ascending(item.name("min_minor"), "begins no higher")
            if steps and off <= steps[-1][1]:
                raise _not_ascending(item.name("off_minor"), "takes off no more")
            steps.append((least, off))
        return cls(tuple(steps))

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "steps": [{"min_minor": least, "off_minor": off} for least, off in self.steps]}

    def effect(self, basket: Basket) -> Effect | Unmet:
        reached = [off for least, off in self.steps if basket.threshold_minor >= least]
        if not reached:
            unmet = below(basket, self.steps[0][0])
            assert unmet is not None
            return unmet
        return Effect(min(reached[-1], basket.base_minor))


@dataclass(frozen=True, slots=True)
class Repeat(Rule):
    """每满减: ``off_minor`` for each full ``min_minor``, at most ``max_times`` (None: as often as it is reached)."""

    min_minor: int
    off_minor: int
    max_times: int | None
    kind = "repeat"

    @classmethod
    def read(cls, given: Fields) -> Repeat:
        rule = cls(
            given.whole("min_minor", 1), given.whole("off_minor", 1), given.whole("max_times", 1, MOST_TIMES, None)
        )
        _not_above(rule.off_minor, rule.min_minor, given.name("off_minor"))
        return rule

    def as_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"kind": self.kind, "min_minor": self.min_minor, "off_minor": self.off_minor}
        return shown if self.max_times is None else shown | {"max_times": self.max_times}

    def effect(self, basket: Basket) -> Effect | Unmet:
        unmet = below(basket, self.min_minor)
        if unmet is not None:
            return unmet
        times = basket.threshold_minor // self.min_minor
        if self.max_times is not None:
            times = min(times, self.max_times)
        return Effect(min(times * self.off_minor, basket.base_minor))


@dataclass(frozen=True, slots=True)
class Percent(Rule):
    """折扣券: ``rate_bp`` off (88折 is 1200), at most ``cap_minor``, from ``min_minor`` on."""

    rate_bp: int
    cap_minor: int | None
    min_minor: int
    kind = "percent"
    rank = 1

    @classmethod
    def read(cls, given: Fields) -> Percent:
        return cls(read_rate(given), given.whole("cap_minor", 1, default=None), given.whole("min_minor", 0, default=0))

    def as_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"kind": self.kind, "rate_bp": self.rate_bp}
        if self.cap_minor is not None:
            shown["cap_minor"] = self.cap_minor
        return shown | ({"min_minor": self.min_minor} if self.min_minor else {})

    def effect(self, basket: Basket) -> Effect | Unmet:
        unmet = below(basket, self.min_minor)
        if unmet is not None:
            return unmet
        off = half_up(basket.base_minor, self.rate_bp)
        return Effect(off if self.cap_minor is None else min(off, self.cap_minor))


@dataclass(frozen=True, slots=True)
class Shipping(Rule):
    """运费券 / 满包邮: the shipping, at most ``cap_minor``, from ``min_minor`` of goods on."""

    min_minor: int
    cap_minor: int | None
    kind = "shipping"
    step = "shipping"

    @classmethod
    def read(cls, given: Fields) -> Shipping:
        return cls(given.whole("min_minor", 0, default=0), given.whole("cap_minor", 1, default=None))

    def as_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"kind": self.kind}
        if self.min_minor:
            shown["min_minor"] = self.min_minor
        return shown if self.cap_minor is None else shown | {"cap_minor": self.cap_minor}

    def effect(self, basket: Basket) -> Effect | Unmet:
        unmet = below(basket, self.min_minor)
        if unmet is not None:
            return unmet
        if basket.shipping_left == 0:
            return Unmet("shipping")
        cap = basket.shipping_left if self.cap_minor is None else self.cap_minor
        return Effect(shipping_minor=min(basket.shipping_left, cap))


@dataclass(frozen=True, slots=True)
class Points(Rule):
    """积分抵扣: every ``step_points`` of ``points`` are worth ``step_minor``, at most ``cap_bp`` of what is left."""

    points: int
    step_points: int
    step_minor: int
    cap_bp: int
    kind = "points"
    step = "points"

    @classmethod
    def read(cls, given: Fields) -> Points:
        return cls(
            given.whole("points", 0),
            given.whole("step_points", 1, default=1),
            given.whole("step_minor", 1, default=1),
            given.whole("cap_bp", 1, FULL_BP, FULL_BP),
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "points": self.points,
            "step_points": self.step_points,
            "step_minor": self.step_minor,
            "cap_bp": self.cap_bp,
        }

    def effect(self, basket: Basket) -> Effect | Unmet:
        # The cap rounds down: points never pay more than their share of the order.
        cap = basket.base_minor * self.cap_bp // FULL_BP
        steps = min(self.points // self.step_points, cap // self.step_minor)
        return Effect(steps * self.step_minor)

    def points_for(self, discount_minor: int) -> int:
        """How many points a discount costs; a step that was begun is spent whole."""
        return -(-discount_minor // self.step_minor) * self.step_points


def _not_ascending(field: str, what: str) -> Invalid:
    return Invalid(f"{field}: steps ascend, and this one {what} than the one before", field=field)


def _not_above(off: int, least: int, field: str) -> None:
    if off > least:
        raise Invalid(f"{field}: takes {off} off {least}; a rule takes off no more than its threshold", field=field)
