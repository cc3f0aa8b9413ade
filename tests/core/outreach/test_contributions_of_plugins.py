"""Orders put down to plugins: the last that reached the buyer before they paid, each order once; off is not zero."""

from __future__ import annotations

from datetime import datetime

import pytest
from outreach_scene import RECORDERS, Mailer, Recorder

from scrm_core.api import IdentityIn, LeadIn, LineIn, OrderIn, Plugin, RewardOrder
from scrm_core.jobs import due_jobs, run_job
from scrm_core.services import contributions
from scrm_core.services.order_types import RefundIn


class Gifts(Plugin):
    """Issues gifts, which it and others have granted."""

    name, version, summary, requires_core = "gifts", "1", "gifts", ">=0"
    panel = "repurchase"
    reward_kinds = {"gift": "a gift"}

    def issue_reward(self, order: RewardOrder) -> dict:
        return {}

    def reverse_reward(self, order: RewardOrder) -> None:
        """A gift is taken back without more."""


class Draws(Plugin):
    """Has gifts granted by others."""

    name, version, summary, requires_core = "draws", "1", "draws", ">=0"
    panel = "hit"


class Codes(Plugin):
    """Makes links."""

    name, version, summary, requires_core = "codes", "1", "codes", ">=0"
    panel = "acquire"


class Quiet(Plugin):
    """Feeds no panel and reaches nobody."""

    name, version, summary, requires_core = "quiet", "1", "quiet", ">=0"


ON = "".join(f"[plugins.{name}]\n" for name in ("mailer", "gifts", "draws", "codes", "quiet"))
FREE = '[outreach]\none_to_one_per_week = "none"\nquiet_hours = "none"\n[outreach.channels.sms]\nper_7_days = "none"\nper_30_days = "none"\n'


@pytest.fixture
def shops(new_installation, clock):
    RECORDERS.clear()
    RECORDERS["acme"] = Recorder()
    house = new_installation(plugins=(Mailer, Gifts, Draws, Codes, Quiet), acme=ON + FREE, moonco="[plugins.gifts]\n")
    return house.brand("acme"), house.brand("moonco")


class Person:
    """Somebody who is reached in some ways and buys, at the test's clock."""

    def __init__(self, brand, nth, link=""):
        self.brand, self.nth = brand, nth
        self.phone = f"+861380013{nth:04}"
        identity = IdentityIn.of("phone", self.phone)
        self.id = brand.contacts.capture_lead(
            LeadIn(source="t", reference=str(nth), identities=(identity,), at=brand.now(), state=link)
        ).contact_id
        brand.consent.record(self.id, "marketing_sms", granted=True, source="t")

    def told(self):
        run = self.brand.outreach.open_run(f"r{self.nth}", owner="mailer", channel="sms", kind="marketing", sender="recorder")
        self.brand.outreach.queue_body(run.id, self.phone, "hello", contact_id=self.id)
        self.brand.outreach.release(run.id, 10_000)
        self.brand.outreach.start(run.id)
        self.brand.outreach.drain()
        return self

    def given(self, actor="", key=""):
        self.brand.rewards.grant("gift", self.id, grant_key=key or f"g{self.nth}", actor=actor)
        return self

    def buys(self, paid, status="completed", number=""):
        line = LineIn(sku="A", title="", qty=1, paid_minor=paid, gift=False)
        self.brand.orders.upsert(OrderIn(
            source="t", number=number or f"N{self.nth}", status=status, paid_at=self.brand.now(), paid_minor=paid,
            buyer=(IdentityIn.of("phone", self.phone),), lines=(line,), platform="t",
        ))  # fmt: skip


def ranked(brand):
    with brand:
        return brand.reports.contributions()


def figures(brand):
    """Those of plugins that are on, and of none."""
    return {
        each.plugin: (each.buyers, each.orders, each.links, each.messages, each.rewards, each.revenue)
        for each in ranked(brand)
        if each.on
    }


@pytest.fixture
def link(shops):
    with shops[0] as acme:
        acme.channels.create("shelf")
        return acme.links.create("shelf", "https://shop.example/", owner="codes").code


def test_an_order_is_put_down_to_whoever_reached_the_buyer_last_before_the_payment(shops, link, clock):
    acme, moonco = shops
    with acme:
        first, second, third, fourth = Person(acme, 1, link), Person(acme, 2, link), Person(acme, 3, link), Person(acme, 4)
        clock.advance(hours=1)
        first.told(), second.told()
        clock.advance(hours=1)
        first.given()
        clock.advance(hours=1)
        for nth, person in enumerate((first, second, third, fourth)):
            person.buys(1_000 * 10**nth)
        # A second order of the same buyer, and what comes with the payment or behind it.
        clock.advance(hours=1)
        third.buys(50, number="N3b")
        fourth.given()
        clock.advance(hours=1)
        fourth.told()
    with moonco:
        other = Person(moonco, 1)
        clock.advance(hours=1)
        other.given()
        clock.advance(hours=1)
        other.buys(77_700)
    assert figures(acme) == {
        "codes": (1, 2, 2, 0, 0, 100_050), "mailer": (1, 1, 0, 1, 0, 10_000), "gifts": (1, 1, 0, 0, 1, 1_000),
        "draws": (0, 0, 0, 0, 0, 0), "": (None, 1, None, None, None, 1_000_000),
    }  # fmt: skip
    assert [each.plugin for each in ranked(acme)][:3] == ["codes", "mailer", "gifts"], "the most revenue first"
    assert figures(moonco)["gifts"] == (1, 1, 0, 0, 1, 77_700)


def test_a_reward_belongs_to_the_plugin_that_had_it_granted_and_to_nobody_once_it_is_taken_back(shops, clock):
    acme, _ = shops
    with acme:
        drawn, given, back = Person(acme, 1), Person(acme, 2), Person(acme, 3)
        drawn.given("draws"), given.given("user:otto"), back.given("draws")
        acme.rewards.reverse("g3", reason="by mistake")
        clock.advance(hours=1)
        drawn.buys(300), given.buys(200), back.buys(100)
    assert figures(acme)["draws"] == (1, 1, 0, 0, 1, 300)
    assert figures(acme)["gifts"] == (1, 1, 0, 0, 1, 200)
    assert figures(acme)[""] == (None, 1, None, None, None, 100)


def test_only_what_lies_within_the_window_and_the_days_counts_and_an_order_that_does_not_count_does_not(shops, clock):
    acme, _ = shops
    with acme:
        late, just, closed, old = (Person(acme, nth) for nth in range(1, 5))
        old.given()
        clock.advance(hours=1)
        old.buys(9_000)
        clock.advance(days=40)
        late.given(), just.given(), closed.given()
        clock.advance(days=30)
        just.buys(100), closed.buys(4_000, "closed")
        clock.advance(seconds=1)
        late.buys(10)
    assert figures(acme)["gifts"] == (1, 1, 0, 0, 1, 100)
    assert figures(acme)[""][1] == 1


def test_a_plugin_that_is_off_is_off_and_never_zero_and_keeps_what_it_brought(shops, link, clock):
    acme, moonco = shops
    off = {each.plugin: each for each in ranked(moonco) if not each.on}
    assert off["draws"].revenue is None and off["codes"].orders is None and off["codes"].buyers is None
    assert "quiet" not in off and figures(moonco)["gifts"] == (0, 0, 0, 0, 0, 0)
    with acme:
        person = Person(acme, 1, link)
        clock.advance(hours=1)
        person.buys(700)
    path = acme.installation.config.brands_dir / "acme.toml"
    path.write_text(path.read_text("utf-8").replace("[plugins.codes]", "[plugins.codes]\nenabled = false"), "utf-8")
    (codes,) = [each for each in ranked(acme.installation.brand("acme")) if each.plugin == "codes"]
    assert (codes.on, codes.orders, codes.revenue) == (False, 1, 700)


def test_the_report_says_off_leaves_its_figures_out_and_draws_what_was_brought(shops, clock):
    with shops[1] as moonco:
        person = Person(moonco, 1).given()
        clock.advance(hours=1)
        person.buys(700)
        table = moonco.reports.run("contributions")
    rows = {row["plugin"]: (row["state"], row["orders"], row["revenue"]) for row in table.rows}
    assert rows["gifts"] == ("on 开启", 1, 700) and rows["draws"] == ("off 关闭", None, None)
    assert rows["(no plugin 无插件)"] == ("", 0, 0)
    assert (table.chart.kind, table.chart.y) == ("bars", ("revenue",))


@pytest.fixture
def large(monkeypatch):
    """Three orders of these days are many."""
    monkeypatch.setattr("scrm_core.services.contributions.LIVE", 2)


def three_gifts_and_orders(brand, clock, first=1):
    """Three people who were given something and paid 100, 200 and 300."""
    people = [Person(brand, nth).given() for nth in range(first, first + 3)]
    clock.advance(hours=1)
    for paid, person in enumerate(people, 1):
        person.buys(100 * paid)
    return people


def counts(brand, clock):
    """The job, whose next turn has come."""
    clock.advance(seconds=600)
    (due,) = [each for each in due_jobs(brand) if each.job == "contributions"]
    assert run_job(brand, due)


def test_of_many_orders_the_last_count_is_told_with_its_instant_and_the_next_one_has_what_happened_since(
    shops, large, clock
):
    acme, moonco = shops
    with acme:
        first, _, third = three_gifts_and_orders(acme, clock)
        counts(acme, clock)
        counted_at = clock.now()
        assert figures(acme)["gifts"] == (3, 3, 0, 0, 3, 600)
        # A refund, a late order of before, a reward taken back, a merge and an erasure.
        clock.advance(seconds=60)
        acme.orders.refund(RefundIn("t", "N1", "R1", 40, clock.now()))
        clock.advance(hours=-1, seconds=30)
        Person(acme, 4).buys(5_000)
        clock.advance(hours=1)
        acme.rewards.reverse("g2", reason="by mistake")
        assert figures(acme)["gifts"] == (3, 3, 0, 0, 3, 600)
        assert {each.as_of for each in ranked(acme)} == {counted_at}
        (row, *_) = acme.reports.run("contributions").rows
        assert row["as_of"] == f"{datetime.fromtimestamp(counted_at / 1000, acme.zone):%Y-%m-%d %H:%M}"
        counts(acme, clock)
        assert figures(acme)["gifts"] == (2, 2, 0, 0, 2, 360)
        assert figures(acme)[""] == (None, 2, None, None, None, 5_200)
        acme.contacts.merge(first.id, third.id, actor="t", reason="one person")
        counts(acme, clock)
        assert figures(acme)["gifts"] == (1, 2, 0, 0, 2, 360)
        acme.privacy.erase(first.id, actor="t")
        counts(acme, clock)
        assert figures(acme)["gifts"] == (1, 2, 0, 0, 2, 360), "what an erased person paid stays counted"
    assert figures(moonco)["gifts"] == (0, 0, 0, 0, 0, 0)


def test_a_count_that_grew_old_or_knew_another_window_is_not_told(shops, large, clock):
    acme, _ = shops
    with acme:
        three_gifts_and_orders(acme, clock)
        counts(acme, clock)
        acme.orders.refund(RefundIn("t", "N1", "R1", 40, clock.now()))
        clock.advance(seconds=1_800)
        assert figures(acme)["gifts"][-1] == 600
        clock.advance(ms=1)
        assert figures(acme)["gifts"][-1] == 560, "no worker has counted for three turns"
        counts(acme, clock)
        acme.orders.refund(RefundIn("t", "N2", "R2", 50, clock.now()))
        assert figures(acme)["gifts"][-1] == 560
    path = acme.installation.config.brands_dir / "acme.toml"
    path.write_text(path.read_text("utf-8") + "[attribution]\nwindow_days = 7\n", "utf-8")
    assert figures(acme.installation.brand("acme"))["gifts"][-1] == 510


def test_few_orders_are_counted_when_asked_for_and_the_job_keeps_none(shops, clock):
    acme, _ = shops
    with acme:
        three_gifts_and_orders(acme, clock)
        counts(acme, clock)
        acme.orders.refund(RefundIn("t", "N1", "R1", 40, clock.now()))
        clock.advance(seconds=1)
        assert figures(acme)["gifts"][-1] == 560
        assert {each.as_of for each in ranked(acme)} == {clock.now()}


def test_of_two_that_count_at_once_the_later_count_stays(shops, large, clock):
    acme, _ = shops
    with acme:
        three_gifts_and_orders(acme, clock)
        early = contributions._counted(acme)
        clock.advance(seconds=1)
        acme.orders.refund(RefundIn("t", "N1", "R1", 40, clock.now()))
        contributions.keep(acme)
        contributions._write(contributions._known(acme), acme.config.attribution_days, early)
        assert figures(acme)["gifts"][-1] == 560


def test_a_clock_that_was_ahead_for_a_while_leaves_no_count_that_none_replaces(shops, large, clock):
    acme, _ = shops
    with acme:
        three_gifts_and_orders(acme, clock)
        clock.advance(days=7)
        contributions.keep(acme)
        clock.advance(days=-7)
        contributions.keep(acme)
        counted_at = clock.now()
        clock.advance(seconds=60)
        assert {each.as_of for each in ranked(acme)} == {counted_at}
