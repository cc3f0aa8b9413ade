"""A card as the gift of an SMS: for whoever the plan's message went to, once per person, as long as there are cards."""

from __future__ import annotations

from datetime import date

import pytest
from benefit_scene import LETTERS, Scene, table

from scrm_core.clock import SystemClock
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Forbidden, Invalid, NotFound, Veto

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
ANN, BEN, CAT, DEAD = "+8613800138001", "+8613800138002", "+8613800138003", "+8613800138099"

CLAIM = """
from scrm_core.errors import Veto


def run(brand, worker):
    gifts = brand.plugins["benefit-card"].cards.gifts
    got = {}
    for n in range(12):  # everybody comes to everybody's process
        contact = brand.contacts.find("buyer", f"p{n}", "shop").id
        try:
            got[f"p{n}"] = brand.group(lambda: gifts.claim("june", contact)).uid
        except Veto as exc:
            assert exc.code == "sold_out", exc
    return got
"""


@pytest.fixture
def sender(scenes) -> tuple[Scene, Scene]:
    """Acme and Moon Co, which both send messages and have a pool with three cards and a gift for the plan MAY."""
    both = scenes(table() + LETTERS, table("moonco") + LETTERS)
    for each in both:
        each.pool(cards=3)
        gift(each)
    return both


def gift(scene: Scene, code: str = "may", plan: str = "MAY", **more):
    with scene.brand:
        about = {"pool": "video", "title": "五月礼", "until": date(2026, 1, 31), "owner": "letters", "actor": "lin", **more}
        return scene.cards.gifts.create(code, plan=plan, **about)


def claim(scene: Scene, contact: int, code: str = "may") -> str:
    with scene.brand:
        return scene.cards.gifts.claim(code, contact).uid


def refused(scene: Scene, contact: int, error: type[Exception], code: str = "may") -> str:
    with scene.brand:
        with pytest.raises(error) as exc:
            scene.cards.gifts.claim(code, contact)
        return exc.value.code


def test_a_recipient_gets_one_card_and_nobody_else_gets_any(sender):
    scene, other = sender
    ann, ben, dead = scene.person("ann", ANN), scene.person("ben", BEN), scene.person("dead", DEAD)
    stranger = other.person("ann", ANN)
    assert refused(scene, ann, Forbidden) == "not_recipient"  # nothing was sent yet
    scene.write_to((ANN, ann), (DEAD, dead), (CAT, None))
    uid = claim(scene, ann)
    assert claim(scene, ann) == uid
    assert refused(scene, ben, Forbidden) == "not_recipient"
    assert refused(scene, dead, Forbidden) == "not_recipient"  # the message was refused
    assert refused(other, stranger, Forbidden) == "not_recipient"  # another brand's message
    # Somebody who was a number of a list when it was sent, and signs in with that number.
    cat = claim(scene, scene.person("cat", CAT))
    assert scene.places() == (1, 0, 2, 0, 0) and other.places() == (3, 0, 0, 0, 0)
    with scene.brand:
        owned = {row.uid: row.gift for row in scene.cards.cards.page()}
        assert owned == {uid: "may", cat: "may"}
        figures = scene.cards.gifts.figures(scene.cards.gifts.get("may"))
        assert (figures.waiting, figures.reached, figures.claimed, figures.left, figures.missing) == (0, 2, 2, 1, 0)
        kept = execute("SELECT kind, cost_minor, reason FROM reward ORDER BY id").fetchall()
    assert kept == [("benefit-card", 1_800, "gift may")] * 2


def test_four_processes_in_which_everybody_claims_give_one_card_each_until_they_are_gone(sender, together, clock):
    clock.set(SystemClock().now())
    scene, _ = sender
    scene.pool("music", 9)
    gift(scene, "june", pool="music", until=date(2099, 1, 1))
    numbers = [f"+86138001380{n:02}" for n in range(12)]
    scene.write_to(*((number, scene.person(f"p{n}", number)) for n, number in enumerate(numbers)))
    # The processes know the bundled plugins alone.
    file = scene.brand.installation.config.root / "brands" / "acme.toml"
    file.write_text(file.read_text("utf-8").replace(LETTERS, ""), "utf-8")
    answers = together(scene.brand.installation, CLAIM, 4)
    everybody = {(name, uid) for got in answers for name, uid in got.items()}
    assert len({name for name, _ in everybody}) == len({uid for _, uid in everybody}) == len(everybody) == 9
    scene.brand = scene.brand.installation.brand("acme")
    assert scene.places("music") == (0, 0, 9, 0, 0)


def test_two_who_became_one_person_have_one_card_more_at_most(sender):
    scene, _ = sender
    ann, twin = scene.person("ann", ANN), scene.person("twin", BEN)
    scene.write_to((ANN, ann), (BEN, twin))
    uid = claim(scene, twin)
    with scene.brand:
        scene.brand.contacts.merge(ann, twin, actor="boss", reason="one person")
    assert claim(scene, ann) == uid and scene.places() == (2, 0, 1, 0, 0)


@on_sqlite
def test_of_two_who_became_one_person_the_card_that_was_not_taken_back_is_theirs(sender):
    scene, _ = sender
    ann, twin = scene.person("ann", ANN), scene.person("twin", BEN)
    scene.write_to((ANN, ann), (BEN, twin))
    first, second = claim(scene, ann), claim(scene, twin)
    with scene.brand:
        scene.cards.cards.revoke(first, reason="mistake", actor="boss")
        scene.brand.contacts.merge(ann, twin, actor="boss", reason="one person")
    assert claim(scene, ann) == claim(scene, twin) == second


def test_a_card_that_was_taken_back_is_not_claimed_again_and_an_empty_pool_says_so(sender):
    scene, _ = sender
    people = [scene.person(f"p{n}", f"+861380013800{n}") for n in range(4)]
    scene.write_to(*((f"+861380013800{n}", contact) for n, contact in enumerate(people)))
    uid = claim(scene, people[0])
    with scene.brand:
        assert scene.cards.cards.revoke(uid, reason="mistake", actor="boss").state == "returned"
    assert refused(scene, people[0], Conflict) == "taken_back"
    for contact in people[1:]:
        claim(scene, contact)
    scene.person("late", "+8613800138009")
    late = scene.person("late")
    scene.write_to(("+8613800138009", late), plan="MAY/2")
    assert refused(scene, late, Veto) == "sold_out"
    with scene.brand:
        assert list(scene.brand.plugins["benefit-card"].brand_warnings())[-1] == (
            "gift may: 1 benefit cards are missing if everybody comes whom the plan MAY writes to"
        )


@on_sqlite
def test_a_gift_that_nobody_can_sign_in_to_claim_is_warned_of(scenes):
    codes = '\n[consumer]\ncode_sender = "letters"\n'
    shut, open_ = scenes(table() + LETTERS, table("moonco") + LETTERS + codes)
    told = []
    for scene in (shut, open_):
        scene.pool(cards=30)
        gift(scene)
        with scene.brand:
            told.append(list(scene.brand.plugins["benefit-card"].brand_warnings()))
    assert told[1] == []
    assert len(told[0]) == 1 and told[0][0].startswith("gift may: nobody can sign in to claim it; set code_sender")
    with shut.brand:
        shut.cards.gifts.close("may", actor="lin")
        assert list(shut.brand.plugins["benefit-card"].brand_warnings()) == []


@on_sqlite
def test_a_gift_ends_on_its_day_and_by_hand_and_who_has_a_card_keeps_it(sender, clock):
    scene, _ = sender
    ann, ben = scene.person("ann", ANN), scene.person("ben", BEN)
    scene.write_to((ANN, ann), (BEN, ben))
    gift(scene, "june")
    uid = claim(scene, ann)
    clock.advance(days=30, hours=16, ms=-1)  # the last moment of 31 January in Shanghai
    first = claim(scene, ben, "june")
    clock.advance(ms=1)
    assert refused(scene, ben, Conflict) == "gift_over"
    assert claim(scene, ann) == uid and claim(scene, ben, "june") == first
    with pytest.raises(Invalid):
        gift(scene, "past")
    with scene.brand:
        assert scene.cards.gifts.open() == []
    clock.advance(days=-10)
    with scene.brand:
        scene.cards.gifts.close("june", actor="lin")
    assert refused(scene, ann, Conflict, "june") == "gift_over"
    assert refused(scene, ann, NotFound, "nosuch") == "not_found"


@on_sqlite
def test_the_interception_test_and_a_plan_of_a_similar_name_entitle_nobody(sender):
    scene, _ = sender
    ann = scene.person("ann", ANN)
    scene.write_to((ANN, ann), plan="MAY/test-1", kind="test")
    scene.write_to((ANN, ann), plan="MAYBE")
    assert refused(scene, ann, Forbidden) == "not_recipient"
    scene.write_to((ANN, ann), plan="MAY/2")  # the plan's number pack was built again
    claim(scene, ann)


@on_sqlite
def test_whoever_was_written_to_before_a_run_was_cancelled_is_expected(sender):
    scene, _ = sender
    with scene.brand as brand:
        run = brand.outreach.open_run("MAY", owner="letters", channel="sms", kind="notice", sender="letters")
        brand.outreach.queue_addresses(run.id, [(ANN, None), (BEN, None)])
        brand.outreach.release_count(run.id, 1)  # a canary
        brand.outreach.start(run.id)
        brand.outreach.drain()
        brand.outreach.cancel(run.id, reason="wrong text")
        assert execute("SELECT state FROM message ORDER BY state").fetchall() == [("canceled",), ("sent",)]
        figures = scene.cards.gifts.figures(scene.cards.gifts.get("may"))
    assert (figures.waiting, figures.reached, figures.claimed) == (0, 1, 0)


@on_sqlite
def test_a_gift_is_made_once_per_code(sender):
    scene, _ = sender
    assert gift(scene).code == "may"
    for other in ({"plan": "JUNE"}, {"title": "x"}, {"until": date(2026, 1, 30)}, {"owner": "sms"}):
        with pytest.raises(Conflict) as used:
            gift(scene, **other)
        assert used.value.code == "code_used"
    with pytest.raises(NotFound):
        gift(scene, "new", pool="nosuch")
    for wrong in ({"title": ""}, {"actor": ""}, {"plan": " "}, {"plan": "<b>"}):
        with pytest.raises(Invalid):
            gift(scene, "new", **wrong)
