"""``scrm import``."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import click

from ..clock import iso
from . import output
from .codes import ROWS_REJECTED
from .session import Session

KINDS = ("leads", "contacts", "orders", "tags", "products", "refunds")


@click.command("import")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("brand")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--map", "mapping_name", metavar="MAPPING", help="A mapping file, or a built-in: douyin, jd, pdd, ...")
@click.option("--source", help="Where order numbers and buyer ids are unique; replaces the mapping's.")
@click.option("--dry-run", is_flag=True, help="Check and try every row, keep nothing.")
@click.option("--backfill", is_flag=True, help="History: wakes only hooks that asked for it.")
@click.option("--rejects", type=click.Path(dir_okay=False, path_type=Path), help="File for refused rows, with reasons.")
@click.pass_obj
def import_command(
    session: Session,
    kind: str,
    brand: str,
    file: Path,
    mapping_name: str | None,
    source: str | None,
    dry_run: bool,
    backfill: bool,
    rejects: Path | None,
) -> None:
    """Read a CSV file into a brand.

    Prints one JSON object with read, created, updated, unchanged and rejected.
    The same file again changes nothing; after a crash the same command goes on
    where it stopped. Refused rows go to the rejects file with line, column and
    reason, the rest goes in, and the exit code is then 4.
    """
    from ..intake.importer import run_import
    from ..intake.mapping import load_mapping, plain_mapping

    mapping = load_mapping(mapping_name, kind) if mapping_name else plain_mapping(kind)
    with _Progress(f"{kind} into {brand}") as progress:
        report = run_import(
            session.brand(brand),
            kind,
            file,
            mapping,
            source=source,
            dry_run=dry_run,
            backfill=backfill,
            rejects=rejects,
            progress=progress,
        )
    output.print_json_line(dataclasses.asdict(report))
    if dry_run:
        click.echo("dry run: nothing was kept", err=True)
    if report.rejected:
        where = f"see {rejects}" if rejects is not None else "name a file with --rejects to see why"
        click.echo(f"{report.rejected} {'row was' if report.rejected == 1 else 'rows were'} refused; {where}", err=True)
        raise click.exceptions.Exit(ROWS_REJECTED)


@click.command("imports")
@click.argument("brand")
@click.option("--rejected", "run_id", type=click.IntRange(1), metavar="ID", help="The rows that this import refused.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 200), help="How many.")
@output.json_option
@click.pass_obj
def imports_command(session: Session, brand: str, run_id: int | None, limit: int, as_json: bool) -> None:
    """Imports of files, newest first: how far they are and what they refused."""
    with session.core_brand(brand) as opened:
        if run_id is not None:
            opened.imports.get(run_id)
            refused = [(str(each.line), each.column, each.reason) for each in opened.imports.rejected(run_id)]
            session.show(["line", "column", "reason"], refused, as_json=as_json)
            return
        rows = [
            (
                str(each.id), each.kind, each.name, each.state, each.rows, each.rejected,
                iso(each.updated_at, opened.zone),
            )
            for each in opened.imports.newest(limit)
        ]  # fmt: skip
    session.show(["id", "kind", "file", "state", "rows", "rejected", "updated_at"], rows, as_json=as_json)


class _Progress:
    """A bar on standard error when that is a terminal, otherwise silence."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: Any = None
        self._done = 0

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.render_finish()

    def __call__(self, rows: int, done: int, size: int) -> None:
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = click.progressbar(length=size, label=self._label, file=sys.stderr)
        self._bar.update(done - self._done)
        self._done = done
