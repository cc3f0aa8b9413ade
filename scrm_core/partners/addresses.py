"""Which addresses a partner's installation may have: public ones, and networks that the project names.

A partner decides what its name resolves to. So the name is asked once, every address of the answer is checked, and the
call goes to the address that was checked: one that leads into this network a moment later leads nowhere.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from typing import Any

from ..partner_config import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[..., list[Any]]

# What carries an IPv4 address in its last 32 bits: a translator (NAT64), and the old compatible form.
_CARRIERS = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96")))
# A network's own, though not to Python: its translators, wherever they keep the IPv4 address, and site-local addresses.
_INSIDE = tuple(map(ipaddress.IPv6Network, ("64:ff9b:1::/48", "::ffff:0:0:0/96", "fec0::/10")))


class NotAllowed(OSError):
    """The name leads to an address that no partner may have."""


def resolve(host: str, port: int, networks: Iterable[Network], lookup: Lookup = socket.getaddrinfo) -> str:
    """The address to call for a partner's host, as text.

    Raises NotAllowed when one of its addresses is not allowed, OSError when it has none.
    """
    found = [entry[4][0] for entry in lookup(host, port, type=socket.SOCK_STREAM)]
    if not found:
        raise OSError("no address")
    allowed = tuple(networks)
    for each in found:
        if not _allowed(ipaddress.ip_address(each.partition("%")[0]), allowed):
            raise NotAllowed
    return str(found[0])


def _allowed(address: Address, networks: tuple[Network, ...]) -> bool:
    if any(address in network for network in networks):
        return True
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inside(address)
        if inner:
            return all(_allowed(each, networks) for each in inner)
        if any(address in network for network in _INSIDE):
            return False
    return address.is_global and not address.is_multicast


def _inside(address: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if any(address in carrier for carrier in _CARRIERS):
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return ()
