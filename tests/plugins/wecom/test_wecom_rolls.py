"""The roll of chat groups: what callbacks did not tell is found by WeCom's list, and nothing is dismissed unasked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from staff_desk import desks
from wecom_scene import CORP, Scene
from wecom_whole import AT, OTHER, Whole, held

from scrm_core.api import execute
from scrm_wecom import sync
from scrm_wecom.client.calls import Calls
from scrm_wecom.rolls import Roll
from scrm_wecom.simulator.api import ENDPOINTS
from scrm_wecom.simulator.api import groups as listing

RELATIONS = 13
"""Of acme's ten customers, some of whom have two members."""

LIST, GET, STAFF = "externalcontact/groupchat/list", "externalcontact/groupchat/get", "externalcontact/get_follow_user_list"


@pytest.fixture
def whole(staffed) -> Whole:
    """Acme and moonco with a corporation each, which loses every callback."""
    made: Whole = staffed()
    return made


@pytest.fixture
def desk(whole, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    return desks(whole.installation, monkeypatch)


@pytest.fixture
def moonco(whole, deliver) -> Scene:
    return Scene(whole.installation, "moonco", deliver)


def group(whole: Whole, *who: str, name: str = "", owner: str = "staff001", corp: str = CORP) -> str:
    """A chat group that the simulator makes; nobody hears of it."""
    act = whole.simulator.act
    chat: str = act(corp, "create_group", {"owner": owner, "name": name}).id
    if who:
        act(corp, "join_group", {"chat_id": chat, "who": list(who)})
    return chat


def synced(scene: Scene) -> sync.SyncView:
    """A full sync, as far as it comes now."""
    with scene.brand as brand:
        full = brand.plugins["wecom"].wecom.full_sync
        full.begin()
        return full.run(60)


def worked(scene: Scene, clock: Any, minutes: int = 1) -> None:
    """The job of some minutes."""
    for _ in range(minutes):
        clock.advance(seconds=60)
        with scene.brand as brand:
            brand.plugins["wecom"].work()


def tidied(scene: Scene) -> None:
    with scene.brand as brand:
        brand.plugins["wecom"].tidy()


def groups(scene: Scene) -> dict[str, tuple[str, int]]:
    """Chat groups that the brand knows: name and how many customers are in each."""
    with scene.brand as brand:
        return {each.code: (each.name, each.members) for each in brand.groups.page(limit=200)}


def warnings(scene: Scene) -> list[str]:
    with scene.brand as brand:
        return list(brand.plugins["wecom"].brand_warnings())


def asked(whole: Whole, api: str, corp: str = CORP) -> int:
    return len([each for each in whole.simulator.calls if (each.api, each.corpid) == (api, corp)])


def test_groups_older_than_the_installation_come_with_a_full_sync_to_their_own_brand(whole, moonco, clock):
    mothers, fathers = group(whole, "p1", "p2", name="妈妈群"), group(whole, name="爸爸群", owner="staff002")
    theirs = group(whole, "p100", name="moon", corp=OTHER)
    view = synced(whole)
    assert (view.state, view.chats, view.chats_waiting, view.chats_error) == ("done", 2, 2, "")
    worked(whole, clock)
    assert groups(whole) == {mothers: ("妈妈群", 2), fathers: ("爸爸群", 0)}
    assert (sync_now(whole).chats_waiting, groups(moonco)) == (0, {})
    synced(moonco)
    worked(moonco, clock)
    assert groups(moonco) == {theirs: ("moon", 1)}


def sync_now(scene: Scene) -> sync.SyncView:
    with scene.brand:
        found = sync.latest()
    assert found is not None
    return found


def test_a_lost_change_of_a_known_group_is_made_up_for_by_the_next_sync(whole, clock):
    chat = group(whole, "p1", "p2", name="a")
    synced(whole)
    worked(whole, clock)
    whole.simulator.act(CORP, "leave_group", {"chat_id": chat, "who": ["p1"]})
    whole.simulator.act(CORP, "change_group", {"chat_id": chat, "name": "b"})
    synced(whole)
    worked(whole, clock)
    assert groups(whole) == {chat: ("b", 1)}
    with whole.brand as brand:
        assert [stay.left_at is None for stay in brand.groups.of(whole.contact("p1").id)] == [False]


def test_a_group_whose_dismissal_was_lost_is_dismissed_once_and_not_asked_for_again(whole, clock):
    gone, stays = group(whole, "p1"), group(whole, "p2")
    synced(whole)
    worked(whole, clock)
    whole.simulator.act(CORP, "dismiss_group", {"chat_id": gone})
    synced(whole)
    worked(whole, clock)
    assert {chat: members for chat, (_, members) in groups(whole).items()} == {gone: 0, stays: 1}
    before = asked(whole, GET)
    synced(whole)
    worked(whole, clock)
    assert (asked(whole, GET) - before, sync_now(whole).chats_waiting, warnings(whole)) == (1, 0, [])


def test_a_group_that_wecom_merely_does_not_show_stays_as_it_was(whole, clock):
    chat = group(whole, "p1", "p2", owner="staff003")
    synced(whole)
    worked(whole, clock)
    app = whole.simulator.app(CORP)
    app.account = replace(app.account, visible=frozenset({"staff001", "staff002"}))
    synced(whole)
    worked(whole, clock, 2)
    assert (groups(whole), sync_now(whole).state) == ({chat: ("", 2)}, "done")
    before = asked(whole, GET)
    worked(whole, clock, 20)
    assert (asked(whole, GET) - before, sync_now(whole).chats_waiting) == (0, 0)  # nobody asks on and on


@pytest.mark.parametrize("errcode", [48002, 84074, 60011, 40058])
def test_a_corporation_that_refuses_to_list_groups_has_its_customers_synced_and_says_why(whole, moonco, clock, errcode):
    chat = group(whole, "p1")
    synced(whole)
    worked(whole, clock)
    group(whole, corp=OTHER)
    whole.simulator.fault("errcode", errcode, api=LIST, corpid=CORP)
    view = synced(whole)
    assert (view.state, view.error, view.staff_done, str(errcode) in view.chats_error) == ("done", "", 3, True)
    (warning,) = warnings(whole)
    assert "chat groups are not compared" in warning and str(errcode) in warning
    worked(whole, clock)
    assert groups(whole) == {chat: ("", 1)}
    assert (synced(moonco).chats, warnings(moonco)) == (1, [])
    whole.simulator.clear_faults()
    tidied(whole)  # the next day it is tried again by itself
    worked(whole, clock)
    assert warnings(whole) == []


@pytest.mark.parametrize(("kind", "value"), [("errcode", 45009), ("errcode", -1), ("errcode", 60020), ("empty", 0)])
def test_a_hindrance_in_mid_list_is_waited_out_and_the_list_goes_on_where_it_was(whole, clock, monkeypatch, kind, value):
    monkeypatch.setattr("scrm_wecom.client.api.RESULTS", 2)
    monkeypatch.setattr("scrm_wecom.client.calls.PAUSES", (0, 0, 0))
    chats = {group(whole) for _ in range(5)}
    with whole.brand as brand:
        full = brand.plugins["wecom"].wecom.full_sync
        full.begin()

        def told(view: sync.SyncView) -> None:
            if view.chats == 2:
                whole.simulator.fault(kind, value, api=LIST)

        view = full.run(60, told)
    assert (view.state, view.chats, bool(view.error), view.relations) == ("running", 2, True, RELATIONS)
    whole.simulator.clear_faults()
    before = asked(whole, LIST)
    worked(whole, clock, 3)
    view = sync_now(whole)
    assert (view.state, view.chats, view.error) == ("done", 5, "")
    assert (asked(whole, LIST) - before, set(groups(whole))) == (2, chats)


KILLED = """
import os

from scrm_wecom.client import api


def run(brand, worker):
    api.RESULTS = 2
    full = brand.plugins["wecom"].wecom.full_sync
    full.run(60.0, lambda view: os._exit(9) if view.chats == 4 else None)
"""


def test_a_process_that_is_killed_in_mid_list_leaves_the_rest_to_the_next(whole, clock, together, monkeypatch):
    chats = {group(whole) for _ in range(7)}
    clock.set(time.time_ns() // 1_000_000)  # the machine's, by which the other process goes
    with whole.brand as brand:
        brand.plugins["wecom"].wecom.full_sync.begin()
    with pytest.raises(AssertionError, match="exit code 9"):
        together(whole.installation, KILLED, 1)
    assert (sync_now(whole).state, sync_now(whole).chats) == ("running", 4)
    monkeypatch.setattr("scrm_wecom.client.api.RESULTS", 2)
    before = asked(whole, LIST)
    worked(whole, clock, 2)
    assert (sync_now(whole).state, set(groups(whole)), asked(whole, LIST) - before) == ("done", chats, 2)


SOURCE = """
from scrm_wecom.client import api


def run(brand, worker):
    api.RESULTS = 2
    return brand.plugins["wecom"].wecom.full_sync.run(60.0).state
"""


def test_processes_that_list_groups_together_count_and_read_each_once(whole, clock, together):
    chats = {group(whole) for _ in range(9)}
    clock.set(time.time_ns() // 1_000_000)
    with whole.brand as brand:
        brand.plugins["wecom"].wecom.full_sync.begin()
    assert together(whole.installation, SOURCE, 3) == ["done"] * 3
    view = sync_now(whole)
    assert (view.chats, view.chats_waiting) == (9, 9)
    worked(whole, clock)
    assert (set(groups(whole)), asked(whole, GET)) == (chats, 9)
    with whole.brand:
        assert execute("SELECT count(*) FROM wecom_roll").fetchone() == (1,)


def listed_by(monkeypatch: pytest.MonkeyPatch, page: Callable[[str], tuple[list[str], str]]) -> list[str]:
    """Have lists answered with the chats and the next cursor that ``page`` gives for a cursor; returns those asked.

    Not by the simulator, which writes nothing that is no text.
    """
    cursors: list[str] = []
    read = Calls.read

    def answered(calls: Calls, api: str, params: Any = None, body: Any = None, until: float | None = None) -> Any:
        if api != LIST:
            return read(calls, api, params, body, until)
        cursors.append(body["cursor"])
        chats, cursor = page(body["cursor"])
        return {"group_chat_list": [{"chat_id": each, "status": 0} for each in chats], "next_cursor": cursor}

    monkeypatch.setattr(Calls, "read", answered)
    return cursors


@pytest.mark.parametrize(("cursor", "why"), [
    ("a\0b", "cannot be written"), ("\ud800", "cannot be written"), ("c1", "the one that was asked with"),
], ids=["nul", "surrogate", "same"])  # fmt: skip
def test_a_cursor_that_leads_no_further_ends_the_list_with_its_reason(whole, moonco, clock, monkeypatch, cursor, why):
    chat = group(whole, "p1")
    with monkeypatch.context() as patch:
        listed_by(patch, lambda asked: ([chat], cursor if asked else "c1"))
        view = synced(whole)
        assert (view.state, view.error, view.chats, why in view.chats_error) == ("done", "", 1, True)
        worked(whole, clock)
        assert groups(whole) == {chat: ("", 1)}
        tidied(whole)  # the day's meets it too, and nothing of the job is lost by that
        worked(whole, clock)
        (warning,) = warnings(whole)
        assert "chat groups are not compared" in warning and why in warning
    assert (warnings(moonco), groups(moonco)) == ([], {})
    tidied(whole)
    worked(whole, clock)
    assert warnings(whole) == []


def test_a_list_without_end_is_given_up_with_its_reason(whole, clock, monkeypatch):
    monkeypatch.setattr("scrm_wecom.rolls.MOST_PAGES", 5)
    chat = group(whole)
    with monkeypatch.context() as patch:
        cursors = listed_by(patch, lambda asked: ([chat] if not asked else [], str(int(asked or 0) + 1)))
        view = synced(whole)
        assert (view.state, view.chats, cursors) == ("done", 1, ["", "1", "2", "3", "4"])
        assert "the pages do not end" in view.chats_error
        tidied(whole)
        worked(whole, clock)
        assert len(cursors) == 10
        (warning,) = warnings(whole)
        assert "chat groups are not compared" in warning and "the pages do not end" in warning
    assert synced(whole).chats_error == ""


def test_ids_of_groups_that_cannot_be_written_are_left_out(whole, clock, monkeypatch):
    chat = group(whole)
    listed_by(monkeypatch, lambda asked: (["\0\ud800", chat], ""))
    assert (synced(whole).state, sync_now(whole).chats) == ("done", 1)
    worked(whole, clock)
    assert list(groups(whole)) == [chat]


def test_too_many_groups_for_one_list_are_listed_by_owners_and_those_who_left_are_passed_over(whole, clock, monkeypatch):
    monkeypatch.setattr(listing, "WITHOUT_FILTER", 5)
    monkeypatch.setattr("scrm_wecom.rolls.PAGE", 2)
    chats = {group(whole, owner=f"staff00{1 + number % 3}") for number in range(9)}
    view = synced(whole)
    assert (view.state, view.chats, warnings(whole)) == ("done", 9, [])
    worked(whole, clock)
    assert set(groups(whole)) == chats
    filters = []
    answer = listing.list_groups

    def refuses(call: Any) -> Any:
        owners = call.asked.inside("owner_filter").texts("userid_list", most=listing.OWNERS)
        filters.append(owners)
        if "staff001" in owners:
            raise listing.Refused(60111)
        return answer(call)

    monkeypatch.setitem(ENDPOINTS, LIST, replace(ENDPOINTS[LIST], answer=refuses))
    view = synced(whole)
    assert (view.state, view.chats) == ("done", 6)
    assert filters == [[], ["staff001", "staff002"], ["staff001"], ["staff002", "staff003"]]
    worked(whole, clock)
    assert len(groups(whole)) == 9


def test_thousands_of_groups_are_read_one_behind_the_other_and_an_event_waits_for_none_of_them(whole, clock):
    corp = whole.simulator.corp(CORP)
    for _ in range(1_000):
        group(whole)
    last = list(corp.groups)[-1]
    view = synced(whole)
    assert (view.chats, view.chats_waiting) == (1_000, 1_000)
    whole.tell_chat("update", last, UpdateDetail="add_member")  # the last of them changes
    clock.advance(seconds=3)
    with whole.brand as brand:
        brand.plugins["wecom"].work()
        (due,) = execute("SELECT count(*) FROM wecom_task WHERE due_at <= ?", (brand.now(),)).fetchone()
    assert (last in groups(whole), len(groups(whole)) <= 17, due) == (True, True, 0)


def test_once_a_day_what_is_new_or_missing_is_found_and_nothing_else_is_read(whole, moonco, clock):
    known, gone = group(whole, "p1"), group(whole, "p2")
    tidied(whole)
    worked(whole, clock, 2)
    assert set(groups(whole)) == {known, gone}
    new = group(whole, "p3")
    whole.simulator.act(CORP, "dismiss_group", {"chat_id": gone})
    before = asked(whole, GET)
    tidied(whole)
    worked(whole, clock, 2)
    assert {chat: members for chat, (_, members) in groups(whole).items()} == {known: 1, gone: 0, new: 1}
    assert (asked(whole, GET) - before, groups(moonco), asked(whole, LIST, OTHER)) == (2, {}, 0)
    with whole.brand:
        assert execute("SELECT count(*) FROM wecom_sync").fetchone() == (0,)


def test_the_day_s_list_waits_out_a_limit_and_says_so(whole, clock):
    chat = group(whole)
    whole.simulator.fault("errcode", 45009, api=LIST)
    tidied(whole)
    worked(whole, clock)
    worked(whole, clock)
    (warning,) = warnings(whole)
    assert "the daily list of chat groups waits" in warning and "45009" in warning
    whole.simulator.clear_faults()
    worked(whole, clock, 10)
    assert (list(groups(whole)), warnings(whole)) == ([chat], [])


def test_a_sync_that_is_stopped_ends_its_list_and_the_next_begins_anew(whole, clock, monkeypatch):
    monkeypatch.setattr("scrm_wecom.client.api.RESULTS", 2)
    chats = {group(whole) for _ in range(3)}
    with whole.brand as brand:
        full = brand.plugins["wecom"].wecom.full_sync
        full.begin()
        full.run(60, lambda view: full.stop() if (view.state, view.chats) == ("running", 2) else None)
    assert (sync_now(whole).state, sync_now(whole).chats) == ("stopped", 2)
    view = synced(whole)
    assert (view.state, view.chats) == ("done", 3)
    worked(whole, clock)
    assert set(groups(whole)) == chats


def test_a_sync_that_is_stopped_just_before_its_list_calls_none_and_the_day_s_goes_on(whole, clock, monkeypatch):
    chat, begin = group(whole), Roll.begin
    with whole.brand as brand:
        full = brand.plugins["wecom"].wecom.full_sync
        full.begin()

        def stopped_before(roll: Roll, sync_id: int = 0) -> None:
            full.stop()  # by somebody else, at this moment
            begin(roll, sync_id)

        with monkeypatch.context() as patch:
            patch.setattr(Roll, "begin", stopped_before)
            view = full.run(60)
    assert (view.state, view.chats, asked(whole, LIST)) == ("stopped", 0, 0)
    tidied(whole)
    worked(whole, clock, 2)
    assert (list(groups(whole)), warnings(whole)) == ([chat], [])


def test_a_list_that_a_stopped_sync_left_behind_does_not_keep_the_day_s_place(whole, moonco, clock):
    chat, theirs = group(whole), group(whole, corp=OTHER)
    for scene in (whole, moonco):
        with scene.brand as brand:
            full = brand.plugins["wecom"].wecom.full_sync
            full.begin()
            full.run(60, lambda view, full=full: full.stop() if (view.state, view.chats) == ("running", 1) else None)
    with whole.brand:  # as it was left before a sync was held while its list begins
        execute("UPDATE wecom_roll SET state = 'running'")
    for scene, known in ((whole, chat), (moonco, theirs)):
        tidied(scene)
        worked(scene, clock, 2)
        assert list(groups(scene)) == [known]
        with scene.brand:
            assert execute("SELECT count(*) FROM wecom_roll WHERE state = 'done' AND sync_id = 0").fetchone() == (1,)


def test_the_page_and_the_api_say_how_many_relations_and_groups(whole, desk, clock):
    group(whole, "p1")
    synced(whole)
    text = desk("mia").get(f"{AT}progress").text
    assert (held(text, "relations"), held(text, "chats"), held(text, "chats-waiting")) == (str(RELATIONS), "1", "1 wait to be read")
    assert "relations of a member with a customer" in text
    whole.simulator.fault("errcode", 48002, api=LIST)
    synced(whole)
    worked(whole, clock)
    assert "may not use this API (48002)" in held(desk("mia").get(f"{AT}progress").text, "chats-why")
