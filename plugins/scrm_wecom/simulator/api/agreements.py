"""Who agreed to the chat archive (会话内容存档): wecom section 12; dev:92005. Only the archive's own secret may ask."""

from __future__ import annotations

from typing import Any

from ..answers import Refused
from .call import Call, endpoint

MOST = 100


def _archive_app(call: Call) -> None:
    if not call.app.account.archive:
        raise Refused(48002, "the secret of the chat archive is needed")


@endpoint("POST", "msgaudit/check_single_agree", customers=False)
def check_single_agree(call: Call) -> dict[str, Any]:
    """Whether customers agreed with members; the misspelling ``exteranalopenid`` is the platform's."""
    _archive_app(call)
    found = []
    for each in call.asked.each("info", most=MOST, too_many=301060):
        userid, external = each.text("userid"), each.text("exteranalopenid")
        pair = call.corp.related(userid, call.corp.person_of(external))
        agreed = "Agree" if pair is not None and pair.archived else "Disagree"
        found.append(
            {"status_change_time": call.seconds, "userid": userid, "exteranalopenid": external, "agree_status": agreed}
        )
    return {"agreeinfo": found}


@endpoint("POST", "msgaudit/check_room_agree", customers=False)
def check_room_agree(call: Call) -> dict[str, Any]:
    """Who of a chat group's customers agreed: with one of its members."""
    _archive_app(call)
    group = call.corp.groups.get(call.asked.text("roomid", missing=40063))
    if group is None:
        raise Refused(40058, "roomid")
    found = []
    for member in group.members.values():
        if not isinstance(member.who, int):
            continue
        agreed = any(
            pair is not None and pair.archived
            for pair in (call.corp.pairs.get(userid, member.who) for userid in call.corp.members)
        )
        found.append(
            {
                "status_change_time": call.seconds,
                "exteranalopenid": call.corp.external_userid(member.who),
                "agree_status": "Agree" if agreed else "Disagree",
            }
        )
    return {"agreeinfo": found}
