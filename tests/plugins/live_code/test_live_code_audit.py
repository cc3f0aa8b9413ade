"""The audit log names who did each act of live codes, by whichever door, once; what was refused is not in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner
from live_scene import Scene
from staff_desk import desks
from test_live_code_ways import Messenger

from scrm_console import Console
from scrm_core.cli.session import Session
from scrm_live_code import LiveCodePlugin
from scrm_live_code.commands import group

AT = "b/acme/x/live-code/"
HTTP = "/api/v1/acme/plugins/live-code"
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
PERSONAL = ("伊娃", "王老板", "老王", "开店十年", "小美", "rain")
DAYS = {"first_day": "2026-01-01", "last_day": "2026-02-28"}

Act = tuple[str, str, str, tuple[str, str, Any], tuple[str, dict[str, str]] | None, tuple[str, str, Any]]
ACTS: tuple[Act, ...] = (
    # what stands in the log, of what; by command, by HTTP, on a page; and one that is refused
    ("live_code.create", "live-code:door", "create acme door --title Door",
     ("POST", "/codes", {"channel": "door", "title": "Door"}),
     ("codes", {"act": "create", "channel": "door", "title": "Door"}),
     ("POST", "/codes", {"channel": "poster-01", "title": "Door"})),
    ("live_code.activity", "live-code:poster-01",
     "activity acme poster-01 --title Spring --first 2026-01-01 --last 2026-02-28",
     ("PUT", "/codes/poster-01/activity", {"title": "Spring", **DAYS}),
     ("code", {"act": "activity", "title": "Spring", "first": "2026-01-01", "last": "2026-02-28"}),
     ("PUT", "/codes/poster-01/activity", {"title": "Spring", **DAYS, "last_day": "2025-12-31"})),
    ("live_code.publish", "live-code:poster-01", "publish acme poster-01",
     ("POST", "/codes/poster-01/publish", {}), ("code", {"act": "publish"}), ("POST", "/codes/bare/publish", {})),
    ("live_code.pause", "live-code:poster-01", "pause acme poster-01 --note rain",
     ("POST", "/codes/poster-01/pause", {}), ("code", {"act": "pause", "note": "rain"}),
     ("POST", "/codes/none/pause", {})),
    ("live_code.seat", "live-code:poster-01", "seat acme poster-01 ben --role backup",
     ("PUT", "/codes/poster-01/staff/ben", {"role": "backup"}),
     ("code", {"act": "seat", "staff": "ben", "role": "backup"}),
     ("PUT", "/codes/poster-01/staff/eve", {})),
    ("live_code.unseat", "live-code:poster-01", "seat acme poster-01 ann --remove",
     ("DELETE", "/codes/poster-01/staff/ann", None), ("code", {"act": "unseat", "staff": "ann"}),
     ("DELETE", "/codes/poster-01/staff/eve", None)),
    ("live_code.peak", "live-code:poster-01", "plan acme 201 --channel poster-01",
     ("PUT", "/codes/poster-01/peak", {"peak": 201}), ("code", {"act": "peak", "peak": "201"}),
     ("PUT", "/codes/poster-01/peak", {"peak": 0})),
    ("live_code.entry", "live-code:poster-01",
     "entry acme poster-01 --place offline --store S-1 --sharer-role owner --sharer 王老板",
     ("PUT", "/codes/poster-01/entry",
      {"place": "offline", "store": "S-1", "sharer_role": "owner", "sharer": "王老板"}),
     ("code", {"act": "entry", "place": "offline", "store": "S-1", "sharer_role": "owner", "sharer": "王老板"}),
     ("PUT", "/codes/poster-01/entry", {"sharer": "王老板"})),
    ("live_code.way", "live-code:poster-01", "way acme poster-01",
     ("POST", "/codes/poster-01/way", {}), ("code", {"act": "way"}), ("POST", "/codes/none/way", {})),
    ("live_code.link", "live-code:poster-01", "link acme poster-01",
     ("POST", "/codes/poster-01/link", {}), ("code", {"act": "link"}), ("POST", "/codes/bare/link", {})),
    ("live_code.ask", "live-code:poster-01", "ask acme poster-01 UID passive",
     ("POST", "/codes/poster-01/asks", {"contact": "UID", "mode": "passive"}), None,
     ("POST", "/codes/bare/asks", {"contact": "UID", "mode": "passive"})),
    ("live_code.tell", "contact:ID", "tell acme UID muted --staff ann",
     ("POST", "/reception", {"contact": "UID", "step": "muted", "staff": "ann"}), None,
     ("POST", "/reception", {"contact": "nobody", "step": "muted"})),
    ("live_code_staff.put", "live-code-staff:eve", "staff put acme eve --name 伊娃",
     ("PUT", "/staff/eve", {"name": "伊娃"}), ("codes", {"act": "staff", "userid": "eve", "name": "伊娃"}),
     ("PUT", "/staff/eve", {"address": "javascript:alert(1)"})),
    ("live_code_staff.leave", "live-code-staff:ann", "staff leave acme ann",
     ("DELETE", "/staff/ann", None), ("codes", {"act": "leave", "userid": "ann"}), ("DELETE", "/staff/eve", None)),
    ("live_code_persona.put", "live-code-persona:dad", "persona put acme dad --name 老王 --item truth=开店十年",
     ("PUT", "/personas/dad", {"name": "老王", "profile": {"truth": "开店十年"}}),
     ("personas", {"act": "save", "code": "dad", "name": "老王", "kind": "wecom", "item-truth": "开店十年"}),
     ("PUT", "/personas/D AD", {"name": "老王"})),
    ("live_code_persona.cast", "live-code-persona:mei", "persona staff acme mei ben",
     ("PUT", "/personas/mei/staff/ben", {}), ("personas", {"act": "cast", "code": "mei", "staff": "ben"}),
     ("PUT", "/personas/mei/staff/eve", {})),
    ("live_code_persona.uncast", "live-code-persona:mei", "persona staff acme mei ann --remove",
     ("DELETE", "/personas/mei/staff/ann", None), None, ("DELETE", "/personas/mei/staff/ben", None)),
    ("live_code_persona.exposed", "live-code-persona:mei", "persona exposed acme mei 2026-01-01 100",
     ("PUT", "/personas/mei/exposures/2026-01-01", {"people": 100}), None,
     ("PUT", "/personas/mei/exposures/2026-02-01", {"people": 100})),
)  # fmt: skip


@pytest.fixture
def house(new_installation: Callable[..., Any]) -> Any:
    tables = "\n[plugins.console]\n[plugins.messenger]\n[plugins.live-code]\n"
    return new_installation(plugins=(Console, Messenger, LiveCodePlugin), acme=tables, moonco=tables)


@pytest.fixture
def scene(house: Any, deliver: Callable[..., None]) -> Scene:
    scene = Scene(house, "acme", deliver)
    scene.staff("ann", "ben")
    scene.code(ann="")
    with scene.brand:
        scene.here.codes.create("bare", title="Bare", actor="lin")
        scene.here.personas.put("mei", name="小美", actor="lin")
        scene.here.personas.cast("mei", "ann", actor="lin")
    return scene


def logged(house: Any, brand: str = "acme") -> list[tuple[str, str, str, Any]]:
    """Acts of live codes in a brand's log, but for those of who made the scene."""
    with house.brand(brand) as opened:
        found = [(each.actor, each.action, each.target, each.detail) for each in opened.audit.page(limit=200)]
    return [each for each in found if each[1].startswith("live_code") and each[0] != "lin"]


def by_command(house: Any, scene: Scene, act: Act, uid: str, monkeypatch: Any) -> str:
    told = act[2].startswith(("tell", "persona exposed"))
    asked = [uid if word == "UID" else word for word in act[2].split()]
    asked += [] if told else ["--as", "kim"]
    result = CliRunner().invoke(group, asked, obj=Session(installation=house))
    assert result.exit_code == 0, result.output + repr(result.exception)
    return "operator" if told else "kim"


def over_http(scene: Scene, call: tuple[str, str, Any], uid: str) -> tuple[int, str]:
    method, path, body = call
    with scene.brand as brand:
        key, secret = brand.keys.create("shop", ("live-code:write",))
    answer = scene.app.test_client().open(
        HTTP + path, method=method, json=json.loads(json.dumps(body).replace("UID", uid)),
        headers={"Authorization": f"Bearer {secret}"},
    )  # fmt: skip
    return answer.status_code, f"key:{key}"


def by_call(house: Any, scene: Scene, act: Act, uid: str, monkeypatch: Any) -> str:
    status, actor = over_http(scene, act[3], uid)
    assert status < 300
    return actor


def by_page(house: Any, scene: Scene, act: Act, uid: str, monkeypatch: Any) -> str:
    assert act[4] is not None
    name, form = act[4]
    mia = desks(house, monkeypatch)("mia")
    place = f"{AT}code?channel=poster-01" if name == "code" else f"{AT}{name}"
    page = mia.get(place).text
    seen = {"seen": page.split('name="seen" value="')[1].split('"')[0]} if name == "code" else {}
    answer = mia.post(place, **seen, **form)
    assert answer.status_code == 303, answer.text
    return "user:mia"


DOORS = [(act, door) for act in ACTS for door in (by_command, by_call, by_page) if act[4] or door is not by_page]


@on_sqlite
@pytest.mark.parametrize(("act", "door"), DOORS, ids=[f"{act[0]}-{door.__name__}" for act, door in DOORS])
def test_an_act_stands_in_the_log_once_with_who_did_it_and_a_refused_one_does_not(
    house, scene: Scene, monkeypatch, act: Act, door: Callable[..., str]
):
    action, target, *_, refused = act
    person = scene.lead("one", "poster-01", staff="ann")
    with scene.brand as brand:
        uid = brand.contacts.get_by_id(person).uid
    assert 400 <= over_http(scene, refused, uid)[0] < 500
    assert logged(house) == []
    actor = door(house, scene, act, uid, monkeypatch)
    ((who, what, which, detail),) = logged(house)
    assert (who, what, which) == (actor, action, target.replace("ID", str(person)))
    assert not any(name in json.dumps(detail, ensure_ascii=False) for name in PERSONAL)
    assert logged(house, "moonco") == []


@on_sqlite
def test_what_changes_nothing_is_no_act(house, scene: Scene):
    person = scene.lead("one", "poster-01", staff="ann")
    with scene.brand as brand:
        uid = brand.contacts.get_by_id(person).uid
        here = scene.here
        here.codes.unseat("poster-01", "ben", actor="kim")
        assert here.reception.tell(uid, "muted", staff="ben", actor="kim") == 0
        for _ in range(2):
            here.staff.leave("ben", actor="kim")
            here.ways.want("poster-01", actor="kim")
            here.asks.ask("poster-01", uid, "passive", actor="kim")
    assert sorted(what for _, what, *_ in logged(house)) == ["live_code.ask", "live_code.way", "live_code_staff.leave"]
