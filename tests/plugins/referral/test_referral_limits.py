"""Limits: places across merges and erasures, stock of rungs, budgets that are raised; and many at once."""

from __future__ import annotations

import pytest
from referral_scene import Scene, rung

from scrm_core.db.bulk import execute
from scrm_core.errors import Invalid
from scrm_core.installation import Installation
from scrm_coupon_threshold import CouponThreshold
from scrm_referral import Referral


def place(scene: Scene, contact: int) -> str:
    return str(scene.referrals.progress("spring", contact)["state"])


def test_whoever_has_a_place_takes_no_second_one_from_the_wait_list(scene: Scene) -> None:
    scene.campaign(quota=2)
    sign_up = scene.referrals.campaigns.sign_up
    anna, bo, annas_other, cleo = people = [scene.person() for _ in range(4)]
    assert [sign_up("spring", each).state for each in people] == ["accepted", "accepted", "waiting", "waiting"]
    scene.brand.contacts.merge(anna, annas_other, actor="mia", reason="one person")
    scene.deliver()
    (promoted,) = scene.referrals.campaigns.leave("spring", bo)
    assert promoted.contact_id == cleo
    assert (place(scene, anna), place(scene, cleo)) == ("accepted", "accepted")
    assert sign_up("spring", annas_other).state == "accepted"


def test_a_merged_person_who_left_as_one_contact_keeps_the_place_of_the_other(scene: Scene) -> None:
    scene.campaign(quota=2)
    anna, other = scene.person(), scene.person()
    for each in (anna, other):
        scene.referrals.campaigns.sign_up("spring", each)
    scene.referrals.campaigns.leave("spring", anna)
    scene.brand.contacts.merge(anna, other, actor="mia", reason="one person")
    scene.deliver()
    assert scene.referrals.campaigns.sign_up("spring", anna).state == "accepted"


def test_nobody_moves_up_in_a_campaign_that_is_over(scene: Scene) -> None:
    scene.campaign(quota=1)
    anna, waiting = scene.person(), scene.person()
    for each in (anna, waiting):
        scene.referrals.campaigns.sign_up("spring", each)
    scene.days(61)
    assert scene.referrals.campaigns.leave("spring", anna) == []
    assert place(scene, waiting) == "waiting"


def test_the_place_of_somebody_erased_while_referral_was_off_goes_to_who_waits(
    scene: Scene, house: Installation
) -> None:
    scene.campaign(quota=1)
    anna, waiting = scene.person(), scene.person()
    for each in (anna, waiting):
        scene.referrals.campaigns.sign_up("spring", each)
    file = house.config.root / "brands" / "acme.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("[plugins.referral]", "[plugins.referral]\nenabled = false"), encoding="utf-8")
    quiet = Installation.open(house.config.root, clock=scene.clock, plugins=(CouponThreshold, Referral))
    with quiet.brand("acme") as brand:
        brand.privacy.erase(anna, actor="mia")
    quiet.close()
    file.write_text(text, encoding="utf-8")
    scene.referrals.settle()
    assert place(scene, waiting) == "accepted"
    assert scene.referrals.campaigns.get("spring").accepted == 1


def test_no_more_of_a_rung_is_granted_than_there_is_and_a_revoked_one_is_there_again(scene: Scene) -> None:
    scene.campaign(ladder=[rung(1, "cup", 600, stock=2), rung(2, "bag", 900)])
    people = [scene.inviter() for _ in range(3)]
    orders = [scene.customers(code, 1)[0][1] for _, code in people]
    cups = [uid for invites, uid in scene.rungs() if invites == 1]
    assert [scene.approve(uid) for uid in cups] == ["granted", "granted", "approved"]
    waits = scene.referrals.rungs.get(cups[2])
    assert "stock" in waits.reason and scene.referrals.campaigns.get("spring").spent_minor == 1_200
    campaign = scene.referrals.campaigns.get("spring")
    assert scene.referrals.campaigns.stocks(campaign) == {1: (2, 2)}
    scene.refund(orders[0])
    scene.deliver()
    assert scene.referrals.campaigns.stocks(campaign) == {1: (2, 1)}
    assert scene.referrals.settle() == (0, 1)
    assert scene.vouchers_of(people[2][0]) == [("cup", "claimed")]
    scene.order(scene.customers(people[0][1], 1)[0][0])
    (again,) = [uid for invites, uid in scene.rungs() if invites == 1]
    assert scene.approve(again) == "approved"
    assert scene.referrals.campaigns.restock("spring", 1, 3, actor="mia") == {1: (3, 2)}
    assert scene.referrals.settle() == (0, 1)
    for invites, stock in ((1, 2), (2, 5), (1, 2.5)):
        with pytest.raises(Invalid):
            scene.referrals.campaigns.restock("spring", invites, stock, actor="mia")  # type: ignore[arg-type]


def test_a_raised_budget_pays_what_waited_for_it(scene: Scene) -> None:
    scene.campaign(ladder=[rung(1, "cup", 600)], budget_minor=1_000)
    people = [scene.inviter() for _ in range(2)]
    for _, code in people:
        scene.customers(code, 1)
    assert [scene.approve(uid) for _, uid in scene.rungs()] == ["granted", "approved"]
    assert scene.referrals.settle() == (0, 0)
    with pytest.raises(Invalid, match="only raised; it is 1000"):
        scene.referrals.campaigns.fund("spring", 999, actor="mia")
    assert scene.referrals.campaigns.fund("spring", 1_200, actor="mia").budget_minor == 1_200
    assert scene.referrals.settle() == (0, 1)
    assert scene.referrals.campaigns.get("spring").spent_minor == 1_200


def test_dry_run_tells_where_stock_makes_rewards_first_come(scene: Scene) -> None:
    scene.vouchers("cup")
    told = scene.referrals.dry_run(scene.definition(ladder=[rung(1, "cup", 600, stock=2)], quota=3))
    assert told["ladder"][0]["stock"] == 2
    assert any("2 of the rung for 1" in each and "first come" in each for each in told["warnings"])
    # Two of three inviters are paid: 12.00 at most, not 18.00.
    assert told["most_minor"] == 1_200


# Four processes approve rewards of different people at the same moment.
APPROVE = """
from scrm_referral.service import referrals_of


def run(brand, worker):
    here = referrals_of(brand).rungs
    for uid in {uids}[worker::4]:
        here.review(uid, "approve", reason="", actor="staff")
    referrals_of(brand).settle()
    return 0
"""


@pytest.mark.parametrize("limit", [{"stock": 5}, {"budget_minor": 3_050}])
def test_exactly_what_the_limit_allows_is_granted_when_four_processes_approve(
    open_house, together, deliver, limit: dict[str, int]
) -> None:
    installation: Installation = open_house()
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        budget = {"budget_minor": limit["budget_minor"]} if "budget_minor" in limit else {}
        stock = {"stock": limit["stock"]} if "stock" in limit else {}
        scene.campaign(ladder=[rung(1, "cup", 600, **stock)], gates=[{"gate": "member"}], **budget)
        for _ in range(12):
            _, code = scene.inviter()
            scene.join(scene.person(state=code))
        scene.deliver()
        uids = [uid for _, uid in scene.rungs()]
        assert len(uids) == 12
    together(installation, APPROVE.format(uids=uids), 4)
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        # Five cups of 6.00: the stock, and all that 30.50 pays for.
        assert (len(scene.rungs("granted")), len(scene.rungs("approved"))) == (5, 7)
        assert execute("SELECT count(*) FROM coupon_threshold_coupon").fetchone()[0] == 5
        assert execute("SELECT spent_minor FROM referral_campaign").fetchone()[0] == 3_000
        ledger = execute("SELECT count(*), sum(cost_minor) FROM reward").fetchone()
        assert (ledger[0], int(ledger[1])) == (5, 3_000)
