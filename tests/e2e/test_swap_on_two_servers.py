"""A swap between two installations, two ``scrm run``: offered, accepted, shown, and a person that came is told."""

from __future__ import annotations

import base64
import contextlib
import json
import time
import urllib.request

import pytest
from ports import free_port
from run_scene import Server, Shop, gone, wait

SETTINGS = '[plugins.cross-brand-swap]\ncategories = ["baby/{}"]\n'


@pytest.fixture
def shops(tmp_path, monkeypatch):
    monkeypatch.setenv("PAIR_SECRET", "whsec_" + base64.b64encode(b"two installations share these by").decode())
    here, there = free_port(), free_port()
    made = (
        Shop(tmp_path / "a", "acme", here, "star", there, SETTINGS.format("diapers")),
        Shop(tmp_path / "b", "star", there, "acme", here, SETTINGS.format("formula")),
    )
    servers = []
    for shop in made:
        servers.append(Server(shop.folder, shop.port))
        servers[-1].wait_for("Serving ")
    yield made
    for server in servers:
        family = server.family()
        server.process.kill()
        server.process.wait()
        assert gone(family)


def deal(shop):
    rows = json.loads(shop.scrm("cross-brand-swap", "deals", shop.brand, "--json"))
    return rows[0] if rows else {"state": "", "received": 0, "given": 0}


@pytest.mark.wide
def test_a_swap_between_two_servers_is_agreed_shown_counted_and_told(shops, tmp_path):
    acme, star = shops
    acme.scrm("cross-brand-swap", "profile", "acme", "star", "--as", "anna")
    star.scrm("cross-brand-swap", "profile", "star", "acme", "--as", "sam")
    told = "SELECT 1 FROM cross_brand_swap_profile"
    wait(lambda: acme.ask(told) and star.ask(told), "the profiles did not arrive")

    now = time.time_ns() // 1_000_000
    terms = tmp_path / "terms.json"
    terms.write_text(
        json.dumps(
            {
                "deal": "spring", "kind": "traffic", "unit": "add", "quota": 10, "imbalance": 1,
                "from_at": now - 60_000, "until_at": now + 86_400_000,
            }
        )
    )  # fmt: skip
    acme.scrm(
        "cross-brand-swap", "offer", "acme", "star", str(terms), "--target", f"http://127.0.0.1:{acme.port}/healthz",
        "--despite", "both are new and small", "--as", "anna",
    )  # fmt: skip
    wait(lambda: deal(star)["state"] == "open", "the offer did not arrive")
    star.scrm(
        "cross-brand-swap", "accept", "star", "spring", "--target", f"http://127.0.0.1:{star.port}/healthz",
        "--despite", "both are new and small", "--as", "sam",
    )  # fmt: skip
    shown = "SELECT show_url FROM cross_brand_swap_deal WHERE state = 'agreed' AND show_url <> ''"
    wait(lambda: acme.ask(shown) and star.ask(shown), "the deal was not agreed on both sides")

    url = json.loads(acme.scrm("cross-brand-swap", "show", "acme", "spring", "--json"))["url"]
    assert url.startswith(f"http://127.0.0.1:{star.port}/l/")
    # A person that sees it at Acme is led to Star, and becomes a friend there.
    assert urllib.request.urlopen(url, timeout=20).read() == b'{"status":"ok"}'
    star.lead("13800138000", "1", url.rpartition("/")[2])
    wait(lambda: deal(star)["received"] == 1, "the arrival was not counted")
    # One ahead is the limit of this deal: the direction stops, and Acme is told at once.
    wait(lambda: deal(acme)["given"] == 1 and deal(acme)["stopped_out"], "the giver was not told")
    assert (deal(acme)["received"], deal(star)["given"]) == (0, 0)
    log = "".join(data for (data,) in acme.ask("SELECT data FROM event"))
    assert "13800138000" not in log


@pytest.mark.soak  # the job that closes deals runs once a minute
def test_a_swap_between_two_servers_is_settled_on_one_text(shops, tmp_path):
    acme, star = shops
    acme.scrm("cross-brand-swap", "profile", "acme", "star", "--as", "anna")
    star.scrm("cross-brand-swap", "profile", "star", "acme", "--as", "sam")
    told = "SELECT 1 FROM cross_brand_swap_profile"
    wait(lambda: acme.ask(told) and star.ask(told), "the profiles did not arrive")
    now = time.time_ns() // 1_000_000
    terms = tmp_path / "terms.json"
    terms.write_text(
        json.dumps(
            {
                "deal": "flash", "kind": "mutual", "unit": "add", "quota": 10, "imbalance": 5, "window_days": 0,
                "keep_days": 0, "from_at": now - 60_000, "until_at": now + 60_000,
            }
        )
    )  # fmt: skip
    despite = ("--despite", "both are new and small")
    acme.scrm(
        "cross-brand-swap", "offer", "acme", "star", str(terms), "--target", f"http://127.0.0.1:{acme.port}/healthz",
        *despite, "--as", "anna",
    )  # fmt: skip
    wait(lambda: deal(star)["state"] == "open", "the offer did not arrive")
    star.scrm(
        "cross-brand-swap", "accept", "star", "flash", "--target", f"http://127.0.0.1:{star.port}/healthz", *despite,
        "--as", "sam",
    )  # fmt: skip
    shown = "SELECT show_url FROM cross_brand_swap_deal WHERE state = 'agreed' AND show_url <> ''"
    wait(lambda: acme.ask(shown) and star.ask(shown), "the deal was not agreed on both sides")
    for shop, other, count in ((star, acme, 3), (acme, star, 1)):
        url = json.loads(other.scrm("cross-brand-swap", "show", other.brand, "flash", "--json"))["url"]
        for n in range(count):
            shop.lead(f"1380013800{n}", str(n), url.rpartition("/")[2])
    acme.scrm("cross-brand-swap", "shown", "acme", "flash", "900", "--key", "day", "--as", "anna")
    star.scrm("cross-brand-swap", "shown", "star", "flash", "200", "--key", "day", "--as", "sam")
    settled = "SELECT statement FROM cross_brand_swap_deal WHERE state = 'settled'"
    for _ in range(4):
        with contextlib.suppress(AssertionError):
            wait(lambda: acme.ask(settled) and star.ask(settled), "not settled yet")
            break
    ((signed,),) = acme.ask(settled)
    assert star.ask(settled) == [(signed,)]
    # Star received 3 by 900 of Acme's, Acme 1 by 200 of Star's: Star owes 2, which it makes good by 400.
    assert json.loads(signed)["balance"] == {"unit": "add", "owes": "b", "owed": 2, "exposures": 400}
