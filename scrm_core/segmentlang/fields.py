"""The facts an expression may name, and the check of an expression against them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from scrm_core.limits import LIMITS
from scrm_core.segmentlang.errors import SegmentError, nearest_name
from scrm_core.segmentlang.tree import (
    Between,
    Compare,
    Condition,
    Day,
    DaysAgo,
    Expr,
    Field,
    Has,
    In,
    Number,
    Text,
    Value,
    conditions,
    to_text,
)

_INTEGER_LIMIT = 2**53


class FieldKind(Enum):
    """What a field holds, and so which values it is compared with."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"


_TAKES: Mapping[FieldKind, tuple[type, ...]] = {
    FieldKind.TEXT: (Text,),
    FieldKind.NUMBER: (Number,),
    FieldKind.MONEY: (Number,),
    FieldKind.DATE: (Day, DaysAgo),
}
_EXAMPLE = {
    FieldKind.TEXT: "a text",
    FieldKind.NUMBER: "a whole number",
    FieldKind.MONEY: "an amount such as 199.00",
    FieldKind.DATE: "a date such as 2026-01-31 or 30d ago",
}


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the values of a plugin's field come from: a SELECT of (contact_id, value).

    ``select`` has ``?`` marks for ``params``; a DATE field selects instants.
    """

    select: str
    params: tuple[int | str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field: its name, kind and meaning.

    ``keyed`` says whether a name follows a dot: ``"no"``, ``"may"``
    (``tag = vip`` and ``tag.lifecycle = sleeping``) or ``"must"``
    (``attribute.size = "40"``). ``stored`` is set for the fields of plugins.
    """

    name: str
    kind: FieldKind
    summary: str
    keyed: str = "no"
    stored: Stored | None = None


def _core(*specs: FieldSpec) -> Mapping[str, FieldSpec]:
    return MappingProxyType({spec.name: spec for spec in specs})


@dataclass(frozen=True)
class Catalogue:
    """Every field of one brand: the core's and those of its enabled plugins.

    ``plugins`` maps a plugin's name to its fields by their own names;
    ``exponent`` is the number of decimals of the brand's currency.
    """

    core: Mapping[str, FieldSpec]
    plugins: Mapping[str, Mapping[str, FieldSpec]] = field(default_factory=dict)
    exponent: int = 2

    def find(self, name: Field, source: str) -> FieldSpec:
        """The spec of a field; an unknown name is a :class:`SegmentError` with the nearest one."""
        if name.name in self.plugins:
            return self._of_plugin(name, source)
        spec = self.core.get(name.name)
        if spec is None:
            if name.key is not None:
                known = [*self.plugins, *(s.name for s in self.core.values() if s.keyed != "no")]
                problem = f"no plugin or field {name.name}"
            else:
                known = [*self.core, *(f"{p}.{f}" for p, fields in self.plugins.items() for f in fields)]
                problem = f"no field {name.name}"
            raise SegmentError(problem, source, name.at, nearest=nearest_name(name.name, known))
        if name.key is not None and spec.keyed == "no":
            raise SegmentError(f"{spec.name} takes no name after a dot", source, name.at)
        if name.key is None and spec.keyed == "must":
            raise SegmentError(
                f"{spec.name} needs a name after a dot", source, name.at, expected=(f"{spec.name}.name",)
            )
        return spec

    def _of_plugin(self, name: Field, source: str) -> FieldSpec:
        fields = self.plugins[name.name]
        if name.key is None:
            raise SegmentError(
                f"{name.name} is a plugin",
                source,
                name.at,
                expected=tuple(f"{name.name}.{each}" for each in sorted(fields)),
            )
        if name.key not in fields:
            raise SegmentError(
                f"the plugin {name.name} has no field {name.key}",
                source,
                name.at,
                nearest=nearest_name(name.key, fields),
            )
        return fields[name.key]


def check(expr: Expr, catalogue: Catalogue, source: str | None = None) -> None:
    """Raise :class:`SegmentError` unless every field exists and every value fits it.

    ``source`` is the text that ``expr`` was parsed from; errors point into it.
    """
    text = to_text(expr) if source is None else source
    found = conditions(expr)
    if len(found) > LIMITS.segment_conditions:
        raise SegmentError(
            f"the expression has {len(found)} conditions, the limit is {LIMITS.segment_conditions}",
            text,
            found[LIMITS.segment_conditions].field.at,
        )
    for condition in found:
        _check_condition(condition, catalogue.find(condition.field, text), catalogue, text)


def _check_condition(condition: Condition, spec: FieldSpec, catalogue: Catalogue, source: str) -> None:
    at = condition.field.at
    if isinstance(condition, Has):
        return
    if spec.kind is FieldKind.TEXT:
        allowed = ("=", "!=", "in")
        found = condition.op if isinstance(condition, Compare) else type(condition).__name__.lower()
        if found not in allowed:
            raise SegmentError(
                f"{condition.field} holds a text and cannot be compared with {found}",
                source,
                at,
                expected=allowed,
            )
    for value in values_of(condition):
        _check_value(value, spec, catalogue, source)


def values_of(condition: Condition) -> Iterable[Value]:
    """The values of a condition, in the order of the text."""
    match condition:
        case Compare(_, _, value):
            return (value,)
        case In(_, values):
            return values
        case Between(_, low, high):
            return (low, high)
        case _:
            return ()


def _check_value(value: Value, spec: FieldSpec, catalogue: Catalogue, source: str) -> None:
    if not isinstance(value, _TAKES[spec.kind]):
        expected = f'"{value}"' if spec.kind is FieldKind.TEXT else _EXAMPLE[spec.kind]
        raise SegmentError(f"{spec.name} is not compared with {value}", source, value.at, expected=(expected,))
    if isinstance(value, Number):
        decimals = catalogue.exponent if spec.kind is FieldKind.MONEY else 0
        scaled = value.value.scaleb(decimals)
        if scaled != scaled.to_integral_value():
            allowed = f"{decimals} decimals" if decimals else "no decimals"
            raise SegmentError(f"{spec.name} takes {allowed}", source, value.at)
        if abs(scaled) > _INTEGER_LIMIT:
            raise SegmentError("the number is too large", source, value.at)


_T, _N, _M, _D = FieldKind.TEXT, FieldKind.NUMBER, FieldKind.MONEY, FieldKind.DATE
CORE_FIELDS: Mapping[str, FieldSpec] = _core(
    FieldSpec("tag", _T, "a tag; tag.group = value looks in one tag group only", keyed="may"),
    FieldSpec("channel", _T, "the code of a channel that touched the contact"),
    FieldSpec("lead_channel", _T, "the code of the channel through which the contact arrived"),
    FieldSpec("platform", _T, "a selling platform with a valid order (douyin, tmall, jd, pdd, xiaohongshu)"),
    FieldSpec("category", _T, "a category bought from: the path itself or anything below it"),
    FieldSpec("product", _T, "the SKU of a product bought"),
    FieldSpec("attribute", _T, "an attribute of a product bought: attribute.size", keyed="must"),
    FieldSpec("order_value", _M, "the net money of a single valid order"),
    FieldSpec("orders", _N, "number of valid orders"),
    FieldSpec("frequency", _N, "number of days with a valid order (F)"),
    FieldSpec("r_days", _N, "days since the last valid order (R)"),
    FieldSpec("cycle_days", _N, "mean days between purchase days; needs two of them"),
    FieldSpec("money", _M, "net money of all valid orders (M)"),
    FieldSpec("first_order", _D, "day of the first valid order"),
    FieldSpec("last_order", _D, "day of the last valid order"),
    FieldSpec("lead_at", _D, "day on which the contact arrived"),
    FieldSpec("group", _T, "a chat group that the contact is in, by code or name"),
    FieldSpec("member", _T, "the identity of the contact's open membership"),
    FieldSpec("joined", _D, "first day of the contact's open membership"),
    FieldSpec("member_id", _T, "a member number"),
    FieldSpec("phone", _T, "a phone number"),
    FieldSpec("unionid", _T, "a WeChat unionid"),
    FieldSpec("openid", _T, "a WeChat openid"),
    FieldSpec("external_userid", _T, "a WeCom external_userid"),
    FieldSpec("buyer", _T, "a shop's buyer id"),
)
