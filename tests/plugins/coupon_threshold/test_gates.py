"""A claim gate opens to those who did its tasks, proven by events, and shows the others how far they are."""

from __future__ import annotations

from typing import Any

import pytest
from coupon_scene import PLUGIN, PLUGINS, CouponScene

from scrm_core.brands import Brand
from scrm_core.errors import Forbidden
from scrm_core.plugin import Plugin
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.orders import LineIn, OrderIn, RefundIn


class Games(Plugin):
    """A third party's games: they tell what people did."""

    name = "other-games"
    version = "1"
    summary = "games"
    requires_core = ">=0.1.0.dev0,<1"


@pytest.fixture
def scene(new_installation, clock) -> CouponScene:
    """The scene, with somebody else's games in acme."""
    games = "\n[plugins.other-games]\n"
    return CouponScene(new_installation(plugins=(*PLUGINS, Games), acme=PLUGIN + games, moonco=PLUGIN), clock)


def gate(*tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"tasks": list(tasks), **more}


def progress(scene: CouponScene, code: str, contact_id: int) -> list[tuple[int, int]]:
    with scene.acme:
        here = scene.coupons()
        found = here.gates.progress(contact_id, here.batches.get(code))
    return [(step.done, step.needed) for step in found.steps]


def told(scene: CouponScene, name: str, contact_id: int, **fields: Any) -> None:
    with scene.acme as brand, brand.transaction():
        brand.emit("other-games", name, contact_id, fields)


def closed(scene: CouponScene, code: str, contact_id: int, **more: Any) -> str:
    with pytest.raises(Forbidden) as refusal:
        scene.claim(code, contact_id, **more)
    assert refusal.value.code == "gate"
    return str(refusal.value)


def sell(brand: Brand, number: str, phone: str, paid: int, status: str = "completed") -> None:
    with brand:
        brand.orders.upsert(
            OrderIn(
                source="shop", number=number, status=status, paid_at=brand.now(), paid_minor=paid,
                buyer=(IdentityIn.of("phone", phone, ""),) if phone else (),
                lines=(LineIn(sku="A", title="", qty=1, paid_minor=paid, gift=False),), platform="shop",
            )
        )  # fmt: skip


def refund(brand: Brand, number: str, key: str, amount: int) -> None:
    with brand:
        brand.orders.refund(
            RefundIn(source="shop", order_number=number, number=key, amount_minor=amount, at=brand.now(), reason="")
        )


def phone_of(scene: CouponScene, contact_id: int) -> str:
    return scene.rows("SELECT value FROM identity WHERE contact_id = ? AND kind = 'phone'", contact_id)[0][0]


def test_joining_opens_a_gate_and_nothing_is_taken_from_the_stock_before(scene: CouponScene) -> None:
    scene.open("members", stock=3, gate=gate({"task": "joined"}))
    ann, bob = scene.person(), scene.person()
    assert "入会" in closed(scene, "members", ann)
    assert scene.rows("SELECT stock_left, issued FROM coupon_threshold_batch") == [(3, 0)]
    with scene.acme as brand:
        brand.membership.join(ann, identity="M-1", at=brand.now(), source="mini program")
    scene.deliver()
    assert progress(scene, "members", ann) == [(1, 1)] and progress(scene, "members", bob) == [(0, 1)]
    assert scene.claim("members", ann).gated == 1
    closed(scene, "members", bob)
    # Staff and rewards decide for themselves; such coupons do not count as gated.
    assert scene.claim("members", bob, source="staff", actor="lin", reason="apology").gated == 0


def test_a_first_order_opens_a_gate_until_it_is_refunded_in_full(scene: CouponScene) -> None:
    scene.open("buyers", gate=gate({"task": "first-order"}, window="claims"))
    ann, bob = scene.person(), scene.person()
    sell(scene.acme, "O-1", phone_of(scene, ann), 9_900)
    sell(scene.acme, "O-2", phone_of(scene, bob), 9_900)
    scene.deliver()
    refund(scene.acme, "O-1", "R-1", 900)
    scene.deliver()
    assert progress(scene, "buyers", ann) == [(1, 1)]
    refund(scene.acme, "O-1", "R-2", 9_000)
    scene.deliver()
    assert progress(scene, "buyers", ann) == [(0, 1)] and progress(scene, "buyers", bob) == [(1, 1)]
    closed(scene, "buyers", ann)
    sell(scene.acme, "O-3", phone_of(scene, ann), 1_000)
    scene.deliver()
    assert scene.claim("buyers", ann).state == "claimed"
    # Closed without a refund that anybody told of: it proves nothing either.
    dan = scene.person()
    sell(scene.acme, "O-5", phone_of(scene, dan), 9_900)
    scene.deliver()
    assert progress(scene, "buyers", dan) == [(1, 1)]
    sell(scene.acme, "O-5", phone_of(scene, dan), 9_900, status="closed")
    assert progress(scene, "buyers", dan) == [(0, 1)]
    closed(scene, "buyers", dan)
    # An order of somebody unknown proves something once its buyer is known.
    cho = scene.person()
    sell(scene.acme, "O-4", "", 5_000)
    scene.deliver()
    assert progress(scene, "buyers", cho) == [(0, 1)]
    with scene.acme as brand:
        ((order_id,),) = scene.rows("SELECT id FROM orders WHERE number = 'O-4'")
        brand.orders.claim(order_id, cho, method="by hand")
        scene.coupons().evidence.settle()
    assert progress(scene, "buyers", cho) == [(1, 1)]


def test_days_people_and_times_are_counted_by_what_is_different(scene: CouponScene) -> None:
    scene.go_to("2026-03-01T12:00:00")
    scene.open(
        "active",
        gate=gate(
            {"task": "checked-in", "times": 3},
            {"task": "invited", "times": 2},
            {"task": "answered", "times": 2, "campaign": "quiz"},
            {"task": "played"},
        ),
    )
    ann = scene.person()
    told(scene, "checked-in", ann, campaign="c", day="2026-03-01")
    told(scene, "checked-in", ann, campaign="c", day="2026-03-01")
    told(scene, "checked-in", ann, campaign="c", day="2026-02-28", made_up=1)
    told(scene, "invited", ann, campaign="i", friend=77)
    told(scene, "invited", ann, campaign="i", friend=77)
    told(scene, "answered", ann, campaign="quiz")
    told(scene, "answered", ann, campaign="another")
    told(scene, "waved", ann)
    scene.deliver()
    assert progress(scene, "active", ann) == [(2, 3), (1, 2), (1, 2), (0, 1)]
    message = closed(scene, "active", ann)
    assert "签到 2 of 3" in message and "(quiz)" in message
    told(scene, "checked-in", ann, campaign="c", day="2026-03-02")
    told(scene, "invited", ann, campaign="i", friend=78)
    told(scene, "answered", ann, campaign="quiz")
    told(scene, "played", ann, campaign="wheel")
    told(scene, "played", ann, campaign="wheel")
    scene.deliver()
    assert progress(scene, "active", ann) == [(3, 3), (2, 2), (2, 2), (1, 1)]
    # A friend who turns out not to count is taken back.
    told(scene, "invite-revoked", ann, campaign="i", friend=78)
    told(scene, "invite-revoked", ann, campaign="another")
    scene.deliver()
    assert progress(scene, "active", ann)[1] == (1, 2)
    told(scene, "invited", ann, campaign="i")
    scene.deliver()
    assert scene.claim("active", ann).gated == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_windows_alternatives_and_tags(scene: CouponScene) -> None:
    scene.go_to("2026-03-01T12:00:00")
    ann = scene.person()
    told(scene, "played", ann)
    scene.deliver()
    scene.go_to("2026-03-10T12:00:00")
    scene.open("ever", gate=gate({"task": "played"}))
    scene.open("since", gate=gate({"task": "played"}, window="claims"))
    scene.open("week", gate=gate({"task": "played"}, window="days", days=7))
    scene.open("either", gate=gate({"task": "played"}, {"task": "tag", "group": "level", "tag": "gold"},
                                   need="any", window="claims"))  # fmt: skip
    assert [progress(scene, code, ann)[0] for code in ("ever", "since", "week")] == [(1, 1), (0, 1), (0, 1)]
    scene.claim("ever", ann)
    closed(scene, "since", ann)
    closed(scene, "week", ann)
    closed(scene, "either", ann)
    with scene.acme as brand:
        tag = brand.tags.define("level", "gold", kind="business", plan="a coupon")
        brand.tags.add(ann, tag, origin="manual", actor="lin")
    assert progress(scene, "either", ann) == [(0, 1), (1, 1)]
    scene.claim("either", ann)


def test_proof_counts_once_per_event_and_follows_a_merge(scene: CouponScene) -> None:
    scene.open("three", gate=gate({"task": "checked-in", "times": 3}))
    ann, ann_too = scene.person(), scene.person()
    for contact_id, day in ((ann, "2026-01-01"), (ann, "2026-01-02"), (ann_too, "2026-01-02"), (ann_too, "2026-01-03")):
        told(scene, "checked-in", contact_id, day=day)
    scene.deliver()
    with scene.acme as brand:
        events = scene.rows("SELECT event_id FROM coupon_threshold_evidence ORDER BY event_id")
        assert len(events) == 4
        merge = brand.contacts.merge(ann, ann_too, actor="lin", reason="same phone")
    scene.deliver()
    # Two people's five days are three different ones; what is told of the merged contact counts too.
    assert progress(scene, "three", ann) == [(3, 3)]
    with scene.acme as brand:
        brand.contacts.undo_merge(merge, actor="lin")
    scene.deliver()
    assert progress(scene, "three", ann) == [(2, 3)] and progress(scene, "three", ann_too) == [(2, 3)]


def test_friends_are_counted_as_people_whatever_contacts_they_were_invited_as(scene: CouponScene) -> None:
    scene.open("host", gate=gate({"task": "invited", "times": 9}))
    ann, one, two, old, new = (scene.person() for _ in range(5))
    told(scene, "invited", ann, campaign="i")
    scene.deliver()
    ((event,),) = scene.rows("SELECT event_id FROM coupon_threshold_evidence")
    # The number of an event is no number of a friend.
    told(scene, "invited", ann, campaign="i", friend=event)
    scene.deliver()
    assert progress(scene, "host", ann) == [(2, 9)]
    for campaign, friend in (("i", one), ("another", one), ("i", two), ("i", old)):
        told(scene, "invited", ann, campaign=campaign, friend=friend)
    scene.deliver()
    assert progress(scene, "host", ann) == [(5, 9)]
    with scene.acme as brand:
        brand.contacts.merge(one, two, actor="lin", reason="same phone")
        brand.contacts.merge(new, old, actor="lin", reason="same phone")
    assert progress(scene, "host", ann) == [(4, 9)]
    # One of the invitations of a friend goes, the others of the same person still count.
    told(scene, "invite-revoked", ann, campaign="i", friend=two)
    scene.deliver()
    assert progress(scene, "host", ann) == [(4, 9)]
    told(scene, "invite-revoked", ann, campaign="i", friend=new)
    scene.deliver()
    assert progress(scene, "host", ann) == [(3, 9)]
