"""Which cells are numbers that an SMS can be sent to, and why the others are not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scrm_core.api import Invalid, is_mobile, mask, normalise_phone

_MASK = re.compile(r"\*|•|●|(?i:x){3,}")
_SCIENTIFIC = re.compile(r"[+-]?[0-9](?:\.[0-9]+)?[eE]\+?[0-9]{1,3}")
_EXTENSION = re.compile(r"(.*?[0-9])\s*(?:[-,;#转轉 (\[]|分机|分機|(?i:ext|x)\.?)+\s*([0-9]{1,8})\s*[)\]]?")
_MAINLAND = re.compile(r"(?<![0-9])1[3-9][0-9]{9}(?![0-9])")
_SERVICE = re.compile(r"(?:106|400|800|9[56])[0-9]*")
_NOT_DIGIT = re.compile(r"[^0-9]")
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class NumberRules:
    """``region`` (ISO 3166) is the country of numbers without a code, and the home of a brand.

    Numbers of other countries need ``foreign_allowed``. ``virtual`` are
    beginnings of E.164 numbers that platforms lend out (隐私号).
    """

    region: str
    foreign_allowed: bool = False
    virtual: tuple[str, ...] = ()

    @classmethod
    def of(cls, region: str, settings: Mapping[str, Any], *, foreign_allowed: bool | None = None) -> NumberRules:
        """The rules of a brand in ``region`` with the settings of ``schemas.PackSettings``."""
        if foreign_allowed is None:
            foreign_allowed = bool(settings.get("foreign_numbers", False))
        return cls(region, foreign_allowed, tuple(settings.get("virtual_prefixes", ())))


def read_number(cell: str, rules: NumberRules) -> tuple[str, str]:
    """The number of a cell in E.164 and the reason (``reasons.REASONS``) for which it is dropped, "" when it is not.

    The number is "" where there is none that could be read.
    """
    try:
        address = normalise_phone(cell, region=rules.region)
    except Invalid:
        return "", _why(cell, rules)
    return address, _refusal(address, rules)


def shown(cell: str, address: str) -> str:
    """A dropped number for eyes: masked, digits and stars only, so that no cell of an export is a formula."""
    if address:
        return (mask("phone", address) or "").removeprefix("+86 ").removeprefix("+")
    digits = _NOT_DIGIT.sub("", unicodedata.normalize("NFKC", cell[:_LONGEST]))
    return (mask("phone", digits[:20]) or "") if digits else ""


def _refusal(address: str, rules: NumberRules) -> str:
    home = address.startswith("+86") if rules.region == "CN" else _region_of(address) == rules.region
    if not home and not rules.foreign_allowed:
        return "foreign"
    if not is_mobile(address):
        return "landline" if _is_fixed(address) else "not_mobile"
    return "virtual" if address.startswith(rules.virtual) else ""


def _region_of(address: str) -> str | None:
    import phonenumbers  # takes a while to load, and mainland mobiles never need it

    region: str | None = phonenumbers.region_code_for_number(phonenumbers.parse(address))
    return region


def _is_fixed(address: str) -> bool:
    import phonenumbers

    kind = phonenumbers.number_type(phonenumbers.parse(address))
    return bool(kind == phonenumbers.PhoneNumberType.FIXED_LINE)


def _why(cell: str, rules: NumberRules) -> str:
    """The reason for a cell that is not a valid number."""
    text = unicodedata.normalize("NFKC", cell[:_LONGEST]).strip(" \t\"'=")
    if not text:
        return "empty"
    if _MASK.search(text):
        return "masked"
    if _SCIENTIFIC.fullmatch(text):
        return "lost_digits"
    if len(_MAINLAND.findall(text)) > 1:
        return "several"
    extension = _EXTENSION.fullmatch(text)
    if extension is not None:
        address, reason = _base(extension.group(1), rules)
        if address:
            return reason or "virtual"
    if rules.region == "CN" and _SERVICE.fullmatch(_NOT_DIGIT.sub("", text)):
        return "not_mobile"
    return "invalid"


def _base(text: str, rules: NumberRules) -> tuple[str, str]:
    try:
        address = normalise_phone(text, region=rules.region)
    except Invalid:
        return "", ""
    return address, _refusal(address, rules)
