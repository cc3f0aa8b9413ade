"""How fast who was added is received, who waits too long, and who is still there a month later."""

from __future__ import annotations

from typing import Any

import pytest
from live_scene import Scene

from scrm_core.api import (
    IdentityIn,
    LeadIn,
    MessageReceived,
    MessageStatus,
    OrderIn,
    OrderPaid,
    PluginEvent,
    TagAdded,
    from_instant,
)
from scrm_core.db.bulk import execute
from scrm_core.errors import Invalid, NotFound
from scrm_live_code.reception_report import reception_report, survival_report

DAY = 86_400


def hear(scene: Scene, fact: type, contact_id: int, *, at: int, **more: Any) -> None:
    """What the plugin is handed when something happens."""
    plugin = scene.brand.plugins["live-code"]
    hooks = {
        MessageReceived: "on_message_in", MessageStatus: "on_message_status", TagAdded: "on_tag", OrderPaid: "on_order",
        PluginEvent: "on_event",
    }  # fmt: skip
    hook = getattr(plugin, hooks[fact], lambda heard: None)
    with scene.brand as brand, brand.transaction():
        hook(fact(event_id=1, at=at, backfill=False, contact_id=contact_id, **more))


def step(scene: Scene, contact_id: int, name: str, at: int, **more: Any) -> None:
    kinds: dict[str, tuple[type, dict[str, Any]]] = {
        "approved": (PluginEvent, {"plugin": "wecom", "name": "approved", "fields": {"staff": "ann"}}),
        "lost": (PluginEvent, {"plugin": "wecom", "name": "lost", "fields": {"staff": "ann", **more}}),
        "muted": (PluginEvent, {"plugin": "desk", "name": "muted", "fields": {"staff": "ann"}}),
        "replied": (PluginEvent, {"plugin": "wecom", "name": "wrote", "fields": {"staff": "ann", **more}}),
        "sent": (MessageStatus, {"status": "delivered", "kind": "marketing", "channel": "wecom"}),
        "tagged": (TagAdded, {"origin": "manual"}),
        "channel-tag": (TagAdded, {"origin": "auto"}),
        "ordered": (OrderPaid, {"paid_minor": 100}),
        "spoke": (MessageReceived, {}),
    }
    fact, fields = kinds[name]
    hear(scene, fact, contact_id, at=at, **fields)


def table(scene: Scene, by: str = "staff") -> dict[str, dict[str, Any]]:
    with scene.brand:
        return {row["step"]: row for row in reception_report(scene.here.reception, by=by).rows}


@pytest.fixture
def shop(scene: Scene) -> Scene:
    scene.staff("ann")
    scene.code(ann="")
    return scene


def test_each_step_has_its_median_its_slowest_tenth_its_share_in_time_and_who_waits(shop: Scene, clock):
    start = clock.now()
    people = [shop.lead(f"p{n}", "poster-01", staff="ann") for n in range(1, 12)]
    # Ten are answered after 60, 120 ... 540 and 3,600 seconds; the eleventh waits.
    for n, person in enumerate(people[:10], 1):
        step(shop, person, "sent", start + 1_000)  # to many at once: no reply
        step(shop, person, "replied", start + (3_600_000 if n == 10 else n * 60_000))
    clock.advance(seconds=1_800)
    waits = table(shop)["reply"]
    # By nearest rank the fifth of ten is the median, the ninth the 90th percentile. 1,800 seconds is not too late.
    assert (waits["done"], waits["median_seconds"], waits["p90_seconds"]) == (10, 300, 540)
    assert (waits["within"], waits["missed"], waits["rate"], waits["waiting"]) == (9, 1, 9 / 10, 1)
    clock.advance(seconds=1)
    late = table(shop)["reply"]
    assert (late["within"], late["missed"], late["rate"], late["waiting"]) == (9, 2, 9 / 11, 1)
    with shop.brand as brand:
        (found,) = shop.here.reception.overdue()
        assert (found.contact, found.step, found.seconds) == (brand.contacts.get_by_id(people[10]).uid, "reply", 1_801)
        assert any("1 people who were added wait" in each for each in brand.plugins["live-code"].brand_warnings())


def test_who_waits_for_several_steps_is_one_person_in_the_warning(shop: Scene, clock):
    shop.lead("one", "poster-01", staff="ann")
    step(shop, shop.lead("two", "poster-01", staff="ann"), "replied", clock.now() + 1_000)
    clock.advance(seconds=1_801)
    step(shop, shop.lead("three", "poster-01", staff="ann"), "replied", clock.now() + 1_000)
    clock.advance(seconds=86_400 - 1)
    with shop.brand as brand:
        assert {(each.step, each.seconds) for each in shop.here.reception.overdue()} == {("reply", 88_200), ("tag", 88_200)}
        warnings = list(brand.plugins["live-code"].brand_warnings())
    assert any("2 people who were added wait" in each for each in warnings)
    assert not any("no first reply" in each for each in warnings)


def test_where_nobody_tells_of_replies_that_is_said_instead_of_naming_everybody(shop: Scene, clock):
    for name in ("one", "two"):
        shop.lead(name, "poster-01", staff="ann")
    clock.advance(seconds=1_801)
    with shop.brand as brand:
        (told,) = [each for each in brand.plugins["live-code"].brand_warnings() if "added wait" in each or "reply" in each]
        assert told.startswith("no first reply was told in 30 days") and "reply_seconds = 0" in told
        assert len(shop.here.reception.overdue()) == 2  # the list has them all the same
    clock.advance(days=1)
    with shop.brand as brand:
        warnings = list(brand.plugins["live-code"].brand_warnings())
    assert any("2 people who were added wait" in each for each in warnings)  # for a tag


def test_a_step_without_a_limit_makes_nobody_wait_and_nobody_late(scenes, clock):
    free, held = scenes("reply_seconds = 0\ntag_seconds = 0\n")
    for scene in (free, held):
        scene.staff("ann")
        scene.code(ann="")
        person = scene.lead("one", "poster-01", staff="ann")
        step(scene, person, "replied", clock.now() + 7_200_000)
        scene.lead("two", "poster-01", staff="ann")
    clock.advance(days=2)
    with free.brand as brand:
        assert free.here.reception.overdue() == []
        assert not any("wait" in each or "reply" in each for each in brand.plugins["live-code"].brand_warnings())
    row = table(free)["reply"]
    assert (row["done"], row["median_seconds"], row["within"], row["missed"], row["rate"], row["waiting"]) == (1, 7_200, 0, 0, None, 1)
    assert table(held)["reply"]["missed"] == 2
    with held.brand:
        assert len(held.here.reception.overdue()) == 3


def test_the_order_in_which_steps_are_told_and_telling_them_twice_changes_nothing(scenes, clock):
    rows = []
    told = [("tagged", 90), ("tagged", 50), ("channel-tag", 10), ("spoke", 40), ("replied", 70), ("replied", 30), ("ordered", 80)]
    for scene, order in zip(scenes(), (told, told[::-1] + told), strict=True):
        scene.staff("ann")
        scene.code(ann="")
        person, start = scene.lead("one", "poster-01", staff="ann"), clock.now()
        step(scene, person, "replied", start - 1_000)  # before they came
        for name, seconds in order:
            step(scene, person, name, start + seconds * 1_000)
        with scene.brand:
            row = execute("SELECT tagged_at, spoke_at, replied_at, ordered_at, ended_at FROM live_code_add").fetchone()
        rows.append([None if at is None else (at - start) // 1_000 for at in row])
    assert rows == [[50, 40, 30, 80, None]] * 2


def test_what_another_member_wrote_is_no_reply_of_who_was_added(shop: Scene, clock):
    shop.staff("ben")
    person = shop.lead("one", "poster-01", staff="ann")
    for staff, seconds in (("ben", 5), ("ann", 9)):
        step(shop, person, "replied", clock.now() + seconds * 1_000, staff=staff)
    assert table(shop)["reply"]["median_seconds"] == 9


def test_who_has_to_be_approved_waits_and_the_reply_counts_from_the_approval(shop: Scene, clock):
    with shop.brand as brand:
        from scrm_core.services.contacts import IdentityIn, LeadIn

        made = brand.contacts.capture_lead(
            LeadIn(
                source="shop", reference="x", identities=(IdentityIn.of("buyer", "x", "shop"),), at=clock.now(),
                state="poster-01", fields={"staff": "ann", "approved": "no"},
            )
        )  # fmt: skip
    shop.deliver()
    start = clock.now()
    clock.advance(seconds=601)
    assert [(each["waiting"], each["missed"]) for each in table(shop).values()] == [(1, 1)]
    step(shop, made.contact_id, "approved", start + 300_000)
    step(shop, made.contact_id, "replied", start + 400_000)
    found = table(shop)
    assert {name: (row["done"], row["median_seconds"]) for name, row in found.items()} == {
        "approve": (1, 300), "reply": (1, 100), "tag": (0, None),
    }  # fmt: skip


def test_survival_counts_those_of_thirty_days_ago_and_who_came_later_is_not_yet(shop: Scene, clock):
    start = clock.now()
    fates = [("lost", 29 * DAY, {"by": "customer"}), ("lost", 30 * DAY, {"by": "customer"}), ("lost", 31 * DAY, {"by": "customer"}),
             ("lost", 2 * DAY, {"by": "staff"}), ("muted", 3 * DAY, {}), ("lost", DAY, {"by": "transfer", "left": 0})]  # fmt: skip
    people = [shop.lead(f"p{n}", "poster-01", staff="ann") for n in range(8)]
    for person, (name, seconds, more) in zip(people, fates, strict=False):
        step(shop, person, name, start + seconds * 1_000, **more)
    clock.advance(seconds=30 * DAY - 1)
    shop.lead("late", "poster-01", staff="ann")
    with shop.brand as brand:
        (before,) = survival_report(brand, by="channel").rows
    assert (before["added"], before["rate"], before["not_yet"]) == (0, None, 9)
    clock.advance(seconds=1)
    with shop.brand as brand:
        (row,) = survival_report(brand, by="both").rows
    # Eight came thirty days ago: two customers, one member of staff and one muting ended it; on day 31 it has survived.
    names = ("channel", "staff", "added", "kept", "by_customer", "muted", "by_staff", "rate", "not_yet")
    assert [row[name] for name in names] == ["poster-01", "ann", 8, 4, 2, 1, 1, 0.5, 1]
    assert row["low"] == pytest.approx(0.2152, abs=1e-4) and row["high"] == pytest.approx(0.7848, abs=1e-4)


def test_who_was_gone_at_a_sync_is_lost_and_nobody_is_said_to_have_ended_it(shop: Scene, clock):
    start = clock.now()
    people = [shop.lead(f"p{n}", "poster-01", staff="ann") for n in range(3)]
    for person, by in zip(people, ("sync", "customer"), strict=False):
        step(shop, person, "lost", start + DAY * 1_000, by=by)
    clock.advance(seconds=30 * DAY)
    with shop.brand as brand:
        (row,) = survival_report(brand, by="staff").rows
    names = ("added", "kept", "by_customer", "by_staff", "unknown", "rate")
    assert [row[name] for name in names] == [3, 1, 1, 0, 1, 1 / 3]


@pytest.mark.parametrize("late", [False, True])
def test_a_hand_over_told_in_any_order_and_days_late_is_no_second_add(scenes, clock, late):
    scene, other = scenes()
    for each in (scene, other):
        each.staff("ann", "ben")
        each.code(ann="", ben="")
        person, start = each.lead("one", "poster-01", staff="ann"), clock.now()
        if late:
            clock.set(from_instant(start + 2 * DAY * 1_000))
            each.lead("one", "poster-01", staff="ben", nth=2)
        # A colleague takes over: both are told with the instant at which it took effect, or a day and more apart.
        step(each, person, "lost", start + (2 * DAY if late else 0) * 1_000, by="transfer", left=0 if not late else 1)
        if not late:
            clock.set(from_instant(start + 2 * DAY * 1_000))
            each.lead("one", "poster-01", staff="ben", nth=2)
        assert (each.row()["adds"], each.row()["people"]) == (1, 1)
        clock.set(from_instant(start + 20 * DAY * 1_000))
        each.lead("one", "poster-01", staff="ben", nth=3)  # who comes weeks later has come again
        assert each.row()["adds"] == 2
        clock.set(from_instant(start))


def test_what_no_plugin_tells_is_told_by_hand_in_its_own_brand_alone(scenes, clock):
    scene, other = scenes()
    scene.staff("ann", "ben")
    scene.code(ann="")
    person = scene.lead("one", "poster-01", staff="ann")
    with scene.brand as brand:
        uid, tell = brand.contacts.get_by_id(person).uid, scene.here.reception.tell
        assert [tell(uid, "replied"), tell(uid, "replied"), tell(uid, "muted", staff="ben")] == [1, 0, 0]
        for bad in ({"step": "kissed"}, {"step": "ended", "at": clock.now() + 1}):
            with pytest.raises(Invalid):
                tell(uid, **bad)
        with pytest.raises(Invalid):
            survival_report(brand, by="moon")
        with pytest.raises(Invalid):
            reception_report(scene.here.reception, days=0)
    with other.brand, pytest.raises(NotFound):
        other.here.reception.tell(uid, "replied")
    with other.brand as brand:
        assert list(survival_report(brand).rows) == [] and other.here.reception.overdue() == []


def captured(scene: Scene, name: str, at: int, *, backfill: bool = False, **fields: str) -> int:
    """Somebody who added at an instant of the past comes as a lead now; their contact's id."""
    with scene.brand as brand:
        made = brand.contacts.capture_lead(
            LeadIn(
                source="shop", reference=name, identities=(IdentityIn.of("buyer", name, "shop"),), at=at,
                state="poster-01", fields={"staff": "ann", **fields}, backfill=backfill,
            )
        )  # fmt: skip
    scene.deliver()
    return int(made.contact_id)


@pytest.mark.parametrize("as_what", [{"found": "later"}, {"backfill": True}])
def test_of_an_add_that_was_found_later_no_time_is_invented_and_nobody_waits(shop: Scene, clock, as_what):
    came = clock.now()
    day = shop.brand.day(came)
    clock.advance(days=8)
    person = captured(shop, "old", came, **as_what)
    step(shop, person, "tagged", clock.now())  # what WeCom shows is noted when it is read
    step(shop, person, "replied", clock.now())
    assert [(each["done"], each["within"] + each["missed"], each["waiting"], each["unknown"]) for each in table(shop).values()] == [
        (0, 0, 0, 1)
    ] * 3
    with shop.brand as brand:
        assert shop.here.reception.overdue() == [] and list(shop.here.reception.warnings()) == []
        assert execute("SELECT day, approved_at FROM live_code_add").fetchall() == [(day, None)]
        clock.advance(days=22)
        (row,) = survival_report(brand, by="channel").rows
    assert (row["added"], row["kept"], row["not_yet"]) == (1, 1, 0)  # thirty days after they came


def test_what_the_core_knows_of_the_time_before_an_add_was_found_counts(shop: Scene, clock):
    came = clock.now()
    buyer = (IdentityIn.of("buyer", "old", "shop"),)
    with shop.brand as brand:
        for name, hours, paid in (("N0", -1, 5_000), ("N1", 1, 0), ("N2", 2, 5_000), ("N3", 3, 5_000)):
            brand.orders.upsert(OrderIn("shop", name, "completed", came + hours * 3_600_000, paid, buyer=buyer))
    shop.deliver()
    clock.advance(days=2)
    captured(shop, "old", came, found="later")
    with shop.brand:
        assert execute("SELECT ordered_at FROM live_code_add").fetchone() == (came + 2 * 3_600_000,)


def test_an_add_whose_end_was_told_before_it_has_that_end(shop: Scene, clock):
    came = clock.now()
    clock.advance(days=40)
    gone = came + 3 * DAY * 1_000
    person = captured(shop, "one", came, ended=str(gone), ended_by="customer")
    step(shop, person, "ordered", gone + 1)
    captured(shop, "two", came, ended=str(gone), ended_by="transfer")
    with shop.brand as brand:
        rows = execute("SELECT ended_at, ended_by, handed_at, ordered_at FROM live_code_add ORDER BY id").fetchall()
        assert rows == [(gone, "customer", None, None), (None, "", gone, None)]
        (row,) = survival_report(brand, by="channel").rows
    assert (row["added"], row["kept"], row["by_customer"]) == (2, 1, 1)


def test_a_find_from_before_the_code_was_made_is_none_of_it_however_new_it_is(shop: Scene, clock):
    before = clock.now() - 3_600_000
    captured(shop, "old", before, found="later")
    assert shop.row()["adds"] == 0
    captured(shop, "told", before)  # whoever brings in leads of the channel says themselves that they count
    assert shop.row()["adds"] == 1
