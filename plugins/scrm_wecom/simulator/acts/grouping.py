"""What happens in customer groups (wecom sections 3 and 6)."""

from __future__ import annotations

from scrm_core.api import Conflict, NotFound

from ..corp import Group, GroupMember
from ..events import Value
from .act import CHAT, Base, Outcome, act

INVITED, SCANNED = 0, 3
"""``JoinScene`` of events; the member list calls them 1 and 3."""


class Grouping(Base):
    """Acts in groups. Members of a group are named by userid, or by the key of a person."""

    @act
    def create_group(self, owner: str, name: str = "") -> Outcome:
        """A member of staff makes a group."""
        self.member(owner)
        group = Group(self.corp.new_id("wr"), self.corp.new_serial(), name, owner, self.seconds)
        group.members[owner] = GroupMember(owner, self.seconds, 1)
        self.corp.groups[group.chat_id] = group
        return Outcome("created", owner, id=group.chat_id, callbacks=self._tell(group, "create"))

    @act
    def join_group(self, chat_id: str, who: list[str], invitor: str = "", state: str = "") -> Outcome:
        """People join, in one event: invited, or by the group's code when nobody invited them.

        ``invitor`` is kept only for a member of staff: nobody can see which customer invited another.
        """
        group, scene = self._group(chat_id), INVITED if invitor else SCANNED
        keys = [self._who(each) for each in who]
        for key in keys:
            if key in group.members:
                raise Conflict("already in the group")
            by_staff = invitor if invitor in self.corp.members else ""
            group.members[key] = GroupMember(key, self.seconds, 1 if invitor else SCANNED, by_staff, state)
        return self._changed(group, "add_member", keys, JoinScene=scene)

    @act
    def leave_group(self, chat_id: str, who: list[str], removed: bool = False) -> Outcome:
        """People leave, or are removed."""
        group = self._group(chat_id)
        keys = [self._who(each) for each in who]
        for key in keys:
            if group.members.pop(key, None) is None:
                raise NotFound("not in the group")
        return self._changed(group, "del_member", keys, QuitScene=int(removed))

    @act
    def change_group(self, chat_id: str, name: str = "", notice: str = "", owner: str = "") -> Outcome:
        """Name, notice or owner change: one event for each."""
        group, told = self._group(chat_id), []
        if name:
            group.name = name
            told += self._tell(group, "update", UpdateDetail="change_name")
        if notice:
            group.notice = notice
            told += self._tell(group, "update", UpdateDetail="change_notice")
        if owner:
            self.member(owner)
            group.owner = owner
            told += self._tell(group, "update", UpdateDetail="change_owner")
        return Outcome("changed", group.owner, id=chat_id, callbacks=told)

    @act
    def dismiss_group(self, chat_id: str) -> Outcome:
        """The group is dismissed."""
        group = self.corp.groups.pop(self._group(chat_id).chat_id)
        return Outcome("dismissed", group.owner, id=chat_id, callbacks=self._tell(group, "dismiss"))

    def _changed(self, group: Group, detail: str, keys: list[str | int], **scene: Value) -> Outcome:
        before = group.member_version()
        group.version += 1
        names = [key if isinstance(key, str) else self.corp.external_userid(key) for key in keys]
        told = self._tell(
            group,
            "update",
            UpdateDetail=detail,
            **scene,
            MemChangeCnt=len(names),
            MemChangeList=names,
            LastMemVer=before,
            CurMemVer=group.member_version(),
        )
        return Outcome("changed", group.owner, id=group.chat_id, callbacks=told)

    def _tell(self, group: Group, change: str, **more: Value) -> list[int]:
        return self.tell(CHAT, {"ChangeType": change, "ChatId": group.chat_id, **more}, userid=group.owner)

    def _group(self, chat_id: str) -> Group:
        if chat_id not in self.corp.groups:
            raise NotFound(f"no group {chat_id!r}")
        return self.corp.groups[chat_id]

    def _who(self, name: str) -> str | int:
        return name if name in self.corp.members else self.corp.people.number(name)
