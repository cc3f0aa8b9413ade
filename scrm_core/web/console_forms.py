"""What forms of the console do alike that make and change something: where a refusal belongs, what a field shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from ..brands import current_brand
from ..errors import Conflict, Invalid, ScrmError
from ..values.money import exponent_of, format_minor

if TYPE_CHECKING:
    from .console_query import ConsoleQuery

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


def refusal_in(language: str, error: ScrmError, words: Mapping[str, str]) -> str:
    """Why something was refused, in the language of a page; in English the error speaks itself.

    In Chinese by ``words``: what they have for code and field (``invalid title``), for the code, or for ``other``.
    """
    if language != "zh":
        return error.message
    field = getattr(error, "field", None) or ""
    told = words.get(f"{error.code} {field.partition('[')[0]}") or words.get(error.code, words["other"])
    return told.format_map({**error.extra, "code": error.code})


def worded_by(words: Mapping[str, str]) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """A decorator: what a method of a page is refused for is told in the page's language; see :func:`refusal_in`."""

    def decorate(act: Callable[..., R]) -> Callable[..., R]:
        @wraps(act)
        def acted(plugin: Any, query: ConsoleQuery) -> R:
            try:
                return act(plugin, query)
            except ScrmError as error:
                error.message = refusal_in(query.language, error, words)
                raise

        return acted

    return decorate


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
