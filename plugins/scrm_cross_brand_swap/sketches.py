"""Sketches of audiences: the k smallest keyed hashes of a set, from which sizes and overlaps are estimated.

KMV, also called a theta sketch: with theta the largest hash kept (as a share of
all hashes), every set is sampled at the same rate theta, and the same person
has the same hash on both sides. Counted hashes divided by theta estimate counts.
The relative standard error of an overlap of which c hashes were seen is
sqrt((1 - theta) / c), about sqrt(union / (overlap x k)).

A hash has 48 bits: two audiences of n and m people share n x m / 2**48 hashes by
chance, 36 people where both have a hundred million.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

HASH_BYTES = 6
_SPACE = 2 ** (8 * HASH_BYTES)
_TWINS = 64  # people of one audience whose hashes are equal: of a hundred million, 0.02 in a sketch of 131,072


def sketch(people: Iterable[str], key: bytes, k: int) -> bytes:
    """The k smallest hashes of the people, each named once, under the key: ascending, 6 bytes each, big endian."""
    start = hashlib.blake2b(key=key, digest_size=HASH_BYTES)

    def hashed(person: str) -> bytes:
        each = start.copy()
        each.update(person.encode())
        return each.digest()

    smallest = dict.fromkeys(heapq.nsmallest(k + _TWINS, map(hashed, people)))
    return b"".join(itertools.islice(smallest, k))


@dataclass(frozen=True, slots=True)
class Overlap:
    """An estimate from sketches that hold a ``share`` of all hashes; 1 when both sets are whole."""

    people: int
    share: float

    def error_bp(self, people: int) -> int:
        """What bounds, with 95% confidence, the relative error of an estimate of so many people; basis points.

        Asked for the number that is told, it gives away no more than that number.
        """
        seen = people * self.share
        error = 1.96 * math.sqrt((1 - self.share) / seen) if seen else 1.0
        return min(10_000, math.ceil(error * 10_000))


def overlap(one: bytes, other: bytes, k: int) -> Overlap:
    """How many people two sketches of one key and one k share.

    Both must hold hashes in ascending order; see :func:`fault`.
    """
    ours, theirs = _values(one), _values(other)
    limits = [values[-1] for values in (ours, theirs) if len(values) == k]
    theta = min(limits) if limits else _SPACE
    shared = sum(1 for value in set(ours) & set(theirs) if value < theta)
    share = theta / _SPACE
    return Overlap(round(shared / share), share)


def fault(given: bytes, k: int, least: int) -> str:
    """What keeps bytes from being a sketch of up to k hashes and at least ``least``; empty if nothing."""
    count, rest = divmod(len(given), HASH_BYTES)
    if rest or count > k:
        return f"a sketch has {HASH_BYTES} bytes for each of at most {k} hashes, not {len(given)} bytes"
    if count < least:
        return f"a sketch of {count} people is below the minimum of {least}"
    values = _values(given)
    if any(before >= after for before, after in itertools.pairwise(values)):
        return "hashes are not ascending"
    return ""


def _values(given: bytes) -> list[int]:
    return [int.from_bytes(given[at : at + HASH_BYTES], "big") for at in range(0, len(given), HASH_BYTES)]
