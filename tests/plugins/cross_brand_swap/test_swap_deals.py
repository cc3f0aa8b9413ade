"""Partners that fit make a deal that both agree to, word for word; what is late, altered or foreign is refused."""

from __future__ import annotations

import hashlib
import json

import pytest
from swap_scene import DAY, body_of

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound, ScrmError


def test_a_partner_fits_by_category_size_and_for_a_channel_by_repeat(swap):
    with swap.a.brand, pytest.raises(NotFound, match="not told its profile"):
        swap.a.swaps.fit("moonco", "traffic")
    swap.meet()
    with swap.a.brand:
        fit = swap.a.swaps.fit("moonco", "channel")
    # 2,000 to 1,200 people are 1.6666 times.
    assert (fit.fits, fit.against, fit.ratio_bp) == (True, (), 16_666)


@pytest.mark.parametrize(
    ("acme", "moonco", "grown", "kind", "said"),
    [
        ("", 'categories = ["baby/diapers", "toys"]', (1_200, 2_000), "traffic", "direct competitor: both sell baby/diapers"),
        ('barred_categories = ["baby/maternity-centre"]', "", (1_200, 2_000), "traffic", "barred category"),
        ("", "", (1_000, 3_100), "traffic", "audiences differ 3.1 times; 3.0 at most"),
        ("", "", (1_200, 999), "traffic", "an audience is below 1,000 people"),
        ("repeat_days = 91", "", (1_200, 2_000), "channel", "not bought again within 90 days"),
        ("", "repeat_days = 179", (1_200, 2_000), "channel", "the channel is bought again within 180 days"),
        ("", 'role = "brand"', (1_200, 2_000), "channel", "a brand on one side and a channel on the other"),
    ],
)
def test_what_speaks_against_a_partner_is_said_and_stops_the_offer(swaps, acme, moonco, grown, kind, said):
    swap = swaps()
    for side, text, count in ((swap.a, acme, grown[0]), (swap.b, moonco, grown[1])):
        values = dict(side.swaps.settings)
        if text:
            name, _, value = text.partition(" = ")
            values[name] = json.loads(value)
        side.swaps.settings = values
        side.grow(count)
    swap.tell()
    with swap.a.brand:
        fit = swap.a.swaps.fit("moonco", kind)
        assert not fit.fits
        assert any(said in each for each in fit.against), fit.against
        with pytest.raises(Conflict, match="does not fit"):
            swap.a.swaps.offer("moonco", swap.terms(kind=kind), target="https://acme.example/", actor="anna")
        swap.a.swaps.offer(
            "moonco", swap.terms(kind=kind), target="https://acme.example/", despite="the owners agreed", actor="anna"
        )
        assert "the owners agreed" in swap.a.swaps.steps("spring")[0]["act"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", ["discount", "mutual", "channel"])
def test_each_kind_of_swap_shows_the_others_code_and_counts_who_comes_by_it(swap, kind):
    swap.meet()
    with swap.a.brand:
        swap.a.swaps.offer(
            "moonco", swap.terms(kind=kind), target="https://acme.example/", words="code ACME10", actor="anna"
        )
    swap.settle_down()
    with swap.b.brand:
        swap.b.swaps.contracts.accept("spring", target="https://moon.example/", words="group MOON", actor="mike")
    swap.settle_down()
    assert (swap.a.state(), swap.b.state()) == ("agreed", "agreed")
    for here, there, words in ((swap.a, swap.b, "group MOON"), (swap.b, swap.a, "code ACME10")):
        with here.brand:
            shown = here.swaps.ledger.show("spring")
        assert (shown["words"], shown["url"].endswith(f"/l/{there.deal().link}")) == (words, True)
    swap.a.lead("guest", state=swap.a.deal().link)
    swap.settle_down()
    swap.upkeep()
    assert (swap.a.deal().received, swap.b.deal().given) == (1, 1)


def test_an_offer_countered_and_accepted_is_the_same_text_on_both_sides(swap):
    swap.meet()
    swap.offer(quota=100)
    assert (swap.a.deal().turn, swap.b.deal().turn) == ("them", "us")
    with swap.b.brand:
        with pytest.raises(Invalid, match="are led"):
            swap.b.swaps.contracts.counter("spring", swap.terms(quota=80), actor="mike")
        swap.b.swaps.contracts.counter("spring", swap.terms(quota=80), target="https://moon.example/", actor="mike")
    swap.settle_down()
    assert (swap.a.deal().turn, swap.a.deal().quota, swap.a.deal().version) == ("us", 80, 2)
    with swap.b.brand, pytest.raises(Conflict, match="not this brand's to answer"):
        swap.b.swaps.contracts.accept("spring", target="https://moon.example/", actor="mike")
    with swap.a.brand:
        swap.a.swaps.contracts.accept("spring", actor="anna")
    swap.settle_down()
    assert (swap.a.state(), swap.b.state()) == ("agreed", "agreed")
    a, b = swap.a.deal(), swap.b.deal()
    assert a.text == b.text and a.digest == b.digest == hashlib.sha256(a.text.encode()).hexdigest()
    assert json.loads(a.text)["quota"] == 80


def test_each_side_shows_the_others_link_once_both_agreed(swap):
    swap.agree()
    for side, other in ((swap.a, swap.b), (swap.b, swap.a)):
        with side.brand:
            shown = side.swaps.ledger.show("spring")
        assert shown["url"].endswith(f"/l/{other.deal().link}")


def test_a_withdrawal_and_an_acceptance_that_cross_end_in_declined_on_both_sides(swap):
    swap.meet()
    swap.offer()
    with swap.a.brand:
        swap.a.swaps.contracts.decline("spring", reason="budget cut", actor="anna")
    swap.accept()
    assert (swap.a.state(), swap.b.state()) == ("declined", "declined")
    assert swap.a.refused() == ["out of order: the deal is declined"]


def test_a_late_answer_is_refused_on_both_sides(swap):
    swap.meet()
    swap.offer()
    deal = swap.b.deal()
    swap.clock.advance(days=7, ms=1)
    with swap.b.brand, pytest.raises(Conflict, match="has lapsed"):
        swap.b.swaps.contracts.accept("spring", target="https://moon.example/", actor="mike")
    # A partner that does not ask its own clock.
    swap.b.send("swap.accept", {"deal": "spring", "version": 1, "digest": deal.digest}, "late")
    swap.settle_down()
    assert swap.a.state() == "open"
    assert swap.a.refused() == ["late: the proposal has lapsed"]


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("swap.accept", {"digest": "0" * 64}, "altered"),
        ("swap.accept", {"version": 2}, "out of order"),
        ("swap.accept", {"deal": "autumn"}, "no such deal"),
        ("swap.accept", {"deal": None}, "no such deal"),
        ("swap.confirm", {}, "out of order"),
        ("swap.link", {"url": "https://moon.example/"}, "out of order"),
        ("swap.counts", {}, "out of order"),
        ("swap.settle", {}, "out of order"),
        ("swap.settled", {}, "out of order"),
        ("swap.counter", {"version": 2, "answers": "0" * 64, "until": 2**50, "text": "{}"}, "altered"),
        ("swap.offer", {"until": 2**50, "text": "x" * 20_000}, "a proposal has a text"),
    ],
)
def test_a_message_out_of_order_or_altered_is_refused_and_written_down(swap, kind, change, said):
    swap.meet()
    swap.offer()
    deal = swap.a.deal()
    swap.b.send(kind, {"deal": "spring", "version": 1, "digest": deal.digest, **change}, "odd")
    swap.settle_down()
    assert swap.a.deal() == deal
    (refused,) = swap.a.refused()
    assert said in refused


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda body: {**body, "text": body["text"].replace('"quota":100', '"quota":900')}, "altered"),
        (lambda body: _signed(body, body["text"].replace(",", ", ")), "not the one text"),
        (lambda body: _signed(body, body["text"].replace('"quota":100', '"quota":0')), "terms are refused"),
        (lambda body: _signed(body, body["text"].replace('"quota":100', '"quota":100,"price":1')), "terms are refused"),
        (lambda body: {**body, "deal": "autumn"}, "not the one text"),
        (lambda body: {**body, "version": 2}, "version 1"),
        (lambda body: {**body, "until": 1}, "late"),
    ],
)
def test_an_offer_whose_text_is_not_the_one_text_of_its_terms_is_refused(swap, change, said):
    swap.meet()
    swap.offer()
    body = body_of(swap.b, "swap.offer")
    # The same offer under another code, changed on its way.
    body = _signed({**body, "deal": "summer"}, body["text"].replace('"spring"', '"summer"'))
    swap.a.send("swap.offer", change(body), "odd")
    swap.settle_down()
    with swap.b.brand:
        assert [deal.code for deal in swap.b.swaps.deals()] == ["spring"]
    (refused,) = swap.b.refused()
    assert said in refused


def _signed(body, text):
    return {**body, "text": text, "digest": hashlib.sha256(text.encode()).hexdigest()}


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    "change",
    [
        {"quota": 0}, {"quota": 1.5}, {"imbalance": 101}, {"unit": "likes"}, {"kind": "barter"}, {"until_at": 0},
        {"deal": "Spring!"}, {"price": 1},
    ],
)  # fmt: skip
def test_bad_terms_are_refused_before_anything_is_sent(swap, change):
    swap.meet()
    with swap.a.brand, pytest.raises((Invalid, NotFound)):
        swap.a.swaps.offer("moonco", swap.terms(**change), target="https://acme.example/", actor="anna")
    with swap.a.brand, pytest.raises(Invalid):
        swap.a.swaps.offer("moonco", swap.terms(), target="javascript:alert(1)", actor="anna")
    swap.settle_down()
    with swap.b.brand:
        assert swap.b.swaps.deals() == []


def everything(side) -> list[int]:
    tables = ("cross_brand_swap_deal", "cross_brand_swap_step", "partner_out", "event")
    with side.brand:
        return [execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]


def test_a_dry_run_writes_and_sends_nothing(swap):
    swap.meet()
    before = everything(swap.a)
    with swap.a.brand:
        told = swap.a.swaps.dry_run("moonco", swap.terms(), target="https://acme.example/")
    assert everything(swap.a) == before
    assert told["fits"] and json.loads(told["text"])["until_at"] == swap.clock.now() + 30 * DAY
    assert told["digest"] == hashlib.sha256(told["text"].encode()).hexdigest()
    swap.offer()
    assert swap.a.deal().text == told["text"]


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("partner", "change", "more"),
    [
        ("moonco", {}, {"target": "javascript:1"}),
        ("moonco", {"deal": "taken"}, {}),
        ("moonco", {"kind": "channel"}, {}),  # moonco is a channel that is bought again too soon for it
        ("moonco", {"from_at": 1_772_294_400, "until_at": 1_774_972_800}, {}),  # seconds
        ("moonco", {"quota": 0}, {}),
        ("moonco", {}, {"words": "x" * 501}),
        ("moonco", {"kind": "barter"}, {}),
        ("starco", {}, {}),
    ],
)
def test_a_dry_run_refuses_what_the_offer_refuses_in_the_same_words(swaps, partner, change, more):
    swap = swaps(acme="channel_repeat_days = 800\n")
    swap.meet()
    with swap.a.brand:
        swap.a.swaps.offer("moonco", swap.terms(deal="taken"), target="https://acme.example/", actor="anna")
    before, said = everything(swap.a), []
    given = {"target": "https://acme.example/", **more}
    for ask in (swap.a.swaps.dry_run, lambda *args, **named: swap.a.swaps.offer(*args, **named, actor="anna")):
        with swap.a.brand, pytest.raises(ScrmError) as refused:
            ask(partner, swap.terms(**change), **given)
        said.append((refused.value.code, str(refused.value)))
    assert said[0] == said[1]
    assert everything(swap.a) == before


def test_a_dry_run_says_what_speaks_against_an_offer_that_is_made_despite_it(swaps):
    swap = swaps(acme="channel_repeat_days = 800\n")
    swap.meet()
    with swap.a.brand:
        told = swap.a.swaps.dry_run(
            "moonco", swap.terms(kind="channel"), target="https://acme.example/", despite="a trial"
        )
        assert swap.a.swaps.deals() == []
    assert told["fits"] is False and len(told["against"]) == 1


def test_instants_in_seconds_are_named_as_the_day_that_they_are(swap):
    swap.meet()
    with swap.a.brand, pytest.raises(Invalid, match=r"ends 1970-01-21T\d\d:\d\d.*epoch milliseconds"):
        swap.a.swaps.offer(
            "moonco",
            swap.terms(from_at=1_772_294_400, until_at=1_774_972_800),
            target="https://acme.example/",
            actor="anna",
        )


def test_a_deal_whose_time_is_over_is_neither_offered_nor_accepted(swap):
    swap.meet()
    now = swap.clock.now()
    with swap.a.brand, pytest.raises(Invalid, match="is over"):
        swap.a.swaps.offer(
            "moonco", swap.terms(from_at=now - DAY, until_at=now), target="https://acme.example/", actor="anna"
        )
    swap.offer(until_at=now + DAY)
    swap.clock.advance(days=1)
    with swap.b.brand:
        with pytest.raises(Conflict, match="is over"):
            swap.b.swaps.accept("spring", target="https://moon.example/", actor="mike")
        # A counter-offer may name a later end.
        with pytest.raises(Invalid, match="is over"):
            swap.b.swaps.counter(
                "spring", swap.terms(from_at=now, until_at=now + DAY), target="https://moon.example/", actor="mike"
            )
        swap.b.swaps.counter("spring", swap.terms(), target="https://moon.example/", actor="mike")
    swap.settle_down()
    assert swap.a.deal().turn == "us"
    # A partner that does not ask its own clock.
    text = json.dumps(
        swap.terms(from_at=now, until_at=now + DAY, window_days=7, keep_days=7, note="") | {"deal": "autumn"},
        sort_keys=True, separators=(",", ":"),
    )  # fmt: skip
    body = _signed({"deal": "autumn", "version": 1, "until": swap.clock.now() + DAY, "answers": ""}, text)
    swap.a.send("swap.offer", body, "odd")
    swap.settle_down()
    assert swap.b.refused() == ["late: the time of the deal is over"]
