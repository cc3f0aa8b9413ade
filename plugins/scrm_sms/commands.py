"""``scrm sms``: plans, number packs, results."""

from __future__ import annotations

import click

from .schemas import NAME


@click.group(name=NAME)
def group() -> None:
    """SMS 短信: plans, number packs, results."""
