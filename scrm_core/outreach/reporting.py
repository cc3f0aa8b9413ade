"""Telling plugins what became of messages: ``message.status`` events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import eventlog
from ..db.bulk import fetch_in

if TYPE_CHECKING:
    from ..brands import Brand


def tell(brand: Brand, message_ids: Sequence[int]) -> None:
    """Append one event per message with the state that it has now; call it in the transaction of the change."""
    if not message_ids:
        return
    now = brand.now()
    rows = fetch_in(
        "SELECT m.id, m.uid, m.contact_id, m.state, m.code, m.reason, m.arm, r.owner, r.code, r.channel, r.kind "
        "FROM message m JOIN outreach_run r ON r.id = m.run_id WHERE m.id IN ({in}) ORDER BY m.id",
        message_ids,
    )
    eventlog.append(
        [
            eventlog.NewEvent(
                "message.status",
                contact_id,
                now,
                {
                    "message": uid,
                    "message_id": message_id,
                    "owner": owner,
                    "run": run,
                    "channel": channel,
                    "kind": kind,
                    "status": state,
                    "code": code,
                    "reason": reason,
                    "arm": arm,
                },
            )
            for message_id, uid, contact_id, state, code, reason, arm, owner, run, channel, kind in dict.fromkeys(rows)
        ],
        recorded_at=now,
    )
