"""What acts stand on: the table of their names, how an event goes to the apps, what an act answers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, get_type_hints

from scrm_core.api import NotFound

from ..arguments import Arguments
from ..callbacks import Outbox
from ..corp import Corp, Member, Welcome
from ..events import Value, event_xml
from ..pairs import Pair

CONTACT = "change_external_contact"
CHAT = "change_external_chat"
TAG = "change_external_tag"
ACQUISITION = "customer_acquisition"


class World(Protocol):
    """What acts need of the simulator."""

    outbox: Outbox

    def now(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an act. ``what`` is a word such as ``added``; ``callbacks`` are numbers of the events it caused.

    ``then`` is the rest of an act whose events are sent in between, such as the full add after a half one.
    """

    what: str
    userid: str = ""
    external_userid: str = ""
    id: str = ""
    callbacks: list[int] = field(default_factory=list)
    then: Callable[[], Outcome] | None = None

    def shown(self) -> dict[str, Any]:
        """The outcome as the act door answers it."""
        return {
            "outcome": self.what,
            "userid": self.userid,
            "external_userid": self.external_userid,
            "id": self.id,
            "callbacks": self.callbacks,
        }


@dataclass(frozen=True, slots=True)
class Act:
    """An act by name; ``words`` say what happens."""

    words: str
    arguments: Arguments


ACTS: dict[str, Act] = {}

Method = TypeVar("Method", bound=Callable[..., Outcome])


def act(method: Method) -> Method:
    """Make a method an act of the door."""
    types = get_type_hints(method)
    types.pop("return")
    parameters = list(inspect.signature(method).parameters.values())[1:]
    required = frozenset(each.name for each in parameters if each.default is inspect.Parameter.empty)
    words = (method.__doc__ or "").partition("\n")[0]
    ACTS[method.__name__] = Act(words, Arguments(method.__name__, types, required))
    return method


class Base:
    """One corp and the server around it."""

    def __init__(self, corp: Corp, world: World) -> None:
        self.corp = corp
        self.world = world

    @property
    def seconds(self) -> int:
        return self.world.now() // 1_000

    def count(self, userid: str, name: str, by: int = 1) -> None:
        """Count for ``get_user_behavior_data``."""
        self.corp.behaviour[userid, self.corp.day(self.world.now()), name] += by

    # Events ------------------------------------------------------------------------

    def tell(
        self, event: str, fields: Mapping[str, Value], *, userid: str = "", welcome: int | None = None
    ) -> list[int]:
        """Send an event to every app with a callback that sees the member; returns its callbacks' numbers.

        ``welcome`` is a person who may be welcomed: each app gets a code of its own.
        """
        numbers = []
        at = self.seconds
        for app in self.corp.apps.values():
            if app.callback is None or not app.enabled or (userid and not app.sees(userid)):
                continue
            mine = {name: value for name, value in fields.items() if value != ""}
            if welcome is not None:
                mine["WelcomeCode"] = self._welcome_code(app.agentid, userid, welcome)
            plain = event_xml(self.corp.corpid, at, event, mine)
            name = f"{event}/{fields.get('ChangeType', '')}"
            numbers.append(self.world.outbox.push(self.corp.corpid, app.agentid, app.callback, plain, name).number)
        return numbers

    def tell_of(self, change: str, pair: Pair, *, welcome: bool = False, **more: Value) -> list[int]:
        """Send a ``change_external_contact`` of a pair."""
        fields: dict[str, Value] = {
            "ChangeType": change,
            "UserID": pair.userid,
            "ExternalUserID": self.corp.external_userid(pair.person),
            **more,
        }
        code_for = pair.person if welcome and self._may_welcome(pair) else None
        return self.tell(CONTACT, fields, userid=pair.userid, welcome=code_for)

    def outcome(self, what: str, pair: Pair | None = None, callbacks: list[int] | None = None, id: str = "") -> Outcome:
        """An outcome about a pair."""
        userid = "" if pair is None else pair.userid
        external = "" if pair is None else self.corp.external_userid(pair.person)
        return Outcome(what, userid, external, id, callbacks or [])

    def _may_welcome(self, pair: Pair) -> bool:
        """Whether an add carries a code (wecom section 3: when it is absent)."""
        person = self.corp.people.person(pair.person)
        console = pair.userid in self.corp.account.console_welcome
        return not (pair.welcomed or pair.chatted_at is not None or console or person.wecom_user)

    def _welcome_code(self, agentid: int, userid: str, person: int) -> str:
        now, welcomes = self.world.now(), self.corp.welcomes
        window = self.corp.limits.welcome_seconds * 1_000
        # They stand in the order in which they were given, and what is over answers as if it had never been.
        while welcomes and now - next(iter(welcomes.values())).issued_at > window:
            del welcomes[next(iter(welcomes))]
        code = self.corp.new_id("", 43)
        welcomes[f"{agentid}:{code}"] = Welcome(userid, person, now)
        return code

    # Looking up --------------------------------------------------------------------

    def member(self, userid: str) -> Member:
        """A member who is still there; raises NotFound."""
        member = self.corp.members.get(userid)
        if member is None or member.left_at is not None:
            raise NotFound(f"{self.corp.corpid} has no member {userid!r}")
        return member

    def pair(self, userid: str, person: str) -> Pair:
        """A pair to change; raises NotFound."""
        self.member(userid)
        number = self.corp.people.number(person)
        if self.corp.pairs.get(userid, number) is None:
            raise NotFound(f"{userid} and {person} are no friends")
        return self.corp.pairs.edit(userid, number)
