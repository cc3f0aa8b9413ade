"""The tree of a segment expression, and the way back to text.

Every node is frozen and compares by meaning: the ``at`` of a field or value
(the offset in the text it came from, for error messages) takes no part in
comparison.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

KEYWORDS = frozenset({"and", "or", "not", "in", "between", "has", "ago", "today"})
NAME = re.compile(r"[^\W\d]\w*(?:-\w+)*")
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Field:
    """A named fact of a contact: ``tag``, ``attribute.size``, ``package-card.scans``."""

    name: str
    key: str | None = None
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return self.name if self.key is None else f"{self.name}.{word(self.key)}"


@dataclass(frozen=True, slots=True)
class Text:
    """A text value, written bare or in double quotes."""

    value: str
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return word(self.value)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written; exact, never a float."""

    value: Decimal
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.value:f}"


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day in the brand's zone."""

    value: date
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return self.value.isoformat()


@dataclass(frozen=True, slots=True)
class DaysAgo:
    """A day counted back from the brand's today; 0 is ``today``."""

    days: int
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return "today" if self.days == 0 else f"{self.days}d ago"


Value = Text | Number | Day | DaysAgo


@dataclass(frozen=True, slots=True)
class Compare:
    """``field op value`` with ``op`` one of :data:`COMPARISONS`."""

    field: Field
    op: str
    value: Value


@dataclass(frozen=True, slots=True)
class In:
    """``field in (value, ...)``; ``not in`` is a :class:`Not` around it."""

    field: Field
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """``field between low and high``, both ends included."""

    field: Field
    low: Value
    high: Value


@dataclass(frozen=True, slots=True)
class Has:
    """``has field``: the contact has at least one value of it."""

    field: Field


@dataclass(frozen=True, slots=True)
class Not:
    """``not item``."""

    item: Expr


@dataclass(frozen=True, slots=True)
class And:
    """All of ``items`` (two or more)."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of ``items`` (two or more) at least."""

    items: tuple[Expr, ...]


Condition = Compare | In | Between | Has
Expr = Condition | Not | And | Or


def word(value: str) -> str:
    """``value`` bare if it reads as a name, otherwise in double quotes."""
    if NAME.fullmatch(value) and value.lower() not in KEYWORDS:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def to_text(expr: Expr) -> str:
    """The text of a tree; ``parse(to_text(expr)) == expr`` for every tree that ``parse`` can give."""
    match expr:
        case Or(items):
            return " or ".join(_operand(item, Or) for item in items)
        case And(items):
            return " and ".join(_operand(item, Or, And) for item in items)
        case Not(In(name, values)):
            return f"{name} not in ({_listed(values)})"
        case Not(Between(name, low, high)):
            return f"{name} not between {low} and {high}"
        case Not(item):
            return "not " + _operand(item, Or, And)
        case Compare(name, op, value):
            return f"{name} {op} {value}"
        case In(name, values):
            return f"{name} in ({_listed(values)})"
        case Between(name, low, high):
            return f"{name} between {low} and {high}"
        case Has(name):
            return f"has {name}"


def _operand(expr: Expr, *grouped: type) -> str:
    text = to_text(expr)
    return f"({text})" if isinstance(expr, grouped) else text


def _listed(values: tuple[Value, ...]) -> str:
    return ", ".join(str(value) for value in values)


def conditions(expr: Expr) -> list[Condition]:
    """Every condition of a tree, in the order of the text."""
    match expr:
        case And(items) | Or(items):
            return [found for item in items for found in conditions(item)]
        case Not(item):
            return conditions(item)
        case _:
            return [expr]
