"""Both ways of adding (C7): we ask by number (主动加友), or they tap a link (被动加友).

Asking by number is a weak prompt with a low pass rate, and while one is on the
phone it cannot be done at all; a link in an SMS fills in. Staff ask outside
this system, so what they did is recorded here: once per plan and number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import (
    Conflict,
    Invalid,
    NotFound,
    ScrmError,
    clean_text,
    execute,
    normalise_phone,
    transactional,
)

from ..plans.store import PlanRow, clean_actor, note, plan_row

if TYPE_CHECKING:
    from scrm_core.api import Brand

ANSWERS = ("accepted", "declined")
_STAFF_CHARS = 100


@dataclass(frozen=True, slots=True)
class RequestIn:
    """A request of ours, as it comes in. ``result`` is empty while nobody answered.

    ``at`` is when we asked and ``decided_at`` when they answered (instants).
    """

    phone: str
    at: int
    staff: str = ""
    result: str = ""
    decided_at: int | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording did: new requests, requests with a new answer, the same again, refused (index, reason)."""

    created: int
    answered: int
    unchanged: int
    rejected: list[tuple[int, str]]


class Requests:
    """The friend requests of one brand's plans."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def record(self, plan_code: str, rows: Iterable[RequestIn], *, actor: str) -> Recorded:
        """Record requests and answers of a plan; the same again changes nothing.

        A number is known by a keyed hash. An answer is final: another one later
        is refused. Rows that cannot be taken are answered, the others recorded.
        """
        actor = clean_actor(actor)
        plan = plan_row(plan_code)
        counts = {"created": 0, "answered": 0, "unchanged": 0}
        rejected: list[tuple[int, str]] = []
        for index, row in enumerate(rows):
            try:
                counts[self._record(plan, row)] += 1
            except ScrmError as error:
                rejected.append((index, error.message))
        if counts["created"] or counts["answered"]:
            note(plan, actor, "friend requests", {**counts, "rejected": len(rejected)}, self.brand.now())
        return Recorded(**counts, rejected=rejected)

    def _record(self, plan: PlanRow, row: RequestIn) -> str:
        address = normalise_phone(row.phone, region=self.brand.config.phone_region)
        staff = clean_text(row.staff, field="staff", max_length=_STAFF_CHARS)
        self._check(row)
        number = self.brand.contacts.suppressions.digest("sms friend request", address)
        owner = execute("SELECT contact_id FROM identity WHERE kind = 'phone' AND value = ?", (address,)).fetchone()
        created = execute(
            "INSERT INTO sms_request (plan_id, number, contact_id, staff, result, at, decided_at) "
            "VALUES (?, ?, ?, ?, '', ?, NULL) ON CONFLICT (plan_id, number) DO NOTHING",
            (plan.id, number, None if owner is None else owner[0], staff, row.at),
        ).rowcount
        answered = row.result and self._answer(plan, number, row)
        return "created" if created else "answered" if answered else "unchanged"

    def _check(self, row: RequestIn) -> None:
        if row.result and row.result not in ANSWERS:
            raise Invalid(f"result: {row.result!r:.40} is neither {' nor '.join(ANSWERS)} nor empty", field="result")
        latest = self.brand.now()
        if row.at > latest or (row.decided_at is not None and not row.at <= row.decided_at <= latest):
            raise Invalid("a request lies in the past, and its answer not before it", field="at")

    def _answer(self, plan: PlanRow, number: str, row: RequestIn) -> bool:
        decided_at = row.decided_at if row.decided_at is not None else max(row.at, self.brand.now())
        if execute(
            "UPDATE sms_request SET result = ?, decided_at = ? WHERE plan_id = ? AND number = ? AND result = ''",
            (row.result, decided_at, plan.id, number),
        ).rowcount:
            return True
        stored = execute(
            "SELECT result FROM sms_request WHERE plan_id = ? AND number = ?", (plan.id, number)
        ).fetchone()
        if stored is None:
            raise NotFound("there is no such request")
        if stored[0] != row.result:
            raise Conflict(f"this person has {stored[0]} already", code="request_answered")
        return False
