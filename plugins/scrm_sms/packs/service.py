"""Number packs (号码包): a file or rows become a list in which every person stands once.

An import commits batch by batch and is resumed by the same call; the same file
under the same code is the same pack. A sealed pack never changes again, except
that an erased person's number leaves it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from scrm_core.api import Brand, Conflict, CsvFile, Invalid, execute, transactional

from .numbers import NumberRules
from .reasons import REASONS
from .rows import Batch, RowReader, find_columns
from .schemas import MOST_ROWS
from .sealing import Sealer
from .store import PackView, add_batch, hold, read_pack, read_packs
from .trial import Trial

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}\Z")
BATCH = 5_000
"""Rows of a file in one transaction."""

SEAL_AT_ONCE = 100_000
"""Numbers that one request may seal: a request is one transaction, and others wait for it."""

Progress = Callable[[int, int, int], None]
"""Told after each batch: rows so far, bytes read so far, bytes of the file."""


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """A row that is not in its pack: ``number`` is masked, ``winner`` the line that stands for the person."""

    line: int
    number: str
    reason: str
    text: str
    winner: int | None


@dataclass(frozen=True, slots=True)
class PackRow:
    """A number of a sealed pack with what its row said; ``ordered_at`` is an instant."""

    id: int
    address: str
    contact_id: int | None
    name: str
    ordered_at: int | None
    order_number: str
    line: int


Address = tuple[int, str, int | None]
"""A number of a pack: its id there, E.164, the contact's id or None."""

# Named here, because the class has a method called list.
_PackPage = list[PackView]
_DroppedPage = list[DroppedRow]
_AddressPage = list[Address]
_NumberPage = list[PackRow]


class Packs:
    """The number packs of one brand, with settings of :class:`.schemas.PackSettings`; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any]) -> None:
        self.brand, self.settings = brand, settings

    # Making ------------------------------------------------------------------

    def import_file(
        self,
        path: str | Path,
        *,
        code: str,
        actor: str,
        columns: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> PackView:
        """Read a CSV file into the pack ``code`` and seal it; after a crash the same call goes on where it stopped.

        ``columns`` names the file's headings by field (``rows.FIELDS``); usual
        ones are found. A pack sealed from this very file is returned as it is.
        Raises Invalid for a file without numbers' column, Conflict when the
        code belongs to another file or another process works on the pack.
        """
        wanted = dict(columns or {})
        with CsvFile(path) as file:
            places = find_columns(file.header, wanted)
            pack = self._begin(code, "importing", actor, file=file.name, digest=file.digest, columns=wanted)
            if pack.state == "importing":
                pack = self._read(pack, file, places, progress)
        return self._seal(pack, actor)

    def open(self, code: str, *, actor: str, foreign_allowed: bool | None = None) -> PackView:
        """Make a pack that takes rows by :meth:`add_rows`; the same call again returns it.

        ``foreign_allowed`` replaces the setting ``foreign_numbers``. Raises
        Conflict when the code belongs to the pack of a file.
        """
        return self._begin(code, "open", actor, foreign_allowed=foreign_allowed)

    @transactional
    def add_rows(self, code: str, rows: Sequence[Mapping[str, str]]) -> PackView:
        """Add rows with the members ``rows.FIELDS`` to an open pack, which counts them as its next lines.

        Raises Conflict for a pack that is not open.
        """
        if len(rows) > MOST_ROWS:
            raise Invalid(f"{len(rows)} rows; at most {MOST_ROWS} are taken at once", field="rows")
        pack = hold(read_pack(code), "open")
        add_batch(self.brand, pack, self._reader(pack.foreign_allowed).mappings(rows, pack.rows + 1))
        return read_pack(code)

    def seal(self, code: str, *, actor: str, at_once: bool = False) -> PackView:
        """Seal a pack: match its numbers with contacts and leave one number per person. Twice is harmless.

        ``at_once`` is for callers inside one transaction, which large packs
        must not hold. Raises Conflict for a file whose import has not ended.
        """
        pack = read_pack(code)
        if pack.state == "importing":
            raise Conflict(f"the import of pack {code!r} has not ended; run it again", code="pack_state")
        if at_once and pack.accepted > SEAL_AT_ONCE:
            raise Conflict(
                f"pack {code!r} has more than {SEAL_AT_ONCE} numbers; seal it with: scrm sms pack seal",
                code="pack_large",
            )
        return self._seal(pack, actor)

    def dry_run(self, path: str | Path, *, columns: Mapping[str, str] | None = None) -> PackView:
        """What :meth:`import_file` would make of a file now, with nothing written; ``state`` is ``dry run``."""
        with CsvFile(path) as file, Trial(self.brand) as trial:
            places = find_columns(file.header, columns or {})
            reader, records = self._reader(None), file.rows()
            while some := list(islice(records, BATCH)):
                trial.take(reader.records(some, places))
            accepted, matched, dropped = trial.result()
            rules = NumberRules.of(self.brand.config.phone_region, self.settings)
            return PackView(
                id=0,
                code="",
                state="dry run",
                file=file.name,
                digest=file.digest,
                columns=dict(columns or {}),
                foreign_allowed=rules.foreign_allowed,
                rows=trial.rows,
                accepted=accepted,
                dropped=dropped,
                undated=trial.undated,
                matched=matched,
                content="",
                created_at=self.brand.now(),
                created_by="",
                sealed_at=None,
                sealed_by="",
            )

    # Reading -----------------------------------------------------------------

    def get(self, code: str) -> PackView:
        """The pack with a code; raises NotFound."""
        return read_pack(code)

    def list(self, *, after: int | None = None, limit: int = 200) -> _PackPage:
        """Packs, newest first; ``after`` is the id of the last pack of the page before."""
        return read_packs(after, limit)

    def dropped(self, code: str, after: int = 0, limit: int = 200) -> _DroppedPage:
        """Dropped rows of a pack behind the line ``after``, in the order of the lines."""
        rows = execute(
            "SELECT d.line, d.shown, d.reason, n.line FROM sms_dropped d LEFT JOIN sms_number n ON n.id = d.number_id "
            "WHERE d.pack_id = ? AND d.line > ? ORDER BY d.line LIMIT ?",
            (read_pack(code).id, after, limit),
        ).fetchall()
        return [
            DroppedRow(line, number, reason, _told(reason, winner), winner) for line, number, reason, winner in rows
        ]

    def addresses(self, code: str, after: int = 0, limit: int = 1_000) -> _AddressPage:
        """Numbers of a sealed pack behind the id ``after``; raises Conflict for one that is not sealed."""
        rows = execute(
            "SELECT id, address, contact_id FROM sms_number WHERE pack_id = ? AND id > ? ORDER BY id LIMIT ?",
            (self._sealed(code).id, after, limit),
        ).fetchall()
        return [tuple(row) for row in rows]

    def numbers(self, code: str, after: int = 0, limit: int = 1_000) -> _NumberPage:
        """Like :meth:`addresses`, with name, order time and order number of each."""
        rows = execute(
            "SELECT id, address, contact_id, name, ordered_at, order_number, line FROM sms_number "
            "WHERE pack_id = ? AND id > ? ORDER BY id LIMIT ?",
            (self._sealed(code).id, after, limit),
        ).fetchall()
        return [PackRow(*row) for row in rows]

    # Inside ------------------------------------------------------------------

    def _sealed(self, code: str) -> PackView:
        pack = read_pack(code)
        if pack.state != "sealed":
            raise Conflict(f"pack {code!r} is {pack.state}, not sealed; seal it first", code="pack_state")
        return pack

    @transactional
    def _begin(
        self,
        code: str,
        state: str,
        actor: str,
        *,
        file: str = "",
        digest: str = "",
        columns: Mapping[str, str] | None = None,
        foreign_allowed: bool | None = None,
    ) -> PackView:
        if not CODE.match(code):
            raise Invalid("a pack's code is 1 to 40 letters, digits, '-' or '_'", field="code")
        rules = NumberRules.of(self.brand.config.phone_region, self.settings, foreign_allowed=foreign_allowed)
        headings = json.dumps(dict(columns or {}), ensure_ascii=False, sort_keys=True)
        execute(
            "INSERT INTO sms_pack (code, state, file, digest, columns, foreign_allowed, rows, accepted, dropped, "
            "undated, matched, content, created_at, created_by, sealed_by) "
            "VALUES (?, ?, ?, ?, ?, ?, 0, 0, '{}', 0, 0, '', ?, ?, '') ON CONFLICT (code) DO NOTHING",
            (code, state, file, digest, headings, int(rules.foreign_allowed), self.brand.now(), actor),
        )
        pack = read_pack(code)
        if (pack.digest, pack.columns) != (digest, dict(columns or {})):
            other = "rows given one by one" if not pack.digest else "another file or other columns"
            raise Conflict(f"pack {code!r} exists and holds {other}; choose another code", code="pack_exists")
        if foreign_allowed is not None and pack.foreign_allowed != foreign_allowed:
            raise Conflict(f"pack {code!r} exists with another rule on foreign numbers", code="pack_exists")
        return pack

    def _reader(self, foreign_allowed: bool | None) -> RowReader:
        region = self.brand.config.phone_region
        return RowReader(NumberRules.of(region, self.settings, foreign_allowed=foreign_allowed), self.brand.zone)

    def _read(
        self, pack: PackView, file: CsvFile, places: Mapping[str, int], progress: Progress | None
    ) -> PackView:
        reader = self._reader(pack.foreign_allowed)
        records = islice(file.rows(), pack.rows, None)
        while some := list(islice(records, BATCH)):
            pack = self._commit(pack, reader.records(some, places))
            if progress is not None:
                progress(pack.rows, file.consumed, file.size)
        return self._sealing(pack)

    @transactional
    def _commit(self, pack: PackView, batch: Batch) -> PackView:
        held = hold(pack, "importing")
        if held.rows != pack.rows:
            raise Conflict(f"another process imports pack {pack.code!r} at the moment", code="pack_busy")
        add_batch(self.brand, held, batch)
        return read_pack(pack.code)

    @transactional
    def _sealing(self, pack: PackView) -> PackView:
        execute(
            "UPDATE sms_pack SET state = 'sealing' WHERE id = ? AND rows = ? AND state IN ('importing', 'open')",
            (pack.id, pack.rows),
        )
        return read_pack(pack.code)

    def _seal(self, pack: PackView, actor: str) -> PackView:
        if pack.state == "open":
            pack = self._sealing(pack)
        if pack.state == "sealed":
            return pack
        if pack.state != "sealing":
            raise Conflict(f"rows are being added to pack {pack.code!r}; seal it again", code="pack_busy")
        return Sealer(self.brand, pack).run(actor)


def _told(reason: str, winner: int | None) -> str:
    text = REASONS.get(reason, reason)
    return text if winner is None else f"{text}: line {winner} stays"
