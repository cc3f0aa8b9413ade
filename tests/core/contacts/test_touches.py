"""The chain of touches of a contact, in the order of time, whoever told of them first."""

from __future__ import annotations

import pytest

from scrm_core.errors import Invalid, NotFound
from scrm_core.services import audit
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.orders import OrderIn

NOON = 1_767_268_800_000
PHONE = IdentityIn.of("phone", "13800138000")


@pytest.fixture
def person(brand):
    with brand:
        return brand.contacts.resolve([PHONE], at=NOON, origin="t").contact_id


def test_the_chain_goes_from_the_first_ad_to_the_order(brand, person):
    with brand:
        contacts = brand.contacts
        brand.channels.create("live", "Live room", "live")
        link = brand.links.create("live", "https://shop.example/page")
        brand.groups.upsert("mums", "Mothers", "li", "card")
        order = OrderIn(
            source="tmall", number="9", status="completed", paid_at=NOON + 60, paid_minor=100, buyer=(PHONE,)
        )
        unpaid = OrderIn(source="tmall", number="10", status="unpaid", paid_at=None, paid_minor=100, buyer=(PHONE,))
        brand.orders.upsert_many([order, unpaid])
        contacts.capture_lead(LeadIn("form", (PHONE,), NOON + 50, reference="1", state="live"))
        brand.groups.join("mums", person, at=NOON + 40)
        brand.links.visit(link.code, at=NOON + 30, visitor="v1", agent="Mozilla/5.0 (iPhone)")
        brand.links.attribute("v1", person, NOON + 50)
        contacts.add_touch(person, "page", "topic-7", at=NOON + 20, key="page:1")
        contacts.add_touch(person, "ad", "ad-3", at=NOON + 10, key="ad:1")
        chain = contacts.touches(person)
        assert [(touch.kind, touch.ref) for touch in chain] == [
            ("ad", "ad-3"),
            ("page", "topic-7"),
            ("visit", link.code),
            ("group", "mums"),
            ("lead", "form"),
            ("order", "tmall/9"),
        ]
        assert [touch.channel for touch in chain] == ["", "", "live", "", "live", ""]
        assert [touch.at for touch in chain] == [NOON + n for n in (10, 20, 30, 40, 50, 60)]


def test_a_touch_is_added_once_per_key(brand, person):
    with brand:
        assert brand.contacts.add_touch(person, "ad", "a", at=NOON, key="k")
        assert not brand.contacts.add_touch(person, "ad", "b", at=NOON + 1, key="k")
        assert [touch.ref for touch in brand.contacts.touches(person)] == ["a"]


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("kind", "key", "field"),
    [("lead", "k", "kind"), ("order", "k", "kind"), ("", "k", "kind"), ("ad", "", "key"), ("ad", "lead:form:1", "key")],
)
def test_touches_that_follow_from_facts_are_not_added_by_hand(brand, person, kind, key, field):
    with brand, pytest.raises(Invalid) as refused:
        brand.contacts.add_touch(person, kind, "", at=NOON, key=key)
    assert refused.value.field == field


def test_a_touch_of_nobody_is_not_found(brand):
    with brand, pytest.raises(NotFound):
        brand.contacts.add_touch(4_000_000, "ad", "a", at=NOON, key="k")


def test_the_audit_is_read_from_the_newest_act(brand, other, clock):
    with brand:
        with brand.transaction():
            for number in range(5):
                audit.record(brand, "li", "test.act", f"thing:{number % 2}", {"number": number})
                clock.advance(seconds=1)
        newest = audit.page(limit=2)
        assert [entry.detail for entry in newest] == [{"number": 4}, {"number": 3}]
        rest = audit.page(before=newest[-1].id)
        assert [entry.detail["number"] for entry in rest] == [2, 1, 0]
        assert [entry.detail["number"] for entry in audit.page(target="thing:1")] == [3, 1]
    with other:
        assert audit.page() == []
