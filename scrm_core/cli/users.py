"""``scrm user``: people who sign in to pages for staff."""

from __future__ import annotations

import sys

import click

from ..clock import iso
from .output import json_option
from .session import Session


@click.group("user")
def user_command() -> None:
    """People who sign in to pages for staff, and their roles."""


_name = click.argument("name")


def _given_password() -> str:
    """A password typed twice, or the first line of what is piped in; never an argument, which others may see."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


@user_command.command("create")
@_name
@click.option("--role", "roles", multiple=True, nargs=2, metavar="BRAND ROLE", help="A role in a brand; repeat it.")
@click.pass_obj
def create(session: Session, name: str, roles: tuple[tuple[str, str], ...]) -> None:
    """Make a user; the password is asked for, or read from standard input."""
    users = session.installation.users
    for brand, role in roles:  # said before anybody types a password twice
        users.check_role(brand, role)
    name = users.create(name, _given_password())
    for brand, role in roles:
        users.set_role(name, brand, role)
    click.echo(f"user {name} may sign in" + ("" if roles else f"; give a role with: scrm user role {name} BRAND ROLE"))


@user_command.command("list")
@json_option
@click.pass_obj
def list_users(session: Session, as_json: bool) -> None:
    """Every user with the role in each brand; never a password."""
    rows = [
        (
            user.name,
            dict(user.roles) if as_json else ", ".join(f"{brand}: {role}" for brand, role in user.roles.items()),
            iso(user.created_at),
            iso(user.signed_in_at),
            iso(user.disabled_at),
        )
        for user in session.installation.users.list()
    ]
    session.show(["name", "roles", "created_at", "signed_in_at", "disabled_at"], rows, as_json=as_json)


@user_command.command("role")
@_name
@click.argument("brand")
@click.argument("role")
@click.pass_obj
def role(session: Session, name: str, brand: str, role: str) -> None:
    """Give a user a role in a brand: owner, operator, clerk or analyst; `none` takes it away."""
    session.installation.users.set_role(name, brand, None if role == "none" else role)
    click.echo(f"user {name}, brand {brand}: {role}")


@user_command.command("password")
@_name
@click.pass_obj
def password(session: Session, name: str) -> None:
    """Give a user another password; every session of the user ends."""
    session.installation.users.set_password(name, _given_password())
    click.echo(f"user {name} has another password and is signed out everywhere")


@user_command.command("sign-out")
@_name
@click.pass_obj
def sign_out(session: Session, name: str) -> None:
    """End every session of a user, who may sign in again."""
    session.installation.users.end_sessions(name)
    click.echo(f"user {name} is signed out everywhere")


@user_command.command("disable")
@_name
@click.option("--undo", is_flag=True, help="Let the user sign in again.")
@click.pass_obj
def disable(session: Session, name: str, undo: bool) -> None:
    """Let a user sign in no more, and end every session of the user."""
    users = session.installation.users
    if undo:
        users.enable(name)
    else:
        users.disable(name)
    click.echo(f"user {name} may sign in again" if undo else f"user {name} is signed out and may not sign in")
