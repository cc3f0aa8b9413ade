"""``scrm partner``: brands that this one exchanges messages with, and messages that did not arrive."""

from __future__ import annotations

import click

from ..clock import iso
from .output import json_option
from .session import Session

ACTOR = "operator"
_STATES = ("waiting", "sending", "delivered", "dead")


@click.group("partner")
def partner_command() -> None:
    """Partner brands, and messages that did not arrive."""


@partner_command.command("list")
@click.argument("brand")
@json_option
@click.pass_obj
def list_partners(session: Session, brand: str, as_json: bool) -> None:
    """The partners that the brand's file names, how many messages are in each state, and why the next one waits."""
    with session.core_brand(brand) as opened:
        counts, errors = opened.partners.counts(), opened.partners.last_errors()
        known = opened.config.partners
        # Messages to a partner that the file names no more are shown too: they wait for it.
        names = [*known, *sorted({name for name, _ in counts} - set(known))]
        rows = [
            (
                name,
                known[name].brand if name in known else None,
                (known[name].url or "here") if name in known else "not in the file",
                *(counts.get((name, state), 0) for state in _STATES),
                errors.get(name),
            )
            for name in names
        ]
    session.show(["partner", "brand", "place", *_STATES, "last_error"], rows, as_json=as_json)


@partner_command.command("dead")
@click.argument("brand")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@json_option
@click.pass_obj
def dead(session: Session, brand: str, limit: int, as_json: bool) -> None:
    """Messages that were given up (死信), the oldest first, with what was answered last."""
    with session.core_brand(brand) as opened:
        rows = [
            (each.uid, each.partner, each.kind, each.attempts, iso(each.created_at, opened.zone), each.error)
            for each in opened.partners.undelivered(state="dead", limit=limit)
        ]
    session.show(["message", "partner", "kind", "attempts", "created_at", "error"], rows, as_json=as_json)


@partner_command.command("replay")
@click.argument("brand")
@click.argument("messages", metavar="MESSAGE...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every dead message.")
@click.pass_obj
def replay(session: Session, brand: str, messages: tuple[str, ...], everything: bool) -> None:
    """Send dead messages again under their ids: a partner that had one takes it without a second effect."""
    if everything == bool(messages):
        raise click.UsageError("name the messages, or --all")
    with session.core_brand(brand) as opened:
        count = opened.partners.replay(None if everything else messages, actor=ACTOR)
    click.echo(f"{count} messages are due now")
