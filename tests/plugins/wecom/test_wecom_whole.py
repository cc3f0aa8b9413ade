"""The plugin against the simulator over HTTP both ways: what people do in WeCom becomes facts, and back."""

from __future__ import annotations

from typing import Any

import pytest
from wecom_scene import CORP

from scrm_core.api import IdentityIn
from scrm_core.db.bulk import execute

SPOILINGS = ("signature", "token", "receiver", "ciphertext", "xml", "entities", "stale", "future")


def test_a_scan_becomes_a_lead_with_name_welcome_and_channel(whole):
    with whole.brand as brand:
        brand.channels.create("card-a")
        brand.plugins["wecom"].wecom.greetings.put({"text": "欢迎"}, channel="card-a")
    config = whole.way("staff001", "staff002", state="card-a")
    whole.act("scan", config_id=config, person="p500")
    whole.work()
    found = whole.contact("p500")
    assert (found.lead_channel, bool(found.name)) == ("card-a", True)
    with whole.brand as brand:
        assert "unionid" in {each.kind for each in brand.contacts.identities(found.id)}
    assert whole.welcomes() == ["欢迎"]
    assert [lead[0] for lead in whole.leads()] == ["card-a"]


def test_a_member_who_scans_for_the_first_time_is_welcomed_as_one(whole):
    corp = whole.simulator.corp(CORP)
    unionid = corp.people.unionid(corp.account.open_account, corp.people.number("p500"))
    with whole.brand as brand:
        known = brand.contacts.resolve((IdentityIn.of("unionid", unionid),), at=brand.now(), origin="mini program")
        brand.membership.join(known.contact_id, "gold", at=brand.now())
        for audience in ("", "buyer", "member"):
            brand.plugins["wecom"].wecom.greetings.put({"text": audience or "general"}, audience=audience)
    config = whole.way("staff001", state="door")
    for person in ("p500", "p501"):
        whole.act("scan", config_id=config, person=person)
    with whole.brand as brand:
        brand.outreach.drain()
    assert sorted(whole.welcomes()) == ["general", "member"]
    assert whole.contact("p500").id == known.contact_id
    whole.work()
    assert (len(whole.leads()), len(whole.welcomes())) == (2, 2)


def test_the_openid_at_the_corporation_links_who_signed_in_before(whole):
    wecom = whole.brand.plugins["wecom"].wecom
    wecom.settings = {**wecom.settings, "openids": True}
    openid = "o" + whole.simulator.people.unionid(f"corp:{CORP}", whole.simulator.people.number("p777"))[1:]
    with whole.brand as brand:
        came = brand.contacts.resolve((IdentityIn.of("openid", openid, CORP),), at=brand.now(), origin="page")
    for person in ("p777", "p778"):
        whole.act("add", userid="staff001", person=person)
    whole.work()
    assert whole.contact("p777").id == came.contact_id != whole.contact("p778").id
    whole.act("edit", userid="staff001", person="p777", remark="x")
    whole.work()
    asked = [each.api for each in whole.simulator.calls if each.api.endswith("convert_to_openid")]
    assert len(asked) == 2  # once for each customer, however often they are read


@pytest.mark.parametrize("half", ["no", "then_full"])
def test_a_scan_with_and_without_verification_is_one_lead_and_one_welcome(whole, half):
    with whole.brand as brand:
        brand.plugins["wecom"].wecom.greetings.put({"text": "hello"})
    config = whole.way("staff001", state="s")
    whole.act("scan", config_id=config, person="p501", half=half)
    whole.work()
    assert (len(whole.leads()), whole.welcomes(), len(whole.follows(whole.external("p501")))) == (1, ["hello"], 1)


@pytest.mark.parametrize("how", SPOILINGS)
def test_a_spoilt_callback_is_refused_three_times_and_leaves_nothing(whole, how):
    whole.simulator.outbox.spoil(how, 1)
    whole.act("add", userid="staff001", person="p502")
    (callback,) = list(whole.simulator.outbox.kept)
    assert {each.status for each in callback.tries} <= {400, 403}
    assert (callback.state, whole.kept(), whole.leads()) == ("failed", [], [])


@pytest.mark.parametrize("seconds", [5, 61])
def test_events_that_come_twice_and_the_wrong_way_round_end_alike(whole, clock, seconds):
    configs = [whole.way("staff001", state=state) for state in ("s1", "s2")]
    whole.simulator.outbox.hold()
    for name, more in (
        ("scan", {"config_id": configs[0]}), ("customer_deletes", {"userid": "staff001"}), ("scan", {"config_id": configs[1]}),
    ):
        whole.simulator.act(CORP, name, {"person": "p503", **more})
        clock.advance(seconds=seconds)
    whole.simulator.outbox.release(order="reversed", copies=3)
    whole.work()
    assert [row[1] for row in whole.follows(whole.external("p503"))] == ["active"]
    assert len(whole.kept()) == 3
    assert sorted(lead[0] for lead in whole.leads()) == ["s1", "s2"]
    assert len(whole.said("lost")) == 1
    whole.synced()
    assert len([lead for lead in whole.told("lead.captured") if lead["state"]]) == 2


def test_many_who_add_in_one_second_are_all_there(whole):
    for number in range(600, 620):
        whole.simulator.act(CORP, "add", {"userid": "staff001", "person": f"p{number}"})
    whole.deliver()
    assert len(whole.leads()) == 20


def test_a_kind_of_event_that_nobody_knows_is_kept(whole):
    whole.act("emit", event="something_new", fields={"ChangeType": "x", "Thing": "y"})
    assert whole.kept() == [("something_new", "x", "kept", "nobody here knows this kind")]


def test_everybody_is_taken_by_the_full_sync_also_when_the_token_is_taken_back_in_mid_run(whole):
    pages: list[int] = []

    def told(view: Any) -> None:
        pages.append(view.relations)
        if len(pages) == 1:
            whole.simulator.revoke(CORP)

    with whole.brand as brand:
        full = brand.plugins["wecom"].wecom.full_sync
        full.begin()
        view = full.run(60.0, told)
        rows = execute("SELECT count(DISTINCT external) FROM wecom_follow WHERE state = 'active'").fetchone()
    assert (view.state, rows) == ("done", (10,))
    tokens = [each for each in whole.simulator.calls if each.api == "gettoken"]
    assert len(tokens) == 2


def test_45009_for_a_minute_in_a_sync_is_waited_out(whole, clock):
    page = "externalcontact/batch/get_by_user"
    with whole.brand as brand:
        full = brand.plugins["wecom"].wecom.full_sync
        full.begin()
        whole.simulator.fault("errcode", 45009, api=page, seconds=60)
        assert full.run(60.0).state == "running"
        asked = len([each for each in whole.simulator.calls if each.api == page])
        assert full.run(60.0).state == "running"
        assert len([each for each in whole.simulator.calls if each.api == page]) == asked == 1
        clock.advance(seconds=61)
        assert full.run(60.0).state == "done"


def test_tags_go_both_ways_and_come_back_as_no_news(whole):
    with whole.brand as brand:
        full = brand.plugins["wecom"].wecom.full_sync
        full.begin()
        full.run(60.0)
        names = {row[0] for row in execute("SELECT name FROM wecom_tag").fetchall()}
        group, name = execute("SELECT group_name, name FROM wecom_tag ORDER BY id LIMIT 1").fetchone()
    assert names
    whole.deliver()
    staff = next(row[0] for row in whole.follows(whole.external("p0")) if row[1] == "active")
    with whole.brand as brand:
        brand.tags.define("own", "vip", plan="x")
        brand.tags.add(whole.contact("p0").id, ("own", "vip"), origin="manual", actor="ann")
    whole.act("tag", userid=staff, person="p0", add=[name])
    whole.work()
    assert whole.tag_names("p0")[name] == "synced"
    whole.act("tag", userid=staff, person="p0", remove=[name])
    whole.work()
    assert name not in whole.tag_names("p0")
    assert whole.tag_names("p0")["vip"] == "manual"
    with whole.brand as brand:
        brand.tags.add(whole.contact("p0").id, (group, name), origin="manual", actor="ann")
    whole.deliver()
    whole.work()
    heard = len(whole.kept())
    corp = whole.simulator.corp(CORP)
    pair = corp.pairs.get(staff, whole.simulator.people.number("p0"))
    assert name in [tag.name for _, tag in corp.tags_of(pair)]
    assert len(whole.kept()) == heard


def test_a_group_send_is_delivered_to_whom_staff_confirm_it(whole, clock):
    for person in ("p505", "p506"):
        whole.act("add", userid="staff001", person=person)
    with whole.brand as brand:
        sends = brand.plugins["wecom"].wecom.sends
        sends.open("may", {"text": "五月新茶"}, expression="orders = 0", kind="notice")
        sends.start("may")
        brand.outreach.drain()
    (msgid,) = whole.simulator.corp(CORP).group_sends
    clock.advance(hours=1)
    whole.work()
    with whole.brand as brand:
        assert {state for state, _ in brand.outreach.counts(sends.get("may").run.id)} == {"sent"}
    whole.act("confirm", msgid=msgid, userid="staff001")
    clock.advance(hours=1)
    whole.work()
    with whole.brand as brand:
        assert brand.outreach.counts(sends.get("may").run.id) == {("delivered", ""): 2}


def test_a_moment_is_made_for_the_staff_to_publish(whole, clock):
    clock.advance(hours=2)  # 10:00 in Shanghai: no quiet hours
    with whole.brand as brand:
        brand.plugins["wecom"].wecom.moments.post("may", {"text": "五月新茶"})
    for _ in range(3):
        whole.work()
        clock.advance(seconds=61)
    with whole.brand as brand:
        found = brand.plugins["wecom"].wecom.moments.get("may")
    assert found.state == "made"
    assert [each["moment_id"] for each in whole.noted("add_moment_task")] == [found.moment_id]


def test_a_chat_group_comes_with_its_customers(whole, clock):
    whole.simulator.act(CORP, "add", {"userid": "staff001", "person": "p504"})
    made = whole.act("create_group", owner="staff001", name="妈妈群")
    whole.act("join_group", chat_id=made.id, who=["p504"])
    clock.advance(seconds=5)
    whole.work()
    with whole.brand as brand:
        (group,) = brand.groups.page()
        assert (group.name, group.owner) == ("妈妈群", "staff001")
        assert [stay.left_at for stay in brand.groups.of(whole.contact("p504").id)] == [None]
