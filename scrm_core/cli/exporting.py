"""``scrm export``."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from .codes import Failure
from .session import Session


@click.command("export")
@click.argument("kind", type=click.Choice(("contacts", "orders")))
@click.argument("brand")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File to write; default: standard output."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line instead of CSV.")
@click.pass_obj
def export_command(session: Session, kind: str, brand: str, output: Path | None, as_json: bool) -> None:
    """Write contacts or orders as CSV or JSON lines.

    The columns are those that `scrm import` reads without a mapping: exporting
    and importing again leaves everything as it is. Phones are in clear, so the export is
    noted in the audit and a file is readable by its owner only.
    """
    from ..intake.exporter import COLUMNS, csv_cells, export_rows

    count = 0
    with session.core_brand(brand) as opened, whole_file(output) as file:
        lines = csv.writer(file)
        if not as_json:
            lines.writerow(COLUMNS[kind])
        for row in export_rows(opened, kind, actor="operator"):
            if as_json:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            else:
                lines.writerow(csv_cells(kind, row))
            count += 1
    if output is not None:
        click.echo(f"{count} rows written to {output}", err=True)


@contextlib.contextmanager
def whole_file(path: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears whole or not at all."""
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as exc:
        raise Failure(f"{path} cannot be written: {exc.strerror}") from exc
    finally:
        temporary.unlink(missing_ok=True)
