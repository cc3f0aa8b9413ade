"""Enrolment, orders and money over HTTP and on the command line, each with its key."""

from __future__ import annotations

import json
import re

import pytest

from scrm_core.web.mounts import application_of
from scrm_koc import KocPlugin

READ, TRACK, MANAGE, REVIEW, SETTLE = (f"koc:{name}" for name in ("read", "track", "manage", "review", "settle"))
DOORS = {
    ("GET", "/classify"): READ, ("GET", "/candidates"): READ, ("GET", "/scores/<uid>"): READ,
    ("POST", "/penalties"): REVIEW,
    ("GET", "/members"): READ, ("POST", "/members"): MANAGE, ("GET", "/members/<code>"): READ,
    ("PATCH", "/members/<code>"): MANAGE, ("POST", "/members/<code>/link"): MANAGE,
    ("GET", "/tasks"): READ, ("POST", "/tasks"): MANAGE, ("GET", "/tasks/<code>"): READ,
    ("POST", "/tasks/<code>/invite"): MANAGE, ("POST", "/tasks/<code>/close"): MANAGE,
    ("PATCH", "/tasks/<code>"): MANAGE,
    ("GET", "/works"): READ, ("GET", "/works/<uid>"): READ, ("GET", "/works/<uid>/pictures/<sha256>"): READ,
    ("POST", "/works/<uid>/submit"): MANAGE, ("POST", "/works/<uid>/step/<action>"): MANAGE,
    ("POST", "/works/<uid>/approve"): REVIEW, ("POST", "/works/<uid>/judge/<action>"): REVIEW,
    ("POST", "/uses"): TRACK, ("GET", "/orders/<source>/<number>"): READ,
    ("GET", "/entries"): READ, ("POST", "/adjustments"): SETTLE, ("GET", "/statements"): READ,
    ("POST", "/settle"): SETTLE, ("POST", "/statements/<number>/paid"): SETTLE, ("GET", "/check"): READ,
    ("GET", "/report"): READ, ("GET", "/export/<kind>"): READ,
}  # fmt: skip
SOON = "\n[plugins.koc]\nrefund_days = 0\nrate_c_bp = 1000\n"
sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@sqlite
def test_over_http_a_koc_is_enrolled_tracked_settled_and_paid(scenes):
    scene, _ = scenes(SOON)
    call, uid = scene.api(), scene.uid(scene.person("ann"))
    body = {"contact": uid, "target": "https://shop.example/hello", "code": "ann"}
    assert call("POST", "/members", body, "koc:track").status_code == 403
    made = call("POST", "/members", body, "koc:manage")
    assert (made.status_code, made.json["code"], made.json["contact"]) == (201, "ANN", uid)
    assert re.fullmatch(r"https?://[^/]+/l/\w+", made.json["link"])
    assert call("POST", "/members", body).json == made.json  # the same again
    for other in ({"code": "ann2"}, {"target": "https://shop.example/else"}, {"rate_bp": 900}, {"followers": 3}):
        refused = call("POST", "/members", {**body, **other})
        assert (refused.status_code, refused.json["code"]) == (409, "enrolled")
        assert f"KOC ANN already, with another {next(iter(other))}: " in refused.json["detail"]
    assert call("POST", "/members", {**body, "rate": 1}).json["field"] == "rate"
    assert call("PATCH", "/members/ANN", {"followers": 12, "rate_bp": None}).json["followers"] == 12
    assert call("PATCH", "/members/ANN", {"state": "gone"}).status_code == 422
    changed = call("PATCH", "/members/ANN", {"rate_bp": 900}).json
    assert changed["rate_bp"] == 900 and call("PATCH", "/members/ANN", {"rate_bp": None}).json["rate_bp"] is None
    told = call("GET", "/members/ANN", scope="koc:read").json["changes"]
    assert [(each["what"], each["before"], each["after"]) for each in told] == [
        ("followers", "0", "12"), ("rate_bp", "", "900"), ("rate_bp", "900", ""),
    ]  # fmt: skip
    assert all(each["actor"].startswith("key:") for each in told)
    assert call("GET", "/members/none").status_code == 404
    assert call("GET", "/members?limit=1").json["next"] is not None
    use = {"code": "ANN", "source": "shop", "number": "1"}
    assert call("POST", "/uses", use, "koc:track").json == {"order": None}
    assert call("POST", "/uses", {**use, "via": "link"}).status_code == 422
    scene.order("1", "dan", 1_000)
    scene.deliver()
    assert call("GET", "/orders/shop/1", scope="koc:read").json["member"] == "ANN"
    assert call("GET", "/orders/shop/2").status_code == 404
    tried = call("POST", "/settle", {"dry_run": True}, "koc:settle").json["statements"]
    assert [(s["payable_minor"], s["state"]) for s in tried] == [(100, "dry_run")]
    assert call("GET", "/statements").json["statements"] == []
    assert call("POST", "/settle", {"limit": 1}, "koc:settle").json == {"statements": [], "more": True}  # it is earned
    done = call("POST", "/settle", {}, "koc:settle").json
    (settled,) = done["statements"]
    assert done["more"] is False
    assert call("POST", "/settle", {"limit": 0}, "koc:settle").status_code == 422
    assert (settled["payable_minor"], settled["state"]) == (100, "due")
    paid = call("POST", f"/statements/{settled['number']}/paid", {"reference": "T1"}, "koc:settle")
    assert paid.json["state"] == "paid"
    assert paid.json["actor"].startswith("key:") and paid.json["paid_by"].startswith("key:")
    assert call("POST", f"/statements/{settled['number']}/paid", {"reference": "T2"}).json["code"] == "paid"
    assert call("POST", "/statements/none/paid", {"reference": "T2"}).status_code == 404
    adjusted = call("POST", "/adjustments", {"member": "ANN", "amount_minor": -5, "key": "k", "reason": "r"})
    assert (adjusted.status_code, adjusted.json["actor"].startswith("key:")) == (201, True)
    assert [e["amount_minor"] for e in call("GET", "/entries?member=ANN").json["entries"]] == [100, -5]
    assert call("GET", "/entries?limit=0").status_code == 422
    assert call("GET", "/statements?member=ANN").json["statements"][0]["reference"] == "T1"
    assert (
        call("POST", "/penalties", {"contact": uid, "points": 5, "key": "k", "reason": "r"}, "koc:review").status_code
        == 201
    )
    assert call("GET", "/check").json == {"differences": []}


@sqlite
def test_on_the_command_line_a_koc_is_enrolled_tracked_settled_and_paid(scenes):
    scene, _ = scenes(SOON)
    uid = scene.uid(scene.person("ann"))
    enrol = ("enrol", "acme", uid, "--target", "https://shop.example/hello", "--code", "ANN", "--as", "lin", "--json")
    assert json.loads(scene.run(*enrol).stdout)["code"] == "ANN"
    again = scene.run(*enrol[:-6], "https://shop.example/else", "--code", "ANN2", "--as", "lin")
    assert (again.exit_code != 0, "code, target" in again.output) == (True, True), again.output
    assert json.loads(scene.run("use", "acme", "ANN", "shop", "1", "--json").stdout) == {"order": None}
    assert scene.run("use", "acme", "ANN", "shop", "1").stdout == "noted until the order arrives\n"
    scene.order("1", "dan", 1_000)
    scene.deliver()
    assert json.loads(scene.run("settle", "acme", "--dry-run", "--json").stdout)[0]["state"] == "dry_run"
    assert "an actor" in scene.run("settle", "acme").output
    (made,) = json.loads(scene.run("settle", "acme", "--as", "finance", "--json").stdout)
    assert made["payable_minor"] == 100
    assert scene.run("paid", "acme", made["number"], "--reference", "T1", "--as", "cashier").exit_code == 0
    (known,) = json.loads(scene.run("statements", "acme", "--json").stdout)
    assert (known["state"], known["reference"]) == ("paid", "T1")
    with scene.brand:
        (kept,) = scene.koc.statements.page()
        assert (kept.actor, kept.paid_by) == ("finance", "cashier")  # who made it and who paid it
    changed = scene.run("change", "acme", "ANN", "--rate-bp", "700", "--as", "mia", "--json")
    assert json.loads(changed.stdout)["changes"][-1]["actor"] == "mia"
    assert "name what to change" in scene.run("change", "acme", "ANN", "--as", "mia").output
    adjusted = scene.run("adjust", "acme", "ANN", "--key", "k", "--reason", "r", "--as", "lin", "--", "-5")
    assert adjusted.exit_code == 0, adjusted.output
    assert [e["amount_minor"] for e in json.loads(scene.run("entries", "acme", "ANN", "--json").stdout)] == [100, -5]
    assert json.loads(scene.run("members", "acme", "--json").stdout)[0]["code"] == "ANN"
    assert json.loads(scene.run("statements", "acme", "--member", "ANN", "--json").stdout)[0]["state"] == "paid"
    assert scene.run("check", "acme").exit_code == 0
    assert scene.run("members", "acme").exit_code == 0
    from scrm_core.db.bulk import execute

    with scene.brand:
        execute("UPDATE koc_order SET earned_minor = 99")
    off = scene.run("check", "acme")
    assert (off.exit_code, "earned 99" in off.stdout) == (1, True)


@sqlite
def test_every_door_opens_to_its_own_key_alone(scenes):
    scene, _ = scenes(SOON)
    call, scopes = scene.api(), {READ, TRACK, MANAGE, REVIEW, SETTLE}
    rules = application_of(KocPlugin).url_map.iter_rules()
    found = {(method, rule.rule) for rule in rules for method in rule.methods - {"HEAD", "OPTIONS"}}
    assert found == set(DOORS)
    for (method, rule), scope in DOORS.items():
        path = re.sub("<[^>]+>", "x", rule)
        for other in sorted(scopes - {scope}):
            assert call(method, path, {} if method != "GET" else None, other).status_code == 403, (method, rule, other)
        assert call(method, path, {} if method != "GET" else None, scope).status_code != 403, (method, rule)


@sqlite
def test_what_is_posted_twice_under_one_key_is_done_once_and_answered_alike(scenes):
    scene, _ = scenes(SOON)
    call, uid = scene.api(), scene.uid(scene.person("ann"))
    scene.order("1", "dan", 1_000)
    scene.deliver()
    task = {"code": "try", "kind": "review", "title": "t", "brief": "b", "due_on": "2026-01-20", "fee_minor": 500}
    bodies = [
        ("/members", {"contact": uid, "target": "https://shop.example/", "code": "ANN"}),
        ("/members/ANN/link", {}),
        ("/tasks", task),
        ("/tasks/try/invite", {"members": ["ANN"]}),
        ("/uses", {"code": "ANN", "source": "shop", "number": "1"}),
        ("/adjustments", {"member": "ANN", "amount_minor": 7, "key": "k", "reason": "r"}),
        ("/penalties", {"contact": uid, "points": 5, "key": "k", "reason": "r"}),
        ("/settle", {}),
    ]
    for n, (path, body) in enumerate(bodies):
        first, second = (call("POST", path, body, idempotency=f"key-{n}") for _ in range(2))
        assert first.status_code in (200, 201), (path, first.text)
        assert (second.status_code, second.json) == (first.status_code, first.json), path
        assert second.headers["Idempotent-Replayed"] == "true", path
        other = call("POST", path, {**body, "more": 1}, idempotency=f"key-{n}")
        assert other.status_code in (409, 422), path
    assert scene.entries("ANN") == [("adjust", 7), ("earn", 100)]
    assert len(call("GET", "/statements").json["statements"]) == 1


@sqlite
def test_a_brand_without_the_plugin_has_no_koc(new_installation, clock, deliver):
    from koc_scene import ON

    from scrm_core.web import create_app

    installation = new_installation(plugins=(KocPlugin,), acme=ON)
    with installation.brand("moonco") as quiet:
        key = quiet.keys.create("k", ("*",))[1]
    client = create_app(installation).test_client()
    answer = client.get("/api/v1/moonco/plugins/koc/members", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 404
