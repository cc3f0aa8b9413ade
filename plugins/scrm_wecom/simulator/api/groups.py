"""Customer groups (客户群): the group chats of wecom section 6; dev:92119, 92120, 92122."""

from __future__ import annotations

from typing import Any

from ..answers import Refused
from ..corp import GroupMember
from .call import Call, endpoint

OWNERS = 100
WITHOUT_FILTER = 1_000


@endpoint("POST", "externalcontact/groupchat/list")
def list_groups(call: Call) -> dict[str, Any]:
    """Groups of owners within the app's range. 81017 without ``owner_filter`` where there are more than 1,000.

    From which number 81017 answers is not documented; 1,000 is the largest page.
    """
    asked = call.asked
    status = asked.number("status_filter", default=0, most=3)
    owners = set(asked.inside("owner_filter").texts("userid_list", most=OWNERS))
    limit = asked.number("limit", least=1, most=1_000)
    found = [group for group in call.corp.groups.values() if call.app.sees(group.owner)]
    if not owners and len(found) > WITHOUT_FILTER:
        raise Refused(81017)
    wanted = (
        group for group in found if (not owners or group.owner in owners) and status in (0, group.status)
    )
    page, cursor = call.page_after(wanted, limit)
    rows = [{"chat_id": group.chat_id, "status": group.status} for group in page]
    return {"group_chat_list": rows, **({"next_cursor": cursor} if cursor else {})}


@endpoint("POST", "externalcontact/groupchat/get")
def get_group(call: Call) -> dict[str, Any]:
    """One group with its members; names for ``need_name`` 1. Only a member of staff is ever named as invitor."""
    asked = call.asked
    chat_id = asked.text("chat_id", missing=40063)
    named = asked.number("need_name", default=0, most=1) == 1
    group = call.corp.groups.get(chat_id)
    if group is None:
        raise Refused(40050, chat_id)
    if not call.app.sees(group.owner):
        raise Refused(60011, group.owner)
    return {
        "group_chat": {
            "chat_id": group.chat_id,
            "name": group.name,
            "owner": group.owner,
            "create_time": group.created_at,
            "notice": group.notice,
            "member_list": [_member(call, member, named=named) for member in group.members.values()],
            "admin_list": [],
            "member_version": group.member_version(),
        }
    }


def _member(call: Call, member: GroupMember, *, named: bool) -> dict[str, Any]:
    corp = call.corp
    shown: dict[str, Any] = {"join_time": member.joined_at, "join_scene": member.scene, "group_nickname": ""}
    if member.invitor:
        shown["invitor"] = {"userid": member.invitor}
    if isinstance(member.who, str):
        shown |= {"userid": member.who, "type": 1}
        name = corp.members[member.who].name
    else:
        person = corp.people.person(member.who)
        shown |= {"userid": corp.external_userid(member.who), "type": 2}
        if corp.account.open_account and not person.wecom_user:
            shown["unionid"] = corp.people.unionid(corp.account.open_account, member.who)
        if member.state:
            shown["state"] = member.state
        name = person.name
    return {**shown, **({"name": name} if named else {})}
