"""Tags: origins, groups, S-level values, sync, delivery, retirement."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scrm_core import eventlog
from scrm_core.db import delivery_transaction
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_core.facts import TagAdded, TagRemoved


def names(brand, contact_id):
    return {(view.group, view.name): view.origin for view in brand.tags.of(contact_id)}


def log(kind):
    return [event.fact for event in reversed(eventlog.tail(1_000)) if event.type == kind]


def test_a_tag_is_set_once_with_origin_actor_and_time(brand, clock, people):
    with brand:
        (person,) = people(brand, 1)
        brand.tags.define("interest", "boots", plan="autumn launch")
        assert brand.tags.add(person, ("interest", "boots"), origin="manual", actor="li")
        first = clock.now()
        clock.advance(days=1)
        assert not brand.tags.add(person, ("interest", "boots"), origin="auto", actor="rule")
        (view,) = brand.tags.of(person)
        assert (view.origin, view.actor, view.at) == ("manual", "li", first)
        (fact,) = log("tag.added")
        assert isinstance(fact, TagAdded)
        assert (fact.contact_id, fact.group, fact.tag, fact.origin, fact.actor) == (
            person, "interest", "boots", "manual", "li"
        )  # fmt: skip


def test_a_tag_of_one_brand_is_unknown_in_the_other(brand, other, people):
    with brand:
        brand.tags.define("interest", "boots", plan="autumn launch")
    with other:
        (person,) = people(other, 1)
        with pytest.raises(NotFound):
            other.tags.add(person, ("interest", "boots"))
        assert other.tags.all() == []


def test_a_removed_tag_is_gone_and_logged_once(brand, people):
    with brand:
        (person,) = people(brand, 1)
        brand.tags.define("interest", "boots", plan="autumn launch")
        brand.tags.add(person, ("interest", "boots"))
        assert brand.tags.remove(person, ("interest", "boots"), actor="li")
        assert not brand.tags.remove(person, ("interest", "boots"), actor="li")
        assert brand.tags.of(person) == []
        (fact,) = log("tag.removed")
        assert isinstance(fact, TagRemoved)


def test_a_business_tag_without_a_plan_is_refused(brand):
    with brand, pytest.raises(Invalid, match="plan"):
        brand.tags.define("interest", "boots")


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("origin", ["", "import", "Manual"])
def test_an_unknown_origin_is_refused(brand, people, origin):
    with brand:
        (person,) = people(brand, 1)
        tag = brand.tags.define("interest", "boots", plan="p")
        with pytest.raises(Invalid, match="origin"):
            brand.tags.add(person, tag, origin=origin)
        with delivery_transaction(), pytest.raises(Invalid, match="origin"):
            brand.tags.add(person, tag, origin=origin)


def test_a_tag_on_nobody_is_not_found(brand, people):
    with brand:
        tag = brand.tags.define("interest", "boots", plan="p")
        with pytest.raises(NotFound):
            brand.tags.add(4_000_000, tag)
        (person,) = people(brand, 1)
        with pytest.raises(NotFound):
            brand.tags.add(person, 4_000_000)


def test_one_bad_pair_of_a_batch_leaves_nothing_written(brand, people):
    with brand:
        one, two = people(brand, 2)
        tag = brand.tags.define("interest", "boots", plan="p")
        with pytest.raises(NotFound):
            brand.tags.add_many([(one, tag), (two, tag), (4_000_000, tag)])
        assert brand.tags.of(one) == [] and log("tag.added") == []
        assert brand.tags.add_many([(one, tag), (two, tag), (one, tag)]) == 2


# S-level -------------------------------------------------------------------------------------


def test_everybody_has_one_value_of_an_s_level_group(brand, people):
    with brand:
        early = people(brand, 2)
        brand.tags.group("lifecycle", s_level=True, default="new")
        late = people(brand, 2)
        assert all(names(brand, p) == {("lifecycle", "new"): "auto"} for p in early + late)
        assert brand.tags.coverage("lifecycle") == type(brand.tags.coverage("lifecycle"))(
            "lifecycle", True, 4, 4, ()
        )


def test_a_second_value_replaces_the_first_and_both_are_logged(brand, people):
    with brand:
        brand.tags.group("lifecycle", s_level=True, default="new")
        (person,) = people(brand, 1)
        brand.tags.define("lifecycle", "sleeping", plan="wake-up")
        assert brand.tags.add(person, ("lifecycle", "sleeping"), origin="manual", actor="li")
        assert not brand.tags.add(person, ("lifecycle", "sleeping"), origin="manual", actor="li")
        assert names(brand, person) == {("lifecycle", "sleeping"): "manual"}
        assert [f.tag for f in log("tag.removed")] == ["new"]
        assert [f.tag for f in log("tag.added")] == ["sleeping"]


def test_the_last_value_of_an_s_level_group_cannot_be_removed(brand, people):
    with brand:
        brand.tags.group("lifecycle", s_level=True, default="new")
        (person,) = people(brand, 1)
        with pytest.raises(Conflict, match="S-level"):
            brand.tags.remove(person, ("lifecycle", "new"))
        with pytest.raises(Exception, match="s-level"), brand.transaction():
            execute("DELETE FROM contact_tag WHERE contact_id = ?", (person,))
        assert names(brand, person) == {("lifecycle", "new"): "auto"}


def test_a_group_keeps_its_level(brand):
    with brand:
        first = brand.tags.group("lifecycle", s_level=True, default="new")
        assert brand.tags.group("lifecycle", s_level=True, default="new") == first
        with pytest.raises(Conflict):
            brand.tags.group("lifecycle")
        with pytest.raises(Invalid):
            brand.tags.group("value", s_level=True)


def test_coverage_names_contacts_without_a_tag_of_the_group(brand, people):
    with brand:
        one, two, three = people(brand, 3)
        tag = brand.tags.define("interest", "boots", plan="p")
        brand.tags.add(two, tag)
        found = brand.tags.coverage("interest")
        assert (found.contacts, found.covered, found.missing) == (3, 1, (one, three))
        with pytest.raises(NotFound):
            brand.tags.coverage("interests")


S_LEVEL_RACE = """
def run(brand, worker):
    contact = brand.contacts.find("phone", "+8613800138000").id
    return [brand.tags.add(contact, ("lifecycle", f"v{worker}{n % 2}"), actor=str(worker)) for n in range(20)]
"""


def test_processes_that_set_an_s_level_value_at_once_leave_exactly_one(installation, brand, together):
    with brand:
        from scrm_core.services.contacts import IdentityIn

        brand.tags.group("lifecycle", s_level=True, default="new")
        for worker in range(3):
            for n in range(2):
                brand.tags.define("lifecycle", f"v{worker}{n}", plan="p")
        phone = (IdentityIn.of("phone", "13800138000"),)
        person = brand.contacts.resolve(phone, at=brand.now(), origin="test").contact_id
    together(installation, S_LEVEL_RACE, 3)
    with brand:
        (view,) = brand.tags.of(person)
        # Every value that was added and is no longer there was removed exactly once.
        balance = {"new": 1}
        for event in reversed(eventlog.tail(1_000)):
            step = {"tag.added": 1, "tag.removed": -1}[event.type]
            balance[event.fact.tag] = balance.get(event.fact.tag, 0) + step
        assert {tag: count for tag, count in balance.items() if count} == {view.name: 1}


# Sync ----------------------------------------------------------------------------------------


def test_a_sync_takes_away_only_what_it_set_itself(brand, people):
    with brand:
        (person,) = people(brand, 1)
        for name in ("a", "b", "c", "d"):
            brand.tags.define("crm", name, plan="p")
        brand.tags.add(person, ("crm", "a"), origin="manual", actor="li")
        brand.tags.sync(person, [("crm", "b")], "another")
        brand.tags.sync(person, [("crm", "a"), ("crm", "c")], "wecom")
        answer = brand.tags.sync(person, [("crm", "d")], "wecom")
        assert names(brand, person) == {("crm", "a"): "manual", ("crm", "b"): "synced", ("crm", "d"): "synced"}
        assert (len(answer.added), len(answer.removed)) == (1, 1)
        again = brand.tags.sync(person, [("crm", "d")], "wecom")
        assert (again.added, again.removed) == ((), ())


def test_a_sync_replaces_an_s_level_default_but_not_a_value_set_by_hand(brand, people):
    with brand:
        brand.tags.group("tier", s_level=True, default="none")
        gold = brand.tags.define("tier", "gold", plan="p")
        silver = brand.tags.define("tier", "silver", plan="p")
        one, two = people(brand, 2)
        brand.tags.add(two, silver, origin="manual", actor="li")
        brand.tags.sync(one, [gold], "wecom")
        brand.tags.sync(two, [gold], "wecom")
        assert names(brand, one) == {("tier", "gold"): "synced"}
        assert names(brand, two) == {("tier", "silver"): "manual"}


# Delivery ------------------------------------------------------------------------------------


def test_tags_set_in_a_delivery_are_written_together_and_seen_by_reads(brand, people):
    with brand:
        crowd = people(brand, 30)
        tag = brand.tags.define("interest", "boots", plan="p")
        brand.tags.add(crowd[0], tag, origin="manual", actor="li")
        with delivery_transaction():
            for person in crowd * 2:
                brand.tags.add(person, tag, origin="auto", actor="rule")
            assert len(brand.tags.of(crowd[7])) == 1
        assert [view.origin for view in brand.tags.of(crowd[0])] == ["manual"]
        assert sorted(f.contact_id for f in log("tag.added")) == crowd


def test_a_delivery_that_fails_sets_nothing(brand, people):
    with brand:
        (person,) = people(brand, 1)
        tag = brand.tags.define("interest", "boots", plan="p")
        with pytest.raises(RuntimeError), delivery_transaction():
            brand.tags.add(person, tag)
            raise RuntimeError
        assert brand.tags.of(person) == [] and log("tag.added") == []


def test_a_tag_defined_in_a_delivery_that_failed_is_defined_again(brand, people):
    with brand:
        (person,) = people(brand, 1)
        for attempt in range(2):
            try:
                with delivery_transaction():
                    brand.tags.define("rule", "late", kind="system")
                    brand.tags.add(person, ("rule", "late"))
                    assert brand.tags.of(person)
                    if attempt == 0:
                        raise RuntimeError
            except RuntimeError:
                brand.tags.define("rule", "another takes its id", kind="system")
        assert names(brand, person) == {("rule", "late"): "auto"}


def test_removing_in_a_delivery_sees_what_waits(brand, people):
    with brand:
        (person,) = people(brand, 1)
        tag = brand.tags.define("interest", "boots", plan="p")
        with delivery_transaction():
            brand.tags.add(person, tag)
            assert brand.tags.remove(person, tag)
        assert brand.tags.of(person) == []


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["add", "remove", "value"]), st.integers(0, 2), st.integers(0, 2)), max_size=20
    ),
    delivered=st.booleans(),
)
def test_any_sequence_of_changes_ends_as_the_events_say(brand, people, steps, delivered):
    with brand:
        start = max((event.position for event in eventlog.tail(1)), default=eventlog.START)
        crowd = people(brand, 3)
        brand.tags.group("stage", s_level=True, default="s0")
        plain = [brand.tags.define("plain", f"p{n}", plan="p") for n in range(3)]
        values = [brand.tags.define("stage", f"s{n}", plan="p") for n in range(3)]
        expected = {person: {("stage", "s0")} for person in crowd}
        block = delivery_transaction() if delivered else brand.transaction()
        with block:
            for verb, who, what in steps:
                person = crowd[who]
                if verb == "add":
                    brand.tags.add(person, plain[what])
                    expected[person].add(("plain", f"p{what}"))
                elif verb == "remove":
                    brand.tags.remove(person, plain[what])
                    expected[person].discard(("plain", f"p{what}"))
                else:
                    brand.tags.add(person, values[what])
                    expected[person] = {t for t in expected[person] if t[0] == "plain"} | {("stage", f"s{what}")}
        told = {person: {("stage", "s0")} for person in crowd}
        for event in reversed([event for event in eventlog.tail(10_000) if event.position > start]):
            change = told[event.contact_id].add if event.type == "tag.added" else told[event.contact_id].discard
            change((event.fact.group, event.fact.tag))
        assert {person: set(names(brand, person)) for person in crowd} == expected == told


# Retirement ----------------------------------------------------------------------------------


def test_unused_tags_are_listed_retired_in_bulk_and_brought_back(brand, clock, people):
    with brand:
        one, two = people(brand, 2)
        old = [brand.tags.define("interest", name, plan="p") for name in ("boots", "hats")]
        brand.tags.add(one, old[0], origin="manual", actor="li")
        clock.advance(days=90)
        brand.tags.add(two, brand.tags.define("interest", "belts", plan="p"))
        assert [info.name for info in brand.tags.unused(60)] == ["boots", "hats"]
        retirement = brand.tags.retire(old, actor="li", reason="nobody uses them")
        assert brand.tags.of(one) == [] and brand.tags.unused(60) == []
        with pytest.raises(Conflict, match="retire"):
            brand.tags.add(two, old[0])
        with pytest.raises(Conflict):
            brand.tags.retire(old, actor="li", reason="again")
        assert brand.tags.undo_retire(retirement, actor="li") == 2
        assert names(brand, one) == {("interest", "boots"): "manual"}
        with pytest.raises(Conflict):
            brand.tags.undo_retire(retirement, actor="li")
        acts = execute("SELECT action, actor FROM audit ORDER BY id").fetchall()
        assert [tuple(act) for act in acts] == [("tags.retire", "li"), ("tags.undo_retire", "li")]


def test_a_rule_that_sets_a_retired_tag_sets_nothing_and_stops_nobody(brand, people):
    with brand:
        one, two = people(brand, 2)
        old = brand.tags.define("interest", "boots", plan="p")
        new = brand.tags.define("interest", "hats", plan="p")
        brand.tags.retire([old], actor="li", reason="out")
        with delivery_transaction():
            brand.tags.add(one, old)
            brand.tags.add(two, new)
        assert [(f.contact_id, f.tag) for f in log("tag.added")] == [(two, "hats")]


def test_a_value_of_an_s_level_group_cannot_be_retired(brand):
    with brand:
        brand.tags.group("lifecycle", s_level=True, default="new")
        with pytest.raises(Conflict):
            brand.tags.retire([brand.tags.find("lifecycle", "new")], actor="li", reason="out")
