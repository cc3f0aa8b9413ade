"""Handing customers over (在职/离职继承): wecom section 11; dev:94096, 94097, 94100, 92273, 93242.

A transfer begins here and takes effect after 24 hours, unless the customer
refuses (:meth:`..acts.Acts.refuse_transfer`).
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from ..answers import Refused
from ..corp import Corp, Transfer
from ..limits import DAY
from .call import Call, endpoint, make_cursor, read_cursor

AT_ONCE = 100
MESSAGE = 200
TRANSFER_DAYS = 90
PAGE = 1_000


@endpoint("POST", "externalcontact/transfer_customer")
def transfer_customer(call: Call) -> dict[str, Any]:
    """Hand over customers of a member who is still there; each has a code, 0 is begun."""
    handover = call.server_of_customers(call.asked.text("handover_userid")).userid
    call.asked.text("transfer_success_msg", most=MESSAGE)
    return _begin(call, handover, resigned=False)


@endpoint("POST", "externalcontact/resigned/transfer_customer")
def transfer_resigned(call: Call) -> dict[str, Any]:
    """Hand over customers of a member who has left: 40097 while they have not."""
    userid = call.asked.text("handover_userid", missing=41009)
    member = call.corp.members.get(userid)
    if member is None:
        raise Refused(60111, userid)
    if member.left_at is None:
        raise Refused(40097, userid)
    return _begin(call, userid, resigned=True)


@endpoint("POST", "externalcontact/transfer_result")
def transfer_result(call: Call) -> dict[str, Any]:
    """Status 1 done, 2 waiting, 3 refused, 4 takeover full."""
    return _results(call, resigned=False)


@endpoint("POST", "externalcontact/resigned/transfer_result")
def resigned_transfer_result(call: Call) -> dict[str, Any]:
    """The same for customers of a member who has left."""
    return _results(call, resigned=True)


@endpoint("POST", "externalcontact/get_unassigned_list")
def get_unassigned_list(call: Call) -> dict[str, Any]:
    """Customers of members who have left, who are not handed over yet."""
    size = call.asked.number("page_size", default=PAGE, least=1, most=PAGE)
    skipped = call.asked.number("page_id", default=0, most=PAGE) * size
    corp = call.corp
    # The cursor names the last one that was given: who is handed over meanwhile hides nobody.
    place, after = read_cursor(call.asked.text("cursor"), (0, -1))
    taken = {(each.handover, each.person) for each in corp.transfers if each.resigned and each.status in (1, 2)}
    left = (
        (number, member, pair)
        for number, member in enumerate(corp.members.values())
        if number >= place and member.left_at is not None
        for pair in corp.pairs.of_staff(member.userid, after if number == place else -1)
        if pair.staff_has and (member.userid, pair.person) not in taken
    )
    found = list(islice(left, skipped, skipped + size + 1))
    page, last = found[:size], len(found) <= size
    rows = [
        {
            "handover_userid": member.userid,
            "external_userid": corp.external_userid(pair.person),
            "dimission_time": member.left_at,
        }
        for _, member, pair in page
    ]
    return {
        "info": rows,
        "is_last": last,
        **({} if last else {"next_cursor": make_cursor(page[-1][0], page[-1][2].serial)}),
    }


@endpoint("POST", "externalcontact/groupchat/transfer")
def transfer_groups(call: Call) -> dict[str, Any]:
    """Give groups of a member who has left to another: 90500 while the owner is there; 300 a day of one owner."""
    corp = call.corp
    chats = call.asked.texts("chat_id_list", most=AT_ONCE, missing=40063)
    owner = call.server_of_customers(call.asked.text("new_owner")).userid
    failed = []
    for chat_id in chats:
        code = _group_refusal(call, chat_id)
        if code:
            failed.append({"chat_id": chat_id, "errcode": code, "errmsg": "not transferred"})
            continue
        group = corp.groups[chat_id]
        corp.group_transfers[group.owner, corp.day(call.now)] += 1
        group.owner, group.status = owner, 3
    return {"failed_chat_list": failed}


def _group_refusal(call: Call, chat_id: str) -> int:
    corp = call.corp
    group = corp.groups.get(chat_id)
    if group is None:
        return 40050
    if corp.members[group.owner].left_at is None:
        return 90500
    day = corp.group_transfers[group.owner, corp.day(call.now)]
    return 45009 if day >= corp.limits.groups_transferred_a_day else 0


def _begin(call: Call, handover: str, *, resigned: bool) -> dict[str, Any]:
    takeover = call.server_of_customers(call.asked.text("takeover_userid")).userid
    externals = call.asked.texts("external_userid", most=AT_ONCE, missing=41035)
    if handover == takeover:
        raise Refused(40130)
    rows = []
    for external in externals:
        person = call.corp.people.number_of(call.corp.corpid, external)
        code = 40096 if person is None else _refusal(call, handover, takeover, person, resigned=resigned)
        if code == 0 and person is not None:
            call.corp.transfers.append(Transfer(handover, takeover, person, call.now, resigned))
        rows.append({"external_userid": external, "errcode": code})
    begun = sum(row["errcode"] == 0 for row in rows)
    call.corp.note(call.now, "transfer_customer", handover=handover, takeover=takeover, begun=begun, of=len(rows))
    return {"customer": rows}


def _refusal(call: Call, handover: str, takeover: str, person: int, *, resigned: bool) -> int:
    corp = call.corp
    if corp.related(handover, person) is None:
        return 40131
    if _waiting(corp, handover, person):
        return 40100 if resigned else 40129
    if corp.is_full(takeover):
        return 40099
    since = call.now - TRANSFER_DAYS * DAY
    recent = [each for each in corp.transfers if each.person == person and each.status == 1 and each.begun_ms > since]
    return 40128 if not resigned and len(recent) >= corp.limits.transfers_in_90_days else 0


def _waiting(corp: Corp, handover: str, person: int) -> bool:
    return any(each.status == 2 and (each.handover, each.person) == (handover, person) for each in corp.transfers)


def _results(call: Call, *, resigned: bool) -> dict[str, Any]:
    handover = call.asked.text("handover_userid", missing=41009)
    takeover = call.asked.text("takeover_userid", missing=41009)
    found = (
        {
            "external_userid": call.corp.external_userid(each.person),
            "status": each.status,
            "takeover_time": each.ended_at,
        }
        for each in call.corp.transfers
        if each.resigned == resigned and (each.handover, each.takeover) == (handover, takeover)
    )
    page, cursor = call.page(found, PAGE)
    return {"customer": page, "next_cursor": cursor}
