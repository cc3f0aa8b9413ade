"""Routes, commands, a game's prize, doctor; and a README that names them all."""

from __future__ import annotations

import json
from pathlib import Path

import click
import flask
import pytest
from benefit_scene import Scene, table
from click.testing import CliRunner

from scrm_benefit_card import BenefitCard
from scrm_benefit_card.commands import group
from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict
from scrm_core.web import create_app
from scrm_interaction_games import InteractionGames

README = Path(__file__).resolve().parents[3] / "plugins" / "scrm_benefit_card" / "README.md"
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
DAY_MS = 86_400_000


@on_sqlite
def test_over_http_each_route_needs_its_permission_and_none_tells_a_code(scenes):
    scene, other = scenes()
    ann = scene.person("ann")
    client = create_app(scene.brand.installation).test_client()
    with scene.brand:
        uid = scene.brand.contacts.get_by_id(ann).uid
        scopes = ("benefit-card:read", "benefit-card:stock", "benefit-card:give")
        keys = {scope: scene.brand.keys.create(scope, (scope,))[1] for scope in scopes}
    said: list[str] = []

    def call(method, path, body=None, scope="read"):
        headers = {"Authorization": f"Bearer {keys['benefit-card:' + scope]}"}
        answer = client.open(f"/api/v1/acme/plugins/benefit-card{path}", method=method, json=body, headers=headers)
        said.append(answer.get_data(as_text=True))
        return answer

    pool = {"code": "video", "title": "视频会员月卡", "face_minor": 2_500, "cost_minor": 1_800}
    cards = {"rows": [{"code": "SESAME-1", "pin": "TOPSECRET7"}, {"code": "SESAME-2"}, {"code": "sesame 1"}, {"pin": "1"}]}
    gift = {"code": "may", "pool": "video", "title": "五月礼", "plan": "MAY", "until": "2026-01-31"}
    for path, body, scope in (
        ("/pools", pool, "give"), ("/pools/video/cards", cards, "give"), ("/pools/video/close", {}, "give"),
        ("/pools/video/reopen", {}, "give"), ("/gifts", gift, "stock"), ("/gifts/may/close", {}, "stock"),
        ("/issues/x/revoke", {"reason": "r"}, "stock"),
    ):  # fmt: skip
        for wrong in ("read", scope):
            assert call("POST", path, body, wrong).status_code == 403, path
    assert call("POST", "/pools", pool, "stock").status_code == 201
    assert call("POST", "/pools", {**pool, "title": "x"}, "stock").json["code"] == "code_used"
    assert call("POST", "/pools", {**pool, "left": 3}, "stock").json["field"] == "left"
    told = call("POST", "/pools/video/cards", cards, "stock").json
    assert told == {
        "read": 4, "created": 2, "rejected": 2, "rejects": [[3, "has the code of line 1"], [4, "has no code"]]
    }  # fmt: skip
    card = scene.give(ann, "a")
    assert call("GET", "/pools").json["pools"][0]["actor"].startswith("key:")
    shown = call("GET", "/pools/video").json
    assert (shown["cards"], shown["left"], shown["givable"], shown["waiting_cost"]) == (2, 1, 1, 1_800)
    page = call("GET", f"/issues?contact={uid}&state=given&pool=video&limit=1").json
    assert ([each["uid"] for each in page["issues"]], page["issues"][0]["contact"]) == ([card], uid)
    assert call("GET", f"/issues?after={page['next']}&limit=1").json == {"issues": [], "next": None}
    assert call("GET", "/issues?state=lent").json["field"] == "state"
    scene.reveal(card, ann)
    for _ in range(2):
        assert call("POST", f"/issues/{card}/revoke", {"reason": "mistake"}, "give").json["state"] == "lost"
    assert call("POST", "/issues/nosuch/revoke", {"reason": "mistake"}, "give").status_code == 404
    made = call("POST", "/gifts", gift, "give")
    assert (made.status_code, made.json["owner"]) == (201, "sms")
    assert made.json["url"].endswith("/p/acme/benefit-card/g/may")
    assert call("GET", "/gifts").json["gifts"] == [made.json] == [call("GET", "/gifts/may").json]
    assert call("POST", "/gifts/may/close", {}, "give").json["state"] == "closed"
    assert call("POST", "/pools/video/close", {}, "stock").json["state"] == "closed"
    assert call("POST", "/pools/video/cards", cards, "stock").status_code == 409
    assert call("POST", "/pools/video/reopen", {}, "stock").json["state"] == "open"
    assert call("GET", "/report").json["rows"][0]["lost_cost"] == 1_800
    assert call("GET", "/check").json == {"differences": []}
    assert not [text for text in said if "SESAME" in text or "TOPSECRET7" in text]
    with other.brand:
        assert other.cards.pools.page() == [] and other.cards.gifts.page() == []


@on_sqlite
def test_on_the_command_line_a_pool_is_filled_given_and_taken_back(scene, tmp_path):
    def run(*arguments):
        session = Session(scene.brand.installation.config.root, clock=scene.brand.clock)
        try:
            return CliRunner().invoke(root, ["benefit-card", *arguments], obj=session)
        finally:
            session.close()

    def told(*arguments):
        answer = run(*arguments, "--json")
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout)

    by = ("--as", "lin")
    made = told("pool", "create", "acme", "video", "--title", "视频会员月卡", "--cost-minor", "1800", "--terms", "x", *by)
    assert (made["actor"], made["warn_below"]) == ("lin", 20)
    file = tmp_path / "cards.csv"
    file.write_text("code,pin\nSESAME-1,TOPSECRET7\nSESAME-2,\nSESAME-1,\n", encoding="utf-8")
    assert run("pool", "import", "acme", "video", str(file)).exit_code == 2  # nobody says who
    extra = tmp_path / "extra.csv"
    extra.write_text("code,no\nSESAME-0,1\n", encoding="utf-8")
    strange = run("pool", "import", "acme", "video", str(extra), *by)
    assert (strange.exit_code, "not known: 'no'; nothing was taken" in strange.stderr) == (1, True)
    answer = run("pool", "import", "acme", "video", str(file), *by, "--json")
    assert (answer.exit_code, json.loads(answer.stdout)) == (1, {"read": 3, "created": 2, "rejected": 1})
    assert answer.stderr == "line 4: has the code of line 2\n"
    ann = scene.person("ann")
    first, second = scene.give(ann, "a"), scene.give(ann, "b")
    scene.reveal(second, ann)
    with scene.brand:
        uid = scene.brand.contacts.get_by_id(ann).uid
    assert [each["uid"] for each in told("issued", "acme", "--contact", uid, "--pool", "video")] == [first, second]
    assert [each["state"] for each in told("issued", "acme")] == ["given", "revealed"]
    assert told("revoke", "acme", first, "--reason", "mistake", *by)["state"] == "returned"
    assert told("revoke", "acme", second, "--reason", "mistake", *by)["reason"] == "mistake"
    shown = told("pool", "show", "acme", "video")
    assert (shown["left"], shown["lost"], shown["lost_cost"]) == (1, 1, 1_800)
    assert told("pool", "close", "acme", "video", *by)["state"] == "closed"
    assert told("pool", "reopen", "acme", "video", *by)["state"] == "open"
    assert [each["code"] for each in told("pool", "list", "acme")] == ["video"]
    gift = ("--pool", "video", "--plan", "MAY", "--title", "五月礼", "--until", "2026-01-31")
    assert told("gift", "create", "acme", "may", *gift, *by)["missing"] == 0
    assert told("gift", "list", "acme")[0]["left"] == told("gift", "show", "acme", "may")["left"] == 1
    assert told("gift", "close", "acme", "may", *by)["state"] == "closed"
    assert told("report", "acme")[0]["cost"] == 3_600
    assert len(run("key").stdout.strip()) == 44
    assert "0 cards sealed anew" in run("reseal", "acme").stdout
    assert run("check", "acme").exit_code == 0
    with scene.brand:
        execute("UPDATE benefit_card_card SET state = 'given' WHERE state = 'stock'")
    off = run("check", "acme")
    assert (off.exit_code, "is given" in off.stdout) == (1, True)


@on_sqlite
def test_a_wheel_gives_cards_and_is_not_published_with_fewer_than_it_plans(new_installation):
    games = table() + "\n[plugins.interaction-games]\n"
    installation = new_installation(plugins=(InteractionGames, BenefitCard), acme=games, moonco=games)
    scene = Scene(installation.brand("acme"))
    scene.pool(cards=1)
    ann, ben = scene.person("ann"), scene.person("ben")
    prize = {"code": "card", "title": "月卡", "kind": "benefit-card", "item": "video", "weight": 1, "value_minor": 2_500}
    with scene.brand as brand:
        play = brand.plugins["interaction-games"].games
        about = {
            "code": "spring", "game": "wheel", "title": "转盘", "surface": "app", "ends_at": brand.now() + 30 * DAY_MS,
            "rules": "每人每天一次。", "organiser": "Acme", "organiser_contact": "400-000-0000", "chances": {"daily": 1},
            "total_weight": 1, "prizes": [{**prize, "stock": 2}],
        }  # fmt: skip
        play.create(about, actor="mia")
        with pytest.raises(Conflict, match="has 1 benefit cards that may be given, 2 are planned"):
            play.publish("spring", "mia")
        play.publish("spring", "mia", confirm=True)
        assert play.act("spring", "play", ann, key="one", data={}, device="", network="")["prize"]
        late = play.act("spring", "play", ben, key="two", data={}, device="", network="")
        assert (late["prize"], late["word"]) == (None, "sold_out")
    assert scene.places() == (0, 0, 1, 0, 0)


def test_the_readme_names_every_route_setting_and_command():
    readme = README.read_text("utf-8")
    app = flask.Flask("routes")
    app.register_blueprint(BenefitCard.blueprint)
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            assert rule.rule in readme, rule.rule
    for name, field in BenefitCard.Settings().fields.items():
        assert field.metadata["description"] and f"`{name}`" in readme, name
    assert BenefitCard.Settings().fields["seal_keys"].metadata["secret"] is True

    def named(commands: click.Group, path: str) -> None:
        for name, command in commands.commands.items():
            if isinstance(command, click.Group):
                named(command, f"{path} {name}")
            else:
                assert f"{path} {name} " in readme, f"{path} {name}"

    named(group, "scrm benefit-card")
    for permission in BenefitCard.permissions:
        assert f"`{permission}`" in readme
