"""``scrm tag``: the tags that a brand has, and new ones."""

from __future__ import annotations

import click

from ..clock import iso
from .options import tag_named
from .output import json_option
from .session import Session


@click.group("tag")
def tag_command() -> None:
    """Tags of a brand: define one, list them."""


@tag_command.command("define")
@click.argument("brand")
@click.argument("tag", metavar="GROUP/TAG")
@click.option("--plan", default="", help="The operating plan that the tag serves; a business tag needs one.")
@click.option("--kind", type=click.Choice(["business", "channel", "system"]), default="business",
              show_default=True, help="What the tag is.")
@json_option
@click.pass_obj
def define(session: Session, brand: str, tag: str, plan: str, kind: str, as_json: bool) -> None:
    """Make a tag, and its group where there is none; one that exists stays as it is.

    So does POST /tags:define; an import of tags makes those whose row has a plan.
    """
    group, name = tag_named(tag)
    with session.brand(brand) as opened:
        tag_id = opened.tags.define(group, name, kind=kind, plan=plan)
        found = next(each for each in opened.tags.all(retired=True) if each.tag_id == tag_id)
    told = {"group": found.group, "tag": found.name, "kind": found.kind, "plan": found.plan, "retired": found.retired}
    session.show_record(told, as_json=as_json)


@tag_command.command("list")
@click.argument("brand")
@click.option("--group", help="Tags of this group alone.")
@json_option
@click.pass_obj
def list_tags(session: Session, brand: str, group: str | None, as_json: bool) -> None:
    """Tags by group and name, with how many contacts have each and when it was last used."""
    with session.brand(brand) as opened:
        rows = [
            (each.group, each.name, each.kind, each.plan, each.contacts, iso(each.last_used_at, opened.zone))
            for each in opened.tags.all(group=group)
        ]
    session.show(["group", "tag", "kind", "plan", "contacts", "last_used_at"], rows, as_json=as_json)
