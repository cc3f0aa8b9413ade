"""Consent in the console: given or withdrawn by hand, with source and reason; it holds at once; two at once; roles."""

from __future__ import annotations

import re

import pytest
from console_scene import EVIL, ROOT

from scrm_core.outreach.claiming import claim
from scrm_core.services import audit

WITHDRAWN = {"purpose": "marketing_sms", "decision": "withdraw", "source": "call", "reason": "rang us"}


@pytest.fixture
def page(people):
    return f"b/acme/contacts/{people['ada'].uid}"


def seen(text):
    return re.findall(r'name="seen" value="([^"]*)"', text)


def records(brand, person):
    with brand:
        return [(each.purpose, each.granted, each.source, each.actor, each.evidence) for each in brand.consent.history(person.id)]


def acts(brand):
    with brand:
        return [(each.actor, each.action, each.target, each.detail) for each in audit.page() if each.action == "contact.consent"]


def test_a_withdrawal_is_recorded_with_source_reason_and_actor_and_holds_for_what_is_queued_already(browser, people, brands, page):
    acme, moonco = brands
    with acme:
        run = acme.outreach.open_run("spring", owner="tea-room", channel="sms", kind="marketing", sender="tea")
        acme.outreach.queue_segment(run.id, "orders >= 1")
        assert acme.consent.state(people["ada"].id, "marketing_sms")
    otto = browser("otto")
    done = otto.post(f"{page}/consent", seen=seen(otto.get(page).text), **WITHDRAWN)
    assert done.location == f"{ROOT}{page}?done=recorded" and "holds now" in otto.get(done.location).text
    assert records(acme, people["ada"])[-1] == ("marketing_sms", False, "call", "user:otto", {"reason": "rang us"})
    assert acts(acme) == [
        ("user:otto", "contact.consent", f"contact:{people['ada'].id}",
         {"purpose": "marketing_sms", "channel": "", "source": "call", "before": True, "after": False}),
    ]  # fmt: skip
    with acme:
        acme.outreach.start(run.id)
        acme.outreach.release(run.id, 10_000)
        taken = claim(acme, run.id, 10)
        assert taken.blocked == 1 and "+8613800138000" not in [each.address for each in taken.messages]
    assert 'data-reason="no_consent"' in otto.get(page).text
    assert records(moonco, people["luna"])[0][:2] == ("marketing_sms", True) and acts(moonco) == []


def test_a_consent_is_given_for_a_purpose_and_channel_and_withdrawn_again(browser, people, brands, page):
    otto, given = browser("otto"), {"purpose": "profiling", "channel": "app", "decision": "give", "source": "counter", "reason": "signed"}
    otto.get(page)
    assert otto.post(f"{page}/consent", **given).status_code == 303
    text = otto.get(page).text
    assert "profiling · app" in text
    with brands[0] as acme:
        assert acme.consent.state(people["ada"].id, "profiling", "app") and not acme.consent.state(people["ada"].id, "profiling")
    assert otto.post(f"{page}/consent", seen=seen(text), **{**given, "decision": "withdraw"}).status_code == 303
    with brands[0] as acme:
        assert not acme.consent.state(people["ada"].id, "profiling", "app")


def test_the_second_of_two_operators_is_told_and_keeps_what_they_typed(browser, people, brands, page):
    otto, mia = browser("otto"), browser("mia")
    first, second = seen(otto.get(page).text), seen(mia.get(page).text)
    assert otto.post(f"{page}/consent", seen=first, **WITHDRAWN).status_code == 303
    told = mia.post(f"{page}/consent", seen=second, **{**WITHDRAWN, "decision": "give", "reason": "wrote a letter"})
    assert told.status_code == 409 and "recorded otherwise since" in told.text and 'value="wrote a letter"' in told.text
    assert len(records(brands[0], people["ada"])) == 2 and len(acts(brands[0])) == 1
    assert mia.post(f"{page}/consent", seen=seen(told.text), **WITHDRAWN).status_code == 303


@pytest.mark.parametrize("missing", ["purpose", "decision", "source", "reason"])
@pytest.mark.cases_on_sqlite
def test_without_purpose_decision_source_or_reason_nothing_is_recorded_and_what_was_typed_stays(browser, people, brands, page, missing):
    otto = browser("otto")
    now = seen(otto.get(page).text)
    answer = otto.post(f"{page}/consent", seen=now, **{**WITHDRAWN, "source": EVIL, missing: ""})
    assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text and "<script>alert" not in answer.text
    assert missing == "reason" or 'value="rang us"' in answer.text
    assert len(records(brands[0], people["ada"])) == 1 and acts(brands[0]) == []


def test_what_is_written_as_source_or_purpose_is_shown_as_text(browser, people, brands, page):
    otto = browser("otto")
    otto.get(page)
    assert otto.post(f"{page}/consent", **{**WITHDRAWN, "purpose": EVIL, "channel": EVIL, "source": EVIL, "reason": EVIL}).status_code == 303
    for path in (page, "b/acme/audit"):
        assert "<script>alert" not in otto.get(path).text


def test_who_may_only_look_records_nothing_and_another_brands_person_is_not_there(browser, people, brands, page):
    cleo, otto = browser("cleo"), browser("otto")
    assert "/consent" not in cleo.get(page).text
    assert cleo.post(f"{page}/consent", **WITHDRAWN).status_code == 403
    otto.get(page)
    assert otto.post(f"b/acme/contacts/{people['luna'].uid}/consent", **WITHDRAWN).status_code == 404
    assert otto.post(f"b/moonco/contacts/{people['luna'].uid}/consent", **WITHDRAWN).status_code == 404
    otto.csrf = "0" * 64
    assert otto.post(f"{page}/consent", **WITHDRAWN).status_code == 403
    assert len(records(brands[0], people["ada"])) == 1 and len(records(brands[1], people["luna"])) == 1
