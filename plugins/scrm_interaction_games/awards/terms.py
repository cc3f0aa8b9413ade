"""What a welfare campaign is made of, and which gifts lose no money."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from scrm_core.api import Invalid, NotFound, clean_text

from .modes import checked_mode

if TYPE_CHECKING:
    from scrm_core.api import Brand

OCCASIONS = {"holiday": "节日", "season": "季节", "launch": "新品"}
WHOLE_BP = 10_000
MOST_MINOR = 2**52


@dataclass(frozen=True, slots=True)
class WelfareIn:
    """A welfare campaign to make; money in minor units, instants in milliseconds.

    ``basket_minor`` is the order that a gift rides on, 0 for none; ``audience`` a
    segment expression; ``claim`` lets people come for it (within the audience, if there is one).
    """

    code: str
    title: str
    occasion: str
    occasion_name: str
    kind: str
    unit_cost_minor: int
    cap_minor: int
    starts_at: int
    ends_at: int
    item: str = ""
    quantity: int = 1
    basket_minor: int = 0
    mode: str = "native"
    audience: str = ""
    claim: bool = False


def checked(brand: Brand, wanted: WelfareIn) -> WelfareIn:
    """The campaign with its texts cleaned; raises Invalid naming the field at fault, SegmentError for its audience."""
    values = asdict(wanted)
    for name, most in (("code", 40), ("title", 200), ("occasion_name", 100), ("kind", 100), ("item", 200)):
        values[name] = clean_text(values[name], field=name, max_length=most)
        if not values[name] and name != "item":
            raise Invalid(f"{name} is missing", field=name)
    values["audience"] = clean_text(wanted.audience, field="audience", max_length=4_000)
    if wanted.occasion not in OCCASIONS:
        raise Invalid(f"occasion is one of {', '.join(OCCASIONS)}, not {wanted.occasion!r}", field="occasion")
    checked_mode(wanted.mode)
    for name, least in (("unit_cost_minor", 1), ("cap_minor", 1), ("basket_minor", 0), ("quantity", 1)):
        whole(values[name], name, least)
    if wanted.cap_minor < wanted.unit_cost_minor:
        raise Invalid("the cap is below the cost of one gift", field="cap_minor")
    if type(wanted.starts_at) is not int or type(wanted.ends_at) is not int or wanted.starts_at >= wanted.ends_at:
        raise Invalid("the campaign ends before it starts", field="ends_at")
    if not values["audience"] and not wanted.claim:
        raise Invalid("give an audience (--audience), or let people claim (--claim), or both", field="audience")
    if values["audience"]:
        brand.segments.condition(values["audience"])
    return WelfareIn(**values)


def check_goods(
    brand: Brand, item: str, quantity: int, unit_cost_minor: int, basket_minor: int, margin_bp: int
) -> None:
    """Goods must lose no money (不亏本选品): cost at most the margin of the basket they ride on.

    The cost told must not be below the catalogue's. Raises Invalid, with the code ``gift_loses_money`` for a loss.
    """
    if not basket_minor:
        raise Invalid(
            "goods ride on an order: give its basket_minor, or nobody can tell that the gift loses no money",
            field="basket_minor",
        )
    try:
        each = brand.products.get(item).cost_minor
    except NotFound:
        each = None
    if each is not None and unit_cost_minor < each * quantity:
        raise Invalid(
            f"{quantity} x {item!r} cost {each * quantity} by the catalogue, not {unit_cost_minor}",
            field="unit_cost_minor",
        )
    allowed = basket_minor * margin_bp // WHOLE_BP
    if unit_cost_minor > allowed:
        raise Invalid(
            f"the gift costs {unit_cost_minor} and the margin of a basket of {basket_minor} is {allowed}: "
            "it would lose money; choose a cheaper gift or a larger basket",
            field="unit_cost_minor",
            code="gift_loses_money",
        )


def whole(value: object, field: str, least: int) -> None:
    """Raise Invalid for anything but a whole number from ``least``."""
    if type(value) is not int or not least <= value <= MOST_MINOR:
        raise Invalid(f"{field} is a whole number from {least}", field=field)
