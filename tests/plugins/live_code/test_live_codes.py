"""One code per channel: what is printed stays, what is behind it changes, and without an activity it receives nobody."""

from __future__ import annotations

from datetime import date

import pytest
from live_scene import FIRST, LAST, scanned

from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_core.jobs import due_jobs, run_job
from scrm_live_code.rota import spells


def test_a_channel_has_one_code_and_another_brand_its_own(scenes):
    scene, other = scenes()
    for each in (scene, other):
        each.staff("ann")
        each.code(ann="")
        with each.brand, pytest.raises(Conflict) as refused:
            each.here.codes.create("poster-01", title="again", actor="lin")
        assert refused.value.code == "code_exists"
    with scene.brand, other.brand:
        pass
    with scene.brand:
        (mine,) = scene.here.codes.page()
    with other.brand:
        (theirs,) = other.here.codes.page()
        with pytest.raises(NotFound):
            other.here.codes.of_link(mine.link)
    assert mine.link != theirs.link


def test_staff_changes_and_the_printed_code_does_not(scene):
    scene.staff("ann", "ben")
    path = scene.code(ann="")
    with scene.brand:
        before = scanned(scene.here.poster("poster-01"))
    assert scene.scan(path) == "ann"
    with scene.brand:
        scene.here.codes.seat("poster-01", "ben", actor="lin")
        scene.here.codes.unseat("poster-01", "ann", actor="lin")
        after = scanned(scene.here.poster("poster-01"))
    assert (before, after) == (f"http://127.0.0.1:8000{path}",) * 2
    assert scene.scan(path) == "ben"


def test_without_an_active_activity_nothing_is_published_or_printed(scene, clock):
    scene.staff("ann")
    with scene.brand:
        codes = scene.here.codes
        codes.create("poster-01", title="Door", actor="lin")
        codes.seat("poster-01", "ann", actor="lin")

        def refusal(work, *args, **more) -> str:
            with pytest.raises(Conflict) as refused:
                work("poster-01", *args, **more)
            return str(refused.value.code)

        assert (refusal(codes.publish, actor="lin"), refusal(scene.here.poster)) == ("no_activity",) * 2
        codes.set_activity(
            "poster-01", title="春节", first_day=date(2026, 1, 2), last_day=date(2026, 1, 3), actor="lin"
        )
        # Posters are printed before the day, and the code opens on it: in Shanghai, 16:00 UTC of the day before.
        assert scanned(scene.here.poster("poster-01")).startswith("http://127.0.0.1:8000/l/")
        assert refusal(codes.publish, actor="lin") == "no_activity"
        clock.advance(hours=16)
        assert codes.publish("poster-01", actor="lin").state == "live"
        with pytest.raises(Invalid):
            codes.set_activity("poster-01", title="x", first_day=LAST, last_day=FIRST, actor="lin")


def test_nobody_is_received_without_main_staff(scene):
    scene.staff("ann")
    with scene.brand:
        codes = scene.here.codes
        codes.create("poster-01", title="Door", actor="lin")
        codes.set_activity("poster-01", title="新年", first_day=FIRST, last_day=LAST, actor="lin")
        codes.seat("poster-01", "ann", role="backup", actor="lin")
        with pytest.raises(Conflict) as refused:
            codes.publish("poster-01", actor="lin")
    assert refused.value.code == "no_staff"


def test_at_the_activitys_end_the_code_is_paused_and_the_page_says_so(scenes, clock):
    scene, other = scenes()
    for each in (scene, other):
        each.staff("ann")
    path, there = scene.code(ann=""), other.code("poster-01", ann="")
    clock.advance(days=30, hours=16)  # 1 February in Shanghai, still 31 January in New York
    assert (scene.scan(path), other.scan(there)) == ("closed", "ann")
    for each in (scene, other):
        with each.brand as brand:  # as the worker does when the time of a job has come
            assert [run_job(brand, due) for due in due_jobs(brand) if due.job == "pause"] == [True]
    assert (scene.row()["state"], other.row()["state"]) == ("paused", "live")
    with scene.brand:
        assert scene.here.codes.get("poster-01").note == "the activity is over"
    assert "活动已结束" in scene.open(scene.browser(), path).text


def test_a_paused_code_receives_nobody_until_it_is_published_again(scene):
    scene.staff("ann")
    path = scene.code(ann="")
    with scene.brand:
        scene.here.codes.pause("poster-01", note="sold out", actor="lin")
    assert scene.scan(path) == "closed"
    with scene.brand:
        scene.here.codes.publish("poster-01", actor="lin")
    assert scene.scan(path) == "ann"


@pytest.mark.parametrize("hours", ["8 09:00-10:00", "1 10:00-09:00", "1 22:00-06:00", "1 09:00", "1-x 09:00-10:00",
                                   "5-1 09:00-10:00", "1 09:60-10:00", "1 09:00-24:01", "1-2-3 09:00-10:00"])  # fmt: skip
def test_a_rota_that_says_nothing_clear_is_refused(hours):
    with pytest.raises(Invalid) as refused:
        spells(hours)
    assert refused.value.field == "hours"
