"""The limits of the framework as data: one page, shown by ``docs/limits.md``.

Each limit has a name, a value, a unit and a reason. Code reads
``LIMITS.body_bytes``; nothing else in the framework carries such a number.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields


def _limit(value: int, unit: str, why: str) -> int:
    return field(default=value, metadata={"unit": unit, "why": why})  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Limits:
    body_bytes: int = _limit(1_000_000, "bytes", "one JSON request body")
    header_ms: int = _limit(10_000, "ms", "a client may take for the head of a request")
    body_ms: int = _limit(20_000, "ms", "a client may take for the body of a request before 408")
    upload_bytes: int = _limit(20_000_000, "bytes", "one uploaded file")
    json_depth: int = _limit(64, "levels", "nesting of a JSON body")
    integer: int = _limit(2**53, "absolute value", "integers that JavaScript and JSON keep exact")
    text: int = _limit(2_000, "characters", "an ordinary text field")
    name: int = _limit(200, "characters", "a name, code, number or identity")
    batch_rows: int = _limit(1_000, "rows", "one :batch request")
    page_rows: int = _limit(200, "rows", "one page of a list")
    csv_field: int = _limit(100_000, "characters", "one cell of an imported file")
    csv_columns: int = _limit(500, "columns", "an imported file")
    csv_line: int = _limit(1_000_000, "characters", "one row of an imported file")
    import_batch: int = _limit(1_000, "rows", "one transaction of an import")
    import_rejects: int = _limit(10_000, "rows", "refused by one import and kept to be looked at")
    import_reject_days: int = _limit(30, "days", "refused rows of an import are kept")
    export_rows: int = _limit(100_000, "rows", "one file that is exported from a page, the newest")
    segment_text: int = _limit(4_000, "characters", "one segment expression")
    segment_depth: int = _limit(50, "levels", "nesting of a segment expression")
    segment_conditions: int = _limit(50, "conditions", "one segment expression; a planner's time grows with their cube")
    delivery_batch: int = _limit(500, "events", "one delivery transaction of one plugin")
    handler_ms: int = _limit(30_000, "ms", "one event handler in the worker")
    job_ms: int = _limit(900_000, "ms", "one run of a periodic job, before its worker is recycled")
    gateway_ms: int = _limit(120_000, "ms", "one round of sending through gateways, before the worker is recycled")
    send_threads: int = _limit(4, "threads per loop of a worker", "brands that send at the same time")
    partner_ms: int = _limit(15_000, "ms", "one call to a partner's installation")
    partner_attempts: int = _limit(16, "attempts", "a message to a partner, over about 30 hours, before it is dead")
    partner_window_ms: int = _limit(300_000, "ms", "a partner's signature is older or newer than now before 401")
    receipt_hours: int = _limit(72, "hours", "a sent message waits for its receipt before it is unknown")
    park_attempts: int = _limit(8, "attempts", "a parked event before it stays for a person")
    breaker_failures: int = _limit(5, "events in a row", "failures that pause a plugin for a brand")
    open_brands: int = _limit(100, "files per process", "SQLite brand files kept open, shared by its threads")
    busy_ms: int = _limit(5_000, "ms", "waiting for a locked database before 503")
    pg_connections: int = _limit(20, "connections per process", "the PostgreSQL pool")
    idempotency_days: int = _limit(7, "days", "an answer kept for its Idempotency-Key")
    password_chars: int = _limit(12, "characters", "the shortest password of a user")
    sign_ins: int = _limit(5, "tries in 15 minutes", "to sign in by one name from one address before 429")
    network_sign_ins: int = _limit(30, "tries in 15 minutes", "to sign in from one address, by any names")
    name_sign_ins: int = _limit(40, "tries in 15 minutes", "to sign in by one name, from anywhere")
    session_idle_hours: int = _limit(12, "hours", "a user's session may rest before it is over")
    session_days: int = _limit(7, "days", "a user's session lasts at most")
    code_guesses: int = _limit(60, "unknown codes a minute", "short links asked for by one address before 429")
    link_code_chars: int = _limit(12, "base32 characters", "a short link's unguessable code")
    stop_ms: int = _limit(20_000, "ms", "a stopping process may finish its work before it is killed")
    worker_memory_mb: int = _limit(1_024, "MiB", "a worker process before it is recycled")


LIMITS = Limits()


def table() -> list[tuple[str, int, str, str]]:
    """Rows of (name, value, unit, why) for the documentation."""
    return [(f.name, getattr(LIMITS, f.name), f.metadata["unit"], f.metadata["why"]) for f in fields(LIMITS)]
