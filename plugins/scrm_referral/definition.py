"""A campaign's definition: read from what a brand wrote, checked with the field named, and what it would cost."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Invalid,
    RewardWanted,
    ScrmError,
    execute,
    iso,
    load_body,
    local_instant,
    safe_target,
    show_minor,
    surfaces,
    to_instant,
)

from .ladder import Rung, costs
from .paths import MECHANICS, SPREAD, WARNING, Told
from .schemas import WEIGHTS, CampaignBody

if TYPE_CHECKING:
    from scrm_core.api import Brand

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
_NEEDS = {"target": ("segment",), "joined_group": ("group",), "pack": ("plugin", "event")}
_TAKES = {"target": {"segment"}, "joined_group": {"group"}, "pack": {"plugin", "event", "match"}}
_DEFAULT_GATES = {"customer": ("member", "first_order"), "follow": ("added",)}


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate (成功条件) by its ``name``; the other members are those of its kind."""

    name: str
    segment: str = ""
    group: str = ""
    plugin: str = ""
    event: str = ""
    match: tuple[tuple[str, Any], ...] = ()
    min_minor: int = 1


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition that was read; instants are epoch milliseconds, money is minor units."""

    code: str
    title: str
    template: str
    surface: str
    starts_at: int | None
    ends_at: int
    grace_days: int
    quota: int | None
    staff: tuple[str, ...]
    target_url: str
    poster: str
    mode: str
    ladder: tuple[Rung, ...]
    gates: tuple[Gate, ...]
    attribution_days: int
    fresh_hours: int
    observation_days: int
    refund_days: int
    budget_minor: int | None
    four_eyes_minor: int
    hold: int
    weights: dict[str, int]
    per_day: int | None
    hva_days: int
    hva_min_minor: int
    count_after_leaving: bool = False

    @property
    def steps_until(self) -> int:
        """The instant from which on steps count no more: the end and the days of grace."""
        return self.ends_at + self.grace_days * DAY_MS

    def needed(self, value_minor: int) -> int:
        """How many persons approve a reward of this value."""
        return 2 if value_minor >= self.four_eyes_minor else 1

    def gate(self, name: str) -> Gate | None:
        """The gate with this name, or None."""
        return next((gate for gate in self.gates if gate.name == name), None)


def read(brand: Brand, body: Any) -> tuple[Definition, str]:
    """A definition and the JSON it is stored as; raises Invalid naming the field."""
    loaded = load_body(CampaignBody(), body)
    loaded["starts_at"] = _instant(brand, loaded["starts_at"])
    loaded["ends_at"] = _instant(brand, loaded["ends_at"])
    if loaded["gates"] is None:
        names = _DEFAULT_GATES.get(loaded["template"])
        if names is None:
            raise Invalid("gates: the template 'group' names the group that invitees join", field="gates")
        loaded["gates"] = [{"gate": name} for name in names]
    text = json.dumps(loaded, ensure_ascii=False, sort_keys=True)
    made = from_json(text)
    _check(brand, made, loaded)
    return made, text


@lru_cache(maxsize=256)
def from_json(text: str) -> Definition:
    """A definition as it is stored; read once, for every event of the brand asks for it. Nobody changes it."""
    raw = json.loads(text)
    risk, audit, hva = raw.pop("risk"), raw.pop("audit"), raw.pop("hva")
    ladder = tuple(Rung(**rung) for rung in raw.pop("ladder"))
    gates = tuple(_gate(each) for each in raw.pop("gates"))
    return Definition(
        **{**raw, "staff": tuple(raw["staff"])}, ladder=ladder, gates=gates, four_eyes_minor=audit["four_eyes_minor"],
        hold=risk["hold"], weights={**WEIGHTS, **risk["weights"]}, per_day=risk["per_day"],
        hva_days=hva["days"], hva_min_minor=hva["min_minor"],
    )  # fmt: skip


def _gate(raw: dict[str, Any]) -> Gate:
    members = {key: value for key, value in raw.items() if key != "gate"}
    if "match" in members:
        members["match"] = tuple(sorted(members["match"].items()))
    return Gate(raw["gate"], **members)


def _instant(brand: Brand, value: datetime.datetime | None) -> int | None:
    if value is None:
        return None
    return local_instant(value, brand.zone) if value.tzinfo is None else to_instant(value)


def _check(brand: Brand, made: Definition, loaded: dict[str, Any]) -> None:
    if made.starts_at is not None and made.starts_at >= made.ends_at:
        raise Invalid("ends_at: the campaign would end before it starts", field="ends_at")
    for place, (below, above) in enumerate(pairwise(made.ladder), 1):
        if above.invites <= below.invites:
            words = f"ladder.{place}.invites: the rung for {above.invites} comes after the one for {below.invites}"
            raise Invalid(words, field=f"ladder.{place}.invites")
    names = [gate.name for gate in made.gates]
    if len(set(names)) < len(names):
        raise Invalid("gates: each gate once", field="gates")
    for place, raw in enumerate(loaded["gates"]):
        at = f"gates.{place}"
        for name in _NEEDS.get(raw["gate"], ()):
            if not raw.get(name):
                raise Invalid(f"{at}.{name}: the gate {raw['gate']!r} needs it", field=f"{at}.{name}")
        for name in raw.keys() - {"gate", "min_minor"} - _TAKES.get(raw["gate"], set()):
            raise Invalid(f"{at}.{name}: the gate {raw['gate']!r} does not take it", field=f"{at}.{name}")
    if made.target_url:
        try:
            safe_target(made.target_url.replace("{code}", "code"))
        except Invalid as exc:
            raise Invalid(f"target_url: {exc.message}", field="target_url") from None
    target = made.gate("target")
    if target is not None:
        brand.segments.condition(target.segment)
    for reason in surfaces.refusals(MECHANICS[made.template], made.surface):
        raise Invalid(f"surface: {reason}", field="surface", code="surface")
    if made.template == "customer" and not {"member", "first_order"} & set(names):
        raise Invalid(
            "gates: invitees count as customers: name 'member' or 'first_order'", field="gates"
        )
    if made.template == "group" and "joined_group" not in names:
        raise Invalid("gates: the template 'group' has the gate 'joined_group'", field="gates")


def problems(brand: Brand, settings: dict[str, Any], made: Definition) -> Iterator[Told]:
    """What keeps a definition from being published now, a sentence each."""
    if made.ends_at <= brand.now():
        yield Told("ends_at: the campaign would be over before it is published", "活动结束时间已过，无法发布")
    if made.template in SPREAD and not settings["spread_paths"]:
        yield Told(
            f"template: {made.template!r} is off; {WARNING.en}. "
            "Set spread_paths = true in [plugins.referral] to use it",
            f"该裂变路径默认关闭：{WARNING.zh}；如需使用，请在 [plugins.referral] 中设置 spread_paths = true",
        )
    yield from issuer_problems(brand, made)


def unissued(brand: Brand, made: Definition) -> Iterator[str]:
    """Kinds of rewards that no plugin issues as the brand is configured."""
    kinds = brand.rewards.kinds()
    for place, rung in enumerate(made.ladder):
        if rung.kind not in kinds:
            try:
                brand.rewards.check(rung.kind, rung.item)
            except Conflict as exc:
                yield f"ladder.{place}: {exc.message}"


def issuer_problems(brand: Brand, made: Definition) -> Iterator[Told]:
    """Rewards that nobody could grant, or that are worth more than the ladder says."""
    for place, rung in enumerate(made.ladder):
        try:
            brand.rewards.check(rung.kind, rung.item)
            worth = brand.rewards.worth(rung.kind, rung.item, rung.quantity)
        except ScrmError as exc:
            yield Told(f"ladder.{place}: {exc.message}", f"{rung.invites} 人档的奖励无法发放：{exc.message}")
            continue
        if worth is not None and worth > rung.value_minor:
            yield Told(
                f"ladder.{place}.value_minor: the issuer says it is worth {money(brand, worth)}; "
                "budget and audit count no less",
                f"{rung.invites} 人档的奖励实际价值为 {money(brand, worth)}，预算与核准按不低于此金额计算",
            )


def shortages(brand: Brand, made: Definition) -> list[str]:
    """What the issuers of the ladder's rewards lack to grant them all now, a sentence each.

    A rung is planned as often as its stock and the places allow, at least once. Raises what
    :func:`issuer_problems` tells of.
    """
    wanted = []
    for rung in made.ladder:
        limits = [limit for limit in (made.quota, rung.stock) if limit is not None]
        wanted.append(RewardWanted(rung.kind, rung.item, rung.quantity, min(limits, default=None)))
    return brand.rewards.shortages(wanted, most_minor=made.budget_minor)


def warnings(brand: Brand, made: Definition) -> Iterator[Told]:
    """What a brand should know before it publishes."""
    if made.template in SPREAD:
        yield WARNING
    if not made.staff:
        yield Told("staff: nobody is named to receive inviters and invitees", "未指定承接邀请人与好友的导购")
    if made.budget_minor is None:
        yield Told("budget_minor: nothing limits what the ladder costs", "未设预算：奖励成本没有上限")
    elif (most := most_minor(made)) is not None and most > made.budget_minor:
        cost, budget = money(brand, most), money(brand, made.budget_minor)
        yield Told(
            f"budget_minor: {made.quota or 'all'} inviters at the top cost {cost}, "
            f"the budget is {budget}: publish that rewards are first come, first served",
            f"全部邀请人达到最高档需 {cost}，预算为 {budget}：规则中须写明奖励先到先得",
        )
    for place, rung in enumerate(made.ladder):
        if rung.stock is not None and (made.quota is None or rung.stock < made.quota):
            yield Told(
                f"ladder.{place}.stock: there are {rung.stock} of the rung for {rung.invites}: publish that they are "
                "first come, first served",
                f"{rung.invites} 人档的奖励共 {rung.stock} 份：规则中须写明先到先得",
            )
    if made.observation_days < made.refund_days:
        days = made.refund_days - made.observation_days
        yield Told(
            f"observation_days: rewards are granted {days} days before refunds are over; a used voucher cannot be "
            "taken back and is recorded as a loss",
            f"奖励在退款期结束前 {days} 天发放：已使用的券无法收回，将记为损失",
        )


def most_minor(made: Definition) -> int | None:
    """What everybody at the top of the ladder costs, as far as places and stock go; None where nothing limits it.

    Rungs that add up cost each inviter all of them. In the mode ``highest`` nobody
    gets two: the dearest go first.
    """
    total, left = 0, made.quota
    for rung in sorted(made.ladder, key=lambda each: -each.value_minor):
        limits = [limit for limit in (left, rung.stock) if limit is not None]
        if not limits:
            return None
        total += min(limits) * rung.value_minor
        if made.mode == "highest" and left is not None:
            left -= min(limits)
    return total


def dry_run(brand: Brand, settings: dict[str, Any], body: Any, *, changes: str = "") -> dict[str, Any]:
    """What would be published, what keeps it from that, and what the ladder costs; writes nothing.

    ``most_minor`` is what the ladder costs at worst, ``worst_minor`` the same within the budget; None: without limit.
    ``notes`` are the sentences of problems, shortages and warnings in both languages.
    """
    made, text = read(brand, body)
    unissuable = bool(list(issuer_problems(brand, made)))
    found = {
        "problem": list(problems(brand, settings, made)),
        "shortage": [] if unissuable else [Told(each, f"库存不足：{each}") for each in shortages(brand, made)],
        "warning": [*_taken(made.code, text, changes), *warnings(brand, made)],
    }
    most = most_minor(made)
    return {
        "campaign": body_of(brand, made, text),
        **{f"{kind}s": [told.en for told in each] for kind, each in found.items()},
        "mode": made.mode,
        "ladder": [
            {
                **row,
                "total": money(brand, row["total_minor"]),
                "per_qualified": money(brand, round(Fraction(row["total_minor"], row["invites"]))),
                "four_eyes": made.needed(row["value_minor"]) == 2,
            }
            for row in costs(made.ladder, made.mode)
        ],
        "most_minor": most,
        "worst_minor": min((limit for limit in (most, made.budget_minor) if limit is not None), default=None),
        "notes": [{"kind": kind, **told._asdict()} for kind, each in found.items() for told in each],
    }


def _taken(code: str, text: str, changes: str) -> Iterator[Told]:
    if code != changes and stored_other(code, text):
        yield Told(f"code: a campaign {code!r} exists with another definition", f"活动编码 {code} 已被占用")


def stored_other(code: str, text: str) -> bool:
    """Whether the code is that of a campaign with another definition than this text."""
    row = execute("SELECT definition FROM referral_campaign WHERE code = ?", (code,)).fetchone()
    return row is not None and row[0] != text


def body_of(brand: Brand, made: Definition, text: str) -> dict[str, Any]:
    """A definition that is stored, as :func:`read` takes it: times are text by the brand's clock."""
    times = {"starts_at": iso(made.starts_at, brand.zone), "ends_at": iso(made.ends_at, brand.zone)}
    return {**json.loads(text), **times}


def money(brand: Brand, minor: int) -> str:
    """An amount as people read it."""
    return show_minor(minor, brand.currency)
