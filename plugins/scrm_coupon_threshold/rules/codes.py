"""Printed codes (券码): random letters that are hard to misread, and a check character.

The alphabet has 32 letters, without 0, O, 1 and I. The check character is the
remainder of a polynomial over the field of 32 elements: every single wrong
letter and every two that changed places are found before the database is asked.
"""

from __future__ import annotations

import secrets
import unicodedata

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
RANDOM_CHARS = 12
_LETTER = ALPHABET * 8
_VALUE = {letter: value for value, letter in enumerate(ALPHABET)}
_POLYNOMIAL = 0b100101  # x^5 + x^2 + 1, primitive over GF(2)


def new_code() -> str:
    """A code of 12 random letters and a check character: 60 bits that nobody guesses."""
    # A byte has eight times as many values as there are letters: each letter is as likely as the others.
    body = "".join([_LETTER[byte] for byte in secrets.token_bytes(RANDOM_CHARS)])
    return body + check_character(body)


def check_character(body: str) -> str:
    """The letter that makes ``body`` a code; raises KeyError for a letter outside the alphabet."""
    return ALPHABET[_ALPHA_TIMES[_remainder(body)]]


def is_code(text: str) -> bool:
    """Whether a normalised text is a code of ours: its letters and its check character are right."""
    return len(text) == RANDOM_CHARS + 1 and all(letter in _VALUE for letter in text) and _remainder(text) == 0


def normalise_code(text: str) -> str:
    """A code as it is stored: upper case, half width, without spaces and dashes."""
    plain = unicodedata.normalize("NFKC", text).upper()
    return "".join(letter for letter in plain if not letter.isspace() and letter not in "-‐‑–—_.")


def shown_code(code: str) -> str:
    """A code in groups of four, as it is printed."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def _remainder(text: str) -> int:
    value = 0
    for letter in text:
        value = _ALPHA_TIMES[value] ^ _VALUE[letter]
    return value


def _times_alpha(value: int) -> int:
    value <<= 1
    return value ^ _POLYNOMIAL if value & 0b100000 else value


_ALPHA_TIMES = tuple(_times_alpha(value) for value in range(len(ALPHABET)))
