"""Routes, commands, and what is exported and erased, through the doors that people use."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from steps_campaign import one_database

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.installation import Installation
from scrm_core.web import create_app
from scrm_package_card import PackageCard

CARD = "\n[plugins.package-card]\n"
HERE = "/api/v1/acme/plugins/package-card"


@pytest.fixture
def installed(new_installation):
    """Acme has the plugin; moonco has it switched off."""
    return new_installation(plugins=(PackageCard,), acme=CARD, moonco=CARD + "enabled = false\n")


@pytest.fixture
def shop(installed, shop_of):
    return shop_of(installed.brand("acme"))


@pytest.fixture
def call(installed):
    """A function that calls the API with a key of acme: ``call(method, path, body, scopes)``."""
    client = create_app(installed).test_client()

    def call(method, path, body=None, scopes=("*",), brand="acme"):
        home = installed.brand(brand)
        with home:
            key = home.keys.create("test", scopes)[1]
        return client.open(path, method=method, json=body, headers={"Authorization": f"Bearer {key}"})

    return call


@pytest.fixture
def scrm(installed):
    """A function that runs ``scrm ...`` in the project and returns the result."""

    def run(*arguments):
        session = Session(installed.config.root, clock=installed.clock)
        try:
            return CliRunner().invoke(root, list(arguments), obj=session)
        finally:
            session.close()

    return run


def test_a_campaign_lives_over_http_from_creation_to_its_report(call, shop):
    campaign = {"code": "MAY", "source": "shop", "ship_until": "2026-05-31"}
    made = call("POST", f"{HERE}/campaigns", campaign)
    assert made.status_code == 201
    assert made.json["ship_until"] == "2026-05-31"
    assert call("POST", f"{HERE}/campaigns", campaign).status_code == 201
    wanted = {"channel": "douyin", "target": "https://example.com/", "variant": "A"}
    link = call("POST", f"{HERE}/campaigns/MAY/links", wanted)
    assert link.status_code == 201
    shipments = [{"serial": "X-1", "order_number": "A1", "shipped_at": "2026-05-02T09:00"}]
    first = call("POST", f"{HERE}/campaigns/MAY/shipments", {"shipments": shipments})
    again = call("POST", f"{HERE}/campaigns/MAY/shipments", {"shipments": shipments})
    assert (first.json, again.json) == (
        {"created": 1, "unchanged": 0, "rejected": []},
        {"created": 0, "unchanged": 1, "rejected": []},
    )
    scan = call("GET", link.json["path"])
    assert scan.status_code in (301, 302, 303, 307)
    assert scan.headers["Location"] == "https://example.com/"
    shop.lead("13800138000", "2026-05-04T12:00", serial="X-1")
    shop.deliver()
    (row,) = call("GET", f"{HERE}/report").json["rows"]
    assert (row["campaign"], row["shipped"], row["new"], row["recall"]) == ("MAY", 1, 1, 1.0)
    assert [c["code"] for c in call("GET", f"{HERE}/campaigns").json["campaigns"]] == ["MAY"]


SHIPPED = {"serial": "s", "order_number": "n"}


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/campaigns", {"code": "MAY"}, 422, "source"),
        ("/campaigns", {"code": "MAY", "source": "s", "colour": 1}, 422, "colour"),
        ("/campaigns", {"code": "with space", "source": "s"}, 422, "code"),
        ("/campaigns", {"code": "MAY", "source": "s", "recall_days": 1.5}, 422, "recall_days"),
        ("/campaigns", {"code": "MAY", "source": "s", "ship_from": "2026-02-30"}, 422, "ship_from"),
        ("/campaigns", {"code": "MAY", "source": "s\u0000"}, 400, None),
        ("/campaigns", [], 422, None),
        ("/campaigns/NOSUCH/links", {"channel": "c", "target": "https://example.com/"}, 404, None),
        ("/campaigns/NOSUCH/shipments", {"shipments": [{**SHIPPED, "shipped_at": "2026-05-01"}]}, 404, None),
        ("/campaigns/MAY/shipments", {"shipments": [{**SHIPPED, "shipped_at": "yesterday"}]}, 422, "shipped_at"),
        ("/campaigns/MAY/shipments", {"shipments": []}, 422, "shipments"),
        ("/campaigns/MAY/links", {"channel": "c", "target": "javascript:alert(1)"}, 422, "target"),
    ],
)
def test_bad_input_is_refused_with_the_part_at_fault(call, path, body, status, field):
    if "MAY/" in path:
        call("POST", f"{HERE}/campaigns", {"code": "MAY", "source": "s"})
    answer = call("POST", HERE + path, body)
    assert answer.status_code == status, answer.text
    if field is not None:
        assert answer.json["field"] == field
    known = ["MAY"] if "MAY/" in path else []
    assert [(row["campaign"], row["shipped"]) for row in call("GET", f"{HERE}/report").json["rows"]] == [
        (code, 0) for code in known
    ]


def test_reading_and_writing_are_two_permissions(call):
    reader = ("package-card:read",)
    assert call("GET", f"{HERE}/report", scopes=reader).status_code == 200
    assert call("POST", f"{HERE}/campaigns", {"code": "MAY", "source": "s"}, scopes=reader).status_code == 403
    assert call("GET", f"{HERE}/report", scopes=("leads:write",)).status_code == 403


def test_a_brand_that_switched_it_off_has_no_such_route_table_or_command(call, scrm, installed):
    answer = call("GET", "/api/v1/moonco/plugins/package-card/report", brand="moonco")
    assert answer.status_code == 404
    refused = scrm("package-card", "list", "moonco")
    assert refused.exit_code == 3
    assert "switched off" in refused.output
    from scrm_core.db.bulk import execute

    brand = installed.brand("moonco")
    with brand, pytest.raises(Exception, match="package_card_campaign"):
        execute("SELECT 1 FROM package_card_campaign")


def test_a_warehouse_file_is_recorded_once_and_its_bad_rows_are_named(scrm, shop, tmp_path):
    assert scrm("package-card", "create", "acme", "MAY", "--source", "shop", "--warehouse").exit_code == 0
    assert scrm("package-card", "create", "acme", "MAY", "--source", "shop", "--warehouse").exit_code == 0
    file = tmp_path / "shipped.csv"
    file.write_text(
        "serial,order_number,shipped_at\nX-1,A1,2026-05-02 09:00\nX-2,A2,31.5.2026\n"
        "X-1,A3,2026-05-02\nX-4,A4,2026-05-03\n",
        encoding="utf-8",
    )
    first = scrm("package-card", "ship", "acme", "MAY", str(file))
    assert first.exit_code == 4
    assert json.loads(first.stdout) == {"read": 4, "created": 2, "unchanged": 0, "rejected": 2}
    assert "line 3: shipped_at" in first.stderr
    assert "line 4: serial 'X-1' is already the card of another order" in first.stderr
    again = scrm("package-card", "ship", "acme", "MAY", str(file))
    assert json.loads(again.stdout) == {"read": 4, "created": 0, "unchanged": 2, "rejected": 2}
    assert shop.report("package-card")[0]["shipped"] == 2


@one_database
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"serial,order_number\nX,A\n", "lacks the column shipped_at"),
        (b"PK\x03\x04rest of an xlsx", "xlsx"),
        (b"", "empty"),
    ],
)
def test_a_file_that_is_none_is_refused_whole(scrm, tmp_path, content, words):
    scrm("package-card", "create", "acme", "MAY", "--source", "shop")
    file = tmp_path / "shipped.csv"
    file.write_bytes(content)
    answer = scrm("package-card", "ship", "acme", "MAY", str(file))
    assert answer.exit_code != 0
    assert words in answer.output


def test_the_report_is_printed_for_people_and_programs(scrm):
    scrm("package-card", "create", "acme", "MAY", "--source", "shop")
    link = scrm("package-card", "link", "acme", "MAY", "douyin", "https://example.com/", "--variant", "A", "--json")
    assert json.loads(link.stdout)["path"].startswith("/l/")
    text = scrm("report", "acme", "package-card")
    assert text.exit_code == 0, text.output
    assert "引流召回率" in text.stdout
    answer = scrm("report", "acme", "package-card", "--json")
    assert '"recall": null' in answer.stdout
    listed = json.loads(scrm("package-card", "list", "acme", "--json").stdout)
    assert [(c["code"], c["recall_days"], c["contribution_days"]) for c in listed] == [("MAY", 30, 90)]


def test_what_the_cards_know_of_a_person_is_exported_and_erased(shop):
    with shop.brand:
        shop.brand.plugins["package-card"].cards.create_campaign("MAY", source="shop")
    shop.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.lead("13800138000", "2026-05-04T12:00", serial="MAY-A1")
    shop.deliver()
    with shop.brand:
        contact = shop.brand.contacts.find("phone", "+8613800138000").id
        exported = json.dumps(shop.brand.privacy.export(contact), ensure_ascii=False)
        assert "MAY-A1" in exported
        shop.brand.privacy.erase(contact, actor="anna")
        assert shop.brand.plugins["package-card"].cards.leads("MAY") == []
    assert shop.report("package-card")[0]["shipped"] == 1
    shop.deliver()
    stranger = shop.lead("13900139000", "2026-05-05T12:00", serial="MAY-A1")
    shop.deliver()
    assert shop.tags(stranger.uid, "package-card") == []


DRAIN = """
from scrm_core.delivery import Delivery

def run(brand, worker):
    return Delivery(brand, batch=7).drain().errors
"""


def test_a_worker_killed_at_random_moments_changes_no_figure(shop, installed, forked):
    with shop.brand:
        shop.brand.plugins["package-card"].cards.create_campaign("MAY", source="shop")
    for n in range(60):
        shop.sell(f"A{n}", f"b{n}", "2026-05-01T00:00", 1_000)
        shop.lead(f"138001380{n:02d}", "2026-05-04T12:00", serial=f"MAY-A{n}")
        shop.sell(f"B{n}", f"b{n}", "2026-05-10T00:00", 10)
    killed = 0
    for attempt in range(40):
        child = forked(installed, DRAIN)
        child.go()
        # A quarter longer each time: as many kills on a busy machine, and not the square of its slowness.
        if child.answers_within(0.02 * 1.25**attempt):
            assert child.answer() == []
            break
        child.end()
        killed += 1
    else:
        pytest.fail("no worker came to the end")
    assert killed > 0
    (row,) = shop.report("package-card")
    assert (row["shipped"], row["new"], row["orders"], row["contribution_minor"]) == (120, 60, 60, 600)
    assert row["recall"] == 0.5
    with shop.brand:
        merges = [shop.brand.contacts.merges(shop.brand.contacts.find("buyer", f"b{n}", "shop").id) for n in range(60)]
    assert {len(found) for found in merges} == {1}


def test_the_installed_plugin_is_found_by_its_entry_point(installed):
    assert Installation.open(installed.config.root).loader.load("package-card") is PackageCard
