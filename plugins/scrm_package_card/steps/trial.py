"""Step policy test (政策测试): A/B arms with their own links, sticky arms per order, results that do not guess.

A trial is an experiment of the core. Its unit is the order, ``source:number``,
because the card travels with the parcel: the same order always carries the
same arm, whoever asks. Exposed are the cards that were shipped, converted are
those whose scan became an attributed lead. The first arm is the control.
Analysed is the arm an order was meant to get (intention to treat), also when
the warehouse put in another card.

The table by links says what each arm's link brought on each channel. People
choose a link themselves, so it describes and names no winner.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, day_start, execute, fetch_in, transactional

from ..claims import NAME
from . import wording
from .catalogue import WINNER
from .models import StepSignoff
from .policy import WHOLE
from .records import By, Plan, Records, Signoff, Trial

if TYPE_CHECKING:
    from scrm_core.api import Brand

LEAD = "lead"
"""The outcome that a trial compares."""

MOST_ARMS = 10
_UNIT_CHARS = 200
_PAGE = 1_000

_CARDS = (
    "SELECT id, day, source, order_number FROM package_card_shipment "
    "WHERE campaign_id = ? AND day >= ? AND id > ? ORDER BY id LIMIT ?"
)
_LEADS = (
    "SELECT l.id, l.at, s.source, s.order_number FROM package_card_lead l "
    "JOIN package_card_shipment s ON s.id = l.shipment_id "
    "WHERE s.campaign_id = ? AND s.day >= ? AND l.state = 'attributed' AND l.id > ? ORDER BY l.id LIMIT ?"
)
_TOLD = (
    "SELECT o.person FROM outcome o JOIN experiment x ON x.id = o.experiment_id "
    "WHERE x.name = ? AND o.metric = ? AND o.person IN ({in})"
)


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


def unit_of(source: str, number: str) -> str:
    """The key of an order in an experiment: ``source:number``, or a digest of one that is too long."""
    plain = f"{source}:{number}"
    return plain if len(plain) <= _UNIT_CHARS else f"sha256:{hashlib.sha256(plain.encode()).hexdigest()}"


def arm_of(brand: Brand, campaign_code: str, source: str, number: str) -> str:
    """The arm whose card goes with an order; "" when the campaign has no trial. Nothing is written.

    An order that was counted keeps its arm for ever. Any other gets its arm by
    chance while the trial runs and the winner once there is one.
    """
    row = execute(
        "SELECT t.experiment, s.detail FROM package_card_step_trial t "
        "JOIN package_card_campaign k ON k.id = t.campaign_id "
        "LEFT JOIN package_card_step_signoff s ON s.campaign_id = t.campaign_id AND s.act = ? AND s.void_at IS NULL "
        "WHERE k.code = ? AND t.void_at IS NULL",
        (WINNER, campaign_code),
    ).fetchone()
    if row is None:
        return ""
    experiment, decision = row
    unit = unit_of(source, number)
    if decision is None:
        return brand.experiments.arm(experiment, unit)
    winner: str = StepSignoff.detail.python_value(decision)["arm"]
    return brand.experiments.assigned(experiment, [unit]).get(unit, winner)


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
    def start(self, code: str, arms: Mapping[str, int], by: By, *, minimum: int | None = None) -> Trial:
        """Begin the trial: from now on every order has an arm.

        ``arms`` are weights in hundredths of a percent, 10,000 in all; the first
        is the control. ``minimum`` is the number of shipped cards that every arm
        needs before a winner is named (default: the setting ``trial_minimum``).
        """
        for arm in arms:
            if not wording.ARM.match(arm):
                raise Invalid(f"arms: {arm!r:.60} is no name of 1 to 40 letters, digits, '-' or '_'", field="arms")
        if not 2 <= len(arms) <= MOST_ARMS:
            raise Invalid(f"arms: a test compares 2 to {MOST_ARMS} arms, not {len(arms)}", field="arms")
        least = self.settings["trial_minimum"] if minimum is None else wording.whole(minimum, "minimum", least=1)
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
        self.records.log(plan, by, "trial", {"trial": number, "arms": dict(arms), "minimum": least})
        return self._trial(plan)

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

    def result(self, code: str) -> TrialResult:
        """The result of the trial in force, counted up to now; raises Conflict (code ``trial``) without one."""
        plan = self.records.plan(code)
        trial = self._trial(plan)
        self.count(plan, trial)
        cards = self.brand.experiments.result(trial.experiment, LEAD)
        chosen = self.records.state(plan).signed(WINNER)
        return TrialResult(
            trial.number,
            cards,
            trial.minimum,
            _verdict(cards, trial.minimum),
            tuple(_link_figures(arm, channel, link) for (arm, channel), link in trial.links.items()),
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

    def count(self, plan: Plan, trial: Trial) -> None:
        """Tell core's experiment of shipped cards and attributed leads that it does not know yet."""
        first_day = self.brand.day(trial.started_at)
        if trial.ended_at is None:
            for cards in _pages(_CARDS, plan.campaign_id, first_day):
                self._expose(trial.experiment, cards)
        for leads in _pages(_LEADS, plan.campaign_id, first_day):
            units = {unit_of(source, number): at for _, at, source, number in reversed(leads)}
            told = {unit for (unit,) in fetch_in(_TOLD, list(units), [trial.experiment, LEAD])}
            for unit, at in units.items():
                if unit not in told:
                    self.brand.experiments.record(trial.experiment, unit, LEAD, at=at)

    def _expose(self, experiment: str, cards: Sequence[tuple[int, int, str, str]]) -> None:
        """Expose shipped cards: by day, not by the minute, so that many are written with one statement.

        A card counts from the first instant of its day. Whether a scan came
        after the shipping is decided before it becomes an attributed lead.
        """
        days = {unit_of(source, number): day for _, day, source, number in cards}
        known = self.brand.experiments.assigned(experiment, list(days))
        fresh: dict[int, list[str]] = {}
        for unit, day in days.items():
            if unit not in known:
                fresh.setdefault(day, []).append(unit)
        for day, units in sorted(fresh.items()):
            self.brand.experiments.expose_many(experiment, units, day_start(day, self.brand.zone))

    def _trial(self, plan: Plan) -> Trial:
        trial = self.records.trial(plan.campaign_id)
        if trial is None:
            raise Conflict(f"campaign {plan.code!r} has no trial; start one with two arms or more", code="trial")
        return trial


def _pages(sql: str, campaign_id: int, first_day: int) -> Iterator[list[tuple[Any, ...]]]:
    """Rows from a day on, in pages by their id, which comes first."""
    after = 0
    while rows := execute(sql, (campaign_id, first_day, after, _PAGE)).fetchall():
        after = rows[-1][0]
        yield rows


def _link_figures(arm: str, channel: str, link: str) -> LinkFigures:
    (visitors,) = execute(
        "SELECT count(DISTINCT v.visitor) FROM visit v JOIN link l ON l.id = v.link_id "
        "WHERE l.code = ? AND v.bot = 0 AND v.visitor <> ''",
        (link,),
    ).fetchone()
    (leads,) = execute(
        "SELECT count(DISTINCT t.contact_id) FROM touch t JOIN link l ON l.id = t.link_id "
        "WHERE l.code = ? AND t.kind = 'lead'",
        (link,),
    ).fetchone()
    return LinkFigures(arm, channel, link, visitors, leads)


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
