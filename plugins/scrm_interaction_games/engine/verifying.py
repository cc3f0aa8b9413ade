"""Checking draws: from the brand's own rows, or from a published file and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, execute

from . import draws as drawing
from . import fairness
from .stock import BUDGET, PACED, PER_DAY, PER_PERSON, SOLD_OUT

if TYPE_CHECKING:
    from .campaigns import Campaigns
    from .definition import CampaignView

_STOCK_WORDS = frozenset({SOLD_OUT, PACED, PER_DAY, BUDGET, PER_PERSON})
FORMAT = "scrm draws 1"
CARRIED = "misses carried over"
"""What the campaign's log calls a merge of two players: their misses count on together."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked of a draw, and whether it holds."""

    name: str
    holds: bool
    detail: str = ""


def published_file(campaigns: Campaigns, campaign: CampaignView) -> dict[str, Any]:
    """Everything that anybody needs to check every draw of a campaign; the seed only once it is revealed."""
    rows = execute(
        "SELECT d.player, d.n, d.client_seed, d.x, d.picked, coalesce(p.code, ''), d.why, d.uid "
        "FROM interaction_games_draw d LEFT JOIN interaction_games_prize p ON p.id = d.prize_id "
        "WHERE d.campaign_id = ? AND d.kind = 'draw' ORDER BY d.player, d.n",
        (campaign.id,),
    ).fetchall()
    guarantee = campaign.guarantee
    return {
        "format": FORMAT,
        "campaign": campaign.code,
        "commitment": campaign.commitment,
        "table": [[prize.code, prize.weight] for prize in campaign.prizes],
        "table_hash": campaign.table_hash,
        "total_weight": campaign.total_weight,
        "none": [prize.code for prize in campaign.prizes if not prize.wins],
        "fallbacks": {prize.code: prize.fallback for prize in campaign.prizes if prize.fallback},
        "grades": {prize.code: prize.grade for prize in campaign.prizes if prize.grade},
        "guarantee": {
            "draws": guarantee.draws, "grade": guarantee.grade, "prize": guarantee.prize,
            "substitute": guarantee.substitute,
        }
        if guarantee
        else None,
        "carried": [each["detail"] for each in campaigns.log(campaign.id) if each["what"] == CARRIED],
        "seed": campaigns.revealed_seed(campaign.code),
        "draws": [
            {"uid": uid, "person": person, "n": n, "client_seed": seed, "x": x, "picked": picked, "given": given,
             "why": why}
            for person, n, seed, x, picked, given, why, uid in rows
        ],
    }  # fmt: skip


def verify(campaigns: Campaigns, uid: str) -> tuple[CampaignView, list[Check]]:
    """Check one draw with the campaign's seed, which is used but not told before the reveal; raises NotFound."""
    campaign, draw = drawing.by_uid(campaigns, uid)
    if draw.kind != "draw":
        raise Invalid(f"{uid!r} is the award of a certain prize; there is no number to check", field="draw")
    told = {**published_file(campaigns, campaign), "seed": campaigns.secret_seed(campaign.id)}
    person = draw.proof["person"]
    told["draws"] = [each for each in told["draws"] if each["person"] == person]
    found = [check for check_uid, check in checks(told) if check_uid in ("", uid)]
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
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise Invalid(f"the file is incomplete: {type(exc).__name__}: {exc}") from exc


def checks(told: Mapping[str, Any]) -> Iterator[tuple[str, Check]]:
    """Every check of a published file, the general ones first."""
    seed = told["seed"]
    table = [(code, weight) for code, weight in told["table"]]
    yield "", Check("commitment", fairness.commitment(seed) == told["commitment"], "SHA-256 of the seed")
    yield "", Check("table", fairness.table_hash(table) == told["table_hash"], "SHA-256 of the table of weights")
    wheel = fairness.OddsTable(table)
    yield "", Check("total", wheel.total == told["total_weight"], f"the weights add up to {wheel.total}")
    carried = {(each["person"], each["after"] + 1): each["misses"] for each in told["carried"]}
    for draws in _by_person(told["draws"]):
        misses = 0
        for draw in draws:
            misses = max(misses, carried.get((draw["person"], draw["n"]), 0))
            x = fairness.number(seed, told["campaign"], draw["person"], draw["n"], draw["client_seed"], wheel.total)
            yield draw["uid"], Check("number", x == draw["x"], f"the seed gives {x}")
            picked = wheel.pick(x)
            yield draw["uid"], Check("prize", picked == draw["picked"], f"{x} points to {picked}")
            counted = not _returned(draw)
            misses += counted
            yield draw["uid"], Check("decision", _explained(told, draw, misses), _decision(draw))
            if counted and _resets(told, draw):
                misses = 0


def _by_person(draws: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    persons: dict[str, list[Mapping[str, Any]]] = {}
    for draw in draws:
        persons.setdefault(draw["person"], []).append(draw)
    return [sorted(each, key=lambda draw: draw["n"]) for each in persons.values()]


def _returned(draw: Mapping[str, Any]) -> bool:
    """Whether the chance was given back: nothing was given because the shop was out of it."""
    return not draw["given"] and draw["why"].split(" ")[-1] in _STOCK_WORDS - {PER_PERSON}


def _resets(told: Mapping[str, Any], draw: Mapping[str, Any]) -> bool:
    guarantee = told["guarantee"]
    if not guarantee or not draw["given"]:
        return False
    return told["grades"].get(draw["given"]) == guarantee["grade"] or "substitute" in draw["why"]


def _explained(told: Mapping[str, Any], draw: Mapping[str, Any], misses: int) -> bool:
    """Whether what was given follows from what was picked, the rules and the stock decision that was written down."""
    picked, given, words = draw["picked"], draw["given"], draw["why"].split()
    if not words:
        return bool(given == ("" if picked in told["none"] else picked))
    if words[0] == "guarantee":
        return _forced(told, draw, words[1:], misses)
    if words[0] not in _STOCK_WORDS or picked in told["none"]:
        return False
    if len(words) == 1:
        return not given
    return words[1:] == ["fallback"] and given in _fallbacks(told, picked)


def _forced(told: Mapping[str, Any], draw: Mapping[str, Any], words: list[str], misses: int) -> bool:
    given = draw["given"]
    guarantee = told["guarantee"]
    if not guarantee or misses + (not given) < guarantee["draws"]:
        return False
    if not words:
        return bool(given == guarantee["prize"])
    if words[-1] == "substitute":
        return bool(given == guarantee["substitute"])
    if words[-1] == "picked":
        return bool(given == draw["picked"])
    return given == "" and words[-1] in _STOCK_WORDS


def _fallbacks(told: Mapping[str, Any], picked: str) -> set[str]:
    found: set[str] = set()
    step = told["fallbacks"].get(picked)
    while step and step not in found:
        found.add(step)
        step = told["fallbacks"].get(step)
    return found


def _decision(draw: Mapping[str, Any]) -> str:
    given = draw["given"] or "nothing"
    return f"{draw['picked']} was picked and {given} given" + (f" ({draw['why']})" if draw["why"] else "")
