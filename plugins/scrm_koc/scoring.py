"""Who might be a KOC: a score of 0 to 100 of which every point is explained.

Six factors hold thirteen parts. A part is one set-based statement over the
brand's rows, ranked where it stands: of n people with anything at all, somebody
above b of them and level with t (himself included) gets (2b + t) / 2n of the
part's points, so equal values get equal points. No person is loaded into
Python. Parts are written under the run's ``batch``, and the scores then follow
in chunks of contacts, so that others can write in between; a run that died is
simply run again.

This month's score is ``memory_percent`` of last month's plus the rest of what
this month says; who has no last month begins with this month's alone. A higher
tier is given at once, a lower one after ``demote_periods`` months below.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, execute, from_instant, page_size

from .measures import FACTORS, PARTS, Measures, Part

if TYPE_CHECKING:
    from scrm_core.api import Brand

CHUNK = 20_000
LEASE_MS = 3_600_000
"""A run that gave no sign of life for so long is taken to be dead."""
MOST_ROWS = 500
TIERS = ("C", "B", "A", "S")
FULL = 10_000
"""A score of 100 in hundredths of a point."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A person's score: ``contact`` is the uid; ``score``, ``fresh`` and ``before`` are hundredths of points.

    ``before`` is last month's score, None for who had none: ``score`` remembers it.
    """

    contact_id: int
    contact: str
    score: int
    fresh: int
    tier: str
    period: str
    below: int
    member: str | None
    before: int | None


@dataclass(frozen=True, slots=True)
class Explained:
    """One part of a score: ``points`` of at most ``most`` (hundredths), the evidence and where it ranks."""

    factor: str
    part: str
    title: str
    points: int
    most: int
    value: int
    below: int
    ties: int
    peers: int

    def sentence(self) -> str:
        """The evidence in words."""
        if not self.peers:
            return "none"
        for part in PARTS:
            if part.name == self.part:
                told = part.told.format(value=self.value, percent=f"{self.value / 10_000:.2f}")
                if part.mode != "rank":
                    return told
                return f"{told}; more than {self.below} of {self.peers}, level with {self.ties - 1}"
        return str(self.value)


class Scores:
    """One brand's scores; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    def period(self) -> str:
        """The brand-local month of now, ``YYYY-MM``."""
        return from_instant(self.brand.now(), self.brand.zone).strftime("%Y-%m")

    def scored(self) -> bool:
        """Whether this month was scored, to the end."""
        return execute("SELECT 1 FROM koc_run WHERE period = ?", (self.period(),)).fetchone() is not None

    def run(self) -> int:
        """Score everybody with any evidence for this month, again if it was; returns how many people have a score.

        Raises Conflict (``scoring``) while somebody else does, or when somebody else took over after an hour's silence.
        """
        period, batch = self.period(), secrets.token_hex(8)
        self._begin(batch)
        try:
            measures = Measures(self.brand, self.settings)
            for part in PARTS:
                if part.name == "penalty" or measures.weight(part):
                    self._write(part, batch, measures)
            for span in self._spans():
                with self._turn(batch):
                    self._score(period, batch, *span)
            with self._turn(batch):
                execute("UPDATE koc_run SET period = ?", (period,))
        finally:
            with self.brand.transaction():
                execute("UPDATE koc_run SET batch = '' WHERE batch = ?", (batch,))
        (count,) = execute("SELECT count(*) FROM koc_score").fetchone()
        return int(count)

    def _begin(self, batch: str) -> None:
        now = self.brand.now()
        with self.brand.transaction():
            taken = execute(
                "INSERT INTO koc_run (id, batch, at, period) VALUES (1, ?, ?, '') ON CONFLICT (id) DO UPDATE "
                "SET batch = excluded.batch, at = excluded.at, period = '' "
                "WHERE koc_run.batch = '' OR koc_run.at < ? RETURNING id",
                (batch, now, now - LEASE_MS),
            ).fetchone()
        if taken is None:
            raise Conflict("somebody else is scoring; wait until it is done", code="scoring")

    @contextlib.contextmanager
    def _turn(self, batch: str) -> Iterator[None]:
        """A transaction of this run, as long as it is its turn: a later run drops the parts of earlier ones."""
        with self.brand.transaction():
            if not execute("UPDATE koc_run SET at = ? WHERE id = 1 AND batch = ?", (self.brand.now(), batch)).rowcount:
                raise Conflict("another run of scoring took over", code="scoring")
            yield

    def _write(self, part: Part, batch: str, measures: Measures) -> None:
        """Write everybody's points of a part."""
        sql, params = measures.ranked(part, batch)
        into = (
            "INSERT INTO koc_part (contact_id, part, batch, value, below, ties, peers, points) SELECT contact_id, "
            "CAST(? AS TEXT), CAST(? AS TEXT), value, below, ties, peers, points FROM "
        )
        if self.brand.handle.engine != "sqlite":
            with self._turn(batch):
                execute(f"{into}({sql}) r", (part.name, batch, *params))
            return
        # SQLite has one writer: a million people are ranked in a temporary file, which locks nothing, and come
        # into the brand's file in short transactions.
        execute("DROP TABLE IF EXISTS temp.koc_ranked")
        execute(
            "CREATE TEMP TABLE koc_ranked (contact_id INTEGER PRIMARY KEY, value INTEGER, below INTEGER, ties INTEGER, "
            "peers INTEGER, points INTEGER)"
        )
        execute(f"INSERT INTO temp.koc_ranked {sql}", params)
        for span in self._spans():
            with self._turn(batch):
                execute(f"{into}temp.koc_ranked WHERE contact_id > ? AND contact_id <= ?", (part.name, batch, *span))
        execute("DROP TABLE temp.koc_ranked")

    @staticmethod
    def _spans() -> list[tuple[int, int]]:
        """Contacts in chunks: (above, upto]."""
        (top,) = execute("SELECT coalesce(max(id), 0) FROM contact").fetchone()
        return [(after, after + CHUNK) for after in range(0, int(top), CHUNK)]

    def _score(self, period: str, batch: str, above: int, upto: int) -> None:
        """Bring the scores of contacts in (above, upto] to this month, and drop the parts of runs before."""
        span = (above, upto)
        now = self.brand.now()
        execute(
            "DELETE FROM koc_score WHERE contact_id > ? AND contact_id <= ? "
            "AND contact_id IN (SELECT id FROM contact WHERE state <> 'active' AND id > ? AND id <= ?)",
            (*span, *span),
        )
        execute(
            "UPDATE koc_score SET before_score = score, before_tier = tier, before_below = below, period = ? "
            "WHERE contact_id > ? AND contact_id <= ? AND period <> ?",
            (period, *span, period),
        )
        execute(
            "INSERT INTO koc_score (contact_id, period, batch, fresh, score, tier, below, before_below, at) "
            "SELECT p.contact_id, CAST(? AS TEXT), CAST(? AS TEXT), 0, 0, 0, 0, 0, CAST(? AS BIGINT) FROM koc_part p "
            "JOIN contact c ON c.id = p.contact_id AND c.state = 'active' "
            "WHERE p.batch = ? AND p.contact_id > ? AND p.contact_id <= ? GROUP BY p.contact_id "
            "ON CONFLICT (contact_id) DO NOTHING",
            (period, batch, now, batch, *span),
        )
        # Penalties are negative: no score goes below 0.
        total = (
            "coalesce((SELECT sum(p.points) FROM koc_part p WHERE p.contact_id = koc_score.contact_id "
            "AND p.batch = ?), 0)"
        )
        execute(
            f"UPDATE koc_score SET batch = ?, at = ?, fresh = CASE WHEN {total} < 0 THEN 0 WHEN {total} > {FULL} "
            f"THEN {FULL} ELSE CAST({total} AS BIGINT) END WHERE contact_id > ? AND contact_id <= ?",
            (batch, now, batch, batch, batch, *span),
        )
        memory = self.settings["memory_percent"]
        execute(
            "UPDATE koc_score SET score = CASE WHEN before_score IS NULL THEN fresh "
            "ELSE (before_score * ? + fresh * ?) / 100 END WHERE contact_id > ? AND contact_id <= ?",
            (memory, 100 - memory, *span),
        )
        cuts = (self.settings["tier_s"] * 100, self.settings["tier_a"] * 100, self.settings["tier_b"] * 100)
        want = "CASE WHEN score >= ? THEN 3 WHEN score >= ? THEN 2 WHEN score >= ? THEN 1 ELSE 0 END"
        keeps = f"before_tier > {want} AND before_below + 1 < ?"
        periods = self.settings["demote_periods"]
        execute(
            f"UPDATE koc_score SET tier = CASE WHEN {keeps} THEN before_tier ELSE {want} END, "
            f"below = CASE WHEN {keeps} THEN before_below + 1 ELSE 0 END WHERE contact_id > ? AND contact_id <= ?",
            (*cuts, periods, *cuts, *cuts, periods, *span),
        )
        execute("DELETE FROM koc_part WHERE contact_id > ? AND contact_id <= ? AND batch <> ?", (*span, batch))

    # Reading ------------------------------------------------------------------

    def candidates(self, *, least: int = 0, limit: int = 50, members: bool = True) -> list[Scored]:
        """People with ``least`` points or more, best first, at most ``limit``; without members if asked."""
        page_size(limit, MOST_ROWS)
        if type(least) is not int or not 0 <= least <= 100:
            raise Invalid("least is a number of points from 0 to 100", field="least")
        only = "" if members else "AND m.code IS NULL "
        rows = execute(
            f"{_VIEW} WHERE s.score >= ? AND c.state = 'active' {only}ORDER BY s.score DESC, s.contact_id LIMIT ?",
            (least * 100, limit),
        ).fetchall()
        return [_scored(row) for row in rows]

    def get(self, contact_id: int) -> Scored:
        """A person's score; raises NotFound while there is none."""
        row = execute(f"{_VIEW} WHERE s.contact_id = ?", (contact_id,)).fetchone()
        if row is None:
            raise NotFound("this person has no score; run: scrm koc score BRAND")
        return _scored(row)

    def tier(self, contact_id: int) -> str:
        """S, A, B or C; C for who has no score."""
        row = execute("SELECT tier FROM koc_score WHERE contact_id = ?", (contact_id,)).fetchone()
        return TIERS[row[0]] if row is not None else "C"

    def explain(self, contact_id: int) -> list[Explained]:
        """Every part of a person's score this month with its evidence; parts without any count 0. Sums to ``fresh``.

        (A sum below 0 is a score of 0.)
        """
        batch = execute("SELECT batch FROM koc_score WHERE contact_id = ?", (contact_id,)).fetchone()
        if batch is None:
            raise NotFound("this person has no score; run: scrm koc score BRAND")
        measures = Measures(self.brand, self.settings)
        found = {
            row[0]: row[1:]
            for row in execute(
                "SELECT part, value, below, ties, peers, points FROM koc_part WHERE contact_id = ? AND batch = ?",
                (contact_id, batch[0]),
            ).fetchall()
        }
        told = []
        for part in PARTS:
            value, below, ties, peers, points = found.get(part.name, (0, 0, 1, 0, 0))
            most = measures.full(part)
            told.append(Explained(FACTORS[part.factor], part.name, part.title, points, most, value, below, ties, peers))
        return told


_VIEW = (
    "SELECT s.contact_id, c.uid, s.score, s.fresh, s.tier, s.period, s.below, m.code, s.before_score FROM koc_score s "
    "JOIN contact c ON c.id = s.contact_id LEFT JOIN koc_person p ON p.contact_id = s.contact_id "
    "LEFT JOIN koc_member m ON m.id = p.member_id"
)


def _scored(row: tuple[Any, ...]) -> Scored:
    values = list(row)
    values[4] = TIERS[row[4]]
    return Scored(*values)
