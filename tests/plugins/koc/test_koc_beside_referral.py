"""KOC and referral in one brand: an order pays one scheme, and that of a friend's first order is the referral."""

from __future__ import annotations

import pytest
from koc_scene import Scene

from scrm_core.clock import iso
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_coupon_threshold import CouponThreshold
from scrm_coupon_threshold.service import coupons_of
from scrm_koc import KocPlugin
from scrm_referral import Referral
from scrm_referral.service import referrals_of

# Referral last: KOC hears of each order before it and puts it down to its KOC first.
ON = "\n[plugins.coupon-threshold]\n[plugins.koc]\nrefund_days = 0\nrate_c_bp = 1000\n[plugins.referral]\n"
DAY = 86_400_000


@pytest.fixture
def both(new_installation, deliver, clock):
    """Acme and moonco with both plugins; in acme eve invites, and ann is a KOC."""
    installation = new_installation(plugins=(CouponThreshold, KocPlugin, Referral), acme=ON, moonco=ON)
    scene, other = (Scene(installation.brand(name), deliver, clock) for name in ("acme", "moonco"))
    for each in (scene, other):
        each.enrol("ann", "ANN")
        with each.brand as brand:
            referrals = referrals_of(brand)
            definition = {
                "code": "spring", "title": "老带新", "surface": "mini_program", "staff": ["li"], "observation_days": 0,
                "ends_at": iso(brand.now() + 60 * DAY, brand.zone),
            }  # fmt: skip
            made = referrals.campaigns.create(definition, actor="mia")
            for sku in sorted({rung.item for rung in made.definition.ladder}):
                batch = {
                    "code": sku, "title": sku, "rule": {"kind": "exchange", "sku": sku, "qty": 1},
                    "validity": {"kind": "natural", "days": 365}, "limits": {"per_person": 5},
                }  # fmt: skip
                coupons_of(brand).batches.create(batch)
                coupons_of(brand).batches.open(sku)
            referrals.campaigns.publish("spring", actor="mia")
    return scene, other


def invited(scene, name="dan"):
    """A friend whom eve's code brought, a member by now."""
    eve = scene.person("eve")
    with scene.brand as brand:
        code = referrals_of(brand).campaigns.sign_up("spring", eve).code
        who = (IdentityIn.of("buyer", name, "shop"), IdentityIn.of("phone", "+8613912345678", ""))
        friend = brand.contacts.capture_lead(LeadIn("wecom", who, brand.now(), reference=name, state=code)).contact_id
        scene.clock.advance(hours=2)
        brand.membership.join(friend, f"M-{name}", at=brand.now(), source="test")
    return int(friend)


def counts(scene):
    """How many invitees count for the referral."""
    with scene.brand as brand:
        progress = referrals_of(brand).progress("spring", scene.person("eve"))
    return progress["qualified"]


def test_the_friends_first_order_earns_the_koc_nothing_and_the_second_does(both):
    scene, other = both
    invited(scene)
    scene.use("ANN", "1")
    scene.order("1", "dan", 10_000)
    scene.deliver()
    assert counts(scene) == 1
    assert scene.led("1") == ("ANN", "code", "void")
    scene.clock.advance(hours=1)
    scene.use("ANN", "2")
    scene.order("2", "dan", 10_000)
    scene.deliver()
    assert scene.settle() == [("ANN", 0, 1_000, 1_000, 0)]
    with scene.brand:
        assert scene.koc.tracking.named("shop", "1").reason == "other_scheme"
    # At the other brand the same order was nobody's friend's: it pays the KOC.
    other.use("ANN", "1")
    other.order("1", "dan", 10_000)
    other.deliver()
    assert other.settle() == [("ANN", 0, 1_000, 1_000, 0)]


def test_a_code_that_is_told_after_the_friend_counted_changes_nothing(both):
    scene, _ = both
    invited(scene)
    scene.order("1", "dan", 10_000)
    scene.deliver()
    assert counts(scene) == 1
    assert scene.use("ANN", "1").state == "void"
    assert scene.settle() == [] and scene.entries("ANN") == []


def test_a_friend_who_counts_after_the_order_was_paid_for_is_clawed_back_from_the_koc(both):
    scene, _ = both
    eve = scene.person("eve")
    with scene.brand as brand:
        code = referrals_of(brand).campaigns.sign_up("spring", eve).code
        who = (IdentityIn.of("buyer", "dan", "shop"), IdentityIn.of("phone", "+8613912345678", ""))
        friend = brand.contacts.capture_lead(LeadIn("wecom", who, brand.now(), reference="dan", state=code)).contact_id
    scene.clock.advance(hours=2)
    scene.use("ANN", "1")
    scene.order("1", "dan", 10_000)
    scene.deliver()
    assert scene.settle() == [("ANN", 0, 1_000, 1_000, 0)]  # no member yet: the friend does not count
    with scene.brand as brand:
        brand.membership.join(friend, "M-dan", at=brand.now(), source="test")
    scene.deliver()
    assert counts(scene) == 1
    assert scene.entries("ANN") == [("earn", 1_000), ("clawback", -1_000)]
    assert scene.settle() == [("ANN", 0, -1_000, 0, -1_000)]
    assert scene.adds_up()
