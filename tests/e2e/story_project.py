"""The project of the story: two brands that name each other, each with the same plugins, and what lies outside."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

PLUGINS = (
    "package-card", "tag-rules", "sms", "coupon-threshold", "points", "red-packet", "interaction-games", "referral",
    "koc", "cross-brand-swap", "wechat-login", "benefit-card", "console", "wecom",
    "live-code",
)  # fmt: skip
BRANDS = ("acme", "moonco")
# A Monday: three check-ins are three days of one week and month.
START = datetime.fromisoformat("2026-03-02T10:00+08:00")
TEA, MUG = 20_000, 3_990
SIGNATURE = "小鹿茶铺"
SEED = "+8613900000001"
_BRAND = """[brand]
id = "{id}"
name = "{name}"
timezone = "Asia/Shanghai"
currency = "CNY"

[consumer]
title = "{name}"
membership = true
code_sender = "{sender}"

[partners.{partner}]
"""
_TABLES = {
    "package-card": "margin_share = 0.42\n",
    "tag-rules": """
[[plugins.tag-rules.rules]]
name = "came by a card"
event = "lead"
channel = "card"
group = "origin"
tag = "card"
plan = "write to them in the first week"

[[plugins.tag-rules.rules]]
name = "big order"
event = "order"
min_paid_minor = 10000
group = "value"
tag = "big"
plan = "invite to the tasting"

[[plugins.tag-rules.rules]]
name = "sent back"
event = "refund"
full = true
group = "value"
tag = "sent back"
plan = "ask what was wrong"
""",
    "sms": 'sender = "{sender}"\nsignature = "小鹿茶铺"\nseed_numbers = ["{seed}"]\n'
    "canary_wait_minutes = 0\ncanary_recall = 0\n{gateway}",
    "coupon-threshold": "",
    "points": "earn_points = 1\nearn_per_minor = 100\n",
    "red-packet": "",
    "benefit-card": f'seal_keys = ["{base64.urlsafe_b64encode(bytes(32)).decode()}"]\n',
    "interaction-games": "",
    "referral": "",
    "koc": "refund_days = 0\n",
    "console": "",
    "cross-brand-swap": 'categories = ["{category}"]\n',
    "wecom": f'corp_id = "ww1"\ncallback_token = "token"\ncallback_aes_key = "{"k" * 43}"\n',
    "live-code": "",
    "wechat-login": 'appid = "wx123"\nsecret = "s3cret"\nwechat_api = "{wechat}"\n',
}
_CATEGORY = {"acme": "food/tea", "moonco": "home/mugs"}
_NAME = {"acme": SIGNATURE, "moonco": "月亮杯社"}


@dataclass(frozen=True)
class Outside:
    """What lies outside the project: how SMS go and who reads them, and where WeChat answers."""

    sender: str
    gateway: str
    received: Callable[[str], list[str]]
    """The texts that came to a phone, oldest first."""
    wechat: Any


def switch(folder: Path, plugin: str, *, on: bool) -> None:
    """Switch a plugin off, or on again, in the files of both brands; its settings stay."""
    before, after = f"[plugins.{plugin}]\n", f"[plugins.{plugin}]\nenabled = false\n"
    for brand in BRANDS:
        file = folder / "brands" / f"{brand}.toml"
        text = file.read_text("utf-8")
        file.write_text(text.replace(after, before) if on else text.replace(before, after), "utf-8")


def write_brands(
    folder: Path, base: str, on: tuple[str, ...], outside: Outside, database_url: str = "sqlite:data"
) -> None:
    """The files of a project whose brands have these plugins."""
    (folder / "brands").mkdir(parents=True)
    (folder / "scrm.toml").write_text(
        f'database_url = "{database_url}"\ndatabase_synchronous = "NORMAL"\nbase_url = "{base}"\n', "utf-8"
    )
    for brand, partner in (BRANDS, BRANDS[::-1]):
        text = _BRAND.format(id=brand, name=_NAME[brand], partner=partner, sender=outside.sender)
        for plugin in on:
            table = _TABLES[plugin].replace("{sender}", outside.sender).replace("{gateway}", outside.gateway)
            table = table.replace("{category}", _CATEGORY[brand]).replace("{wechat}", outside.wechat.url)
            table = table.replace("{seed}", SEED)
            text += f"\n[plugins.{plugin}]\n{table}"
        (folder / "brands" / f"{brand}.toml").write_text(text, "utf-8")
