"""Who follows whom: the pairs of a member and a customer (wecom sections 3 and 6).

The pairs that the seed gives are computed when they are looked at; kept are only
those that changed and those that were added. A hundred thousand customers
that nobody touched take no memory.

Customer ``i`` of the corp's row is followed by member ``i mod S``. In every
tenth round of the members the next member follows the customer too: so one in
ten is followed by two, and each member's customers are two arithmetic rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SHARED_ROUND = 10


@dataclass(slots=True)
class Pair:
    """A member and a customer; instants are seconds of the epoch.

    ``serial`` orders the pairs of a corp for cursors: it never changes and grows
    with each new pair. ``staff_has``: the member has the customer; False is a half
    add, the customer added by no-verification and the member has not added back.
    ``customer_has``: the customer has not deleted the member. What the member
    deleted is no pair any more.
    """

    userid: str
    person: int
    serial: int
    created_at: int
    add_way: int
    state: str = ""
    remark: str = ""
    description: str = ""
    remark_company: str = ""
    mobiles: tuple[str, ...] = ()
    oper_userid: str = ""
    tags: dict[str, None] = field(default_factory=dict)
    own_tags: dict[str, None] = field(default_factory=dict)
    staff_has: bool = True
    customer_has: bool = True
    chatted_at: int | None = None
    customer_spoke: bool = False
    archived: bool = False
    welcomed: bool = False


class Pairs:
    """All pairs of one corp. ``make`` fills in a pair of the seed: ``make(userid, person, serial)``."""

    def __init__(self, staff: list[str], first: int, count: int, make: Callable[[str, int, int], Pair]) -> None:
        self._staff = list(staff)
        self._place = {userid: place for place, userid in enumerate(staff)}
        self._first, self._count = first, count
        self._make = make
        self._changed: dict[tuple[str, int], Pair | None] = {}
        self._added: dict[str, dict[int, Pair]] = {}
        self._followers: dict[int, dict[str, Pair]] = {}
        self._gone: dict[str, int] = {}
        self._next = 2 * count

    def get(self, userid: str, person: int) -> Pair | None:
        """The pair as it stands; do not change it (see :meth:`edit`)."""
        added = self._followers.get(person, {}).get(userid)
        if added is not None:
            return added
        if (userid, person) in self._changed:
            return self._changed[userid, person]
        serial = self._seeded(userid, person)
        return None if serial is None else self._make(userid, person, serial)

    def edit(self, userid: str, person: int) -> Pair:
        """The pair to change; it is kept from now on. Raises KeyError when there is none."""
        pair = self.get(userid, person)
        if pair is None:
            raise KeyError((userid, person))
        if pair.serial < 2 * self._count:
            self._changed[userid, person] = pair
        return pair

    def add(self, userid: str, person: int, created_at: int, add_way: int) -> Pair:
        """A new pair, behind all others; there must be none of these two."""
        assert self.get(userid, person) is None
        pair = Pair(userid, person, self._next, created_at, add_way)
        self._next += 1
        self._added.setdefault(userid, {})[pair.serial] = pair
        self._followers.setdefault(person, {})[userid] = pair
        return pair

    def remove(self, userid: str, person: int) -> None:
        """Forget a pair: its member deleted the customer, or it was handed over."""
        pair = self.edit(userid, person)
        if pair.serial < 2 * self._count:
            self._changed[userid, person] = None
            self._gone[userid] = self._gone.get(userid, 0) + 1
            return
        del self._added[userid][pair.serial]
        del self._followers[person][userid]

    def of_staff(self, userid: str, after: int = -1) -> Iterator[Pair]:
        """A member's pairs with a serial above ``after``, by serial; also half adds."""
        for person, serial in self._row(userid, after):
            known = (userid, person) in self._changed
            pair = self._changed[userid, person] if known else self._make(userid, person, serial)
            if pair is not None:
                yield pair
        # A copy, since whoever walks may change what is walked.
        for pair in list(self._added.get(userid, {}).values()):
            if pair.serial > after:
                yield pair

    def of_person(self, person: int) -> list[Pair]:
        """A customer's pairs by serial; also half adds."""
        members = self._seeded_members(person) + list(self._followers.get(person, {}))
        pairs = (self.get(userid, person) for userid in dict.fromkeys(members))
        return sorted((pair for pair in pairs if pair is not None), key=lambda pair: pair.serial)

    def count(self, userid: str) -> int:
        """How many pairs a member has."""
        seeded = sum(len(row) for row, _ in self._rows(userid, -1))
        return seeded - self._gone.get(userid, 0) + len(self._added.get(userid, {}))

    def kept(self) -> int:
        """How many pairs take memory."""
        return len(self._changed) + sum(map(len, self._added.values()))

    def changed(self) -> Iterator[Pair]:
        """The pairs that are not as the seed gave them."""
        yield from (pair for pair in self._changed.values() if pair is not None)
        for pairs in self._added.values():
            yield from pairs.values()

    # The rows of the seed ------------------------------------------------------

    def _seeded_members(self, person: int) -> list[str]:
        index, size = person - self._first, len(self._staff)
        if not 0 <= index < self._count or size == 0:
            return []
        members = [self._staff[index % size]]
        if size > 1 and (index // size) % SHARED_ROUND == 0:
            members.append(self._staff[(index + 1) % size])
        return members

    def _seeded(self, userid: str, person: int) -> int | None:
        members = self._seeded_members(person)
        if userid not in members:
            return None
        return person - self._first + self._count * members.index(userid)

    def _row(self, userid: str, after: int) -> Iterator[tuple[int, int]]:
        for row, offset in self._rows(userid, after):
            yield from ((self._first + index, index + offset) for index in row)

    def _rows(self, userid: str, after: int) -> Iterator[tuple[range, int]]:
        """The two rows of a member's customers, as places in the corp's row, and what makes their serials of them."""
        place, size = self._place.get(userid), len(self._staff)
        if place is None:
            return
        yield _beyond(place, after, size, self._count), 0
        if size > 1:
            yield _beyond((place - 1) % size, after - self._count, size * SHARED_ROUND, self._count), self._count


def _beyond(place: int, after: int, step: int, end: int) -> range:
    """The row ``place, place + step, ...`` below ``end``, without what is not above ``after``."""
    begin = place if after < place else place + (after - place) // step * step + step
    return range(begin, end, step)
