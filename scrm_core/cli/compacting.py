"""``scrm compact``: old events, visits and messages made small, now instead of in the hourly job."""

from __future__ import annotations

import click

from .output import json_option, print_json
from .session import Session


@click.command("compact")
@click.argument("brand")
@click.option("--dry-run", is_flag=True, help="Count what would go, and change nothing.")
@json_option
@click.pass_obj
def compact_command(session: Session, brand: str, dry_run: bool, as_json: bool) -> None:
    """Make old events, visits and messages small, as the brand's file says.

    The ages are those of ``[retention]`` in the brand's file. Figures stay what
    they were. It may run beside `scrm run`, and be stopped and given again.
    """
    with session.brand(brand) as opened:
        done = opened.retention.run(dry_run=dry_run)
    if as_json:
        words = "dry_run", "events", "visits", "messages", "held_by"
        print_json(dict(zip(words, (dry_run, done.events, done.visits, done.messages, done.held_by), strict=True)))
        return
    verb = "would go" if dry_run else "went"
    click.echo(f"events: {done.events:,} {verb}")
    click.echo(f"visits: {done.visits:,} {verb} into another of the same visitor, link and day")
    click.echo(f"messages: the text of {done.messages:,} {verb}")
    if done.held_by:
        click.echo(f"older events are kept because plugin {done.held_by} has not had them yet")
