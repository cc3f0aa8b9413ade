"""``scrm segment``, ``rfm``, ``report`` and ``recount``: questions, and the segments that are kept under a name."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from ..clock import iso
from ..errors import NotFound
from .output import json_option, print_json
from .session import Session

if TYPE_CHECKING:
    from ..brands import Brand
    from ..services.rfm_report import RfmSummary
    from ..shown import Column, ReportTable


@click.group("segment")
def segment_command() -> None:
    """Count or list the contacts of an expression; keep expressions under a name."""


@segment_command.command("count")
@click.argument("brand")
@click.argument("expression")
@json_option
@click.pass_obj
def count(session: Session, brand: str, expression: str, as_json: bool) -> None:
    """How many contacts fulfil EXPRESSION, for example 'orders >= 2 and not r_days > 90'."""
    with session.brand(brand) as opened:
        found = opened.segments.count(expression)
    if as_json:
        print_json({"count": found})
    else:
        click.echo(f"{found:,}")


@segment_command.command("list")
@click.argument("brand")
@click.argument("expression")
@click.option("--after", default=0, type=click.IntRange(0), help="Go on behind this contact (next of the last page).")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 10_000), help="Contacts of one page.")
@json_option
@click.pass_obj
def list_members(
    session: Session, brand: str, expression: str, after: int, limit: int, as_json: bool
) -> None:
    """The contacts that fulfil EXPRESSION, a page at a time; names are masked."""
    from ..values.masking import mask_name

    with session.brand(brand) as opened:
        members = opened.segments.members(expression, after=after, limit=limit)
    rows = [(member.uid, mask_name(member.name)) for member in members]
    onward = members[-1].contact_id if len(members) == limit else None
    if as_json:
        print_json({"contacts": [{"uid": uid, "name": name} for uid, name in rows], "next": onward})
        return
    session.show(["uid", "name"], rows)
    if onward is not None:
        click.echo(f"more: --after {onward}", err=True)


@segment_command.command("saved")
@click.argument("brand")
@json_option
@click.pass_obj
def saved(session: Session, brand: str, as_json: bool) -> None:
    """The segments that are kept under a name."""
    with session.core_brand(brand) as opened:
        rows = [(each.name, each.expression, iso(each.updated_at, opened.zone)) for each in opened.segments.list()]
    session.show(["name", "expression", "updated_at"], rows, as_json=as_json)


_segment = click.argument("name")


@segment_command.command("save")
@click.argument("brand")
@_segment
@click.argument("expression")
@click.pass_obj
def save(session: Session, brand: str, name: str, expression: str) -> None:
    """Keep EXPRESSION under a name; one that is there gets the new expression."""
    with session.brand(brand) as opened:
        view = opened.segments.save(name, expression)
        found = opened.segments.count(view.expression)
    click.echo(f"{view.name}: {found:,} contacts at present")


@segment_command.command("rename")
@click.argument("brand")
@_segment
@click.argument("to")
@click.pass_obj
def rename(session: Session, brand: str, name: str, to: str) -> None:
    """Call a saved segment otherwise."""
    with session.core_brand(brand) as opened:
        view = opened.segments.rename(name, to)
    click.echo(f"{name} is called {view.name} now")


@segment_command.command("delete")
@click.argument("brand")
@_segment
@click.pass_obj
def delete(session: Session, brand: str, name: str) -> None:
    """Forget a saved segment."""
    with session.core_brand(brand) as opened:
        opened.segments.delete(name)
    click.echo(f"{name} is forgotten")


@click.command("rfm")
@click.argument("brand")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Last day that counts (brand's calendar); today.")
@click.option("--window", type=click.IntRange(1), metavar="DAYS", help="Days looked at; default 365.")
@click.option("--all", "everything", is_flag=True, help="Look at all orders up to the day.")
@click.option("--against", type=click.Choice(("mean", "median")), default="mean", help="What segments compare with.")
@click.option("--frequency-bounds", metavar="N,N,N,N", help="Score frequency by fixed thresholds, e.g. 2,3,4,6.")
@json_option
@click.pass_obj
def rfm_command(
    session: Session,
    brand: str,
    as_of: datetime | None,
    window: int | None,
    everything: bool,
    against: str,
    frequency_bounds: str | None,
    as_json: bool,
) -> None:
    """Recency, frequency and money of a brand's buyers.

    Money is net, in minor units. Zero-cent orders count when the brand's file
    says `rfm.count_zero_orders = true`.
    """
    from datetime import date

    from ..services.rfm_report import WINDOW_DAYS

    bounds = _numbers(frequency_bounds)
    with session.brand(brand) as opened:
        day = as_of.date() if as_of is not None else date.fromordinal(opened.day(opened.now()))
        days = None if everything else window or WINDOW_DAYS
        summary = opened.rfm.report(day, window_days=days, frequency_bounds=bounds, against=against)
    if as_json:
        print_json(summary)
        return
    _print_rfm(session, summary, opened)


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a list of integers such as 2,3,4,6") from None


def _print_rfm(session: Session, summary: RfmSummary, brand: Brand) -> None:
    session.show_record(
        {
            "as of": summary.as_of.isoformat(),
            "days": summary.window_days or "all",
            "customers": summary.customers,
            "repeats": summary.repeats,
            "without repeat": summary.without_repeat,
            "money": _money(summary.money, brand),
        }
    )
    click.echo()
    session.show(["segment", "customers"], list(summary.segment_counts.items()))
    click.echo()
    scores = [(name.upper(), *summary.score_counts[name]) for name in ("r", "f", "m")]
    session.show(["score", "1", "2", "3", "4", "5"], scores)


@click.command("report")
@click.argument("brand")
@click.argument("name", required=False)
@json_option
@click.pass_obj
def report_command(session: Session, brand: str, name: str | None, as_json: bool) -> None:
    """Reports of a brand's plugins.

    Without NAME: which there are. A figure that cannot be computed is a dash,
    in JSON null; rates are fractions and money is minor units in JSON.
    """
    with session.brand(brand) as opened:
        if name is None:
            rows = [(info.name, info.title, info.plugin) for info in opened.reports.list()]
            session.show(["name", "title", "plugin"], rows, as_json=as_json)
            return
        table = opened.reports.run(name)
        if as_json:
            print_json({"report": name, "rows": [dict(row) for row in table.rows]})
            return
        _print_report(session, table, opened)




@click.command("recount")
@click.argument("brand")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The first day, such as 2026-03-01.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day; today without it.")
@click.option("--plugin", "plugins", multiple=True, help="Only this plugin's; may be repeated.")
@json_option
@click.pass_context
def recount_command(
    ctx: click.Context, brand: str, since: datetime, until: datetime | None, plugins: tuple[str, ...], as_json: bool
) -> None:
    """Count plugins' metrics of past days anew.

    As after a late import, or for a plugin that is new. The worker counts yesterday and today each hour, 35 days
    once a day, and 92 days of a plugin that was never counted. Exit code 1: a plugin's metrics could not be counted,
    and are what they were.
    """
    session: Session = ctx.obj
    with session.brand(brand) as opened:
        for name in plugins:
            if name not in opened.plugins or not opened.plugins[name].metrics:
                raise NotFound(f"no plugin {name!r} with metrics is on")
        last = until.toordinal() if until is not None else opened.day(opened.now())
        done = opened.metrics.roll_up(since.toordinal(), last, only=plugins or None)
    rows = [(name, stored, "") for name, stored in done.stored.items()]
    rows += [(name, None, problem) for name, problem in done.unavailable.items()]
    session.show(["plugin", "values", "problem"], sorted(rows), as_json=as_json)
    ctx.exit(1 if done.unavailable else 0)


def _print_report(session: Session, table: ReportTable, brand: Brand) -> None:
    rows = [[_shown(row.get(column.name), column, brand) for column in table.columns] for row in table.rows]
    session.show([column.title for column in table.columns], rows)


def _shown(value: Any, column: Column, brand: Brand) -> Any:
    if value is None:
        return None
    if column.kind == "rate":
        return f"{value * 100:.2f} %"
    if column.kind == "money":
        return _money(value, brand)
    if column.kind == "instant":
        return iso(value, brand.zone)
    return value


def _money(minor: int | float, brand: Brand) -> str:
    from ..values.money import show_minor

    return show_minor(minor, brand.currency)
