"""The start page ``/``: in a demo the brands, their plugins and figures; elsewhere a pointer and nothing else.

The page needs no key, so it shows nothing of an installation whose
``scrm.toml`` does not say ``demo = true``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, render_template

from ..brands import Brand
from ..clock import iso
from ..errors import ScrmError
from ..installation import Installation
from ..plugin import Plugin
from ..shown import Column, ReportTable
from ..values.figures import show_figure
from ..values.money import show_minor
from .consumer_pages import OWN_PAGE
from .mounts import routes_of

log = logging.getLogger("scrm.web")


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as text; ``number`` ones are aligned to the right."""

    text: str
    number: bool


@dataclass(frozen=True, slots=True)
class ShownReport:
    """A report as a table of texts, or the problem that kept it from being drawn."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ShownPlugin:
    """An enabled plugin."""

    name: str
    summary: str


@dataclass(frozen=True, slots=True)
class ShownBrand:
    """A brand as the page shows it; ``customers`` is the address of its customers' own page, if plugins bring any."""

    id: str
    name: str
    timezone: str = ""
    currency: str = ""
    plugins: tuple[ShownPlugin, ...] = ()
    available: tuple[str, ...] = ()
    reports: tuple[ShownReport, ...] = ()
    problem: str = ""
    customers: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A command to try, with what it shows."""

    title: str
    command: str


@dataclass(frozen=True, slots=True)
class _Switch:
    """A plugin that one brand has and another could have; ``path`` is the other's file, ``route`` the plugin's."""

    brand: str
    plugin: str
    path: str
    route: str


def install(app: Flask, installation: Installation) -> None:
    """Add the page."""

    def start_page() -> str:
        if not installation.config.demo:
            return render_template(
                "plain.html",
                title="scrm",
                lines=(
                    "It runs. 服务已启动。",
                    "The API is under /api/v1/<brand>; README.md tells the rest. 接口说明见 README.zh.md。",
                ),
            )
        installed = [name for name, found in installation.loader.candidates().items() if not found.refused]
        brands = [_brand(installation, brand_id, installed) for brand_id in installation.brand_ids()]
        return render_template(
            "home.html", brands=brands, folder=str(installation.config.root), steps=steps(installation, brands)
        )

    app.add_url_rule("/", "start_page", start_page)


def steps(installation: Installation, brands: list[ShownBrand]) -> list[Step]:
    """The next three commands, for the brands that are really there."""
    if not brands:
        return [Step("Add a brand 新增品牌", "ls brands/ && scrm brand check")]
    first = max(brands, key=lambda brand: len(brand.plugins))
    url = f"{installation.config.base_url}/api/v1"
    lead = (
        f"curl -H \"Authorization: Bearer $(cat {_key_file(installation, first.id)})\" \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        '  -d \'{"source": "curl", "key": "first", "phone": "+12025550143", "name": "Ada"}\' \\\n'
        f"  {url}/{first.id}/leads"
    )
    count = (
        f"curl -G -H \"Authorization: Bearer $(cat {_key_file(installation, first.id)})\" \\\n"
        "  --data-urlencode 'expression=lead_at >= today' \\\n"
        f"  '{url}/{first.id}/segments:count'"
    )
    found = [
        Step("Post a lead 提交一条线索", lead),
        Step("See it counted 看到它被统计", count),
    ]
    switch = _switch(installation, brands)
    if switch is not None:
        found.append(
            Step(
                f"Switch {switch.plugin} on for {switch.brand} and see its route appear 启用插件,接口随即出现",
                f"printf '\\n[plugins.{switch.plugin}]\\n' >> {switch.path}\n"
                f"curl -H \"Authorization: Bearer $(cat {_key_file(installation, switch.brand)})\" \\\n"
                f"  {url}/{switch.brand}/plugins/{switch.plugin}{switch.route}",
            )
        )
    return found


def _switch(installation: Installation, brands: list[ShownBrand]) -> _Switch | None:
    used = dict.fromkeys(plugin.name for brand in brands for plugin in brand.plugins)
    for brand in brands:
        for name in used:
            # A table that is there but disabled cannot be appended a second time.
            if name not in brand.available or name in installation.brand(brand.id).config.plugins:
                continue
            route = _plain_route(installation.loader.load(name))
            if route is not None:
                path = installation.config.brands_dir / f"{brand.id}.toml"
                return _Switch(brand.id, name, _relative(path, installation.config.root), route)
    return None


def _plain_route(cls: type[Plugin]) -> str | None:
    """A route of the plugin that is read without naming anything; None when it has none."""
    return next((route.path for route in routes_of(cls) if "GET" in route.methods and "<" not in route.path), None)


def _key_file(installation: Installation, brand_id: str) -> str:
    return _relative(installation.config.data_dir / "keys" / f"{brand_id}.txt", installation.config.root)


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _brand(installation: Installation, brand_id: str, installed: list[str]) -> ShownBrand:
    try:
        brand = installation.brand(brand_id)
        with brand:
            reports = tuple(_report(brand, info.name, info.title) for info in brand.reports.list())
    except ScrmError as error:
        return ShownBrand(brand_id, brand_id, problem=error.message)
    except Exception as error:
        # Whatever is wrong with one brand must not hide the others.
        log.exception("brand %s cannot be shown", brand_id)
        return ShownBrand(brand_id, brand_id, problem=type(error).__name__)
    return ShownBrand(
        brand.id,
        brand.name,
        brand.config.timezone,
        brand.currency,
        tuple(ShownPlugin(name, plugin.summary) for name, plugin in brand.plugins.items()),
        tuple(name for name in installed if name not in brand.plugins),
        reports,
        customers=f"/p/{brand.id}/-/me" if brand.extensions(OWN_PAGE) else "",
    )


def _report(brand: Brand, name: str, title: str) -> ShownReport:
    try:
        table = brand.reports.run(name)
    except Exception as error:
        # A plugin's figures may fail for any reason; the page shows the others all the same.
        log.exception("report %s of brand %s failed", name, brand.id)
        return ShownReport(title, problem=type(error).__name__)
    return ShownReport(title, tuple(column.title for column in table.columns), _rows(brand, table))


def _rows(brand: Brand, table: ReportTable) -> tuple[tuple[Cell, ...], ...]:
    return tuple(tuple(_cell(brand, column, row.get(column.name)) for column in table.columns) for row in table.rows)


def _cell(brand: Brand, column: Column, value: Any) -> Cell:
    if value is None:
        return Cell("–", column.kind != "text")
    if column.kind == "money":
        return Cell(show_minor(value, brand.currency), True)
    if column.kind == "rate":
        return Cell(f"{value * 100:.2f} %", True)
    if column.kind == "count":
        return Cell(show_figure(value), True)
    if column.kind == "instant":
        return Cell(str(iso(value, brand.zone)), False)
    return Cell(str(value), False)
