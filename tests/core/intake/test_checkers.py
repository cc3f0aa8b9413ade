"""Checkers answer exactly what schema.load answers, for rows good and bad."""

import copy
import random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, post_load, validate

from scrm_core.intake.checkers import checker_for
from scrm_core.intake.schemas import SCHEMAS, STATUSES, loader

ZONE = ZoneInfo("Asia/Shanghai")


def answer(load, row):
    """The result of a loader as a comparable value: types included, errors as their messages."""
    try:
        return "loaded", typed(load(copy.deepcopy(row)))
    except ValidationError as error:
        return "refused", error.messages


def typed(value):
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return type(value), value


class Line(Schema):
    sku = fields.String(required=True, validate=validate.Length(min=1, max=4))
    qty = fields.Integer(strict=True, validate=validate.Range(0, 9), load_default=1)


class Zoo(Schema):
    """Every shape of field that checkers know, and some that they do not."""

    class Meta:
        unknown = RAISE

    number = fields.Integer(strict=True, required=True, validate=validate.Range(-5, 5))
    open_range = fields.Integer(strict=True, validate=validate.Range(0, 3, max_inclusive=False))
    loose = fields.Integer()
    text = fields.String(allow_none=True, validate=[validate.Length(max=3), validate.Regexp("[a-c]*$")])
    exact = fields.String(validate=validate.Length(equal=2))
    word = fields.String(validate=validate.OneOf(["a", "b"]), load_default="a")
    flag = fields.Boolean(load_default=False)
    own_flag = fields.Boolean(truthy={"on"}, falsy={"off"})
    tags = fields.List(fields.String(allow_none=True), load_default=list)
    named = fields.Dict(keys=fields.String(), values=fields.Integer(strict=True))
    line = fields.Nested(Line, allow_none=True)
    lines = fields.Nested(Line, many=True, validate=validate.Length(max=2))
    line_list = fields.List(fields.Nested(Line))
    loose_line = fields.Nested(Line, unknown=EXCLUDE)
    renamed = fields.String(data_key="other", attribute="target")
    amount = fields.Float()
    shown = fields.String(dump_only=True)


scalars = st.sampled_from(
    [
        None,
        0,
        1,
        2,
        3,
        -5,
        6,
        1.0,
        1.9,
        float("nan"),
        True,
        False,
        "",
        "a",
        "abc",
        "abcd",
        "1",
        "on",
        b"a",
        "\0",
        "\ud800",
        2**53,
        2**70,
        [],
        {},
    ]
)
lines = st.dictionaries(st.sampled_from(["sku", "qty", "extra"]), scalars, max_size=3) | st.just(
    {"sku": "ab", "qty": 2}
)
anything = st.one_of(
    scalars,
    lines,
    st.lists(lines, max_size=3),
    st.lists(scalars, max_size=3),
    st.tuples(scalars),
    st.dictionaries(st.sampled_from(["a", "b"]), scalars, max_size=2),
)
names = [*Zoo._declared_fields, "other", "extra", "_nope"]


@pytest.mark.parametrize("examples", [300, pytest.param(2000, marks=pytest.mark.soak)])
def test_a_zoo_of_fields_loads_as_marshmallow_loads_it(examples):
    @settings(max_examples=examples)
    @given(st.dictionaries(st.sampled_from(names), anything, max_size=8), st.booleans())
    def agrees(row, valid_number):
        if valid_number:
            row["number"] = 1
        assert answer(checker_for(Zoo()), row) == answer(Zoo().load, row)

    agrees()


@pytest.mark.parametrize("row", [None, [], "x", 1, {1: 2}, [{}], {None: 1}])
def test_what_is_no_row_is_answered_alike(row):
    assert answer(checker_for(Zoo()), row) == answer(Zoo().load, row)


LINE = {"sku": "S1", "title": "纸尿裤", "qty": 2, "paid_minor": 100, "gift": False}
GOOD = {
    "leads": {
        "channel": "card",
        "phone": "13800138000",
        "name": "王小明",
        "at": "2026-01-01T12:00:00+08:00",
        "state": "A-1",
    },
    "contacts": {"unionid": "oWgG1", "name": "Ann", "at": 1_767_225_600_000},
    "orders": {
        "source": "cdnow",
        "number": "L00001",
        "buyer": "0001",
        "status": "completed",
        "paid_at": "1997-01-01",
        "items": 2,
        "paid_minor": 2933,
        "platform": "cdnow",
        "lines": [LINE, LINE],
    },
    "refunds": {"source": "tmall", "order_number": "6920", "number": "R1", "amount_minor": 5, "at": "2026-01-02"},
    "tags": {"phone": "+12125550123", "group": "value", "tag": "high", "remove": False, "origin": "auto"},
    "products": {"sku": "S1", "category": "baby/diaper", "price_minor": 8900, "attributes": {"size": "M"}},
}
NASTY = [
    None,
    "",
    " ",
    "a\0",
    "\ud800",
    "x" * 3000,
    " padded ",
    "1.23E+18",
    '="0012"',
    "'0012",
    "=1",
    "completed",
    "1997-02-29",
    "2026-01-01T12:00:00",
    "138****8000",
    "１３８００１３８０００",
    0,
    -1,
    1,
    1.9,
    True,
    False,
    2**53,
    2**53 + 1,
    10**400,
    [],
    {},
    [LINE],
    [None],
    [{**LINE, "qty": 1.5}],
    [{**LINE, "x": 1}],
    [{}],
    {"size": 1},
    {"": "M"},
    {1: "M"},
    {"size": None},
    STATUSES,
    float("nan"),
    float("inf"),
    b"bytes",
]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_kind_loads_a_good_row_without_asking_the_schema(kind, monkeypatch):
    schema = SCHEMAS[kind](zone=ZONE)
    expected = schema.load(GOOD[kind])
    monkeypatch.setattr(schema, "load", None)
    assert checker_for(schema)(GOOD[kind]) == expected


@pytest.mark.parametrize("kind", SCHEMAS)
def test_damaged_rows_of_every_kind_are_answered_as_the_schema_answers(kind):
    schema, check, draw = SCHEMAS[kind](zone=ZONE), loader(kind, ZONE), random.Random(kind)
    fields_ = [*schema.fields, "brand_id", "nope"]
    refused = 0
    for _ in range(2000):
        row = copy.deepcopy(GOOD[kind])
        for name in draw.sample(fields_, draw.randint(0, 3)):
            if draw.random() < 0.2:
                row.pop(name, None)
            else:
                row[name] = draw.choice(NASTY)
        ours = answer(check, row)
        assert ours == answer(schema.load, row), row
        refused += ours[0] == "refused"
    assert 400 < refused < 1900  # both outcomes are really met


def test_schemas_with_own_behaviour_keep_it():
    class Hooked(Line):
        @post_load
        def upper(self, data, **kwargs):
            return {"sku": data["sku"].upper()}

    class Lax(Line):
        class Meta:
            unknown = EXCLUDE

    for schema in (Hooked(), Lax(), Line(partial=True), Line(many=True), Line(partial=("sku",))):
        for row in ({"sku": "a", "qty": 1}, {"sku": "a", "x": 1}, {}, [{"sku": "a"}], [{}, 1], None):
            assert answer(checker_for(schema), row) == answer(schema.load, row)
