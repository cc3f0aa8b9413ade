"""The public landing page and its button, below ``/p/<brand>/sms``. Texts are escaped, nothing needs a script."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask

from scrm_core.api import current_brand, from_instant

from . import landing

if TYPE_CHECKING:
    from scrm_core.api import Brand

DAY_MS = 86_400_000
STATIC = Path(__file__).resolve().parents[1] / "static"
_WORDS = {
    "zh": {
        "activity": "限时活动",
        "period": "活动时间",
        "last_day": "今天截止",
        "days_left": "还剩 {} 天",
        "before": "活动还没有开始",
        "before_more": "请在活动时间内再打开这个页面，期待与您相见。",
        "over": "活动已经结束",
        "over_more": "感谢您的关注，期待下次与您相见。",
        "button": "立即添加",
        "to": "至",
    },
    "en": {
        "activity": "For a limited time",
        "period": "When:",
        "last_day": "last day today",
        "days_left": "{} days left",
        "before": "This has not begun yet",
        "before_more": "Please open this page again when it has. We look forward to seeing you.",
        "over": "This has ended",
        "over_more": "Thank you for your interest. We look forward to seeing you next time.",
        "button": "Add us",
        "to": "to",
    },
}


def add_pages(blueprint: flask.Blueprint) -> None:
    """Add the landing page's routes to the plugin's public pages."""
    blueprint.add_url_rule("/land/<token>", "landing", show)
    blueprint.add_url_rule("/land/<token>/go", "landing_go", go)
    blueprint.add_url_rule("/land.css", "landing_style", style)


def show(token: str) -> Any:
    """The page of a plan, or what it says before and after its activity."""
    brand = current_brand()
    page = landing.by_token(token)
    return _answer(brand, page, flask.request.args.get("s", ""))


def go(token: str) -> Any:
    """The button: record it, and send the visitor to the page's stored target and nowhere else."""
    brand = current_brand()
    page = landing.by_token(token)
    if page.phase(brand.now()) != "running":
        return _answer(brand, page, "")
    target = landing.press(brand, page, flask.request.args.get("s", ""), counts=not _looks_ahead())
    answer = flask.redirect(target, 302)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def style() -> Any:
    """The page's style sheet."""
    return flask.send_from_directory(STATIC, "landing.css", max_age=86_400)


def render(brand: Brand, page: landing.LandingPage, code: str, phase: str) -> str:
    """The page as HTML, as visitors see it in a phase of its activity."""
    words = _WORDS["zh" if brand.locale.startswith("zh") else "en"]
    here = f"/p/{brand.id}/sms"
    return flask.render_template(
        "sms_landing.html",
        lang=brand.locale.replace("_", "-"),
        brand=brand.name,
        page=page,
        phase=phase,
        words=words,
        period=_period(brand, page, words["to"]),
        left=_left(brand, page, words) if phase == "running" else "",
        style=f"{here}/land.css",
        go=f"{here}/land/{page.token}/go",
        code=code,
    )


def _answer(brand: Brand, page: landing.LandingPage, code: str) -> Any:
    phase = page.phase(brand.now())
    answer = flask.make_response(render(brand, page, code, phase), 410 if phase == "over" else 200)
    # The page of an activity that has ended must not be shown from a cache.
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _period(brand: Brand, page: landing.LandingPage, to: str) -> str:
    """From when until when, as people say it: an end at midnight is the day before, whole."""
    first, end = from_instant(page.starts_at, brand.zone), from_instant(page.ends_at, brand.zone)
    if (first.hour, first.minute, end.hour, end.minute) == (0, 0, 0, 0):
        last = end - timedelta(days=1)
        return f"{first:%Y.%m.%d}" if first.date() == last.date() else f"{first:%Y.%m.%d} {to} {last:%Y.%m.%d}"
    return f"{first:%Y.%m.%d %H:%M} {to} {end:%Y.%m.%d %H:%M}"


def _left(brand: Brand, page: landing.LandingPage, words: dict[str, str]) -> str:
    now = brand.now()
    if brand.day(page.ends_at - 1) == brand.day(now):
        return words["last_day"]
    return words["days_left"].format(-(-(page.ends_at - now) // DAY_MS))


def _looks_ahead() -> bool:
    """A program fetches what a person may want next: nobody has pressed anything."""
    request = flask.request
    return request.method == "HEAD" or any(name in request.headers for name in ("Purpose", "Sec-Purpose", "X-Moz"))
