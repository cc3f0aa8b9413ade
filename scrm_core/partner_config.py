"""``[partners.NAME]`` of a brand file: brands that this one exchanges messages with, and where they are."""

from __future__ import annotations

import base64
import binascii
import contextlib
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from marshmallow import RAISE, Schema, ValidationError, fields

from .config_fields import text

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
_KEY = re.compile(r"[a-z0-9][a-z0-9-]{5,60}\Z")
_LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Standard Webhooks: a secret has 24 to 64 random bytes.
_SECRET_BYTES = (24, 64)


def _url(value: str) -> None:
    if not value:
        return
    try:
        parts = urlsplit(value)
        bad = parts.query or parts.fragment or parts.username or parts.port == 0 or not parts.hostname
    except ValueError:
        bad = True
    if bad or parts.scheme not in ("http", "https"):
        raise ValidationError("must be empty or https://host[:port][/path] without query or user")
    if re.search(r"[\x00-\x20\x7f]", value):
        raise ValidationError("must have no spaces and control characters")
    if _odd(parts.hostname):
        raise ValidationError("must write an IP address as four numbers from 0 to 255")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValidationError("must be https: a signature keeps a message whole, but not secret")


def _odd(host: str | None) -> bool:
    """Whether a host is an IPv4 address to the system's resolver, but to nobody who reads it: 2130706433, 0x7f.1."""
    with contextlib.suppress(OSError, ValueError, UnicodeError):
        return socket.inet_ntoa(socket.inet_aton(host or "")) != host
    return False


def network(value: str) -> Network:
    """A network written 10.1.0.0/16; raises ValidationError."""
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        raise ValidationError("must be networks such as 10.1.0.0/16, without bits behind the mask") from None


def _key(value: str) -> None:
    if value and not _KEY.match(value):
        raise ValidationError("must be 6 to 61 lower case letters, digits and dashes")


def _secret(value: str) -> None:
    if value:
        secret_bytes(value)


def secret_bytes(value: str) -> bytes:
    """The bytes of a secret written ``whsec_`` and base64; raises ValidationError."""
    try:
        raw = base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not value.startswith("whsec_") or not _SECRET_BYTES[0] <= len(raw) <= _SECRET_BYTES[1]:
        raise ValidationError("must be whsec_ and the base64 of 24 to 64 random bytes")
    return raw


class PartnerTable(Schema):
    """``[partners.NAME]``."""

    class Meta:
        unknown = RAISE

    brand = text("the partner's brand id where it is; empty: the table's name", "")
    url = text("base URL of the partner's installation; empty: a brand of this one", "", validate=_url)
    key = text("public name of the pair's key, the same in both files; only with `url`", "", validate=_key)
    secret = fields.String(
        load_default="",
        validate=_secret,
        metadata={
            "description": "the pair's secret, as env:NAME: `whsec_` and the base64 of 24 to 64 bytes; only with `url`",
            "secret": True,
        },
    )


@dataclass(frozen=True, slots=True)
class Partner:
    """A brand that this one exchanges messages with; ``url`` is empty for a brand of the same installation."""

    name: str
    brand: str
    url: str = ""
    key: str = ""
    secret: bytes = field(default=b"", repr=False)


def shared_secrets(brands: Mapping[str, Mapping[str, Partner]]) -> list[tuple[str, str, str, str]]:
    """(brand, partner, what, remedy) of each secret that two pairs of brands of one installation share.

    ``brands``: the partners of each. The two ends of one pair have one secret: they
    name one key, and each other.
    """
    seen: dict[bytes, tuple[str, Partner]] = {}
    found: list[tuple[str, str, str, str]] = []
    for own, partners in brands.items():
        for partner in partners.values():
            if not partner.secret:
                continue
            other, first = seen.setdefault(partner.secret, (own, partner))
            pair = (first.key, first.brand, other) == (partner.key, own, partner.brand)
            if other != own and not pair:
                what = f"its secret is also that of [partners.{first.name}] of brand {other!r}"
                found.append((own, partner.name, f"{what}: whoever knows it signs for both", "make one for each pair"))
    return found


def partners_of(own: str, tables: Mapping[str, Mapping[str, Any]], raw: Any) -> tuple[dict[str, Partner], list[str]]:
    """The partners of the brand ``own`` by name, and what is wrong with their tables.

    ``raw`` is the unresolved ``partners`` table of the file: a secret must come from the environment.
    """
    found: dict[str, Partner] = {}
    problems = []
    places: dict[tuple[str, ...], str] = {}
    for name, table in tables.items():
        partner = Partner(name, table["brand"] or name, table["url"].rstrip("/"), table["key"],
                          secret_bytes(table["secret"]) if table["secret"] else b"")  # fmt: skip
        where = f"[partners.{name}]"
        if not NAME.match(name):
            problems.append(f"{where}: a partner's name must match [a-z][a-z0-9-]{{0,30}}")
        if partner.url and not (partner.key and partner.secret):
            problems.append(f"{where}: a partner with a url needs `key` and `secret`")
        if not partner.url and (partner.key or partner.secret):
            problems.append(f"{where}: `key` and `secret` are for partners with a url")
        if not partner.url and partner.brand == own:
            problems.append(f"{where} brand: found {own!r}; a brand is no partner of itself")
        if table["secret"] and not str(raw[name]["secret"]).startswith("env:"):
            problems.append(f"{where} secret: must be env:NAME: no secret stands in the file")
        place = ("key", partner.key) if partner.url else ("brand", partner.brand)
        if place in places:
            problems.append(f"{where}: has the same {place[0]} as [partners.{places[place]}]")
        places[place] = name
        # Whoever knows a secret may sign as the other one: each pair has its own.
        shared = next((each.name for each in found.values() if partner.secret and each.secret == partner.secret), None)
        if shared is not None:
            problems.append(f"{where} secret: is the same secret as that of [partners.{shared}]; make one for each")
        found[name] = partner
    return found, problems
