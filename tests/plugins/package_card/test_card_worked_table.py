"""The worked table of the field through real rows: 9,200 cards, 716 adds, 28,050.00 yuan."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest

from scrm_core.api import execute, insert_model_rows
from scrm_core.models import Contact, Membership, Order, Visit
from scrm_package_card import PackageCard
from scrm_package_card.models import CardLead, CardShipment
from scrm_package_card.report import full_report
from scrm_package_card.stock.batches import BatchIn


class Printed(NamedTuple):
    """What the rows of a shipped or scanned card say of its batch."""

    id: int
    arm: str
    link: str
    campaign_id: int


CARD = "\n[plugins.package-card]\nmargin_share = 0.42\ncontribution_sources = ['shop', 'mini-program']\n"
DAY = 86_400_000


@pytest.fixture
def shop(new_installation, shop_of):
    """Acme with the campaign of the table: two batches of 5,000 cards at 0.12, 9,200 of them shipped."""
    installation = new_installation(plugins=(PackageCard,), acme=CARD)
    shop = shop_of(installation.brand("acme"))
    with shop.brand:
        cards = shop.brand.plugins["package-card"].cards
        cards.create_campaign("SEP", source="shop", recall_days=30, contribution_days=90, from_stock=True)
        for code, arm in (("CARD-A", "A"), ("CARD-B", "B")):
            wanted = BatchIn(code, "SEP", "marketing", 5_000, 12, arm=arm, channel="wecom", target="https://example.com/")
            cards.stock.create(wanted)
            cards.move_stock(code, "received", 5_000, key=f"in {code}", at=shop.at("2026-03-01T08:00"))
        fill(shop, cards)
    return shop


def fill(shop, cards):
    start = shop.at("2026-03-02T00:00")
    day = shop.brand.day(start)
    campaign_id = cards.campaign("SEP").id
    batches = [
        Printed(b.id, b.arm, b.link, campaign_id) for b in map(cards.stock.batch, ("CARD-A", "CARD-B"))
    ]
    shipments(start, day, batches)
    people(start, batches)
    visits(start, batches)
    leads(start, day, batches)
    orders(shop, start, day)
    execute("UPDATE package_card_batch SET shipped = 4600, remaining = 400")
    cards.spending.record(cards.campaign("SEP"), "hook gift 钩子礼品", 520, 300, key="hooks")


def shipments(start, day, batches):
    insert_model_rows(
        CardShipment,
        (
            {
                "campaign_id": batches[0].campaign_id,
                "serial": f"SEP-{n}",
                "source": "shop",
                "order_number": str(n),
                "order_id": None,
                "shipped_at": start,
                "day": day,
                "batch_id": batches[n % 2].id,
                "channel": "wecom",
                "arm": batches[n % 2].arm,
                "signed_at": start + 2 * DAY if n < 8_950 else None,
            }
            for n in range(9_200)
        ),
    )


def people(start, batches):
    """716 who added us; the last 48 were friends before."""
    insert_model_rows(
        Contact,
        (
            {
                "uid": f"u{n}",
                "created_at": start,
                "updated_at": start,
                "lead_at": start + 3 * DAY if n < 668 else start - DAY,
            }
            for n in range(716)
        ),
    )
    ids = [row[0] for row in execute("SELECT id FROM contact ORDER BY id").fetchall()]
    # 402 of the new joined in time; one joined too late, and a former friend counts for nothing.
    joined = [(ids[n], start + 10 * DAY) for n in range(402)]
    joined += [(ids[410], start + 3 * DAY + 90 * DAY + 1), (ids[700], start + 10 * DAY)]
    insert_model_rows(Membership, ({"contact_id": who, "joined_at": at} for who, at in joined))


def visits(start, batches):
    """1,350 people opened the two links, some twice; programs and the nameless do not count."""
    links = [execute("SELECT id FROM link WHERE code = ?", (batch.link,)).fetchone()[0] for batch in batches]
    seen = [(links[n % 2], f"v{n}", 0) for n in range(1_350)]
    seen += [(links[n % 2], f"v{n}", 0) for n in range(100)] + [(links[0], f"bot{n}", 1) for n in range(30)]
    seen += [(links[0], "", 0)] * 5
    insert_model_rows(Visit, ({"link_id": link, "visitor": who, "bot": bot, "at": start + DAY} for link, who, bot in seen))


def leads(start, day, batches):
    ids = [row[0] for row in execute("SELECT id FROM contact ORDER BY id").fetchall()]
    first = [(n, who, start + 3 * DAY, "attributed") for n, who in enumerate(ids)]
    # The same people again with the other card, and some who came too late: neither changes a figure.
    again = [(n + 1, who, start + 4 * DAY, "attributed") for n, who in itertools.islice(enumerate(ids), 60)]
    late = [(n, who, start + 40 * DAY, "outside") for n, who in itertools.islice(enumerate(ids), 20)]
    insert_model_rows(
        CardLead,
        (
            {
                "lead": f"wecom:{number}",
                "contact_id": who,
                "campaign_id": batches[0].campaign_id,
                "method": "card link",
                "state": state,
                "at": at,
                "day": day + (at - start) // DAY,
                "batch_id": batches[n % 2].id,
                "channel": "wecom",
                "arm": batches[n % 2].arm,
            }
            for number, (n, who, at, state) in enumerate(first + again + late)
        ),
    )


def orders(shop, start, day):
    """187 first orders of 150.00 net, of which 37 had 50.00 of 200.00 refunded; and what does not count."""
    ids = [row[0] for row in execute("SELECT id FROM contact ORDER BY id").fetchall()]
    lead_at = start + 3 * DAY

    def order(number, who, at, paid, refunded=0, valid=1, source="mini-program"):
        return {
            "uid": f"o{number}",
            "source": source,
            "number": f"M{number}",
            "contact_id": who,
            "status": "completed",
            "paid_at": at,
            "day": day + (at - start) // DAY,
            "paid_minor": paid,
            "refund_minor": refunded,
            "valid": valid,
            "digest": "",
            "created_at": at,
            "updated_at": at,
        }

    rows = [
        order(n, ids[n], lead_at + 20 * DAY, 20_000 if n < 37 else 15_000, 5_000 if n < 37 else 0) for n in range(187)
    ]
    rows.append(order(1_000, ids[300], lead_at + 90 * DAY + 1, 99_999))  # a millisecond too late
    rows.append(order(1_001, ids[301], lead_at, 99_999))  # not after the lead
    rows.append(order(1_002, ids[302], lead_at + DAY, 9_000, 9_000, 0))  # refunded whole
    rows.append(order(1_003, ids[700], lead_at + DAY, 99_999))  # a friend before
    rows.append(order(1_004, ids[303], lead_at + DAY, 99_999, source="marketplace"))  # no private channel
    insert_model_rows(Order, rows)


def rows_by(shop, by, **more):
    with shop.brand:
        return list(full_report(shop.brand.plugins["package-card"].cards, by, **more).rows)


def test_the_worked_table_through_real_rows(shop):
    (row,) = rows_by(shop, "campaign")
    assert (row["shipped"], row["signed"], row["scanners"], row["adds"]) == (9_200, 8_950, 1_350, 716)
    assert (row["new"], row["members"], row["orders"], row["first_orders"]) == (668, 402, 187, 187)
    assert (row["contribution_minor"], row["days"]) == (2_805_000, 90)
    assert round(row["recall"], 4) == 0.0726
    assert round(row["gross_recall"], 4) == 0.0778
    assert round(row["recall_by_signed"], 4) == 0.0746
    assert row["contribution_per_card_minor"] == 304.89
    assert (row["card_cost_minor"], row["spend_minor"], row["cost_minor"]) == (110_400, 156_000, 266_400)
    assert (row["net_minor"], row["net_per_card_minor"]) == (911_700, 99.10)
    assert round(row["cost_per_new_minor"] / 100, 2) == 3.99
    assert round(row["cost_per_first_order_minor"] / 100, 2) == 14.25
    assert row["cost_per_card_minor"] == 28.96
    assert (row["scan_rate"], row["add_rate"]) == (0.1467, 0.5304)


def test_groups_add_up_to_the_campaign(shop):
    (whole,) = rows_by(shop, "campaign")
    added = ("shipped", "signed", "adds", "new", "members", "orders", "first_orders", "contribution_minor")
    for by in ("batch", "arm", "kind", "channel"):
        rows = rows_by(shop, by)
        for name in (*added, "card_cost_minor", "spend_minor"):
            assert sum(row[name] for row in rows) == whole[name], (by, name)
    arms = {row["arm"]: row for row in rows_by(shop, "arm")}
    # Numbers 0, 2, 4 ... carry A: 334 of the 668 new, and 94 of the 187 buyers.
    assert [(arm, arms[arm]["shipped"], arms[arm]["new"], arms[arm]["orders"]) for arm in "AB"] == [
        ("A", 4_600, 334, 94),
        ("B", 4_600, 334, 93),
    ]
    assert arms["A"]["recall"] == 0.0726
    # What was spent on the campaign as a whole belongs to no arm.
    assert (arms[""]["spend_minor"], arms["A"]["spend_minor"]) == (156_000, 0)
    assert arms[""]["recall"] is None
    assert rows_by(shop, "channel", campaign="SEP")[-1]["channel"] == "wecom"


def test_a_shorter_window_of_contribution_is_asked_for(shop):
    (row,) = rows_by(shop, "campaign", days=15)
    assert (row["days"], row["orders"], row["contribution_minor"], row["new"]) == (15, 0, 0, 668)
    assert (row["members"], row["cost_per_first_order_minor"]) == (402, None)


def test_a_refund_after_all_lowers_the_contribution(shop):
    with shop.brand:
        execute("UPDATE orders SET refund_minor = paid_minor, valid = 0 WHERE number = 'M0'")
    (row,) = rows_by(shop, "campaign")
    assert (row["orders"], row["contribution_minor"], row["shipped"]) == (186, 2_790_000, 9_200)
