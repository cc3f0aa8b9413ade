"""Who receives whom: by the rota of the brand's zone, within a cap that holds under real processes, the same one again."""

from __future__ import annotations

from datetime import UTC, datetime

from live_scene import Scene
from signing import sign_in

from scrm_core.db.bulk import execute

RUSH = """
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from scrm_core.clock import ManualClock
from scrm_core.errors import ScrmError
from scrm_live_code.service import live_codes_of


def run(brand, worker):
    brand.clock = ManualClock()

    def take(number):
        with brand:
            here = live_codes_of(brand)
            code = here.codes.get("poster-01")
            try:
                return brand.group(lambda: here.desk.take(code, f"{worker}-{number}")).userid
            except ScrmError as refusal:
                return refusal.code

    with ThreadPoolExecutor(8) as pool:
        return Counter(pool.map(take, range(40)))
"""


def test_the_rota_is_by_weekday_and_hour_of_the_brands_zone(scenes, clock):
    scene, other = scenes()
    for each in (scene, other):
        each.staff("early", "late", "weekend")
    rota = {"early": "1-5 08:00-12:00", "late": "1-5 12:00-20:00", "weekend": "6,7 08:00-24:00"}
    path, there = scene.code(**rota), other.code(**rota)
    seen = []
    for moment in (
        datetime(2026, 1, 1, 0, 0, tzinfo=UTC),  # Thursday 08:00 in Shanghai, Wednesday 19:00 in New York
        datetime(2026, 1, 1, 4, 0, tzinfo=UTC),  # Thursday 12:00; Wednesday 23:00: nobody
        datetime(2026, 1, 2, 14, 0, tzinfo=UTC),  # Friday 22:00: nobody; Friday 09:00
        datetime(2026, 1, 2, 16, 0, tzinfo=UTC),  # Saturday 00:00: nobody; Friday 11:00
        datetime(2026, 1, 3, 15, 59, tzinfo=UTC),  # Saturday 23:59; Saturday 10:59
    ):
        clock.set(moment)
        seen.append((scene.scan(path), other.scan(there)))
    assert seen == [
        ("early", "late"), ("late", "all_busy"), ("all_busy", "early"), ("all_busy", "early"), ("weekend", "weekend")
    ]  # fmt: skip


def test_people_go_to_whoever_has_fewest_and_over_the_caps_to_backups(scene: Scene):
    scene.staff("ann", "ben", cap=2)
    scene.staff("zoe", cap=1)
    path = scene.code(ann="", ben="", zoe="backup")
    assert [scene.scan(path) for _ in range(6)] == ["ann", "ben", "ann", "ben", "zoe", "all_busy"]
    assert scene.row() == {
        "channel": "poster-01", "title": "Code poster-01", "state": "live", "main": 4, "backup": 1, "adds": 0,
        "people": 0,
    }  # fmt: skip


def test_a_cap_is_of_the_account_over_all_codes_and_of_one_day(scene: Scene, clock):
    scene.staff("ann", cap=2)
    one, two = scene.code("poster-01", ann=""), scene.code("poster-02", ann="")
    assert [scene.scan(one), scene.scan(two), scene.scan(one)] == ["ann", "ann", "all_busy"]
    clock.advance(hours=16)  # midnight in Shanghai
    assert scene.scan(two) == "ann"


def test_the_same_customer_is_sent_to_the_same_member_and_takes_no_second_place(scene: Scene, clock):
    scene.staff("ann", "ben")
    path, other = scene.code("poster-01", ann="", ben=""), scene.code("poster-02", ben="", ann="")
    scene.scan(path)
    browser = scene.browser()
    assert [scene.scan(path, browser) for _ in range(3)] == ["ben"] * 3
    for _ in range(3):
        scene.scan(path)
    clock.advance(days=2)
    assert scene.scan(path, browser) == "ben"
    assert scene.taken() == {"ann": 3, "ben": 2}
    assert scene.scan(other, browser) == "ben"


def test_whoever_was_added_through_a_code_is_sent_to_who_added_them_whatever_they_open_it_with(scene: Scene, clock):
    scene.staff("ann", "ben")
    path, other = scene.code("poster-01", ann="", ben=""), scene.code("poster-02", ann="", ben="")
    zoe, browser = scene.lead("zoe", "poster-01", "ben"), scene.browser()
    assert scene.scan(path, browser) == "ann"  # nobody knows yet who that is
    clock.advance(seconds=60)
    sign_in(browser, scene.brand, zoe)
    assert [scene.scan(path, browser), scene.scan(path, browser)] == ["ben"] * 2
    again = scene.browser()
    sign_in(again, scene.brand, zoe)
    assert scene.scan(path, again) == "ben"
    assert scene.taken() == {"ann": 1}  # who has somebody already gives them no second place
    assert scene.scan(other, again) == "ben"
    assert scene.taken() == {"ann": 1, "ben": 1}


def test_who_was_added_goes_to_the_rota_once_their_member_sits_there_no_more_or_has_them_no_more(scene: Scene):
    scene.staff("ann", "ben")
    path = scene.code(ann="", ben="")
    left = scene.lead("left", "poster-01", "ben", ended=str(scene.brand.now()), ended_by="customer")
    handed = scene.lead("handed", "poster-01", "ben", ended=str(scene.brand.now()), ended_by="transfer")
    stays = scene.lead("stays", "poster-01", "ben")
    for each in (left, handed):
        with scene.brand:
            execute("UPDATE live_code_load SET taken = 0")
        browser = scene.browser()
        sign_in(browser, scene.brand, each)
        assert scene.scan(path, browser) == "ann"
    browser = scene.browser()
    sign_in(browser, scene.brand, stays)
    with scene.brand:
        scene.here.codes.unseat("poster-01", "ben", actor="lin")
    assert scene.scan(path, browser) == "ann"


def test_whose_member_left_is_sent_to_somebody_else(scene: Scene):
    scene.staff("ann", "ben")
    path, browser = scene.code(ann="", ben="backup"), scene.browser()
    assert scene.scan(path, browser) == "ann"
    with scene.brand:
        scene.here.staff.leave("ann", actor="lin")
    assert scene.scan(path, browser) == "ben"


def test_opening_the_page_takes_no_place(scene: Scene):
    scene.staff("ann", cap=1)
    path = scene.code(ann="")
    for _ in range(3):
        scene.open(scene.browser(), path)
    assert (scene.taken(), scene.scan(path)) == ({}, "ann")


def test_browsers_without_cookies_of_one_network_take_no_more_than_its_share_of_a_day(scenes, clock):
    scene, other = scenes("per_network = 30\n")
    scene.staff("ann", cap=0)
    path = scene.code(ann="")
    assert scene.scan(path) == "all_busy"  # who was given no place has used none
    scene.staff("ann", cap=60)
    assert [scene.scan(path, scene.browser(f"203.0.113.{n}")) for n in range(31)] == ["ann"] * 30 + ["network_busy"]
    assert scene.scan(path, scene.browser("198.51.100.1")) == "ann"
    assert scene.scan(path, scene.browser("2001:db8:1:2::1")) == "ann"
    # A person who is known is no crowd of browsers, and whoever has a place keeps it.
    member = scene.lead("one", "poster-01")
    signed = scene.browser("203.0.113.9")
    sign_in(signed, scene.brand, member)
    assert scene.scan(path, signed) == "ann"
    assert scene.taken() == {"ann": 33}
    clock.advance(hours=16)  # midnight in Shanghai
    assert scene.scan(path, scene.browser("203.0.113.1")) == "ann"
    with scene.brand as brand:
        brand.plugins["live-code"].pause_ended()
        assert execute("SELECT count(*) FROM live_code_network WHERE day < ?", (brand.day(clock.now()),)).fetchone()[0] == 3
        clock.advance(days=1)
        brand.plugins["live-code"].pause_ended()
        assert execute("SELECT count(*) FROM live_code_network").fetchone()[0] == 1
    assert other.taken() == {}


def test_where_people_can_sign_in_a_crowd_is_asked_to(scenes):
    scene, _ = scenes("per_network = 1\n", before='\n[consumer]\ncode_sender = "console"\n')
    scene.staff("ann")
    path = scene.code(ann="")
    assert scene.scan(path) == "ann"
    assert scene.scan(path) == "sign_in_needed"


def test_the_share_of_a_network_holds_under_four_processes(scene: Scene, together):
    scene.staff("ann", "ben", cap=80)
    scene.code(ann="", ben="")
    rush = RUSH.replace('f"{worker}-{number}"', 'f"{worker}-{number}", network="crowd"')
    total: dict[str, int] = {}
    for answer in together(scene.installation, rush, 4):
        for word, count in answer.items():
            total[word] = total.get(word, 0) + count
    assert (total["ann"] + total["ben"], total["network_busy"]) == (100, 60)
    assert sum(scene.taken().values()) == 100


def test_a_cap_holds_under_four_processes(scene: Scene, together):
    scene.staff("ann", "ben", cap=30)
    scene.staff("zoe", cap=25)
    scene.code(ann="", ben="", zoe="backup")
    total: dict[str, int] = {}
    for answer in together(scene.installation, RUSH, 4):
        for word, count in answer.items():
            total[word] = total.get(word, 0) + count
    assert total == {"ann": 30, "ben": 30, "zoe": 25, "all_busy": 75}
    assert scene.taken() == {"ann": 30, "ben": 30, "zoe": 25}
    with scene.brand:
        places = execute("SELECT count(*) FROM live_code_place WHERE staff_id IS NOT NULL").fetchone()[0]
    assert places == 85
