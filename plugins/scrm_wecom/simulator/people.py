"""Invented people, each a pure function of a seed and a number, so that a million of them take no memory.

A person is known by a key: ``p0``, ``p1``, ... are the row of generated people;
any other key of letters and digits is somebody who appears when first named.
``external_userid`` differs from corp to corp (wecom section 3) and can be
turned back into the person without a table.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

from scrm_core.api import Invalid

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_GENERATED = re.compile(r"p(0|[1-9][0-9]{0,8})")
_NAMED_FROM = 2**31
_EVERY_WECOM_USER = 50

_FAMILY = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
_GIVEN = (
    "小满", "立夏", "谷雨", "白露", "秋分", "霜降", "冬至",
    "清明", "春分", "芒种", "大寒", "惊蛰", "处暑", "雨水", "立春", "小雪",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody outside the corp. ``gender`` 0 unknown, 1 male, 2 female; ``wecom_user`` is of another corp's WeCom."""

    number: int
    key: str
    name: str
    gender: int
    wecom_user: bool


class People:
    """Everybody that there is, for all corps of one simulator."""

    def __init__(self, seed: int = 1) -> None:
        self._secret = str(seed).encode()
        self._named: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, key: str) -> int:
        """The number of a key; a new key is a new person. Raises Invalid for what cannot be a key."""
        generated = _GENERATED.fullmatch(key)
        if generated:
            return int(generated[1])
        if not _KEY.fullmatch(key):
            raise Invalid("a person's key is 1 to 64 letters, digits and ._-", field="person")
        if key not in self._numbers:
            self._numbers[key] = _NAMED_FROM + len(self._named)
            self._named.append(key)
        return self._numbers[key]

    def person(self, number: int) -> Person:
        """The person of a number."""
        key = f"p{number}" if number < _NAMED_FROM else self._named[number - _NAMED_FROM]
        drawn = self._digest("person", number, 4)
        wecom_user = number < _NAMED_FROM and number % _EVERY_WECOM_USER == _EVERY_WECOM_USER - 1
        return Person(number, key, _FAMILY[drawn[0] % 16] + _GIVEN[drawn[1] % 16], drawn[2] % 3, wecom_user)

    def draw(self, what: str, number: int, below: int) -> int:
        """A number below ``below`` that is always the same for one thing of one person."""
        return int.from_bytes(self._digest(what, number, 8), "big") % below

    def external_userid(self, corpid: str, number: int) -> str:
        """The person's id in a corp: 32 characters, ``wm`` for WeChat users, ``wo`` for WeCom users."""
        kind = "wo" if self.person(number).wecom_user else "wm"
        return kind + self._sealed(f"external:{corpid}", number, 22)

    def number_of(self, corpid: str, external_userid: str) -> int | None:
        """The person of an external_userid, None when it is no id of this corp."""
        number = self._opened(f"external:{corpid}", external_userid[2:])
        if number is None or (number >= _NAMED_FROM and number - _NAMED_FROM >= len(self._named)):
            return None
        return number if external_userid == self.external_userid(corpid, number) else None

    def unionid(self, open_account: str, number: int) -> str:
        """The person's unionid under a WeChat developer account: 28 characters."""
        return "o" + self._sealed(f"union:{open_account}", number, 20)[:27]

    def code(self, *parts: object) -> str:
        """An id that nobody can guess from another and that a second run gives again: 22 characters."""
        digest = hashlib.blake2b(repr(parts).encode(), key=self._secret, digest_size=16).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def _sealed(self, label: str, number: int, size: int) -> str:
        mask = int.from_bytes(self._digest(label, -1, 4), "big")
        body = (number ^ mask).to_bytes(4, "big") + self._digest(label, number, size - 4)
        return base64.urlsafe_b64encode(body).decode().rstrip("=")

    def _opened(self, label: str, text: str) -> int | None:
        try:
            body = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            return None
        return int.from_bytes(body[:4], "big") ^ int.from_bytes(self._digest(label, -1, 4), "big")

    def _digest(self, label: str, number: int, size: int) -> bytes:
        return hashlib.blake2b(f"{label}:{number}".encode(), key=self._secret, digest_size=size).digest()
