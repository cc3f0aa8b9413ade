"""A plan at the console: who stands at its page, how it is made by forms up to a step."""

from __future__ import annotations

from typing import Any

from sms_scene import BODY, EVERYBODY, Scene
from staff_desk import Desk

ROOT = "b/acme/x/sms/"
PLAN = f"{ROOT}plan"


class PlanDesk(Desk):
    """Somebody at the page of one plan."""

    page = PLAN


def made(browser: Any, name: str = "otto") -> PlanDesk:
    person = browser(name)
    person.get(f"{ROOT}plans")
    answer = person.post(f"{ROOT}plans", act="create", code="MAY", name="五月")
    assert (answer.status_code, answer.location) == (303, f"/staff/console/{PLAN}?id=MAY&done=create")
    return PlanDesk(person)


COPY = {"signature": "", "arm": ["A", "B"], "body": [BODY, f"亲爱的{{name}}，请看 {{link}} {BODY[-7:]}"], "weight": ["", ""],
        "segment": ["", ""], "template": ["", ""]}  # fmt: skip
POLICY = {
    "offer": "新客立减券", "hook": "coupon", "product": "纸尿裤 S", "cost": "5.00", "margin": "12", "claimants": "10",
    "budget": "10,000", "materials": "product picture\r\nlanding copy\r\nwelcome",
}  # fmt: skip


def walk(house: Any, desk: PlanDesk, upto: str = "test") -> Scene:
    """By forms from the aim up to a step, that one excluded."""
    scene = Scene(house.brand("acme"))
    with scene.brand as brand:
        scene.people(4)
        scene.person("+8613800000009", agrees=False)
        brand.channels.ensure("sms-may", "SMS May")
    desk.act("goal", goal="acquire", kind="marketing", sender="recorder")
    if upto == "audience":
        return scene
    desk.act("audience", segment=EVERYBODY)
    desk.act("policy", **POLICY)
    desk.act("pack", holdout="0")
    desk.act("landing", step="path", title="五月", activity="新客券", starts_at="2025-01-01T00:00", ends_at="2036-12-31T00:00",
             text="领券", welcome="欢迎", button="领取", target="https://work.weixin.qq.com/ca/x?s={state}")  # fmt: skip
    desk.act("path", channel="sms-may")
    desk.act("copy", **COPY)
    return scene
