"""Nurture game (养成): water from daily acts grows a plant; a finished one is worth a prize that was set aside."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, current_brand, execute, standing

from .care import (
    COLUMNS,
    State,
    add_water,
    count_turns,
    locked_plant,
    next_turn,
    note_turn,
    read_plant,
    ready_at_of,
    source_of,
)
from .certain import award, state_of, title_of, unknown_prizes
from .days_schemas import NurtureSettings
from .growth import Curve, Source, days_to_finish, idle_production, idle_spent

if TYPE_CHECKING:
    from ..engine.turns import Desk, Turn

MS_PER_DAY = 86_400_000
VISITS_PER_DAY = 2
IDLE = "idle"
LONGEST_STAY_MS = 1_800_000


class Nurture:
    """Sources give water with a daily cap and a cool-down; pouring it makes the plant grow.

    The prize is reserved when the last stage begins, so whoever finishes gets
    it. When no prize is left to reserve, the plant waits below the last stage
    and goes on when one comes free. A reservation lapses after ``keep_days``.
    """

    kind = "nurture"
    title = {"zh": "养成", "en": "Nurture"}
    mechanics: frozenset[str] = frozenset()
    draws = False
    Settings = NurtureSettings
    actions = {"collect": "collect", "begin": "begin", "pour": "pour"}
    page = "games_nurture.html"
    refusals = {
        "daily_cap": {"zh": "今天已经领完了，明天再来", "en": "That was all for today; come back tomorrow"},
        "cooldown": {"zh": "还没到时间，稍后再来", "en": "Not yet; come back a little later"},
        "too_early": {"zh": "再看一会儿就能领取", "en": "Stay a little longer to get it"},
        "no_stay": {"zh": "请重新开始浏览", "en": "Please begin again"},
        "nothing_yet": {"zh": "还没有积满一滴", "en": "No drop has gathered yet"},
        "none_to_reserve": {
            "zh": "奖品名额已满，您的植株会等着，有名额时可以继续",
            "en": "Every prize is set aside for others; yours waits and goes on when one comes free",
        },
        "dry": {"zh": "水壶空了，先去收集", "en": "There is no water; gather some first"},
        "finished": {"zh": "已经养成，奖品已发放", "en": "It is fully grown and your prize was sent"},
    }

    def check(self, campaign: Any) -> Iterable[str]:
        """Problems that refuse publishing: an unknown prize, and a plant that nobody can finish in time."""
        yield from unknown_prizes(campaign, [campaign.settings["prize"]])
        told = self.forecast(campaign)
        if told["days_to_finish"] is None:
            yield "settings.sources: they give so little water that nobody ever finishes"
            return
        if told["days_to_finish"] > told["campaign_days"]:
            yield (
                f"settings.stages: somebody who uses every free source needs {told['days_to_finish']} days, "
                f"the campaign lasts {told['campaign_days']}; lower the stages or give more water"
            )
        if told["last_stage_days"] > campaign.settings["keep_days"]:
            yield (
                f"settings.keep_days: the last stage takes {told['last_stage_days']} days, the prize is set aside for "
                f"{campaign.settings['keep_days']} only"
            )

    def forecast(self, campaign: Any) -> dict[str, Any]:
        """Simulated days for somebody who comes twice a day and uses every free source (orders do not count)."""
        settings = campaign.settings
        stages = settings["stages"]
        starts_at = campaign.starts_at if campaign.starts_at is not None else current_brand().now()
        return {
            "days_to_finish": _simulated(settings, stages[-1]),
            "last_stage_days": _simulated(settings, stages[-1] - stages[-2]),
            "campaign_days": max(0, campaign.ends_at - starts_at) // MS_PER_DAY,
        }

    def view(self, turn: Turn) -> dict[str, Any]:
        """The plant, its water and what can be gathered now, for the page; writes nothing."""
        settings = turn.settings
        curve = Curve(tuple(settings["stages"]))
        plant = read_plant(turn)
        growth = _withered(settings, curve, plant, turn.day) if plant is not None else 0
        finished = plant is not None and plant.finished_at is not None
        stay = _stay(turn)
        return {
            "plant": settings["plant"],
            "growth": growth,
            "goal": curve.goal,
            "stage": curve.stage(growth),
            "stages": list(curve.thresholds),
            "progress": _progress(curve, growth),
            "water": plant.water if plant is not None else 0,
            "pour": settings["pour"],
            "idle": _idle(settings, plant, turn.now),
            "stay": stay,
            "sources": [
                _shown(turn, plant, source, stays=stay is not None and stay["source"] == source["code"])
                for source in settings["sources"]
            ],
            "reserved_until": plant.reserved_until if plant is not None else None,
            "finished": finished,
            "reward": state_of(turn, plant.reservation) if plant is not None and finished else "",
            "prize": {"code": settings["prize"], "title": title_of(turn, settings["prize"])},
            "days_to_finish": _simulated(settings, max(1, curve.goal - growth)) if not finished else 0,
            "now": turn.now,
        }

    def begin(self, turn: Turn) -> dict[str, Any]:
        """Start a stay on a page (source of kind ``browse``); the answer's token is what ``collect`` needs.

        Only one stay runs at a time: beginning another one ends it.
        """
        source = source_of(turn, "browse")
        plant = locked_plant(turn)
        execute(
            "DELETE FROM interaction_games_care WHERE campaign_id = ? AND contact_id = ? AND gathered_at IS NULL",
            (turn.campaign.id, turn.contact_id),
        )
        next_turn(turn, plant, source)
        token = secrets.token_urlsafe(16)
        note_turn(turn, source["code"], token, gathered_at=None, amount=0)
        return {"token": token, "seconds": source["seconds"], "text": source["text"]}

    def collect(self, turn: Turn) -> dict[str, Any]:
        """Gather water from ``data["source"]``, or what gathered by itself (source ``idle``).

        Raises Conflict: ``daily_cap``, ``cooldown`` (``ready_at``), ``too_early``
        (a stay that has not lasted yet), ``nothing_yet`` (idle), ``finished``.
        """
        plant = locked_plant(turn)
        if turn.data.get("source") == IDLE:
            return self._collect_idle(turn, plant)
        source = source_of(turn)
        if source["kind"] == "order":
            raise Invalid("water for orders comes by itself when an order is paid", field="source")
        if source["kind"] == "browse":
            amount = self._end_stay(turn, source)
        else:
            nth = next_turn(turn, plant, source)
            amount = source["amount"] if source["kind"] == "daily" or _answered_right(turn, source) else 0
            key = f"{plant.id}:{source['code']}:{turn.day}:{nth}"
            note_turn(turn, source["code"], key, gathered_at=turn.now, amount=amount)
        water = add_water(plant.id, amount)
        answer: dict[str, Any] = {"source": source["code"], "amount": amount, "water": water}
        if source["kind"] == "answer":
            answer["right"] = amount > 0
            turn.emit("answered", {"source": source["code"], "right": int(amount > 0)})
        return answer

    def pour(self, turn: Turn) -> dict[str, Any]:
        """Water the plant. At the last stage the prize is reserved; with the last drop it is awarded.

        Raises Conflict: ``dry`` (no water), ``finished``, ``none_to_reserve``
        (every prize is set aside; the water stays).
        """
        settings = turn.settings
        curve = Curve(tuple(settings["stages"]))
        plant = locked_plant(turn)
        before = _withered(settings, curve, plant, turn.day)
        drops = min(settings["pour"], plant.water, curve.goal - before)
        if not drops:
            raise Conflict("there is no water; gather some first", code="dry")
        after = before + drops
        plant, until = self._reserve(turn, curve, plant, after)
        finished_at = turn.now if after == curve.goal else None
        reward = None
        if finished_at is not None:
            reward = award(turn, settings["prize"], plant.reservation, "nurture finished 养成完成")
            until = None
        execute(
            "UPDATE interaction_games_plant SET growth = ?, water = water - ?, cared_day = ?, reserved_until = ?, "
            "reservations = ?, finished_at = ? WHERE id = ?",
            (after, drops, max(plant.cared_day, turn.day), until, plant.reservations, finished_at, plant.id),
        )
        turn.emit("played", {"growth": after})
        return {
            "growth": after,
            "water": plant.water - drops,
            "stage": curve.stage(after),
            "progress": _progress(curve, after),
            "grew": curve.stage(after) > curve.stage(before),
            "reserved_until": until,
            "finished": finished_at is not None,
            "reward": reward,
        }

    def settle(self, desk: Desk) -> int:
        """Give back the prizes of plants that were not finished in time; returns how many."""
        with desk.brand.transaction():
            rows = execute(
                f"SELECT contact_id, {COLUMNS} FROM interaction_games_plant "
                "WHERE campaign_id = ? AND reserved_until <= ? ORDER BY id LIMIT 1000",
                (desk.campaign.id, desk.now),
            ).fetchall()
            for contact_id, *columns in rows:
                plant = State(*columns)
                desk.turn(contact_id, f"lapse:{plant.reservation}").release(plant.reservation)
                execute(
                    "UPDATE interaction_games_plant SET reserved_until = NULL WHERE id = ? AND reservations = ?",
                    (plant.id, plant.reservations),
                )
        return len(rows)

    def on_order(self, desk: Desk, event: Any) -> None:
        """A paid order waters the plant of somebody who has one, once per order and within the daily cap."""
        sources = [source for source in desk.campaign.settings["sources"] if source["kind"] == "order"]
        if event.contact_id is None or not sources:
            return
        turn = desk.turn(standing(event.contact_id), f"order:{event.order_id}")
        plant = read_plant(turn)
        if plant is None or plant.finished_at is not None:
            return
        for source in sources:
            day = turn.brand.day(event.at)
            if count_turns(turn, source["code"], day)[0] >= source["per_day"]:
                continue
            made = note_turn(
                turn, source["code"], f"order:{event.order_id}:{source['code']}", gathered_at=turn.now,
                amount=source["amount"], day=day,
            )  # fmt: skip
            if made:
                add_water(plant.id, source["amount"])

    def on_refund(self, desk: Desk, event: Any) -> None:
        """A full refund takes back the order's water as far as it was not poured yet."""
        if not event.full:
            return
        for source in desk.campaign.settings["sources"]:
            if source["kind"] != "order":
                continue
            row = execute(
                "SELECT id, contact_id, amount FROM interaction_games_care "
                "WHERE campaign_id = ? AND key = ? AND amount > 0",
                (desk.campaign.id, f"order:{event.order_id}:{source['code']}"),
            ).fetchone()
            if row is None:
                continue
            care_id, contact_id, amount = row
            if execute("UPDATE interaction_games_care SET amount = 0 WHERE id = ? AND amount > 0", (care_id,)).rowcount:
                execute(
                    "UPDATE interaction_games_plant SET water = CASE WHEN water > ? THEN water - ? ELSE 0 END "
                    "WHERE campaign_id = ? AND contact_id = ?",
                    (amount, amount, desk.campaign.id, contact_id),
                )

    def _collect_idle(self, turn: Turn, plant: State) -> dict[str, Any]:
        idle = turn.settings["idle"]
        if idle is None:
            raise Invalid("in this campaign no water gathers by itself", field="source")
        drops = _idle(turn.settings, plant, turn.now)["ready"]
        if not drops:
            raise Conflict("no drop has gathered yet", code="nothing_yet")
        full = drops >= idle["cap"]
        since = turn.now if full else plant.idle_since + idle_spent(drops, idle["per_hour"])
        execute("UPDATE interaction_games_plant SET idle_since = ? WHERE id = ?", (since, plant.id))
        return {"source": IDLE, "amount": drops, "water": add_water(plant.id, drops)}

    def _end_stay(self, turn: Turn, source: dict[str, Any]) -> int:
        """The drops of a stay that lasted; its token counts once."""
        row = execute(
            "SELECT id, begun_at FROM interaction_games_care WHERE campaign_id = ? AND contact_id = ? AND source = ? "
            "AND key = ? AND gathered_at IS NULL",
            (turn.campaign.id, turn.contact_id, source["code"], turn.data.get("token", "")),
        ).fetchone()
        if row is None:
            raise Conflict("this stay was not begun here, or is over; begin again", code="no_stay")
        stayed = turn.now - row[1]
        if stayed < source["seconds"] * 1_000:
            raise Conflict(
                f"stay {source['seconds']} seconds; {max(0, stayed) // 1_000} have passed", code="too_early",
                ready_at=row[1] + source["seconds"] * 1_000,
            )  # fmt: skip
        if stayed > LONGEST_STAY_MS:
            raise Conflict("this stay began more than half an hour ago; begin again", code="no_stay")
        execute(
            "UPDATE interaction_games_care SET gathered_at = ?, amount = ? WHERE id = ?",
            (turn.now, source["amount"], row[0]),
        )
        return int(source["amount"])

    def _reserve(self, turn: Turn, curve: Curve, plant: State, growth: int) -> tuple[State, int | None]:
        """The plant and until when its prize is set aside, at the growth it will have."""
        if growth < curve.last_stage:
            return plant, plant.reserved_until
        if plant.reserved_until is not None and plant.reserved_until > turn.now:
            return plant, plant.reserved_until
        if plant.reserved_until is not None:
            turn.release(plant.reservation)
        again = State(
            plant.id, plant.growth, plant.water, plant.idle_since, plant.cared_day, None, plant.reservations + 1, None
        )
        until = turn.now + turn.settings["keep_days"] * MS_PER_DAY
        try:
            turn.reserve(turn.settings["prize"], again.reservation, until)
        except Conflict as exc:
            if exc.code != "sold_out":
                raise
            raise Conflict(
                "every prize is set aside for others; the plant waits, and goes on when one comes free",
                code="none_to_reserve",
            ) from exc
        return again, until


def _answered_right(turn: Turn, source: dict[str, Any]) -> bool:
    choice = turn.data.get("choice", "")
    if choice not in [str(number + 1) for number in range(len(source["choices"]))]:
        raise Invalid(f"choose 1 to {len(source['choices'])}", field="choice")
    return choice == str(source["right"])


def _withered(settings: dict[str, Any], curve: Curve, plant: State, today: int) -> int:
    decay = settings["decay"]
    if decay is None:
        return plant.growth
    away = today - plant.cared_day
    return curve.withered(plant.growth, away, after_days=decay["after_days"], per_day=decay["per_day"])


def _idle(settings: dict[str, Any], plant: State | None, now: int) -> dict[str, Any]:
    idle = settings["idle"]
    if idle is None:
        return {"ready": 0, "cap": 0, "per_hour": 0}
    ready = idle_production(now - plant.idle_since, idle["per_hour"], idle["cap"]) if plant is not None else 0
    return {"ready": ready, "cap": idle["cap"], "per_hour": idle["per_hour"]}


def _simulated(settings: dict[str, Any], growth: int) -> int | None:
    sources = [
        Source(source["amount"], source["per_day"], source["cooldown_minutes"])
        for source in settings["sources"]
        if source["kind"] != "order"
    ]
    idle = settings["idle"] or {"per_hour": 0, "cap": 0}
    return days_to_finish(
        Curve((growth,)), sources, idle_per_hour=idle["per_hour"], idle_cap=idle["cap"],
        visits_per_day=VISITS_PER_DAY,
    )  # fmt: skip


def _progress(curve: Curve, growth: int) -> dict[str, int]:
    into, whole = curve.progress(growth)
    return {"into": into, "of": whole, "percent": into * 100 // whole}


def _stay(turn: Turn) -> dict[str, Any] | None:
    """The stay that this person has begun, with its token, so that a page that is opened again can end it."""
    if turn.contact_id is None:
        return None
    row = execute(
        "SELECT source, key, begun_at FROM interaction_games_care WHERE campaign_id = ? AND contact_id = ? "
        "AND gathered_at IS NULL AND begun_at > ?",
        (turn.campaign.id, turn.contact_id, turn.now - LONGEST_STAY_MS),
    ).fetchone()
    source = next((each for each in turn.settings["sources"] if row and each["code"] == row[0]), None)
    if source is None:
        return None
    left = max(0, row[2] + source["seconds"] * 1_000 - turn.now)
    return {"source": row[0], "title": source["title"], "text": source["text"], "token": row[1], "left_ms": left}


def _shown(turn: Turn, plant: State | None, source: dict[str, Any], *, stays: bool) -> dict[str, Any]:
    """A source as the page shows it, ``running`` while a stay is; a question's right answer stays on the server."""
    count, last = count_turns(turn, source["code"], turn.day) if plant is not None else (0, None)
    ready_at = ready_at_of(source, last)
    shown = {name: source[name] for name in ("code", "kind", "title", "amount", "per_day")}
    for name in ("seconds", "question", "choices"):
        if name in source:
            shown[name] = source[name]
    waits = ready_at is not None and ready_at > turn.now
    shown["left"] = max(0, source["per_day"] - count)
    shown["ready_at"] = ready_at if waits else None
    closed = "done" if shown["left"] == 0 else "waiting" if waits else "ready"
    shown["state"] = "running" if stays else closed
    return shown
