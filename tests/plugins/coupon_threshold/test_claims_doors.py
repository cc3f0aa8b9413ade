"""Routes and commands of batches and claims: permissions, foreign brands, replays, and what they print."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from coupon_scene import PLUGIN, PLUGINS, CouponScene, definition

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.web import create_app

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def scene(new_installation, clock) -> CouponScene:
    """Acme has the plugin; moonco has it switched off."""
    installation = new_installation(plugins=PLUGINS, acme=PLUGIN, moonco=PLUGIN + "enabled = false\n")
    return CouponScene(installation, clock)


@pytest.fixture
def call(scene: CouponScene):
    """A function that calls the API: ``call(method, path, body, scopes=...)``."""
    client = create_app(scene.installation).test_client()

    def call(method: str, path: str, body: Any = None, *, scopes=("*",), brand="acme", key="") -> Any:
        with scene.installation.brand(brand) as home:
            secret = home.keys.create("test", scopes)[1]
        headers = {"Authorization": f"Bearer {secret}"} | ({"Idempotency-Key": key} if key else {})
        return client.open(f"/api/v1/{brand}/plugins/coupon-threshold{path}", method=method, json=body, headers=headers)

    return call


@pytest.fixture
def scrm(scene: CouponScene):
    """A function that runs ``scrm coupon-threshold ...`` and returns the result."""

    def run(*arguments: str) -> Any:
        session = Session(scene.installation.config.root, clock=scene.clock)
        try:
            return CliRunner().invoke(root, ["coupon-threshold", *arguments], obj=session)
        finally:
            session.close()

    return run


def test_a_batch_goes_from_definition_to_claims_over_http(scene: CouponScene, call) -> None:
    scene.go_to("2026-03-01T12:00:00")
    made = call("POST", "/batches", definition("b", stock=3, gate={"tasks": [{"task": "joined"}]}))
    assert made.status_code == 201 and made.json["state"] == "draft" and made.json["validity"]["days"] == 7
    # What is shown creates the same batch again.
    keys = set(definition("b")) | {"scope", "stacking", "gate", "stock", "codes", "limits", "returns", "terms"}
    assert call("POST", "/batches", {key: made.json[key] for key in keys}).json == made.json
    bad = call("POST", "/batches", definition("c", stock=-1))
    assert (bad.status_code, bad.json["field"]) == (422, "stock")
    assert call("POST", "/batches/b/changes", {"title": "三月券"}).json["title"] == "三月券"
    assert call("POST", "/batches/b/stock", {"total": 4}).json["stock_left"] == 4
    assert call("POST", "/batches/b/state", {"state": "open"}).json["state"] == "open"
    assert [row["code"] for row in call("GET", "/batches?state=open").json["batches"]] == ["b"]

    ann, bob = scene.uid(scene.person()), scene.uid(scene.person())
    refused = call("POST", "/claims", {"batch": "b", "contact": ann, "key": "1"})
    assert (refused.status_code, refused.json["code"]) == (403, "gate")
    steps = call("GET", f"/batches/b/progress?contact={ann}").json
    assert (steps["met"], [(step["done"], step["needed"]) for step in steps["steps"]]) == (False, [(0, 1)])
    given = call("POST", "/coupons", {"batch": "b", "contact": bob, "key": "1", "reason": "apology"})
    assert given.status_code == 201 and given.json["source"] == "staff" and given.json["contact"] == bob
    with scene.acme as brand:
        brand.membership.join(scene.rows("SELECT id FROM contact WHERE uid = ?", ann)[0][0], at=brand.now())
    scene.deliver()
    claimed = call("POST", "/claims", {"batch": "b", "contact": ann, "key": "2"})
    assert claimed.status_code == 201 and claimed.json["valid_to"] == "2026-03-08T00:00:00+08:00"
    again = call("POST", "/claims", {"batch": "b", "contact": ann, "key": "2"})
    assert again.json == claimed.json
    more = call("POST", "/claims", {"batch": "b", "contact": ann, "key": "3"})
    assert (more.status_code, more.json["code"]) == (409, "limit")
    assert call("GET", f"/coupons?contact={ann}").json["coupons"] == [claimed.json]
    assert len(call("GET", "/coupons?batch=b").json["coupons"]) == 2
    uid = claimed.json["uid"]
    assert call("POST", f"/coupons/{uid}/void", {"reason": "mistake"}).json["state"] == "void"
    assert call("GET", f"/coupons/{uid}").json["state"] == "void"
    with scene.acme as brand:
        brand.channels.create("moments", "朋友圈")
    link = call("POST", "/batches/b/links", {"channel": "moments", "target": "https://shop.example/coupon"})
    assert link.status_code == 201 and link.json["path"].startswith("/l/")
    row = call("GET", "/report").json["rows"][0]
    assert (row["batch"], row["claimed"], row["rate"]) == ("b", 1, None)
    assert call("GET", "/report/gates?minimum=1").json["verdict"] == "too few persons"


def test_codes_come_over_http_and_bad_ones_are_told(scene: CouponScene, call) -> None:
    call("POST", "/batches", definition("p", codes="pool"))
    dry = call("POST", "/batches/p/codes", {"codes": ["ABCDEFGHJKMN", "short"], "dry_run": True}).json
    assert (dry["added"], dry["rejected"], dry["dry_run"]) == (1, 1, True)
    told = call("POST", "/batches/p/codes", {"codes": ["ABCDEFGHJKMN", "short"]}).json
    assert (told["added"], told["rejects"][0]["line"]) == (1, 2)
    assert call("POST", "/batches/p/codes", {"draw": 10}).json["stock_total"] == 10
    assert call("POST", "/batches/p/codes", {}).status_code == 422


def test_a_code_that_was_handed_out_is_claimed_over_http(scene: CouponScene, call) -> None:
    call("POST", "/batches", definition("c", codes="handed-out"))
    call("POST", "/batches/c/codes", {"codes": ["ABCD-EFGH-JKMN"]})
    call("POST", "/batches/c/state", {"state": "open"})
    ann, bob = scene.uid(scene.person()), scene.uid(scene.person())
    wrong = call("POST", "/claims/code", {"code": "ABCDEFGHJKM2", "contact": ann, "network": "n"})
    assert (wrong.status_code, wrong.json["claimed"], wrong.json["reason"]) == (200, False, "unknown")
    # The answer is no error, so that the count of wrong codes stays.
    assert scene.rows("SELECT failures FROM coupon_threshold_attempt") == [(1,), (1,)]
    claimed = call("POST", "/claims/code", {"code": "abcd efgh jkmn", "contact": ann})
    assert (claimed.status_code, claimed.json["coupon"]["contact"]) == (201, ann)
    assert call("POST", "/claims/code", {"code": "ABCDEFGHJKMN", "contact": ann}).json == claimed.json
    assert call("POST", "/claims/code", {"code": "ABCDEFGHJKMN", "contact": bob}).json["claimed"] is False


def test_every_door_is_closed_without_its_permission_and_to_other_brands(scene: CouponScene, call) -> None:
    scene.open("b")
    ann = scene.uid(scene.person())
    claim = {"batch": "b", "contact": ann, "key": "1"}
    read, claims = ("coupon-threshold:read",), ("coupon-threshold:claim",)
    for method, path, body, scopes in (
        ("POST", "/batches", definition("x"), read),
        ("POST", "/batches/b/state", {"state": "paused"}, claims),
        ("POST", "/claims", claim, read),
        ("POST", "/claims/code", {"code": "ABCDEFGHJKMN", "contact": ann}, read),
        ("POST", "/coupons", {**claim, "reason": "r"}, claims),
        ("GET", "/report", None, claims),
    ):
        assert call(method, path, body, scopes=scopes).status_code == 403
    assert call("POST", "/claims", claim, scopes=claims).status_code == 201
    assert call("GET", "/batches", brand="moonco").status_code == 404
    stranger = scene.uid(scene.person(scene.moonco), scene.moonco)
    assert call("POST", "/claims", {**claim, "contact": stranger, "key": "2"}).status_code == 404
    assert call("GET", "/coupons/nothing").status_code == 404
    assert call("GET", "/coupons").status_code == 422
    # A body never says who it is for beyond the contact, nor sets what the service decides.
    assert call("POST", "/claims", {**claim, "state": "used"}).status_code == 422


def test_commands_do_the_same(scene: CouponScene, scrm, tmp_path) -> None:
    file = tmp_path / "batch.json"
    file.write_text(json.dumps(definition("b", stock=2), ensure_ascii=False), encoding="utf-8")
    assert json.loads(scrm("create", "acme", str(file), "--json").stdout)["stock_left"] == 2
    assert scrm("open", "acme", "b").exit_code == 0
    assert json.loads(scrm("stock", "acme", "b", "5", "--json").stdout)["stock_left"] == 5
    ann = scene.uid(scene.person())
    given = json.loads(
        scrm("give", "acme", "b", ann, "--key", "k", "--reason", "order-show", "--by", "林", "--json").stdout
    )
    assert given["state"] == "claimed"
    assert json.loads(scrm("coupons", "acme", ann, "--json").stdout)[0]["uid"] == given["uid"]
    assert json.loads(scrm("progress", "acme", "b", ann, "--json").stdout)["met"] is True
    assert json.loads(scrm("void", "acme", given["uid"], "--reason", "x", "--json").stdout)["state"] == "void"
    assert json.loads(scrm("expire", "acme", "--json").stdout) == {"expired": 0}
    file.write_text('{"title": "新名"}', encoding="utf-8")
    assert json.loads(scrm("change", "acme", "b", str(file), "--json").stdout)["title"] == "新名"
    assert scrm("pause", "acme", "b").exit_code == 0
    listed = json.loads(scrm("list", "acme", "--json").stdout)
    assert [(row["code"], row["state"], row["stock_left"]) for row in listed] == [("b", "paused", 4)]
    assert json.loads(scrm("show", "acme", "b", "--json").stdout)["state"] == "paused"
    assert json.loads(scrm("report", "acme", "--json").stdout)[0]["claimed"] == 0
    assert json.loads(scrm("gates", "acme", "--json").stdout)["winner"] is None
    assert "verdict: too few persons" in scrm("gates", "acme").output
    assert scrm("close", "acme", "b").exit_code == 0

    file.write_text(json.dumps(definition("p", codes="pool")), encoding="utf-8")
    scrm("create", "acme", str(file))
    assert json.loads(scrm("draw", "acme", "p", "3", "--json").stdout)["stock_total"] == 3
    codes = tmp_path / "codes.csv"
    codes.write_text("code\nABCDEFGHJKMN\nbad\n", encoding="utf-8")
    told = scrm("codes", "acme", "p", str(codes), "--dry-run")
    assert "line 3: has 3 characters" in told.output and "dry run" in told.output
    assert json.loads(scrm("codes", "acme", "p", str(codes), "--json").stdout)["added"] == 1
    file.write_text(json.dumps(definition("h", codes="handed-out")), encoding="utf-8")
    scrm("create", "acme", str(file))
    scrm("draw", "acme", "h", "2")
    scrm("open", "acme", "h")
    heading, first, second = scrm("printed", "acme", "h").stdout.split()
    assert heading == "code" and len(first) == len(second) == 16
    assert json.loads(scrm("enter", "acme", first, ann, "--json").stdout)["shown_code"] == first
    assert scrm("printed", "acme", "h").stdout.split() == ["code", second]
    wrong = scrm("enter", "acme", "ABCDEFGHJKMN", ann)
    assert wrong.exit_code == 3 and "not known, was used already" in wrong.output
    assert scene.rows("SELECT failures FROM coupon_threshold_attempt") == [(1,)]
    file.write_text("{", encoding="utf-8")
    assert scrm("create", "acme", str(file)).exit_code != 0
    assert scrm("list", "moonco").exit_code == 3
