"""Payouts by file: a CSV file for the finance department, and what it says became of them.

Once in a file a payout is ``sending``: neither the gateway nor another file
takes it. The same file can be written again at any time.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    CsvFile,
    CsvReject,
    Invalid,
    NotFound,
    csv_cell,
    execute,
    format_minor,
    iso,
    transactional,
)

from .budget import who
from .payouts import NO_GATEWAY, NO_OPENID, Confirmation, PayoutView

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .payouts import Payouts

MOST_IN_FILE = 5_000
COLUMNS = (
    "number", "contact", "name", "phone", "openid", "amount", "currency", "amount_minor", "since", "state", "result",
    "reference", "reason",
)  # fmt: skip
"""The columns of a file; the last three are for the answer: paid or failed, the payer's reference, or why not."""


@dataclass(frozen=True, slots=True)
class FileView:
    """A file for the finance department: how many payouts it holds, and their sum."""

    code: str
    payouts: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What confirming one row of a file did; ``error`` says why nothing."""

    number: str
    state: str
    error: str = ""


class Files:
    """One brand's payout files; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, payouts: Payouts) -> None:
        self.brand = brand
        self.payouts = payouts

    @transactional
    def export(self, *, everything: bool = False, actor: str) -> FileView:
        """Put the payouts that wait for want of a gateway or an openid into a new file; all due ones if asked.

        Raises Conflict (``nothing_due``) when there are none.
        """
        actor, code, now = who(actor), "f" + secrets.token_hex(6), self.brand.now()
        waiting = "" if everything else " AND reason IN (?, ?)"
        params = () if everything else (NO_GATEWAY, NO_OPENID)
        rows = execute(
            "SELECT id FROM red_packet_payout p WHERE state = 'due' "
            "AND EXISTS (SELECT 1 FROM red_packet_payee y WHERE y.payout_id = p.id)"
            f"{waiting} ORDER BY id LIMIT ?",
            (*params, MOST_IN_FILE),
        ).fetchall()
        for (payout_id,) in rows:
            payout = self.payouts.by_id(payout_id)
            columns: dict[str, Any] = {"via": "file", "file": code, "reason": "in_file", "sent_at": now}
            self.payouts.move(payout, "sending", of=("due",), actor=actor, **columns)
        try:
            return self.get(code)
        except NotFound:
            raise Conflict("no payout waits to be paid by file", code="nothing_due") from None

    def get(self, code: str) -> FileView:
        """The file with this code; raises NotFound."""
        count, total = execute(
            "SELECT count(*), coalesce(sum(amount_minor), 0) FROM red_packet_payout WHERE file = ?", (code,)
        ).fetchone()
        if not code or not count:
            raise NotFound(f"no payout file {code!r}")
        return FileView(code, int(count), int(total))

    def rows(self, code: str) -> Iterator[list[str]]:
        """The lines of a file, headings first; names and numbers of erased people are empty."""
        self.get(code)
        yield list(COLUMNS)
        after = 0
        while page := self.payouts.page(file=code, after=after, limit=200):
            for payout in page:
                yield self._row(payout)
            after = page[-1].id

    def _row(self, payout: PayoutView) -> list[str]:
        uid = name = phone = openid = ""
        if payout.contact_id is not None:
            contact = self.brand.contacts.get_by_id(payout.contact_id)
            uid, name = contact.uid, contact.name
            known = {each.kind: each.value for each in self.brand.contacts.identities(contact.id)}
            phone, openid = known.get("phone", ""), known.get("openid", "")
        amount = format_minor(payout.amount_minor, int(self.brand.segments.catalogue().exponent))
        return [
            *(csv_cell(payout.number), csv_cell(uid), csv_cell(name), csv_cell(phone, "phone"), csv_cell(openid)),
            *(csv_cell(amount, "number"), self.brand.currency, csv_cell(payout.amount_minor)),
            *(csv_cell(iso(payout.created_at, self.brand.zone)), payout.state, "", "", ""),
        ]

    def confirm_file(self, path: Path, *, actor: str) -> list[Answer]:
        """Confirm what a CSV file says: columns number and result, and reference or reason. Rows without a result wait.

        Each row is a transaction of its own; a row that is refused is answered with why.
        """
        answers = []
        with CsvFile(path) as file:
            if not {"number", "result"} <= set(file.header):
                raise Invalid("the file needs the columns number and result", field="file")
            for record in file.rows():
                if isinstance(record, CsvReject):
                    answers.append(Answer(f"line {record.line}", "", f"{record.column} {record.reason}".strip()))
                    continue
                cells = dict(zip(file.header, (cell.strip() for cell in record[1]), strict=True))
                if cells["result"]:
                    said = Confirmation(
                        cells["number"], cells["result"].lower(), cells.get("reference", ""), cells.get("reason", "")
                    )
                    answers.append(self._confirm(said, actor))
        return answers

    def confirm_rows(self, rows: list[dict[str, Any]], *, actor: str) -> list[Answer]:
        """Confirm rows of number, result, reference and reason, each in a transaction of its own."""
        return [self._confirm(Confirmation(**row), actor) for row in rows]

    def _confirm(self, said: Confirmation, actor: str) -> Answer:
        try:
            return Answer(said.number, self.payouts.confirm(said, actor=actor).state)
        except (Conflict, Invalid, NotFound) as exc:
            return Answer(said.number, "", exc.message)
