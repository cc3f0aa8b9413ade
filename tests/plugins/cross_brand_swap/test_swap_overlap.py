"""The audience that two brands share is estimated without a phone in the clear; wrong sketches are refused."""

from __future__ import annotations

import base64
import json
import random

import pytest
from marshmallow import ValidationError
from swap_scene import body_of

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict
from scrm_core.values.uids import new_uid
from scrm_cross_brand_swap.fit import rounded
from scrm_cross_brand_swap.schemas import Settings
from scrm_cross_brand_swap.sketches import HASH_BYTES, fault, overlap, sketch

ON = 'overlap = true\noverlap_basis = "all"\nsketch_size = 2048\n'


def phones(first: int, count: int) -> list[str]:
    return [f"+8613{n:09d}" for n in range(first, first + count)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_overlap_of_sets_larger_than_the_sketch_is_within_its_stated_bound(seed):
    # 40,000 people each, 4,000 shared.
    key = random.Random(seed).randbytes(32)
    one, other = sketch(phones(0, 40_000), key, 8_192), sketch(phones(36_000, 40_000), key, 8_192)
    found = overlap(one, other, 8_192)
    bound = found.error_bp(found.people)
    assert abs(found.people - 4_000) <= 4_000 * bound / 10_000
    # c is about 4,000 x 8,192 / 40,000 = 819 shared hashes: 1.96 x sqrt((1 - 0.205) / 819) is 6.1%.
    assert 540 <= bound <= 680


@pytest.mark.soak  # a million people each
@pytest.mark.parametrize("seed", range(1, 13))
def test_two_sets_of_a_million_with_a_tenth_shared_are_within_three_percent(seed):
    key = random.Random(seed).randbytes(32)
    one, other = (sketch(phones(first, 1_000_000), key, 131_072) for first in (0, 900_000))
    found = overlap(one, other, 131_072)
    # c is about 100,000 x 131,072 / 1,000,000 = 13,107: the error's deviation is sqrt(0.869 / 13,107) = 0.81%, so 3%
    # are 3.7 deviations; of ten thousand runs two are further off.
    assert abs(found.people - 100_000) <= 3_000
    assert 155 <= found.error_bp(100_000) <= 165
    assert 97_000 <= rounded(found.people) <= 103_000


def test_the_largest_sketch_fits_into_a_message(swap):
    with swap.a.brand:
        largest = Settings().load({})["sketch_size"]
        assert largest == 131_072
        text = base64.b85encode(b"\xff" * HASH_BYTES * largest).decode()
        body = {"run": new_uid(0), "k": largest, "public": "0" * 64, "sketch": text, "check": "0" * 64}
        swap.a.brand.partners.send("moonco", "swap.overlap.answer", body, key="largest")
    with pytest.raises(ValidationError):
        Settings().load({"sketch_size": largest + 1})


def test_people_whose_hashes_are_equal_are_one_and_the_sketch_stays_full():
    one = sketch(["a", "b", "a", "c", "b", "d", "e"], b"k" * 32, 4)
    assert len(one) == 4 * HASH_BYTES
    assert fault(one, 4, 4) == ""


def test_sets_smaller_than_the_sketch_are_counted_exactly():
    key = b"k" * 32
    found = overlap(sketch(phones(0, 1_500), key, 2_048), sketch(phones(500, 1_500), key, 2_048), 2_048)
    assert (found.people, found.error_bp(1_000)) == (1_000, 0)


def test_under_two_keys_nothing_is_shared():
    found = overlap(sketch(phones(0, 5_000), b"a" * 32, 2_048), sketch(phones(0, 5_000), b"b" * 32, 2_048), 2_048)
    assert found.people == 0


def test_numbers_are_told_with_two_digits_and_not_at_all_below_a_thousand():
    assert [rounded(n) for n in (0, 999, 1_000, 1_049, 1_050, 99_591, 104_999, 105_000)] == [
        0, 0, 1_000, 1_000, 1_100, 100_000, 100_000, 110_000,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"1234567", "6 bytes for each"),
        (sketch(phones(0, 3_000), b"k" * 32, 3_000), "at most 2048"),
        (sketch(phones(0, 999), b"k" * 32, 2_048), "below the minimum"),
        (sketch(phones(0, 1_000), b"k" * 32, 2_048)[6:] + b"\0" * 6, "not ascending"),
        (b"\0" * 6_000, "not ascending"),
    ],
)
def test_what_is_no_sketch_is_told_apart(given, said):
    assert said in fault(given, 2_048, 1_000)


def people(side, first: int, count: int, *, consent: str = "") -> None:
    """Contacts with phones, written as rows: what they did before does not matter here."""
    with side.brand, side.brand.transaction():
        execute(
            "INSERT INTO contact (uid, name, state, origin, created_at, updated_at, orders, occasions, money) "
            "WITH RECURSIVE n (i) AS (SELECT ? + 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "SELECT 'p' || i, '', 'active', '', 0, 0, 0, 0, 0 FROM n",
            (first, first + count - 1),
        )
        execute(
            "INSERT INTO identity (contact_id, kind, namespace, value, verified, origin, created_at) "
            "SELECT id, 'phone', '', '+86' || (13000000000 + CAST(substr(uid, 2) AS BIGINT)), 0, '', 0 FROM contact"
        )
        if consent:
            execute(
                "INSERT INTO consent (contact_id, purpose, channel, granted, at, recorded_at, source, text_version, "
                "actor) SELECT id, ?, '', 1, 0, 0, '', '', '' FROM contact",
                (consent,),
            )


def runs(side):
    with side.brand:
        return side.swaps.overlaps.runs()


def ask(swap):
    with swap.a.brand:
        swap.a.swaps.overlaps.ask("moonco", actor="anna")
    swap.settle_down()


@pytest.fixture
def two(swaps):
    swap = swaps(ON, ON)
    people(swap.a, 1, 6_000)
    people(swap.b, 3_001, 6_000)
    return swap


def test_both_sides_estimate_the_same_and_forget_key_and_sketch(two):
    ask(two)
    for _ in range(3):
        two.upkeep()
    (a,), (b,) = runs(two.a), runs(two.b)
    assert (a["state"], b["state"]) == ("done", "done")
    for side, did in (
        (two.a, [("us", "ask"), ("them", "sketch"), ("us", "sketch"), ("us", "done")]),
        (two.b, [("them", "ask"), ("us", "sketch"), ("them", "sketch"), ("us", "done")]),
    ):
        with side.brand:
            steps = [(step["by"], step["act"]) for step in side.swaps.steps()][::-1]
        assert [(by, act.removeprefix("overlap ")) for by, act in steps if act.startswith("overlap ")] == did
    assert a["people"] == b["people"] and a["error_bp"] == b["error_bp"]
    # 3,000 shared of 6,000 each: 1.96 x sqrt((1 - 0.341) / 1,024) is 5.0%.
    # Keys are drawn anew: five deviations, so that one run in a million is further off.
    assert abs(a["people"] - 3_000) <= 3_000 * 0.13
    assert 440 <= a["error_bp"] <= 560
    for side in (two.a, two.b):
        with side.brand:
            assert execute("SELECT secret, theirs FROM cross_brand_swap_overlap").fetchall() == [("", "")]
            log = "".join(data for (data,) in execute("SELECT data FROM event").fetchall())
            assert "+8613" not in log


def test_an_overlap_that_was_estimated_is_told_with_the_fit(two):
    two.tell()
    with two.a.brand:
        fit = two.a.swaps.fit("moonco", "traffic")
        assert (fit.overlap, fit.overlap_bp) == (None, None)
        execute(
            "INSERT INTO cross_brand_swap_overlap (run, partner, asked_by, k, state, secret, public, other, theirs, "
            "estimate, error_bp, reason, at) VALUES ('r1', 'moonco', 'us', 2048, 'done', '', '', '', '', 3100, 490, '', 0)"
        )
        fit = two.a.swaps.fit("moonco", "traffic")
    # 3,100 of the smaller audience of 6,000.
    assert (fit.fits, fit.overlap, fit.overlap_bp) == (True, 3_100, 5_166)


def test_a_second_run_too_soon_is_refused_and_so_is_one_while_switched_off(two, swaps):
    ask(two)
    with two.a.brand, pytest.raises(Conflict, match="two runs tell who joined"):
        two.a.swaps.overlaps.ask("moonco", actor="anna")
    two.clock.advance(days=31)
    two.b.swaps.settings = {**two.b.swaps.settings, "overlap": False}
    two.b.brand.plugins["cross-brand-swap"].swaps.settings = two.b.swaps.settings
    ask(two)
    assert any("switched off" in reason for reason in two.b.refused())


def test_an_audience_below_a_thousand_asks_and_answers_nothing(swaps):
    swap = swaps(ON, ON)
    people(swap.a, 1, 6_000)
    people(swap.b, 1, 999)
    with swap.b.brand, pytest.raises(Conflict, match="people have a phone; an audience is below the minimum of 1,000"):
        swap.b.swaps.overlaps.ask("acme", actor="mike")
    ask(swap)
    assert any("minimum of 1,000" in reason for reason in swap.b.refused())
    assert runs(swap.b) == []


def test_minors_are_in_no_sketch_and_a_tag_that_is_not_there_stops_the_run(swaps):
    swap = swaps(ON + 'overlap_refuse_tags = ["age/minor", "kin/staff"]\n', ON)
    people(swap.a, 1, 1_200)
    with swap.a.brand as brand:
        brand.tags.define("age", "minor", plan="leave out of swaps")
        with pytest.raises(Conflict, match="the brand has no tag 'kin/staff'"):
            swap.a.swaps.overlaps.ask("moonco", actor="anna")
        brand.tags.define("kin", "staff", plan="leave out of swaps")
        for uid, tag in (("p7", ("age", "minor")), ("p9", ("kin", "staff"))):
            (contact,) = execute("SELECT id FROM contact WHERE uid = ?", (uid,)).fetchone()
            brand.tags.add(contact, tag)
        found = set(swap.a.swaps.overlaps.people("moonco"))
        assert set(phones(1, 1_200)) - found == {"+8613000000007", "+8613000000009"}
        assert len(found) == 1_198
        swap.a.swaps.overlaps.ask("moonco", actor="anna")


def test_people_who_did_not_consent_are_named_as_what_is_missing(swaps):
    swap = swaps(ON.replace("all", "consent"), ON)
    people(swap.a, 1, 1_200)
    people(swap.b, 1, 1_200)
    said = r"fewer than 1,000 people with a phone consented to `partner_share:moonco`"
    with swap.a.brand, pytest.raises(Conflict, match=said):
        swap.a.swaps.overlaps.ask("moonco", actor="anna")
    # Who asks is told what is missing, and not how many there are.
    with swap.b.brand:
        swap.b.swaps.overlaps.ask("acme", actor="mike")
    swap.settle_down()
    (run,) = runs(swap.b)
    assert run["state"] == "refused"
    assert run["reason"] == (
        "the partner refused: fewer than 1,000 people with a phone consented to `partner_share:moonco`; "
        "an audience is below the minimum of 1,000 people"
    )


def test_an_estimate_below_a_thousand_says_why_no_number_is_told(swaps):
    swap = swaps(ON, ON)
    people(swap.a, 1, 6_000)
    people(swap.b, 5_901, 6_000)  # a hundred are in both
    ask(swap)
    for _ in range(3):
        swap.upkeep()
    for side in (swap.a, swap.b):
        (run,) = runs(side)
        assert (run["state"], run["people"], run["error_bp"]) == ("done", None, None)
        assert run["reason"] == "fewer than 1,000 people are in both: no number is told"


def test_a_run_that_nobody_answers_forgets_its_key(two):
    with two.a.brand:
        two.a.swaps.overlaps.ask("moonco", actor="anna")
    two.clock.advance(days=3)
    with two.a.brand:
        two.a.swaps.overlaps.compute_due()
        assert execute("SELECT length(secret) FROM cross_brand_swap_overlap").fetchone() == (64,)
        two.clock.advance(ms=1)
        two.a.swaps.overlaps.compute_due()
        assert execute("SELECT secret, state FROM cross_brand_swap_overlap").fetchone() == ("", "refused")


def test_only_people_who_agreed_to_it_are_in_a_sketch(swaps):
    swap = swaps(ON.replace("all", "consent"), ON)
    people(swap.a, 1, 2_000, consent="partner_share:moonco")
    with swap.a.brand:
        contact = execute("SELECT id FROM contact WHERE uid = 'p7'").fetchone()[0]
        assert len(list(swap.a.swaps.overlaps.people("moonco"))) == 2_000
        swap.a.brand.consent.record(contact, "partner_share:moonco", granted=False, at=swap.clock.now(), source="page")
        assert len(list(swap.a.swaps.overlaps.people("moonco"))) == 1_999
        assert list(swap.a.swaps.overlaps.people("starco")) == []


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"check": "0" * 64}, "wrong key"),
        ({"check": "é" * 64}, "wrong key"),
        ({"public": "1" * 64}, "wrong key"),
        ({"public": "0" * 64}, "wrong key"),
        ({"public": "zz"}, "64 hexadecimal digits"),
        ({"k": 4_096}, "wrong size"),
        ({"sketch": "AAAA"}, "wrong key"),
        ({"sketch": None}, "wrong key"),
        ({"run": "no-such-run"}, "out of order"),
    ],
)
def test_a_sketch_of_the_wrong_key_or_size_is_refused(two, change, said):
    ask(two)
    with two.b.brand:
        two.b.swaps.overlaps.compute_due()  # moonco's right answer waits behind the wrong one
        text = execute("SELECT text FROM partner_out WHERE kind = 'swap.overlap.answer'").fetchone()[0]
        body = json.loads(text)["data"] | change
        execute(
            "UPDATE partner_out SET text = ? WHERE kind = 'swap.overlap.answer'",
            (json.dumps({"type": "swap.overlap.answer", "data": body}),),
        )
    two.settle_down()
    assert any(said in reason for reason in two.a.refused()), two.a.refused()
    assert body_of(two.a, "swap.overlap.answer")["run"] == body["run"]
    assert runs(two.a)[0]["state"] in ("refused", "asked")
    two.upkeep()
    assert runs(two.a)[0]["people"] is None


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("change", "said"),
    [({"k": 1_024}, "wrong size"), ({"public": "0" * 64}, "wrong key"), ({"public": 7}, "public key"), ({"run": 1}, "id")],
)
def test_an_ask_of_another_size_or_without_a_key_is_refused(two, change, said):
    two.a.send("swap.overlap.ask", {"run": "a" * 24, "k": 2_048, "public": "1" * 64, **change}, "odd")
    two.settle_down()
    (refused,) = two.b.refused()
    assert said in refused
    assert runs(two.b) == []


def test_an_audience_that_shrank_below_the_minimum_meanwhile_sends_no_sketch(two):
    ask(two)
    with two.b.brand:
        execute("DELETE FROM identity WHERE id > (SELECT min(id) + 500 FROM identity)")
    two.upkeep()
    assert runs(two.b)[0]["state"] == "refused"
    assert runs(two.a)[0]["people"] is None
    with two.b.brand:
        assert execute("SELECT count(*) FROM partner_out WHERE kind = 'swap.overlap.answer'").fetchone() == (0,)


def test_of_four_people_who_ask_at_once_one_begins_a_run(two, together):
    source = """
from scrm_core.api import Conflict
from scrm_cross_brand_swap.service import Swaps

def run(brand, worker):
    try:
        Swaps(brand, brand.plugins["cross-brand-swap"].settings).overlaps.ask("moonco", actor=str(worker))
    except Conflict:
        return 0
    return 1
"""
    assert sum(together(two.a.brand.installation, source, 4)) == 1
    assert len(runs(two.a)) == 1


def test_two_workers_that_compute_one_run_send_one_sketch(two, together):
    ask(two)
    source = """
from scrm_cross_brand_swap.service import Swaps

def run(brand, worker):
    return Swaps(brand, brand.plugins["cross-brand-swap"].settings).overlaps.compute_due()
"""
    with two.b.brand:
        execute("UPDATE cross_brand_swap_overlap SET at = ?", (4 * 10**12,))  # children run by the machine's clock
    together(two.b.brand.installation, source, 4, brand="moonco")
    with two.b.brand:
        sent = execute("SELECT count(*) FROM partner_out WHERE kind = 'swap.overlap.answer'").fetchone()
    assert (sent, runs(two.b)[0]["state"]) == ((1,), "waiting")


def test_who_asked_learns_why_the_partner_refused(two):
    two.a.swaps.settings = {**two.a.swaps.settings, "sketch_size": 4_096}
    ask(two)
    (run,) = runs(two.a)
    assert run["state"] == "refused"
    assert run["reason"] == "the partner refused: wrong size: sketches of 4096 hashes, here of 2048"
    # What was refused is no run: it may be asked again at once.
    two.a.swaps.settings = {**two.a.swaps.settings, "sketch_size": 2_048}
    ask(two)
    two.upkeep()
    two.upkeep()
    assert runs(two.a)[0]["state"] == "done"


def test_a_run_with_a_partner_that_is_named_no_more_ends_and_holds_up_no_other(two):
    ask(two)
    path = two.b.brand.installation.config.brands_dir / "moonco.toml"
    path.write_text(path.read_text("utf-8").replace("[partners.acme]", '[partners.other]\nbrand = "acme"'), "utf-8")
    two.b.brand = two.b.swaps.brand = two.b.brand.installation.brand("moonco")
    with two.b.brand:
        execute(
            "INSERT INTO cross_brand_swap_overlap (run, partner, asked_by, k, state, secret, public, other, theirs, "
            "reason, at) SELECT 'run of other', 'other', asked_by, k, state, secret, public, other, theirs, reason, at "
            "FROM cross_brand_swap_overlap"
        )
        two.b.swaps.upkeep()
        assert execute("SELECT length(secret) FROM cross_brand_swap_overlap ORDER BY id").fetchall() == [(0,), (64,)]
    other, gone = runs(two.b)
    assert (gone["state"], gone["reason"]) == ("refused", "the brand's file names no partner 'acme'")
    assert other["state"] == "waiting"


def test_two_that_ask_at_the_same_time_may_both_ask_again(two):
    for side, partner in ((two.a, "moonco"), (two.b, "acme")):
        with side.brand:
            side.swaps.overlaps.ask(partner, actor="test")
    two.settle_down()
    assert [runs(side)[0]["state"] for side in (two.a, two.b)] == ["refused", "refused"]
    ask(two)
    two.upkeep()
    two.upkeep()
    assert runs(two.a)[0]["state"] == "done"
