"""A console of two brands with people, and browsers of people with roles."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import RAISE, Schema, fields, validate
from staff_desk import EVIL, ROLES, ROOT, WORD, Browser

from scrm_core.api import (
    Brand,
    Chart,
    Column,
    ConsentIn,
    ConsoleAct,
    ConsoleDone,
    ConsoleFile,
    ConsolePart,
    ConsoleQuery,
    ConsoleTemplate,
    ExperimentMeasure,
    ExperimentQuery,
    IdentityIn,
    Invalid,
    Job,
    LeadCaptured,
    LeadIn,
    LineIn,
    NotFound,
    OrderEffect,
    OrderIn,
    OrderQuery,
    Plugin,
    ReportTable,
    RewardOrder,
    Sender,
    Veto,
    current_actor,
    current_brand,
    execute,
    hookimpl,
    local_instant,
)

__all__ = ["EVIL", "ROLES", "ROOT", "WORD", "Browser"]

SWITCHED_ON = "[plugins.console]\n[plugins.tea-room]\n"


class Gateway(Schema):
    """A table below the settings that holds a secret."""

    class Meta:
        unknown = RAISE

    token = fields.String(required=True, metadata={"secret": True})


class Settings(Schema):
    """A key of every kind."""

    class Meta:
        unknown = RAISE

    cups = fields.Integer(
        strict=True, load_default=4, validate=validate.Range(1, 12), metadata={"description": "cups on a tray"}
    )
    sugar = fields.Boolean(truthy={True}, falsy={False}, load_default=False)
    leaf = fields.String(load_default="green", validate=validate.OneOf(["green", "black"]))
    sign = fields.String(load_default="", metadata={"description": EVIL})
    kinds = fields.List(fields.String(), load_default=list)
    prices = fields.Dict(keys=fields.String(), values=fields.Integer(strict=True), load_default=dict)
    key = fields.String(load_default="", metadata={"secret": True})
    gateways = fields.Dict(keys=fields.String(), values=fields.Nested(Gateway), load_default=dict)


class TeaRoom(Plugin):
    """Brings every kind of part, handles no lead called Poison, and breaks where it is told to."""

    name = "tea-room"
    version = "1.0"
    summary = EVIL
    summary_zh = f"茶室 {EVIL}"
    requires_core = ">=0.1.0.dev0"
    Settings = Settings
    settings_zh = {"cups": f"托盘上的杯数 {EVIL}"}
    reward_kinds = {"stamp": "a stamp of the tea card"}
    senders = {"tea": Sender("sms", "Tea", "gateway")}
    jobs = (Job("boil", 3_600, "boil"),)
    permissions = {"tea-room:read": "see cups"}
    console_pages = {
        "cups": ConsolePart("cups", {"en": "Cups", "zh": "杯子"}, "contacts:read"),
        "menu": ConsolePart("drawn", {"en": "Menu", "zh": "茶单"}, "tea-room:read", group="people"),
        "broken": ConsolePart("broken", {"en": "Broken", "zh": "坏了"}, "tea-room:read"),
        "kettle": ConsolePart(
            "kettle", {"en": "Kettle", "zh": "水壶"}, "reports:read",
            acts={"brew": ConsoleAct("brew", "segments:write"), "spill": ConsoleAct("spill", "segments:write")},
            menu=False,
        ),
        "pot": ConsolePart("pot", {"en": "Pot", "zh": "茶壶"}, "contacts:read", menu=False),
    }
    console_cards = {
        "today": ConsolePart("today", {"en": "Today", "zh": "今天"}, "reports:read"),
        "leaves": ConsolePart("leaves", {"en": "Leaves", "zh": "茶叶"}, "reports:read"),
        "broken": ConsolePart("broken", {"en": "Broken card", "zh": "坏卡片"}, "reports:read"),
    }

    @hookimpl
    def on_lead(self, event: LeadCaptured) -> None:
        if self.brand.contacts.get_by_id(event.contact_id).name == "Poison":
            raise ValueError(f"cannot pour {EVIL} for +8613800138000")

    @hookimpl
    def collect_order(self, query: OrderQuery) -> list[OrderEffect]:
        ((number, at),) = execute("SELECT number, paid_at FROM orders WHERE id = ?", (query.order_id,)).fetchall()
        if number == "N3":
            raise ValueError(f"no stamps for {EVIL}")
        came = OrderEffect(at, "Stamps 印花", 5, "points", EVIL)
        return [came, OrderEffect(at + 60_000, "Voucher 代金券", -250, "money")] if number == "N2" else []

    @hookimpl
    def collect_experiment(self, query: ExperimentQuery) -> list[ExperimentMeasure]:
        if query.name == "spilt":
            raise ValueError(f"no cups for {EVIL}")
        counts = {"cups": ((2_000, 120), (2_000, 156)), "few": ((999, 1), (999, 156)), "odd": ((50_400, 9), (49_200, 900))}
        found = counts.get(query.name, ((0, 0), (0, 0)))
        arms = current_brand().experiments.get(query.name).arms
        return [ExperimentMeasure(f"drunk 喝完 {EVIL}", tuple((arm, *pair) for (arm, _), pair in zip(arms, found, strict=True)))]

    def issue_reward(self, order: RewardOrder) -> dict[str, Any]:
        return {"stamp": order.reward_id}

    def reverse_reward(self, order: RewardOrder) -> None:
        if order.reason == "drunk":
            raise Veto("the tea was drunk", "drunk")

    def brand_problems(self) -> list[str]:
        bitter = self.settings["leaf"] == "black" and not self.settings["sugar"]
        return ["no black tea is sold without sugar"] if bitter else []

    def gateway(self) -> None:
        """Never asked for: nothing is sent here."""

    def boil(self) -> None:
        """The job, which fails in the brand without people."""
        if current_brand().contacts.page(limit=1) == []:
            raise ValueError(f"no water for +8613800138000 {EVIL}")

    def cups(self) -> ReportTable:
        columns = (Column("name", "Name"), Column("money", "Money", "money"), Column("share", "Share", "rate"))
        rows = [
            {"name": EVIL, "money": 1_250, "share": 0.5},
            {"name": current_brand().id, "money": None, "share": None},
            {"name": "mean", "money": 123_456.7, "share": None},
        ]
        return ReportTable(columns, rows)

    def pot(self, query: ConsoleQuery) -> ReportTable:
        """A table with the chart that is asked for, of figures and a name that a spreadsheet would reckon with."""
        columns = (
            Column("leaf", "Leaf"), Column("cups", "Cups", "count"), Column("spilt", "Spilt", "count"),
            Column("share", "Share", "rate"), Column("low", "From", "rate"), Column("high", "To", "rate"),
            Column("earned", "Earned", "money"),
        )  # fmt: skip
        rows = [
            ("=1+1" + EVIL, 40, 10, 0.075, 0.053, 0.105, 1_250),
            ("black", 20, None, 0.0, 0.0, 0.0713, -50),
            ("white", 10, 5, None, None, None, None),
        ]
        kind = query.args["kind"]
        drawn = {"compare": ("share", "low", "high"), "funnel": ("cups",)}.get(kind, ("cups", "spilt"))
        named = [dict(zip((column.name for column in columns), row, strict=True)) for row in rows]
        return ReportTable(columns, named, Chart(kind, "leaf", drawn))

    def today(self) -> ReportTable:
        return ReportTable((Column("poured", "Poured", "count"),), [{"poured": 1_234}])

    def leaves(self) -> ReportTable:
        """A card with a chart, of one row: which is drawn and not shown as figures."""
        columns = (Column("leaf", "Leaf"), Column("cups", "Cups", "count"))
        return ReportTable(columns, [{"leaf": EVIL, "cups": 40}], Chart("bars", "leaf", ("cups",)))

    def drawn(self) -> ConsoleTemplate:
        return ConsoleTemplate("nowhere.html", {})

    def kettle(self, query: ConsoleQuery) -> ConsoleTemplate | ConsoleFile:
        if "picture" in query.args:
            return ConsoleFile("kettle.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
        if query.args.get("cup", "one") != "one":
            raise NotFound("there is no such cup")
        kept = ", ".join(each.name for each in current_brand().segments.list())
        return ConsoleTemplate("kettle.html", {"cups": kept})

    def brew(self, query: ConsoleQuery) -> ConsoleDone:
        """Keeps a segment, and what it keeps before it refuses or fails is not kept."""
        name = query.form["name"]
        current_brand().segments.save(name or "nameless", "orders >= 1", actor=current_actor())
        if not name:
            raise Invalid(f"a cup has a name {EVIL}", field="name")
        if name == "boom":
            raise ValueError(f"boils over {EVIL}")
        return ConsoleDone(args={"cup": "one", "done": "brewed"})

    def spill(self, query: ConsoleQuery) -> ConsoleDone:
        """Answers what cannot be shown."""
        current_brand().segments.save("spilt", "orders >= 1", actor=current_actor())
        return ConsoleDone("floor")

    def broken(self) -> ReportTable:
        execute("SELECT nothing FROM nowhere")
        raise AssertionError


def at(brand: Brand, text: str) -> int:
    return local_instant(datetime.fromisoformat(text), brand.zone)


def lead(brand: Brand, name: str, phone: str, when: str, *, key: str = "") -> Any:
    with brand:
        result = brand.contacts.capture_lead(
            LeadIn(
                source="shop", reference=key or phone, identities=(IdentityIn.of("phone", phone),), at=at(brand, when), name=name,
                consents=(ConsentIn("marketing_sms"),),
            )  # fmt: skip
        )
        return brand.contacts.get_by_id(result.contact_id)


def sell(brand: Brand, phone: str, number: str, when: str, paid: int, status: str = "completed") -> None:
    with brand:
        brand.orders.upsert(
            OrderIn(
                source="shop", number=number, status=status, paid_at=at(brand, when), paid_minor=paid,
                buyer=(IdentityIn.of("phone", phone),), lines=(LineIn(sku="A", title="", qty=1, paid_minor=paid, gift=False),), platform="tmall",
            )  # fmt: skip
        )
