"""From every state both sides can go on: what lapses ends, what is refused is told, what was lost is told again."""

from __future__ import annotations

import dataclasses
import json

import pytest
from swap_scene import ACME, MOONCO, Side, Swap, body_of

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict
from scrm_cross_brand_swap import CrossBrandSwap


def acts(side, code="spring") -> list[tuple[str, str]]:
    with side.brand:
        return [(step["by"], step["act"]) for step in side.swaps.steps(code)][::-1]


def lose(side, kind: str) -> None:
    """The messages of a kind that wait at a side are dead: the partner was away for too long."""
    with side.brand:
        done = execute("UPDATE partner_out SET state = 'dead' WHERE kind = ? AND state = 'waiting'", (kind,))
        assert done.rowcount == 1


def deliver(side, swap) -> None:
    swap._deliver(side.brand)


def rename_partner(side, swap, before: str, after: str) -> None:
    path = side.brand.installation.config.brands_dir / f"{side.brand.id}.toml"
    path.write_text(path.read_text("utf-8").replace(before, after), "utf-8")
    side.brand = side.brand.installation.brand(side.brand.id)
    side.swaps.brand = side.brand


def test_a_proposal_that_nobody_answers_ends_on_both_sides(swap):
    swap.meet()
    swap.offer()
    swap.clock.advance(days=7)
    swap.upkeep()
    assert (swap.a.state(), swap.b.state()) == ("open", "open")
    swap.clock.advance(ms=1)
    swap.upkeep()
    assert (swap.a.state(), swap.b.state()) == ("declined", "declined")
    assert swap.a.deal().reason == swap.b.deal().reason == "the proposal has lapsed"
    assert swap.a.refused() == swap.b.refused() == []


def test_an_acceptance_that_arrives_too_late_leaves_nobody_waiting(swap):
    swap.meet()
    swap.offer()
    with swap.b.brand:
        swap.b.swaps.contracts.accept("spring", target="https://moon.example/welcome", actor="mike")
    assert swap.b.state() == "accepted"
    swap.clock.advance(days=7, ms=1)
    swap.settle_down()
    swap.upkeep()
    assert (swap.a.state(), swap.b.state()) == ("declined", "declined")


def test_a_withdrawal_and_a_counter_offer_that_cross_end_in_declined_on_both_sides(swap):
    swap.meet()
    swap.offer()
    with swap.a.brand:
        swap.a.swaps.contracts.decline("spring", reason="budget cut", actor="anna")
    with swap.b.brand:
        swap.b.swaps.contracts.counter("spring", swap.terms(quota=80), target="https://moon.example/", actor="mike")
    swap.settle_down()
    assert (swap.a.state(), swap.b.state()) == ("declined", "declined")
    assert swap.b.deal().reason == "budget cut"


def test_a_withdrawal_of_a_text_that_was_never_proposed_is_refused(swap):
    swap.meet()
    swap.offer()
    with swap.b.brand:
        swap.b.swaps.contracts.counter("spring", swap.terms(quota=80), target="https://moon.example/", actor="mike")
    swap.a.send("swap.decline", {"deal": "spring", "version": 1, "digest": "0" * 64, "reason": "x"}, "odd")
    swap.settle_down()
    assert swap.b.state() == "open"
    assert any("altered" in each for each in swap.b.refused())


def test_an_offer_that_is_refused_is_told_to_whom_it_came_from(swap):
    swap.meet()
    swap.offer()
    # Moonco has a deal of this name already, offered by Acme; Acme forgot it, as after a restore, and offers again.
    with swap.a.brand:
        execute("DELETE FROM cross_brand_swap_deal")
        execute("UPDATE partner_out SET key = key || '-old'")
    swap.offer(quota=50)
    assert swap.b.refused() == ["a deal of this code exists"]
    (told,) = [step for step in refusals(swap.a) if step["by"] == "them"]
    assert (told["deal"], told["act"], told["refused"]) == ("spring", "refused offer", "a deal of this code exists")
    # A refusal is not answered by another one.
    assert len(refusals(swap.a)) == len(refusals(swap.b)) == 1


def refusals(side):
    with side.brand:
        return side.swaps.steps(refused=True)


def test_a_link_that_overtakes_a_lost_confirmation_is_kept(swap):
    swap.meet()
    swap.offer()
    with swap.b.brand:
        swap.b.swaps.contracts.accept("spring", target="https://moon.example/welcome", actor="mike")
    with swap.b.brand:
        swap.b.brand.partners.post()
    deliver(swap.a, swap)
    lose(swap.a, "swap.confirm")
    swap.settle_down()
    assert (swap.a.state(), swap.b.state()) == ("agreed", "accepted")
    with swap.a.brand:
        swap.a.brand.partners.replay(None, actor="test")
    swap.settle_down()
    assert (swap.a.state(), swap.b.state()) == ("agreed", "agreed")
    for side in (swap.a, swap.b):
        with side.brand:
            assert side.swaps.ledger.show("spring")["url"].startswith("http")


@pytest.mark.parametrize(
    ("kind", "sender"), [("swap.counts", "a"), ("swap.counts", "b"), ("swap.settle", "a"), ("swap.settled", "b")]
)
def test_a_settlement_goes_on_whichever_of_its_messages_was_lost(swap, kind, sender):
    swap.agree()
    swap.b.lead("p1", state=swap.b.deal().link)
    swap.settle_down()
    swap.upkeep()
    swap.clock.advance(days=30 + 7 + 7)
    side, carry = getattr(swap, sender), swap._post

    def carry_but_that(each):
        if each is side:
            with each.brand:
                execute("UPDATE partner_out SET state = 'dead' WHERE kind = ? AND state = 'waiting'", (kind,))
        return carry(each)

    swap._post = carry_but_that
    for _ in range(4):
        swap.upkeep()
    assert (swap.a.state(), swap.b.state()) != ("settled", "settled")
    swap._post = carry
    # A day later all of it is told again, until it is answered.
    swap.clock.advance(days=1)
    for _ in range(4):
        swap.upkeep()
    assert (swap.a.state(), swap.b.state()) == ("settled", "settled")
    assert swap.a.deal().statement == swap.b.deal().statement
    sent = sum(1 for by, act in acts(swap.a) if (by, act) == ("us", "settle"))
    swap.clock.advance(days=2)
    swap.upkeep()
    assert sum(1 for by, act in acts(swap.a) if (by, act) == ("us", "settle")) == sent


def test_what_is_told_again_is_not_refused(swap):
    swap.agree()
    swap.clock.advance(days=44)
    with swap.b.brand:
        swap.b.swaps.upkeep()
    swap.settle_down()
    for _ in range(3):  # Acme's worker is away for days, Moonco tells its last totals each day
        swap.clock.advance(days=1, ms=1)
        with swap.b.brand:
            swap.b.swaps.upkeep()
        swap.settle_down()
    assert swap.a.refused() == []
    swap.upkeep()
    swap.upkeep()
    assert (swap.a.state(), swap.b.state()) == ("settled", "settled")


def test_a_partner_that_is_named_no_more_stops_nobody_elses_work(swap):
    swap.agree(imbalance=1)
    rename_partner(swap.b, swap, "[partners.acme]", '[partners.other]\nbrand = "acme"')
    # The limit is passed, which would be told at once.
    swap.b.lead("p1", state=swap.b.deal().link)
    deliver(swap.b, swap)
    assert (swap.b.deal().received, swap.b.deal().open_in) == (1, 0)
    with swap.b.brand:
        (parked,) = execute("SELECT count(*) FROM parked").fetchone()
        assert parked == 0
        swap.b.swaps.upkeep()
    swap.clock.advance(days=60)
    with swap.b.brand:
        swap.b.swaps.upkeep()
        with pytest.raises(Conflict, match="names no partner"):
            swap.b.swaps.ledger.show("spring")
    # Named again it goes on where it was.
    rename_partner(swap.b, swap, '[partners.other]\nbrand = "acme"', "[partners.acme]")
    for _ in range(4):
        swap.upkeep()
    assert (swap.a.state(), swap.b.state()) == ("settled", "settled")
    assert json.loads(swap.a.deal().statement)["balance"]["owed"] == 1


def test_of_two_partners_the_removed_one_is_shown_no_more_and_the_others_deal_goes_on(new_installation, deliver, clock):
    star = '[brand]\nid = "starco"\nname = "Star Co"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n' + MOONCO
    installation = new_installation(
        plugins=(CrossBrandSwap,), acme=ACME.replace("[plugins", "[partners.starco]\n[plugins"), moonco=MOONCO, starco=star
    )
    # The scene carries messages between Acme and each of its partners.
    swap, other = Swap(installation, deliver, clock), Swap(installation, deliver, clock)
    other.b = Side(installation.brand("starco"), clock)
    swap.meet()
    other.b.grow(2_000)
    with other.a.brand:
        other.a.swaps.send_profile("starco", actor="test")
    other.tell()
    swap.offer()
    swap.accept()
    with other.a.brand:
        other.a.swaps.offer("starco", swap.terms(deal="autumn"), target="https://acme.example/welcome", actor="anna")
    other.settle_down()
    with other.b.brand:
        other.b.swaps.contracts.accept("autumn", target="https://star.example/welcome", actor="sue")
    other.settle_down()
    with swap.a.brand:
        assert swap.a.swaps.ledger.show("spring")["url"].endswith(swap.b.deal().link)
    rename_partner(swap.a, swap, "[partners.moonco]\n", "")
    other.a = swap.a
    for code in ("spring", "autumn"):
        swap.a.lead(f"by {code}", state=swap.a.deal(code).link)
    other.settle_down()
    clock.advance(days=44)
    for _ in range(3):
        other.upkeep()
    assert (swap.a.state("autumn"), other.b.state("autumn")) == ("settled", "settled")
    with swap.a.brand:
        with pytest.raises(Conflict, match="names no partner 'moonco'"):
            swap.a.swaps.ledger.show("spring")
        assert json.loads(swap.a.deal("autumn").statement)["lines"]["b_to_a"]["add"] == 1


def test_the_steps_of_each_side_are_what_it_did_and_what_it_took(swap):
    swap.agree(imbalance=1)
    with swap.b.brand:
        swap.b.swaps.contracts.tell_link("spring", words="first visit", actor="mike")
    swap.settle_down()
    swap.b.lead("p1", state=swap.b.deal().link)  # stops
    swap.settle_down()
    swap.a.lead("q1", state=swap.a.deal().link)
    swap.settle_down()
    swap.upkeep()  # goes on
    swap.clock.advance(days=44)
    for _ in range(3):
        swap.upkeep()
    assert acts(swap.a) == [
        ("us", "offer"), ("them", "accept"), ("us", "confirm"), ("us", "link"), ("them", "link"), ("them", "link"),
        ("them", "stop"), ("them", "go on"), ("us", "close"), ("them", "close"), ("us", "settle"), ("them", "settled"),
    ]  # fmt: skip
    assert acts(swap.b) == [
        ("them", "offer"), ("us", "accept"), ("them", "confirm"), ("us", "link"), ("them", "link"), ("us", "link"),
        ("us", "stop"), ("us", "go on"), ("us", "close"), ("them", "close"), ("them", "settle"), ("us", "settled"),
    ]  # fmt: skip
    with swap.b.brand:
        links = [step["actor"] for step in swap.b.swaps.steps("spring") if step["act"] == "link" and step["by"] == "us"]
    assert links == ["mike", "cross-brand-swap"]


def test_showing_outside_of_its_time_says_what_it_waits_for(swap):
    swap.meet()
    swap.offer(from_at=1_772_294_400_000, until_at=1_774_972_800_000)

    def said() -> str:
        with swap.a.brand, pytest.raises(Conflict) as refused:
            swap.a.swaps.ledger.show("spring")
        assert refused.value.code == "deal_not_running"
        return str(refused.value)

    # 2026-02-28T16:00Z to 2026-03-31T16:00Z, in Shanghai.
    period = "from 2026-03-01T00:00+08:00 until 2026-04-01T00:00+08:00"
    assert said() == f"deal 'spring' does not run now: it is open, for the time {period}"
    swap.accept()
    assert said() == f"deal 'spring' does not run now: it is agreed, for the time {period}"
    with swap.a.brand:
        execute("UPDATE cross_brand_swap_deal SET show_url = ''")
    swap.clock.set(1_772_294_400_000)
    assert said() == "deal 'spring' does not run now: the partner has told no link that was taken"
    swap.clock.set(1_774_972_800_000)
    assert said() == f"deal 'spring' does not run now: it is agreed, for the time {period}"


def test_a_competitor_that_offers_is_not_accepted_by_mistake(swap):
    swap.a.swaps.settings = {**swap.a.swaps.settings, "categories": ["baby/maternity-centre/premium"]}
    swap.a.grow(1_200)
    swap.b.grow(2_000)
    swap.tell()
    with swap.a.brand:
        swap.a.swaps.offer(
            "moonco", swap.terms(), target="https://acme.example/", despite="they do not mind", actor="anna"
        )
    swap.settle_down()
    with swap.b.brand:
        with pytest.raises(Conflict, match="direct competitor"):
            swap.b.swaps.accept("spring", target="https://moon.example/", actor="mike")
        with pytest.raises(Conflict, match="direct competitor"):
            swap.b.swaps.counter("spring", swap.terms(quota=5), target="https://moon.example/", actor="mike")
        swap.b.swaps.accept("spring", target="https://moon.example/", despite="the owners agreed", actor="mike")
        assert any("the owners agreed" in step["act"] for step in swap.b.swaps.steps("spring"))
    swap.settle_down()
    assert (swap.a.state(), swap.b.state()) == ("agreed", "agreed")


def test_a_profile_that_returns_to_what_it_was_is_told_again_and_an_older_one_does_not_undo_it(swap):
    swap.meet()

    def tell(days: int) -> None:
        swap.a.swaps.settings = {**swap.a.swaps.settings, "repeat_days": days}
        with swap.a.brand:
            swap.a.swaps.send_profile("moonco", actor="anna")

    def known() -> int:
        with swap.b.brand:
            (body,) = execute("SELECT body FROM cross_brand_swap_profile WHERE partner = 'acme'").fetchone()
        return json.loads(body)["repeat_days"]

    for days in (50, 40):
        tell(days)
        swap.settle_down()
        assert known() == days
    older = body_of(swap.b, "swap.profile") | {"at": 1, "repeat_days": 50}
    swap.a.send("swap.profile", older, "an older one")
    swap.settle_down()
    assert known() == 40
    assert "out of order" in swap.b.refused()[0]
    tell(40)
    with swap.a.brand:
        assert execute("SELECT count(*) FROM partner_out WHERE kind = 'swap.profile' AND state <> 'delivered'").fetchone() == (0,)


def test_messages_to_a_brand_that_switched_swaps_off_wait_until_it_switches_them_on(swap):
    swap.meet()
    rename_partner(swap.b, swap, "[plugins.cross-brand-swap]\n", "[plugins.cross-brand-swap]\nenabled = false\n")
    swap.offer()
    rename_partner(swap.b, swap, "enabled = false\n", "")
    swap.settle_down()
    assert swap.b.state() == "open"
    swap.accept()
    assert (swap.a.state(), swap.b.state()) == ("agreed", "agreed")


def test_a_link_that_the_partner_refused_is_told_again_when_it_is_right(swap):
    swap.meet()
    swap.offer()
    with swap.b.brand, pytest.raises(Conflict, match="while it is agreed"):
        swap.b.swaps.contracts.tell_link("spring", actor="mike")
    place = swap.b.brand.installation
    right, place.config = place.config, dataclasses.replace(place.config, base_url="ftp://moon.example")
    with swap.b.brand:
        swap.b.swaps.contracts.accept("spring", target="https://moon.example/welcome", actor="mike")
    swap.settle_down()
    with swap.a.brand, pytest.raises(Conflict, match="does not run"):
        swap.a.swaps.ledger.show("spring")
    assert "the link is refused" in swap.a.refused()[0]
    # Moonco is told why, mends its address, and tells the link again.
    assert any("the link is refused" in each for each in swap.b.refused())
    place.config = right
    with swap.b.brand:
        swap.b.swaps.contracts.tell_link("spring", words="first visit", actor="mike")
    swap.settle_down()
    with swap.a.brand:
        shown = swap.a.swaps.ledger.show("spring")
    assert (shown["url"].endswith(f"/l/{swap.b.deal().link}"), shown["words"]) == (True, "first visit")


def test_totals_of_a_brand_that_was_restored_from_a_backup_are_taken(swap):
    swap.agree()
    link = swap.b.deal().link
    for name in ("p1", "p2", "p3"):
        swap.b.lead(name, state=link)
        swap.settle_down()
        swap.upkeep()
    with swap.b.brand:  # the books of yesterday: fewer tellings than the partner has heard
        execute("UPDATE cross_brand_swap_deal SET seq = 0, sent = '', received = 1")
        execute("DELETE FROM partner_out")
    swap.upkeep()
    assert swap.a.refused() == []
    assert swap.a.deal().given == 1
