"""Codes of a pool (券码池): drawn in bulk, or brought from a file by somebody who printed them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from ..rules.codes import ALPHABET, RANDOM_CHARS, check_character

CODES = {
    "made": "a code is made for each coupon 系统生成",
    "pool": "each coupon takes the next code of the pool 券码池",
    "handed-out": "the pool's codes were printed or handed out; whoever enters one has its coupon 兑换码",
}
"""Where the codes of a batch come from; the table keeps the place in this list."""
MADE, POOL, HANDED_OUT = range(3)

LEAST_CHARS = 12
MOST_CHARS = 40

_LETTER_OF_BYTE = bytes(ord(ALPHABET[value % len(ALPHABET)]) for value in range(256))
_DRAWN_AT_ONCE = 4_096


def drawn_codes(count: int) -> Iterator[str]:
    """``count`` codes as :func:`..rules.codes.new_code` makes them; the table decides whether two are equal."""
    left = count
    while left > 0:
        size = min(left, _DRAWN_AT_ONCE)
        letters = secrets.token_bytes(size * RANDOM_CHARS).translate(_LETTER_OF_BYTE).decode("ascii")
        for start in range(0, size * RANDOM_CHARS, RANDOM_CHARS):
            body = letters[start : start + RANDOM_CHARS]
            yield body + check_character(body)
        left -= size


def import_problem(code: str) -> str | None:
    """Why a normalised code cannot be imported, or None.

    Codes of others may hold any letter and digit; what they may not be is short enough to guess.
    """
    if not code:
        return "is empty"
    if len(code) < LEAST_CHARS:
        return f"has {len(code)} characters; codes of fewer than {LEAST_CHARS} can be guessed"
    if len(code) > MOST_CHARS:
        return f"has {len(code)} characters; at most {MOST_CHARS} are accepted"
    if not (code.isascii() and code.isalnum()):
        return "may hold letters A-Z and digits only"
    return None
