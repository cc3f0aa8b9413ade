"""Arguments and options that the commands of plugins share; ``--json`` is beside what it prints, in ``output``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ..errors import Invalid

F = TypeVar("F", bound=Callable[..., Any])

actor_option = click.option("--as", "actor", required=True, help="Who does it.")
"""``--as``, passed as ``actor``: who answers for what the command does."""


def tag_named(text: str) -> tuple[str, str]:
    """Group and name of a tag that is written GROUP/TAG; raises Invalid for what is not."""
    group, slash, name = text.partition("/")
    if not slash:
        raise Invalid(f"{text!r} is no tag: write GROUP/TAG", field="tag")
    return group, name


def of_brand(command: F) -> F:
    """The beginning of every command of a brand: the session, then the argument BRAND, passed as ``brand_id``.

    It stands directly below ``@group.command``.
    """
    return click.pass_obj(click.argument("brand_id", metavar="BRAND")(command))  # type: ignore[return-value]


def paged(command: F) -> F:
    """The options of a command that shows a long list: ``after``, an id to go on behind, and ``limit``."""
    limit = click.option(
        "--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="At most so many."
    )
    after = click.option("--after", type=click.IntRange(0, 2**53), default=0, help="Go on behind this id.")
    return after(limit(command))
