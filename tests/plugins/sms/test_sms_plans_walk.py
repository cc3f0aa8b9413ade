"""Whatever people do in whatever order, a plan is where a plain model says, and nothing goes out before its start."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from sms_scene import BODY, EVERYBODY, POLICY, Scene

from scrm_core.errors import Conflict, NotFound
from scrm_sms.plans.steps import Arm

ORDER = ["goal", "audience", "policy", "pack", "path", "copy", "test", "approval"]
VOID = {
    "goal": {"audience", "policy", "pack", "path", "copy", "test", "approval"},
    "audience": {"pack", "approval"},
    "policy": {"approval"},
    "pack": {"approval"},
    "path": {"test", "approval"},
    "copy": {"test", "approval"},
    "test": {"approval"},
    "approval": set(),
}


def act(scene: Scene, step: str, number: int) -> None:
    """Do a step with a decision that no earlier one has."""
    plans = scene.plans
    if step == "goal":
        plans.set_goal("MAY", ["acquire", "repurchase"][number % 2], kind=["marketing", "brand"][number // 2 % 2],
                       sender="recorder", actor="ann")  # fmt: skip
    elif step == "audience":
        plans.set_audience("MAY", segment=f"{EVERYBODY} and orders <= {1_000 + number}", actor="ann")
    elif step == "policy":
        plans.set_policy("MAY", replace(POLICY, offer=f"券 {number}"), actor="ann")
    elif step == "pack":
        plans.packing.build("MAY", actor="ann")
    elif step == "path":
        scene.brand.channels.ensure(f"way-{number}")
        plans.paths.set_path("MAY", channel=f"way-{number}", actor="ann")
    elif step == "copy":
        plans.wordings.set_copy("MAY", [Arm("A", f"第{number}版，{BODY}")], actor="ann")
    elif step == "test":
        scene.passed_test()
    else:
        plans.launching.approve("MAY", actor="bob")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_order_of_acts_leaves_the_plan_where_the_model_says(scene: Scene, seed: int) -> None:
    chance = random.Random(seed)
    scene.people(2)
    for person in scene.people(2, first=2):
        scene.tag(person, "x")
    scene.plans.create("MAY", actor="ann")
    scene.page("MAY")
    done: set[str] = set()
    reached, refused = 0, 0
    for number in range(60):
        upto = next((place for place, step in enumerate(ORDER) if step not in done), len(ORDER) - 1)
        # Mostly the next step, otherwise any: too early, again, or back.
        step = ORDER[upto] if chance.random() < 0.6 else chance.choice(ORDER)
        if step in done and chance.random() < 0.5:
            scene.plans.back("MAY", step, actor="eve", reason="walk")
            done -= VOID[step] | {step}
        elif any(earlier not in done for earlier in ORDER[: ORDER.index(step)]) or (step in done and step == "approval"):
            before = scene.plans.get("MAY")
            with pytest.raises((Conflict, NotFound)):
                act(scene, step, number)
            assert scene.plans.get("MAY") == before
            refused += 1
        else:
            was = scene.plans.get("MAY").steps.get(step)
            act(scene, step, number)
            # The goal alone may be decided as before; then nothing is void.
            if was is None or scene.plans.get("MAY").steps[step] != was:
                done = (done - VOID[step]) | {step}
        plan = scene.plans.get("MAY")
        assert set(plan.steps) == done, (number, step)
        assert plan.row.state == next((name for name in ORDER if name not in done), "schedule")
        assert (plan.row.run_id is None) == ("pack" not in done)
        reached += plan.row.state == "schedule"
        scene.brand.outreach.drain()
        assert not scene.gateway.of("marketing") and not scene.gateway.of("brand")
    assert reached and refused
