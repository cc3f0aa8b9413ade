"""What a page for staff stands on: who is signed in, the brand, what they may do there, forms, language.

Everything hangs on the :class:`StaffVisit` of the current request. A form
carries ``csrf``, which is made of a secret that the browser alone has: that of
its session, or before that one of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import unquote, urlencode, urlsplit

import flask
from flask import Response

from ..brands import Brand
from ..errors import Forbidden, Malformed
from ..installation import Installation
from ..users import SignedIn
from .shortlinks import network_of

SESSION, FORM, LANGUAGE = "scrm_staff", "scrm_staff_form", "scrm_staff_lang"
KEPT = "kept"
_NOT_KEPT = ("csrf", "password", KEPT)
ROOT = "/staff/"
_KEPT_SECONDS = 400 * 86_400
_LANGUAGES = ("zh", "en")
_SECRET = re.compile(r"[0-9a-f]{64}\Z")
_PLAIN = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,1000}\Z")
V = TypeVar("V", bound=Callable[..., Any])


def for_visitors(view: V) -> V:
    """Say that a page for staff is for who is not signed in too, as the one to sign in on."""
    view.scrm_staff = "visitors"  # type: ignore[attr-defined]
    return view


def any_role(view: V) -> V:
    """Say that a page of a brand is for everybody with a role in it; the view asks for what else it needs."""
    view.scrm_staff = "any role"  # type: ignore[attr-defined]
    return view


def own_transactions(view: V) -> V:
    """Say that a POST of a brand's page is not one transaction: its view opens its own, or acts on what is no brand's.

    For long work, and for users and files, which cannot be reached while a transaction of a brand is open.
    """
    view.scrm_own_transactions = True  # type: ignore[attr-defined]
    return view


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form whose session was over when it was sent: it did nothing, and what was typed is here.

    ``action`` is where it was sent to, ``fields`` what it held in the order of
    the page, without passwords, which a page should not hold.
    """

    action: str
    fields: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The form in one hidden field, :data:`KEPT`, for the page to sign in on."""
        return json.dumps([self.action, *self.fields], ensure_ascii=False)


class StaffVisit:
    """One request of a browser to a page for staff of a plugin; ``brand`` is None on pages of no brand."""

    def __init__(self, installation: Installation, plugin: str, root: str) -> None:
        self.installation = installation
        self.plugin = plugin
        self.root = root
        self.request = flask.request
        self.brand: Brand | None = None
        self.unsent = False  # whether this form did nothing, since its session is over or another one
        self._session: str | None = None  # what the browser is told to keep; "" for nothing

    # Who ---------------------------------------------------------------------

    @cached_property
    def _secret(self) -> str:
        given = self.request.cookies.get(SESSION, "")
        return given if _SECRET.match(given) else ""

    @cached_property
    def user(self) -> SignedIn | None:
        """Who is signed in."""
        return self.installation.users.session(self._secret) if self._secret else None

    def allows(self, permission: str, brand_id: str = "") -> bool:
        """Whether the user may do this in the current brand, or in a named one."""
        brand_id = brand_id or (self.brand.id if self.brand is not None else "")
        return self.user is not None and self.user.allows(brand_id, permission)

    def demand(self, permission: str) -> None:
        """Raise Forbidden unless the user may do this in the current brand."""
        if not self.allows(permission):
            raise Forbidden(f"your role does not include {permission!r}; an owner may give you another", code="role")

    def brands(self) -> list[Brand]:
        """The brands in which the user has a role and this plugin is switched on, by id."""
        roles = self.user.roles if self.user is not None else {}
        return [brand for brand in self.installation.brands() if brand.id in roles and self.plugin in brand.plugins]

    def sign_in(self, name: str, password: str) -> None:
        """Begin a session for this browser, always a new one; raises Unauthorized and TooMany.

        Call it outside any transaction of a brand.
        """
        _ = self.kept  # read while the form's own token counts
        users = self.installation.users
        secret = users.sign_in(name, password, network=network_of(self.request.environ, 32, 64))
        if self._secret:
            users.sign_out(self._secret)
        self._session = secret
        # From here on this request is of the new session: a form on its page carries that one's token.
        for name in ("user", "csrf", "_form_secret"):
            self.__dict__.pop(name, None)
        self.__dict__["_secret"] = secret

    def sign_out(self, *, everywhere: bool = False) -> None:
        """End this browser's session, or every session of its user."""
        if everywhere and self.user is not None:
            self.installation.users.sign_out_everywhere(self.user)
        elif self._secret:
            self.installation.users.sign_out(self._secret)
        self._session = ""

    # Forms -------------------------------------------------------------------

    @cached_property
    def _form_secret(self) -> str:
        if self.user is not None:
            return self._secret
        given = self.request.cookies.get(FORM, "")
        return given if _SECRET.match(given) else secrets.token_hex(32)

    @cached_property
    def csrf(self) -> str:
        """What a form of this browser must carry."""
        return _token(self._form_secret)

    def demand_genuine(self) -> None:
        """Raise Forbidden for a POST that is not from a form of this browser's pages, Malformed for a NUL character."""
        looks = self.request.method in ("GET", "HEAD")
        if looks and not self.request.query_string:
            return
        given = [*self.request.args.items(multi=True)]
        if self.request.method == "POST":
            given += self.request.form.items(multi=True)
        if any("\0" in part for pair in given for part in pair):
            raise Malformed("text holds no NUL characters")
        if looks:
            return
        elsewhere = self.request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")
        if elsewhere or not self._carries(self.csrf):
            self.unsent = self.user is not None
            raise Forbidden("this form is not from a page opened here; open the page again and retry", code="csrf")

    @cached_property
    def kept(self) -> KeptForm | None:
        """What was typed into a form whose session was over: on the page to sign in on, and behind it.

        Show ``kept.text`` there as the hidden field ``kept``. After ``sign_in`` show a form with what it holds,
        which sends it to ``kept.action`` when somebody says so. None where there is nothing of the kind.
        """
        form = self.request.form
        if self.request.method != "POST":
            return None
        if KEPT in form and not self.unsent:
            return self._unpacked(form[KEPT]) if self._carries(self.csrf) else None
        action = self.safe_next(self.place)
        if not self.unsent or action != self.place or not self._was_ours():
            return None
        fields = tuple((name, value) for name, value in form.items(multi=True) if name not in _NOT_KEPT)
        return KeptForm(action, fields) if fields else None

    def _was_ours(self) -> bool:
        """Whether the form was on a page that was opened here, in a session that is over or in one before this one.

        Its token says so while the browser still has that session's secret, otherwise the browser itself.
        """
        site = self.request.headers.get("Sec-Fetch-Site", "")
        return site == "same-origin" or (site == "" and bool(self._secret) and self._carries(_token(self._secret)))

    def _carries(self, token: str) -> bool:
        """Whether the form that was sent carries this token."""
        given = self.request.form.get("csrf", "")
        return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())

    def _unpacked(self, text: str) -> KeptForm | None:
        try:
            action, *fields = json.loads(text)
            pairs = tuple((str(name), str(value)) for name, value in fields)
        except (ValueError, TypeError, RecursionError):
            return None
        return KeptForm(action, pairs) if isinstance(action, str) and self.safe_next(action) == action else None

    def safe_next(self, text: str) -> str:
        """``text`` where it is the path of a page for staff of this plugin, with its query; else the first page.

        No host, no scheme, no step upwards, nothing that a browser might read as one of these.
        """
        parts = urlsplit(text) if _PLAIN.match(text) and text.startswith(self.root) else None
        steps = unquote(parts.path) if parts is not None else "//"
        odd = "\\" in steps or "//" in steps or any(ord(c) < 33 or ord(c) == 127 for c in steps)
        return self.root if odd or any(step in (".", "..") for step in steps.split("/")) else text

    @property
    def place(self) -> str:
        """The path and query of this page, without the choice of a language."""
        query = [(key, value) for key, value in self.request.args.items(multi=True) if key != "lang"]
        path = self.request.script_root + self.request.path
        return f"{path}?{urlencode(query)}" if query else path

    # Language ----------------------------------------------------------------

    @cached_property
    def language(self) -> str:
        """``zh`` or ``en``: what the address asks for, else what the browser chose before, else what it prefers."""
        asked = self.request.args.get("lang", "") if self.request.query_string else ""
        for wanted in (asked, self.request.cookies.get(LANGUAGE, "")):
            if wanted in _LANGUAGES:
                return wanted
        if "HTTP_ACCEPT_LANGUAGE" not in self.request.environ:
            return "en"
        return self.request.accept_languages.best_match(_LANGUAGES, "en")

    # Answering ---------------------------------------------------------------

    def finish(self, response: Response) -> Response:
        """Give the browser what it has to keep; nothing of a page for staff stays in a cache."""
        if self.request.query_string and self.request.args.get("lang") in _LANGUAGES:
            self._keep(response, LANGUAGE, self.language, _KEPT_SECONDS)
        if self._session:
            self._keep(response, SESSION, self._session, None)
            response.delete_cookie(FORM, path=self._cookie_path)
        elif self._session == "":
            response.delete_cookie(SESSION, path=self._cookie_path)
        elif self.user is None and "csrf" in self.__dict__ and self.request.cookies.get(FORM) != self._form_secret:
            self._keep(response, FORM, self._form_secret, None)
        response.headers["Cache-Control"] = "no-store"
        return response

    @property
    def _cookie_path(self) -> str:
        return urlsplit(self.installation.config.base_url).path.rstrip("/") + ROOT

    def _keep(self, response: Response, name: str, value: str, seconds: int | None) -> None:
        # Without seconds the browser forgets it when it is closed.
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=self._cookie_path,
            httponly=True,
            samesite="Lax",
            secure=self.installation.config.base_url.startswith("https:"),
        )


def _token(secret: str) -> str:
    # Each page asks for it; BLAKE2 is made to be keyed, and takes a quarter of the time of an HMAC.
    return hashlib.blake2b(b"csrf", key=secret.encode(), digest_size=32).hexdigest()


def begin(installation: Installation, plugin: str, root: str) -> StaffVisit:
    """Begin the visit of the page request that was just entered."""
    made = flask.g.scrm_staff = StaffVisit(installation, plugin, root)
    return made


def staff_visit() -> StaffVisit:
    """The visit of the current request to a page for staff; raises RuntimeError anywhere else."""
    found: StaffVisit | None = flask.g.get("scrm_staff") if flask.has_request_context() else None
    if found is None:
        raise RuntimeError("there is no request to a page for staff here")
    return found
