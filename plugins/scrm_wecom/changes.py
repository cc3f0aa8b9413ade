"""What a callback does: the worker hears of it through the event log and turns it into facts of the core.

A kind that is in none of the tables here is kept as it came (``kept``) and shown
by ``scrm wecom callbacks --state kept``: nothing that WeCom tells is lost.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from scrm_core.api import IdentityIn, Invalid, Veto

from . import callbacks, tasks
from .callbacks import Callback
from .earlier import EARLIER, KNOWN, Earlier, by_whom
from .follows import pair
from .link_news import EVENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrm_core.api import Brand

    from .follows import Follows
    from .greetings import Greetings
    from .link_news import LinkNews
    from .people import People

LINK_CHANGES = frozenset({
    "balance_low", "balance_exhausted", "link_unavailable", "delete_link", "friend_request", "customer_start_chat",
})
ARCHIVE_EVENT = "msgaudit_notify"


class Changes:
    """Applies callbacks of one brand, each once."""

    def __init__(self, brand: Brand, follows: Follows, people: People, greetings: Greetings, links: LinkNews) -> None:
        self.brand = brand
        self.follows = follows
        self.earlier = Earlier(follows)
        self.people = people
        self.greetings = greetings
        self.links = links
        self._contact: dict[str, Callable[[Callback, Mapping[str, str]], str]] = {
            "add_external_contact": self._added,
            "add_half_external_contact": self._half_added,
            "edit_external_contact": self._edited,
            "del_external_contact": self._lost,
            "del_follow_user": self._lost,
            "transfer_fail": self._transfer_failed,
            "msg_audit_approved": self._agreed,
        }

    def apply(self, callback_id: int) -> None:
        """Do what a callback asks for; one that was applied, or whose person was erased meanwhile, does nothing."""
        found = callbacks.get(callback_id)
        if found is None or found.state != "new":
            return
        handler = self._handler(found)
        if not found.body:
            callbacks.settle(found.id, "refused", "erased")
        elif handler is None:
            callbacks.settle(found.id, "kept", "nobody here knows this kind")
        else:
            self._run(found, handler)
        self._forget_erased(found)

    def _forget_erased(self, found: Callback) -> None:
        """Whoever was erased is not named by what WeCom still tells of them: in a list of members, by a new kind."""
        named = []
        for each in callbacks.named_in(found.body):
            with suppress(Invalid):
                named.append(IdentityIn.of("external_userid", each))
        gone = {each.value for each in self.brand.contacts.suppressed(named)} if named else set()
        if found.external in gone:
            callbacks.blank([found.external])
            return
        if gone:
            callbacks.cut(found.id, found.body, gone)
        callbacks.note_named(found.id, found.external, found.body, gone)

    def _run(self, found: Callback, handler: Callable[[Callback, Mapping[str, str]], str]) -> None:
        fields = found.fields()
        try:
            note = handler(found, fields)
            tasks.read_anew(self.brand, found.event, found.change, found.external, fields.get("ChatId", ""))
        except Veto as veto:
            callbacks.settle(found.id, "refused", veto.code)
        except Invalid as exc:
            callbacks.settle(found.id, "refused", str(exc)[:200])
        else:
            callbacks.settle(found.id, "done", note)

    def _handler(self, found: Callback) -> Callable[[Callback, Mapping[str, str]], str] | None:
        if found.event == tasks.CHAT_EVENT and found.change in ("create", "update", "dismiss"):
            return self._chat
        if found.event == tasks.TAG_EVENT and found.change in ("create", "update", "delete", "shuffle"):
            return self._tag
        if found.event == ARCHIVE_EVENT:
            return self._archived
        if found.event == EVENT and found.change in LINK_CHANGES:
            return self.links.told
        return self._contact.get(found.change) if found.event == tasks.CONTACT_EVENT else None

    # Customers ----------------------------------------------------------------

    def _added(self, found: Callback, fields: Mapping[str, str]) -> str:
        return self._begin(found, fields, half=False)

    def _half_added(self, found: Callback, fields: Mapping[str, str]) -> str:
        return self._begin(found, fields, half=True)

    def _begin(self, found: Callback, fields: Mapping[str, str], *, half: bool) -> str:
        external, staff = _pair(fields)
        source = fields.get("State", "")
        before = pair(external, staff)
        if self.earlier.added(before, found.at, source, half=half):
            return EARLIER
        made = self.follows.added(external, staff, found.at, source=source, half=half)
        if made is not None and before is not None:
            self.earlier.ended(made)
        greeted = self._greet(found, fields)
        return greeted or ("" if made is not None else KNOWN)

    def _greet(self, found: Callback, fields: Mapping[str, str], *, agreed: bool = False) -> str:
        """Greet who brought a code; returns why not, which stays with the callback."""
        follow = pair(*_pair(fields))
        code = fields.get("WelcomeCode", "")
        if not code or follow is None or follow.state == "lost":
            return ""
        greet = self.greetings.greet_agreed if agreed else self.greetings.greet
        return greet(follow, code, found.at)

    def _agreed(self, found: Callback, fields: Mapping[str, str]) -> str:
        return self._greet(found, fields, agreed=True)

    def _edited(self, found: Callback, fields: Mapping[str, str]) -> str:
        external, staff = _pair(fields)
        if pair(external, staff) is not None:
            return ""  # also of a customer who deleted the member: the member may go on writing remarks
        if self.follows.asks:
            return "the add before it was not told: WeCom is asked when it was"
        self.follows.added(external, staff, found.at, source=fields.get("State", ""))
        return "the add before it was not told"

    def _lost(self, found: Callback, fields: Mapping[str, str]) -> str:
        lost = (*_pair(fields), found.at, by_whom(found.change, fields))
        return "" if self.follows.lost(*lost) or self.earlier.lost(*lost) else KNOWN

    def _transfer_failed(self, found: Callback, fields: Mapping[str, str]) -> str:
        _pair(fields)
        return fields.get("FailReason", "")[:200]

    # Groups and tags ----------------------------------------------------------

    def _chat(self, found: Callback, fields: Mapping[str, str]) -> str:
        chat_id = fields.get("ChatId", "")
        if not chat_id:
            raise Invalid("the callback names no ChatId", field="ChatId")
        if found.change == "dismiss":
            self.people.dismiss_chat(chat_id, found.at)
        return ""

    def _archived(self, found: Callback, fields: Mapping[str, str]) -> str:
        return ""  # a hint: the job reads the archive each minute

    def _tag(self, found: Callback, fields: Mapping[str, str]) -> str:
        return ""


def _pair(fields: Mapping[str, str]) -> tuple[str, str]:
    external, staff = fields.get("ExternalUserID", ""), fields.get("UserID", "")
    if not (_is_id(external) and _is_id(staff)):
        raise Invalid("the callback names no ExternalUserID and UserID", field="ExternalUserID")
    return external, staff


def _is_id(text: str) -> bool:
    """Whether a text may be somebody's id: one of which nothing can be seen would be a row without a name."""
    return bool(text) and text.isprintable()
