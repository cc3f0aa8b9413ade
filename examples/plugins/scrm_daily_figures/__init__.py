"""Yesterday's figures every morning (日报): a file in a folder, a signed POST, or both.

A day's figures are computed once, when its hour has come, and kept; what is written and posted is read from there, so
a file that is written again has the same bytes and a POST that is made again has the same id.
"""

from __future__ import annotations

import binascii
import json
import os
from collections.abc import Iterable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import peewee as pw
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from scrm_core.api import (
    BrandModel,
    Column,
    InstantField,
    Job,
    JSONField,
    Plugin,
    Report,
    ReportTable,
    day_start,
    execute,
    local_instant,
    show_minor,
    transactional,
)

from .posting import key_of, post

TITLES = {
    "leads": "new leads 新增线索",
    "orders": "orders 订单",
    "revenue_minor": "revenue 支付金额",
    "refunds_minor": "refunds 退款",
}
TITLE = "Daily figures 日报"


class Day(BrandModel):
    """A day that was reported; ``written_at`` and ``posted_at`` are null while that is still to be done."""

    day = pw.BigIntegerField(primary_key=True)  # date.toordinal() in the brand's zone
    figures = JSONField()
    made_at = InstantField()
    written_at = InstantField(null=True)
    posted_at = InstantField(null=True)

    class Meta:
        table_name = "daily_figures_day"


def _address(value: str) -> None:
    parts = urlsplit(value)
    here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if value and (not parts.hostname or not (here or parts.scheme == "https")):
        raise ValidationError("must be https://..., or http:// to this machine")


def _secret(value: str) -> None:
    try:
        if value:
            key_of(value)
    except (ValueError, binascii.Error):
        raise ValidationError("must be whsec_ and the base64 of at least 24 random bytes") from None


class Settings(Schema):
    class Meta:
        unknown = RAISE

    hour = fields.Integer(
        strict=True, load_default=7, validate=validate.Range(0, 23),
        metadata={"description": "hour of the brand's zone at which the day before is reported"},
    )  # fmt: skip
    folder = fields.String(
        load_default="", metadata={"description": "folder for files, from the project's folder; empty: no files"}
    )
    format = fields.String(
        load_default="csv", validate=validate.OneOf(["csv", "markdown"]), metadata={"description": "csv or markdown"}
    )
    url = fields.String(
        load_default="", validate=_address, metadata={"description": "where figures are posted; empty: nowhere"}
    )
    secret = fields.String(
        load_default="", validate=_secret, metadata={"description": "whsec_ and base64: signs what is posted"}
    )
    catch_up_days = fields.Integer(
        strict=True, load_default=31, validate=validate.Range(1, 366),
        metadata={"description": "days that are reported late, at most, after the plugin or the worker was off"},
    )  # fmt: skip


class DailyFigures(Plugin):
    """Reports each day of the brand once, also those that passed while nothing ran."""

    name = "daily-figures"
    version = "1.0"
    summary = "Yesterday's figures every morning 日报, as a file or a signed POST"
    requires_core = ">=0.1.0.dev0"
    Settings = Settings
    models = (Day,)
    migrations = "migrations"
    # The job looks often and seldom finds work: the hour is the brand's, slots of jobs are not.
    jobs = (Job("report", 600, "report_due"),)
    reports = {"daily-figures": Report("recent", TITLE)}

    def brand_problems(self) -> Iterable[str]:
        if not self.settings["folder"] and not self.settings["url"]:
            yield "[plugins.daily-figures] has neither a folder nor a url: figures would go nowhere"
        if self.settings["url"] and not self.settings["secret"]:
            yield "[plugins.daily-figures] has a url and no secret: what is posted must be signed"

    def report_due(self) -> None:
        """The job. A day that failed stays to be done, and the job fails, so that ``scrm doctor`` tells of it."""
        for day in self.due_days():
            self.keep(day)
        problems = []
        for step in (self.write_files, self.post_days):
            try:
                step()
            except OSError as exc:  # a full disk keeps nobody from posting
                problems.append(f"{type(exc).__name__}: {exc}")
        if problems:
            raise OSError("; ".join(problems))

    def due_days(self) -> list[int]:
        """Days whose hour has come and that are not kept yet, oldest first; at the first time yesterday alone."""
        now = self.brand.now()
        last = self.brand.day(now) - 1
        if now < self.due_at(last):
            last -= 1
        ((newest,),) = execute("SELECT max(day) FROM daily_figures_day").fetchall()
        first = last if newest is None else max(newest + 1, last - self.settings["catch_up_days"] + 1)
        return list(range(first, last + 1))

    def due_at(self, day: int) -> int:
        """The instant at which a day is reported: the hour of the next day on the brand's clocks.

        An hour that is skipped in spring is the one after it, one that comes twice in autumn is the first.
        """
        morning = datetime.combine(date.fromordinal(day + 1), time(self.settings["hour"]))
        return local_instant(morning, self.brand.zone)

    @transactional
    def keep(self, day: int) -> None:
        """Compute a day's figures and keep them; of two workers the first one's stay."""
        now = self.brand.now()
        wanted = (self.settings["folder"], self.settings["url"])
        execute(
            "INSERT INTO daily_figures_day (day, figures, made_at, written_at, posted_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (day) DO NOTHING",
            (day, json.dumps(self.figures(day)), now, *(None if each else now for each in wanted)),
        )

    def figures(self, day: int) -> dict[str, int]:
        """New leads, paid orders, what was paid and what went back, in minor units.

        The day is the brand's, of 23 or 25 hours where clocks change. An order that was closed counts if money went
        back for it: its refund is counted too.
        """
        bounds = (day_start(day, self.brand.zone), day_start(day + 1, self.brand.zone))
        ((leads,),) = execute(
            "SELECT count(*) FROM contact WHERE state = 'active' AND lead_at >= ? AND lead_at < ?", bounds
        ).fetchall()
        ((orders, revenue),) = execute(
            "SELECT count(*), coalesce(sum(paid_minor), 0) FROM orders WHERE paid_at >= ? AND paid_at < ? "
            "AND (status NOT IN ('unpaid', 'closed') OR refund_minor > 0)",
            bounds,
        ).fetchall()
        ((refunds,),) = execute(
            "SELECT coalesce(sum(amount_minor), 0) FROM refund WHERE order_id IS NOT NULL AND at >= ? AND at < ?",
            bounds,
        ).fetchall()
        return {"leads": leads, "orders": orders, "revenue_minor": int(revenue), "refunds_minor": int(refunds)}

    def write_files(self) -> None:
        """Write the files that are missing, each whole or not at all; raises OSError."""
        folder = Path(self.brand.installation.config.root) / self.settings["folder"]
        for day, figures in self._days("written_at IS NULL") if self.settings["folder"] else ():
            folder.mkdir(parents=True, exist_ok=True)
            suffix = "csv" if self.settings["format"] == "csv" else "md"
            path = folder / f"{self.brand.id}-{date.fromordinal(day)}.{suffix}"
            fresh = path.with_suffix(f".{os.getpid()}")
            fresh.write_text(self.text(day, figures), encoding="utf-8")
            fresh.replace(path)
            self._done(day, "written_at")

    def post_days(self) -> None:
        """Post the days that are missing, oldest first; raises OSError. The receiver knows a repetition by its id."""
        for day, figures in self._days("posted_at IS NULL") if self.settings["url"] else ():
            told = {"type": "daily-figures", "brand": self.brand.id, "day": str(date.fromordinal(day))}
            body = json.dumps({**told, "currency": self.brand.currency, **figures}).encode()
            message = f"daily-figures-{self.brand.id}-{date.fromordinal(day)}"
            seconds = self.brand.now() // 1_000
            post(self.settings["url"], key_of(self.settings["secret"]), message, seconds, body)
            self._done(day, "posted_at")

    def text(self, day: int, figures: dict[str, int]) -> str:
        """A day's file: CSV for programs, with minor units; Markdown for people, with amounts as they read them."""
        if self.settings["format"] == "csv":
            cells = [str(date.fromordinal(day)), *map(str, figures.values()), self.brand.currency]
            return f"day,{','.join(figures)},currency\n{','.join(cells)}\n"
        lines = [f"# {self.brand.name} {date.fromordinal(day)}", "", "| | |", "| --- | ---: |"]
        for name, value in figures.items():
            shown = show_minor(value, self.brand.currency) if name.endswith("_minor") else f"{value:,}"
            lines.append(f"| {TITLES[name]} | {shown} |")
        return "\n".join(lines) + "\n"

    def recent(self) -> ReportTable:
        """The report: the last 31 days that were kept, the newest first."""
        kinds = {name: "money" if name.endswith("_minor") else "count" for name in TITLES}
        columns = [Column(name, title, kinds[name]) for name, title in TITLES.items()]
        rows = [{"day": str(date.fromordinal(day)), **figures} for day, figures in self._days("1 = 1", newest=31)]
        return ReportTable((Column("day", "day 日期"), *columns), rows)

    def _days(self, where: str, *, newest: int = 0) -> list[tuple[int, dict[str, Any]]]:
        order = f"DESC LIMIT {newest}" if newest else ""
        rows = execute(f"SELECT day, figures FROM daily_figures_day WHERE {where} ORDER BY day {order}").fetchall()
        return [(day, json.loads(figures)) for day, figures in rows]

    def _done(self, day: int, column: str) -> None:
        execute(f"UPDATE daily_figures_day SET {column} = ? WHERE day = ?", (self.brand.now(), day))
