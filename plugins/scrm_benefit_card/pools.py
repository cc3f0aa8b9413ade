"""Pools of cards (卡池): made once per code, filled from files row by row, each code there once in the whole brand."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    CsvFile,
    CsvReject,
    Invalid,
    NotFound,
    clean_text,
    date_reader,
    execute,
    fetch_in,
    insert_rows,
    new_uid,
    normalise_header,
    page_size,
    safe_target,
    transactional,
)

from .models import BenefitCardCard, BenefitCardPool
from .sealing import Seals, Secret

if TYPE_CHECKING:
    from scrm_core.api import Brand

log = logging.getLogger("scrm.plugin.benefit-card")
NEVER = date.max.toordinal()
"""The day on which a card without an end expires."""
MOST_MINOR = 10**12
MOST_PAGE = 200
CHUNK = 1_000
MOST_REJECTS = 1_000
COLUMNS = ("code", "pin", "expires", "face_minor", "cost_minor")
_NAMES = {
    "卡号": "code", "兑换码": "code", "激活码": "code", "card number": "code",
    "密码": "pin", "卡密": "pin", "password": "pin",
    "有效期": "expires", "有效期至": "expires", "截止日期": "expires", "到期日": "expires", "到期日期": "expires",
    "失效日期": "expires", "valid until": "expires", "expiry date": "expires",
}  # fmt: skip
_SPELLINGS = "code (卡号), pin (密码), expires (有效期), face_minor, cost_minor"
# What a spreadsheet makes of a long number: its last digits are gone.
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}")
_CODE = re.compile(r"\w[\w.-]*")
_VIEW = (
    "SELECT id, code, title, terms, link, face_minor, cost_minor, warn_below, state, actor, created_at "
    "FROM benefit_card_pool "
)


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool; ``face_minor`` and ``cost_minor`` are of cards whose row said nothing else."""

    id: int
    code: str
    title: str
    terms: str
    link: str
    face_minor: int
    cost_minor: int
    warn_below: int
    state: str
    actor: str
    created_at: int


@dataclass(slots=True)
class ImportOutcome:
    """What became of rows; ``rejects`` keeps the first thousand with line and reason, never with a code."""

    read: int = 0
    created: int = 0
    rejected: int = 0
    rejects: list[tuple[int, str]] = field(default_factory=list)

    def reject(self, line: int, reason: str) -> None:
        """Count a row that was not taken, and keep it with its reason while there is room."""
        self.rejected += 1
        if len(self.rejects) < MOST_REJECTS:
            self.rejects.append((line, reason))


@dataclass(frozen=True, slots=True)
class _New:
    secret: Secret
    expires_day: int
    face_minor: int
    cost_minor: int


class Pools:
    """One brand's pools; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any], seals: Seals) -> None:
        self.brand = brand
        self.settings = settings
        self.seals = seals
        self._instant = date_reader(("auto",), brand.zone)

    @transactional
    def create(
        self, code: str, *, title: str, cost_minor: int, face_minor: int = 0, terms: str = "", link: str = "",
        warn_below: int | None = None, actor: str,
    ) -> PoolView:  # fmt: skip
        """Make a pool, once per code; the same again answers the one there is, another one is a Conflict."""
        below = self.settings["warn_below"] if warn_below is None else warn_below
        row = (
            coded(code, "code"), needed(title, "title", 200),
            clean_text(terms, field="terms", multiline=True), safe_target(link) if link else "",
            whole(face_minor, "face_minor"), whole(cost_minor, "cost_minor"), whole(below, "warn_below"),
            "open", needed(actor, "actor", 200), self.brand.now(),
        )  # fmt: skip
        columns = (
            "code", "title", "terms", "link", "face_minor", "cost_minor", "warn_below", "state", "actor", "created_at"
        )  # fmt: skip
        insert_rows(BenefitCardPool, columns, [row], on_conflict="ON CONFLICT (code) DO NOTHING")
        pool = self.get(row[0])
        found = (pool.title, pool.terms, pool.link, pool.face_minor, pool.cost_minor)
        if found != row[1:6]:
            raise Conflict(f"the code {pool.code!r} was used for another pool", code="code_used")
        return pool

    @transactional
    def switch(self, code: str, state: str, *, actor: str) -> PoolView:
        """Close a pool (nothing of it is given any more), or open it again."""
        needed(actor, "actor", 200)
        execute("UPDATE benefit_card_pool SET state = ? WHERE id = ?", (state, self.get(code).id))
        log.info("pool %s is %s now, by %s", code, state, actor)
        return self.get(code)

    def get(self, code: str) -> PoolView:
        """The pool with this code; raises NotFound."""
        row = execute(_VIEW + "WHERE code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no pool of benefit cards {code!r}")
        return PoolView(*row)

    def page(self, *, after: int = 0, limit: int = 50) -> list[PoolView]:
        """Pools with ids above ``after``, oldest first, at most ``limit``."""
        rows = execute(_VIEW + "WHERE id > ? ORDER BY id LIMIT ?", (after, page_size(limit, MOST_PAGE))).fetchall()
        return [PoolView(*row) for row in rows]

    def givable_day(self) -> int:
        """The day until which a card must be good at least to be given today."""
        return int(self.brand.day(self.brand.now()) + self.settings["least_days"])

    def left(self, pool_id: int) -> int:
        """How many cards of a pool may be given now."""
        (count,) = execute(
            "SELECT count(*) FROM benefit_card_card WHERE pool_id = ? AND state = 'stock' AND expires_day >= ?",
            (pool_id, self.givable_day()),
        ).fetchone()
        return int(count)

    def some_left(self, pool_id: int) -> bool:
        """Whether any card of a pool may be given now; a page that thousands open at once counts nothing."""
        sql = "SELECT 1 FROM benefit_card_card WHERE pool_id = ? AND state = 'stock' AND expires_day >= ? LIMIT 1"
        return execute(sql, (pool_id, self.givable_day())).fetchone() is not None

    # Filling ------------------------------------------------------------------

    def import_file(
        self, code: str, path: str | Path, *, actor: str, ignore: Collection[str] = ()
    ) -> ImportOutcome:
        """Read the cards of a CSV file into a pool, in flat memory, a thousand rows a transaction.

        A row is taken, or refused with its line and reason: a code that is there
        already (in whatever pool), one that stands in the file twice, a day that is
        over. The same file again adds nothing. Raises Invalid for a file without a
        column ``code``, and for one with a column that is neither known nor named in
        ``ignore``: a last day under a strange name would make cards that last for ever.
        """
        pool, outcome, seen = self._open(code), ImportOutcome(), dict[str, int]()
        left_out = {normalise_header(name) for name in ignore}
        with CsvFile(path) as file:
            header = [_NAMES.get(name, name) for name in file.header]
            twice = next((name for name in COLUMNS if header.count(name) > 1), None)
            if twice is not None or "code" not in header:
                why = "has no column code" if twice is None else f"has two columns that mean {twice}"
                raise Invalid(f"{file.name} {why}; columns are {_SPELLINGS}", field="file")
            strange = [name for name in file.header if _NAMES.get(name, name) not in COLUMNS and name not in left_out]
            if strange:
                named = ", ".join(repr(name[:40]) for name in strange[:10])
                raise Invalid(
                    f"{file.name} has columns that are not known: {named}; nothing was taken. Rename them, or name "
                    f"those to leave out (--ignore); columns are {_SPELLINGS}",
                    field="file",
                )
            rows = file.rows()
            while chunk := list(islice(rows, CHUNK)):
                given = [
                    (each.line, each.reason)
                    if isinstance(each, CsvReject)
                    else (each[0], {name: cell for name, cell in zip(header, each[1], strict=True) if name in COLUMNS})
                    for each in chunk
                ]
                self._take(pool, given, outcome, seen, actor)
        return outcome

    def add(self, code: str, rows: Sequence[dict[str, Any]], *, actor: str) -> ImportOutcome:
        """Add rows as :meth:`import_file` does; a line is the place in the list, from 1."""
        pool, outcome = self._open(code), ImportOutcome()
        self._take(pool, list(enumerate(rows, 1)), outcome, {}, actor)
        return outcome

    def _open(self, code: str) -> PoolView:
        pool = self.get(code)
        if pool.state != "open":
            raise Conflict(f"pool {code!r} is closed", code="closed")
        return pool

    def _take(
        self, pool: PoolView, rows: Iterable[tuple[int, Any]], outcome: ImportOutcome, seen: dict[str, int], actor: str
    ) -> None:
        actor, fresh = needed(actor, "actor", 200), dict[str, tuple[int, _New, tuple[str, ...]]]()
        for line, row in rows:
            outcome.read += 1
            try:
                card = self._read(pool, row)
            except Invalid as exc:
                outcome.reject(line, exc.message)
                continue
            marks = self.seals.marks(card.secret.code)
            if marks[0] in seen:
                outcome.reject(line, f"has the code of line {seen[marks[0]]}")
                continue
            seen[marks[0]] = line
            fresh[marks[0]] = (line, card, marks)
        if fresh:
            self._write(pool, fresh, outcome, actor)
        outcome.rejects.sort()

    @transactional
    def _write(
        self, pool: PoolView, fresh: dict[str, tuple[int, _New, tuple[str, ...]]], outcome: ImportOutcome, actor: str
    ) -> None:
        known = self._known([mark for _, _, marks in fresh.values() for mark in marks])
        now, rows = self.brand.now(), []
        # In the order of the marks: two imports of the same codes wait for each other, and not in a circle.
        for mark in sorted(fresh):
            line, card, marks = fresh[mark]
            if any(each in known for each in marks):
                continue
            end = (card.expires_day, card.face_minor, card.cost_minor, "stock", actor, now)
            rows.append((new_uid(now), pool.id, mark, self.seals.seal(card.secret), self.seals.names[0], *end))
        columns = (
            "uid", "pool_id", "mark", "sealed", "seal", "expires_day", "face_minor", "cost_minor", "state", "actor",
            "created_at",
        )  # fmt: skip
        outcome.created += insert_rows(BenefitCardCard, columns, rows, on_conflict="ON CONFLICT (mark) DO NOTHING")
        uids = [row[0] for row in rows]
        made = {mark for (mark,) in fetch_in("SELECT mark FROM benefit_card_card WHERE uid IN ({in})", uids)}
        if len(made) < len(rows):  # another import wrote some of them meanwhile
            known |= self._known(list(fresh.keys() - made))
        for mark, (line, _, marks) in fresh.items():
            if mark not in made:
                where = next((known[each] for each in marks if each in known), pool.code)
                outcome.reject(line, f"its code is in pool {where} already")

    def _known(self, marks: list[str]) -> dict[str, str]:
        sql = (
            "SELECT c.mark, k.code FROM benefit_card_card c JOIN benefit_card_pool k ON k.id = c.pool_id "
            "WHERE c.mark IN ({in})"
        )
        return dict(fetch_in(sql, marks))

    def _read(self, pool: PoolView, row: Any) -> _New:
        """A row as a card; raises Invalid whose message holds nothing of the row."""
        if not isinstance(row, dict):
            raise Invalid(str(row))
        if strange := sorted(row.keys() - set(COLUMNS)):
            raise Invalid(f"has the unknown member {strange[0][:40]!r}; members are {', '.join(COLUMNS)}")
        code, pin = (self._text(row.get(name), name) for name in ("code", "pin"))
        if not code:
            raise Invalid("has no code")
        try:
            end = self._instant(self._text(row.get("expires"), "expires"))
        except Invalid:
            raise Invalid("expires: is not a day such as 2026-12-31") from None
        day = NEVER if end is None else self.brand.day(end)
        if day < self.brand.day(self.brand.now()):
            raise Invalid(f"expired on {date.fromordinal(day)}")
        amounts = [self._minor(row.get(name), name, getattr(pool, name)) for name in ("face_minor", "cost_minor")]
        return _New(Secret(code, pin), day, *amounts)

    def _text(self, value: Any, name: str) -> str:
        try:
            text = clean_text("" if value is None else value, field=name, max_length=200).lstrip("'")
        except Invalid as exc:
            raise Invalid(f"{name}: {exc.message}") from None
        if name != "expires" and _ROUNDED.fullmatch(text):
            raise Invalid(f"{name}: a spreadsheet has rounded it; save the column as text")
        return text

    def _minor(self, value: Any, name: str, default: int) -> int:
        if value is None or value == "":
            return default
        text = str(value).strip() if type(value) in (int, str) else ""
        if not text.isascii() or not text.isdigit() or len(text) > 16 or int(text) > MOST_MINOR:
            raise Invalid(f"{name}: is a whole number of minor units")
        return int(text)

    # Keys ---------------------------------------------------------------------

    def reseal(self) -> int:
        """Seal anew under the first of ``seal_keys`` what lies under an older one; returns how many cards."""
        done = 0
        while count := self._reseal_some():
            done += count
        return done

    @transactional
    def _reseal_some(self) -> int:
        rows = execute(
            "SELECT id, sealed, seal FROM benefit_card_card WHERE seal <> ? ORDER BY id LIMIT ?",
            (self.seals.names[0], CHUNK),
        ).fetchall()
        for card_id, sealed, name in rows:
            secret = self.seals.open(sealed, name)
            execute(
                "UPDATE benefit_card_card SET sealed = ?, seal = ?, mark = ? WHERE id = ? AND seal = ?",
                (self.seals.seal(secret), self.seals.names[0], self.seals.marks(secret.code)[0], card_id, name),
            )
        return len(rows)


def needed(value: object, name: str, most: int) -> str:
    """The cleaned text; raises Invalid for an empty one."""
    text = clean_text(value, field=name, max_length=most)
    if not text:
        raise Invalid("say who does it" if name == "actor" else f"give a {name}", field=name)
    return text


def coded(value: object, name: str) -> str:
    """The text as a code, which addresses and rewards name; raises Invalid for what is none."""
    text = needed(value, name, 60)
    if not _CODE.fullmatch(text):
        raise Invalid(f"{name} has letters, digits, dots and dashes", field=name)
    return text


def whole(value: object, name: str) -> int:
    """The number; raises Invalid for anything but an integer from 0 on."""
    if type(value) is not int or not 0 <= value <= MOST_MINOR:
        raise Invalid(f"{name} is a whole number from 0 to {MOST_MINOR}", field=name)
    return value
