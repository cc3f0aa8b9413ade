"""A card campaign that tests take through its seven steps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from scrm_core.brands import Brand
from scrm_package_card.steps.machine import Steps
from scrm_package_card.steps.policy import HookIn
from scrm_package_card.steps.records import By
from scrm_package_card.stock.batches import BatchIn

CARD = "\n[plugins.package-card]\n"
one_database = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""For what is refused or computed before any statement reaches a database."""
ANNA, BEN = By("Anna 安娜"), By("Ben")
HOOK = HookIn("cash", "红包 8.88", "Baby pants 纸尿裤", price_minor=9_900, cost_minor=3_900, hook_minor=888)
MATERIAL = {
    "product_picture": "https://cdn.example/pants.png",
    "mini_program_cover": "spring/cover.jpg",
    "banner": "banner.webp",
    "product_title": "纸尿裤 春季装",
    "scan_reply": "欢迎！\n点击领取红包",
    "group_invitation": "加入妈妈群",
}
DESIGN = {
    "size": {"width_mm": 90, "height_mm": 54},
    "colours": ["#C8102E", "C0 M80 Y95 K0"],
    "layout": "picture left, code right",
    "benefit": "8.88 yuan at once",
    "copy_zh": "扫码领 8.88 元红包",
    "copy_en": "Scan and get a red packet of 8.88",
    "structure": "benefit, code, steps",
    "acquire_entry": "WeCom contact-me code",
    "group_channel": "mothers of spring",
}
DEPARTMENTS = ("customer service", "warehouse")


class Walk:
    """Acts on one campaign; every step has a method that gives it what it needs, and goes on."""

    def __init__(self, brand: Brand, code: str = "MAY", **settings: Any) -> None:
        self.brand = brand
        self.code = code
        plugin = brand.plugins["package-card"]
        self.cards = plugin.cards
        self.steps = Steps(brand, plugin.settings | settings)

    def begin(self, **more: Any) -> Walk:
        with self.brand:
            self.cards.create_campaign(self.code, source="shop", automatic=False, **more)
            self.steps.begin(self.code, ANNA)
        return self

    def to(self, step: str) -> Walk:
        """Take the campaign from the goal to a step."""
        path = ("goal", "policy", "test", "design", "print", "launch", "monitor")
        for here, there in pairwise(path):
            if self.at() == here and here != step:
                getattr(self, f"fill_{here}")()
                self.advance(there)
        assert self.at() == step
        return self

    def at(self) -> str:
        with self.brand:
            return self.steps.status(self.code).step

    def advance(self, to: str, by: By = ANNA, **more: Any) -> Any:
        with self.brand:
            return self.steps.advance(self.code, to, by, **more)

    def back(self, to: str, reason: str = "second thoughts", by: By = ANNA) -> Any:
        with self.brand:
            return self.steps.back(self.code, to, by, reason=reason)

    def missing(self, step: str) -> list[str]:
        with self.brand:
            return [line for view in self.steps.status(self.code).steps if view.step == step for line in view.missing]

    def history(self) -> list[Any]:
        """The history, oldest first."""
        with self.brand:
            return self.steps.history(self.code)[::-1]

    def signed(self) -> set[tuple[str, str]]:
        """What is signed and in force, as (act, subject)."""
        with self.brand:
            return {(signoff.act, signoff.subject) for signoff in self.steps.status(self.code).signoffs}

    def fill_goal(self) -> None:
        with self.brand:
            self.steps.set_goal(self.code, "acquire", ANNA)

    def fill_policy(self, channels: tuple[str, ...] = ("douyin", "tmall")) -> None:
        with self.brand:
            self.steps.policy.set_channels(self.code, channels, ANNA)
            self.steps.policy.set_hook(self.code, HOOK, ANNA)
            for channel in channels:
                for item, value in MATERIAL.items():
                    self.steps.policy.set_material(self.code, channel, item, value, ANNA)

    def start_trial(self, minimum: int = 5, arms: tuple[str, ...] = ("A", "B")) -> dict[tuple[str, str], str]:
        """Start the trial with a link for each arm and channel; returns their codes."""
        links = {}
        with self.brand:
            share = 10_000 // len(arms)
            self.steps.trials.start(self.code, dict.fromkeys(arms, share), ANNA, minimum=minimum)
            channels = self.steps.records.state(self.steps.records.plan(self.code)).channels
            for arm in arms:
                for channel in channels:
                    target = f"https://shop.example/{arm}"
                    links[arm, channel] = self.steps.trials.add_link(self.code, arm, channel, target, ANNA).code
        return links

    def fill_test(self) -> None:
        self.start_trial()
        with self.brand:
            self.steps.trials.decide(self.code, "A", BEN, reason="the season begins")

    def fill_design(self) -> None:
        with self.brand:
            self.steps.design.set_items(self.code, DESIGN, ANNA)

    def fill_print(self) -> None:
        with self.brand:
            made = self.steps.proofs.make(self.code, "MAY-proof.pdf", ANNA)
            self.steps.proofs.approve(self.code, made.detail["number"], BEN)
            self.steps.proofs.order(self.code, 500, ANNA, printer="Fast Print 快印")

    def receive(self, quantity: int = 480, batch: str = "MAY-1") -> None:
        with self.brand:
            self.cards.stock.create(BatchIn(batch, self.code, "marketing", 500, 12))
            self.cards.move_stock(batch, "received", quantity, key=f"{batch} delivery", actor="warehouse")

    def prepare_launch(self, *, receive: bool = True) -> None:
        """Everything that a launch needs, without the launch."""
        with self.brand:
            self.steps.launches.set_departments(self.code, DEPARTMENTS, ANNA)
            for department in DEPARTMENTS:
                self.steps.launches.set_texts(self.code, department, ANNA, faq="Q: where? A: here", sop="1. look")
        if receive:
            self.receive()
        with self.brand:
            self.steps.launches.confirm_arrival(self.code, ANNA)
            for department in DEPARTMENTS:
                self.steps.launches.acknowledge(self.code, department, BEN)

    def fill_launch(self) -> None:
        self.prepare_launch()
        with self.brand:
            self.steps.launches.launch(self.code, BEN)
