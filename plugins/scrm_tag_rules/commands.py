"""``scrm tag-rules``: what the rules are and what they have done."""

from __future__ import annotations

import click

from scrm_core.api import Brand, CommandSession, json_option, of_brand

from .report import rules_report
from .schemas import rules_of
from .service import NAME, TagRuleBook


def _book(brand: Brand) -> TagRuleBook:
    plugin = brand.plugin(NAME)
    return TagRuleBook(brand, rules_of(plugin.settings))


@click.group(name=NAME)
def group() -> None:
    """Tag rules 标签规则: the brand's rules and their hits."""


@group.command("list")
@of_brand
@json_option
def list_rules(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """The rules of a brand with their hits."""
    with session.brand(brand_id) as brand:
        table = rules_report(_book(brand))
    headings = [column.name for column in table.columns]
    session.show(headings, [[row[heading] for heading in headings] for row in table.rows], as_json=as_json)


@group.command("settle")
@of_brand
@json_option
def settle(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Set the tags of waiting hits whose person is known by now; a job does so every five minutes."""
    with session.brand(brand_id) as brand:
        settled = _book(brand).settle()
    session.show_record({"settled": settled}, as_json=as_json)
