"""Step policy test (政策测试): A/B arms with their own links, sticky arms per order, results that do not guess.

A trial is an experiment of the core. Its unit is the order, ``source:number``,
because the card travels with the parcel: the same order always carries the
same arm, whoever asks. Exposed are the cards that were shipped, converted are
those whose scan became an attributed lead. The first arm is the control.
Analysed is the arm an order was meant to get (intention to treat), also when
the warehouse put in another card; :mod:`.counting` says what a card without
a known parcel counts for.

The table by links says what each arm's link brought on each channel. People
choose a link themselves, so it describes and names no winner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, execute, fetch_in, sample_size, transactional

from ..claims import NAME
from . import wording
from .catalogue import WINNER
from .counting import LEAD, count, unit_of
from .models import StepSignoff
from .policy import WHOLE
from .records import By, Plan, Records, Signoff, State, Trial

if TYPE_CHECKING:
    from scrm_core.api import Brand

MOST_ARMS = 10


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """What one arm's link brought on one channel: people's visitors (bots apart) and distinct leads."""

    arm: str
    channel: str
    link: str
    visitors: int
    leads: int


@dataclass(frozen=True, slots=True)
class TrialResult:
    """``cards`` is core's result table over shipped cards; ``words`` says the verdict for people."""

    number: int
    cards: Any
    minimum: int
    words: str
    links: tuple[LinkFigures, ...]
    chosen: str


def arms_of(brand: Brand, campaign_code: str, orders: Sequence[tuple[str, str]]) -> list[str]:
    """The arms whose cards go with orders, given as (source, number), in their order; "" without a trial.

    An order that was counted keeps its arm for ever. Any other gets its arm by
    chance while the trial runs and the winner once there is one. Nothing is
    written.
    """
    row = execute(
        "SELECT t.experiment, s.detail FROM package_card_step_trial t "
        "JOIN package_card_campaign k ON k.id = t.campaign_id "
        "LEFT JOIN package_card_step_signoff s ON s.campaign_id = t.campaign_id AND s.act = ? AND s.void_at IS NULL "
        "WHERE k.code = ? AND t.void_at IS NULL",
        (WINNER, campaign_code),
    ).fetchone()
    if row is None:
        return [""] * len(orders)
    experiment, decision = row
    units = [unit_of(source, number) for source, number in orders]
    if decision is None:
        return brand.experiments.arms(experiment, units)
    winner: str = StepSignoff.detail.python_value(decision)["arm"]
    counted = brand.experiments.assigned(experiment, units)
    return [counted.get(unit, winner) for unit in units]


def arm_of(brand: Brand, campaign_code: str, source: str, number: str) -> str:
    """Like :func:`arms_of` for one order."""
    return arms_of(brand, campaign_code, [(source, number)])[0]


def cards_needed(base: int, lift: int) -> int:
    """How many cards each arm needs to tell a recall of ``base`` from one that is higher by ``lift``.

    Both in hundredths of a percent: 500 and 100 are 5 % and 6 %. Two-sided at
    5 % with a power of 80 %, for one variant against the control.
    """
    base, lift = wording.whole(base, "base", least=1), wording.whole(lift, "lift", least=1)
    if base + lift >= WHOLE:
        raise Invalid(
            f"lift: {base + lift} hundredths of a percent are no share that can be reached; "
            f"base and lift together stay below {WHOLE:,}",
            field="lift",
        )
    return sample_size(base / WHOLE, (base + lift) / WHOLE)


def equal_weights(arms: Sequence[str]) -> dict[str, int]:
    """Weights that share 10,000 equally; the first arms take what is left over."""
    share, left = divmod(WHOLE, max(1, len(arms)))
    return {arm: share + (index < left) for index, arm in enumerate(arms)}


class Trials:
    """Trials of one brand's campaigns; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any], records: Records) -> None:
        self.brand = brand
        self.settings = settings
        self.records = records

    @transactional
    def start(
        self,
        code: str,
        arms: Mapping[str, int],
        by: By,
        *,
        minimum: int | None = None,
        base: int | None = None,
        lift: int | None = None,
    ) -> Trial:
        """Begin the trial: from now on every order has an arm.

        ``arms`` are weights in hundredths of a percent, 10,000 in all; the first
        is the control. ``minimum`` is the number of shipped cards that every arm
        needs before a winner is named. Instead of it ``base`` and ``lift`` may be
        given, from which :func:`cards_needed` computes it (default: the setting
        ``trial_minimum``).
        """
        for arm in arms:
            if not wording.ARM.match(arm):
                raise Invalid(f"arms: {arm!r:.60} is no name of 1 to 40 letters, digits, '-' or '_'", field="arms")
        if not 2 <= len(arms) <= MOST_ARMS:
            raise Invalid(f"arms: a test compares 2 to {MOST_ARMS} arms, not {len(arms)}", field="arms")
        least = self._minimum(minimum, base, lift)
        plan = self.records.hold(code)
        self.records.expect_at(plan, "test")
        running = self.records.trial(plan.campaign_id)
        if running is not None:
            raise Conflict(
                f"trial {running.number} of campaign {code!r} is there; to give it up go back to policy with a reason",
                code="trial",
            )
        (number,) = execute(
            "SELECT count(*) + 1 FROM package_card_step_trial WHERE campaign_id = ?", (plan.campaign_id,)
        ).fetchone()
        experiment = f"{NAME}/{code}/{number}"
        self.brand.experiments.create(experiment, arms, minimum=least, owner=NAME)
        execute(
            "INSERT INTO package_card_step_trial (campaign_id, number, experiment, started_at) VALUES (?, ?, ?, ?)",
            (plan.campaign_id, number, experiment, self.brand.now()),
        )
        aim = {} if base is None else {"base": base, "lift": lift}
        self.records.log(plan, by, "trial", {"trial": number, "arms": dict(arms), "minimum": least, **aim})
        return self._trial(plan)

    def _minimum(self, minimum: int | None, base: int | None, lift: int | None) -> int:
        if base is None and lift is None:
            return self.settings["trial_minimum"] if minimum is None else wording.whole(minimum, "minimum", least=1)
        if minimum is not None:
            raise Invalid("minimum: it follows from base and lift; give either it or them", field="minimum")
        if base is None or lift is None:
            raise Invalid("base and lift belong together: give both or none", field="base" if base is None else "lift")
        return cards_needed(base, lift)

    @transactional
    def add_link(self, code: str, arm: str, channel: str, target: str, by: By) -> Any:
        """Make the tracked link of one arm on one channel; returns core's link."""
        plan = self.records.hold(code)
        self.records.expect_at(plan, "test")
        trial = self._trial(plan)
        channels = self.records.state(plan).channels
        for field, value, known in (("arm", arm, trial.arms), ("channel", channel, channels)):
            if value not in known:
                raise Invalid(f"{field}: {value!r:.60} is none of {', '.join(known)}", field=field)
        if (arm, channel) in trial.links:
            known_link = trial.links[arm, channel]
            raise Conflict(f"arm {arm} has its link on {channel} already: {known_link}", code="link_exists")
        # The service asks this module for arms, so neither can import the other first.
        from ..service import PackageCards

        link = PackageCards(self.brand, dict(self.settings)).add_link(code, channel, target, variant=arm)
        execute(
            "INSERT INTO package_card_step_link (trial_id, arm, channel, link) VALUES (?, ?, ?, ?)",
            (trial.id, arm, channel, link.code),
        )
        what = {"trial": trial.number, "arm": arm, "channel": channel, "link": link.code, "target": link.target}
        self.records.log(plan, by, "trial link", what)
        return link

    def count_running(self) -> None:
        """Count every trial that runs, each in a transaction of its own."""
        rows = execute(
            "SELECT k.code FROM package_card_step_trial t JOIN package_card_campaign k ON k.id = t.campaign_id "
            "WHERE t.void_at IS NULL AND t.ended_at IS NULL ORDER BY t.id"
        ).fetchall()
        for (code,) in rows:
            plan = self.records.plan(code)
            self._count(plan, self._trial(plan))

    def result(self, code: str) -> TrialResult:
        """The result of the trial in force, counted up to now; raises Conflict (code ``trial``) without one."""
        plan = self.records.plan(code)
        self._count(plan, self._trial(plan))
        return self.counted(self.records.state(plan))

    def counted(self, state: State) -> TrialResult:
        """The result as it was counted last, for those who only look; raises like :meth:`result`."""
        trial, chosen = state.trial, state.signed(WINNER)
        if trial is None:
            raise _no_trial(state.plan)
        cards = self.brand.experiments.result(trial.experiment, LEAD)
        return TrialResult(
            trial.number,
            cards,
            trial.minimum,
            _verdict(cards, trial.minimum),
            _link_figures(trial.links),
            chosen.detail["arm"] if chosen is not None else "",
        )

    @transactional
    def decide(self, code: str, arm: str, by: By, *, reason: str = "") -> Signoff:
        """Choose the arm that is printed, and end the trial.

        Raises Conflict (code ``no_winner``) for an arm that the data do not
        name as winner, unless a reason is given; the history then says that the
        choice went against the data, and what they said.
        """
        reason = wording.words(reason, "reason", least=0, most=500)
        plan = self.records.hold(code)
        self.records.expect_at(plan, "test")
        trial = self._trial(plan)
        if arm not in trial.arms:
            raise Invalid(f"arm: {arm!r:.60} is none of {', '.join(trial.arms)}", field="arm")
        result = self.result(code)
        by_data = result.cards.winner == arm
        if not by_data and not reason:
            raise Conflict(
                f"the data do not name {arm} as winner: {result.words}. Choosing it all the same needs a reason",
                code="no_winner",
            )
        detail = {"trial": trial.number, "arm": arm, "by_data": by_data, "verdict": result.words}
        self.records.sign(plan, WINNER, by, detail)
        self.brand.experiments.end(trial.experiment)
        execute("UPDATE package_card_step_trial SET ended_at = ? WHERE id = ?", (self.brand.now(), trial.id))
        self.records.log(plan, by, WINNER if by_data else "winner against the data", detail, reason=reason)
        return self.records.state(plan).signoffs[WINNER, ""]

    def give_up(self, plan: Plan) -> str:
        """End the trial in force and make it void; returns how it is named in the history, or ""."""
        trial = self.records.trial(plan.campaign_id)
        if trial is None:
            return ""
        self.brand.experiments.end(trial.experiment)
        execute(
            "UPDATE package_card_step_trial SET void_at = ?, ended_at = coalesce(ended_at, ?) WHERE id = ?",
            (self.brand.now(), self.brand.now(), trial.id),
        )
        return f"trial: {trial.number}"

    @transactional
    def _count(self, plan: Plan, trial: Trial) -> None:
        count(self.brand, plan, trial)

    def _trial(self, plan: Plan) -> Trial:
        trial = self.records.trial(plan.campaign_id)
        if trial is None:
            raise _no_trial(plan)
        return trial


def _no_trial(plan: Plan) -> Conflict:
    return Conflict(f"campaign {plan.code!r} has no trial; start one with two arms or more", code="trial")


def _link_figures(links: Mapping[tuple[str, str], str]) -> tuple[LinkFigures, ...]:
    codes = list(links.values())
    visitors = fetch_in(
        "SELECT l.code, count(DISTINCT v.visitor) FROM visit v JOIN link l ON l.id = v.link_id "
        "WHERE l.code IN ({in}) AND v.bot = 0 AND v.visitor <> '' GROUP BY l.code",
        codes,
    )
    leads = fetch_in(
        "SELECT l.code, count(DISTINCT t.contact_id) FROM touch t JOIN link l ON l.id = t.link_id "
        "WHERE l.code IN ({in}) AND t.kind = 'lead' GROUP BY l.code",
        codes,
    )
    came, stayed = dict(visitors), dict(leads)
    return tuple(
        LinkFigures(arm, channel, link, int(came.get(link, 0)), int(stayed.get(link, 0)))
        for (arm, channel), link in links.items()
    )


def _verdict(cards: Any, minimum: int) -> str:
    counted = ", ".join(f"{arm.arm} {arm.persons:,}" for arm in cards.arms)
    if cards.verdict == "winner":
        (won,) = (arm for arm in cards.arms if arm.arm == cards.winner)
        return f"{cards.winner} wins with {won.converted:,} of {won.persons:,} cards"
    if cards.verdict == "too few persons":
        return f"too few cards shipped: {counted}; every arm needs {minimum:,}"
    if cards.verdict == "sample ratio mismatch":
        return f"the shipped cards ({counted}) do not fit the planned shares: look for the mistake first"
    return f"no difference beyond chance between the arms ({counted} cards)"
