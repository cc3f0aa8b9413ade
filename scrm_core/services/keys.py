"""API keys (接口密钥): who may call the API of a brand, and for what.

A key is shown once, when it is made::

    scrm_<brand>.<key id>_<secret>

The database keeps the id, a SHA-256 hash of the secret (256 random bits need no
slow hash) and the scopes. A key names its brand, so a request can be refused
without asking any other brand's database.
"""

from __future__ import annotations

import difflib
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..db import transactional
from ..db.bulk import execute
from ..errors import Conflict, Invalid, NotFound, Unauthorized
from ..limits import LIMITS
from ..values.text import clean_text
from . import audit
from .survivors import begin_writing

if TYPE_CHECKING:
    from ..brands import Brand

CORE_SCOPES: Mapping[str, str] = {
    "leads:write": "post leads",
    "contacts:read": "read contacts, their identities and touches",
    "contacts:write": "create contacts and add identities",
    "tags:read": "read tag groups, tags and who has them",
    "tags:write": "define tags, set and remove them",
    "orders:read": "read orders",
    "orders:write": "post orders and refunds",
    "rewards:read": "read granted rewards",
    "rewards:write": "grant and reverse rewards",
    "carts:quote": "price carts",
    "outreach:read": "see runs of messages and whom not to write to",
    "outreach:write": "keep addresses from messages, stop and release sending",
    "channels:read": "read channels and short links",
    "channels:write": "create channels and short links",
    "segments:read": "count and list the contacts of a segment",
    "segments:write": "save segments",
    "imports:read": "see imports of files, how far they are and what they refused",
    "events:read": "read the event log and parked events",
    "events:write": "hand parked events to their plugins again",
    "plugins:read": "see which plugins are enabled and how they fare",
    "jobs:read": "see periodic jobs, their runs and when they run next",
    "jobs:write": "have a job run at once",
    "audit:read": "read who did what",
    "reports:read": "read reports",
    "users:read": "see the brand's users and their roles",
}
"""Every permission of the core's routes; plugins add theirs as ``<plugin>:<word>``."""

EVERYTHING = "*"
"""The scope that includes every permission, also those of plugins enabled later."""

_BEARER = re.compile(r"scrm_(?P<brand>[a-z][a-z0-9_-]{0,30})\.(?P<key>[a-z2-7]{12})_(?P<secret>[0-9a-f]{64})\Z")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
# Compared with when there is no such key, so that both refusals do the same work.
_NOBODY = hashlib.sha256(b"no such key").hexdigest()
_REFUSED = "no valid API key; send one as `Authorization: Bearer scrm_...`"


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """An authenticated key. ``brand`` is the brand it belongs to."""

    brand: str
    key_id: str
    scopes: frozenset[str]

    @property
    def actor(self) -> str:
        """How the key is named in records of who did what."""
        return f"key:{self.key_id}"

    def allows(self, permission: str) -> bool:
        """Whether the scopes include a permission: itself, ``area:*`` or ``*``."""
        scopes = self.scopes
        return permission in scopes or EVERYTHING in scopes or f"{permission.partition(':')[0]}:*" in scopes


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as it is listed: never its secret. Instants are epoch milliseconds."""

    key_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: int
    revoked_at: int | None


def refused() -> Unauthorized:
    """The one answer to a missing, malformed, unknown, wrong or revoked key, for any brand."""
    return Unauthorized(_REFUSED)


def brand_of(bearer: str) -> str | None:
    """The brand that a full key says it belongs to, or None when it is not shaped like a key."""
    match = _BEARER.match(bearer)
    return match.group("brand") if match is not None else None


class Keys:
    """The API keys of one brand."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand

    @transactional
    def create(
        self, name: str, scopes: Iterable[str], *, actor: str = "operator", newest: str | None = None
    ) -> tuple[str, str]:
        """Make a key; returns its id and the full key, which is never readable again.

        ``newest`` is the id of the newest key that the caller saw, empty for none.
        Raises Invalid for a scope that neither the core nor an enabled plugin
        of this brand declares, Conflict (``keys_changed``) when there is a newer
        key: the same form was sent twice, or somebody else made one.
        """
        name = clean_text(name, field="name", max_length=LIMITS.name)
        wanted = sorted(set(scopes))
        if not wanted:
            raise Invalid("a key needs at least one scope; '*' includes everything", field="scopes")
        for scope in wanted:
            self._check_scope(scope)
        begin_writing()
        row = execute("SELECT key_id FROM api_key ORDER BY id DESC LIMIT 1").fetchone()
        if newest is not None and newest != (row[0] if row is not None else ""):
            raise Conflict("a key was made since this page was opened; look at the list again", code="keys_changed")
        key_id = "".join(secrets.choice(_ALPHABET) for _ in range(12))
        secret = secrets.token_hex(32)
        execute(
            "INSERT INTO api_key (key_id, digest, name, scopes, created_at) VALUES (?, ?, ?, ?, ?)",
            (key_id, _digest(secret), name, json.dumps(wanted), self._brand.now()),
        )
        audit.record(self._brand, actor, "key.create", f"key:{key_id}", {"scopes": wanted})
        return key_id, f"scrm_{self._brand.id}.{key_id}_{secret}"

    def list(self) -> list[KeyView]:
        """Every key of the brand, revoked ones too, oldest first."""
        rows = execute("SELECT key_id, name, scopes, created_at, revoked_at FROM api_key ORDER BY id").fetchall()
        return [KeyView(row[0], row[1], tuple(json.loads(row[2])), row[3], row[4]) for row in rows]

    @transactional
    def revoke(self, key_id: str, *, actor: str = "operator") -> KeyView:
        """End a key at once, in every process; a key already revoked stays as it is.

        Raises NotFound for an id this brand never gave.
        """
        revoked = execute(
            "UPDATE api_key SET revoked_at = ? WHERE key_id = ? AND revoked_at IS NULL", (self._brand.now(), key_id)
        )
        if revoked.rowcount:
            audit.record(self._brand, actor, "key.revoke", f"key:{key_id}")
        for view in self.list():
            if view.key_id == key_id:
                return view
        raise NotFound(f"brand {self._brand.id!r} has no key {key_id!r}")

    def authenticate(self, bearer: str) -> KeyInfo:
        """Whose key this is. The database is asked each time, so a revoked key fails at once.

        Raises Unauthorized, with the same words for every reason.
        """
        match = _BEARER.match(bearer)
        if match is None or match.group("brand") != self._brand.id:
            raise refused()
        key_id = match.group("key")
        row = execute("SELECT digest, scopes, revoked_at FROM api_key WHERE key_id = ?", (key_id,)).fetchone()
        digest, scopes, revoked_at = row if row is not None else (_NOBODY, "[]", 0)
        if not hmac.compare_digest(digest, _digest(match.group("secret"))) or revoked_at is not None:
            raise refused()
        return KeyInfo(self._brand.id, key_id, frozenset(json.loads(scopes)))

    def permissions(self) -> dict[str, str]:
        """Every permission a key of this brand can have, with what it allows."""
        known = dict(CORE_SCOPES)
        for plugin in self._brand.plugins.values():
            known.update(plugin.permissions)
        return known

    def _check_scope(self, scope: str) -> None:
        known = self.permissions()
        areas = {f"{name.partition(':')[0]}:*" for name in known}
        if scope == EVERYTHING or scope in known or scope in areas:
            return
        owner = scope.partition(":")[0]
        if owner not in self._brand.plugins and owner in self._brand.installation.loader.candidates():
            how = f"its file needs a table [plugins.{owner}] without enabled = false"
            hint = f"the plugin {owner!r} is not switched on for brand {self._brand.id!r}: {how}"
            raise Invalid(f"unknown scope {scope!r}; {hint}", field="scopes", code="scope")
        near = difflib.get_close_matches(scope, [*known, *areas], n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join([*known, *sorted(areas), EVERYTHING])}"
        raise Invalid(f"unknown scope {scope!r}; {hint}", field="scopes", code="scope")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
