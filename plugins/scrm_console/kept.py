"""What is dear to work out and the same for many is kept a minute, in each process, and says as of when it is.

Whoever writes something in the console sees it at the next look, in whichever process: their browser says when they
last wrote, and what was kept before that is worked out anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
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
"""How many values of a brand are kept; the one that nobody looked at for longest goes first."""

_WROTE = "scrm_console_wrote"
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Kept:
    """Something worked out at an instant, of something else that is kept, or of nothing."""

    at: int
    value: Any
    of: Kept | None = None


_kept: WeakKeyDictionary[Brand, OrderedDict[Hashable, Kept]] = WeakKeyDictionary()


def kept(brand: Brand, key: Hashable, make: Callable[[], Any], *, of: Kept | None = None) -> Kept:
    """What ``make`` gives, at most a minute old and not older than what this user wrote; inside ``with brand:``.

    ``of`` is what it is made of: when that is another one, it is made anew. ``key`` has nothing in it that who asks
    may choose freely, or they would push out what is kept for others.
    """
    now = brand.now()
    with _LOCK:
        # A brand whose file was changed is another one, and begins with nothing.
        mine = _kept.setdefault(brand, OrderedDict())
        found = mine.get(key)
        if found is not None:
            mine.move_to_end(key)
    if found is None or found.of is not of or not max(now - KEPT_MS, _wrote()) < found.at <= now:
        found = Kept(now, make(), of)
        with _LOCK:
            mine[key] = found
            mine.move_to_end(key)
            if len(mine) > _MOST:
                mine.popitem(last=False)
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
