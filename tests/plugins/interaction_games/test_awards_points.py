"""Awards and welfare with the plugins that issue them: points really come, and go back."""

from __future__ import annotations

import pytest
from awards_scene import AwardScene

from scrm_core.errors import Invalid
from scrm_coupon_threshold import CouponThreshold
from scrm_interaction_games import InteractionGames
from scrm_points import Points

ALL = "\n[plugins.coupon-threshold]\n[plugins.points]\nredeem_minor = 1\n[plugins.interaction-games]\n"


def test_points_given_by_hand_and_as_welfare_are_on_the_ledger_and_go_back_with_the_reward(new_installation, deliver):
    installation = new_installation(plugins=(CouponThreshold, Points, InteractionGames), acme=ALL)
    with installation.brand("acme") as brand:
        scene = AwardScene(brand, deliver)
        book = brand.plugins["points"].book
        ann, twin = scene.person("ann"), scene.person("twin")
        award = scene.give(ann, what="question", quantity=20)
        scene.opened(kind="points", quantity=5, unit_cost_minor=5, cap_minor=9)
        scene.awards.welfare.claim("mid-autumn", twin)
        assert (book.balance(ann).balance, book.balance(twin).balance) == (20, 5)
        assert scene.awards.welfare.get("mid-autumn").state == "stopped"
        brand.contacts.merge(ann, twin, actor="boss", reason="one person")
        scene.deliver()
        assert book.balance(ann).balance == 25
        brand.rewards.reverse(award.reward, reason="the answer was copied", actor="boss")
        assert book.balance(ann).balance == 5
        assert book.differences() == []
        with pytest.raises(Invalid) as refused:
            scene.opened("gold", kind="points", item="gold", quantity=5)
        assert refused.value.field == "item"
        receipt = brand.privacy.erase(ann, actor="boss")
        assert receipt["plugins"]["interaction-games"] > 0
        assert book.differences() == []
