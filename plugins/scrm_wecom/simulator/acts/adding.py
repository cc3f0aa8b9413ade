"""Coming together and parting: scans, links, adds, deletions, chats, transfers (wecom sections 3, 4, 10 and 11)."""

from __future__ import annotations

from dataclasses import replace

from scrm_core.api import Conflict, Invalid, NotFound

from ..api.acquisition import answerers, cut_channel
from ..api.contact_ways import people_of
from ..corp import ContactWay, Transfer
from ..events import event_xml
from ..limits import HOUR
from ..pairs import Pair
from .act import ACQUISITION, Base, Outcome, act

HALVES = ("no", "then_full", "only")
"""How a half add comes about: not at all, followed by the full one, or alone until :meth:`Adding.accept`."""

QR, SEARCH, LINK, ASSIGNED = 1, 2, 16, 202
"""Values of ``add_way`` (wecom section 6)."""


class Adding(Base):
    """Acts of customers, and of members towards customers."""

    @act
    def scan(self, config_id: str, person: str, userid: str = "", half: str = "no") -> Outcome:
        """Somebody scans the code of a contact way: one of its members is added, in turn unless ``userid`` says who.

        ``half``: the customer adds by no-verification first; see :data:`HALVES`.
        Outcomes: added, half, requested (no skip_verify: see :meth:`accept`),
        already_friends, full (all members are), expired, used, not_for_you.
        """
        way = self.corp.contact_ways.get(config_id)
        if way is None:
            raise NotFound(f"{self.corp.corpid} has no contact way {config_id!r}")
        number = self.corp.people.number(person)
        closed = self._closed(way, number)
        if closed:
            return Outcome(closed)
        members = people_of(self.corp, way)
        assigned = way.assigned.get(number, "") if way.values["is_exclusive"] else ""
        chosen, way.turn = self._choose(members, userid or assigned, way.turn)
        if not chosen:
            return Outcome("full")
        if way.values["is_exclusive"]:
            way.assigned[number] = chosen
        way.used = True
        values = way.values
        return self._come(chosen, number, QR, values["state"], half=half, verified=values["skip_verify"])

    @act
    def click(self, link_id: str, person: str, channel: str = "", userid: str = "", half: str = "no") -> Outcome:
        """Somebody follows an acquisition link and adds; ``channel`` is the address's ``customer_channel``.

        Outcomes as for :meth:`scan`, and exhausted when nothing is left of what was
        bought, unavailable, or friend_request events for links that ask to be verified.
        """
        link = self.corp.links.get(link_id)
        if link is None:
            raise NotFound(f"{self.corp.corpid} has no acquisition link {link_id!r}")
        number, today = self.corp.people.number(person), self.corp.day(self.world.now())
        link.clicks[today] += 1
        if not link.available:
            return Outcome("unavailable")
        if self.corp.quota_left <= 0:
            return Outcome("exhausted")
        chosen, link.turn = self._choose(answerers(self.corp, link), userid, link.turn)
        if not chosen:
            return Outcome("full")
        state = cut_channel(channel)
        found = self._come(chosen, number, LINK, state, half=half, verified=link.skip_verify)
        if found.what == "already_friends":
            return found
        told: list[int] = []
        if found.what == "requested":
            fields = {"ChangeType": "friend_request", "LinkId": link_id, "State": state}
            told = self.tell(ACQUISITION, fields, userid=chosen)
        link.customers[number, chosen] = state
        link.added[today] += 1
        self.corp.quota_left -= 1
        if self.corp.quota_left == 0:
            told += self.tell(ACQUISITION, {"ChangeType": "balance_exhausted"})
        return replace(found, id=link_id, callbacks=found.callbacks + told)

    @act
    def add(self, userid: str, person: str, add_way: int = SEARCH, half: str = "no") -> Outcome:
        """A member and a customer become friends in another way (``add_way`` of wecom section 6)."""
        self.member(userid)
        self.count(userid, "new_apply_cnt")
        return self._come(userid, self.corp.people.number(person), add_way, "", half=half, verified=True)

    @act
    def accept(self, userid: str, person: str) -> Outcome:
        """The member accepts a request, or adds back a customer of a half add."""
        number = self.corp.people.number(person)
        request = self.corp.requests.pop((userid, number), None)
        if request is not None:
            return self._come(userid, number, request["add_way"], request["state"], half="no", verified=True)
        pair = self.pair(userid, person)
        if pair.staff_has:
            return self.outcome("already_friends", pair)
        pair.staff_has = True
        return self.outcome("added", pair, self.tell_of("add_external_contact", pair, welcome=True, State=pair.state))

    @act
    def staff_deletes(self, userid: str, person: str) -> Outcome:
        """The member deletes the customer: ``del_external_contact``; the customer is no loss."""
        pair = self.pair(userid, person)
        self.corp.pairs.remove(userid, pair.person)
        return self.outcome("deleted", pair, self.tell_of("del_external_contact", pair))

    @act
    def customer_deletes(self, userid: str, person: str) -> Outcome:
        """The customer deletes or blocks the member: ``del_follow_user`` (流失); the member's list still shows them."""
        pair = self.pair(userid, person)
        if not pair.customer_has:
            return self.outcome("deleted_already", pair)
        pair.customer_has = False
        self.count(userid, "negative_feedback_cnt")
        return self.outcome("deleted", pair, self.tell_of("del_follow_user", pair))

    @act
    def chat(
        self, userid: str, person: str, by: str = "customer", text: str = "", kind: str = "text", chat_id: str = ""
    ) -> Outcome:
        """A message passes between them, of the ``customer`` or the ``staff``; a welcome is not possible any more.

        It is archived where the console has a public key and the customer agreed; ``kind`` is its msgtype,
        ``chat_id`` the group that it is said in.
        """
        if by not in ("customer", "staff"):
            raise Invalid("by is customer or staff", field="by")
        pair = self.pair(userid, person)
        if not pair.customer_has:
            raise Conflict(f"{person} has deleted {userid}")
        first = by == "customer" and not pair.customer_spoke
        pair.chatted_at = self.seconds
        pair.customer_spoke = pair.customer_spoke or by == "customer"
        self.count(userid, "message_cnt", by=int(by == "staff"))
        self.count(userid, "chat_cnt", by=int(first))
        told: list[int] = []
        if first and pair.add_way == LINK:
            fields = {
                "ChangeType": "customer_start_chat",
                "UserID": userid,
                "ExternalUserID": self.corp.external_userid(pair.person),
            }
            told = self.tell(ACQUISITION, fields, userid=userid)
        return self.outcome("said", pair, told + self._archived(pair, by, text, kind, chat_id))

    def _archived(self, pair: Pair, by: str, text: str, kind: str, chat_id: str) -> list[int]:
        if not pair.archived or not self.corp.archive.key:
            return []
        external = self.corp.external_userid(pair.person)
        sender, receiver = (external, pair.userid) if by == "customer" else (pair.userid, external)
        said = {"content": text} if kind == "text" else {"sdkfileid": self.corp.new_id("file", 40)}
        now = self.world.now()
        message = {"action": "send", "from": sender, "tolist": [receiver], "roomid": chat_id, "msgtime": now,
                   "msgtype": kind, kind: said}  # fmt: skip
        self.corp.archive.keep(message, now)
        told = []
        for app in self.corp.apps.values():
            if app.account.archive and app.callback is not None:
                plain = event_xml(self.corp.corpid, self.seconds, "msgaudit_notify", {"AgentID": app.agentid})
                made = self.world.outbox.push(self.corp.corpid, app.agentid, app.callback, plain, "msgaudit_notify")
                told.append(made.number)
        return told

    @act
    def agree_archive(self, userid: str, person: str) -> Outcome:
        """The customer agrees to chat archiving: ``msg_audit_approved``, with a new welcome code."""
        pair = self.pair(userid, person)
        pair.archived = True
        return self.outcome("agreed", pair, self.tell_of("msg_audit_approved", pair, welcome=True))

    @act
    def refuse_archive(self, userid: str, person: str) -> Outcome:
        """The customer does not agree to chat archiving any more; the platform tells nobody."""
        self.pair(userid, person).archived = False
        return Outcome("refused", userid)

    @act
    def refuse_transfer(self, userid: str, person: str) -> Outcome:
        """The customer refuses to be handed over from ``userid``: ``transfer_fail``."""
        number = self.corp.people.number(person)
        for each in self.corp.transfers:
            if each.status == 2 and (each.handover, each.person) == (userid, number):
                each.status, each.ended_at = 3, self.seconds
                return Outcome("refused", userid, callbacks=self._tell_failure(each, "customer_refused"))
        raise NotFound(f"{person} is not being handed over by {userid}")

    def settle(self) -> None:
        """Carry out the transfers that have waited long enough; the simulator calls it as its clock moves."""
        due = self.world.now() - self.corp.limits.transfer_hours * HOUR
        for each in self.corp.transfers:
            if each.status == 2 and each.begun_ms <= due:
                self._hand_over(each)

    # How ------------------------------------------------------------------------

    def _closed(self, way: ContactWay, person: int) -> str:
        values = way.values
        if not values["is_temp"]:
            return ""
        if way.used:
            return "used"
        if self.seconds >= way.created_at + values["expires_in"]:
            return "expired"
        wanted, account = values["unionid"], self.corp.account.open_account
        return "not_for_you" if wanted and wanted != self.corp.people.unionid(account, person) else ""

    def _choose(self, members: list[str], wanted: str, turn: int) -> tuple[str, int]:
        """Who answers: the platform draws one; here they take turns, so that a test can say who comes next."""
        if wanted:
            if wanted not in members:
                raise NotFound(f"{wanted!r} is none of those who answer here")
            return ("" if self.corp.is_full(wanted) else wanted), turn
        for step in range(len(members)):
            userid = members[(turn + step) % len(members)]
            if not self.corp.is_full(userid):
                return userid, turn + step + 1
        return "", turn

    def _come(self, userid: str, number: int, add_way: int, state: str, *, half: str, verified: bool) -> Outcome:
        if half not in HALVES:
            raise Invalid(f"half is one of {', '.join(HALVES)}", field="half")
        pair = self.corp.pairs.get(userid, number)
        if pair is not None and pair.customer_has:
            return self.outcome("already_friends" if pair.staff_has else "half", pair)
        if not verified:
            self.corp.requests[userid, number] = {"add_way": add_way, "state": state}
            return Outcome("requested", userid, self.corp.external_userid(number))
        self.count(userid, "new_contact_cnt")
        pair = self._begin(userid, number, add_way, state, staff_has=half == "no")
        if half != "no":
            key = self.corp.people.person(number).key
            told = self.tell_of("add_half_external_contact", pair, welcome=True, State=state)
            if half == "only":
                return self.outcome("half", pair, told)
            # Whoever welcomes the half add gets no code with the full one, so the half one is sent first.
            return replace(self.outcome("half", pair, told), then=lambda: self.accept(userid, key))
        told = self.tell_of("add_external_contact", pair, welcome=True, State=state)
        return self.outcome("added", pair, told)

    def _begin(self, userid: str, number: int, add_way: int, state: str, *, staff_has: bool) -> Pair:
        """A pair that begins now; one whose customer had gone begins anew with its remark and tags."""
        if self.corp.pairs.get(userid, number) is None:
            pair = self.corp.pairs.add(userid, number, self.seconds, add_way)
        else:
            pair = self.corp.pairs.edit(userid, number)
            pair.created_at, pair.add_way = self.seconds, add_way
            pair.customer_has, pair.customer_spoke, pair.welcomed, pair.chatted_at = True, False, False, None
        pair.state, pair.oper_userid, pair.staff_has = state, userid, staff_has
        return pair

    def _hand_over(self, transfer: Transfer) -> None:
        old = self.corp.related(transfer.handover, transfer.person)
        transfer.ended_at = self.seconds
        if old is None:
            transfer.status = 3
            return
        if self.corp.is_full(transfer.takeover):
            transfer.status = 4
            self._tell_failure(transfer, "customer_limit_exceed")
            return
        transfer.status = 1
        self.corp.pairs.remove(transfer.handover, transfer.person)
        self.tell_of("del_external_contact", old, Source="DELETE_BY_TRANSFER")
        if self.corp.pairs.get(transfer.takeover, transfer.person) is not None:
            return
        new = self._begin(transfer.takeover, transfer.person, ASSIGNED, "", staff_has=True)
        new.remark, new.description = old.remark, old.description
        new.tags = dict(old.tags)
        self.tell_of("add_external_contact", new, welcome=True)

    def _tell_failure(self, transfer: Transfer, reason: str) -> list[int]:
        fields = {
            "ChangeType": "transfer_fail",
            "FailReason": reason,
            "UserID": transfer.takeover,
            "ExternalUserID": self.corp.external_userid(transfer.person),
        }
        return self.tell("change_external_contact", fields, userid=transfer.takeover)
