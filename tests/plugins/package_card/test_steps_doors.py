"""The seven steps over HTTP and on the command line, as people and programs meet them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from steps_campaign import CARD, DEPARTMENTS, DESIGN, MATERIAL, Walk, one_database

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.errors import ConfigError
from scrm_core.installation import Installation
from scrm_core.web import create_app
from scrm_package_card import PackageCard
from scrm_package_card.stock.batches import BatchIn

HERE = "/api/v1/acme/plugins/package-card"
STEPS = f"{HERE}/campaigns/MAY/steps"
HOOK = {
    "kind": "cash",
    "name": "红包 8.88",
    "product": "Baby pants",
    "price_minor": 9_900,
    "cost_minor": 3_900,
    "hook_minor": 888,
}


@pytest.fixture
def installed(new_installation):
    return new_installation(plugins=(PackageCard,), acme=CARD, moonco=CARD + "enabled = false\n")


@pytest.fixture
def client(installed):
    return create_app(installed).test_client()


@pytest.fixture
def key(installed):
    """A function that makes an API key of acme."""

    def make(*scopes):
        home = installed.brand("acme")
        with home:
            return home.keys.create("test", scopes or ("*",))[1]

    return make


@pytest.fixture
def call(client, key):
    """A function that calls with one key: ``call(method, path below the steps, body)``; people are named Anna."""
    mine = key()

    def call(method, path, body=None, *, bearer=mine):
        if body is not None and "by" not in body:
            body = {"by": "Anna", **body}
        where = path if path.startswith("/api") else STEPS + path
        return client.open(where, method=method, json=body, headers={"Authorization": f"Bearer {bearer}"})

    return call


@pytest.fixture
def scrm(installed):
    """A function that runs ``scrm ...`` in the project and returns the result."""

    def run(*arguments, given=None):
        session = Session(installed.config.root, clock=installed.clock)
        try:
            return CliRunner().invoke(root, [str(argument) for argument in arguments], obj=session, input=given)
        finally:
            session.close()

    return run


@pytest.fixture
def step(scrm):
    """A function that runs ``scrm package-card step COMMAND acme MAY ...`` and expects success."""

    def run(command, *arguments, given=None):
        done = scrm("package-card", "step", command, "acme", "MAY", *arguments, given=given)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def open_campaign(client, key):
    body = {"code": "MAY", "source": "shop", "automatic": False}
    made = client.post(f"{HERE}/campaigns", json=body, headers={"Authorization": f"Bearer {key('*')}"})
    assert made.status_code == 201, made.text


def ok(answer, status=200):
    assert answer.status_code == status, answer.text
    return answer.json


def test_a_campaign_goes_from_its_goal_to_monitoring_over_http(client, key, call, installed):
    open_campaign(client, key)
    other = key("package-card:*")
    assert ok(call("POST", "", {}), 201)["step"] == "goal"
    ok(call("PUT", "/goal", {"primary": "acquire"}))
    assert ok(call("POST", "/advance", {"to": "policy"}))["step"] == "policy"
    ok(call("PUT", "/channels", {"channels": ["tmall"]}))
    assert ok(call("PUT", "/hook", HOOK))["allowed_minor"] == 1_800
    for item, value in MATERIAL.items():
        assert ok(call("PUT", "/material", {"channel": "tmall", "item": item, "value": value}))["value"] == value
    ok(call("PUT", "/fit", {"order_value_minor": 8_880, "loyalty": 3, "brand_strength": 2}))
    factors = {f["name"]: f for f in ok(call("GET", "/fit"))["factors"]}
    assert factors["order_value"]["points"] == 4
    ok(call("POST", "/advance", {"to": "test"}))
    # 5 % against 6 %, two-sided at 5 %, power 80 %: 8,158 in each arm by the textbooks.
    assert ok(call("GET", "/trial/size?base=500&lift=100")) == {"base": 500, "lift": 100, "cards_per_arm": 8_158}
    assert ok(call("POST", "/trial", {"arms": ["A", "B"]}), 201) == {
        "trial": 1, "arms": {"A": 5_000, "B": 5_000}, "minimum": 1_000
    }  # fmt: skip
    for arm in "AB":
        body = {"arm": arm, "channel": "tmall", "target": f"https://shop.example/{arm}"}
        path = ok(call("POST", "/trial/links", body), 201)["path"]
        assert client.get(path).headers["Location"] == f"https://shop.example/{arm}"
    assert ok(call("GET", "/trial/arm?source=shop&number=N1"))["arm"] in ("A", "B")
    result = ok(call("GET", "/trial"))
    assert (result["verdict"], result["winner"], result["chosen"]) == ("too few persons", None, None)
    assert [(a["cards"], a["share"], a["p_value"]) for a in result["arms"]] == [(0, None, None)] * 2
    assert [(link["arm"], link["visitors"]) for link in result["links"]] == [("A", 1), ("B", 1)]
    assert call("POST", "/trial/winner", {"arm": "A"}).status_code == 409
    ok(call("POST", "/trial/winner", {"arm": "A", "reason": "the season begins"}))
    ok(call("POST", "/advance", {"to": "design"}))
    assert set(ok(call("PUT", "/design", {"items": DESIGN}))["changed"]) == set(DESIGN)
    ok(call("POST", "/advance", {"to": "print"}))
    ok(call("POST", "/proof", {"file": "MAY.pdf", "sha256": "0f" * 32}), 201)
    approved = ok(call("POST", "/proof/approval", {"by": "Ben", "number": 1}, bearer=other), 201)
    assert (approved["who"], approved["through"]) == ("Ben", f"key:{other.split('.')[1].split('_')[0]}")
    ok(call("POST", "/print", {"quantity": 500, "printer": "Fast Print"}), 201)
    ok(call("POST", "/advance", {"to": "launch"}))
    ok(call("PUT", "/departments", {"departments": list(DEPARTMENTS)}))
    for department in DEPARTMENTS:
        ok(call("PUT", "/departments/texts", {"department": department, "faq": "Q?\nA!", "sop": "1. look"}))
        ok(call("POST", "/acknowledgements", {"by": "Carl", "department": department}), 201)
    brand = installed.brand("acme")
    with brand:
        cards = brand.plugins["package-card"].cards
        cards.stock.create(BatchIn("MAY-1", "MAY", "marketing", 500, 12))
        cards.move_stock("MAY-1", "received", 480, key="k1", actor="warehouse")
    assert ok(call("POST", "/arrival", {}), 201)["detail"] == {"quantity": 480}
    launched = ok(call("POST", "/launch", {"by": "Ben", "day": "2026-01-02"}), 201)
    assert launched["detail"] == {"automatic": True, "first_day": "2026-01-02"}
    status = ok(call("POST", "/advance", {"to": "monitor"}))
    assert [each["state"] for each in status["steps"]] == ["done"] * 6 + ["current"]
    assert ok(call("GET", ""))["step"] == "monitor"
    campaigns = client.get(f"{HERE}/campaigns", headers={"Authorization": f"Bearer {other}"}).json["campaigns"]
    assert (campaigns[0]["automatic"], campaigns[0]["ship_from"]) == (True, "2026-01-02")
    history = ok(call("GET", "/history?limit=3"))["history"]
    assert [(h["action"], h["who"], h["from"], h["to"]) for h in history] == [
        ("advance", "Anna", "launch", "monitor"),
        ("launch", "Ben", "launch", "launch"),
        ("arrival", "Anna", "launch", "launch"),
    ]
    assert history[0]["at"] == "2026-01-01T08:00:00+08:00"
    page = ok(call("GET", f"/history?limit=1&before={history[1]['id']}"))["history"]
    assert page == history[2:]
    back = ok(call("POST", "/back", {"to": "design", "reason": "wrong red"}))
    assert back["step"] == "design"
    assert [each["act"] for each in back["signoffs"]] == ["winner"]


def test_skipping_is_refused_over_http_with_every_missing_item(client, key, call):
    open_campaign(client, key)
    ok(call("POST", "", {}), 201)
    answer = call("POST", "/advance", {"to": "design"})
    assert (answer.status_code, answer.json["code"]) == (409, "missing")
    for item in ("goal: primary goal", "policy: hook product", "banner", "test: chosen arm"):
        assert item in answer.json["detail"]


def test_one_key_does_not_make_and_approve_a_proof_under_two_names(client, key, call, installed):
    Walk(installed.brand("acme")).begin().to("print")
    ok(call("POST", "/proof", {"file": "MAY.pdf"}), 201)
    refused = call("POST", "/proof/approval", {"by": "Ben", "number": 1})
    assert (refused.status_code, refused.json["code"]) == (409, "two_person")
    ok(call("POST", "/proof/approval", {"by": "Ben", "number": 1}, bearer=key("package-card:approve")), 201)


@one_database
@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "", "package-card:read"),
        ("GET", "/history", "package-card:read"),
        ("GET", "/fit", "package-card:read"),
        ("GET", "/trial", "package-card:read"),
        ("GET", "/trial/arm?source=s&number=n", "package-card:read"),
        ("GET", "/trial/size?base=500&lift=100", "package-card:read"),
        ("POST", "", "package-card:write"),
        ("POST", "/advance", "package-card:write"),
        ("POST", "/back", "package-card:write"),
        ("PUT", "/goal", "package-card:write"),
        ("PUT", "/channels", "package-card:write"),
        ("PUT", "/hook", "package-card:write"),
        ("PUT", "/material", "package-card:write"),
        ("PUT", "/fit", "package-card:write"),
        ("POST", "/trial", "package-card:write"),
        ("POST", "/trial/links", "package-card:write"),
        ("PUT", "/design", "package-card:write"),
        ("POST", "/proof", "package-card:write"),
        ("POST", "/print", "package-card:write"),
        ("PUT", "/departments", "package-card:write"),
        ("PUT", "/departments/texts", "package-card:write"),
        ("POST", "/arrival", "package-card:write"),
        ("POST", "/acknowledgements", "package-card:write"),
        ("POST", "/trial/winner", "package-card:approve"),
        ("POST", "/proof/approval", "package-card:approve"),
        ("POST", "/launch", "package-card:approve"),
    ],
)
def test_every_route_needs_its_permission(call, key, method, path, scope, engine):
    body = {} if method != "GET" else None
    others = {"package-card:read", "package-card:write", "package-card:approve"} - {scope}
    refused = call(method, path, body, bearer=key(*others))
    assert (refused.status_code, scope in refused.json["detail"]) == (403, True)
    assert call(method, path, body, bearer=key(scope)).status_code in (404, 409, 422)


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/advance", {"to": "nowhere"}, "to"),
        ("POST", "/advance", {"to": 5}, "to"),
        ("POST", "/advance", {"to": "policy", "version": "1"}, "version"),
        ("POST", "/advance", {"to": "policy", "by": ""}, "by"),
        ("POST", "/advance", {"to": "policy", "by": {"name": "Anna"}}, "by"),
        ("POST", "/advance", {"to": "policy", "colour": "red"}, "colour"),
        ("POST", "/back", {"to": "goal"}, "reason"),
        ("PUT", "/goal", {"primary": ["acquire", "repurchase"]}, "primary"),
        ("PUT", "/channels", {"channels": "tmall"}, "channels"),
        ("PUT", "/channels", {"channels": [None]}, "channels.0"),
        ("PUT", "/hook", {**HOOK, "price_minor": 99.5}, "price_minor"),
        ("PUT", "/hook", {**HOOK, "price_minor": -1}, "price_minor"),
        ("PUT", "/hook", {**HOOK, "hook_minor": 1_801}, "hook_minor"),
        ("PUT", "/hook", {**HOOK, "kind": "好评返现"}, "kind"),
        ("PUT", "/design", {"items": {"size": [1]}}, "size"),
        ("PUT", "/design", {"items": []}, "items"),
        ("PUT", "/design", {"items": {"copy_zh": {"a": {"b": 1}}}}, "copy_zh"),
        ("PUT", "/fit", {"loyalty": 9}, "loyalty"),
        ("PUT", "/departments/texts", {"department": "nobody", "faq": "Q"}, "department"),
        ("GET", "/history?limit=x", None, "limit"),
        ("GET", "/history?limit=100000", None, "limit"),
        ("GET", "/history?before=-1", None, "before"),
        ("GET", "/trial/arm?source=shop", None, "number"),
        ("GET", "/trial/size?base=500", None, "lift"),
        ("GET", "/trial/size?lift=100", None, "base"),
        ("GET", "/trial/size?base=5%25&lift=100", None, "base"),
        ("GET", "/trial/size?base=9900&lift=100", None, "lift"),
        ("POST", "/trial", {"arms": ["A", "B"], "base": 500}, "lift"),
        ("POST", "/trial", {"arms": ["A", "B"], "base": 500, "lift": 100, "minimum": 9}, "minimum"),
    ],
)
def test_bad_input_is_refused_with_the_part_at_fault_and_nothing_is_stored(client, key, call, method, path, body, field):
    open_campaign(client, key)
    ok(call("POST", "", {}), 201)
    answer = call(method, path, body)
    assert (answer.status_code, answer.json.get("field")) == (422, field), answer.text
    status = ok(call("GET", ""))
    assert (status["step"], status["version"]) == ("goal", 1)
    assert len(ok(call("GET", "/history"))["history"]) == 1


def test_a_request_that_is_repeated_with_its_key_acts_once(client, key, call):
    open_campaign(client, key)
    ok(call("POST", "", {}), 201)
    ok(call("PUT", "/goal", {"primary": "acquire"}))
    headers = {"Authorization": f"Bearer {key()}", "Idempotency-Key": "advance-1"}
    answers = [client.post(f"{STEPS}/advance", json={"by": "Anna", "to": "policy"}, headers=headers) for _ in range(2)]
    assert [answer.json for answer in answers] == [answers[0].json] * 2
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [h["action"] for h in ok(call("GET", "/history"))["history"]] == ["advance", "goal", "begin"]


def test_the_margin_is_checked_without_a_write_on_a_dry_run(client, key, call, step, scrm):
    open_campaign(client, key)
    ok(call("POST", "", {}), 201)
    checked = ok(call("PUT", "/hook", {**HOOK, "hook_minor": 5_000, "dry_run": True}))
    assert (checked["fits"], checked["allowed_minor"]) == (False, 1_800)
    options = ("--product", "pants", "--price", 9_900, "--cost", 3_900, "--hook-cost", 5_000)
    told = step("hook", "cash", "红包", *options, "--by", "Anna", "--dry-run")
    assert told.startswith("refused: in minor units of CNY: price 9,900 - cost 3,900 = margin 6,000")
    refused = scrm("package-card", "step", "hook", "acme", "MAY", "cash", "红包", *options, "--by", "Anna")
    assert refused.exit_code != 0
    assert "3,200 more than is allowed" in refused.output
    assert ok(call("GET", ""))["version"] == 1


def test_a_campaign_goes_from_its_goal_to_monitoring_on_the_command_line(scrm, step, tmp_path):
    assert scrm("package-card", "create", "acme", "MAY", "--source", "shop", "--warehouse").exit_code == 0
    anna, ben = ("--by", "Anna"), ("--by", "Ben")
    assert "MAY is at goal" in step("begin", *anna)
    step("goal", "repurchase", *anna)
    assert "lacks  hook product" in step("advance", "policy", *anna)
    step("channels", "tmall", *anna)
    step("hook", "physical", "袜子", "--product", "pants", "--price", 9_900, "--cost", 3_900, "--hook-cost", 500, *anna)
    said = step("material", "tmall", *(f"{item}={value}" for item, value in MATERIAL.items()), *anna)
    assert len(said.splitlines()) == len(MATERIAL)
    step("facts", "--loyalty", 4, "--brand-strength", 1, *anna)
    report = step("fit")
    assert "counts inversely" in report
    assert "of 20 points" in report
    step("advance", "test", *anna)
    size = step("trial-size", "--base", 500, "--lift", 100)
    assert size == "8,158 cards per arm tell 5.00% from 6.00%\n"
    assert "trial 1: A, B; at least 50 cards each" in step("trial", "A", "B", "--minimum", 50, *anna)
    for arm in "AB":
        assert step("trial-link", arm, "tmall", f"https://shop.example/{arm}", *anna).startswith("/l/")
    assert step("arm", "shop", "N1").strip() in ("A", "B")
    assert "too few cards shipped: A 0, B 0; every arm needs 50" in step("result")
    assert json.loads(step("result", "--json"))["minimum"] == 50
    step("winner", "B", "--reason", "the season begins", *ben)
    step("advance", "design", *anna)
    texts = [f"--{item.replace('_', '-')}={value}" for item, value in DESIGN.items() if isinstance(value, str)]
    step("design", "--width", 90, "--height", 54, "--colour", "#C8102E", *texts, *anna)
    step("advance", "print", *anna)
    step("proof", "MAY.pdf", *anna)
    same = scrm("package-card", "step", "approve", "acme", "MAY", 1, *anna)
    assert same.exit_code != 0
    assert "somebody else approves it" in same.output
    assert "approved by Ben" in step("approve", 1, *ben)
    step("print", 500, "--printer", "Fast Print", *anna)
    step("advance", "launch", *anna)
    step("departments", "store", *anna)
    faq = tmp_path / "faq.txt"
    faq.write_bytes("\ufeff问：在哪？\r\n答：这里".encode())
    step("texts", "store", "--faq", faq, "--sop", "-", *anna, given="1. 看")
    bad = tmp_path / "bad.txt"
    bad.write_bytes("问".encode("gb18030"))
    refused = scrm("package-card", "step", "texts", "acme", "MAY", "store", "--faq", bad, *anna)
    assert refused.exit_code != 0
    assert "not UTF-8" in refused.output
    step("acknowledge", "store", *ben)
    early = scrm("package-card", "step", "launch", "acme", "MAY", *ben)
    assert early.exit_code != 0
    assert "missing: arrival in the warehouse 到货" in early.output
    printed = ("--kind", "marketing", "--printed", 500, "--unit-cost", 12)
    made = scrm("package-card", "batch", "acme", "MAY", "MAY-1", *printed)
    assert made.exit_code == 0, made.output
    received = scrm("package-card", "receive", "acme", "MAY-1", 480, "--key", "k1")
    assert received.exit_code == 0, received.output
    assert "480 cards arrived" in step("arrival", *anna)
    assert json.loads(step("launch", "--warehouse", "--json", *ben))["detail"]["automatic"] is False
    assert "MAY is at monitor" in step("advance", "monitor", *anna)
    assert "MAY is at print" in step("back", "print", "--reason", "sold out", *ben)
    lines = json.loads(step("history", "--json"))
    assert (lines[0]["action"], lines[0]["who"], lines[0]["through"], lines[0]["reason"]) == (
        "back", "Ben", "operator", "sold out"
    )  # fmt: skip
    assert "sold out" in step("history", "--limit", 1)
    assert json.loads(step("show", "--json"))["step"] == "print"


def test_a_brand_that_switched_the_plugin_off_has_no_such_command(scrm):
    refused = scrm("package-card", "step", "show", "moonco", "MAY")
    assert refused.exit_code == 3
    assert "switched off" in refused.output


@one_database
@pytest.mark.parametrize(
    "line",
    [
        'hook_share = 10001',
        'hook_share = 0.3',
        'trial_minimum = 0',
        'bleed_mm = -1',
        'two_person_approval = "no"',
        'departments = ["a", ""]',
        'departments = "store"',
    ],
)
def test_settings_that_make_no_sense_are_refused(installed, line):
    file = installed.config.root / "brands" / "acme.toml"
    file.write_text(f"{file.read_text('utf-8')}{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=line.split(" ")[0]):
        Installation.open(installed.config.root, plugins=(PackageCard,)).brand("acme")
