"""The examples of two hooks do what the page of hooks says of them."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from signing import fields, sign_in

from scrm_core.api import Cart, CartLine
from scrm_core.web.app import create_app
from scrm_friday_discount import FridayDiscount
from scrm_interaction_games import InteractionGames

PAGE = Path(__file__).resolve().parents[2] / "docs" / "consumer-pages.md"
TABLES = "\n[plugins.interaction-games]\n\n[plugins.friday-discount]\n"


@pytest.fixture
def brands(new_installation):
    """Two brands: acme has the example switched on, moonco has not."""
    installation = new_installation(plugins=(InteractionGames, FridayDiscount), acme=TABLES)
    return installation.brand("acme"), installation.brand("moonco")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_tenth_is_off_on_fridays_of_the_brand_alone(brands, shop_of):
    acme, moonco = brands
    lines = (CartLine("1", "TEA", 3, 333), CartLine("2", "CUP", 1, 1_000), CartLine("3", "BAG", 1, 500, gift=True))

    def payable(brand, time):
        with brand:
            return brand.carts.quote(Cart(lines, shop_of(brand).at(time))).payable_minor

    # 999 // 10 + 1000 // 10 = 199 off the 1999; a gift costs nothing and has nothing to take off.
    assert payable(acme, "2026-05-01T00:00") == 1_800
    assert payable(acme, "2026-05-01T23:59") == 1_800
    assert payable(acme, "2026-04-30T23:59") == payable(acme, "2026-05-02T00:00") == 1_999
    assert payable(moonco, "2026-05-01T12:00") == 1_999


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_who_answers_a_question_is_tagged_and_other_events_tag_nobody(brands, shop_of):
    acme, _ = brands
    shop = shop_of(acme)
    shop.sell("A1", "b1", "2026-05-01T10:00", 5_000)
    shop.sell("A2", "b2", "2026-05-01T10:00", 5_000)
    with acme:
        first, second = (acme.contacts.find("buyer", buyer, "shop") for buyer in ("b1", "b2"))
        with acme.transaction():
            acme.emit("interaction-games", "answered", first.id, {"award": "x", "mode": "native"})
            acme.emit("interaction-games", "played", second.id)
            acme.emit("interaction-games", "answered", None)
    shop.deliver()
    assert [shop.tags(person.uid, "talk") for person in (first, second)] == [["answers"], []]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_raffle_of_the_page_for_authors_is_looked_at_and_entered_once_signed_in(
    new_installation, shop_of, tmp_path, scrm_app
):
    page = PAGE.read_text("utf-8")
    code = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "class Raffle(" in block)
    template = re.search(r"```jinja\n(.*?)```", page, re.DOTALL)[1]
    folder = tmp_path / "scrm_raffle"
    (folder / "templates").mkdir(parents=True)
    (folder / "templates" / "raffle_show.html").write_text(template, "utf-8")
    (folder / "__init__.py").write_text(code, "utf-8")
    spec = importlib.util.spec_from_file_location(folder.name, folder / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[folder.name] = module
    try:
        spec.loader.exec_module(module)
        test = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def test_" in block)
        exec(compile(test, "consumer-pages.md", "exec"), vars(module))
        module.test_who_is_signed_in_enters_the_raffle(scrm_app)
        tables = '\n[plugins.raffle]\ntitles = {spring = "Spring raffle"}\n'
        installation = new_installation(plugins=(module.Raffle,), acme=tables)
        brand = installation.brand("acme")
        shop = shop_of(brand)
        shop.sell("A1", "b1", "2026-05-01T10:00", 5_000)
        with brand:
            person = brand.contacts.find("buyer", "b1", "shop")
        client = create_app(installation).test_client()
        visit = client.get("/p/acme/raffle/spring")
        assert "Spring raffle" in visit.get_data(as_text=True)
        assert client.get("/p/acme/raffle/winter").status_code == 404
        assert client.get("/p/moonco/raffle/spring").status_code == 404
        sign_in(client, brand, person.id)
        client.post("/p/acme/raffle/spring/enter", data=fields(client.get("/p/acme/raffle/spring")))
        assert shop.tags(person.uid, "raffle") == ["spring"]
    finally:
        del sys.modules[folder.name]
