"""Step policy (政策敲定): the hook product with its margin check, and the material for each channel.

The margin check is integer arithmetic in minor units: what may be spent on the
hook is ``(price - cost) * share // 10,000``, rounded down, with the share in
hundredths of a percent. The order of the kinds of hook and the wanted material
are those of the field; the share is a setting, which a campaign may leave with
a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, transactional

from . import wording
from .catalogue import HOOKS, IMAGES, MATERIALS
from .records import By, Records, State

if TYPE_CHECKING:
    from scrm_core.api import Brand

WHOLE = 10_000
"""A share of everything, in hundredths of a percent."""

MOST_CHANNELS = 50
_FORBIDDEN_KINDS = ("review", "好评", "返现")


@dataclass(frozen=True, slots=True)
class HookIn:
    """A hook product as it is proposed, money in minor units.

    ``price_minor`` and ``cost_minor`` are those of the product that the card
    travels with, ``hook_minor`` is what one hook costs the brand. ``share``
    (hundredths of a percent) differs from the setting only with a reason.
    """

    kind: str
    name: str
    product: str
    price_minor: int
    cost_minor: int
    hook_minor: int
    share: int | None = None
    share_reason: str = ""


@dataclass(frozen=True, slots=True)
class MarginCheck:
    """The arithmetic of a hook: ``allowed_minor`` is what it may cost, ``words`` says it for people."""

    kind: str
    rank: int
    name: str
    product: str
    price_minor: int
    cost_minor: int
    margin_minor: int
    share: int
    share_reason: str
    allowed_minor: int
    hook_minor: int
    fits: bool
    words: str


def percent(share: int) -> str:
    """A share in hundredths of a percent as text: 3,000 is ``30 %``, 1,250 is ``12.5 %``."""
    return f"{share / 100:g} %"


class Policy:
    """Step policy of one brand's campaigns; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any], records: Records) -> None:
        self.brand = brand
        self.settings = settings
        self.records = records

    @transactional
    def set_channels(self, code: str, channels: Sequence[str], by: By) -> tuple[str, ...]:
        """Name the channels on which the campaign runs; each needs its own material and links."""
        names = tuple(wording.name(channel, "channels") for channel in channels)
        if not 1 <= len(names) <= MOST_CHANNELS:
            raise Invalid(f"channels: name 1 to {MOST_CHANNELS} of them, not {len(names)}", field="channels")
        if len(set(names)) != len(names):
            raise Invalid("channels: each channel is named once", field="channels")
        plan = self.records.hold(code)
        self.records.expect_open(plan, "policy")
        if self.records.put(plan, "policy", "channels", list(names)):
            self.records.log(plan, by, "channels", {"channels": list(names)})
        return names

    def check_hook(self, hook: HookIn) -> MarginCheck:
        """The margin check of a hook, without storing anything; one that does not fit is answered, not raised.

        Raises Invalid for values that make no sense, another share than the
        setting's without a reason, and cash for good reviews (code ``forbidden``).
        """
        self._refuse_forbidden(hook)
        if hook.kind not in HOOKS:
            raise Invalid(f"kind: {hook.kind!r} is no kind of hook; they are {', '.join(HOOKS)}", field="kind")
        name = wording.copy(hook.name, "name", most=200)
        product = wording.words(hook.product, "product", most=200)
        price = wording.whole(hook.price_minor, "price_minor", least=1)
        cost = wording.whole(hook.cost_minor, "cost_minor")
        spent = wording.whole(hook.hook_minor, "hook_minor")
        share, reason = self._share(hook)
        margin = price - cost
        allowed = max(0, margin) * share // WHOLE
        fits = margin > 0 and spent <= allowed
        return MarginCheck(
            kind=hook.kind,
            rank=len(HOOKS) - list(HOOKS).index(hook.kind),
            name=name,
            product=product,
            price_minor=price,
            cost_minor=cost,
            margin_minor=margin,
            share=share,
            share_reason=reason,
            allowed_minor=allowed,
            hook_minor=spent,
            fits=fits,
            words=self._words(price, cost, share, allowed, spent),
        )

    @transactional
    def set_hook(self, code: str, hook: HookIn, by: By) -> MarginCheck:
        """Settle the hook product; raises Invalid (code ``margin``) with the arithmetic for one that costs too much."""
        check = self.check_hook(hook)
        if not check.fits:
            raise Invalid(f"the hook is refused: {check.words}", field="hook_minor", code="margin")
        plan = self.records.hold(code)
        self.records.expect_open(plan, "policy")
        if self.records.put(plan, "policy", "hook", asdict(check)):
            self.records.log(plan, by, "hook", asdict(check), reason=check.share_reason)
        return check

    @transactional
    def set_material(self, code: str, channel: str, item: str, value: str, by: By) -> str:
        """Settle one item of material for one channel: where a picture lies, or a text."""
        if item not in MATERIALS:
            raise Invalid(f"item: {item!r} is no material; it is one of {', '.join(MATERIALS)}", field="item")
        text = wording.picture(value, "value") if item in IMAGES else wording.copy(value, "value")
        plan = self.records.hold(code)
        self.records.expect_open(plan, "policy")
        known = self.records.state(plan).channels
        if channel not in known:
            named = ", ".join(known) or "none yet"
            raise Invalid(
                f"channel: {channel!r:.60} is no channel of campaign {code!r}; it has {named}", field="channel"
            )
        if self.records.put(plan, "policy", item, text, subject=channel):
            self.records.log(plan, by, "material", {"item": item, "channel": channel, "value": text})
        return text

    @transactional
    def set_materials(self, code: str, channel: str, values: Mapping[str, str], by: By) -> None:
        """Settle several items of material for one channel, all of them or, when one is refused, none."""
        for item, value in values.items():
            self.set_material(code, channel, item, value, by)

    @staticmethod
    def _refuse_forbidden(hook: HookIn) -> None:
        if any(word in str(hook.kind).casefold() for word in _FORBIDDEN_KINDS):
            raise Invalid(f"kind: {hook.kind!r:.60}: {wording.FORBIDDEN}", field="kind", code="forbidden")

    def _share(self, hook: HookIn) -> tuple[int, str]:
        usual: int = self.settings["hook_share"]
        if hook.share is None or hook.share == usual:
            return usual, ""
        share = wording.whole(hook.share, "share", most=WHOLE)
        if not hook.share_reason.strip():
            raise Invalid(
                f"share_reason: say why {percent(share)} of the margin may go into the hook instead of the usual "
                f"{percent(usual)}",
                field="share_reason",
            )
        return share, wording.words(hook.share_reason, "share_reason", most=500)

    def _words(self, price: int, cost: int, share: int, allowed: int, spent: int) -> str:
        """The arithmetic for people, in minor units."""
        margin = price - cost
        start = f"in minor units of {self.brand.currency}: price {price:,} - cost {cost:,} = margin {margin:,}"
        if margin <= 0:
            return f"{start}; a product without a margin pays for no hook, and this one costs {spent:,}"
        rest = f"{abs(allowed - spent):,} {'more' if spent > allowed else 'less'} than is allowed"
        return (
            f"{start} ({percent(margin * WHOLE // price)} of the price); allowed for the hook: {percent(share)} of "
            f"{margin:,} = {allowed:,}; the hook costs {spent:,}, {rest}"
        )


def hook_of(state: State) -> MarginCheck | None:
    """The settled hook of a campaign, if there is one."""
    stored = state.items.get(("hook", ""))
    return None if stored is None else MarginCheck(**stored)
