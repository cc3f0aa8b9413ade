"""Points follow their person: merged, parted, exported, erased; and the doors show the same."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_core.facts import MetricsQuery
from scrm_core.web import create_app


def test_a_merge_joins_balances_and_nets_debts_and_undoing_it_parts_them(scene):
    ann, twin = scene.person("ann"), scene.person("twin")
    scene.give(ann, 100, "anns")
    scene.give(twin, 50, "twins")
    with scene.brand:
        scene.book.hold(twin, 50, key="twins cart")
        scene.brand.rewards.reverse("twins", reason="mistake", actor="boss")
    assert (scene.has(ann), scene.has(twin)) == ((100, 0), (0, 50))
    with scene.brand:
        merge = scene.brand.contacts.merge(ann, twin, actor="boss", reason="one person")
        # Before the event of the merge arrives, a write settles it.
        scene.book.hold(ann, 10, key="early")
        assert scene.book.balance(ann).balance == 40
    scene.deliver()
    assert scene.has(ann) == (40, 0)
    assert scene.adds_up()
    with scene.brand:
        scene.brand.contacts.undo_merge(merge, actor="boss")
    scene.deliver()
    assert (scene.has(ann), scene.has(twin)) == ((90, 0), (0, 50))
    assert scene.adds_up()


def test_what_was_spent_of_the_others_points_is_a_debt_once_a_merge_is_undone(scene):
    ann, twin = scene.person("ann"), scene.person("twin")
    scene.give(ann, 10, "anns")
    scene.give(twin, 100, "twins")
    with scene.brand:
        merge = scene.brand.contacts.merge(ann, twin, actor="boss", reason="one person")
    scene.deliver()
    with scene.brand:
        scene.book.hold(ann, 60, key="cart")
        scene.brand.contacts.undo_merge(merge, actor="boss")
    scene.deliver()
    assert (scene.has(ann), scene.has(twin)) == ((0, 50), (100, 0))
    assert scene.adds_up()
    with scene.brand:
        scene.book.release("cart")
    assert (scene.has(ann), scene.has(twin)) == ((10, 0), (100, 0))
    assert scene.adds_up()


def test_the_points_of_somebody_who_is_merged_into_a_newcomer_move_with_them(scene):
    twin, ann = scene.person("twin"), scene.person("ann")
    scene.give(twin, 70, "twins")
    with scene.brand:
        scene.brand.contacts.merge(ann, twin, actor="boss", reason="one person")
        scene.book.hold(twin, 20, key="by the old name")
    scene.deliver()
    scene.give(twin, 70, "twins")  # a replay by the old name
    assert scene.has(ann) == (50, 0)
    assert scene.adds_up()


def test_an_account_that_moved_whole_to_a_newcomer_is_parted_again_by_its_entries(scene):
    twin, ann = scene.person("twin"), scene.person("ann")
    scene.give(twin, 70, "twins")
    with scene.brand:
        merge = scene.brand.contacts.merge(ann, twin, actor="boss", reason="one person")
    scene.give(ann, 20, "anns")
    with scene.brand:
        scene.book.hold(ann, 10, key="cart")
        scene.brand.contacts.undo_merge(merge, actor="boss")
    scene.deliver()
    assert (scene.has(ann), scene.has(twin)) == ((10, 0), (70, 0))
    assert scene.adds_up()


def test_an_export_shows_the_ledger_and_an_erasure_keeps_sums_without_the_person(scenes):
    scene, other = scenes()
    ann = scene.person("ann")
    scene.order("A1", "ann", 10_000)
    scene.deliver()
    with scene.brand:
        scene.book.adjust(ann, 5, key="sorry", reason="Ann from Hangzhou complained", actor="lin")
        scene.book.hold(ann, 30, key="cart")
        told = scene.brand.privacy.export(ann)["plugins"]["points"]
        assert [row["amount"] for row in told["points_entry.contact_id"]] == [100, 5, -30]
        assert told["points_account.contact_id"][0]["balance"] == 75
        scene.brand.privacy.erase(ann, actor="boss")
        rows = execute("SELECT contact_id, kind, amount, reason FROM points_entry ORDER BY id").fetchall()
        assert rows == [
            (None, "earn", 100, ""),
            (None, "adjust", 5, ""),
            (None, "spend", -30, ""),
            (None, "erase", -75, ""),
        ]
        for table in ("points_account", "points_lot", "points_hold"):
            assert execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        assert scene.book.end_holds() == 0
    scene.refund("A1", "R1", 10_000)  # finds nobody to take points from
    scene.deliver()
    assert scene.adds_up() and other.adds_up()


def test_a_person_is_erased_while_points_are_switched_off(scene):
    ann, twin, ben = scene.person("ann"), scene.person("twin"), scene.person("ben")
    scene.order("A1", "ann", 10_000)
    scene.give(twin, 50, "twins")
    scene.give(ben, 7, "bens")
    scene.deliver()
    with scene.brand:
        merge = scene.brand.contacts.merge(ann, twin, actor="boss", reason="one person")
        scene.brand.rewards.reverse("twins", reason="mistake", actor="boss")  # ann's entry reverses twin's
        scene.brand.contacts.undo_merge(merge, actor="boss")
    installation = scene.brand.installation
    file = installation.config.root / "brands" / "acme.toml"
    on = file.read_text("utf-8")
    file.write_text(on.replace("[plugins.points]", "[plugins.points]\nenabled = false"), encoding="utf-8")
    with installation.brand("acme") as quiet:
        assert "points" not in quiet.plugins
        for contact in (ann, twin):
            quiet.privacy.erase(contact, actor="boss")
        assert execute("SELECT DISTINCT contact_id FROM points_entry").fetchall() == [(ben,)]
    file.write_text(on + "\n", encoding="utf-8")
    with installation.brand("acme") as back:
        back.plugins["points"].settle()
        assert back.plugins["points"].book.differences() == []


def test_a_reward_of_somebody_erased_can_still_be_reversed(scene):
    ann = scene.person("ann")
    scene.give(ann, 10, "prize")
    with scene.brand:
        scene.brand.privacy.erase(ann, actor="boss")
        scene.brand.rewards.reverse("prize", reason="mistake", actor="boss")
    assert scene.adds_up()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_points_name_a_segment_and_are_told_by_metrics_and_the_report(scene):
    ann, ben = scene.person("ann"), scene.person("ben")
    scene.give(ann, 100, "one")
    scene.give(ben, 40, "two")
    with scene.brand:
        scene.book.hold(ann, 30, key="cart")
        assert scene.brand.segments.page("points.balance >= 50") == [ann]
        today = scene.brand.day(scene.brand.now())
        told = scene.brand.plugins["points"].collect_metrics(MetricsQuery(today, today))
        assert {(m.metric, m.dimension, m.value) for m in told} == {("came", "grant", 140), ("went", "spend", 30)}
        rows = {row["kind"]: row["points"] for row in scene.brand.reports.run("points").rows}
        assert (rows["Rewards 奖励"], rows["Spent 使用"], rows["Balance 余额"]) == (140, -30, 110)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_over_http_points_are_held_once_captured_and_shown(scene):
    ann = scene.person("ann")
    scene.give(ann, 100, "one")
    client = create_app(scene.brand.installation).test_client()
    with scene.brand:
        uid = scene.brand.contacts.get_by_id(ann).uid
        keys = {scope: scene.brand.keys.create(scope, (scope,))[1] for scope in ("points:read", "points:spend", "*")}

    def call(method, path, body=None, scope="*"):
        headers = {"Authorization": f"Bearer {keys[scope]}"}
        return client.open(f"/api/v1/acme/plugins/points{path}", method=method, json=body, headers=headers)

    wanted = {"contact": uid, "points": 60, "key": "cart-1"}
    assert call("POST", "/holds", wanted, "points:read").status_code == 403
    for _ in range(2):
        made = call("POST", "/holds", wanted, "points:spend")
        assert (made.status_code, made.json["state"]) == (201, "held")
    assert call("POST", "/holds", {**wanted, "key": "cart-2"}).json["code"] == "not_enough_points"
    assert call("POST", "/holds", {**wanted, "balance": 5}).json["field"] == "balance"
    assert call("POST", "/holds", {**wanted, "points": 1.5}).status_code == 422
    assert call("GET", "/holds/cart-1").json["points"] == 60
    assert call("GET", "/holds/nothing").status_code == 404
    captured = call("POST", "/holds/cart-1/capture", {"source": "shop", "number": "A1"})
    assert (captured.status_code, captured.json["state"]) == (200, "spent")
    assert call("POST", "/holds/cart-1/release").json["code"] == "hold_spent"
    adjusted = call("POST", "/adjustments", {"contact": uid, "points": -5, "key": "a", "reason": "r"})
    assert (adjusted.status_code, adjusted.json["actor"].startswith("key:")) == (201, True)
    assert call("GET", f"/accounts/{uid}").json == {"balance": 35, "debt": 0, "lapsing": 0, "lapses_at": None}
    page = call("GET", f"/accounts/{uid}/entries?limit=2").json
    assert [entry["points"] for entry in page["entries"]] == [100, -60]
    rest = call("GET", f"/accounts/{uid}/entries?after={page['next']}").json
    assert ([entry["points"] for entry in rest["entries"]], rest["next"]) == ([-5], None)
    assert call("GET", "/check").json == {"differences": []}
    assert call("GET", f"/accounts/{uid}/entries?limit=x").status_code == 422
    assert call("GET", "/report").json["rows"][-2]["points"] == 35


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_on_the_command_line_points_are_adjusted_shown_and_checked(scene, shop_of):
    ann = scene.person("ann")
    with scene.brand:
        uid = scene.brand.contacts.get_by_id(ann).uid

    def run(*arguments):
        session = Session(scene.brand.installation.config.root, clock=scene.brand.clock)
        try:
            return CliRunner().invoke(root, ["points", *arguments], obj=session)
        finally:
            session.close()

    given = ("--key", "k", "--reason", "late parcel", "--as", "lin")
    assert json.loads(run("adjust", "acme", uid, "50", *given, "--json").stdout)["points"] == 50
    taken = run("adjust", "acme", uid, "--key", "k2", "--reason", "r", "--as", "lin", "--", "-20")
    assert taken.exit_code == 0, taken.output
    assert json.loads(run("balance", "acme", uid, "--json").stdout)["balance"] == 30
    assert [e["points"] for e in json.loads(run("entries", "acme", uid, "--json").stdout)] == [50, -20]
    assert run("check", "acme").exit_code == 0
    with scene.brand:
        execute("UPDATE points_account SET balance = 31")
    off = run("check", "acme")
    assert (off.exit_code, uid in off.stdout) == (1, True)
    assert run("report", "acme", "--json").exit_code == 0
    missing = run("balance", "nosuch", uid)
    bea = shop_of(scene.brand).lead("13800138009", "2026-05-01T10:00").uid
    assert run("adjust", "acme", "phone=138 0013 8009", "7", "--key", "k3", *given[2:]).exit_code == 0
    assert json.loads(run("balance", "acme", bea, "--json").stdout)["balance"] == 7
    assert [e["points"] for e in json.loads(run("entries", "acme", "phone=13800138009", "--json").stdout)] == [7]
    assert "no contact has the phone +86 138****8008" in run("balance", "acme", "phone=13800138008").output
    assert "buyer, openid and member are of a source" in run("balance", "acme", "buyer=1").output
    assert missing.exit_code != 0
