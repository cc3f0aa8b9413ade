"""A project whose brands have WeCom, and the simulator as a process of its own, which is asked what it saw."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from grounds import Grounds, Process

CORP, OTHER = "wwdemo000000000001", "wwdemo000000000002"
SETTINGS = """
[outreach]
quiet_hours = "none"
one_to_one_per_week = "none"
[plugins.wecom]
corp_id = "wwdemo00000000000{number}"
callback_token = "demoToken000{number}"
callback_aes_key = "demoEncodingAESKey{number:025d}"
secret = "demo-secret-000{number}"
api = "{api}"
"""


def ask(url: str, body: Any = None, seconds: float = 60) -> Any:
    """JSON of a GET, or of a POST where there is a body."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=seconds) as answer:
        return json.loads(answer.read())


class Corporations:
    """The simulator's two corporations; what is asked of the API here is asked as their own application asks."""

    def __init__(self, ground: Grounds, port: int, callbacks: list[str], *, staff: int, customers: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        more = [word for each in callbacks for word in ("--callback", each)]
        self.process = ground.scrm(
            "simulator", "wecom", "simulate", "--port", str(port), "--corps", "2", "--staff", str(staff),
            "--customers", str(customers), *more,
        )  # fmt: skip
        ground.answering(self.url, self.process, "/simulator/state")

    def act(self, name: str, corp: str = CORP, /, **arguments: Any) -> Any:
        return ask(f"{self.url}/simulator/{corp}/acts/{name}", arguments)

    def slow(self, api: str, seconds: float) -> None:
        """An API answers late, so that a process can die while it waits."""
        ask(f"{self.url}/simulator/faults", {"kind": "slow", "value": seconds, "api": f"externalcontact/{api}"})

    def even(self) -> None:
        """Nothing is slow any more."""
        request = urllib.request.Request(f"{self.url}/simulator/faults", method="DELETE")
        with urllib.request.urlopen(request, timeout=60):
            return

    def later(self, seconds: float) -> None:
        """The simulator's clock goes ahead."""
        ask(f"{self.url}/simulator/clock", {"advance_seconds": seconds})

    def state(self, corp: str = CORP) -> Any:
        return ask(f"{self.url}/simulator/{corp}/state")

    def counts(self, api: str, corp: str = CORP) -> dict[int, int]:
        """How often an API was asked, by what it answered."""
        rows = ask(f"{self.url}/simulator/state")["counts"]
        name = f"externalcontact/{api}"
        return {each["errcode"]: each["calls"] for each in rows if (each["corpid"], each["api"]) == (corp, name)}

    def call(self, api: str, body: Any = None, **query: str) -> Any:
        token = ask(f"{self.url}/cgi-bin/gettoken?corpid={CORP}&corpsecret=demo-secret-0001")["access_token"]
        more = "".join(f"&{name}={value}" for name, value in query.items())
        told = ask(f"{self.url}/cgi-bin/externalcontact/{api}?access_token={token}{more}", body)
        assert told["errcode"] == 0, (api, told)
        return told

    def pages(self, api: str, body: dict[str, Any], name: str) -> Iterator[Any]:
        cursor = ""
        while True:
            told = self.call(api, {**body, "cursor": cursor})
            yield from told[name]
            cursor = told.get("next_cursor", "")
            if not cursor:
                return

    def customers(self) -> dict[str, dict[str, set[str]]]:
        """Every customer of every member, with the corporation's tags that the member gave."""
        found: dict[str, dict[str, set[str]]] = {}
        for staff in self.call("get_follow_user_list")["follow_user"]:
            for each in self.pages("batch/get_by_user", {"userid_list": [staff], "limit": 100}, "external_contact_list"):
                pairs = found.setdefault(each["external_contact"]["external_userid"], {})
                pairs[staff] = set(each["follow_info"]["tag_id"])
        return found

    def sent(self, now_s: int) -> dict[str, Counter[str]]:
        """By text of a group send: in how many tasks each customer is."""
        window = {"chat_type": "single", "start_time": now_s - 86_400, "end_time": now_s + 86_400, "limit": 100}
        found: dict[str, Counter[str]] = {}
        for send in list(self.pages("get_groupmsg_list_v2", window, "group_msg_list")):
            counted = found.setdefault(send["text"]["content"], Counter())
            for task in self.pages("get_groupmsg_task", {"msgid": send["msgid"]}, "task_list"):
                body = {"msgid": send["msgid"], "userid": task["userid"], "limit": 1_000}
                counted.update(each["external_userid"] for each in self.pages("get_groupmsg_send_result", body, "send_list"))
        return found


def wecom_ground(make: Callable[..., Grounds], api: str) -> Grounds:
    """Acme and moonco, each with a corporation at this address."""
    ground = make(SETTINGS.format(number=1, api=api))
    with (ground.root / "brands" / "moonco.toml").open("a") as file:
        file.write(SETTINGS.format(number=2, api=api))
    ground.installation = ground.open()
    ground.installation.migrate()
    return ground


__all__ = ["CORP", "OTHER", "Corporations", "Process", "ask", "wecom_ground"]
