"""The first thing wrong with a body is told by its path."""

from __future__ import annotations

import pytest
from marshmallow import RAISE, Schema, ValidationError, fields, validates_schema

from scrm_core.api import Invalid, load_body


class Line(Schema):
    class Meta:
        unknown = RAISE

    qty = fields.Integer(required=True, strict=True)


class Body(Schema):
    class Meta:
        unknown = RAISE

    lines = fields.List(fields.Nested(Line), required=True)

    @validates_schema
    def _whole(self, data, **_):
        if not data["lines"]:
            raise ValidationError("nothing is there")


@pytest.mark.parametrize(
    ("value", "at", "field", "words"),
    [
        ({"lines": [{"qty": 1}, {"qty": "x"}]}, "", "lines.1.qty", "lines.1.qty: Not a valid integer."),
        ({"lines": [{"qty": 1}]} | {"more": 1}, "", "more", "more: Unknown field."),
        ({"lines": [{"qty": 1}]} | {"line": 1}, "", "line", "line: Unknown field. Did you mean 'lines'?"),
        ({"lines": [{"qty": 1}]} | {"lnes": 1}, "at", "at.lnes", "at.lnes: Unknown field. Did you mean 'lines'?"),
        ({"lines": [{"qty": 1, "qyt": 1}]}, "", "lines.0.qyt", "lines.0.qyt: Unknown field."),
        ({"lines": []}, "", None, "nothing is there"),
        ({"lines": []}, "settings", "settings", "settings: nothing is there"),
        ({}, "settings", "settings.lines", "settings.lines: Missing data for required field."),
        ([], "", None, "an object is expected"),
        (None, "settings", "settings", "settings: an object is expected"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(value, at, field, words):
    with pytest.raises(Invalid) as refused:
        load_body(Body(), value, at=at)
    assert (refused.value.field, refused.value.message) == (field, words)


def test_a_good_body_is_loaded():
    assert load_body(Body(), {"lines": [{"qty": 2}]}) == {"lines": [{"qty": 2}]}
