"""A game's prize that is a red packet: won, owed, paid."""

from __future__ import annotations

import pytest
from red_packet_scene import FREE, Scene, wechat_table

from scrm_core.errors import Invalid
from scrm_interaction_games import InteractionGames
from scrm_red_packet import RedPacket

DAY_MS = 86_400_000


def wheel(now: int, code: str, prize: dict) -> dict:
    return {
        "code": code,
        "game": "wheel",
        "title": "红包雨",
        "surface": "app",
        "ends_at": now + 30 * DAY_MS,
        "rules": "每人每天一次。",
        "organiser": "Acme 母婴",
        "organiser_contact": "400-000-0000",
        "chances": {"daily": 1},
        "total_weight": 1,
        "prizes": [{"code": "cash", "title": "红包", "kind": "red-packet", "weight": 1, **prize}],
    }


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_wheel_gives_fixed_and_shared_red_packets_which_are_paid_once(new_installation, wechat):
    games = "\n[plugins.interaction-games]\n"
    installation = new_installation(
        plugins=(InteractionGames, RedPacket), acme=FREE + wechat_table(wechat.url) + games, moonco=FREE + games
    )
    scene = Scene(installation.brand("acme"))
    scene.fund(1_000)
    ann, ben = scene.person("ann", openid="o-ann"), scene.person("ben", openid="o-ben")
    with scene.brand as brand:
        play = brand.plugins["interaction-games"].games
        with pytest.raises(Invalid):  # nobody can win a packet that is not prepared
            play.create(wheel(brand.now(), "none", {"item": "rain", "value_minor": 300}), actor="mia")
            play.publish("none", "mia", confirm=True)
        scene.packets.packets.prepare("rain", 500, 1, actor="lin")
        for code, prize in (
            ("fixed", {"quantity": 188, "value_minor": 188}),
            ("shared", {"item": "rain", "value_minor": 500}),
        ):
            play.create(wheel(brand.now(), code, prize), actor="mia")
            play.publish(code, "mia", confirm=True)
        for key in ("one", "one"):
            assert play.act("fixed", "play", ann, key=key, data={}, device="", network="")["prize"]
        play.act("shared", "play", ann, key="two", data={}, device="", network="")
        late = play.act("shared", "play", ben, key="three", data={}, device="", network="")
        assert (late["prize"], late["word"]) == (None, "sold_out")  # nothing is left of it: his chance returns
        assert [p.amount_minor for p in scene.packets.payouts.page()] == [188, 500]
    scene.pay()
    assert sorted(wechat.paid) == [("o-ann", 188), ("o-ann", 500)]
    assert scene.budget() == (688, 312) and scene.adds_up()
