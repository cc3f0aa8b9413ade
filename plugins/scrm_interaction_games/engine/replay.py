"""Repeating a campaign's decisions from what was published: each draw's promise, stock, budget, days and shares.

The published moves say in which order draws, awards, returns and additions
asked for what is limited. Each decision follows from the rules and from what
the moves before it left, so a prize that was there and not given is found out,
and so is one that was given twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from scrm_core.api import from_instant

from . import moves
from .stock import BUDGET, NOT_TO_THEM, PACED, PER_DAY, PER_PERSON, REFUSED, SOLD_OUT, released


@dataclass(slots=True)
class Book:
    """What is left of a campaign's prizes and budget, and who had how many of each, at a place among its moves."""

    rules: Mapping[str, Any]
    same: Mapping[str, frozenset[str]]
    """Person -> all whom a merge has ever made one with them."""
    known: frozenset[str]
    """Persons of whom nothing was erased."""
    prizes: dict[str, Mapping[str, Any]] = field(init=False)
    total: dict[str, int | None] = field(init=False)
    left: dict[str, int | None] = field(init=False)
    budget: int | None = field(init=False)
    spent: int = 0
    days: Counter[tuple[str, int]] = field(default_factory=Counter)
    had: Counter[tuple[str, str]] = field(default_factory=Counter)
    unplaced: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Awards without a number of their own (their prize had been reserved): had at a time that nobody knows."""

    def __post_init__(self) -> None:
        self.prizes = {prize["code"]: prize for prize in self.rules["prizes"]}
        self.total = {code: prize["stock"] for code, prize in self.prizes.items()}
        self.left = dict(self.total)
        self.budget = self.rules["budget_minor"]

    def limited(self, code: str) -> bool:
        """Whether asking for a prize is one of the campaign's moves."""
        prize = self.prizes[code]
        return bool(prize["value_minor"]) or any(
            prize[name] is not None for name in ("stock", "per_day", "per_person")
        )

    def out(self, code: str, at: int, person: str | None, *, share_claimed: bool = False) -> str:
        """Why a prize is not to be had here, or an empty text.

        ``share_claimed``: the record says that this person has had their share of it.
        """
        prize = self.prizes[code]
        if person is not None and self._beyond(prize, person, share_claimed):
            return PER_PERSON
        if prize["value_minor"] and self.budget is not None and self.spent + prize["value_minor"] > self.budget:
            return BUDGET
        if prize["per_day"] is not None and self.days[code, self.day(at)] >= prize["per_day"]:
            return PER_DAY
        total, left = self.total[code], self.left[code]
        if total is None or left is None:
            return ""
        if left < 1:
            return SOLD_OUT
        rules = self.rules
        even = prize["release"] == "even"
        if even and total - left >= released(
            total, rules["starts_at"], rules["ends_at"], at, rules["release_minutes"]
        ):
            return PACED
        return ""

    def take(self, code: str, at: int, person: str | None) -> None:
        """One win of a prize is gone."""
        self._move(code, self.day(at), -1)
        if person is not None:
            self.had[person, code] += 1

    def give_back(self, code: str, day: int) -> None:
        """One win of a prize, taken on a day, is there again."""
        self._move(code, day, 1)

    def day(self, at: int) -> int:
        """The brand's day of an instant, as ``date.toordinal()``."""
        return from_instant(at, ZoneInfo(self.rules["zone"])).toordinal()

    def _move(self, code: str, day: int, count: int) -> None:
        prize = self.prizes[code]
        left = self.left[code]
        if left is not None:
            self.left[code] = left + count
        self.spent -= count * prize["value_minor"]
        self.days[code, day] -= count

    def _beyond(self, prize: Mapping[str, Any], person: str, claimed: bool) -> bool:
        """Whether a person has had their share of a prize.

        Where a merge, or its undoing, made two players one or one two, only the upper
        bound is public: the record is believed as far as it goes, and wholly where one
        of them was erased.
        """
        most, code = prize["per_person"], prize["code"]
        if most is None:
            return False
        people = self.same.get(person, frozenset((person,)))
        sure = sum(self.had[each, code] for each in people)
        possible = sure + sum(self.unplaced[each, code] for each in people)
        if len(people) == 1 and sure == possible and people <= self.known:
            return bool(sure >= most)
        return claimed and bool(possible >= most or not people <= self.known)


@dataclass(frozen=True, slots=True)
class Finding:
    """What repeating one published record showed; ``uid`` is empty for a move that is no draw and no award."""

    uid: str
    holds: bool
    detail: str


def refused(draw: Mapping[str, Any]) -> dict[str, str]:
    """Code -> refusal of the prizes that their issuers refused in a published draw."""
    told = (each.partition(":") for each in str(draw.get("refused") or "").split())
    return {code: why for code, _, why in told if why in (REFUSED, NOT_TO_THEM)}


def same_people(told: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Person -> everybody whom merges ever made one with them."""
    groups: dict[str, frozenset[str]] = {}
    for one, two in [*((each["person"], each["other"]) for each in told["carried"]), *told["same"]]:
        both = groups.get(one, frozenset((one,))) | groups.get(two, frozenset((two,)))
        groups.update(dict.fromkeys(both, both))
    return groups


def repeat(told: Mapping[str, Any], rules: Mapping[str, Any], due: Mapping[str, bool]) -> Iterator[Finding]:
    """Repeat a campaign's decisions in the order of its moves; ``due``: uid of a draw -> whether a promise was due."""
    book = Book(rules, same_people(told), frozenset(told["players"]) | _newcomers(told))
    for award in told["awards"]:
        if award["move"] is None:
            book.unplaced[award["person"], award["prize"]] += 1
    wins = _wins(told)
    for kind, each in _in_order(told):
        if kind == "draw":
            yield _draw(book, each, due[each["uid"]])
        elif kind == "award":
            yield _award(book, each)
        else:
            found = _movement(book, each, wins)
            if found is not None:
                yield found


def _newcomers(told: Mapping[str, Any]) -> frozenset[str]:
    """Persons who had awards and have not drawn."""
    drawn = {draw["person"] for draw in told["draws"]}
    return frozenset(award["person"] for award in told["awards"]) - drawn


def _in_order(told: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Everything that was published, draws that asked for nothing limited first: for them no order matters."""
    records = [("draw", each) for each in told["draws"]]
    records += [("award", each) for each in told["awards"] if each["move"] is not None]
    records += [("move", each) for each in told["movements"]]
    return sorted(records, key=lambda record: record[1]["move"] or 0)


def _wins(told: Mapping[str, Any]) -> dict[str, tuple[str, str, bool]]:
    """uid -> (person, prize, whether it has a number) of everything that was won."""
    found = {each["uid"]: (each["person"], each["given"], True) for each in told["draws"] if each["given"]}
    found.update({each["uid"]: (each["person"], each["prize"], each["move"] is not None) for each in told["awards"]})
    return found


def _draw(book: Book, draw: Mapping[str, Any], due: bool) -> Finding:
    given, why, asked = _Decision(book, draw, due).made()
    numbered = any(book.limited(code) for code in asked)
    holds = (given, why) == (draw["given"], draw["why"]) and numbered == (draw["move"] is not None)
    if draw["given"]:
        book.take(draw["given"], draw["at"], draw["person"])
    return Finding(draw["uid"], holds, f"{given or 'nothing'}{f' ({why})' if why else ''} follows from what was left")


class _Decision:
    """What a draw gives and why, by the same steps as the draw took."""

    def __init__(self, book: Book, draw: Mapping[str, Any], due: bool) -> None:
        self.book = book
        self.draw = draw
        self.due = due
        self.words = draw["why"].split()
        self.asked: list[str] = []

    def made(self) -> tuple[str, str, list[str]]:
        """(given, why, prizes that were asked for)."""
        return (*self._decided(), self.asked)

    def _decided(self) -> tuple[str, str]:
        promised, picked, words = self.book.rules["guarantee"], self.draw["picked"], self.words
        if promised is None or not self.due:
            return self._plain(words)
        graded = self.book.prizes[picked]["grade"] == promised["grade"]
        if graded and not self._out(picked, bool(words) or self.draw["given"] != picked):
            return picked, ""
        why = self._out(promised["prize"], words[1:2] == [PER_PERSON])
        if not why:
            return promised["prize"], "guarantee"
        again = self._out(promised["substitute"], words[2:3] == [PER_PERSON])
        if not again:
            return promised["substitute"], f"guarantee {why} substitute"
        given, rest = self._plain(words[4:])
        return given, f"guarantee {why} {again} picked {rest}".rstrip()

    def _plain(self, words: Sequence[str]) -> tuple[str, str]:
        picked = self.draw["picked"]
        if self.book.prizes[picked]["kind"] == "none":
            return "", ""
        why = self._out(picked, list(words[:1]) == [PER_PERSON])
        if not why:
            return picked, ""
        seen, step = {picked}, self.book.prizes[picked]["fallback"]
        while step and step not in seen:
            if not self._out(step, step != self.draw["given"]):
                return step, f"{why} fallback"
            seen.add(step)
            step = self.book.prizes[step]["fallback"]
        return "", why

    def _out(self, code: str, share_claimed: bool) -> str:
        self.asked.append(code)
        why = self.book.out(code, self.draw["at"], self.draw["person"], share_claimed=share_claimed)
        # What an issuer had is not the campaign's to publish: here the record is believed.
        return why or refused(self.draw).get(code, "")


def _award(book: Book, award: Mapping[str, Any]) -> Finding:
    why = book.out(award["prize"], award["at"], award["person"])
    book.take(award["prize"], award["at"], award["person"])
    return Finding(award["uid"], not why, f"{award['prize']} was awarded{f' though {why}' if why else ''}")


def _movement(book: Book, move: Mapping[str, Any], wins: Mapping[str, tuple[str, str, bool]]) -> Finding | None:
    """Apply a move besides draws and awards; a finding only where it cannot be."""
    what, code = move["what"], move["prize"]
    if what == moves.BUDGET:
        book.budget = None if book.budget is None else book.budget + move["amount"]
    elif what == moves.STOCK:
        book.total[code] = (book.total[code] or 0) + move["amount"]
        book.left[code] = (book.left[code] or 0) + move["amount"]
    elif what == moves.RETURNED:
        return _returned(book, move, wins)
    elif what not in (moves.RESERVED, moves.ERASED):
        return Finding("", False, f"move {move['move']} is of no kind that is known")
    elif code:
        why = book.out(code, move["at"], None)
        book.take(code, move["at"], None)
        if why:
            return Finding("", False, f"move {move['move']} took {code} though {why}")
    return None


def _returned(book: Book, move: Mapping[str, Any], wins: Mapping[str, tuple[str, str, bool]]) -> Finding | None:
    code = move["prize"]
    book.give_back(code, move["day"])
    won = wins.get(move["draw"])
    if won is not None:
        person, prize, numbered = won
        (book.had if numbered else book.unplaced)[person, prize] -= 1
        if prize != code:
            return Finding("", False, f"move {move['move']} returns {code}, but {prize} was won")
    total, left = book.total[code], book.left[code]
    if total is not None and left is not None and left > total:
        return Finding("", False, f"move {move['move']} returns more of {code} than there was")
    return None
