"""The marshmallow field types of this framework, each with its fast check.

They refuse what plain marshmallow fields let pass: 1.9 as an integer, "yes" as a
flag, control characters, lone surrogates, dates that do not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields, validate

from scrm_core.errors import Invalid
from scrm_core.intake.checkers import DOUBT
from scrm_core.limits import LIMITS
from scrm_core.values.identities import lost_digits, normalise, normalise_phone, undo_spreadsheet
from scrm_core.values.instants import parse_instant
from scrm_core.values.text import clean_text

_UTC = ZoneInfo("UTC")


class _Own(fields.String):
    """A field whose loaded value is made by :meth:`read`, which each has of its own, and which raises Invalid."""

    def read(self, value: Any) -> Any:
        raise NotImplementedError

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return self.read(value)
        except Invalid as error:
            raise ValidationError(error.message) from None

    def fast_check(self) -> Callable[[Any], Any]:
        read = self.read

        def check(value: Any) -> Any:
            try:
                return read(value)
            except Invalid:
                return DOUBT

        return check


class Text(_Own):
    """Text without control characters, at most ``max_length`` characters, trimmed.

    ``blank=False`` also refuses the empty text.
    """

    def __init__(
        self, *, max_length: int = LIMITS.text, blank: bool = True, multiline: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length
        self.blank = blank
        self.multiline = multiline

    def read(self, value: Any) -> str:
        text = clean_text(value, max_length=self.max_length, multiline=self.multiline)
        if not text and not self.blank:
            raise Invalid("must not be blank")
        return text

    def fast_check(self) -> Callable[[Any], Any]:
        most, least, read = self.max_length, 0 if self.blank else 1, super().fast_check()

        def check(value: Any) -> Any:
            if type(value) is str:
                text = value.strip()
                if text.isprintable() and least <= len(text) <= most:
                    return text
            return read(value)

        return check


class Number(_Own):
    """A number *of* something (order, refund, SKU): text that identifies, never an integer.

    Marks that keep digits alive in spreadsheets (``="123"``, ``'123``) are taken
    off; a number that lost its digits (``1.23E+18``) is refused.
    """

    def read(self, value: Any) -> str:
        text = clean_text(undo_spreadsheet(value), max_length=LIMITS.name)
        if not text:
            raise Invalid("must not be blank")
        if lost_digits(text):
            raise Invalid(f"{text!r} lost its digits in a spreadsheet; export the column as text")
        return text

    def fast_check(self) -> Callable[[Any], Any]:
        read = super().fast_check()

        def check(value: Any) -> Any:
            if type(value) is str and value.isalnum() and value.isascii() and len(value) <= LIMITS.name:
                return value
            return read(value)

        return check


class Identity(_Own):
    """One identity of a person in its normal form; ``kind`` is one of ``identities.KINDS``."""

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.region = "CN"

    def read(self, value: Any) -> str:
        return normalise(self.kind, value, region=self.region)

    def fast_check(self) -> Callable[[Any], Any]:
        if self.kind != "phone":
            return self._fast_plain()
        region = self.region

        def check(value: Any) -> Any:
            try:
                return normalise_phone(value, region=region)
            except Invalid:
                return DOUBT

        return check


    def _fast_plain(self) -> Callable[[Any], Any]:
        read = super().fast_check()

        def check(value: Any) -> Any:
            # Letters and digits alone are in normal form: nothing to trim, to undo or to refuse.
            if type(value) is str and value.isalnum() and value.isascii() and len(value) <= LIMITS.name:
                return value
            return read(value)

        return check


class Instant(_Own):
    """An instant: ISO 8601 text (the brand's zone without an offset) or epoch milliseconds."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.zone = _UTC

    def read(self, value: Any) -> int:
        return parse_instant(value, self.zone)

    def fast_check(self) -> Callable[[Any], Any]:
        zone = self.zone

        def check(value: Any) -> Any:
            try:
                return parse_instant(value, zone)
            except Invalid:
                return DOUBT

        return check


class Flag(fields.Boolean):
    """true or false and nothing that merely looks like it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if value is True or value is False:
            return value
        raise self.make_error("invalid", input=value)

    def fast_check(self) -> Callable[[Any], Any]:
        return lambda value: value if value is True or value is False else DOUBT


def integer(low: int = -LIMITS.integer, high: int = LIMITS.integer, **kwargs: Any) -> fields.Integer:
    """A strict integer between ``low`` and ``high``, both included."""
    return fields.Integer(strict=True, validate=validate.Range(low, high), **kwargs)


def minor(low: int = 0, **kwargs: Any) -> fields.Integer:
    """An amount in integer minor units, not below ``low``."""
    return integer(low, **kwargs)
