"""Orders: one row per (source, number) whatever arrives how often, one event when first seen paid."""

from __future__ import annotations

from datetime import date

import pytest

from scrm_core.clock import to_instant
from scrm_core.db.bulk import execute
from scrm_core.errors import Invalid, NotFound, PluginError, Veto
from scrm_core.facts import OrderDraft, OrderLineFact
from scrm_core.hooks import hookimpl
from scrm_core.plugin import Plugin
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.orders import LineIn, OrderView


def outcomes(answers):
    return [answer.outcome for answer in answers]


def test_an_order_is_created_with_its_buyer_lines_and_event(brand, order, log):
    lines = (LineIn("S1", "纸尿裤 L", 2, 700), LineIn("S2", "湿巾", 1, 300), LineIn("CARD", "卡", 3, 0, gift=True))
    with brand:
        result = brand.orders.upsert(order("A1", platform="tmall", lines=lines, name="王"))
        view = brand.orders.get(result.uid)
        assert (view.source, view.number, view.platform, view.status) == ("shop", "A1", "tmall", "paid")
        assert (view.paid_minor, view.refund_minor, view.items, view.valid) == (1_000, 0, 3, True)
        assert [(line.sku, line.qty, line.gift) for line in view.lines] == [
            ("S1", 2, False), ("S2", 1, False), ("CARD", 3, True),
        ]  # fmt: skip
        buyer = brand.contacts.find("buyer", "b1", "shop")
        assert (view.contact_id, view.contact_uid, buyer.name) == (buyer.id, buyer.uid, "王")
        (event,) = log("order.paid")
        fact = event.fact
        assert (fact.contact_id, fact.order_id, fact.source, fact.number) == (buyer.id, view.order_id, "shop", "A1")
        assert (fact.at, fact.paid_minor, fact.items, fact.platform, fact.backfill) == (
            view.paid_at, 1_000, 3, "tmall", False,
        )  # fmt: skip
        assert fact.lines[2] == OrderLineFact("CARD", 3, 0, True)


def test_the_same_orders_again_are_unchanged_and_change_no_total(brand, order, log):
    orders = [order(f"A{n}", buyer=f"b{n % 3}", day=n, paid_minor=100 * n) for n in range(1, 8)]
    with brand:
        assert outcomes(brand.orders.upsert_many(orders)) == ["created"] * 7
        before = [brand.contacts.find("buyer", f"b{n}", "shop") for n in range(3)]
        assert outcomes(brand.orders.upsert_many(orders)) == ["unchanged"] * 7
        assert [brand.contacts.find("buyer", f"b{n}", "shop") for n in range(3)] == before
        assert len(log("order.paid")) == 7


def test_leading_zeros_and_long_numbers_survive(brand, order):
    with brand:
        for number in ("007", "7", "900719925474099312"):
            assert brand.orders.upsert(order(number)).outcome == "created"
        assert brand.orders.by_number("shop", "007").number == "007"


def test_one_number_of_two_sources_is_two_orders(brand, order):
    with brand:
        first = brand.orders.upsert(order("A1"))
        second = brand.orders.upsert(order("A1", source="mall"))
        assert second.outcome == "created" and first.order_id != second.order_id


def test_another_brand_sees_nothing_of_it(brand, other, order):
    with brand:
        uid = brand.orders.upsert(order("A1")).uid
    with other:
        with pytest.raises(NotFound):
            other.orders.get(uid)
        with pytest.raises(NotFound):
            other.orders.by_number("shop", "A1")
        assert other.orders.page() == []
        assert other.orders.upsert(order("A1")).outcome == "created"


def test_the_event_comes_when_the_order_is_first_paid_and_once_ever(brand, order, log):
    with brand:
        brand.orders.upsert(order("A1", status="unpaid"))
        assert log("order.paid") == []
        for status in ("paid", "shipped", "unpaid", "paid", "completed", "closed", "completed"):
            assert brand.orders.upsert(order("A1", status=status)).outcome == "updated"
        assert len(log("order.paid")) == 1


def test_a_backfilled_order_marks_its_event(brand, order, log):
    with brand:
        brand.orders.upsert(order("A1"), backfill=True)
        assert [event.fact.backfill for event in log("order.paid")] == [True]


@pytest.mark.parametrize("status", ["unpaid", "closed", "refunded"])
def test_an_order_that_does_not_count_adds_nothing_to_its_buyer(brand, order, log, status):
    with brand:
        result = brand.orders.upsert(order("A1", status=status))
        contact = brand.contacts.get_by_id(result.contact_id)
        assert (contact.orders, contact.money, contact.last_order_at) == (0, 0, None)
        assert not brand.orders.get(result.uid).valid
        assert log("order.paid") == []


def test_closing_an_order_takes_it_out_of_the_totals(brand, order):
    with brand:
        brand.orders.upsert_many([order("A1"), order("A2", day=4, paid_minor=500)])
        brand.orders.upsert(order("A2", day=4, paid_minor=500, status="closed"))
        contact = brand.contacts.find("buyer", "b1", "shop")
        assert (contact.orders, contact.occasions, contact.money, contact.cycle_days) == (1, 1, 1_000, None)
        brand.orders.upsert(order("A1", status="closed"))
        contact = brand.contacts.find("buyer", "b1", "shop")
        assert (contact.orders, contact.money, contact.first_order_at, contact.last_day) == (0, 0, None, None)


# Which telling holds -------------------------------------------------------------------------


def test_an_older_version_changes_nothing(brand, order):
    with brand:
        brand.orders.upsert(order("A1", status="shipped", version=20))
        answer = brand.orders.upsert(order("A1", status="closed", paid_minor=1, version=10))
        view = brand.orders.by_number("shop", "A1")
        assert (answer.outcome, view.status, view.paid_minor, view.version) == ("unchanged", "shipped", 1_000, 20)


def test_of_equal_versions_the_one_further_along_holds(brand, order):
    with brand:
        brand.orders.upsert(order("A1", status="shipped", version=20))
        assert brand.orders.upsert(order("A1", status="paid", version=20)).outcome == "unchanged"
        assert brand.orders.upsert(order("A1", status="completed", version=20)).outcome == "updated"


def test_an_unchanged_later_version_still_outdates_earlier_ones(brand, order):
    with brand:
        brand.orders.upsert(order("A1", version=10))
        assert brand.orders.upsert(order("A1", version=30)).outcome == "unchanged"
        assert brand.orders.upsert(order("A1", status="closed", version=20)).outcome == "unchanged"
        assert brand.orders.by_number("shop", "A1").status == "paid"


def test_a_telling_without_version_is_older_than_any_with_one(brand, order):
    with brand:
        brand.orders.upsert(order("A1", status="paid"))
        assert brand.orders.upsert(order("A1", status="shipped")).outcome == "updated"
        assert brand.orders.upsert(order("A1", status="completed", version=1)).outcome == "updated"
        assert brand.orders.upsert(order("A1", status="paid")).outcome == "unchanged"
        assert brand.orders.by_number("shop", "A1").status == "completed"


def test_what_an_update_leaves_out_is_kept(brand, order):
    with brand:
        brand.orders.upsert(order("A1", platform="jd", items=4, lines=(LineIn("S1", "", 2, 1_000),)))
        brand.orders.upsert(order("A1", buyer=None, status="shipped", paid_at=None))
        view = brand.orders.by_number("shop", "A1")
        assert (view.status, view.platform, view.items, len(view.lines)) == ("shipped", "jd", 4, 1)
        assert view.contact_id == brand.contacts.find("buyer", "b1", "shop").id
        assert view.paid_at is not None and view.valid


def test_new_lines_replace_the_old_ones(brand, order):
    with brand:
        brand.orders.upsert(order("A1", lines=(LineIn("S1"), LineIn("S2"))))
        brand.orders.upsert(order("A1", lines=(LineIn("S3", qty=5),)))
        view = brand.orders.by_number("shop", "A1")
        assert [(line.position, line.sku) for line in view.lines] == [(1, "S3")] and view.items == 5


def test_the_newest_telling_names_the_buyer(brand, order):
    with brand:
        brand.orders.upsert(order("A1", buyer="b1", version=1))
        brand.orders.upsert(order("A1", buyer="b2", version=2))
        old, new = (brand.contacts.find("buyer", b, "shop") for b in ("b1", "b2"))
        assert (old.orders, new.orders, new.money) == (0, 1, 1_000)


def test_an_order_twice_in_one_call_is_written_twice(brand, order, log):
    with brand:
        answers = brand.orders.upsert_many([order("A1", status="unpaid"), order("A2"), order("A1"), order("A1")])
        assert outcomes(answers) == ["created", "created", "updated", "unchanged"]
        assert len(log("order.paid")) == 2


# Zero orders, days ---------------------------------------------------------------------------


def test_zero_orders_count_only_where_the_brand_says_so(new_installation, order):
    installation = new_installation(moonco="\n[rfm]\ncount_zero_orders = true\n")
    found = {}
    for brand_id in ("acme", "moonco"):
        brand = installation.brand(brand_id)
        with brand:
            brand.orders.upsert_many([order("A1", paid_minor=0), order("A2", day=2)])
            contact = brand.contacts.find("buyer", "b1", "shop")
            found[brand_id] = (contact.orders, contact.occasions, contact.money)
    assert found == {"acme": (1, 1, 1_000), "moonco": (2, 2, 1_000)}


def test_a_brand_that_changes_its_mind_about_zero_orders_needs_no_new_import(new_installation, order):
    installation = new_installation()
    path = installation.config.brands_dir / "acme.toml"
    plain = path.read_text()
    with installation.brand("acme") as brand:
        brand.orders.upsert_many([order("A1", paid_minor=0), order("A2", day=2), order("A3", paid_minor=0, buyer="b2")])
    found = []
    for text in (plain + "\n[rfm]\ncount_zero_orders = true\n", plain + "# as before\n"):
        path.write_text(text)
        with installation.brand("acme") as brand:
            brand.orders.upsert(order("A4", day=4))
            contacts = [brand.contacts.find("buyer", buyer, "shop") for buyer in ("b1", "b2")]
            found.append([(contact.orders, contact.occasions) for contact in contacts])
    assert found == [[(3, 3), (1, 1)], [(2, 2), (0, 0)]]


def test_the_day_of_an_order_is_the_brands_own(brand, other, order):
    from datetime import UTC, datetime

    late = to_instant(datetime(2026, 3, 1, 20, 30, tzinfo=UTC))
    days = []
    for place in (brand, other):
        with place:
            place.orders.upsert(order("A1", paid_at=late))
            days.append(place.orders.by_number("shop", "A1").day)
    assert days == [date(2026, 3, 2).toordinal(), date(2026, 3, 1).toordinal()]


# Bad input -----------------------------------------------------------------------------------

BAD = [
    ({"number": ""}, "number"),
    ({"number": "x" * 201}, "number"),
    ({"number": "a\x00b"}, "number"),
    ({"number": "a\ud800"}, "number"),
    ({"number": 17}, "number"),
    ({"source": ""}, "source"),
    ({"status": "done"}, "status"),
    ({"paid_minor": -1}, "paid_minor"),
    ({"paid_minor": 1.9}, "paid_minor"),
    ({"paid_minor": True}, "paid_minor"),
    ({"paid_minor": 2**53 + 1}, "paid_minor"),
    ({"paid_at": None}, "paid_at"),
    ({"paid_at": "1997-01-01"}, "paid_at"),
    ({"version": 2**60}, "version"),
    ({"items": -2}, "items"),
    ({"lines": (LineIn("S", qty=0),)}, "qty"),
    ({"lines": (LineIn("S\x07"),)}, "sku"),
    ({"name": "\x00"}, "name"),
]


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(("content", "field"), BAD)
def test_a_bad_order_is_answered_by_its_field_and_the_others_go_in(brand, order, content, field):
    with brand:
        bad, good = brand.orders.upsert_many([order(**{"number": "A1", **content}), order("A2")])
        assert isinstance(bad, Invalid) and bad.field == field
        assert good.outcome == "created"
        with pytest.raises(Invalid):
            brand.orders.upsert(order(**{"number": "A1", **content}))
        assert [view.number for view in brand.orders.page()] == ["A2"]


def test_a_suppressed_buyer_is_not_stored_with_the_order(brand, order):
    with brand:
        brand.contacts.suppressions.add([("buyer", "shop", "b1")], reason="erased", at=1)
        result = brand.orders.upsert(order("A1"))
        assert (result.outcome, result.contact_id) == ("created", None)
        assert execute("SELECT buyer FROM orders").fetchall() == [(None,)]
        assert brand.contacts.find("buyer", "b1", "shop") is None


# Guards --------------------------------------------------------------------------------------


class Guard(Plugin):
    """Refuses orders numbered V..., breaks on those numbered X..."""

    name = "guard"
    version = "1"
    summary = "A guard for tests."
    requires_core = ">=0"

    @hookimpl
    def check_order(self, draft: OrderDraft) -> None:
        seen.append(draft)
        if draft.number.startswith("V"):
            raise Veto("no such orders here", status=422)
        if draft.number.startswith("X"):
            raise ZeroDivisionError("a bug")


seen: list[OrderDraft] = []


@pytest.fixture
def guarded(new_installation):
    seen.clear()
    installation = new_installation(plugins=(Guard,), acme="\n[plugins.guard]\n")
    return installation.brand("acme"), installation.brand("moonco")


def test_a_veto_refuses_one_order_and_leaves_no_contact(guarded, order, log):
    brand, other = guarded
    with brand:
        veto, good = brand.orders.upsert_many([order("V1", buyer="b1"), order("A2", buyer="b2")])
        assert isinstance(veto, Veto) and veto.status == 422 and good.outcome == "created"
        assert brand.contacts.find("buyer", "b1", "shop") is None
        assert len(log("order.paid")) == 1
    with other:
        assert other.orders.upsert(order("V1")).outcome == "created"


def test_a_guard_is_asked_for_new_orders_only_and_knows_the_buyer(guarded, order):
    brand, _ = guarded
    with brand:
        first = brand.orders.upsert(order("A1"))
        brand.orders.upsert(order("A1", status="shipped"))
        brand.orders.upsert(order("A2"))
        assert [(draft.number, draft.contact_id) for draft in seen] == [("A1", None), ("A2", first.contact_id)]


def test_a_broken_guard_is_named_and_nothing_is_written(guarded, order, log):
    brand, _ = guarded
    with brand:
        with pytest.raises(PluginError, match="guard"):
            brand.orders.upsert_many([order("A1"), order("X1")])
        assert brand.orders.page() == [] and log("order.paid") == []


# Reading -------------------------------------------------------------------------------------


def test_pages_follow_one_another_without_gap(brand, order):
    with brand:
        brand.orders.upsert_many([order(f"A{n}", buyer=f"b{n % 2}") for n in range(7)])
        seen_numbers, after = [], None
        while page := brand.orders.page(after=after, limit=3):
            seen_numbers += [view.number for view in page]
            after = page[-1].order_id
        assert seen_numbers == [f"A{n}" for n in range(7)]
        zero = brand.contacts.find("buyer", "b0", "shop")
        assert [view.number for view in brand.orders.page(contact_id=zero.id)] == ["A0", "A2", "A4", "A6"]
        with pytest.raises(Invalid):
            brand.orders.page(limit=201)


def test_sums_take_the_start_and_leave_the_end(brand, order):
    with brand:
        brand.orders.upsert_many([
            order("A1", paid_at=100, paid_minor=1),
            order("A2", paid_at=200, paid_minor=20),
            order("A3", paid_at=300, paid_minor=300),
            order("A4", paid_at=200, paid_minor=4_000, buyer="b2"),
            order("A5", paid_at=200, paid_minor=50_000, status="closed"),
        ])  # fmt: skip
        one = brand.contacts.find("buyer", "b1", "shop").id
        two = brand.contacts.find("buyer", "b2", "shop").id
        assert brand.orders.sum_between([one], 100, 300) == (2, 21)
        assert brand.orders.sum_between([one, two], 0, 1_000) == (4, 4_321)
        assert brand.orders.sum_between([], 0, 1_000) == (0, 0)


def test_the_latest_order_of_a_contact_comes_first(brand, order):
    with brand:
        brand.orders.upsert_many([order("A1", day=1), order("A2", day=5), order("A3", status="unpaid"), order("A4")])
        contact = brand.contacts.find("buyer", "b1", "shop")
        views = brand.orders.of_contact(contact.id)
        assert [view.number for view in views] == ["A2", "A1", "A4", "A3"]
        assert all(isinstance(view, OrderView) for view in views)


def test_two_identities_of_a_buyer_join_its_orders(brand, order):
    phone = IdentityIn.of("phone", "13800138000")
    with brand:
        brand.orders.upsert(order("A1", people=(phone,)))
        brand.orders.upsert(order("A2", buyer="b9", day=3))
        both = brand.orders.upsert(order("A3", day=6, people=(phone, IdentityIn.of("buyer", "b9", "shop"))))
        contact = brand.contacts.get_by_id(both.contact_id)
        assert (contact.orders, contact.money, contact.cycle_days) == (3, 3_000, 3)
        assert {view.contact_id for view in brand.orders.page()} == {contact.id}
        assert brand.orders.by_number("shop", "A3").matched_by == "buyer+phone"
