"""Rows: hostile values answer with the name of the field, never with an accepted guess."""

from zoneinfo import ZoneInfo

import pytest
from marshmallow import ValidationError

from scrm_core.errors import Invalid
from scrm_core.intake.schemas import loader

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
ORDER = {"source": "s", "number": "1", "status": "paid", "paid_minor": 1}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("paid_minor", 1.9),
        ("paid_minor", "1"),
        ("paid_minor", True),
        ("paid_minor", -1),
        ("paid_minor", 2**53 + 1),
        ("paid_minor", None),
        ("items", -1),
        ("number", 1),
        ("number", ""),
        ("number", "1.23E+18"),
        ("number", None),
        ("status", "done"),
        ("status", ["paid"]),
        ("source", " "),
        ("source", "a\0"),
        ("phone", "138****0000"),
        ("name", "\ud800"),
        ("name", "x" * 201),
        ("paid_at", "2026-02-30"),
        ("paid_at", 12.5),
        ("lines", {}),
        ("brand_id", 1),
        ("lines", [{"sku": "a", "qty": 1}] * 1001),
    ],
)
def test_a_bad_value_is_named(field, value):
    with pytest.raises(ValidationError) as caught:
        loader("orders", SHANGHAI)({**ORDER, field: value})
    assert list(caught.value.messages) == [field]


def test_absent_fields_load_as_none():
    row = loader("orders", SHANGHAI)(ORDER)
    assert row["buyer"] is None
    assert row["paid_at"] is None
    assert set(row) > set(ORDER)


def test_wall_clock_times_are_in_the_zone_of_the_brand():
    order = {**ORDER, "paid_at": "2026-01-01T00:00:00"}
    in_shanghai = loader("orders", SHANGHAI)(order)["paid_at"]
    in_new_york = loader("orders", NEW_YORK)(order)["paid_at"]
    assert in_new_york - in_shanghai == 13 * 3_600_000


def test_phones_without_country_code_are_of_the_region():
    assert loader("leads", NEW_YORK, "US")({"phone": "(212) 555-0123"})["phone"] == "+12125550123"
    assert loader("leads", SHANGHAI, "CN")({"phone": "138 0013 8000"})["phone"] == "+8613800138000"
    with pytest.raises(ValidationError):
        loader("leads", NEW_YORK, "US")({"phone": "138 0013 8000"})


def test_order_numbers_keep_every_digit():
    for written in ('="6920000000030971726"', "'6920000000030971726", "\t6920000000030971726"):
        assert loader("orders", SHANGHAI)({**ORDER, "number": written})["number"] == "6920000000030971726"
    assert loader("orders", SHANGHAI)({**ORDER, "number": "0012"})["number"] == "0012"


def test_an_unknown_kind_is_named():
    with pytest.raises(Invalid, match="'payments'"):
        loader("payments", SHANGHAI)
