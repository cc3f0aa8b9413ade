"""The core's own pages for customers, below ``/p/<brand>/-/``: joining, one-person links, sign-ins, signing out."""

from __future__ import annotations

import mimetypes
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import flask
from flask import Blueprint, Response, request

from ..brands import current_brand
from ..consumer_config import LOGO_TYPES
from ..consumers import Agreement, Challenge, Consumer
from ..consumers.places import safe_place
from ..errors import Gone, Invalid, NotFound, ScrmError
from ..values.identities import example_mobile
from ..values.masking import mask
from .consumer import CORE, Visit, consumer_page, current_visit, network
from .consumer_words import WORDS
from .dispatch import NOTHING_HERE

pages = Blueprint("consumer", __name__)

CODE, AWAY = "scrm_code", "scrm_away"
_MINUTES = 10
OWN_PAGE = "consumer.me"
"""Extension point: (path below the plugin's pages, {"zh": ..., "en": ...}) of links on the customer's own page."""


class CorePages:
    """What :func:`scrm_core.web.mounts.pages_of` needs to know of the core's own pages."""

    pages = pages


def _visit() -> Visit:
    found = current_visit()
    assert found is not None, "the core's pages run inside a visit"
    return found


def _next(text: str) -> str:
    """Where to go on: a page of this brand, or the customer's own page."""
    brand = current_brand()
    return safe_place(brand, text) or f"{brand.consumers.root}{CORE}/me"


def _here(path: str, **query: str) -> str:
    address = f"{current_brand().consumers.root}{CORE}/{path}"
    return f"{address}?{urlencode(query)}" if query else address


# Joining by a code ---------------------------------------------------------------


@pages.get("/join")
def join() -> Response:
    """Phone number, consents, and the other ways to sign in."""
    return _join_page(_next(request.args.get("next", "")))


def _join_page(place: str, *, problem: str = "", status: int = 200) -> Response:
    brand, visit = current_brand(), _visit()
    privacy, marketing = brand.consumers.texts(visit.language)
    examples = example_mobile(brand.config.phone_region)
    return consumer_page(
        "consumer/join.html",
        status,
        next=place,
        ask=secrets.token_hex(16),
        privacy=privacy,
        marketing=marketing,
        codes=brand.consumers.sends_codes(),
        sign_ins=brand.consumers.sign_ins(request.headers.get("User-Agent", "")),
        problem=problem,
        example=examples[0],
        phone_hint=WORDS[visit.language]["phone_hint"].format(*examples),
        phone=request.form.get("phone", "")[:30],
    )


@pages.post("/join")
def send_code() -> Response:
    """Send a code and go on to where it is entered."""
    brand, visit = current_brand(), _visit()
    visit.demand_genuine()
    form, place = request.form, _next(request.form.get("next", ""))
    agreement = _agreement(form, place)
    try:
        challenge = brand.consumers.send_code(
            form.get("phone", ""),
            uid=form.get("ask", ""),
            device=visit.device,
            network=network(),
            language=visit.language,
        )
    except Invalid as error:
        if error.field != "phone":
            raise
        # Nothing was written yet; the other fields stay as they were filled in.
        return _join_page(place, problem="phone")
    answer = flask.redirect(_here("code"), 303)
    kept = {
        "uid": challenge.uid,
        "phone": challenge.phone,
        "agreed": [agreement.language, agreement.page, agreement.privacy, agreement.marketing],
    }
    visit.keep_sealed(answer, CODE, kept, _MINUTES)
    return answer  # type: ignore[return-value]


def _agreement(form: Any, place: str) -> Agreement:
    """What was ticked; raises Invalid without the consent that joining needs."""
    if not form.get("privacy"):
        raise Invalid("agree to the privacy text first", field="privacy", code="privacy")
    language = form.get("language", "")
    if language not in ("zh", "en"):
        raise Invalid("the form is incomplete; open the page again", field="language")
    return Agreement(language, place, form["privacy"][:64], form.get("marketing", "")[:64])


@pages.get("/code")
def code() -> Response:
    """Where the code is entered."""
    kept = _visit().read_sealed(CODE)
    if kept is None:
        return flask.redirect(_here("join"), 303)  # type: ignore[return-value]
    return consumer_page("consumer/code.html", phone=mask("phone", kept["phone"]), next=kept["agreed"][1], left=None)


@pages.post("/code")
def enter_code() -> Response:
    """Join with the code, and go on to where the visitor wanted to be."""
    brand, visit = current_brand(), _visit()
    visit.demand_genuine()
    kept = visit.read_sealed(CODE)
    if kept is None:
        raise Gone("this code is not good any more; ask for a new one", code="code_gone")
    agreement = Agreement(*kept["agreed"])
    outcome = brand.consumers.enter_code(
        Challenge(kept["uid"], kept["phone"]),
        request.form.get("code", ""),
        agreement,
        device=visit.device,
        known_as=visit.consumer(),
    )
    if isinstance(outcome, Consumer):
        visit.signed_in(outcome)
        return flask.redirect(_next(agreement.page), 303)  # type: ignore[return-value]
    # 200, so that the try is counted: an error would roll it back.
    return consumer_page("consumer/code.html", phone=mask("phone", kept["phone"]), next=agreement.page, left=outcome)


# One-person links ----------------------------------------------------------------


@pages.get("/i/<token>")
def link(token: str) -> Response:
    """Whose link this is, and the question; nothing changes, whoever or whatever looks."""
    brand, visit = current_brand(), _visit()
    found = brand.consumers.look_at_link(token)
    here = visit.consumer()
    if here is not None and here.contact_id == found.contact_id:
        return flask.redirect(found.path, 303)  # type: ignore[return-value]
    return consumer_page("consumer/link.html", link=found, token=token, wrong=False)


@pages.post("/i/<token>")
def use_link(token: str) -> Response:
    """Answer the question."""
    brand, visit = current_brand(), _visit()
    visit.demand_genuine()
    found, outcome = brand.consumers.use_link(token, request.form.get("digits", "").strip(), device=visit.device)
    if outcome is not None:
        visit.signed_in(outcome)
        return flask.redirect(found.path, 303)  # type: ignore[return-value]
    return consumer_page("consumer/link.html", link=found, token=token, wrong=True)


# Sign-ins elsewhere --------------------------------------------------------------


@pages.post("/with/<name>")
def sign_in_with(name: str) -> Response:
    """On to another service; a page in between, since a form of ours may lead nowhere else.

    A POST of our own form: an address that somebody else wrote must not say what a person agreed to.
    """
    brand, visit = current_brand(), _visit()
    visit.demand_genuine()
    place = _next(request.form.get("next", ""))
    agreement = _agreement(request.form, place)
    address, nonce = brand.consumers.begin_sign_in(name, device=visit.device)
    title = dict(brand.consumers.sign_ins(request.headers.get("User-Agent", ""))).get(name, name)
    answer = consumer_page("consumer/leaving.html", address=address, title=title)
    agreed = [agreement.language, agreement.page, agreement.privacy, agreement.marketing]
    visit.keep_sealed(answer, AWAY, {"nonce": nonce, "agreed": agreed}, _MINUTES)
    return answer


@pages.get("/back/<name>")
def came_back(name: str) -> Response:
    """The browser comes back from another service."""
    brand, visit = current_brand(), _visit()
    kept = visit.read_sealed(AWAY)
    try:
        nonce = brand.consumers.use_state(name, request.args.get("state", ""), device=visit.device)
        if kept is None or kept["nonce"] != nonce:
            raise Gone("this sign-in took too long; begin again", code="state_gone")
        agreement = Agreement(*kept["agreed"])
        args = {key: value[:2_000] for key, value in request.args.items() if key != "state"}
        person = brand.consumers.finish_sign_in(
            name, nonce, args, agreement, device=visit.device, known_as=visit.consumer()
        )
    except ScrmError:
        here = visit.consumer()
        if here is not None and kept is not None:
            # Reloaded, or back: the first time did it.
            return flask.redirect(_next(kept["agreed"][1]), 303)  # type: ignore[return-value]
        raise
    visit.signed_in(person)
    return flask.redirect(_next(agreement.page), 303)  # type: ignore[return-value]


# The customer's own page, and signing out ----------------------------------------


@pages.get("/me")
def me() -> Response:
    """Who is signed in, and the way out."""
    brand, person = current_brand(), _visit().consumer()
    shown = ""
    if person is not None:
        phone = next((i.value for i in brand.contacts.identities(person.contact_id) if i.kind == "phone"), "")
        name = mask("name", brand.contacts.get_by_id(person.contact_id).name) or ""
        shown = f"{name} {mask('phone', phone) if phone else ''}".strip()
    language = _visit().language
    links = [
        (f"{brand.consumers.root}{plugin}/{path}", title[language])
        for plugin, (path, title) in brand.extensions(OWN_PAGE)
    ]
    return consumer_page("consumer/me.html", shown=shown, links=links)


@pages.post("/leave")
def leave() -> Response:
    """Sign out of this browser."""
    visit = _visit()
    person = visit.consumer()
    if person is not None:
        current_brand().consumers.sign_out(person.session)
    visit.signed_out()
    return flask.redirect(_here("me"), 303)  # type: ignore[return-value]


@pages.get("/privacy")
def privacy() -> Response:
    """The privacy text."""
    text, _ = current_brand().consumers.texts(_visit().language)
    return consumer_page("consumer/privacy.html", text=text)


# Looks ---------------------------------------------------------------------------


@pages.get("/theme.css")
def theme() -> Response:
    """The brand's colour, and black or white for what stands on it."""
    colour = current_brand().config.consumer.colour
    dark = _lighter(colour)
    text = (
        f":root{{--brand:{colour};--on-brand:{_readable_on(colour)}}}"
        f"@media (prefers-color-scheme: dark){{:root{{--brand:{dark};--on-brand:{_readable_on(dark)}}}}}"
    )
    answer = Response(text, content_type="text/css; charset=utf-8")
    answer.headers["Cache-Control"] = "public, max-age=86400"
    return answer


def _channels(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.1 defines it."""
    parts = [c / 255 for c in _channels(colour)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _readable_on(colour: str) -> str:
    """Black or white, whichever stands out more."""
    light = _luminance(colour)
    return "#ffffff" if 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 else "#111111"


def _lighter(colour: str) -> str:
    """The colour for dark grounds: towards white until it stands out by 4.5 to 1 on #14171d."""
    ground = _luminance("#14171d") + 0.05
    channels = _channels(colour)
    for share in range(0, 101, 5):
        mixed = "#" + "".join(f"{c + (255 - c) * share // 100:02x}" for c in channels)
        if (_luminance(mixed) + 0.05) / ground >= 5.5:
            return mixed
    return "#ffffff"


@pages.get("/logo")
def logo() -> Response:
    """The brand's logo."""
    config = current_brand().config
    if not config.consumer.logo or config.path is None:
        raise NotFound(NOTHING_HERE)
    folder = config.path.parent.resolve()
    file = (folder / config.consumer.logo).resolve()
    if not file.is_relative_to(folder) or not file.is_file():
        raise NotFound(NOTHING_HERE)
    kind = LOGO_TYPES.get(Path(file).suffix) or mimetypes.guess_type(file.name)[0]
    answer = flask.send_file(file, mimetype=kind, max_age=86_400)
    # An SVG opened by itself is a document: it may run nothing.
    answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return answer
