"""Swaps over HTTP and on the command line: permissions, the same deal on both, nothing of another brand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_core.web import create_app

BASE = "/plugins/cross-brand-swap"


class Caller:
    """Calls of one key."""

    def __init__(self, client: Any, brand: Any, *scopes: str) -> None:
        with brand:
            key = brand.keys.create("test", scopes or ("*",))[1]
        self._client, self._root = client, f"/api/v1/{brand.id}{BASE}"
        self._headers = {"Authorization": f"Bearer {key}"}

    def get(self, path: str, code: int = 200) -> Any:
        answer = self._client.get(self._root + path, headers=self._headers)
        assert answer.status_code == code, answer.get_data(as_text=True)
        return answer.get_json()

    def post(self, path: str, body: Any, code: int = 200) -> Any:
        answer = self._client.post(self._root + path, json=body, headers=self._headers)
        assert answer.status_code == code, answer.get_data(as_text=True)
        return answer.get_json()


@pytest.fixture
def client(swap):
    return create_app(swap.a.brand.installation).test_client()


def scrm(swap, *arguments: str, code: int = 0) -> str:
    session = Session(swap.a.brand.installation.config.root, swap.clock)
    try:
        done = CliRunner().invoke(root, ["cross-brand-swap", *arguments], obj=session, prog_name="scrm")
    finally:
        session.close()
    assert done.exit_code == code, done.output
    return done.stdout


def test_a_deal_over_http_from_profile_to_showing(swap, client):
    acme, moonco = Caller(client, swap.a.brand), Caller(client, swap.b.brand)
    swap.a.grow(1_200)
    swap.b.grow(2_000)
    assert acme.get("/fit/moonco", 404)["code"] == "not_found"
    acme.post("/profile", {"partner": "moonco"})
    told = moonco.post("/profile", {"partner": "acme"})
    assert told == {"role": "channel", "categories": ["baby/maternity-centre"], "size": 2_000, "repeat_days": 700}
    swap.settle_down()
    assert acme.get("/fit/moonco?kind=channel")["fits"] is True
    offer = {"partner": "moonco", "terms": swap.terms(), "target": "https://acme.example/welcome"}
    assert acme.post("/deals", {**offer, "dry_run": True})["fits"] is True
    assert acme.get("/deals") == {"deals": []}
    assert acme.post("/deals", offer, 201)["state"] == "open"
    assert acme.post("/deals", offer, 409)["code"] == "deal_exists"
    assert acme.post("/deals", {**offer, "dry_run": True}, 409)["code"] == "deal_exists"
    swap.settle_down()
    assert moonco.post("/deals/spring/answer", {"answer": "counter"}, 422)["field"] == "terms"
    moonco.post("/deals/spring/answer", {"answer": "accept", "target": "https://moon.example/welcome"})
    assert acme.get("/deals/spring/show", 409)["code"] == "deal_not_running"
    swap.settle_down()
    shown = acme.get("/deals/spring/show")["url"]
    assert client.get(shown.partition("8000")[2]).headers["Location"] == "https://moon.example/welcome"
    moonco.post("/deals/spring/link", {"words": "Moon Co: 首次到店礼"})
    swap.settle_down()
    assert acme.get("/deals/spring/show") == {"url": shown, "words": "Moon Co: 首次到店礼"}
    assert acme.post("/deals/spring/shown", {"quantity": 500, "key": "day 1"}) == {"shown": 500}
    swap.b.lead("p1", state=shown.rpartition("/")[2])
    swap.settle_down()
    swap.upkeep()
    view = acme.get("/deals/spring")
    assert (view["state"], view["given"], view["received"], view["shown"]) == ("agreed", 1, 0, 500)
    assert acme.get("/deals/spring/statement")["balance"] == {"unit": "add", "owes": "b", "owed": 1, "exposures": None}
    assert acme.get("/report")["rows"][0]["balance"] == 1
    assert [step["act"] for step in acme.get("/deals/spring/steps")["steps"]][-2:] == ["accept", "offer"]
    assert acme.get("/refused") == {"steps": []}
    assert acme.post("/overlaps", {"partner": "moonco"}, 409)["code"] == "overlap_refused"
    with swap.b.brand:
        uid = swap.b.brand.contacts.find("buyer", "p1", "shop").uid
    assert acme.post("/deals/spring/lost", {"contact": uid}, 404)["code"] == "not_found"
    assert moonco.post("/deals/spring/lost", {"contact": uid})["received"] == 0


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/profile", {"partner": "moonco"}),
        ("/deals", {}),
        ("/deals/spring/answer", {}),
        ("/deals/spring/link", {}),
        ("/deals/spring/shown", {}),
        ("/deals/spring/lost", {}),
        ("/overlaps", {}),
    ],
)
def test_a_key_that_may_only_read_changes_nothing(swap, client, path, body):
    reader = Caller(client, swap.a.brand, "cross-brand-swap:read")
    assert reader.post(path, body, 403)["code"] == "forbidden"
    assert Caller(client, swap.a.brand, "reports:read").get("/deals", 403)["code"] == "forbidden"


def test_the_same_on_the_command_line(swap, tmp_path):
    swap.a.grow(1_200)
    swap.b.grow(2_000)
    scrm(swap, "profile", "acme", "moonco", "--as", "anna")
    scrm(swap, "profile", "moonco", "acme", "--as", "mike")
    swap.settle_down()
    assert json.loads(scrm(swap, "fit", "acme", "moonco", "--json"))["fits"] is True
    terms = tmp_path / "terms.json"
    terms.write_text(json.dumps(swap.terms()))
    offer = ("offer", "acme", "moonco", str(terms), "--target", "https://acme.example/", "--as", "anna")
    assert json.loads(scrm(swap, *offer, "--dry-run", "--json"))["against"] == []
    scrm(swap, *offer)
    scrm(swap, *offer, "--dry-run", code=1)
    swap.settle_down()
    terms.write_text(json.dumps(swap.terms(quota=60)))
    moon = ("--target", "https://moon.example/", "--as", "mike")
    scrm(swap, "counter", "moonco", "spring", str(terms), *moon)
    swap.settle_down()
    scrm(swap, "accept", "acme", "spring", "--as", "anna")
    swap.settle_down()
    (deal,) = json.loads(scrm(swap, "deals", "acme", "--json"))
    assert (deal["deal"], deal["state"], deal["version"]) == ("spring", "agreed", 2)
    assert "/l/" in scrm(swap, "show", "acme", "spring")
    assert scrm(swap, "link", "acme", "spring", "--as", "anna") == "told\n"
    assert scrm(swap, "shown", "acme", "spring", "500", "--key", "day 1", "--as", "anna") == "500 exposures in all\n"
    swap.b.lead("p1", state=swap.b.deal().link)
    swap.settle_down()
    with swap.b.brand:
        uid = swap.b.brand.contacts.find("buyer", "p1", "shop").uid
    scrm(swap, "lost", "moonco", "spring", uid, "--as", "mike")
    swap.upkeep()
    assert json.loads(scrm(swap, "statement", "acme", "spring"))["lines"]["a_to_b"]["shown"] == 500
    assert "accept" in scrm(swap, "steps", "acme", "--deal", "spring")
    assert json.loads(scrm(swap, "overlaps", "acme", "--json")) == []
    scrm(swap, "overlap", "acme", "moonco", "--as", "anna", code=1)
    with swap.b.brand:
        (row,) = swap.b.brand.reports.run("cross-brand-swap").rows
    assert (row["deal"], row["quota"], row["received"]) == ("spring", 60, 0)


def test_what_partners_brought_is_drawn_per_day(swap):
    swap.agree()
    swap.b.lead("p1", state=swap.b.deal().link)
    swap.settle_down()
    day = swap.b.brand.day(swap.clock.now())
    with swap.b.brand:
        swap.b.brand.metrics.roll_up(day - 1, day)
        found = execute("SELECT metric, day, dimension, value FROM metric_day").fetchall()
    assert [tuple(row) for row in found] == [("arrivals", day, "acme", 1)]
