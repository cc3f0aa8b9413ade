"""``scrm package-card``: campaigns, links, the warehouse's files, the figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from scrm_core.api import Brand, CommandSession, CsvFile, CsvReject, Invalid, json_option, load_body, of_brand

from .charts import VIEWS, chart, save
from .report import BY, full_report
from .schemas import ShipmentBody, campaign_view, outcome_view, shipment
from .steps.commands import add_commands as add_step_commands
from .stock.commands import add_commands as add_stock_commands
from .stock.commands import cards_of_brand
from .stock.print_commands import add_commands as add_print_commands
from .stock.warehouse import ShipmentIn

DAY = click.DateTime(["%Y-%m-%d"])
ROWS_REJECTED = 4  # the exit code that `scrm import` has too
MOST_SHOWN = 20


def _ordinal(day: datetime | None) -> int | None:
    return day.date().toordinal() if day is not None else None


@click.group(name="package-card")
def group() -> None:
    """Package cards 包裹卡: campaigns, their seven steps, print batches and stock, shipments, figures."""


add_stock_commands(group)
add_print_commands(group)
add_step_commands(group)


@group.command("create")
@of_brand
@click.argument("code", metavar="CAMPAIGN")
@click.option("--source", required=True, help="The source of the orders that carry the card.")
@click.option("--name", default="", help="A name for people.")
@click.option("--from", "first_day", type=DAY, help="First day of shipping (brand's calendar); default: open.")
@click.option("--until", "last_day", type=DAY, help="Last day of shipping, included; default: open.")
@click.option("--warehouse", is_flag=True, help="Ship by the warehouse's files only, not with every order.")
@click.option("--from-stock", is_flag=True, help="Ship no card before one of the campaign's batches came.")
@click.option("--recall-days", type=int, help="Days after shipping within which a scan counts.")
@click.option("--contribution-days", type=int, help="Days after the lead whose orders count.")
@json_option
def create(
    session: CommandSession,
    brand_id: str,
    code: str,
    source: str,
    name: str,
    first_day: datetime | None,
    last_day: datetime | None,
    warehouse: bool,
    from_stock: bool,
    recall_days: int | None,
    contribution_days: int | None,
    as_json: bool,
) -> None:
    """Create a campaign; the same one again changes nothing."""
    with session.brand(brand_id) as brand:
        campaign = cards_of_brand(brand).create_campaign(
            code,
            source=source,
            name=name,
            automatic=not warehouse,
            from_stock=from_stock,
            first_day=_ordinal(first_day),
            last_day=_ordinal(last_day),
            recall_days=recall_days,
            contribution_days=contribution_days,
        )
    session.show_record(campaign_view(campaign), as_json=as_json)


@group.command("list")
@of_brand
@json_option
def list_campaigns(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """The campaigns of a brand."""
    with session.brand(brand_id) as brand:
        views = [campaign_view(campaign) for campaign in cards_of_brand(brand).campaigns()]
    headings = ["code", "source", "automatic", "ship_from", "ship_until", "recall_days", "contribution_days", "name"]
    session.show(headings, [[view[heading] for heading in headings] for view in views], as_json=as_json)


@group.command("link")
@of_brand
@click.argument("code", metavar="CAMPAIGN")
@click.argument("channel")
@click.argument("target", metavar="URL")
@click.option("--variant", default="", help="Which card design carries this link, for an A/B test.")
@json_option
def link(
    session: CommandSession, brand_id: str, code: str, channel: str, target: str, variant: str, as_json: bool
) -> None:
    """Make a tracked link of a campaign for a channel and a variant; print its code."""
    with session.brand(brand_id) as brand:
        made = cards_of_brand(brand).add_link(code, channel, target, variant=variant)
    record = {"code": made.code, "path": f"/l/{made.code}", "channel": channel, "variant": variant, "target": target}
    session.show_record(record, as_json=as_json)


@group.command("ship")
@click.argument("brand_id", metavar="BRAND")
@click.argument("code", metavar="CAMPAIGN")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Tell what would happen and what the cards cost; write nothing.")
@click.pass_context
def ship(ctx: click.Context, brand_id: str, code: str, file: Path, dry_run: bool) -> None:
    """Record the cards that a warehouse's FILE lists.

    Columns: order_number, shipped_at, and serial or batch or both; signed_at
    if it is known. Chinese names are understood (订单号, 发货时间, 卡号, 批次,
    签收时间). Prints one JSON object with read, created, updated, unchanged,
    rejected, cards by batch and their cost in minor units; refused rows go to
    the error output with line and reason, and the exit code is 4. The same
    file again changes nothing.
    """
    session: CommandSession = ctx.obj
    with session.brand(brand_id) as brand, CsvFile(file) as rows:
        listed = _WarehouseFile(rows, brand)
        outcome = cards_of_brand(brand).ship(code, listed.shipments(), dry_run=dry_run)
    rejected = sorted(listed.rejected + [(listed.lines[index], reason) for index, reason in outcome.rejected])
    for line, reason in rejected[:MOST_SHOWN]:
        click.echo(f"line {line}: {reason}", err=True)
    if len(rejected) > MOST_SHOWN:
        click.echo(f"and {len(rejected) - MOST_SHOWN} more", err=True)
    read = len(listed.lines) + len(listed.rejected)
    click.echo(json.dumps({"read": read, "rejected": len(rejected), **outcome_view(outcome)}))
    if dry_run:
        click.echo("dry run: nothing was written", err=True)
    if rejected:
        ctx.exit(ROWS_REJECTED)


@group.command("figures")
@of_brand
@click.option("--campaign", help="Of this campaign alone.")
@click.option("--by", type=click.Choice(BY), default="campaign", show_default=True, help="What the rows stand for.")
@click.option("--days", type=int, help="Days after the lead whose orders count; default: the campaign's.")
@json_option
def figures(
    session: CommandSession, brand_id: str, campaign: str | None, by: str, days: int | None, as_json: bool
) -> None:
    """Recall, contribution and costs (数据监测); money in minor units, shares as fractions."""
    with session.brand(brand_id) as brand:
        table = full_report(cards_of_brand(brand), by, campaign=campaign, days=days)
    names = [column.name for column in table.columns]
    if as_json:
        session.show(names, [[row[name] for name in names] for row in table.rows], as_json=True)
        return
    # One figure a line: there are more of them than a terminal is wide.
    named = dict.fromkeys(("campaign", by))
    groups = [" ".join(row[name] or "-" for name in named) for row in table.rows]
    shown = [column for column in table.columns if column.name not in named]
    session.show(["figure", *groups], [[column.title, *(row[column.name] for row in table.rows)] for column in shown])


@group.command("chart")
@of_brand
@click.argument("code", metavar="CAMPAIGN")
@click.option("--by", "view", type=click.Choice(VIEWS), default="day", show_default=True, help="Days or groups.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File: .svg or .png.")
def draw(session: CommandSession, brand_id: str, code: str, view: str, out: Path) -> None:
    """Draw recall 引流召回率 and contribution per card 单卡贡献率, per day or per arm, batch or channel."""
    with session.brand(brand_id) as brand:
        picture = chart(cards_of_brand(brand), code, view)
    save(picture, out)
    click.echo(f"{out} written")


class _WarehouseFile:
    """Reads a warehouse's file row by row; ``lines`` are those of the shipments, ``rejected`` (line, reason)."""

    # The first name is ours, the others are what warehouses and ERPs call it.
    COLUMNS = {
        "order_number": ("order_number", "订单号", "订单编号", "线上订单号"),
        "shipped_at": ("shipped_at", "发货时间", "订单发货时间"),
        "serial": ("serial", "卡号", "卡片编号"),
        "batch": ("batch", "sku", "批次", "批次编码", "商品编码"),
        "signed_at": ("signed_at", "签收时间"),
    }

    def __init__(self, rows: CsvFile, brand: Brand) -> None:
        self._places = {
            field: rows.header.index(name)
            for field, names in self.COLUMNS.items()
            for name in names
            if name in rows.header
        }
        missing = [field for field in ("order_number", "shipped_at") if field not in self._places]
        if not {"serial", "batch"} & set(self._places):
            missing.append("serial or batch")
        if missing:
            raise Invalid(f"the file lacks the column {', '.join(missing)}; it has {', '.join(rows.header)}")
        self.lines: list[int] = []
        self.rejected: list[tuple[int, str]] = []
        self._rows = rows
        self._zone = brand.zone

    def shipments(self) -> Iterator[ShipmentIn]:
        """The rows that can be read; to be consumed once."""
        schema = ShipmentBody()
        for record in self._rows.rows():
            if isinstance(record, CsvReject):
                where = f"{record.column}: " if record.column else ""
                self.rejected.append((record.line, where + record.reason))
                continue
            line, cells = record
            try:
                row = load_body(schema, {field: cells[place].strip() for field, place in self._places.items()})
                read = shipment(row, self._zone)
            except Invalid as exc:
                self.rejected.append((line, exc.message))
                continue
            self.lines.append(line)
            yield read
