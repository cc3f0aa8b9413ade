"""Acquisition links (获客链接) in the console: what each brought and is for, and the acts on them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from scrm_core.api import (
    ConsoleAct,
    ConsoleDone,
    ConsolePart,
    ConsoleQuery,
    ConsoleTemplate,
    Invalid,
    cut_page,
    execute,
    seen_of,
)

from . import console_figures as figures
from . import link_news
from .client.limits import LINK_NAME
from .console_forms import READ, ROWS, WRITE, WecomPages, confirmed, page, unchanged
from .console_refusals import worded

if TYPE_CHECKING:
    from .links import AcquisitionLink

ACTS = ("make", "activity", "renew", "pause", "resume", "delete")
LINKS = ConsolePart(
    "show_links", {"en": "WeCom: acquisition links", "zh": "获客链接"}, READ, group="channels",
    acts={name: ConsoleAct(f"act_{name}", WRITE) for name in ACTS},
)  # fmt: skip


class LinkPages(WecomPages):
    """The page of links."""

    def show_links(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Links with whom they brought, and what is left of what was bought."""
        after, links = query.position("after"), self.wecom.links
        shown, more = cut_page(links.page(after=after, limit=ROWS + 1), ROWS)
        context = {
            "links": shown, "now": self.brand.now(),
            "days": {each.code: self._days(each) for each in shown},
            "activities": {each.code: _activity(each) for each in shown},
            "brought": link_news.brought([each.id for each in shown]), "quota": link_news.quota(),
            "door": links.door, "after": after, "more": more, "longest": LINK_NAME.most,
            "staff": figures.listed(20),
            "channels": [each.code for each in self.brand.channels.page(limit=200)],
        }  # fmt: skip
        return page("links", query, context)

    @worded
    def act_make(self, query: ConsoleQuery) -> ConsoleDone:
        """Have a link made."""
        self.wecom.links.create(
            query.text("code"), name=query.text("name"), staff=query.lines("staff"),
            departments=[_number(each) for each in query.lines("departments")], channel=query.text("channel"),
            title=query.text("title"), first_day=query.day("first"), last_day=query.day("last"),
            skip_verify="verify" not in query.form, actor=query.actor,
        )  # fmt: skip
        return ConsoleDone(args={"done": "make"})

    @worded
    def act_activity(self, query: ConsoleQuery) -> ConsoleDone:
        """Say what people come for by a link."""
        found = self._link(query)
        unchanged(query, _activity(found), "somebody changed this link meanwhile; look again")
        self.wecom.links.set_activity(
            found.code, title=query.text("title"), first_day=query.day("first"), last_day=query.day("last"),
            actor=query.actor,
        )  # fmt: skip
        return ConsoleDone(args={"done": "activity"})

    @worded
    def act_pause(self, query: ConsoleQuery) -> ConsoleDone:
        """Hand a link out no more."""
        self.wecom.links.pause(self._same_link(query), paused=True, actor=query.actor)
        return ConsoleDone(args={"done": "pause"})

    @worded
    def act_resume(self, query: ConsoleQuery) -> ConsoleDone:
        """Hand a link out again."""
        self.wecom.links.pause(self._same_link(query), paused=False, actor=query.actor)
        return ConsoleDone(args={"done": "resume"})

    @worded
    def act_renew(self, query: ConsoleQuery) -> ConsoleDone:
        """Have a link made anew that failed or was deleted."""
        self.wecom.links.renew(self._same_link(query), actor=query.actor)
        return ConsoleDone(args={"done": "renew"})

    @worded
    def act_delete(self, query: ConsoleQuery) -> ConsoleDone:
        """Have a link deleted in WeCom, for ever."""
        code = self._same_link(query)
        confirmed(query)
        self.wecom.links.delete(code, actor=query.actor)
        return ConsoleDone(args={"done": "delete"})

    def _same_link(self, query: ConsoleQuery) -> str:
        found = self._link(query)
        unchanged(query, f"{found.state}/{int(found.paused)}", "somebody changed this link meanwhile; look again")
        return found.code

    def _link(self, query: ConsoleQuery) -> AcquisitionLink:
        code = query.chosen("code")
        execute("UPDATE wecom_link SET actor = actor WHERE code = ?", (code,))  # who acts second waits for the first
        return self.wecom.links.get(code)

    def _days(self, link: AcquisitionLink) -> tuple[str, str]:
        """The first and the last day of its activity; empty without one."""
        if link.starts_at is None or link.ends_at is None:
            return "", ""
        first, last = (self.brand.day(at) for at in (link.starts_at, link.ends_at - 1))
        return date.fromordinal(first).isoformat(), date.fromordinal(last).isoformat()


def _activity(link: AcquisitionLink) -> str:
    """What of a link its form of an activity changes, in short."""
    return seen_of((link.activity, link.starts_at, link.ends_at))


def _number(text: str) -> int:
    """The number of a department as somebody types it; raises Invalid."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid(f"departments: {text[:40]!r} is no number of a department", field="departments")
    return int(text)
