"""Which offers go together (叠加互斥), and which combination is best (最优券).

Everything here depends on the offers alone, never on the order in which they
were added.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from scrm_core.api import CartLine, Invalid

from .basket import Unmet
from .offers import Offer, Policy, Quote, Refused
from .pricing import Priced, price

MOST_COMBINATIONS = 2_000
MOST_STEPS = 1_000_000
"""Lines times offers times combinations that one cart may cost: a second or so."""
LEAST_COMBINATIONS = 100
MOST_NODES = 50_000
MOST_OFFERS = 200
_USUAL = Policy()


def conflict(one: Offer, other: Offer) -> str | None:
    """Why two offers do not go together: exclusive, group or step (one order promotion); None when they do."""
    if one.exclusive or other.exclusive:
        return "exclusive"
    if one.group and one.group == other.group:
        return "group"
    if one.step == other.step == "order":
        return "step"
    return None


def quote(
    lines: Sequence[CartLine],
    offers: Sequence[Offer],
    *,
    shipping_minor: int = 0,
    channel: str = "",
    store: str = "",
    policy: Policy = _USUAL,
    taken: Sequence[int] = (),
) -> Quote:
    """Price a cart with offers that are all wanted.

    Where some exclude each other, the combination that takes off most is used,
    and of those that leave nothing out that still fits. The rest are refused
    with the reason. ``taken`` is what others have already taken off each line.
    Raises Invalid for two offers with one id or too many.
    """
    return _choose(lines, offers, _Place(shipping_minor, channel, store, policy, taken), optional=False)


def best(
    lines: Sequence[CartLine],
    offers: Sequence[Offer],
    *,
    shipping_minor: int = 0,
    channel: str = "",
    store: str = "",
    policy: Policy = _USUAL,
    taken: Sequence[int] = (),
) -> Quote:
    """Price a cart with the best combination of its offers; automatic promotions always take part.

    Compares the allowed combinations, 2,000 at most: the largest discount, then
    more gifts, fewer offers, the earlier expiry, the lower id. Greedy by face
    value would be wrong: a larger coupon may break the threshold of a second one.
    """
    return _choose(lines, offers, _Place(shipping_minor, channel, store, policy, taken), optional=True)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a cart is priced; ``taken`` is what others took off its lines before."""

    shipping_minor: int
    channel: str
    store: str
    policy: Policy
    taken: Sequence[int]

    def price(self, lines: Sequence[CartLine], offers: Sequence[Offer]) -> Priced:
        return price(lines, offers, self.shipping_minor, self.policy, self.taken)


def _choose(lines: Sequence[CartLine], offers: Sequence[Offer], place: _Place, *, optional: bool) -> Quote:
    if len(offers) > MOST_OFFERS:
        raise Invalid(f"{len(offers)} offers; a cart has at most {MOST_OFFERS}", field="offers")
    if len({offer.id for offer in offers}) != len(offers):
        raise Invalid("two offers have the same id", field="offers")
    bare = [replace(line, floor_minor=None) for line in lines]
    here: list[tuple[int, int, Offer]] = []
    refused: list[Refused] = []
    for offer in offers:
        unmet = elsewhere(offer, place.channel, place.store)
        if unmet is not None:
            refused.append(Refused(offer, unmet))
            continue
        most = place.price(bare, (offer,)).discount_minor
        here.append((place.price(lines, (offer,)).discount_minor, most, offer))
    # The most valuable first, so that a cap on combinations leaves out the least promising.
    here.sort(key=lambda each: (-each[0], each[2].order))
    ordered = [offer for _, _, offer in here]
    allowed = max(LEAST_COMBINATIONS, min(MOST_COMBINATIONS, MOST_STEPS // max(1, len(lines) * len(ordered))))
    search = _Search(ordered, [most for _, most, _ in here], optional=optional)
    chosen: Priced | None = None
    count = 0
    for combination in search.combinations():
        if combination is None:
            continue
        count += 1
        if count > allowed:
            break
        priced = place.price(lines, combination)
        if chosen is None or _merit(priced) < _merit(chosen):
            chosen = priced
            search.least = chosen.discount_minor
    assert chosen is not None
    refused += _left_out(lines, ordered, chosen, place)
    refused.sort(key=lambda each: each.offer.order)
    capped = count > allowed or search.exhausted
    return Quote(chosen.applied, tuple(refused), chosen.left, chosen.shipping_minor, capped)


def elsewhere(offer: Offer, channel: str, store: str) -> Unmet | None:
    """Why an offer is not for this channel or shop; None when it is."""
    scope = offer.scope
    if scope.channels and channel not in scope.channels:
        return Unmet("channel", {"channels": ", ".join(scope.channels)})
    if scope.stores and store not in scope.stores:
        return Unmet("store", {"stores": ", ".join(scope.stores)})
    return None


class _Search:
    """Goes through the sets of offers that go together.

    An offer may only be left out when it is optional or something excludes it.
    ``values`` is what each offer would take off alone if no line had a floor. In
    company it never takes off more, since it then meets lower prices (under
    floors it may: a lower price can move it to a line that has room). So sets
    that cannot reach ``least``, the best discount found so far, are passed over.
    """

    def __init__(self, offers: Sequence[Offer], values: Sequence[int], *, optional: bool) -> None:
        self.offers = offers
        self.least = 0
        self._values = values
        self._optional = optional
        self._clashes = {
            offer.id: frozenset(other.id for other in offers if other is not offer and conflict(offer, other))
            for offer in offers
        }
        self._ids = [offer.id for offer in offers]
        self._rest = [sum(values[start:]) for start in range(len(offers) + 1)]
        self.nodes = 0

    @property
    def exhausted(self) -> bool:
        """Whether there was more to go through than anybody waits for."""
        return self.nodes > MOST_NODES

    def _most_of(self, start: int, ids: frozenset[str]) -> int:
        """The most that offers from a place on can add to a set: of those that exclude each other only the best."""
        seen: set[str] = set()
        most = 0
        for offer, value in zip(self.offers[start:], self._values[start:], strict=True):
            kin = f"group:{offer.group}" if offer.group else "order" if offer.step == "order" else f"id:{offer.id}"
            if kin not in seen and not self._clashes[offer.id] & ids:
                seen.add(kin)
                most += value
        return most

    def combinations(self) -> Iterator[tuple[Offer, ...] | None]:
        """The sets, the most promising first; None stands for one that leaves something out for nothing."""
        return self._walk(0, (), frozenset(), (), 0)

    def _walk(
        self, start: int, taken: tuple[Offer, ...], ids: frozenset[str], dropped: tuple[Offer, ...], value: int
    ) -> Iterator[tuple[Offer, ...] | None]:
        self.nodes += 1
        if self.exhausted or value + self._rest[start] < self.least:
            return
        if value < self.least and value + self._most_of(start, ids) < self.least:
            return
        if start == len(self.offers):
            yield taken if all(self._clashes[offer.id] & ids for offer in dropped) else None
            return
        offer = self.offers[start]
        clashes = self._clashes[offer.id]
        blocked = bool(clashes & ids)
        if not blocked:
            worth = value + self._values[start]
            yield from self._walk(start + 1, (*taken, offer), ids | {offer.id}, dropped, worth)
        if blocked or (self._optional and not offer.scope.automatic):
            yield from self._walk(start + 1, taken, ids, dropped, value)
        elif clashes.intersection(self._ids[start + 1 :]):
            # It may only stay out when one of those that it excludes comes in.
            yield from self._walk(start + 1, taken, ids, (*dropped, offer), value)


def _merit(priced: Priced) -> tuple[int, int, int, list[int], list[str]]:
    """Smaller is better."""
    gifts = sum(gift.qty for applied in priced.applied for gift in applied.gifts)
    offers = [applied.offer for applied in priced.applied]
    ends = sorted(offer.ends for offer in offers)
    return -priced.discount_minor, -gifts, len(offers), ends, sorted(offer.id for offer in offers)


def _left_out(lines: Sequence[CartLine], offers: Sequence[Offer], chosen: Priced, place: _Place) -> list[Refused]:
    """Why each offer that is not applied is not: its own reason first, then what excludes it."""
    applied = [each.offer for each in chosen.applied]
    unmet = {each.offer.id: each for each in chosen.unmet}
    refused = []
    for offer in offers:
        if offer in applied:
            continue
        reason = unmet.get(offer.id)
        if reason is None:
            alone = place.price(lines, (offer,))
            reason = alone.unmet[0] if alone.unmet else Refused(offer, _excluded(offer, applied))
        refused.append(reason)
    return refused


def _excluded(offer: Offer, applied: Sequence[Offer]) -> Unmet:
    for other in applied:
        reason = conflict(offer, other)
        if reason is not None:
            return Unmet(reason, {"by": other.title or other.id})
    return Unmet("worse")
