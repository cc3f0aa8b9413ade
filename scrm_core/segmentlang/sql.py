"""From a checked expression to one SQL condition on ``contact c``.

The text uses ``?`` marks and only SQL that SQLite and PostgreSQL read alike.
Every condition is true or false, never NULL, so that ``NOT`` means what the
language says. Facts of which a contact has many are ``EXISTS`` subqueries on
the contact's own rows, so that a page of ids reads only the contacts it passes
over; nothing is joined to the outer query, so no contact is counted twice.
There is no LIKE: ``%`` and ``_`` in a category are ordinary characters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from scrm_core.clock import day_start
from scrm_core.errors import Invalid
from scrm_core.segmentlang.errors import SegmentError
from scrm_core.segmentlang.fields import Catalogue, FieldKind, FieldSpec, Stored, check, values_of
from scrm_core.segmentlang.tree import (
    And,
    Between,
    Compare,
    Condition,
    Day,
    DaysAgo,
    Expr,
    Has,
    In,
    Not,
    Number,
    Or,
    Text,
    Value,
    to_text,
)
from scrm_core.values.identities import normalise

Param = int | str

_FLAT = 4
"""Nesting up to which conditions stay in the order in which they were written."""


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL with ``?`` marks and the values for them, in order.

    ``nesting`` counts the brackets and NOTs around its innermost condition.
    """

    text: str
    params: tuple[Param, ...] = ()
    nesting: int = 0


@dataclass(frozen=True, slots=True)
class Context:
    """What an expression means at a moment for a brand.

    ``today`` is the brand's day (``date.toordinal()``), ``zone`` its zone,
    ``region`` the default region of phone numbers. ``whole`` says that all
    members are wanted at once rather than a page of them; ``sets`` that the
    carriers of a tag are then better looked up once than each contact's tags:
    true of SQLite, while PostgreSQL chooses by itself, and a large set under
    NOT would spoil its choice.
    """

    catalogue: Catalogue
    today: int
    zone: ZoneInfo
    region: str = "CN"
    whole: bool = False
    sets: bool = False


def compile_condition(expr: Expr, context: Context, source: str | None = None) -> Sql:
    """The condition on ``contact c`` that ``expr`` states; raises :class:`SegmentError`.

    ``source`` is the text that ``expr`` was parsed from, for the errors.
    """
    text = to_text(expr) if source is None else source
    check(expr, context.catalogue, text)
    return _bracketed(_Compiler(context, text).compile(expr))


class _Compiler:
    def __init__(self, context: Context, source: str) -> None:
        self.context = context
        self.source = source

    def compile(self, expr: Expr) -> Sql:
        match expr:
            case And(items):
                return _all([self.grouped(item, Or) for item in items])
            case Or(items):
                return _any([self.compile(item) for item in items])
            case Not(Not(item)):
                return self.compile(item)
            case Not(item):
                return _not(self.grouped(item, And, Or))
            case _:
                return self.condition(expr)

    def grouped(self, expr: Expr, *loose: type) -> Sql:
        """In brackets where ``expr`` binds no closer than what stands around it."""
        while isinstance(expr, Not) and isinstance(expr.item, Not):
            expr = expr.item.item
        inner = self.compile(expr)
        return _bracketed(inner) if isinstance(expr, loose) else inner

    def condition(self, condition: Condition) -> Sql:
        if isinstance(condition, Compare) and condition.op == "!=":
            return _not(self.condition(Compare(condition.field, "=", condition.value)))
        spec = self.context.catalogue.find(condition.field, self.source)
        if spec.stored is not None:
            return self.of_plugin(condition, spec, spec.stored)
        return _CORE[spec.name](self, condition, spec)

    # Values ------------------------------------------------------------------

    def texts(self, condition: Condition) -> list[str]:
        return [value.value for value in values_of(condition) if isinstance(value, Text)]

    def integer(self, value: Value, spec: FieldSpec) -> int:
        if isinstance(value, Number):
            exponent = self.context.catalogue.exponent if spec.kind is FieldKind.MONEY else 0
            return int(value.value.scaleb(exponent))
        return self.day(value)

    def day(self, value: Value) -> int:
        if isinstance(value, Day):
            return value.value.toordinal()
        if isinstance(value, DaysAgo):
            return self.context.today - value.days
        raise TypeError(f"{value!r} is not a day")

    def exists(self, source: str, wanted: Sql | None = None) -> Sql:
        """``source`` ends in a WHERE clause; ``wanted`` narrows it."""
        # An OFFSET keeps PostgreSQL from turning the test of each contact into a join over all
        # contacts, which would make every page cost as much as the whole segment.
        end = "" if self.context.whole else " LIMIT 1 OFFSET 0"
        if wanted is None:
            return Sql(f"EXISTS (SELECT 1 FROM {source}{end})")
        return Sql(f"EXISTS (SELECT 1 FROM {source} AND {wanted.text}{end})", wanted.params)

    # Comparisons -------------------------------------------------------------

    def number(self, column: str, condition: Condition, spec: FieldSpec) -> Sql:
        """``column`` (an SQL expression over integers) compared; the caller sees to NULL."""
        match condition:
            case Compare(_, op, value):
                return Sql(f"{column} {op} ?", (self.integer(value, spec),))
            case Between(_, low, high):
                return Sql(f"{column} BETWEEN ? AND ?", (self.integer(low, spec), self.integer(high, spec)))
            case In(_, values):
                return _in(column, [self.integer(value, spec) for value in values])
            case _:
                return Sql(f"{column} IS NOT NULL")

    def instant(self, column: str, condition: Condition) -> Sql:
        """A column of instants compared by the brand's days: each day is a half-open range."""

        def start(value: Value, plus: int = 0) -> int:
            return day_start(self.day(value) + plus, self.context.zone)

        match condition:
            case Compare(_, "=", value):
                return Sql(f"({column} >= ? AND {column} < ?)", (start(value), start(value, 1)))
            case Compare(_, op, value):
                after = op in (">", "<=")
                sign = ">=" if op in (">", ">=") else "<"
                return Sql(f"{column} {sign} ?", (start(value, int(after)),))
            case Between(_, low, high):
                return Sql(f"({column} >= ? AND {column} < ?)", (start(low), start(high, 1)))
            case In(_, values):
                days = [Compare(condition.field, "=", value) for value in values]
                return _bracketed(_any([self.instant(column, day) for day in days]))
            case _:
                return Sql(f"{column} IS NOT NULL")

    def text(self, column: str, condition: Condition) -> Sql:
        """A text column that is one of the condition's values, or not empty for ``has``."""
        if isinstance(condition, Has):
            return Sql(f"{column} <> ''")
        return _in(column, self.texts(condition))

    # Fields of plugins -------------------------------------------------------

    def of_plugin(self, condition: Condition, spec: FieldSpec, stored: Stored) -> Sql:
        if isinstance(condition, Has):
            wanted = Sql("value IS NOT NULL")
        elif spec.kind is FieldKind.TEXT:
            wanted = self.text("value", condition)
        elif spec.kind is FieldKind.DATE:
            wanted = self.instant("value", condition)
        else:
            wanted = self.number("value", condition, spec)
        # Not correlated: whatever the plugin selects is computed once, not once per contact.
        return Sql(
            f"c.id IN (WITH plugin_field (contact_id, value) AS ({stored.select}) SELECT contact_id"
            f" FROM plugin_field WHERE contact_id IS NOT NULL AND {wanted.text})",
            (*stored.params, *wanted.params),
        )

    # Fields of the core ------------------------------------------------------

    def tag(self, condition: Condition, spec: FieldSpec) -> Sql:
        group = condition.field.key
        tags, wanted = "tag t", [Sql("t.retirement_id IS NULL")]
        if group is not None:
            tags += " JOIN tag_group g ON g.id = t.group_id"
            wanted.append(Sql("g.name = ?", (group,)))
        if isinstance(condition, Has):
            return self.exists(f"{tags} JOIN contact_tag x ON x.tag_id = t.id WHERE x.contact_id = c.id", _all(wanted))
        where = _all([*wanted, _in("t.name", self.texts(condition))])
        among = Sql(f"x.tag_id IN (SELECT t.id FROM {tags} WHERE {where.text})", where.params)
        if self.context.sets:
            return Sql(f"c.id IN (SELECT x.contact_id FROM contact_tag x WHERE {among.text})", among.params)
        return self.exists("contact_tag x WHERE x.contact_id = c.id", among)

    def channel(self, condition: Condition, spec: FieldSpec) -> Sql:
        return self.exists("touch x WHERE x.contact_id = c.id", self.channel_id("x.channel_id", condition))

    def lead_channel(self, condition: Condition, spec: FieldSpec) -> Sql:
        return _known("c.lead_channel_id", self.channel_id("c.lead_channel_id", condition))

    def channel_id(self, column: str, condition: Condition) -> Sql:
        if isinstance(condition, Has):
            return Sql(f"{column} IS NOT NULL")
        codes = _in("code", self.texts(condition))
        return Sql(f"{column} IN (SELECT id FROM channel WHERE {codes.text})", codes.params)

    def platform(self, condition: Condition, spec: FieldSpec) -> Sql:
        return self.exists(_ORDERS, self.text("o.platform", condition))

    def order_value(self, condition: Condition, spec: FieldSpec) -> Sql:
        return self.exists(_ORDERS, self.number("(o.paid_minor - o.refund_minor)", condition, spec))

    def product(self, condition: Condition, spec: FieldSpec) -> Sql:
        return self.exists(_LINES, self.text("l.sku", condition))

    def category(self, condition: Condition, spec: FieldSpec) -> Sql:
        if isinstance(condition, Has):
            return self.exists(_PRODUCTS, Sql("p.category <> ''"))
        paths = [path.strip("/") for path in self.texts(condition)]
        if "" in paths:
            raise SegmentError("a category path is not empty", self.source, condition.field.at)
        below = [
            Sql("(p.category = ? OR substr(p.category, 1, ?) = ?)", (path, len(path) + 1, path + "/")) for path in paths
        ]
        return self.exists(_PRODUCTS, _bracketed(_any(below)))

    def attribute(self, condition: Condition, spec: FieldSpec) -> Sql:
        value = self.text("a.value", condition)
        name = condition.field.key or ""
        source = f"{_PRODUCTS_ONLY} JOIN product_attribute a ON a.product_id = p.id {_VALID}"
        return self.exists(source, Sql(f"a.name = ? AND {value.text}", (name, *value.params)))

    def counted(self, condition: Condition, spec: FieldSpec) -> Sql:
        """Numbers that are 0 for a contact without orders; ``has`` asks for more than that."""
        column = _COUNTED[spec.name]
        return Sql(f"{column} > 0") if isinstance(condition, Has) else self.number(column, condition, spec)

    def maintained(self, condition: Condition, spec: FieldSpec) -> Sql:
        """Numbers and days that a contact may lack."""
        column = _MAINTAINED[spec.name]
        return _known(column, self.number(column, condition, spec))

    def r_days(self, condition: Condition, spec: FieldSpec) -> Sql:
        compared = self.number("(? - c.last_day)", condition, spec)
        return _known("c.last_day", Sql(compared.text, (self.context.today, *compared.params)))

    def lead_at(self, condition: Condition, spec: FieldSpec) -> Sql:
        return _known("c.lead_at", self.instant("c.lead_at", condition))

    def group(self, condition: Condition, spec: FieldSpec) -> Sql:
        open_stays = "group_member x WHERE x.contact_id = c.id AND x.left_at IS NULL"
        if isinstance(condition, Has):
            return self.exists(open_stays)
        named = _any([_in("code", self.texts(condition)), _in("name", self.texts(condition))])
        return self.exists(
            open_stays, Sql(f"x.group_id IN (SELECT id FROM chat_group WHERE {named.text})", named.params)
        )

    def member(self, condition: Condition, spec: FieldSpec) -> Sql:
        if isinstance(condition, Has):
            return self.exists(_MEMBERSHIP)
        return self.exists(_MEMBERSHIP, self.text("x.identity", condition))

    def joined(self, condition: Condition, spec: FieldSpec) -> Sql:
        return self.exists(_MEMBERSHIP, self.instant("x.joined_at", condition))

    def identity(self, condition: Condition, spec: FieldSpec) -> Sql:
        kind = "member" if spec.name == "member_id" else spec.name
        if isinstance(condition, Has):
            return self.exists("identity x WHERE x.contact_id = c.id", Sql("x.kind = ?", (kind,)))
        found: list[Param] = []
        for value in values_of(condition):
            try:
                found.append(normalise(kind, str(getattr(value, "value", "")), region=self.context.region))
            except Invalid as error:
                raise SegmentError(str(error), self.source, value.at) from None
        values = _in("value", found)
        # Few rows and a unique index on the value: read them once instead of once per contact.
        return Sql(
            f"c.id IN (SELECT contact_id FROM identity WHERE kind = ? AND {values.text})",
            (kind, *values.params),
        )


_VALID = "WHERE o.contact_id = c.id AND o.valid = 1"
_ORDERS = f"orders o {_VALID}"
_LINES = f"orders o JOIN order_line l ON l.order_id = o.id AND l.gift = 0 {_VALID}"
_PRODUCTS_ONLY = "orders o JOIN order_line l ON l.order_id = o.id AND l.gift = 0 JOIN product p ON p.sku = l.sku"
_PRODUCTS = f"{_PRODUCTS_ONLY} {_VALID}"
_MEMBERSHIP = "membership x WHERE x.contact_id = c.id AND x.left_at IS NULL"
_COUNTED = {"orders": "c.orders", "frequency": "c.occasions", "money": "c.money"}
_MAINTAINED = {"cycle_days": "c.cycle_days", "first_order": "c.first_day", "last_order": "c.last_day"}
_IDENTITIES = ("phone", "unionid", "openid", "external_userid", "buyer", "member_id")
_CORE: dict[str, Callable[[_Compiler, Condition, FieldSpec], Sql]] = {
    "tag": _Compiler.tag,
    "channel": _Compiler.channel,
    "lead_channel": _Compiler.lead_channel,
    "platform": _Compiler.platform,
    "category": _Compiler.category,
    "product": _Compiler.product,
    "attribute": _Compiler.attribute,
    "order_value": _Compiler.order_value,
    "r_days": _Compiler.r_days,
    "lead_at": _Compiler.lead_at,
    "group": _Compiler.group,
    "member": _Compiler.member,
    "joined": _Compiler.joined,
    **dict.fromkeys(_COUNTED, _Compiler.counted),
    **dict.fromkeys(_MAINTAINED, _Compiler.maintained),
    **dict.fromkeys(_IDENTITIES, _Compiler.identity),
}


def _any(parts: Sequence[Sql]) -> Sql:
    return _joined(" OR ", parts)


def _all(parts: Sequence[Sql]) -> Sql:
    return _joined(" AND ", parts)


def _not(inner: Sql) -> Sql:
    return Sql(f"NOT {inner.text}", inner.params, inner.nesting + 1)


def _bracketed(inner: Sql) -> Sql:
    return Sql(f"({inner.text})", inner.params, inner.nesting + 1)


def _joined(word: str, parts: Sequence[Sql]) -> Sql:
    """The parts in the order of the text, except that a deeply nested one goes first.

    SQLite's parser has a stack of 100 symbols. A bracket at the start costs
    one of them, a bracket after ``x AND`` costs three.
    """
    ordered = sorted(parts, key=lambda part: -part.nesting if part.nesting > _FLAT else 0)
    return Sql(
        word.join(part.text for part in ordered),
        tuple(param for part in ordered for param in part.params),
        max(part.nesting for part in parts),
    )


def _in(column: str, values: Sequence[Param]) -> Sql:
    if len(values) == 1:
        return Sql(f"{column} = ?", (values[0],))
    return Sql(f"{column} IN ({', '.join('?' * len(values))})", tuple(values))


def _known(column: str, compared: Sql) -> Sql:
    """False instead of NULL where the contact lacks the value."""
    return Sql(f"({column} IS NOT NULL AND {compared.text})", compared.params)
