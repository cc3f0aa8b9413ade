"""People who turn out to be one, who are exported, who are erased: nobody is paid twice, sums stay right."""

from __future__ import annotations

import pytest

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Gone

SOON = "\n[plugins.koc]\nrefund_days = 0\nrate_c_bp = 1000\n"
FIRST = SOON + '\n[[plugins.koc.programmes]]\ncode = "all"\nsituation = 2\n'


def merge(scene, winner, loser):
    with scene.brand:
        made = scene.brand.contacts.merge(winner, loser, actor="boss", reason="one person")
    scene.deliver()
    return made


def undo(scene, made):
    with scene.brand:
        scene.brand.contacts.undo_merge(made, actor="boss")
    scene.deliver()


def sell(scene, number, buyer, code, paid=1_000):
    scene.use(code, number)
    scene.order(number, buyer, paid)
    scene.deliver()


def test_two_kocs_who_are_one_person_get_one_statement_and_both_codes_live_on(scenes):
    scene, other = scenes(SOON)
    ann, twin = scene.person("ann"), scene.person("twin")
    scene.enrol("ann", "ANN")
    scene.enrol("twin", "TWIN")
    sell(scene, "1", "dan", "TWIN")
    assert scene.settle() == [("TWIN", 0, 100, 100, 0)]
    scene.refund("1", 1_000)
    assert scene.settle() == [("TWIN", 0, -100, 0, -100)]
    sell(scene, "2", "eve", "TWIN")
    made = merge(scene, ann, twin)
    sell(scene, "3", "fay", "TWIN")
    # 2 was TWIN's, 3 went to ANN at once; TWIN's debt of 100 is deducted.
    assert scene.settle() == [("ANN", -100, 200, 100, 0)]
    assert scene.led("3")[0] == "ANN"
    undo(scene, made)
    sell(scene, "4", "gil", "TWIN")
    assert scene.settle() == [("TWIN", 0, 100, 100, 0)]
    assert scene.adds_up() and other.settle() == []


def test_a_customer_who_turns_out_to_be_the_koc_is_clawed_back_and_given_back_when_the_merge_is_undone(scenes):
    scene, _ = scenes(SOON)
    ann, dan = scene.person("ann"), scene.person("dan")
    scene.enrol("ann", "ANN")
    sell(scene, "1", "dan", "ANN")
    sell(scene, "2", "eve", "ANN")
    scene.settle()
    made = merge(scene, ann, dan)
    assert scene.entries("ANN") == [("earn", 100), ("earn", 100), ("clawback", -100)]
    undo(scene, made)
    assert scene.entries("ANN")[3:] == [("earn", 100)]
    made = merge(scene, dan, ann)  # the other way round: the membership moves
    assert scene.entries("ANN")[4:] == [("clawback", -100)]
    assert scene.adds_up() and made


def test_an_order_that_a_wrong_merge_made_an_own_one_earns_once_it_is_undone(scenes):
    scene, _ = scenes(SOON)
    ann, dan = scene.person("ann"), scene.person("dan")
    scene.enrol("ann", "ANN")
    sell(scene, "1", "dan", "ANN")
    made = merge(scene, ann, dan)
    assert scene.settle() == [] and scene.led("1") == ("ANN", "code", "void")
    undo(scene, made)
    assert scene.settle() == [("ANN", 0, 100, 100, 0)]
    assert scene.adds_up()


def test_one_person_who_was_two_kocs_is_paid_a_task_once(scenes):
    scene, _ = scenes(SOON)
    ann, twin = scene.person("ann"), scene.person("twin")
    scene.task(fee_minor=300)
    works = []
    for name in ("ann", "twin"):
        scene.enrol(name, name.upper())
        works.append(scene.invite(name.upper()))
        scene.move(works[-1], "accept")
        scene.submit(works[-1])
        scene.move(works[-1], "approve", "publish")
    merge(scene, ann, twin)
    assert scene.invite("TWIN") == works[0]
    assert scene.move(works[1], "verify") == "paid"
    with pytest.raises(Conflict) as refused:
        scene.move(works[0], "verify")
    assert refused.value.code == "paid_once"
    assert scene.entries("ANN") == [("fee", 300)]
    assert scene.settle() == [("ANN", 0, 300, 300, 0)]


def test_two_influenced_customers_who_are_one_have_one_first_order(scenes):
    scene, _ = scenes(FIRST)
    dan, eve = scene.person("dan"), scene.person("eve")
    scene.enrol("ann", "ANN")
    scene.enrol("bea", "BEA")
    sell(scene, "1", "dan", "ANN")
    scene.clock.advance(hours=1)
    sell(scene, "2", "eve", "BEA")
    assert scene.settle() == [("ANN", 0, 100, 100, 0), ("BEA", 0, 100, 100, 0)]
    merge(scene, eve, dan)
    assert scene.settle() == [("BEA", 0, -100, 0, -100)]
    assert scene.adds_up()


def test_an_export_tells_a_koc_everything_and_an_erasure_keeps_the_sums_alone(scenes):
    scene, other = scenes(SOON)
    ann = scene.person("ann")
    member = scene.enrol("ann", "ANN", followers=700)
    scene.task(fee_minor=300)
    uid = scene.invite("ANN")
    scene.move(uid, "accept")
    scene.submit(uid, "广告 Ann from Hangzhou liked it")
    scene.move(uid, "approve", "publish", "verify", reason="Ann was quick")
    sell(scene, "1", "dan", "ANN")
    scene.settle()
    with scene.brand:
        scene.koc.ledger.adjust("ANN", 5, key="sorry", reason="Ann from Hangzhou complained", actor="lin")
        scene.koc.scores.run()
        told = scene.brand.privacy.export(ann)["plugins"]["koc"]
        assert told["koc_submission.contact_id"][0]["text"] == "广告 Ann from Hangzhou liked it"
        assert told["koc_score.contact_id"] and told["koc_part.contact_id"]
        assert told["data"]["ANN"]["followers"] == 700
        assert told["data"]["ANN"]["work"] == [["try", "paid"]]
        assert [entry[1] for entry in told["data"]["ANN"]["entries"]] == [300, 100, 5]
        scene.brand.privacy.erase(ann, actor="boss")
        for table in ("koc_person", "koc_score", "koc_part", "koc_submission", "koc_penalty", "koc_signal"):
            assert execute(f"SELECT count(*) FROM {table} WHERE contact_id = ?", (ann,)).fetchone() == (0,), table
        assert execute("SELECT followers, state FROM koc_member").fetchall() == [(0, "left")]
        assert execute("SELECT DISTINCT reason FROM koc_entry UNION SELECT reason FROM koc_step").fetchall() == [("",)]
        with pytest.raises(Gone):
            scene.brand.links.visit(member.link, at=scene.brand.now(), visitor="v", agent="x")
    scene.refund("1", 500)
    assert [amount for _, amount in scene.entries("ANN")] == [300, 100, 5, -50]
    scene.use("ANN", "2")
    scene.order("2", "eve", 1_000)
    scene.deliver()
    assert scene.led("2") is None
    scene.settle()
    assert scene.adds_up() and other.adds_up()


def test_three_kocs_who_are_one_person_are_paid_by_whoever_is_left_and_part_again(scenes):
    scene, _ = scenes(SOON)
    people = [scene.person(name) for name in ("ann", "bea", "cat")]
    for name in ("ann", "bea", "cat"):
        scene.enrol(name, name.upper())
    merge(scene, people[1], people[0])  # bea pays for ann
    second = merge(scene, people[2], people[1])  # cat pays for both
    for n, code in enumerate(("ANN", "BEA", "CAT")):
        sell(scene, str(n), f"b{n}", code)
    assert scene.settle() == [("CAT", 0, 300, 300, 0)]
    undo(scene, second)
    for n, code in enumerate(("ANN", "BEA", "CAT"), 3):
        sell(scene, str(n), f"b{n}", code)
    assert scene.settle() == [("BEA", 0, 200, 200, 0), ("CAT", 0, 100, 100, 0)]
    assert scene.adds_up()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_an_export_tells_every_entry_however_many_there_are(scenes):
    scene, _ = scenes(SOON)
    ann = scene.person("ann")
    scene.enrol("ann", "ANN")
    with scene.brand, scene.brand.transaction():
        for n in range(501):
            scene.koc.ledger.adjust("ANN", 1, key=str(n), reason="r", actor="lin")
    with scene.brand:
        told = scene.brand.privacy.export(ann)["plugins"]["koc"]["data"]["ANN"]["entries"]
    assert len(told) == 501
    import json

    assert len(json.loads(scene.run("entries", "acme", "ANN", "--json").stdout)) == 501


def test_an_erased_customer_leaves_the_commission_as_it_is(scenes):
    scene, _ = scenes(SOON)
    dan = scene.person("dan")
    scene.enrol("ann", "ANN")
    sell(scene, "1", "dan", "ANN")
    scene.settle()
    with scene.brand:
        scene.brand.privacy.erase(dan, actor="boss")
    scene.deliver()
    assert scene.settle() == [] and scene.entries("ANN") == [("earn", 100)]
    assert scene.adds_up()


def test_a_koc_is_erased_while_the_plugin_is_switched_off(scenes):
    scene, _ = scenes(SOON)
    ann = scene.person("ann")
    scene.enrol("ann", "ANN")
    sell(scene, "1", "dan", "ANN")
    scene.settle()
    installation = scene.brand.installation
    file = installation.config.root / "brands" / "acme.toml"
    on = file.read_text("utf-8")
    file.write_text(on.replace("[plugins.koc]", "[plugins.koc]\nenabled = false"), encoding="utf-8")
    with installation.brand("acme") as quiet:
        quiet.privacy.erase(ann, actor="boss")
    file.write_text(on + "\n", encoding="utf-8")
    with installation.brand("acme") as back:
        koc = back.plugins["koc"].koc
        assert koc.members.get("ANN").contact_id is None
        assert koc.ledger.differences() == []
