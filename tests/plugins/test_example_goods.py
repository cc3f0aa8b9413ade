"""The example that issues a reward kind of its own: a prize is drawn, gets an address, and is sent or goes back."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from signing import PAGE, fields, sign_in

from scrm_core.api import Invalid
from scrm_core.clock import local_instant
from scrm_core.db.bulk import execute
from scrm_core.errors import ConfigError
from scrm_core.installation import Installation
from scrm_core.jobs import due_jobs, run_job
from scrm_core.web.app import create_app
from scrm_goods_by_post import GoodsByPost
from scrm_interaction_games import InteractionGames

GAMES = "\n[plugins.interaction-games]\n"
GOODS = '\n[plugins.goods-by-post]\nclaim_days = 3\ngoods = {MUG = "Mug 马克杯"}\n'
ADDRESS = "王小明 13800138000 上海市人民路1号"
MINE = "/p/acme/goods-by-post/mine"


class Post:
    """Acme has games and goods, moonco games alone; a person of acme plays and gets a parcel."""

    def __init__(self, installation: Any, plugins: tuple[Any, ...], shop_of: Any) -> None:
        self.installation, self.plugins = installation, plugins
        self.acme, self.moonco = installation.brand("acme"), installation.brand("moonco")
        self.client = create_app(installation).test_client()
        self.shop = shop_of(self.acme)
        with self.acme as brand:
            self.secret = brand.keys.create("test", ("goods-by-post:read", "goods-by-post:send"))[1]

    def at(self, text: str) -> None:
        self.acme.clock.set(local_instant(datetime.fromisoformat(text), self.acme.zone))

    def campaign(self, brand: Any, item: str = "MUG") -> None:
        games = brand.plugins["interaction-games"].games
        prize = {"code": "mug", "title": "马克杯", "kind": "goods", "item": item, "weight": 1, "value_minor": 2_500}
        games.create(
            {"code": "spring", "game": "wheel", "title": "春日转盘", "surface": "app", "ends_at": "2026-06-01T00:00",
             "rules": "每人一次", "organiser": "Acme", "organiser_contact": "400", "total_weight": 1,
             "chances": {"daily": 1}, "prizes": [prize]},
            actor="mia",
        )  # fmt: skip
        games.publish("spring", "mia", confirm=True)

    def win(self, phone: str = "+8613800138000") -> tuple[int, dict[str, Any]]:
        """A person who plays and wins the mug: the contact's id and the answer of the wheel."""
        who = int(self.shop.lead(phone, "2026-03-01T10:00").contact_id)
        with self.acme as brand:
            answer = brand.plugins["interaction-games"].games.act("spring", "play", who, key=phone, data={})
        assert (answer["won"], answer["state"]) == (True, "granted")
        return who, answer

    def browser(self, who: int) -> Any:
        browser = create_app(self.installation).test_client()
        sign_in(browser, self.acme, who)
        return browser

    @staticmethod
    def form(page: Any, address: str) -> tuple[str, dict[str, Any]]:
        """Where the address on a page is sent to, and what with."""
        (action,) = re.findall(r'action="([^"]+/address)"', page.text)
        return action, fields(page, "/address", address=address)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.secret}"}
        return self.client.open(f"/api/v1/acme/plugins/goods-by-post{path}", method=method, json=body, headers=headers)

    def jobs(self) -> None:
        with self.acme as brand:
            for due in due_jobs(brand):
                run_job(brand, due)

    def rows(self) -> list[tuple[Any, ...]]:
        with self.acme:
            return [tuple(row) for row in execute("SELECT state, address FROM goods_by_post_parcel ORDER BY id")]

    def ledger(self) -> list[tuple[Any, ...]]:
        with self.acme:
            return [tuple(row) for row in execute("SELECT kind, quantity, reason FROM reward ORDER BY id")]


@pytest.fixture
def post(new_installation, shop_of) -> Post:
    plugins = (InteractionGames, GoodsByPost)
    made = Post(new_installation(plugins=plugins, acme=GAMES + GOODS, moonco=GAMES), plugins, shop_of)
    made.at("2026-03-01T23:30")
    with made.acme as brand:
        made.campaign(brand)
    return made


def test_a_drawn_mug_gets_an_address_from_its_winner_and_is_sent(post: Post) -> None:
    anna, _ = post.win()
    ben, _ = post.win("+8613800138001")
    assert post.rows() == [("open", ""), ("open", "")]
    browser, stranger = post.browser(anna), post.browser(ben)
    # "My prizes" of the games leads to the page of whoever issues the kind.
    assert f'href="{MINE}"' in browser.get("/p/acme/interaction-games/prizes", headers=PAGE).text
    page = browser.get(MINE, headers=PAGE)
    assert "Mug 马克杯" in page.text and "待填地址" in page.text and "请于2026-03-05 00:00前填写" in page.text
    assert stranger.get(MINE, headers=PAGE).status_code == 200
    action, form = post.form(page, ADDRESS)
    assert stranger.post(action, data=fields(stranger.get(MINE), "/address", address="mine!"), headers=PAGE).status_code == 404
    assert browser.post(action, data=fields(page, "/address", address=" "), headers=PAGE).status_code == 422
    assert [browser.post(action, data=form, headers=PAGE).status_code for _ in range(2)] == [303, 303]
    assert post.rows() == [("ready", ADDRESS), ("open", "")]

    (ready,) = post.call("GET", "/parcels").json["parcels"]
    assert (ready["sku"], ready["qty"], ready["address"]) == ("MUG", 1, ADDRESS)
    assert ready["deadline"] == "2026-03-05T00:00:00+08:00"
    sent = post.call("POST", f"/parcels/{ready['uid']}/sent", {"tracking": "SF100"})
    assert (sent.status_code, sent.json["state"]) == (200, "sent")
    again = post.call("POST", f"/parcels/{ready['uid']}/sent", {"tracking": "SF200"})
    assert (again.status_code, again.json["code"]) == (409, "parcel_state")
    shown = browser.get(MINE, headers=PAGE).text
    assert "已发货" in shown and "SF100" in shown and "/address" not in shown
    late = browser.post(action, data=fields(browser.get("/p/acme/-/me"), address="elsewhere"), headers=PAGE)
    assert late.status_code == 409 and "已发货，或已过填写时间" in late.text
    # What was sent is not taken back; what was not, is.
    with post.acme as brand:
        back = [
            brand.plugins["interaction-games"].games.fulfilment.take_back(draw, reason="a second account", actor="mia")
            for (draw,) in execute("SELECT uid FROM interaction_games_draw ORDER BY id").fetchall()
        ]
    assert back == [False, True]
    assert post.rows() == [("sent", ADDRESS), ("returned", "")]
    assert post.client.get("/p/moonco/goods-by-post/mine").status_code == 404


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_goods_without_an_address_go_back_at_the_brands_midnight(post: Post) -> None:
    anna, _ = post.win()
    ben, _ = post.win("+8613800138001")
    # Won on 1 March: the 2nd, 3rd and 4th are the three days, in Shanghai.
    post.at("2026-03-04T23:59:59")
    post.jobs()
    page = post.browser(ben).get(MINE, headers=PAGE)
    assert post.rows() == [("open", ""), ("open", "")]
    browser = post.browser(anna)
    action, form = post.form(browser.get(MINE, headers=PAGE), ADDRESS)
    assert browser.post(action, data=form, headers=PAGE).status_code == 303
    post.at("2026-03-05T00:00:00")
    late = post.browser(ben)
    action, _ = post.form(page, "")
    form = fields(late.get("/p/acme/-/me"), address="too late")
    assert late.post(action, data=form, headers=PAGE).status_code == 409  # before any job has run
    post.at("2026-03-05T02:00:00")
    post.jobs()
    assert post.rows() == [("ready", ADDRESS), ("returned", "")]
    assert post.ledger() == [
        ("goods", 1, "spring: 马克杯"), ("goods", 1, "spring: 马克杯"), ("goods", -1, "no address in time"),
    ]  # fmt: skip


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_an_address_is_its_persons_it_is_told_to_them_and_erased_with_them(post: Post) -> None:
    anna, _ = post.win()
    browser = post.browser(anna)
    action, form = post.form(browser.get(MINE, headers=PAGE), ADDRESS)
    browser.post(action, data=form, headers=PAGE)
    with post.acme as brand:
        assert ADDRESS in str(brand.privacy.export(anna))
        brand.privacy.erase(anna, actor="test")
        tables = [row[0] for row in execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
        held = [table for table in tables if "人民路" in str(execute(f'SELECT * FROM "{table}"').fetchall())]
    assert held == [] and post.rows() == []
    # The ledger stays without the person, and the reward may still be taken back.
    with post.acme as brand:
        ((key,),) = execute("SELECT grant_key FROM reward").fetchall()
        assert brand.rewards.reverse(key, reason="nobody is there").quantity == -1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_game_with_goods_does_not_start_where_nobody_issues_them(post: Post) -> None:
    with post.moonco as brand, pytest.raises(Invalid) as refused:
        post.campaign(brand)
    assert (refused.value.field, refused.value.code) == ("prizes.0.kind", "no_issuer")
    with post.acme as brand, pytest.raises(Invalid) as unknown:
        brand.rewards.check("goods", "CUP")
    assert unknown.value.field == "item" and "MUG" in str(unknown.value)
    # Switched off, or without the article, while the campaign runs: a configuration error that names it.
    file = post.installation.config.brands_dir / "acme.toml"
    text = file.read_text("utf-8")

    def start() -> Any:
        file_now = Installation.open(post.installation.config.root, clock=post.acme.clock, plugins=post.plugins)
        try:
            return file_now.brand("acme")
        finally:
            file_now.close()

    for broken, problem in (
        (text.replace(GOODS, "\n"), "campaign 'spring', prize 'mug': no enabled plugin issues rewards of kind 'goods'"),
        (text.replace("MUG =", "CUP ="), "campaign 'spring', prize 'mug': item: 'MUG' is none of the goods"),
    ):
        file.write_text(broken, "utf-8")
        with pytest.raises(ConfigError, match=re.escape(problem)):
            start()
    file.write_text(text, "utf-8")
    assert "goods-by-post" in start().plugins
