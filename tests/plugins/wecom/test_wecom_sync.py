"""The full sync: every customer page by page, resumed where it stopped, nothing counted twice."""

from __future__ import annotations

import json

import pytest
from wecom_scene import YAN, ZOE, xml

from scrm_core.db.bulk import execute
from scrm_wecom import console_figures

STAFF, PAGE, LIST = (
    "externalcontact/get_follow_user_list", "externalcontact/batch/get_by_user", "externalcontact/get_corp_tag_list",
)  # fmt: skip


def corp(server, who: dict[str, list[dict]], size: int = 2) -> None:
    """Members of staff with customers, so many a page."""
    server.answers[STAFF] = [{"errcode": 0, "follow_user": list(who)}]
    server.answers[LIST] = [
        {"errcode": 0, "tag_group": [{"group_id": "g", "group_name": "level", "tag": [{"id": "et1", "name": "gold"}]}]}
    ]

    def page(asked):
        (staff,), start = asked.body["userid_list"], int(asked.body["cursor"] or 0)
        rows = who[staff][start : start + size]
        if not who[staff]:
            return {"errcode": 84061}
        more = start + size < len(who[staff])
        return {"errcode": 0, "external_contact_list": rows, "next_cursor": str(start + size) if more else ""}

    server.answers[PAGE] = [page]


def row(external: str, staff: str, since: int = 1_700_000_000, **more) -> dict:
    contact = {"external_userid": external, "name": f"N-{external[-2:]}", "type": 1}
    if "unionid" in more:
        contact["unionid"] = more.pop("unionid")
    follow = {
        "userid": staff, "createtime": since, "state": more.pop("state", ""), "tag_id": more.pop("tags", []), **more,
    }  # fmt: skip
    return {"external_contact": contact, "follow_info": follow}


def sync(scene, seconds: float = 60.0):
    with scene.brand as brand:
        full = brand.plugins["wecom"].wecom.full_sync
        full.begin()
        return full.run(seconds)


def test_every_customer_of_every_member_is_taken_with_names_tags_and_channels(calling, server):
    with calling.brand as brand:
        brand.channels.create("spring")
    corp(
        server,
        {
            "lisi": [row(f"wm{n:02}", "lisi") for n in range(5)],
            "wang": [],
            "zhangsan": [row("wm00", "zhangsan", state="spring", tags=["et1"], unionid="u0")],
        },
    )
    view = sync(calling)
    assert (view.state, view.staff, view.staff_done, view.relations) == ("done", 3, 3, 6)
    with calling.brand as brand:
        person = brand.contacts.find("unionid", "u0")
        assert (person.name, person.lead_at) == ("N-00", 1_700_000_000_000)
        assert [(tag.name, tag.origin) for tag in brand.tags.of(person.id)] == [("gold", "synced")]
        assert execute("SELECT count(*) FROM wecom_follow WHERE state = 'active'").fetchone() == (6,)
    assert len(calling.leads()) == 6
    assert calling.said("added") == []  # history: nobody is rewarded for it


def test_an_add_of_the_last_day_that_was_not_told_is_told_by_the_sync_once(calling, server, clock):
    came = calling.seconds() - 3_600
    corp(server, {"zhangsan": [row(ZOE, "zhangsan", since=came, state="spring"), row(YAN, "zhangsan", since=came - 86_400)]})
    told = {"Event": "change_external_contact", "ChangeType": "add_external_contact", "UserID": "zhangsan"}
    add = xml(CreateTime=came + 1, **told, ExternalUserID=ZOE, State="spring", WelcomeCode="W1")
    sync(calling)
    assert calling.said("added") == [{"staff": "zhangsan", "state": "spring", "half": 0, "again": 0}]
    with calling.brand:
        rows = execute("SELECT at, backfill FROM event WHERE type = 'lead.captured' ORDER BY at").fetchall()
    assert rows == [((came - 86_400) * 1_000, 1), (came * 1_000, 0)]  # older ones are history: nobody is rewarded now
    for _ in range(2):  # it is told at last, with a second of its own, and again; and another sync runs
        assert calling.post(add).status_code == 200
        calling.deliver()
        sync(calling)
    assert (len(calling.leads()), len(calling.said("added"))) == (2, 1)
    with calling.brand:
        assert execute("SELECT count(*) FROM message").fetchone() == (0,)


def test_who_left_and_added_anew_unheard_is_a_lead_again_by_the_time_that_wecom_tells(calling, server, clock):
    calling.tell("add_external_contact", State="spring")
    clock.advance(days=3)
    anew = calling.seconds() - 60
    corp(server, {"zhangsan": [row(ZOE, "zhangsan", since=anew, state="autumn")]})
    for _ in range(2):
        sync(calling)
    assert calling.leads() == [("spring", "zhangsan", True), ("autumn", "zhangsan", False)]
    assert calling.follows() == [("zhangsan", "active", "")]
    assert [(each["staff"], each["by"]) for each in calling.said("lost")] == [("zhangsan", "sync")]
    assert [each["again"] for each in calling.said("added")] == [0, 1]


def test_who_was_missed_by_a_page_and_is_shown_by_the_next_sync_is_had_again_and_no_lead(calling, server, clock):
    calling.tell("add_external_contact")
    clock.advance(days=1)
    came = calling.seconds() - 86_400
    corp(server, {"zhangsan": [row(YAN, "zhangsan", since=came)]})
    sync(calling)
    assert calling.follows() == [("zhangsan", "lost", "sync")]
    clock.advance(days=1)
    corp(server, {"zhangsan": [row(YAN, "zhangsan", since=came), row(ZOE, "zhangsan", since=came)]})
    sync(calling)
    assert calling.follows() == [("zhangsan", "active", "")]
    assert len(calling.leads()) == 2


def test_who_was_found_missing_and_added_anew_unheard_was_lost_once(calling, server, clock):
    calling.tell("add_external_contact", State="spring")
    clock.advance(days=1)
    corp(server, {"zhangsan": [row(YAN, "zhangsan")]})
    sync(calling)
    clock.advance(days=1)
    corp(server, {"zhangsan": [row(YAN, "zhangsan"), row(ZOE, "zhangsan", since=calling.seconds() - 3_600, state="autumn")]})
    sync(calling)
    assert calling.follows() == [("zhangsan", "active", "")]
    assert [state for state, *_ in calling.leads()] == ["spring", "", "autumn"]
    assert [(each["staff"], each["by"], each["left"]) for each in calling.said("lost")] == [("zhangsan", "sync", 0)]
    assert [each["again"] for each in calling.said("added")] == [0, 1]


def test_a_customer_whom_a_colleague_handed_over_is_no_lead_of_a_sync(calling, server):
    corp(server, {"zhangsan": [row(ZOE, "zhangsan", state="spring")], "lisi": [row(ZOE, "lisi", add_way=202), row(YAN, "lisi", add_way=202)]})
    for _ in range(2):
        sync(calling)
    assert calling.leads() == [("spring", "zhangsan", True)]
    assert sorted(calling.follows()) == [("lisi", "active", ""), ("zhangsan", "active", "")]
    assert calling.follows(YAN) == [("lisi", "active", "")]


@pytest.mark.parametrize("nobody", ["", "   ", "\u200b", 7, None])
def test_members_without_an_id_that_can_be_seen_are_no_members(calling, server, nobody):
    corp(server, {"zhangsan": [row(ZOE, "zhangsan")]})
    server.answers[STAFF] = [{"errcode": 0, "follow_user": ["zhangsan", nobody]}]
    sync(calling)
    if isinstance(nobody, str):
        calling.tell("add_external_contact", YAN, staff=nobody)
        calling.tell("del_follow_user", YAN, staff=nobody)
        assert [state for _, _, state, _ in calling.kept()] == ["refused", "refused"]
    with calling.brand:
        assert [each["staff"] for each in console_figures.members(0, 50)] == ["zhangsan"]


def test_a_long_cursor_is_given_back_whole_and_one_that_is_too_long_ends_the_turn_loudly(calling, server):
    cursor = f"  a/{'b+' * 1_000}=="
    pages = [
        {"errcode": 0, "external_contact_list": [row(ZOE, "zhangsan")], "next_cursor": cursor},
        {"errcode": 0, "external_contact_list": [row(YAN, "zhangsan")], "next_cursor": "x" * 5_000},
        {"errcode": 0, "external_contact_list": [row(YAN, "zhangsan")], "next_cursor": ""},
    ]
    corp(server, {"zhangsan": []})
    server.answers[PAGE] = pages
    view = sync(calling)
    assert (view.state, "5000 characters" in view.error) == ("running", True)
    view = sync(calling)
    assert (view.state, view.relations) == ("done", 2)
    assert [each.body["cursor"] for each in server.asked if each.api == PAGE] == ["", cursor, cursor]


@pytest.mark.parametrize(("cursor", "why"), [
    ("a\0b", "cannot be written"), ("\ud800", "cannot be written"), ("c1", "the one that was asked with"),
], ids=["nul", "surrogate", "same"])  # fmt: skip
def test_a_cursor_that_leads_no_further_ends_the_turn_loudly_and_the_job_goes_on(calling, server, clock, cursor, why):
    clock.advance(hours=4)  # noon: quiet hours keep nothing of the job
    corp(server, {"zhangsan": []})
    pages = [
        {"errcode": 0, "external_contact_list": [row(ZOE, "zhangsan")], "next_cursor": "c1"},
        {"errcode": 0, "external_contact_list": [row(YAN, "zhangsan")], "next_cursor": cursor},
    ]
    server.answers[PAGE] = [json.dumps(each).encode() for each in pages]
    view = sync(calling)
    assert (view.state, why in view.error, view.relations) == ("running", True, 1)
    with calling.brand as brand:
        wecom = brand.plugins["wecom"]
        wecom.wecom.moments.post("a", {"text": "x"}, actor="ann")
        wecom.work()
        assert wecom.wecom.moments.get("a").state != "waiting"
        assert any("the full sync waits" in each and why in each for each in wecom.brand_warnings())
    assert [each.body["cursor"] for each in server.asked if each.api == PAGE] == ["", "c1", "c1"]
    server.answers[PAGE] = [{"errcode": 0, "external_contact_list": [row(YAN, "zhangsan")], "next_cursor": ""}]
    view = sync(calling)
    assert (view.state, view.relations, view.error) == ("done", 2, "")


def test_a_member_whose_pages_do_not_end_is_passed_over_and_told_and_loses_nobody(calling, server, monkeypatch):
    corp(server, {"lisi": [row("wm00", "lisi"), row("wm01", "lisi")], "zhangsan": [row("wm09", "zhangsan")]})
    sync(calling)
    good = server.answers[PAGE][0]

    def page(asked):
        endless = {"errcode": 0, "external_contact_list": [row("wm00", "lisi")]}
        went = int(asked.body["cursor"] or 0) + 1
        return endless | {"next_cursor": str(went)} if asked.body["userid_list"] == ["lisi"] else good(asked)

    server.answers[PAGE] = [page]
    monkeypatch.setattr("scrm_wecom.sync.MOST_PAGES", 5)
    before = len(server.calls(PAGE))
    view = sync(calling)
    assert (view.state, view.staff_done, view.skipped, len(server.calls(PAGE)) - before) == ("done", 2, 1, 6)
    assert calling.follows("wm01") == [("lisi", "active", "")]
    with calling.brand as brand:
        (warning,) = brand.plugins["wecom"].brand_warnings()
    assert "lisi" in warning and "the pages do not end" in warning


def test_a_second_sync_changes_nothing(calling, server):
    corp(server, {"lisi": [row("wm1", "lisi", tags=["et1"]), row("wm2", "lisi")]})
    sync(calling)
    before = len(calling.told("lead.captured")), len(calling.told("tag.added"))
    assert sync(calling).state == "done"
    assert (len(calling.told("lead.captured")), len(calling.told("tag.added"))) == before


def test_adds_that_were_told_are_not_counted_again(calling, server):
    calling.tell("add_external_contact", State="spring")
    corp(server, {"zhangsan": [row(ZOE, "zhangsan", since=calling.seconds() - 1), row(YAN, "zhangsan")]})
    sync(calling)
    assert len(calling.leads()) == 2
    calling.tell("add_external_contact", YAN)
    assert len(calling.leads()) == 2


def test_a_sync_that_is_cut_off_goes_on_where_it_stopped(calling, server):
    corp(server, {"lisi": [row(f"wm{n:02}", "lisi") for n in range(7)]})
    good = server.answers[PAGE][0]
    server.answers[PAGE] = [good, good, lambda asked: None, lambda asked: None, lambda asked: None, lambda asked: None, good]
    view = sync(calling)
    assert (view.state, view.relations) == ("running", 4)
    assert "no whole answer" in view.error
    asked = len(server.calls(PAGE))
    view = sync(calling)
    assert (view.state, view.relations, view.error) == ("done", 7, "")
    assert [e.body["cursor"] for e in server.asked if e.api == PAGE][asked:] == ["4", "6"]
    assert len(calling.leads()) == 7


def test_a_sync_waits_out_45009(calling, server, clock):
    corp(server, {"lisi": [row("wm1", "lisi")]})
    good = server.answers[PAGE][0]
    server.answers[PAGE] = [{"errcode": 45009}, good]
    assert sync(calling).state == "running"
    assert sync(calling).state == "running"
    assert len(server.calls(PAGE)) == 1
    clock.advance(seconds=60)
    assert sync(calling).state == "done"


@pytest.mark.parametrize("errcode", [60111, 40003, 50002])
def test_a_member_who_leaves_in_mid_sync_is_passed_over_and_told_and_loses_nobody(calling, server, errcode):
    corp(server, {"lisi": [row(f"wm{n:02}", "lisi") for n in range(3)], "zhangsan": [row("wm09", "zhangsan")]})
    sync(calling)
    good = server.answers[PAGE][0]

    def page(asked):
        left = asked.body["userid_list"] == ["lisi"] and asked.body["cursor"] == "2"
        return {"errcode": errcode} if left else good(asked)

    server.answers[PAGE] = [page]
    view = sync(calling)
    assert view.state == "done"
    assert (view.staff, view.staff_done, view.skipped) == (2, 2, 1)
    assert calling.follows("wm02") == [("lisi", "active", "")]
    with calling.brand as brand:
        (warning,) = brand.plugins["wecom"].brand_warnings()
    assert "lisi" in warning and str(errcode) in warning
    corp(server, {"zhangsan": [row("wm09", "zhangsan")]})
    assert sync(calling).skipped == 0
    with calling.brand as brand:
        assert list(brand.plugins["wecom"].brand_warnings()) == []


def test_the_job_goes_on_with_a_sync(calling, server):
    corp(server, {"lisi": [row("wm1", "lisi")]})
    with calling.brand as brand:
        brand.plugins["wecom"].wecom.full_sync.begin()
        brand.plugins["wecom"].work()
    assert len(calling.leads()) == 1


def test_relations_that_no_page_shows_have_ended_and_those_of_the_customer_s_stay_so(calling, server, clock):
    calling.tell("add_external_contact")
    calling.tell("add_external_contact", YAN)
    clock.advance(seconds=60 * 1)
    calling.tell("del_follow_user", YAN)
    clock.advance(seconds=60 * 1)
    # WeCom still shows whom the customer left: the member has them one-sidedly.
    corp(server, {"zhangsan": [row(YAN, "zhangsan", since=calling.seconds() - 120)]})
    sync(calling)
    assert calling.follows(ZOE) == [("zhangsan", "lost", "sync")]
    assert calling.follows(YAN) == [("zhangsan", "lost", "customer")]


def test_who_added_again_unheard_is_found(calling, server, clock):
    calling.tell("add_external_contact")
    clock.advance(seconds=60 * 1)
    calling.tell("del_follow_user")
    clock.advance(days=1)
    corp(server, {"zhangsan": [row(ZOE, "zhangsan", since=calling.seconds() - 10)]})
    sync(calling)
    assert calling.follows(ZOE) == [("zhangsan", "active", "")]


def test_an_erased_person_does_not_come_back_by_a_sync(calling, server):
    corp(server, {"lisi": [row("wm1", "lisi"), row("wm2", "lisi")]})
    sync(calling)
    with calling.brand as brand:
        brand.privacy.erase(brand.contacts.find("external_userid", "wm1").id, actor="officer")
    sync(calling)
    with calling.brand as brand:
        assert brand.contacts.find("external_userid", "wm1") is None
        assert execute("SELECT external FROM wecom_follow").fetchall() == [("wm2",)]


SOURCE = """
def run(brand, worker):
    full = brand.plugins["wecom"].wecom.full_sync
    return full.run(60.0).state
"""


def test_processes_that_work_on_one_sync_take_each_customer_once(calling, server, together):
    corp(server, {staff: [row(f"wm{staff}{n:02}", staff) for n in range(9)] for staff in ("a", "b", "c")})
    with calling.brand as brand:
        brand.plugins["wecom"].wecom.full_sync.begin()
    assert together(calling.installation, SOURCE, 3) == ["done"] * 3
    with calling.brand:
        assert execute("SELECT count(*) FROM wecom_sync").fetchone() == (1,)
        assert execute("SELECT sum(customers) FROM wecom_stretch").fetchone()[0] == 27
    assert len(calling.leads()) == 27


RACE = """
from scrm_core.api import transactional


def run(brand, worker):
    wecom = brand.plugins["wecom"].wecom
    if worker == 0:
        return wecom.full_sync.run(60.0).state

    @transactional
    def told(external, state):
        wecom.follows.added(external, "lisi", (1_700_000_000 + worker) * 1_000, source=state)

    for n in range(24):
        told(f"wm{n:02}", "spring")
    return "done"
"""


def test_processes_that_tell_an_add_with_a_second_of_their_own_while_a_sync_finds_it_have_it_counted_once(
    calling, server, together
):
    corp(server, {"lisi": [row(f"wm{n:02}", "lisi", state="spring") for n in range(24)]})
    with calling.brand as brand:
        brand.plugins["wecom"].wecom.full_sync.begin()
    assert together(calling.installation, RACE, 3) == ["done"] * 3
    with calling.brand:
        leads = execute("SELECT contact_id, count(*) FROM event WHERE type = 'lead.captured' GROUP BY contact_id").fetchall()
    assert (len(leads), {count for _, count in leads}) == (24, {1})


def test_the_command_shows_progress_and_stops(calling, server, capsys):
    corp(server, {"lisi": [row("wm1", "lisi")]})
    with calling.brand as brand:
        full = brand.plugins["wecom"].wecom.full_sync
        full.begin()
        full.stop()
        with pytest.raises(Exception, match="no sync runs"):
            full.stop()
    assert sync(calling).state == "done"
