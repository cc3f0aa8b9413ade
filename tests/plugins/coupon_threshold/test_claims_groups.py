"""What many want at the same moment is done at once, and everybody gets the answer they would get alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from coupon_scene import CouponScene

from scrm_core.errors import ScrmError

Ask = tuple[str, int, str]
STATE = "SELECT code, stock_left, issued, budget_used_minor FROM coupon_threshold_batch ORDER BY id"
COUPONS = (
    "SELECT b.code, c.contact_id, c.grant_key FROM coupon_threshold_coupon c "
    "JOIN coupon_threshold_batch b ON b.id = c.batch_id ORDER BY c.id"
)


@pytest.fixture
def at_once(scene: CouponScene) -> Iterator[Callable[..., list[Any]]]:
    """A function that makes claims (batch, contact, key) in one group, in this order.

    A claim answers the coupon, or the code of its refusal.
    """
    inside, go = threading.Event(), threading.Event()

    def lead() -> None:
        with scene.acme:
            scene.acme.group(lambda: (inside.set(), go.wait(20)))

    def claim(ask: Ask, more: dict[str, Any]) -> Any:
        try:
            return scene.claim(*ask, **more)
        except ScrmError as refused:
            return refused.code

    def run(*asks: Ask, **more: Any) -> list[Any]:
        inside.clear()
        go.clear()
        leader = pool.submit(lead)
        assert inside.wait(20)
        waiting: list[Future[Any]] = []
        for ask in asks:
            waiting.append(pool.submit(claim, ask, more))
            while len(scene.acme.handle.group._waiting) < len(waiting):
                threading.Event().wait(0.001)
        go.set()
        leader.result(20)
        return [each.result(20) for each in waiting]

    with ThreadPoolExecutor(17) as pool:
        yield run


@pytest.fixture
def statements(scene: CouponScene, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the brand's database is asked from now on."""
    seen: list[str] = []
    kind = type(scene.acme.handle.database)
    original = kind.execute_sql

    def noting(self: Any, sql: str, params: Any = None, *args: Any, **kwargs: Any) -> Any:
        seen.append(sql)
        return original(self, sql, params, *args, **kwargs)

    monkeypatch.setattr(kind, "execute_sql", noting)
    return seen


def test_a_group_of_claims_is_one_update_and_everybody_is_told(
    scene: CouponScene, at_once: Callable[..., list[Any]], statements: list[str]
) -> None:
    scene.open("b", stock=20)
    people = [scene.person() for _ in range(12)]
    statements.clear()
    coupons = at_once(*(("b", who, f"k{who}") for who in people))
    assert sum("UPDATE coupon_threshold_batch" in sql for sql in statements) == 1
    assert [(coupon.contact_id, coupon.nth, coupon.state) for coupon in coupons] == [
        (who, 1, "claimed") for who in people
    ]
    assert scene.rows(STATE) == [("b", 8, 12, 0)]
    # What is answered is what is stored, and each is told of once.
    with scene.acme:
        assert [scene.coupons().claims.get(coupon.uid) for coupon in coupons] == coupons
    told = scene.rows("SELECT contact_id, data FROM event WHERE type = 'plugin.event' ORDER BY id")
    assert [row[0] for row in told] == people
    assert all(coupon.uid in row[1] for coupon, row in zip(coupons, told, strict=True))
    assert len({coupon.code for coupon in coupons}) == 12


def test_one_person_or_one_key_twice_in_a_group_is_one_coupon(
    scene: CouponScene, at_once: Callable[..., list[Any]]
) -> None:
    scene.open("b", stock=9)
    ann, bob, cho = scene.person(), scene.person(), scene.person()
    old = scene.claim("b", cho, "old")
    answers = at_once(
        ("b", ann, "1"),
        ("b", ann, "2"),  # her second wish
        ("b", bob, "3"),
        ("b", bob, "3"),  # the same request, sent again
        ("b", cho, "old"),
        ("b", cho, "new"),
        ("b", scene.person(), "1"),  # a key of somebody else
    )
    assert (answers[0].contact_id, answers[1]) == (ann, "limit")
    assert answers[2] == answers[3] and answers[2].contact_id == bob
    assert answers[4] == old
    assert answers[5:] == ["limit", "grant_key_used"]
    assert scene.rows(STATE) == [("b", 6, 3, 0)]
    assert [row[1] for row in scene.rows(COUPONS)] == [cho, ann, bob]


def test_merged_erased_and_unknown_people_in_a_group_get_what_is_theirs(
    scene: CouponScene, at_once: Callable[..., list[Any]]
) -> None:
    scene.open("b", stock=9)
    ann, too, bob, gone, late = (scene.person() for _ in range(5))
    scene.open("c", stock=9)
    had = scene.claim("c", too, "c")
    with scene.acme as brand:
        brand.contacts.merge(ann, too, actor="lin", reason="same phone")
        brand.privacy.erase(gone, actor="test")
    answers = at_once(
        ("b", too, "1"), ("b", gone, "2"), ("b", bob, "3"), ("b", 999_999, "4"), ("b", ann, "5"), ("b", late, "6"),
        ("c", too, "c"), ("c", ann, "7"),
    )  # fmt: skip
    # The survivor of both has one, whoever of them was named first.
    codes = [answer if isinstance(answer, str) else answer.contact_id for answer in answers]
    assert codes[:6] == ["limit", "not_found", bob, "not_found", ann, late]
    assert (answers[6].uid, codes[7]) == (had.uid, "limit")
    assert scene.rows(STATE) == [("b", 6, 3, 0), ("c", 8, 1, 0)]


def test_the_last_piece_goes_to_the_first_who_may_have_it(
    scene: CouponScene, at_once: Callable[..., list[Any]]
) -> None:
    scene.open("b", stock=3)
    ann, too, bob, cho, dan, eve = (scene.person() for _ in range(6))
    first = scene.claim("b", dan, "dan")
    assert at_once(("b", bob, "1"), ("b", cho, "2"), ("b", dan, "dan"), ("b", eve, "3"))[2:] == [first, "sold_out"]
    with scene.acme as brand:
        brand.contacts.merge(ann, too, actor="lin", reason="same phone")
        scene.coupons().batches.raise_stock("b", 4)
    # Dan has his, so the piece is free for who came next: the merged person, and not for whoever came later.
    answers = at_once(("b", dan, "dan"), ("b", dan, "more"), ("b", too, "4"), ("b", eve, "5"), ("b", eve, "6"))
    assert (answers[0], answers[1]) == (first, "sold_out")
    assert answers[2].contact_id == ann
    assert answers[3:] == ["sold_out", "sold_out"]
    assert at_once(("b", bob, "1"), ("b", 999_999, "7"), ("b", cho, "dan")) == [
        scene.claim("b", bob, "1"), "sold_out", "grant_key_used",
    ]  # fmt: skip
    assert scene.rows(STATE) == [("b", 0, 4, 0)]


def test_a_group_promises_no_cent_more_than_the_budget(scene: CouponScene, at_once: Callable[..., list[Any]]) -> None:
    scene.open("money", budget_minor=10_000, promise=True)
    people = [scene.person() for _ in range(5)]
    answers = at_once(*(("money", who, f"k{who}") for who in people))
    assert [coupon.contact_id for coupon in answers[:3]] == people[:3] and answers[3:] == ["budget", "budget"]
    assert {coupon.reserved_minor for coupon in answers[:3]} == {3_000}
    assert scene.rows(STATE) == [("money", None, 3, 9_000)]


def test_every_batch_of_a_group_is_claimed_by_its_own_rules(
    scene: CouponScene, at_once: Callable[..., list[Any]]
) -> None:
    scene.open("one", stock=2)
    scene.open("two", limits={"per_person": 2})
    scene.open("daily", limits={"per_day": 1})
    scene.open("task", gate={"tasks": [{"task": "joined"}]})
    scene.open("later", claim_from="2030-01-01")
    ann, bob, cho = scene.person(), scene.person(), scene.person()
    asks = [(batch, who, f"{batch} {who}") for who in (ann, bob, cho) for batch in ("one", "two", "daily", "task", "later")]
    asks.append(("two", ann, "again"))
    answers = {(ask[0], ask[1], ask[2]): answer for ask, answer in zip(asks, at_once(*asks), strict=True)}
    got = {batch: [answers[batch, who, f"{batch} {who}"] for who in (ann, bob, cho)]
           for batch in ("one", "two", "daily", "task", "later")}  # fmt: skip
    assert [coupon.contact_id for coupon in got["one"][:2]] == [ann, bob] and got["one"][2] == "sold_out"
    assert [coupon.nth for coupon in got["two"]] == [1, 1, 1] and answers["two", ann, "again"].nth == 2
    assert got["daily"][0].contact_id == ann and got["daily"][1:] == ["day_sold_out"] * 2
    assert got["task"] == ["gate"] * 3 and got["later"] == ["not_open"] * 3
    assert at_once(("nothing", ann, "1"), ("nothing", bob, "2")) == ["not_found", "not_found"]
    assert scene.rows(STATE) == [
        ("one", 0, 2, 0), ("two", None, 4, 0), ("daily", None, 1, 0), ("task", None, 0, 0), ("later", None, 0, 0),
    ]  # fmt: skip


def test_whoever_kept_a_coupon_of_a_merge_claims_no_second_in_a_group(
    scene: CouponScene, at_once: Callable[..., list[Any]]
) -> None:
    scene.open("b")
    ann, too, bob = scene.person(), scene.person(), scene.person()
    first = scene.claim("b", ann)
    scene.claim("b", too)
    with scene.acme as brand:
        brand.contacts.merge(ann, too, actor="lin", reason="same phone")
    scene.deliver()
    with scene.acme:
        scene.coupons().voiding.void(first.uid, reason="one is enough")
    # What she keeps has the number 2: the limit counts coupons, not numbers.
    answers = at_once(("b", ann, "1"), ("b", bob, "2"))
    assert answers[0] == "limit" and answers[1].contact_id == bob
