"""Who might be a KOC: every point explained, ties equal, one sale no proof, months remembered, tiers lost slowly."""

from __future__ import annotations

import json

import pytest

from scrm_core.db.bulk import execute
from scrm_core.errors import ConfigError, Conflict
from scrm_core.facts import MetricsQuery
from scrm_core.installation import Installation

SCORE = """
from scrm_core.errors import Conflict
from scrm_koc.service import Koc


def run(brand, worker):
    koc = Koc(brand, brand.plugins["koc"].settings)
    try:
        return koc.scores.run()
    except Conflict as exc:
        return exc.code
"""
FREE = "\n[plugins.koc]\nmemory_percent = 0\n"


def scored(scene, *people):
    with scene.brand:
        scene.koc.scores.run()
        return [scene.koc.scores.get(each).score for each in people]


def points(scene, contact):
    """{part: hundredths} of the parts that gave or took any."""
    with scene.brand:
        return {part.part: part.points for part in scene.koc.scores.explain(contact) if part.points}


def test_equal_evidence_gets_equal_points_by_the_middle_of_its_ranks(scenes):
    scene, other = scenes()
    people = {name: scene.person(name) for name in "abcd"}
    for name, money in (("a", 100), ("b", 200), ("c", 200), ("d", 900)):
        scene.order(name, name, money)
    scored(scene)
    # Money: 15.00 points x (2b + t) / 2n: a 1/8, b and c 4/8, d 7/8. Orders: all four level, 10.00 x 4/8.
    assert points(scene, people["a"]) == {"money": 187, "orders": 500}
    assert points(scene, people["b"]) == points(scene, people["c"]) == {"money": 750, "orders": 500}
    assert points(scene, people["d"]) == {"money": 1_312, "orders": 500}
    with scene.brand:
        told = {part.part: part for part in scene.koc.scores.explain(people["b"])}
        assert told["money"].sentence() == "200 minor units in valid orders; more than 1 of 4, level with 1"
        assert sum(part.points for part in told.values()) == scene.koc.scores.get(people["b"]).fresh == 1_250
        assert sum(part.most for part in told.values() if part.most > 0) == 10_000
        assert told["penalty"].most == -3_000
    with other.brand:
        assert other.koc.scores.candidates() == []


def test_one_sale_of_one_visitor_is_shrunk_to_two_of_twenty_one(scene):
    scene.enrol("ann", "ANN")
    buyer = scene.person("bea")
    scene.visit("ANN", "v1", buyer)
    scene.order("1", "bea", 10_000)
    scene.deliver()
    ann = scene.person("ann")
    scored(scene)
    with scene.brand:
        sales = next(part for part in scene.koc.scores.explain(ann) if part.part == "sales")
    # (1 + 1) / (1 + 20) = 0.095238; alone among KOCs she is the middle: 14.00 x 1/2.
    assert (sales.value, sales.points) == (95_238, 700)
    assert sales.sentence().startswith("9.52 percent")
    scene.refund("1", 5_000)
    scored(scene)
    with scene.brand:
        sales = next(part for part in scene.koc.scores.explain(ann) if part.part == "sales")
    assert sales.value == 47_619  # half of the money went back


def test_events_content_followers_and_penalties_are_evidence_once_each(scene):
    ann = scene.person("ann", "2025-01-01T00:00")
    friend = scene.person("friend")
    scene.enrol("ann", "ANN", followers=5_000)
    with scene.brand, scene.brand.transaction():
        for name, fields in (
            ("played", {}), ("checked-in", {}), ("answered", {"right": 1}), ("answered", {"right": 0}),
            ("invited", {"friend": friend}), ("invited", {"friend": 7}), ("invite-revoked", {"friend": 7}),
        ):  # fmt: skip
            emit(scene, name, ann, fields)
    scene.deliver()
    scene.task()
    work = scene.invite("ANN")
    scene.move(work, "accept")
    scene.submit(work)
    scene.move(work, "approve", quality=5)
    with scene.brand:
        scene.koc.penalties.fraud(ann, 4, key="k", reason="bought followers", actor="lin")
        scene.koc.penalties.fraud(ann, 4, key="k", reason="bought followers", actor="lin")
    scored(scene)
    # Alone in every part she gets half of it; quality: (400 + 400) / 3 = 266 of 400, tenure 365 of 365.
    assert points(scene, ann) == {
        "answers": 450, "pieces": 400, "quality": 798, "followers": 250, "referrals": 300, "acts": 300, "tenure": 400,
        "penalty": -400,
    }  # fmt: skip
    with scene.brand:
        told = {part.part: part.value for part in scene.koc.scores.explain(ann)}
    assert (told["acts"], told["answers"], told["referrals"], told["pieces"]) == (2, 1, 1, 1)


def emit(scene, name, contact, fields):
    """An event of games, which are not here: written as their plugin would."""
    from scrm_core import eventlog
    from scrm_core.db.base import compact_json

    data = compact_json({"plugin": "interaction-games", "name": name, "fields": fields})
    now = scene.brand.now()
    eventlog.append_encoded([("plugin.event", contact, now, 0, data)], recorded_at=now)


def test_penalties_take_thirty_points_at_most_and_no_score_goes_below_zero(scene):
    ann = scene.person("ann")
    scene.order("1", "ann", 100)
    with scene.brand:
        for key in ("a", "b"):
            scene.koc.penalties.fraud(ann, 20, key=key, reason="r", actor="lin")
    assert scored(scene, ann) == [0]
    assert points(scene, ann)["penalty"] == -3_000


def test_a_month_is_remembered_by_seven_tenths_and_scoring_it_twice_changes_nothing(scene):
    ann, bea = scene.person("ann"), scene.person("bea")
    scene.order("1", "ann", 100)
    assert scored(scene, ann) == [1_250]  # alone: 7.50 + 5.00
    scene.now("2026-02-01T09:00")
    scene.order("2", "bea", 900)
    for _ in range(2):
        # ann now: money 15 x 1/4 = 3.75, orders 10 x 1/2 = 5.00, 31 days 4 x 31/365 = 0.33: 9.08.
        # 0.7 x 12.50 + 0.3 x 9.08 = 11.474. bea, new: money 15 x 3/4 = 11.25, orders 5.00, days 0.33.
        assert scored(scene, ann, bea) == [1_147, 1_658]
    scene.now("2027-03-01T09:00")
    assert scored(scene, ann) == [802]  # nothing counts any more: 0.7 x 11.47


def test_a_tier_is_given_at_once_and_lost_after_two_months_below(scenes):
    settings = FREE + "tier_s = 30\ntier_a = 20\ntier_b = 10\n"
    scene, _ = scenes(settings)
    ann = scene.person("ann")
    scene.person("bea")

    def month(start, *orders):
        scene.now(start)
        for number, buyer, money in orders:
            scene.order(number, buyer, money)
        with scene.brand:
            scene.koc.scores.run()
            found = scene.koc.scores.get(ann)
        return found.tier, found.below

    scene.order("0", "ann", 100)
    assert month("2026-01-02T09:00") == ("B", 0)  # 12.50
    many = [(f"z{n}", f"z{n}", 10) for n in range(20)]
    assert month("2026-02-02T09:00", *many, ("1", "ann", 100)) == ("A", 0)  # 15 x 41/42 + 10 x 41/42 = 24.40
    assert month("2027-02-10T09:00", *[(f"y{n}", f"y{n}", 500) for n in range(3)]) == ("A", 1)  # nothing of hers counts
    assert month("2027-02-20T09:00") == ("A", 1)  # the same month again
    assert month("2027-03-02T09:00") == ("C", 0)
    # 15 x 7/8 + 10 x 1/2 and 4 for more than a year = 22.12, given back at once
    assert month("2027-04-02T09:00", ("2", "ann", 90_000)) == ("A", 0)


def test_the_job_scores_once_a_month_and_segments_and_doors_read_it(scene):
    ann, bea = scene.person("ann"), scene.person("bea")
    scene.order("1", "ann", 100)
    scene.enrol("bea", "BEA", followers=10)
    plugin = scene.brand.plugins["koc"]
    with scene.brand:
        plugin.score()
        scene.order("2", "bea", 900)
        plugin.score()  # the month was scored
        assert scene.brand.segments.page("koc.score >= 12") == [ann]
        assert scene.brand.segments.page('koc.tier = "C"') == [bea]
        today = scene.brand.day(scene.brand.now())
        assert list(plugin.collect_metrics(MetricsQuery(today, today))) == []
    listed = json.loads(scene.run("candidates", "acme", "--new", "--json").stdout)
    assert [(row["contact"], row["score"]) for row in listed] == [(scene.uid(ann), 12.5)]
    told = json.loads(scene.run("explain", "acme", scene.uid(ann), "--json").stdout)
    assert sum(part["points"] for part in told["parts"]) == told["this_month"] == 12.5
    assert all(part["evidence"] for part in told["parts"])
    assert scene.run("explain", "acme", scene.uid(ann)).exit_code == 0
    call = scene.api()
    assert call("GET", f"/scores/{scene.uid(ann)}", scope="koc:read").json["score"] == 12.5
    assert [row["member"] for row in call("GET", "/candidates").json["candidates"]] == [None, "BEA"]
    assert call("GET", "/candidates?members=0&least=50").json == {"candidates": []}
    nobody = scene.person("nobody")
    assert call("GET", f"/scores/{scene.uid(nobody)}").status_code == 404
    assert "2026-01: 2 people" in scene.run("score", "acme").output


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_settings_that_make_no_scale_are_refused(scene):
    installation = scene.brand.installation
    file = installation.config.root / "brands" / "acme.toml"
    file.write_text(file.read_text("utf-8") + "weight_reach = 20\ntier_a = 90\n", encoding="utf-8")
    fresh = Installation.open(installation.config.root, clock=scene.clock)
    with pytest.raises(ConfigError) as refused:
        fresh.brand("acme")
    fresh.close()
    assert len(refused.value.problems) == 2


def test_four_processes_that_score_at_once_leave_one_right_answer(scenes, together):
    scene, _ = scenes("\n[plugins.koc]\nscore_days = 3650\n")
    people = [scene.person(f"b{n}") for n in range(4)]
    for n in range(4):
        scene.order(str(n), f"b{n}", 100)
    answers = together(scene.brand.installation, SCORE, 4)
    assert set(answers) <= {4, "scoring"} and 4 in answers
    for each in people:
        told = points(scene, each)
        assert (told.pop("money"), told.pop("orders")) == (750, 500)
        told.pop("tenure", None)  # the processes have the machine's clock
        assert told == {}
    with scene.brand:
        for each in people:
            explained = sum(part.points for part in scene.koc.scores.explain(each))
            assert explained == scene.koc.scores.get(each).score >= 1_250


def test_a_month_whose_run_died_half_way_is_scored_again_by_the_job(scene, monkeypatch):
    from scrm_koc import scoring

    people = [scene.person(name) for name in ("ann", "bea")]
    monkeypatch.setattr(scoring, "CHUNK", people[0])  # ann ends the first chunk, bea begins the second
    for name in ("ann", "bea"):
        scene.order(name, name, 100)
    plugin, score = scene.brand.plugins["koc"], scoring.Scores._score

    def die(self, period, batch, above, upto):
        if upto >= people[1]:
            raise KeyboardInterrupt
        score(self, period, batch, above, upto)

    with scene.brand:
        monkeypatch.setattr(scoring.Scores, "_score", die)
        with pytest.raises(KeyboardInterrupt):
            plugin.score()
        assert execute("SELECT count(*) FROM koc_score").fetchone() == (1,)
        monkeypatch.setattr(scoring.Scores, "_score", score)
        plugin.score()
        assert [scene.koc.scores.get(each).score for each in people] == [1_250, 1_250]
        plugin.score()  # a month that was scored to the end is left alone
        (batches,) = execute("SELECT count(DISTINCT batch) FROM koc_score").fetchone()
        assert batches == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_score_can_be_worked_out_again_from_what_is_told(scene):
    ann = scene.person("ann")
    scene.order("1", "ann", 100)
    scored(scene, ann)
    call = scene.api()
    assert call("GET", f"/scores/{scene.uid(ann)}").json["last_month"] is None
    scene.now("2026-02-01T09:00")
    scored(scene, ann)
    told = call("GET", f"/scores/{scene.uid(ann)}").json
    # Alone in each part: 7.50 + 5.00, and 4.00 x 31 / 365 of tenure = 0.33; 0.7 x 12.50 + 0.3 x 12.83 = 12.599.
    assert (told["last_month"], told["this_month"], told["score"]) == (12.5, 12.83, 12.59)
    assert sum(round(100 * part["points"]) for part in told["parts"]) == 1_283


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_key_of_a_penalty_is_for_one_person_and_amount(scene):
    ann, bea = scene.person("ann"), scene.person("bea")
    call, body = scene.api(), {"points": 5, "key": "k", "reason": "bought followers"}
    for _ in range(2):
        assert call("POST", "/penalties", {**body, "contact": scene.uid(ann)}).status_code == 201
    for other in ({"contact": scene.uid(bea)}, {"contact": scene.uid(ann), "points": 6}):
        assert call("POST", "/penalties", {**body, **other}).json["code"] == "key_used"
    with scene.brand:
        assert execute("SELECT contact_id, points FROM koc_penalty").fetchall() == [(ann, 5)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_run_that_died_is_taken_over_after_an_hour(scene):
    scene.order("1", "ann", 100)
    with scene.brand:
        execute("INSERT INTO koc_run (id, batch, at, period) VALUES (1, 'dead', ?, '')", (scene.brand.now(),))
        scene.clock.advance(hours=1)
        with pytest.raises(Conflict):
            scene.koc.scores.run()
        scene.clock.advance(ms=1)
        assert scene.koc.scores.run() == 1
        assert scene.koc.scores.run() == 1
