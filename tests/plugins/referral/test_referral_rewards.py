"""The ladder paid: audit, four eyes, observation, budget, vouchers taken back or lost, issuers that are gone."""

from __future__ import annotations

import pytest
from referral_scene import HOUR, TABLES, Scene, rung

from scrm_core.carts import Cart, CartLine
from scrm_core.db.bulk import execute
from scrm_core.doctor import examine
from scrm_core.errors import Conflict, Invalid
from scrm_core.installation import Installation
from scrm_coupon_threshold import CouponThreshold
from scrm_red_packet import RedPacket
from scrm_referral import Referral, relations
from scrm_referral.figures import figures


def test_nothing_is_issued_before_staff_approved_and_the_towel_needs_two_persons(scene: Scene) -> None:
    scene.campaign()  # the preset: 5 -> 3,000, 10 -> 9,900; four eyes from 5,000 on
    anna, code = scene.inviter()
    scene.customers(code, 10)
    scene.referrals.settle()
    assert scene.vouchers_of(anna) == []
    (five, tissue), (ten, towel) = scene.rungs()
    assert (five, ten) == (5, 10)
    review = scene.referrals.rungs.review
    assert review(tissue, "approve", reason="", actor="Li").state == "granted"
    assert scene.vouchers_of(anna) == [("cotton-tissue", "claimed")]
    assert review(towel, "approve", reason="", actor="Li").state == "due"
    with pytest.raises(Conflict) as refused:
        review(towel, "approve", reason="", actor="ｌi ")  # the same person, however they write their name
    assert refused.value.code == "four_eyes"
    assert review(towel, "approve", reason="", actor="wang").state == "granted"
    assert scene.vouchers_of(anna) == [("cotton-tissue", "claimed"), ("bath-towel", "claimed")]
    assert scene.referrals.campaigns.get("spring").spent_minor == 12_900
    costs = [(r.item, r.cost_minor) for r in scene.brand.rewards.page(contact_id=anna)]
    assert costs == [("cotton-tissue", 3_000), ("bath-towel", 9_900)]


def test_a_refusal_needs_a_reason_and_stands(scene: Scene) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100)])
    anna, code = scene.inviter()
    scene.customers(code, 1)
    ((_, uid),) = scene.rungs()
    with pytest.raises(Invalid):
        scene.referrals.rungs.review(uid, "refuse", reason=" ", actor="li")
    scene.referrals.rungs.review(uid, "refuse", reason="全家的手机", actor="li")
    scene.customers(code, 1)
    scene.referrals.settle()
    found = scene.referrals.rungs.get(uid)
    assert (found.state, found.reason, scene.rungs(), scene.vouchers_of(anna)) == ("refused", "全家的手机", [], [])
    with pytest.raises(Conflict):
        scene.referrals.rungs.review(uid, "approve", reason="", actor="wang")


def test_an_approved_reward_waits_for_the_observation_of_enough_invitees(scene: Scene) -> None:
    scene.campaign(ladder=[rung(2, "cup", 100)], observation_days=7)
    anna, code = scene.inviter()
    scene.customers(code, 1)
    scene.days(3)
    ((_, order),) = scene.customers(code, 1)
    ((_, uid),) = scene.rungs()
    assert scene.approve(uid) == "approved" and scene.referrals.rungs.get(uid).reason == "observation"
    scene.days(6)
    assert scene.referrals.settle() == (0, 0)  # the second has counted for six days
    scene.days(1)
    assert scene.referrals.settle() == (0, 1)
    assert scene.referrals.settle() == (0, 0)
    assert scene.vouchers_of(anna) == [("cup", "claimed")] and order


def test_a_refund_during_the_observation_pays_nothing(scene: Scene) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100)], observation_days=7)
    anna, code = scene.inviter()
    ((_, order),) = scene.customers(code, 1)
    assert scene.approve(scene.rungs()[0][1]) == "approved"
    scene.days(2)
    scene.refund(order)
    scene.deliver()
    scene.days(9)
    assert scene.referrals.settle() == (0, 0) and scene.vouchers_of(anna) == []


def test_after_the_grant_an_unused_voucher_is_revoked_and_its_money_returns(scene: Scene) -> None:
    scene.campaign()
    anna, code = scene.inviter()
    people = scene.customers(code, 5)
    uid = scene.rungs()[0][1]
    assert scene.approve(uid) == "granted"
    scene.refund(people[2][1])
    scene.deliver()
    assert scene.referrals.rungs.get(uid).state == "revoked"
    assert scene.vouchers_of(anna) == [("cotton-tissue", "void")]
    assert scene.referrals.campaigns.get("spring").spent_minor == 0
    # A sixth friend makes it five again: the rung is due a second time.
    scene.customers(code, 1)
    ((invites, again),) = scene.rungs()
    assert invites == 5 and scene.approve(again) == "granted"
    assert scene.vouchers_of(anna) == [("cotton-tissue", "void"), ("cotton-tissue", "claimed")]


def test_a_used_voucher_is_recorded_as_a_loss_and_never_paid_again(scene: Scene) -> None:
    scene.campaign()
    anna, code = scene.inviter()
    people = scene.customers(code, 5)
    uid = scene.rungs()[0][1]
    scene.approve(uid)
    (granted,) = scene.brand.rewards.page(contact_id=anna)
    assert granted.issued is not None
    cart = Cart(
        (CartLine("l1", "cotton-tissue", 1, 3_000),), scene.brand.now(), anna, codes=(granted.issued["codes"][0],)
    )
    scene.coupons.carts.redeeming.redeem_cart("till-1", cart, source="shop", order_number="FREE")
    assert scene.vouchers_of(anna) == [("cotton-tissue", "used")]
    scene.refund(people[2][1])
    scene.deliver()
    assert scene.referrals.rungs.get(uid).state == "lost"
    scene.customers(code, 1)
    assert scene.rungs() == []  # five again, and five was paid
    (row,) = scene.brand.reports.run("referral").rows
    assert (row["cost"], row["lost"]) == (3_000, 3_000)


def test_the_budget_is_never_passed_and_what_waits_for_it_says_so(scene: Scene) -> None:
    scene.campaign(ladder=[rung(1, "cup", 600)], budget_minor=1_000)
    people = [scene.inviter() for _ in range(2)]
    for _, code in people:
        scene.customers(code, 1)
    first, second = [uid for _, uid in scene.rungs()]
    assert (scene.approve(first), scene.approve(second)) == ("granted", "approved")
    assert "budget" in scene.referrals.rungs.get(second).reason
    assert scene.referrals.campaigns.get("spring").spent_minor == 600


def test_an_issuer_that_has_none_left_lets_the_reward_wait_and_it_comes_later(scene: Scene) -> None:
    scene.campaign(ladder=[rung(1, "cup", 600)])
    anna, code = scene.inviter()
    scene.customers(code, 1)
    scene.coupons.batches.pause("cup")
    uid = scene.rungs()[0][1]
    assert scene.approve(uid) == "approved"
    assert scene.referrals.campaigns.get("spring").spent_minor == 0
    scene.coupons.batches.open("cup")
    assert scene.referrals.settle() == (0, 1)
    assert scene.vouchers_of(anna) == [("cup", "claimed")]


def test_highest_pays_only_the_top_rung_once_steps_are_over(scene: Scene) -> None:
    scene.campaign(mode="highest")
    anna, code = scene.inviter()
    people = scene.customers(code, 10)
    scene.referrals.settle()
    assert scene.rungs() == []
    scene.days(61)
    scene.referrals.settle()
    ((invites, uid),) = scene.rungs()
    assert invites == 10 and scene.approve(uid) == "granted"
    assert scene.vouchers_of(anna) == [("bath-towel", "claimed")] and len(people) == 10


def test_a_ladder_that_was_closed_follows_a_refund_and_leaves_who_reached_no_rung_alone(scene: Scene) -> None:
    scene.campaign(mode="highest", grace_days=0, refund_days=15)
    (anna, code), (_, other) = scene.inviter(), scene.inviter()
    scene.days(55)
    people = scene.customers(code, 10)
    scene.customers(other, 4)
    scene.days(5)
    assert scene.referrals.settle() == (0, 0)
    assert [invites for invites, _ in scene.rungs()] == [10]
    scene.refund(people[0][1])
    scene.deliver()
    # Nine: the tissue in the place of the towel.
    assert ([i for i, _ in scene.rungs()], [i for i, _ in scene.rungs("withdrawn")]) == ([5], [10])
    scene.referrals.settle()
    assert [i for i, _ in scene.rungs()] == [5] and scene.vouchers_of(anna) == []


def test_what_is_approved_may_still_be_refused_while_it_is_observed(scene: Scene) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100)], observation_days=7)
    anna, code = scene.inviter()
    scene.customers(code, 1)
    ((_, uid),) = scene.rungs()
    assert scene.approve(uid, "li") == "approved"
    review = scene.referrals.rungs.review
    with pytest.raises(Conflict) as refused:
        review(uid, "approve", reason="", actor="wang")
    assert refused.value.code == "state"
    assert review(uid, "refuse", reason="同一地址", actor="wang").state == "refused"
    scene.days(8)
    assert scene.referrals.settle() == (0, 0) and scene.vouchers_of(anna) == []


def test_dry_run_tells_what_a_ladder_costs_per_qualified_invitee(scene: Scene) -> None:
    # 30 yuan at 5 and 99 at 10 (growth.md 1.3): 12.90 each when rungs add up, 9.90 for the highest alone.
    found = scene.referrals.dry_run(scene.definition(quota=100, budget_minor=1_000_000))
    assert [(r["invites"], r["total_minor"], r["per_qualified_minor"]) for r in found["ladder"]] == [
        (5, 3_000, 600.0), (10, 12_900, 1_290.0),
    ]  # fmt: skip
    assert [r["four_eyes"] for r in found["ladder"]] == [False, True]
    assert found["most_minor"] == 1_290_000
    assert any("¥12,900.00" in each for each in found["warnings"])  # a hundred at the top are above the budget
    assert any("no" in each for each in found["problems"])  # nobody has made the vouchers yet
    highest = scene.referrals.dry_run(scene.definition(mode="highest"))["ladder"]
    assert [(r["invites"], r["total_minor"], r["per_qualified_minor"]) for r in highest] == [
        (5, 3_000, 600.0), (10, 9_900, 990.0),
    ]  # fmt: skip
    assert scene.referrals.campaigns.all() == []


def test_a_batch_that_is_closed_breaks_no_brand_is_told_and_what_is_approved_waits_for_it(
    scene: Scene, house: Installation
) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100)], gates=[{"gate": "first_order"}])
    anna, code = scene.inviter()
    plugin = scene.brand.plugins["referral"]
    assert list(plugin.brand_problems()) == list(plugin.brand_warnings()) == []
    scene.customers(code, 1)
    scene.coupons.batches.close("cup")
    (warning,) = plugin.brand_warnings()
    assert warning.startswith("campaign 'spring': ladder.0: ") and "'cup'" in warning and "scrm referral close" in warning
    assert list(plugin.brand_problems()) == []
    scene.brand.config.path.touch()  # the file is read anew: it is taken into use as before
    assert house.problem("acme") is None
    told = [each for each in examine(house) if each.state != "ok" and "referral" in each.place]
    assert [(each.state, each.found) for each in told] == [("warning", warning)]
    ((_, uid),) = scene.rungs()
    assert scene.approve(uid) == "approved" and "are over" in scene.referrals.rungs.get(uid).reason
    assert scene.vouchers_of(anna) == []
    scene.referrals.campaigns.close("spring", actor="mia")
    assert list(plugin.brand_warnings()) == []


def test_without_an_issuer_of_vouchers_nothing_is_published(new_installation, deliver) -> None:
    installation = new_installation(plugins=(Referral,), acme="\n[plugins.referral]\n", moonco="\n[plugins.referral]\n")
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        problems = scene.referrals.dry_run(scene.definition())["problems"]
        assert [each.partition(":")[0] for each in problems] == ["ladder.0", "ladder.1"]
        assert all("no enabled plugin issues rewards of kind 'product-voucher'" in each for each in problems)
        # What to do stands there: for a kind that has the name of its plugin, the very table.
        assert "add [plugins.NAME], the plugin that does, to the file of brand 'acme'" in problems[0]
        body = scene.definition(ladder=[rung(5, "", 500, kind="red-packet", quantity=500)])
        (problem,) = scene.referrals.dry_run(body)["problems"]
        assert "add [plugins.red-packet], the plugin that does" in problem
        scene.referrals.campaigns.create(scene.definition(), actor="mia")
        with pytest.raises(Invalid):
            scene.referrals.campaigns.publish("spring", actor="mia")


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ladder": [rung(5, "a", 1), rung(5, "b", 1)]}, "ladder"),
        ({"ladder": [rung(5, "a", 1.5)]}, "ladder.0.value_minor"),
        ({"gates": [{"gate": "added"}]}, "gates"),
        ({"gates": [{"gate": "member"}, {"gate": "member"}]}, "gates"),
        ({"gates": [{"gate": "member"}, {"gate": "pack", "plugin": "x"}]}, "gates.1.event"),
        ({"gates": [{"gate": "member", "segment": "orders > 1"}]}, "gates.0.segment"),
        ({"ends_at": "soon"}, "ends_at"),
        ({"surface": "tv"}, "surface"),
        ({"surface": "h5"}, "surface"),
        ({"quotas": 3}, "quotas"),
        ({"risk": {"weights": {"same_shoes": 3}}}, "risk.weights"),
    ],
)
def test_a_faulty_definition_names_its_field(scene: Scene, change: dict, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        scene.referrals.dry_run(scene.definition(**change))
    assert (refused.value.field or "").startswith(field)


@pytest.mark.parametrize("mode", ["cumulative", "highest"])
@pytest.mark.parametrize("counts_on", [False, True])
def test_a_friend_who_counts_after_the_inviter_left_earns_nothing_more_unless_the_campaign_says_so(
    scene: Scene, mode: str, counts_on: bool
) -> None:
    ladder = [rung(1, "cup", 100), rung(2, "pot", 200)]
    scene.campaign(ladder=ladder, mode=mode, gates=[{"gate": "first_order"}], count_after_leaving=counts_on)
    anna, code = scene.inviter()
    early, late = scene.person(state=code), scene.person(state=code)
    scene.clock.set(scene.brand.now() + HOUR)
    scene.order(early)
    scene.clock.set(scene.brand.now() + HOUR)
    scene.referrals.campaigns.leave("spring", anna)
    scene.order(late)  # at the very instant
    scene.deliver()  # what happened before leaving counts however late it is told
    scene.referrals.settle()
    if mode == "highest":
        scene.days(61)
        scene.referrals.settle()
    assert scene.states() == {"qualified": 2}
    both = [1, 2] if mode == "cumulative" else [2]
    assert [invites for invites, _ in scene.rungs()] == (both if counts_on else [1])
    assert {scene.approve(uid) for _, uid in scene.rungs()} == {"granted"}
    scene.referrals.settle()
    expected = ["cup", "pot"][-len(both):] if counts_on else ["cup"]
    assert [sku for sku, _ in scene.vouchers_of(anna)] == expected


def test_the_report_counts_an_inviter_who_left_and_names_them(scene: Scene) -> None:
    scene.campaign(quota=1)
    anna, _ = scene.inviter()
    scene.referrals.campaigns.sign_up("spring", bo := scene.person())
    scene.referrals.campaigns.sign_up("spring", waits := scene.person())
    scene.referrals.campaigns.leave("spring", waits)  # never had a place
    scene.referrals.campaigns.leave("spring", anna)
    found = figures(scene.brand, scene.referrals.campaigns.get("spring"))
    assert (found["inviters"], found["left"], bo != anna) == (2, 1, True)


def test_a_batch_that_is_still_a_draft_is_told_before_publishing_and_what_it_stops_stands_in_the_queue(
    scene: Scene,
) -> None:
    batch = {
        "code": "cup", "title": "茶杯券", "rule": {"kind": "exchange", "sku": "cup"},
        "validity": {"kind": "natural", "days": 30}, "stock": 3,
    }  # fmt: skip
    scene.coupons.batches.create(batch)
    ladder = [rung(1, "cup", 100)]
    body = scene.definition(ladder=ladder, gates=[{"gate": "first_order"}], quota=5)
    told = scene.referrals.dry_run(body)
    assert told["problems"] == [] and len(told["shortages"]) == 1 and "0 of the 5" in told["shortages"][0]
    campaigns = scene.referrals.campaigns
    campaigns.create(body, actor="mia")
    with pytest.raises(Conflict) as refused:
        campaigns.publish("spring", actor="mia")
    assert refused.value.code == "shortage" and "'cup'" in refused.value.message
    assert campaigns.get("spring").state == "draft"
    assert campaigns.publish("spring", actor="mia", confirm=True).state == "open"
    anna, code = scene.inviter()
    scene.customers(code, 1)
    ((_, uid),) = scene.rungs("")
    assert scene.approve(uid) == "approved" and scene.rungs() == []
    assert scene.rungs("") == [(1, uid)] and scene.referrals.rungs.get(uid).reason
    scene.coupons.batches.open("cup")
    assert scene.referrals.dry_run(body)["shortages"] == ["the batch 'cup' gives 3 of the 5 coupons that are planned"]
    assert scene.referrals.settle() == (0, 1) and scene.rungs("") == [] and len(scene.vouchers_of(anna)) == 1


def test_an_approved_reward_that_is_only_observed_waits_for_nobody(scene: Scene) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100)], observation_days=7)
    _, code = scene.inviter()
    scene.customers(code, 1)
    ((_, uid),) = scene.rungs("")
    assert scene.approve(uid) == "approved" and scene.rungs("") == [] and scene.rungs("approved") == [(1, uid)]


RED = "[plugins.red-packet]\nmin_minor = 1\nmax_minor = 10000\n"


def switched(installation: Installation, old: str, new: str) -> None:
    """Change acme's file, as an operator does; the brand is opened anew afterwards."""
    file = installation.config.root / "brands" / "acme.toml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("again", [False, True])
def test_a_red_packet_to_be_revoked_while_its_plugin_is_off_is_taken_back_when_it_is_on_again(
    new_installation, deliver, again: bool
) -> None:
    plugins = (CouponThreshold, Referral, RedPacket)
    installation = new_installation(plugins=plugins, acme=f"{TABLES}{RED}", moonco=TABLES)
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        packets = brand.plugins["red-packet"].packets
        packets.budget.fund(1_000, key="first", actor="fin", reason="campaign")
        scene.campaign(ladder=[rung(1, "", 500, kind="red-packet", quantity=500)], gates=[{"gate": "first_order"}])
        _, code = scene.inviter()
        _, number = scene.customer(code)
        late = scene.person(state=code)
        scene.deliver()
        ((_, uid),) = scene.rungs()
        assert scene.approve(uid) == "granted"
        scene.referrals.campaigns.close("spring", actor="mia")  # an open campaign refuses to lose its issuer
    switched(installation, "[plugins.red-packet]\n", "[plugins.red-packet]\nenabled = false\n")
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        assert "red-packet" not in brand.plugins
        scene.refund(number)
        scene.deliver()
        scene.referrals.settle()
        (waits,) = scene.referrals.rungs.queue()
        assert (waits.uid, waits.state) == (uid, "granted") and "'red-packet'" in waits.reason
        (row,) = brand.reports.run("referral").rows
        assert (row["qualified"], row["cost"], row["lost"]) == (0, 500, 0)
        if again:  # another friend counts before anything was taken back: the reward stands
            scene.order(late, number="B1")
            scene.deliver()
            assert scene.referrals.rungs.queue() == []
    switched(installation, "enabled = false\n", "")
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        scene.referrals.settle()
        scene.referrals.settle()
        assert scene.referrals.rungs.get(uid).state == ("granted" if again else "revoked")
        (row,) = brand.reports.run("referral").rows
        assert (row["cost"], row["lost"]) == ((500, 0) if again else (0, 0))
        spent = execute("SELECT spent_minor FROM referral_campaign").fetchone()[0]
        owed = execute("SELECT count(*) FROM red_packet_payout WHERE state = 'due'").fetchone()[0]
        assert (spent, owed) == ((500, 1) if again else (0, 0))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_rewards_whose_issuer_stays_away_keep_nobody_elses_from_being_taken_back(
    new_installation, deliver, monkeypatch
) -> None:
    monkeypatch.setattr(relations, "PAGE", 1)
    installation = new_installation(
        plugins=(CouponThreshold, Referral, RedPacket), acme=f"{TABLES}{RED}", moonco=TABLES
    )
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        brand.plugins["red-packet"].packets.budget.fund(1_000, key="first", actor="fin", reason="campaign")
        scene.campaign(ladder=[rung(1, "", 500, kind="red-packet", quantity=500)], gates=[{"gate": "first_order"}])
        numbers = [scene.customer(scene.inviter()[1])[1] for _ in range(2)]
        scene.deliver()
        assert [scene.approve(uid) for _, uid in scene.rungs()] == ["granted", "granted"]
        scene.referrals.campaigns.close("spring", actor="mia")
    switched(installation, "[plugins.red-packet]\n", "[plugins.red-packet]\nenabled = false\n")
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        for number in numbers:
            scene.refund(number)
        scene.deliver()
        execute("UPDATE reward SET issuer = 'gone' WHERE id = (SELECT min(id) FROM reward)")  # uninstalled for good
    switched(installation, "enabled = false\n", "")
    with installation.brand("acme") as brand:
        Scene(brand, deliver).referrals.settle()
        states = execute("SELECT state FROM referral_rung ORDER BY id").fetchall()
    assert states == [("granted",), ("revoked",)]
