"""``scrm koc``: classify goods, score people, enrol KOCs, give tasks, settle commission, report."""

from __future__ import annotations

import csv
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from scrm_core.api import (
    Brand,
    CommandSession,
    Invalid,
    NotFound,
    actor_option,
    find_contact,
    json_option,
    load_body,
    local_instant,
    of_brand,
    paged,
)

from .exports import KINDS, rows
from .models import NAME
from .schemas import SubmissionBody, TaskBody
from .service import Koc
from .statements import Statement
from .views import (
    entry_view,
    member_details,
    member_view,
    order_view,
    part_view,
    score_view,
    statement_view,
    task_view,
    work_details,
    work_view,
)
from .work import MOVES

WRONG = 1
MEMBER = [
    "code", "state", "tier", "contact", "link", "coupon_batch", "followers", "rate_bp", "carry_minor", "merged_into"
]  # fmt: skip
WORK = ["uid", "task", "member", "state", "due_on", "late_at"]
STATEMENT = [
    "number", "member", "entries", "opening_minor", "total_minor", "payable_minor", "carry_minor", "state", "reference"
]  # fmt: skip



def _of(brand: Brand) -> Koc:
    plugin = brand.plugins.get(NAME)
    if plugin is None:
        raise NotFound(f"brand {brand.id!r} has {NAME} switched off; add [plugins.{NAME}] to its file")
    return Koc(brand, plugin.settings)


def _file(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as exc:
        raise Invalid(f"{path} is no JSON: {exc}", field="file") from exc


_json_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


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
        classifier = _of(brand).classifier
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
        scores = _of(brand).scores
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
        views = [score_view(each) for each in _of(brand).scores.candidates(least=least, limit=limit, members=not new)]
    headings = ["contact", "score", "tier", "period", "this_month", "periods_below", "member"]
    session.show(headings, [[view[name] for name in headings] for view in views], as_json=as_json)


@group.command("explain")
@of_brand
@click.argument("contact", metavar="CONTACT")
@json_option
def explain(session: CommandSession, brand_id: str, contact: str, as_json: bool) -> None:
    """Every point of a person's score with its evidence."""
    with session.brand(brand_id) as brand:
        scores, contact_id = _of(brand).scores, find_contact(brand, contact).id
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
@actor_option
@json_option
def enrol(
    session: CommandSession, brand_id: str, contact: str, target: str, code: str, coupon_batch: str | None,
    followers: int, rate_bp: int | None, actor: str, as_json: bool,
) -> None:  # fmt: skip
    """Make a person a KOC with a code and a link of their own."""
    with session.brand(brand_id) as brand:
        made = _of(brand).members.enrol(
            find_contact(brand, contact).id, target, code=code, coupon_batch=coupon_batch, followers=followers,
            rate_bp=rate_bp, actor=actor,
        )  # fmt: skip
        view = member_view(made, brand)
    session.show_record(view, as_json=as_json)


@group.command("members")
@of_brand
@paged
@json_option
def members(session: CommandSession, brand_id: str, after: int, limit: int, as_json: bool) -> None:
    """KOCs, oldest first."""
    with session.brand(brand_id) as brand:
        views = [member_view(each, brand) for each in _of(brand).members.page(after=after, limit=limit)]
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
        koc = _of(brand)
        view = member_details(koc.members, koc.members.change(code, actor=actor, **changes), brand)
    session.show_record(view, as_json=as_json)


@group.command("link")
@of_brand
@click.argument("code")
def sign_in_link(session: CommandSession, brand_id: str, code: str) -> None:
    """A one-person link with which a KOC signs in to their own page; good for three days, in one browser."""
    with session.brand(brand_id) as brand:
        click.echo(_of(brand).sign_in_link(code))


# Tasks ------------------------------------------------------------------------------


@group.command("task")
@of_brand
@_json_file
@actor_option
@json_option
def task(session: CommandSession, brand_id: str, file: Path, actor: str, as_json: bool) -> None:
    """Make a task of a JSON file (the body of POST /tasks)."""
    body = load_body(TaskBody(), _file(file))
    with session.brand(brand_id) as brand:
        view = task_view(_of(brand).tasks.create(body, actor=actor), brand)
    session.show_record(view, as_json=as_json)


@group.command("invite")
@of_brand
@click.argument("task_code", metavar="TASK")
@click.argument("codes", metavar="CODE...", nargs=-1, required=True)
@actor_option
def invite(session: CommandSession, brand_id: str, task_code: str, codes: tuple[str, ...], actor: str) -> None:
    """Give a task to KOCs; prints the uid of each one's work."""
    with session.brand(brand_id) as brand:
        uids = _of(brand).tasks.invite(task_code, codes, actor=actor)
    for uid in uids:
        click.echo(uid)


@group.command("works")
@of_brand
@click.option("--task", "task_code", help="Of this task alone.")
@click.option("--state", help="In this state alone.")
@paged
@json_option
def works(
    session: CommandSession, brand_id: str, task_code: str | None, state: str | None, after: int, limit: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Work on tasks, oldest first."""
    with session.brand(brand_id) as brand:
        found = _of(brand).works.page(task=task_code, state=state, after=after, limit=limit)
        views = [work_view(each, brand) for each in found]
    session.show(WORK, [[view[name] for name in WORK] for view in views], as_json=as_json)


@group.command("work")
@of_brand
@click.argument("uid")
def work(session: CommandSession, brand_id: str, uid: str) -> None:
    """A piece of work with its steps and what was handed in, as JSON."""
    with session.brand(brand_id) as brand:
        found = _of(brand).works
        view = work_details(found, found.get(uid), brand)
    session.show_record(view, as_json=True)


@group.command("submit")
@of_brand
@click.argument("uid")
@_json_file
@actor_option
@json_option
def submit(session: CommandSession, brand_id: str, uid: str, file: Path, actor: str, as_json: bool) -> None:
    """Hand in a JSON file (the body of POST /works/UID/submit)."""
    body = load_body(SubmissionBody(), _file(file))
    with session.brand(brand_id) as brand:
        view = work_view(_of(brand).works.submit(uid, body, actor=actor), brand)
    session.show_record(view, as_json=as_json)


@group.command("step")
@of_brand
@click.argument("uid")
@click.argument("action", type=click.Choice(list(MOVES)))
@click.option("--reason", default="", help="Why; a return and a violation need it.")
@click.option("--quality", type=click.IntRange(1, 5), help="Of an approval.")
@click.option("--digest", default="", help="Of what you saw: an approval or a return of anything else is refused.")
@click.option("--link", default="", help="Where it was published.")
@actor_option
@json_option
def step(
    session: CommandSession, brand_id: str, uid: str, action: str, reason: str, quality: int | None, digest: str,
    link: str, actor: str, as_json: bool,
) -> None:  # fmt: skip
    """Take a piece of work a step further."""
    with session.brand(brand_id) as brand:
        moved = _of(brand).works.move(
            uid, action, actor=actor, reason=reason, quality=quality, digest=digest, link=link
        )
        view = work_view(moved, brand)
    session.show_record(view, as_json=as_json)


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
        found = _of(brand).tracking.use(code, source, number, via=via, opened_at=opened)
        come = found is not None or _of(brand).tracking.has_come(source, number)
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
        koc = _of(brand)
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
        view = entry_view(_of(brand).ledger.adjust(code, amount_minor, key=key, reason=reason, actor=actor), brand)
    session.show_record(view, as_json=as_json)


@group.command("settle")
@of_brand
@click.option("--dry-run", is_flag=True, help="Tell what the statements would say; write nothing.")
@click.option("--as", "actor", default="", help="Who does it; needed unless it is a dry run.")
@json_option
def settle(session: CommandSession, brand_id: str, dry_run: bool, actor: str, as_json: bool) -> None:
    """Earn what is due and make statements of all that is unsettled."""
    with session.brand(brand_id) as brand:
        statements = _of(brand).statements
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
        koc = _of(brand)
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
        view = statement_view(_of(brand).statements.pay(number, reference=reference, actor=actor), brand)
    session.show_record(view, as_json=as_json)


@group.command("check")
@of_brand
@click.pass_context
def check(ctx: click.Context, session: CommandSession, brand_id: str) -> None:
    """Whether orders, entries and statements add up; exit code 1 when they do not."""
    with session.brand(brand_id) as brand:
        found = _of(brand).ledger.differences()
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
        table = _of(brand).report()
    names = [column.name for column in table.columns]
    session.show(names, [[row[name] for name in names] for row in table.rows], as_json=as_json)


@group.command("export")
@of_brand
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File; default: standard output.")
def export(session: CommandSession, brand_id: str, kind: str, output: Path | None) -> None:
    """A CSV file of candidates, entries, statements or influence."""
    with session.brand(brand_id) as brand:
        lines = rows(_of(brand), kind)
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
