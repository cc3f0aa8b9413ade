"""Rewards in the console: filtered, paged, taken back with a reason, exported; two brands, roles, names, queries."""

from __future__ import annotations

import csv
import io
import re

import pytest
from console_scene import EVIL, ROOT

from scrm_core.api import execute
from scrm_core.db import current_handle
from scrm_core.services import audit


def shown(text):
    return re.findall(r'data-reward="(\w+)"', text)


def give(brand, person, key, *, reason="", **more):
    with brand:
        return brand.rewards.grant("stamp", person.id, grant_key=key, reason=reason, actor="tea-room", **more)


def acts(brand):
    with brand:
        return [(each.actor, each.action, each.target) for each in audit.page() if each.action.startswith("reward.")]


@pytest.fixture
def given(brands, people):
    """Three grants of acme, the second one taken back, and one of moonco."""
    acme, moonco = brands
    one = give(acme, people["ada"], "k1", item="oolong", quantity=2, cost_minor=1_250, reason=EVIL)
    two = give(acme, people["bo"], "k2")
    three = give(acme, people["cy"], "k3", item="=cmd()")
    with acme:
        back = acme.rewards.reverse(two.uid, reason="torn", actor="tea-room")
    return {"one": one, "two": two, "three": three, "back": back, "theirs": give(moonco, people["luna"], "k1")}


def test_rewards_are_filtered_by_kind_plugin_state_and_person_newest_first(browser, people, given):
    otto = browser("otto")
    order = [given[each].uid for each in ("back", "three", "two", "one")]
    text = otto.get("b/acme/rewards").text
    assert shown(text) == order
    assert "+2" in text and "¥12.50" in text and "Ada" in text and "oolong" in text and "<script>alert" not in text
    assert shown(otto.get("b/acme/rewards", kind="stamp", issuer="tea-room").text) == order
    assert shown(otto.get("b/acme/rewards", kind="coupon").text) == shown(otto.get("b/acme/rewards", issuer="points").text) == []
    for state, found in (("given", ["three", "one"]), ("reversed", ["two"]), ("reversal", ["back"])):
        assert shown(otto.get("b/acme/rewards", state=state).text) == [given[each].uid for each in found], state
    asked = otto.post("b/acme/rewards", person="138 0013 8001", state="reversed")
    assert asked.location == f"{ROOT}b/acme/rewards?state=reversed&contact={people['bo'].uid}", "no phone in an address"
    assert shown(otto.get(asked.location).text) == [given["two"].uid]
    assert shown(otto.get("b/acme/rewards", contact=people["ada"].uid).text) == [given["one"].uid]
    for odd, status in ((people["luna"].uid, 404), ("+8613800139999", 404)):
        assert otto.post("b/acme/rewards", person=odd).status_code == status
    assert otto.get("b/acme/rewards", contact=people["luna"].uid).status_code == 404
    assert otto.get("b/acme/rewards", state="odd").status_code == 422


def test_a_grant_is_taken_back_once_with_a_reason_and_the_second_operator_is_told(browser, brands, given):
    acme, moonco = brands
    otto, mia = browser("otto"), browser("mia")
    for visitor in (otto, mia):
        visitor.get("b/acme/rewards")
    path = f"b/acme/rewards/{given['one'].uid}/reverse"
    assert otto.post(path, reason=" ").status_code == 422
    done = otto.post(path, reason="wrong person", state="given")
    assert done.location == f"{ROOT}b/acme/rewards?done=reversed&state=given"
    with acme:
        back = acme.rewards.get(acme.rewards.get(given["one"].uid).reversed_by)
    assert (back.quantity, back.cost_minor, back.actor, back.reason) == (-2, -1_250, "user:otto", "wrong person")
    told = mia.post(path, reason="me too")
    assert told.status_code == 409 and "taken back already" in told.text and "user:otto wrong person" in told.text
    assert acts(acme) == [("user:otto", "reward.reverse", f"reward:{given['one'].uid}")] and acts(moonco) == []


def test_what_the_plugin_refuses_is_told_with_the_reason_that_was_typed_and_nothing_is_changed(browser, house, brands, given):
    otto = browser("otto")
    otto.get("b/acme/rewards")
    refused = otto.post(f"b/acme/rewards/{given['one'].uid}/reverse", reason="drunk")
    assert refused.status_code == 409 and "the tea was drunk" in refused.text and 'value="drunk"' in refused.text
    reversal = otto.post(f"b/acme/rewards/{given['back'].uid}/reverse", reason="x")
    assert reversal.status_code == 409
    file = house.brand_file("acme")
    file.write_text(file.read_text("utf-8").replace("[plugins.tea-room]", "[plugins.tea-room]\nenabled = false"), "utf-8")
    off = otto.post(f"b/acme/rewards/{given['one'].uid}/reverse", reason="x")
    assert off.status_code == 409 and "switched off" in off.text
    with house.brand("acme") as acme:
        assert acme.rewards.get(given["one"].uid).reversed_by is None
    assert acts(brands[0]) == []


def test_rewards_are_exported_of_the_filter_with_guarded_cells_and_the_export_is_noted(browser, brands, people, given):
    otto = browser("otto")
    otto.get("b/acme/rewards")
    answer = otto.post("b/acme/rewards.csv", state="given")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="rewards-acme.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [(row["uid"], row["item"], row["contact"], row["quantity"], row["cost"]) for row in rows] == [
        (given["three"].uid, "'=cmd()", people["cy"].uid, "1", "0.00"), (given["one"].uid, "oolong", people["ada"].uid, "2", "12.50"),
    ]  # fmt: skip
    assert "Ada" not in answer.text
    assert acts(brands[0]) == [("user:otto", "reward.export", "")]
    assert otto.get("b/acme/rewards.csv").status_code == 405


def test_pages_of_rewards_follow_one_another_and_ask_few_queries(browser, brands, people, given, asked):
    for nth in range(60):
        give(brands[0], people["ada"], f"n{nth}")
    otto, seen, address = browser("otto"), [], f"{ROOT}b/acme/rewards?state=given&kind=stamp"
    while address:
        asked.clear()
        text = otto.get(address).text
        assert 2 <= len(asked) <= 15
        seen += shown(text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        address = following[1].replace("&amp;", "&") if following else ""
    assert len(seen) == len(set(seen)) == 62
    with brands[0]:
        sqlite = current_handle().engine == "sqlite"
        sql = "SELECT id FROM reward r WHERE r.issuer = 'points' AND r.id < 9 ORDER BY r.id DESC LIMIT 51"
        plan = str(execute(("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + sql).fetchall())
        assert not sqlite or "reward_issuer" in plan


def test_who_may_only_look_takes_nothing_back_and_another_brands_rewards_are_not_there(browser, brands, given):
    cleo, ana, otto = browser("cleo"), browser("ana"), browser("otto")
    assert "/reverse" not in cleo.get("b/acme/rewards").text and shown(cleo.get("b/acme/rewards").text)
    assert cleo.post(f"b/acme/rewards/{given['one'].uid}/reverse", reason="x").status_code == 403
    ana.get("b/acme/")
    assert ana.get("b/acme/rewards").status_code == ana.post("b/acme/rewards.csv").status_code == 403
    otto.get("b/acme/rewards")
    assert otto.post(f"b/acme/rewards/{given['theirs'].uid}/reverse", reason="x").status_code == 404
    otto.csrf = "0" * 64
    assert otto.post(f"b/acme/rewards/{given['one'].uid}/reverse", reason="x").status_code == 403
    assert acts(brands[0]) == acts(brands[1]) == []
