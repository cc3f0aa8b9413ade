"""What is dear to work out and the same for many is kept a minute, in each process, and says as of when it is.

Whoever writes something in the console sees it at the next look, in whichever process: their browser says when they
last wrote, and what was kept before that is worked out anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from flask import Response, request

from scrm_core.api import Brand, staff_visit

from .frame import pages

KEPT_MS = 60_000
"""How old what is kept may be: milliseconds."""

_MOST = 64
_WROTE = "scrm_console_wrote"
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Kept:
    """Something worked out at an instant."""

    at: int
    value: Any


_kept: WeakKeyDictionary[Brand, dict[Hashable, Kept]] = WeakKeyDictionary()


def kept(brand: Brand, key: Hashable, make: Callable[[], Any]) -> Kept:
    """What ``make`` gives, at most a minute old and not older than what this user wrote; inside ``with brand:``."""
    now = brand.now()
    found = _kept.get(brand, {}).get(key)
    if found is None or not max(now - KEPT_MS, _wrote()) < found.at <= now:
        found = Kept(now, make())
        with _LOCK:
            # A brand whose file was changed is another one, and begins with nothing.
            mine = _kept.setdefault(brand, {})
            if len(mine) >= _MOST:
                mine.clear()
            mine[key] = found
    return found


def _wrote() -> int:
    """When this browser last wrote something here; a cookie that says anything else costs its sender time alone."""
    text = request.cookies.get(_WROTE, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


@pages.after_app_request
def remember(answer: Response) -> Response:
    """After a form that did something: let this browser tell so for a minute."""
    if request.method == "POST" and answer.status_code < 400:
        visit = staff_visit()
        if visit.brand is not None:
            answer.set_cookie(
                _WROTE,
                str(visit.brand.now()),
                max_age=KEPT_MS // 1_000,
                path=visit.root,
                httponly=True,
                samesite="Lax",
                secure=visit.installation.config.base_url.startswith("https:"),
            )
    return answer
