"""The example files are what their README says, and their generators give them back byte for byte."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import phonenumbers
import pytest

from scrm_core.intake.binding import Binding
from scrm_core.intake.csvfile import CsvFile, Reject
from scrm_core.intake.mapping import load_mapping

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def rows(name: str) -> list[dict[str, str]]:
    with (EXAMPLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("generator", "inputs", "outputs"),
    [
        ("make_card_scans.py", ["cdnow_sample_orders.csv"], ["card-scans.csv", "card-scans-later.csv"]),
        (
            "make_arrivals.py",
            ["make_card_scans.py", "card-scans.csv", "card-scans-later.csv"],
            ["arrivals.csv", "store-orders.csv", "friends.csv"],
        ),
        ("make_orders.py", [], ["orders-generated.csv", "refunds-generated.csv", "products-generated.csv"]),
    ],
)
def test_generators_give_the_same_bytes_again(tmp_path, generator, inputs, outputs):
    for name in (generator, *inputs):
        (tmp_path / name).write_bytes((EXAMPLES / name).read_bytes())
    subprocess.run([sys.executable, str(tmp_path / generator)], check=True)
    for name in outputs:
        assert (tmp_path / name).read_bytes() == (EXAMPLES / name).read_bytes()


def test_the_real_orders_add_up_to_their_published_totals():
    orders = rows("cdnow_sample_orders.csv")
    assert len(orders) == 6_919
    assert len({order["order_id"] for order in orders}) == 6_919
    assert len({order["customer_id"] for order in orders}) == 2_357
    assert sum(int(order["amount_cents"]) for order in orders) == 24_409_194
    assert sum(int(order["items"]) for order in orders) == 16_479
    assert len({(order["customer_id"], order["date"]) for order in orders}) == 6_696
    assert min(order["date"] for order in orders) == "1997-01-01"
    assert max(order["date"] for order in orders) == "1998-06-30"


def test_the_real_orders_keep_what_importers_get_wrong():
    orders = rows("cdnow_sample_orders.csv")
    contents = Counter((o["customer_id"], o["date"], o["items"], o["amount_cents"]) for o in orders)
    assert sum(count - 1 for count in contents.values()) == 21
    assert sum(order["amount_cents"] == "0" for order in orders) == 8
    assert sum(order["customer_id"].startswith("0") for order in orders) > 0


@pytest.mark.parametrize(
    ("count_zero_orders", "customers", "repeats", "without"),
    [(True, 2_357, 2_457, 1_411), (False, 2_349, 2_457, 1_403)],
)
def test_the_real_orders_show_the_published_repeat_figures(count_zero_orders, customers, repeats, without):
    days = defaultdict(set)
    for order in rows("cdnow_sample_orders.csv"):
        if order["date"] <= "1997-09-30" and (count_zero_orders or int(order["amount_cents"]) > 0):
            days[order["customer_id"]].add(order["date"])
    assert len(days) == customers
    assert sum(len(d) - 1 for d in days.values()) == repeats
    assert sum(len(d) == 1 for d in days.values()) == without


def test_the_card_scans_lead_to_first_orders_at_noon_three_days_later():
    orders = {order["order_id"]: order for order in rows("cdnow_sample_orders.csv")}
    first_day = {}
    for order in orders.values():
        customer, day = order["customer_id"], order["date"]
        first_day[customer] = min(day, first_day.get(customer, day))
    scanned = set()
    for scan in rows("card-scans.csv"):
        campaign, number = scan["serial"].split("-")
        order = orders[number]
        assert campaign == "SPRING97"
        assert order["date"] == first_day[order["customer_id"]]
        noon = datetime.combine(date.fromisoformat(order["date"]) + timedelta(days=3), datetime.min.time())
        assert datetime.fromisoformat(scan["scanned_at"]) == noon + timedelta(hours=12)
        scanned.add(order["customer_id"])
    assert scanned == {customer for customer in first_day if int(customer) % 10 == 0}
    assert len(scanned) == len(rows("card-scans.csv")) == 235


def test_the_card_scans_give_the_figures_of_the_report():
    orders = rows("cdnow_sample_orders.csv")
    owner = {order["order_id"]: order["customer_id"] for order in orders}
    lead_at = {
        owner[scan["serial"].split("-")[1]]: datetime.fromisoformat(scan["scanned_at"])
        for scan in rows("card-scans.csv")
    }
    shipped = sum(order["date"] <= "1997-03-31" for order in orders)
    within = [
        int(order["amount_cents"])
        for order in orders
        if order["customer_id"] in lead_at
        and timedelta(0) < datetime.fromisoformat(order["date"]) - lead_at[order["customer_id"]] <= timedelta(days=90)
    ]
    assert (shipped, len(lead_at)) == (3_267, 235)
    assert round(Decimal(100 * len(lead_at)) / shipped, 2) == Decimal("7.19")
    assert (len(within), sum(within)) == (156, 613_130)
    assert round(Decimal(sum(within)) / shipped, 2) == Decimal("187.67")


def test_the_later_scans_are_of_the_first_order_of_the_last_quarter_of_whose_number_ends_in_3_or_7():
    first = {}
    for order in sorted(rows("cdnow_sample_orders.csv"), key=lambda row: (row["date"], row["order_id"])):
        if order["date"] >= "1998-04-01":
            first.setdefault(order["customer_id"], order)
    found = {scan["serial"]: scan["scanned_at"] for scan in rows("card-scans-later.csv")}
    assert found == {
        f"AGAIN-{order['order_id']}": f"{date.fromisoformat(order['date']) + timedelta(days=3)}T12:00:00"
        for customer, order in first.items()
        if customer[-1] in "37" and order["date"] <= "1998-06-26"
    }
    assert len(found) == 58


def test_what_is_invented_ends_on_the_day_before_the_newest_real_order_and_friends_come_by_members():
    arrivals = {row["phone"]: row for row in rows("arrivals.csv")}
    friends, bought = rows("friends.csv"), rows("store-orders.csv")
    came = {**{phone: row["arrived_at"] for phone, row in arrivals.items()}, **{f["phone"]: f["arrived_at"] for f in friends}}
    assert (len(arrivals), len(friends), len(came)) == (420, 14, 434)
    assert all("1997-07-01" <= at[:10] <= "1998-06-29" for at in came.values())
    assert all(came[row["phone"]] < row["paid_at"] < "1998-06-30" for row in bought)
    assert all(arrivals[row["inviter"]]["member"] and row["inviter"] in arrivals for row in friends)
    assert {row["channel"] for row in arrivals.values()} == {"newsletter", "record-fair", "shop-window"}


def test_generated_phones_are_valid_and_fictional():
    scans = [scan["phone"] for scan in rows("card-scans.csv")]
    assert len(set(scans)) == 235
    scans += [row["phone"] for name in ("card-scans-later", "arrivals", "friends") for row in rows(f"{name}.csv")]
    assert len(set(scans)) == len(scans) == 235 + 58 + 420 + 14
    for phone in scans:
        assert phonenumbers.is_valid_number(phonenumbers.parse(phone))
        assert phone[5:10] == "55501"
    mobiles = {order["phone"] for order in rows("orders-generated.csv")} - {""}
    assert mobiles
    assert all(len(phone) == 11 and phone.startswith("13800138") for phone in mobiles)


def test_the_generated_orders_have_every_platform_a_size_and_gift_lines_of_zero():
    lines = rows("orders-generated.csv")
    assert {line["platform"] for line in lines} == {"douyin", "tmall", "jd", "pdd", "xiaohongshu"}
    assert any(line["size"] for line in lines)
    gifts = [line for line in lines if line["gift"] == "1"]
    assert gifts
    assert {(line["sku"], line["line_paid"]) for line in gifts} == {("CARD-202509-A", "0.00")}


def test_generated_lines_and_refunds_fit_their_products_and_orders():
    skus = {product["sku"] for product in rows("products-generated.csv")}
    paid = defaultdict(Decimal)
    for line in rows("orders-generated.csv"):
        assert line["gift"] == "1" or line["sku"] in skus
        paid[line["platform"], line["order_number"]] += Decimal(line["line_paid"])
    refunds = rows("refunds-generated.csv")
    assert len({refund["refund_number"] for refund in refunds}) == len(refunds) > 0
    for refund in refunds:
        assert 0 < Decimal(refund["amount"]) <= paid[refund["platform"], refund["order_number"]]


@pytest.mark.parametrize(
    ("file", "mapping", "kind", "expected"),
    [
        ("cdnow_sample_orders.csv", "cdnow.toml", "orders", 6_919),
        ("card-scans.csv", "card-scans.toml", "leads", 235),
        ("card-scans-later.csv", "card-scans.toml", "leads", 58),
        ("arrivals.csv", "arrivals.toml", "leads", 420),
        ("store-orders.csv", "store-orders.toml", "orders", 502),
        ("orders-generated.csv", "generated-orders.toml", "orders", None),
        ("refunds-generated.csv", "generated-refunds.toml", "refunds", None),
        ("products-generated.csv", "generated-products.toml", "products", None),
    ],
)
def test_each_file_is_read_whole_with_its_mapping(file, mapping, kind, expected):
    zone = ZoneInfo("America/New_York")
    with CsvFile(EXAMPLES / file) as source:
        bound = Binding(load_mapping(EXAMPLES / mapping, kind), source.header, zone=zone)
        read = list(bound.rows(source.rows()))
    keys = {"orders": ("order_number",), "refunds": ("refund_number",), "products": ("sku",)}
    count = expected or len({tuple(row[k] for k in keys[kind]) for row in rows(file)})
    assert [row for row in read if isinstance(row, Reject)] == []
    assert len(read) == count
