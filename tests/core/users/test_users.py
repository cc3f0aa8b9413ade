"""Users of an installation: passwords, roles per brand, sessions, tries; on both databases."""

from __future__ import annotations

import pytest

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound, TooMany, Unauthorized
from scrm_core.users import DATABASE, passwords

WORD = "correct horse battery"
HOME = "203.0.113.7"


@pytest.fixture
def users(installation):
    installation.users.create("ann", WORD)
    return installation.users


def test_a_user_signs_in_and_has_a_role_in_the_brands_that_gave_one(users):
    users.set_role("ann", "acme", "clerk")
    found = users.session(users.sign_in(" Ann ", WORD, network=HOME))
    assert (found.name, found.actor, dict(found.roles)) == ("ann", "user:ann", {"acme": "clerk"})
    assert found.allows("acme", "contacts:read")
    assert not found.allows("acme", "events:write")
    assert not found.allows("moonco", "contacts:read")


@pytest.mark.parametrize(
    ("role", "yes", "no"),
    [
        ("owner", ("users:read", "events:write", "koc:settle"), ()),
        ("operator", ("contacts:read", "events:write", "koc:settle"), ("users:read",)),
        ("clerk", ("contacts:read", "orders:read"), ("reports:read", "events:read", "koc:read", "contacts:write")),
        ("analyst", ("reports:read", "segments:read"), ("contacts:read", "orders:read", "segments:write")),
    ],
)
@pytest.mark.cases_on_sqlite
def test_a_role_is_a_set_of_the_permissions_of_routes(users, role, yes, no):
    users.set_role("ann", "acme", role)
    found = users.session(users.sign_in("ann", WORD, network=HOME))
    assert [each for each in yes if not found.allows("acme", each)] == []
    assert [each for each in no if found.allows("acme", each)] == []


def test_a_role_that_is_changed_or_taken_away_holds_at_once_in_a_running_session(users):
    users.set_role("ann", "acme", "owner")
    secret = users.sign_in("ann", WORD, network=HOME)
    users.set_role("ann", "acme", "analyst")
    assert dict(users.session(secret).roles) == {"acme": "analyst"}
    users.set_role("ann", "acme", None)
    assert dict(users.session(secret).roles) == {}


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("name", "password", "field"),
    [
        ("Ünal", WORD, "name"),
        ("a", WORD, "name"),
        ("ben", "short", "password"),
        ("ben", "x" * 201, "password"),
        ("ben", "aaaaaaaaaaaaaaaa", "password"),
        ("benjamin", "benjamin1234", "password"),
    ],
)
def test_a_name_or_password_that_cannot_be_is_refused(users, name, password, field):
    with pytest.raises(Invalid) as refused:
        users.create(name, password)
    assert refused.value.field == field
    assert [user.name for user in users.list()] == ["ann"]


def test_a_name_is_taken_once_and_an_unknown_user_brand_or_role_is_refused(users):
    with pytest.raises(Conflict):
        users.create("ANN", WORD)
    with pytest.raises(NotFound):
        users.set_role("ben", "acme", "clerk")
    with pytest.raises(NotFound):
        users.set_role("ann", "nobody", "clerk")
    with pytest.raises(Invalid):
        users.set_role("ann", "acme", "king")


def test_the_database_keeps_no_password_and_no_secret_of_a_session(users, installation):
    secret = users.sign_in("ann", WORD, network=HOME)
    with users._entered():
        rows = [*execute("SELECT password FROM account").fetchall(), *execute("SELECT digest FROM account_session").fetchall()]
    assert len(rows) == 2
    assert not any(WORD in row[0] or secret in row[0] for row in rows)
    assert rows[0][0].startswith("scrypt:32768:8:3$")


def test_a_session_ends_by_rest_by_age_by_signing_out_and_with_the_password(users, clock):
    def begin():
        return users.sign_in("ann", WORD, network=HOME)

    rested = begin()
    clock.advance(hours=11)
    assert users.session(rested)
    clock.advance(hours=11)
    assert users.session(rested), "it was used meanwhile"
    clock.advance(hours=12)
    assert users.session(rested) is None
    old = begin()
    for _ in range(24):
        clock.advance(hours=7)
        last = users.session(old)
    assert last is None, "seven days"
    one, two = begin(), begin()
    assert one != two
    users.sign_out(one)
    assert (users.session(one), bool(users.session(two))) == (None, True)
    three = begin()
    users.sign_out_everywhere(users.session(two))
    assert (users.session(two), users.session(three)) == (None, None)
    four = begin()
    users.set_password("ann", "another long sentence")
    assert users.session(four) is None
    with pytest.raises(Unauthorized):
        begin()
    five = users.sign_in("ann", "another long sentence", network=HOME)
    users.disable("ann")
    assert users.session(five) is None
    with pytest.raises(Unauthorized):
        users.sign_in("ann", "another long sentence", network=HOME)
    users.enable("ann")
    assert users.session(users.sign_in("ann", "another long sentence", network=HOME))


def test_unknown_names_disabled_users_and_wrong_passwords_are_refused_alike_after_the_same_work(users, monkeypatch):
    worked = []
    real = passwords.check_password_hash
    monkeypatch.setattr(passwords, "check_password_hash", lambda stored, given: worked.append(stored[:17]) or real(stored, given))
    users.create("off", WORD)
    users.disable("off")
    told = set()
    for name, password in (("nobody", WORD), ("off", WORD), ("ann", "wrong wrong wrong"), ("ann", "x" * 5_000)):
        with pytest.raises(Unauthorized) as refused:
            users.sign_in(name, password, network=HOME)
        told.add((str(refused.value), refused.value.code))
    assert len(told) == 1
    assert worked == ["scrypt:32768:8:3$"] * 4


def tries(users, name, network, most=60):
    """How many tries are answered before one is refused unseen."""
    for done in range(most):
        try:
            users.sign_in(name, "wrong wrong wrong", network=network)
        except Unauthorized:
            continue
        except TooMany as refused:
            assert 0 < refused.retry_after <= 900
            return done
    return most


@pytest.fixture
def quick(monkeypatch):
    """Passwords are looked at in no time: what is counted is counted before."""
    monkeypatch.setattr("scrm_core.users.passwords.fits", lambda stored, password: password == WORD and stored is not None)


def test_tries_are_limited_by_name_and_address_and_begin_anew_after_a_while(users, clock, quick):
    assert tries(users, "ann", HOME) == 5
    with pytest.raises(TooMany):
        users.sign_in("ann", WORD, network=HOME)  # the right word does not help who guesses
    assert users.sign_in("ann", WORD, network="198.51.100.1"), "who sits elsewhere is not locked out"
    clock.advance(seconds=901)
    assert users.sign_in("ann", WORD, network=HOME)


def test_one_address_has_so_many_tries_with_any_names_and_one_name_from_anywhere(users, quick):
    assert sum(tries(users, f"user{nth}", HOME, 3) for nth in range(20)) == 30
    assert sum(tries(users, "ann", f"198.51.100.{nth}", 3) for nth in range(20)) == 40


def test_a_good_sign_in_forgives_what_was_mistyped_before(users, quick):
    for _ in range(3):
        assert tries(users, "ann", HOME, 4) == 4
        users.sign_in("ann", WORD, network=HOME)


def test_tries_of_several_processes_at_once_are_no_more_than_the_limit(users, installation, together):
    source = """
from scrm_core.clock import ManualClock
from scrm_core.errors import TooMany, Unauthorized
from scrm_core.users import passwords
passwords.fits = lambda stored, password: False

def run(brand, worker):
    brand.installation.clock = ManualClock()  # all of it in one window
    seen = 0
    for _ in range(8):
        try:
            brand.installation.users.sign_in("ann", "wrong wrong wrong", network="203.0.113.7")
        except Unauthorized:
            seen += 1
        except TooMany:
            pass
    return seen
"""
    assert sum(together(installation, source, 3)) == 5


def test_the_first_uses_of_several_processes_at_once_make_one_database(installation, together):
    source = """
def run(brand, worker):
    return [user.name for user in brand.installation.users.list()]
"""
    assert together(installation, source, 4) == [[], [], [], []]
    assert installation.engine.exists(DATABASE)


def test_who_changed_which_user_is_written_down_without_any_password(users):
    users.set_role("ann", "acme", "clerk", actor="user:mia")
    users.set_role("ann", "acme", "owner", actor="user:mia")
    users.set_password("ann", "another long sentence")
    users.sign_in("ann", "another long sentence", network=HOME)
    entries = users.audit()
    assert [(e.actor, e.action, e.target) for e in entries] == [
        ("user:ann", "user.sign_in", ""),
        ("operator", "user.password", "user:ann"),
        ("user:mia", "user.role", "user:ann"),
        ("user:mia", "user.role", "user:ann"),
        ("operator", "user.create", "user:ann"),
    ]
    assert entries[2].detail == {"brand": "acme", "before": "clerk", "after": "owner"}
    assert "sentence" not in repr(entries)


def test_users_are_in_no_brand_and_another_process_of_the_installation_knows_them(users, installation, together):
    users.set_role("ann", "moonco", "analyst")
    source = "def run(brand, worker):\n    return [[u.name, dict(u.roles)] for u in brand.installation.users.list()]"
    assert together(installation, source, 1) == [[["ann", {"moonco": "analyst"}]]]
    assert installation.engine.exists(DATABASE)
    assert DATABASE not in installation.brand_ids()
    assert [user.name for user in users.list("acme")] == []
    assert [(user.name, dict(user.roles)) for user in users.list("moonco")] == [("ann", {"moonco": "analyst"})]
