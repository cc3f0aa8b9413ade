"""Odds are published before the start, and afterwards nothing changes but for the better."""

from __future__ import annotations

import pytest
from games_scene import Scene
from signing import PAGE

from scrm_core.api import Conflict, Invalid, NotFound
from scrm_core.web.app import create_app

HOUR_MS = 3_600_000
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def draft(scene: Scene, starts_at: int | None, **more) -> str:
    prizes = [scene.prize("tea", kind="coupon", weight=1, stock=5), scene.none(9)]
    made = scene.games.create(scene.definition("wheel", prizes, starts_at=starts_at, **more), actor="mia")
    return made.code


@pytest.mark.parametrize("late_ms", [0, 1, HOUR_MS])
def test_at_the_moment_of_the_start_and_after_it_publishing_is_refused(scene: Scene, late_ms: int) -> None:
    start = scene.brand.now() + HOUR_MS
    code = draft(scene, start)
    scene.clock.set(start + late_ms)
    with pytest.raises(Invalid) as refused:
        scene.games.publish(code, "mia")
    assert refused.value.field == "starts_at"
    found = scene.games.campaigns.get(code)
    assert (found.state, found.commitment) == ("draft", "")
    with pytest.raises(NotFound):
        scene.games.view(code, None)


def test_a_millisecond_before_the_start_it_is_published_and_plays_from_the_start_on(scene: Scene) -> None:
    start = scene.brand.now() + HOUR_MS
    code, anna = draft(scene, start, chances={"start": 2}), scene.person()
    scene.clock.set(start - 1)
    told = scene.games.publish(code, "mia")
    assert len(told["commitment"]) == 64
    with pytest.raises(Conflict) as refused:
        scene.act(code, "play", anna)
    assert refused.value.code == "not_started"
    scene.clock.set(start)
    scene.act(code, "play", anna)
    assert scene.games.campaigns.get(code).published_at == start - 1


def test_a_start_that_comes_while_publishing_is_at_work_refuses_it(scene: Scene) -> None:
    start = scene.brand.now() + 1
    code = draft(scene, start)
    looked = scene.games.campaigns.get(code)
    scene.clock.set(start)
    # The look at the draft came in time; its writing does not.
    with pytest.raises(Conflict) as refused:
        scene.games.campaigns._publish(looked, draws=True, actor="mia")
    assert refused.value.code == "state"
    assert scene.games.campaigns.get(code).state == "draft"


def test_odds_prizes_and_rules_of_a_published_campaign_cannot_be_written_anew(scene: Scene) -> None:
    body = scene.definition("wheel", [scene.prize("tea", kind="coupon", weight=3, stock=5), scene.none(7)])
    code = scene.games.create(body, actor="mia").code
    before = scene.games.publish(code, "mia")
    for change in (
        {"prizes": [scene.prize("tea", kind="coupon", weight=2, stock=5), scene.none(8)]},
        {"prizes": [scene.prize("tea", kind="coupon", weight=3, stock=4), scene.none(7)]},
        {"rules": "other"},
        {"ends_at": body["ends_at"] - 1},
    ):
        with pytest.raises(Conflict) as refused:
            scene.games.create({**body, **change}, actor="mia")
        assert refused.value.code == "code_taken"
    found = scene.games.campaigns.get(code)
    assert [(prize.code, prize.weight, prize.stock_total) for prize in found.prizes] == [
        ("tea", 3, 5),
        ("none", 7, None),
    ]
    assert (found.table_hash, found.rules_hash) == (before["table_hash"], before["rules_hash"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"total_weight": 10, "weight": 11}, "total_weight"),
        ({"weight": -1}, "prizes.0.weight"),
        ({"weight": 0.5}, "prizes.0.weight"),
        ({"stock": -1}, "prizes.0.stock"),
        ({"per_day": -1}, "prizes.0.per_day"),
        ({"value_minor": -1}, "prizes.0.value_minor"),
    ],
)
def test_weights_over_the_whole_and_negative_numbers_are_refused_with_their_field(
    scene: Scene, change: dict, field: str
) -> None:
    parts = dict(change)
    total = parts.pop("total_weight", 1)
    prize = {**scene.prize("tea", kind="coupon", weight=1), **parts}
    with pytest.raises(Invalid) as refused:
        scene.games.create(scene.definition("wheel", [prize, scene.none(0)], total_weight=total), actor="mia")
    assert refused.value.field == field


def test_what_the_law_asks_to_tell_before_the_start_is_on_the_rules_page_by_then(scene: Scene) -> None:
    start = scene.brand.now() + HOUR_MS
    prizes = [
        scene.prize("bag", title="妈咪包", kind="custom", weight=1, value_minor=9_900, stock=20, claim_days=15),
        scene.none(9_999),
    ]
    code = scene.campaign("wheel", prizes, starts_at=start, rules="扫码参与，名单次日公示，奖品快递寄出。")
    page = (
        create_app(scene.brand.installation)
        .test_client()
        .get(f"/p/acme/interaction-games/g/{code}/rules", headers=PAGE)
    )
    text = page.get_data(as_text=True)
    for told in (
        "妈咪包", "价值 ¥99.00", "0.01%", "99.99%", "20", "中奖后 15 天内填写收货地址，逾期视为放弃", "2026-01-01 09:00",
        "扫码参与，名单次日公示，奖品快递寄出。", "Acme 母婴", "400-000-0000",
    ):  # fmt: skip
        assert told in text, told
