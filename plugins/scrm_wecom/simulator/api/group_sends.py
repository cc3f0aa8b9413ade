"""Group sends (企业群发): wecom section 8; dev:92135, 93338, 97610, 97611.

A group send is a task: nothing is sent before the member confirms, which is an
act of a person (:meth:`..acts.Acts.confirm`) and no call of the API.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ..answers import Refused
from ..asked import Asked
from ..corp import Corp, GroupSend, SendTask, china
from ..pairs import Pair
from .call import Call, endpoint
from .content import content_of

CHATS = 2_000
RULE_TAGS = 100
CREATED_DAYS = 31


@endpoint("POST", "externalcontact/add_msg_template")
def add_msg_template(call: Call) -> dict[str, Any]:
    """Make the task; ``fail_list`` are ids that are no customer or have had all their sends, and is no error.

    ``external_userid`` together with ``tag_filter`` is refused (40058): which of
    them wins is not confirmed, so whoever gives both relies on luck.
    """
    asked, corp = call.asked, call.corp
    chat_type = asked.text("chat_type") or "single"
    if chat_type not in ("single", "group"):
        raise Refused(40058, "chat_type")
    sender = asked.text("sender")
    asked.flag("allow_select", False)
    ids = asked.texts("external_userid", most=corp.limits.send_customers)
    chats = asked.texts("chat_id_list", most=CHATS)
    rules = _rules(call, asked.inside("tag_filter"))
    content = content_of(call)
    if sender:
        call.server_of_customers(sender)
    if chat_type == "group":
        tasks, failed = _to_groups(call, sender, chats)
    else:
        tasks, failed = _to_customers(call, sender, ids, rules)
    if not any(task.targets for task in tasks.values()):
        raise Refused(41048)
    send = GroupSend(corp.new_id("msg"), chat_type, call.seconds, call.now, content, tasks)
    corp.group_sends[send.msgid] = send
    targets = sum(len(task.targets) for task in tasks.values())
    corp.note(call.now, "add_msg_template", msgid=send.msgid, senders=sorted(tasks), targets=targets, **content)
    return {"fail_list": failed, "msgid": send.msgid}


@endpoint("POST", "externalcontact/get_groupmsg_list_v2")
def get_groupmsg_list_v2(call: Call) -> dict[str, Any]:
    """Group sends of a window of at most one month."""
    asked = call.asked
    chat_type = asked.text("chat_type") or "single"
    begin, end = asked.number("start_time", least=1), asked.number("end_time", least=1)
    asked.text("creator")
    kind = asked.number("filter_type", default=2, most=2)
    if chat_type not in ("single", "group") or not 0 <= end - begin <= CREATED_DAYS * 86_400:
        raise Refused(40058, "chat_type, or a window of more than a month")
    limit = call.limit(default=50, most=100)
    found = (
        _shown(send)
        for send in call.corp.group_sends.values()
        if kind != 1 and send.chat_type == chat_type and begin <= send.created_at <= end
    )
    page, cursor = call.page(found, limit)
    return {"next_cursor": cursor, "group_msg_list": page}


@endpoint("POST", "externalcontact/get_groupmsg_task")
def get_groupmsg_task(call: Call) -> dict[str, Any]:
    """Which members have confirmed: status 0 not sent, 2 sent."""
    send = _send(call)
    limit = call.limit(default=500, most=1_000)
    rows = []
    for userid, task in send.tasks.items():
        row: dict[str, Any] = {"userid": userid, "status": 0 if task.sent_at is None else 2}
        if task.sent_at is not None:
            row["send_time"] = task.sent_at
        rows.append(row)
    page, cursor = call.page(rows, limit)
    return {"next_cursor": cursor, "task_list": page}


@endpoint("POST", "externalcontact/get_groupmsg_send_result")
def get_groupmsg_send_result(call: Call) -> dict[str, Any]:
    """What became of each target: 0 not sent, 1 sent, 2 no friend any more, 3 had all its sends."""
    send = _send(call)
    userid = call.asked.text("userid", missing=41009)
    limit = call.limit(default=500, most=1_000)
    if userid not in send.tasks:
        raise Refused(40003, f"{userid} has no part in this group send")
    task = send.tasks[userid]
    page, cursor = call.page(task.targets, limit)
    rows = []
    for target in page:
        row: dict[str, Any] = {"userid": userid}
        if send.chat_type == "single":
            row["external_userid"] = call.corp.external_userid(target)
        else:
            row["chat_id"] = target
        row["status"], at = task.results.get(target, (0, 0))
        rows.append(row | ({"send_time": at} if at else {}))
    return {"next_cursor": cursor, "send_list": rows}


@endpoint("POST", "externalcontact/remind_groupmsg_send")
def remind_groupmsg_send(call: Call) -> None:
    """Remind the members who have not confirmed, three times in 24 hours."""
    send = _send(call)
    if send.cancelled:
        raise Refused(41093)
    send.reminded = [at for at in send.reminded if call.seconds - at < 86_400]
    if len(send.reminded) >= call.corp.limits.reminders_a_day:
        raise Refused(41094)
    send.reminded.append(call.seconds)
    call.corp.note(call.now, "remind_groupmsg_send", msgid=send.msgid)


@endpoint("POST", "externalcontact/cancel_groupmsg_send")
def cancel_groupmsg_send(call: Call) -> None:
    """Stop the part that is not sent yet."""
    send = _send(call)
    if send.cancelled:
        raise Refused(41093)
    send.cancelled = True
    call.corp.note(call.now, "cancel_groupmsg_send", msgid=send.msgid)


def may_receive(corp: Corp, target: Any, now_ms: int) -> bool:
    """Whether a customer or a group may get another group send now (wecom section 8, the quota per customer)."""
    limits, today = corp.limits, china(now_ms)
    got = [china(at * 1_000) for at in corp.received.get(target, [])]
    days = calendar.monthrange(today.year, today.month)[1]
    month = days if limits.sends_a_month is None else limits.sends_a_month
    if sum((at.year, at.month) == (today.year, today.month) for at in got) >= month:
        return False
    if limits.sends_a_week is not None and (
        sum(at.isocalendar()[:2] == today.isocalendar()[:2] for at in got) >= limits.sends_a_week
    ):
        return False
    return limits.sends_a_day is None or sum(at.date() == today.date() for at in got) < limits.sends_a_day


def _send(call: Call) -> GroupSend:
    msgid = call.asked.text("msgid", missing=41046)
    send = call.corp.group_sends.get(msgid)
    if send is None:
        raise Refused(41047, msgid)
    if call.now < send.made_ms + call.corp.limits.dispatch_seconds * 1_000:
        raise Refused(41063)
    return send


def _rules(call: Call, asked: Asked) -> list[set[str]]:
    rules = []
    for each in asked.each("group_list", most=RULE_TAGS):
        tags = each.texts("tag_list", most=RULE_TAGS, missing=40063)
        for tag in tags:
            if call.corp.tag(tag) is None:
                raise Refused(40068, tag)
        rules.append(set(tags))
    return rules


def _fits(pair: Pair, rules: list[set[str]]) -> bool:
    return all(rule & set(pair.tags) for rule in rules)


def _to_customers(
    call: Call, sender: str, ids: list[str], rules: list[set[str]]
) -> tuple[dict[str, SendTask], list[str]]:
    corp = call.corp
    if ids and rules:
        raise Refused(40058, "external_userid and tag_filter")
    if not ids and not sender:
        raise Refused(41048, "external_userid and sender are both empty")
    tasks: dict[str, SendTask] = defaultdict(lambda: SendTask([]))
    failed = []
    if not ids:
        pairs = [pair for pair in corp.pairs.of_staff(sender) if pair.staff_has and _fits(pair, rules)]
        for pair in pairs[: corp.limits.send_customers]:
            if may_receive(corp, pair.person, call.now):
                tasks[sender].targets.append(pair.person)
            else:
                failed.append(corp.external_userid(pair.person))
        return dict(tasks), failed
    for external in ids:
        person = corp.people.number_of(corp.corpid, external)
        userid = "" if person is None else _sender_for(call, sender, person)
        if not userid or not may_receive(corp, person, call.now):
            failed.append(external)
        else:
            tasks[userid].targets.append(person)
    return dict(tasks), failed


def _sender_for(call: Call, sender: str, person: int) -> str:
    """Who sends to a customer: the sender, or who last chatted with the customer; "" when nobody may."""
    if sender:
        return sender if call.corp.related(sender, person) else ""
    pairs = [
        pair
        for pair in call.corp.pairs.of_person(person)
        if pair.staff_has and call.app.sees(pair.userid) and call.corp.members[pair.userid].left_at is None
    ]
    return max(pairs, key=lambda pair: (pair.chatted_at or 0, pair.created_at)).userid if pairs else ""


def _to_groups(call: Call, sender: str, chats: Iterable[str]) -> tuple[dict[str, SendTask], list[str]]:
    if not sender:
        raise Refused(41009, "chat_type group needs sender")
    owned = [group.chat_id for group in call.corp.groups.values() if group.owner == sender]
    wanted = list(chats) or owned
    task, failed = SendTask([]), []
    for chat_id in wanted:
        if chat_id in owned and may_receive(call.corp, chat_id, call.now):
            task.targets.append(chat_id)
        else:
            failed.append(chat_id)
    return {sender: task}, failed


def _shown(send: GroupSend) -> dict[str, Any]:
    return {
        "msgid": send.msgid,
        "creator": "",
        "create_time": send.created_at,
        "create_type": 0,
        "text": {"content": send.content["text"]},
        "attachments": send.content["attachments"],
    }
