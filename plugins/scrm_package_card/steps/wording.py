"""What people may enter: texts, pictures, names; and the one promise that is forbidden."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from scrm_core.api import Invalid, folded

TEXT_CHARS = 2_000
NAME_CHARS = 100
ARM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}\Z")
_PICTURE_FILE = re.compile(r"[\w][\w ./-]*\.(?:png|jpe?g|webp|gif|svg|pdf|tiff?|psd|ai)\Z", re.IGNORECASE)
# Marks that turn the direction of writing can make a text look like another one.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")

FORBIDDEN = (
    "cash for good reviews (好评返现) is forbidden: a red packet, cash back or gift in return for a good review "
    "buys praise, which the platforms and the rules on online competition prohibit; "
    "give the hook for adding the brand, with no word about reviews"
)
_REVIEW = r"(?:好评|五星|5\s*星|追评|positive reviews?|good reviews?|(?:5|five)[\s-]?stars?(?: reviews?)?)"
_GIFT = r"(?:返现|返[¥￥\d]|返钱|返红包|红包|返利|现金|有礼|送礼|cash\s?-?backs?|cash|red packets?|rewards?)"
# Close together in either order; a sentence end between them parts two thoughts.
_NEAR = r"[^。！？!?;；\n]{0,20}"
_FOR_REVIEWS = re.compile(f"{_REVIEW}{_NEAR}{_GIFT}|{_GIFT}{_NEAR}{_REVIEW}", re.IGNORECASE)


def words(value: object, field: str, *, most: int = TEXT_CHARS, least: int = 1, lines: bool = False) -> str:
    """A text without white space around it; ``lines`` allows line ends. Raises Invalid naming ``field``."""
    if type(value) is not str:
        raise Invalid(f"{field}: text is expected, not {type(value).__name__}", field=field)
    text = value.strip()
    if not least <= len(text) <= most:
        raise Invalid(f"{field}: {least} to {most} characters are expected, not {len(text)}", field=field)
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and not (lines and character == "\n"):
            raise Invalid(f"{field}: the character U+{ord(character):04X} is not allowed in a text", field=field)
    if _TURNING.search(text):
        raise Invalid(f"{field}: marks that turn the direction of writing are not allowed", field=field)
    return text


def name(value: object, field: str) -> str:
    """The name of a person, a department or a channel: one line of at most 100 characters."""
    return " ".join(words(value, field, most=NAME_CHARS).split())


def same_person(one: str, another: str) -> bool:
    """Whether two names are one person's, however they are spaced and capitalised."""
    return folded(one) == folded(another)


def copy(value: object, field: str, *, most: int = TEXT_CHARS) -> str:
    """A text that buyers read: several lines at most, and no cash for good reviews (code ``forbidden``)."""
    text = words(value, field, most=most, lines=True)
    refuse_cash_for_reviews(text, field)
    return text


def refuse_cash_for_reviews(text: str, field: str) -> None:
    """Raise Invalid (code ``forbidden``) for a text that promises something for a good review."""
    found = _FOR_REVIEWS.search(unicodedata.normalize("NFKC", text))
    if found is not None:
        raise Invalid(f"{field}: {found.group()!r}: {FORBIDDEN}", field=field, code="forbidden")


def picture(value: object, field: str) -> str:
    """Where a picture lies: an http(s) address or the name of a picture file."""
    text = words(value, field)
    if _PICTURE_FILE.match(text) and ".." not in text:
        return text
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        host = None
    if host and parts.scheme in ("http", "https") and "@" not in parts.netloc and not re.search(r"[\s\\<>\"]", text):
        return text
    raise Invalid(
        f"{field}: {text[:60]!r} is neither an address such as https://cdn.example/card.png "
        "nor a picture file such as spring/banner.png",
        field=field,
    )


def whole(value: object, field: str, *, least: int = 0, most: int = 2**53) -> int:
    """An integer between two bounds; a bool or a float is none."""
    if type(value) is not int:
        raise Invalid(f"{field}: a whole number is expected, not {value!r:.40}", field=field)
    if not least <= value <= most:
        raise Invalid(f"{field}: {value} is outside {least} to {most}", field=field)
    return value
