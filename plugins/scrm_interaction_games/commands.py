"""``scrm games``: campaigns, chances, reviews, checks of draws."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import click

from scrm_core.api import (
    CommandSession,
    Invalid,
    actor_option,
    find_contact,
    iso,
    json_option,
    of_brand,
)

from .awards.commands import add_commands as add_award_commands
from .draw_commands import add_commands as add_draw_commands
from .engine import checking
from .engine.definition import instant_of, money
from .engine.standing import standing
from .games.shop_commands import add_commands as add_shop_commands
from .recommend import recommend
from .report import prizes_report
from .routes import campaign_record, option_record
from .schemas import NAME, moment
from .service import games_of
from .winners import add_commands as add_winner_commands

BRAND = click.argument("brand_id", metavar="BRAND")
CODE = click.argument("code", metavar="CAMPAIGN")


@click.group(name=NAME)
def group() -> None:
    """Interaction games 互动游戏: campaigns, chances, reviews, checks of draws."""


@group.group("campaign")
def campaign() -> None:
    """Campaigns 活动: create, list, show, publish, pause, resume, end, reveal, enlarge."""


@campaign.command("create")
@of_brand
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@actor_option
@json_option
def create(session: CommandSession, brand_id: str, file: Path, actor: str, as_json: bool) -> None:
    """Make a draft from the definition in FILE (TOML or JSON)."""
    body = read_definition(file)
    with session.brand(brand_id) as brand:
        games = games_of(brand)
        record = campaign_record(games, games.create(body, actor=actor))
    session.show_record(record, as_json=as_json)


@campaign.command("dry-run")
@of_brand
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def dry_run(session: CommandSession, brand_id: str, file: Path, as_json: bool) -> None:
    """Odds, pacing and cost of the definition in FILE (TOML or JSON), and what keeps it back; writes nothing."""
    body = read_definition(file)
    with session.brand(brand_id) as brand:
        found = games_of(brand).campaigns.dry_run(body)
    if as_json:
        session.show_record(found, as_json=True)
        return
    headings = ("code", "odds", "rate", "value_minor", "stock", "at_once", "after_a_day")
    session.show(headings, [[each[name] for name in headings] for each in found["prizes"]], as_json=False)
    costs = ("expected_cost_minor", "expected_spend_minor", "budget_minor", "most_minor", "worst_minor")
    session.show_record({name: found[name] for name in costs}, as_json=False)
    for note in found["notes"]:
        click.echo(f"{note['kind']}: {note['en']} {note['zh']}")


@campaign.command("rewrite")
@of_brand
@CODE
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@actor_option
@json_option
def rewrite(session: CommandSession, brand_id: str, code: str, file: Path, actor: str, as_json: bool) -> None:
    """Give a draft the definition in FILE (TOML or JSON) in the place of its own; the code stays."""
    body = read_definition(file)
    with session.brand(brand_id) as brand:
        games = games_of(brand)
        record = campaign_record(games, games.campaigns.rewrite(code, body, actor=actor))
    session.show_record(record, as_json=as_json)


@campaign.command("list")
@of_brand
@json_option
def list_campaigns(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """All campaigns with their state and cost."""
    headings = ("code", "game", "phase", "surface", "starts_at", "ends_at", "spent_minor", "budget_minor")
    with session.brand(brand_id) as brand:
        games = games_of(brand)
        records = [campaign_record(games, each) for each in games.campaigns.list()]
    session.show(headings, [[record[name] for name in headings] for record in records], as_json=as_json)


@campaign.command("show")
@of_brand
@CODE
@json_option
def show(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """A campaign with its commitment."""
    with session.brand(brand_id) as brand:
        games = games_of(brand)
        record = campaign_record(games, games.campaigns.get(code))
    session.show_record(record, as_json=as_json)


@campaign.command("publish")
@of_brand
@CODE
@actor_option
@click.option("--confirm", is_flag=True, help="Accept an expected spend above the budget, and prizes that may run out.")
@json_option
def publish(session: CommandSession, /, brand_id: str, code: str, actor: str, confirm: bool, as_json: bool) -> None:
    """Publish a draft: odds, quantities, rules and commitment stand from now on."""
    with session.brand(brand_id) as brand:
        told = games_of(brand).publish(code, actor, confirm=confirm)
    session.show_record({name: value for name, value in told.items() if name != "rates"}, as_json=as_json)


@campaign.command("pause")
@of_brand
@CODE
@actor_option
@click.option("--reason", required=True, help="Why; players are told.")
def pause(session: CommandSession, brand_id: str, code: str, actor: str, reason: str) -> None:
    """Stop a campaign for a while."""
    with session.brand(brand_id) as brand:
        games_of(brand).pause(code, actor=actor, reason=reason)
    click.echo(f"{code} is paused")


@campaign.command("resume")
@of_brand
@CODE
@actor_option
def resume(session: CommandSession, brand_id: str, code: str, actor: str) -> None:
    """Let a paused campaign go on."""
    with session.brand(brand_id) as brand:
        games_of(brand).resume(code, actor=actor)
    click.echo(f"{code} goes on")


@campaign.command("end")
@of_brand
@CODE
@actor_option
@click.option("--reason", required=True, help="Why; players are told.")
def end(session: CommandSession, brand_id: str, code: str, actor: str, reason: str) -> None:
    """End a campaign before its time."""
    with session.brand(brand_id) as brand:
        games_of(brand).end(code, actor=actor, reason=reason)
    click.echo(f"{code} has ended")


@campaign.command("reveal")
@of_brand
@CODE
@actor_option
@json_option
def reveal(session: CommandSession, brand_id: str, code: str, actor: str, as_json: bool) -> None:
    """Publish the seed of a campaign that is over."""
    with session.brand(brand_id) as brand:
        told = games_of(brand).reveal(code, actor=actor)
    session.show_record(told, as_json=as_json)


@campaign.command("lengthen")
@of_brand
@CODE
@click.argument("ends_at")
@actor_option
def lengthen(session: CommandSession, brand_id: str, code: str, ends_at: str, actor: str) -> None:
    """Move the end to later, to ENDS_AT (ISO 8601, the brand's wall-clock time without an offset)."""
    with session.brand(brand_id) as brand:
        instant = instant_of(brand, moment(ends_at, field="ends_at"))
        changed = games_of(brand).campaigns.lengthen(code, instant, actor=actor)
        until = iso(changed.ends_at, brand.zone)
    click.echo(f"{code} ends at {until}")


@campaign.command("stock")
@of_brand
@CODE
@click.argument("prize")
@click.argument("more", type=int)
@actor_option
def stock(session: CommandSession, brand_id: str, code: str, prize: str, more: int, actor: str) -> None:
    """Add MORE to the stock of PRIZE."""
    with session.brand(brand_id) as brand:
        changed = games_of(brand).campaigns.add_stock(code, prize, more, actor=actor)
    click.echo(f"{prize}: {changed.prize(prize).stock_total} in all")


@campaign.command("budget")
@of_brand
@CODE
@click.argument("more_minor", type=int)
@actor_option
def budget(session: CommandSession, brand_id: str, code: str, more_minor: int, actor: str) -> None:
    """Add MORE_MINOR minor units to the budget."""
    with session.brand(brand_id) as brand:
        changed = games_of(brand).campaigns.add_budget(code, more_minor, actor=actor)
        total = money(brand, changed.budget_minor or 0)
    click.echo(f"{code}: {total} in all")


@campaign.command("standing")
@of_brand
@CODE
@json_option
def show_standing(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """Each prize's stock against the pacing, and what became of its wins."""
    with session.brand(brand_id) as brand:
        games = games_of(brand)
        found = standing(games, games.campaigns.get(code))
    names = ("code", "stock_total", "stock_left", "planned", "given", "held", "won", "granted", "failed", "void")
    session.show(names, [[each[name] for name in names] for each in found], as_json=as_json)


@campaign.command("odds")
@of_brand
@CODE
@json_option
def odds(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """Published odds, the rate with the guarantee counted, and what is expected to be spent."""
    with session.brand(brand_id) as brand:
        games = games_of(brand)
        found = games.campaigns.get(code)
        told = checking.cost(found)
        rows = [
            [prize.code, prize.weight, found.total_weight, _rate(told["rates"].get(prize.code)), prize.stock_total]
            for prize in found.prizes
        ]
    if as_json:
        session.show_record(told, as_json=True)
        return
    session.show(("prize", "weight", "of", "rate", "stock"), rows)
    click.echo(f"expected cost of a draw: {told['expected_cost_minor']} minor units")
    if told["expected_spend_minor"] is not None:
        click.echo(f"expected spend of {told['expected_draws']} draws: {told['expected_spend_minor']} minor units")


@campaign.command("prizes")
@of_brand
@json_option
def prizes(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Prizes of all published campaigns: odds beside what was drawn."""
    with session.brand(brand_id) as brand:
        table = prizes_report(games_of(brand))
    headings = [column.name for column in table.columns]
    session.show(headings, [[row[name] for name in headings] for row in table.rows], as_json=as_json)


@group.command("recommend")
@of_brand
@click.argument("goal", metavar="GOAL")
@click.option("--surface", "on", multiple=True, help="A surface that the brand has; all when none is named.")
@json_option
def recommended(session: CommandSession, brand_id: str, goal: str, on: tuple[str, ...], as_json: bool) -> None:
    """The main and assisting games for GOAL, and why the brand cannot use one."""
    headings = ("role", "game", "usable", "surfaces", "problems")
    with session.brand(brand_id) as brand:
        games_of(brand)
        records = [option_record(option) for option in recommend(brand, goal, on=on)]
    session.show(headings, [[record[name] for name in headings] for record in records], as_json=as_json)


@group.group("tickets")
def tickets() -> None:
    """Chances to draw 抽奖机会."""


@tickets.command("grant")
@of_brand
@CODE
@click.argument("contact", metavar="CONTACT")
@click.argument("count", type=int)
@click.option("--key", required=True, help="What they are for; works once.")
@actor_option
@json_option
def grant(
    session: CommandSession, /, brand_id: str, code: str, contact: str, count: int, key: str, actor: str, as_json: bool
) -> None:
    """Give CONTACT (a uid, or phone=NUMBER) COUNT chances."""
    with session.brand(brand_id) as brand:
        person = find_contact(brand, contact)
        balance = games_of(brand).grant_tickets(code, person.id, count, key=key, actor=actor)
    session.show_record({"contact": contact, "balance": balance}, as_json=as_json)


add_draw_commands(group)
add_award_commands(group)
add_shop_commands(group)
add_winner_commands(group)


def _rate(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.6f}"


def read_definition(file: Path) -> Any:
    """A definition from a TOML or JSON file; raises Invalid for one that cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
        return json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except ValueError as exc:
        raise Invalid(f"{file}: {exc}") from None
