"""The way out of a dispute: one side offers a statement, the other signs it or answers; and what no statement may say."""

from __future__ import annotations

import hashlib
import json

import pytest
from swap_scene import body_of
from test_swap_doors import Caller, client, scrm  # noqa: F401 (client is a fixture)
from test_swap_ledger import close_with

from scrm_core.api import Conflict, Invalid
from scrm_core.clock import SystemClock
from scrm_cross_brand_swap.statement import statement, unsound
from scrm_cross_brand_swap.terms import written


@pytest.fixture
def disputed(swap):
    """Acme's books say 22, Moon Co's 20: both are disputed."""
    close_with(swap, 22, 20)
    assert (swap.a.state(), swap.b.state()) == ("disputed", "disputed")
    return swap


def lines(**adds):
    """Lines of both directions with these adds, and nothing else but what was shown."""
    empty = {"shown": 500, "click": 0, "retained_add": 0, "first_order": 0}
    return {"a_to_b": {**empty, "add": adds["a"]}, "b_to_a": {**empty, "add": adds["b"]}}


def amend(side, given=None, actor="anna"):
    with side.brand:
        return side.swaps.settling.amend("spring", given, actor=actor)


def sign(side, actor="mike"):
    with side.brand:
        stands = side.swaps.view(side.swaps.deal("spring"))["amends"]
        return side.swaps.settling.sign("spring", stands["digest"], actor=actor)


def both_settled_on(swap, adds):
    assert (swap.a.state(), swap.b.state()) == ("settled", "settled")
    assert swap.a.deal().statement == swap.b.deal().statement
    assert json.loads(swap.a.deal().statement)["lines"]["a_to_b"]["add"] == adds


@pytest.mark.parametrize("first", ["a", "b"])
def test_a_statement_that_one_side_offers_and_the_other_signs_settles_both(disputed, first):
    one, other = (disputed.a, disputed.b) if first == "a" else (disputed.b, disputed.a)
    amend(one, lines(a=21, b=1))
    disputed.settle_down()
    assert (disputed.a.state(), disputed.b.state()) == ("disputed", "disputed")  # a person signs, no worker does
    with pytest.raises(Conflict, match="no statement of the partner's"):
        sign(one)
    sign(other)
    disputed.settle_down()
    both_settled_on(disputed, 21)
    with other.brand:
        step = other.swaps.steps("spring")[0]
    assert (step["by"], step["act"], step["actor"]) == ("us", "sign", "mike")


def test_without_lines_a_side_offers_what_its_own_books_say(disputed):
    amend(disputed.b)
    disputed.settle_down()
    sign(disputed.a)
    disputed.settle_down()
    both_settled_on(disputed, 20)


def test_the_other_side_answers_with_a_statement_of_its_own_and_turns_alternate(disputed):
    amend(disputed.a, lines(a=22, b=1))
    with pytest.raises(Conflict) as again:
        amend(disputed.a, lines(a=21, b=1))
    assert again.value.code == "turn"
    disputed.settle_down()
    first = disputed.b.deal().amended["text"]
    amend(disputed.b, lines(a=20, b=1))
    with disputed.b.brand, pytest.raises(Conflict):  # what was answered cannot be signed any more
        disputed.b.swaps.settling.sign("spring", hashlib.sha256(first.encode()).hexdigest(), actor="mike")
    disputed.settle_down()
    sign(disputed.a)
    disputed.settle_down()
    both_settled_on(disputed, 20)


def test_of_two_statements_that_cross_the_one_of_the_side_that_offered_the_deal_stands(disputed):
    amend(disputed.a, lines(a=22, b=1))
    amend(disputed.b, lines(a=20, b=1))
    disputed.settle_down()
    assert "both sent a statement at once" in disputed.a.refused()[0]
    with pytest.raises(Conflict):
        sign(disputed.a)
    sign(disputed.b)
    disputed.settle_down()
    both_settled_on(disputed, 22)


def test_what_comes_again_late_altered_or_out_of_order_changes_nothing(disputed):
    amend(disputed.a, lines(a=21, b=1))
    disputed.settle_down()
    body = body_of(disputed.b, "swap.amend")
    known = len(disputed.b.refused())
    disputed.a.send("swap.amend", body, "again")
    disputed.settle_down()
    assert len(disputed.b.refused()) == known
    other = written(statement("spring", disputed.a.deal().digest, "add", lines(a=3, b=1)))
    digest = hashlib.sha256(other.encode()).hexdigest()
    for key, change in {
        "altered": {"text": body["text"].replace("21", "12")},
        "older": {"round": 0, "text": other, "digest": digest},
        "further": {"round": 9, "text": other, "digest": digest},
        "replaced": {"text": other, "digest": digest},
        "odd": {"round": "1"},
    }.items():
        disputed.a.send("swap.amend", {**body, **change}, key)
        # Nor is a signature of what was never offered one.
        disputed.a.send("swap.signed", {"deal": "spring", "digest": digest, "round": 1}, f"signed {key}")
    disputed.settle_down()
    assert len(disputed.b.refused()) == known + 10
    assert disputed.b.deal().amended["text"] == body["text"] and disputed.b.state() == "disputed"
    sign(disputed.b)
    disputed.settle_down()
    both_settled_on(disputed, 21)
    disputed.b.send("swap.signed", body_of(disputed.a, "swap.signed"), "told again")
    disputed.a.send("swap.amend", body, "late")
    disputed.settle_down()
    both_settled_on(disputed, 21)


def test_of_a_signature_and_an_answer_at_once_one_holds(disputed, together):
    amend(disputed.a, lines(a=21, b=1))
    disputed.settle_down()
    digest = hashlib.sha256(disputed.b.deal().amended["text"].encode()).hexdigest()
    work = f"""
from scrm_core.errors import Conflict
from scrm_cross_brand_swap.service import Swaps


def run(brand, worker):
    settling = Swaps(brand, brand.plugins["cross-brand-swap"].settings).settling
    try:
        if worker % 2:
            settling.sign("spring", "{digest}", actor=str(worker))
        else:
            settling.amend("spring", actor=str(worker))
    except Conflict:
        return 0
    return 1
"""
    assert sum(together(disputed.b.brand.installation, work, 4, brand="moonco")) == 1
    disputed.clock.set(SystemClock().now())  # the processes' clock
    disputed.settle_down()
    if disputed.b.state() == "disputed":
        sign(disputed.a)
        disputed.settle_down()
    assert (disputed.a.state(), disputed.b.state()) == ("settled", "settled")
    assert disputed.a.deal().statement == disputed.b.deal().statement


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"first_order": 22}, "a_to_b.first_order: 22 of 21 adds"),
        ({"retained_add": 22}, "a_to_b.retained_add: 22 of 21 adds"),
        ({"add": -1}, "whole numbers"),
        ({"add": 1.5}, "whole numbers"),
        ({"more": 1}, "a_to_b has shown"),
    ],
)
def test_a_statement_that_cannot_be_is_neither_offered_nor_taken(disputed, change, said):
    wrong = lines(a=21, b=1)
    wrong["a_to_b"] |= change
    with pytest.raises(Invalid, match=said):
        amend(disputed.a, wrong)
    text = written({**statement("spring", disputed.a.deal().digest, "add", lines(a=21, b=1)), "lines": wrong})
    body = {"deal": "spring", "text": text, "digest": hashlib.sha256(text.encode()).hexdigest(), "round": 1}
    disputed.a.send("swap.amend", body, "wrong")
    disputed.settle_down()
    assert said in disputed.b.refused()[0]
    assert disputed.b.deal().amended == {}


def test_a_deal_that_is_not_disputed_is_not_settled_by_hand(swap):
    swap.agree()
    for act in (lambda: amend(swap.a), lambda: sign_any(swap.a)):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.code == "deal_state"


def sign_any(side):
    with side.brand:
        side.swaps.settling.sign("spring", "x", actor="anna")


def test_more_first_orders_than_adds_are_refused_by_either_side(swap):
    assert unsound(lines(a=1, b=1)) == ""
    swap.agree()
    swap.b.lead("p1", state=swap.b.deal().link)
    swap.settle_down()
    swap.upkeep()
    told = body_of(swap.a, "swap.counts")
    totals = {**told["totals"], "first_order": told["totals"]["add"] + 1}
    swap.b.send("swap.counts", {**told, "totals": totals, "seq": told["seq"] + 1}, "odd")
    swap.settle_down()
    assert swap.a.refused() == ["totals cannot be: more people stayed, or ordered, than were added"]


@pytest.mark.parametrize("unit", ["add", "retained_add", "first_order"])
def test_who_ordered_and_left_again_never_makes_more_orders_than_adds(swap, unit):
    swap.agree(unit=unit, quota=2, imbalance=2)
    for number, name in enumerate(("p1", "p2", "p3")):  # the third is beyond the quota
        swap.b.lead(name, state=swap.b.deal().link)
        swap.settle_down()
        swap.clock.advance(seconds=1)
        swap.b.order(str(number), name)
        swap.settle_down()
    with swap.b.brand:
        contact = swap.b.brand.contacts.find("buyer", "p1", "shop").id
        swap.b.swaps.ledger.lost("spring", contact, actor="mike")
        swap.b.swaps.ledger.count_kept()
        brought = swap.b.swaps.ledger.brought(swap.b.swaps.deal("spring"))
    assert brought["first_order"] <= brought["add"] and brought["retained_add"] <= brought["add"]
    assert brought["first_order"] == {"add": 1, "retained_add": 2, "first_order": 2}[unit]
    swap.upkeep()
    assert swap.a.refused() == []


def test_statements_are_offered_and_signed_through_both_doors(disputed, client, tmp_path):  # noqa: F811
    file = tmp_path / "lines.json"
    file.write_text(json.dumps(lines(a=21, b=1)))
    shown = json.loads(scrm(disputed, "amend", "acme", "spring", str(file), "--as", "anna", "--json"))
    assert (shown["state"], shown["amends"]["by"], shown["amends"]["lines"]["a_to_b"]["add"]) == ("disputed", "us", 21)
    disputed.settle_down()
    call = Caller(client, disputed.b.brand, "cross-brand-swap:read", "cross-brand-swap:deal")
    stands = call.get("/deals/spring")["amends"]
    assert (stands["by"], stands["balance"]["owed"]) == ("them", 20)
    answered = call.post("/deals/spring/amend", {"lines": lines(a=20, b=1)})
    disputed.settle_down()
    assert scrm(disputed, "sign", "acme", "spring", answered["amends"]["digest"], "--as", "anna")
    disputed.settle_down()
    both_settled_on(disputed, 20)
    assert call.get("/deals/spring")["state"] == "settled"
    assert call.post("/deals/spring/sign", {"digest": "x"}, 409)["code"] == "deal_state"
    reader = Caller(client, disputed.b.brand, "cross-brand-swap:read")
    for path, body in (("amend", {}), ("sign", {"digest": "x"})):
        assert reader.post(f"/deals/spring/{path}", body, 403)["code"] == "forbidden"
