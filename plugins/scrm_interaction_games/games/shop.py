"""The way from a page of a game to the brand's shop."""

from __future__ import annotations

from urllib.parse import quote

from scrm_core.api import Invalid, safe_target

_TICKET = "{ticket}"


def shop_link(template: str, ticket: str) -> str:
    """The shop's address for a ticket, or an empty text where the brand has set none."""
    return template.replace(_TICKET, quote(ticket, safe=""))


def shop_problems(template: str) -> list[str]:
    """What is wrong with a shop's address, a sentence each: an absolute http(s) address that says where it leads."""
    if not template:
        return []
    try:
        safe_target(shop_link(template, "0123456789abcdef"))
    except Invalid as error:
        return [f"settings.shop_url: {error}"]
    return []
