"""Awards by hand are given once, with reason and actor, within the actor's day; talk proposes them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from awards_scene import RULES, AwardScene
from click.testing import CliRunner

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_core.errors import ConfigError, Conflict, Invalid, NotFound
from scrm_core.web import create_app

LIMITED = "awards_per_actor_day = 3\naward_minor_per_actor_day = 500\n" + RULES
SAME = """
from scrm_interaction_games.awards.hands import AwardIn
from scrm_interaction_games.awards.service import Awards
from scrm_core.errors import Conflict


def run(brand, worker):
    hands = Awards.of(brand).hands
    contact = brand.contacts.find("buyer", "ann", "shop").id
    uids, refused = [], 0
    for n in range(8):
        wanted = AwardIn(contact, f"k{n}", "question", "points", "answered", quantity=5)
        uids.append(hands.give(wanted, actor="mia").uid)
        try:
            hands.give(AwardIn(contact, f"{worker}-{n}", "other", "points", "more"), actor="bo")
        except Conflict as exc:
            assert exc.code == "actor_limit"
            refused += 1
    return [uids, refused]
"""


@pytest.fixture
def installed(games_installation):
    return games_installation(more=LIMITED)


@pytest.fixture
def awards(installed, deliver) -> Iterator[AwardScene]:
    """Acme: an actor gives three awards a day, for 500 at most."""
    with installed.brand("acme") as brand:
        yield AwardScene(brand, deliver)


def test_an_award_by_hand_is_issued_once_and_logged_with_reason_and_actor(awards, installed):
    ann = awards.person("ann")
    first = awards.give(ann, cost_minor=80)
    again = awards.give(ann, cost_minor=80, reason="told twice", actor="bo")
    assert again == first
    assert (first.state, first.actor, first.reason, first.mode) == ("issued", "mia", "showed the tea set", "native")
    assert awards.granted() == [("points", 10, 80, "mia")]
    assert awards.brand.rewards.get(first.reward).grant_key == f"award:{first.uid}"
    assert [award.uid for award in awards.awards.hands.log(contact_id=ann)] == [first.uid]
    with pytest.raises(Conflict) as refused:
        awards.give(ann, quantity=11)
    assert refused.value.code == "key_used"


def test_the_other_brand_sees_no_award(awards, installed, deliver):
    awards.give(awards.person("ann"))
    awards.brand.__exit__(None, None, None)
    try:
        with installed.brand("moonco") as moonco:
            assert AwardScene(moonco, deliver).awards.hands.log() == []
    finally:
        awards.brand.__enter__()


def test_an_actor_gives_no_more_than_the_day_allows_in_number_and_in_money(awards, clock):
    ann = awards.person("ann")
    clock.set(awards.at("2026-03-01T23:59"))
    for n in range(3):
        awards.give(ann, f"k{n}")
    with pytest.raises(Conflict) as refused:
        awards.give(ann, "k3")
    assert (refused.value.code, "mia may give 3 awards" in refused.value.message) == ("actor_limit", True)
    awards.give(ann, "k0")  # a replay costs nothing
    awards.give(ann, "k4", actor="bo", cost_minor=400)
    with pytest.raises(Conflict):
        awards.give(ann, "k5", actor="bo", cost_minor=101)
    awards.give(ann, "k6", actor="bo", cost_minor=100)
    clock.set(awards.at("2026-03-02T00:00"))
    awards.give(ann, "k3")
    assert len(awards.granted()) == 6


def test_four_processes_give_each_award_once_and_no_actor_more_than_the_day_allows(
    open_house, together, engine, deliver
):
    installation = open_house()
    file = installation.config.root / "brands" / "acme.toml"
    file.write_text(file.read_text("utf-8") + "awards_per_actor_day = 10\n", encoding="utf-8")
    with installation.brand("acme") as brand:
        scene = AwardScene(brand, deliver)
        scene.person("ann")
    answers = together(installation, SAME, 4)
    assert len({tuple(uids) for uids, _ in answers}) == 1
    assert sum(refused for _, refused in answers) == 32 - 10
    with installation.brand("acme"):
        given = execute("SELECT actor, given FROM interaction_games_award_day ORDER BY actor").fetchall()
        assert given == [("bo", 10), ("mia", 8)]
        assert execute("SELECT count(*) FROM reward").fetchone() == (18,)


def test_a_question_answered_is_told_to_other_plugins_once(awards):
    ann = awards.person("ann")
    for _ in range(2):
        award = awards.give(ann, what="question")
    awards.give(ann, "k2", what="order-show")
    told = [json.loads(row[0]) for row in execute("SELECT data FROM event WHERE type = 'plugin.event'").fetchall()]
    assert told == [
        {
            "plugin": "interaction-games",
            "name": "answered",
            "fields": {"award": award.uid, "mode": "native"},
        }
    ]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("more", "actor", "field"),
    [
        ({"what": "gift"}, "mia", "what"),
        ({"what": "chat"}, "mia", "what"),
        ({"reason": "  "}, "mia", "reason"),
        ({"quantity": 0}, "mia", "quantity"),
        ({"quantity": 1.5}, "mia", "quantity"),
        ({"quantity": True}, "mia", "quantity"),
        ({"cost_minor": -1}, "mia", "cost_minor"),
        ({"mode": "phone"}, "mia", "mode"),
        ({"key": " "}, "mia", "key"),
        ({"key": "a\u0000b"}, "mia", "key"),
        ({}, "", "actor"),
    ],
)
def test_an_award_without_its_parts_is_refused(awards, more, actor, field):
    ann = awards.person("ann")
    key = more.pop("key", "k1")
    with pytest.raises(Invalid) as refused:
        awards.give(ann, key, actor=actor, **more)
    assert refused.value.field == field
    assert awards.granted() == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_kind_nobody_issues_and_a_closed_issuer_leave_nothing_behind(awards, installed):
    ann = awards.person("ann")
    with pytest.raises(Conflict) as refused:
        awards.give(ann, kind="gold")
    assert refused.value.code == "no_issuer"
    installed.issuer_closed = True
    (outcome,) = awards.awards.hands.give_many([awards.wanted(ann)], actor="mia")
    assert (outcome.outcome, outcome.code) == ("refused", "closed")
    assert awards.awards.hands.log() == []
    assert execute("SELECT coalesce(sum(given), 0) FROM interaction_games_award_day").fetchone() == (0,)


def test_a_list_is_awarded_row_by_row_and_again_without_effect(awards):
    people = [awards.person(name) for name in ("ann", "ben", "cat", "dan")]
    rows = [
        awards.wanted(people[0], "k0"),
        awards.wanted(people[1], "k1", quantity=-1),
        Invalid("line 3 cannot be read", field="contact"),
        awards.wanted(999_999, "k2"),
        awards.wanted(people[2], "k3"),
        awards.wanted(people[3], "k4"),
        awards.wanted(people[0], "k5"),
    ]
    first = awards.awards.hands.give_many(rows, actor="mia")
    assert [(o.outcome, o.code) for o in first] == [
        ("created", ""),
        ("refused", "invalid"),
        ("refused", "invalid"),
        ("refused", "not_found"),
        ("created", ""),
        ("created", ""),
        ("refused", "actor_limit"),
    ]
    again = awards.awards.hands.give_many(rows, actor="mia")
    assert [o.outcome for o in again].count("unchanged") == 3
    assert len(awards.granted()) == 3


# Talk ---------------------------------------------------------------------------


def say(awards, text, ref, phone="+8613800138000", channel="sms"):
    return awards.brand.outreach.received(channel, phone, text, ref=ref)


def test_talk_that_meets_a_rule_is_tagged_and_its_award_waits_for_a_person(awards):
    ann = awards.person("ann", phone="+8613800138000")
    say(awards, "这茶真好喝！", "m1")
    say(awards, "这茶真好喝！", "m1")
    say(awards, "when do you open?", "m2")
    say(awards, "LOVE IT", "m3")  # the rule proposes once per person
    awards.deliver()
    assert [tag.name for tag in awards.brand.tags.of(ann) if tag.group == "talk"] == ["fan"]
    (pending,) = awards.awards.hands.log(state="pending")
    assert (pending.what, pending.rule, pending.quantity, pending.contact_id) == ("chat", "praise", 20, ann)
    assert awards.awards.hands.said(pending) == "这茶真好喝！"
    assert awards.granted() == []
    for actor in ("bo", "mia"):
        approved = awards.awards.hands.approve(pending.uid, actor=actor)
    assert (approved.state, approved.decided_by) == ("issued", "bo")
    assert awards.granted() == [("points", 20, 100, "bo")]
    with pytest.raises(Conflict) as refused:
        awards.awards.hands.refuse(pending.uid, actor="mia", reason="late")
    assert refused.value.code == "issued"
    execute("UPDATE plugin_cursor SET event_id = 0, xid = '0'")
    awards.deliver()
    assert len(awards.awards.hands.log()) == 1


def test_a_refused_award_is_never_issued(awards):
    awards.person("ann", phone="+8613800138000")
    say(awards, "love it", "m1")
    awards.deliver()
    (pending,) = awards.awards.hands.log(state="pending")
    with pytest.raises(Invalid):
        awards.awards.hands.refuse(pending.uid, actor="bo", reason="")
    refused = awards.awards.hands.refuse(pending.uid, actor="bo", reason="it was irony")
    assert (refused.state, refused.decision) == ("refused", "it was irony")
    with pytest.raises(Conflict) as late:
        awards.awards.hands.approve(pending.uid, actor="mia")
    assert late.value.code == "refused"
    say(awards, "love it", "m2")  # refused ones count too
    awards.deliver()
    assert len(awards.awards.hands.log()) == 1
    assert awards.granted() == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_words_of_strangers_propose_nothing_and_approving_counts_against_the_day(awards):
    say(awards, "love it", "m1", phone="+8613900139000")
    awards.deliver()
    assert awards.awards.hands.log() == []
    awards.person("ann", phone="+8613800138000")
    say(awards, "love it", "m2")
    awards.deliver()
    (pending,) = awards.awards.hands.log()
    awards.give(awards.person("ben"), actor="bo", cost_minor=450)
    with pytest.raises(Conflict) as full:
        awards.awards.hands.approve(pending.uid, actor="bo")
    assert full.value.code == "actor_limit"
    assert awards.awards.hands.get(pending.uid).state == "pending"
    with pytest.raises(NotFound):
        awards.awards.hands.approve("nosuch", actor="bo")


def test_awards_move_with_a_merge_and_go_with_an_erasure_while_the_ledger_stays(awards):
    ann, twin = awards.person("ann"), awards.person("twin")
    award = awards.give(twin)
    awards.brand.contacts.merge(ann, twin, actor="boss", reason="one person")
    assert awards.give(twin).uid == award.uid  # a replay by the old name
    assert awards.awards.hands.get(award.uid).contact_id == ann
    awards.deliver()
    told = awards.brand.privacy.export(ann)["plugins"]["interaction-games"]
    assert [row["uid"] for row in told["interaction_games_award.contact_id"]] == [award.uid]
    awards.brand.privacy.erase(ann, actor="boss")
    assert awards.awards.hands.log() == []
    assert len(awards.granted()) == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "wrong",
    [
        RULES + RULES,
        RULES.replace('words = ["真好喝", "Love it"]', "words = []"),
        RULES.replace('plan = "invite to the tasting"\n', ""),
        RULES + "pattern = '.*'\n",
        RULES + "per_person = 0\n",
        "awards_per_actor_day = -1\n",
        "gift_margin_bp = 10001\n",
    ],
)
def test_settings_that_make_no_sense_are_refused(games_installation, wrong):
    installation = games_installation()
    file = installation.config.root / "brands" / "acme.toml"
    file.write_text(file.read_text("utf-8") + wrong, encoding="utf-8")
    assert isinstance(installation.problem("acme"), ConfigError)


# Doors --------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_over_http_the_key_of_the_request_is_the_actor_and_approving_needs_its_permission(awards, installed):
    ann = awards.person("ann", phone="+8613800138000")
    uid = awards.brand.contacts.get_by_id(ann).uid
    say(awards, "love it", "m1")
    awards.deliver()
    names = ("interaction-games:award", "interaction-games:read", "interaction-games:approve")
    keys = {name: awards.brand.keys.create(name, (name,))[1] for name in names}
    awards.brand.__exit__(None, None, None)
    client = create_app(installed).test_client()

    def call(method, path, body=None, who="award"):
        headers = {"Authorization": f"Bearer {keys['interaction-games:' + who]}"}
        return client.open(f"/api/v1/acme/plugins/interaction-games{path}", method=method, json=body, headers=headers)

    body = {"contact": uid, "key": "k1", "what": "question", "kind": "points", "reason": "knew it", "quantity": 3}
    try:
        made = call("POST", "/awards", body)
        assert (made.status_code, made.json["actor"].startswith("key:"), made.json["state"]) == (201, True, "issued")
        assert call("POST", "/awards", {**body, "actor": "boss"}).json["field"] == "actor"
        assert call("POST", "/awards", body, "read").status_code == 403
        assert call("POST", "/awards", {**body, "contact": "nosuch"}).status_code == 404
        many = call("POST", "/awards/batch", {"awards": [{**body, "key": "k2"}, {**body, "quantity": "3"}, {}]})
        assert [o["outcome"] for o in many.json["outcomes"]] == ["created", "refused", "refused"]
        listed = call("GET", "/awards?state=pending&limit=1", who="read").json
        (pending,) = listed["awards"]
        assert (pending["what"], listed["next"] is not None, "message" in pending) == ("chat", True, False)
        path = f"/awards/{pending['uid']}"
        assert call("GET", path, who="read").status_code == 403
        assert call("GET", path, who="approve").json["message"] == "love it"
        assert call("POST", f"{path}/approve", {}, "award").status_code == 403
        assert call("POST", f"{path}/approve", {}, "approve").json["state"] == "issued"
        assert call("POST", f"{path}/refuse", {"reason": "no"}, "approve").json["code"] == "issued"
        assert call("GET", "/awards?state=lost", who="read").status_code == 422
    finally:
        awards.brand.__enter__()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_on_the_command_line_awards_are_given_to_one_and_to_a_list(awards, installed, tmp_path):
    uids = [awards.brand.contacts.get_by_id(awards.person(name)).uid for name in ("ann", "ben")]
    awards.brand.__exit__(None, None, None)

    def run(*arguments):
        session = Session(installed.config.root, clock=installed.clock)
        session._installation = installed
        return CliRunner().invoke(root, ["interaction-games", "award", *arguments], obj=session)

    given = ("--what", "order-show", "--kind", "points", "--reason", "nice picture", "--as", "mia")
    try:
        made = run("give", "acme", uids[0], "--key", "k1", *given, "--json")
        assert json.loads(made.stdout)["state"] == "issued", made.output
        file = tmp_path / "list.csv"
        file.write_text(
            f"contact,key,quantity,reason\n{uids[0]},k1,,\n{uids[1]},k2,5,best picture\nnosuch,k3,,\n{uids[1]},k4,x,\n",
            encoding="utf-8",
        )
        many = run("give-many", "acme", str(file), *given)
        assert (many.exit_code, json.loads(many.stdout)) == (4, {"created": 1, "unchanged": 1, "refused": 2})
        assert "line 4" in many.stderr and "line 5" in many.stderr
        rows = json.loads(run("list", "acme", "--json").stdout)
        assert [(row["quantity"], row["reason"]) for row in rows] == [(1, "nice picture"), (5, "best picture")]
        assert run("approve", "acme", "nosuch", "--as", "mia").exit_code != 0
    finally:
        awards.brand.__enter__()
