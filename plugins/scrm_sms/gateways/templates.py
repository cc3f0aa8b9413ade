"""Platforms that send approved templates (模板) instead of texts: what a message needs for them."""

from __future__ import annotations

import re

from scrm_core.api import OutMessage, SendResult

_SIGNATURE = re.compile(r"【([^【】]{1,30})】")


def signature_of(message: OutMessage, given: str) -> str:
    """The signature (签名) without brackets: ``given``, or the one that the text begins with; empty for none."""
    if given:
        return given
    found = _SIGNATURE.match(message.body)
    return found.group(1) if found else ""


def unfit(message: OutMessage, given: str) -> SendResult | None:
    """Why a message cannot be sent by template, or None. It is the copy's fault, so the run halts."""
    if not message.template:
        return SendResult.refused("no_template", "this gateway sends approved templates only: name its code", halt=True)
    if not signature_of(message, given):
        return SendResult.refused("no_signature", "the text begins with no 【signature】 and none is set", halt=True)
    return None


def positional(message: OutMessage) -> list[str]:
    """The values in the order of the template's places: ``{1}{2}`` by number, else as they are named in the copy."""
    params = message.params
    if all(name.isascii() and name.isdigit() for name in params):
        return [params[name] for name in sorted(params, key=int)]
    return list(params.values())
