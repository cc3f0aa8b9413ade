"""Money (金额) is an integer of minor units (分, cents); a float never touches it.

Amounts arrive as text from files and platforms. ``int(float("19.99") * 100)``
is 1998, so the text is taken apart as digits and never becomes a float.
"""

from __future__ import annotations

import re

from scrm_core.errors import Invalid
from scrm_core.limits import LIMITS

_TEXT_MAX = 40
_HALF_WIDTH: dict[int, int | str] = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HALF_WIDTH |= {0x3000: " ", 0x00A0: " ", 0xFFE5: "¥", 0x2212: "-"}
_AMOUNT = re.compile(
    r"\s*(?P<sign>[+-]?)\s*¥?\s*(?P<sign2>[+-]?)\s*"
    r"(?P<whole>[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)"
    r"(?:\.(?P<part>[0-9]+))?\s*"
)


_CODES = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD "
    "HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD "
    "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN "
    "PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY "
    "TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)
CURRENCIES = frozenset(_CODES.split())
"""The currencies of ISO 4217 in which shops sell: without funds, metals and test codes."""

_NO_DECIMALS = frozenset(
    (
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    )
)
_THREE_DECIMALS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


def exponent_of(currency: str) -> int:
    """Decimals of a currency by its ISO 4217 code: 2 unless the standard says 0 or 3."""
    return 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2


def parse_minor(text: str, exponent: int = 2) -> int | None:
    """Minor units of an amount written in major units, or None for an empty text.

    ``exponent`` is the number of decimals of the currency (2 for CNY and USD, 0
    for JPY). The yuan sign, thousands separators, spaces and full-width digits
    are understood. An empty amount is unknown, not zero, hence None.

    Raises Invalid for anything else: more decimals than the currency has (also
    when they are zeros), NaN, infinity, exponents, misplaced commas (``1,5`` is
    not read as 15) and amounts beyond ±2**53 minor units.
    """
    if not isinstance(text, str):
        raise Invalid(f"an amount is text such as 19.99, not {type(text).__name__}", code="amount")
    if text.isascii() and text.isdigit() and len(text) + exponent <= 15:  # most cells of a real file
        return int(text) * int(10**exponent)
    if not text or text.isspace():
        return None
    if len(text) > _TEXT_MAX:
        raise Invalid(f"an amount has at most {_TEXT_MAX} characters, not {len(text)}", code="amount")
    match = _AMOUNT.fullmatch(text.translate(_HALF_WIDTH))
    if match is None:
        raise Invalid(f"{text!r} is not an amount such as 1,234.50", code="amount")
    sign, sign2, whole, part = match.group("sign", "sign2", "whole", "part")
    if sign and sign2:
        raise Invalid(f"{text!r} has two signs", code="amount")
    part = part or ""
    if len(part) > exponent:
        raise Invalid(f"{text!r} has {len(part)} decimals; this currency has {exponent}", code="amount_decimals")
    minor = int(whole.replace(",", "") + part.ljust(exponent, "0"))
    if minor > LIMITS.integer:
        raise Invalid(f"{text!r} is beyond the largest amount of 2**53 minor units", code="amount")
    return -minor if "-" in (sign, sign2) else minor


def format_minor(minor: float, exponent: int = 2) -> str:
    """An amount in major units as plain text: ``-5`` minor units of CNY is ``"-0.05"``; a mean has two digits more."""
    if not isinstance(minor, int):
        return f"{minor / 10**exponent:.{exponent + 2}f}"
    digits = str(abs(minor)).rjust(exponent + 1, "0")
    sign = "-" if minor < 0 else ""
    if exponent == 0:
        return sign + digits
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}"


_SIGNS = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "HKD": "HK$"}


def show_minor(minor: float, currency: str) -> str:
    """An amount as people read it, with its currency: ``¥1,039.90``, ``-$0.05``, ``SGD 12.00``; a mean as above."""
    sign = "-" if minor < 0 else ""
    whole, point, part = format_minor(abs(minor), exponent_of(currency)).partition(".")
    return f"{sign}{_SIGNS.get(currency, f'{currency} ')}{int(whole):,}{point}{part}"
