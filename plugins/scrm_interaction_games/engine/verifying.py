"""Checking draws: from the brand's own rows, or from a published file and nothing else."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from scrm_core.api import Invalid, execute, from_instant

from . import fairness, moves, records, replay, rules
from .stock import BUDGET, NOT_TO_THEM, PACED, PER_DAY, PER_PERSON, REFUSED, SHORT, SOLD_OUT

if TYPE_CHECKING:
    from .campaigns import Campaigns
    from .definition import CampaignView

FORMAT = "scrm draws 1"
CARRIED = "misses carried over"
"""What the campaign's log calls a merge of two players: from then on they count as one person."""
HOUR_MS = 3_600_000
_DRAWS = (
    "SELECT d.uid, d.player, d.n, d.client_seed, d.x, d.picked, coalesce(p.code, ''), d.why, d.move, d.at, "
    "d.refused FROM interaction_games_draw d LEFT JOIN interaction_games_prize p ON p.id = d.prize_id "
    "WHERE d.campaign_id = ? AND d.kind = 'draw' {more}ORDER BY d.player, d.n"
)
_NAMES = ("uid", "person", "n", "client_seed", "x", "picked", "given", "why", "move", "at", "refused")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked of a draw, and whether it holds."""

    name: str
    holds: bool
    detail: str = ""


# What is published ---------------------------------------------------------------


def published_file(campaigns: Campaigns, campaign: CampaignView) -> dict[str, Any]:
    """Everything that anybody needs to check every draw of a campaign; seed and items only once they are revealed."""
    awards = execute(
        "SELECT d.uid, d.player, p.code, d.move, d.at FROM interaction_games_draw d "
        "JOIN interaction_games_prize p ON p.id = d.prize_id WHERE d.campaign_id = ? AND d.kind = 'award' "
        "ORDER BY d.id",
        (campaign.id,),
    ).fetchall()
    players = execute(
        "SELECT uid, max(n) FROM interaction_games_player WHERE campaign_id = ? AND n > 0 GROUP BY uid ORDER BY uid",
        (campaign.id,),
    ).fetchall()
    same = execute(
        "SELECT DISTINCT d.player, p.uid FROM interaction_games_draw d JOIN interaction_games_player p "
        "ON p.campaign_id = d.campaign_id AND p.contact_id = d.contact_id WHERE d.campaign_id = ? "
        "AND d.player <> p.uid ORDER BY d.player, p.uid",
        (campaign.id,),
    ).fetchall()
    told = {
        **_head(campaigns, campaign),
        "same": [list(row) for row in same],
        "players": {uid: int(n) for uid, n in players},
        "awards": [dict(zip(("uid", "person", "prize", "move", "at"), row, strict=True)) for row in awards],
        "draws": _draws(campaign.id),
        "movements": moves.of_campaign(campaign.id),
        "moves": moves.count(campaign.id),
    }
    told["seed"] = campaigns.revealed_seed(campaign.code)
    told["items"] = {prize.code: prize.item for prize in campaign.prizes} if told["seed"] else {}
    return told


def _head(campaigns: Campaigns, campaign: CampaignView) -> dict[str, Any]:
    log = list(campaigns.log(campaign.id))
    return {
        "format": FORMAT,
        "campaign": campaign.code,
        "commitment": campaign.commitment,
        "ruleset": campaign.ruleset,
        "rules_hash": campaign.rules_hash,
        "table": [[prize.code, prize.weight] for prize in campaign.prizes],
        "table_hash": campaign.table_hash,
        "total_weight": campaign.total_weight,
        "carried": [each["detail"] for each in log if each["what"] == CARRIED],
        "erased": [each["detail"] for each in log if each["what"] == moves.PARTLY_ERASED],
    }


def _draws(campaign_id: int, person: str | None = None) -> list[dict[str, Any]]:
    """Draws as they are published, of one person when given."""
    sql = _DRAWS.format(more="" if person is None else "AND d.player = ? ")
    rows = execute(sql, (campaign_id,) if person is None else (campaign_id, person)).fetchall()
    return [dict(zip(_NAMES, row, strict=True)) for row in rows]


# Checking ------------------------------------------------------------------------


def verify(campaigns: Campaigns, uid: str) -> tuple[CampaignView, list[Check]]:
    """Check one draw with the campaign's seed, which is used but not told before the reveal; raises NotFound.

    Reads that player's draws alone: whether stock was there at that moment is
    checked with the published file, which holds all moves.
    """
    campaign, draw = records.by_uid(campaigns, uid)
    if draw.kind != "draw":
        raise Invalid(f"{uid!r} is the award of a certain prize; there is no number to check", field="draw")
    told = _head(campaigns, campaign)
    told["seed"] = campaigns.secret_seed(campaign.id)
    told["draws"] = _draws(campaign.id, draw.proof["person"])
    found = [*_general(told)]
    for each_uid, check, _ in _of_persons(told, json.loads(campaign.ruleset)):
        if each_uid == uid:
            found.append(check)
    return campaign, found


def verify_file(told: Any) -> list[tuple[str, Check]]:
    """Check a published file: (draw's uid, check), the uid empty for what concerns all draws.

    Needs nothing but the file. Raises Invalid for a file of another form, and
    for one whose seed is not revealed yet.
    """
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise Invalid(f"this is no file of draws; its format would be {FORMAT!r}", field="format")
    if not told.get("seed"):
        raise Invalid("the seed is not revealed yet; it is published after the end", field="seed")
    try:
        return list(checks(told))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, OSError) as exc:
        raise Invalid(f"the file is incomplete: {type(exc).__name__}: {exc}") from exc


def checks(told: Mapping[str, Any]) -> Iterator[tuple[str, Check]]:
    """Every check of a published file, the general ones first."""
    rule_set = json.loads(told["ruleset"])
    for check in _general(told):
        yield "", check
    yield "", _items(told, rule_set)
    yield "", _numbers(told)
    yield "", _moves(told)
    yield "", _limits(told, rule_set)
    due: dict[str, bool] = {}
    for uid, check, was_due in _of_persons(told, rule_set):
        due[uid] = was_due
        yield uid, check
    for finding in replay.repeat(told, rule_set, due):
        yield finding.uid, Check("stock", finding.holds, finding.detail)


def _general(told: Mapping[str, Any]) -> Iterator[Check]:
    yield Check("commitment", fairness.commitment(told["seed"]) == told["commitment"], "SHA-256 of the seed")
    rule_set = json.loads(told["ruleset"])
    published = rules.digest(told["ruleset"]) == told["rules_hash"] and rule_set["campaign"] == told["campaign"]
    yield Check("rules", published, "SHA-256 of the rule set")
    table = [(code, weight) for code, weight in told["table"]]
    stands = [(prize["code"], prize["weight"]) for prize in rule_set["prizes"]]
    hashed = fairness.table_hash(table) == told["table_hash"]
    yield Check("table", hashed and table == stands, "SHA-256 of the table of weights")
    wheel = fairness.OddsTable(table)
    right = wheel.total == told["total_weight"] == rule_set["total_weight"]
    yield Check("total", right, f"the weights add up to {wheel.total}")


def _items(told: Mapping[str, Any], rule_set: Mapping[str, Any]) -> Check:
    """Whether the prizes are of the items that the rule set was sealed with."""
    wrong = [
        prize["code"]
        for prize in rule_set["prizes"]
        if rules.sealed(told["seed"], prize["code"], told["items"][prize["code"]]) != prize["item"]
    ]
    return Check("items", not wrong, f"of another item: {', '.join(wrong)}" if wrong else "as sealed in the rules")


def _numbers(told: Mapping[str, Any]) -> Check:
    """Whether everybody's draws are numbered from 1 to their last, each once.

    Who is not among the players was erased; what a person drew who was one with
    them for a while stays, and the other way round is named by its number.
    """
    found = _by_person(told["draws"])
    gone: dict[str, list[int]] = {}
    for each in told["erased"]:
        gone.setdefault(each["person"], []).extend(each["numbers"])
    wrong = []
    for person in {*told["players"], *found}:
        numbers = sorted([draw["n"] for draw in found.get(person, [])] + gone.get(person, []))
        erased = person not in told["players"]
        if len(set(numbers)) < len(numbers) or not (erased or _complete(numbers, told["players"][person])):
            wrong.append(person)
    detail = f"missing or doubled draws of {', '.join(sorted(wrong))}" if wrong else "1 to the last of each person"
    return Check("numbers", not wrong, detail)


def _complete(numbers: Sequence[int], last: int) -> bool:
    return len(numbers) == last and list(numbers) == list(range(1, len(numbers) + 1))


def _moves(told: Mapping[str, Any]) -> Check:
    """Whether each move of stock and budget is there once."""
    records = [*told["draws"], *told["awards"], *told["movements"]]
    seen = Counter(each["move"] for each in records if each["move"] is not None)
    missing = told["moves"] - sum(1 for number in seen if 1 <= number <= told["moves"])
    wrong = missing or any(count > 1 or not 1 <= number <= told["moves"] for number, count in seen.items())
    detail = f"{missing} moves are missing, or some are there twice" if wrong else f"1 to {told['moves']}"
    return Check("moves", not wrong, detail)


def _limits(told: Mapping[str, Any], rule_set: Mapping[str, Any]) -> Check:
    """Whether nobody drew more often than the rules permit."""
    limits, zone = rule_set["limits"], ZoneInfo(rule_set["zone"])
    counted = [draw for draw in told["draws"] if not _given_back(draw)]
    each = Counter(draw["person"] for draw in counted)
    daily = Counter((draw["person"], from_instant(draw["at"], zone).toordinal()) for draw in counted)
    for name, most in (("total", len(counted)), ("per_person", max(each.values(), default=0)),
                       ("per_day", max(daily.values(), default=0))):  # fmt: skip
        if limits[name] is not None and most > limits[name]:
            return Check("limits", False, f"{most} draws, where {name} permits {limits[name]}")
    wait = limits["cool_down_hours"] * HOUR_MS
    for draws in _by_person(told["draws"]).values() if wait else ():
        for before, after in itertools.pairwise(draws):
            if before["given"] and after["at"] - before["at"] < wait:
                return Check("limits", False, f"{after['uid']} came within the cool-down after a win")
    return Check("limits", True, "nobody drew more often than permitted")


def _of_persons(told: Mapping[str, Any], rule_set: Mapping[str, Any]) -> Iterator[tuple[str, Check, bool]]:
    """(uid, check, whether the promise was due) of what follows from a person's own draws."""
    wheel = fairness.OddsTable([(code, weight) for code, weight in told["table"]])
    carried: Counter[tuple[str, int]] = Counter()
    for each in told["carried"]:
        carried |= Counter({(each["person"], each["after"] + 1): each["misses"]})
    guarantee = rule_set["guarantee"]
    case = _Case(rule_set)
    for draws in _by_person(told["draws"]).values():
        misses = 0
        whole = _complete([draw["n"] for draw in draws], len(draws))
        for draw in draws:
            misses = max(misses, carried[draw["person"], draw["n"]])
            due = guarantee is not None and misses + 1 >= guarantee["draws"]
            if not whole:
                # Numbers are missing: of somebody who was erased in part, or the check of numbers says so.
                due = draw["why"].startswith("guarantee")
            x = fairness.number(
                told["seed"], told["campaign"], draw["person"], draw["n"], draw["client_seed"], wheel.total
            )
            yield draw["uid"], Check("number", x == draw["x"], f"the seed gives {x}"), due
            picked = wheel.pick(x)
            yield draw["uid"], Check("prize", picked == draw["picked"], f"{x} points to {picked}"), due
            yield draw["uid"], Check("decision", case.explains(draw, due), _decision(draw)), due
            if not _given_back(draw):
                misses = 0 if case.resets(draw) else misses + 1


def _by_person(draws: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Person -> draws in the order of their numbers."""
    persons: dict[str, list[Mapping[str, Any]]] = {}
    for draw in draws:
        persons.setdefault(draw["person"], []).append(draw)
    return {person: sorted(each, key=lambda draw: draw["n"]) for person, each in persons.items()}


def _given_back(draw: Mapping[str, Any]) -> bool:
    """Whether the chance was given back: nothing was given because the shop was out of it."""
    return not draw["given"] and draw["why"].split(" ")[-1] in SHORT


class _Case:
    """Whether the reason that stands beside a draw can be one under the rules, whatever was left at that moment."""

    def __init__(self, rule_set: Mapping[str, Any]) -> None:
        self.guarantee = rule_set["guarantee"]
        self.budget = rule_set["budget_minor"]
        self.prizes = {prize["code"]: prize for prize in rule_set["prizes"]}

    def explains(self, draw: Mapping[str, Any], due: bool) -> bool:
        """Whether what was given follows from what was picked, the rules, the promise and the words beside it."""
        words = draw["why"].split()
        if words[:1] == ["guarantee"]:
            return due and self._kept(draw, words[1:])
        if due and not (draw["given"] and self._graded(draw["given"]) and draw["given"] == draw["picked"]):
            return False
        return self._plain(draw, words)

    def resets(self, draw: Mapping[str, Any]) -> bool:
        """Whether a draw begins the count of misses anew."""
        if not self.guarantee or not draw["given"]:
            return False
        return self._graded(draw["given"]) or "substitute" in draw["why"]

    def _graded(self, code: str) -> bool:
        return bool(self.prizes[code]["grade"] == self.guarantee["grade"])

    def _kept(self, draw: Mapping[str, Any], words: Sequence[str]) -> bool:
        promised = self.guarantee
        if not words:
            return bool(draw["given"] == promised["prize"])
        if not self._possible(draw, promised["prize"], words[0]):
            return False
        if list(words[1:]) == ["substitute"]:
            return bool(draw["given"] == promised["substitute"])
        if len(words) < 3 or words[2] != "picked" or not self._possible(draw, promised["substitute"], words[1]):
            return False
        return self._plain(draw, words[3:])

    def _plain(self, draw: Mapping[str, Any], words: Sequence[str]) -> bool:
        picked, given = draw["picked"], draw["given"]
        none = self.prizes[picked]["kind"] == "none"
        if not words:
            return bool(given == ("" if none else picked))
        if none or not self._possible(draw, picked, words[0]):
            return False
        if len(words) == 1:
            return not given
        return list(words[1:]) == ["fallback"] and given in self._fallbacks(picked)

    def _possible(self, draw: Mapping[str, Any], code: str, word: str) -> bool:
        """Whether the rules know a reason of this kind for this prize at all, or the draw tells of it."""
        prize = self.prizes[code]
        known = {
            SOLD_OUT: prize["stock"] is not None,
            PACED: prize["release"] == "even",
            PER_DAY: prize["per_day"] is not None,
            PER_PERSON: prize["per_person"] is not None,
            BUDGET: self.budget is not None and prize["value_minor"] > 0,
            REFUSED: replay.refused(draw).get(code) == REFUSED,
            NOT_TO_THEM: replay.refused(draw).get(code) == NOT_TO_THEM,
        }
        return bool(known.get(word))

    def _fallbacks(self, picked: str) -> set[str]:
        found: set[str] = set()
        step = self.prizes[picked]["fallback"]
        while step and step not in found:
            found.add(step)
            step = self.prizes[step]["fallback"]
        return found


def _decision(draw: Mapping[str, Any]) -> str:
    given = draw["given"] or "nothing"
    return f"{draw['picked']} was picked and {given} given" + (f" ({draw['why']})" if draw["why"] else "")
