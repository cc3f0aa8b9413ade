"""The overview: five panels fed by plugins, goals, channels, alerts, what is kept for a minute; and the reports' pages."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from threading import Thread

import pytest
from console_scene import ROLES, ROOT, SWITCHED_ON, WORD, TeaRoom, at, lead, sell
from flask import Response

from scrm_console import Console, overview
from scrm_core.api import IdentityIn, LeadIn, Metric, MetricsQuery, MetricValue, Plugin, hookimpl
from scrm_core.delivery import Delivery
from scrm_core.jobs import due_jobs, run_job
from scrm_core.services.house_reports import ChannelRank

GOALS = "[plugins.scans]\n[goals]\ncontacts = 100\nmembers = 2\n[goals.channels.cards]\ncontacts = 100\n"
REPORTS = ("goals", "channels", "contributions", "buyer-cohorts", "contact-cohorts", "rfm-map")


class Scans(Plugin):
    """Feeds the panel of acquisition, in the brand where it is on."""

    name = "scans"
    version = "1"
    summary = "scans"
    requires_core = ">=0"
    panel = "acquire"
    metrics = {"opened": Metric("Opened"), "spent": Metric("Spent", "minor"), "never": Metric("Never")}

    @hookimpl
    def collect_metrics(self, query: MetricsQuery):
        for day in range(query.first_day, query.last_day + 1):
            yield MetricValue("opened", day, 3)
            yield MetricValue("spent", day, 150, "cards")


@pytest.fixture
def house(new_installation, monkeypatch):
    installation = new_installation(plugins=(Console, TeaRoom, Scans), acme=SWITCHED_ON + GOALS, moonco=SWITCHED_ON)
    monkeypatch.setattr("scrm_core.users.passwords._METHOD", "scrypt:1024:8:1")
    for name, roles in ROLES.items():
        installation.users.create(name, WORD)
        for brand, role in roles.items():
            installation.users.set_role(name, brand, role)
    return installation


def panel(text, name):
    return re.search(rf'<section data-panel="{name}".*?</section>', text, re.S)[0]


def test_a_panel_shows_what_its_plugins_counted_and_one_that_nobody_feeds_is_off_and_never_zero(browser, people, brands):
    acme, _ = brands
    with acme:
        today = acme.day(acme.now())
        acme.metrics.roll_up(today - 1, today)
    text = browser("otto").get("b/acme/").text
    assert re.findall(r'data-panel="(\w+)"', text) == ["acquire", "repurchase", "hit", "referral", "insight"]
    acquire = panel(text, "acquire")
    assert re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", acquire) == [("Opened", "6"), ("Spent", "¥3.00"), ("Never", "–")]
    assert 'settings/package-card">package-card</a>' in acquire and 'data-feed="package-card"' not in acquire
    for name, plugins in (("referral", ("referral", "koc")), ("hit", ("interaction-games",)), ("insight", ("tag-rules",))):
        shown = panel(text, name)
        assert 'class="badge off">off<' in shown and "not zero, unknown" in shown and not re.search(r">\s*[–0]\s*<", shown)
        assert all(f"settings/{plugin}" in shown for plugin in plugins)
    elsewhere = panel(browser("luna").get("b/moonco/").text, "acquire")
    assert "data-feed" not in elsewhere and 'settings/scans">scans</a>' in elsewhere and "Opened" not in elsewhere


def test_a_panel_is_off_for_who_may_not_see_settings_without_a_link_to_them(browser, people):
    text = panel(browser("ana").get("b/acme/").text, "referral")
    assert "settings/" not in text and "koc" in text


def test_goals_stand_beside_what_came_and_channels_beside_their_plan(browser, people, brands, clock):
    acme, _ = brands
    with acme:
        acme.channels.create("cards", "Cards", "scans")
    clock.set(at(acme, "2025-12-31T21:00"))
    text = browser("otto").get("b/acme/").text
    goals = {name: re.findall(r'class="number">\s*(?:<span[^>]*>)?([^<]+)', row)
             for name, row in re.findall(r'<tr data-goal="(\w+)">(.*?)</tr>', text, re.S)}
    # Thirty of December's 31 days are over: 100 * 30 / 31 is 96.
    assert goals["contacts"] == ["2", "96", "100", "2.1%"] and goals["members"] == ["1", "1", "2", "100.0%"]
    assert goals["cards"] == ["0", "96", "100", "0.0%"]
    assert set(re.findall(r'data-alert="(\w+)">.*?class="grow">([^<]+)', text)) == {
        ("behind", "New contacts"), ("behind", "cards"),
    }  # fmt: skip
    assert "data-goal" not in browser("luna").get("b/moonco/").text
    assert "has no [goals]" in browser("luna").get("b/moonco/").text


def brought(text):
    """Of each plugin that has figures: the cells of its row; of others what stands beside the name."""
    section = re.search(r'aria-labelledby="brought">.*?</section>', text, re.S)[0]
    rows = {name: re.findall(r'<td class="number">([^<]*)', row) for name, row in re.findall(r'<tr data-contribution="([\w-]*)">(.*?)</tr>', section, re.S)}
    return rows, dict(re.findall(r'<li data-contribution="([\w-]+)">(.*?)</li>', section, re.S)), section


def test_plugins_are_ranked_by_what_they_brought_with_their_pages_and_one_that_is_off_is_never_zero(browser, people, brands, clock):
    acme, _ = brands
    with acme:
        acme.rewards.grant("stamp", people["bo"].id, grant_key="s1")
    clock.advance(hours=1)
    sell(acme, "+8613800138001", "N5", "2025-12-31T20:30", 123_400)
    rows, off, section = brought(browser("otto").get("b/acme/").text)
    assert list(rows) == ["tea-room", "scans", ""]
    assert rows["tea-room"] == ["¥1,234.00", "1", "1", "0", "0", "1"] and rows["scans"][:2] == ["¥0.00", "0"]
    assert rows[""][:2] == ["¥80.00", "3"], "what no plugin brought; all together are all"
    assert f'href="{ROOT}b/acme/x/tea-room/cups"' in section
    assert ">off<" in off["package-card"] and "settings/package-card" in off["package-card"] and "0" not in off["package-card"]
    assert browser("otto").get("b/acme/reports/contributions.csv").text.splitlines()[1].startswith("tea-room,on 开启,1,1,0,0,1,1234.00")
    elsewhere, off, _ = brought(browser("luna").get("b/moonco/").text)
    assert "tea-room" not in elsewhere and ">off<" in off["scans"] and elsewhere[""][:2] == ["$7,777.00", "1"]
    seen = brought(browser("ana").get("b/acme/").text)[2]
    assert "/x/tea-room/" not in seen and "settings/" not in seen, "a link leads where one may go"


def test_the_plugins_of_a_large_brand_are_ranked_as_of_the_count_of_a_job_and_those_of_a_small_one_as_of_now(
    browser, people, brands, clock, monkeypatch
):
    acme, _ = brands
    assert "as of" not in brought(browser("otto").get("b/acme/").text)[2]
    monkeypatch.setattr("scrm_core.services.contributions.LIVE", 2)
    with acme:
        (due,) = [each for each in due_jobs(acme) if each.job == "contributions"]
        assert run_job(acme, due)
    counted = datetime.fromtimestamp(clock.now() / 1000, acme.zone)
    clock.advance(seconds=480)
    for language, words in (("en", "as of {:%Y-%m-%d %H:%M}"), ("zh", "截至 {:%Y-%m-%d %H:%M}")):
        text = browser("otto", language).get("b/acme/").text
        assert words.format(counted) in brought(text)[2] and f"{counted + timedelta(minutes=8):%H:%M}" in text
    assert "as of" not in brought(browser("luna").get("b/moonco/").text)[2]


def test_what_needs_a_person_is_told_with_the_page_where_it_is_mended(browser, people, brands, clock, monkeypatch):
    acme, _ = brands
    lead(acme, "Poison", "+8613800138003", "2025-12-31T19:00")
    with acme:
        Delivery(acme).drain()
        acme.events.pause("tea-room", "to look", actor="test")
        acme.outreach.stop("wrong price", actor="test")
    fallen = ChannelRank("cards", "Cards", "", 1, 90, 0, 0, 2, 63)
    monkeypatch.setattr(type(acme.reports), "channels", lambda self: [fallen])
    clock.advance(seconds=120)
    text = browser("otto").get("b/acme/").text
    found = dict(re.findall(r'<li data-alert="(\w+)">(.*?)</li>', text, re.S))
    assert "wrong price" in found["stopped"] and "tea-room" in found["paused"] and "tea-room 1" in found["parked"]
    assert "Cards 2 / 21" in found["fallen"]
    links = {what: re.findall(r'href="([^"]+)"', line) for what, line in found.items()}
    assert links["paused"] == [f"{ROOT}b/acme/plugins"] and links["parked"] == [f"{ROOT}b/acme/events"]
    assert links["fallen"] == [f"{ROOT}b/acme/links"]
    seen = dict(re.findall(r'<li data-alert="(\w+)">(.*?)</li>', browser("ana").get("b/acme/").text, re.S))
    assert f"{ROOT}b/acme/events" not in "".join(seen.values()), "a link leads where one may go"


def people_shown(text):
    return re.search(r"data-people>(\d+)<", text)[1]


def test_figures_are_kept_a_minute_and_say_as_of_when_they_are(browser, people, brands, clock, asked):
    acme, _ = brands
    otto = browser("otto")
    clock.advance(seconds=1)
    first = otto.get("b/acme/").text
    assert people_shown(first) == "3" and "As of 2025-12-31 20:00" in first
    lead(acme, "Dee", "+8613800138004", "2025-12-31T19:00")
    clock.advance(seconds=59)
    asked.clear()
    assert people_shown(otto.get("b/acme/").text) == "3"
    assert not [sql for sql in asked if "contact" in sql or "orders" in sql], "nothing is counted again"
    assert people_shown(browser("luna").get("b/moonco/").text) == "1", "each brand has its own"
    clock.advance(seconds=1)
    assert people_shown(otto.get("b/acme/").text) == "4"


def test_addresses_with_any_query_fill_nothing_and_what_was_counted_stays(browser, people, clock, asked):
    otto, ana = browser("otto"), browser("ana")
    clock.advance(seconds=1)
    otto.get("b/acme/")
    ana.get("b/acme/")
    asked.clear()
    for nth in range(70):
        shown = ana.get(f"b/acme/?junk={nth}&lang=en").text
    assert "junk" not in shown and f'href="{ROOT}b/acme/?lang=zh"' in shown
    assert people_shown(otto.get("b/acme/").text) == "3"
    assert not [sql for sql in asked if "contact" in sql or "orders" in sql], "nothing is counted again"
    assert "junk" not in otto.get("b/acme/").text


def test_many_people_at_once_push_out_no_figures(browser, people, clock, asked, monkeypatch):
    monkeypatch.setattr("scrm_console.kept._MOST", 3)
    visitors = [browser(name, language) for name in ("otto", "ana", "mia") for language in ("en", "zh")]
    clock.advance(seconds=1)
    visitors[0].get("b/acme/")
    asked.clear()
    assert {people_shown(visitor.get("b/acme/").text) for visitor in visitors} == {"3"}
    assert not [sql for sql in asked if "contact" in sql or "orders" in sql], "nothing is counted again"


def test_two_who_look_at_once_have_the_figures_worked_out_once(browser, people, clock, monkeypatch):
    otto, ana = browser("otto"), browser("ana")
    clock.advance(seconds=1)
    real, worked_out, shown = overview._figures, [], []
    second = Thread(target=lambda: shown.append(ana.get("b/acme/").text))

    def slow(brand):
        worked_out.append(brand.id)
        if len(worked_out) == 1:
            second.start()
            second.join(0.3)  # it waits for these figures, and has none of its own
        return real(brand)

    monkeypatch.setattr(overview, "_figures", slow)
    assert people_shown(otto.get("b/acme/").text) == "3"
    second.join()
    assert people_shown(shown[0]) == "3" and worked_out == ["acme"]


def test_who_wrote_something_sees_it_at_the_next_look_and_so_does_who_asks(browser, people, brands, clock):
    acme, _ = brands
    otto, ana = browser("otto"), browser("ana")
    clock.advance(seconds=1)
    assert people_shown(otto.get("b/acme/").text) == people_shown(ana.get("b/acme/").text) == "3"
    lead(acme, "Dee", "+8613800138004", "2025-12-31T19:00")
    clock.advance(seconds=5)
    assert otto.post("b/acme/plugins/pause", plugin="tea-room").status_code == 303
    text = otto.get("b/acme/").text
    assert people_shown(text) == "4" and 'data-alert="paused"' in text
    lead(acme, "Eve", "+8613800138005", "2025-12-31T19:00")
    clock.advance(seconds=5)
    ana.get("b/acme/")
    assert ana.post("b/acme/refresh").location == f"{ROOT}b/acme/"
    assert people_shown(ana.get("b/acme/").text) == "5"


def test_who_wrote_is_not_shown_what_somebody_looked_at_before_the_commit(browser, people, clock, monkeypatch):
    otto, ana = browser("otto"), browser("ana")
    ana.get("b/acme/")
    otto.get("b/acme/")
    clock.advance(seconds=61)
    real, looked = Response.set_cookie, []

    def meanwhile(answer, name, *args, **named):
        real(answer, name, *args, **named)
        if not looked:
            clock.advance(seconds=1)
            look = Thread(target=lambda: looked.append(ana.get("b/acme/").text))
            look.start()
            look.join()
            clock.advance(seconds=1)

    monkeypatch.setattr(Response, "set_cookie", meanwhile)
    assert otto.post("b/acme/plugins/pause", plugin="tea-room").status_code == 303
    assert 'data-alert="paused"' not in looked[0]
    assert 'data-alert="paused"' in otto.get("b/acme/").text
    asked_again = otto.get("b/acme/").text
    assert 'data-alert="paused"' in asked_again and 'data-alert="paused"' in ana.get("b/acme/").text


def test_what_is_kept_for_one_role_is_not_shown_to_another(browser, people, clock):
    clock.advance(seconds=1)
    assert "settings/" in browser("mia").get("b/acme/").text
    assert "settings/" not in browser("ana").get("b/acme/").text.partition("<main")[2]
    assert 'lang="zh-CN"' in browser("mia", "zh").get("b/acme/").text and "五核心" in browser("mia", "zh").get("b/acme/").text


def test_no_form_and_no_key_of_anybody_is_in_what_is_kept(browser, people, clock):
    clock.advance(seconds=1)
    mia = browser("mia")
    shown = mia.get("b/acme/").text
    assert shown.partition('id="alerts"')[2].count(mia.csrf) == 0
    assert "<form" not in shown.partition('id="alerts"')[2]


def test_every_report_is_listed_drawn_and_given_as_a_file(browser, people):
    ana = browser("ana")
    assert tuple(re.findall(r'data-report="([\w-]+)"', ana.get("b/acme/reports").text)) == REPORTS
    for name in REPORTS:
        assert ana.get(f"b/acme/reports/{name}").status_code == 200, name
        assert ana.get(f"b/acme/reports/{name}.csv").text.startswith("\ufeff"), name
    for name in ("leads", "orders", "revenue", "funnel"):
        assert ana.get(f"b/acme/reports/{name}.csv").status_code == 200
    assert ana.get("b/acme/reports/leads.csv").text.splitlines()[-2:] == ["2025-12-30,2", "2025-12-31,0"]
    assert 'class="number h9">' in ana.get("b/acme/reports/rfm-map").text
    for brand in ("acme", "moonco"):  # an empty one says no less of whom it is
        assert "Buyers of the last 365 days" in browser("mia").get(f"b/{brand}/reports/rfm-map").text
    assert ana.get("b/acme/reports/nothing").status_code == ana.get("b/acme/reports/nothing.csv").status_code == 404
    assert browser("cleo").get("b/acme/reports").status_code == 403


def timeline(visitor, **query):
    lines = visitor.get("b/acme/timeline.csv", **query).text.removeprefix("\ufeff").splitlines()[1:]
    return dict(line.split(",") for line in lines)


def test_a_metric_is_seen_over_days_weeks_and_months_of_the_brand(browser, people, brands):
    acme, _ = brands
    with acme:
        today = acme.day(acme.now())
        acme.metrics.roll_up(today - 1, today)
    ana = browser("ana")
    days = timeline(ana, metric="leads", period="7")
    assert list(days) == [f"2025-12-{day}" for day in range(25, 32)] and days["2025-12-30"] == "2"
    weeks = timeline(ana, metric="orders", period="weeks")
    assert list(weeks)[-1] == "2025-12-29" and (len(weeks), weeks["2025-12-29"], weeks["2025-11-17"]) == (12, "3", "1")
    months = timeline(ana, metric="revenue", period="months")
    assert (next(iter(months)), months["2025-12"], months["2025-11"], months["2025-10"]) == ("2025-01", "80.00", "9.00", "0.00")
    scans = timeline(ana, metric="scans.opened", period="weeks")
    assert (scans["2025-12-29"], scans["2025-12-22"]) == ("6", ""), "what was not counted is unknown"
    text = ana.get("b/acme/timeline", metric="leads", period="90").text
    assert '<svg class="lines"' in text and 'period=90" aria-current="true"' in text
    assert ana.get("b/acme/timeline", metric="x").status_code == ana.get("b/acme/timeline", period="1").status_code == 422


PAGES = (
    *("", "reports", "contacts", "segments", "orders", "rewards", "experiments", "links", "imports", "events", "jobs"),
    *("plugins", "keys", "users", "audit", "timeline?period=90", *(f"reports/{name}" for name in REPORTS)),
)


def test_a_page_asks_as_many_queries_for_a_thousand_people_as_for_ten_and_weighs_little(browser, people, brands, clock, asked):
    acme, _ = brands
    mia = browser("mia")

    def queries():
        found = {}
        for page in PAGES:
            clock.advance(seconds=61)
            asked.clear()
            answer = mia.get(f"{ROOT}b/acme/{page}")
            assert answer.status_code == 200, page
            # When a session was last seen is written every few minutes, at whichever page.
            found[page] = sum(not sql.startswith("UPDATE") for sql in asked)
            assert len(answer.data) < 200_000, "with style and script, which together are below 50 kB"
        return found

    def arrive(first, count):
        with acme:
            acme.contacts.capture_leads([
                LeadIn(source="t", reference=str(nth), identities=(IdentityIn.of("phone", f"+86139{nth:08}"),),
                       at=acme.now() - nth % 300 * 86_400_000, state="cards")
                for nth in range(first, first + count)
            ])  # fmt: skip

    arrive(0, 60)
    few = queries()
    arrive(60, 940)
    assert queries() == few
    assert max(few.values()) <= 30, few
