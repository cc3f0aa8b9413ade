"""Batches, stock, costs, suggestions, figures and charts over HTTP and on the command line."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from steps_campaign import one_database

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_core.web import create_app
from scrm_package_card import PackageCard

CARD = "\n[plugins.package-card]\nmargin_share = 0.42\n"
HERE = "/api/v1/acme/plugins/package-card"
BATCH = {"code": "CARD-A", "campaign": "MAY", "kind": "marketing", "printed": 100, "unit_cost_minor": 12}
TABLES = ("campaign", "batch", "card", "move", "miss", "spend", "shipment", "lead")


@pytest.fixture
def installed(new_installation):
    return new_installation(plugins=(PackageCard,), acme=CARD)


@pytest.fixture
def shop(installed, shop_of, deliver):
    shop = shop_of(installed.brand("acme"))
    shop.deliver = lambda: deliver(shop.brand)
    return shop


@pytest.fixture
def call(installed):
    client = create_app(installed).test_client()

    def call(method, path, body=None, scopes=("*",)):
        home = installed.brand("acme")
        with home:
            key = home.keys.create("test", scopes)[1]
        return client.open(HERE + path, method=method, json=body, headers={"Authorization": f"Bearer {key}"})

    return call


@pytest.fixture
def scrm(installed):
    def run(*arguments):
        session = Session(installed.config.root, clock=installed.clock)
        try:
            return CliRunner().invoke(root, ["package-card", *arguments], obj=session)
        finally:
            session.close()

    return run


def stored(shop):
    """Every row of the plugin, and how many links, channels and events the core has."""
    with shop.brand:
        rows = {name: execute(f"SELECT * FROM package_card_{name} ORDER BY id").fetchall() for name in TABLES}
        return rows | {name: execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("link", "channel", "event")}


def test_a_batch_lives_over_http_from_printing_to_its_goods(call, shop):
    call("POST", "/campaigns", {"code": "MAY", "source": "shop", "from_stock": True})
    made = call("POST", "/batches", {**BATCH, "channel": "wecom", "arm": "A", "target": "https://example.com/"})
    assert (made.status_code, made.json["left"], made.json["cost_minor"]) == (201, 0, 1_200)
    received = {"kind": "received", "quantity": 3, "key": "lorry 1", "at": "2026-05-01T08:00", "actor": "anna"}
    for _ in range(2):
        answer = call("POST", "/batches/CARD-A/moves", received)
        assert (answer.status_code, answer.json["left"], answer.json["received_from"]) == (201, 3, "2026-05-01")
    for n in range(4):
        shop.sell(f"A{n}", f"b{n}", f"2026-05-02T0{n}:00", 1_000)
    shop.deliver()
    damaged = {"kind": "damaged", "quantity": 1, "key": "wet", "reason": "rain"}
    refused = call("POST", "/batches/CARD-A/moves", damaged)
    assert (refused.status_code, refused.json["code"]) == (409, "no_stock")
    batch = call("GET", "/batches/CARD-A").json
    assert (batch["received"], batch["shipped"], batch["left"], batch["unique"]) == (3, 3, 0, False)
    page = call("GET", "/batches/CARD-A/moves?limit=2").json
    assert [move["quantity"] for move in page["moves"]] == [3, -1]
    rest = call("GET", f"/batches/CARD-A/moves?limit=50&after={page['next']}").json
    assert ([move["quantity"] for move in rest["moves"]], rest["next"]) == ([-1, -1], None)
    assert [miss["order_number"] for miss in call("GET", "/campaigns/MAY/misses").json["misses"]] == ["A3"]
    goods = call("GET", "/goods?campaign=MAY")
    assert goods.mimetype == "text/csv"
    (row,) = csv.DictReader(io.StringIO(goods.text))
    assert (row["sku"], row["type"], row["unit"], row["on_hand"], row["printed"]) == ("CARD-A", "virtual", "张", "0", "100")
    assert [b["code"] for b in call("GET", "/batches?campaign=MAY").json["batches"]] == ["CARD-A"]


def test_costs_and_figures_by_group_are_asked_for_over_http(call, shop):
    call("POST", "/campaigns", {"code": "MAY", "source": "shop"})
    call("POST", "/batches", {**BATCH, "arm": "A"})
    call("POST", "/batches/CARD-A/moves", {"kind": "received", "quantity": 5, "key": "k", "at": "2026-05-01"})
    shop.sell("A1", "b1", "2026-05-02T00:00", 5_000)
    shop.sell("A2", "b1", "2026-05-20T00:00", 7_000)
    shop.lead("13800138000", "2026-05-04T12:00", serial="MAY-A1")
    shop.deliver()
    hooks = {"what": "hook 钩子", "quantity": 2, "unit_minor": 300, "key": "hooks", "batch": "CARD-A"}
    assert call("POST", "/campaigns/MAY/spends", hooks).json == {"created": True}
    assert call("POST", "/campaigns/MAY/spends", hooks).json == {"created": False}
    assert call("POST", "/campaigns/MAY/spends", {**hooks, "quantity": 3}).json["code"] == "key_used"
    assert [e["unit_minor"] for e in call("GET", "/campaigns/MAY/spends").json["spends"]] == [300]
    (row,) = call("GET", "/report?by=arm&campaign=MAY").json["rows"]
    assert (row["arm"], row["shipped"], row["new"], row["contribution_minor"]) == ("A", 2, 1, 7_000)
    assert (row["cost_minor"], row["net_minor"], row["cost_per_new_minor"]) == (624, 2_316, 624.0)
    (short,) = call("GET", "/report?days=10").json["rows"]
    assert (short["contribution_minor"], short["days"]) == (0, 10)


def test_the_cost_of_cards_from_no_batch_is_unknown_and_not_nothing(call, shop):
    call("POST", "/campaigns", {"code": "MAY", "source": "shop"})
    shop.sell("A1", "b1", "2026-05-02T00:00", 5_000)
    shop.deliver()
    (row,) = call("GET", "/report").json["rows"]
    assert (row["shipped"], row["card_cost_minor"], row["cost_minor"], row["net_minor"]) == (1, None, None, None)


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "/batches", {**BATCH, "kind": "cash"}, 422, "kind"),
        ("POST", "/batches", {**BATCH, "printed": 1.5}, 422, "printed"),
        ("POST", "/batches", {**BATCH, "printed": -1}, 422, "printed"),
        ("POST", "/batches", {**BATCH, "colour": "red"}, 422, "colour"),
        ("POST", "/batches", {**BATCH, "campaign": "NOSUCH"}, 404, None),
        ("POST", "/batches", {**BATCH, "name": "a\u0000"}, 400, None),
        ("POST", "/batches", {**BATCH, "unique": True, "channel": "c"}, 422, "target"),
        ("POST", "/batches/NOSUCH/moves", {"kind": "received", "quantity": 1, "key": "k"}, 404, None),
        ("POST", "/batches/CARD-A/moves", {"kind": "shipped", "quantity": 1, "key": "k"}, 422, "kind"),
        ("POST", "/batches/CARD-A/moves", {"kind": "received", "quantity": 0, "key": "k"}, 422, "quantity"),
        ("POST", "/batches/CARD-A/moves", {"kind": "received", "quantity": 2**50, "key": "k"}, 422, "quantity"),
        ("POST", "/batches/CARD-A/moves", {"kind": "received", "quantity": 1, "key": "shipped:1"}, 422, "key"),
        ("POST", "/batches/CARD-A/moves", {"kind": "received", "quantity": 1, "key": "k", "at": "soon"}, 422, "at"),
        ("GET", "/batches?limit=0", None, 422, "limit"),
        ("GET", "/batches?limit=100000", None, 422, "limit"),
        ("GET", "/batches?after=-1", None, 422, "after"),
        ("GET", "/campaigns?limit=0", None, 422, "limit"),
        ("GET", "/report?by=colour", None, 422, "by"),
        ("GET", "/report?campaign=NOSUCH", None, 404, None),
        ("GET", "/report?days=0", None, 422, "days"),
        ("GET", "/campaigns/MAY/suggestion", None, 422, "days"),
        ("GET", "/campaigns/MAY/suggestion?days=30&basis=yearly", None, 422, "basis"),
        ("GET", "/campaigns/MAY/suggestion?days=30&lot=0", None, 422, "lot"),
        ("POST", "/campaigns/MAY/spends", {"what": "x", "quantity": 0, "unit_minor": 1, "key": "k"}, 422, "quantity"),
        ("POST", "/campaigns/MAY/spends", {"what": "x", "quantity": 1, "unit_minor": -1, "key": "k"}, 422, "unit_minor"),
    ],
)
def test_bad_input_about_stock_is_refused_with_its_field_and_changes_nothing(call, shop, method, path, body, status, field):
    call("POST", "/campaigns", {"code": "MAY", "source": "shop"})
    if "CARD-A" in path:
        call("POST", "/batches", BATCH)
    before = stored(shop)
    answer = call(method, path, body)
    assert answer.status_code == status, answer.text
    if field is not None:
        assert answer.json["field"] == field
    assert stored(shop) == before


def test_serials_are_given_only_to_those_who_may_write(call):
    call("POST", "/campaigns", {"code": "MAY", "source": "shop"})
    wanted = {**BATCH, "unique": True, "channel": "c", "target": "https://example.com/", "printed": 3}
    call("POST", "/batches", wanted)
    reader, writer = ("package-card:read",), ("package-card:write",)
    assert call("GET", "/batches/CARD-A/cards", scopes=reader).status_code == 403
    page = call("GET", "/batches/CARD-A/cards?limit=2", scopes=writer).json
    assert ([card["number"] for card in page["cards"]], page["next"]) == ([1, 2], 2)
    assert call("GET", "/batches", scopes=reader).status_code == 200
    for path in ("/batches", "/batches/CARD-A/moves", "/campaigns/MAY/spends"):
        assert call("POST", path, {}, scopes=reader).status_code == 403


def test_dry_runs_tell_the_cost_and_write_nothing(call, scrm, shop, tmp_path):
    call("POST", "/campaigns", {"code": "MAY", "source": "shop", "automatic": False})
    before = stored(shop)
    wanted = {**BATCH, "unique": True, "channel": "wecom", "target": "https://example.com/", "dry_run": True}
    told = call("POST", "/batches", wanted).json
    assert (told["cost_minor"], told["links"], told["known"]) == (1_200, 100, False)
    command = ("batch", "acme", "MAY", "CARD-A", "--kind", "marketing", "--printed", "100", "--unit-cost", "12")
    shown = scrm(*command, "--dry-run", "--json")
    assert json.loads(shown.stdout)["cost_minor"] == 1_200
    assert stored(shop) == before
    assert scrm(*command).exit_code == 0
    assert scrm("receive", "acme", "CARD-A", "2", "--key", "k", "--at", "2026-05-01").exit_code == 0
    before = stored(shop)
    rows = [{"batch": "CARD-A", "order_number": f"A{n}", "shipped_at": "2026-05-02"} for n in range(3)]
    answer = call("POST", "/campaigns/MAY/shipments", {"shipments": rows, "dry_run": True}).json
    assert (answer["created"], answer["cost_minor"], answer["by_batch"]) == (2, 24, {"CARD-A": 2})
    assert [refused["index"] for refused in answer["rejected"]] == [2]
    file = tmp_path / "shipped.csv"
    file.write_text("order_number,shipped_at,batch\nA0,2026-05-02,CARD-A\n", encoding="utf-8")
    assert json.loads(scrm("ship", "acme", "MAY", str(file), "--dry-run").stdout)["cost_minor"] == 12
    assert stored(shop) == before


def test_a_warehouse_file_in_chinese_from_an_erp_is_read(scrm, shop, tmp_path):
    scrm("create", "acme", "MAY", "--source", "shop", "--warehouse")
    scrm("batch", "acme", "MAY", "CARD-A", "--kind", "notice", "--printed", "9", "--unit-cost", "12")
    scrm("receive", "acme", "CARD-A", "9", "--key", "k", "--at", "2026-05-01")
    file = tmp_path / "shipped.csv"
    file.write_bytes(
        "订单号,商品编码,发货时间,签收时间\nA1,CARD-A,2026-05-02 09:00,2026-05-04 10:00\nA2,CARD-A,2026-05-02 09:00,\n"
        "A3,CARD-X,2026-05-02 09:00,\nA4,CARD-A,2026-05-02 09:00,2026-05-01 09:00\n".encode("gb18030")
    )
    done = scrm("ship", "acme", "MAY", str(file))
    assert done.exit_code == 4
    assert json.loads(done.stdout) == {
        **{"read": 4, "rejected": 2, "created": 2, "unchanged": 0, "by_batch": {"CARD-A": 2}, "cost_minor": 24}
    }
    assert "line 4: batch: campaign 'MAY' has no print batch 'CARD-X'" in done.stderr
    assert "line 5: signed_at" in done.stderr
    figures = json.loads(scrm("figures", "acme", "--json").stdout)[0]
    assert (figures["shipped"], figures["signed"]) == (2, 1)


def test_the_goods_list_starts_no_formula_in_a_spreadsheet(scrm, shop, tmp_path):
    scrm("create", "acme", "MAY", "--source", "shop")
    name = '=HYPERLINK("https://evil.example","x")'
    scrm("batch", "acme", "MAY", "CARD-A", "--kind", "notice", "--printed", "9", "--unit-cost", "1", "--name", name)
    scrm("batch", "acme", "MAY", "CARD-B", "--kind", "hot-topic", "--printed", "9", "--unit-cost", "1", "--arm", "-B")
    out = tmp_path / "goods.csv"
    assert scrm("goods", "acme", "-o", str(out), "--encoding", "gb18030").exit_code == 0
    rows = list(csv.DictReader(io.StringIO(out.read_bytes().decode("gb18030"))))
    assert [(row["sku"], row["name"], row["arm"]) for row in rows] == [
        ("CARD-A", "'" + name, ""),
        ("CARD-B", "MAY 热点卡", "'-B"),
    ]
    assert scrm("goods", "acme", "-o", str(tmp_path)).exit_code != 0


def test_corrections_need_a_reason_and_one_kind(scrm, shop):
    scrm("create", "acme", "MAY", "--source", "shop")
    scrm("batch", "acme", "MAY", "CARD-A", "--kind", "notice", "--printed", "9", "--unit-cost", "1")
    scrm("receive", "acme", "CARD-A", "9", "--key", "k")
    counted = scrm("correct", "acme", "CARD-A", "--change", "-4", "--reason", "counted", "--key", "c", "--json")
    assert json.loads(counted.stdout)["left"] == 5
    assert scrm("correct", "acme", "CARD-A", "--reason", "x", "--key", "d").exit_code != 0
    assert scrm("correct", "acme", "CARD-A", "--damaged", "6", "--reason", "x", "--key", "e").exit_code != 0
    moves = json.loads(scrm("moves", "acme", "CARD-A", "--json").stdout)
    assert [(move["kind"], move["quantity"]) for move in moves] == [("received", 9), ("adjusted", -4)]


# How many to print -------------------------------------------------------------


@pytest.fixture
def sold(shop, clock):
    """Today is 2026-06-15 in Shanghai; orders lie so that each rate sees other ones."""
    clock.set(int(datetime(2026, 6, 15, 4, tzinfo=UTC).timestamp() * 1_000))
    days = ["2026-06-15", *["2026-06-14"] * 7, "2026-05-16", "2026-05-15", "2026-04-20", "2026-04-19"]
    days += ["2026-03-01", *["2026-03-31"] * 20, "2026-02-28"]
    for n, day in enumerate(days):
        shop.sell(f"A{n}", f"b{n}", f"{day}T12:00", 1_000)
    shop.sell("X1", "x", "2026-06-10T12:00", 1_000, source="elsewhere")
    shop.sell("X2", "x", "2026-06-10T12:00", 1_000, status="closed")


def test_the_quantity_follows_the_daily_weekly_and_monthly_orders_with_their_arithmetic(call, sold):
    call("POST", "/campaigns", {"code": "MAY", "source": "shop", "ship_from": "2026-07-01", "ship_until": "2026-08-14"})
    told = call("GET", "/campaigns/MAY/suggestion?lot=10").json
    assert told["days"] == 45
    shown = {f["basis"]: (f["first_day"], f["last_day"], f["orders"], f["forecast"]) for f in told["forecasts"]}
    # Today is not over and does not count: 05-16..06-14 holds 8 orders, 04-20..06-14 ten,
    # March to May 25. 8 x 45 / 30 = 12; 10 x 45 / 56 = 8.04; 25 x 45 / 92 = 12.23.
    assert shown == {
        "daily": ("2026-05-16", "2026-06-14", 8, 12),
        "weekly": ("2026-04-20", "2026-06-14", 10, 9),
        "monthly": ("2026-03-01", "2026-05-31", 25, 13),
    }
    assert (told["chosen"], told["quantity"], told["lot"]) == ("monthly", 20, 10)
    assert "25 x 45 / 92 = 12.23 -> 13" in told["forecasts"][2]["arithmetic"]
    named = call("GET", "/campaigns/MAY/suggestion?basis=weekly&lot=9").json
    assert (named["chosen"], named["quantity"]) == ("weekly", 9)


def test_the_command_shows_each_forecast_and_what_to_print(scrm, sold):
    scrm("create", "acme", "MAY", "--source", "shop")
    assert "days" in scrm("suggest", "acme", "MAY").output
    shown = scrm("suggest", "acme", "MAY", "--days", "60").stdout
    assert "8 x 60 / 30 = 16.00 -> 16" in shown
    assert "print 500 (monthly, lots of 500); 0 are in stock" in shown


# Charts --------------------------------------------------------------------------


@pytest.fixture
def drawn(scrm, shop):
    scrm("create", "acme", "MAY", "--source", "shop", "--name", "五月 <b>&")
    scrm("batch", "acme", "MAY", "CARD-A", "--kind", "notice", "--printed", "9", "--unit-cost", "1", "--arm", "A")
    scrm("receive", "acme", "CARD-A", "9", "--key", "k", "--at", "2026-05-01")
    for n in range(4):
        shop.sell(f"A{n}", f"b{n}", f"2026-05-0{n + 2}T00:00", 1_000)
    shop.lead("13800138000", "2026-05-04T12:00", serial="MAY-A1")
    shop.sell("B1", "b1", "2026-05-08T00:00", 3_050)
    shop.deliver()


def test_the_chart_is_given_over_http_too(call, drawn):
    answer = call("GET", "/campaigns/MAY/chart?by=arm")
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
    assert "20.00 %" in answer.text
    assert "<b>" not in answer.text
    assert call("GET", "/campaigns/MAY/chart?by=colour").json["field"] == "by"


@pytest.mark.parametrize("view", ["day", "arm", "batch", "channel"])
def test_the_chart_says_what_the_report_says(scrm, drawn, tmp_path, view):
    out = tmp_path / "chart.svg"
    done = scrm("chart", "acme", "MAY", "--by", view, "--out", str(out))
    assert done.exit_code == 0, done.output
    texts = [element.text for element in ET.parse(out).getroot().iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "MAY  五月 <b>&"
    # Five cards shipped, one new person, 30.50 afterwards: 20 % and 6.10 a card.
    assert "20.00 %" in texts
    assert "6.10" in texts
    assert not any("610" in text for text in texts)
    assert any("引流召回率" in text for text in texts)
    assert any("单卡贡献率" in text for text in texts)


@one_database
def test_names_below_many_bars_stand_apart_inside_the_picture_and_differ(scrm, shop, tmp_path):
    scrm("create", "acme", "MAY", "--source", "shop", "--warehouse")
    rows = ["order_number,shipped_at,batch"]
    for n in range(24):
        code = f"CARD-SPRING-SUMMER-{n:02d}" if n % 2 else f"WINTER{n:02d}"
        scrm("batch", "acme", "MAY", code, "--kind", "notice", "--printed", "1", "--unit-cost", "1")
        scrm("receive", "acme", code, "1", "--key", f"in {code}", "--at", "2026-05-01")
        rows.append(f"N{n},2026-05-02,{code}")
    (tmp_path / "shipped.csv").write_text("\n".join(rows))
    assert '"created": 24' in scrm("ship", "acme", "MAY", str(tmp_path / "shipped.csv")).stdout
    assert scrm("chart", "acme", "MAY", "--by", "batch", "--out", str(tmp_path / "c.svg")).exit_code == 0
    found = ET.parse(tmp_path / "c.svg").getroot().iter("{http://www.w3.org/2000/svg}text")
    names = [text for text in found if text.text.startswith(("CARD", "WINTER"))]
    assert len(names) == 48 and len({name.text for name in names}) == 24
    lines = {}
    for name in names:
        half = len(name.text) * 8 / 2  # capitals of 12 pixels are about 8 wide
        lines.setdefault(name.get("y"), []).append((float(name.get("x")) - half, float(name.get("x")) + half))
    for line in lines.values():
        edges = [edge for span in sorted(line) for edge in span]
        assert edges == sorted(edges), "names lie on each other"
        assert edges[0] >= 0 and edges[-1] <= 960


def test_the_chart_as_png_is_a_picture_with_its_chinese_words(scrm, drawn, tmp_path):
    from PIL import Image

    out = tmp_path / "chart.png"
    assert scrm("chart", "acme", "MAY", "--out", str(out)).exit_code == 0
    with Image.open(out) as picture:
        assert (picture.format, picture.size) == ("PNG", (1_920, 1_280))
        assert len(picture.getcolors(1 << 20)) > 50
    assert out.read_bytes().startswith(b"\x89PNG")


def test_a_campaign_without_cards_has_a_chart_that_says_so(scrm, shop, tmp_path):
    scrm("create", "acme", "MAY", "--source", "shop")
    for view in ("day", "arm"):
        assert scrm("chart", "acme", "MAY", "--by", view, "--out", str(tmp_path / "c.svg")).exit_code == 0
        assert "尚未发卡" in (tmp_path / "c.svg").read_text("utf-8")
    assert scrm("chart", "acme", "MAY", "--out", str(tmp_path / "c.gif")).exit_code != 0
    assert scrm("chart", "acme", "NOSUCH", "--out", str(tmp_path / "c.svg")).exit_code != 0
