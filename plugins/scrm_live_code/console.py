"""Live codes in the console: codes with staff and caps, one code with its rota, reception, personas.

Each act is the service function that the route and the command call too. Forms about
one code hold what it looked like: who acts on what somebody else has changed is told.
"""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from scrm_core.api import (
    Column,
    ConsoleAct,
    ConsoleDone,
    ConsoleFile,
    ConsolePart,
    ConsoleQuery,
    ConsoleTemplate,
    Invalid,
    NotFound,
    ReportTable,
    at_field,
    code_file,
    current_brand,
    cut_page,
    execute,
    read_instant,
    seen_of,
)

from .codes import OVER, Code
from .console_words import REFUSALS, WORDS, worded
from .personas import KINDS, Persona
from .planner import plan
from .reception_report import BOTH, GROUPS, reception_report, survival_report
from .service import EXTRA, LiveCodes, live_codes_of
from .staff import Staff
from .views import full_code_view

READ, WRITE = "live-code:read", "live-code:write"
ROWS, PERSONAS, CHOICES = 50, 20, 200
_TODAY = (
    Column("staff", "Staff 员工"),
    Column("taken", "Received today 今日接待", "count"),
    Column("cap", "Cap 上限", "count"),
)


class Pages:
    """What live codes show in the console: mixed into the plugin."""

    console_pages: ClassVar[dict[str, ConsolePart]] = {
        "codes": ConsolePart(
            "show_codes", {"en": "Live codes", "zh": "渠道活码"}, READ, group="channels",
            acts={name: ConsoleAct(f"act_{name}", WRITE) for name in ("create", "staff", "leave")},
        ),
        "code": ConsolePart(
            "show_code", {"en": "A live code", "zh": "活码详情"}, READ,
            acts={
                name: ConsoleAct(f"act_{name}", WRITE)
                for name in ("seat", "unseat", "activity", "publish", "pause", "peak", "entry", "way", "link")
            },
            menu=False,
        ),
        "reception": ConsolePart(
            "show_reception", {"en": "Live codes: reception", "zh": "活码承接"}, READ, group="channels"
        ),
        "personas": ConsolePart(
            "show_personas", {"en": "Live codes: personas", "zh": "活码人设"}, READ, group="channels",
            acts={"save": ConsoleAct("act_save", WRITE), "cast": ConsoleAct("act_cast", WRITE)},
        ),
    }  # fmt: skip
    console_cards: ClassVar[dict[str, ConsolePart]] = {
        "today": ConsolePart("show_today", {"en": "Live codes today", "zh": "今日活码接待"}, "reports:read"),
    }

    # Pages ----------------------------------------------------------------------------

    def show_codes(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Codes, today's load of each member of staff beside their cap, and the planner."""
        here, after = _here(), query.position("after")
        codes, older = cut_page(here.codes.page(after=after, limit=ROWS + 1), ROWS)
        planned, refused = None, ""
        if query.args.get("peak"):
            try:
                planned = plan(_asked(query.args["peak"]), here.settings["per_account"])
            except Invalid as problem:
                refused = problem.message if query.language == "en" else REFUSALS["invalid peak"]
        context = {
            "codes": codes, "older": older, "after": after, "now": here.brand.now(), "staff": _today(here),
            "tags": here.codes.tags_of(codes), "known_tags": _tag_choices(),
            "planned": planned, "wrong": refused, "per_account": here.settings["per_account"],
        }  # fmt: skip
        return ConsoleTemplate("console_codes.html", context, WORDS)

    @worded
    def show_code(self, query: ConsoleQuery) -> ConsoleTemplate | ConsoleFile:
        """One code: what is behind it, its forms, and its QR code and poster as files."""
        here = _here()
        code = here.codes.get(query.asked("channel"))
        if query.args.get("picture") == "poster":
            return ConsoleFile("live-code-poster.png", "image/png", here.poster(code.channel))
        if query.args.get("picture") == "qr":
            picture = code_file(here.codes.address(code), "png", extra=EXTRA)
            return ConsoleFile("live-code-qr.png", "image/png", picture)
        at, wrong = None, ""
        if query.args.get("at"):
            try:
                at = read_instant(query.args["at"], here.brand.zone, "at")
            except Invalid as problem:
                wrong = problem.message if query.language == "en" else REFUSALS["invalid at"]
        context = {
            "code": code, "view": full_code_view(code, here, at), "at": at, "wrong": wrong, "seen": _seen(here, code),
            "now": here.brand.now(), "over": OVER,
            "askable": {each.kind for each in (here.ways, here.links) if each.askable(each.of(code))},
            "staff": _choices(here), "poster": code.ends_at is not None and code.ends_at > here.brand.now(),
            "first": _day(here, code.starts_at), "last": _day(here, code.ends_at and code.ends_at - 1),
        }  # fmt: skip
        return ConsoleTemplate("console_code.html", context, WORDS)

    def show_reception(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Times of each step, survival, and who waits for too long."""
        here, by = _here(), query.args.get("by", "staff")
        if by not in (*GROUPS, BOTH):
            raise NotFound("there is nothing at this address")
        after, gone = query.position("after"), query.position("gone")
        steps = reception_report(here.reception, by=by, after=after, limit=ROWS + 1).rows
        kept = survival_report(here.brand, by=by, after=gone, limit=ROWS + 1).rows
        # These rows have no ids: a page begins behind so many of them.
        steps, later = cut_page(steps, ROWS, lambda _: after + ROWS)
        kept, later_kept = cut_page(kept, ROWS, lambda _: gone + ROWS)
        context = {
            "by": by, "who": list(GROUPS) if by == BOTH else [by], "after": after, "gone": gone,
            "steps": steps, "later": later, "kept": kept, "later_kept": later_kept,
            "overdue": here.reception.overdue(), "limits": here.reception.limits,
        }  # fmt: skip
        return ConsoleTemplate("console_reception.html", context, WORDS)

    def show_personas(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Personas with their checklists, staff and funnels."""
        here, after = _here(), query.position("after")
        found, older = cut_page(here.personas.page(after=after, limit=PERSONAS + 1), PERSONAS)
        context = {
            "personas": found, "figures": {row["persona"]: row for row in here.personas.funnel(found).rows},
            "seen": {each.code: _seen_persona(each) for each in found}, "items": here.personas.items, "kinds": KINDS,
            "staff": _choices(here), "after": after, "older": older,
        }  # fmt: skip
        return ConsoleTemplate("console_personas.html", context, WORDS)

    def show_today(self) -> ReportTable:
        """Today's load of each member of staff beside their cap."""
        names = [column.name for column in _TODAY]
        rows = [dict(zip(names, (each["name"], each["taken"], each["cap"]), strict=True)) for each in _today(_here())]
        return ReportTable(_TODAY, rows[:10])

    # Acts -----------------------------------------------------------------------------

    @worded
    def act_create(self, query: ConsoleQuery) -> ConsoleDone:
        """Make the code of a channel, with the tags of everybody who comes."""
        tags = [(group, tag) for group, _, tag in (each.partition("/") for each in query.lines("tags"))]
        channel, title = query.text("channel"), query.text("title")
        try:
            code = at_field(
                lambda: _here().codes.create(channel, title=title, tags=tags, actor=query.actor),
                lambda field: "channel" if field == "code" else field,
            )
        except NotFound as problem:
            raise Invalid(problem.message, field="tags", code="no_tag") from None
        return _done(code)

    @worded
    def act_staff(self, query: ConsoleQuery) -> ConsoleDone:
        """Write a member of staff down, or anew."""
        _here().staff.put(
            query.text("userid"), name=query.text("name"), address=query.text("address"),
            daily_cap=query.whole("daily_cap", empty=None), actor=query.actor,
        )  # fmt: skip
        return ConsoleDone("codes", {"done": "1"})

    @worded
    def act_leave(self, query: ConsoleQuery) -> ConsoleDone:
        """A member of staff receives nobody from now on."""
        _here().staff.leave(query.chosen("userid"), actor=query.actor)
        return ConsoleDone("codes", {"done": "1"})

    @worded
    def act_seat(self, query: ConsoleQuery) -> ConsoleDone:
        """Seat a member of staff, or change their role and hours."""
        here, code = _fresh(query)
        here.codes.seat(
            code.channel, query.chosen("staff"), role=query.chosen("role"), hours=query.text("hours"),
            actor=query.actor,
        )  # fmt: skip
        return _done(code)

    @worded
    def act_unseat(self, query: ConsoleQuery) -> ConsoleDone:
        """Let a member of staff receive people of the code no more."""
        here, code = _fresh(query)
        here.codes.unseat(code.channel, query.chosen("staff"), actor=query.actor)
        return _done(code)

    @worded
    def act_activity(self, query: ConsoleQuery) -> ConsoleDone:
        """Change what people come for: the printed code stays."""
        here, code = _fresh(query)
        here.codes.set_activity(
            code.channel, title=query.text("title"), first_day=query.day("first"), last_day=query.day("last"),
            actor=query.actor,
        )  # fmt: skip
        return _done(code)

    @worded
    def act_publish(self, query: ConsoleQuery) -> ConsoleDone:
        """Receive people from now on."""
        here, code = _fresh(query)
        here.codes.publish(code.channel, actor=query.actor)
        return _done(code)

    @worded
    def act_pause(self, query: ConsoleQuery) -> ConsoleDone:
        """Receive nobody until it is published again."""
        here, code = _fresh(query)
        here.codes.pause(code.channel, note=query.text("note"), actor=query.actor)
        return _done(code)

    @worded
    def act_peak(self, query: ConsoleQuery) -> ConsoleDone:
        """Keep a code's peak day, and say whether enough accounts are assigned."""
        here, code = _fresh(query)
        here.planner.expect(code.channel, query.whole("peak"), actor=query.actor)
        return _done(code)

    @worded
    def act_entry(self, query: ConsoleQuery) -> ConsoleDone:
        """Say where a code is met and who shares it."""
        here, code = _fresh(query)
        told = {name: query.text(name) for name in ("place", "store", "sharer_role", "sharer")}
        here.entries.put(code.channel, **told, actor=query.actor)
        return _done(code)

    @worded
    def act_way(self, query: ConsoleQuery) -> ConsoleDone:
        """Have a contact way made."""
        here, code = _fresh(query)
        here.ways.want(code.channel, actor=query.actor)
        return _done(code)

    @worded
    def act_link(self, query: ConsoleQuery) -> ConsoleDone:
        """Have an acquisition link made."""
        here, code = _fresh(query)
        here.links.want(code.channel, actor=query.actor)
        return _done(code)

    @worded
    def act_save(self, query: ConsoleQuery) -> ConsoleDone:
        """Write a persona down with its checklist: a new one, or (where the form says what it looked like) anew."""
        personas, code, new = _here().personas, query.text("code"), "seen" not in query.form
        if not new:
            # Who acts second waits for the first.
            execute("UPDATE live_code_persona SET actor = actor WHERE code = ?", (code,))
            found = personas.get(code)
            told = f"{found.actor} changed this persona meanwhile; look at it and act again"
            query.expect(_seen_persona(found), told)
        profile = {item: query.text(f"item-{item}") for item in personas.items}
        personas.put(
            code, name=query.text("name"), kind=query.text("kind"), profile=profile, new=new, actor=query.actor
        )
        return ConsoleDone("personas", {"done": "1"})

    @worded
    def act_cast(self, query: ConsoleQuery) -> ConsoleDone:
        """Let a member of staff be a persona."""
        _here().personas.cast(query.chosen("code"), query.chosen("staff"), actor=query.actor)
        return ConsoleDone("personas", {"done": "1"})


def _here() -> LiveCodes:
    return live_codes_of(current_brand())


def _choices(here: LiveCodes) -> list[Staff]:
    """Staff who may be chosen of a list; the userid of any other may be typed."""
    return [each for each in here.staff.page(limit=CHOICES) if each.left_at is None]


def _tag_choices() -> list[str]:
    """Tags that may be chosen of a list; any other that there is may be typed."""
    rows = execute(
        "SELECT g.name || '/' || t.name FROM tag t JOIN tag_group g ON g.id = t.group_id "
        f"WHERE t.retirement_id IS NULL ORDER BY g.name, t.name LIMIT {CHOICES}"
    ).fetchall()
    return [row[0] for row in rows]


def _today(here: LiveCodes) -> list[dict[str, Any]]:
    """Staff who have not left, with what they took today and their cap, the fullest first."""
    rows = execute(
        "SELECT s.userid, s.name, coalesce(l.taken, 0) AS taken, s.daily_cap FROM live_code_staff s "
        "LEFT JOIN live_code_load l ON l.staff_id = s.id AND l.day = ? WHERE s.left_at IS NULL "
        f"ORDER BY taken DESC, s.id LIMIT {CHOICES}",
        (here.brand.day(here.brand.now()),),
    ).fetchall()
    return [{"userid": row[0], "name": row[1] or row[0], "taken": row[2], "cap": row[3]} for row in rows]


def _day(here: LiveCodes, at: int | None) -> str:
    return "" if at is None else date.fromordinal(here.brand.day(at)).isoformat()


def _seen(here: LiveCodes, code: Code) -> str:
    """What a code looks like, in short."""
    return seen_of((code, here.codes.seats(code), here.entries.of(code)))


def _seen_persona(persona: Persona) -> str:
    """What of a persona its form changes, in short."""
    return seen_of((persona.name, persona.kind, persona.profile))


def _fresh(query: ConsoleQuery) -> tuple[LiveCodes, Code]:
    """The code of a page, held until the act is done.

    Raises Conflict (``changed``) where somebody changed it after the form was shown.
    """
    here, channel = _here(), query.asked("channel")
    found = here.codes.get(channel)
    execute("UPDATE live_code_code SET actor = actor WHERE id = ?", (found.id,))  # who acts second waits for the first
    code = here.codes.get(channel)
    query.expect(_seen(here, code), f"{code.actor} changed this code meanwhile; look at it and act again")
    return here, code


def _done(code: Code) -> ConsoleDone:
    return ConsoleDone("code", {"channel": code.channel, "done": "1"})


def _asked(peak: str) -> int:
    """A number of people as somebody types it, also as the page writes it (1,001); raises Invalid."""
    digits = peak.replace(",", "").strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 12):
        raise Invalid(f"peak: {peak[:40]!r} is no whole number", field="peak")
    return int(digits)
