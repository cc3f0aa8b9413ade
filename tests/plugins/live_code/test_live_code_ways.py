"""Codes as contact ways: of any plugin that offers them, and of WeCom at the simulator, over HTTP both ways."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from click.testing import CliRunner
from live_scene import Scene
from werkzeug.serving import make_server

from scrm_core.api import Plugin
from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, ScrmError, TooMany
from scrm_live_code import LiveCodePlugin
from scrm_live_code.commands import group
from scrm_live_code.views import staff_view
from scrm_wecom import WecomPlugin
from scrm_wecom.simulator import AppAccount, CallbackTarget, CorpAccount, Limits, Simulator, serve

CORP, SECRET = "ww1436e0e65a779aee", "shop-secret"
TOKEN = "hJqcu3uJ9Tn2gXPmxx2w9kkCkCE2EPYo"
AES_KEY = "6qkdMrq68nTKduznJYO1A37W2oEgpkMUvkttRToqhUt"


class Messenger(Plugin):
    """Makes contact ways as the test tells it."""

    name, version, summary, requires_core = "messenger", "1.0", "makes contact ways", ">=0.1.0.dev0,<1"
    extensions = {"live-code.contact-ways": ("ways",), "live-code.acquisition-links": ("ways",)}
    in_use = True
    fault: ScrmError | None = None
    asked: list[tuple[str, ...]]
    meanwhile: Callable[[], object] | None = None

    def ways(self) -> Messenger:
        self.asked = getattr(self, "asked", [])
        return self

    def make(self, state: str, users: Any, remark: str) -> tuple[str, str]:
        self.asked.append(("make", *users))
        if self.meanwhile is not None:
            self.meanwhile()
        if self.fault is not None:
            raise self.fault
        return "way-1", "https://messenger.example/way-1.png"

    def change(self, config_id: str, users: Any) -> None:
        self.asked.append((config_id, *users))
        if self.fault is not None:
            raise self.fault

    def usable(self, config_id: str) -> bool:
        return self.in_use


def tick(scene: Scene) -> str:
    """The job; state and note of the code's contact way."""
    with scene.brand as brand:
        brand.plugins["live-code"].keep_ways()
        found = scene.here.ways.of(scene.here.codes.get("poster-01"))
    return "" if found is None else f"{found.state} {found.note}".strip()


@pytest.fixture
def offered(scenes) -> Scene:
    scene = scenes(plugins=(Messenger,), before="\n[plugins.messenger]\n")[0]
    scene.staff("ann", "ben")
    scene.code(ann="", ben="")
    with scene.brand:
        scene.here.ways.want("poster-01", actor="lin")
    return scene


def test_without_a_plugin_that_makes_them_a_contact_way_is_refused(scene: Scene):
    scene.staff("ann")
    scene.code(ann="")
    with scene.brand, pytest.raises(Conflict) as refused:
        scene.here.ways.want("poster-01", actor="lin")
    assert (refused.value.code, tick(scene)) == ("no_contact_ways", "")


def test_what_was_not_done_is_asked_again_and_what_nobody_knows_waits_for_a_person(offered: Scene):
    messenger = offered.brand.plugins["messenger"]
    messenger.fault = TooMany("later", 60)
    assert tick(offered) == "wanted later"
    messenger.fault = Conflict("no whole answer")
    assert [tick(offered), tick(offered)] == ["failed no whole answer"] * 2
    assert len(messenger.asked) == 2
    with offered.brand as brand:
        (warning,) = brand.plugins["live-code"].brand_warnings()
        assert "no whole answer" in warning
        offered.here.ways.want("poster-01", actor="lin")
    messenger.fault = None
    assert [tick(offered), tick(offered)] == ["made"] * 2
    assert len(messenger.asked) == 3
    messenger.fault = Conflict("no such member")
    with offered.brand:
        offered.here.codes.unseat("poster-01", "ben", actor="lin")
    assert tick(offered) == "made no such member"
    messenger.fault = None
    assert (tick(offered), messenger.asked[-1]) == ("made", ("way-1", "ann"))


def test_a_link_that_waits_says_why_until_it_is_made(scenes, clock):
    scene = scenes(plugins=(Messenger,), before="\n[plugins.messenger]\n")[0]
    scene.staff("ann")
    scene.code(ann="1-5 09:00-18:00")  # it is Thursday, 08:00
    with scene.brand as brand:
        scene.here.links.want("poster-01", actor="lin")
        _, key = brand.keys.create("k", ["live-code:read", "live-code:write"])
    api = scene.app.test_client(use_cookies=False)
    ask = {"headers": {"Authorization": f"Bearer {key}"}}

    def waits() -> str:
        tick(scene)
        shown = CliRunner().invoke(
            group, ["show", "acme", "poster-01", "--json"], obj=Session(installation=scene.installation)
        )  # fmt: skip
        (read,) = {
            api.get("/api/v1/acme/plugins/live-code/codes/poster-01", **ask).json["link"]["waits"],
            json.loads(shown.output)["link"]["waits"],
        }
        return read

    assert waits() == "nobody is on duty"
    again = CliRunner().invoke(
        group, ["link", "acme", "poster-01", "--as", "lin"], obj=Session(installation=scene.installation)
    )  # fmt: skip
    assert re.search(r"waits +nobody is on duty\n", again.output)
    clock.set(datetime(2026, 1, 1, 2, 0, tzinfo=UTC))
    scene.staff("ann", cap=0)
    assert waits() == "nobody on duty has room today"
    with scene.brand:
        scene.here.codes.pause("poster-01", actor="lin")
    assert waits() == "the code is paused"
    scene.staff("ann")
    with scene.brand:
        scene.here.codes.publish("poster-01", actor="lin")
        scene.here.codes.set_activity(
            "poster-01", title="x", first_day=date(2026, 1, 2), last_day=date(2026, 1, 3), actor="lin"
        )
    assert waits() == "no activity runs"
    clock.set(datetime(2026, 1, 2, 2, 0, tzinfo=UTC))
    assert waits() == ""
    with scene.brand:
        assert scene.here.links.of(scene.here.codes.get("poster-01")).state == "made"


def test_what_was_refused_is_told_no_more_once_those_on_duty_are_who_answers(offered: Scene):
    assert tick(offered) == "made"
    messenger = offered.brand.plugins["messenger"]
    messenger.fault = Conflict("no such member")
    offered.staff("cid")
    with offered.brand:
        offered.here.codes.seat("poster-01", "cid", actor="lin")
    assert tick(offered) == "made no such member"
    with offered.brand as brand:
        offered.here.codes.unseat("poster-01", "cid", actor="lin")
    assert tick(offered) == "made"
    with offered.brand as brand:
        assert list(brand.plugins["live-code"].brand_warnings()) == []


def test_who_presses_again_while_it_is_made_does_not_have_a_second_one_made(offered: Scene, clock):
    messenger = offered.brand.plugins["messenger"]

    def press_again() -> None:
        """Somebody presses again, and another worker's turn comes, before the messenger has answered."""
        messenger.meanwhile = None
        assert offered.here.ways.want("poster-01", actor="kim").state == "making"
        offered.brand.plugins["live-code"].keep_ways()

    messenger.meanwhile = press_again
    assert [tick(offered), tick(offered)] == ["made"] * 2
    assert messenger.asked == [("make", "ann", "ben")]


def test_what_nobody_knows_is_made_again_when_somebody_looked_and_asks(offered: Scene, clock):
    messenger = offered.brand.plugins["messenger"]

    def die() -> None:
        raise KeyboardInterrupt  # as the end of a process: nothing is kept of what came of it

    messenger.meanwhile = die
    with pytest.raises(KeyboardInterrupt):
        tick(offered)
    messenger.meanwhile = None
    clock.advance(seconds=599)
    with offered.brand:
        assert offered.here.ways.want("poster-01", actor="lin").state == "making"
    clock.advance(seconds=1)
    with offered.brand as brand:
        assert "nobody knows" in next(iter(brand.plugins["live-code"].brand_warnings()))
        assert offered.here.ways.want("poster-01", actor="lin").state == "wanted"
    assert (tick(offered), len(messenger.asked)) == ("made", 2)


def test_the_page_leads_to_the_contact_way_while_somebody_has_room(offered: Scene):
    tick(offered)
    with offered.brand:
        link = offered.here.codes.get("poster-01").link
    assert 'href="https://messenger.example/way-1.png"' in offered.open(offered.browser(), f"/l/{link}").text
    offered.staff("ann", "ben", cap=0)
    assert "way-1.png" not in offered.open(offered.browser(), f"/l/{link}").text


def test_a_link_is_led_to_while_it_may_be_used_and_else_to_the_ordinary_page(scenes, clock):
    scene, other = scenes(plugins=(Messenger,), before="\n[plugins.messenger]\n")
    for each in (scene, other):
        each.staff("ann")
        with each.brand:
            each.here.codes.create("sms", title="SMS", actor="lin")
            with pytest.raises(Conflict) as refused:
                each.here.links.want("sms", actor="lin")
            assert refused.value.code == "no_activity"
    path = scene.code(ann="").replace("/l/", "/p/acme/live-code/a/")
    page = path.replace("/a/", "/c/")

    def leads_to() -> str:
        answer = scene.browser().get(path)
        assert answer.status_code == 302
        return str(answer.headers["Location"])

    with scene.brand as brand:
        scene.here.links.want("poster-01", actor="lin")
        assert leads_to().endswith(page)
        brand.plugins["live-code"].keep_ways()
        messenger = brand.plugins["messenger"]
        assert scene.here.ways.of(scene.here.codes.get("poster-01")) is None  # a link is no contact way
    assert leads_to() == "https://messenger.example/way-1.png"
    messenger.in_use = False  # such as: WeCom took it out of use
    assert leads_to().endswith(page)
    messenger.in_use = True
    scene.staff("ann", cap=0)
    assert leads_to().endswith(page)
    scene.staff("ann")
    clock.set(datetime(2026, 1, 31, 16, 0, tzinfo=UTC))  # midnight in Shanghai: the activity is over
    assert leads_to().endswith(page)
    with scene.brand as brand:
        brand.plugins["live-code"].pause_ended()
        assert (scene.here.codes.get("poster-01").state, leads_to().endswith(page)) == ("paused", True)
        with pytest.raises(Conflict) as refused:
            scene.here.links.want("poster-01", actor="lin")
    assert refused.value.code == "no_activity"


class Whole(Scene):
    """Acme and its corporation at the simulator."""

    simulator: Simulator

    def scan_way(self, person: str) -> None:
        """Somebody scans the contact way's own code and adds, and what the worker makes of it."""
        with self.brand:
            way = self.here.ways.of(self.here.codes.get("poster-01"))
        self.simulator.act(CORP, "scan", {"config_id": way.config_id, "person": person})
        for _ in range(2):
            with self.brand as brand:
                brand.plugins["wecom"].work()
            self.deliver()
            with self.brand as brand:
                brand.outreach.drain()

    def members(self) -> list[str]:
        """Who answers the contact way at the corporation."""
        (way,) = self.simulator.corp(CORP).contact_ways.values()
        return sorted(way.users)


@pytest.fixture
def whole(new_installation, deliver, clock) -> Iterator[Whole]:
    simulator = Simulator(
        [CorpAccount(CORP, (AppAccount(1_000_002, SECRET),), staff=3, customers=0)],
        now=clock.now, limits=Limits(dispatch_seconds=0), echo_timeout=30,
    )  # fmt: skip
    with serve(simulator) as api:
        table = (
            f'\n[plugins.wecom]\ncorp_id = "{CORP}"\ncallback_token = "{TOKEN}"\ncallback_aes_key = "{AES_KEY}"\n'
            f'secret = "{SECRET}"\napi = "{api.url}"\n[plugins.live-code]\n'
        )
        installation = new_installation(
            plugins=(WecomPlugin, LiveCodePlugin), acme=table, moonco="\n[plugins.live-code]\n"
        )
        made = Whole(installation, "acme", deliver)
        made.simulator = simulator
        server = make_server("127.0.0.1", 0, made.app, threaded=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/p/acme/wecom/callback"
        simulator.set_callback(CORP, CallbackTarget(url, TOKEN, AES_KEY))
        yield made
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_add_through_wecom_is_a_lead_with_channel_and_tags_once_and_the_rota_changes_who_answers(whole, clock):
    whole.staff("staff001", cap=1)
    whole.staff("staff002")
    whole.staff("staff003")
    with whole.brand as brand:
        brand.tags.define("source", "poster", plan="spring")
        whole.here.codes.create("poster-00", title="other", actor="lin")
        brand.channels.create("poster-01", tags=[("source", "poster")])
        greetings = brand.plugins["wecom"].wecom.greetings
        greetings.put({"text": "欢迎"}, channel="poster-01")
        greetings.put({"text": "初次见面"}, channel="poster-01", audience="new")
    whole.code(staff001="1-5 08:00-12:00", staff002="1-5 12:00-20:00", staff003="backup")
    with whole.brand:
        whole.here.ways.want("poster-01", actor="lin")
    assert (tick(whole), whole.members()) == ("made", ["staff001"])  # Thursday 08:00 in Shanghai
    whole.scan_way("p500")
    with whole.brand:
        (person,) = execute("SELECT contact_id FROM live_code_add").fetchall()
        leads = execute("SELECT count(*) FROM event WHERE type = 'lead.captured'").fetchone()[0]
        tags = execute("SELECT count(*) FROM event WHERE type = 'tag.added'").fetchone()[0]
        channel = whole.brand.contacts.get_by_id(person[0]).lead_channel
    assert (leads, tags, channel, whole.tags(person[0])) == (1, 1, "poster-01", ["poster"])
    assert (whole.row()["adds"], whole.taken()) == (1, {"staff001": 1})
    said = [each["text"] for each in whole.simulator.corp(CORP).effects if each["what"] == "welcome"]
    assert said == ["初次见面"]
    # The cap is reached: the backup answers. From noon on the rota has somebody else.
    assert (tick(whole), whole.members()) == ("made", ["staff003"])
    clock.set(datetime(2026, 1, 1, 4, 0, tzinfo=UTC))
    assert (tick(whole), whole.members()) == ("made", ["staff002"])
    assert len(whole.simulator.corp(CORP).contact_ways) == 1


def test_through_an_acquisition_link_of_wecom_an_add_belongs_to_the_code_and_a_half_one_waits_for_its_approval(whole, clock):
    whole.staff("staff001")
    whole.code(staff001="")
    with whole.brand as brand:
        whole.here.links.want("poster-01", actor="lin")
        brand.plugins["live-code"].keep_ways()
        link = whole.here.links.of(whole.here.codes.get("poster-01"))
        assert link.state == "made" and whole.here.links.handed_out(whole.here.codes.get("poster-01")) == link.qr
        printed = whole.here.codes.get("poster-01").link
    whole.simulator.act(CORP, "click", {"link_id": link.config_id, "person": "p700", "channel": printed, "half": "only"})

    def work() -> tuple[int, bool]:
        for _ in range(2):
            with whole.brand as brand:
                brand.plugins["wecom"].work()
            whole.deliver()
        with whole.brand:
            return tuple(
                execute("SELECT count(*), max(CASE WHEN approved_at IS NOT NULL THEN 1 ELSE 0 END) FROM live_code_add").fetchone()
            )

    assert (work(), whole.taken()) == ((1, 0), {"staff001": 1})
    clock.advance(seconds=120)
    whole.simulator.act(CORP, "accept", {"userid": "staff001", "person": "p700"})
    assert work() == (1, 1)


def test_a_link_that_somebody_deleted_in_wecom_is_told_and_made_anew_when_it_is_asked_for_again(whole):
    whole.staff("staff001", "staff002")
    whole.code(staff001="")
    links, corp = whole.here.links, whole.simulator.corp(CORP)

    def made() -> tuple[str, str]:
        with whole.brand as brand:
            links.want("poster-01", actor="lin")
            brand.plugins["live-code"].keep_ways()
            code = whole.here.codes.get("poster-01")
            return links.of(code).config_id, links.handed_out(code)

    first, _ = made()
    assert made()[0] == first == corp.links[first].link_id  # one that is there is not made again
    corp.links.clear()
    with whole.brand as brand:
        whole.here.codes.seat("poster-01", "staff002", actor="lin")
        brand.plugins["live-code"].keep_ways()  # those on duty changed: WeCom says that it has no such link
        told = [each for each in brand.plugins["live-code"].brand_warnings() if "acquisition link" in each]
        assert len(told) == 1 and "deleted in WeCom" in told[0]
        assert links.handed_out(whole.here.codes.get("poster-01")) == ""
    second, address = made()
    assert [*corp.links] == [second] != [first] and second in address
    with whole.brand as brand:
        assert [each for each in brand.plugins["live-code"].brand_warnings() if "acquisition link" in each] == []
        (code,) = execute("SELECT code FROM wecom_link WHERE link_id = ?", (second,)).fetchone()
        brand.plugins["wecom"].wecom.links.pause(code, paused=True, actor="ann")
        told = [each for each in brand.plugins["live-code"].brand_warnings() if "acquisition link" in each]
        assert len(told) == 1 and "may not be handed out" in told[0]
    assert made()[0] == second


def test_an_add_whose_callback_was_lost_is_counted_once_on_its_day_when_a_full_sync_finds_it(whole, clock):
    corp = whole.simulator.corp(CORP)
    whole.staff("staff001", "staff002")
    with whole.brand as brand:
        # Customers from before the code: the channel is older than it, and its State stood on another code.
        brand.tags.define("source", "poster", plan="spring")
        brand.channels.create("poster-01", tags=[("source", "poster")])
        old = brand.plugins["wecom"].wecom.api.contact_way(["staff001"], "poster-01", "old")[0]
        brand.plugins["wecom"].wecom.greetings.put({"text": "欢迎"})
    whole.simulator.outbox.drop(1)
    whole.simulator.act(CORP, "scan", {"config_id": old, "person": "p500"})
    clock.advance(days=1)
    whole.code(staff001="")
    with whole.brand:
        whole.here.ways.want("poster-01", actor="lin")
    tick(whole)
    with whole.brand:
        way = whole.here.ways.of(whole.here.codes.get("poster-01")).config_id
    day = whole.brand.day(clock.now())
    whole.simulator.outbox.hold()
    for person in ("p501", "p502"):
        whole.simulator.act(CORP, "scan", {"config_id": way, "person": person})
    clock.advance(days=3)

    def sync() -> None:
        with whole.brand as brand:
            full = brand.plugins["wecom"].wecom.full_sync
            full.begin()
            assert full.run(60).state == "done"
        whole.deliver()

    def adds() -> list[tuple[int, int]]:
        with whole.brand:
            return [tuple(row) for row in execute("SELECT day, count(*) FROM live_code_add GROUP BY day").fetchall()]

    for _ in range(2):
        sync()
        assert (adds(), whole.taken(), whole.row()["adds"]) == ([(day, 2)], {"staff001": 2}, 2)
    # WeCom tells of it at last, twice.
    whole.simulator.outbox.release(copies=2)
    whole.deliver()
    sync()
    with whole.brand as brand:
        brand.plugins["wecom"].work()
        whole.deliver()
        brand.outreach.drain()
    assert (adds(), whole.taken()) == ([(day, 2)], {"staff001": 2})
    assert [each for each in corp.effects if each["what"] == "welcome"] == []
    with whole.brand as brand:
        assert execute("SELECT count(*) FROM event WHERE type = 'lead.captured'").fetchone()[0] == 3
        assert execute("SELECT count(*) FROM event WHERE type = 'tag.added'").fetchone()[0] == 3
        # Today's places are whole, and nobody is said to have been slow about somebody of whom nobody told.
        assert staff_view(whole.here.staff.get("staff001"), whole.here)["taken_today"] == 0
        assert whole.here.reception.overdue() == []
