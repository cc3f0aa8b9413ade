"""The plugin's service: the rooms of one brand, and what events and jobs do in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    ContactMerged,
    OrderPaid,
    PluginEvent,
    RefundMade,
    ReportTable,
    execute,
    transactional,
)

from .ledger import Ledger
from .members import Members
from .models import NAME
from .penalties import Penalties
from .pictures import Pictures
from .report import influence_report
from .scoring import Scores
from .situations import Classifier
from .statements import Statements
from .tasks import Tasks
from .tracking import Tracking
from .work import Works, WorkView
from .worst import member_worst

if TYPE_CHECKING:
    from scrm_core.api import Brand


@dataclass(frozen=True, slots=True)
class Round:
    """What a round of the job did."""

    late: int
    found: int
    earned: int


class Koc:
    """One brand's KOC programme; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any]) -> None:
        self.brand = brand
        self.settings = settings
        self.classifier = Classifier(brand, settings)
        self.scores = Scores(brand, settings)
        self.members = Members(brand)
        self.penalties = Penalties(brand, settings)
        self.tracking = Tracking(brand, settings, self.members)
        self.ledger = Ledger(brand, settings, self.members)
        self.statements = Statements(brand, self.ledger)
        self.tasks = Tasks(brand, self.members)
        self.pictures = Pictures(brand)

    @cached_property
    def works(self) -> Works:
        """Tasks in KOCs' hands."""
        return Works(self.brand, self.tasks, self.members, self.ledger, self.penalties)

    # Told before it is done -------------------------------------------------------

    def dry_enrol(
        self, contact_id: int, target: str, *, code: str = "", coupon_batch: str | None = None, followers: int = 0,
        rate_bp: int | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """What a person would be paid for orders as a KOC; writes nothing. Raises what ``members.enrol`` does."""
        known = self.members.check_enrol(contact_id, target, code, coupon_batch, followers, rate_bp)
        if known is not None:
            rate_bp = known.rate_bp
        return self._worst(self.brand.contacts.survivor(contact_id), rate_bp)

    def dry_rate(self, code: str, rate_bp: int | None) -> dict[str, Any]:
        """What a KOC would be paid for orders with this rate; writes nothing. Raises NotFound."""
        return self._worst(self.members.get(code).contact_id, rate_bp)

    def _worst(self, contact_id: int | None, rate_bp: int | None) -> dict[str, Any]:
        tier = "C" if contact_id is None else self.scores.tier(contact_id)
        return member_worst(self.settings, self.tracking.programmes, rate_bp, tier)

    # Events -------------------------------------------------------------------

    def take_order(self, event: OrderPaid) -> None:
        """A paid order may be put down to a KOC."""
        if self.members.any():
            self.tracking.decide(event.order_id)

    def take_refund(self, event: RefundMade) -> None:
        """A refund claws back what was earned of the order."""
        self.ledger.review(event.order_id)

    def take_event(self, event: PluginEvent) -> None:
        """What other plugins tell: evidence for scores, a KOC's coupon used, an order that another scheme pays."""
        if event.plugin == NAME:
            return
        name = f"{event.plugin}:{event.name}"
        if name in self.settings["other_schemes"]:
            earned = self.tracking.yield_to(name, event.fields)
            if earned is not None:
                self.ledger.review(earned)
        if name == "coupon-threshold:redeemed":
            fields = event.fields
            batch, source, number = (str(fields.get(key, "")) for key in ("batch", "source", "order"))
            self.tracking.use_coupon(batch, source, number, event.at)
        measure = self.settings["signals"].get(name)
        # A wrong answer says nothing of expertise.
        if measure is None or event.fields.get("right") == 0:
            return
        person = self.brand.contacts.present(event.contact_id)
        if person is not None:
            execute(
                "INSERT INTO koc_signal (event_id, contact_id, measure, amount, day) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (event_id) DO NOTHING",
                (
                    event.event_id, person, measure.removeprefix("-"),
                    -1 if measure.startswith("-") else 1, self.brand.day(event.at),
                ),
            )  # fmt: skip

    def take_merge(self, event: ContactMerged) -> None:
        """Two people turned out to be one: memberships join, and earned orders are looked at again."""
        self.members.settle_merge(event.winner_id, event.loser_id)
        for contact_id in (event.winner_id, event.loser_id):
            if event.undone:
                self.ledger.reopen(contact_id)
            self.ledger.settle_merge(contact_id)
            member = self.members.find(contact_id)
            if member is not None:
                self.ledger.settle_member(member.id)

    # The KOC's own page ---------------------------------------------------------

    @transactional
    def hand_in(self, work: WorkView, given: Mapping[str, Any], *, actor: str) -> None:
        """Hand in text and link with the pictures that were added on the page; raises what ``works.submit`` does."""
        self.works.submit(work.uid, {**given, "images": self.pictures.hand_in(work.id)}, actor=actor)

    @transactional
    def sign_in_link(self, code: str) -> str:
        """A one-person link, good for three days, with which a KOC signs in to their page.

        Raises NotFound for an unknown code, Conflict (``erased``) for nobody.
        """
        member = self.members.standing(self.members.get(code).id)
        if member.contact_id is None:
            raise Conflict(f"the person behind {member.code} was erased", code="erased")
        return str(self.brand.consumers.link(member.contact_id, f"{NAME}/mine"))

    # Upkeep -------------------------------------------------------------------

    def upkeep(self) -> Round:
        """Mark late work, forget old drafts, find orders of buyers who became known, earn what is due."""
        self.pictures.forget_drafts()
        return Round(self.works.note_late(), self.tracking.catch_up(), self.ledger.earn_due())

    def report(self) -> ReportTable:
        """What KOCs changed, a row per programme."""
        return influence_report(self.brand, self.settings)

    # Personal data ------------------------------------------------------------

    def collect(self, contact_ids: Sequence[int]) -> dict[str, Any]:
        """A person's membership, work and entries; tables with a key to the person the core tells itself."""
        told: dict[str, Any] = {}
        for contact_id in contact_ids:
            member = self.members.find(contact_id)
            if member is None:
                continue
            told[member.code] = {
                "followers": member.followers,
                "state": member.state,
                "work": [[w.task, w.state] for w in self.works.of_member(member.id)],
                "entries": [[e.kind, e.amount_minor, e.reason] for e in self.ledger.all_of(member.id)],
            }
        return told

    @transactional
    def erase(self, contact_ids: Sequence[int]) -> None:
        """Part memberships from an erased person: the ledger stays under the code alone; followers and reasons go."""
        for contact_id in contact_ids:
            member = self.members.find(contact_id)
            if member is None:
                continue
            if member.link is not None:
                self.brand.links.disable(member.link)
            execute("UPDATE koc_member SET state = 'left', followers = 0 WHERE id = ?", (member.id,))
            execute("DELETE FROM koc_change WHERE member_id = ? AND what = 'followers'", (member.id,))
            execute("UPDATE koc_entry SET reason = '' WHERE member_id = ? AND order_id IS NULL", (member.id,))
            execute(
                "UPDATE koc_step SET reason = '' WHERE work_id IN (SELECT id FROM koc_work WHERE member_id = ?)",
                (member.id,),
            )


def koc_of(brand: Brand) -> Koc:
    """The programme of a brand, for commands; raises NotFound where the plugin is switched off."""
    return Koc(brand, brand.plugin(NAME).settings)
