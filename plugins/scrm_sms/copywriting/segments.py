"""How many parts (计费条数) a text takes, as it is billed and as it goes over the air.

Two ways of counting, chosen per gateway:

``china``
    Mainland platforms bill every text as UCS-2: 70 units in one part, else
    ``ceil(units / 67)``. A unit is a UTF-16 code unit, so an emoji is two.
``gsm``
    Elsewhere a text of GSM-7 characters has 160 septets in one part, else 153
    in each; the characters ``^ { } \\ [ ~ ] | €`` and form feed are two septets.
    One character outside the table turns the whole text into UCS-2.

On the air parts are filled one after the other, and none cuts a surrogate pair
or an escape sequence, so a text may take a part more than its units say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from scrm_core.api import ScrmError

MODES = ("china", "gsm")
"""The ways of counting."""

UCS2 = (70, 67)
GSM7 = (160, 153)
"""Units in a single part, and in each of several parts."""

_ESCAPE = 0x1B


@dataclass(frozen=True, slots=True)
class Size:
    """The size of one text.

    ``encoding`` is ``ucs2`` or ``gsm7`` and ``units`` counts UTF-16 code units
    or septets. ``parts`` is what the mode is about: ``billed`` in china (simple
    division), ``on_air`` in gsm (parts really sent). ``left`` is how many units
    still fit into the last of ``parts``.
    """

    encoding: str
    units: int
    parts: int
    left: int
    billed: int
    on_air: int


def size_of(text: str, mode: str = "china") -> Size:
    """The size of a rendered text, signature and opt-out wording included; an empty text is one part."""
    if mode == "china":
        units, on_air, _ = _measure(text, UCS2)
        billed = _by_division(units, UCS2)
        capacity = UCS2[0] if billed == 1 else UCS2[1] * billed
        return Size("ucs2", units, billed, capacity - units, billed, on_air)
    encoding, limits = ("gsm7", GSM7) if is_gsm(text) else ("ucs2", UCS2)
    units, parts, last = _measure(text, limits)
    return Size(encoding, units, parts, limits[0 if parts == 1 else 1] - last, parts, parts)


def split(text: str, mode: str = "china") -> list[str]:
    """The text as it is cut for the air; together the parts are the text."""
    limits = GSM7 if mode == "gsm" and is_gsm(text) else UCS2
    costs = _costs(text, limits)
    if sum(costs) <= limits[0]:
        return [text]
    cuts = _cuts(costs, limits[1])
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def is_gsm(text: str) -> bool:
    """Whether every character has a place in the GSM-7 alphabet or its extension (3GPP TS 23.038)."""
    single, double = _alphabet()
    return single.issuperset(text) or (single | double).issuperset(text)


@lru_cache(maxsize=1)
def _alphabet() -> tuple[frozenset[str], frozenset[str]]:
    """Characters of one septet and of two, read from the codec that the library registers."""
    try:
        import gsm0338  # type: ignore[import-untyped]  # noqa: F401 (importing it registers the codec)
    except ImportError:
        raise ScrmError("counting GSM-7 parts needs a library: pip install 'scrm[sms]'", code="missing") from None
    single = {bytes([code]).decode("gsm03.38") for code in range(128) if code != _ESCAPE}
    double = set()
    for code in range(128):
        try:
            double.add(bytes([_ESCAPE, code]).decode("gsm03.38"))
        except UnicodeDecodeError:
            continue  # no character is assigned behind this escape
    return frozenset(single), frozenset(double)


def _measure(text: str, limits: tuple[int, int]) -> tuple[int, int, int]:
    """Units of a text, how many parts are sent, and the units in the last of them."""
    if not _has_double(text, limits):  # nothing can be cut, so division is exact
        units, parts = len(text), _by_division(len(text), limits)
        return units, parts, units if parts == 1 else units - (parts - 1) * limits[1]
    costs = _costs(text, limits)
    units = sum(costs)
    if units <= limits[0]:
        return units, 1, units
    cuts = _cuts(costs, limits[1])
    return units, len(cuts) + 1, sum(costs[cuts[-1] :])


def _has_double(text: str, limits: tuple[int, int]) -> bool:
    if limits is UCS2:
        return not text.isascii() and max(text) > "\uffff"
    return not _alphabet()[1].isdisjoint(text)


def _costs(text: str, limits: tuple[int, int]) -> list[int]:
    """The units of each character."""
    if limits is UCS2:
        return [2 if character > "\uffff" else 1 for character in text]
    double = _alphabet()[1]
    return [2 if character in double else 1 for character in text]


def _by_division(units: int, limits: tuple[int, int]) -> int:
    return 1 if units <= limits[0] else -(-units // limits[1])


def _cuts(costs: Iterable[int], room: int) -> list[int]:
    """Where a new part begins when parts are filled one after the other."""
    cuts, used = [], 0
    for position, cost in enumerate(costs):
        used += cost
        if used > room:
            cuts.append(position)
            used = cost
    return cuts
