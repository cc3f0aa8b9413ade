"""The capacity planner (员工容量): accounts that a peak day needs (playbook row C2), and codes that have too few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scrm_core.api import Invalid, clean_text, execute, transactional

from .codes import MAIN, Code, Codes

MOST = 10**9


@dataclass(frozen=True, slots=True)
class Plan:
    """What ``peak`` people a day need: ``accounts`` of ``per_account`` people each; ``warning`` where fewer are there.

    ``assigned`` is how many are there, None where nobody asked of a code.
    """

    peak: int
    per_account: int
    accounts: int
    assigned: int | None
    warning: str


def plan(peak: int, per_account: int, assigned: int | None = None) -> Plan:
    """The accounts that a peak day needs, rounded up: 1,000 people at 100 each need 10, one more needs 11.

    Raises Invalid for anything but whole numbers from 1 on.
    """
    for field, value in (("peak", peak), ("per_account", per_account)):
        if type(value) is not int or not 1 <= value <= MOST:
            raise Invalid(f"{field} is a whole number from 1 to {MOST}", field=field)
    accounts = -(-peak // per_account)
    warning = ""
    if assigned is not None and assigned < accounts:
        needed, there = "account" if accounts == 1 else "accounts", "is" if assigned == 1 else "are"
        warning = f"{peak} people a day need {accounts} {needed}; {assigned} {there} assigned"
    return Plan(peak, per_account, accounts, assigned, warning)


class Planner:
    """The peak days of one brand's codes."""

    def __init__(self, codes: Codes, per_account: int) -> None:
        self.codes = codes
        self.per_account = per_account

    @transactional
    def expect(self, channel: str, peak: int, *, actor: str) -> Plan:
        """Say how many people a code's peak day brings; the plan with what is assigned. Raises Invalid, NotFound."""
        code = self.codes.get(channel)
        made = plan(peak, self.per_account, self._assigned(channel))
        execute(
            "INSERT INTO live_code_peak (code_id, people, actor) VALUES (?, ?, ?) ON CONFLICT (code_id) "
            "DO UPDATE SET people = excluded.people, actor = excluded.actor",
            (code.id, peak, clean_text(actor, field="actor", max_length=100)),
        )
        self.codes.note(code.channel, "peak", actor, {"people": peak})
        return made

    def of(self, code: Code) -> Plan | None:
        """The plan of the peak day that was said of a code, or None."""
        row = execute("SELECT people FROM live_code_peak WHERE code_id = ?", (code.id,)).fetchone()
        return None if row is None else plan(row[0], self.per_account, self._assigned(code.channel))

    def _assigned(self, channel: str) -> int:
        return sum(seat.role == MAIN for seat in self.codes.seats(self.codes.get(channel)))

    def warnings(self) -> Iterator[str]:
        """Live codes with fewer main accounts than their peak day needs."""
        rows = execute(
            "SELECT c.code, p.people FROM live_code_peak p JOIN live_code_code d ON d.id = p.code_id "
            "JOIN channel c ON c.id = d.channel_id WHERE d.state = 'live' ORDER BY d.id"
        ).fetchall()
        for channel, peak in rows:
            found = plan(peak, self.per_account, self._assigned(channel))
            if found.warning:
                yield f"live code {channel!r}: {found.warning}"
