"""Live codes in the console: codes with staff and caps, one code with its rota, reception, personas.

Each act is the service function that the route and the command call too. Forms about
one code hold what it looked like: who acts on what somebody else has changed is told.
"""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any, ClassVar

from scrm_core.api import (
    Column,
    Conflict,
    ConsoleAct,
    ConsoleDone,
    ConsoleFile,
    ConsolePart,
    ConsoleQuery,
    ConsoleTemplate,
    Invalid,
    NotFound,
    ReportTable,
    code_file,
    current_brand,
    execute,
)

from .codes import Code
from .personas import KINDS
from .planner import plan
from .reception_report import BOTH, GROUPS, reception_report, survival_report
from .service import EXTRA, LiveCodes, live_codes_of
from .views import full_code_view

READ, WRITE = "live-code:read", "live-code:write"
ROWS = 50
_TODAY = (
    Column("staff", "Staff 员工"),
    Column("taken", "Adds today 今日接待", "count"),
    Column("cap", "Cap 上限", "count"),
)


class Pages:
    """What live codes show in the console: mixed into the plugin."""

    console_pages: ClassVar[dict[str, ConsolePart]] = {
        "codes": ConsolePart("show_codes", {"en": "Live codes", "zh": "渠道活码"}, READ),
        "code": ConsolePart(
            "show_code", {"en": "A live code", "zh": "活码详情"}, READ,
            acts={
                name: ConsoleAct(f"act_{name}", WRITE)
                for name in ("seat", "unseat", "activity", "publish", "pause", "peak", "entry", "way", "link")
            },
            menu=False,
        ),
        "reception": ConsolePart("show_reception", {"en": "Live codes: reception", "zh": "活码承接"}, READ),
        "personas": ConsolePart(
            "show_personas", {"en": "Live codes: personas", "zh": "活码人设"}, READ,
            acts={"save": ConsoleAct("act_save", WRITE), "cast": ConsoleAct("act_cast", WRITE)},
        ),
    }  # fmt: skip
    console_cards: ClassVar[dict[str, ConsolePart]] = {
        "today": ConsolePart("show_today", {"en": "Live codes today", "zh": "今日活码接待"}, "reports:read"),
    }

    # Pages ----------------------------------------------------------------------------

    def show_codes(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Codes, today's load of each member of staff beside their cap, and the planner."""
        here, after = _here(), _number(query, "after")
        found = here.codes.page(after=after, limit=ROWS + 1)
        planned, refused = None, ""
        if query.args.get("peak"):
            try:
                planned = plan(_number(query, "peak"), here.settings["per_account"])
            except Invalid as problem:
                refused = problem.message
        context = {
            "codes": found[:ROWS], "older": found[ROWS - 1].id if len(found) > ROWS else None, "after": after,
            "now": here.brand.now(), "staff": _today(here), "planned": planned, "wrong": refused,
        }  # fmt: skip
        return _page("console_codes.html", query, context)

    def show_code(self, query: ConsoleQuery) -> ConsoleTemplate | ConsoleFile:
        """One code: what is behind it, its forms, and its QR code and poster as files."""
        here = _here()
        code = here.codes.get(query.args.get("channel", ""))
        if query.args.get("picture") == "poster":
            return ConsoleFile("live-code-poster.png", "image/png", here.poster(code.channel))
        if query.args.get("picture") == "qr":
            picture = code_file(here.codes.address(code), "png", extra=EXTRA)
            return ConsoleFile("live-code-qr.png", "image/png", picture)
        context = {
            "code": code, "view": full_code_view(code, here), "seen": _seen(here, code), "now": here.brand.now(),
            "staff": [each for each in here.staff.page(limit=200) if each.left_at is None],
            "poster": code.ends_at is not None and code.ends_at > here.brand.now(),
            "first": _day(here, code.starts_at), "last": _day(here, None if code.ends_at is None else code.ends_at - 1),
        }  # fmt: skip
        return _page("console_code.html", query, context)

    def show_reception(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Times of each step, survival, and who waits for too long."""
        here, by = _here(), query.args.get("by", "staff")
        if by not in (*GROUPS, BOTH):
            raise NotFound("there is nothing at this address")
        context = {
            "by": by, "who": list(GROUPS) if by == BOTH else [by],
            "steps": reception_report(here.reception, by=by).rows,
            "kept": survival_report(here.brand, by=by).rows,
            "overdue": here.reception.overdue(), "limits": here.reception.limits,
        }  # fmt: skip
        return _page("console_reception.html", query, context)

    def show_personas(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Personas with their checklists, staff and funnels."""
        here = _here()
        figures = {row["persona"]: row for row in here.personas.funnel().rows}
        context = {
            "personas": here.personas.all(), "figures": figures, "items": here.personas.items, "kinds": KINDS,
            "staff": [each for each in here.staff.page(limit=200) if each.left_at is None],
        }  # fmt: skip
        return _page("console_personas.html", query, context)

    def show_today(self) -> ReportTable:
        """Today's load of each member of staff beside their cap."""
        names = [column.name for column in _TODAY]
        rows = [dict(zip(names, (each["name"], each["taken"], each["cap"]), strict=True)) for each in _today(_here())]
        return ReportTable(_TODAY, rows[:10])

    # Acts -----------------------------------------------------------------------------

    def act_seat(self, query: ConsoleQuery) -> ConsoleDone:
        """Seat a member of staff, or change their role and hours."""
        here, code, form = _fresh(query)
        here.codes.seat(
            code.channel, form.get("staff", ""), role=form.get("role", ""), hours=form.get("hours", ""),
            actor=query.actor,
        )  # fmt: skip
        return _done(code)

    def act_unseat(self, query: ConsoleQuery) -> ConsoleDone:
        """Let a member of staff receive people of the code no more."""
        here, code, form = _fresh(query)
        here.codes.unseat(code.channel, form.get("staff", ""), actor=query.actor)
        return _done(code)

    def act_activity(self, query: ConsoleQuery) -> ConsoleDone:
        """Change what people come for: the printed code stays."""
        here, code, form = _fresh(query)
        here.codes.set_activity(
            code.channel, title=form.get("title", ""), first_day=_date(form, "first"), last_day=_date(form, "last"),
            actor=query.actor,
        )  # fmt: skip
        return _done(code)

    def act_publish(self, query: ConsoleQuery) -> ConsoleDone:
        """Receive people from now on."""
        here, code, _ = _fresh(query)
        here.codes.publish(code.channel, actor=query.actor)
        return _done(code)

    def act_pause(self, query: ConsoleQuery) -> ConsoleDone:
        """Receive nobody until it is published again."""
        here, code, form = _fresh(query)
        here.codes.pause(code.channel, note=form.get("note", ""), actor=query.actor)
        return _done(code)

    def act_peak(self, query: ConsoleQuery) -> ConsoleDone:
        """Keep a code's peak day, and say whether enough accounts are assigned."""
        here, code, form = _fresh(query)
        text = form.get("peak", "")
        peak = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        made = here.planner.expect(code.channel, peak, actor=query.actor)
        return ConsoleDone("code", {"channel": code.channel, "peak": str(peak), "accounts": str(made.accounts)})

    def act_entry(self, query: ConsoleQuery) -> ConsoleDone:
        """Say where a code is met and who shares it."""
        here, code, form = _fresh(query)
        told = {name: form.get(name, "") for name in ("place", "store", "sharer_role", "sharer")}
        here.entries.put(code.channel, **told, actor=query.actor)
        return _done(code)

    def act_way(self, query: ConsoleQuery) -> ConsoleDone:
        """Have a contact way made."""
        here, code, _ = _fresh(query)
        here.ways.want(code.channel, actor=query.actor)
        return _done(code)

    def act_link(self, query: ConsoleQuery) -> ConsoleDone:
        """Have an acquisition link made."""
        here, code, _ = _fresh(query)
        here.links.want(code.channel, actor=query.actor)
        return _done(code)

    def act_save(self, query: ConsoleQuery) -> ConsoleDone:
        """Write a persona down with its checklist."""
        here, form = _here(), query.form
        profile = {item: form.get(f"item-{item}", "") for item in here.personas.items}
        told = {name: form.get(name, "") for name in ("name", "kind")}
        here.personas.put(form.get("code", ""), **told, profile=profile, actor=query.actor)
        return ConsoleDone("personas", {"done": "1"})

    def act_cast(self, query: ConsoleQuery) -> ConsoleDone:
        """Let a member of staff be a persona."""
        _here().personas.cast(query.form.get("code", ""), query.form.get("staff", ""), actor=query.actor)
        return ConsoleDone("personas", {"done": "1"})


def _here() -> LiveCodes:
    return live_codes_of(current_brand())


def _page(name: str, query: ConsoleQuery, context: dict[str, Any]) -> ConsoleTemplate:
    zh = query.language == "zh"
    return ConsoleTemplate(name, {"t": lambda en, chinese: chinese if zh else en, **context})


def _number(query: ConsoleQuery, name: str) -> int:
    text = query.args.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise NotFound("there is nothing at this address")
    return int(text or 0)


def _today(here: LiveCodes) -> list[dict[str, Any]]:
    """Staff who have not left, with what they took today and their cap, the fullest first."""
    rows = execute(
        "SELECT s.userid, s.name, coalesce(l.taken, 0) AS taken, s.daily_cap FROM live_code_staff s "
        "LEFT JOIN live_code_load l ON l.staff_id = s.id AND l.day = ? WHERE s.left_at IS NULL "
        "ORDER BY taken DESC, s.id LIMIT 200",
        (here.brand.day(here.brand.now()),),
    ).fetchall()
    return [{"userid": row[0], "name": row[1] or row[0], "taken": row[2], "cap": row[3]} for row in rows]


def _day(here: LiveCodes, at: int | None) -> str:
    return "" if at is None else date.fromordinal(here.brand.day(at)).isoformat()


def _date(form: Any, name: str) -> date:
    try:
        return date.fromisoformat(form.get(name, ""))
    except ValueError:
        raise Invalid("a day is written YYYY-MM-DD", field=name) from None


def _seen(here: LiveCodes, code: Code) -> str:
    """What a code looks like, in short."""
    look = (code, here.codes.seats(code), here.entries.of(code))
    return hashlib.sha256(repr(look).encode()).hexdigest()[:16]


def _fresh(query: ConsoleQuery) -> tuple[LiveCodes, Code, Any]:
    """The code of a page, held until the act is done.

    Raises Conflict (``changed``) where somebody changed it after the form was shown.
    """
    here = _here()
    channel = query.args.get("channel", "")
    found = here.codes.get(channel)
    execute("UPDATE live_code_code SET actor = actor WHERE id = ?", (found.id,))  # who acts second waits for the first
    code = here.codes.get(channel)
    if query.form.get("seen", "") != _seen(here, code):
        raise Conflict(f"{code.actor} changed this code meanwhile; look at it and act again", code="changed")
    return here, code, query.form


def _done(code: Code) -> ConsoleDone:
    return ConsoleDone("code", {"channel": code.channel, "done": "1"})
