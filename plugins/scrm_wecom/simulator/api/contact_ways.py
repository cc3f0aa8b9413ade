"""Contact ways (联系我, 渠道活码): wecom section 4; dev:92572, 96348."""

from __future__ import annotations

from typing import Any

from ..answers import Refused
from ..corp import ContactWay, Corp
from .call import Call, endpoint
from .content import conclusions

TEXT = 30
FORTNIGHT = 14 * 86_400
WEEK = 7 * 86_400
DAY = 86_400
LISTED_DAYS = 90


@endpoint("POST", "externalcontact/add_contact_way")
def add_contact_way(call: Call) -> dict[str, Any]:
    """Make a contact way; its ``qr_code`` (scene 2) is a page of this server that says what a scan would do."""
    asked, corp = call.asked, call.corp
    kind = asked.number("type", least=1, most=2, missing=41037, wrong=41039)
    scene = asked.number("scene", least=1, most=2, missing=41038, wrong=41040)
    values = _values(call, scene)
    users, parties = _range(call, kind)
    values["is_temp"] = asked.flag("is_temp", False)
    values["is_exclusive"] = asked.flag("is_exclusive", False)
    today = corp.day(call.now)
    if values["is_temp"]:
        if kind != 1:
            raise Refused(40058, "a temporary chat has one member")
        if corp.temporary_ways[today] >= corp.limits.temporary_ways_a_day:
            raise Refused(41045, "temporary chats of a day")
        corp.temporary_ways[today] += 1
    elif corp.lasting_ways >= corp.limits.contact_ways:
        raise Refused(41045, f"at most {corp.limits.contact_ways}")
    else:
        corp.lasting_ways += 1
    way = ContactWay(corp.new_id(""), corp.new_serial(), kind, scene, call.seconds, values, users, parties)
    corp.contact_ways[way.config_id] = way
    corp.note(call.now, "add_contact_way", config_id=way.config_id, state=values["state"])
    answer = {"config_id": way.config_id}
    if scene == 2:
        answer["qr_code"] = qr_code(call, way)
    return answer


@endpoint("POST", "externalcontact/get_contact_way")
def get_contact_way(call: Call) -> dict[str, Any]:
    """A contact way as it stands."""
    way = _way(call)
    shown = {
        "config_id": way.config_id,
        "type": way.type,
        "scene": way.scene,
        **way.values,
        "user": list(way.users),
        "party": list(way.parties),
    }
    if way.scene == 2:
        shown["qr_code"] = qr_code(call, way)
    return {"contact_way": shown}


@endpoint("POST", "externalcontact/list_contact_way")
def list_contact_way(call: Call) -> dict[str, Any]:
    """Ids of contact ways that were made in a window (default the last 90 days); temporary ones are not listed."""
    begin = call.asked.number("start_time", default=call.seconds - LISTED_DAYS * DAY)
    end = call.asked.number("end_time", default=call.seconds)
    if begin > end:
        raise Refused(40058, "start_time is after end_time")
    limit = call.limit(default=100, most=1_000)
    found = (
        way
        for way in call.corp.contact_ways.values()
        if begin <= way.created_at <= end and not way.values["is_temp"]
    )
    page, cursor = call.page_after(found, limit)
    rows = [{"config_id": way.config_id} for way in page]
    return {"contact_way": rows, **({"next_cursor": cursor} if cursor else {})}


@endpoint("POST", "externalcontact/update_contact_way")
def update_contact_way(call: Call) -> None:
    """Change what is given; lists replace lists. Type and scene never change: given here they are passed over."""
    way, asked = _way(call), call.asked
    given = {name: asked.has(name) for name in ("user", "party", *_CHANGEABLE)}
    values = _values(call, way.scene, {name: way.values[name] for name in _CHANGEABLE})
    if given["user"] or given["party"]:
        stays = (None if given["user"] else way.users, None if given["party"] else way.parties)
        way.users, way.parties = _range(call, way.type, *stays)
    way.values.update({name: values[name] for name in _CHANGEABLE if given[name]})
    call.corp.note(call.now, "update_contact_way", config_id=way.config_id, users=list(way.users))


@endpoint("POST", "externalcontact/del_contact_way")
def del_contact_way(call: Call) -> None:
    """Delete a contact way: a scan of its code leads to nobody from now on."""
    way = _way(call)
    del call.corp.contact_ways[way.config_id]
    call.corp.lasting_ways -= not way.values["is_temp"]
    call.corp.note(call.now, "del_contact_way", config_id=way.config_id)


def qr_code(call: Call, way: ContactWay) -> str:
    """Where the picture of the code is."""
    return f"{call.url}/simulator/qr/{call.corp.corpid}/{way.config_id}"


def people_of(corp: Corp, way: ContactWay) -> list[str]:
    """The members who answer a contact way, departments taken apart."""
    users = [userid for userid in way.users if corp.members[userid].left_at is None]
    users += [member.userid for party in way.parties for member in corp.in_department(party)]
    return list(dict.fromkeys(users))


_CHANGEABLE = (
    "style", "remark", "skip_verify", "state", "expires_in", "chat_expires_in", "unionid", "conclusions", "mark_source",
)  # fmt: skip
_DEFAULTS: dict[str, Any] = {
    "style": 0, "remark": "", "skip_verify": True, "state": "", "expires_in": WEEK, "chat_expires_in": DAY,
    "unionid": "", "conclusions": {}, "mark_source": True,
}  # fmt: skip


def _values(call: Call, scene: int, now: dict[str, Any] | None = None) -> dict[str, Any]:
    asked, known = call.asked, now or _DEFAULTS
    return {
        # The style of the button in a mini program: with a QR code it means nothing.
        "style": asked.number("style", default=known["style"], most=3 if scene == 1 else 2**31, wrong=41042),
        "remark": asked.text("remark", most=TEXT),
        "skip_verify": asked.flag("skip_verify", True),
        "state": asked.text("state", most=TEXT),
        "expires_in": asked.number("expires_in", default=WEEK, least=1, most=FORTNIGHT),
        "chat_expires_in": asked.number("chat_expires_in", default=DAY, least=1, most=FORTNIGHT),
        "unionid": asked.text("unionid"),
        "conclusions": conclusions(call),
        "mark_source": asked.flag("mark_source", True),
    }


def _range(
    call: Call, kind: int, users: list[str] | None = None, parties: list[int] | None = None
) -> tuple[list[str], list[int]]:
    """Who answers: one person for type 1; several, also of departments, for type 2, at most 100 in all."""
    asked, most = call.asked, call.corp.limits.contact_way_people
    users = asked.texts("user", most=most, too_many=41041) if users is None else users
    parties = asked.numbers("party", most=most) if parties is None else parties
    if kind == 1 and (len(users) != 1 or parties):
        raise Refused(40058, "type 1 has exactly one user and no party")
    if not users and not parties:
        raise Refused(40058, "user and party are both empty")
    expanded = set()
    for userid in users:
        if not call.server_of_customers(userid).active:
            raise Refused(41054, userid)
        expanded.add(userid)
    for party in parties:
        if party not in call.corp.departments:
            raise Refused(60003, str(party))
        expanded.update(member.userid for member in call.corp.in_department(party) if call.app.sees(member.userid))
    if len(expanded) > most:
        raise Refused(41041, f"{len(expanded)} people")
    return users, parties


def _way(call: Call) -> ContactWay:
    config_id = call.asked.text("config_id", missing=41043)
    if config_id not in call.corp.contact_ways:
        raise Refused(41044, config_id)
    return call.corp.contact_ways[config_id]
