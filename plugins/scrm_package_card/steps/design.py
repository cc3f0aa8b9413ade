"""Step design (样式设计): what the card looks like and says, kept for the printer.

The checklist has three points: attention (size, colour, layout), interest
(benefit, copy in Chinese and English, structure) and entry (where a buyer is
acquired, which group they come into).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, transactional

from . import wording
from .catalogue import DESIGN
from .records import By, Records, State

if TYPE_CHECKING:
    from scrm_core.api import Brand

SMALLEST_MM, LARGEST_MM, MOST_BLEED_MM = 20, 1_000, 20
MOST_COLOURS = 12
ITEMS = {item: title for point in DESIGN.values() for item, title in point.items()}
_CHINESE = re.compile("[\u3400-\u9fff]")
_LATIN = re.compile("[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Size:
    """The trimmed card in millimetres, and the bleed on each side of it."""

    width_mm: float
    height_mm: float
    bleed_mm: float


@dataclass(frozen=True, slots=True)
class CardDesign:
    """A complete design, as the printer needs it."""

    size: Size
    colours: tuple[str, ...]
    layout: str
    benefit: str
    copy_zh: str
    copy_en: str
    structure: str
    acquire_entry: str
    group_channel: str


class Design:
    """Step design of one brand's campaigns; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any], records: Records) -> None:
        self.brand = brand
        self.settings = settings
        self.records = records

    @transactional
    def set_items(self, code: str, items: Mapping[str, Any], by: By) -> tuple[str, ...]:
        """Settle items of the checklist, all of them or none; returns the names of those that changed.

        ``size`` is a mapping with ``width_mm``, ``height_mm`` and, unless the
        setting ``bleed_mm`` fits, ``bleed_mm``; ``colours`` is a list of names
        or codes; every other item is a text.
        """
        unknown = [item for item in items if item not in ITEMS]
        if unknown:
            raise Invalid(
                f"{unknown[0]!r:.60} is no item of the design; they are {', '.join(ITEMS)}", field=str(unknown[0])[:60]
            )
        if not items:
            raise Invalid(f"name an item of the design: {', '.join(ITEMS)}", field="items")
        checked = {item: self._checked(item, value) for item, value in items.items()}
        plan = self.records.hold(code)
        self.records.expect_open(plan, "design")
        changed = {item: value for item, value in checked.items() if self.records.put(plan, "design", item, value)}
        if changed:
            self.records.log(plan, by, "design", changed)
        return tuple(changed)

    def design(self, code: str) -> CardDesign | None:
        """The design of a campaign, None while an item is missing; raises Conflict for one without steps."""
        return design_of(self.records.state(self.records.plan(code)))

    def _checked(self, item: str, value: Any) -> Any:
        if item == "size":
            return self._size(value)
        if item == "colours":
            return _colours(value)
        check = _TEXTS.get(item)
        text = wording.copy(value, item)
        if check is not None:
            check(text, item)
        return text

    def _size(self, value: Any) -> dict[str, float]:
        if not isinstance(value, Mapping) or not {"width_mm", "height_mm"} <= set(value) <= set(Size.__slots__):
            raise Invalid("size: width_mm and height_mm are expected, and bleed_mm if it is special", field="size")
        bleed = value.get("bleed_mm", self.settings["bleed_mm"])
        return {
            "width_mm": _millimetres(value["width_mm"], "width_mm", SMALLEST_MM, LARGEST_MM),
            "height_mm": _millimetres(value["height_mm"], "height_mm", SMALLEST_MM, LARGEST_MM),
            "bleed_mm": _millimetres(bleed, "bleed_mm", 0, MOST_BLEED_MM),
        }


def design_of(state: State) -> CardDesign | None:
    """The design in a state of a campaign, None while an item is missing."""
    found: dict[str, Any] = {item: state.items.get((item, "")) for item in ITEMS}
    if None in found.values():
        return None
    return CardDesign(**found | {"size": Size(**found["size"]), "colours": tuple(found["colours"])})


def _millimetres(value: Any, field: str, least: float, most: float) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise Invalid(f"{field}: {value!r:.40} is no length in millimetres", field=field)
    if not least <= value <= most:
        raise Invalid(f"{field}: {value:g} mm is outside {least:g} to {most:g} mm", field=field)
    return float(value)


def _colours(value: Any) -> list[str]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not 1 <= len(value) <= MOST_COLOURS:
        raise Invalid(f"colours: a list of 1 to {MOST_COLOURS} colours such as #C8102E is expected", field="colours")
    return [wording.words(colour, "colours", most=60) for colour in value]


def _chinese(text: str, field: str) -> None:
    if not _CHINESE.search(text):
        raise Invalid(f"{field}: the Chinese copy has no Chinese character", field=field)


def _english(text: str, field: str) -> None:
    if not _LATIN.search(text):
        raise Invalid(f"{field}: the English copy has no Latin letter", field=field)


_TEXTS: Mapping[str, Callable[[str, str], None]] = {"copy_zh": _chinese, "copy_en": _english}
