"""``scrm live-code``: staff, codes, who sits at them, activities, posters; more in :mod:`.commands_people`."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path

import click

from scrm_core.api import CommandSession, Conflict, Invalid, actor_option, json_option, of_brand, paged, read_instant

from .commands_people import COMMANDS
from .planner import plan
from .schemas import NAME
from .service import live_codes_of
from .views import code_view, code_views, full_code_view, link_view, seat_views, staff_view, way_view

STAFF = ["userid", "name", "daily_cap", "taken_today", "left_at", "address"]
CODE = ["channel", "title", "tags", "state", "open", "activity", "ends_at", "address"]
SEAT = ["staff", "name", "role", "hours", "taken_today", "daily_cap"]
DAY = click.DateTime(["%Y-%m-%d"])


@click.group(name=NAME)
def group() -> None:
    """Live codes 渠道活码: one code per channel, staff by rota behind it."""


for _each in COMMANDS:
    group.add_command(_each)


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
@click.option("--tag", "tags", multiple=True, metavar="GROUP/TAG",
              help="Tag of everybody who comes, made by `scrm tag define`; may be repeated.")
@click.option("--if-none", is_flag=True, help="Where the channel has a code, leave that one as it is.")
@actor_option
@json_option
def create(
    session: CommandSession, brand_id: str, channel: str, title: str, kind: str, tags: tuple[str, ...], if_none: bool,
    actor: str, as_json: bool,
) -> None:  # fmt: skip
    """Make the code of a channel, one to one; prints the address that is printed."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        pairs = [(one, two) for one, _, two in (tag.partition("/") for tag in tags)]
        try:
            made = here.codes.create(channel, title=title, kind=kind, tags=pairs, actor=actor)
        except Conflict as refusal:
            if not if_none or refusal.code != "code_exists":
                raise
            made = here.codes.get(channel)
        view = code_view(made, here)
    session.show_record(view, as_json=as_json)


@group.command("list")
@of_brand
@paged
@json_option
def code_list(session: CommandSession, brand_id: str, after: int, limit: int, as_json: bool) -> None:
    """Codes, oldest first."""
    with session.brand(brand_id) as brand:
        here = live_codes_of(brand)
        views = code_views(here.codes.page(after=after, limit=limit), here)
    session.show(CODE, [[view[name] for name in CODE] for view in views], as_json=as_json)


@group.command("show")
@of_brand
@click.argument("channel")
@click.option("--at", help="For this instant of the brand's zone, such as 2026-01-05T10:00; default: now.")
@json_option
def show(session: CommandSession, brand_id: str, channel: str, at: str | None, as_json: bool) -> None:
    """A code with its staff, and whom somebody who scans it is sent to: now, or at another instant.

    While the code receives nobody, by_rota says who would be there, and why nobody is sent to them; where nobody
    would be there, whether nobody is on duty or nobody has room.
    """
    with session.brand(brand_id) as brand:
        here, moment = live_codes_of(brand), None if at is None else read_instant(at, brand.zone, "at")
        view = full_code_view(here.codes.get(channel), here, moment)
    why = "; ".join(filter(None, (view["closed"], view["nobody"])))
    if why and not as_json:
        view["by_rota"] = f"{', '.join(view['by_rota']) or '-'} ({why})"
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
        here = live_codes_of(brand)
        if remove:
            seats = here.codes.unseat(channel, userid, actor=actor)
        else:
            seats = here.codes.seat(channel, userid, role=role, hours=hours, actor=actor)
        views = seat_views(seats, here)
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
    try:
        path.write_bytes(picture)
    except OSError as problem:
        raise Invalid(f"{path} cannot be written: {problem.strerror}", field="path") from None
    click.echo(f"{path}: {len(picture)} bytes")
