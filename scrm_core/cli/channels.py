"""``scrm channel``: the ways by which people come to a brand, and new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..clock import iso
from .options import actor_option, of_brand, paged, tag_named
from .output import json_option

if TYPE_CHECKING:
    from ..brands import Brand
    from ..services.channels import ChannelView
    from .session import Session

COLUMNS = ["code", "name", "kind", "tags", "created_at"]


@click.group("channel")
def channel_command() -> None:
    """Channels 渠道: ways by which people come; make one, list them."""


@channel_command.command("create")
@of_brand
@click.argument("code")
@click.option("--name", default="", help="What people call it.")
@click.option("--kind", default="", help="The plugin that people come by, such as sms or live-code.")
@click.option("--tag", "tags", multiple=True, metavar="GROUP/TAG", help="A tag for everybody who comes by it; several.")
@actor_option
@json_option
def create(
    session: Session, brand_id: str, code: str, name: str, kind: str, tags: tuple[str, ...], actor: str, as_json: bool
) -> None:
    """Make a channel called CODE, which links, live codes and adds name; so does POST /channels."""
    named = [tag_named(each) for each in tags]
    with session.brand(brand_id) as brand:
        made = brand.channels.create(code, name, kind, tags=named, actor=actor)
        told = _told(brand, [made])[0]
    session.show_record(told, as_json=as_json)


@channel_command.command("list")
@of_brand
@paged
@json_option
def list_channels(session: Session, brand_id: str, after: int, limit: int, as_json: bool) -> None:
    """Channels in the order in which they were made."""
    with session.brand(brand_id) as brand:
        found = brand.channels.page(after=after, limit=limit)
        rows = [list(told.values()) for told in _told(brand, found)]
    session.show(COLUMNS, rows, as_json=as_json)
    if len(found) == limit:
        click.echo(f"more: --after {found[-1].id}", err=True)


def _told(brand: Brand, found: list[ChannelView]) -> list[dict[str, Any]]:
    names = {each.tag_id: f"{each.group}/{each.name}" for each in brand.tags.all(retired=True)}
    return [
        {
            "code": each.code,
            "name": each.name,
            "kind": each.kind,
            "tags": " ".join(names[tag] for tag in each.tags if tag in names),
            "created_at": iso(each.created_at, brand.zone),
        }
        for each in found
    ]
