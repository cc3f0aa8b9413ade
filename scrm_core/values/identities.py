"""Identities (身份): the typed names by which a contact is known, in one normal form each.

========================  ====================================================
kind                      what it is
========================  ====================================================
``phone``                 a telephone number, stored as E.164 (``+8613800138000``)
``external_userid``       the customer's id in WeCom (企业微信 外部联系人)
``unionid``               one id per person and WeChat open platform account
``openid``                one id per person and WeChat app
``buyer``                 the shop platform's id of the buyer (买家)
``member``                the number of a membership (会员号)
========================  ====================================================

Two spellings of one identity must become the same text, because the database
holds identities unique by (kind, text). Spreadsheets damage numbers on the way:
what can be undone (``="123"``, ``'123``, ``18132221234.0``) is undone, what lost
digits (``1.86E+10``) or was masked (``138****1234``) is refused.
"""

from __future__ import annotations

import re

from scrm_core.errors import Invalid
from scrm_core.limits import LIMITS
from scrm_core.values.text import clean_text

KINDS = ("phone", "external_userid", "unionid", "openid", "buyer", "member")
"""Every identity kind of core, strongest first for display."""

_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_PHONE_NOISE = {ord(c): None for c in " \t\u00a0\u3000()-.\u2010\u2011\u2012\u2013\u2014\u2212"}
_QUOTED = re.compile(r'="(.*)"|\'(.*)', re.DOTALL)
_FLOAT = re.compile(r"(\+?[0-9]{6,15})\.0+")
_SCIENTIFIC = re.compile(r"[+-]?[0-9](?:\.[0-9]+)?[eE]\+?[0-9]{1,3}")
# Number ranges in use on the mainland for years; every one of them is valid for the
# phonenumbers library too, which decides about all other ranges and countries.
_MAINLAND = re.compile(r"1(?:3[0-9]|4[57]|5[0-35-9]|6[6]|7[35-8]|8[0-9]|9[189])[0-9]{8}")
_PLATFORM_ID = re.compile(r"[\x21-\x7e]+")


def normalise(kind: str, value: object, *, region: str = "CN") -> str:
    """The normal form of an identity of ``kind``.

    ``region`` (ISO 3166, two letters) is the country of phone numbers written
    without a country code. Raises Invalid for an unknown kind, an empty value or
    one that cannot be that kind of identity.
    """
    if kind == "phone":
        return normalise_phone(value, region=region)
    if kind not in KINDS:
        raise Invalid(f"unknown identity kind {kind!r}; known are {', '.join(KINDS)}", code="identity_kind")
    text = clean_text(undo_spreadsheet(value), field=kind, max_length=LIMITS.name)
    if not text:
        raise Invalid(f"an empty {kind} identifies nobody", field=kind, code="identity")
    if lost_digits(text):
        raise Invalid(f"{text!r} lost its digits in a spreadsheet", field=kind, code="identity")
    if kind in ("external_userid", "unionid", "openid") and not _PLATFORM_ID.fullmatch(text):
        raise Invalid(f"a {kind} has only ASCII characters and no spaces", field=kind, code="identity")
    return text


def normalise_phone(value: object, *, region: str = "CN") -> str:
    """A phone number as E.164, for example ``+8613800138000``.

    Understands full-width digits, spaces, dashes, brackets, ``+86``, ``0086`` and
    the marks that spreadsheets leave. A number without a country code belongs to
    ``region``. Mainland mobile numbers take a fast path; everything else asks the
    phonenumbers library, and both agree. Raises Invalid for a number that is not
    valid, has an extension (a virtual number of a platform, shared by many), was
    masked, or lost digits.
    """
    if type(value) is not str:
        raise Invalid(f"a phone number is text, not {type(value).__name__}", field="phone", code="phone")
    if len(value) == 11 and region == "CN" and _MAINLAND.fullmatch(value):
        return "+86" + value
    if len(value) == 14 and value[:3] == "+86" and _MAINLAND.fullmatch(value, 3):
        return value
    text = undo_spreadsheet(value).translate(_HALF_WIDTH).strip()
    if len(text) > 40:
        raise Invalid("a phone number has at most 15 digits", field="phone", code="phone")
    if "*" in text:
        raise Invalid(
            "the number is masked; a mask fits many numbers and identifies nobody", field="phone", code="phone"
        )
    if lost_digits(text):
        raise Invalid(f"{text!r} lost its digits in a spreadsheet", field="phone", code="phone")
    whole = _FLOAT.fullmatch(text)
    digits = whole.group(1) if whole else text.translate(_PHONE_NOISE)
    if region == "CN" or digits.startswith("+86"):
        bare = digits.removeprefix("+86") if digits.startswith("+") else digits
        if region == "CN" and len(bare) > 11:
            bare = bare.removeprefix("0086") if bare.startswith("00") else bare.removeprefix("86")
        if _MAINLAND.fullmatch(bare) and not digits.startswith("+8686"):
            return "+86" + bare
    return _international(digits, region)


def _international(digits: str, region: str) -> str:
    import phonenumbers  # 60 ms and rarely needed

    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or number.extension or not phonenumbers.is_valid_number(number):
        raise Invalid(
            f"not a valid phone number for region {region}; write others with +country code",
            field="phone",
            code="phone",
        )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_mobile(phone: str) -> bool:
    """Whether a phone number in E.164 can take an SMS: mainland numbers 13 to 19, elsewhere what is no fixed line."""
    if phone.startswith("+86"):
        return len(phone) == 14 and phone[3] == "1" and "3" <= phone[4] <= "9"
    import phonenumbers  # only for numbers abroad

    try:
        kind = phonenumbers.number_type(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return False
    return kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)


_VIRTUAL = ("+86162", "+86165", "+86167", "+86170", "+86171")


def is_virtual_mobile(phone: str) -> bool:
    """Whether a phone number in E.164 is a mainland virtual operator's (虚拟运营商), which needs little to be had."""
    return phone.startswith(_VIRTUAL)


_EXAMPLES = {"CN": "13800138000", "US": "2025550188"}


def example_mobile(region: str) -> tuple[str, str]:
    """Two mobile numbers as people type them: of the region (ISO 3166, two letters), and one of elsewhere in E.164."""
    elsewhere = "+12025550188" if region == "CN" else "+8613800138000"
    if region in _EXAMPLES:
        return _EXAMPLES[region], elsewhere
    import phonenumbers  # only for numbers abroad

    found = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if found is None:
        return "+12025550188", elsewhere
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.NATIONAL), elsewhere


def undo_spreadsheet(value: object) -> str:
    """The text inside ``="..."``, behind a leading ``'`` or a leading tab; else the text as it is.

    Shops write numbers this way so that a spreadsheet keeps every digit of them.
    """
    if type(value) is not str:
        raise Invalid(f"text is expected, not {type(value).__name__}", code="text")
    text = value.strip("\t ")
    if text[:1] in ("=", "'"):
        match = _QUOTED.fullmatch(text)
        if match is not None:
            return (match.group(1) if match.group(1) is not None else match.group(2)).strip("\t ")
    return text


def lost_digits(text: str) -> bool:
    """Whether a spreadsheet replaced digits by an exponent, as in ``1.23E+18``.

    Text such as ``12E5`` is an ordinary identifier: a spreadsheet writes one
    digit before the point.
    """
    return ("E" in text or "e" in text) and "+" in text and _SCIENTIFIC.fullmatch(text) is not None
