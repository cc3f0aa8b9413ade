"""Bar 11: 64 clients claim a limited coupon, beside one transaction per claim with a busy timeout.

Four processes with sixteen threads each, every commit waiting for the disk
(synchronous=FULL). More people ask than there are coupons; each asks once, and
a tenth of them asks again. Ours is the coupon plugin's claim: batch, coupon and
event, in shared commits. The yardstick writes the same rows by hand, a
transaction per claim on a connection per thread, waiting by SQLite's own busy
timeout. Both end with every coupon gone, none oversold and one per person, or
the benchmark ends.

Three more rows: the slowest of our claims, and a draw of a game beside a claim,
for one client alone and for the crowd. The crowd's claims beside draws have a
limit by day, so that each is decided by itself like a draw (plain claims are
made together), and there is one for everybody, as there is a draw. Half of the
draws win a point, which the points plugin books in the same transaction.
"""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import secrets
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from brand_scene import BRAND
from measure import paired, report, size

from scrm_core.brands import Brand
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict
from scrm_core.installation import Installation
from scrm_core.services.contacts import IdentityIn

PROCESSES, THREADS = 4, 16
STOCK = size(2_000, 200)
PEOPLE = STOCK * 5 // 4
RUNS = size(5, 1)
SLOWEST_SECONDS = 2.0

LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
VALID_MS = 7 * 86_400_000
TOLD = (
    '{"plugin":"coupon-threshold","name":"claimed","fields":'
    '{"batch":"%s","coupon":"%s","source":"page","gated":0}}'
)

Client = Callable[[str, int], bool]


def make(root: Path) -> tuple[Installation, list[int]]:
    """A project that waits for the disk, with people; coupons and games are switched on."""
    (root / "brands").mkdir(parents=True)
    (root / "scrm.toml").write_text('database_url = "sqlite:data"\ndatabase_synchronous = "FULL"\n')
    plugins = "[plugins.coupon-threshold]\n[plugins.points]\n[plugins.interaction-games]\n"
    (root / "brands" / "shop.toml").write_text(BRAND.format(id="shop") + plugins)
    installation = Installation.open(root)
    installation.migrate()
    with installation.brand("shop") as brand, brand.transaction():
        people = [
            brand.contacts.resolve([IdentityIn.of("unionid", f"u-{n}")], at=brand.now(), origin="bench").contact_id
            for n in range(PEOPLE)
        ]
    return installation, people


def new_batch(brand: Brand, code: str, **more: Any) -> None:
    """A coupon of which there are fewer than people."""
    coupons: Any = brand.plugins["coupon-threshold"]
    coupons.coupons.batches.create(
        {
            "code": code,
            "title": "10 off 99",
            "rule": {"kind": "threshold", "min_minor": 9_900, "off_minor": 1_000},
            "stock": STOCK,
            "validity": {"kind": "rolling", "days": 7},
            **more,
        }
    )
    coupons.coupons.batches.open(code)


def new_game(brand: Brand, code: str) -> None:
    """A wheel on which every draw wins a point or nothing."""
    games: Any = brand.plugins["interaction-games"]
    now = brand.now()
    games.games.create(
        {
            "code": code,
            "game": "wheel",
            "title": "Wheel",
            "surface": "app",
            "ends_at": now + 86_400_000,
            "rules": "A draw each.",
            "organiser": "Bench",
            "organiser_contact": "bench@example.com",
            "total_weight": 100,
            "prizes": [
                {"code": "point", "title": "A point", "kind": "points", "quantity": 1, "value_minor": 1, "weight": 50,
                 "stock": PEOPLE},
                {"code": "none", "title": "Thanks", "kind": "none", "weight": 50},
            ],
            "chances": {"start": 1},
            "budget_minor": PEOPLE,
        }
    )  # fmt: skip
    games.games.publish(code, actor="bench")


def claims_of(root: Path) -> Client:
    """Ours."""
    brand = Installation.open(root).brand("shop")
    claims: Any = brand.plugins["coupon-threshold"].coupons.claims  # type: ignore[attr-defined]

    def claim(batch: str, person: int) -> bool:
        with brand:
            try:
                claims.claim(batch, person, key=f"{batch}-{person}", source="page")
            except Conflict as refused:
                if refused.code != "sold_out":
                    raise
                return False
        return True

    return claim


def draws_of(root: Path) -> Client:
    """A draw of the wheel."""
    brand = Installation.open(root).brand("shop")
    games: Any = brand.plugins["interaction-games"].games  # type: ignore[attr-defined]

    def draw(campaign: str, person: int) -> bool:
        with brand:
            games.act(campaign, "play", person, key="draw", data={}, device="", network="")
        return True

    return draw


def yardstick_of(root: Path) -> Client:
    """One transaction per claim, written by hand: the rows that ours leaves behind."""
    local = threading.local()

    def connection() -> sqlite3.Connection:
        if not hasattr(local, "connection"):
            local.connection = sqlite3.connect(root / "data" / "shop.db", isolation_level=None, timeout=60)
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -16000"):
                local.connection.execute(f"PRAGMA {pragma}")
        found: sqlite3.Connection = local.connection
        return found

    def claim(batch: str, person: int) -> bool:
        raw, now = connection(), time.time_ns() // 1_000_000
        uid, code = f"{now >> 6:09x}{secrets.token_hex(8)[1:]}", "".join(secrets.choice(LETTERS) for _ in range(13))
        raw.execute("BEGIN IMMEDIATE")
        try:
            row = raw.execute(
                "UPDATE coupon_threshold_batch SET stock_left = stock_left - 1, issued = issued + 1 "
                "WHERE code = ? AND stock_left > 0 RETURNING id",
                (batch,),
            ).fetchone()
            if row is None:
                raw.execute("ROLLBACK")
                return False
            made = raw.execute(
                "INSERT INTO coupon_threshold_coupon (uid, code, batch_id, contact_id, nth, state, valid_from, "
                "valid_to, claimed_at, day, source, actor, reason, grant_key, gated, sku, reserved_minor) "
                "VALUES (?, ?, ?, ?, 1, 'claimed', ?, ?, ?, 1, 'page', '', '', ?, 0, '', 0) ON CONFLICT DO NOTHING",
                (uid, code, row[0], person, now, now + VALID_MS, now, f"page:{batch}-{person}"),
            ).rowcount
            if not made:
                raw.execute("ROLLBACK")
                return True
            raw.execute(
                "INSERT INTO event (type, contact_id, at, recorded_at, backfill, data) "
                "VALUES ('plugin.event', ?, ?, ?, 0, ?)",
                (person, now, now, TOLD % (batch, uid)),
            )
            raw.execute("COMMIT")
        except BaseException:
            raw.execute("ROLLBACK")
            raise
        return True

    return claim


def crowd(kind: str, root: Path, work: list[list[tuple[str, int]]], gate: Any, told: Any) -> None:
    """One process of clients: waits at the gate for every round, tells how long each call took."""
    client = {"ours": claims_of, "apart": claims_of, "yardstick": yardstick_of, "draws": draws_of}[kind](root)

    def one(each: tuple[str, int]) -> tuple[float, bool]:
        start = time.perf_counter()
        done = client(*each)
        return time.perf_counter() - start, done

    gc.collect()
    gc.freeze()  # as a process that serves does
    with ThreadPoolExecutor(THREADS) as pool:
        for round_ in work:
            gate.wait()
            # A client is a thread that asks again as soon as it is answered.
            shares = [round_[n::THREADS] for n in range(THREADS)]
            answers = list(itertools.chain.from_iterable(pool.map(lambda share: list(map(one, share)), shares)))
            told.put(([seconds for seconds, _ in answers], sum(done for _, done in answers)))
            gate.wait()


class Crowd:
    """Four processes of sixteen clients of one kind; each round is one name for all people."""

    def __init__(self, kind: str, root: Path, rounds: list[list[tuple[str, int]]]) -> None:
        context = multiprocessing.get_context("spawn")
        self._gate = context.Barrier(PROCESSES + 1)
        self._told = context.Queue()
        self._children = [
            context.Process(
                target=crowd,
                args=(kind, root, [round_[n::PROCESSES] for round_ in rounds], self._gate, self._told),
                daemon=True,
            )
            for n in range(PROCESSES)
        ]
        for child in self._children:
            child.start()

    def run(self) -> tuple[float, list[float], int]:
        """The next round: seconds of all, seconds of each call, how many were served."""
        self._gate.wait(120)
        start = time.perf_counter()
        answers = [self._told.get(timeout=300) for _ in self._children]
        took = time.perf_counter() - start
        self._gate.wait(120)
        return took, [each for seconds, _ in answers for each in seconds], sum(done for _, done in answers)

    def end(self) -> None:
        """Wait for the processes."""
        for child in self._children:
            child.join(30)


def checked(installation: Installation, batch: str, stock: int = STOCK) -> None:
    """Every coupon gone, none twice, one per person."""
    with installation.brand("shop"):
        rows = execute(
            "SELECT count(*), count(DISTINCT c.contact_id), min(b.stock_left) FROM coupon_threshold_coupon c "
            "JOIN coupon_threshold_batch b ON b.id = c.batch_id WHERE b.code = ?",
            (batch,),
        ).fetchone()
    if tuple(rows) != (stock, stock, 0):
        raise SystemExit(f"{batch}: coupons, people, left are {tuple(rows)}, expected {(stock, stock, 0)}")


def one_by_one(installation: Installation, people: list[int]) -> float:
    """How long a draw takes beside a claim when one client does both, each with a commit of its own."""
    count = size(300, 40)
    with installation.brand("shop") as brand:
        new_game(brand, "alone")
        new_batch(brand, "ALONE")
    claim, draw = claims_of(installation.config.root), draws_of(installation.config.root)
    turns = [iter(people[:count]), iter(people[:count])]

    def work(client: Client, name: str, who: Iterator[int]) -> Callable[[], object]:
        return lambda: [client(name, person) for person in itertools.islice(who, count // RUNS)]

    return paired(work(draw, "alone", turns[0]), work(claim, "ALONE", turns[1]), pairs=RUNS).time


def main() -> None:
    """Print the rows."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        installation, people = make(root)
        names = {kind: [f"{kind}{n}".upper() for n in range(RUNS)] for kind in ("ours", "yardstick", "apart")}
        games = [f"wheel-{n}" for n in range(RUNS)]
        with installation.brand("shop") as brand:
            for batch in [*names["ours"], *names["yardstick"]]:
                new_batch(brand, batch)
            for batch in names["apart"]:
                new_batch(brand, batch, stock=PEOPLE, limits={"per_day": PEOPLE})
            for game in games:
                new_game(brand, game)
        asked = [*people, *people[::10]]
        ours = Crowd("ours", root, [[(name, person) for person in asked] for name in names["ours"]])
        yardstick = Crowd("yardstick", root, [[(name, person) for person in asked] for name in names["yardstick"]])
        apart = Crowd("apart", root, [[(name, person) for person in people] for name in names["apart"]])
        draws = Crowd("draws", root, [[(game, person) for person in people] for game in games])
        ratios, beside, slowest = [], [], 0.0
        for n in range(RUNS):
            took, each, _ = ours.run()
            checked(installation, names["ours"][n])
            hand, _, _ = yardstick.run()
            checked(installation, names["yardstick"][n])
            alike, _, _ = apart.run()
            checked(installation, names["apart"][n], PEOPLE)
            drawn, _, _ = draws.run()
            ratios.append(hand / took)
            beside.append(drawn / alike)
            slowest = max(slowest, *each)
        for every in (ours, yardstick, apart, draws):
            every.end()
        alone = one_by_one(installation, people)
    report("11 64 clients claim a limited coupon, FULL", statistics.median(ratios), at_least=4)
    report("11 the slowest claim, in seconds", slowest, at_most=SLOWEST_SECONDS)
    report("11 a draw beside a claim, one client", alone, at_most=2)
    report("11 a draw beside a claim with a limit by day, 64 clients", statistics.median(beside), at_most=2)


if __name__ == "__main__":
    main()
