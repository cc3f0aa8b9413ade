"""``scrm move``, ``scrm backup`` and ``scrm restore``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .codes import USAGE, Failure
from .output import json_option, print_json
from .session import Session

if TYPE_CHECKING:
    from ..moving import Copied


@click.command("move")
@click.argument("brand")
@click.option(
    "--to", "url", metavar="URL", help="sqlite:FOLDER, postgresql://..., or env:NAME for one with a password."
)
@click.option("--replace", is_flag=True, help="Set a brand of this name aside that is there already.")
@click.option("--cancel", is_flag=True, help="Take back an earlier move: the brand goes on here.")
@json_option
@click.pass_obj
def move_command(session: Session, brand: str, url: str | None, replace: bool, cancel: bool, as_json: bool) -> None:
    """Carry a brand to another database, whole and checked.

    Every row is read back and compared by count and checksum before anything
    stays. Here the brand is sealed: whoever still writes to it is refused.
    Stop `scrm run` first; afterwards name the new database in scrm.toml.
    """
    from .. import moving

    if (url is None) != cancel:
        raise Failure("name where to with --to, or take the move back with --cancel", USAGE)
    if url is None:
        place = moving.cancel(session.installation, brand)
        click.echo(f"{brand} goes on here; the copy in {place} stays as it is, and is out of date from now on")
        return
    copied = moving.move(session.installation, brand, url, replace=replace)
    _tell(copied, as_json)
    if not as_json:
        click.echo("\nNext: database_url in scrm.toml, once all brands have moved; then `scrm doctor` and `scrm run`.")


@click.command("backup")
@click.argument("brand")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
@click.pass_obj
def backup_command(session: Session, brand: str, file: Path, as_json: bool) -> None:
    """Write a brand into one file, while it runs.

    The file holds everything that the brand's database does, so keep it as
    safe; keep scrm.toml and brands/ with it. It is the same for SQLite and
    PostgreSQL, and `scrm restore` reads it into either.
    """
    from .. import moving

    _tell(moving.backup(session.installation, brand, file), as_json)


@click.command("restore")
@click.argument("brand")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Set the brand aside that is there now.")
@json_option
@click.pass_obj
def restore_command(session: Session, brand: str, file: Path, replace: bool, as_json: bool) -> None:
    """Put a brand back as a backup has it; nothing is sent.

    Stop `scrm run` first. What was sent since the backup is not in it: the
    emergency switch is on until `scrm outreach go-on`, after a person has
    looked at `scrm outreach runs`.
    """
    from .. import moving

    _tell(moving.restore(session.installation, brand, file, replace=replace), as_json)
    if as_json:
        return
    with session.core_brand(brand) as opened:
        waiting = [
            (f"{run.owner}/{run.code}", count)
            for run in opened.outreach.runs(limit=200)
            if (count := sum(n for (state, _), n in opened.outreach.counts(run.id).items() if state == "queued"))
        ]
    click.echo("\nNothing is sent until `scrm outreach go-on`. It would send:")
    for run, count in waiting:
        click.echo(f"  {run}: {count:,} messages")
    if not waiting:
        click.echo("  nothing that waits now")


def _tell(copied: Copied, as_json: bool) -> None:
    if as_json:
        print_json(copied)
        return
    rows = sum(table.rows for table in copied.tables)
    click.echo(f"{copied.brand}: {rows:,} rows of {len(copied.tables)} tables are in {copied.target}, each read back.")
    if copied.aside:
        click.echo(f"What stood there is in {copied.aside}.")
