"""Step launch (上线): the cards are there, every department has its FAQ and SOP and says so, then it starts.

What the departments need may be written long before. An acknowledgement is of
the texts as they were: a new FAQ or SOP makes it void.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, execute, transactional

from ..stock.service import Stock
from . import wording
from .catalogue import ACKNOWLEDGED, ARRIVAL, LAUNCHED, ORDERED, TEXTS
from .needs import launch_needs
from .records import By, Plan, Records, Signoff, State

if TYPE_CHECKING:
    from scrm_core.api import Brand

MOST_DEPARTMENTS = 50
TEXT_CHARS = 20_000


class Launches:
    """Launches of one brand's campaigns; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any], records: Records) -> None:
        self.brand = brand
        self.settings = settings
        self.records = records

    @transactional
    def set_departments(self, code: str, departments: Sequence[str], by: By) -> tuple[str, ...]:
        """Name the departments that must know before the launch, in place of those of the settings."""
        names = tuple(wording.name(department, "departments") for department in departments)
        if not 1 <= len(names) <= MOST_DEPARTMENTS or len(set(names)) != len(names):
            raise Invalid(f"departments: name 1 to {MOST_DEPARTMENTS} of them, each once", field="departments")
        plan = self.records.hold(code)
        self.records.expect_open(plan, "launch")
        if self.records.put(plan, "launch", "departments", list(names)):
            self.records.log(plan, by, "departments", {"departments": list(names)})
        return names

    @transactional
    def set_texts(self, code: str, department: str, by: By, *, faq: str = "", sop: str = "") -> tuple[str, ...]:
        """Give a department its FAQ, its SOP or both; returns which of them changed."""
        given = {
            item: wording.words(text, item, most=TEXT_CHARS, lines=True)
            for item, text in (("faq", faq), ("sop", sop))
            if text
        }
        if not given:
            raise Invalid("give the FAQ, the SOP or both", field="faq")
        plan = self.records.hold(code)
        self.records.expect_open(plan, "launch")
        state = self.records.state(plan)
        self._expect_department(state, department)
        changed = tuple(
            item for item, text in given.items() if self.records.put(plan, "launch", item, text, subject=department)
        )
        if changed:
            titles = " and ".join(TEXTS[item] for item in changed)
            voided = self.records.void(plan, ((ACKNOWLEDGED, department),), f"{titles} changed")
            what = {"department": department, **{item: given[item] for item in changed}, "void": voided}
            self.records.log(plan, by, "department texts", what)
        return changed

    @transactional
    def confirm_arrival(self, code: str, by: By) -> Signoff:
        """Confirm that the printed cards are in the warehouse; how many comes from the stock.

        Raises Conflict (code ``arrival``) while nothing was received since the print was ordered.
        """
        plan = self.records.hold(code)
        self.records.expect_at(plan, "launch")
        ordered = self.records.state(plan).signoffs[ORDERED, ""]
        quantity = Stock(self.brand).arrived(plan.campaign_id) - ordered.detail["arrived_before"]
        if quantity < 1:
            raise Conflict(
                f"no card of campaign {code!r} has arrived since the print was ordered: "
                "record what the warehouse received first",
                code="arrival",
            )
        detail = {"quantity": quantity}
        self.records.sign(plan, ARRIVAL, by, detail)
        self.records.log(plan, by, ARRIVAL, detail)
        return self.records.state(plan).signoffs[ARRIVAL, ""]

    @transactional
    def acknowledge(self, code: str, department: str, by: By) -> Signoff:
        """A department says that it has read its FAQ and SOP; raises Conflict (code ``missing``) while it has none."""
        plan = self.records.hold(code)
        self.records.expect_at(plan, "launch")
        state = self.records.state(plan)
        self._expect_department(state, department)
        missing = [title for item, title in TEXTS.items() if (item, department) not in state.items]
        if missing:
            raise Conflict(
                f"{department} cannot acknowledge what it does not have: {', '.join(missing)} missing", code="missing"
            )
        self.records.sign(plan, ACKNOWLEDGED, by, {}, subject=department)
        self.records.log(plan, by, ACKNOWLEDGED, {"department": department})
        return self.records.state(plan).signoffs[ACKNOWLEDGED, department]

    def launch(self, code: str, by: By, *, automatic: bool = True, day: int | None = None) -> Signoff:
        """Launch the campaign.

        With ``automatic`` a card ships with every paid order from ``day`` on
        (brand-local, default today); otherwise only the warehouse's files ship
        cards. Raises Conflict (code ``missing``) naming everything that is
        missing, Invalid for a day before today or after the campaign's last day.
        """
        signoff = self._launch(code, by, automatic=automatic, day=day)
        if automatic:
            # Apart from the first transaction: an order that commits now is either seen here, or its
            # event is delivered when the shipping is on.
            # The service asks this package for arms, so neither can import the other first.
            from ..service import PackageCards

            PackageCards(self.brand, dict(self.settings)).ship_known(code)
        return signoff

    @transactional
    def _launch(self, code: str, by: By, *, automatic: bool, day: int | None) -> Signoff:
        plan = self.records.hold(code)
        self.records.expect_at(plan, "launch")
        missing = launch_needs(self.records.state(plan), self.settings).missing
        if missing:
            raise Conflict(f"campaign {code!r} cannot be launched; missing: {'; '.join(missing)}", code="missing")
        today = self.brand.day(self.brand.now())
        first = self._first_day(plan, today, today if day is None else day)
        detail = {"automatic": automatic, "first_day": first}
        self.records.sign(plan, LAUNCHED, by, detail)
        if automatic:
            execute(
                "UPDATE package_card_campaign SET automatic = 1, first_day = ? WHERE id = ?", (first, plan.campaign_id)
            )
        self.records.log(plan, by, LAUNCHED, detail)
        return self.records.state(plan).signoffs[LAUNCHED, ""]

    def stop(self, state: State) -> bool:
        """Stop the shipping that a launch began; True when it did."""
        launched = state.signed(LAUNCHED)
        if launched is None or not launched.detail["automatic"]:
            return False
        execute("UPDATE package_card_campaign SET automatic = 0 WHERE id = ?", (state.plan.campaign_id,))
        return True

    @staticmethod
    def _first_day(plan: Plan, today: int, day: int) -> int:
        if day < today:
            raise Invalid("day: the launch day lies in the past", field="day")
        if plan.last_day is not None and day > plan.last_day:
            raise Invalid("day: the launch day lies after the campaign's last day of shipping", field="day")
        return day

    def _expect_department(self, state: State, department: str) -> None:
        known = departments_of(state, self.settings)
        if department not in known:
            raise Invalid(
                f"department: {department!r:.60} is none of {', '.join(known) or 'none named yet'}", field="department"
            )


def departments_of(state: State, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The departments of a campaign: its own, or those of the settings."""
    return tuple(state.items.get(("departments", ""), settings["departments"]))
