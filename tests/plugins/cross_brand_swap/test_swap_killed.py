"""A process that is killed (-9) at any write of a swap's life, from the offer to both signatures, changes nothing."""

from __future__ import annotations

import json

from swap_scene import DAY

from scrm_core.db.bulk import execute

# One worker of both brands: it does whatever is next, and dies before its n-th write or commit.
LIFE = """
import os, signal
from scrm_core.api import Conflict
from scrm_core.db.lazy import LazyTransactions
from scrm_core.db.postgres import BrandPostgres
from scrm_core.db.sqlite import BrandSqlite
from scrm_core.delivery.loop import Delivery
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_cross_brand_swap.service import Swaps

left = [None]

def count():
    if left[0] is not None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

def before_each_write():
    execute_cursor = LazyTransactions._execute_cursor

    def write(self, sql, params, **options):
        for _ in range(sql.count("INSERT INTO") or sql[:6].upper() in ("UPDATE", "DELETE")):
            count()  # rows of several tables may travel in one statement: each is a write
        return execute_cursor(self, sql, params, **options)

    LazyTransactions._execute_cursor = write
    for engine in (BrandSqlite, BrandPostgres):
        def commit(self, commit=engine.commit):
            count()
            commit(self)
        engine.commit = commit

def swaps(brand):
    return Swaps(brand, brand.plugins["cross-brand-swap"].settings)

def carry(sides):
    for _ in range(3):
        for side in sides:
            with side:
                Delivery(side).drain()
                side.partners.post()

def came(brand, count, at):
    with brand:
        link = swaps(brand).deal("spring").link
        for n in range(count if link else 0):
            who = (IdentityIn.of("buyer", f"p{n}", "shop"),)
            brand.contacts.capture_lead(LeadIn("wecom", who, at, reference=f"p{n}", state=link))

def run(brand, worker):
    order = json.loads(ORDER)
    sides = acme, moonco = [brand.installation.brand(name) for name in ("acme", "moonco")]
    for side in sides:
        side.clock = type("Then", (), {"now": lambda self: order["now"]})()
    before_each_write()
    left[0] = order["writes"]
    with acme:
        if not swaps(acme).deals():
            swaps(acme).offer("moonco", order["terms"], target="https://acme.example/", actor="anna")
    carry(sides)
    with moonco:
        deals = swaps(moonco).deals()
        if deals and deals[0].state == "open":
            swaps(moonco).accept("spring", target="https://moon.example/", actor="mike")
    carry(sides)
    if deals and not order["over"]:
        came(moonco, 3, order["came"])
        came(acme, 2, order["came"])
        carry(sides)
    for side in sides:
        with side:
            swaps(side).upkeep()
    carry(sides)
    return "lived"
"""


def test_a_swap_goes_from_offer_to_signature_although_its_worker_is_killed_at_every_turn(swap, _nurseries):
    swap.meet()
    terms, start = swap.terms(), swap.clock.now()
    killed = over = 0
    for n in range(300):
        if [state_of(side) for side in (swap.a, swap.b)] == ["settled", "settled"]:
            break
        over = over or (30 + 7 + 7) * DAY * (received(swap.a) == 2 and received(swap.b) == 3)
        # A lease of a message that was under way is over by the next turn.
        order = {
            "now": start + n * 61_000 + over, "came": start + 61_000, "over": over, "terms": terms,
            "writes": 2 + n % 16,
        }  # fmt: skip
        killed += dies(_nurseries, swap.a.brand.installation, f"ORDER = {json.dumps(json.dumps(order))}\n{LIFE}", n)
    assert (swap.a.state(), swap.b.state()) == ("settled", "settled")
    assert killed >= 8
    signed = json.loads(swap.a.deal().statement)
    assert swap.b.deal().statement == swap.a.deal().statement
    assert {way: lines["add"] for way, lines in signed["lines"].items()} == {"a_to_b": 3, "b_to_a": 2}
    assert signed["balance"] == {"unit": "add", "owes": "b", "owed": 1, "exposures": None}
    for side, did in (
        (swap.a, ["close", "confirm", "link", "offer", "settle"]),
        (swap.b, ["accept", "close", "link", "settled"]),
    ):
        with side.brand:
            ours = sorted(step["act"] for step in side.swaps.steps("spring") if step["by"] == "us")
            heard = execute("SELECT data FROM event WHERE type = 'partner.message'").fetchall()
            dead = execute("SELECT count(*) FROM partner_out WHERE state = 'dead'").fetchone()
        assert ours == did
        assert len({json.loads(data)["id"] for (data,) in heard}) == len(heard)
        assert dead == (0,)
        assert side.refused() == []


def state_of(side) -> str:
    with side.brand:
        return next((deal.state for deal in side.swaps.deals()), "")


def received(side) -> int:
    with side.brand:
        return sum(deal.received for deal in side.swaps.deals())


def dies(nurseries, installation, source: str, n: int) -> bool:
    """Run the source in a process of its own; whether it was killed. Whatever else ends it fails."""
    child = nurseries.start(installation.config.root, "acme", n, source)
    try:
        child.await_ready()
        child.go()
        return bool(child.answer() != "lived")
    except AssertionError as exc:
        assert "exit code -9" in str(exc), exc
        return True
    finally:
        child.end()
