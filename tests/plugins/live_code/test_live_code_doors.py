"""Routes with their permissions, and commands."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from live_scene import Scene, scanned

from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_live_code.commands import group

README = Path(__file__).resolve().parents[3] / "plugins" / "scrm_live_code" / "README.md"
PAGE = README.parents[2] / "docs" / "live-code.md"
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@on_sqlite
def test_over_http_each_route_needs_its_permission(scenes):
    scene, other = scenes()
    client = scene.app.test_client()
    keys = {}
    for each in (scene, other):
        with each.brand as brand:
            keys |= {(brand.id, what): brand.keys.create(what, (f"live-code:{what}",))[1] for what in ("read", "write")}

    def call(method, path, body=None, scope="write", brand="acme", key="acme"):
        headers = {"Authorization": f"Bearer {keys[key, scope]}"}
        return client.open(f"/api/v1/{brand}/plugins/live-code{path}", method=method, json=body, headers=headers)

    steps = [
        ("PUT", "/staff/ann", {"name": "Ann", "address": "https://work.example/ann"}, 200),
        ("POST", "/codes", {"channel": "door", "title": "Door"}, 201),
        ("POST", "/codes", {"channel": "door", "title": "Door"}, 409),
        ("PUT", "/codes/door/staff/ann", {"hours": "1-5 08:00-20:00"}, 200),
        ("PUT", "/codes/door/staff/eve", {}, 404),
        ("POST", "/codes/door/publish", {}, 409),
        ("PUT", "/codes/door/activity", {"title": "新年", "first_day": "2026-01-01", "last_day": "2026-01-31"}, 200),
        ("PUT", "/codes/door/peak", {"peak": 101}, 200),
        ("PUT", "/codes/door/peak", {"peak": 0}, 422),
        ("POST", "/codes/door/publish", {}, 200),
        ("POST", "/codes/door/way", {}, 409),
        ("POST", "/codes/door/pause", {}, 200),
        ("DELETE", "/codes/door/staff/ann", None, 200),
        ("DELETE", "/staff/ann", None, 200),
    ]
    for method, path, body, status in steps:
        assert call(method, path, body, "read").status_code == 403, path
        assert call(method, path, body, key="moonco").status_code == 404, path
        answer = call(method, path, body)
        assert answer.status_code == status, (path, answer.text)
    shown = call("GET", "/codes/door", scope="read").json
    assert (shown["state"], shown["open"], shown["seats"]) == ("paused", False, [])
    assert scanned(call("GET", "/codes/door/poster", scope="read").data) == shown["address"]
    assert [each["channel"] for each in call("GET", "/codes", scope="read").json["codes"]] == ["door"]
    (ann,) = call("GET", "/staff", scope="read").json["staff"]
    assert (ann["daily_cap"], ann["left_at"]) == (100, "2026-01-01T08:00:00+08:00")
    assert call("GET", "/plan?peak=1001", scope="read").json["accounts"] == 11
    assert call("GET", "/report", scope="read").json["rows"][0]["main"] == 0
    assert call("GET", "/codes", scope="read", brand="moonco", key="moonco").json["codes"] == []
    assert call("PUT", "/staff/ann", {"address": "javascript:alert(1)"}).status_code == 422
    early = {"title": "新年", "first_day": "0001-01-01", "last_day": "2026-01-31"}
    assert call("PUT", "/codes/door/activity", early).json["field"] == "first_day"
    assert call("PUT", "/codes/door/staff/ann", {"role": "boss"}).json["field"] == "role"


@on_sqlite
def test_commands_do_the_same(scene: Scene, tmp_path):
    runner = CliRunner()

    def run(*words: str, fails: bool = False) -> str:
        session = Session(installation=scene.installation)
        result = runner.invoke(group, list(words), obj=session)
        assert (result.exit_code != 0) == fails, result.output + repr(result.exception)
        return result.output

    run("staff", "put", "acme", "ann", "--name", "Ann", "--as", "lin")
    run("create", "acme", "door", "--title", "Door", "--as", "lin")
    run("create", "acme", "door", "--title", "Gate", "--as", "lin", fails=True)
    assert "Door" in run("create", "acme", "door", "--title", "Gate", "--if-none", "--as", "lin")
    run("seat", "acme", "door", "ann", "--hours", "1-5 08:00-20:00", "--as", "lin")
    run("publish", "acme", "door", "--as", "lin", fails=True)
    # Planning is before publishing: the rota is told, marked.
    assert re.search(r"^by_rota +ann \(the code is not published\)$", run("show", "acme", "door", "--at", "2026-01-05T10:00"), re.M)
    assert re.search(r"^by_rota +- \(the code is not published; nobody is on duty\)$", run("show", "acme", "door", "--at", "2026-01-04T10:00"), re.M)
    run("activity", "acme", "door", "--title", "新年", "--first", "2026-01-01", "--last", "2026-01-31", "--as", "lin")
    assert "live" in run("publish", "acme", "door", "--as", "lin")
    assert "101 people a day need 2 accounts; 1 is assigned" in run(
        "plan", "acme", "101", "--channel", "door", "--as", "lin"
    )
    run("plan", "acme", "101", "--channel", "door", fails=True)
    picture = tmp_path / "door.png"
    run("poster", "acme", "door", str(picture))
    assert scanned(picture.read_bytes()) in run("show", "acme", "door")
    assert "door" in run("list", "acme") and "Ann" in run("staff", "list", "acme")
    assert "1-5 08:00-20:00" in run("show", "acme", "door")
    assert run("show", "acme", "door", "--at", "2026-01-05T10:00").count("ann\n") == 2
    run("way", "acme", "door", "--as", "lin", fails=True)
    assert run("ways", "acme") == "0 contact ways made or changed\n"
    run("pause", "acme", "door", "--note", "rain", "--as", "lin")
    run("seat", "acme", "door", "ann", "--remove", "--as", "lin")
    run("staff", "leave", "acme", "ann", "--as", "lin")
    assert "paused" in run("report", "acme")


@on_sqlite
def test_who_a_scan_would_be_sent_to_is_told_for_any_instant_of_the_brand_s_zone(scenes, clock):
    scene, other = scenes()
    for each in (scene, other):
        each.staff("ann", "ben", "zoe")
        each.code(ann="1-5 09:00-18:00", ben="6 10:00-16:00", zoe="backup")

    def record(each: Scene, at: str) -> dict[str, Any]:
        here = CliRunner().invoke(
            group, ["show", each.brand.id, "poster-01", "--at", at, "--json"],
            obj=Session(installation=each.installation),
        )  # fmt: skip
        assert here.exit_code == 0, here.output
        return json.loads(here.output)

    def told(each: Scene, at: str) -> tuple[bool, list[str]]:
        found = record(each, at)
        return found["open"], found["on_duty"]

    assert told(scene, "2026-01-05T09:00") == (True, ["ann"])  # a Monday
    assert told(scene, "2026-01-05T08:59:59") == told(scene, "2026-01-05T18:00") == (True, ["zoe"])
    assert told(scene, "2026-01-10T12:00") == (True, ["ben"])  # a Saturday in Shanghai, a Friday night in New York
    assert told(other, "2026-01-09T23:00") == (True, ["zoe"])
    assert told(other, "2026-01-10T12:00:00+08:00") == (True, ["zoe"])
    assert told(scene, "2026-02-01T00:00") == (False, [])  # the activity is over
    with scene.brand:
        scene.here.codes.pause("poster-01", actor="lin")
    assert told(scene, "2026-01-05T09:00") == (False, [])
    assert record(scene, "2026-01-05T09:00")["by_rota"] == ["ann"]
    assert record(scene, "2026-01-05T09:00")["closed"] == "the code is paused"
    with scene.brand:
        scene.here.codes.publish("poster-01", actor="lin")
    assert (record(scene, "2026-01-05T09:00")["by_rota"], record(scene, "2026-01-05T09:00")["closed"]) == (["ann"], "")
    assert record(scene, "2026-02-02T09:00")["closed"] == "no activity runs"
    scene.staff("ann", cap=0)
    assert told(scene, "2026-01-05T09:00") == (True, ["zoe"])
    with scene.brand as brand:
        key = brand.keys.create("read", ("live-code:read",))[1]
    answer = scene.app.test_client().get(
        "/api/v1/acme/plugins/live-code/codes/poster-01?at=2026-01-10T12:00", headers={"Authorization": f"Bearer {key}"}
    )
    assert (answer.json["open"], answer.json["on_duty"]) == (True, ["ben"])


@on_sqlite
def test_why_nobody_is_there_is_told_and_each_seat_has_today_s_count_beside_its_cap(scenes, clock):
    scene, other = scenes()
    for each in (scene, other):
        each.staff("ann", cap=1)
    path = scene.code(ann="1-5 08:00-18:00")
    other.code(ann="1-5 08:00-18:00")
    with scene.brand as brand:
        key = brand.keys.create("read", ("live-code:read",))[1]

    def told(at: str = "2026-01-01T10:00", each: Scene = scene) -> tuple[str, str, str, int]:
        words = ["show", each.brand.id, "poster-01", "--at", at]
        text = CliRunner().invoke(group, words, obj=Session(installation=each.installation)).output
        record = json.loads(CliRunner().invoke(group, [*words, "--json"], obj=Session(installation=each.installation)).output)
        (seat,) = record["seats"]
        assert seat["daily_cap"] == 1
        return re.search(r"^by_rota +(.*)$", text, re.M)[1], record["closed"], record["nobody"], seat["taken_today"]

    assert told() == ("ann", "", "", 0)
    assert scene.scan(path) == "ann"
    assert told() == ("- (nobody on duty has room today)", "", "nobody on duty has room today", 1)
    assert told("2026-01-01T19:00") == ("- (nobody is on duty)", "", "nobody is on duty", 1)
    assert told("2026-01-02T10:00") == ("ann", "", "", 1)  # of a day to come nobody took anything
    assert told(each=other) == ("ann", "", "", 0)
    answer = scene.app.test_client().get(
        "/api/v1/acme/plugins/live-code/codes/poster-01?at=2026-01-01T10:00", headers={"Authorization": f"Bearer {key}"}
    )
    assert (answer.json["by_rota"], answer.json["nobody"]) == ([], "nobody on duty has room today")
    run = CliRunner().invoke(
        group, ["seat", "acme", "poster-01", "ann", "--as", "lin", "--json"], obj=Session(installation=scene.installation)
    )
    assert [(each["taken_today"], each["daily_cap"]) for each in json.loads(run.output)] == [(1, 1)]


@on_sqlite
def test_the_demo_s_box_takes_the_contact_way_also_where_there_is_a_link(scene: Scene, tmp_path):
    scene.staff("ann")
    scene.code(ann="")
    with scene.brand:
        for kind in ("way", "link"):
            execute(
                "INSERT INTO live_code_way (code_id, kind, maker, config_id, qr, users, state, note, actor, at) "
                "VALUES (?, ?, 'gone', ?, '', '[]', 'made', '', 'lin', 1)",
                (scene.here.codes.get("poster-01").id, kind, f"{kind}-1"),
            )
    shown = CliRunner().invoke(group, ["show", "acme", "poster-01", "--json"], obj=Session(installation=scene.installation))
    (line,) = re.findall(r"^\$ scrm live-code show \S+ \S+ --json \| (.*) > data/way$", PAGE.read_text("utf-8"), re.M)
    found = subprocess.run(["sh", "-c", line], input=shown.output, capture_output=True, text=True, check=True, timeout=30)
    assert found.stdout == "way-1\n"


def test_the_readme_names_every_command():
    readme = README.read_text("utf-8")

    def names(command, words):
        if hasattr(command, "commands"):
            for name, inner in command.commands.items():
                yield from names(inner, [*words, name])
        else:
            yield " ".join(words)

    for name in names(group, ["scrm", "live-code"]):
        assert name in readme, name
