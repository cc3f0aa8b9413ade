"""Between a page of a game and the brand's shop: the shop's address, prices and times as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from scrm_core.api import Invalid, from_instant, safe_target, show_minor

if TYPE_CHECKING:
    from scrm_core.api import Brand

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


def price(brand: Brand, minor: int | None) -> str:
    """An amount as people read it, like ¥39.90; empty for None."""
    return "" if minor is None else show_minor(minor, brand.currency)


def moment(brand: Brand, instant: int | None) -> str:
    """An instant as wall-clock time of the brand, like 03-05 18:30; empty for None."""
    return "" if instant is None else f"{from_instant(instant, brand.zone):%m-%d %H:%M}"
