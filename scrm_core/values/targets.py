"""Addresses that people are sent to: checked when they are stored and again when somebody goes there."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

from ..errors import Invalid
from ..limits import LIMITS
from .text import clean_text

# A stored target has only characters that are safe in a header, and a host without user names right after the scheme.
_SAFE_TARGET = re.compile(r"https?://(?=[A-Za-z0-9\[])[A-Za-z0-9._:\[\]-]+(?:[/?#][!-\[\]-~]*)?\Z")
_ENCODED_CONTROL = re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9_-]{0,62})?(?:\.[a-z0-9](?:[a-z0-9_-]{0,62})?)*\.?\Z")
_V6 = re.compile(r"[0-9a-f:.]{2,45}\Z")


def is_safe(target: str) -> bool:
    """Whether a stored address is one that :func:`safe_target` gave."""
    return _SAFE_TARGET.match(target) is not None and _ENCODED_CONTROL.search(target) is None


def safe_target(target: object) -> str:
    """The address to redirect to, as ASCII; raises Invalid with field ``target``.

    Refused: anything but http and https, an address without host, user names in
    it (``https://shop.example@evil.example``), backslashes, white space and
    control characters, also percent-encoded ones. A host in other letters is
    stored in its ASCII form (punycode), so that look-alikes are seen.
    """
    text = clean_text(target, field="target")
    if "\\" in text or any(char.isspace() for char in text):
        raise _bad("white space and backslashes are not allowed in an address")
    if _ENCODED_CONTROL.search(text):
        raise _bad("encoded control characters are not allowed in an address")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _bad(f"not an address: {error}") from None
    if parts.scheme not in ("http", "https") or not text[len(parts.scheme) :].startswith("://"):
        raise _bad("an address begins with http:// or https://")
    if "@" in parts.netloc:
        raise _bad("user names are not allowed in an address")
    place = _ascii_host(host)
    if port is not None:
        place += f":{port}"
    ascii_parts = (
        parts.scheme,
        place,
        quote(parts.path, safe="/%:=&~+!$,;'()*-._@"),
        quote(parts.query, safe="/%:=&?~+!$,;'()*[]-._@"),
        quote(parts.fragment, safe="/%:=&?~+!$,;'()*-._@"),
    )
    result = urlunsplit(ascii_parts)
    if len(result) > LIMITS.text or _SAFE_TARGET.match(result) is None:
        raise _bad(f"not an address of at most {LIMITS.text} characters")
    return result


def _ascii_host(host: str | None) -> str:
    if not host:
        raise _bad("the address has no host")
    if ":" in host:
        if not _V6.match(host):
            raise _bad(f"not a host: {host!r}")
        return f"[{host}]"
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _bad(f"not a host: {host!r}") from None
    if not _HOST.match(name):
        raise _bad(f"not a host: {host!r}")
    return name


def _bad(message: str) -> Invalid:
    return Invalid(message, field="target", code="target")
