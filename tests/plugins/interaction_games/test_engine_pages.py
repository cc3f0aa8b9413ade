"""Game pages: play by a form or a script, once per form, and only as the person who is signed in."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from games_scene import Scene
from signing import PAGE, fields, sign_in

from scrm_core.web.app import create_app

BASE = "/p/acme/interaction-games"
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def client(scene: Scene) -> FlaskClient:
    return create_app(scene.brand.installation).test_client()


def test_a_form_plays_once_and_shows_the_recorded_prize(scene: Scene, client: FlaskClient) -> None:
    anna = scene.person()
    code = scene.campaign(
        "wheel", [scene.prize("tea", item="tea", weight=1, value_minor=100)], chances={"daily": 2}
    )
    sign_in(client, scene.brand, anna)
    page = client.get(f"{BASE}/g/{code}", headers=PAGE)
    assert page.status_code == 200
    form = fields(page, "/play")
    for _ in range(2):  # a double tap
        answer = client.post(f"{BASE}/g/{code}/play", data=form, headers=PAGE)
        assert answer.status_code == 303
    assert scene.rewards(anna) == [("points", "tea", 1)]
    shown = client.get(answer.location, headers=PAGE).get_data(as_text=True)
    assert 'data-prize="tea"' in shown
    mine = client.get(f"{BASE}/prizes", headers=PAGE).get_data(as_text=True)
    assert "TEA" in mine
