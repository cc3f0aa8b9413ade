"""A brand with everything that a move could lose, and a second one beside it."""

from __future__ import annotations

import sqlite3

from scrm_core.api import (
    MessageBatch,
    OutMessage,
    Plugin,
    Rendered,
    Sender,
    SendResult,
    execute,
    hookimpl,
)
from scrm_core.installation import Installation
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.order_types import LineIn, OrderIn, RefundIn

BRANDS = {"acme": ("Asia/Shanghai", "CNY"), "moonco": ("America/New_York", "USD")}
OTHER = {"sqlite": "postgresql", "postgresql": "sqlite"}
FREE = '\n[outreach]\none_to_one_per_week = "none"\nquiet_hours = "none"\n[outreach.channels.sms]\n'
FREE += 'per_7_days = "none"\nper_30_days = "none"\n'


class Mailer(Plugin):
    """Counts how often each lead reaches it, and sends what it is asked to."""

    name = "mailer"
    version = "1"
    summary = "Test plugin that counts and sends"
    requires_core = ">=0.1.0.dev0"
    senders = {"recorder": Sender("sms", "Recorder", "recorder")}
    sent: list[str] = []
    broken = False

    @hookimpl
    def on_lead(self, event):
        if self.broken:
            raise RuntimeError("broken for a while")
        execute(
            "INSERT INTO meta (key, value) VALUES (?, '1') ON CONFLICT (key) DO UPDATE SET value = meta.value || '1'",
            (f"seen-{event.event_id}",),
        )

    def recorder(self):
        return self

    batch = 1

    def send(self, messages: list[OutMessage]) -> list[SendResult]:
        self.sent.extend(message.address for message in messages)
        return [SendResult.accepted(f"ref-{message.uid}") for message in messages]

    def render_messages(self, batch: MessageBatch) -> list[Rendered]:
        return [Rendered(f"hello {each.person[:4]}") for each in batch.recipients]


class Scene:
    """A project whose brands live on one engine, and a place for them on the other."""

    def __init__(self, root, urls, engine, clock, deliver):
        self.engine, self.clock, self.deliver = engine, clock, deliver
        self.here, self.there = urls[engine], urls[OTHER[engine]]
        more = FREE + "[plugins.mailer]\n[plugins.coupon-threshold]\n"
        self.root = root
        (root / "brands").mkdir(parents=True)
        for name, (zone, currency) in BRANDS.items():
            table = f'[brand]\nid = "{name}"\nname = "{name}"\ntimezone = "{zone}"\ncurrency = "{currency}"\n'
            (root / "brands" / f"{name}.toml").write_text(table + (more if name == "acme" else ""), "utf-8")
        self._made = []
        self.installation = self.open(self.here)
        self.installation.migrate()

    def open(self, url):
        """The project when scrm.toml names that database."""
        (self.root / "scrm.toml").write_text(f'database_url = "{url}"\n', "utf-8")
        installation = Installation.open(self.root, clock=self.clock, plugins=(Mailer,))
        self._made.append(installation)
        return installation

    def close(self):
        for installation in self._made:
            installation.close()

    def lead(self, brand, number):
        """A person who comes in."""
        return brand.contacts.capture_lead(
            LeadIn(
                source="form",
                reference=str(number),
                at=brand.now(),
                fields={"note": f"备注 {number} 'x' \\ \\N \t\n"},
                identities=(IdentityIn.of("phone", f"+8613800{number:06d}"),),
            )
        ).contact_id

    def fill(self, brand_id="acme"):
        """Eight leads of whom the plugin has seen five, one merged into another, and more; returns an API key."""
        brand = self.installation.brand(brand_id)
        with brand:
            _, key = brand.keys.create("till", ["*"])
            people = [self.lead(brand, number) for number in range(5)]
            brand.tags.group("stage", s_level=True, default="new", kind="system")
            brand.tags.define("stage", "buyer", plan="offer more")
            brand.tags.add(people[0], ("stage", "buyer"))
            brand.contacts.merge(people[0], people[1], actor="test", reason="same person")
            brand.orders.upsert(
                OrderIn(
                    source="shop",
                    number="A-1",
                    status="paid",
                    paid_at=brand.now(),
                    paid_minor=12_345,
                    buyer=(IdentityIn.of("phone", "+8613800000000"),),
                    lines=(LineIn(sku="S1", title="奶粉", qty=2, paid_minor=12_345),),
                )
            )
            brand.orders.refund(
                RefundIn(source="shop", order_number="A-1", number="R-1", amount_minor=345, at=brand.now())
            )
            coupons = brand.plugins["coupon-threshold"].coupons
            coupons.batches.create(
                {
                    "code": "TEN",
                    "title": "10 off 99",
                    "rule": {"kind": "threshold", "min_minor": 9_900, "off_minor": 1_000},
                    "stock": 3,
                    "validity": {"kind": "rolling", "days": 7},
                }
            )
            coupons.batches.open("TEN")
            coupons.claims.claim("TEN", people[2], key="first")
        self.deliver(brand)
        with brand:
            for number in range(5, 8):
                self.lead(brand, number)
        return key

    def everything(self, url, brand_id="acme"):
        """All rows of all tables but the migrations', read by the drivers themselves, as sorted lists."""
        if url.startswith("sqlite:"):
            raw = sqlite3.connect(self.root / url.removeprefix("sqlite:") / f"{brand_id}.db")
            names = [row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        else:
            import psycopg

            raw = psycopg.connect(url)
            raw.execute(f'SET search_path TO "{brand_id}"')
            found = raw.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (brand_id,)).fetchall()
            names = [row[0] for row in found]
        out = {}
        for name in names:
            if name.startswith(("migration_", "sqlite_")):
                continue
            cursor = raw.execute(f'SELECT * FROM "{name}"')
            columns = [each[0] for each in cursor.description]
            rows = [
                {key: value for key, value in zip(columns, row, strict=True) if key != "xid"}
                for row in cursor.fetchall()
            ]
            out[name] = sorted(rows, key=repr)
        raw.close()
        return out


def seen(brand):
    """How often each lead reached the plugin, by the event's id."""
    with brand:
        rows = execute("SELECT key, value FROM meta WHERE key LIKE ?", ("seen-%",)).fetchall()
    return {int(key.removeprefix("seen-")): len(value) for key, value in rows}
