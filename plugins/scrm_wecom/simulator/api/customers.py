"""Customers and who follows them (wecom section 6; dev:92112, 92113, 92114, 92994, 92115, 92132)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, time
from itertools import islice
from typing import Any

from ..answers import Refused
from ..corp import ZONE, china
from ..pairs import Pair
from .call import Call, endpoint, make_cursor, read_cursor
from .content import TEMPORARY, medium

FOLLOWERS_OF_A_PAGE = 500
MOST_DAYS = 30
MOST_DAYS_AGO = 180


@endpoint("GET", "externalcontact/get_follow_user_list")
def get_follow_user_list(call: Call) -> dict[str, Any]:
    """Members with the function customer contact."""
    return {"follow_user": [member.userid for member in call.visible_servers()]}


@endpoint("GET", "externalcontact/list")
def list_customers(call: Call) -> dict[str, Any]:
    """A member's customers; 84061 when there are none (wecom section 6). Half adds are none yet."""
    userid = call.server_of_customers(call.asked.text("userid")).userid
    found = [call.corp.external_userid(pair.person) for pair in call.corp.pairs.of_staff(userid) if pair.staff_has]
    if not found:
        raise Refused(84061, f"{userid} has no customer")
    return {"external_userid": found}


@endpoint("GET", "externalcontact/get")
def get_customer(call: Call) -> dict[str, Any]:
    """One customer with the members who follow; the cursor matters above 500 of them."""
    person = call.customer()
    (after,) = read_cursor(call.asked.text("cursor"), (-1,))
    pairs = [
        pair
        for pair in call.corp.pairs.of_person(person)
        if pair.staff_has and call.app.sees(pair.userid) and pair.serial > after
    ]
    if not pairs:
        raise Refused(84061)
    page = pairs[:FOLLOWERS_OF_A_PAGE]
    answer = {"external_contact": _contact(call, person), "follow_user": [_follow_user(call, pair) for pair in page]}
    if len(pairs) > FOLLOWERS_OF_A_PAGE:
        answer["next_cursor"] = make_cursor(page[-1].serial)
    return answer


@endpoint("POST", "externalcontact/convert_to_openid")
def convert_to_openid(call: Call) -> dict[str, Any]:
    """The openid of a WeChat user at the corp (dev:92323); 40096 for a user of WeCom, who has none."""
    person = call.customer()
    if call.corp.people.person(person).wecom_user:
        raise Refused(40096)
    return {"openid": "o" + call.corp.people.unionid(f"corp:{call.corp.corpid}", person)[1:]}


@endpoint("POST", "externalcontact/batch/get_by_user")
def get_by_user(call: Call) -> dict[str, Any]:
    """The customers of up to 100 members, page by page.

    The cursor names the last pair that was given, so what is added or deleted
    meanwhile neither doubles nor hides another. Members without the function are passed over.
    """
    users = call.asked.texts("userid_list", most=100, missing=41009)
    limit = call.limit(default=50, most=100)
    place, after = read_cursor(call.asked.text("cursor"), (0, -1))
    members = [call.member(userid).userid for userid in users]
    found = list(islice(_walk(call, members, place, after), limit + 1))
    page = found[:limit]
    cursor = make_cursor(page[-1][0], page[-1][1].serial) if len(found) > limit else ""
    return {
        "external_contact_list": [
            {"external_contact": _contact(call, pair.person), "follow_info": _follow_info(call, pair)}
            for _, pair in page
        ],
        "next_cursor": cursor,
    }


def _walk(call: Call, members: list[str], place: int, after: int) -> Iterator[tuple[int, Pair]]:
    for number in range(place, len(members)):
        if not call.corp.members[members[number]].customer_contact:
            continue
        pairs = call.corp.pairs.of_staff(members[number], after if number == place else -1)
        yield from ((number, pair) for pair in pairs if pair.staff_has)


@endpoint("POST", "externalcontact/remark")
def remark(call: Call) -> None:
    """What the member notes of a customer; at least one field. No event follows: it was made through the API."""
    asked = call.asked
    given = [
        name
        for name in ("remark", "description", "remark_company", "remark_mobiles", "remark_pic_mediaid")
        if asked.has(name)
    ]
    if not given:
        raise Refused(40063, "nothing to note")
    texts = {
        "remark": asked.text("remark", most=20),
        "description": asked.text("description", most=150),
        "remark_company": asked.text("remark_company", most=20),
    }
    mobiles = asked.texts("remark_mobiles", most=100)
    picture = asked.text("remark_pic_mediaid")
    if picture:
        medium(call, picture, "image", TEMPORARY)
    pair = call.pair()
    for name, value in texts.items():
        if name in given:
            setattr(pair, name, value)
    if "remark_mobiles" in given:
        pair.mobiles = tuple(mobile for mobile in mobiles if mobile)
    external = call.corp.external_userid(pair.person)
    call.corp.note(call.now, "remark", userid=pair.userid, external_userid=external, fields=given)


@endpoint("POST", "externalcontact/get_user_behavior_data")
def get_user_behavior_data(call: Call) -> dict[str, Any]:
    """Per day what members did with customers; at most 30 days, 180 days back."""
    users = call.asked.texts("userid", most=100)
    parties = call.asked.numbers("partyid", most=100)
    begin = call.asked.number("start_time", least=1)
    end = call.asked.number("end_time", least=1)
    members = {call.member(userid).userid for userid in users}
    members.update(m.userid for party in parties for m in call.corp.in_department(party) if call.app.sees(m.userid))
    if not members:
        raise Refused(40063, "userid and partyid")
    first, last, today = (china(at).toordinal() for at in (begin * 1_000, end * 1_000, call.now))
    if not first <= last or last - first >= MOST_DAYS or today - first > MOST_DAYS_AGO:
        raise Refused(40058, "at most 30 days, at most 180 days ago")
    return {"behavior_data": [_behaviour(call, members, day) for day in range(first, min(last, today) + 1)]}


def _behaviour(call: Call, members: set[str], day: int) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    for (userid, at, name), count in call.corp.behaviour.items():
        if at == day and userid in members:
            counts[name] += count
    midnight = datetime.combine(datetime.fromordinal(day), time(), ZONE)
    names = ("new_apply_cnt", "new_contact_cnt", "chat_cnt", "message_cnt", "negative_feedback_cnt")
    return {
        "stat_time": int(midnight.timestamp()),
        **{name: counts[name] for name in names},
        "reply_percentage": 100.0 if counts["chat_cnt"] else 0.0,
        "avg_reply_time": 0,
    }


# Shapes -------------------------------------------------------------------------


def _contact(call: Call, number: int) -> dict[str, Any]:
    corp, person = call.corp, call.corp.people.person(number)
    contact = {
        "external_userid": corp.external_userid(number),
        "name": person.name,
        "position": "",
        "avatar": f"{call.url}/simulator/avatar/{number % 16}.svg",
        "corp_name": "",
        "corp_full_name": "",
        "type": 1,
        "gender": person.gender,
        "external_profile": {},
    }
    if person.wecom_user:
        contact |= {"type": 2, "corp_name": "另一家", "corp_full_name": "另一家示例企业有限公司"}
    elif corp.account.open_account:
        contact["unionid"] = corp.people.unionid(corp.account.open_account, number)
    return contact


def _follow(pair: Pair) -> dict[str, Any]:
    return {
        "userid": pair.userid,
        "remark": pair.remark,
        "description": pair.description,
        "createtime": pair.created_at,
        "state": pair.state,
        "remark_corp_name": pair.remark_company,
        "remark_mobiles": list(pair.mobiles),
        "oper_userid": pair.oper_userid or pair.userid,
        "add_way": pair.add_way,
    }


def _follow_user(call: Call, pair: Pair) -> dict[str, Any]:
    tags = [
        {"group_name": group.name, "tag_name": tag.name, "tag_id": tag.id, "type": 1}
        for group, tag in call.corp.tags_of(pair)
    ]
    tags += [{"group_name": "", "tag_name": name, "type": 2} for name in pair.own_tags]
    return {**_follow(pair), "tags": tags}


def _follow_info(call: Call, pair: Pair) -> dict[str, Any]:
    return {**_follow(pair), "tag_id": [tag.id for _, tag in call.corp.tags_of(pair)]}
