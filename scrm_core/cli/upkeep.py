"""``scrm migrate``, ``scrm doctor`` and ``scrm brand``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from ..errors import ConfigError, ScrmError
from .codes import REFUSED
from .output import json_option, print_json, print_table
from .session import Session

if TYPE_CHECKING:
    from ..partner_config import Partner


@click.command("migrate")
@json_option
@click.pass_obj
def migrate_command(session: Session, as_json: bool) -> None:
    """Create and update every brand's tables.

    Core's and each enabled plugin's, one process at a time. Given again, it
    changes nothing; killed half-way, it goes on. A database of a newer version
    is refused.
    """
    applied = session.installation.migrate()
    if as_json:
        print_json(applied)
        return
    for brand_id, names in applied.items():
        click.echo(f"{brand_id}: {', '.join(names) or 'up to date'}")


@click.command("doctor")
@click.option("--deep", is_flag=True, help="Also read every page of SQLite files.")
@json_option
@click.pass_obj
def doctor_command(session: Session, deep: bool, as_json: bool) -> None:
    """Check the installation and say what to do.

    Ends with 1 when something failed; warnings alone end with 0. Nothing is
    repaired.
    """
    from ..doctor import FAILED, OK, examine

    findings = list(examine(session.installation, deep=deep))
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            mark = click.style(f"{finding.state:<7}", fg={OK: "green", FAILED: "red"}.get(finding.state, "yellow"))
            click.echo(f"{mark}  {finding.place}: {finding.found}")
            if finding.remedy:
                click.echo(f"         -> {finding.remedy}")
    if any(finding.state == FAILED for finding in findings):
        raise click.exceptions.Exit(REFUSED)


@click.group("brand")
def brand_command() -> None:
    """Brands and their files."""


@brand_command.command("list")
@json_option
@click.pass_obj
def list_brands(session: Session, as_json: bool) -> None:
    """Every brand with its plugins, in the order in which they are called."""
    from ..config import load_brand

    headings = ["id", "name", "timezone", "currency", "plugins", "problem"]
    rows = []
    for brand_id in session.installation.brand_ids():
        try:
            config = load_brand(session.config.brands_dir / f"{brand_id}.toml")
        except ConfigError as exc:
            rows.append((brand_id, None, None, None, [], exc.problems[0]))
            continue
        plugins = [name for name, entry in config.plugins.items() if entry.enabled]
        rows.append((config.id, config.name, config.timezone, config.currency, plugins, None))
    if as_json:
        session.show(headings, rows, as_json=True)
    else:
        faulty = any(row[5] for row in rows)
        print_table(headings if faulty else headings[:5], [row if faulty else row[:5] for row in rows])


@brand_command.command("check")
@click.argument("brand", required=False)
@json_option
@click.pass_obj
def check(session: Session, brand: str | None, as_json: bool) -> None:
    """Explain every error in the brands' files: table, key, what was found, what is allowed.

    Imports the plugins that are switched on, because their settings are
    checked too. What is no error but should be looked at is told as a warning.
    Ends with 1 when there is an error.
    """
    from ..partner_config import shared_secrets

    installation = session.installation
    problems: dict[str, list[str]] = {}
    warnings: dict[str, list[str]] = {}
    partners: dict[str, Mapping[str, Partner]] = {}
    for brand_id in [brand] if brand is not None else installation.brand_ids():
        problems[brand_id], warnings[brand_id] = [], []
        try:
            partners[brand_id] = installation.brand(brand_id).config.partners
            warnings[brand_id] = [f"[plugins.{name}]: {text}" for name, text in installation.warnings(brand_id)]
        except ConfigError as exc:
            problems[brand_id] = list(exc.problems)
        except ScrmError as exc:
            if brand is not None:
                raise
            problems[brand_id] = [str(exc)]
    for own, name, what, remedy in shared_secrets(partners):
        warnings[own].append(f"[partners.{name}]: {what}; {remedy}")
    if as_json:
        print_json([{"brand": each, "problems": problems[each], "warnings": warnings[each]} for each in problems])
    else:
        if not problems:
            click.echo(f"no brand has a file in {session.config.brands_dir}")
        for brand_id, found in problems.items():
            click.echo("\n".join(found) if found else f"{brand_id}: no errors")
            for warning in warnings[brand_id]:
                click.echo(f"{brand_id}: warning: {warning}")
    if any(problems.values()):
        raise click.exceptions.Exit(REFUSED)
