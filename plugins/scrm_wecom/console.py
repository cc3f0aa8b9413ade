"""WeCom in the console: the connection, staff, tags, group sends, moments, acquisition links, the chat archive.

Each act is the function that the command, and the route where there is one, calls
too. Nothing here asks WeCom: what needs its answer is wanted, and done by the job.
A form about one thing holds what the thing looked like, and is refused without it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from scrm_core.api import (
    Column,
    ConsoleAct,
    ConsoleDone,
    ConsolePart,
    ConsoleQuery,
    ConsoleTemplate,
    Invalid,
    NotFound,
    ReportTable,
    ScrmError,
    cut_page,
    execute,
    refusal_in,
)

from . import callbacks, door, sync, tasks, wishes
from . import console_figures as figures
from .archive import POINT
from .callbacks import STATES
from .console_forms import READ, ROWS, WRITE, confirmed, page, unchanged
from .console_links import LINKS, LinkPages
from .console_refusals import REFUSALS, worded
from .labels import disputes
from .schemas import NAME

SEND = "wecom:send"
KINDS = ("marketing", "brand", "notice")
_SECRETS = ("secret", "callback_token", "callback_aes_key")
_ARCHIVE_SECRETS = ("archive_secret", "archive_keys", "archive_bridge_token")
_CARD = (
    Column("staff", "Members 成员", "count"),
    Column("active", "Friends 好友", "count"),
    Column("alone", "Customers without a member 无跟进人", "count"),
    Column("waiting", "Waiting for WeCom 待办", "count"),
    Column("refused", "Callbacks refused 回调失败", "count"),
)


class Pages(LinkPages):
    """What WeCom shows in the console: mixed into the plugin."""

    console_pages: ClassVar[dict[str, ConsolePart]] = {
        "connection": ConsolePart(
            "show_connection", {"en": "WeCom: connection", "zh": "企业微信接入"}, READ, group="channels",
            acts={"sync": ConsoleAct("act_sync", WRITE), "stop": ConsoleAct("act_stop", WRITE)},
        ),
        "progress": ConsolePart("show_progress", {"en": "Full sync", "zh": "全量同步"}, READ, menu=False),
        "callbacks": ConsolePart("show_callbacks", {"en": "WeCom: callbacks", "zh": "企业微信回调"}, READ, menu=False),
        "staff": ConsolePart("show_staff", {"en": "WeCom: staff", "zh": "企业微信成员"}, READ, group="channels"),
        "member": ConsolePart("show_member", {"en": "WeCom: a member", "zh": "成员的客户"}, READ, menu=False),
        "alone": ConsolePart("show_alone", {"en": "WeCom: without a member", "zh": "无跟进人的客户"}, READ, menu=False),
        "tags": ConsolePart(
            "show_tags", {"en": "WeCom: tags", "zh": "企业微信标签"}, READ, group="channels",
            acts={"retry": ConsoleAct("act_retry", WRITE), "retry-all": ConsoleAct("act_retry_all", WRITE)},
        ),
        "sends": ConsolePart(
            "show_sends", {"en": "WeCom: group sends", "zh": "企业群发"}, READ, group="channels",
            acts={"open": ConsoleAct("act_open", SEND)},
        ),
        "send": ConsolePart(
            "show_send", {"en": "WeCom: a group send", "zh": "企业群发详情"}, READ,
            acts={"start": ConsoleAct("act_start", SEND), "cancel": ConsoleAct("act_cancel", SEND)}, menu=False,
        ),
        "reach": ConsolePart("show_reach", {"en": "Reach", "zh": "触达人数"}, READ, menu=False),
        "moments": ConsolePart(
            "show_moments", {"en": "WeCom: moments", "zh": "客户朋友圈"}, READ, group="channels",
            acts={"post": ConsoleAct("act_post", SEND)},
        ),
        "links": LINKS,
        "archive": ConsolePart("show_archive", {"en": "WeCom: chat archive", "zh": "会话存档"}, READ, group="channels"),
    }  # fmt: skip
    console_cards: ClassVar[dict[str, ConsolePart]] = {
        "wecom": ConsolePart("show_card", {"en": "WeCom", "zh": "企业微信"}, "reports:read"),
    }

    def show_card(self) -> ReportTable:
        """Members, friends, and what needs a look."""
        told = figures.staff_totals()
        told["waiting"] = sum(count for _, count, _ in tasks.waiting())
        at_the_door = sum(each.all for each in door.refusals(self.brand.now()))
        told["refused"] = figures.callback_counts()["refused"] + at_the_door
        return ReportTable(_CARD, [{column.name: told[column.name] for column in _CARD}])

    # Connection -----------------------------------------------------------------------

    def show_connection(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Whether both directions work: secrets, token, limits, callbacks, and the full sync."""
        base, now = self.brand.installation.config.base_url.rstrip("/"), self.brand.now()
        context = {
            "corp": self.settings["corp_id"], "api": self.settings["api"],
            "callback": f"{base}/p/{self.brand.id}/{NAME}/callback",
            "secrets": {name: bool(self.settings[name]) for name in _SECRETS},
            "token": figures.token_state(self.settings, now), "apis": figures.busy_apis(now),
            "limits": (self.settings["calls_per_minute"], self.settings["calls_per_hour"]),
            "last": figures.last_callback(), "counts": figures.callback_counts(), "kinds": figures.callback_kinds(),
            "door": door.refusals(now),
            "warnings": list(self.wecom.warnings()), "stopped": self.brand.outreach.stopped(),
            **self._progress(),
        }  # fmt: skip
        return page("connection", query, context)

    def show_progress(self, query: ConsoleQuery) -> ConsoleTemplate:
        """How far the full sync is, asked for again while it runs."""
        return page("progress", query, self._progress())

    def _progress(self) -> dict[str, Any]:
        found, wanted = sync.latest(), wishes.wish()
        return {"sync": found, "wish": wanted, "seen": _sync_seen(), "may_ask": bool(self.settings["secret"])}

    @worded
    def act_sync(self, query: ConsoleQuery) -> ConsoleDone:
        """Have a full sync begun."""
        unchanged(query, _sync_seen(), "the full sync is not as the page showed it; look at it and act again")
        wishes.want_sync(self.wecom, actor=query.actor)
        return ConsoleDone(args={"done": "sync"})

    @worded
    def act_stop(self, query: ConsoleQuery) -> ConsoleDone:
        """End the sync that runs, or want none any more."""
        unchanged(query, _sync_seen(), "the full sync is not as the page showed it; look at it and act again")
        wishes.stop_sync(self.wecom, actor=query.actor)
        return ConsoleDone(args={"done": "stop"})

    def show_callbacks(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Callbacks of a state, oldest first, without what they say."""
        state, after = query.asked("state"), query.position("after")
        if state not in ("", *STATES):
            raise NotFound("there is nothing at this address")
        shown, more = cut_page(callbacks.page(state=state, after=after, limit=ROWS + 1), ROWS)
        context = {"callbacks": shown, "state": state, "states": STATES, "counts": figures.callback_counts()}
        return page("callbacks", query, {**context, "after": after, "more": more})

    # Staff ----------------------------------------------------------------------------

    def show_staff(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Members with their customers, those with most first."""
        start = query.position("from")
        shown, more = cut_page(figures.members(start, ROWS + 1), ROWS, lambda _: start + ROWS)
        context = {"members": shown, "totals": figures.staff_totals(), "sync": sync.latest()}
        return page("staff", query, {**context, "start": start, "more": more})

    def show_member(self, query: ConsoleQuery) -> ConsoleTemplate:
        """The customers of one member, oldest first."""
        staff, after = query.asked("staff"), query.position("after")
        shown, more = cut_page(figures.of_member(staff, after, ROWS + 1), ROWS)
        if not staff or (not shown and not after):
            raise NotFound("no member of staff of this name has customers")
        names = self.brand.contacts.names(each.told["contact"] for each in shown)
        channels = figures.channel_names([each.told["source"] for each in shown])
        context = {"staff": staff, "follows": shown, "names": names, "channels": channels, "after": after}
        return page("member", query, {**context, "more": more})

    def show_alone(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Customers whom no member has any more."""
        after = query.position("after")
        shown, more = cut_page(figures.alone(after, ROWS + 1), ROWS)
        names = self.brand.contacts.names(each.told["contact"] for each in shown)
        return page("alone", query, {"people": shown, "names": names, "after": after, "more": more})

    # Tags -----------------------------------------------------------------------------

    def show_tags(self, query: ConsoleQuery) -> ConsoleTemplate:
        """What is told to WeCom and waits, what it refused, and which tag is which."""
        state, after, behind = query.asked("state"), query.position("after"), query.position("behind")
        if state not in ("", "refused"):
            raise NotFound("there is nothing at this address")
        waiting, refused = figures.push_counts()
        pushes, more = cut_page(figures.pushes(behind, ROWS + 1, refused=state == "refused"), ROWS)
        disputed = figures.disputed(ROWS)
        tags, older = cut_page(figures.tag_map(after, ROWS + 1), ROWS)
        context = {
            "pushes": pushes, "more": more, "tags": tags, "older": older, "waiting": waiting, "refused": refused,
            "state": state, "after": after, "behind": behind, "unmade": figures.unmade_tags(),
            "makes": self.settings["create_tags"], "disputed": disputed, "disputes": disputes(),
            "names": self.brand.contacts.names(
                [*(each.told["contact"] for each in pushes), *(each["contact"] for each in disputed)]
            ),
        }  # fmt: skip
        return page("tags", query, context)

    @worded
    def act_retry(self, query: ConsoleQuery) -> ConsoleDone:
        """Tell WeCom the tags of one relation again, at once."""
        follow = query.chosen("follow")
        error = tasks.push_error(follow)
        if error is not None:
            unchanged(query, error, "it was tried again meanwhile; look at it and act again")
        tasks.retry(self.brand, follow, actor=query.actor)
        return ConsoleDone(args={"done": "retry"})

    @worded
    def act_retry_all(self, query: ConsoleQuery) -> ConsoleDone:
        """Tell WeCom again everything that it refused, the oldest first."""
        tasks.retry(self.brand, actor=query.actor)
        return ConsoleDone(args={"done": "retry"})

    # Group sends ----------------------------------------------------------------------

    def show_sends(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Group sends, the newest first, and a form for another one."""
        before = query.position("before")
        shown, older = cut_page(figures.sends(before, ROWS + 1), ROWS)
        runs = self.brand.outreach.runs_of(NAME, [each.told["run"] for each in shown])
        context = {
            "held": {code: self.brand.outreach.held_until(run) for code, run in runs.items()},
            "sends": shown, "before": before, "older": older, "kinds": KINDS, "quota": self.settings["group_quota"],
            "segments": self.brand.segments.list()[:ROWS],
        }  # fmt: skip
        return page("sends", query, context)

    def show_reach(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Whom a send would reach, while its segment is typed."""
        expression, outcome, problem = query.args.get("segment", "").strip(), None, ""
        try:
            outcome = self.wecom.sends.preview(expression, "marketing") if expression else None
        except ScrmError as error:
            if error.status >= 500:
                raise
            problem = refusal_in(query.language, error, REFUSALS)
        return page("reach", query, {"outcome": outcome, "problem": problem})

    @worded
    def act_open(self, query: ConsoleQuery) -> ConsoleDone:
        """Make a draft."""
        code = query.text("code")
        self.wecom.sends.open(
            code, {"text": query.text("text")}, expression=query.text("segment"), kind=_kind(query), actor=query.actor
        )
        return ConsoleDone("send", {"code": code, "done": "open"})

    def show_send(self, query: ConsoleQuery) -> ConsoleTemplate:
        """One send: what it says, to whom, and what became of its messages."""
        send = self.wecom.sends.get(query.asked("code"))
        context = {
            "held": self.brand.outreach.held_until(send.run), "brand_id": self.brand.id,
            "send": send, "figures": figures.send_figures([send.run.id])[send.run.id], "seen": send.run.state,
            "counts": sorted(self.brand.outreach.counts(send.run.id).items()),
            "text": send.content.get("text", {}).get("content", ""), "more": send.content.get("attachments", []),
        }  # fmt: skip
        return page("send", query, context)

    @worded
    def act_start(self, query: ConsoleQuery) -> ConsoleDone:
        """Let a draft go."""
        code = self._same_send(query)
        confirmed(query)
        self.wecom.sends.start(code, actor=query.actor)
        return ConsoleDone(args={"code": code, "done": "start"})

    @worded
    def act_cancel(self, query: ConsoleQuery) -> ConsoleDone:
        """End a send: what the staff has already cannot be taken back."""
        code = self._same_send(query)
        self.wecom.sends.cancel(code, query.reason(), actor=query.actor)
        return ConsoleDone(args={"code": code, "done": "cancel"})

    def _same_send(self, query: ConsoleQuery) -> str:
        code = query.asked("code")
        execute("UPDATE wecom_send SET actor = actor WHERE code = ?", (code,))  # who acts second waits for the first
        unchanged(query, self.wecom.sends.get(code).run.state, "the send is not as the page showed it; look again")
        return code

    # Moments --------------------------------------------------------------------------

    def show_moments(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Moments, the newest first, and a form for another one."""
        before, today = query.position("before"), self.brand.day(self.brand.now())
        shown, older = cut_page(figures.moments(before, ROWS + 1), ROWS)
        context = {"moments": shown, "posted": figures.moments_on(today), "most": self.settings["moments_per_day"]}
        return page("moments", query, {**context, "before": before, "older": older, "wait": self.wecom.moments.wait})

    @worded
    def act_post(self, query: ConsoleQuery) -> ConsoleDone:
        """Have a moment made for the staff."""
        confirmed(query)
        self.wecom.moments.post(
            query.text("code"), {"text": query.text("text")}, tags=query.lines("tags"), staff=query.lines("staff"),
            actor=query.actor,
        )  # fmt: skip
        return ConsoleDone(args={"done": "post"})

    # Chat archive ---------------------------------------------------------------------

    def show_archive(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Whether and how far the chat archive is read, and what could not be."""
        context = {
            "on": self.settings["archive"], "bridge": self.settings["archive_bridge"],
            "fetchers": [name for name, _ in self.brand.extensions(POINT)], "days": self.settings["archive_days"],
            "secrets": {name: bool(self.settings[name]) for name in _ARCHIVE_SECRETS},
            "state": figures.archive_state(), "now": self.brand.now(),
        }  # fmt: skip
        return page("archive", query, context)


def _sync_seen() -> str:
    """What two people may change of the full sync."""
    found = sync.latest()
    return f"{'wanted' if wishes.wish() else ''}/{found.id if found else 0}/{found.state if found else ''}"


def _kind(query: ConsoleQuery) -> str:
    kind = query.text("kind") or KINDS[0]
    if kind not in KINDS:
        raise Invalid(f"kind: one of {', '.join(KINDS)}", field="kind")
    return kind
