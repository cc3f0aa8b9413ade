"""Acquisition links (获客链接): addresses that open WeChat and add a member of staff; made once, paused, deleted.

WeCom has no word to pause a link, so what is paused here is what is handed out:
the brand's own address (``/p/<brand>/wecom/a/<code>``) and messages. Whoever kept
WeCom's address adds all the same until the link is deleted. A making whose
answer was lost is looked up in WeCom's list, where the name ends with our number:
found it is taken over, and made again only when it is certainly not there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from scrm_core.api import Conflict, Invalid, NotFound, clean_text, execute, page_size, transactional

from .client.codes import AWAY, BUSY, CALL, CROWDED, DATA, LATER, UNCERTAIN, UNKNOWN, Limited, WecomError
from .client.limits import LINK_NAME, LINK_STAFF, LINK_STATE
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .client.answers import LinkInfo
    from .client.api import Api

SOON_MS, LEASE_MS, ROUND = 60_000, 120_000, 20
SKEW_S = 300
"""How far WeCom's clock may be behind ours when it dates a link that we had made."""

NO_SUCH = frozenset({40058, 40063})
_ELSEWHERE = "deleted in WeCom; make it anew, or delete it here too"
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}\Z")
_URL = re.compile(r"https?://[!-\[\]-~]{4,190}\Z")
_COLUMNS = (
    "id, code, name, staff, departments, skip_verify, state_told, state, paused, note, link_id, url, actor, at, "
    "asked_at"
)


OWN = "state/"
"""What codes of links begin with that another plugin asked for: no person can make one of these."""


@dataclass(frozen=True, slots=True)
class AcquisitionLink:
    """A link. ``state``: waiting, making (a call goes on), unknown (looked up), live, broken (WeCom took it out of
    use), deleting, deleted or failed; ``state_told`` is what an add by its own address brings as State."""

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

    @property
    def usable(self) -> bool:
        """Whether it may be handed out now."""
        return self.state == "live" and not self.paused

    @property
    def door(self) -> bool:
        """Whether an address of the brand's own hands it out now: another plugin's has its own pages."""
        return self.usable and not self.code.startswith(OWN)

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

    def create(
        self, code: str, *, name: str, staff: Sequence[str] = (), departments: Sequence[int] = (),
        channel: str = "", skip_verify: bool = True, actor: str = "",
    ) -> AcquisitionLink:  # fmt: skip
        """Have a link made, whose adds belong to ``channel`` (a channel's code; empty: the State is the link's code).

        The job makes it. Raises Invalid for what WeCom would refuse, NotFound for a channel, Conflict
        (``link_exists``).
        """
        if not _CODE.match(code):
            raise Invalid("a link's code has 1 to 60 letters, digits, - and _", field="code")
        if channel:
            self.brand.channels.get(channel)
        made = self._put(code, name, staff, departments, checked_state(channel or code), skip_verify, actor)
        if made is None:
            raise Conflict(f"an acquisition link is called {code!r} already", code="link_exists")
        return made

    @transactional
    def _put(
        self, code: str, name: str, staff: Sequence[str], departments: Sequence[int], state: str, skip_verify: bool,
        actor: str,
    ) -> AcquisitionLink | None:  # fmt: skip
        """A new link, which waits for the job; None when there is one of this code."""
        now = self.brand.now()
        made = execute(
            "INSERT INTO wecom_link (code, name, staff, departments, skip_verify, state_told, state, paused, note, "
            "link_id, url, actor, at, asked_at, next_at, cursor, read_at) "
            "VALUES (?, ?, ?, ?, ?, ?, 'waiting', 0, '', NULL, '', ?, ?, 0, ?, '', NULL) ON CONFLICT (code) DO NOTHING",
            (code, clean_text(name, field="name", max_length=LINK_NAME.most), *_range(staff, departments),
             int(skip_verify), state, clean_text(actor, field="actor", max_length=100), now, now),
        )  # fmt: skip
        return self.get(code) if made.rowcount else None

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

        Raises NotFound, and Conflict (``link_state``) for one that is there.
        """
        found = self.get(code)
        done = execute(
            "UPDATE wecom_link SET state = 'waiting', note = '', link_id = NULL, url = '', cursor = '', "
            "read_at = NULL, next_at = ?, actor = CASE WHEN ? = '' THEN actor ELSE ? END "
            "WHERE id = ? AND state IN ('deleted', 'failed')",
            (self.brand.now(), actor, clean_text(actor, field="actor", max_length=100), found.id),
        )
        if not done.rowcount:
            raise Conflict(f"link {code!r} is {found.state}; what is there is not made anew", code="link_state")
        return self.get(code)

    @transactional
    def pause(self, code: str, *, paused: bool, actor: str = "") -> AcquisitionLink:
        """Hand a link out no more, or again. Raises NotFound, and Conflict (``link_state``) for a deleted one."""
        found = self.get(code)
        if found.state in ("deleting", "deleted"):
            raise Conflict(f"link {code!r} is {found.state}", code="link_state")
        execute(
            "UPDATE wecom_link SET paused = ?, actor = ? WHERE id = ?",
            (int(paused), clean_text(actor, field="actor", max_length=100), found.id),
        )
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
        return self.get(code)

    def change(self, api: Api, link_id: str, staff: Sequence[str]) -> None:
        """Let these members answer a link; use it outside transactions. Raises NotFound, Invalid, WecomError."""
        found = self.by_link_id(link_id)
        users, departments = _range(staff, found.departments)
        try:
            api.change_link(link_id, staff, found.departments)
        except WecomError as error:
            if self.is_gone(api, link_id, error):
                raise Conflict(f"link {found.code!r} is {_ELSEWHERE}", code="link_state") from error
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
            (_ELSEWHERE, link_id),
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
        rows = execute(f"SELECT {_COLUMNS} FROM wecom_link WHERE id > ? ORDER BY id LIMIT ?", (after, limit)).fetchall()
        return [_link(row) for row in rows]

    def door(self, code: str) -> str:
        """The brand's own address of a link, which ends with its pause and its deletion; ``?state=`` as for WeCom's."""
        base = self.brand.installation.config.base_url.rstrip("/")
        return f"{base}/p/{self.brand.id}/{NAME}/a/{code}"

    def through(self, code: str, state: str) -> str:
        """Where the brand's own address leads: WeCom's, with ``state`` if it is one, else with the link's own.

        Raises NotFound for a link that is not, or not any more, handed out.
        """
        link = self.find(code)
        if link is None or not link.door:
            raise NotFound("this invitation has ended")
        try:
            return link.address(state)
        except Invalid:
            return link.address()

    @staticmethod
    def _one(where: str, value: str) -> AcquisitionLink | None:
        row = execute(f"SELECT {_COLUMNS} FROM wecom_link WHERE {where}", (value,)).fetchone()
        return None if row is None else _link(row)

    # The job ------------------------------------------------------------------

    def run(self, api: Api) -> int:
        """Make, look up and delete what waits; returns how many links moved on. Use it outside transactions."""
        rows = execute(
            f"SELECT {_COLUMNS} FROM wecom_link WHERE next_at <= ? ORDER BY next_at, id LIMIT ?",
            (self.brand.now(), ROUND),
        ).fetchall()
        return sum(self._settle(api, _link(row)) for row in rows)

    def settle_now(self, api: Api, link: AcquisitionLink) -> int:
        """Do what one link waits for, if it is due; as :meth:`run`."""
        row = execute(
            f"SELECT {_COLUMNS} FROM wecom_link WHERE id = ? AND next_at <= ?", (link.id, self.brand.now())
        ).fetchone()
        return self._settle(api, _link(row)) if row is not None else 0

    def _settle(self, api: Api, link: AcquisitionLink) -> int:
        if link.state == "waiting":
            return self._make(api, link)
        if link.state in ("making", "unknown"):
            return self._look_up(api, link)
        return self._remove(api, link) if link.state == "deleting" else 0

    def _make(self, api: Api, link: AcquisitionLink) -> int:
        now = self.brand.now()
        if not self._move(link, "waiting", "making", next_at=now + LEASE_MS, asked_at=now):
            return 0
        link = replace(link, asked_at=now)
        try:
            made = api.make_link(link.told_name, link.staff, link.departments, link.skip_verify)
        except WecomError as error:
            if isinstance(error, Limited) or error.kind in (AWAY, CROWDED, LATER):
                later = error.until if isinstance(error, Limited) else now + SOON_MS
                self._move(link, "making", "waiting", note=str(error), next_at=later)
            elif error.kind in (UNCERTAIN, BUSY):
                self._move(link, "making", "unknown", note=str(error), next_at=now + LEASE_MS)
            else:
                self._move(link, "making", "failed", note=str(error))
            return 0
        return self._is_made(link, "making", made)

    def _is_made(self, link: AcquisitionLink, old: str, made: LinkInfo) -> int:
        if not _URL.match(made.url) or not urlsplit(made.url).hostname:
            return self._move(link, old, "failed", note="WeCom answered no address for it", link_id=made.id)
        return self._move(link, old, "live", link_id=made.id, url=made.url)

    def _look_up(self, api: Api, link: AcquisitionLink) -> int:
        """What became of a making without an answer: every link of WeCom's list that is none of ours is looked at."""
        now = self.brand.now()
        try:
            ours = {row[0] for row in execute("SELECT link_id FROM wecom_link WHERE link_id IS NOT NULL").fetchall()}
            found = [
                info
                for info in (api.link(each) for each in api.links() if each not in ours)
                if info.name == link.told_name and info.created >= link.asked_at // 1_000 - SKEW_S
            ]
        except WecomError as error:
            later = error.until if isinstance(error, Limited) else now + SOON_MS
            return self._move(link, link.state, "unknown", note=str(error), next_at=later)
        if len(found) == 1:
            return self._is_made(link, link.state, found[0])
        if found:
            return self._move(link, link.state, "failed", note=f"WeCom has several links called {link.told_name!r}")
        return self._move(link, link.state, "waiting", note="it was not made; it is made now", next_at=now)

    def _remove(self, api: Api, link: AcquisitionLink) -> int:
        assert link.link_id is not None
        try:
            api.remove_link(link.link_id)
        except WecomError as error:
            if error.errcode not in NO_SUCH:
                later = error.until if isinstance(error, Limited) else self.brand.now() + SOON_MS
                self._move(link, "deleting", "deleting", note=str(error), next_at=later)
                return 0
        return self._move(link, "deleting", "deleted")

    @transactional
    def _move(self, link: AcquisitionLink, old: str, new: str, *, next_at: int | None = None, **more: Any) -> int:
        columns = {"state": new, "next_at": next_at, "note": "", **more}
        columns["note"] = str(columns["note"])[:500]
        names = ", ".join(f"{name} = ?" for name in columns)
        changed = execute(
            f"UPDATE wecom_link SET {names} WHERE id = ? AND state = ? AND asked_at = ?",
            (*columns.values(), link.id, old, link.asked_at),
        )
        return int(changed.rowcount)


def _range(staff: Sequence[str], departments: Sequence[int]) -> tuple[str, str]:
    """Who answers a link, as it is kept; raises Invalid for what WeCom would refuse (dev:97297)."""
    users = list(dict.fromkeys(staff))
    if not users and not departments:
        raise Invalid("a link is answered by members or departments", field="staff")
    if max(len(users), len(departments)) > LINK_STAFF.most:
        raise Invalid(f"a link has at most {LINK_STAFF.most} members", field="staff")
    return json.dumps(users), json.dumps(list(departments))


def _link(row: Sequence[Any]) -> AcquisitionLink:
    return AcquisitionLink(
        row[0], row[1], row[2], json.loads(row[3]), json.loads(row[4]), bool(row[5]), row[6], row[7], bool(row[8]),
        *row[9:],
    )  # fmt: skip
