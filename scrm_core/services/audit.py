"""Audit (审计): who did what to which thing, as ids and never as personal values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..db.bulk import execute
from ..limits import LIMITS

if TYPE_CHECKING:
    from ..brands import Brand
    from ..users import Users


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act: ``at`` is its instant, ``target`` names the thing by kind and id (``contact:12``)."""

    id: int
    at: int
    actor: str
    action: str
    target: str
    detail: dict[str, Any] | None


def record(
    brand: Brand | Users, actor: str, action: str, target: str = "", detail: dict[str, Any] | None = None
) -> None:
    """Note an act in the transaction that does it. ``detail`` holds ids and counts only.

    Brands and the installation's users keep such a table each; ``brand`` says what time it is there.
    """
    text = None if detail is None else json.dumps(detail, ensure_ascii=False, separators=(",", ":"))
    execute(
        "INSERT INTO audit (at, actor, action, target, detail) VALUES (?, ?, ?, ?, ?)",
        (brand.now(), actor, action, target, text),
    )


def page(*, before: int | None = None, target: str | None = None, limit: int = LIMITS.page_rows) -> list[AuditEntry]:
    """Acts in the current brand, newest first; ``before`` is an entry's id to page on from."""
    where, params = ["1 = 1"], []
    if before is not None:
        where.append("id < ?")
        params.append(before)
    if target is not None:
        where.append("target = ?")
        params.append(target)  # type: ignore[arg-type]
    rows = execute(
        f"SELECT id, at, actor, action, target, detail FROM audit WHERE {' AND '.join(where)} "
        "ORDER BY id DESC LIMIT ?",
        [*params, limit],
    ).fetchall()
    return [AuditEntry(*row[:5], None if row[5] is None else json.loads(row[5])) for row in rows]
