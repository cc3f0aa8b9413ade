"""Invitations (获客链接邀请): messages to people who are not in WeCom yet, each with an acquisition link of their own.

An invitation is a run of outreach on the channel ``sms``: consent, do-not-contact,
caps, quiet hours and the emergency switch are the core's. Its sender
``wecom-invite`` asks, at the moment of sending, whether the link may be handed out
and WeCom would still let it bring somebody, and gives the message to the brand's
SMS sender; while not, messages wait and expire with their run. Each text holds a
short link whose code comes back as State with the add, so the add is this person's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Invalid,
    MessageBatch,
    OutMessage,
    QueueOutcome,
    Rendered,
    SendResult,
    Skipped,
    clean_text,
    execute,
    fetch_in,
    transactional,
)

from .drafts import Drafts
from .link_news import quota
from .schemas import NAME, code_of

if TYPE_CHECKING:
    from scrm_core.api import Brand, Gateway, RunView

    from .links import Links

SENDER, CHANNEL, RUN = "wecom-invite", "sms", "invite-"
LINK = "{link}"
WAIT_S = 600
LINK_MS = 90 * 86_400_000
"""A person's link works for so long; the state of an add behind it is known for ever."""

TEXT_CHARS = 500
_GSM = 160, 153
_UCS2 = 70, 67


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation: what is said, by which link people come, and its run."""

    code: str
    link: str
    text: str
    channel: str
    expression: str
    actor: str
    at: int
    run: RunView


class Invitations(Drafts[Invitation]):
    """The invitations of one brand."""

    what, act, mark, channel, sender = "invitation", "wecom_invite", RUN, CHANNEL, SENDER

    def __init__(self, brand: Brand, settings: Mapping[str, Any], links: Links) -> None:
        super().__init__(brand)
        self.links = links
        self._over = settings["invite_over"]

    @transactional
    def open(
        self, code: str, *, link: str, text: str, channel: str, expression: str, kind: str = "marketing",
        actor: str = "",
    ) -> QueueOutcome:  # fmt: skip
        """Make a draft for a segment and queue its people; nothing goes before :meth:`start`.

        ``text`` has ``{link}`` once; ``channel`` is the channel that adds belong to. Raises Invalid, NotFound for the
        link or channel, Conflict for a used code (``invite_exists``), a link that is not usable (``link_state``; while
        no activity of it runs ``no_activity``) and where ``invite_over`` names no sender (``no_invites``).
        """
        if not self._over:
            raise Conflict("inviting needs `invite_over` in [plugins.wecom]: an SMS sender", code="no_invites")
        self.brand.outreach.sender(self._over, CHANNEL)
        code = code_of(code)
        if not isinstance(text, str) or text.count(LINK) != 1 or len(text) > TEXT_CHARS:
            raise Invalid(f"the text has {LINK} once and at most {TEXT_CHARS} characters", field="text")
        self._check(link)
        made = execute(
            "INSERT INTO wecom_invite (code, link, text, channel, expression, actor, at) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (code) DO NOTHING",
            (code, link, text, self.brand.channels.get(channel).code, expression,
             clean_text(actor, field="actor", max_length=100), self.brand.now()),
        )  # fmt: skip
        if not made.rowcount:
            raise Conflict(f"an invitation is called {code!r} already", code="invite_exists")
        return self._queue(code, kind, expression, actor)

    @transactional
    def start(self, code: str, *, actor: str = "") -> RunView:
        """Let a draft go; raises as its neighbours', and for its link as :meth:`open`."""
        self._check(self.get(code).link)
        return super().start(code, actor=actor)

    def _check(self, link: str) -> None:
        """Raise where a link invites nobody now."""
        found, now = self.links.get(link), self.brand.now()
        if found.state == "live" and not found.runs(now):
            raise Conflict(
                f"no activity of link {link!r} runs; name one (`scrm wecom link activity`)", code="no_activity"
            )
        if found.foreign or not found.usable(now):
            why = "is handed out by another plugin's pages" if found.usable(now) else "is not in use"
            raise Conflict(f"link {link!r} {why}; see `scrm wecom link list`", code="link_state")

    def page(self, limit: int = 50) -> list[Invitation]:
        """The newest invitations."""
        return self._those("ORDER BY id DESC LIMIT ?", (limit,))

    def _those(self, which: str, params: tuple[Any, ...] = ()) -> list[Invitation]:
        rows = execute(
            f"SELECT code, link, text, channel, expression, actor, at FROM wecom_invite {which}", params
        ).fetchall()
        runs = self._runs([row[0] for row in rows])
        return [Invitation(*row, run) for row, run in zip(rows, runs, strict=True)]

    def write(self, batch: MessageBatch) -> list[Rendered | Skipped]:
        """The text of each message with a link of its own, in the claim; who is in WeCom needs no invitation."""
        invitation = self.get(batch.run.code.removeprefix(RUN))
        there = _friends([each.contact_id for each in batch.recipients if each.contact_id is not None])
        wanted = [each for each in batch.recipients if each.contact_id not in there]
        if not wanted:
            return [Skipped("in_wecom") for _ in batch.recipients]
        made = iter(
            self.brand.links.create_many(
                invitation.channel, f"{self.links.door(invitation.link)}?state={{code}}", len(wanted), owner=NAME,
                campaign=invitation.code, expires_at=self.brand.now() + LINK_MS,
            )
        )  # fmt: skip
        return [
            Skipped("in_wecom") if each.contact_id in there else self._text(invitation, next(made))
            for each in batch.recipients
        ]

    def _text(self, invitation: Invitation, link: Any) -> Rendered:
        body = invitation.text.replace(LINK, f"{self.brand.installation.config.base_url}{link.path}")
        one, more = _GSM if body.isascii() else _UCS2
        parts = 1 if len(body) <= one else -(-len(body) // more)
        return Rendered(body, parts, link_id=link.id, params={"wecom_link": invitation.link})

    def gateway(self) -> InviteGateway:
        """The sender ``wecom-invite``; raises Conflict (``no_invites``) where no SMS sender is named."""
        if not self._over:
            raise Conflict("inviting needs `invite_over` in [plugins.wecom]", code="no_invites")
        return InviteGateway(self.links, self.brand.outreach.gateway(self._over, CHANNEL))


def _friends(contacts: Sequence[int]) -> set[int]:
    rows = fetch_in(
        "SELECT DISTINCT contact_id FROM wecom_follow WHERE state <> 'lost' AND contact_id IN ({in})", list(contacts)
    )
    return {row[0] for row in rows}


class InviteGateway:
    """Gives messages to another sender while their link may bring somebody; else they wait, certainly not sent."""

    def __init__(self, links: Links, inner: Gateway) -> None:
        self.links = links
        self.inner = inner
        self.batch = inner.batch

    def send(self, messages: Sequence[OutMessage]) -> list[SendResult]:
        """What the other sender answers; ``retry`` for who would get a link that leads nowhere."""
        why = {code: self._closed(code) for code in {each.params.get("wecom_link", "") for each in messages}}
        going = [each for each in messages if not why[each.params.get("wecom_link", "")]]
        told = iter(self.inner.send(going) if going else ())
        return [
            SendResult.retry(reason, code="wecom_link", after_s=WAIT_S) if reason else next(told)
            for reason in (why[each.params.get("wecom_link", "")] for each in messages)
        ]

    def _closed(self, code: str) -> str:
        link = self.links.find(code)
        now = self.links.brand.now()
        if link is None or not link.usable(now):
            why = "is not in use" if link is None or link.runs(now) else "has no activity that runs"
            return f"the acquisition link {code!r} {why}"
        left = quota()
        return "the customers that were bought for links are used up" if left is not None and left.balance <= 0 else ""
