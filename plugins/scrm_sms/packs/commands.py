"""``scrm sms pack``: number packs from files."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from scrm_core.api import Brand, CommandSession, Invalid, csv_cell, json_option, of_brand

from ..schemas import NAME
from .rows import FIELDS
from .schemas import pack_record
from .service import DroppedRow, Packs

ACTOR = "operator"
PAGE = 1_000
HEADINGS = ("line", "number", "reason", "text", "winner")

CODE = click.argument("code", metavar="PACK")


def add_commands(group: click.Group) -> None:
    """Put the group ``pack`` below the plugin's commands."""
    group.add_command(pack)


def _packs(brand: Brand) -> Packs:
    return Packs(brand, brand.plugin(NAME).settings)


def _show(session: CommandSession, record: dict[str, Any], *, as_json: bool) -> None:
    if not as_json:
        reasons = [f"{reason} {count:,}" for reason, count in record["by_reason"].items()]
        record = {**record, "by_reason": reasons}
    session.show_record(record, as_json=as_json)


@click.group(name="pack")
def pack() -> None:
    """Number packs 号码包: import, list, show, dropped rows, seal."""


def _columns(command: Callable[..., Any]) -> Callable[..., Any]:
    for name in reversed(FIELDS):
        flag = f"--{name.replace('_', '-')}"
        command = click.option(flag, name, metavar="COLUMN", help=f"The heading of {name}; usual ones are found.")(
            command
        )
    return command


@pack.command("import")
@of_brand
@CODE
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_columns
@click.option("--dry-run", is_flag=True, help="Say what would come of the file and write nothing.")
@json_option
def import_pack(
    session: CommandSession,
    /,
    brand_id: str,
    code: str,
    file: Path,
    dry_run: bool,
    as_json: bool,
    **columns: str | None,
) -> None:
    """Read the numbers of FILE into PACK and seal it: every person once, every dropped row kept with its reason.

    The same command again, also after a crash, ends in the same pack.
    """
    named = {name: heading for name, heading in columns.items() if heading is not None}
    with session.brand(brand_id) as brand:
        packs = _packs(brand)
        if dry_run:
            made = packs.dry_run(file, columns=named)
        else:
            with _Progress(f"numbers into {code}") as progress:
                made = packs.import_file(file, code=code, actor=ACTOR, columns=named, progress=progress)
        _show(session, pack_record(brand, made), as_json=as_json)


@pack.command("list")
@of_brand
@json_option
def list_packs(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """The packs of a brand, newest first."""
    with session.brand(brand_id) as brand:
        records = [pack_record(brand, each) for each in _packs(brand).list()]
    headings = ["code", "state", "rows", "accepted", "dropped", "matched", "file", "created_at"]
    session.show(headings, [[record[heading] for heading in headings] for record in records], as_json=as_json)


@pack.command("show")
@of_brand
@CODE
@json_option
def show(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """One pack with its counts by reason."""
    with session.brand(brand_id) as brand:
        _show(session, pack_record(brand, _packs(brand).get(code)), as_json=as_json)


@pack.command("seal")
@of_brand
@CODE
@json_option
def seal(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """Seal a pack whose rows came over HTTP; it never changes again."""
    with session.brand(brand_id) as brand:
        _show(session, pack_record(brand, _packs(brand).seal(code, actor=ACTOR)), as_json=as_json)


@pack.command("dropped")
@of_brand
@CODE
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A CSV file to write.")
@click.option("--after", type=int, default=0, help="Show rows behind this line.")
@click.option("--limit", type=click.IntRange(1, PAGE), default=100, show_default=True, help="Rows to show.")
@json_option
def dropped(
    session: CommandSession, brand_id: str, code: str, output: Path | None, after: int, limit: int, as_json: bool
) -> None:
    """The dropped rows of a pack: line, masked number, reason, and the line that stands instead.

    With --output all of them go into a CSV file that no spreadsheet takes for formulas.
    """
    with session.brand(brand_id) as brand:
        packs = _packs(brand)
        if output is None:
            rows = packs.dropped(code, after, limit)
            session.show(list(HEADINGS), [_cells(row) for row in rows], as_json=as_json)
            return
        packs.get(code)
        count = write_dropped(packs, code, output)
    click.echo(f"{count} rows written to {output}", err=True)


def write_dropped(packs: Packs, code: str, path: Path) -> int:
    """Write all dropped rows of a pack as CSV, readable by its owner only; returns how many.

    Raises Invalid when the file cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8-sig", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(HEADINGS)
            count = 0
            for row in _all_dropped(packs, code):
                lines.writerow([csv_cell(cell) for cell in _cells(row)])
                count += 1
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}", field="output") from None
    return count


def _all_dropped(packs: Packs, code: str) -> Iterator[DroppedRow]:
    after = 0
    while page := packs.dropped(code, after, PAGE):
        yield from page
        after = page[-1].line


def _cells(row: DroppedRow) -> list[Any]:
    return [row.line, row.number, row.reason, row.text, row.winner]


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
