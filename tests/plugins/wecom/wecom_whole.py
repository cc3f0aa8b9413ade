"""A brand and its corporation, played by the simulator over HTTP both ways."""

from __future__ import annotations

from typing import Any

from wecom_scene import CORP, Scene

from scrm_wecom.simulator import Simulator

SECRET, OTHER = "shop-secret", "wwother0000000000"


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
