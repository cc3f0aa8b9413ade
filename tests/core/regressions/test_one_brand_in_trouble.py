"""A brand that is not migrated, or whose plugin cannot be made, does not take the others with it."""

from __future__ import annotations

import pytest
from huey import MemoryHuey

from scrm_core.api import Plugin
from scrm_core.jobs import Queue
from scrm_core.web import create_app


class Stillborn(Plugin):
    """Cannot be made."""

    name = "stillborn"
    version = "1"
    summary = "fails when it is made"
    requires_core = ">=0.0"

    def __init__(self, brand, settings) -> None:
        raise ValueError("no licence")


@pytest.fixture
def shop(new_installation, engine):
    """Acme and Moonco, and before them in the alphabet a brand whose database has no tables yet."""
    installation = new_installation()
    text = '[brand]\nid = "aaa"\nname = "Aaa"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'
    (installation.config.brands_dir / "aaa.toml").write_text(text, encoding="utf-8")
    if engine == "sqlite":
        installation.engine.create("aaa")
    return installation


def test_short_links_and_figures_of_the_others_work(shop):
    acme = shop.brand("acme")
    with acme:
        acme.channels.ensure("live", "live", "live")
        link = acme.links.create("live", "https://shop.example/")
    client = create_app(shop).test_client()
    assert client.get(link.path).headers["Location"] == "https://shop.example/"
    figures = client.get("/metrics")
    assert figures.status_code == 200
    assert 'scrm_brand_failing{brand="aaa"} 1.0' in figures.text
    assert 'scrm_brand_failing{brand="acme"} 0.0' in figures.text


def test_jobs_of_the_others_are_enqueued(shop):
    enqueued: list[str] = []
    queue = Queue(shop, MemoryHuey("test", results=False), enqueued.append)
    queue.job = lambda brand, plugin, name, slot: enqueued.append(brand)
    queue.enqueue_due()
    assert set(enqueued) == {"acme", "moonco"}


def test_a_plugin_that_cannot_be_made_is_a_problem_of_its_brand_alone(new_installation):
    installation = new_installation(plugins=(Stillborn,))
    good = installation.brand("acme")
    path = installation.config.brands_dir / "acme.toml"
    path.write_text(path.read_text(encoding="utf-8") + "[plugins.stillborn]\n", encoding="utf-8")
    assert installation.brand("acme") is good, "the last good configuration stays in force"
    assert "no licence" in str(installation.problem("acme"))
    assert [brand.id for brand in installation.brands()] == ["acme", "moonco"]
