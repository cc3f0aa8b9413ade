"""One person in the console: rewards, messages with why they were not sent, merging after a look, export, erasure."""

from __future__ import annotations

import json
import re

import pytest
from console_scene import EVIL, ROOT, lead

from scrm_core.api import execute
from scrm_core.errors import NotFound
from scrm_core.services import audit


def acts(brand):
    with brand:
        return [(each.actor, each.action) for each in audit.page() if each.action.startswith("contact.")]


@pytest.fixture
def page(people):
    return f"b/acme/contacts/{people['ada'].uid}"


def test_messages_show_what_was_sent_and_why_others_were_not(browser, people, brands, page):
    acme, _ = brands
    with acme:
        acme.consent.record(people["ada"].id, "marketing_sms", granted=False, source="shop")
        run = acme.outreach.open_run("spring", owner="tea-room", channel="sms", kind="marketing", sender="tea")
        acme.outreach.queue_segment(run.id, "orders >= 1")
    text = browser("otto").get(page).text
    assert 'data-reason="no_consent">no consent<' in text and "not sent" in text and "spring" in text
    other = browser("otto").get(f"b/acme/contacts/{people['bo'].uid}").text
    assert ">queued<" in other and "no consent" not in other
    assert 'id="messages"' not in browser("cleo").get(page).text and 'id="rewards"' in browser("cleo").get(page).text


@pytest.mark.parametrize(
    ("reason", "en", "zh"),
    [
        ("veto: wecom_quota", "above WeCom&#39;s quota of group sends", "超出企业微信的群发限额"),
        ("veto: full_moon", "kept back by a plugin: full_moon", "插件不允许发送：full_moon"),
        ("cap_7_days", "had the messages of 7 days", "7 天内次数已满"),
        ("a gateway's own words", "a gateway&#39;s own words", "a gateway&#39;s own words"),
    ],
)
def test_why_a_message_was_not_sent_is_told_in_the_language_of_the_page(browser, people, brands, page, reason, en, zh):
    acme, _ = brands
    with acme:
        run = acme.outreach.open_run("spring", owner="tea-room", channel="sms", kind="marketing", sender="tea")
        acme.outreach.queue_segment(run.id, "orders >= 1")
        execute("UPDATE message SET state = 'blocked', reason = ?", (reason,))
    for language, told in (("en", en), ("zh", zh)):
        assert f">{told}<" in browser("otto", language).get(page).text


def test_a_merge_is_shown_before_it_is_done_and_can_be_undone(browser, people, brands, page):
    otto = browser("otto")
    otto.get(page)
    shown = otto.post(f"{page}/merge", other="138 0013 8001", reason="same household")
    assert shown.status_code == 200 and "李博" in shown.text
    counts = dict(re.findall(r'data-table="(\w+)"><dt[^>]*>\w+</dt><dd>(\d+)<', shown.text))
    assert {name: counts[name] for name in ("orders", "identity")} == {"orders": "1", "identity": "1"}
    assert acts(brands[0]) == []
    done = otto.post(f"{page}/merge", other="138 0013 8001", other_uid=people["bo"].uid, reason="same household", sure="1")
    assert done.location == f"{ROOT}{page}?done=merged"
    text = otto.get(done.location).text
    assert "The records are merged." in text and "same household" in text and "N3" in text
    merge = re.search(r'name="merge" value="(\d+)"', text)[1]
    assert otto.post(f"{page}/undo-merge", merge=merge).status_code == 303
    assert "N3" not in otto.get(page).text
    assert otto.post(f"{page}/undo-merge", merge=merge).status_code == 409
    assert acts(brands[0]) == [("user:otto", "contact.undo_merge"), ("user:otto", "contact.merge")]


def test_of_several_merges_the_newest_stands_first(browser, people, brands, page):
    with brands[0] as acme:
        for other in ("bo", "cy"):
            acme.contacts.merge(people["ada"].id, people[other].id, actor="system", reason=f"{other} is ada")
    text = browser("otto").get(page).text
    assert re.findall(r"(\w+) is ada", text) == ["cy", "bo"]


def test_a_merge_with_nobody_oneself_or_another_brands_person_is_refused_with_what_was_typed(browser, people, brands, page):
    otto = browser("otto")
    otto.get(page)
    for other, status in ((people["luna"].uid, 404), ("+12025550143", 404), (people["ada"].uid, 409), (EVIL, 404)):
        refused = otto.post(f"{page}/merge", other=other, reason="x", sure="1", other_uid=other)
        assert refused.status_code == status and 'value="x"' in refused.text and "<script>alert" not in refused.text
    stale = otto.post(f"{page}/merge", other=people["bo"].uid, other_uid=people["cy"].uid, reason="x", sure="1")
    assert stale.status_code == 200 and "What would move" in stale.text
    assert acts(brands[0]) == []


def test_a_person_is_exported_as_a_file_and_erased_only_when_their_id_is_typed(browser, people, brands, page):
    otto = browser("otto")
    otto.get(page)
    answer = otto.post(f"{page}/export")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{people["ada"].uid}.json"'
    assert "+8613800138000" in json.dumps(json.loads(answer.text))
    assert otto.post(f"{page}/erase", confirm="nonono").location.endswith("done=not_erased")
    erased = otto.post(f"{page}/erase", confirm=people["ada"].uid[-6:].upper())
    assert erased.status_code == 200 and "The person is erased." in erased.text and "13800138000" not in erased.text
    assert otto.get(page).status_code == 404
    with brands[0] as acme, pytest.raises(NotFound):
        acme.contacts.get_by_id(people["ada"].id)
    assert acts(brands[0])[:2] == [("user:otto", "contact.erase"), ("user:otto", "contact.export")]


def test_who_may_only_look_has_no_such_acts(browser, people, page):
    cleo = browser("cleo")
    assert 'id="acts"' not in cleo.get(page).text
    for act in ("merge", "undo-merge", "export", "erase"):
        assert cleo.post(f"{page}/{act}", confirm=people["ada"].uid[-6:]).status_code == 403
    assert browser("luna").get(page).status_code == 404


def test_a_profile_and_a_look_at_a_merge_ask_few_queries(browser, people, brands, page, asked):
    for nth in range(40):
        lead(brands[0], "Ada", "+8613800138000", "2025-12-30T09:00", key=f"again{nth}")
    otto = browser("otto")
    otto.get(page)
    asked.clear()
    assert otto.get(page).status_code == 200
    assert 2 <= len(asked) <= 30
    asked.clear()
    assert otto.post(f"{page}/merge", other=people["bo"].uid, reason="x").status_code == 200
    assert 2 <= len(asked) <= 30
