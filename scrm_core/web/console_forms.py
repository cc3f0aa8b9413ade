"""What forms of the console do alike that make and change something: where a refusal belongs, what a field shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import TypeVar

from ..brands import current_brand
from ..errors import Conflict, Invalid
from ..values.money import exponent_of, format_minor

R = TypeVar("R")


def at_field(work: Callable[[], R], field_of: Callable[[str], str], **conflicts: str) -> R:
    """What ``work`` answers; a refusal of a service is raised as that of the form's field.

    ``field_of`` gives the field of a member that Invalid names; ``conflicts`` the field of a Conflict by its code, such
    as ``code_taken="code"``; other Conflicts are raised as they are.
    """
    try:
        return work()
    except Invalid as error:
        raise Invalid(error.message, field=field_of(error.field or ""), code=error.code) from error
    except Conflict as error:
        if error.code not in conflicts:
            raise
        raise Invalid(error.message, field=conflicts[error.code], code=error.code) from error


def seen_of(*told: object) -> str:
    """What two people may change of a thing, in short: a form carries it, and :meth:`ConsoleQuery.expect` compares it.

    What is told is what JSON holds; anything else by its text.
    """
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]


def typed_money(minor: int | None) -> str:
    """Minor units as a field for an amount holds them (:meth:`ConsoleQuery.money` reads it); None is empty."""
    return "" if minor is None else format_minor(minor, exponent_of(current_brand().currency))


def typed_percent(share: int | None) -> str:
    """Hundredths of a per cent as a field for a share holds them (:meth:`ConsoleQuery.percent`); None is empty."""
    return "" if share is None else format_minor(share, 2)


def typed_time(text: str | None) -> str:
    """An instant in ISO 8601 as a field for a time holds it, by the wall clock; None is empty.

    Seconds are kept where there are some: an end is not moved by looking at it.
    """
    return "" if text is None else text[:16] if text[16:19] == ":00" else text[:19]
