"""Where a customer may be sent: a page of the same brand, and nowhere else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from ..brands import Brand

_PLAIN = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,1000}\Z")


def safe_place(brand: Brand, text: str) -> str | None:
    """The path and query of a page of this brand, as a browser is sent there; None for everything else.

    Accepts the whole path below ``/p/<brand>/`` only: no host, no scheme, no
    step upwards, nothing that a browser might read as one of these.
    """
    if not _PLAIN.match(text) or not text.startswith(brand.consumers.root):
        return None
    parts = urlsplit(text)
    if parts.scheme or parts.netloc:
        return None
    steps = unquote(parts.path)
    if "\\" in steps or "//" in steps or any(ord(c) < 33 or ord(c) == 127 for c in steps):
        return None
    if any(step in (".", "..") for step in steps.split("/")):
        return None
    return text
