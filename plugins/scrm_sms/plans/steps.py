"""The steps of a plan: their order, what depends on what, and what each of them decides.

A step is open when every step before it is done. Doing an earlier step again
goes back to it: what depends on it is void and must be done again, the rest
stays. The state of a plan is the first step that is not done.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, TypeVar

STEPS = ("goal", "audience", "policy", "pack", "path", "copy", "test", "approval", "schedule")
"""目的, 人群, 政策, 号码包, 路径, 文案, 拦截测试, 审批, 定时."""

RUNNING = "running"
ENDED = ("done", "expired", "canceled")

_DEPENDENTS: dict[str, tuple[str, ...]] = {
    "goal": STEPS[1:],
    "audience": ("pack", "approval", "schedule"),
    "policy": ("approval", "schedule"),
    "pack": ("approval", "schedule"),
    "path": ("test", "approval", "schedule"),
    "copy": ("test", "approval", "schedule"),
    "test": ("approval", "schedule"),
    "approval": ("schedule",),
    "schedule": (),
}

CONTENT = STEPS[:6]
"""Steps that make the plan what it is: whoever did one of them is no second person for its approval."""

GOALS = ("acquire", "repurchase")
HOOKS = ("none", "cash red packet", "physical gift", "coupon", "virtual service")


def dependents(step: str) -> tuple[str, ...]:
    """The steps that are void when ``step`` is done again."""
    return _DEPENDENTS[step]


def missing(done: Collection[str], before: str) -> list[str]:
    """The steps that must be done before one, in order, and are not."""
    return [step for step in STEPS[: STEPS.index(before)] if step not in done]


def next_step(done: Collection[str]) -> str:
    """The first step that is not done; ``running`` when all are."""
    return next((step for step in STEPS if step not in done), RUNNING)


@dataclass(frozen=True, slots=True)
class Goal:
    """What for: ``goal`` is one of :data:`GOALS`; ``kind`` notice, brand or marketing; ``sender`` the line (线路)."""

    goal: str
    kind: str
    sender: str


@dataclass(frozen=True, slots=True)
class Audience:
    """Who: a segment's expression, or a number pack's name.

    ``reachable`` and ``kept_back`` (by reason) are what a preview found when
    the audience was chosen; the pack has the numbers that count.
    """

    segment: str
    pack: str
    reachable: int
    kept_back: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """The offer (政策): what a claimant gets, what it costs, what it may cost. Money is in minor units.

    ``margin_minor`` is what a claimant's first order earns before the hook;
    ``claimants`` how many are expected; ``budget_minor`` covers hook and
    messages. ``materials`` are the names of what is ready (images, copy ...).
    """

    offer: str
    hook: str
    product: str
    cost_minor: int
    margin_minor: int
    claimants: int
    budget_minor: int
    materials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    """The queued messages: ``queued`` may go, ``kept_back`` (by reason) will not.

    ``holdout`` is the share kept back by lot, in hundredths of a percent;
    ``imported`` says what the file's import dropped, by reason, for a number pack.
    """

    run: str
    queued: int
    kept_back: dict[str, int]
    holdout: int
    imported: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Path:
    """Where the link leads: ``channel``, the plan's own tracked link, and the target's address.

    In the address ``{code}`` stands for the code of the link that leads there.
    ``page`` is True when the plan's landing page must be there with its activity
    running: always, but for notices that lead elsewhere. A notice may have no
    path at all; then everything is empty.
    """

    channel: str
    link: str
    target: str
    page: bool


@dataclass(frozen=True, slots=True)
class Arm:
    """One text. Texts without ``segment`` compete by lot (A/B), ``weight`` of 10,000 each.

    A text with ``segment`` goes to everybody in it instead (文案按兴趣区分), the
    first that fits. ``template`` is the approved template's code for gateways
    that take one. ``parts`` is the most that one message takes.
    """

    name: str
    body: str
    weight: int = 0
    segment: str = ""
    template: str = ""
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Wording:
    """The copy: ``experiment`` is the name of the lot when several texts compete, else empty.

    ``most_milli`` is the most that the pack costs, in thousandths of a minor
    unit; ``digest`` names exactly this copy on exactly this path, ``rules`` the
    settings that it was checked under.
    """

    signature: str
    arms: tuple[Arm, ...]
    experiment: str
    most_milli: int
    digest: str
    rules: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tested:
    """The interception test that was passed: tests by number, seeds that got every text."""

    tests: tuple[int, ...]
    seeds: int
    digest: str


@dataclass(frozen=True, slots=True)
class Approval:
    """Who approved whose plan, for how many messages; ``second`` says that two persons were needed."""

    author: str
    approver: str
    queued: int
    second: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """When it starts (instant), and what goes first: ``canary`` messages are ``share`` hundredths of a percent."""

    start_at: int
    share: int
    canary: int


CONTENTS: dict[str, type[Any]] = {
    "goal": Goal,
    "audience": Audience,
    "policy": Policy,
    "pack": Pack,
    "path": Path,
    "copy": Wording,
    "test": Tested,
    "approval": Approval,
    "schedule": Schedule,
}
C = TypeVar("C")


class HasContent(Protocol):
    """A step that is done, as it is stored."""

    @property
    def content(self) -> Any: ...


def content_of(done: Mapping[str, HasContent], kind: type[C]) -> C:
    """The content of a step that is done, by its class."""
    step = next(name for name, cls in CONTENTS.items() if cls is kind)
    found = done[step].content
    assert isinstance(found, kind)
    return found


def to_data(content: Any) -> dict[str, Any]:
    """A step's content as it is stored."""
    return asdict(content)


def from_data(step: str, data: dict[str, Any]) -> Any:
    """A step's content as it was stored."""
    values = dict(data)
    if step == "copy":
        values["arms"] = tuple(Arm(**arm) for arm in values["arms"])
    for name in ("materials", "tests", "warnings"):
        if name in values:
            values[name] = tuple(values[name])
    return CONTENTS[step](**values)
