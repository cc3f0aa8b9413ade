"""Official accounts (公众号网页授权): the code that came back is exchanged for openid and, with consent, unionid."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from scrm_core.api import Forbidden, VerifiedIdentity

from .answers import Away, ProviderError, Remote, refused, text


class WeChat:
    """OAuth2 of one official account."""

    def __init__(self, settings: dict[str, Any], remote: Remote) -> None:
        self.settings = settings
        self._remote = remote

    def address(self, return_address: str, state: str) -> str:
        """The authorisation page. WeChat wants the parameters in this order, and the fragment."""
        query = urlencode(
            [
                ("appid", self.settings["appid"]),
                ("redirect_uri", return_address),
                ("response_type", "code"),
                ("scope", self.settings["scope"]),
                ("state", state),
            ]
        )
        return f"{self.settings['authorize']}?{query}#wechat_redirect"

    def identify(self, args: dict[str, str]) -> list[VerifiedIdentity]:
        """Who came back; raises Forbidden when WeChat does not confirm it, Away when it does not answer."""
        code = args.get("code", "")
        if not code:
            raise Forbidden("WeChat did not confirm who you are; begin again", code="provider_refused")
        try:
            told = self._remote.ask(
                "/sns/oauth2/access_token",
                {
                    "appid": self.settings["appid"],
                    "secret": self.settings["secret"],
                    "code": code,
                    "grant_type": "authorization_code",
                },
            )
            openid, unionid = text(told, "openid"), text(told, "unionid")
            if openid and not unionid and self.settings["scope"] == "snsapi_userinfo":
                unionid = self._unionid(text(told, "access_token"), openid)
        except ProviderError as error:
            raise refused(error) from None
        if not openid:
            raise Away("WeChat does not answer; try again in a moment")
        if str(told.get("is_snapshotuser", "")) == "1":
            # 快照页: a virtual account that WeChat lends to who only looks; it is nobody.
            raise Forbidden("open the page fully in WeChat first (使用完整服务), then sign in", code="provider_refused")
        found = [VerifiedIdentity("openid", openid, self.settings["appid"])]
        return [*found, VerifiedIdentity("unionid", unionid)] if unionid else found

    def _unionid(self, token: str, openid: str) -> str:
        """The unionid, which only an account bound to WeChat's open platform has."""
        told = self._remote.ask("/sns/userinfo", {"access_token": token, "openid": openid, "lang": "zh_CN"})
        if text(told, "openid") != openid:
            raise Away("WeChat does not answer; try again in a moment")
        return text(told, "unionid")
