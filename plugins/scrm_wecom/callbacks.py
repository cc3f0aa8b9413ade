"""Callbacks of WeCom (回调): checked, kept as they came, once each.

The request does no more than that, because WeCom waits five seconds and comes
three times in all; what a callback does follows in the worker, through the event
log (:mod:`.changes`). A callback is known by **every** field that it has:
WeCom's advice to compare sender and time would drop the second of two customers
who add in one second.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from scrm_core.api import Forbidden, Invalid, execute, fetch_in, insert_returning, insert_rows, page_size

from . import tasks
from .crypto import Crypt, Unreadable, WrongReceiver, encrypted_in, first_of, read_fields
from .models import WecomCallback, WecomNamed
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

BODY_BYTES = 64 * 1024
"""A callback of WeCom has about 1 kB; merged changes of a large chat group a few."""

TOLD = "callback"
"""The event that tells the worker of a new callback."""

STATES = ("new", "done", "kept", "refused")
_MOST_DIGITS = 11
_CUSTOMER = re.compile(r"(?<![\w-])w[mo][A-Za-z0-9_-]{10,126}(?![\w-])")
_PERSON = re.compile(rf"{_CUSTOMER.pattern}|(?<![\w-])o[A-Za-z0-9_-]{{27}}(?![\w-])")
"""An external user id, or the unionid or openid of a WeChat user."""
_FIELD = 200
_AT_ONCE = 200
_KEPT = ("key", "event", "change", "external", "body", "state", "note", "at", "received_at")


class TooLong(Unreadable):
    """A body longer than any callback."""

    status = 413
    code = "wecom_body"


class Stale(Forbidden):
    """A callback whose time lies too far from ours: sent again by somebody who listened, or a clock is wrong."""

    code = "wecom_stale"


@dataclass(frozen=True, slots=True)
class Callback:
    """A callback as it is kept; ``fields`` are its elements by path, such as ``UserID`` or ``MemChangeList/Item``."""

    id: int
    event: str
    change: str
    external: str
    state: str
    note: str
    at: int
    received_at: int
    body: str

    def fields(self) -> dict[str, str]:
        """The text of each element; of several of one name the first."""
        return {} if not self.body else first_of(read_fields(self.body.encode()))


def key_of(fields: Sequence[tuple[str, str]], seconds: int) -> str:
    """What tells one callback from another: a hash of all its fields in their order, behind its time.

    Those of one moment stand side by side in the index: without the time each goes to a page of its own, which is
    half of what keeping many costs.
    """
    # No text of XML has a NUL.
    text = "\0".join(chain.from_iterable(fields))
    return f"{seconds}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


class Told(NamedTuple):
    """A decrypted message that was read: its row and what it names besides."""

    key: str
    event: str
    change: str
    external: str
    body: str
    at: int
    chat: str


class Inbox:
    """The callbacks of one brand."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self._corp = settings["corp_id"]
        self._window = settings["callback_window_seconds"]
        self._crypt = Crypt(settings["callback_token"], settings["callback_aes_key"], settings["corp_id"])

    def echo(self, signature: str, timestamp: str, nonce: str, echostr: str) -> bytes:
        """The answer to WeCom's check of the address; raises what :meth:`Crypt.open` raises, and Stale."""
        # A parser that read "+" as a space took it from the base64.
        message = self._crypt.open(signature, timestamp, nonce, echostr.replace(" ", "+"))
        self._in_time(timestamp)
        return message

    def receive(self, signature: str, timestamp: str, nonce: str, body: bytes) -> bool:
        """Keep a callback; False when it is there already. Raises what :meth:`opened` raises.

        Those of several threads that come at one moment are kept together.
        """
        return self.brand.group_many(self.keep_many, self.opened(signature, timestamp, nonce, body))

    def opened(self, signature: str, timestamp: str, nonce: str, body: bytes) -> Told:
        """A callback checked, decrypted and read, without the database. Raises TooLong, Unreadable and the like."""
        if len(body) > BODY_BYTES:
            raise TooLong(f"a callback has at most {BODY_BYTES} bytes")
        encrypted = encrypted_in(body)
        if not encrypted:
            raise Unreadable("the body is no callback of WeCom: XML with an Encrypt that holds something")
        message = self._crypt.open(signature, timestamp, nonce, encrypted)
        self._in_time(timestamp)
        return self._read(message)

    def _in_time(self, timestamp: str) -> None:
        """Looked at behind the signature, which covers it."""
        seconds = _time_of(timestamp)
        if seconds is None:
            raise Stale("timestamp is no time in seconds")
        if abs(self.brand.now() // 1_000 - seconds) > self._window:
            raise Stale(f"the callback's time is more than {self._window} s from ours; is this machine's clock right?")

    def keep(self, message: bytes) -> bool:
        """Keep a decrypted message; False when it is there already.

        Raises Unreadable, and WrongReceiver for one that names another corporation.
        """
        return self.brand.group_many(self.keep_many, self._read(message))

    def _read(self, message: bytes) -> Told:
        try:
            body = message.decode()
        except UnicodeDecodeError:
            raise Unreadable("the message is no UTF-8") from None
        every = read_fields(message)
        # The same corporation as behind the message; an application's own callbacks name no other (dev:90238).
        for path, text in every:
            if path == "ToUserName" and text not in ("", self._corp):
                raise WrongReceiver("the message is addressed to another corporation")
        fields = first_of(every)
        seconds, now = _time_of(fields.get("CreateTime", "")), self.brand.now()
        return Told(
            key_of(every, seconds or 0),
            (fields.get("Event") or fields.get("MsgType", ""))[:_FIELD],
            fields.get("ChangeType", "")[:_FIELD],
            fields.get("ExternalUserID", "")[:_FIELD],
            body,
            now if seconds is None else min(seconds * 1_000, now),  # WeCom's time is never in the future
            fields.get("ChatId", ""),
        )

    def keep_many(self, told: Sequence[Told]) -> list[bool]:
        """Keep messages and tell the worker, in the open transaction; False for each that was there already."""
        now = self.brand.now()
        rows = [(t.key, t.event, t.change, t.external, t.body, "new", "", t.at, now) for t in told]
        made = insert_returning(
            WecomCallback, _KEPT, rows, returning=("id", "key"), on_conflict="ON CONFLICT (key) DO NOTHING"
        )
        self.brand.emit_many(NAME, TOLD, [(None, {"callback": row[0]}, now) for row in sorted(made)])
        new, answers, again = {row[1] for row in made}, [], {}
        for each in told:
            answers.append(each.key in new)
            if each.key in new:
                new.remove(each.key)  # the same one once more in these
            elif tasks.may_be_two(each.event, each.change):
                again[each.key] = each
        if again:
            self._read_anew(again)
        return answers

    def _read_anew(self, again: Mapping[str, Told]) -> None:
        """Two edits of one customer in one second are the same text: that they are two would be lost."""
        known = fetch_in("SELECT key, external FROM wecom_callback WHERE key IN ({in})", sorted(again))
        wishes = (
            tasks.asks(told.event, told.change, external, told.chat)
            for told, external in ((again[key], external) for key, external in known)
        )
        tasks.want_many(self.brand, [wish for wish in wishes if wish is not None])


def _time_of(text: str) -> int | None:
    """A time in seconds; None for a text that is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


COLUMNS = "id, event, change, external, state, note, at, received_at, body"
"""Columns that make a :class:`Callback`, see :func:`about`."""


def get(callback_id: int) -> Callback | None:
    """The callback with this id, or None."""
    row = execute(f"SELECT {COLUMNS} FROM wecom_callback WHERE id = ?", (callback_id,)).fetchone()
    return None if row is None else Callback(*row)


def page(*, state: str = "", after: int = 0, limit: int = 50) -> list[Callback]:
    """Callbacks with ids above ``after``, ascending; of one state when asked. Raises Invalid."""
    if state not in ("", *STATES):
        raise Invalid(f"state is one of {', '.join(STATES)}", field="state")
    page_size(limit, 200)
    # The index of those that are not done is found by these words.
    where = "" if not state else " AND state = ?" if state == "done" else " AND state <> 'done' AND state = ?"
    params = [after, state, limit] if state else [after, limit]
    rows = execute(f"SELECT {COLUMNS} FROM wecom_callback WHERE id > ?{where} ORDER BY id LIMIT ?", params).fetchall()
    return [Callback(*row) for row in rows]


def settle(callback_id: int, state: str, note: str = "") -> None:
    """Say what became of a callback."""
    execute("UPDATE wecom_callback SET state = ?, note = ? WHERE id = ?", (state, note, callback_id))


def named_in(body: str) -> set[str]:
    """The ids of customers anywhere in a message, such as those of a chat group that several people joined."""
    return set(_CUSTOMER.findall(body))


def note_named(callback_id: int, external: str, body: str, without: Collection[str] = ()) -> None:
    """Note whom a callback names besides the customer whom it is about, so that they are found there."""
    names = set(_PERSON.findall(body)) - {external, *without}
    insert_rows(WecomNamed, ("callback_id", "external"), [(callback_id, name) for name in sorted(names)])


def about(externals: Sequence[str], columns: str) -> list[tuple[Any, ...]]:
    """Columns of the callbacks about these customers, in no order: those that wait stand in another index.

    These first: one that the worker meets between the two looks is found by the second, or by both.
    """
    found = [
        *fetch_in(
            f"SELECT {columns} FROM wecom_callback WHERE state <> 'done' AND state = 'new' AND external IN ({{in}})",
            externals,
        ),
        *fetch_in(
            f"SELECT {columns} FROM wecom_callback WHERE external <> '' AND state <> 'new' AND external IN ({{in}})",
            externals,
        ),
    ]
    return list(dict.fromkeys(found))


def blank(externals: Sequence[str]) -> None:
    """Take what callbacks say of these customers; that they came, and when, stays. Their keys stay: no repetition."""
    for (callback_id,) in about(externals, "id"):
        # The row first: a worker that is at it has noted whom it names when its turn is over.
        execute("UPDATE wecom_callback SET body = '', external = '' WHERE id = ?", (callback_id,))
        execute("DELETE FROM wecom_named WHERE callback_id = ?", (callback_id,))


def take_out(ids: Iterable[str]) -> None:
    """Take these ids out of every callback that names them in whatever field.

    What the worker has not met yet is read, and before the rest is looked for: it notes whom a callback names. An id
    that somebody imported may look like none of WeCom's: it is looked for in all that is kept.
    """
    for each in ids:
        if _PERSON.fullmatch(each):
            _take_out_of("state <> 'done' AND state = 'new'", each)
            rows = execute(
                "SELECT c.id, c.body FROM wecom_named n JOIN wecom_callback c ON c.id = n.callback_id "
                "WHERE n.external = ?",
                (each,),
            ).fetchall()
            for callback_id, body in rows:
                cut(callback_id, body, [each])
            execute("DELETE FROM wecom_named WHERE external = ?", (each,))
        else:
            _take_out_of("1 = 1", each)


def _take_out_of(which: str, each: str) -> None:
    like = "".join(f"!{char}" if char in "!%_" else char for char in each)
    after = 0
    while rows := execute(
        f"SELECT id, body FROM wecom_callback WHERE {which} AND id > ? AND body LIKE ? ESCAPE '!' ORDER BY id LIMIT ?",
        (after, f"%{like}%", _AT_ONCE),
    ).fetchall():
        for callback_id, body in rows:
            cut(callback_id, body, [each])
        after = rows[-1][0]


def cut(callback_id: int, body: str, ids: Iterable[str]) -> None:
    """Take these ids out of one callback; whoever else it names stays."""
    for each in ids:
        # An id that somebody imported may be any word: the names of elements, and CDATA, are none of a person's.
        body = re.sub(rf"(?<![\w<-])(?<!</){re.escape(each)}(?![\w\[-])", "", body)
    execute("UPDATE wecom_callback SET body = ? WHERE id = ?", (body, callback_id))


def forget(before: int, most: int = 1_000) -> int:
    """Remove callbacks that came before an instant, at most so many; returns how many."""
    return int(
        execute(
            "DELETE FROM wecom_callback WHERE id IN "
            "(SELECT id FROM wecom_callback WHERE received_at < ? AND state <> 'new' ORDER BY received_at LIMIT ?)",
            (before, most),
        ).rowcount
    )
