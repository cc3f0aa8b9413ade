"""What a QR code on a card may contain: our own short link and nothing else."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from scrm_core.api import Invalid

MOST_PAYLOAD_CHARS = 200
_REST = re.compile(r"[A-Za-z0-9_-]+(?:[/.~?&=_A-Za-z0-9-]*)\Z")
_BASE = re.compile(r"https?://[A-Za-z0-9.\-]+(?::[0-9]{1,5})?/(?:[A-Za-z0-9_.~-]+/)*\Z")


def check_link_base(base: str) -> None:
    """Raise Invalid unless it is the beginning of an http(s) link up to and with a slash."""
    # Without the slash https://brand.example would also begin https://brand.example.evil.example.
    if not isinstance(base, str) or not _BASE.match(base) or ".." in base or not urlsplit(base).hostname:
        raise Invalid(
            f"link_base: {str(base)[:100]!r} must be an http(s) address that ends with '/', "
            "for example https://go.brand.example/l/",
            field="link_base",
        )


def check_payload(url: str, base: str) -> None:
    """Raise Invalid unless the link is the base and a code (and perhaps a query) in plain characters."""
    if len(url) > MOST_PAYLOAD_CHARS:
        raise Invalid(
            f"the link {url[:60]!r}... has {len(url)} characters, more than the {MOST_PAYLOAD_CHARS} a card's "
            "QR code may carry; use a short link",
            field="url",
        )
    if not url.startswith(base):
        raise Invalid(
            f"the link {url!r} does not begin with {base!r}: a card's QR code carries our own short links only",
            field="url",
        )
    if not _REST.match(url[len(base) :]) or ".." in url:
        raise Invalid(
            f"the link {url!r} must be {base!r} and a code of letters, digits, '-' and '_'; "
            "words of a customer do not belong into a QR code",
            field="url",
        )
