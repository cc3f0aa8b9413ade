"""Text: what may be stored, and how a cell of an exported file stays harmless.

NUL truncates ``length()`` on SQLite and is refused by PostgreSQL; a lone
surrogate makes both drivers raise; so such text is refused at the door.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from scrm_core.errors import Invalid
from scrm_core.limits import LIMITS

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROL_MULTILINE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def clean_text(
    value: object, *, field: str | None = None, max_length: int = LIMITS.text, multiline: bool = False
) -> str:
    """The text without surrounding white space, or Invalid saying what is wrong with it.

    Refused: anything but ``str``, NUL and other control characters (tab and line
    ends are allowed when ``multiline``), lone surrogates, and more than
    ``max_length`` characters. The content itself is never altered.
    """
    if type(value) is not str:
        raise Invalid(f"text is expected, not {type(value).__name__}", field=field, code="text")
    text = value.strip()
    if len(text) > max_length:
        raise Invalid(f"at most {max_length} characters are allowed, not {len(text)}", field=field, code="text_length")
    if text.isprintable():
        return text
    bad = (_CONTROL_MULTILINE if multiline else _CONTROL).search(text)
    if bad is None:
        return text
    code = ord(bad.group())
    what = "a lone surrogate" if 0xD800 <= code <= 0xDFFF else "a control character"
    raise Invalid(f"{what} (U+{code:04X}) at position {bad.start() + 1}", field=field, code="text_character")


def folded(text: str) -> str:
    """What tells words, or names of people, apart: without capitals, spaces and forms of letters (Mia is mia)."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


Column = Literal["text", "phone", "number"]
"""How a column of an exported file is protected.

``phone`` and ``number`` cells keep their leading ``+`` or ``-`` because their
whole content is checked; ``text`` cells never start a formula.
"""

_FORMULA = re.compile("[\\s\"']*[=+\\-@\t\r\n＝＋－＠﹦﹢﹣﹫]")
_PLAIN: dict[str, re.Pattern[str]] = {
    "phone": re.compile(r"\+[0-9]{6,15}"),
    "number": re.compile(r"-?[0-9]+(?:\.[0-9]+)?"),
}


def csv_cell(value: str | int | None, column: Column = "text") -> str:
    """A cell of an exported CSV file that no spreadsheet takes for a formula.

    A text that would start a formula (``= + - @``, tab, carriage return, their
    full-width forms, also behind white space or quotes) gets one leading
    apostrophe, which :func:`csv_value` takes away again. E.164 phones and
    negative numbers of typed columns are left as they are, so they stay usable.
    None becomes an empty cell.
    """
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    plain = _PLAIN.get(column)
    if plain is not None and plain.fullmatch(value):
        return value
    return "'" + value if _FORMULA.match(value) else value


def csv_value(cell: str) -> str:
    """What :func:`csv_cell` was given: export followed by import is the identity for text."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell
