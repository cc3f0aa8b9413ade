"""Stays in chat groups and memberships: at most one open, told twice or out of order without harm."""

from __future__ import annotations

import pytest

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_core.services.contacts import IdentityIn

NOON = 1_767_268_800_000


def person(brand, name="u-1"):
    return brand.contacts.resolve([IdentityIn.of("unionid", name)], at=NOON, origin="test").contact_id


def stays(brand, contact):
    return [(stay.code, stay.joined_at, stay.left_at) for stay in brand.groups.of(contact)]


def terms(brand, contact):
    return [(term.identity, term.joined_at, term.left_at) for term in brand.membership.history(contact)]


# Groups --------------------------------------------------------------------------


def test_a_group_is_made_once_and_completed(brand, other, clock):
    with brand:
        made = brand.groups.upsert("mums", "Mothers", "li", "card")
        assert (made.name, made.owner, made.source, made.members) == ("Mothers", "li", "card", 0)
        clock.advance(days=1)
        after = brand.groups.upsert("mums", "", "wang")
        assert (after.id, after.created_at) == (made.id, made.created_at)
        assert (after.name, after.owner, after.source) == ("Mothers", "wang", "card")
        assert brand.groups.page() == [after]
        for code in ("", " ", "a\x00", 7):
            with pytest.raises(Invalid):
                brand.groups.upsert(code)
    with other:
        assert other.groups.page() == []
        with pytest.raises(NotFound):
            other.groups.get("mums")


def test_joining_and_leaving_twice_changes_nothing(brand):
    with brand:
        who = person(brand)
        brand.groups.upsert("mums")
        assert brand.groups.join("mums", who, at=NOON, source="card") is True
        assert brand.groups.join("mums", who, at=NOON) is False
        assert brand.groups.join("mums", who, at=NOON + 5) is False
        assert brand.groups.get("mums").members == 1
        assert brand.groups.leave("mums", who, at=NOON + 10) is True
        assert brand.groups.leave("mums", who, at=NOON + 10) is False
        assert brand.groups.leave("mums", who, at=NOON + 20) is False
        assert stays(brand, who) == [("mums", NOON, NOON + 10)]
        assert brand.groups.of(who)[0].source == "card"
        assert brand.groups.get("mums").members == 0


def test_an_old_joining_told_again_does_not_bring_a_person_back(brand):
    with brand:
        who = person(brand)
        brand.groups.upsert("mums")
        brand.groups.join("mums", who, at=NOON)
        brand.groups.leave("mums", who, at=NOON + 10)
        for at in (NOON, NOON + 9):
            assert brand.groups.join("mums", who, at=at) is False
        assert brand.groups.join("mums", who, at=NOON + 10) is True
        assert stays(brand, who) == [("mums", NOON, NOON + 10), ("mums", NOON + 10, None)]


def test_nobody_leaves_a_group_before_joining_it(brand):
    with brand:
        who = person(brand)
        brand.groups.upsert("mums")
        assert brand.groups.leave("mums", who, at=NOON) is False
        brand.groups.join("mums", who, at=NOON)
        with pytest.raises(Invalid) as refused:
            brand.groups.leave("mums", who, at=NOON - 1)
        assert refused.value.field == "at"
        assert stays(brand, who) == [("mums", NOON, None)]
        assert brand.groups.leave("mums", who, at=NOON) is True


def test_stays_in_different_groups_and_of_different_people_are_apart(brand):
    with brand:
        one, two = person(brand), person(brand, "u-2")
        for code in ("mums", "dads"):
            brand.groups.upsert(code)
        for code, who, at in (("mums", one, 3), ("dads", one, 1), ("mums", two, 2)):
            assert brand.groups.join(code, who, at=NOON + at) is True
        brand.groups.leave("mums", one, at=NOON + 9)
        assert stays(brand, one) == [("dads", NOON + 1, None), ("mums", NOON + 3, NOON + 9)]
        assert stays(brand, two) == [("mums", NOON + 2, None)]
        assert [(group.code, group.members) for group in brand.groups.page()] == [("mums", 1), ("dads", 1)]


def test_unknown_groups_and_people_are_not_found(brand, other):
    with other:
        other.groups.upsert("mums")
    with brand:
        who = person(brand)
        for act in (brand.groups.join, brand.groups.leave):
            with pytest.raises(NotFound):
                act("mums", who, at=NOON)
        brand.groups.upsert("mums")
        for act in (brand.groups.join, brand.groups.leave):
            with pytest.raises(NotFound):
                act("mums", 4_711, at=NOON)
    with other:
        assert other.groups.get("mums").members == 0


def test_a_merged_contacts_comings_and_goings_are_the_survivors(brand):
    with brand:
        winner, loser = person(brand), person(brand, "u-2")
        brand.groups.upsert("mums")
        brand.contacts.merge(winner, loser, actor="li", reason="same person")
        assert brand.groups.join("mums", loser, at=NOON) is True
        assert brand.groups.join("mums", winner, at=NOON) is False
        assert brand.membership.join(loser, "m-1", at=NOON) is True
        assert brand.membership.current(winner).identity == "m-1"
        assert brand.membership.leave(loser, at=NOON + 1) is True
        assert brand.groups.leave("mums", loser, at=NOON + 1) is True
        assert stays(brand, winner) == [("mums", NOON, NOON + 1)]


JOIN_AND_LEAVE = """
def run(brand, worker):
    who = brand.contacts.page()[0].id
    brand.groups.upsert("mums", f"by {worker}")
    return [brand.groups.%(act)s("mums", who, at=%(at)d), brand.membership.%(act)s(who, at=%(at)d)]
"""


def test_of_processes_that_tell_the_same_at_once_one_changes_something(installation, brand, other, together):
    with brand:
        who = person(brand)
    for act, at in (("join", NOON), ("leave", NOON + 10)):
        answers = together(installation, JOIN_AND_LEAVE % {"act": act, "at": at}, 4)
        for answer in zip(*answers, strict=True):
            assert sorted(answer) == [False, False, False, True]
    with brand:
        assert stays(brand, who) == [("mums", NOON, NOON + 10)]
        assert terms(brand, who) == [("", NOON, NOON + 10)]
        assert len(brand.groups.page()) == 1
    with other:
        assert execute("SELECT count(*) FROM group_member").fetchone()[0] == 0
        assert execute("SELECT count(*) FROM membership").fetchone()[0] == 0


# Membership ----------------------------------------------------------------------


def test_a_member_joins_once_and_leaves_once(brand):
    with brand:
        who = person(brand)
        assert brand.membership.current(who) is None
        assert brand.membership.leave(who, at=NOON) is False
        assert brand.membership.join(who, "m-1", at=NOON, source="live") is True
        assert brand.membership.join(who, "m-1", at=NOON + 5) is False
        now = brand.membership.current(who)
        assert (now.contact_id, now.identity, now.joined_at, now.left_at, now.source) == (
            who,
            "m-1",
            NOON,
            None,
            "live",
        )
        assert brand.membership.leave(who, at=NOON + 10) is True
        assert brand.membership.leave(who, at=NOON + 20) is False
        assert brand.membership.current(who) is None
        assert terms(brand, who) == [("m-1", NOON, NOON + 10)]


def test_a_member_under_another_number_has_to_leave_first(brand):
    with brand:
        who = person(brand)
        brand.membership.join(who, "m-1", at=NOON)
        with pytest.raises(Conflict) as refused:
            brand.membership.join(who, "m-2", at=NOON + 5)
        assert refused.value.code == "member_already"
        assert terms(brand, who) == [("m-1", NOON, None)]
        brand.membership.leave(who, at=NOON + 10)
        assert brand.membership.join(who, "m-2", at=NOON + 10) is True
        assert terms(brand, who) == [("m-1", NOON, NOON + 10), ("m-2", NOON + 10, None)]


def test_an_old_joining_told_again_does_not_make_a_member_of_one_who_left(brand):
    with brand:
        who = person(brand)
        brand.membership.join(who, "m-1", at=NOON)
        brand.membership.leave(who, at=NOON + 10)
        for at in (NOON, NOON + 9):
            assert brand.membership.join(who, "m-1", at=at) is False
        with pytest.raises(Conflict):
            brand.membership.join(who, "m-2", at=NOON + 9)
        assert brand.membership.current(who) is None
        assert terms(brand, who) == [("m-1", NOON, NOON + 10)]


def test_nobody_stops_being_a_member_before_joining(brand):
    with brand:
        who = person(brand)
        brand.membership.join(who, at=NOON)
        with pytest.raises(Invalid) as refused:
            brand.membership.leave(who, at=NOON - 1)
        assert refused.value.field == "at"
        assert terms(brand, who) == [("", NOON, None)]


def test_memberships_belong_to_a_brand_and_to_somebody(brand, other):
    with brand:
        who = person(brand)
        brand.membership.join(who, "m-1", at=NOON)
        for act in (brand.membership.join, brand.membership.leave):
            with pytest.raises(NotFound):
                act(4_711, at=NOON)
    with other:
        theirs = person(other)
        assert other.membership.current(theirs) is None
        assert other.membership.join(theirs, "m-1", at=NOON + 1) is True
    with brand:
        assert terms(brand, who) == [("m-1", NOON, None)]


RIVALS = """
from scrm_core.errors import Conflict

def run(brand, worker):
    who = brand.contacts.page()[0].id
    try:
        return brand.membership.join(who, f"m-{worker}", at=0)
    except Conflict as refused:
        return refused.code
"""


def test_of_different_numbers_at_once_one_becomes_the_members(installation, brand, together):
    with brand:
        who = person(brand)
    answers = together(installation, RIVALS, 4)
    assert answers.count("member_already") == 3
    with brand:
        assert terms(brand, who) == [(f"m-{answers.index(True)}", 0, None)]
