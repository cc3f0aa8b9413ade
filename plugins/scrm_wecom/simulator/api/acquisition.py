"""The acquisition assistant's links (获客助手): wecom section 10; dev:97297, 97298, 97375, 97398-97400.

Which code answers an unknown link is not documented: 40058 here. Paid use is
counted once per customer who is added (the exact event is not confirmed).
"""

from __future__ import annotations

from typing import Any

from ..answers import Refused
from ..corp import AcquisitionLink, Corp, china
from .call import Call, endpoint

PEOPLE = 100
NAME = 30
STATISTIC_DAYS = 180
CHANNEL_BYTES = 64


def _own_app(call: Call) -> Corp:
    if call.app.account.system:
        raise Refused(48002, "acquisition links need an app's secret, not that of customer contact")
    return call.corp


@endpoint("POST", "externalcontact/customer_acquisition/list_link")
def list_link(call: Call) -> dict[str, Any]:
    """Ids of all links, page by page."""
    limit = call.limit(default=100, most=100)
    page, cursor = call.page_after(_own_app(call).links.values(), limit)
    return {"link_id_list": [link.link_id for link in page], "next_cursor": cursor}


@endpoint("POST", "externalcontact/customer_acquisition/get")
def get_link(call: Call) -> dict[str, Any]:
    """One link with its range."""
    link = _link(call)
    answer = {
        "link": _shown(call, link),
        "range": {"user_list": list(link.users), "department_list": list(link.departments)},
    }
    return answer | ({} if link.priority is None else {"priority_option": link.priority})


@endpoint("POST", "externalcontact/customer_acquisition/create_link")
def create_link(call: Call) -> dict[str, Any]:
    """Make a link; ``?customer_channel=`` at its address comes back as State."""
    corp = _own_app(call)
    name = call.asked.text("link_name", missing=40063, most=NAME)
    users, departments = _range(call)
    if not users and not departments:
        raise Refused(40063, "range")
    skip_verify, priority = call.asked.flag("skip_verify", True), call.asked.raw("priority_option")
    if len(corp.links) >= corp.limits.acquisition_links:
        raise Refused(41095)
    link = AcquisitionLink(
        corp.new_id("caw", 40), corp.new_serial(), name, call.seconds, users, departments, skip_verify, priority
    )
    corp.links[link.link_id] = link
    corp.note(call.now, "create_link", link_id=link.link_id, name=name)
    return {"link": _shown(call, link)}


@endpoint("POST", "externalcontact/customer_acquisition/update_link")
def update_link(call: Call) -> None:
    """Change what is given."""
    link, asked = _link(call), call.asked
    name = asked.text("link_name", most=NAME)
    users, departments = _range(call)
    skip_verify = asked.flag("skip_verify", link.skip_verify)
    if asked.has("priority_option"):
        link.priority = asked.raw("priority_option")
    link.name = name or link.name
    if users or departments:
        link.users, link.departments = users, departments
    link.skip_verify = skip_verify
    call.corp.note(call.now, "update_link", link_id=link.link_id)


@endpoint("POST", "externalcontact/customer_acquisition/delete_link")
def delete_link(call: Call) -> None:
    """Delete a link; no event follows, it was deleted through the API."""
    link = _link(call)
    del call.corp.links[link.link_id]
    call.corp.note(call.now, "delete_link", link_id=link.link_id)


@endpoint("POST", "externalcontact/customer_acquisition/customer")
def list_link_customers(call: Call) -> dict[str, Any]:
    """Who came through a link: chat_status 0 has not spoken yet, 1 has."""
    link = _link(call)
    limit = call.limit(default=500, most=1_000)
    page, cursor = call.page(link.customers.items(), limit)
    rows = []
    for (person, userid), channel in page:
        pair = call.corp.pairs.get(userid, person)
        spoke = int(pair is not None and pair.customer_spoke)
        external = call.corp.external_userid(person)
        rows.append({"external_userid": external, "userid": userid, "chat_status": spoke, "state": channel})
    return {"customer_list": rows, "next_cursor": cursor}


@endpoint("GET", "externalcontact/customer_acquisition_quota")
def customer_acquisition_quota(call: Call) -> dict[str, Any]:
    """What was bought and what is left of it."""
    corp = _own_app(call)
    left = [{"expire_date": corp.born_at + 365 * 86_400, "balance": corp.quota_left}]
    return {"total": corp.account.quota, "balance": corp.quota_left, "quota_list": left}


@endpoint("POST", "externalcontact/customer_acquisition/statistic")
def statistic(call: Call) -> dict[str, Any]:
    """Clicks and new customers of a link by whole days, of the last 180."""
    link = _link(call)
    begin, end = call.asked.number("start_time", least=1), call.asked.number("end_time", least=1)
    first, last, today = (china(at).toordinal() for at in (begin * 1_000, end * 1_000, call.now))
    if not first <= last or today - first > STATISTIC_DAYS:
        raise Refused(40058, "the last 180 days")
    days = range(first, last + 1)
    return {
        "click_link_customer_cnt": sum(link.clicks[day] for day in days),
        "new_customer_cnt": sum(link.added[day] for day in days),
    }


def link_url(url: str, link: AcquisitionLink) -> str:
    """The address of a link: a page of this server that says what following it would do."""
    return f"{url}/ca/{link.link_id}"


def answerers(corp: Corp, link: AcquisitionLink) -> list[str]:
    """The members who answer a link."""
    users = [userid for userid in link.users if corp.members[userid].left_at is None]
    users += [member.userid for each in link.departments for member in corp.in_department(each)]
    return list(dict.fromkeys(users))


def cut_channel(text: str) -> str:
    """A channel as it comes back: at most 64 bytes, without the half of a character."""
    return text.encode()[:CHANNEL_BYTES].decode("utf-8", "ignore")


def _shown(call: Call, link: AcquisitionLink) -> dict[str, Any]:
    return {
        "link_id": link.link_id,
        "link_name": link.name,
        "url": link_url(call.url, link),
        "create_time": link.created_at,
        "skip_verify": link.skip_verify,
    }


def _range(call: Call) -> tuple[list[str], list[int]]:
    asked = call.asked.inside("range")
    users = asked.texts("user_list", most=PEOPLE, too_many=41041)
    departments = asked.numbers("department_list", most=PEOPLE)
    for userid in users:
        call.server_of_customers(userid)
    for department in departments:
        if department not in call.corp.departments:
            raise Refused(60003, str(department))
    return users, departments


def _link(call: Call) -> AcquisitionLink:
    link_id = call.asked.text("link_id", missing=40063)
    links = _own_app(call).links
    if link_id not in links:
        raise Refused(40058, f"link_id {link_id}")
    return links[link_id]
