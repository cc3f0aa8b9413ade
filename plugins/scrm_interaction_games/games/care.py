"""Plants and the turns of their sources: what a nurture game (养成) reads and writes for one person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, execute

if TYPE_CHECKING:
    from ..engine.turns import Turn

MS_PER_MINUTE = 60_000
COLUMNS = "id, growth, water, idle_since, cared_day, reserved_until, reservations, finished_at"


@dataclass(frozen=True, slots=True)
class State:
    """A plant as it stands in the table; see models for the columns."""

    id: int
    growth: int
    water: int
    idle_since: int
    cared_day: int
    reserved_until: int | None
    reservations: int
    finished_at: int | None

    @property
    def reservation(self) -> str:
        """The key under which the prize is set aside now."""
        return f"plant:{self.id}:{self.reservations}"


def read_plant(turn: Turn) -> State | None:
    if turn.contact_id is None:
        return None
    row = execute(
        f"SELECT {COLUMNS} FROM interaction_games_plant WHERE campaign_id = ? AND contact_id = ?",
        (turn.campaign.id, turn.contact_id),
    ).fetchone()
    return None if row is None else State(*row)


def locked_plant(turn: Turn) -> State:
    """The person's plant, planted when it is the first act, and locked against their other acts."""
    row = execute(
        "INSERT INTO interaction_games_plant (campaign_id, contact_id, growth, water, idle_since, cared_day, "
        "reservations, acts) VALUES (?, ?, 0, 0, ?, ?, 0, 1) ON CONFLICT (campaign_id, contact_id) "
        f"DO UPDATE SET acts = interaction_games_plant.acts + 1 RETURNING {COLUMNS}",
        (turn.campaign.id, turn.contact_id, turn.now, turn.day),
    ).fetchone()
    plant = State(*row)
    if plant.finished_at is not None:
        raise Conflict("this plant is finished", code="finished")
    return plant


def source_of(turn: Turn, kind: str | None = None) -> dict[str, Any]:
    code = turn.data.get("source", "")
    found: dict[str, Any]
    for found in turn.settings["sources"]:
        if found["code"] == code and kind in (None, found["kind"]):
            return found
    known = [each["code"] for each in turn.settings["sources"] if kind in (None, each["kind"])]
    raise Invalid(f"no such source; there are {', '.join(known) or 'none'}", field="source")


def count_turns(turn: Turn, source: str, day: int) -> tuple[int, int | None]:
    """How many turns of a source a person had on a day, and the instant of the last one ever."""
    place = (turn.campaign.id, turn.contact_id, source)
    (count,) = execute(
        "SELECT count(*) FROM interaction_games_care WHERE campaign_id = ? AND contact_id = ? AND source = ? "
        "AND day = ?",
        (*place, day),
    ).fetchone()
    (last,) = execute(
        "SELECT max(begun_at) FROM interaction_games_care WHERE campaign_id = ? AND contact_id = ? AND source = ?",
        place,
    ).fetchone()
    return count, last


def next_turn(turn: Turn, plant: State, source: dict[str, Any]) -> int:
    """Which turn of the day this would be (1 and up); Conflict when the cap or the cool-down forbids it."""
    count, last = count_turns(turn, source["code"], turn.day)
    if count >= source["per_day"]:
        raise Conflict(f"{source['code']}: {source['per_day']} times a day, and that was it", code="daily_cap")
    ready_at = ready_at_of(source, last)
    if ready_at is not None and turn.now < ready_at:
        raise Conflict(
            f"{source['code']}: wait {source['cooldown_minutes']} minutes between two times", code="cooldown",
            ready_at=ready_at,
        )  # fmt: skip
    return count + 1


def ready_at_of(source: dict[str, Any], last: int | None) -> int | None:
    if last is None or not source["cooldown_minutes"]:
        return None
    return int(last + source["cooldown_minutes"] * MS_PER_MINUTE)


def note_turn(
    turn: Turn, source: str, key: str, *, gathered_at: int | None, amount: int, day: int | None = None
) -> bool:
    return bool(
        execute(
            "INSERT INTO interaction_games_care (campaign_id, contact_id, source, key, day, begun_at, gathered_at, "
            "amount) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (campaign_id, key) DO NOTHING",
            (
                turn.campaign.id, turn.contact_id, source, key, turn.day if day is None else day, turn.now,
                gathered_at, amount,
            ),
        ).rowcount
    )  # fmt: skip


def add_water(plant_id: int, drops: int) -> int:
    row = execute(
        "UPDATE interaction_games_plant SET water = water + ? WHERE id = ? RETURNING water", (drops, plant_id)
    ).fetchone()
    return int(row[0])
