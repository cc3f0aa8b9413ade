"""A call to the platform's API, the table of endpoints, and the checks that many endpoints share."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol, TypeVar

from ..answers import Refused
from ..asked import Asked
from ..corp import App, Corp, Member
from ..pairs import Pair

_USERID = re.compile(r"[A-Za-z0-9_.@-]{1,64}")


class Numbered(Protocol):
    """Something with a serial, which grows from one to the next."""

    serial: int


Serial = TypeVar("Serial", bound=Numbered)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a multipart body."""

    name: str
    content: bytes


@dataclass
class Call:
    """One call, after its token was checked. ``now`` is epoch milliseconds; ``url`` is where this server answers."""

    corp: Corp
    app: App
    asked: Asked
    now: int
    url: str = ""
    upload: Upload | None = None
    emitted: list[Any] = field(default_factory=list)

    @property
    def seconds(self) -> int:
        """Now in seconds, as the platform writes instants."""
        return self.now // 1_000

    # Members -------------------------------------------------------------------

    def member(self, userid: str, *, missing: int = 41009) -> Member:
        """A member within the app's range: else ``missing``, 40003 (malformed), 60111 (nobody) or 60011."""
        if not userid:
            raise Refused(missing)
        if not _USERID.fullmatch(userid):
            raise Refused(40003, userid[:64])
        found = self.corp.members.get(userid)
        if found is None or found.left_at is not None:
            raise Refused(60111, userid)
        if not self.app.sees(userid):
            raise Refused(60011, userid)
        return found

    def server_of_customers(self, userid: str, *, missing: int = 41009) -> Member:
        """A member who has the function customer contact: else also 84074."""
        found = self.member(userid, missing=missing)
        if not found.customer_contact:
            raise Refused(84074, userid)
        return found

    def visible_servers(self) -> list[Member]:
        """The members with customer contact whom the app sees."""
        return [
            member
            for member in self.corp.members.values()
            if member.customer_contact and member.left_at is None and self.app.sees(member.userid)
        ]

    # Customers -------------------------------------------------------------------

    def customer(self, name: str = "external_userid") -> int:
        """The person of a parameter: else 41035 (absent) or 40096 (no id of this corp)."""
        return self.corp.person_of(self.asked.text(name, missing=41035))

    def pair(self) -> Pair:
        """The pair of ``userid`` and ``external_userid``, to change it: else 84061, as for a half add."""
        userid = self.server_of_customers(self.asked.text("userid")).userid
        person = self.customer()
        if self.corp.related(userid, person) is None:
            raise Refused(84061)
        return self.corp.pairs.edit(userid, person)

    # Pages -----------------------------------------------------------------------

    def limit(self, *, default: int, most: int) -> int:
        """The parameter ``limit``."""
        return self.asked.number("limit", default=default, least=1, most=most)

    def page_after(self, items: Iterable[Serial], limit: int) -> tuple[list[Serial], str]:
        """A page of things that may be deleted meanwhile: the cursor names the last one's ``serial``."""
        after = self.cursor()
        found = list(islice((each for each in items if each.serial > after), limit + 1))
        return found[:limit], make_cursor(found[limit - 1].serial) if len(found) > limit else ""

    def page(self, items: Iterable[Any], limit: int) -> tuple[list[Any], str]:
        """A page of items that nobody deletes, and the cursor of the next ("" at the end): how many went before."""
        begin = self.cursor()
        found = list(islice(items, begin, begin + limit + 1))
        return found[:limit], make_cursor(begin + limit) if len(found) > limit else ""

    def cursor(self) -> int:
        """The number in the parameter ``cursor``, 0 when absent: else 40058."""
        (number,) = read_cursor(self.asked.text("cursor"), (0,))
        return number


def make_cursor(*numbers: int) -> str:
    """An opaque text of numbers; clients may keep it and may not read it."""
    return base64.urlsafe_b64encode(b"c" + ":".join(map(str, numbers)).encode()).decode().rstrip("=")


def read_cursor(text: str, start: tuple[int, ...]) -> tuple[int, ...]:
    """The numbers of a cursor, ``start`` for ""; raises Refused 40058 for one that the platform never gave."""
    if not text:
        return start
    try:
        kind, *parts = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").partition("c")
        numbers = tuple(int(part) for part in parts[1].split(":"))
    except (ValueError, UnicodeError):
        raise Refused(40058, "cursor") from None
    if kind or len(numbers) != len(start) or make_cursor(*numbers) != text:
        raise Refused(40058, "cursor")
    return numbers


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of the API. ``customers``: it needs the permission customer contact (else 48002)."""

    method: str
    path: str
    answer: Callable[[Call], dict[str, Any] | None]
    customers: bool


ENDPOINTS: dict[str, Endpoint] = {}
"""By path below ``/cgi-bin/``."""


def endpoint(
    method: str, path: str, *, customers: bool = True
) -> Callable[[Callable[[Call], dict[str, Any] | None]], Callable[[Call], dict[str, Any] | None]]:
    """Make a function the answer of an address."""

    def register(answer: Callable[[Call], dict[str, Any] | None]) -> Callable[[Call], dict[str, Any] | None]:
        assert path not in ENDPOINTS
        ENDPOINTS[path] = Endpoint(method, path, answer, customers)
        return answer

    return register
