"""Sketches of audiences: the k smallest keyed hashes of a set, from which sizes and overlaps are estimated.

KMV, also called a theta sketch: with theta the largest hash kept (as a share of
all hashes), every set is sampled at the same rate theta, and the same person
has the same hash on both sides. Counted hashes divided by theta estimate counts.
The relative standard error of an overlap of which c hashes were seen is
sqrt((1 - theta) / c), about sqrt(union / (overlap x k)) (growth.md 3.4).
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import math
import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

_SPACE = 2**64
HASH_BYTES = 8


def sketch(people: Iterable[str], key: bytes, k: int) -> bytes:
    """The k smallest hashes of the people, each named once, under the key: ascending, 8 bytes each, big endian."""
    start = hashlib.blake2b(key=key, digest_size=HASH_BYTES)

    def hashed(person: str) -> bytes:
        each = start.copy()
        each.update(person.encode())
        return each.digest()

    return b"".join(heapq.nsmallest(k, map(hashed, people)))


@dataclass(frozen=True, slots=True)
class Overlap:
    """An estimate; ``error_bp`` bounds its relative error in basis points with 95% confidence."""

    people: int
    error_bp: int


def overlap(one: bytes, other: bytes, k: int) -> Overlap:
    """How many people two sketches of one key and one k share.

    Both must hold hashes in ascending order; see :func:`fault`.
    """
    ours, theirs = _values(one), _values(other)
    limits = [values[-1] for values in (ours, theirs) if len(values) == k]
    theta = min(limits) if limits else _SPACE
    shared = sum(1 for value in set(ours) & set(theirs) if value < theta)
    if limits == []:
        return Overlap(shared, 0)  # both sets are whole
    share = theta / _SPACE
    error = 1.96 * math.sqrt((1 - share) / shared) if shared else 1.0
    return Overlap(round(shared / share), min(10_000, math.ceil(error * 10_000)))


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


def _values(given: bytes) -> array[int]:
    values = array("Q", given)
    if sys.byteorder == "little":
        values.byteswap()
    return values
