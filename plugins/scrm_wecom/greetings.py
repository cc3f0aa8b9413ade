"""Welcomes (欢迎语): what is said to whom, and that it is said once, within the 20 seconds that WeCom leaves.

The handler of the add queues the message as a notice of :doc:`outreach`; the
worker hands it over within a second. Nothing is sent behind the deadline, and a
code is used once. Who came through which channel hears that channel's welcome, in
the variant for who they are; another plugin may say something else by the extension
point ``wecom.welcome``.

At their first add somebody is an external user id and nothing else: whether the
brand knows them as a member or buyer is told by the unionid, which WeCom has to be
asked for. So where that may change what they hear it is asked, and the text chosen,
as the welcome is handed over (:mod:`.gateway`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, NotFound, clean_text, execute, iso, transactional

from .acts import noted
from .content import checked, text_of
from .media import Media
from .schemas import AUDIENCES, NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .client.codes import WecomError
    from .follows import Follow

CHANNEL, SENDER = "wecom", "wecom-welcome"
POINT = "wecom.welcome"
WINDOW_MS = 20_000
SPARE_MS = 1_500
"""A code that is so near its end is not used: the call takes a moment, and clocks differ."""

NOT_AGREED = "41053"
"""A message's code where WeCom refused it because the customer has not agreed to the chat archive."""

NEW, KNOWN, BUYER, MEMBER = AUDIENCES
_MOST_RUNS = 20


@dataclass(frozen=True, slots=True)
class WelcomeWanted:
    """Whom a plugin may greet: the contact, the member of staff, the State, its channel's code and who they are."""

    contact_id: int
    staff: str
    state: str
    channel: str
    audience: str


@dataclass(frozen=True, slots=True)
class Welcome:
    """A welcome: of a channel (empty: any) for an audience (empty: everybody); ``note`` is what WeCom refuses of it."""

    channel: str
    audience: str
    content: dict[str, Any]
    actor: str
    at: int
    note: str


@dataclass(frozen=True, slots=True)
class Greeting:
    """A welcome on its way: what who is ``audience`` hears (empty: nothing), of whose member, and until when."""

    content: dict[str, Any]
    staff: str
    audience: str
    until: int

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Greeting:
        """From a message's params; one that was queued before they said more goes as it is."""
        staff, audience = params.get("staff", ""), params.get("audience", "")
        return cls(json.loads(params["content"]), staff, audience, int(params.get("until", "0")))

    def params(self) -> dict[str, str]:
        """As the message keeps it."""
        content = json.dumps(self.content, ensure_ascii=False)
        return {"content": content, "staff": self.staff, "audience": self.audience, "until": str(self.until)}


class Greetings:
    """The welcomes of one brand."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    # What is said -------------------------------------------------------------

    @transactional
    def put(self, content: Mapping[str, Any], *, channel: str = "", audience: str = "", actor: str = "") -> Welcome:
        """Say what is said; replaces what was. Raises Invalid for what WeCom would refuse, NotFound for a channel."""
        if channel:
            self.brand.channels.get(channel)
        ready = checked(content)
        Media(self.brand).known(ready)
        execute(
            "INSERT INTO wecom_welcome (channel, audience, content, actor, at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (channel, audience) DO UPDATE SET content = excluded.content, actor = excluded.actor, "
            "at = excluded.at, note = ''",
            (channel, audience, json.dumps(ready, ensure_ascii=False), clean_text(actor, field="actor"),
             self.brand.now()),
        )  # fmt: skip
        noted(self.brand, actor, "wecom_welcome.set", f"{channel}/{audience}")
        return next(each for each in self.all() if (each.channel, each.audience) == (channel, audience))

    @transactional
    def remove(self, channel: str, audience: str, *, actor: str = "") -> None:
        """Say it no more; raises NotFound."""
        gone = execute("DELETE FROM wecom_welcome WHERE channel = ? AND audience = ?", (channel, audience))
        if not gone.rowcount:
            raise NotFound(f"no welcome of channel {channel!r} for audience {audience!r}")
        noted(self.brand, actor, "wecom_welcome.remove", f"{channel}/{audience}")

    def all(self) -> list[Welcome]:
        """Every welcome, the general ones first."""
        rows = execute(
            "SELECT channel, audience, content, actor, at, note FROM wecom_welcome ORDER BY channel, audience"
        ).fetchall()
        return [Welcome(row[0], row[1], json.loads(row[2]), *row[3:]) for row in rows]

    @transactional
    def spoiled(self, content: Mapping[str, Any], error: WecomError, *, greets: bool) -> None:
        """WeCom does not take a file of this welcome: that stays with it until somebody sets it anew."""
        what = "people get it without its files" if greets else "it greets nobody"
        execute(
            "UPDATE wecom_welcome SET note = ? WHERE content = ? AND note = ''",
            (f"{what} since {iso(self.brand.now(), self.brand.zone)}: {error}"[:500],
             json.dumps(content, ensure_ascii=False)),
        )  # fmt: skip

    def warnings(self) -> Iterator[str]:
        """Welcomes that people have to set anew."""
        for each in self.all():
            if each.note:
                who = f" for {each.audience}" if each.audience else ""
                what = f"the welcome of channel {each.channel!r}" if each.channel else "the general welcome"
                yield f"{what}{who} is not whole: {each.note}; keep its file (`scrm wecom media put`), set it anew"

    # To whom ------------------------------------------------------------------

    def audience_of(self, contact_id: int, follow_id: int) -> str:
        """Who somebody is: a member, a buyer, known (had another member of staff, or came before), else new."""
        if self.brand.membership.current(contact_id) is not None:
            return MEMBER
        if self.brand.contacts.get_by_id(contact_id).orders:
            return BUYER
        other = execute(
            "SELECT 1 FROM wecom_follow WHERE contact_id = ? AND id <> ? LIMIT 1", (contact_id, follow_id)
        ).fetchone()
        again = execute(
            "SELECT count(*) FROM touch WHERE contact_id = ? AND kind = 'lead'", (contact_id,)
        ).fetchone()[0]
        return KNOWN if other is not None or again > 1 else NEW

    def audience_now(self, follow: Follow, before: str) -> str:
        """Who somebody is whom their add found to be ``before``: that, or more by what was learned since.

        Whoever else they have added since, and the leads of the relation itself, make nobody known.
        """
        now = self.audience_of(follow.contact_id, follow.id)
        if now == KNOWN and before == NEW and not self._was_known(follow):
            return before
        return max(before, now, key=AUDIENCES.index)

    @staticmethod
    def _was_known(follow: Follow) -> bool:
        row = execute(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM wecom_follow WHERE contact_id = ? AND id <> ? "
            "AND (since IS NULL OR since < ?)) "
            "OR EXISTS (SELECT 1 FROM touch WHERE contact_id = ? AND kind = 'lead' AND ref <> ? AND at < ?)",
            (follow.contact_id, follow.id, follow.since, follow.contact_id, NAME, follow.since),
        ).fetchone()
        return row is not None

    def varies(self) -> bool:
        """Whether it may matter who somebody is: there is a text for an audience, or a plugin that may have one."""
        row = execute("SELECT 1 FROM wecom_welcome WHERE audience <> '' LIMIT 1").fetchone()
        return row is not None or bool(self.brand.extensions(POINT))

    def may_hear_more(self, follow: Follow, audience: str) -> bool:
        """Whether somebody would hear something else if they turned out to be more than ``audience``."""
        return bool(self._above(audience) and self.brand.extensions(POINT)) or self._texts_differ(follow, audience)

    def _texts_differ(self, follow: Follow, audience: str) -> bool:
        channel, found = self._channel(follow), self._texts()
        said = _text(found, channel, audience)
        return any(_text(found, channel, each) != said for each in self._above(audience))

    @staticmethod
    def _above(audience: str) -> tuple[str, ...]:
        return AUDIENCES[AUDIENCES.index(audience) + 1 :]

    def greet(self, follow: Follow, code: str, at: int) -> str:
        """Queue the welcome of an add that happened at ``at``; returns why not, or an empty text."""
        if at + WINDOW_MS - SPARE_MS <= self.brand.now():
            return "too late for a welcome"
        audience = self.audience_of(follow.contact_id, follow.id)
        content = self.content_for(follow, audience)
        if content is None and not self._texts_differ(follow, audience):
            return "no welcome is set"
        taken = execute(
            "UPDATE wecom_follow SET welcomed_at = ? WHERE id = ? AND welcomed_at IS NULL", (at, follow.id)
        )
        if not taken.rowcount:
            return "greeted already"
        self._queue(follow, code, Greeting(content or {}, follow.staff, audience, at + WINDOW_MS - SPARE_MS))
        return ""

    def greet_agreed(self, follow: Follow, code: str, at: int) -> str:
        """As :meth:`greet` for who has agreed to the chat archive; what was refused for want of that goes now."""
        execute(
            "UPDATE wecom_follow SET welcomed_at = NULL WHERE id = ? AND EXISTS ("
            "SELECT 1 FROM message m JOIN outreach_run r ON r.id = m.run_id WHERE r.owner = ? AND r.sender = ? "
            "AND m.address = ? AND m.code = ? AND m.expires_at = wecom_follow.welcomed_at + ?)",
            (follow.id, NAME, SENDER, follow.external, NOT_AGREED, WINDOW_MS - SPARE_MS),
        )
        return self.greet(follow, code, at)

    def content_for(self, follow: Follow, audience: str) -> dict[str, Any] | None:
        """What somebody hears who is this; None where nothing is set."""
        channel = self._channel(follow)
        wanted = WelcomeWanted(follow.contact_id, follow.staff, follow.source, channel, audience)
        for name, method in self.brand.extensions(POINT):
            said = self.brand.contained(name, lambda name=name, method=method: _asked(self.brand, name, method, wanted))
            if said is not None:
                return said
        return _text(self._texts(), channel, audience)

    def _channel(self, follow: Follow) -> str:
        return self.brand.channels.resolve_state(follow.source).channel_code if follow.source else ""

    def _texts(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(each.channel, each.audience): each.content for each in self.all()}

    def _queue(self, follow: Follow, code: str, greeting: Greeting) -> None:
        """Queue the message in a run of today: one run writes to a person once, so a second add takes the next."""
        today = date.fromordinal(self.brand.day(self.brand.now())).isoformat()
        outreach = self.brand.outreach
        for nth in range(1, _MOST_RUNS + 1):
            run = outreach.open_run(
                f"welcome-{today}-{nth}", owner=NAME, channel=CHANNEL, kind="notice", sender=SENDER, standing=True
            )
            if run.state == "draft":
                outreach.release(run.id, 10_000)
                outreach.start(run.id)
                self._close_former()
            elif run.state == "paused":
                with suppress(Conflict):  # somebody else did at this moment
                    outreach.resume(run.id)
            if self._has(run.id, follow):
                continue
            queued = outreach.queue_body(
                run.id, follow.external, text_of(greeting.content), contact_id=follow.contact_id, template=code,
                params=greeting.params(), expires_at=greeting.until,
            )  # fmt: skip
            if queued is not None:
                return

    @staticmethod
    def _has(run_id: int, follow: Follow) -> bool:
        row = execute(
            "SELECT 1 FROM message WHERE run_id = ? AND (address = ? OR contact_id = ?) LIMIT 1",
            (run_id, follow.external, follow.contact_id),
        ).fetchone()
        return row is not None

    def _close_former(self) -> None:
        """End the runs of days before yesterday: a running one is looked at all the time."""
        yesterday = date.fromordinal(self.brand.day(self.brand.now()) - 1).isoformat()
        rows = execute(
            "SELECT id FROM outreach_run WHERE owner = ? AND code >= 'welcome-' AND code < ? AND state = 'running'",
            (NAME, f"welcome-{yesterday}"),
        ).fetchall()
        for (run_id,) in rows:
            self.brand.outreach.cancel(run_id, "the day is over")


def _text(found: Mapping[tuple[str, str], dict[str, Any]], channel: str, audience: str) -> dict[str, Any] | None:
    places = ((channel, audience), (channel, ""), ("", audience), ("", ""))
    return next((found[place] for place in places if place in found), None)


def _asked(brand: Brand, name: str, method: str, wanted: WelcomeWanted) -> dict[str, Any] | None:
    said = getattr(brand.plugins[name], method)(wanted)
    return None if said is None else checked(said)
