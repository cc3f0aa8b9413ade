"""``scrm package-card``: campaigns, links and the warehouse's files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from scrm_core.api import Brand, CommandSession, CsvFile, CsvReject, Invalid, NotFound, json_option

from .claims import NAME
from .schemas import ShipmentBody, campaign_view, load, shipment
from .service import PackageCards, ShipmentIn

DAY = click.DateTime(["%Y-%m-%d"])
ROWS_REJECTED = 4  # the exit code that `scrm import` has too
MOST_SHOWN = 20


def _cards(brand: Brand) -> PackageCards:
    plugin = brand.plugins.get(NAME)
    if plugin is None:
        raise NotFound(f"brand {brand.id!r} has {NAME} switched off; add [plugins.{NAME}] to its file")
    return PackageCards(brand, plugin.settings)


def _ordinal(day: datetime | None) -> int | None:
    return day.date().toordinal() if day is not None else None


@click.group(name=NAME)
def group() -> None:
    """Package cards 包裹卡: campaigns, links, shipments."""


@group.command("create")
@click.argument("brand_id", metavar="BRAND")
@click.argument("code", metavar="CAMPAIGN")
@click.option("--source", required=True, help="The source of the orders that carry the card.")
@click.option("--name", default="", help="A name for people.")
@click.option("--from", "first_day", type=DAY, help="First day of shipping (brand's calendar); default: open.")
@click.option("--until", "last_day", type=DAY, help="Last day of shipping, included; default: open.")
@click.option("--warehouse", is_flag=True, help="Ship by the warehouse's files only, not with every order.")
@click.option("--recall-days", type=int, help="Days after shipping within which a scan counts.")
@click.option("--contribution-days", type=int, help="Days after the lead whose orders count.")
@json_option
@click.pass_obj
def create(
    session: CommandSession,
    brand_id: str,
    code: str,
    source: str,
    name: str,
    first_day: datetime | None,
    last_day: datetime | None,
    warehouse: bool,
    recall_days: int | None,
    contribution_days: int | None,
    as_json: bool,
) -> None:
    """Create a campaign; the same one again changes nothing."""
    with session.brand(brand_id) as brand:
        campaign = _cards(brand).create_campaign(
            code,
            source=source,
            name=name,
            automatic=not warehouse,
            first_day=_ordinal(first_day),
            last_day=_ordinal(last_day),
            recall_days=recall_days,
            contribution_days=contribution_days,
        )
    session.show_record(campaign_view(campaign), as_json=as_json)


@group.command("list")
@click.argument("brand_id", metavar="BRAND")
@json_option
@click.pass_obj
def list_campaigns(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """The campaigns of a brand."""
    with session.brand(brand_id) as brand:
        views = [campaign_view(campaign) for campaign in _cards(brand).campaigns()]
    headings = ["code", "source", "automatic", "ship_from", "ship_until", "recall_days", "contribution_days", "name"]
    session.show(headings, [[view[heading] for heading in headings] for view in views], as_json=as_json)


@group.command("link")
@click.argument("brand_id", metavar="BRAND")
@click.argument("code", metavar="CAMPAIGN")
@click.argument("channel")
@click.argument("target", metavar="URL")
@click.option("--variant", default="", help="Which card design carries this link, for an A/B test.")
@json_option
@click.pass_obj
def link(
    session: CommandSession, brand_id: str, code: str, channel: str, target: str, variant: str, as_json: bool
) -> None:
    """Make a tracked link of a campaign for a channel and a variant; print its code."""
    with session.brand(brand_id) as brand:
        made = _cards(brand).add_link(code, channel, target, variant=variant)
    record = {"code": made.code, "path": f"/l/{made.code}", "channel": channel, "variant": variant, "target": target}
    session.show_record(record, as_json=as_json)


@group.command("ship")
@click.argument("brand_id", metavar="BRAND")
@click.argument("code", metavar="CAMPAIGN")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def ship(ctx: click.Context, brand_id: str, code: str, file: Path) -> None:
    """Record the cards that a warehouse's FILE lists (columns serial, order_number, shipped_at).

    Prints one JSON object with read, created, unchanged and rejected; refused
    rows go to the error output with line and reason, and the exit code is 4.
    The same file again changes nothing.
    """
    session: CommandSession = ctx.obj
    with session.brand(brand_id) as brand, CsvFile(file) as rows:
        listed = _WarehouseFile(rows, brand)
        outcome = _cards(brand).ship(code, listed.shipments())
    rejected = sorted(listed.rejected + [(listed.lines[index], reason) for index, reason in outcome.rejected])
    for line, reason in rejected[:MOST_SHOWN]:
        click.echo(f"line {line}: {reason}", err=True)
    if len(rejected) > MOST_SHOWN:
        click.echo(f"and {len(rejected) - MOST_SHOWN} more", err=True)
    counts = {
        "read": len(listed.lines) + len(listed.rejected),
        "created": outcome.created,
        "unchanged": outcome.unchanged,
        "rejected": len(rejected),
    }
    click.echo(json.dumps(counts))
    if rejected:
        ctx.exit(ROWS_REJECTED)


class _WarehouseFile:
    """Reads a warehouse's file row by row; ``lines`` are those of the shipments, ``rejected`` (line, reason)."""

    COLUMNS = ("serial", "order_number", "shipped_at")

    def __init__(self, rows: CsvFile, brand: Brand) -> None:
        missing = [name for name in self.COLUMNS if name not in rows.header]
        if missing:
            raise Invalid(f"the file lacks the column {', '.join(missing)}; it has {', '.join(rows.header)}")
        self.lines: list[int] = []
        self.rejected: list[tuple[int, str]] = []
        self._rows = rows
        self._zone = brand.zone

    def shipments(self) -> Iterator[ShipmentIn]:
        """The rows that can be read; to be consumed once."""
        places = [self._rows.header.index(name) for name in self.COLUMNS]
        schema = ShipmentBody()
        for record in self._rows.rows():
            if isinstance(record, CsvReject):
                where = f"{record.column}: " if record.column else ""
                self.rejected.append((record.line, where + record.reason))
                continue
            line, cells = record
            try:
                row = load(schema, dict(zip(self.COLUMNS, (cells[place].strip() for place in places), strict=True)))
                read = shipment(row, self._zone)
            except Invalid as exc:
                self.rejected.append((line, exc.message))
                continue
            self.lines.append(line)
            yield read
