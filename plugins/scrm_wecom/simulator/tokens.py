"""Access tokens: one per secret, the same until it ends, ended early on command (wecom section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .answers import Refused
from .limits import DAY, Limits

if TYPE_CHECKING:
    from .corp import App, Corp
    from .people import People

TOKEN_BYTES = 512
"""The documentation allows up to 512 bytes, so all of ours are that long: a narrower column is found here."""


@dataclass(slots=True)
class _Grant:
    corp: Corp
    app: App
    until: int
    ended: int = 0


class Tokens:
    """Every token that was given and that has not been over for a day."""

    def __init__(self, people: People, limits: Limits) -> None:
        self._people = people
        self._limits = limits
        self._grants: dict[str, _Grant] = {}
        self._current: dict[tuple[str, int], str] = {}
        self._made = 0

    def issue(self, corp: Corp, app: App, now: int) -> tuple[str, int]:
        """The app's token and its seconds: the one that it has, or a new one once that is over."""
        key = (corp.corpid, app.agentid)
        token = self._current.get(key, "")
        grant = self._grants.get(token)
        if grant is None or grant.ended or grant.until <= now:
            self._forget(now)
            self._made += 1
            token = "".join(self._people.code("token", *key, self._made, part) for part in range(24))[:TOKEN_BYTES]
            grant = self._grants[token] = _Grant(corp, app, now + self._limits.token_seconds * 1_000)
            self._current[key] = token
        return token, (grant.until - now) // 1_000

    def check(self, token: str, now: int) -> tuple[Corp, App]:
        """Whose token it is; raises Refused 41001 (none), 40014 (unknown or ended early) or 42001 (over)."""
        if not token:
            raise Refused(41001)
        grant = self._grants.get(token)
        if grant is None:
            raise Refused(40014)
        if grant.ended:
            raise Refused(grant.ended)
        if grant.until <= now:
            raise Refused(42001)
        return grant.corp, grant.app

    def end(self, corp: Corp, agentid: int | None = None, *, errcode: int = 40014) -> int:
        """End the tokens of a corp, or of one of its apps, now; later calls get ``errcode``. Returns how many ended."""
        ended = 0
        for grant in self._grants.values():
            if grant.corp is corp and agentid in (None, grant.app.agentid) and not grant.ended:
                grant.ended = errcode
                ended += 1
        return ended

    def held(self, corp: Corp, now: int) -> list[dict[str, object]]:
        """Tokens of a corp for the status page, by their first characters."""
        return [
            {
                "agentid": grant.app.agentid,
                "token": f"{token[:8]}...",
                "seconds": max(0, (grant.until - now) // 1_000),
                "ended": grant.ended,
            }
            for token, grant in self._grants.items()
            if grant.corp is corp
        ]

    def _forget(self, now: int) -> None:
        self._grants = {token: grant for token, grant in self._grants.items() if grant.until > now - DAY}
