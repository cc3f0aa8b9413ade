"""Consent (同意): append-only records of what a person agreed to; no record means no.

Purposes are words such as ``marketing_sms``, ``marketing_wecom``, ``profiling``
or ``partner_share:moonco``; a channel narrows a purpose and may be empty. The
latest record by its own time is in force; at equal times the later one written.
Personal Information Protection Law (PIPL) articles 14 to 16: explicit,
informed, withdrawn as easily as given.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..db import current_handle, transactional
from ..db.bulk import execute
from ..errors import Conflict, Invalid
from ..limits import LIMITS
from ..values.text import clean_text
from . import audit
from .survivors import begin_writing, survivor, survivors

if TYPE_CHECKING:
    from ..brands import Brand


@dataclass(frozen=True, slots=True)
class ConsentIn:
    """A consent given (or, with ``granted`` false, withdrawn) together with a lead.

    ``text_version`` is a hash or name of the exact words that were shown;
    ``evidence`` holds proof such as an action's id.
    """

    purpose: str
    channel: str = ""
    granted: bool = True
    text_version: str = ""
    evidence: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ConsentView:
    """One record; ``at`` is when the person decided, ``recorded_at`` when the brand was told."""

    id: int
    purpose: str
    channel: str
    granted: bool
    at: int
    recorded_at: int
    source: str
    text_version: str
    actor: str
    evidence: dict[str, Any] | None


class Consents:
    """The consents of a brand's contacts; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def record(
        self,
        contact_id: int,
        purpose: str,
        channel: str = "",
        *,
        granted: bool,
        at: int | None = None,
        source: str,
        text_version: str = "",
        actor: str = "",
        evidence: dict[str, Any] | None = None,
    ) -> int:
        """Append a record; returns its id. Nothing is ever changed or removed by a later one.

        Raises Invalid without purpose or source, and NotFound for an unknown contact.
        """
        purpose = clean_text(purpose, field="purpose", max_length=LIMITS.name)
        channel = clean_text(channel, field="channel", max_length=LIMITS.name)
        source = clean_text(source, field="source", max_length=LIMITS.name)
        text_version = clean_text(text_version, field="text_version", max_length=LIMITS.name)
        if not purpose or not source:
            raise Invalid("a consent names its purpose and its source", field="purpose" if source else "source")
        if type(granted) is not bool:
            raise Invalid("granted is true or false", field="granted")
        begin_writing()
        now = self.brand.now()
        proof = None if evidence is None else json.dumps(evidence, ensure_ascii=False, separators=(",", ":"))
        (consent_id,) = execute(
            "INSERT INTO consent (contact_id, purpose, channel, granted, at, recorded_at, source, text_version, "
            "actor, evidence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (
                survivor(contact_id),
                purpose,
                channel,
                int(granted),
                now if at is None else at,
                now,
                source,
                text_version,
                actor,
                proof,
            ),
        ).fetchone()
        return int(consent_id)

    @transactional
    def decide(
        self,
        contact_id: int,
        purpose: str,
        channel: str = "",
        *,
        granted: bool,
        source: str,
        reason: str,
        actor: str,
        seen: int | None = None,
    ) -> int:
        """Record now, for the person, what they told somebody of the house; the audit log names who did it.

        ``source`` is where the person said so, ``reason`` why it is recorded by hand; it is kept as evidence and goes
        with the person. ``seen`` is the id of the newest record of this purpose and channel that whoever acts knows, 0
        for none: raises Conflict (``consent_changed``) when there is another one since. Raises Invalid without purpose,
        source or reason, and NotFound for an unknown contact.
        """
        reason = clean_text(reason, field="reason", max_length=LIMITS.name)
        if not reason:
            raise Invalid("say why it is recorded by hand", field="reason")
        purpose = clean_text(purpose, field="purpose", max_length=LIMITS.name)
        channel = clean_text(channel, field="channel", max_length=LIMITS.name)
        begin_writing()
        person = survivor(contact_id)
        if current_handle().engine != "sqlite":
            # Of two who decide at once the second one sees what the first recorded.
            execute("SELECT id FROM contact WHERE id = ? FOR NO KEY UPDATE", (person,))
        before = execute(
            "SELECT id, granted FROM consent WHERE contact_id = ? AND purpose = ? AND channel = ? "
            "ORDER BY at DESC, id DESC LIMIT 1",
            (person, purpose, channel),
        ).fetchone()
        if seen is not None and seen != (before[0] if before is not None else 0):
            raise Conflict("what the person decided was recorded otherwise meanwhile", code="consent_changed")
        made = self.record(
            person, purpose, channel, granted=granted, source=source, actor=actor, evidence={"reason": reason}
        )
        audit.record(
            self.brand, actor, "contact.consent", f"contact:{person}",
            {
                "purpose": purpose, "channel": channel, "source": source,
                "before": None if before is None else before[1] == 1, "after": granted,
            },
        )  # fmt: skip
        return made

    def state(self, contact_id: int, purpose: str, channel: str = "") -> bool:
        """Whether the person agrees now. No record, an unknown or an erased person: no."""
        standing = survivors((contact_id,), hold=False)
        if contact_id not in standing:
            return False
        row = execute(
            "SELECT granted FROM consent WHERE contact_id = ? AND purpose = ? AND channel = ? "
            "ORDER BY at DESC, id DESC LIMIT 1",
            (standing[contact_id], purpose, channel),
        ).fetchone()
        return row is not None and row[0] == 1

    def history(self, contact_id: int) -> list[ConsentView]:
        """Every record of a contact, oldest first."""
        rows = execute(
            "SELECT id, purpose, channel, granted, at, recorded_at, source, text_version, actor, evidence "
            "FROM consent WHERE contact_id = ? ORDER BY at, id",
            (contact_id,),
        ).fetchall()
        return [
            ConsentView(*row[:3], row[3] == 1, *row[4:9], None if row[9] is None else json.loads(row[9]))
            for row in rows
        ]


def latest_states(contact_id: int) -> dict[tuple[str, str], bool]:
    """What a contact last decided, per (purpose, channel)."""
    rows = execute(
        "SELECT purpose, channel, granted FROM consent WHERE contact_id = ? ORDER BY at, id", (contact_id,)
    ).fetchall()
    return {(purpose, channel): granted == 1 for purpose, channel, granted in rows}
