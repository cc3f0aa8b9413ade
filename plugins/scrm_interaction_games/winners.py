"""Winners of a campaign: the page for everybody, the route for the brand's systems, and the file that is kept.

Importing this module adds its page to the plugin's; routes and commands are added by their own modules.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import flask

from scrm_core.api import (
    Invalid,
    consumer_language,
    consumer_page,
    csv_cell,
    current_brand,
    from_instant,
    iso,
    of_brand,
    permission,
)

from .engine import winners
from .pages.routes import games_here, pages, published_campaign, root, static_url
from .pages.words import WORDS as GAME_WORDS
from .service import Games, games_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrm_core.api import Brand, CommandSession

    from .engine.definition import CampaignView

SHOWN = 100
COLUMNS = ("draw", "at", "kind", "prize", "title", "value_minor", "state", "contact", "name", "phone")
WORDS = {
    "zh": {"title": "中奖公示", "none": "还没有人中奖", "won": "已中出", "latest": "最近 {} 位中奖者",
           "masked": "为保护隐私，姓名和手机号已部分隐去；审核中和已取消的奖品不在其中。"},
    "en": {"title": "Winners", "none": "Nobody has won yet", "won": "Won", "latest": "The last {} winners",
           "masked": "Names and phone numbers are shortened for privacy; withdrawn prizes are left out."},
}  # fmt: skip


@pages.get("/g/<code>/winners")
def winners_page(code: str) -> Any:
    """Who won, with masked names and phones, and how many of each prize are won; JSON for a script."""
    campaign = published_campaign(games_here(), code)
    won = winners.counts(campaign)
    rows = winners.latest(campaign, limit=SHOWN)
    zone = current_brand().zone
    shown = [
        {"title": row["title"], "name": row["name"], "phone": row["phone"],
         "day": from_instant(row["at"], zone).date().isoformat()}
        for row in rows
    ]  # fmt: skip
    counts = [{"title": prize.title, "won": won.get(prize.code, 0)} for prize in campaign.prizes if prize.wins]
    if "application/json" in flask.request.headers.get("Accept", ""):
        return flask.jsonify({"prizes": counts, "winners": shown})
    language = consumer_language()
    return consumer_page(
        "games_winners.html", campaign=campaign, counts=counts, rows=shown, t=WORDS[language],
        gw=GAME_WORDS[language], page_url=f"{root()}/g/{campaign.code}", static_url=static_url,
    )  # fmt: skip


def add_routes(blueprint: flask.Blueprint, games: Callable[[], Games], read: str) -> None:
    """Add the route of the winners."""

    @blueprint.get("/campaigns/<code>/winners")
    @permission(read)
    def list_winners(code: str) -> Any:
        """Winners in the order of their draws, masked; ``after`` is the ``cursor`` of the page before."""
        found = games()
        text = flask.request.args.get("after", "0")
        if not (text.isascii() and text.isdigit() and len(text) <= 16):
            raise Invalid("after is a whole number", field="after")
        rows = winners.page(found.campaigns.get(code), after=int(text))
        return flask.jsonify(
            {"winners": [_told(found.brand, row) for row in rows], "cursor": rows[-1]["id"] if rows else None}
        )


def add_commands(group: click.Group) -> None:
    """Add ``winners``."""

    @group.command("winners")
    @of_brand
    @click.argument("code", metavar="CAMPAIGN")
    @click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write all of them to a CSV file.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    def list_winners(session: CommandSession, brand_id: str, code: str, out: Path | None, as_json: bool) -> None:
        """The last winners of CAMPAIGN, masked; with --out the record of all of them, to be kept."""
        with session.brand(brand_id) as brand:
            games = games_of(brand)
            campaign = games.campaigns.get(code)
            if out is not None:
                count = _write(brand, campaign, out)
            else:
                rows = [_told(brand, row) for row in winners.latest(campaign)]
        if out is not None:
            click.echo(f"{count} winners written to {out}")
        else:
            session.show(COLUMNS, [[row[name] for name in COLUMNS] for row in rows], as_json=as_json)


def _write(brand: Brand, campaign: CampaignView, out: Path) -> int:
    count = after = 0
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        while rows := winners.page(campaign, after=after, limit=winners.MOST):
            told = (_told(brand, row) for row in rows)
            writer.writerows([csv_cell(row[name]) for name in COLUMNS] for row in told)
            count, after = count + len(rows), rows[-1]["id"]
    return count


def _told(brand: Brand, row: dict[str, Any]) -> dict[str, Any]:
    return {**{name: row[name] for name in COLUMNS}, "at": iso(row["at"], brand.zone)}
