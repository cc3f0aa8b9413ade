"""Contact ways (联系我): codes of a messenger that add a member of staff, made and changed by whoever offers them.

A plugin offers them by the extension point ``live-code.contact-ways``: the name
of its method that returns a :class:`ContactWays`, or None where it is not set up.
The job asks it, outside any transaction: nothing of a page or call waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from scrm_core.api import Conflict, ScrmError, TooMany, clean_text, execute, transactional

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .codes import Code, Codes
    from .desk import Desk

WAY, LINK = "way", "link"
POINTS = {WAY: "live-code.contact-ways", LINK: "live-code.acquisition-links"}
NAMES = {WAY: "contact way", LINK: "acquisition link"}
UNOFFERED = "no plugin that makes it is set up"
MOST_USERS = 100
"""Members of one contact way (wecom.md section 4)."""
STUCK_MS = 600_000
_SELECT = (
    "SELECT w.code_id, w.kind, c.code, w.maker, w.config_id, w.qr, w.users, w.state, w.note, w.at FROM live_code_way w "
    "JOIN live_code_code d ON d.id = w.code_id JOIN channel c ON c.id = d.channel_id "
)


class ContactWays(Protocol):
    """What a plugin offers. ``TooMany`` means: not done, ask again later; another error is for a person to look at."""

    def make(self, state: str, users: Sequence[str], remark: str) -> tuple[str, str]:
        """Make a code that adds one of ``users``, with ``state`` in every add; its id, and its picture's address."""

    def change(self, config_id: str, users: Sequence[str]) -> None:
        """Let these members answer it from now on; twice is as good as once."""

    def usable(self, config_id: str) -> bool:
        """Of acquisition links alone: whether it may be handed out now; asks nobody."""


@dataclass(frozen=True, slots=True)
class Way:
    """A code's contact way: ``state`` is wanted, making, made or failed; ``users`` who answers it, as last told."""

    code_id: int
    kind: str
    channel: str
    maker: str
    config_id: str
    qr: str
    users: tuple[str, ...]
    state: str
    note: str
    at: int


def _way(row: tuple[Any, ...]) -> Way:
    code_id, kind, channel, maker, config_id, qr, users, state, note, at = row
    return Way(code_id, kind, channel, maker, config_id, qr, tuple(json.loads(users)), state, note, at)


class Ways:
    """Contact ways of one brand's codes, or (``kind`` link) acquisition links; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, codes: Codes, desk: Desk, kind: str = WAY) -> None:
        self.kind = kind
        self.brand = brand
        self.codes = codes
        self.desk = desk

    def of(self, code: Code) -> Way | None:
        """A code's contact way, or None."""
        row = execute(f"{_SELECT}WHERE w.code_id = ? AND w.kind = ?", (code.id, self.kind)).fetchone()
        return None if row is None else _way(row)

    def waits(self, way: Way) -> str:
        """Why one that is wanted is not made yet; empty where nothing is missing, and the job makes it in a minute."""
        if way.state != "wanted":
            return ""
        code = self.codes.get(way.channel)
        why = code.closed(self.brand.now()) or self.desk.nobody(code)
        return why or (UNOFFERED if self._offered(way.maker) is None else "")

    def shown(self, code: Code) -> str:
        """The picture of a code's contact way for people; empty without one, and while nobody on duty has room."""
        way = self.of(code)
        return way.qr if way is not None and way.state == "made" and self.desk.on_duty(code) else ""

    def handed_out(self, code: Code) -> str:
        """The address of a code's acquisition link while the code is open, the link usable, and somebody has room.

        Empty otherwise: whoever comes is led to the ordinary page, which says what there is.
        """
        way = self.of(code)
        if way is None or way.state != "made" or not code.is_open(self.brand.now()) or not self.desk.on_duty(code):
            return ""
        offered = self._offered(way.maker)
        return way.qr if offered is not None and offered[1].usable(way.config_id) else ""

    @transactional
    def want(self, channel: str, *, actor: str) -> Way:
        """Have a contact way made for a code; the job makes it. One that was made, or is being made, stays as it is.

        A link that may not be handed out any more, such as one that somebody deleted in WeCom, is made anew, where
        it is gone. Of one that was being made and of which nothing was heard for ten minutes nobody knows: who
        asks again has looked. Raises NotFound, and Conflict: ``no_contact_ways`` where no plugin offers them, for
        a link ``no_activity`` while no activity runs.
        """
        code = self.codes.get(channel)
        if self.kind == LINK and not code.runs(self.brand.now()):
            raise Conflict("no activity runs; a link that leads to a bare add is taken down", code="no_activity")
        offered = self._offered()
        if offered is None:
            raise Conflict(
                f"no enabled plugin that makes {NAMES[self.kind]}s is set up; wecom is one", code="no_contact_ways"
            )
        now, before = self.brand.now(), self.of(code)
        dead = before.config_id if before is not None and self._is_dead(before) else None
        # A worker that is making it has claimed the row: pressing again must not let another one claim it.
        done = execute(
            "INSERT INTO live_code_way (code_id, kind, maker, config_id, qr, users, state, note, actor, at) "
            "VALUES (?, ?, ?, '', '', '[]', 'wanted', '', ?, ?) "
            "ON CONFLICT (code_id, kind) DO UPDATE SET state = 'wanted', maker = excluded.maker, note = '', "
            "users = '[]', actor = excluded.actor, at = excluded.at "
            "WHERE live_code_way.state = 'failed' OR (live_code_way.state = 'making' AND live_code_way.at <= ?) "
            "OR (live_code_way.state = 'made' AND live_code_way.config_id = ?)",
            (code.id, self.kind, offered[0], clean_text(actor, field="actor", max_length=100), now, now - STUCK_MS,
             dead),
        )  # fmt: skip
        if done.rowcount:
            self.codes.note(channel, self.kind, actor)
        made = self.of(code)
        assert made is not None
        return made

    def askable(self, way: Way | None) -> bool:
        """Whether :meth:`want` would have this one made, or made anew; it leaves any other as it is."""
        if way is None or way.state == "failed" or self._is_dead(way):
            return True
        return way.state == "making" and way.at + STUCK_MS <= self.brand.now()

    def _is_dead(self, way: Way) -> bool:
        """Whether it is a link that was made and that its plugin says may not be handed out."""
        offered = self._offered(way.maker) if self.kind == LINK and way.state == "made" else None
        return offered is not None and not offered[1].usable(way.config_id)

    def _offered(self, maker: str = "") -> tuple[str, ContactWays] | None:
        for name, method in self.brand.extensions(POINTS[self.kind]):
            if maker in ("", name):
                ways = getattr(self.brand.plugins[name], method)()
                if ways is not None:
                    return name, ways
        return None

    # The job ------------------------------------------------------------------

    def run(self) -> int:
        """Make what is wanted and change what has other staff on duty; returns how many were made or changed.

        Use it outside transactions.
        """
        rows = execute(
            f"{_SELECT}WHERE d.state = 'live' AND w.state IN ('wanted', 'made') AND w.kind = ? ORDER BY w.id",
            (self.kind,),
        ).fetchall()
        return sum(self._settle(_way(row)) for row in rows)

    def _settle(self, way: Way) -> bool:
        code = self.codes.get(way.channel)
        offered = self._offered(way.maker)
        users = self.desk.on_duty(code)[:MOST_USERS]
        if offered is None or not code.is_open(self.brand.now()) or not users:
            return False
        if set(users) == set(way.users):
            if way.state == "made" and way.note:
                self._keep(way, "made")  # what was refused is wanted no more
            return False
        if way.state == "wanted":
            return self._make(way, code, offered[1], users)
        try:
            offered[1].change(way.config_id, users)
        except ScrmError as problem:
            self._keep(way, "made", note=str(problem))
            return False
        self._keep(way, "made", users=users)
        return True

    def _make(self, way: Way, code: Code, ways: ContactWays, users: list[str]) -> bool:
        if not self._claim(way):
            return False
        try:
            config_id, qr = ways.make(code.link, users, code.title)
        except TooMany as problem:
            self._keep(way, "wanted", note=str(problem))
            return False
        except ScrmError as problem:
            # It may have been made: a second one could never be told from it, so a person looks first.
            self._keep(way, "failed", note=str(problem))
            return False
        self._keep(way, "made", users=users, made=(config_id, qr))
        return True

    @transactional
    def _claim(self, way: Way) -> bool:
        taken = execute(
            "UPDATE live_code_way SET state = 'making', at = ? WHERE code_id = ? AND kind = ? AND state = 'wanted'",
            (self.brand.now(), way.code_id, self.kind),
        )
        return bool(taken.rowcount)

    @transactional
    def _keep(
        self, way: Way, state: str, *, note: str = "", users: Sequence[str] = (), made: tuple[str, str] = ("", "")
    ) -> None:
        config_id, qr = made if made[0] else (way.config_id, way.qr)
        execute(
            "UPDATE live_code_way SET state = ?, note = ?, users = ?, config_id = ?, qr = ?, at = ? "
            "WHERE code_id = ? AND kind = ?",
            (state, note[:500], json.dumps(list(users or way.users)), config_id, qr, self.brand.now(), way.code_id,
             self.kind),
        )  # fmt: skip

    def warnings(self) -> Iterator[str]:
        """Contact ways that somebody has to look at."""
        rows = execute(
            f"{_SELECT}WHERE w.kind = ? AND (w.note <> '' OR w.state = 'making' "
            f"OR (w.state = 'made' AND w.kind = '{LINK}')) ORDER BY w.id",
            (self.kind,),
        ).fetchall()
        for way in map(_way, rows):
            name = NAMES[self.kind]
            if way.note:
                yield f"live code {way.channel!r}: its {name} ({way.state}): {way.note}"
            elif way.state == "made":
                if self._is_dead(way):
                    yield f"live code {way.channel!r}: its {name} may not be handed out; ask for it again if it is gone"
            elif way.at + STUCK_MS <= self.brand.now():
                yield f"live code {way.channel!r}: nobody knows whether its {name} was made; look, and ask again"
