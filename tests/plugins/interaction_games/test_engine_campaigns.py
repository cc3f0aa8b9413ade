"""Campaigns: what a definition must have, what publishing promises, and what may still change afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from games_scene import DAY_MS, KINDS, SETTINGS, Prizes, Scene

from scrm_core.api import Conflict, Invalid, NotFound
from scrm_core.db.bulk import execute
from scrm_core.errors import ConfigError
from scrm_core.installation import Installation
from scrm_interaction_games import InteractionGames
from scrm_interaction_games.engine import fairness

SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
HOUR_MS = 3_600_000
TEA = {"code": "tea", "title": "Tea", "kind": "points", "weight": 1}
NONE = {"code": "none", "title": "谢谢参与", "kind": "none", "weight": 9}


def refused(scene: Scene, field: str, match: str | None = None, **change: Any) -> None:
    """A definition with a change is refused, and the error names the field."""
    body = scene.definition("wheel", [TEA, NONE], total_weight=10)
    for name, value in change.items():
        if value is ...:
            del body[name]
        else:
            body[name] = value
    with pytest.raises(Invalid, match=match) as error:
        scene.games.create(body, actor="mia")
    assert error.value.field == field
    assert scene.games.campaigns.list() == []


@SQLITE
def test_bad_definitions_are_refused_and_the_field_is_named(scene: Scene) -> None:
    now = scene.brand.now()
    # Weights: over, under, negative, not whole, a share above all.
    refused(scene, "total_weight", "11, which is over 10", prizes=[{**TEA, "weight": 2}, NONE])
    refused(scene, "total_weight", "9, which is under 10", prizes=[{**TEA, "weight": 0}, NONE])
    refused(scene, "total_weight", total_weight=0, prizes=[{**TEA, "weight": 0}])
    refused(scene, "prizes.0.weight", prizes=[{**TEA, "weight": -1}, NONE])
    refused(scene, "prizes.0.weight", prizes=[{**TEA, "weight": 0.5}, NONE])
    # Stock, value, quantity, limits.
    refused(scene, "prizes.0.stock", prizes=[{**TEA, "stock": -1}, NONE])
    refused(scene, "prizes.0.quantity", prizes=[{**TEA, "quantity": 0}, NONE])
    refused(scene, "prizes.0.value_minor", "¥50,000.00", prizes=[{**TEA, "value_minor": 5_000_001}, NONE])
    refused(scene, "prizes.0.value_minor", prizes=[{**TEA, "value_minor": -1}, NONE])
    refused(scene, "prizes.0.per_person", prizes=[{**TEA, "per_person": -1}, NONE])
    refused(scene, "limits.per_day", limits={"per_day": -1})
    refused(scene, "budget_minor", budget_minor=-1)
    # Kinds, items, codes, titles.
    refused(scene, "prizes.0.kind", "no enabled plugin", prizes=[{**TEA, "kind": "gold"}, NONE])
    refused(scene, "prizes.0.item", "no points 'moon'", prizes=[{**TEA, "item": "moon"}, NONE])
    refused(scene, "prizes.1.code", "two prizes", prizes=[TEA, {**NONE, "code": "tea"}])
    refused(scene, "prizes.0.code", prizes=[{**TEA, "code": "T T"}, NONE])
    refused(scene, "prizes.0.title", prizes=[{**TEA, "title": " "}, NONE])
    refused(scene, "prizes.1.kind", prizes=[TEA, {**NONE, "value_minor": 5}])
    refused(scene, "prizes.0.release", "needs a stock", prizes=[{**TEA, "release": "even"}, NONE])
    refused(scene, "prizes.0.luck", prizes=[{**TEA, "luck": 1}, NONE])
    refused(scene, "prizes", "needs a prize", prizes=[{**NONE, "weight": 10}])
    # A tier below another: a fallback of lower value, an unknown one, a circle.
    dear = {**TEA, "value_minor": 500, "fallback": "cup"}
    cup = {"code": "cup", "title": "Cup", "kind": "coupon", "value_minor": 400}
    refused(scene, "prizes.0.fallback", "worth less", prizes=[dear, cup, NONE])
    refused(scene, "prizes.0.fallback", "no prize", prizes=[{**TEA, "fallback": "gone"}, NONE])
    circle = [{**TEA, "fallback": "cup"}, {**cup, "value_minor": 0, "fallback": "tea"}, NONE]
    refused(scene, "prizes.0.fallback", "circle", prizes=circle)
    # Time, game, surface, code, anything unknown.
    refused(scene, "ends_at", starts_at=now + 10, ends_at=now + 10)
    refused(scene, "ends_at", "ISO 8601", ends_at="tomorrow")
    refused(scene, "ends_at", ends_at=...)
    refused(scene, "game", "no enabled plugin offers 'chess'", game="chess")
    refused(scene, "surface", "none of", surface="fax")
    refused(scene, "code", code="No Spaces")
    refused(scene, "settings.speed", settings={"speed": 9})
    refused(scene, "odds", odds=1)
    refused(scene, "title", title=" ")
    refused(scene, "title", title="a\x00b")
    refused(scene, "chances.share", "lure people into sharing", surface="h5", chances={"share": 1})
    # A guarantee of a grade that is not there.
    promise = {"draws": 3, "grade": "A", "prize": "tea", "substitute": "tea"}
    refused(scene, "guarantee.prize", "no prize of grade", guarantee=promise)
    graded = [{**TEA, "grade": "A"}, NONE]
    refused(scene, "guarantee.substitute", prizes=graded, guarantee={**promise, "substitute": "none"})
    refused(scene, "guarantee.draws", prizes=graded, guarantee={**promise, "draws": 0})


@SQLITE
def test_a_mechanic_that_a_surface_forbids_is_refused_with_the_reason(scene: Scene) -> None:
    with pytest.raises(Invalid, match="cut a price.*external link") as error:
        scene.games.create(scene.definition("bargain", [], surface="h5"), actor="mia")
    assert error.value.field == "surface"


@SQLITE
def test_a_draft_is_not_there_for_players_and_a_code_is_taken_once(scene: Scene) -> None:
    definition = scene.definition("wheel", [TEA, NONE])
    code = scene.games.create(definition, actor="mia").code
    with pytest.raises(NotFound):
        scene.games.view(code, None)
    again = scene.games.create(definition, actor="mia")
    assert (again.code, again.state) == (code, "draft")
    for change in ({"title": "other"}, {"budget_minor": 5}, {"prizes": [{**TEA, "stock": 3}, NONE]}):
        with pytest.raises(Conflict) as error:
            scene.games.create({**definition, **change}, actor="mia")
        assert error.value.code == "code_taken"


@SQLITE
def test_a_draw_is_published_before_its_start_with_rules_organiser_odds_and_commitment(scene: Scene) -> None:
    now = scene.brand.now()
    for name in ("rules", "organiser", "organiser_contact"):
        made = scene.games.create(scene.definition("wheel", [TEA, NONE], **{name: ""}), actor="mia")
        with pytest.raises(Invalid) as error:
            scene.games.publish(made.code, "mia")
        assert error.value.field == name
    late = scene.games.create(scene.definition("wheel", [TEA, NONE], starts_at=now - 1), actor="mia")
    with pytest.raises(Invalid) as error:
        scene.games.publish(late.code, "mia")
    assert error.value.field == "starts_at"
    over = scene.games.create(scene.definition("wheel", [TEA, NONE], ends_at=now), actor="mia")
    with pytest.raises(Invalid) as error:
        scene.games.publish(over.code, "mia")
    assert error.value.field == "ends_at"

    made = scene.games.create(scene.definition("wheel", [TEA, NONE], starts_at=now + HOUR_MS), actor="mia")
    told = scene.games.publish(made.code, "mia")
    found = scene.games.campaigns.get(made.code)
    assert (found.phase(now), found.commitment) == ("waiting", told["commitment"])
    assert told["table_hash"] == fairness.table_hash([("tea", 1), ("none", 9)])
    assert [(entry["what"], entry["actor"]) for entry in scene.games.campaigns.log(found.id)] == [
        ("created", "mia"),
        ("published", "mia"),
    ]
    # Published again it tells what it told: neither seed nor start is new.
    assert scene.games.publish(made.code, "noor") == told
    assert len(list(scene.games.campaigns.log(found.id))) == 2


@SQLITE
def test_an_expected_spend_above_the_budget_has_to_be_confirmed(scene: Scene) -> None:
    prizes = [
        scene.prize("phone", weight=1, value_minor=599_900),
        scene.prize("bag", weight=50, value_minor=9_900),
        scene.prize("coupon", kind="coupon", weight=1_500, value_minor=1_000),
        scene.prize("points", weight=4_449, value_minor=100),
        scene.none(4_000),
    ]
    made = scene.games.create(
        scene.definition("wheel", prizes, expected_draws=20_000, budget_minor=6_079_599), actor="mia"
    )
    with pytest.raises(Conflict) as error:
        scene.games.publish(made.code, "mia")
    assert error.value.code == "overspend"
    told = scene.games.publish(made.code, "mia", confirm=True)
    assert (told["expected_cost_minor"], told["expected_spend_minor"]) == (303.98, 6_079_600)
    # A guarantee counts at its real rate: 10% in five is 24.42%.
    promised = [scene.prize("bag", weight=10, value_minor=1_000, grade="A"), scene.prize("tea"), scene.none(90)]
    body = scene.definition(
        "wheel", promised, expected_draws=1_000, budget_minor=200_000,
        guarantee={"draws": 5, "grade": "A", "prize": "bag", "substitute": "tea"},
    )  # fmt: skip
    made = scene.games.create(body, actor="mia")
    with pytest.raises(Conflict, match="244194"):
        scene.games.publish(made.code, "mia")


@SQLITE
def test_after_publishing_only_what_is_better_for_players_changes(scene: Scene) -> None:
    now = scene.brand.now()
    code = scene.campaign("wheel", [{**TEA, "stock": 2, "value_minor": 10}, NONE], budget_minor=100)
    campaigns = scene.games.campaigns
    end = campaigns.get(code).ends_at
    with pytest.raises(Conflict) as error:
        campaigns.lengthen(code, end - 1, actor="mia")
    assert error.value.code == "worse_for_players"
    assert campaigns.lengthen(code, end + DAY_MS, actor="mia").ends_at == end + DAY_MS
    assert campaigns.add_stock(code, "tea", 3, actor="mia").prize("tea").stock_total == 5
    assert scene.stock(code, "tea") == 5
    assert campaigns.add_budget(code, 50, actor="mia").budget_minor == 150
    for bad in (0, -1):
        with pytest.raises(Invalid):
            campaigns.add_stock(code, "tea", bad, actor="mia")
        with pytest.raises(Invalid):
            campaigns.add_budget(code, bad, actor="mia")
    with pytest.raises(Conflict):
        campaigns.add_stock(code, "none", 1, actor="mia")
    for call in (scene.games.pause, scene.games.end):
        with pytest.raises(Invalid):  # players are told why
            call(code, actor="mia", reason=" ")
    scene.games.end(code, actor="mia", reason="奖品质量问题")
    with pytest.raises(Conflict):
        campaigns.lengthen(code, end + 9 * DAY_MS, actor="mia")
    assert campaigns.get(code).phase(now) == "over"
    assert [entry["what"] for entry in campaigns.log(campaigns.get(code).id)] == [
        "created", "published", "lengthened", "stock added", "budget added", "ended"
    ]  # fmt: skip


def test_the_seed_is_secret_until_the_end_and_public_afterwards(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign("wheel", [TEA, NONE], chances={"start": 1}, ends_at=scene.brand.now() + HOUR_MS)
    draw = scene.draw(code, anna)
    (seed,) = execute("SELECT seed FROM interaction_games_seed").fetchone()
    assert scene.games.campaigns.get(code).commitment == fairness.commitment(seed)
    assert scene.games.campaigns.revealed_seed(code) is None
    assert scene.games.published_file(code)["seed"] is None
    with pytest.raises(Conflict) as error:
        scene.games.reveal(code, actor="mia")
    assert error.value.code == "not_over"
    # Whatever is told before the end, the seed is not in it.
    everything = [scene.games.view(code, anna), scene.games.published_file(code), draw.shown()]
    everything += [scene.games.verify(draw.uid), list(scene.games.campaigns.log(draw.contact_id))]
    assert seed not in repr(everything)
    scene.clock.advance(hours=1)
    assert scene.games.reveal(code, actor="mia")["seed"] == seed
    assert scene.games.reveal(code, actor="mia")["seed"] == seed
    assert scene.games.campaigns.get(code).state == "revealed"


@SQLITE
def test_the_job_reveals_a_day_after_the_end(scene: Scene) -> None:
    code = scene.campaign("wheel", [TEA, NONE], ends_at=scene.brand.now() + HOUR_MS)
    scene.clock.advance(hours=24)
    assert scene.games.settle()["revealed"] == 0
    scene.clock.advance(hours=1)
    assert scene.games.settle()["revealed"] == 1
    assert scene.games.campaigns.revealed_seed(code) is not None


@SQLITE
def test_every_reward_kind_can_be_a_prize(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign("checkin", [scene.prize(f"p-{kind}", kind=kind, item="C10") for kind in KINDS])
    for kind in KINDS:
        assert scene.award(code, anna, f"p-{kind}", kind).state == "granted"
    assert scene.rewards(anna) == [(kind, "C10", 1) for kind in KINDS]


@SQLITE
def test_a_prize_that_nobody_issues_any_more_is_a_configuration_error_at_start(new_installation) -> None:
    installation = new_installation(plugins=(InteractionGames, Prizes), acme=SETTINGS)
    brand = installation.brand("acme")
    with brand:
        Scene(brand).campaign("wheel", [TEA, NONE])
    file = installation.config.brands_dir / "acme.toml"
    file.write_text(file.read_text().replace("[plugins.prizes]", ""))
    fresh = Installation.open(installation.config.root, clock=installation.clock, plugins=(InteractionGames, Prizes))
    with pytest.raises(ConfigError, match="campaign 'c1', prize 'tea': no enabled plugin issues rewards of kind 'points'"):
        fresh.brand("acme")
    fresh.close()


@SQLITE
def test_the_legal_cap_is_of_the_brands_settings_and_of_draws_alone(new_installation) -> None:
    free = SETTINGS + 'top_prize_minor = "none"\n'
    installation = new_installation(plugins=(InteractionGames, Prizes), acme=SETTINGS, moonco=free)
    for brand_id, allowed in (("acme", 5_000_000), ("moonco", 9_000_000)):
        with installation.brand(brand_id) as brand:
            scene = Scene(brand)
            body = scene.definition("wheel", [{**TEA, "value_minor": allowed}, NONE])
            assert scene.games.create(body, actor="mia").prize("tea").value_minor == allowed
            # What is certain is no draw.
            body = scene.definition("checkin", [{**TEA, "value_minor": 9_000_000, "weight": 0}])
            assert scene.games.create(body, actor="mia").state == "draft"
