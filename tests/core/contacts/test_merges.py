"""Merging contacts: everything moves, what cannot stays, undoing gives back exactly what moved."""

from __future__ import annotations

import peewee as pw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scrm_core import eventlog
from scrm_core.db import BrandModel
from scrm_core.db.bulk import execute, insert_model_rows
from scrm_core.errors import Conflict, NotFound
from scrm_core.models import (
    CORE_MODELS,
    ChatGroup,
    Contact,
    GroupMember,
    Membership,
    Reward,
    Visit,
)
from scrm_core.plugin import Plugin
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.orders import OrderIn

DAY = 86_400_000
START = 1_767_268_800_000


def phone(number):
    return IdentityIn.of("phone", f"138{number:08d}")


def person(brand, number):
    return brand.contacts.resolve([phone(number)], at=START, origin="test").contact_id


def order(number, *, buyer, day=0, paid=1_000, source="tmall"):
    at = START + day * DAY
    return OrderIn(source=source, number=str(number), status="completed", paid_at=at, paid_minor=paid, buyer=(buyer,))


def contents(*, without=("contact_merge", "event", "audit")):
    """Every row of every core table, but for the columns that say when a row last changed."""
    tables = {}
    for model in CORE_MODELS:
        meta = model._meta
        if meta.table_name not in without:
            columns = ", ".join(f'"{c}"' for c in meta.columns if c != "updated_at")
            tables[meta.table_name] = sorted(
                map(repr, execute(f'SELECT {columns} FROM "{meta.table_name}"').fetchall())
            )
    return tables


def test_a_merge_moves_what_the_loser_had(brand):
    with brand:
        winner, loser = person(brand, 1), person(brand, 2)
        brand.tags.add(loser, brand.tags.define("interest", "boots", plan="p"))
        brand.orders.upsert(order(1, buyer=phone(2), paid=700))
        brand.orders.upsert(order(2, buyer=phone(1), day=3, paid=500))
        brand.contacts.capture_lead(LeadIn("form", (phone(2),), START - 1, reference="1"))
        merge = brand.contacts.merge(winner, loser, actor="li", reason="same person")
        view = brand.contacts.get_by_id(winner)
        assert (view.orders, view.money, view.occasions, view.lead_at) == (2, 1_200, 2, START - 1)
        assert [i.value for i in brand.contacts.identities(winner)] == ["+8613800000001", "+8613800000002"]
        assert [tag.name for tag in brand.tags.of(winner)] == ["boots"]
        assert [touch.kind for touch in brand.contacts.touches(winner)] == ["lead", "order", "order"]
        assert brand.contacts.get_by_id(loser) == view
        assert brand.contacts.page() == [view]
        assert (brand.contacts.merges(winner)[0].id, brand.contacts.merges(loser)[0].actor) == (merge, "li")
        (fact,) = [event.fact for event in eventlog.tail(100) if event.type == "contact.merged"]
        assert (fact.merge_id, fact.winner_id, fact.loser_id, fact.undone) == (merge, winner, loser, False)


def test_what_the_winner_has_already_stays_with_the_loser(brand):
    with brand:
        brand.tags.group("tier", s_level=True, default="none")
        winner, loser = person(brand, 1), person(brand, 2)
        boots = brand.tags.define("interest", "boots", plan="p")
        brand.tags.add(winner, boots, origin="manual", actor="li")
        brand.tags.add(loser, boots)
        brand.tags.add(winner, brand.tags.define("tier", "gold", plan="p"))
        brand.tags.add(loser, brand.tags.define("tier", "silver", plan="p"))
        insert_model_rows(
            Membership, [{"contact_id": c, "identity": "m", "joined_at": 1, "left_at": None} for c in (winner, loser)]
        )
        brand.contacts.merge(winner, loser, actor="li", reason="same person")
        assert {(tag.name, tag.origin) for tag in brand.tags.of(winner)} == {("boots", "manual"), ("gold", "auto")}
        rows = execute("SELECT contact_id FROM membership ORDER BY id").fetchall()
        assert [row[0] for row in rows] == [winner, loser]


def test_a_withdrawn_consent_stays_withdrawn_and_both_histories_stay(brand, clock):
    with brand:
        winner, loser = person(brand, 1), person(brand, 2)
        brand.consent.record(loser, "marketing_sms", granted=False, source="page")
        clock.advance(days=1)
        brand.consent.record(winner, "marketing_sms", granted=True, source="page")
        brand.consent.record(loser, "profiling", granted=True, source="page")
        merge = brand.contacts.merge(winner, loser, actor="li", reason="same person")
        assert not brand.consent.state(winner, "marketing_sms")
        assert brand.consent.state(winner, "profiling") and brand.consent.state(loser, "profiling")
        assert [(c.granted, c.source) for c in brand.consent.history(winner)] == [
            (False, "page"), (True, "page"), (True, "page"), (False, "merge")
        ]  # fmt: skip
        brand.contacts.undo_merge(merge, actor="li")
        assert brand.consent.state(winner, "marketing_sms") and not brand.consent.state(loser, "marketing_sms")


@pytest.mark.parametrize("reverse", [False, True])
def test_the_stricter_consent_wins_whoever_stays(brand, reverse):
    with brand:
        winner, loser = person(brand, 1), person(brand, 2)
        yes, no = (loser, winner) if reverse else (winner, loser)
        brand.consent.record(yes, "marketing_sms", granted=True, source="page", at=START + 5)
        brand.consent.record(no, "marketing_sms", granted=False, source="page", at=START)
        brand.contacts.merge(winner, loser, actor="li", reason="same person")
        assert not brand.consent.state(winner, "marketing_sms")


def test_what_came_after_a_merge_stays_with_the_winner_when_it_is_undone(brand):
    with brand:
        winner, loser = person(brand, 1), person(brand, 2)
        brand.orders.upsert(order(1, buyer=phone(2), paid=700))
        merge = brand.contacts.merge(winner, loser, actor="li", reason="same person")
        brand.orders.upsert(order(2, buyer=phone(2), paid=300))
        brand.contacts.undo_merge(merge, actor="li")
        assert brand.contacts.get_by_id(loser).money == 700
        assert brand.contacts.get_by_id(winner).money == 300
        with pytest.raises(Conflict, match="undone"):
            brand.contacts.undo_merge(merge, actor="li")
        facts = [event.fact.undone for event in reversed(eventlog.tail(100)) if event.type == "contact.merged"]
        assert facts == [False, True]


def test_who_is_present_is_asked_of_events_merged_and_erased_people_included(brand, other):
    with brand:
        winner, loser = person(brand, 1), person(brand, 2)
        assert (brand.contacts.present(loser), brand.contacts.present(None)) == (loser, None)
        brand.contacts.merge(winner, loser, actor="li", reason="one person")
        assert brand.contacts.present(loser) == winner
        brand.privacy.erase(winner, actor="li")
        assert [brand.contacts.present(each) for each in (winner, loser, loser + 1)] == [None, None, None]
    with other:
        assert other.contacts.present(winner) is None


def test_merges_that_cannot_be_are_refused(brand, other):
    with brand:
        one, two, three = (person(brand, n) for n in range(3))
        with pytest.raises(Conflict):
            brand.contacts.merge(one, one, actor="li", reason="")
        with pytest.raises(NotFound):
            brand.contacts.merge(one, 4_000_000, actor="li", reason="")
        first = brand.contacts.merge(two, three, actor="li", reason="")
        with pytest.raises(NotFound):
            brand.contacts.merge(one, three, actor="li", reason="")
        brand.contacts.merge(one, two, actor="li", reason="")
        with pytest.raises(Conflict, match="later"):
            brand.contacts.undo_merge(first, actor="li")
        assert brand.contacts.get_by_id(three).id == one
    with other, pytest.raises(NotFound):
        other.contacts.undo_merge(first, actor="li")


def test_merges_into_one_contact_are_undone_from_the_last_to_the_first(brand):
    """What the later one left behind, since the earlier had brought it, would be nobody's that is there."""
    with brand:
        spring = brand.tags.define("campaign", "spring", plan="p")
        winner, first, second = (person(brand, n) for n in range(3))
        for each in (first, second):
            brand.tags.add(each, spring)
            brand.consent.record(each, "marketing_sms", granted=each == first, source="page")
        merges = [brand.contacts.merge(winner, each, actor="li", reason="") for each in (first, second)]
        with pytest.raises(Conflict, match=f"merge {merges[1]} .* undo that merge first") as refused:
            brand.contacts.undo_merge(merges[0], actor="li")
        assert refused.value.code == "merged_later"
        assert [each.name for each in brand.tags.of(winner)] == ["spring"]
        assert not brand.consent.state(winner, "marketing_sms")
        for merge in reversed(merges):
            brand.contacts.undo_merge(merge, actor="li")
        assert brand.tags.of(winner) == [] and [each.name for each in brand.tags.of(second)] == ["spring"]
        targets = [entry.target for entry in brand.audit.page(action="contact.undo_merge")]
        assert targets == [f"contact:{winner}"] * 2


def test_the_winner_gets_a_value_of_s_level_groups_made_while_it_was_merged(brand):
    with brand:
        winner, loser = person(brand, 1), person(brand, 2)
        merge = brand.contacts.merge(winner, loser, actor="li", reason="")
        brand.tags.group("tier", s_level=True, default="none")
        brand.contacts.undo_merge(merge, actor="li")
        assert brand.tags.coverage("tier").missing == ()


class Stamp(BrandModel):
    id = pw.BigAutoField()
    owner = pw.ForeignKeyField(Contact)
    giver = pw.ForeignKeyField(Contact, null=True)

    class Meta:
        table_name = "stamps_stamp"


class Card(BrandModel):
    contact = pw.ForeignKeyField(Contact, primary_key=True)
    points = pw.BigIntegerField(default=0)

    class Meta:
        table_name = "stamps_card"


class Stamps(Plugin):
    name = "stamps"
    version = "1"
    summary = "Has rows that point to contacts."
    requires_core = ">=0"
    models = (Stamp, Card)
    migrations = "stamps_migrations"


MIGRATION = '''
def up(migrator, db):
    key = "INTEGER PRIMARY KEY" if db.param == "?" else "BIGSERIAL PRIMARY KEY"
    db.execute_sql(f"CREATE TABLE stamps_stamp (id {key}, owner_id BIGINT NOT NULL REFERENCES contact (id), "
                   "giver_id BIGINT REFERENCES contact (id))")
    db.execute_sql("CREATE TABLE stamps_card (contact_id BIGINT PRIMARY KEY REFERENCES contact (id), "
                   "points BIGINT NOT NULL)")
'''


@pytest.fixture
def stamps(new_installation, tmp_path, monkeypatch):
    folder = tmp_path / "stamps_migrations"
    folder.mkdir()
    (folder / "0001_stamps.py").write_text(MIGRATION, encoding="utf-8")
    monkeypatch.setattr(Stamps, "migrations_path", classmethod(lambda cls: folder))
    return new_installation(acme="[plugins.stamps]\n", plugins=(Stamps,))


def test_rows_of_plugins_are_repointed_in_every_column_and_back(stamps):
    brand, other = stamps.brand("acme"), stamps.brand("moonco")
    with brand:
        winner, loser, third = (person(brand, n) for n in range(3))
        rows = [(loser, third), (third, loser), (winner, loser), (third, None)]
        insert_model_rows(Stamp, [{"owner_id": owner, "giver_id": giver} for owner, giver in rows])
        insert_model_rows(Card, [{"contact_id": loser, "points": 5}, {"contact_id": third, "points": 1}])

        def stored():
            found = execute("SELECT owner_id, giver_id FROM stamps_stamp ORDER BY id").fetchall()
            cards = execute("SELECT contact_id, points FROM stamps_card ORDER BY contact_id").fetchall()
            return [tuple(row) for row in found], [tuple(row) for row in cards]

        before = stored()
        merge = brand.contacts.merge(winner, loser, actor="li", reason="")
        assert stored() == (
            [(winner, third), (third, winner), (winner, winner), (third, None)],
            [(winner, 5), (third, 1)],
        )
        brand.contacts.undo_merge(merge, actor="li")
        assert stored() == before
        # The winner has a card of its own: the loser's stays, and is the loser's again afterwards.
        again = brand.contacts.merge(third, loser, actor="li", reason="")
        assert stored()[1] == [(loser, 5), (third, 1)]
        brand.contacts.undo_merge(again, actor="li")
        assert stored() == before
    with other:
        # A brand without the plugin has no such tables and merges all the same.
        one, two = person(other, 1), person(other, 2)
        other.contacts.merge(one, two, actor="li", reason="")


FACTS = st.lists(
    st.tuples(st.sampled_from(["order", "tag", "value", "lead", "consent", "group", "visit", "reward"]),
              st.integers(0, 3), st.integers(0, 3)),
    max_size=14,
)  # fmt: skip


def write_fact(brand, kind, contact_id, identity, number, serial):
    at = START + number * DAY
    if kind == "order":
        brand.orders.upsert(order(serial, buyer=identity, day=number, paid=100 * number))
    elif kind == "tag":
        brand.tags.add(contact_id, brand.tags.define("plain", f"t{number}", plan="p"), origin="manual")
    elif kind == "value":
        brand.tags.add(contact_id, brand.tags.define("stage", f"s{number}", plan="p"))
    elif kind == "lead":
        brand.contacts.capture_lead(LeadIn("form", (identity,), at, reference=str(serial), name=f"n{number}"))
    elif kind == "consent":
        brand.consent.record(contact_id, f"p{number % 2}", granted=number < 2, source="page", at=at)
    elif kind == "group":
        groups = execute("SELECT id FROM chat_group ORDER BY id").fetchall()
        free = execute(
            "SELECT count(*) FROM group_member WHERE contact_id = ? AND group_id = ? AND left_at IS NULL",
            (contact_id, groups[number % 2][0]),
        ).fetchone()
        if free[0] == 0:
            row = {"group_id": groups[number % 2][0], "contact_id": contact_id, "joined_at": at, "left_at": None}
            insert_model_rows(GroupMember, [row])
    elif kind == "visit":
        link_id = execute("SELECT id FROM link").fetchone()[0]
        insert_model_rows(Visit, [{"link_id": link_id, "at": at, "contact_id": contact_id}])
    else:
        row = {"uid": str(serial), "kind": "k", "contact_id": contact_id, "grant_key": str(serial), "issuer": "i",
               "at": at, "issued": None, "reverses_id": None}  # fmt: skip
        insert_model_rows(Reward, [row])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=FACTS, data=st.data())
def test_merging_and_undoing_is_the_identity(brand, facts, data):
    """Any facts, any merges among four contacts, undone from the last to the first."""
    with brand:
        brand.tags.group("stage", s_level=True, default="s0")
        if not execute("SELECT 1 FROM link").fetchone():
            insert_model_rows(ChatGroup, [{"code": code, "created_at": 1} for code in ("g0", "g1")])
            channel = execute(
                "INSERT INTO channel (code, name, kind, created_at) VALUES ('c', '', '', 1) RETURNING id"
            ).fetchone()[0]
            execute(
                "INSERT INTO link (code, channel_id, target, variant, owner, campaign, created_at) "
                "VALUES ('l', ?, 'https://a.example', '', '', '', 1)",
                (channel,),
            )
        base = execute("SELECT coalesce(max(id), 0) FROM contact").fetchone()[0]
        identities = [IdentityIn("member", f"{base}-{n}", "test") for n in range(4)]
        crowd = [brand.contacts.resolve([i], at=START, origin="test").contact_id for i in identities]
        for serial, (kind, who, number) in enumerate(facts):
            write_fact(brand, kind, crowd[who], identities[who], number, f"{base}-{serial}")
        before = contents()
        total = brand_total(crowd)
        standing, undo = list(crowd), []
        while len(standing) > 1 and data.draw(st.booleans() if undo else st.just(True)):
            winner = data.draw(st.sampled_from(standing))
            loser = data.draw(st.sampled_from([each for each in standing if each != winner]))
            undo.append(brand.contacts.merge(winner, loser, actor="li", reason="test"))
            standing.remove(loser)
            assert brand_total(crowd) == total
            assert brand_total(standing) == total
        for merge in reversed(undo):
            brand.contacts.undo_merge(merge, actor="li")
        assert contents() == before


def brand_total(contact_ids):
    marks = ", ".join("?" * len(contact_ids))
    sql = f"SELECT sum(orders), sum(money), min(first_order_at), max(last_order_at) FROM contact WHERE id IN ({marks})"
    return tuple(int(value) if value is not None else None for value in execute(sql, contact_ids).fetchone())


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=FACTS, order_of_merges=st.permutations([0, 1, 2]))
def test_totals_do_not_depend_on_the_order_of_merges(brand, facts, order_of_merges):
    with brand:
        totals = []
        for merges in ([0, 1, 2], order_of_merges):
            base = execute("SELECT coalesce(max(id), 0) FROM contact").fetchone()[0]
            identities = [IdentityIn("member", f"{base}-{n}", "test") for n in range(4)]
            crowd = [brand.contacts.resolve([i], at=START, origin="test").contact_id for i in identities]
            for serial, (kind, who, number) in enumerate(facts):
                if kind in ("order", "lead"):
                    write_fact(brand, kind, crowd[who], identities[who], number, f"{base}-{serial}")
            for step in merges:
                one = brand.contacts.get_by_id(crowd[step]).id
                two = brand.contacts.get_by_id(crowd[step + 1]).id
                brand.contacts.merge(one, two, actor="li", reason="test")
            view = brand.contacts.get_by_id(crowd[0])
            columns = ("orders", "occasions", "money", "first_day", "last_day", "cycle_days", "lead_at")
            totals.append([getattr(view, column) for column in columns])
        assert totals[0] == totals[1]


RACE = """
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.orders import OrderIn

def phone(n):
    return IdentityIn.of("phone", f"138{n:08d}")

def run(brand, worker):
    if worker == 0:
        for n in range(0, 20, 2):
            winner = brand.contacts.find("phone", phone(n).value).id
            loser = brand.contacts.find("phone", phone(n + 1).value).id
            brand.contacts.merge(winner, loser, actor="race", reason="race")
        return 0
    at = 1_767_268_800_000
    for round in range(3):
        orders = [
            OrderIn(source=f"s{worker}", number=f"{round}-{n}", status="completed", paid_at=at, paid_minor=100,
                    buyer=(phone(n),))
            for n in range(20)
        ]
        brand.orders.upsert_many(orders)
    return 60
"""


def test_orders_that_arrive_during_merges_end_with_the_winner(installation, brand, together):
    with brand:
        for n in range(20):
            person(brand, n)
    together(installation, RACE, 3)
    with brand:
        stray = execute(
            "SELECT count(*) FROM orders o LEFT JOIN contact c ON c.id = o.contact_id "
            "WHERE c.id IS NULL OR c.state <> 'active'"
        ).fetchone()
        assert stray[0] == 0
        for n in range(0, 20, 2):
            view = brand.contacts.find("phone", phone(n).value)
            assert brand.contacts.find("phone", phone(n + 1).value) == view
            assert (view.orders, view.money) == (12, 1_200)
