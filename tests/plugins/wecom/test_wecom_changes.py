"""What callbacks do: relations of staff and customers, leads, losses; late, twice and in any order."""

from __future__ import annotations

import itertools
import json
import random
import threading

import pytest
from wecom_scene import YAN, ZOE, xml

from scrm_core.api import IdentityIn, LeadIn, hookimpl
from scrm_core.db.bulk import execute
from scrm_core.errors import Veto
from scrm_core.plugin import Plugin
from scrm_core.testing import assert_plugin_ok
from scrm_wecom import WecomPlugin, callbacks, follows


def test_an_add_is_a_lead_of_its_channel_and_a_relation(scene):
    with scene.brand as brand:
        brand.tags.define("channel", "spring", plan="greet them")
        brand.channels.create("spring", tags=[("channel", "spring")])
    scene.tell("add_external_contact", State="spring")
    with scene.brand as brand:
        contact = brand.contacts.find("external_userid", ZOE)
        assert contact.lead_channel == "spring"
        assert [tag.name for tag in brand.tags.of(contact.id)] == ["spring"]
    assert scene.leads() == [("spring", "zhangsan", True)]
    assert scene.follows() == [("zhangsan", "active", "")]
    assert scene.said("added") == [{"staff": "zhangsan", "state": "spring", "half": 0, "again": 0}]


def test_a_half_add_and_the_add_behind_it_are_one(scene, clock):
    scene.tell("add_half_external_contact", State="spring")
    assert scene.follows() == [("zhangsan", "half", "")]
    clock.advance(seconds=5)
    scene.tell("add_external_contact", State="spring")
    assert scene.follows() == [("zhangsan", "active", "")]
    assert scene.leads() == [("spring", "zhangsan", True)]
    assert [told["half"] for told in scene.said("added")] == [1]


def test_a_half_add_that_arrives_behind_the_add_changes_nothing(scene):
    scene.tell("add_external_contact", State="spring")
    scene.tell("add_half_external_contact", State="spring")
    assert scene.follows() == [("zhangsan", "active", "")]
    assert len(scene.leads()) == 1


def test_a_second_member_of_staff_is_another_relation_of_the_same_person(scene):
    scene.tell("add_external_contact", State="a")
    scene.tell("add_external_contact", staff="lisi", State="b")
    assert scene.follows() == [("zhangsan", "active", ""), ("lisi", "active", "")]
    assert scene.leads() == [("a", "zhangsan", True), ("b", "lisi", False)]


def test_a_customer_who_deletes_the_member_is_lost_when_nobody_is_left(scene, clock):
    scene.tell("add_external_contact")
    scene.tell("add_external_contact", staff="lisi")
    clock.advance(hours=1)
    scene.tell("del_follow_user")
    scene.tell("del_external_contact", staff="lisi")
    assert scene.follows() == [("zhangsan", "lost", "customer"), ("lisi", "lost", "staff")]
    assert scene.said("lost") == [
        {"staff": "zhangsan", "by": "customer", "left": 1}, {"staff": "lisi", "by": "staff", "left": 0},
    ]  # fmt: skip


def test_a_transfer_is_no_loss_and_no_new_lead(scene, clock):
    scene.tell("add_external_contact", State="spring")
    clock.advance(days=1)
    scene.tell("del_external_contact", Source="DELETE_BY_TRANSFER")
    clock.advance(seconds=3)
    scene.tell("add_external_contact", staff="lisi")
    assert scene.follows() == [("zhangsan", "lost", "transfer"), ("lisi", "active", "")]
    assert scene.leads() == [("spring", "zhangsan", True)]


@pytest.mark.parametrize("days", [2, pytest.param(6, marks=pytest.mark.wide)])
def test_a_transfer_that_is_carried_out_days_later_is_no_new_lead_and_takes_one_colleague_alone(scene, clock, days):
    scene.tell("add_external_contact", State="spring")
    scene.tell("del_external_contact", Source="DELETE_BY_TRANSFER")
    clock.advance(days=days)
    scene.tell("add_external_contact", staff="lisi")
    assert scene.leads() == [("spring", "zhangsan", True)]
    scene.tell("add_external_contact", staff="wang", State="autumn")  # whom the customer has added by themselves
    assert scene.leads()[1:] == [("autumn", "wang", False)]


def handed_over(server, *ways: tuple[str, int, int]) -> None:
    """What WeCom says of Zoe: members with when they got her and how."""
    follows = [{"userid": staff, "createtime": since, "add_way": way, "state": ""} for staff, since, way in ways]
    server.answers["externalcontact/get"] = [
        {"errcode": 0, "external_contact": {"external_userid": ZOE, "name": "Zoe"}, "follow_user": follows}
    ]


def work(scene) -> None:
    with scene.brand as brand:
        brand.plugins["wecom"].work()
    scene.deliver()


@pytest.mark.parametrize("told", ["never", "before", "after", "weeks before"])
def test_whom_wecom_says_was_handed_over_is_no_lead_whenever_the_hand_over_is_told(calling, server, clock, told):
    calling.tell("add_external_contact", State="spring")
    came = calling.seconds()
    handed_over(server, ("zhangsan", came, 1))
    work(calling)
    gone = {"Source": "DELETE_BY_TRANSFER"}
    if "before" in told:
        calling.tell("del_external_contact", **gone)
    clock.advance(days=40 if told == "weeks before" else 3)
    over = calling.seconds()
    calling.tell("add_external_contact", staff="lisi", WelcomeCode="W1")
    assert calling.follows()[-1] == ("lisi", "active", "")  # they are friends at once: a welcome has 20 seconds
    if told == "after":
        calling.tell("del_external_contact", **gone)
    handed_over(server, ("lisi", over, 202))
    work(calling)
    assert calling.leads() == [("spring", "zhangsan", True)]
    calling.tell("add_external_contact", staff="wang", State="autumn")
    handed_over(server, ("lisi", over, 202), ("wang", over, 1))
    assert len(calling.leads()) == 1
    work(calling)
    work(calling)
    assert calling.leads()[1:] == [("autumn", "wang", False)]
    with calling.brand as brand:
        (lead,) = execute("SELECT at FROM event WHERE type = 'lead.captured' ORDER BY id DESC LIMIT 1").fetchone()
    assert lead == brand.now()


@pytest.mark.parametrize("answer", [{"errcode": 84061}, {"errcode": 48002}, {"errcode": 40096}, {"errcode": 99999}])
def test_a_second_member_s_add_that_wecom_does_not_tell_of_is_a_lead(calling, server, answer):
    calling.tell("add_external_contact", State="a")
    calling.tell("add_external_contact", staff="lisi", State="b")
    assert len(calling.leads()) == 1
    server.answers["externalcontact/get"] = [answer]
    work(calling)
    work(calling)
    assert calling.leads() == [("a", "zhangsan", True), ("b", "lisi", False)]


def test_who_adds_a_second_member_and_leaves_before_wecom_was_asked_is_a_lead(calling, server, clock):
    calling.tell("add_external_contact", State="a")
    calling.tell("add_external_contact", staff="lisi", State="b")
    clock.advance(seconds=5)
    calling.tell("del_follow_user", staff="lisi")
    assert calling.leads() == [("a", "zhangsan", True), ("b", "lisi", False)]


def test_an_edit_of_somebody_unknown_has_wecom_asked_when_they_came(calling, server, clock):
    came = calling.seconds() - 400 * 86_400
    calling.tell("edit_external_contact", State="spring")
    assert (calling.follows(), calling.leads()) == ([], [])
    handed_over(server, ("zhangsan", came, 1))
    work(calling)
    assert calling.follows() == [("zhangsan", "active", "")]
    with calling.brand:
        rows = execute("SELECT at, backfill FROM event WHERE type = 'lead.captured'").fetchall()
    assert rows == [(came * 1_000, 1)]


def test_who_adds_again_is_a_lead_again_and_nobody_new(scene, clock):
    scene.tell("add_external_contact", State="spring")
    clock.advance(days=1)
    scene.tell("del_follow_user")
    clock.advance(days=1)
    scene.tell("add_external_contact", State="autumn")
    assert scene.follows() == [("zhangsan", "active", "")]
    assert scene.leads() == [("spring", "zhangsan", True), ("autumn", "zhangsan", False)]
    assert [told["again"] for told in scene.said("added")] == [0, 1]
    with scene.brand as brand:
        (follow,) = follows.of_contact(brand.contacts.find("external_userid", ZOE).id)
    assert (follow.source, follow.since, follow.lost_at) == ("autumn", brand.now(), None)


@pytest.mark.parametrize("seconds", [5, 61])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_add_loss_and_second_add_end_alike_in_whatever_order_they_come(scene, clock, order, seconds):
    with scene.brand as brand:
        for state in "ab":
            brand.channels.create(state)
    events = []
    for change, state in (("add_external_contact", "a"), ("del_follow_user", ""), ("add_external_contact", "b")):
        events.append(scene.event(change, **({"State": state} if state else {})))
        clock.advance(seconds=seconds)
    for place in order:
        assert scene.post(events[place]).status_code == 200
        scene.deliver()
    assert scene.follows() == [("zhangsan", "active", "")]
    with scene.brand as brand:
        (follow,) = follows.of_contact(brand.contacts.find("external_userid", ZOE).id)
        leads = execute("SELECT at FROM event WHERE type = 'lead.captured' ORDER BY at").fetchall()
        assert brand.contacts.find("external_userid", ZOE).lead_channel == "a"  # the first touch
    came = 1_767_225_600_000
    assert (follow.since, follow.lost_at, follow.source) == (came + seconds * 2_000, None, "b")
    assert sorted(lead[:2] for lead in scene.leads()) == [("a", "zhangsan"), ("b", "zhangsan")]
    assert leads == [(came,), (came + seconds * 2_000,)]
    assert sorted(told["state"] for told in scene.said("added")) == ["a", "b"]
    assert [each["left"] for each in scene.said("lost")] == [0]


@pytest.mark.parametrize("seconds", [5, 61])
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_two_adds_and_two_losses_are_two_leads_and_a_relation_that_is_over_in_whatever_order(scene, clock, order, seconds):
    events = []
    for state in ("a", "", "b", ""):
        change = "add_external_contact" if state else "del_follow_user"
        events.append(scene.event(change, **({"State": state} if state else {})))
        clock.advance(seconds=seconds)
    for place in order:
        scene.post(events[place])
        scene.deliver()
    assert scene.follows() == [("zhangsan", "lost", "customer")]
    assert sorted(lead[0] for lead in scene.leads()) == ["a", "b"]
    assert sorted(told["state"] for told in scene.said("added")) == ["a", "b"]
    assert [each["left"] for each in scene.said("lost")] == [0, 0]
    with scene.brand as brand:
        (follow,) = follows.of_contact(brand.contacts.find("external_userid", ZOE).id)
    came = 1_767_225_600_000
    assert (follow.since, follow.lost_at) == (came + seconds * 2_000, came + seconds * 3_000)


def test_a_half_add_its_loss_and_the_adding_back_that_is_told_last_are_one_lead(scene, clock):
    scene.tell("add_half_external_contact", State="a")
    clock.advance(hours=1)
    back = scene.event("add_external_contact", State="a")
    clock.advance(hours=1)
    scene.tell("del_follow_user")
    scene.post(back)
    scene.deliver()
    assert (len(scene.leads()), scene.follows()) == (1, [("zhangsan", "lost", "customer")])


@pytest.mark.parametrize("state", ["a", "b"])
@pytest.mark.parametrize("order", [(0, 2, 1), (0, 1, 2), (2, 0, 1), (2, 1, 0), (1, 2, 0)])
def test_who_leaves_before_the_member_added_back_and_comes_again_is_two_leads(scene, clock, state, order):
    events = []
    for change, source in (("add_half_external_contact", "a"), ("del_external_contact", ""), ("add_external_contact", state)):
        events.append(scene.event(change, **({"State": source} if source else {})))
        clock.advance(hours=1)
    for place in order:
        scene.post(events[place])
        scene.deliver()
    assert sorted(lead[0] for lead in scene.leads()) == sorted(["a", state])
    assert scene.follows() == [("zhangsan", "active", "")]
    assert sorted(told["state"] for told in scene.said("added")) == sorted(["a", state])
    assert [each["left"] for each in scene.said("lost")] == [0]


def test_a_half_add_and_its_adding_back_that_are_told_behind_later_ones_are_one_lead(scene, clock):
    events = []
    for change, source, seconds in (
        ("add_half_external_contact", "a", 5), ("add_external_contact", "a", 61), ("del_follow_user", "", 61),
        ("add_external_contact", "b", 5), ("del_external_contact", "", 61), ("add_external_contact", "c", 5),
        ("del_follow_user", "", 0),
    ):  # fmt: skip
        events.append(scene.event(change, **({"State": source} if source else {})))
        clock.advance(seconds=seconds)
    for place in (4, 6, 0, 3, 5, 2, 1):
        scene.post(events[place])
        scene.deliver()
    assert sorted(lead[0] for lead in scene.leads()) == ["a", "b", "c"]


def story(rng: random.Random) -> list[tuple[str, str]]:
    """Two or three acquisitions of one pair, each by a State of its own, some without being asked (免验证)."""
    told = []
    acquisitions = rng.choice("ab ab abc".split())
    for state in acquisitions:
        half = rng.random() < 0.4
        told.append(("add_half_external_contact" if half else "add_external_contact", state))
        if half and rng.random() < 0.5:
            told.append(("add_external_contact", state))
        if state != acquisitions[-1] or rng.random() < 0.6:
            told += [(change, "") for change in rng.sample(("del_follow_user", "del_external_contact"), rng.choice((1, 1, 2)))]
    return told


@pytest.mark.parametrize("seed", range(40))
def test_each_acquisition_is_one_lead_in_whatever_order_callbacks_come(scene, clock, seed):
    rng = random.Random(seed)
    told, events = story(rng), []
    for change, state in told:
        events.append(scene.event(change, **({"State": state} if state else {})))
        clock.advance(seconds=rng.choice((5, 61, 4_000)))
    rng.shuffle(events)
    for event in events:
        scene.post(event)
        scene.deliver()
    states = sorted({state for _, state in told if state})
    assert sorted(lead[0] for lead in scene.leads()) == states == sorted(each["state"] for each in scene.said("added"))
    last = told[-1][0]
    expected = "lost" if last.startswith("del") else "half" if "half" in last else "active"
    assert [each[1] for each in scene.follows()] == [expected]


@pytest.mark.parametrize("order", [(4, 3, 2, 1, 0), (4, 1, 3, 0, 2), (2, 4, 1, 0, 3), (1, 4, 2, 3, 0)])
def test_three_adds_and_the_losses_between_are_three_leads_also_behind_what_came_later(scene, clock, order):
    events = []
    for state in ("a", "", "b", "", "c"):
        events.append(scene.event("add_external_contact" if state else "del_follow_user", **({"State": state} if state else {})))
        clock.advance(seconds=61)
    for place in order:
        scene.post(events[place])
        scene.deliver()
    assert scene.follows() == [("zhangsan", "active", "")]
    assert sorted(lead[0] for lead in scene.leads()) == ["a", "b", "c"]
    assert len(scene.said("lost")) == 2


def test_an_add_from_before_tells_its_end_with_its_lead_and_greets_nobody(scene, clock):
    first = scene.event("add_external_contact", State="a", WelcomeCode="W1")
    clock.advance(seconds=61)
    gone, ended = scene.event("del_external_contact"), scene.brand.now()
    clock.advance(seconds=61)
    scene.tell("add_external_contact", State="b")
    for event in (gone, first):
        scene.post(event)
        scene.deliver()
    assert [each["fields"].get("ended") for each in scene.told("lead.captured")] == [None, str(ended)]
    assert [each["by"] for each in scene.said("lost")] == ["staff"]
    assert [row[3] for row in scene.kept()] == ["", "", "an earlier one than the one that is known"]


def test_a_half_add_that_arrives_long_behind_the_add_is_the_same_lead(scene, clock):
    half = scene.event("add_half_external_contact", State="a")
    clock.advance(seconds=61)
    scene.tell("add_external_contact", State="a")
    scene.post(half)
    scene.deliver()
    assert (len(scene.leads()), scene.follows()) == (1, [("zhangsan", "active", "")])


def test_what_wecom_shows_of_a_relation_that_stands_is_no_lead_from_before(calling, server, clock):
    came = calling.seconds()
    clock.advance(days=1)
    calling.tell("add_external_contact", State="a")
    handed_over(server, ("zhangsan", came, 1))  # asked just before
    work(calling)
    work(calling)
    assert len(calling.leads()) == 1


def test_a_second_add_whose_loss_was_never_told_is_a_lead_and_the_first_has_ended(scene, clock):
    scene.tell("add_half_external_contact", State="a")
    clock.advance(days=1)
    scene.tell("add_external_contact", State="a")  # the member adds back a day later: the same acquisition
    assert (scene.leads(), scene.said("lost")) == ([("a", "zhangsan", True)], [])
    clock.advance(days=1)
    for _ in range(2):
        scene.tell("add_external_contact", State="b")
    assert scene.leads() == [("a", "zhangsan", True), ("b", "zhangsan", False)]
    assert [(each["by"], each["left"]) for each in scene.said("lost")] == [("sync", 0)]


@pytest.mark.parametrize("loss", ["never", "before WeCom was asked", "afterwards"])
@pytest.mark.parametrize("change", ["add_external_contact", "add_half_external_contact"])
def test_a_second_add_is_a_lead_by_what_wecom_tells_whenever_its_loss_is_told(calling, server, clock, loss, change):
    calling.tell("add_external_contact", State="a")
    came = calling.seconds()
    handed_over(server, ("zhangsan", came, 1))
    work(calling)
    clock.advance(days=1)
    gone = calling.event("del_follow_user")
    clock.advance(days=1)
    calling.tell("add_external_contact", State="a")  # told once more, of what stands
    work(calling)
    assert len(calling.leads()) == 1
    calling.tell(change, State="b")
    if loss.startswith("before"):
        calling.post(gone)
        calling.deliver()
    handed_over(server, ("zhangsan", calling.seconds(), 1))
    if change != "add_external_contact":  # WeCom shows the relation once the member has added back
        calling.tell("add_external_contact", State="b")
    work(calling)
    if loss == "afterwards":
        calling.post(gone)
        calling.deliver()
    assert len(calling.leads()) == 2
    assert calling.follows() == [("zhangsan", "active", "")]
    assert [each["left"] for each in calling.said("lost")] == [0]


def test_a_loss_that_is_told_before_its_add_stays_one_and_the_lead_says_how_it_ended(scene, clock):
    add = scene.event("add_external_contact", State="spring")
    clock.advance(seconds=60 * 1)
    scene.tell("del_follow_user")
    scene.post(add)
    scene.deliver()
    assert scene.follows() == [("zhangsan", "lost", "customer")]
    assert scene.leads() == [("spring", "zhangsan", True)]
    with scene.brand as brand:
        (data,) = execute("SELECT data FROM event WHERE type = 'lead.captured'").fetchone()
    assert json.loads(data)["fields"] == {"staff": "zhangsan", "ended": str(brand.now()), "ended_by": "customer"}


def test_an_edit_of_somebody_whose_add_was_not_told_makes_up_for_it(scene):
    scene.tell("edit_external_contact", State="spring")
    assert scene.follows() == [("zhangsan", "active", "")]
    assert len(scene.leads()) == 1


def test_an_edit_of_a_customer_who_deleted_the_member_brings_nobody_back(scene, clock):
    scene.tell("add_external_contact")
    clock.advance(seconds=60 * 1)
    scene.tell("del_follow_user")
    clock.advance(seconds=60 * 1)
    scene.tell("edit_external_contact")
    assert scene.follows() == [("zhangsan", "lost", "customer")]


def test_a_transfer_that_failed_is_noted(scene):
    scene.tell("add_external_contact")
    scene.tell("transfer_fail", FailReason="customer_refused")
    assert scene.kept()[-1][2:] == ("done", "customer_refused")
    assert scene.follows() == [("zhangsan", "active", "")]


class Doorkeeper(Plugin):
    """Lets no lead in."""

    name = "doorkeeper"
    version = "1"
    summary = "lets no lead in"
    requires_core = ">=0.1.0.dev0,<1"

    @hookimpl
    def check_lead(self, draft) -> None:
        raise Veto("not now", "closed")


def test_a_lead_that_a_plugin_refuses_leaves_the_relation_which_is_a_fact(new_installation, deliver):
    from wecom_scene import SETTINGS, Scene

    made = new_installation(plugins=(WecomPlugin, Doorkeeper), acme=SETTINGS + "\n[plugins.doorkeeper]\n")
    scene = Scene(made, "acme", deliver)
    scene.tell("add_external_contact")
    assert (scene.follows(), scene.leads()) == ([("zhangsan", "active", "")], [])


def test_an_erased_person_leaves_nothing_and_does_not_come_back(scene, clock):
    scene.tell("add_external_contact")
    scene.tell("add_external_contact", YAN)
    with scene.brand as brand:
        found = brand.contacts.find("external_userid", ZOE)
        told = brand.privacy.export(found.id, actor="officer")
        assert ZOE in str(told["plugins"]["wecom"])
        brand.privacy.erase(found.id, actor="officer")
    clock.advance(days=1)
    scene.tell("edit_external_contact")
    scene.tell("add_external_contact", staff="lisi")
    with scene.brand:
        assert not any(ZOE in kept.body or kept.external == ZOE for kept in callbacks.page())
        assert len(follows.page()) == 1
    assert [row[2:] for row in scene.kept()[2:]] == [("refused", "suppressed")] * 2


def test_an_erased_person_is_taken_out_of_every_callback_that_names_them_and_of_those_that_come_later(scene, clock):
    def tell_of_both() -> None:
        seconds = scene.seconds()
        members = "".join(f"<Item><![CDATA[{each}]]></Item>" for each in (ZOE, YAN))
        chat = xml(CreateTime=seconds, Event="change_external_chat", ChangeType="update", ChatId="wr1", MemChangeList="@")
        scene.post(chat.replace("<![CDATA[@]]>", members))
        scene.post(xml(CreateTime=seconds, Event="something_new", Who=ZOE, Other=YAN))
        scene.post(scene.event("transfer_fail", FailReason="customer_refused"))
        scene.deliver()

    def bodies() -> list[str]:
        with scene.brand:
            return [kept.body + kept.external for kept in callbacks.page()]

    scene.tell("add_external_contact")
    scene.tell("add_external_contact", YAN)
    tell_of_both()
    assert sum(ZOE in body for body in bodies()) == 4
    with scene.brand as brand:
        brand.privacy.erase(brand.contacts.find("external_userid", ZOE).id, actor="officer")
    clock.advance(days=1)
    tell_of_both()
    assert [body for body in bodies() if ZOE in body] == []
    assert sum(YAN in body for body in bodies()) == 5  # others stay
    assert [row[2] for row in scene.kept()[2:5]] == [row[2] for row in scene.kept()[5:]] == ["done", "kept", "done"]


def test_whom_a_callback_names_is_taken_out_before_and_after_the_worker_met_it(scene):
    unionid = "o" + "z" * 27
    for word in (ZOE, unionid):
        scene.post(xml(CreateTime=scene.seconds(), Event="something_new", Who=word, Other=YAN))
    scene.deliver()
    for word in (ZOE, unionid):
        scene.post(xml(CreateTime=scene.seconds(), Event="one_more", Who=word, Other=YAN))
    with scene.brand as brand:
        named = execute("SELECT external FROM wecom_named").fetchall()
        assert sorted(named) == sorted([(ZOE,), (YAN,), (unionid,), (YAN,)])
        identities = (IdentityIn.of("external_userid", ZOE), IdentityIn.of("unionid", unionid))
        person = brand.contacts.capture_lead(LeadIn("file", identities, brand.now(), reference="1")).contact_id
        brand.privacy.erase(person, actor="officer")
        bodies = [each.body for each in callbacks.page()]
        assert [word for word in (ZOE, unionid) for body in bodies if word in body] == []
        assert all(YAN in body for body in bodies) and len(bodies) == 4
        assert execute("SELECT external FROM wecom_named").fetchall() == [(YAN,), (YAN,)]
    scene.deliver()
    with scene.brand:
        assert execute("SELECT external FROM wecom_named").fetchall() == [(YAN,)] * 4
        assert callbacks.forget(scene.brand.now() + 1) == 4
        assert execute("SELECT count(*) FROM wecom_named").fetchone() == (0,)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize("look", ["fetch_in", "execute"])
def test_who_is_erased_while_the_worker_meets_their_callbacks_is_taken_out_of_these_too(scene, monkeypatch, look):
    scene.tell("add_external_contact")
    of_her = xml(CreateTime=scene.seconds(), Event="something_new", Who=ZOE, Other=YAN)
    scene.post(scene.event("edit_external_contact") if look == "fetch_in" else of_her)
    real, met = getattr(callbacks, look), []

    def looked(sql, *more):
        found = real(sql, *more)
        if sql.startswith("SELECT") and threading.current_thread() is threading.main_thread() and not met:
            worker = threading.Thread(target=scene.deliver)
            met.append(worker)
            worker.start()
            worker.join(30)
            assert not worker.is_alive()
        return found

    with scene.brand as brand:
        zoe = brand.contacts.find("external_userid", ZOE).id
        monkeypatch.setattr(callbacks, look, looked)
        brand.privacy.erase(zoe, actor="officer")
        monkeypatch.undo()
        assert met and [each.state for each in callbacks.page()][1] != "new"
        assert [each.id for each in callbacks.page() if ZOE in each.body + each.external] == []
        assert (ZOE,) not in execute("SELECT external FROM wecom_named").fetchall()


@pytest.mark.parametrize("word", ["Event", "CDATA", "xml"])
def test_an_erased_person_whose_imported_id_is_a_word_of_callbacks_takes_none_of_their_words_along(scene, word):
    scene.tell("add_external_contact", YAN)
    with scene.brand as brand:
        before = callbacks.page()
        lead = LeadIn("file", (IdentityIn.of("unionid", word),), brand.now(), reference="1")
        brand.privacy.erase(brand.contacts.capture_lead(lead).contact_id, actor="officer")
        assert callbacks.page() == before and YAN in before[0].body


def test_people_who_are_merged_keep_their_relations(scene):
    scene.tell("add_external_contact")
    scene.tell("add_external_contact", YAN, staff="lisi")
    with scene.brand as brand:
        zoe, yan = (brand.contacts.find("external_userid", each) for each in (ZOE, YAN))
        brand.contacts.merge(zoe.id, yan.id, actor="ann", reason="one person")
        assert [(f.external, f.staff) for f in follows.of_contact(zoe.id)] == [(ZOE, "zhangsan"), (YAN, "lisi")]


# Doors --------------------------------------------------------------------------


def test_report_routes_and_commands_say_who_has_whom(scrm_app, clock):
    from wecom_scene import AES_KEY, CORP, TOKEN

    app = scrm_app(
        WecomPlugin, settings={"corp_id": CORP, "callback_token": TOKEN, "callback_aes_key": AES_KEY}
    )
    with app.brand as brand:
        inbox = brand.plugins["wecom"].inbox
        inbox.keep(
            b"<xml><CreateTime>1</CreateTime><Event>change_external_contact</Event>"
            b"<ChangeType>add_external_contact</ChangeType><UserID>zhangsan</UserID>"
            b"<ExternalUserID>" + ZOE.encode() + b"</ExternalUserID></xml>"
        )
    app.brand.deliver_twice()
    (row,) = app.brand.report("wecom")
    assert row == {"staff": "zhangsan", "came": 1, "active": 1, "half": 0, "lost": 0, "removed": 0}
    client = app.brand.client("wecom:read")
    (kept,) = client.get("plugins/wecom/callbacks").json["callbacks"]
    assert (kept["change"], kept["state"], kept["external"]) == ("add_external_contact", "done", "wmZO...0001")
    (follow,) = client.get("plugins/wecom/follows").json["follows"]
    assert (follow["staff"], follow["state"]) == ("zhangsan", "active")
    assert client.get("plugins/wecom/follows", contact=follow["contact"]).json["follows"] == [follow]
    assert "add_external_contact" in app.command("wecom", "callbacks", "acme")
    assert "zhangsan" in app.command("wecom", "follows", "acme", f"external_userid={ZOE}")
    assert "zhangsan" in app.command("wecom", "report", "acme")


def test_the_plugin_meets_the_checklist():
    from wecom_scene import AES_KEY, CORP, TOKEN

    assert_plugin_ok(
        WecomPlugin, settings={"corp_id": CORP, "callback_token": TOKEN, "callback_aes_key": AES_KEY}
    )
