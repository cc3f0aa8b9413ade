"""``scrm wecom``: callbacks, and who has whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from scrm_core.api import (
    CommandSession,
    Invalid,
    actor_option,
    find_contact,
    iso,
    json_option,
    of_brand,
    paged,
)

from . import callbacks, door, follows, tasks
from .client.limits import MEDIA_SIZES
from .link_commands import invite, link
from .report import wecom_report
from .schemas import AUDIENCES, KINDS, NAME
from .service import wecom_of
from .simulator.commands import add_commands as add_simulator_commands
from .sync_commands import sync_command, want_sync
from .views import (
    callback_view,
    file_view,
    follow_views,
    moment_view,
    outcome_view,
    push_view,
    send_views,
    started_line,
    welcome_view,
)

CALLBACK = ["id", "received_at", "event", "change", "external", "state", "note"]
PUSH = ["follow", "due_at", "attempts", "error"]
SEND = ["code", "kind", "state", "held_until", "messages", "reason"]
WELCOME = ["channel", "audience", "text", "attachments", "at"]
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
    """Callbacks as they came, oldest first; how many were refused at the door stands behind them."""
    with session.brand(brand_id) as brand:
        brand.plugin(NAME)
        found = callbacks.page(state=state or "", after=after, limit=limit)
        views = [callback_view(callback, brand) for callback in found]
        refused = door.refusals(brand.now())
    session.show(CALLBACK, [[view[name] for name in CALLBACK] for view in views], as_json=as_json)
    if len(found) == limit:
        click.echo(f"more: --after {found[-1].id}", err=True)
    for each in refused:
        click.echo(f"refused at the door ({each.kind}): {each.day} in 24 hours, {each.all} in all", err=True)


@group.command("follows")
@of_brand
@click.argument("contact")
@json_option
def follow_list(session: CommandSession, brand_id: str, contact: str, as_json: bool) -> None:
    """Members of staff who have or had a customer (uid, external_userid=ID, phone=NUMBER)."""
    with session.brand(brand_id) as brand:
        brand.plugin(NAME)
        found = follows.of_contact(find_contact(brand, contact).id)
        views = follow_views(found, brand)
    session.show(FOLLOW, [[view[name] for name in FOLLOW] for view in views], as_json=as_json)


@group.group("tags")
def tags() -> None:
    """Tags that wait to be told to WeCom 标签推送."""


@tags.command("waiting")
@of_brand
@paged
@json_option
def tag_waiting(session: CommandSession, brand_id: str, after: int, limit: int, as_json: bool) -> None:
    """Relations whose tags wait, oldest first, with why not yet."""
    with session.brand(brand_id) as brand:
        brand.plugin(NAME)
        found = tasks.pushes(after, limit)
        views = [push_view(each, brand) for each in found]
    session.show(PUSH, [[view[name] for name in PUSH] for view in views], as_json=as_json)
    if len(found) == limit:
        click.echo(f"more: --after {found[-1].id}", err=True)


@tags.command("retry")
@of_brand
@click.argument("follow", type=click.IntRange(1), required=False)
@actor_option
def tag_retry(session: CommandSession, brand_id: str, follow: int | None, actor: str) -> None:
    """Tell WeCom tags again at once: of the relation FOLLOW, or of those that it refused, 200 at a time."""
    with session.brand(brand_id) as brand:
        brand.plugin(NAME)
        retried = tasks.retry(brand, None if follow is None else str(follow), actor=actor)
    click.echo(f"{retried} relations are told again")


@group.command("work")
@of_brand
def work(session: CommandSession, brand_id: str) -> None:
    """Do now what the job does every minute: ask and tell WeCom what waits."""
    with session.brand(brand_id) as brand:
        told = wecom_of(brand).work()
    click.echo(told)


@group.group("welcome")
def welcome() -> None:
    """What people hear who add a member of staff 欢迎语."""


@welcome.command("list")
@of_brand
@json_option
def welcome_list(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Every welcome, the general ones first."""
    with session.brand(brand_id) as brand:
        views = [welcome_view(each, brand) for each in wecom_of(brand).greetings.all()]
    rows = [
        [each["channel"], each["audience"], *_said(each["content"]), each["at"]] if not as_json
        else [each["channel"], each["audience"], each["content"].get("text", {}).get("content", ""),
              each["content"].get("attachments", []), each["at"]]
        for each in views
    ]  # fmt: skip
    session.show(WELCOME, rows, as_json=as_json)


def _said(content: dict[str, Any]) -> tuple[str, int]:
    return content.get("text", {}).get("content", ""), len(content.get("attachments", []))


@welcome.command("set")
@of_brand
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--channel", default="", help="For who comes through this channel; without it for everybody else.")
@click.option("--audience", type=click.Choice(AUDIENCES), help="For these alone.")
@actor_option
def welcome_set(
    session: CommandSession, brand_id: str, file: Path, channel: str, audience: str | None, actor: str
) -> None:
    """Say what is in FILE, a JSON object with text and attachments."""
    content = _content_of(file)
    with session.brand(brand_id) as brand:
        wecom_of(brand).greetings.put(content, channel=channel, audience=audience or "", actor=actor)
    click.echo("set")


def _content_of(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise Invalid(f"{file} is no JSON file in UTF-8: {exc}", field="file") from exc


@welcome.command("remove")
@of_brand
@click.option("--channel", default="", help="Of this channel.")
@click.option("--audience", type=click.Choice(AUDIENCES), help="Of this audience.")
@actor_option
def welcome_remove(session: CommandSession, brand_id: str, channel: str, audience: str | None, actor: str) -> None:
    """Say it no more."""
    with session.brand(brand_id) as brand:
        wecom_of(brand).greetings.remove(channel, audience or "", actor=actor)
    click.echo("removed")


@group.group("send")
def send() -> None:
    """Group sends 企业群发: staff confirm them in WeCom."""


@send.command("preview")
@of_brand
@click.argument("expression")
@click.option("--kind", type=click.Choice(KINDS), default="marketing", show_default=True, help="What it is for.")
@json_option
def send_preview(session: CommandSession, brand_id: str, expression: str, kind: str, as_json: bool) -> None:
    """Whom a send to the segment EXPRESSION would reach now, and why others not; nothing is written."""
    with session.brand(brand_id) as brand:
        outcome = wecom_of(brand).sends.preview(expression, kind)
    session.show_record(outcome_view(outcome), as_json=as_json)


@send.command("open")
@of_brand
@click.argument("code")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--segment", "expression", required=True, help="To whom: a segment expression.")
@click.option("--kind", type=click.Choice(KINDS), default="marketing", show_default=True, help="What it is for.")
@actor_option
@json_option
def send_open(
    session: CommandSession, brand_id: str, code: str, file: Path, expression: str, kind: str, actor: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Make a draft of what FILE says (as of `welcome set`); `send start` lets it go."""
    content = _content_of(file)
    with session.brand(brand_id) as brand:
        outcome = wecom_of(brand).sends.open(code, content, expression=expression, kind=kind, actor=actor)
    session.show_record(outcome_view(outcome), as_json=as_json)


@send.command("start")
@of_brand
@click.argument("code")
@actor_option
def send_start(session: CommandSession, brand_id: str, code: str, actor: str) -> None:
    """Let a draft go: WeCom then asks the staff to confirm. Says how many go, and until when quiet hours hold them."""
    with session.brand(brand_id) as brand:
        told = started_line(wecom_of(brand).sends.start(code, actor=actor), brand)
    click.echo(told)


@send.command("list")
@of_brand
@json_option
def send_list(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Group sends with what became of their messages, the newest first."""
    with session.brand(brand_id) as brand:
        views = send_views(wecom_of(brand).sends.all(), brand)
    session.show(SEND, [[each[name] for name in SEND] for each in views], as_json=as_json)


@group.group("media")
def media() -> None:
    """Files for welcomes, group sends and moments 素材."""


@media.command("put")
@of_brand
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kind", type=click.Choice(list(MEDIA_SIZES)), default="image", show_default=True, help="What it is.")
@actor_option
def media_put(session: CommandSession, brand_id: str, file: Path, kind: str, actor: str) -> None:
    """Keep FILE and say by which text messages name it: {"msgtype": "image", "image": {"file": "..."}}."""
    if file.stat().st_size > MEDIA_SIZES[kind].most:
        raise Invalid(f"{file} is larger than {MEDIA_SIZES[kind].most} bytes", field="file")
    with session.brand(brand_id) as brand:
        kept = wecom_of(brand).media.put(file.read_bytes(), kind=kind, name=file.name, actor=actor)
    click.echo(kept.digest)


@media.command("list")
@of_brand
@paged
@json_option
def media_list(session: CommandSession, brand_id: str, after: int, limit: int, as_json: bool) -> None:
    """Files, oldest first."""
    with session.brand(brand_id) as brand:
        found = wecom_of(brand).media.page(after=after, limit=limit)
        views = [file_view(each, brand) for each in found]
    headings = ["file", "kind", "name", "size", "at"]
    session.show(headings, [[view[name] for name in headings] for view in views], as_json=as_json)
    if len(found) == limit:
        click.echo(f"more: --after {found[-1].id}", err=True)


@group.group("moment")
def moment() -> None:
    """Customer moments 客户朋友圈: staff confirm them in WeCom."""


@moment.command("post")
@of_brand
@click.argument("code")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tag", "tags", multiple=True, help="GROUP/TAG of the corporation: for these customers alone.")
@click.option("--staff", multiple=True, help="A member's userid: by these alone.")
@actor_option
def moment_post(
    session: CommandSession, brand_id: str, code: str, file: Path, tags: tuple[str, ...], staff: tuple[str, ...],
    actor: str,
) -> None:  # fmt: skip
    """Have a moment made of what FILE says (as of `welcome set`); a few a day."""
    content = _content_of(file)
    with session.brand(brand_id) as brand:
        moments = wecom_of(brand).moments
        made = moments.post(code, content, tags=tags, staff=staff, actor=actor)
        wait = moments.wait(made.state, made.next_at)
        until = "" if wait is None else f", not before {iso(wait.until, brand.zone)} (quiet hours)"
    click.echo(f"waits for the job{until}")


@moment.command("list")
@of_brand
@json_option
def moment_list(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Moments and what became of them, the newest first."""
    with session.brand(brand_id) as brand:
        moments = wecom_of(brand).moments
        views = [moment_view(each, moments.wait(each.state, each.next_at), brand) for each in moments.all()]
    headings = ["code", "state", "until", "note", "moment_id", "at"]
    session.show(headings, [[view[name] for name in headings] for view in views], as_json=as_json)


group.add_command(sync_command)
group.add_command(want_sync)
group.add_command(link)
group.add_command(invite)
add_simulator_commands(group)
