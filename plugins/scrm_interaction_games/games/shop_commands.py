"""``scrm games ticket|refund``: what the shop's system tells, by hand."""

from __future__ import annotations

from typing import Any

import click

from scrm_core.api import CommandSession, json_option, of_brand

from ..service import games_of
from . import purchases
from .shop_routes import payment_record, ticket_record


def add_commands(group: click.Group) -> None:
    """Add the shop's commands to the plugin's group."""
    group.add_command(ticket)
    group.add_command(refund)


@click.group("ticket")
def ticket() -> None:
    """Tickets of seats and bargains 下单凭证: show, pay."""


@ticket.command("show")
@of_brand
@click.argument("ticket_uid", metavar="TICKET")
@json_option
def show(session: CommandSession, brand_id: str, ticket_uid: str, as_json: bool) -> None:
    """What a ticket costs now and whether that is held."""
    with session.brand(brand_id) as brand:
        record = ticket_record(brand, purchases.ticket(games_of(brand), ticket_uid))
    session.show_record(record, as_json=as_json)


@ticket.command("pay")
@of_brand
@click.argument("ticket_uid", metavar="TICKET")
@click.option("--source", required=True, help="The shop the order is from.")
@click.option("--number", required=True, help="The order's number.")
@click.option("--amount-minor", type=int, required=True, help="What was paid, in minor units.")
@json_option
def pay(session: CommandSession, /, brand_id: str, ticket_uid: str, as_json: bool, **told: Any) -> None:
    """Tell that an order paid for a ticket; telling it again changes nothing."""
    with session.brand(brand_id) as brand:
        answer = purchases.pay(games_of(brand), ticket_uid, **told)
    session.show_record(answer, as_json=as_json)


@click.group("refund")
def refund() -> None:
    """Refunds that the shop owes 待退款: list, confirm."""


@refund.command("list")
@of_brand
@click.option("--campaign", default="", help="Of one campaign.")
@json_option
def list_refunds(session: CommandSession, brand_id: str, campaign: str, as_json: bool) -> None:
    """What has to be paid back, the oldest first."""
    headings = ("payment", "source", "number", "amount_minor", "reason", "due_at")
    with session.brand(brand_id) as brand:
        records = [payment_record(brand, each) for each in purchases.refunds_due(games_of(brand), campaign)]
    session.show(headings, [[record[name] for name in headings] for record in records], as_json=as_json)


@refund.command("confirm")
@of_brand
@click.argument("payment", metavar="PAYMENT")
@click.option("--as", "actor", required=True, help="Who paid it back.")
def confirm(session: CommandSession, brand_id: str, payment: str, actor: str) -> None:
    """Take a refund off the list, because it was paid."""
    with session.brand(brand_id) as brand:
        done = purchases.confirm_refund(games_of(brand), payment, actor=actor)
        click.echo(f"{done.source} {done.number} is paid back")
