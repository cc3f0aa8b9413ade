"""Who opens the demo's console on the day on which it was made finds no empty chart."""

from __future__ import annotations

import shutil

import pytest

from scrm_core.api import PANELS
from scrm_core.installation import Installation


@pytest.fixture(scope="module")
def brands(demo_project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alive") / "demo-project"
    shutil.copytree(demo_project, folder)
    installation = Installation.open(folder)
    yield installation.brand("demo"), installation.brand("quiet")
    installation.close()


def rows(brand, name):
    with brand:
        return [dict(row) for row in brand.reports.run(name).rows]


def test_each_of_the_five_panels_shows_something_that_happened_in_these_weeks(brands):
    demo, _ = brands
    happened = set()
    with demo:
        today = demo.day(demo.now())
        for plugin in demo.plugins.values():
            for metric in plugin.metrics:
                if any(each.value for each in demo.metrics.read(plugin.name, metric, today - 27, today)):
                    happened.add(plugin.panel)
    assert happened == set(PANELS)


@pytest.mark.parametrize("name", ["buyer-cohorts", "contact-cohorts"])
def test_cohorts_of_the_months_that_are_over_have_people_who_came_again(brands, name):
    found = [row for row in rows(brands[0], name) if row["people"]]
    assert len(found) >= 10
    assert sum(bool(row["m1"]) for row in found) >= 6


def test_the_map_of_rfm_shows_real_customers_in_both_brands(brands):
    for brand in brands:
        assert sum(1 for row in rows(brand, "rfm-map") for name, count in row.items() if name != "recency" and count) > 15


def test_channels_plugins_and_goals_have_figures_and_none_is_of_days_to_come(brands):
    demo, quiet = brands
    channels = {row["channel"]: row for row in rows(demo, "channels")}
    assert all(channels[name]["contacts"] and channels[name]["orders"] for name in ("Newsletter", "Record fair"))
    brought = {row["plugin"]: row["orders"] for row in rows(demo, "contributions")}
    assert brought["referral"] == 10, "of 14 friends two of each three buy"
    assert len(rows(demo, "goals")) == 7
    with demo:
        assert demo.segments.count("lead_at >= today") == 0, "the read me counts the first lead of today"
    assert sum(row["contacts"] for row in rows(quiet, "channels")) == 0
    assert sum(row["orders"] for row in rows(quiet, "channels")) > 50
