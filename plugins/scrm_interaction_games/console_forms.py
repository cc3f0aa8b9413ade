"""The form of a game's campaign in the console, made from the schemas: a draft is made with it, and rewritten."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from scrm_core.api import (
    Conflict,
    ConsoleDone,
    ConsoleQuery,
    ConsoleTemplate,
    NotFound,
    at_field,
    current_actor,
    current_brand,
    surfaces,
    typed_time,
)

from .console_words import CHOICES, LABELS, TAKES
from .engine.campaigns import Campaigns
from .engine.definition import NONE, CampaignView
from .engine.drafts import body_of
from .engine.registry import games
from .schema_form import Part, field_of, parts_of, read, told, typed
from .schemas import CampaignBody
from .service import games_of

MOST_ROWS = 100
FOLDED = ("limits", "chances", "guarantee")
LATER = {"prizes": ("quantity", "per_person", "per_day", "release", "review", "fallback", "grade", "claim_days")}
"""Fields of a row that most leave as they are: they are folded."""


class Forms:
    """The methods behind the pages ``new`` and ``change``: mixed into the plugin by :class:`.console.Pages`."""

    def show_new(self, query: ConsoleQuery) -> ConsoleTemplate:
        """The kinds of games; or the form of the one that was chosen, with odds and cost where that was asked for."""
        known = games(current_brand())
        if not query.asked("game"):
            return ConsoleTemplate("console_form.html", {"games": known, "game": None, "campaign": None})
        game = _game(query.asked("game"))
        parts = _parts(game, query)
        given = dict(typed(parts))
        if game.draws:
            given |= {"prizes-1-code": "none", "prizes-1-kind": NONE, "prizes-1-title": "谢谢参与"}
        return _form(query, game, parts, given)

    def preview_new(self, query: ConsoleQuery) -> ConsoleDone:
        """Work out odds, pacing and cost; nothing is made."""
        game = _game(query.asked("game"))
        _told(query, game, lambda: _campaigns().dry_run(_body(query, game)))
        return ConsoleDone(again=True)

    def another_row(self, query: ConsoleQuery) -> ConsoleDone:
        """One more row to type into, in each table."""
        return ConsoleDone(again=True)

    def create_campaign(self, query: ConsoleQuery) -> ConsoleDone:
        """Make the campaign as a draft; sent twice it is made once."""
        game = _game(query.asked("game"))
        made = _told(query, game, lambda: _campaigns().create(_body(query, game), actor=current_actor()))
        return ConsoleDone("campaign", {"code": made.code, "done": "made"})

    def show_change(self, query: ConsoleQuery) -> ConsoleTemplate:
        """The form of a draft as it stands."""
        campaign = _draft(_campaigns().get(query.asked("code")))
        game = _game(campaign.game)
        parts = _parts(game, query)
        given = dict(typed(parts, _values(campaign)))
        return _form(query, game, parts, given, campaign=campaign, seen=seen(campaign))

    def preview_change(self, query: ConsoleQuery) -> ConsoleDone:
        """Work out what the rewritten draft would be; nothing is changed."""
        campaign = _draft(_campaigns().get(query.asked("code")))
        game = _game(campaign.game)
        _told(query, game, lambda: _campaigns().dry_run(_body(query, game, campaign.code), rewrites=True))
        return ConsoleDone(again=True)

    def change_campaign(self, query: ConsoleQuery) -> ConsoleDone:
        """Rewrite the draft, unless somebody else changed it since the page was opened."""
        campaign = _campaigns().hold(query.asked("code"))
        query.expect(seen(campaign), "somebody changed the campaign since you opened the page 已有人修改了这个活动")
        game, code = _game(campaign.game), campaign.code
        _told(query, game, lambda: _campaigns().rewrite(code, _body(query, game, code), actor=current_actor()))
        return ConsoleDone("campaign", {"code": code, "done": "changed"})


def seen(campaign: CampaignView) -> str:
    """What two people may change of a campaign, as text: a form carries it."""
    return f"{campaign.state}|{campaign.version}"


def _campaigns() -> Campaigns:
    return games_of(current_brand()).campaigns


def _game(kind: str) -> Any:
    found = games(current_brand()).get(kind)
    if found is None:
        raise NotFound("there is nothing at this address")
    return found


def _draft(campaign: CampaignView) -> CampaignView:
    if campaign.state != "draft":
        raise Conflict("the campaign was published: its rules stand 活动已发布，规则不可再改", code="state")
    return campaign


def _parts(game: Any, query: ConsoleQuery | None = None) -> tuple[Part, ...]:
    """The fields of a game's campaign: those of every campaign, and the game's settings."""
    rewards = current_brand().rewards.kinds()
    issued = tuple((kind, f"{kind} · {text}", f"{kind} · {text}") for kind, text in rewards.items())
    kinds = (*issued, (NONE, *CHOICES[NONE]))
    places = tuple((name, words["en"], words["zh"]) for name, words in surfaces.SURFACES.items())
    found = []
    for part in parts_of(CampaignBody(), LABELS, CHOICES):
        if part.name == "surface":
            why = _forbidden(game, query) if query is not None else ""
            en = part.en.partition(":")[0]
            found.append(replace(part, en=en, kind="choice", options=places, default="mini_program", takes=why))
        elif part.name == "prizes":
            each = [replace(row, takes=TAKES.get(f"prizes.{row.name}", "")) for row in part.parts]
            first = next(iter(rewards), NONE)
            chosen = [replace(row, kind="choice", options=kinds, default=first) for row in each if row.name == "kind"]
            each[[row.name for row in each].index("kind")] = chosen[0]
            found.append(replace(part, parts=tuple(each)))
        elif part.name == "settings":
            inner = parts_of(game.Settings(), LABELS, CHOICES, "settings") if game.Settings is not None else ()
            found.append(replace(part, kind="group", parts=inner))
        elif part.name == "total_weight":
            en = f"{part.en}; empty: their sum"
            found.append(replace(part, default=None, nullable=True, en=en, takes=TAKES["total_weight"]))
        elif part.name != "game":
            found.append(replace(part, takes=TAKES.get(part.name, "")))
    return tuple(found)


def _forbidden(game: Any, query: ConsoleQuery) -> str:
    """Why a game may not be played where it is to be opened, in Chinese; empty when it may."""
    place = query.text("surface")
    return "；".join(surfaces.refusals(game.mechanics, place, "zh")) if place in surfaces.SURFACES else ""


def _body(query: ConsoleQuery, game: Any, code: str = "") -> dict[str, Any]:
    """The definition that a form says, as ``create`` takes it; raises Invalid that names the field of the form."""
    # The code of a draft stays, and its form has no field for it.
    parts = tuple(part for part in _parts(game) if not (code and part.name == "code"))
    body = read(query, parts)
    weights = sum(prize.get("weight") or 0 for prize in body["prizes"])
    if body["total_weight"] is None:
        body["total_weight"] = weights
    return {**body, "game": game.kind, **({"code": code} if code else {})}


def _values(campaign: CampaignView) -> dict[str, Any]:
    """A draft's definition with the times as a field for them shows them."""
    body = body_of(campaign, current_brand().zone)
    for name in ("starts_at", "ends_at"):
        body[name] = body[name] and typed_time(body[name])
    return body


def _form(
    query: ConsoleQuery, game: Any, parts: tuple[Part, ...], given: Mapping[str, str], **more: Any
) -> ConsoleTemplate:
    preview, campaign = None, more.get("campaign")
    if query.previews:
        code = campaign.code if campaign else ""
        preview = _campaigns().dry_run(_body(query, game, code), rewrites=bool(code))
    def rows(name: str, part: Part) -> range:
        return query.rows_shown(name, *told(part), given=given, most=MOST_ROWS)

    context = {
        "game": game, "games": {}, "parts": {part.name: part for part in parts}, "given": defaultdict(str, given),
        "preview": preview, "rows": rows, "folded": FOLDED, "later": LATER, "campaign": None, "seen": "", **more,
    }  # fmt: skip
    return ConsoleTemplate("console_form.html", context)


def _told(query: ConsoleQuery, game: Any, work: Callable[[], Any]) -> Any:
    def field(member: str) -> str:
        return member if member in query.form else field_of(query, _parts(game), member)

    return at_field(work, field, code_taken="code")
