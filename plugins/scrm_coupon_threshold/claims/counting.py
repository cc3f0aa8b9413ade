"""Counters of claims besides the stock: per minute, day, device, network and day; each is one conditional upsert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scrm_core.api import Conflict, execute

EVER = 0
MINUTE_MS = 60_000
MINUTE = "minute"

_TAKE_DAY = (
    "INSERT INTO coupon_threshold_day (batch_id, day, issued) VALUES (?, ?, 1) ON CONFLICT (batch_id, day) "
    "DO UPDATE SET issued = coupon_threshold_day.issued + 1 WHERE coupon_threshold_day.issued < ?"
)
_GIVE_DAY = "UPDATE coupon_threshold_day SET issued = issued - 1 WHERE batch_id = ? AND day = ?"
_TAKE_MARK = (
    "INSERT INTO coupon_threshold_mark (batch_id, subject, period, issued) VALUES (?, ?, ?, 1) "
    "ON CONFLICT (batch_id, subject, period) "
    "DO UPDATE SET issued = coupon_threshold_mark.issued + 1 WHERE coupon_threshold_mark.issued < ?"
)
_GIVE_MARK = "UPDATE coupon_threshold_mark SET issued = issued - 1 WHERE batch_id = ? AND subject = ? AND period = ?"


class Limits(Protocol):
    """The limits that counters hold; null: none."""

    @property
    def per_day(self) -> int | None: ...
    @property
    def per_device(self) -> int | None: ...
    @property
    def per_network_day(self) -> int | None: ...
    @property
    def per_minute(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter: how to take and give back a place in it, and what its end is called."""

    take: str
    give: str
    key: tuple[int | str, ...]
    limit: int
    code: str
    words: str


def counting(
    batch_id: int, day: int, minute: int | None, limits: Limits, device: str, network: str
) -> list[Counter]:
    """The counters that a claim of a batch passes; an unknown device or network is not counted.

    ``minute`` (since 1970) is null for a coupon that nobody asked for.
    """
    found = []
    if limits.per_minute is not None and minute is not None:
        words = "many are claiming this coupon right now; try again in a minute"
        key: tuple[int | str, ...] = (batch_id, MINUTE, minute)
        found.append(Counter(_TAKE_MARK, _GIVE_MARK, key, limits.per_minute, "slow_down", words))
    if limits.per_day is not None:
        words = "today's coupons of this batch are gone; more come tomorrow"
        found.append(Counter(_TAKE_DAY, _GIVE_DAY, (batch_id, day), limits.per_day, "day_sold_out", words))
    if limits.per_device is not None and device:
        words = f"{limits.per_device} of this coupon may be claimed from one device"
        key = (batch_id, f"device:{device}", EVER)
        found.append(Counter(_TAKE_MARK, _GIVE_MARK, key, limits.per_device, "device_limit", words))
    if limits.per_network_day is not None and network:
        words = "too many coupons were claimed from this network today; try again tomorrow or from elsewhere"
        key = (batch_id, f"network:{network}", day)
        found.append(Counter(_TAKE_MARK, _GIVE_MARK, key, limits.per_network_day, "network_limit", words))
    return found


def take_counts(counters: Sequence[Counter]) -> None:
    """Take a place in every counter; raises Conflict with all of them as before when one is full."""
    for place, counter in enumerate(counters):
        if counter.limit <= 0 or not execute(counter.take, (*counter.key, counter.limit)).rowcount:
            give_counts_back(counters[:place])
            raise Conflict(counter.words, code=counter.code)


def give_counts_back(counters: Sequence[Counter]) -> None:
    """Give the places in counters back."""
    for counter in counters:
        execute(counter.give, counter.key)


def forget_marks(now: int) -> int:
    """Delete what closed batches counted of devices and networks, and the minutes that are over; returns how many."""
    return int(
        execute(
            "DELETE FROM coupon_threshold_mark WHERE (subject = ? AND period < ?) OR batch_id IN "
            "(SELECT id FROM coupon_threshold_batch WHERE state = 'closed')",
            (MINUTE, now // MINUTE_MS),
        ).rowcount
    )
