"""Games over HTTP and the command line: a campaign from its file to the check of its published draws."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from games_scene import Scene
from werkzeug.test import TestResponse

from scrm_core.cli.session import Session
from scrm_core.web.app import create_app
from scrm_interaction_games.commands import group
from scrm_interaction_games.engine import verifying

HERE = "/api/v1/acme/plugins/interaction-games"
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

DEFINITION = """
code = "spring"
game = "wheel"
title = "春日大转盘"
surface = "offline_code"
ends_at = "2026-01-31T24:00:00+08:00"
rules = "每人每天一次。"
organiser = "Acme 母婴"
organiser_contact = "400-000-0000"
total_weight = 10
expected_draws = 100
budget_minor = 100_000

[chances]
daily = 1

[[prizes]]
code = "tea"
title = "白茶"
kind = "points"
quantity = 10
value_minor = 100
weight = 4
stock = 50

[[prizes]]
code = "none"
title = "谢谢参与"
kind = "none"
weight = 6
"""


@pytest.fixture
def client(scene: Scene) -> FlaskClient:
    return create_app(scene.brand.installation).test_client()


@pytest.fixture
def call(scene: Scene, client: FlaskClient) -> Callable[..., TestResponse]:
    """A function that calls the API with a key: ``call("POST", "/campaigns", body, "interaction-games:write")``."""
    keys: dict[tuple[str, ...], str] = {}

    def run(method: str, path: str, body: Any = None, *scopes: str) -> TestResponse:
        if scopes not in keys:
            keys[scopes] = scene.brand.keys.create("test", scopes or ("*",))[1]
        headers = {"Authorization": f"Bearer {keys[scopes]}"}
        return client.open(HERE + path, method=method, json=body, headers=headers)

    return run


@pytest.fixture
def scrm(scene: Scene) -> Callable[..., Result]:
    """A function that runs ``scrm interaction-games ...``."""

    def run(*arguments: str) -> Result:
        installation = scene.brand.installation
        session = Session(installation.config.root, clock=installation.clock)
        session._installation = installation
        return CliRunner().invoke(group, list(arguments), obj=session)

    return run


def uid_of(scene: Scene, person: int) -> str:
    return str(scene.brand.contacts.get_by_id(person).uid)


def test_a_campaign_from_its_file_to_the_check_of_its_draws(
    scene: Scene, scrm: Callable[..., Result], tmp_path: Path
) -> None:
    file = tmp_path / "spring.toml"
    file.write_text(DEFINITION.replace("T24:00", "T23:59"), encoding="utf-8")
    made = scrm("campaign", "create", "acme", str(file), "--as", "mia", "--json")
    assert json.loads(made.output)["state"] == "draft"
    odds = json.loads(scrm("campaign", "odds", "acme", "spring", "--json").output)
    assert (odds["expected_cost_minor"], odds["expected_spend_minor"]) == (40.0, 4_000.0)
    told = json.loads(scrm("campaign", "publish", "acme", "spring", "--as", "mia", "--json").output)
    assert len(told["commitment"]) == 64
    anna = scene.person()
    given = scrm("tickets", "grant", "acme", "spring", uid_of(scene, anna), "9", "--key", "sorry", "--as", "mia")
    assert given.exit_code == 0
    nobody = scrm("tickets", "grant", "acme", "spring", "phone=13800138999", "9", "--key", "sorry", "--as", "mia")
    assert "no contact has the phone" in str(nobody.exception)
    draws = [scene.act("spring", "play", anna)["draw"] for _ in range(8)]
    for draw in draws:
        checked = scrm("verify", "acme", draw)
        assert checked.exit_code == 0 and checked.output.count("holds") == 7
    assert "spring" in scrm("campaign", "list", "acme").output
    out = tmp_path / "draws.json"
    assert scrm("draws", "acme", "spring", "--out", str(out)).exit_code == 0
    early = scrm("verify-file", str(out))
    assert early.exit_code != 0 and "not revealed" in str(early.exception)
    assert scrm("campaign", "end", "acme", "spring", "--as", "mia", "--reason", "发完").exit_code == 0
    seed = json.loads(scrm("campaign", "reveal", "acme", "spring", "--as", "mia", "--json").output)["seed"]
    scrm("draws", "acme", "spring", "--out", str(out))
    checked = scrm("verify-file", str(out))
    assert (checked.exit_code, checked.output) == (0, "8 draws checked, 0 checks do not hold\n")
    assert json.loads(out.read_text())["seed"] == seed


# So many that two numbers are not the same by chance.
TOTAL = 10**9


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda told: told["draws"][0].update(x=(told["draws"][0]["x"] + 1) % TOTAL), "number"),
        (lambda told: told["draws"][0].update(client_seed="another"), "number"),
        (lambda told: told["draws"][0].update(picked="none", given="", why=""), "prize"),
        (lambda told: told["draws"][0].update(given="", why=""), "decision"),
        (lambda told: told["draws"][0].update(why="guarantee"), "decision"),
        (lambda told: told["draws"][0].update(given="", why="because"), "decision"),
        (lambda told: told["table"][0].__setitem__(1, 5), "table"),
        (lambda told: told.update(seed="00" * 32), "commitment"),
    ],
)
def test_a_file_that_was_tampered_with_is_found_out(
    scene: Scene, scrm: Callable[..., Result], tmp_path: Path, change: Callable[[dict[str, Any]], None], name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("scrm_interaction_games.engine.fairness.new_seed", lambda: "ab" * 32)
    # Weight 0 for nothing: whatever the number, the tea is picked.
    code = scene.campaign("wheel", [scene.prize("tea", weight=TOTAL), scene.none(0)], chances={"start": 1})
    scene.draw(code, scene.person())
    scene.games.end(code, actor="mia", reason="done")
    scene.games.reveal(code, actor="mia")
    told = json.loads(json.dumps(scene.games.published_file(code)))
    assert all(check.holds for _, check in verifying.verify_file(told))
    change(told)
    wrong = {check.name for _, check in verifying.verify_file(told) if not check.holds}
    assert name in wrong
    file = tmp_path / "draws.json"
    file.write_text(json.dumps(told))
    done = scrm("verify-file", str(file))
    assert done.exit_code == 1 and "DOES NOT HOLD" in done.output
    for broken in ("[]", "{}", "{", json.dumps({**told, "draws": [{}]})):
        file.write_text(broken)
        assert scrm("verify-file", str(file)).exit_code not in (0, None)


def test_every_route_answers_and_needs_its_permission(scene: Scene, call: Callable[..., TestResponse]) -> None:
    anna = scene.person()
    uid = uid_of(scene, anna)
    body = scene.definition("wheel", [scene.prize("tea", weight=1, value_minor=100, stock=5)], code="http",
                            budget_minor=10_000)  # fmt: skip
    write, publish, play = (f"interaction-games:{name}" for name in ("write", "publish", "play"))
    read, review = "interaction-games:read", "interaction-games:review"
    assert call("POST", "/campaigns", body, read).status_code == 403
    assert call("POST", "/campaigns", {**body, "title": 7}, write).json["field"] == "title"
    assert call("POST", "/campaigns", body, write).status_code == 201
    assert call("POST", "/campaigns/http/publish", {}, write).status_code == 403
    told = call("POST", "/campaigns/http/publish", {}, publish)
    assert (told.status_code, len(told.json["commitment"])) == (200, 64)
    assert call("POST", "/campaigns/http/tickets", {"contact": uid, "count": 9, "key": "k"}, write).json["balance"] == 9
    act = {"contact": uid, "key": "a1", "data": {"client_seed": "mine"}}
    assert call("POST", "/campaigns/http/acts/play", act, write).status_code == 403
    first = call("POST", "/campaigns/http/acts/play", act, play)
    assert (first.status_code, first.json["prize"]) == (200, "tea")
    assert call("POST", "/campaigns/http/acts/play", act, play).json == first.json
    assert scene.rewards(anna) == [("points", "", 1)]
    for bad in ({**act, "contact": "nobody", "key": "x"}, {**act, "data": {"contact_id": "1"}, "key": "x"}):
        assert call("POST", "/campaigns/http/acts/play", bad, play).status_code in (403, 404)
    assert call("GET", f"/campaigns/http/view?contact={uid}", None, play).json["chances"] == 8
    drawn = call("GET", f"/draws/{first.json['draw']}", None, read).json
    assert all(check["holds"] for check in drawn["checks"]) and drawn["proof"]["client_seed"] == "mine"
    shown = call("GET", "/campaigns/http", None, read).json
    assert (shown["stock"], shown["spent_minor"], shown["published"]["seed"]) == ({"tea": 4}, 100, None)
    assert call("GET", "/campaigns", None, read).json["campaigns"][0]["code"] == "http"
    assert call("GET", "/campaigns/http/odds", None, read).json["expected_cost_minor"] == 100.0
    assert call("POST", "/campaigns/http/stock", {"prize": "tea", "more": 1}, publish).status_code == 200
    assert call("POST", "/campaigns/http/budget", {"more_minor": 5}, publish).json["budget_minor"] == 10_005
    longer = call("POST", "/campaigns/http/lengthen", {"ends_at": "2026-12-31T00:00:00"}, publish)
    assert longer.json["ends_at"] == "2026-12-31T00:00:00+08:00"
    assert call("POST", "/campaigns/http/lengthen", {"ends_at": "soon"}, publish).json["field"] == "ends_at"
    assert call("POST", "/campaigns/http/pause", {"reason": "x"}, publish).json["phase"] == "paused"
    assert call("POST", "/campaigns/http/resume", None, publish).json["phase"] == "running"
    assert call("POST", "/campaigns/http/end", {"reason": "x"}, publish).json["phase"] == "over"
    assert len(call("POST", "/campaigns/http/reveal", None, publish).json["seed"]) == 64
    assert len(call("GET", "/campaigns/http/draws", None, read).json["draws"]) == 1
    (row,) = call("GET", "/report", None, read).json["rows"]
    assert (row["players"], row["draws"], row["wins"], row["spent_minor"]) == (1, 1, 1, 100)
    (row,) = call("GET", "/report/prizes", None, read).json["rows"]
    assert (row["odds"], row["picked"], row["given"], row["cost_minor"]) == (1.0, 1, 1, 100)
    assert call("GET", "/failed", None, read).json == {"failed": [], "cursor": None}
    assert call("GET", "/recommend?goal=new-members", None, read).json["options"][0]["role"] == "main"
    assert call("GET", "/reviews", None, read).status_code == 403
    assert call("GET", "/reviews?after=x", None, review).status_code == 422
    assert call("GET", "/campaigns/nothing", None, read).status_code == 404


def test_reviewers_are_told_apart_by_their_keys(scene: Scene, client: FlaskClient) -> None:
    code = scene.campaign(
        "wheel", [scene.prize("bag", weight=1, value_minor=200_000, review=True)], chances={"start": 2}
    )
    held, other = scene.draw(code, scene.person()), scene.draw(code, scene.person())
    keys = [scene.brand.keys.create(name, ("interaction-games:review",))[1] for name in ("kim", "lee")]

    def say(key: str, uid: str, word: str, body: dict[str, str]) -> TestResponse:
        return client.post(f"{HERE}/draws/{uid}/{word}", json=body, headers={"Authorization": f"Bearer {key}"})

    assert say(keys[0], held.uid, "approve", {}).json["state"] == "held"
    assert say(keys[0], held.uid, "approve", {}).json["code"] == "four_eyes"
    # A name in the body is nobody.
    assert say(keys[0], held.uid, "approve", {"actor": "lee"}).status_code == 422
    assert say(keys[1], held.uid, "approve", {}).json["state"] == "granted"
    assert say(keys[0], other.uid, "reject", {}).status_code == 422
    assert say(keys[0], other.uid, "reject", {"reason": "同一设备"}).json["state"] == "void"
    assert say(keys[0], other.uid, "void", {"reason": "x"}).status_code == 409


def test_reviews_failures_and_recommendations_on_the_command_line(scene: Scene, scrm: Callable[..., Result]) -> None:
    code = scene.campaign("wheel", [scene.prize("bag", weight=1, review=True, stock=3)], chances={"start": 3})
    anna = scene.person()
    draws = [scene.draw(code, anna) for _ in range(3)]
    (first, *_) = json.loads(scrm("review", "list", "acme", "--json").output)
    assert first["uid"] == draws[0].uid
    scene.break_issuer()
    assert "is won" in scrm("review", "approve", "acme", draws[0].uid, "--as", "kim").output
    assert "closed" in scrm("failed", "acme").output
    scene.break_issuer(False)
    assert "granted" in scrm("replay", "acme", draws[0].uid).output
    assert "void" in scrm("review", "reject", "acme", draws[1].uid, "--as", "kim", "--reason", "x").output
    assert "void" in scrm("review", "void", "acme", draws[2].uid, "--as", "kim", "--reason", "x").output
    assert scene.stock(code, "bag") == 2
    # A brand on an external link alone is told which games it cannot use, and why.
    told = json.loads(scrm("recommend", "acme", "new-members", "--surface", "h5", "--json").output)
    by_game = {option["game"]: option for option in told}
    assert by_game["bargain"]["usable"] is False and "external link" in by_game["bargain"]["problems"][0]
    rows = json.loads(scrm("campaign", "prizes", "acme", "--json").output)
    assert [(row["prize"], row["given"]) for row in rows] == [("bag", 1)]
    metrics = list(scene.brand.plugins["interaction-games"].collect_metrics(_days(scene)))  # type: ignore[attr-defined]
    assert {(value.metric, value.value) for value in metrics if value.metric in ("draws", "wins")} == {
        ("draws", 3), ("wins", 1)
    }  # fmt: skip


def _days(scene: Scene) -> Any:
    from scrm_core.api import MetricsQuery

    today = scene.brand.day(scene.brand.now())
    return MetricsQuery(first_day=today, last_day=today)


def test_a_definition_is_tried_and_a_draft_rewritten_by_command_and_by_route_alike(scene, call, scrm, tmp_path):
    definition = DEFINITION.replace("T24:00", "T23:00")
    file = tmp_path / "spring.toml"
    file.write_text(definition, encoding="utf-8")
    tried = scrm("campaign", "dry-run", "acme", str(file), "--json")
    assert tried.exit_code == 0, tried.output
    found = json.loads(tried.stdout)
    # Four of ten draws win 1.00, and there are fifty: a hundred draws cost 40.00, all prizes 50.00.
    assert (found["expected_spend_minor"], found["worst_minor"], found["prizes"][0]["odds"]) == (4_000, 5_000, 0.4)
    assert scene.games.campaigns.list() == []
    assert "tea" in scrm("campaign", "dry-run", "acme", str(file)).stdout
    assert scrm("campaign", "create", "acme", str(file), "--as", "mia").exit_code == 0
    file.write_text(definition.replace("春日", "夏日"), encoding="utf-8")
    assert scrm("campaign", "rewrite", "acme", "spring", str(file), "--as", "mia").exit_code == 0
    assert scene.games.campaigns.get("spring").title == "夏日大转盘"
    body = {**json.loads(json.dumps(scene.definition("wheel", [scene.prize("tea", item="tea", weight=1)]))), "code": "spring"}
    assert call("POST", "/campaigns/spring/rewrite", body, "interaction-games:read").status_code == 403
    assert call("POST", "/campaigns/dry-run", body, "interaction-games:read").json["expected_cost_minor"] is not None
    assert call("POST", "/campaigns/spring/rewrite", body, "interaction-games:write").json["title"] == "春日活动"
