"""A brand and its corporation, played by the simulator over HTTP both ways."""

from __future__ import annotations

import re
from typing import Any

from wecom_scene import CORP, Scene

from scrm_core.api import execute
from scrm_wecom.simulator import Simulator

SECRET, OTHER = "shop-secret", "wwother0000000000"
EVERYBODY = "orders = 0"
AT = "b/acme/x/wecom/"
"""Where acme's pages of WeCom are in the console."""


class Whole(Scene):
    """Acme with its corporation: ten customers of three members before anybody hears of them."""

    simulator: Simulator
    simulator_url: str

    def act(self, name: str, /, **arguments: Any) -> Any:
        """An act, and what the worker makes of it."""
        outcome = self.simulator.act(CORP, name, arguments)
        self.deliver()
        return outcome

    def work(self) -> None:
        """The job, the worker and the senders until nothing is left to do now."""
        for _ in range(3):
            with self.brand as brand:
                brand.plugins["wecom"].work()
            self.deliver()
            with self.brand as brand:
                brand.outreach.drain()

    def synced(self) -> Whole:
        """After a full sync."""
        with self.brand as brand:
            brand.plugins["wecom"].wecom.full_sync.begin()
        self.work()
        return self

    def way(self, *staff: str, state: str = "") -> str:
        """A contact way (渠道活码) of these members."""
        body = {"type": 2, "scene": 2, "user": list(staff), "state": state}
        with self.brand as brand:
            return brand.plugins["wecom"].wecom.api.calls.act("externalcontact/add_contact_way", body)["config_id"]

    def external(self, person: str) -> str:
        return self.simulator.corp(CORP).external_userid(self.simulator.people.number(person))

    def contact(self, person: str) -> Any:
        with self.brand as brand:
            return brand.contacts.find("external_userid", self.external(person))

    def tag_names(self, person: str) -> dict[str, str]:
        with self.brand as brand:
            return {tag.name: tag.origin for tag in brand.tags.of(self.contact(person).id)}

    def welcomes(self) -> list[str]:
        """Texts that people were welcomed with."""
        return [each["text"] for each in self.noted("welcome")]

    def noted(self, what: str) -> list[dict[str, Any]]:
        """What apps did at the corporation."""
        return [each for each in self.simulator.corp(CORP).effects if each["what"] == what]


def held(text: str, name: str) -> str:
    """What stands in the element with this data attribute."""
    found = re.search(rf"data-{name}[^>]*>(.*?)</(?:dd|td|strong|span|a|pre|p|small)>", text, re.S)
    return re.sub(r"<[^>]+>", "", found[1]).strip() if found else ""


def seen(text: str, inside: str = "") -> str:
    """The hidden version of the form behind ``inside``."""
    found = re.search(r'name="seen" value="([^"]*)"', text[text.index(inside) :])
    assert found is not None
    return found[1].replace("&#39;", "'").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", '"')


def draft(whole: Whole, browser: Any, code: str = "may") -> Any:
    """A group send to everybody, who agree to it, made on the page."""
    with whole.brand as brand:
        for (contact,) in execute("SELECT DISTINCT contact_id FROM wecom_follow").fetchall():
            brand.consent.record(contact, "marketing_wecom", granted=True, source="test")
    browser.get(f"{AT}sends")
    return browser.post(f"{AT}sends", act="open", code=code, text="Hello & <b>", segment=EVERYBODY, kind="marketing")
