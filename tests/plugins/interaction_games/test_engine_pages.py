"""Game pages: play by a form or a script, once per form, and only as the person who is signed in."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from games_scene import Scene
from signing import PAGE, SCRIPT, fields, sign_in

from scrm_core.web.app import create_app

BASE = "/p/acme/interaction-games"
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def client(scene: Scene) -> FlaskClient:
    return create_app(scene.brand.installation).test_client()


def wheel(scene: Scene, **more: object) -> str:
    return scene.campaign(
        "wheel", [scene.prize("tea", item="tea", title="白茶 <b>", weight=1, value_minor=100), scene.none(0)],
        chances={"daily": 2}, **more,
    )  # fmt: skip


def test_a_form_plays_once_and_shows_the_recorded_prize(scene: Scene, client: FlaskClient) -> None:
    anna = scene.person()
    code = wheel(scene)
    sign_in(client, scene.brand, anna)
    page = client.get(f"{BASE}/g/{code}", headers=PAGE)
    assert page.status_code == 200
    form = fields(page, "/play")
    for _ in range(2):  # a double tap
        answer = client.post(f"{BASE}/g/{code}/play", data=form, headers=PAGE)
        assert answer.status_code == 303
    assert scene.rewards(anna) == [("points", "tea", 1)]
    shown = client.get(answer.location, headers=PAGE).get_data(as_text=True)
    assert 'data-prize="tea"' in shown and "白茶 &lt;b&gt;" in shown and "<b>" not in shown
    mine = client.get(f"{BASE}/prizes", headers=PAGE).get_data(as_text=True)
    assert "白茶" in mine and "已发放" in mine


def test_a_script_gets_json_and_a_refusal_in_the_persons_language(scene: Scene, client: FlaskClient) -> None:
    anna = scene.person()
    code = wheel(scene, limits={"per_day": 1})
    sign_in(client, scene.brand, anna)
    form = fields(client.get(f"{BASE}/g/{code}", headers=PAGE), "/play")
    answer = client.post(f"{BASE}/g/{code}/play", data=form, headers=SCRIPT)
    assert (answer.status_code, answer.json["prize"], answer.json["word"]) == (200, "tea", "won")
    again = fields(client.get(f"{BASE}/g/{code}?lang=en", headers=PAGE), "/play")
    refused = client.post(f"{BASE}/g/{code}/play?lang=en", data=again, headers=SCRIPT)
    assert (refused.status_code, refused.json["code"]) == (409, "day_limit")
    assert refused.json["detail"] == "That was all for today; come back tomorrow"
    view = client.get(f"{BASE}/g/{code}", headers=SCRIPT).json
    assert (view["chances"], view["phase"]) == (1, "running")


def test_a_visitor_looks_and_joins_before_playing(scene: Scene, client: FlaskClient) -> None:
    code = wheel(scene)
    page = client.get(f"{BASE}/g/{code}", headers=PAGE)
    assert page.status_code == 200
    assert "加入后即可参与" in page.get_data(as_text=True)
    form = fields(page, "/play")
    answer = client.post(f"{BASE}/g/{code}/play", data=form, headers=PAGE)
    assert answer.status_code == 303 and "/-/join" in answer.location
    assert client.post(f"{BASE}/g/{code}/play", data=form, headers=SCRIPT).status_code == 401
    assert client.get(f"{BASE}/prizes", headers=PAGE).status_code == 303


def test_an_identity_in_the_form_and_a_forged_session_play_for_nobody(scene: Scene, client: FlaskClient) -> None:
    anna, berta = scene.people(2)
    code = wheel(scene)
    sign_in(client, scene.brand, anna)
    page = client.get(f"{BASE}/g/{code}", headers=PAGE)
    for name, value in (("contact", str(berta)), ("contact_id", str(berta))):
        refused = client.post(f"{BASE}/g/{code}/play", data=fields(page, "/play", **{name: value}), headers=SCRIPT)
        assert refused.status_code == 403
    client.set_cookie("scrm_session", "forged.session", domain="localhost", path="/p/acme/")
    assert client.post(f"{BASE}/g/{code}/play", data=fields(page, "/play"), headers=SCRIPT).status_code == 401
    without = {name: value for name, value in fields(page, "/play").items() if name != "csrf"}
    sign_in(client, scene.brand, anna)
    assert client.post(f"{BASE}/g/{code}/play", data=without, headers=SCRIPT).status_code == 403
    assert scene.rewards(anna) == scene.rewards(berta) == []


def test_the_rules_page_tells_odds_quantities_and_commitment_and_later_the_seed(
    scene: Scene, client: FlaskClient
) -> None:
    code = scene.campaign(
        "wheel",
        [scene.prize("bag", weight=50, stock=10, grade="A"), scene.prize("tea", weight=1), scene.none(9_949)],
        limits={"per_day": 3, "cool_down_hours": 24},
        guarantee={"draws": 30, "grade": "A", "prize": "bag", "substitute": "tea"},
    )
    found = scene.games.campaigns.get(code)
    text = client.get(f"{BASE}/g/{code}/rules?lang=en", headers=PAGE).get_data(as_text=True)
    for words in ("0.5%", "0.01%", "99.49%", "unlimited", found.commitment, found.table_hash, "400-000-0000",
                  "after 29 draws without it, draw 30 wins", "3 draws per person and day", "every draw"):  # fmt: skip
        assert words in text, words
    told = client.get(f"{BASE}/g/{code}/rules", headers=SCRIPT).json
    assert (told["seed"], told["prizes"][0]["quantity"], told["commitment"]) == (None, 10, found.commitment)
    scene.games.end(code, actor="mia", reason="done")
    seed = scene.games.reveal(code, actor="mia")["seed"]
    assert seed in client.get(f"{BASE}/g/{code}/rules", headers=PAGE).get_data(as_text=True)


def test_a_draws_page_and_an_address_belong_to_the_winner_alone(scene: Scene, client: FlaskClient) -> None:
    anna, berta = scene.people(2)
    code = scene.campaign("wheel", [scene.prize("bag", weight=1, claim_days=7)], chances={"start": 1})
    draw = scene.draw(code, anna)
    sign_in(client, scene.brand, berta)
    assert client.get(f"{BASE}/g/{code}/result/{draw.uid}", headers=PAGE).status_code == 404
    sign_in(client, scene.brand, anna)
    assert client.get(f"{BASE}/g/{code}/result/{draw.uid}", headers=SCRIPT).json["word"] == "won"
    page = client.get(f"{BASE}/prizes", headers=PAGE)
    form = fields(page, "/claim", address="王小明 13800000000 上海市")
    assert client.post(f"{BASE}/prizes/{draw.uid}/claim", data=form, headers=PAGE).status_code == 303
    assert scene.rewards(anna) == [("points", "", 1)]
    assert "已发放" in client.get(f"{BASE}/prizes", headers=PAGE).get_data(as_text=True)


def test_nothing_is_shown_of_drafts_other_brands_and_odd_addresses(scene: Scene, client: FlaskClient) -> None:
    code = wheel(scene)
    draft = wheel(scene, publish=False)
    for path in (f"g/{draft}", "g/nothing", "g/..", "g/UPPER", "static/games_base.html", "static/../routes.py",
                 f"g/{code}/result/0123"):  # fmt: skip
        assert client.get(f"{BASE}/{path}", headers=PAGE).status_code in (303, 404), path
    assert client.get(f"/p/moonco/interaction-games/g/{code}", headers=PAGE).status_code == 404
    style = client.get(f"{BASE}/static/games_base.css")
    assert (style.status_code, style.mimetype) == (200, "text/css")


@pytest.mark.parametrize("phase", ["waiting", "paused", "over"])
def test_a_page_says_when_nothing_can_be_played(scene: Scene, client: FlaskClient, phase: str) -> None:
    starts_at = scene.brand.now() + 3_600_000 if phase == "waiting" else None
    code = wheel(scene, starts_at=starts_at)
    if phase == "paused":
        scene.games.pause(code, actor="mia", reason="repair")
    elif phase == "over":
        scene.games.end(code, actor="mia", reason="done")
    sign_in(client, scene.brand, scene.person())
    words = {"waiting": "This has not begun yet", "paused": "This is paused", "over": "This has ended"}
    assert words[phase] in client.get(f"{BASE}/g/{code}?lang=en", headers=PAGE).get_data(as_text=True)


def test_the_list_of_games_leads_to_none_that_is_forbidden_behind_a_link(scene: Scene, client: FlaskClient) -> None:
    spring = wheel(scene, title="Spring wheel")
    bargain = {"sku": "S", "goods": "Tea", "list_minor": 9_900, "floor_minor": 5_900, "helpers": 3}
    scene.campaign("bargain", [], settings=bargain, surface="offline_code", title="Cut it")
    over = wheel(scene, title="Last year's wheel")
    scene.games.end(over, actor="mia", reason="the year is over")
    page = client.get(f"{BASE}/games?lang=en", headers=PAGE).get_data(as_text=True)
    assert "Spring wheel" in page and "Lucky wheel" in page
    assert "Cut it" not in page and "Last year" not in page
    assert client.get(f"{BASE}/games", headers=SCRIPT).json == {
        "games": [{"code": spring, "title": "Spring wheel", "game": "wheel"}]
    }
    assert "moonco" not in page
