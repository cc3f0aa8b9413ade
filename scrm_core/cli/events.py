"""``scrm events``: what happened, and what a plugin could not handle."""

from __future__ import annotations

from datetime import date

import click

from ..clock import iso
from .output import json_option, print_json
from .session import Session


@click.group("events")
@click.argument("brand")
@click.pass_context
def events_command(ctx: click.Context, brand: str) -> None:
    """A brand's event log and its parked events."""
    ctx.meta["scrm.brand"] = brand


def _brand_id(ctx: click.Context) -> str:
    brand_id: str = ctx.meta["scrm.brand"]
    return brand_id


@events_command.command("tail")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1_000), help="How many.")
@click.option("--before", type=click.IntRange(1), help="Go on before this event.")
@json_option
@click.pass_context
def tail(ctx: click.Context, limit: int, before: int | None, as_json: bool) -> None:
    """The newest events, newest first."""
    from .. import eventlog

    session: Session = ctx.obj
    with session.core_brand(_brand_id(ctx)) as brand:
        events = eventlog.tail(limit, before=before)
        if as_json:
            print_json(
                [
                    {
                        "id": event.position.event_id,
                        "type": event.type,
                        "at": iso(event.at, brand.zone),
                        "recorded_at": iso(event.recorded_at, brand.zone),
                        "backfill": event.backfill,
                        "contact_id": event.contact_id,
                        "data": event.data,
                    }
                    for event in events
                ]
            )
            return
        rows = [
            (str(e.position.event_id), iso(e.at, brand.zone), e.type, str(e.contact_id or "-"), e.backfill)
            for e in events
        ]
    session.show(["id", "at", "type", "contact", "backfill"], rows)


@events_command.command("removed")
@json_option
@click.pass_context
def removed(ctx: click.Context, as_json: bool) -> None:
    """How many events compaction removed: a row for each day of the brand and type."""
    session: Session = ctx.obj
    with session.core_brand(_brand_id(ctx)) as brand:
        rows = [(date.fromordinal(day).isoformat(), kind, count) for day, kind, count in brand.retention.counts()]
    if as_json:
        print_json([{"day": day, "type": kind, "events": count} for day, kind, count in rows])
        return
    session.show(["day", "type", "events"], rows)


@events_command.command("parked")
@click.option("--plugin", help="Of one plugin.")
@click.option("--traceback", is_flag=True, help="Show where the plugin failed.")
@json_option
@click.pass_context
def parked(ctx: click.Context, plugin: str | None, traceback: bool, as_json: bool) -> None:
    """Events that a plugin could not handle: retried by themselves, or held for a person."""
    from ..delivery import parked_events

    session: Session = ctx.obj
    with session.core_brand(_brand_id(ctx)) as brand:
        found = parked_events(plugin)
        zone = brand.zone
    if as_json:
        print_json(
            [
                {
                    "plugin": event.plugin,
                    "event": event.event_id,
                    "type": event.type,
                    "attempts": event.attempts,
                    "state": event.state,
                    "next_at": iso(event.next_at, zone) if event.state == "retry" else None,
                    "error": event.error,
                    "traceback": event.traceback,
                }
                for event in found
            ]
        )
        return
    due = {event.event_id: iso(event.next_at, zone) for event in found if event.state == "retry"}
    rows = [(e.plugin, str(e.event_id), e.type, e.attempts, e.state, due.get(e.event_id), e.error) for e in found]
    session.show(["plugin", "event", "type", "attempts", "state", "next try", "error"], rows)
    if traceback:
        for event in found:
            click.echo(f"\n{event.plugin}, event {event.event_id}:\n{event.traceback}")


_plugin = click.argument("plugin")
_event_ids = click.argument("event_ids", metavar="EVENT...", nargs=-1, type=int)
_every = click.option("--all", "everything", is_flag=True, help="Every parked event of the plugin.")


def _chosen(plugin: str, event_ids: tuple[int, ...], everything: bool) -> list[int]:
    """The ids meant; called inside the brand."""
    from ..delivery import parked_events
    from ..errors import NotFound

    if everything == bool(event_ids):
        raise click.UsageError("name the events, or --all")
    if not everything:
        return list(event_ids)
    found = [event.event_id for event in parked_events(plugin, limit=100_000)]
    if not found:
        raise NotFound(f"plugin {plugin!r} has no parked events")
    return found


def _report_missing(plugin: str, done: int, wanted: int) -> None:
    from ..errors import NotFound

    if done < wanted:
        raise NotFound(f"{wanted - done} of {wanted} events are not parked for plugin {plugin!r}")


@events_command.command("retry")
@_plugin
@_event_ids
@_every
@click.pass_context
def retry(ctx: click.Context, plugin: str, event_ids: tuple[int, ...], everything: bool) -> None:
    """Hand parked events to the plugin again, at the worker's next look; held ones too."""
    session: Session = ctx.obj
    with session.core_brand(_brand_id(ctx)) as brand:
        chosen = _chosen(plugin, event_ids, everything)
        done = brand.events.retry(plugin, chosen)
    if session.installation.nudge is not None:
        session.installation.nudge(brand.id)
    click.echo(f"{done} events are due now")
    _report_missing(plugin, done, len(chosen))


@events_command.command("discard")
@_plugin
@_event_ids
@_every
@click.pass_context
def discard(ctx: click.Context, plugin: str, event_ids: tuple[int, ...], everything: bool) -> None:
    """Give parked events up for good: the plugin will never see them."""
    session: Session = ctx.obj
    with session.core_brand(_brand_id(ctx)) as brand:
        chosen = _chosen(plugin, event_ids, everything)
        done = brand.events.discard(plugin, chosen)
    click.echo(f"{done} events are given up")
    _report_missing(plugin, done, len(chosen))
