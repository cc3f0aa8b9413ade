"""What the server holds and what was done to it, as data: the status page and ``GET /simulator/state`` show it."""

from __future__ import annotations

from itertools import islice
from typing import Any

from .acts import ACTS
from .corp import Corp
from .limits import AS_OF
from .simulator import Simulator

SHOWN = 100


def state_of(simulator: Simulator) -> dict[str, Any]:
    """The whole server; lists are cut to the last hundred."""
    with simulator.lock:
        return _state(simulator, simulator.now())


def corp_state(simulator: Simulator, corp: Corp) -> dict[str, Any]:
    """One corp: credentials, people, and what the apps did to them (``effects``)."""
    with simulator.lock:
        return _corp(simulator, corp)


def _state(simulator: Simulator, now: int) -> dict[str, Any]:
    return {
        "now": now,
        "limits_as_of": AS_OF,
        "corps": {corpid: _corp(simulator, corp) for corpid, corp in simulator.corps.items()},
        "calls": [
            {
                "at": line.at,
                "corpid": line.corpid,
                "agentid": line.agentid,
                "api": line.api,
                "errcode": line.errcode,
                "ignored": line.ignored,
                "fault": line.fault,
            }
            for line in _last(simulator.calls)
        ],
        "counts": [
            {"corpid": corpid, "api": api, "errcode": code, "calls": count}
            for (corpid, api, code), count in sorted(simulator.counts.items())
        ],
        "callbacks": [callback.shown() for callback in _last(simulator.outbox.kept)],
        "callbacks_waiting": simulator.outbox.waiting(),
        "faults": simulator.faults.shown(now),
        "blocked": simulator.rates.blocked(now),
        "acts": {name: each.words for name, each in sorted(ACTS.items())},
    }


def _corp(simulator: Simulator, corp: Corp) -> dict[str, Any]:
    return {
        "name": corp.account.name,
        "apps": [
            {
                "agentid": app.agentid,
                "name": app.account.name,
                "secret": app.account.secret,
                "enabled": app.enabled,
                "trusted_ips": None if app.trusted is None else [str(each) for each, _ in app.trusted],
                "callback": None
                if app.callback is None
                else {"url": app.callback.url, "token": app.callback.token, "aes_key": app.callback.aes_key},
            }
            for app in corp.apps.values()
        ],
        "tokens": simulator.tokens.held(corp, simulator.now()),
        "members": [
            {
                "userid": member.userid,
                "name": member.name,
                "customers": corp.pairs.count(member.userid),
                "active": member.active,
                "customer_contact": member.customer_contact,
                "left_at": member.left_at,
            }
            for member in islice(corp.members.values(), SHOWN)
        ],
        "pairs_in_memory": corp.pairs.kept(),
        "tag_groups": [
            {"id": group.id, "name": group.name, "tags": {tag.id: tag.name for tag in group.tags.values()}}
            for group in islice(corp.tag_groups.values(), SHOWN)
        ],
        "contact_ways": [
            {
                "config_id": way.config_id,
                "state": way.values["state"],
                "remark": way.values["remark"],
                "users": way.users,
                "parties": way.parties,
            }
            for way in _last(corp.contact_ways.values())
        ],
        "links": [
            {"link_id": link.link_id, "name": link.name, "customers": len(link.customers), "available": link.available}
            for link in _last(corp.links.values())
        ],
        "quota_left": corp.quota_left,
        "group_sends": [
            {
                "msgid": send.msgid,
                "text": send.content["text"],
                "cancelled": send.cancelled,
                "tasks": {
                    userid: {"targets": len(task.targets), "confirmed": task.sent_at is not None}
                    for userid, task in send.tasks.items()
                },
            }
            for send in _last(corp.group_sends.values())
        ],
        "moments": [
            {
                "moment_id": moment.moment_id,
                "text": moment.content["text"],
                "senders": moment.senders,
                "published": sorted(moment.published),
            }
            for moment in _last(corp.moments.values())
        ],
        "transfers": [
            {"handover": each.handover, "takeover": each.takeover, "status": each.status}
            for each in _last(corp.transfers)
        ],
        "groups": [
            {"chat_id": group.chat_id, "name": group.name, "owner": group.owner, "members": len(group.members)}
            for group in _last(corp.groups.values())
        ],
        "requests": [
            {"userid": userid, "person": corp.people.person(number).key}
            for userid, number in islice(corp.requests, SHOWN)
        ],
        "effects": list(_last(corp.effects)),
    }


def _last(items: Any) -> list[Any]:
    return list(items)[-SHOWN:]
