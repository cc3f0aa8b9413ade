"""The chat archive (会话内容存档) as a source of messages: what customers who agreed say becomes ``on_message_in``.

That staff wrote to one of them, by themselves, becomes the event ``wrote``: when and who, and nothing of what.

WeCom gives archived messages by a C library alone, which is not ours to ship. A
*fetcher* stands for it: a bridge over HTTP (:class:`Bridge`), or what another
plugin offers by the extension point ``wecom.archive-fetcher``. The random key of
each message is decrypted here, so the private key never leaves this process.

Records are read behind the last ``seq``; a page's messages and its ``seq`` are one
transaction, and a message is kept once by its id, whoever reads it. What staff say
in groups, and all with customers who did not agree, is passed over unwritten.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from scrm_core.api import Conflict, IdentityIn, PluginError, ScrmError, Veto, execute, transactional

from .client.answers import number, objects, text, texts
from .client.api import Api
from .client.calls import Calls, log
from .client.codes import CALL, DATA, WecomError
from .follows import SUPPRESSED, pair
from .greetings import WINDOW_MS
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

POINT, CHANNEL = "wecom.archive-fetcher", "wecom"
PAGE, LEASE_MS, SECONDS = 100, 120_000, 30.0
TEXT_CHARS = 2_000
WROTE = "wrote"
"""The event that a member of staff wrote to a customer."""

SENDS_MS = 30 * 86_400_000
"""For how long staff may take to confirm a group send: until then its text is not theirs."""

ANSWER_BYTES = 32 * 1024 * 1024
_KEYS = re.compile(r"(?:(\d{1,9})\s+)?(-----BEGIN [A-Z ]*PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----)", re.S)
_NO_TEXT = re.compile("[\x00-\x20\x7f-\x9f\ud800-\udfff]+")
_ID = re.compile(r"[!-~]{1,128}\Z")
_CUSTOMER = re.compile(r"w[mo][A-Za-z0-9_-]{30}\Z")
"""Customers of WeChat (wm) and of other corporations (wo); robots (wb) and members of staff are none."""

_ROBOT = re.compile(r"wb[A-Za-z0-9_-]{30}\Z")


class ArchiveError(ScrmError):
    """The archive cannot be read now; the text says what to do."""

    status = 502
    code = "wecom_archive"


class Fetcher(Protocol):
    """What reads the archive: WeCom's C library (dev:91774), by whatever way. Errors are ArchiveError."""

    def chat_data(self, seq: int, limit: int) -> Mapping[str, Any]:
        """``GetChatData``: the answer as the library gives it, of records behind ``seq``."""

    def decrypt(self, items: Sequence[tuple[str, str]]) -> Sequence[Mapping[str, Any] | None]:
        """``DecryptData`` of (random key in clear, ``encrypt_chat_msg``) pairs: messages, None for a refused one."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a customer; ``words`` is its text, or its kind in brackets: media are not fetched.

    With ``wrote`` it is one to them: ``to`` is the member of staff who wrote it.
    """

    msgid: str
    external: str
    to: str
    room: str
    at: int
    words: str
    wrote: bool = False


class Archive:
    """The chat archive of one brand; use it outside transactions."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any]) -> None:
        self.brand = brand
        self._settings = settings

    @cached_property
    def _api(self) -> Api:
        """WeCom's API as the archive's own application."""
        return Api(Calls(self.brand, {**self._settings, "secret": self._settings["archive_secret"]}))

    @cached_property
    def _keys(self) -> dict[str, Any]:
        """Private keys by version; one without a version is for all. Raises Conflict."""
        from cryptography.hazmat.primitives.asymmetric import rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        found: dict[str, Any] = {}
        for version, pem in _KEYS.findall(self._settings["archive_keys"].replace("\\n", "\n")):
            try:
                key = load_pem_private_key(pem.encode(), None)
            except (ValueError, TypeError):
                key = None
            if not isinstance(key, rsa.RSAPrivateKey):
                raise Conflict(f"archive_keys: key {version or 1} is no RSA private key in PEM", code="archive_keys")
            found[version] = key
        if not found:
            raise Conflict("archive_keys has no private key in PEM", code="archive_keys")
        return found

    def _fetcher(self) -> Fetcher:
        for name, method in self.brand.extensions(POINT):
            offered: Fetcher | None = getattr(self.brand.plugins[name], method)()
            if offered is not None:
                return offered
        if not self._settings["archive_bridge"]:
            raise ArchiveError("nothing reads the chat archive: set archive_bridge, or a plugin that fetches it")
        return Bridge(self._settings["archive_bridge"], self._settings["archive_bridge_token"])

    def run(self, seconds: float = SECONDS) -> int:
        """Read until nothing is left or the time is over; returns how many messages were taken."""
        if not self._claim():
            return 0  # another worker reads
        taken, until, error = 0, time.monotonic() + seconds, ""
        try:
            fetcher = self._fetcher()
            while time.monotonic() < until:
                count, more, error = self._page(fetcher)
                taken += count
                if error or not more:
                    break
        except ScrmError as exc:
            error = str(exc)
            log.warning("the chat archive is read later: %s", error)
        finally:
            self._release(error)
        return taken

    @transactional
    def _claim(self) -> bool:
        now = self.brand.now()
        execute(
            "INSERT INTO wecom_archive (id, seq, lease_until, error, at) VALUES (1, 0, 0, '', ?) "
            "ON CONFLICT (id) DO NOTHING",
            (now,),
        )
        taken = execute(
            "UPDATE wecom_archive SET lease_until = ? WHERE id = 1 AND lease_until <= ?", (now + LEASE_MS, now)
        )
        return bool(taken.rowcount)

    @transactional
    def _release(self, error: str) -> None:
        execute("UPDATE wecom_archive SET lease_until = 0, error = ? WHERE id = 1", (error[:500],))

    def _page(self, fetcher: Fetcher) -> tuple[int, bool, str]:
        """Take a page; how many messages, whether there may be more, and why the rest waits."""
        (seq,) = execute("SELECT seq FROM wecom_archive WHERE id = 1").fetchone()
        told = fetcher.chat_data(seq, PAGE)
        if number(told, "errcode"):
            raise ArchiveError(f"GetChatData answered {number(told, 'errcode')}; look it up on dev:91774")
        records = sorted((r for r in objects(told, "chatdata") if number(r, "seq") > seq), key=lambda r: r["seq"])
        opened, missing = self._open(records)
        messages = fetcher.decrypt([(key, str(record.get("encrypt_chat_msg"))) for record, key in opened if key])
        plain = iter(messages)
        said, unread = [], []
        for record, key in opened:
            message = next(plain, None) if key else None
            if message is None:
                unread.append((record["seq"], "its key does not open it" if not key else "DecryptData refused it"))
            elif (found := said_of(message)) is not None:
                said.append(found)
        taken = self._take(seq, opened[-1][0]["seq"], self._agreed(said), unread) if opened else 0
        waits = f"archive_keys has no key of version {missing}; WeCom keeps messages for five days" if missing else ""
        return taken, len(records) >= PAGE, waits

    def _open(self, records: Sequence[Mapping[str, Any]]) -> tuple[list[tuple[Mapping[str, Any], str]], str]:
        """Each record with its random key in clear (empty: unreadable) until a key is missing; that key's version."""
        opened: list[tuple[Mapping[str, Any], str]] = []
        for record in records:
            version = str(number(record, "publickey_ver"))
            private = self._keys.get(version) or self._keys.get("")
            if private is None:
                return opened, version
            opened.append((record, _random_key(private, record.get("encrypt_random_key"))))
        return opened, ""

    def _agreed(self, said: Sequence[Said]) -> list[Said]:
        """Those of customers who agreed, as WeCom says now."""
        singles = sorted({(each.to, each.external) for each in said if not each.room})
        rooms = {room: self._in_room(room) for room in sorted({each.room for each in said if each.room})}
        pairs = self._in_singles(singles)
        return [
            each for each in said
            if (each.external in rooms[each.room] if each.room else (each.to, each.external) in pairs)
        ]  # fmt: skip

    def _in_singles(self, pairs: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Who of these agreed; one who is nobody's customer any more spoils the question for himself alone."""
        if not pairs:
            return set()
        try:
            return self._api.agreed(pairs)
        except WecomError as error:
            if error.kind not in (DATA, CALL):
                raise
            return set().union(*(self._in_singles([each]) for each in pairs)) if len(pairs) > 1 else set()

    def _in_room(self, room: str) -> set[str]:
        try:
            return self._api.agreed_in_room(room)
        except WecomError as error:
            if error.kind not in (DATA, CALL):
                raise
            return set()  # a group that is no more: nobody can say who agreed

    @transactional
    def _take(self, old: int, new: int, said: Sequence[Said], unread: Sequence[tuple[int, str]]) -> int:
        moved = execute(
            "UPDATE wecom_archive SET seq = ?, at = ? WHERE id = 1 AND seq = ?", (new, self.brand.now(), old)
        )
        if not moved.rowcount:
            return 0  # somebody else took this page while our lease was over
        for seq, note in unread:
            execute(
                "INSERT INTO wecom_unread (seq, note, at) VALUES (?, ?, ?) ON CONFLICT (seq) DO NOTHING",
                (seq, note, self.brand.now()),
            )
        return sum(self._keep(each) for each in said)

    def _keep(self, said: Said) -> int:
        at = min(said.at, self.brand.now())
        try:
            contact_id = self.brand.contacts.resolve(
                (IdentityIn.of("external_userid", said.external),), at=at, origin=NAME
            ).contact_id
        except Veto as veto:
            if veto.code != SUPPRESSED:
                raise
            return 0  # who was erased is not written of
        if said.wrote:
            if not self._automatic(contact_id, said, at):
                self.brand.emit(NAME, WROTE, contact_id, {"staff": said.to}, at=at)
            return 0
        kept = self.brand.outreach.received(
            CHANNEL, said.external, said.words, ref=said.msgid, at=at, to=said.room or said.to
        )
        return int(kept.new)

    @staticmethod
    def _automatic(contact_id: int, said: Said, at: int) -> bool:
        """Whether staff did not write this by themselves: a welcome, or a group send that they confirmed."""
        known = pair(said.external, said.to)
        if known is not None and known.since is not None and 0 <= at - known.since <= WINDOW_MS:
            return True  # so long a welcome may take, ours or one that was set in WeCom
        rows = execute(
            "SELECT m.params FROM message m JOIN outreach_run r ON r.id = m.run_id "
            "WHERE m.contact_id = ? AND m.sent_at BETWEEN ? AND ? AND r.channel = ?",
            (contact_id, at - SENDS_MS, at, CHANNEL),
        ).fetchall()
        sent = (json.loads(params).get("content") for (params,) in rows if params)  # another sender's may carry none
        return any(said.words in _parts(json.loads(content)) for content in sent if content)


def _random_key(private: Any, sealed: Any) -> str:
    """The random key of a message in clear; empty for one that the private key does not open."""
    from cryptography.hazmat.primitives.asymmetric import padding

    try:
        return str(private.decrypt(base64.b64decode(sealed, validate=True), padding.PKCS1v15()).decode("ascii"))
    except (ValueError, TypeError, binascii.Error):
        return ""


def said_of(message: Mapping[str, Any]) -> Said | None:
    """A customer's message, or one of staff to a customer alone; None for robots, recalls and what else is neither."""
    sender, kind = text(message, "from"), text(message, "msgtype")
    if message.get("action") != "send" or not _ID.match(text(message, "msgid")):
        return None
    others = [each for each in texts(message, "tolist") if _ID.match(each)]
    room = text(message, "roomid")
    wrote = not _CUSTOMER.match(sender)
    if wrote and not (_is_staff(sender) and not room and len(others) == 1 and _CUSTOMER.match(others[0])):
        return None
    content = message.get("text")
    words = content.get("content") if kind == "text" and isinstance(content, Mapping) else None
    shown = words if isinstance(words, str) else f"[{kind[:40] or 'unknown'}]"
    to = others[0] if others else ""
    return Said(
        text(message, "msgid"), to if wrote else sender, sender if wrote else to, room if _ID.match(room) else "",
        max(0, number(message, "msgtime")), _line(shown), wrote,
    )  # fmt: skip


def _parts(content: Mapping[str, Any]) -> set[str]:
    """What the archive shows of a message that we sent, which it has as several: the text, and each attachment."""
    words = _line(content.get("text", {}).get("content", ""))
    kinds = {each["msgtype"] for each in content.get("attachments", [])}
    return {words, *(f"[{'weapp' if kind == 'miniprogram' else kind}]" for kind in kinds)}


def _is_staff(sender: str) -> bool:
    return bool(_ID.match(sender)) and not _ROBOT.match(sender)


def _line(words: str) -> str:
    """What was said, as the core keeps what people write: in one line, without what no database holds."""
    return _NO_TEXT.sub(" ", words[: 4 * TEXT_CHARS]).strip()[:TEXT_CHARS].strip()


def warnings() -> Iterator[str]:
    """What people should look at: an archive that cannot be read, records that could not be."""
    row = execute("SELECT error FROM wecom_archive WHERE id = 1 AND error <> ''").fetchone()
    if row is not None:
        yield f"the chat archive waits: {row[0]}"
    (unread,) = execute("SELECT count(*) FROM wecom_unread").fetchone()
    if unread:
        yield f"{unread} archived messages could not be read; was archive_keys replaced before they were taken?"


class Bridge:
    """A fetcher over HTTP: a service of the brand's own around WeCom's C library, or the simulator."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def chat_data(self, seq: int, limit: int) -> Mapping[str, Any]:
        """``POST /chatdata`` with ``seq`` and ``limit``."""
        return self._ask("chatdata", {"seq": seq, "limit": limit})

    def decrypt(self, items: Sequence[tuple[str, str]]) -> list[Mapping[str, Any] | None]:
        """``POST /decrypt`` with ``items`` of ``encrypt_key`` and ``encrypt_chat_msg``."""
        if not items:
            return []
        body = {"items": [{"encrypt_key": key, "encrypt_chat_msg": sealed} for key, sealed in items]}
        found = self._ask("decrypt", body).get("messages")
        if not isinstance(found, list) or len(found) != len(items):
            raise ArchiveError("the bridge's answer to decrypt has not one message per item")
        return [each if isinstance(each, Mapping) else None for each in found]

    def _ask(self, name: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            import httpx
        except ImportError:
            raise PluginError("reading the chat archive needs httpx: pip install 'scrm[wecom]'") from None
        try:
            answer = httpx.post(
                f"{self._address}/{name}", json=body, headers=self._headers, timeout=30, follow_redirects=False,
                trust_env=False,
            )  # fmt: skip
            told = answer.json() if answer.status_code == 200 and len(answer.content) <= ANSWER_BYTES else None
        except (httpx.HTTPError, ValueError, RecursionError) as exc:
            raise ArchiveError(f"the bridge did not answer {name} ({type(exc).__name__})") from None
        if not isinstance(told, Mapping):
            raise ArchiveError(f"the bridge answered {name} with status {answer.status_code}")
        return told
