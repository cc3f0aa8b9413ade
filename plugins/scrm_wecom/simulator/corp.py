"""One simulated corp: what its server holds. It keeps and looks up; the rules stand in ``api`` and ``acts``."""

from __future__ import annotations

import ipaddress
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from scrm_core.api import from_instant

from .accounts import AppAccount, CallbackTarget, CorpAccount, network
from .answers import Refused
from .archive import ChatArchive
from .limits import Limits
from .pairs import Pair, Pairs
from .people import People

ZONE = ZoneInfo("Asia/Shanghai")
"""Days, weeks and months of the platform are those of China."""

EFFECTS = 1_000
DAY_SECONDS = 86_400


@dataclass(slots=True)
class Member:
    """A member of the corp. ``active``: activated and real-name verified; ``left_at`` in seconds once resigned."""

    userid: str
    name: str
    departments: tuple[int, ...]
    active: bool = True
    customer_contact: bool = True
    left_at: int | None = None


@dataclass(slots=True)
class App:
    """An app as it stands. ``trusted`` are networks with the instant from which each is trusted, None all."""

    account: AppAccount
    callback: CallbackTarget | None
    enabled: bool = True
    trusted: list[tuple[Any, int]] | None = None

    @property
    def agentid(self) -> int:
        return self.account.agentid

    def sees(self, userid: str) -> bool:
        """Whether the member is within the app's visible range."""
        return self.account.visible is None or userid in self.account.visible

    def trusts(self, ip: str, now: int) -> bool:
        """Whether calls from an address are answered (wecom section 1: else 60020)."""
        if self.trusted is None:
            return True
        address = ipaddress.ip_address(ip)
        return any(address in trusted and now >= since for trusted, since in self.trusted)


@dataclass(slots=True)
class CorpTag:
    """A corp tag; ``order`` sorts, higher first."""

    id: str
    name: str
    created_at: int
    order: int


@dataclass(slots=True)
class TagGroup:
    """A group of corp tags."""

    id: str
    name: str
    created_at: int
    order: int
    tags: dict[str, CorpTag] = field(default_factory=dict)


@dataclass(slots=True)
class Welcome:
    """What a welcome code is for: an add that is welcomed once, whichever app's code is used (``Pair.welcomed``)."""

    userid: str
    person: int
    issued_at: int


@dataclass(slots=True)
class ContactWay:
    """A contact way (联系我); ``assigned`` holds the member of each customer where it is exclusive."""

    config_id: str
    serial: int
    type: int
    scene: int
    created_at: int
    values: dict[str, Any]
    users: list[str]
    parties: list[int]
    used: bool = False
    turn: int = 0
    assigned: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class AcquisitionLink:
    """A link of the acquisition assistant (获客链接); ``customers`` maps (person, member) to the channel."""

    link_id: str
    serial: int
    name: str
    created_at: int
    users: list[str]
    departments: list[int]
    skip_verify: bool
    priority: Any
    available: bool = True
    turn: int = 0
    clicks: Counter[int] = field(default_factory=Counter)
    added: Counter[int] = field(default_factory=Counter)
    customers: dict[tuple[int, str], str] = field(default_factory=dict)


@dataclass(slots=True)
class SendTask:
    """A member's part of a group send; ``results`` maps each target to (status, instant in seconds) once confirmed."""

    targets: list[Any]
    sent_at: int | None = None
    results: dict[Any, tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class GroupSend:
    """A group send (企业群发), which waits for each member to confirm."""

    msgid: str
    chat_type: str
    created_at: int
    made_ms: int
    content: dict[str, Any]
    tasks: dict[str, SendTask]
    cancelled: bool = False
    reminded: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Moment:
    """A moment (客户朋友圈) and the job that makes it; ``audience`` maps members to customers once published."""

    jobid: str
    moment_id: str
    made_ms: int
    content: dict[str, Any]
    senders: list[str]
    tags: list[str]
    bad_senders: list[str]
    bad_tags: list[str]
    published: dict[str, int] = field(default_factory=dict)
    audience: dict[str, list[int]] = field(default_factory=dict)
    comments: list[tuple[str, int, int]] = field(default_factory=list)
    likes: list[tuple[str, int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Transfer:
    """A customer on the way to another member: status 1 done, 2 waiting, 3 refused, 4 takeover full."""

    handover: str
    takeover: str
    person: int
    begun_ms: int
    resigned: bool
    status: int = 2
    ended_at: int = 0


@dataclass(slots=True)
class GroupMember:
    """Somebody in a group: ``who`` is a userid or a person's number."""

    who: str | int
    joined_at: int
    scene: int
    invitor: str = ""
    state: str = ""


@dataclass(slots=True)
class Group:
    """A customer group (客户群); ``version`` changes with its members."""

    chat_id: str
    serial: int
    name: str
    owner: str
    created_at: int
    notice: str = ""
    status: int = 0
    version: int = 1
    members: dict[str | int, GroupMember] = field(default_factory=dict)

    def member_version(self) -> str:
        """The version as the platform writes it: opaque text."""
        return f"v{self.version:08d}"


@dataclass(frozen=True, slots=True)
class Media:
    """Uploaded media; of its bytes only size and digest are kept. ``scene`` 0 temporary, 1 moments, 2 product album."""

    media_id: str
    type: str
    scene: int
    name: str
    size: int
    digest: str
    created_at: int


class Corp:
    """What the server holds of one corp, in memory alone."""

    def __init__(self, account: CorpAccount, people: People, limits: Limits, born_ms: int) -> None:
        self.account = account
        self.people = people
        self.limits = limits
        self.born_at = born_ms // 1_000
        self._made = 0
        self.apps: dict[int, App] = {app.agentid: _app(app) for app in account.apps}
        self.departments: dict[int, tuple[str, int]] = {1: (account.name, 0), 2: ("客服部", 1), 3: ("门店", 1)}
        self.members: dict[str, Member] = {}
        for number in range(1, account.staff + 1):
            person = people.draw(f"member:{account.corpid}", number, 256)
            self.members[f"staff{number:03d}"] = Member(
                f"staff{number:03d}", f"顾问{number:03d}号", (2 if person % 2 else 3,)
            )
        self.pairs = Pairs(list(self.members), account.first_person, account.customers, self._seeded_pair)
        self.tag_groups: dict[str, TagGroup] = {}
        self._seeded_tags = self._make_tags()
        self.contact_ways: dict[str, ContactWay] = {}
        self.lasting_ways = 0
        self.temporary_ways: Counter[int] = Counter()
        self.links: dict[str, AcquisitionLink] = {}
        self.quota_left = account.quota
        self.welcomes: dict[str, Welcome] = {}
        self.requests: dict[tuple[str, int], dict[str, Any]] = {}
        self.group_sends: dict[str, GroupSend] = {}
        self.received: dict[Any, list[int]] = {}
        self.moments: dict[str, Moment] = {}
        self.transfers: list[Transfer] = []
        self.groups: dict[str, Group] = {}
        self.group_transfers: Counter[tuple[str, int]] = Counter()
        self.media: dict[str, Media] = {}
        self.archive = ChatArchive()
        self.pictures: dict[str, int] = {}
        self.behaviour: Counter[tuple[str, int, str]] = Counter()
        self.effects: deque[dict[str, Any]] = deque(maxlen=EFFECTS)

    @property
    def corpid(self) -> str:
        return self.account.corpid

    # Ids ---------------------------------------------------------------------

    def new_id(self, prefix: str, size: int = 32) -> str:
        """An id of this corp that was not there before, ``size`` characters with its prefix."""
        return (prefix + self.people.code(self.corpid, prefix, self.new_serial()) * 2)[:size]

    def new_serial(self) -> int:
        """A number above all others of this corp: cursors name it, so what is deleted hides nothing behind it."""
        self._made += 1
        return self._made

    def external_userid(self, person: int) -> str:
        """A person's id in this corp."""
        return self.people.external_userid(self.corpid, person)

    def person_of(self, external_userid: str) -> int:
        """The person of an id of this corp; raises Refused 40096."""
        person = self.people.number_of(self.corpid, external_userid)
        if person is None:
            raise Refused(40096, external_userid)
        return person

    # People ------------------------------------------------------------------

    def in_department(self, department: int) -> Iterator[Member]:
        """The members of a department and those below it who have not left."""
        below = {department}
        for number, (_, parent) in sorted(self.departments.items()):
            if parent in below:
                below.add(number)
        for member in self.members.values():
            if member.left_at is None and below & set(member.departments):
                yield member

    def related(self, userid: str, person: int) -> Pair | None:
        """The pair if the relation exists from the member's side, which calls ask for (wecom section 6: else 84061)."""
        pair = self.pairs.get(userid, person)
        return pair if pair is not None and pair.staff_has else None

    def is_full(self, userid: str) -> bool:
        """Whether a member can take no more customers (40099)."""
        return self.pairs.count(userid) >= self.limits.customers_of_member

    # Tags --------------------------------------------------------------------

    def tag(self, tag_id: str) -> tuple[TagGroup, CorpTag] | None:
        """A corp tag with its group."""
        for group in self.tag_groups.values():
            if tag_id in group.tags:
                return group, group.tags[tag_id]
        return None

    def tags_of(self, pair: Pair) -> list[tuple[TagGroup, CorpTag]]:
        """A pair's corp tags that still exist."""
        found = (self.tag(tag_id) for tag_id in pair.tags)
        return [each for each in found if each is not None]

    # What was done --------------------------------------------------------------

    def note(self, now: int, what: str, **details: Any) -> None:
        """Keep what an app did to people, for the status page."""
        self.effects.append({"at": now, "what": what, **details})

    def day(self, now_ms: int) -> int:
        """The platform's day of an instant, as an ordinal."""
        return china(now_ms).toordinal()

    # What the seed gives ----------------------------------------------------------

    def _make_tags(self) -> list[str]:
        group = TagGroup(self.new_id("et"), "来源", self.born_at, 100)
        for place, name in enumerate(("门店", "直播", "包裹卡")):
            tag = CorpTag(self.new_id("et"), name, self.born_at, 100 - place)
            group.tags[tag.id] = tag
        self.tag_groups[group.id] = group
        return list(group.tags)

    def _seeded_pair(self, userid: str, person: int, serial: int) -> Pair:
        draw = self.people.draw
        ago = 1 + draw(f"since:{self.corpid}:{userid}", person, 360 * DAY_SECONDS)
        pair = Pair(userid, person, serial, self.born_at - ago, add_way=1 + draw("way", person, 3), oper_userid=userid)
        pair.tags[self._seeded_tags[draw("source", person, len(self._seeded_tags))]] = None
        pair.remark = self.people.person(person).name
        return pair


def _app(account: AppAccount) -> App:
    trusted = account.trusted_ips
    return App(
        account,
        account.callback,
        trusted=None if trusted is None else [(network(each), 0) for each in trusted],
    )


def china(now_ms: int) -> datetime:
    """An instant as the platform's clock shows it."""
    return from_instant(now_ms, ZONE)
