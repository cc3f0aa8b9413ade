"""Red packets as rewards: fixed or shared, within the budget, taken back until they are paid."""

from __future__ import annotations

import peewee
import pytest

from scrm_core.clock import SystemClock
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, Veto

OPEN = """
from scrm_core.errors import Veto


def run(brand, worker):
    got = []
    for n in range(worker, 32, 4):
        contact = brand.contacts.find("buyer", f"p{n}", "shop").id
        try:
            reward = brand.group(lambda: brand.rewards.grant("red-packet", contact, grant_key=f"k{n}", item="rain"))
            got.append(reward.issued["amount_minor"])
        except Veto as exc:
            assert exc.code == "sold_out", exc
    return got
"""

SAME_PERSON = """
from scrm_core.errors import Veto


def run(brand, worker):
    contact = brand.contacts.find("buyer", "ann", "shop").id
    won = 0
    for n in range(5):
        try:
            brand.rewards.grant("red-packet", contact, grant_key=f"{worker}-{n}", item="rain")
            won += 1
        except Veto as exc:
            assert exc.code == "already_has_one", exc
    return won
"""

SPEND = """
from scrm_core.errors import Veto


def run(brand, worker):
    contact = brand.contacts.find("buyer", "ann", "shop").id
    won = 0
    for n in range(12):
        try:
            brand.rewards.grant("red-packet", contact, grant_key=f"{worker}-{n}", quantity=70)
            won += 1
        except Veto as exc:
            assert exc.code == "budget", exc
    return won
"""


def prepared(scene, code="rain", total=1_000, people=5, **more):
    with scene.brand:
        return scene.packets.packets.prepare(code, total, people, actor="lin", **more)


def refused(scene, contact, key, amount=1, item=""):
    """The code with which a grant is refused; nothing of it stays."""
    with pytest.raises(Veto) as exc:
        scene.give(contact, key, amount, item)
    with scene.brand:
        assert execute("SELECT count(*) FROM reward WHERE grant_key = ?", (key,)).fetchone() == (0,)
    assert scene.adds_up()
    return exc.value.code


def test_more_people_than_shares_get_exactly_the_shares_and_exactly_the_sum(scene, together, clock):
    clock.set(SystemClock().now())  # the processes' clock
    scene.fund(5_000)
    prepared(scene, total=4_321, people=12)
    for n in range(32):
        scene.person(f"p{n}")
    answers = together(scene.brand.installation, OPEN, 4)
    amounts = [amount for got in answers for amount in got]
    assert len(amounts) == 12 and sum(amounts) == 4_321
    with scene.brand:
        rows = execute("SELECT place, amount_minor FROM red_packet_payout ORDER BY place").fetchall()
        shares = execute("SELECT place, amount_minor FROM red_packet_share ORDER BY place").fetchall()
    assert rows == shares and sorted(amounts) == sorted(amount for _, amount in shares)
    assert scene.budget() == (4_321, 679) and scene.adds_up()


def test_one_person_in_four_processes_gets_one_share(scene, together, clock):
    clock.set(SystemClock().now())
    scene.fund(5_000)
    prepared(scene, people=5)
    scene.person("ann")
    assert sum(together(scene.brand.installation, SAME_PERSON, 4)) == 1
    with scene.brand:
        assert scene.packets.packets.get("rain").handed == 1
    assert scene.adds_up()


def test_four_processes_spend_one_budget_and_not_beyond(scene, together):
    scene.fund(1_000)
    scene.person("ann")
    assert sum(together(scene.brand.installation, SPEND, 4)) == 14  # 14 x 70 = 980
    assert scene.budget() == (980, 20) and scene.adds_up()


def test_a_fixed_packet_owes_its_amount_once_and_stays_in_its_brand(scenes):
    scene, other = scenes()
    ann = scene.person("ann")
    other.person("ann")
    scene.fund(1_000)
    other.fund(1_000)
    issued = scene.give(ann, "prize", 300)
    assert issued["amount_minor"] == 300
    assert scene.give(ann, "prize", 300) == issued
    payout = scene.payout("prize")
    assert (payout.number, payout.state, payout.reason, payout.contact_id) == (issued["payout"], "due", "no_gateway", ann)
    assert payout.number.isalnum() and len(payout.number) <= 32
    assert scene.budget() == (300, 700) and other.budget() == (0, 1_000)
    with other.brand:
        assert other.packets.payouts.page() == []
    assert scene.adds_up() and other.adds_up()


def test_what_is_out_of_bounds_or_over_the_budget_is_a_veto_that_leaves_nothing(scenes):
    scene, _ = scenes("\n[plugins.red-packet]\n")
    ann = scene.person("ann")
    assert refused(scene, ann, "poor", 100) == "budget"
    scene.fund(30_000)
    assert refused(scene, ann, "small", 29) == "amount"
    assert refused(scene, ann, "large", 20_001) == "amount"
    assert refused(scene, ann, "nosuch", 1, "nosuch") == "no_packet"
    scene.give(ann, "least", 30)
    scene.give(ann, "most", 20_000)
    assert refused(scene, ann, "over", 9_971) == "budget"
    scene.give(ann, "rest", 9_970)
    assert scene.budget() == (30_000, 0)
    with scene.brand, pytest.raises(peewee.IntegrityError):
        execute("UPDATE red_packet_budget SET used_minor = used_minor + 1")


def test_shares_are_handed_out_by_place_and_the_rest_returns_when_the_packet_expires(scene, clock):
    scene.fund(1_000)
    prepared(scene, total=1_000, people=3)
    ann, ben, cat = (scene.person(name) for name in ("ann", "ben", "cat"))
    with scene.brand:
        shares = [row[0] for row in execute("SELECT amount_minor FROM red_packet_share ORDER BY place").fetchall()]
        scene.brand.rewards.check("red-packet", "rain")
    assert sum(shares) == 1_000
    got = [scene.give(person, name, item="rain")["amount_minor"] for person, name in ((ann, "a"), (ben, "b"))]
    assert got == shares[:2]
    assert refused(scene, ann, "again", item="rain") == "already_has_one"
    assert refused(scene, cat, "two", 2, "rain") == "amount"
    assert scene.budget() == (1_000, 0)
    clock.advance(hours=24, ms=-1)
    scene.pay()
    assert scene.budget() == (1_000, 0)
    clock.advance(ms=1)
    # Before the job has run it is over already.
    assert refused(scene, cat, "late", item="rain") == "expired"
    scene.pay()
    scene.pay()
    with scene.brand:
        packet = scene.packets.packets.get("rain")
        with pytest.raises(Invalid) as unknown:
            scene.brand.rewards.check("red-packet", "rain")
    assert unknown.value.field == "item"
    assert (packet.state, packet.handed, packet.returned_minor) == ("closed", 2, shares[2])
    assert scene.budget() == (sum(got), 1_000 - sum(got)) and scene.adds_up()


def test_a_packet_is_sold_out_then_closed_by_hand(scene):
    scene.fund(100)
    prepared(scene, total=100, people=1)
    ann, ben = scene.person("ann"), scene.person("ben")
    assert scene.give(ann, "a", item="rain")["amount_minor"] == 100
    assert refused(scene, ben, "b", item="rain") == "sold_out"
    assert refused(scene, ann, "c", item="rain") == "already_has_one"
    with scene.brand:
        for _ in range(2):
            assert scene.packets.packets.close("rain", actor="lin").returned_minor == 0
    assert scene.adds_up()


def test_a_packet_is_prepared_once_per_code_and_within_the_budget(scene):
    scene.fund(1_000)
    first = prepared(scene)
    assert prepared(scene) == first
    for other in ({"total": 999}, {"people": 4}, {"title": "x"}):
        with pytest.raises(Conflict) as used:
            prepared(scene, **other)
        assert used.value.code == "code_used"
    with pytest.raises(Conflict) as over:
        prepared(scene, code="more")
    assert over.value.code == "budget"
    with scene.brand:
        assert [packet.code for packet in scene.packets.packets.page()] == ["rain"]
    assert scene.budget() == (1_000, 0) and scene.adds_up()


def test_an_unpaid_packet_is_taken_back_and_a_paid_one_is_a_veto(scene):
    scene.fund(1_000)
    ann = scene.person("ann")
    scene.give(ann, "one", 300)
    scene.give(ann, "two", 200)
    with scene.brand:
        for _ in range(2):
            scene.brand.rewards.reverse("one", reason="mistake", actor="boss")
    assert scene.payout("one").state == "canceled"
    assert scene.budget() == (200, 800)
    with scene.brand:
        scene.packets.files.export(actor="lin")
        with pytest.raises(Veto) as going:
            scene.brand.rewards.reverse("two", reason="mistake", actor="boss")
        assert going.value.code == "being_paid"
        scene.packets.files.confirm_rows([{"number": scene.payout("two").number, "result": "paid"}], actor="lin")
        with pytest.raises(Veto) as paid:
            scene.brand.rewards.reverse("two", reason="mistake", actor="boss")
        assert paid.value.code == "paid"
        assert execute("SELECT count(*) FROM reward WHERE reverses_id IS NOT NULL").fetchone() == (1,)
    assert scene.budget() == (200, 800) and scene.adds_up()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_budget_is_funded_once_per_key_and_gives_back_only_what_is_not_used(scene):
    scene.fund(500)
    scene.fund(500)
    ann = scene.person("ann")
    scene.give(ann, "prize", 300)
    with scene.brand:
        with pytest.raises(Conflict) as used:
            scene.packets.budget.fund(600, key="start", reason="campaign", actor="finance")
        assert used.value.code == "key_used"
        with pytest.raises(Conflict) as over:
            scene.packets.budget.fund(-201, key="back", reason="over", actor="finance")
        assert over.value.code == "budget"
        scene.packets.budget.fund(-200, key="back", reason="over", actor="finance")
        entries = [(entry.kind, entry.amount_minor, entry.actor) for entry in scene.packets.budget.entries()]
        assert entries == [("fund", 500, "finance"), ("take", -300, ""), ("fund", -200, "finance")]
        for wrong in (0, 1.5, True, 10**13):
            with pytest.raises(Invalid):
                scene.packets.budget.fund(wrong, key="x", reason="r", actor="finance")
    assert scene.budget() == (300, 0) and scene.adds_up()


def test_merged_people_keep_both_shares_and_erased_ones_leave_the_ledger_without_a_name(scene):
    scene.fund(2_000)
    prepared(scene, total=900, people=3)
    ann, twin = scene.person("ann"), scene.person("twin")
    one, two = (scene.give(who, key, item="rain")["amount_minor"] for who, key in ((ann, "a"), (twin, "t")))
    scene.give(ann, "fixed", 250)
    with scene.brand:
        scene.brand.contacts.merge(ann, twin, actor="boss", reason="one person")
    assert refused(scene, twin, "third", item="rain") == "already_has_one"
    with scene.brand:
        told = scene.brand.privacy.export(ann)["plugins"]["red-packet"]["data"]["payouts"]
        assert sorted(row["amount_minor"] for row in told) == sorted([one, two, 250])
        code = scene.packets.files.export(actor="lin").code
        scene.packets.files.confirm_rows([{"number": scene.payout("a").number, "result": "paid"}], actor="lin")
    scene.give(ann, "late", 100)
    with scene.brand:
        scene.brand.privacy.erase(ann, actor="boss")
        assert execute("SELECT count(*) FROM red_packet_payee").fetchone() == (0,)
        names = [row[:5] for row in scene.packets.files.rows(code)][1:]
    assert len(names) == 3 and all(row[1:] == ["", "", "", ""] for row in names)
    assert [scene.payout(key).state for key in ("a", "t", "fixed", "late")] == ["paid", "sending", "sending", "canceled"]
    assert scene.adds_up()


def test_who_is_erased_while_the_plugin_is_off_is_owed_nothing_afterwards(scene):
    scene.fund(500)
    ann = scene.person("ann")
    scene.give(ann, "prize", 300)
    installation = scene.brand.installation
    file = installation.config.root / "brands" / "acme.toml"
    on = file.read_text("utf-8")
    file.write_text(on.replace("[plugins.red-packet]", "[plugins.red-packet]\nenabled = false"), encoding="utf-8")
    with installation.brand("acme") as quiet:
        assert "red-packet" not in quiet.plugins
        quiet.privacy.erase(ann, actor="boss")
    file.write_text(on + "\n", encoding="utf-8")
    scene.brand = installation.brand("acme")
    scene.pay()
    assert (scene.payout("prize").state, scene.payout("prize").reason) == ("canceled", "erased")
    assert scene.budget() == (0, 500) and scene.adds_up()
