"""``scrm wecom``: callbacks, and who has whom."""

from __future__ import annotations

import click

from scrm_core.api import CommandSession, find_contact, json_option, of_brand, paged

from . import callbacks, follows
from .report import wecom_report
from .schemas import NAME
from .simulator.commands import add_commands as add_simulator_commands
from .views import callback_view, follow_view

CALLBACK = ["id", "received_at", "event", "change", "external", "state", "note"]
FOLLOW = ["contact", "staff", "state", "source", "since", "lost_at", "lost_by"]


@click.group(name=NAME)
def group() -> None:
    """WeCom 企业微信: callbacks, staff and their customers."""


@group.command("report")
@of_brand
@json_option
def report(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """How many customers members of staff have, had and lost."""
    with session.brand(brand_id) as brand:
        brand.plugin(NAME)
        table = wecom_report()
    names = [column.name for column in table.columns]
    session.show(names, [[row[name] for name in names] for row in table.rows], as_json=as_json)


@group.command("callbacks")
@of_brand
@click.option("--state", type=click.Choice(callbacks.STATES), help="Of this state alone; kept: of unknown kinds.")
@paged
@json_option
def callback_list(
    session: CommandSession, brand_id: str, state: str | None, after: int, limit: int, as_json: bool
) -> None:
    """Callbacks as they came, oldest first."""
    with session.brand(brand_id) as brand:
        brand.plugin(NAME)
        found = callbacks.page(state=state or "", after=after, limit=limit)
        views = [callback_view(callback, brand) for callback in found]
    session.show(CALLBACK, [[view[name] for name in CALLBACK] for view in views], as_json=as_json)
    if len(found) == limit:
        click.echo(f"more: --after {found[-1].id}", err=True)


@group.command("follows")
@of_brand
@click.argument("contact")
@json_option
def follow_list(session: CommandSession, brand_id: str, contact: str, as_json: bool) -> None:
    """Members of staff who have or had a customer (uid, external_userid=ID, phone=NUMBER)."""
    with session.brand(brand_id) as brand:
        brand.plugin(NAME)
        found = follows.of_contact(find_contact(brand, contact).id)
        views = [follow_view(follow, brand) for follow in found]
    session.show(FOLLOW, [[view[name] for name in FOLLOW] for view in views], as_json=as_json)


add_simulator_commands(group)
