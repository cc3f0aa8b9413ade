"""The landing page (落地页) behind a plan's links: what it says, when, and where its button leads.

A link without a real activity gets a mini-program delisted, so a page is used
only while its activity runs. What the page says is part of what is approved:
once the path of a plan is set, the page changes only after going back to that
step. The end of the activity alone can be moved at any time.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scrm_core.api import Conflict, Invalid, NotFound, clean_text, execute, iso, safe_target, transactional

from ..plans.steps import ENDED, Path
from ..plans.store import PlanRow, clean_actor, expect_seen, move, note, plan_row, steps_of

if TYPE_CHECKING:
    from scrm_core.api import Brand

STATE = "{state}"
"""In a target: the code of the visitor's link, by which the add comes back."""

TITLE_CHARS = 60
TEXT_CHARS = 2_000
WELCOME_CHARS = 500
BUTTON_CHARS = 20

_STATE_MARK = "scrm-state-mark"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_TOKEN = re.compile(r"[a-z2-7]{16}\Z")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_COLUMNS = (
    "l.id, l.plan_id, p.code, l.token, l.title, l.activity, l.starts_at, l.ends_at, l.text, l.welcome, l.button, "
    "l.target, l.direct"
)


@dataclass(frozen=True, slots=True)
class LandingPage:
    """A plan's page. The activity runs from ``starts_at`` up to ``ends_at`` (instants), the end excluded.

    ``activity`` and ``welcome`` may still be empty while the page is being
    written. ``direct`` counts presses of the button by visitors who came
    without a link of the plan.
    """

    id: int
    plan_id: int
    plan: str
    token: str
    title: str
    activity: str
    starts_at: int
    ends_at: int
    text: str
    welcome: str
    button: str
    target: str
    direct: int

    def phase(self, at: int) -> str:
        """``before``, ``running`` or ``over``, at an instant."""
        if at < self.starts_at:
            return "before"
        return "running" if at < self.ends_at else "over"


def get(plan_code: str) -> LandingPage | None:
    """The page of a plan, or None; raises NotFound for an unknown plan."""
    return _of_plan(plan_row(plan_code))


def by_token(token: str) -> LandingPage:
    """The page at a public address; raises NotFound."""
    found = None
    if _TOKEN.match(token):
        found = _one("WHERE l.token = ?", token)
    if found is None:
        raise NotFound("there is no such page")
    return found


def _of_plan(plan: PlanRow) -> LandingPage | None:
    return _one("WHERE l.plan_id = ?", plan.id)


def _one(where: str, value: Any) -> LandingPage | None:
    sql = f"SELECT {_COLUMNS} FROM sms_landing l JOIN sms_plan p ON p.id = l.plan_id {where}"
    row = execute(sql, (value,)).fetchone()
    return None if row is None else LandingPage(*row)


# What the plan asks ----------------------------------------------------------


def problems(brand: Brand, plan_code: str, at: int) -> list[str]:
    """What keeps the plan's page from being shown at an instant: one sentence for each thing that is missing."""
    page = get(plan_code)
    if page is None:
        return ["there is no landing page: write one with `scrm sms landing set`"]
    found = []
    if not page.welcome:
        found.append("the landing page has no welcome text (欢迎语)")
    if not page.activity:
        found.append("the landing page has no activity (活动)")
    phase = page.phase(at)
    if phase == "before":
        found.append(f"the activity begins only at {iso(page.starts_at, brand.zone)}")
    elif phase == "over":
        found.append(f"the activity has ended at {iso(page.ends_at, brand.zone)}")
    return found


def activity_until(brand: Brand, plan_code: str) -> int | None:
    """The instant at which the plan's activity ends, or None without a page."""
    page = get(plan_code)
    return None if page is None else page.ends_at


def url_of(brand: Brand, plan_code: str) -> str:
    """The page's address for links: ``{code}`` in it becomes each link's own code when links are created.

    Raises Conflict (``plan_landing``) while there is no page.
    """
    page = get(plan_code)
    if page is None:
        raise Conflict(
            f"plan {plan_code!r} has no landing page: write one with `scrm sms landing set`", code="plan_landing"
        )
    return f"{public_url(brand, page)}?s={{code}}"


def public_url(brand: Brand, page: LandingPage) -> str:
    """Where everybody can see the page."""
    return f"{brand.installation.config.base_url}/p/{brand.id}/sms/land/{page.token}"


# Writing ---------------------------------------------------------------------


@transactional
def set_landing(
    brand: Brand,
    plan_code: str,
    *,
    actor: str,
    title: str,
    target: str,
    starts_at: int,
    ends_at: int,
    activity: str = "",
    text: str = "",
    welcome: str = "",
    button: str = "",
    seen: int | None = None,
) -> LandingPage:
    """Write a plan's page; writing it again replaces what it says and keeps its address.

    ``target`` is the http(s) address that the button leads to (a WeCom
    acquisition link 获客链接, a mini program's URL), with ``{state}`` where the
    code of the visitor's link belongs. Raises Invalid naming the field, and
    Conflict when the plan's path is set already, the plan has ended, or it was
    changed since its version ``seen`` (``plan_changed``).
    """
    actor = clean_actor(actor)
    values = {
        "title": _text(title, "title", TITLE_CHARS),
        "activity": _text(activity, "activity", TITLE_CHARS),
        "starts_at": starts_at,
        "ends_at": ends_at,
        "text": _text(text, "text", TEXT_CHARS, multiline=True),
        "welcome": _text(welcome, "welcome", WELCOME_CHARS, multiline=True),
        "button": _text(button, "button", BUTTON_CHARS),
        "target": clean_target(target),
    }
    if not values["title"]:
        raise Invalid("a landing page needs a title", field="title")
    if starts_at >= ends_at:
        raise Invalid("the activity ends after it begins", field="ends_at")
    plan = plan_row(plan_code)
    expect_seen(plan, seen)
    _must_be_open(plan)
    now = brand.now()
    before = _of_plan(plan)
    if before is None:
        columns = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        execute(
            f"INSERT INTO sms_landing (plan_id, token, direct, created_at, updated_at, {columns}) "
            f"VALUES (?, ?, 0, ?, ?, {marks}) ON CONFLICT (plan_id) DO NOTHING",
            (plan.id, _new_token(), now, now, *values.values()),
        )
    elif all(getattr(before, name) == value for name, value in values.items()):
        return before
    assignments = ", ".join(f"{name} = ?" for name in values)
    execute(
        f"UPDATE sms_landing SET {assignments}, updated_at = ? WHERE plan_id = ?", (*values.values(), now, plan.id)
    )
    move(plan, now)
    note(plan, actor, "landing", values, now)
    after = _of_plan(plan)
    assert after is not None
    return after


@transactional
def move_end(brand: Brand, plan_code: str, ends_at: int, *, actor: str) -> LandingPage:
    """Let the activity end at another instant, also while the plan is being sent.

    Raises NotFound without a page and Invalid for an end before the beginning.
    """
    actor = clean_actor(actor)
    plan = plan_row(plan_code)
    page = _of_plan(plan)
    if page is None:
        raise NotFound(f"plan {plan_code!r} has no landing page")
    if ends_at <= page.starts_at:
        raise Invalid("the activity ends after it begins", field="ends_at")
    now = brand.now()
    execute("UPDATE sms_landing SET ends_at = ?, updated_at = ? WHERE plan_id = ?", (ends_at, now, plan.id))
    # Whoever has the page before their eyes with the earlier end is told, and does not write it back.
    move(plan, now)
    note(plan, actor, "landing end", {"was": page.ends_at, "ends_at": ends_at}, now)
    moved = _of_plan(plan)
    assert moved is not None
    return moved


def clean_target(target: object) -> str:
    """A checked target of a button, with ``{state}`` kept; raises Invalid with field ``target``.

    The same rules as for short links; the place of the state is behind the
    host, so that no visitor chooses where the button leads.
    """
    if not isinstance(target, str) or _STATE_MARK in target:
        raise Invalid("an address is expected", field="target", code="target")
    checked = safe_target(target.replace(STATE, _STATE_MARK))
    if _STATE_MARK in urlsplit(checked).netloc:
        raise Invalid("{state} stands behind the host of an address, not in it", field="target", code="target")
    return checked.replace(_STATE_MARK, STATE)


def _text(value: object, field: str, most: int, *, multiline: bool = False) -> str:
    return clean_text(value, field=field, max_length=most, multiline=multiline)


def _must_be_open(plan: PlanRow) -> None:
    if plan.state in ENDED:
        raise Conflict(f"plan {plan.code!r} is {plan.state}: its landing page stays as it was", code="plan_state")
    if "path" in steps_of(plan):
        raise Conflict(
            f"the path of plan {plan.code!r} is set, and the landing page is part of it: go back to path first",
            code="plan_step",
        )


def _new_token() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


# Visitors --------------------------------------------------------------------


def press(brand: Brand, page: LandingPage, code: str, *, counts: bool = True) -> str:
    """The button was pressed by a visitor who came with the link ``code``: where to send them.

    Recorded once per link of the plan. Any other code counts for nobody, and
    the plan's own link is the state then. ``counts`` is False for a look ahead
    that no person asked for.
    """
    link = _link_of_plan(page, code)
    if counts:
        _record(brand, page, link[0] if link is not None else None)
    state = link[1] if link is not None else _own_link(page)
    # The stored target was checked; filled in, it is checked again before anybody is sent there.
    return safe_target(page.target.replace(STATE, state))


def _link_of_plan(page: LandingPage, code: str) -> tuple[int, str] | None:
    if not _CODE.match(code):
        return None
    row: tuple[int, str] | None = execute(
        "SELECT id, code FROM link WHERE code = ? AND owner = 'sms' AND campaign = ?", (code, page.plan)
    ).fetchone()
    return row


def _own_link(page: LandingPage) -> str:
    done = steps_of(plan_row(page.plan)).get("path")
    path: Path | None = None if done is None else done.content
    return "" if path is None else path.link


@transactional
def _record(brand: Brand, page: LandingPage, link_id: int | None) -> None:
    if link_id is None:
        execute("UPDATE sms_landing SET direct = direct + 1 WHERE id = ?", (page.id,))
        return
    execute(
        "INSERT INTO sms_press (landing_id, link_id, at) VALUES (?, ?, ?) ON CONFLICT (landing_id, link_id) DO NOTHING",
        (page.id, link_id, brand.now()),
    )
