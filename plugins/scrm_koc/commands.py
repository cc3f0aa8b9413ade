"""``scrm koc``: classify goods, score people, enrol KOCs, settle commission, report; tasks are in ``task_commands``."""

from __future__ import annotations

import csv
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from scrm_core.api import (
    Brand,
    CommandSession,
    Invalid,
    actor_option,
    find_contact,
    json_option,
    local_instant,
    of_brand,
    paged,
)

from .exports import KINDS, rows
from .models import NAME
from .service import koc_of
from .statements import Statement
from .task_commands import add_commands as add_task_commands
from .task_commands import show_worst
from .views import (
    entry_view,
    member_details,
    member_view,
    order_view,
    part_view,
    score_view,
    statement_view,
)

WRONG = 1
MEMBER = [
    "code", "state", "tier", "contact", "link", "coupon_batch", "followers", "rate_bp", "carry_minor", "merged_into"
]  # fmt: skip
STATEMENT = [
    "number", "member", "entries", "opening_minor", "total_minor", "payable_minor", "carry_minor", "state", "reference"
]  # fmt: skip



@click.group(name=NAME)
def group() -> None:
    """KOC 关键意见消费者: situations, scores, KOCs, tasks, commission, influence."""


@group.command("classify")
@of_brand
@click.option("--sku", help="Of this product, by its price and its buyers' repeat.")
@click.option("--category", help="Of this category with all below it.")
@click.option("--price-minor", type=int, help="Of given numbers: the price.")
@click.option("--interval-days", type=int, help="Of given numbers: days between two purchases.")
@click.option("--typical-minor", type=int, help="What such goods typically cost in their category.")
@json_option
def classify(
    session: CommandSession, brand_id: str, sku: str | None, category: str | None, price_minor: int | None,
    interval_days: int | None, typical_minor: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Which of the three situations goods are in, and what it implies."""
    if (sku is not None) + (category is not None) + (price_minor is not None) != 1:
        raise Invalid("name one: --sku, --category, or --price-minor with --interval-days", field="sku")
    with session.brand(brand_id) as brand:
        classifier = koc_of(brand).classifier
        if sku is not None:
            view = classifier.sku(sku).view()
        elif category is not None:
            view = classifier.category(category).view()
        else:
            if interval_days is None:
                raise Invalid("a price needs --interval-days beside it", field="interval_days")
            view = classifier.given(int(price_minor or 0), interval_days, typical_minor=typical_minor).view()
    session.show_record(view, as_json=as_json)


@group.command("score")
@of_brand
def score(session: CommandSession, brand_id: str) -> None:
    """Score everybody for this month now; again replaces this month's scores."""
    with session.brand(brand_id) as brand:
        scores = koc_of(brand).scores
        count, period = scores.run(), scores.period()
    click.echo(f"{period}: {count} people have a score")


@group.command("candidates")
@of_brand
@click.option("--least", type=int, default=0, help="Scores from so many points on.")
@click.option("--limit", type=int, default=50, show_default=True, help="At most so many.")
@click.option("--new", is_flag=True, help="Leave those out who are KOCs already.")
@json_option
def candidates(session: CommandSession, brand_id: str, least: int, limit: int, new: bool, as_json: bool) -> None:
    """People by score, best first."""
    with session.brand(brand_id) as brand:
        found = koc_of(brand).scores.candidates(least=least, limit=limit, members=not new)
        views = [score_view(each) for each in found]
    headings = ["contact", "score", "tier", "period", "this_month", "periods_below", "member"]
    session.show(headings, [[view[name] for name in headings] for view in views], as_json=as_json)


@group.command("explain")
@of_brand
@click.argument("contact", metavar="CONTACT")
@json_option
def explain(session: CommandSession, brand_id: str, contact: str, as_json: bool) -> None:
    """Every point of a person's score with its evidence."""
    with session.brand(brand_id) as brand:
        scores, contact_id = koc_of(brand).scores, find_contact(brand, contact).id
        view = score_view(scores.get(contact_id))
        parts = [part_view(part) for part in scores.explain(contact_id)]
    if as_json:
        session.show_record({**view, "parts": parts}, as_json=True)
        return
    session.show_record(view)
    headings = ["factor", "part", "points", "most", "evidence"]
    session.show(headings, [[part[name] for name in headings] for part in parts])


# KOCs -------------------------------------------------------------------------------


@group.command("enrol")
@of_brand
@click.argument("contact", metavar="CONTACT")
@click.option("--target", required=True, help="Where their link leads.")
@click.option("--code", default="", help="Their code; one is drawn without it.")
@click.option("--coupon-batch", help="The batch of coupons that only they hand out.")
@click.option("--followers", type=click.IntRange(min=0), default=0, help="Their own followers.")
@click.option("--rate-bp", type=click.IntRange(0, 10_000), help="Commission in basis points; default: by tier.")
@click.option("--dry-run", is_flag=True, help="Tell what orders would pay them; write nothing.")
@actor_option
@json_option
def enrol(
    session: CommandSession, brand_id: str, contact: str, target: str, code: str, coupon_batch: str | None,
    followers: int, rate_bp: int | None, dry_run: bool, actor: str, as_json: bool,
) -> None:  # fmt: skip
    """Make a person a KOC with a code and a link of their own."""
    more: dict[str, Any] = {
        "code": code, "coupon_batch": coupon_batch, "followers": followers, "rate_bp": rate_bp
    }  # fmt: skip
    with session.brand(brand_id) as brand:
        koc, contact_id = koc_of(brand), find_contact(brand, contact).id
        if dry_run:
            show_worst(session, koc.dry_enrol(contact_id, target, **more), as_json)
            return
        view = member_view(koc.members.enrol(contact_id, target, actor=actor, **more), brand)
    session.show_record(view, as_json=as_json)


@group.command("members")
@of_brand
@paged
@json_option
def members(session: CommandSession, brand_id: str, after: int, limit: int, as_json: bool) -> None:
    """KOCs, oldest first."""
    with session.brand(brand_id) as brand:
        views = [member_view(each, brand) for each in koc_of(brand).members.page(after=after, limit=limit)]
    session.show(MEMBER, [[view[name] for name in MEMBER] for view in views], as_json=as_json)


@group.command("change")
@of_brand
@click.argument("code")
@click.option("--followers", type=click.IntRange(min=0), help="Their own followers.")
@click.option("--rate-bp", type=click.IntRange(0, 10_000), help="Commission in basis points.")
@click.option("--coupon-batch", help="The batch of coupons that only they hand out.")
@click.option("--state", type=click.Choice(["active", "paused", "left"]), help="Whether they go on.")
@actor_option
@json_option
def change(
    session: CommandSession, brand_id: str, code: str, followers: int | None, rate_bp: int | None,
    coupon_batch: str | None, state: str | None, actor: str, as_json: bool,
) -> None:  # fmt: skip
    """Change something of a KOC; who did is kept."""
    given = {"followers": followers, "rate_bp": rate_bp, "coupon_batch": coupon_batch, "state": state}
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise Invalid("name what to change: --followers, --rate-bp, --coupon-batch or --state", field="state")
    with session.brand(brand_id) as brand:
        koc = koc_of(brand)
        view = member_details(koc.members, koc.members.change(code, actor=actor, **changes), brand)
    session.show_record(view, as_json=as_json)


@group.command("link")
@of_brand
@click.argument("code")
def sign_in_link(session: CommandSession, brand_id: str, code: str) -> None:
    """A one-person link with which a KOC signs in to their own page; good for three days, in one browser."""
    with session.brand(brand_id) as brand:
        click.echo(koc_of(brand).sign_in_link(code))


add_task_commands(group)


# Orders and money -------------------------------------------------------------------


@group.command("use")
@of_brand
@click.argument("code")
@click.argument("source")
@click.argument("number")
@click.option("--told", is_flag=True, help="The buyer said so; it was not used at the checkout.")
@click.option("--opened-at", type=click.DateTime(), help="The buyer opened the KOC's link then, in the brand's time.")
@json_option
def use(
    session: CommandSession, brand_id: str, code: str, source: str, number: str, told: bool,
    opened_at: datetime | None, as_json: bool,
) -> None:  # fmt: skip
    """Tell that a KOC's code (or opened link) came with an order, here or yet to come."""
    with session.brand(brand_id) as brand:
        opened = local_instant(opened_at, brand.zone) if opened_at is not None else None
        via = "told" if told else "code" if opened is None else "link"
        found = koc_of(brand).tracking.use(code, source, number, via=via, opened_at=opened)
        come = found is not None or koc_of(brand).tracking.has_come(source, number)
        view = order_view(found, brand) if found is not None else {"order": None}
    if found is None and not as_json:
        click.echo("noted; the order is put down to nobody" if come else "noted until the order arrives")
        return
    session.show_record(view, as_json=as_json)


@group.command("entries")
@of_brand
@click.argument("code")
@json_option
def entries(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """A KOC's entries of the ledger, all of them, oldest first."""
    with session.brand(brand_id) as brand:
        koc = koc_of(brand)
        views = [entry_view(each, brand) for each in koc.ledger.all_of(koc.members.get(code).id)]
    headings = ["at", "kind", "amount_minor", "base_minor", "rate_bp", "key", "statement", "reason", "actor"]
    session.show(headings, [[view[name] for name in headings] for view in views], as_json=as_json)


@group.command("adjust")
@of_brand
@click.argument("code")
@click.argument("amount_minor", type=int)
@click.option("--key", required=True, help="What it is for; works once.")
@click.option("--reason", required=True, help="Why.")
@actor_option
@json_option
def adjust(
    session: CommandSession, brand_id: str, code: str, amount_minor: int, key: str, reason: str, actor: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Give a KOC minor units, or take some: ``adjust BRAND CODE --key ... -- -50``."""
    with session.brand(brand_id) as brand:
        view = entry_view(koc_of(brand).ledger.adjust(code, amount_minor, key=key, reason=reason, actor=actor), brand)
    session.show_record(view, as_json=as_json)


@group.command("settle")
@of_brand
@click.option("--dry-run", is_flag=True, help="Tell what the statements would say; write nothing.")
@click.option("--as", "actor", default="", help="Who does it; needed unless it is a dry run.")
@json_option
def settle(session: CommandSession, brand_id: str, dry_run: bool, actor: str, as_json: bool) -> None:
    """Earn what is due and make statements of all that is unsettled."""
    with session.brand(brand_id) as brand:
        statements = koc_of(brand).statements
        found = statements.preview() if dry_run else statements.settle(actor=actor)
        _show_statements(session, found, brand, as_json)


@group.command("statements")
@of_brand
@click.option("--member", help="Of the KOC with this code alone.")
@paged
@json_option
def statement_list(
    session: CommandSession, brand_id: str, member: str | None, after: int, limit: int, as_json: bool
) -> None:
    """Statements, oldest first."""
    with session.brand(brand_id) as brand:
        koc = koc_of(brand)
        member_id = koc.members.get(member).id if member is not None else None
        _show_statements(session, koc.statements.page(member_id=member_id, after=after, limit=limit), brand, as_json)


@group.command("paid")
@of_brand
@click.argument("number")
@click.option("--reference", required=True, help="What the payer calls the payment.")
@actor_option
@json_option
def paid(session: CommandSession, brand_id: str, number: str, reference: str, actor: str, as_json: bool) -> None:
    """Say that a statement was paid."""
    with session.brand(brand_id) as brand:
        view = statement_view(koc_of(brand).statements.pay(number, reference=reference, actor=actor), brand)
    session.show_record(view, as_json=as_json)


@group.command("check")
@of_brand
@click.pass_context
def check(ctx: click.Context, session: CommandSession, brand_id: str) -> None:
    """Whether orders, entries and statements add up; exit code 1 when they do not."""
    with session.brand(brand_id) as brand:
        found = koc_of(brand).ledger.differences()
    for sentence in found:
        click.echo(sentence)
    if found:
        ctx.exit(WRONG)
    click.echo("orders, entries and statements add up")


@group.command("report")
@of_brand
@json_option
def report(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """What KOCs changed, against a matched group, by programme."""
    with session.brand(brand_id) as brand:
        table = koc_of(brand).report()
    names = [column.name for column in table.columns]
    session.show(names, [[row[name] for name in names] for row in table.rows], as_json=as_json)


@group.command("export")
@of_brand
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File; default: standard output.")
def export(session: CommandSession, brand_id: str, kind: str, output: Path | None) -> None:
    """A CSV file of candidates, entries, statements or influence."""
    with session.brand(brand_id) as brand:
        lines = rows(koc_of(brand), kind)
        if output is None:
            csv.writer(sys.stdout, lineterminator="\n").writerows(lines)
            return
        try:
            with output.open("w", encoding="utf-8-sig", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(lines)
        except OSError as exc:
            raise Invalid(f"{output} cannot be written: {exc.strerror}", field="output") from exc


def _show_statements(session: CommandSession, found: list[Statement], brand: Brand, as_json: bool) -> None:
    views = [statement_view(each, brand) for each in found]
    session.show(STATEMENT, [[view[name] for name in STATEMENT] for view in views], as_json=as_json)
