"""What a page of the console is asked and a form on it told, read the way every page reads it; and what it answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar, overload

from werkzeug.datastructures import FileStorage

from ..brands import current_brand
from ..errors import Conflict, Invalid, NotFound, ScrmError
from ..values.instants import read_instant
from ..values.money import exponent_of, parse_minor

E = TypeVar("E")
FILE_TYPES = ("text/csv", "image/png", "image/jpeg", "image/svg+xml", "application/pdf", "application/zip")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_DIGITS = re.compile(r"-?[0-9]{1,15}\Z")
_COMMAS = re.compile("[\n,，、]")
_LONGEST = 200


class _Needed:
    """Stands for "an empty field is an error"."""


NEEDED = _Needed()


def _nothing(permission: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ConsoleQuery:
    """What a page of the console is asked, or a form on it told.

    ``args`` is the query of its address, ``form`` what a form holds (the first
    value of each name), ``many`` all values of each name, ``files`` what was
    uploaded. ``allows(permission)`` says what the user may do. A page that is
    shown again because its act was refused finds the form and, in ``refused``,
    the refusal, which the console shows above the page.

    The methods read one field each, by its name: of the address they raise
    NotFound, of a form Invalid that names the field.
    """

    language: str = "en"
    actor: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    many: Mapping[str, list[str]] = field(default_factory=dict)
    files: Mapping[str, FileStorage] = field(default_factory=dict)
    allows: Callable[[str], bool] = _nothing
    csrf: str = ""
    refused: ScrmError | None = None

    # The address ----------------------------------------------------------------------

    def asked(self, name: str) -> str:
        """The word of the address that says which thing the page is about, such as a code; empty without one."""
        return _word(self.args.get(name, ""))

    def position(self, name: str) -> int:
        """The id of the address behind which a page of a list begins; 0 without one."""
        text = self.args.get(name, "")
        if text and (not _DIGITS.match(text) or text.startswith("-")):
            raise NotFound("there is nothing at this address")
        return int(text or 0)

    # A form ---------------------------------------------------------------------------

    def chosen(self, name: str) -> str:
        """The word of a form that says which thing is meant, as a hidden field or a button holds it."""
        return _word(self.form.get(name, ""))

    def ticked(self, name: str, most: int) -> list[str]:
        """The words of the boxes that were ticked, each once, in order; at least one and no more than ``most``."""
        found = self.many.get(name, [])
        if not found or len(found) > most:
            raise Invalid(f"tick at least one, and no more than {most}", field=name)
        return [_word(each) for each in sorted(set(found))]

    def text(self, name: str) -> str:
        """What was typed, without white space around it; a line ends with one character, whatever the browser sent."""
        return self.form.get(name, "").replace("\r\n", "\n").strip()

    def lines(self, name: str) -> list[str]:
        """What was typed, one on a line or parted by commas of either width; empty ones are left out."""
        return [line.strip() for line in _COMMAS.split(self.text(name)) if line.strip()]

    def rows(self, name: str, *told: str) -> list[int]:
        """The numbers below 100 of the rows of a form in which something was typed.

        The field ``title`` of the first row of prizes is called ``prize-0-title``. ``told`` are fields of which one at
        least is typed into: not those that say something of themselves, such as a choice.
        """
        return [nth for nth in range(100) if any(self.text(f"{name}-{nth}-{field}") for field in told)]

    def rows_shown(self, name: str, *told: str, given: Mapping[str, str], most: int) -> range:
        """The rows of a form that are shown: to the last that holds something, one more, one when it was asked for.

        ``given`` is what the form holds before anybody types; the act ``row`` asks for one more.
        """
        filled = (self if self.form else ConsoleQuery(form=given)).rows(name, *told)
        return range(min(most, max(filled, default=-1) + 2 + (self.form.get("act") == "row")))

    @property
    def previews(self) -> bool:
        """Whether the act ``preview`` was asked for and is not refused: the page shows what would come of the form."""
        return self.form.get("act") == "preview" and self.refused is None

    def reason(self) -> str:
        """The field ``reason``, which may not be empty."""
        found = self.text("reason")
        if not found:
            raise Invalid("reason: say why; it stays on record", field="reason")
        return found

    @overload
    def whole(self, name: str) -> int: ...

    @overload
    def whole(self, name: str, *, empty: E) -> int | E: ...

    def whole(self, name: str, *, empty: object = NEEDED) -> object:
        """A whole number; ``empty`` for an empty field, where it is given."""
        text = self.text(name)
        if not text:
            return _unless_needed(empty, name, "a whole number")
        if not _DIGITS.match(text):
            raise Invalid(f"{name}: {text[:40]!r} is no whole number", field=name)
        return int(text)

    @overload
    def money(self, name: str) -> int: ...

    @overload
    def money(self, name: str, *, empty: E) -> int | E: ...

    def money(self, name: str, *, empty: object = NEEDED) -> object:
        """Minor units of the brand's currency, typed in major ones."""
        return _minor(self.text(name), name, exponent_of(current_brand().currency), empty, "an amount")

    @overload
    def percent(self, name: str) -> int: ...

    @overload
    def percent(self, name: str, *, empty: E) -> int | E: ...

    def percent(self, name: str, *, empty: object = NEEDED) -> object:
        """A share in hundredths of a percent, typed in per cent: 5.25 is 525."""
        return _minor(self.text(name).rstrip("%％ "), name, 2, empty, "a share in per cent such as 5.5")

    @overload
    def day(self, name: str) -> date: ...

    @overload
    def day(self, name: str, *, empty: E) -> date | E: ...

    def day(self, name: str, *, empty: object = NEEDED) -> object:
        """A calendar day of the brand, written like 2026-03-01."""
        text = self.text(name)
        if not text:
            return _unless_needed(empty, name, "a day such as 2026-03-01")
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise Invalid(f"{name}: {text[:40]!r} is no day such as 2026-03-01", field=name) from None

    def instant(self, name: str) -> int:
        """An instant, written as the brand's wall clock shows it unless it names an offset."""
        return read_instant(self.text(name), current_brand().zone, name)

    # A page with several forms --------------------------------------------------------

    def typed(self, act: str, name: str, default: object = "", **same: str) -> object:
        """What a field of a form shows: ``default``, or what was typed where it is the form whose act was refused.

        ``same`` are hidden fields that tell it from other forms of this act.
        """
        mine = self.form.get("act") == act and all(self.form.get(key) == value for key, value in same.items())
        return self.form.get(name, "") if mine else default

    # Two people at once ---------------------------------------------------------------

    def expect(self, seen: str, said: str) -> None:
        """Raise Conflict (``changed``) when the form's hidden field ``seen`` is not this: somebody acted meanwhile.

        ``seen`` is what two people may change of the thing, as text, read under its lock; ``said`` is told.
        A form that leaves the field out saw nothing, and is refused too.
        """
        if self.form.get("seen") != seen:
            raise Conflict(said, code="changed")


def _word(text: str) -> str:
    if len(text) > _LONGEST or not text.isprintable():
        raise NotFound("there is nothing at this address")
    return text


def _minor(text: str, name: str, exponent: int, empty: object, what: str) -> object:
    try:
        found = parse_minor(text, exponent)
    except Invalid as error:
        raise Invalid(f"{name}: {error.message}", field=name) from None
    return _unless_needed(empty, name, what) if found is None else found


def _unless_needed(empty: object, name: str, what: str) -> object:
    if empty is NEEDED:
        raise Invalid(f"{name}: {what} is expected", field=name)
    return empty


@dataclass(frozen=True, slots=True)
class ConsoleDone:
    """An act was done: the browser goes to ``page`` of the same plugin (without a name the same page) with ``args``.

    ``again``: nothing was done, and the same page is shown with the form in ``query.form``: a preview of what was
    typed, or one more row to type into.
    """

    page: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    again: bool = False


@dataclass(frozen=True, slots=True)
class ConsoleFile:
    """A file as the answer of a page, for a link or a picture: its type is one of ``FILE_TYPES``.

    ``name`` has letters, digits, points, dashes and underscores of ASCII alone.
    """

    name: str
    content_type: str
    content: bytes
