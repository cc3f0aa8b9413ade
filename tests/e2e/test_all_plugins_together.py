"""All plugins together: one customer's way through each of them, in real processes, by the public doors alone.

The figures of every plugin are those of :mod:`story_figures`, before the first order comes back and after. Then the
same story without each plugin: its routes are gone, and the others tell the same. And with each switched off only
while the orders come back, and on again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from doors import WECHAT_BROWSER, Browser, InHouse, Served
from ports import free_port
from run_scene import wait
from story import Story
from story_figures import ISSUERS, STAGES, TABLES_OF, expected, expected_away, score
from story_project import BRANDS, PLUGINS, SEED, START, Outside, switch, write_brands
from story_reports import Tables

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "services"), str(TESTS / "plugins" / "wechat_login")]

from kannel_gateway import REMEDY, Kannel, missing_part  # noqa: E402
from wechat_servers import WeChatServer  # noqa: E402

TOKEN = "callback-token-of-the-test"
# A route of each plugin that needs nothing but the plugin; wechat-login has a button instead, the console pages for staff.
ROUTES = {
    "package-card": "/report", "tag-rules": "/report", "sms": "/results", "coupon-threshold": "/report",
    "points": "/report", "red-packet": "/report", "benefit-card": "/report", "interaction-games": "/report", "referral": "/campaigns",
    "koc": "/report", "cross-brand-swap": "/report", "wecom": "/report", "live-code": "/report",
}  # fmt: skip
PAGES = {
    "coupon-threshold": "mine", "points": "mine", "interaction-games": "games", "referral": "c/spring",
    "benefit-card": "mine",
}  # fmt: skip


@pytest.fixture
def wechat() -> Iterator[WeChatServer]:
    server = WeChatServer()
    yield server
    server.close()


@pytest.fixture
def kannel(tmp_path: Path) -> Iterator[tuple[Kannel, str, str]]:
    """A real Kannel, the table that names it, and the address that it is to call back."""
    part = missing_part()
    if part is not None:
        words = f"{part} is missing: {REMEDY}"
        if os.environ.get("SCRM_TEST_REQUIRE") == "all":
            pytest.fail(words)
        pytest.skip(words)
    base, password = f"http://127.0.0.1:{free_port()}", secrets.token_hex(8)
    gateway = Kannel(tmp_path / "kannel", password=password, replies=f"{base}/p/acme/sms/kannel/mo/{TOKEN}")
    table = (
        f'[plugins.sms.kannel]\nurl = "{gateway.url}"\nusername = "scrm"\npassword = "{password}"\n'
        f'callback_token = "{TOKEN}"\n'
    )
    try:
        gateway.start()
        yield gateway, table, base
    finally:
        gateway.close()


@pytest.fixture
def database_url(engine: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of this test's own: the brands have the names that those of other tests have."""
    if engine == "sqlite":
        yield "sqlite:data"
        return
    import psycopg

    server, name = request.getfixturevalue("postgres_url"), f"scrm_story_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


class Console(logging.Handler):
    """What the sender ``console`` wrote to the log, by the end of the number."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def received(self, phone: str) -> list[str]:
        return [line for line in self.lines if phone[-4:] in line.partition(": ")[0]]


@pytest.fixture
def console() -> Iterator[Console]:
    log, handler = logging.getLogger("scrm.plugin.sms"), Console()
    before = log.level
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)
    log.setLevel(before)


def compare(story: Story, stage: int, off: str = "") -> None:
    """Each table of both brands against what was worked out by hand."""
    for brand in BRANDS:
        same(story.figures(brand), expected(stage, brand, off), f"{brand}, {STAGES[stage]}")


def walk(story: Story, off: str = "") -> Iterator[int]:
    """The story, and the stages at which its figures are looked at."""
    story.play()
    yield 0
    story.first_order_comes_back()
    yield 1
    story.friends_orders_come_back()
    yield 2


def test_one_customer_goes_through_all_plugins_in_real_processes(tmp_path, database_url, kannel, wechat):
    gateway, table, base = kannel
    outside = Outside(
        "kannel", table, lambda phone: [part.text for part in gateway.parts() if part.recipient == phone], wechat
    )
    write_brands(tmp_path / "shop", base, PLUGINS, outside, database_url)
    house = Served(tmp_path / "shop", base, BRANDS, START)
    story = Story(house, PLUGINS, outside)
    try:
        house.scrm("migrate")
        house.start()
        for stage in walk(story):
            # Visits, receipts and what the brands tell each other are still on their way when the story goes on; a job
            # that came too early for them has its next turn a minute later.
            with contextlib.suppress(AssertionError):
                wait(lambda: all(story.figures(b) == expected(stage, b) for b in BRANDS), "", 1, 90)
            compare(story, stage)
        assert story.score == score("")
        told = house.scrm("doctor").splitlines()
        # No job failed, no event waits, no message to the partner is stuck; that links lead to this machine is meant.
        assert [line for line in told if not line.startswith(("ok ", " ")) and "base_url" not in line] == [], told
        # Everybody of the story but Ivo is Acme's; Anna and Ivo are Moon Co's, and nobody else.
        assert any("brand acme: database answers: 7 contacts, 6 orders" in line for line in told), told
        assert any("brand moonco: database answers: 2 contacts, 2 orders" in line for line in told), told
        assert all(story.api().status(f"/plugins/{plugin}{path}") == 200 for plugin, path in ROUTES.items())
    finally:
        house.stop()
    centre = {part.recipient for part in gateway.parts()}
    # The seed number, Anna and Bo: nobody else was written to, and Cai had not agreed.
    assert centre == {SEED, story.anna.phone, story.bo.phone}


@pytest.mark.wide
@pytest.mark.parametrize("off", PLUGINS)
def test_without_one_plugin_the_others_work_and_tell_the_same(tmp_path, console, wechat, off):
    on = tuple(plugin for plugin in PLUGINS if plugin != off)
    outside = Outside("console", "", console.received, wechat)
    base = f"http://127.0.0.1:{free_port()}"
    write_brands(tmp_path / "shop", base, on, outside)
    house = InHouse(tmp_path / "shop", base, BRANDS, START)
    story = Story(house, on, outside)
    try:
        house.scrm("migrate")
        house.start()
        for stage in walk(story, off):
            compare(story, stage, off)
        assert story.score == score(off)
        absent(story, off)
    finally:
        house.stop()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The story up to the day before the first order comes back, with every plugin; its project is not open."""
    wechat, console = WeChatServer(), Console()
    log = logging.getLogger("scrm.plugin.sms")
    log.setLevel(logging.INFO)
    log.addHandler(console)
    folder, base = tmp_path_factory.mktemp("played") / "shop", "http://127.0.0.1:18999"
    outside = Outside("console", "", console.received, wechat)
    write_brands(folder, base, PLUGINS, outside)
    house = InHouse(folder, base, BRANDS, START)
    story = Story(house, PLUGINS, outside)
    try:
        house.scrm("migrate")
        house.start()
        story.play()
        house.stop()
        yield story
    finally:
        log.removeHandler(console)
        log.setLevel(logging.NOTSET)
        wechat.close()


@pytest.mark.wide
@pytest.mark.parametrize("off", PLUGINS)
def test_a_plugin_that_was_off_while_orders_came_back_catches_up(tmp_path, played, off):
    folder = tmp_path / "shop"
    shutil.copytree(played.doors.folder, folder)
    at = played.doors.now()
    if off in ISSUERS:
        with opened(played, folder, at, PLUGINS) as story:
            story.end_campaigns()
    switch(folder, off, on=False)
    with opened(played, folder, at, tuple(plugin for plugin in PLUGINS if plugin != off)) as story:
        story.first_order_comes_back()
        story.friends_orders_come_back()
        for brand in BRANDS:
            same(story.figures(brand), expected_away(off, brand, again=False), f"{brand} without {off}")
        at = story.doors.now()
    switch(folder, off, on=True)
    with opened(played, folder, at, PLUGINS) as story:
        story.doors.later(minutes=10)
        story.doors.work()
        story.settle_commission()
        for brand in BRANDS:
            same(story.figures(brand), expected_away(off, brand, again=True), f"{brand} with {off} again")


@contextlib.contextmanager
def opened(played: Story, folder: Path, at: int, on: tuple[str, ...]) -> Iterator[Story]:
    """The story behind the doors of a copy of its project."""
    house = InHouse(folder, played.doors.base, BRANDS, at)
    house.start()
    try:
        yield played.behind(house, on)
    finally:
        house.stop()


def same(found: Tables, wanted: Tables, where: str) -> None:
    """Table by table, so that a difference is told with its table."""
    assert set(found) == set(wanted), where
    for table in wanted:
        assert found[table] == wanted[table], f"{table}: {where}"


def absent(story: Story, off: str) -> None:
    """The routes, pages, reports and the button of a plugin are gone; those of the others are there."""
    for plugin, path in ROUTES.items():
        assert story.api().status(f"/plugins/{plugin}{path}") == (404 if plugin == off else 200), plugin
        for name in TABLES_OF[plugin]:
            if ":" not in name:
                assert story.api().status(f"/reports/{name}") == (404 if plugin == off else 200), name
    assert story.anna.browser.open("/staff/console/sign-in").status == (404 if off == "console" else 200)
    for plugin, page in PAGES.items():
        answer = story.anna.browser.open(f"/p/acme/{plugin}/{page}")
        assert answer.status == (404 if plugin == off else 200), plugin
    join = Browser(story.doors, WECHAT_BROWSER).open("/p/acme/-/join").text
    assert ("/-/with/wechat" in join, 'name="phone"' in join) == (off != "wechat-login", off != "sms")
