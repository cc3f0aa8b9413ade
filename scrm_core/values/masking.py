"""Masking (脱敏): how personal data is shown in pages and logs.

A masked value is for eyes only and never a key: ten thousand phone numbers share
one mask. The shapes follow common practice in mainland China:

==============  ===========================================
kind            example
==============  ===========================================
``phone``       138****1234, +86 138****1234, +852 51****89
``landline``    021-6****89
``name``        王** (the family name stays)
``id_card``     110**************X
``address``     上海市浦东新区****
``email``       a***@example.com
``bank_card``   ************1234
``id``          wmab...wxyz (unionid, openid, external_userid, member)
``order``       ...7890
==============  ===========================================
"""

from __future__ import annotations

import re
from collections.abc import Callable

_DISTRICT = re.compile(r".*?(?:区|县|旗)|.*?[市州](?:[^市州区县]{1,6}市)?")
_COUNTRY_CODE_2 = frozenset(
    map(str, (20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59), *range(60, 67)))
) | frozenset(map(str, (81, 82, 84, 86, *range(90, 96), 98)))
"""Country calling codes of two digits; 1 and 7 have one digit, all others three (ITU-T E.164)."""


def mask_phone(value: str) -> str:
    """First three and last four digits of a mobile number; a country code stays readable."""
    if value.startswith("+"):
        digits = value[1:].replace(" ", "")
        size = 1 if digits[:1] in ("1", "7") else 2 if digits[:2] in _COUNTRY_CODE_2 else 3
        return f"+{digits[:size]} {_mask_national(digits[size:])}"
    return _mask_national(value)


def _mask_national(number: str) -> str:
    if len(number) >= 10:
        return f"{number[:3]}****{number[-4:]}"
    return f"{number[:2]}****{number[-2:]}" if len(number) >= 6 else "****"


def mask_landline(value: str) -> str:
    """The area code, the first digit and the last two: 021-61234589 is 021-6****89."""
    area, dash, number = value.rpartition("-")
    return f"{area}{dash}{number[:1]}****{number[-2:]}" if len(number) >= 5 else "****"


def mask_name(value: str) -> str:
    """The first character, then two stars (one for a name of two characters)."""
    name = value.strip()
    if len(name) <= 1:
        return "*" if name else ""
    return name[0] + ("*" if len(name) == 2 else "**")


def mask_email(value: str) -> str:
    """The first character and the domain."""
    local, at, domain = value.rpartition("@")
    return f"{local[:1]}***@{domain}" if at and local else "***"


def mask_id_card(value: str) -> str:
    """The first three characters and the last of an identity card number."""
    return f"{value[:3]}{'*' * (len(value) - 4)}{value[-1]}" if len(value) >= 8 else "****"


def mask_address(value: str) -> str:
    """The address down to the district; all of it when no district is found."""
    match = _DISTRICT.match(value)
    return f"{match.group()}****" if match else "****"


def mask_bank_card(value: str) -> str:
    """The last four digits."""
    return "*" * (len(value) - 4) + value[-4:] if len(value) >= 8 else "****"


def mask_id(value: str) -> str:
    """The first and last four characters of a platform's id of a person."""
    return f"{value[:4]}...{value[-4:]}" if len(value) > 12 else f"{value[:2]}..." if value else ""


def mask_order(value: str) -> str:
    """The last four characters of an order number."""
    return f"...{value[-4:]}" if len(value) > 4 else value


MASKS: dict[str, Callable[[str], str]] = {
    "phone": mask_phone,
    "landline": mask_landline,
    "name": mask_name,
    "id_card": mask_id_card,
    "address": mask_address,
    "email": mask_email,
    "bank_card": mask_bank_card,
    "id": mask_id,
    "external_userid": mask_id,
    "unionid": mask_id,
    "openid": mask_id,
    "buyer": mask_id,
    "member": mask_id,
    "order": mask_order,
}


def mask(kind: str, value: str | None) -> str | None:
    """The shown form of a value; None stays None, an unknown kind shows nothing of it."""
    if value is None:
        return None
    return MASKS.get(kind, _nothing)(value)


def _nothing(value: str) -> str:
    return "****" if value else ""


_MOBILE = re.compile(r"(?<![0-9A-Za-z])((?:\+?86[ -]?)?)(1[3-9][0-9])([0-9]{4}|[ -][0-9]{4}[ -])([0-9]{4})(?![0-9])")
_E164 = re.compile(r"(?<![0-9A-Za-z+])\+[1-9][0-9]{7,14}(?![0-9])")
_ID_CARD = re.compile(r"(?<![0-9A-Za-z])[1-9][0-9]{16}[0-9Xx](?![0-9A-Za-z])")
# What stands before the word stays as it is, so nothing is looked for there: that would take the square of a long
# word's length, and anybody can write long words.
_SECRET = re.compile(
    r"""(?ix) ((?:token|secret|password|passwd|api[_-]?key|ticket|signature)
        ["']? \s{0,20} [=:] \s{0,20} ["']?) ([^\s"'&,;}\])]+)"""
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=:-]{6,}")
_COOKIE = re.compile(r"(?im)((?:set-)?cookie[\"']?\s*[:=]\s*).*$")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def scrub(text: str) -> str:
    """The text of a log line without phone numbers, identity card numbers and secrets.

    Mainland mobiles and E.164 numbers are masked; 18-digit numbers only when
    their checksum (GB 11643) and birth date make them identity cards, so that
    order numbers of 18 and 19 digits stay readable. Values of tokens, secrets,
    passwords, signatures, cookies and Authorization headers become ``***``.
    """
    text = _COOKIE.sub(r"\1***", text)
    text = _BEARER.sub(r"\1 ***", text)
    text = _SECRET.sub(r"\1***", text)
    text = _ID_CARD.sub(_scrub_id_card, text)
    text = _MOBILE.sub(r"\1\2****\4", text)
    return _E164.sub(lambda match: mask_phone(match.group()), text)


def _scrub_id_card(match: re.Match[str]) -> str:
    number = match.group()
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, number, strict=False))
    month, day = int(number[10:12]), int(number[12:14])
    is_card = (
        "10X98765432"[total % 11] == number[-1].upper()
        and number[6:8] in ("18", "19", "20")
        and 1 <= month <= 12
        and 1 <= day <= 31
    )
    return mask_id_card(number) if is_card else number
