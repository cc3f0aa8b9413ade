"""Talk that is worth something (互动 2.0 聊天即交易): a message meets a rule, a tag is set, an award is proposed.

A rule is a list of words: a message that contains one of them meets it. Words
are compared as they are, without case; there are no patterns that could run
away. The tag is set at once, the award waits for a person.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, MessageReceived

from .hands import AwardIn, Hands
from .modes import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

log = logging.getLogger("scrm.plugin.interaction-games")


def meets(rule: dict[str, Any], channel: str, text: str) -> str | None:
    """The word of the rule that the message contains, or None."""
    if rule["channel"] and rule["channel"] != channel:
        return None
    folded = text.casefold()
    return next((word for word in rule["words"] if word.casefold() in folded), None)


class Talk:
    """The message rules of one brand at work."""

    def __init__(self, brand: Brand, settings: dict[str, Any], hands: Hands) -> None:
        self.brand = brand
        self.rules: list[dict[str, Any]] = settings["message_rules"]
        self.hands = hands

    def take(self, event: MessageReceived) -> int:
        """Apply every rule to a received message of a known person; returns how many awards were proposed."""
        if event.contact_id is None:
            return 0
        met = [(rule, word) for rule in self.rules if (word := meets(rule, event.channel, event.text)) is not None]
        if not met:
            return 0
        contact_id = self.brand.contacts.present(event.contact_id)
        if contact_id is None:
            return 0  # erased meanwhile
        proposed = 0
        for rule, word in met:
            wanted = AwardIn(
                contact_id,
                f"chat:{rule['name']}:{event.message_in_id}",
                "other",
                rule["kind"],
                f"said {word!r}",
                rule["item"],
                rule["quantity"],
                rule["cost_minor"],
                rule["mode"],
            )
            if self.hands.propose(
                wanted, rule=rule["name"], message_in_id=event.message_in_id, per_person=rule["per_person"]
            ):
                proposed += 1
            self._tag(rule, contact_id, event.at)
        return proposed

    def _tag(self, rule: dict[str, Any], contact_id: int, at: int) -> None:
        tags = self.brand.tags
        tag_id = tags.find(rule["group"], rule["tag"])
        if tag_id is None:
            tag_id = tags.define(rule["group"], rule["tag"], kind="business", plan=rule["plan"])
        try:
            tags.add(contact_id, tag_id, origin="auto", actor=f"{NAME}:{rule['name']}", at=at)
        except Conflict as exc:
            if exc.code != "retired":
                raise
            log.warning("rule %s: tag %s/%s is retired and was not set", rule["name"], rule["group"], rule["tag"])
