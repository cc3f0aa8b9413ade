"""Who receives whom: the member of staff on duty with room left, else a backup, and always the same for one customer.

The limit of a day is one conditional UPDATE of the day's row, so that no number
of processes sends a member of staff more people than their cap.

A browser without cookies is a new visitor each time. So that one person cannot take
every place of a day, browsers of one network at which nobody is signed in have a
share of it (``per_network``), over all codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import Conflict, execute, fetch_in, from_instant, transactional

from .codes import BACKUP, MAIN, Code
from .rota import on_duty

if TYPE_CHECKING:
    from scrm_core.api import Brand

NOBODY, FULL = "nobody is on duty", "nobody on duty has room today"
_PERSONA = "persona_id = (SELECT persona_id FROM live_code_staff WHERE id = ?)"
"""Who the member of staff is to people (人设) at this moment, whoever they are later."""


@dataclass(frozen=True, slots=True)
class Host:
    """The member of staff that somebody was sent to; ``address`` is what their QR code says."""

    staff_id: int
    userid: str
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    host: Host
    role: str
    hours: str
    left: int
    taken: int


class Desk:
    """Sends the people of one brand to its staff; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, per_network: int) -> None:
        self.brand = brand
        self.per_network = per_network

    def host_of(self, code: Code, visitor: str, contact_id: int | None = None) -> Host | None:
        """Who added this person through this code, or was shown to them by it, and still sits there; or None."""
        return self._known(code, visitor, contact_id, here=True)

    @transactional
    def take(self, code: Code, visitor: str, contact_id: int | None = None, *, network: str = "") -> Host:
        """Send somebody to a member of staff: whoever has them already, else one on duty who has room today.

        ``visitor`` stands for the browser, ``network`` for where it is (empty: not known, and
        bounded by nothing). Raises Conflict: ``not_open`` while the code receives nobody,
        ``network_busy`` for a browser that nobody is signed in at, of a network that took its share
        of today, ``all_busy`` when neither staff nor backups have room; no place is taken then.
        """
        now = self.brand.now()
        if not code.is_open(now):
            raise Conflict("this code receives nobody now", code="not_open")
        day = self.brand.day(now)
        # The row is locked by this statement: two taps of one person are answered one after the other.
        (place,) = execute(
            "INSERT INTO live_code_place (code_id, visitor, contact_id, role, at, day) VALUES (?, ?, ?, '', ?, ?) "
            "ON CONFLICT (code_id, visitor) DO UPDATE SET contact_id = coalesce(excluded.contact_id, "
            "live_code_place.contact_id) RETURNING id",
            (code.id, visitor, contact_id, now, day),
        ).fetchone()
        known = self.host_of(code, visitor, contact_id)
        if known is not None:
            execute(
                f"UPDATE live_code_place SET staff_id = ?, {_PERSONA} WHERE id = ?",
                (known.staff_id, known.staff_id, place),
            )
            return known
        if network and contact_id is None:
            self._share(network, day)
        for each in self._candidates(code, visitor, contact_id, day, now):
            if self._has_room(each.host.staff_id, day):
                execute(
                    f"UPDATE live_code_place SET staff_id = ?, role = ?, at = ?, day = ?, {_PERSONA} WHERE id = ?",
                    (each.host.staff_id, each.role, now, day, each.host.staff_id, place),
                )
                return each.host
        raise Conflict("everybody who receives people is busy; try again later", code="all_busy")

    def _share(self, network: str, day: int) -> None:
        """Take one of a network's places of a day; given back where the transaction ends without a member of staff."""
        execute(
            "INSERT INTO live_code_network (network, day, taken) VALUES (?, ?, 0) "
            "ON CONFLICT (network, day) DO NOTHING",
            (network, day),
        )
        done = execute(
            "UPDATE live_code_network SET taken = taken + 1 WHERE network = ? AND day = ? AND taken < ?",
            (network, day, self.per_network),
        )
        if not done.rowcount:
            raise Conflict("too many browsers of this network were sent to staff today", code="network_busy")

    @transactional
    def forget_networks(self) -> None:
        """Forget which networks people came from before yesterday."""
        execute("DELETE FROM live_code_network WHERE day < ?", (self.brand.day(self.brand.now()) - 1,))

    def on_duty(self, code: Code, at: int | None = None) -> list[str]:
        """Who of a code is on duty and has room that day: main staff, else backups, those who took fewest first.

        ``at`` is an instant, now when None: of a day to come nobody has taken anything.
        """
        at = self.brand.now() if at is None else at
        found = self._candidates(code, "", None, self.brand.day(at), at)
        main = [each.host.userid for each in found if each.role == MAIN]
        return main or [each.host.userid for each in found]

    def nobody(self, code: Code, at: int | None = None) -> str:
        """Why nobody of a code may receive people at an instant (now when None); empty where somebody may."""
        at = self.brand.now() if at is None else at
        if self.on_duty(code, at):
            return ""
        local = from_instant(at, self.brand.zone)
        rows = execute(
            "SELECT e.hours FROM live_code_seat e JOIN live_code_staff s ON s.id = e.staff_id "
            "WHERE e.code_id = ? AND s.left_at IS NULL",
            (code.id,),
        ).fetchall()
        return FULL if any(on_duty(hours, local) for (hours,) in rows) else NOBODY

    def taken_today(self, userids: Sequence[str]) -> dict[str, int]:
        """How many people these members of staff took today, by all codes; without those who took nobody."""
        return dict(
            fetch_in(
                "SELECT s.userid, l.taken FROM live_code_load l JOIN live_code_staff s ON s.id = l.staff_id "
                "WHERE l.day = ? AND s.userid IN ({in})",
                userids,
                (self.brand.day(self.brand.now()),),
            )
        )

    def count(self, staff_id: int, day: int) -> None:
        """Count somebody who added a member of staff elsewhere: it has happened, so no cap refuses it."""
        execute(
            "INSERT INTO live_code_load (staff_id, day, taken) VALUES (?, ?, 1) "
            "ON CONFLICT (staff_id, day) DO UPDATE SET taken = live_code_load.taken + 1",
            (staff_id, day),
        )

    def uncount(self, staff_id: int, day: int) -> None:
        """Take back what :meth:`count` counted."""
        execute(
            "UPDATE live_code_load SET taken = taken - 1 WHERE staff_id = ? AND day = ? AND taken > 0", (staff_id, day)
        )

    def _candidates(
        self, code: Code, visitor: str, contact_id: int | None, day: int, now: int
    ) -> list[_Candidate]:
        """Who may receive somebody, best first: who has them by another code, main staff, backups; who took fewest."""
        rows = execute(
            "SELECT s.id, s.userid, s.name, s.address, e.role, e.hours, s.daily_cap, coalesce(l.taken, 0) "
            "FROM live_code_seat e JOIN live_code_staff s ON s.id = e.staff_id "
            "LEFT JOIN live_code_load l ON l.staff_id = s.id AND l.day = ? "
            "WHERE e.code_id = ? AND s.left_at IS NULL ORDER BY e.id",
            (day, code.id),
        ).fetchall()
        local = from_instant(now, self.brand.zone)
        found = [_Candidate(Host(*row[:4]), row[4], row[5], row[6] - row[7], row[7]) for row in rows]
        found = [each for each in found if each.left > 0 and on_duty(each.hours, local)]
        elsewhere = self._known(code, visitor, contact_id, here=False)
        known = elsewhere.staff_id if elsewhere is not None else None
        ranks = {MAIN: 1, BACKUP: 2}
        return sorted(found, key=lambda each: (0 if each.host.staff_id == known else ranks[each.role], each.taken))

    @staticmethod
    def _known(code: Code, visitor: str, contact_id: int | None, *, here: bool) -> Host | None:
        """Who has this person, by this code or by any, and sits at this one.

        Who added them, while that stands, has them before whoever a page only sent them to; the newest first.
        """
        by_this_code = "AND p.code_id = e.code_id " if here else ""
        row = execute(
            "SELECT s.id, s.userid, s.name, s.address FROM ("
            "SELECT code_id, staff_id, at, id, 0 AS added FROM live_code_place WHERE visitor = ? OR contact_id = ? "
            "UNION ALL SELECT code_id, staff_id, at, id, 1 AS added FROM live_code_add "
            "WHERE contact_id = ? AND ended_at IS NULL AND handed_at IS NULL) p "
            "JOIN live_code_staff s ON s.id = p.staff_id JOIN live_code_seat e ON e.staff_id = s.id AND e.code_id = ? "
            f"WHERE s.left_at IS NULL {by_this_code}ORDER BY p.added DESC, p.at DESC, p.id DESC LIMIT 1",
            (visitor, contact_id, contact_id, code.id),
        ).fetchone()
        return Host(*row) if row is not None else None

    @staticmethod
    def _has_room(staff_id: int, day: int) -> bool:
        """Take one of a member's places of a day; False when there is none left."""
        execute(
            "INSERT INTO live_code_load (staff_id, day, taken) VALUES (?, ?, 0) ON CONFLICT (staff_id, day) DO NOTHING",
            (staff_id, day),
        )
        return bool(
            execute(
                "UPDATE live_code_load SET taken = taken + 1 WHERE staff_id = ? AND day = ? "
                "AND taken < (SELECT daily_cap FROM live_code_staff WHERE id = live_code_load.staff_id)",
                (staff_id, day),
            ).rowcount
        )
