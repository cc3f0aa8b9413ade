"""Fast checkers derived from marshmallow schemas.

A marshmallow load costs tens of microseconds a row. A checker walks the same
fields as closures that handle the ordinary valid value and answer DOUBT for
everything else; on any doubt the whole row goes through ``schema.load``, so
results and messages are those of marshmallow by construction. A field of an
unknown type, or one with hooks, always doubts.

Own field types take part by a method ``fast_check()`` that returns a closure
from a value to its loaded form or DOUBT; it must answer exactly what the field's
``_deserialize`` would return, and doubt where that would raise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, missing, validate

Check = Callable[[Any], Any]

DOUBT: Final = object()
"""The answer of a closure that leaves the decision to ``schema.load``."""


def checker_for(schema: Schema) -> Callable[[Any], Any]:
    """A callable equal to ``schema.load`` (same results, same ValidationError) and much faster on valid rows.

    The schema must not be changed afterwards. Schemas with load hooks, schema
    validators, an own ``load``, ``partial`` or another ``unknown`` than RAISE
    get plain ``schema.load``.
    """
    fast = _schema_check(schema)
    load = schema.load
    if fast is None:
        return load

    def check(row: Any) -> Any:
        loaded = fast(row)
        return load(row) if loaded is DOUBT else loaded

    return check


_LOAD_HOOKS = ("pre_load", "post_load", "validates", "validates_schema")
_OWN_BEHAVIOUR = ("load", "_do_load", "_deserialize", "_invoke_field_validators")


def _schema_check(schema: Schema) -> Check | None:
    cls = type(schema)
    plain = (
        schema.unknown == RAISE
        and not schema.partial
        and schema.dict_class is dict
        and not any(schema._hooks[hook] for hook in _LOAD_HOOKS)
        and all(getattr(cls, name) is getattr(Schema, name) for name in _OWN_BEHAVIOUR)
    )
    if not plain:
        return None
    steps: dict[str, tuple[str, Check, bool]] = {}
    defaults: dict[str, Any] = {}
    factories: list[tuple[str, str, Callable[[], Any]]] = []
    required: list[str] = []
    for name, field in schema.load_fields.items():
        key = field.data_key if field.data_key is not None else name
        target = field.attribute or name
        if "." in target:
            return None
        steps[key] = (target, _field_check(field), bool(field.allow_none))
        if field.required:
            required.append(key)
        elif callable(field.load_default):
            factories.append((key, target, field.load_default))
        elif field.load_default is not missing:
            defaults[target] = field.load_default
    one = _row_check(steps, defaults, factories, tuple(required))
    return _many(one) if schema.many else one


def _row_check(
    steps: dict[str, tuple[str, Check, bool]],
    defaults: dict[str, Any],
    factories: list[tuple[str, str, Callable[[], Any]]],
    required: tuple[str, ...],
) -> Check:
    step_of = steps.get

    def check_row(row: Any) -> Any:
        if type(row) is not dict:
            return DOUBT
        for key in required:
            if key not in row:
                return DOUBT
        loaded = defaults.copy()
        for key, value in row.items():
            step = step_of(key)
            if step is None:
                return DOUBT
            target, check, nullable = step
            if value is None:
                if not nullable:
                    return DOUBT
                loaded[target] = None
                continue
            value = check(value)
            if value is DOUBT:
                return DOUBT
            loaded[target] = value
        for key, target, factory in factories:
            if key not in row:
                loaded[target] = factory()
        return loaded

    return check_row


def _many(one: Check) -> Check:
    def check_rows(rows: Any) -> Any:
        if type(rows) is not list:
            return DOUBT
        loaded = []
        for row in rows:
            value = one(row)
            if value is DOUBT:
                return DOUBT
            loaded.append(value)
        return loaded

    return check_rows


def _field_check(field: fields.Field[Any]) -> Check:
    if field.pre_load or field.post_load:
        return _doubt
    own = getattr(field, "fast_check", None)
    build = _BUILDERS.get(type(field), _unknown)
    check: Check | None = own() if own is not None else build(field)
    if check is None:
        return _doubt
    for validator in field.validators:
        check = _validated(check, validator)
    return check


def _unknown(field: Any) -> Check | None:
    return None


def _doubt(value: Any) -> Any:
    return DOUBT


def _validated(check: Check, validator: Callable[[Any], Any]) -> Check:
    if type(validator) is validate.Range and validator.min_inclusive and validator.max_inclusive:
        return _in_range(check, validator.min, validator.max)
    if type(validator) is validate.Length and validator.equal is None:
        return _of_length(check, validator.min or 0, validator.max)
    if type(validator) is validate.OneOf:
        return _one_of(check, tuple(validator.choices))

    def check_and_validate(value: Any) -> Any:
        value = check(value)
        if value is not DOUBT:
            try:
                validator(value)
            except ValidationError:
                return DOUBT
        return value

    return check_and_validate


def _in_range(check: Check, low: Any, high: Any) -> Check:
    def check_range(value: Any) -> Any:
        value = check(value)
        if value is DOUBT or (low is not None and value < low) or (high is not None and value > high):
            return DOUBT
        return value

    return check_range


def _of_length(check: Check, low: int, high: int | None) -> Check:
    def check_length(value: Any) -> Any:
        value = check(value)
        if value is DOUBT or len(value) < low or (high is not None and len(value) > high):
            return DOUBT
        return value

    return check_length


def _one_of(check: Check, choices: tuple[Any, ...]) -> Check:
    def check_choice(value: Any) -> Any:
        value = check(value)
        return value if value is not DOUBT and value in choices else DOUBT

    return check_choice


def _integer(field: fields.Integer) -> Check | None:
    if not field.strict:
        return None
    return lambda value: value if type(value) is int else DOUBT


def _string(field: fields.String) -> Check:
    return lambda value: value if type(value) is str else DOUBT


def _boolean(field: fields.Boolean) -> Check | None:
    if field.truthy is not fields.Boolean.truthy or field.falsy is not fields.Boolean.falsy:
        return None
    return lambda value: value if value is True or value is False else DOUBT


def _list(field: fields.List[Any]) -> Check:
    inner = field.inner
    check = _field_check(inner)
    nullable = bool(inner.allow_none)

    def check_list(values: Any) -> Any:
        if type(values) is not list:
            return DOUBT
        loaded = []
        for value in values:
            if value is None:
                if not nullable:
                    return DOUBT
            else:
                value = check(value)
                if value is DOUBT:
                    return DOUBT
            loaded.append(value)
        return loaded

    return check_list


def _dict(field: fields.Dict) -> Check | None:
    if field.key_field is None or field.value_field is None:
        return None
    if field.value_field.allow_none or field.key_field.allow_none:
        return None
    check_key, check_value = _field_check(field.key_field), _field_check(field.value_field)

    def check_dict(mapping: Any) -> Any:
        if type(mapping) is not dict:
            return DOUBT
        loaded = {}
        for key, value in mapping.items():
            key, value = check_key(key), check_value(value)
            if key is DOUBT or value is DOUBT:
                return DOUBT
            loaded[key] = value
        return loaded

    return check_dict


def _nested(field: fields.Nested) -> Check | None:
    if field.unknown not in (None, RAISE):
        return None
    return _schema_check(field.schema)


_BUILDERS: dict[type, Callable[[Any], Check | None]] = {
    fields.Integer: _integer,
    fields.String: _string,
    fields.Boolean: _boolean,
    fields.List: _list,
    fields.Dict: _dict,
    fields.Nested: _nested,
}
