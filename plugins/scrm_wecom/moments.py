"""Customer moments (客户朋友圈): a task that WeCom makes for staff, a few a day, made once, by day.

A post to a feed goes to nobody in particular: no person's consent or caps are asked,
but none is made within the brand's quiet hours. It counts for the day in the brand's
zone on which it is made, when customers see it, by one conditional statement, so that
of two who post the last one of a day one is told; it waits while that day is full, and
one that failed takes nobody's place. What was not made within two days is over. The job
makes the task outside any transaction. What nobody can know is ``unknown`` and never made
again: staff would publish it twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import peewee as pw

from scrm_core.api import (
    BrandModel,
    Conflict,
    InstantField,
    Invalid,
    NotFound,
    clean_text,
    day_start,
    execute,
    transactional,
)

from .acts import noted
from .client.codes import AWAY, BUSY, CROWDED, LATER, UNCERTAIN, Limited, WecomError
from .content import checked
from .drafts import WARN_MS
from .greetings import CHANNEL
from .media import GONE, MOMENT, Media, certainly_unsent
from .schemas import code_of

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .client.api import Api

TEXT_BYTES, TEXT_CHARS, IMAGES = 4_000, 2_000, 9
SOON_MS, LEASE_MS, ROUND = 60_000, 120_000, 10
WAIT_MS = 2 * 86_400_000
"""News of the day before yesterday is not published any more."""

JOB_MS = 86_400_000
"""WeCom forgets a job after a day (dev:95094)."""

KIND = "marketing"
"""The kind of message whose quiet hours a moment keeps: it advertises."""

AGAIN = "its files were uploaded anew"

_COLUMNS = "id, code, content, tags, staff, state, note, jobid, moment_id, day, actor, at, next_at"


class WecomMomentDay(BrandModel):
    """How many moments a day of the brand's zone (``date.toordinal()``) has."""

    id = pw.BigAutoField()
    day = pw.BigIntegerField()
    posts = pw.BigIntegerField()

    class Meta:
        table_name = "wecom_moment_day"


class WecomMoment(BrandModel):
    """A moment (朋友圈), ``next_at`` is when the job looks at it again, null when it has ended."""

    id = pw.BigAutoField()
    code = pw.TextField()
    content = pw.TextField()
    tags = pw.TextField()
    staff = pw.TextField()
    state = pw.TextField()
    note = pw.TextField()
    jobid = pw.TextField()
    moment_id = pw.TextField()
    day = pw.BigIntegerField()
    actor = pw.TextField()
    at = InstantField()
    next_at = InstantField(null=True)

    class Meta:
        table_name = "wecom_moment"


@dataclass(frozen=True, slots=True)
class Moment:
    """A post. ``state``: waiting, making (a call goes on), asked (WeCom makes the task), made, failed or unknown."""

    id: int
    code: str
    content: dict[str, Any]
    tags: list[str]
    staff: list[str]
    state: str
    note: str
    jobid: str
    moment_id: str
    day: int
    actor: str
    at: int
    next_at: int | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Until when a moment waits, and whether the brand's quiet hours are why."""

    until: int
    quiet: bool


class Moments:
    """The moments of one brand; ``per_day`` is how many it posts a day at most."""

    def __init__(self, brand: Brand, per_day: int) -> None:
        self.brand = brand
        self._per_day = per_day

    @transactional
    def post(
        self, code: str, content: Mapping[str, Any], *, tags: Sequence[str] = (), staff: Sequence[str] = (),
        actor: str = "",
    ) -> Moment:  # fmt: skip
        """Have a moment made for customers with one of ``tags`` (GROUP/TAG of the corporation; none: all) of ``staff``.

        Raises Invalid for what WeCom would refuse, Conflict for a used code (``moment_exists``) and where the day on
        which it would be made has all its moments (``moments_a_day``).
        """
        code = code_of(code)
        ready, keys = moment_content(content), [self._key(tag) for tag in tags]
        Media(self.brand).known(ready)
        now = self.brand.now()
        day = self.brand.day(self._opens(now))
        made = execute(
            "INSERT INTO wecom_moment (code, content, tags, staff, state, note, jobid, moment_id, day, actor, at, "
            "next_at) VALUES (?, ?, ?, ?, 'waiting', '', '', '', ?, ?, ?, ?) ON CONFLICT (code) DO NOTHING",
            (code, json.dumps(ready, ensure_ascii=False), json.dumps(keys), json.dumps(list(staff)), day,
             clean_text(actor, field="actor"), now, now),
        )  # fmt: skip
        if not made.rowcount:
            raise Conflict(f"a moment is called {code!r} already", code="moment_exists")
        if not self._take_place(day):
            raise Conflict(
                f"{self._per_day} moments a day are made at most, and {date.fromordinal(day)} has them; "
                "post it on another day",
                code="moments_a_day",
            )
        noted(self.brand, actor, "wecom_moment.post", code)
        return self.get(code)

    def _opens(self, at: int) -> int:
        """The instant from which a moment may be made: ``at``, or the end of the quiet hours that it lies in."""
        return self.brand.outreach.opens_at(CHANNEL, KIND, at=at)

    def wait(self, state: str, next_at: int | None) -> Wait | None:
        """Until when a moment in this state waits; None for one that does not, or that the next round makes."""
        if state != "waiting" or next_at is None:
            return None
        now = self.brand.now()
        soonest = max(now, next_at)
        opens = self._opens(soonest)
        return None if opens <= now else Wait(opens, opens > soonest)

    def _take_place(self, day: int) -> bool:
        """One of the places of a day; False when it has none left."""
        taken = execute(
            "INSERT INTO wecom_moment_day (day, posts) SELECT CAST(? AS BIGINT), 1 WHERE CAST(? AS BIGINT) > 0 "
            "ON CONFLICT (day) DO UPDATE SET posts = wecom_moment_day.posts + 1 WHERE wecom_moment_day.posts < ?",
            (day, self._per_day, self._per_day),
        )
        return bool(taken.rowcount)

    def _key(self, tag: str) -> str:
        group, slash, name = tag.partition("/")
        row = execute("SELECT key FROM wecom_tag WHERE group_name = ? AND name = ?", (group, name)).fetchone()
        if row is None or not slash:
            raise Invalid(f"the corporation has no tag {tag!r}; write GROUP/TAG", field="tags")
        return str(row[0])

    def get(self, code: str) -> Moment:
        """The moment of this code; raises NotFound."""
        row = execute(f"SELECT {_COLUMNS} FROM wecom_moment WHERE code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no moment {code!r}")
        return _moment(row)

    def all(self) -> list[Moment]:
        """Every moment, the newest first."""
        rows = execute(f"SELECT {_COLUMNS} FROM wecom_moment ORDER BY id DESC").fetchall()
        return [_moment(row) for row in rows]

    def warnings(self) -> Iterator[str]:
        """Moments of a week of which nobody knows whether staff have them."""
        for code, note in execute(
            "SELECT code, note FROM wecom_moment WHERE state = 'unknown' AND at > ? ORDER BY id LIMIT 20",
            (self.brand.now() - WARN_MS,),
        ).fetchall():
            yield f"nobody knows whether staff have moment {code!r}; see WeCom's console (客户朋友圈): {note}"

    # The job ------------------------------------------------------------------

    def run(self, api: Api) -> int:
        """Make what waits and ask about what was made; returns how many moments moved on. Outside transactions."""
        self._give_up()
        if self.brand.outreach.stopped():
            return 0  # the emergency switch holds for moments too
        moved = 0
        now = self.brand.now()
        # What waits for the morning is passed over, not put off: quiet hours that are changed meanwhile hold at once.
        due = "('asked')" if self._opens(now) > now else "('waiting', 'asked')"
        for row in execute(
            f"SELECT {_COLUMNS} FROM wecom_moment WHERE next_at <= ? AND state IN {due} ORDER BY next_at, id LIMIT ?",
            (now, ROUND),
        ).fetchall():
            moment = _moment(row)
            moved += self._make(api, moment) if moment.state == "waiting" else self._ask(api, moment)
        return moved

    @transactional
    def _give_up(self) -> None:
        """What nobody wants any more, and calls whose process died: nobody knows of those."""
        over = execute(
            "UPDATE wecom_moment SET state = 'failed', next_at = NULL, "
            "note = substr('not made within two days. ' || note, 1, 500) WHERE state = 'waiting' AND at <= ? "
            "RETURNING day",
            (self.brand.now() - WAIT_MS,),
        ).fetchall()
        for (day,) in sorted(over):
            self._give_place(day)
        execute(
            "UPDATE wecom_moment SET state = 'unknown', note = 'interrupted', next_at = NULL "
            "WHERE state = 'making' AND next_at <= ?",
            (self.brand.now(),),
        )

    def _make(self, api: Api, moment: Moment, *, again: bool = False) -> int:
        media = Media(self.brand)
        try:
            ready = media.ready(api, moment.content, MOMENT)
        except WecomError as error:
            if certainly_unsent(error):
                self._move(moment, "waiting", "waiting", note=str(error), next_at=self._later(error))
            else:
                self._move(moment, "waiting", "failed", note=str(error))
            return 0
        if not self._begin(moment):
            return 0
        try:
            jobid = api.moment(ready, moment.staff, moment.tags)
        except WecomError as error:
            if isinstance(error, Limited) or error.kind in (AWAY, CROWDED, LATER):
                self._move(moment, "making", "waiting", note=str(error), next_at=self._later(error))
            elif error.errcode == GONE and media.forget(moment.content, MOMENT) and not again:
                self._move(moment, "making", "waiting", note=AGAIN, next_at=self.brand.now())
                return self._make(api, self.get(moment.code), again=True)
            else:
                state = "unknown" if error.kind in (UNCERTAIN, BUSY) else "failed"
                self._move(moment, "making", state, note=str(error))
            return 0
        return self._move(
            moment, "making", "asked", jobid=jobid, note=_kept(moment), next_at=self.brand.now() + SOON_MS
        )

    def _later(self, error: WecomError) -> int:
        return error.until if isinstance(error, Limited) else self.brand.now() + SOON_MS

    @transactional
    def _begin(self, moment: Moment) -> int:
        """Claim a moment for the call, on a place of today; 0 when somebody else has it, or today has none left.

        0 in quiet hours too, which may have begun while its files were uploaded.
        """
        now = self.brand.now()
        if self._opens(now) > now:
            return 0
        today = self.brand.day(now)
        if not self._move(moment, "waiting", "making", note=_kept(moment), next_at=now + LEASE_MS):
            return 0
        day = self._day_of(moment)
        if day == today:
            return 1
        if self._take_place(today):
            self._give_place(day)  # it may be of a day to come: quiet hours were changed
            return self._move(moment, "making", "making", note=_kept(moment), next_at=now + LEASE_MS, day=today)
        tomorrow = day_start(date.fromordinal(today + 1), self.brand.zone)
        self._move(moment, "making", "waiting", note="today has all its moments", next_at=tomorrow)
        return 0

    def _ask(self, api: Api, moment: Moment) -> int:
        now = self.brand.now()
        over = now - moment.at > WAIT_MS + JOB_MS
        try:
            done, errcode, moment_id = api.moment_result(moment.jobid)
        except WecomError as error:
            return self._move(moment, "asked", "unknown" if over else "asked", note=str(error),
                              next_at=None if over else now + SOON_MS)  # fmt: skip
        if not done and over:
            return self._move(moment, "asked", "unknown", note="WeCom told of no end")
        if not done:
            return self._move(moment, "asked", "asked", note=_kept(moment), next_at=now + SOON_MS)
        if errcode == GONE and moment.note != AGAIN and Media(self.brand).forget(moment.content, MOMENT):
            return self._move(moment, "asked", "waiting", note=AGAIN, next_at=now)
        if errcode:
            return self._move(moment, "asked", "failed", note=f"WeCom made no task of it ({errcode})")
        return self._move(moment, "asked", "made", moment_id=moment_id)

    @transactional
    def _move(self, moment: Moment, old: str, new: str, *, next_at: int | None = None, **more: Any) -> int:
        columns = {"state": new, "next_at": next_at, "note": "", **more}
        names = ", ".join(f"{name} = ?" for name in columns)
        changed = execute(
            f"UPDATE wecom_moment SET {names} WHERE id = ? AND state = ?", (*columns.values(), moment.id, old)
        )
        if changed.rowcount and new == "failed":
            # Nobody will see it: its place is free.
            self._give_place(self._day_of(moment))
        return int(changed.rowcount)

    @staticmethod
    def _day_of(moment: Moment) -> int:
        """The day whose place it has, read where its row is held: another worker may have had it meanwhile."""
        return int(execute("SELECT day FROM wecom_moment WHERE id = ?", (moment.id,)).fetchone()[0])

    @staticmethod
    def _give_place(day: int) -> None:
        execute("UPDATE wecom_moment_day SET posts = posts - 1 WHERE posts > 0 AND day = ?", (day,))


def _kept(moment: Moment) -> str:
    """That a moment's files were uploaded anew is remembered until it has its end: they are not a second time."""
    return AGAIN if moment.note == AGAIN else ""


def moment_content(content: Any) -> dict[str, Any]:
    """A moment as it goes to WeCom (dev:95094); raises Invalid: nine images, or one film, or one link, never mixed."""
    ready = checked(content, text_bytes=TEXT_BYTES)
    if len(ready.get("text", {}).get("content", "")) > TEXT_CHARS:
        raise Invalid(f"a moment's text has at most {TEXT_CHARS} characters", field="text")
    kinds = [each["msgtype"] for each in ready.get("attachments", [])]
    if kinds and not (set(kinds) == {"image"} and len(kinds) <= IMAGES) and kinds not in (["video"], ["link"]):
        raise Invalid("a moment has up to nine images, or one video, or one link, never mixed", field="attachments")
    return ready


def _moment(row: Sequence[Any]) -> Moment:
    return Moment(row[0], row[1], *(json.loads(each) for each in row[2:5]), *row[5:])
