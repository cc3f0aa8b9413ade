"""Moments (客户朋友圈): wecom section 9; dev:95094, 93333, 96351.

Making one is a job; each member then publishes it, which is an act of a person
(:meth:`..acts.Acts.publish`).
"""

from __future__ import annotations

from typing import Any

from ..answers import Refused
from ..corp import Corp, Moment
from ..limits import DAY
from .call import Call, endpoint
from .content import moment_content

MONTH_SECONDS = 30 * 86_400


@endpoint("POST", "externalcontact/add_moment_task")
def add_moment_task(call: Call) -> dict[str, Any]:
    """Begin the job that makes a moment; its id is good for 24 hours."""
    corp = call.corp
    content = moment_content(call)
    visible = call.asked.inside("visible_range")
    senders = visible.inside("sender_list")
    users = senders.texts("user_list", most=100_000)
    departments = senders.numbers("department_list", most=100_000)
    tags = visible.inside("external_contact_list").texts("tag_list", most=100)
    running = sum(1 for moment in corp.moments.values() if not _done(call, moment))
    if running >= corp.limits.moment_jobs:
        raise Refused(41078)
    good, bad = _senders(call, users, departments)
    known = [tag for tag in tags if corp.tag(tag) is not None]
    moment = Moment(
        corp.new_id("", 40),
        corp.new_id("mom"),
        call.now,
        content,
        good,
        known,
        bad,
        [tag for tag in tags if tag not in known],
    )
    corp.moments[moment.jobid] = moment
    corp.note(call.now, "add_moment_task", moment_id=moment.moment_id, senders=good, tags=known, **content)
    return {"jobid": moment.jobid}


@endpoint("GET", "externalcontact/get_moment_task_result")
def get_moment_task_result(call: Call) -> dict[str, Any]:
    """How far the job is: status 1 begun, 3 done with the moment's id; nothing was published by that."""
    jobid = call.asked.text("jobid", missing=40063)
    moment = call.corp.moments.get(jobid)
    if moment is None or call.now >= moment.made_ms + DAY:
        raise Refused(40088, jobid)
    if not _done(call, moment):
        return {"status": 1, "type": "add_moment_task", "result": {}}
    nobody = not moment.senders
    return {
        "status": 3,
        "type": "add_moment_task",
        "result": {
            "errcode": 41048 if nobody else 0,
            "errmsg": "no member who could publish" if nobody else "ok",
            "moment_id": "" if nobody else moment.moment_id,
            "invalid_sender_list": {"user_list": moment.bad_senders, "department_list": []},
            "invalid_external_contact_list": {"tag_list": moment.bad_tags},
        },
    }


@endpoint("POST", "externalcontact/get_moment_list")
def get_moment_list(call: Call) -> dict[str, Any]:
    """Moments of a window of at most 30 days."""
    asked = call.asked
    begin, end = asked.number("start_time", least=1), asked.number("end_time", least=1)
    asked.text("creator")
    kind = asked.number("filter_type", default=2, most=2)
    limit = call.limit(default=20, most=20)
    if not 0 <= end - begin <= MONTH_SECONDS:
        raise Refused(40058, "a window of more than 30 days")
    found = (
        {
            "moment_id": moment.moment_id,
            "creator": "",
            "create_time": moment.made_ms // 1_000,
            "create_type": 0,
            "visible_type": 1 if moment.tags else 0,
            "text": {"content": moment.content["text"]},
        }
        for moment in call.corp.moments.values()
        if kind != 1 and _done(call, moment) and moment.senders and begin <= moment.made_ms // 1_000 <= end
    )
    page, cursor = call.page(found, limit)
    return {"next_cursor": cursor, "moment_list": page}


@endpoint("POST", "externalcontact/get_moment_task")
def get_moment_task(call: Call) -> dict[str, Any]:
    """Which members have published: publish_status 0 or 1."""
    moment = _moment(call)
    limit = call.limit(default=500, most=1_000)
    rows = [{"userid": userid, "publish_status": int(userid in moment.published)} for userid in moment.senders]
    page, cursor = call.page(rows, limit)
    return {"next_cursor": cursor, "task_list": page}


@endpoint("POST", "externalcontact/get_moment_customer_list")
def get_moment_customer_list(call: Call) -> dict[str, Any]:
    """Who will see it when this member publishes."""
    moment, userid = _moment(call), _publisher(call)
    limit = call.limit(default=500, most=1_000)
    page, cursor = call.page(audience(call.corp, moment, userid), limit)
    rows = [{"userid": userid, "external_userid": call.corp.external_userid(person)} for person in page]
    return {"next_cursor": cursor, "customer_list": rows}


@endpoint("POST", "externalcontact/get_moment_send_result")
def get_moment_send_result(call: Call) -> dict[str, Any]:
    """Who got it since this member published it."""
    moment, userid = _moment(call), _publisher(call)
    limit = call.limit(default=3_000, most=5_000)
    if userid not in moment.published:
        raise Refused(41062, userid)
    page, cursor = call.page(moment.audience[userid], limit)
    rows = [{"external_userid": call.corp.external_userid(person)} for person in page]
    return {"next_cursor": cursor, "customer_list": rows}


@endpoint("POST", "externalcontact/get_moment_comments")
def get_moment_comments(call: Call) -> dict[str, Any]:
    """Comments and likes under what this member published."""
    moment, userid = _moment(call), _publisher(call)
    if userid not in moment.published:
        raise Refused(41062, userid)

    def shown(found: list[tuple[str, int, int]]) -> list[dict[str, Any]]:
        return [
            {"external_userid": call.corp.external_userid(person), "create_time": at}
            for publisher, person, at in found
            if publisher == userid
        ]

    return {"comment_list": shown(moment.comments), "like_list": shown(moment.likes)}


def audience(corp: Corp, moment: Moment, userid: str) -> list[int]:
    """The customers of a member who may see a moment: friends on both sides, with one of its tags where it has any."""
    tags = set(moment.tags)
    return [
        pair.person
        for pair in corp.pairs.of_staff(userid)
        if pair.staff_has and pair.customer_has and (not tags or tags & set(pair.tags))
    ]


def _done(call: Call, moment: Moment) -> bool:
    return call.now >= moment.made_ms + call.corp.limits.job_seconds * 1_000


def _moment(call: Call) -> Moment:
    moment_id = call.asked.text("moment_id", missing=41059)
    for moment in call.corp.moments.values():
        if moment.moment_id == moment_id and _done(call, moment):
            return moment
    raise Refused(41060, moment_id)


def _publisher(call: Call) -> str:
    userid = call.asked.text("userid", missing=41009)
    if userid not in _moment(call).senders:
        raise Refused(41061, userid)
    return userid


def _senders(call: Call, users: list[str], departments: list[int]) -> tuple[list[str], list[str]]:
    visible = {member.userid: None for member in call.visible_servers()}
    if not users and not departments:
        return list(visible), []
    bad = [userid for userid in users if userid not in visible]
    wanted = [userid for userid in users if userid in visible]
    wanted += [m.userid for each in departments for m in call.corp.in_department(each) if m.userid in visible]
    return list(dict.fromkeys(wanted)), bad
