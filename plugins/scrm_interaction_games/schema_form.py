"""A form made from a schema: numbers, choices, ticks, texts, lists, rows; what is none of these is typed as JSON.

A field of the form is called like the member of the definition, with dashes in its path: ``settings-drops-0-at``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from marshmallow import Schema, fields, missing, validate

from scrm_core.api import ConsoleQuery, Invalid, typed_money

NOTHING = "-"
"""What a line of a list says for an empty one."""
LONG = 500
_SAID = ((", in minor units", ""), ("none is ", "empty: "), ("none: ", "empty: "), (", 0 is never", ", 0: never"))


@dataclass(frozen=True, slots=True)
class Part:
    """A member of a schema as a field, a group of fields or rows of them.

    ``kind`` is text, area, whole, money, moment, choice, tick, ticks, lines, numbers, json, group or rows.
    ``needed``: it must be typed; ``nullable``: empty is nothing, and not the default.
    ``takes``: what it takes, in Chinese.
    """

    name: str
    kind: str
    en: str
    zh: str
    default: Any = None
    needed: bool = False
    nullable: bool = False
    options: tuple[tuple[str, str, str], ...] = ()
    low: int | None = None
    high: int | None = None
    empties: bool = False
    parts: tuple[Part, ...] = ()
    takes: str = ""

    def expects(self, language: str) -> str:
        """What the field takes, in Chinese; in English the refusal says it."""
        if language != "zh" or self.takes:
            return self.takes if language == "zh" else ""
        least = "" if self.low is None else f"，不小于 {self.low}"
        limits = least if self.high is None else f"{least}，不大于 {self.high:,}"
        what = {
            "whole": f"整数{limits}", "numbers": f"每行一个整数{limits}，依次递增", "money": "金额，如 30.00",
            "moment": "品牌当地时间；结束须晚于开始", "json": "JSON 格式有误", "lines": "每行一个，且符合要求",
        }.get(self.kind, "请检查此项填写的内容")  # fmt: skip
        return f"{what}{'' if self.needed else '；可留空'}"


def parts_of(
    schema: Schema, words: Mapping[str, str], options: Mapping[str, tuple[str, str]], at: str = ""
) -> tuple[Part, ...]:
    """The parts of a schema; ``words`` are Chinese labels by path or name, ``options`` words of choices."""
    return tuple(_part(name, field, words, options, at) for name, field in schema.load_fields.items())


def _part(name: str, field: Any, words: Mapping[str, str], options: Mapping[str, tuple[str, str]], at: str) -> Part:
    path = f"{at}.{name}" if at else name
    en = str(field.metadata.get("description") or name)
    # A form takes amounts in major units, and nothing is an empty field.
    for said, meant in _SAID:
        en = en.replace(said, meant)
    default = field.load_default() if callable(field.load_default) else field.load_default
    low, high = _range(field)
    made = Part(
        name, "json", en[:1].upper() + en[1:], words.get(path) or words.get(name) or en,
        None if default is missing else default, bool(field.required), bool(field.allow_none), low=low, high=high,
    )  # fmt: skip

    def nested(inner: Any) -> tuple[Part, ...]:
        return parts_of(inner.schema, words, options, path)

    chosen = _one_of(field)
    if isinstance(field, fields.Nested):
        return replace(made, kind="group", parts=nested(field))
    if isinstance(field, fields.List):
        inner, listed = field.inner, _one_of(field.inner)
        if isinstance(inner, fields.Nested):
            return replace(made, kind="rows", parts=nested(inner))
        if listed:
            return replace(made, kind="ticks", options=_said(listed, options))
        if isinstance(inner, fields.Integer):
            return replace(made, kind="numbers")
        if isinstance(inner, fields.String):
            return replace(made, kind="lines", empties=not (_range(inner)[0] or 0))
    if isinstance(field, fields.Boolean):
        return replace(made, kind="tick")
    if isinstance(field, fields.Integer):
        return replace(made, kind="money" if name.endswith("_minor") else "whole")
    if chosen:
        return replace(made, kind="choice", options=_said(chosen, options))
    if isinstance(field, fields.String):
        return replace(made, kind="area" if (high or 0) > LONG else "text")
    return replace(made, kind="moment") if type(field).__name__ == "MomentField" else made


def _said(values: Sequence[str], options: Mapping[str, tuple[str, str]]) -> tuple[tuple[str, str, str], ...]:
    return tuple((each, *options.get(each, (each, each))) for each in values)


def _one_of(field: Any) -> tuple[str, ...]:
    found = [each for each in _validators(field) if isinstance(each, validate.OneOf)]
    return tuple(found[0].choices) if found and isinstance(field, fields.String) else ()


def _range(field: Any) -> tuple[int | None, int | None]:
    for each in _validators(field):
        if isinstance(each, (validate.Range, validate.Length)):
            return each.min, each.max
    return None, None


def _validators(field: Any) -> list[Any]:
    return list(getattr(field, "validators", ()))


# From what was typed -------------------------------------------------------------------


def read(query: ConsoleQuery, parts: Sequence[Part], at: str = "") -> dict[str, Any]:
    """The members that a form says; what was left empty and has a default is left out."""
    found: dict[str, Any] = {}
    for part in parts:
        value = _READ[part.kind](query, part, f"{at}{part.name}")
        if value is not None or part.nullable:
            found[part.name] = value
    return found


def _text(query: ConsoleQuery, part: Part, name: str) -> Any:
    text = query.text(name)
    if not text and part.needed:
        raise Invalid(f"{name}: a text is expected", field=name)
    return text or None


def _whole(query: ConsoleQuery, part: Part, name: str) -> Any:
    return query.whole(name) if part.needed else query.whole(name, empty=None)


def _money(query: ConsoleQuery, part: Part, name: str) -> Any:
    return query.money(name) if part.needed else query.money(name, empty=None)


def _ticks(query: ConsoleQuery, part: Part, name: str) -> Any:
    return [each for each, *_ in part.options if f"{name}-{each}" in query.form]


def _lines(query: ConsoleQuery, part: Part, name: str) -> Any:
    lines = [line.strip() for line in query.text(name).split("\n") if line.strip()]
    return ["" if part.empties and line == NOTHING else line for line in lines] or None


def _numbers(query: ConsoleQuery, part: Part, name: str) -> Any:
    try:
        return [int(each) for each in query.lines(name)] or None
    except ValueError:
        raise Invalid(f"{name}: whole numbers are expected, one a line", field=name) from None


def _json(query: ConsoleQuery, part: Part, name: str) -> Any:
    text = query.text(name)
    try:
        return json.loads(text) if text else None
    except ValueError as error:
        raise Invalid(f"{name}: this is no JSON: {error}", field=name) from None


def _group(query: ConsoleQuery, part: Part, name: str) -> Any:
    if part.nullable and not any(query.text(f"{name}-{each}") for each in told(part)):
        return None
    return read(query, part.parts, f"{name}-")


def _rows(query: ConsoleQuery, part: Part, name: str) -> Any:
    return [read(query, part.parts, f"{name}-{nth}-") for nth in query.rows(name, *told(part))]


_READ: dict[str, Any] = {
    "text": _text, "area": _text, "choice": _text, "moment": _text, "whole": _whole, "money": _money,
    "tick": lambda query, part, name: name in query.form, "ticks": _ticks, "lines": _lines, "numbers": _numbers,
    "json": _json, "group": _group, "rows": _rows,
}  # fmt: skip


def told(part: Part) -> list[str]:
    """The fields of a row or group of which one at least is typed into: not those that always say something.

    Rows are shown with the defaults of what was left out; a group that is not there is shown empty.
    """
    typed_into = [each for each in part.parts if each.kind not in ("choice", "tick", "ticks")]
    return [each.name for each in typed_into if part.kind == "group" or each.default in (None, "")]


# From values to what the fields hold ---------------------------------------------------


def typed(parts: Sequence[Part], values: Mapping[str, Any] | None = None, at: str = "") -> Iterator[tuple[str, str]]:
    """What the fields hold: the values, and the defaults of what has none."""
    for part in parts:
        name = f"{at}{part.name}"
        value = part.default if values is None else values.get(part.name, part.default)
        if part.kind == "group":
            if value is not None or not part.nullable:
                yield from typed(part.parts, value or None, f"{name}-")
        elif part.kind == "rows":
            for nth, row in enumerate(value or ()):
                yield from typed(part.parts, row, f"{name}-{nth}-")
        elif part.kind == "ticks":
            yield from ((f"{name}-{each}", "on") for each in value or ())
        else:
            yield name, _shown(part, value)


def _shown(part: Part, value: Any) -> str:
    if value is None or value is False:
        return ""
    if part.kind == "money":
        return typed_money(value)
    if part.kind in ("lines", "numbers"):
        return "\n".join(str(each) if each != "" else NOTHING for each in value)
    if part.kind == "json":
        return json.dumps(value, ensure_ascii=False, indent=1)
    return "on" if value is True else str(value)


# Refusals ------------------------------------------------------------------------------


def field_of(query: ConsoleQuery, parts: Sequence[Part], member: str, at: str = "") -> str:
    """The field of the form that a member was typed in; of a group or of rows as a whole the first one."""
    head, _, rest = member.partition(".")
    part = next((each for each in parts if each.name == head), None)
    if part is None:
        return f"{at}{member}"
    name = f"{at}{head}"
    if part.kind == "ticks":
        return f"{name}-{part.options[0][0]}"
    if part.kind == "group":
        return field_of(query, part.parts, rest or part.parts[0].name, f"{name}-") if part.parts else name
    if part.kind == "rows":
        place, _, inner = rest.partition(".")
        filled = query.rows(name, *told(part)) or [0]
        nth = filled[int(place)] if place.isdigit() and int(place) < len(filled) else filled[0]
        return field_of(query, part.parts, inner or part.parts[0].name, f"{name}-{nth}-")
    return name
