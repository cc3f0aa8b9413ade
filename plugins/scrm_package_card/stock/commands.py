"""``scrm package-card``: print batches, their stock and cards, costs, what to print, what was missed."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click

from scrm_core.api import Brand, CommandSession, Invalid, csv_cell, iso, json_option, local_instant, of_brand

from ..service import PackageCards
from .batches import KINDS, OWNER, BatchIn
from .cards import all_cards
from .erp import COLUMNS, goods
from .forecast import BASES, suggest
from .views import batch_view, suggestion_view

F = TypeVar("F", bound=Callable[..., Any])
MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"])
PAGE = 200


def cards_of_brand(brand: Brand) -> PackageCards:
    """The brand's service; raises NotFound when the plugin is switched off."""
    return PackageCards(brand, brand.plugin(OWNER).settings)


def _of_batch(command: F) -> F:
    command = click.argument("code", metavar="BATCH")(command)
    command = click.argument("brand_id", metavar="BRAND")(command)
    return click.pass_obj(command)  # type: ignore[return-value]


def _of_campaign(command: F) -> F:
    command = click.argument("campaign", metavar="CAMPAIGN")(command)
    command = click.argument("brand_id", metavar="BRAND")(command)
    return click.pass_obj(command)  # type: ignore[return-value]


def _paged(command: F) -> F:
    command = click.option("--after", default=0, help="Go on behind this one.")(command)
    return click.option("--limit", default=PAGE, show_default=True, help="How many at most.")(command)


@click.command("batch")
@_of_campaign
@click.argument("code", metavar="SKU")
@click.option("--kind", type=click.Choice(list(KINDS)), required=True, help="通知 / 品牌 / 营销 / 热点.")
@click.option("--printed", type=int, required=True, help="How many cards are printed.")
@click.option("--unit-cost", type=int, required=True, help="What one card costs, in minor units (cents, 分).")
@click.option("--name", default="", help="A name for people and the ERP.")
@click.option("--arm", default="", help="The arm of the A/B test that these cards are.")
@click.option("--channel", default="", help="The channel of their links.")
@click.option("--target", default="", help="Where their links lead; {code} becomes the link's own code.")
@click.option("--unique", is_flag=True, help="Each card gets a serial and a link of its own.")
@click.option("--dry-run", is_flag=True, help="Tell what would be made and what it costs; write nothing.")
@json_option
def batch(
    session: CommandSession,
    brand_id: str,
    campaign: str,
    code: str,
    kind: str,
    printed: int,
    unit_cost: int,
    name: str,
    arm: str,
    channel: str,
    target: str,
    unique: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Enter a print batch of a campaign; the same one again changes nothing.

    From then on the campaign ships cards from stock only.
    """
    wanted = BatchIn(code, campaign, kind, printed, unit_cost, name, arm, channel, unique, target)
    with session.brand(brand_id) as brand:
        stock = cards_of_brand(brand).stock
        view = asdict(stock.preview(wanted)) if dry_run else batch_view(stock.create(wanted))
    session.show_record(view, as_json=as_json)
    if dry_run:
        click.echo("dry run: nothing was written", err=True)


@click.command("stock")
@of_brand
@click.option("--campaign", help="Of this campaign alone.")
@_paged
@json_option
def stock_list(
    session: CommandSession, brand_id: str, campaign: str | None, after: int, limit: int, as_json: bool
) -> None:
    """Print batches with what was received, shipped and is left (库存)."""
    with session.brand(brand_id) as brand:
        found = cards_of_brand(brand).stock.batches(campaign, after=after, limit=limit)
    headings = ["code", "campaign", "kind", "arm", "channel", "printed", "received", "shipped", "adjusted", "left"]
    session.show(headings, [[batch_view(b)[heading] for heading in headings] for b in found], as_json=as_json)
    _onward(found, limit)


def _onward(found: list[Any], limit: int) -> None:
    if len(found) == limit:
        click.echo(f"more: --after {found[-1].id}", err=True)


@click.command("receive")
@_of_batch
@click.argument("quantity", type=int)
@click.option("--key", required=True, help="What names this delivery, so that it is recorded once.")
@click.option("--at", type=MOMENT, help="When it came (brand's wall clock); default: now.")
@click.option("--by", "actor", default="", help="Who counted it in.")
@json_option
def receive(
    session: CommandSession,
    brand_id: str,
    code: str,
    quantity: int,
    key: str,
    at: datetime | None,
    actor: str,
    as_json: bool,
) -> None:
    """Record that QUANTITY cards of a batch came into the warehouse (入库)."""
    with session.brand(brand_id) as brand:
        moment = local_instant(at, brand.zone) if at is not None else None
        found = cards_of_brand(brand).move_stock(code, "received", quantity, key=key, actor=actor, at=moment)
    session.show_record(batch_view(found), as_json=as_json)


@click.command("correct")
@_of_batch
@click.option("--damaged", type=int, help="So many cards cannot be used.")
@click.option("--change", type=int, help="So many more (or, negative, fewer) were counted.")
@click.option("--reason", required=True, help="Why.")
@click.option("--key", required=True, help="What names this correction, so that it is recorded once.")
@click.option("--by", "actor", default="", help="Who found it.")
@json_option
def correct(
    session: CommandSession,
    brand_id: str,
    code: str,
    damaged: int | None,
    change: int | None,
    reason: str,
    key: str,
    actor: str,
    as_json: bool,
) -> None:
    """Take damaged cards out of the stock, or correct it to what was counted (盘点)."""
    if (damaged is None) == (change is None):
        raise Invalid("give either --damaged or --change", field="damaged")
    kind, quantity = ("damaged", damaged) if damaged is not None else ("adjusted", change or 0)
    with session.brand(brand_id) as brand:
        found = cards_of_brand(brand).move_stock(code, kind, quantity, key=key, reason=reason, actor=actor)
    session.show_record(batch_view(found), as_json=as_json)


@click.command("moves")
@_of_batch
@_paged
@json_option
def moves(session: CommandSession, brand_id: str, code: str, after: int, limit: int, as_json: bool) -> None:
    """The stock moves of a batch, oldest first."""
    with session.brand(brand_id) as brand:
        found = cards_of_brand(brand).stock.moves(code, after=after, limit=limit)
        rows = [[iso(m.at, brand.zone), m.kind, m.quantity, m.key, m.reason, m.actor] for m in found]
    session.show(["at", "kind", "quantity", "key", "reason", "actor"], rows, as_json=as_json)
    _onward(found, limit)


@click.command("goods")
@of_brand
@click.option("--campaign", help="Of this campaign alone.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File; default: standard output.")
@click.option(
    "--encoding", type=click.Choice(["utf-8", "gb18030"]), default="utf-8", show_default=True, help="Of the file."
)
def goods_list(
    session: CommandSession, brand_id: str, campaign: str | None, output: Path | None, encoding: str
) -> None:
    """The stock as virtual goods for an ERP (虚拟商品), as CSV."""
    with session.brand(brand_id) as brand:
        _write_csv(output, encoding, COLUMNS, goods(cards_of_brand(brand).stock, campaign))


@click.command("cards")
@_of_batch
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File; default: standard output.")
def unique_cards(session: CommandSession, brand_id: str, code: str, output: Path | None) -> None:
    """Serials and links of a batch's unique cards, as CSV, for a printer's own program."""
    with session.brand(brand_id) as brand:
        found = cards_of_brand(brand).stock.batch(code)
        base = brand.installation.config.base_url
        rows = ([str(card.number), card.serial, csv_cell(f"{base}/l/{card.link}")] for card in all_cards(found))
        _write_csv(output, "utf-8", ("number", "serial", "url"), rows)


def _write_csv(path: Path | None, encoding: str, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    if path is None:
        _write_lines(sys.stdout, header, rows)
        return
    try:
        with path.open("w", encoding=encoding, newline="") as file:
            _write_lines(file, header, rows)
    except OSError as exc:
        raise Invalid(f"{path} cannot be written: {exc.strerror}", field="output") from exc


def _write_lines(file: TextIO, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(header)
    lines.writerows(rows)


@click.command("suggest")
@_of_campaign
@click.option("--days", type=int, help="For how many days it ships; default: the campaign's window.")
@click.option("--basis", type=click.Choice(BASES), help="Take this forecast; default: the largest.")
@click.option("--lot", type=int, help="The printer's lot; default: the setting print_lot.")
@json_option
def suggestion(
    session: CommandSession,
    brand_id: str,
    campaign: str,
    days: int | None,
    basis: str | None,
    lot: int | None,
    as_json: bool,
) -> None:
    """How many cards to print (建议印量), from the daily, weekly and monthly orders there were."""
    with session.brand(brand_id) as brand:
        cards = cards_of_brand(brand)
        wanted = cards.settings["print_lot"] if lot is None else lot
        found = suggest(brand, cards.campaign(campaign), lot=wanted, days=days, basis=basis)
    if as_json:
        session.show_record(suggestion_view(found), as_json=True)
        return
    for forecast in found.forecasts:
        click.echo(f"{forecast.basis:8} {forecast.arithmetic}")
    click.echo(f"print {found.quantity:,} ({found.chosen}, lots of {found.lot:,}); {found.left:,} are in stock")


@click.command("misses")
@_of_campaign
@_paged
@json_option
def misses(session: CommandSession, brand_id: str, campaign: str, after: int, limit: int, as_json: bool) -> None:
    """Orders that left without a card because none was left (缺卡)."""
    with session.brand(brand_id) as brand:
        found = cards_of_brand(brand).stock.misses(campaign, after=after, limit=limit)
        rows = [[m.source, m.order_number, m.arm, iso(m.at, brand.zone)] for m in found]
    session.show(["source", "order_number", "arm", "at"], rows, as_json=as_json)
    _onward(found, limit)


@click.command("spend")
@_of_campaign
@click.argument("what")
@click.option("--quantity", type=int, required=True, help="How many; negative takes an earlier entry back.")
@click.option("--unit-cost", type=int, required=True, help="What one costs, in minor units.")
@click.option("--key", required=True, help="What names this entry, so that it is made once.")
@click.option("--batch", "of_batch", default="", help="Of this batch alone.")
@click.option("--by", "actor", default="", help="Who enters it.")
def spend(
    session: CommandSession,
    brand_id: str,
    campaign: str,
    what: str,
    quantity: int,
    unit_cost: int,
    key: str,
    of_batch: str,
    actor: str,
) -> None:
    """Note what a campaign cost besides its cards, such as hook gifts that were claimed."""
    with session.brand(brand_id) as brand:
        cards = cards_of_brand(brand)
        made = cards.spending.record(
            cards.campaign(campaign), what, quantity, unit_cost, key=key, batch=of_batch, actor=actor
        )
    click.echo(f"{campaign}: {what} {quantity:,} x {unit_cost:,}" + ("" if made else " was there already"))


@click.command("spends")
@_of_campaign
@_paged
@json_option
def spends(session: CommandSession, brand_id: str, campaign: str, after: int, limit: int, as_json: bool) -> None:
    """What a campaign cost besides its cards, oldest first; money in minor units."""
    with session.brand(brand_id) as brand:
        cards = cards_of_brand(brand)
        found = cards.spending.entries(cards.campaign(campaign), after=after, limit=limit)
        rows = [[iso(e.at, brand.zone), e.what, e.quantity, e.unit_minor, e.batch, e.key, e.actor] for e in found]
    session.show(["at", "what", "quantity", "unit_minor", "batch", "key", "actor"], rows, as_json=as_json)
    _onward(found, limit)


COMMANDS = (batch, stock_list, receive, correct, moves, goods_list, unique_cards, suggestion, misses, spend, spends)


def add_commands(group: click.Group) -> None:
    """Add the commands of the stock to the plugin's group."""
    for command in COMMANDS:
        group.add_command(command)
