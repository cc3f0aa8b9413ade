"""Group sends (企业群发): WeCom makes a task of a message, each member of staff confirms, and only then it is sent.

A send is a run of outreach like any other: consent, do-not-contact, caps and
quiet hours are asked before each person's message. The sender ``wecom-group``
hands a thousand people at a time to WeCom; ``sent`` then means "with the
staff", and the job asks what became of it. WeCom's own quota per customer is
kept in the claim, where two runs cannot spend one person's last message twice.
"""

from __future__ import annotations

import json
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    MessageBatch,
    MessageDraft,
    OutMessage,
    QueueOutcome,
    Rendered,
    SendResult,
    Veto,
    clean_text,
    day_start,
    execute,
    transactional,
)

from .acts import noted
from .client.codes import AWAY, CONFIG, CROWDED, DATA, LATER, NO_API, OF_ONE, UNCERTAIN, Limited, WecomError
from .client.limits import GROUP_QUOTAS
from .content import checked, text_of
from .drafts import Drafts
from .greetings import CHANNEL
from .media import GONE, Media, certainly_unsent
from .schemas import code_of

if TYPE_CHECKING:
    from scrm_core.api import Brand, RunView

    from .client.api import Api

SENDER = "wecom-group"
BATCH = 1_000
ASK_MS, LATER_MS = 600_000, 3_600_000
ASK_FOR_MS = 7 * 86_400_000
"""Staff who have not confirmed after a week hardly will; a receipt that comes by then still counts."""

ROUND = 20
SENT, NO_FRIEND, OVER_QUOTA = 1, 2, 3
_COUNTED = "('sending', 'sent', 'delivered', 'unknown')"


@dataclass(frozen=True, slots=True)
class GroupSend:
    """A group send: what is said to whom, and its run."""

    code: str
    content: dict[str, Any]
    expression: str
    actor: str
    at: int
    run: RunView


class GroupSends(Drafts[GroupSend]):
    """The group sends of one brand."""

    what, act, mark, channel, sender = "group send", "wecom_send", "send-", CHANNEL, SENDER

    def __init__(self, brand: Brand, settings: Mapping[str, Any]) -> None:
        super().__init__(brand)
        self._quota = GROUP_QUOTAS[settings["group_quota"]]

    # Making -------------------------------------------------------------------

    def preview(self, expression: str, kind: str) -> QueueOutcome:
        """Whom a send of this kind would reach now, and why others not; nothing is written."""
        return self.brand.outreach.preview_segment(CHANNEL, kind, expression)

    @transactional
    def open(
        self, code: str, content: Mapping[str, Any], *, expression: str, kind: str = "marketing", actor: str = ""
    ) -> QueueOutcome:
        """Make a send as a draft and queue its people; nothing goes before :meth:`start`.

        Raises Invalid for what WeCom or the segment language would refuse, Conflict when the code is used.
        """
        code = code_of(code)
        message = checked(content)
        Media(self.brand).known(message)
        ready = json.dumps(message, ensure_ascii=False)
        made = execute(
            "INSERT INTO wecom_send (code, content, expression, actor, at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (code) DO NOTHING",
            (code, ready, expression, clean_text(actor, field="actor"), self.brand.now()),
        )
        if not made.rowcount:
            raise Conflict(f"a group send is called {code!r} already", code="send_exists")
        return self._queue(code, kind, expression, actor)

    @transactional
    def cancel(self, code: str, reason: str, *, actor: str = "") -> None:
        """End a send: what the staff has already cannot be taken back. Raises NotFound, Conflict (``run_state``)."""
        self.brand.outreach.cancel(self.get(code).run.id, reason)
        noted(self.brand, actor, "wecom_send.cancel", code)

    def all(self) -> list[GroupSend]:
        """Every send, the newest first."""
        return self._those("ORDER BY id DESC")

    def _those(self, which: str, params: tuple[Any, ...] = ()) -> list[GroupSend]:
        rows = execute(f"SELECT code, content, expression, actor, at FROM wecom_send {which}", params).fetchall()
        runs = self._runs([row[0] for row in rows])
        return [GroupSend(row[0], json.loads(row[1]), *row[2:], run) for row, run in zip(rows, runs, strict=True)]

    def write(self, batch: MessageBatch) -> list[Rendered]:
        """The text of each message, in the claim."""
        send = self.get(batch.run.code.removeprefix(self.mark))
        params = {"content": json.dumps(send.content, ensure_ascii=False)}
        return [Rendered(text_of(send.content), params=params) for _ in batch.recipients]

    # WeCom's quota ------------------------------------------------------------

    def guard(self, draft: MessageDraft) -> None:
        """Raise Veto (``wecom_quota``) for somebody who had all group sends that WeCom gives; asked in the claim."""
        if draft.channel != CHANNEL or draft.contact_id is None:
            return
        run = execute(
            "SELECT 1 FROM outreach_run WHERE owner = ? AND code = ? AND sender = ?", (draft.owner, draft.run, SENDER)
        ).fetchone()
        if run is None:
            return
        since, most = self._allowed()
        (had,) = execute(
            "SELECT count(*) FROM message m JOIN outreach_run r ON r.id = m.run_id WHERE m.contact_id = ? "
            f"AND r.sender = ? AND m.sent_at >= ? AND m.state IN {_COUNTED}",
            (draft.contact_id, SENDER, since),
        ).fetchone()
        if had >= most:
            raise Veto(f"WeCom gives a customer {most} group sends ({self._quota.what})", "wecom_quota", personal=True)

    def _allowed(self) -> tuple[int, int]:
        """Since when group sends count, and how many a customer may have."""
        today = date.fromordinal(self.brand.day(self.brand.now()))
        if self._quota.unit == "month":
            first, days = today.replace(day=1), monthrange(today.year, today.month)[1]
            return day_start(first, self.brand.zone), self._quota.most or days
        first = today - timedelta(days=today.weekday()) if self._quota.unit == "week" else today
        return day_start(first, self.brand.zone), self._quota.most

    # Results ------------------------------------------------------------------

    def ask(self, api: Api) -> int:
        """Ask what became of tasks that staff confirm; returns how many messages changed. Raises WecomError."""
        changed, now = 0, self.brand.now()
        rows = execute(
            "SELECT msgid, made_at FROM wecom_errand WHERE next_at <= ? ORDER BY next_at, id LIMIT ?", (now, ROUND)
        ).fetchall()
        for msgid, made_at in rows:
            try:
                results, untold = self._results(api, msgid)
            except WecomError as error:
                if _of_everything(error):
                    raise
                self._asked(msgid, made_at, LATER_MS if error.kind == LATER else ASK_MS, str(error))
                continue
            changed += self._settle(msgid, made_at, results, untold)
        return changed

    @staticmethod
    def _results(api: Api, msgid: str) -> tuple[list[tuple[str, int]], str]:
        """What became of the parts of those who confirmed, and why of one nothing is told: a member who left, say."""
        results: list[tuple[str, int]] = []
        untold = ""
        for staff, confirmed in api.group_send_staff(msgid):
            try:
                results += api.group_send_results(msgid, staff) if confirmed else []
            except WecomError as error:
                if error.kind != DATA and (error.kind != CONFIG or _of_everything(error)):
                    raise
                untold = str(error)
        return results, untold

    @transactional
    def _settle(self, msgid: str, made_at: int, results: Sequence[tuple[str, int]], untold: str) -> int:
        changed = 0
        for external, status in results:
            uid = self.brand.outreach.find(msgid, external)
            state = {SENT: "delivered", NO_FRIEND: "failed", OVER_QUOTA: "failed"}.get(status)
            if uid is None or state is None:
                continue
            code = "" if status == SENT else f"status_{status}"
            changed += self.brand.outreach.receipt(uid, state, code=code, reason=_REASONS.get(status, ""), ref=msgid)
        self._asked(msgid, made_at, ASK_MS if changed else LATER_MS, untold)
        return changed

    @transactional
    def _asked(self, msgid: str, made_at: int, after_ms: int, error: str) -> None:
        """When to ask again; never once a week is over or everybody's message has its end."""
        now = self.brand.now()
        waits = execute(
            "SELECT 1 FROM message WHERE ref = ? AND state IN ('sent', 'unknown') LIMIT 1", (msgid,)
        ).fetchone()
        again = None if waits is None or now - made_at > ASK_FOR_MS else now + after_ms
        execute("UPDATE wecom_errand SET next_at = ?, error = ? WHERE msgid = ?", (again, error[:500], msgid))


def _of_everything(error: WecomError) -> bool:
    """Whether an error holds up every other question too: a limit, a secret, an API that may not be used."""
    return isinstance(error, Limited) or (
        error.kind == CONFIG and (error.errcode == NO_API or error.errcode not in OF_ONE)
    )


_REASONS = {NO_FRIEND: "no friend any more", OVER_QUOTA: "WeCom's quota for the customer is used up"}


class GroupGateway:
    """The sender ``wecom-group``: one task per text and call, whose results :meth:`GroupSends.ask` reads."""

    batch = BATCH

    def __init__(self, brand: Brand, api: Api) -> None:
        self.brand = brand
        self.api = api

    def send(self, messages: Sequence[OutMessage]) -> list[SendResult]:
        """One call per text."""
        texts: dict[str, list[OutMessage]] = {}
        for each in messages:
            texts.setdefault(each.params["content"], []).append(each)
        results: dict[str, SendResult] = {}
        for content, group in texts.items():
            results |= self._task(json.loads(content), group)
        return [results[each.uid] for each in messages]

    def _task(self, content: Mapping[str, Any], group: Sequence[OutMessage]) -> dict[str, SendResult]:
        media = Media(self.brand)
        made = self._make(media, content, group)
        if isinstance(made, WecomError) and made.errcode == GONE and media.forget(content):
            made = self._make(media, content, group)  # once more, with files that are uploaded anew
        if isinstance(made, SendResult | WecomError):
            result = made if isinstance(made, SendResult) else _result_of(made, self.brand.now())
            return {each.uid: result for each in group}
        msgid, failed = made
        self._note(msgid, len(group) - len(failed))
        refused = SendResult.refused("fail_list", "WeCom cannot reach this customer")
        accepted = SendResult.accepted(msgid)
        return {each.uid: refused if each.address in failed else accepted for each in group}

    def _make(
        self, media: Media, content: Mapping[str, Any], group: Sequence[OutMessage]
    ) -> tuple[str, frozenset[str]] | SendResult | WecomError:
        """WeCom's task and whom it cannot reach; else a result for files that are not there, or WeCom's refusal."""
        try:
            ready = media.ready(self.api, content)
        except WecomError as error:
            late = certainly_unsent(error) and not isinstance(error, Limited)
            return SendResult.retry(str(error), code=str(error.errcode), after_s=60) if late else _result_of(
                error, self.brand.now()
            )
        try:
            return self.api.group_send([each.address for each in group], ready)
        except WecomError as error:
            return error

    @transactional
    def _note(self, msgid: str, customers: int) -> None:
        now = self.brand.now()
        execute(
            "INSERT INTO wecom_errand (msgid, customers, made_at, next_at, error) VALUES (?, ?, ?, ?, '') "
            "ON CONFLICT (msgid) DO NOTHING",
            (msgid, customers, now, now + ASK_MS),
        )


def _result_of(error: WecomError, now: int) -> SendResult:
    """What an error leaves known: a task that nobody knows of is never made again, staff would send it twice."""
    code, said = str(error.errcode), str(error)
    if isinstance(error, Limited):
        return SendResult.retry(said, code=code, after_s=max(1, (error.until - now) // 1_000))
    if error.kind in (AWAY, CROWDED):
        return SendResult.retry(said, code=code, after_s=10)
    if error.kind in (UNCERTAIN, "busy"):
        return SendResult.unknown(said, code=code)
    # A medium that is not there is not there for the others either.
    return SendResult.refused(code, said, halt=error.kind == CONFIG or error.errcode == GONE)
