"""What a page that was opened before somebody else acted may still do: what rests on what it showed is refused."""

from __future__ import annotations

import re

import pytest
from campaign_desk import CAMPAIGN, PNG, CampaignDesk
from steps_campaign import Walk

from scrm_package_card.steps.records import By

BATCH = {"batch": "MAY-1", "kind": "marketing", "printed": "500", "unit_cost": "0.12"}


@pytest.fixture
def printing(house) -> Walk:
    """A campaign whose proof is approved: its print may be ordered and its batches entered."""
    with house.brand("acme") as acme:
        walk = Walk(acme).begin().to("print")
        number = walk.steps.proofs.make("MAY", "may.png", By("Anna"), content=PNG).detail["number"]
        walk.steps.proofs.approve("MAY", number, By("Ben"))
    return walk


def test_a_batch_is_not_entered_from_a_page_that_shows_an_earlier_proof(printing, browser):
    desk = CampaignDesk(browser("otto"))
    seen = desk.version("print")
    with printing.brand:
        number = printing.steps.proofs.make("MAY", "other.png", By("Anna"), content=PNG).detail["number"]
        printing.steps.proofs.approve("MAY", number, By("Ben"))
    desk.act("batch", step="print", version=seen, expect=409, **BATCH)
    assert "was changed meanwhile" in desk.text and 'value="MAY-1"' in desk.text
    with printing.brand:
        assert printing.cards.stock.batches("MAY") == []
    # Once its page was seen it is entered; pressed twice it is one batch.
    seen = desk.version("print")
    desk.act("batch", step="print", version=seen, **BATCH)
    desk.act("batch", step="print", version=seen, **BATCH)
    with printing.brand:
        assert [each.code for each in printing.cards.stock.batches("MAY")] == ["MAY-1"]


def test_cards_that_came_and_costs_are_noted_whatever_else_was_done_and_once_each(printing, browser):
    desk, other = CampaignDesk(browser("otto")), CampaignDesk(browser("pia"))
    desk.act("batch", step="print", **BATCH)
    desk.act("order", step="print", quantity="500", printer="快印")
    desk.act("advance", to="launch")
    page = desk.look("launch")
    move = re.search(r"<form[^>]*>(?:(?!</form>).)*value=\"receive\"", page, re.S)[0]
    assert 'name="version"' not in move
    other.act("texts", step="launch", department="客服", faq="问答", sop="步骤")
    for _ in range(2):
        answer = desk.browser.post(
            f"{CAMPAIGN}?id=MAY&step=launch", act="receive", batch="MAY-1", kind="received", quantity="480", key="k1"
        )
        assert answer.status_code == 303
    with printing.brand:
        assert printing.cards.stock.batch("MAY-1").left == 480


@pytest.mark.parametrize("act", ["approve", "order", "batch", "advance"])
def test_a_form_without_its_version_is_refused(printing, browser, act):
    with printing.brand:
        printing.steps.proofs.make("MAY", "other.png", By("Anna"), content=PNG)
    pia = browser("pia")
    pia.get(CAMPAIGN, id="MAY")
    form = {"number": "2", "quantity": "500", "printer": "快印", "to": "launch", **BATCH}
    answer = pia.post(f"{CAMPAIGN}?id=MAY&step=print", act=act, **form)
    assert answer.status_code == 422 and "version" in answer.text
    with printing.brand:
        assert printing.steps.status("MAY").step == "print" and printing.cards.stock.batches("MAY") == []


def test_a_batch_of_very_many_unique_cards_is_not_made_within_one_request(printing, browser):
    desk = CampaignDesk(browser("otto"))
    desk.act("order", step="print", quantity="500", printer="快印")
    unique = {**BATCH, "unique": "1", "channel": "wecom", "target": "https://example.com/add"}
    desk.act("batch", step="print", expect=409, **{**unique, "printed": "100001"})
    assert "scrm package-card batch" in desk.text
    desk.act("batch", step="print", **{**unique, "printed": "3"})
    with printing.brand:
        assert [each.printed for each in printing.cards.stock.batches("MAY")] == [3]
