"""``scrm outreach``: runs of messages, the do-not-contact list, the emergency switch."""

from __future__ import annotations

import click

from ..clock import iso
from .output import json_option
from .session import Session

ACTOR = "operator"


@click.group("outreach")
def outreach_command() -> None:
    """What is sent to people: runs, whom not to write to, the emergency switch."""


@outreach_command.command("runs")
@click.argument("brand")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200), help="How many runs.")
@json_option
@click.pass_obj
def list_runs(session: Session, brand: str, limit: int, as_json: bool) -> None:
    """Runs of all plugins, newest first, and how many messages are in each state."""
    with session.core_brand(brand) as opened:
        stopped = opened.outreach.stopped()
        rows = []
        for run in opened.outreach.runs(limit=limit):
            counts: dict[str, int] = {}
            for (state, _), count in opened.outreach.counts(run.id).items():
                counts[state] = counts.get(state, 0) + count
            shown = counts if as_json else " ".join(f"{state}:{count}" for state, count in sorted(counts.items()))
            held = iso(opened.outreach.held_until(run), opened.zone)
            rows.append(
                (run.owner, run.code, run.kind, run.state, iso(run.start_at, opened.zone),
                 held if as_json or held is None else f"{held} (quiet hours)", shown, run.reason)
            )  # fmt: skip
    headings = ["owner", "code", "kind", "state", "start_at", "held_until", "messages", "reason"]
    session.show(headings, rows, as_json=as_json)
    if stopped:
        click.echo(f"nothing is sent: {stopped}", err=True)


@outreach_command.command("unknown")
@click.argument("brand")
@click.argument("owner")
@click.argument("code")
@json_option
@click.pass_obj
def unknown(session: Session, brand: str, owner: str, code: str, as_json: bool) -> None:
    """Messages of a run of which nobody knows whether they were sent; they are never sent again by themselves."""
    from ..outreach.judging import shown_address

    with session.core_brand(brand) as opened:
        run = opened.outreach.run(owner, code)
        rows = [
            (each.uid, shown_address(run.channel, each.address), iso(each.at, opened.zone), each.reason, each.code)
            for each in opened.outreach.messages(run.id, state="unknown", limit=1_000)
        ]
    session.show(["message", "address", "sent_at", "reason", "code"], rows, as_json=as_json)


@outreach_command.command("settle")
@click.argument("brand")
@click.argument("message")
@click.argument("state", type=click.Choice(["delivered", "failed"]))
@click.pass_obj
def settle(session: Session, brand: str, message: str, state: str) -> None:
    """Decide what became of an unknown MESSAGE, after asking the gateway's own records."""
    with session.core_brand(brand) as opened:
        opened.outreach.settle_unknown(message, state, actor=ACTOR)
    click.echo(f"message {message} is {state}")


@outreach_command.command("suppress")
@click.argument("brand")
@click.argument("channel")
@click.argument("address")
@click.option("--reason", required=True, help="Why, for example complaint or staff.")
@click.option("--all", "everything", is_flag=True, help="Notices too, not only commercial messages.")
@click.pass_obj
def suppress(session: Session, brand: str, channel: str, address: str, reason: str, everything: bool) -> None:
    """Do not write to ADDRESS on CHANNEL (sms: a number; wecom: an external user id)."""
    from ..outreach.judging import normal_address, shown_address

    with session.core_brand(brand) as opened:
        normal = normal_address(channel, address, opened.config.phone_region)
        added = opened.outreach.suppress(
            channel, normal, reason=reason, scope="all" if everything else "commercial", actor=ACTOR
        )
    click.echo(f"{shown_address(channel, normal)} {'is suppressed' if added else 'was suppressed already'}")


@outreach_command.command("lift")
@click.argument("brand")
@click.argument("channel")
@click.argument("address")
@click.pass_obj
def lift(session: Session, brand: str, channel: str, address: str) -> None:
    """Lift what stands against ADDRESS; an opt-out is lifted by its recipient alone."""
    from ..outreach.judging import normal_address, shown_address

    with session.core_brand(brand) as opened:
        normal = normal_address(channel, address, opened.config.phone_region)
        lifted = opened.outreach.lift(channel, normal, actor=ACTOR)
        left = opened.outreach.suppressed(channel, normal)
    click.echo(f"{shown_address(channel, normal)}: lifted {lifted}, still standing: {', '.join(left) or 'nothing'}")


@outreach_command.command("suppressed")
@click.argument("brand")
@click.option("--after", default=0, help="The id of the last entry of the page before.")
@json_option
@click.pass_obj
def suppressed(session: Session, brand: str, after: int, as_json: bool) -> None:
    """The do-not-contact list, addresses masked."""
    from ..outreach.judging import shown_address

    with session.core_brand(brand) as opened:
        rows = [
            (
                each.id,
                each.channel,
                shown_address(each.channel, each.address),
                each.scope,
                each.reason,
                iso(each.at, opened.zone),
            )
            for each in opened.outreach.suppressions(after=after)
        ]
    session.show(["id", "channel", "address", "scope", "reason", "since"], rows, as_json=as_json)


@outreach_command.command("stop")
@click.argument("brand")
@click.option("--reason", required=True, help="What everybody will read.")
@click.pass_obj
def stop(session: Session, brand: str, reason: str) -> None:
    """Stop everything that the brand sends, at once and in every worker."""
    with session.core_brand(brand) as opened:
        opened.outreach.stop(reason, actor=ACTOR)
    click.echo(f"brand {brand} sends nothing until: scrm outreach go-on {brand}")


@outreach_command.command("go-on")
@click.argument("brand")
@click.pass_obj
def go_on(session: Session, brand: str) -> None:
    """Release the emergency switch. Runs that nobody worked on for longer than their grace expire."""
    with session.core_brand(brand) as opened:
        stood = opened.outreach.go_on(actor=ACTOR)
    click.echo(f"brand {brand} sends again" if stood else f"brand {brand} was not stopped")
