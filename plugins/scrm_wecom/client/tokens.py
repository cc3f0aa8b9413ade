"""The access token (access_token): one row that all processes of a brand share, fetched by one of them at a time.

Whoever finds it old takes a lease by one conditional UPDATE, asks outside any
transaction, and writes the answer. The others go on with the old token while it
is good, and wait for the new one after that. A secret that WeCom refuses is not
tried again for a while: WeCom would ban the machine's address for everybody.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from scrm_core.api import execute, transactional

from .codes import AWAY, CONFIG, WecomError

if TYPE_CHECKING:
    from scrm_core.api import Brand

MARGIN_MS = 300_000
"""A token is renewed so long before it ends."""

SAME_MS = 30_000
"""How long WeCom is not asked again when it gave a token that ends soon: within its life it gives the same one."""

LEASE_MS = 20_000
REFUSED_MS = 600_000
"""How long a refused secret is left alone; another secret is tried at once."""

STEP_SECONDS = 0.1

Fetch = Callable[[], tuple[str, int]]
"""Asks WeCom: the token, and the seconds that it is good for."""


class Tokens:
    """The token of one application. Use it outside transactions; ``pause`` waits for some seconds."""

    def __init__(self, brand: Brand, application: str, fetch: Fetch, pause: Callable[[float], None]) -> None:
        self.brand = brand
        self._app = hashlib.sha256(application.encode()).hexdigest()[:32]
        self._fetch = fetch
        self._pause = pause

    def get(self) -> str:
        """A token that is good for now; raises WecomError."""
        for _ in range(int(LEASE_MS / 1_000 / STEP_SECONDS) + 1):
            found = self._look()
            if found:
                return found
            lease = secrets.token_hex(8)
            if self._claim(lease):
                return self._renew(lease)
            self._pause(STEP_SECONDS)
        raise WecomError("gettoken: another process has been asking for too long; try again", kind=AWAY)

    @transactional
    def drop(self, token: str) -> None:
        """WeCom does not take this token any more; one that was fetched meanwhile stays."""
        execute(
            "UPDATE wecom_token SET expires_at = 0, lease_until = CASE WHEN lease = '' THEN 0 ELSE lease_until END "
            "WHERE app = ? AND token = ?",
            (self._app, token),
        )

    def _look(self) -> str:
        """The token, if it may be used as it is: also an old one that somebody renews, or asked for a moment ago."""
        row = execute(
            "SELECT token, expires_at, lease_until, refused_until, refusal FROM wecom_token WHERE app = ?", (self._app,)
        ).fetchone()
        if row is None:
            return ""
        token, expires_at, lease_until, refused_until, refusal = row
        now = self.brand.now()
        if refused_until > now:
            raise WecomError(refusal, kind=CONFIG)
        renewed_soon = lease_until > now and expires_at > now
        return str(token) if expires_at - MARGIN_MS > now or renewed_soon else ""

    @transactional
    def _claim(self, lease: str) -> bool:
        now = self.brand.now()
        return bool(
            execute(
                "INSERT INTO wecom_token (app, token, expires_at, lease, lease_until, refused_until, refusal) "
                "VALUES (?, '', 0, ?, ?, 0, '') ON CONFLICT (app) DO UPDATE SET lease = excluded.lease, "
                "lease_until = excluded.lease_until WHERE wecom_token.lease_until <= ? "
                # Somebody renewed it between our look and our claim.
                "AND wecom_token.expires_at - CAST(? AS BIGINT) <= ? AND wecom_token.refused_until <= ?",
                (self._app, lease, now + LEASE_MS, now, MARGIN_MS, now, now),
            ).rowcount
        )

    def _renew(self, lease: str) -> str:
        try:
            token, seconds = self._fetch()
        except WecomError as exc:
            self._release(lease, str(exc) if exc.kind == CONFIG else "")
            raise
        except BaseException:
            self._release(lease, "")
            raise
        self._store(lease, token, seconds)
        return token

    @transactional
    def _store(self, lease: str, token: str, seconds: int) -> None:
        now, life = self.brand.now(), seconds * 1_000
        # A lease of nobody's: until it is over, a token that ends soon is used as it is.
        until = now + min(SAME_MS, life) if life <= MARGIN_MS else 0
        execute(
            "UPDATE wecom_token SET token = ?, expires_at = ?, lease = '', lease_until = ?, refused_until = 0, "
            "refusal = '' WHERE app = ? AND lease = ?",
            (token, now + life, until, self._app, lease),
        )

    @transactional
    def _release(self, lease: str, refusal: str) -> None:
        until = self.brand.now() + REFUSED_MS if refusal else 0
        execute(
            "UPDATE wecom_token SET lease_until = 0, refused_until = ?, refusal = ? WHERE app = ? AND lease = ?",
            (until, refusal, self._app, lease),
        )
