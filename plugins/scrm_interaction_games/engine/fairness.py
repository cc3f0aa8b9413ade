"""Fair draws by commitment and reveal: pure functions that anybody can repeat with published data.

Before the start the commitment ``sha256(hex seed as ASCII)`` and the table of
weights with its hash are published. Draw ``n`` of a person takes its number
from ``HMAC-SHA256(seed, "{campaign}:{person}:{n}:{client seed}")``: eight-byte
big-endian words, of which the first one below the largest multiple of the
total weight is taken modulo the total. That rejection leaves no bias. When all
four words are rejected, the message with ``#1``, ``#2`` ... appended is tried.
After the end the seed is published and every number can be recomputed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, count

SEED_BYTES = 32
_WORD = 2**64


def new_seed() -> str:
    """A new server seed from the operating system's randomness, as 64 hexadecimal digits."""
    return secrets.token_hex(SEED_BYTES)


def commitment(seed: str) -> str:
    """What is published before the start: SHA-256 of the seed's hexadecimal digits, in hexadecimal."""
    return hashlib.sha256(seed.encode("ascii")).hexdigest()


def digest(seed: str, message: str) -> bytes:
    """HMAC-SHA256 of a message under the seed's bytes."""
    keyed = _keyed(seed).copy()
    keyed.update(message.encode("utf-8"))
    return keyed.digest()


@lru_cache(maxsize=256)
def _keyed(seed: str) -> hmac.HMAC:
    # Preparing a key costs more than the message of a draw.
    return hmac.new(bytes.fromhex(seed), digestmod="sha256")


def number(seed: str, campaign: str, person: str, n: int, client_seed: str, total: int) -> int:
    """The number in [0, total) of a person's n-th draw; raises ValueError for a total that no word can reach."""
    if not 1 <= total <= _WORD:
        raise ValueError(f"a total weight from 1 to 2^64 is expected, not {total}")
    message = f"{campaign}:{person}:{n}:{client_seed}"
    limit = _WORD - _WORD % total
    for again in count():
        answer = digest(seed, f"{message}#{again}" if again else message)
        for start in range(0, len(answer), 8):
            word = int.from_bytes(answer[start : start + 8], "big")
            if word < limit:
                return word % total
    raise AssertionError("unreachable")


def table_text(table: Sequence[tuple[str, int]]) -> str:
    """The published table in its one canonical form: ``[["code",weight],...]`` in the order of drawing."""
    return json.dumps([[code, weight] for code, weight in table], ensure_ascii=False, separators=(",", ":"))


def table_hash(table: Sequence[tuple[str, int]]) -> str:
    """SHA-256 of the table's canonical text, in hexadecimal."""
    return hashlib.sha256(table_text(table).encode("utf-8")).hexdigest()


class OddsTable:
    """The cumulative table of weights: which prize a number points to, in the order of the prizes."""

    __slots__ = ("_codes", "_ends", "total")

    def __init__(self, table: Sequence[tuple[str, int]]) -> None:
        if not table or any(type(weight) is not int or weight < 0 for _, weight in table):
            raise ValueError("a table has at least one prize, and weights are whole numbers from 0")
        self._codes = [code for code, _ in table]
        self._ends = list(accumulate(weight for _, weight in table))
        self.total = self._ends[-1]

    def pick(self, x: int) -> str:
        """The code of the prize that ``x`` in [0, total) points to; a weight of 0 is never pointed to."""
        if not 0 <= x < self.total:
            raise ValueError(f"{x} is not below the total weight {self.total}")
        return self._codes[bisect_right(self._ends, x)]
