"""``scrm red-packet``: the budget, packets that people share, payouts and their files."""

from __future__ import annotations

import csv
import dataclasses
import os
import stat
import sys
from pathlib import Path

import click

from scrm_core.api import (
    Brand,
    CommandSession,
    Invalid,
    actor_option,
    find_contact,
    json_option,
    of_brand,
    paged,
)

from .files import Answer
from .payouts import STATES, Confirmation
from .report import red_packet_report
from .service import NAME, RedPackets
from .views import budget_view, entry_view, packet_view, payout_view, step_view

WRONG = 1
PACKET = ["code", "total_minor", "people", "handed", "state", "expires_at", "returned_minor"]
PAYOUT = ["number", "contact", "packet", "amount_minor", "state", "reason", "via", "reference", "created_at"]



def _of(brand: Brand) -> RedPackets:
    return RedPackets(brand, brand.plugin(NAME).settings)


@click.group(name=NAME)
def group() -> None:
    """Red packets 红包: budget, packets that people share, payouts."""


@group.command("budget")
@of_brand
@json_option
def budget(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """What was funded, is used, and is left, in minor units."""
    with session.brand(brand_id) as brand:
        view = budget_view(_of(brand).budget.view())
    session.show_record(view, as_json=as_json)


@group.command("entries")
@of_brand
@paged
@json_option
def entries(session: CommandSession, brand_id: str, after: int, limit: int, as_json: bool) -> None:
    """Entries of the budget, oldest first."""
    with session.brand(brand_id) as brand:
        views = [entry_view(entry, brand) for entry in _of(brand).budget.entries(after=after, limit=limit)]
    headings = ["at", "kind", "amount_minor", "key", "reason", "actor"]
    session.show(headings, [[view[name] for name in headings] for view in views], as_json=as_json)


@group.command("fund")
@of_brand
@click.argument("amount_minor", type=int)
@click.option("--key", required=True, help="What it is for; works once.")
@click.option("--reason", required=True, help="Why.")
@actor_option
@json_option
def fund(
    session: CommandSession, brand_id: str, amount_minor: int, key: str, reason: str, actor: str, as_json: bool
) -> None:
    """Put minor units into the budget; ``fund BRAND --key ... -- -500`` takes back what is not used."""
    with session.brand(brand_id) as brand:
        packets = _of(brand)
        packets.budget.fund(amount_minor, key=key, reason=reason, actor=actor)
        view = budget_view(packets.budget.view())
    session.show_record(view, as_json=as_json)


@group.command("prepare")
@of_brand
@click.argument("code")
@click.argument("total_minor", type=int)
@click.argument("people", type=int)
@click.option("--title", default="", help="What people read.")
@click.option("--hours", type=int, help="Until the rest returns; default: the setting expire_hours.")
@actor_option
@json_option
def prepare(
    session: CommandSession, brand_id: str, code: str, total_minor: int, people: int, title: str, hours: int | None,
    actor: str, as_json: bool,
) -> None:  # fmt: skip
    """Split TOTAL_MINOR among PEOPLE 拼手气红包; rewards of kind red-packet with item CODE hand the shares out."""
    with session.brand(brand_id) as brand:
        made = _of(brand).packets.prepare(code, total_minor, people, title=title, hours=hours, actor=actor)
        view = packet_view(made, brand)
    session.show_record(view, as_json=as_json)


@group.command("packets")
@of_brand
@paged
@json_option
def packet_list(session: CommandSession, brand_id: str, after: int, limit: int, as_json: bool) -> None:
    """Prepared packets, oldest first."""
    with session.brand(brand_id) as brand:
        views = [packet_view(packet, brand) for packet in _of(brand).packets.page(after=after, limit=limit)]
    session.show(PACKET, [[view[name] for name in PACKET] for view in views], as_json=as_json)


@group.command("packet")
@of_brand
@click.argument("code")
@json_option
def packet(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """A prepared packet."""
    with session.brand(brand_id) as brand:
        view = packet_view(_of(brand).packets.get(code), brand)
    session.show_record(view, as_json=as_json)


@group.command("close")
@of_brand
@click.argument("code")
@actor_option
@json_option
def close(session: CommandSession, brand_id: str, code: str, actor: str, as_json: bool) -> None:
    """End a packet now; what nobody got returns to the budget."""
    with session.brand(brand_id) as brand:
        view = packet_view(_of(brand).packets.close(code, actor=actor), brand)
    session.show_record(view, as_json=as_json)


@group.command("pay")
@of_brand
def pay(session: CommandSession, brand_id: str) -> None:
    """Do now what the job does every minute: close expired packets, ask about payouts, pay those that are due."""
    with session.brand(brand_id) as brand:
        told = _of(brand).settle()
    click.echo(told)


@group.command("check")
@of_brand
@click.pass_context
def check(ctx: click.Context, session: CommandSession, brand_id: str) -> None:
    """Whether budget, packets and payouts add up; exit code 1 when they do not."""
    with session.brand(brand_id) as brand:
        found = _of(brand).differences()
    for sentence in found:
        click.echo(sentence)
    if found:
        ctx.exit(WRONG)
    click.echo("budget, packets and payouts add up")


@group.command("report")
@of_brand
@json_option
def report(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Issued, paid, waiting, returned to the budget."""
    with session.brand(brand_id) as brand:
        _of(brand)
        table = red_packet_report()
    names = [column.name for column in table.columns]
    session.show(names, [[row[name] for name in names] for row in table.rows], as_json=as_json)


@group.group("payouts")
def payouts() -> None:
    """Money that is owed, being paid, paid."""


@payouts.command("list")
@of_brand
@click.option("--state", type=click.Choice(STATES), help="Of this state alone.")
@click.option("--contact", help="Of this person (uid, phone=NUMBER) alone.")
@paged
@json_option
def payout_list(
    session: CommandSession, brand_id: str, state: str | None, contact: str | None, after: int, limit: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Payouts with the reason why they wait, oldest first."""
    with session.brand(brand_id) as brand:
        contact_id = find_contact(brand, contact).id if contact is not None else None
        found = _of(brand).payouts.page(state=state, contact_id=contact_id, after=after, limit=limit)
        views = [payout_view(payout, brand) for payout in found]
    session.show(PAYOUT, [[view[name] for name in PAYOUT] for view in views], as_json=as_json)
    if len(found) == limit:
        click.echo(f"more: --after {found[-1].id}", err=True)


@payouts.command("show")
@of_brand
@click.argument("number")
@json_option
def show(session: CommandSession, brand_id: str, number: str, as_json: bool) -> None:
    """A payout, and what happened to it."""
    with session.brand(brand_id) as brand:
        packets = _of(brand)
        found = packets.payouts.get(number)
        view = payout_view(found, brand)
        steps = [step_view(step, brand) for step in packets.payouts.steps(found.id)]
    if as_json:
        session.show_record({**view, "steps": steps}, as_json=True)
        return
    session.show_record(view)
    headings = ["at", "number", "state", "reason", "detail", "actor"]
    session.show(headings, [[step[name] for name in headings] for step in steps])


@payouts.command("export")
@of_brand
@click.option("--file", "code", help="Write this earlier file again.")
@click.option("--all", "everything", is_flag=True, help="All that are due, also those the gateway would pay.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File; default: standard output.")
@click.option("--as", "actor", default="", help="Who does it; needed for a new file.")
def export(
    session: CommandSession, brand_id: str, code: str | None, everything: bool, output: Path | None, actor: str
) -> None:
    """A CSV file of payouts for the finance department; from then on they are being paid."""
    with session.brand(brand_id) as brand:
        files = _of(brand).files
        if code is None:
            code = files.export(everything=everything, actor=actor).code
        rows = list(files.rows(code))
    click.echo(f"file {code}: {len(rows) - 1} payouts", err=True)
    if output is None:
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
        return
    try:
        # Names and phones in clear: for the owner of the file alone.
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8-sig", newline="") as file:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                os.fchmod(handle, 0o600)  # also one that was there
            csv.writer(file, lineterminator="\n").writerows(rows)
    except OSError as exc:
        raise Invalid(
            f"{output} cannot be written: {exc.strerror}; write it again with --file {code}", field="output"
        ) from exc


@payouts.command("confirm")
@of_brand
@click.argument("number", required=False)
@click.option("--failed", is_flag=True, help="It could not be paid.")
@click.option("--reference", default="", help="What the payer calls the transfer.")
@click.option("--reason", default="", help="Why it could not be paid.")
@click.option(
    "--from", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The finance department's file: columns number, result (paid or failed), reference, reason.",
)  # fmt: skip
@actor_option
@json_option
@click.pass_context
def confirm(
    ctx: click.Context, session: CommandSession, brand_id: str, number: str | None, failed: bool, reference: str,
    reason: str, path: Path | None, actor: str, as_json: bool,
) -> None:  # fmt: skip
    """Say that a payout (NUMBER), or those of a file, were paid or could not be; exit code 1 when a row is refused."""
    if (number is None) == (path is None):
        raise Invalid("give the number of one payout, or a file with --from", field="number")
    with session.brand(brand_id) as brand:
        packets = _of(brand)
        if path is None:
            said = Confirmation(str(number), "failed" if failed else "paid", reference, reason)
            answers = [Answer(str(number), packets.payouts.confirm(said, actor=actor).state)]
        else:
            answers = packets.files.confirm_file(path, actor=actor)
    session.show(["number", "state", "error"], [dataclasses.astuple(answer) for answer in answers], as_json=as_json)
    if any(answer.error for answer in answers):
        ctx.exit(WRONG)


@payouts.command("retry")
@of_brand
@click.argument("number")
@actor_option
@json_option
def retry(session: CommandSession, brand_id: str, number: str, actor: str, as_json: bool) -> None:
    """Make a failed payout due again, under a new number."""
    with session.brand(brand_id) as brand:
        view = payout_view(_of(brand).payouts.retry(number, actor=actor), brand)
    session.show_record(view, as_json=as_json)


@payouts.command("cancel")
@of_brand
@click.argument("number")
@click.option("--reason", required=True, help="Why.")
@actor_option
@json_option
def cancel(session: CommandSession, brand_id: str, number: str, reason: str, actor: str, as_json: bool) -> None:
    """Take the reward behind an unpaid payout back; its money returns to the budget."""
    with session.brand(brand_id) as brand:
        view = payout_view(_of(brand).payouts.cancel_by_number(number, reason=reason, actor=actor), brand)
    session.show_record(view, as_json=as_json)
