"""What a campaign is made of, read from its definition and checked with the field named."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, clean_text, load_body, local_instant, show_minor, to_instant

from ..schemas import CampaignBody
from .odds import PricedPrize, Promise

if TYPE_CHECKING:
    from scrm_core.api import Brand

NONE = "none"


@dataclass(frozen=True, slots=True)
class PrizeView:
    """A prize of a campaign. ``stock_left`` is as of when it was read; null is without limit.

    ``value_minor`` is what one win (all of ``quantity``) is worth, in minor units.
    """

    id: int
    code: str
    title: str
    kind: str
    item: str
    quantity: int
    value_minor: int
    weight: int
    stock_total: int | None
    stock_left: int | None
    per_person: int | None
    per_day: int | None
    release: str
    review: bool
    fallback: str
    grade: str
    claim_days: int | None

    @property
    def wins(self) -> bool:
        """Whether it is a prize, and not the explicit "no prize"."""
        return self.kind != NONE

    def shown(self) -> dict[str, Any]:
        """The prize as players may see it."""
        return {"code": self.code, "title": self.title, "kind": self.kind, "quantity": self.quantity,
                "value_minor": self.value_minor}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on draws; null is none and 0 is never. ``cool_down_hours`` follow a win."""

    per_day: int | None = None
    per_person: int | None = None
    total: int | None = None
    cool_down_hours: int = 0


@dataclass(frozen=True, slots=True)
class Chances:
    """How many chances each source gives; ``expires_days`` null: they last as long as the campaign.

    ``buy_with`` names what a chance is bought with (see :mod:`means`; empty: none is sold), for ``buy_cost`` each.
    """

    daily: int = 0
    start: int = 0
    order: int = 0
    order_min_minor: int = 0
    check_in: int = 0
    share: int = 0
    buy_with: str = ""
    buy_cost: int = 0
    buy_per_day: int = 1
    expires_days: int | None = None


@dataclass(frozen=True, slots=True)
class Guarantee:
    """The ``draws``-th draw after that many misses less one wins ``prize``, or ``substitute`` when it is out."""

    draws: int
    grade: str
    prize: str
    substitute: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition that has been read; ``raw`` is what is stored of it besides prizes and settings."""

    code: str
    game: str
    title: str
    surface: str
    starts_at: int | None
    ends_at: int
    rules: str
    organiser: str
    organiser_contact: str
    budget_minor: int | None
    total_weight: int
    expected_draws: int | None
    limits: Limits
    chances: Chances
    guarantee: Guarantee | None
    settings: dict[str, Any]
    prizes: tuple[PrizeView, ...]

    @property
    def raw(self) -> dict[str, Any]:
        """The parts that have no column of their own, as JSON values."""
        return {
            "expected_draws": self.expected_draws,
            "limits": _fields(self.limits),
            "chances": _fields(self.chances),
            "guarantee": _fields(self.guarantee) if self.guarantee else None,
        }


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign as the engine and its game see it; instants in milliseconds, money in minor units.

    ``settings`` are the game's own, as its schema loads them. ``prizes`` are in
    the order of drawing; what is left of their stock is asked for with ``turn.prizes()``.
    """

    id: int
    code: str
    game: str
    title: str
    surface: str
    state: str
    starts_at: int | None
    ends_at: int
    settings: dict[str, Any]
    rules: str
    organiser: str
    organiser_contact: str
    budget_minor: int | None
    spent_minor: int
    total_weight: int
    expected_draws: int | None
    limits: Limits
    chances: Chances
    guarantee: Guarantee | None
    prizes: tuple[PrizeView, ...]
    commitment: str
    table_hash: str
    draws: int
    version: int
    published_at: int | None
    ended_at: int | None
    revealed_at: int | None
    ruleset: str = ""
    """The rule set as it was published, see :mod:`rules`; empty for a draft."""
    rules_hash: str = ""
    paced_until: int | None = None
    """When the last evenly released stock is unlocked: the end as it was published, however often it is moved."""
    release_minutes: int | None = None

    @property
    def closes_at(self) -> int:
        """When it really ends: the end as it was defined, or the earlier instant at which it was ended."""
        return self.ends_at if self.ended_at is None else min(self.ended_at, self.ends_at)

    def phase(self, now: int) -> str:
        """draft, waiting, running, paused, over or revealed at an instant."""
        return phase_of(self.state, self.starts_at, self.ends_at, now)

    def prize(self, code: str) -> PrizeView:
        """The prize with this code; raises Invalid."""
        for prize in self.prizes:
            if prize.code == code:
                return prize
        raise Invalid(f"campaign {self.code!r} has no prize {code!r}", field="prize")


def phase_of(state: str, starts_at: int | None, ends_at: int, now: int) -> str:
    """The phase of a campaign with this state and window at an instant, see :meth:`CampaignView.phase`."""
    if state in ("draft", "paused", "revealed"):
        return state
    if state == "ended" or now >= ends_at:
        return "over"
    return "waiting" if starts_at is not None and now < starts_at else "running"


def money(brand: Brand, minor: int) -> str:
    """An amount as people read it, ``¥50,000.00``."""
    return show_minor(minor, brand.currency)


def priced(prizes: tuple[PrizeView, ...]) -> list[PricedPrize]:
    """The prizes as their cost is worked out."""
    return [PricedPrize(p.code, p.weight, p.value_minor, p.grade, p.stock_total) for p in prizes]


def promise(guarantee: Guarantee | None) -> Promise | None:
    """The guarantee as its cost is worked out."""
    return Promise(guarantee.draws, guarantee.grade, guarantee.prize) if guarantee else None


def read(brand: Brand, body: Any) -> Definition:
    """A definition from what the brand wrote; raises Invalid naming the field at fault."""
    data = load_body(CampaignBody(), body)
    for name in ("title", "organiser", "organiser_contact"):
        data[name] = clean_text(data[name], field=name)
    if not data["title"]:
        raise Invalid("title: a campaign needs a title", field="title")
    data["rules"] = clean_text(data["rules"], field="rules", max_length=10_000, multiline=True)
    starts_at = instant_of(brand, data["starts_at"]) if data["starts_at"] is not None else None
    ends_at = instant_of(brand, data["ends_at"])
    if starts_at is not None and ends_at <= starts_at:
        raise Invalid("ends_at: the end must lie after the start", field="ends_at")
    guarantee = Guarantee(**data["guarantee"]) if data["guarantee"] else None
    found = tuple(_prize(place, each) for place, each in enumerate(data["prizes"]))
    definition = Definition(
        code=data["code"], game=data["game"], title=data["title"], surface=data["surface"], starts_at=starts_at,
        ends_at=ends_at, rules=data["rules"], organiser=data["organiser"],
        organiser_contact=data["organiser_contact"], budget_minor=data["budget_minor"],
        total_weight=data["total_weight"], expected_draws=data["expected_draws"], limits=Limits(**data["limits"]),
        chances=Chances(**data["chances"]), guarantee=guarantee, settings=data["settings"], prizes=found,
    )  # fmt: skip
    _check_prizes(definition)
    _check_guarantee(definition)
    return definition


def check_weights(definition: Definition | CampaignView) -> None:
    """The odds of a draw: weights add up to the total exactly, and "no prize" is written down.

    Raises Invalid(field="total_weight") when they are over or under.
    """
    total = sum(prize.weight for prize in definition.prizes)
    if definition.total_weight < 1:
        raise Invalid("total_weight: a draw needs a total weight of at least 1", field="total_weight")
    if total != definition.total_weight:
        which = "over" if total > definition.total_weight else "under"
        raise Invalid(
            f"total_weight: the weights add up to {total}, which is {which} {definition.total_weight}; "
            "write the chance of no prize as a prize of kind none",
            field="total_weight",
        )


def _prize(place: int, data: Mapping[str, Any]) -> PrizeView:
    at = f"prizes.{place}"
    for name in ("title", "item", "kind"):
        clean_text(data[name], field=f"{at}.{name}")
    if not data["title"].strip():
        raise Invalid(f"{at}.title: a prize needs a title", field=f"{at}.title")
    if data["kind"] == NONE and (data["value_minor"] or data["stock"] is not None or data["item"]):
        raise Invalid(f"{at}: a prize of kind none has no item, value or stock", field=f"{at}.kind")
    return PrizeView(
        id=0, code=data["code"], title=data["title"].strip(), kind=data["kind"], item=data["item"],
        quantity=data["quantity"], value_minor=data["value_minor"], weight=data["weight"],
        stock_total=data["stock"], stock_left=data["stock"], per_person=data["per_person"],
        per_day=data["per_day"], release=data["release"], review=data["review"], fallback=data["fallback"],
        grade=data["grade"], claim_days=data["claim_days"],
    )  # fmt: skip


def _check_prizes(definition: Definition) -> None:
    by_code: dict[str, PrizeView] = {}
    for place, prize in enumerate(definition.prizes):
        if prize.code in by_code:
            raise Invalid(f"prizes.{place}.code: two prizes are called {prize.code!r}", field=f"prizes.{place}.code")
        by_code[prize.code] = prize
        if prize.release == "even" and prize.stock_total is None:
            raise Invalid(f"prizes.{place}.release: even release needs a stock", field=f"prizes.{place}.release")
    for place, prize in enumerate(definition.prizes):
        if prize.fallback:
            _check_fallback(place, prize, by_code)


def _check_fallback(place: int, prize: PrizeView, by_code: Mapping[str, PrizeView]) -> None:
    """A fallback exists, is worth no less, and the chain of fallbacks comes to an end."""
    at = f"prizes.{place}.fallback"
    seen = {prize.code}
    step = prize
    while step.fallback:
        found = by_code.get(step.fallback)
        if found is None:
            raise Invalid(f"{at}: no prize is called {step.fallback!r}", field=at)
        if not found.wins or found.value_minor < step.value_minor:
            raise Invalid(f"{at}: {found.code!r} is worth less than {step.code!r}", field=at)
        if found.code in seen:
            raise Invalid(f"{at}: the fallbacks lead in a circle", field=at)
        seen.add(found.code)
        step = found


def _check_guarantee(definition: Definition) -> None:
    promised = definition.guarantee
    if promised is None:
        return
    by_code = {prize.code: prize for prize in definition.prizes}
    forced = by_code.get(promised.prize)
    if not promised.grade:
        raise Invalid("guarantee.grade: name the grade that counts as the win", field="guarantee.grade")
    if forced is None or forced.grade != promised.grade or not forced.wins:
        raise Invalid(
            f"guarantee.prize: {promised.prize!r} is no prize of grade {promised.grade!r}", field="guarantee.prize"
        )
    substitute = by_code.get(promised.substitute)
    if substitute is None or not substitute.wins:
        raise Invalid(f"guarantee.substitute: no prize is called {promised.substitute!r}", field="guarantee.substitute")


def instant_of(brand: Brand, value: datetime.datetime | int) -> int:
    """The instant of a moment as ``MomentField`` reads it; one without an offset is the brand's wall-clock time."""
    if isinstance(value, int):
        return value
    return local_instant(value, brand.zone) if value.tzinfo is None else to_instant(value)


def _fields(part: Any) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.__dataclass_fields__}


def view(
    row: tuple[Any, ...],
    prizes: tuple[PrizeView, ...],
    raw: dict[str, Any],
    settings: dict[str, Any],
    ruleset: str,
    rules_hash: str,
) -> CampaignView:
    """A campaign from its row (see ``campaigns.COLUMNS``) and the parts that were read with it."""
    (
        campaign_id, code, game, title, surface, state, starts_at, ends_at, rules, organiser, organiser_contact,
        budget, spent, total_weight, commitment, table_hash, draws, version, published_at, ended_at, revealed_at,
    ) = row  # fmt: skip
    guarantee = raw["guarantee"]
    published = json.loads(ruleset) if ruleset else {}
    return CampaignView(
        campaign_id, code, game, title, surface, state, starts_at, ends_at, settings, rules,
        organiser, organiser_contact, budget, spent, total_weight, raw["expected_draws"], Limits(**raw["limits"]),
        Chances(**raw["chances"]), Guarantee(**guarantee) if guarantee else None, prizes, commitment, table_hash,
        draws, version, published_at, ended_at, revealed_at, ruleset, rules_hash, published.get("ends_at"),
        published.get("release_minutes"),
    )  # fmt: skip


# What of a published campaign changes, and its place in the row.
_LIVE = (
    ("state", 5), ("starts_at", 6), ("ends_at", 7), ("budget_minor", 11), ("spent_minor", 12), ("draws", 16),
    ("published_at", 18), ("ended_at", 19), ("revealed_at", 20),
)  # fmt: skip


def again(campaign: CampaignView, row: tuple[Any, ...]) -> CampaignView:
    """A cached campaign with what changes from moment to moment taken from its row; itself when nothing did."""
    changed = {name: row[place] for name, place in _LIVE if getattr(campaign, name) != row[place]}
    return replace(campaign, **changed) if changed else campaign
