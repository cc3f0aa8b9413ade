"""``scrm live-code``: staff, codes, who sits at them, activities, posters."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path

import click

from scrm_core.api import (
    CommandSession,
    ReportTable,
    actor_option,
    find_contact,
    json_option,
    local_instant,
    of_brand,
    paged,
)

from .asks import MODES, ask_report
from .entries import GROUPS as ENTRY_GROUPS
from .entries import PLACES, SHARERS, entry_report
from .personas import KINDS
from .planner import plan
from .reception_report import BOTH, DAYS, GROUPS, MOST_DAYS, reception_report, survival_report
from .report import live_code_report
from .schemas import NAME, STEPS
from .service import live_codes_of
from .views import (
    code_view,
    comparison_view,
    full_code_view,
    link_view,
    overdue_view,
    persona_view,
    seat_view,
    staff_view,
    way_view,
)

STAFF = ["userid", "name", "daily_cap", "taken_today", "left_at", "address"]
CODE = ["channel", "title", "state", "open", "activity", "ends_at", "address"]
SEAT = ["staff", "name", "role", "hours", "daily_cap"]
DAY = click.DateTime(["%Y-%m-%d"])


@click.group(name=NAME)
def group() -> None:
    """Live codes 渠道活码: one code per channel, staff by rota behind it."""


@group.command("report")
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


@group.command("reception")
@of_brand
@_by
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=DAYS, show_default=True, help="Added since then.")
@json_option
def reception(session: CommandSession, brand_id: str, by: str, days: int, as_json: bool) -> None:
    """How long approval, first reply and first tag took 承接时效."""
    with session.brand(brand_id) as brand:
        table = reception_report(live_codes_of(brand).reception, by=by, days=days)
    _show(session, table, as_json)


@group.command("survival")
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


@group.command("overdue")
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


@group.command("tell")
@of_brand
@click.argument("contact")
@click.argument("step", type=click.Choice(STEPS))
@click.option("--staff", default="", help="Whose relation it is; default: any.")
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S"]), help="When, in the brand's zone; default: now.")
@json_option
def tell(
    session: CommandSession, brand_id: str, contact: str, step: str, staff: str, at: datetime | None, as_json: bool
) -> None:
    """Tell a step of reception that no plugin tells: of a contact's uid or KIND=VALUE."""
    with session.brand(brand_id) as brand:
        moment = None if at is None else local_instant(at, brand.zone)
        uid = find_contact(brand, contact).uid
        noted = live_codes_of(brand).reception.tell(uid, step, staff=staff, at=moment)
    session.show_record({"noted": noted}, as_json=as_json)


@group.group("staff")
def staff() -> None:
    """Staff who receive people 接待员工."""


@staff.command("put")
@of_brand
@click.argument("userid")
@click.option("--name", default="", help="What people read.")
@click.option("--address", default="", help="What the QR code of their own says: an http(s) address.")
@click.option("--daily-cap", type=click.IntRange(0, 10_000), help="People a day; default: the setting per_account.")
@actor_option
@json_option
def staff_put(
    session: CommandSession, brand_id: str, userid: str, name: str, address: str, daily_cap: int | None, actor: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Write a member of staff down, or anew."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        made = here.staff.put(userid, name=name, address=address, daily_cap=daily_cap, actor=actor)
        view = staff_view(made, here)
    session.show_record(view, as_json=as_json)


@staff.command("leave")
@of_brand
@click.argument("userid")
@actor_option
@json_option
def staff_leave(session: CommandSession, brand_id: str, userid: str, actor: str, as_json: bool) -> None:
    """A member of staff receives nobody from now on."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        view = staff_view(here.staff.leave(userid, actor=actor), here)
    session.show_record(view, as_json=as_json)


@staff.command("list")
@of_brand
@paged
@json_option
def staff_list(session: CommandSession, brand_id: str, after: int, limit: int, as_json: bool) -> None:
    """Staff, with how many people each took today."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        views = [staff_view(each, here) for each in here.staff.page(after=after, limit=limit)]
    session.show(STAFF, [[view[name] for name in STAFF] for view in views], as_json=as_json)


@group.command("create")
@of_brand
@click.argument("channel")
@click.option("--title", required=True, help="What the code is called.")
@click.option("--kind", default="", help="Kind of the channel, where it is made.")
@click.option("--tag", "tags", multiple=True, metavar="GROUP/TAG", help="Tag of everybody who comes; may be repeated.")
@actor_option
@json_option
def create(
    session: CommandSession, brand_id: str, channel: str, title: str, kind: str, tags: tuple[str, ...], actor: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Make the code of a channel, one to one; prints the address that is printed."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        pairs = [(one, two) for one, _, two in (tag.partition("/") for tag in tags)]
        view = code_view(here.codes.create(channel, title=title, kind=kind, tags=pairs, actor=actor), here)
    session.show_record(view, as_json=as_json)


@group.command("list")
@of_brand
@paged
@json_option
def code_list(session: CommandSession, brand_id: str, after: int, limit: int, as_json: bool) -> None:
    """Codes, oldest first."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        views = [code_view(each, here) for each in here.codes.page(after=after, limit=limit)]
    session.show(CODE, [[view[name] for name in CODE] for view in views], as_json=as_json)


@group.command("show")
@of_brand
@click.argument("channel")
@json_option
def show(session: CommandSession, brand_id: str, channel: str, as_json: bool) -> None:
    """A code with its staff."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        view = full_code_view(here.codes.get(channel), here)
    session.show_record(view, as_json=as_json)


@group.command("seat")
@of_brand
@click.argument("channel")
@click.argument("userid")
@click.option("--role", type=click.Choice(["main", "backup"]), default="main", show_default=True, help="When.")
@click.option("--hours", default="", help='The rota, such as "1-5 09:00-18:00; 6 10:00-16:00"; empty: always.')
@click.option("--remove", is_flag=True, help="No more.")
@actor_option
@json_option
def seat(
    session: CommandSession, brand_id: str, channel: str, userid: str, role: str, hours: str, remove: bool, actor: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Let a member of staff receive people of a code, or change how."""
    with session.brand(brand_id) as brand:
        codes = live_codes_of(brand).codes
        if remove:
            seats = codes.unseat(channel, userid, actor=actor)
        else:
            seats = codes.seat(channel, userid, role=role, hours=hours, actor=actor)
        views = [seat_view(each) for each in seats]
    session.show(SEAT, [[view[name] for name in SEAT] for view in views], as_json=as_json)


@group.command("activity")
@of_brand
@click.argument("channel")
@click.option("--title", required=True, help="What people come for.")
@click.option("--first", type=DAY, required=True, help="First day.")
@click.option("--last", type=DAY, required=True, help="Last day.")
@actor_option
@json_option
def activity(
    session: CommandSession, brand_id: str, channel: str, title: str, first: datetime, last: datetime, actor: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Say what people come for."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        made = here.codes.set_activity(
            channel, title=title, first_day=first.date(), last_day=last.date(), actor=actor
        )
        view = code_view(made, here)
    session.show_record(view, as_json=as_json)


@group.command("plan")
@of_brand
@click.argument("peak", type=int)
@click.option("--channel", help="Keep it as this code's peak day, and compare with the staff assigned.")
@click.option("--as", "actor", default="", help="Who does it; needed with --channel.")
@json_option
def plan_for(
    session: CommandSession, brand_id: str, peak: int, channel: str | None, actor: str, as_json: bool
) -> None:
    """How many accounts a peak day of PEAK people needs; warns when a code has too few."""
    if channel is not None and not actor:
        raise click.UsageError("--channel needs --as")
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        if channel is None:
            found = plan(peak, here.settings["per_account"])
        else:
            found = here.planner.expect(channel, peak, actor=actor)
    session.show_record(dataclasses.asdict(found), as_json=as_json)


@group.command("way")
@of_brand
@click.argument("channel")
@actor_option
@json_option
def way(session: CommandSession, brand_id: str, channel: str, actor: str, as_json: bool) -> None:
    """Have a contact way (联系我) made for a code, by the plugin that makes them."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        view = way_view(here.ways.want(channel, actor=actor), here)
    session.show_record(view or {}, as_json=as_json)


@group.command("link")
@of_brand
@click.argument("channel")
@actor_option
@json_option
def link(session: CommandSession, brand_id: str, channel: str, actor: str, as_json: bool) -> None:
    """Have an acquisition link (获客链接) made for a code; refused while no activity runs."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        here.links.want(channel, actor=actor)
        view = link_view(here.codes.get(channel), here)
    session.show_record(view or {}, as_json=as_json)


@group.command("ways")
@of_brand
def ways(session: CommandSession, brand_id: str) -> None:
    """What the job does each minute: make contact ways that are wanted, and change those whose staff changed."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        done = here.ways.run() + here.links.run()
    click.echo(f"{done} contact ways made or changed")


@group.command("publish")
@of_brand
@click.argument("channel")
@actor_option
@json_option
def publish(session: CommandSession, brand_id: str, channel: str, actor: str, as_json: bool) -> None:
    """Receive people from now on; refused while no activity runs."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        view = code_view(here.codes.publish(channel, actor=actor), here)
    session.show_record(view, as_json=as_json)


@group.command("pause")
@of_brand
@click.argument("channel")
@click.option("--note", default="", help="Why.")
@actor_option
@json_option
def pause(session: CommandSession, brand_id: str, channel: str, note: str, actor: str, as_json: bool) -> None:
    """Receive nobody until it is published again."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        view = code_view(here.codes.pause(channel, note=note, actor=actor), here)
    session.show_record(view, as_json=as_json)


@group.command("poster")
@of_brand
@click.argument("channel")
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
def poster(session: CommandSession, brand_id: str, channel: str, path: Path) -> None:
    """Write a code's poster as PNG; its QR code is the printed address."""
    with session.brand(brand_id) as brand:
        picture = live_codes_of(brand).poster(channel)
    path.write_bytes(picture)
    click.echo(f"{path}: {len(picture)} bytes")


@group.group("persona")
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
    """Write a persona down, or anew; items replace those of before, without any the profile stays."""
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
def persona_exposed(session: CommandSession, brand_id: str, code: str, day: datetime, people: int) -> None:
    """Say how many people of a day were shown a persona elsewhere; replaces what was said of that day."""
    with session.brand(brand_id) as brand:
        live_codes_of(brand).personas.exposed(code, day.date(), people)
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


@group.command("entry")
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


@group.command("entries")
@of_brand
@click.option("--by", type=click.Choice(list(ENTRY_GROUPS)), default="place", show_default=True, help="A row for each.")
@json_option
def entries(session: CommandSession, brand_id: str, by: str, as_json: bool) -> None:
    """The funnel of codes, online and offline, by store and by who shares them."""
    with session.brand(brand_id) as brand:
        live_codes_of(brand)
        table = entry_report(by=by)
    _show(session, table, as_json)


@group.command("ask")
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


@group.command("asks")
@of_brand
@json_option
def asks(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Adding by phone 手机号加友: people asked and added, per mode and code."""
    with session.brand(brand_id) as brand:
        live_codes_of(brand)
        table = ask_report()
    _show(session, table, as_json)
