"""A round of the job where WeCom refuses one thing: the rest goes on. What a page, the API and a command ask of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from test_wecom_sync import PAGE, STAFF, corp, row
from wecom_scene import ALWAYS, CORP, ZOE, Scene
from wecom_server import WecomServer

from scrm_core.api import execute
from scrm_wecom import WecomPlugin, sync, sync_commands

GET, MARK, MOMENT, GROUP = (
    "externalcontact/get", "externalcontact/mark_tag", "externalcontact/add_moment_task", "externalcontact/groupchat/get",
)  # fmt: skip
LINK, MAKE = "externalcontact/customer_acquisition/create_link", "externalcontact/add_corp_tag"
MADE = {"errcode": 0, "link": {"link_id": "l1", "link_name": "x", "url": "https://work.weixin.qq.com/ca/l1"}}
TABLE = 'secret = "s3cret"\napi = "{}"\n'


@pytest.fixture
def both(scenes, server) -> Iterator[tuple[Scene, Scene, WecomServer]]:
    """Acme and moonco with a server each."""
    other = WecomServer()
    yield *scenes(acme=TABLE.format(server.url), moonco=TABLE.format(other.url)), other
    other.close()


def tagged(scene: Scene, server: WecomServer, *externals: str) -> None:
    """Customers of one member who have a tag here that WeCom was not told of; the corporation has it."""
    corp(server, {"lisi": [row(each, "lisi") for each in externals]})
    with scene.brand as brand:
        brand.plugins["wecom"].wecom.full_sync.begin()
        brand.plugins["wecom"].wecom.full_sync.run(60)
        for each in externals:
            brand.tags.add(brand.contacts.find("external_userid", each).id, ("level", "gold"), origin="manual", actor="ann")
    scene.deliver()


def work(scene: Scene) -> str:
    with scene.brand as brand:
        return brand.plugins["wecom"].wecom.work()


def waiting(scene: Scene) -> list[tuple[str, str]]:
    with scene.brand:
        return [tuple(each) for each in execute("SELECT kind, error FROM wecom_task ORDER BY kind, id").fetchall()]


def customer(asked):
    found = {"external_userid": asked.query["external_userid"], "name": "Zoe"}
    return {"errcode": 0, "external_contact": found, "follow_user": [{"userid": "lisi", "createtime": 1_767_225_600}]}


def test_an_api_that_wecom_refuses_holds_up_nothing_else_of_the_round(both, server, clock):
    acme, moonco, other = both
    tagged(acme, server, "wm1", "wm2", "wm3")
    tagged(moonco, other, "wm1")
    server.answers |= {MARK: [{"errcode": 48002}], GET: [customer], LINK: [MADE], MOMENT: [{"errcode": 0, "jobid": "j"}]}
    clock.advance(hours=2)  # behind the quiet hours, in which no moment is made
    acme.tell("add_external_contact", ZOE, "lisi")  # behind the three tags that are refused
    with acme.brand as brand:
        brand.plugins["wecom"].wecom.full_sync.begin()
        brand.plugins["wecom"].wecom.moments.post("m", {"text": "hi"}, actor="ann")
        brand.channels.ensure("may")
        brand.plugins["wecom"].wecom.links.create("may", name="May", channel="may", staff=["lisi"], **ALWAYS)
    told = work(acme)
    assert "48002" in told
    assert (len(server.calls(GET)), len(server.calls(MOMENT)), len(server.calls(LINK))) == (1, 1, 1)
    with acme.brand as brand:
        assert sync.latest().state == "done"
        (warning,) = brand.plugins["wecom"].brand_warnings()
    assert "3 tasks (push) wait" in warning and "may not use this API (48002)" in warning
    assert [(kind, "48002" in error) for kind, error in waiting(acme)] == [("push", True)] * 3
    assert len(server.calls(MARK)) == 1  # what was refused once is not asked for again in this round
    work(acme)
    assert len(server.calls(MARK)) == 1
    server.answers[MARK] = [{"errcode": 0}]
    clock.advance(seconds=601)
    work(acme)
    assert (waiting(acme), len(server.calls(MARK))) == ([], 4)
    work(moonco)
    assert (waiting(moonco), len(other.calls(MARK))) == ([], 1)


def test_who_may_not_make_tags_still_tells_wecom_of_those_it_has(both, server):
    acme = both[0]
    tagged(acme, server, "wm1", "wm2")
    with acme.brand as brand:
        brand.tags.define("taste", "oolong", plan="offer tea")
        who = brand.contacts.find("external_userid", "wm1").id
        brand.tags.add(who, ("taste", "oolong"), origin="manual", actor="ann")
    acme.deliver()
    server.answers |= {MARK: [{"errcode": 0}], MAKE: [{"errcode": 48002}]}
    work(acme)
    assert [each.body["external_userid"] for each in server.asked if each.api == MARK] == ["wm1", "wm2"]
    assert [(kind, "add_corp_tag" in error) for kind, error in waiting(acme)] == [("push", True)]


def test_a_member_outside_the_application_s_range_holds_up_no_other_s_customers(both, server):
    acme = both[0]
    tagged(acme, server, "wm1", "wm2")
    server.answers[MARK] = [lambda asked: {"errcode": 60011 if asked.body["external_userid"] == "wm1" else 0}]
    work(acme)
    assert (len(server.calls(MARK)), len(waiting(acme))) == (2, 1)


@pytest.mark.parametrize("errcode", [40001, pytest.param(60020, marks=pytest.mark.wide)])
def test_what_refuses_everything_ends_the_round_since_asking_on_gets_the_address_banned(both, server, errcode):
    acme = both[0]
    tagged(acme, server, "wm1", "wm2")
    server.answers |= {MARK: [{"errcode": errcode}], LINK: [MADE]}
    with acme.brand as brand:
        brand.channels.ensure("may")
        brand.plugins["wecom"].wecom.links.create("may", name="May", channel="may", staff=["lisi"], **ALWAYS)
    assert str(errcode) in work(acme)
    assert (len(server.calls(MARK)), len(server.calls(LINK))) == (1, 0)


# A sync that is wanted, tags that are told again ----------------------------------


@pytest.fixture
def app(scrm_app, server):
    """Acme and moonco, with whom the API and the commands speak; both ask the same server."""
    corp(server, {"lisi": [row("wm1", "lisi")]})
    return scrm_app(WecomPlugin, settings={"corp_id": CORP, "secret": "s3cret", "api": server.url})


def test_a_sync_is_wanted_and_taken_back_by_the_api_and_a_command_and_begun_by_the_job(app):
    api, other, at = app.brand.client("wecom:write", "wecom:read"), app.second_brand.client(), "plugins/wecom/sync"
    assert api.get(at).json == {"sync": None, "wanted": None}
    asked = api.post(at, {})
    assert (asked.status_code, asked.json["wanted"]["error"], asked.json["wanted"]["actor"][:4]) == (202, "", "key:")
    assert other.get(at).json["wanted"] is None
    assert api.delete(at).json == {"sync": None, "wanted": None}
    assert (api.delete(at).status_code, api.delete(at).json["code"]) == (409, "no_sync")
    app.command("wecom", "want-sync", "acme", "--as", "ann")
    assert api.get(at).json["wanted"]["actor"] == "ann"
    app.command("wecom", "sync", "acme", "--stop", "--as", "ann")
    assert api.get(at).json["wanted"] is None
    app.command("wecom", "want-sync", "acme", "--as", "ann")
    app.command("wecom", "work", "acme")
    told = api.get(at).json
    assert (told["wanted"], told["sync"]["state"], told["sync"]["relations"]) == (None, "done", 1)
    assert other.get(at).json == {"sync": None, "wanted": None}
    with app.brand as brand:
        brand.plugins["wecom"].wecom.full_sync.begin()
    assert api.post(at, {}).json["code"] == "sync_runs"
    assert api.delete(at).json["sync"]["state"] == "stopped"
    reader = app.brand.client("wecom:read")
    assert (reader.post(at, {}).status_code, reader.delete(at).status_code) == (403, 403)


def test_a_sync_that_is_taken_back_while_wecom_is_asked_for_the_members_does_not_begin(app, server):
    api, at = app.brand.client("wecom:write", "wecom:read"), "plugins/wecom/sync"
    taken: list[int] = []

    def staff(asked):
        if not taken:
            taken.append(api.delete(at).status_code)
        return {"errcode": 0, "follow_user": ["lisi"]}

    server.answers[STAFF] = [staff]
    app.command("wecom", "want-sync", "acme", "--as", "ann")
    app.command("wecom", "work", "acme")
    assert (taken, api.get(at).json) == ([200], {"sync": None, "wanted": None})
    app.command("wecom", "want-sync", "acme", "--as", "ann")
    app.command("wecom", "work", "acme")
    told = api.get(at).json
    assert (told["sync"]["state"], told["wanted"]) == ("done", None)
    app.command("wecom", "work", "acme")
    assert api.get(at).json["sync"]["started_at"] == told["sync"]["started_at"]


@pytest.mark.parametrize("api", [STAFF, PAGE])
def test_the_sync_command_waits_out_a_short_45009_and_says_until_when(app, server, monkeypatch, api):
    good, waited = server.answers[api][0], []
    server.answers[api] = [{"errcode": 45009}, {"errcode": 45009}, good]

    def pause(seconds: float) -> None:
        waited.append(seconds)
        app.clock.advance(seconds=seconds)

    monkeypatch.setattr(sync_commands, "pause", pause)
    told = app.command("wecom", "sync", "acme")
    assert waited == [60.0, 240.0]  # of the ten minutes that it waits in all
    assert "45009); goes on at 2026-01-01T08:01:00+08:00 (Ctrl-C: the job goes on by itself)" in told
    assert "done" in told
    assert app.brand.client("wecom:read").get("plugins/wecom/sync").json["wanted"] is None


@pytest.mark.parametrize("api", [STAFF, PAGE])
def test_the_sync_command_leaves_a_longer_hindrance_to_the_job_with_exit_code_75(app, server, monkeypatch, api):
    good = server.answers[api][0]
    server.answers[api] = [{"errcode": 45009}]
    monkeypatch.setattr(sync_commands, "pause", lambda seconds: app.clock.advance(seconds=seconds))
    with pytest.raises(AssertionError, match="exit 75") as ended:
        app.command("wecom", "sync", "acme")
    assert "what was read is kept, and the job goes on by itself" in str(ended.value)
    server.answers[api] = [good]
    app.clock.advance(seconds=16 * 60)
    app.command("wecom", "work", "acme")
    assert app.brand.client("wecom:read").get("plugins/wecom/sync").json["sync"]["state"] == "done"


def test_tags_that_wecom_refused_are_told_again_by_the_api_and_a_command(app, server):
    server.answers[MARK] = [{"errcode": 48002}]
    for shop in (app.brand, app.second_brand):
        with shop as brand:
            wecom = brand.plugins["wecom"].wecom
            wecom.full_sync.begin()
            wecom.full_sync.run(60)
            who = brand.contacts.find("external_userid", "wm1").id
            brand.tags.add(who, ("level", "gold"), origin="manual", actor="ann")
        shop.deliver()
        with shop as brand:
            wecom.work()
    api, other, at = app.brand.client("wecom:write", "wecom:read"), app.second_brand.client(), "plugins/wecom/tags"
    (waits,) = api.get(f"{at}/waiting").json["waiting"]
    assert "48002" in waits["error"] and "48002" in app.command("wecom", "tags", "waiting", "acme")
    server.answers[MARK] = [{"errcode": 0}]
    assert api.post(f"{at}/retry", {"follow": 99}).status_code == 404
    assert api.post(f"{at}/retry", {"follow": "all"}).status_code == 422
    assert api.post(f"{at}/retry", {"follow": waits["follow"]}).json == {"retried": 1}
    app.command("wecom", "work", "acme")
    app.command("wecom", "work", "moonco")  # its own was not asked for again
    assert (api.get(f"{at}/waiting").json["waiting"], len(other.get(f"{at}/waiting").json["waiting"])) == ([], 1)
    assert api.post(f"{at}/retry", {}).json == {"retried": 0}
    assert app.brand.client("wecom:read").post(f"{at}/retry", {}).status_code == 403
    assert "1 relations" in app.command("wecom", "tags", "retry", "moonco", "--as", "ann")
    app.command("wecom", "work", "moonco")
    assert other.get(f"{at}/waiting").json["waiting"] == []
