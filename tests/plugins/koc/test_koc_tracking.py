"""Whom an order is put down to: code before link before word, once, never one's own, never two schemes."""

from __future__ import annotations

import pytest
from koc_scene import ON

from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_coupon_threshold import CouponThreshold
from scrm_coupon_threshold.service import coupons_of

SECOND = """
[[plugins.koc.programmes]]
code = "serum"
category = "skin"
situation = 2
rate_bp = 1000

[[plugins.koc.programmes]]
code = "snack"
category = "food"
situation = 3
"""
BOTH = """
from scrm_koc.service import Koc


def run(brand, worker):
    koc = Koc(brand, brand.plugins["koc"].settings)
    for n in range(10):
        if worker % 2:
            koc.tracking.yield_to("other:paid", {"source": "shop", "number": str(n)})
        else:
            koc.tracking.use("ANN", "shop", str(n))
"""
ENROL = """
from scrm_core.errors import Conflict
from scrm_koc.service import Koc


def run(brand, worker):
    koc = Koc(brand, brand.plugins["koc"].settings)
    contact = brand.contacts.find("buyer", "ann", "shop").id
    try:
        return koc.members.enrol(contact, "https://shop.example/x", actor=f"w{worker}").code
    except Conflict as exc:
        return exc.code
"""


def test_a_code_beats_a_link_and_a_link_beats_what_the_buyer_says(scenes):
    scene, other = scenes()
    for name in ("ann", "bea", "cat"):
        scene.enrol(name, name.upper())
    buyer = scene.person("dan")
    scene.visit("BEA", "v1", buyer)
    scene.use("CAT", "1", "told")
    scene.use("ANN", "2", "code")  # before its order
    for number in "123":
        scene.order(number, "dan", 10_000)
    scene.order("4", "eve", 10_000)
    scene.deliver()
    assert scene.led("1") == ("BEA", "link", "open")
    assert scene.led("2") == ("ANN", "code", "open")
    assert scene.led("3") == ("BEA", "link", "open")
    assert scene.led("4") is None
    assert scene.use("CAT", "4", "told").member == "CAT"
    assert scene.use("ANN", "3", "code").member == "ANN"  # better evidence later
    assert scene.use("CAT", "3", "code").member == "ANN"  # the first code stands
    assert scene.use("CAT", "3", "told").via == "code"
    with pytest.raises(NotFound):
        scene.use("NOBODY", "3")
    with other.brand, pytest.raises(NotFound):
        other.koc.tracking.use("ANN", "shop", "3")


def test_a_code_told_for_an_order_from_before_its_koc_or_its_window_pays_nothing(scenes):
    scene, other = scenes("\n[plugins.koc]\nrefund_days = 0\nrate_c_bp = 1000\n")
    scene.now("2026-03-01T10:00")
    for here in (scene, other):
        here.enrol("ann", "ANN")
    told = []
    for number, paid, via in (
        ("1", "2026-03-01T09:59", "code"),  # a minute before she was a KOC
        ("2", "2026-03-01T10:00", "code"),
        ("3", "2026-03-01T10:00", "told"),
        ("4", "2026-02-01T10:00", "told"),
    ):
        scene.order(number, f"b{number}", 1_000, paid)
        found = scene.use("ANN", number, via)
        told.append((found.via, found.state, found.reason))
    assert told == [
        ("code", "void", "before_enrolment"), ("code", "open", ""), ("told", "open", ""),
        ("told", "void", "before_enrolment"),
    ]  # fmt: skip
    scene.use("ANN", "7")  # told now for an order that comes after the window
    scene.now("2026-04-30T10:00")  # 60 days of 24 hours later
    for number, paid in (("5", "2026-03-01T10:00"), ("6", "2026-03-01T10:01")):
        scene.order(number, f"b{number}", 1_000, paid)
    scene.now("2026-04-30T10:01")
    assert (scene.use("ANN", "5").reason, scene.use("ANN", "6").reason) == ("outside_window", "")
    scene.order("7", "b7", 1_000)
    other.order("1", "b1", 1_000, "2026-03-02T10:00")
    assert other.use("ANN", "1").state == "open"
    for here in (scene, other):
        here.deliver()
    with scene.brand:
        assert scene.koc.tracking.named("shop", "7").reason == "outside_window"
    assert scene.settle() == [("ANN", 0, 300, 300, 0)]  # orders 2, 3 and 6
    with scene.brand:
        assert scene.koc.report().rows[0]["first_orders"] == 3
    answer = scene.api()("POST", "/uses", {"code": "ANN", "source": "shop", "number": "1"}, "koc:track").json["order"]
    assert (answer["state"], answer["reason"]) == ("void", "before_enrolment")
    assert "before_enrolment" in scene.run("use", "acme", "ANN", "shop", "1").stdout


def test_a_ground_that_holds_takes_the_place_of_one_that_does_not(scene):
    scene.now("2026-01-01T10:00")
    scene.enrol("bea", "BEA")
    scene.visit("BEA", "v1", at="2026-01-02T09:00")
    scene.order("1", "dan", 1_000, "2026-01-03T09:00")
    scene.now("2026-01-04T10:00")
    scene.enrol("ann", "ANN")
    assert scene.use("ANN", "1").reason == "before_enrolment"
    with scene.brand:
        assert scene.koc.upkeep().found == 0
    buyer = scene.person("dan")
    with scene.brand:
        scene.brand.links.attribute("v1", buyer, scene.at("2026-01-03T12:00"))
        assert [scene.koc.upkeep().found for _ in range(2)] == [1, 0]
    assert scene.led("1") == ("BEA", "link", "open")
    assert scene.use("ANN", "1").member == "BEA"


def test_a_link_counts_within_the_window_the_last_one_before_the_payment(scene):
    scene.enrol("ann", "ANN")
    scene.enrol("bea", "BEA")
    buyer = scene.person("dan", "2025-12-01T00:00")
    scene.visit("ANN", "v1", buyer, at="2026-01-01T09:00")
    scene.visit("BEA", "v2", buyer, at="2026-01-02T09:00")
    scene.now("2026-03-05T12:00")
    scene.order("1", "dan", 100, "2026-01-02T08:59")
    scene.order("2", "dan", 100, "2026-01-02T09:00")
    scene.order("3", "dan", 100, "2026-03-03T09:00")  # 60 days after the second visit
    scene.order("4", "dan", 100, "2026-03-03T09:01")
    scene.order("5", "dan", 100, "2025-12-31T09:00")
    scene.deliver()
    assert [scene.led(number) for number in "12345"] == [
        ("ANN", "link", "open"), ("BEA", "link", "open"), ("BEA", "link", "open"), None, None,
    ]  # fmt: skip


def test_who_came_as_a_friend_through_a_kocs_code_counts_as_having_used_the_link(scene):
    member = scene.enrol("ann", "ANN")
    scene.person("dan", state=member.link)
    scene.order("1", "dan", 100)
    scene.deliver()
    assert scene.led("1") == ("ANN", "link", "open")


def test_a_buyer_who_becomes_known_later_still_counts(scene):
    scene.enrol("ann", "ANN")
    scene.visit("ANN", "v1", at="2026-01-01T09:00")
    scene.order("1", "dan", 100, "2026-01-01T10:00")
    scene.deliver()
    assert scene.led("1") is None
    buyer = scene.person("dan")
    with scene.brand:
        scene.brand.links.attribute("v1", buyer, scene.at("2026-01-01T12:00"))
        assert [scene.koc.upkeep().found for _ in range(2)] == [1, 0]
    assert scene.led("1") == ("ANN", "link", "open")


def test_a_checkout_tells_when_the_link_was_opened(scene):
    scene.enrol("bea", "BEA")
    with scene.brand:
        ann = scene.koc.members.enrol(scene.person("ann"), "https://shop.example/?k={code}", code="ANN", actor="lin")
        assert scene.brand.links.get(ann.link).target == f"https://shop.example/?k={ann.link}"
    call = scene.api()
    for number, opened, code in (
        ("1", "2026-01-01T08:00:00+08:00", ann.link),
        ("2", "2025-10-01T08:00:00+08:00", "ANN"),  # before the window
        ("3", "2026-01-01T08:00:00+08:00", "NOBODY"),
    ):
        body = {"code": code, "source": "shop", "number": number, "via": "link", "opened_at": opened}
        assert call("POST", "/uses", body, "koc:track").status_code == (404 if code == "NOBODY" else 201)
    assert (
        call("POST", "/uses", {"code": "ANN", "source": "shop", "number": "9", "via": "link"}).json["field"]
        == "opened_at"
    )
    told = scene.run("use", "acme", "BEA", "shop", "4", "--opened-at", "2026-01-01 08:00:00")
    assert told.exit_code == 0, told.output
    for number in "124":
        scene.order(number, "", 1_000)  # a buyer whom nobody knows
    scene.deliver()
    assert [scene.led(number) for number in "124"] == [("ANN", "link", "open"), None, ("BEA", "link", "open")]
    assert scene.use("BEA", "1").via == "code"


def test_orders_of_nobody_hold_up_none_that_become_known_after_them(scene, monkeypatch):
    from scrm_koc import tracking

    monkeypatch.setattr(tracking, "BATCH", 3)
    scene.enrol("ann", "ANN")
    old = scene.person("old", "2025-01-01T00:00")
    scene.visit("ANN", "v0", old, at="2025-10-20T09:00")  # its window of 60 days is over, the visit is still looked at
    scene.now("2026-01-10T09:00")
    for n in range(4):
        scene.order(f"x{n}", "old", 100, "2026-01-05T10:00")
    scene.visit("ANN", "v1", at="2026-01-06T09:00")
    scene.order("1", "dan", 100, "2026-01-06T10:00")
    scene.deliver()
    dan = scene.person("dan")
    with scene.brand:
        scene.brand.links.attribute("v1", dan, scene.brand.now())
        assert scene.koc.upkeep().found == 1
    assert scene.led("1") == ("ANN", "link", "open")
    assert scene.led("x0") is None


def test_a_window_is_days_of_24_hours_also_over_a_change_of_the_clocks(scenes):
    _, york = scenes()  # New York: clocks go forward on 2026-03-08 and the day has 23 hours
    york.enrol("ann", "ANN")
    buyer = york.person("dan", "2026-01-01T00:00")
    york.visit("ANN", "v1", buyer, at="2026-02-01T09:00")
    york.now("2026-05-01T12:00")
    # 60 x 24 hours after 9:00 EST is 10:00 EDT.
    york.order("1", "dan", 100, "2026-04-02T10:00:00")
    york.order("2", "dan", 100, "2026-04-02T10:00:01")
    york.deliver()
    assert york.led("1") == ("ANN", "link", "open")
    assert york.led("2") is None


def test_an_order_that_another_scheme_names_while_it_is_put_down_to_a_koc_is_not_earned(scenes, together):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\n")
    scene.enrol("ann", "ANN")
    for n in range(10):
        scene.order(str(n), f"b{n}", 1_000)
    scene.deliver()
    together(scene.brand.installation, BOTH, 4)
    scene.settle()
    assert sum(amount for _, amount in scene.entries("ANN")) == 0
    assert scene.settle() == [] or scene.adds_up()
    assert {scene.led(str(n)) for n in range(10)} <= {("ANN", "code", "void"), ("ANN", "code", "earned")}
    assert scene.adds_up()


def test_a_code_whose_goods_are_told_later_still_counts(scenes):
    scene, _ = scenes("\n[plugins.koc]\n" + SECOND)
    scene.enrol("ann", "ANN")
    scene.use("ANN", "1")
    scene.order("1", "dan", 900, lines=(("SER", 900),))
    scene.deliver()
    assert scene.led("1") is None
    scene.goods("SER", 900, "skin")
    with scene.brand:
        assert [scene.koc.upkeep().found for _ in range(2)] == [1, 0]
    assert scene.led("1") == ("ANN", "code", "open")


def test_ones_own_orders_and_those_of_another_scheme_pay_nothing(scene):
    ann = scene.person("ann")
    scene.enrol("ann", "ANN")
    scene.use("ANN", "1")
    scene.order("1", "ann", 100)
    for number in "234":
        scene.use("ANN", number)
    tell(scene, {"source": "shop", "number": "2"})
    order = [scene.order(number, "dan", 100) for number in "234"]
    scene.deliver()
    assert scene.led("1") == ("ANN", "code", "void")
    assert scene.led("2") == ("ANN", "code", "void")
    assert scene.led("3") == ("ANN", "code", "open")
    tell(scene, {"order": order[1]})  # after it was put down to her
    scene.deliver()
    assert scene.led("3") == ("ANN", "code", "void")
    scene.clock.advance(days=20)
    assert scene.settle() == []
    scene.clock.advance(days=20)
    assert scene.settle() == [("ANN", 0, 5, 5, 0)]  # order 4 alone: 5 % of 100
    tell(scene, {"order": order[2]})  # after it was paid here: one order pays one scheme, and that is the other one
    scene.deliver()
    assert scene.entries("ANN") == [("earn", 5), ("clawback", -5)]
    assert scene.adds_up()
    assert ann


def test_a_koc_who_comes_through_her_own_link_earns_nothing(scenes):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\n")
    scene.enrol("ann", "ANN")
    ann = scene.person("ann")
    scene.visit("ANN", "v1", ann)
    scene.order("1", "ann", 1_000)
    scene.deliver()
    assert scene.led("1") == ("ANN", "link", "void")
    assert scene.settle() == [] and scene.entries("ANN") == []


def test_a_friend_whose_first_order_a_referral_pays_is_no_kocs(scene):
    friend, inviter = scene.person("dan"), scene.person("eve")
    scene.enrol("ann", "ANN")
    for number in "12":
        scene.use("ANN", number)
        scene.order(number, "dan", 100)
        scene.clock.advance(hours=1)
    scene.deliver()
    tell(scene, {"campaign": "spring", "friend": friend}, inviter)
    scene.deliver()
    assert [scene.led(number)[2] for number in "12"] == ["void", "open"]
    with scene.brand:
        scene.koc.scores.run()
        told = {part.part: part.value for part in scene.koc.scores.explain(inviter)}
    assert told["referrals"] == 1


def tell(scene, fields, contact=None):
    from scrm_core import eventlog
    from scrm_core.db.base import compact_json

    with scene.brand, scene.brand.transaction():
        data = compact_json({"plugin": "referral", "name": "qualified", "fields": fields})
        now = scene.brand.now()
        eventlog.append_encoded([("plugin.event", contact, now, 0, data)], recorded_at=now)


def test_a_coupon_of_a_kocs_own_batch_is_their_code(scene):
    from scrm_core import eventlog
    from scrm_core.db.base import compact_json

    scene.enrol("ann", "ANN", coupon_batch="ANN10")
    scene.order("1", "dan", 100)
    with scene.brand, scene.brand.transaction():
        fields = {"batch": "ANN10", "source": "shop", "order": "1", "coupon": "x"}
        data = compact_json({"plugin": "coupon-threshold", "name": "redeemed", "fields": fields})
        eventlog.append_encoded([("plugin.event", None, scene.brand.now(), 0, data)], recorded_at=scene.brand.now())
    scene.deliver()
    assert scene.led("1") == ("ANN", "code", "open")


def test_the_goods_decide_programme_base_and_rate(scenes):
    scene, _ = scenes('\n[plugins.koc]\nexcluded_skus = ["POST"]\n' + SECOND)
    for sku, category in (("SER", "skin/serum"), ("NUT", "food/nut"), ("POST", ""), ("CAP", "hat")):
        scene.goods(sku, 100, category)
    scene.enrol("ann", "ANN")
    for number, lines, paid in (
        ("1", (("SER", 8_000), ("NUT", 2_000), ("POST", 600)), 10_600),
        ("2", (("NUT", 2_000), ("CAP", 700)), 2_700),
        ("3", (("CAP", 700),), 700),
        ("4", (("SER", 0), ("NUT", 0)), 900),  # no money per line: all that was paid
    ):
        scene.use("ANN", number)
        scene.order(number, f"b{number}", paid, lines=lines)
    scene.deliver()
    with scene.brand:
        found = [scene.koc.tracking.orders("o.number = ?", n) for n in "1234"]
    assert [(f[0].programme, f[0].situation, f[0].base_minor, f[0].rate_bp) if f else None for f in found] == [
        ("serum", 2, 8_000, 1_000), ("snack", 3, 2_000, 500), None, ("serum", 2, 900, 1_000),
    ]  # fmt: skip


def test_four_processes_that_enrol_one_person_make_one_koc(scene, together):
    scene.person("ann")
    answers = together(scene.brand.installation, ENROL, 4)
    with scene.brand:
        (member,) = scene.koc.members.page()
    assert {answer for answer in answers if answer != "enrolled"} == {member.code}


def test_a_kocs_batch_is_one_that_the_brand_has_and_that_is_not_closed(scenes):
    scene, _ = scenes(f"{ON}[plugins.coupon-threshold]\n", CouponThreshold)

    def batch(code, **more):
        rule, validity = {"kind": "threshold", "min_minor": 100, "off_minor": 10}, {"kind": "natural", "days": 30}
        made = {"code": code, "title": "满减", "rule": rule, "validity": validity, **more}
        coupons_of(scene.brand).batches.create(made)

    with scene.brand:
        batch("ANN10")  # a draft: it is opened when it is handed out
        batch("OLD")
        coupons_of(scene.brand).batches.open("OLD")
        coupons_of(scene.brand).batches.close("OLD")
        assert scene.brand.rewards.item("coupon", "ANN10").title == "满减"
        assert scene.brand.rewards.item("coupon", "NONE") is None
    for wrong, said in (("NONE", "no coupon batch is called that"), ("OLD", "the batch is closed")):
        with pytest.raises(Invalid, match=said) as refused:
            scene.enrol("ann", "ANN", coupon_batch=wrong)
        assert refused.value.field == "coupon_batch"
    assert scene.enrol("ann", "ANN", coupon_batch="ANN10").coupon_batch == "ANN10"
    scene.enrol("bea", "BEA")
    with scene.brand:
        with pytest.raises(Invalid, match="no coupon batch"):
            scene.koc.members.change("BEA", actor="lin", coupon_batch="NONE")
        batch("BEA10")
        assert scene.koc.members.change("BEA", actor="lin", coupon_batch="BEA10").coupon_batch == "BEA10"
        # A KOC whose batch was closed since goes on; what is not changed is not looked up.
        coupons_of(scene.brand).batches.open("BEA10")
        coupons_of(scene.brand).batches.close("BEA10")
        same = scene.koc.members.change("BEA", actor="lin", coupon_batch="BEA10", followers=5)
        assert (same.coupon_batch, same.followers) == ("BEA10", 5)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_codes_are_checked_and_nobodys_twice(scene):
    scene.enrol("ann", "ann-1", coupon_batch="B1")
    assert scene.enrol("ann", "", coupon_batch="B1").code == "ANN-1"  # the same again
    assert scene.enrol("ann", "").coupon_batch == "B1"  # what is not said stays as it is
    with pytest.raises(Conflict, match="coupon_batch"):
        scene.enrol("ann", "ANN-1", coupon_batch="B2")
    with pytest.raises(Conflict, match="another code"):
        scene.enrol("ann", "OTHER", coupon_batch="B1")
    with pytest.raises(Conflict):
        scene.enrol("bea", "ANN-1")
    with pytest.raises(Conflict):
        scene.enrol("bea", "BEA", coupon_batch="B1")
    with pytest.raises(Invalid):
        scene.enrol("bea", "B A")
    with pytest.raises(Invalid):
        contact = scene.person("bea")
        with scene.brand:
            scene.koc.members.enrol(contact, "javascript:x", actor="lin")
    drawn = scene.enrol("bea", "")
    assert len(drawn.code) == 8
    with scene.brand:
        scene.koc.members.change("ANN-1", actor="lin", state="left")
        scene.brand.privacy.erase(scene.brand.contacts.find("buyer", "ann", "shop").id, actor="boss")
        with pytest.raises(Conflict) as refused:
            scene.koc.members.change("ANN-1", actor="lin", state="active")  # nobody is behind it
        assert refused.value.code == "erased"
    scene.use("ANN-1", "1")
    scene.order("1", "dan", 100)
    scene.deliver()
    assert scene.led("1") is None  # who has left is paid for nothing new
