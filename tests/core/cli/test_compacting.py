"""``scrm compact``: what it would do, what it does, and that the other brand keeps everything."""

from __future__ import annotations

from scrm_core.cli.codes import MISSING
from scrm_core.db.bulk import execute
from scrm_core.eventlog import NewEvent, append


def test_old_events_are_counted_then_removed_in_one_brand(cli, brand, other, clock):
    for each in (brand, other):
        with each:
            append([NewEvent("partner.note", None, clock.now(), {})] * 3, recorded_at=clock.now())
    clock.advance(days=181)
    told = {"events": 2, "visits": 0, "messages": 0, "held_by": ""}
    assert cli.json("compact", "acme", "--dry-run") == {"dry_run": True, **told}
    assert cli.json("compact", "acme") == {"dry_run": False, **told}
    assert "events: 0 went" in cli("compact", "acme").stdout
    for each, left in ((brand, 1), (other, 3)):
        with each:
            assert execute("SELECT count(*) FROM event").fetchone() == (left,)
    assert cli.json("events", "acme", "removed") == [{"day": "2026-01-01", "type": "partner.note", "events": 2}]
    assert "2026-01-01  partner.note" in cli("events", "acme", "removed").stdout
    assert cli.json("events", "moonco", "removed") == []
    cli("compact", "nobody", code=MISSING)
