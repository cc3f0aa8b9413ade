"""What the commands of the steps share: their group, their arguments, and the brand's steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from scrm_core.api import Brand

from ..claims import NAME
from .machine import Steps

F = TypeVar("F", bound=Callable[..., Any])


def steps_of(brand: Brand) -> Steps:
    """The brand's steps; raises NotFound when the plugin is switched off."""
    return Steps(brand, brand.plugin(NAME).settings)


def of_campaign(command: F) -> F:
    """The arguments that every command begins with."""
    command = click.argument("code", metavar="CAMPAIGN")(command)
    command = click.argument("brand_id", metavar="BRAND")(command)
    return click.pass_obj(command)  # type: ignore[return-value]


def by(command: F) -> F:
    """The person who answers for what the command does."""
    return click.option("--by", "who", required=True, help="The person who answers for it.")(command)


@click.group("step")
def step() -> None:
    """The seven steps of a campaign: goal, policy, test, design, print, launch, monitor."""
