"""``scrm wecom sync`` and ``want-sync``: the full sync, run in the terminal or by the job.

A limit of WeCom's (45009) that is over soon is waited out. Where it lasts for longer,
or something else hinders it, the command says so and ends with exit code 75: what was
read is kept, and the job goes on.
"""

from __future__ import annotations

import time
from contextlib import suppress

import click

from scrm_core.api import CommandSession, Conflict, actor_option, iso, json_option, of_brand

from . import sync, wishes
from .client.codes import Limited
from .service import Wecom, wecom_of
from .sync import SyncView
from .views import sync_state_view, sync_view

MOST_SECONDS = 86_400.0
PATIENCE_MS = 600_000
"""How long one command waits for WeCom in all; 45009 holds an API up for a minute, then four, sixteen, sixty."""

TRY_AGAIN = 75
_WAITS = "scrm wecom sync"

pause = time.sleep


@click.command("sync")
@of_brand
@click.option("--stop", is_flag=True, help="End the sync that runs, unfinished, or want none any more.")
@click.option("--as", "actor", default="", help="Who stops it; --stop needs it.")
@click.option("--show", is_flag=True, help="Only say how far it is.")
@json_option
@click.pass_context
def sync_command(
    ctx: click.Context, session: CommandSession, brand_id: str, stop: bool, actor: str, show: bool, as_json: bool
) -> None:
    """Take every customer of every member and list the chat groups 全量同步; goes on where an earlier one stopped, and
    the job does so too.

    Relations are pairs of a member and a customer: who has two members is counted twice. Groups are read by the job.
    Exit code 75: WeCom cannot be asked now, and the job goes on.
    """
    if stop and not actor:
        raise click.UsageError("--stop needs --as: who stops it")
    hindered = ""
    with session.brand(brand_id) as brand:
        wecom = wecom_of(brand)
        if stop:
            wishes.stop_sync(wecom, actor=actor)
        elif not show:
            hindered = _through(wecom)
        found = sync.latest()
        view = {"state": "none"} if found is None else sync_view(found, brand)
    session.show_record(view, as_json=as_json)
    if hindered:
        click.echo(f"{hindered}; what was read is kept, and the job goes on by itself", err=True)
        ctx.exit(TRY_AGAIN)


def _through(wecom: Wecom) -> str:
    """Begin a sync, or go on with the one that runs, to its end; returns why it is not there yet."""
    patience = PATIENCE_MS
    while True:
        try:
            wecom.full_sync.begin()
        except Limited as limited:
            with suppress(Conflict):  # another process has begun it at this moment
                wishes.want_sync(wecom, actor=_WAITS)  # so that the job begins it, should this command end
            error, until = str(limited), limited.until
        else:
            wishes.take_back()
            view = wecom.full_sync.run(MOST_SECONDS, _progress)
            if view is None or view.state != "running":
                return ""
            error, until = view.error, view.waits_until
        wait = until - wecom.brand.now()
        if not 0 < wait <= patience:
            return error
        patience -= wait
        told = iso(until, wecom.brand.zone)
        click.echo(f"{error}; goes on at {told} (Ctrl-C: the job goes on by itself)", err=True)
        pause(wait / 1_000)


@click.command("want-sync")
@of_brand
@actor_option
@json_option
def want_sync(session: CommandSession, brand_id: str, actor: str, as_json: bool) -> None:
    """Have the job begin a full sync, as the page does; `sync --stop --as` takes it back."""
    with session.brand(brand_id) as brand:
        wishes.want_sync(wecom_of(brand), actor=actor)
        view = sync_state_view(brand)
    session.show_record(view["wanted"], as_json=as_json)


def _progress(view: SyncView) -> None:
    pairs = f"{view.relations} relations of a member with a customer"
    click.echo(f"{view.staff_done} of {view.staff} members, {pairs}, {view.chats} chat groups", err=True)
