"""What a reply (上行短信) does: an opt-out and a re-subscription count at once, everything else is told to plugins."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from scrm_core.api import Inbound, Plugin

from ..copywriting.replies import OPT_OUT, RESUBSCRIBE, intent_of, reply_words
from .outcomes import visible

if TYPE_CHECKING:
    from .reports import Reply

CHANNEL = "sms"
VIA = "sms_reply"
"""Where consent that a reply gave or withdrew came from."""

_TEXT = 2_000
_HANDLED = {OPT_OUT: "opt_out", RESUBSCRIBE: "opt_in"}


def take(
    plugin: Plugin,
    address: str,
    text: str,
    *,
    ref: str,
    at: int | None = None,
    to: str = "",
    intent: str | None = None,
) -> Inbound:
    """Keep a reply and do what it asks for; the same ``ref`` again does nothing.

    ``address`` is E.164. ``ref`` is the gateway's reference; an empty one makes
    the reply unlike every other. ``intent`` is what the platform took it for;
    None asks the brand's words. Nothing is ever answered: a message that
    confirms an opt-out would be one message too many.
    """
    outreach = plugin.brand.outreach
    text = visible(text, _TEXT)
    wanted = intent or intent_of(text, reply_words(plugin.settings))
    handled = _HANDLED.get(wanted or "", "")
    ref = ref or f"none-{secrets.token_hex(20)}"
    with plugin.brand.transaction():
        kept = outreach.received(CHANNEL, address, text, ref=ref, at=at, to=to, handled=handled)
        if not kept.new:
            return kept
        evidence = visible(f"{text} (to {to or 'us'}, message {kept.answers or 'none'})", _TEXT)
        if handled == "opt_out":
            outreach.opt_out(CHANNEL, address, via=VIA, evidence=evidence, at=at)
        elif handled == "opt_in":
            outreach.opt_in(CHANNEL, address, via=VIA, evidence=evidence, text_version="reply", at=at)
    return kept


def take_reply(plugin: Plugin, reply: Reply) -> Inbound:
    """:func:`take` for a reply as it was read from a callback."""
    return take(plugin, reply.address, reply.text, ref=reply.ref, at=reply.at, to=reply.to, intent=reply.intent)
