"""``scrm job`` and ``scrm audit``: what runs by itself, and who did what."""

from __future__ import annotations

import csv
import sys
from datetime import datetime
from typing import Any

import click

from ..clock import iso, local_instant
from .output import json_option, print_json
from .session import Session


@click.group("job")
def job_command() -> None:
    """Periodic jobs: when they run, how the last runs ended, one at once."""


@job_command.command("list")
@click.argument("brand")
@json_option
@click.pass_obj
def list_jobs(session: Session, brand: str, as_json: bool) -> None:
    """Every job of a brand, with its newest run and when it runs next."""
    with session.brand(brand) as opened:
        rows = [
            (
                f"{each.plugin}/{each.name}", each.every_seconds, iso(each.next_at, opened.zone), each.state or None,
                iso(each.started_at, opened.zone), each.error or None, each.asked_by or None,
            )
            for each in opened.jobs.list()
        ]  # fmt: skip
    session.show(["job", "every_seconds", "next_at", "state", "started_at", "error", "asked_by"], rows, as_json=as_json)


@job_command.command("runs")
@click.argument("brand")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 200), help="How many.")
@json_option
@click.pass_obj
def runs(session: Session, brand: str, limit: int, as_json: bool) -> None:
    """The newest runs of all jobs, newest first."""
    with session.brand(brand) as opened:
        rows = [
            (
                f"{each.plugin}/{each.job}", each.state, iso(each.started_at, opened.zone),
                iso(each.finished_at, opened.zone), each.attempts, each.error or None,
            )
            for each in opened.jobs.runs(limit=limit)
        ]  # fmt: skip
    session.show(["job", "state", "started_at", "finished_at", "attempts", "error"], rows, as_json=as_json)


@job_command.command("ask")
@click.argument("brand")
@click.argument("plugin")
@click.argument("job")
@click.pass_obj
def ask(session: Session, brand: str, plugin: str, job: str) -> None:
    """Have a job run at the workers' next look, within a minute. PLUGIN is core for the framework's own."""
    with session.brand(brand) as opened:
        new = opened.jobs.ask(plugin, job)
    click.echo(f"{plugin}/{job} runs within a minute" if new else f"{plugin}/{job} was asked for already")


@click.command("audit")
@click.argument("brand")
@click.option("--actor", help="Only what this one did: user:mia, key:..., operator.")
@click.option("--action", help="Only this act, or acts of this area: segment.save, segment.")
@click.option("--target", help="Only to this thing: segment:3.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only from this day of the brand on.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200), help="How many; not with --csv.")
@click.option("--csv", "as_csv", is_flag=True, help="All of them as CSV on standard output; the export is noted.")
@json_option
@click.pass_obj
def audit_command(
    session: Session,
    brand: str,
    actor: str | None,
    action: str | None,
    target: str | None,
    since: datetime | None,
    limit: int,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Who did what in a brand, newest first."""
    from ..services.audit import COLUMNS

    with session.core_brand(brand) as opened:
        asked: dict[str, Any] = {"actor": actor, "action": action, "target": target}
        asked["since"] = None if since is None else local_instant(since, opened.zone)
        if as_csv:
            lines = csv.writer(sys.stdout)
            lines.writerow(COLUMNS)
            lines.writerows(opened.audit.export(by="operator", **asked))
            return
        found = opened.audit.page(**asked, limit=limit)
        rows = [(iso(each.at, opened.zone), each.actor, each.action, each.target, each.detail) for each in found]
    if as_json:
        print_json([dict(zip(COLUMNS, row, strict=True)) for row in rows])
    else:
        session.show(list(COLUMNS), rows)
