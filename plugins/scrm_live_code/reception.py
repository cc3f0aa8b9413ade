"""Reception (承接): how fast who was added is approved, written to and tagged, and who is still there a month later.

Each instant of an add is the first of its kind at or after the add, whatever the
order in which it is told: telling something twice, late or in another order
ends in the same row. What a person did is told by events of the core and of
plugins (:meth:`Reception.take`), or by hand (:meth:`Reception.tell`).

A reply is the first message that staff wrote to the person by themselves, as a plugin
tells it (the event ``wrote``) or somebody does by hand: what goes to many at once
answers nobody, nor do notices, the welcome being one. A tag is one that somebody set or that
came from WeCom: those of the channel come with the add and say nothing of the staff.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Invalid,
    MessageReceived,
    NotFound,
    OrderPaid,
    PluginEvent,
    TagAdded,
    execute,
    page_size,
    transactional,
)

from .adds import take_transfer
from .schemas import STEPS

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .desk import Desk

Told = MessageReceived | TagAdded | OrderPaid | PluginEvent
DAY_MS = 86_400_000
ALERT_DAYS = 30
"""Who waits for longer than this many days stands in the report, and no more in the list of those to look after."""

LIMITED = {
    "approve": ("approved_at", "at"),
    "reply": ("replied_at", "approved_at"),
    "tag": ("tagged_at", "approved_at"),
}
"""Step with a limit -> the instant that ends it, and the one that begins it."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """Somebody who waits too long: since ``since``, for ``step``, with ``seconds`` waited so far."""

    channel: str
    staff: str
    contact: str
    step: str
    since: int
    seconds: int


class Reception:
    """The reception of one brand's adds; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, desk: Desk, settings: Mapping[str, Any]) -> None:
        self.brand = brand
        self.desk = desk
        self.limits = {step: int(settings[f"{step}_seconds"]) for step in LIMITED}

    # What happened ------------------------------------------------------------

    def take(self, event: Told) -> None:
        """Note what an event says of somebody who was added, in the open transaction."""
        step, staff, by = _meant(event)
        contact_id = self.brand.contacts.present(event.contact_id) if step else None
        if contact_id is not None:
            noted = self._note(contact_id, step, event.at, staff, by)
            if noted and step == "handed":
                take_transfer(self.desk, contact_id, event.at)

    @transactional
    def tell(self, contact: str, step: str, *, staff: str = "", at: int | None = None, actor: str = "operator") -> int:
        """Note a step that no plugin tells, of a contact's uid: see ``STEPS``; returns how many adds it was news for.

        ``at`` is the instant (now when None), ``staff`` whose relation it is (empty: any).
        Raises Invalid for a step or instant that is none, NotFound for the contact, one who came by no code, and
        staff whom nobody wrote down.
        """
        now = self.brand.now()
        if step not in STEPS:
            raise Invalid(f"step is one of {', '.join(STEPS)}", field="step")
        if at is not None and at > now:
            raise Invalid("a step lies in the past", field="at")
        contact_id = self.brand.contacts.present(self.brand.contacts.get(contact).id)
        if staff and execute("SELECT 1 FROM live_code_staff WHERE userid = ?", (staff,)).fetchone() is None:
            raise NotFound(f"no member of staff {staff!r}")
        if contact_id is None or _adds(contact_id) == 0:
            raise NotFound("this contact came by no live code")
        noted = self._note(contact_id, step, now if at is None else at, staff, "customer")
        if noted:
            self.brand.audit.note(actor, "live_code.tell", f"contact:{contact_id}", {"step": step, "staff": staff})
        return noted

    @staticmethod
    def _note(contact_id: int, step: str, at: int, staff: str, by: str) -> int:
        """Keep the first instant of a step, of the adds that it can belong to; how many changed."""
        column = f"{step}_at"
        changed = ", ended_by = ?" if step == "ended" else ""
        # What comes after the end belongs to another add. An end may be told after what happened before it.
        alive = "" if step == "ended" else "AND (ended_at IS NULL OR ended_at >= ?) "
        theirs = "AND (staff_id IS NULL OR staff_id = (SELECT id FROM live_code_staff WHERE userid = ?)) "
        values = [contact_id, at, at, *((at,) if alive else ()), *((staff,) if staff else ())]
        done = execute(
            f"UPDATE live_code_add SET {column} = ?{changed} WHERE contact_id = ? AND at <= ? "
            f"AND ({column} IS NULL OR {column} > ?) {alive}{theirs if staff else ''}",
            (at, *((by,) if changed else ()), *values),
        )
        return int(done.rowcount)

    # Who waits ----------------------------------------------------------------

    def overdue(self, *, limit: int = 50) -> list[Overdue]:
        """Who of the last thirty days waits for longer than the limit of a step, the longest first."""
        return self._overdue([step for step in LIMITED if self.limits[step]], limit)

    def _overdue(self, steps: Sequence[str], limit: int) -> list[Overdue]:
        if not steps:
            return []
        now = self.brand.now()
        parts, values = [], []
        for step in steps:
            done, begun = LIMITED[step]
            parts.append(
                f"SELECT a.code_id, a.staff_id, a.contact_id, CAST(? AS TEXT) AS step, a.{begun} AS since "
                f"FROM live_code_add a WHERE a.at >= ? AND a.{done} IS NULL AND a.ended_at IS NULL AND a.{begun} < ? "
                "AND a.found_at IS NULL"
            )
            values += [step, now - ALERT_DAYS * DAY_MS, now - self.limits[step] * 1_000]
        rows = execute(
            "SELECT c.code, coalesce(s.userid, ''), p.uid, w.step, w.since FROM (" + " UNION ALL ".join(parts) + ") w "
            "JOIN live_code_code d ON d.id = w.code_id JOIN channel c ON c.id = d.channel_id "
            "JOIN contact p ON p.id = w.contact_id LEFT JOIN live_code_staff s ON s.id = w.staff_id "
            "ORDER BY w.since, w.step, p.uid LIMIT ?",
            (*values, page_size(limit, 200)),
        ).fetchall()
        return [Overdue(row[0], row[1], row[2], row[3], row[4], (now - row[4]) // 1_000) for row in rows]

    def warnings(self) -> Iterator[str]:
        """Whether people wait for too long, and whether nobody tells of first replies."""
        steps = [step for step in LIMITED if self.limits[step]]
        if "reply" in steps and not self._replies() and self._overdue(["reply"], 1):
            steps.remove("reply")
            yield (
                f"no first reply was told in {ALERT_DAYS} days: WeCom tells it by its chat archive, people by scrm "
                f"live-code tell {self.brand.id}; reply_seconds = 0 sets no limit"
            )
        waiting = self._overdue(steps, 200)
        if waiting:
            people = len({each.contact for each in waiting})  # one may wait for several steps
            said = f"{people}" if len(waiting) < 200 else f"{people} or more"
            yield f"{said} people who were added wait for too long; scrm live-code overdue {self.brand.id}"

    def _replies(self) -> bool:
        """Whether a first reply was told of anybody whom the list of those who wait could hold."""
        row = execute(
            "SELECT 1 FROM live_code_add WHERE at >= ? AND replied_at IS NOT NULL LIMIT 1",
            (self.brand.now() - ALERT_DAYS * DAY_MS,),
        ).fetchone()
        return row is not None


def _adds(contact_id: int) -> int:
    return int(execute("SELECT count(*) FROM live_code_add WHERE contact_id = ?", (contact_id,)).fetchone()[0])


def _meant(event: Told) -> tuple[str, str, str]:
    """The step that an event says, whose relation it is of (empty: any), and who did it; or nothing."""
    nothing = ("", "", "")
    match event:
        case MessageReceived():
            return "spoke", "", ""
        case TagAdded() if event.origin != "auto":
            return "tagged", "", ""
        case OrderPaid() if event.paid_minor > 0:
            return "ordered", "", ""
        case PluginEvent(name="wrote"):
            return "replied", str(event.fields.get("staff", "")), ""
        case PluginEvent(name="approved" | "muted"):
            return event.name, str(event.fields.get("staff", "")), ""
        case PluginEvent(name="lost"):
            by = str(event.fields.get("by", "customer"))
            if by == "transfer":  # handed over to a colleague (继承): the relation goes on
                return "handed", str(event.fields.get("staff", "")), ""
            # Nobody is left: it is over with whoever the person was handed over from, too.
            return "ended", "" if event.fields.get("left") == 0 else str(event.fields.get("staff", "")), by
    return nothing
