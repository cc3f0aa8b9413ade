"""Metrics of plugins are named in the language of the page: all bundled ones have a name in each."""

from __future__ import annotations

import re
from html import unescape
from importlib.metadata import entry_points
from typing import Any

import pytest
from console_scene import ROLES, WORD, Browser

from scrm_core.api import Metric, MetricsQuery, MetricValue, Plugin, hookimpl
from scrm_core.web import create_app

BUNDLED = {each.name: each.load() for each in entry_points(group="scrm.plugins")}
TITLES = [metric.title for cls in BUNDLED.values() for metric in cls.metrics.values()]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


class Odd(Plugin):
    """Has metrics whose names are no pair."""

    name, version, summary, requires_core = "odd", "1", "odd", ">=0"
    panel = "insight"
    metrics = {"one": Metric("Only English"), "two": Metric("只有中文"), "three": Metric("Orders by KOCs KOC带来订单")}

    @hookimpl
    def collect_metrics(self, query: MetricsQuery) -> list[MetricValue]:
        return []


@pytest.fixture
def app(new_installation, monkeypatch):
    """Both brands with every metric of the bundled plugins there may be with settings of their own alone."""
    on = [name for name, cls in BUNDLED.items() if cls.metrics and not needs(cls)]
    tables = "".join(f"[plugins.{name}]\n" for name in ("console", *on, "odd"))
    installation = new_installation(plugins=(*BUNDLED.values(), Odd), acme="\n" + tables, moonco="\n" + tables)
    monkeypatch.setattr("scrm_core.users.passwords._METHOD", "scrypt:1024:8:1")
    installation.users.create("otto", WORD)
    installation.users.set_role("otto", "acme", ROLES["otto"]["acme"])
    return create_app(installation)


def needs(cls: Any) -> bool:
    """Whether a plugin cannot be switched on without a setting."""
    return cls.Settings is not None and any(field.required for field in cls.Settings().fields.values())


def named(app: Any, language: str) -> list[str]:
    """Names of plugins' metrics as the page over time offers them."""
    text = Browser(app, "otto", language).get("b/acme/timeline").text
    return [unescape(name) for name in re.findall(r'<option value="[\w-]+\.[\w-]+"[^>]*>(.*?) \(', text)]


def test_every_metric_of_a_bundled_plugin_has_an_english_and_a_chinese_name():
    assert len(TITLES) > 25
    for title in TITLES:
        assert re.fullmatch(r"[ -~]+ \S*[\u4e00-\u9fff]\S*", title), title


def test_a_page_names_metrics_in_its_own_language_alone(app):
    english, chinese = named(app, "en"), named(app, "zh")
    assert len(english) == len(chinese) > 15
    assert {"Points that came", "Orders by KOCs", "Only English"} < set(english)
    assert {"积分发放", "KOC带来订单", "Only English", "只有中文"} < set(chinese)
    assert [name for name in english if CHINESE.search(name)] == ["只有中文"]
    assert [name for name in chinese if not CHINESE.search(name)] == ["Only English"]


def test_the_overview_does_so_too(app):
    for language, there, absent in (("en", "Points that came", "积分发放"), ("zh", "积分发放", "Points that came")):
        text = unescape(Browser(app, "otto", language).get("b/acme/").text)
        assert there in text and absent not in text
