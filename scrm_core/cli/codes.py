"""Exit codes and how an error becomes one; the meanings are in :mod:`scrm_core.cli`."""

from __future__ import annotations

import click

from ..errors import Busy, NotFound, ScrmError

REFUSED = 1
USAGE = 2
MISSING = 3
ROWS_REJECTED = 4
TRY_AGAIN = 75
INTERRUPTED = 130


class Failure(click.ClickException):
    """An error that ends a command with a message and an exit code of its own."""

    def __init__(self, message: str, exit_code: int = REFUSED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def failure(error: ScrmError) -> Failure:
    """The failure that stands for an error of the framework."""
    if isinstance(error, Busy):
        return Failure(error.message, TRY_AGAIN)
    if isinstance(error, NotFound):
        return Failure(error.message, MISSING)
    return Failure(error.message)
