"""Acquisition links: made once, changed, paused, deleted; what they bring, and what they may bring."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone

import pytest
from click.testing import CliRunner
from wecom_scene import ALWAYS, CORP, Scene
from wecom_whole import Whole

from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound, TooMany
from scrm_wecom import WecomPlugin, link_news
from scrm_wecom.client.codes import WecomError
from scrm_wecom.commands import group
from scrm_wecom.links import Links
from scrm_wecom.ways import AcquisitionLinks

POINT = "live-code.acquisition-links"
MAKE, CUSTOMERS = (f"externalcontact/customer_acquisition/{name}" for name in ("create_link", "customer"))
QUOTA = "externalcontact/customer_acquisition_quota"
URL = "https://work.weixin.qq.com/ca/caw1"
MADE = {"errcode": 0, "link": {"link_id": "l1", "link_name": "x", "url": URL, "create_time": 1}}


def offered(scene: Scene) -> AcquisitionLinks:
    """What another plugin finds at the extension point."""
    ((name, method),) = scene.brand.extensions(POINT)
    found = getattr(scene.brand.plugins[name], method)()
    assert isinstance(found, AcquisitionLinks)
    return found


def links(scene: Scene) -> Links:
    return scene.brand.plugins["wecom"].wecom.links


def work(scene: Scene) -> None:
    with scene.brand as brand:
        brand.plugins["wecom"].work()


# For another plugin -----------------------------------------------------------


def test_a_link_made_for_another_plugin_brings_its_state_with_the_add(whole: Whole):
    with whole.brand as brand:
        brand.channels.create("sms-may")
        link_id, address = offered(whole).make("sms-may", ["staff001", "staff002"], "May")
        assert (address, offered(whole).usable(link_id)) == (
            f"{whole.simulator_url}/ca/{link_id}?customer_channel=sms-may", True,
        )  # fmt: skip
    whole.act("click", link_id=link_id, person="p600", channel="sms-may")
    found = whole.contact("p600")
    assert (found.lead_channel, [lead[0] for lead in whole.leads()]) == ("sms-may", ["sms-may"])
    with whole.brand:
        (customer,) = offered(whole).customers(link_id).customers
    assert (customer.external, customer.state, customer.spoke) == (whole.external("p600"), "sms-may", False)


def test_without_a_secret_nothing_is_offered(scene: Scene):
    assert scene.brand.plugins["wecom"].acquisition_links() is None


def test_who_asks_twice_gets_the_same_link(whole: Whole):
    with whole.brand:
        first = offered(whole).make("a", ["staff001"], "x")
        assert offered(whole).make("a", ["staff002"], "y") == first
        assert offered(whole).make("b", ["staff001"], "x") != first
    assert len(whole.simulator.corp(CORP).links) == 2


def test_the_link_of_another_plugin_is_handed_out_by_that_plugin_alone(whole: Whole):
    with whole.brand:
        offered(whole).make("a", ["staff001"], "x")
    for path in ("state/a", "state%2Fa"):
        assert whole.client.get(f"/p/acme/wecom/a/{path}").status_code == 404


def test_a_link_whose_answer_was_lost_is_found_again_and_not_made_twice(whole: Whole, clock):
    whole.simulator.fault("empty", None, api=MAKE, times=1, after=True)
    with whole.brand:
        with pytest.raises(TooMany):
            offered(whole).make("a", ["staff001"], "x")
        with pytest.raises(TooMany):  # the call might still be under way
            offered(whole).make("a", ["staff001"], "x")
        clock.advance(seconds=121)
        (link,) = whole.simulator.corp(CORP).links.values()
        assert offered(whole).make("a", ["staff001"], "x")[0] == link.link_id
    assert len(whole.simulator.corp(CORP).links) == 1


def test_a_link_that_was_certainly_not_made_is_made_anew(whole: Whole, clock):
    whole.simulator.fault("empty", None, api=MAKE, times=1)
    with whole.brand:
        offered_, made = offered(whole), None
        for _ in range(3):
            try:
                made = offered_.make("a", ["staff001"], "x")
            except TooMany:
                clock.advance(seconds=121)
        assert made is not None
    assert [link.link_id for link in whole.simulator.corp(CORP).links.values()] == [made[0]]


def test_others_answer_it_and_it_is_deleted_for_ever(whole: Whole):
    with whole.brand:
        link_id, _ = offered(whole).make("a", ["staff001"], "x")
        offered(whole).change(link_id, ["staff002"])
        assert whole.simulator.corp(CORP).links[link_id].users == ["staff002"]
        offered(whole).remove(link_id)
        offered(whole).remove(link_id)
        assert not offered(whole).usable(link_id)
    work(whole)
    assert whole.simulator.corp(CORP).links == {}
    with whole.brand, pytest.raises(Conflict, match="deleted"):
        offered(whole).make("a", ["staff001"], "x")


def test_an_address_of_another_state_is_checked_and_encoded(calling: Scene, server):
    server.answers[MAKE] = [MADE]
    with calling.brand:
        link_id, _ = offered(calling).make("a", ["zhangsan"], "x")
        assert offered(calling).address(link_id, "渠道 1&x=2") == f"{URL}?customer_channel=%E6%B8%A0%E9%81%93%201%26x%3D2"
        assert offered(calling).address(link_id, "你" * 21).startswith(URL)
        for wrong in ("你" * 22, "", "a\nb"):
            with pytest.raises(Invalid):
                offered(calling).address(link_id, wrong) if wrong else offered(calling).make("", ["zhangsan"], "x")


@pytest.mark.parametrize(
    ("answer", "expected", "calls"),
    [
        ({"errcode": 41095}, WecomError, 2), ({"errcode": 48002}, WecomError, 2), ({"errcode": 45009}, TooMany, 1),
        ({"errcode": 45033}, TooMany, 4), ({"errcode": -1}, TooMany, 1), (lambda asked: None, TooMany, 1),
    ],
)  # fmt: skip
def test_refusals_are_told_and_what_waits_is_asked_again(calling: Scene, server, answer, expected, calls):
    server.answers[MAKE] = [answer]
    with calling.brand:
        for _ in range(2):
            with pytest.raises(expected):
                offered(calling).make("a", ["zhangsan"], "x")
    assert len(server.calls(MAKE)) == calls


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "https://x .example/", "//x.example"])
def test_an_answer_without_a_safe_address_is_no_link(calling: Scene, server, url):
    server.answers[MAKE] = [{"errcode": 0, "link": {"link_id": "l1", "url": url}}]
    with calling.brand, pytest.raises((WecomError, TooMany)):
        offered(calling).make("a", ["zhangsan"], "x")


SOURCE = """
from scrm_core.api import ScrmError

def run(brand, worker):
    links, made = brand.plugins["wecom"].acquisition_links(), set()
    for number in range(4):
        try:
            made.add(links.make(f"s{number}", ["staff001"], "x")[0])
        except ScrmError:
            continue
    return sorted(made)
"""


def test_processes_that_want_the_same_links_make_each_once(whole: Whole, together):
    told = together(whole.installation, SOURCE, 3)
    assert len(whole.simulator.corp(CORP).links) == 4
    assert set().union(*told) == set(whole.simulator.corp(CORP).links)


def test_another_brand_hears_nothing_of_them(whole: Whole):
    with whole.brand:
        offered(whole).make("a", ["staff001"], "x")
    with whole.installation.brand("moonco"):
        assert execute("SELECT count(*) FROM wecom_link").fetchone() == (0,)


# For people -------------------------------------------------------------------


def made(whole: Whole, code: str = "may", **more) -> str:
    """A link of the brand's own that the job has made; its id in WeCom."""
    with whole.brand as brand:
        if "spring" not in [each.code for each in brand.channels.page()]:
            brand.channels.create("spring")
        given = {"name": "五月", "staff": ["staff001", "staff002"], "channel": "spring", "actor": "ann", **ALWAYS, **more}
        links(whole).create(code, **given)
    work(whole)
    with whole.brand:
        found = links(whole).get(code)
    assert found.state == "live", found
    return str(found.link_id)


def test_the_job_makes_what_a_person_asked_for_and_its_own_address_leads_there(whole: Whole):
    link_id = made(whole)
    (link,) = whole.simulator.corp(CORP).links.values()
    assert (link.name, link.users) == ("五月 #1", ["staff001", "staff002"])
    door = whole.client.get("/p/acme/wecom/a/may")
    assert (door.status_code, door.location) == (302, f"{whole.simulator_url}/ca/{link_id}?customer_channel=spring")
    assert whole.client.get("/p/acme/wecom/a/may?state=zz%26x").location.endswith("customer_channel=zz%26x")
    too_long = whole.client.get("/p/acme/wecom/a/may?state=" + "x" * 65)
    assert too_long.location.endswith("customer_channel=spring")
    for wrong in ("/p/acme/wecom/a/june", "/p/moonco/wecom/a/may"):
        assert whole.client.get(wrong).status_code == 404


def test_a_paused_link_is_handed_out_no_more_until_it_is_resumed(whole: Whole):
    link_id = made(whole)
    for paused, status in ((True, 404), (False, 302)):
        with whole.brand:
            links(whole).pause("may", paused=paused, actor="ann")
            assert offered(whole).usable(link_id) is not paused
        assert whole.client.get("/p/acme/wecom/a/may").status_code == status


def test_a_deleted_link_leads_nowhere_at_once_and_is_deleted_there_by_the_job(whole: Whole, clock):
    made(whole)
    whole.simulator.fault("errcode", -1, api="externalcontact/customer_acquisition/delete_link", seconds=30)
    with whole.brand:
        assert links(whole).delete("may", actor="ann").state == "deleting"
    assert whole.client.get("/p/acme/wecom/a/may").status_code == 404
    work(whole)
    assert len(whole.simulator.corp(CORP).links) == 1
    clock.advance(seconds=61)
    work(whole)
    assert whole.simulator.corp(CORP).links == {}
    with whole.brand, pytest.raises(Conflict):
        links(whole).pause("may", paused=False)


def test_whom_a_link_brought_is_read_a_page_at_a_time_and_goes_on_where_it_was_cut_off(calling: Scene, server, clock):
    server.answers[MAKE] = [MADE]
    with calling.brand:
        offered(calling).make("a", ["zhangsan"], "x")
    for external in ("wmA", "wmB"):
        calling.tell("add_external_contact", external, State="a")
    row = {"userid": "zhangsan", "state": "a"}
    pages = [
        {"errcode": 0, "customer_list": [{"external_userid": "wmA", "chat_status": 1, **row}], "next_cursor": "c1"},
        {"errcode": 45009}, {"errcode": 0, "customer_list": [{"external_userid": "wmB", "chat_status": 0, **row}]},
    ]  # fmt: skip
    server.answers[CUSTOMERS] = pages
    work(calling)
    with calling.brand:
        assert brought(calling) == (1, 1)
    clock.advance(seconds=61)
    work(calling)
    work(calling)
    assert brought(calling) == (2, 1)
    assert [each.body["cursor"] for each in server.asked if each.api == CUSTOMERS] == ["", "c1", "c1"]
    clock.advance(seconds=86_401)  # and anew each day
    work(calling)
    assert len(server.calls(CUSTOMERS)) == 4


def test_the_number_of_customers_says_when_it_was_read_to_the_end(calling: Scene, server, clock):
    server.answers[MAKE] = [MADE]
    page = {"errcode": 0, "customer_list": [], "next_cursor": "c1"}
    server.answers[CUSTOMERS] = [page, {"errcode": 45009}, {"errcode": 0, "customer_list": []}, {"errcode": 40058}]
    with calling.brand as brand:
        offered(calling).make("a", ["zhangsan"], "x")
        _, key = brand.keys.create("k", ["wecom:read"])

    def read_at() -> str | None:
        session = Session(installation=calling.installation)
        told = CliRunner().invoke(group, ["link", "list", "acme", "--json"], obj=session)
        answer = calling.client.get("/api/v1/acme/plugins/wecom/links", headers={"Authorization": f"Bearer {key}"})
        (read,) = {answer.json["links"][0]["read_at"], json.loads(told.output)[0]["read_at"]}
        return read

    assert read_at() is None
    work(calling)
    assert read_at() is None  # a page, and then WeCom wants no more
    clock.advance(seconds=61)
    work(calling)
    assert read_at() == "2026-01-01T08:01:01+08:00"
    clock.advance(seconds=86_401)
    work(calling)
    assert len(server.calls(CUSTOMERS)) == 4
    assert read_at() == "2026-01-01T08:01:01+08:00"  # what was refused tells no number


def test_a_list_of_customers_that_leads_no_further_is_read_again_a_day_later(calling: Scene, server, clock):
    server.answers[MAKE] = [MADE]
    server.answers[QUOTA] = [{"errcode": 0, "total": 10**30, "balance": 5}]  # no number that could be written
    server.answers[CUSTOMERS] = [{"errcode": 0, "customer_list": [], "next_cursor": "c1"}]
    with calling.brand:
        offered(calling).make("a", ["zhangsan"], "x")
    for seconds, calls in ((0, 2), (61, 2), (86_401, 4)):
        clock.advance(seconds=seconds)
        work(calling)
        assert len(server.calls(CUSTOMERS)) == calls


def test_a_link_that_was_never_read_comes_before_one_that_was(calling: Scene, server, clock, monkeypatch):
    server.answers[MAKE] = [{"errcode": 0, "link": MADE["link"] | {"link_id": f"l{n}", "url": f"{URL}{n}"}} for n in (1, 2)]
    server.answers[CUSTOMERS] = [{"errcode": 0, "customer_list": []}]
    monkeypatch.setattr(link_news, "PAGES", 1)
    with calling.brand:
        offered(calling).make("a", ["zhangsan"], "x")
    work(calling)
    clock.advance(seconds=86_401)
    with calling.brand:
        offered(calling).make("b", ["zhangsan"], "x")
    work(calling)
    work(calling)
    assert [each.body["link_id"] for each in server.asked if each.api == CUSTOMERS] == ["l1", "l2", "l1"]


def test_who_came_by_a_link_and_was_not_told_is_read_from_wecom(whole: Whole, clock):
    link_id = made(whole)
    whole.simulator.outbox.drop(1)
    whole.act("click", link_id=link_id, person="p601", channel="spring")
    assert whole.contact("p601") is None
    clock.advance(seconds=86_401)
    whole.work()
    assert whole.contact("p601").lead_channel == "spring"
    whole.act("chat", userid="staff001", person="p601")
    clock.advance(seconds=86_401)
    whole.work()
    assert brought(whole) == (1, 1)


def test_who_writes_counts_as_having_written_when_wecom_tells_so(whole: Whole, clock):
    link_id = made(whole)
    whole.act("click", link_id=link_id, person="p602", channel="spring")
    clock.advance(seconds=86_401)
    whole.work()
    assert brought(whole) == (1, 0)
    whole.act("chat", userid="staff001", person="p602")
    assert brought(whole) == (1, 1)


def test_a_link_that_wecom_took_out_of_use_or_the_console_deleted_is_not_handed_out(whole: Whole):
    for code, act, state in (("may", "break_link", "broken"), ("june", "remove_link", "deleted")):
        link_id = made(whole, code)
        whole.act(act, link_id=link_id)
        with whole.brand as brand:
            assert (links(whole).get(code).state, offered(whole).usable(link_id)) == (state, False)
            told = list(brand.plugins["wecom"].brand_warnings())
        assert any("'may' is broken" in each for each in told)
    assert [kept[2] for kept in whole.kept()] == ["done", "done"]


def test_a_link_deleted_in_wecom_of_which_no_callback_told_is_noticed_told_and_made_anew(whole: Whole, clock):
    link_id = made(whole)
    work(whole)
    del whole.simulator.corp(CORP).links[link_id]
    clock.advance(hours=25)
    work(whole)
    assert whole.client.get("/p/acme/wecom/a/may").status_code == 404
    with whole.brand as brand:
        assert links(whole).get("may").state == "deleted"
        (told,) = [each for each in brand.plugins["wecom"].brand_warnings() if "'may'" in each]
        assert "deleted in WeCom" in told and not offered(whole).usable(link_id)
        links(whole).renew("may", actor="ann")
    work(whole)
    (there,) = whole.simulator.corp(CORP).links.values()
    assert there.link_id != link_id
    assert there.link_id in whole.client.get("/p/acme/wecom/a/may").location
    with whole.brand as brand:
        assert [each for each in brand.plugins["wecom"].brand_warnings() if "'may'" in each] == []
        assert not offered(whole).usable(link_id) and offered(whole).usable(there.link_id)
        with pytest.raises(Conflict, match="is live"):
            links(whole).renew("may", actor="ann")


def test_a_full_sync_notices_deleted_links_and_a_refusal_alone_deletes_none(whole: Whole):
    there, gone = made(whole, "may"), made(whole, "june")
    work(whole)
    del whole.simulator.corp(CORP).links[gone]
    whole.simulator.fault("errcode", 40058, api=CUSTOMERS)
    with whole.brand as brand:
        brand.plugins["wecom"].wecom.full_sync.begin()
    work(whole)
    with whole.brand:
        assert (links(whole).get("may").state, links(whole).get("june").state) == ("live", "deleted")
        assert offered(whole).usable(there)
        links(whole).delete("june", actor="ann")
        assert links(whole).get("june").note == ""  # nobody need look at it any more


def test_another_plugin_s_link_that_was_deleted_in_wecom_is_told_to_it_and_made_anew_when_it_asks(whole: Whole):
    with whole.brand:
        link_id, _ = offered(whole).make("a", ["staff001"], "x")
        whole.simulator.corp(CORP).links.clear()
        with pytest.raises(Conflict, match="deleted in WeCom"):
            offered(whole).change(link_id, ["staff002"])
        assert not offered(whole).usable(link_id)
        again, _ = offered(whole).make("a", ["staff002"], "x")
        assert again != link_id and offered(whole).usable(again)


def test_what_was_bought_is_known_within_the_hour_and_at_once_when_it_runs_out(whole: Whole, clock):
    link_id = made(whole)
    corp = whole.simulator.corp(CORP)
    work(whole)
    before = corp.quota_left
    assert left(whole) == before > 0
    corp.quota_left = 1
    work(whole)
    assert left(whole) == before  # not asked again within the hour
    whole.act("click", link_id=link_id, person="p603", channel="spring")
    work(whole)
    assert left(whole) == 0
    with whole.brand as brand:
        assert any("0 more customers" in each for each in brand.plugins["wecom"].brand_warnings())


# What for ---------------------------------------------------------------------


def zone_day(year: int, month: int, day: int) -> datetime:
    """The beginning of a day in the brand's zone, eight hours before UTC's."""
    return datetime(year, month, day, tzinfo=timezone(timedelta(hours=8)))


SPRING = {"title": "新客礼", "first_day": date(2026, 1, 10), "last_day": date(2026, 1, 20)}
FIRST, BEHIND = zone_day(2026, 1, 10), zone_day(2026, 1, 21)
MILLI = timedelta(milliseconds=1)


def door(whole: Whole, code: str = "may") -> int:
    return int(whole.client.get(f"/p/acme/wecom/a/{code}").status_code)


def shown(whole: Whole, code: str = "may") -> tuple[str, str]:
    """A link's state and note as people see them."""
    with whole.brand as brand:
        found = links(whole).get(code)
        return found.shown(brand.now()), found.why(brand.now())


def refused(work) -> str:
    with pytest.raises(Conflict) as told:
        work()
    return told.value.code


def test_a_link_is_handed_out_from_its_activitys_first_instant_to_its_last_also_while_no_job_runs(whole: Whole, clock):
    link_id = made(whole, **SPRING)
    for at, state, status in (
        (FIRST - MILLI, "coming", 404), (FIRST, "live", 302), (BEHIND - MILLI, "live", 302), (BEHIND, "paused", 404),
    ):  # fmt: skip
        clock.set(at)
        assert (shown(whole)[0], door(whole)) == (state, status), at
        with whole.brand:
            assert offered(whole).usable(link_id) is (status == 302)
    assert shown(whole)[1] == "the activity is over"


def test_who_opens_a_link_that_is_not_handed_out_reads_why(whole: Whole, clock):
    made(whole, **SPRING)

    def told(code: str = "may") -> list[str]:
        """What a customer reads in Chinese and English, and a program."""
        address, said = f"/p/acme/wecom/a/{code}", []
        for language in ("zh", "en"):
            answer = whole.client.get(f"{address}?lang={language}", headers={"Accept": "text/html"})
            assert answer.status_code == 404 and answer.content_type.startswith("text/html")
            said.append(answer.text)
        answer = whole.client.get(address, headers={"Accept": "application/json"})
        assert answer.status_code == 404
        return [*said, answer.json["code"]]

    def reads(zh: str, en: str, code: str) -> None:
        chinese, english, found = told()
        assert zh in chinese and en in english and found == code

    clock.set(FIRST - MILLI)
    reads("活动尚未开始", "The activity has not begun", "link_soon")
    clock.set(FIRST)
    with whole.brand:
        links(whole).pause("may", paused=True, actor="ann")
    reads("活动暂停中", "Paused; please come back later", "link_paused")
    clock.set(BEHIND)
    reads("活动已结束", "The activity is over", "link_over")
    with whole.brand:
        links(whole).delete("may", actor="ann")
    assert (told()[2], told("none")[2]) == ("not_found", "not_found")
    assert "活动" not in told()[0]


def test_a_link_says_that_its_activity_is_over_and_is_resumed_only_while_one_runs(whole: Whole, clock):
    made(whole, **SPRING)
    made(whole, "june", **{**SPRING, "last_day": date(2026, 1, 21)})
    clock.set(BEHIND)
    work(whole)
    with whole.brand:
        now = links(whole).brand.now()
        assert [links(whole).get(code).shown(now) for code in ("may", "june")] == ["paused", "live"]
        assert links(whole).get("may").why(now) == "the activity is over"
        assert refused(lambda: links(whole).pause("may", paused=False, actor="ann")) == "no_activity"
        assert refused(lambda: links(whole).set_activity("may", **SPRING, actor="ann")) == "no_activity"
        # Another activity ends the pause of the end; what a person paused stays so.
        links(whole).set_activity("may", **{**SPRING, "first_day": date(2026, 1, 22), "last_day": date(2026, 1, 23)})
        links(whole).pause("june", paused=True, actor="ann")
        links(whole).set_activity("june", **{**SPRING, "last_day": date(2026, 1, 23)}, actor="ann")
    assert (shown(whole), shown(whole, "june")) == (("coming", ""), ("paused", ""))
    with whole.brand:
        # Paused before its first day, it is resumed before it too, and handed out from that day.
        links(whole).pause("may", paused=True, actor="ann")
        links(whole).pause("may", paused=False, actor="ann")
    assert (shown(whole), door(whole)) == (("coming", ""), 404)
    clock.set(zone_day(2026, 1, 22))
    assert (door(whole), door(whole, "june")) == (302, 404)
    with whole.brand:
        links(whole).pause("june", paused=False, actor="ann")
    assert (door(whole), door(whole, "june")) == (302, 302)


@pytest.mark.parametrize("deleted", ["here", "told", "noticed"])
def test_a_link_that_is_deleted_behind_its_activity_is_handed_out_again_once_it_has_another(whole: Whole, clock, deleted):
    """Unless a person had paused it."""
    ids = [made(whole, code, **SPRING) for code in ("may", "june")]
    with whole.brand:
        links(whole).pause("june", paused=True, actor="ann")
    clock.set(BEHIND)
    work(whole)
    for code, link_id in zip(("may", "june"), ids, strict=True):
        if deleted == "here":
            with whole.brand:
                links(whole).delete(code, actor="ann")
        elif deleted == "told":
            whole.act("remove_link", link_id=link_id)
        else:
            del whole.simulator.corp(CORP).links[link_id]
    clock.advance(hours=25)
    work(whole)
    assert (shown(whole)[0], shown(whole, "june")[0]) == ("deleted", "deleted")
    with whole.brand:
        for code in ("may", "june"):
            links(whole).set_activity(code, **ALWAYS, actor="ann")
            links(whole).renew(code, actor="ann")
    work(whole)
    assert (shown(whole), door(whole)) == (("live", ""), 302)
    assert (shown(whole, "june"), door(whole, "june")) == (("paused", ""), 404)


def test_a_link_without_an_activity_that_runs_or_comes_is_neither_made_nor_made_anew(whole: Whole, clock):
    link_id = made(whole, **SPRING)
    past = {"first_day": date(2025, 12, 1), "last_day": date(2025, 12, 31)}
    for days in ({"first_day": None}, {"last_day": None}, past):
        assert refused(lambda days=days: made(whole, "june", **days)) == "no_activity"
    with whole.brand, pytest.raises(NotFound):
        links(whole).get("june")
    clock.set(BEHIND)
    whole.act("remove_link", link_id=link_id)
    with whole.brand:
        assert links(whole).get("may").state == "deleted"
        assert refused(lambda: links(whole).renew("may", actor="ann")) == "no_activity"
        links(whole).set_activity("may", **ALWAYS, actor="ann")
        links(whole).renew("may", actor="ann")
    work(whole)
    assert door(whole) == 302


def test_the_link_of_another_plugin_has_no_activity_here(whole: Whole, clock):
    with whole.brand as brand:
        link_id, _ = offered(whole).make("a", ["staff001"], "x")
        assert refused(lambda: links(whole).set_activity("state/a", **SPRING, actor="ann")) == "link_state"
        links(whole).pause("state/a", paused=True, actor="ann")
        links(whole).pause("state/a", paused=False, actor="ann")
        assert offered(whole).usable(link_id)
        assert [each for each in brand.plugins["wecom"].brand_warnings() if "activity" in each] == []


def test_a_link_from_before_there_were_activities_goes_on_and_the_doctor_tells(whole: Whole, clock):
    made(whole)
    with whole.brand as brand:
        for column in ("activity", "starts_at", "ends_at", "counted_at"):
            execute(f"ALTER TABLE wecom_link DROP COLUMN {column}")
        execute("DELETE FROM migration_wecom WHERE name = ?", ("0019_link_activities",))
    whole.installation.migrate()
    clock.advance(days=400)
    work(whole)
    assert (shown(whole), door(whole)) == (("live", ""), 302)
    with whole.brand as brand:
        (told,) = [each for each in brand.plugins["wecom"].brand_warnings() if "has no activity" in each]
        assert "'may'" in told and "scrm wecom link activity" in told
        assert refused(lambda: links(whole).renew("may")) == "link_state"
        links(whole).set_activity("may", **ALWAYS, actor="ann")
        assert [each for each in brand.plugins["wecom"].brand_warnings() if "has no activity" in each] == []
    assert door(whole) == 302


def brought(scene: Scene) -> tuple[int, int]:
    with scene.brand:
        return link_news.brought([1]).get(1, (0, 0))


def left(scene: Scene) -> int:
    with scene.brand:
        found = link_news.quota()
    assert found is not None
    return found.balance


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": ""}, {"code": "a/b"}, {"code": "x" * 61}, {"name": "x" * 31}, {"staff": []},
        {"staff": [f"u{n}" for n in range(101)]}, {"channel": "no-such"}, {"channel": ""},
        {"title": ""}, {"last_day": date(2025, 12, 31)}, {"last_day": date(9999, 12, 31)},
        {"first_day": date(1, 1, 1)}, {"first_day": date(1969, 12, 31)},
    ],
)  # fmt: skip
def test_a_link_that_wecom_would_refuse_is_refused_before(scene: Scene, wrong):
    given = {"code": "may", "name": "x", "staff": ["zhangsan"], "channel": "spring", **ALWAYS, **wrong}
    with scene.brand as brand:
        brand.channels.create("spring")
        with pytest.raises((Invalid, NotFound)):
            links(scene).create(given.pop("code"), **given)


def test_routes_and_commands_make_pause_and_delete(scrm_app):
    app = scrm_app(WecomPlugin, settings={"corp_id": CORP})
    client, body = app.brand.client("wecom:write", "wecom:read"), {"code": "may", "name": "May", "staff": ["ann"]}
    days = {"title": "Gifts", "first_day": "2026-01-01", "last_day": "2026-05-31"}
    assert client.post("plugins/wecom/links", {**body, **days}).status_code == 422  # of no channel
    body["channel"] = "spring"
    assert client.post("plugins/wecom/links", {**body, **days}).status_code == 404  # there is none of this code
    with app.brand as brand:
        brand.channels.create("spring")
    assert client.post("plugins/wecom/links", body).json["code"] == "no_activity"
    early = client.post("plugins/wecom/links", {**body, **days, "first_day": "0001-01-01"})
    assert (early.status_code, early.json["field"]) == (422, "first_day")
    body |= days
    made = client.post("plugins/wecom/links", body)
    assert (made.status_code, made.json["state"], made.json["channel_state"]) == (201, "waiting", "spring")
    assert [made.json[name] for name in ("activity", "starts_at", "ends_at")] == [
        "Gifts", "2026-01-01T00:00:00+08:00", "2026-06-01T00:00:00+08:00",
    ]  # fmt: skip
    assert client.post("plugins/wecom/links", body).json["code"] == "link_exists"
    june = ("june", "June", "--staff", "ann", "--as", "ann")
    activity = ("--title", "Gifts", "--first", "2026-01-01", "--last", "2026-05-31")
    with pytest.raises(AssertionError, match="Missing option '--channel'"):
        app.command("wecom", "link", "create", "acme", *june, *activity)
    june += ("--channel", "spring")
    with pytest.raises(AssertionError, match="a first and a last day"):
        app.command("wecom", "link", "create", "acme", *june)
    app.command("wecom", "link", "create", "acme", *june, *activity)
    with pytest.raises(AssertionError, match="does not begin before 1970"):
        app.command("wecom", "link", "activity", "acme", "june", *activity, "--first", "0001-01-01", "--as", "ann")
    assert client.post("plugins/wecom/links/activity", {"code": "june", **days, "first_day": "0001-01-01"}).status_code == 422
    assert "waiting" in app.command("wecom", "link", "activity", "acme", "june", *activity, "--as", "ann")
    assert client.post("plugins/wecom/links/activity", {"code": "june", **days}).json["activity"] == "Gifts"
    app.command("wecom", "link", "pause", "acme", "june", "--as", "ann")
    app.command("wecom", "link", "resume", "acme", "june", "--as", "ann")
    assert client.post("plugins/wecom/links/pause", {"code": "june", "paused": True}).status_code == 200
    assert "deleted" in app.command("wecom", "link", "delete", "acme", "june", "--as", "ann")
    assert client.delete("plugins/wecom/links", code="may").json["state"] == "deleted"
    assert client.post("plugins/wecom/links/renew", {"code": "may"}).json["state"] == "waiting"
    assert client.post("plugins/wecom/links/renew", {"code": "may"}).json["code"] == "link_state"
    app.command("wecom", "link", "renew", "acme", "june", "--as", "ann")
    listed = client.get("plugins/wecom/links", limit=1).json
    assert ([each["code"] for each in listed["links"]], listed["next"], listed["quota"]) == (["may"], 1, None)
    assert "june" in app.command("wecom", "link", "list", "acme")
    assert "balance" in app.command("wecom", "link", "quota", "acme")
    assert app.brand.client("wecom:read").post("plugins/wecom/links", body).status_code == 403
