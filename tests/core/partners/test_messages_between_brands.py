"""Two brands of one installation that name each other exchange messages; nobody else does."""

from __future__ import annotations

import pytest
from partner_scene import WRITTEN

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound, TooLarge
from scrm_core.limits import LIMITS


def test_a_message_sent_is_heard_once_by_the_partners_plugins(pair):
    two = pair()
    two.send({"quota": 100}, key="offer-1")
    assert two.heard(two.moonco) == []
    assert two.post() is True
    assert two.post() is False
    assert two.heard(two.moonco) == [("acme", "swap.offer", {"quota": 100})]
    assert two.heard(two.acme) == []
    assert two.states() == {("moonco", "delivered"): 1}


def test_a_message_rolled_back_with_its_transaction_is_never_sent(pair):
    two = pair()
    with pytest.raises(RuntimeError), two.acme, two.acme.transaction():
        two.acme.partners.send("moonco", "swap.offer", {"quota": 1}, key="offer-1")
        raise RuntimeError("the caller changed its mind")
    assert two.post() is False
    assert two.states() == {}


def test_the_same_key_is_one_message_and_another_text_under_it_is_refused(pair):
    two = pair()
    first = two.send({"quota": 100}, key="offer-1")
    assert two.send({"quota": 100}, key="offer-1") == first
    two.post()
    # Also after it was delivered and its text forgotten.
    assert two.send({"quota": 100}, key="offer-1") == first
    with pytest.raises(Conflict, match="offer-1"):
        two.send({"quota": 999}, key="offer-1")
    assert two.post() is False
    assert len(two.heard(two.moonco)) == 1


def test_messages_of_a_partner_arrive_in_their_order_also_when_the_first_has_to_wait(pair, clock):
    two = pair(moonco="")
    for n in (1, 2, 3):
        two.send({"n": n}, key=f"n-{n}")
    two.post()
    # The second was not tried: it waits behind the first.
    with two.acme:
        assert [view.attempts for view in two.acme.partners.undelivered()] == [1, 0, 0]
    path = two.installation.config.brands_dir / "moonco.toml"
    path.write_text(path.read_text("utf-8") + "[partners.acme]\n", "utf-8")
    clock.advance(ms=10_000)
    while two.post():
        clock.advance(ms=1)
    assert [body["n"] for _, _, body in two.heard(two.installation.brand("moonco"))] == [1, 2, 3]


def test_a_brand_that_names_no_partner_back_refuses_and_the_message_dies_after_its_attempts(pair, clock):
    two = pair(moonco="")
    uid = two.send({"quota": 100}, key="offer-1")
    pauses = []
    for _ in range(LIMITS.partner_attempts):
        assert two.post() is True
        with two.acme:
            (view,) = two.acme.partners.undelivered()
        pauses.append(view.next_at - clock.now())
        assert two.post() is False  # not before its time
        clock.set(view.next_at)
    # 10 s, doubled each time, at most 6 hours.
    assert pauses[:4] == [10_000, 20_000, 40_000, 80_000]
    assert pauses[-1] == 21_600_000
    assert (view.uid, view.state, view.attempts) == (uid, "dead", LIMITS.partner_attempts)
    assert view.error == "the partner answered 401"
    assert two.post() is False
    assert two.heard(two.moonco) == []


def test_a_dead_message_sent_again_by_hand_arrives_once(pair, clock):
    two = pair(moonco="")
    uid = two.send({"quota": 100}, key="offer-1")
    for _ in range(LIMITS.partner_attempts):
        two.post()
        clock.advance(ms=21_600_000)
    path = two.installation.config.brands_dir / "moonco.toml"
    path.write_text(path.read_text("utf-8") + "[partners.acme]\n", "utf-8")
    assert two.post() is False
    with two.acme:
        assert two.acme.partners.replay([uid], actor="test") == 1
        with pytest.raises(NotFound):
            two.acme.partners.replay([uid], actor="test")
    two.post()
    assert two.heard(two.installation.brand("moonco")) == [("acme", "swap.offer", {"quota": 100})]


def test_a_worker_that_dies_after_the_partner_took_it_has_no_second_effect(pair, clock):
    two = pair()
    two.send({"quota": 100}, key="offer-1")
    two.post()
    with two.acme:  # as the worker leaves it that is killed before it settles
        execute(
            "UPDATE partner_out SET state = 'sending', text = ?, next_at = ?",
            ('{"type":"swap.offer","data":{"quota":100}}', clock.now() + 60_000),
        )
    assert two.post() is False
    clock.advance(ms=60_000)
    assert two.post() is True
    assert two.heard(two.moonco) == [("acme", "swap.offer", {"quota": 100})]
    assert two.states() == {("moonco", "delivered"): 1}


def test_of_four_processes_that_post_at_once_each_message_arrives_once(pair, together):
    two = pair()
    for n in range(20):
        two.send({"n": n}, key=f"n-{n}")
    source = """
from scrm_core import partners

def run(brand, worker):
    while brand.partners.undelivered():
        brand.partners.post()
    return "done"
"""
    # Children open the project without the test's plugin class: what arrived is read from the log below.
    for name in ("acme", "moonco"):
        path = two.installation.config.brands_dir / f"{name}.toml"
        path.write_text(path.read_text("utf-8").replace("[plugins.hearing]\n", ""), "utf-8")
    together(two.installation, source, 4)
    with two.moonco:
        rows = execute("SELECT count(*), count(DISTINCT data) FROM event WHERE type = 'partner.message'").fetchone()
    assert tuple(rows) == (20, 20)
    assert two.states() == {("moonco", "delivered"): 20}


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("Swap Offer", {}, Invalid),
        ("swap.offer", [1], Invalid),
        ("swap.offer", {"x": float("nan")}, Invalid),
        ("swap.offer", {"x": "\ud800"}, Invalid),
        ("swap.offer", {"x": 2**60}, Invalid),
        ("swap.offer", {"x": object()}, Invalid),
        ("swap.offer", {"x": "a" * 1_000_000}, TooLarge),
    ],
    ids=["kind", "list", "nan", "surrogate", "number", "object", "size"],
)
def test_what_the_partner_would_refuse_is_refused_before_it_is_queued(pair, kind, body, error):
    two = pair()
    with pytest.raises(error):
        two.send(body, key="k", kind=kind)
    with pytest.raises(NotFound, match="starco"):
        two.send({}, key="k", partner="starco")
    assert two.states() == {}


def test_a_partner_whose_brand_fails_waits_and_holds_up_no_other_partner(pair, clock, monkeypatch):
    monkeypatch.setenv("PAIR", WRITTEN)
    two = pair(moonco="[partners.acme]\n", acme='[partners.broken]\nbrand = "moonco"\n[partners.star]\nurl = "http://127.0.0.1:1"\n'
               'key = "acme-star-1"\nsecret = "env:PAIR"\n')  # fmt: skip
    two.send({"n": 1}, key="k", partner="broken")
    two.send({"n": 1}, key="k", partner="star")
    find = two.installation.brand

    def brand(name: str):
        if name == "moonco":
            raise OSError("the file of this brand is on a disk that is gone")
        return find(name)

    monkeypatch.setattr(two.installation, "brand", brand)
    assert two.post() is True
    with two.acme:
        views = {view.partner: view for view in two.acme.partners.undelivered()}
    assert {name: (view.state, view.attempts) for name, view in views.items()} == {
        "broken": ("waiting", 1), "star": ("waiting", 1),
    }  # fmt: skip
    # Ten seconds, as for any other failure, and no word of where the file is.
    assert (views["broken"].next_at - clock.now(), views["broken"].error) == (10_000, "the partner failed: OSError")
    monkeypatch.undo()
    clock.advance(ms=10_000)
    two.post()
    with two.acme:
        assert [view.partner for view in two.acme.partners.undelivered()] == ["star"]
