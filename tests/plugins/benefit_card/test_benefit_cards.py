"""Benefit cards as rewards: each code once, sealed, seen by its owner alone, returned unseen and lost once seen."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import peewee
import psycopg
import pytest
from benefit_scene import Letters, Scene, seal_key, table

from scrm_benefit_card import BenefitCard
from scrm_core.clock import SystemClock
from scrm_core.db.bulk import execute
from scrm_core.errors import ConfigError, Conflict, Invalid, NotFound, Veto
from scrm_core.facts import MetricsQuery
from scrm_core.installation import Installation
from scrm_core.services.rewards import RewardWanted

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
DAY_MS = 86_400_000

GRAB = """
from scrm_core.errors import Veto


def run(brand, worker):
    contact = brand.contacts.find("buyer", "ann", "shop").id
    got = []
    for n in range(12):
        try:
            give = lambda: brand.rewards.grant("benefit-card", contact, grant_key=f"{worker}-{n}", item="video")
            got.append((brand.group(give) if n % 2 else give()).issued["card"])
        except Veto as exc:
            assert exc.code == "sold_out", exc
    return got
"""
SAME_KEY = """
def run(brand, worker):
    contact = brand.contacts.find("buyer", "ann", "shop").id
    return [brand.rewards.grant("benefit-card", contact, grant_key=f"k{n}", item="video").issued["card"] for n in range(5)]
"""
IMPORT = """
def run(brand, worker):
    rows = [{"code": f"video-{n:04}"} for n in range(120)]
    if worker % 2:
        rows.reverse()
    told = brand.plugins["benefit-card"].cards.pools.add("video", rows, actor="lin")
    assert told.created + told.rejected == 120
    return told.created
"""
TUG = """
from scrm_core.errors import Conflict


def run(brand, worker):
    contact = brand.contacts.find("buyer", "ann", "shop").id
    cards = brand.plugins["benefit-card"].cards.cards
    seen = 0
    for n in range(20):
        uid = brand.rewards.grant("benefit-card", contact, grant_key=f"k{n}", item="video").issued["card"]
        if worker:
            brand.rewards.reverse(f"k{n}", reason="mistake", actor="boss")
        else:
            try:
                seen += cards.secret(cards.reveal(uid, contact)) is not None
            except Conflict as exc:
                assert exc.code == "taken_back", exc
    return seen
"""


def refused(scene: Scene, contact: int, key: str, pool: str = "video", quantity: int = 1) -> str:
    """The code with which a grant is refused; nothing of it stays."""
    with scene.brand:
        with pytest.raises(Veto) as exc:
            scene.brand.rewards.grant("benefit-card", contact, grant_key=key, item=pool, quantity=quantity)
        assert execute("SELECT count(*) FROM reward WHERE grant_key = ?", (key,)).fetchone() == (0,)
    return exc.value.code


def test_four_processes_empty_a_pool_exactly_and_no_card_is_given_twice(scene, together, clock):
    clock.set(SystemClock().now())  # the processes' clock
    scene.pool(cards=30)
    scene.person("ann")
    got = [uid for each in together(scene.brand.installation, GRAB, 4) for uid in each]
    assert len(got) == len(set(got)) == 30  # 48 were asked for
    assert scene.places() == (0, 0, 30, 0, 0)
    with scene.brand:
        assert execute("SELECT count(DISTINCT card_id) FROM benefit_card_issue").fetchone() == (30,)
    assert refused(scene, scene.person("ann"), "late") == "sold_out"


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_card_that_somebody_else_only_touches_is_waited_for_and_not_called_sold_out(scene, postgres_url):
    """As while every card is sealed anew under another key, or while a grant is about to be rolled back."""
    scene.pool(cards=1)
    ann = scene.person("ann")
    with psycopg.connect(postgres_url, autocommit=True) as watcher, psycopg.connect(postgres_url) as holder:
        holder.execute("SELECT 1 FROM acme.benefit_card_card FOR UPDATE")
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(scene.give, ann, "a")
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND %s = ANY(pg_blocking_pids(pid))"
            while not asked.done() and watcher.execute(waits, (holder.info.backend_pid,)).fetchone() == (0,):
                pass
            holder.rollback()
            assert scene.state(asked.result()) == "given"


def test_one_key_in_four_processes_is_one_card(scene, together, clock):
    clock.set(SystemClock().now())
    scene.pool(cards=30)
    scene.person("ann")
    first, *others = together(scene.brand.installation, SAME_KEY, 4)
    assert len(set(first)) == 5 and all(each == first for each in others)
    assert scene.places() == (25, 0, 5, 0, 0)


def test_four_processes_that_import_the_same_codes_write_each_once(scene, together, clock):
    clock.set(SystemClock().now())
    scene.pool()
    assert sum(together(scene.brand.installation, IMPORT, 4)) == 120
    assert scene.places() == (120, 0, 0, 0, 0)


def test_a_card_that_is_taken_back_while_its_owner_looks_is_either_returned_unseen_or_lost(scene, together, clock):
    clock.set(SystemClock().now())
    scene.pool(cards=20)
    scene.person("ann")
    seen, _ = together(scene.brand.installation, TUG, 2)
    left, _, waiting, revealed, lost = scene.places()
    assert (waiting, revealed) == (0, 0) and left + lost == 20
    assert lost >= seen  # what was seen did not return; a look may have come and the reading after the taking back


def test_the_database_itself_refuses_a_second_holder_of_a_card(scene):
    scene.pool(cards=1)
    scene.give(scene.person("ann"), "a")
    with scene.brand, pytest.raises(peewee.IntegrityError):
        execute(
            "INSERT INTO benefit_card_issue (uid, card_id, grant_key, state, given_at, day, reason) "
            "SELECT 'x', card_id, 'b', 'given', given_at, day, '' FROM benefit_card_issue"
        )


def test_a_card_is_given_once_per_key_in_its_brand_alone(scenes):
    scene, other = scenes()
    for each in (scene, other):
        each.pool(cards=2)
    ann = scene.person("ann")
    uid = scene.give(ann, "prize")
    assert scene.give(ann, "prize") == uid
    assert (scene.places(), other.places()) == ((1, 0, 1, 0, 0), (2, 0, 0, 0, 0))
    with other.brand, pytest.raises(NotFound):
        other.cards.cards.get(uid)
    assert refused(scene, ann, "two", quantity=2) == "amount"
    assert refused(scene, ann, "none", "nosuch") == "no_pool"
    with scene.brand:
        scene.cards.pools.switch("video", "closed", actor="lin")
    assert refused(scene, ann, "shut") == "closed"
    with scene.brand, pytest.raises(Invalid) as shut:
        scene.brand.rewards.check("benefit-card", "video")
    assert shut.value.field == "item"
    with scene.brand:
        item = scene.brand.rewards.item("benefit-card", "video")
        assert (item.title, item.ended) == ("视频会员月卡", "the pool is closed")
        assert scene.brand.rewards.item("benefit-card", "nosuch") is None
    with scene.brand:
        scene.cards.pools.switch("video", "open", actor="lin")
        scene.brand.rewards.check("benefit-card", "video")


def test_unseen_it_returns_to_the_pool_and_seen_it_is_a_loss_with_its_cost(scene, clock):
    scene.pool()
    scene.fill("video", [{"code": "A", "cost_minor": 700}, {"code": "B"}])
    ann, ben = scene.person("ann"), scene.person("ben")
    with scene.brand:  # the one that ends first is given first
        execute("UPDATE benefit_card_card SET expires_day = expires_day - 1 WHERE cost_minor = 700")
    first, second = scene.give(ann, "a"), scene.give(ben, "b")
    assert scene.reveal(second, ben) == ("B", "")
    for key in ("a", "a", "b", "b"):
        scene.reverse(key)
    assert (scene.state(first), scene.state(second)) == ("returned", "lost")
    assert scene.places() == (1, 0, 0, 0, 1) and scene.row()["lost_cost"] == 1_800
    with scene.brand:
        with pytest.raises(Conflict) as gone:
            scene.cards.cards.reveal(second, ben)
        assert gone.value.code == "taken_back"
        assert scene.cards.cards.secret(scene.cards.cards.get(second)) is None
        assert scene.cards.cards.of_person(ben) == []
        today = scene.brand.day(clock.now())
        values = scene.brand.plugins["benefit-card"].collect_metrics(MetricsQuery(today, today))
        told = {(v.metric, v.dimension): v.value for v in values}
    assert told == {
        ("given", "video"): 2_500, ("revealed", "video"): 1_800, ("returned", "video"): 700, ("lost", "video"): 1_800,
    }  # fmt: skip
    again = scene.give(ben, "c")
    assert scene.reveal(again, ben)[0] == "A" and refused(scene, ben, "d") == "sold_out"


def test_expired_cards_are_never_given_and_those_that_end_first_go_first(scenes, clock):
    # It is 2026-01-01 08:00 in Shanghai; a card's last day counts whole.
    scene, late = scenes(table(more="warn_below = 2\nwarn_days = 1"), table("m").replace("least_days = 0", "least_days = 1"))
    days = [("C", ""), ("B", "2026-01-02"), ("A", "2026/1/1"), ("D", "2025-12-31")]
    for each in (scene, late):
        each.pool()
        told = each.fill("video", [{"code": code, "expires": day} for code, day in days])
        assert told.rejects == [(4, "expired on 2025-12-31")] or each is late
    ann = scene.person("ann")
    assert scene.reveal(scene.give(ann, "a"), ann)[0] == "A"
    waiting = scene.give(ann, "b")
    clock.advance(ms=2 * DAY_MS - 8 * 3_600_000 - 1)
    assert scene.row()["expired"] == 0
    clock.advance(ms=1)
    assert scene.places() == (1, 1, 0, 1, 0)
    with scene.brand, pytest.raises(Conflict) as over:
        scene.cards.cards.reveal(waiting, ann)
    assert over.value.code == "expired"
    scene.reverse("b")
    assert scene.places() == (1, 1, 0, 1, 0)  # back in the pool, and still over
    assert scene.reveal(scene.give(ann, "c"), ann)[0] == "C"
    assert refused(scene, ann, "d") == "sold_out"
    with scene.brand:
        assert list(scene.brand.plugins["benefit-card"].brand_warnings()) == [
            "pool video: 0 benefit cards left that may be given; import more, or close the pool"
        ]
    # Moon Co gives nothing that is not good tomorrow; in New York it is 2026-01-02 11:00.
    bob = late.person("bob")
    assert late.reveal(late.give(bob, "a"), bob)[0] == "C" and refused(late, bob, "b") == "sold_out"


def test_low_stock_and_cards_that_expire_soon_are_warned_of(scenes):
    scene, other = scenes(table(more="warn_below = 2\nwarn_days = 10"))
    scene.pool("plenty", 2)
    scene.pool("few", 2, warn_below=3)
    scene.pool("soon", 2, warn_below=0)
    scene.fill("soon", [{"code": "x", "expires": "2026-01-11"}, {"code": "y", "expires": "2026-01-12"}])
    scene.pool("shut")
    with scene.brand:
        scene.cards.pools.switch("shut", "closed", actor="lin")
        assert list(scene.brand.plugins["benefit-card"].brand_warnings()) == [
            "pool few: 2 benefit cards left that may be given; import more, or close the pool",
            "pool soon: 1 benefit cards that cost 1800 minor units expire within 10 days",
        ]
    with other.brand:
        assert list(other.brand.plugins["benefit-card"].brand_warnings()) == []


def test_who_plans_rewards_is_told_what_a_card_is_worth_and_how_many_lack(scene):
    scene.pool("empty")
    scene.pool(cards=2)
    scene.fill("video", [{"code": "gold", "face_minor": "9900"}])
    wanted = [RewardWanted("benefit-card", "video", 1, 3), RewardWanted("benefit-card", "video", 1, None)]
    with scene.brand as brand:
        assert brand.rewards.worth("benefit-card", "video") == 9_900
        assert brand.rewards.worth("benefit-card", "empty") == 2_500
        assert brand.rewards.worth("benefit-card", "nosuch") is None
        assert brand.rewards.shortages(wanted[:1]) == []
        (told,) = brand.rewards.shortages(wanted)
        with pytest.raises(Invalid):
            brand.rewards.check("benefit-card", "nosuch")
        (pairs,) = brand.rewards.shortages([RewardWanted("benefit-card", "video", 2, 1)])
    assert told == "pool 'video' has 3 benefit cards that may be given, 4 are planned"
    assert pairs == "a reward is one benefit card: nobody is given pool 'video' with quantity 2"


def test_rows_that_are_refused_are_told_with_line_and_reason_and_change_nothing(scene, tmp_path):
    scene.pool("other", 1)
    scene.pool()
    file = tmp_path / "cards.csv"
    file.write_text(
        "卡号,密码,有效期,face_minor,cost_minor,remark\n"
        "AAAA-1111,0042,2026-12-31,2500,1500,first\n"
        "aaaa 1111,9,,,,the same\n"
        "OTHER0000,9,,,,in another pool\n"
        ",9,,,,\n"
        "6.22203E+15,9,,,,\n"
        "BBBB,9,soon,,,\n"
        "CCCC,9,2025-12-31,,,\n"
        "DDDD,9,,12.5,,\n"
        "EEEE,9,,,-1,\n"
        "FFFF,9\n"
        "'0012345678901234567,,,,,\n",
        encoding="utf-8-sig",
    )
    with scene.brand:
        told = scene.cards.pools.import_file("video", file, actor="lin", ignore=["Remark"])
        again = scene.cards.pools.import_file("video", file, actor="lin", ignore=["remark"])
        rows = execute(
            "SELECT expires_day, face_minor, cost_minor FROM benefit_card_card WHERE pool_id = 2 ORDER BY id"
        ).fetchall()
    assert sorted(row[1:] for row in rows) == [(2_500, 1_500), (2_500, 1_800)]
    assert (told.read, told.created, told.rejected) == (11, 2, 9)
    assert (again.created, again.rejected) == (0, 11)
    assert told.rejects == [
        (3, "has the code of line 2"),
        (4, "its code is in pool other already"),
        (5, "has no code"),
        (6, "code: a spreadsheet has rounded it; save the column as text"),
        (7, "expires: is not a day such as 2026-12-31"),
        (8, "expired on 2025-12-31"),
        (9, "face_minor: is a whole number of minor units"),
        (10, "cost_minor: is a whole number of minor units"),
        (11, "has 2 cells, the header has 6"),
    ]
    ann = scene.person("ann")
    # The one with an end goes first.
    assert scene.reveal(scene.give(ann, "a"), ann) == ("AAAA-1111", "0042")
    assert scene.reveal(scene.give(ann, "b"), ann) == ("0012345678901234567", "")
    for text, field in (("card;pin\nA;1\n", "file"), ("code,卡号\nA,B\n", "file")):
        file.write_text(text, encoding="utf-8")
        with scene.brand, pytest.raises(Invalid) as wrong:
            scene.cards.pools.import_file("video", file, actor="lin")
        assert wrong.value.field == field


@on_sqlite
def test_an_amount_that_no_column_holds_is_refused_with_its_row_alone(scene):
    scene.pool()
    wrong = ["0" * 16 + "9" * 30, "0" * 5_000, "1" + "0" * 13, 10**13]
    told = scene.fill("video", [{"code": f"A{n}", "face_minor": each} for n, each in enumerate(wrong)] + [{"code": "B"}])
    assert told.created == 1
    assert told.rejects == [(n, "face_minor: is a whole number of minor units") for n in (1, 2, 3, 4)]


@on_sqlite
def test_a_code_that_merely_looks_like_a_rounded_number_is_taken(scene):
    scene.pool()
    told = scene.fill("video", [{"code": "5E12345678"}, {"code": "0e0000"}, {"code": "6.2E+15"}, {"code": "1E5"}])
    assert (told.created, [line for line, _ in told.rejects]) == (2, [3, 4])


@on_sqlite
def test_who_asks_for_a_persons_cards_gets_those_that_a_merge_left_in_their_place(scene):
    scene.pool(cards=3)
    ann, twin = scene.person("ann"), scene.person("twin")
    given = [scene.give(ann, "a"), scene.give(twin, "b")]
    with scene.brand as brand:
        gift = scene.cards.gifts.create(
            "may", pool="video", plan="MAY", title="x", until=date(2026, 1, 31), owner="letters", actor="lin"
        )
        execute("UPDATE benefit_card_owner SET gift_id = ?", (gift.id,))  # the same gift: the twin's row cannot move
        brand.contacts.merge(ann, twin, actor="boss", reason="one person")
        assert [row.uid for row in scene.cards.cards.page(contact_id=ann)] == given
        assert [row.uid for row in scene.cards.cards.page(contact_id=ann, pool="video", limit=1)] == given[:1]
        assert [row.uid for row in scene.cards.cards.page(contact_id=ann, pool="other")] == []


def test_a_column_under_a_strange_name_is_refused_before_a_card_is_taken(scene, tmp_path):
    scene.pool()
    file = tmp_path / "cards.csv"
    file.write_text("卡号,口令,用到哪天\nAAAA-1111,42,2026-12-31\n", encoding="utf-8")
    with scene.brand:
        for ignore, names in (([], "'口令', '用到哪天'"), (["口令"], "'用到哪天'")):
            with pytest.raises(Invalid, match=f"not known: {names}; nothing was taken"):
                scene.cards.pools.import_file("video", file, actor="lin", ignore=ignore)
        assert execute("SELECT count(*) FROM benefit_card_card").fetchone() == (0,)
    file.write_text("卡号,密码,到期日\nAAAA-1111,42,2026-12-31\n", encoding="utf-8")
    with scene.brand:
        assert scene.cards.pools.import_file("video", file, actor="lin").created == 1
        (day,) = execute("SELECT expires_day FROM benefit_card_card").fetchone()
    assert day == date(2026, 12, 31).toordinal()


def test_codes_and_pins_are_nowhere_in_clear(scene, caplog, engine):
    caplog.set_level(logging.DEBUG)
    scene.pool()
    scene.fill("video", [{"code": "SESAME-OPEN-1", "pin": "TOPSECRET7"}, {"code": "SESAME-OPEN-1", "pin": "TOPSECRET7"}])
    ann = scene.person("ann")
    uid = scene.give(ann, "a")
    assert scene.reveal(uid, ann) == ("SESAME-OPEN-1", "TOPSECRET7")
    with scene.brand as brand:
        exported = json.dumps(brand.privacy.export(ann), ensure_ascii=False)
        names = [name for name in peewee_tables(brand) if name != "sqlite_sequence"]
        stored = {name: repr(execute(f'SELECT * FROM "{name}"').fetchall()) for name in names}
        secret = scene.cards.cards.secret(scene.cards.cards.get(uid))
    assert uid in exported and "benefit_card_card" in stored
    everything = [*stored.values(), exported, caplog.text, repr(secret), f"{secret}"]
    if engine == "sqlite":
        data = scene.brand.installation.config.root / "data"
        everything += [file.read_bytes().decode("latin-1") for file in data.rglob("acme*") if file.is_file()]
        assert len(everything) > 5 + len(names)
    for word in ("SESAME", "TOPSECRET7"):
        assert not [text[:80] for text in everything if word in text]


def peewee_tables(brand) -> list[str]:
    from scrm_core.db import brand_db, current_handle

    return list(brand_db.get_tables(schema=current_handle().schema))


def test_merged_people_keep_their_cards_and_erased_ones_return_what_they_have_not_seen(scene):
    scene.pool(cards=5)
    ann, twin, ben = (scene.person(name) for name in ("ann", "twin", "ben"))
    seen, unseen = scene.give(ann, "a"), scene.give(twin, "b")
    code, _ = scene.reveal(seen, ann)
    with scene.brand:
        scene.brand.contacts.merge(ann, twin, actor="boss", reason="one person")
        assert {card.uid for card in scene.cards.cards.of_person(twin)} == {seen, unseen}
        told = scene.brand.privacy.export(ann)["plugins"]["benefit-card"]["data"]["cards"]
        assert {card["card"]: card["state"] for card in told} == {seen: "revealed", unseen: "given"}
        for stranger, uid in ((ben, seen), (ben, unseen)):
            with pytest.raises(NotFound):
                scene.cards.cards.reveal(uid, stranger)
        scene.brand.privacy.erase(ann, actor="boss")
        assert execute("SELECT count(*) FROM benefit_card_owner").fetchone() == (0,)
    assert (scene.state(seen), scene.state(unseen)) == ("revealed", "returned")
    assert scene.places() == (4, 0, 0, 1, 0)
    got = {scene.reveal(scene.give(ben, f"c{n}"), ben)[0] for n in range(4)}
    assert len(got) == 4 and code not in got


def test_who_is_erased_while_the_plugin_is_off_leaves_unseen_cards_that_return(scene):
    scene.pool(cards=1)
    ann = scene.person("ann")
    uid = scene.give(ann, "a")
    installation = scene.brand.installation
    file = installation.config.root / "brands" / "acme.toml"
    on = file.read_text("utf-8")
    file.write_text(on.replace("[plugins.benefit-card]", "[plugins.benefit-card]\nenabled = false"), encoding="utf-8")
    with installation.brand("acme") as quiet:
        assert "benefit-card" not in quiet.plugins
        quiet.privacy.erase(ann, actor="boss")
    file.write_text(on + "\n", encoding="utf-8")
    scene.brand = installation.brand("acme")
    assert scene.state(uid) == "given"
    for _ in range(2):
        with scene.brand:
            scene.brand.plugins["benefit-card"].tidy()
    assert scene.state(uid) == "returned" and scene.places() == (1, 0, 0, 0, 0)


@on_sqlite
def test_a_pool_is_made_once_per_code_and_its_terms_are_checked(scene):
    scene.pool()
    scene.pool()
    with scene.brand:
        for other in ({"title": "x"}, {"cost_minor": 1}, {"face_minor": 1}, {"terms": "x"}):
            with pytest.raises(Conflict) as used:
                scene.pool(**other)
            assert used.value.code == "code_used"
        for wrong, field in (
            ({"title": " "}, "title"), ({"cost_minor": -1}, "cost_minor"), ({"face_minor": 1.5}, "face_minor"),
            ({"link": "javascript:alert(1)"}, "target"), ({"actor": ""}, "actor"), ({"code": ""}, "code"), ({"code": "a/b"}, "code"),
        ):  # fmt: skip
            with pytest.raises(Invalid) as refusal:
                scene.pool(**{"code": "new", **wrong})
            assert refusal.value.field == field
        with pytest.raises(Invalid):
            scene.fill("video", [{"code": "A"}]) and scene.cards.pools.add("video", [{"code": "B"}], actor=" ")
        assert scene.fill("video", [{"code": "C", "kind": 1}]).rejects[0][1].startswith("has the unknown member 'kind'")
        scene.cards.pools.switch("video", "closed", actor="lin")
        with pytest.raises(Conflict):
            scene.fill("video", [{"code": "D"}])


@on_sqlite
def test_keys_are_replaced_by_naming_the_new_one_first_and_sealing_anew(scene):
    scene.pool(cards=3)
    ann = scene.person("ann")
    uid = scene.give(ann, "a")
    installation = scene.brand.installation
    file = installation.config.root / "brands" / "acme.toml"
    text = file.read_text("utf-8")

    def with_keys(*names: str) -> Installation:
        file.write_text(text.replace(f'"{seal_key()}"', ", ".join(f'"{seal_key(name)}"' for name in names)), "utf-8")
        return Installation.open(installation.config.root, clock=installation.clock, plugins=(BenefitCard, Letters))

    def problem(*names: str) -> str:
        with pytest.raises(ConfigError) as wrong:
            with_keys(*names).brand("acme")
        assert seal_key("acme") not in str(wrong.value)
        return str(wrong.value)

    assert "sealed under a key that seal_keys does not name" in problem("new")
    scene.brand = with_keys("new", "acme").brand("acme")
    code, pin = scene.reveal(uid, ann)
    assert (code[:6], pin) == ("video-", f"pin{code[-4:]}")
    assert scene.fill("video", [{"code": "VIDEO 0001"}, {"code": "late"}]).rejects == [
        (1, "its code is in pool video already")
    ]
    with scene.brand:
        assert scene.cards.pools.reseal() == 3
        assert scene.cards.pools.reseal() == 0
    assert "sealed under a key that seal_keys does not name" in problem("acme")
    scene.brand = with_keys("new").brand("acme")
    assert scene.reveal(uid, ann) == (code, pin)
    assert scene.fill("video", [{"code": "video-0002"}]).rejected == 1
    file.write_text(text.replace(seal_key(), "short"), "utf-8")
    with pytest.raises(ConfigError, match="key 1 is none"):
        Installation.open(installation.config.root, plugins=(BenefitCard, Letters)).brand("acme")
