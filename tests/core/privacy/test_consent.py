"""Consent: append-only, the latest decision holds, nothing means no."""

from __future__ import annotations

import pytest

from scrm_core.db.bulk import execute
from scrm_core.errors import Invalid, NotFound
from scrm_core.services.contacts import IdentityIn


@pytest.fixture
def person(brand):
    with brand:
        return brand.contacts.resolve([IdentityIn.of("phone", "13800138000")], at=1, origin="t").contact_id


def test_without_a_record_the_answer_is_no(brand, other, person):
    with brand:
        assert not brand.consent.state(person, "marketing_sms")
        brand.consent.record(person, "marketing_sms", granted=True, source="page")
        assert brand.consent.state(person, "marketing_sms")
        assert not brand.consent.state(person, "marketing_sms", "wecom")
        assert not brand.consent.state(4_000_000, "marketing_sms")
    with other:
        assert not other.consent.state(person, "marketing_sms")


def test_the_latest_decision_holds_whatever_order_it_was_told_in(brand, person):
    with brand:
        brand.consent.record(person, "marketing_sms", granted=False, source="page", at=9)
        brand.consent.record(person, "marketing_sms", granted=True, source="import", at=5)
        assert not brand.consent.state(person, "marketing_sms")
        brand.consent.record(person, "marketing_sms", granted=True, source="page", at=10)
        assert brand.consent.state(person, "marketing_sms")
        assert [(c.at, c.granted, c.source) for c in brand.consent.history(person)] == [
            (5, True, "import"), (9, False, "page"), (10, True, "page")
        ]  # fmt: skip


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"purpose": ""}, "purpose"),
        ({"source": " "}, "source"),
        ({"granted": 1}, "granted"),
        ({"granted": "yes"}, "granted"),
    ],
)
def test_a_consent_that_says_nothing_is_refused(brand, person, change, field):
    given = {"purpose": "marketing_sms", "granted": True, "source": "page", **change}
    with brand, pytest.raises(Invalid) as refused:
        brand.consent.record(person, given.pop("purpose"), **given)
    assert refused.value.field == field
    with brand:
        assert execute("SELECT count(*) FROM consent").fetchone()[0] == 0


def test_a_consent_of_nobody_is_not_found(brand):
    with brand, pytest.raises(NotFound):
        brand.consent.record(4_000_000, "marketing_sms", granted=True, source="page")
