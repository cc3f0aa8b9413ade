"""Moments keep the core's quiet hours: one posted by night is made in the morning of its brand, once."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from staff_desk import desks
from wecom_scene import CORP
from wecom_server import WecomServer
from wecom_whole import AT, OTHER, Whole

from scrm_core.clock import to_instant
from scrm_core.errors import Conflict, Invalid
from scrm_wecom import WecomPlugin

ADD = "externalcontact/add_moment_task"
NIGHT = "21:00-09:00"


def at(text: str, zone: str = "Asia/Shanghai") -> int:
    return to_instant(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


@pytest.fixture
def whole(staffed, clock) -> Whole:
    """Acme (Shanghai) and moonco (New York), each with a corporation of its own, by day in Shanghai."""
    clock.set(at("2026-03-01T12:00"))
    return staffed(quiet=NIGHT)


def moments(whole: Whole, brand: str = "acme"):
    return whole.installation.brand(brand).plugins["wecom"].wecom.moments


def post(whole: Whole, code: str, brand: str = "acme") -> None:
    with whole.installation.brand(brand):
        moments(whole, brand).post(code, {"text": "今日新品"}, actor="ann")


def work(whole: Whole, brand: str = "acme") -> None:
    """The job of a worker that reads the brand's file again when it has changed."""
    with whole.installation.brand(brand) as opened:
        opened.plugins["wecom"].work()


def made(whole: Whole, corp: str = CORP) -> list[int]:
    """When WeCom was asked for each moment."""
    return sorted(moment.made_ms for moment in whole.simulator.corp(corp).moments.values())


def quiet(whole: Whole, hours: str) -> None:
    """Give acme other quiet hours."""
    path = Path(whole.installation.config.root) / "brands" / "acme.toml"
    fresh = path.with_suffix(".new")
    fresh.write_text(path.read_text("utf-8").replace(f'quiet_hours = "{NIGHT}"', f'quiet_hours = "{hours}"'), "utf-8")
    fresh.replace(path)


def test_posted_by_day_it_is_made_at_once_and_by_night_in_the_morning(whole, clock):
    post(whole, "noon")
    work(whole)
    assert made(whole) == [at("2026-03-01T12:00")]
    clock.set(at("2026-03-01T23:00"))
    post(whole, "late")
    for moment in ("2026-03-01T23:00", "2026-03-02T03:00", "2026-03-02T08:59:59"):
        clock.set(at(moment))
        work(whole)
        with whole.brand:
            found = moments(whole).get("late")
        assert (found.state, found.note, len(made(whole))) == ("waiting", "", 1)
    clock.set(at("2026-03-02T09:00"))
    work(whole)
    assert made(whole) == [at("2026-03-01T12:00"), at("2026-03-02T09:00")]
    clock.advance(seconds=61)
    work(whole)
    assert len(made(whole)) == 2


def test_each_brand_has_the_night_of_its_own_zone(whole, clock):
    clock.set(at("2026-03-02T08:00"))  # 19:00 of the day before in New York
    for brand in ("acme", "moonco"):
        post(whole, "a", brand)
        work(whole, brand)
    assert (made(whole), made(whole, OTHER)) == ([], [at("2026-03-01T19:00", "America/New_York")])
    clock.set(at("2026-03-01T22:00", "America/New_York"))  # 11:00 in Shanghai
    post(whole, "b", "moonco")
    for brand in ("acme", "moonco"):
        work(whole, brand)
    assert (made(whole), len(made(whole, OTHER))) == ([at("2026-03-02T11:00")], 1)
    clock.set(at("2026-03-02T09:00", "America/New_York"))
    work(whole, "moonco")
    assert made(whole, OTHER)[-1] == at("2026-03-02T09:00", "America/New_York")


@pytest.mark.parametrize(("hours", "then"), [("none", "2026-03-01T23:30"), ("21:00-07:30", "2026-03-02T07:30")])
def test_quiet_hours_that_are_made_shorter_free_what_waits(whole, clock, hours, then):
    clock.set(at("2026-03-01T23:00"))
    post(whole, "a")
    work(whole)
    quiet(whole, hours)
    clock.set(at(then) - 1)
    if hours != "none":
        work(whole)
    assert made(whole) == []
    clock.set(at(then))
    work(whole)
    assert made(whole) == [at(then)]


def test_quiet_hours_that_are_made_longer_hold_at_once(whole, clock):
    clock.set(at("2026-03-01T23:00"))
    post(whole, "a")
    quiet(whole, "21:00-10:00")
    clock.set(at("2026-03-02T09:30"))
    work(whole)
    assert made(whole) == []
    clock.set(at("2026-03-02T10:00"))
    work(whole)
    assert made(whole) == [at("2026-03-02T10:00")]


def test_a_kind_that_is_not_commercial_for_the_brand_has_no_night(staffed, clock):
    clock.set(at("2026-03-01T23:00"))
    whole = staffed(quiet=NIGHT, outreach='opt_in = ["brand"]')
    post(whole, "a")
    work(whole)
    assert made(whole) == [at("2026-03-01T23:00")]


def test_it_takes_a_place_of_the_morning_s_day(whole, clock):
    for code in ("a", "b", "c"):
        post(whole, code)
    work(whole)
    with pytest.raises(Conflict, match="3 moments a day .* 2026-03-01"):
        post(whole, "d")
    clock.set(at("2026-03-01T23:00"))
    for code in ("d", "e", "f"):
        post(whole, code)
    with pytest.raises(Conflict, match="3 moments a day .* 2026-03-02"):
        post(whole, "g")
    clock.set(at("2026-03-02T09:00"))
    work(whole)
    assert made(whole).count(at("2026-03-02T09:00")) == 3
    with pytest.raises(Conflict, match="2026-03-02"):
        post(whole, "g")


def test_one_that_is_made_earlier_after_all_gives_its_place_in_the_morning_to_another(whole, clock):
    clock.set(at("2026-03-01T23:00"))
    post(whole, "a")
    quiet(whole, "none")
    work(whole)
    assert made(whole) == [at("2026-03-01T23:00")]
    clock.set(at("2026-03-02T12:00"))
    for code in ("b", "c", "d"):
        post(whole, code)
    with pytest.raises(Conflict, match="moments a day"):
        post(whole, "e")


def test_night_falls_while_files_are_uploaded(scenes, server, clock):
    scene = scenes(acme=f'secret = "s3cret"\napi = "{server.url}"\n')[0]
    clock.set(at("2026-03-01T20:59:59"))

    def upload(asked):
        clock.set(at("2026-03-01T21:00"))
        return {"errcode": 0, "media_id": "md"}

    server.answers["media/upload_attachment"] = [upload]
    server.answers[ADD] = [{"errcode": 0, "jobid": "j1"}]
    with scene.brand as brand:
        wecom = brand.plugins["wecom"].wecom
        file = wecom.media.put(b"\x89PNG\r\n\x1a\n", kind="image", name="a.png").digest
        wecom.moments.post("a", {"attachments": [{"msgtype": "image", "image": {"file": file}}]})
        brand.plugins["wecom"].work()
        assert (wecom.moments.get("a").state, server.calls(ADD)) == ("waiting", [])
        clock.set(at("2026-03-02T09:00"))
        brand.plugins["wecom"].work()
        assert (wecom.moments.get("a").state, server.calls(ADD)) == ("asked", [ADD])


SOURCE = """
from datetime import datetime
from zoneinfo import ZoneInfo
from scrm_core.clock import ManualClock

def run(brand, worker):
    brand.clock = clock = ManualClock(datetime(2026, 3, 2, 8, 59, 59, tzinfo=ZoneInfo("Asia/Shanghai")))
    for _ in range(40):
        brand.plugins["wecom"].wecom.moments.run(brand.plugins["wecom"].wecom.api)
        clock.advance(ms=50)
"""


def test_two_workers_make_it_once_at_the_end_of_the_night(scenes, server: WecomServer, clock, together):
    server.answers["gettoken"] = [{"errcode": 0, "access_token": "t", "expires_in": 7_200}]
    server.answers[ADD] = [{"errcode": 0, "jobid": "j1"}]
    clock.set(at("2026-03-01T23:00"))
    scene = scenes(acme=f'secret = "s3cret"\napi = "{server.url}"\n')[0]
    with scene.brand as brand:
        brand.plugins["wecom"].wecom.moments.post("a", {"text": "今日新品"})
    together(scene.installation, SOURCE, 2)
    with scene.brand as brand:
        assert (brand.plugins["wecom"].wecom.moments.get("a").state, server.calls(ADD)) == ("asked", [ADD])


def test_until_when_it_waits_is_told_by_command_and_by_call(scrm_app, tmp_path):
    app = scrm_app(WecomPlugin, settings={"corp_id": CORP})
    client = app.brand.client("wecom:send", "wecom:read")
    app.clock.set(at("2026-03-01T23:00"))
    (tmp_path / "m.json").write_text(json.dumps({"text": "hello"}), encoding="utf-8")
    said = app.command("wecom", "moment", "post", "acme", "a", str(tmp_path / "m.json"), "--as", "ann")
    assert "2026-03-02T09:00:00+08:00 (quiet hours)" in said
    made = client.post("plugins/wecom/moments", {"code": "b", "content": {"text": "hi"}}).json
    listed = json.loads(app.command("wecom", "moment", "list", "acme", "--json"))
    for shown in (made, *client.get("plugins/wecom/moments").json["moments"], *listed):
        assert (shown["state"], shown["until"], shown["note"]) == ("waiting", "2026-03-02T09:00:00+08:00", "quiet hours")
    app.clock.set(at("2026-03-02T09:00"))
    (shown, _) = client.get("plugins/wecom/moments").json["moments"]
    assert (shown["state"], shown["until"], shown["note"]) == ("waiting", None, "")


def test_until_when_it_waits_stands_on_the_page(whole, clock, monkeypatch):
    desk = desks(whole.installation, monkeypatch)
    clock.set(at("2026-03-01T23:00"))
    post(whole, "a")
    assert "Quiet hours until 2026-03-02 09:00" in desk("mia").get(f"{AT}moments").text
    assert "免打扰时段，2026-03-02 09:00 后创建" in desk("otto", "zh").get(f"{AT}moments").text
    clock.set(at("2026-03-02T09:00"))
    work(whole)
    assert "data-until" not in desk("mia").get(f"{AT}moments").text


def test_one_that_finds_its_day_full_waits_for_the_next_morning_and_says_so(whole, clock, monkeypatch):
    post(whole, "late")
    with whole.brand:
        whole.simulator.fault("errcode", 45009, api=ADD, times=1)
    work(whole)
    clock.set(at("2026-03-02T12:00"))
    for code in ("a", "b", "c"):
        post(whole, code)
    work(whole)
    text = desks(whole.installation, monkeypatch)("mia").get(f"{AT}moments").text
    assert "Quiet hours until 2026-03-03 09:00" in text
    clock.set(at("2026-03-03T09:00"))
    work(whole)
    assert made(whole)[-1] == at("2026-03-03T09:00")


def test_the_core_says_when_something_may_go(whole, clock):
    with whole.installation.brand("moonco") as brand:
        ask = brand.outreach.opens_at
        assert ask("wecom", "marketing") == at("2026-03-01T09:00", "America/New_York")
        assert ask("wecom", "notice") == clock.now()
        noon = at("2026-03-01T12:00", "America/New_York")
        assert ask("sms", "brand", at=noon) == noon
        with pytest.raises(Invalid, match="pigeon"):
            ask("pigeon", "marketing")
