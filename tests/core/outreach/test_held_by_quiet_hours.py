"""What quiet hours hold: until when is told, other hours hold at once, and nobody's wish to wait is forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from night_scene import HOME, NEW_YORK, at, friends, held, pass_until, quiet, sent, start, waits
from outreach_scene import RECORDERS

from scrm_core.api import SendResult
from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.web import create_app

# Until when --------------------------------------------------------------------


def test_a_run_says_until_when_quiet_hours_hold_it_where_its_brand_is(both, people, clock):
    morning = {"acme": at("2026-03-02T09:00"), "moonco": at("2026-03-01T09:00", "America/New_York")}
    clock.set(at("2026-03-01T21:30"))  # 8:30 in New York
    for name, opens in morning.items():
        with both.brand(name) as brand:
            friends(brand, 2)
            start(brand, owner="carrier", channel="wecom", sender="carrier")
            assert held(brand, owner="carrier") is None  # nobody has looked at it yet
            brand.outreach.drain()
            assert (held(brand, owner="carrier"), sent(brand)) == (opens, [])
    clock.set(morning["moonco"])
    for name, count in (("acme", 0), ("moonco", 2)):
        with both.brand(name) as brand:
            brand.outreach.drain()
            assert len(sent(brand)) == count
    with both.brand("moonco") as brand:
        assert held(brand, owner="carrier") is None


def test_it_is_told_by_command_and_by_call(both, people, clock):
    with both.brand("acme") as brand:
        people(brand).add(HOME)
        start(brand)
        brand.outreach.drain()
        key = brand.keys.create("test", ("outreach:*",))[1]
    app = create_app(both).test_client()
    (item,) = app.get("/api/v1/acme/outreach/runs", headers={"Authorization": f"Bearer {key}"}).json["items"]
    assert item["held_until"] == "2026-03-02T09:00:00+08:00"
    for more, told in ((), "2026-03-02T09:00:00+08:00 (quiet hours)"), (("--json",), '"2026-03-02T09:00:00+08:00"'):
        session = Session(both.config.root, clock)
        done = CliRunner().invoke(root, ["outreach", "runs", "acme", *more], obj=session, prog_name="scrm")
        session.close()
        assert told in done.output
    with both.brand("acme") as brand:
        brand.outreach.pause(brand.outreach.run("mailer", "r1").id, "wrong price")
        assert held(brand) is None


def test_people_abroad_are_held_until_their_own_morning_while_others_are_written_to(both, people, clock):
    clock.set(at("2026-03-01T12:00"))  # 23:00 in New York
    with both.brand("acme") as brand:
        them = people(brand)
        them.add(HOME)
        them.add(NEW_YORK)
        start(brand)
        brand.outreach.drain()
        assert (sent(brand), held(brand)) == ([HOME], at("2026-03-01T09:00", "America/New_York"))


def test_of_several_mornings_the_first_is_told(both, people, clock):
    clock.set(at("2026-03-01T23:30"))  # 10:30 in New York, 0:30 in Tokyo
    with both.brand("acme") as brand:
        them = people(brand)
        them.add(HOME)
        them.add("+819012345678")
        start(brand)
        brand.outreach.drain()
        assert (sent(brand), held(brand)) == ([], at("2026-03-02T08:00"))
        pass_until(brand, clock, at("2026-03-02T08:00"))
        assert (sent(brand), held(brand)) == (["+819012345678"], at("2026-03-02T09:00"))


def test_a_run_that_has_sent_everything_is_over_by_night_too(both, people, clock):
    clock.set(at("2026-03-01T20:59:59"))
    with both.brand("acme") as brand:
        people(brand).add(HOME)
        start(brand)
        brand.outreach.dispatch()
        assert sent(brand) == [HOME]
        clock.set(at("2026-03-01T21:00"))
        brand.outreach.drain()
        assert (brand.outreach.run("mailer", "r1").state, held(brand)) == ("done", None)


# Other hours -------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "then"), [("none", "2026-03-01T23:00"), ("21:00-07:30", "2026-03-02T07:30")])
@pytest.mark.parametrize("channel", ["sms", "wecom"])
def test_shorter_quiet_hours_free_what_waits(both, people, clock, hours, then, channel):
    for name in ("acme", "moonco"):
        with both.brand(name) as brand:
            if channel == "sms":
                people(brand).many(3)
                start(brand)
            else:
                friends(brand, 3)
                start(brand, owner="carrier", channel="wecom", sender="carrier")
            pass_until(brand, clock, at("2026-03-01T23:00"))
    assert (len(sent(both.brand("acme"))), len(sent(both.brand("moonco")))) == (0, 0 if channel == "sms" else 3)
    with quiet(both, hours) as brand:
        if hours != "none":
            pass_until(brand, clock, at(then) - 1)
            assert sent(brand) == []
        pass_until(brand, clock, at(then))
        assert len(sent(brand)) == 3
    if channel == "sms":
        assert sent(both.brand("moonco")) == []  # the other brand's hours are its own


def test_shorter_quiet_hours_free_people_abroad_who_were_put_off(both, people, clock):
    clock.set(at("2026-03-01T12:00"))  # 23:00 in New York
    with both.brand("acme") as brand:
        people(brand).add(NEW_YORK)
        start(brand)
        brand.outreach.drain()
        assert held(brand) == at("2026-03-01T09:00", "America/New_York")
    with quiet(both, "21:00-06:00") as brand:
        brand.outreach.drain()
        assert (sent(brand), held(brand)) == ([], at("2026-03-01T06:00", "America/New_York"))
        pass_until(brand, clock, at("2026-03-01T06:00", "America/New_York") - 1)
        assert sent(brand) == []
        pass_until(brand, clock, at("2026-03-01T06:00", "America/New_York"))
        assert sent(brand) == [NEW_YORK]


def test_people_abroad_are_freed_too_while_it_is_night_at_home(both, people, clock):
    clock.set(at("2026-03-01T21:30"))  # 8:30 in New York
    with both.brand("acme") as brand:
        them = people(brand)
        them.add(HOME)
        them.add(NEW_YORK)
        start(brand)
        brand.outreach.drain()
        assert (sent(brand), held(brand)) == ([], at("2026-03-01T09:00", "America/New_York"))
    with quiet(both, "20:30-08:15") as brand:
        brand.outreach.drain()
        assert (sent(brand), held(brand)) == ([NEW_YORK], at("2026-03-02T08:15"))


def test_longer_quiet_hours_hold_at_once(both, people, clock):
    clock.set(at("2026-03-01T21:30"))  # 8:30 in New York
    with both.brand("acme") as brand:
        them = people(brand)
        them.add(HOME)
        them.add(NEW_YORK)
        start(brand)
        brand.outreach.drain()
        assert (sent(brand), held(brand)) == ([], at("2026-03-01T09:00", "America/New_York"))
    with quiet(both, "21:00-11:00") as brand:
        pass_until(brand, clock, at("2026-03-01T11:00", "America/New_York") - 1)
        assert (sent(brand), held(brand)) == ([], at("2026-03-01T11:00", "America/New_York"))
        pass_until(brand, clock, at("2026-03-01T11:00", "America/New_York"))
        assert (sent(brand), held(brand)) == ([NEW_YORK], at("2026-03-02T11:00"))
    with quiet(both, "21:00-12:00") as brand:
        pass_until(brand, clock, at("2026-03-02T12:00") - 1)
        assert (sent(brand), held(brand)) == ([NEW_YORK], at("2026-03-02T12:00"))
        pass_until(brand, clock, at("2026-03-02T12:00"))
        assert sent(brand) == [NEW_YORK, HOME]


def test_a_kind_that_is_commercial_no_more_is_free(both, people, clock):
    with both.brand("acme") as brand:
        people(brand).add(HOME)
        start(brand)
        brand.outreach.drain()
    path = Path(both.config.root) / "brands" / "acme.toml"
    fresh = path.with_suffix(".new")
    fresh.write_text(path.read_text("utf-8").replace("[outreach]\n", '[outreach]\nopt_in = ["brand"]\n'), "utf-8")
    fresh.replace(path)
    with both.brand("acme") as brand:
        brand.outreach.drain()
        assert sent(brand) == [HOME]


def test_what_a_plugin_or_a_gateway_put_off_is_not_freed(both, people, clock):
    clock.set(at("2026-03-01T12:00"))
    with both.brand("acme") as brand:
        them = people(brand)
        late, busy = "+12125550124", "+12125550125"
        for number in (NEW_YORK, late, busy):
            them.add(number)
        run = brand.outreach.open_run("r1", owner="mailer", channel="sms", kind="marketing", sender="recorder", standing=True)
        brand.outreach.queue_body(run.id, NEW_YORK, "hello")
        brand.outreach.queue_body(run.id, late, "later", not_before=at("2026-03-01T15:00"))
        brand.outreach.release(run.id, 10_000)
        brand.outreach.start(run.id)
        brand.outreach.drain()
        assert sent(brand) == []
    with quiet(both, "none") as brand:
        brand.outreach.drain()
        assert sent(brand) == [NEW_YORK]
        pass_until(brand, clock, at("2026-03-01T15:00") - 1)
        assert sent(brand) == [NEW_YORK]
        pass_until(brand, clock, at("2026-03-01T15:00"))
        assert sent(brand) == [NEW_YORK, late]


def test_a_message_that_a_busy_gateway_gave_back_waits_for_it_whatever_held_it_before(both, people, clock):
    clock.set(at("2026-03-01T12:00"))
    with both.brand("acme") as brand:
        people(brand).add(NEW_YORK)
        start(brand)
        brand.outreach.drain()
        RECORDERS["acme"].answer = lambda message: SendResult.retry("busy", after_s=30)
        pass_until(brand, clock, at("2026-03-01T09:00", "America/New_York"))
        assert sent(brand) == [NEW_YORK]
    with quiet(both, "none") as brand:
        RECORDERS["acme"].answer = lambda message: SendResult.accepted()
        brand.outreach.drain()
        assert sent(brand) == [NEW_YORK]
        clock.advance(seconds=30)
        brand.outreach.drain()
        assert sent(brand) == [NEW_YORK] * 2


def test_freeing_them_touches_no_message_before_its_turn(both, people, clock):
    clock.set(at("2026-03-01T12:00"))
    with both.brand("acme") as brand:
        them = people(brand)
        for number in range(8):
            them.add(f"+1212555{number:04d}")
        run = start(brand, pace=60)
        brand.outreach.drain()
        before = waits(run.id)
        assert {not_before for _, not_before in before} == {at("2026-03-01T09:00", "America/New_York")}
    with quiet(both, "none") as brand:
        brand.outreach.dispatch()
        assert len(sent(brand)) == 1
        assert waits(run.id) == before


def test_a_night_touches_no_message_on_a_channel_whose_people_all_live_by_the_brand_s_clock(both, clock):
    with both.brand("acme") as brand:
        friends(brand, 5)
        run = start(brand, owner="carrier", channel="wecom", sender="carrier")
        pass_until(brand, clock, at("2026-03-02T08:59"))
        assert {not_before for _, not_before in waits(run.id)} == {0}
        pass_until(brand, clock, at("2026-03-02T09:00"))
        assert len(sent(brand)) == 5


def test_an_erased_person_s_message_does_not_keep_a_run_awake(both, people, clock, deliver):
    with both.brand("acme") as brand:
        them = people(brand)
        gone = them.add("+8613800000001")
        them.add(HOME)
        start(brand)
        brand.privacy.erase(gone, actor="ann")
    deliver(both.brand("acme"))
    with both.brand("acme") as brand:
        brand.outreach.drain()
        assert held(brand) == at("2026-03-02T09:00")
        pass_until(brand, clock, at("2026-03-02T09:00"))
        assert (sent(brand), brand.outreach.run("mailer", "r1").state) == ([HOME], "done")
