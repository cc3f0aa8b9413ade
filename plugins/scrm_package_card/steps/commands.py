"""``scrm package-card step``: a campaign through its seven steps, from the command line.

Every command that changes something names in ``--by`` the person who answers for it.
"""

from __future__ import annotations

import json
from typing import Any

import click

from scrm_core.api import CommandSession, json_option

from . import policy_commands, print_commands, trial_commands, views
from .catalogue import ORDER
from .command_parts import by, of_campaign, step, steps_of
from .records import By

_MARKS = {"done": "x", "current": ">", "ahead": " "}


def add_commands(group: click.Group) -> None:
    """Add ``step`` with its commands to the plugin's group."""
    group.add_command(step)


def _show_status(session: CommandSession, view: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        session.show_record(view, as_json=True)
        return
    click.echo(f"{view['campaign']} is at {view['step']} (version {view['version']})")
    for each in view["steps"]:
        click.echo(f"[{_MARKS[each['state']]}] {each['title']}")
        for line in each["present"]:
            click.echo(f"      has    {line}")
        if each["state"] == "current":
            for line in each["missing"]:
                click.echo(f"      lacks  {line}")


@step.command("begin")
@of_campaign
@by
@json_option
def begin(session: CommandSession, brand_id: str, code: str, who: str, as_json: bool) -> None:
    """Take a campaign through the steps (create it with --warehouse first)."""
    with session.brand(brand_id) as brand:
        view = views.status_view(steps_of(brand).begin(code, By(who)), brand)
    _show_status(session, view, as_json=as_json)


@step.command("show")
@of_campaign
@json_option
def show(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """Where a campaign stands, what it has and what it lacks."""
    with session.brand(brand_id) as brand:
        view = views.status_view(steps_of(brand).status(code), brand)
    _show_status(session, view, as_json=as_json)


@step.command("history")
@of_campaign
@click.option("--limit", default=100, show_default=True, help="How many lines.")
@json_option
def history(session: CommandSession, brand_id: str, code: str, limit: int, as_json: bool) -> None:
    """Who did what and when, newest first."""
    with session.brand(brand_id) as brand:
        lines = views.history_view(steps_of(brand).history(code, limit=limit), brand)
    headings = ["at", "who", "through", "action", "from", "to", "reason", "what"]
    if not as_json:
        lines = [{**line, "what": json.dumps(line["what"], ensure_ascii=False)} for line in lines]
    session.show(headings, [[line[heading] for heading in headings] for line in lines], as_json=as_json)


@step.command("advance")
@of_campaign
@click.argument("to", metavar="STEP", type=click.Choice(ORDER))
@by
@click.option("--version", type=int, help="Refuse when the campaign is not at this version any more.")
@json_option
def advance(
    session: CommandSession, brand_id: str, code: str, to: str, who: str, version: int | None, as_json: bool
) -> None:
    """Go on to the next STEP; everything that is missing is named."""
    with session.brand(brand_id) as brand:
        view = views.status_view(steps_of(brand).advance(code, to, By(who), version=version), brand)
    _show_status(session, view, as_json=as_json)


@step.command("back")
@of_campaign
@click.argument("to", metavar="STEP", type=click.Choice(ORDER))
@by
@click.option("--reason", required=True, help="Why; it is kept in the history.")
@json_option
def back(session: CommandSession, brand_id: str, code: str, to: str, who: str, reason: str, as_json: bool) -> None:
    """Go back to an earlier STEP; sign-offs that rested on it become void."""
    with session.brand(brand_id) as brand:
        view = views.status_view(steps_of(brand).back(code, to, By(who), reason=reason), brand)
    _show_status(session, view, as_json=as_json)


for _command in (*policy_commands.COMMANDS, *trial_commands.COMMANDS, *print_commands.COMMANDS):
    step.add_command(_command)
