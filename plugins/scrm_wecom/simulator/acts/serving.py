"""What members do with tasks, and how they come and go (wecom sections 8, 9 and 11)."""

from __future__ import annotations

from scrm_core.api import Conflict, Invalid, NotFound

from ..api.group_sends import may_receive
from ..api.moments import audience
from ..corp import Member, Moment
from .act import Base, Outcome, act

KEPT_SECONDS = 32 * 86_400


class Serving(Base):
    """Acts of members and administrators."""

    @act
    def confirm(self, msgid: str, userid: str) -> Outcome:
        """A member confirms their part of a group send: only now it is sent.

        Each target gets 1 (sent), 2 (no friend any more) or 3 (had all its sends).
        """
        send = self.corp.group_sends.get(msgid)
        if send is None or userid not in send.tasks:
            raise NotFound(f"{userid} has no part in a group send {msgid!r}")
        task = send.tasks[userid]
        if send.cancelled or task.sent_at is not None:
            raise Conflict("the group send was cancelled" if send.cancelled else f"{userid} has confirmed it already")
        task.sent_at = self.seconds
        for target in task.targets:
            status = 1
            if not self._reaches(send.chat_type, userid, target):
                status = 2
            elif not may_receive(self.corp, target, self.world.now()):
                status = 3
            else:
                # Older ones count for no quota any more.
                recent = [at for at in self.corp.received.get(target, ()) if at > self.seconds - KEPT_SECONDS]
                self.corp.received[target] = [*recent, self.seconds]
            task.results[target] = (status, self.seconds)
        sent = sum(status == 1 for status, _ in task.results.values())
        self.corp.note(self.world.now(), "group_send_confirmed", msgid=msgid, userid=userid, sent=sent, **send.content)
        return Outcome("confirmed", userid, id=msgid)

    @act
    def publish(self, moment_id: str, userid: str) -> Outcome:
        """A member publishes a moment; their customers see it, at most the configured number a day."""
        moment = self._moment(moment_id)
        if userid not in moment.senders or userid in moment.published:
            raise Conflict(f"{userid} has published it already" if userid in moment.published else f"not for {userid}")
        most, now = self.corp.limits.moments_a_day, self.world.now()
        today = [
            other
            for other in self.corp.moments.values()
            if userid in other.published and self.corp.day(other.published[userid] * 1_000) == self.corp.day(now)
        ]
        seen = most is None or len(today) < most
        moment.published[userid] = self.seconds
        moment.audience[userid] = audience(self.corp, moment, userid) if seen else []
        reached = len(moment.audience[userid])
        self.corp.note(now, "moment_published", moment_id=moment_id, userid=userid, customers=reached, **moment.content)
        return Outcome("published", userid, id=moment_id)

    @act
    def respond(self, moment_id: str, userid: str, person: str, how: str = "like") -> Outcome:
        """A customer likes a member's moment or comments on it (``how``: like or comment)."""
        moment, number = self._moment(moment_id), self.corp.people.number(person)
        if number not in moment.audience.get(userid, ()):
            raise Conflict(f"{person} does not see this moment of {userid}")
        if how not in ("like", "comment"):
            raise Invalid("how is like or comment", field="how")
        (moment.likes if how == "like" else moment.comments).append((userid, number, self.seconds))
        return Outcome("responded", userid, self.corp.external_userid(number), moment_id)

    @act
    def hire(self, userid: str, name: str = "", department: int = 2) -> Outcome:
        """A new member; events of the directory are not modelled."""
        if userid in self.corp.members:
            raise Conflict(f"there is or was a member {userid!r}")
        if department not in self.corp.departments:
            raise NotFound(f"no department {department}")
        self.corp.members[userid] = Member(userid, name or userid, (department,))
        return Outcome("hired", userid)

    @act
    def leave(self, userid: str) -> Outcome:
        """A member leaves the corp; their customers wait to be handed over."""
        self.member(userid).left_at = self.seconds
        return Outcome("left", userid)

    @act
    def set_member(self, userid: str, active: bool = True, customer_contact: bool = True) -> Outcome:
        """An administrator gives or takes the function customer contact; ``active`` is activated and verified."""
        member = self.member(userid)
        member.active, member.customer_contact = active, customer_contact
        return Outcome("set", userid)

    @act
    def break_link(self, link_id: str) -> Outcome:
        """The platform takes an acquisition link out of use: ``link_unavailable``."""
        if link_id not in self.corp.links:
            raise NotFound(f"no acquisition link {link_id!r}")
        self.corp.links[link_id].available = False
        told = self.tell("customer_acquisition", {"ChangeType": "link_unavailable", "LinkId": link_id})
        return Outcome("unavailable", id=link_id, callbacks=told)

    @act
    def remove_link(self, link_id: str) -> Outcome:
        """An administrator deletes an acquisition link in the console: ``delete_link``."""
        if self.corp.links.pop(link_id, None) is None:
            raise NotFound(f"no acquisition link {link_id!r}")
        told = self.tell("customer_acquisition", {"ChangeType": "delete_link", "LinkId": link_id})
        return Outcome("removed", id=link_id, callbacks=told)

    @act
    def emit(self, event: str, fields: dict[str, str], userid: str = "") -> Outcome:
        """Any event with any fields, in their order: kinds that are not modelled or not known yet."""
        return Outcome("emitted", userid, callbacks=self.tell(event, fields, userid=userid))

    def _reaches(self, chat_type: str, userid: str, target: str | int) -> bool:
        if isinstance(target, str):
            group = self.corp.groups.get(target)
            return group is not None and group.owner == userid
        pair = self.corp.related(userid, target)
        return pair is not None and pair.customer_has

    def _moment(self, moment_id: str) -> Moment:
        for moment in self.corp.moments.values():
            if moment.moment_id == moment_id:
                return moment
        raise NotFound(f"no moment {moment_id!r}")
