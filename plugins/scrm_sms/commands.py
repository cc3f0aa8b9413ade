"""``scrm sms``: plans, number packs, results."""

from __future__ import annotations

import click

from .packs.commands import add_commands as add_pack_commands
from .plans.commands import add_commands as add_plan_commands
from .results.commands import add_commands as add_result_commands
from .schemas import NAME


@click.group(name=NAME)
def group() -> None:
    """SMS 短信: plans, number packs, results."""


add_plan_commands(group)
add_pack_commands(group)
add_result_commands(group)
