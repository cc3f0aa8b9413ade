"""Who has whom (好友关系): the relation of a member of staff and a customer, and what its changes mean for the core.

A relation is the pair (staff, customer): a customer may have several members of
staff, and is lost (流失) when none is left. Callbacks may be late, twice or in
any order, and the full sync reads the same facts: whoever comes first writes,
and the others change nothing. An add or a loss from before what stands is told, and
changes nothing either (:mod:`.earlier`). Adding back after a half add (免验证) is the same
acquisition; adding again after a loss is another one, with a lead of its own.

Whom a colleague handed over (继承) has not come: that is no lead. WeCom says it with
the customer (``add_way``), its callbacks do not; so an add of somebody whom another
member has or had waits for what WeCom tells, where it can be asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import IdentityIn, LeadIn, Veto, execute, page_size

from . import tasks
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

CUSTOMER, STAFF, TRANSFER, SYNC = "customer", "staff", "transfer", "sync"
TRANSFER_MS = 7 * 86_400_000
"""How long after a transfer (继承) a colleague's add counts as a part of it, where WeCom does not say how they came."""

SLACK_MS = 60_000
"""How far two instants of one thing may lie apart: WeCom tells each with a second of its own."""

NEWS_MS = 86_400_000
"""A relation that began before this and of which no callback told is history: nobody is rewarded for it now."""

NO_WAY, ASSIGNED = 0, 202
"""Values of ``add_way``: WeCom does not know, and handed over by an administrator."""

SUPPRESSED = "suppressed"
_COLUMNS = "id, contact_id, external, staff, state, source, since, lost_at, lost_by, unsure"


@dataclass(frozen=True, slots=True)
class Follow:
    """A relation; see :class:`.models.WecomFollow`."""

    id: int
    contact_id: int
    external: str
    staff: str
    state: str
    source: str
    since: int | None
    lost_at: int | None
    lost_by: str
    unsure: int


def began(createtime: int, now: int) -> int:
    """WeCom's ``createtime`` (seconds) as an instant that is not in the future; ``now`` where there is none."""
    return min(createtime * 1_000, now) if createtime > 0 else now


def is_history(at: int, now: int) -> bool:
    """Whether an add that WeCom shows and nobody told of is too old to be news."""
    return now - at > NEWS_MS


def is_another(known: Follow, at: int, source: str) -> bool:
    """Whether what began at ``at`` is not the beginning that is known: it lies too far off, or has another State."""
    if known.since is None or at == known.since:
        return False
    return abs(at - known.since) > SLACK_MS or is_elsewhere(source, known.source)


def is_elsewhere(source: str, other: str) -> bool:
    """Whether two adds came by different States: then one does not add back the other."""
    return bool(source and other and source != other)


def pair(external: str, staff: str) -> Follow | None:
    """The relation of a pair, or None."""
    row = execute(f"SELECT {_COLUMNS} FROM wecom_follow WHERE external = ? AND staff = ?", (external, staff)).fetchone()
    return None if row is None else Follow(*row)


def of_contact(contact_id: int) -> list[Follow]:
    """Every relation of a contact, lost ones too, oldest first."""
    rows = execute(f"SELECT {_COLUMNS} FROM wecom_follow WHERE contact_id = ? ORDER BY id", (contact_id,)).fetchall()
    return [Follow(*row) for row in rows]


def page(*, after: int = 0, limit: int = 50) -> list[Follow]:
    """Relations with ids above ``after``, ascending. Raises Invalid for a limit that there is not."""
    page_size(limit, 200)
    rows = execute(f"SELECT {_COLUMNS} FROM wecom_follow WHERE id > ? ORDER BY id LIMIT ?", (after, limit)).fetchall()
    return [Follow(*row) for row in rows]


class Follows:
    """Changes of relations in one brand, in the open transaction."""

    def __init__(self, brand: Brand, asks: bool = False) -> None:
        """``asks``: WeCom can be asked how a customer came; the job reads each who adds."""
        self.brand = brand
        self.asks = asks

    def added(
        self, external: str, staff: str, at: int, *, source: str = "", half: bool = False, history: bool = False,
        way: int | None = None,
    ) -> Follow | None:  # fmt: skip
        """Staff and customer are friends since ``at``; None when that was known, or is over by now.

        A lead is captured for it unless the customer was handed over by a colleague: ``way`` is WeCom's ``add_way``,
        None where it was not told. ``history`` marks what a sync found: plugins that reward do not. Raises
        Veto (``suppressed``) for an erased person.
        """
        state = "half" if half else "active"
        known = pair(external, staff)
        if known is None:
            return self._first(external, staff, at, source, state, history, way)
        if known.state == "lost":
            return self._added_again(known, at, source, state, history, way)
        if known.unsure and way is not None:
            self._settle(known, way)
        # A half add is added back whenever the member likes: another State alone tells another beginning from that.
        another = is_another(known, at, source) if known.state == "active" else is_elsewhere(source, known.source)
        if known.since is not None and at > known.since and another:
            # A later beginning than the one that is known: its end was not told, or is not yet.
            if way is None and self.asks:
                return None  # nor may this one be any: the job asks WeCom behind each add, which tells when it began
            self.lost(external, staff, at - 1, SYNC)
            return self.added(external, staff, at, source=source, half=half, history=history, way=way)
        if state == "active" and known.state == "half":
            self._approved(known, at)
        execute(
            "UPDATE wecom_follow SET state = CASE WHEN ? = 'active' THEN 'active' ELSE state END, "
            "source = CASE WHEN source = '' THEN ? ELSE source END, "
            # A loss between the two may be told yet: the later beginning says that it is over.
            "since = CASE WHEN since IS NULL OR since < CAST(? AS BIGINT) THEN CAST(? AS BIGINT) ELSE since END "
            "WHERE id = ? AND state <> 'lost'",
            (state, source, at, at, known.id),
        )
        return None

    def shown(self, external: str, staff: str, at: int) -> None:
        """WeCom shows a relation that a sync had missed, say between two pages: it has not ended, and is no lead.

        One that began (``at``) behind the end that the sync found is another one, and that end stays.
        """
        execute(
            "UPDATE wecom_follow SET state = 'active', lost_at = NULL, lost_by = '' "
            "WHERE external = ? AND staff = ? AND state = 'lost' AND lost_by = 'sync' AND since IS NOT NULL "
            "AND lost_at >= ?",
            (external, staff, at),
        )

    def settle(self, external: str) -> None:
        """WeCom does not tell how a customer came, or not now: what is known decides whether their adds are leads."""
        rows = execute("SELECT staff FROM wecom_follow WHERE external = ? AND unsure = 1", (external,)).fetchall()
        for (staff,) in rows:
            known = pair(external, staff)
            if known is not None:
                self._settle(known, NO_WAY)

    def _first(
        self, external: str, staff: str, at: int, source: str, state: str, history: bool, way: int | None
    ) -> Follow | None:
        lead = self._is_lead(external, staff, at, state, way)
        # The row comes first: of two who tell one add at one moment, each with its own second, one has it counted.
        row = execute(
            "INSERT INTO wecom_follow (contact_id, external, staff, state, source, since, lost_by, unsure) "
            "VALUES (?, ?, ?, ?, ?, ?, '', ?) ON CONFLICT (external, staff) DO NOTHING RETURNING id",
            (self._person(external, at), external, staff, state, source, at, int(lead is None)),
        ).fetchone()
        if row is None:
            return None
        if lead:
            self._capture(external, staff, at, source, history, half=state == "half", found=way is not None)
        return self.told(external, staff, at, history=history)

    def _is_lead(self, external: str, staff: str, at: int, state: str, way: int | None) -> bool | None:
        """Whether an add is a lead; None: WeCom is to be asked whether a colleague handed the customer over."""
        if way is not None and way != NO_WAY:
            return way != ASSIGNED
        if state == "half":
            return True  # the customer came by themselves, and nobody has answered yet
        if way is None and self.asks and _elsewhere(external, staff):
            return None
        return not _handed_over(external, staff, at)

    def _settle(self, known: Follow, way: int) -> None:
        """It is known now how somebody came: a lead that waited for it is captured, or is none."""
        if known.since is None:
            return
        lead = self._is_lead(known.external, known.staff, known.since, "active", way)
        done = execute("UPDATE wecom_follow SET unsure = 0 WHERE id = ? AND unsure = 1", (known.id,))
        if done.rowcount and lead:
            self._capture(known.external, known.staff, known.since, known.source, False, ended=_ended(known))

    def _approved(self, known: Follow, at: int) -> None:
        """The member of staff added back whoever had added them without being asked (免验证)."""
        done = execute("UPDATE wecom_follow SET state = 'active' WHERE id = ? AND state = 'half'", (known.id,))
        if done.rowcount:
            if execute("SELECT 1 FROM wecom_mark WHERE follow_id = ? LIMIT 1", (known.id,)).fetchone() is not None:
                tasks.want(self.brand, tasks.PUSH, str(known.id))  # tags that were given meanwhile
            self.brand.emit(NAME, "approved", known.contact_id, {"staff": known.staff}, at=at)

    def _added_again(
        self, known: Follow, at: int, source: str, state: str, history: bool, way: int | None
    ) -> Follow | None:
        assert known.lost_at is not None
        if known.since is not None and at <= known.lost_at:
            return None  # what began then is over, and known
        lead = self._is_lead(known.external, known.staff, at, state, way)
        if at <= known.lost_at:
            # Its end was told before its beginning: they came, and are gone.
            came = execute(
                "UPDATE wecom_follow SET since = ?, source = ?, unsure = ? WHERE id = ? AND since IS NULL",
                (at, source, int(lead is None), known.id),
            )
            if came.rowcount and lead:
                self._capture(known.external, known.staff, at, source, history, ended=_ended(known))
            if came.rowcount and not history:
                self._say_added(known.contact_id, known.staff, at, source, half=state == "half")
            return None
        changed = execute(
            "UPDATE wecom_follow SET state = ?, since = ?, source = ?, lost_at = NULL, lost_by = '', unsure = ?, "
            "welcomed_at = NULL WHERE id = ? AND state = 'lost' AND lost_at = ?",
            (state, at, source, int(lead is None), known.id, known.lost_at),
        )
        if not changed.rowcount:
            return None
        if lead:
            self._capture(
                known.external, known.staff, at, source, history, half=state == "half", found=way is not None
            )
        return self.told(known.external, known.staff, at, again=True, history=history)

    def lost(self, external: str, staff: str, at: int, by: str) -> bool:
        """The relation ended at ``at``; False when that was known, or it began anew since.

        ``by`` is customer, staff, transfer or sync. Raises Veto (``suppressed``) for an erased person.
        """
        known = pair(external, staff)
        if known is None:
            contact_id = self._person(external, at)
            made = execute(
                "INSERT INTO wecom_follow (contact_id, external, staff, state, source, lost_at, lost_by) "
                "VALUES (?, ?, ?, 'lost', '', ?, ?) ON CONFLICT (external, staff) DO NOTHING",
                (contact_id, external, staff, at, by),
            )
            changed = made.rowcount
        else:
            if known.unsure:
                self._settle(known, NO_WAY)  # what ended may not be there to be asked about
            contact_id = known.contact_id
            changed = execute(
                "UPDATE wecom_follow SET state = 'lost', lost_at = ?, lost_by = ? "
                "WHERE id = ? AND state <> 'lost' AND (since IS NULL OR since <= ?)",
                (at, by, known.id, at),
            ).rowcount
        if not changed:
            return False
        left = execute(
            "SELECT count(*) FROM wecom_follow WHERE contact_id = ? AND state <> 'lost'", (contact_id,)
        ).fetchone()[0]
        self.brand.emit(NAME, "lost", contact_id, {"staff": staff, "by": by, "left": left}, at=at)
        return True

    def told_late(
        self, known: Follow, at: int, source: str, *, half: bool, ended: tuple[int, str] | None
    ) -> None:  # fmt: skip
        """An add from before the beginning that is known: a lead, and plugins hear of it; what stands stays."""
        # WeCom shows the present relation alone: nobody can be asked how they came then.
        if self._is_lead(known.external, known.staff, at, "half" if half else "active", NO_WAY):
            self._capture(known.external, known.staff, at, source, False, half=half, ended=ended)
        self._say_added(known.contact_id, known.staff, at, source, half=half)

    def ended_later(self, known: Follow, at: int, source: str, *, half: bool) -> bool:
        """The end that is known belongs to this add, a lead of its own; false where somebody has told it meanwhile."""
        moved = execute(
            "UPDATE wecom_follow SET since = ?, source = ? WHERE id = ? AND state = 'lost' AND since = ?",
            (at, source, known.id, known.since),
        )
        if moved.rowcount:
            self.told_late(known, at, source, half=half, ended=_ended(known))
        return bool(moved.rowcount)

    def begins_behind(self, known: Follow) -> None:
        """The beginning that is known was taken for the end of a half add (免验证), and is a lead of its own."""
        assert known.since is not None
        ended = _ended(known) if known.state == "lost" else None
        self.told_late(known, known.since, known.source, half=False, ended=ended)

    def lost_late(self, known: Follow, at: int, by: str) -> None:
        """The end of such an add: who else has the customer is counted as it is now."""
        left = execute(
            "SELECT count(*) FROM wecom_follow WHERE contact_id = ? AND state <> 'lost' AND id <> ?",
            (known.contact_id, known.id),
        ).fetchone()[0]
        self.brand.emit(NAME, "lost", known.contact_id, {"staff": known.staff, "by": by, "left": left}, at=at)

    def told(self, external: str, staff: str, at: int, *, again: bool = False, history: bool = False) -> Follow:
        """Let plugins hear of a relation that began, unless it is history; returns it."""
        made = pair(external, staff)
        assert made is not None
        if not history:
            self._say_added(made.contact_id, staff, at, made.source, half=made.state == "half", again=again)
        return made

    def _say_added(
        self, contact_id: int, staff: str, at: int, source: str, *, half: bool, again: bool = False
    ) -> None:  # fmt: skip
        fields = {"staff": staff, "state": source, "half": int(half), "again": int(again)}
        self.brand.emit(NAME, "added", contact_id, fields, at=at)

    def _capture(
        self, external: str, staff: str, at: int, source: str, history: bool, *, half: bool = False,
        found: bool = False, ended: tuple[int, str] | None = None,
    ) -> None:  # fmt: skip
        """The customer comes as a lead, once per pair and beginning; ``found`` when WeCom was asked, not told.

        ``ended`` is when and by whom what began has ended, where that was told before.
        """
        found = found and at < self.brand.now() - SLACK_MS
        wanted = LeadIn(
            source=NAME,
            reference=reference_of(external, staff, at),
            identities=(IdentityIn.of("external_userid", external),),
            at=at,
            state=source,
            fields=lead_fields(staff, half=half, found=found, ended=ended),
            backfill=history,
        )
        try:
            self.brand.contacts.capture_lead(wanted)
        except Veto as veto:
            if veto.code == SUPPRESSED:
                raise
            # A guard keeps the lead out; that they are friends is a fact all the same.

    def _person(self, external: str, at: int) -> int:
        return self.brand.contacts.resolve(
            (IdentityIn.of("external_userid", external),), at=at, origin=NAME
        ).contact_id


def reference_of(external: str, staff: str, at: int) -> str:
    """The name of the lead of a pair's beginning: WeCom tells its second."""
    return f"{staff}/{external}/{at // 1_000}"


def lead_fields(
    staff: str, *, half: bool = False, found: bool = False, ended: tuple[int, str] | None = None
) -> dict[str, str]:
    """The fields of an add's lead: ``staff``, and ``approved`` no, ``found`` later, ``ended`` and ``ended_by``."""
    fields = {"staff": staff}
    if half:
        fields["approved"] = "no"
    if found:
        fields["found"] = "later"
    if ended is not None:
        fields["ended"], fields["ended_by"] = str(ended[0]), ended[1]
    return fields


def _ended(known: Follow) -> tuple[int, str] | None:
    return None if known.lost_at is None else (known.lost_at, known.lost_by)


def _elsewhere(external: str, staff: str) -> bool:
    """Whether another member has or had the customer, so that they may have been handed over."""
    row = execute("SELECT 1 FROM wecom_follow WHERE external = ? AND staff <> ? LIMIT 1", (external, staff)).fetchone()
    return row is not None


def _handed_over(external: str, staff: str, at: int) -> bool:
    """Whether a colleague's hand-over that nobody else has taken yet lies shortly before an add."""
    row = execute(
        "SELECT 1 FROM wecom_follow f WHERE f.external = ? AND f.staff <> ? AND f.lost_by = 'transfer' "
        "AND f.lost_at BETWEEN ? AND ? AND NOT EXISTS (SELECT 1 FROM wecom_follow t WHERE t.external = f.external "
        "AND t.staff <> f.staff AND t.staff <> ? AND t.since BETWEEN f.lost_at - ? AND ?) LIMIT 1",
        (external, staff, at - TRANSFER_MS, at + SLACK_MS, staff, SLACK_MS, at),
    ).fetchone()
    return row is not None


def counts() -> list[tuple[str, int, int, int, int, int]]:
    """Per member of staff: relations that began, that stand, half ones, lost by the customer, lost otherwise."""
    return [
        tuple(row)  # type: ignore[misc]
        for row in execute(
            "SELECT staff, sum(CASE WHEN since IS NOT NULL THEN 1 ELSE 0 END), "
            "sum(CASE WHEN state = 'active' THEN 1 ELSE 0 END), sum(CASE WHEN state = 'half' THEN 1 ELSE 0 END), "
            "sum(CASE WHEN lost_by = 'customer' THEN 1 ELSE 0 END), "
            "sum(CASE WHEN lost_by NOT IN ('', 'customer') THEN 1 ELSE 0 END) "
            "FROM wecom_follow GROUP BY staff ORDER BY staff"
        ).fetchall()
    ]
