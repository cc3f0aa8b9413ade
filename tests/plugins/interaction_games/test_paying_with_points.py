"""Chances and make-up days paid with points: both happen or neither, also for a process that is killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from games_scene import DAY_MS, Prizes, Scene
from signing import PAGE, fields, sign_in

from scrm_core.api import Conflict, Invalid, execute
from scrm_core.errors import ConfigError
from scrm_core.installation import Installation
from scrm_core.web.app import create_app
from scrm_interaction_games import InteractionGames
from scrm_interaction_games.engine.tickets import Tickets
from scrm_points import Points

ON = "[plugins.prizes]\n[plugins.points]\n[plugins.interaction-games]\n"
SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
BUY = {"buy_with": "points", "buy_cost": 100, "buy_per_day": 2}


@pytest.fixture
def shop(new_installation) -> Iterator[Scene]:
    """Acme with points, inside its brand; moonco has them too."""
    installation = new_installation(plugins=(InteractionGames, Prizes, Points), acme=ON, moonco=ON)
    with installation.brand("acme") as brand:
        yield Scene(brand)


def book(scene: Scene) -> Any:
    return scene.brand.plugins["points"].book


def rich(scene: Scene, points: int) -> int:
    person = scene.person()
    book(scene).adjust(person, points, key=f"gift-{person}", reason="test", actor="mia")
    return person


def wheel(scene: Scene, **more: Any) -> str:
    return scene.campaign("wheel", [scene.prize("tea", kind="coupon", weight=1), scene.none(9)], chances=BUY, **more)


def refusal(scene: Scene, *act: Any, **data: Any) -> str:
    with pytest.raises(Conflict) as refused:
        scene.act(*act, **data)
    return refused.value.code


def test_a_chance_costs_points_once_per_act_and_so_many_a_day(shop: Scene) -> None:
    code, anna, bob = wheel(shop), rich(shop, 250), rich(shop, 99)
    assert refusal(shop, code, "play", anna) == "no_ticket"
    first = shop.act(code, "buy-chance", anna, key="b1")
    assert first == {"bought": 1, "paid": 100, "with": "points", "chances": 1}
    assert shop.act(code, "buy-chance", anna, key="b1") == first  # told again, not bought again
    assert (book(shop).balance(anna).balance, shop.games.view(code, anna)["chances"]) == (150, 1)
    shop.act(code, "play", anna)
    assert shop.games.view(code, anna)["buy"] == {
        "with": "points", "title": "积分", "cost": 100, "left_today": 1, "have": 150
    }  # fmt: skip
    shop.act(code, "buy-chance", anna)
    assert refusal(shop, code, "buy-chance", anna) == "buy_limit"
    assert refusal(shop, code, "buy-chance", bob) == "not_enough"
    assert [book(shop).balance(who).balance for who in (anna, bob)] == [50, 99]
    # The next day of the brand begins anew, and the points are too few then; a clock moved back opens nothing.
    shop.clock.advance(seconds=DAY_MS // 1000)
    assert refusal(shop, code, "buy-chance", anna) == "not_enough"
    shop.clock.advance(seconds=-DAY_MS // 1000)
    assert refusal(shop, code, "buy-chance", anna) == "buy_limit"
    assert book(shop).differences() == []
    with shop.brand.installation.brand("moonco"):
        assert execute("SELECT count(*) FROM interaction_games_ticket").fetchone() == (0,)


def test_points_stay_where_the_chance_cannot_be_given(shop: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    code, anna = wheel(shop), rich(shop, 250)

    def broken(*args: Any, **kwargs: Any) -> bool:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Tickets, "grant", broken)
        with pytest.raises(RuntimeError):
            shop.act(code, "buy-chance", anna, key="b1")
    assert (book(shop).balance(anna).balance, shop.games.view(code, anna)["chances"]) == (250, 0)
    assert shop.act(code, "buy-chance", anna, key="b1")["chances"] == 1


def test_what_was_paid_for_chances_that_are_left_at_the_end_goes_back_once(shop: Scene) -> None:
    code, anna = wheel(shop, ends_at=shop.brand.now() + DAY_MS), rich(shop, 250)
    for _ in range(2):
        shop.act(code, "buy-chance", anna)
    shop.act(code, "play", anna)
    assert shop.games.settle()["returned"] == 0
    shop.clock.advance(seconds=DAY_MS // 1000)
    assert [shop.games.settle()["returned"] for _ in range(2)] == [1, 0]
    assert book(shop).balance(anna).balance == 150
    assert book(shop).differences() == []


def test_a_day_is_made_up_for_points_and_nothing_is_taken_for_one_that_is_not(shop: Scene) -> None:
    anna = rich(shop, 120)
    settings = {"daily": ["tea"], "make_up": {"cost": "points", "amount": 50}}
    code = shop.campaign("checkin", [shop.prize("tea", kind="coupon")], settings=settings)
    today = shop.view(code, anna)["today"]
    shop.clock.advance(seconds=3 * DAY_MS // 1000)
    assert shop.act(code, "make-up", anna, day=today)["total"] == 1
    assert refusal(shop, code, "make-up", anna, day=today) == "make_up_signed"
    assert book(shop).balance(anna).balance == 70
    make_up = shop.view(code, anna)["make_up"]
    assert (make_up["cost"], make_up["amount"], make_up["title"]) == ("points", 50, "积分")
    client = create_app(shop.brand.installation).test_client()
    sign_in(client, shop.brand, anna)
    page = client.get(f"/p/acme/interaction-games/g/{code}", headers=PAGE).get_data(as_text=True)
    assert "每次补签用 50 积分" in page
    days = make_up["days"]
    shop.act(code, "make-up", anna, day=days[0])
    assert refusal(shop, code, "make-up", anna, day=days[1]) == "not_enough"
    assert (book(shop).balance(anna).balance, shop.view(code, anna)["total"]) == (20, 2)
    assert book(shop).differences() == []


@SQLITE
def test_what_nobody_takes_as_payment_is_refused_with_its_field(scene: Scene) -> None:
    for chances, field in (
        (BUY, "chances.buy_with"),
        ({"buy_with": "points"}, "chances.buy_cost"),
        ({"buy_cost": 5}, "chances.buy_cost"),
    ):
        with pytest.raises(Invalid) as refused:
            scene.campaign("wheel", [scene.prize("tea", weight=1)], chances=chances)
        assert refused.value.field == field
    for make_up, words in (
        ({"cost": "points", "amount": 5}, "takes 'points'"),
        ({"cost": "points"}, "amount"),
        ({"cost": "free", "amount": 5}, "amount"),
    ):
        with pytest.raises(Invalid, match=words):
            scene.campaign("checkin", [scene.prize("tea")], settings={"make_up": make_up})
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)])
    assert refusal(scene, code, "buy-chance", scene.person()) == "not_for_sale"


@SQLITE
def test_a_brand_whose_points_are_switched_off_is_told_at_start(shop: Scene) -> None:
    wheel(shop)
    root = shop.brand.installation.config.root
    path = root / "brands" / "acme.toml"
    path.write_text(path.read_text("utf-8").replace("[plugins.points]\n", ""), "utf-8")
    fresh = Installation.open(root, plugins=(InteractionGames, Prizes), clock=shop.clock)
    with pytest.raises(ConfigError, match="no enabled plugin takes 'points' as payment"):
        fresh.brand("acme")
    fresh.close()


BUYING = """
from scrm_core.errors import Conflict
from scrm_core.api import execute


def run(brand, worker):
    games = brand.plugins["interaction-games"].games
    (contact,) = execute("SELECT id FROM contact").fetchone()
    codes = []
    for turn in range(8):
        try:
            codes.append(games.act("wheel", "buy-chance", contact, key=f"{worker}-{turn}")["bought"])
        except Conflict as exc:
            codes.append(exc.code)
    return codes
"""


@pytest.fixture
def points_house(open_house: Callable[[], Installation]) -> Callable[[], Installation]:
    """Like ``open_house``, with points."""

    def make() -> Installation:
        house = open_house()
        with (house.config.root / "brands" / "acme.toml").open("a") as file:
            file.write("[plugins.points]\n")
        house.migrate()
        return house

    return make


@pytest.mark.parametrize(
    ("points", "a_day", "bought", "refused"), [(550, 100, 5, "not_enough"), (9_000, 7, 7, "buy_limit")]
)
def test_four_processes_buy_no_more_than_the_points_and_the_day_allow(
    points_house: Callable[[], Installation],
    together: Callable[..., Any],
    points: int,
    a_day: int,
    bought: int,
    refused: str,
) -> None:
    house = points_house()
    with house.brand("acme") as brand:
        scene = Scene(brand)
        anna = rich(scene, points)
        chances = {"buy_with": "points", "buy_cost": 100, "buy_per_day": a_day}
        scene.campaign("wheel", [scene.prize("tea", kind="coupon", weight=1)], chances=chances, code="wheel")
    codes = [code for told in together(house, BUYING, 4) for code in told]
    assert codes.count(1) == bought and codes.count(refused) == 32 - bought
    with house.brand("acme"):
        assert book(scene).balance(anna).balance == points - 100 * bought
        assert scene.games.view("wheel", anna)["chances"] == bought
        assert book(scene).differences() == []


KILLED = """
import os, signal, sys
from scrm_core.installation import Installation
from scrm_core.web.app import create_app
from scrm_core.api import execute
from scrm_interaction_games.engine.tickets import Tickets
from pathlib import Path

grant = Tickets.grant
if sys.argv[2] == "before":
    Tickets.grant = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)
else:
    def killed(*args, **kwargs):
        grant(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    Tickets.grant = killed
with Installation.open(Path(sys.argv[1])).brand("acme") as brand:
    (contact,) = execute("SELECT id FROM contact").fetchone()
    brand.plugins["interaction-games"].games.act("wheel", "buy-chance", contact, key="b1")
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_killed_between_points_and_chance_leaves_both_as_they_were(
    points_house: Callable[[], Installation], moment: str
) -> None:
    house = points_house()
    with house.brand("acme") as brand:
        scene = Scene(brand)
        anna = rich(scene, 300)
        scene.campaign("wheel", [scene.prize("tea", kind="coupon", weight=1)], chances=BUY, code="wheel")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(house.config.root), moment], capture_output=True, env=os.environ, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with house.brand("acme"):
        assert (book(scene).balance(anna).balance, scene.games.view("wheel", anna)["chances"]) == (300, 0)
        assert scene.act("wheel", "buy-chance", anna, key="b1")["chances"] == 1
        assert book(scene).balance(anna).balance == 200
        assert book(scene).differences() == []


@SQLITE
def test_the_page_offers_a_chance_to_whoever_can_pay_for_it_and_buys_once_per_form(shop: Scene) -> None:
    code, anna, bob = wheel(shop), rich(shop, 120), rich(shop, 99)
    client = create_app(shop.brand.installation).test_client()
    sign_in(client, shop.brand, bob)
    address = f"/p/acme/interaction-games/g/{code}"
    assert "buy-chance" not in client.get(address, headers=PAGE).get_data(as_text=True)
    sign_in(client, shop.brand, anna)
    page = client.get(address, headers=PAGE)
    assert "用 100 积分换一次机会" in page.get_data(as_text=True)
    form = fields(page, "/buy-chance")
    for _ in range(2):  # a double tap
        answer = client.post(f"{address}/buy-chance", data=form, headers=PAGE)
        assert (answer.status_code, answer.location) == (303, address)
    assert (book(shop).balance(anna).balance, shop.games.view(code, anna)["chances"]) == (20, 1)


@SQLITE
def test_a_campaign_that_stays_paused_over_its_end_gives_back_what_was_paid(shop: Scene) -> None:
    code, anna = wheel(shop, ends_at=shop.brand.now() + DAY_MS), rich(shop, 250)
    shop.act(code, "buy-chance", anna)
    shop.games.pause(code, actor="mia", reason="x")
    shop.clock.advance(seconds=3 * DAY_MS // 1000)
    assert shop.games.settle()["returned"] == 1
    assert book(shop).balance(anna).balance == 250


def test_giving_back_and_merging_at_once_loses_and_doubles_nothing(new_installation) -> None:
    installation = new_installation(plugins=(InteractionGames, Prizes, Points), acme=ON, moonco=ON)
    with installation.brand("acme") as brand:
        shop = Scene(brand)
        code = wheel(shop, ends_at=brand.now() + DAY_MS)
        people = [rich(shop, 250) for _ in range(20)]
        for person in people:
            shop.act(code, "buy-chance", person)
        shop.clock.advance(seconds=DAY_MS // 1000)
    failures: list[BaseException] = []

    def apart(work: Callable[[Scene], Any]) -> threading.Thread:
        def run() -> None:
            try:
                with installation.brand("acme") as brand:
                    work(Scene(brand))
            except BaseException as exc:
                failures.append(exc)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def merge(scene: Scene) -> None:
        for one, other in zip(people[::2], people[1::2], strict=True):
            scene.brand.contacts.merge(one, other, actor="m", reason="r")

    for thread in (apart(lambda scene: scene.games.settle()), apart(merge)):
        thread.join(60)
    assert failures == []
    with installation.brand("acme") as brand:
        shop = Scene(brand)
        shop.deliver()
        shop.games.settle()
        assert book(shop).differences() == []
        assert int(execute("SELECT sum(balance) FROM points_account").fetchone()[0]) == 20 * 250


def points_off(scene: Scene) -> None:
    """Switch the points off in acme's file."""
    file = scene.brand.installation.config.brands_dir / "acme.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("[plugins.points]\n", ""), encoding="utf-8")


@SQLITE
def test_points_that_are_switched_off_after_the_end_stop_no_other_work_and_are_given_back_later(new_installation) -> None:
    installation = new_installation(plugins=(InteractionGames, Prizes, Points), acme=ON, moonco=ON)
    with installation.brand("acme") as brand:
        shop = Scene(brand)
        code, anna = wheel(shop, ends_at=brand.now() + DAY_MS), rich(shop, 250)
        shop.act(code, "buy-chance", anna)
        shop.clock.advance(seconds=3 * DAY_MS // 1000)
        file = brand.installation.config.brands_dir / "acme.toml"
        before = file.read_text(encoding="utf-8")
        points_off(shop)
    with installation.brand("acme") as brand:
        assert "points" not in brand.plugins
        done = Scene(brand).games.settle()
        assert (done["returned"], done["revealed"]) == (0, 1)
    file.write_text(before, encoding="utf-8")
    with installation.brand("acme") as brand:
        shop = Scene(brand)
        assert shop.games.settle()["returned"] == 1
        assert book(shop).balance(anna).balance == 250


@SQLITE
def test_a_check_in_whose_make_ups_nobody_takes_points_for_is_an_error_at_start(new_installation) -> None:
    installation = new_installation(plugins=(InteractionGames, Prizes, Points), acme=ON, moonco=ON)
    with installation.brand("acme") as brand:
        shop = Scene(brand)
        settings = {"daily": ["tea"], "make_up": {"cost": "points", "amount": 50}}
        shop.campaign("checkin", [shop.prize("tea", kind="coupon")], settings=settings)
        points_off(shop)
    fresh = type(installation).open(installation.config.root, clock=installation.clock, plugins=(InteractionGames, Prizes))
    with pytest.raises(ConfigError) as refused:
        fresh.brand("acme")
    fresh.close()
    assert "settings.make_up.cost: no enabled plugin takes 'points' as payment" in str(refused.value)
