"""Many links at once: one per recipient or card."""

from __future__ import annotations

import pytest

from scrm_core.errors import Invalid


def test_each_link_has_a_code_of_its_own_that_its_target_may_carry(brand, other):
    with brand:
        brand.channels.ensure("sms", "SMS", "sms")
        links = brand.links.create_many(
            "sms", "https://shop.example/land?c={code}", 300, owner="x", campaign="c1", variants=["A", "B", "A"] * 100
        )
        assert [link.variant for link in links] == ["A", "B", "A"] * 100
        assert len({link.code for link in links}) == 300
        for link in links[:3]:
            assert link.target == f"https://shop.example/land?c={link.code}"
            assert brand.links.get(link.code) == link
        visit = brand.links.visit(links[5].code, at=brand.now(), visitor="", agent="Mozilla/5.0 (iPhone)")
        assert visit.target == links[5].target
    with other, pytest.raises(Exception, match="no such link"):
        other.links.get(links[0].code)


def test_a_single_link_may_carry_its_code_too(brand):
    with brand:
        brand.channels.ensure("sms", "SMS", "sms")
        link = brand.links.create("sms", "https://shop.example/{code}")
        assert link.target == f"https://shop.example/{link.code}"


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("target", ["javascript:{code}", "https://{code}@evil.example/", "//{code}"])
def test_the_code_opens_no_way_to_an_unsafe_target(brand, target):
    with brand:
        brand.channels.ensure("sms", "SMS", "sms")
        with pytest.raises(Invalid):
            brand.links.create_many("sms", target, 2)


def test_variants_must_fit_the_count(brand):
    with brand:
        brand.channels.ensure("sms", "SMS", "sms")
        with pytest.raises(Invalid):
            brand.links.create_many("sms", "https://shop.example/", 2, variants=["A"])
