"""From characters to tokens, in one pass of a regular expression without backtracking.

Written by hand rather than generated so that every refusal can say what to
type instead: a full-width bracket from a Chinese keyboard, ``==``, a single
quote, a date that does not exist.
"""

from __future__ import annotations

import re
from datetime import date

from lark import Token

from scrm_core.limits import LIMITS
from scrm_core.segmentlang.errors import SegmentError
from scrm_core.segmentlang.tree import KEYWORDS, NAME

_TOKEN = re.compile(
    r"""
      (?P<SPACE> \s+ )
    | (?P<DATE> [0-9]{4}-[0-9]{2}-[0-9]{2} (?![\w.-]) )
    | (?P<DURATION> [0-9]{1,9} [dw] (?!\w) )
    | (?P<NUMBER> -?[0-9]+ (?:\.[0-9]+)? (?![\w.-]) )
    | (?P<TEXT> " (?: [^"\\] | \\. )* " )
    | (?P<NAME> %s )
    | (?P<COMPARISON> <= | >= | != | = | < | > )
    | (?P<LPAR> \( ) | (?P<RPAR> \) ) | (?P<COMMA> , ) | (?P<DOT> \. )
    """
    % NAME.pattern,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {
    "(": "\N{FULLWIDTH LEFT PARENTHESIS}",
    ")": "\N{FULLWIDTH RIGHT PARENTHESIS}",
    ",": "\N{FULLWIDTH COMMA}\N{IDEOGRAPHIC COMMA}",
    '"': "'\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{FULLWIDTH QUOTATION MARK}"
    "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT CORNER BRACKET}",
    "=": "\N{FULLWIDTH EQUALS SIGN}",
    "<": "\N{FULLWIDTH LESS-THAN SIGN}",
    ">": "\N{FULLWIDTH GREATER-THAN SIGN}",
    ">=": "\N{GREATER-THAN OR EQUAL TO}",
    "<=": "\N{LESS-THAN OR EQUAL TO}",
    "!=": "\N{NOT EQUAL TO}",
    "and": "&",
    "or": "|",
    "not": "!\N{FULLWIDTH EXCLAMATION MARK}",
}
_HINTS = {found: right for right, many in _MEANT.items() for found in many}
_MAX_DIGITS = 20
_MAX_DAYS = 36_500
_YEARS = (1900, 2200)
_BROKEN_NUMBER = re.compile(r"-?[\w.-]{1,40}")


def tokens(source: str) -> list[Token]:
    """The tokens of an expression; raises :class:`SegmentError` at the first bad character.

    Also holds the limits: the length of the text and the nesting of brackets
    and ``not``.
    """
    if len(source) > LIMITS.segment_text:
        raise SegmentError(
            f"the expression has {len(source)} characters, the limit is {LIMITS.segment_text}",
            source[: LIMITS.segment_text],
            LIMITS.segment_text,
        )
    found: list[Token] = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise _unreadable(source, at)
        kind, text = match.lastgroup or "", match.group()
        if kind != "SPACE":
            found.append(_token(kind, text, source, at))
        at = match.end()
    _limit_nesting(found, source)
    return found


def _token(kind: str, text: str, source: str, at: int) -> Token:
    if kind == "NAME" and text.lower() in KEYWORDS:
        kind = text.upper()
    elif kind == "COMPARISON" and source.startswith(("==", "<>", "=>", "=<"), at):
        pair = source[at : at + 2]
        right = {"==": "=", "<>": "!=", "=>": ">=", "=<": "<="}[pair]
        raise SegmentError(f"{pair} is not an operator", source, at, expected=(right,))
    elif kind == "TEXT":
        _check_text(text, source, at)
    elif kind == "DATE":
        _check_date(text, source, at)
    elif kind == "NUMBER" and len(text) > _MAX_DIGITS:
        raise SegmentError(f"a number has at most {_MAX_DIGITS} characters", source, at)
    elif kind == "DURATION" and duration_days(text) > _MAX_DAYS:
        raise SegmentError(f"a duration has at most {_MAX_DAYS} days", source, at)
    return Token(kind, text, start_pos=at)


def _check_date(text: str, source: str, at: int) -> None:
    try:
        year = date.fromisoformat(text).year
    except ValueError:
        raise SegmentError(f"there is no day {text}", source, at) from None
    if not _YEARS[0] <= year < _YEARS[1]:
        raise SegmentError(f"the year of a date is from {_YEARS[0]} to {_YEARS[1] - 1}", source, at)


def _check_text(text: str, source: str, at: int) -> None:
    if len(text) - 2 > LIMITS.name:
        raise SegmentError(f"a text has at most {LIMITS.name} characters", source, at)
    for index, char in enumerate(text):
        if ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000:
            raise SegmentError(f"the character U+{ord(char):04X} may not stand in a text", source, at + index)
    for escape in _ESCAPE.finditer(text):
        if escape.group(1) not in '"\\':
            raise SegmentError("a backslash stands only before a quote or a backslash", source, at + escape.start())


def text_value(token: str) -> str:
    """The value of a TEXT token: quotes and escapes removed."""
    return _ESCAPE.sub(r"\1", token[1:-1])


def duration_days(token: str) -> int:
    """The days of a DURATION token such as ``30d`` or ``2w``."""
    return int(token[:-1]) * (7 if token.endswith("w") else 1)


def _unreadable(source: str, at: int) -> SegmentError:
    char = source[at]
    if char == '"':
        return SegmentError("this text has no closing quote", source, at, expected=('"',))
    if char in _HINTS:
        return SegmentError(f"unexpected {char}", source, at, expected=(_HINTS[char],))
    if char.isdigit() or char == "-":
        broken = _BROKEN_NUMBER.match(source, at)
        found = broken.group() if broken else char
        return SegmentError(
            f"{found} is neither a number nor a date; a text that begins with a digit needs quotes",
            source,
            at,
            expected=("12", "199.00", "2026-01-31", "30d ago", '"text"'),
        )
    shown = char if char.isprintable() else f"U+{ord(char):04X}"
    return SegmentError(f"unexpected character {shown}", source, at)


def _limit_nesting(found: list[Token], source: str) -> None:
    """Refuse nesting over the limit; a bracket and a ``not`` each open one level."""
    open_brackets, negations = 0, 0
    for token in found:
        if token.type == "LPAR":
            open_brackets += 1
        elif token.type == "RPAR":
            open_brackets = max(0, open_brackets - 1)
        negations = negations + 1 if token.type == "NOT" else 0 if token.type != "LPAR" else negations
        if open_brackets + negations > LIMITS.segment_depth:
            raise SegmentError(f"nesting deeper than {LIMITS.segment_depth} levels", source, token.start_pos or 0)
