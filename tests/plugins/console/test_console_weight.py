"""What the console's pages weigh with all that they load, of a brand with every page of every bundled plugin, and full lists."""

from __future__ import annotations

import re
from html import unescape
from importlib import import_module
from pathlib import Path
from urllib.parse import urljoin

import pytest
from console_scene import ROLES, WORD, Browser, lead, sell

import scrm_console
from scrm_core.api import Plugin
from scrm_core.web import create_app


def shipped():
    """The class of every plugin that lies beside the console's, in the order of their names."""
    for package in sorted(Path(scrm_console.__file__).parents[1].glob("scrm_*/__init__.py")):
        found = vars(import_module(package.parent.name)).values()
        yield next(each for each in found if isinstance(each, type) and issubclass(each, Plugin) and each is not Plugin)


PLUGINS = tuple(shipped())
# Settings without which a plugin cannot be switched on.
NEEDED = {
    "benefit-card": f'seal_keys = ["{"A" * 43}="]\n', "wecom": 'corp_id = "ww1"\n',
    "wechat-login": 'appid = "wx1234567890abcdef"\nsecret = "never-used"\n',
}  # fmt: skip
ON = "".join(f"[plugins.{plugin.name}]\n{NEEDED.get(plugin.name, '')}" for plugin in PLUGINS)
MOST = 500_000
# What a browser loads by itself for a page: styles, scripts, pictures, frames. Nothing of the console's style loads more,
# which another test sees to.
LOADED = re.compile(r'<(?:link rel="(?:stylesheet|icon)"|script|img|iframe|source)[^>]*?(?:href|src)="([^"]+)"')


@pytest.fixture
def mia(new_installation, monkeypatch, clock):
    house = new_installation(plugins=PLUGINS, acme=ON, moonco="[plugins.console]\n")
    monkeypatch.setattr("scrm_core.users.passwords._METHOD", "scrypt:1024:8:1")
    house.users.create("mia", WORD)
    for brand, role in ROLES["mia"].items():
        house.users.set_role("mia", brand, role)
    acme = house.brand("acme")
    first = lead(acme, "很长的名字" * 12, "+8613800138999", "2025-12-20T09:00")
    for nth in range(60):
        phone = f"+86138001380{nth:02}"
        person = lead(acme, f"很长的名字{nth}" * 8, phone, "2025-12-20T09:00")
        sell(acme, "+8613800138999", f"ORDER-OF-ONE-PERSON-{nth:040}", "2025-12-30T10:00", 5_000)
        with acme:
            acme.rewards.grant("points", person.id, quantity=1, grant_key=f"k{nth}", reason="原因" * 40)
            acme.channels.create(f"channel-{nth}", "渠道名称" * 12, "package-card")
            acme.links.create(f"channel-{nth}", "https://shop.example/" + "path/" * 40)
            acme.segments.save(f"segment {nth}", f'tag = "{"x" * 200}" or orders >= {nth}', actor="user:mia")
    return Browser(create_app(house), "mia"), acme, first


def weight(answer):
    """Bytes as they go over the line without compression: the body and its heading."""
    return len(answer.data) + sum(len(f"{name}: {value}\r\n".encode()) for name, value in answer.headers)


def test_no_page_weighs_more_than_half_a_megabyte_with_all_that_it_loads(mia):
    browser, acme, first = mia
    start = browser.get("b/acme/")
    pages = [start.request.path, *re.findall(r'<li><a href="(/staff/console/b/acme/[^"]+)"', start.text)]
    declared = {f"{plugin.name}/{name}" for plugin in PLUGINS for name, part in plugin.console_pages.items() if part.menu}
    assert {page.split("/x/")[1] for page in pages if "/x/" in page} == declared and len(declared) > 20
    with acme:
        reports = [f"b/acme/reports/{each.name}" for each in acme.reports.list()]
        (order,) = acme.orders.newest(limit=1)
        (link,) = acme.links.newest(limit=1)
    pages += [
        *reports, "b/acme/timeline?period=90", f"b/acme/contacts/{first.uid}", f"b/acme/orders/{order.uid}",
        f"b/acme/links/{link.code}", *(f"b/acme/settings/{plugin.name}" for plugin in PLUGINS), "sign-in", "",
    ]  # fmt: skip
    heavy, loaded = {}, {}
    for page in pages:
        answer = browser.get(page)
        assert answer.status_code == 200, page
        found = {urljoin(answer.request.path, unescape(each)) for each in LOADED.findall(answer.text) if not each.startswith("data:")}
        assert len(found) >= 2, (page, "style and script")
        for address in found - loaded.keys():
            part = browser.get(address)
            assert part.status_code == 200, address
            loaded[address] = weight(part)
        heavy[page] = weight(answer) + sum(loaded[each] for each in found)
    assert max(heavy.values()) < MOST, sorted(heavy.items(), key=lambda each: -each[1])[:5]
    assert len(pages) > 50
