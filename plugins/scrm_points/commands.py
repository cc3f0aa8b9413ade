"""``scrm points``: what people have, entries, adjustments by hand, whether the ledger adds up."""

from __future__ import annotations

import click

from scrm_core.api import Brand, CommandSession, find_contact, json_option, of_brand, paged

from .report import points_report
from .routes import balance_view, entry_view
from .service import NAME, PointsBook

WRONG = 1


def _book(brand: Brand) -> PointsBook:
    return PointsBook(brand, brand.plugin(NAME).settings)


@click.group(name=NAME)
def group() -> None:
    """Points 积分: balances, entries, adjustments by hand, the ledger's check."""


@group.command("balance")
@of_brand
@click.argument("contact", metavar="CONTACT")
@json_option
def balance(session: CommandSession, brand_id: str, contact: str, as_json: bool) -> None:
    """What a person can spend now, owes, and what of it lapses next."""
    with session.brand(brand_id) as brand:
        view = balance_view(_book(brand), find_contact(brand, contact).id)
    session.show_record(view, as_json=as_json)


@group.command("entries")
@of_brand
@click.argument("contact", metavar="CONTACT")
@paged
@json_option
def entries(session: CommandSession, brand_id: str, contact: str, after: int, limit: int, as_json: bool) -> None:
    """A person's entries, oldest first."""
    with session.brand(brand_id) as brand:
        found = _book(brand).entries(find_contact(brand, contact).id, after=after, limit=limit)
        views = [entry_view(entry, brand) for entry in found]
    headings = ["at", "kind", "points", "expires_at", "key", "reverses", "reason", "actor"]
    session.show(headings, [[view[heading] for heading in headings] for view in views], as_json=as_json)


@group.command("adjust")
@of_brand
@click.argument("contact", metavar="CONTACT")
@click.argument("points", type=int)
@click.option("--key", required=True, help="What it is for; works once.")
@click.option("--reason", required=True, help="Why.")
@click.option("--as", "actor", required=True, help="Who makes it.")
@json_option
def adjust(
    session: CommandSession, brand_id: str, contact: str, points: int, key: str, reason: str, actor: str, as_json: bool
) -> None:
    """Give a person points, or take some: ``adjust BRAND CONTACT -- -50`` takes fifty."""
    with session.brand(brand_id) as brand:
        entry = _book(brand).adjust(find_contact(brand, contact).id, points, key=key, reason=reason, actor=actor)
        view = entry_view(entry, brand)
    session.show_record(view, as_json=as_json)


@group.command("check")
@click.argument("brand_id", metavar="BRAND")
@json_option
@click.pass_context
def check(ctx: click.Context, brand_id: str, as_json: bool) -> None:
    """Whether everybody's entries sum to what they have; exit code 1 when somebody's do not."""
    session: CommandSession = ctx.obj
    with session.brand(brand_id) as brand:
        found = _book(brand).differences()
    rows = [[d.contact, d.balance, d.debt, d.entries, d.lots] for d in found]
    session.show(["contact", "balance", "debt", "entries", "lots"], rows, as_json=as_json)
    if found:
        ctx.exit(WRONG)
    if not as_json:
        click.echo("the ledger adds up for everybody")


@group.command("report")
@of_brand
@json_option
def report(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Entries by kind, and what everybody has and owes together."""
    with session.brand(brand_id) as brand:
        _book(brand)
        table = points_report()
    names = [column.name for column in table.columns]
    session.show(names, [[row[name] for name in names] for row in table.rows], as_json=as_json)
