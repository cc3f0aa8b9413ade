"""Rewards: one grant per key however often and by however many it is asked for, and one reversal of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from minting import Mint

from scrm_core.api import RewardItem, RewardWanted
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound, PluginError, Veto
from scrm_core.services.contacts import IdentityIn

NOON = 1_767_268_800_000
# What a child process needs to know the plugin, which is no installed distribution.
PRELUDE = f"""
import functools, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from minting import Mint
Installation.open = functools.partial(Installation.open, plugins=(Mint,))
"""


@pytest.fixture
def shop(new_installation):
    """Two brands that both have a mint."""
    return new_installation(plugins=(Mint,), acme="\n[plugins.mint]\n", moonco="\n[plugins.mint]\n")


@pytest.fixture
def acme(shop):
    return shop.brand("acme")


@pytest.fixture
def moonco(shop):
    return shop.brand("moonco")


def person(brand, name="u-1"):
    return brand.contacts.resolve([IdentityIn.of("unionid", name)], at=NOON, origin="test").contact_id


def asked():
    """What the plugin was asked to do and is not undone, oldest first."""
    return [row[0] for row in execute("SELECT ref FROM touch WHERE kind = 'page' ORDER BY id").fetchall()]


def ledger():
    rows = execute("SELECT kind, contact_id, quantity, cost_minor, grant_key FROM reward ORDER BY id").fetchall()
    return [tuple(row) for row in rows]


def test_a_reward_is_issued_and_kept_with_what_was_issued(acme, clock):
    with acme:
        who = person(acme)
        made = acme.rewards.grant(
            "voucher", who, grant_key="k1", quantity=2, cost_minor=600, reason="thanks", actor="li"
        )
        assert (made.kind, made.contact_id, made.quantity, made.cost_minor) == ("voucher", who, 2, 600)
        assert (made.grant_key, made.issuer, made.reason, made.actor) == ("k1", "mint", "thanks", "li")
        assert made.issued["code"].startswith("V-")
        assert (made.at, made.reverses, made.reversed_by) == (clock.now(), None, None)
        assert acme.rewards.get(made.uid) == made
        assert acme.rewards.kinds() == {"voucher": "a voucher"}


def test_the_same_grant_again_is_the_first_one(acme, clock):
    with acme:
        who = person(acme)
        first = acme.rewards.grant("voucher", who, grant_key="k1", reason="first")
        clock.advance(days=1)
        assert acme.rewards.grant("voucher", who, grant_key=" k1 ", reason="second") == first
        assert acme.rewards.grant("voucher", who, grant_key="k2").uid != first.uid
        assert asked() == ["issue", "issue"]
        assert [row[4] for row in ledger()] == ["k1", "k2"]


def test_a_key_that_was_used_for_something_else_is_refused(acme):
    with acme:
        who, somebody = person(acme), person(acme, "u-2")
        acme.rewards.grant("voucher", who, grant_key="k1")
        for kind, contact, quantity in (("voucher", somebody, 1), ("voucher", who, 2), ("car", who, 1)):
            with pytest.raises(Conflict) as refused:
                acme.rewards.grant(kind, contact, grant_key="k1", quantity=quantity)
            assert refused.value.code == "grant_key_used"
        assert ledger() == [("voucher", who, 1, 0, "k1")]
        assert asked() == ["issue"]


def test_the_same_grant_after_a_merge_is_still_the_first_one(acme):
    with acme:
        winner, loser = person(acme), person(acme, "u-2")
        first = acme.rewards.grant("voucher", loser, grant_key="k1")
        acme.contacts.merge(winner, loser, actor="li", reason="same person")
        for contact in (winner, loser):
            assert acme.rewards.grant("voucher", contact, grant_key="k1").uid == first.uid
        assert len(ledger()) == 1


def test_a_reward_names_which_one_of_its_kind_it_is(acme):
    with acme:
        who = person(acme)
        made = acme.rewards.grant("voucher", who, grant_key="k1", item="SPRING")
        assert (made.item, made.issued["item"]) == ("SPRING", "SPRING")
        assert acme.rewards.reverse("k1", reason="returned").item == "SPRING"
        with pytest.raises(Conflict) as refused:
            acme.rewards.grant("voucher", who, grant_key="k1", item="AUTUMN")
        assert refused.value.code == "grant_key_used"


def test_whether_a_reward_could_be_granted_is_known_before(acme):
    with acme:
        acme.rewards.check("voucher", "SPRING")
        with pytest.raises(Invalid) as unknown:
            acme.rewards.check("voucher", "NOTHING")
        assert unknown.value.field == "item"
        with pytest.raises(Conflict) as nobody:
            acme.rewards.check("car")
        assert nobody.value.code == "no_issuer"
        assert ledger() == []


GRANT = (
    PRELUDE
    + """
def run(brand, worker):
    who = brand.contacts.page()[0].id
    made = brand.rewards.grant("voucher", who, grant_key="k1", reason=f"by {worker}")
    return [made.uid, made.issued, made.reason]
"""
)


def test_one_key_in_eight_processes_is_one_issue_one_row_and_one_answer(shop, acme, moonco, together):
    with acme:
        who = person(acme)
    answers = together(shop, GRANT, 8)
    assert answers[0][1]["code"].startswith("V-")
    assert all(answer == answers[0] for answer in answers)
    with acme:
        assert ledger() == [("voucher", who, 1, 0, "k1")]
        assert asked() == ["issue"]
    with moonco:
        assert ledger() == [] and asked() == []


def test_a_kind_that_nobody_issues_is_refused(acme):
    with acme:
        with pytest.raises(Conflict) as refused:
            acme.rewards.grant("car", person(acme), grant_key="k1")
        assert (refused.value.status, refused.value.code) == (409, "no_issuer")
        assert ledger() == [] and asked() == []


def test_a_plugin_issues_only_where_it_is_switched_on(new_installation):
    shop = new_installation(plugins=(Mint,), acme="\n[plugins.mint]\n")
    with shop.brand("moonco") as moonco:
        assert moonco.rewards.kinds() == {}
        with pytest.raises(Conflict) as refused:
            moonco.rewards.grant("voucher", person(moonco), grant_key="k1")
        assert refused.value.code == "no_issuer"
        assert ledger() == []


def test_a_veto_leaves_nothing_and_the_key_free(acme):
    with acme:
        who = person(acme)
        with pytest.raises(Veto) as refused:
            acme.rewards.grant("voucher", who, grant_key="k1", reason="veto")
        assert (refused.value.code, refused.value.message) == ("sold_out", "out of vouchers")
        assert ledger() == [] and asked() == []
        assert acme.rewards.grant("voucher", who, grant_key="k1").reason == ""


def test_what_the_issuer_calls_invalid_is_the_callers_mistake_and_leaves_nothing(acme):
    with acme:
        with pytest.raises(Invalid) as refused:
            acme.rewards.grant("voucher", person(acme), grant_key="k1", reason="invalid")
        assert (refused.value.field, refused.value.message) == ("item", "no such voucher")
        assert ledger() == [] and asked() == []


def test_a_veto_caught_inside_a_transaction_takes_only_its_own_grant_along(acme):
    with acme:
        who = person(acme)
        with acme.transaction():
            acme.rewards.grant("voucher", who, grant_key="k1")
            with pytest.raises(Veto):
                acme.rewards.grant("voucher", who, grant_key="k2", reason="veto")
        assert [row[4] for row in ledger()] == ["k1"]
        assert asked() == ["issue"]


@pytest.mark.parametrize("reason", ["crash", "list", "set"])
def test_a_plugin_that_fails_is_named_and_leaves_nothing(acme, reason):
    with acme:
        with pytest.raises(PluginError) as failed:
            acme.rewards.grant("voucher", person(acme), grant_key="k1", reason=reason)
        assert "'mint'" in failed.value.message
        assert ledger() == [] and asked() == []


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"grant_key": ""}, "grant_key"),
        ({"grant_key": "reversal:x"}, "grant_key"),
        ({"grant_key": "x" * 201}, "grant_key"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"cost_minor": -1}, "cost_minor"),
        ({"cost_minor": 1.5}, "cost_minor"),
        ({"cost_minor": 2**53 + 1}, "cost_minor"),
        ({"reason": "a\x00"}, "reason"),
    ],
)
def test_a_grant_that_cannot_be_is_refused_with_its_field(acme, change, field):
    with acme:
        with pytest.raises(Invalid) as refused:
            acme.rewards.grant("voucher", person(acme), **{"grant_key": "k1", **change})
        assert refused.value.field == field
        assert ledger() == [] and asked() == []


def test_a_grant_for_nobody_is_not_found(acme):
    with acme:
        with pytest.raises(NotFound):
            acme.rewards.grant("voucher", 4_711, grant_key="k1")


@pytest.mark.parametrize("name", ["uid", "grant_key"])
def test_a_reversal_is_a_linked_row_with_the_amounts_negated(acme, clock, name):
    with acme:
        who = person(acme)
        made = acme.rewards.grant("voucher", who, grant_key="k1", quantity=3, cost_minor=900)
        clock.advance(days=1)
        back = acme.rewards.reverse(getattr(made, name), reason="refund", actor="li")
        assert (back.quantity, back.cost_minor, back.contact_id, back.kind) == (-3, -900, who, "voucher")
        assert (back.reverses, back.reason, back.actor, back.at) == (made.uid, "refund", "li", clock.now())
        after = acme.rewards.get(made.uid)
        assert after.reversed_by == back.uid
        assert (after.quantity, after.cost_minor, after.at) == (3, 900, clock.now() - 86_400_000)
        assert asked() == ["issue", f"reverse {made.issued['code']}"]


def test_a_grant_is_reversed_only_once(acme):
    with acme:
        made = acme.rewards.grant("voucher", person(acme), grant_key="k1")
        back = acme.rewards.reverse(made.uid, reason="refund")
        assert acme.rewards.reverse("k1", reason="again") == back
        for name in (back.uid, back.grant_key):
            with pytest.raises(Conflict) as refused:
                acme.rewards.reverse(name, reason="undo")
            assert refused.value.code == "reversal"
        assert [row[2] for row in ledger()] == [1, -1]
        assert len(asked()) == 2


def test_a_reversed_grant_is_not_granted_again_by_its_key(acme):
    with acme:
        who = person(acme)
        made = acme.rewards.grant("voucher", who, grant_key="k1")
        back = acme.rewards.reverse("k1", reason="refund")
        again = acme.rewards.grant("voucher", who, grant_key="k1")
        assert (again.uid, again.reversed_by) == (made.uid, back.uid)
        assert len(ledger()) == 2


REVERSE = (
    PRELUDE
    + """
def run(brand, worker):
    back = brand.rewards.reverse("k1", reason=f"by {worker}")
    return [back.uid, back.reverses, back.reason]
"""
)


def test_reversals_of_one_grant_at_once_are_one_row_and_one_answer(shop, acme, together):
    with acme:
        made = acme.rewards.grant("voucher", person(acme), grant_key="k1")
    answers = together(shop, REVERSE, 8)
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][1] == made.uid
    with acme:
        assert [row[2] for row in ledger()] == [1, -1]
        assert asked() == ["issue", f"reverse {made.issued['code']}"]


@pytest.mark.parametrize(("reason", "error"), [("veto", Veto), ("crash", PluginError)])
def test_a_reversal_that_the_plugin_refuses_leaves_the_grant_standing(acme, reason, error):
    with acme:
        made = acme.rewards.grant("voucher", person(acme), grant_key="k1")
        with pytest.raises(error):
            acme.rewards.reverse("k1", reason=reason)
        assert acme.rewards.get(made.uid) == made
        assert asked() == ["issue"]
        assert acme.rewards.reverse("k1", reason="now").reverses == made.uid


def test_a_reversal_waits_until_the_issuing_plugin_is_switched_on(acme, shop):
    with acme:
        made = acme.rewards.grant("voucher", person(acme), grant_key="k1")
    path = shop.config.root / "brands" / "acme.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("[plugins.mint]", ""), encoding="utf-8")
    with shop.brand("acme") as without:
        with pytest.raises(Conflict) as refused:
            without.rewards.reverse("k1", reason="refund")
        assert refused.value.code == "no_issuer"
        assert without.rewards.get(made.uid).reversed_by is None


def test_issuers_say_what_they_lack_for_all_rewards_that_are_planned(acme):
    with acme:
        planned = [RewardWanted("voucher", "A", 2, 51), RewardWanted("voucher", "B", 100, None)]
        assert acme.rewards.shortages(planned, most_minor=7) == ["short of [('A', 51)] within 7"]
        assert acme.rewards.shortages(planned[1:]) == []
        with pytest.raises(Conflict) as refused:
            acme.rewards.shortages([RewardWanted("car", "", 1, 1)])
        assert refused.value.code == "no_issuer"


def test_what_an_issuer_knows_of_an_item_is_told_also_of_one_that_it_does_not_grant(acme):
    with acme:
        assert acme.rewards.item("voucher", "A") == RewardItem()
        assert acme.rewards.item("voucher", "NOTHING") is None
        assert acme.rewards.item("voucher", "OLD") == RewardItem("last year's", "it is over")
        with pytest.raises(Conflict) as refused:
            acme.rewards.item("car", "")
    assert refused.value.code == "no_issuer"


class Cars(Mint):
    """Issues its own name's kind, and is switched off here."""

    name = "car"
    reward_kinds = {"car": "a car"}


def test_a_kind_that_nobody_issues_is_refused_with_what_to_do(new_installation):
    acme = new_installation(plugins=(Mint, Cars), acme="\n[plugins.mint]\n", moonco="\n").brand("acme")
    told = "the plugin that does, to the file of brand 'acme', or choose a kind that is issued there (voucher)"
    for kind, table in (("boat", "[plugins.NAME]"), ("car", "[plugins.car]")):
        with acme, pytest.raises(Conflict) as refused:
            acme.rewards.check(kind)
        assert refused.value.code == "no_issuer" and f"add {table}, {told}" in refused.value.message


def test_another_brand_sees_nothing(acme, moonco):
    with acme:
        made = acme.rewards.grant("voucher", person(acme), grant_key="k1")
    with moonco:
        assert moonco.rewards.page() == []
        for ask in (lambda: moonco.rewards.get(made.uid), lambda: moonco.rewards.reverse(made.uid, reason="x")):
            with pytest.raises(NotFound):
                ask()
        theirs = moonco.rewards.grant("voucher", person(moonco), grant_key="k1")
        assert theirs.uid != made.uid
        moonco.rewards.reverse("k1", reason="refund")
    with acme:
        assert acme.rewards.page() == [made]


def test_the_ledger_is_paged_and_told_by_contact(acme):
    with acme:
        one, two = person(acme), person(acme, "u-2")
        made = [acme.rewards.grant("voucher", contact, grant_key=f"k{n}") for n, contact in enumerate((one, two, one))]
        assert acme.rewards.page(contact_id=one) == [made[0], made[2]]
        assert acme.rewards.page(after=made[0].id, limit=1) == [made[1]]
        for limit in (0, 201):
            with pytest.raises(Invalid):
                acme.rewards.page(limit=limit)
