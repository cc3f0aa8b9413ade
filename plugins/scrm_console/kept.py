"""What is dear to work out and the same for many is kept a minute, in each process, and says as of when it is.

Whoever writes something in the console sees it at the next look, in whichever process: their browser names what they
last wrote, and what a process had kept, or begun to work out, before it met that name is worked out anew. No clock is
compared: the name is given before the commit, and machines differ.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import count
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
_MOST_MET = 1_000
_LOCK = threading.Lock()
_turns = count(1)
_met: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Kept:
    """Something worked out at an instant, of something else that is kept, or of nothing.

    Of two, the one that was begun later has the higher turn.
    """

    at: int
    value: Any
    turn: int
    of: Kept | None = None


class _Shelf:
    """What is kept of a brand; who works something out has ``maker``, and who wants it too waits for them."""

    def __init__(self) -> None:
        self.values: OrderedDict[Hashable, Kept] = OrderedDict()
        self.maker = threading.RLock()


_shelves: WeakKeyDictionary[Brand, _Shelf] = WeakKeyDictionary()


def kept(brand: Brand, key: Hashable, make: Callable[[], Any], *, of: Kept | None = None) -> Kept:
    """What ``make`` gives, at most a minute old and begun behind what this user wrote; inside ``with brand:``.

    Several who want it at once have it worked out once. ``of`` is what it is made of: when that is another one, it
    is made anew. ``key`` has nothing in it that who asks may choose freely, or they would push out what is kept for
    others.
    """
    wrote = _wrote()
    with _LOCK:
        # A brand whose file was changed is another one, and begins with nothing.
        shelf = _shelves.setdefault(brand, _Shelf())
    found = _fresh(brand, shelf, key, of, wrote)
    if found is None:
        with shelf.maker:
            found = _fresh(brand, shelf, key, of, wrote)
            if found is None:
                now, turn = brand.now(), next(_turns)
                found = Kept(now, make(), turn, of)
                with _LOCK:
                    shelf.values[key] = found
                    shelf.values.move_to_end(key)
                    if len(shelf.values) > _MOST:
                        shelf.values.popitem(last=False)
    return found


def _fresh(brand: Brand, shelf: _Shelf, key: Hashable, of: Kept | None, wrote: int) -> Kept | None:
    now = brand.now()
    with _LOCK:
        found = shelf.values.get(key)
        if found is None or found.of is not of or found.turn < wrote or not now - KEPT_MS < found.at <= now:
            return None
        shelf.values.move_to_end(key)
        return found


def _wrote() -> int:
    """The turn at which this process met what this browser last wrote; a made-up name costs its sender time alone."""
    name = request.cookies.get(_WROTE, "")[:40]
    if not name:
        return 0
    with _LOCK:
        if len(_met) >= _MOST_MET and name not in _met:
            _met.clear()  # who is met once more waits for figures once more
        return _met.setdefault(name, next(_turns))


@pages.after_app_request
def remember(answer: Response) -> Response:
    """After a form that did something: let this browser tell so for a minute."""
    if request.method == "POST" and answer.status_code < 400:
        visit = staff_visit()
        if visit.brand is not None:
            answer.set_cookie(
                _WROTE,
                secrets.token_hex(8),
                max_age=KEPT_MS // 1_000,
                path=visit.root,
                httponly=True,
                samesite="Lax",
                secure=visit.installation.config.base_url.startswith("https:"),
            )
    return answer
