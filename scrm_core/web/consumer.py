"""What a page for customers stands on: who is signed in, one-time forms, language, and the page itself.

Everything hangs on the :class:`Visit` of the current page request. A form
carries two secrets of the browser: ``csrf``, without which nobody who posts is
believed to be anybody, and ``once``, under which the first answer is kept, so
that a double tap, a reload or the back button does nothing twice.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import flask
from flask import Response

from ..brands import Brand, current_brand
from ..consumers import Consumer, SignInNeeded
from ..consumers.places import safe_place
from ..consumers.sealing import same
from ..errors import Forbidden, Malformed, ScrmError
from ..services.idempotency import StoredAnswer, forget, run_once
from . import problems
from .consumer_words import WORDS
from .shortlinks import network_of, visitor_of

CORE = "-"
"""Where the core's own pages for customers lie below ``/p/<brand>/``: no plugin can have this name."""

SESSION, DEVICE, LANGUAGE = "scrm_session", "scrm_device", "scrm_lang"
_KEPT_SECONDS = 400 * 86_400
_ONCE = re.compile(r"[0-9a-f]{32}\Z")
_LANGUAGES = ("zh", "en")


class Visit:
    """One request of a browser to a page of a brand."""

    def __init__(self, brand: Brand, *, core: bool) -> None:
        self.brand = brand
        self.core = core
        self.request = flask.request
        self._session: str | None = None  # what the browser is told to keep; "" for nothing
        self._used = False
        # The body stays readable for a view that wants it raw.
        self.request.get_data()

    # The browser -------------------------------------------------------------

    @cached_property
    def device(self) -> str:
        """The browser's own random name, known to nobody else."""
        self._used = True
        known = self.brand.consumers.seals.read("device", self.request.cookies.get(DEVICE, ""))
        return known if isinstance(known, str) else secrets.token_hex(16)

    @cached_property
    def csrf(self) -> str:
        """What a form of this browser must carry."""
        return self.brand.consumers.seals.mac("csrf", self.device)[:32]

    @cached_property
    def genuine(self) -> bool:
        """Whether the request may have an effect in its person's name: it came from a form of ours."""
        if self.request.method in ("GET", "HEAD"):
            return True
        given = self.request.headers.get("X-CSRF") or self.request.form.get("csrf", "")
        return same(given, self.csrf)

    def demand_genuine(self) -> None:
        """Raise Forbidden for a POST that did not come from a form of this browser's pages.

        Raises Malformed for a NUL character, which no text in PostgreSQL can hold.
        Pages for other services (a gateway's callback) do not come here: they take
        what they are sent.
        """
        if any("\0" in part for pair in self._texts() for part in pair):
            raise Malformed("text holds no NUL characters")
        if not self.genuine:
            raise Forbidden("this form is not from a page opened here; open the page again and retry", code="csrf")

    def _texts(self) -> list[tuple[str, str]]:
        given = list(self.request.args.items(multi=True))
        return given if self.request.method == "GET" else [*given, *self.request.form.items(multi=True)]

    @cached_property
    def language(self) -> str:
        """``zh`` or ``en``: what the address asks for, else what the browser chose before, else the brand's."""
        for wanted in (self.request.args.get("lang", ""), self.request.cookies.get(LANGUAGE, "")):
            if wanted in _LANGUAGES:
                return wanted
        return "zh" if self.brand.locale.startswith("zh") else "en"

    @property
    def wants_json(self) -> bool:
        """Whether a script asks, and not a person."""
        accept = self.request.headers.get("Accept", "")
        return "application/json" in accept and "text/html" not in accept

    @property
    def is_person(self) -> bool:
        """Whether a browser asks for a page to show."""
        return "text/html" in self.request.headers.get("Accept", "")

    @property
    def place(self) -> str:
        """The page that this request belongs to: of a form, the page that it was on."""
        if self.request.method == "POST":
            given = safe_place(self.brand, self.request.form.get("back", ""))
            return given or self.brand.consumers.root + f"{CORE}/me"
        query = [(key, value) for key, value in self.request.args.items(multi=True) if key != "lang"]
        path = urlsplit(self.brand.installation.config.base_url).path + self.request.script_root + self.request.path
        whole = f"{path}?{urlencode(query)}" if query else path
        return safe_place(self.brand, whole) or self.brand.consumers.root + f"{CORE}/me"

    # The person --------------------------------------------------------------

    @cached_property
    def _signed_session(self) -> str:
        found = self.brand.consumers.seals.read("session", self.request.cookies.get(SESSION, ""))
        return found if isinstance(found, str) else ""

    @cached_property
    def _consumer(self) -> Consumer | None:
        return self.brand.consumers.session(self._signed_session) if self._signed_session else None

    def consumer(self) -> Consumer | None:
        """Who is signed in; raises Forbidden for a forged form."""
        self._used = True
        self.demand_genuine()
        return self._consumer

    def signed_in(self, consumer: Consumer) -> None:
        """Give the browser a session that has begun; the short links that it opened before become its person's."""
        self.brand.links.attribute(visitor_of(self.request.environ), consumer.contact_id, self.brand.now())
        self._session = consumer.session
        self.__dict__["_consumer"] = consumer

    def signed_out(self) -> None:
        """Take the session from the browser."""
        self._session = ""
        self.__dict__["_consumer"] = None

    def begin_again(self) -> None:
        """Forget what a run of the view made of the visit: it was rolled back, or this is the first one."""
        self._session = None
        self.__dict__.pop("_consumer", None)

    # Answering ---------------------------------------------------------------

    def once(self, view: Callable[[], Response]) -> Callable[[], Response]:
        """A POST view as it runs in the open transaction: once per ``once`` of the form, answered alike after that.

        ``view`` raises for an answer that must have no effect: such a form may be sent again.
        """
        return self._once(view) if self._once_key() else view

    def _once_key(self) -> str:
        form = self.request.form
        once = form.get("once", "") if "csrf" in form else ""
        return once if _ONCE.match(once) and self.genuine else ""

    def _once(self, view: Callable[[], Response]) -> Callable[[], Response]:
        # Signing in changes the session under a double tap: the core's own forms belong to the browser.
        holder = self.device if self.core else self._signed_session or self.device
        self._used = True
        digest = f"{self.request.script_root}{self.request.path}"

        def work() -> Response:
            fresh: list[Response] = []

            def run() -> tuple[int, str]:
                response = view()
                response.direct_passthrough = False
                fresh[:] = [response]
                return response.status_code, self._pack(response)

            key_id, once = f"page:{holder}", self._once_key()
            answer = run_once(self.brand, key_id, once, digest, run)
            if answer.replayed and self._corrected(answer):
                forget(key_id, once)
                answer = run_once(self.brand, key_id, once, digest, run)
            return self._unpack(answer.status, answer.body) if answer.replayed else fresh[0]

        return work

    def _corrected(self, first: StoredAnswer) -> bool:
        """Whether the first answer was a page that asked for something else, and the form says something else now."""
        asked = json.loads(first.body).get("asked")
        return bool(asked) and asked != self._said

    @property
    def _said(self) -> str:
        """A keyed hash of what is written in the form."""
        pairs = [pair for pair in self.request.form.items(multi=True) if pair[0] not in ("csrf", "once", "back")]
        return self.brand.consumers.seals.mac("form", json.dumps(pairs))

    def _pack(self, response: Response) -> str:
        # What a form has done is told by a redirect or to a script: a page says what is wrong with it.
        asks = response.status_code == 200 and response.mimetype == "text/html"
        kept = {
            "asked": self._said if asks else "",
            "type": response.content_type,
            "location": response.headers.get("Location", ""),
            "session": self._session,
            "body": response.get_data(as_text=True),
        }
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))

    def _unpack(self, status: int, text: str) -> Response:
        kept = json.loads(text)
        response = Response(kept["body"], status, content_type=kept["type"])
        if kept["location"]:
            response.headers["Location"] = kept["location"]
        response.headers["Idempotent-Replayed"] = "true"
        self._session = kept["session"]
        return response

    def refuse(self, error: ScrmError) -> Response:
        """An error as the answer to a customer; raises it again where the page never used the frame."""
        if isinstance(error, SignInNeeded):
            return self._to_join(error)
        if not self._used or (error.status >= 500 and error.code != "provider"):
            raise error
        words = self._refusal_words(error)
        if self.is_person:
            return self._problem(error.status, error.code, words)
        members = {**problems.describe(error), "detail": words}
        return Response(
            json.dumps(members, ensure_ascii=False), error.status, content_type=problems.CONTENT_TYPE
        )

    def nothing_here(self) -> Response:
        """The page for a person whose address leads nowhere."""
        return self._problem(404, "not_found", WORDS[self.language]["refusals"]["not_found"])

    def _problem(self, status: int, code: str, words: str) -> Response:
        return consumer_page("consumer/problem.html", status, message=words, code=code, missing=status == 404)

    def _refusal_words(self, error: ScrmError) -> str:
        own = flask.current_app.blueprints.get(self.request.blueprint or "")
        known: Mapping[str, Mapping[str, str]] = getattr(own, "scrm_refusals", {})
        words = known.get(error.code) or WORDS[self.language]["refusals"].get(error.code)
        return words[self.language] if isinstance(words, Mapping) else words or error.message

    def _to_join(self, error: SignInNeeded) -> Response:
        join = f"{self.brand.consumers.root}{CORE}/join?{urlencode({'next': self.place})}"
        if self.wants_json:
            members = {**problems.describe(error), "join": join}
            return Response(json.dumps(members), 401, content_type=problems.CONTENT_TYPE)
        return flask.redirect(join, 303)  # type: ignore[return-value]

    def finish(self, response: Response) -> Response:
        """Give the browser what it has to keep."""
        if self.request.args.get("lang") in _LANGUAGES:
            self._keep(response, LANGUAGE, self.language, _KEPT_SECONDS)
        if self._used:
            signed = self.brand.consumers.seals.sign("device", self.device)
            if self.request.cookies.get(DEVICE) != signed:
                self._keep(response, DEVICE, signed, _KEPT_SECONDS)
        if self._session:
            signed = self.brand.consumers.seals.sign("session", self._session)
            self._keep(response, SESSION, signed, self.brand.config.consumer.session_days * 86_400)
        elif self._session == "":
            response.delete_cookie(SESSION, path=self.brand.consumers.root)
        if self._used and "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response

    def keep_sealed(self, response: Any, name: str, value: Any, minutes: int) -> None:
        """Give the browser something to bring back within some minutes, which it can read but not write."""
        until = self.brand.now() + minutes * 60_000
        self._keep(response, name, self.brand.consumers.seals.sign(name, [until, value]), minutes * 60)

    def read_sealed(self, name: str) -> Any:
        """What the browser was given under this name; None when it is not there, not ours or too old."""
        found = self.brand.consumers.seals.read(name, self.request.cookies.get(name, ""))
        return found[1] if isinstance(found, list) and found[0] > self.brand.now() else None

    def _keep(self, response: Any, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=self.brand.consumers.root,
            httponly=True,
            samesite="Lax",
            secure=self.brand.installation.config.base_url.startswith("https:"),
        )


def begin(brand: Brand, *, core: bool) -> Visit:
    """Begin the visit of the page request that was just entered."""
    made = flask.g.scrm_visit = Visit(brand, core=core)
    return made


def current_visit() -> Visit | None:
    """The visit of the current page request, or None outside any."""
    return flask.g.get("scrm_visit") if flask.has_request_context() else None


def _visit() -> Visit:
    found = current_visit()
    if found is None:
        raise RuntimeError("there is no page request here")
    return found


# What pages of plugins use -------------------------------------------------------


def consumer() -> Consumer | None:
    """Who is signed in on the current page; None for a visitor and outside a page.

    Merged contacts are followed, erased ones are signed out. Raises Forbidden
    for a POST that did not come from a form of this browser's pages.
    """
    found = current_visit()
    return None if found is None else found.consumer()


def need_consumer() -> Consumer:
    """Who is signed in; a visitor is sent to the join page and comes back afterwards (a script gets 401)."""
    found = consumer()
    if found is None:
        raise SignInNeeded
    return found


def consumer_language() -> str:
    """``zh`` or ``en``: ``?lang=``, which the browser keeps, else the brand's; outside a page the brand's."""
    found = current_visit()
    if found is not None:
        return found.language
    return "zh" if current_brand().locale.startswith("zh") else "en"


def device() -> str:
    """A keyed hash that stands for the browser, against cheating; empty outside a page."""
    found = current_visit()
    if found is None:
        return ""
    found.demand_genuine()
    return found.brand.consumers.seals.mac("device", found.device)[:32]


def network() -> str:
    """A keyed hash that stands for the address's /24 (IPv6: /48), against cheating; empty outside a page."""
    found = current_visit()
    if found is None:
        return ""
    text = network_of(found.request.environ, 24, 48)
    return found.brand.consumers.seals.mac("network", text)[:32]


def consumer_answer(result: Mapping[str, Any], back: str) -> Response:
    """The answer to a form: 303 to ``back``, a path of this brand; for a script (``scrm.post``) JSON.

    The JSON is ``result`` with ``back`` added, where the script goes unless the page handles the answer itself.
    """
    if _visit().wants_json:
        return flask.jsonify({**result, "back": back})
    return flask.redirect(back, 303)  # type: ignore[return-value]


def consumer_refusals(blueprint: flask.Blueprint, words: Mapping[str, Mapping[str, str]]) -> None:
    """Say refusals of a plugin's pages to customers: error code -> {"zh": ..., "en": ...}."""
    blueprint.scrm_refusals = {**getattr(blueprint, "scrm_refusals", {}), **words}  # type: ignore[attr-defined]


def consumer_page(template: str, status: int = 200, **context: Any) -> Response:
    """Render a template that extends ``consumer/frame.html``.

    ``template`` is a name, or the absolute path of a file. Adds ``brand``,
    ``lang``, ``words`` (of the frame), ``csrf``, ``once`` (a fresh one-time
    key), ``theme``, ``consumer``, ``place`` (this page) and ``root``.
    """
    visit = _visit()
    visit._used = True
    brand = visit.brand
    frame = {
        "brand": brand,
        "lang": visit.language,
        "words": WORDS[visit.language],
        "csrf": visit.csrf,
        "once": secrets.token_hex(16),
        "theme": theme_of(brand),
        "consumer": visit._consumer,
        "place": visit.place,
        "root": brand.consumers.root,
        "static": static_addresses(brand),
    }
    if Path(template).is_absolute():
        source = flask.current_app.jinja_env.from_string(Path(template).read_text("utf-8"))
        return flask.make_response(flask.render_template(source, **frame, **context), status)
    return flask.make_response(flask.render_template(template, **frame, **context), status)


# Looks ---------------------------------------------------------------------------

_STATIC = Path(__file__).parent / "static"
_FILES = b"".join((_STATIC / f"consumer.{kind}").read_bytes() for kind in ("css", "js"))
_VERSION = hashlib.sha256(_FILES).hexdigest()[:10]


def static_addresses(brand: Brand) -> dict[str, str]:
    """Where the frame's style sheet and script lie; the address changes with what they hold."""
    base = urlsplit(brand.installation.config.base_url).path
    return {kind: f"{base}/static/consumer.{kind}?v={_VERSION}" for kind in ("css", "js")}


def theme_of(brand: Brand) -> dict[str, str]:
    """``title``, ``logo`` (address or empty) and ``css`` (address of the brand's colours)."""
    config = brand.config.consumer
    root = f"{brand.consumers.root}{CORE}"
    return {
        "title": config.title or brand.name,
        "logo": f"{root}/logo" if config.logo else "",
        "css": f"{root}/theme.css?c={config.colour[1:]}",
        "colour": config.colour,
    }
