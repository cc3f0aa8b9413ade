"""What is stored of a campaign's steps, and the one way to change it.

Every change begins with :meth:`Records.hold`: one conditional UPDATE of the
campaign's plan. Whoever comes second waits for the first one's transaction and
then sees what it did, on both databases. Every change ends with a line of the
history, which the database itself keeps from being altered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, execute, fetch_in

from . import wording
from .catalogue import ORDER, STEPS, position
from .models import StepHistory, StepItem, StepSignoff

if TYPE_CHECKING:
    from scrm_core.api import Brand

HISTORY_PAGE = 100
_HISTORY_MOST = 1_000
_CAMPAIGN = "SELECT id, code, source, first_day, last_day FROM package_card_campaign WHERE code = ?"


@dataclass(frozen=True, slots=True)
class By:
    """Who acts: a person's ``name``, and ``through`` what (``key:...`` of the API, or ``operator``)."""

    name: str
    through: str = "operator"

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", wording.name(self.name, "by"))


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a campaign stands. ``version`` is the one this transaction wrote, or the one that was read."""

    campaign_id: int
    code: str
    source: str
    first_day: int | None
    last_day: int | None
    step: str
    version: int


@dataclass(frozen=True, slots=True)
class Signoff:
    """A sign-off in force; ``at`` is its instant."""

    act: str
    subject: str
    who: str
    through: str
    at: int
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Trial:
    """The trial in force: ``arms`` of core's experiment, ``links`` by (arm, channel) with the link's code."""

    id: int
    number: int
    experiment: str
    started_at: int
    ended_at: int | None
    arms: tuple[str, ...]
    minimum: int
    links: Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of the history: who did what and when, from which step to which, and why."""

    id: int
    at: int
    who: str
    through: str
    action: str
    from_step: str
    to_step: str
    what: Mapping[str, Any]
    reason: str


class State:
    """Everything about a campaign's steps at one moment."""

    def __init__(
        self,
        plan: Plan,
        items: Mapping[tuple[str, str], Any],
        signoffs: Mapping[tuple[str, str], Signoff],
        trial: Trial | None,
    ) -> None:
        self.plan = plan
        self.items = items
        self.signoffs = signoffs
        self.trial = trial

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of the campaign, in the order they were named."""
        return tuple(self.items.get(("channels", ""), ()))

    def signed(self, act: str, subject: str = "") -> Signoff | None:
        """The sign-off in force, if there is one."""
        return self.signoffs.get((act, subject))


class Records:
    """The stored steps of one brand's campaigns; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, seen: int | None = None) -> None:
        self.brand = brand
        self._seen = seen

    # Plans -------------------------------------------------------------------

    def begin(self, code: str) -> bool:
        """Store a plan at the first step; False when the campaign has one."""
        now = self.brand.now()
        made = execute(
            "INSERT INTO package_card_step_plan (campaign_id, step, version, created_at, updated_at) "
            "VALUES (?, ?, 1, ?, ?) ON CONFLICT (campaign_id) DO NOTHING",
            (self._campaign(code)[0], ORDER[0], now, now),
        ).rowcount
        return bool(made)

    def plan(self, code: str) -> Plan:
        """Where a campaign stands; raises NotFound, or Conflict (code ``no_steps``) for one without steps."""
        campaign = self._campaign(code)
        row = execute(
            "SELECT step, version FROM package_card_step_plan WHERE campaign_id = ?", (campaign[0],)
        ).fetchone()
        return self._planned(campaign, row)

    def hold(self, code: str, version: int | None = None) -> Plan:
        """Take the campaign's plan for the rest of the transaction; raises like :meth:`plan`.

        ``version`` is what the caller saw (default: the ``seen`` these records
        were made with); Conflict (code ``moved``) when somebody wrote since.
        """
        campaign = self._campaign(code)
        row = execute(
            "UPDATE package_card_step_plan SET version = version + 1, updated_at = ? WHERE campaign_id = ? "
            "RETURNING step, version",
            (self.brand.now(), campaign[0]),
        ).fetchone()
        plan = self._planned(campaign, row)
        _expect(plan, plan.version - 1, self._seen if version is None else version)
        # What this act does next stands on what it has just done.
        self._seen = None if self._seen is None else plan.version
        return plan

    def hold_as_seen(self, code: str) -> None:
        """Like :meth:`hold`, for what rests on the steps and is none of them: the version stays as it is."""
        campaign = self._campaign(code)
        row = execute(
            "UPDATE package_card_step_plan SET version = version WHERE campaign_id = ? RETURNING step, version",
            (campaign[0],),
        ).fetchone()
        plan = self._planned(campaign, row)
        _expect(plan, plan.version, self._seen)

    def move(self, plan: Plan, step: str) -> None:
        """Move a held plan to another step; raises Conflict (code ``moved``) when it is not where it was."""
        moved = execute(
            "UPDATE package_card_step_plan SET step = ? WHERE campaign_id = ? AND step = ? AND version = ?",
            (step, plan.campaign_id, plan.step, plan.version),
        ).rowcount
        if not moved:
            raise Conflict(f"campaign {plan.code!r} was moved meanwhile; look at it again", code="moved")

    @staticmethod
    def steps_of(campaign_ids: Sequence[int]) -> dict[int, str]:
        """The steps at which campaigns stand, by their ids; one without steps is left out."""
        return dict(
            fetch_in(
                "SELECT campaign_id, step FROM package_card_step_plan WHERE campaign_id IN ({in})", list(campaign_ids)
            )
        )

    @staticmethod
    def _campaign(code: str) -> tuple[Any, ...]:
        row: tuple[Any, ...] | None = execute(_CAMPAIGN, (code,)).fetchone()
        if row is None:
            raise NotFound(f"no card campaign {code!r}")
        return row

    @staticmethod
    def _planned(campaign: tuple[Any, ...], row: tuple[Any, ...] | None) -> Plan:
        if row is None:
            raise Conflict(
                f"card campaign {campaign[1]!r} was made without the seven steps; begin them first", code="no_steps"
            )
        return Plan(*campaign, *row)

    # Items -------------------------------------------------------------------

    @staticmethod
    def expect_open(plan: Plan, step: str) -> None:
        """Raise Conflict (code ``step_closed``) when the campaign is past the step."""
        if position(plan.step) > position(step):
            raise Conflict(
                f"campaign {plan.code!r} is at {STEPS[plan.step]}; what belongs to {STEPS[step]} is settled. "
                f"Go back to {step!r} with a reason to change it",
                code="step_closed",
            )

    @staticmethod
    def expect_at(plan: Plan, *steps: str) -> None:
        """Raise Conflict (code ``step``) unless the campaign stands at one of the steps."""
        if plan.step not in steps:
            wanted = " or ".join(STEPS[step] for step in steps)
            raise Conflict(f"campaign {plan.code!r} is at {STEPS[plan.step]}; this is done at {wanted}", code="step")

    def put(self, plan: Plan, step: str, item: str, value: Any, *, subject: str = "") -> bool:
        """Store an item of a step in place of an earlier one; False when it was the same already."""
        encoded = StepItem.value.db_value(value)
        row = execute(
            "SELECT value FROM package_card_step_item WHERE campaign_id = ? AND step = ? AND item = ? AND subject = ?",
            (plan.campaign_id, step, item, subject),
        ).fetchone()
        if row is not None and row[0] == encoded:
            return False
        execute(
            "INSERT INTO package_card_step_item (campaign_id, step, item, subject, value, at) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (campaign_id, step, item, subject) "
            "DO UPDATE SET value = excluded.value, at = excluded.at",
            (plan.campaign_id, step, item, subject, encoded, self.brand.now()),
        )
        return True

    # Sign-offs ---------------------------------------------------------------

    def sign(self, plan: Plan, act: str, by: By, detail: Mapping[str, Any], *, subject: str = "") -> None:
        """Sign for something; raises Conflict (code ``signed``) naming who has done so already."""
        made = execute(
            "INSERT INTO package_card_step_signoff "
            "(campaign_id, act, subject, who, through, at, detail, void_reason) VALUES (?, ?, ?, ?, ?, ?, ?, '') "
            "ON CONFLICT DO NOTHING RETURNING id",
            (
                plan.campaign_id,
                act,
                subject,
                by.name,
                by.through,
                self.brand.now(),
                StepSignoff.detail.db_value(dict(detail)),
            ),
        ).fetchone()
        if made is None:
            (who,) = execute(
                "SELECT who FROM package_card_step_signoff "
                "WHERE campaign_id = ? AND act = ? AND subject = ? AND void_at IS NULL",
                (plan.campaign_id, act, subject),
            ).fetchone()
            of = f" of {subject}" if subject else ""
            raise Conflict(f"the {act}{of} of campaign {plan.code!r} was signed by {who} already", code="signed")

    def void(self, plan: Plan, acts: Sequence[tuple[str, str | None]], reason: str) -> list[str]:
        """Make sign-offs void; an act with subject None means every subject. Returns what was in force."""
        voided = []
        for act, subject in acts:
            rows = execute(
                "UPDATE package_card_step_signoff SET void_at = ?, void_reason = ? "
                "WHERE campaign_id = ? AND act = ? AND (subject = ? OR ? = 1) AND void_at IS NULL RETURNING subject",
                (self.brand.now(), reason, plan.campaign_id, act, subject or "", int(subject is None)),
            ).fetchall()
            voided += sorted(f"{act}: {row[0]}" if row[0] else act for row in rows)
        return voided

    # History -----------------------------------------------------------------

    def log(
        self,
        plan: Plan,
        by: By,
        action: str,
        what: Mapping[str, Any] | None = None,
        *,
        to_step: str = "",
        reason: str = "",
    ) -> None:
        """Add a line to the history, in the transaction that does what it says."""
        execute(
            "INSERT INTO package_card_step_history "
            "(campaign_id, at, who, through, action, from_step, to_step, what, reason) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                plan.campaign_id,
                self.brand.now(),
                by.name,
                by.through,
                action,
                plan.step,
                to_step or plan.step,
                StepHistory.what.db_value(None if what is None else dict(what)),
                reason,
            ),
        )

    def history(self, code: str, *, before: int | None = None, limit: int = HISTORY_PAGE) -> list[HistoryEntry]:
        """The history of a campaign, newest first; ``before`` is an entry's id to page on from."""
        if type(limit) is not int or not 1 <= limit <= _HISTORY_MOST:
            raise Invalid(f"limit: 1 to {_HISTORY_MOST} lines can be asked for", field="limit")
        rows = execute(
            "SELECT id, at, who, through, action, from_step, to_step, what, reason FROM package_card_step_history "
            "WHERE campaign_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
            (self._campaign(code)[0], 2**62 if before is None else before, limit),
        ).fetchall()
        return [
            HistoryEntry(id, at, who, through, action, left, reached, StepHistory.what.python_value(what) or {}, reason)
            for id, at, who, through, action, left, reached, what, reason in rows
        ]

    # All of it ---------------------------------------------------------------

    def state(self, plan: Plan) -> State:
        """What is stored of a campaign's steps now."""
        items = {
            (item, subject): StepItem.value.python_value(value)
            for item, subject, value in execute(
                "SELECT item, subject, value FROM package_card_step_item WHERE campaign_id = ?", (plan.campaign_id,)
            ).fetchall()
        }
        signoffs = {
            (act, subject): Signoff(act, subject, who, through, at, StepSignoff.detail.python_value(detail) or {})
            for act, subject, who, through, at, detail in execute(
                "SELECT act, subject, who, through, at, detail FROM package_card_step_signoff "
                "WHERE campaign_id = ? AND void_at IS NULL ORDER BY id",
                (plan.campaign_id,),
            ).fetchall()
        }
        return State(plan, items, signoffs, self.trial(plan.campaign_id))

    def trial(self, campaign_id: int) -> Trial | None:
        """The trial in force, if there is one."""
        row = execute(
            "SELECT id, number, experiment, started_at, ended_at FROM package_card_step_trial "
            "WHERE campaign_id = ? AND void_at IS NULL",
            (campaign_id,),
        ).fetchone()
        if row is None:
            return None
        trial_id, number, name, started_at, ended_at = row
        experiment = self.brand.experiments.get(name)
        links = {
            (arm, channel): link
            for arm, channel, link in execute(
                "SELECT arm, channel, link FROM package_card_step_link WHERE trial_id = ? ORDER BY id", (trial_id,)
            ).fetchall()
        }
        arms = tuple(arm for arm, _ in experiment.arms)
        return Trial(trial_id, number, name, started_at, ended_at, arms, experiment.minimum, links)


def _expect(plan: Plan, version: int, seen: int | None) -> None:
    if seen is not None and seen != version:
        raise Conflict(
            f"campaign {plan.code!r} was changed meanwhile: you saw version {seen}, it has {version}; look at it again",
            code="moved",
        )
