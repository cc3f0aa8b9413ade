"""Whatever a partner sends is taken or refused in words: it never fails the delivery, nor any view of the deals."""

from __future__ import annotations

import hashlib
import json

import pytest
from swap_scene import DAY, body_of

from scrm_core.db.bulk import execute


def unhurt(side) -> bool:
    """Nothing is parked, and the plugin is delivered to as before."""
    with side.brand:
        (parked,) = execute("SELECT count(*) FROM parked").fetchone()
        states = execute("SELECT DISTINCT state FROM plugin_cursor").fetchall()
    return parked == 0 and [tuple(row) for row in states] == [("active",)]


def proposal(text: str, **more):
    return {
        "deal": "summer", "version": 1, "until": 2**41, "answers": "", "text": text,
        "digest": hashlib.sha256(text.encode()).hexdigest(), **more,
    }  # fmt: skip


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    "text",
    [
        "[" * 9_999,
        "[]",
        '"summer"',
        "7",
        "NaN",
        "1" * 9_000,
        '{"deal":"summer"}',
        '{"\\u0000":1}',
        '{"\\ud800":1}',
        '{"deal":"\\u0000"}',
        '{"deal":["summer"]}',
    ],
    ids=lambda text: text[:20],
)
def test_a_proposal_that_is_no_text_of_terms_is_refused(swap, text):
    swap.meet()
    swap.a.send("swap.offer", proposal(text, until=swap.clock.now() + DAY), "odd")
    swap.settle_down()
    assert unhurt(swap.b)
    (refused,) = swap.b.refused()
    assert "refused" in refused or "altered" in refused
    with swap.b.brand:
        assert swap.b.swaps.deals() == []


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("change", [{"until_at": 2**53}, {"note": "\0"}, {"note": "a\x07b"}])
def test_terms_that_nobody_could_read_are_refused_on_both_sides(swap, change):
    swap.meet()
    terms = swap.terms(window_days=7, keep_days=7, note="") | {"deal": "summer"} | change
    text = json.dumps(terms, sort_keys=True, separators=(",", ":"))
    swap.a.send("swap.offer", proposal(text, until=swap.clock.now() + DAY), "odd")
    swap.settle_down()
    assert unhurt(swap.b)
    (refused,) = swap.b.refused()
    assert "terms are refused" in refused


def test_a_proposal_that_stands_for_ever_is_refused_and_no_view_breaks(swap):
    swap.meet()
    swap.offer()
    body = body_of(swap.b, "swap.offer")
    text = body["text"].replace('"spring"', '"summer"')
    swap.a.send("swap.offer", {**body, **proposal(text), "until": 2**53 - 1}, "odd")
    swap.settle_down()
    (refused,) = swap.b.refused()
    assert "60 days" in refused
    with swap.b.brand:
        assert [swap.b.swaps.view(deal)["deal"] for deal in swap.b.swaps.deals()] == ["spring"]


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("change", [{"open": True}, {"open": 1.0}, {"open": [1]}, {"seq": True}, {"totals": [1]}])
def test_totals_of_another_type_are_refused(swap, change):
    swap.agree()
    swap.b.lead("p1", state=swap.b.deal().link)
    swap.settle_down()
    swap.upkeep()
    body = body_of(swap.a, "swap.counts")
    swap.b.send("swap.counts", {**body, "seq": body["seq"] + 1, **change}, "odd")
    swap.settle_down()
    assert unhurt(swap.a)
    (refused,) = swap.a.refused()
    assert "whole numbers" in refused or "out of order" in refused


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    "text", ['{"deal":"\\u0000"}', '{"deal":"\\ud800"}', "[" * 9_999, "{" + '"a":{' * 200 + "}" * 201, "NaN", ""]
)
def test_a_statement_of_odd_characters_is_disputed_or_refused_and_hurts_nobody(swap, text):
    swap.agree()
    swap.clock.advance(days=44)
    swap.upkeep()
    with swap.b.brand:
        execute("UPDATE cross_brand_swap_deal SET state = 'settling'")
    swap.a.send(
        "swap.settle", {"deal": "spring", "text": text, "digest": hashlib.sha256(text.encode()).hexdigest()}, "odd"
    )
    swap.settle_down()
    assert unhurt(swap.b)
    assert swap.b.refused()


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("swap.link", {"url": None}),
        ("swap.link", {"url": 7, "words": ["x"]}),
        ("swap.decline", {"version": 1, "reason": {"a": 1}}),
        ("swap.profile", {"role": ["brand"], "categories": "all", "size": True, "repeat_days": 1.5}),
        ("swap.profile", {}),
        ("swap.overlap.ask", {"run": "r" * 20, "k": True, "public": "é" * 64}),
        ("swap.overlap.answer", {"run": {"a": 1}}),
        ("swap.nonsense", {}),
    ],
)
def test_odd_bodies_are_refused(swap, kind, body):
    swap.agree()
    swap.b.send(kind, {"deal": "spring", **body}, "odd")
    swap.settle_down()
    assert unhurt(swap.a)
    assert len(swap.a.refused()) == 1
    assert swap.a.state() == "agreed"
