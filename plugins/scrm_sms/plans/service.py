"""Plans (短信计划): made, moved step by step, listed; the facade of everything that a plan can do.

The steps with rules of their own are in modules of their own: the number pack
in ``packing``, the copy in ``wording``, the interception test in
``interception``, approval and schedule in ``launching``; what happens while a
plan is sent is in ``control``, ``rendering`` and ``receipts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, fetch_in, transactional

from ..copywriting.template import KINDS
from .book import CHANNEL, Book, PlanView
from .control import Control
from .dryrun import DryRun, dry_run
from .interception import Interception
from .launching import Launching
from .models import PlanStep
from .packing import Packing
from .paths import Paths
from .policy import check_policy
from .receipts import Receipts
from .rendering import Writer
from .steps import GOALS, Audience, Goal, Policy, content_of
from .store import CODE, Entry, PlanRow, clean_actor, history_of, insert_plan, note, plan_page, plan_row, plan_rows
from .wording import Wordings

if TYPE_CHECKING:
    from scrm_core.api import Brand

NAME_CHARS = 200


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A plan in a list: its row, how many messages it has queued, the state of its run ("" before there is one)."""

    row: PlanRow
    queued: int
    run_state: str


class Plans:
    """A brand's SMS plans; use it inside ``with brand:``. Every method that changes a plan names who acts.

    With ``seen`` whatever moves a plan on that was changed since that version is
    refused (see :class:`.book.Book`), resuming and releasing too; pausing and
    canceling never are.
    """

    def __init__(self, brand: Brand, settings: Mapping[str, Any], *, seen: int | None = None) -> None:
        self.brand = brand
        self.settings = settings
        self.book = Book(brand, settings, seen)
        self.packing = Packing(self.book)
        self.paths = Paths(self.book)
        self.wordings = Wordings(self.book)
        self.interception = Interception(self.book)
        self.launching = Launching(self.book)
        self.control = Control(self.book)
        self.writer = Writer(self.book)
        self.receipts = Receipts(self.book, self.interception, self.control)

    @transactional
    def create(self, code: str, *, actor: str, name: str = "") -> PlanView:
        """Make a plan; the same one again returns it. Raises Conflict when the code belongs to another one."""
        author = clean_actor(actor)
        if not isinstance(code, str) or not CODE.match(code):
            raise Invalid("a plan's code is 1 to 40 letters, digits, '-' or '_'", field="code")
        if len(name) > NAME_CHARS or not name.isprintable():
            raise Invalid(f"a name has at most {NAME_CHARS} visible characters", field="name")
        now = self.brand.now()
        if insert_plan(code, name, author, now):
            note(plan_row(code), author, "create", {"name": name}, now)
        plan = plan_row(code)
        if (plan.name, plan.author) != (name, author):
            raise Conflict(f"SMS plan {code!r} exists, made by {plan.author}", code="plan_exists")
        return self.book.view(code)

    def get(self, code: str) -> PlanView:
        """The plan with this code; raises NotFound."""
        return self.book.view(code)

    def all(self) -> list[PlanView]:
        """Every plan, oldest first, without counting the messages of their runs."""
        return [self.book.view(plan.code, count=False) for plan in plan_rows()]

    def page(self, *, before: int | None = None, limit: int = 20) -> list[PlanLine]:
        """Plans with ids below ``before``, newest first, at most ``limit``, in one line each."""
        plans = plan_page(before, limit)
        ids = [plan.id for plan in plans]
        packs = dict(
            fetch_in("SELECT plan_id, data FROM sms_plan_step WHERE step = 'pack' AND plan_id IN ({in})", ids)
        )
        runs = dict(
            fetch_in(
                "SELECT p.id, r.state FROM sms_plan p JOIN outreach_run r ON r.id = p.run_id WHERE p.id IN ({in})", ids
            )
        )
        return [
            PlanLine(plan, int(PlanStep.data.python_value(packs[plan.id])["queued"]) if plan.id in packs else 0,
                     runs.get(plan.id, ""))
            for plan in plans
        ]  # fmt: skip

    def history(self, code: str, *, last: int | None = None) -> list[Entry]:
        """Who did what to a plan and what was decided by which numbers, oldest first; its ``last`` lines when given."""
        return history_of(plan_row(code), last)

    def dry_run(self, code: str, *, sample: int = 5) -> DryRun:
        """Who would get what, why not, and at what cost, as of now; writes nothing."""
        return dry_run(self.book, code, sample)

    @transactional
    def back(self, code: str, step: str, *, actor: str, reason: str = "") -> PlanView:
        """Go back to a step; see :meth:`.book.Book.back`."""
        return self.book.back(code, step, clean_actor(actor), reason[:NAME_CHARS])

    # Steps -------------------------------------------------------------------

    @transactional
    def set_goal(self, code: str, goal: str, *, actor: str, kind: str = "marketing", sender: str = "") -> PlanView:
        """What for (acquire or repurchase), by which kind of message, through which sender (default: settings)."""
        plan, done = self.book.open_step(code, "goal")
        if goal not in GOALS:
            raise Invalid(f"a plan has one primary goal: {' or '.join(GOALS)}", field="goal")
        if kind not in KINDS:
            raise Invalid(f"a message is {', '.join(KINDS)}, not {kind!r}", field="kind")
        sender = sender or self.settings["sender"]
        self.brand.outreach.sender(sender, CHANNEL)
        return self.book.take(plan, done, "goal", Goal(goal, kind, sender), clean_actor(actor))

    def set_audience(self, code: str, *, actor: str, segment: str = "", pack: str = "") -> PlanView:
        """Whom: a segment's expression (channel, category, RFM ...) or a sealed number pack; counted at once."""
        # Counting a million people takes seconds and holds no lock; the version tells a plan that changed meanwhile.
        plan, done = self.book.open_step(code, "audience")
        actor = clean_actor(actor)
        if bool(segment) == bool(pack):
            raise Invalid("an audience is a segment or a number pack: give one of them", field="segment")
        before = done.get("audience")
        if before is not None and (before.content.segment, before.content.pack) == (segment, pack):
            return self.book.view(code)
        outcome = self.packing.preview(content_of(done, Goal), segment, pack)
        return self.book.take(
            plan, done, "audience", Audience(segment, pack, outcome.queued, outcome.blocked), actor
        )

    @transactional
    def set_policy(self, code: str, policy: Policy, *, actor: str) -> PlanView:
        """What is offered and what it may cost; raises Invalid with everything that is wrong."""
        plan, done = self.book.open_step(code, "policy")
        check_policy(policy, content_of(done, Goal), self.settings)
        return self.book.take(plan, done, "policy", policy, clean_actor(actor))
