"""A plan goes through its steps in order, back for a reason, and nowhere with something missing."""

from __future__ import annotations

from sms_scene import Scene


def test_a_plan_goes_from_goal_to_done(scene: Scene) -> None:
    scene.people(3)
    scene.upto("running")
    assert scene.state() == "running"
    scene.brand.outreach.drain()
    assert sorted(message.address for message in scene.gateway.of("marketing")) == [
        "+8613800000000",
        "+8613800000001",
        "+8613800000002",
    ]
    for message in scene.gateway.of("marketing"):
        scene.brand.outreach.receipt(message.uid, "delivered")
    scene.control()
    assert scene.state() == "done"
