"""``scrm sms landing``, ``scrm sms results`` and ``scrm sms requests``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from scrm_core.api import (
    Brand,
    CommandSession,
    CsvFile,
    CsvReject,
    Invalid,
    NotFound,
    ReportTable,
    json_option,
    load_body,
    of_brand,
    read_instant,
)

from . import export, landing
from .arms import MEASURES
from .requests import RequestIn
from .routes import landing_record
from .schemas import RequestBody, request_of
from .service import Results

NAME = "sms"
ROWS_REJECTED = 4  # the exit code that `scrm import` has too
MOST_SHOWN = 20
BRAND = click.argument("brand_id", metavar="BRAND")
CODE = click.argument("code", metavar="PLAN")
AS = click.option("--as", "actor", default="operator", show_default=True, help="Who acts; kept in the plan's history.")
FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


def add_commands(group: click.Group) -> None:
    """Put the groups of results below the plugin's commands."""
    for each in (landing_group, results_group, requests_group):
        group.add_command(each)


def _results(brand: Brand) -> Results:
    return Results(brand, brand.plugin(NAME).settings)


def _show(session: CommandSession, table: ReportTable, *, as_json: bool) -> None:
    headings = [column.name for column in table.columns]
    session.show(headings, [[row[heading] for heading in headings] for row in table.rows], as_json=as_json)


# Landing pages ---------------------------------------------------------------


@click.group(name="landing")
def landing_group() -> None:
    """Landing pages 落地页: what a plan's links lead to."""


@landing_group.command("set")
@of_brand
@CODE
@click.option("--title", required=True, help="What the page is about.")
@click.option("--target", required=True, help="http(s) address behind the button; {state} becomes the link's code.")
@click.option("--from", "starts_at", required=True, help="When the activity begins (brand's wall clock).")
@click.option("--until", "ends_at", required=True, help="When it ends, excluded; the plan pauses then.")
@click.option("--activity", default="", help="The activity's name 活动.")
@click.option("--text", default="", help="What the activity is about.")
@click.option("--welcome", default="", help="The welcome text 欢迎语.")
@click.option("--button", default="", help="What the button says.")
@AS
@json_option
def set_landing(
    session: CommandSession,
    brand_id: str,
    code: str,
    title: str,
    target: str,
    starts_at: str,
    ends_at: str,
    activity: str,
    text: str,
    welcome: str,
    button: str,
    actor: str,
    as_json: bool,
) -> None:
    """Write a plan's landing page; the same again changes nothing."""
    with session.brand(brand_id) as brand:
        _results(brand)
        page = landing.set_landing(
            brand,
            code,
            actor=actor,
            title=title,
            target=target,
            starts_at=read_instant(starts_at, brand.zone, "from"),
            ends_at=read_instant(ends_at, brand.zone, "until"),
            activity=activity,
            text=text,
            welcome=welcome,
            button=button,
        )
        record = landing_record(brand, page)
    session.show_record(record, as_json=as_json)


@landing_group.command("show")
@of_brand
@CODE
@json_option
def show_landing(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """A plan's landing page, its address, and what keeps it from being used now."""
    with session.brand(brand_id) as brand:
        _results(brand)
        page = landing.get(code)
        if page is None:
            raise NotFound(f"plan {code!r} has no landing page")
        record = landing_record(brand, page)
    session.show_record(record, as_json=as_json)


@landing_group.command("end")
@of_brand
@CODE
@click.argument("ends_at", metavar="TIME")
@AS
@json_option
def move_end(
    session: CommandSession, brand_id: str, code: str, ends_at: str, actor: str, as_json: bool
) -> None:
    """Let the activity end at another TIME, also while the plan is being sent."""
    with session.brand(brand_id) as brand:
        _results(brand)
        page = landing.move_end(brand, code, read_instant(ends_at, brand.zone, "until"), actor=actor)
        record = landing_record(brand, page)
    session.show_record(record, as_json=as_json)


# Results ---------------------------------------------------------------------


@click.group(name="results")
def results_group() -> None:
    """Results 数据监测: figures of plans, their texts and segments, both ways of adding, recipients."""


@results_group.command("show")
@of_brand
@CODE
@click.option("--by", type=click.Choice(["arm"]), default=None, help="One row for each text that people got.")
@click.option("--segment", "segments", multiple=True, help="A row for a saved segment or an expression; repeatable.")
@json_option
def show_results(
    session: CommandSession, brand_id: str, code: str, by: str | None, segments: tuple[str, ...], as_json: bool
) -> None:
    """A plan's figures: planned, sent, delivered, clicked, added, ordered, revenue, cost."""
    with session.brand(brand_id) as brand:
        table = _results(brand).plan_report(code, by=by or "", segments=segments)
    if not as_json and len(table.rows) == 1:
        session.show_record(dict(table.rows[0]))
        return
    _show(session, table, as_json=as_json)


@results_group.command("flow")
@of_brand
@CODE
@json_option
def show_flow(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """Where every imported number went: dropped, kept back, sent, failed, delivered, each by reason."""
    with session.brand(brand_id) as brand:
        table = _results(brand).flow(code)
    _show(session, table, as_json=as_json)


@results_group.command("arms")
@of_brand
@CODE
@click.option(
    "--measure", type=click.Choice(list(MEASURES)), default="added", show_default=True,
    help="clicked of sent, added of sent, or converted: added of clicked.",
)  # fmt: skip
@json_option
def show_arms(session: CommandSession, brand_id: str, code: str, measure: str, as_json: bool) -> None:
    """Texts compared: shares, difference, interval, P; no winner before every text has enough people."""
    with session.brand(brand_id) as brand:
        table = _results(brand).arms_report(code, measure)
    _show(session, table, as_json=as_json)


@results_group.command("modes")
@of_brand
@click.argument("code", metavar="[PLAN]", required=False)
@json_option
def show_modes(session: CommandSession, brand_id: str, code: str | None, as_json: bool) -> None:
    """Both ways of adding compared: we ask by number, they tap the link."""
    with session.brand(brand_id) as brand:
        table = _results(brand).modes_report(code)
    _show(session, table, as_json=as_json)


@results_group.command("rescue")
@of_brand
@json_option
def show_rescue(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """The rescue 挽留 of people of low intent in numbers."""
    with session.brand(brand_id) as brand:
        table = _results(brand).rescue_report()
    _show(session, table, as_json=as_json)


@results_group.command("export")
@of_brand
@CODE
@FILE
@click.option("--clear", is_flag=True, help="Clear numbers instead of masked ones; noted in the plan's history.")
@AS
def export_recipients(
    session: CommandSession, brand_id: str, code: str, file: Path, clear: bool, actor: str
) -> None:
    """Write what became of every message to FILE (CSV), which must not exist yet."""
    count = 0
    with session.brand(brand_id) as brand:
        pages = _results(brand).recipients(code, clear_for=actor if clear else "")
        with _new_file(file) as out:
            out.write("\ufeff" + export.csv_text((), heading=True))
            for _, cells in pages:
                out.write(export.csv_text(cells, heading=False))
                count += len(cells)
    click.echo(json.dumps({"rows": count, "numbers": "clear" if clear else "masked"}))


def _new_file(path: Path) -> TextIO:
    """A new file that only its owner may read: its rows are about people."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}", field="file") from None
    return open(handle, "w", encoding="utf-8", newline="")


# Friend requests -------------------------------------------------------------


@click.group(name="requests")
def requests_group() -> None:
    """Friend requests 主动加友: what staff asked by number, and what came of it."""


@requests_group.command("add")
@of_brand
@CODE
@click.argument("phone")
@click.option("--at", required=True, help="When staff asked (brand's wall clock).")
@click.option("--staff", default="", help="Who asked.")
@click.option("--result", type=click.Choice(["accepted", "declined"]), default=None, help="What they answered.")
@click.option("--decided-at", default="", help="When they answered; default: now.")
@AS
def add_request(
    session: CommandSession,
    brand_id: str,
    code: str,
    phone: str,
    at: str,
    staff: str,
    result: str | None,
    decided_at: str,
    actor: str,
) -> None:
    """Record one request, or the answer to it; the same again changes nothing."""
    given = {"phone": phone, "at": at, "staff": staff, "result": result or "", "decided_at": decided_at}
    with session.brand(brand_id) as brand:
        row = request_of(load_body(RequestBody(), given), brand.zone)
        outcome = _results(brand).requests.record(code, [row], actor=actor)
    for _, reason in outcome.rejected:
        raise Invalid(reason)
    click.echo(json.dumps({"created": outcome.created, "answered": outcome.answered, "unchanged": outcome.unchanged}))


@requests_group.command("import")
@BRAND
@CODE
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@AS
@click.pass_context
def import_requests(ctx: click.Context, brand_id: str, code: str, file: Path, actor: str) -> None:
    """Record the requests that a FILE lists (columns phone, at; staff, result, decided_at).

    Prints one JSON object with read, created, answered, unchanged and rejected;
    refused rows go to the error output with line and reason, and the exit code
    is 4. The same file again changes nothing.
    """
    session: CommandSession = ctx.obj
    with session.brand(brand_id) as brand, CsvFile(file) as rows:
        listed = _RequestFile(rows, brand)
        outcome = _results(brand).requests.record(code, listed.requests(), actor=actor)
    rejected = sorted(listed.rejected + [(listed.lines[index], reason) for index, reason in outcome.rejected])
    for line, reason in rejected[:MOST_SHOWN]:
        click.echo(f"line {line}: {reason}", err=True)
    if len(rejected) > MOST_SHOWN:
        click.echo(f"and {len(rejected) - MOST_SHOWN} more", err=True)
    counts = {
        "read": len(listed.lines) + len(listed.rejected),
        "created": outcome.created,
        "answered": outcome.answered,
        "unchanged": outcome.unchanged,
        "rejected": len(rejected),
    }
    click.echo(json.dumps(counts))
    if rejected:
        ctx.exit(ROWS_REJECTED)


class _RequestFile:
    """Reads a file of requests row by row; ``lines`` are those of the requests, ``rejected`` (line, reason)."""

    REQUIRED = ("phone", "at")
    COLUMNS = (*REQUIRED, "staff", "result", "decided_at")

    def __init__(self, rows: CsvFile, brand: Brand) -> None:
        missing = [name for name in self.REQUIRED if name not in rows.header]
        if missing:
            raise Invalid(f"the file lacks the column {', '.join(missing)}; it has {', '.join(rows.header)}")
        self.lines: list[int] = []
        self.rejected: list[tuple[int, str]] = []
        self._rows = rows
        self._zone = brand.zone

    def requests(self) -> Iterator[RequestIn]:
        """The rows that can be read; to be consumed once."""
        places = {name: self._rows.header.index(name) for name in self.COLUMNS if name in self._rows.header}
        schema = RequestBody()
        for record in self._rows.rows():
            if isinstance(record, CsvReject):
                where = f"{record.column}: " if record.column else ""
                self.rejected.append((record.line, where + record.reason))
                continue
            line, cells = record
            try:
                given = {name: cells[place].strip() for name, place in places.items()}
                row = request_of(load_body(schema, given), self._zone)
            except Invalid as error:
                self.rejected.append((line, error.message))
                continue
            self.lines.append(line)
            yield row
