"""Figures and pages that stay right across merges and erasures, and fast for very many invitees."""

from __future__ import annotations

from typing import Any

import pytest
from referral_scene import HOUR, Scene, rung
from test_referral_doors import Api, uid
from test_referral_proofs import phone_of

from scrm_core.db.bulk import execute
from scrm_core.installation import Installation
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.orders import OrderIn
from scrm_referral import relations, screening


def row_of(scene: Scene) -> dict[str, Any]:
    (row,) = scene.brand.reports.run("referral").rows
    return {name: row[name] for name in ("invited", "added", "qualified", "hva")}


@pytest.mark.parametrize("winner", [0, 1])
def test_two_invitees_who_are_one_person_are_one_in_every_figure(scene: Scene, winner: int) -> None:
    scene.campaign()
    _, code = scene.inviter()
    people = scene.customers(code, 3)
    assert row_of(scene) == {"invited": 3, "added": 3, "qualified": 3, "hva": 0}
    pair = (people[0][0], people[1][0])
    scene.brand.contacts.merge(pair[winner], pair[1 - winner], actor="mia", reason="one person")
    scene.deliver()
    scene.days(3)
    scene.order(pair[winner])  # the person's third order, after they counted
    scene.deliver()
    # Both records ordered before: the second record's order is a further one of the person too, and it is one person.
    assert row_of(scene) == {"invited": 2, "added": 2, "qualified": 2, "hva": 1}


def test_an_erased_invitee_stays_in_every_figure(scene: Scene) -> None:
    scene.campaign()
    _, code = scene.inviter()
    people = scene.customers(code, 3)
    scene.days(3)
    scene.order(people[0][0])
    scene.order(people[1][0])
    scene.deliver()
    before = {"invited": 3, "added": 3, "qualified": 3, "hva": 2}
    assert row_of(scene) == before
    scene.brand.privacy.erase(people[0][0], actor="mia")
    scene.brand.privacy.erase(people[2][0], actor="mia")
    assert row_of(scene) == before


def crowd(scene: Scene, inviter_code: str, count: int, state: str) -> None:
    """Very many invitees of one person, written as rows: no test waits for their sign-ups."""
    inviter, campaign = execute(
        "SELECT id, campaign_id FROM referral_inviter WHERE code = ?", (inviter_code,)
    ).fetchone()
    now = scene.brand.now()
    day = scene.brand.day(now)
    (last,) = execute("SELECT coalesce(max(id), 0) FROM contact").fetchone()
    execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
        "INSERT INTO contact (id, uid, state, name, origin, created_at, updated_at, lead_at) "
        "SELECT ? + i, 'crowd' || i, 'active', '', '', ?, ?, ? FROM n",
        (count, last + 1_000, now, now, now),
    )
    execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
        "INSERT INTO referral_relation (uid, campaign_id, inviter_id, contact_id, state, reason, source, staff, "
        "bound_at, bound_day, since, qualified_at, qualified_day, reversible_until, score, signals, cleared, refunds, "
        "over_cap) SELECT 'crowd' || i, ?, ?, ? + i, CAST(? AS TEXT), '', 'added', '', ?, ?, ?, ?, ?, ?, 0, '[]', 0, 0, "
        "0 FROM n",
        (count, campaign, inviter, last + 1_000, state, now, day, now, now, day, now),
    )


def test_a_page_a_reward_and_the_job_read_few_of_very_many_invitees(
    scene: Scene, house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100), rung(1_500, "bag", 200)])
    anna, code = scene.inviter()
    crowd(scene, code, 2_000, "qualified")
    read: list[int] = []
    select = relations.select

    def counted(*args: Any, **kwargs: Any) -> list[relations.Relation]:
        found = select(*args, **kwargs)
        read.append(len(found))
        return found

    monkeypatch.setattr(relations, "select", counted)
    shown = scene.referrals.progress("spring", anna)
    assert (shown["qualified"], len(shown["invitees"])) == (2_000, 100)
    scene.customers(code, 1)
    read.clear()
    bo = scene.person(state=code)
    scene.clock.set(scene.brand.now() + HOUR)
    scene.join(bo)
    scene.order(bo)
    scene.deliver()
    assert scene.states() == {"qualified": 2_002}
    rewards = Api(house, "referral:read")("GET", "/rewards").json["rewards"]
    assert [(each["invites"], len(each["counted"])) for each in rewards] == [(1, 1), (1_500, 100)]
    scene.referrals.settle()
    scene.brand.contacts.merge(anna, scene.person(), actor="mia", reason="one person")
    scene.deliver()
    assert sum(read) < 300
    api = Api(house, "referral:read")
    page = api("GET", f"/campaigns/spring/invitees?inviter={uid(scene, anna)}&limit=1000").json
    assert len(page["invitees"]) == 1_000 and page["next"]
    assert api("GET", f"/campaigns/spring/invitees?inviter={uid(scene, bo)}").json["invitees"] == []


def test_the_job_looks_at_those_alone_who_did_something(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.campaign()
    _, code = scene.inviter()
    crowd(scene, code, 2_000, "locked")
    bo = scene.person(state=code)
    scene.deliver()
    looked: list[int] = []
    look = scene.referrals.counting.__class__.look

    def counted(self: Any, campaign: Any, relation_id: int, *args: Any) -> bool:
        looked.append(relation_id)
        return bool(look(self, campaign, relation_id, *args))

    monkeypatch.setattr(scene.referrals.counting.__class__, "look", counted)
    assert scene.referrals.settle() == (0, 0) and looked == []
    scene.clock.set(scene.brand.now() + HOUR)
    scene.join(bo)
    buyer = (IdentityIn.of("phone", phone_of(scene, bo), ""),)
    scene.brand.orders.upsert(OrderIn("shop", "H1", "paid", scene.brand.now(), 9_900, buyer=buyer), backfill=True)
    assert scene.referrals.settle() == (1, 0) and len(looked) == 1


# SQLite's plans say what the indexes allow; a planner that knows a table to be small reads it whole.
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_questions_about_large_campaigns_are_answered_by_an_index(scene: Scene) -> None:
    scene.campaign()
    anna, code = scene.inviter()
    bo = scene.person(state=code)
    scene.deliver()
    asked: list[tuple[str, Any]] = []

    def note(module: Any) -> Any:
        whole = module.execute

        def run(sql: str, params: Any = ()) -> Any:
            asked.append((sql, params))
            return whole(sql, params)

        return run

    from scrm_referral import campaigns, counting, inviters, rungs

    with pytest.MonkeyPatch.context() as patch:
        for module in (relations, screening, campaigns, inviters, counting, rungs):
            patch.setattr(module, "execute", note(module))
        scene.referrals.add_trait("spring", bo, "device", "D")
        scene.clock.set(scene.brand.now() + HOUR)
        scene.join(bo)
        number = scene.order(bo)
        scene.deliver()
        scene.referrals.counting.touch(code, scene.person(known=True), "click")
        relations.page(1, state="held")
        relations.page(1, inviter=anna)
        relations.page(1)
        scene.referrals.campaigns.inviters("spring")
        scene.referrals.settle()
        scene.refund(number)
        scene.deliver()
        scene.brand.contacts.merge(bo, scene.person(), actor="mia", reason="one person")
        scene.deliver()
    scans = set()
    for sql, params in asked:
        if not sql.startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            continue
        for *_, detail in execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall():
            table = detail.split()[1] if detail.startswith("SCAN") else ""
            # A scan of a list of campaigns is short; of people it is not.
            if table not in ("", "referral_campaign", "s", "same", "t", "(subquery-2)", "CONSTANT"):
                scans.add((detail, sql))
        if "referral_relation" in sql and "LIMIT" in sql:
            # A page is read in the order of an index, not sorted out of all there are.
            plan = " ".join(row[3] for row in execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall())
            assert "ORDER BY" not in plan, (sql, plan)
    assert scans == set()
    assert len(asked) > 60
