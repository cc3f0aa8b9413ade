"""Jobs in the console: when they run, how runs ended, one at once; parked events given up; plugins paused and resumed."""

from __future__ import annotations

import re

from console_scene import EVIL, ROOT, lead

from scrm_core.delivery import Delivery
from scrm_core.jobs import due_jobs, run_job
from scrm_core.services import audit


def run_due(brand):
    with brand:
        return [(each.plugin, each.job) for each in due_jobs(brand) if run_job(brand, each) is not None]


def row(text, job):
    return re.search(rf'data-job="{job}">(.*?)</tr>', text, re.S)[1]


def acts(brand):
    with brand:
        return [(each.actor, each.action, each.target) for each in audit.page() if not each.action.startswith("user.")]


def test_jobs_are_shown_with_their_period_newest_run_and_next_one_in_the_brands_time(browser, people, brands, clock):
    otto = browser("otto")
    assert "never ran" in row(otto.get("b/acme/jobs").text, "tea-room/boil")
    run_due(brands[0])
    boil = row(otto.get("b/acme/jobs").text, "tea-room/boil")
    assert "1 h" in boil and ">done<" in boil and "2025-12-31 20:00" in boil and "2025-12-31 21:00" in boil
    assert 'data-poll="/staff/console/b/acme/jobs/list"' in otto.get("b/acme/jobs").text
    assert "<html" not in otto.get("b/acme/jobs/list").text


def test_a_job_is_asked_for_once_runs_at_the_workers_next_look_and_is_not_asked_for_any_more(browser, people, brands, clock):
    acme, moonco = brands
    run_due(acme)
    assert run_due(acme) == []
    otto = browser("otto")
    otto.get("b/acme/jobs")
    done = otto.post("b/acme/jobs/ask", plugin="tea-room", job="boil")
    assert done.location == f"{ROOT}b/acme/jobs?done=asked" and "runs within a minute" in otto.get(done.location).text
    assert "asked for by user:otto" in row(otto.get("b/acme/jobs/list").text, "tea-room/boil")
    assert otto.post("b/acme/jobs/ask", plugin="tea-room", job="boil").location.endswith("done=already")
    clock.advance(seconds=60)
    assert run_due(acme) == [("tea-room", "boil")]
    assert run_due(acme) == [] and run_due(moonco) != []
    text = otto.get("b/acme/jobs").text
    assert "asked for" not in row(text, "tea-room/boil") and "2025-12-31 20:01" in text
    assert acts(acme) == [("user:otto", "job.ask", "job:tea-room/boil")]
    assert otto.post("b/acme/jobs/ask", plugin="tea-room", job="none").status_code == 404


def test_a_run_that_failed_says_why_without_phones_and_is_shown_as_text(browser, brands):
    run_due(brands[1])
    text = browser("luna").get("b/moonco/jobs").text
    assert ">failed<" in row(text, "tea-room/boil") and "no water for +86138****8000" in text
    assert EVIL not in text and "<script>alert" not in text


def test_a_job_that_failed_for_good_needs_a_person_until_it_works_again(browser, brands, clock):
    acme, moonco = brands
    lead(moonco, "Luna", "+12025550143", "2025-12-30T09:00")
    otto = browser("otto")
    tries = []
    while ("tea-room", "boil") in run_due(acme):
        tries.append(1)
        clock.advance(seconds=61)
    assert len(tries) == 3, "no worker tries it again"
    run_due(moonco)
    alert = re.search(r'<li data-alert="failed">(.*?)</li>', otto.get("b/acme/").text, re.S)[1]
    assert "tea-room boil" in alert and f'href="{ROOT}b/acme/jobs"' in alert
    assert 'data-alert="failed"' not in browser("luna").get("b/moonco/").text
    lead(acme, "Ada", "+8613800138000", "2025-12-30T09:00")
    clock.advance(hours=1)
    run_due(acme)
    clock.advance(seconds=61)
    assert 'data-alert="failed"' not in otto.get("b/acme/").text


def test_who_may_not_ask_for_jobs_sees_none(browser, brands):
    for name in ("cleo", "ana"):
        visitor = browser(name)
        assert visitor.get("b/acme/jobs").status_code == 403
        assert visitor.post("b/acme/jobs/ask", plugin="tea-room", job="boil").status_code == 403


def test_jobs_ask_few_queries_with_many_runs(browser, brands, clock, asked):
    for _ in range(5):
        run_due(brands[0])
        clock.advance(days=1)
    otto = browser("otto")
    asked.clear()
    assert otto.get("b/acme/jobs").status_code == 200
    assert 2 <= len(asked) <= 30


def poison(brand):
    lead(brand, "Poison", "+8613800138009", "2025-12-31T19:00")
    with brand:
        Delivery(brand).drain()
        (parked,) = brand.events.parked()
    return parked


def test_a_parked_event_shows_where_it_failed_and_can_be_given_up_for_good(browser, brands):
    parked = poison(brands[0])
    otto = browser("otto")
    text = otto.get("b/acme/events").text
    assert "Where it failed" in text and "Traceback" in text and "13800138000" not in text
    done = otto.post("b/acme/events/discard", plugin="tea-room", event=str(parked.event_id))
    assert "1 events are given up" in otto.get(done.location).text
    with brands[0] as acme:
        assert acme.events.parked() == []
    assert acts(brands[0]) == [("user:otto", "events.discard", "plugin:tea-room")]
    ana = browser("ana")
    ana.get("b/acme/")
    assert ana.post("b/acme/events/discard", plugin="tea-room", event="1").status_code == 403


def test_a_plugin_is_paused_and_resumed_by_a_person_whom_the_audit_log_names(browser, brands, house):
    otto, woken = browser("otto"), []
    otto.get("b/acme/plugins")
    assert otto.post("b/acme/plugins/pause", plugin="tea-room").location == f"{ROOT}b/acme/plugins?done=paused"
    text = otto.get("b/acme/plugins").text
    assert ">paused<" in text and "paused by user:otto" in text and ">Resume<" in text
    house.nudge = woken.append
    assert otto.post("b/acme/plugins/pause", plugin="tea-room", resume="1").status_code == 303
    assert woken == ["acme"], "what waited is handed out at once"
    assert otto.post("b/acme/plugins/pause", plugin="nobody").status_code == 404
    assert acts(brands[0]) == [("user:otto", "plugin.resume", "plugin:tea-room"), ("user:otto", "plugin.pause", "plugin:tea-room")]
    assert ">Pause<" not in browser("ana").get("b/acme/plugins").text
