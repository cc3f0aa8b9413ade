"""Check-in (签到): one signed day per person and date; everything else is worked out from the set of dates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, consumer_language, current_brand, execute

from ..engine import means, players
from .certain import MISSED, award_if_there, state_of, unknown_prizes
from .days_schemas import CheckInSettings
from .streaks import Cycle, MakeUp, month_of, newly_reached, streak

if TYPE_CHECKING:
    from ..engine.turns import Turn

REFUSALS = {
    "future": "day {day} has not passed; only missed days are made up",
    "signed": "day {day} is signed already",
    "before_joining": "day {day} lies before the person joined",
    "before_start": "day {day} lies before the campaign began",
    "too_old": "day {day} is more than {back} days ago",
    "monthly_limit": "{most} make-ups a month are used up",
}


@dataclass(frozen=True, slots=True)
class Book:
    """What one person has in a campaign: signed days, those made up, paid milestones, make-ups this month.

    ``moved``: their last act lies on another day in the brand's zone as it is
    now, so the zone was changed while the campaign runs.
    """

    signed: frozenset[int]
    made_up: frozenset[int]
    paid: tuple[tuple[int, int], ...]
    made_this_month: int
    joined: int
    moved: bool


class CheckIn:
    """Sign once a day; streaks, cycles and milestones follow from the dates.

    A make-up joins streaks and pays the milestones newly reached; the missed
    day's own reward is not paid. The server's clock decides what day it is.
    Other plugins are told ``checked-in`` for a signed day and ``made-up`` for
    one made up, which therefore gives no chances at other games.
    """

    kind = "checkin"
    title = {"zh": "签到", "en": "Check-in"}
    mechanics: frozenset[str] = frozenset()
    draws = False
    Settings = CheckInSettings
    actions = {"sign": "sign", "make-up": "make_up"}
    page = "games_checkin.html"
    refusals = {
        "signed": {"zh": "今天已经签到了", "en": "You have checked in today"},
        "clock_moved_back": {"zh": "日期有误，请稍后再试", "en": "The date is not right; try again later"},
        "zone_changed": {"zh": "日期有误，请稍后再试", "en": "The date is not right; try again later"},
        "make_up_future": {"zh": "只能补签已经过去的日子", "en": "Only days that have passed can be made up"},
        "make_up_signed": {"zh": "这一天已经签到了", "en": "You checked in on that day already"},
        "make_up_before_joining": {"zh": "不能补签加入之前的日子", "en": "You had not joined on that day"},
        "make_up_before_start": {"zh": "不能补签活动开始之前的日子", "en": "This had not begun on that day"},
        "make_up_too_old": {"zh": "只能补签最近几天", "en": "Only the last few days can be made up"},
        "make_up_monthly_limit": {"zh": "本月的补签次数用完了", "en": "You have used this month's make-ups"},
    }

    def check(self, campaign: Any) -> Iterable[str]:
        """Problems that refuse publishing: prizes that the campaign does not have."""
        settings = campaign.settings
        named = [code for code in settings["daily"] if code]
        named += [each["prize"] for each in settings["milestones"]]
        yield from unknown_prizes(campaign, named)
        yield from self.problems(campaign)

    def problems(self, campaign: Any) -> Iterable[str]:
        """What missed days are paid with and no enabled plugin takes."""
        cost = campaign.settings["make_up"]["cost"]
        if cost not in ("free", "ticket"):
            try:
                means.find(current_brand(), cost, field="settings.make_up.cost")
            except Invalid as exc:
                yield exc.message

    def view(self, turn: Turn) -> dict[str, Any]:
        """The calendar, the streak and what comes next, for the page; writes nothing."""
        book = _book(turn)
        cycle = _cycle(turn.settings)
        today = turn.day
        done = today in book.signed
        days = book.signed if done else book.signed | {today}
        limits = _limits(turn.settings)
        open_days = set(limits.open_days(**_asked(turn, book))) if turn.contact_id is not None else set()
        return {
            "today": _iso(today),
            "signed_today": done,
            "streak": streak(book.signed, today),
            "total": len(book.signed),
            "mode": cycle.mode,
            "cycle_day": cycle.day(days, today),
            "calendar": _calendar(today, book, open_days, _began(turn, book)),
            "daily": _daily(turn, cycle, cycle.day(days, today), done),
            "milestones": _milestones(turn, cycle, book, days, today),
            "make_up": {
                "left": max(0, limits.per_month - book.made_this_month),
                "per_month": limits.per_month,
                "days_back": limits.days_back,
                "reach": max(0, min(limits.days_back, today - _began(turn, book))),
                "cost": turn.settings["make_up"]["cost"],
                "amount": turn.settings["make_up"].get("amount"),
                "title": _title_of(turn),
                "cards": turn.tickets.balance() if _costs_a_card(turn) and turn.contact_id is not None else 0,
                "days": [_iso(day) for day in sorted(open_days)],
            },
        }

    def sign(self, turn: Turn) -> dict[str, Any]:
        """Sign today. Raises Conflict when today is signed, or when a later day is (the clock was moved back)."""
        book = _locked_book(turn)
        day = turn.day
        if book.signed and max(book.signed) > day:
            raise Conflict(
                f"{_iso(max(book.signed))} is signed already, so it cannot be {_iso(day)}; "
                "the server's clock was moved back",
                code="clock_moved_back",
            )
        if not _write(turn, day, made_up=0):
            raise Conflict(f"{_iso(day)} is signed already", code="signed")
        signed = book.signed | {day}
        cycle = _cycle(turn.settings)
        cycle_day = cycle.day(signed, day)
        prize = _daily_prize(turn.settings, cycle_day)
        reward = award_if_there(turn, prize, f"day:{_iso(day)}", "check-in 签到") if prize else None
        milestones = _pay_milestones(turn, cycle, book, signed, day)
        turn.emit("checked-in", _told(turn, signed, day))
        return {
            "day": _iso(day),
            "streak": streak(signed, day),
            "total": len(signed),
            "cycle_day": cycle_day,
            "reward": reward,
            "milestones": milestones,
        }

    def make_up(self, turn: Turn) -> dict[str, Any]:
        """Make up the missed day ``data["day"]`` (YYYY-MM-DD); Conflict says which limit forbids it.

        Costs a ticket of the campaign, or points, where its settings say so (Conflict ``no_ticket``,
        ``not_enough``); nothing is taken for a day that is not made up.
        """
        day = _read_day(turn.data.get("day", ""))
        book = _locked_book(turn)
        limits = _limits(turn.settings)
        refusal = limits.refusal(day, **_asked(turn, book))
        if refusal is not None:
            words = REFUSALS[refusal].format(day=_iso(day), back=limits.days_back, most=limits.per_month)
            raise Conflict(words, code=f"make_up_{refusal}")
        if not _write(turn, day, made_up=1):
            raise Conflict(f"{_iso(day)} is signed already", code="make_up_signed")
        if _costs_a_card(turn):
            turn.tickets.spend(f"make-up:{_iso(day)}")
        elif turn.settings["make_up"]["cost"] != "free":
            turn.pay(turn.settings["make_up"]["cost"], turn.settings["make_up"]["amount"], f"make-up of {_iso(day)}")
        signed = book.signed | {day}
        milestones = _pay_milestones(turn, _cycle(turn.settings), book, signed, day)
        turn.emit("made-up", _told(turn, signed, day))
        return {
            "day": _iso(day),
            "streak": streak(signed, turn.day),
            "total": len(signed),
            "milestones": milestones,
            "left": limits.per_month - book.made_this_month - 1,
        }


def _book(turn: Turn) -> Book:
    if turn.contact_id is None:
        return Book(frozenset(), frozenset(), (), 0, turn.day, moved=False)
    rows = execute(
        "SELECT day, made_up, acted_day, at FROM interaction_games_signed_day WHERE campaign_id = ? AND contact_id = ? "
        "ORDER BY id",
        (turn.campaign.id, turn.contact_id),
    ).fetchall()
    first, last = month_of(turn.day)
    paid = execute(
        "SELECT milestone, day FROM interaction_games_milestone WHERE campaign_id = ? AND contact_id = ? "
        "ORDER BY day, milestone",
        (turn.campaign.id, turn.contact_id),
    ).fetchall()
    (created_at,) = execute("SELECT created_at FROM contact WHERE id = ?", (turn.contact_id,)).fetchone()
    return Book(
        frozenset(day for day, *_ in rows),
        frozenset(day for day, made_up, *_ in rows if made_up),
        tuple((milestone, day) for milestone, day in paid),
        sum(1 for _, made_up, acted, _ in rows if made_up and first <= acted <= last),
        turn.brand.day(created_at),
        moved=bool(rows) and turn.brand.day(rows[-1][3]) != rows[-1][2],
    )


def _locked_book(turn: Turn) -> Book:
    """The person's days, locked against their other acts; Conflict when days no longer mean what they meant."""
    players.lock(turn.campaign.id, turn.person(None), turn.now)
    book = _book(turn)
    if book.moved:
        raise Conflict(
            "the brand's time zone was changed while this check-in runs, so its days are not the same any more; "
            "set the zone back, or end the campaign and begin a new one",
            code="zone_changed",
        )
    return book


def _write(turn: Turn, day: int, *, made_up: int) -> bool:
    return bool(
        execute(
            "INSERT INTO interaction_games_signed_day (campaign_id, contact_id, day, made_up, acted_day, at) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (campaign_id, contact_id, day) DO NOTHING",
            (turn.campaign.id, turn.contact_id, day, made_up, turn.day, turn.now),
        ).rowcount
    )


def _pay_milestones(turn: Turn, cycle: Cycle, book: Book, signed: frozenset[int], day: int) -> list[dict[str, Any]]:
    prizes = {each["days"]: each["prize"] for each in turn.settings["milestones"]}
    given = []
    for milestone in newly_reached(cycle, signed, day, prizes, book.paid):
        key = _milestone_key(milestone, day)
        reward = award_if_there(turn, prizes[milestone], key, f"check-in milestone 签到里程碑 {milestone}")
        execute(
            "INSERT INTO interaction_games_milestone (campaign_id, contact_id, milestone, day, prize, at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                turn.campaign.id, turn.contact_id, milestone, day,
                "" if reward["state"] in MISSED else prizes[milestone], turn.now,
            ),
        )  # fmt: skip
        given.append({"days": milestone, **reward})
    return given


def _told(turn: Turn, signed: frozenset[int], day: int) -> dict[str, str | int]:
    return {
        "day": _iso(day),
        "streak": streak(signed, turn.day),
        "total": len(signed),
    }


def _asked(turn: Turn, book: Book) -> dict[str, Any]:
    starts = turn.campaign.starts_at
    return {
        "today": turn.day,
        "signed": book.signed,
        "joined": book.joined,
        "starts": turn.brand.day(starts) if starts is not None else 0,
        "made_this_month": book.made_this_month,
    }


def _began(turn: Turn, book: Book) -> int:
    """The first day on which the person could sign: of the campaign, or theirs where they joined later."""
    starts = int(_asked(turn, book)["starts"])
    return starts if turn.contact_id is None else max(starts, book.joined)


def _calendar(today: int, book: Book, open_days: set[int], began: int) -> list[dict[str, Any]]:
    """The weeks (Monday first) that show this month and the days that can be made up."""
    first, last = month_of(today)
    first = min([first, *open_days])
    first -= date.fromordinal(first).weekday()
    last += 6 - date.fromordinal(last).weekday()
    return [
        {
            "day": _iso(day),
            "number": date.fromordinal(day).day,
            "month": date.fromordinal(day).month,
            "state": _state(day, today, book, open_days, began),
            "today": day == today,
        }
        for day in range(first, last + 1)
    ]


def _state(day: int, today: int, book: Book, open_days: set[int], began: int) -> str:
    if day in book.made_up:
        return "made_up"
    if day in book.signed:
        return "signed"
    if day in open_days:
        return "open"
    if day >= today:
        return "today" if day == today else "future"
    return "past" if day >= began else "before"


def _daily(turn: Turn, cycle: Cycle, cycle_day: int, done: bool) -> list[dict[str, Any]]:
    """The rewards of the cycle days around today: a rolling cycle whole, otherwise the seven days from here."""
    if not turn.settings["daily"]:
        return []
    titles = {prize.code: prize.title for prize in turn.campaign.prizes}
    begins = 1 if cycle.mode == "rolling" else cycle_day
    ends = cycle.length if cycle.mode == "rolling" else cycle_day + 6
    out = []
    for day in range(begins, ends + 1):
        prize = _daily_prize(turn.settings, day)
        state = "past" if day < cycle_day else "today" if day == cycle_day else "future"
        out.append(
            {
                "cycle_day": day,
                "prize": prize,
                "title": titles.get(prize, ""),
                "state": "past" if state == "today" and done else state,
            }
        )
    return out


def _milestones(
    turn: Turn, cycle: Cycle, book: Book, days: frozenset[int], today: int
) -> list[dict[str, Any]]:
    """Each milestone with how many days are still missing to it; ``reached`` once it was paid in this streak."""
    titles = {prize.code: prize.title for prize in turn.campaign.prizes}
    run = cycle.day(days, today) - (0 if today in book.signed else 1)
    scope = cycle.scope(days, today)
    had = {milestone: on for milestone, on in book.paid if scope.holds(on)}
    if cycle.mode == "rolling":
        start = today - cycle.day(days, today) + 1
        had = {milestone: on for milestone, on in book.paid if on >= start}
    return [
        {
            "days": each["days"],
            "prize": each["prize"],
            "title": titles.get(each["prize"], each["prize"]),
            "reached": each["days"] in had,
            "state": _milestone_state(turn, each["days"], had.get(each["days"])),
            "left": max(0, each["days"] - run),
        }
        for each in sorted(turn.settings["milestones"], key=lambda each: each["days"])
    ]


def _milestone_state(turn: Turn, days: int, on: int | None) -> str:
    """What became of a milestone's prize; ``sold_out`` when there was none, empty before it was reached."""
    return "" if on is None else state_of(turn, _milestone_key(days, on)) or "sold_out"


def _milestone_key(days: int, on: int) -> str:
    return f"milestone:{days}:{_iso(on)}"


def _daily_prize(settings: dict[str, Any], cycle_day: int) -> str:
    daily: list[str] = settings["daily"]
    if not daily:
        return ""
    return daily[min(cycle_day, len(daily)) - 1]


def _cycle(settings: dict[str, Any]) -> Cycle:
    return Cycle(settings["mode"], settings["cycle_days"])


def _limits(settings: dict[str, Any]) -> MakeUp:
    return MakeUp(settings["make_up"]["per_month"], settings["make_up"]["days_back"])


def _title_of(turn: Turn) -> str:
    """What is taken for a make-up, as people read it; empty for free ones and cards."""
    cost = turn.settings["make_up"]["cost"]
    if cost in ("free", "ticket"):
        return ""
    try:
        return str(means.find(turn.brand, cost, field="settings.make_up.cost").title[consumer_language()])
    except Invalid:
        return str(cost)  # switched off meanwhile: the page is there, and making up is refused


def _costs_a_card(turn: Turn) -> bool:
    return bool(turn.settings["make_up"]["cost"] == "ticket")


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def _read_day(text: str) -> int:
    try:
        if len(text) != 10:
            raise ValueError(text)
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise Invalid("the day to make up is written as YYYY-MM-DD, for example 2026-03-05", field="day") from None
