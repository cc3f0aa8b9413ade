"""Every entry is a code: shops and what is shared online compared, and people who are asked by their phone."""

from __future__ import annotations

from typing import Any

import pytest
from live_scene import Scene
from test_live_code_reception import step

from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_live_code.asks import ask_report
from scrm_live_code.entries import entry_report


def test_shops_and_what_is_shared_online_have_the_same_funnel(scenes, clock):
    scene, other = scenes()
    scene.staff("ann")
    door, group = scene.code("door", ann=""), scene.code("group", ann="")
    with scene.brand:
        put = scene.here.entries.put
        put("door", place="offline", store="S-017", actor="lin")
        put("group", place="online", sharer_role="staff", sharer="ann", actor="lin")
        bad: list[dict[str, Any]] = [{"place": "moon"}, {"sharer_role": "owner"}, {"sharer": "x"}, {"sharer_role": "king", "sharer": "x"}]
        for each in bad:
            with pytest.raises(Invalid):
                put("door", actor="lin", **each)
        for role in ("staff", "customer"):
            with pytest.raises(NotFound):
                put("door", sharer_role=role, sharer="nobody", actor="lin")
        assert scene.here.entries.of(scene.here.codes.get("group"))["sharer"] == "ann"
    for path in (door, door, door, door, group, group):
        scene.scan(path)
    one = scene.lead("one", "door", staff="ann")
    scene.lead("two", "group", staff="ann")
    step(scene, one, "spoke", clock.now())
    step(scene, one, "ordered", clock.now())
    with scene.brand:
        rows = {row["place"]: row for row in entry_report().rows}
        names = ("visitors", "sent", "added", "replied", "ordered", "add_rate")
        # Four opened the shop's page and one added, wrote and ordered; two the group's, of which one added.
        assert [rows["offline"][name] for name in names] == [4, 4, 1, 1, 1, 0.25]
        assert [rows["online"][name] for name in names] == [2, 2, 1, 0, 0, 0.5]
        assert {row["store"] for row in entry_report(by="store").rows} == {"", "S-017"}
        assert {row["sharer"] for row in entry_report(by="sharer").rows} == {"", "staff"}
        with pytest.raises(Invalid):
            entry_report(by="moon")
    with other.brand:
        assert list(entry_report().rows) == []


def test_requests_by_phone_and_links_are_reported_apart_and_count_once(scene: Scene, clock):
    scene.staff("ann")
    path = scene.code(ann="")

    def person(name: str) -> str:
        with scene.brand as brand:
            made = brand.contacts.resolve((IdentityIn.of("buyer", name, "shop"),), at=clock.now(), origin="shop")
            return str(brand.contacts.get_by_id(made.contact_id).uid)

    people = [person(f"p{n}") for n in range(6)]
    with scene.brand:
        ask = scene.here.asks.ask
        for uid in people[:4]:
            assert ask("poster-01", uid, "active", staff="ann", actor="lin") == ""
        for uid in people[4:] * 2:
            assert ask("poster-01", uid, "passive", actor="lin") == f"http://127.0.0.1:8000{path}"
        for bad in ({"mode": "both"}, {"mode": "active"}):
            with pytest.raises(Invalid):
                ask("poster-01", people[0], actor="lin", **bad)
        with pytest.raises(NotFound):
            ask("poster-01", people[0], "active", staff="eve", actor="lin")
    clock.advance(seconds=60)
    with scene.brand as brand:
        # Who accepts a request comes by no code and adds whoever asked: a form filled in, or the add of a colleague, is
        # none. Somebody who was sent the link and came another way did not use it.
        for name, state, staff in (("p0", "", "ann"), ("p1", "", ""), ("p2", "", "ben"), ("p4", "poster-01", ""), ("p5", "", "ann")):
            for _ in range(2):
                brand.contacts.capture_lead(
                    LeadIn(
                        source="shop", reference=name, identities=(IdentityIn.of("buyer", name, "shop"),),
                        at=clock.now(), state=state, fields={"staff": staff} if staff else {},
                    )
                )  # fmt: skip
    scene.deliver()
    with scene.brand:
        told = [(row["mode"], row["asked"], row["added"], row["rate"]) for row in ask_report().rows]
        assert told == [("active", 4, 1, 0.25), ("passive", 2, 1, 0.5)]
        scene.here.codes.pause("poster-01", actor="lin")
        with pytest.raises(Conflict) as refused:
            ask("poster-01", people[0], "passive", actor="lin")
    assert refused.value.code == "not_open"
