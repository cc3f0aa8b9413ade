"""How many accounts a peak day needs, and what an add does, once."""

from __future__ import annotations

import pytest
from live_scene import Scene

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid
from scrm_live_code.planner import plan


@pytest.mark.parametrize(
    ("peak", "accounts"), [(1, 1), (99, 1), (100, 1), (101, 2), (1_000, 10), (1_001, 11), (10_000, 100)]
)
def test_accounts_are_the_peak_day_by_a_hundred_rounded_up(peak, accounts):
    assert plan(peak, 100).accounts == accounts


@pytest.mark.parametrize("peak", [0, -1, 1.5, True, None])
def test_a_peak_that_is_no_whole_number_is_refused(peak):
    with pytest.raises(Invalid) as refused:
        plan(peak, 100)
    assert refused.value.field == "peak"


def test_too_few_accounts_are_warned_of_and_backups_do_not_count(scenes):
    scene, other = scenes(acme="per_account = 50\n")
    for each in (scene, other):
        each.staff("ann", "ben", "zoe")
        each.code(ann="", ben="", zoe="backup")
    with scene.brand as brand:
        assert scene.here.planner.expect("poster-01", 100, actor="lin").warning == ""
        assert brand.plugins["live-code"].brand_warnings() == []
        told = scene.here.planner.expect("poster-01", 101, actor="lin")
        assert (told.accounts, told.assigned, told.warning) == (
            3, 2, "101 people a day need 3 accounts; 2 are assigned"
        )  # fmt: skip
        assert brand.plugins["live-code"].brand_warnings() == [f"live code 'poster-01': {told.warning}"]
    with other.brand as brand:
        assert brand.plugins["live-code"].brand_warnings() == []


def test_an_add_through_a_code_gives_its_tags_once_and_counts_once(scenes):
    scene, other = scenes()
    scene.staff("ann")
    with scene.brand as brand:
        for name in ("poster", "spring"):
            brand.tags.define("source", name, plan="spring")
        made = scene.here.codes.create(
            "door", title="Door", tags=[("source", "poster"), ("source", "spring")], actor="lin"
        )
        with pytest.raises(Conflict):
            scene.here.codes.create("door", title="Door", actor="lin")
    zoe = scene.lead("zoe", made.link, staff="ann")
    assert scene.lead("zoe", made.link, staff="ann") == zoe  # told again
    scene.lead("zoe", "door", staff="ann")  # came again, by the channel's own code
    scene.lead("yan", "elsewhere")
    assert scene.tags(zoe) == ["poster", "spring"]
    with scene.brand:
        told = execute("SELECT count(*) FROM event WHERE type = 'tag.added'").fetchone()[0]
        adds = execute(
            "SELECT s.userid FROM live_code_add a LEFT JOIN live_code_staff s ON s.id = a.staff_id"
        ).fetchall()
    assert (told, [row[0] for row in adds]) == (2, ["ann", "ann"])
    row = scene.row("door")
    assert (row["adds"], row["people"]) == (2, 1)
    with other.brand:
        assert execute("SELECT count(*) FROM live_code_add").fetchone()[0] == 0


def test_tags_of_a_channel_that_has_others_are_refused(scene: Scene):
    with scene.brand as brand:
        brand.tags.define("source", "poster", plan="spring")
        brand.channels.create("door")
        with pytest.raises(Conflict) as refused:
            scene.here.codes.create("door", title="Door", tags=[("source", "poster")], actor="lin")
    assert refused.value.code == "channel_tags"
