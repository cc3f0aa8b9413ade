"""Game pages: the game, its rules and odds, a result, my prizes. Who plays comes from the signed session alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import flask

from scrm_core.api import (
    Forbidden,
    NotFound,
    ScrmError,
    consumer,
    consumer_answer,
    consumer_language,
    consumer_page,
    current_brand,
    device,
    from_instant,
    iso,
    need_consumer,
    network,
    surfaces,
)

from ..engine import records, registry
from ..engine.definition import money
from ..schemas import NAME
from ..service import Games, games_of
from .words import REFUSALS, WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..engine.definition import CampaignView

STATIC = Path(__file__).resolve().parents[1] / "static"
_STATIC_NAME = re.compile(r"games_[a-z0-9_]+\.(css|js|svg)\Z")
# Fields of the frame's own forms, which no game is told.
_FRAME_FIELDS = frozenset({"csrf", "once", "back", "key"})
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z")

pages = flask.Blueprint("interaction_games_pages", __name__, template_folder="../templates")
_said: dict[str, Mapping[str, str]] = dict(REFUSALS)


def say_refusals(words: Mapping[str, Mapping[str, str]]) -> None:
    """Say refusals of this plugin's own pages to customers: error code -> {"zh": ..., "en": ...}."""
    _said.update(words)


@pages.errorhandler(ScrmError)
def worded(error: ScrmError) -> Any:
    """Raise the error again in the words of the campaign's game, else of this plugin, else as it is.

    Two games may word one code differently, and games of other plugins come
    with a brand, so the words are looked up when a refusal is answered.
    """
    words = {**_said, **getattr(flask.g.get("interaction_game"), "refusals", {})}.get(error.code)
    if words is not None:
        error.message = words[consumer_language()]
    raise error


def games_here() -> Games:
    """The service of the brand whose page is asked for."""
    return games_of(current_brand())


def root() -> str:
    """The path below which this plugin's pages lie, on this brand."""
    return f"/p/{current_brand().id}/{NAME}"


def static_url(name: str) -> str:
    """The address of one of the plugin's style sheets or scripts, new whenever the file is."""
    try:
        changed = int((STATIC / name).stat().st_mtime)
    except OSError:
        changed = 0
    return f"{root()}/static/{name}?v={changed}"


@pages.get("/static/<name>")
def static(name: str) -> Any:
    """A style sheet or script of the games."""
    if not _STATIC_NAME.match(name):
        raise NotFound("nothing is here")
    return flask.send_from_directory(STATIC, name, max_age=86_400)


@pages.get("/games")
def games() -> Any:
    """The games that are on now.

    Only those whose mechanic every surface permits: a list is opened anywhere, and a
    game for a scanned code or a mini program must not be reached through a link.
    """
    brand = current_brand()
    found = registry.games(brand)
    rows = [
        campaign
        for campaign in games_here().campaigns.list(states=("published",))
        if campaign.phase(brand.now()) == "running"
        and campaign.game in found
        and not surfaces.refusals(_mechanics(campaign), "h5")
    ]
    if _script():
        return flask.jsonify({"games": [{"code": row.code, "title": row.title, "game": row.game} for row in rows]})
    titles = {kind: each.title[consumer_language()] for kind, each in found.items()}
    return consumer_page(
        "games_list.html", rows=rows, titles=titles, gw=WORDS[consumer_language()], here=root(), static_url=static_url
    )


@pages.get("/g/<code>")
def game(code: str) -> Any:
    """The game itself, also for a visitor, who is asked to join before playing; JSON for a script."""
    games = games_here()
    campaign = published_campaign(games, code)
    person = consumer()
    _hold_surface(campaign)
    contact_id = person.contact_id if person is not None else None
    shown = games.view(code, contact_id, data=_query())
    if _script():
        return flask.jsonify(shown)
    found = registry.game(current_brand(), campaign.game)
    return _page(found.page, campaign, view=shown["view"], shown=shown, playable=_playable(campaign, contact_id))


@pages.post("/g/<code>/<action>")
def act(code: str, action: str) -> Any:
    """Play: once per form. Answers JSON to a script and goes back to a page otherwise."""
    person = need_consumer()
    form = flask.request.form
    games = games_here()
    _hold_surface(published_campaign(games, code))
    answer = games.act(
        code,
        action,
        person.contact_id,
        key=form.get("once") or form.get("key", ""),
        data={name: value for name, value in form.items() if name not in _FRAME_FIELDS},
        device=device(),
        network=network(),
    )
    return consumer_answer(answer, _after(code, answer))


@pages.get("/g/<code>/rules")
def rules(code: str) -> Any:
    """Rules, odds, quantities and the commitment; after the reveal the seed."""
    games = games_here()
    campaign = published_campaign(games, code)
    told = published(games, campaign)
    if _script():
        return flask.jsonify(told)
    return _page("games_rules.html", campaign, told=told, period=_period(campaign))


@pages.get("/g/<code>/result/<uid>")
def result(code: str, uid: str) -> Any:
    """One draw of the person who is signed in; anybody else's is not there."""
    person = need_consumer()
    games = games_here()
    campaign, draw = records.by_uid(games.campaigns, uid)
    if campaign.code != code or draw.contact_id != person.contact_id:
        raise NotFound(f"no draw {uid!r}")
    if _script():
        return flask.jsonify(draw.shown())
    return _page(
        "games_result.html", campaign, draw=draw, claimable=_claimable(draw), kept=_kept(draw),
        deadline=_local(draw.deadline) if draw.state == "won" else "",
    )  # fmt: skip


@pages.get("/prizes")
def prizes() -> Any:
    """Everything that the person who is signed in has won."""
    person = need_consumer()
    found = records.of_person(games_here().campaigns, person.contact_id)
    if _script():
        return flask.jsonify({"prizes": [{"campaign": c.code, **draw.shown()} for c, draw in found]})
    rows = [
        {
            "campaign": campaign,
            "draw": draw,
            "at": _local(draw.at),
            "deadline": _local(draw.deadline) if draw.state == "won" else "",
            "claimable": _claimable(draw),
            "kept": _kept(draw),
        }
        for campaign, draw in found
    ]
    return consumer_page(
        "games_prizes.html", rows=rows, gw=WORDS[consumer_language()], here=root(), static_url=static_url
    )


@pages.post("/prizes/<uid>/claim")
def claim(uid: str) -> Any:
    """Give the address of a prize that has to be claimed."""
    person = need_consumer()
    state = games_here().fulfilment.claim(uid, person.contact_id, flask.request.form.get("address", ""))
    return consumer_answer({"state": state}, f"{root()}/prizes")


def _claimable(draw: records.DrawView) -> bool:
    """Whether its winner may give an address now; the days to do so begin when a held prize is approved."""
    if draw.deadline is None:
        return False
    return draw.state == "held" or (draw.state == "won" and draw.deadline > current_brand().now())


def _kept(draw: records.DrawView) -> tuple[str, str] | None:
    """Where its winner finds a prize that was given: address and title of the issuing plugin's page about one's own.

    None where the issuer has no such page, or the prize is not given yet.
    """
    if draw.state != "granted" or draw.prize is None:
        return None
    brand = current_brand()
    issuer = next((name for name, plugin in brand.plugins.items() if draw.prize.kind in plugin.reward_kinds), "")
    if issuer == NAME:
        return None
    for plugin, (path, title) in brand.extensions("consumer.me"):
        if plugin == issuer:
            return f"/p/{brand.id}/{plugin}/{path}", title[consumer_language()]
    return None


def published(games: Games, campaign: CampaignView) -> dict[str, Any]:
    """What is told about a campaign before its start: rules, odds, quantities, commitment; later its seed."""
    brand = games.brand
    found = registry.games(brand).get(campaign.game)
    draws = bool(found is not None and found.draws)
    return {
        "code": campaign.code,
        "title": campaign.title,
        "game": campaign.game,
        "phase": campaign.phase(brand.now()),
        "starts_at": iso(campaign.starts_at, brand.zone),
        "ends_at": iso(campaign.closes_at, brand.zone),
        "rules": campaign.rules,
        "organiser": campaign.organiser,
        "organiser_contact": campaign.organiser_contact,
        "draws": draws,
        "total_weight": campaign.total_weight,
        "prizes": [
            {
                "code": prize.code,
                "title": prize.title,
                "kind": prize.kind,
                "value_minor": prize.value_minor,
                "value": money(brand, prize.value_minor),
                "weight": prize.weight,
                "odds": percent(prize.weight, campaign.total_weight) if draws else "",
                "quantity": prize.stock_total,
                "per_person": prize.per_person,
                "claim_days": prize.claim_days,
            }
            for prize in games.campaigns.prizes(campaign.id)
        ],
        "guarantee": {
            "draws": campaign.guarantee.draws,
            "misses": campaign.guarantee.draws - 1,
            "prize": campaign.prize(campaign.guarantee.prize).title,
            "substitute": campaign.prize(campaign.guarantee.substitute).title,
        }
        if campaign.guarantee
        else None,
        "limits": {
            "per_day": campaign.limits.per_day,
            "per_person": campaign.limits.per_person,
            "total": campaign.limits.total,
            "cool_down_hours": campaign.limits.cool_down_hours,
        },
        "commitment": campaign.commitment,
        "table_hash": campaign.table_hash,
        "rules_hash": campaign.rules_hash,
        "ruleset": campaign.ruleset,
        "seed": games.campaigns.revealed_seed(campaign.code),
    }


def percent(weight: int, total: int) -> str:
    """A share as an exact percentage where one exists in six digits, else rounded down to six."""
    if not total:
        return ""
    millionths = weight * 100_000_000 // total
    text = f"{millionths // 1_000_000}.{millionths % 1_000_000:06d}".rstrip("0").rstrip(".")
    return f"{text}%"


def _page(template: str, campaign: CampaignView, **context: Any) -> Any:
    here = f"{root()}/g/{quote(campaign.code)}"
    found = registry.games(current_brand()).get(campaign.game)
    return consumer_page(
        template,
        campaign=campaign,
        draws=bool(found is not None and found.draws),
        phase=campaign.phase(current_brand().now()),
        over=campaign.phase(current_brand().now()) in ("over", "revealed"),
        copyable=copyable(campaign, _agent()),
        gw=WORDS[consumer_language()],
        here=root(),
        page_url=here,
        act_url=lambda action: f"{here}/{quote(action)}",
        static_url=static_url,
        **context,
    )


def published_campaign(games: Games, code: str) -> CampaignView:
    """The campaign of a page's address; raises NotFound for a draft too."""
    if not _CODE.match(code):
        raise NotFound("no such game")
    campaign = games.campaigns.get(code)
    if campaign.state == "draft":
        raise NotFound(f"no campaign {code!r}")
    flask.g.interaction_game = registry.games(games.brand).get(campaign.game)
    return campaign


def _hold_surface(campaign: CampaignView) -> None:
    """Raise Forbidden where the page was opened as a link in WeChat and such a link may not do what the game does."""
    reason = surfaces.link_refusal(_mechanics(campaign), campaign.surface, _agent())
    if reason is not None:
        raise Forbidden(reason, code=f"open_in_{campaign.surface}")


def copyable(campaign: CampaignView, agent: str) -> bool:
    """Whether a page may offer its own address to be passed on where it was opened."""
    return not (surfaces.opened_as_link(agent) and surfaces.refusals(_mechanics(campaign), "h5"))


def _mechanics(campaign: CampaignView) -> frozenset[str]:
    """What a campaign makes people do: its game's mechanics, and sharing where that gives chances."""
    found = registry.games(current_brand()).get(campaign.game)
    own = frozenset(found.mechanics) if found is not None else frozenset()
    return own | {"sharing_reward"} if campaign.chances.share else own


def _agent() -> str:
    return flask.request.headers.get("User-Agent", "")


def _playable(campaign: CampaignView, contact_id: int | None) -> bool:
    return contact_id is not None and campaign.phase(current_brand().now()) == "running"


def _after(code: str, answer: dict[str, Any]) -> str:
    """Where a form without a script goes: to the draw's result, or back to the game, as the form's page showed it."""
    here = f"{root()}/g/{quote(code)}"
    draw = answer.get("draw")
    if isinstance(draw, str) and draw.isalnum():
        return f"{here}/result/{draw}"
    back = flask.request.form.get("back", "")
    return back if back.startswith(f"{here}?") and back.isprintable() else here


def _query() -> dict[str, str]:
    return {name: value for name, value in flask.request.args.items() if name != "lang"}


def _script() -> bool:
    accept = flask.request.headers.get("Accept", "")
    return "application/json" in accept and "text/html" not in accept


def _period(campaign: CampaignView) -> str:
    first = _local(campaign.starts_at) if campaign.starts_at is not None else ""
    return f"{first} – {_local(campaign.closes_at)}"


def _local(instant: int | None) -> str:
    return "" if instant is None else f"{from_instant(instant, current_brand().zone):%Y-%m-%d %H:%M}"
