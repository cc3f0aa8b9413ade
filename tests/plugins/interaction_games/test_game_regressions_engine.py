"""Defects of the engine that were found once, each held by the scene that showed it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import peewee
import pytest
from games_scene import DAY_MS, Scene
from signing import PAGE, SCRIPT, fields, sign_in
from social_scene import bargain, order
from werkzeug.test import TestResponse

from scrm_core.api import Conflict, Invalid, Plugin
from scrm_core.db.bulk import execute
from scrm_core.db.router import STATE
from scrm_core.services.orders import RefundIn
from scrm_core.web.app import create_app
from scrm_interaction_games.engine import records, registry
from scrm_interaction_games.games import handing
from scrm_interaction_games.pages import routes
from scrm_interaction_games.service import chances_of_order

SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
BASE = "/p/acme/interaction-games"
POSTGRESQL = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

# The first change of a draw fails as if another transaction had won the race; a sequence does not roll back.
_CONTENDED_ONCE = """
CREATE SEQUENCE contended_once;
CREATE FUNCTION contend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF nextval('contended_once') = 1 THEN RAISE EXCEPTION 'contended' USING ERRCODE = '40P01'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER contended BEFORE UPDATE ON interaction_games_draw FOR EACH ROW EXECUTE FUNCTION contend();
"""


def state_of(uid: str) -> str:
    return str(execute("SELECT state FROM interaction_games_draw WHERE uid = ?", (uid,)).fetchone()[0])


def sure(scene: Scene, **more: object) -> str:
    """A wheel on which every draw wins a tea."""
    return scene.campaign("wheel", [scene.prize("tea", item="tea", weight=1, **more)], chances={"start": 50})


# Contention ----------------------------------------------------------------------


@pytest.fixture
def contend(scene: Scene) -> Iterator[Callable[[], None]]:
    """A function that lets the next change of a draw fail as a deadlock does."""

    def make() -> None:
        drop()
        execute(_CONTENDED_ONCE)

    def drop() -> None:
        execute("DROP TRIGGER IF EXISTS contended ON interaction_games_draw")
        execute("DROP FUNCTION IF EXISTS contend()")
        execute("DROP SEQUENCE IF EXISTS contended_once")

    yield make
    drop()


@POSTGRESQL
def test_a_deadlock_in_deciding_over_a_prize_is_tried_again(scene: Scene, contend: Callable[[], None]) -> None:
    fulfilment, reviews = scene.games.fulfilment, scene.games.reviews
    decisions: dict[str, tuple[str, Callable[[str, int], object]]] = {
        "approve": ("granted", lambda uid, _: reviews.approve(uid, actor="kim")),
        "reject": ("void", lambda uid, _: reviews.reject(uid, actor="kim", reason="同一设备")),
        "void": ("void", lambda uid, _: fulfilment.void(uid, reason="账号异常", actor="kim")),
        "claim": ("granted", lambda uid, anna: fulfilment.claim(uid, anna, "上海市")),
        "replay": ("granted", lambda uid, _: fulfilment.replay(uid)),
        "retry": ("granted", lambda *_: fulfilment.retry()),
        "forfeit": ("void", lambda *_: fulfilment.forfeit()),
        "take back": ("void", lambda uid, _: fulfilment.take_back(uid, reason="退款", actor="kim")),
    }
    for word, (left, decide) in decisions.items():
        anna = scene.person()
        claimed = {"claim_days": 7} if word in ("claim", "forfeit") else {}
        code = sure(scene, stock=3, value_minor=100, review=word in ("approve", "reject"), **claimed)
        scene.break_issuer(word in ("replay", "retry", "void"))
        draw = scene.draw(code, anna)
        scene.break_issuer(False)
        scene.clock.advance(days=8 if word == "forfeit" else 1)
        contend()
        decide(draw.uid, anna)
        assert execute("SELECT last_value FROM contended_once").fetchone()[0] > 1, word
        assert state_of(draw.uid) == left, word
        assert (scene.stock(code, "tea"), scene.spent(code)) == ((3, 0) if left == "void" else (2, 100)), word
        # What was taken back has its reversal in the ledger.
        assert len(scene.rewards(anna)) == {"granted": 1, "void": 0}[left] + 2 * (word == "take back"), word


# Prizes that wait ------------------------------------------------------------------


@SQLITE
def test_the_days_to_claim_a_prize_begin_when_it_is_approved_and_it_may_be_claimed_before(scene: Scene) -> None:
    anna, berta = scene.people(2)
    code = sure(scene, stock=2, review=True, claim_days=7)
    first, second = scene.draw(code, anna), scene.draw(code, berta)
    scene.clock.advance(days=10)
    fulfilment, reviews = scene.games.fulfilment, scene.games.reviews
    # The review takes long: an address may be given meanwhile, however long ago the win was.
    assert fulfilment.claim(second.uid, berta, "上海市") == "held"
    assert scene.games.settle()["forfeited"] == 0
    assert reviews.approve(second.uid, actor="kim") == "granted"
    assert reviews.approve(first.uid, actor="kim") == "won"
    scene.clock.advance(days=6)
    assert scene.games.settle()["forfeited"] == 0
    assert fulfilment.claim(first.uid, anna, "北京市") == "granted"
    assert len(scene.rewards(anna)) == len(scene.rewards(berta)) == 1


@SQLITE
def test_an_approved_prize_that_nobody_claims_is_forfeited_in_its_own_time(scene: Scene) -> None:
    anna = scene.person()
    code = sure(scene, stock=2, review=True, claim_days=7)
    draw = scene.draw(code, anna)
    scene.clock.advance(days=10)
    scene.games.reviews.approve(draw.uid, actor="kim")
    scene.clock.advance(days=7)
    assert scene.games.settle()["forfeited"] == 1
    assert (state_of(draw.uid), scene.stock(code, "tea")) == ("void", 2)


@SQLITE
def test_a_prize_under_review_offers_its_form_and_names_no_day_before_it_is_approved(scene: Scene) -> None:
    anna = scene.person()
    code = sure(scene, stock=2, review=True, claim_days=7)
    draw = scene.draw(code, anna)
    client = create_app(scene.brand.installation).test_client()
    sign_in(client, scene.brand, anna)
    scene.clock.advance(days=8)
    page = client.get(f"{BASE}/prizes?lang=en", headers=PAGE)
    text = page.get_data(as_text=True)
    assert "Being checked" in text and "Please answer before" not in text
    form = fields(page, "/claim", address="王小明 上海市")
    assert client.post(f"{BASE}/prizes/{draw.uid}/claim", data=form, headers=PAGE).status_code == 303
    shown = client.get(f"{BASE}/g/{code}/result/{draw.uid}?lang=en", headers=PAGE).get_data(as_text=True)
    assert "Please answer before" not in shown
    assert scene.games.reviews.approve(draw.uid, actor="kim") == "granted"
    assert "/claim" not in client.get(f"{BASE}/prizes?lang=en", headers=PAGE).get_data(as_text=True)


@SQLITE
def test_one_person_under_two_spellings_is_still_one(scene: Scene) -> None:
    anna = scene.person()
    code = sure(scene, value_minor=100_000, review=True)
    draw = scene.draw(code, anna)
    reviews = scene.games.reviews
    assert reviews.approve(draw.uid, actor="Mia Ma") == "held"
    for same in ("mia ma", "MIA  MA", "Mia\u00a0Ma", "ＭＩＡ ma", "miama"):
        with pytest.raises(Conflict) as refused:
            reviews.approve(draw.uid, actor=same)
        assert refused.value.code == "four_eyes"
    assert [word["actor"] for word in reviews.words(draw.uid)] == ["Mia Ma"]
    assert reviews.approve(draw.uid, actor="Kim") == "granted"


@SQLITE
def test_an_award_that_is_taken_back_returns_its_stock_its_day_and_its_money(scene: Scene) -> None:
    anna, berta = scene.people(2)
    code = scene.campaign(
        "wheel", [scene.prize("tea", weight=1, stock=2, value_minor=300, per_day=1, per_person=1)], budget_minor=300
    )
    scene.award(code, anna, "tea", "rung:1")
    assert (scene.stock(code, "tea"), scene.spent(code)) == (1, 300)
    with scene.brand.transaction():
        turn = scene.games.turn(code, berta, "k")
        assert handing.take_back(turn, anna, "rung:1", "the order was refunded", "shop")
        assert handing.take_back(turn, anna, "rung:1", "told again", "shop")
    assert (scene.stock(code, "tea"), scene.spent(code)) == (2, 0)
    assert [quantity for _, _, quantity in scene.rewards(anna)] == [1, -1]
    assert scene.award(code, berta, "tea", "rung:1").state == "granted"


# Merges ----------------------------------------------------------------------------


def merge(scene: Scene, winner: int, loser: int) -> int:
    merged = scene.brand.contacts.merge(winner, loser, actor="mia", reason="one person")
    scene.deliver()
    return int(merged)


def mine(scene: Scene, person: int) -> list[str]:
    return sorted(draw.uid for _, draw in records.of_person(scene.games.campaigns, person))


def test_what_two_contacts_won_under_one_key_is_the_one_persons_after_a_merge_and_goes_back_exactly(
    scene: Scene,
) -> None:
    anna, twin = scene.people(2)
    code = sure(scene, stock=9, per_person=2, claim_days=7)
    # A page that was opened before the first draw names it so; both contacts opened such a page.
    one = scene.act(code, "play", anna, after="0")["draw"]
    two = scene.act(code, "play", twin, after="0")["draw"]
    merged = merge(scene, anna, twin)
    assert mine(scene, anna) == sorted((one, two))
    assert scene.games.fulfilment.claim(two, anna, "上海市") == "granted"
    # Two of two are had: the merge opens no second share.
    assert scene.act(code, "play", anna)["won"] is False
    # The next key of the one person goes on behind both.
    again = scene.act(code, "play", anna, after="3")["draw"]
    scene.brand.contacts.undo_merge(merged, actor="mia")
    scene.deliver()
    assert (mine(scene, anna), mine(scene, twin)) == ([one], [two])
    # What was played in between is the winner's; the other one goes on with the same words.
    last = scene.act(code, "play", twin, after="1")["draw"]
    assert last not in (again, two)
    merge(scene, anna, twin)
    assert mine(scene, anna) == sorted((one, two, last))


def test_an_award_that_was_had_before_a_merge_is_not_given_again(scene: Scene) -> None:
    anna, twin = scene.people(2)
    code = sure(scene, stock=9)
    first, second = (scene.award(code, person, "tea", "day:5").uid for person in (anna, twin))
    merge(scene, anna, twin)
    assert scene.award(code, anna, "tea", "day:5").uid in (first, second)
    assert scene.award(code, twin, "tea", "day:5").uid in (first, second)
    assert scene.stock(code, "tea") == 7


def test_people_who_were_merged_parted_and_merged_again_lose_nothing(scene: Scene) -> None:
    anna, twin = scene.people(2)
    code = sure(scene, stock=9)
    uids = [scene.award(code, twin, "tea", "day:1").uid]
    merged = merge(scene, anna, twin)
    # Anna plays under the player that was her twin's, and after the parting both have an award of the same key.
    uids.append(scene.award(code, anna, "tea", "day:2").uid)
    scene.brand.contacts.undo_merge(merged, actor="mia")
    scene.deliver()
    uids.append(scene.award(code, twin, "tea", "day:2").uid)
    merged = merge(scene, anna, twin)
    assert mine(scene, anna) == sorted(uids)
    scene.brand.contacts.undo_merge(merged, actor="mia")
    scene.deliver()
    assert (mine(scene, anna), mine(scene, twin)) == ([uids[1]], sorted((uids[0], uids[2])))
    # The award is known under its own key again.
    assert scene.award(code, twin, "tea", "day:2").uid == uids[2]


# Games at work ----------------------------------------------------------------------


@SQLITE
def test_a_ladder_that_is_paid_months_after_the_end_is_paid(scene: Scene) -> None:
    anna, berta = scene.people(2)
    settings = {
        "gates": ["first_order"], "mode": "highest", "refund_days": 120, "grace_days": 10,
        "rungs": [{"invites": 1, "prize": "tea"}],
    }  # fmt: skip
    code = scene.campaign("invite", [scene.prize("tea", item="tea")], settings=settings, surface="offline_code")
    scene.act(code, "accept", berta, by=scene.act(code, "start", anna)["code"])
    order(scene, "A1", berta, 500)
    scene.deliver()
    scene.clock.advance(days=30 + 130)
    scene.games.settle()
    assert scene.rewards(anna) == [("points", "tea", 1)]
    # And settling ends some time: nothing of it is asked for ever.
    scene.clock.advance(days=61)
    assert [desk.campaign.code for _, desk in scene.games.desks.open()] == []


class Shaky:
    """A game of somebody else's that fails in whatever happens elsewhere."""

    kind = "shaky"
    title = {"zh": "摇", "en": "Shaky"}
    mechanics: frozenset[str] = frozenset()
    draws = False
    Settings = None
    actions: dict[str, str] = {}
    page = "shaky.html"

    def view(self, turn: Any) -> dict[str, Any]:
        return {}

    def on_order(self, desk: Any, event: Any) -> None:
        desk.turn(event.contact_id, "k").tickets.grant(1, "staff", f"half:{event.order_id}")
        raise LookupError("half done")

    def on_refund(self, desk: Any, event: Any) -> None:
        execute("SELECT what FROM a_table_that_was_never_made")

    def settle(self, desk: Any) -> int:
        raise ZeroDivisionError("the sum of nothing")


class ShakyGames(Plugin):
    name = "shaky"
    version = "1"
    summary = "Test plugin with a game that fails"
    requires_core = ">=0.1.0.dev0"
    extensions = {"interaction-games.games": (Shaky,)}


@pytest.fixture
def shaky(games_installation: Callable[..., Any]) -> Iterator[Scene]:
    with games_installation(plugins=(ShakyGames,), more="[plugins.shaky]\n").brand("acme") as brand:
        yield Scene(brand)


def test_a_game_that_fails_stops_neither_events_nor_the_settling_of_others(
    shaky: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    anna, berta = shaky.people(2)
    broken = shaky.campaign("shaky", [shaky.prize("tea")], ends_at=shaky.brand.now() + DAY_MS)
    wheel = shaky.campaign("wheel", [shaky.prize("tea", weight=1)], chances={"order": 2}, budget_minor=500,
                           ends_at=shaky.brand.now() + DAY_MS)  # fmt: skip
    late = bargain(shaky)
    shaky.act(late, "open", berta)
    order(shaky, "A1", anna, 500)
    shaky.deliver()
    shaky.brand.orders.refund(RefundIn("shop", "A1", "R1", 500, shaky.brand.now()))
    shaky.deliver()
    # The wheel's chances came and went; what the failing game had begun is rolled back alone.
    entries = execute("SELECT c.code, t.delta, t.source FROM interaction_games_ticket t "
                      "JOIN interaction_games_campaign c ON c.id = t.campaign_id ORDER BY t.id").fetchall()  # fmt: skip
    assert [tuple(row) for row in entries] == [(wheel, 2, "order"), (wheel, -2, "revoked")]
    failures = [each for each in shaky.games.campaigns.log(shaky.games.campaigns.get(broken).id)
                if each["what"] == "failed"]  # fmt: skip
    assert [each["detail"]["hook"] for each in failures] == ["on_order", "on_refund"]
    assert failures[0]["reason"] == "LookupError"
    shaky.clock.advance(days=3)
    done = shaky.games.settle()
    # The bargain after it is settled, and seeds are revealed.
    assert (done["settled"], done["failed"], done["revealed"]) == (1, 1, 2)
    assert "the sum of nothing" in caplog.text and "half done" in caplog.text


def test_a_fault_of_the_database_in_a_game_is_no_failure_of_the_game(shaky: Scene) -> None:
    anna = shaky.person()
    shaky.campaign("shaky", [shaky.prize("tea")])

    class Waits(Shaky):
        def settle(self, desk: Any) -> int:
            raise peewee.OperationalError("database is locked") from sqlite3.OperationalError("database is locked")

    shaky.games.engine.games["shaky"] = Waits()
    with pytest.raises(peewee.OperationalError):
        shaky.games.settle()
    assert shaky.rewards(anna) == []


@SQLITE
def test_a_game_that_cannot_be_made_is_missing_alone(shaky: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any) -> None:
        raise OSError("its file is gone")

    shaky.campaign("shaky", [shaky.prize("tea")])
    monkeypatch.setattr(Shaky, "__init__", broken)
    shaky.games.engine.__dict__.pop("games", None)
    assert "shaky" not in registry.games(shaky.brand)
    wheel = shaky.campaign("wheel", [shaky.prize("tea", weight=1)], chances={"start": 1})
    assert shaky.act(wheel, "play", shaky.person())["won"] is True
    with pytest.raises(Invalid) as refused:
        shaky.campaign("shaky", [shaky.prize("tea")])
    assert "its file is gone" in refused.value.message
    (problem,) = registry.problems(shaky.brand)
    assert "shaky" in problem and "its file is gone" in problem


def test_orders_of_merged_people_count_for_who_they_are_and_of_erased_ones_for_nobody(scene: Scene) -> None:
    anna, twin, gone = scene.people(3)
    cut = bargain(scene)
    ticket = scene.act(cut, "open", anna)
    care = scene.campaign(
        "nurture", [scene.prize("tea", item="tea")],
        settings={"stages": [20, 40], "prize": "tea",
                  "sources": [{"code": "daily", "kind": "daily", "title": "每日", "amount": 9},
                              {"code": "order", "kind": "order", "title": "下单", "amount": 90, "per_day": 9}]},
    )  # fmt: skip
    scene.view(care, anna)
    price = ticket["price_minor"]
    order(scene, "T1", twin, price, "BIKE")
    order(scene, "G1", gone, price, "BIKE")
    scene.brand.contacts.merge(anna, twin, actor="mia", reason="one person")
    scene.brand.privacy.erase(gone, actor="mia")
    scene.deliver()
    assert scene.view(cut, anna)["bargain"]["state"] == "bought"
    scene.brand.orders.refund(RefundIn("shop", "T1", "R1", price, scene.brand.now()))
    scene.brand.privacy.erase(anna, actor="mia")
    scene.deliver()
    # What the shop paid back is off the list, whoever the buyer was.
    assert execute("SELECT state FROM interaction_games_payment").fetchall()[0][0] == "refunded"


# Erasure ----------------------------------------------------------------------------


class Kept:
    """A game that holds something for people in a place of its own."""

    kind = "kept"
    title = {"zh": "留", "en": "Kept"}
    mechanics: frozenset[str] = frozenset()
    draws = False
    Settings = None
    actions = {"keep": "keep"}
    page = "kept.html"
    given_back: list[tuple[str, tuple[int, ...]]] = []

    def view(self, turn: Any) -> dict[str, Any]:
        return {}

    def keep(self, turn: Any) -> dict[str, Any]:
        turn.reserve("tea", "mine", turn.now + 90 * DAY_MS)
        return {}

    def forget(self, desk: Any, contact_ids: tuple[int, ...]) -> None:
        self.given_back.append((desk.campaign.code, tuple(contact_ids)))


class KeptGames(Plugin):
    name = "kept"
    version = "1"
    summary = "Test plugin with a game that keeps things"
    requires_core = ">=0.1.0.dev0"
    extensions = {"interaction-games.games": (Kept,)}


def test_what_an_erased_person_held_goes_back_and_what_they_were_granted_stays_spent(
    games_installation: Callable[..., Any],
) -> None:
    with games_installation(plugins=(KeptGames,), more="[plugins.kept]\n").brand("acme") as brand:
        scene = Scene(brand)
        anna, twin, berta = scene.people(3)
        tea = {"value_minor": 100, "stock": 9, "per_day": 9}
        kept = scene.campaign("kept", [scene.prize("tea", **tea)], budget_minor=900)
        wheel = scene.campaign("wheel", [scene.prize("tea", weight=1, **tea)], chances={"start": 9}, budget_minor=900)
        goods = scene.campaign(
            "wheel", [scene.prize("tea", weight=1, claim_days=9, **tea)], chances={"start": 9}, budget_minor=900
        )
        held = scene.campaign(
            "wheel", [scene.prize("tea", weight=1, review=True, **tea)], chances={"start": 9}, budget_minor=900
        )
        for person in (twin, berta):
            scene.act(kept, "keep", person)
        for person in (anna, twin, berta):
            for code in (wheel, goods, held):
                scene.draw(code, person)
        scene.break_issuer()
        scene.draw(wheel, anna)
        scene.brand.contacts.merge(anna, twin, actor="mia", reason="one person")
        scene.deliver()
        before = {code: (scene.stock(code, "tea"), scene.spent(code)) for code in (kept, wheel, goods, held)}
        assert before == {kept: (7, 200), wheel: (5, 400), goods: (6, 300), held: (6, 300)}
        Kept.given_back.clear()
        # The campaign is long over: its promises are forgotten all the same.
        scene.clock.advance(days=200)
        scene.brand.privacy.erase(anna, actor="mia")
        after = {code: (scene.stock(code, "tea"), scene.spent(code)) for code in (kept, wheel, goods, held)}
        # Granted prizes are gone, one reservation, one prize on its way and four others are there again.
        assert after == {kept: (8, 100), wheel: (6, 300), goods: (8, 100), held: (8, 100)}
        days = execute("SELECT taken FROM interaction_games_prize_day ORDER BY prize_id").fetchall()
        assert [row[0] for row in days] == [1, 3, 1, 1]
        assert Kept.given_back == [(kept, (anna, twin))]
        assert execute("SELECT DISTINCT contact_id FROM interaction_games_draw").fetchall() == [(berta,)]


# Surfaces ---------------------------------------------------------------------------

WECHAT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.49"
MINI_PROGRAM = f"{WECHAT} NetType/WIFI Language/zh_CN miniProgram/wx0123456789abcdef"
BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4) AppleWebKit/605.1.15 Version/17.4 Safari/604.1"
CUT = {"sku": "BIKE", "goods": "平衡车", "list_minor": 29_900, "floor_minor": 9_900, "helpers": 4}


@SQLITE
def test_a_page_opened_as_a_link_in_wechat_is_held_to_the_rules_for_links(scene: Scene) -> None:
    client = create_app(scene.brand.installation).test_client()
    anna = scene.person()
    sign_in(client, scene.brand, anna)
    mini, app, coded = (scene.campaign("bargain", settings=CUT, surface=each)
                        for each in ("mini_program", "app", "offline_code"))  # fmt: skip
    wheel = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 1})
    shared = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 1, "share": 1})

    def get(code: str, agent: str, accept: dict[str, str] = PAGE) -> TestResponse:
        return client.get(f"{BASE}/g/{code}", headers={**accept, "User-Agent": agent})

    for code, words in ((mini, "请在品牌的小程序中"), (app, "请在品牌的 App 中"), (shared, "请在品牌的 App 中")):
        refused = get(code, WECHAT)
        assert (refused.status_code, words in refused.get_data(as_text=True)) == (403, True), code
        assert get(code, WECHAT, SCRIPT).status_code == 403
    allowed = ((mini, MINI_PROGRAM), (mini, BROWSER), (app, BROWSER), (coded, WECHAT), (wheel, WECHAT))
    assert [get(code, agent).status_code for code, agent in allowed] == [200] * 5
    # A form that was opened elsewhere does not act there either.
    form = fields(get(mini, MINI_PROGRAM), "/open")
    place = f"{BASE}/g/{mini}/open"
    assert client.post(place, data=form, headers={**SCRIPT, "User-Agent": WECHAT}).status_code == 403
    assert client.post(place, data=form, headers={**SCRIPT, "User-Agent": MINI_PROGRAM}).status_code == 200
    # What people need to know stays readable everywhere.
    assert client.get(f"{BASE}/g/{mini}/rules", headers={**PAGE, "User-Agent": WECHAT}).status_code == 200


@SQLITE
def test_a_page_knows_where_its_own_address_may_be_passed_on(scene: Scene) -> None:
    code = scene.campaign("bargain", settings=CUT, surface="offline_code")
    wheel = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 1})
    campaigns = scene.games.campaigns
    assert [
        routes.copyable(campaigns.get(each), agent)
        for each, agent in ((code, WECHAT), (code, MINI_PROGRAM), (code, BROWSER), (wheel, WECHAT))
    ] == [False, True, True, True]


# Shares -----------------------------------------------------------------------------


def test_a_share_reported_by_a_trusted_server_gives_its_chances_once_a_day(scene: Scene) -> None:
    anna, berta = scene.people(2)
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"share": 2})
    games = scene.games
    assert games.share(code, anna, key="s1") == {"given": 2, "chances": 2}
    scene.draw(code, anna)
    # The same report again, even on another day, is answered as it was.
    assert games.share(code, anna, key="s1") == {"given": 2, "chances": 2}
    assert games.share(code, anna, key="s2") == {"given": 0, "chances": 1}
    assert games.share(code, berta, key="s1") == {"given": 2, "chances": 2}
    scene.clock.advance(days=1)
    assert games.share(code, anna, key="s1") == {"given": 2, "chances": 2}
    assert games.share(code, anna, key="s3") == {"given": 2, "chances": 3}
    none = scene.campaign("wheel", [scene.prize("tea", weight=1)], surface="h5", chances={"start": 1})
    with pytest.raises(Conflict) as refused:
        games.share(none, anna, key="s1")
    assert refused.value.code == "no_share"
    with pytest.raises(Invalid):
        scene.campaign("wheel", [scene.prize("tea", weight=1)], surface="h5", chances={"share": 1})
    games.end(code, actor="mia", reason="done")
    with pytest.raises(Conflict) as over:
        games.share(code, anna, key="s9")
    assert over.value.code == "ended"


@SQLITE
def test_shares_are_reported_over_http_by_who_may_act_for_people(scene: Scene) -> None:
    client = create_app(scene.brand.installation).test_client()
    anna = scene.person()
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"share": 2})
    body = {"contact": str(scene.brand.contacts.get_by_id(anna).uid), "key": "s1"}
    place = f"/api/v1/acme/plugins/interaction-games/campaigns/{code}/shares"

    def report(scope: str) -> TestResponse:
        key = scene.brand.keys.create("test", (scope, "contacts:read"))[1]
        return client.post(place, json=body, headers={"Authorization": f"Bearer {key}"})

    assert report("interaction-games:write").status_code == 403
    assert report("interaction-games:play").json == {"given": 2, "chances": 2}


# What is kept and read ---------------------------------------------------------------


def test_first_answers_are_forgotten_a_month_after_the_end_and_nothing_is_won_again(scene: Scene) -> None:
    anna = scene.person()
    early, late, running = (
        scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 5},
                       ends_at=scene.brand.now() + days * DAY_MS)
        for days in (20, 10, 100)
    )  # fmt: skip
    for code in (early, late, running):
        scene.act(code, "play", anna, key="k")
    scene.games.end(early, actor="mia", reason="sold")
    scene.clock.advance(days=30)
    assert scene.games.settle()["forgotten"] == 1
    scene.clock.advance(days=10)
    assert scene.games.settle()["forgotten"] == 1
    assert scene.games.settle()["forgotten"] == 0
    assert scene.act(running, "play", anna, key="k")["won"] is True
    with pytest.raises(Conflict):
        scene.act(early, "play", anna, key="k")
    assert len(scene.rewards(anna)) == 3


class Asked:
    """A game that says no from what it reads."""

    kind = "asked"
    title = {"zh": "问", "en": "Asked"}
    mechanics: frozenset[str] = frozenset()
    draws = False
    Settings = None
    actions = {"take": "take"}
    page = "asked.html"
    inside: list[int] = []

    def view(self, turn: Any) -> dict[str, Any]:
        return {}

    def take(self, turn: Any) -> dict[str, Any]:
        return {"state": turn.award("tea", f"take:{turn.key}").state}

    def refuses(self, turn: Any) -> None:
        self.inside.append(STATE.depth)
        if not turn.prizes()[0].stock_left:
            raise Conflict("all gone", code="gone")


class AskedGames(Plugin):
    name = "asked"
    version = "1"
    summary = "Test plugin with a game that is asked first"
    requires_core = ">=0.1.0.dev0"
    extensions = {"interaction-games.games": (Asked,)}


def test_a_game_may_refuse_before_any_transaction_and_what_was_answered_stays_answered(
    games_installation: Callable[..., Any],
) -> None:
    with games_installation(plugins=(AskedGames,), more="[plugins.asked]\n").brand("acme") as brand:
        scene = Scene(brand)
        anna, berta = scene.people(2)
        code = scene.campaign("asked", [scene.prize("tea", stock=1)])
        first = scene.act(code, "take", anna, key="k")
        Asked.inside.clear()
        with pytest.raises(Conflict) as refused:
            scene.act(code, "take", berta)
        assert (refused.value.code, Asked.inside) == ("gone", [0])
        assert scene.act(code, "take", anna, key="k") == first
        assert Asked.inside == [0]
        scene.games.end(code, actor="mia", reason="done")
        with pytest.raises(Conflict) as over:
            scene.act(code, "take", berta)
        assert over.value.code == "ended"


@SQLITE
def test_a_refund_finds_its_chances_by_an_index(scene: Scene) -> None:
    statement, parameters = chances_of_order(7)
    plan = " ".join(str(row[3]) for row in execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall())
    assert "interaction_games_ticket_order" in plan and "SCAN" not in plan
