"""Members and departments, as far as a customer system asks for them (dev:90196, 90197, 90200, 90201, 90208)."""

from __future__ import annotations

from typing import Any

from ..answers import Refused
from ..corp import Member
from .call import Call, endpoint


def _number(call: Call, name: str) -> int | None:
    text = call.asked.text(name)
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise Refused(40058, name)
    return int(text)


def _department(call: Call) -> int:
    number = _number(call, "department_id")
    if number not in call.corp.departments:
        raise Refused(60003, str(number))
    return number


def _members(call: Call) -> list[Member]:
    department, deep = _department(call), call.asked.text("fetch_child") == "1"
    return [
        member
        for member in call.corp.in_department(department)
        if call.app.sees(member.userid) and (deep or department in member.departments)
    ]


def _brief(member: Member) -> dict[str, Any]:
    return {"userid": member.userid, "name": member.name, "department": list(member.departments)}


def _full(member: Member) -> dict[str, Any]:
    return {
        **_brief(member),
        "order": [0] * len(member.departments),
        "position": "",
        "status": 1 if member.active else 4,
        "enable": 1,
        "isleader": 0,
        "main_department": member.departments[0],
        "is_leader_in_dept": [0] * len(member.departments),
        "direct_leader": [],
        "alias": "",
    }


@endpoint("GET", "user/get", customers=False)
def get_user(call: Call) -> dict[str, Any]:
    """One member; phone, e-mail and picture are not told, as for apps made since 2022-06."""
    return _full(call.member(call.asked.text("userid")))


@endpoint("GET", "user/simplelist", customers=False)
def list_users_briefly(call: Call) -> dict[str, Any]:
    """Members of a department, with those below it for ``fetch_child=1``."""
    return {"userlist": [_brief(member) for member in _members(call)]}


@endpoint("GET", "user/list", customers=False)
def list_users(call: Call) -> dict[str, Any]:
    """The same with every field."""
    return {"userlist": [_full(member) for member in _members(call)]}


@endpoint("GET", "department/list", customers=False)
def list_departments(call: Call) -> dict[str, Any]:
    """A department with all below it; every one without ``id``."""
    return {"department": _departments(call)}


@endpoint("GET", "department/simplelist", customers=False)
def list_departments_briefly(call: Call) -> dict[str, Any]:
    """Ids of departments alone."""
    names = ("id", "parentid", "order")
    return {"department_id": [{name: each[name] for name in names} for each in _departments(call)]}


def _departments(call: Call) -> list[dict[str, Any]]:
    top = _number(call, "id")
    if top is not None and top not in call.corp.departments:
        raise Refused(60003, str(top))
    return [
        {
            "id": number,
            "name": name,
            "name_en": "",
            "department_leader": [],
            "parentid": parent,
            "order": 100_000 - number,
        }
        for number, (name, parent) in sorted(call.corp.departments.items())
        if top in (None, 1, number)
    ]
