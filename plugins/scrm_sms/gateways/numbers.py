"""Phone numbers as each platform writes them, and back to E.164.

``+8613800138000`` is ``13800138000`` for Aliyun, a number abroad there has no plus.
"""

from __future__ import annotations

from scrm_core.api import Invalid, mask, normalise_phone

MAINLAND = "+86"
_FORMS = ("", "+")


def masked(number: str) -> str:
    """A number for the eyes, in one word: country code, first three digits, last four."""
    return (mask("phone", number) or "").replace(" ", "")


def without_plus(number: str) -> str:
    """Eleven digits for a mainland number, country code and digits for others."""
    return number.removeprefix(MAINLAND) if number.startswith(MAINLAND) else number.removeprefix("+")


def e164(text: str, region: str) -> str | None:
    """A number as a gateway writes it, as E.164; None for what is none.

    Country codes without a plus (``85251234567``) are understood; a number
    that reads both ways belongs to ``region``.
    """
    for form in _FORMS:
        try:
            return normalise_phone(form + text.strip(), region=region)
        except Invalid:
            continue
    return None
