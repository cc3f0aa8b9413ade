"""``scrm coupon-threshold``: batches from JSON files, their states, stock, codes and figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from scrm_core.api import CommandSession, Invalid, json_option, of_brand

from ..report import comparison_view, coupon_report, gate_comparison
from ..report import expiring as expiring_rows
from ..service import coupons_of
from .pool import COLUMN
from .service import Batch
from .standing import standing
from .views import batch_view

F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
SHOWN = ("code", "title", "state", "codes", "issued", "stock_left", "budget_left_minor", "claim_to")
DAY = click.DateTime(["%Y-%m-%d"])


def _of_batch(command: F) -> F:
    return of_brand(click.argument("code", metavar="BATCH")(command))


def _definition(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError) as exc:
        raise Invalid(f"{file.name} is no JSON in UTF-8: {exc}", field="file") from None


@click.command("create")
@of_brand
@click.argument("file", type=FILE)
@json_option
def create(session: CommandSession, brand_id: str, file: Path, as_json: bool) -> None:
    """Create a batch 券批次 as a draft from its definition in FILE (JSON); the same one again changes nothing."""
    with session.brand(brand_id) as brand:
        view = batch_view(coupons_of(brand).batches.create(_definition(file)), brand.zone)
    session.show_record(view, as_json=as_json)


@click.command("dry-run")
@of_brand
@click.argument("file", type=FILE)
@json_option
def dry_run(session: CommandSession, brand_id: str, file: Path, as_json: bool) -> None:
    """What the batch of the definition in FILE (JSON) would cost at worst; writes nothing."""
    with session.brand(brand_id) as brand:
        found = coupons_of(brand).batches.dry_run(_definition(file))
    notes = [] if as_json else found.pop("notes")
    session.show_record(found if as_json else {**found, "rule": found["rule"]["en"]}, as_json=as_json)
    for note in notes:
        click.echo(f"note: {note['en']} {note['zh']}")


@click.command("change")
@_of_batch
@click.argument("file", type=FILE)
@json_option
def change(session: CommandSession, brand_id: str, code: str, file: Path, as_json: bool) -> None:
    """Change the members of a definition that FILE names; after the first coupon title, brakes, longer validity."""
    with session.brand(brand_id) as brand:
        view = batch_view(coupons_of(brand).batches.update(code, _definition(file)), brand.zone)
    session.show_record(view, as_json=as_json)


@click.command("list")
@of_brand
@click.option("--state", type=click.Choice(["draft", "open", "paused", "closed"]), help="Of this state alone.")
@click.option("--after", default=0, help="Go on behind this one.")
@click.option("--limit", default=200, show_default=True, help="How many at most.")
@json_option
def list_batches(
    session: CommandSession, brand_id: str, state: str | None, after: int, limit: int, as_json: bool
) -> None:
    """Batches with their stock and budget, oldest first."""
    with session.brand(brand_id) as brand:
        found = coupons_of(brand).batches.page(state=state, after=after, limit=limit)
        views = [batch_view(batch, brand.zone) for batch in found]
    session.show(SHOWN, [[view[name] for name in SHOWN] for view in views], as_json=as_json)
    if len(found) == limit:
        click.echo(f"more: --after {found[-1].id}", err=True)


@click.command("show")
@_of_batch
@json_option
def show(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """A batch: its definition, state, stock and budget."""
    with session.brand(brand_id) as brand:
        view = batch_view(coupons_of(brand).batches.get(code), brand.zone)
    session.show_record(view, as_json=as_json)


@click.command("standing")
@_of_batch
@json_option
def show_standing(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """A batch's coupons by state, what they gave, and what those that are out may still cost."""
    with session.brand(brand_id) as brand:
        view = standing(coupons_of(brand).batches.get(code))
    session.show_record(view, as_json=as_json)


def _moving(name: str, help_text: str, move: Callable[[Any, str], Batch]) -> click.Command:
    @click.command(name, help=help_text)
    @_of_batch
    @json_option
    def command(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
        with session.brand(brand_id) as brand:
            batch = move(coupons_of(brand).batches, code)
        session.show_record({"code": batch.code, "state": batch.state}, as_json=as_json)

    return command


open_batch = _moving("open", "Let the claims of a batch begin.", lambda batches, code: batches.open(code))
pause = _moving("pause", "Stop the claims of a batch for now; coupons stay good.", lambda b, code: b.pause(code))
close = _moving("close", "Stop the claims of a batch for good; coupons stay good.", lambda b, code: b.close(code))


@click.command("stock")
@_of_batch
@click.argument("total", type=int)
@json_option
def stock(session: CommandSession, brand_id: str, code: str, total: int, as_json: bool) -> None:
    """Raise a batch's stock to TOTAL coupons ever; the same again changes nothing."""
    with session.brand(brand_id) as brand:
        batch = coupons_of(brand).batches.raise_stock(code, total)
    told = {"code": batch.code, "stock_total": batch.stock_total, "stock_left": batch.stock_left}
    session.show_record(told, as_json=as_json)


@click.command("draw")
@_of_batch
@click.argument("total", type=int)
@json_option
def draw(session: CommandSession, brand_id: str, code: str, total: int, as_json: bool) -> None:
    """Draw codes until the batch's pool has had TOTAL ever; a run that was cut off goes on."""
    with session.brand(brand_id) as brand:
        batch = coupons_of(brand).pools.draw(code, total)
    told = {"code": batch.code, "stock_total": batch.stock_total, "stock_left": batch.stock_left}
    session.show_record(told, as_json=as_json)


@click.command("codes")
@_of_batch
@click.argument("file", type=FILE)
@click.option("--column", default="code", show_default=True, help="The heading of the codes.")
@click.option("--dry-run", is_flag=True, help="Say what would come of the file and write nothing.")
@json_option
def codes(
    session: CommandSession, brand_id: str, code: str, file: Path, column: str, dry_run: bool, as_json: bool
) -> None:
    """Import the codes of FILE (CSV) into a batch's pool; the same file again adds none."""
    with session.brand(brand_id) as brand:
        outcome = coupons_of(brand).pools.import_file(code, file, column=column, dry_run=dry_run)
    told = {"added": outcome.added, "unchanged": outcome.unchanged, "rejected": outcome.rejected}
    session.show_record(told, as_json=as_json)
    for line, reason in outcome.rejects:
        click.echo(f"line {line}: {reason}", err=True)
    if dry_run:
        click.echo("dry run: nothing was written", err=True)


@click.command("printed")
@_of_batch
def printed(session: CommandSession, brand_id: str, code: str) -> None:
    """Write the codes of a pool that no coupon has yet, as CSV for a printer, to standard output."""
    with session.brand(brand_id) as brand:
        click.echo(COLUMN)
        for each in coupons_of(brand).pools.printed(code):
            click.echo(each)


@click.command("report")
@of_brand
@click.option("--batch", help="Of this batch alone.")
@click.option("--since", type=DAY, help="Claimed on this day or later.")
@click.option("--until", type=DAY, help="Claimed on this day or earlier.")
@json_option
def report(
    session: CommandSession, brand_id: str, batch: str | None, since: Any, until: Any, as_json: bool
) -> None:
    """Claims, redemptions 核销 and rates per batch."""
    days = (since.toordinal() if since else 0, until.toordinal() if until else 4_000_000)
    with session.brand(brand_id) as brand:
        table = coupon_report(brand, batch=batch, days=days)
    headings = [column.name for column in table.columns]
    session.show(headings, [[_shown(row[name]) for name in headings] for row in table.rows], as_json=as_json)


@click.command("gates")
@of_brand
@click.option("--batch", "batches", multiple=True, help="Of this batch; may be given several times.")
@click.option("--minimum", type=int, help="Persons each side needs before a winner is named; default: the setting.")
@json_option
def gates(
    session: CommandSession, brand_id: str, batches: tuple[str, ...], minimum: int | None, as_json: bool
) -> None:
    """Redemption of gated against ungated coupons, of coupons whose validity is over."""
    with session.brand(brand_id) as brand:
        least = coupons_of(brand).settings["min_sample"] if minimum is None else minimum
        view = comparison_view(gate_comparison(brand, least, batches=batches))
    if as_json:
        session.show_record(view, as_json=True)
        return
    headings = ["arm", "coupons", "coupons_used", "persons", "persons_used", "rate", "difference", "p_value"]
    session.show(headings, [[_shown(arm[name]) for name in headings] for arm in view["arms"]])
    click.echo(f"verdict: {view['verdict']}" + (f" ({view['winner']})" if view["winner"] else ""), err=True)


@click.command("expiring")
@of_brand
@click.option("--days", default=7, show_default=True, help="So many days from today on.")
@json_option
def expiring(session: CommandSession, brand_id: str, days: int, as_json: bool) -> None:
    """Claimed coupons that nobody used yet, by batch and their last day 即将过期."""
    with session.brand(brand_id) as brand:
        coupons_of(brand)
        rows = expiring_rows(brand, days)
    headings = ["day", "batch", "title", "coupons"]
    session.show(headings, [[row[name] for name in headings] for row in rows], as_json=as_json)


def _shown(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def add_commands(group: click.Group) -> None:
    """Put the commands of batches on the plugin's group."""
    for command in (
        create, dry_run, change, list_batches, show, show_standing, open_batch, pause, close, stock, draw, codes,
        printed, report, gates, expiring,
    ):  # fmt: skip
        group.add_command(command)
