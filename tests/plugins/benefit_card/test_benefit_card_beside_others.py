"""A benefit card as a KOC's reward, as a rung of referral, and as a prize that games are recommended for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from benefit_scene import Scene, table

from scrm_benefit_card import BenefitCard
from scrm_core.errors import Conflict, Invalid
from scrm_coupon_threshold import CouponThreshold
from scrm_interaction_games import InteractionGames
from scrm_interaction_games.recommend import recommend
from scrm_koc import KocPlugin
from scrm_koc.schemas import SubmissionBody, TaskBody
from scrm_referral import Referral

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / name) for name in ("referral", "koc")]

from koc_scene import HONEST, TASK  # noqa: E402
from referral_scene import Scene as ReferralScene  # noqa: E402

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def test_a_koc_whose_work_is_verified_gets_a_card(new_installation):
    on = table() + "\n[plugins.koc]\n"
    scene = Scene(new_installation(plugins=(KocPlugin, BenefitCard), acme=on, moonco=on).brand("acme"))
    scene.pool(cards=1)
    ann = scene.person("ann")
    with scene.brand as brand:
        koc = brand.plugins["koc"].koc
        koc.members.enrol(ann, "https://shop.example/hello", code="ANN", actor="lin")
        reward = {"kind": "benefit-card", "item": "video"}
        with pytest.raises(Invalid, match="no pool of benefit cards"):
            koc.tasks.create(TaskBody().load({**TASK, "reward": {**reward, "item": "nosuch"}}), actor="lin")
        koc.tasks.create(TaskBody().load({**TASK, "reward": reward}), actor="lin")
        (uid,) = koc.tasks.invite("try", ["ANN"], actor="lin")
        koc.works.move(uid, "accept", actor="ann")
        koc.works.submit(uid, SubmissionBody().load({"text": HONEST}), actor="ann")
        koc.works.move(uid, "approve", actor="lin", quality=5)
        koc.works.move(uid, "publish", actor="ann", link="https://social.example/p/1")
        koc.works.move(uid, "verify", actor="lin")
        (card,) = scene.cards.cards.of_person(ann)
    assert scene.reveal(card.uid, ann) == ("video-0000", "pin0000")


def test_a_rung_of_referral_is_a_card_and_returns_unseen_when_the_friends_order_does(new_installation, deliver):
    on = table() + "\n[plugins.coupon-threshold]\n[plugins.referral]\n"
    installation = new_installation(plugins=(CouponThreshold, Referral, BenefitCard), acme=on, moonco=on)
    cards = Scene(installation.brand("acme"))
    cards.pool(cards=1)
    with installation.brand("acme") as brand:
        scene = ReferralScene(brand, deliver)
        ladder = [{"invites": 1, "kind": "benefit-card", "item": "video", "value_minor": 2_500, "title": "月卡"}]
        for code, stock in (("two", 2), ("spring", 1)):
            ladder[0]["stock"] = stock
            scene.referrals.campaigns.create(scene.definition(code, ladder=ladder), actor="mia")
        with pytest.raises(Conflict, match="has 1 benefit cards that may be given, 2 are planned"):
            scene.referrals.campaigns.publish("two", actor="mia")
        scene.referrals.campaigns.publish("spring", actor="mia")
        inviter, code = scene.inviter()
        ((_, order),) = scene.customers(code, 1)
        ((_, uid),) = scene.rungs()
        assert scene.approve(uid) == "granted"
        (card,) = cards.cards.cards.of_person(inviter)
        scene.refund(order)
        scene.deliver()
        scene.referrals.settle()
    assert cards.state(card.uid) == "returned" and cards.places() == (1, 0, 0, 0, 0)


def test_a_brand_with_benefit_cards_alone_has_prizes_for_its_games(new_installation):
    on = table() + "\n[plugins.interaction-games]\n"
    with new_installation(plugins=(InteractionGames, BenefitCard), acme=on, moonco=on).brand("acme") as brand:
        assert all(row.usable for row in recommend(brand, "member-order-share"))
