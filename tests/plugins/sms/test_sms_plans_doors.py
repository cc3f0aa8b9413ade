"""A plan over HTTP and on the command line: the same steps, permissions, who acted."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from sms_scene import BODY, EVERYBODY, POLICY, Scene, configured

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.web import create_app
from scrm_core.web.mounts import routes_of
from scrm_sms import Sms
from scrm_sms.plans.steps import to_data

HERE = "/api/v1/acme/plugins/sms/plans"


@pytest.fixture
def call(sms_installation):
    """A function that calls the API of acme: ``call(method, path, body, key="ann")``; keys have names."""
    installation = sms_installation(two_persons=0)
    client = create_app(installation).test_client()
    keys: dict[tuple[str, tuple[str, ...]], tuple[str, str]] = {}

    def call(method, path, body=None, *, key="ann", scopes=("*",), brand="acme"):
        if (key, scopes) not in keys:
            with installation.brand(brand) as home:
                keys[key, scopes] = home.keys.create(key, scopes)
        headers = {"Authorization": f"Bearer {keys[key, scopes][1]}"}
        # ASCII, as most clients write JSON: a lone surrogate then travels as an escape.
        data = None if body is None else json.dumps(body)
        return client.open(path, method=method, data=data, content_type="application/json", headers=headers)

    call.installation = installation
    call.actor = lambda key: f"key:{keys[key, ('*',)][0]}"
    return call


@pytest.fixture
def scene(call):
    with call.installation.brand("acme") as brand:
        yield Scene(brand)


def policy_body() -> dict[str, object]:
    return {**to_data(POLICY), "materials": list(POLICY.materials)}


def test_a_plan_lives_over_http_from_goal_to_its_history(call, scene: Scene) -> None:
    scene.people(3)
    assert call("POST", HERE, {"code": "MAY", "name": "五月"}).status_code == 201
    assert call("POST", HERE, {"code": "MAY", "name": "五月"}).status_code == 201
    assert call("POST", f"{HERE}/MAY/goal", {"goal": "acquire", "sender": "recorder"}).json["state"] == "audience"
    answer = call("POST", f"{HERE}/MAY/audience", {"segment": EVERYBODY})
    assert answer.json["steps"]["audience"]["reachable"] == 3
    assert call("POST", f"{HERE}/MAY/policy", policy_body()).json["state"] == "pack"
    assert call("POST", f"{HERE}/MAY/pack").json["messages"] == [{"state": "queued", "reason": "", "count": 3}]
    scene.page("MAY")
    scene.brand.channels.ensure("sms-may")
    assert call("POST", f"{HERE}/MAY/path", {"channel": "sms-may"}).json["state"] == "copy"
    arms = [{"name": "A", "body": BODY}, {"name": "B", "body": "官方链接 {link} 拒收请回复R"}]
    assert call("POST", f"{HERE}/MAY/copy", {"arms": arms}).json["state"] == "test"
    dry = call("GET", f"{HERE}/MAY/dry-run?sample=2").json
    assert (dry["would_send"], len(dry["samples"]), dry["missing"]) == (3, 2, ["test", "approval"])
    assert call("POST", f"{HERE}/MAY/test").status_code == 200
    scene.brand.outreach.drain()
    for message in scene.gateway.sent:
        scene.brand.outreach.receipt(message.uid, "delivered")
    scene.deliver()
    own = call("POST", f"{HERE}/MAY/approval")
    assert (own.status_code, own.json["code"]) == (409, "second_person")
    assert call("POST", f"{HERE}/MAY/approval", key="bob").json["state"] == "schedule"
    done = call("POST", f"{HERE}/MAY/schedule", {"at": "now"})
    assert (done.json["state"], done.json["run"]["state"]) == ("running", "running")
    assert call("POST", f"{HERE}/MAY/pause", {"reason": "look"}).json["run"]["state"] == "paused"
    assert call("POST", f"{HERE}/MAY/resume").json["run"]["state"] == "running"
    scene.brand.outreach.drain()
    assert len(scene.gateway.of("marketing")) == 3
    assert call("POST", f"{HERE}/MAY/cancel", {"reason": "x"}).status_code == 409
    history = call("GET", f"{HERE}/MAY/history").json["history"]
    by = {entry["action"]: entry["actor"] for entry in history}
    assert by["goal"] == by["schedule"] == call.actor("ann")
    assert by["approval"] == call.actor("bob")
    assert [plan["code"] for plan in call("GET", HERE).json["plans"]] == ["MAY"]


PERMISSIONS = [
    ("GET", "", "sms:read"),
    ("POST", "", "sms:write"),
    ("GET", "/MAY", "sms:read"),
    ("GET", "/MAY/history", "sms:read"),
    ("GET", "/MAY/dry-run", "sms:read"),
    ("POST", "/MAY/goal", "sms:write"),
    ("POST", "/MAY/audience", "sms:write"),
    ("POST", "/MAY/policy", "sms:write"),
    ("POST", "/MAY/pack", "sms:write"),
    ("POST", "/MAY/path", "sms:write"),
    ("POST", "/MAY/copy", "sms:write"),
    ("POST", "/MAY/test", "sms:send"),
    ("POST", "/MAY/approval", "sms:approve"),
    ("POST", "/MAY/schedule", "sms:send"),
    ("POST", "/MAY/back", "sms:write"),
    ("POST", "/MAY/pause", "sms:write"),
    ("POST", "/MAY/resume", "sms:send"),
    ("POST", "/MAY/release", "sms:send"),
    ("POST", "/MAY/cancel", "sms:write"),
]


def test_every_route_needs_its_permission(call) -> None:
    for method, path, scope in PERMISSIONS:
        others = tuple(sorted({"sms:read", "sms:write", "sms:approve", "sms:send", "sms:export"} - {scope}))
        body = None if method == "GET" else {}
        assert call(method, HERE + path, body, key="others", scopes=others).status_code == 403, (method, path)
        assert call(method, HERE + path, body, key="one", scopes=(scope,)).status_code != 403, (method, path)
    named = {(method, f"/plans{path.replace('MAY', '<code>')}") for method, path, _ in PERMISSIONS}
    mine = {(route.methods[0], route.path) for route in routes_of(Sms) if route.path in {path for _, path in named}}
    assert named == mine and len(named) == 19


REFUSED = [
    ("", {}, 422, "code"),
    ("", {"code": "a b"}, 422, "code"),
    ("", {"code": "X", "state": "running"}, 422, "state"),
    ("", {"code": "X", "actor": "bob"}, 422, "actor"),
    ("", {"code": 7}, 422, "code"),
    ("", [], 422, None),
    ("/MAY/goal", {"goal": "both"}, 422, "goal"),
    ("/MAY/goal", {"goal": "acquire", "kind": "spam"}, 422, "kind"),
    ("/MAY/goal", {"goal": "acquire", "sender": "pigeon"}, 422, "sender"),
    ("/MAY/goal", {"goal": "acq\u0000uire"}, 400, None),
    ("/MAY/goal", {"goal": "\ud800"}, 400, None),
    ("/MAY/audience", {"segment": EVERYBODY}, 409, None),
    ("/MAY/policy", {"offer": "x", "cost_minor": 1.5}, 422, "cost_minor"),
    ("/MAY/policy", {"offer": "x", "cost_minor": -1}, 422, "cost_minor"),
    ("/MAY/policy", {"offer": "x", "cost_minor": 2**60}, 400, None),
    ("/MAY/pack", {"holdout": True}, 422, "holdout"),
    ("/MAY/copy", {"arms": []}, 422, "arms"),
    ("/MAY/copy", {"arms": [{"name": "A", "body": "x" * 4_000}]}, 422, "arms.0.body"),
    ("/MAY/approval", {"actor": "bob"}, 422, "actor"),
    ("/MAY/back", {"step": "nowhere"}, 422, "step"),
    ("/MAY/back", {"step": "goal"}, 404, None),
    ("/MAY/pause", {}, 409, None),
    ("/NOSUCH/goal", {"goal": "acquire"}, 404, None),
    ("/NOSUCH/cancel", {}, 404, None),
]


def test_bad_input_is_refused_with_the_part_at_fault(call) -> None:
    call("POST", HERE, {"code": "MAY"})
    for path, body, status, field in REFUSED:
        answer = call("POST", HERE + path, body)
        assert answer.status_code == status, (path, body, answer.text)
        assert field is None or answer.json["field"] == field, (path, body, answer.text)
    plan = call("GET", f"{HERE}/MAY").json
    assert (plan["state"], plan["steps"]) == ("goal", {})
    assert len(call("GET", HERE).json["plans"]) == 1


def test_another_brands_plan_answers_like_a_missing_one(call) -> None:
    call("POST", HERE, {"code": "MAY"})
    other = HERE.replace("acme", "moonco")
    here = call("GET", f"{other}/MAY", key="moon", brand="moonco")
    missing = call("GET", f"{other}/NOSUCH", key="moon", brand="moonco")
    assert here.status_code == missing.status_code == 404
    assert here.json["detail"].replace("MAY", "NOSUCH") == missing.json["detail"]


def test_a_large_audience_is_not_queued_inside_a_request(call, scene: Scene, monkeypatch) -> None:
    monkeypatch.setattr("scrm_sms.plans.packing.MOST_AT_ONCE", 2)
    scene.people(3)
    scene.upto("pack")
    answer = call("POST", f"{HERE}/MAY/pack")
    assert (answer.status_code, answer.json["code"]) == (409, "audience_large")
    assert scene.plans.packing.build("MAY", actor="ann").counts == {("queued", ""): 3}


# Command line ----------------------------------------------------------------


@pytest.fixture
def scrm(new_installation):
    """A function that runs ``scrm ...`` in a project whose brand sends by the console gateway."""
    tables = configured(two_persons=0).replace("[plugins.bench]", "")
    installation = new_installation(acme=tables, moonco="\n[plugins.sms]\nenabled = false\n")

    def run(*arguments: str):
        session = Session(installation.config.root, clock=installation.clock)
        try:
            return CliRunner().invoke(root, list(arguments), obj=session)
        finally:
            session.close()

    run.installation = installation
    return run


def test_a_plan_lives_on_the_command_line(scrm, tmp_path) -> None:
    def good(*arguments: str) -> dict[str, object]:
        result = scrm("sms", *arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    with scrm.installation.brand("acme") as brand:
        scene = Scene(brand)
        scene.people(2)
        brand.channels.ensure("sms-may")
    good("plan", "create", "acme", "MAY", "--as", "ann")
    good("plan", "goal", "acme", "MAY", "acquire", "--as", "ann")
    good("plan", "audience", "acme", "MAY", "--segment", EVERYBODY, "--as", "ann")
    refused = scrm("sms", "plan", "pack", "acme", "MAY")
    assert refused.exit_code != 0 and "pack comes after policy" in refused.output
    materials = [word for name in POLICY.materials for word in ("--material", name)]
    good("plan", "policy", "acme", "MAY", "--offer", "新客券", "--hook", "coupon", "--product", "S", "--cost", "500",
         "--margin", "1200", "--claimants", "2", "--budget", "2000", *materials, "--as", "ann")  # fmt: skip
    good("plan", "pack", "acme", "MAY", "--as", "ann")
    with scrm.installation.brand("acme"):
        scene.page("MAY")
    good("plan", "path", "acme", "MAY", "--channel", "sms-may", "--as", "ann")
    arms = tmp_path / "arms.json"
    arms.write_text(json.dumps({"arms": [{"name": "A", "body": BODY, "weight": 10_000}]}), encoding="utf-8")
    good("plan", "copy", "acme", "MAY", "--file", str(arms), "--as", "ann")
    good("plan", "copy", "acme", "MAY", "--text", f"A={BODY}", "--text", f"B=新{BODY}", "--as", "ann")
    good("plan", "test", "acme", "MAY", "--as", "ann")
    with scrm.installation.brand("acme") as brand:
        brand.outreach.drain()
        scene.deliver()
    own = scrm("sms", "plan", "approve", "acme", "MAY", "--as", "ann")
    assert own.exit_code != 0 and "second person" in own.output
    good("plan", "approve", "acme", "MAY", "--as", "bob")
    shown = scrm("sms", "plan", "dry-run", "acme", "MAY")
    assert shown.exit_code == 0 and "+86138****0000" in shown.output and "13800000000" not in shown.output
    past = scrm("sms", "plan", "schedule", "acme", "MAY", "2020-01-01T10:00")
    assert past.exit_code != 0 and "lies in the past" in past.output
    assert good("plan", "schedule", "acme", "MAY", "now", "--as", "ann")["state"] == "running"
    good("plan", "pause", "acme", "MAY", "--reason", "look")
    good("plan", "resume", "acme", "MAY")
    with scrm.installation.brand("acme") as brand:
        brand.outreach.drain()
        scene.control()
    assert good("plan", "show", "acme", "MAY")["state"] == "done"
    listed = scrm("sms", "plan", "list", "acme")
    assert "MAY" in listed.output and "done" in listed.output
    history = scrm("sms", "plan", "history", "acme", "MAY")
    assert history.exit_code == 0 and "approval" in history.output and "bob" in history.output
    assert [e["action"] for e in good("plan", "history", "acme", "MAY")][-1] == "done"
    off = scrm("sms", "plan", "list", "moonco")
    assert off.exit_code != 0 and "[plugins.sms]" in off.output


def test_the_command_line_says_what_the_steps_found(scrm) -> None:
    with scrm.installation.brand("acme") as brand:
        scene = Scene(brand)
        scene.people(3)
        brand.outreach.suppress("sms", "+8613800000002", reason="complaint")
        brand.channels.ensure("sms-may")
        scene.upto("audience", sender="console")
    counted = scrm("sms", "plan", "audience", "acme", "MAY", "--segment", EVERYBODY, "--as", "ann")
    assert ["reachable", "2"] in [line.split() for line in counted.stdout.splitlines()]
    assert ["kept_back", "do_not_contact", "1"] in [line.split() for line in counted.stdout.splitlines()]
    with scrm.installation.brand("acme"):
        scene.upto("copy", since="policy")
    written = scrm("sms", "plan", "copy", "acme", "MAY", "--text", "A=亲爱的{name} {link} 拒收请回复R", "--as", "ann")
    assert written.exit_code == 0 and ["parts", "A", "2"] in [line.split() for line in written.stdout.splitlines()]
    assert ["most_milli", "18,000"] in [line.split() for line in written.stdout.splitlines()]  # 2 people x 2 parts x 4500
    assert "Warning: A: two variables stand side by side" in written.stderr
    assert "Warning" not in scrm("sms", "plan", "show", "acme", "MAY", "--json").stderr


def test_a_copy_that_cannot_be_read_is_refused(scrm, tmp_path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{", encoding="utf-8")
    for arguments in (["--file", str(bad)], ["--text", "no name"]):
        result = scrm("sms", "plan", "copy", "acme", "MAY", *arguments)
        assert result.exit_code != 0 and "Traceback" not in result.output
