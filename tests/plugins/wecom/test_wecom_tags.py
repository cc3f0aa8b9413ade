"""Tags both ways: the corporation's become the brand's, the brand's changes are told to WeCom, nobody's own are taken."""

from __future__ import annotations

import json
import threading

import pytest
from wecom_scene import YAN, ZOE

from scrm_core.db import brand_db
from scrm_core.db.bulk import execute
from scrm_core.jobs import due_jobs, run_job
from scrm_wecom import console_figures, labels
from scrm_wecom.work import Work

GET, LIST, MARK, CHAT = (
    "externalcontact/get", "externalcontact/get_corp_tag_list", "externalcontact/mark_tag", "externalcontact/groupchat/get",
)  # fmt: skip
TAGS = {"et1": ("level", "gold"), "et2": ("level", "silver"), "et3": ("taste", "tea")}


def corp(server, tags=None) -> None:
    """The corporation has these tags."""
    groups: dict[str, list] = {}
    for key, (group, name) in (TAGS if tags is None else tags).items():
        groups.setdefault(group, []).append({"id": key, "name": name})
    server.answers[LIST] = [
        {"errcode": 0, "tag_group": [{"group_id": f"g-{g}", "group_name": g, "tag": rows} for g, rows in groups.items()]}
    ]


def customers(server, who: dict[str, dict[str, list[str]]], **more) -> None:
    """Per customer the members who have them, with ids of tags."""

    def answer(asked):
        external = asked.query["external_userid"]
        if external not in who:
            return {"errcode": 84061}
        follows = [
            {"userid": staff, "createtime": 1_767_225_600, "tags": [{"tag_id": key, "type": 1} for key in tags]}
            for staff, tags in who[external].items()
        ]
        return {"errcode": 0, "external_contact": {"external_userid": external, **more}, "follow_user": follows}

    server.answers[GET] = [answer]


def work(scene) -> None:
    """The job, and what it told, until nothing is left."""
    for _ in range(4):
        with scene.brand as brand:
            brand.plugins["wecom"].work()
        scene.deliver()


def tags(scene, external=ZOE) -> set[tuple[str, str, str]]:
    with scene.brand as brand:
        found = brand.contacts.find("external_userid", external)
        return {(tag.group, tag.name, tag.origin) for tag in brand.tags.of(found.id)}


def contact(scene, external=ZOE) -> int:
    with scene.brand as brand:
        return brand.contacts.find("external_userid", external).id


def marked(server) -> list[tuple[str, list[str], list[str]]]:
    return [(e.body["userid"], e.body["add_tag"], e.body["remove_tag"]) for e in server.asked if e.api == MARK]


@pytest.fixture
def known(calling, server):
    """Zoe, whom two members have; one marked her gold."""
    corp(server)
    customers(server, {ZOE: {"zhangsan": ["et1"], "lisi": []}})
    calling.tell("add_external_contact")
    calling.tell("add_external_contact", staff="lisi")
    work(calling)
    return calling


def test_two_edits_in_one_second_which_are_one_text_are_both_read(known, server, clock):
    clock.advance(seconds=60)
    for tagged in (["et3"], []):
        customers(server, {ZOE: {"zhangsan": ["et1", *tagged], "lisi": []}})
        known.tell("edit_external_contact")
        work(known)
    assert len(known.kept()) == 3
    assert tags(known) == {("level", "gold", "synced")}


def test_what_a_callback_asks_for_is_read_when_the_time_of_the_job_has_come(calling, server):
    corp(server)
    customers(server, {ZOE: {"zhangsan": ["et1"]}})
    calling.tell("add_external_contact")
    with calling.brand as brand:
        done = [(due.job, run_job(brand, due)) for due in due_jobs(brand) if due.plugin == "wecom"]
    calling.deliver()
    assert ("work", True) in done and tags(calling) == {("level", "gold", "synced")}


def test_an_add_that_wecom_tells_again_is_read_once(calling, server):
    corp(server)
    customers(server, {ZOE: {"zhangsan": ["et1"]}})
    added = calling.event("add_external_contact")
    for nonce in ("1", "2", "3"):
        calling.post(added, nonce=nonce)
        work(calling)
    assert [each.query["external_userid"] for each in server.asked if each.api == GET] == [ZOE]
    assert tags(calling) == {("level", "gold", "synced")}


def test_tags_of_all_members_together_are_the_contact_s(known, server, clock):
    assert tags(known) == {("level", "gold", "synced")}
    customers(server, {ZOE: {"zhangsan": ["et1"], "lisi": ["et3"]}})
    clock.advance(seconds=60 * 1)
    known.tell("edit_external_contact", staff="lisi")
    work(known)
    assert tags(known) == {("level", "gold", "synced"), ("taste", "tea", "synced")}


def test_a_sync_takes_away_what_it_set_and_never_what_a_person_or_a_rule_set(known, server, clock):
    with known.brand as brand:
        brand.tags.add(contact(known), ("taste", "tea"), origin="manual", actor="ann")
        brand.tags.define("rules", "warm", plan="x")
        brand.tags.add(contact(known), ("rules", "warm"), origin="auto", actor="rule")
    customers(server, {ZOE: {"zhangsan": [], "lisi": []}})
    clock.advance(seconds=60 * 1)
    known.tell("edit_external_contact")
    work(known)
    assert tags(known) == {("taste", "tea", "manual"), ("rules", "warm", "auto")}


def test_a_lost_customer_keeps_what_was_known_last(known, server, clock):
    clock.advance(seconds=60)
    known.tell("del_follow_user")
    known.tell("del_follow_user", staff="lisi")
    customers(server, {})
    clock.advance(seconds=60)
    known.tell("edit_external_contact")
    work(known)
    assert tags(known) == {("level", "gold", "synced")}


def test_a_tag_that_both_set_stays_when_wecom_takes_its_own(known, server, clock):
    with known.brand as brand:
        brand.tags.remove(contact(known), ("level", "gold"), origin="synced", actor="wecom")
        brand.tags.add(contact(known), ("level", "gold"), origin="manual", actor="ann")
    customers(server, {ZOE: {"zhangsan": [], "lisi": []}})
    clock.advance(seconds=60 * 1)
    known.tell("edit_external_contact")
    work(known)
    assert tags(known) == {("level", "gold", "manual")}


def test_a_tag_given_here_is_given_there_for_each_member_and_comes_not_back_as_news(known, server):
    with known.brand as brand:
        brand.tags.add(contact(known), ("taste", "tea"), origin="manual", actor="ann")
    known.deliver()
    work(known)
    assert sorted(marked(server)) == [("lisi", ["et3"], []), ("zhangsan", ["et3"], [])]
    work(known)
    assert len(marked(server)) == 2


def test_tags_given_after_a_half_add_are_told_once_the_member_has_added_back(calling, server, clock):
    corp(server)
    server.answers[GET] = [{"errcode": 84061}]  # WeCom shows nobody before the member has added back
    server.answers["externalcontact/add_corp_tag"] = [made()]
    calling.tell_tag("update", "et3")
    calling.tell("add_half_external_contact", YAN)
    work(calling)
    give(calling, "tea", external=YAN)
    give(calling, external=YAN)
    work(calling)
    assert marked(server) == []
    clock.advance(seconds=60)
    customers(server, {YAN: {"zhangsan": []}})
    calling.tell("add_external_contact", YAN)
    work(calling)
    assert marked(server) == [("zhangsan", ["et3", "et9"], [])]
    assert tags(calling, YAN) == {("taste", "tea", "manual"), ("taste", "oolong", "manual")}


def test_what_came_from_wecom_is_not_sent_back(known, server):
    assert marked(server) == []


def test_a_person_s_removal_is_done_there_and_a_rule_s_only_of_what_we_set(known, server):
    with known.brand as brand:
        who = contact(known)
        brand.tags.add(who, ("taste", "tea"), origin="auto", actor="rule")
    known.deliver()
    work(known)
    del server.asked[:]
    with known.brand as brand:
        brand.tags.remove(who, ("taste", "tea"), origin="auto", actor="rule")
        brand.tags.remove(who, ("level", "gold"), origin="auto", actor="rule")
    known.deliver()
    work(known)
    assert sorted(marked(server)) == [("lisi", [], ["et3"]), ("zhangsan", [], ["et3"])]
    del server.asked[:]
    with known.brand as brand:
        brand.tags.add(who, ("level", "gold"), origin="manual", actor="ann")
        brand.tags.remove(who, ("level", "gold"), origin="manual", actor="ann")
    known.deliver()
    work(known)
    assert marked(server) == [("zhangsan", [], ["et1"])]


@pytest.fixture
def silent(known, server, monkeypatch):
    """What members gave Zoe in WeCom, and whether it answers: until then it does what it is told, without a word."""
    monkeypatch.setattr("scrm_wecom.client.calls.PAUSES", (0, 0, 0))
    there: dict[str, set[str]] = {"zhangsan": {"et1"}, "lisi": set()}
    answers = threading.Event()

    def mark(asked):
        there[asked.body["userid"]] |= set(asked.body["add_tag"])
        there[asked.body["userid"]] -= set(asked.body["remove_tag"])
        return {"errcode": 0} if answers.is_set() else None

    server.answers[MARK] = [mark]
    return there, answers


@pytest.mark.parametrize(("origin", "actor"), [("manual", "ann"), ("auto", "rule")])
@pytest.mark.parametrize("told", [True, False])
def test_a_tag_that_is_taken_before_wecom_has_answered_its_giving_is_taken_there_too(known, silent, origin, actor, told):
    there, answers = silent
    with known.brand as brand:
        brand.tags.add(contact(known), ("taste", "tea"), origin=origin, actor=actor)
    known.deliver()
    if told:
        work(known)
        assert there == {"zhangsan": {"et1", "et3"}, "lisi": {"et3"}}
    with known.brand as brand:
        brand.tags.remove(contact(known), ("taste", "tea"), origin=origin, actor=actor)
    known.deliver()
    answers.set()
    work(known)
    assert there == {"zhangsan": {"et1"}, "lisi": set()}
    with known.brand:
        assert execute("SELECT count(*) FROM wecom_mark").fetchone() == (0,)


@pytest.mark.parametrize("told", [True, False])
def test_a_tag_that_is_given_again_before_wecom_has_answered_its_taking_is_given_there_again(known, silent, told):
    there, answers = silent
    with known.brand as brand:
        brand.tags.remove(contact(known), ("level", "gold"), origin="manual", actor="ann")
    known.deliver()
    if told:
        work(known)
        assert there == {"zhangsan": set(), "lisi": set()}
    with known.brand as brand:
        brand.tags.add(contact(known), ("level", "gold"), origin="manual", actor="ann")
    known.deliver()
    answers.set()
    work(known)
    assert there == {"zhangsan": {"et1"}, "lisi": {"et1"}}
    assert tags(known) == {("level", "gold", "manual")}


def test_a_tag_taken_here_stays_away_when_the_customer_is_read_before_wecom_was_told(known, server, clock):
    server.answers[MARK] = [{"errcode": 45009}, {"errcode": 0}]
    with known.brand as brand:
        brand.tags.remove(contact(known), ("level", "gold"), origin="manual", actor="ann")
    known.deliver()
    clock.advance(seconds=1)
    known.tell("edit_external_contact", staff="lisi")
    work(known)
    assert (tags(known), len(marked(server))) == (set(), 1)
    clock.advance(seconds=61)
    work(known)
    assert (tags(known), len(marked(server))) == (set(), 2)


def test_a_tag_taken_here_goes_also_when_the_customer_is_read_before_the_worker_heard_of_it(known, server, clock):
    clock.advance(seconds=1)
    known.tell("edit_external_contact", staff="lisi")
    with known.brand as brand:
        brand.tags.remove(contact(known), ("level", "gold"), origin="manual", actor="ann")
        brand.plugins["wecom"].work()
    known.deliver()
    work(known)
    assert (tags(known), marked(server)) == (set(), [("zhangsan", [], ["et1"])])


def test_a_tag_that_wecom_refuses_does_not_hold_up_the_customer_s_others(known, server, caplog):
    refusing = [{"errcode": 40068}]

    def mark(asked):
        return refusing[0] if "et3" in asked.body["add_tag"] else {"errcode": 0}

    server.answers[MARK] = [mark]
    with known.brand as brand:
        brand.tags.add(contact(known), ("taste", "tea"), origin="manual", actor="ann")
        brand.tags.add(contact(known), ("level", "silver"), origin="manual", actor="ann")
    known.deliver()
    work(known)
    told = [row for row in marked(server) if row[1] == ["et2"]]
    assert sorted(told) == [("lisi", ["et2"], []), ("zhangsan", ["et2"], [])]
    assert "40068" in caplog.text
    before = len(marked(server))
    work(known)
    assert len(marked(server)) == before  # what was refused is told, not insisted on


def test_an_s_level_value_that_changes_is_told_in_one_call(calling, server):
    corp(server)
    with calling.brand as brand:
        brand.tags.group("level", s_level=True, default="none", kind="business", plan="tiers")
    customers(server, {ZOE: {"zhangsan": []}})
    calling.tell("add_external_contact")
    with calling.brand as brand:
        brand.plugins["wecom"].tidy()  # once a day the tags are read, whatever was told of them
    work(calling)
    with calling.brand as brand:
        brand.tags.add(contact(calling), ("level", "gold"), origin="manual", actor="ann")
    calling.deliver()
    work(calling)
    with calling.brand as brand:
        brand.tags.add(contact(calling), ("level", "silver"), origin="manual", actor="ann")
    calling.deliver()
    work(calling)
    assert marked(server) == [("zhangsan", ["et1"], []), ("zhangsan", ["et2"], ["et1"])]


def test_an_s_level_value_that_wecom_and_the_brand_do_not_agree_about_is_told_until_they_do(calling, server, clock):
    corp(server)
    with calling.brand as brand:
        brand.tags.group("level", s_level=True, default="none", kind="business", plan="tiers")

    def told() -> list[tuple[str, str, str]]:
        with calling.brand as brand:
            warned = [each for each in brand.plugins["wecom"].brand_warnings() if "S-level" in each]
            found = console_figures.disputed(50)
        assert len(warned) == bool(found)
        return [value for each in found for value in each["values"]]

    def say(**members: list[str]) -> None:
        clock.advance(seconds=60)
        customers(server, {ZOE: members})
        calling.tell("edit_external_contact")
        work(calling)

    customers(server, {ZOE: {"zhangsan": ["et1"]}})
    calling.tell("add_external_contact")
    work(calling)
    say(zhangsan=["et1"])
    assert ("level", "gold", "synced") in tags(calling) and told() == []
    with calling.brand as brand:
        brand.tags.add(contact(calling), ("level", "silver"), origin="manual", actor="ann")
    calling.deliver()
    work(calling)
    assert told() == []  # WeCom has been told
    say(zhangsan=["et1"])
    assert ("level", "silver", "manual") in tags(calling) and told() == [("level", "gold", "silver")]
    say(zhangsan=["et2"])
    assert told() == []
    say(zhangsan=["et2"], lisi=["et1"])
    assert told() == [("level", "gold", "silver")]  # members disagree
    calling.tell("del_follow_user", staff="lisi")
    assert told() == []


def test_a_relation_that_is_over_is_not_insisted_on(known, server):
    server.answers[MARK] = [{"errcode": 84061}]
    with known.brand as brand:
        brand.tags.add(contact(known), ("taste", "tea"), origin="manual", actor="ann")
    known.deliver()
    work(known)
    work(known)
    assert len(marked(server)) == 2
    assert tags(known) == {("level", "gold", "synced"), ("taste", "tea", "manual")}


def test_a_tag_that_is_renamed_or_deleted_in_wecom_is_so_here(known, server, clock):
    corp(server, {"et1": ("level", "platinum"), "et2": ("level", "silver")})
    clock.advance(seconds=60 * 1)
    known.tell_tag("update", "et1")
    work(known)
    assert tags(known) == {("level", "platinum", "synced")}
    corp(server, {"et2": ("level", "silver")})
    clock.advance(seconds=60 * 1)
    known.tell_tag("delete", "et1")
    work(known)
    assert tags(known) == set()


def test_a_retired_tag_is_left_out(known, server, clock):
    with known.brand as brand:
        brand.tags.retire([brand.tags.find("taste", "tea")], actor="ann", reason="unused")
    customers(server, {ZOE: {"zhangsan": ["et1", "et3"], "lisi": []}})
    clock.advance(seconds=60 * 1)
    known.tell("edit_external_contact")
    work(known)
    assert tags(known) == {("level", "gold", "synced")}


# People -------------------------------------------------------------------------


def test_name_and_unionid_come_with_the_customer_and_make_one_person_of_two(calling, server):
    corp(server)
    with calling.brand as brand:
        from scrm_core.api import IdentityIn

        there = brand.contacts.resolve(
            (IdentityIn.of("unionid", "ozyn"), IdentityIn.of("openid", "o1", "wxapp")), at=brand.now(), origin="mini"
        )
    customers(server, {ZOE: {"zhangsan": []}}, name="李四", unionid="ozyn")
    calling.tell("add_external_contact")
    work(calling)
    with calling.brand as brand:
        person = brand.contacts.find("external_userid", ZOE)
        assert person.uid == brand.contacts.get_by_id(there.contact_id).uid
        assert person.name == "李四"
        assert {(i.kind, i.value) for i in brand.contacts.identities(person.id)} == {
            ("external_userid", ZOE), ("unionid", "ozyn"), ("openid", "o1"),
        }  # fmt: skip


def test_a_customer_whom_nobody_has_any_more_is_no_error(calling, server):
    corp(server)
    customers(server, {})
    calling.tell("add_external_contact")
    work(calling)
    with calling.brand:
        assert execute("SELECT count(*) FROM wecom_task").fetchone() == (0,)


def test_a_group_that_is_no_more_is_asked_for_once(calling, server, clock):
    server.answers[CHAT] = [{"errcode": 40096}]
    calling.tell_chat("create")
    for _ in range(3):
        clock.advance(hours=2)
        work(calling)
    assert server.calls(CHAT) == [CHAT]


def test_a_missing_permission_is_told_and_waits_for_people(calling, server, clock):
    server.answers[GET] = [{"errcode": 84074}]
    calling.tell("add_external_contact")
    calling.tell("add_external_contact", YAN)
    work(calling)
    assert server.calls(GET) == [GET] * 2
    with calling.brand as brand:
        (warning,) = brand.plugins["wecom"].brand_warnings()
    assert "84074" in warning
    corp(server)
    customers(server, {ZOE: {"zhangsan": []}, YAN: {"zhangsan": []}})
    clock.advance(seconds=60 * 11)
    work(calling)
    with calling.brand as brand:
        assert list(brand.plugins["wecom"].brand_warnings()) == []


# Chat groups --------------------------------------------------------------------


def chat(server, *members: str) -> None:
    rows = [{"userid": m, "type": 2, "join_time": 1_767_225_600} for m in members]
    rows.append({"userid": "zhangsan", "type": 1, "join_time": 1_767_225_600})
    group = {"chat_id": "wr1", "name": "妈妈群", "owner": "zhangsan", "member_list": rows, "member_version": "v"}
    server.answers[CHAT] = [{"errcode": 0, "group_chat": group}]


def read_chat(calling, server, clock, milliseconds: int) -> list[int]:
    """When, in milliseconds from now, the group is read: the job runs every half second."""
    read = []
    for passed in range(0, milliseconds, 500):
        before = len(server.calls(CHAT))
        with calling.brand as brand:
            brand.plugins["wecom"].work()
        read += [passed] * (len(server.calls(CHAT)) - before)
        clock.advance(seconds=0.5)
    return read


def test_a_chat_group_is_read_a_moment_behind_the_last_change_that_is_told(calling, server, clock):
    chat(server, ZOE)
    calling.tell_chat("create")
    clock.advance(seconds=1.5)
    calling.tell_chat("update", UpdateDetail="add_member")
    assert read_chat(calling, server, clock, 5_000) == [2_000]


def test_a_chat_group_that_changes_without_end_is_read_all_the_same_and_once_more_behind_its_last_change(calling, server, clock):
    chat(server, ZOE)
    read = []
    for number in range(30):
        calling.tell_chat("update", UpdateDetail="add_member", Number=number)
        read += [1_000 * number + each for each in read_chat(calling, server, clock, 1_000)]
    assert read and read[0] <= 20_000
    assert read_chat(calling, server, clock, 5_000)[-1] >= 1_000  # two seconds behind the last change, not before
    with calling.brand:
        assert execute("SELECT count(*) FROM wecom_task").fetchone() == (0,)


def test_a_chat_group_that_changes_while_it_is_read_is_read_again_a_moment_later(calling, server, clock):
    chat(server, ZOE)
    (told,) = server.answers[CHAT]

    def changing(asked):
        calling.tell_chat("update", UpdateDetail="add_member")
        return told

    server.answers[CHAT] = [changing, told]
    calling.tell_chat("create")
    assert read_chat(calling, server, clock, 10_000) == [2_000, 4_000]


def test_a_chat_group_that_wecom_refused_is_read_a_moment_behind_its_next_change(calling, server, clock):
    chat(server, ZOE)
    server.answers[CHAT].insert(0, {"errcode": 48002})
    calling.tell_chat("create")
    assert read_chat(calling, server, clock, 4_000) == [2_000]
    calling.tell_chat("update", UpdateDetail="add_member")
    assert read_chat(calling, server, clock, 4_000) == [2_000]


def test_a_chat_group_s_customers_join_and_leave(calling, server, clock):
    chat(server, ZOE, YAN)
    calling.tell_chat("create")
    work(calling)
    assert server.calls(CHAT) == []  # WeCom writes groups a moment after it tells of them
    clock.advance(seconds=3)
    work(calling)
    with calling.brand as brand:
        group = brand.groups.get("wr1")
        assert (group.name, group.owner, group.members) == ("妈妈群", "zhangsan", 2)
    chat(server, YAN)
    calling.tell_chat("update", UpdateDetail="del_member", QuitScene=0)
    clock.advance(seconds=3)
    work(calling)
    with calling.brand as brand:
        (stay,) = brand.groups.of(contact(calling))
        assert (stay.code, stay.left_at) == ("wr1", brand.now())
        assert brand.groups.get("wr1").members == 1
    clock.advance(seconds=60 * 1)
    calling.tell_chat("dismiss")
    with calling.brand as brand:
        assert brand.groups.get("wr1").members == 0


# Tags that only the brand has ---------------------------------------------------

MAKE = "externalcontact/add_corp_tag"


def give(scene, name: str = "oolong", group: str = "taste", external: str = ZOE) -> None:
    with scene.brand as brand:
        brand.tags.define(group, name, plan="offer tea")
        brand.tags.add(contact(scene, external), (group, name), origin="manual", actor="ann")
    scene.deliver()


def made(key: str = "et9", group: str = "taste", name: str = "oolong"):
    return {"errcode": 0, "tag_group": {"group_id": f"g-{group}", "group_name": group, "tag": [{"id": key, "name": name}]}}


def test_a_tag_that_only_the_brand_has_is_made_and_given_and_nobody_s_own_are_taken(known, server):
    server.answers[MAKE] = [made()]
    give(known)
    work(known)
    (asked,) = [each for each in server.asked if each.api == MAKE]
    assert asked.body == {"group_name": "taste", "tag": [{"name": "oolong"}]}
    assert sorted(marked(server)) == [("lisi", ["et9"], []), ("zhangsan", ["et9"], [])]
    assert tags(known) == {("level", "gold", "synced"), ("taste", "oolong", "manual")}


def test_one_that_somebody_made_at_the_same_moment_is_found_and_not_made_twice(known, server):
    server.answers[MAKE] = [{"errcode": 40071}]
    corp(server, TAGS | {"et9": ("taste", "oolong")})
    give(known)
    work(known)
    assert len(server.calls(MAKE)) == 1
    assert sorted(marked(server)) == [("lisi", ["et9"], []), ("zhangsan", ["et9"], [])]


def test_a_lost_answer_is_asked_again_because_a_second_of_one_name_is_refused(known, server):
    server.answers[MAKE] = [lambda asked: None, {"errcode": 40071}]
    corp(server, TAGS | {"et9": ("taste", "oolong")})
    give(known)
    work(known)
    assert sorted(marked(server)) == [("lisi", ["et9"], []), ("zhangsan", ["et9"], [])]


@pytest.mark.parametrize(("errcode", "waits"), [(40072, 0), (40126, 2)])
def test_a_name_that_wecom_refuses_stays_the_brand_s_and_a_full_corporation_waits(known, server, errcode, waits):
    server.answers[MAKE] = [{"errcode": errcode}]
    give(known)
    work(known)
    assert marked(server) == []
    with known.brand as brand:
        assert execute("SELECT count(*) FROM wecom_mark WHERE substr(key, 1, 4) = 'tag:'").fetchone() == (waits,)
        told = list(brand.plugins["wecom"].brand_warnings())
    assert any("40126" in each for each in told) is bool(waits)
    assert ("taste", "oolong", "manual") in tags(known)


def test_one_that_cannot_be_made_is_told_and_does_not_hold_up_the_customer_s_others(known, server):
    def make(asked):
        return {"errcode": 40126} if asked.body["tag"] == [{"name": "bitter"}] else made()

    server.answers[MAKE] = [make]
    for name in ("bitter", "oolong", "tea"):
        give(known, name)
    work(known)
    assert sorted(marked(server)) == [("lisi", ["et3", "et9"], []), ("zhangsan", ["et3", "et9"], [])]
    with known.brand as brand:
        (warning,) = brand.plugins["wecom"].brand_warnings()
    assert "40126" in warning


def test_one_that_is_taken_again_before_it_was_made_is_not_made(known, server):
    give(known)
    with known.brand as brand:
        brand.tags.remove(contact(known), ("taste", "oolong"), origin="manual", actor="ann")
    known.deliver()
    work(known)
    assert server.calls(MAKE) == []


def test_without_create_tags_nothing_is_made(scenes, server):
    scene = scenes(acme=f'secret = "s3cret"\napi = "{server.url}"\ncreate_tags = false\n')[0]
    corp(server)
    customers(server, {ZOE: {"zhangsan": []}})
    scene.tell("add_external_contact")
    give(scene)
    work(scene)
    assert (server.calls(MAKE), marked(server)) == ([], [])


def test_a_change_of_the_catalogue_reaches_everybody_a_page_at_a_time(known, server, monkeypatch):
    monkeypatch.setattr(labels, "PAGE", 2)
    everybody = [f"wm{n:030d}" for n in range(5)]
    customers(server, {each: {"zhangsan": ["et1"]} for each in everybody})
    for each in everybody:
        known.tell("add_external_contact", each)
    work(known)
    corp(server, TAGS | {"et1": ("level", "platinum")})
    known.tell_tag("update", "et1")
    with known.brand as brand:
        wecom = brand.plugins["wecom"].wecom
        with brand_db.atomic():
            wecom.labels.take_catalogue(wecom.api.tags())
        assert wecom.labels.settle_some()  # a page, and then the process dies
    work(known)
    assert [tags(known, each) for each in everybody] == [{("level", "platinum", "synced")}] * 5
    with known.brand:
        assert execute("SELECT count(*) FROM wecom_settling").fetchone() == (0,)


@pytest.mark.parametrize("by", ["page", "customer"])
@pytest.mark.parametrize("wanted", [True, False])
def test_tags_read_before_wecom_was_told_and_written_behind_it_bring_nothing_back(known, server, clock, by, wanted):
    """Gold is taken, or tea given, while an answer of before is under way; it is asked once more instead of believed."""
    api = "externalcontact/batch/get_by_user" if by == "page" else GET
    now = {ZOE: {"zhangsan": ["et1"], "lisi": []}}

    def mark(asked):
        has = now[ZOE][asked.body["userid"]]
        now[ZOE][asked.body["userid"]] = [k for k in (*has, *asked.body["add_tag"]) if k not in asked.body["remove_tag"]]
        return {"errcode": 0}

    def answer() -> dict:
        contact = {"external_userid": ZOE, "name": "Zoe"}
        if by == "page":
            follow = {"userid": "zhangsan", "createtime": 1_767_225_600, "tag_id": now[ZOE]["zhangsan"]}
            return {"errcode": 0, "external_contact_list": [{"external_contact": contact, "follow_info": follow}]}
        follows = [
            {"userid": staff, "createtime": 1_767_225_600, "tags": [{"tag_id": key, "type": 1} for key in keys]}
            for staff, keys in now[ZOE].items()
        ]
        return {"errcode": 0, "external_contact": contact, "follow_user": follows}

    late: list[int] = []

    def asked_for(asked):
        told = answer()
        if not late:
            late.append(1)
            change_and_tell()
        return told

    def change_and_tell() -> None:
        with known.brand as brand:
            if wanted:
                brand.tags.add(contact(known), ("taste", "tea"), origin="manual", actor="ann")
            else:
                brand.tags.remove(contact(known), ("level", "gold"), origin="manual", actor="ann")
        known.deliver()
        with known.brand as brand:
            wecom = brand.plugins["wecom"].wecom
            Work(brand, wecom.api, wecom.people, wecom.labels).run()  # tags alone: the page is the other process's

    customers(server, now)
    server.answers |= {MARK: [mark], "externalcontact/get_follow_user_list": [{"errcode": 0, "follow_user": ["zhangsan"]}]}
    server.answers[api] = [asked_for]
    with known.brand as brand:
        wecom = brand.plugins["wecom"].wecom
        if by == "page":
            wecom.full_sync.begin()
            wecom.full_sync.run(60)
        else:
            brand.plugins["wecom"].inbox.keep(known.event("edit_external_contact").encode())
    known.deliver()
    work(known)
    assert late
    with known.brand:
        rows = execute("SELECT staff, tags FROM wecom_follow ORDER BY staff").fetchall()
    told = {staff: sorted(keys) for staff, keys in now[ZOE].items()}
    assert {row[0]: json.loads(row[1]) for row in rows} == told
    given = {("level", "gold", "synced"), ("taste", "tea", "manual")} if wanted else set()
    assert tags(known) == given
