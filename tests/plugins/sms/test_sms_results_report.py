"""The report: every figure worked by hand, drops that add up, texts and ways compared, days measured."""

from __future__ import annotations

from datetime import date

import pytest
from results_scene import Bench, Sms, Stage, configured

from scrm_core.api import SendResult, compare_arms
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_sms.plans.steps import Arm
from scrm_sms.results.report import minor
from scrm_sms.results.requests import RequestIn

BUYERS = "orders >= 1"
MAY = "2026-01-01T10:00"


@pytest.fixture
def stage(new_installation):
    """Acme, inside its brand, with the plugin's results."""
    more = configured().replace("[plugins.bench]", "price_milli = 4500\nmode_minimum = 3\narm_minimum = 2\n[plugins.bench]")
    brand = new_installation(plugins=(Sms, Bench), acme=more).brand("acme")
    with brand:
        yield Stage(brand)


def send(stage, **more):
    stage.upto("running", segment=BUYERS, at=MAY, **more)
    stage.brand.clock.advance(hours=3)
    stage.brand.outreach.drain()


def test_every_figure_of_a_plan_is_what_happened(stage):
    phones = stage.strangers(10)
    stage.orders("seen before", "+8613900000077", 100, days=-10)  # never agreed to messages
    send(stage)
    fate = {phones[7]: ("failed", "UNDELIV"), phones[8]: ("failed", "MK:0001")}
    for message in stage.gateway.of("marketing"):
        if message.address != phones[9]:
            state, code = fate.get(message.address, ("delivered", ""))
            stage.brand.outreach.receipt(message.uid, state, code=code)
    stage.brand.clock.advance(hours=1)
    stage.open(stage.link_of(phones[0]))
    stage.open(stage.link_of(phones[0]))
    stage.open(stage.link_of(phones[1]))
    stage.open(stage.link_of(phones[2]), agent="curl/8.0")
    stage.adds(phones[0], state=stage.link_of(phones[0]))
    stage.adds(phones[3])
    stage.orders("A1", phones[0], 3_000, days=2)
    stage.orders("A2", phones[0], 2_000, days=29)
    stage.orders("A3", phones[0], 9_999, days=31)
    stage.orders("A4", phones[3], 1_000, days=3)
    stage.orders("A5", phones[5], 7_777, days=3)  # ordered without adding: not the plan's doing
    stage.refund("A2", 500)
    stage.deliver()
    parts = sum(each.parts for each in stage.gateway.of("marketing"))
    row = stage.row()
    assert {name: row[name] for name in row if name not in ("plan", "parts", "cost_minor", "cost_per_add_minor")} == {
        "planned": 11,
        "kept_back": 1,
        "sent": 10,
        "delivered": 7,
        "failed": 2,
        "expired": 0,
        "unknown": 0,
        "no_receipt": 1,
        "opens": 3,
        "bots": 1,
        "clicked": 2,
        "pressed": 0,
        "added": 2,
        "new": 2,
        "recall": 0.2857,
        "buyers": 2,
        "orders": 3,
        "revenue_minor": 3_000 + 1_500 + 1_000,
    }
    # Ten messages of 4.5 fen a part each.
    assert (row["parts"], row["cost_minor"]) == (parts, parts * 45 // 10)
    assert row["cost_per_add_minor"] == parts * 4.5 / 2
    assert stage.results.figures("MAY").failed == {"MK:0001": 1, "UNDELIV": 1}
    stage.refund("A1", 3_000)
    stage.refund("A4", 1_000)
    assert (stage.row()["revenue_minor"], stage.row()["buyers"]) == (1_500, 1)


def test_a_plan_that_sent_nothing_has_unknown_rates_and_not_zero(stage):
    stage.strangers(2)
    stage.upto("approval", segment=BUYERS)
    stage.plans.create("EMPTY", actor="ann")
    for code, planned in (("MAY", 2), ("EMPTY", 0)):
        row = stage.row(code)
        assert (row["planned"], row["kept_back"], row["sent"], row["recall"]) == (planned, planned, 0, None)
        assert (row["cost_minor"], row["cost_per_add_minor"]) == (0, None)


def test_the_field_s_worked_cost():
    # 68,288 messages of 2 parts at 0.045 yuan: 6,145.92 yuan.
    assert minor(68_288 * 2 * 4_500) == 614_592


def test_drops_explain_the_difference_between_imported_and_delivered(stage):
    """100 rows: 12 duplicates, 3 landlines; of the 85 numbers some may not be written to, some fail."""
    numbers = [f"138000{place:05d}" for place in range(85)]
    rows = [*numbers, *numbers[:12], "02161234567", "02161234568", "02161234569"]
    packs = stage.plans.packing.packs
    packs.open("LIST", actor="ann")
    packs.add_rows("LIST", [{"phone": phone} for phone in rows])
    packs.seal("LIST", actor="ann", at_once=True)
    for phone in numbers[:40]:
        contact = stage.adds(f"+86{phone}")
        stage.brand.consent.record(contact, "marketing_sms", granted=True, source="test")
    for phone in numbers[:5]:
        stage.brand.outreach.opt_out("sms", f"+86{phone}", via="reply")
    stage.upto("audience")
    stage.plans.set_audience("MAY", pack="LIST", actor="ann")
    stage.upto("running", since="policy", at=MAY)
    stage.brand.clock.advance(hours=3)
    answers = {f"+86{numbers[6]}": SendResult.unknown("no answer"), f"+86{numbers[7]}": SendResult.refused("E1")}
    stage.gateway.answer = lambda message: answers.get(message.address, SendResult.accepted())
    stage.brand.outreach.drain()
    for number in numbers[10:30]:
        (message,) = [each for each in stage.gateway.of("marketing") if each.address == f"+86{number}"]
        stage.brand.outreach.receipt(message.uid, "delivered")
    lines = [(row["step"], row["reason"], row["count"]) for row in stage.results.flow("MAY").rows]
    count = {(step, reason): number for step, reason, number in lines}

    def total(step):
        return sum(number for name, reason, number in lines if name == step and reason)

    assert count["imported", ""] == len(rows) == 100
    assert count["planned", ""] == 85
    assert count["imported", ""] - total("dropped") == count["planned", ""]
    assert total("dropped") == 15
    assert count["planned", ""] - total("kept back") == count["sent", ""] == 35
    # Five said no; 45 numbers are nobody's, and nobody's consent can be shown.
    assert total("kept back") == 50
    assert count["failed", "E1"] == 1
    ends = sum(count[step, ""] for step in ("expired", "unknown", "no receipt", "delivered"))
    assert count["sent", ""] == ends + total("failed")
    assert (count["unknown", ""], count["delivered", ""], count["no receipt", ""]) == (1, 20, 13)


def test_segments_and_texts_have_figures_of_their_own(stage):
    phones = stage.strangers(6)
    for phone in phones[:2]:
        stage.tag(stage.brand.contacts.find("phone", phone).id, "vip")
    stage.brand.segments.save("the others", 'NOT tag = "vip"')
    send(stage, arms=[Arm("A", "官方链接 {link} 拒收请回复R"), Arm("B", "点这里 {link} 拒收请回复R")])
    stage.receipts()
    stage.open(stage.link_of(phones[0]))
    stage.adds(phones[0], state=stage.link_of(phones[0]))
    stage.orders("A1", phones[0], 500)
    stage.deliver()
    table = stage.results.plan_report("MAY", segments=['tag = "vip"', "the others"])
    found = [
        tuple(row[each] for each in ("segment", "planned", "delivered", "clicked", "added", "revenue_minor"))
        for row in table.rows
    ]
    assert found == [('tag = "vip"', 2, 2, 1, 1, 500), ("the others", 4, 4, 0, 0, 0)]
    arms = {row["arm"]: row for row in stage.results.plan_report("MAY", by="arm").rows}
    sent = {each.arm for each in stage.messages()}
    assert set(arms) == sent
    assert sum(row["delivered"] for row in arms.values()) == 6
    assert sum(row["revenue_minor"] for row in arms.values()) == 500
    with pytest.raises(Invalid):
        stage.results.plan_report("MAY", by="colour")
    with pytest.raises(Invalid):
        stage.results.plan_report("MAY", segments=["no such ("])
    with pytest.raises(NotFound):
        stage.results.plan_report("NONE")


def test_a_plan_to_friends_counts_what_its_recipients_buy_after_the_send(stage):
    phones = stage.strangers(4)
    stage.plans.create("MAY", actor="ann")
    stage.plans.set_goal("MAY", "repurchase", sender="recorder", actor="ann")
    stage.upto("running", since="audience", segment=BUYERS, at=MAY)
    stage.orders("before", phones[0], 700, days=0.01)
    stage.brand.clock.advance(hours=3)
    stage.brand.outreach.drain()
    for message in stage.gateway.of("marketing"):
        lost = message.address == phones[3]
        stage.brand.outreach.receipt(message.uid, "failed" if lost else "delivered")
    stage.orders("A1", phones[0], 3_000, days=2)
    stage.orders("A2", phones[0], 2_000, days=3)
    stage.orders("A3", phones[1], 1_000, days=29)
    stage.orders("late", phones[2], 5_000, days=31)
    stage.orders("never got it", phones[3], 5_000, days=2)
    stage.refund("A2", 500)
    row = stage.row()
    assert (row["added"], row["buyers"], row["orders"], row["revenue_minor"]) == (0, 2, 3, 5_500)
    cells = [line for _, page in stage.results.recipients("MAY", clear_for="ann") for line in page]
    assert {line[0]: (line[-2], line[-1]) for line in cells} == {
        phones[0]: ("2", "4500"), phones[1]: ("1", "1000"), phones[2]: ("0", "0"), phones[3]: ("0", "0"),
    }  # fmt: skip


# Texts compared --------------------------------------------------------------


def test_the_published_test_of_the_two_words_before_the_link():
    # 70 % against 79.84 %: with 1,000 clicks each, z 5.054 and 6.02 to 13.58 points.
    test = compare_arms([("plain", 1_000, 700), ("official", 1_000, 798)], 1_000)
    assert (test.verdict, test.winner) == ("winner", "official")
    line = test.arms[1]
    assert line.against_control.z == pytest.approx(5.054, abs=5e-4)
    assert line.against_control.difference == pytest.approx(0.098)
    assert (line.against_control.interval.low, line.against_control.interval.high) == (
        pytest.approx(0.0602, abs=5e-5),
        pytest.approx(0.1358, abs=5e-5),
    )
    assert line.p_adjusted < 0.00001


@pytest.mark.parametrize(
    ("counted", "minimum", "verdict", "winner"),
    [
        ([("A", 999, 700), ("B", 1_000, 798)], 1_000, "too few persons", None),
        ([("A", 200, 10), ("B", 200, 18)], 100, "no difference", None),
        ([("A", 2_000, 156), ("B", 2_000, 120)], 1_000, "winner", "A"),
        ([("A", 0, 0), ("B", 0, 0)], 1, "too few persons", None),
    ],
)
def test_no_winner_is_named_too_early_or_by_chance(counted, minimum, verdict, winner):
    test = compare_arms(counted, minimum)
    assert (test.verdict, test.winner) == (verdict, winner)


def test_a_ratio_that_was_not_planned_names_no_winner():
    counted = [("A", 50_400, 100), ("B", 49_200, 5_000)]
    assert compare_arms(counted, 1, mismatch=True).verdict == "sample ratio mismatch"


def test_texts_are_compared_by_what_their_own_recipients_did(stage):
    phones = stage.strangers(30)
    send(stage, arms=[Arm("A", "官方链接 {link} 拒收请回复R"), Arm("B", "点这里 {link} 拒收请回复R")])
    arm_of = {each.address: each.arm for each in stage.messages()}
    groups = {arm: [phone for phone in phones if arm_of[phone] == arm] for arm in "AB"}
    for arm, clicks in (("A", 4), ("B", 3)):
        for phone in groups[arm][:clicks]:
            stage.open(stage.link_of(phone))
            stage.adds(phone, state=stage.link_of(phone))
    stage.adds(groups["A"][5])  # added without having clicked
    stage.adds("+8613700000000", state=stage.link_of(groups["B"][0]))  # a forwarded link: the same message
    stage.deliver()
    for measure, base, hits in (
        ("clicked", len, (4, 3)),
        ("added", len, (5, 3)),
        ("converted", None, (4, 3)),
    ):
        rows = stage.results.arms_report("MAY", measure).rows
        assert tuple(row["hits"] for row in rows) == hits
        expected = [len(groups["A"]), len(groups["B"])] if base else [4, 3]
        assert [row["base"] for row in rows] == expected
        assert rows[0]["difference"] is None and rows[1]["p_value"] is not None
    with pytest.raises(Invalid, match="measure"):
        stage.results.arm_test("MAY", "luck")


def test_one_text_is_compared_with_nothing(stage):
    stage.strangers(1)
    stage.upto("test", segment=BUYERS)
    with pytest.raises(Conflict, match="no texts that compete"):
        stage.results.arms_report("MAY")


# Both ways of adding ---------------------------------------------------------


def test_asking_by_number_and_tapping_the_link_are_compared(stage):
    phones = stage.strangers(5)
    send(stage)
    stage.receipts()
    for phone in phones[:4]:
        stage.open(stage.link_of(phone))
    for phone in phones[:3]:
        stage.adds(phone, state=stage.link_of(phone))
    stage.deliver()
    now = stage.brand.now()
    asked = [RequestIn(f"1390000{place:04d}", now, "小雅") for place in range(10)]
    first = stage.results.requests.record("MAY", asked, actor="ann")
    assert (first.created, first.answered, first.unchanged) == (10, 0, 0)
    again = stage.results.requests.record("MAY", asked, actor="ann")
    assert (again.created, again.answered, again.unchanged) == (0, 0, 10)
    answers = [RequestIn("139-0000-0000", now, result="accepted"), RequestIn("13900000001", now, result="declined")]
    answered = stage.results.requests.record("MAY", answers, actor="ann")
    assert (answered.created, answered.answered) == (0, 2)
    (active, passive) = stage.brand.reports.run("sms-modes").rows
    assert (active["arm"], active["base"], active["hits"], active["share"]) == ("asked 主动", 10, 1, 0.1)
    assert (passive["arm"], passive["base"], passive["hits"], passive["share"]) == ("tapped 被动", 4, 3, 0.75)
    assert (active["low"], active["high"]) == (0.0179, 0.4042)  # Wilson's interval of 1 in 10
    assert passive["difference"] == 0.65 and 0 < passive["p_value"] < 0.05
    assert passive["verdict"] == "winner: tapped 被动"
    assert "1390000" not in str(execute("SELECT * FROM sms_request").fetchall())


def test_an_answer_is_final_and_bad_requests_are_named(stage):
    stage.plans.create("MAY", actor="ann")
    now = stage.brand.now()
    record = stage.results.requests.record
    record("MAY", [RequestIn("13900000000", now, result="accepted")], actor="ann")
    outcome = record(
        "MAY",
        [
            RequestIn("13900000000", now, result="declined"),
            RequestIn("not a number", now),
            RequestIn("13900000001", now + 1),
            RequestIn("13900000002", now, decided_at=now - 1, result="accepted"),
            RequestIn("13900000003", now, result="maybe"),
            RequestIn("13900000004", now),
        ],
        actor="ann",
    )
    assert outcome.created == 1
    assert [index for index, _ in outcome.rejected] == [0, 1, 2, 3, 4]
    assert "accepted already" in outcome.rejected[0][1]
    assert execute("SELECT count(*) FROM sms_request").fetchone() == (2,)


# Days ------------------------------------------------------------------------


def test_metrics_count_by_the_brands_day(stage):
    phones = stage.strangers(3)
    send(stage)  # 11:00 in Shanghai
    stage.receipts()
    stage.open(stage.link_of(phones[0]))
    stage.brand.clock.advance(hours=12, seconds=3_599)  # 23:59:59
    stage.open(stage.link_of(phones[1]))
    stage.brand.clock.advance(seconds=1)
    stage.open(stage.link_of(phones[2]))
    stage.open(stage.link_of(phones[0]))
    stage.adds(phones[2], state=stage.link_of(phones[2]))
    stage.deliver()
    first = date(2026, 1, 1).toordinal()
    stage.brand.metrics.roll_up(first, first + 1)
    found = execute(
        "SELECT metric, day, dimension, value FROM metric_day WHERE plugin = 'sms' ORDER BY metric, day"
    ).fetchall()
    assert found == [
        ("added", first + 1, "MAY", 1),
        ("clicked", first, "MAY", 2),
        ("clicked", first + 1, "MAY", 1),
        ("delivered", first, "MAY", 3),
        ("sent", first, "MAY", 3),
    ]
