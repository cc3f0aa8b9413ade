"""Winners are published with masked names, kept as a record, and nobody draws whom the brand may not let draw."""

from __future__ import annotations

import csv
import json
from datetime import datetime

import pytest
from click.testing import CliRunner
from games_scene import Scene
from signing import PAGE, SCRIPT

from scrm_core.api import Conflict, Invalid, execute, local_instant
from scrm_core.cli.session import Session
from scrm_core.web.app import create_app
from scrm_interaction_games.commands import group

HERE = "/p/acme/interaction-games"


@pytest.fixture
def won(scene: Scene) -> str:
    """A wheel on which Anna and a nameless person have won tea, Mei's cup is under review and one tea was withdrawn."""
    scene.clock.set(local_instant(datetime(2026, 3, 1, 23, 30), scene.brand.zone))
    anna, mei = scene.person("+8613800138000", name="王小明"), scene.person("+8613900139000", name="李梅")
    nameless, last = scene.person("+8613700137000"), scene.person("+8613600136000", name="赵")
    prizes = [
        scene.prize("tea", title="白茶", weight=1, value_minor=500),
        scene.prize("cup", title="杯子", value_minor=900, review=True),
    ]
    code = scene.campaign("wheel", prizes, chances={"start": 2}, code="tea")
    scene.act(code, "play", anna)
    scene.clock.advance(hours=1)
    scene.act(code, "play", nameless)
    scene.award(code, mei, "cup", "order 1")
    scene.award(code, last, "tea", "order 2")
    scene.brand.installation.issuer_broken = True
    uid = scene.award(code, last, "tea", "order 3").uid
    scene.brand.installation.issuer_broken = False
    scene.games.fulfilment.void(uid, reason="twice", actor="kim")
    return code


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_public_list_masks_people_and_leaves_out_what_is_not_won(scene: Scene, won: str) -> None:
    client = create_app(scene.brand.installation).test_client()
    told = client.get(f"{HERE}/g/{won}/winners", headers=SCRIPT).json
    assert told == {
        "prizes": [{"title": "白茶", "won": 3}, {"title": "杯子", "won": 0}],
        "winners": [
            {"title": "白茶", "name": "*", "phone": "+86 136****6000", "day": "2026-03-02"},
            {"title": "白茶", "name": "", "phone": "+86 137****7000", "day": "2026-03-02"},
            {"title": "白茶", "name": "王**", "phone": "+86 138****8000", "day": "2026-03-01"},
        ],
    }
    page = client.get(f"{HERE}/g/{won}/winners", headers=PAGE).get_data(as_text=True)
    assert "王**" in page and "+86 138****8000" in page
    for secret in ("王小明", "13800138000", "李"):
        assert secret not in page
    assert f"{HERE}/g/{won}/winners" in client.get(f"{HERE}/g/{won}/rules", headers=PAGE).get_data(as_text=True)
    assert client.get("/p/moonco/interaction-games/g/tea/winners", headers=PAGE).status_code == 404
    draft = scene.campaign("wheel", [scene.prize("tea", weight=1)], publish=False)
    assert client.get(f"{HERE}/g/{draft}/winners", headers=PAGE).status_code == 404


def test_the_record_of_all_winners_is_a_file_and_a_route(scene: Scene, won: str, tmp_path) -> None:
    installation = scene.brand.installation
    session = Session(installation.config.root, clock=installation.clock)
    session._installation = installation
    out = tmp_path / "winners.csv"
    done = CliRunner().invoke(group, ["winners", "acme", won, "--out", str(out)], obj=session)
    assert done.output == f"3 winners written to {out}\n"
    rows = list(csv.DictReader(out.open(encoding="utf-8-sig")))
    assert [(row["prize"], row["value_minor"], row["state"], row["name"], row["at"]) for row in rows] == [
        ("tea", "500", "granted", "王**", "2026-03-01T23:30:00+08:00"),
        ("tea", "500", "granted", "", "2026-03-02T00:30:00+08:00"),
        ("tea", "500", "granted", "*", "2026-03-02T00:30:00+08:00"),
    ]
    shown = json.loads(CliRunner().invoke(group, ["winners", "acme", won, "--json"], obj=session).output)
    assert [row["phone"] for row in shown] == ["+86 136****6000", "+86 137****7000", "+86 138****8000"]
    client = create_app(installation).test_client()
    key = scene.brand.keys.create("test", ("interaction-games:read",))[1]
    play = scene.brand.keys.create("test", ("interaction-games:play",))[1]
    address = f"/api/v1/acme/plugins/interaction-games/campaigns/{won}/winners"
    told = client.get(address, headers={"Authorization": f"Bearer {key}"}).json
    assert [row["draw"] for row in told["winners"]] == [row["draw"] for row in rows]
    rest = client.get(f"{address}?after={told['cursor']}", headers={"Authorization": f"Bearer {key}"}).json
    assert rest == {"winners": [], "cursor": None}
    assert client.get(f"{address}?after=x", headers={"Authorization": f"Bearer {key}"}).json["field"] == "after"
    assert client.get(address, headers={"Authorization": f"Bearer {play}"}).status_code == 403


def test_an_erased_winner_is_in_no_list_and_what_they_took_stays_taken(scene: Scene) -> None:
    anna = scene.person(name="王小明")
    code = scene.campaign("wheel", [scene.prize("tea", weight=1, value_minor=500, stock=3)], chances={"start": 1})
    scene.act(code, "play", anna)
    scene.brand.privacy.erase(anna, actor="boss")
    client = create_app(scene.brand.installation).test_client()
    told = client.get(f"{HERE}/g/{code}/winners", headers=SCRIPT).json
    assert told == {"prizes": [{"title": "TEA", "won": 0}], "winners": []}
    assert (scene.stock(code, "tea"), scene.spent(code)) == (2, 500)
    # All that is left of it has no person: that one was taken, on this day.
    rows = execute("SELECT what, amount FROM interaction_games_move").fetchall()
    assert [tuple(row) for row in rows] == [("erased", 1)]


def test_people_with_a_refused_tag_are_told_so_and_draw_nothing(new_installation) -> None:
    from games_scene import Prizes

    from scrm_interaction_games import InteractionGames

    settings = '[plugins.prizes]\n[plugins.interaction-games]\nrefuse_tags = ["年龄/未成年", "员工/亲属"]\n'
    installation = new_installation(plugins=(InteractionGames, Prizes), acme=settings, moonco=settings)
    with installation.brand("acme") as brand:
        scene = Scene(brand)
        child, adult = scene.people(2)
        for name in ("未成年", "成年"):
            brand.tags.define("年龄", name, plan="活动资格")
        brand.tags.define("员工", "亲属", plan="活动资格")
        brand.tags.add(child, brand.tags.find("年龄", "未成年"), origin="manual", actor="mia")
        brand.tags.add(adult, brand.tags.find("年龄", "成年"), origin="manual", actor="mia")
        code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 1})
        with pytest.raises(Conflict) as refused:
            scene.act(code, "play", child)
        assert refused.value.code == "refused_person"
        assert scene.games.view(code, child)["chances"] == 1  # nothing is spent
        assert scene.act(code, "play", adult)["prize"] == "tea"
        # Games without a draw are for everybody.
        check_in = scene.campaign("checkin", [scene.prize("tea")], settings={"daily": ["tea"]})
        assert scene.act(check_in, "sign", child)["streak"] == 1


def test_a_refused_tag_that_the_brand_does_not_have_is_named_before_anybody_draws(new_installation) -> None:
    from games_scene import Prizes

    from scrm_interaction_games import InteractionGames

    settings = '[plugins.prizes]\n[plugins.interaction-games]\nrefuse_tags = ["员工/亲属", "年龄/未成年人"]\n'
    installation = new_installation(plugins=(InteractionGames, Prizes), acme=settings, moonco=settings)
    with installation.brand("acme") as brand:
        scene = Scene(brand)
        brand.tags.define("员工", "亲属", plan="活动资格")
        brand.tags.define("年龄", "未成年", plan="活动资格")  # the brand's file says 未成年人
        with pytest.raises(Invalid, match="年龄/未成年人") as refused:
            scene.campaign("wheel", [scene.prize("tea", weight=1)])
        assert refused.value.field == "refuse_tags"
        scene.campaign("checkin", [scene.prize("tea")], settings={"daily": ["tea"]})  # draws nothing
        meant = brand.tags.define("年龄", "未成年人", plan="活动资格")
        code = scene.campaign("wheel", [scene.prize("tea", weight=1)], publish=False)
        brand.tags.retire([meant], actor="mia", reason="cleaning up")
        with pytest.raises(Invalid, match="年龄/未成年人"):
            scene.games.publish(code, "mia", confirm=True)
        assert scene.games.campaigns.get(code).state == "draft"
