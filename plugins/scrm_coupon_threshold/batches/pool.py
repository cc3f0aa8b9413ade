"""Code pools (券码池): codes drawn here or imported from a file; each becomes one coupon and one piece of stock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, CsvFile, CsvReject, Invalid, execute, fetch_in, insert_rows, transactional

from ..models import PoolCode
from ..rules.codes import normalise_code, shown_code
from .codes import HANDED_OUT, drawn_codes, import_problem
from .service import Batch, Batches

if TYPE_CHECKING:
    from scrm_core.api import Brand

CHUNK = 5_000
MOST_CODES = 10_000_000
MOST_REJECTS = 1_000
COLUMN = "code"
_COLUMNS = ("batch_id", "code", "taken")


@dataclass(slots=True)
class PoolOutcome:
    """What became of codes: added, unchanged (already in this pool) and rejected by line.

    ``rejected`` counts all of them, ``rejects`` keeps the first thousand with line and reason.
    """

    added: int = 0
    unchanged: int = 0
    rejected: int = 0
    rejects: list[tuple[int, str]] = field(default_factory=list)

    def reject(self, line: int, reason: str) -> None:
        """Count a line that was not taken, and keep it with its reason while there is room."""
        self.rejected += 1
        if len(self.rejects) < MOST_REJECTS:
            self.rejects.append((line, reason))


class Pools:
    """The code pools of one brand's batches; call it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.batches = Batches(brand)

    def draw(self, batch_code: str, total: int, *, progress: Callable[[int], None] | None = None) -> Batch:
        """Draw codes until the pool has had ``total`` ever; again with the same total it draws none.

        Codes are written in chunks, each in a transaction with its stock: a run
        that was cut off goes on where it stopped. Raises Invalid and Conflict.
        """
        if type(total) is not int or not 1 <= total <= MOST_CODES:
            raise Invalid(f"total: a whole number of codes, 1 to {MOST_CODES}", field="total")
        batch = self._pool(batch_code)
        while (missing := total - (batch.stock_total or 0)) > 0:
            self._add(batch.id, list(drawn_codes(min(missing, CHUNK))), within=total)
            batch = self._pool(batch_code)
            if progress is not None:
                progress(batch.stock_total or 0)
        return batch

    def import_file(
        self, batch_code: str, path: str | Path, *, column: str = COLUMN, dry_run: bool = False
    ) -> PoolOutcome:
        """Read the codes of a CSV file's column into the pool, in flat memory; the same file again adds none.

        Every line is added, already there, or rejected with its line and reason:
        empty, too short or long, other letters, twice in the file's chunk, or a
        code of another batch. Raises Invalid for a file without the column.
        """
        batch = self._pool(batch_code)
        outcome = PoolOutcome()
        with CsvFile(path) as file:
            if column not in file.header:
                known = ", ".join(file.header)
                raise Invalid(f"{file.name} has no column {column!r}; it has {known}", field="column")
            place = file.header.index(column)
            rows = file.rows()
            while chunk := list(islice(rows, CHUNK)):
                self._take_lines(batch, _codes_of(chunk, place, outcome), outcome, dry_run)
        return outcome

    def add(self, batch_code: str, codes: Sequence[str], *, dry_run: bool = False) -> PoolOutcome:
        """Add codes to the pool, as :meth:`import_file` does; a line is the place in the list, from 1."""
        batch = self._pool(batch_code)
        outcome = PoolOutcome()
        lines: list[tuple[int, list[str]]] = [(place + 1, [str(code)]) for place, code in enumerate(codes)]
        self._take_lines(batch, _codes_of(lines, 0, outcome), outcome, dry_run)
        return outcome

    def printed(self, batch_code: str) -> Iterator[str]:
        """The codes of a pool that no coupon has yet, as they are printed, in flat memory."""
        batch, after = self._pool(batch_code), 0
        while rows := execute(
            "SELECT id, code FROM coupon_threshold_code WHERE batch_id = ? AND taken = 0 AND id > ? "
            "ORDER BY id LIMIT ?",
            (batch.id, after, CHUNK),
        ).fetchall():
            yield from (shown_code(row[1]) for row in rows)
            after = rows[-1][0]

    def _take_lines(self, batch: Batch, lines: dict[str, int], outcome: PoolOutcome, dry_run: bool) -> None:
        codes = list(lines)
        if dry_run:
            known = _owners(codes)
            outcome.added += len(codes) - len(known)
        else:
            before = self._add(batch.id, codes)
            outcome.added += len(codes) - len(before)
            known = before
        for code, owner in known.items():
            if owner == batch.id:
                outcome.unchanged += 1
            else:
                outcome.reject(lines[code], "is a code of another batch or coupon")

    @transactional
    def _add(self, batch_id: int, codes: list[str], *, within: int | None = None) -> dict[str, int | None]:
        """Write new codes with their stock; returns those that were there, with the batch they belong to."""
        # The batch first: its lock makes concurrent runs of one pool wait for each other.
        total, state = execute(
            "UPDATE coupon_threshold_batch SET stock_total = stock_total WHERE id = ? RETURNING stock_total, state",
            (batch_id,),
        ).fetchone()
        if state == "closed":
            raise Conflict("the batch is closed and takes no more codes", code="closed")
        if within is not None:
            codes = codes[: max(0, within - total)]
        known = _owners(codes)
        fresh = [code for code in codes if code not in known]
        added = insert_rows(
            PoolCode, _COLUMNS, [(batch_id, code, 0) for code in fresh], on_conflict="ON CONFLICT (code) DO NOTHING"
        )
        execute(
            "UPDATE coupon_threshold_batch SET stock_total = stock_total + ?, stock_left = stock_left + ? WHERE id = ?",
            (added, added, batch_id),
        )
        if added < len(fresh):
            # Another batch's run wrote them between the two statements.
            known = _owners(codes)
            known = {code: owner for code, owner in known.items() if owner != batch_id}
        return known

    def _pool(self, batch_code: str) -> Batch:
        batch = self.batches.get(batch_code)
        if not batch.codes:
            raise Invalid(f"codes: the batch {batch_code!r} makes its codes itself; it has no pool", field="codes")
        return batch


def take_code(batch_id: int, sqlite: bool) -> str | None:
    """The next free code of a pool, taken in one statement; None when none is left.

    On PostgreSQL rows that another transaction is about to take are skipped, so
    that claims do not wait for each other.
    """
    skip = "" if sqlite else " FOR UPDATE SKIP LOCKED"
    row = execute(
        "UPDATE coupon_threshold_code SET taken = 1 WHERE id = (SELECT id FROM coupon_threshold_code "
        f"WHERE batch_id = ? AND taken = 0 ORDER BY id LIMIT 1{skip}) RETURNING code",
        (batch_id,),
    ).fetchone()
    return None if row is None else str(row[0])


def take_this_code(batch_id: int, code: str) -> str | None:
    """Take this very code of a pool: once, whoever comes first; None when it is not there or taken."""
    taken = execute(
        "UPDATE coupon_threshold_code SET taken = 1 WHERE code = ? AND batch_id = ? AND taken = 0", (code, batch_id)
    ).rowcount
    return code if taken else None


def give_code_back(code: str) -> None:
    """Make a code free again that no coupon got after all."""
    execute("UPDATE coupon_threshold_code SET taken = 0 WHERE code = ?", (code,))


def batch_of_code(code: str) -> str | None:
    """The batch that handed this code out, while nobody has entered it; else None."""
    row = execute(
        "SELECT b.code FROM coupon_threshold_code p JOIN coupon_threshold_batch b ON b.id = p.batch_id "
        "WHERE p.code = ? AND p.taken = 0 AND b.codes = ?",
        (code, HANDED_OUT),
    ).fetchone()
    return None if row is None else str(row[0])


def _codes_of(chunk: Sequence[Any], place: int, outcome: PoolOutcome) -> dict[str, int]:
    """The usable codes of some rows with their lines; the others are rejected."""
    lines: dict[str, int] = {}
    for line, code in _normalised(chunk, place, outcome):
        problem = import_problem(code)
        if problem is None and code in lines:
            problem = f"is the same as on line {lines[code]}"
        if problem is not None:
            outcome.reject(line, problem)
        else:
            lines[code] = line
    return lines


def _normalised(chunk: Sequence[Any], place: int, outcome: PoolOutcome) -> Iterator[tuple[int, str]]:
    for row in chunk:
        if isinstance(row, CsvReject):
            outcome.reject(row.line, row.reason)
        else:
            yield row[0], normalise_code(row[1][place])


def _owners(codes: Sequence[str]) -> dict[str, int | None]:
    """The batch of each code that exists; None for a code that a coupon of another batch was made with."""
    owners: dict[str, int | None] = dict(
        fetch_in("SELECT code, NULL FROM coupon_threshold_coupon WHERE code IN ({in})", codes)
    )
    owners |= dict(fetch_in("SELECT code, batch_id FROM coupon_threshold_code WHERE code IN ({in})", codes))
    return owners
