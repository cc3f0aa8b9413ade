"""How far a plan is: counted by the database along an index, in as many rows as a page can hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from plan_desk import ROOT
from sms_scene import Bench, Scene, configured
from staff_desk import desks, statements

from scrm_console import Console
from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_sms import Sms
from scrm_sms.plans.schemas import plan_record

PEOPLE = 60
SENDING = f"{ROOT}progress"


@pytest.fixture
def refused(house) -> Iterator[Scene]:
    """A plan of sixty people whose carrier gives a reason of its own for every message that it lets expire."""
    scene = Scene(house.brand("acme"))
    with scene.brand as brand:
        scene.people(PEOPLE)
        scene.upto("running")
        scene.plans.control.release("MAY", actor="ann")
        for _ in range(PEOPLE):
            brand.outreach.drain()
        for place, message in enumerate(scene.gateway.of("marketing")):
            brand.outreach.receipt(message.uid, "expired", reason=f"request {place % 5 if place < 10 else place}")
    return scene


def test_a_page_of_progress_has_few_rows_however_many_reasons_there_are(refused, browser):
    page = browser("otto").get(SENDING, id="MAY", inside=1).text
    rows = [int(each) for each in re.findall(r'data-count="expired".*?<dd>(\d+)</dd>', page, re.S)]
    # The fifty commonest reasons, five of them of two messages, and in one row the others.
    assert len(rows) == 51 and sum(rows) == PEOPLE and rows.count(2) == 5
    assert "other reasons" in page and f"<strong data-over>{PEOPLE}</strong>" in page
    with refused.brand:
        assert len(refused.plans.get("MAY").counts) == 51
        assert sum(refused.plans.get("MAY").counts.values()) == PEOPLE


def test_the_history_tells_the_end_in_few_numbers_however_many_reasons_there_are(refused):
    with refused.brand:
        refused.control()
        numbers = {name: count for name, count in refused.last().items() if name != "why"}
        assert len(numbers) == 51 and numbers["expired (…)"] == 5


def test_figures_group_by_no_reason_that_they_do_not_tell(refused, monkeypatch):
    with refused.brand as brand:
        asked = statements(brand, monkeypatch)
        figures = brand.plugins["sms"].results.figures("MAY")
        grouped = next(each for each in asked if "GROUP BY grp, m.state" in each)
        runs = (refused.plans.get("MAY").run.id, None)
        assert len(execute(grouped, (*runs,)).fetchall()) == 1
    assert (figures.planned, figures.sent, figures.expired) == (PEOPLE, PEOPLE, PEOPLE)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_progress_is_counted_along_an_index_by_few_statements(refused, browser, monkeypatch):
    otto = browser("otto")
    with refused.brand as brand:
        asked = statements(brand, monkeypatch)
        assert otto.get(SENDING, id="MAY", inside=1).status_code == 200
        counting = [each for each in asked if "FROM message" in each]
        assert len(counting) == 1 and len(asked) <= 12, asked
        plan = [row[-1] for row in execute(f"EXPLAIN QUERY PLAN {counting[0]}", (1,) * counting[0].count("?")).fetchall()]
    assert any(line.startswith("SEARCH message USING INDEX") and "run_id=?" in line for line in plan), plan
    assert not any(line.startswith("SCAN message") for line in plan), plan


def test_the_page_of_a_plan_reads_the_end_of_a_long_history_alone(house, browser, monkeypatch):
    scene = Scene(house.brand("acme"))
    with scene.brand as brand:
        scene.people(2)
        scene.upto("running")
        for place in range(20):
            scene.plans.control.pause("MAY", actor="ann", reason=f"halt {place}")
            scene.plans.control.resume("MAY", actor="ann")
        asked = statements(brand, monkeypatch)
        page = browser("otto").get(f"{ROOT}plan", id="MAY").text
    history = [each for each in asked if "FROM sms_plan_history" in each]
    assert len(history) == 1 and " LIMIT " in history[0]
    assert "halt 19" in page and "halt 9" not in page and page.count("<li><time>") == 20


def test_a_plan_that_quiet_hours_hold_says_until_when(new_installation, clock, monkeypatch):
    tables = configured(quiet='"21:00-09:00"') + "[plugins.console]\n"
    house = new_installation(plugins=(Console, Sms, Bench), acme=tables, moonco=tables)
    scene = Scene(house.brand("acme"))
    browser = desks(house, monkeypatch)
    clock.advance(hours=12, seconds=3_000)  # 20:50 in Shanghai
    with scene.brand as brand:
        scene.people(25)
        scene.upto("running")
        brand.outreach.dispatch()
        assert "data-held" not in browser("otto").get(SENDING, id="MAY", inside=1).text
        clock.advance(seconds=600)
        brand.outreach.drain()
        told = plan_record(brand, scene.plans.get("MAY"))["run"]
        assert told["held_until"] == "2026-01-02T09:00:00+08:00"
    assert "quiet hours: waits until 2026-01-02 09:00" in browser("otto").get(SENDING, id="MAY", inside=1).text
    assert "免打扰时段，等待至 2026-01-02 09:00" in browser("mia", "zh").get(SENDING, id="MAY", inside=1).text
    session = Session(house.config.root, clock, installation=house)
    shown = CliRunner().invoke(root, ["sms", "plan", "show", "acme", "MAY"], obj=session, prog_name="scrm").output
    assert "MAY running (quiet hours: waits until 2026-01-02T09:00:00+08:00)" in shown
