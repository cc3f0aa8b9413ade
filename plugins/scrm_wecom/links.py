"""Acquisition links (获客链接): addresses that open WeChat and add a member of staff; made once, paused, deleted.

WeCom has no word to pause a link, so what is paused here is what is handed out:
the brand's own address (``/p/<brand>/wecom/a/<code>``) and messages. Whoever kept
WeCom's address adds all the same until the link is deleted. :mod:`.link_making`
makes and deletes them.

A link of the brand's own is handed out while its activity runs (wecom.md section 16: a
bare "add friend" link is taken down), which time alone decides: ``paused`` is a person's
word. One of another plugin is handed out while that plugin's plan says so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from scrm_core.api import Conflict, Invalid, NotFound, clean_text, execute, page_size, transactional, whole_days

from .acts import noted
from .client.codes import CALL, DATA, UNKNOWN, WecomError
from .client.limits import LINK_NAME, LINK_STAFF, LINK_STATE
from .schemas import NAME, code_of

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .client.api import Api

OVER = "the activity is over"
ELSEWHERE = "deleted in WeCom; make it anew, or delete it here too"
COLUMNS = (
    "id, code, name, staff, departments, skip_verify, state_told, state, paused, note, link_id, url, actor, at, "
    "asked_at, activity, starts_at, ends_at, counted_at"
)
OWN = "state/"
"""What codes of links begin with that another plugin asked for: no person can make one of these."""


@dataclass(frozen=True, slots=True)
class AcquisitionLink:
    """A link. ``state``: waiting, making (a call goes on), unknown (looked up), live, broken (WeCom took it out of
    use), deleting, deleted or failed; ``paused`` by a person; ``state_told`` is what an add by its own address brings
    as State."""

    id: int
    code: str
    name: str
    staff: list[str]
    departments: list[int]
    skip_verify: bool
    state_told: str
    state: str
    paused: bool
    note: str
    link_id: str | None
    url: str
    actor: str
    at: int
    asked_at: int
    activity: str
    starts_at: int | None
    ends_at: int | None
    counted_at: int | None

    @property
    def foreign(self) -> bool:
        """Whether another plugin asked for it, which hands it out on pages of its own and knows what for."""
        return self.code.startswith(OWN)

    def is_over(self, now: int) -> bool:
        """Whether its activity has ended."""
        return self.ends_at is not None and self.ends_at <= now

    def runs(self, now: int) -> bool:
        """Whether its activity runs at an instant. One made before links had activities goes on without."""
        return self.starts_at is None or (self.starts_at <= now and not self.is_over(now))

    def usable(self, now: int) -> bool:
        """Whether it may be handed out at an instant."""
        return self.state == "live" and not self.paused and self.runs(now)

    def shown(self, now: int) -> str:
        """Its state as people read it: paused also from the end of its activity on, ``coming`` before the first day."""
        if self.state != "live" or self.usable(now):
            return self.state
        return "paused" if self.paused or self.is_over(now) else "coming"

    def why(self, now: int) -> str:
        """What somebody has to know of it: its note, else that its activity is over."""
        return self.note or (OVER if self.state == "live" and self.is_over(now) else "")

    @property
    def told_name(self) -> str:
        """Its name in WeCom, which ends with our number: so it is found again."""
        mark = f" #{self.id}"
        return self.name[: LINK_NAME.most - len(mark)] + mark

    def address(self, state: str = "") -> str:
        """WeCom's address of it with ``state`` (its own when empty), which comes back as State with the add.

        Raises Invalid for a state that WeCom would cut.
        """
        told = checked_state(state or self.state_told)
        return f"{self.url}{'&' if '?' in self.url else '?'}customer_channel={quote(told, safe='')}"


def checked_state(state: str) -> str:
    """A ``customer_channel``; raises Invalid for one that WeCom would cut or a reader could not tell."""
    if not state or not state.isprintable() or len(state.encode()) > LINK_STATE.most:
        raise Invalid(f"a link's state is printable, of 1 to {LINK_STATE.most} bytes", field="state")
    return state


class Links:
    """The acquisition links of one brand."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    # What people ask for ------------------------------------------------------

    @transactional
    def create(
        self, code: str, *, name: str, channel: str, title: str = "", first_day: date | None = None,
        last_day: date | None = None, staff: Sequence[str] = (), departments: Sequence[int] = (),
        skip_verify: bool = True, actor: str = "",
    ) -> AcquisitionLink:  # fmt: skip
        """Have a link made, whose adds belong to ``channel`` (a channel's code), for an activity called ``title``.

        The days are whole ones of the brand's zone. The job makes the link. Raises Invalid for what WeCom would
        refuse, NotFound for a channel, Conflict: ``no_activity`` without one that runs or is to come, ``link_exists``.
        """
        code = code_of(code)
        if not channel:
            raise Invalid("channel: a link names the channel that its adds belong to", field="channel")
        state = checked_state(self.brand.channels.get(channel).code)
        activity = self._activity(title, first_day, last_day)
        made = self._put(code, name, staff, departments, state, skip_verify, actor, activity)
        if made is None:
            raise Conflict(f"an acquisition link is called {code!r} already", code="link_exists")
        noted(self.brand, actor, "wecom_link.create", code)
        return made

    def _activity(self, title: str, first_day: date | None, last_day: date | None) -> tuple[str, int, int]:
        """An activity's title, its first instant and the one behind its last; raises as :meth:`create`."""
        if first_day is None or last_day is None:
            raise Conflict(
                "an activity has a title, a first and a last day; a link that leads to a bare add is taken down",
                code="no_activity",
            )
        starts_at, ends_at = whole_days(first_day, last_day, self.brand.zone)
        title = clean_text(title, field="title", max_length=100)
        if not title:
            raise Invalid("an activity has a title", field="title")
        if ends_at <= self.brand.now():
            raise Conflict("that activity is over; name one that runs or is to come", code="no_activity")
        return title, starts_at, ends_at

    @transactional
    def _put(
        self, code: str, name: str, staff: Sequence[str], departments: Sequence[int], state: str, skip_verify: bool,
        actor: str, activity: tuple[str, int | None, int | None] = ("", None, None),
    ) -> AcquisitionLink | None:  # fmt: skip
        """A new link, which waits for the job; None when there is one of this code."""
        now = self.brand.now()
        made = execute(
            "INSERT INTO wecom_link (code, name, staff, departments, skip_verify, state_told, state, paused, note, "
            "link_id, url, actor, at, asked_at, next_at, cursor, read_at, activity, starts_at, ends_at) "
            "VALUES (?, ?, ?, ?, ?, ?, 'waiting', 0, '', NULL, '', ?, ?, 0, ?, '', NULL, ?, ?, ?) "
            "ON CONFLICT (code) DO NOTHING",
            (code, clean_text(name, field="name", max_length=LINK_NAME.most), *_range(staff, departments),
             int(skip_verify), state, clean_text(actor, field="actor", max_length=100), now, now, *activity),
        )  # fmt: skip
        return self.get(code) if made.rowcount else None

    @transactional
    def set_activity(
        self, code: str, *, title: str, first_day: date, last_day: date, actor: str = ""
    ) -> AcquisitionLink:
        """Say what people come for by a link, in whole days of the brand's zone. What a person paused stays paused.

        A link whose activity was over is handed out again. Raises NotFound, Invalid, Conflict:
        ``no_activity`` for one that is over, ``link_state`` for a link of another plugin or one being deleted.
        """
        found = self.get(code)
        if found.foreign or found.state == "deleting":
            why = "another plugin's, whose plan has the activity" if found.foreign else "being deleted"
            raise Conflict(f"link {code!r} is {why}", code="link_state")
        activity = self._activity(title, first_day, last_day)
        execute(
            "UPDATE wecom_link SET activity = ?, starts_at = ?, ends_at = ?, actor = ? WHERE id = ?",
            (*activity, clean_text(actor, field="actor", max_length=100), found.id),
        )
        noted(self.brand, actor, "wecom_link.activity", code)
        return self.get(code)

    def wanted(self, code: str, *, name: str, staff: Sequence[str], state: str) -> AcquisitionLink:
        """The link of a code, made when there is none; who answers it and its State are those of the first time.

        One that failed is tried once more. Another plugin asks so, by :class:`.ways.AcquisitionLinks`.
        """
        found = self.find(code)
        if found is None:
            made = self._put(code, name or code, staff, (), checked_state(state), True, "")
            found = made or self.get(code)
        if found.state == "failed" or (found.state == "deleted" and found.note):
            found = self.renew(code)
        return found

    @transactional
    def renew(self, code: str, *, actor: str = "") -> AcquisitionLink:
        """Have a link made anew that failed or was deleted: under another address of WeCom's, the brand's own stays.

        Raises NotFound, and Conflict: ``link_state`` for one that is there, ``no_activity`` for one of the brand's own
        without an activity that runs or is to come.
        """
        found, now = self.get(code), self.brand.now()
        gone = found.state in ("deleted", "failed")
        if gone and not found.foreign and (found.ends_at is None or found.is_over(now)):
            raise _no_activity(code)
        done = execute(
            "UPDATE wecom_link SET state = 'waiting', note = '', link_id = NULL, url = '', cursor = '', "
            "read_at = NULL, next_at = ?, actor = CASE WHEN ? = '' THEN actor ELSE ? END "
            "WHERE id = ? AND state IN ('deleted', 'failed')",
            (now, actor, clean_text(actor, field="actor", max_length=100), found.id),
        )
        if not done.rowcount:
            raise Conflict(f"link {code!r} is {found.state}; what is there is not made anew", code="link_state")
        noted(self.brand, actor, "wecom_link.renew", code)
        return self.get(code)

    @transactional
    def pause(self, code: str, *, paused: bool, actor: str = "") -> AcquisitionLink:
        """Hand a link out no more, or again.

        Raises NotFound, and Conflict: ``link_state`` for a deleted one, ``no_activity`` where one of the brand's own is
        to be handed out while no activity runs or is to come.
        """
        found = self.get(code)
        if found.state in ("deleting", "deleted"):
            raise Conflict(f"link {code!r} is {found.state}", code="link_state")
        done = execute(
            "UPDATE wecom_link SET paused = ?, actor = ? WHERE id = ? AND (? = 1 OR ends_at > ?)",
            (int(paused), clean_text(actor, field="actor", max_length=100), found.id, int(paused or found.foreign),
             self.brand.now()),
        )  # fmt: skip
        if not done.rowcount:
            raise _no_activity(code)
        noted(self.brand, actor, "wecom_link.pause" if paused else "wecom_link.resume", code)
        return self.get(code)

    @transactional
    def delete(self, code: str, *, actor: str = "") -> AcquisitionLink:
        """Have a link deleted in WeCom, for ever; from now on it is not handed out. Raises NotFound.

        Raises Conflict (``link_state``) while nobody knows whether it was made.
        """
        found = self.get(code)
        if found.state in ("making", "unknown"):
            raise Conflict(f"nobody knows yet whether link {code!r} was made; ask again soon", code="link_state")
        if found.state == "deleted":
            execute("UPDATE wecom_link SET note = '' WHERE id = ?", (found.id,))  # nobody need look at it any more
        elif found.state != "deleting":
            gone = "deleting" if found.link_id else "deleted"
            execute(
                "UPDATE wecom_link SET state = ?, note = '', next_at = ?, actor = ? WHERE id = ? AND state = ?",
                (gone, self.brand.now() if found.link_id else None,
                 clean_text(actor, field="actor", max_length=100), found.id, found.state),
            )  # fmt: skip
        noted(self.brand, actor, "wecom_link.delete", code)
        return self.get(code)

    def change(self, api: Api, link_id: str, staff: Sequence[str]) -> None:
        """Let these members answer a link; use it outside transactions. Raises NotFound, Invalid, WecomError."""
        found = self.by_link_id(link_id)
        users, departments = _range(staff, found.departments)
        try:
            api.change_link(link_id, staff, found.departments)
        except WecomError as error:
            if self.is_gone(api, link_id, error):
                raise Conflict(f"link {found.code!r} is {ELSEWHERE}", code="link_state") from error
            raise
        self._range_is(found, users, departments)

    def is_gone(self, api: Api, link_id: str, error: WecomError) -> bool:
        """Whether WeCom refused because somebody deleted the link there; then it is deleted here, outside transactions.

        Which code says so is not documented, so WeCom's list is looked at.
        """
        try:
            if error.kind not in (CALL, DATA, UNKNOWN) or link_id in api.links():
                return False
        except WecomError:
            return False
        self._delete_here(link_id)
        return True

    @transactional
    def _delete_here(self, link_id: str) -> None:
        execute(
            "UPDATE wecom_link SET state = 'deleted', note = ?, next_at = NULL "
            "WHERE link_id = ? AND state IN ('live', 'broken')",
            (ELSEWHERE, link_id),
        )

    @transactional
    def _range_is(self, link: AcquisitionLink, staff: str, departments: str) -> None:
        execute("UPDATE wecom_link SET staff = ?, departments = ? WHERE id = ?", (staff, departments, link.id))

    # Reading ------------------------------------------------------------------

    def get(self, code: str) -> AcquisitionLink:
        """The link of this code; raises NotFound."""
        found = self.find(code)
        if found is None:
            raise NotFound(f"no acquisition link {code!r}")
        return found

    def find(self, code: str) -> AcquisitionLink | None:
        """The link of this code, or None."""
        return self._one("code = ?", code)

    def by_link_id(self, link_id: str) -> AcquisitionLink:
        """The link of this id in WeCom; raises NotFound."""
        found = self._one("link_id = ?", link_id)
        if found is None:
            raise NotFound(f"no acquisition link with the id {link_id!r}")
        return found

    def page(self, *, after: int = 0, limit: int = 50) -> list[AcquisitionLink]:
        """Links with ids above ``after``, ascending. Raises Invalid for a limit that there is not."""
        page_size(limit, 200)
        rows = execute(f"SELECT {COLUMNS} FROM wecom_link WHERE id > ? ORDER BY id LIMIT ?", (after, limit)).fetchall()
        return [link_of(row) for row in rows]

    def door(self, code: str) -> str:
        """The brand's own address of a link, which ends with its pause and its deletion; ``?state=`` as for WeCom's."""
        base = self.brand.installation.config.base_url.rstrip("/")
        return f"{base}/p/{self.brand.id}/{NAME}/a/{code}"

    def through(self, code: str, state: str) -> str:
        """Where the brand's own address leads: WeCom's, with ``state`` if it is one, else with the link's own.

        Raises NotFound for a link that is not handed out: ``link_soon``, ``link_over``, ``link_paused`` of one
        that is there, but outside its activity or paused.
        """
        link, now = self.find(code), self.brand.now()
        if link is None or link.foreign or link.state not in ("live", "broken"):
            raise NotFound("this invitation has ended")
        if link.is_over(now):
            raise NotFound("the activity is over", code="link_over")
        if link.paused or link.state == "broken":
            raise NotFound("paused; please come back later", code="link_paused")
        if not link.runs(now):
            raise NotFound("the activity has not begun", code="link_soon")
        try:
            return link.address(state)
        except Invalid:
            return link.address()

    @staticmethod
    def _one(where: str, value: str) -> AcquisitionLink | None:
        row = execute(f"SELECT {COLUMNS} FROM wecom_link WHERE {where}", (value,)).fetchone()
        return None if row is None else link_of(row)


def _range(staff: Sequence[str], departments: Sequence[int]) -> tuple[str, str]:
    """Who answers a link, as it is kept; raises Invalid for what WeCom would refuse (dev:97297)."""
    users = list(dict.fromkeys(staff))
    if not users and not departments:
        raise Invalid("a link is answered by members or departments", field="staff")
    if max(len(users), len(departments)) > LINK_STAFF.most:
        raise Invalid(f"a link has at most {LINK_STAFF.most} members", field="staff")
    return json.dumps(users), json.dumps(list(departments))


def _no_activity(code: str) -> Conflict:
    return Conflict(
        f"no activity of link {code!r} runs; name one (`scrm wecom link activity`): a bare add is taken down",
        code="no_activity",
    )


def link_of(row: Sequence[Any]) -> AcquisitionLink:
    """The link of a row of :data:`COLUMNS`."""
    return AcquisitionLink(
        row[0], row[1], row[2], json.loads(row[3]), json.loads(row[4]), bool(row[5]), row[6], row[7], bool(row[8]),
        *row[9:],
    )  # fmt: skip
