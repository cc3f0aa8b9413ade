"""Callbacks of WeCom (回调): checked, kept as they came, once each.

The request does no more than that, because WeCom waits five seconds and comes
three times in all; what a callback does follows in the worker, through the event
log (:mod:`.changes`). A callback is known by **every** field that it has:
WeCom's advice to compare sender and time would drop the second of two customers
who add in one second.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Forbidden, Invalid, execute, page_size, transactional

from . import tasks
from .crypto import Crypt, Unreadable, WrongReceiver, read_xml
from .schemas import NAME

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from scrm_core.api import Brand

BODY_BYTES = 64 * 1024
"""A callback of WeCom has about 1 kB; merged changes of a large chat group a few."""

TOLD = "callback"
"""The event that tells the worker of a new callback."""

STATES = ("new", "done", "kept", "refused")
_MOST_DIGITS = 11
_CUSTOMER = re.compile(r"(?<![\w-])w[mo][A-Za-z0-9_-]{10,126}(?![\w-])")
_FIELD = 200
_AT_ONCE = 200


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
        return {} if not self.body else first_of(fields_of(read_xml(self.body.encode())))


def fields_of(root: Element) -> list[tuple[str, str]]:
    """Every element with its path below the root and its text, in order; containers have none."""
    found: list[tuple[str, str]] = []
    waiting = [(child.tag, child) for child in reversed(root)]
    while waiting:
        path, element = waiting.pop()
        if len(element):
            waiting += [(f"{path}/{child.tag}", child) for child in reversed(element)]
        else:
            found.append((path, (element.text or "").strip()))
    return found


def first_of(fields: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The first text of each path."""
    return dict(reversed(fields))


def key_of(fields: Sequence[tuple[str, str]]) -> str:
    """What tells one callback from another: a hash of all its fields in their order."""
    return hashlib.sha256(json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


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
        """Keep a callback; False when it is there already. Raises TooLong, Unreadable, BadSignature and the like."""
        if len(body) > BODY_BYTES:
            raise TooLong(f"a callback has at most {BODY_BYTES} bytes")
        encrypted = read_xml(body).findtext("Encrypt") or ""
        message = self._crypt.open(signature, timestamp, nonce, encrypted.strip())
        self._in_time(timestamp)
        return self.keep(message)

    def _in_time(self, timestamp: str) -> None:
        """Looked at behind the signature, which covers it."""
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MOST_DIGITS):
            raise Stale("timestamp is no time in seconds")
        if abs(self.brand.now() // 1_000 - int(timestamp)) > self._window:
            raise Stale(f"the callback's time is more than {self._window} s from ours; is this machine's clock right?")

    @transactional
    def keep(self, message: bytes) -> bool:
        """Keep a decrypted message and tell the worker; False when the same one is there already.

        Raises Unreadable, and WrongReceiver for one that names another corporation.
        """
        try:
            body = message.decode()
        except UnicodeDecodeError:
            raise Unreadable("the message is no UTF-8") from None
        every = fields_of(read_xml(message))
        # The same corporation as behind the message; an application's own callbacks name no other (dev:90238).
        if any(path == "ToUserName" and text not in ("", self._corp) for path, text in every):
            raise WrongReceiver("the message is addressed to another corporation")
        fields = first_of(every)
        now = self.brand.now()
        row = execute(
            "INSERT INTO wecom_callback (key, event, change, external, body, state, note, at, received_at) "
            "VALUES (?, ?, ?, ?, ?, 'new', '', ?, ?) ON CONFLICT (key) DO NOTHING RETURNING id",
            (
                key_of(every),
                (fields.get("Event") or fields.get("MsgType", ""))[:_FIELD],
                fields.get("ChangeType", "")[:_FIELD],
                fields.get("ExternalUserID", "")[:_FIELD],
                body,
                _instant(fields.get("CreateTime", ""), now),
                now,
            ),
        ).fetchone()
        if row is None:
            # Two edits of one customer in one second are the same text: that they are two would be lost.
            self._read_anew(key_of(every), fields)
            return False
        self.brand.emit(NAME, TOLD, None, {"callback": row[0]})
        return True

    def _read_anew(self, key: str, fields: Mapping[str, str]) -> None:
        (event, change, external) = execute(
            "SELECT event, change, external FROM wecom_callback WHERE key = ?", (key,)
        ).fetchone()
        tasks.read_anew(self.brand, event, change, external, fields.get("ChatId", ""))


def _instant(seconds: str, now: int) -> int:
    """``CreateTime`` as an instant; ours where it is none, and never in the future."""
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= _MOST_DIGITS):
        return now
    return min(int(seconds) * 1_000, now)


_COLUMNS = "id, event, change, external, state, note, at, received_at, body"


def get(callback_id: int) -> Callback | None:
    """The callback with this id, or None."""
    row = execute(f"SELECT {_COLUMNS} FROM wecom_callback WHERE id = ?", (callback_id,)).fetchone()
    return None if row is None else Callback(*row)


def page(*, state: str = "", after: int = 0, limit: int = 50) -> list[Callback]:
    """Callbacks with ids above ``after``, ascending; of one state when asked. Raises Invalid."""
    if state not in ("", *STATES):
        raise Invalid(f"state is one of {', '.join(STATES)}", field="state")
    page_size(limit, 200)
    where, params = ("", [after, limit]) if not state else (" AND state = ?", [after, state, limit])
    rows = execute(f"SELECT {_COLUMNS} FROM wecom_callback WHERE id > ?{where} ORDER BY id LIMIT ?", params).fetchall()
    return [Callback(*row) for row in rows]


def settle(callback_id: int, state: str, note: str = "") -> None:
    """Say what became of a callback."""
    execute("UPDATE wecom_callback SET state = ?, note = ? WHERE id = ?", (state, note, callback_id))


def named_in(body: str) -> set[str]:
    """The ids of customers anywhere in a message, such as those of a chat group that several people joined."""
    return set(_CUSTOMER.findall(body))


def blank(externals: Iterable[str]) -> None:
    """Take what callbacks say of these customers; that they came, and when, stays. Their keys stay: no repetition."""
    for external in externals:
        execute("UPDATE wecom_callback SET body = '', external = '' WHERE external = ?", (external,))


def take_out(ids: Iterable[str]) -> None:
    """Take these ids out of every callback that names them in whatever field: it reads all that are kept."""
    for each in ids:
        like = "".join(f"!{char}" if char in "!%_" else char for char in each)
        after = 0
        while rows := execute(
            "SELECT id, body FROM wecom_callback WHERE id > ? AND body LIKE ? ESCAPE '!' ORDER BY id LIMIT ?",
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
