"""Signals of farming: scored with their evidence, held for a person, never silently banned; spread paths by surface."""

from __future__ import annotations

import pytest
from referral_scene import HOUR, Scene, rung

from scrm_core.errors import Conflict, Invalid
from scrm_core.installation import Installation
from scrm_coupon_threshold import CouponThreshold
from scrm_referral import Referral
from scrm_referral.service import referrals_of


def seen(scene: Scene, contact: int) -> dict[str, int]:
    return {each["signal"]: each["weight"] for each in scene.relation(contact)["signals"]}


def test_a_family_address_and_a_quick_order_hold_nobody_alone(scene: Scene) -> None:
    scene.campaign()
    anna, code = scene.inviter()
    bo = scene.person(state=code)
    scene.deliver()
    for contact in (anna, bo):
        scene.referrals.add_trait("spring", contact, "address", "上海市 浦东新区 1 号楼 202")
    scene.join(bo)
    scene.order(bo, at=scene.brand.now() + 30_000)
    scene.deliver()
    found = scene.relation(bo)
    assert seen(scene, bo) == {"address_of_inviter": 30, "hasty": 10}
    assert [each["evidence"] for each in found["signals"]] == [
        "delivery address of the inviter", "first order 30 seconds after the add",
    ]  # fmt: skip
    assert (found["score"], found["state"]) == (40, "qualified")


def test_the_same_device_and_payer_hold_the_invitee_until_a_person_decides(scene: Scene) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100)])
    anna, code = scene.inviter()
    bo, cleo = scene.person(state=code), scene.person(state=code)
    scene.deliver()
    for contact in (anna, bo, cleo):
        scene.referrals.add_trait("spring", contact, "device", "D-1")
        scene.referrals.add_trait("spring", contact, "payer", "PAY-1")
    for contact in (bo, cleo):
        scene.clock.set(scene.brand.now() + HOUR)
        scene.join(contact)
        scene.order(contact)
    scene.deliver()
    assert scene.states() == {"held": 2}
    assert seen(scene, bo) == {"same_device": 40, "same_payer": 40} and scene.relation(bo)["reason"] == "score"
    assert scene.rungs() == [] and scene.referrals.progress("spring", anna)["qualified"] == 0
    review = scene.referrals.counting.review
    with pytest.raises(Invalid):
        review(scene.relation(bo)["uid"], "approve", reason="", actor="li")
    review(scene.relation(bo)["uid"], "approve", reason="姐妹, 已电话核实", actor="li")
    review(scene.relation(cleo)["uid"], "refuse", reason="同一人", actor="li")
    assert scene.states() == {"qualified": 1, "void": 1} and len(scene.rungs()) == 1
    with pytest.raises(Conflict):
        review(scene.relation(cleo)["uid"], "approve", reason="again", actor="wang")


def test_staff_refuses_one_invitee_who_counts_until_the_refund_window_is_over(scene: Scene) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100), rung(2, "bag", 200)], refund_days=15)
    anna, code = scene.inviter()
    (bo, _), (cleo, _) = scene.customers(code, 2)
    (_, cup), (_, bag) = scene.rungs()
    assert (scene.approve(cup), scene.approve(bag)) == ("granted", "granted")
    review = scene.referrals.counting.review
    with pytest.raises(Conflict, match="only who is held is approved"):
        review(scene.relation(bo)["uid"], "approve", reason="x", actor="li")
    assert review(scene.relation(bo)["uid"], "refuse", reason="员工家属", actor="li").state == "void"
    # One of two is left: the bag is taken back, the cup stays.
    assert scene.vouchers_of(anna) == [("cup", "claimed"), ("bag", "void")]
    assert scene.relation(bo)["reason"] == "refused"
    scene.days(16)
    with pytest.raises(Conflict, match="final"):
        review(scene.relation(cleo)["uid"], "refuse", reason="x", actor="li")
    assert scene.states() == {"qualified": 1, "void": 1}


def test_numbers_in_a_run_of_virtual_operators_on_one_network_are_told(scene: Scene) -> None:
    scene.campaign()
    _, code = scene.inviter()
    people = [scene.person(phone=f"+8617012345{n:02d}0", state=code) for n in range(3)]
    scene.deliver()
    for contact in people:
        scene.referrals.add_trait("spring", contact, "network", "203.0.113.0/24")
    scene.clock.set(scene.brand.now() + HOUR)
    for contact in people:
        scene.join(contact)
        scene.order(contact)
    scene.deliver()
    # 15 + 15 + 20: fifty, below the line of sixty.
    assert seen(scene, people[0]) == {"virtual_number": 15, "phone_run": 15, "network_burst": 20}
    assert scene.states() == {"qualified": 3}


def test_invitees_beyond_an_inviters_day_are_held_not_lost(scene: Scene) -> None:
    scene.campaign(risk={"per_day": 2})
    _, code = scene.inviter()
    people = [scene.person(state=code) for _ in range(3)]
    scene.deliver()
    scene.clock.set(scene.brand.now() + HOUR)
    for contact in people:
        scene.join(contact)
        scene.order(contact)
    scene.deliver()
    assert scene.states() == {"qualified": 2, "held": 1}
    assert seen(scene, people[2]) == {"day_cap": 60}


def test_a_low_share_of_customers_and_a_refund_before_raise_the_score(scene: Scene) -> None:
    scene.campaign(risk={"hold": 40})
    _, code = scene.inviter()
    crowd = [scene.person(state=code) for _ in range(30)]
    scene.deliver()
    scene.clock.set(scene.brand.now() + HOUR)
    scene.join(crowd[0])
    number = scene.order(crowd[0])
    scene.deliver()
    assert seen(scene, crowd[0]) == {"low_rate": 20}
    words = "1 of the inviter's latest 30 invitees became customers"
    assert scene.relation(crowd[0])["signals"][0]["evidence"] == words
    scene.refund(number)
    scene.order(crowd[0])
    scene.deliver()
    assert seen(scene, crowd[0]) == {"refunded": 20, "low_rate": 20} and scene.states()["held"] == 1


def test_hashes_of_one_campaign_say_nothing_in_another(scene: Scene) -> None:
    from scrm_core.db.bulk import execute

    scene.campaign()
    scene.campaign("summer")
    anna, _ = scene.inviter()
    for code in ("spring", "summer"):
        scene.referrals.add_trait(code, anna, "device", "D-1")
        scene.referrals.add_trait(code, anna, "device", " d-1")  # the same, written otherwise
    digests = [row[0] for row in execute("SELECT digest FROM referral_trait").fetchall()]
    assert len(digests) == len(set(digests)) == 2 and not any("D-1" in each for each in digests)


# Spread paths (playbook F8) ------------------------------------------------------------


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("template", "surface", "rule"),
    [
        ("customer", "h5", "外部链接"),
        ("group", "h5", "外部链接"),
        ("group", "mini_program", "小程序"),
        ("follow", "h5", "外部链接"),
        ("follow", "mini_program", "小程序"),
    ],
)
def test_a_forbidden_surface_is_refused_with_the_rule(scene: Scene, template: str, surface: str, rule: str) -> None:
    gates = {"gates": [{"gate": "joined_group", "group": "vip"}]} if template == "group" else {}
    with pytest.raises(Invalid) as refused:
        scene.referrals.dry_run(scene.definition(template=template, surface=surface, **gates))
    assert refused.value.code == "surface" and rule in refused.value.message and "offline_code" in refused.value.message


def test_spread_paths_are_off_with_a_warning(scene: Scene) -> None:
    made = scene.definition(template="follow", surface="offline_code")
    told = scene.referrals.dry_run(made)
    assert any("spread_paths = true" in each for each in told["problems"])
    assert any("induced sharing" in each for each in told["warnings"])
    scene.vouchers("cotton-tissue", "bath-towel")
    scene.referrals.campaigns.create(made, actor="mia")
    with pytest.raises(Invalid, match="spread_paths"):
        scene.referrals.campaigns.publish("spring", actor="mia")


@pytest.mark.parametrize("template", ["group", "follow"])
def test_a_spread_path_works_on_a_permitted_surface(new_installation, deliver, template: str) -> None:
    tables = "\n[plugins.coupon-threshold]\n[plugins.referral]\nspread_paths = true\n"
    installation: Installation = new_installation(plugins=(CouponThreshold, Referral), acme=tables, moonco=tables)
    for name in ("acme", "moonco"):
        with installation.brand(name) as brand:
            scene = Scene(brand, deliver)
            brand.groups.upsert("fission", "裂变群")
            gates = {"gates": [{"gate": "joined_group", "group": "fission"}]} if template == "group" else {}
            scene.campaign(template=template, surface="offline_code", ladder=[rung(2, "cup", 100)], **gates)
            anna, code = scene.inviter()
            people = [scene.person(state=code) for _ in range(2)]
            scene.deliver()
            if template == "group":
                assert scene.states() == {"locked": 2}
                for contact in people:
                    brand.groups.join("fission", contact, at=brand.now(), source="test")
                assert referrals_of(brand).settle() == (2, 0)
            assert scene.states() == {"qualified": 2}
            ((invites, uid),) = scene.rungs()
            assert (invites, scene.approve(uid)) == (2, "granted")
            assert scene.vouchers_of(anna) == [("cup", "claimed")]
