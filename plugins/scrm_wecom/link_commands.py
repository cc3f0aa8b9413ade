"""``scrm wecom link`` and ``scrm wecom invite``: acquisition links, and messages that carry one."""

from __future__ import annotations

from datetime import datetime

import click

from scrm_core.api import CommandSession, actor_option, json_option, of_brand, paged

from . import link_news
from .schemas import KINDS, NAME
from .service import wecom_of
from .views import invite_views, link_view, outcome_view, quota_view, started_line

LINK = ["code", "name", "state", "activity", "ends_at", "customers", "spoke", "read_at", "address", "note"]
DAY = click.DateTime(["%Y-%m-%d"])
INVITE = ["code", "link", "state", "held_until", "messages", "reason"]


@click.group("link")
def link() -> None:
    """Acquisition links 获客链接: addresses that open WeChat and add a member of staff."""


@link.command("create")
@of_brand
@click.argument("code")
@click.argument("name")
@click.option("--staff", multiple=True, help="A member's userid who answers it; several.")
@click.option("--department", "departments", multiple=True, type=int, help="A department's number; several.")
@click.option("--channel", required=True, help="The channel that its adds belong to.")
@click.option("--title", default="", help="What people come for.")
@click.option("--first", type=DAY, help="First day of that activity.")
@click.option("--last", type=DAY, help="Last day.")
@click.option("--verify", is_flag=True, help="Members accept each request by hand.")
@actor_option
def link_create(
    session: CommandSession, brand_id: str, code: str, name: str, staff: tuple[str, ...],
    departments: tuple[int, ...], channel: str, title: str, first: datetime | None, last: datetime | None,
    verify: bool, actor: str,
) -> None:  # fmt: skip
    """Have a link made, called NAME in WeCom; the job makes it. Refused without an activity that runs or is to come."""
    with session.brand(brand_id) as brand:
        wecom_of(brand).links.create(
            code, name=name, staff=staff, departments=departments, channel=channel, title=title,
            first_day=first and first.date(), last_day=last and last.date(), skip_verify=not verify, actor=actor,
        )  # fmt: skip
    click.echo("waits for the job")


@link.command("activity")
@of_brand
@click.argument("code")
@click.option("--title", required=True, help="What people come for.")
@click.option("--first", type=DAY, required=True, help="First day.")
@click.option("--last", type=DAY, required=True, help="Last day.")
@actor_option
def link_activity(
    session: CommandSession, brand_id: str, code: str, title: str, first: datetime, last: datetime, actor: str
) -> None:
    """Say what people come for by a link; one that was paused by the end of its activity is handed out again."""
    with session.brand(brand_id) as brand:
        found = wecom_of(brand).links.set_activity(
            code, title=title, first_day=first.date(), last_day=last.date(), actor=actor
        )
        state = found.shown(brand.now())
    click.echo(state)


@link.command("list")
@of_brand
@paged
@json_option
def link_list(session: CommandSession, brand_id: str, after: int, limit: int, as_json: bool) -> None:
    """Links with whom they brought, oldest first."""
    with session.brand(brand_id) as brand:
        links = wecom_of(brand).links
        found = links.page(after=after, limit=limit)
        brought = link_news.brought([each.id for each in found])
        views = [link_view(each, brought.get(each.id, (0, 0)), links.door(each.code), brand) for each in found]
    session.show(LINK, [[view[name] for name in LINK] for view in views], as_json=as_json)
    if len(found) == limit:
        click.echo(f"more: --after {found[-1].id}", err=True)


@link.command("quota")
@of_brand
@json_option
def link_quota(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """How many customers links may still bring, as WeCom told it within the hour."""
    with session.brand(brand_id) as brand:
        brand.plugin(NAME)
        view = quota_view(link_news.quota(), brand)
    session.show_record(view or {"total": None, "balance": None, "at": None}, as_json=as_json)


@link.command("pause")
@of_brand
@click.argument("code")
@actor_option
def link_pause(session: CommandSession, brand_id: str, code: str, actor: str) -> None:
    """Hand a link out no more: the brand's own address and invitations stop; WeCom's address works until `delete`."""
    with session.brand(brand_id) as brand:
        wecom_of(brand).links.pause(code, paused=True, actor=actor)
    click.echo("paused")


@link.command("resume")
@of_brand
@click.argument("code")
@actor_option
def link_resume(session: CommandSession, brand_id: str, code: str, actor: str) -> None:
    """Hand a paused link out again; refused while no activity of it runs."""
    with session.brand(brand_id) as brand:
        wecom_of(brand).links.pause(code, paused=False, actor=actor)
    click.echo("resumed")


@link.command("renew")
@of_brand
@click.argument("code")
@actor_option
def link_renew(session: CommandSession, brand_id: str, code: str, actor: str) -> None:
    """Have a link made anew that failed or was deleted; the brand's own address stays."""
    with session.brand(brand_id) as brand:
        wecom_of(brand).links.renew(code, actor=actor)
    click.echo("it is made within a minute")


@link.command("delete")
@of_brand
@click.argument("code")
@actor_option
def link_delete(session: CommandSession, brand_id: str, code: str, actor: str) -> None:
    """Delete a link in WeCom for ever."""
    with session.brand(brand_id) as brand:
        found = wecom_of(brand).links.delete(code, actor=actor)
    click.echo(found.state)


@click.group("invite")
def invite() -> None:
    """Invitations 获客链接邀请: an SMS with an acquisition link of each person's own."""


@invite.command("open")
@of_brand
@click.argument("code")
@click.argument("link")
@click.argument("text")
@click.option("--segment", "expression", required=True, help="Who gets it; those in WeCom already do not.")
@click.option("--channel", required=True, help="The channel that adds belong to.")
@click.option("--kind", type=click.Choice(KINDS), default="marketing", show_default=True, help="What it is for.")
@actor_option
@json_option
def invite_open(
    session: CommandSession, brand_id: str, code: str, link: str, text: str, expression: str, channel: str, kind: str,
    actor: str, as_json: bool,
) -> None:  # fmt: skip
    """Make a draft that says TEXT, which has {link} once; `invite start` lets it go."""
    with session.brand(brand_id) as brand:
        outcome = wecom_of(brand).invitations.open(
            code, link=link, text=text, channel=channel, expression=expression, kind=kind, actor=actor
        )
    session.show_record(outcome_view(outcome), as_json=as_json)


@invite.command("start")
@of_brand
@click.argument("code")
@actor_option
def invite_start(session: CommandSession, brand_id: str, code: str, actor: str) -> None:
    """Let a draft go. Says how many go, and until when quiet hours hold them."""
    with session.brand(brand_id) as brand:
        told = started_line(wecom_of(brand).invitations.start(code, actor=actor), brand)
    click.echo(told)


@invite.command("list")
@of_brand
@json_option
def invite_list(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Invitations with what became of their messages, the newest first."""
    with session.brand(brand_id) as brand:
        views = invite_views(wecom_of(brand).invitations.page(), brand)
    session.show(INVITE, [[view[name] for name in INVITE] for view in views], as_json=as_json)
