"""The grammar of the segment language and its parser (LALR, linear time)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedToken
from lark.lexer import Lexer

from scrm_core.segmentlang.errors import SegmentError, nearest_name
from scrm_core.segmentlang.tokens import duration_days, text_value, tokens
from scrm_core.segmentlang.tree import (
    And,
    Between,
    Compare,
    Day,
    DaysAgo,
    Expr,
    Field,
    Has,
    In,
    Not,
    Number,
    Or,
    Text,
    Value,
)

_GRAMMAR = """
?start: term | term (_OR term)+ -> any_of
?term: factor | factor (_AND factor)+ -> all_of
?factor: condition | _NOT factor -> negate | _LPAR start _RPAR
?condition: _HAS field -> has
    | field COMPARISON value -> compare
    | field _IN _LPAR values _RPAR -> one_of
    | field _NOT _IN _LPAR values _RPAR -> none_of
    | field _BETWEEN value _AND value -> between
    | field _NOT _BETWEEN value _AND value -> outside
field: NAME [_DOT (NAME | TEXT)]
values: value (_COMMA value)*
?value: NAME -> bare | TEXT -> text | NUMBER -> number | DATE -> day
    | DURATION _AGO -> days_ago | TODAY -> today
%declare NAME TEXT NUMBER DATE DURATION COMPARISON TODAY
%declare _OR _AND _NOT _HAS _IN _BETWEEN _AGO _LPAR _RPAR _COMMA _DOT
"""
_KEPT = frozenset({"NAME", "TEXT", "NUMBER", "DATE", "DURATION", "COMPARISON", "TODAY"})
_VALUE = frozenset({"NAME", "TEXT", "NUMBER", "DATE", "DURATION", "TODAY"})
_CONDITION = frozenset({"NAME", "_HAS", "_NOT", "_LPAR"})
_SHOWN = {
    "NAME": "a name", "TEXT": "a text", "COMPARISON": "= != < <= > >=", "_LPAR": "(", "_RPAR": ")",
    "_COMMA": "a comma", "_DOT": "a dot", "$END": "the end",
}  # fmt: skip


class _Tree(Transformer[Token, Expr]):
    """Builds the nodes while the parser reduces: no second walk, no recursion."""

    def field(self, parts: list[Any]) -> Field:
        name, key = parts[0], parts[1] if len(parts) > 1 else None
        if key is None:
            return Field(str(name), None, name.start_pos)
        return Field(str(name), text_value(key) if key.type == "TEXT" else str(key), name.start_pos)

    def bare(self, parts: list[Token]) -> Text:
        return Text(str(parts[0]), parts[0].start_pos or 0)

    def text(self, parts: list[Token]) -> Text:
        return Text(text_value(parts[0]), parts[0].start_pos or 0)

    def number(self, parts: list[Token]) -> Number:
        return Number(Decimal(parts[0]), parts[0].start_pos or 0)

    def day(self, parts: list[Token]) -> Day:
        return Day(date.fromisoformat(parts[0]), parts[0].start_pos or 0)

    def days_ago(self, parts: list[Token]) -> DaysAgo:
        return DaysAgo(duration_days(parts[0]), parts[0].start_pos or 0)

    def today(self, parts: list[Token]) -> DaysAgo:
        return DaysAgo(0, parts[0].start_pos or 0)

    def values(self, parts: list[Value]) -> tuple[Value, ...]:
        return tuple(parts)

    def has(self, parts: list[Any]) -> Has:
        return Has(parts[0])

    def compare(self, parts: list[Any]) -> Compare:
        return Compare(parts[0], str(parts[1]), parts[2])

    def one_of(self, parts: list[Any]) -> In:
        return In(parts[0], parts[1])

    def none_of(self, parts: list[Any]) -> Not:
        return Not(In(parts[0], parts[1]))

    def between(self, parts: list[Any]) -> Between:
        return Between(*parts)

    def outside(self, parts: list[Any]) -> Not:
        return Not(Between(*parts))

    def negate(self, parts: list[Any]) -> Not:
        return Not(parts[0])

    def all_of(self, parts: list[Expr]) -> And:
        return And(tuple(parts))

    def any_of(self, parts: list[Expr]) -> Or:
        return Or(tuple(parts))


class _Given(Lexer):
    """The parser reads a list of tokens; the tokeniser ran before it."""

    def __init__(self, conf: Any) -> None:
        self.conf = conf

    def lex(self, data: Any, parser_state: Any = None) -> Iterator[Token]:
        return iter(data)


@cache
def _parser() -> Lark:
    """The parse tables, built at the first expression (some milliseconds)."""
    return Lark(_GRAMMAR, parser="lalr", lexer=_Given, transformer=_Tree(), maybe_placeholders=False)


def parse(source: str) -> Expr:
    """The tree of an expression.

    Raises :class:`~scrm_core.segmentlang.errors.SegmentError` for text that is
    not an expression, too long or nested too deeply. Names are not looked up
    here: see :func:`scrm_core.segmentlang.fields.check`.
    """
    found = tokens(source)
    for token in found:
        if token.type not in _KEPT:
            token.type = "_" + token.type
    if not found:
        raise SegmentError("the expression is empty", source, 0, expected=("a condition",))
    try:
        return cast(Expr, _parser().parse(cast(Any, found)))
    except UnexpectedToken as error:
        raise _unexpected(error, source) from None


def _unexpected(error: UnexpectedToken, source: str) -> SegmentError:
    accepted = set(error.accepts or error.expected)
    token = error.token
    at_end = token.type == "$END"
    offset = len(source.rstrip()) if at_end else token.start_pos or 0
    keywords = {_word(name) for name in accepted if name.startswith("_") and name not in _SHOWN}
    nearest = nearest_name(token, keywords) if token.type == "NAME" else None
    found = "the expression ends too early" if at_end else f"unexpected {token}"
    if token.type == "_RPAR" and not accepted:
        found = "this ) closes no bracket"
    return SegmentError(found, source, offset, expected=_names(accepted), nearest=nearest)


def _names(accepted: set[str]) -> list[str]:
    """What was expected, in words and in a fixed order."""
    if accepted >= _VALUE:
        return ["a value"]
    if accepted >= _CONDITION:
        return ["a condition"]
    return sorted(_SHOWN.get(name, _word(name)) for name in accepted)


def _word(terminal: str) -> str:
    return terminal.lstrip("_").lower()
