"""WeCom (企业微信网页授权): the code is exchanged for the external contact of the corporation."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from scrm_core.api import Forbidden, VerifiedIdentity

from .answers import STALE_TOKEN, Away, ProviderError, Remote, refused, text

SPARE_MS = 120_000
"""A token is renewed before it ends."""


class WeCom:
    """OAuth2 of one corporation's application."""

    def __init__(self, settings: dict[str, Any], remote: Remote, now: Callable[[], int]) -> None:
        self.settings = settings
        self._remote = remote
        self._now = now
        self._lock = threading.Lock()
        self._token, self._until = "", 0

    def address(self, return_address: str, state: str) -> str:
        """The authorisation page."""
        query = urlencode(
            [
                ("appid", self.settings["corp_id"]),
                ("redirect_uri", return_address),
                ("response_type", "code"),
                ("scope", "snsapi_base"),
                ("state", state),
                ("agentid", self.settings["agent_id"]),
            ]
        )
        return f"{self.settings['authorize']}?{query}#wechat_redirect"

    def identify(self, args: dict[str, str]) -> list[VerifiedIdentity]:
        """Who came back; raises Forbidden for staff and for what WeCom does not confirm, Away without an answer."""
        code = args.get("code", "")
        if not code:
            raise Forbidden("WeCom did not confirm who you are; begin again", code="provider_refused")
        try:
            told = self._user(code)
        except ProviderError as error:
            raise refused(error) from None
        if text(told, "userid") or text(told, "UserId"):
            raise Forbidden("a staff account cannot sign in to customers' pages", code="staff")
        external = text(told, "external_userid")
        openid = text(told, "openid") or text(told, "OpenId")
        found = [VerifiedIdentity("external_userid", external)] if external else []
        # The openid of WeCom means something only within the corporation.
        found += [VerifiedIdentity("openid", openid, self.settings["corp_id"])] if openid else []
        if not found:
            raise Away("WeCom does not answer; try again in a moment")
        return found

    def _user(self, code: str) -> dict[str, Any]:
        """The user behind a code; a stale token is renewed once, before the code was looked at."""
        for attempt in (1, 2):
            token = self._access_token(renew=attempt == 2)
            try:
                return self._remote.ask("/cgi-bin/auth/getuserinfo", {"access_token": token, "code": code})
            except ProviderError as error:
                if error.errcode not in STALE_TOKEN or attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def _access_token(self, *, renew: bool) -> str:
        with self._lock:
            if renew or not self._token or self._now() >= self._until:
                told = self._remote.ask(
                    "/cgi-bin/gettoken",
                    {"corpid": self.settings["corp_id"], "corpsecret": self.settings["corp_secret"]},
                )
                seconds = told.get("expires_in", 0)
                self._token = text(told, "access_token")
                if not self._token or type(seconds) is not int:
                    raise Away("WeCom does not answer; try again in a moment")
                self._until = self._now() + seconds * 1_000 - SPARE_MS
            return self._token
