"""``scrm games award|welfare|content|value``: the same acts on the command line."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from scrm_core.api import (
    Brand,
    CommandSession,
    CsvFile,
    CsvReject,
    Invalid,
    ScrmError,
    find_contact,
    json_option,
    load_body,
    of_brand,
    paged,
)

from .content import KINDS
from .hands import STATES, WHAT, AwardIn
from .modes import MODES, NAME
from .routes import award_in, welfare_in
from .schemas import AwardBody, WelfareBody
from .service import Awards
from .terms import OCCASIONS
from .views import activation_view, award_view, content_view, gift_view, uid_of, welfare_view

DAY = click.DateTime(["%Y-%m-%d"])
ROWS_REFUSED = 4  # the exit code that `scrm import` has too
MOST_SHOWN = 20


def _awards(brand: Brand) -> Awards:
    return Awards(brand, brand.plugin(NAME).settings)


def add_commands(group: click.Group) -> None:
    """Add this room's commands to the plugin's group."""
    group.add_command(award)
    group.add_command(welfare)
    group.add_command(content)
    group.add_command(activation)
    group.add_command(value)


@click.group("award")
def award() -> None:
    """Awards by hand 人工奖励: give, give to many, approve, refuse, list."""


def _award_options(command: Any) -> Any:
    for option in reversed(
        (
            click.option("--what", type=click.Choice(list(WHAT)), required=True, help="What is rewarded."),
            click.option("--kind", required=True, help="The reward kind, e.g. points or coupon."),
            click.option("--item", default="", help="Which one of the kind."),
            click.option("--quantity", type=int, default=1, show_default=True, help="How many."),
            click.option("--cost-minor", type=int, default=0, show_default=True, help="What it costs, minor units."),
            click.option("--mode", type=click.Choice(list(MODES)), default="native", show_default=True, help="Mode."),
            click.option("--reason", required=True, help="Why."),
            click.option("--as", "actor", required=True, help="Who gives it."),
        )
    ):
        command = option(command)
    return command


@award.command("give")
@of_brand
@click.argument("contact", metavar="CONTACT")
@click.option("--key", required=True, help="What it is for; works once.")
@_award_options
@json_option
def give(session: CommandSession, /, brand_id: str, contact: str, as_json: bool, actor: str, **given: Any) -> None:
    """Give a person an award, once per key."""
    with session.brand(brand_id) as brand:
        wanted = award_in(brand, load_body(AwardBody(), {"contact": find_contact(brand, contact).uid, **given}))
        view = award_view(_awards(brand).hands.give(wanted, actor=actor), brand)
    session.show_record(view, as_json=as_json)


@award.command("give-many")
@click.argument("brand_id", metavar="BRAND")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_award_options
@click.pass_context
def give_many(ctx: click.Context, /, brand_id: str, file: Path, actor: str, **given: Any) -> None:
    """Give awards to the people whom a CSV FILE lists.

    Columns: contact and key; quantity and reason if they differ from the
    options. Prints one JSON object with created, unchanged and refused; refused
    rows go to the error output with line and reason, and the exit code is 4.
    The same file again changes nothing.
    """
    session: CommandSession = ctx.obj
    with session.brand(brand_id) as brand, CsvFile(file) as rows:
        lines, wanted = _listed(rows, brand, given)
        outcomes = _awards(brand).hands.give_many(wanted, actor=actor)
    counts = dict.fromkeys(("created", "unchanged", "refused"), 0)
    refused = []
    for outcome in outcomes:
        counts[outcome.outcome] += 1
        if outcome.outcome == "refused":
            refused.append(f"line {lines[outcome.index]}: {outcome.reason}")
    for text in refused[:MOST_SHOWN]:
        click.echo(text, err=True)
    if len(refused) > MOST_SHOWN:
        click.echo(f"and {len(refused) - MOST_SHOWN} more", err=True)
    click.echo(json.dumps(counts))
    if refused:
        ctx.exit(ROWS_REFUSED)


def _listed(rows: CsvFile, brand: Brand, given: dict[str, Any]) -> tuple[list[int], list[AwardIn | ScrmError]]:
    missing = [name for name in ("contact", "key") if name not in rows.header]
    if missing:
        raise Invalid(f"the file lacks the column {', '.join(missing)}; it has {', '.join(rows.header)}")
    places = {name: rows.header.index(name) for name in ("contact", "key", "quantity", "reason") if name in rows.header}
    lines: list[int] = []
    wanted: list[AwardIn | ScrmError] = []
    for record in rows.rows():
        if isinstance(record, CsvReject):
            lines.append(record.line)
            wanted.append(Invalid(record.reason))
            continue
        line, cells = record
        lines.append(line)
        told: dict[str, Any] = {name: cells[place].strip() for name, place in places.items() if cells[place].strip()}
        try:
            if "quantity" in told:
                told["quantity"] = _quantity(told["quantity"])
            if "contact" in told:
                told["contact"] = find_contact(brand, told["contact"]).uid
            wanted.append(award_in(brand, load_body(AwardBody(), given | told)))
        except ScrmError as exc:
            wanted.append(exc)
    return lines, wanted


def _quantity(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise Invalid(f"quantity: {text[:40]!r} is not a whole number", field="quantity")
    return int(text)


@award.command("list")
@of_brand
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@paged
@json_option
def list_awards(
    session: CommandSession, brand_id: str, state: str | None, after: int, limit: int, as_json: bool
) -> None:
    """The log of awards, oldest first; proposed ones wait as ``pending``."""
    with session.brand(brand_id) as brand:
        found = _awards(brand).hands.log(state=state, after=after, limit=limit)
        views = [award_view(each, brand) for each in found]
    headings = ["uid", "at", "contact", "what", "kind", "quantity", "state", "actor", "reason"]
    session.show(headings, [[view[heading] for heading in headings] for view in views], as_json=as_json)


@award.command("approve")
@of_brand
@click.argument("uid", metavar="AWARD")
@click.option("--reason", default="", help="Why.")
@click.option("--as", "actor", required=True, help="Who approves.")
@json_option
def approve(session: CommandSession, brand_id: str, uid: str, reason: str, actor: str, as_json: bool) -> None:
    """Approve a proposed award: it is issued once."""
    with session.brand(brand_id) as brand:
        view = award_view(_awards(brand).hands.approve(uid, actor=actor, reason=reason), brand)
    session.show_record(view, as_json=as_json)


@award.command("refuse")
@of_brand
@click.argument("uid", metavar="AWARD")
@click.option("--reason", required=True, help="Why.")
@click.option("--as", "actor", required=True, help="Who refuses.")
@json_option
def refuse(session: CommandSession, brand_id: str, uid: str, reason: str, actor: str, as_json: bool) -> None:
    """Refuse a proposed award."""
    with session.brand(brand_id) as brand:
        view = award_view(_awards(brand).hands.refuse(uid, actor=actor, reason=reason), brand)
    session.show_record(view, as_json=as_json)


@click.group("welfare")
def welfare() -> None:
    """Welfare campaigns 福利活动: gifts for an occasion, until the cap."""


@welfare.command("create")
@of_brand
@click.argument("code", metavar="CODE")
@click.option("--title", required=True, help="What people read.")
@click.option("--occasion", type=click.Choice(list(OCCASIONS)), required=True, help="What it is tied to.")
@click.option("--occasion-name", required=True, help="Which one, e.g. Mid-Autumn 中秋.")
@click.option("--kind", required=True, help="The reward kind.")
@click.option("--item", default="", help="Which one of the kind.")
@click.option("--quantity", type=int, default=1, show_default=True, help="How many each person gets.")
@click.option("--unit-cost-minor", type=int, required=True, help="What one person's gift costs, minor units.")
@click.option("--basket-minor", type=int, default=0, help="The order that goods ride on, minor units.")
@click.option("--cap-minor", type=int, required=True, help="The most that all gifts may cost, minor units.")
@click.option("--mode", type=click.Choice(list(MODES)), default="native", show_default=True, help="Mode.")
@click.option("--audience", default="", help="A segment expression.")
@click.option("--claim", is_flag=True, help="People come for it themselves.")
@click.option("--from", "starts_at", required=True, help="Begins (brand's wall clock), e.g. 2026-09-20T10:00.")
@click.option("--until", "ends_at", required=True, help="Ends before this.")
@click.option("--as", "actor", required=True, help="Who makes it.")
@json_option
def create(session: CommandSession, /, brand_id: str, actor: str, as_json: bool, **given: Any) -> None:
    """Make a welfare campaign, as a draft; the same one again changes nothing."""
    with session.brand(brand_id) as brand:
        wanted = welfare_in(brand, load_body(WelfareBody(), given))
        view = welfare_view(_awards(brand).welfare.create(wanted, actor=actor), brand)
    session.show_record(view, as_json=as_json)


@welfare.command("list")
@of_brand
@json_option
def list_welfare(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Welfare campaigns: what they have cost, what is left, and why they stopped."""
    with session.brand(brand_id) as brand:
        views = [welfare_view(each, brand) for each in _awards(brand).welfare.page(limit=200)]
    headings = ["code", "occasion", "occasion_name", "state", "granted", "spent_minor", "cap_minor", "stop_reason"]
    session.show(headings, [[view[heading] for heading in headings] for view in views], as_json=as_json)


@welfare.command("open")
@of_brand
@click.argument("code", metavar="CODE")
@click.option("--reason", default="", help="Why.")
@click.option("--as", "actor", required=True, help="Who opens it.")
@json_option
def open_welfare(session: CommandSession, brand_id: str, code: str, reason: str, actor: str, as_json: bool) -> None:
    """Open a campaign, or go on after a stop by hand."""
    with session.brand(brand_id) as brand:
        view = welfare_view(_awards(brand).welfare.open(code, actor=actor, reason=reason), brand)
    session.show_record(view, as_json=as_json)


@welfare.command("stop")
@of_brand
@click.argument("code", metavar="CODE")
@click.option("--reason", required=True, help="Why.")
@click.option("--as", "actor", required=True, help="Who stops it.")
@json_option
def stop(session: CommandSession, brand_id: str, code: str, reason: str, actor: str, as_json: bool) -> None:
    """Stop a campaign by hand."""
    with session.brand(brand_id) as brand:
        view = welfare_view(_awards(brand).welfare.stop(code, actor=actor, reason=reason), brand)
    session.show_record(view, as_json=as_json)


@welfare.command("raise-cap")
@of_brand
@click.argument("code", metavar="CODE")
@click.argument("cap_minor", metavar="MINOR", type=int)
@click.option("--reason", required=True, help="Why.")
@click.option("--as", "actor", required=True, help="Who raises it.")
@json_option
def raise_cap(
    session: CommandSession, brand_id: str, code: str, cap_minor: int, reason: str, actor: str, as_json: bool
) -> None:
    """Raise the cap; a campaign that stopped at it goes on."""
    with session.brand(brand_id) as brand:
        raised = _awards(brand).welfare.raise_cap(code, cap_minor, actor=actor, reason=reason)
        view = welfare_view(raised, brand)
    session.show_record(view, as_json=as_json)


@welfare.command("claim")
@of_brand
@click.argument("code", metavar="CODE")
@click.argument("contact", metavar="CONTACT")
@json_option
def claim(session: CommandSession, brand_id: str, code: str, contact: str, as_json: bool) -> None:
    """Give the gift to somebody who came for it, once."""
    with session.brand(brand_id) as brand:
        view = gift_view(_awards(brand).welfare.claim(code, find_contact(brand, contact).id), brand)
    session.show_record(view, as_json=as_json)


@welfare.command("run")
@of_brand
@click.argument("code", metavar="CODE")
@click.option("--after", default="", help="Go on behind this contact, which `next` of the last run named.")
@click.option("--limit", type=int, default=1_000, show_default=True, help="At most so many people.")
def run(session: CommandSession, brand_id: str, code: str, after: str, limit: int) -> None:
    """Give the gift to people of the audience who have none; stops exactly at the cap."""
    with session.brand(brand_id) as brand:
        behind = find_contact(brand, after).id if after else 0
        done = _awards(brand).welfare.run(code, after=behind, limit=limit)
        refused = [(uid_of(brand, contact_id), reason) for contact_id, reason in done.refused[:MOST_SHOWN]]
        onward = uid_of(brand, done.onward) if done.onward is not None else None
    for uid, reason in refused:
        click.echo(f"contact {uid}: {reason}", err=True)
    told = {"granted": done.granted, "refused": len(done.refused), "state": done.state}
    click.echo(json.dumps({**told, "stop_reason": done.stop_reason, "next": onward}, ensure_ascii=False))


@click.group("content")
def content() -> None:
    """The content log 内容记录."""


@content.command("add")
@of_brand
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--key", required=True, help="Names the content; counts once.")
@click.option("--day", type=DAY, help="The day it was shown (brand's calendar); default: today.")
@click.option("--mode", type=click.Choice(list(MODES)), help="Mode of an interaction.")
@click.option("--title", default="", help="What it was.")
@click.option("--as", "actor", default="", help="Who showed it.")
@json_option
def add(
    session: CommandSession,
    brand_id: str,
    kind: str,
    key: str,
    day: datetime | None,
    mode: str | None,
    title: str,
    actor: str,
    as_json: bool,
) -> None:
    """Note a piece of content, once per key."""
    with session.brand(brand_id) as brand:
        shown = brand.day(brand.now()) if day is None else day.date().toordinal()
        made = _awards(brand).content.add(key, shown, kind, mode=mode or "", title=title, actor=actor)
    session.show_record(content_view(made), as_json=as_json)


@click.group("activation")
def activation() -> None:
    """Group activation 群内活动: templates per industry, and the effect on the next week."""


@activation.command("templates")
@of_brand
@click.option("--industry", help="Those of this industry and those that fit all.")
@json_option
def templates(session: CommandSession, brand_id: str, industry: str | None, as_json: bool) -> None:
    """What to do in a group, step by step."""
    with session.brand(brand_id) as brand:
        found = _awards(brand).activations.templates(industry)
    rows = [[row.code, row.industry, row.title, row.kind, "; ".join(row.steps)] for row in found]
    session.show(["code", "industry", "title", "kind", "steps"], rows, as_json=as_json)


@activation.command("add")
@of_brand
@click.argument("group", metavar="GROUP")
@click.option("--code", required=True, help="Names this use; counts once.")
@click.option("--template", required=True, help="Which template.")
@click.option("--day", type=DAY, help="The day (brand's calendar); default: today.")
@click.option("--as", "actor", required=True, help="Who did it.")
@json_option
def add_activation(
    session: CommandSession,
    brand_id: str,
    group: str,
    code: str,
    template: str,
    day: datetime | None,
    actor: str,
    as_json: bool,
) -> None:
    """Note that a template was used in a group."""
    with session.brand(brand_id) as brand:
        used = brand.day(brand.now()) if day is None else day.date().toordinal()
        made = activation_view(_awards(brand).activations.add(code, template, group, used, actor=actor))
    session.show_record(made, as_json=as_json)


@activation.command("effect")
@of_brand
@click.option("--group", help="Of this group alone.")
@json_option
def effect(session: CommandSession, brand_id: str, group: str | None, as_json: bool) -> None:
    """Active rates of the weeks before and after each activation."""
    with session.brand(brand_id) as brand:
        table = _awards(brand).activations.effects(group).record()
    names = [column["name"] for column in table["columns"]]
    session.show(names, [[row[name] for name in names] for row in table["rows"]], as_json=as_json)


@click.command("value")
@of_brand
@click.option("--from", "first", type=DAY, help="First day; default: 30 days up to the last.")
@click.option("--until", "last", type=DAY, help="Last day, included; default: today.")
@json_option
def value(session: CommandSession, brand_id: str, first: datetime | None, last: datetime | None, as_json: bool) -> None:
    """Conversion, phones captured and share of content per mode of interaction."""
    with session.brand(brand_id) as brand:
        value = _awards(brand).value
        days = (first.date().toordinal() if first else None, last.date().toordinal() if last else None)
        table = value.table(*days).record()
    names = [column["name"] for column in table["columns"]]
    session.show(names, [[row[name] for name in names] for row in table["rows"]], as_json=as_json)
