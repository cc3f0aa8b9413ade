"""``scrm key``: API keys of a brand."""

from __future__ import annotations

import click

from ..clock import iso
from .output import json_option, print_json
from .session import Session


@click.group("key")
def key_command() -> None:
    """API keys of a brand."""


@key_command.command("create")
@click.argument("brand")
@click.option("--name", default="", help="What the key is for.")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="A permission; repeat it. Default: everything.")
@json_option
@click.pass_obj
def create(session: Session, brand: str, name: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Make a key and show it, this once."""
    with session.brand(brand) as opened:
        key_id, key = opened.keys.create(name, scopes or ("*",))
    if as_json:
        print_json({"key_id": key_id, "key": key})
    else:
        click.echo(key)
        click.echo(f"key {key_id}: shown this once; send it as `Authorization: Bearer ...`", err=True)


@key_command.command("list")
@click.argument("brand")
@json_option
@click.pass_obj
def list_keys(session: Session, brand: str, as_json: bool) -> None:
    """Every key, revoked ones too; never a secret."""
    with session.core_brand(brand) as opened:
        rows = [
            (key.key_id, key.name, list(key.scopes), iso(key.created_at, opened.zone), iso(key.revoked_at, opened.zone))
            for key in opened.keys.list()
        ]
    session.show(["key_id", "name", "scopes", "created_at", "revoked_at"], rows, as_json=as_json)


@key_command.command("revoke")
@click.argument("brand")
@click.argument("key_id")
@click.pass_obj
def revoke(session: Session, brand: str, key_id: str) -> None:
    """End a key at once, in every running process."""
    with session.core_brand(brand) as opened:
        key = opened.keys.revoke(key_id)
    click.echo(f"key {key.key_id} is revoked")
