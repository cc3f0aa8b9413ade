"""``scrm live-code``: the people who come by codes: reports, reception, personas, entries, asking by phone."""

from __future__ import annotations

from datetime import datetime

import click

from scrm_core.api import (
    CommandSession,
    Invalid,
    ReportTable,
    actor_option,
    find_contact,
    json_option,
    of_brand,
    read_instant,
)

from .asks import MODES, ask_report
from .entries import GROUPS as ENTRY_GROUPS
from .entries import PLACES, SHARERS, entry_report
from .personas import KINDS
from .reception_report import BOTH, DAYS, GROUPS, MOST_DAYS, reception_report, survival_report
from .report import live_code_report
from .schemas import STEPS
from .service import live_codes_of
from .views import comparison_view, overdue_view, persona_view

DAY = click.DateTime(["%Y-%m-%d"])
AS = click.option("--as", "actor", default="operator", show_default=True, help="Who does it.")


@click.command("report")
@of_brand
@json_option
def report(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Per code: who was sent to main staff and to backups."""
    with session.brand(brand_id) as brand:
        live_codes_of(brand)
        table = live_code_report()
    _show(session, table, as_json)


def _show(session: CommandSession, table: ReportTable, as_json: bool) -> None:
    names = [column.name for column in table.columns]
    session.show(names, [[row[name] for name in names] for row in table.rows], as_json=as_json)


_by = click.option("--by", type=click.Choice([*GROUPS, BOTH]), default=BOTH, show_default=True, help="A row for each.")


@click.command("reception")
@of_brand
@_by
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=DAYS, show_default=True, help="Added since then.")
@json_option
def reception(session: CommandSession, brand_id: str, by: str, days: int, as_json: bool) -> None:
    """How long approval, first reply and first tag took 承接时效."""
    with session.brand(brand_id) as brand:
        table = reception_report(live_codes_of(brand).reception, by=by, days=days)
    _show(session, table, as_json)


@click.command("survival")
@of_brand
@_by
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=365, show_default=True, help="Added since then.")
@json_option
def survival(session: CommandSession, brand_id: str, by: str, days: int, as_json: bool) -> None:
    """The share of people who are there thirty days after they were added 30 天留存."""
    with session.brand(brand_id) as brand:
        live_codes_of(brand)
        table = survival_report(brand, by=by, days=days)
    _show(session, table, as_json)


@click.command("overdue")
@of_brand
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="At most so many.")
@json_option
def overdue(session: CommandSession, brand_id: str, limit: int, as_json: bool) -> None:
    """Who waits for longer than the limit of a step, the longest first."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        views = [overdue_view(each, here) for each in here.reception.overdue(limit=limit)]
    names = ["step", "seconds", "since", "channel", "staff", "contact"]
    session.show(names, [[view[name] for name in names] for view in views], as_json=as_json)


@click.command("tell")
@of_brand
@click.argument("contact")
@click.argument("step", type=click.Choice(STEPS))
@click.option("--staff", default="", help="Whose relation it is; default: any.")
@click.option("--at", help="When, in the brand's zone, such as 2026-01-05T10:00; default: now.")
@AS
@json_option
def tell(
    session: CommandSession, brand_id: str, contact: str, step: str, staff: str, at: str | None, actor: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Tell a step of reception that no plugin tells: of a contact's uid or KIND=VALUE."""
    with session.brand(brand_id) as brand:
        moment = None if at is None else read_instant(at, brand.zone, "at")
        uid = find_contact(brand, contact).uid
        noted = live_codes_of(brand).reception.tell(uid, step, staff=staff, at=moment, actor=actor)
    session.show_record({"noted": noted}, as_json=as_json)


@click.group("persona")
def persona() -> None:
    """Personas 人设: who people think they add."""


@persona.command("put")
@of_brand
@click.argument("code")
@click.option("--name", required=True, help="What people read.")
@click.option("--kind", type=click.Choice(KINDS), default="wecom", show_default=True, help="Which account they add.")
@click.option("--item", "items", multiple=True, metavar="ITEM=TEXT", help="An item of the profile; may be repeated.")
@actor_option
@json_option
def persona_put(
    session: CommandSession, brand_id: str, code: str, name: str, kind: str, items: tuple[str, ...], actor: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Write a persona down, or that of this code anew; items replace those of before, without any the profile stays."""
    for each in items:
        if "=" not in each:
            raise Invalid(f"{each!r} is no item with its text: write ITEM=TEXT", field="item")
    profile = {item: text for item, _, text in (each.partition("=") for each in items)}
    with session.brand(brand_id) as brand:
        made = live_codes_of(brand).personas.put(code, name=name, kind=kind, profile=profile or None, actor=actor)
    session.show_record(persona_view(made), as_json=as_json)


@persona.command("staff")
@of_brand
@click.argument("code")
@click.argument("userid")
@click.option("--remove", is_flag=True, help="No more.")
@actor_option
@json_option
def persona_staff(
    session: CommandSession, brand_id: str, code: str, userid: str, remove: bool, actor: str, as_json: bool
) -> None:
    """Let a member of staff be this persona from now on."""
    with session.brand(brand_id) as brand:
        made = live_codes_of(brand).personas.cast(code, userid, cast=not remove, actor=actor)
    session.show_record(persona_view(made), as_json=as_json)


@persona.command("exposed")
@of_brand
@click.argument("code")
@click.argument("day", type=DAY)
@click.argument("people", type=int)
@AS
def persona_exposed(session: CommandSession, brand_id: str, code: str, day: datetime, people: int, actor: str) -> None:
    """Say how many people of a day were shown a persona elsewhere; replaces what was said of that day."""
    with session.brand(brand_id) as brand:
        live_codes_of(brand).personas.exposed(code, day.date(), people, actor=actor)
    click.echo(f"{code}: {people} on {day.date().isoformat()}")


@persona.command("show")
@of_brand
@click.argument("code")
@json_option
def persona_show(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """A persona with its checklist."""
    with session.brand(brand_id) as brand:
        view = persona_view(live_codes_of(brand).personas.get(code))
    session.show_record(view, as_json=as_json)


@persona.command("funnel")
@of_brand
@json_option
def persona_funnel(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Per persona: exposed, added, replied, first order, and the add rate with its interval."""
    with session.brand(brand_id) as brand:
        table = live_codes_of(brand).personas.funnel()
    _show(session, table, as_json)


@persona.command("compare")
@of_brand
@json_option
def persona_compare(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """The add rates of personas compared, the oldest being the control."""
    with session.brand(brand_id) as brand:
        view = comparison_view(live_codes_of(brand).personas.compare())
    session.show_record(view, as_json=as_json)


@click.command("entry")
@of_brand
@click.argument("channel")
@click.option("--place", type=click.Choice(PLACES), default="", help="Where it is met.")
@click.option("--store", default="", help="The id of its store.")
@click.option("--sharer-role", type=click.Choice(SHARERS), default="", help="Who shares it.")
@click.option("--sharer", default="", help="Their userid, a contact's uid, or a name.")
@actor_option
@json_option
def entry(
    session: CommandSession, brand_id: str, channel: str, place: str, store: str, sharer_role: str, sharer: str,
    actor: str, as_json: bool,
) -> None:  # fmt: skip
    """Say where a code is met and who shares it; replaces what was said."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        code = here.entries.put(
            channel, place=place, store=store, sharer_role=sharer_role, sharer=sharer, actor=actor
        )
        view = here.entries.of(code)
    session.show_record(view, as_json=as_json)


@click.command("entries")
@of_brand
@click.option("--by", type=click.Choice(list(ENTRY_GROUPS)), default="place", show_default=True, help="A row for each.")
@json_option
def entries(session: CommandSession, brand_id: str, by: str, as_json: bool) -> None:
    """The funnel of codes, online and offline, by store and by who shares them."""
    with session.brand(brand_id) as brand:
        live_codes_of(brand)
        table = entry_report(by=by)
    _show(session, table, as_json)


@click.command("ask")
@of_brand
@click.argument("channel")
@click.argument("contact")
@click.argument("mode", type=click.Choice(MODES))
@click.option("--staff", default="", help="Who asked; needed for an active request.")
@actor_option
@json_option
def ask(
    session: CommandSession, brand_id: str, channel: str, contact: str, mode: str, staff: str, actor: str, as_json: bool
) -> None:
    """Note that somebody was asked by their phone; prints what to send them."""
    with session.brand(brand_id) as brand:
        uid = find_contact(brand, contact).uid
        address = live_codes_of(brand).asks.ask(channel, uid, mode, staff=staff, actor=actor)
    session.show_record({"address": address}, as_json=as_json)


@click.command("asks")
@of_brand
@json_option
def asks(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Adding by phone 手机号加友: people asked and added, per mode and code."""
    with session.brand(brand_id) as brand:
        live_codes_of(brand)
        table = ask_report()
    _show(session, table, as_json)


COMMANDS = (report, reception, survival, overdue, tell, persona, entry, entries, ask, asks)
