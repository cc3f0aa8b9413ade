"""Goals of a month: worked back from members, planned by channel, and beside what came, in the brand's own days."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from scrm_core.api import (
    ConfigError,
    IdentityIn,
    Invalid,
    LeadIn,
    LineIn,
    Metric,
    MetricsQuery,
    MetricValue,
    OrderIn,
    Plugin,
    hookimpl,
    local_instant,
)
from scrm_core.config import load_brand
from scrm_core.goals_config import NorthStar, contacts_needed

GOALS = """
[plugins.scans]
[goals]
contacts = 30
members = 12
orders = 10
revenue_minor = 100_000
join_rate = "0.30"
[goals.metrics]
"scans.opened" = 90
"nobody.there" = 5
[goals.channels.cards]
contacts = 20
[goals.channels.live]
contacts = 10
class = "paid"
"""


class Scans(Plugin):
    name = "scans"
    version = "1"
    summary = "counts"
    requires_core = ">=0"
    metrics = {"opened": Metric("opened")}

    @hookimpl
    def collect_metrics(self, query: MetricsQuery):
        return [MetricValue("opened", day, 4, kind) for day in range(query.first_day, query.last_day + 1) for kind in ("a", "b")]


@pytest.mark.parametrize(
    ("contacts", "members", "rate", "needed"),
    [
        (20_000, 10_000, "0.40", NorthStar(25_000, "members")),
        (20_000, 10_000, "0.45", NorthStar(22_223, "members")),
        (20_000, 10_000, "0.60", NorthStar(20_000, "contacts")),
        (20_000, 10_000, "0.5", NorthStar(20_000, "contacts")),
        (0, 1, "1", NorthStar(1, "members")),
        (0, 3 * 10**14, "0.000003", NorthStar(10**20, "members")),
    ],
)
def test_contacts_are_worked_back_from_members_and_rounded_up(contacts, members, rate, needed):
    assert contacts_needed(contacts, members, Decimal(rate)) == needed


@pytest.mark.parametrize("rate", ["0", "1.01", "-0.4", "NaN", "Infinity"])
def test_a_rate_that_is_no_share_is_an_error(rate):
    with pytest.raises(Invalid, match="above 0 and be at most 1"):
        contacts_needed(20_000, 10_000, Decimal(rate))


def brand_file(tmp_path, text):
    path = tmp_path / "acme.toml"
    path.write_text('[brand]\nid = "acme"\nname = "Acme"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n' + text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[goals]\ncontacts = 25000\n[goals.channels.a]\ncontacts = 7000\n[goals.channels.b]\ncontacts = 17999\n",
         "[goals.channels]: sum to 24,999, which is 1 under [goals] contacts (25,000); both must be equal"),
        ("[goals]\ncontacts = 25000\n[goals.channels.a]\ncontacts = 25018\n",
         "[goals.channels]: sum to 25,018, which is 18 over [goals] contacts (25,000); both must be equal"),
        ('[goals]\njoin_rate = "0"\n', 'join_rate: found \'0\'; must be above 0 and at most 1, such as "0.40"'),
        ('[goals]\njoin_rate = "much"\n', "join_rate: found 'much'; must be above 0 and at most 1"),
        ("[goals]\ncontacts = 1.5\n", "[goals] contacts: found 1.5; must be a whole number"),
        ("[goals]\nfriends = 5\n", "unknown key; allowed are channels, contacts"),
        ("[goals.metrics]\nopened = 5\n", '[goals.metrics] opened: must be "plugin.metric"'),
        ('[goals]\ncontacts = 5\n[goals.channels.a]\ncontacts = 5\nclass = "free"\n', "class: found 'free'; Must be one of: stable, test, paid"),
    ],
)  # fmt: skip
def test_goals_that_do_not_fit_are_told_with_the_difference(tmp_path, text, said):
    with pytest.raises(ConfigError) as caught:
        load_brand(brand_file(tmp_path, text), {})
    assert said in str(caught.value)


def test_a_plan_that_sums_to_the_goal_is_taken(tmp_path):
    text = "[goals]\ncontacts = 25000\n" + "".join(
        f'[goals.channels.{code}]\ncontacts = {contacts}\nclass = "{kind}"\n'
        for code, contacts, kind in (("cards", 7_000, "stable"), ("sms", 10_000, "test"), ("live", 8_000, "paid"))
    )
    goals = load_brand(brand_file(tmp_path, text), {}).goals
    assert [(each.code, each.contacts, each.kind) for each in goals.channels] == [
        ("cards", 7_000, "stable"), ("sms", 10_000, "test"), ("live", 8_000, "paid"),
    ]  # fmt: skip
    assert goals.monthly == {"contacts": 25_000} and goals.join_rate is None


@pytest.fixture
def brands(new_installation, clock):
    installation = new_installation(plugins=(Scans,), acme=GOALS, moonco="[goals]\ncontacts = 30\n")
    acme, moonco = installation.brand("acme"), installation.brand("moonco")
    at = {name: local_instant(datetime.fromisoformat(f"2026-06-{day}"), acme.zone) for name, day in
          {"before": "01T00:00", "first": "01T00:00", "now": "11T09:00"}.items()}
    at["before"] -= 1
    clock.set(at["now"])
    with acme:
        acme.channels.create("cards"), acme.channels.create("live")
        for nth in range(12):
            when = at["before"] if nth < 3 else at["first"]
            state = "cards" if nth < 8 else "live" if nth < 9 else ""
            lead = acme.contacts.capture_lead(
                LeadIn(source="t", reference=f"{nth}", identities=(IdentityIn.of("phone", f"+8613800138{nth:03}"),), at=when, state=state)
            )
            if nth >= 9:
                acme.membership.join(lead.contact_id, at=at["first"])
        for nth, paid in enumerate((20_000, 11_000, 0)):
            line = LineIn(sku="A", title="", qty=1, paid_minor=paid, gift=False)
            acme.orders.upsert(OrderIn(source="t", number=f"N{nth}", status="completed", paid_at=at["first"], paid_minor=paid,
                                       buyer=(IdentityIn.of("phone", "+8613800138000"),), lines=(line,), platform="t"))
        today = acme.day(at["now"])
        acme.metrics.roll_up(today - 10, today)
    return acme, moonco


def test_each_goal_stands_beside_what_came_and_what_is_due_of_the_days_that_are_over(brands):
    acme, moonco = brands
    with acme:
        report = acme.goals.report()
    assert (report.first.isoformat(), report.days, report.passed) == ("2026-06-01", 30, 10)
    assert [(each.name, each.unit, each.goal, each.actual, each.due, each.behind, each.gap) for each in report.lines] == [
        ("contacts", "count", 30, 9, 10, False, 1),
        ("members", "count", 12, 3, 4, True, 1),
        ("orders", "count", 10, 2, 3, True, 1),
        ("revenue_minor", "minor", 100_000, 31_000, 33_333, False, 2_333),
        ("scans.opened", "count", 90, 88, 30, False, -58),
        ("nobody.there", "count", 5, None, 1, False, None),
    ], "nine of ten are not more than a tenth behind; a plugin that is off has no figure"
    assert [(each.name, each.kind, each.goal, each.actual, each.due, each.behind) for each in report.channels] == [
        ("cards", "stable", 20, 5, 6, True), ("live", "paid", 10, 1, 3, True),
    ]  # fmt: skip
    assert report.needed == NorthStar(40, "members")
    with moonco:
        (only,) = moonco.goals.report().lines
    assert (only.actual, only.due, moonco.config.goals.channels) == (0, 9, ()), "it is still the tenth in New York"


def test_on_the_first_of_a_month_nothing_is_due_and_nobody_is_behind(brands, clock):
    acme, _ = brands
    clock.set(local_instant(datetime(2026, 7, 1, 0, 5), acme.zone))
    with acme:
        report = acme.goals.report()
    assert {(each.due, each.behind) for each in report.lines} == {(0, False)}
    assert report.lines[0].actual == 0 and report.days == 31


def test_the_report_called_goals_is_the_same_for_everybody_who_asks(brands):
    acme, _ = brands
    with acme:
        table = acme.reports.run("goals")
    assert [(row["goal"], row["actual"], row["due"], row["share"]) for row in table.rows][:2] == [
        ("contacts", 9, 10, 0.9), ("members", 3, 4, 0.75),
    ]  # fmt: skip
