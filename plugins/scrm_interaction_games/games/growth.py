"""Growth of a nurture game (养成): idle production, stages, withering and days to finish.

Pure arithmetic on integers: growth and water are counted in whole drops, time
in milliseconds of the server's clock. Nothing here reads a clock or a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MS_PER_HOUR = 3_600_000
WAKING_MINUTES = 960  # sixteen hours: nobody waters at four in the morning
LONGEST_SIMULATION = 3_650


def idle_production(elapsed_ms: int, per_hour: int, cap: int) -> int:
    """Drops that gathered by themselves: min(cap, elapsed * rate), rounded down; none for time that ran backwards."""
    return min(cap, max(0, elapsed_ms) * per_hour // MS_PER_HOUR)


def idle_spent(drops: int, per_hour: int) -> int:
    """The milliseconds that ``drops`` took to gather, rounded up: the fraction of a drop stays with the person."""
    return -(-drops * MS_PER_HOUR // per_hour) if per_hour else 0


@dataclass(frozen=True, slots=True)
class Curve:
    """The growth at which each stage begins, rising; reaching the last one finishes the plant.

    With thresholds 100, 300, 700 a plant is at stage 0 below 100, 1 from 100,
    2 (the last stage) from 300, and finished at 700.
    """

    thresholds: tuple[int, ...]

    @property
    def goal(self) -> int:
        """The growth that finishes the plant."""
        return self.thresholds[-1]

    @property
    def last_stage(self) -> int:
        """Where the last stage begins: the prize is set aside from here on. 0 with a single threshold."""
        return self.thresholds[-2] if len(self.thresholds) > 1 else 0

    def stage(self, growth: int) -> int:
        """How many thresholds have been reached."""
        return sum(growth >= each for each in self.thresholds)

    def floor(self, growth: int) -> int:
        """The growth at which the present stage began; withering never goes below it."""
        stage = self.stage(growth)
        return self.thresholds[stage - 1] if stage else 0

    def progress(self, growth: int) -> tuple[int, int]:
        """(drops into the present stage, drops that the stage takes); the last pair for a finished plant."""
        stage = min(self.stage(growth), len(self.thresholds) - 1)
        start = self.thresholds[stage - 1] if stage else 0
        return min(growth, self.goal) - start, self.thresholds[stage] - start

    def withered(self, growth: int, days_away: int, *, after_days: int, per_day: int) -> int:
        """Growth after ``days_away`` days without care: ``per_day`` is lost each day beyond ``after_days``.

        Never below the floor of the stage; a finished plant does not wither.
        """
        if growth >= self.goal:
            return growth
        lost = max(0, days_away - after_days) * per_day
        return max(self.floor(growth), growth - lost)


@dataclass(frozen=True, slots=True)
class Source:
    """What a normal person can gather from one source in a day: ``amount`` drops, ``per_day`` times."""

    amount: int
    per_day: int
    cooldown_minutes: int = 0

    @property
    def daily(self) -> int:
        """Drops a day: the cool-down may leave less room than the daily cap."""
        fits = WAKING_MINUTES // self.cooldown_minutes if self.cooldown_minutes else self.per_day
        return self.amount * min(self.per_day, max(1, fits))


def days_to_finish(
    curve: Curve, sources: Sequence[Source], *, idle_per_hour: int = 0, idle_cap: int = 0, visits_per_day: int = 1
) -> int | None:
    """Simulated days until somebody who uses every free source each day has finished; None when never.

    The store of idle drops is emptied at each of ``visits_per_day`` visits, evenly spread over the day.
    """
    idle = visits_per_day * idle_production(24 * MS_PER_HOUR // visits_per_day, idle_per_hour, idle_cap)
    daily = sum(source.daily for source in sources) + idle
    if daily <= 0:
        return None
    days = -(-curve.goal // daily)
    return days if days <= LONGEST_SIMULATION else None
