"""Short links: ``/l/<code>`` records the visit and sends the visitor on.

A code says nothing about its brand, so the brands are asked in turn until one
knows it; this process then remembers whose it is. Guessing is slowed down: an
address that asks for too many unknown codes is told to wait. A link is followed
in front of Flask, whose objects would cost more than the visit.
"""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, Response, make_response, render_template, request

from ..brands import Brand
from ..clock import MS_PER_DAY
from ..errors import NotFound, ScrmError
from ..installation import Installation
from ..limits import LIMITS
from ..services.links import Asker
from . import problems
from .api import Answered
from .dispatch import NOTHING_HERE, Environ

if TYPE_CHECKING:
    from .visitspool import VisitSpool

log = logging.getLogger("scrm.web")

PREFIX = "/l/"
RULE = "/l/<code>"
VISITOR_COOKIE = "scrm_visitor"
_VISITOR = re.compile(rf"(?:^|;)\s*{VISITOR_COOKIE}=\"?([0-9a-f]{{32}})\"?\s*(?:;|\Z)")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_REMEMBERED_CODES = 50_000
_REMEMBERED_ADDRESSES = 10_000
_MINUTE_MS = 60_000
_COOKIE_DAYS = 180
# What a browser or messenger sends when it looks ahead without a person's will.
_AHEAD = ("HTTP_PURPOSE", "HTTP_SEC_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
_LOOKAHEAD = re.compile(r"prefetch|preview|prerender", re.IGNORECASE)


# Where Flask finds why a link was not followed.
_REFUSED = "scrm.link_refused"
_ALWAYS = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


class TooManyGuesses(ScrmError):
    """Too many unknown codes from one address."""

    status = 429
    code = "too_many_requests"


class Guesses:
    """Unknown codes per address and minute. Kept per process and bounded, so it can only be too mild."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, address: str, now: int) -> None:
        """Raise TooManyGuesses when the address has used this minute's guesses up."""
        minute, count = self._counts.get(address, (0, 0))
        if minute == now // _MINUTE_MS and count >= LIMITS.code_guesses:
            raise TooManyGuesses("too many unknown codes from this address; wait a minute")

    def note(self, address: str, now: int) -> None:
        """Count a guess."""
        this = now // _MINUTE_MS
        with self._lock:
            minute, count = self._counts.pop(address, (this, 0))
            self._counts[address] = (this, count + 1 if minute == this else 1)
            if len(self._counts) > _REMEMBERED_ADDRESSES:
                self._counts.popitem(last=False)


class Owners:
    """Which brand a code belongs to, as far as this process has met it."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._known: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def met(self, code: str) -> str:
        """The id of the brand whose code this is, empty where this process has not met it; nobody is asked."""
        return self._known.get(code, "")

    def of(self, code: str) -> Brand:
        """The brand whose code this is; raises NotFound. A miss only reads, however many brands there are."""
        owner = self._known.get(code)
        if owner is not None:
            return self._installation.brand(owner)
        for brand in self._installation.brands():
            if self._has(brand, code):
                with self._lock:
                    self._known[code] = brand.id
                    if len(self._known) > _REMEMBERED_CODES:
                        self._known.popitem(last=False)
                return brand
        raise NotFound(NOTHING_HERE)

    @staticmethod
    def _has(brand: Brand, code: str) -> bool:
        try:
            with brand:
                brand.links.get(code)
        except NotFound:
            return False
        except Exception:
            # One brand's database being away or not migrated must not break the links of the others.
            log.exception("brand %s could not be asked for a link", brand.id)
            return False
        return True


class ShortLinks:
    """Follows short links in front of Flask; what cannot be followed is left to Flask, which has pages for it."""

    def __init__(self, installation: Installation, spool: VisitSpool | None = None) -> None:
        self._clock = installation.clock
        self._spool = spool
        # Where asking takes a turn of another process, those who come together are asked for together.
        self._together = not installation.config.sqlite
        self._owners, self._guesses = Owners(installation), Guesses()
        secure = "; Secure" if urlsplit(installation.config.base_url).scheme == "https" else ""
        self._cookie = f"; Max-Age={_COOKIE_DAYS * MS_PER_DAY // 1000}; HttpOnly; Path=/; SameSite=Lax{secure}"

    def answer(self, environ: Environ) -> Answered | None:
        """The redirect of a link that leads somewhere, its visit recorded; None for everything else."""
        path = environ["PATH_INFO"]
        if not path.startswith(PREFIX) or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return None
        now, visitor = self._clock.now(), visitor_of(environ) or secrets.token_hex(16)
        try:
            target, bot = self._follow(environ, path[len(PREFIX) :], now, visitor)
        except ScrmError as error:
            if error.status == 404:
                self._guesses.note(client_address(environ), now)
            environ[_REFUSED] = error
            return None
        except Exception as error:
            log.exception("a link could not be followed")
            environ[_REFUSED] = error  # Flask answers it as it answers every unexpected error
            return None
        return self._answered(target, bot, visitor)

    def gathers(self, environ: Environ) -> str:
        """The lot of :meth:`answer_many` that the request belongs to, one a brand; empty where it goes alone."""
        path = environ["PATH_INFO"]
        if not self._together or not path.startswith(PREFIX) or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return ""
        owner = self._owners.met(path[len(PREFIX) :])
        return PREFIX + owner if owner and self._spool is not None and not self._spool.full() else ""

    def answer_many(self, environs: Sequence[Environ]) -> list[Answered | None]:
        """The redirects of one brand's links that were followed at once, their visits in the spool.

        None, and nothing done, for each that is not followed so: of a link that leads
        nowhere, of an address that guesses, of all while the database is away. Those
        are answered one by one.
        """
        answers: list[Answered | None] = [None] * len(environs)
        now = self._clock.now()
        askers: dict[int, Asker] = {}
        for place, environ in enumerate(environs):
            with contextlib.suppress(TooManyGuesses):
                self._guesses.check(client_address(environ), now)
                code, visitor = environ["PATH_INFO"][len(PREFIX) :], visitor_of(environ)
                askers[place] = Asker(code, visitor or secrets.token_hex(16), _agent(environ))
        try:
            brand = self._owners.of(environs[0]["PATH_INFO"][len(PREFIX) :])
            with brand:
                opened = brand.links.open_many(list(askers.values()), at=now)
            found = {place: opening for place, opening in zip(askers, opened, strict=True) if opening is not None}
            assert self._spool is not None
            self._spool.add(brand.id, list(found.values()))
        except Exception as error:  # noqa: BLE001 - alone each is told what it is
            log.warning("%s links could not be followed together: %s", len(askers), error)
            return answers
        for place, opening in found.items():
            answers[place] = self._answered(opening.target, opening.bot, opening.visitor)
        return answers

    def _answered(self, target: str, bot: bool, visitor: str) -> Answered:
        headers = [("Location", target), ("Content-Type", "text/plain"), *_ALWAYS]
        if not bot:
            headers.append(("Set-Cookie", f"{VISITOR_COOKIE}={visitor}{self._cookie}"))
        return Answered(302, headers, b"", RULE)

    def _follow(self, environ: Environ, code: str, now: int, visitor: str) -> tuple[str, bool]:
        """Where the link leads, and whether a program opened it; the visit is recorded or in the spool."""
        self._guesses.check(client_address(environ), now)
        if not _CODE.match(code):
            raise NotFound(NOTHING_HERE)
        brand = self._owners.of(code)
        with brand:
            if self._spool is None or self._spool.full():
                visit = brand.links.visit(code, at=now, visitor=visitor, agent=_agent(environ))
                return visit.target, visit.bot
            opening = brand.links.open(code, at=now, visitor=visitor, agent=_agent(environ))
        self._spool.add(brand.id, [opening])
        return opening.target, opening.bot


def install(app: Flask) -> None:
    """Add the route that tells a person why a link was not followed."""

    def short_link(code: str) -> Response:
        refused = request.environ.get(_REFUSED, NotFound(NOTHING_HERE))
        if not isinstance(refused, ScrmError):
            raise refused
        return refusal_page(refused)

    app.add_url_rule(RULE, "short_link", short_link)


def client_address(environ: Environ) -> str:
    """The caller's address; behind a proxy on this machine, what that proxy says of it."""
    peer: str = environ.get("REMOTE_ADDR", "")
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
    if forwarded and peer in ("127.0.0.1", "::1", ""):
        return str(forwarded.rpartition(",")[2].strip()[:64])
    return peer


def network_of(environ: Environ, four: int, six: int) -> str:
    """The network of the caller's address: of so many bits of an IPv4 address, so many of an IPv6 one."""
    text = client_address(environ)
    # Anything else than an address (a socket file, a proxy's own word) stands for itself.
    with contextlib.suppress(ValueError):
        address = ip_address(text)
        text = str(ip_network(f"{address}/{four if address.version == 4 else six}", strict=False))
    return text


def visitor_of(environ: Environ) -> str:
    """The browser's name in the visits to short links; empty where it has opened none."""
    given = _VISITOR.search(environ.get("HTTP_COOKIE", ""))
    return given.group(1) if given is not None else ""


def _agent(environ: Environ) -> str:
    """The User-Agent; empty, which counts as a bot, for a look ahead that no person asked for."""
    if environ["REQUEST_METHOD"] == "HEAD" or any(_LOOKAHEAD.search(environ.get(name, "")) for name in _AHEAD):
        return ""
    agent: str = environ.get("HTTP_USER_AGENT", "")[: LIMITS.text]
    return agent


def refusal_page(error: ScrmError) -> Response:
    """An error as a page for a person; raises it again for everybody who did not ask for a page."""
    if "text/html" not in request.headers.get("Accept", ""):
        raise error
    if error.status >= 500:
        log.error("request %s: %s: %s", problems.request_id(), type(error).__name__, error, exc_info=error)
    titles = {404: "There is nothing here 页面不存在", 410: "This has ended 已失效", 413: "This is too large 内容过大"}
    title = titles.get(error.status, "Please try again later 请稍后再试")
    page = render_template("plain.html", title=title, lines=())
    answer = make_response(page, error.status)
    if error.status >= 500 or error.status == 429:
        answer.headers["Retry-After"] = str(getattr(error, "retry_after", problems.RETRY_SECONDS))
    return answer
