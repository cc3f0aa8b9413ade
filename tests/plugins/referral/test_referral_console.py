"""Referral in the console: the audit queue worked through by two people, campaigns, roles, brands, hostile names, queries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from referral_scene import TABLES, Scene, rung
from staff_desk import EVIL, asks_the_same, desks, refusal, statements, turned

from scrm_console import Console
from scrm_core.api import execute
from scrm_core.installation import Installation
from scrm_coupon_threshold import CouponThreshold
from scrm_referral import Referral

AT = "b/acme/x/referral/"
PAGES = ("audit", "invitees?campaign=spring&state=qualified", "campaigns", "campaign?code=spring")


@pytest.fixture
def house(new_installation: Callable[..., Installation]) -> Installation:
    tables = f"[plugins.console]\n{TABLES}"
    return new_installation(plugins=(Console, CouponThreshold, Referral), acme=tables, moonco=tables)


@pytest.fixture
def desk(house: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    return desks(house, monkeypatch, omar={"acme": "operator"})


@pytest.fixture
def scene(house: Installation, desk: Any, deliver: Callable[..., None]) -> Iterator[Scene]:
    """Acme with an inviter who reached a rung that one person approves (10.00) and one that two do (60.00)."""
    scene = Scene(house.brand("acme"), deliver)
    with scene.brand:
        scene.campaign(title=EVIL, ladder=[rung(1, "soap", 1_000), rung(2, "robe", 6_000, title=EVIL)], quota=3, budget_minor=50_000)
        contact, code = scene.inviter()
        scene.brand.contacts.rename(contact, EVIL)
        for friend, _ in scene.customers(code, 2):
            scene.brand.contacts.rename(friend, EVIL)
    return scene


def rewards(scene: Scene) -> dict[str, str]:
    """uid of each reward by its item."""
    with scene.brand:
        return dict(execute("SELECT item, uid FROM referral_rung").fetchall())


def state(scene: Scene, item: str) -> str:
    with scene.brand:
        return str(execute("SELECT state FROM referral_rung WHERE item = ?", (item,)).fetchone()[0])


def hold(scene: Scene) -> str:
    """One more friend, who is held because they share two signals with the inviter; their uid."""
    with scene.brand:
        inviter, code = execute("SELECT contact_id, code FROM referral_inviter").fetchone()
        friend = scene.person(state=code)
        for who in (inviter, friend):
            for kind in ("device", "payer"):
                scene.referrals.add_trait("spring", who, kind, "same")
        scene.clock.set(scene.brand.now() + 3_600_000)
        scene.join(friend)
        scene.order(friend)
        scene.deliver()
        return str(execute("SELECT uid FROM referral_relation WHERE state = 'held'").fetchone()[0])


def test_one_person_approves_several_and_what_needs_two_waits_for_another(scene, desk):
    mia, omar = desk("mia"), desk("omar")
    uids = rewards(scene)
    text = mia.get(f"{AT}audit").text
    assert "approved by 0 of 2 persons" in text and text.count('type="checkbox" name="uid"') == 2
    done = mia.press(f"{AT}audit", "approve", uid=list(uids.values()))
    assert (done.status_code, done.location) == (303, f"/staff/console/{AT}audit?done=approved&count=2")
    assert (state(scene, "soap"), state(scene, "robe")) == ("granted", "due")
    text = mia.get(done.location).text
    assert "2 approved" in text and "user:mia: approved" in text and "approved by 1 of 2 persons" in text
    assert "You have spoken; another person is needed" in text and 'type="checkbox" name="uid"' not in text
    # Who has spoken is refused by the service too, whatever the page offered.
    again = mia.press(f"{AT}audit", "approve", uid=uids["robe"])
    assert again.status_code == 409 and "another person is needed" in refusal(again)
    assert omar.get(f"{AT}audit").text.count('type="checkbox" name="uid"') == 1
    assert omar.press(f"{AT}audit", "approve", uid=uids["robe"]).status_code == 303
    assert state(scene, "robe") == "granted"


def test_the_second_of_two_people_is_told_and_keeps_what_they_typed(scene, desk):
    mia, omar = desk("mia"), desk("omar")
    uid = rewards(scene)["soap"]
    mia.get(f"{AT}reward?uid={uid}"), omar.get(f"{AT}audit")
    assert omar.post(f"{AT}audit", act="approve", uid=uid, **{f"seen.{uid}": "due"}).status_code == 303
    late = mia.post(f"{AT}reward?uid={uid}", act="refuse", uid=uid, reason="a farm & more", **{f"seen.{uid}": "due"})
    assert late.status_code == 409 and "somebody dealt with it since you opened the page" in refusal(late)
    assert state(scene, "soap") == "granted"
    queue = mia.post(f"{AT}audit", act="refuse", uid=[uid, rewards(scene)["robe"]], reason="a farm & more", **{f"seen.{uid}": "due"})
    assert queue.status_code == 409 and 'value="a farm &amp; more"' in queue.text
    assert re.search(rf'value="{rewards(scene)["robe"]}" checked', queue.text)
    assert state(scene, "robe") == "due"


def test_nothing_is_decided_by_a_form_that_does_not_say_what_its_page_showed(scene, desk):
    held, soap = hold(scene), rewards(scene)["soap"]
    mia, page = desk("mia"), f"{AT}campaign?code=spring"
    mia.get(f"{AT}audit")
    for path, typed in (
        ("audit", {"act": "approve", "uid": soap}),
        (f"reward?uid={soap}", {"act": "refuse", "uid": soap, "reason": "a farm"}),
        ("invitees", {"act": "approve", "uid": held, "reason": "called them"}),
        ("campaign?code=spring", {"act": "enlarge", "quota": "9"}),
        ("campaign?code=spring", {"act": "close"}),
    ):
        answer = mia.post(AT + path, **typed)
        assert answer.status_code == 409 and "since you opened the page" in refusal(answer), (path, typed)
    assert state(scene, "soap") == "due" and f'data-invitee="{held}"' in mia.get(f"{AT}invitees").text
    assert "data-places>1 / 3<" in mia.get(page).text and 'value="close"' in mia.get(page).text


def test_a_refusal_needs_a_reason_and_undoes_all_of_several(scene, desk):
    mia = desk("mia")
    uids = list(rewards(scene).values())
    assert mia.press(f"{AT}audit", "refuse", uid=uids, reason=" ").status_code == 422
    assert mia.press(f"{AT}audit", "refuse", reason="why").status_code == 422
    assert mia.press(f"{AT}audit", "refuse", uid=[*uids, "nobody"], reason="why").status_code == 404
    assert {state(scene, "soap"), state(scene, "robe")} == {"due"}
    assert mia.press(f"{AT}audit", "refuse", uid=uids, reason="seen together in the shop").status_code == 303
    text = mia.get(f"{AT}audit?state=refused").text
    assert text.count("Why: seen together in the shop") == 2


def test_a_reward_shows_each_friend_with_gates_evidence_and_score(scene, desk):
    text = desk("mia", "zh").get(f"{AT}reward?uid={rewards(scene)['robe']}").text
    assert text.count("data-invitee=") == 2 and text.count('data-gate="first_order"') == 2
    assert "首单 · order shop A1" in text and "入会" in text and "已有 0 人核准，共需 2 人" in text


def test_a_held_friend_is_shown_with_signals_and_counts_or_not_by_a_persons_word(scene, desk):
    uid = hold(scene)
    mia, omar = desk("mia"), desk("omar")
    assert re.search(r"data-held>1<", mia.get(f"{AT}audit").text)
    text = mia.get(f"{AT}invitees").text
    assert f'data-invitee="{uid}"' in text and "<strong data-score>80</strong> / 60" in text
    assert "score too high" in text and 'data-signal="same_device"' in text and "device of the inviter" in text and "same payer" in text
    omar.get(f"{AT}invitees")
    assert mia.press(f"{AT}invitees", "approve", uid=uid, reason="").status_code == 422
    form = {f"seen.{uid}": "held", "uid": uid}
    done = mia.post(f"{AT}invitees?campaign=spring&state=held", act="approve", reason="called them", **form)
    assert done.location == f"/staff/console/{AT}invitees?campaign=spring&state=held&done=approved&count=1"
    late = omar.post(f"{AT}invitees", act="refuse", reason="a farm", **form)
    assert late.status_code == 409 and "somebody dealt with it" in refusal(late)
    text = mia.get(f"{AT}invitees?campaign=spring&state=qualified").text
    assert "user:mia: approved · called them" in text and text.count("data-invitee=") == 3


def test_held_friends_of_a_campaign_that_is_not_among_the_newest_are_found(scene, desk, monkeypatch):
    monkeypatch.setattr("scrm_referral.console.PEOPLE", 1)
    uid = hold(scene)
    with scene.brand:
        scene.referrals.campaigns.create(scene.definition("autumn"), actor="mia")
    text = desk("mia").get(f"{AT}invitees").text
    assert f'data-invitee="{uid}"' in text and text.count("campaign=spring") and text.count("campaign=autumn")


def test_places_budget_and_stock_are_raised_and_a_campaign_closed(scene, desk):
    mia, omar = desk("mia"), desk("omar")
    page = f"{AT}campaign?code=spring"
    text = mia.get(page).text
    assert re.search(r"data-places>1 / 3<", text) and re.search(r'data-figure="qualified">2<', text)
    seen = re.search(r'name="seen" value="([^"]+)"', text)[1]
    omar.get(page)
    assert mia.post(page, act="enlarge", quota="5", seen=seen).location.endswith("code=spring&done=enlarged")
    late = omar.post(page, act="enlarge", quota="9", seen=seen)
    assert late.status_code == 409 and 'name="quota" inputmode="numeric" value="9"' in late.text
    assert "somebody changed the campaign" in refusal(late)
    assert re.search(r"data-places>1 / 5<", mia.get(page).text)
    for act, typed, told in (
        ("enlarge", {"quota": "4"}, "places are only added"),
        ("enlarge", {"quota": "5"}, "what there is already"),
        ("fund", {"budget": "500"}, "what there is already"),
    ):
        less = mia.press(page, act, **typed)
        assert less.status_code == 422 and told in refusal(less), typed
    assert mia.press(page, "enlarge", quota="many").status_code == 422
    assert mia.press(page, "fund", budget="600.5").status_code == 303
    assert mia.press(page, "fund", budget="6,00").status_code == 422
    assert "¥0.00 / ¥600.50" in mia.get(page).text
    assert mia.press(page, "close").status_code == 303
    assert "closed" in mia.get(page).text and 'value="close"' not in mia.get(page).text


def test_a_draft_is_published_and_stock_raised(house, scene, desk):
    with scene.brand:
        scene.referrals.campaigns.create(scene.definition("autumn", ladder=[rung(1, "soap", 1_000, stock=1)]), actor="mia")
    mia = desk("mia")
    page = f"{AT}campaign?code=autumn"
    old = mia.hidden(page, "publish")
    assert mia.press(page, "publish", confirm="on").status_code == 303
    assert mia.post(page, act="publish", **old).status_code == 409
    assert mia.press(page, "restock", invites="1", stock="4").status_code == 303
    assert "0 / 4" in mia.get(page).text
    assert mia.press(page, "restock", invites="1", stock="4").status_code == 422


def test_only_roles_that_include_it_see_and_act_and_no_other_brand_sees_anything(scene, desk):
    uid = rewards(scene)["soap"]
    for name in ("cleo", "ana"):
        browser = desk(name)
        for page in (*PAGES, f"reward?uid={uid}"):
            assert browser.get(AT + page).status_code == 403, (name, page)
        browser.get("b/acme/")
        assert browser.post(f"{AT}audit", act="approve", uid=uid).status_code == 403
    assert "Rewards to approve" in desk("ana").get("b/acme/").text
    luna = desk("luna")
    assert luna.get(f"{AT}audit").status_code == 404
    text = luna.get("b/moonco/x/referral/audit").text
    assert "data-reward" not in text
    for page in (f"reward?uid={uid}", "campaign?code=spring", "invitees?campaign=spring"):
        assert luna.get(f"b/moonco/x/referral/{page}").status_code == 404, page
    assert luna.post("b/moonco/x/referral/audit", act="approve", uid=uid).status_code == 404
    assert state(scene, "soap") == "due"


def test_what_people_and_campaigns_are_called_runs_nowhere(scene, desk):
    hold(scene)
    uid = rewards(scene)["robe"]
    mia = desk("mia")
    for page in (*PAGES, "invitees", f"reward?uid={uid}", "audit?state=due"):
        text = mia.get(AT + page).text
        assert "&lt;script&gt;alert(1)" in text and "<script>alert" not in text and "<img src=x" not in text, page
    for page in ("audit?after=x", "audit?state=nothing", "campaign?code=%00", "campaigns?before=9999999999999999"):
        assert mia.get(AT + page).status_code in (400, 404, 422), page


def test_pages_ask_as_many_queries_with_three_hundred_rows_as_with_ten(house, scene, desk, monkeypatch):
    def fill(count: int) -> None:
        """Copies of the inviter, their friends and rewards, made beneath the services: only the number matters."""
        (made,) = execute("SELECT count(*) FROM referral_inviter").fetchone()
        (campaign,) = execute("SELECT id FROM referral_campaign").fetchone()
        now = scene.brand.now()
        for nth in range(made, count):
            contact = scene.person(known=True)
            friend = scene.person(known=True)
            inviter = execute(
                "INSERT INTO referral_inviter (campaign_id, contact_id, state, code, staff, applied_at, accepted_at, version) "
                "VALUES (?, ?, 'waiting', NULL, 'li', ?, NULL, 0) RETURNING id", (campaign, contact, now),
            ).fetchone()[0]  # fmt: skip
            relation = execute(
                "INSERT INTO referral_relation (uid, campaign_id, inviter_id, contact_id, state, reason, source, staff, bound_at, "
                "bound_day, since, qualified_at, score, signals, cleared, refunds, over_cap, was_added, was_hva) VALUES "
                "(?, ?, ?, ?, 'held', '', 'added', '', ?, 1, ?, ?, 7, '[]', 0, 0, 0, 0, 0) RETURNING id",
                (f"u{nth}", campaign, inviter, friend, now, now, now),
            ).fetchone()[0]  # fmt: skip
            execute("INSERT INTO referral_step (relation_id, gate, at, evidence) VALUES (?, 'member', ?, 'member')", (relation, now))
            execute(
                "INSERT INTO referral_rung (uid, inviter_id, invites, nth, kind, item, quantity, value_minor, state, reason, due_at) "
                "VALUES (?, ?, 1, 1, 'product-voucher', 'soap', 1, 1000, 'due', '', ?)", (f"g{nth}", inviter, now),
            )  # fmt: skip
            if nth < 300 and nth % 10 == 0:
                scene.referrals.campaigns.create(scene.definition(f"more-{nth}"), actor="mia")

    def fill_all(count: int) -> None:
        with scene.brand, scene.brand.transaction():
            fill(count)

    asked, mia = statements(scene.brand, monkeypatch), desk("mia")
    pages = ("audit", "invitees?campaign=spring", "invitees", "campaigns", "campaign?code=spring")
    asks_the_same(mia, asked, [*(AT + page for page in pages), "b/acme/"], fill_all)
    first, second = turned(mia, AT, "audit", "data-reward")
    assert len(first) == len(second) == 20
