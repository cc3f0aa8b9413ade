"""Identities become contacts: found, created, completed and merged, one row or many."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_core.services.contacts import IdentityIn


def phone(number):
    return IdentityIn.of("phone", f"138{number:08d}")


def openid(number):
    return IdentityIn.of("openid", f"o{number}", "mini")


def buyer(number, shop="tmall"):
    return IdentityIn.of("buyer", f"b{number}", shop)


def count(table, where="1 = 1"):
    return execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0]


def resolve(brand, *rows, names=None):
    return brand.contacts.resolve_many(rows, at=[brand.now()] * len(rows), origin="test", names=names)


def test_a_new_identity_makes_a_contact_and_a_known_one_finds_it(brand):
    with brand:
        first = brand.contacts.resolve([phone(1)], at=5, origin="test", name="王")
        again = brand.contacts.resolve([phone(1)], at=9, origin="test", name="李")
        assert first.created and not again.created
        assert (again.contact_id, again.uid) == (first.contact_id, first.uid)
        view = brand.contacts.get(first.uid)
        assert (view.name, view.created_at, view.origin, view.state) == ("王", 5, "test", "active")
        assert brand.contacts.find("phone", "+8613800000001") == view


def test_the_same_identity_is_another_person_in_another_brand(brand, other):
    with brand:
        mine = brand.contacts.resolve([phone(1)], at=1, origin="test")
    with other:
        assert other.contacts.find("phone", "+8613800000001") is None
        with pytest.raises(NotFound):
            other.contacts.get(mine.uid)


def test_spellings_of_one_phone_are_one_contact(brand):
    with brand:
        spellings = ["13800138000", "+86 138-0013-8000", "0086 13800138000", "１３８００１３８０００"]
        found = {brand.contacts.resolve([IdentityIn.of("phone", s)], at=1, origin="t").contact_id for s in spellings}
        assert len(found) == 1


def test_a_buyer_id_means_something_only_in_its_shop(brand):
    with brand:
        one, two = resolve(brand, [buyer(1, "tmall")], [buyer(1, "jd")])
        assert one.contact_id != two.contact_id
        assert IdentityIn.of("phone", "13800138000", "tmall").namespace == ""


def test_a_new_identity_beside_a_known_one_joins_its_contact(brand):
    with brand:
        (one,) = resolve(brand, [phone(1)])
        (two,) = resolve(brand, [openid(1), phone(1)])
        assert two.contact_id == one.contact_id and not two.created
        kinds = [identity.kind for identity in brand.contacts.identities(one.contact_id)]
        assert kinds == ["openid", "phone"]


def test_rows_of_one_batch_that_connect_are_one_contact(brand):
    with brand:
        answers = resolve(
            brand, [phone(1)], [openid(1)], [buyer(1), openid(1)], [], [phone(1), buyer(1)], [phone(2)]
        )
        ids = [answer and answer.contact_id for answer in answers]
        assert ids[0] == ids[1] == ids[2] == ids[4] != ids[5] and ids[3] is None
        assert [bool(answer and answer.created) for answer in answers] == [True, False, False, False, False, True]
        assert count("contact") == 2 and count("identity") == 4


def test_a_row_that_names_two_contacts_merges_them_into_the_oldest(brand):
    with brand:
        one, two = resolve(brand, [phone(1)], [openid(1)])
        (answer,) = resolve(brand, [openid(1), phone(1), buyer(7)])
        assert (answer.contact_id, answer.uid, answer.merged) == (one.contact_id, one.uid, (two.contact_id,))
        assert brand.contacts.get(two.uid).id == one.contact_id
        (merge,) = brand.contacts.merges(one.contact_id)
        assert (merge.winner_id, merge.loser_id, merge.reason) == (one.contact_id, two.contact_id, "identities")


def test_looking_up_without_creating_writes_nothing(brand):
    with brand:
        with pytest.raises(NotFound):
            brand.contacts.resolve([phone(1)], at=1, origin="test", create=False)
        with pytest.raises(Invalid):
            brand.contacts.resolve([], at=1, origin="test")
        assert count("contact") == 0
        made = brand.contacts.resolve([phone(1)], at=1, origin="test")
        found = brand.contacts.resolve([openid(1), phone(1)], at=1, origin="test", create=False)
        assert found.contact_id == made.contact_id and count("identity") == 1


def test_a_name_fills_an_empty_one_and_replaces_none(brand):
    with brand:
        resolve(brand, [phone(1)])
        resolve(brand, [phone(1)], [phone(1)], names=["", "王"])
        resolve(brand, [phone(1)], names=["李"])
        view = brand.contacts.find("phone", phone(1).value)
        assert view.name == "王"
        assert brand.contacts.rename(view.id, "李") and not brand.contacts.rename(view.id, "李")
        assert brand.contacts.get_by_id(view.id).name == "李"


def test_a_verified_identity_stays_verified(brand):
    with brand:
        proven = IdentityIn("phone", phone(1).value, verified=True)
        (one,) = resolve(brand, [phone(1)])
        resolve(brand, [proven])
        resolve(brand, [phone(1)])
        assert [identity.verified for identity in brand.contacts.identities(one.contact_id)] == [True]


def test_an_identity_is_added_once_and_never_taken_from_another(brand):
    with brand:
        one, two = resolve(brand, [phone(1)], [phone(2)])
        assert brand.contacts.add_identity(one.contact_id, openid(1), origin="test")
        assert not brand.contacts.add_identity(one.contact_id, openid(1), origin="test")
        with pytest.raises(Conflict) as refused:
            brand.contacts.add_identity(two.contact_id, openid(1), origin="test")
        assert refused.value.code == "identity_taken"
        with pytest.raises(NotFound):
            brand.contacts.add_identity(4_000_000, openid(2), origin="test")


def test_pages_of_contacts_follow_one_another(brand):
    with brand:
        made = [answer.contact_id for answer in resolve(brand, *([phone(n)] for n in range(7)))]
        first = brand.contacts.page(limit=3)
        second = brand.contacts.page(after_id=first[-1].id, limit=3)
        third = brand.contacts.page(after_id=second[-1].id, limit=3)
        assert [view.id for view in first + second + third] == made


def test_a_thousand_rows_take_a_handful_of_statements(brand, monkeypatch):
    rows = [[phone(n), buyer(n)] for n in range(1_000)]
    with brand:
        resolve(brand, *rows[:10])
        statements = []
        database = brand.handle.database
        plain, many = database.execute_sql, database.executemany
        monkeypatch.setattr(database, "execute_sql", lambda sql, *a, **k: statements.append(sql) or plain(sql, *a, **k))
        monkeypatch.setattr(database, "executemany", lambda sql, r: statements.append(sql) or many(sql, r))
        answers = resolve(brand, *rows)
        assert len({answer.contact_id for answer in answers}) == 1_000
        # Inserts go in chunks of some hundred rows; nothing is asked or written row by row.
        assert len({sql[:60] for sql in statements}) <= 12 and len(statements) <= 50


IDENTITIES = st.one_of(
    st.integers(0, 5).map(phone), st.integers(0, 5).map(openid), st.integers(0, 5).map(buyer)
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.lists(IDENTITIES, max_size=3), max_size=5), max_size=4))
def test_contacts_are_the_connected_sets_of_identities(brand, batches):
    """Union by brute force over all rows, however they were cut into batches, gives the same people."""

    def own(identity):
        return IdentityIn("member", f"{identity.kind} {identity.value}", example)

    example = secrets.token_hex(8)  # examples share a database: each has identities of its own
    expected: list[set[str]] = []
    with brand:
        for batch in batches:
            rows = [[own(identity) for identity in row] for row in batch]
            answers = resolve(brand, *rows)
            assert [answer is None for answer in answers] == [not row for row in rows]
            for row in rows:
                values = {identity.value for identity in row}
                touching = [group for group in expected if group & values]
                expected = [group for group in expected if not group & values]
                if values:
                    expected.append(values.union(*touching))
        stored: dict[int, set[str]] = {}
        for contact_id, value in execute("SELECT contact_id, value FROM identity WHERE namespace = ?", (example,)):
            stored.setdefault(contact_id, set()).add(value)
        assert sorted(map(sorted, stored.values())) == sorted(map(sorted, expected))
        assert all(brand.contacts.get_by_id(contact_id).id == contact_id for contact_id in stored)


RACE = """
from scrm_core.services.contacts import IdentityIn

def run(brand, worker):
    # Every process meets the people in another order, some by phone, some by both names.
    order = range(60) if worker % 2 else range(59, -1, -1)
    found = {}
    for start in range(0, 60, 15):
        part = list(order)[start:start + 15]
        rows = [
            [IdentityIn.of("phone", f"139{n:08d}")] + ([IdentityIn.of("openid", f"o{n}", "mini")] if worker else [])
            for n in part
        ]
        answers = brand.contacts.resolve_many(rows, at=[1] * len(rows), origin="race")
        found.update({n: answer.contact_id for n, answer in zip(part, answers)})
    return found
"""


def test_processes_that_meet_the_same_people_at_once_make_each_once(installation, brand, together):
    answers = together(installation, RACE, 4)
    assert all(answer == answers[0] for answer in answers)
    with brand:
        assert count("contact") == 60 and count("contact_merge") == 0
        assert count("identity", "kind = 'phone'") == count("identity", "kind = 'openid'") == 60


def test_a_value_finds_everybody_who_has_it_as_an_identity_of_whatever_kind_or_namespace(brand, other):
    member, buyer_of_jd = IdentityIn.of("member", "7001", "club"), IdentityIn.of("buyer", "7001", "jd")
    with brand:
        nobody = brand.contacts.known_by("7001")
        one = resolve(brand, [member], [buyer_of_jd], [phone(1), buyer(2)])
        brand.contacts.merge(one[0].contact_id, one[2].contact_id, actor="staff", reason="the same")
        assert nobody == []
        assert brand.contacts.known_by("7001") == sorted([one[0].contact_id, one[1].contact_id])
        assert brand.contacts.known_by("b2") == [one[0].contact_id]
        assert brand.contacts.known_by("700") == brand.contacts.known_by("") == []
    with other:
        assert other.contacts.known_by("7001") == []
