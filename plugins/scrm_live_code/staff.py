"""Staff who receive people (接待员工), and how many a day each of them takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, NotFound, clean_text, execute, page_size, safe_target, transactional

from .schemas import MOST_CAP

if TYPE_CHECKING:
    from scrm_core.api import Brand

_COLUMNS = "id, userid, name, address, daily_cap, left_at, actor"


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff; see :class:`.models.LiveCodeStaff`."""

    id: int
    userid: str
    name: str
    address: str
    daily_cap: int
    left_at: int | None
    actor: str


class StaffList:
    """The staff of one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, per_account: int) -> None:
        self.brand = brand
        self.per_account = per_account

    @transactional
    def put(
        self, userid: str, *, name: str = "", address: str = "", daily_cap: int | None = None, actor: str
    ) -> Staff:
        """Write a member of staff down, or anew; one who had left is back.

        ``address`` is what their own QR code says (an http(s) address), ``daily_cap``
        how many people a day they take (default: the setting ``per_account``).
        Raises Invalid.
        """
        userid = clean_text(userid, field="userid", max_length=64)
        if not userid:
            raise Invalid("a member of staff has a userid", field="userid")
        if daily_cap is not None and not 0 <= daily_cap <= MOST_CAP:
            raise Invalid(f"daily_cap is a whole number from 0 to {MOST_CAP}", field="daily_cap")
        values = (
            userid,
            clean_text(name, field="name", max_length=100),
            safe_target(address) if address else "",
            self.per_account if daily_cap is None else daily_cap,
            clean_text(actor, field="actor", max_length=100),
        )
        execute(
            "INSERT INTO live_code_staff (userid, name, address, daily_cap, actor) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (userid) DO UPDATE SET name = excluded.name, address = excluded.address, "
            "daily_cap = excluded.daily_cap, actor = excluded.actor, left_at = NULL",
            values,
        )
        self._note(userid, "put", actor, {"daily_cap": values[3]})
        return self.get(userid)

    @transactional
    def leave(self, userid: str, *, actor: str) -> Staff:
        """A member of staff receives nobody from now on; whom they had is sent to somebody else. Raises NotFound."""
        done = execute(
            "UPDATE live_code_staff SET left_at = ?, actor = ? WHERE userid = ? AND left_at IS NULL",
            (self.brand.now(), clean_text(actor, field="actor", max_length=100), userid),
        )
        if done.rowcount:
            self._note(userid, "leave", actor)
        return self.get(userid)

    def _note(self, userid: str, what: str, actor: str, detail: dict[str, Any] | None = None) -> None:
        self.brand.audit.note(actor, f"live_code_staff.{what}", f"live-code-staff:{userid}", detail)

    def get(self, userid: str) -> Staff:
        """A member of staff; raises NotFound."""
        row = execute(f"SELECT {_COLUMNS} FROM live_code_staff WHERE userid = ?", (userid,)).fetchone()
        if row is None:
            raise NotFound(f"no member of staff {userid!r}")
        return Staff(*row)

    def page(self, *, after: int = 0, limit: int = 50) -> list[Staff]:
        """Staff in the order in which they were written down, with ids above ``after``."""
        rows = execute(
            f"SELECT {_COLUMNS} FROM live_code_staff WHERE id > ? ORDER BY id LIMIT ?", (after, page_size(limit, 1_000))
        ).fetchall()
        return [Staff(*row) for row in rows]
